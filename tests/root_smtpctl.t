#!/bin/sh
# SPDX-License-Identifier: ISC
# The control socket is the daemon's user's and root's: another user cannot
# connect, and whoever gets that far all the same is hung up on.
. tests/lib.sh
plan 8

for other in daemon bin mail; do
	id -u "$other" >/dev/null 2>&1 && break
done

smtpd_as nobody
smtpd_conf <<E2
listen on 127.0.0.1 port $PORT
action "local" maildir "$T/run/Maildir"
match from any for any action "local"
E2
ok "the daemon starts as nobody" smtpd_start

asks() { as "$1" "$SMTPCTL" show stats >"$T/out"; }
ok "its user may ask" asks nobody
ok "root may" asks root

refused()	# DESCRIPTION PATTERN
{
	status=0
	as "$other" "$SMTPCTL" show queue >"$T/out" 2>"$T/err" || status=$?
	is "$status:$(cat "$T/out")" "2:" "$1"
	ok "$1: says why" grep -q "$2" "$T/err"
}
refused "another user may not connect" 'Permission denied'
chmod 666 "$SMTPD_CONTROL"
refused "nor ask where the socket is open to all" 'does not answer this user'
ok "the log says so" grep -q 'control socket: user .* is not allowed' "$T/log"
