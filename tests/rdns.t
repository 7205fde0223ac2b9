#!/bin/sh
# SPDX-License-Identifier: ISC
# The client's name: looked up before the banner, for which nobody else waits,
# and in link-connect, in the trace header and for `match from rdns` afterwards;
# with a DNS that is slow, silent, wrong or gone.  Clients come from 127.0.0.N.
. tests/lib.sh
plan 41

command -v python3 >"$T/which" || skip_all "needs python3"

cat >"$T/zone" <<'ZONE'
test SOA 60 60
127.in-addr.arpa SOA 60 60
127.0.0.2 PTR 60 Mail.Pass.test
mail.pass.test A 60 127.0.0.2
127.0.0.3 PTR 60 other.pass.test
other.pass.test A 60 192.0.2.1
127.0.0.5 PTR 60 slow.test
slow.test A 60 127.0.0.5
127.0.0.5 ! slow 1200
127.0.0.6 ! silent
127.0.0.7 PTR 60 lie.test
lie.test A 60 127.0.0.7
127.0.0.7 ! lie id
127.0.0.10 ! servfail
*.1.127.in-addr.arpa ! silent
127.0.0.11 PTR 60 a\032b.test
a\032b.test A 60 127.0.0.11
127.0.0.12 PTR 60 broken.test
broken.test ! servfail
127.0.0.13 PTR 60 uncached.test
uncached.test A 60 127.0.0.13
ZONE
for n in 01 02 03 04 05 06 07 08 09 10 11 12; do
	echo "127.0.0.8 PTR 60 n$n.test"
	echo "127.0.0.9 PTR 60 m$n.test"
done >>"$T/zone"
cat >>"$T/zone" <<'ZONE'
n03.test A 60 127.0.0.8
m12.test A 60 127.0.0.9
ZONE

# responder LOG: one more, whose port is in $responder.
responder()
{
	python3 tests/dns/responder -l "$1" "$T/zone" >"$1.port" &
	wait_for 10 test -s "$1.port" || exit 1
	responder=$(cat "$1.port")
}
responder "$T/asked"
RESOLVER=127.0.0.1:$responder

PORT_SMTPS=$(free_port)
make_cert
conf()
{
	smtpd_conf <<-CONF
	dns timeout 2s
	$1
	pki "mx" cert "$T/cert.pem"
	pki "mx" key "$T/key.pem"
	listen on 127.0.0.1 port $PORT hostname "mx.example.org"
	listen on 127.0.0.1 port $PORT_SMTPS smtps pki "mx"
	proc "all" "exec cat >>'$T/all'" protocol "0.7"
	report smtp-in on "all"
	action "local" maildir "$T/Maildir" alias { "u" = "$USER_NAME" }
	match from rdns { "*.pass.test" } for domain "named.example" action "local"
	match from rdns for domain "any.example" action "local"
	match !from rdns for domain "nameless.example" reject
	match from any for domain { "nameless.example", "all.example" } action "local"
	CONF
}
conf
smtpd_start || exit 1
pass "the daemon starts"

# client.pl PORT N [RECIPIENT ...]: a client from 127.0.0.N; prints its time to
# the banner in tenths of a second, and the code for each recipient; "-" as a
# recipient: hangs up before the banner, "+": speaks before it, "D": a message.
cat >"$T/client.pl" <<'PERL'
use strict;
use warnings;
use IO::Socket::INET;
use Time::HiRes qw(time);

alarm 60;
my ($port, $n, @rcpts) = @ARGV;
my $begin = time;
my $s = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port,
    LocalAddr => "127.0.0.$n") or die "connect: $!";
sub hear {
	while (defined(my $l = <$s>)) {
		return $1 if $l =~ /^(\d+) /;
	}
	return 'end';
}
exit if "@rcpts" eq '-';
print $s "EHLO early\r\n" if "@rcpts" eq '+';
my @out = hear();
push @out, hear() if "@rcpts" eq '+';
print int((time - $begin) * 10) if !@rcpts;
if (@rcpts && $rcpts[0] =~ /@/) {
	print $s "EHLO client\r\n";
	hear();
	print $s "MAIL FROM:<>\r\n";
	hear();
	@out = ();
	for (grep /@/, @rcpts) {
		print $s "RCPT TO:<$_>\r\n";
		push @out, hear();
	}
	if ($rcpts[-1] eq 'D') {
		print $s "DATA\r\n";
		hear();
		print $s "\r\n.\r\n";
		push @out, hear();
	}
}
print "@out" if @rcpts;
print $s "QUIT\r\n";
hear();
PERL
client() { perl "$T/client.pl" "$PORT" "$@"; }
# connect FROM: what link-connect says of the last client from there.
ended() { [ "$(grep -c '|link-connect|' "$T/all")" = "$(grep -c '|link-disconnect|' "$T/all")" ]; }
connect()
{
	wait_for "$PATIENCE" ended
	sed -n "s/.*|link-connect|[^|]*|\([^|]*|[^|]*\)|127.0.0.$1:.*/\1/p" "$T/all" | tail -1
}
# said N DESCRIPTION EXPECTED
said()
{
	time=$(client "$1")
	is "$(connect "$1")" "$3" "$2"
}
# between LOW HIGH NUMBER
between() { [ "$3" -ge "$1" ] && [ "$3" -le "$2" ]; }

said 1 "a name of the hosts file" "localhost|pass"
said 2 "a confirmed name, in lower case" "mail.pass.test|pass"
said 3 "a name that has another address" "other.pass.test|fail"
said 4 "no name" "<unknown>|fail"
said 8 "twelve names, of which the third has the address" "n03.test|pass"
said 9 "twelve names, of which only the last has the address" "m01.test|fail"
said 10 "SERVFAIL" "<unknown>|error"
said 11 "a name that is none" "<unknown>|fail"
said 12 "a name whose address cannot be asked for" "broken.test|error"

