#!/bin/sh
# SPDX-License-Identifier: ISC
# Filters together: chains and their order, shadows, filters of rules, of the
# socket and of 2018, many sessions whose answers come in any order, messages of
# any size and any bytes through one and through three, restarts.
. tests/lib.sh
command -v python3 >/dev/null || skip_all "no python3"
plan 56

other_port()
{
	while port=$(free_port) && grep -qx "$port" "$T/ports" 2>/dev/null; do :; done
	echo "$port" >>"$T/ports"
}
# listener NAME OPTIONS...: the line of smtpd.conf; port NAME: its port.
listener()
{
	other_port
	echo "$1 $port" >>"$T/listeners"
	shift
	echo "listen on 127.0.0.1 port $port hostname here.example $*"
}
port() { sed -n "s/^$1 //p" "$T/listeners"; }
# scripted NAME [shadow] [OPTIONS] <SCRIPT: the line of a filter that does so; what it reads is $T/NAME.log.
scripted()
{
	{
		echo "log $T/$1.log"
		cat
	} >"$T/$1.script"
	: >"$T/$1.log"
	scripted_name=$1; shift
	scripted_kind=
	[ "$1" != shadow ] || { scripted_kind=shadow; shift; }
	echo "filter $scripted_name $scripted_kind proc-exec \"'$TOP/tests/filters/scripted' '$T/$scripted_name.script'\" buffer 8M $*"
}

conf()
{
	cat <<-CONF
	listen on 127.0.0.1 port $PORT hostname here.example
	smtp max-message-size 30M
	proc keep "cat >>'$T/stream'" protocol "0.7"
	report smtp-in on keep
	table users { u = $USER_NAME, v = $USER_NAME, w = $USER_NAME, local = $USER_NAME }
	action "local" maildir "$T/Maildir" alias <users>
	CONF
	# -- a chain of three with rules between --
	for name in a b c; do
		scripted $name <<-SCRIPT
		register all
		on mail-from ~^$name-rejects@
		    reject 550 5.7.1 $name has spoken
		on mail-from ~^$name-rewrites@
		    rewrite <by-$name@client.example>
		on mail-from ~^$name-junks@
		    junk
		on mail-from ~^$name-reports@
		    report $name saw {param}
		on data-line ~^\.$
		    line $name was here
		    echo
		SCRIPT
	done
	cat <<-CONF
	filter "stop" phase mail-from match mail-from { "stop@client.example" } reject "550 5.7.1 a rule has spoken"
	filter "tell" phase mail-from match mail-from { "tell@client.example" } report "told"
	filter "pass" phase mail-from match mail-from { "pass@client.example", "c-rejects@pass.example" } bypass
	filter "three" chain { a, stop, b, tell, pass, c }
	CONF
	listener chain filter three
	listener inline "filter { c, a }"
	# -- shadows --
	scripted shade shadow <<-SCRIPT
	register all
	on rcpt-to
	    reject 550 5.7.1 not them
	on data-line ~^Subject:
	    line Subject: another
	on commit
	    disconnect 550 5.7.1 go away
	SCRIPT
	scripted dying shadow <<-SCRIPT
	register all
	on rcpt-to
	    exit 1
	SCRIPT
	echo "filter watched chain { shade, a, dying }"
	listener shadow filter watched
	# -- of rules --
	for name in forv forw; do
		scripted $name <<-SCRIPT
		register all
		on rcpt-to ~refused
		    reject 550 5.7.1 $name does not want {param}
		on data-line ~^\.$
		    line $name was here
		    echo
		SCRIPT
	done
	cat <<-CONF
	match from any for rcpt-to { "v@here.example", "refused@v.here.example" } filter forv action "local"
	match from any for rcpt-to "w@here.example" filter forw action "local"
	match from any for domain "here.example" action "local"
	CONF
	listener rule
	# -- many at once: each its own answer, at any time --
	scripted many <<-SCRIPT
	register all
	on rcpt-to
	    within 300
	    reject 550 5.7.1 {param} is not for you
	on any
	    within 60
	    proceed
	SCRIPT
	scripted slow <<-SCRIPT
	register all
	on data-line ~^\.$
	    within 200
	    line {session}
	    echo
	on data-line
	    echo
	on any
	    within 60
	    proceed
	SCRIPT
	scripted shuffled <<-SCRIPT
	register mail-from
	on mail-from
	    shuffle 20
	    rewrite <{session}@client.example>
	SCRIPT
	listener many filter many
	listener slow filter slow
	listener shuffled filter shuffled
	# -- echoes --
	for name in echo1 echo2 echo3; do
		scripted $name <<-SCRIPT
		register data-line
		SCRIPT
		sed -i '/^log/d' "$T/$name.script"
	done
	listener echo filter echo1
	listener echoes "filter { echo1, echo2, echo3 }"
	# -- the form of 2018 --
	cat >"$T/founding.sh" <<-'SH'
	while IFS='|' read -r kind version time subsystem phase session rest; do
		case $kind:$phase:$rest in
		filter:rcpt-to:*founding-no*)	echo "filter-result|$session|reject|550 5.7.1 no such luck" ;;
		filter:*)			echo "filter-result|$session|proceed" ;;
		esac
	done
	SH
	cat <<-CONF
	proc founding "exec sh '$T/founding.sh'"
	filter smtp-in rcpt-to on founding
	filter smtp-in mail-from check-regex "^<?punk@" disconnect "550 go away punk"
	CONF
	listener founding filter
	# -- one that is killed --
	scripted mortal <<-SCRIPT
	register all
	on data-line ~^Subject:
	    echo
	    line X-Filtered: yes
	on start
	    stderr mortal begins
	SCRIPT
	listener mortal filter mortal
	# -- the socket --
	scripted local <<-SCRIPT
	register all
	on data-line ~^Subject:
	    echo
	    line X-Local: yes
	SCRIPT
	echo "listen on socket filter local"
}
: >"$T/ports"
echo "$PORT" >"$T/ports"
conf >"$T/conf"
smtpd_conf <"$T/conf"
sed -i '/^listen on socket$/d' "$T/smtpd.conf"
ok "the daemon starts" smtpd_start
[ $tests_failed -eq 0 ] || exit 1
named() { [ -n "$(child smtp)" ]; }
wait_for "$PATIENCE" named
before=$(child smtp)

