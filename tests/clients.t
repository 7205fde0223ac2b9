#!/bin/sh
# SPDX-License-Identifier: ISC
# The clients that people have: swaks, msmtp, curl, Python's smtplib and Perl's
# Net::SMTP, in clear, by STARTTLS and by smtps; what they send arrives whole.  And
# what they know of DSN, SMTPUTF8 and CHUNKING.
. tests/lib.sh

plan 51

make_cert
SMTPS=$(free_port)
smtpd_conf <<CONF
pki "localhost" cert "$T/cert.pem"
pki "localhost" key "$T/key.pem"
listen on 127.0.0.1 port $PORT tls pki "localhost" hostname "localhost"
listen on 127.0.0.1 port $SMTPS smtps pki "localhost" hostname "localhost"
table aliases { "andré" = $USER_NAME }
action "local" maildir "$T/Maildir" alias <aliases>
match from any for local action "local"
proc keep "exec cat >>'$T/report'" protocol "0.7"
report smtp-in on keep
CONF
ok "the daemon starts" smtpd_start

CA=$T/cert.pem
TO=$USER_NAME@localhost
HOME=$T
SSL_CERT_FILE=$CA
export CA TO HOME PORT SMTPS SSL_CERT_FILE

# The message: dots, an empty line at its end, 8-bit bytes, a long line.
body=$T/body
{
	printf '.\n..\n.dot\nna\303\257ve\n'
	printf '%0900d\n' 0
	printf 'last\n'
} >"$body"
{
	printf 'From: <sender@client.example>\nTo: <%s>\nSubject: from a client\n' "$TO"
	printf 'Date: Thu, 01 Jan 1970 00:00:00 +0000\nMessage-Id: <1@client.example>\n'
	printf 'MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n'
	printf 'Content-Transfer-Encoding: 8bit\n\n'
	cat "$body"
} >"$T/mail"
sed 's/$/\r/' "$T/mail" >"$T/mail.crlf"
# swaks ends the last line itself.
printf %s "$(cat "$T/mail")" >"$T/mail.open"

cat >"$T/send.py" <<'PYTHON'
import os, smtplib, ssl, sys

mode = sys.argv[1]
tls = ssl.create_default_context(cafile=os.environ["CA"])
if mode == "smtps":
    s = smtplib.SMTP_SSL("localhost", int(os.environ["SMTPS"]), context=tls)
else:
    s = smtplib.SMTP("localhost", int(os.environ["PORT"]))
if mode == "starttls":
    s.starttls(context=tls)
with open(sys.argv[2], "rb") as mail:
    s.sendmail("sender@client.example", [os.environ["TO"]], mail.read(),
        mail_options=["BODY=8BITMIME"])
s.quit()
PYTHON

cat >"$T/send.pl" <<'PERL'
use strict;
use warnings;
use Net::SMTP;

my ($mode, $file) = @ARGV;
my @tls = (SSL_ca_file => $ENV{CA}, SSL_verifycn_name => 'localhost');
my $s = Net::SMTP->new('127.0.0.1', Hello => 'client.example', Timeout => 30,
    $mode eq 'smtps' ? (Port => $ENV{SMTPS}, SSL => 1, @tls) : (Port => $ENV{PORT}))
    or die "connect: $@\n";
if ($mode eq 'starttls') {
	$s->starttls(@tls) or die 'starttls: ' . $s->message;
}
open(my $fh, '<', $file) or die "$file: $!\n";
my @lines = <$fh>;
$s->mail('sender@client.example') && $s->to($ENV{TO}) && $s->data &&
    $s->datasend(\@lines) && $s->dataend && $s->quit or die $s->message;
PERL

