#!/bin/sh
# SPDX-License-Identifier: ISC
# sendmail: what it makes of a message and its options, seen in the file that it
# keeps while there is no daemon; then with the daemon: delivery, refusals, exit
# codes, -bs, -bp, and what was kept is submitted at start.
. tests/lib.sh

plan 50

SMTPD_CONTROL=$T/control
export SMTPD_CONTROL
HOST=$(sed 1q /etc/mail/mailname 2>/dev/null || uname -n)

# kept ARGUMENTS: runs sendmail without a daemon; $T/kept is what it left, with
# masks for what differs each time.
kept()
{
	rm -rf "$T/control.offline"
	"$SENDMAIL" "$@" 2>"$T/err"
	status=$?
	cat "$T"/control.offline/* 2>/dev/null |
	    sed -e '/^Date: [A-Z][a-z][a-z], /s/: .*/: DATE/' \
	    -e '/^Message-Id: <[0-9a-f.]*@/s/: .*/: ID/' \
	    -e "s/@$HOST\$/@HOST/; s/@$HOST>/@HOST>/" >"$T/kept"
	return $status
}
header() { sed '1,/^$/d' "$T/kept" | sed '/^$/,$d'; }
body() { sed '1,/^$/d' "$T/kept" | sed '1,/^$/d'; }
envelope() { sed '/^$/,$d' "$T/kept"; }

# -- the envelope ---------------------------------------------------------

printf 'Subject: x\n\nhello\n' | kept -F Me alice 'Bob B <bob@example.org>'
is $? 0 "without a daemon a message is kept"
is "$(envelope)" "S $USER_NAME@HOST
R alice@HOST
R bob@example.org" "sender and recipients get the host's name where they have none"
is "$(header)" "From: Me <$USER_NAME@HOST>
Date: DATE
Message-Id: ID
Subject: x" "From, Date and Message-Id are added where they are missing"
is "$(body)" hello "the body follows"
is "$(stat -c %a "$T"/control.offline "$T"/control.offline/*)" "700
600" "nobody else can read it"

echo x | kept -f '<>' a@b
is "$(envelope)" "S 
R a@b" "-f <> is the null sender"
echo x | kept -f '' a@b
is "$(envelope | sed 1q)" "S " "and so is -f with an empty string"
echo x | kept -f c@d -F 'A "quoted", name' a@b
is "$(envelope | sed 1q; header | sed 1q)" 'S c@d
From: "A \"quoted\", name" <c@d>' "-f is the sender, in From too; a name is quoted"
echo x | kept -oi -oem -odb -B 8BITMIME -N never -R hdrs -U -v -em -i -- a@b
is "$?$(envelope | sed 1d)" "0R a@b" "options of other sendmails are accepted and do nothing"

# -- -t ---------------------------------------------------------------------

kept -t <<'MAIL'
To: "Last, First" <a@b>, (a (nested) comment) c@d,
	group: e@f, g@h;
Cc: <i@j>
Bcc: secret@k,
 more@l
BCC: third@m
Subject: y
Received: x

text
MAIL
is "$(envelope | sed 1d | tr '\n' ' ')" "R a@b R c@d R e@f R g@h R i@j R secret@k R more@l R third@m " \
    "-t takes recipients from To, Cc and Bcc"
is "$(header | sed 1,3d)" 'To: "Last, First" <a@b>, (a (nested) comment) c@d,
	group: e@f, g@h;
Cc: <i@j>
Subject: y
Received: x' "Bcc is removed, whole, and nothing else"
printf 'To: a@b\nBcc: c@d\n\n' | kept -t e@f
is "$(envelope | sed 1d | tr '\n' ' ')" "R e@f R a@b R c@d " "with -t, named recipients are added"
printf 'To: a@b\nResent-To: c@d\nResent-Bcc: e@f\n\n' | kept -t
is "$(envelope | sed 1d | tr '\n' ' ')" "R c@d R e@f " "Resent fields count where there are any"
printf 'Subject: no one\n\n' | kept -t
is $? 65 "-t without a recipient is EX_DATAERR"
kept </dev/null
is $? 64 "no recipient at all is EX_USAGE"
kept -Z a@b </dev/null
is $? 64 "an unknown option is EX_USAGE"
kept "$(printf 'a@b>\nRCPT TO:<c@d')" </dev/null
is "$?$(ls "$T/control.offline" 2>/dev/null)" 65 "an address with a line end is EX_DATAERR"

# -- the message ------------------------------------------------------------

printf 'no header here\nsecond\n' | kept a@b
is "$(header | sed 1,3d; body)" "no header here
second" "without a header all is body"
printf 'From x Mon\nSubject: z\nnot a field\nrest\n' | kept a@b
is "$(header | sed 1,3d; body)" "Subject: z
not a field
rest" "an mbox line is dropped, the header ends at the first line that is none"
printf 'from: me@x\nDATE: now\nmessage-id: <1@x>\n\nb\n' | kept a@b
is "$(header)" "from: me@x
DATE: now
message-id: <1@x>" "what is there is not added, whatever its case"
printf 'a\n.\nb\n' | kept a@b
is "$(body)" a "a single dot ends the message"
printf 'a\n.\nb\n' | kept -i a@b
is "$(body)" "a
.
b" "not with -i"
printf 'Subject: crlf\r\n\r\na\r\nb' | kept a@b
is "$(sed '1,/^$/d' "$T/kept" | tail -4 | od -An -c | tr -d ' \n')" \
    'Subject:crlf\n\na\nb\n' "CR LF becomes LF, the last line gets its end"
