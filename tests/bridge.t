#!/bin/sh
# SPDX-License-Identifier: ISC
# The bridges to Python, sh and awk: each dialect, each phase, each decision; what
# events say; lines of messages; what functions do wrong.
# once: no program of ours is run
. tests/lib.sh

B=$TOP/lib/bridge
PYTHONPATH=$B PYTHONDONTWRITEBYTECODE=1 LC_ALL=C.UTF-8
export B PYTHONPATH PYTHONDONTWRITEBYTECODE LC_ALL
cd "$T" || exit 1

awks=
for awk in mawk gawk original-awk "busybox awk" awk; do
	! $awk 'BEGIN { exit 0 }' </dev/null 2>/dev/null || awks="$awks$awk
"
done

phases="connect helo ehlo starttls auth mail-from rcpt-to data commit rset quit noop help"
name_of() { printf '%s\n' "$1" | tr - _; }

# all BRIDGE... < input: what each of these says to it, in out.BRIDGE and err.BRIDGE.
run_one()	# BRIDGE
{
	case $1 in
	python)	timeout 60 python3 filter.py ;;
	sh | bash | *\ sh | ksh) timeout 60 $1 filter.sh ;;
	*)	AWK=$1 timeout 60 "$B/filter-awk" filter.awk ;;
	esac
}

shells=
for shell in bash "busybox sh" ksh; do
	! $shell -c : 2>/dev/null || shells="$shells$shell
"
done

# each DESCRIPTION EXPECTED INPUT: every bridge answers this.
each()
{
	{ echo python; echo sh; printf %s "$shells$awks"; } >bridges
	while read -r bridge; do
		run_one "$bridge" <"$3" >out 2>err || note "status $?"
		same out "$2" "$1: $bridge"
		if ! cmp -s out "$2"; then
			sed 5q err | notes
		fi
	done <bridges
}

# -- each dialect, each phase, each decision --

cat >filter.py <<'END'
import os
import opensmtpd

def answer(timestamp, session_id, args):
    return {
        "proceed": opensmtpd.proceed(), "junk": opensmtpd.junk(), "": None,
        "reject": opensmtpd.reject("550 5.7.1 no | thanks"),
        "disconnect": opensmtpd.disconnect("421 4.3.2 come | later"),
        "rewrite": opensmtpd.rewrite("<a|b@example.org> SIZE=1 \\ x"),
        "report": opensmtpd.report("a | b"),
    }[os.environ["DECISION"]]

smtp_in = opensmtpd.SMTP_IN()
for phase in os.environ["PHASES"].split():
    smtp_in.on_filter(phase, answer)
smtp_in.run()
END
{
	cat <<'END'
. "$B/filter.sh"
answer()
{
	case $DECISION in
	proceed | junk) $DECISION ;;
	reject)	reject "550 5.7.1 no | thanks" ;;
	disconnect) disconnect "421 4.3.2 come | later" ;;
	rewrite) rewrite "<a|b@example.org> SIZE=1 \\ x" ;;
	report)	report "a | b" ;;
	esac
}
END
	for phase in $phases; do
		echo "on_$(name_of "$phase")() { answer; }"
	done
	echo run
} >filter.sh
{
	cat <<'END'
function answer(	d) {
	d = ENVIRON["DECISION"]
	if (d == "proceed") proceed()
	if (d == "junk") junk()
	if (d == "reject") reject("550 5.7.1 no | thanks")
	if (d == "disconnect") disconnect("421 4.3.2 come | later")
	if (d == "rewrite") rewrite("<a|b@example.org> SIZE=1 \\ x")
	if (d == "report") report("a | b")
}
END
	for phase in $phases; do
		echo "function on_$(name_of "$phase")() { answer() }"
	done
} >filter.awk
PHASES=$phases
export PHASES

SID=0f3004c08c82d33e
TOKEN=1ef1c203cc576e5d
param()	# DIALECT PHASE
{
	case $2,$1 in
	connect,*)	echo "mail.example.net|192.0.2.10" ;;
	[he][eh]lo,unversioned | [he][eh]lo,1) echo "mail.example.net|hello|world" ;;
	[he][eh]lo,*)	echo "hello|world" ;;
	auth,*)		echo "PLAIN alice" ;;
	*-*,unversioned | *-*,1) echo "<a|b@example.net> SIZE=512" ;;
	*-*,*)		echo "a|b@example.net" ;;
	esac
}

