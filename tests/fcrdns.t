#!/bin/sh
# SPDX-License-Identifier: ISC
# fcrdns(1): verdicts, what -v and -j show, and streams: filled in, re-checked,
# live, slow, in order.
. tests/lib.sh

plan 56
command -v python3 >/dev/null || skip_all "no python3"
PATH=$PATH:/usr/sbin:/sbin

cat >"$T/zone" <<'END'
192.0.2.1 PTR 3600 Good.Example.org
good.example.org A 300 192.0.2.1
192.0.2.2 PTR 60 bad.example.org
bad.example.org A 60 192.0.2.99
192.0.2.4 PTR 60 alias.example.org
alias.example.org CNAME 60 real.example.org
real.example.org A 60 192.0.2.4
192.0.2.5 ! silent
192.0.2.6 PTR 60 slow.example.org
192.0.2.6 ! slow 700
slow.example.org A 60 192.0.2.6
192.0.2.7 ! servfail
192.0.2.8 PTR 60 half.example.org
half.example.org ! silent
192.0.2.9 PTR 60 first.example.org
192.0.2.9 PTR 60 second.example.org
first.example.org A 60 192.0.2.99
second.example.org A 60 192.0.2.9
2001:db8::1 PTR 60 six.example.org
six.example.org AAAA 60 2001:db8::1
six.example.org A 60 192.0.2.1
2.0.192.in-addr.arpa SOA 60 60
END
"$TOP/tests/dns/responder" -l "$T/questions" "$T/zone" >"$T/port" &
responder=$!
wait_for "$PATIENCE" test -s "$T/port" || skip_all "no responder"
R=127.0.0.1:$(cat "$T/port")

# fc_is DESCRIPTION STATUS-AND-OUTPUT OPTIONS...
fc_is()
{
	fc_what=$1 fc_expected=$2; shift 2
	fc_got=$(fcrdns -r "$R" "$@" 2>&1)
	is "$? $fc_got" "$fc_expected" "$fc_what"
}
# Times are masked.
masked() { sed -E 's/[0-9]+\.[0-9] ms/N ms/g; s/"ms":[0-9.]+/"ms":N/g'; }

# addresses
fc_is "a name that leads back" "0 192.0.2.1 pass good.example.org" 192.0.2.1
fc_is "a name that does not" "1 192.0.2.2 fail bad.example.org" 192.0.2.2
fc_is "no name" "3 192.0.2.3 permerror" 192.0.2.3
fc_is "an alias" "0 192.0.2.4 pass alias.example.org" 192.0.2.4
fc_is "no answer" "4 192.0.2.5 temperror" -t 0.3 192.0.2.5
fc_is "a late answer" "0 192.0.2.6 pass slow.example.org" 192.0.2.6
fc_is "a server that fails" "4 192.0.2.7 temperror" -t 1 192.0.2.7
fc_is "a name and no answer about it" "4 192.0.2.8 temperror half.example.org" -t 0.3 192.0.2.8
fc_is "the second name" "0 192.0.2.9 pass second.example.org" 192.0.2.9
fc_is "IPv6" "0 2001:db8::1 pass six.example.org" 2001:db8::1
fc_is "IPv4 in IPv6" "0 ::ffff:192.0.2.1 pass good.example.org" ::ffff:192.0.2.1
fc_is "as reports have them" "0 192.0.2.1:4000 pass good.example.org
[2001:db8::1]:25 pass six.example.org
IPv6:2001:db8::1:25 pass six.example.org" 192.0.2.1:4000 '[2001:db8::1]:25' IPv6:2001:db8::1:25
fc_is "in their order, and the highest status" "4 192.0.2.6 pass slow.example.org
192.0.2.7 temperror
192.0.2.3 permerror
192.0.2.2 fail bad.example.org
192.0.2.1 pass good.example.org" -t 2 192.0.2.6 192.0.2.7 192.0.2.3 192.0.2.2 192.0.2.1
fc_is "-q says nothing" "1 " -q 192.0.2.1 192.0.2.2
fc_is "no address, which is named" "2 fcrdns: not an address: mx.example.org
192.0.2.1 pass good.example.org" mx.example.org 192.0.2.1
fc_is "no address, but -Q" "2 192.0.2.1 pass good.example.org" -Q 192.0.2.300 192.0.2.1
fc_is "no address, and a worse verdict" "3 192.0.2.3 permerror" -Q x 192.0.2.3
: >"$T/questions"
fc_is "the same twice is asked once" "0 192.0.2.1 pass good.example.org
192.0.2.1 pass good.example.org" 192.0.2.1 192.0.2.1
is "$(wc -l <"$T/questions" | tr -d ' ')" 2 "as the server saw it"

