#!/bin/sh
# SPDX-License-Identifier: ISC
# rptfilter(1): lines, sessions and transactions for which a condition holds.
. tests/lib.sh

V1=seed-v1.log

# filter_is DESCRIPTION EXPECTED OPTIONS...: what is written, and the status in front.
filter_is()
{
	filter_what=$1 filter_expected=$2; shift 2
	filter_got=$(rptfilter "$@" 2>&1)
	is "$? $filter_got" "$filter_expected" "$filter_what"
}

manual=$TOP/man/rptfilter.1
recipes=$(grep -a -c '^\.Dl \$ ' "$manual")
plan $((84 + recipes))

cd "$T" || exit 1
cp "$TOP"/tests/data/*.log .
cat in-*.log inout-*.log out-*.log seed-*.log filter-dialogue-0.6.log >log

cat >small <<'END'
config|ready
report|1|1543600000|smtp-in|link-connect|a1|Mail.Example.org|pass|192.0.2.1:50123|local:0

report|1|1543600000|smtp-in|link-connect|b2|<unknown>|fail|198.51.100.7:1|192.0.2.25:25
report|1|1543600001|smtp-in|protocol-client|a1|MAIL FROM:<>
report|1|1543600001|smtp-in|tx-begin|a1|f8430001
report|1|1543600001|smtp-in|tx-mail|a1|f8430001|<>|ok
report|1|1543600001|smtp-in|protocol-server|a1|250 2.0.0: Ok
report|1|1543600002|smtp-in|tx-news|a1|unknown
report|1|1543600002|smtp-in|protocol-client|a1|RSET
report|1|1543600002|smtp-in|tx-rollback|a1|f8430001
report|1|1543600002|smtp-in|protocol-server|a1|250 2.0.0: Reset state
report|1|1543600003|smtp-in|link-disconnect|a1
report|1|1543600004|smtp-in|protocol-client|b2|QUIT
report|1|1543600004|smtp-in|link-disconnect|b2
END
line() { sed -n "$1" small; }

# lines
filter_is "a condition" "0 $(line 4p)" 'fcrdns == fail' small
filter_is "nothing is selected" "1 " 'fcrdns == error' small
filter_is "nothing is read" "1 " 'event == tx-rcpt' /dev/null
filter_is "-v: all others, what is foreign too" "0 $(line '1p;4p;9p')" \
    -v 'session == a1 or session == b2 and not fcrdns' small
filter_is "-c counts" "0 2" -c 'event == link-connect' small
filter_is "-c counts nothing" "1 0" -c 'event == tx-rcpt' small
filter_is "-cv" "0 12" -cv 'event == link-connect' small
filter_is "-m stops" "0 $(line 2p)" -m 1 'event == link-connect' small
filter_is "-m 0 selects nothing" "1 " -m 0 'event == link-connect' small
filter_is "-q says nothing" "0 " -q 'event == link-connect' small
filter_is "-q and nothing" "1 " -q 'event == tx-rcpt' small
filter_is "-i ignores case" "0 $(line 5p)" -i 'command ~ "^mail"' small
filter_is "without -i it counts" "1 " 'command ~ "^mail"' small
filter_is "files one after the other" "0 4" -c 'event == link-connect' small small
filter_is "standard input is a file" "0 4" -c 'event == link-connect' - small <small
filter_is "standard input without files" "0 2" -c 'event == link-connect' <small
is "$(printf '\nreport|1|1|smtp-in|timeout|c7' | rptfilter session)" \
    "report|1|1|smtp-in|timeout|c7" "a missing last newline"
is "$(TZ=CET-1 rptfilter -c 'time == 2018-11-30' small; TZ=CET-1 rptfilter -uc 'time == 2018-11-30' small
    TZ=CET-12 rptfilter -c 'time == 2018-12-01' small)" "12
12
12" "dates are local time, or UTC by -u"

# One recipient's result, not another's.
cat >summary <<'END'
report|0.7|1541750432.5|smtp-in|tx-summary|c7|f843b6|commit|1541750430.0|2.5|||||||||a@b|c@d,e@f|ok,permfail||10|10|||
END
filter_is "lists are compared item by item" "0 $(cat summary)" \
    'recipient == e@f and rcpt-result == permfail' summary
filter_is "and what is another's does not count" "1 " \
    'recipient == c@d and rcpt-result == permfail' summary

# What is written are lines of the input, whatever the expression.
for e in event 'event == tx-rcpt and result != ok' 'session == 7ed684a3cb7d02c1' \
    'reply ~ ^5' 'not size' 'src or dest' 'time > 0'; do
	rptfilter "$e" log >got
	rptfilter -v "$e" log >rest
	is "$(cat got rest | sort | md5sum)" "$(grep -a -v '^$' log | sort | md5sum)" \
	    "a line is selected or is not: $e"
done
is "$(rptfilter 'event == tx-rcpt and result != ok' in-*.log inout-*.log out-*.log | md5sum)" \
    "$(cat in-*.log inout-*.log out-*.log | grep -a '|tx-rcpt|' | grep -a -E '\|(perm|temp)fail\|' | md5sum)" \
    "the same as with grep"
is "$(rptfilter 'session == 7ed684a3cb7d02c1' log | md5sum)" \
    "$(grep -a -F '|7ed684a3cb7d02c1' log | md5sum)" "a session, as with grep"
sed 's/|7ed684a3cb7d02c1/|7ED684A3CB7D02C1/' log >capitals
for e in 7ed684a3cb7d02c1 7ED684A3CB7D02C1; do
	is "$(rptfilter "session == $e" log capitals | md5sum)" \
	    "$(cat log capitals | grep -a -i -F '|7ed684a3cb7d02c1' | md5sum)" \
	    "a session, whatever the case of its letters: $e"
done
perl -e '@l = <STDIN>; print "report|0.7|1|smtp-in|", $_ % 3 ? "protocol-client|c$_|" .
    "x" x ($_ * 7 % 300) : "tx-data|c$_|f8|ok", "\n" for 1 .. 20000' </dev/null >many
is "$(rptfilter 'event == tx-data' many | md5sum)" "$(grep -a -F '|tx-data|' many | md5sum)" \
    "lines of all lengths, by their event"
is "$(rptfilter 'username == x or event == tx-data and result == ok' many | md5sum)" \
    "$(grep -a -F '|tx-data|' many | md5sum)" "and by one of several"

# sessions and transactions
filter_is "-S" "0 $(line '2p;5,13p')" -S 'event == tx-begin' small
filter_is "-S: all of both, as they come" "0 $(line '2p;4,15p')" -S 'event == link-connect' small
filter_is "-S -g: each together" "0 $(line '2p;5,13p'; echo; line '4p;14,15p')" -Sg session small
filter_is "-S -v: those that hold none" "0 $(line '4p;14,15p')" -Sv 'event == tx-begin' small
filter_is "-S -c counts sessions" "0 2" -Sc session small
filter_is "-S -m: no more sessions than that" "0 $(line '2p;5,13p')" -Sm 1 session small
filter_is "-S -q" "0 " -Sq session small
filter_is "-S and nothing" "1 " -S 'event == tx-rcpt' small
filter_is "-M: from MAIL to the reply after the end" "0 $(line '5,12p')" -M 'msgid' small
filter_is "-M: lines of the link are in none" "1 " -M 'rdns' small
filter_is "-M -v" "1 " -Mv 'msgid' small
is "$(rptfilter -S -o 1 'command == QUIT' small 2>&1)" \
    "$(echo 'rptfilter: 2 sessions given up before their end'; line '14,15p')" "-o: the oldest are given up, and counted"
is "$(rptfilter -QS -o 1 'command == QUIT' small 2>&1)" "$(line '14,15p')" "-Q does not say so"
is "$(rptfilter -S -a 3 'command == QUIT' small 2>&1)" \
    "$(echo 'rptfilter: 1 sessions given up before their end'; line '14,15p')" "-a: the older are given up"
rptfilter -S session log >got
is "$(sort got | md5sum)" "$(grep -a '^report' log | sort | md5sum)" "-S with all that there is"
# The first post's sample goes on after the end of its session.
is "$(rptfilter -Sg session in-*.log inout-*.log out-*.log | perl -00 -ne '
    my %s; $s{(split /\|/)[/^report\|[0-9]/ ? 5 : 4]}++ for split /\n/; $bad++ if keys %s != 1; $n++;
    END { print $n, " ", $bad // 0 }')" \
    "$(rptcut -f session in-*.log inout-*.log out-*.log | sort -u | wc -l | tr -d ' ') 0" "-Sg: a session is one group"
is "$(rptfilter -Mg 'event == tx-begin' log | perl -00 -ne '
    my %m; /\|tx-[a-z]*\|[0-9a-f]*\|([0-9a-f]{8})\b/ && $m{$1}++ for split /\n/; $bad++ if keys %m > 1; $n++;
    END { print $n, " ", $bad // 0 }')" "$(grep -a -c '|tx-begin|' log) 0" "-Mg: a transaction is one group"
# The number of transactions that the table of the samples knows, and refused MAILs.
filter_is "-M of one session in which all is refused but twice" "0 14" \
    -Mc 'event == tx-begin' in-addresses-0.6.log
filter_is "-M of clients" "0 15" -Mc 'event == tx-begin' in-basic-0.6.log
filter_is "-M of a relay" "0 15" -Mc 'event == tx-begin' out-0.6.log
filter_is "-M that end well" "0 9" -Mc 'event == tx-commit' out-0.6.log
filter_is "-M of hostile clients" "0 11" -Mc 'event == tx-begin' in-hostile-0.6.log
filter_is "-M of the first posts" "0 2" -Mc 'event == tx-commit' $V1

# Output is there before the tool waits for more.
mkfifo fifo
rptfilter -S 'event == link-connect' <fifo >live &
exec 3>fifo
line 2p >&3
has_line() { [ "$(cat live)" = "$(line 2p)" ]; }
ok "a line shows at once" wait_for "$PATIENCE" has_line
exec 3>&-
wait

# Two writes, of every length of the first.
line '2,7p' >six
cat >split <<'END'
local $/;
open(my $f, '<', 'six'); my $all = <$f>;
$| = 1;
for my $i (1 .. length($all) - 1) {
	open(my $to, '|-', 'rptfilter', 'result == ok or rdns == mail.example.org') or die;
	syswrite $to, substr($all, 0, $i);
	select undef, undef, undef, 0.001;
	syswrite $to, substr($all, $i);
	close $to;
}
END
perl split >got
is "$(sort got | uniq -c | awk '{ print $1 }')" "$(($(wc -c <six) - 1))
$(($(wc -c <six) - 1))" "the input in two pieces, cut at every byte"

# what is wrong
{ line 2p; echo 'report|1|x|smtp-in|timeout|c7'; echo hello; line 4p; } >bad
filter_is "malformed lines are named" "2 rptfilter: bad:2: time: not a time: report|1|x|smtp-in|timeout|c7
rptfilter: bad:3: not a report line: hello" 'event == timeout' bad
filter_is "what cannot be selected is not judged, but for its beginning" \
    "2 rptfilter: bad:3: not a report line: hello" 'event == tx-rcpt' bad
is "$(rptfilter -Q session bad; echo $?)" "$(line 2p; line 4p; echo 2)" "-Q: no diagnostics, the same status"
filter_is "malformed lines are not selected by -v" "2 " -Qv session bad
perl -e 'print "report|1|1|smtp-in|protocol-client|c7|", "x" x (17 << 20), "\n"' >long
cat small >>long
filter_is "a line that is too long is never selected" "2 2" -Qc 'event == link-connect' long
filter_is "no such file" "2 rptfilter: gone: No such file or directory
$(line 4p)" 'fcrdns == fail' gone small
filter_is "an expression that is none" \
    "2 rptfilter: expression, column 10: tx-rctp: no line has such an event; nearest: tx-rcpt" \
    'event == tx-rctp' small
filter_is "-g alone" "2 rptfilter: -a, -g and -o go with -M or -S" -g session small
filter_is "-S and -M" "2 rptfilter: -M and -S exclude each other" -SM session small
got=$(rptfilter session small 2>&1 >/dev/full)
is "$? $got" "2 rptfilter: stdout: No space left on device" "a full disk is said"

# A million values.
perl -e 'printf "10.%d.%d.%d\n", $_ >> 16, $_ >> 8 & 255, $_ & 255 for 1 .. 1000000' >addresses
perl -e 'print "user$_\@example.org\n" for 1 .. 1000000' >users
{ echo 198.51.100.0/24; cat addresses; } >nets.big
filter_is "a file of a million addresses and a net" "0 $(line 4p)" 'src in @nets.big' small
filter_is "a file of a million names" "1 " 'address in @users' small

# The recipes of the manual.
grep -a '^\.Dl \$ ' "$manual" | sed 's/^\.Dl \$ //; s/\\(dq/"/g; s/\\e/\\/g' >recipes
while read -r recipe; do
	case $recipe in
	*txjoin*)
		[ -x "$BIN/txjoin" ] || { skip "$recipe" "there is no txjoin yet"; continue; } ;;
	esac
	got=$(sh -c "$recipe" 2>&1 >out)
	is "$got $(grep -a -c . out | sed 's/[1-9][0-9]*/some/')" " some" "$recipe"
