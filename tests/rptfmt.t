#!/bin/sh
# SPDX-License-Identifier: ISC
# rptfmt(1): each format, times, pseudonyms, counters; safe on a terminal and live.
. tests/lib.sh

plan 120

SAMPLES=$TOP/tests/data
cd "$T" || exit 1

# Every event, in several dialects.
cat >log <<'END'
report|1|1541750432|smtp-in|link-connect|c73c0aff0dfb6250|poolp.org|local:0|local:0
report|0.7|1541750432.5|smtp-in|link-connect|c73c0aff0dfb6251|<unknown>|fail|[2001:db8::1]:40|192.0.2.25:25
report|0.7|1541750432|smtp-in|link-greeting|1f|mx.example.org
report|0.7|1541750432|smtp-in|link-identify|1f|EHLO|client.example
report|1|1541750432|smtp-in|link-identify|1f|client.example
report|1|1541750432|smtp-out|link-tls|1f|version=TLSv1.2, cipher=CHACHA20, bits=256
report|0.7|1541750432|smtp-out|link-tls|1f|TLSv1.3:TLS_AES:128
report|0.6|1541750432|smtp-in|link-auth|1f|alice|fail
report|1|1541750432|smtp-in|link-reset|1f
report|0.7|1541750432|smtp-in|tx-begin|1f|f84306b3
report|1|1541750432|smtp-in|tx-begin|1f
report|0.7|1541750432|smtp-in|tx-mail|1f|f84306b3|ok|
report|1|1541750432|smtp-in|tx-rcpt|1f|f84306b3|<a@b> SIZE=1|permfail
report|0.7|1541750432|smtp-in|tx-envelope|1f|f84306b3|f84306b34f388082
report|0.7|1541750432|smtp-in|tx-data|1f|f84306b3|ok
report|0.7|1541750432|smtp-in|tx-commit|1f|f84306b3|301
report|0.7|1541750432|smtp-in|tx-rollback|1f|f84306b3
report|0.7|1541750432|smtp-in|tx-reset|1f|f84306b3
report|0.7|1541750432|smtp-in|protocol-client|1f|
report|0.7|1541750432|smtp-in|protocol-server|1f|250 2.0.0 Ok
report|0.7|1541750432|smtp-in|filter-response|1f|ehlo|proceed
report|0.7|1541750432|smtp-in|filter-response|1f|ehlo|reject|550 go away
report|0.7|1541750432|smtp-in|filter-report|1f|builtin|fc|no name
report|0.7|1541750432|smtp-in|timeout|1f
report|0.7|1541750432|smtp-in|link-disconnect|1f
report|0.7|1541750432|smtp-in|report-gap|0000000000000000|12|1541750400.000000|1541750431.000000
report|0.7|1541750432|queue|report-gap|0000000000000000|1|0|0
report|0.7|1541750432|smtp-out|link-failed|1f|192.0.2.25:25|Connection refused
report|0.7|1541750432|queue|envelope-delivered|0000000000000000|f84306b3|f84306b34f388082|maildir|1|0.002500||a@b|
report|1|1541750432|queue|envelope-delivered|0000000000000000|f84306b3|f84306b34f388082|relay|2|60|IPv6:2001:db8::25:25|<a@b>|250 a|b
report|0.7|1541750432|queue|envelope-deferred|0000000000000000|f84306b3|f84306b34f388082|relay|1|0.25|1541750732.000000|192.0.2.25:25|a\174b@b|450 4.2.1 later
report|0.7|1541750432|queue|envelope-failed|0000000000000000|f84306b3|f84306b34f388082|lmtp|1|0.25|unix:/run/lmtp|a@b|550 5.1.1 no
report|0.7|1541750432|queue|envelope-expired|0000000000000000|f84306b3|f84306b34f388082|mda|99|345600.000000||a@b|
report|0.7|1541750432|queue|envelope-removed|0000000000000000|f84306b3|f84306b34f388082|relay|3|12.5||a@b|removed by the administrator
report|0.7|1541750432|queue|message-bounce|0000000000000000|f84306b3|failed|0badcafe|sender@example.org
report|0.7|1541750432|stats|counter|0000000000000000|smtp.connections|42
report|0.7|1541750432|stats|gauge|0000000000000000|queue.envelopes|7
END
cat >expected <<'END'
2018-11-09 08:00:32 in    c73c0aff link-connect    local:0 > local:0 poolp.org
2018-11-09 08:00:32 in    c73c0aff link-connect    [2001:db8::1]:40 > 192.0.2.25:25 <unknown> fcrdns fail
2018-11-09 08:00:32 in    1f       link-greeting   mx.example.org
2018-11-09 08:00:32 in    1f       link-identify   EHLO client.example
2018-11-09 08:00:32 in    1f       link-identify   client.example
2018-11-09 08:00:32 out   1f       link-tls        TLSv1.2 CHACHA20 256 bits
2018-11-09 08:00:32 out   1f       link-tls        TLSv1.3 TLS_AES 128 bits
2018-11-09 08:00:32 in    1f       link-auth       fail alice
2018-11-09 08:00:32 in    1f       link-reset
2018-11-09 08:00:32 in    1f       tx-begin        f84306b3
2018-11-09 08:00:32 in    1f       tx-begin
2018-11-09 08:00:32 in    1f       tx-mail         f84306b3 ok from <>
2018-11-09 08:00:32 in    1f       tx-rcpt         f84306b3 permfail to <a@b>
2018-11-09 08:00:32 in    1f       tx-envelope     f84306b3 f84306b34f388082
2018-11-09 08:00:32 in    1f       tx-data         f84306b3 ok
2018-11-09 08:00:32 in    1f       tx-commit       f84306b3 301 bytes
2018-11-09 08:00:32 in    1f       tx-rollback     f84306b3
2018-11-09 08:00:32 in    1f       tx-reset        f84306b3
2018-11-09 08:00:32 in    1f       protocol-client
2018-11-09 08:00:32 in    1f       protocol-server 250 2.0.0 Ok
2018-11-09 08:00:32 in    1f       filter-response ehlo: proceed
2018-11-09 08:00:32 in    1f       filter-response ehlo: reject 550 go away
2018-11-09 08:00:32 in    1f       filter-report   builtin fc: no name
2018-11-09 08:00:32 in    1f       timeout
2018-11-09 08:00:32 in    1f       link-disconnect
2018-11-09 08:00:32 in    00000000 report-gap      12 lines lost from 2018-11-09 08:00:00 to 2018-11-09 08:00:31
2018-11-09 08:00:32 queue 00000000 report-gap      1 lines lost from 1970-01-01 00:00:00 to 1970-01-01 00:00:00
2018-11-09 08:00:32 out   1f       link-failed     192.0.2.25:25 Connection refused
2018-11-09 08:00:32 queue 00000000 envelope-delivered f84306b34f388082 to <a@b> by maildir after 0.002500 s attempt 1
2018-11-09 08:00:32 queue 00000000 envelope-delivered f84306b34f388082 to <a@b> by relay IPv6:2001:db8::25:25 after 60 s attempt 2 250 a|b
2018-11-09 08:00:32 queue 00000000 envelope-deferred f84306b34f388082 to <a\174b@b> by relay 192.0.2.25:25 after 0.25 s attempt 1 next 2018-11-09 08:05:32 450 4.2.1 later
2018-11-09 08:00:32 queue 00000000 envelope-failed f84306b34f388082 to <a@b> by lmtp unix:/run/lmtp after 0.25 s attempt 1 550 5.1.1 no
2018-11-09 08:00:32 queue 00000000 envelope-expired f84306b34f388082 to <a@b> by mda after 345600.000000 s attempt 99
2018-11-09 08:00:32 queue 00000000 envelope-removed f84306b34f388082 to <a@b> by relay after 12.5 s attempt 3 removed by the administrator
2018-11-09 08:00:32 queue 00000000 message-bounce  f84306b3 failed by 0badcafe to <sender@example.org>
2018-11-09 08:00:32 stats 00000000 counter         smtp.connections 42
2018-11-09 08:00:32 stats 00000000 gauge           queue.envelopes 7
END
rptfmt -u log >got
same got expected "every event"
awk -F '|' '{ print $5 }' log | sort -u >shown
rptcut -l | awk -F '\t' '$1 == "event" && $2 !~ /-summary$|^replay-/ { print $2 }' | sort >known
same shown known "the table has no other that a daemon writes"
for sample in "$SAMPLES"/*.log; do
	is "$(rptfmt -u "$sample" | wc -l)" "$(grep -c '^report|' "$sample")" \
	    "a line for each event of ${sample##*/}"
