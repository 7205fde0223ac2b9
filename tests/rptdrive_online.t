#!/bin/sh
# SPDX-License-Identifier: ISC
# What rptdrive(1) has a filter decide of a recorded stream is what the filter
# decides in the daemon when the same clients come again: for every recorded
# stream and every kind of decision, and, recorded there, once more the same.
. tests/lib.sh

SAMPLES=$TOP/tests/data

# The decisions, a number each; about recipients only of one name, as a client
# of whose recipients none is left goes on in a way that no recording tells.
cat >"$T/decisions" <<'END'
rcpt-to=reject|550 no
mail-from=reject|451 a|b
mail-from=disconnect|550 go away punk
ehlo=rewrite|new.example
commit=reject|550 spam
data=reject|421 later
connect=reject|550 no
mail-from=rewrite|<new@new.example>
rcpt-to=rewrite|nonsense
rcpt-to=junk
quit=reject|550 stay
rset=reject|450 no
noop=report|a|b
starttls=reject|454 no
END
plan $(($(wc -l <"$T/decisions") * 2 + 2))

cat >"$T/filter" <<'END'
while IFS= read -r line; do
	[ "$line" = "config|ready" ] && break
done
for p in connect helo ehlo starttls auth mail-from rcpt-to data data-line commit rset quit noop help; do
	echo "register|filter|smtp-in|$p"
done
echo "register|ready"
while IFS='|' read -r kind version time subsystem phase session token line; do
	case $phase in
	data-line)	printf '%s\n' "filter-dataline|$session|$token|$line" && continue ;;
	rcpt-to)	case $line in nobody@*) ;; *) phase= ;; esac ;;
	esac
	[ "$phase" = "${1%%=*}" ] && decision=${1#*=} || decision=proceed
	echo "filter-result|$session|$token|$decision"
done
END

{
	echo "table users { \"@\" = $USER_NAME }"
	echo "action \"local\" maildir \"$T/Maildir\" virtual <users>"
	echo 'match from any for any action "local"'
	echo "proc keep \"cat >>'$T/stream'\" protocol \"0.7\""
	echo 'report smtp-in on keep'
	echo "listen on 127.0.0.1 port $PORT hostname here.example"
	n=0
	while IFS= read -r decision; do
		n=$((n + 1))
		free_port >"$T/port.$n"
		printf '%s' "$decision" >"$T/decision.$n"
		echo "filter \"f$n\" proc-exec \"sh '$T/filter' \\\"\`cat '$T/decision.$n'\`\\\"\""
		echo "listen on 127.0.0.1 port $(cat "$T/port.$n") hostname here.example filter \"f$n\""
	done <"$T/decisions"
} >"$T/lines"
smtpd_conf <"$T/lines"
ok "the daemon starts" smtpd_start

# play PORT FROM TO: what the daemon reports of the sessions when they come again.
all_there()
{
	awk -F '|' '$5 == "link-connect" { open++ } $5 == "link-disconnect" { open-- }
	    END { exit open > 0 }' "$T/stream"
}
play()
{
	: >"$T/stream"
	timeout 100 rptreplay -Q -h "127.0.0.1:$1" <"$2" >/dev/null 2>&1
	wait_for 5 all_there || note "not all sessions ended" >&2
	cp "$T/stream" "$3"
}
# decisions SESSIONS DECISIONS: sessions numbered in their order, but those in ./closed, which
# the daemon closed because of their errors.
decisions()
{
	awk -F '|' 'f == 1 { closed[$1] = 1; next }
	    f == 2 && $4 == "smtp-in" && $5 == "link-connect" && !($6 in n) { n[$6] = ++last }
	    f == 3 && $5 == "filter-response" && !(n[$6] in closed) { print n[$6] "|" $0 }' \
	    f=1 "$T/closed" f=2 "$1" f=3 "$2" |
	    cut -d '|' -f 1,6,8- | sort -s -n
}
closed()
{
	awk -F '|' '$4 == "smtp-in" && $5 == "link-connect" && !($6 in n) { n[$6] = ++last }
	    $5 == "protocol-server" && $7 ~ /^421 4.7.0 Too many errors/ { print n[$6] }' "$1"
}

for f in "$SAMPLES"/*.log; do
	play "$PORT" "$f" "$T/part"
	cat "$T/part"
done >"$T/recorded"
# Bytes that were escaped in the recording cannot come again.
awk -F '|' 'NR == FNR { if ($5 == "protocol-client" && /\\[0-7][0-7][0-7]/) odd[$6] = 1; next }
    !($6 in odd)' "$T/recorded" "$T/recorded" >"$T/sessions"

i=0
while [ $i -lt "$n" ]; do
	i=$((i + 1))
	what=$(cat "$T/decision.$i")
	play "$(cat "$T/port.$i")" "$T/sessions" "$T/online"
	timeout 60 rptdrive "sh '$T/filter' '$what'" <"$T/sessions" >"$T/out" 2>"$T/err"
	notes "$T/err"
	closed "$T/online" >"$T/closed"
	decisions "$T/online" "$T/online" >"$T/want"
	decisions "$T/sessions" "$T/out" >"$T/got"
	same "$T/got" "$T/want" "$what: decided as in the daemon ($(wc -l <"$T/want") decisions)"
	timeout 60 rptdrive "sh '$T/filter' '$what'" <"$T/online" >"$T/out" 2>"$T/err"
	notes "$T/err"
	grep -av '|filter-response|' "$T/online" >"$T/bare"
	decisions "$T/bare" "$T/out" >"$T/got"
	same "$T/got" "$T/want" "$what: and so again where it was recorded"
done
ok "the daemon stops" smtpd_stop
