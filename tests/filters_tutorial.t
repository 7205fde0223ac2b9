#!/bin/sh
# SPDX-License-Identifier: ISC
# What examples/filters/README.md tells a newcomer to type does what it says.
. tests/lib.sh

command -v swaks >"$T/which" || skip_all "needs swaks"

# The blocks, one file each: NUMBER.sh, and NUMBER.text what it prints; the same
# filter in other languages.  The directory, the programs and the port are ours.
awk -v dir="$T" '
	/^```[a-z]/	{ kind = substr($0, 4); if (kind != "text") n++
			  file = sprintf("%s/%02d.%s", dir, n, kind); printf "" >file; next }
	/^```/		{ kind = ""; close(file) }
	kind != ""	{ print >file }' examples/filters/README.md
for block in "$T"/*.sh; do
	sed -e "s,/tmp/first-filter,$T/first-filter,g" -e "s/2525/$PORT/g" \
	    -e "s/^sleep 2\$/wait_for $PATIENCE port_open $PORT/" \
	    -e "s,\\\$PWD/bin:\\\$PWD/smtpd,$BIN:$BUILD/smtpd," "$block" >"$block.mine"
	mv "$block.mine" "$block"
done
blocks=$(ls "$T"/*.sh | wc -l)
[ "$blocks" -ge 10 ] || note "only $blocks blocks"
plan $((blocks + 3))

# One shell, as the newcomer's: it goes on where the last block ended.
for block in "$T"/*.sh; do
	number=$(basename "$block" .sh)
	expected=$T/$number.text
	[ -e "$expected" ] || : >"$expected"
	! [ -e report.log ] || wait_for "$PATIENCE" grep -q '|link-disconnect|' report.log
	# shellcheck disable=SC1090
	. "$block" >"$T/out" 2>"$T/err"
	cat "$T/err" >>"$T/out"
	same "$T/out" "$expected" "block $number: $(sed 1q "$block" | cut -c 1-60 | tr '#' ' ')"
done
is "$(cat "$T"/first-filter/Maildir/new/* | grep -c '^To: bob@localhost')" 1 "one message came"

echo 'filter|0.7|1.0|smtp-in|rcpt-to|0f3004c08c82d33e|1ef1c203cc576e5d|bob@b' >question
./bob.old <question >expected
is "$(PYTHONPATH=$(rpttap -L) python3 "$T"/*.python <question)" "$(cat expected)" "the same in Python"
is "$("$(rpttap -L)/filter-awk" "$T"/*.awk <question)" "$(cat expected)" "the same in awk"
