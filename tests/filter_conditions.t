#!/bin/sh
# SPDX-License-Identifier: ISC
# Rules of filters: each condition, bare and negated, with its table in
# smtpd.conf and in a file, what the client hears; tables that change, that
# cannot be read, and a lookup process that dies while it is asked.
. tests/lib.sh

command -v python3 >"$T/which" || skip_all "needs python3"

# Clients come from 127.0.0.N.
cat >"$T/zone" <<'ZONE'
test SOA 60 60
127.in-addr.arpa SOA 60 60
127.0.0.2 PTR 60 Mail.Pass.test
mail.pass.test A 60 127.0.0.2
127.0.0.3 PTR 60 other.pass.test
other.pass.test A 60 192.0.2.1
127.0.0.10 ! servfail
127.0.0.12 PTR 60 broken.test
broken.test ! servfail
ZONE
python3 tests/dns/responder "$T/zone" >"$T/responder" &
wait_for 10 test -s "$T/responder" || exit 1
RESOLVER=127.0.0.1:$(cat "$T/responder")

# PHASE;CONDITION;ENTRIES OF ITS TABLE;N;BARE;NEGATED: what becomes of a client
# who says EHLO helo.example, MAIL FROM:<joe@example.org> SIZE=100, RCPT TO:
# <u@all.example>.  "dns" is 451 4.4.3, "-" that there is no such rule.
cat >"$T/rows" <<'ROWS'
connect;any;;2;yes;-
quit;any;;2;yes;-
connect;fcrdns;;2;yes;no
connect;fcrdns;;3;no;yes
connect;fcrdns;;4;no;yes
connect;fcrdns;;10;no;dns
connect;fcrdns;;12;no;dns
rcpt-to;fcrdns;;10;no;dns
noop;fcrdns error;;2;no;yes
commit;fcrdns error;;4;no;yes
ehlo;fcrdns error;;10;yes;no
ehlo;fcrdns error;;12;yes;no
connect;rdns;;2;yes;no
connect;rdns;;3;yes;no
mail-from;rdns;;4;no;yes
mail-from;rdns;;10;no;dns
mail-from;rdns;;12;yes;no
connect;rdns;*.pass.test;2;yes;no
rset;rdns;*.pass.test;3;yes;no
data;rdns;*.pass.test;4;no;yes
data;rdns;*.pass.test;10;no;dns
data;rdns;*.pass.test;12;no;yes
commit;rdns regex;^mail[.];2;yes;no
connect;rdns regex;unknown;4;no;yes
connect;src;127.0.0.2;2;yes;no
help;src;10.0.0.0/8 127.0.0.0/30;3;yes;no
commit;src;10.0.0.0/8 127.0.0.0/30;4;no;yes
data;src regex;^127[.]0[.]0[.]1.$;12;yes;no
ehlo;helo;helo.example;2;yes;no
mail-from;helo;*.example;2;yes;no
data;helo regex;^hell;2;no;yes
mail-from;auth;;2;no;yes
rcpt-to;auth;joe;2;no;yes
mail-from;mail-from;@example.org;2;yes;no
rcpt-to;mail-from;joe;2;yes;no
commit;mail-from regex;^joe@example[.]org$;2;yes;no
data;mail-from;@example.net <>;2;no;yes
rcpt-to;rcpt-to;u@all.example;2;yes;no
rcpt-to;rcpt-to;@other.example v;2;no;yes
rcpt-to;rcpt-to regex;^u@;2;yes;no
ROWS

# A listener for each rule: 127.0.V.ROW, where V is 1 for a bare one and 2 for a
# negated one, and 2 more for one with its table in a file.
awk -F ';' -v dir="$T" -v port="$PORT" '
	function listen(v, bang, table) {
		name = "f" v "-" NR
		printf "filter \"%s\" phase %s match %s%s %s reject \"550 5.7.1 rule\"\n", name, $1,
		    bang, $2, table
		printf "listen on 127.0.%d.%d port %s filter \"%s\"\n", v, NR, port, name
	}
	{
		n = split($3, entry, " ")
		list = ""
		file = dir "/table" NR
		for (i = 1; i <= n; i++) {
			list = list (i > 1 ? ", " : "") "\"" entry[i] "\""
			print entry[i] >file
		}
		if (n > 0) {
			close(file)
			list = "{ " list " }"
			print "table t" NR " file:" file
		}
		listen(1, "", list)
		if ($6 != "-")
			listen(2, "!", list)
		if (n > 0) {
			listen(3, "", "<t" NR ">")
			listen(4, "!", "<t" NR ">")
		}
	}' "$T/rows" >"$T/listeners"
