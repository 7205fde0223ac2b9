#!/bin/sh
# SPDX-License-Identifier: ISC
# Mail that goes out to a scripted server: each step with each class of failure
# has the right fate, the next host is tried, and who kills relay at work loses
# nothing.
. tests/lib.sh
plan 39

LOAD=$TOP/tests/bench/smtp_load
for name in SERVER B0 B1 B2 B3 B4 B5; do
	eval "$name=$(free_port)"
done
mkdir "$T/taken"

smtpd_conf <<CONF
smtp limit max-mails 1000000
proc reporter "exec cat >>$T/stream" protocol "0.7"
report queue on reporter
report smtp-out on reporter
listen on 127.0.0.1 port $PORT
action out relay host "smtp://127.0.0.1:$SERVER"
$(for b in B0 B1 B2 B3 B4 B5; do
	eval "port=\$$b"
	echo "action $b relay host \"smtp://127.0.0.1:$port\""
	echo "match from local for domain $b.example action $b"
done)
match from any for any action out
CONF
server_start()	# PORT STEP=ACTION...
{
	server_port=$1; shift
	python3 "$TOP/tests/smtp/server" "$server_port" "$T/taken" "$@" >>"$T/server.log" 2>&1 &
	wait_for "$PATIENCE" port_open "$server_port"
}

ok "the server starts" server_start "$SERVER"
ok "the daemon starts" smtpd_start

# -- each step ----------------------------------------------------------------

# What the queue says of a recipient: delivered, deferred or failed, and the reply.
fate()
{
	sed -n "s/^[^|]*|[^|]*|[^|]*|queue|envelope-\([a-z]*\)|.*|$1|\(.*\)\$/\1 \2/p" \
	    "$T/stream" | head -n 1
}
# like GOT PATTERN DESCRIPTION
like()
{
	case $1 in
	$2)	pass "$3" ;;
	*)	is "$1" "$2" "$3" ;;
	esac
}
has_fate() { [ -n "$(fate "$1")" ]; }

# SENDER EXPECTED: the fate of a message of that sender.
n=0
while read -r sender expected; do
	n=$((n + 1))
	printf 'Subject: %s\n\nhello\n' "$sender" |
	    "$SENDMAIL" -f "$sender@example.com" "r$n@example.org"
	wait_for "$PATIENCE" has_fate "r$n@example.org"
	like "$(fate "r$n@example.org")" "$expected" "$sender"
done <<'ROWS'
fine delivered 250 2.0.0 taken
mail-450 deferred 450 told so
mail-550 failed 550 told so
mail-421 deferred 421 told so
mail-close deferred envelope: connection closed
mail-reset deferred envelope: Connection reset by peer
mail-drip delivered 250 2.0.0 taken
rcpt-450 deferred 450 told so
rcpt-550 failed 550 told so
rcpt-421 deferred 421 told so
rcpt-close deferred envelope: connection closed
rcpt-drip delivered 250 2.0.0 taken
data-451 deferred 451 told so
data-554 failed 554 told so
data-421 deferred 421 told so
data-close deferred envelope: connection closed
content-close deferred end of data: *
dot-451 deferred 451 told so
dot-554 failed 554 told so
dot-421 deferred 421 told so
dot-close deferred end of data: connection closed
dot-drip delivered 250 2.0.0 taken
rset-500 delivered 250 2.0.0 taken
ROWS
is "$(grep -l '^from .*-drip@' "$T"/taken/* | wc -l)" 3 "what was accepted arrived"

# -- before there is a connection ----------------------------------------------

while read -r domain step expected; do
	eval "port=\$$domain"
	server_start "$port" "$step"
	printf 'Subject: x\n\nhello\n' | "$SENDMAIL" -f a@example.com "r@$domain.example"
	wait_for "$PATIENCE" has_fate "r@$domain.example"
	like "$(fate "r@$domain.example")" "$expected" "$step"
done <<'ROWS'
B1 banner=450 deferred 450 told so
B2 banner=554 failed 554 told so
B3 banner=close deferred banner: connection closed
B4 ehlo=421 deferred 421 told so
B5 connect=reset deferred *: Connection reset by peer
ROWS
printf 'Subject: x\n\nhello\n' | "$SENDMAIL" -f a@example.com r@B0.example
wait_for "$PATIENCE" has_fate r@B0.example
is "$(fate r@B0.example)" "deferred connect: Connection refused" "nobody listens"
is "$(grep -c "|link-failed|.*|127.0.0.1:$B0|Connection refused" "$T/stream")" 1 \
    "which is an event of its own"

# -- relay dies -----------------------------------------------------------------

"$SMTPCTL" remove all >/dev/null
rm -f "$T"/taken/*
: >"$T/ids"
"$LOAD" -a "$T/ids" -c 4 -n 2000 -s 2000 "$PORT" >"$T/load" 2>&1 &
load=$!
kills=0
while [ $kills -lt 5 ] && wait_for 5 stat_is relay.running -gt 0; do
	kill -9 "$(child relay)" && kills=$((kills + 1))
	sleep 0.1
done
ok "relay is killed at work" test $kills -gt 0
ok "clients do not notice" wait $load
goes_out() { "$SMTPCTL" schedule all >/dev/null; queue_empty; }
ok "all goes out" wait_for $((PATIENCE * 4)) goes_out
cat "$T"/taken/* | sed -n 's/^.* id \([0-9a-f]\{8\}\).*/\1/p' | sort >"$T/got"
sed 's/^\(........\).*/\1/' "$T/ids" | sort >"$T/expected"
uniq "$T/got" >"$T/once"
same "$T/once" "$T/expected" "nothing is missing"
twice=$(($(wc -l <"$T/got") - $(wc -l <"$T/once")))
note "$kills kills, $twice of 2000 messages twice"
ok "at most what was on its way is there twice" test $twice -le $((kills * 10))
ok "the daemon stops in order" smtpd_stop
