#!/bin/sh
# SPDX-License-Identifier: ISC
# The founding transcript, tests/data/seed-v1.log: its smtp-in session comes out
# line for line when sendmail sends that message today.  Masked are what differs
# each time (ids, times, hosts, sizes), the fcrdns field and the colon behind
# enhanced codes; dropped are the events and the extensions that came later.
. tests/lib.sh

plan 4

smtpd_conf <<CONF
listen on 127.0.0.1 port $PORT
table aliases { gilles = $USER_NAME }
action "local" maildir "$T/Maildir" alias <aliases>
match from local for domain "poolp.org" action "local"
proc keep "while read line; do echo \"\$line\" >>'$T/report'; done"
report smtp-in on keep
CONF
ok "the daemon starts" smtpd_start

printf 'Subject: hello\n\nworld\n' | "$SENDMAIL" -f gilles@poolp.org gilles@poolp.org
is $? 0 "sendmail sends the message"

# The session over the socket; the other one asked whether the daemon listens.
local_session()
{
	awk -F'|' '$5 == "link-connect" && /\|local:0\|local:0$/ { id = $6 } $6 == id' "$T/report"
}
over() { local_session | grep -q '|link-disconnect|'; }
wait_for "$PATIENCE" over

mask()
{
	sed -E -e '/\|(link-greeting|link-identify|tx-mail|tx-rcpt|tx-data|tx-reset)\|/d' \
	    -e '/\|250-(PIPELINING|DSN|CHUNKING|SMTPUTF8)$/d' \
	    -e 's/^(report\|1\|)[0-9]+/\1TIME/' \
	    -e 's/^(([^|]*\|){5})[0-9a-f]{16}/\1SESSION/' \
	    -e 's/(\|link-connect\|SESSION\|)[^|]*(\|pass)?\|/\1HOST|/' \
	    -e 's/(\|220 )[^ ]+/\1HOST/; s/(\|250-)[^ ]+ Hello/\1HOST Hello/' \
	    -e 's/(\|250-SIZE )[0-9]+/\1SIZE/' \
	    -e 's/(\|2[0-9][0-9] 2\.0\.0):/\1/' \
	    -e 's/(\|tx-(begin|envelope|commit)\|SESSION\|)[0-9a-f]{8}/\1MSGID/' \
	    -e 's/(\|250 2\.0\.0 )[0-9a-f]{8} /\1MSGID /' \
	    -e 's/(\|tx-envelope\|SESSION\|MSGID\|)[0-9a-f]{16}$/\1EVPID/' \
	    -e 's/(\|tx-commit\|SESSION\|MSGID\|)[0-9]+$/\1BYTES/'
}
sed -n '/smtp-in|link-connect/,/link-disconnect/p' tests/data/seed-v1.log | mask >"$T/expected"
local_session | mask >"$T/got"
is "$(grep -c . "$T/expected")" 22 "the transcript has so many lines"
same "$T/got" "$T/expected" "it is reproduced line for line"
