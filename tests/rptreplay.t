#!/bin/sh
# SPDX-License-Identifier: ISC
# rptreplay(1): what our daemon has told of a session, replayed, differs in
# nothing; where it was configured otherwise, in that.  Scripted servers, all
# samples, and streams that are cut anywhere.
. tests/lib.sh

plan 75
SAMPLES=$TOP/tests/data

replay() { timeout 120 "$BIN/rptreplay" -h "127.0.0.1:$PORT" "$@"; }

# scripted [STEP=ACTION ...]: tests/smtp/server on $PORT instead of the one before.
scripted()
{
	[ -z "$server" ] || { kill "$server"; wait "$server" 2>/dev/null; }
	PORT=$(free_port)
	rm -rf "$T/mail" && mkdir "$T/mail"
	python3 "$TOP/tests/smtp/server" "$PORT" "$T/mail" "$@" 2>/dev/null &
	server=$!
	wait_for "$PATIENCE" port_open "$PORT" || note "no scripted server"
}

# session ID SECOND LINE...: a stream, "C: ", "S: " or an event a line.
session()
{
	s_id=$1 s_time=$2; shift 2
	for s_line in link-connect\|a.example\|pass\|192.0.2.1:1\|192.0.2.2:25 "$@"; do
		case $s_line in
		C:*)	s_line="protocol-client|$s_id|${s_line#C: }" ;;
		S:*)	s_line="protocol-server|$s_id|${s_line#S: }" ;;
		*\|*)	s_line="${s_line%%|*}|$s_id|${s_line#*|}" ;;
		*)	s_line="$s_line|$s_id" ;;
		esac
		echo "report|0.7|$s_time.000000|smtp-in|$s_line"
	done
}
# diff ID TIME STATUS|COMMAND|EXPECTED|REPLY
diff_line() { echo "report|0.7|$2.000000|smtp-in|replay-diff|$1|$3"; }

HELLO="S: 220 x ESMTP
C: HELO c
S: 250 x"

# sessions NAME ID SECOND LINES...: like session, the lines in one text.
lines()
{
	l_id=$1 l_time=$2
	oldifs=$IFS; IFS='
'
	set -f
	# shellcheck disable=SC2086
	set -- $3
	set +f
	IFS=$oldifs
	session "$l_id" "$l_time" "$@"
}
A=00000000000000aa
B=00000000000000bb

# -- usage, and what is no stream --
cd "$T" || exit 1
replay -Z 2>err </dev/null
is "$? $(sed -n '$p' err | cut -c 1-16)" "2                 " "a usage"
for wrong in "-n 0" "-n x" "-r -1" "-r x" "-t 0" "-t x" "-m /nowhere" "-h :25" "x"; do
	# shellcheck disable=SC2086
	replay $wrong 2>/dev/null </dev/null
	[ $? = 2 ] || note "$wrong: status $?"
done >out
is "$(cat out)" "" "wrong options"
for wrong in localhost:nowhere localhost:70000 localhost:0; do
	"$BIN/rptreplay" -h $wrong </dev/null 2>&1 && note "$wrong: status 0"
done >out
is "$(wc -l <out)$(grep -vc 'rptreplay: -h: localhost:.*: ' out)" "30" "ports that are none"
is "$(sed -n 2p out)" "rptreplay: -h: localhost:70000: port 70000 is too large: 1 to 65535" \
    "are not cut to 16 bits"
lines $A 1 "$HELLO
link-disconnect" >one
is "$(replay one 2>&1 </dev/null | sed 1q | cut -c 1-6)" "usage:" "no files"
replay <one >out 2>err
is "$? $(cat err)" "2 rptreplay: 127.0.0.1:$PORT: Connection refused
rptreplay: 1 sessions without a connection" "nobody is there"
is "$(cat out)" "$(diff_line $A 1 'failed||220 x ESMTP|')" "which is told on the stream too"