done

# What a peer sent does not drive a terminal.
printf 'report|0.7|0|smtp-in|protocol-client|1f|a\033[2J\r\tb\177\200\302\233c\303\251\\012\n' >hostile
is "$(rptfmt -T '' hostile)" \
    'in    1f       protocol-client a\033[2J\015\011b\177\200\302\233cé\012' \
    "control characters are shown as numbers, UTF-8 as it is"

# times
is "$(sed -n 2p log | TZ=EST5 rptfmt -T '%H:%M:%S.%N %%N%Z' | cut -c 1-23)" \
    "03:00:32.500000 %NEST i" "-T with a fraction, local time"
is "$(sed -n 2p log | TZ=EST5 rptfmt -u -T '%H:%M' | cut -c 1-8)" "08:00 in" "-u: UTC"
is "$(sed -n 2p log | rptfmt -T '' | cut -c 1-8)" "in    c7" "no time"
is "$(rptfmt -T "$(printf %0400d 0)" log 2>&1 | cut -c 1-30)" "rptfmt: time format too long: " \
    "a format that is too long"

# colours only where one can see them
ok "none in a pipe" test -z "$(rptfmt log | tr -cd '\033')"
coloured()	# ENVIRONMENT...
{
	env TERM=xterm "$@" script -qec "rptfmt -T '' $T/reject" /dev/null </dev/null |
	    tr -d '\r' | sed 's/\x1b/E/g'
}
sed -n 22p log >reject
if command -v script >/dev/null; then
	is "$(coloured NO_COLOR=)" "in    1f       E[31mfilter-response ehlo: reject 550 go awayE[0m" \
	    "some on a terminal"
	is "$(coloured NO_COLOR=1)" "in    1f       filter-response ehlo: reject 550 go away" \
	    "none if NO_COLOR says so"
