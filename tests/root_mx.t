#!/bin/sh
# SPDX-License-Identifier: ISC
# Where mail for a domain goes (RFC 5321 5.1, RFC 7505): MX by preference, ties,
# none, the null MX, hosts that are down, slow, or ourselves.  Port 25 of
# 127.0.0.N in a network of the test's own; servers and DNS are scripted.
if [ -z "$PIPEPOST_NETWORK" ] && [ "$(id -u)" = 0 ]; then
	unshare -n ip link >/dev/null 2>&1 || {
		echo "1..0 # SKIP needs network namespaces and ip(8) of iproute2"
		exit 0
	}
	PIPEPOST_NETWORK=1 exec unshare -n sh "$0" "$@"
fi
. tests/lib.sh
plan 28
ip link set lo up
echo 0 >/proc/sys/net/ipv4/ip_unprivileged_port_start

cat >"$T/zone" <<'ZONE'
test SOA 60 60
one.test MX 60 10 h2.test
second.test MX 60 20 h3.test
second.test MX 60 10 down.test
fallback.test MX 60 10 busy.test
fallback.test MX 60 20 h2.test
tie.test MX 60 10 h2.test
tie.test MX 60 10 h3.test
implicit.test A 60 127.0.0.3
alias.test CNAME 60 one.test
null.test MX 60 0 .
noaddress.test MX 60 10 nowhere.test
self.test MX 60 10 self.host.test
self.host.test A 60 127.0.0.1
loop.test ! loop cname
broken.test ! servfail
xn--bcher-kva.test MX 60 10 h3.test
slow.test ! slow 1500
slow.test MX 60 10 h2.test
h2.test A 60 127.0.0.2
h3.test A 60 127.0.0.3
busy.test A 60 127.0.0.4
down.test A 60 127.0.0.9
ZONE
for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
	echo "tie$i.test MX 60 10 h2.test"
	echo "tie$i.test MX 60 10 h3.test"
done >>"$T/zone"
python3 tests/dns/responder "$T/zone" >"$T/port" &
wait_for 10 test -s "$T/port" || exit 1
RESOLVER=127.0.0.1:$(cat "$T/port")

# Servers: 127.0.0.2 and .3 take mail, .4 is busy; each recipient is a line of $T/taken.
cat >"$T/server.py" <<'PY'
import asyncio, sys

async def serve(reader, writer, n, taken):
    def say(line):
        writer.write(line.encode() + b"\r\n")
    if n == 4:
        say("421 4.3.2 busy")
        writer.close()
        return
    say("220 h%d.test" % n)
    while True:
        line = (await reader.readline()).decode("latin-1").strip()
        verb = line[:4].upper()
        if not line:
            break
        if verb == "RCPT":
            print(n, line.split("<")[1].split(">")[0], file=taken, flush=True)
        if verb == "DATA":
            say("354 go on")
            while (await reader.readline()).rstrip(b"\r\n") != b".":
                pass
        if verb == "EHLO":
            say("250-h%d.test\r\n250-8BITMIME" % n)
        say({"QUIT": "221 bye", "EHLO": "250 SMTPUTF8"}.get(verb, "250 ok"))
        if verb == "QUIT":
            break
    writer.close()

async def main():
    taken = open(sys.argv[1], "a")
    servers = [await asyncio.start_server(
        lambda r, w, n=n: serve(r, w, n, taken), "127.0.0.%d" % n, 25) for n in (2, 3, 4)]
    print("ready", flush=True)
    await asyncio.gather(*[s.serve_forever() for s in servers])

asyncio.run(main())
PY
python3 "$T/server.py" "$T/taken" >"$T/ready" 2>"$T/server.log" &
wait_for 10 test -s "$T/ready" || { notes "$T/server.log"; exit 1; }

PORT=25
smtpd_as nobody
smtpd_conf <<CONF
listen on 127.0.0.1 port 25 hostname here.test
table me { sender = nobody }
action "local" maildir "$T/run/Maildir" alias <me>
action "out" relay
match from any for domain "here.test" action "local"
match from any for any action "out"
proc keep "cat >>'$T/run/report'" protocol "0.7"
report smtp-out on keep
report queue on keep
CONF
ok "the daemon starts" smtpd_start