# -- a scripted server --
scripted
replay <one >out 2>err
is "$? $(cat out err)" "0 " "a session that is answered as it was"
"$BIN/rptreplay" -h "localhost:$PORT" <one
is $? 0 "a server by its name"
"$BIN/rptreplay" -h "[::1]:$PORT" <one 2>err >out
is "$? $(sed '1!d; s/: [A-Z].*//' err)" "2 rptreplay: [::1]:$PORT" "or by an address with a port"
"$BIN/rptreplay" -h ::1 -t 5 </dev/null
is $? 0 "or without"
{ echo nonsense; cat one; echo; echo 'config|ready'; } | replay >out 2>err
is "$? $(cat out err)" "2 rptreplay: stdin:1: not a report line: nonsense" "a malformed line"
echo nonsense | replay -Q 2>err
is "$? $(cat err)" "2 " "-Q"
MAIL="$HELLO
C: MAIL FROM:<a@b.example>
S: 250 2.1.0 Ok
tx-begin|0000000a
C: RCPT TO:<c@d.example>
S: 250 2.1.5 Ok
C: DATA
S: 354 go on
C: .
tx-commit|0000000a|1000
S: 250 2.0.0 taken
C: QUIT
S: 221 2.0.0 Bye
link-disconnect"
lines $A 1 "$MAIL" >mail.log
replay <mail.log >out
is "$? $(cat out)" "0 " "a message"
is "$(sed '1,/^$/d' mail/000001 | wc -c)" 1000 "it has the size that was recorded"
is "$(sed '/^$/,$d' mail/000001)" "from a@b.example
to c@d.example" "and its envelope"
printf 'Subject: mine\n\n.dot\n..\r\nno end' >message
replay -m message <mail.log
is "$(sed '1,/^$/d' mail/000002; echo .)" "Subject: mine

.dot
..
no end
." "-m"

# -- differences --
lines $B 2 "$(echo "$MAIL" | sed 's/250 2.1.5 Ok/550 5.1.1 no|body, 100%/; s/221 2/222 2/')" >other
cat mail.log other | replay >out
is "$? $(cat out)" "1 $(diff_line $B 2 'differs|RCPT TO:<c@d.example>|550 5.1.1 no%7Cbody%2C 100%25|250 2.1.5 Ok'
diff_line $B 2 'differs|QUIT|222 2.0.0 Bye|221 2.0.0 Bye')" "codes that differ"
is "$(rptcut -f expected,reply out | sed 1q)" "550 5.1.1 no|body, 100%	250 2.1.5 Ok" "rptcut reads them"
is "$(rptfilter 'expected ~ "^55" and reply ~ "^2"' out | wc -l)" 1 "and rptfilter"
is "$(replay -x <mail.log)" "$(diff_line $A 1 'differs||220 x ESMTP|220 scripted.example ESMTP' |
    sed d)" "-x: names of servers are no difference"
lines $A 1 "$(echo "$MAIL" | sed 's/2.0.0 taken/2.0.0: a1b2c3d4 taken by host.example/')" |
    replay -x >out
is "$(cat out)" "$(diff_line $A 1 'differs|.|250 2.0.0: a1b2c3d4 taken by host.example|250 2.0.0 taken')" \
    "-x: words are"
lines $A 1 "S: 220 x ESMTP
C: EHLO c
S: 250-x
S: 250-SIZE 1000000
S: 250-ENHANCEDSTATUSCODES
S: 250-XMORE
S: 250-8BITMIME
S: 250-PIPELINING
S: 250 HELP
link-disconnect" | replay -x >out
is "$(cat out)" "$(diff_line $A 1 'differs|EHLO c|250-XMORE|250-DSN')" "-x: lines in any order"

# A server that refuses where the recorded one did not, and the reverse.
scripted data="451 4.3.0 later"
replay <mail.log >out
is "$(cat out)" "$(diff_line $A 1 'differs|DATA|354 go on|451 4.3.0 later')" \
    "no message is sent where DATA is refused"