else
	skip "some on a terminal" "no script(1)"
	skip "none if NO_COLOR says so" "no script(1)"
fi

# live, and errors
mkfifo fifo
rptfmt -T '' <fifo >live &
exec 3>fifo
sed -n 1p log >&3
has_line() { [ "$(cat live)" = "in    c73c0aff link-connect    local:0 > local:0 poolp.org" ]; }
ok "a line shows at once" wait_for "$PATIENCE" has_line
exec 3>&-
wait
{ sed -n 1p log; echo 'report|1|x|smtp-in|timeout|c7'; echo config\|ready; echo; } >bad
got=$(rptfmt -u bad 2>&1 >shown)
is "$? $got" "2 rptfmt: bad:2: time: not a time: report|1|x|smtp-in|timeout|c7" \
    "a malformed line is named; foreign and blank ones are not"
is "$(cat shown)" "$(sed -n 1p expected)" "and the others are shown"

# -- derived events, for people --
cat >derived <<'END'
report|0.7|1541750432.500000|smtp-in|tx-summary|c73c0aff0dfb6250|f84306b3|commit|1541750430.000000|2.500000|192.0.2.1:40|[2001:db8::1]:25|mail.example.org|pass|EHLO|cl%7Cient|TLSv1.3:AES:256||<>|a%2Cb@example.org,c@example.net|ok,permfail|f84306b300000001,|301||rcpt-to:proceed|gap|250 2.0.0 Ok
report|0.7|1541750432.600000|smtp-in|link-summary|c73c0aff0dfb6250|disconnect|1541750430.000000|2.500000|192.0.2.1:40|[2001:db8::1]:25|mail.example.org|pass||||alice|1|4|2|1|1|301|
report|0.7|1541750433.000000|smtp-out|msg-summary|c73c0aff0dfb6250|f84306b3|failed|1541750430.000000|a@example.org|b@example.org,c@example.org|delivered,failed|1.5,2|1,2|f84306b300000001,f84306b300000002|
report|0.7|1541750433.000000|smtp-in|replay-diff|c73c0aff0dfb6250|differs|MAIL FROM:<a%7Cb@example.org>|550 5.7.1 c%2Cd@example.net, no|250 2.0.0 Ok
END
is "$(rptfmt -T '' derived)" \
    'in    c73c0aff tx-summary      f84306b3 commit from <> to <a,b@example.org, c@example.net> ok, permfail 301 bytes TLSv1.3 in 2.500000 s
