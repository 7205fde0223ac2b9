#!/bin/sh
# SPDX-License-Identifier: ISC
# The filters of examples/filters as filters of the daemon.
. tests/lib.sh
. tests/examples.sh

plan 17
: >"$T/banned"
examples_start
smtpd_conf <<CONF
listen on 127.0.0.1 port $PORT
table banned file:$T/banned
filter banned phase connect match src <banned> reject "550 5.7.1 Go away"
listen on 127.0.1.6 port $PORT filter banned
proc "ban" "PATH='$BIN:$PATH' '$F/ban' '$T/banned'"
report smtp-in on "ban"
$(examples_conf)
CONF
ok "the daemon starts" smtpd_start
[ $tests_failed -eq 0 ] || exit 1
examples_tests

# -- ban --

client 6 9 "MAIL FROM:<a@b.test>" "$R" QUIT >got
is "$(cut -c 1-3 got | tr '\n' ' ')" "250 250 221 " "nobody is banned"
client 6 9 BAD BAD BAD BAD BAD BAD BAD BAD BAD BAD QUIT >/dev/null 2>&1
ok "who has made ten errors is in the table" wait_for "$PATIENCE" grep -qx 127.0.0.9 "$T/banned"
banned() { client 6 9 QUIT | grep -q ... ; [ "$(python3 - <<PY
import socket
s = socket.create_connection(("127.0.1.6", $PORT), 60, ("127.0.0.9", 0))
print(s.makefile().readline().rstrip())
PY
)" = "550 5.7.1 Go away" ]; }
ok "and is sent away" wait_for "$PATIENCE" banned
ok "the daemon stops in order" smtpd_stop
[ $tests_failed -eq 0 ] || notes "$T/log"
