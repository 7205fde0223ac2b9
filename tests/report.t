#!/bin/sh
# SPDX-License-Identifier: ISC
# Reporters: the stream in both dialects, and commands that are slow, stuck,
# deaf, dead, absent or loud.  What they miss is counted, and mail goes on.
# (The order of events at each step is in tests/smtp/*.chat.)
. tests/lib.sh

plan 35

# lines N PAD: that many NOOPs with so long an argument, all at once; their
# replies are read as they come, in at most PATIENCE seconds.
cat >"$T/noops.pl" <<'PERL'
use strict;
use warnings;
use IO::Select;
use IO::Socket::INET;

my ($port, $n, $pad, $patience) = @ARGV;
my $s = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port) or die "$!\n";
my $out = ('NOOP ' . 'x' x $pad . "\r\n") x $n . "QUIT\r\n";
my $in = '';
alarm $patience;
$s->blocking(0);
until ($in =~ /^221 /m) {
	my ($r, $w) = IO::Select->select(IO::Select->new($s),
	    $out eq '' ? undef : IO::Select->new($s));
	if (@$w) {
		my $wrote = syswrite($s, $out, 65536);
		substr($out, 0, $wrote) = '' if defined $wrote;
	}
	if (@$r) {
		my $got = sysread($s, $in, 65536, length $in);
		exit 1 if defined $got && $got == 0;
	}
}
exit 1 if (() = $in =~ /^250 2\.0\.0 Ok\r$/mg) != $n;
PERL
noops() { perl "$T/noops.pl" "$PORT" "$1" "$2" "$PATIENCE"; }

# start: a daemon with the procs on standard input, and one that keeps all.
start()
{
	rm -rf "$T/spool" "$T/log" "$T/read" "$T"/r.*
	{
		cat <<-CONF
		listen on 127.0.0.1 port $PORT hostname "mx.example.org"
		smtp limit max-mails 1000000
		action "local" maildir "$T/Maildir"
		match from any for local action "local"
		proc all "exec cat >>'$T/r.all'"
		report smtp-in on all
		CONF
		cat
	} >"$T/conf"
	smtpd_conf <"$T/conf"
	smtpd_start
}

# Lines that NAME was told, and those that a gap line says it was not.
stream() { cat "$T/r.$1" 2>/dev/null; }
told() { stream "$1" | grep -vc '|report-gap|'; }
missed() { stream "$1" | awk -F'|' '$5 == "report-gap" { n += $7 } END { print n + 0 }'; }
# Are all sessions over in what NAME was told?
count() { stream "$1" | awk -F'|' -v event="$2" '$5 == event' | wc -l; }
over() { [ "$(count "$1" link-connect)" -gt 0 ] && [ "$(count "$1" link-connect)" -eq "$(count "$1" link-disconnect)" ]; }

# All that happened is told, or counted as missed.
accounted() { over all && [ $(($(told "$1") + $(missed "$1"))) -eq "$(told all)" ]; }
# The same after another session: a gap line stands before the next line told.
settled() { noops 1 1 && (wait_for 1 accounted "$1"); }
# What makes a proc wait for a word of the test before it reads.
UNREAD="until [ -e '$T/read' ]; do sleep 0.1; done"

# -- what they are told -----------------------------------------------------

start <<CONF
proc seed "while read line; do echo \"\$line\" >> '$T/r.seed'; done"
report smtp-in on seed
proc newest "exec cat >>'$T/r.newest'" protocol "0.7"
report smtp on newest
proc people "rptfmt >'$T/r.people'"
report smtp-in on people
proc outgoing "exec cat >>'$T/r.outgoing'"
report smtp-out on outgoing
CONF
is $? 0 "the daemon starts"
chat() { perl tests/chat -l plain="127.0.0.1:$PORT" /dev/stdin >"$T/out" || notes "$T/out"; }
chat <<CHAT
S~ 220 .*
C: EHLO [192.0.2.1]
S~ 250-.*
S~ 250-.*
S~ 250-.*
S~ 250-.*
S~ 250-.*
S~ 250-.*
S~ 250-.*
S~ 250-.*
S: 250 HELP
C: MAIL FROM:<> SIZE=10
S~ 250 .*
C: RCPT TO:<$USER_NAME@localhost>
S~ 250 .*
C: DATA
S~ 354 .*
C: .
S~ 250 .*
C: MAIL FROM:<a|b@client.example>
S~ 250 .*
CLOSE
CHAT
wait_for "$PATIENCE" over newest
wait_for "$PATIENCE" over seed