# Writes the requests of all dialects to `requests`, and who is told to `told`.
: >requests; : >told
for dialect in unversioned 1 0 0.1 0.2 0.3 0.4 0.5 0.6 0.7 0.10; do
	for phase in $phases; do
		text=$(param $dialect "$phase")
		case $dialect,$phase in
		unversioned,connect | 1,connect) phase=connected ;;
		esac
		case $dialect in
		unversioned)
			echo "filter-request|smtp-in|$phase|$SID|$text" >>requests
			echo "filter-response|$SID" >>told ;;
		1)	echo "filter|1|1544130229|smtp-in|$phase|$SID|$text" >>requests
			echo "filter-result|$SID" >>told ;;
		*)	echo "filter|$dialect|1590000000.004217|smtp-in|$phase|$SID|$TOKEN|$text" >>requests
			case $dialect in
			0 | 0.[1-4]) echo "filter-result|$TOKEN|$SID" >>told ;;
			*)	echo "filter-result|$SID|$TOKEN" >>told ;;
			esac ;;
		esac
	done
done

# every DECISION ANSWER
every()
{
	DECISION=$1
	export DECISION
	sed "s/\$/|$2/" told >expected
	each "${1:-nothing}, in each phase of each dialect" expected requests
}
every "" proceed
every proceed proceed
every junk junk
every reject "reject|550 5.7.1 no | thanks"
every disconnect "disconnect|421 4.3.2 come | later"
every rewrite 'rewrite|<a|b@example.org> SIZE=1 \\ x'
every report "report|a | b"

{ echo "config|smtpd-version|7.4.0"; echo "config|ready"; tail -n 1 requests; } >shaken
{
	for phase in $phases; do
		echo "register|filter|smtp-in|$phase"
	done
	echo "register|ready"
	echo "filter-result|$SID|$TOKEN|report|a | b"
} >expected
for bridge in python sh $(printf %s "$awks" | sed 1q); do
	run_one "$bridge" <shaken 2>&1 | grep -v '^register|report|smtp-in|link-disconnect$' >out
	same out expected "with a handshake: $bridge"
done

# -- what lines say: by names and, but for awk, by positions --

NAMES="rdns fcrdns src dest hostname method identity tls result username msgid evpid size address
    command reply decision param kind filter message count first last reason auth"
events=$(sed -n '/^events="/,/"$/p' "$B/filter-awk" | sed 's/events=//' | tr -d '"')
export NAMES
cat >filter.py <<'END'
import os
import sys
import opensmtpd

def show(timestamp, session_id, args):
    said = [f"{name}={vars(args)[name]}" for name in os.environ["NAMES"].split()
            if vars(args).get(name)]
    print(args.version, args.subsystem, args.event, timestamp, session_id, *said, "-",
          *args, sep=";", file=sys.stderr)

smtp_in, smtp_out = opensmtpd.SMTP_IN(), opensmtpd.SMTP_OUT()
smtp_in.on_report("*", show)
smtp_out.on_report("*", show)
for phase in ("connect", "helo", "ehlo", "mail-from", "auth"):
    smtp_in.on_filter(phase, show)
smtp_out.run()
END
{
	cat <<'END'
. "$B/filter.sh"
show()
{
	said="$version;$subsystem;${event:-$phase};$time;$session"
	for name in $NAMES; do
		eval "value=\$$name"
		[ -z "$value" ] || said="$said;$name=$value"
	done
	said="$said;-"
	for value; do
		said="$said;$value"
	done
	printf '%s\n' "$said" >&2
}
END
	for name in $events connect helo ehlo mail-from auth; do
		echo "on_$(name_of "$name")() { show \"\$@\"; }"
	done
	echo run smtp-in smtp-out
} >filter.sh
{
	echo 'function show(	said) {'
	echo '	said = version ";" subsystem ";" (event == "" ? phase : event) ";" time ";" session'
	for name in $NAMES; do
		echo "	if ($name != \"\") said = said \";$name=\" $name"
	done
	echo '	note(said)'
	echo '}'
	for name in $events connect helo ehlo mail-from auth; do
		echo "function on_$(name_of "$name")() { show() }"
	done
} >filter.awk

