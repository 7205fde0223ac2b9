#!/bin/sh
# SPDX-License-Identifier: ISC
# rptdrive(1): what a filter is told and asked, what its decisions change, and
# every fault of a filter (protocol of smtpd-filters(7)).
. tests/lib.sh

plan 139

cd "$T" || exit 1
DATA=$TOP/tests/data

# ./filter PHASES [PHASE=DECISION ...]: registers for the phases ("all") and for
# the reports in $REPORTS, logs what it reads to $LOG, decides as it is told, else
# proceed; lines of a message go through $LINES.
cat >filter <<'END'
all='connect helo ehlo starttls auth mail-from rcpt-to data data-line commit rset quit noop help'
phases=$1; shift
[ "$phases" = all ] && phases=$all
: >"${LOG:=/dev/null}"
decide()
{
	for rule; do
		[ "${rule%%=*}" = "$phase" ] && decision=${rule#*=} && return
	done
	decision=proceed
}
cut() { field=${rest%%|*} rest=${rest#*|}; }
while IFS= read -r line; do
	printf '%s\n' "$line" >>"$LOG"
	rest=$line
	cut
	case $field in
	config)
		[ "$line" = "config|ready" ] || continue
		for p in $phases; do echo "register|filter|smtp-in|$p"; done
		for r in $REPORTS; do echo "register|report|$r"; done
		echo "register|ready" ;;
	filter)
		cut; version=$field
		cut; cut; cut; phase=$field
		cut; sid=$field
		case $version in
		1)	ids=$sid ;;
		0.4)	cut; ids="$field|$sid" ;;
		*)	cut; ids="$sid|$field" ;;
		esac
		if [ "$phase" != data-line ]; then
			decide "$@"
			echo "filter-result|$ids|$decision"
		elif [ "${LINES_TO:-same}" = same ] || [ "$rest" = . ]; then
			printf '%s\n' "filter-dataline|$ids|$rest"
		elif [ "$LINES_TO" != none ]; then
			printf '%s\n' "filter-dataline|$ids|$LINES_TO"
		fi ;;
	esac
done
END
export LOG="$T/log"

# drive FILE OPTIONS...: status and diagnostics in $got, what is printed in ./out.
drive()
{
	drive_file=$1; shift
	got=$(timeout 60 rptdrive "$@" <"$drive_file" 2>&1 >out)
	got="$?${got:+ $got}"
}

# What was decided, without times and sessions; what was asked or told.
decided() { cut -d '|' -f 5,7- out; }
asked() { grep '^filter|' log | grep -v '|data-line|' | cut -d '|' -f 5,8-; }
told() { grep '^report|' log | cut -d '|' -f 5,7-; }

# lines FILE...: bodies of report lines to lines of dialect 0.7.
lines()
{
	awk '{ i = index($0, "|"); e = i ? substr($0, 1, i - 1) : $0; r = i ? substr($0, i) : ""
	    printf "report|0.7|%d.000000|smtp-in|%s|c73c0aff0dfb6250%s\n", 1541750400 + NR, e, r }'
}
lines >one <<'END'
link-connect|mx.example.net|pass|[2001:db8::1]:40012|[2001:db8::25]:25
protocol-server|220 here.example ESMTP
link-greeting|here.example
protocol-client|EHLO client.example
link-identify|EHLO|client.example
protocol-server|250 HELP
protocol-client|MAIL FROM:<a|b@c.example> SIZE=12
tx-begin|0000000a
tx-mail|0000000a|ok|a|b@c.example
protocol-server|250 2.0.0 Ok
protocol-client|RCPT TO:<u@here.example>
tx-envelope|0000000a|0000000a00000001
tx-rcpt|0000000a|ok|u@here.example
protocol-server|250 2.1.5 Ok
protocol-client|RCPT TO:<v@here.example>
tx-envelope|0000000a|0000000a00000002
tx-rcpt|0000000a|ok|v@here.example
protocol-server|250 2.1.5 Ok
protocol-client|DATA
tx-data|0000000a|ok
protocol-server|354 Enter mail
protocol-client|.
tx-commit|0000000a|123
tx-reset|0000000a
protocol-server|250 2.0.0 Ok
protocol-client|QUIT
protocol-server|221 2.0.0 Bye
link-disconnect
END

