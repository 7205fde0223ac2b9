# SPDX-License-Identifier: ISC
# shellcheck disable=SC1007,SC2034
# Filters and reporters of a mail daemon in sh.
#
#	. "$(rpttap -L)/filter.sh"
#
#	on_connect()
#	{
#		case $rdns in *.dyn.example.net) reject "550 5.7.1 not from there" ;; esac
#	}
#
#	run
#
# Functions are named after phases (on_connect, on_mail_from, on_data_line ...)
# and events (on_link_connect, on_tx_rcpt ...); what has one is asked for.  They
# find what the line says by the names of smtpd-report(7), $rdns or $address, with
# $version, $time, $subsystem, $session and $event or $phase; and as $1, $2 ..., in
# the order of December 2018 whatever the daemon speaks.  What a dialect lacks is
# empty.
#
# At a phase they may call one of proceed, junk, reject REPLY, disconnect REPLY,
# rewrite ARGUMENT, report TEXT; who calls none proceeds.  At data_line, $line is as
# it is on the wire, a first dot doubled, "." at the end; `put TEXT` has a line
# stand there, `drop` none, and without either, or with proceed, it passes; the
# end stays.
#
# `remember NAME` keeps the variable NAME for the session until it ends, `recall
# NAME` sets it to what was kept; empty if nothing was.
#
# `run smtp-out`, or both names, is for reports of what the daemon sends.
#
# sh reads a byte at a time and knows no NUL: for much mail take awk or Python.

f_phases="connect helo ehlo starttls auth mail-from rcpt-to data data-line commit rset quit noop help"
f_events="link-connect link-greeting link-identify link-tls link-auth link-reset link-disconnect
    link-failed tx-begin tx-mail tx-rcpt tx-envelope tx-data tx-reset tx-commit tx-rollback
    protocol-client protocol-server filter-response filter-report timeout report-gap"
f_newline="
"

# -- what a function may call --

proceed() { f_answer=proceed; }
junk() { f_answer=junk; }
reject() { f_refuse reject "$1"; }
disconnect() { f_refuse disconnect "$1"; }
rewrite() { f_decide rewrite "$1"; }
report() { f_decide report "$1"; }
drop() { f_answer=drop; }

put()
{
	if [ "$f_name" != data-line ]; then
		echo "filter.sh: put is for on_data_line: $1" >&2
		return
	fi
	f_answer=drop
	f_text=$1
	while :; do
		case $f_text in
		*"$f_newline"*) f_say_line "${f_text%%"$f_newline"*}"; f_text=${f_text#*"$f_newline"} ;;
		*)	f_say_line "$f_text"; return ;;
		esac
	done
}

remember()
{
	eval "kept_${session}_$1=\$$1
	    case \" \$kept_$session \" in *\" $1 \"*) ;; *) kept_$session=\"\$kept_$session $1\" ;; esac"
}

recall() { eval "$1=\$kept_${session}_$1"; }

# Reads and answers, to the end of the input.  Functions have an empty input, and
# their output is standard error, but that of a mere reporter without a handshake.
run()	# [SUBSYSTEM ...]
{
	[ $# -gt 0 ] || set -- smtp-in
	f_wanted= f_has=" "
	for f_subsystem; do
		f_wanted="$f_wanted report|$f_subsystem|link-disconnect"
	done
	exec 3>&1 4<&0 </dev/null
	for f_name in $f_phases; do
		f_function "$f_name"
		command -v "$f_function" >/dev/null || continue
		f_wanted="$f_wanted filter|smtp-in|$f_name" f_has="$f_has$f_function "
		exec 1>&2
	done
	for f_name in $f_events; do
		f_function "$f_name"
		command -v "$f_function" >/dev/null || continue
		f_has="$f_has$f_function "
		for f_subsystem; do
			case "$f_wanted " in
			*"report|$f_subsystem|$f_name "*) ;;
			*)	f_wanted="$f_wanted report|$f_subsystem|$f_name" ;;
			esac
		done
	done
	while IFS= read -r f_line <&4 || [ -n "$f_line" ]; do
		f_take
	done
}