# usage
got=$(fcrdns -r nonsense 192.0.2.1 2>&1 >/dev/null)
is "$? ${got%%:*}" "2 fcrdns" "a resolver that is none"
for options in "-c 0" "-c x" "-t 0" "-t x" "-z"; do
	# shellcheck disable=SC2086
	fcrdns $options 192.0.2.1 >"$T/out" 2>&1
	is $? 2 "$options is refused"
done
fcrdns -r "$R" 192.0.2.1 >/dev/full 2>"$T/err"
is "$? $(cat "$T/err")" "2 fcrdns: stdout: No space left on device" "a full disk is said"
fcrdns -r "$R" </ 2>"$T/err"
is "$? $(cat "$T/err")" "2 fcrdns: stdin: Is a directory" "a failed read is said"
got=$(fcrdns -t 2 -r 127.0.0.1:1 192.0.2.1)
is "$? $got" "4 192.0.2.1 temperror" "a resolver that is not there"

# -v and -j
is "$(fcrdns -v -r "$R" 192.0.2.4 | masked)" "\
; 4.2.0.192.in-addr.arpa. PTR? ok, ttl 60, N ms
;	4.2.0.192.in-addr.arpa.	60	IN	PTR	alias.example.org.
; alias.example.org. A? ok, ttl 60, N ms
;	alias.example.org.	60	IN	CNAME	real.example.org.
;	real.example.org.	60	IN	A	192.0.2.4
192.0.2.4 pass alias.example.org" "-v"
is "$(fcrdns -v -r "$R" 192.0.2.3 | masked)" "\
; 3.2.0.192.in-addr.arpa. PTR? no such name, ttl 60, N ms
192.0.2.3 permerror" "-v of no name"
fcrdns -v -c 1 -r "$R" 192.0.2.1 192.0.2.1 | grep -c 'from the cache' >"$T/out"
is "$(cat "$T/out")" 2 "-v tells what came from the cache"
is "$(fcrdns -j -r "$R" 192.0.2.1 192.0.2.2 192.0.2.3)" '{"address":"192.0.2.1","verdict":"pass","name":"good.example.org","ttl":300}
{"address":"192.0.2.2","verdict":"fail","name":"bad.example.org","ttl":60}
{"address":"192.0.2.3","verdict":"permerror","ttl":60}' "-j"
fcrdns -j -t 0.3 -r "$R" 192.0.2.5 | python3 -c 'import json, sys
r = json.load(sys.stdin)
print(r["verdict"], "name" in r, len(r["error"]) > 0)' >"$T/out"
is "$(cat "$T/out")" "temperror False True" "-j tells why"
fcrdns -jv -r "$R" 192.0.2.4 | python3 -c 'import json, sys
for s in json.load(sys.stdin)["steps"]:
    print(s["question"], s["type"], s["status"], s["answer"], s.get("canonical"))' >"$T/out"
is "$(cat "$T/out")" "4.2.0.192.in-addr.arpa PTR ok ['alias.example.org'] None
alias.example.org A ok ['192.0.2.4'] real.example.org" "-j -v has the steps"

# standard input
printf '192.0.2.1\n \t2001:db8::1\r\n' | fcrdns -r "$R" >"$T/out"
is "$(cat "$T/out")" "192.0.2.1 pass good.example.org
2001:db8::1 pass six.example.org" "addresses from standard input"
is "$(echo 192.0.2.1 | fcrdns -r "$R" 192.0.2.2 - 192.0.2.3)" "192.0.2.2 fail bad.example.org
192.0.2.1 pass good.example.org
192.0.2.3 permerror" "standard input among arguments"
printf 'a.example\n192.0.2.1\n' | fcrdns -r "$R" >"$T/out" 2>"$T/err"
is "$? $(cat "$T/err" "$T/out")" "2 fcrdns: stdin:1: neither an address nor a report line: a.example
192.0.2.1 pass good.example.org" "what is no address is named"
fcrdns -r "$R" </dev/null >"$T/out"
is "$? $(cat "$T/out")" "0 " "no input"

