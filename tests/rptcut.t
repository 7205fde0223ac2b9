#!/bin/sh
# SPDX-License-Identifier: ISC
# rptcut(1): columns by name, by part, by number; what is absent or malformed.
. tests/lib.sh

plan 71

V1=seed-v1.log

# cut_is DESCRIPTION EXPECTED OPTIONS...
cut_is()
{
	cut_what=$1 cut_expected=$2; shift 2
	is "$(rptcut "$@" 2>&1)" "$cut_expected" "$cut_what"
}

# status_is DESCRIPTION STATUS-AND-STDERR OPTIONS...
status_is()
{
	status_what=$1 status_expected=$2; shift 2
	status_got=$(rptcut "$@" 2>&1 >/dev/null </dev/null)
	is "$? $status_got" "$status_expected" "$status_what"
}

cat >"$T/log" <<'END'
report|in-smtp-link-connect|1541084929|3189ac6874354895|127.0.0.1|127.0.0.1
report|smtp-in|link-connect|1541271219|3189ac6874354895|localhost|127.0.0.1:41564|127.0.0.1:25

config|ready
report|1|1543600000|smtp-in|link-connect|c73c0aff0dfb6250|poolp.org||IPv6:2001:db8::10:50123|local:0
report|1|1544130229|smtp-in|tx-mail|0f3004c08c82d33e|fc08ce7d|<a@example.net> SIZE=512|ok
report|0.5|1580000000.004217|smtp-in|tx-mail|0f3004c08c82d33e|fc08ce7d|a|b@example.net|ok
report|0.7|1590000000.004217|smtp-in|tx-mail|0f3004c08c82d33e|fc08ce7d|ok|
report|0.7|1590000000.004217|smtp-in|tx-news|0f3004c08c82d33e|unknown
report|0.7|1690000000.004217|smtp-in|link-auth|0f3004c08c82d33e|pass|alice
report|0.7|1690000000.004217|smtp-in|link-tls|0f3004c08c82d33e|TLSv1.3:TLS_AES_256_GCM_SHA384:256
END
cd "$T" || exit 1
cp "$TOP/tests/data/$V1" .

cut_is "names, in the order asked, of every dialect" "\
link-connect:-:-
link-connect:-:-
link-connect:1:-
tx-mail:1:a@example.net
tx-mail:0.5:a|b@example.net
tx-mail:0.7:
link-auth:0.7:-
link-tls:0.7:-" -d : -f event,version,address log
cut_is "a name twice" "alice alice" -s -d ' ' -f username,username log
cut_is "TAB is the delimiter" "alice	pass" -f username,result -s - <<END
$(sed -n 10p log)
END
cut_is "aliases of smtpd-filters(7)" "fc08ce7d,-" -d, -f message-id,message-size - <<END
$(sed -n 6p log)
END
cut_is "-s skips records that have none" "alice -" -s -d ' ' -f username,size log
cut_is "-s keeps those that have one" "- c73c0aff0dfb6250
- 0f3004c08c82d33e" -d ' ' -s -f address,session - <<END
$(sed -n '5p;11p' log)
END
cut_is "parts of addresses" "127.0.0.1 NONE 127.0.0.1 NONE
127.0.0.1 41564 127.0.0.1 25
2001:db8::10 50123 NONE NONE" -e NONE -d ' ' -s -f src.ip,src.port,dest.ip,dest.port log
cut_is "parts of mail addresses" "a example.net
a|b example.net" -d ' ' -s -f address.user,address.domain log
cut_is "parts of TLS texts" "TLSv1.3 TLS_AES_256_GCM_SHA384 256
TLSv1.2 ECDHE-RSA-CHACHA20-POLY1305 256" -d ' ' -s -f tls.version,tls.cipher,tls.bits log $V1
cut_is "an empty delimiter and an empty text for the absent" "alicepass" \
    -d '' -e '' -s -f username,size,result - <<END
$(sed -n 10p log)
END
cut_is "-H names the columns as they were asked for" "src.ip|message-id
-|fc08ce7d" -H -d '|' -f src.ip,message-id - <<END
$(sed -n 8p log)
END
is "$(rptcut -0 -f event $V1 | tr '\0' ' ' | cut -c 1-44)" \
    "link-connect protocol-server protocol-client" "-0 ends records with NUL"

