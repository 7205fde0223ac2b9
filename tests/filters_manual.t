#!/bin/sh
# SPDX-License-Identifier: ISC
# smtpd-filters(7) has every phase, decision and condition; its filters do what
# it says, in every awk that there is, and its configuration can be read.
. tests/lib.sh

PAGE=man/smtpd-filters.7

# "	[PHASE_HELO]	= { "helo", "helo" }," is a phase, and its name in filter-response.
sed -n 's/^	\[PHASE_[A-Z_]*\][ 	]*= { "\([a-z-]*\)", "\([a-z-]*\)" },$/\1 \2/p' \
    lib/filter_table.c >"$T/phases"
sed -n 's/^	\[DECISION_[A-Z]*\][ 	]*= "\([a-z]*\)",$/\1/p' lib/filter_table.c >"$T/decisions"
sed -n '/^static const struct conf_word conditions/,/^}/s/.*{ .name = "\([a-z-]*\)", .parse.*/\1/p' \
    smtpd/conf_rule.c >"$T/conditions"
awks=$(for awk in mawk gawk original-awk; do command -v $awk; done)
plan $((3 + $(cat "$T/phases" "$T/decisions" "$T/conditions" | wc -l) + 8 + 4 * $(echo "$awks" | wc -w)))

section() { sed -n "/^\.Sh $1\$/,/^\.Sh /p" $PAGE; }
for what in phases decisions conditions; do
	ok "the table of $what was found" test "$(wc -l <"$T/$what")" -ge 7
done

section PHASES >"$T/section"
in_section() { grep -qE "^\\.It Cm $1( |\$)" "$T/section"; }
in_both() { in_section "$1" && { [ "$1" = "$2" ] || grep -q "^\\.Cm $2\\>" "$T/section"; }; }
while read -r phase reported; do
	ok "phase $phase" in_both "$phase" "$reported"
done <"$T/phases"
section DECISIONS >"$T/section"
while read -r decision; do
	ok "decision $decision" in_section "$decision"
done <"$T/decisions"
section RULES >"$T/section"
while read -r condition; do
	ok "condition $condition" in_section "$condition"
done <"$T/conditions"

# The N-th literal display that has a line like PATTERN, as it is read.
display()	# PATTERN
{
	awk -v pattern="$1" '
		/^\.Bd -literal/ { text = ""; found = 0; inside = 1; next }
		/^\.Ed/ && inside { if (found) { printf "%s", text; exit } inside = 0 }
		inside { text = text $0 "\n"; found = found || $0 ~ pattern }' $PAGE |
	    sed 's/\\e/\\/g'
}

# -- the filter in sh ----------------------------------------------------------

display '^#!/bin/sh' >"$T/recipients.sh"
is "$(wc -l <"$T/recipients.sh" | tr -d ' ')" 11 "the filter in sh: ten lines, and for whom"
cat >"$T/in" <<'E2'
config|smtpd-version|pipepost
config|protocol|0.7
config|ready
filter|0.7|1690000000.004217|smtp-in|rcpt-to|0f3004c08c82d33e|1ef1c203cc576e5d|a@example.org
filter|0.7|1690000000.004217|smtp-in|rcpt-to|0f3004c08c82d33f|7ac3a92a0a8a0c11|a|b@example.net
report|0.7|1690000000.004217|smtp-in|link-disconnect|0f3004c08c82d33e
E2
is "$(sh "$T/recipients.sh" <"$T/in")" 'register|filter|smtp-in|rcpt-to
register|ready
filter-result|0f3004c08c82d33e|1ef1c203cc576e5d|proceed
filter-result|0f3004c08c82d33f|7ac3a92a0a8a0c11|reject|550 5.1.1 We are example.org' "it answers"

# "$ command", and what it prints.
display '^[$] printf' >"$T/by-hand"
sed -n 's/^\$ //p; /^    /p' "$T/by-hand" >"$T/command"
is "$(cd "$T" && sh command 2>&1)" "$(sed '/^\$ /d; /^    /d' "$T/by-hand")" "it can be tried by hand"