in    c73c0aff link-summary    disconnect 192.0.2.1:40 mail.example.org fcrdns pass 1 transactions 1 commits in 2.500000 s
out   c73c0aff msg-summary     f84306b3 failed from <a@example.org> to <b@example.org, c@example.org> delivered, failed after 1.5, 2 s attempt 1, 2
in    c73c0aff replay-diff     differs "MAIL FROM:<a|b@example.org>" expected: 550 5.7.1 c,d@example.net, no; got: 250 2.0.0 Ok' \
    "derived events"
rptcut -l | awk -F '\t' '$1 == "event" { print $2 }' | sort >known
{ rptcut -f event log; rptcut -f event derived; } | sort -u >shown
same shown known "log and derived have every event"

# -- times --
cut -d '|' -f 5 derived >events
is "$(rptfmt -r derived | cut -c 1-18 | paste -sd ,)" \
    "    0.000000 in   ,    0.100000 in   ,    0.500000 out  ,    0.500000 in   " "-r for people"
is "$(rptfmt -i -p '%{time}' derived | paste -sd ,)" "0.000000,0.100000,0.400000,0.000000" "-i"
is "$({ sed -n 3p derived; sed -n 1p derived; } | rptfmt -r -p '%{time} %{begin}' | paste -sd ,)" \
    "0.000000 -3.000000,-0.500000 -3.000000" "-r of what was before the first"
is "$({ sed -n 3p derived; sed -n 1p derived; } | rptfmt -i -j | cut -c 1-33 | paste -sd ,)" \
    '{"version":"0.7","time":0.000000,,{"version":"0.7","time":-0.500000' "they are numbers in JSON"
is "$(rptfmt -u -T '"%H"' -j derived | cut -c 1-31 | sed 1q)" \
    '{"version":"0.7","time":"\"08\"' "-T is a text in JSON"
is "$(rptfmt -u -T '%H:%M:%S.%N' -t -f time,begin derived | paste -sd ,)" \
    "time	begin,08:00:32.500000	08:00:30.000000,08:00:32.600000	08:00:30.000000,08:00:33.000000	08:00:30.000000,08:00:33.000000	" \
    "-T of every time"

# -- programs: JSON is read by another --
for sample in log derived hostile "$SAMPLES"/*.log; do
	rptfmt -j "$sample" >json
	cat >columns.pl <<-'END'
	use strict; use warnings; use JSON::PP;
	my $json = JSON::PP->new->utf8->allow_bignum;
	while (<>) {
		my $r = $json->decode($_);
		print join("\t", map { defined $r->{$_} ? $r->{$_} : "-" }
		    qw(subsystem event session msgid result size)), "\n";
	}
	END
	perl columns.pl json >got
	rptcut -f subsystem,event,session,msgid,result,size "$sample" >expected
	same got expected "-j of ${sample##*/} is JSON with the same values"
done
is "$(rptfmt -j hostile)" \
    '{"version":"0.7","time":0,"subsystem":"smtp-in","event":"protocol-client","session":"1f","command":"a\u001b[2J\u000d\u0009b'"$(printf '\177')"'\\200'"$(printf '\302\233')"'cé\\012"}' \
    "-j: bytes of no character, control characters, a backslash"
is "$(printf 'report|0.7|0|smtp-in|protocol-client|1f|a\000b\n' | rptfmt -j | tail -c 22)" \
    '"command":"a\u0000b"}' "-j: a NUL"
is "$(rptfmt -k log | sed -n 23p)" \
    'version=0.7 time=1541750432 subsystem=smtp-in event=filter-report session=1f kind=builtin filter=fc message="no name"' \
    "-k"
