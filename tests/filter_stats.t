#!/bin/sh
# SPDX-License-Identifier: ISC
# Statistics of filters: what each was asked, how long it took, what it did not
# answer, said wrong, and how often it was started again; for Prometheus too.
. tests/lib.sh
plan 16

# Does what the recipient says: answers late, wrong, or ends.
cat >"$T/obeys.sh" <<'SH'
echo 'register|filter|smtp-in|rcpt-to'
echo 'register|filter|smtp-in|data-line'
echo 'register|ready'
while IFS='|' read -r kind version time subsystem phase session token argument; do
	[ "$kind" = filter ] || continue
	case $phase in
	data-line)
		echo "filter-dataline|$session|$token|$argument"
		continue ;;
	esac
	case $argument in
	slow@*)	sleep 0.3 ;;
	late@*)	sleep 2 ;;
	lie@*)	echo "this is no answer" ;;
	die@*)	exit 0 ;;
	esac
	echo "filter-result|$session|$token|proceed"
done
SH
smtpd_conf <<CONF
filter "obeys.sh" proc-exec "exec sh $T/obeys.sh" timeout 1s
filter "idle" proc-exec "exec sh $T/obeys.sh" timeout 1s
filter both chain { "obeys.sh" }
listen on 127.0.0.1 port $PORT filter both
listen on 127.0.0.2 port $PORT filter idle
proc "all" "exec cat >>'$T/all'" protocol "0.7"
report smtp-in on "all"
report stats on "all" every 1s
action "local" maildir "$T/Maildir" virtual { "@" = "$USER_NAME" }
match from any for any action "local"
CONF
ok "the daemon starts" smtpd_start

# send RECIPIENT...: one session; a message to the last of them that is taken.
send()
{
	perl -MIO::Socket::INET -e '
		alarm 60;
		my $s = IO::Socket::INET->new(PeerAddr => "127.0.0.1", PeerPort => shift) or die;
		sub hear { while (<$s>) { return $_ if /^\d+ / } "" }
		sub say_ { print $s "$_[0]\r\n"; hear() }
		hear(); say_("EHLO x"); say_("MAIL FROM:<a\@b.example>");
		print say_("RCPT TO:<$_>") for @ARGV;
		say_("DATA") =~ /^3/ and print say_("Subject: x\r\n\r\nbody\r\n.");
		say_("QUIT")' "$PORT" "$@" >"$T/said"
}
value() { sed -n "s/.*|$1|0000000000000000|filter\.$2|//p" "$T/all" | tail -n 1; }
value_is() { [ "$(value "$1" "$2")" = "$3" ]; }
counts()	# DESCRIPTION NAME VALUE
{
	wait_for "$PATIENCE" value_is counter "obeys.sh.$2" "$3"
	is "$(value counter "obeys.sh.$2")" "$3" "$1"
}

counts "none at first" requests 0
is "$(value gauge obeys.sh.latency.p50)" "" "and no latency"
send one@x.example two@x.example
is "$(grep -c '^250' "$T/said")" 3 "a message with two recipients"
counts "three questions: its lines are one" requests 3
send slow@x.example
counts "five" requests 5
slow() { [ "$(value gauge obeys.sh.latency.p99)" -ge 250000 ]; }
ok "the slow one is among the slowest" wait_for "$PATIENCE" slow
ok "and half of them are fast" test "$(value gauge obeys.sh.latency.p50)" -lt 250000
send late@x.example
is "$(cut -c 1-9 "$T/said")" "451 4.3.0" "an answer that is late"
counts "is counted" timeouts 1
counts "and is a strike; when it comes its session is gone" strikes 1
send lie@x.example
counts "a line that is wrong" strikes 2
counts "nothing was started again" restarts 0
send die@x.example
counts "now it was" restarts 1
is "$(value counter idle.requests)|$(value counter idle.strikes)" "0|0" "each filter has its own"
rptfmt -P "$T/prom" <"$T/all"
ok "for Prometheus" grep -q '^pipepost_filter_strikes{filter="obeys.sh"} 2$' "$T/prom"
