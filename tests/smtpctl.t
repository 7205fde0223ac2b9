#!/bin/sh
# SPDX-License-Identifier: ISC
# smtpctl: what it shows of a queue with deferred mail, and how it fails.
. tests/lib.sh
plan 111

refused()	# DESCRIPTION EXPECTED-STDERR-PATTERN ARGUMENTS...
{
	what=$1 pattern=$2; shift 2
	status=0
	"$SMTPCTL" "$@" >"$T/out" 2>"$T/err" </dev/null || status=$?
	is "$status" 2 "$what: exit 2"
	ok "$what: says why" grep -q "$pattern" "$T/err"
}

child() { for p in $(ps -o pid= --ppid "$smtpd_pid"); do tr '\0' ' ' <"/proc/$p/cmdline" | grep -q "smtpd: $1" && echo "$p"; done; }

refused "no command" '^usage: smtpctl'
refused "unknown command" '^smtpctl: nonsense: no such command$' nonsense
ok "with the usage behind it" grep -q '^usage: smtpctl .* show queue$' "$T/err"
refused "one letter is missing" '^smtpctl: dmp: no such command; did you mean "dump"?$' dmp
refused "unknown second word" 'nothing: no such command' show nothing
refused "exchanged letters" 'qeueu: no such command; did you mean "queue"?' show qeueu
refused "the second word is missing" 'a word is missing behind "show"' show
refused "too many arguments" 'now: nothing may stand there' show queue now
refused "an id is missing" 'an id is missing behind "message"' show message
refused "not an id" 'xyz: not a message id' show message xyz
refused "an id of another length" 'abc: not a message id' show message abc
refused "schedule what" 'an id is missing behind "schedule"' schedule
refused "pause what" 'an id is missing behind "pause"' pause
refused "pause all" 'all: not a message id' pause all
refused "remove, and a word too many" 'now: nothing may stand there' remove all now
refused "pause mda, and a word too many" '1: nothing may stand there' pause mda 1
refused "update what" 'a word is missing behind "update"' update
refused "update which table" 'a name is missing behind "table"' update table
refused "update a table, and a word too many" '1: nothing may stand there' update table a 1
refused "a name too long" 'longer than a name may be' update table "$(printf '%0300d' 0)"
refused "no daemon" 'is smtpd running' -s "$T/nothing" show queue
refused "a path too long" 'longer than' -s "$(printf '%0200d' 0)" show queue

cat >"$T/later" <<'E2'
#!/bin/sh
cat >/dev/null
[ -e "$1" ] && exit 0
echo "come back later" >&2
exit 75
E2
chmod 755 "$T/later"
echo nobody@example.org >"$T/unwanted"
smtpd_conf <<E2
listen on 127.0.0.1 port $PORT
table unwanted file:$T/unwanted
table written { a@example.org }
match from any mail-from <unwanted> for any reject
match from any mail-from <written> for any reject
action "later" mda "$T/later $T/open"
match from any for any action "later"
E2
ok "the daemon starts" smtpd_start

is "$("$SMTPCTL" show queue)" "" "an empty queue is no line"

# It says nothing; how long it is borne is looked at in the end.
perl -MIO::Socket::UNIX -e '
	$s = IO::Socket::UNIX->new(Peer => $ARGV[0]); $since = time;
	print scalar(sysread $s, $b, 1), " ", time - $since, "\n"' \
    "$SMTPD_CONTROL" >"$T/silent" &
silent_pid=$!

printf 'Subject: ctl\n\nfirst line\n' |
    "$SENDMAIL" -f "sender|pipe@example.org" "$USER_NAME@localhost"
deferred() { "$SMTPCTL" show queue | grep -q '|deferred|'; }
ok "a command that exits 75 defers" wait_for "$PATIENCE" deferred

"$SMTPCTL" show queue >"$T/queue"
is "$(wc -l <"$T/queue" | tr -d ' ')" 1 "a line an envelope"
# A "|" in an address is no separator.
IFS='|' read -r evpid state action user sender dest size arrival attempts next rest <"$T/queue"
is "$state|$action|$user|$sender|$dest|$attempts|$rest" \
    "deferred|later|$USER_NAME|sender\\174pipe@example.org|$USER_NAME@localhost|1|" \
    "its fields"
is "$(expr "$evpid" : '[0-9a-f]*$')" 16 "an envelope id has 16 digits"
now=$(date +%s)
ok "the next try is 10 seconds after the first" \
    test $((next - arrival)) -ge 10 -a $((next - now)) -le 11

