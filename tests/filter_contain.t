#!/bin/sh
# SPDX-License-Identifier: ISC
# What a filter does wrong costs a 451, never the daemon and never a message that
# is not filtered: tests/filters/contain/*.case.  Each has a listener, and a filter
# (tests/filters/scripted) that does what FILTER says and puts a line into every
# message.  The session CHAT is played (tests/chat), then another one, AGAIN, or a
# message is sent; then the log has a line of the filter with each LOG and none
# with NOLOG, and the stream has STREAM.  CASES="NAME ..." are played alone.
. tests/lib.sh
command -v python3 >/dev/null || skip_all "no python3"

# The daemon lets nobody in before all are ready, but waits for none longer than 30 s.
PATIENCE=$((PATIENCE + 40))
export PATIENCE

cases=${CASES:-$(cd tests/filters/contain && ls | sed 's/\.case$//')}
plan $(($(echo "$cases" | wc -w) + 7))
AT_ONCE=${AT_ONCE:-8}

# A conversation's short words.
words()
{
	sed '
	s/^@451$/S: 451 4.3.0 Temporary failure, try again later/
	s/^@421$/S: 421 4.3.0 Temporary failure, closing connection/
	s/^@ACCEPTED$/S~ 250 2\\.0\\.0 [0-9a-f]{8} Message accepted for delivery/
	/^@SEND$/ {
		s/.*/@MAIL\
@RCPT\
@DATA\
@BODY\
@ACCEPTED/
	}' | sed '
	s/^@ACCEPTED$/S~ 250 2\\.0\\.0 [0-9a-f]{8} Message accepted for delivery/
	/^@HELLO$/ { s/.*/S: 220 here.example ESMTP OpenSMTPD\
C: HELO client.example\
S~ 250 .*/; }
	/^@MAIL$/ { s/.*/C: MAIL FROM:<sender@client.example>\
S: 250 2.0.0 Ok/; }
	/^@RCPT$/ { s/.*/C: RCPT TO:<u@here.example>\
S: 250 2.1.5 Destination address valid: Recipient ok/; }
	/^@DATA$/ { s/.*/C: DATA\
S: 354 Enter mail, end with "." on a line by itself/; }
	/^@BODY$/ { s/.*/D: Subject: hello\
D:\
D: text\
C: ./; }
	/^@QUIT$/ { s/.*/C: QUIT\
S: 221 2.0.0 Bye\
EOF/; }'
}

# part CASE NAME: the lines of a case below that word.
part() { awk -v name="$2" '/^[A-Z]+$/ { inside = $0 == name; next } inside' "tests/filters/contain/$1.case"; }
# said CASE NAME: what stands beside that word.
said() { sed -n "s/^$2 //p" "tests/filters/contain/$1.case"; }

conf()
{
	cat <<-CONF
	listen on 127.0.0.1 port $PORT hostname here.example
	smtp max-message-size 2M
	proc keep "cat >>'$T/stream'" protocol "0.7"
	report smtp-in on keep
	table users { u = $USER_NAME, bypassed = $USER_NAME }
	action "local" maildir "$T/Maildir" alias <users>
	action "bypassed" maildir "$T/Bypassed" alias <users>
	match from any for rcpt-to "bypassed@here.example" action "bypassed"
	match from any for domain "here.example" action "local"
	CONF
	for c in $cases; do
		port=$(cat "$T/$c.port") options=$(said "$c" OPTIONS)
		case $options in
		*buffer*) ;;
		*) options="$options buffer 8M" ;;
		esac
		echo "filter \"$c\" proc-exec \"exec '$TOP/tests/filters/scripted' '$T/$c.filter'\" $options"
		echo "listen on 127.0.0.1 port $port hostname here.example filter \"$c\""
	done
}

for c in $cases; do
	while port=$(free_port) && grep -qx "$port" "$T"/*.port 2>/dev/null; do :; done
	echo "$port" >"$T/$c.port"
	{
		part "$c" FILTER | sed "s,FILE,$T/$c.once,"
		echo "register all"
		printf 'on data-line ~^Subject:\n\techo\n\tline X-Filtered: yes\n'
	} >"$T/$c.filter"
	part "$c" CHAT | words >"$T/$c.chat"
	part "$c" AGAIN | words >"$T/$c.again"
	[ -s "$T/$c.again" ] || printf '@HELLO\n@SEND\n@QUIT\n' | words >"$T/$c.again"
done
conf >"$T/conf"
smtpd_conf <"$T/conf"
ok "the daemon starts" smtpd_start
[ $tests_failed -eq 0 ] || exit 1
named() { [ -n "$(child smtp)" ]; }
wait_for "$PATIENCE" named
before=$(child smtp)

chat() { perl tests/chat -l plain="127.0.0.1:$(cat "$T/$1.port")" "$T/$2" >"$T/$1.out" 2>&1; }
has() { [ -z "$(said "$1" "$2")" ] || said "$1" "$2" | while read -r regex; do
	grep -Eq -- "$regex" "$3" || { echo "no line $regex" >>"$T/$1.out"; exit 1; }
    done; }
log_of() { grep -F "$1" "$T/log" >"$T/$1.log"; has "$1" LOG "$T/$1.log"; }
streamed() { has "$1" STREAM "$T/stream"; }

# play CASE: its sessions, then what is said of it.
play()
{
	chat "$1" "$1.chat" || return
	cp "$T/$1.out" "$T/$1.first"
	wait_for "$PATIENCE" chat "$1" "$1.again" || return
	cat "$T/$1.first" >>"$T/$1.out"
	wait_for 5 log_of "$1" && wait_for 5 streamed "$1" || return
	for no in $(said "$1" NOLOG); do
		! grep -q "$no" "$T/$1.log" || { echo "the log has $no" >>"$T/$1.out"; return 1; }
	done
}

set --
for c in $cases; do
	set -- "$@" "$c"
done
while [ $# -gt 0 ]; do
	batch= n=0
	while [ $# -gt 0 ] && [ $n -lt "$AT_ONCE" ]; do
		batch="$batch $1" n=$((n + 1))
		(play "$1"; echo $? >"$T/$1.status") &
		eval "player_$n=$!"
		shift
	done
	while [ $n -gt 0 ]; do
		eval "wait \$player_$n"
		n=$((n - 1))
	done
	for c in $batch; do
		what=$(sed -n 's/^# //p' "tests/filters/contain/$c.case" | sed q)
		if [ "$(cat "$T/$c.status")" = 0 ]; then
			pass "$c: $what"
		else
			fail "$c: $what"
			notes "$T/$c.out"
			sed 's/^/log: /' "$T/$c.log" 2>/dev/null | cut -c 1-300 | sed 20q | notes
		fi
	done
done

is "$(child smtp)" "$before" "the process is the same as before"
accepted=$(cat "$T"/*.out | grep -c '^accepted')
ok "the queue is empty" wait_for "$PATIENCE" queue_empty
is "$(ls "$T"/Maildir/new "$T"/Bypassed/new 2>/dev/null | grep -c '^[0-9]')" "$accepted" "all that was accepted is delivered, once"
is "$(grep -L '^X-Filtered: yes' "$T"/Maildir/new/* | wc -l | tr -d ' ')" 0 "all of it was filtered"
is "$(grep -l -e 'must not arrive' -e X-Smuggled "$T"/Maildir/new/* | wc -l | tr -d ' ')" 0 "and nothing of what was refused"
ok "the daemon stops" smtpd_stop