is "$(rptfmt -k hostile | cut -d ' ' -f 6-)" 'command="a\033[2J\015\011b\177\200\302\233cé\\012"' "-k of hostile text"
cat >expected <<'END'
event,recipient,identity,size
tx-summary,"a%2Cb@example.org,c@example.net",cl|ient,301
link-summary,,,
msg-summary,"b@example.org,c@example.org",,
replay-diff,,,
END
rptfmt -c -f event,recipient,identity,size derived >got
same got expected "-c"
is "$(printf 'report|0.7|0|smtp-in|protocol-client|1f|a "b", c\n' | rptfmt -c -e none -f command,reply | sed 1d)" \
    '"a ""b"", c",none' "-c: quotes are doubled; -e"
is "$(rptfmt -t -f event,recipient.domain,src.ip derived | tr '\t' '!' | paste -sd ,)" \
    "event!recipient.domain!src.ip,tx-summary!example.org,example.net!192.0.2.1,link-summary!!192.0.2.1,msg-summary!example.org,example.org!,replay-diff!!" \
    "-t"
is "$(rptfmt -t hostile | tr '\t' '\n' | wc -l)" "$(($(rptcut -l | grep -c '^field') * 2))" \
    "-t: all fields where none are named, and no TAB in a value"
is "$(rptfmt -c </dev/null | tr , '\n' | sed -n '1p; 5p')" "$(printf 'version\nsession')" \
    "a header even of nothing"
is "$(sed -n 6p log | rptfmt -x)" "version       1
time          1541750432
subsystem     smtp-out
event         link-tls
session       1f
tls           version=TLSv1.2, cipher=CHACHA20, bits=256" "-x"
is "$(rptfmt -p '%{event:-14}<%{address.domain:6}>%%\t%{msgid}' log | sed -n 13p)" \
    "tx-rcpt       <     b>%	f84306b3" "-p"
is "$(rptfmt -e none -p '%{size}' log | sort -u | paste -sd ,)" "301,none" "-p with -e"

# A list as long as a mailing list, after one as short as others.
perl -ne 'chomp; my @f = split /[|]/, $_, -1; next unless $f[4] eq "tx-summary";
    print "$_\n"; $f[19] = join ",", map { "u$_%2C\@d$_.example" } 1 .. 3000;
    print join("|", @f), "\n"' derived >list
is "$(rptfmt -t -f recipient.domain list | sed -n 3p | tr , '\n' | sort -u | wc -l)" 3000 \
    "parts of a long list"
is "$(rptfmt -j list | perl -MJSON::PP -ne 'print scalar @{decode_json($_)->{recipient}}, " "')" \
    "2 3000 " "a long list in JSON"
is "$(rptfmt -K log -p '%{recipient.user}' list | sed -n 2p | tr , '\n' | sort -u | wc -l)" 3000 \
    "pseudonyms of a long list"

# -- dialects --
for sample in "$SAMPLES"/*.log; do
	rptfmt -V same "$sample" >got
	same got "$sample" "-V same of ${sample##*/}"
done
for sample in "$SAMPLES"/*-0.6.log "$SAMPLES"/inout-tls-auth-0.7.log; do
	rptfmt -V 1 "$sample" | rptfmt -V 0.7 >got 2>&1
	rptfmt -V 0.7 "$sample" | sed -E 's/^(report\|0\.7\|[0-9]*)\.[0-9]*/\1.000000/;
	    s,unix:[^|]*,unix:/var/run/smtpd.sock,g' >expected
	same got expected "${sample##*/} to 1 and back loses only fractions"
done
is "$(rptfmt -Q -V 0.6 log | rptfmt -j | grep -c '"version":"0.6"')" "$(($(wc -l <log) - 1))" \
    "-V 0.6 writes what can be read"
got=$(rptfmt -V unversioned log 2>&1 >shown)
is "$got" "rptfmt: not written, for dialect unversioned has no such event: 26 lines" \
    "events that a dialect lacks are counted"