# streams
H='report|0.7|1690000000.1|smtp-in|link-connect|0f3004c08c82d3'
O='report|0.7|1690000000.1|smtp-out|link-connect|0f3004c08c82d3'
V='report|1|1543600000|smtp-in|link-connect|c73c0aff0dfb6250'
cat >"$T/stream" <<END
${H}01||error|192.0.2.6:4000|192.0.2.25:25
report|0.7|1690000000.1|smtp-in|link-greeting|0f3004c08c82d301|a.example
$V|poolp.org||IPv6:2001:db8::1:50123|local:0
${H}02|Good.example.ORG|pass|192.0.2.1:4000|192.0.2.25:25
${H}03|old.example|pass|192.0.2.2:4000|192.0.2.25:25
$V|localhost|127.0.0.1:41564|127.0.0.1:25
report|smtp-in|link-connect|1541271219|3189ac6874354895|localhost|127.0.0.1:41564|127.0.0.1:25
${O}04|<unknown>|error|:0|192.0.2.1:25
${H}05|keep.me|error|192.0.2.7:4000|192.0.2.25:25
${H}06||error|192.0.2.7:4000|192.0.2.25:25
${H}07||error|192.0.2.3:4000|192.0.2.25:25
${H}08|<unknown>|fail|192.0.2.1:4000|192.0.2.25:25
${H}09|host|pass|unix:/run/smtpd.sock|unix:/run/smtpd.sock
config|ready

report|0.9|1690000000.1|smtp-in|link-connect|0f3004c08c82d30a||error|[::ffff:192.0.2.1]:1|x|y
$(printf 'report|0.7|1690000000.1|smtp-in|protocol-client|0f3004c08c82d301|HELO \377 a|b ')
END
sed -e 's/^\(.*d301\)||error/\1|slow.example.org|pass/' -e 's/poolp.org|/six.example.org|pass/' \
    -e '/d304/s/<unknown>|error/good.example.org|pass/' -e '/d306/s/||/|<unknown>|/' \
    -e '/d307/s/||error/|<unknown>|fail/' "$T/stream" >"$T/expected"
fcrdns -t 2 -r "$R" <"$T/stream" >"$T/out" 2>"$T/err"
is "$? $(cat "$T/err")" "0 " "a stream, where verdicts do not count"
same "$T/out" "$T/expected" "what is open is filled in, all else passes"
fcrdns -t 2 -r "$R" <"$T/out" >"$T/again"
same "$T/again" "$T/expected" "and once more changes nothing"
sed -e '/d303/s/old.example|pass/bad.example.org|fail/' \
    -e '/d308/s/<unknown>|fail/good.example.org|pass/' "$T/expected" >"$T/expected2"
sed -i '/d304/s/pass/fail/' "$T/expected"
fcrdns -R -t 2 -r "$R" <"$T/expected" >"$T/out" 2>"$T/err"
is "$?" 0 "-R"
same "$T/out" "$T/expected2" "-R asks again for all"
is "$(sort "$T/err")" "\
fcrdns: stdin:12: 192.0.2.1: rdns <unknown> -> good.example.org, fcrdns fail -> pass
fcrdns: stdin:5: 192.0.2.2: rdns old.example -> bad.example.org, fcrdns pass -> fail
fcrdns: stdin:8: 192.0.2.1: fcrdns fail -> pass" "-R names what changed"
fcrdns -R -Q -q -t 2 -r "$R" <"$T/expected" >"$T/out" 2>&1
is "$? $(cat "$T/out")" "0 " "-R -Q -q says nothing"
fcrdns -v -r "$R" >"$T/out" 2>"$T/err" <<END
${H}0b||error|192.0.2.1:4000|192.0.2.25:25
END
is "$(cat "$T/out")" "${H}0b|good.example.org|pass|192.0.2.1:4000|192.0.2.25:25" "-v leaves a stream alone"
is "$(tail -n 1 "$T/err")" "; 192.0.2.1 pass good.example.org" "and speaks on standard error"
printf 'report|0.7|x\n192.0.2.1\nreport|0.7|1.1|smtp-in|link-connect|1|a\n' |
    fcrdns -r "$R" >"$T/out" 2>"$T/err"
