#!/bin/sh
# SPDX-License-Identifier: ISC
# A list of many addresses of one user, and a deliver that hangs and is killed
# with a batch in its hands: clients have their 250, each message arrives once.
. tests/lib.sh
plan 19

LOAD=$TOP/tests/bench/smtp_load
mkdir "$T/mail"
list=$(seq 1 40 | sed "s/.*/$USER_NAME+&@localhost/" | paste -sd , -)
smtpd_conf <<CONF
smtp limit max-mails 1000000
listen on 127.0.0.1 port $PORT
table aliases { list = "$list, $USER_NAME, again", again = "$USER_NAME, $USER_NAME+7@localhost" }
action "local" maildir "$T/mail/%{dest.user}" alias <aliases>
match from any for local action "local"
CONF
ok "the daemon starts" smtpd_start

# What is in a maildir, by the ids of the messages.
mails() { ls "$T/mail/$1/new" | sed 's/^[0-9]*\.\([0-9a-f]\{8\}\).*/\1/' | sort; }

# -- a list -----------------------------------------------------------------

printf 'Subject: to all\n\nhello\n' | "$SENDMAIL" list
is $? 0 "a message to a list is accepted"
ok "and delivered" wait_for "$PATIENCE" queue_empty
is "$(cat "$T"/mail/*/new/* | sed -n 's/^Delivered-To: \(.*\)@.*/\1/p' | sort)" \
    "$({ echo list; seq 1 40 | sed "s/^/$USER_NAME+/"; } | sort)" \
    "once to each address, however often it is named"
is "$(cat "$T"/mail/*/new/* | grep -c '^hello$')" 41 "and whole"

# -- a deliver that dies ------------------------------------------------------

# load USER N: so many messages, on several connections.
load()
{
	: >"$T/ids"
	"$LOAD" -a "$T/ids" -c 4 -n "$2" -s 2000 -t "$1@localhost" "$PORT" >"$T/load" 2>&1
}
accepted() { sed 's/^\(........\).*/\1/' "$T/ids" | sort; }

deliver=$(child deliver)
kill -STOP "$deliver"
ok "clients are served while the deliver hangs" load "$USER_NAME+hangs" 80
is "$(accepted | wc -l)" 80 "each has its 250"
ok "it holds as much as it may" wait_for "$PATIENCE" stat_is running = 64
kill -9 "$deliver"
ok "when it is dead another delivers" wait_for "$PATIENCE" queue_empty
is "$(mails "$USER_NAME+hangs")" "$(accepted)" "each message once"
ok "the log says what was lost" grep -q "deliver of $USER_NAME died with 64 jobs" "$T/log"

# Between the link and its answer a message is there and is tried again.
has_deliver() { [ -n "$(child deliver)" ] && stat_is running -gt 0; }
load "$USER_NAME+dies" 3000 &
load=$!
kills=0
while [ $kills -lt 5 ] && wait_for 5 has_deliver; do
	kill -9 "$(child deliver)" && kills=$((kills + 1))
done
ok "a deliver is killed at work" test $kills -gt 0
note "$kills times"
ok "clients do not notice" wait $load
ok "all is delivered" wait_for $((PATIENCE * 4)) queue_empty
is "$(mails "$USER_NAME+dies" | uniq -c | awk '$1 != 1' | wc -l)" 0 "nothing twice"
mails "$USER_NAME+dies" >"$T/got"
accepted >"$T/expected"
same "$T/got" "$T/expected" "nothing is missing"
is "$(wc -l <"$T/got")" 3000 "so many as were sent"
is "$(ls "$T"/mail/*/tmp | grep -c '^[0-9]')" 0 "and nothing is left in tmp"
ok "the daemon stops in order" smtpd_stop
