#!/bin/sh
# SPDX-License-Identifier: ISC
# Relaying to servers that others wrote: Postfix's smtp-sink, dovecot's LMTP,
# OpenSMTPD.  They are those of tests/peers, laid over /usr, or installed.
# mounts: /usr with the peers in it, a /run and /var/spool of its own
# once: the servers are somebody else's
. tests/lib.sh
plan 14

if [ -e "$TOP/build/peers/complete" ]; then
	mount -t overlay -o "lowerdir=$TOP/build/peers/usr:/usr" overlay /usr 2>"$T/overlay" ||
	    notes "$T/overlay"
fi
SINK=$(command -v smtp-sink)
DOVECOT=$(command -v dovecot)
OPENSMTPD=${OPENSMTPD:-/usr/sbin/smtpd}

chmod 755 "$T"
smtpd_as nobody
USER_NAME=nobody
sink_port=$(free_port) lmtp_port=$(free_port) opensmtpd_port=$(free_port)
smtpd_conf <<CONF
smtp limit max-mails 10000
listen on 127.0.0.1 port $PORT hostname relaying.test
action "sink" relay host "smtp://127.0.0.1:$sink_port"
action "lmtp" relay host "lmtp://127.0.0.1:$lmtp_port"
action "opensmtpd" relay host "smtp://127.0.0.1:$opensmtpd_port"
match from any for domain "sink.test" action "sink"
match from any for domain "lmtp.test" action "lmtp"
match from any for domain "localhost" action "opensmtpd"
proc keep "cat >>'$T/run/report'" protocol "0.7"
report smtp-out on keep
report queue on keep
CONF
ok "the daemon starts" smtpd_start

# send SENDER RECIPIENT... < message
send() { "$SENDMAIL" -f "$@"; }
# fates ADDRESS: what became of it, how often.
fates()
{
	rptfilter "subsystem == queue and recipient == \"$1\"" "$T/run/report" | rptcut -f event |
	    sort | uniq -c | sed 's/^ *//'
}
all_done() { queue_empty && [ "$(grep -c '|queue|envelope-' "$T/run/report")" -ge "$1" ]; }

# -- smtp-sink: many at once --
if [ -n "$SINK" ]; then
	as nobody "$SINK" -c "127.0.0.1:$sink_port" 100 \
	    >"$T/sink" 2>&1 &
	sink_pid=$!
	wait_for "$PATIENCE" port_open "$sink_port"
	"$TOP/tests/bench/smtp_load" -c 8 -n 500 -s 2000 -t many@sink.test "$PORT" >"$T/load"
	ok "smtp-sink: 500 messages are relayed" wait_for "$PATIENCE" all_done 500
	is "$(fates many@sink.test)" "500 envelope-delivered" "each of them once, at the first try"
	connections=$(rptfilter 'event == link-connect and dest.port == '"$sink_port" "$T/run/report" | wc -l)
	ok "over few connections ($connections)" test "$connections" -le 10
	kill "$sink_pid"
else
	for what in relayed once connections; do
		skip "smtp-sink: $what" "there is no smtp-sink of Postfix"
	done
fi