cat >lines <<'END'
report|in-smtp-link-connect|1541084929|3189ac6874354895|127.0.0.1|127.0.0.1
report|smtp-in|link-connect|1541271219|3189ac6874354895|localhost|127.0.0.1:41564|127.0.0.1:25
report|smtp-in|link-disconnect|1541271219|3189ac6874354895
report|smtp-in|tx-begin|1541271219|3189ac6874354895
report|1|1541750707|smtp-out|link-connect|c73c0b206ad6c41c||:0|64.233.167.26:25
report|1|1543600000|smtp-in|link-connect|c73c0aff0dfb6250|poolp.org||IPv6:2001:db8::10:50123|IPv6:2001:db8::25:25
report|1|1541750432|smtp-in|tx-rollback|c73c0aff0dfb6250
report|1|1541750432|smtp-in|tx-commit|c73c0aff0dfb6250|f84306b3|301
report|1|1544130229|smtp-in|tx-mail|0f3004c08c82d33e|fc08ce7d|<a|b@example.net> SIZE=512|ok
report|1|1545500000.004217|smtp-in|link-identify|0f3004c08c82d33e|mail.example.net
report|0|1565900000.004217|smtp-in|link-identify|0f3004c08c82d33e|EHLO|hello|world
report|0.4|1570000000.004217|smtp-in|filter-report|0f3004c08c82d33e|builtin|fc|no | name
report|0.5|1580000000.004217|smtp-in|tx-rcpt|0f3004c08c82d33e|fc08ce7d|a|b@example.net|permfail
report|0.6|1590000000.004217|smtp-in|tx-rcpt|0f3004c08c82d33e|fc08ce7d|permfail|a|b@example.net
report|0.6|1590000000.004217|smtp-in|tx-mail|0f3004c08c82d33e|fc08ce7d|ok|
report|0.6|1590000000.004217|smtp-in|link-auth|0f3004c08c82d33e|who|me|fail
report|0.7|1690000000.004217|smtp-in|link-auth|0f3004c08c82d33e|fail|who|me
report|0.10|1690000000.004217|smtp-in|link-auth|0f3004c08c82d33e|pass|alice
report|0.7|1690000000.004217|smtp-in|link-connect|0f3004c08c82d33e|a|b.example|pass|unix:/run/s|unix:/run/s
report|0.7|1690000000.004217|smtp-in|filter-response|0f3004c08c82d33e|ehlo|proceed
report|0.7|1690000000.004217|smtp-in|filter-response|0f3004c08c82d33e|ehlo|reject|550 a | b
report|0.7|1690000000.004217|smtp-in|protocol-client|0f3004c08c82d33e|
report|0.7|1690000000.004217|smtp-in|protocol-client|0f3004c08c82d33e|report|0.7|1|smtp-in|x \t %s
report|0.7|1690000000.004217|smtp-in|protocol-server|0f3004c08c82d33e|334 
report|0.7|1690000000.004217|smtp-in|tx-envelope|0f3004c08c82d33e|fc08ce7d|fc08ce7d11111111
report|0.7|1690000000.004217|smtp-in|tx-data|0f3004c08c82d33e|fc08ce7d|ok
report|0.7|1690000000.004217|smtp-in|report-gap|0000000000000000|7|1.000000|2.000000
report|0.7|1690000000.004217|smtp-out|link-failed|0f3004c08c82d33e|192.0.2.1:25|refused | really
report|0.7|1690000000.004217|smtp-in|link-greeting|0f3004c08c82d33e|mx.example.org
report|0.7|1690000000.004217|queue|envelope-removed|0000000000000000|x
report|0.7|garbage
filter-result|0f3004c08c82d33e|1ef1c203cc576e5d|proceed
filter|1|1544130229|smtp-in|connected|0f3004c08c82d33e|mail.example.net|IPv6:2001:db8::1
filter|1|1544130229|smtp-in|helo|0f3004c08c82d33e|mail.example.net|hello|world
filter|1|1544130229|smtp-in|ehlo|0f3004c08c82d33e|hello
filter|0.7|1690000000.004217|smtp-in|ehlo|0f3004c08c82d33e|1ef1c203cc576e5d|hello|world
filter|1|1544130229|smtp-in|mail-from|0f3004c08c82d33e| <a|b@example.net> SIZE=512
filter|0.7|1690000000.004217|smtp-in|mail-from|0f3004c08c82d33e|1ef1c203cc576e5d|
filter|0.7|1690000000.004217|smtp-in|auth|0f3004c08c82d33e|1ef1c203cc576e5d|PLAIN a|b
END
cat >expected <<'END'
;smtp-in;link-connect;1541084929;3189ac6874354895;src=127.0.0.1;dest=127.0.0.1;-;;;127.0.0.1;127.0.0.1
;smtp-in;link-connect;1541271219;3189ac6874354895;rdns=localhost;src=127.0.0.1:41564;dest=127.0.0.1:25;-;localhost;;127.0.0.1:41564;127.0.0.1:25
;smtp-in;link-disconnect;1541271219;3189ac6874354895;-
;smtp-in;tx-begin;1541271219;3189ac6874354895;-;
1;smtp-out;link-connect;1541750707;c73c0b206ad6c41c;src=:0;dest=64.233.167.26:25;-;;;:0;64.233.167.26:25
1;smtp-in;link-connect;1543600000;c73c0aff0dfb6250;rdns=poolp.org;src=IPv6:2001:db8::10:50123;dest=IPv6:2001:db8::25:25;-;poolp.org;;IPv6:2001:db8::10:50123;IPv6:2001:db8::25:25
1;smtp-in;tx-rollback;1541750432;c73c0aff0dfb6250;-;
1;smtp-in;tx-commit;1541750432;c73c0aff0dfb6250;msgid=f84306b3;size=301;-;f84306b3;301
1;smtp-in;tx-mail;1544130229;0f3004c08c82d33e;result=ok;msgid=fc08ce7d;address=a|b@example.net;-;fc08ce7d;a|b@example.net;ok
1;smtp-in;link-identify;1545500000.004217;0f3004c08c82d33e;identity=mail.example.net;-;;mail.example.net
0;smtp-in;link-identify;1565900000.004217;0f3004c08c82d33e;method=EHLO;identity=hello|world;-;EHLO;hello|world
0.4;smtp-in;filter-report;1570000000.004217;0f3004c08c82d33e;kind=builtin;filter=fc;message=no | name;-;builtin;fc;no | name
0.5;smtp-in;tx-rcpt;1580000000.004217;0f3004c08c82d33e;result=permfail;msgid=fc08ce7d;address=a|b@example.net;-;fc08ce7d;a|b@example.net;permfail
0.6;smtp-in;tx-rcpt;1590000000.004217;0f3004c08c82d33e;result=permfail;msgid=fc08ce7d;address=a|b@example.net;-;fc08ce7d;a|b@example.net;permfail
0.6;smtp-in;tx-mail;1590000000.004217;0f3004c08c82d33e;result=ok;msgid=fc08ce7d;-;fc08ce7d;;ok
0.6;smtp-in;link-auth;1590000000.004217;0f3004c08c82d33e;result=fail;username=who|me;-;who|me;fail
0.7;smtp-in;link-auth;1690000000.004217;0f3004c08c82d33e;result=fail;username=who|me;-;who|me;fail
0.10;smtp-in;link-auth;1690000000.004217;0f3004c08c82d33e;result=pass;username=alice;-;alice;pass
0.7;smtp-in;link-connect;1690000000.004217;0f3004c08c82d33e;rdns=a|b.example;fcrdns=pass;src=unix:/run/s;dest=unix:/run/s;-;a|b.example;pass;unix:/run/s;unix:/run/s
0.7;smtp-in;filter-response;1690000000.004217;0f3004c08c82d33e;decision=proceed;-;ehlo;proceed;
0.7;smtp-in;filter-response;1690000000.004217;0f3004c08c82d33e;decision=reject;param=550 a | b;-;ehlo;reject;550 a | b
0.7;smtp-in;protocol-client;1690000000.004217;0f3004c08c82d33e;-;
0.7;smtp-in;protocol-client;1690000000.004217;0f3004c08c82d33e;command=report|0.7|1|smtp-in|x \t %s;-;report|0.7|1|smtp-in|x \t %s
0.7;smtp-in;protocol-server;1690000000.004217;0f3004c08c82d33e;reply=334 ;-;334 
0.7;smtp-in;tx-envelope;1690000000.004217;0f3004c08c82d33e;msgid=fc08ce7d;evpid=fc08ce7d11111111;-;fc08ce7d;fc08ce7d11111111
0.7;smtp-in;tx-data;1690000000.004217;0f3004c08c82d33e;result=ok;msgid=fc08ce7d;-;fc08ce7d;ok
0.7;smtp-in;report-gap;1690000000.004217;0000000000000000;count=7;first=1.000000;last=2.000000;-;7;1.000000;2.000000
0.7;smtp-out;link-failed;1690000000.004217;0f3004c08c82d33e;dest=192.0.2.1:25;reason=refused | really;-;192.0.2.1:25;refused | really
0.7;smtp-in;link-greeting;1690000000.004217;0f3004c08c82d33e;hostname=mx.example.org;-;mx.example.org
1;smtp-in;connect;1544130229;0f3004c08c82d33e;rdns=mail.example.net;src=IPv6:2001:db8::1;-;mail.example.net;IPv6:2001:db8::1
1;smtp-in;helo;1544130229;0f3004c08c82d33e;rdns=mail.example.net;identity=hello|world;-;hello|world;mail.example.net
1;smtp-in;ehlo;1544130229;0f3004c08c82d33e;identity=hello;-;hello;
0.7;smtp-in;ehlo;1690000000.004217;0f3004c08c82d33e;identity=hello|world;-;hello|world;
1;smtp-in;mail-from;1544130229;0f3004c08c82d33e;address=a|b@example.net;-;a|b@example.net
0.7;smtp-in;mail-from;1690000000.004217;0f3004c08c82d33e;-;
0.7;smtp-in;auth;1690000000.004217;0f3004c08c82d33e;auth=PLAIN a|b;-;PLAIN a|b
END
sed 's/;-.*//' expected >expected.awk
while read -r bridge; do
	run_one "$bridge" <lines >out 2>got
	case $bridge in
	python | *sh) same got expected "what lines say: $bridge" ;;
	*)	same got expected.awk "what lines say: $bridge" ;;
	esac
