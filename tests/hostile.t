#!/bin/sh
# SPDX-License-Identifier: ISC
# Hostile clients: lines of 10 MB, NULs, floods, garbage, clients that do not
# read.  Each has its reply, the stream stays whole, memory stays bounded, and
# mail goes on.
. tests/lib.sh

plan 39

smtpd_conf <<CONF
listen on 127.0.0.1 port $PORT hostname "mx.example.org"
smtp limit idle 20s
action "local" maildir "$T/Maildir"
match from any for local action "local"
proc founding "exec cat >>'$T/founding'" overflow wait
report smtp-in on founding
proc newest "exec cat >>'$T/newest'" protocol "0.7" overflow wait
report smtp-in on newest
CONF
ok "the daemon starts" smtpd_start

cat >"$T/hostile.pl" <<'PERL'
use strict;
use warnings;
use IO::Select;
use IO::Socket::INET;

my ($port, $user, $what) = @ARGV;
my ($s, $in, $all) = (undef, '', '');
$SIG{PIPE} = 'IGNORE';
alarm 5 * $ENV{PATIENCE};

sub connected { IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port) or die "connect: $!\n" }

# Sends and reads at once, until there are N final replies or the server hangs up.
sub talk {
	my ($out, $n) = @_;
	my @replies;

	$s //= connected();
	$s->blocking(0);
	while (@replies < $n) {
		my ($r, $w) = IO::Select->select(IO::Select->new($s),
		    $out eq '' ? undef : IO::Select->new($s));
		if (@$w) {
			my $wrote = syswrite($s, $out, 1 << 16);
			if (defined $wrote) {
				substr($out, 0, $wrote, '');
			} elsif (!$!{EAGAIN}) {
				$out = '';
			}
		}
		if (@$r) {
			my $got = sysread($s, $in, 1 << 16, length $in);
			last if defined $got ? $got == 0 : !$!{EAGAIN};
		}
		while ($in =~ s/^(\d{3})([ -]).*\r\n//) {
			push @replies, $1 if $2 eq ' ';
		}
	}
	return join(' ', @replies);
}

sub expect {
	my ($out, $expected) = @_;
	my $got = talk($out, scalar(() = $expected =~ /\d+/g));

	$got eq $expected or die 'expected ', substr($expected, -200), ', got ', substr($got, -200), "\n";
}

# Sends all of it to who need not answer.
sub push_out {
	my ($out) = @_;

	$s->blocking(1);
	while ($out ne '') {
		my $wrote = syswrite($s, $out, 1 << 16) // die "write: $!\n";
		substr($out, 0, $wrote, '');
	}
}

sub envelope {
	expect('', '220') unless $s;
	expect("HELO client\r\nMAIL FROM:<a\@b>\r\nRCPT TO:<$user\@localhost>\r\nDATA\r\n",
	    '250 250 250 354');
}

sub chunks {
	expect('', '220') unless $s;
	expect("HELO client\r\nMAIL FROM:<a\@b>\r\nRCPT TO:<$user\@localhost>\r\n", '250 250 250');
}