send() { printf 'Subject: x\n\nx\n' | "$SENDMAIL" -f "$@"; }
# What the queue says last of an address: event and reply.
said() { rptfilter "subsystem == queue and recipient == \"$1\"" "$T/run/report" 2>/dev/null | tail -n 1; }
said_of() { [ -n "$(said "$1")" ]; }
event() { wait_for "$PATIENCE" said_of "$1"; said "$1" | rptcut -f event; }
reply() { said "$1" | rptcut -f reply; }
taker() { sed -n "s/ $1\$//p" "$T/taken"; }

send a@here.test u@one.test
is "$(event u@one.test) $(taker u@one.test)" "envelope-delivered 2" "the MX"
send a@here.test u@second.test
is "$(event u@second.test) $(taker u@second.test)" "envelope-delivered 3" "the next one, if the best is down"
ok "which is an event of its own" grep -q '|link-failed|.*|127\.0\.0\.9:25|' "$T/run/report"
send a@here.test u@fallback.test
is "$(event u@fallback.test) $(taker u@fallback.test)" "envelope-delivered 2" "or is busy"
send a@here.test u@implicit.test
is "$(event u@implicit.test) $(taker u@implicit.test)" "envelope-delivered 3" "no MX: the host itself"
send a@here.test u@alias.test
is "$(event u@alias.test) $(taker u@alias.test)" "envelope-delivered 2" "through a CNAME"
send a@here.test 'u@[127.0.0.3]'
is "$(event 'u@[127.0.0.3]') $(taker 'u@\[127.0.0.3\]')" "envelope-delivered 3" "an address literal"
send a@here.test u@slow.test
is "$(event u@slow.test) $(taker u@slow.test)" "envelope-delivered 2" "a DNS that is slow"

# It is xn--bcher-kva.test in the DNS (RFC 5891).
idn=$(printf 'u@b\303\274cher.test')
send a@here.test "$idn"
is "$(event "$idn") $(taker "u@b.*cher.test")" "envelope-delivered 3" "a domain in UTF-8"

# Equal preferences are drawn by lot, each time a destination is looked for.
send a@here.test u@tie1.test u@tie2.test u@tie3.test u@tie4.test u@tie5.test u@tie6.test u@tie7.test \
    u@tie8.test u@tie9.test u@tie10.test u@tie11.test u@tie12.test u@tie13.test u@tie14.test \
    u@tie15.test u@tie16.test u@tie17.test u@tie18.test u@tie19.test u@tie20.test
ties() { [ "$(grep -c '@tie' "$T/taken")" = 20 ]; }
ok "twenty domains of two equal MXs" wait_for "$PATIENCE" ties
is "$(grep '@tie' "$T/taken" | cut -d ' ' -f 1 | sort -u | paste -sd ' ' -)" "2 3" "both have their share"

# never DOMAIN STATUS DESCRIPTION: fails at once, and the sender is told so.
never()
{
	rm -rf "$T/run/Maildir"
	send sender@here.test "u@$1"
	is "$(event "u@$1")" envelope-failed "$3"
	told() { grep -rqs '^Action: failed' "$T/run/Maildir/new"; }
	wait_for "$PATIENCE" told
	is "$(grep -rhs '^Status' "$T/run/Maildir/new")" "Status: $2" "$3: status"
}
never null.test 5.1.10 "the null MX"
never nosuch.test 5.1.2 "no such domain"
never noaddress.test 5.1.2 "an MX without an address"
never self.test 5.4.6 "an MX that is ourselves"

# later DOMAIN DESCRIPTION
later()
{
	send a@here.test "u@$1"
	is "$(event "u@$1")" envelope-deferred "$2"
}
later broken.test "SERVFAIL"
later loop.test "aliases in a circle"
send a@here.test u@one.test v@one.test w@one.test
ok "no destination holds up another" wait_for "$PATIENCE" grep -q 'w@one.test' "$T/taken"
ok "hosts are shown" "$SMTPCTL" show hosts
is "$("$SMTPCTL" show hosts | grep -c -e broken.test -e loop.test)" 2 "those that are held among them"
"$SMTPCTL" remove all >/dev/null
ok "the queue is empty" wait_for "$PATIENCE" queue_empty
is "$(txjoin -c "$T/run/report")" "" "all has its end in the stream"
ok "the daemon stops" smtpd_stop