scripted
lines $A 1 "$(echo "$MAIL" | sed 's/354 go on/451 4.3.0 later/; /C: \.$/d; /taken/d; /commit/d')" | replay >out
is "$(cat out)" "$(diff_line $A 1 'differs|DATA|451 4.3.0 later|354 go on'
diff_line $A 1 'differs|.||250 2.0.0 taken')" "one is where it is wanted"
is "$(ls mail)" 000001 "and it is whole"
scripted rcpt=close
cat mail.log one | replay >out
is "$? $(cat out)" "1 $(diff_line $A 1 'closed|RCPT TO:<c@d.example>|250 2.1.5 Ok|')" "a server that hangs up"
scripted rcpt="421 4.3.2 going down"
replay <mail.log >out
is "$(cat out)" "$(diff_line $A 1 'differs|RCPT TO:<c@d.example>|250 2.1.5 Ok|421 4.3.2 going down')" "or says so"
scripted content=reset
lines $A 1 "$(echo "$MAIL" | sed 's/b.example/b.example/; s/0a.1000$/0a|3000000/; s/<a@/<content-reset@/')" | replay >out
is "$(rptcut -f status,command out)" "closed	." "or does in the middle of a message"
scripted rcpt=silent
replay -t 0.3 <mail.log >out
is "$? $(cat out)" "1 $(diff_line $A 1 'timeout|RCPT TO:<c@d.example>|250 2.1.5 Ok|')" "-t"

# -- clients that vanish, and streams that are cut --
scripted
lines $A 1 "$(echo "$MAIL" | sed '/C: \.$/,$d')
link-disconnect" | replay >out
is "$? $(cat out; ls mail)" "0 " "in a message: no dot is sent"
lines $A 1 "$HELLO
C: FOO
link-disconnect" | replay >out
is "$? $(cat out)" "0 " "before a reply"
lines $A 1 "$HELLO
timeout
S: 421 4.4.2 Timeout, closing connection
link-disconnect" | replay >out
is "$? $(cat out)" "0 " "a timeout is not waited for"
sed 1d mail.log | replay >out 2>err
is "$? $(cat out err)" "0 rptreplay: 1 sessions whose beginning was not recorded left out" "no beginning"
{ sed '/RCPT/,$d' mail.log; echo "report|0.7|1.5|smtp-in|report-gap|0000000000000000|3|1.0|1.5"
  sed '1,/RCPT/d' mail.log; cat other; } | replay >out 2>err
is "$(rptcut -f session out | sort -u) $(cat err)" "$B rptreplay: 1 sessions cut: by a gap in the stream, or by the bound of memory" \
    "lines are missing"

# -- logins --
LOGIN="C: AUTH LOGIN
S: 334 VXNlcm5hbWU6
C: ********
S: 334 UGFzc3dvcmQ6
C: ********
S: 235 2.0.0 Authentication succeeded
C: AUTH PLAIN ********
S: 503 5.5.1 again
C: QUIT
S: 221 2.0.0 Bye
link-disconnect"
lines $A 1 "$HELLO
$LOGIN" | replay >out 2>err
is "$? $(cat out err)" "0 rptreplay: 2 logins left out: their secrets were not recorded" "masked logins are left out"
lines $A 1 "$HELLO
$(echo "$LOGIN" | sed 's/[*][*]*$/Zm9v/')" | replay >out 2>err
is "$(rptcut -f command,expected,reply out | tr '\t' ,)" "AUTH LOGIN,334 VXNlcm5hbWU6,500 5.5.1 what?
AUTH PLAIN Zm9v,503 5.5.1 again,500 5.5.1 what?" "others are not, but for what was not asked"