kept a@b </dev/null
is "$?$(header | wc -l)" 03 "an empty message is one"

# -- a directory that is not there to write to --------------------------------

mkdir "$T/readonly"
chmod 500 "$T/readonly"
echo x | SMTPD_CONTROL=$T/readonly/c "$SENDMAIL" a@b 2>"$T/err"
is $? 75 "what cannot be kept is EX_TEMPFAIL"

# -- with the daemon ----------------------------------------------------------

rm -rf "$T/control.offline"
printf 'Subject: early\n\nbefore the daemon\n' | "$SENDMAIL" "$USER_NAME"
is $? 0 "a message is kept before the daemon is there"
printf 'Subject: lost\n\nnobody wants this\n' | "$SENDMAIL" no-such-user
is $? 0 "and one that the daemon will refuse"

smtpd_conf <<CONF
listen on 127.0.0.1 port $PORT
table aliases { "andré" = $USER_NAME }
action "local" maildir "$T/Maildir" alias <aliases>
match from any for local action "local"
proc keep "cat >>'$T/report'"
report smtp-in on keep
CONF
ok "the daemon starts" smtpd_start

mails() { ls "$T/Maildir/new" 2>/dev/null | wc -l; }
has_mails() { [ "$(mails)" -ge "$1" ]; }
offline_is() { [ "$(ls "$T/control.offline" | sed 's/\..*//' | sort -u)" = "$1" ]; }
ok "what was kept is delivered at start" wait_for "$PATIENCE" has_mails 1
ok "it is removed; what was refused is kept under that name" wait_for "$PATIENCE" offline_is refused
ok "as the log says" grep -q 'offline.*refused, kept as refused' "$T/log"
is "$(sed '1,/^$/d' "$T"/Maildir/new/*)" "before the daemon" "it arrives whole"
rm -f "$T"/Maildir/new/*

awk 'BEGIN {
	print "Subject: dots\n\n.\n..\n.x\nx."
	for (i = 0; i < 2000; i++) printf "0123456789"
	print ""
}' >"$T/dots"
"$SENDMAIL" -i "$USER_NAME" <"$T/dots"
is $? 0 "a message is accepted"
wait_for "$PATIENCE" has_mails 1
sed '1,/^$/d' "$T/dots" >"$T/expected"
sed '1,/^$/d' "$T"/Maildir/new/* >"$T/got"
same "$T/got" "$T/expected" "dots and long lines arrive as they were"
grep '|protocol-client|' "$T/report" | tail -6 | cut -d'|' -f7- >"$T/commands"
is "$(sed 's/<[^>]*>/<>/' "$T/commands" | tr '\n' ';')" \
    "EHLO localhost;MAIL FROM:<>;RCPT TO:<>;DATA;.;QUIT;" \
    "a command at a time, in the founding posts' words"
rm -f "$T"/Maildir/new/*

printf 'a\rb\rc\n\rd\n' | "$SENDMAIL" "$USER_NAME"
is $? 0 "a bare CR is no obstacle"
wait_for "$PATIENCE" has_mails 1
is "$(sed '1,/^$/d' "$T"/Maildir/new/* | tr '\n' ';')" "a;b;c;;d;" "it ends a line"

rm -f "$T"/Maildir/new/*
echo x | "$SENDMAIL" -f "zoé@bücher.example" "andré"
is $? 0 "addresses may be UTF-8"
ok "the message is announced so" grep -q 'MAIL FROM:<zoé@bücher.example> SMTPUTF8$' "$T/report"
wait_for "$PATIENCE" has_mails 1
is "$(grep -c "^Return-Path: <zoé@bücher.example>" "$T"/Maildir/new/*)" 1 "they arrive as they are"
printf 'x' | "$SENDMAIL" "$(printf 'andr\351')" 2>"$T/err"
is $? 69 "what is not UTF-8 is no address"

echo x | "$SENDMAIL" "$USER_NAME" no-such-user 2>"$T/err"
is $? 67 "an unknown recipient is EX_NOUSER"
ok "and says why" grep -q '550 5.1.1' "$T/err"
echo x | "$SENDMAIL" someone@else.example 2>"$T/err"
is $? 69 "a refused recipient is EX_UNAVAILABLE"
is "$(mails)" 1 "no recipient gets a message that one was refused for"

printf 'EHLO x\r\nQUIT\r\n' | "$SENDMAIL" -bs >"$T/out"
is "$? $(sed -n '1s/ .*//p; $s/ .*//p' "$T/out" | tr -d '\r' | tr '\n' ' ')" "0 220 221 " \
    "-bs speaks SMTP on standard input and output"
printf 'EHLO x\nRSET\n' | timeout 20 "$SENDMAIL" -bs >"$T/out"
is "$? $(sed -n '$p' "$T/out" | tr -d '\r')" "0 250 2.0.0 Reset state" \
    "lines may end in LF there, and end of input ends the session"
"$SENDMAIL" -bp >"$T/out" 2>&1
is $? 0 "-bp shows the queue"

is "$(find "$T" -name '.*' -type f)" "" "no temporary file is left"
ok "the daemon stops in order" smtpd_stop
