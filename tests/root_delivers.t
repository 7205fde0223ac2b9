#!/bin/sh
# SPDX-License-Identifier: ISC
# Several users: a list reaches each member, mail for one whose home is missing
# waits until it is there, and a deliver that hangs or dies is its user's alone.
# mounts: an /etc of its own, with the daemon's users
. tests/lib.sh
plan 19

private_etc alice:906 bob:907 carol:908 dave:909
rmdir "$T/home/dave"
printf 'bob\ncarol@localhost, alice+list\n' >"$T/list"
chmod 644 "$T/list"
smtpd_conf <<CONF
listen on 127.0.0.1 port $PORT
table aliases { everyone = "alice, alice+one, alice+two@localhost, list, bob", \
    list = ":include:$T/list" }
action "local" maildir alias <aliases>
match from any for local action "local"
CONF
ok "the daemon starts" smtpd_start

mails() { ls "$T/home/$1/Maildir/new" 2>/dev/null | wc -l; }
has_mails() { [ "$(mails "$1")" -eq "$2" ]; }
to() { cat "$T/home/$1"/Maildir/new/* | sed -n 's/^Delivered-To: \(.*\)@.*/\1/p' | sort | tr '\n' ' '; }

# -- a list -------------------------------------------------------------------

printf 'Subject: to all\n\nhello\n' | "$SENDMAIL" everyone
is $? 0 "a message to a list is accepted"
ok "and delivered" wait_for "$PATIENCE" queue_empty
is "$(to alice)" "alice+two everyone " "once to each address of a user"
is "$(to bob)" "everyone " "once to one who is named twice"
is "$(to carol)" "carol " "and to whom a file names"
is "$(stat -c '%U %a' "$T"/home/*/Maildir/new/* | sort | tr '\n' ' ')" \
    "alice 600 alice 600 bob 600 carol 600 " "each in files of its own"

# -- a home that is missing -----------------------------------------------------

deferred() { "$SMTPCTL" show queue | grep -q '|deferred|.*|dave|'; }
echo "early" | "$SENDMAIL" dave bob
is $? 0 "mail for one without a home is accepted"
ok "it waits" wait_for "$PATIENCE" deferred
ok "another recipient of it does not" has_mails bob 2
ok "no home is made" test ! -e "$T/home/dave"
mkdir "$T/home/dave"
chown dave "$T/home/dave"
ok "when the home is there it is delivered" wait_for $((PATIENCE + 10)) queue_empty
is "$(sed '1,/^$/d' "$T"/home/dave/Maildir/new/*)" early "whole, and once"

# -- a deliver that hangs -------------------------------------------------------

echo x | "$SENDMAIL" alice
wait_for "$PATIENCE" queue_empty
deliver=$(child deliver alice)
kill -STOP "$deliver"
three() { for i in 1 2 3; do echo "$i" | "$SENDMAIL" alice bob || return; done; }
ok "mail is accepted while alice's deliver hangs" three
ok "bob's is delivered" wait_for "$PATIENCE" has_mails bob 5
ok "alice's is not" has_mails alice 3
kill -9 "$deliver"
ok "when it is dead another delivers" wait_for "$PATIENCE" queue_empty
is "$(mails alice) $(mails bob)" "6 5" "each message once"
ok "the daemon stops in order" smtpd_stop
