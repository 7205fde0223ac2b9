#!/bin/sh
# SPDX-License-Identifier: ISC
# What filters, and clients of sessions with filters, might do to the daemon, to
# other filters, or to mail that is to be filtered: each of these went wrong once.
. tests/lib.sh
plan 27

# A filter: $T/NAME.py says what it makes of a question, or else it echoes and
# proceeds; what it is told is in $T/NAME.told.
cat >"$T/filter.py" <<'END'
import os, sys, time
base, name = os.path.dirname(sys.argv[0]), sys.argv[1]
told = open(base + "/" + name + ".told", "a", buffering=1)
class Question: pass
def say(text): sys.stdout.write(text + "\n"); sys.stdout.flush()
def answer(q, text="proceed"): say("filter-result|%s|%s|%s" % (q.sid, q.token, text))
def line(q, text): say("filter-dataline|%s|%s|%s" % (q.sid, q.token, text))
def exists(name): return os.path.exists(base + "/" + name)
def when(name):
    while not exists(name): time.sleep(0.02)
def echo(q): line(q, q.param) if q.phase == "data-line" else answer(q)
asked = echo
if exists(name + ".py"): exec(open(base + "/" + name + ".py").read())
for text in sys.stdin.buffer:
    text = text.decode("latin-1").rstrip("\n")
    told.write(text + "\n")
    f = text.split("|", 7)
    if text == "config|ready":
        for word in sys.argv[2:]: say("register|" + word)
        say("register|ready")
    elif f[0] == "filter":
        q = Question()
        q.phase, q.sid, q.token, q.param = f[4:8]
        asked(q)
END
# Commands, a line each, and the codes of the replies: `>` is only written, `<`
# only read, `!` waits for a file.
cat >"$T/chat.py" <<'END'
import os, socket, sys, time
base = os.path.dirname(sys.argv[0])
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
s.settimeout(20)
f = s.makefile("rb")
def reply():
    text = b"   -"
    try:
        while text[3:4] == b"-": text = f.readline()
    except OSError: text = b"timeout"
    print(text[:3].decode() or "closed", flush=True)
    if text in (b"", b"timeout"): os._exit(0)
reply()
for text in sys.stdin:
    text = text.rstrip("\n")
    if text[:1] == "!":
        while not os.path.exists(base + "/" + text[1:]): time.sleep(0.02)
    elif text[:1] == "<": reply()
    elif text[:1] == ">": s.sendall(text[1:].encode() + b"\r\n")
    else: s.sendall(text.encode() + b"\r\n"); reply()
END
chat() { timeout 60 python3 "$T/chat.py" "$1" | xargs; }
mail()	# PORT [RECIPIENT [LINE]]
{
	printf '%s\n' "EHLO x" "MAIL FROM:<a@b.example>" "RCPT TO:<${2:-r@x.example}>" DATA \
	    ">Subject: s" ">" ">${3:-hello}" . | chat "$1"
}
told() { grep -c "$2" "$T/$1.told"; }
told_so() { [ "$(told "$1" "$2")" -ge "$3" ]; }
logged() { grep -q "$1" "$T/log"; }
filter()	# NAME OPTIONS REGISTERS...
{
	echo "filter $1 proc-exec \"exec python3 $T/filter.py $1$(shift 2; printf " '%s'" "$@")\" $2"
}

cat >"$T/dies.py" <<'END'
def asked(q): sys.exit(1) if q.phase == "mail-from" else answer(q)
END
cat >"$T/endless.py" <<'END'
def asked(q):
    while q.param == ".": line(q, "x" * 900)
END
# It writes on when it is told no more.
cat >"$T/more.py" <<'END'
def asked(q):
    if q.param == ".": sys.stdout.write(("filter-dataline|%s|%s|%s\n" % (q.sid, q.token, "x" * 900)) * 90000); line(q, ".")
END
cat >"$T/deaf.py" <<'END'
say("register|filter|smtp-in|data-line"); say("register|ready"); when("never")
END
cat >"$T/talks.py" <<'END'
def asked(q):
    answer(q)
    while True: sys.stdout.write("report|0|smtp-in|%s|%s\n" % (q.sid, "x" * 900))
