#!/bin/sh
# SPDX-License-Identifier: ISC
# Every recipe of the tools' manuals (a line `.Dl $ command`) and of
# examples/recipes does what it says without an error, in a directory that has
# the streams it reads.
# once: the tools have tests of their own
. tests/lib.sh

# Recipes that are not run, by their beginning, and why.
cat >"$T/exceptions" <<'END'
END

recipes()	# MANUAL
{
	sed -n 's/^\.Dl \$ //p' "$1" |
	    sed 's/\\(dq/"/g; s/\\(aq/'"'"'/g; s/\\&//g; s/\\-/-/g; s/\\e/\\/g'
}

for page in man/*.1; do
	recipes "$page" | sed "s,^,${page#man/}	,"
done >"$T/list"
plan "$(wc -l <"$T/list")"

# The directory: a stream, the same compressed, tables.
mkdir "$T/dir"
cat tests/data/seed-v1.log tests/data/in-basic-0.6.log tests/data/out-0.6.log \
    tests/data/filter-dialogue-0.6.log tests/data/inout-tls-auth-0.7.log |
    grep -v '^filter' >"$T/dir/log"
gzip -c "$T/dir/log" >"$T/dir/log.gz"
printf '%s\n' 192.0.2.10 198.51.100.0/24 alice@example.org example.net >"$T/table"
echo 'a key for a test' >"$T/dir/key"

exception()	# RECIPE: why it is not run
{
	while IFS='	' read -r begin why; do
		case $1 in "$begin"*) echo "$why"; return ;; esac
	done <"$T/exceptions"
}

# A tool of ours in the recipe, where a command begins, that is not built.
absent_tool()
{
	for word in $(printf '%s\n' "$1" |
	    grep -oE "(^|[|;({&'\"\`]) *(rpt[a-z]+|txjoin|fcrdns)( |\$)" | tr -dc 'a-z\n'); do
		[ -x "$BIN/$word" ] || { echo "$word"; return; }
	done
}

# What the recipe said of errors; rpttap's command prints there all it has.
complaints()
{
	case $1 in
	*rpttap*) grep -E '^[a-z]+: ' "$T/err" ;;
	*) cat "$T/err" ;;
	esac
}

tab=$(printf '\t')
while IFS= read -r entry; do
	page=${entry%%"$tab"*} recipe=${entry#*"$tab"}
	name="$page: $(printf '%s\n' "$recipe" | cut -c 1-60 | tr '#' ' ')"
	why=$(exception "$recipe")
	tool=$(absent_tool "$recipe")
	[ -z "$tool" ] || why="no $tool here"
	if [ -n "$why" ]; then
		skip "$name" "$why"
		continue
	fi
	rm -rf "$T/run"
	cp -R "$T/dir" "$T/run"
	for table in $(printf '%s\n' "$recipe" | grep -oE '@[a-z][a-z.]*' | tr -d @); do
		[ -e "$T/run/$table" ] || cp "$T/table" "$T/run/$table"
	done
	# What is live is run on what is there.
	command=$(printf '%s\n' "$recipe" | sed 's/tail -[fF] /cat /')
	(cd "$T/run" && TZ=UTC timeout 60 sh -c "$command") >"$T/out" 2>"$T/err" </dev/null
	status=$?
	if missing=$(grep -oE '[a-z0-9]+: (not found|command not found)' "$T/err"); then
		skip "$name" "${missing%%:*} is not installed"
	elif [ $status -le 1 ] && [ -z "$(complaints "$recipe")" ]; then
		pass "$name"
	else
		fail "$name"
		note "status $status"
		sed 10q "$T/err" | notes
	fi
done <"$T/list"