# The session of that client, masked.
session()
{
	awk -F'|' '$5 == "protocol-client" { id = $6 } { line[NR] = $0; of[NR] = $6 }
	    END { for (i = 1; i <= NR; i++) if (of[i] == id) print line[i] }' "$T/r.$1" |
	    sed -E -e 's/^report\|1\|[0-9]+\|/report|1|SECONDS|/' \
	    -e 's/^report\|0\.7\|[0-9]+\.[0-9]{6}\|/report|0.7|MICROSECONDS|/' \
	    -e 's/^(([^|]*\|){5})[0-9a-f]{16}/\1SESSION/' \
	    -e "s/127\.0\.0\.1:$PORT$/LISTENER/; s/127\.0\.0\.1:[0-9]+/CLIENT/" \
	    -e 's/(\|tx-[a-z]+\|SESSION\|)[0-9a-f]{8}/\1MSGID/' \
	    -e 's/(\|tx-envelope\|SESSION\|MSGID\|)[0-9a-f]{16}$/\1EVPID/' \
	    -e 's/(\|tx-commit\|SESSION\|MSGID\|)[0-9]+$/\1SIZE/' \
	    -e 's/(\|250 2\.0\.0 )[0-9a-f]{8} /\1MSGID /' -e "s/$USER_NAME@/USER@/"
}
session all >"$T/got"
cat >"$T/expected" <<'REPORT'
report|1|SECONDS|smtp-in|link-connect|SESSION|localhost|pass|CLIENT|LISTENER
report|1|SECONDS|smtp-in|protocol-server|SESSION|220 mx.example.org ESMTP OpenSMTPD
report|1|SECONDS|smtp-in|link-greeting|SESSION|mx.example.org
report|1|SECONDS|smtp-in|protocol-client|SESSION|EHLO [192.0.2.1]
report|1|SECONDS|smtp-in|link-identify|SESSION|EHLO|[192.0.2.1]
report|1|SECONDS|smtp-in|protocol-server|SESSION|250-mx.example.org Hello [192.0.2.1] [127.0.0.1], pleased to meet you
report|1|SECONDS|smtp-in|protocol-server|SESSION|250-8BITMIME
report|1|SECONDS|smtp-in|protocol-server|SESSION|250-ENHANCEDSTATUSCODES
report|1|SECONDS|smtp-in|protocol-server|SESSION|250-SIZE 36700160
report|1|SECONDS|smtp-in|protocol-server|SESSION|250-DSN
report|1|SECONDS|smtp-in|protocol-server|SESSION|250-PIPELINING
report|1|SECONDS|smtp-in|protocol-server|SESSION|250-CHUNKING
report|1|SECONDS|smtp-in|protocol-server|SESSION|250-SMTPUTF8
report|1|SECONDS|smtp-in|protocol-server|SESSION|250 HELP
report|1|SECONDS|smtp-in|protocol-client|SESSION|MAIL FROM:<> SIZE=10
report|1|SECONDS|smtp-in|tx-begin|SESSION|MSGID
report|1|SECONDS|smtp-in|tx-mail|SESSION|MSGID|<>|ok
report|1|SECONDS|smtp-in|protocol-server|SESSION|250 2.0.0 Ok
report|1|SECONDS|smtp-in|protocol-client|SESSION|RCPT TO:<USER@localhost>
report|1|SECONDS|smtp-in|tx-envelope|SESSION|MSGID|EVPID
report|1|SECONDS|smtp-in|tx-rcpt|SESSION|MSGID|<USER@localhost>|ok
report|1|SECONDS|smtp-in|protocol-server|SESSION|250 2.1.5 Destination address valid: Recipient ok
report|1|SECONDS|smtp-in|protocol-client|SESSION|DATA
report|1|SECONDS|smtp-in|tx-data|SESSION|MSGID|ok
report|1|SECONDS|smtp-in|protocol-server|SESSION|354 Enter mail, end with "." on a line by itself
report|1|SECONDS|smtp-in|protocol-client|SESSION|.
report|1|SECONDS|smtp-in|tx-commit|SESSION|MSGID|SIZE
report|1|SECONDS|smtp-in|tx-reset|SESSION|MSGID
report|1|SECONDS|smtp-in|protocol-server|SESSION|250 2.0.0 MSGID Message accepted for delivery
report|1|SECONDS|smtp-in|protocol-client|SESSION|MAIL FROM:<a|b@client.example>
report|1|SECONDS|smtp-in|tx-begin|SESSION|MSGID
report|1|SECONDS|smtp-in|tx-mail|SESSION|MSGID|<a|b@client.example>|ok
report|1|SECONDS|smtp-in|protocol-server|SESSION|250 2.0.0 Ok
report|1|SECONDS|smtp-in|tx-rollback|SESSION|MSGID
report|1|SECONDS|smtp-in|tx-reset|SESSION|MSGID
report|1|SECONDS|smtp-in|link-disconnect|SESSION
REPORT
same "$T/got" "$T/expected" "the founding form, line for line"
sed -E -e 's/^report\|1\|SECONDS/report|0.7|MICROSECONDS/' \
    -e 's/(\|tx-(mail|rcpt)\|SESSION\|MSGID\|)<(.*)>\|(.*)/\1\4|\3/' "$T/expected" >"$T/expected.newest"
