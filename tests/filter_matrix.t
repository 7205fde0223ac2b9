#!/bin/sh
# SPDX-License-Identifier: ISC
# Every phase, every decision, every dialect: what the client sees and what the
# stream says (tests/filters/matrix.table, played by tests/filters/matrix), decided
# by a filter and by rules; and every condition of a rule in every phase in which
# it can be told (tests/filters/conditions.table).
# DIALECTS="0.7 ..." and PHASES="connect ..." are played alone.
. tests/lib.sh
command -v python3 >/dev/null || skip_all "no python3"

MATRIX=tests/filters/matrix.table
CONDITIONS=tests/filters/conditions.table
DIALECTS=${DIALECTS:-0.7 0.6 0.5 0.4 1}
export PHASES
# A rule cannot proceed, nor decide on a line, nor junk at commit, nor rewrite what has no argument.
for_rules()
{
	grep -v -e '^#' -e '^$' -e '^data-line' -e '| proceed |' -e '^commit | junk' $MATRIX |
	    awk '$3 != "rewrite" || $1 ~ /^(helo|ehlo|auth|mail-from|rcpt-to)$/'
}
chosen() { awk -v phases="$PHASES" 'phases == "" || index(" " phases " ", " " $1 " ")'; }
rows=$(grep '^[a-z]' $MATRIX | chosen | grep -c .)
rules=$(for_rules | chosen | grep -c .)
plan $((rows * $(echo "$DIALECTS" | wc -w) + rules + 8))

make_cert
SECRET=$(openssl passwd -6 secret)
phases="connect helo ehlo starttls auth mail-from rcpt-to data commit rset quit noop help"

# other_port: a free one that this test has not taken yet.
taken=$PORT
other_port()
{
	while port=$(free_port); do
		case " $taken " in
		*" $port "*) ;;
		*) break ;;
		esac
	done
	taken="$taken $port"
}

# listens PORT FILTER
listens()
{
	echo "listen on 127.0.0.1 port $1 tls pki mx auth-optional <secrets> auth-clear local" \
	    "hostname here.example filter \"$2\""
}

conf()
{
	cat <<-CONF
	pki mx cert "$T/cert.pem"
	pki mx key "$T/key.pem"
	table secrets { u = "$SECRET", other = "$SECRET" }
	table users { u = $USER_NAME, other = $USER_NAME }
	dns timeout 1s
	smtp limit max-mails 1000
	listen on 127.0.0.1 port $PORT hostname here.example
	proc keep "cat >>'$T/stream'" protocol "0.7"
	report smtp-in on keep
	action "local" maildir "$T/Maildir" alias <users>
	match from any for domain "here.example" action "local"
	CONF
	for dialect in $DIALECTS; do
		other_port
		eval "PORT_$(echo "$dialect" | tr -d .)=$port"
		cat <<-CONF
		proc "f$dialect" "'$TOP/tests/filters/scripted' '$T/filter$dialect'" protocol "$dialect" timeout 10s
		filter "f$dialect" proc "f$dialect"
		CONF
		# It has no other way to say what it wants.
		[ "$dialect" != 1 ] || echo "filter smtp-in on f1"
		listens "$port" "f$dialect"
	done
	# The rules, each with a name that tells for which client it holds.
	other_port
	PORT_RULES=$port
	chain=
	while IFS='|' read -r phase decision param rest; do
		phase=${phase% } decision=${decision# } decision=${decision% }
		param=${param# } param=${param% }
		# A | in a parameter is no separator.
		[ "$decision" != report ] || param="odd|or not"
		[ -z "$param" ] || param="\"$param\""
		name=$phase-$decision
		if [ "$phase" = connect ]; then
			echo "filter \"$name\" phase $phase match any $decision $param"
			other_port
			listens "$port" "$name"
			echo "-l $phase:$decision=$port" >>"$T/listeners"
		else
			echo "filter \"$name\" phase $phase match helo { \"$name.example\" } $decision $param"
			chain="$chain${chain:+, }\"$name\""
		fi
	done <"$T/rules"
	echo "filter rules chain { $chain }"
	listens "$PORT_RULES" rules
	# The conditions: rule N-PHASE reports that it holds.
	other_port
	PORT_CONDITIONS=$port
	awk -F ' [|]( |$)' -v all="$phases" '
	    /^#/ { next }
	    {
		n++
		sub(/^ALL$/, all, $2)
		if (sub(/^-connect$/, all, $2))
			sub(/connect /, "", $2)
		m = split($2, phase, " ")
		for (i = 1; i <= m; i++) {
			name = n "-" phase[i]
			printf "filter \"%s\" phase %s match %s report \"%d\"\n", name, phase[i], $1, n
			chain = chain (chain == "" ? "" : ", ") "\"" name "\""
		}
	    }
	    END { printf "filter conditions chain { %s }\n", chain }' $CONDITIONS
	listens "$PORT_CONDITIONS" conditions
}

cat >"$T/zone" <<'ZONE'
127.0.0.1 PTR 60 localhost
localhost A 60 127.0.0.1
127.0.0.3 ! silent
127.in-addr.arpa SOA 60 60
ZONE
"$TOP/tests/dns/responder" "$T/zone" >"$T/port" 2>"$T/responder.log" &
wait_for "$PATIENCE" test -s "$T/port" || skip_all "no responder"
RESOLVER=127.0.0.1:$(cat "$T/port")
printf '127.0.0.1 localhost\n' >"$T/hosts"

: >"$T/listeners"
for_rules >"$T/rules"
conf >"$T/conf"
for dialect in $DIALECTS; do
	: >"$T/orders$dialect"
	cat >"$T/filter$dialect" <<-SCRIPT
	register all
	on data-line ~^Subject:
	    orders $T/orders$dialect
	on data-line
	    echo
	on any
	    orders $T/orders$dialect
	SCRIPT
done
smtpd_conf <"$T/conf"
ok "the daemon starts" smtpd_start
[ $tests_failed -eq 0 ] || exit 1
named() { [ -n "$(child smtp)" ]; }
wait_for "$PATIENCE" named
before=$(child smtp)
: >"$T/stream"

# told PREFIX COMMAND...: its lines "ok ..." and "not ok ..." are tests.
told()
{
	prefix=$1; shift
	"$@" >"$T/told" 2>&1
	while IFS= read -r line; do
		case $line in
		ok\ *) pass "$prefix: ${line#ok }" ;;
		not\ ok\ *) fail "$prefix: ${line#not ok }" ;;
		*) note "${line#\# }" ;;
		esac
	done <"$T/told"
}