END
cat >"$T/trickle.py" <<'END'
say("register|filter|smtp-in|data-line"); say("register|ready")
while True: os.read(0, 65536); time.sleep(1)
END
cat >"$T/first.py" <<'END'
def asked(q): sys.exit(1) if q.phase == "noop" else answer(q)
END
cat >"$T/second.py" <<'END'
def asked(q): when("second.go"); answer(q)
END
cat >"$T/slow.py" <<'END'
def asked(q): open(base + "/slow.asked", "w"); when("slow.go"); answer(q)
END
cat >"$T/strict.py" <<'END'
def asked(q): answer(q, "reject|550 no")
END
cat >"$T/leaves.py" <<'END'
def asked(q): sys.exit(1) if q.param == "leave" else line(q, q.param)
END
cat >"$T/lags.py" <<'END'
def asked(q): when("lags.go"); answer(q)
END
echo moved.example >"$T/table"

for name in shadowed endless chained talked trickled paired echoed left lagged; do
	eval "$name=\$(free_port)"
done
LINES='filter|smtp-in|data-line'
smtpd_conf <<CONF
smtp max-message-size 1M
smtp limit max-mails 100000
table moved file:$T/table
$(filter dies "" "filter|smtp-in|mail-from" | sed 's/^filter dies/& shadow/')
$(filter echoes "" "$LINES")
$(filter endless "timeout 60s" "$LINES")
$(filter more "timeout 60s" "$LINES")
$(filter deaf "buffer 64K timeout 60s" "$LINES")
$(filter talks "buffer 64K timeout 60s" "filter|smtp-in|noop" "report|smtp-in|*")
$(filter trickle "buffer 64K timeout 1s" "$LINES")
$(filter first "" "filter|smtp-in|noop" "report|smtp-in|protocol-client")
$(filter second "" "filter|smtp-in|mail-from")
$(filter slow "" "filter|smtp-in|rcpt-to")
$(filter strict "" "filter|smtp-in|rcpt-to")
$(filter leaves "" "$LINES")
$(filter lags "timeout 60s" "filter|smtp-in|noop" | sed 's/^filter lags/& shadow/')
listen on 127.0.0.1 port $PORT
listen on 127.0.0.1 port $shadowed filter dies
listen on 127.0.0.1 port $endless filter endless
listen on 127.0.0.1 port $chained filter { more, deaf }
listen on 127.0.0.1 port $talked filter talks
listen on 127.0.0.1 port $trickled filter trickle
listen on 127.0.0.1 port $paired filter { first, second }
listen on 127.0.0.1 port $echoed filter echoes
listen on 127.0.0.1 port $left filter leaves
listen on 127.0.0.1 port $lagged filter lags
action a relay host "smtp://127.0.0.1:1"
match from any for rcpt-to "strict@y.example" filter strict action a
match from any for rcpt-to regex "^postmaster@" filter strict action a
match from any for domain <moved> filter slow action a
match from any for domain moved.example filter strict action a
match from any for any action a
CONF
ok "the daemon starts" smtpd_start || exit 1

# Mail that would have passed by its filter: what the rules see is not what is typed.
is "$(mail "$PORT" strict@y.example)" "220 250 250 550 503 500" "a rule's filter is asked"
is "$(mail "$PORT" '"strict"@y.example' | cut -d ' ' -f 4)" 550 "also about what needs no quotes"
is "$(mail "$PORT" postmaster | cut -d ' ' -f 4)" 550 "and about postmaster alone"
printf '%s\n' "EHLO x" "MAIL FROM:<a@b.example>" ">RCPT TO:<r@moved.example>" "!slow.go" "<" \
    "RCPT TO:<r@x.example>" DATA . | timeout 60 python3 "$T/chat.py" "$PORT" >"$T/moved" &
chat_pid=$!
wait_for "$PATIENCE" [ -e "$T/slow.asked" ]
echo other.example >"$T/table"
"$SMTPCTL" update table moved >/dev/null
: >"$T/slow.go"
wait "$chat_pid"
is "$(xargs <"$T/moved")" "220 250 250 451 250 354 451" \
    "a recipient who becomes another rule's while a filter is asked is not taken past that one's"

# A shadow changes nothing, not even by its death.
is "$(mail "$shadowed")" "220 250 250 250 354 250" "a shadow dies, and the session goes on"
ok "it died" logged "filter dies: it closed its output"

