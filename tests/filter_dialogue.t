#!/bin/sh
# SPDX-License-Identifier: ISC
# What is said to a filter, line for line, in each dialect: the handshake, reports,
# questions and data lines of a session with every phase (tests/filters/dialogue),
# times, ids and tokens aside; addresses; and secrets, which it only gets if so
# configured.  DIALECTS="0.7 ..." are tried alone.
. tests/lib.sh
command -v python3 >/dev/null || skip_all "no python3"

DIALECTS=${DIALECTS:-0.7 0.6 0.5 0.4 1}
plan $(($(echo "$DIALECTS" | wc -w) * 2 + 13))

make_cert
SECRET=$(openssl passwd -6 secret)
other_port()
{
	while port=$(free_port) && grep -qx "$port" "$T/ports" 2>/dev/null; do :; done
	echo "$port" >>"$T/ports"
}
port() { sed -n "s/^$1 //p" "$T/listeners"; }
# filtered NAME PROC-OPTIONS...: a filter that writes down what it hears, and its listener.
filtered()
{
	name=$1; shift
	printf 'log %s\nreport *\nregister all\n' "$T/$name.log" >"$T/$name.script"
	other_port
	echo "$name $port" >>"$T/listeners"
	cat <<-CONF
	proc "$name" "exec '$TOP/tests/filters/scripted' '$T/$name.script'" $*
	filter "$name" proc "$name"
	listen on 127.0.0.1 port $port tls pki mx auth-optional <secrets> auth-clear local hostname here.example filter "$name"
	CONF
}
conf()
{
	cat <<-CONF
	pki mx cert "$T/cert.pem"
	pki mx key "$T/key.pem"
	admd here.test
	table secrets { u = "$SECRET" }
	table users { u = $USER_NAME }
	action "local" maildir "$T/Maildir" alias <users>
	match from any for domain "here.example" action "local"
	CONF
	for dialect in $DIALECTS; do
		filtered "d$dialect" protocol "\"$dialect\""
		[ "$dialect" != 1 ] || printf 'filter smtp-in on d1\nreport smtp-in on d1\n'
	done
	filtered secrets auth-secrets
	filtered masked
	other_port
	echo "six $port" >>"$T/listeners"
	if [ -n "$SIX" ]; then
		echo "listen on ::1 port $port hostname here.example filter masked"
	fi
	echo "listen on 127.0.0.1 port $PORT hostname here.example filter masked"
	echo "listen on socket filter masked"
}
SIX=$(python3 -c 'import socket; s = socket.socket(socket.AF_INET6); s.bind(("::1", 0)); print("yes")' 2>/dev/null)
echo "$PORT" >"$T/ports"
conf >"$T/conf"
smtpd_conf <"$T/conf"
sed -i '/^listen on socket$/d' "$T/smtpd.conf"
ok "the daemon starts" smtpd_start
[ $tests_failed -eq 0 ] || exit 1

# session PORT COMMAND...: each after the reply to the one before; TLS is the handshake.
session()
{
	python3 - "$@" <<-'PY'
	import socket, ssl, sys
	port, *commands = sys.argv[1:]
	s = socket.create_connection(("::1" if port.startswith("6:") else "127.0.0.1", int(port[-5:].lstrip(":"))), 30)
	f = s.makefile("rb")
	def reply():
	    while (line := f.readline())[3:4] == b"-":
	        pass
	    return line
	reply()
	for command in commands:
	    if command == "TLS":
	        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
	        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
	        s = context.wrap_socket(s)
	        f = s.makefile("rb")
	    else:
	        s.sendall(command.replace("\\n", "\r\n").encode() + b"\r\n")
	        if b"PLAIN" not in reply()[:3] and command == "QUIT":
	            break
	PY
}
# Times, ids in order of appearance, and what else differs from one time to the next.
masked()
{
	awk -F '|' -v OFS='|' '
	    /^config\|smtpd-version\|/ { $3 = "VERSION" }
	    $1 == "report" || $1 == "filter" {
		$3 = $2 == 1 ? ($3 ~ /^[0-9]+$/ ? "SECONDS" : "?" $3) : $3 ~ /^[0-9]+\.[0-9][0-9][0-9][0-9][0-9][0-9]$/ ? "TIME" : "?" $3
		if ($6 ~ /^[0-9a-f]+$/ && length($6) == 16)
			$6 = "SESSION"
		if ($1 == "filter" && $2 != 1 && $7 ~ /^[0-9a-f]+$/ && length($7) == 16)
			$7 = "TOKEN"
	    }
	    { print }' |
	    sed -E 's/127\.0\.0\.1:[0-9]+/127.0.0.1:PORT/g; s/(\||id |2\.0\.0 )[0-9a-f]{8}(\||;| |$)/\1MSGID\2/g
		s/\|[0-9a-f]{16}(\||$)/|EVPID\1/g; s/(tx-commit\|SESSION\|MSGID\|)[0-9]+/\1SIZE/
		s/(TLSv1\.[0-9]:)[^|)]*/\1CIPHER/; s/TLSv1\.[0-9]/TLSv1.N/; s/version=[^|]*bits=.*/version=TLS/
		s/\(TLS.*\)/(TLS)/; s/(\|	)[A-Z][a-z]{2}, .*/\1DATE/; s/<'"$USER_NAME"'@/<USER@/; s/SIZE [0-9]+$/SIZE N/'
}
has_ended() { grep -q '|link-disconnect|' "$1"; }

