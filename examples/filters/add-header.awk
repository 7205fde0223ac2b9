# SPDX-License-Identifier: ISC
# usage: filter-awk [-v name=HEADER] add-header.awk
# Puts a header on top of each message that says who the client was, and takes
# away what clients have written under that name.
#
#	filter client proc-exec "`rpttap -L`/filter-awk add-header.awk"
#	listen on 0.0.0.0 filter client

BEGIN {
	if (name == "")
		name = "X-Client"
}

function on_link_connect() { who[session] = rdns " (" src "), fcrdns " fcrdns }
function on_link_disconnect() { delete who[session]; delete part[session] }

function on_data_line() {
	if (part[session] == "") {
		put(name ": " who[session])
		part[session] = "header"
		if (line != ".")
			take()
	} else
		take()
	if (line == ".")
		part[session] = ""
}

# Continuation lines go with their header; a body may say what it likes.
function take() {
	if (part[session] == "body")
		pass()
	else if (line == "" || line == ".") {
		part[session] = "body"
		pass()
	} else if (line !~ /^[ \t]/ && index(tolower(line), tolower(name) ":") == 1 ||
	    line ~ /^[ \t]/ && part[session] == "forged") {
		part[session] = "forged"
		drop()
	} else {
		part[session] = "header"
		pass()
	}
}

function pass() { if (line != ".") put(line) }
