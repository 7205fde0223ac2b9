#!/bin/sh
# SPDX-License-Identifier: ISC
# Conversations: tests/smtp/*.chat, each played by tests/chat, against a daemon
# with small limits.  What X.chat sends is delivered as X.body has it, with
# X.trace in front, where these are.  timeout*.chat meet a daemon of little patience.
# CHATS="tests/smtp/X.chat ..." plays these alone.
. tests/lib.sh

chats=${CHATS:-$(ls tests/smtp/*.chat)}
plan $(($(for chat in $chats; do ls "${chat%.chat}".*; done | wc -l) + 4))

make_cert
for name in PORT_TLS PORT_REQUIRE PORT_SMTPS PORT_NO_DSN PORT_AUTH PORT_AUTH_TLS; do
	eval "$name=$(free_port)"
done

# Everybody's password is "secret".
BCRYPT='$2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW'
SHA512='$6$rounds=1000$pipepost$XUTB8Enjsp5lrekRryP5.lPAQStfW/uYR3fbcTXEMZl1MerWEyNAf./BTzV.c4HVeSEGEPRvB0NYl4d97WWK5/'
YESCRYPT='$y$j75$pipepost$TtsdsoSKC3T3RHZq5voZNme33XjUXTy9aftZRqU0/43'

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
		listen on 127.0.0.1 port $PORT_NO_DSN no-dsn hostname "mx.example.org"
		table users { alice = "$BCRYPT", "bob@example.org" = "$SHA512", "two words" = "$YESCRYPT", \
		    broken = '\$7\$no-hash' }
		listen on 127.0.0.1 port $PORT_AUTH tls pki "mx" auth <users> auth-clear local received-auth \
		    hostname "mx.example.org"
		listen on 127.0.0.1 port $PORT_AUTH_TLS tls pki "mx" auth-optional <users> hostname "mx.example.org"
		smtp max-message-size 20480
		smtp limit max-rcpt 5
		smtp limit max-mails 10
		smtp limit max-line 2000
		proc founding "cat >>'$T/founding'"
		proc newest "cat >>'$T/newest'" protocol "0.7"
		report smtp-in on founding
		report smtp-in on newest
		table aliases { postmaster = $USER_NAME, alice = $USER_NAME, "a|b" = $USER_NAME, \
		    "two words" = $USER_NAME, "andré" = $USER_NAME, "中" = $USER_NAME, circle = circle2, circle2 = circle }
		action "local" maildir "$T/Maildir" alias <aliases>
		match from any for domain "refused.example" reject
		match from any for domain { "example.org", "*.bücher.example" } action "local"
		match from any for local action "local"
		CONF
		cat
	} >"$T/conf"
	smtpd_conf <"$T/conf"
}

# play CHAT: the conversation, and the last message that it sends.
play()
{
	if perl tests/chat -c "$T/cert.pem" -r "$T/founding" -r "$T/newest" \
	    -l plain="127.0.0.1:$PORT" -l tls="127.0.0.1:$PORT_TLS" \
	    -l require="127.0.0.1:$PORT_REQUIRE" -l smtps="127.0.0.1:$PORT_SMTPS" \
	    -l auth="127.0.0.1:$PORT_AUTH" -l auth_tls="127.0.0.1:$PORT_AUTH_TLS" \
	    -l no_dsn="127.0.0.1:$PORT_NO_DSN" \
	    -l socket="$SMTPD_CONTROL.submit" "$1" >"$T/out" 2>&1; then
		pass "$1"
	else
		fail "$1"
		notes "$T/out"
	fi
	id=$(sed -n 's/^accepted //p' "$T/out" | tail -1)
	name=${1%.chat}
	[ ! -e "$name.body" ] || {
		wait_for "$PATIENCE" delivered
		mail | sed "1,/$trace_end/d" >"$T/got"
		same "$T/got" "$name.body" "$name.body"
	}
	[ ! -e "$name.trace" ] || {
		wait_for "$PATIENCE" delivered
		mail | sed "/$trace_end/q" | sed "s/ id $id/ id MSGID/; s/$trace_end.*/	DATE/
		    s/<$USER_NAME@/<USER@/; s/(TLSv1.*:/(TLS:/" >"$T/got"
		same "$T/got" "$name.trace" "$name.trace"
	}
}

# The message as delivered; the date ends what we put in front of it.
trace_end='^	[A-Z][a-z][a-z], .*[0-9][0-9]:[0-9][0-9]:[0-9][0-9] '
mail() { cat $(grep -l " id $id" "$T"/Maildir/new/*); }
delivered() { grep -q " id $id" "$T"/Maildir/new/*; }

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
