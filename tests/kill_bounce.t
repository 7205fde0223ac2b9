#!/bin/sh
# SPDX-License-Identifier: ISC
# Kills processes of the daemon at random moments while mail fails for good:
# of every message that was answered with 250 its sender is told at the end.
# KILLS=N sets how many; SEED=N repeats a run.
. tests/lib.sh
plan 6

KILLS=${KILLS:-8}
SEED=${SEED:-$$}
note "KILLS=$KILLS SEED=$SEED"

smtpd_conf <<CONF
smtp limit max-mails 1000000
listen on 127.0.0.1 port $PORT
action "local" maildir "$T/Maildir"
action "never" mda "exit 64"
match from any for domain "never.test" action "never"
match from any for domain "example.org" action "local"
CONF
ok "the daemon starts" smtpd_start

# Each message has an ENVID, which is printed when it is accepted.  In the background, as it becomes that program.
load()
{
	exec python3 - "$PORT" "$USER_NAME" >>"$T/ids" 2>>"$T/load" <<-'PY'
	import smtplib, sys, time
	port, user = int(sys.argv[1]), sys.argv[2]
	start, i = time.time_ns(), 0
	while time.time_ns() - start < 60e9:
	    try:
	        s = smtplib.SMTP("127.0.0.1", port, local_hostname="client.test", timeout=20)
	        s.ehlo()
	        while True:
	            i += 1
	            envid = "%d.%d" % (start, i)
	            s.mail(user + "@example.org", ["ENVID=" + envid])
	            s.rcpt("%s+%s@never.test" % (user, envid))
	            if s.data(b"Subject: x\r\n\r\nx\r\n")[0] == 250:
	                print(envid, flush=True)
	            time.sleep(0.02)
	    except (OSError, smtplib.SMTPException):
	        time.sleep(0.1)
	PY
}

load &
load_pid=$!
i=0
while [ $i -lt "$KILLS" ]; do
	random_sleep 9
	kill_one || break
	i=$((i + 1))
done
is "$i" "$KILLS" "$KILLS processes were killed and the daemon came back"
kill "$load_pid" 2>/dev/null
wait "$load_pid" 2>/dev/null

smtpd_stop || note "forced to stop"
smtpd_start
# What a kill has put off is tried soon.
empty()
{
	"$SMTPCTL" schedule all
	queue_empty
}
ok "the queue runs empty" wait_for $((PATIENCE * 4)) empty

sort "$T/ids" >"$T/accepted"
cat "$T"/Maildir/new/* | sed -n 's/^Original-Envelope-Id: //p' | sort >"$T/told"
note "accepted $(wc -l <"$T/accepted"), told $(wc -l <"$T/told"), twice $(uniq -d "$T/told" | wc -l)"
ok "messages were accepted" test -s "$T/accepted"
lost=$(comm -23 "$T/accepted" "$T/told")
is "$lost" "" "every sender is told"
for id in $lost; do grep -F "$id" "$T/log" | notes; done
ok "the daemon stops" smtpd_stop
