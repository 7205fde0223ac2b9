#!/bin/sh
# SPDX-License-Identifier: ISC
# Filters that others wrote for OpenSMTPD, unchanged: Debian's filter-dkimsign and
# filter-rspamd (which asks a stand-in, tests/filters/rspamd), and one in C on
# libopensmtpd.  They are those of tests/peers, or installed.
. tests/lib.sh
command -v python3 >/dev/null || skip_all "no python3"
plan 33

PEERS=$TOP/build/peers/usr
LIBS=$(ls -d "$PEERS"/lib/*-linux-gnu 2>/dev/null | sed q)
# Their own library is for them alone.
ENV=${LIBS:+/usr/bin/env LD_LIBRARY_PATH=$LIBS}
# find_filter NAME: where it is.
find_filter()
{
	for dir in "$PEERS/libexec/opensmtpd" /usr/libexec/opensmtpd /usr/local/libexec/opensmtpd \
	    /usr/libexec/smtpd /usr/local/libexec/smtpd; do
		[ ! -x "$dir/$1" ] || { echo "$dir/$1"; return; }
	done
}
DKIMSIGN=$(find_filter filter-dkimsign)
RSPAMD=$(find_filter filter-rspamd)
DECENT=
# shellcheck disable=SC2086
${CC:-cc} -o "$T/decent" ${LIBS:+-I"$PEERS/include" -L"$LIBS"} tests/filters/decent.c -lopensmtpd \
    2>"$T/cc.log" && DECENT=$T/decent
VERIFIER="$PEERS/lib/python3/dist-packages"
PYTHONPATH=$VERIFIER python3 -c 'import dkim' 2>/dev/null || VERIFIER=

other_port()
{
	while port=$(free_port) && grep -qx "$port" "$T/ports" 2>/dev/null; do :; done
	echo "$port" >>"$T/ports"
}

: >"$T/questions"
python3 tests/filters/rspamd "$T/questions" >"$T/rspamd.port" 2>"$T/rspamd.log" &
wait_for "$PATIENCE" test -s "$T/rspamd.port" || { notes "$T/rspamd.log"; exit 1; }
openssl genrsa -out "$T/key" 2048 2>/dev/null

echo "$PORT" >"$T/ports"
{
	cat <<-CONF
	listen on 127.0.0.1 port $PORT hostname here.example
	proc keep "cat >>'$T/stream'" protocol "0.7"
	report smtp-in on keep
	table users { u = $USER_NAME }
	action "local" maildir "$T/Maildir" alias <users>
	match from any for domain "here.example" action "local"
	CONF
	# name command
	while read -r name command; do
		[ -n "$command" ] || continue
		other_port
		echo "$name $port" >>"$T/listeners"
		echo "filter $name proc-exec \"$command\""
		echo "listen on 127.0.0.1 port $port hostname here.example filter $name"
	done <<-FILTERS
	dkimsign ${DKIMSIGN:+$ENV $DKIMSIGN -d client.example -s here -k '$T/key'}
	relaxed ${DKIMSIGN:+$ENV $DKIMSIGN -c relaxed/relaxed -t -d client.example -s here -k '$T/key'}
	rspamd ${RSPAMD:+$RSPAMD -url http://127.0.0.1:$(cat "$T/rspamd.port")}
	decent ${DECENT:+$ENV $DECENT}
	FILTERS
	chain=$(cut -d ' ' -f 1 "$T/listeners" | grep -v -e relaxed | paste -sd , -)
	other_port
	echo "all $port" >>"$T/listeners"
	[ -z "$chain" ] || echo "listen on 127.0.0.1 port $port hostname here.example filter { $chain }"
} >"$T/conf"
smtpd_conf <"$T/conf"
ok "the daemon starts" smtpd_start
[ $tests_failed -eq 0 ] || exit 1

# mail FILTER [SENDER [HELO]] < MESSAGE: sends it to the listener of that filter;
# prints the last reply, or the first one that refuses.
mail()
{
	python3 tests/filters/mail -f "${2:-sender@client.example}" -h "${3:-client.example}" \
	    "$(sed -n "s/^$1 //p" "$T/listeners")" u@here.example
}
accepted() { [ "${1#250 2.0.0 }" != "$1" ] && [ "${1% Message accepted for delivery}" != "$1" ]; }
# The message of a reply, as it was delivered.
delivered()
{
	accepted "$1" || return
	id=${1#250 2.0.0 } id=${id%% *}
	there() { file=$(grep -ls "id $id" "$T"/Maildir/new/* | sed q) && [ -n "$file" ]; }
	wait_for "$PATIENCE" there && cat "$file"
}
# What a header of a delivered message says, unfolded.
header() { sed '/^$/q' | sed -n "/^$1:/I { :a; N; s/\n[	 ]/ /; ta; s/\n.*//; s/^[^:]*: *//; p; q; }"; }
skip_all_of() # WHY DESCRIPTION...
{
	why=$1; shift
	for what in "$@"; do
		skip "$what" "$why"
	done
}

message()
{
	printf '%s\n' "From: A <sender@client.example>" "To: u@here.example" \
	    "Date: Tue, 24 Nov 2026 12:00:00 +0000" "Message-ID: <1@client.example>" "Subject:  hello   there" \
	    "${@:-X-None: none}" "" "first" "..two dots" ".one" "a | b|c" "blanks   at the end  " "	tab" "" ""
}

# -- filter-dkimsign: the signature holds --
verifies()	# < MESSAGE
{
	openssl rsa -in "$T/key" -pubout -outform DER 2>/dev/null | base64 | tr -d '\n' >"$T/public"
	PYTHONPATH=$VERIFIER python3 -c '
import dkim, sys
message = sys.stdin.buffer.read().replace(b"\n", b"\r\n")
txt = b"v=DKIM1; k=rsa; p=" + open(sys.argv[1], "rb").read()
asked = []
print(dkim.verify(message, dnsfunc=lambda name, timeout=5: asked.append(name) or txt), asked[0].decode())' "$T/public"
}
# Without what delivery puts in front of it.
bare() { sed '/^Return-Path:/d; /^Delivered-To:/d'; }
if [ -n "$DKIMSIGN" ]; then
	for name in dkimsign relaxed; do
		reply=$(message | mail $name)
		ok "$name: the message is accepted" accepted "$reply"
		delivered "$reply" | bare >"$T/signed"
		ok "$name: it is signed" grep -q '^DKIM-Signature:' "$T/signed"
		if [ -n "$VERIFIER" ] || python3 -c 'import dkim' 2>/dev/null; then
			is "$(verifies <"$T/signed")" "True here._domainkey.client.example." "$name: the signature holds"
			sed 's/^first$/First/' "$T/signed" >"$T/forged"
			is "$(verifies <"$T/forged")" "False here._domainkey.client.example." "$name: of no other message"
		else
			skip_all_of "no python3-dkim" "$name: the signature holds" "$name: of no other message"
		fi
		sed '1,/^$/d' "$T/signed" >"$T/body"
		message | sed '1,/^$/d' >"$T/expected"
		same "$T/body" "$T/expected" "$name: the body is as it was sent"
	done
else
	for what in 1 2 3 4 5 6 7 8 9 10; do
		skip "filter-dkimsign, $what" "no filter-dkimsign of Debian"
	done
fi

# -- filter-rspamd: every verdict --
# asked FIELD...: of the last question to rspamd.
asked() { tail -n 1 "$T/questions" | python3 -c '
import json, sys
q = json.load(sys.stdin)
print(*[q["headers"].get(name) for name in sys.argv[1:]])' "$@"; }
if [ -n "$RSPAMD" ]; then
	reply=$(message | mail rspamd)
	ok "rspamd: no action: accepted" accepted "$reply"
	is "$(asked from rcpt ip helo hostname)" \
	    "sender@client.example u@here.example 127.0.0.1 client.example localhost" "rspamd knows who sends what to whom"
	delivered "$reply" >"$T/got"
	is "$(header X-Rspamd-Says <"$T/got")" so "and has a header added"
	tail -n 1 "$T/questions" | python3 -c '
import json, sys
sys.stdout.write(json.load(sys.stdin)["message"])' | tr -d '\r' | sed '1,/^Message-ID:/d' >"$T/seen"
	echo >>"$T/seen"	# it joins the lines
	message | sed '1,/^Message-ID:/d' >"$T/expected"
	same "$T/seen" "$T/expected" "it was asked about the message as it was sent"
	reply=$(message "Verdict: add header" | mail rspamd)
	ok "rspamd: add header: accepted" accepted "$reply"
	is "$(delivered "$reply" | header X-Spam)" yes "and marked"
	reply=$(message "Verdict: rewrite subject" | mail rspamd)
	ok "rspamd: rewrite subject: accepted" accepted "$reply"
	is "$(delivered "$reply" | header Subject)" "[SPAM] hello" "with another subject"
	is "$(message "Verdict: reject" | mail rspamd | cut -c 1-3)" 550 "rspamd: reject"
	ok "rspamd: greylist is not for this filter" accepted "$(message "Verdict: greylist" | mail rspamd)"
	is "$(message "Verdict: soft reject" | mail rspamd | cut -c 1-3)" 451 "rspamd: soft reject"
else
	for what in 1 2 3 4 5 6 7 8 9 10 11; do
		skip "filter-rspamd, $what" "no filter-rspamd of Debian"
	done
fi

# -- a filter in C on libopensmtpd --
if [ -n "$DECENT" ]; then
	reply=$(message | mail decent)
	ok "libopensmtpd: the message is accepted" accepted "$reply"
	is "$(delivered "$reply" | header X-Decent)" "sender@client.example for u@here.example" \
	    "it knows the session"
	is "$(message | mail decent bad@client.example)" "550 5.7.1 not from bad@client.example" "it refuses a sender"
	is "$(message | mail decent a@client.example nobody.example)" "421 4.7.1 go away, nobody.example" "it disconnects"
else
	skip_all_of "no libopensmtpd: $(sed q "$T/cc.log")" accepted "knows the session" "refuses a sender" disconnects
fi

# -- one after the other --
if [ -n "$DKIMSIGN" ] && [ -n "$RSPAMD" ] && [ -n "$DECENT" ]; then
	reply=$(message "Verdict: add header" | mail all)
	ok "all of them: the message is accepted" accepted "$reply"
	delivered "$reply" | bare >"$T/got"
	is "$(header X-Spam <"$T/got") $(grep -c -e ^DKIM-Signature: -e ^X-Decent: "$T/got")" "yes 2" "each had its turn"
else
	skip_all_of "not all filters are there" "all: accepted" "all: each had its turn"
fi
for name in dkimsign rspamd decent; do
	is "$(grep -c "filter $name.*\(strike\|ended\|restart\)" "$T/log")" 0 "$name did nothing wrong"
done
is "$(grep -c '|filter-report|' "$T/stream")" 0 "nor reported anything"
ok "the daemon stops" smtpd_stop
