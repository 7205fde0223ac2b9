#!/bin/sh
# SPDX-License-Identifier: ISC
# Every fuzzer on its inputs and on some thousand changes of each.
# once: fuzzers are built with the sanitizers only
. tests/lib.sh

fuzzers=$(cd tests/fuzz && ls ./*_fuzz.c | sed 's,^\./\(.*\)_fuzz\.c$,\1,')
plan "$(echo "$fuzzers" | wc -l)"
changes=${FUZZ_CHANGES:-2000}

cd "$T" || exit 1
for name in $fuzzers; do
	what="$name: inputs and $changes changes of each"
	if "$TOP/build/asan/tests/fuzz/${name}_fuzz" -w -n "$changes" \
	    "$TOP/tests/fuzz/corpus/$name"/* 2>"$T/out"; then
		pass "$what"
	else
		fail "$what"
		sed 60q "$T/out" | notes
		note "input: $(od -An -c crash-last | head -20)"
	fi
done