is "$? $(cat "$T/out")" "2 report|0.7|x
192.0.2.1 pass good.example.org
report|0.7|1.1|smtp-in|link-connect|1|a" "malformed lines pass"
is "$(cat "$T/err")" "fcrdns: stdin:1: time: not a time: report|0.7|x
fcrdns: stdin:3: src: missing: report|0.7|1.1|smtp-in|link-connect|1|a" "and are named"

# live
mkfifo "$T/fifo"
fcrdns -t 0.5 -r "$R" <"$T/fifo" >"$T/out" &
exec 9>"$T/fifo"
echo 'config|ready' >&9
ok "a line is written at once" wait_for "$PATIENCE" grep -q ready "$T/out"
echo "${H}0c||error|192.0.2.5:4000|192.0.2.25:25" >&9
echo 'config|behind' >&9
sleep 0.1
is "$(wc -l <"$T/out" | tr -d ' ')" 1 "what is behind an open one waits"
ok "and no longer than -t" wait_for "$PATIENCE" grep -q behind "$T/out"
is "$(sed -n 2p "$T/out")" "${H}0c|<unknown>|error|192.0.2.5:4000|192.0.2.25:25" "which goes out as it is, marked"
exec 9>&-
wait $!

# Many, some of which never answer; a reader that is away loses nothing.
awk 'BEGIN { for (i = 0; i < 3000; i++) print "192.0.2." (i % 10 == 5 ? 1 : i % 10) }' >"$T/many"
fcrdns -c 50 -t 3 -r "$R" <"$T/many" | { sleep 1; cat; } >"$T/out"
is "$(awk '{ print $1 }' "$T/out" | cmp - "$T/many" && echo same)" same "many, in their order"

# Debian's nsd
nsd_test()
{
	command -v nsd >/dev/null || { skip "nsd" "not installed"; return; }
	NSD_PORT=$(free_port)
	cat >"$T/nsd.conf" <<-END
	server:
		ip-address: 127.0.0.1@$NSD_PORT
		username: ""
		chroot: ""
		zonesdir: "$T"
		zonelistfile: "$T/zone.list"
		pidfile: "$T/nsd.pid"
		database: ""
		xfrdfile: "$T/xfrd.state"
		xfrdir: "$T"
		logfile: "$T/nsd.log"
		server-count: 1
		rrl-ratelimit: 0
	remote-control:
		control-enable: no
	zone:
		name: "example"
		zonefile: "example.zone"
	zone:
		name: "2.0.192.in-addr.arpa"
		zonefile: "reverse.zone"
	END
	awk -v dir="$T" 'BEGIN {
		soa = "$TTL 60\n@ SOA ns.example. root.example. 1 3600 600 86400 60\n@ NS ns.example.\n"
		printf "%sns A 127.0.0.1\n", soa >(dir "/example.zone")
		printf "%s", soa >(dir "/reverse.zone")
		for (i = 0; i < 200; i++) {
			print i " PTR H" i ".example." >(dir "/reverse.zone")
			print "h" i " A 192.0.2." i + (i % 10 == 7) >(dir "/example.zone")
			print "192.0.2." i (i % 10 == 7 ? " fail" : " pass") " h" i ".example" >(dir "/nsd.expected")
		}
		for (i = 200; i < 220; i++)
			print "192.0.2." i " permerror" >(dir "/nsd.expected")
		for (i = 0; i < 60; i++) {
			print "255 PTR many" i ".example." >(dir "/reverse.zone")
			print "many" i " A 192.0.2.1" >(dir "/example.zone")
		}
	}'
	nsd -d -c "$T/nsd.conf" >"$T/nsd.out" 2>&1 &
	nsd_pid=$!
	nsd_up() { fcrdns -t 1 -q -r "127.0.0.1:$NSD_PORT" 192.0.2.1; }
	if wait_for "$PATIENCE" nsd_up; then
		cut -d ' ' -f 1 "$T/nsd.expected" | fcrdns -r "127.0.0.1:$NSD_PORT" >"$T/out"
		same "$T/out" "$T/nsd.expected" "nsd"
	else
		fail "nsd"; notes "$T/nsd.out"
	fi
	is "$(fcrdns -r "127.0.0.1:$NSD_PORT" 192.0.2.255 | cut -d ' ' -f 2)" fail "nsd, sixty names"
	kill $nsd_pid
	wait $nsd_pid
}
nsd_test
kill $responder
wait
