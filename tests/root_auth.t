#!/bin/sh
# SPDX-License-Identifier: ISC
# Users of the system log in: those who may, and nothing of their passwords stays
# in the memory of a process or in the log.
# mounts: an /etc of its own, with users and their passwords
. tests/lib.sh
plan 25

private_etc alice:906 locked:907 expired:908 old:909 empty:910 twin:911

# shadow USER HASH [EXPIRES]
shadow()
{
	sed -i "/^$1:/d" /etc/shadow
	echo "$1:$2:19000:0:99999:7::$3:" >>/etc/shadow
}
hash() { printf '%s\n' "$1" | "$SMTPCTL" encrypt; }

SECRET=Geheimnis-$$-7314
HASH=$(hash "$SECRET")
shadow alice "$HASH"
shadow locked "!$HASH"
shadow expired "$HASH" 1
shadow old 'pi2vQXxKDS7gk'
shadow empty ''
shadow root "$HASH"
# Another name of root.
sed -i 's/^twin:x:911:911:/twin:x:0:0:/' /etc/passwd
shadow twin "$HASH"

TABLE=$(free_port) TLS=$(free_port)
make_cert
chmod 755 "$T"
smtpd_conf <<CONF
table users { tom = "$HASH" }
listen on 127.0.0.1 port $PORT auth auth-clear local
pki x cert "$T/cert.pem"
pki x key "$T/key.pem"
listen on 127.0.0.1 port $TLS tls auth <users> hostname localhost
listen on 127.0.0.1 port $TABLE auth <users> auth-clear local
proc keep "cat >>'$T/report'" user root protocol "0.7"
report smtp-in on keep
action "local" maildir
match from auth for local action "local"
CONF
ok "starts as root" smtpd_start -v

# try PORT USER PASSWORD: the code that it gets.
try() { timeout 60 python3 tests/smtp/login "$@" 2>&1 | sed 's/ .*//'; }
is "$(try "$PORT" alice "$SECRET")" 235 "a user of the system logs in"
is "$(try -m LOGIN "$PORT" alice "$SECRET")" 235 "by LOGIN too"
is "$(try "$PORT" alice wrong)" 535 "not with another password"
is "$(try "$PORT" Alice "$SECRET")" 535 "nor by another name"
is "$(try "$PORT" root "$SECRET")" 535 "root does not"
is "$(try "$PORT" twin "$SECRET")" 535 "nor does another of uid 0"
is "$(try "$PORT" locked "$SECRET")" 535 "nor a locked account"
is "$(try "$PORT" locked "!$SECRET")" 535 "whatever it tries"
is "$(try "$PORT" expired "$SECRET")" 535 "nor one that has expired"
is "$(try "$PORT" empty "$SECRET")" 535 "nor one without a password"
is "$(try "$PORT" nobody-of-this-name "$SECRET")" 535 "nor nobody"
is "$(try "$PORT" ../../etc/passwd "$SECRET")" 535 "nor what is no name"
is "$(try "$PORT" old "$SECRET")" 454 "a hash of no kind that is taken is a temporary failure"
ok "and the log says whose" grep -q 'the system: user old: .*none that crypt(3) knows' "$T/log"
is "$(try "$TABLE" tom "$SECRET")" 235 "a user of a table logs in where the table is"
is "$(try "$TABLE" alice "$SECRET")" 535 "one of the system does not"
is "$(try "$PORT" tom "$SECRET")" 535 "nor the other way round"

# Root reads all of a process but its text.
cat >"$T/search.py" <<'E2'
import base64, sys
secret = sys.argv[2].encode()
forms = [secret, base64.b64encode(secret)[:-4], base64.b64encode(b"\0alice\0" + secret)[10:-4]]
found = set()
with open("/proc/%s/maps" % sys.argv[1]) as maps, open("/proc/%s/mem" % sys.argv[1], "rb") as mem:
    for line in maps:
        where, rights, rest = line.split(None, 2)
        if "r" not in rights or "[v" in rest:
            continue
        start, end = (int(x, 16) for x in where.split("-"))
        if end - start > 1 << 30:	# what the sanitizers note of memory, not memory
            continue
        try:
            mem.seek(start)
            data = mem.read(end - start)
        except (OSError, ValueError):
            continue
        for i, form in enumerate(forms):
            if form in data:
                found.add(i)
print(" ".join(map(str, sorted(found))) or "nothing")
E2
# With sessions that are still there, in clear and under TLS.
python3 tests/smtp/login -w 10 "$TABLE" tom "$SECRET" >"$T/clear" &
clear=$!
python3 tests/smtp/login -w 10 -c "$T/cert.pem" "$TLS" tom "$SECRET" >"$T/tls" &
tls=$!
both() { grep -q 235 "$T/clear" && grep -q 235 "$T/tls"; }
ok "two are logged in" wait_for "$PATIENCE" both
for name in smtp auth lookup; do
	is "$(python3 "$T/search.py" "$(child $name)" "$SECRET")" nothing \
	    "nothing of the password is left in $name"
done
kill $clear $tls
is "$(python3 "$T/search.py" "$(child smtp)" "smtp-in")" 0 "while what is there is found"
same_forms()
{
	printf '\0alice\0%s' "$SECRET" | base64 | cut -c 9-30
	printf '%s' "$SECRET" | base64 | cut -c 1-20
	printf '%s\n' "$SECRET" "$HASH"
}
is "$(same_forms | grep -c -F -f - "$T/log" "$T/report")" "$T/log:0
$T/report:0" "nor in the log or the stream"
ok "stops in order" smtpd_stop
