#!/bin/sh
# SPDX-License-Identifier: ISC
# Started as root: smtp, which cannot see a file, has the rules of filters judged
# by lookup, which can read the tables that its user may read.
# mounts: an /etc of its own, with the daemon's users
. tests/lib.sh
plan 14

private_etc alice:906

table()	# NAME MODE ENTRY...: a file that belongs to the group of lookup
{
	table_name=$1 table_mode=$2; shift 2
	printf '%s\n' "$@" >"$T/$table_name.new"
	chown root:_smtplk "$T/$table_name.new"
	chmod "$table_mode" "$T/$table_name.new"
	mv "$T/$table_name.new" "$T/$table_name"
}
table clients 640 127.0.0.1
table senders 640 '@bad.example'
smtpd_conf <<CONF
table clients file:$T/clients
table senders file:$T/senders
filter clients phase ehlo match !src <clients> reject "550 5.7.1 not you"
filter senders phase mail-from match mail-from <senders> reject "550 5.7.1 not from there"
listen on 127.0.0.1 port $PORT filter { clients, senders }
action "local" maildir
match from any for any action "local"
CONF
ok "starts as root" smtpd_start

said()	# SENDER: the replies to EHLO and MAIL
{
	perl -MIO::Socket::INET -e '
		alarm 60;
		my $s = IO::Socket::INET->new(PeerAddr => "127.0.0.1", PeerPort => $ARGV[0]) or die;
		sub hear { while (<$s>) { return substr($_, 0, 3) if /^\d+ / } "end" }
		hear();
		print $s "EHLO x\r\n"; print hear();
		print $s "MAIL FROM:<$ARGV[1]>\r\n"; print " ", hear()' "$PORT" "$1"
}
is "$(said a@good.example)" "250 250" "who is in one table and not in the other"
is "$(said a@bad.example)" "250 550" "who is in both"
is "$(readlink "/proc/$(child smtp)/root")" /var/empty "smtp sees no file"
table clients 640 192.0.2.1
is "$("$SMTPCTL" update table clients)" "table clients: 1 entries" "another table"
is "$(said a@good.example)" "550 503" "holds at once"

# Not for the user of lookup any more: nobody believes that it is empty.
table clients 640 127.0.0.1 127.0.0.2
"$SMTPCTL" update table clients >"$T/out"
table clients 600 192.0.2.1
status=0
"$SMTPCTL" update table clients >"$T/out" 2>&1 || status=$?
is "$status" 2 "a file that lookup may not read"
ok "smtpctl says so" grep -q "^smtpctl: table clients stays as it is: $T/clients: Permission denied" "$T/out"
ok "and the log" grep -q 'lookup: table clients keeps the 2 entries it has: .*: Permission denied' "$T/log"
is "$(said a@good.example)" "250 250" "the entries are kept"
is "$(grep -c 'keeps the 2 entries' "$T/log")" 1 "that is said once"
table clients 640 192.0.2.1
sleep 1.1
is "$(said a@good.example)" "550 503" "a second after it may be read again"

# A new lookup has nothing that it could keep.
table clients 600 192.0.2.1
lookup=$(child lookup)
kill -9 "$lookup"
another() { now=$(child lookup); [ -n "$now" ] && [ "$now" != "$lookup" ]; }
wait_for "$PATIENCE" another
refused() { [ "$(said a@good.example)" = "451 503" ]; }
ok "without entries the phase is refused for the time being" wait_for "$PATIENCE" refused
table clients 644 127.0.0.1
taken() { [ "$(said a@good.example)" = "250 250" ]; }
ok "until they are there" wait_for "$PATIENCE" taken
