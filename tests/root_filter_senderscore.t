#!/bin/sh
# SPDX-License-Identifier: ISC
# Debian's filter-senderscore, unchanged: it asks the DNS what an address is worth.
# It reads /etc/resolv.conf, so the test has one of its own, and a network where
# port 53 of 127.0.0.1 is tests/dns/responder and clients have public addresses.
# mounts: /etc/resolv.conf
if [ -z "$PIPEPOST_NETWORK" ] && [ "$(id -u)" = 0 ]; then
	unshare -n ip link >/dev/null 2>&1 || {
		echo "1..0 # SKIP needs network namespaces and ip(8) of iproute2"
		exit 0
	}
	PIPEPOST_NETWORK=1 exec unshare -n sh "$0" "$@"
fi
. tests/lib.sh

SENDERSCORE=
for dir in "$TOP/build/peers/usr/libexec/opensmtpd" /usr/libexec/opensmtpd; do
	[ ! -x "$dir/filter-senderscore" ] || { SENDERSCORE=$dir/filter-senderscore; break; }
done
[ -n "$SENDERSCORE" ] || skip_all "no filter-senderscore of Debian"
# nobody runs it.
cp "$SENDERSCORE" "$T/filter-senderscore"
plan 10

ip link set lo up
for address in 192.0.2.10 192.0.2.50 192.0.2.95 192.0.2.99; do
	ip address add $address/32 dev lo
done
echo "nameserver 127.0.0.1" >"$T/resolv.conf"
mount --bind "$T/resolv.conf" /etc/resolv.conf
cat >"$T/zone" <<'ZONE'
10.2.0.192.score.senderscore.com A 60 127.0.4.10
50.2.0.192.score.senderscore.com A 60 127.0.4.50
95.2.0.192.score.senderscore.com A 60 127.0.4.95
score.senderscore.com SOA 60 60
192.in-addr.arpa SOA 60 60
ZONE
python3 tests/dns/responder -p 53 "$T/zone" >"$T/port" 2>"$T/responder.log" &
wait_for "$PATIENCE" test -s "$T/port" || { notes "$T/responder.log"; exit 1; }
RESOLVER=127.0.0.1:53

chmod 755 "$T"
smtpd_as nobody
smtpd_conf <<CONF
filter score proc-exec "$T/filter-senderscore -blockBelow 40 -junkBelow 80 -scoreHeader"
listen on 0.0.0.0 port $PORT hostname here.example filter score
table users { u = nobody }
action "local" maildir "$T/run/Maildir" alias <users>
match from any for domain "here.example" action "local"
CONF
ok "the daemon starts" smtpd_start

# mail ADDRESS: a message from there; the last reply, or the first that refuses.
mail() { printf 'Subject: x\n\nx\n' | python3 tests/filters/mail -a "$1" "$PORT" u@here.example; }
accepted() { [ "${1% Message accepted for delivery}" != "$1" ]; }
# headers REPLY: those that the filter is there for.
headers()
{
	id=${1#250 2.0.0 } id=${id%% *}
	there() { file=$(grep -ls "id $id" "$T"/run/Maildir/new/* | sed q) && [ -n "$file" ]; }
	wait_for "$PATIENCE" there && grep -i -e '^X-Spam:' -e '^X-SenderScore:' "$file" | tr -d '\r'
}

reply=$(mail 192.0.2.10)
is "${reply%% *}" 550 "a bad score: refused"
reply=$(mail 192.0.2.50)
ok "a middling one: accepted" accepted "$reply"
is "$(headers "$reply" | sort)" "X-SenderScore: 50
X-Spam: Yes" "and marked"
reply=$(mail 192.0.2.95)
ok "a good one: accepted" accepted "$reply"
is "$(headers "$reply")" "X-SenderScore: 95" "and not marked"
reply=$(mail 192.0.2.99)
ok "none: accepted" accepted "$reply"
is "$(headers "$reply")" "" "with nothing added"
is "$(grep -c 'score.*strike' "$T/log")" 0 "it did nothing wrong"
ok "the daemon stops" smtpd_stop
