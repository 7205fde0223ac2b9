#!/bin/sh
# SPDX-License-Identifier: ISC
# The daemon's own troubles: descriptors run out, processes die while clients
# wait, a client guesses names or holds the stop up, sockets and keys are wrong.
. tests/lib.sh
plan 33

make_cert
conf()
{
	smtpd_conf <<-CONF
	listen on 127.0.0.1 port $PORT hostname "mx.example.org"
	action "local" maildir "$T/Maildir"
	match from any for local action "local"
	proc all "exec cat >>'$T/all'" overflow wait
	report smtp-in on all
	report queue on all
	CONF
}
conf
ok "the daemon starts" smtpd_start

has() { grep -q "$1" "$T/$2"; }

# Says each argument and reads one reply; FILE as @FILE waits for that file.
cat >"$T/client.pl" <<'PERL'
use strict;
use warnings;
use IO::Socket::INET;

$| = 1;
my $s = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => shift) or die;
sub hear { while (my $l = <$s>) { print $l; return if $l =~ /^\d+ /; } print "end\n"; exit; }
hear();
for (@ARGV) {
	if (/^\@(.*)/) {
		select undef, undef, undef, 0.05 until -e $1;
		next;
	}
	s/\\n/\r\n/g;
	print $s "$_\r\n";
	hear();
}
PERL
client() { perl "$T/client.pl" "$PORT" "$@"; }
codes() { sed -n 's/^\([0-9]* [0-9.]*\|end\).*/\1/p' "$1" | tr '\n' ' '; }

# -- names are guessed ----------------------------------------------------------

set -- "HELO client" "MAIL FROM:<>"
i=0
while [ $i -lt 30 ]; do
	i=$((i + 1))
	set -- "$@" "RCPT TO:<nobody-of-this-name-$i@localhost>"
done
client "$@" >"$T/out"
is "$(grep -c '^550 ' "$T/out")" 21 "who guesses recipients makes errors"
is "$(grep -c '^421 4\.7\.0 ' "$T/out")" 1 "and is sent away for too many"

# -- descriptors run out ----------------------------------------------------------

cat >"$T/many.pl" <<'PERL'
use strict;
use warnings;
use IO::Socket::INET;

alarm 20;
my ($port, @s) = @ARGV;
sub connected { IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port) or die }
# At the limit each that leaves makes room for one.
for (1 .. 400) {
	push @s, connected();
	shift @s if @s > 60;
}
@s = ();
my $s = connected();
print scalar <$s>;
PERL
prlimit --pid "$(child smtp)" --nofile=44:1024
perl "$T/many.pl" "$PORT" >"$T/out"
is "$(cut -c 1-3 "$T/out")" 220 "without descriptors accept pauses, with them it goes on"
n=$(grep -c 'accepting pauses' "$T/log")
ok "the log says so, not each time" test "$n" -ge 1 -a "$n" -le 3
prlimit --pid "$(child smtp)" --nofile=1024:1024

# -- processes die ----------------------------------------------------------------

alive() { echo x | "$SENDMAIL" "$USER_NAME"; }
all_back()
{
	for p in lookup queue smtp; do
		[ -n "$(child $p)" ] || return 1
	done
	client 'HELO a' 'MAIL FROM:<>' "RCPT TO:<$USER_NAME@localhost>" | grep -q '^250 2.1.5'
}

kill -STOP "$(child lookup)"
client 'HELO a' 'MAIL FROM:<>' "RCPT TO:<$USER_NAME+asked@localhost>" 'NOOP' >"$T/out" &
pid=$!
wait_for "$PATIENCE" has '|protocol-client|.*+asked@' all
kill -9 "$(child lookup)"
wait $pid
is "$(codes "$T/out" | sed 's,^250 2.0.0 250 2.0.0 ,,; s,.*250 2.0.0 451,451,')" "451 4.3.0 250 2.0.0 " "lookup dies with a question: 451, the session goes on"
ok "lookup is back" wait_for "$PATIENCE" all_back

rm -f "$T/go"
client 'HELO a' 'MAIL FROM:<>' "RCPT TO:<$USER_NAME@localhost>" 'DATA' "@$T/go" 'x\n.' NOOP >"$T/out" &
pid=$!
wait_for "$PATIENCE" has '^354' out
kill -STOP "$(child queue)"
touch "$T/go"
wait_for "$PATIENCE" has '|protocol-client|[0-9a-f]*|\.$' all
kill -9 "$(child queue)"
wait $pid
is "$(codes "$T/out" | sed 's,.*354 [^ ]* *,,')" "451 4.3.0 250 2.0.0 " "queue dies with a message: 451, the session goes on"
ok "queue is back" wait_for "$PATIENCE" all_back
# gap SUBSYSTEM: does the stream say that lines of it may be missing?
gap() { grep -q "|$1|report-gap|0000000000000000|0|" "$T/all"; }
ok "its reporters are told that its lines may be missing" wait_for "$PATIENCE" gap queue
ok "and no others" sh -c "! grep -q '|smtp-in|report-gap|' '$T/all'"

