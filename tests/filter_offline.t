#!/bin/sh
# SPDX-License-Identifier: ISC
# What a filter decides in the daemon it decides without one: each stream of
# tests/data is replayed (rptreplay) to a daemon with a filter that decides by what
# it is asked, in each dialect; then the stream of that is played into the same
# filter (rptdrive), and the decisions are the same.
. tests/lib.sh
command -v python3 >/dev/null || skip_all "no python3"

DIALECTS=${DIALECTS:-0.7 0.6 0.5 0.4 1}
STREAMS=${STREAMS:-$(ls tests/data/*.log)}
plan $(($(echo "$DIALECTS" | wc -w) * $(echo "$STREAMS" | wc -w) + 4))

make_cert
for dialect in $DIALECTS; do
	while port=$(free_port) && [ "$port" = "$PORT" ]; do :; done
	echo "$dialect $port" >>"$T/listeners"
done
# Something of everything, by the letters of an argument.
cat >"$T/script" <<'SCRIPT'
register all
on mail-from ~[xz].*@
	reject 550 5.7.1 not from {param}
on mail-from ~^$
	report nobody
on mail-from ~^s
	rewrite <rewritten@sender.example> SIZE=1
on mail-from ~@bad
	disconnect 550 5.7.1 go away, {param}
on rcpt-to ~^[b-d]
	reject 450 4.7.1 not for {param} now
on rcpt-to ~\|
	reject 550 5.7.1 no bars
on rcpt-to ~^u
	junk
on helo ~^h
	rewrite rewritten.example
on ehlo ~bad
	reject 550 5.7.1 not {param}
on ehlo ~^l
	junk
on noop
	reject 450 4.7.1 not now
on rset
	report a reset
on data-line ~^Subject:
	echo
	line X-Filtered: yes
SCRIPT
conf()
{
	cat <<-CONF
	pki mx cert "$T/cert.pem"
	pki mx key "$T/key.pem"
	listen on 127.0.0.1 port $PORT hostname mx.example.org
	proc keep "cat >>'$T/stream'" protocol "0.7"
	report smtp-in on keep
	smtp limit max-mails 1000
	table users { alice = $USER_NAME, postmaster = $USER_NAME, "a|b" = $USER_NAME, u = $USER_NAME, "*" = $USER_NAME }
	action "local" maildir "$T/Maildir" alias <users>
	match from any for domain { "example.org", "*.example.org", "localhost" } action "local"
	CONF
	while read -r dialect port; do
		cat <<-CONF
		proc "f$dialect" "exec '$TOP/tests/filters/scripted' '$T/script'" protocol "$dialect"
		filter "f$dialect" proc "f$dialect"
		CONF
		[ "$dialect" != 1 ] || echo "filter smtp-in on f1"
		echo "listen on 127.0.0.1 port $port tls pki mx hostname mx.example.org filter \"f$dialect\""
	done <"$T/listeners"
}
conf >"$T/conf"
smtpd_conf <"$T/conf"
ok "the daemon starts" smtpd_start
[ $tests_failed -eq 0 ] || exit 1

decisions() { rptfilter 'event == filter-response' "$@" | rptcut -f session,phase,decision,param | sort -s -k 1,1; }
# Everything of a stream is there when a session that came after it is, and none is open.
after=0
over()
{
	# A client may have typed what looks like an event.
	awk -F '|' -v last="EHLO after$after.example" '$5 == "link-connect" { open++ }
	    $5 == "link-disconnect" { open-- } $7 == last { seen = 1 }
	    END { exit open != 0 || !seen }' "$T/stream"
}
whole_stream()
{
	after=$((after + 1))
	printf 'x\n' | python3 tests/filters/mail -h "after$after.example" "$PORT" nobody@nowhere.example >/dev/null
	wait_for "$PATIENCE" over
	# Without the sessions of the listener that has no filter.
	awk -F '|' -v port=":$PORT" '$5 == "link-connect" && substr($0, length($0) - length(port) + 1) == port {
	    skipped[$6] } !($6 in skipped)' "$T/stream"
}
decided=0
for dialect in $DIALECTS; do
	port=$(awk -v d="$dialect" '$1 == d { print $2 }' "$T/listeners")
	for stream in $STREAMS; do
		sessions=$(rptfilter 'subsystem == smtp-in and event == link-connect' "$stream" 2>/dev/null | grep -c .)
		: >"$T/stream"
		rptreplay -Q -h "127.0.0.1:$port" <"$stream" >"$T/differences" 2>"$T/err"
		whole_stream >"$T/replayed"
		decisions "$T/replayed" >"$T/online"
		rptdrive -V "$dialect" "exec '$TOP/tests/filters/scripted' '$T/script'" <"$T/replayed" >"$T/driven" 2>"$T/faults"
		decisions "$T/driven" >"$T/offline"
		notes "$T/faults"
		n=$(wc -l <"$T/online")
		decided=$((decided + n))
		same "$T/offline" "$T/online" "dialect $dialect: ${stream##*/}: $((n)) decisions of $sessions sessions"
	done
done
ok "there was something to decide ($decided)" test "$decided" -gt 100
is "$(grep -c 'filter f.*of 10)' "$T/log")" 0 "none of it was wrong"
ok "the daemon stops" smtpd_stop