# mail LISTENER OPTIONS... <MESSAGE
mail() { mail_port=$(port "$1"); shift; python3 tests/filters/mail "$@"; }
hello() { printf 'Subject: hello\n\ntext\n'; }
# send LISTENER SENDER RECIPIENT...: a small message; its last reply.
send()
{
	send_port=$(port "$1") send_from=$2; shift 2
	hello | python3 tests/filters/mail -f "$send_from" "$send_port" "$@"
}
accepted() { [ "${1#250 2.0.0 }" != "$1" ] && [ "${1% Message accepted for delivery}" != "$1" ]; }
delivered()	# REPLY
{
	accepted "$1" || return
	id=${1#250 2.0.0 } id=${id%% *}
	there() { file=$(grep -ls "id $id" "$T"/Maildir/new/* | sed q) && [ -n "$file" ]; }
	wait_for "$PATIENCE" there && cat "$file"
}
body() { sed '1,/^$/d'; }
# seen FILTER PHASE PARAMETER: how often it was asked.
seen() { grep -c "^filter|.*|$2|.*|$3\$" "$T/$1.log"; }
# The stream of the session that says COMMAND, at its end.
session_of()
{
	session_over()
	{
		id=$(grep -F "|protocol-client|" "$T/stream" | grep -F "|$1" | tail -n 1 | cut -d '|' -f 6)
		[ -n "$id" ] && grep -q "|link-disconnect|$id" "$T/stream"
	}
	wait_for "$PATIENCE" session_over "$1" && grep "|$id" "$T/stream"
}
responses() { session_of "$1" | grep -e '|filter-response|' -e '|filter-report|' | cut -d '|' -f 5,7- | grep mail-from; }

# -- chains --
reply=$(send chain sender@client.example u@here.example)
ok "a chain: accepted" accepted "$reply"
is "$(delivered "$reply" | body)" "text
a was here
b was here
c was here" "the lines of a message go through all, in order"
reply=$(send inline sender@client.example u@here.example)
is "$(delivered "$reply" | body)" "text
c was here
a was here" "in the order of the listener"
for name in a b c; do
	is "$(send chain $name-rejects@client.example u@here.example)" "550 5.7.1 $name has spoken" "$name rejects"
done
is "$(seen a mail-from b-rejects@client.example) $(seen b mail-from b-rejects@client.example) $(seen c mail-from b-rejects@client.example)" \
    "1 1 0" "the others are asked no more"
send chain b-rewrites@client.example u@here.example >"$T/reply"
ok "b rewrites: accepted" accepted "$(cat "$T/reply")"
is "$(seen a mail-from b-rewrites@client.example) $(seen c mail-from b-rewrites@client.example) $(seen c mail-from by-b@client.example)" \
    "1 0 0" "and no one else is asked"
is "$(delivered "$(cat "$T/reply")" | sed -n 's/^Return-Path: //p')" "<by-b@client.example>" "the new sender is the sender"
is "$(responses "MAIL FROM:<b-rewrites@")" "filter-response|mail-from|rewrite|<by-b@client.example>" \
    "the stream says so, once"
reply=$(send chain a-junks@client.example u@here.example)
is "$(delivered "$reply" | grep -c '^X-Spam: Yes') $(seen b mail-from a-junks@client.example)" "1 0" "junk ends the phase too"
is "$(delivered "$reply" | body | wc -l | tr -d ' ')" 4 "but no other phase"
reply=$(send chain b-reports@client.example u@here.example)
ok "b reports: accepted" accepted "$reply"
is "$(responses "MAIL FROM:<b-reports@")
$(seen c mail-from b-reports@client.example)" "filter-response|mail-from|report|b saw b-reports@client.example
filter-response|mail-from|proceed
1" "which does not end the phase"
is "$(send chain stop@client.example u@here.example)" "550 5.7.1 a rule has spoken" "a rule in the middle"
is "$(seen a mail-from stop@client.example) $(seen b mail-from stop@client.example)" "1 0" "in its place"
reply=$(send chain tell@client.example u@here.example)
session_of "MAIL FROM:<tell@" >"$T/session"
is "$(grep '|filter-report|' "$T/session" | cut -d '|' -f 7-) $(seen c mail-from tell@client.example)" "builtin|tell|told 1" \
    "a rule that reports does not end the phase"
reply=$(send chain c-rejects@pass.example u@here.example)
ok "a rule that lets pass" accepted "$reply"
is "$(seen b mail-from c-rejects@pass.example) $(seen c mail-from c-rejects@pass.example)" "1 0" "ends it"

# -- shadows --
reply=$(send shadow sender@shadow.example u@here.example)
ok "shadows: accepted" accepted "$reply"
is "$(delivered "$reply" | sed -n '/^Subject/p; /^text/,$p')" "Subject: hello
text
a was here" "nothing of the message is changed, but by who is none"
session_of "MAIL FROM:<sender@shadow.example>" >"$T/session"
is "$(grep '|filter-response|' "$T/session" | cut -d '|' -f 7- | grep shadow-reject)" \
    "rcpt-to|shadow-reject|shade 550 5.7.1 not them" "what it would have decided is in the stream"
is "$(grep '|filter-response|' "$T/session" | cut -d '|' -f 7- | grep shadow-disconnect)" \
    "commit|shadow-disconnect|shade 550 5.7.1 go away" "at the end too"
is "$(seen a mail-from sender@shadow.example)" 1 "who comes after is asked all the same"

# -- filters of rules --
: >"$T/forv.log"
: >"$T/forw.log"
reply=$(send rule sender@client.example u@here.example)
is "$(delivered "$reply" | body)$(grep -c '^filter|' "$T/forv.log")" "text0" "no rule with a filter: none is asked"
reply=$(send rule sender@client.example v@here.example)
is "$(delivered "$reply" | body)" "text
forv was here" "a rule with a filter"
is "$(grep '^filter|' "$T/forv.log" | cut -d '|' -f 5 | uniq | paste -sd ' ' -)" "rcpt-to data data-line commit" "what it is asked"
is "$(grep -c '^filter|' "$T/forw.log")" 0 "another rule's is not"
reply=$(send rule sender@client.example w@here.example u@here.example v@here.example)
is "$(delivered "$reply" | body)" "text
forv was here
forw was here" "several: all, in the order of the file"
is "$(send rule sender@client.example refused@v.here.example)" \
    "550 5.7.1 forv does not want refused@v.here.example" "it may refuse its recipient"

# -- many sessions --
numbers() { awk "BEGIN { for (i = 1; i <= 20; i++) print \"$1\" i \"$2\" }"; }
hello | python3 tests/filters/mail -n 20 "$(port many)" 'r{}@here.example' >"$T/got"
numbers "550 5.7.1 r" "@here.example is not for you" >"$T/expected"
same "$T/got" "$T/expected" "20 sessions, each its own answer, at any time"
printf 'Subject: {}\n\nsession {}\n' |
    python3 tests/filters/mail -n 20 -f 's{}@client.example' "$(port slow)" u@here.example >"$T/replies"
is "$(grep -c 'Message accepted' "$T/replies")" 20 "20 messages whose filter takes its time"
while read -r reply; do
	# Number in the sender, in the body, and the session that the filter was asked about.
	delivered "$reply" >"$T/message"
	n=$(sed -n 's/^session //p' "$T/message")
	session=$(grep "|protocol-client|.*|MAIL FROM:<s$n@" "$T/stream" | tail -n 1 | cut -d '|' -f 6)
	echo "$(sed -n 's/^Return-Path: <s\(.*\)@client.example>/\1/p' "$T/message") $(tail -n 1 "$T/message")" |
	    grep -qx "$n $session" || echo "$reply: $n"
done <"$T/replies" >"$T/mixed"
is "$(cat "$T/mixed")" "" "none got the lines of another"
hello | python3 tests/filters/mail -n 20 -f 's{}@client.example' "$(port shuffled)" u@here.example >"$T/replies"
is "$(grep -c 'Message accepted' "$T/replies")" 20 "20 answers in any order"
is "$(awk -F '|' '$5 == "tx-mail" && $9 == $6 "@client.example"' "$T/stream" | wc -l | tr -d ' ')" 20 \
    "each at its session"

# -- any message, byte for byte --
python3 - "$T" <<'PY'
import random, sys
random.seed(5)
t = sys.argv[1]
head = b"Subject: bytes\n\n"
bytes_ = bytes(b for b in range(1, 256) if b not in (10, 13))
def write(name, body):
    open(t + "/" + name + ".message", "wb").write(head + body)
write("bytes", b"".join(bytes_[i:] + bytes_[:i] + b"\n" for i in range(0, 250, 10)))
write("pipes", b"|\n||\n|a|b|\nfilter-dataline|1|2|.\nfilter-result|1|2|proceed\n" * 50)
write("dots", b".\n..\n...\n.a\n. \n" * 100 + b".\n")
write("blanks", b"\n\n \n\t\n" * 100 + b"  end  \n\n\n")
write("long", b"".join(b"%d " % n + b"x" * n + b"\n" for n in (997, 998, 2047, 2048, 2049, 4096, 32767, 65000)))
write("empty", b"")
write("big", b"".join(bytes(random.choices(bytes_, k=random.randrange(120))) + b"\n" for _ in range(80000)))
PY
# Delivered without a filter, and with; Received lines aside.
unfiltered=$PORT
through()	# PORT OPTIONS... <MESSAGE: what is delivered
{
	through_port=$1; shift
	reply=$(python3 tests/filters/mail "$@" "$through_port" u@here.example)
	delivered "$reply" | LC_ALL=C sed '1,/^Subject/ { /^Subject/!d; }'
}
for name in bytes pipes dots blanks long empty big; do
	through "$unfiltered" <"$T/$name.message" >"$T/expected"
	cmp -s "$T/expected" "$T/$name.message" || note "$name: not even without a filter"
	through "$(port echo)" <"$T/$name.message" >"$T/got"
	through "$(port echoes)" <"$T/$name.message" >"$T/got3"
	cat "$T/expected" "$T/expected" >"$T/both"
	cat "$T/got" "$T/got3" >"$T/got_both"
	same "$T/got_both" "$T/both" "$name: through one and through three filters"
done
through "$(port echoes)" -b 1000 <"$T/dots.message" >"$T/got"
same "$T/got" "$T/dots.message" "in chunks"
through "$(port echoes)" -b 70001 <"$T/big.message" >"$T/got"
same "$T/got" "$T/big.message" "in big chunks"

# -- the form of 2018 --
ok "2018: accepted" accepted "$(send founding sender@client.example u@here.example)"
is "$(send founding sender@client.example founding-no@here.example)" "550 5.7.1 no such luck" "2018: a program of four lines"
is "$(send founding punk@client.example u@here.example)" "550 go away punk" "2018: a check"

# -- the socket --
printf 'Subject: local\n\nlocal\n' | "$SENDMAIL" -f sender@local.example local@here.example
local_there() { grep -qs '^X-Local: yes' "$T"/Maildir/new/*; }
ok "what is submitted here is filtered" wait_for "$PATIENCE" local_there

# -- a filter that is killed --
began() { [ "$(grep -c 'mortal begins' "$T/log")" -ge "$1" ]; }
wait_for "$PATIENCE" began 1
first=$(pgrep -f "$T/mortal.script" | paste -sd ' ' -)
# shellcheck disable=SC2086
kill -9 $first
ok "a filter that was killed is started again" wait_for "$PATIENCE" began 2
works() { accepted "$(send mortal sender@client.example u@here.example)"; }
ok "and works" wait_for "$PATIENCE" works
is "$(send chain sender@client.example u@here.example | cut -c 1-9)" "250 2.0.0" "others never noticed"

is "$(child smtp)" "$before" "the process is the same as before"
ok "all that was accepted is delivered" wait_for "$PATIENCE" queue_empty
ok "the daemon stops" smtpd_stop
