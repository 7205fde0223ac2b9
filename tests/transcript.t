#!/bin/sh
# SPDX-License-Identifier: ISC
# The founding transcript, tests/data/seed-v1.log: its sessions come out line for
# line when sendmail sends those messages today.  Masked are what differs each
# time (ids, times, hosts, sizes), the fcrdns field and the colon behind enhanced
# codes; dropped are the events and the extensions that came later.  In smtp-out
# the transcript has events behind the reply, and we before it, as in smtp-in.
. tests/lib.sh

plan 7

# -- the smtp-out session: relayed to a server that says what that one said --
cat >"$T/server.py" <<'PY'
import socket, ssl, sys
log, cert, key = sys.argv[1:]
replies = [l.rstrip("\n").split("|", 6)[6] for l in open(log)
           if "|smtp-out|protocol-server|" in l]
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
s, _ = listener.accept()
f = s.makefile("rwb", buffering=0)
def reply():
    while True:
        line = replies.pop(0)
        f.write(line.encode() + b"\r\n")
        if line[3] == " ":
            return line
reply()
while replies:
    line = f.readline()
    if not line:
        break
    text = reply()
    if line.startswith(b"STARTTLS"):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key)
        f = context.wrap_socket(s, server_side=True).makefile("rwb", buffering=0)
    if text.startswith("354"):
        while f.readline() not in (b".\r\n", b""):
            pass
        reply()
PY
make_cert
python3 "$T/server.py" tests/data/seed-v1.log "$T/cert.pem" "$T/key.pem" >"$T/server.port" &
wait_for 10 test -s "$T/server.port"

smtpd_conf <<CONF
listen on 127.0.0.1 port $PORT
table aliases { gilles = $USER_NAME }
action "local" maildir "$T/Maildir" alias <aliases>
match from local for domain "poolp.org" action "local"
action "out" relay host "smtp://127.0.0.1:$(cat "$T/server.port")" tls no-verify helo out.mailbrix.mx
match from local for domain "gmail.com" action "out"
proc keep "while read line; do echo \"\$line\" >>'$T/report'; done"
report smtp on keep
CONF
ok "the daemon starts" smtpd_start

printf 'Subject: hello\n\nworld\n' | "$SENDMAIL" -f gilles@poolp.org gilles@poolp.org
is $? 0 "sendmail sends the message"

# The session over the socket; the other one asked whether the daemon listens.
local_session()
{
	awk -F'|' '$5 == "link-connect" && /\|local:0\|local:0$/ { id = $6 } $6 == id' "$T/report"
}
over() { local_session | grep -q '|link-disconnect|'; }
wait_for "$PATIENCE" over

mask()
{
	sed -E -e '/\|(link-greeting|link-identify|tx-mail|tx-rcpt|tx-data|tx-reset)\|/d' \
	    -e 's/^(report\|1\|)[0-9]+/\1TIME/' \
	    -e 's/^(([^|]*\|){5})[0-9a-f]{16}/\1SESSION/' \
	    -e 's/(\|link-connect\|SESSION\|)[^|]*(\|pass)?\|/\1HOST|/' \
	    -e 's/(\|220 )[^ ]+/\1HOST/; s/(\|250-)[^ ]+ Hello/\1HOST Hello/' \
	    -e 's/(\|250-SIZE )[0-9]+/\1SIZE/' \
	    -e 's/(\|2[0-9][0-9] 2\.0\.0):/\1/' \
	    -e 's/(\|tx-(begin|envelope|commit)\|SESSION\|)[0-9a-f]{8}/\1MSGID/' \
	    -e 's/(\|250 2\.0\.0 )[0-9a-f]{8} /\1MSGID /' \
	    -e 's/(\|tx-envelope\|SESSION\|MSGID\|)[0-9a-f]{16}$/\1EVPID/' \
	    -e 's/(\|tx-commit\|SESSION\|MSGID\|)[0-9]+$/\1BYTES/'
}
sed -n '/smtp-in|link-connect/,/link-disconnect/p' tests/data/seed-v1.log | mask >"$T/expected"
ours() { sed -E '/\|250-(PIPELINING|DSN|CHUNKING|SMTPUTF8)$/d'; }
local_session | ours | mask >"$T/got"
is "$(grep -c . "$T/expected")" 22 "the transcript has so many lines"
same "$T/got" "$T/expected" "it is reproduced line for line"

printf 'Subject: hello\n\nworld\n' | "$SENDMAIL" -f gilles@poolp.org gilles.chehade@gmail.com
out_session() { grep '|smtp-out|' "$T/report"; }
out_over() { out_session | grep -q '|link-disconnect|'; }
# The connection is kept for 10 s.
ok "the message is relayed" wait_for $((PATIENCE + 10)) out_over
mask_out()
{
	mask | sed -E -e 's/(\|link-connect\|SESSION\|).*/\1ADDRESSES/' \
	    -e 's/(\|link-tls\|SESSION\|version=)[^,]+, cipher=[^,]+, bits=[0-9]+$/\1TLS/' \
	    -e 's/(MAIL FROM:<[^>]*>) SIZE=[0-9]+$/\1/'
}
# What came behind the reply stands before it.
sed -n '/smtp-out|link-connect/,/smtp-out|link-disconnect/p' tests/data/seed-v1.log | mask_out |
    awk -F'|' '$5 ~ /^tx-/ { print; next } reply != "" { print reply; reply = "" }
	$5 == "protocol-server" { reply = $0; next } { print } END { if (reply != "") print reply }' >"$T/expected"
out_session | mask_out >"$T/got"
is "$(grep -c . "$T/expected")" 36 "the transcript of smtp-out has so many lines"
same "$T/got" "$T/expected" "it is reproduced line for line"
