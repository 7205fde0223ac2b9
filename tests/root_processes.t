#!/bin/sh
# SPDX-License-Identifier: ISC
# Started as root: each process has its own user and root directory, and none
# may trace, read or signal another.
# mounts: an /etc of its own, with the daemon's users
. tests/lib.sh
plan 40

private_etc alice:906

smtpd_conf <<E2
listen on 127.0.0.1 port $PORT
proc "reader" "exec cat >/dev/null"
report smtp-in on "reader"
action "local" maildir
match from any for any action "local"
E2
ok "starts as root" smtpd_start

"$TOP/tests/bench/smtp_load" -n 1 -t alice@localhost "$PORT" >"$T/load" 2>&1
has_mail() { [ -n "$(ls "$T/home/alice/Maildir/new")" ]; }
ok "mail arrives in the home of its recipient" wait_for "$PATIENCE" has_mail
is "$(stat -c %U "$T/home/alice/Maildir"/new/*)" alice "and belongs to it"

"$TOP/tests/bench/smtp_load" -n 1 -t root@localhost "$PORT" >"$T/load" 2>&1
ok "root is no recipient" grep -q 'refused 1' "$T/load"

smtp=$(child smtp) lookup=$(child lookup) auth=$(child auth) queue=$(child queue) deliver=$(child deliver)
is "$(ps -o user= -p "$smtp")" _smtpd "smtp runs as _smtpd"
is "$(ps -o user= -p "$lookup")" _smtplk "lookup runs as _smtplk"
is "$(ps -o user= -p "$auth")" _smtplk "auth runs as _smtplk"
is "$(ps -o user= -p "$queue")" _smtpq "queue runs as _smtpq"
is "$(ps -o user= -p "$deliver")" alice "deliver runs as its user"
is "$(readlink "/proc/$queue/root")" "$T/spool" "queue is confined to the spool"
is "$(readlink "/proc/$smtp/root")" /var/empty "smtp is confined to an empty directory"
is "$(readlink "/proc/$auth/root")" /var/empty "auth is confined to an empty directory"
reader=$(ps -eo pid=,user=,args= | awk '$2 == "_smtpf" && $3 == "cat" { print $1 }' | sed 1q)
ok "a proc runs as _smtpf" test -n "$reader"

# As the user of one process, against another: 0 if the system lets it.
cat >"$T/attack.py" <<'E2'
import ctypes, os, pwd, signal, sys
user, pid = sys.argv[1], int(sys.argv[2])
pw = pwd.getpwnam(user)
os.setgroups([]); os.setgid(pw.pw_gid); os.setuid(pw.pw_uid)
done = []
libc = ctypes.CDLL(None, use_errno=True)
if libc.ptrace(16, pid, 0, 0) == 0:
    done.append("ptrace")
try:
    open("/proc/%d/mem" % pid, "rb"); done.append("mem")
except OSError:
    pass
try:
    os.kill(pid, 0); done.append("kill")
except OSError:
    pass
print(" ".join(done) or "nothing")
E2
setpriv --reuid=alice --regid=alice --clear-groups sleep 1000 >/dev/null 2>&1 &
victim=$!
is_hers() { [ "$(ps -o user= -p "$victim")" = alice ]; }
wait_for "$PATIENCE" is_hers
ok "what is not protected can be attacked" \
    sh -c "python3 '$T/attack.py' alice $victim | grep -q kill"
# It may have been stopped by the attack.
kill -9 $victim
for a in _smtpd _smtplk _smtpq _smtpf alice; do
	for b in $smtp $lookup $auth $queue $deliver $smtpd_pid; do
		[ "$(ps -o user= -p "$b")" != "$a" ] || continue
		is "$(python3 "$T/attack.py" "$a" "$b")" nothing \
		    "$a can do nothing to $(tr '\0' ' ' <"/proc/$b/cmdline")"
	done
done
ok "stops in order" smtpd_stop
