#!/bin/sh
# SPDX-License-Identifier: ISC
# Those who guess are slowed, and nobody else; slow hashes hold up nobody who does
# not log in; the process that makes them dies, stops or has too much to do; and no
# secret stands in the log, in a stream, or is told to a filter.
. tests/lib.sh
plan 39

SLOW='$2b$12$abcdefghijklmnopqrstuuT1Iwu6o8Wx7BoOyIMHfgVJq6JO/IJhW'
MIDDLE='$2b$10$abcdefghijklmnopqrstuuqflPDzB6gcMhKa1rZqKiun2YGL5sa2u'
QUICK='$2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW'

# A filter that writes down what it is told, and has a say in who logs in.
cat >"$T/filter" <<'SH'
#!/bin/sh
while IFS= read -r line; do
	printf '%s\n' "$line" >>"$1"
	case $line in
	"config|ready")
		printf 'register|report|smtp-in|*\nregister|filter|smtp-in|auth\nregister|ready\n' ;;
	"filter|"*)
		rest=${line#*|*|*|*|*|}
		session=${rest%%|*} rest=${rest#*|}
		token=${rest%%|*} param=${rest#*|}
		case $param in
		*" refused")	decision="reject|535 5.7.8 not you" ;;
		*" thrown")	decision="disconnect|554 5.7.1 go away" ;;
		*" alias")	decision="rewrite|${param% alias} alice" ;;
		*" all")	decision="rewrite|PLAIN AGFsaWNlAHNlY3JldA==" ;;
		*" nonsense")	decision="rewrite|alice" ;;
		*)		decision=proceed ;;
		esac
		printf 'filter-result|%s|%s|%s\n' "$session" "$token" "$decision" ;;
	esac
done
SH
chmod +x "$T/filter"
FILTERED=$(free_port)
smtpd_conf <<CONF
table users { slow = "$SLOW", middle = "$MIDDLE", alice = "$QUICK", refused = "$QUICK", thrown = "$QUICK" }
table slow { slow = "$SLOW" }
filter "told" proc-exec "exec $T/filter $T/told"
filter "trusted" proc-exec "exec $T/filter $T/trusted" auth-secrets
filter "both" chain { "told", "trusted" }
listen on 127.0.0.1 port $PORT auth-optional <users> auth-clear local
listen on 127.0.0.1 port $FILTERED auth-optional <users> auth-clear local filter "both"
action "local" maildir "$T/Maildir"
match from any for local action "local"
proc old "exec cat >>'$T/founding'"
proc keep "exec cat >>'$T/report'" protocol "0.7"
report smtp-in on old
report smtp-in on keep
CONF
ok "the daemon starts" smtpd_start -v

login() { timeout 60 python3 tests/smtp/login "$@" 2>&1; }
codes() { sed 's/ .*//' "$@" | paste -sd ' ' -; }
# below SECONDS TIME: that is shorter
below() { awk -v a="$1" -v b="$2" 'BEGIN { exit !(b < a) }'; }

# -- who fails is slowed ---------------------------------------------------------

login -a 127.9.9.9 "$PORT" alice one two three >"$T/out"
is "$(codes "$T/out")" "535 535 421" "the third failure in a row ends the session"
is "$(awk '$2 < 0.25 * 2 ^ (NR - 1) || $2 > 0.25 * 2 ^ (NR - 1) * 1.25 + 2 { print }' "$T/out")" "" \
    "each is answered later than the one before"
login -a 127.9.9.9 "$PORT" alice four >"$T/guess" &
guess=$!
sleep 0.3
login -a 127.9.9.9 "$PORT" alice secret >"$T/out"
is "$(codes "$T/out")" 235 "a login that succeeds"
ok "is not slowed, at the same address and meanwhile" below 1 "$(cut -d' ' -f2 "$T/out")"
wait $guess
ok "the address is remembered" below "$(cut -d' ' -f2 "$T/guess")" 1.9
login -a 127.9.9.8 "$PORT" alice five >"$T/out"
ok "and no other is slowed by that" below "$(cut -d' ' -f2 "$T/guess")" "$(cut -d' ' -f2 "$T/out")"
is "$(login -a 127.9.9.7 "$PORT" alice one two secret three four secret | codes)" \
    "535 535 235 503 503 503" "a success ends the row"

# -- slow hashes -------------------------------------------------------------------

