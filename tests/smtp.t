#!/bin/sh
# SPDX-License-Identifier: ISC
# Conversations: tests/smtp/*.chat, each played by tests/chat, against a daemon
# with small limits.  What X.chat sends is delivered as X.body has it, if there
# is one.  timeout*.chat meet a daemon of little patience.
. tests/lib.sh

chats=${CHATS:-$(ls tests/smtp/*.chat)}
plan $(($(echo "$chats" | wc -w) + $(ls tests/smtp/*.body | wc -l) + 4))

make_cert
for name in PORT_TLS PORT_REQUIRE PORT_SMTPS; do
	eval "$name=$(free_port)"
done

# conf: what all daemons here have; more is on standard input.
conf()
{
	{
		cat <<-CONF
		pki "mx" cert "$T/cert.pem"
		pki "mx" key "$T/key.pem"
		listen on 127.0.0.1 port $PORT hostname "mx.example.org"
		listen on 127.0.0.1 port $PORT_TLS tls pki "mx" hostname "mx.example.org"
		listen on 127.0.0.1 port $PORT_REQUIRE tls-require pki "mx" hostname "mx.example.org"
		listen on 127.0.0.1 port $PORT_SMTPS smtps pki "mx" hostname "mx.example.org"
		smtp max-message-size 20480
		smtp limit max-rcpt 5
		smtp limit max-mails 5
		smtp limit max-line 2000
		proc founding "cat >>'$T/founding'"
		proc newest "cat >>'$T/newest'" protocol "0.7"
		report smtp-in on founding
		report smtp-in on newest
		table aliases { postmaster = $USER_NAME, alice = $USER_NAME, "a|b" = $USER_NAME, \
		    "two words" = $USER_NAME, circle = circle2, circle2 = circle }
		action "local" maildir "$T/Maildir" alias <aliases>
		match from any for domain "refused.example" reject
		match from any for domain "example.org" action "local"
		match from any for local action "local"
		CONF
		cat
	} >"$T/conf"
	smtpd_conf <"$T/conf"
}

# play CHAT: the conversation, and the message that it sends.
play()
{
	rm -f "$T"/Maildir/new/*
	if perl tests/chat -c "$T/cert.pem" -r "$T/founding" -r "$T/newest" \
	    -l plain="127.0.0.1:$PORT" -l tls="127.0.0.1:$PORT_TLS" \
	    -l require="127.0.0.1:$PORT_REQUIRE" -l smtps="127.0.0.1:$PORT_SMTPS" \
	    -l socket="$SMTPD_CONTROL.submit" "$1" >"$T/out" 2>&1; then
		pass "$1"
	else
		fail "$1"
		notes "$T/out"
	fi
	[ ! -e "${1%.chat}.body" ] || check_body "${1%.chat}.body"
}

# The message as delivered, without what we put in front of it.
delivered() { sed '1,/^	.*[0-9][0-9]:[0-9][0-9]:[0-9][0-9] /d' "$T"/Maildir/new/*; }
arrived() { ls "$T"/Maildir/new/* >/dev/null 2>&1; }
check_body()
{
	wait_for "$PATIENCE" arrived
	delivered >"$T/got"
	same "$T/got" "$1" "$1"
}

conf </dev/null
ok "the daemon starts" smtpd_start
for chat in $chats; do
	case $chat in
	*/timeout*) ;;
	*) play "$chat" ;;
	esac
done
ok "it stops in order" smtpd_stop

conf <<CONF
smtp limit idle 2s
CONF
ok "a daemon of little patience starts" smtpd_start
for chat in $chats; do
	case $chat in
	*/timeout*) play "$chat" ;;
	esac
done
ok "it stops in order" smtpd_stop