session newest >"$T/got"
same "$T/got" "$T/expected.newest" "the newest form, line for line, in the same order"
same "$T/r.seed" "$T/r.all" "a loop of read and echo gets the same lines"
ok "rptfmt is found, and reads them" wait_for "$PATIENCE" test -s "$T/r.people"
is "$(wc -c <"$T/r.outgoing")" 0 "who reads smtp-out is told nothing of smtp-in"
delivered() { [ -n "$(ls "$T/Maildir/new")" ]; }
wait_for "$PATIENCE" delivered
is "$(awk -F'|' '$5 == "tx-commit" { print $8 }' "$T/r.all")" \
    "$(sed -e '/^Return-Path:/d; /^Delivered-To:/d' "$T"/Maildir/new/* | wc -c)" \
    "tx-commit has the bytes of the message as delivered"
ok "the daemon stops in order" smtpd_stop

# -- slow, stuck, patient -----------------------------------------------------

start <<CONF
proc slow "$UNREAD; exec cat >>'$T/r.slow'"
report smtp-in on slow
proc stuck "$UNREAD; exec cat >>'$T/r.stuck'" buffer 64K
report smtp-in on stuck
CONF
ok "a flood passes by a reporter that is stuck" noops 2000 1500
ok "mail goes on meanwhile" sh -c "echo x | '$SENDMAIL' '$USER_NAME'"
touch "$T/read"
ok "with a large buffer nothing is missed" wait_for "$PATIENCE" accounted slow
same "$T/r.slow" "$T/r.all" "not a line"
ok "with a small one all is told or counted" wait_for "$PATIENCE" settled stuck
is "$(count stuck report-gap)" 1 "a gap line stands where lines are missing"
gap=$(awk -F'|' '$5 == "report-gap" { print NR; exit }' "$T/r.stuck")
head -n $((gap - 1)) "$T/r.stuck" >"$T/got"
head -n $((gap - 1)) "$T/r.all" >"$T/expected"
same "$T/got" "$T/expected" "what stands before it are the first lines"
tail -n +$((gap + 1)) "$T/r.stuck" >"$T/got"
tail -n "$(wc -l <"$T/got")" "$T/r.all" >"$T/expected"
same "$T/got" "$T/expected" "what stands behind it are the last"
dropped=$(missed stuck)
first=$(sed -n "${gap}p" "$T/r.all" | cut -d'|' -f3)
last=$(sed -n "$((gap + dropped - 1))p" "$T/r.all" | cut -d'|' -f3)
is "$(sed -n "${gap}p" "$T/r.stuck" | cut -d'|' -f6-)" "0000000000000000|$dropped|$first|$last" \
    "it has the times of the first and the last of them"