# On a stream that was recorded.
rptdrive "sh $T/recipients.sh" <tests/data/in-basic-0.6.log >"$T/driven" 2>"$T/err"
is "$? $(cat "$T/err")" "0 " "rptdrive has nothing to complain of"
rptcut -f event,phase,decision "$T/driven" | sort -u >"$T/decided"
is "$(cat "$T/decided")" "$(printf 'filter-response\trcpt-to\t%s\n' proceed reject)" "it decides there"

# -- the filter in awk ---------------------------------------------------------

display '^#!/usr/bin/awk' >"$T/checked.awk"
F='filter|0.7|1690000000.004217|smtp-in|data-line'
A='0f3004c08c82d33e|1ef1c203cc576e5d' B='0f3004c08c82d33f|7ac3a92a0a8a0c11'
{
	echo 'config|ready'
	printf '%s\n' "$F|$A|Subject: a | b" "$F|$B|Subject: c|" "$F|$A|" "$F|$A|.." "$F|$B|" \
	    "$F|$A|	\\ % \$1 &|" "$F|$A|." "$F|$B|gone"
	echo 'report|0.7|1690000000.104217|smtp-in|link-disconnect|0f3004c08c82d33f'
	printf '%s\n' "$F|$B|again" "$F|$A|next message" "$F|$A|."
} >"$T/in"
{
	printf '%s\n' 'register|report|smtp-in|link-disconnect' 'register|filter|smtp-in|data-line' \
	    'register|ready'
	D=filter-dataline
	printf '%s\n' "$D|$A|X-Checked: yes" "$D|$A|Subject: a | b" "$D|$B|X-Checked: yes" \
	    "$D|$B|Subject: c|" "$D|$A|" "$D|$A|.." "$D|$B|" "$D|$A|	\\ % \$1 &|" "$D|$A|." \
	    "$D|$B|gone" "$D|$B|X-Checked: yes" "$D|$B|again" "$D|$A|X-Checked: yes" \
	    "$D|$A|next message" "$D|$A|."
} >"$T/expected"
for awk in $awks; do
	name=${awk##*/}
	live=
	[ "$name" != mawk ] || live="-W interactive"
	# shellcheck disable=SC2086
	"$awk" $live -f "$T/checked.awk" <"$T/in" >"$T/out" 2>"$T/err"
	same "$T/expected" "$T/out" "$name: the lines come back, with a header"
	is "$(cat "$T/err")" "" "$name has nothing to say"
	# shellcheck disable=SC2086
	rptdrive "exec $awk $live -f $T/checked.awk" <tests/data/in-basic-0.6.log >"$T/driven" 2>"$T/err"
	is "$? $(cat "$T/err")" "0 " "$name: nor has rptdrive of it"
	# It answers while its input goes on.
	# shellcheck disable=SC2086
	{ sed 4q "$T/in"; sleep 4; } | "$awk" $live -f "$T/checked.awk" >"$T/live" 2>/dev/null &
	live_pid=$!
	answered() { [ "$(grep -c '^filter-dataline' "$T/live")" -ge 4 ]; }
	ok "$name: at once" wait_for 3 answered
	wait "$live_pid"
done

# -- smtpd.conf ----------------------------------------------------------------

readable()	# PATTERN...
{
	{
		for pattern in "$@"; do
			display "$pattern" | sed 's/ eth0 / lo /'
		done
		printf '%s\n' 'action "local" maildir' 'match from any for local action "local"'
	} >"$T/conf"
	"$SMTPD" -n -f "$T/conf" >"$T/out" 2>&1
}
ok "the configuration of the first" readable '^filter recipients proc-exec'
ok "that of a table that is fed" readable '^filter banned'
sed -n 's/^\.Dl \(filter checked .*\)/\1/p' $PAGE | sed 's/\\(dq/"/g' >"$T/line"
line_readable()
{
	{ cat "$T/line"; echo 'listen on lo filter checked'; cat "$T/conf"; } | grep -v '^filter banned' >"$T/conf2"
	grep -q '^filter checked' "$T/conf2" && "$SMTPD" -n -f "$T/conf2" >"$T/out" 2>&1
}
ok "the line of the second" line_readable
