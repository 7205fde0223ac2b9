#!/bin/sh
# SPDX-License-Identifier: ISC
# Two daemons, one relays to the other: what the sender reports as smtp-out and
# the receiver as smtp-in are the same events in the same order, in both dialects.
. tests/lib.sh
plan 25

make_cert || { note "openssl failed"; exit 1; }
TLS=$PORT
PLAIN=$(free_port)
AUTH=$(free_port)
RECEIVER=$T/receiver

# -- the receiver -----------------------------------------------------------

mkdir "$RECEIVER" "$RECEIVER/spool"
cat >"$RECEIVER/smtpd.conf" <<CONF
dns resolver "127.0.0.1:1"
dns hosts "$T/hosts"
spool directory "$RECEIVER/spool"
control socket "$RECEIVER/control"
listen on socket
proc old "exec cat >>$RECEIVER/in.1"
proc new "exec cat >>$RECEIVER/in.0.7" protocol "0.7"
report smtp-in on old
report smtp-in on new
pki x cert "$T/cert.pem"
pki x key "$T/key.pem"
smtp max-message-size 100K
smtp limit max-rcpt 3
listen on 127.0.0.1 port $TLS tls pki x hostname mx.example.net
listen on 127.0.0.1 port $AUTH tls auth { alice = "$("$SMTPCTL" encrypt secret)", "a|b c" = "$("$SMTPCTL" encrypt "p:q")",
    broken = "\$99\$no-hash" } pki x hostname mx.example.net
listen on 127.0.0.1 port $PLAIN tls-require pki x hostname mx.example.net
table users { "good@tls.example" = "$USER_NAME", "good2@tls.example" = "$USER_NAME",
    "good3@tls.example" = "$USER_NAME", "good4@tls.example" = "$USER_NAME",
    "good@auth.example" = "$USER_NAME", "good@odd.example" = "$USER_NAME", "good@clear.example" = "$USER_NAME", "good2@clear.example" = "$USER_NAME" }
action "local" maildir "$T/mail" virtual <users>
match from auth for domain { auth.example, odd.example } action "local"
match from any for domain { tls.example, clear.example, refused.example } action "local"
CONF

# -- the sender -------------------------------------------------------------

smtpd_conf <<CONF
proc old "exec cat >>$T/out.1"
proc new "exec cat >>$T/out.0.7" protocol "0.7"
report smtp-out on old
report smtp-out on new
ca x cert "$T/cert.pem"
action tls relay host "smtp+tls://localhost:$TLS" ca x inet4 connections 1
action clear relay host "smtp+notls://127.0.0.1:$TLS" connections 1
action refused relay host "smtp+notls://127.0.0.1:$PLAIN" connections 1
table secrets { right = "alice:secret", wrong = "alice:Secret", odd = "a|b c:p:q", broken = "broken:x" }
action right relay host "smtp+tls://right@localhost:$AUTH" auth <secrets> ca x inet4 connections 1
action wrong relay host "smtp+tls://wrong@localhost:$AUTH" auth <secrets> ca x inet4 connections 1
action odd relay host "smtp+tls://odd@localhost:$AUTH" auth <secrets> ca x inet4 connections 1
action broken relay host "smtp+tls://broken@localhost:$AUTH" auth <secrets> ca x inet4 connections 1
action nobody relay host "smtp://127.0.0.1:1"
match from local for domain tls.example action tls
match from local for domain clear.example action clear
match from local for domain refused.example action refused
match from local for domain auth.example action right
match from local for domain wrong.example action wrong
match from local for domain odd.example action odd
match from local for domain broken.example action broken
match from local for domain nobody.example action nobody
CONF
mkdir -p "$T/spool"
printf '127.0.0.1 localhost\n' >"$T/hosts"

"$SMTPD" -d -f "$RECEIVER/smtpd.conf" >"$RECEIVER/log" 2>&1 </dev/null &
receiver_pid=$!
ok "the receiver starts" wait_for "$PATIENCE" port_open "$TLS"
"$SMTPD" -d -f "$T/smtpd.conf" >"$T/log" 2>&1 </dev/null &
smtpd_pid=$!
submits() { [ -S "$CONTROL.submit" ] && stat_is ready = 0; }
ok "the sender starts" wait_for "$PATIENCE" submits

