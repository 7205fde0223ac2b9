# SPDX-License-Identifier: ISC
# What the tests of examples/filters against a daemon share, after lib.sh: ours
# (filters_examples.t) and OpenSMTPD (root_filters_examples.t).

# Listeners of $T/smtpd.conf are 127.0.1.1 to 127.0.1.5, clients are 127.0.0.N.
# PYTHON is a python3 for the filters, where a verifier of DKIM is.
PYTHON=python3
! /usr/bin/python3 -c 'import dkim' 2>/dev/null || PYTHON=/usr/bin/python3
F=$TOP/examples/filters

# Names of a DNSBL that lists 127.0.0.2, refuses to tell of .3 and is silent of .4.
examples_start_dns()
{
	cat >"$T/zone" <<-'ZONE'
	bl.test SOA 60 60
	2.0.0.127.bl.test A 60 127.0.0.4
	3.0.0.127.bl.test A 60 127.255.255.254
	4.0.0.127.bl.test ! silent
	ZONE
	python3 "$TOP/tests/dns/responder" "$T/zone" >"$T/responder" &
	wait_for 10 test -s "$T/responder"
	DNS=127.0.0.1:$(cat "$T/responder")
}

# The filters and listeners, in the grammar that both daemons have.
examples_conf()	# TOOLS-PATH
{
	cat <<-CONF
	filter limit proc-exec "PATH='$1:$PATH' '$F/recipient-limit' 2"
	filter grey proc-exec "AWK='$AWK' '$B/filter-awk' -v file='$T/db/grey' -v wait=2 '$F/greylist.awk'"
	filter header proc-exec "AWK='$AWK' '$B/filter-awk' '$F/add-header.awk'"
	filter dnsbl proc-exec "PYTHONPATH='$B' $PYTHON '$F/dnsbl.py' -r $DNS bl.test"
	filter dkim proc-exec "PYTHONPATH='$B' $PYTHON '$F/dkim-sign.py' -d example.org -s mail -k '$T/dkim.key'"
	filter both chain { header, dkim }
	listen on 127.0.1.1 port $PORT filter limit
	listen on 127.0.1.2 port $PORT filter grey
	listen on 127.0.1.3 port $PORT filter header
	listen on 127.0.1.4 port $PORT filter dnsbl
	listen on 127.0.1.5 port $PORT filter both
	action "keep" mda "cat >\$(mktemp '$T/box/XXXXXX')"
	match from any for any action "keep"
	CONF
}

# client LISTENER N LINE...: the last line of each reply but the banner; a line
# "." takes the message from $T/body before it.
cat >"$T/client" <<'PY'
import socket, sys

listener, source, *lines = sys.argv[2:]
s = socket.create_connection((listener, int(sys.argv[1])), 60, ("127.0.0." + source, 0))
f = s.makefile("rb")

def hear():
    while True:
        line = f.readline().decode("latin-1").rstrip()
        if line == "" or line[3:4] != "-":
            return line

hear()
for line in ["EHLO client.test", *lines]:
    data = b""
    if line == ".":
        for body in open(sys.argv[0] + ".body", "rb").read().split(b"\n")[:-1]:
            data += (b"." if body.startswith(b".") else b"") + body + b"\r\n"
    s.sendall(data + line.encode() + b"\r\n")
    reply = hear()
    if not line.startswith("EHLO"):
        print(reply, flush=True)
PY
client() { timeout 60 python3 "$T/client" "$PORT" "127.0.1.$1" "$2" "$3" "$4" "$5" "$6" "$7"; }