# -- what a function may not --

f_function()	# NAME: the name of its function
{
	f_function=on
	f_rest=$1-
	while [ -n "$f_rest" ]; do
		f_function=${f_function}_${f_rest%%-*}
		f_rest=${f_rest#*-}
	done
}

# A decision that the daemon would not take is none: the mail waits.
f_decide()	# WORD TEXT
{
	f_answer="$1|$2"
	case $2 in
	"" | *"$f_newline"*)
		echo "filter.sh: $1 needs one line of text: $2" >&2
		f_answer="reject|451 4.3.0 The filter failed" ;;
	esac
}

f_refuse()	# WORD REPLY
{
	case $2 in
	[45][0-9][0-9]" "*) f_decide "$@" ;;
	*)	echo "filter.sh: not a reply that refuses: $2" >&2
		f_answer="reject|451 4.3.0 The filter failed" ;;
	esac
}

f_say_line()
{
	case $1 in
	.)	printf '%s\n' "filter-dataline|$f_ids|.." >&3 ;;
	*)	printf '%s\n' "filter-dataline|$f_ids|$1" >&3 ;;
	esac
}

# What is before the next bar of $f_rest, in $f_field.
f_next()
{
	case $f_rest in
	*\|*)	f_field=${f_rest%%\|*} f_rest=${f_rest#*\|} ;;
	*)	f_field=$f_rest f_rest= ;;
	esac
}

# What is behind the last bar.
f_last()
{
	case $f_rest in
	*\|*)	f_field=${f_rest##*\|} f_rest=${f_rest%\|*} ;;
	*)	f_field=$f_rest f_rest= ;;
	esac
}

# The address of "<a@b> SIZE=1", as old daemons tell it.
f_bare()
{
	case $address in
	\<*\>* | " "*\<*\>*) address=${address#*\<} address=${address%%\>*} ;;
	esac
}

# A line, in every dialect; requests before December 2018 had no version and no time.
f_take()
{
	f_rest=$f_line
	f_next
	f_kind=$f_field
	case $f_kind in
	report | filter | filter-request) ;;
	config)	[ "$f_line" != "config|ready" ] || f_register; return ;;
	*)	return ;;
	esac
	version= time=
	case $f_rest in
	in-smtp-*) subsystem=smtp-in f_rest=${f_rest#in-smtp-} ;;
	smtp-*)	f_next; subsystem=$f_field ;;
	*)	f_next; version=$f_field
		f_next; time=$f_field
		f_next; subsystem=$f_field ;;
	esac
	f_next; f_name=$f_field
	case $version$f_kind in
	report)	f_next; time=$f_field ;;
	esac
	f_next; session=$f_field
	case $session in
	"" | *[!0-9a-f]*) return ;;
	esac
	case $f_kind in
	report)	f_report ;;
	*)	f_request ;;
	esac
}

f_register()
{
	exec 1>&2
	# shellcheck disable=SC2086
	printf 'register|%s\n' $f_wanted ready >&3
}

# The names of what another line has said are empty in this one.
f_clear()
{
	rdns= fcrdns= src= dest= hostname= method= identity= tls= result= username= msgid= evpid=
	size= address= command= reply= phase= event= decision= param= kind= filter= message=
	count= first= last= reason= auth= line= token=
}

f_call()	# ARGUMENT...
{
	f_function "$f_name"
	f_answer=proceed
	case $f_has in
	*" $f_function "*) "$f_function" "$@" || : ;;
	esac
}

