#!/bin/sh
# SPDX-License-Identifier: ISC
# Delivery status notifications (RFC 3461, 3464): who is told of what, in which
# words, as python's parser of mail reads them.
. tests/lib.sh

PLAIN=$(free_port)
smtpd_conf <<CONF
smtp max-message-size 1M
queue ttl 1h
bounce warn-interval 1s, 1h
listen on 127.0.0.1 port $PORT hostname mx.example.org
listen on 127.0.0.1 port $PLAIN hostname mx.example.org no-dsn
table users { sender = $USER_NAME, happy = $USER_NAME }
action "local" maildir "$T/Maildir" alias <users>
action "never" mda "echo 'it is always so' >&2; exit 64"
action "late" mda "exit 75"
action "old" mda "exit 75" ttl 1s
match from any for domain "example.org" action "local"
match from any for domain "never.test" rcpt-to "$USER_NAME@never.test" action "never"
match from any for domain "late.test" action "late"
match from any for domain "old.test" action "old"
proc keep "cat >>'$T/report'" protocol "0.7"
report smtp-in on keep
report queue on keep
CONF
ok "the daemon starts" smtpd_start

# send MAIL-OPTIONS RCPT-OPTIONS SENDER RECIPIENT...
send()
{
	python3 - "$PORT" "$@" <<-'PY'
	import smtplib, sys
	port, mail, rcpt, sender, *to = sys.argv[1:]
	s = smtplib.SMTP("127.0.0.1", int(port), local_hostname="client.test")
	s.ehlo()
	def must(r):
	    if r[0] // 100 != 2: raise SystemExit("%s %s" % r)
	must(s.mail(sender, mail.split()))
	for t in to:
	    must(s.rcpt(t, rcpt.split()))
	must(s.data("From: x@example.org\r\nSubject: the original\r\n\r\nits body\r\n"))
	s.quit()
	PY
}

came() { [ "$(find "$T/Maildir/new" -type f 2>/dev/null | wc -l)" -ge "$1" ]; }

