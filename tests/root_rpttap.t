#!/bin/sh
# SPDX-License-Identifier: ISC
# rpttap(1) as a filter of the OpenSMTPD that is installed (Debian's 6.8), or of
# the one that OPENSMTPD names: it survives the command's death and the daemon
# accepts mail all the time.
# mounts: a /var/spool and /run of its own
# once: the daemon is somebody else's
. tests/lib.sh

OPENSMTPD=${OPENSMTPD:-/usr/sbin/smtpd}
"$OPENSMTPD" -h 2>&1 | grep -q 'OpenSMTPD' ||
    skip_all "needs opensmtpd, as $OPENSMTPD or named by OPENSMTPD"
plan 8

mkdir "$T/spool" "$T/run"
chmod 755 "$T" "$T/spool" "$T/run"
mount --bind "$T/spool" /var/spool
mount --bind "$T/run" /run
cd "$T" || exit 1
touch out raw
chmod 666 out raw
# A filter has no PATH to speak of, and no right to read a private directory.
mkdir tools
cp "$BIN/rpttap" "$BIN/rptfmt" "$BIN/rptcut" tools
chmod -R a+rX tools

cat >conf <<CONF
filter rpt proc-exec "$T/tools/rpttap '$T/tools/rptfmt -u >>$T/out'"
filter raw proc-exec "$T/tools/rpttap -e tx-commit,link-disconnect 'read -r l; echo \"\$l\" >>$T/raw'"
filter both chain { rpt, raw }
listen on 127.0.0.1 port $PORT filter both
action "local" mda "cat >/dev/null"
match from any for any action "local"
CONF
"$OPENSMTPD" -d -f conf >log 2>&1 &
smtpd_pid=$!

# Sends a message; prints the reply to its end.
send()
{
	perl -MIO::Socket::INET -e '
		my $s = IO::Socket::INET->new(PeerAddr => "127.0.0.1:$ARGV[0]") or die;
		my $l;
		sub reply { do { $l = <$s> // die } while $l =~ /^...-/; $l }
		reply();
		for ("EHLO here.example.org", "MAIL FROM:<a|b\@example.net>",
		    "RCPT TO:<nobody\@localhost>", "DATA", "Subject: x\r\n\r\nx\r\n.") {
			print $s "$_\r\n";
			reply();
		}
		print $l;
		print $s "QUIT\r\n";
		reply();' "$PORT" 2>&1
}
accepted() { send | grep -q '^250 2.0.0 .* Message accepted'; }
count_is() { [ "$(grep -c "$1" "$2")" -ge "$3" ]; }

ok "the daemon accepts mail" wait_for "$PATIENCE" accepted
[ "$tests_failed" -eq 0 ] || notes log
ok "the command got its events" wait_for "$PATIENCE" count_is ' link-disconnect' out 1
is "$(sed -n 's/^.*\(tx-mail .*\)$/\1/p' out | sed 's/[0-9a-f]\{8\}/MSGID/' | sed 1q)" \
    "tx-mail         MSGID ok from <a|b@example.net>" "as the daemon saw them"
is "$(grep -c 'link-connect.*127.0.0.1:' out) $(grep -c 'tx-commit' out)" "1 1" "each once"
ok "another one reads what it asked for" wait_for "$PATIENCE" count_is '|tx-commit|' raw 1
ok "and has died, which is logged, and is started again" \
    wait_for "$PATIENCE" count_is '|link-disconnect|' raw 1
ok "mail is accepted all the while" accepted
ok "the daemon lives, and stops when told" smtpd_stop