msgid=${evpid%????????}
"$SMTPCTL" show message "$msgid" >"$T/by-msgid"
"$SMTPCTL" show message "$evpid" >"$T/by-evpid"
same "$T/by-msgid" "$T/by-evpid" "a message by either id"
is "$(sed -n '1,/^$/p' "$T/by-msgid" | grep -c "^evpid: $evpid\$")" 1 \
    "show message: the envelope first"
is "$(sed '1,/^$/d' "$T/by-msgid" | tail -n 3)" "Subject: ctl

first line" "show message: then the content"
is "$(sed '1,/^$/d' "$T/by-msgid" | wc -c | tr -d ' ')" "$size" \
    "the size is that of the content"

refused "an unknown message" 'no message 12345678 in the queue' \
    show message 12345678

"$SMTPCTL" show stats >"$T/stats"
is "$(grep -E '^(messages|deferred|running|spool.messages|spool.full)=' "$T/stats" | tr '\n' ' ')" \
    "messages=1 deferred=1 running=0 spool.messages=1 spool.full=0 " "show stats"
"$SMTPCTL" dump >"$T/dump"
ok "dump names the envelope" grep -q "$evpid" "$T/dump"

status=0
"$SMTPCTL" show message "$msgid" >/dev/full 2>"$T/err" || status=$?
is "$status" 2 "a full disk is not silent"

# Another program than smtpctl, or another version of it.
is "$(perl -MIO::Socket::UNIX -e '
	$s = IO::Socket::UNIX->new(Peer => $ARGV[0]);
	syswrite $s, "\0" x 24; print <$s>' "$SMTPD_CONTROL")" \
    "error: smtpctl and smtpd are of different versions" "a wrong magic"

# Read slowly it is whole, and others are answered meanwhile.
{ printf 'Subject: large\n\n'; yes 0123456789 | head -n 100000; } >"$T/large"
"$SENDMAIL" -f "sender@example.org" "$USER_NAME@localhost" <"$T/large"
two() { [ "$("$SMTPCTL" show queue | grep -c '|deferred|')" = 2 ]; }
ok "a large message is deferred" wait_for "$PATIENCE" two
large=$("$SMTPCTL" show queue | tail -n 1 | cut -c 1-8)
"$SMTPCTL" show message "$large" | { sleep 2; cat; } >"$T/slowly" &
slow_pid=$!
is "$("$SMTPCTL" show queue | wc -l | tr -d ' ')" 2 "while one reads slowly another is answered"
wait "$slow_pid"
is "$(tail -n 100000 "$T/slowly" | cksum)" "$(tail -n 100000 "$T/large" | cksum)" \
    "what was read slowly is whole"

# -- what changes the queue ---------------------------------------------------

field() { "$SMTPCTL" show queue | awk -F'|' -v id="$1" -v n="$2" 'index($1, id) == 1 { print $n }'; }
field_is() { [ "$(field "$1" "$2")" = "$3" ]; }
tries=$(field "$evpid" 9)
is "$("$SMTPCTL" schedule "$evpid")" "1 scheduled" "schedule an envelope"
ok "it is tried at once" wait_for "$PATIENCE" field_is "$evpid" 9 $((tries + 1))
refused "schedule an unknown envelope" "no envelope ${msgid}ffffffff in the queue" \
    schedule "${msgid}ffffffff"
refused "remove an unknown message" 'no message 12345678 in the queue' remove 12345678

ok "it is deferred again" wait_for "$PATIENCE" field_is "$msgid" 2 deferred
is "$("$SMTPCTL" pause "$msgid")" "1 paused" "pause a message"
is "$(field "$msgid" 2)" paused "its state"
"$SMTPCTL" schedule all >"$T/all"
is "$(cat "$T/all")" "2 scheduled" "schedule all"
sleep 1
is "$(field "$msgid" 2)" paused "what is paused is not tried"
is "$("$SMTPCTL" resume "$msgid")" "1 resumed" "resume it"
ok "it is tried then" wait_for "$PATIENCE" field_is "$msgid" 2 deferred

"$SMTPCTL" pause mda
ok "stats say that mda is paused" stat_is paused.mda = 1
printf 'Subject: third\n\n' | "$SENDMAIL" -f "sender@example.org" "$USER_NAME@localhost"
third=$("$SMTPCTL" show queue | tail -n 1 | cut -d'|' -f1)
sleep 1
is "$(field "$third" 2)" ready "while mda is paused nothing is delivered"
is "$("$SMTPCTL" show hosts)" "" "no destinations: no line"
"$SMTPCTL" resume mda
ok "resumed, it is tried" wait_for "$PATIENCE" field_is "$third" 2 deferred
is "$("$SMTPCTL" remove "$third")" "1 removed" "remove an envelope"
is "$(field "$third" 2)" "" "it is gone"
ok "stats count it" stat_is total.removed = 1
"$SMTPCTL" dump >"$T/dump"
ok "from the spool too" sh -c '! grep -q "$1" "$2"' - "$third" "$T/dump"

