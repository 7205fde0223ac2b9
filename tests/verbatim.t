#!/bin/sh
# SPDX-License-Identifier: ISC
# 25 clients at once send messages of 0 to 300 KB with any bytes, lines of up to
# 998 and dots where they hurt, in pieces of any size: each arrives byte for byte.
# SEED=N repeats a run.
. tests/lib.sh
plan 5

SEED=${SEED:-$$}
note "SEED=$SEED"
smtpd_conf <<CONF
listen on 127.0.0.1 port $PORT
action "local" maildir "$T/Maildir"
match from any for local action "local"
CONF
ok "the daemon starts" smtpd_start

# Prints the name and the digest of each message that it has sent.
cat >"$T/client.pl" <<'PERL'
use strict;
use warnings;
use Digest::SHA qw(sha256_hex);
use IO::Socket::INET;
use Socket qw(IPPROTO_TCP TCP_NODELAY);

my ($port, $to, $patience, $name, $seed) = @ARGV;
srand($seed);
alarm 5 * $patience;
my $s = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port) or die "$!\n";
setsockopt($s, IPPROTO_TCP, TCP_NODELAY, 1);

sub expect {
	my ($code) = @_;

	while (my $line = <$s>) {
		next if $line =~ /^\d+-/;
		return if $line =~ /^$code /;
		die "expected $code, got $line";
	}
	die "the server hung up\n";
}
sub say_line { syswrite($s, "$_[0]\r\n"); expect($_[1]) }

# Every byte but CR and LF.
my $bytes = join '', map { chr } grep { $_ != 10 && $_ != 13 } 0 .. 255;
my @starts = ('', '', '', '.', '..', '.' x 998, "\0", '.QUIT', "-- ");
sub line {
	my $start = $starts[rand @starts];
	my $n = int rand(999 - length $start);
	my $from = int rand 254;

	return $start . substr($bytes x 5, $from, rand() < 0.3 ? 0 : $n);
}

expect(220);
say_line('EHLO client', 250);
for my $i (1 .. 4) {
	my $size = rand() < 0.2 ? int rand 3 : int rand 300 * 1024;
	my $text = "X-Name: $name.$i\n\n";

	$text .= line() . "\n" while length($text) < $size;
	say_line('MAIL FROM:<a@client.example>', 250);
	say_line("RCPT TO:<$to>", 250);
	say_line('DATA', 354);
	(my $wire = $text) =~ s/^\./../mg;
	$wire =~ s/\n/\r\n/g;
	$wire .= ".\r\n";
	for (my $at = 0; $at < length $wire; ) {
		my $n = 1 + int rand(rand() < 0.3 ? 3 : 8000);
		my $wrote = syswrite($s, substr($wire, $at, $n)) // die "write: $!\n";
		$at += $wrote;
	}
	expect(250);
	print "$name.$i ", sha256_hex($text), "\n";
}
say_line('QUIT', 221);
PERL

clients=
for i in $(seq 1 25); do
	perl "$T/client.pl" "$PORT" "$USER_NAME@localhost" "$PATIENCE" "$i" \
	    $((SEED + i)) >"$T/sent.$i" 2>"$T/err.$i" &
	clients="$clients $!"
done
failed=0
for client in $clients; do
	wait "$client" || failed=$((failed + 1))
done
is "$failed $(cat "$T"/err.*)" "0 " "every client's messages are accepted"
ok "and delivered" wait_for "$PATIENCE" queue_empty

# The same of what arrived, from the client's first line on.
perl -MDigest::SHA=sha256_hex -e 'undef $/; for (@ARGV) {
	open(my $fh, "<:raw", $_) or die "$_: $!\n";
	<$fh> =~ /^(X-Name: (\S+)\n.*)/ms or die "$_: no name\n";
	print "$2 ", sha256_hex($1), "\n";
}' "$T"/Maildir/new/* | sort >"$T/got"
sort "$T"/sent.* >"$T/expected"
same "$T/got" "$T/expected" "byte for byte"
is "$(wc -l <"$T/got")" 100 "so many as were sent"