done <bridges

# -- lines of messages --

cat >filter.py <<'END'
import opensmtpd

def data_line(timestamp, session_id, args):
    if args.line == "":
        return ["X-Added: 1", ".", "..two", args.line]
    if args.line == "three":
        return ["before", args.line]
    if args.line == "two":
        return "first\nsecond"
    if args.line == ".":
        return ["at the end", "."]
    return [] if args.line == "drop" else None

smtp_in = opensmtpd.SMTP_IN()
smtp_in.on_filter("data-line", data_line)
smtp_in.run()
END
cat >filter.sh <<'END'
. "$B/filter.sh"
on_data_line()
{
	case $line in
	"")	put "X-Added: 1"; put .; put ..two; put "$line" ;;
	two)	put "first
second" ;;
	three)	put "before"; proceed ;;
	.)	put "at the end" ;;
	drop)	drop ;;
	esac
}
run
END
cat >filter.awk <<'END'
function on_data_line() {
	if (line == "") { put("X-Added: 1"); put("."); put("..two"); put(line) }
	else if (line == "two") put("first\nsecond")
	else if (line == "three") { put("before"); proceed() }
	else if (line == ".") put("at the end")
	else if (line == "drop") drop()
}
END
perl -e 'print "Subject: a | b\n\tindented  \n\\n \\t \\\\ %s %d \$HOME `id` \"x\" '"'"'y'"'"'\n-n\n-e\n*\n~\n",
    "..dot\n...\nend\\\ncaf\xc3\xa9 \xff\xfe\nfilter-result|x\n.x\n ", "x" x 70000, "| \n"' >body
