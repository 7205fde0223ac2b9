#!/bin/sh
# SPDX-License-Identifier: ISC
# What filters are told and asked: by `filter` in the words of 2018, without a
# handshake; by `report`; by what they register, in the sessions that they watch.
. tests/lib.sh
plan 18

SERVER=$(free_port)
OTHER=$(free_port)
mkdir "$T/taken"

# Without a handshake: lets everything pass.
cat >"$T/founding" <<'END'
while IFS= read -r line; do
	printf '%s\n' "$line" >>"$1"
	case $line in
	"filter|1|"*)
		session=$(printf '%s\n' "$line" | cut -d '|' -f 6)
		echo "filter-result|$session|proceed" ;;
	esac
done
END
# With one: registers for the events named.
cat >"$T/current" <<'END'
file=$1; shift
while IFS= read -r line; do
	printf '%s\n' "$line" >>"$file"
	[ "$line" != "config|ready" ] || {
		printf 'register|report|%s\n' "$@"
		echo "register|ready"
	}
done
END

smtpd_conf <<CONF
admd mail.example.org
proc asked "sh $T/founding $T/asked"
proc both "sh $T/founding $T/both"
proc out "sh $T/founding $T/out"
proc reporter "sh $T/current $T/reporter 'smtp-in|tx-begin' 'smtp-in|tx-commit'"
report smtp-in on both
report queue on reporter
report smtp-in on reporter
filter smtp-in ehlo on asked
filter smtp-in mail-from on both
filter smtp-out on out
filter smtp-in ehlo check-table { bad.example } reject "550 go away"
filter reporter proc reporter
filter watcher proc-exec "sh $T/current $T/watcher 'smtp-in|tx-begin' 'smtp-out|tx-commit'" protocol 0.6
listen on 127.0.0.1 port $PORT
listen on 127.0.0.1 port $OTHER filter { reporter, watcher }
action a relay host "smtp://127.0.0.1:$SERVER" filter watcher
action b relay host "smtp://127.0.0.1:$SERVER"
match from any for domain a.example action a
match from any for any action b
CONF

# submit PORT NAME RECIPIENT: a message of somebody who calls himself so.
submit()
{
	python3 - "$@" <<'END'
import smtplib, sys
s = smtplib.SMTP("127.0.0.1", int(sys.argv[1]), local_hostname=sys.argv[2])
reply = s.ehlo()
if reply[0] != 250:
    sys.exit("%d %s" % (reply[0], reply[1].decode()))
s.sendmail("from@example.org", [sys.argv[3]], "Subject: x\r\n\r\nhello\r\n")
s.quit()
END
}
# told NAME PATTERN: how many lines it was told.
told() { grep -c "$2" "$T/$1"; }
# events NAME DIALECT SUBSYSTEM: which it was told, each once.
events()
{
	sed -n "s/^report|$2|[^|]*|$3|\([^|]*\)|.*/\1/p" "$T/$1" | sort -u | xargs
}
delivered() { [ "$(told reporter '|queue|envelope-delivered|')" = "$1" ]; }

python3 "$TOP/tests/smtp/server" "$SERVER" "$T/taken" >>"$T/server.log" 2>&1 &
ok "the server starts" wait_for "$PATIENCE" port_open "$SERVER"
ok "the daemon starts" smtpd_start
is "$(submit "$PORT" bad.example x@b.example 2>&1)" "550 go away" \
    "a rule in the words of 2018 holds for a listener that names no filter"
ok "mail is taken there" submit "$PORT" good.example x@b.example
ok "and where filters are named" submit "$OTHER" bad.example y@a.example
ok "both are sent on" wait_for "$PATIENCE" delivered 2
ok "the daemon stops" smtpd_stop

is "$(cut -d '|' -f 1,2,4,5,7- "$T/asked")" "\
filter|1|smtp-in|ehlo|localhost|bad.example
filter|1|smtp-in|ehlo|localhost|good.example" \
    "without a handshake: asked in its phase, where it is attached, and told nothing"
is "$(grep '^filter' "$T/both" | cut -d '|' -f 1,2,4,5,7-)" \
    "filter|1|smtp-in|mail-from|<from@example.org> size=21" "the argument as it came"
is "$(events both 1 smtp-in)" "$(events reporter 0.7 smtp-in)" \
    "what report says it is told, as others are"
is "$(grep -c -v '^filter|1|\|^report|1|.*|smtp-in|' "$T/both")" 0 "and nothing else"
# Connections are kept for a while: their end may be seen, or not.
is "$(events out 1 smtp-out | sed 's/ link-disconnect//')" "link-connect link-greeting link-identify \
protocol-client protocol-server tx-begin tx-commit tx-data tx-envelope tx-mail tx-rcpt tx-reset" \
    "filter smtp-out on: all that happens there"
is "$(told out '|smtp-out|link-connect|')" 2 "in the sessions of every action"

is "$(sed 's/^\(config|smtpd-version|\).*/\1/; /^config|ready/q' "$T/watcher")" "\
config|smtpd-version|
config|smtp-session-timeout|300
config|subsystem|smtp-in
config|subsystem|smtp-out
config|admd|mail.example.org
config|ready" "the handshake says what it is attached to"
is "$(sed 's/^\(config|smtpd-version|\).*/\1/; /^config|ready/q' "$T/reporter")" "\
config|smtpd-version|
config|protocol|0.7
config|smtp-session-timeout|300
config|subsystem|smtp-in
config|admd|mail.example.org
config|ready" "no more than that"
is "$(grep '^report' "$T/watcher" | cut -d '|' -f 1,2,4,5)" "\
report|0.6|smtp-in|tx-begin
report|0.6|smtp-out|tx-commit" "a filter is told what it registered for, where it is named"
is "$(told reporter '|smtp-in|tx-begin|')" 2 "what it registers and report says it is told once"
is "$(told reporter '|queue|envelope-')" 2 "report queue holds for a filter, too"