# show: the one message in the maildir, as the parser sees it; then it is gone.
show()
{
	wait_for "$PATIENCE" came 1 || note "nothing came"
	set -- "$T"/Maildir/new/*
	[ $# = 1 ] || note "$# messages came"
	python3 - "$1" <<-'PY'
	import email, email.policy, sys
	m = email.message_from_binary_file(open(sys.argv[1], "rb"), policy=email.policy.default)
	print(m["Return-Path"], "|", m["To"], "|", m["Subject"], "|", m["Auto-Submitted"])
	print(m.get_content_type(), m.get_param("report-type"), len(m.defects))
	parts = list(m.iter_parts())
	print(*[p.get_content_type() for p in parts])
	for block in parts[1].get_payload():
	    for k, v in block.items():
	        if not k.lower().endswith("date") and k != "Will-Retry-Until":
	            print(k + ": " + v)
	last = parts[2].get_payload()
	if isinstance(last, list):
	    print(last[0]["Subject"], "|", last[0].get_payload().strip())
	else:
	    print([l for l in last.splitlines() if l.startswith("Subject")], "its body" in last)
	PY
	rm -f "$@"
}

never=$USER_NAME@never.test
send '' '' sender@example.org "$never"
is "$(show)" "\
<> | sender@example.org | Mail could not be delivered | auto-replied
multipart/report delivery-status 0
text/plain message/delivery-status text/rfc822-headers
Reporting-MTA: dns;$(hostname)
Final-Recipient: rfc822;$never
Action: failed
Status: 5.3.0
Diagnostic-Code: x-pipepost;mda: exit 64: it is always so
['Subject: the original'] False" "a failure"

send 'RET=FULL ENVID=id+2B1' "NOTIFY=FAILURE ORCPT=rfc822;some+2Bone@example.org" sender@example.org "$never"
is "$(show | sed '/^Status\|^Diag/d')" "\
<> | sender@example.org | Mail could not be delivered | auto-replied
multipart/report delivery-status 0
text/plain message/delivery-status message/rfc822
Original-Envelope-Id: id+1
Reporting-MTA: dns;$(hostname)
Original-Recipient: rfc822;some+one@example.org
Final-Recipient: rfc822;$never
Action: failed
the original | its body" "a failure, the message is asked back"

send '' 'NOTIFY=SUCCESS' sender@example.org happy@example.org
wait_for "$PATIENCE" came 2
grep -l '^Subject: the original' "$T"/Maildir/new/* | while read -r f; do
	grep -q '^Auto-Submitted' "$f" || rm "$f"
done
is "$(show | sed '/^Diag/d')" "\
<> | sender@example.org | Mail was delivered | auto-replied
multipart/report delivery-status 0
text/plain message/delivery-status text/rfc822-headers
Reporting-MTA: dns;$(hostname)
Final-Recipient: rfc822;happy@example.org
Action: delivered
Status: 2.0.0
['Subject: the original'] False" "success, if that is asked for"

send '' '' sender@example.org "$USER_NAME@old.test"
is "$(show | grep -E '^<|^(Action|Status)')" "\
<> | sender@example.org | Mail could not be delivered | auto-replied
Action: failed
Status: 5.4.7" "it became too old"

send '' '' sender@example.org "$USER_NAME@late.test"
sleep 1
"$SMTPCTL" schedule all >/dev/null
is "$(show | grep -E '^<|^(Action|Status)')" "\
<> | sender@example.org | Mail is delayed | auto-replied
Action: delayed
Status: 4.0.0" "it is late"
"$SMTPCTL" schedule all >/dev/null
retried() { [ "$(grep -c '|envelope-deferred|.*@late.test' "$T/report")" -ge 3 ]; }
wait_for "$PATIENCE" retried
"$SMTPCTL" remove all >/dev/null

# Who is told nothing.
send '' 'NOTIFY=NEVER' sender@example.org "$never"
send '' 'NOTIFY=SUCCESS,DELAY' sender@example.org "$never"
send '' '' '' "$never"
send '' '' nobody@nowhere.test "$never"
ok "all that is over" wait_for "$PATIENCE" queue_empty
is "$(ls "$T/Maildir/new")" "" "one warning each hour; NEVER; not of failure; the null sender; one who is not"
is "$(grep -c 'the notification for <nobody@nowhere.test> cannot be sent: no rule takes mail for it' "$T/log")" 1 "which the log says"

# no-dsn.
is "$(python3 - "$PLAIN" <<-'PY'
	import smtplib, sys
	s = smtplib.SMTP("127.0.0.1", int(sys.argv[1]), local_hostname="client.test")
	s.ehlo()
	print(s.has_extn("dsn"), *s.mail("a@example.org", ["RET=HDRS"]))
	print(*s.mail("a@example.org", ["ENVID=x"]))
	print(s.mail("a@example.org")[0], *s.rcpt("happy@example.org", ["NOTIFY=NEVER"]))
	print(*s.rcpt("happy@example.org", ["ORCPT=rfc822;a@b"]))
	print(s.rcpt("happy@example.org")[0])
	PY
)" "\
False 555 b'5.5.4 Invalid command arguments: unsupported parameter RET'
555 b'5.5.4 Invalid command arguments: unsupported parameter ENVID'
250 555 b'5.5.4 Invalid command arguments: unsupported parameter NOTIFY'
555 b'5.5.4 Invalid command arguments: unsupported parameter ORCPT'
250" "a listener with no-dsn"

# In the stream.
is "$(rptfilter 'event == message-bounce' "$T/report" | rptcut -f kind,recipient | sort | uniq -c | sed 's/^ *//')" "\
1 delayed	sender@example.org
1 delivered	sender@example.org
3 failed	sender@example.org" "message-bounce"
is "$(txjoin -c "$T/report")" "" "every envelope has its fate"
ok "the daemon stops" smtpd_stop
echo "1..$tests_run"