is "$(sed 3q shown)" "report|smtp-in|link-connect|1541750432|c73c0aff0dfb6250|poolp.org|local:0|local:0
report|smtp-in|link-connect|1541750432|c73c0aff0dfb6251|<unknown>|IPv6:2001:db8::1:40|192.0.2.25:25
report|smtp-out|link-tls|1541750432|1f|version=TLSv1.2, cipher=CHACHA20, bits=256" "-V unversioned"
is "$(printf 'config|ready\nreport|9.9|1|smtp-in|new-event|1|x\n\nfilter|a' | rptfmt -V 0.7)" \
    "$(printf 'config|ready\nreport|9.9|1|smtp-in|new-event|1|x\nfilter|a')" \
    "foreign lines pass, blank ones do not"

cat "$SAMPLES"/*.log derived log | grep -a '^report' >all
rptfmt -Q -V 0.7 all >expected
for dialect in 0.4 0.5 0.6; do
	rptfmt -Q -V $dialect all | rptfmt -V 0.7 >got
	same got expected "all there is, by way of $dialect"
done

# -- pseudonyms --
printf 'a key of sixteen\n' >key
{ cat log derived; echo 'config|admd|mx.example.org'
  echo 'report|0.4|1|smtp-in|tx-mail|1f|f84306b3|x <gilles@poolp.org> ENVID=secret|ok'; } >private
got=$(rptfmt -K key -V same private 2>&1 >hidden)
is "$got" "rptfmt: not written, for they are no known events: 1 lines" \
    "lines whose meaning is not known are not shown"
is "$(wc -l <hidden)" "$(($(wc -l <private) - 1))" "all others are"
is "$(grep -c -e poolp -e gilles -e alice -e '192\.0\.2\.1' -e 'example\.[no]' -e secret -e 'go away' hidden)" 0 \
    "nothing of what is to be hidden stands there"
for names in event,session,msgid,evpid,result time,subsystem,status,rcpt-result \
    src.port,dest.port,size,tls,fcrdns,method; do
	rptcut -f $names hidden >got
	grep -v '^config' private | rptcut -f $names >expected
	same got expected "-K keeps $names"
done
is "$(echo 'report|0.7|1|smtp-in|tx-commit|1f||301' | rptfmt -A -V same)" \
    'report|0.7|1|smtp-in|tx-commit|1f||301' "a field that is empty keeps its place"
rptfmt -K key -V same private >again 2>/dev/null
same again hidden "-K with the same key is the same again"
rptfmt -A -V same private >other 2>/dev/null
ok "-A is another each time" sh -c "! cmp -s other hidden"
is "$(rptfmt -K key -j log | sed -n 12p | cut -d , -f 1-6)" "$(rptfmt -j hidden | sed -n 12p | cut -d , -f 1-6)" \
    "-K hides in every format"
is "$(rptfmt -K key -p '%{sender.domain} %{recipient.domain}' derived | sed -n 3p | tr ' ,' '\n\n' | sort -u | wc -l)" 1 \
    "a domain is the same wherever it stands"
rptfmt -Q -V 0.7 all | rptfmt -K key -V same >expected
rptfmt -K key -V same all | rptfmt -Q -V 0.7 >got
same got expected "hidden and then rewritten is rewritten and then hidden"
is "$(rptfmt -K /dev/null log 2>&1)" "rptfmt: /dev/null: a key has at least 16 bytes" "a key too short"

# -- counters --
rptfmt -P out.prom log derived bad 2>/dev/null
is "$?" 2 "-P with a malformed line"
is "$(grep -e '^rpt_events_total{subsystem="smtp-in",event="link-connect"}' \
    -e '^rpt_results_total.*event="tx-rcpt",result="permfail"' -e '^rpt_bytes.*smtp-in' \
    -e '^rpt_lost.*smtp-in' -e '^rpt_tls.*smtp-out.*1\.2' -e 'phase="ehlo",decision="reject"' \
    -e '^rpt_other' -e '^rpt_last' -e '^rpt_status.*"commit"' out.prom)" \
'rpt_events_total{subsystem="smtp-in",event="link-connect"} 3
rpt_results_total{subsystem="smtp-in",event="tx-rcpt",result="permfail"} 1
rpt_results_total{subsystem="smtp-out",event="tx-rcpt",result="permfail"} 0
rpt_status_total{subsystem="smtp-in",event="tx-summary",status="commit"} 1
rpt_decisions_total{phase="ehlo",decision="reject"} 1
rpt_tls_total{subsystem="smtp-out",version="TLSv1.2"} 1
rpt_bytes_total{subsystem="smtp-in"} 301
rpt_lost_lines_total{subsystem="smtp-in"} 12
rpt_other_lines_total{class="foreign"} 1
rpt_other_lines_total{class="malformed"} 1
rpt_last_event_timestamp_seconds 1541750433' "-P"
other_status() { grep 'status="other"' out.prom | grep -v ' 0$'; }
is "$(other_status)" "" "no summary ends otherwise than the counters know"
is "$(grep -vE '^(# (HELP|TYPE) (rpt|pipepost)_[a-z_]+ [A-Za-z].*|(rpt|pipepost)_[a-z_]+(\{[a-z]+="[A-Za-z0-9.-]+"(,[a-z]+="[A-Za-z0-9.-]+")*\})? [0-9]+(\.[0-9]{6})?)$' out.prom)" "" \
    "every line is of the text format"
is "$(sed 's/ [0-9.]*$//' out.prom | sort | uniq -d)" "" "none stands there twice"
ok "no other file is left" test ! -e out.prom.tmp
is "$(grep -e '^rpt_fate.* [0-9.]*[1-9]' -e '^pipepost' -e '^# TYPE pipepost' out.prom; grep -c rpt_fates_total{ out.prom)" \
'rpt_fates_total{fate="delivered",transport="maildir"} 1
rpt_fates_total{fate="delivered",transport="relay"} 1
rpt_fates_total{fate="deferred",transport="relay"} 1
rpt_fates_total{fate="failed",transport="lmtp"} 1
rpt_fates_total{fate="expired",transport="mda"} 1
rpt_fates_total{fate="removed",transport="relay"} 1
rpt_fate_delay_seconds_total{fate="delivered",transport="maildir"} 0.002500
rpt_fate_delay_seconds_total{fate="delivered",transport="relay"} 60.000000
rpt_fate_delay_seconds_total{fate="deferred",transport="relay"} 0.250000
rpt_fate_delay_seconds_total{fate="failed",transport="lmtp"} 0.250000
rpt_fate_delay_seconds_total{fate="expired",transport="mda"} 345600.000000
rpt_fate_delay_seconds_total{fate="removed",transport="relay"} 12.500000
# TYPE pipepost_smtp_connections counter
pipepost_smtp_connections 42
# TYPE pipepost_queue_envelopes gauge
pipepost_queue_envelopes 7
25' "-P: fates, delays, and what the daemon counts"
sed 's/.*/report|0.7|1541750432|stats|&/' >stats <<'END'
counter|0|report.one.dropped|1
gauge|0|a|1
counter|0|report.t"w.o.dropped|3
gauge|0|filter.clam.av.latency.p99|12
counter|0|filter.clam.av.requests|9
gauge|0|filter.dkim.latency.p99|14
gauge|0|filter.latency.p50|3
gauge|0|a|2
counter|0|report.dropped|7
END
rptfmt -P stats.prom stats
is "$(grep pipepost stats.prom | grep -v HELP)" '# TYPE pipepost_report_dropped counter
pipepost_report_dropped{report="one"} 1
pipepost_report_dropped{report="t\"w.o"} 3
pipepost_report_dropped 7
# TYPE pipepost_a gauge
pipepost_a 2
# TYPE pipepost_filter_latency_p99 gauge
pipepost_filter_latency_p99{filter="clam.av"} 12
pipepost_filter_latency_p99{filter="dkim"} 14
# TYPE pipepost_filter_requests counter
pipepost_filter_requests{filter="clam.av"} 9
# TYPE pipepost_filter_latency_p50 gauge
pipepost_filter_latency_p50 3' "-P: names with a name in them, one family together, the newest value"
seq 1 1000 | sed 's/.*/report|0.7|1541750432|stats|gauge|0|n&|1/' | rptfmt -P stats.prom
is "$(grep -c '^pipepost' stats.prom)" 256 "-P: no stream makes more names than that"
printf 'report|0.7|0|smtp-in|tx-rcpt|1f|f8|made-up|x\n' | rptfmt -P odd.prom
printf 'report|0.7|0|smtp-in|timeout|1f\n' | rptfmt -P usual.prom
is "$(sed 's/ [0-9]*$//' odd.prom)" "$(sed 's/ [0-9]*$//' usual.prom)" "no line makes labels"
is "$(grep -c ',result="other"} 1$' odd.prom)" 1 "what nobody knows is \"other\""
sed 's/|commit|/||/' derived | rptfmt -P odd.prom
is "$(grep -c '^rpt_status_total.* [1-9]' odd.prom)" 3 "a status that is absent is none"
rptfmt -P live.prom:1 <fifo &
exec 3>fifo
sed -n 1p log >&3
ok "written while input waits" wait_for "$PATIENCE" grep -q '^rpt_sessions_total{subsystem="smtp-in"} 1' live.prom
exec 3>&-
wait
rptfmt -P no/such.prom log 2>err
is "$? $(cat err)" "2 rptfmt: no/such.prom: No such file or directory" "a file that cannot be written"
mkfifo device
timeout 10 rptfmt -P device log 2>err
is "$? $(cat err)" "2 rptfmt: device: not a regular file, which -P replaces" "what is no regular file is left alone"
ok "and stands there as before" test -p device
is "$(rptfmt -P out.prom:0 log 2>&1; echo $?)" "rptfmt: -P out.prom:0: not file[:seconds], of 1 to 86400 seconds
2" "seconds that are none"

