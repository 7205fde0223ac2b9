#!/bin/sh
# SPDX-License-Identifier: ISC
# What the options of a relay action do, seen by the server that mail goes to:
# one daemon sends, as smtpd.conf(5) says, and another one takes all.
. tests/lib.sh
plan 23

make_cert
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 \
    -subj /CN=other -addext subjectAltName=DNS:other.example \
    -keyout "$T/other-key.pem" -out "$T/other-cert.pem" 2>/dev/null
sender_port=$PORT
for name in PORT_PLAIN PORT_TLS PORT_SMTPS PORT_OTHER; do
	eval "$name=$(free_port)"
done

# The server that takes all, started first under the names that lib.sh uses.
PORT=$PORT_PLAIN
CONTROL=$T/control2
smtpd_conf <<E2
pki mx cert "$T/cert.pem" key "$T/key.pem"
pki other cert "$T/other-cert.pem" key "$T/other-key.pem"
listen on 127.0.0.1 port $PORT_PLAIN hostname mx.example.org
listen on 127.0.0.1 port $PORT_TLS hostname mx.example.org tls pki mx
listen on 127.0.0.1 port $PORT_SMTPS hostname mx.example.org smtps pki mx
listen on 127.0.0.1 port $PORT_OTHER hostname mx.example.org tls pki other
action taken mda "cat >'$T/got'; echo \"\$SENDER\" >>'$T/got.done'" virtual { "@" = $USER_NAME }
match from any for any action taken
E2
mv "$T/smtpd.conf" "$T/server.conf"
sed -i "s,$T/spool,$T/spool2," "$T/server.conf"
mkdir "$T/spool2"
"$SMTPD" -d -f "$T/server.conf" >>"$T/log2" 2>&1 </dev/null &
server_pid=$!
ok "the server starts" wait_for "$PATIENCE" smtpd_listens

PORT=$sender_port
CONTROL=$T/control
smtpd_conf <<E2
listen on 127.0.0.1 port $PORT
ca own cert "$T/cert.pem"
ca other cert "$T/other-cert.pem"
pki mx cert "$T/cert.pem" key "$T/key.pem"
srs key secret
table routes { "routed.example" = "smtp://127.0.0.1:$PORT_PLAIN", "*.routed.example" = "smtp+tls://localhost:$PORT_TLS" }
action plain relay host smtp+notls://127.0.0.1:$PORT_TLS
action opportunistic relay host smtp://127.0.0.1:$PORT_OTHER
action verified relay host smtp+tls://localhost:$PORT_TLS ca own pki mx protocols "tlsv1.3"
action smtps relay host smtps://localhost:$PORT_SMTPS ca own
action untrusted relay host smtp+tls://localhost:$PORT_TLS
action misnamed relay host smtp+tls://localhost:$PORT_OTHER ca other
action lenient relay host smtp+tls://localhost:$PORT_OTHER tls no-verify
action unlike relay host smtp+tls://localhost:$PORT_OTHER tls no-verify
action routed relay domain <routes> ca own
action srs relay host smtp://127.0.0.1:$PORT_PLAIN srs
action from relay host smtp://127.0.0.1:$PORT_PLAIN mail-from bounces@out.example
action fromdomain relay host smtp://127.0.0.1:$PORT_PLAIN mail-from "@out.example"
action helo relay host smtp://127.0.0.1:$PORT_PLAIN helo heloname.example
action helosrc relay host smtp://127.0.0.1:$PORT_PLAIN src 127.0.0.7 helo-src { 127.0.0.7 = seven.example }
action local mda "cat >'$T/back'; touch '$T/back.done'" virtual { "@" = $USER_NAME }
match for domain plain.example action plain
match for domain opportunistic.example action opportunistic
match for domain verified.example action verified
match for domain smtps.example action smtps
match for domain untrusted.example action untrusted
match for domain misnamed.example action misnamed
match for domain lenient.example action lenient
match for domain unlike.example action unlike
match for domain { routed.example, "*.routed.example" } action routed
match for domain srs.example action srs
match for domain from.example action from
match for domain fromdomain.example action fromdomain
match for domain helo.example action helo
match for domain helosrc.example action helosrc
match for domain origin.example action local
E2
ok "the sender starts" smtpd_start

# mail TO [FROM]: submits a message; takes: and waits until the server has it.
mail()
{
	rm -f "$T/got" "$T/got.done"
	printf 'Subject: test\n\ntext\n' | "$SENDMAIL" -f "${2-alice@origin.example}" "$1"
}
arrived() { [ -s "$T/got.done" ]; }
takes()	# TO [FROM]
{
	mail "$@" && wait_for "$PATIENCE" arrived
}
# What the server wrote in front: how it came.
trace() { sed '/;/q' "$T/got" | tr -d '\n'; }
shows() { trace | grep -q "$1"; }
envelope_from() { cat "$T/got.done"; }

takes bob@plain.example
not_shows() { [ -s "$T/got" ] && ! shows "$1"; }
ok "smtp+notls: no TLS though it is offered" not_shows TLS
takes bob@opportunistic.example
ok "smtp: TLS, whatever the certificate" shows TLS
takes bob@verified.example
ok "smtp+tls: with a certificate that the ca vouches for" shows TLSv1.3
takes bob@smtps.example
ok "smtps" shows TLS
takes bob@lenient.example
ok "tls no-verify: any certificate" shows TLS
takes bob@routed.example
ok "a table's URL" not_shows TLS
takes bob@a.routed.example
ok "that of the domains below" shows TLS

takes bob@from.example
is "$(envelope_from)" bounces@out.example "mail-from an address"
takes bob@fromdomain.example
is "$(envelope_from)" alice@out.example "mail-from a domain"
takes bob@helo.example
ok "helo" shows 'from heloname.example '
takes bob@helosrc.example
ok "src" shows '\[127.0.0.7\]'
ok "helo-src" shows 'from seven.example '

mail bob@untrusted.example
deferred() { grep "for bob@$1.example is deferred" "$T/log" | grep -q "$2"; }
ok "smtp+tls: a certificate that the system does not know waits" \
    wait_for "$PATIENCE" deferred untrusted 'certificate verification failed'
mail bob@misnamed.example
ok "and one for another name" wait_for "$PATIENCE" deferred misnamed 'name'
ok "neither is sent" test ! -e "$T/got.done"
takes bob@unlike.example
not_deferred() { ! deferred "$@"; }
ok "which other actions do not have to wait for" not_deferred unlike .

takes bob@srs.example
rewritten=$(envelope_from)
case $rewritten in
SRS0=????=??=origin.example=alice@*) pass "srs: the sender is rewritten" ;;
*)	fail "srs: the sender is rewritten"; note "$rewritten" ;;
esac
mail "$rewritten" bob@srs.example
returned() { [ -e "$T/back.done" ]; }
ok "what is sent back to it comes to the sender" wait_for "$PATIENCE" returned
ok "as such" grep -q '^Delivered-To: alice@origin.example$' "$T/back"

ok "the sender stops in order" smtpd_stop
kill "$server_pid"
wait "$server_pid"
is $? 0 "and the server"
