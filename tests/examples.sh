# SPDX-License-Identifier: ISC
# What the tests of examples/filters with a daemon share, after lib.sh: with ours
# (filters_examples.t), and with OpenSMTPD (root_filters_examples.t).  Listeners
# are 127.0.1.1 to 127.0.1.5, clients 127.0.0.N.

B=$TOP/lib/bridge F=$TOP/examples/filters
# Of the system, whose users it runs for, and whose package verifies DKIM.
PYTHON=/usr/bin/python3
[ -x $PYTHON ] || PYTHON=python3
cd "$T" || exit 1

# Directories, a key, and a DNSBL that lists 127.0.0.2 and is silent of .4.
examples_start()
{
	mkdir db box
	openssl genrsa -out dkim.key 2048 2>/dev/null
	openssl rsa -in dkim.key -pubout -outform DER 2>/dev/null | base64 | tr -d '\n' >public
	cat >zone <<-'ZONE'
	bl.test SOA 60 60
	2.0.0.127.bl.test A 60 127.0.0.4
	4.0.0.127.bl.test ! silent
	ZONE
	python3 "$TOP/tests/dns/responder" zone >responder &
	wait_for 10 test -s responder
	DNS=127.0.0.1:$(cat responder)
}

# Filters, listeners and a rule, in the grammar that both daemons have.
examples_conf()
{
	cat <<-CONF
	filter rcpts proc-exec "/usr/bin/env PATH='$BIN:/usr/bin:/bin' '$F/recipient-limit' 2"
	filter grey proc-exec "/usr/bin/env '$B/filter-awk' -v file='$T/db/grey' -v wait=2 '$F/greylist.awk'"
	filter header proc-exec "/usr/bin/env '$B/filter-awk' '$F/add-header.awk'"
	filter dnsbl proc-exec "/usr/bin/env PYTHONPATH='$B' $PYTHON '$F/dnsbl.py' -r $DNS bl.test"
	filter dkim proc-exec "/usr/bin/env PYTHONPATH='$B' $PYTHON '$F/dkim-sign.py' -d example.org -s mail -k '$T/dkim.key'"
	filter both chain { header, dkim }
	listen on 127.0.1.1 port $PORT filter rcpts
	listen on 127.0.1.2 port $PORT filter grey
	listen on 127.0.1.3 port $PORT filter header
	listen on 127.0.1.4 port $PORT filter dnsbl
	listen on 127.0.1.5 port $PORT filter both
	action "keep" mda "cat >\$(mktemp '$T/box/XXXXXX')"
	match from any for any action "keep"
	CONF
}

# client LISTENER N LINE...: the last line of each reply behind that to EHLO; what is
# in `body` is sent before a line ".".
cat >client.py <<'PY'
import socket, sys

s = socket.create_connection((sys.argv[2], int(sys.argv[1])), 60, ("127.0.0." + sys.argv[3], 0))
f = s.makefile("rb")

def hear():
    while True:
        line = f.readline().decode("latin-1").rstrip()
        if line == "" or line[3:4] != "-":
            return line

hear()
for line in ["EHLO client.test", *sys.argv[4:]]:
    data = b""
    for text in open("body", "rb").read().split(b"\n")[:-1] if line == "." else []:
        data += (b"." if text.startswith(b".") else b"") + text + b"\r\n"
    s.sendall(data + line.encode() + b"\r\n")
    reply = hear()
    if not line.startswith("EHLO"):
        print(reply, flush=True)
PY
client()
{
	client_listener=$1 client_n=$2; shift 2
	timeout 60 python3 client.py "$PORT" "127.0.1.$client_listener" "$client_n" "$@"
}
codes() { client "$@" | cut -c 1-3 | tr '\n' ' '; }
# deliver LISTENER: sends `body`, and waits for it in `mail`.
box_has_mail() { [ -n "$(ls box)" ] && grep -q '^the end$' box/*; }
deliver()
{
	rm -f box/*
	codes "$1" 1 "MAIL FROM:<a@example.org>" "$R" DATA . QUIT
	wait_for "$PATIENCE" box_has_mail
	cat box/* >mail
}

R="RCPT TO:<nobody@localhost>"
# What all of them do; 12 tests.
examples_tests()
{
	is "$(codes 1 1 "MAIL FROM:<a@b.test>" "$R" "$R" "$R" QUIT)" "250 250 250 452 221 " "recipient-limit"
	is "$(client 2 1 "MAIL FROM:<a@b.test>" "$R" QUIT | sed -n 2p | cut -c 1-21)" \
	    "451 4.7.1 Greylisted:" "greylist: not now"
	sleep 3
	is "$(codes 2 7 "MAIL FROM:<a@b.test>" "$R" QUIT)" "250 250 221 " \
	    "later, from the same network"
	is "$(cut -d ' ' -f 3- db/grey | sort -u)" "127.0.0 a@b.test nobody@localhost" "and it is on file"
	is "$(client 4 2 "MAIL FROM:<a@b.test>" "$R" QUIT | sed -n 2p)" \
	    "550 5.7.1 Your address is listed by bl.test" "dnsbl: who is listed"
	is "$(codes 4 1 "MAIL FROM:<a@b.test>" "$R" QUIT) $(
	    codes 4 4 "MAIL FROM:<a@b.test>" "$R" QUIT)" \
	    "250 250 221  250 250 221 " "who is not, and of whom nobody answers"

	printf '%s\n' "X-Client: forged" "From: A <a@example.org>" "Subject:  a | b \\n" "" ".dot" "." "" \
	    "the end" >body
	is "$(deliver 3)" "250 250 354 250 221 " "add-header: a message"
	is "$(grep '^X-Client' mail | sed 's/.*(\(127[0-9.]*\):[0-9]*), fcrdns.*/\1/')" 127.0.0.1 \
	    "has the header, and not that of the client"
	is "$(sed -n '/^From: A/,$p' mail)" "$(sed 1d body)" "and all else as it was"
	if $PYTHON -c 'import dkim' 2>/dev/null; then
		is "$(deliver 5)" "250 250 354 250 221 " "dkim-sign, in a chain: a message"
		is "$($PYTHON - <<-'PY'
		import dkim
		key = b"v=DKIM1; k=rsa; p=" + open("public", "rb").read()
		mail = open("mail", "rb").read()
		mail = mail[mail.index(b"DKIM-Signature:"):]
		print(dkim.verify(mail.replace(b"\n", b"\r\n"), dnsfunc=lambda name, timeout=5: key))
		PY
		)" True "whose signature holds when it is delivered"
		is "$(grep -c '^X-Client: .*127.0.0.1' mail)" 1 "and which both filters have seen"
	else
		for what in message signature chain; do
			skip "dkim-sign: $what" "python3-dkim is not installed"
		done
	fi
}