# The functions NAME MODE send the message; 2 where the client cannot do that.
swaks_send()
{
	case $1 in
	plain)	set -- --port "$PORT" ;;
	starttls) set -- --port "$PORT" -tls --tls-verify --tls-ca-path "$CA" ;;
	smtps)	set -- --port "$SMTPS" -tlsc --tls-verify --tls-ca-path "$CA" ;;
	esac
	swaks --silent 2 --server localhost --ehlo client.example --from sender@client.example \
	    --to "$TO" --data "@$T/mail.open" "$@"
}
msmtp_send()
{
	case $1 in
	plain)	set -- --port="$PORT" --tls=off ;;
	starttls) set -- --port="$PORT" --tls=on --tls-starttls=on --tls-trust-file="$CA" ;;
	smtps)	set -- --port="$SMTPS" --tls=on --tls-starttls=off --tls-trust-file="$CA" ;;
	esac
	msmtp --host=localhost --from=sender@client.example "$@" -- "$TO" <"$T/mail"
}
curl_send()
{
	case $1 in
	plain)	set -- "smtp://localhost:$PORT/client.example" ;;
	starttls) set -- --ssl-reqd --cacert "$CA" "smtp://localhost:$PORT/client.example" ;;
	smtps)	set -- --cacert "$CA" "smtps://localhost:$SMTPS/client.example" ;;
	esac
	curl -sS --mail-from sender@client.example --mail-rcpt "$TO" -T "$T/mail.crlf" "$@"
}
smtplib_send() { python3 "$T/send.py" "$1" "$T/mail.crlf"; }
net_smtp_send() { perl "$T/send.pl" "$1" "$T/mail"; }

has_swaks() { command -v swaks; }
has_msmtp() { command -v msmtp; }
has_curl() { curl -V | grep -q ' smtps'; }
has_smtplib() { python3 -c 'import smtplib, ssl'; }
has_net_smtp() { perl -MNet::SMTP -e 1; }
can_tls()
{
	case $1 in
	swaks)	perl -MNet::SSLeay -e 1 ;;
	net_smtp) perl -MIO::Socket::SSL -e 1 ;;
	msmtp)	msmtp --version | grep -q '^TLS/SSL library: [^n]' ;;
	esac
}

