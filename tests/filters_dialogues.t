#!/bin/sh
# SPDX-License-Identifier: ISC
# The filters of examples/filters, fed dialogues.
# once: the tools have tests of their own
. tests/lib.sh

B=$TOP/lib/bridge F=$TOP/examples/filters
PYTHONPATH=$B PYTHONDONTWRITEBYTECODE=1
export PYTHONPATH PYTHONDONTWRITEBYTECODE
cd "$T" || exit 1
TOKEN=1ef1c203cc576e5d

# ask SESSION PHASE PARAM, tell SESSION EVENT REST...: lines of 0.7, at $time
time=1700000000
ask() { echo "filter|0.7|$time.000001|smtp-in|$2|000000000000000$1|$TOKEN|$3"; }
tell() { echo "report|0.7|$time.000001|smtp-in|$2|000000000000000$1${3:+|$3}"; }
connect() { tell "$1" link-connect "client.test|pass|$2:4242|192.0.2.25:25"; }
# The decisions alone; the lines of messages alone.
decisions() { sed -n 's/^filter-result|[0-9a-f]*|[0-9a-f]*|//p'; }
lines() { sed -n 's/^filter-dataline|[0-9a-f]*|[0-9a-f]*|//p'; }
message()	# SESSION < LINES
{
	while IFS= read -r l; do
		ask "$1" data-line "$l"
	done
	ask "$1" data-line .
}

# -- recipient-limit --

is "$({
	ask 1 rcpt-to a@b; ask 1 rcpt-to b@b; ask 2 rcpt-to a@b; ask 1 rcpt-to c@b
	tell 3 link-auth "pass|alice"
	ask 3 rcpt-to a@b; ask 3 rcpt-to b@b; ask 3 rcpt-to c@b
	tell 1 link-disconnect
	ask 1 rcpt-to a@b
} | "$F/recipient-limit" 2 | decisions)" "proceed
proceed
proceed
reject|452 4.5.3 Too many recipients: 2 a session
proceed
proceed
proceed
proceed" "recipient-limit"

# -- greylist.awk --

grey() { "$B/filter-awk" -v file=db -v wait=300 "$F/greylist.awk" | decisions | cut -c 1-32; }
rcpt() { ask "$1" mail-from "$2"; ask "$1" rcpt-to "$3"; }
is "$({
	connect 1 192.0.2.1; rcpt 1 a@x.test u@b.test
	time=1700000200
	connect 2 192.0.2.77; rcpt 2 A@x.test u@b.test
	time=1700000301
	rcpt 2 a@x.test u@b.test
	connect 3 192.0.3.1; rcpt 3 a@x.test u@b.test
	tell 4 link-auth "pass|alice"; rcpt 4 a@x.test u@b.test
} | grey | sed -n 'n;p')" "reject|451 4.7.1 Greylisted: ple
reject|451 4.7.1 Greylisted: ple
proceed
reject|451 4.7.1 Greylisted: ple
proceed" "greylist: who is new comes again"
time=1700000400
is "$({ connect 5 192.0.2.5; rcpt 5 a@x.test u@b.test
	connect 6 "[2001:db8:1:2:3::4]"; rcpt 6 a@x.test u@b.test; } | grey | sed -n 'n;p')" \
    "proceed
reject|451 4.7.1 Greylisted: ple" "and is known after a restart"
time=1700000800
is "$({ connect 6 "[2001:db8:1:2:9::9]"; rcpt 6 a@x.test u@b.test
	connect 7 "[2001:db8:1:3::1]"; rcpt 7 a@x.test u@b.test; } | grey | sed -n 'n;p')" \
    "proceed
reject|451 4.7.1 Greylisted: ple" "networks of IPv6"
time=$((1700000800 + 36 * 86400))
is "$({ connect 8 192.0.2.1; rcpt 8 a@x.test u@b.test; } | grey | sed -n 'n;p')" \
    "reject|451 4.7.1 Greylisted: ple" "who has not come for long is new"
is "$(printf '' | grey; wc -l <db | tr -d ' ')" 1 "and is forgotten"

# -- add-header.awk --

