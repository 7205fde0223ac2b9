#!/bin/sh
# SPDX-License-Identifier: ISC
# Every recipe of the tools' manuals (a line `.Dl $ command`), and of
# examples/recipes and examples/dashboard, runs without an error in a directory
# that has the streams it reads.
# once: the tools have tests of their own
. tests/lib.sh

# Recipes that are not run, by their beginning, and why.
cat >"$T/exceptions" <<'END'
fcrdns -q	asks the DNS
fcrdns -R	asks the DNS
fcrdns -j	asks the DNS
rptreplay	asks a server
rptfilter -S 'event == tx-rcpt and result == permfail' log | rptreplay	asks a server
END

recipes()	# MANUAL
{
	sed -n 's/^\.Dl \$ //p' "$1" |
	    sed 's/\\(dq/"/g; s/\\(aq/'"'"'/g; s/\\&//g; s/\\-/-/g; s/\\e/\\/g'
}

for page in man/*.1; do
	recipes "$page" | sed "s,^,${page#man/}	,"
done >"$T/list"

# The scripts, what they are called with, and a word of what they print.
cat >"$T/scripts" <<'END'
recipes/top-talkers	log	good.example.net
recipes/refused	log	535 5.7.8 Authentication failed
recipes/failed-logins-nft	log	nft add element inet filter mail6 { 2001:db8::7 }
recipes/failed-logins-pf	log	pfctl -q -t mail -T add 2001:db8::7
recipes/slow-destinations	log	tls.example.com
recipes/story	b0c3a1517cb41799 log	tx-begin        b0c3a151
recipes/story	0badcafe log	envelope-failed b0c3a1517cb41799 to <t@one.example.com>
recipes/story	93e09f875bc0fd99 log	envelope-delivered 0badcafe00000001 to <alice@example.org>
recipes/digest	log	failed logins
dashboard/terminal	log	smtp-out commit
dashboard/page	web log	
END
plan $(($(wc -l <"$T/list") + $(wc -l <"$T/scripts") + 2))

# The directory: a stream of whole sessions, the same compressed, tables.
mkdir "$T/dir"
cat tests/data/seed-v1.log tests/data/in-basic-0.6.log tests/data/out-0.6.log \
    tests/data/filter-dialogue-0.6.log tests/data/inout-tls-auth-0.7.log |
    grep '^report|' | grep -v '|0f3004c08c82d33e|' >"$T/dir/log"
for n in 1 2 3; do
	echo "report|0.7|1795322700.00000$n|smtp-in|link-auth|00000000000000ff|fail|root"
	echo "report|0.7|1795322700.00000$n|smtp-in|protocol-server|00000000000000ff|535 5.7.8 Authentication failed"
done >"$T/logins"
{
	echo "report|0.7|1795322700.000000|smtp-in|link-connect|00000000000000ff|<unknown>|fail|[2001:db8::7]:4242|[2001:db8::25]:587"
	cat "$T/logins"
	echo "report|0.7|1795322700.000004|smtp-in|link-disconnect|00000000000000ff"
} >>"$T/dir/log"
# What the queue says of a message that is relayed there, and of its bounce.
sed 's/.*/report|0.7|1795322705.000000|&/' >>"$T/dir/log" <<'END'
queue|envelope-deferred|0000000000000000|b0c3a151|b0c3a1517cb41799|relay|1|0.012345|1795323005.000000|203.0.113.5:26|t@one.example.com|450 4.2.0 later
queue|message-bounce|0000000000000000|b0c3a151|failed|0badcafe|alice@example.org
queue|envelope-failed|0000000000000000|b0c3a151|b0c3a1517cb41799|relay|2|310.6|203.0.113.5:26|t@one.example.com|550 5.1.1 no such user
queue|envelope-delivered|0000000000000000|0badcafe|0badcafe00000001|maildir|1|0.001||alice@example.org|
stats|gauge|0000000000000000|queue.envelopes|3
stats|gauge|0000000000000000|queue.running|2
stats|gauge|0000000000000000|queue.hosts.held|1
stats|gauge|0000000000000000|smtp.sessions|2
END
gzip -c "$T/dir/log" >"$T/dir/log.gz"
printf '%s\n' 192.0.2.10 198.51.100.0/24 alice@example.org example.net >"$T/table"
echo 'a key for a test' >"$T/dir/key"
# A filter by two names, and a message.
cat >"$T/dir/greylist" <<'END'
#!/bin/sh
echo 'register|filter|smtp-in|rcpt-to'
echo 'register|ready'
while IFS='|' read -r kind version time subsystem phase session token address; do
	[ "$kind" != filter ] || echo "filter-result|$session|$token|reject|451 4.7.1 later"
done
END
chmod +x "$T/dir/greylist"
cp "$T/dir/greylist" "$T/dir/sign"
printf 'Subject: a message\n\ntext\n' >"$T/dir/message.eml"

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

# -- examples --

is "$(cd examples && ls recipes/* dashboard/* | grep -v '\.' | sort)" \
    "$(cut -f 1 "$T/scripts" | sort -u)" "every script of the examples is here"
NFT="echo nft" PFCTL="echo pfctl"
export NFT PFCTL
while IFS="$tab" read -r script args word; do
	why=
	for tool in rptcut rptfilter rptfmt txjoin; do
		! grep -qw $tool "examples/$script" || [ -x "$BIN/$tool" ] || why="no $tool here"
	done
	case $script in
	*/page) command -v gnuplot >/dev/null || why="gnuplot is not installed" ;;
	esac
	if [ -n "$why" ]; then
		skip "$script" "$why"
		continue
	fi
	rm -rf "$T/run"
	cp -R "$T/dir" "$T/run"
	# shellcheck disable=SC2086
	(cd "$T/run" && TZ=UTC timeout 60 sh "$TOP/examples/$script" $args) \
	    >"$T/out" 2>"$T/err" </dev/null
	status=$?
	case $script in
	*/page) (cd "$T/run/web" && ls index.html rates.svg tls.svg) >"$T/out" 2>>"$T/err"
		word=index.html ;;
	esac
	if [ $status -eq 0 ] && [ ! -s "$T/err" ] && grep -qF -- "$word" "$T/out"; then
		pass "$script"
	else
		fail "$script"
		note "status $status; expected in it: $word"
		sed 10q "$T/err" | notes
		sed 20q "$T/out" | notes
	fi
done <"$T/scripts"

if rptfmt -Q -P "$T/counters" "$T/dir/log" 2>/dev/null; then
	is "$(cat examples/dashboard/prometheus.yml examples/dashboard/grafana.json |
	    grep -oE '(rpt|pipepost)_[a-z_]+' | sort -u | while read -r name; do
		grep -q "^$name[ {]" "$T/counters" || echo "$name"
	    done)" "" "rules and dashboard name counters that there are"
else
	skip "rules and dashboard name counters that there are" "no rptfmt -P here"
fi