for dialect in $DIALECTS; do
	eval "port=\$PORT_$(echo "$dialect" | tr -d .)"
	told "dialect $dialect" python3 tests/filters/matrix $MATRIX "$port" "$T/stream" "$T/Maildir" \
	    "$T/orders$dialect"
done
# shellcheck disable=SC2046
told "rules" python3 tests/filters/matrix $(cat "$T/listeners") $MATRIX "$PORT_RULES" "$T/stream" "$T/Maildir"

# session ADDRESS: all phases but starttls and auth; what the rules reported.
session()
{
	: >"$T/stream.$1"
	python3 - "$1" "$PORT_CONDITIONS" <<-'PY'
	import socket, sys
	s = socket.create_connection(("127.0.0.1", int(sys.argv[2])), 30, (sys.argv[1], 0))
	f = s.makefile("rb")
	print("%s:%d" % s.getsockname())
	for command in ("", "HELO client.example", "EHLO client.example", "NOOP", "HELP",
	                "MAIL FROM:<sender@client.example>", "RCPT TO:<u@here.example>", "RSET",
	                "MAIL FROM:<sender@client.example>", "RCPT TO:<u@here.example>", "DATA",
	                "Subject: x\r\n\r\nx\r\n.", "QUIT"):
	    if command:
	        s.sendall(command.encode() + b"\r\n")
	    while f.readline()[3:4] == b"-":
	        pass
	PY
}
over() { grep "|link-connect|.*|$1|" "$T/stream" | cut -d '|' -f 6 >"$T/id" && [ -s "$T/id" ] &&
    grep -q "|link-disconnect|$(cat "$T/id")" "$T/stream"; }
# reported ADDRESS: PHASE: the numbers of the rules that held.
reported()
{
	at=$(session "$1" | tail -n 1)
	wait_for "$PATIENCE" over "$at"
	awk -F '|' -v id="$(cat "$T/id")" '$6 == id && $5 == "filter-report" { held = held " " $9 }
	    $6 == id && $5 == "filter-response" { print $7 ":" held; held = "" }' "$T/stream"
}
# expected CLIENT: the same of the table.
expected()
{
	awk -F ' [|]( |$)' -v client="$1" -v all="$phases" '
	    /^#/ { next }
	    {
		n++
		sub(/^ALL$/, all, $2)
		if (sub(/^-connect$/, all, $2))
			sub(/connect /, "", $2)
		m = split($2, phase, " ")
		for (i = 1; i <= m && index(" " $3 " ", " " client " "); i++)
			held[phase[i]] = held[phase[i]] " " n
	    }
	    END {
		m = split("connect helo ehlo noop help mail-from rcpt-to rset mail-from rcpt-to data commit quit", phase, " ")
		for (i = 1; i <= m; i++)
			print (phase[i] == "connect" ? "connected" : phase[i]) ":" held[phase[i]]
	    }' $CONDITIONS
}
is "$(reported 127.0.0.1)" "$(expected A)" "conditions: a client with a confirmed name"
is "$(reported 127.0.0.2)" "$(expected B)" "conditions: a client without a name"
is "$(reported 127.0.0.3)" "$(expected C)" "conditions: a client whose name cannot be told"

is "$(child smtp)" "$before" "the process is the same as before"
for dialect in $DIALECTS; do
	grep -c "f$dialect" "$T/log"
done >"$T/strikes"
ok "what was no decision is in the log" test "$(awk '{ n += $1 } END { print n }' "$T/strikes")" -gt 0
ok "all that was accepted is delivered" wait_for "$PATIENCE" queue_empty
ok "the daemon stops" smtpd_stop
