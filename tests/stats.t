#!/bin/sh
# SPDX-License-Identifier: ISC
# report stats: what smtpd counts, as often as it is asked to, and as counters
# for Prometheus.
. tests/lib.sh

plan 9

{
	cat <<-CONF
	listen on 127.0.0.1 port $PORT hostname "mx.example.org"
	action "local" maildir "$T/Maildir"
	match from any for local action "local"
	proc counts "exec cat >>'$T/counts'" protocol "0.7"
	report stats on counts every 1s
	proc files "rptfmt -P '$T/out.prom:1'"
	report stats on files every 1m
	proc deaf "exec sleep 1000" buffer 64K
	report smtp-in on deaf
	CONF
} >"$T/conf"
smtpd_conf <"$T/conf"
smtpd_start
is $? 0 "the daemon starts"

# value NAME: the newest; no_less NAME N
value() { awk -F'|' -v name="$1" '$7 == name { v = $8 } END { print v }' "$T/counts" 2>/dev/null; }
value_is() { [ "$(value "$1")" = "$2" ]; }
ok "they come without any session" wait_for "$PATIENCE" value_is smtp.sessions 0
# The start has looked whether somebody listens.
before=$(value smtp.connections)
perl tests/chat -l plain="127.0.0.1:$PORT" /dev/stdin >"$T/out" <<CHAT || notes "$T/out"
S~ 220 .*
C: HELO [192.0.2.1]
S~ 250 .*
C: MAIL FROM:<a@client.example>
S~ 250 .*
C: RCPT TO:<$USER_NAME@localhost>
S~ 250 .*
C: RCPT TO:<nobody-of-that-name@localhost>
S~ 550 .*
C: DATA
S~ 354 .*
C: Subject: x
C: 
C: x
C: .
S~ 250 .*
C: MAIL FROM:<a@client.example>
S~ 250 .*
C: RSET
S~ 250 .*
C: QUIT
S~ 221 .*
CHAT
wait_for "$PATIENCE" value_is smtp.rollbacks 1
wait_for "$PATIENCE" value_is smtp.sessions 0
got=
for name in tls transactions senders.refused recipients recipients.refused \
    accepted rollbacks timeouts; do
	got="$got $(value smtp.$name)"
done
is "$(($(value smtp.connections) - before))$got" "1 0 2 0 2 1 1 1 0" "what happened is counted"
ok "and the bytes of what was accepted" test "$(value smtp.accepted.bytes)" -gt 20
is "$(awk -F'|' '$2 != "0.7" || $4 != "stats" || $5 !~ /^(counter|gauge)$/ ||
    $6 != "0000000000000000" || NF != 8' "$T/counts")" "" \
    "each line is a counter or gauge of the stream"
is "$(rptfmt "$T/counts" 2>&1 | wc -l)" "$(wc -l <"$T/counts")" "that the tools read"

# A proc that does not read: what it misses is told.
printf 'EHLO x\r\n%sQUIT\r\n' "$(yes "$(printf 'NOOP %0900d\r' 0)" | head -n 3000)
" >"$T/noops"
perl -MIO::Socket::INET -e 'my $s = IO::Socket::INET->new(PeerAddr => "127.0.0.1", PeerPort => shift) or die;
    alarm shift; if (my $pid = fork) { 1 while sysread $s, my $b, 65536; waitpid $pid, 0 }
    else { local $/; print $s <STDIN>; $s->flush; exit 0 }' "$PORT" "$PATIENCE" <"$T/noops"
missed() { [ "$(value report.deaf.dropped)" -gt 0 ]; }
ok "lines that a proc is not given are counted" wait_for "$PATIENCE" missed
is "$(value report.counts.dropped)" 0 "by proc"
ok "as counters for Prometheus" wait_for "$PATIENCE" \
    grep -q '^pipepost_report_dropped{report="deaf"} [1-9]' "$T/out.prom"
smtpd_stop
