#!/bin/sh
# SPDX-License-Identifier: ISC
# Every fuzzer on its inputs and on some thousand changes of each.
# once: fuzzers are built with the sanitizers only
. tests/lib.sh

fuzzers=$(cd tests/fuzz && ls ./*_fuzz.c | sed 's,^\./\(.*\)_fuzz\.c$,\1,')
plan "$(echo "$fuzzers" | wc -l)"
changes=${FUZZ_CHANGES:-20000}

seconds=${FUZZ_SECONDS:-15}

cd "$T" || exit 1
for name in $fuzzers; do
	what="$name: its inputs, and up to $changes changes of each"
	set -- "$TOP/build/asan/tests/fuzz/${name}_fuzz" -n "$changes" -t "$seconds"
	if "$@" "$TOP/tests/fuzz/corpus/$name"/* >"$T/out" 2>&1; then
		pass "$what"
	else
		fail "$what"
		"$@" -w "$TOP/tests/fuzz/corpus/$name"/* >/dev/null 2>&1
		sed 60q "$T/out" | notes
		note "input: $(od -An -c crash-last | head -20)"
	fi
done
