#!/bin/sh
# SPDX-License-Identifier: ISC
# The filters of examples/filters as filters of the OpenSMTPD that is installed
# (Debian's 6.8), or of the one that OPENSMTPD names.
# mounts: a /var/spool and /run of its own
# once: the daemon is somebody else's
. tests/lib.sh
OPENSMTPD=${OPENSMTPD:-/usr/sbin/smtpd}
"$OPENSMTPD" -h 2>&1 | grep -q 'OpenSMTPD' ||
    skip_all "needs opensmtpd, as $OPENSMTPD or named by OPENSMTPD"
. tests/examples.sh

plan 14
mkdir "$T/spool" "$T/run"
chmod 755 "$T" "$T/spool" "$T/run"
mount --bind "$T/spool" /var/spool
mount --bind "$T/run" /run
# Filters have no right to read a private directory.
mkdir "$T/tree" "$T/tree/bin"
cp -R "$TOP/lib" "$TOP/examples" "$T/tree"
cp "$BIN/rpttap" "$T/tree/bin"
chmod -R a+rX "$T/tree"
BIN=$T/tree/bin B=$T/tree/lib/bridge F=$T/tree/examples/filters
examples_start
chmod 777 "$T/db" "$T/box"
chmod 644 "$T/dkim.key"
examples_conf >"$T/conf"
"$OPENSMTPD" -d -f "$T/conf" >"$T/log" 2>&1 &
smtpd_pid=$!
ok "the daemon starts" wait_for "$PATIENCE" client 3 1 QUIT
[ $tests_failed -eq 0 ] || { notes "$T/log"; exit 1; }
examples_tests
ok "the daemon lives, and stops when told" smtpd_stop
[ $tests_failed -eq 0 ] || notes "$T/log"