request="filter|0.6|1590000000.004217|smtp-in|data-line|$SID|$TOKEN|"
answer="filter-dataline|$SID|$TOKEN|"
{ cat body; printf '%s\n' drop "" two three .; } | LC_ALL=C sed "s/^/$request/" >lines
{ cat body; printf '%s\n' "X-Added: 1" .. ..two "" first second before three "at the end" .; } |
    LC_ALL=C sed "s/^/$answer/" >expected
each "lines of a message" expected lines

printf '%s\n' '. "$B/filter.sh"' 'on_rcpt_to() { put "a line"; reject "550 no"; }' run >filter.sh
echo 'function on_rcpt_to() { put("a line"); reject("550 no") }' >filter.awk
rcpt="filter|0.7|1.0|smtp-in|rcpt-to|$SID|$TOKEN|a@b"
is "$(echo "$rcpt" | sh filter.sh 2>err; cat err)" "filter-result|$SID|$TOKEN|reject|550 no
filter.sh: put is for on_data_line: a line" "a line where none may be: sh"
is "$(echo "$rcpt" | "$B/filter-awk" filter.awk 2>err; cat err)" "filter-result|$SID|$TOKEN|reject|550 no
filter.awk: put is for on_data_line: a line" "a line where none may be: awk"

# What nobody asked for is answered all the same.
cat >filter.py <<'END'
import opensmtpd
opensmtpd.SMTP_IN().run()
END
printf '%s\n' '. "$B/filter.sh"' run >filter.sh
echo 'BEGIN { }' >filter.awk
{ cat lines; head -n 30 requests | tail -n 3; } >all
{ { cat body; printf '%s\n' drop "" two three .; } | LC_ALL=C sed "s/^/$answer/"
	head -n 30 told | tail -n 3 | sed 's/$/|proceed/'; } >expected
