# SPDX-License-Identifier: ISC
# Filters and reporters of a mail daemon in awk: what filter-awk puts behind them.
#
#	function on_connect() { if (rdns ~ /\.dyn\.example\.net$/) reject("550 5.7.1 not from there") }
#
# Functions are named after phases (on_connect, on_mail_from, on_data_line ...)
# and events (on_link_connect, on_tx_rcpt ...); what has one is asked for.  They
# find what the line says by the names of smtpd-report(7), rdns or address, with
# version, time, subsystem, session, and event or phase.  What a dialect lacks is
# empty.
#
# At a phase they may call one of proceed(), junk(), reject(reply),
# disconnect(reply), rewrite(argument), report(text); who calls none proceeds.  At
# data_line, line is as it is on the wire, a first dot doubled, "." at the end;
# put(text) has a line stand there, drop() none, and without either, or with
# proceed(), it passes; the end stays.  note(text) is for the log: standard output
# is for the answers.
#
# Without filter-awk, `awk -f filter.awk -f FILE` (mawk: -W interactive), FILE has
# to say want("filter|smtp-in|rcpt-to") in BEGIN, for each phase and event, and to
# have a function call_function(name) that calls on_rcpt_to() if name is "rcpt-to".

function proceed() { f_answer = "proceed" }
function junk() { f_answer = "junk" }
function rewrite(argument) { f_decide("rewrite", argument) }
function report(text) { f_decide("report", text) }
function reject(reply) { f_refuse("reject", reply) }
function disconnect(reply) { f_refuse("disconnect", reply) }
function drop() { f_answer = "drop" }

function put(text,	n, i, part) {
	if (!f_is_line) {
		note("filter.awk: put is for on_data_line: " text)
		return
	}
	f_answer = "drop"
	n = split(text, part, "\n")
	for (i = 1; i <= n || i == 1; i++)
		f_say("filter-dataline|" f_ids "|" (part[i] == "." ? ".." : part[i]))
}

function note(text) { printf "%s\n", text > "/dev/stderr" }
function want(what) { f_wanted = f_wanted "register|" what "\n" }

# -- the rest is not for functions --

# Written in one piece: mawk, made to read what there is, does not buffer either.
function f_say(text) { f_said = f_said text "\n" }

# A decision that the daemon would not take is none: the mail waits.
function f_decide(word, text) {
	f_answer = word "|" text
	if (text == "" || text ~ /\n/) {
		note("filter.awk: " word " needs one line of text: " text)
		f_answer = "reject|451 4.3.0 The filter failed"
	}
}

function f_refuse(word, reply) {
	if (reply ~ /^[45][0-9][0-9] /)
		f_decide(word, reply)
	else {
		note("filter.awk: not a reply that refuses: " reply)
		f_answer = "reject|451 4.3.0 The filter failed"
	}
}

# What is before the next bar of f_rest, and what is behind the last one.
function f_next(	i, s) {
	if ((i = index(f_rest, "|")) == 0)
		i = length(f_rest) + 1
	s = substr(f_rest, 1, i - 1)
	f_rest = substr(f_rest, i + 1)
	return s
}

function f_last(	s) {
	match(f_rest, /[^|]*$/)
	s = substr(f_rest, RSTART)
	f_rest = RSTART > 1 ? substr(f_rest, 1, RSTART - 2) : ""
	return s
}

# The address of "<a@b> SIZE=1", as old daemons tell it.
function f_bare(s) {
	if (s ~ /^ *<[^>]*>/) {
		sub(/^ *</, "", s)
		sub(/>.*/, "", s)
	}
	return s
}

# The names of what another line has said are empty in this one.
function f_clear() {
	rdns = fcrdns = src = dest = hostname = method = identity = tls = result = ""
	username = msgid = evpid = size = address = command = reply = phase = event = ""
	decision = param = kind = filter = message = count = first = last = reason = ""
	auth = line = token = ""
}

