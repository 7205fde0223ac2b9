#!/bin/sh
# SPDX-License-Identifier: ISC
# rpttap(1): the handshake, what the command is fed, and its deaths.
. tests/lib.sh

plan 29

cd "$T" || exit 1
DIALOGUE=$TOP/tests/data/filter-dialogue-0.6.log
grep '^report|' "$DIALOGUE" >reports
printf 'config|%s\n' 'smtpd-version|6.8.0p2' 'subsystem|smtp-in' ready >hello

# status_is DESCRIPTION STATUS-AND-STDERR OPTIONS...
status_is()
{
	status_what=$1 status_expected=$2; shift 2
	status_got=$(timeout 20 rpttap "$@" 2>&1 >/dev/null </dev/null)
	is "$? $status_got" "$status_expected" "$status_what"
}

# registers_is DESCRIPTION EXPECTED CONFIG-LINES OPTIONS...
registers_is()
{
	registers_what=$1 registers_expected=$2 registers_config=$3; shift 3
	is "$(printf 'config|%s\n' $registers_config | timeout 20 rpttap "$@" cat 2>&1)" \
	    "$registers_expected" "$registers_what"
}

# the handshake
registers_is "what the daemon announces is registered" "register|report|smtp-in|*
register|report|smtp-out|*
register|ready" "subsystem|smtp-in subsystem|smtp-out ready"
registers_is "one subsystem" "register|report|smtp-out|*
register|ready" "subsystem|smtp-out ready"
registers_is "an early daemon announces none" "register|report|smtp-in|*
register|ready" "smtp-session-timeout|300 ready"
registers_is "-s" "register|report|smtp-out|*
register|ready" "subsystem|smtp-in ready" -s smtp-out
registers_is "-e" "register|report|smtp-in|tx-commit
register|report|smtp-in|tx-rollback
register|report|smtp-out|tx-commit
register|report|smtp-out|tx-rollback
register|ready" "ready" -e tx-commit,tx-rollback -s smtp-in,smtp-out
registers_is "nothing is said before the daemon is ready" "" "subsystem|smtp-in"
is "$(timeout 20 rpttap cat <reports 2>got)" "" "who is fed at once registers nothing"
same got reports "and gets every line"

ok "-L: where the bridges are" test -r "$(rpttap -L)/filter.sh"

# what is fed
timeout 20 rpttap 'cat >out; echo done' <"$DIALOGUE" >registered 2>errors
is "$? $(cat errors)" "0 done" "what the command prints is on standard error"
same out reports "the command is fed the reports alone"
is "$(tail -n 1 registered)" "register|ready" "standard output is for the daemon"
printf %s "$(cat hello reports)" | timeout 20 rpttap 'cat >out' >/dev/null
same out reports "a last line without its newline"
perl -e '$| = 1; while (sysread STDIN, $b, 13) { syswrite STDOUT, $b }' <reports |
    timeout 20 rpttap 'cat >out'
same out reports "input in small pieces"
{
	sed -n 1p reports
	perl -e 'print "report|0.7|1.5|smtp-out|protocol-client|c7|", "x" x (3 << 20), "\n"'
	sed -n 2p reports
} | timeout 20 rpttap 'cat >out'
is "$(cat out)" "$(sed -n 1p reports)
report|0.7|1.500000|smtp-out|report-gap|0000000000000000|1|1.500000|1.500000
$(sed -n 2p reports)" "a line that is too long is a gap"

# deaths
lines() { [ "$(wc -l <out)" -ge "$1" ]; }
: >out
mkfifo daemon
timeout 60 rpttap 'read -r l; echo "$l" >>out; exit 7' <daemon 2>errors &
pid=$!
exec 3>daemon
sed -n 1p reports >&3
ok "the command gets a line" wait_for "$PATIENCE" lines 1
sed -n 2,3p reports >&3
ok "and is started again, and gets what came meanwhile" wait_for "$PATIENCE" lines 2
exec 3>&-
wait $pid
is "$? $(cat out)" "2 $(sed -n 1,3p reports)" "what a command left unread is the next one's"
is "$(sed -n 1,2p errors)" "rpttap: command ended with status 7; again in 1 s
rpttap: command ended with status 7; again in 2 s" "each death is said"

: >out
timeout 60 rpttap -Q -b 4096 '[ -e go ] || { touch go; kill -9 $$; }; cat >>out' <daemon 2>errors &
pid=$!
exec 3>daemon
has_file() { [ -e "$1" ]; }
wait_for "$PATIENCE" has_file go
cat reports >&3
exec 3>&-
wait $pid
is "$? $(cat errors)" "0 " "-Q: no word of it"
has=$(grep -c . out)
gap=$(grep '|report-gap|' out | cut -d '|' -f 7)
is "$(($(grep -vc '|report-gap|' out) + gap))" "$(wc -l <reports | tr -d ' ')" \
    "what does not fit is counted in a gap line ($has lines, $gap dropped)"
head -n "$((has - 1))" reports >expected
sed '$d' out >got
same got expected "the first lines are kept"
is "$(rptcut -f count,last out 2>&1 | tail -n 1 | cut -f 2)" \
    "$(tail -n 1 reports | cut -d '|' -f 3)" "the gap line tells the time of the last"

# Whoever is slow holds up nobody.
perl -e 'for (1 .. 40000) { printf "report|0.7|%d.000000|smtp-in|timeout|0123456789abcdef\n", $_ }' >many
timeout 60 rpttap -Q -b 100K '[ -e slow ] || sleep 2; cat >out' <many
is "$(grep -v '|report-gap|' out | wc -l | tr -d ' ') $(grep '|report-gap|' out | cut -d '|' -f 7)" \
    "$(awk -F'|' '$5 == "report-gap" { n += $7 } END { print NR - 1, 40000 - NR + 1 }' out)" \
    "a slow command misses lines, all counted"

timeout 60 rpttap cat <. 2>err
is "$? $(cat err)" "2 rpttap: stdin: Is a directory" "a stream that cannot be read"

# its group
timeout 60 rpttap -Q 'sleep 77 & echo $! >>pids; read -r l; exit 1' <daemon &
pid=$!
exec 3>daemon
sed -n 1p reports >&3
twice() { [ "$(wc -l <pids)" -ge 2 ]; }
ok "the command is started again" wait_for "$PATIENCE" twice
ok "what it left running was ended" wait_for "$PATIENCE" pid_gone "$(sed -n 1p pids)"
exec 3>&-
wait $pid
while read -r p; do kill "$p" 2>/dev/null; done <pids

status_is "no such event" "2 rpttap: no daemon reports an event tx-comit; nearest: tx-commit" \
    -e tx-comit cat
status_is "no such subsystem" \
    "2 rpttap: no such subsystem: smtp; there are smtp-in and smtp-out" -s smtp cat