# -- the handshake, and each dialect --

drive one "sh ./filter 'connect mail-from'"
is "$got" 0 "a filter that does no harm"
is "$(sed '/ready/q' log)" "config|smtpd-version|7.8.0-pipepost
config|protocol|0.7
config|smtp-session-timeout|300
config|subsystem|smtp-in
config|subsystem|smtp-out
config|admd|localhost
config|ready" "it is told the configuration"
is "$(decided)" "filter-response|connected|proceed
filter-response|mail-from|proceed" "and asked about what it registered for"
is "$(cut -d '|' -f 1-4 out | sed q)" "report|0.7|1541750401.000000|smtp-in" "decisions are report lines"
ok "that tools read" rptfilter -q 'decision == proceed' out

# asks DIALECT EXPECTED: of all phases, in which order, and the forms of answers.
asks()
{
	drive one -V "$1" "sh ./filter all commit=junkless"
	case $got in
	"1 "*"not a decision"*) pass "$1: a wrong answer" ;;
	*) fail "$1: a wrong answer"; note "$got" ;;
	esac
	drive one -V "$1" "sh ./filter all"
	is "$got" 0 "$1: every phase"
	is "$(asked)" "$2" "$1: with what it is asked"
}
asks 0.7 "connect|mx.example.net|[2001:db8::1]
ehlo|client.example
mail-from|a|b@c.example
rcpt-to|u@here.example
rcpt-to|v@here.example
data|
commit|
quit|"
cp log log-0.7
cp out out-0.7
for v in 0.4 0.5 0.6; do
	drive one -V $v "sh ./filter all"
	is "$got" 0 "$v: every phase"
	sed "s/^filter|0\.7|/filter|$v|/" log-0.7 | grep '^filter|' >expected
	grep '^filter|' log >got
	same got expected "$v: asked the same"
	same out out-0.7 "$v: decided the same"
done
drive one -V 1 "sh ./filter all"
is "$got" 0 "1: every phase, without a handshake"
is "$(grep '^filter|' log | grep -v '|data-line|' | cut -d '|' -f 3,5,7-)" \
"1541750401|connected|mx.example.net|IPv6:2001:db8::1
1541750404|ehlo|mx.example.net|client.example
1541750407|mail-from|<a|b@c.example> SIZE=12
1541750411|rcpt-to|<u@here.example>
1541750415|rcpt-to|<v@here.example>
1541750419|data|
1541750422|commit|
1541750426|quit|" "1: in its own forms"
same out out-0.7 "1: decided the same"
drive one -V 1 -p connected,quit "sh ./filter all"
is "$(decided)" "filter-response|connected|proceed
filter-response|quit|proceed" "1: -p"
is "$(grep -c '^report|1|' log)" 30 "1: all reports are heard"
is "$(grep '|tx-mail|' log)" "report|1|1541750409|smtp-in|tx-mail|c73c0aff0dfb6250|0000000a|<a|b@c.example>|ok" \
    "1: in its own forms"
drive one -p rcpt-to,quit "sh ./filter 'connect rcpt-to'"
is "$(decided)" "filter-response|rcpt-to|proceed
filter-response|rcpt-to|proceed" "-p with a handshake: of those registered"

# -- every recorded stream --

# The requests of a real daemon are those that are derived from its stream.
grep '^filter|' "$DATA/filter-dialogue-0.6.log" | grep -v '|data-line|' |
    cut -d '|' -f 5,6,8- | sort -s -t '|' -k 2,2 >expected
drive "$DATA/filter-dialogue-0.6.log" -V 0.6 "sh ./filter all"
is "$got" 0 "a real dialogue"
grep '^filter|' log | grep -v '|data-line|' | cut -d '|' -f 5,6,8- | sort -s -t '|' -k 2,2 >asked
same asked expected "the same questions as those of the daemon that was recorded"
grep '|smtp-in|filter-response|' "$DATA/filter-dialogue-0.6.log" | grep '|proceed$' |
    cut -d '|' -f 5- | sort -s -t '|' -k 2,2 >expected