for dialect in $DIALECTS; do
	session "$(port "d$dialect")" "EHLO client.example" STARTTLS TLS "HELO client.example" "EHLO client.example" \
	    "AUTH PLAIN $(printf '\0u\0secret' | base64)" NOOP HELP "MAIL FROM:<sender@client.example>" RSET \
	    "MAIL FROM:<a|b@client.example> SIZE=10" "RCPT TO:<u@here.example>" DATA \
	    'Subject: x\n\n..dot\na|b\n\n.' QUIT
	wait_for "$PATIENCE" has_ended "$T/d$dialect.log"
	# The founding form hears of other listeners too.
	id=$(awk -F '|' '$1 == "filter" { print $6; exit }' "$T/d$dialect.log")
	grep -e "^config|" -e "|$id" "$T/d$dialect.log" | masked >"$T/got"
	same "$T/got" "tests/filters/dialogue/$dialect" "dialect $dialect: what it hears"
	is "$(grep -c -e secret -e "$(printf '\0u\0secret' | base64)" "$T/d$dialect.log")" 0 "dialect $dialect: no secret"
done

# -- secrets --
auth()	# LISTENER COMMAND...
{
	auth_name=$1; shift
	session "$(port "$auth_name")" "EHLO client.example" "$@" QUIT
}
asked() { grep '^filter|.*|auth|' "$T/$1.log" | cut -d '|' -f 8-; }
plain=$(printf '\0u\0secret' | base64)
user=$(printf u | base64) password=$(printf secret | base64)
auth masked "AUTH PLAIN $plain"
auth masked "AUTH PLAIN" "$plain"
auth masked "AUTH LOGIN" "$user" "$password"
auth masked "AUTH LOGIN $user" "$password"
auth masked "auth  plain $plain"
five() { [ "$(grep -c '|link-disconnect|' "$T/$1.log")" -ge 5 ]; }
wait_for "$PATIENCE" five masked
is "$(asked masked)" "PLAIN u
PLAIN u
LOGIN u
LOGIN u
PLAIN u" "the phase auth tells who"
is "$(grep -c -i -e secret -e "$plain" -e "$password" "$T/masked.log")" 0 "and no secret is in any line"
auth secrets "AUTH PLAIN $plain"
auth secrets "AUTH PLAIN" "$plain"
auth secrets "AUTH LOGIN" "$user" "$password"
auth secrets "AUTH LOGIN $user" "$password"
auth secrets "auth  plain $plain"
wait_for "$PATIENCE" five secrets
is "$(asked secrets | sort -u | grep -c "^PLAIN $plain\$")" 1 "with auth-secrets, the secret too"
is "$(grep '^report|' "$T/secrets.log" | grep -c -i -e secret -e "$plain" -e "$password")" 0 "but not in reports"

# -- addresses --
connects() { grep '^filter|.*|connect|' "$T/masked.log" | cut -d '|' -f 8-; }
is "$(connects | sort -u)" "localhost|127.0.0.1" "an IPv4 address, without its port"
if [ -n "$SIX" ]; then
	session "6:$(port six)" "EHLO client.example" QUIT
	six() { connects | grep -q ':'; }
	wait_for "$PATIENCE" six
	is "$(connects | grep : | sort -u)" "localhost|[::1]" "an IPv6 address"
else
	skip "an IPv6 address" "there is no ::1"
fi
printf 'Subject: x\n\nx\n' | "$SENDMAIL" -f sender@local.example u@here.example
submitted() { connects | grep -q '|local$'; }
ok "a local session" wait_for "$PATIENCE" submitted
is "$(connects | grep -c '|local$')" 1 "which is asked once"

# -- what is not registered is not heard --
cat >"$T/masked.script" <<SCRIPT
log $T/masked.log
report link-connect tx-commit
register mail-from
SCRIPT
smtpd_stop
: >"$T/masked.log"
ok "the daemon starts again" smtpd_start
printf 'Subject: x\n\nx\n' | python3 tests/filters/mail "$(port masked)" u@here.example >"$T/reply"
committed() { grep -q '|tx-commit|' "$T/masked.log"; }
wait_for "$PATIENCE" committed
is "$(grep -v '^config|' "$T/masked.log" | cut -d '|' -f 1,5 | uniq)" "report|link-connect
filter|mail-from
report|tx-commit" "only what is registered is heard"
is "$(sed -n 's/^250 2.0.0 .* \(Message.*\)/\1/p' "$T/reply")" "Message accepted for delivery" "the message is accepted"
ok "the daemon stops" smtpd_stop
