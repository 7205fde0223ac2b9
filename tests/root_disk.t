#!/bin/sh
# SPDX-License-Identifier: ISC
# A disk that runs full: clients are told 452 or 451, nothing acknowledged is
# lost, and mail is taken again, without a restart, when there is room.
# mounts: the spool is a tiny tmpfs
. tests/lib.sh
plan 22

LOAD=$TOP/tests/bench/smtp_load

mkdir "$T/spool" "$T/mail"
mount -t tmpfs -o size=42m,mode=700 none "$T/spool"
chown nobody "$T/mail"
smtpd_as nobody

# While $T/closed is there nothing is delivered; then a file a message, named
# by the id in its first header.
cat >"$T/deliver" <<E2
#!/bin/sh
[ ! -e "$T/closed" ] || exit 75
cat >"$T/mail/tmp.\$\$" || exit 75
mv "$T/mail/tmp.\$\$" "$T/mail/\$(sed -n 's/.* id \([0-9a-f]\{8\}\).*/\1/p; 9q' "$T/mail/tmp.\$\$" | sed 1q)"
E2
chmod 755 "$T/deliver"
: >"$T/closed"
smtpd_conf <<E2
smtp max-message-size 64M
smtp limit max-mails 1000000
listen on 127.0.0.1 port $PORT
action "later" mda "$T/deliver"
match from any for any action "later"
E2
ok "the daemon starts" smtpd_start

load()	# MESSAGES BYTES
{
	"$LOAD" -a "$T/ids" -n "$1" -s "$2" -t nobody@localhost "$PORT" >"$T/load" 2>&1
}
accepted() { sed -n 's/^accepted \([0-9]*\).*/\1/p' "$T/load"; }
taken() { load 1 1000; }

# -- a message that the disk has no room for ------------------------------

# Segments are written ahead, until there is no room for another.
ok "the log is prepared" wait_for "$PATIENCE" stat_is spool.segments-free -ge 5

: >"$T/ids"
ok "a message larger than the disk is refused" eval "! load 1 30000000"
ok "with 452" grep -q '452 ' "$T/load"
is "$(ls "$T/spool/big")" "" "and leaves nothing behind"
ok "a small one is accepted meanwhile" load 1 1000

# -- a log that is full -----------------------------------------------------

load 1000 100000
note "$(tail -1 "$T/load")"
ok "the log takes some" test "$(accepted)" -gt 50
ok "and no more than it has room for" test "$(accepted)" -lt 400
ok "the rest is told 452" grep -q '452 ' "$T/load"
ok "stats say that it is full" wait_for "$PATIENCE" stat_is spool.full = 1
is "$(grep -c 'no room for another segment' "$T/log")" 1 "why is said once, not at each message"
ok "it stays refused" eval "! taken"

kids=$(ps -o pid= --ppid "$smtpd_pid")
kill -9 "$smtpd_pid"
wait "$smtpd_pid" 2>/dev/null
wait_for "$PATIENCE" pids_gone $kids
ok "it starts again on a full disk" smtpd_start
is "$("$SMTPCTL" show stats | sed -n 's/^messages=//p')" "$(wc -l <"$T/ids" | tr -d ' ')" \
    "with all that was accepted"

# -- room ---------------------------------------------------------------------

rm "$T/closed"
ok "what was accepted is delivered" wait_for $((PATIENCE + 120)) queue_empty
sed 's/^\(........\).*/\1/' "$T/ids" | sort >"$T/accepted"
ls "$T/mail" | sort >"$T/delivered"
is "$(comm -23 "$T/accepted" "$T/delivered")" "" "all of it"
ok "then mail is accepted again" wait_for "$PATIENCE" taken

mount -o remount,size=120m "$T/spool"
ok "with a larger disk the large message too" wait_for "$PATIENCE" load 1 30000000
ok "and is delivered" wait_for "$PATIENCE" queue_empty
is "$(find "$T/mail" -size +28000k | wc -l | tr -d ' ')" 1 "whole"
is "$(grep -c 'queue.*exited\|queue.*killed' "$T/log")" 0 "the queue never died"
ok "stops in order" smtpd_stop
umount "$T/spool"