printf '127.0.0.4\n' >"$T/live"
smtpd_conf <<CONF
dns timeout 2s
listen on 127.0.0.1 port $PORT
table live file:$T/live
table missing file:$T/missing
filter live phase mail-from match src <live> reject "550 5.7.1 live"
listen on 127.0.9.1 port $PORT filter live
filter missing phase mail-from match mail-from <missing> reject "550 5.7.1 missing"
listen on 127.0.9.2 port $PORT filter missing
filter not-missing phase rcpt-to match !rcpt-to <missing> reject "550 5.7.1 missing"
listen on 127.0.9.3 port $PORT filter not-missing
filter connect-missing phase connect match src <missing> reject "550 5.7.1 missing"
listen on 127.0.9.4 port $PORT filter connect-missing
filter unsure phase connect match fcrdns error report "nobody knows"
filter sure phase connect match !fcrdns reject "550 5.7.1 no name"
listen on 127.0.9.5 port $PORT filter { unsure, sure }
filter shadow shadow phase mail-from match mail-from { "joe" } disconnect "550 5.7.1 shadow"
listen on 127.0.9.6 port $PORT filter shadow
filter pass phase rcpt-to match src <live> bypass
filter all phase rcpt-to match any reject "550 5.7.1 all"
listen on 127.0.9.7 port $PORT filter { pass, all }
$(cat "$T/listeners")
proc "all" "exec cat >>'$T/all'" protocol "0.7"
report smtp-in on "all"
action "local" maildir "$T/Maildir" alias { "u" = "$USER_NAME" }
match from any for domain "all.example" action "local"
CONF
rules=$(grep -c '^listen' "$T/listeners")
plan $((1 + rules + 25))
ok "the daemon starts" smtpd_start

# client ADDRESS N [PHASE]: the reply to each phase, or to that.
cat >"$T/client" <<'PY'
import socket, sys

s = socket.create_connection((sys.argv[1], int(sys.argv[2])), 60,
    ("127.0.0." + sys.argv[3], 0))
f = s.makefile("rb")

def hear(phase):
    while True:
        line = f.readline().decode("latin-1").rstrip()
        if line == "" or line[3:4] != "-":
            break
    print(phase, line or "end", flush=True)
    return line

hear("connect")
for phase, text in (("ehlo", "EHLO helo.example"),
    ("mail-from", "MAIL FROM:<joe@example.org> SIZE=100"),
    ("rcpt-to", "RCPT TO:<u@all.example>"), ("data", "DATA"),
    ("commit", "Subject: x\r\n\r\n."), ("rset", "RSET"), ("noop", "NOOP"),
    ("help", "HELP"), ("quit", "QUIT")):
    if phase == "commit" and not said.startswith("354"):
        continue
    s.sendall(text.encode() + b"\r\n")
    said = hear(phase)
PY
client() { python3 "$T/client" "$1" "$PORT" "$2" 2>"$T/client.err" | { [ -z "$3" ] && cat || sed -n "s/^$3 //p"; }; }

# verdict PHASE ADDRESS N
verdict()
{
	reply=$(client "$2" "$3" "$1")
	case $reply in
	"550 5.7.1 rule")	echo yes ;;
	"451 4.4.3 "*)		echo dns ;;
	[23]*)			echo no ;;
	*)			echo "$reply" ;;
	esac
}

row=0
while IFS=';' read -r phase condition entries n bare negated; do
	row=$((row + 1))
	what="$phase ${condition}${entries:+ $entries}, client $n"
	is "$(verdict "$phase" 127.0.1.$row "$n")" "$bare" "$what"
	[ "$negated" = - ] || is "$(verdict "$phase" 127.0.2.$row "$n")" "$negated" "not $what"
	[ -n "$entries" ] || continue
	is "$(verdict "$phase" 127.0.3.$row "$n")" "$bare" "$what, in a file"
	is "$(verdict "$phase" 127.0.4.$row "$n")" "$negated" "not $what, in a file"