# many N ADDRESS USER PASSWORD: so many log in at once; their codes in $T/many
many()
{
	login -n "$1" -a "$2" "$PORT" "$3" "$4" >"$T/many" &
	many_pid=$!
}
many_end() { wait $many_pid; }
count() { grep -c "^$1 " "$T/many"; }
# Logins that auth has and did not answer.
pending()
{
	[ $(($(grep -c '|protocol-client|.*|AUTH PLAIN \*' "$T/report") -
	    $(grep -c '|link-auth|' "$T/report"))) -ge "$1" ]
}
rcpt_time()
{
	python3 - "$PORT" "$USER_NAME@localhost" <<-'PYTHON'
	import smtplib, sys, time
	start = time.monotonic()
	s = smtplib.SMTP("127.0.0.1", int(sys.argv[1]))
	s.ehlo("client.example")
	s.mail("a@b.example")
	code = s.rcpt(sys.argv[2])[0]
	print(code, "%.3f" % (time.monotonic() - start))
	PYTHON
}
many 10 127.8.8.8 slow secret
ok "ten log in, which takes seconds" wait_for "$PATIENCE" pending 5
said=$(rcpt_time)
ok "and there is still something to do" pending 1
is "${said% *}" 250 "meanwhile a recipient is looked up"
ok "at once" below 1.5 "${said#* }"
many_end
is "$(count 235)" 10 "all of them succeed"

# From the command to link-auth, in the stream: the pause comes after that.
took()
{
	awk -F '|' -v user="$1" '$5 == "protocol-client" && $7 ~ /^AUTH PLAIN/ { at[$6] = $3 }
	    $5 == "link-auth" && $8 == user { printf "%.3f\n", $3 - at[$6] }' "$T/report" |
	    sort -n | sed -n 2p
}
for i in 1 2 3; do
	login "$PORT" slow wrong >/dev/null
	login "$PORT" nobody wrong >/dev/null
done
known=$(took slow) unknown=$(took nobody)
# The first user of the table is the measure.
if below "$(awk -v t="$unknown" 'BEGIN { print t * 3 }')" "$known" ||
    below "$(awk -v t="$known" 'BEGIN { print t * 3 }')" "$unknown"; then
	pass "who is not there takes as long as who is"
else
	fail "who is not there takes as long as who is"
	note "known $known, unknown $unknown"
fi

# -- too many, dead, stopped ---------------------------------------------------------

many 60 127.8.8.7 middle secret
ok "sixty log in from one address" wait_for "$PATIENCE" pending 5
is "$(login "$PORT" alice secret | codes)" 235 "another address finds its place"
many_end
is "$(($(count 235) + $(count 454)))" 60 "they are let in or told to come later"
ok "most of them let in" [ "$(count 235)" -ge 30 ]

many 8 127.8.8.6 slow secret
ok "eight log in" wait_for "$PATIENCE" pending 6
kill -9 "$(child auth)"
many_end
is "$(($(count 235) + $(count 454)))" 8 "auth dies: each has an answer"
ok "those who waited are told to come later" [ "$(count 454)" -ge 4 ]
is "$(login "$PORT" alice secret | codes)" 235 "it is started again"
ok "and the log says so" grep -q 'auth died of signal 9' "$T/log"

lets_in() { [ "$(login "$PORT" alice secret | codes)" = 235 ]; }
kill -9 "$(child lookup)"
ok "without lookup nobody is let in who should not be" \
    [ "$(login "$PORT" alice wrong | codes)" != 235 ]
ok "it comes again" wait_for "$PATIENCE" lets_in

kill -STOP "$(child auth)"
many 3 127.8.8.5 alice secret
ok "auth stands still" wait_for "$PATIENCE" pending 3
said=$(rcpt_time)
is "${said% *}" 250 "which nobody else sees"
kill $many_pid
wait $many_pid 2>/dev/null
kill -CONT "$(child auth)"
ok "those who left meanwhile are forgotten" wait_for "$PATIENCE" lets_in

# -- filters -------------------------------------------------------------------------

is "$(login "$FILTERED" alice secret | codes)" 235 "filters let a user in"
is "$(login "$FILTERED" refused secret | codes),$(login -m LOGIN "$FILTERED" refused secret | codes)" \
    535,535 "or not"
is "$(login "$FILTERED" thrown secret secret | codes | cut -c 1-3)" 554 "or end the session"
is "$(login "$FILTERED" alias secret | codes),$(login -m LOGIN "$FILTERED" alias secret | codes)" \
    235,235 "or mean another user"