my $mb10 = 10 * 1024 * 1024;
my %hostile = (
	command => sub { expect('NOOP ' . 'x' x $mb10 . "\r\nNOOP\r\n", '220 500 250') },
	command_nul => sub { expect("\0" x $mb10 . "\r\nNOOP\r\n", '220 500 250') },
	command_cr => sub { expect("\r" x $mb10 . "\r\nNOOP\r\n", '220 500 250') },
	command_lf => sub { expect("\n" x $mb10, '220 ' . '500 ' x 21 . '421') },
	command_open => sub {
		talk('', 1);
		talk('x' x $mb10, 0);
		$s->blocking(1);
		syswrite($s, 'x' x $mb10);
	},
	helo => sub {
		expect('EHLO ' . 'a' x 1900 . "\r\nEHLO " . 'a.' x 127 . "a\r\n", '220 501 250');
	},
	body_line => sub { envelope(); expect('x' x $mb10 . "\r\n.\r\nNOOP\r\n", '550 250') },
	header_line => sub {
		envelope();
		expect('Received: ' . 'x' x $mb10 . "\r\n\r\n.\r\nNOOP\r\n", '550 250');
	},
	body_cr => sub { envelope(); expect("\r" x $mb10 . "\r\n.\r\nNOOP\r\n", '550 250') },
	body_lf => sub { envelope(); expect("\n" x $mb10 . "\r\n.\r\nNOOP\r\n", '550 250') },
	body_dots => sub { envelope(); expect(".\n.\r.\r\r\n" x 500000 . "\r\n.\r\nNOOP\r\n", '550 250') },
	body_nul => sub { envelope(); expect(("\0" x 998 . "\r\n") x 5000 . ".\r\nNOOP\r\n", '250 250') },
	body_empty => sub { envelope(); expect("\r\n" x 2000000 . ".\r\nNOOP\r\n", '250 250') },
	too_big => sub { envelope(); expect(('x' x 998 . "\r\n") x 38000 . ".\r\nNOOP\r\n", '552 250') },
	rcpts => sub {
		expect("HELO client\r\nMAIL FROM:<a\@b>\r\n", '220 250 250');
		expect("RCPT TO:<$user\@localhost>\r\n" x 1001, '250 ' x 1000 . '452');
	},
	bars => sub {
		expect("EHLO a|b\r\nHELO c\r\nMAIL FROM:<|@|>\r\nMAIL FROM:<|\@b>\r\n" .
		    "RCPT TO:<||\@localhost>\r\n|||\r\n" .
		    "report|1|0|smtp-in|link-disconnect|0000000000000000\r\n",
		    '220 501 250 553 250 550 500 500');
	},
	garbage => sub {
		srand(1);
		for (1 .. 50) {
			talk(join('', map { chr int rand 256 } 1 .. 20000), 100);
			undef $s;
			$in = '';
		}
	},
	silent => sub {
		my @all = map { connected() } 1 .. 300;
		for my $one (@all) {
			syswrite($one, "EH");
			<$one> =~ /^220 / or die "no banner\n";
		}
	},
	# Chunks: as large as a number can be, cut off, in the way, without end.
	bdat_huge => sub {
		expect("HELO client\r\n", '220 250');
		push_out("BDAT 18446744073709551615 LAST\r\n");
		push_out("QUIT\r\n" x 5000000);
		push_out("RSET\r\n" x 5000000);
		IO::Select->new($s)->can_read(0) and die "it answers\n";
	},
	bdat_huge_mail => sub {
		chunks();
		push_out("BDAT 99999999999999999999 LAST\r\nSubject: huge\r\n\r\n");
		push_out(('x' x 998 . "\r\n") x 60000);
		IO::Select->new($s)->can_read(0) and die "it answers\n";
	},
	bdat_huger => sub { expect("HELO c\r\nBDAT 100000000000000000000\r\nNOOP\r\n", '220 250 521') },
	bdat_cut => sub {
		for my $n (0, 1, 20, 199999) {
			chunks();
			push_out("BDAT 200000 LAST\r\n" .
			    substr("Subject: cut\r\n\r\n" . 'x' x 200000, 0, $n));
			undef $s;
			$in = '';
		}
	},
	bdat_too_big => sub {
		chunks();
		expect("BDAT 40000000\r\n" . ('x' x 998 . "\r\n") x 40000 .
		    "BDAT 12 LAST\r\n" . "RSET\r\n" x 2 . "NOOP\r\n", '552 503 250');
	},
	bdat_in_the_way => sub {
		expect("HELO client\r\nBDAT $mb10\r\n" . 'x' x $mb10 .
		    "BDAT 9000000 LAST\r\n" . "QUIT\r\n" x 1500000 . "NOOP\r\n",
		    '220 250 503 503 250');
	},
	bdat_bytes => sub {
		chunks();
		expect("BDAT 3\r\nx\r\n" x 100000 . "BDAT 0 LAST\r\n", '250 ' x 100000 . '250');
	},
	bdat_nothing => sub {
		chunks();
		expect("BDAT 0\r\n" x 200000 . "RSET\r\n", '250 ' x 200000 . '250');
	},
	bdat_line => sub {
		chunks();
		expect("BDAT $mb10\r\n" . 'x' x $mb10 . "BDAT 2 LAST\r\n\r\n", '550 503');
	},
	# Replies pile up: the server stops reading, and does not fill its memory.
	deaf => sub {
		$s = connected();
		$s->blocking(0);
		my ($sent, $still) = (0, 0);
		while ($still < 20 && $sent < 200 << 20) {
			my $n = syswrite($s, "NOOP\r\n" x 10000) // 0;
			$sent += $n;
			$still = $n == 0 ? $still + 1 : 0;
			select(undef, undef, undef, 0.05) if $n == 0;
		}
		$still == 20 or die "the server took all of it\n";
	},
);

