#!/bin/sh
# SPDX-License-Identifier: ISC
# Kills processes of a relaying daemon at random moments under load: every
# message that was answered with 250 reaches the next server, and arrives twice
# only if the reply to its end of data was under way (RFC 1047) when a process
# died.  KILLS=N sets how many; SEED=N repeats a run.
. tests/lib.sh
plan 6

KILLS=${KILLS:-12}
SEED=${SEED:-$$}
note "KILLS=$KILLS SEED=$SEED"
LOAD=$TOP/tests/bench/smtp_load
[ -x "$LOAD" ] || { fail "tests/bench/smtp_load is built"; exit 1; }

# The next server: a daemon that nobody kills.
next_port=$PORT
smtpd_conf <<CONF
smtp limit max-mails 1000000
listen on 127.0.0.1 port $PORT hostname next.test
action "local" maildir "$T/Maildir"
match from any for any action "local"
CONF
ok "the next server starts" smtpd_start
next_pid=$smtpd_pid
next_control=$CONTROL
smtpd_pid=
trap 'kill "$next_pid" 2>/dev/null; cleanup' EXIT
TOP_T=$T
T=$T/relaying
CONTROL=$T/control
PORT=$(free_port)
mkdir "$T"
smtpd_conf <<CONF
smtp limit max-mails 1000000
listen on 127.0.0.1 port $PORT hostname relaying.test
action "out" relay host "smtp://127.0.0.1:$next_port"
match from any for any action "out"
CONF
ok "the daemon starts" smtpd_start

load_pid=
i=0
while [ $i -lt "$KILLS" ]; do
	if [ -z "$load_pid" ] || ! kill -0 "$load_pid" 2>/dev/null; then
		"$LOAD" -a "$T/ids" -c 8 -n 2000 -s 2000 -t "$USER_NAME@next.test" \
		    "$PORT" >>"$T/load" 2>&1 &
		load_pid=$!
	fi
	# The first one meets a daemon at work.
	[ $i -gt 0 ] || wait_for "$PATIENCE" test -s "$T/ids"
	random_sleep 4
	kill_one || break
	i=$((i + 1))
done
is "$i" "$KILLS" "$KILLS processes were killed and the daemon came back"
kill "$load_pid" 2>/dev/null
wait "$load_pid" 2>/dev/null

smtpd_stop || note "forced to stop"
smtpd_start
emptied() { "$SMTPCTL" schedule all >/dev/null; sleep 1; queue_empty; }
wait_for $((PATIENCE * 8)) emptied || note "the relaying queue does not run empty"
SMTPD_CONTROL=$next_control
wait_for "$PATIENCE" queue_empty || note "the next server's queue does not run empty"

# A message names the one that relayed it, and its id there, in its second trace.
sed 's/^\(........\).*/\1/' "$T/ids" | sort -u >"$T/accepted"
find "$TOP_T/Maildir/new" -type f -exec sed -n '/by relaying\.test/{s/.* id \([0-9a-f]*\).*/\1/p;q;}' {} \; |
    sort >"$T/delivered"
lost=$(comm -23 "$T/accepted" "$T/delivered" | wc -l)
uniq -d "$T/delivered" >"$T/twice"
twice=$(wc -l <"$T/twice")
note "accepted $(wc -l <"$T/accepted"), delivered $(wc -l <"$T/delivered"), twice $twice"
ok "messages were accepted" test -s "$T/accepted"
is "$lost" 0 "no accepted message is lost"
[ "$lost" = 0 ] || { comm -23 "$T/accepted" "$T/delivered" | sed 5q | notes; tail -30 "$T/log" | notes; }
# No more than one for each connection that could be cut.
ok "no more arrive twice than were under way" test "$twice" -le $((10 * KILLS))