# A line, in every dialect; requests before December 2018 had no version and no time.
function f_take(	word, name) {
	word = f_next()
	if (word == "config" && f_rest == "ready")
		f_say(f_wanted "register|ready")
	if (word != "report" && word !~ /^filter(-request)?$/)
		return
	version = time = ""
	if (f_rest ~ /^in-smtp-/) {
		subsystem = "smtp-in"
		f_rest = substr(f_rest, 9)
	} else if (f_rest ~ /^smtp-/)
		subsystem = f_next()
	else {
		version = f_next()
		time = f_next()
		subsystem = f_next()
	}
	name = f_next()
	if (version == "" && word == "report")
		time = f_next()
	session = f_next()
	f_age = version in f_ages ? f_ages[version] : f_newest
	f_clear()
	if (word == "report")
		f_report(name)
	else if (name == "data-line")
		f_data_line()
	else
		f_request(word == "filter" ? "filter-result" : "filter-response", name)
}

function f_report(name) {
	event = name
	if (event == "link-connect") {
		dest = f_last()
		src = f_last()
		if (f_rest ~ /\|(pass|fail|error)?$/)
			fcrdns = f_last()
		rdns = f_rest
	} else if (event == "link-identify") {
		if (f_rest ~ /^(HELO|EHLO|LHLO)\|/)
			method = f_next()
		identity = f_rest
	} else if (event == "link-auth") {
		result = f_age < 9 ? f_last() : f_next()
		username = f_rest
	} else if (event == "tx-mail" || event == "tx-rcpt") {
		msgid = f_next()
		result = f_age < 8 ? f_last() : f_next()
		address = f_bare(f_rest)
	} else if (event == "protocol-client")
		command = f_rest
	else if (event == "protocol-server")
		reply = f_rest
	else if (event == "link-greeting")
		hostname = f_rest
	else if (event == "link-tls")
		tls = f_rest
	else if (event == "link-failed") {
		dest = f_next()
		reason = f_rest
	} else if (event ~ /^tx-/) {
		msgid = f_next()
		if (event == "tx-envelope")
			evpid = f_rest
		else if (event == "tx-data")
			result = f_rest
		else if (event == "tx-commit")
			size = f_rest
	} else if (event == "filter-response") {
		phase = f_next()
		decision = f_next()
		param = f_rest
	} else if (event == "filter-report") {
		kind = f_next()
		filter = f_next()
		message = f_rest
	} else if (event == "report-gap") {
		count = f_next()
		first = f_next()
		last = f_rest
	}
	call_function(event)
}

# Who is to be told the answer, in the order of the dialect.
function f_asked() {
	if (f_age < 2)
		return session
	token = f_next()
	return f_age < 7 ? token "|" session : session "|" token
}

function f_request(word, name) {
	f_ids = f_asked()
	phase = name == "connected" ? "connect" : name
	if (phase == "connect") {
		src = f_last()
		rdns = f_rest
	} else if (phase == "helo" || phase == "ehlo") {
		if (f_age < 2 && index(f_rest, "|") > 0)
			rdns = f_next()
		identity = f_rest
	} else if (phase == "mail-from" || phase == "rcpt-to")
		address = f_bare(f_rest)
	else if (phase == "auth")
		auth = f_rest
	f_answer = "proceed"
	call_function(phase)
	f_say(word "|" f_ids "|" (f_answer == "drop" ? "proceed" : f_answer))
}

function f_data_line(	s) {
	f_ids = f_asked()
	phase = "data-line"
	line = s = f_rest
	f_answer = "proceed"
	f_is_line = 1
	call_function(phase)
	f_is_line = 0
	if (f_answer != "drop" || s == ".")
		f_say("filter-dataline|" f_ids "|" s)
	f_holds = s != "."
}

# Lines of a message need not be seen before its end.
{
	f_rest = $0
	f_holds = 0
	f_take()
	if (f_said != "" && (!f_holds || length(f_said) > 8000)) {
		printf "%s", f_said
		fflush()
		f_said = ""
	}
}

END { printf "%s", f_said }

BEGIN {
	FS = "\n"
	f_newest = split("1 0 0.1 0.2 0.3 0.4 0.5 0.6 0.7 .", f_names, " ")
	f_ages[""] = 0
	for (f_i = 1; f_i < f_newest; f_i++)
		f_ages[f_names[f_i]] = f_i
}
