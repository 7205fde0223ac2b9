#!/bin/sh
# SPDX-License-Identifier: ISC
# Which recipients are taken for other hosts: as the rules and tables of relay
# actions say, and senders that were rewritten here.  Nothing is sent.
. tests/lib.sh
plan 20

make_cert
cat >"$T/routes" <<E2
one.example smtp://[::1]:2525
*.two.example: lmtp://127.0.0.1:24
E2
smtpd_conf <<E2
listen on 127.0.0.1 port $PORT
table routes file:$T/routes
table aliases { away = "bob@far.example" }
pki mx cert "$T/cert.pem" key "$T/key.pem"
ca own cert "$T/cert.pem"
srs key "secret"
srs key backup "older"
action "local" maildir "$T/Maildir" alias <aliases>
action "out" relay srs
action "routed" relay domain <routes> tls ca own pki mx
action "host" relay host "lmtp://127.0.0.1:24"
match from any for domain "fwd.example" action "local"
match from any for domain { one.example, "*two.example" } action "routed"
match from any for domain "host.example" action "host"
match from socket for any action "out"
match from local for domain { far.example, "[*]", origin.example } action "out"
E2
ok "the daemon starts" smtpd_start

# Says the first four characters of the reply to each recipient.
cat >"$T/client" <<'E2'
use IO::Socket::INET;
my $s = IO::Socket::INET->new("127.0.0.1:" . shift) or die;
sub hear { while (my $l = <$s>) { return $l if $l =~ /^\d+ /; } }
hear;
for ("EHLO client.example", "MAIL FROM:<a\@example.org>") { print $s "$_\r\n"; hear; }
for (@ARGV) { print $s "RCPT TO:<$_>\r\n"; print substr(hear, 0, 9), "\n"; }
E2
rcpt() { perl "$T/client" "$PORT" "$1"; }

# srs KEY DAYS LOCAL DOMAIN: an SRS0 address, so many days old, at fwd.example.
cat >"$T/srs" <<'E2'
use Digest::SHA "hmac_sha1_base64";
my ($key, $age, $local, $domain) = @ARGV;
my @digits = ("A" .. "Z", 2 .. 7);
my $day = (int(time / 86400) - $age) % 1024;
my $stamp = $digits[$day >> 5] . $digits[$day & 31];
my $hash = substr(hmac_sha1_base64(lc "$stamp$domain$local", $key), 0, 4);
print "SRS0=$hash=$stamp=$domain=$local\@fwd.example";
E2
srs() { perl "$T/srs" "$@"; }

is "$(rcpt bob@far.example)" "250 2.1.5" "a domain that a rule relays"
is "$(rcpt '"a b"@FAR.example')" "250 2.1.5" "with quotes"
is "$(rcpt 'bob@[192.0.2.1]')" "250 2.1.5" "an address in place of a domain"
is "$(rcpt bob@other.example)" "550 5.7.1" "the socket's rule is the socket's alone"
is "$(rcpt bob@host.example)" "250 2.1.5" "an action with a host"
is "$(rcpt bob@one.example)" "250 2.1.5" "a domain of the table"
is "$(rcpt bob@a.b.two.example)" "250 2.1.5" "one below a domain of it"
is "$(rcpt bob@two.example)" "550 5.7.1" "one that is not in it"
is "$(rcpt away@fwd.example)" "250 2.1.5" "an alias that leads away"
is "$(rcpt "$(srs secret 0 joe origin.example)")" "250 2.1.5" "a rewritten sender"
is "$(rcpt "$(srs secret 0 joe origin.example | tr a-z A-Z)")" "250 2.1.5" "in capitals"
is "$(rcpt "$(srs older 3 joe origin.example)")" "250 2.1.5" "of the older key, some days old"
is "$(rcpt "$(srs secret 5 joe origin.example)")" "550 5.1.1" "one that is too old"
is "$(rcpt "$(srs guessed 0 joe origin.example)")" "550 5.1.1" "one that is forged"
is "$(rcpt "$(srs secret 0 joe nowhere.example)")" "550 5.7.1" "whom no rule takes mail for"

relay=$(child relay)
ok "relay is there" test -n "$relay"
kill -9 "$relay"
again() { p=$(child relay) && [ -n "$p" ] && [ "$p" != "$relay" ]; }
ok "and again when it has died" wait_for "$PATIENCE" again
is "$(grep -c 'dropped\|malformed' "$T/log")" 0 "no process sends what another does not take"
ok "the daemon stops in order" smtpd_stop