# numbers, as in cut
for fields in 3,5,6 1 2-4 5- -3 6-6 2,4,6; do
	rptcut -d '|' -f $fields $V1 >got
	cut -d '|' -f $fields $V1 >expected
	same got expected "-f $fields is what cut gives"
done
cut_is "numbers of lines without a version" "in-smtp-link-connect 3189ac6874354895
smtp-in 1541271219" -d ' ' -f 2,4 - <<END
$(sed -n 1,2p log)
END
cut_is "numbers and names" "c73c0b206ad6c41c link-disconnect report -" \
    -d ' ' -f 6,event,1,9 - <<END
$(sed -n 58p $V1)
END

# all but
cut_is "-v: all but these, in the newest order" "smtp-in tx-mail fc08ce7d ok a|b@example.net" \
    -v -d ' ' -f version,time,session - <<END
$(sed -n 7p log)
END
cut_is "-v with numbers" "report smtp-in tx-mail fc08ce7d ok " -v -d ' ' -f 2-3,6 - <<END
$(sed -n 8p log)
END

# files and standard input
cat log $V1 >both
rptcut -f event,time both >expected
rptcut -f event,time log $V1 >got
same got expected "files one after the other"
rptcut -f event,time - <both >got
same got expected "- is standard input"
rptcut -f event,time <both >got
same got expected "standard input without files"
printf %s "$(cat both)" | rptcut -f event,time >got
same got expected "a missing last newline"
perl -e '$| = 1; while (sysread STDIN, $b, 7) { syswrite STDOUT, $b }' <both |
    rptcut -f event,time >got
same got expected "input in small pieces"

# Output is there before the tool waits for more.
mkfifo fifo
rptcut -f session <fifo >live &
exec 3>fifo
sed -n 1p $V1 >&3
has_line() { [ "$(cat live)" = c73c0aff0dfb6250 ]; }
ok "a line shows at once" wait_for "$PATIENCE" has_line
exec 3>&-
wait

# what is wrong
{ sed -n 1p $V1; echo 'report|1|x|smtp-in|timeout|c7'; echo hello; sed -n 2p $V1; } >bad
status_is "malformed lines are named" "2 rptcut: bad:2: time: not a time: report|1|x|smtp-in|timeout|c7
rptcut: bad:3: not a report line: hello" -f event bad
is "$(rptcut -Q -f event bad)" "link-connect
protocol-server" "and the others are processed"
status_is "-Q: no diagnostics, the same status" "2 " -Q -f event bad
perl -e 'print "what\n" x 5000' >worse
is "$(rptcut -f event worse 2>&1 | tail -n 2)" "rptcut: worse:10: not a report line: what
rptcut: 5000 malformed lines in all" "the first few and then a count"
perl -e 'print "report|1|1|smtp-in|protocol-client|c7|", "x" x (17 << 20), "\n"' >long
cat $V1 >>long
status_is "a line that is too long is cut off and named" \
    "2 rptcut: long:1: line too long: report|1|1|smtp-in|protocol-client|c7|$(printf %0162d 0 | tr 0 x)" \
    -f event long
is "$(rptcut -Q -f event long | wc -l | tr -d ' ')" 60 "and the lines behind it are read"
status_is "no such file" "2 rptcut: gone: No such file or directory" -f event gone $V1
is "$(rptcut -Qf event gone $V1 2>/dev/null | wc -l | tr -d ' ')" 60 "the next file is read"
status_is "nothing selected" "1 " -s -f username $V1
status_is "empty input" "0 " -f username
status_is "no such field: the nearest" \
    "2 rptcut: no event has a field sesion; nearest: session" -f event,sesion
status_is "no such part" "2 rptcut: no such part: src.domain; src has .ip .port" -f src.domain
status_is "no such number" "2 rptcut: bad field number: 3-1" -f 3-1
got=$(rptcut -f event $V1 2>&1 >/dev/full)
is "$? $got" "2 rptcut: stdout: No space left on device" "a full disk is said"

rptcut -l >vocabulary
is "$(grep -c '^event' vocabulary) $(grep '^field	src' vocabulary) $(grep -c '^dialect' vocabulary)" \
    "34 field	src	.ip.port 11" "-l lists events, fields and dialects"

