#!/bin/sh
# SPDX-License-Identifier: ISC
# Who may include whom, and what lib may not call.
# once: no program is run
. tests/lib.sh

plan 10

# includes ROOM: local headers named by the files of a room, with file and line.
includes() { grep -n '^#include "' "$1"/*.[ch] /dev/null; }

is "$(includes lib | grep -v '"lib/')" "" "lib includes lib alone"
is "$(includes bin | grep -v '"lib/')" "" "bin includes lib alone"
is "$(includes smtpd | grep -v -e '"lib/' -e '"smtpd/')" "" "smtpd includes smtpd and lib"
is "$(grep -nE '(^|[^_a-z])(v?printf|v?fprintf|puts|fputs|putchar|perror|exit|_exit|abort|warnx?|errx?|verrx?|vwarnx?|syslog) ?\(' \
    lib/*.[ch] | grep -v -e '^[^:]*:[0-9]*:	* \*' -e '__attribute__')" "" \
    "lib neither prints nor exits"
is "$(grep -nE '#include <(event2?/|event\.h|ares)' lib/*.[ch] | grep -v -e '^lib/dns' -e '^lib/fcrdns')" "" \
    "of lib only dns and fcrdns know libevent and c-ares"
is "$(grep -LE '^/\* SPDX-License-Identifier: ISC \*/$' lib/*.[ch] bin/*.c smtpd/*.[ch])" "" \
    "every source file has its licence on top"
is "$(wc -l lib/*.[ch] bin/*.c smtpd/*.[ch] tests/*.t tests/*/*.[ch] | awk '$2 != "total" && $1 > 600')" "" \
    "no file has more than 600 lines"
is "$(grep -nE '#[ 	]*if(n?def)?[ 	].*__(linux|OpenBSD|FreeBSD|APPLE)' lib/*.[ch] bin/*.c smtpd/*.[ch] |
    grep -v '^smtpd/sandbox\.c')" "" "only sandbox.c asks for the system"

# What a file of one process includes of another, by the prefixes of their names.
strangers()
{
	for process in parent smtp lookup dns queue relay auth deliver; do
		others=$(echo parent smtp lookup dns queue relay auth deliver | tr ' ' '\n' |
		    grep -vx $process | paste -sd '|' -)
		grep -nE "^#include \"smtpd/($others)[_.]" smtpd/$process.[ch] smtpd/${process}_*.[ch] 2>/dev/null
	done
}
is "$(strangers)" "" "no process includes what is another's"

CFLAGS_ALONE="-std=c11 -D_GNU_SOURCE -I. $(pkg-config --cflags libbsd-overlay libevent libtls libcares)"
alone()
{
	for header in lib/*.h smtpd/*.h; do
		# shellcheck disable=SC2086
		echo "#include \"$header\"" | "${CC:-cc}" $CFLAGS_ALONE -Wall -Wextra \
		    -fsyntax-only -x c - 2>&1
	done
}
is "$(alone)" "" "every header compiles alone"