rm -f "$T/go"
client 'HELO a' 'MAIL FROM:<>' "RCPT TO:<$USER_NAME@localhost>" 'DATA' "@$T/go" 'x\n.' NOOP >"$T/out" &
pid=$!
wait_for "$PATIENCE" has '^354' out
kill -9 "$(child queue)"
ok "queue is back" wait_for "$PATIENCE" all_back
touch "$T/go"
wait $pid
is "$(codes "$T/out" | sed 's,.*354 [^ ]* *,,')" "451 4.3.0 250 2.0.0 " "a message begun with an old queue is not ended with a new"

kill -9 "$(child smtp)"
ok "smtp is back" wait_for "$PATIENCE" all_back
ok "its reporters are told that lines may be missing" wait_for "$PATIENCE" gap smtp-in
ok "mail goes on" alive
no_zombie() { ! ps -o stat= --ppid "$smtpd_pid" | grep -q Z; }
ok "no child stays a zombie" wait_for "$PATIENCE" no_zombie
is "$(ps -o args= --ppid "$smtpd_pid" | grep -c "^cat")" 1 "each command of a proc runs once"

# -- the stop ---------------------------------------------------------------------

cat >"$T/deaf.pl" <<'PERL'
use strict;
use warnings;
use IO::Socket::INET;

$| = 1;
my $s = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => shift) or die;
$s->blocking(0);
for (my $still = 0; $still < 30; ) {
	my $n = syswrite($s, "NOOP\r\n" x 10000) // 0;
	$still = $n > 0 ? 0 : $still + 1;
	select undef, undef, undef, 0.05 if $still;
}
print "deaf\n";
sleep;
PERL
perl "$T/deaf.pl" "$PORT" >"$T/out" &
deaf=$!
wait_for "$PATIENCE" has deaf out
is "$(grep -c 'has closed its channel' "$T/log")" 0 "none of those that took a dead one's place was killed for it"
ok "the daemon stops in order" smtpd_stop
ok "and is not held up by one who does not read" sh -c "! grep 'not everything stopped' '$T/log'"
kill $deaf
wait $deaf 2>/dev/null
is "$(tail -1 "$T/all" | cut -d'|' -f 5)" link-disconnect "its reporter has the end of the last session"
ok "the sockets are gone" test ! -e "$T/control" -a ! -e "$T/control.submit"

# -- what is wrong at the start -----------------------------------------------------

# refused PATTERN DESCRIPTION: the daemon ends with 1, and says why.
refused()
{
	timeout "$PATIENCE" "$SMTPD" -d -f "$T/smtpd.conf" >"$T/err" 2>&1 </dev/null
	status=$?
	is "$status $(grep -c "$1" "$T/err")" "1 1" "$2"
}

echo precious >"$T/control"
refused 'control: there is a file of that name' "a file in the control socket's place"
is "$(cat "$T/control")" precious "is left alone"
rm "$T/control"

perl -MIO::Socket::UNIX -e 'IO::Socket::UNIX->new(Local => $ARGV[0], Listen => 1)' "$T/control"
ok "a dead daemon's socket is no hindrance" smtpd_start
PORT_OTHER=$(free_port)
sed -i "s/port $PORT/port $PORT_OTHER/" "$T/smtpd.conf"
refused 'control answers: is another smtpd running' "a second daemon on the same socket"
ok "the first goes on" alive
sed -i "s/port $PORT_OTHER/port $PORT/; s,$T/control,$T/other," "$T/smtpd.conf"
refused 'Address already in use' "a second daemon on the same port"
smtpd_stop

smtpd_conf <<CONF
pki "mx" cert "$T/cert.pem"
pki "mx" key "$T/key.pem"
listen on 127.0.0.1 port $PORT tls pki "mx"
action "local" maildir "$T/Maildir"
match from any for local action "local"
CONF
chmod 644 "$T/key.pem"
refused 'lets others at it; chmod 0600' "a key that all may read"
chmod 600 "$T/key.pem"
echo nonsense >"$T/cert.pem"
refused 'mx' "a certificate that is none"
smtpd_conf <<CONF
listen no 127.0.0.1
CONF
refused 'smtpd.conf:6:' "a mistake in the configuration, with its place"
smtpd_conf <<CONF
listen on 127.0.0.1 port $PORT
action "local" maildir "$T/Maildir"
match from any for local action "local"
CONF
sed -i "s,^spool directory.*,spool directory \"$T/no/such/spool\"," "$T/smtpd.conf"
refused 'spool' "a spool that cannot be made"
