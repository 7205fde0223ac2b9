#!/bin/sh
# SPDX-License-Identifier: ISC
# Destinations: one that is dead is held, with as much mail as max-deferred says,
# and slows no other; show hosts tells it; once it answers all of its mail goes.
. tests/lib.sh
plan 26

LOAD=$TOP/tests/bench/smtp_load

# server NAME PORT: another daemon, which delivers all to $T/Maildir.
server()
{
	mkdir "$T/$1"
	cat >"$T/$1/conf" <<-CONF
	spool directory "$T/$1"
	control socket "$T/$1.control"
	smtp limit max-mails 1000000
	listen on socket
	listen on 127.0.0.1 port $2 hostname $1.test
	action "local" maildir "$T/Maildir"
	match from any for any action "local"
	CONF
	"$SMTPD" -d -f "$T/$1/conf" >>"$T/log.$1" 2>&1 </dev/null &
	servers="$servers $!"
	wait_for "$PATIENCE" port_open "$2"
}
arrived() { ls "$T/Maildir/new" 2>/dev/null | wc -l | tr -d ' '; }

live_port=$(free_port)
dead_port=$(free_port)
silent_port=$(free_port)
ok "the next server starts" server live "$live_port"
smtpd_conf <<CONF
smtp limit max-mails 1000000
listen on 127.0.0.1 port $PORT hostname relaying.test
mta max-deferred 10
proc "all" "exec cat >>'$T/stream'"
report queue on "all"
action "dead" relay host "smtp://127.0.0.1:$dead_port"
action "out" relay host "smtp://127.0.0.1:$live_port"
action "silent" relay host "smtp://127.0.0.1:$silent_port"
match from any for domain "dead.test" action "dead"
match from any for domain "silent.test" action "silent"
match from any for any action "out"
CONF
ok "the daemon starts" smtpd_start
load() { "$LOAD" -c 4 -n "$1" -s 500 -t "$USER_NAME@$2" "$PORT" >>"$T/load" 2>&1; }
host() { "$SMTPCTL" show hosts | awk -F'|' -v a="$1" -v n="$2" '$1 == a { print $n }'; }
host_is() { [ "$(host "$1" "$2")" = "$3" ]; }

is "$("$SMTPCTL" show hosts)" "" "no mail: no destination"
"$SMTPCTL" pause mta
ok "50 messages for the dead one" load 50 dead.test
ok "are there" wait_for "$PATIENCE" host_is dead 5 50
is "$("$SMTPCTL" show hosts | cut -d'|' -f1-8)" "dead|127.0.0.1|paused|50|50|0|0|0" \
    "show hosts, while mta is paused"
"$SMTPCTL" resume mta
ok "when it is resumed the destination is held" wait_for "$PATIENCE" host_is dead 3 held
ok "with as many as may wait" wait_for "$PATIENCE" host_is dead 5 10
is "$(host dead 4)" 50 "the others are deferred"
is "$(host dead 8)" 1 "after one failure"
ok "which is told" sh -c 'echo "$1" | grep -qi refused' - "$(host dead 9)"
until=$(host dead 7) now=$(date +%s)
ok "for ten seconds" test $((until - now)) -ge 5 -a $((until - now)) -le 11
is "$("$SMTPCTL" show queue | awk -F'|' '{ n[$2 "|" $9]++ } END { print n["ready|0"] "|" n["deferred|1"] }')" \
    "10|40" "those that wait there are untouched"
ok "reports say why" grep -q 'envelope-deferred|.*refused' "$T/stream"

ok "500 messages for the live one" load 500 live.test
all_there() { [ "$(arrived)" -ge 500 ]; }
ok "are not held up" wait_for "$PATIENCE" all_there
ok "and the destination is gone" wait_for "$PATIENCE" host_is out 1 ""
is "$(grep -c '|envelope-delivered|.*|relay|1|.*|127.0.0.1:'"$live_port"'|' "$T/stream")" 500 \
    "each is told as relayed, and to whom"

# It comes to life.
ok "it comes to life" server dead "$dead_port"
not_held() { [ "$(host dead 3)" != held ]; }
ok "the next try there frees it" wait_for $((15 + PATIENCE)) not_held
"$SMTPCTL" schedule all >/dev/null
ok "what is deferred is tried at once when it is scheduled" wait_for "$PATIENCE" queue_empty
all_there() { [ "$(arrived)" -ge 550 ]; }
ok "it arrives" wait_for "$PATIENCE" all_there
is "$(arrived)" 550 "once"

# A stop waits for nobody who is silent, and is no attempt.
perl -MIO::Socket::INET -e '$l = IO::Socket::INET->new(Listen => 9,
	LocalAddr => "127.0.0.1", LocalPort => $ARGV[0]);
	push @c, $c while $c = $l->accept' "$silent_port" &
servers="$servers $!"
wait_for "$PATIENCE" port_open "$silent_port"
ok "a message for a server that says nothing" load 1 silent.test
running() { "$SMTPCTL" show queue | grep -q '|running|silent|'; }
wait_for "$PATIENCE" running
ok "the daemon stops" smtpd_stop
smtpd_start
is "$("$SMTPCTL" show queue | cut -d'|' -f3,9)" "silent|0" "that was no attempt"
smtpd_stop

# shellcheck disable=SC2086
kill $servers
# shellcheck disable=SC2086
wait $servers 2>/dev/null || :