rptfilter 'event == filter-response' out | cut -d '|' -f 5- | sort -s -t '|' -k 2,2 >decisions
is "$(wc -l <decisions)" "$(grep -c . asked)" "one decision for each"

for f in "$DATA"/*.log; do
	drive "$f" "sh ./filter all"
	cp out expected
	is "$got" 0 "$(basename "$f"): played"
	drive "$f" -n 7 "sh ./filter all"
	is "$got" 0 "$(basename "$f"): seven at once"
	sort out >got; sort expected >want
	same got want "$(basename "$f"): with the same decisions"
done

# -- reports --

export REPORTS='smtp-in|*'
drive one "sh ./filter 'mail-from'"
told >got
grep -v '|filter-response|' one | cut -d '|' -f 5,7- >expected
grep -v '^filter-response' got >got-rest
same got-rest expected "all reports that are registered for"
is "$(grep -A 2 -e '|protocol-client|.*MAIL' log | cut -d '|' -f 1,5,7-)" "report|protocol-client|MAIL FROM:<a|b@c.example> SIZE=12
filter|mail-from|0000000000000001|a|b@c.example
report|filter-response|mail-from|proceed" "a question stands between the command and what came of it"
REPORTS='smtp-in|tx-rcpt' drive one -V 0.5 "sh ./filter ''"
is "$(told)" "tx-rcpt|0000000a|u@here.example|ok
tx-rcpt|0000000a|v@here.example|ok" "one event alone, in the dialect of the filter"
REPORTS='smtp-out|tx-commit' drive "$DATA/out-0.6.log" "sh ./filter ''"
is "$(grep -c '^report|0.7|' log)" "$(grep -c '|smtp-out|tx-commit|' "$DATA/out-0.6.log")" "those of smtp-out"

# -- decisions --

REPORTS='smtp-in|*'
# changes DESCRIPTION DECISION TOLD: what is told from the decision on.
changes()
{
	drive one "sh ./filter '${2%%=*}' '$2'"
	is "$got" 0 "$1"
	is "$(told | sed -n '/^filter-response/,$p')" "$3" "$1: what is told from there on"
}
quit='protocol-client|QUIT
protocol-server|221 2.0.0 Bye
link-disconnect'
changes "a sender is refused" 'mail-from=reject|550 no' "filter-response|mail-from|reject|550 no
tx-mail|00000000|permfail|a|b@c.example
protocol-server|550 no
$quit"
changes "all recipients are refused" 'rcpt-to=reject|451 a|b' "filter-response|rcpt-to|reject|451 a|b
tx-rcpt|0000000a|tempfail|u@here.example
protocol-server|451 a|b
protocol-client|RCPT TO:<v@here.example>
filter-response|rcpt-to|reject|451 a|b
tx-rcpt|0000000a|tempfail|v@here.example
protocol-server|451 a|b
tx-rollback|0000000a
tx-reset|0000000a
$quit"
changes "a message is refused" 'commit=reject|550 spam' "filter-response|commit|reject|550 spam
tx-rollback|0000000a
tx-reset|0000000a
protocol-server|550 spam
$quit"
changes "DATA is refused" 'data=reject|451 x' "filter-response|data|reject|451 x
tx-data|0000000a|tempfail
protocol-server|451 x
tx-rollback|0000000a
tx-reset|0000000a
$quit"
changes "a client is refused" 'connect=reject|550 go away' "filter-response|connected|reject|550 go away
protocol-server|550 go away
link-disconnect"
rptfilter 'not command ~ "^(EHLO|RCPT)"' one >short
drive short "sh ./filter connect 'connect=reject|550 go away'"
is "$(told | tail -n 3)" "$quit" "and may say QUIT before the fifth command"
changes "a client is thrown out" 'ehlo=disconnect|550 go away punk' \
"filter-response|ehlo|disconnect|550 go away punk
protocol-server|550 go away punk
link-disconnect"
changes "421 throws out, too" 'rcpt-to=reject|421 later' "filter-response|rcpt-to|reject|421 later
tx-rcpt|0000000a|tempfail|u@here.example
tx-rollback|0000000a
tx-reset|0000000a
protocol-server|421 later
link-disconnect"
drive one "sh ./filter mail-from 'mail-from=rewrite|<new@x.example> SIZE=1'"
is "$got $(told | grep tx-mail)" "0 tx-mail|0000000a|ok|new@x.example" "a new sender"
drive one "sh ./filter ehlo 'ehlo=rewrite|new.example'"
is "$got $(told | grep link-identify)" "0 link-identify|EHLO|new.example" "a new name"
drive one "sh ./filter 'mail-from quit' 'mail-from=rewrite|new@x.example'"
is "$got $(decided)" "0 filter-response|mail-from|rewrite|new@x.example
filter-response|quit|proceed" "a new sender that is none"
is "$(told | grep -A 1 tx-mail)" "tx-mail|00000000|permfail|a|b@c.example
protocol-server|553 5.1.0 Sender address syntax error" "is refused"
drive one "sh ./filter 'rcpt-to commit' rcpt-to=junk 'commit=report|it is junk'"
is "$got $(decided)" "0 filter-response|rcpt-to|junk
filter-response|rcpt-to|junk
filter-response|commit|report|it is junk
filter-response|commit|proceed" "junk and report change nothing"
ok "so the message is taken" grep -q '|tx-commit|' log

# -- contents --

unset REPORTS
drive one "sh ./filter data-line"
is "$(grep -c '|data-line|.*|From: <a|b@c.example>$' log) $(tail -n 1 log | cut -d '|' -f 5,8)" "1 data-line|." \
    "a message made up has the sender, and an end"
is "$(grep '|To: ' log | cut -d '|' -f 8)" "To: <u@here.example>, <v@here.example>" "and the recipients"
printf 'Subject: a | b\r\n\r\n.dot\n..\nlast' >message
drive one -m message "sh ./filter data-line"
is "$(grep '|data-line|' log | cut -d '|' -f 8- | sed '/^Received:/d; /^	/d')" "Subject: a | b

..dot
...
last
." "a message of a file, its dots stuffed"
is "$(decided | sed 's/[0-9]* bytes/N bytes/')" "filter-report|proc|sh|data-line: 8 lines, N bytes, unchanged" "came back unchanged"
LINES_TO=none drive one -m message "sh ./filter data-line"
is "$(decided | sed 's/[0-9]* bytes/N bytes/')" \
    "filter-report|proc|sh|data-line: 8 lines, N bytes, made 0 lines, 0 bytes of hash cbf29ce484222325" \
    "did not come back"
head -c 3000000 /dev/zero | tr '\0' x | fold -w 70 >message
drive one -m message "sed -u -n 's,^config.ready,register|filter|smtp-in|data-line\nregister|ready,p
    s,^filter.*|data-line|,filter-dataline|,p'"
is "$got $(decided | sed 's/[0-9]* bytes/N bytes/')" \
    "0 filter-report|proc|sed|data-line: 42861 lines, N bytes, unchanged" "a large message, through a filter that reads on"

# -- streams that say less --

grep -v '|protocol-' one >events
drive events "sh ./filter all"
sed 's/^quit|$//; /^$/d' >want <<END
$(decided)
END
is "$got $(asked)" "0 connect|mx.example.net|[2001:db8::1]
ehlo|client.example
mail-from|a|b@c.example
rcpt-to|u@here.example
rcpt-to|v@here.example
data|
commit|" "without commands the events stand for them"
sed 1,6d one >late
drive late "sh ./filter all"
is "$got $(asked | sed q)" "0 mail-from|a|b@c.example" "a session that began before the stream"
lines >refused <<'END'
link-connect|<unknown>|fail|unix:/run/x|unix:/run/x
protocol-client|MAIL FROM:<a@b.example>
protocol-server|503 5.5.1 no
protocol-client|helo one two
protocol-server|501 5.5.4 no
protocol-client|helo client.example
link-identify|HELO|client.example
protocol-server|250 ok
protocol-client|MAIL FROM:nobody
tx-mail|00000000|permfail|nobody
protocol-server|553 5.1.0 no
protocol-client|MAIL FROM:<a@b.example>
tx-mail|00000000|tempfail|a@b.example
protocol-server|452 4.3.1 full
protocol-client|AUTH PLAIN ********
link-auth|fail|al|ice
protocol-server|535 5.7.8 no
protocol-client|AUTH LOGIN
protocol-server|334 VXNlcm5hbWU6
protocol-client|********
protocol-server|334 UGFzc3dvcmQ6
protocol-client|********
link-auth|pass|bob
protocol-server|235 2.0.0 ok
protocol-client|NOOP
protocol-server|250 ok
protocol-client|XYZ
protocol-server|500 5.5.1 no
protocol-client|STARTTLS
END
drive refused "sh ./filter all"
is "$got $(asked)" "0 connect|<unknown>|local
helo|client.example
mail-from|a@b.example
auth|PLAIN al|ice
auth|LOGIN bob
noop|
starttls|" "nothing is asked about a command that is none, or out of its place"
lines >chunks <<'END'
link-connect|h.example|pass|192.0.2.1:1|192.0.2.2:25
protocol-client|EHLO client.example
link-identify|EHLO|client.example
protocol-server|250 HELP
protocol-client|MAIL FROM:<>
tx-begin|0000000a
tx-mail|0000000a|ok|
protocol-server|250 2.0.0 Ok
protocol-client|RCPT TO:<u@here.example>
tx-rcpt|0000000a|ok|u@here.example
protocol-server|250 2.1.5 Ok
protocol-client|BDAT 12
tx-data|0000000a|ok
protocol-server|250 2.0.0 12 octets received
protocol-client|BDAT 0 LAST
tx-commit|0000000a|12
tx-reset|0000000a
protocol-server|250 2.0.0 Ok
END
drive chunks "sh ./filter all"
is "$got $(asked) $(decided | grep -c unchanged)" "0 connect|h.example|192.0.2.1
ehlo|client.example
mail-from|
rcpt-to|u@here.example
data|
commit| 1" "a message in chunks"
{ cat one; echo "not a report line"; echo; } >broken
drive broken "sh ./filter quit"
is "$got" "2 rptdrive: stdin:29: not a report line: not a report line" "a malformed line is named"
drive /dev/null "sh ./filter all"
is "$got $(cat out)" "0 " "an empty stream"

# -- two versions --

drive "$DATA/in-basic-0.6.log" -d "sh ./filter all" "sh ./filter all"
is "$got $(cat out)" "0 " "-d: what is the same is not printed"
drive one -d "sh ./filter 'connect mail-from'" "sh ./filter 'connect mail-from' 'mail-from=reject|550 a|b'"
is "$got $(decided)" "0 filter-report|proc|old|connected proceed
filter-report|proc|old|mail-from proceed
filter-report|proc|new|connected proceed
filter-report|proc|new|mail-from reject 550 a|b" "-d: both versions of a session that differs"
LINES_TO=x drive one -d "sh ./filter data-line" "LINES_TO=y sh ./filter data-line"
is "$(decided | cut -d ' ' -f 1)" "filter-report|proc|old|data-line:
filter-report|proc|new|data-line:" "-d: so where contents differ"

# -- pace --

begin=$(date +%s)
sed -n '1p; $p' one | sed 's/154175042[0-9]/1541750403/' >pair
drive pair -r 1 "sh ./filter connect"
is "$got $(($(date +%s) - begin >= 2))" "0 1" "-r 1: as recorded"
begin=$(date +%s)
drive one -r 100 "sh ./filter connect"
is "$got $(($(date +%s) - begin <= 2))" "0 1" "-r 100: a hundred times as fast"
{ sed -n 1p one; sleep 3; } | timeout 20 rptdrive "sh ./filter connect" >live &
player=$!
live_line() { [ -s live ]; }
ok "a decision shows at once" wait_for 2 live_line
wait $player

# -- faults --

# fault DESCRIPTION EXPECTED SCRIPT: the script runs for each question with $ids; EXPECTED is the
# diagnostic, and how many are decided in all.
fault()
{
	{
		echo 'while IFS= read -r l; do [ "$l" = "config|ready" ] && break; done'
		echo 'for p in ${PHASES:-mail-from quit}; do echo "register|filter|smtp-in|$p"; done'
		echo 'echo "register|ready"; n=0'
		echo 'while IFS="|" read -r k v t s phase sid token param; do n=$((n + 1))'
		echo "ids=\"\$sid|\$token\"; r=\"filter-result|\$ids\"; d=\"filter-dataline|\$ids\""
		printf '%s\n' "$3"
		echo 'done'
	} >bad
	drive one -t 1 -m message "exec sh ./bad"
	is "$(printf '%s\n' "$got" | sed 's/|[0-9a-f]\{16\}/|ID/g; s/filter|0.7|[0-9.]*|/filter|/' | sed q)" \
	    "1 rptdrive: filter: $2" "$1"
}
answer='echo "$r|proceed"'
fault "a line of no kind" "not a line of the filter protocol: hello" "echo hello; $answer"
fault "an empty line" "an empty line: " "echo; $answer"
fault "no token" "no token: filter-result|ID" 'echo "filter-result|$sid"'
fault "no decision" "no decision: filter-result|ID|ID" 'echo "filter-result|$ids"'
fault "a session that is no number" "not a session: 1 to 16 hexadecimal digits: xyz: filter-result|xyz|ID|proceed" \
    'echo "filter-result|xyz|$token|proceed"; '"$answer"
fault "an unknown decision" "not a decision: proceed, reject, disconnect, rewrite, junk or report: maybe: filter-result|ID|ID|maybe" \
    'echo "$r|maybe"'
fault "no parameter" "a decision that needs a parameter: reject: filter-result|ID|ID|reject" 'echo "$r|reject"'
fault "a parameter too many" "a decision that has no parameter: : filter-result|ID|ID|proceed|" 'echo "$r|proceed|"'
PHASES=commit fault "junk at commit" "junk at commit: filter-result|ID|ID|junk" 'echo "$r|junk"'
fault "another token" "not the token of the question: filter-result|ID|1234|proceed" \
    'echo "filter-result|$sid|1234|proceed"; '"$answer"
fault "another session" "no such session: filter-result|1234|ID|proceed" \
    'echo "filter-result|1234|$token|proceed"; '"$answer"
fault "token and session swapped" "no such session: filter-result|ID|ID|proceed" \
    'echo "filter-result|$token|$sid|proceed"; '"$answer"
fault "two answers" "a second answer to a question: filter-result|ID|ID|proceed" "$answer; $answer"
fault "no answer" "no answer in 1 s: filter|smtp-in|mail-from|ID|ID|a|b@c.example" '[ $n -gt 1 ] && '"$answer"
is "$(decided)" "filter-response|mail-from|reject|451 4.3.0 Temporary failure, try again later
filter-response|quit|proceed" "no answer: 451, and the session goes on"
PHASES="connect quit" fault "no answer at connect" "no answer in 1 s: filter|smtp-in|connect|ID|ID|mx.example.net|[2001:db8::1]" :
is "$(decided)" "filter-response|connected|disconnect|421 4.3.0 Temporary failure, closing connection" \
    "no answer at connect: 421"
fault "an answer too late" "no answer in 1 s: filter|smtp-in|mail-from|ID|ID|a|b@c.example" 'sleep 1.3; '"$answer"
fault "its output closed" "closed its output: filter|smtp-in|mail-from|ID|ID|a|b@c.example" 'exec >&-; sleep 20'
fault "its end" "ended with status 3: filter|smtp-in|mail-from|ID|ID|a|b@c.example" 'exit 3'
fault "its death" "ended by signal 9: filter|smtp-in|mail-from|ID|ID|a|b@c.example" 'kill -9 $$'
fault "a line of a message where there is none" \
    "a line of a message that has ended, or never began: filter-dataline|ID|ID|x" 'echo "$d|x"; '"$answer"
PHASES=data-line fault "a decision in a message" "a decision in the midst of a message: filter-result|ID|ID|proceed" \
    '[ "$param" = . ] && echo "$r|proceed" && echo "$d|."'
PHASES=data-line fault "no final dot" "no answer in 1 s: filter|smtp-in|data-line|ID|ID|." :
PHASES=data-line fault "a final dot too early" "the final dot of a message that has not ended: ." 'echo "$d|."'
PHASES="data-line quit" fault "a line behind the final dot" \
    "a line of a message that has ended, or never began: filter-dataline|ID|ID|x" \
    'if [ $phase = quit ]; then sleep 0.2; echo "$r|proceed"; else [ "$param" = . ] && echo "$d|." && echo "$d|x"; fi'
fault "a reply that does not refuse" \
    "not a reply that refuses: 4yz or 5yz and a text: filter-result|ID|ID|reject|go away" 'echo "$r|reject|go away"'
fault "an event that does not exist" "not an event: tx-male: register|report|smtp-in|tx-male" \
    'echo "register|report|smtp-in|tx-male"; '"$answer"
fault "all phases at once" "not a phase: *: register|filter|smtp-in|*" 'echo "register|filter|smtp-in|*"; '"$answer"
drive one -t 1 "echo 'filter-result|1|2|proceed'; sh ./filter quit"
is "$got" "1 rptdrive: filter: said before register|ready: filter-result|1|2|proceed" "an answer before it was asked anything"
drive one -t 1 "sleep 20"
is "$got" "1 rptdrive: filter: no register|ready in 1 s" "it never registers"
drive one "exit 0"
is "$got" "1 rptdrive: filter: ended with status 0" "it ends at once"
drive one -t 1 'trap "" TERM; echo "register|ready"; exec sleep 20'
is "$got" "1 rptdrive: filter: still runs 1 s after the end of its input" "it does not end"
for i in 1 2 3 4 5 6 7 8; do cat one; done >many
drive many -t 1 "echo 'register|report|smtp-in|*'; echo 'register|ready'; exec sleep 20"
is "${got%%; *}" "1 rptdrive: filter: still runs 1 s after the end of its input" "it does not read, but a little"
for i in 1 2 3 4 5 6 7 8 9 0; do cat many many many many many; done >most
drive most -t 1 "echo 'register|report|smtp-in|*'; echo 'register|ready'; exec sleep 20"
is "$got" "1 rptdrive: filter: has not read its input for 1 s" "it does not read at all"
drive one -Q "exit 0"
is "$got" 1 "-Q"
drive one 'sh ./filter "quit"; echo told >&2'
is "$got" "0 told" "what it writes to standard error is there"
drive one "while IFS= read -r l; do [ \"\$l\" = 'config|ready' ] && echo 'register|report|smtp-in|link-connect' && echo 'register|ready'
    case \$l in report*) echo 'report|1541750401.5|smtp-in|c73c0aff0dfb6250|a word|or two' ;; esac; done"
is "$got $(decided)" "0 filter-report|proc|while|a word|or two" "what a filter reports"

# -- usage --

usage_is() { usage_what=$1 usage_expected=$2; shift 2; drive /dev/null "$@"; is "$(printf '%s\n' "$got" | sed q)" "$usage_expected" "$usage_what"; }
usage_is "no command" "2 usage: rptdrive [-Q] [-d command] [-m file] [-n number] [-p phase[,...]] [-r speed]"
usage_is "a dialect that is none" "2 rptdrive: -V: no such dialect: 0.10; 1, 0.4, 0.5, 0.6 or 0.7" -V 0.10 cat
usage_is "a phase that is none" "2 rptdrive: -p: no such phase: rcpt; nearest: rset" -p quit,rcpt cat
usage_is "a message that is not there" "2 rptdrive: nowhere: No such file or directory" -m nowhere cat
usage_is "a number that is none" "2 rptdrive: -n is too small: 0" -n 0 cat
usage_is "a speed that is none" "2 rptdrive: -r: not a speed: fast" -r fast cat
(drive one "sh ./filter all"; timeout 20 rptdrive "sh ./filter all" <one >/dev/full 2>err; echo $? >status)
is "$(cat status) $(cat err)" "2 rptdrive: stdout: No space left on device" "a full disk is not silent"