# Nor does one that lags behind by thousands of sessions.
cat >"$T/many.py" <<'END'
import socket, sys
for i in range(5000):
    s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
    s.sendall(b"NOOP\r\nQUIT\r\n")
    while s.recv(4096): pass
    s.close()
END
ok "5000 sessions pass by a shadow that lags" timeout 120 python3 "$T/many.py" "$lagged"
: >"$T/lags.go"
ok "it answers them all" wait_for "$PATIENCE" told_so lags '|noop|' 5000
sleep 1
ok "which is no fault" sh -c "! grep 'filter lags: there is no such session' '$T/log'"

# Floods.
is "$(mail "$endless" | cut -d ' ' -f 6)" 452 "a message that a filter never ends is refused"
ok "and the filter ended" wait_for "$PATIENCE" logged "filter endless: too much of what it says is said to nobody"
is "$(mail "$chained" | cut -d ' ' -f 6)" 452 "so is one that it makes too long for the next"
printf 'EHLO x\nNOOP\n<\n' | chat "$talked" >/dev/null
ok "who reports without end, and does not read that, is ended" \
    wait_for "$PATIENCE" logged "filter talks: it does not read what it is told"
python3 - "$trickled" >"$T/trickled" <<'END'
import socket, sys
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
s.settimeout(40)
for text in (b"EHLO x", b"MAIL FROM:<a@b.example>", b"RCPT TO:<r@x.example>", b"DATA"):
    s.recv(4096); s.sendall(text + b"\r\n")
s.recv(4096)
try:
    for i in range(100): s.sendall(b"x\r\n" * 3000)
except OSError: pass
try: print(s.recv(4096)[:3].decode())
except OSError as e: print(e)
END
ok "who reads too slowly is ended too" logged "filter trickle: it has not caught up within 10 s"

# One's end is nobody else's fault.
for i in 1 2 3 4 5 6 7 8 9 10 11 12; do
	printf 'EHLO x\n>MAIL FROM:<a@b.example>\n!first.gone\n<\n' | chat "$paired" >>"$T/waited" &
done
ok "twelve sessions wait" wait_for "$PATIENCE" told_so first '|MAIL FROM:' 12
printf 'EHLO x\nNOOP\n' | chat "$paired" >/dev/null
ok "the other filter of theirs dies" wait_for "$PATIENCE" logged "filter first: it closed its output"
: >"$T/first.gone"; : >"$T/second.go"
ok "all are answered" wait_for "$PATIENCE" told_so second '|mail-from|' 12
sleep 1
is "$(grep -c 'filter second: [^r]' "$T/log")" 0 "the filter that was not waited for is not blamed"
is "$(sort -u "$T/waited")" "220 250 451" "they were refused for now"

# Two messages are never one.
is "$(printf '%s\n' "EHLO x" "MAIL FROM:<a@b.example>" "RCPT TO:<r@x.example>" ">BDAT 5" one RSET \
    "MAIL FROM:<a@b.example>" "RCPT TO:<r@x.example>" DATA ">two" . | chat "$echoed")" \
    "220 250 250 250 250 250 250 250 354 250" "RSET between two chunks"
is "$(grep -c '|data-line|.*|\.$' "$T/echoes.told")" 2 "the filter is told the end of each"

# A new life begins with the handshake.
printf '%s\n' "EHLO x" "MAIL FROM:<a@b.example>" "RCPT TO:<r@x.example>" DATA ">leave" "<" |
    chat "$left" >"$T/left.codes"
is "$(cat "$T/left.codes")" "220 250 250 250 354 421" "a filter dies within a message"
ok "it starts again" wait_for "$PATIENCE" told_so leaves '^config|ready$' 2
is "$(grep -A 1 '|leave$' "$T/leaves.told" | sed 's/pipepost.*//')" \
    "$(grep '|leave$' "$T/leaves.told")
config|smtpd-version|" "and hears nothing of that message"

ok "the daemon stops" smtpd_stop
ok "nothing went wrong in it" sh -c "! grep 'Sanitizer\|runtime error\|exited with status [^0]\|ended by signal' '$T/log' | grep -v 'proc '"