# -- a server that answers as a stream says, all samples, whole and cut anywhere --
make_cert
# mirror STREAM: it is replayed against that; what both of them say.
mirror()
{
	PORT=$(free_port)
	rm -f mirrored
	python3 "$TOP/tests/smtp/mirror" "$PORT" "$1" cert.pem key.pem >mirrored 2>&1 &
	mirror_pid=$!
	wait_for "$PATIENCE" grep -q ready mirrored
	replay -x -t "$PATIENCE" <"$1" 2>err
	echo "status $?"
	wait_for "$PATIENCE" grep -q over mirrored || kill "$mirror_pid"
	wait "$mirror_pid"
	grep -v -e ready -e over mirrored
	grep -v -e 'left out' -e 'see -s' -e ' malformed ' -e 'rptreplay: stdin:' err
}
for sample in "$SAMPLES"/*.log; do
	name=$(basename "$sample")
	is "$(mirror "$sample")" "status 0" "$name"
	perl -e 'undef $/; my $all = <STDIN>; srand 1; my $from = rand(length($all) / 2);
	    print substr($all, $from, rand(length $all))' <"$sample" >part
	is "$(mirror part | sed 's/status 2/status 0/')" "status 0" "$name: a part of it"
done

# -- our own daemon --
PORT=$(free_port)
PORT_TLS=$(free_port)
PORT_SMTPS=$(free_port)
# configure WORD...: the daemon with more words for the rule of alice.
configure()
{
	smtpd_conf <<-CONF
	pki "mx" cert "$T/cert.pem"
	pki "mx" key "$T/key.pem"
	listen on 127.0.0.1 port $PORT hostname "mx.example.org"
	listen on 127.0.0.1 port $PORT_TLS tls pki "mx" hostname "mx.example.org"
	listen on 127.0.0.1 port $PORT_SMTPS smtps pki "mx" hostname "mx.example.org"
	smtp max-message-size 20480
	smtp limit max-rcpt 5
	smtp limit max-mails 10
	smtp limit max-line 2000
	proc keep "cat >>'$T/$1'" protocol "0.7"
	report smtp-in on keep
	table aliases { postmaster = $USER_NAME, alice = $USER_NAME, "a|b" = $USER_NAME, \
	    "two words" = $USER_NAME, "andré" = $USER_NAME, "中" = $USER_NAME, circle = circle2, circle2 = circle }
	action "local" maildir "$T/Maildir" alias <aliases>
	match from any for domain "refused.example" reject
	$2
	match from any for domain { "example.org", "*.bücher.example" } action "local"
	match from any for local action "local"
	CONF
	smtpd_start
}
# over STREAM: all sessions in it are.
over()
{
	rptcut -f event "$1" >events
	[ "$(grep -c '^link-connect' events)" = "$(grep -c '^link-disconnect' events)" ]
}

# Conversations that the others in the tree make with our daemon, but for those of
# listeners that are not here, with logins, and of bytes that a stream does not hold.
ok "the daemon starts" configure recorded
elsewhere=$(cd "$TOP" && awk '$1 == "LISTEN" && $2 !~ /^(plain|tls|smtps)$/ {
	print "-e", FILENAME }' tests/smtp/*.chat)
# shellcheck disable=SC2086
chats=$(cd "$TOP" && ls tests/smtp/*.chat | grep -vF $elsewhere |
    grep -v -e timeout -e auth -e smtputf8_tls -e backlog -e bare_in -e smuggling -e too_big -e loop \
    -e refused -e too_long -e syntax)
for chat in $chats; do
	(cd "$TOP" && perl tests/chat -c "$T/cert.pem" -l plain="127.0.0.1:$PORT" \
	    -l tls="127.0.0.1:$PORT_TLS" -l smtps="127.0.0.1:$PORT_SMTPS" "$chat") >chat 2>&1 ||
		note "$(cat chat)"
done
wait_for "$PATIENCE" over recorded
# of PORT [OPTIONS]: what was recorded there is replayed there.
of()
{
	of_port=$1; shift
	rptfilter -S "event == link-connect and dest.port == $of_port" recorded >of
	timeout 120 "$BIN/rptreplay" -h "127.0.0.1:$of_port" "$@" <of 2>err
	echo "status $? $(grep -c '|link-connect|' of | sed 's/^[1-9].*/sessions/') $(cat err)"
}
is "$(of "$PORT" -x)" "status 0 sessions " "what the daemon recorded is what it answers"
is "$(of "$PORT_TLS" -x -n 10)" "status 0 sessions " "after STARTTLS, ten at once"
is "$(of "$PORT_SMTPS" -x -s)" "status 0 sessions " "with TLS from the beginning"
is "$(of "$PORT" -Q -s -t 2 | rptcut -f status 2>/dev/null | sort -u | tail -1)" "failed" \
    "TLS with who does not speak it"