said 7 "an answer with a wrong id is no answer" "<unknown>|error"
ok "which takes the time of dns timeout" between 18 30 "$time"
said 6 "silence" "<unknown>|error"
ok "takes that time too" between 18 30 "$time"

# crowd N: so many clients at once, of whose names nothing is heard.
crowd()
{
	perl -MIO::Socket::INET -e 'my @s = map { IO::Socket::INET->new(PeerAddr => "127.0.0.1",
	    PeerPort => $ARGV[0], LocalAddr => "127.1." . int($_ / 250) . "." . ($_ % 250 + 1))
	    or die } 1 .. $ARGV[1];
	    print "there\n"; close STDOUT;
	    alarm 30; readline $_ for @s' "$PORT" "$1" >"$T/crowd" &
	wait_for "$PATIENCE" test -s "$T/crowd"
}
crowd 400
crowd=$!
sleep 0.3
ok "silent names of many do not keep others waiting" between 0 9 "$(client 13)"
wait $crowd
is "$(grep -c '|<unknown>|error|127\.1\.' "$T/all")" 400 "whose clients are all greeted in the end"

client 5 >"$T/slow" &
slow=$!
sleep 0.3
ok "a client is greeted at once while another's name is looked up" between 0 9 "$(client 2)"
wait $slow
ok "which comes late" between 11 19 "$(cat "$T/slow")"
is "$(connect 5)" "slow.test|pass" "and then the banner"
ok "now it is known" between 0 9 "$(client 5)"

# Names that were slow are in the cache now: more of them.
fresh()
{
	kill -9 "$(child dns)"
	wait_for "$PATIENCE" grep -q "dns died of signal 9" "$T/log"
	wait_for "$PATIENCE" again
	: >"$T/log"
}
again() { dns=$(child dns) && [ -n "$dns" ] && [ "$(client 2)" -le 9 ] && [ "$(connect 2)" = "mail.pass.test|pass" ]; }
fresh
is "$(client 5 +)" "220 250" "what a client says before the banner is answered after it"
fresh
client 5 -
is "$(connect 5)" "slow.test|pass" "a client that leaves before the banner is reported with its name"
fresh
printf 'NOOP\r\nQUIT\r\n' | timeout 30 openssl s_client -quiet -bind 127.0.0.5:0 \
    -connect "127.0.0.1:$PORT_SMTPS" >"$T/tls" 2>"$T/tls.err"
is "$(connect 5) $(cut -c 1-3 "$T/tls" | tr '\n' ' ')" "slow.test|pass 220 250 221 " "smtps: TLS begins after the name"

is "$(client 2 u@named.example u@any.example u@nameless.example u@all.example)" "250 250 250 250" \
    "match from rdns: a confirmed name"
is "$(client 3 u@named.example u@any.example u@nameless.example u@all.example)" "550 550 550 250" \
    "a name that is not confirmed is none"
is "$(client 4 u@named.example u@any.example u@nameless.example u@all.example)" "550 550 550 250" \
    "no name"
is "$(client 10 u@named.example u@any.example u@nameless.example u@all.example)" "451 451 451 250" \
    "a name that cannot be found out now: neither taken nor refused for good"
name_told() { [ "$(grep -c '|protocol-server|.*|451 .* name of the client$' "$T/all")" = 3 ]; }
ok "and the client is told why" wait_for "$PATIENCE" name_told
is "$(client 1 u@named.example u@any.example)" "550 250" "a name of the hosts file"

trace() { sed -n '/^Received: from client/p' "$T"/Maildir/new/* 2>/dev/null; }
delivered() { [ -n "$(trace)" ]; }
is "$(client 2 u@all.example D)" "250 250" "a message"
wait_for "$PATIENCE" delivered
is "$(trace)" "Received: from client (mail.pass.test [127.0.0.2])" "its trace header has the name"
rm -f "$T"/Maildir/new/*
client 3 u@all.example D >"$T/out"
wait_for "$PATIENCE" delivered
is "$(trace)" "Received: from client (unknown [127.0.0.3])" "but none that is not confirmed"

# dns hangs, and dies.
dns=$(child dns)
kill -STOP "$dns"
time=$(client 2)
is "$(connect 2)" "<unknown>|error" "dns does not answer"
ok "which is waited for a second longer" between 29 50 "$time"
client 2 >"$T/slow" &
slow=$!
sleep 0.5
kill -9 "$dns"
wait $slow
ok "dns dies: nobody waits for its answer" between 0 20 "$(cat "$T/slow")"
ok "and the next one answers" wait_for "$PATIENCE" again

# The end of the daemon does not wait for names.
client 6 + >"$T/slow" &
slow=$!
sleep 0.5
ok "the daemon stops while a client waits for its name" smtpd_stop
wait $slow
is "$(cat "$T/slow")" "220 421" "and the client is told"

# Files change while the daemon runs.
old=$responder
responder "$T/asked2"
echo "nameserver [127.0.0.1]:$old" >"$T/resolv.conf"
RESOLVER=$T/resolv.conf
conf
smtpd_start
said 2 "the resolvers of a resolv.conf" "mail.pass.test|pass"
echo "nameserver [127.0.0.1]:$responder" >"$T/resolv.conf"
echo "127.0.0.4 new.test" >>"$T/hosts"
renewed() { client 4 >"$T/out"; [ "$(connect 4)" = "new.test|pass" ]; }
ok "the hosts file is read again when it has changed" wait_for "$PATIENCE" renewed
client 3 >"$T/out"
ok "and so is resolv.conf" grep -q "udp 3.0.0.127.in-addr.arpa PTR" "$T/asked2"
