#!/bin/sh
# SPDX-License-Identifier: ISC
# Mail that users leave while the daemon is down, as installed: sendmail is
# set-group-ID, its directory belongs to root, and each file is submitted by a
# process of its owner.
# mounts: an /etc, /var/spool and /run of its own
. tests/lib.sh
plan 13

private_etc alice:906
mkdir "$T/bin" "$T/run" "$T/varspool"
mount --bind "$T/varspool" /var/spool
mount --bind "$T/run" /run
# The leak sanitizer cannot look into a set-group-ID program.
cp "$TOP/smtpd/sendmail" "$T/bin/sendmail"
chgrp _smtpq "$T/bin/sendmail"
chmod 2755 "$T/bin/sendmail"

cat >"$T/smtpd.conf" <<CONF
listen on socket
listen on 127.0.0.1 port $PORT
action "local" maildir
match from any for local action "local"
CONF
SMTPD_CONTROL=/var/run/smtpd.sock
OFFLINE=/var/spool/smtpd.offline

ok "the daemon starts" smtpd_start
ok "and stops" smtpd_stop
is "$(stat -c '%a %U %G' $OFFLINE)" "1730 root _smtpq" "it made the directory for offline mail"

echo "from alice" | as alice env SMTPD_CONTROL=/nowhere "$T/bin/sendmail" alice
is $? 0 "a user's message is kept, and the environment ignored"
is "$(stat -c '%a %U %G' $OFFLINE/*)" "600 alice _smtpq" "in a file of hers"
as alice ls $OFFLINE >"$T/out" 2>&1
ok "users cannot look into the directory" [ $? -ne 0 ]
echo "from root" | "$T/bin/sendmail" alice
is "$(stat -c '%a %U' $OFFLINE/* | sort)" "600 _smtpq
600 alice" "root's message is given to the queue's user"

# What somebody who has broken sendmail could leave there.
echo "secret" >"$T/secret"
printf 'S x@y\nR alice\n\nhard link\n' >"$T/varspool/linked"
chown alice "$T/varspool/linked"
as alice:_smtpq ln -s "$T/secret" $OFFLINE/1.symlink
as alice:_smtpq mkfifo $OFFLINE/2.fifo
ln /var/spool/linked $OFFLINE/3.link
printf 'S x@y\nR alice\n\nas root\n' >$OFFLINE/4.root
alice_mail() { ls "$T"/home/alice/Maildir/new/* 2>/dev/null; }
two_mails() { [ "$(alice_mail | wc -l)" = 2 ]; }

ok "the daemon starts again" smtpd_start
ok "both messages arrive" wait_for "$PATIENCE" two_mails
is "$(alice_mail | xargs sed -n '/^from /p' | sort)" "from alice
from root" "as they were sent"
only_traps() { [ "$(ls $OFFLINE | tr '\n' ' ')" = "1.symlink 2.fifo 3.link 4.root " ]; }
ok "links, pipes and files of root are left alone" wait_for "$PATIENCE" only_traps
is "$(grep -c 'left alone' "$T/log")" 4 "and logged"
ok "the daemon stops in order" smtpd_stop
