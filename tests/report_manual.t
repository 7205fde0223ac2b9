#!/bin/sh
# SPDX-License-Identifier: ISC
# smtpd-report(7) has every event of the table with its fields in order, and
# every field; its examples are lines of the language.
. tests/lib.sh

PAGE=man/smtpd-report.7
rptcut -l >"$T/table"
plan $(($(grep -c '^event' "$T/table") + $(grep -c '^field' "$T/table") + 1))

# ".It Ic tx-data Ns | Ns Ar msgid" is tx-data|msgid
sed -n 's/^\.It Ic //p' $PAGE | sed 's/ Ns //g; s/Ar //g' >"$T/events"
# ".It Cm first , last" and ".It Cm size Pq Cm message-size" are fields
sed -n 's/^\.It Cm //p' $PAGE | sed 's/ Pq .*//; s/ , /,/g' | tr , '\n' >"$T/fields"

awk -F '\t' '$1 == "event" { gsub(",", "|", $3); print $2 ($3 == "" ? "" : "|") $3 }' \
    "$T/table" >"$T/expected"
while read -r event; do
	ok "$event" grep -qxF "$event" "$T/events"
done <"$T/expected"
for field in $(awk -F '\t' '$1 == "field" { print $2 }' "$T/table"); do
	ok "$field" grep -qxF "$field" "$T/fields"
done

sed -n '/^report|[01]/p' $PAGE >"$T/examples"
readable() { [ -s "$T/examples" ] && rptcut -f event "$T/examples" >"$T/out"; }
ok "the examples are lines of the language" readable
