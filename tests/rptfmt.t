#!/bin/sh
# SPDX-License-Identifier: ISC
# rptfmt(1): a line an event for people, safe on a terminal and live.
. tests/lib.sh

plan 21

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
END
rptfmt -u log >got
same got expected "every event"
awk -F '|' '{ print $5 }' log | sort -u >shown
rptcut -l | awk -F '\t' '$1 == "event" && $2 !~ /-summary$/ { print $2 }' | sort >known
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