# -- what is sent -----------------------------------------------------------

# Nothing is left that was not tried: what is deferred waits for its time.
tried() { stat_is running = 0 && stat_is ready = 0; }
# mail NAME RECIPIENT...: sends $T/message, and waits until all was tried.
mail()
{
	name=$1; shift
	"$SENDMAIL" -f "sender@example.com" "$@" <"$T/message" || { fail "$name"; return; }
	ok "$name" wait_for "$PATIENCE" tried
}
hello() { printf 'Subject: hello\n\n.dot\nhello\n'; }
long() { head -c "$1" /dev/zero | tr '\0' x | fold -w 70; }

hello >"$T/message"
mail "accepted" good@clear.example
mail "accepted with TLS" good@tls.example
mail "to several" good@clear.example good2@clear.example
mail "one of them refused" good@tls.example no@tls.example
mail "all refused" no@clear.example never@clear.example
mail "refused at MAIL" good@refused.example
mail "more than a transaction takes" good@tls.example good2@tls.example \
    good3@tls.example good4@tls.example
# The sender adds the hundredth.
{ seq 1 99 | sed 's/.*/Received: from a by b/'; hello; } >"$T/message"
mail "refused at the end of data" good@clear.example
{ hello; long 200000; } >"$T/message"
mail "larger than SIZE" good@clear.example
{ hello; long 90000; } >"$T/message"
mail "of many lines" good@clear.example
hello >"$T/message"
mail "with a login" good@auth.example
mail "with one of odd characters" good@odd.example
mail "with a wrong password" good@wrong.example
mail "with a login that the other side cannot judge" good@broken.example
mail "to a port where nobody is" good@nobody.example

# -- the streams ------------------------------------------------------------

# Every connection ends after 10 s without mail.
links() { grep -c "|$1|" "$2"; }
ended()
{
	[ "$(links link-connect "$T/out.1")" -eq "$(links link-disconnect "$T/out.1")" ] &&
	[ "$(links link-connect "$RECEIVER/in.0.7")" -eq "$(links link-disconnect "$RECEIVER/in.0.7")" ]
}
ok "each connection is closed after a while" wait_for $((PATIENCE + 20)) ended
sleep 0.2

# Session by session in the order of their beginning, without what must differ:
# prefix, addresses, message and envelope ids, sizes; and without those that
# only looked whether somebody listens.
masked()
{
	awk -F '|' -v OFS='|' '
	$5 == "link-failed" { next }
	{
		sid = $6; event = $5
		if (!(sid in at)) { at[sid] = ++n }
		rest = $0
		for (i = 0; i < 6; i++) sub(/^[^|]*\|?/, "", rest)
		if (event == "link-connect") rest = $7 "|" $8
		if (event ~ /^tx-/ && $7 != "00000000") sub(/^[0-9a-f]+/, "M", rest)
		if (event == "tx-envelope" || event == "tx-commit") rest = "M"
		if (event == "link-identify") real[at[sid]] = 1
		text[at[sid]] = text[at[sid]] event "|" rest "\n"
	}
	END { for (i = 1; i <= n; i++) if (real[i]) printf "%s\n", text[i] }' "$1"
}
for dialect in 1 0.7; do
	masked "$T/out.$dialect" >"$T/out"
	masked "$RECEIVER/in.$dialect" >"$T/in"
	same "$T/out" "$T/in" "dialect $dialect: both sides tell the same"
done
is "$(grep -c '^tx-commit' "$T/in"),$(grep -c '^tx-rollback' "$T/in"),$(grep -c '^tx-mail|00000000' "$T/in")" \
    9,2,1 "and that is all of it"
is "$(sed -n 's/^link-auth|//p' "$T/in" | sort -u)" "error|broken
fail|alice
pass|alice
pass|a|b c" "each login among it"
ok "a connection that never came up is an event of its own" \
    grep -q '|link-failed|.*|127.0.0.1:1|Connection refused' "$T/out.0.7"
ok "the sender stops" smtpd_stop
smtpd_pid=$receiver_pid
ok "the receiver stops" smtpd_stop
