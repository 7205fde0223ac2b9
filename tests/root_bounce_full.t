#!/bin/sh
# SPDX-License-Identifier: ISC
# The spool is full of mail that fails: it is not full for ever, as those who
# sent it can be told all the same.
# mounts: the spool is a tiny tmpfs
. tests/lib.sh
plan 7

mkdir "$T/spool" "$T/mail"
mount -t tmpfs -o size=42m,mode=700 none "$T/spool"
chown nobody "$T/mail"
smtpd_as nobody

# While $T/closed is there it is too early to say.
cat >"$T/never" <<E2
#!/bin/sh
[ ! -e "$T/closed" ] || exit 75
exit 64
E2
cat >"$T/take" <<E2
#!/bin/sh
cat >"$T/mail/\$\$"
E2
chmod 755 "$T/never" "$T/take"
: >"$T/closed"
smtpd_conf <<E2
smtp limit max-mails 1000000
listen on 127.0.0.1 port $PORT
action "never" mda "$T/never"
action "take" mda "$T/take"
match from any for domain "never.test" action "never"
match from any for any action "take"
E2
ok "the daemon starts" smtpd_start
ok "the log is prepared" wait_for "$PATIENCE" stat_is spool.segments-free -ge 5
"$TOP/tests/bench/smtp_load" -n 1000 -s 100000 -f nobody@localhost -t nobody@never.test "$PORT" >"$T/load" 2>&1
accepted=$(sed -n 's/^accepted \([0-9]*\).*/\1/p' "$T/load")
note "$(tail -1 "$T/load")"
ok "the spool is full" wait_for "$PATIENCE" stat_is spool.full = 1
rm "$T/closed"
"$SMTPCTL" schedule all >/dev/null
ok "the queue runs empty" wait_for $((PATIENCE + 60)) queue_empty
is "$(cat "$T"/mail/* | grep -c '^Action: failed')" "$accepted" "every sender was told"
ok "there is room" wait_for "$PATIENCE" stat_is spool.full = 0
ok "stops in order" smtpd_stop
umount "$T/spool"
