#!/bin/sh
# SPDX-License-Identifier: ISC
# Kills processes of the daemon at random moments under load: every message
# that was answered with 250 is in the maildir at the end.
# KILLS=N sets how many (make kill: 500); SEED=N repeats a run.
. tests/lib.sh
plan 5

KILLS=${KILLS:-12}
SEED=${SEED:-$$}
note "KILLS=$KILLS SEED=$SEED"
LOAD=$TOP/tests/bench/smtp_load
[ -x "$LOAD" ] || { fail "tests/bench/smtp_load is built"; exit 1; }

smtpd_conf <<E2
smtp limit max-mails 1000000
listen on 127.0.0.1 port $PORT
action "local" maildir "$T/Maildir"
match from any for any action "local"
E2
ok "the daemon starts" smtpd_start

load_pid=
i=0
while [ $i -lt "$KILLS" ]; do
	if [ -z "$load_pid" ] || ! kill -0 "$load_pid" 2>/dev/null; then
		"$LOAD" -a "$T/ids" -c 8 -n 2000 -s 2000 -t "$USER_NAME@localhost" \
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
ok "the queue runs empty" wait_for $((PATIENCE * 8)) queue_empty

sed 's/^\(........\).*/\1/' "$T/ids" | sort -u >"$T/accepted"
ls "$T/Maildir/new" | sed 's/^[0-9]*\.\([0-9a-f]\{8\}\).*/\1/' | sort >"$T/delivered"
lost=$(comm -23 "$T/accepted" "$T/delivered" | wc -l)
twice=$(uniq -d "$T/delivered" | wc -l)
note "accepted $(wc -l <"$T/accepted"), delivered $(wc -l <"$T/delivered"), twice $twice"
ok "messages were accepted" test -s "$T/accepted"
is "$lost" 0 "no accepted message is lost"
[ "$lost" = 0 ] || { comm -23 "$T/accepted" "$T/delivered" | sed 5q | notes; tail -30 "$T/log" | notes; }