done <recipes

# the queue and the numbers
cat >queue <<'END'
report|0.7|1600000000.500000|smtp-out|link-failed|00000000000000c1|192.0.2.3:25|Connection refused|twice
report|0.7|1600000001.000000|queue|envelope-deferred|0000000000000000|0000000a|0000000a00000001|relay|1|0.250000|1600000900.000000|[2001:db8::3]:25|a\174b@Example.org|450 4.2.0 a|b
report|1|1600000900|queue|envelope-delivered|0000000000000000|0000000a|0000000a00000001|lmtp|2|900|local:0|<x@b.example>|250 a|b
report|0.7|1600000901.000000|queue|envelope-expired|0000000000000000|0000000a|0000000a00000002|mda|7|345600.125||y@b.example|
report|0.7|1600000902.000000|queue|message-bounce|0000000000000000|0000000a|failed|0badcafe|s|s@a.example
report|0.7|1600000960.000000|stats|gauge|0000000000000000|queue.hosts.held|3
report|0.7|1600000960.000000|stats|counter|0000000000000000|smtp.connections|12345678901234567890
END
chosen()	# CONDITION NUMBERS: of the lines
{
	is "$(rptfilter "$1" queue 2>&1 | grep -nxFf - queue | cut -d : -f 1 | paste -sd ,)" "$2" "$1"
}
chosen 'delay > 60' 3,4
chosen 'delay < 0.3 and transport == relay' 2
chosen 'attempts >= 2' 3,4
chosen 'next > 1600000000' 2
chosen 'dest in (2001:db8::/32, 192.0.2.0/24)' 1,2
chosen 'recipient.domain == example.ORG' 2
chosen 'recipient == x@b.example' 3
chosen 'bounce == 0BADCAFE' 5
chosen 'msgid == a and not recipient.user == y' 2,3,5
chosen 'name == queue.hosts.held and value > 2' 6
chosen 'reason ~ refused' 1
chosen 'subsystem in (queue, stats) and event ~ "^envelope-"' 2,3,4
rptfilter -S 'event == link-failed' queue >got
is "$(wc -l <got)" 1 "a session that never was is whole"
rptfilter -S -g 'transport == mda' queue >got
is "$(grep -c envelope got)" 1 "each line of the queue is a group of its own"