# files that a decompressor reads
for program in gzip zstd xz; do
	case $program in
	gzip) suffix=gz ;;
	zstd) suffix=zst ;;
	*) suffix=xz ;;
	esac
	if ! command -v $program >/dev/null; then
		skip ".$suffix is read through $program" "no $program"
		continue
	fi
	$program -c $V1 >packed.$suffix
	rptcut -f event,time log packed.$suffix - <log >got
	cat log $V1 log | rptcut -f event,time >expected
	same got expected ".$suffix is read through $program"
done
head -c 300 packed.gz >torn.gz
got=$(rptcut -f event torn.gz $V1 2>&1 >torn)
is "$? $(echo "$got" | grep '^rptcut') $(tail -n 1 torn)" \
    "2 rptcut: torn.gz: gzip: Input/output error tx-rcpt" "a torn file is said, the next one read"
got=$(PATH=/nonexistent "$BIN/rptcut" -f event packed.gz $V1 2>&1 >torn)
is "$? $got $(wc -l <torn | tr -d ' ')" \
    "2 rptcut: packed.gz: gzip: No such file or directory 60" "a missing decompressor is named"

# what stands in lines
perl -e 'print "report|0.7|1.5|smtp-in|protocol-client|c7|", $_, "\n" for
    "A\r", "B\0B", "\xff\xfe", "|", "x" x 65536, "y" x 300000; print "\n"' >odd
rptcut -f command odd >got
perl -e 'print "$_\n" for "A\r", "B\0B", "\xff\xfe", "|", "x" x 65536, "y" x 300000' >expected
same got expected "CR, NUL, 8-bit bytes, bars and long lines in a value"
perl -e '$| = 1; while (sysread STDIN, $b, 4093) { syswrite STDOUT, $b }' <odd |
    rptcut -f command >got
same got expected "the same in pieces"

# derived events
cat >derived <<'END'
report|0.7|1541750440.5|smtp-in|tx-summary|c73c0aff0dfb6250|fc08ce7d|commit|1541750432.25|8.250000|192.0.2.7:4242|192.0.2.1:25|mx.example.net|pass|EHLO|mx.example.net|TLSv1.3:AES:256||a%7Cb%2Cc@example.net|x%2Cy@example.org,z@example.com|ok,permfail|fc08ce7d00000001,|512||||250 2.0.0 a%7Cb 100%25
report|0.7|1541750441.5|smtp-in|tx-summary|c73c0aff0dfb6251|fc08ce7e|open|1541750432.25|9.250000|||||||||<>|x%2Cy%25@example.org|ok|||||gap,late-start|
END
cut_is "a list of several is as it stands, of one decoded" "x%2Cy@example.org,z@example.com
x,y%@example.org" -f recipient derived
cut_is "parts of items" "x%2Cy,z example.org,example.com
x,y% example.org" -d ' ' -f recipient.user,recipient.domain derived
cut_is "other values are decoded" "a|b,c@example.net;250 2.0.0 a|b 100%;TLSv1.3
<>;-;-" -d ';' -f sender,reply,tls.version derived
cut_is "parts of the null sender" "a|b,c-example.net
NONE-NONE" -e NONE -d - -f sender.user,sender.domain derived
cut_is "an empty item keeps its place, an empty field is absent" "fc08ce7d00000001, -
- gap,late-start" -d ' ' -f evpid,mark derived
cut_is "-s: an empty field of a derived event is none" "TLSv1.3:AES:256" -s -f tls derived
cut_is "-v decodes too" "a|b,c@example.net" -v -d ';' -f "$(sed 's/^[^,]*,//' <<-END
	,$(rptcut -l | grep 'event	tx-summary' | cut -f 3 |
	    sed 's/sender,//'),version,time,subsystem,event,session
	END
)" - <<END
$(sed -n 1p derived)
END
perl -e 'print "report|0.7|1.5|smtp-in|tx-summary|c7|fc|open|1.5|1.0", "|" x 17, "%25%7C" x 60000, "\n"' >long
rptcut -f reply long >got
perl -e 'print "%|" x 60000, "\n"' >expected
same got expected "a long encoded value"