($hostile{$what} or die "$what?\n")->();
PERL
hostile() { PATIENCE=$PATIENCE perl "$T/hostile.pl" "$PORT" "$USER_NAME" "$1"; }

ok "a command of 10 MB: one 500, the session goes on" hostile command
ok "a command of NULs" hostile command_nul
ok "a command of CRs" hostile command_cr
ok "a flood of line feeds ends at too many errors" hostile command_lf
ok "a command without end" hostile command_open
ok "a host name as long as there are, and longer" hostile helo
ok "a body line of 10 MB is refused at the end of data" hostile body_line
ok "a header line of 10 MB" hostile header_line
ok "a body of CRs" hostile body_cr
ok "a body of LFs" hostile body_lf
ok "a body of everything that is not its end" hostile body_dots
ok "a body of NULs is taken" hostile body_nul
ok "a body of empty lines is taken" hostile body_empty
ok "a message larger than the limit" hostile too_big
ok "a thousand recipients and one" hostile rcpts
ok "the separator of the stream, everywhere" hostile bars
ok "garbage" hostile garbage
ok "clients that say nothing" hostile silent
ok "a client that does not read its replies" hostile deaf
ok "a chunk of 2^64 - 1 octets that nobody asked for, and a client that leaves" hostile bdat_huge
ok "a chunk of 10^20 - 1 for a message" hostile bdat_huge_mail
ok "a chunk whose size has too many digits ends the session" hostile bdat_huger
ok "chunks that are cut off" hostile bdat_cut
ok "a chunk larger than the limit" hostile bdat_too_big
ok "chunks of 10 MB that nobody asked for: their octets are no commands" hostile bdat_in_the_way
ok "a hundred thousand chunks of three octets" hostile bdat_bytes
ok "a flood of empty chunks" hostile bdat_nothing
ok "a line of 10 MB in a chunk" hostile bdat_line

largest()
{
	for p in $(ps -o pid= --ppid "$smtpd_pid"); do
		sed -n 's/^VmHWM:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$p/status"
	done | sort -n | tail -1
}
if [ -n "${BUILD#"$TOP"}" ]; then
	skip "no process ever had more than 256 MB" "sanitizers need more"
else
	kb=$(largest)
	ok "no process ever had more than 256 MB" test "$kb" -gt 0 -a "$kb" -lt 262144
	note "the largest had $kb kB"
fi

echo 'Subject: after all' | "$SENDMAIL" "$USER_NAME"
is $? 0 "mail goes on"
ok "nothing of what was cut off was delivered" sh -c "! grep -lE '^Subject: (cut|huge)' '$T'/Maildir/new/*"
after_all() { grep -q '^Subject: after all' "$T"/Maildir/new/*; }
ok "and is delivered" wait_for "$PATIENCE" after_all
ok "no process died" sh -c "! grep -E 'ended by signal|exited with status|fatal' '$T/log'"
ok "the daemon stops in order" smtpd_stop

# -- the stream -----------------------------------------------------------------

rptcut -f time,event,session "$T/founding" >"$T/out" 2>"$T/err"
is "$?$(head -3 "$T/err")" 0 "the founding form has no malformed line"
rptcut -f time,event,session "$T/newest" >"$T/out" 2>"$T/err"
is "$?$(head -3 "$T/err")" 0 "nor has the newest"
is "$(LC_ALL=C tr -d '\n\040-\176\200-\377' <"$T/newest" | wc -c)" 0 \
    "no byte of a client's is a control byte there"
is "$(awk -F'|' '{ n[$5]++ }
    END { print (n["link-connect"] >= 300), n["link-connect"] - n["link-disconnect"], n["report-gap"] + 0 }' \
    "$T/newest")" "1 0 0" "every session has its end, no line is missing"