each "without functions" expected all

# -- turns: an answer comes before the input ends --

cat >filter.py <<'END'
import opensmtpd
smtp_in = opensmtpd.SMTP_IN()
smtp_in.on_filter("rcpt-to", lambda *args: print("said") or opensmtpd.reject("550 no"))
smtp_in.on_report("link-connect", lambda *args: print("said"))
smtp_in.run()
END
cat >filter.sh <<'END'
. "$B/filter.sh"
on_rcpt_to() { echo said; cat; reject "550 no"; }
on_link_connect() { echo said; }
run
END
cat >filter.awk <<'END'
function on_rcpt_to() { note("said"); reject("550 no") }
function on_link_connect() { note("said") }
END
mkfifo daemon
has_lines() { [ "$(wc -l <"$1")" -ge "$2" ]; }
while read -r bridge; do
	: >out
	run_one "$bridge" <daemon >out 2>err &
	pid=$!
	exec 7>daemon
	echo "config|ready" >&7
	wait_for 10 grep -q '^register|ready' out || note "it does not register"
	n=$(wc -l <out)
	for i in 1 2 3; do
		echo "report|0.7|1.0|smtp-in|link-connect|$SID|x|pass|a|b" >&7
		echo "filter|0.7|1.0|smtp-in|rcpt-to|$SID|$TOKEN|a@b" >&7
		wait_for 10 has_lines out $((n + i)) || note "no answer $i"
	done
	is "$(tail -n 3 out) $(grep -c said err)" "filter-result|$SID|$TOKEN|reject|550 no
filter-result|$SID|$TOKEN|reject|550 no
filter-result|$SID|$TOKEN|reject|550 no 6" "each turn is answered, other words go to the log: $bridge"
	exec 7>&-
	wait $pid
done <bridges

# -- what is kept for a session --

cat >filter.sh <<'END'
. "$B/filter.sh"
on_mail_from() { who="it's \$1 \"$address\""; remember who; remember who; }
on_rcpt_to() { recall who; recall n; n=$((n + 1)); remember n; reject "550 $n $who"; }
on_quit() { recall n; recall who; reject "550 $n$who"; }
run
END
ask() { echo "filter|0.7|1.0|smtp-in|$2|000000000000000$1|$TOKEN|$3"; }
{
	ask 1 mail-from a@b; ask 2 mail-from c@d
	ask 1 rcpt-to x; ask 1 rcpt-to x; ask 2 rcpt-to x
	echo "report|0.7|1.0|smtp-in|link-disconnect|0000000000000001"
	ask 1 quit ""; ask 2 quit ""
} | sh filter.sh 2>err | cut -d '|' -f 5 >got
printf '%s\n' "" "" "550 1 it's \$1 \"a@b\"" "550 2 it's \$1 \"a@b\"" "550 1 it's \$1 \"c@d\"" \
    "550 " "550 1it's \$1 \"c@d\"" >expected