done <"$T/rows"

# -- a table that changes ------------------------------------------------------

live() { client 127.0.9.1 2 mail-from; }
is "$(live)" "250 2.0.0 Ok" "before it is in the table"
echo 127.0.0.2 >>"$T/live"
sleep 1.1
is "$(live)" "550 5.7.1 live" "a second after a line was added"
printf '127.0.0.4\n' >"$T/live.new"
mv "$T/live.new" "$T/live"
sleep 1.1
is "$(live)" "250 2.0.0 Ok" "a second after another file took its place"
printf '127.0.0.2' >"$T/live"
is "$("$SMTPCTL" update table live)" "table live: 1 entries" "smtpctl update table"
is "$(live)" "550 5.7.1 live" "and what is asked then has the new entries"
rm "$T/live"
sleep 1.1
is "$(live)" "550 5.7.1 live" "without the file the entries are kept"
ok "the log says so" grep -q 'table live keeps the 1 entries it has: .*live: No such file' "$T/log"
is "$(client 127.0.9.7 2 rcpt-to)" "250 2.1.5 Destination address valid: Recipient ok" \
    "bypass, by a table in a file"
is "$(client 127.0.9.7 3 rcpt-to)" "550 5.7.1 all" "and the rule behind it"

# -- a table that is not there -------------------------------------------------

temp="451 4.3.0 Temporary failure, try again later"
is "$(client 127.0.9.2 2 mail-from)" "$temp" "a file that is not there"
is "$(client 127.0.9.2 2 noop)" "250 2.0.0 Ok" "and the session goes on"
is "$(client 127.0.9.3 2 rcpt-to)" "$temp" "nor is anything said to be not in it"
is "$(client 127.0.9.4 2 connect)" "421 4.3.0 Temporary failure, closing connection" "at connect"
echo "@example.net" >"$T/missing"
"$SMTPCTL" update table missing >"$T/out"
is "$(client 127.0.9.2 2 mail-from)" "250 2.0.0 Ok" "once it is there"

# lookup is asked, and dies before it answers: the next one does.
lookup=$(child lookup)
kill -STOP "$lookup"
client 127.0.9.1 2 >"$T/waiting" &
waiting_pid=$!
waits() { grep -q '^ehlo 250' "$T/waiting"; }
ok "a client gets as far as that" wait_for "$PATIENCE" waits
sleep 0.5
is "$(sed -n 's/^mail-from //p' "$T/waiting")" "" "it waits for lookup"
is "$(client 127.0.1.1 2 connect)" "550 5.7.1 rule" "nobody else does"
kill -KILL "$lookup"
wait "$waiting_pid"
is "$(sed -n 's/^mail-from //p' "$T/waiting")" "$temp" "lookup dies: refused for the time being"
answers() { [ "$(client 127.0.9.3 2 rcpt-to)" = "550 5.7.1 missing" ]; }
ok "the next lookup answers" wait_for "$PATIENCE" answers

# -- what rules say in the stream ------------------------------------------------

is "$(client 127.0.9.5 10 connect)" "550 5.7.1 no name" "behind a rule of fcrdns error !fcrdns is what it says"
is "$(client 127.0.9.5 4 connect)" "550 5.7.1 no name" "as for who has no name"
is "$(client 127.0.9.6 2 mail-from)" "250 2.0.0 Ok" "a shadow changes nothing"
events() { sed -n "s/.*|smtp-in|$1|[^|]*|//p" "$T/all"; }
all_told() { events filter-response | grep -q '^mail-from|shadow-disconnect|'; }
wait_for "$PATIENCE" all_told
is "$(events filter-report)" "builtin|unsure|nobody knows" "a rule's report"
is "$(events filter-response | grep shadow)" "mail-from|shadow-disconnect|shadow 550 5.7.1 shadow" \
    "the shadow's decision"
ok "a decision in the stream" grep -q '|filter-response|[^|]*|connected|reject|550 5.7.1 rule$' "$T/all"