# -- dovecot: LMTP, a reply for each recipient --
if [ -n "$DOVECOT" ] && [ -x /usr/lib/dovecot/lmtp ]; then
	mkdir -p "$T/dovecot/run" "$T/dovecot/mail"
	chown -R nobody "$T/dovecot"
	nogroup=$(id -gn nobody)
	printf 'alice::::::\nbob::::::\n' >"$T/dovecot/users"
	cat >"$T/dovecot/conf" <<-CONF
	base_dir = $T/dovecot/run
	state_dir = $T/dovecot/run
	log_path = $T/dovecot/log
	protocols = lmtp
	ssl = no
	default_internal_user = nobody
	default_internal_group = $nogroup
	default_login_user = nobody
	first_valid_uid = 1
	first_valid_gid = 0
	mail_location = maildir:$T/dovecot/mail/%n
	passdb {
	  driver = passwd-file
	  args = $T/dovecot/users
	}
	userdb {
	  driver = passwd-file
	  args = $T/dovecot/users
	  default_fields = uid=nobody gid=$nogroup home=$T/dovecot/mail/%n
	}
	auth_username_format = %n
	service lmtp {
	  inet_listener lmtp {
	    address = 127.0.0.1
	    port = $lmtp_port
	  }
	}
	CONF
	"$DOVECOT" -F -c "$T/dovecot/conf" >"$T/dovecot/out" 2>&1 &
	dovecot_pid=$!
	if wait_for "$PATIENCE" port_open "$lmtp_port"; then
		printf 'Subject: for two of three\n\n.a dot\n' |
		    send a@relaying.test alice@lmtp.test nobody-here@lmtp.test bob@lmtp.test
		arrived() { [ "$(find "$T/dovecot/mail" -path '*/new/*' -type f | wc -l)" -ge 2 ]; }
		ok "dovecot has it for two of three" wait_for "$PATIENCE" arrived
		is "$(cat "$T"/dovecot/mail/*/new/* | grep -cx '\.a dot')" 2 "with its dot"
		wait_for "$PATIENCE" queue_empty
		is "$(fates alice@lmtp.test) $(fates bob@lmtp.test) $(fates nobody-here@lmtp.test)" \
		    "1 envelope-delivered 1 envelope-delivered 1 envelope-failed" "each recipient has its own fate"
		is "$(rptfilter 'recipient == "alice@lmtp.test" and event == envelope-delivered' \
		    "$T/run/report" | rptcut -f transport)" lmtp "by lmtp"
		is "$(rptfilter 'method == LHLO' "$T/run/report" | wc -l)" 1 "in one connection, with LHLO"
	else
		fail "dovecot listens"
		cat "$T"/dovecot/out "$T"/dovecot/log 2>/dev/null | notes
		for what in dot fates transport LHLO; do
			fail "dovecot: $what"
		done
	fi
	kill "$dovecot_pid"
	wait_for "$PATIENCE" pid_gone "$dovecot_pid"
else
	for what in arrived dot fates transport LHLO; do
		skip "dovecot: $what" "there is no dovecot with LMTP"
	done
fi

# -- OpenSMTPD --
if "$OPENSMTPD" -h 2>&1 | grep -q OpenSMTPD; then
	mkdir "$T/o.spool" "$T/o.run"
	mount --bind "$T/o.spool" /var/spool
	mount --bind "$T/o.run" /run
	cat >"$T/o.conf" <<-CONF
	listen on 127.0.0.1 port $opensmtpd_port hostname opensmtpd.test
	action "local" mda "cat >>$T/o.mail"
	match from any for any action "local"
	CONF
	touch "$T/o.mail"
	chmod 666 "$T/o.mail"
	"$OPENSMTPD" -d -f "$T/o.conf" >"$T/o.log" 2>&1 &
	opensmtpd_pid=$!
	wait_for "$PATIENCE" port_open "$opensmtpd_port"
	printf 'Subject: here\n\nFrom us\n.\n..\n' | send a@relaying.test -i nobody@localhost
	has_mail() { grep -q '^From us' "$T/o.mail"; }
	ok "OpenSMTPD has it" wait_for "$PATIENCE" has_mail
	is "$(sed -n '/^From us/,$p' "$T/o.mail" | sed '/^$/d')" "$(printf 'From us\n.\n..')" "as it was sent"
	wait_for "$PATIENCE" queue_empty
	is "$(fates nobody@localhost)" "1 envelope-delivered" "once"
	kill "$opensmtpd_pid"
	wait_for "$PATIENCE" pid_gone "$opensmtpd_pid"
else
	for what in has once fate; do
		skip "OpenSMTPD: $what" "there is no opensmtpd, as $OPENSMTPD or named by OPENSMTPD"
	done
fi
is "$(txjoin -c "$T/run/report")" "" "all has its end in the stream"
ok "the daemon stops" smtpd_stop