# -- usage, errors, and any split --
is "$(rptfmt -j log 2>&1 >/dev/full; echo $?)" "rptfmt: stdout: No space left on device
2" "a full disk is not silent"
rptfmt -j no-such-file log >got 2>err
is "$? $(wc -l <got) $(cat err)" "2 $(wc -l <log) rptfmt: no-such-file: No such file or directory" \
    "the files that are there are read"
is "$(rptfmt -Q -p '%{event}' bad 2>&1; echo $?)" "link-connect
2" "-Q says nothing, but the status does"
usage_is()	# ERROR DESCRIPTION OPTION...
{
	usage_error=$1 usage_what=$2
	shift 2
	usage_got=$(rptfmt "$@" log 2>&1)
	is "$? $usage_got" "2 rptfmt: $usage_error" "$usage_what"
}
usage_is "-j and -c: one format at a time" "formats exclude each other" -j -c
usage_is "-T, -r and -i: one at a time" "so do times" -r -i
usage_is "no event has a field evnt; nearest: event" "a name that none has" -p '%{evnt}'
usage_is "-V does not change times" "-V with times" -V 1 -u
usage_is "-P shows no values: of the other options only -Q" "-P with others" -P x -A
split()		# OPTION...
{
	rptfmt "$@" split >expected
	perl -e 'local $/; $| = 1; my $all = <STDIN>; my ($step) = @ARGV;
	    for (my $i = 0; $i < length $all; $i += $step) {
		syswrite STDOUT, substr($all, $i, $step); select undef, undef, undef, 0.0002 }' \
	    1 <split | rptfmt "$@" >got
	same got expected "byte by byte: $*"
}
cat derived hostile >split
split -j
split -K key -V 0.4
split -c -u -T %H:%M

# -- what hides names hides them where nobody expects one ----------------------

echo 'report|0.8|1541750432.1|smtp-in|link-auth|00000000000000ab|gilles@poolp.org|pass' |
    rptfmt -A -V same >got
is "$(cut -d '|' -f 7 got)" '***' "a dialect nobody knows has a name where a word should be: hidden"
echo 'report|0.7|1541750432.1|smtp-in|tx-mail|00000000000000ab|zz|ok|gilles@poolp.org' >in
rptfmt -A in 2>err
is "$(cat err)" "rptfmt: in:1: msgid: not 1 to 8 hexadecimal digits" "a malformed line is named, and not quoted"
mkfifo silent
sleep 600 >silent &
sleeper=$!
rptfmt -P counters:600 silent &
reader=$!
ok "counters are there before there is a line" wait_for "$PATIENCE" test -s counters
# Its shell may still open the pipe, and not have given back what it traps.
kill -9 $sleeper $reader
wait $sleeper $reader 2>/dev/null || :