# times
cut_is "-T" "08:00:40 08:00:32
08:00:41 08:00:32" -u -T %H:%M:%S -d ' ' -f time,begin derived
cut_is "-T with %N" "40.500000 c7-less" -T %S.%N -d ' ' -e c7-less -f time,size - <<END
$(sed -n 2p derived | sed 's/1541750441.5/1541750440.5/')
END
is "$(TZ=UTC-2 rptcut -T %H -f time derived) $(TZ=UTC-2 rptcut -uT %H -f time derived)" \
    "10
10 08
08" "local time, -u for UTC"
cut_is "-u alone" "2018-11-09T08:00:40Z
2018-11-09T08:00:41Z" -u -f time derived
status_is "a time format that does not fit" \
    "2 rptcut: time format too long: $(printf %0300d 0)" -T "$(printf %0300d 0)" -f time

# What is not asked for is not looked at; what is asked for is.
printf 'report|0.7|1.5|smtp-in|tx-commit|c7|fc08ce7d|many\n' >wrong
status_is "a field that is asked for is checked" \
    "2 rptcut: wrong:1: size: not a number: $(cat wrong)" -f msgid wrong
status_is "without it the line is good" "0 " -f event,address wrong

# Any two pieces of the input are the same as the whole.
head -c 1500 both >short
rptcut -f time,event,address.domain,5- short >whole 2>errors
perl -e '
	open(my $f, "<", "short"); read($f, my $s, 99999);
	open(my $w, "<", "whole"); read($w, my $whole, 99999);
	for my $i (1 .. length($s) - 1) {
		pipe(my $r, my $to);
		my $pid = fork // die;
		if ($pid == 0) {
			close($r);
			syswrite $to, substr($s, 0, $i);
			select(undef, undef, undef, 0.001) if $i % 50 == 0;
			syswrite $to, substr($s, $i);
			exit;
		}
		close($to);
		open(STDIN, "<&", $r); close($r);
		my $got = `rptcut -Qf time,event,address.domain,5-`;
		waitpid($pid, 0);
		die "at $i\n" if $got ne $whole;
	}
' 2>errors
is "$? $(cat errors)" "0 " "the input split at each byte"

# -- the queue and the numbers --
cat >queue <<'END'
report|0.7|1600000000.500000|smtp-out|link-failed|00000000000000c1|192.0.2.3:25|Connection refused|twice
report|0.7|1600000001.000000|queue|envelope-deferred|0000000000000000|0000000a|0000000a00000001|relay|1|0.250000|1600000900.000000|[2001:db8::3]:25|a\174b@Example.org|450 4.2.0 a|b
report|1|1600000900|queue|envelope-delivered|0000000000000000|0000000a|0000000a00000001|lmtp|2|900|local:0|<x@b.example>|250 a|b
report|0.7|1600000901.000000|queue|envelope-expired|0000000000000000|0000000a|0000000a00000002|mda|7|345600.125||y@b.example|
report|0.7|1600000902.000000|queue|message-bounce|0000000000000000|0000000a|failed|0badcafe|s|s@a.example
report|0.7|1600000960.000000|stats|gauge|0000000000000000|queue.hosts.held|3
report|0.7|1600000960.000000|stats|counter|0000000000000000|smtp.connections|12345678901234567890
END
cut_is "what became of envelopes" "\
envelope-deferred 0000000a00000001 relay 1 0.250000 1600000900.000000 2001:db8::3 25
envelope-delivered 0000000a00000001 lmtp 2 900 - - -
envelope-expired 0000000a00000002 mda 7 345600.125 - - -" \
    -d ' ' -s -f event,evpid,transport,attempts,delay,next,dest.ip,dest.port - <<END
$(sed -n 2,4p queue)
END
cut_is "the recipient's bars are escaped, the reply's are not" "\
a\\174b@Example.org Example.org 450 4.2.0 a|b
x@b.example b.example 250 a|b
y@b.example b.example " -d ' ' -s -f recipient,recipient.domain,reply - <<END
$(sed -n 2,4p queue)
END
cut_is "a connection that did not come up, a bounce" "\
192.0.2.3:25 Connection refused|twice - -
- - 0badcafe s|s@a.example" -d ' ' -s -f dest,reason,bounce,recipient - <<END
$(sed -n '1p;5p' queue)
END
cut_is "numbers" "gauge queue.hosts.held 3
counter smtp.connections 12345678901234567890" -d ' ' -s -f event,name,value - <<END
$(sed -n 6,7p queue)
END
