#!/bin/sh
# SPDX-License-Identifier: ISC
# It is us who are late: a client's idle time is for its own silence, not for a
# queue or lookup that takes longer.  And what a command prints too much is
# counted in the log, also when it prints no more.
. tests/lib.sh
plan 9

smtpd_conf <<CONF
smtp limit idle 2s
listen on 127.0.0.1 port $PORT
action "local" maildir "$T/Maildir"
match from any for local action "local"
proc all "exec cat >>'$T/all'" protocol "0.7"
report smtp-in on all
proc chatty "seq 500; exec cat >/dev/null"
report smtp-in on chatty
CONF
ok "the daemon starts" smtpd_start

counted() { grep -q ' chatty: 400 more lines not logged' "$T/log"; }
ok "lines that were not logged are counted" wait_for "$PATIENCE" counted

# Stops a process once the client has said what it will answer, for longer than
# clients may be idle: client.pl PORT PID BYTES RECIPIENT
cat >"$T/client.pl" <<'PERL'
use strict;
use warnings;
use IO::Socket::INET;

alarm 60;
my ($port, $stop, $pid, $size, $to) = @ARGV;
my $s = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port) or die;
$| = 1;
sub hear {
	while (my $l = <$s>) {
		print $l;
		return if $l =~ /^\d+ /;
	}
	print "end\n";
}
sub say {
	my ($verb, $text) = @_;
	kill 'STOP', $pid if $verb eq $stop;
	print $s $text;
	if ($verb eq $stop) {
		sleep 5;
		kill 'CONT', $pid;
	}
	hear();
}
hear();
say(HELO => "HELO client\r\n");
say(MAIL => "MAIL FROM:<>\r\n");
say(RCPT => "RCPT TO:<$to>\r\n");
say(DATA => "DATA\r\n");
# With more content than the window takes, the send itself has to wait.
defined(my $child = fork) or die;
if ($child == 0) {
	kill 'STOP', $pid if $stop eq 'CONTENT';
	print $s 'x' x 998 . "\r\n" for 1 .. $size / 1000;
	print $s ".\r\n";
	exit;
}
if ($stop eq 'CONTENT') {
	sleep 5;
	kill 'CONT', $pid;
}
waitpid $child, 0;
hear();
say(NOOP => "NOOP\r\n");
PERL
# last_codes STOP-AT PROCESS BYTES: codes of the last three replies
last_codes()
{
	perl "$T/client.pl" "$PORT" "$1" "$(child "$2")" "$3" "$USER_NAME@localhost" |
	    sed -n 's/^\([0-9]* [0-9.]*\|end\).*/\1/p' | tail -3 | tr '\n' ' '
}

is "$(last_codes RCPT lookup 1000)" "354  250 2.0.0 250 2.0.0 " "lookup is late: its answer is waited for"
is "$(last_codes CONTENT queue 1000)" "354  250 2.0.0 250 2.0.0 " "queue is late: its answer is waited for"
is "$(last_codes CONTENT queue 20000000)" "354  250 2.0.0 250 2.0.0 " "queue is late with its window: it is waited for"
is "$(grep -c '|timeout|' "$T/all")" 0 "nobody is told that a client was late"
delivered() { [ "$(ls "$T/Maildir/new" 2>/dev/null | wc -l)" = 3 ]; }
ok "all of it is delivered" wait_for "$PATIENCE" delivered
is "$(ls -l "$T/Maildir/new" | awk '$5 > 19000000' | wc -l)" 1 "the large one whole"
ok "it stops in order" smtpd_stop
