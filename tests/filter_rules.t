#!/bin/sh
# SPDX-License-Identifier: ISC
# Rules as they were written from 2018 on mean the same; and a failure of the DNS
# refuses nobody for good, unless a rule says so.
. tests/lib.sh
command -v python3 >/dev/null || skip_all "no python3"

# Three clients: one with a confirmed name, one with none, one of whom it cannot be told.
GOOD=127.0.0.1 NONE=127.0.0.2 ERROR=127.0.0.3 FORGED=127.0.0.4
cat >"$T/zone" <<'ZONE'
127.0.0.1 PTR 60 good.example
good.example A 60 127.0.0.1
127.0.0.3 ! silent
127.0.0.4 PTR 60 forged.example
forged.example A 60 192.0.2.1
127.in-addr.arpa SOA 60 60
ZONE
python3 tests/dns/responder "$T/zone" >"$T/port" 2>"$T/responder.log" &
wait_for "$PATIENCE" test -s "$T/port" || { notes "$T/responder.log"; exit 1; }
RESOLVER=127.0.0.1:$(cat "$T/port")
printf '::1 localhost\n' >"$T/hosts"

# name | what is written | what GOOD, NONE, FORGED, ERROR are told, at connect or at MAIL
cat >"$T/table" <<'TABLE'
current | filter current phase connect match !fcrdns disconnect "550 go away punk" | 250 550 550 451
December | filter December builtin connect check-fcrdns disconnect "550 go away punk" | 250 550 550 451
rejected | filter rejected phase connect match !fcrdns reject "550 go away punk" | 250 550 550 451
at-mail | filter at-mail phase mail-from match !fcrdns reject "550 go away punk" | 250 550 550 451
even-so | filter even-error phase connect match fcrdns error disconnect "554 go away too"; filter even-punk phase connect match !fcrdns disconnect "550 go away punk"; filter even-so chain { even-error, even-punk } | 250 550 550 554
told | filter told-error phase connect match fcrdns error report "cannot tell"; filter told-punk phase connect match !fcrdns disconnect "550 go away punk"; filter told chain { told-error, told-punk } | 250 550 550 550
nameless | filter nameless phase connect match !rdns disconnect "550 go away punk" | 250 550 250 451
names | filter names phase connect match rdns { "*.example" } disconnect "550 go away punk" | 550 250 550 250
others | filter others phase connect match !rdns { "good.example" } disconnect "550 go away punk" | 250 550 550 451
forgives | filter forgives-good phase connect match fcrdns bypass; filter forgives-all phase connect match any disconnect "550 go away punk"; filter forgives chain { forgives-good, forgives-all } | 250 550 550 550
junk | filter junk phase connect match !fcrdns junk | 250 250 250 250
address | filter address phase mail-from match src { "127.0.0.2", "127.0.0.4/30" } reject "550 go away punk" | 250 550 550 250
shadow | filter shadow shadow phase connect match any disconnect "550 go away punk" | 250 250 250 250
TABLE
rows=$(wc -l <"$T/table")
plan $((rows + 12))

other_port()
{
	while port=$(free_port) && grep -qx "$port" "$T/ports" 2>/dev/null; do :; done
	echo "$port" >>"$T/ports"
}
echo "$PORT" >"$T/ports"
founding=$(free_port)
echo "$founding" >>"$T/ports"
conf()
{
	cat <<-CONF
	dns timeout 1s
	listen on 127.0.0.1 port $PORT hostname here.example
	listen on 127.0.0.1 port $founding hostname here.example filter
	filter smtp-in connect check-fcrdns disconnect "550 go away punk"
	filter smtp-in helo check-table { "punk.example", "*.punk.example" } reject "550 no punks"
	filter smtp-in ehlo !check-regex "\.example$" reject "550 not of here"
	filter smtp-in mail-from check-table { "punk@client.example" } disconnect "550 go away, sender"
	filter smtp-in rcpt-to check-regex "^<?punks@" reject "550 no such punks"
	proc keep "cat >>'$T/stream'" protocol "0.7"
	report smtp-in on keep
	table users { u = $USER_NAME }
	action "local" maildir "$T/Maildir" alias <users>
	match from any for domain "here.example" action "local"
	CONF
	while IFS='|' read -r name directives rest; do
		other_port
		echo "$name $port" >>"$T/listeners"
		echo "$directives" | tr ';' '\n'
		echo "listen on 127.0.0.1 port $port hostname here.example filter \"${name% }\""
	done <"$T/table"
}
conf >"$T/conf"
smtpd_conf <"$T/conf"
ok "the daemon starts" smtpd_start
[ $tests_failed -eq 0 ] || exit 1

# told PORT ADDRESS OPTIONS...: what a client is told, if it is refused or at last.
told()
{
	told_port=$1 told_from=$2; shift 2
	printf 'Subject: x\n\nx\n' | python3 tests/filters/mail -a "$told_from" "$@" "$told_port" u@here.example
}
codes()
{
	for client in $GOOD $NONE $FORGED $ERROR; do
		told "$1" "$client" | cut -c 1-3
	done | paste -sd ' ' -
}
while IFS='|' read -r name directives expected; do
	is "$(codes "$(sed -n "s/^$name *//p" "$T/listeners")")" "${expected# }" "rule: $name"
done <"$T/table"

is "$(codes "$founding")" "250 550 550 451" "the founding rule"
is "$(told "$founding" $NONE)" "550 go away punk" "in its words"
is "$(told "$founding" $ERROR)" "451 4.4.3 Temporary DNS failure" "and in those of a failure"
is "$(told "$founding" $GOOD -h elsewhere.test)" "550 not of here" "a name that is not in a regex"
is "$(told "$founding" $GOOD -f punk@client.example)" "550 go away, sender" "a sender in a table"
is "$(told "$founding" $GOOD -f other@client.example | cut -c 1-9)" "250 2.0.0" "another is not"
is "$(printf 'x\n' | python3 tests/filters/mail "$founding" punks@here.example)" "550 no such punks" "a recipient in a regex"
is "$(told "$PORT" $NONE -f punk@client.example | cut -c 1-9)" "250 2.0.0" \
    "it does not hold where filters are not asked for"
is "$(grep -c '|filter-response|.*|connected|shadow-disconnect|shadow 550 go away punk' "$T/stream")" 4 \
    "what a shadow would have done is told"
is "$(grep -c '|filter-report|.*|builtin|told-error|cannot tell' "$T/stream")" 1 "what a rule reports is told"
ok "the daemon stops" smtpd_stop
