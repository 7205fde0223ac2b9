#!/bin/sh
# SPDX-License-Identifier: ISC
# A reporter that dies with unread lines again and again: a gap line that dies
# unread too is not one line, it stands for all that it told of.
. tests/lib.sh
plan 6

smtpd_conf <<CONF
listen on 127.0.0.1 port $PORT hostname "mx.example.org"
action "local" maildir "$T/Maildir"
match from any for local action "local"
proc all "exec cat >>'$T/all'" protocol "0.7" overflow wait
report smtp-in on all
proc dies "if [ -e '$T/lives' ]; then exec cat >>'$T/dies'; fi; sleep 1; exit 1" protocol "0.7" buffer 64K
report smtp-in on dies
CONF
ok "the daemon starts" smtpd_start

cat >"$T/noops.pl" <<'PERL'
use IO::Socket::INET;
alarm 120;
my $s = IO::Socket::INET->new("127.0.0.1:$ARGV[0]") or die;
for (1 .. 45) {
	print $s "NOOP\r\n" x 400;
	scalar <$s> for 1 .. 400;
	select undef, undef, undef, 0.1;
}
PERL
ok "it dies some times under load" perl "$T/noops.pl" "$PORT"
touch "$T/lives"
reads() { [ -s "$T/dies" ]; }
ok "then it lives" wait_for "$PATIENCE" reads
ok "the log says how often it did not" grep -q 'proc dies: exited with status 1' "$T/log"
accounted()
{
	told=$(grep -vc '|report-gap|' "$T/dies")
	missed=$(awk -F'|' '$5 == "report-gap" { n += $7 } END { print n + 0 }' "$T/dies")
	[ $((told + missed)) -eq "$(wc -l <"$T/all")" ]
}
# A gap line stands before the next line, so each look needs one.
settled() { port_open "$PORT" && (wait_for 1 accounted); }
ok "every line is told or counted" wait_for "$PATIENCE" settled
accounted
note "told $told, missed $missed"
ok "the daemon stops in order" smtpd_stop
