#!/bin/sh
# SPDX-License-Identifier: ISC
# The filters of examples/filters as filters of the daemon.
. tests/lib.sh
. tests/examples.sh

plan 34
# The same in three languages: refuses joe, and adds a header.
language()
{
	case $1 in
	sh)	echo "sh '$T/same.sh'" ;;
	awk)	echo "'$B/filter-awk' '$T/same.awk'" ;;
	python)	echo "PYTHONPATH='$B' python3 '$T/same.py'" ;;
	esac
}
cat >same.sh <<END
. "$B/filter.sh"
on_mail_from() { case \$address in joe@*) reject "550 5.7.1 not Joe" ;; esac; }
on_data_line() { [ -n "\$line" ] || { put "X-Same: yes"; proceed; }; }
run
END
cat >same.awk <<'END'
function on_mail_from() { if (address ~ /^joe@/) reject("550 5.7.1 not Joe") }
function on_data_line() { if (line == "") { put("X-Same: yes"); proceed() } }
END
cat >same.py <<'END'
import opensmtpd
smtp_in = opensmtpd.SMTP_IN()
smtp_in.on_filter("mail-from", lambda timestamp, session_id, args:
                  opensmtpd.reject("550 5.7.1 not Joe") if args.address.startswith("joe@") else None)
smtp_in.on_filter("data-line", lambda timestamp, session_id, args:
                  ["X-Same: yes", ""] if args.line == "" else None)
smtp_in.run()
END
: >"$T/banned"
examples_start
smtpd_conf <<CONF
listen on 127.0.0.1 port $PORT
table banned file:$T/banned
filter banned phase connect match src <banned> reject "550 5.7.1 Go away"
listen on 127.0.1.6 port $PORT filter banned
proc "ban" "PATH='$BIN:$PATH' '$F/ban' '$T/banned'"
report smtp-in on "ban"
$(examples_conf)
$(n=10; for dialect in 0.4 0.5 0.6 0.7; do
	for language in sh awk python; do
		echo "filter d$n proc-exec \"$(language $language)\" protocol \"$dialect\" buffer 8M"
		echo "# $n $language speaks $dialect"
		echo "listen on 127.0.1.$n port $PORT filter d$n"
		n=$((n + 1))
	done
done)
filter broken proc-exec "PYTHONPATH='$B' python3 '$T/broken.py'"
listen on 127.0.1.41 port $PORT filter broken
# 40 sh speaks 1
proc "old" "$(language sh)" protocol "1"
filter smtp-in mail-from on "old"
filter smtp-in data-line on "old"
listen on 127.0.1.40 port $PORT filter
CONF
cat >broken.py <<'END'
import opensmtpd
smtp_in = opensmtpd.SMTP_IN()
smtp_in.on_filter("mail-from", lambda timestamp, session_id, args:
                  {"a@b.test": None}[args.address])
smtp_in.on_filter("data-line", lambda timestamp, session_id, args:
                  1 / 0 if args.line == "" else None)
smtp_in.run()
END
ok "the daemon starts" smtpd_start
[ $tests_failed -eq 0 ] || exit 1
examples_tests

# -- dialects --

printf '%s\n' "Subject: x" "" "the end" >body
for n in 10 11 12 13 14 15 16 17 18 19 20 21 40; do
	is "$(codes $n 1 "MAIL FROM:<joe@b.test>" QUIT) $(deliver $n) $(grep '^X-Same' mail)" \
	    "550 221  250 250 354 250 221  X-Same: yes" "$(sed -n "s/^# $n //p" smtpd.conf)"
done

# -- a filter that fails --

rm -f box/*
is "$(codes 41 1 "MAIL FROM:<joe@b.test>" "MAIL FROM:<a@b.test>" QUIT)" "451 250 221 " \
    "what a function raises is a 451"
is "$(codes 41 1 "MAIL FROM:<a@b.test>" "$R" DATA . | cut -c 1-15)" "250 250 354 451" \
    "in the midst of a message, too"
is "$(ls box)" "" "and nothing of it passes"
ok "what was raised is in the log" grep -q 'ZeroDivisionError' log

# -- ban --

client 6 9 "MAIL FROM:<a@b.test>" "$R" QUIT >got
is "$(cut -c 1-3 got | tr '\n' ' ')" "250 250 221 " "nobody is banned"
client 6 9 BAD BAD BAD BAD BAD BAD BAD BAD BAD BAD QUIT >/dev/null 2>&1
ok "who has made ten errors is in the table" wait_for "$PATIENCE" grep -qx 127.0.0.9 "$T/banned"
banned() { client 6 9 QUIT | grep -q ... ; [ "$(python3 - <<PY
import socket
s = socket.create_connection(("127.0.1.6", $PORT), 60, ("127.0.0.9", 0))
print(s.makefile().readline().rstrip())
PY
)" = "550 5.7.1 Go away" ]; }
ok "and is sent away" wait_for "$PATIENCE" banned
ok "the daemon stops in order" smtpd_stop
[ $tests_failed -eq 0 ] || notes "$T/log"
