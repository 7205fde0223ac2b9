#!/bin/sh
# SPDX-License-Identifier: ISC
# STARTTLS and smtps: a whole session after the handshake.
. tests/lib.sh

plan 7

make_cert
SMTPS=$(free_port)
smtpd_conf <<CONF
pki "localhost" cert "$T/cert.pem"
pki "localhost" key "$T/key.pem"
listen on 127.0.0.1 port $PORT tls pki "localhost" hostname "localhost"
listen on 127.0.0.1 port $SMTPS smtps pki "localhost" hostname "localhost"
action "local" maildir "$T/Maildir"
match from any for local action "local"
proc keep "cat >>'$T/report'"
report smtp-in on keep
CONF
ok "the daemon starts" smtpd_start

# session PORT OPTIONS: sends a message when each reply is there; $T/out has the replies.
session()
{
	port=$1; shift
	{
		sleep 0.5
		printf 'EHLO client\r\n'; sleep 0.3
		printf 'MAIL FROM:<a@b>\r\nRCPT TO:<%s@localhost>\r\n' "$USER_NAME"; sleep 0.3
		printf 'DATA\r\nover %s\r\n.\r\nQUIT\r\n' "$port"; sleep 0.5
	} | timeout "$PATIENCE" openssl s_client -connect "127.0.0.1:$port" -quiet \
	    -CAfile "$T/cert.pem" -verify_return_error "$@" >"$T/out" 2>"$T/err"
}
delivered() { grep -q "^over $1" "$T"/Maildir/new/*; }

for port in $PORT $SMTPS; do
	if [ "$port" = "$PORT" ]; then
		what=STARTTLS
		session "$port" -starttls smtp
	else
		what=smtps
		session "$port"
	fi
	is "$(grep -c -e '^250 2.0.0 .* Message accepted' -e '^221' "$T/out")" 2 \
	    "$what: the message is accepted"
	is "$(grep -c STARTTLS "$T/out")" 0 \
	    "$what: STARTTLS is not offered again"
	ok "$what: it is delivered" wait_for 20 delivered "$port"
done