same got expected "remember and recall, until the session ends"

# -- what functions do wrong --

failed="filter-result|$SID|$TOKEN|reject|451 4.3.0 The filter failed"
for wrong in 'reject "250 fine"' 'reject "no"' 'disconnect ""' 'reject "550 a
filter-result"' 'rewrite ""'; do
	printf '%s\n' '. "$B/filter.sh"' "on_rcpt_to() { $wrong; }" run >filter.sh
	is "$(echo "$rcpt" | sh filter.sh 2>err; grep -c '^filter.sh: ' err)" "$failed
1" "a decision that is none: sh: $(printf %s "$wrong" | tr '\n' ' ')"
	printf 'function on_rcpt_to() { %s }\n' "$(printf %s "$wrong" |
	    tr '\n' '@' | sed 's/@/\\n/; s/\([a-z]*\) \(.*\)/\1(\2)/')" >filter.awk
	is "$(echo "$rcpt" | "$B/filter-awk" filter.awk 2>err; grep -c '^filter.awk: ' err)" "$failed
1" "a decision that is none: awk: $(printf %s "$wrong" | tr '\n' ' ')"
	cat >filter.py <<-END
	import opensmtpd
	smtp_in = opensmtpd.SMTP_IN()
	smtp_in.on_filter("rcpt-to", lambda *args: opensmtpd.$(sed 's/.*() { //; s/ }$//' filter.awk))
	smtp_in.run()
	END
	is "$(echo "$rcpt" | python3 filter.py 2>err; grep -c '^ValueError: ' err)" "$failed
1" "a decision that is none: Python: $(printf %s "$wrong" | tr '\n' ' ')"
done
echo 'function on_rcpt() { }' >filter.awk
is "$("$B/filter-awk" filter.awk 2>&1 </dev/null; echo $?)" \
    "filter-awk: no phase and no event has a function on_rcpt
2" "names that no daemon has: awk"
is "$("$B/filter-awk" 2>&1 </dev/null; echo $?; "$B/filter-awk" none 2>/dev/null; echo $?)" \
    "usage: filter-awk [-s subsystem[,...]] [-v name=value] file ...
2
2" "filter-awk without a file"
echo 'function on_tx_mail() { note(limit " " twice) }' >filter.awk
is "$(printf '%s\n' "config|ready" "report|0.7|1.0|smtp-out|tx-mail|$SID|fc08ce7d|ok|a@b" |
    "$B/filter-awk" -s smtp-in,smtp-out -v limit=50 -v 'twice=a b' filter.awk 2>&1 | sort)" "50 a b
register|ready
register|report|smtp-in|tx-mail
register|report|smtp-out|tx-mail" "filter-awk -s and -v"

cat >filter.awk <<'END'
BEGIN { want("filter|smtp-in|rcpt-to") }
function on_rcpt_to() { reject("550 no") }
function call_function(name) { if (name == "rcpt-to") on_rcpt_to() }
END
printf %s "$awks" >bridges
while read -r awk; do
	is "$({ echo "config|ready"; echo "$rcpt"; } | $awk -f "$B/filter.awk" -f filter.awk)" \
	    "register|filter|smtp-in|rcpt-to
register|ready
filter-result|$SID|$TOKEN|reject|550 no" "without filter-awk: $awk"
done <bridges
printf '%s\n' '. "$B/filter.sh"' 'on_tx_mail() { echo "$address"; }' run >filter.sh
is "$(printf '%s\n' "report|0.7|1.0|smtp-in|tx-mail|$SID|fc08ce7d|ok|a@b" | sh filter.sh)" "a@b" \
    "a reporter in sh that is fed a log prints to standard output"
plan $tests_run