# The message without what stands in front of it: our trace ends with a date.
trace_end='^	[A-Z][a-z][a-z], .*[0-9][0-9]:[0-9][0-9]:[0-9][0-9] '
arrived() { ls "$T"/Maildir/new/* >/dev/null 2>&1; }

for client in swaks msmtp curl smtplib net_smtp; do
	for mode in plain starttls smtps; do
		what="$client, $mode"
		why=
		"has_$client" >/dev/null 2>&1 || why="not installed"
		[ -n "$why" ] || [ $mode = plain ] || can_tls $client >/dev/null 2>&1 ||
		    why="it has no TLS here"
		if [ -n "$why" ]; then
			skip "$what: the message is accepted" "$why"
			skip "$what: it arrives as it was" "$why"
			continue
		fi
		rm -f "$T"/Maildir/new/*
		"${client}_send" $mode >"$T/out" 2>&1
		status=$?
		is $status 0 "$what: the message is accepted"
		if [ $status -eq 0 ]; then
			wait_for "$PATIENCE" arrived
		else
			notes "$T/out"
		fi
		cat "$T"/Maildir/new/* 2>&1 | sed "1,/$trace_end/d" >"$T/got"
		same "$T/got" "$T/mail" "$what: it arrives as it was"
	done
done

# -- extensions ----------------------------------------------------------------

cat >"$T/utf8.py" <<'PYTHON'
import os, smtplib, sys

with open(sys.argv[1], "rb") as mail, smtplib.SMTP("localhost", int(os.environ["PORT"])) as s:
    s.ehlo("client.example")
    assert s.has_extn("smtputf8") and s.has_extn("dsn") and s.has_extn("chunking")
    s.sendmail("andr\u00e9@b\u00fccher.example", ["andr\u00e9@localhost"], mail.read(),
        mail_options=["SMTPUTF8", "BODY=8BITMIME", "RET=HDRS", "ENVID=a"],
        rcpt_options=["NOTIFY=SUCCESS,DELAY", "ORCPT=utf-8;andr\\x{E9}@localhost"])
PYTHON

cat >"$T/dsn.pl" <<'PERL'
use strict;
use warnings;
use Net::SMTP;

my $s = Net::SMTP->new('127.0.0.1', Port => $ENV{PORT}, Hello => 'client.example', Timeout => 30)
    or die "connect: $@\n";
open(my $fh, '<', $ARGV[0]) or die "$ARGV[0]: $!\n";
my $mail = join('', <$fh>);
my $half = int(length($mail) / 2);
# It offers chunks to those alone who send binary mail.
${*$s}{net_smtp_chunking} = 1;
$s->mail('sender@client.example', Return => 'HDRS', Envelope => 'a + b', Bits => '8') &&
    $s->to($ENV{TO}, { Notify => [ 'FAILURE', 'DELAY' ], ORcpt => 'rfc822;x+2By@client.example' }) &&
    $s->bdat(substr($mail, 0, $half)) && $s->bdatlast(substr($mail, $half)) && $s->quit
    or die $s->message;
PERL

utf8_smtplib() { python3 "$T/utf8.py" "$T/mail.crlf"; }
utf8_curl()
{
	curl -sS --mail-from "andré@client.example" --mail-rcpt "andré@localhost" -T "$T/mail.crlf" \
	    "smtp://localhost:$PORT/client.example"
}
dsn_msmtp()
{
	msmtp --host=localhost --port="$PORT" --tls=off --from=sender@client.example \
	    --dsn-notify=success,failure --dsn-return=full -- "$TO" <"$T/mail"
}
dsn_net_smtp() { perl "$T/dsn.pl" "$T/mail.crlf"; }

# extension WHAT SENDER CLIENT LINE...: CLIENT sends the message, and has said these lines.
extension()
{
	what=$1 send=$2
	shift 2
	if ! "has_${send#*_}" >/dev/null 2>&1; then
		skip "$what: the message is accepted" "not installed"
		skip "$what: it arrives as it was" "not installed"
		for line; do skip "$what: $line" "not installed"; done
		return
	fi
	rm -f "$T"/Maildir/new/*
	if "$send" >"$T/out" 2>&1; then
		pass "$what: the message is accepted"
		wait_for "$PATIENCE" arrived
	else
		fail "$what: the message is accepted"
		notes "$T/out"
	fi
	cat "$T"/Maildir/new/* 2>&1 | sed "1,/$trace_end/d" >"$T/got"
	same "$T/got" "$T/mail" "$what: it arrives as it was"
	for line; do
		ok "$what: $line" grep -qiF "$line" "$T/report"
	done
}

extension "smtplib, SMTPUTF8 and DSN" utf8_smtplib \
    "MAIL FROM:<andré@bücher.example> " " SMTPUTF8 BODY=8BITMIME RET=HDRS ENVID=a" \
    "RCPT TO:<andré@localhost> NOTIFY=SUCCESS,DELAY ORCPT=utf-8;andr\\x{E9}@localhost"
extension "curl, SMTPUTF8" utf8_curl "RCPT TO:<andré@localhost>"
extension "msmtp, DSN" dsn_msmtp "RCPT TO:<$TO> NOTIFY=SUCCESS,FAILURE"
extension "Net::SMTP, DSN and CHUNKING" dsn_net_smtp \
    "RCPT TO:<$TO> NOTIFY=FAILURE,DELAY ORCPT=rfc822;x+2By@client.example"

# Refusals come through to the client as what they are.
swaks --silent 3 --server localhost --port "$PORT" --from a@b.example \
    --to nobody-of-this-name@localhost >/dev/null 2>&1
is $? 24 "swaks: no recipient was accepted"
printf 'x\n' | msmtp --host=localhost --port="$PORT" --from=a@b.example --tls=off \
    -- nobody-of-this-name@localhost >"$T/out" 2>&1
is $? 65 "msmtp: EX_DATAERR"
ok "with our words" grep -q '550 5.1.1 Invalid recipient' "$T/out"
curl -sS --mail-from a@b.example --mail-rcpt nobody-of-this-name@localhost \
    -T "$T/mail.crlf" "smtp://localhost:$PORT/client.example" >"$T/out" 2>&1
is $? 55 "curl: CURLE_SEND_ERROR"
ok "with our code" grep -q 550 "$T/out"
ok "the daemon stops in order" smtpd_stop