time=1700000000
is "$({
	connect 1 192.0.2.1
	printf '%s\n' "Received: x" "	y" "X-Client: forged" "	more of it" "x-CLIENT : no" \
	    "x-client:again" "Subject: X-Client: z" "" "X-Client: in the body" ".." | message 1
	printf '%s\n' "Subject: two" | message 1
	message 1 </dev/null
} | "$B/filter-awk" "$F/add-header.awk" | lines)" "X-Client: client.test (192.0.2.1:4242), fcrdns pass
Received: x
	y
x-CLIENT : no
Subject: X-Client: z

X-Client: in the body
..
.
X-Client: client.test (192.0.2.1:4242), fcrdns pass
Subject: two
.
X-Client: client.test (192.0.2.1:4242), fcrdns pass
." "add-header"

# -- dnsbl.py --

cat >zone <<'ZONE'
bl.test SOA 60 60
two.test SOA 60 60
2.0.0.127.bl.test A 60 127.0.0.4
3.0.0.127.bl.test A 60 127.255.255.254
4.0.0.127.bl.test ! silent
5.0.0.127.two.test A 60 127.0.0.2
5.0.0.127.two.test A 60 127.0.0.3
5.0.0.127.bl.test ! slow 300
8.0.0.0.7.0.0.0.6.0.0.0.5.0.0.0.4.0.0.0.3.0.0.0.8.b.d.0.1.0.0.2.bl.test A 60 127.0.0.2
ZONE
python3 "$TOP/tests/dns/responder" zone >responder &
wait_for 10 test -s responder
dns=127.0.0.1:$(cat responder)
dnsbl() { timeout 30 python3 "$F/dnsbl.py" -r "$dns" bl.test two.test | decisions; }
is "$({
	for n in 1 2 3 5; do
		connect $n 127.0.0.$n
	done
	connect 6 "[2001:db8:3:4:5:6:7:8]"
	tell 7 link-connect "host.test|pass|unix:/run/s|unix:/run/s"
	connect 8 127.0.0.2; tell 8 link-auth "pass|alice"
	sleep 1
	for n in 1 2 3 5 6 7 8; do
		ask $n rcpt-to a@b
	done
	tell 2 link-disconnect
	ask 2 rcpt-to a@b
} | dnsbl)" "proceed
reject|550 5.7.1 Your address is listed by bl.test
proceed
reject|550 5.7.1 Your address is listed by two.test
reject|550 5.7.1 Your address is listed by bl.test
proceed
proceed
proceed" "dnsbl"
began=$(date +%s)
is "$({ for n in 1 2 3 4 5 6 7 8 9; do
		connect $n 127.0.0.4; ask $n rcpt-to a@b
	done; } | dnsbl | sort | uniq -c | tr -d ' ')" 9proceed "who does not answer lists nobody"
ok "and is waited for, but not by one after the other" test $(($(date +%s) - began)) -le 8
dns=127.0.0.1:1
is "$({ connect 2 127.0.0.2; sleep 0.2; ask 2 rcpt-to a@b; } | dnsbl)" proceed "nor does who is not there"
is "$(python3 "$F/dnsbl.py" 2>&1; echo $?)" "usage: dnsbl.py [-r address[:port]] zone ...
1" "dnsbl without a zone"

# -- dkim-sign.py --

openssl genrsa -out dkim.key 2048 2>/dev/null
openssl rsa -in dkim.key -pubout -outform DER 2>/dev/null | base64 | tr -d '\n' >public
PYTHON=python3
! /usr/bin/python3 -c 'import dkim' 2>/dev/null || PYTHON=/usr/bin/python3
sign() { timeout 30 python3 "$F/dkim-sign.py" -d example.org -s mail -k "${1:-dkim.key}" 2>err; }
# verified LINES: what the verifier says of a message as it goes out.
verified()
{
	sed '$d; s/^\.//' "$1" | sed 's/$/\r/' >eml
	$PYTHON - <<-'PY'
	import dkim
	key = b"v=DKIM1; k=rsa; p=" + open("public", "rb").read()
	print(dkim.verify(open("eml", "rb").read(), dnsfunc=lambda name, timeout=5:
	    key if name == b"mail._domainkey.example.org." else None))
	PY
}
printf '%s\n' "Received: by x" "	for y" "From: \"A, B\" <a@example.org>" "To: b@example.net," \
    "	c@example.net" "Subject:   two  " "  folded	lines " "Date: Thu, 01 Jan 1970 00:00:00 +0000" \
    "Message-ID: <1@example.org>" "" "..dot  and	 more " "" "caf$(printf '\303\251 \377')" "end" "" "" >mail