ok "the log says so too" grep -q "proc stuck: $dropped report lines dropped" "$T/log"
ok "the daemon stops in order" smtpd_stop

start <<CONF
proc patient "$UNREAD; exec cat >>'$T/r.patient'" buffer 64K overflow wait
report smtp-in on patient
CONF
noops 2000 1500 &
flood=$!
# More than the buffer holds.
flooded() { [ "$(wc -c <"$T/r.all")" -gt 65536 ]; }
wait_for "$PATIENCE" flooded
ok "the submission socket is never held back" sh -c "echo x | '$SENDMAIL' '$USER_NAME'"
ok "a flood is, by overflow wait" kill -0 $flood
touch "$T/read"
ok "until the reader reads" wait $flood
ok "nothing is missed" wait_for "$PATIENCE" accounted patient
is "$(missed patient)" 0 "not a line"
smtpd_stop

start <<CONF
proc hopeless "$UNREAD; exec cat >>'$T/r.hopeless'" buffer 64K overflow wait 1s
report smtp-in on hopeless
CONF
ok "a flood is not held back for ever by one who never reads" noops 2000 1500
touch "$T/read"
ok "then lines are dropped, and counted" wait_for "$PATIENCE" settled hopeless
ok "there were some" test "$(missed hopeless)" -gt 0
smtpd_stop

# -- dead, deaf, absent, loud ---------------------------------------------------

start <<CONF
proc dies "for i in 1 2 3 4 5 6 7; do read -r line; echo \"\$line\" >>'$T/r.dies'; done; exit 3"
report smtp-in on dies
proc killed "while read -r line; do echo \"\$line\" >>'$T/r.killed'; case \$line in *die*) kill -9 \$\$;; esac; done"
report smtp-in on killed
proc deaf "exec <&-; sleep 1000"
report smtp-in on deaf
proc absent "no-such-command"
report smtp-in on absent
proc loud "i=0; while [ \$i -lt 1000 ]; do echo loud; i=\$((i+1)); done; printf '%010000d\n' 0; exec cat >/dev/null"
report smtp-in on loud
CONF
noops 10 1
chat <<'CHAT'
S~ 220 .*
C: NOOP die
S: 250 2.0.0 Ok
C: QUIT
S~ 221 .*
CHAT
ok "mail goes on with reporters that do not" sh -c "echo x | '$SENDMAIL' '$USER_NAME'"
ok "what one left unread when it died is counted" wait_for "$PATIENCE" settled killed
ok "which it was told at its next start" test "$(count killed report-gap)" -ge 1
ok "the log says that it died" wait_for "$PATIENCE" grep -q 'proc killed: ended by signal 9' "$T/log"
ok "and another's status" wait_for "$PATIENCE" grep -q 'proc dies: exited with status 3, starts again in 1 s' "$T/log"
ok "one that does not listen is started again" wait_for "$PATIENCE" grep -q 'proc deaf: ' "$T/log"
ok "one that is not there too" wait_for "$PATIENCE" grep -q 'proc absent: exited with status 127' "$T/log"
loud=$(grep -c 'loud: loud$' "$T/log")
ok "what one prints is logged, within a bound" test "$loud" -ge 1 -a "$loud" -le 300
smtpd_stop
