#!/bin/sh
# SPDX-License-Identifier: ISC
# What becomes of each envelope, in the stream: delivered, deferred, failed,
# expired, removed; never before the tx-commit of its message.  A queue or a
# relay that is killed is replaced, a relay with its queue.
. tests/lib.sh
plan 27

LOAD=$TOP/tests/bench/smtp_load
cat >"$T/later" <<'SH'
#!/bin/sh
cat >/dev/null
echo "come back later" >&2
exit 75
SH
cat >"$T/never" <<'SH'
#!/bin/sh
cat >/dev/null
echo "no | thanks" >&2
exit 67
SH
chmod 755 "$T/later" "$T/never"
smtpd_conf <<CONF
smtp limit max-mails 1000000
listen on 127.0.0.1 port $PORT
proc "all" "exec cat >>'$T/stream'"
report smtp-in on "all"
report queue on "all"
report stats on "all" every 1s
action "later" mda "$T/later"
action "short" mda "$T/later" ttl 1s
action "never" mda "$T/never"
action "local" maildir "$T/Maildir"
match from any for domain "later.example" action "later"
match from any for domain "short.example" action "short"
match from any for domain "never.example" action "never"
match from any for any action "local"
CONF
ok "the daemon starts" smtpd_start

send() { printf 'Subject: x\n\n' | "$SENDMAIL" -f sender@example.org "$USER_NAME@$1"; }
# event NAME DOMAIN: the fields from transport on of the last one for that domain.
event() { grep "|queue|$1|" "$T/stream" 2>/dev/null | grep "|<$USER_NAME@$2>|" | tail -n 1 | cut -d'|' -f9-; }
has_event() { [ -n "$(event "$1" "$2")" ]; }
evpid_of() { "$SMTPCTL" show queue | awk -F'|' -v d="$USER_NAME@$1" '$6 == d { print $1 }'; }

send localhost
ok "envelope-delivered" wait_for "$PATIENCE" has_event envelope-delivered localhost
is "$(event envelope-delivered localhost | cut -d'|' -f1,2,4,5,6)" \
    "maildir|1||<$USER_NAME@localhost>|" "its transport, attempts, dest, recipient and reply"

send later.example
ok "envelope-deferred" wait_for "$PATIENCE" has_event envelope-deferred later.example
is "$(event envelope-deferred later.example | cut -d'|' -f1,2)" "mda|1" "its transport and attempts"
next=$(event envelope-deferred later.example | cut -d'|' -f4)
ok "the next try is 10 to 11 seconds off" \
    test "$((${next%.*} - $(date +%s)))" -ge 7 -a "$((${next%.*} - $(date +%s)))" -le 11
ok "with what the command said" \
    sh -c 'printf "%s\n" "$1" | grep -q "come back later"' - "$(event envelope-deferred later.example)"
"$SMTPCTL" remove "$(evpid_of later.example)" >/dev/null
ok "envelope-removed" wait_for "$PATIENCE" has_event envelope-removed later.example
is "$(event envelope-removed later.example | cut -d'|' -f1,2)" "mda|1" "its transport and attempts"

send never.example
ok "envelope-failed" wait_for "$PATIENCE" has_event envelope-failed never.example
ok "its reply is last, and whole" \
    sh -c 'printf "%s\n" "$1" | grep -q "no | thanks$"' - "$(event envelope-failed never.example)"

send short.example
ok "deferred first" wait_for "$PATIENCE" has_event envelope-deferred short.example
sleep 2
"$SMTPCTL" schedule all >/dev/null
ok "envelope-expired" wait_for "$PATIENCE" has_event envelope-expired short.example
is "$(event envelope-expired short.example | cut -d'|' -f2)" 2 "after its second attempt"
ok "nothing is left" queue_empty

ok "much mail at once" sh -c '"$0" -c 8 -n 500 -t "$1@localhost" "$2" >/dev/null' "$LOAD" "$USER_NAME" "$PORT"
all_told() { [ "$(grep -c '|envelope-delivered|' "$T/stream")" -ge 501 ]; }
ok "each has its event" wait_for "$PATIENCE" all_told
is "$(awk -F'|' '$5 == "tx-commit" { there[$7] = 1 }
	$4 == "queue" && !($7 in there) { print }' "$T/stream" | wc -l | tr -d ' ')" 0 \
    "none stands before the tx-commit of its message"
is "$(awk -F'|' '$5 == "envelope-delivered" { n[$8]++ } END { for (e in n) if (n[e] > 1) print e }' \
    "$T/stream")" "" "none is told twice"

stat_line() { grep -q "|stats|$1|0000000000000000|$2\$" "$T/stream"; }
ok "gauges of the queue" wait_for "$PATIENCE" stat_line gauge 'queue.envelopes|0'
ok "and counters" wait_for "$PATIENCE" stat_line counter 'queue.delivered|501'
ok "of every fate" stat_line counter 'queue.expired|1'

# -- deaths -------------------------------------------------------------------

queue=$(child queue) relay=$(child relay)
another_relay() { r=$(child relay); [ -n "$r" ] && [ "$r" != "$relay" ]; }
another_queue() { q=$(child queue); [ -n "$q" ] && [ "$q" != "$queue" ]; }
kill -9 "$relay"
ok "a relay that dies is replaced" wait_for "$PATIENCE" another_relay
is "$(child queue)" "$queue" "and the queue goes on"
relay=$(child relay)
kill -9 "$queue"
ok "a queue that dies is replaced" wait_for "$PATIENCE" another_queue
ok "and with it its relay" wait_for "$PATIENCE" another_relay
before=$(grep -c '|envelope-delivered|' "$T/stream")
more_told() { [ "$(grep -c '|envelope-delivered|' "$T/stream")" -gt "$before" ]; }
delivers_again() { send localhost && more_told; }
ok "mail goes on" wait_for "$PATIENCE" delivers_again
