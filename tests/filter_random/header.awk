# SPDX-License-Identifier: ISC
# A filter that adds X-Random-NAME to every message and dies in the middle of any
# line, one in LIFE, until the file BEHAVE is there.
BEGIN {
	FS = "|"
	srand()
	"echo $$" | getline pid
	srand(srand() + pid)
}

$0 == "config|ready" {
	print "register|filter|smtp-in|data-line"
	print "register|filter|smtp-in|rcpt-to"
	print "register|ready"
	fflush()
	next
}

function misbehaves(	line)
{
	if (rand() * LIFE >= 1)
		return 0
	if ((getline line <BEHAVE) >= 0) {
		LIFE = 1e12
		return 0
	}
	return 1
}

$1 == "filter" && misbehaves() {
	printf "filter-dataline|%s|%s", $6, $7
	fflush()
	exit
}

$1 == "filter" && $5 == "data-line" {
	line = $0
	for (i = 0; i < 7; i++)
		line = substr(line, index(line, "|") + 1)
	if (!(($6, $7) in seen)) {
		seen[$6, $7] = 1
		printf "filter-dataline|%s|%s|X-Random-%s: %s\n", $6, $7, NAME, $6
	}
	printf "filter-dataline|%s|%s|%s\n", $6, $7, line
	if (line == ".")
		delete seen[$6, $7]
	fflush()
	next
}

$1 == "filter" {
	printf "filter-result|%s|%s|proceed\n", $6, $7
	fflush()
}