ok "it stops" smtpd_stop

# Another configuration: the differences are what it says.
ok "the daemon starts otherwise" configure again \
    'match from any mail-from "@b.example" for domain "example.org" reject'
timeout 120 "$BIN/rptreplay" -h "127.0.0.1:$PORT" <"$SAMPLES/seed-v1.log" >out
is "$(rptcut -f command,expected,reply out)" \
    "RCPT TO:<gilles@poolp.org>	250 2.1.5 Destination address valid: Recipient ok	550 5.7.1 Invalid recipient: <gilles@poolp.org>
DATA	354 Enter mail, end with \".\" on a line by itself	503 5.5.4 Invalid command arguments: No recipient specified" \
    "a recipient that this server does not have"
of "$PORT" >out
is "$(grep -av '^status' out | rptfilter 'status == differs' | rptcut -f command,expected,reply | grep -a 'RCPT TO:<alice@' |
    grep '	250' | cut -f 3 | cut -c 1-5 | sort -u)" "550 5" "a sender that is refused now"
ok "it stops" smtpd_stop

# -- pauses, many at once, a stream that goes on --
scripted
mill() { echo $(($(date +%s%N) / 1000000)); }
paused()	# SPEED SECOND: mail at 1, its QUIT and another session later
{
	begin=$(mill)
	{ sed "s/report|0.7|1.000000\(.*\(QUIT\|221\|disconnect\)\)/report|0.7|$2.000000\1/" mail.log
	  sed "s/$A/$B/; s/|1.0/|$2.0/" mail.log; } | replay -n 2 -r "$1"
	status=$?
	took=$(($(mill) - begin))
	return $status
}
ok "-r 2" paused 2 3
ok "takes half the time" [ "$took" -ge 1000 ]
ok "-r 0 takes none" paused 0 100
ok "really" [ "$took" -lt 20000 ]
rm -f mail/*
i=0
while [ $i -lt 300 ]; do
	i=$((i + 1))
	sed "s/$A/$(printf %016x $i)/" mail.log
done >many.log
ok "300 sessions, 50 at once" replay -n 50 <many.log
is "$(ls mail | wc -l)" 300 "300 messages"
scripted banner=drip quit=drip dot=drip
ok "replies that come byte by byte" replay -n 2 <mail.log

scripted
mkfifo fifo
replay <fifo >live 2>&1 &
exec 3>fifo
cat other >&3
ok "a live stream is replayed at once" wait_for "$PATIENCE" grep -q '|replay-diff|' live
printf 'report|0.7|1.0' >&3
cat one - <<END | sed "s/$A/$B/" | sed '1s/report|0.7|1.0//; s/220 x ESMTP/221 x/' >&3
END
exec 3>&-
wait $!
is "$(rptcut -f expected live | tail -1)" "221 x" "also a line in two pieces"

# More than it holds: sessions without an end are cut, and the rest goes on.
scripted connect=close
{
	lines $A 1 "$HELLO"
	perl -e 'my $id = "'$A'"; for (1 .. 90000) {
	    print "report|0.7|1.5|smtp-in|protocol-client|$id|NOOP ", "x" x 900, "\n" }'
	cat other
} | replay >out 2>err
is "$? $(rptcut -f session,status out | tr '\t\n' ' ,')" "1 $A closed,$B closed," "an endless session"
is "$(cat err)" "rptreplay: 1 sessions cut: by a gap in the stream, or by the bound of memory" "which is said"
ok "a full disk is not silent" [ "$(replay -Q <other 2>&1 >/dev/full; echo $?)" = "rptreplay: stdout: No space left on device
2" ]
kill "$server"