f_report()
{
	case $f_has in
	" ") return ;;
	esac
	f_clear
	event=$f_name
	set --
	case $event in
	link-connect)
		f_last; dest=$f_field
		f_last; src=$f_field
		rdns=$f_rest
		case $f_rest in
		*\| | *\|pass | *\|fail | *\|error) f_last; fcrdns=$f_field rdns=$f_rest ;;
		esac
		set -- "$rdns" "$fcrdns" "$src" "$dest" ;;
	link-identify)
		case $f_rest in
		HELO\|* | EHLO\|* | LHLO\|*) f_next; method=$f_field ;;
		esac
		identity=$f_rest
		set -- "$method" "$identity" ;;
	link-auth)
		case $version in
		"" | 1 | 0 | 0.[1-6]) f_last; result=$f_field username=$f_rest ;;
		*)	f_next; result=$f_field username=$f_rest ;;
		esac
		set -- "$username" "$result" ;;
	tx-mail | tx-rcpt)
		f_next; msgid=$f_field
		case $version in
		"" | 1 | 0 | 0.[1-5]) f_last; result=$f_field address=$f_rest ;;
		*)	f_next; result=$f_field address=$f_rest ;;
		esac
		f_bare
		set -- "$msgid" "$address" "$result" ;;
	link-greeting)	hostname=$f_rest; set -- "$hostname" ;;
	link-tls)	tls=$f_rest; set -- "$tls" ;;
	link-failed)	f_next; dest=$f_field reason=$f_rest; set -- "$dest" "$reason" ;;
	tx-begin | tx-reset | tx-rollback) msgid=$f_rest; set -- "$msgid" ;;
	tx-envelope)	f_next; msgid=$f_field evpid=$f_rest; set -- "$msgid" "$evpid" ;;
	tx-data)	f_next; msgid=$f_field result=$f_rest; set -- "$msgid" "$result" ;;
	tx-commit)	f_next; msgid=$f_field size=$f_rest; set -- "$msgid" "$size" ;;
	protocol-client) command=$f_rest; set -- "$command" ;;
	protocol-server) reply=$f_rest; set -- "$reply" ;;
	filter-response)
		f_next; phase=$f_field
		f_next; decision=$f_field param=$f_rest
		set -- "$phase" "$decision" "$param" ;;
	filter-report)
		f_next; kind=$f_field
		f_next; filter=$f_field message=$f_rest
		set -- "$kind" "$filter" "$message" ;;
	report-gap)
		f_next; count=$f_field
		f_next; first=$f_field last=$f_rest
		set -- "$count" "$first" "$last" ;;
	esac
	f_call "$@"
	case $event in
	link-disconnect) f_forget ;;
	esac
}

f_forget()
{
	eval "f_rest=\$kept_$session"
	for f_name in $f_rest; do
		unset "kept_${session}_$f_name"
	done
	unset "kept_$session"
}

f_request()
{
	f_ids=$session
	f_clear
	case $version in
	"" | 1)	;;
	0 | 0.[1-4])
		f_next; token=$f_field f_ids="$f_field|$session" ;;
	*)	f_next; token=$f_field f_ids="$session|$f_field" ;;
	esac
	[ "$f_name" != connected ] || f_name=connect
	phase=$f_name
	set --
	case $phase in
	connect)
		f_last; src=$f_field rdns=$f_rest
		set -- "$rdns" "$src" ;;
	helo | ehlo)
		case $token$f_rest in
		*\|*)	[ -n "$token" ] || { f_next; rdns=$f_field; } ;;
		esac
		identity=$f_rest
		set -- "$identity" "$rdns" ;;
	auth)	auth=$f_rest; set -- "$auth" ;;
	mail-from | rcpt-to)
		address=$f_rest
		f_bare
		set -- "$address" ;;
	data-line)
		line=$f_rest
		f_data_line
		return ;;
	esac
	f_call "$@"
	[ "$f_answer" != drop ] || f_answer=proceed
	case $f_kind in
	filter)	printf '%s\n' "filter-result|$f_ids|$f_answer" >&3 ;;
	*)	printf '%s\n' "filter-response|$f_ids|$f_answer" >&3 ;;
	esac
}

f_data_line()
{
	f_end=$line
	f_call "$line"
	case $f_end in
	.)	printf '%s\n' "filter-dataline|$f_ids|." >&3 ;;
	*)	[ "$f_answer" = drop ] || printf '%s\n' "filter-dataline|$f_ids|$f_end" >&3 ;;
	esac
}
