#!/bin/sh
# SPDX-License-Identifier: ISC
# Both ends of a conversation tell the same story (parallel.t), also where the
# server loses patience, refuses content or takes no more mail.  Masked are ids,
# times, addresses and sizes, and left out is the timeout of who lost patience,
# as only he knows of it.
. tests/lib.sh

make_cert
TOP_T=$T
receiver_port=$PORT
sender_port=$(free_port)

# daemon NAME PORT: from now on the helpers are about this one of the two.
daemon()
{
	eval "pid_$current=\$smtpd_pid"
	current=$1
	eval "smtpd_pid=\$pid_$current"
	T=$TOP_T/$1
	PORT=$2
	CONTROL=$T/control
	SMTPD_CONTROL=$CONTROL
	mkdir -p "$T"
}
current=none pid_receiver='' pid_sender=''
receiver() { daemon receiver "$receiver_port"; }
sender() { daemon sender "$sender_port"; }

both_stop()
{
	sender; smtpd_stop
	receiver; smtpd_stop
	T=$TOP_T
}
trap 'both_stop; cleanup' EXIT

# start DIALECT LISTEN-OPTIONS RECEIVER-LINES SENDER-RELAY-OPTIONS
start()
{
	receiver
	rm -rf "$T/spool" "$T/report" "$T/Maildir"
	smtpd_conf <<-CONF
	$3
	pki localhost cert "$TOP_T/cert.pem"
	pki localhost key "$TOP_T/key.pem"
	listen on 127.0.0.1 port $PORT hostname receiver.test $2
	table aliases { one = $USER_NAME, two = $USER_NAME, three = $USER_NAME, four = $USER_NAME }
	action "local" maildir "$T/Maildir" alias <aliases>
	match from any for domain "receiver.test" action "local"
	proc keep "cat >>'$T/report'" protocol "$1"
	report smtp-in on keep
	CONF
	smtpd_start || return 1
	sender
	rm -rf "$T/spool" "$T/report"
	smtpd_conf <<-CONF
	listen on 127.0.0.1 port $PORT hostname sender.test
	action "out" relay host "smtp://127.0.0.1:$receiver_port" helo sender.test $4
	match from any for any action "out"
	proc keep "cat >>'$T/report'" protocol "$1"
	report smtp-out on keep
	CONF
	smtpd_start
}

# The daemon's start asks for its port, which is a session of its own: only
# those that say EHLO count.
sessions()
{
	awk -F'|' '$5 == "link-connect" { order[++n] = $6 }
	    { lines[$6] = lines[$6] $0 "\n" }
	    END { for (i = 1; i <= n; i++) if (lines[order[i]] ~ /\|(EHLO|HELO) /) printf "%s", lines[order[i]] }' "$1"
}

mask()
{
	sed -E -e 's/^report\|([^|]*)\|[0-9.]+\|smtp-(in|out)\|/\1|/' \
	    -e 's/^(([^|]*\|){2})[0-9a-f]{16}/\1SESSION/' \
	    -e 's/(\|link-connect\|SESSION)\|.*/\1/' \
	    -e 's/(\|tx-[a-z]+\|SESSION\|)0{8}(\||$)/\1NONE\2/' \
	    -e 's/(\|tx-[a-z]+\|SESSION\|)[0-9a-f]{8}(\||$)/\1MSGID\2/' \
	    -e 's/(\|tx-envelope\|SESSION\|MSGID\|).*/\1EVPID/' \
	    -e 's/(\|tx-commit\|SESSION\|MSGID\|).*/\1SIZE/' \
	    -e '/\|timeout\|/d' \
	    -e 's/(\|protocol-server\|SESSION\|250 2\.0\.0 )[0-9a-f]{8} /\1MSGID /'
}

# compare DESCRIPTION EVENT...: after the sender's queue is empty and its
# connection over; the events must be among those told.
compare()
{
	what=$1; shift
	sender
	wait_for "$PATIENCE" queue_empty || note "the sender's queue is not empty"
	out=$T/report
	receiver
	in=$T/report
	# An idle connection lasts 10 s.
	wait_for $((PATIENCE + 15)) same_sessions || note "one end tells of more sessions"
	sessions "$out" | mask >"$TOP_T/out"
	sessions "$in" | mask >"$TOP_T/in"
	same "$TOP_T/out" "$TOP_T/in" "$what"
	for event in "$@"; do
		ok "$what: $event" grep -q "|$event" "$TOP_T/in"
	done
}
same_sessions()
{
	o=$(sessions "$out" | grep -c '|link-disconnect|')
	i=$(sessions "$in" | grep -c '|link-disconnect|')
	[ "$o" -gt 0 ] && [ "$o" = "$i" ]
}

# send FROM RECIPIENT... < message
send()
{
	sender
	"$SENDMAIL" -f "$@"
}

message() { printf 'Subject: hello\n\n%s\n' "${1:-world}"; }

ok "the daemons start, with little patience" start 0.7 "" "smtp limit idle 2s" ""
message | send a@sender.test one@receiver.test
compare "the server hangs up" tx-commit
both_stop

ok "the daemons start, with limits" start 0.7 "" "smtp limit max-line 1000
smtp limit max-mails 2" ""
message "$(perl -e 'print "x" x 1500')" | send a@sender.test one@receiver.test
compare "the content is refused" tx-rollback
message | send a@sender.test one@receiver.test
message | send a@sender.test two@receiver.test
message | send a@sender.test three@receiver.test
message | send a@sender.test four@receiver.test
compare "a session takes two messages"
both_stop
echo "1..$tests_run"
