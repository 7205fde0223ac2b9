#!/bin/sh
# SPDX-License-Identifier: ISC
# A message of more recipients than the spool takes, where smtp takes them: it
# is refused for good at its end, nobody gets it, and the session goes on.
. tests/lib.sh
plan 5

smtpd_conf <<CONF
smtp limit max-rcpt 20000
listen on 127.0.0.1 port $PORT
action "local" maildir "$T/Maildir"
match from any for local action "local"
proc all "exec cat >>'$T/all'" protocol "0.7"
report smtp-in on all
CONF
ok "the daemon starts" smtpd_start

# Commands in pipelines that a socket holds; replies as counts of their codes.
cat >"$T/client.pl" <<'PERL'
use strict;
use warnings;
use IO::Socket::INET;

my ($port, $to, $n) = @ARGV;
alarm 5 * $ENV{PATIENCE};
my $s = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port) or die;
my $last = '';
my $times = 0;
sub hear {
	my $l = <$s> // "end\n";
	my ($code) = $l =~ /^(\d+ \d*\.?\d*\.?\d*|end)/;
	print "$times of $last\n" if $last ne $code && $times > 0;
	$times = 0 if $last ne $code;
	$last = $code;
	$times++;
}
sub say_all {
	print $s join('', map { "$_\r\n" } @_);
	hear() for @_;
}
hear();
say_all('HELO client', 'MAIL FROM:<>');
my @rcpt = map { sprintf 'RCPT TO:<%s+%d@localhost>', $to, $_ } 1 .. $n;
say_all(splice @rcpt, 0, 500) while @rcpt;
say_all('DATA');
print $s "x\r\n";
say_all('.', 'MAIL FROM:<>', "RCPT TO:<$to\@localhost>", 'QUIT');
hear();
PERL
PATIENCE=$PATIENCE perl "$T/client.pl" "$PORT" "$USER_NAME" 10001 >"$T/out"
is "$(tail -7 "$T/out" | paste -sd ' ')" \
    "1 of 250 2.0.0 10001 of 250 2.1.5 1 of 354  1 of 554 5.5.3 1 of 250 2.0.0 1 of 250 2.1.5 1 of 221 2.0.0" \
    "refused for good, and the session goes on"
told() { grep -q '|link-disconnect|' "$T/all"; }
ok "all is told" wait_for "$PATIENCE" told
is "$(grep -e '|tx-commit|' -e '|tx-rollback|' "$T/all" | cut -d'|' -f5 | paste -sd ' ')" \
    "tx-rollback tx-rollback" "nothing was committed"
ok "it stops in order" smtpd_stop