# -- tables -------------------------------------------------------------------

taken() { echo | "$SENDMAIL" -f "$1@example.org" "$USER_NAME@localhost" 2>"$T/err"; }
rejected() { ! taken "$1" && grep -q '^sendmail: .*550' "$T/err"; }
ok "who stands in a table is rejected" rejected nobody
printf 'joe@example.org\njim@example.org' >"$T/unwanted"
is "$("$SMTPCTL" update table unwanted)" "table unwanted: 2 entries" \
    "update table: the file is believed as it is, with a line that has no end"
ok "the new entries hold at once" rejected jim
ok "and the old ones no more" taken nobody
"$SMTPCTL" remove "$("$SMTPCTL" show queue | tail -n 1 | cut -d'|' -f1)" >"$T/out"
ok "the log says so" grep -q 'smtpctl update table unwanted$' "$T/log"
refused "a table that is none" '^smtpctl: no table "unwnated"; did you mean "unwanted"?$' \
    update table unwnated
refused "a table of smtpd.conf" 'table written is written in smtpd.conf' update table written
refused "a list in a rule" 'no table "<dynamic:0>"$' update table "<dynamic:0>"
mv "$T/unwanted" "$T/away"
refused "a file that is away" "^smtpctl: table unwanted stays as it is: $T/unwanted: No such file" \
    update table unwanted
ok "the entries are kept" rejected jim
mv "$T/away" "$T/unwanted"

# Without lookup nobody waits for it; lookup that died is there again.
lookup=$(child lookup)
kill -STOP "$lookup"
"$SMTPCTL" update table unwanted >"$T/out" 2>&1 &
update_pid=$!
sleep 1
is "$("$SMTPCTL" show stats | grep -c '^messages=')" 1 "while one waits for lookup another is answered"
kill -KILL "$lookup"
status=0
wait "$update_pid" || status=$?
is "$status $(cat "$T/out")" "2 smtpctl: the lookup process died over it" "lookup dies over an update"
update() { [ "$("$SMTPCTL" update table unwanted 2>"$T/err")" = "table unwanted: 2 entries" ]; }
ok "the next lookup does it" wait_for "$PATIENCE" update
# Who does not wait for the answer leaves nothing behind.
kill -STOP "$(child lookup)"
"$SMTPCTL" update table unwanted >"$T/out" 2>&1 &
update_pid=$!
sleep 1
kill "$update_pid"
wait "$update_pid" 2>"$T/err" || :
kill -CONT "$(child lookup)"
ok "another who asks is answered" wait_for "$PATIENCE" update

# A request of the version before this one is shorter.
is "$(perl -MIO::Socket::UNIX -e '
	$s = IO::Socket::UNIX->new(Peer => $ARGV[0]);
	syswrite $s, pack("L4Q", 0x70697065, 1, 0, 0, 0); print <$s>' "$SMTPD_CONTROL")" \
    "error: smtpctl and smtpd are of different versions" "an older version is told at once"

# No descriptor is left: the queue waits, and does not spin.
queue=$(child queue)
ticks() { awk '{ print $14 + $15 }' "/proc/$queue/stat"; }
prlimit --pid "$queue" --nofile=5:1024
before=$(ticks)
"$SMTPCTL" show queue >"$T/waited" &
later_pid=$!
sleep 2
after=$(ticks)
ok "without a descriptor the queue is idle" test $((after - before)) -lt 50
prlimit --pid "$queue" --nofile=1024:1024
wait "$later_pid"
is "$(wc -l <"$T/waited" | tr -d ' ')" 2 "with one again it answers who waited"

: >"$T/open"
gone() { [ -z "$("$SMTPCTL" show queue)" ]; }
ok "tried again, it is delivered" wait_for $((PATIENCE + 15)) gone

wait "$silent_pid"
read -r got took <"$T/silent"
is "$got" 0 "who says nothing is hung up on"
ok "after some seconds" test "$took" -ge 9 -a "$took" -le $((15 + PATIENCE))

"$SMTPCTL" stop
ended() { ! kill -0 "$smtpd_pid" 2>/dev/null; }
smtpd_status=0
wait_for "$PATIENCE" ended || :
wait "$smtpd_pid" || smtpd_status=$?
is "$smtpd_status" 0 "stop ends the daemon in order"
smtpd_pid=
refused "after that" 'is smtpd running' show queue
