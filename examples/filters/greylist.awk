# SPDX-License-Identifier: ISC
# usage: filter-awk -v file=FILE [-v wait=SECONDS] [-v keep=SECONDS] greylist.awk
# Greylisting: who is new as a network, sender and recipient is told to come again,
# and may when 300 s have passed; who has come again is known for 35 days.  Real
# servers come again, most that send spam do not.
#
#	filter grey proc-exec "`rpttap -L`/filter-awk -v file=/var/db/greylist greylist.awk"
#	listen on 0.0.0.0 filter grey
#
# FILE keeps what is known over a restart: the first time, the last, and who.  It is
# written anew when the filter starts; while it runs, lines are added.

BEGIN {
	wait += wait == "" ? 300 : 0
	keep += keep == "" ? 35 * 86400 : 0
	while ((getline entry < file) > 0) {
		split(entry, word, " ")
		who = substr(entry, length(word[1] word[2]) + 3)
		if (!(who in began) || word[1] < began[who])
			began[who] = word[1]
		seen[who] = word[2]
	}
	close(file)
	for (who in seen)
		if (newest < seen[who])
			newest = seen[who]
	for (who in seen)
		if (seen[who] >= newest - keep)
			print began[who], seen[who], who > (file ".new")
	if (newest > 0 && close(file ".new") == 0)
		system("mv -f '" file ".new' '" file "'")
}

# Servers of one site share a network: the first three numbers, or four groups.
function network(address,	n, i, part, net) {
	sub(/^IPv6:/, "", address)
	if (split(address, part, ":") == 2)
		sub(/\.[0-9]+:[0-9]+$/, "", address)
	else {
		for (i = 1; i <= 4 && part[i] != ""; i++)
			net = net part[i] ":"
		address = net
	}
	return address
}

function on_link_connect() { client[session] = network(src) }
function on_link_auth() { if (result == "pass") trusted[session] = 1 }
function on_mail_from() { sender[session] = tolower(address) }

function on_rcpt_to(	who, now) {
	if (session in trusted)
		return
	who = client[session] " " sender[session] " " tolower(address)
	now = time
	sub(/\..*/, "", now)
	if (!(who in began) || now - seen[who] > keep)
		began[who] = now
	seen[who] = now
	print began[who], now, who >> file
	fflush(file)
	if (now - began[who] < wait)
		reject("451 4.7.1 Greylisted: please come again in " \
		    (wait - now + began[who]) " seconds")
}

function on_link_disconnect() {
	delete client[session]
	delete sender[session]
	delete trusted[session]
}