if $PYTHON -c 'import dkim' 2>/dev/null; then
	for who in "192.0.2.1" "127.0.0.1" "[::1]" "IPv6:::1"; do
		{
			connect 1 "$who"
			[ "$who" != 192.0.2.1 ] || tell 1 link-auth "pass|alice"
			message 1 <mail
			ask 1 commit ""
		} | sign >out
		lines <out >signed
		is "$(verified signed) $(decisions <out) $(grep -c '^DKIM-Signature: ' signed)" \
		    "True proceed 1" "dkim-sign: the signature holds, from $who"
	done
	sed '/^DKIM-/,/==*$/!d' signed >header
	{ cat header; sed 's/^end/END/' mail; echo .; } >changed
	is "$(verified changed)" False "and not of another body"
	{ sed '$d' signed | sed 's/^Subject:.*/Subject: other/'; echo .; } >changed
	is "$(verified changed)" False "and not of another subject"
	{ echo "From: z@example.com"; cat signed; } >changed
	is "$(verified changed)" False "nor may a From be added"
	{ connect 1 127.0.0.1; printf '%s\n' "From: a@example.org" "" | message 1; } | sign | lines >signed
	is "$(verified signed)" True "an empty body"
	{ connect 1 127.0.0.1; printf '%s\n' "From: a@example.org" | message 1; } | sign | lines >signed
	is "$(grep -c . signed)" "$(($(grep -c . header) + 2))" "no body at all"
else
	for n in 1 2 3 4 5 6 7 8 9; do
		skip "dkim-sign $n" "python3-dkim is not installed"
	done
fi
{ cat mail; echo .; } >expected
is "$({ connect 1 192.0.2.1; message 1 <mail; tell 1 link-disconnect
	connect 1 192.0.2.1; tell 1 link-auth "fail|alice"; message 1 <mail; } | sign | lines | cksum)" \
    "$(cat expected expected | cksum)" "who has not authenticated is not signed for"
is "$({ connect 1 127.0.0.1; sed 's/@example.org>/@example.org.evil.test>/' mail | message 1; } |
    sign | lines | grep -c DKIM)" 0 "nor is another domain"
is "$({ connect 1 127.0.0.1; message 1 <mail; ask 1 commit ""; ask 1 commit ""; } |
    sign none | decisions)" "reject|451 4.7.5 Cannot sign for now
proceed" "a key that is not there: the message waits"

# -- ban --

s() { tell 1 "$1" "$2"; }
{
	s link-connect "x|pass|192.0.2.9:4242|192.0.2.25:25"
	for n in 1 2 3; do
		s protocol-client "AUTH PLAIN ********"; s link-auth "fail|root"
		s protocol-server "535 5.7.8 no"
	done
	s link-disconnect
	s link-connect "x|pass|[2001:db8::9]:4242|192.0.2.25:25"
	for n in 1 2 3 4 5 6 7 8 9 10; do
		s protocol-client "RCPT TO:<u$n@b>"; s protocol-server "550 no"
	done
	s link-disconnect
	s link-connect "x|pass|192.0.2.10:4242|192.0.2.25:25"
	s protocol-client "RCPT TO:<u@b>"; s protocol-server "550 no"
	s link-disconnect
} >log
: >banned
for n in 1 2; do
	"$F/ban" banned <log
done
is "$(cat banned)" "192.0.2.9
2001:db8::9" "ban: a table"
is "$(NFT="echo nft" "$F/ban" nft <log)" "nft add element inet filter mail4 { 192.0.2.9 }
nft add element inet filter mail6 { 2001:db8::9 }" "nftables"
is "$(PFCTL="echo pfctl" "$F/ban" pf <log)" "pfctl -q -t mail -T add 192.0.2.9
pfctl -q -t mail -T add 2001:db8::9" "pf"
plan $tests_run
