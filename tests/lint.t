#!/bin/sh
# SPDX-License-Identifier: ISC
# Every manual passes mandoc's lint, and every tool and program has one.
# once: no program is run
. tests/lib.sh

programs="smtpd smtpctl sendmail $(ls bin/*.c | sed 's,^bin/\(.*\)\.c$,\1,')"
pages=$(ls man/*.[1-9])
# shellcheck disable=SC2086
set -- $programs
count=$#
# shellcheck disable=SC2086
set -- $pages
plan $((count + $#))

for page in $pages; do
	# Cross references to pages of other packages are not looked up.
	is "$(mandoc -Tlint -W warning "$page" 2>&1)" "" "$page"
done
for program in $programs; do
	ok "$program has a manual" test -n "$(ls man/"$program".[1-9] 2>/dev/null)"
done