is "$(login "$FILTERED" all wrong | codes)" 235 "with another password"
is "$(login "$FILTERED" nonsense secret | codes)" 501 "in the form of the question"
is "$(sed -n 's/^filter|.*|auth|[^|]*|[^|]*|//p' "$T/told" | sort -u | paste -sd , -)" \
    "LOGIN alias,LOGIN refused,PLAIN alias,PLAIN alice,PLAIN all,PLAIN nonsense,PLAIN refused,PLAIN thrown" \
    "they are told who"
ok "with auth-secrets what was said" grep -qF "|PLAIN AGFsaWNlAHNlY3JldA==" "$T/trusted"

# -- secrets -------------------------------------------------------------------------

# Each form that AUTH is said in, well and badly: nothing of it is told.
cat >"$T/forms.py" <<'PYTHON'
import base64, socket, sys

secret = sys.argv[2].encode()
code = lambda b: base64.b64encode(b)
plain, name, word = code(b"\0alice\0" + secret), code(b"alice"), code(secret)
forms = [
    [b"AUTH PLAIN " + plain], [b"AUTH PLAIN", plain], [b"AUTH LOGIN", name, word],
    [b"AUTH LOGIN " + name, word], [b"aUtH   pLaIn   " + plain], [b"\tAUTH PLAIN " + plain],
    [b"  AUTH LOGIN " + name + b" " + word, word], [b"AUTH " + plain], [b"AUTH PLAIN" + plain],
    [b"AUTHPLAIN " + plain], [b"AUTH=PLAIN " + plain], [b"AUTH XOAUTH2 " + plain, plain],
    [b"AUTH CRAM-MD5 " + word, word], [b"AUTH PLAIN " + plain[:-1]], [b"AUTH PLAIN", plain + b"="],
    [b"AUTH LOGIN", name, word, word, word], [b"AUTH PLAIN " + plain * 60], [b"AUTH PLAIN", plain * 60],
    [b"AUTH LOGIN", name, word * 200, word], [b"AUTH PLAIN\r", plain + b"\r"],
    [b"AUTH LOGIN", b"*", name, word], [b"AUTH", plain, word], [b"AUTH PLAIN " + secret, secret],
    [b"AUTH PLAIN \0alice\0" + secret], [b"NOOP\rAUTH PLAIN " + plain], [b"NOOP\0AUTH PLAIN " + plain],
    [b"AUTH LOGIN", b"BDAT" + word, word], [b"AUTH LOGIN", b"", word, word],
]
heads = [[], [b"HELO client"], [b"EHLO client"], [b"EHLO client", b"MAIL FROM:<a@b.example>"],
    [b"EHLO client", b"AUTH PLAIN " + code(b"\0alice\0secret")]]
n = 0
for head in heads:
    for form in forms:
        for end in b"\r\n", b"\n":
            n += 1
            s = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 30,
                ("127.%d.%d.7" % (50 + n // 200, n % 200 + 1), 0))
            s.sendall(b"".join(line + b"\r\n" for line in head) +
                b"".join(line + end for line in form) + b"QUIT\r\n")
            s.shutdown(socket.SHUT_WR)
            while s.recv(65536):
                pass
            s.close()
print(n)
PYTHON
SECRET=Geheimnis-7314-nobody-knows
is "$(for p in $PORT $FILTERED; do timeout 200 python3 "$T/forms.py" "$p" "$SECRET" & done; wait)" "280
280" "AUTH is said in many forms"
over() { [ "$(grep -c '|link-connect|' "$T/report")" = "$(grep -c '|link-disconnect|' "$T/report")" ]; }
wait_for "$PATIENCE" over
{
	echo "$SECRET"
	# In base64 by itself, and behind the user name, without what its neighbours change.
	printf '%s' "$SECRET" | base64 | cut -c 1-20
	printf '\0alice\0%s' "$SECRET" | base64 | cut -c 11-30
	echo AGFsaWNlAHNlY3JldA==
} >"$T/secrets"
is "$(grep -c -a -F -f "$T/secrets" "$T/log" "$T/founding" "$T/report" "$T/told")" "$T/log:0
$T/founding:0
$T/report:0
$T/told:0" "and nothing of it is told"
ok "it stops in order" smtpd_stop
