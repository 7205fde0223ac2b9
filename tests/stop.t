#!/bin/sh
# SPDX-License-Identifier: ISC
# An orderly stop: a message that waits for its answer gets it, then its client
# hears 421, and nobody who stays connected holds the daemon up.
. tests/lib.sh
plan 7

smtpd_conf <<E2
listen on 127.0.0.1 port $PORT
action "local" maildir "$T/Maildir"
match from any for any action "local"
proc keep "exec cat >>'$T/report'"
report smtp-in on keep
E2
ok "the daemon starts" smtpd_start

has() { grep -q "$1" "$T/$2"; }
stopped() { has 'stopping' log; }

# Sends a message, and then says nothing more until the server hangs up.
cat >"$T/client" <<'E2'
use IO::Socket::INET;
$| = 1;
my $s = IO::Socket::INET->new("127.0.0.1:$ARGV[0]") or die;
sub hear { while (my $l = <$s>) { print $l; last if $l =~ /^\d+ /; } }
hear;
for ("EHLO client.example", "MAIL FROM:<a\@example.org>",
    "RCPT TO:<$ARGV[1]\@localhost>", "DATA") {
	print $s "$_\r\n";
	hear;
}
while (! -e $ARGV[2]) { select undef, undef, undef, 0.05; }
print $s "Subject: last\r\n\r\ntext\r\n.\r\n";
print "sent\n";
print while <$s>;
print "end\n";
E2

perl "$T/client" "$PORT" "$USER_NAME" "$T/go" >"$T/out" 2>&1 &
client=$!
ok "a message is begun" wait_for "$PATIENCE" has '^354' out
queue=$(child queue)
kill -STOP "$queue"
touch "$T/go"
wait_for "$PATIENCE" has '^sent' out
# The commit has to be on its way before the signal.
wait_for "$PATIENCE" has '|protocol-client|[0-9a-f]*|\.$' report
kill "$smtpd_pid"
wait_for "$PATIENCE" stopped
kill -CONT "$queue"
ok "the server hangs up" wait_for "$PATIENCE" has '^end' out
is "$(sed -n '/^sent/,$p' "$T/out" | cut -c 1-9 | tr '\n' ' ')" \
    'sent 250 2.0.0 421 4.3.2 end ' \
    "it answered the message, then said why it ends"
ended() { has 'stopped' log; }
ok "the daemon has ended" wait_for "$PATIENCE" ended
ok "in good order" smtpd_stop
wait $client

smtpd_start
delivered() { [ "$(ls "$T/Maildir/new" 2>/dev/null | wc -l)" = 1 ]; }
ok "the message is delivered after the next start" wait_for "$PATIENCE" delivered
