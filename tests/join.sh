# SPDX-License-Identifier: ISC
# What the tests of txjoin(1) share: lines to join, and what came of them.

# lines VERSION SUBSYSTEM SESSION: report lines, a second apart, of "EVENT|..."
clock=1600000000
lines()
{
	awk -v v="$1" -v d="$2" -v s="000000000000000$3" -v t="$clock" '{
		k = index($0, "|"); if (k == 0) k = length($0) + 1
		printf "report|%s|%d.000000|%s|%s|%s%s\n", v, t + NR, d,
		    substr($0, 1, k - 1), s, substr($0, k) }'
}

# joined DESCRIPTION EXPECTED FIELDS OPTIONS...: of what stands in the file quirk
joined()
{
	what=$1 expected=$2 fields=$3; shift 3
	is "$(txjoin "$@" quirk 2>&1 | rptcut -d ' ' -f "$fields" 2>&1)" "$expected" "$what"
}
