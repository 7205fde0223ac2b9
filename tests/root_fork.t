#!/bin/sh
# SPDX-License-Identifier: ISC
# The system has no more processes to give: mail is deferred, the parent leaks
# nothing, and delivers it when there is one again.
# mounts: an /etc with a user whose processes can be counted
. tests/lib.sh
plan 6

private_etc carol:931
smtpd_as carol
smtpd_conf <<CONF
listen on 127.0.0.1 port $PORT
action "local" maildir "$T/run/Maildir"
match from any for local action "local"
CONF
# Seven of the daemon, and one that can be ended.
prlimit --pid $$ --nproc=8:
ok "the daemon starts" smtpd_start
as carol sh -c 'echo $$ >"$0" && exec sleep 300' "$T/run/fifth" >/dev/null 2>&1 &
fifth() { [ -s "$T/run/fifth" ]; }
wait_for "$PATIENCE" fifth

descriptors() { ls "/proc/$smtpd_pid/fd" | wc -l; }
before=$(descriptors)
ok "a message is accepted" sh -c 'echo x | "$0" carol' "$SENDMAIL"
deferred() { grep -q 'is deferred .*: Resource temporarily unavailable' "$T/log"; }
ok "it is deferred, and why is logged" wait_for "$PATIENCE" deferred
is "$(descriptors)" "$before" "no descriptor is left behind"
kill "$(cat "$T/run/fifth")"
delivered() { [ "$(ls "$T/run/Maildir/new" 2>/dev/null | wc -l)" = 1 ]; }
ok "then it is delivered" wait_for $((PATIENCE + 10)) delivered
ok "it stops in order" smtpd_stop
