#!/bin/sh
# SPDX-License-Identifier: ISC
# txjoin(1): transactions, sessions and messages, under the quirks of daemons.
. tests/lib.sh
. tests/join.sh

cd "$T" || exit 1
cp "$TOP"/tests/data/*.log .

plan 82

# What each sample holds, as tests/data/README.md counts its lines: a rollback
# of out-0.6 is of one recipient, and its transaction goes on to its commit;
# three recipients there were refused without a tx-rcpt.
truth()
{
	txjoin "$1.log" 2>/dev/null |
	    rptcut -f subsystem,status,recipient,evpid,size >joined
	txjoin -s "$1.log" | rptcut -f subsystem,session | sort -u >sessions
	awk -F '\t' -v in_out="$(grep -c smtp-in sessions)/$(grep -c smtp-out sessions)" '
	function items(list, a, i, k, n) {
		k = split(list, a, ",")
		for (i = 1; i <= k; i++) n += a[i] != "" && list != "-"
		return n
	}
	{ n[$2]++; rcpts += items($3); envelopes += items($4); bytes += $5 }
	END { printf "%s %d: %d %d %d %d %d, %d %d %d\n", in_out, NR, n["commit"],
	    n["rollback"], n["timeout"], n["disconnect"], n["open"], rcpts,
	    envelopes, bytes }' joined
}
while read -r sample expected; do
	is "$(truth "$sample")" "$expected" "the truth of $sample"
done <<'END'
filter-dialogue-0.6 10/0 9: 6 3 0 0 0, 10 8 3938
in-addresses-0.6 1/0 14: 2 12 0 0 0, 16 7 689
in-basic-0.6 13/0 15: 9 6 0 0 0, 19 15 4749
in-hostile-0.6 21/0 11: 0 9 2 0 0, 7 6 0
inout-tls-auth-0.7 9/3 8: 8 0 0 0 0, 8 8 4899
out-0.6 0/6 15: 9 5 0 1 0, 18 18 3718
seed-unversioned 1/0 2: 1 1 0 0 0, 0 0 0
seed-v1 2/1 3: 2 0 0 0 1, 3 2 1119
END

# the lines, whole
txjoin in-basic-0.6.log | sed -n 2p >got
cat >expected <<'END'
report|0.6|1795322694.073411|smtp-in|tx-summary|7ed684a6ecca9836|1dca8c7c|commit|1795322694.068415|0.004996|192.0.2.11:39447|192.0.2.25:25|forged.example.net|fail|EHLO|forged.example.net|||u@forged.example.net|alice@example.org,bob@example.org,nobody@example.org|ok,ok,permfail|1dca8c7cefb36fdd,1dca8c7cf8302e8b,|591|591|||250 2.0.0 1dca8c7c Message accepted for delivery
END
same got expected "a tx-summary"
txjoin -s inout-tls-auth-0.7.log | sed -n '4p;8p;12p' >got
cat >expected <<'END'
report|0.7|1795322695.065239|smtp-in|link-summary|93e09f8d908cca13|disconnect|1795322694.517340|0.547899|192.0.2.25:53086|192.0.2.25:587|mx.example.org|pass|EHLO|good.example.net|TLSv1.3:TLS_AES_256_GCM_SHA384:256||1|5|1|0|0|0|
report|0.7|1795322696.740817|smtp-in|link-summary|93e09f94024dd370|disconnect|1795322696.254940|0.485877|192.0.2.25:53134|192.0.2.25:587|mx.example.org|pass|EHLO|py.example.net|TLSv1.3:TLS_AES_256_GCM_SHA384:256|bob|2|12|4|1|1|552|
report|0.7|1795322704.373672|smtp-out|link-summary|93e09f9a93e901dc|open|1795322704.326776|0.046896|203.0.113.5:41440|203.0.113.5:26|sink.example.net|pass|EHLO|mx.example.org|TLSv1.3:TLS_AES_256_GCM_SHA384:256||0|6|0|1|1|499|
END
same got expected "a failed login, one with failures before it, one that is open"
txjoin -m inout-tls-auth-0.7.log | sed -n '2p;4p' >got
cat >expected <<'END'
report|0.7|1795322699.373765|smtp-out|msg-summary|93e09f9988b8e727|1e512f0d|delivered|1795322694.445380|alice@example.org|t@auth.example.com|delivered|4.928385|1|1e512f0dcfdd18ac|
report|0.7|1795322694.061240|smtp-in|msg-summary|93e09f81f458a6d3|32730f9c|open|1795322694.061240|u@good.example.net|alice@example.org|open||0|32730f9cf5cbed33|
END
same got expected "a message from in to out, and one delivered unseen"
txjoin seed-v1.log >got
cat >expected <<'END'
report|1|1541750432|smtp-in|tx-summary|c73c0aff0dfb6250|f84306b3|commit|1541750432|0.000000|local:0|local:0|poolp.org||||||gilles@poolp.org|gilles@poolp.org|ok|f84306b34f388082|301|301|||250 2.0.0: f84306b3 Message accepted for delivery
report|1|1541750708|smtp-out|tx-summary|c73c0b206ad6c41c|8ea46ad1|commit|1541750708|0.000000|:0|64.233.167.26:25|||||version=TLSv1.2%2C cipher=ECDHE-RSA-CHACHA20-POLY1305%2C bits=256||gilles@poolp.org|gilles.chehade@gmail.com|ok|8ea46ad1ccae4934|818|818|||250 2.0.0 OK 1541750708 k132-v6si807155wma.16 - gsmtp
report|1|1544130229|smtp-in|tx-summary|0f3004c08c82d33e|fc08ce7d|open|1544130229|0.000000|||||||||owner-hackers+M85937=gilles=poolp.org@openbsd.org|gilles@poolp.org|ok|||||late-start|
END
same got expected "the founding posts, with addresses from the commands"
txjoin seed-unversioned.log >got
cat >expected <<'END'
report|1|1541271225|smtp-in|tx-summary|3189ac6874354895||commit|1541271225|0.000000|||||||||||||||||
report|1|1541271225|smtp-in|tx-summary|3189ac6874354895||rollback|1541271225|0.000000||||||||||||||||late-start|
END
same got expected "without msgid and version, after the session's end"
is "$(txjoin in-addresses-0.6.log | rptcut -f recipient | grep -a ^x | cut -d , -f 1-2)" \
    "x%7Cy%7Cz@example.org,a%7Cb@example.org" "a list is encoded"

# sizes of a daemon that does not begin anew
is "$(txjoin out-0.6.log | rptcut -d ' ' -f status,size,size-raw,mark)" "\
commit 457 457 -
commit 476 933 corrected
commit 478 1411 corrected
rollback - - -
rollback - - -
rollback - - -
rollback - - -
rollback - - -
commit - 2816 corrected
commit 461 3277 corrected
disconnect - - -
commit 464 464 -
commit 460 460 -
commit 462 462 -
commit 460 460 -" "cumulative sizes, and one that refused bodies hide"
sed 's/^report|0.6/report|0.7/; /|protocol-/d' out-0.6.log >quirk
is "$(txjoin quirk | rptcut -d ' ' -f size,size-raw,mark | sed -n 2p)" "933 933 -" \
    "a newest dialect without the conversation: the size stays"
sed '/|protocol-/d' out-0.6.log >quirk
is "$(txjoin quirk | rptcut -d ' ' -f size,size-raw,mark | sed -n 2p)" "476 933 corrected" \
    "0.6 without the conversation: by its dialect"
lines 0.7 smtp-out 1 >quirk <<'END'
link-connect|mx|pass|192.0.2.1:1|192.0.2.2:25
protocol-client|MAIL FROM:<a@b>
tx-begin|00000011
protocol-server|250 ok
protocol-client|.
tx-commit|00000011|100
protocol-server|250 taken
protocol-client|MAIL FROM:<a@b>
tx-begin|00000012
protocol-server|250 ok
protocol-client|.
tx-commit|00000012|300
protocol-server|250 taken too
END
joined "a commit before its reply: each size is its own, the reply waits" "\
100 100 - 250 taken
300 300 - 250 taken too" size,size-raw,mark,reply
sed 2,7d quirk >cut && mv cut quirk && sed 's/|0\.7|/|0.5|/; 1d' quirk >cut && mv cut quirk
joined "cumulative from an unknown beginning: no size" "- 300 corrected" size,size-raw,mark

# outwards a rollback may go on
lines 0.6 smtp-out 1 >quirk <<'END'
link-connect|mx|pass|192.0.2.1:1|192.0.2.2:25
tx-begin|00000011
tx-mail|00000011|ok|a@b
tx-envelope|00000011|0000001100000001
tx-rollback|00000011
tx-reset|00000011
tx-rcpt|00000011|permfail|x@y
tx-envelope|00000011|0000001100000002
tx-rcpt|00000011|ok|z@y
tx-data|00000011|ok
tx-commit|00000011|7
tx-reset|00000011
tx-begin|00000012
tx-rollback|00000012
tx-begin|00000012
tx-rollback|00000012
link-disconnect
END
joined "a rollback that goes on is none; a retry with the msgid is another" "\
00000011 commit x@y,z@y permfail,ok 7
00000012 rollback - - -
00000012 rollback - - -" msgid,status,recipient,rcpt-result,size
joined "and the session counts three" "3 1 7" transactions,commits,bytes -s
lines 0.6 smtp-out 1 >quirk <<'END'
link-connect|mx|pass|192.0.2.1:1|192.0.2.2:25
tx-begin|00000011
protocol-client|RCPT TO:<x@y>
tx-envelope|00000011|0000001100000001
protocol-server|451 4.7.1 later
tx-rollback|00000011
tx-reset|00000011
protocol-client|RSET
END
joined "the last recipient refused, without tx-rcpt" \
    "rollback x@y tempfail 451 4.7.1 later" status,recipient,rcpt-result,reply
lines 0.6 smtp-out 1 >quirk <<'END'
link-connect|one|pass|192.0.2.1:1|192.0.2.2:25
link-tls|TLSv1.2:C:256
tx-begin|00000011
timeout
link-connect|two|pass|192.0.2.1:2|192.0.2.3:25
tx-begin|00000011
link-disconnect
END
joined "a link that connects again" "timeout one TLSv1.2:C:256
disconnect two -" status,rdns,tls
joined "is one session" "disconnect two 2 -" status,rdns,transactions,mark -s
echo 'report|0.6|1.0|smtp-out|link-disconnect|00000000000000aa' >quirk
joined "a refused connection is a session" "disconnect 00000000000000aa -" \
    status,session,mark -s
sed -i 's/smtp-out/smtp-in/' quirk
joined "inwards its beginning was missed" "disconnect 00000000000000aa late-start" \
    status,session,mark -s
lines 0.6 smtp-out 1 >quirk <<'END'
link-connect|mx|pass|192.0.2.1:1|192.0.2.2:24
link-identify|LHLO|me
tx-begin|00000011
tx-envelope|00000011|0000001100000001
tx-rcpt|00000011|ok|a@b
tx-envelope|00000011|0000001100000002
tx-rcpt|00000011|ok|c@d
tx-data|00000011|ok
protocol-client|.
protocol-server|250 one
tx-commit|00000011|9
tx-reset|00000011
protocol-server|550 not the other
tx-rollback|00000011
END
joined "LMTP: a reply each" "commit ok,permfail 9" status,rcpt-result,size
joined "and a fate each" "failed delivered,failed" status,fate -m

# what is refused before there is a transaction, again, or not at all
lines 0.6 smtp-in 1 >quirk <<'END'
link-connect|h|pass|192.0.2.1:1|192.0.2.2:25
protocol-client|MAIL FROM:<a@b> FOO
protocol-server|503 no
tx-mail|00000000|permfail|a@b
tx-rcpt|00000000|permfail|a@b
protocol-client|MAIL FROM:<c@d>
protocol-server|250 ok
tx-begin|00000011
tx-mail|00000011|ok|c@d
protocol-client|MAIL FROM:<e@f>
protocol-server|503 again
tx-mail|00000011|permfail|e@f
protocol-client|RCPT TO:<x@y>
tx-envelope|00000011|0000001100000001
tx-envelope|00000011|0000001100000002
protocol-server|250 ok
tx-rcpt|00000011|ok|x@y
protocol-server|500 line too long
tx-rcpt|00000011|permfail|x@y
tx-data|00000011|ok
tx-data|00000011|permfail
tx-rollback|00000011
tx-reset|00000011
tx-reset|00000011
link-disconnect
END
joined "msgid 0, a second MAIL, an alias, an error said again, two tx-data" \
    "00000011 rollback c@d x@y,x@y ok,ok 0000001100000001,0000001100000002 -" \
    msgid,status,sender,recipient,rcpt-result,evpid,mark
joined "commands and errors" "4 3 1 0" commands,errors,transactions,commits -s
lines 0.6 smtp-in 1 >quirk <<'END'
tx-mail|00000011|ok|
tx-rcpt|00000011|tempfail|
tx-commit|00000011|5
tx-commit|00000012|6
tx-commit|00000012|6
link-disconnect
END
joined "no tx-begin, a null sender, only an end, an end twice" "\
00000011 commit <> <> tempfail 5 late-start
00000012 commit - - - 6 late-start" msgid,status,sender,recipient,rcpt-result,size,mark
lines 1 smtp-in 1 >quirk <<'END'
link-connect|h||192.0.2.1:1|192.0.2.2:25
tx-begin
tx-rollback
tx-begin|00000011
tx-mail|00000011|<a|b@c,d> SIZE=1|ok
protocol-client|.
tx-commit|00000011|5
protocol-server|421 queue failed
tx-begin|00000012
tx-begin|00000013
link-reset
timeout
tx-rollback
link-disconnect
END
joined "early dialects; a commit that failed; one that lost its end; a timeout" "\
- rollback - - -
00000011 rollback a|b@c,d corrected 421 queue failed
00000012 open - - -
00000013 timeout - - -" msgid,status,sender,mark,reply
lines 0.6 smtp-in 1 >quirk <<'END'
link-connect|h|pass|192.0.2.1:1|192.0.2.2:25
protocol-server|220 hi
protocol-client|AUTH LOGIN
filter-response|auth|report|x
filter-response|auth|shadow-disconnect|f 550 no
protocol-server|334 VXNlcm5hbWU6
protocol-client|********
protocol-server|334 UGFzc3dvcmQ6
protocol-client|********
link-auth|who|me|fail
protocol-server|535 no
protocol-client|AUTH PLAIN ********
link-auth|al|ice|pass
protocol-server|235 ok
filter-response|mail-from|reject|550 no
protocol-client|MAIL FROM:<a@b>
filter-response|mail-from|rewrite|c@d
protocol-server|250 ok
tx-begin|00000011
filter-response|rcpt-to|junk
filter-response|rcpt-to|junk
filter-response|rcpt-to|a%2Cb
filter-response|rcpt-to|shadow-reject|f 550 no
filter-response|data|proceed
filter-response|data|shadow-proceed|f
tx-rollback|00000011
tx-begin|00000012
tx-rollback|00000012
END
joined "decisions of the link, of MAIL and of the transaction, not those of shadows" "\
report,rewrite,junk,a%252Cb al|ice
report al|ice" decision,username
is "$(txjoin -s quirk | rptcut -d ' ' -f logins-failed,commands,errors)" "1 3 1" \
    "failed logins, commands and errors"
lines 0.6 smtp-in 1 >quirk <<'END'
link-connect|h|pass|192.0.2.1:1|192.0.2.2:25
tx-begin|00000011
END
echo 'report|0.6|1600000009.5|smtp-out|report-gap|0000000000000000|3|1600000003.0|1600000008.0' >>quirk
lines 0.6 smtp-in 1 >>quirk <<'END'
tx-rollback|00000011
tx-begin|00000012
tx-rollback|00000012
link-disconnect
END
joined "a gap marks what is open, and nothing after it" "rollback gap
rollback -" status,mark
joined "the session too" "disconnect gap" status,mark -s
lines 0.6 smtp-in 1 >quirk <<'END'
link-connect|h|pass|192.0.2.1:1|192.0.2.2:25
tx-begin|00000011
END
sed '/link-connect/s/0\{15\}1/aa/; /tx-begin/s/0\{15\}1/aa/' quirk | cat quirk - >both
mv both quirk
joined "open at the end of input, the oldest first" "open 0000000000000001
open 00000000000000aa" status,session
printf '%s\n' 'report|0.10|1600000001.25|smtp-in|tx-begin|a|1' \
    'report|0.10|1600000000.75|smtp-in|tx-rollback|a|1' >quirk
is "$(txjoin quirk | cut -d '|' -f 1-10)" \
    "report|0.10|1600000000.750000|smtp-in|tx-summary|000000000000000a|00000001|rollback|1600000001.250000|0.000000" \
    "a version nobody knows, short ids, a clock that was set back"

# messages
lines 0.6 smtp-in 1 >quirk <<'END'
link-connect|h|pass|192.0.2.1:1|192.0.2.2:25
tx-begin|00000011
tx-mail|00000011|ok|a@b
tx-envelope|00000011|0000001100000001
tx-rcpt|00000011|ok|x@y
tx-envelope|00000011|0000001100000002
tx-rcpt|00000011|ok|z@y
tx-rcpt|00000011|permfail|nobody@y
tx-commit|00000011|5
END
clock=1600000100
lines 0.6 smtp-out 2 >>quirk <<'END'
link-connect|mx|pass|192.0.2.1:1|192.0.2.2:25
tx-begin|00000011
tx-envelope|00000011|0000001100000002
tx-rcpt|00000011|ok|z@y
tx-envelope|00000011|0000001100000001
tx-rcpt|00000011|tempfail|x@y
tx-commit|00000011|9
link-disconnect
END
joined "a message under way" "00000011 open a@b x@y,z@y deferred,delivered ,98.000000 1,1" \
    msgid,status,sender,recipient,fate,delay,attempts -m
clock=1600000200
lines 0.6 smtp-out 3 >>quirk <<'END'
link-connect|mx|pass|192.0.2.1:1|192.0.2.2:25
tx-begin|00000011
tx-envelope|00000011|0000001100000001
tx-rcpt|00000011|permfail|x@y
tx-rollback|00000011
link-disconnect
END
joined "and when all have their fate" "0000000000000003 failed failed,delivered 196.000000,98.000000 2,1 -" \
    session,status,fate,delay,attempts,mark -m
sed '/smtp-in/d' quirk >cut && mv cut quirk
joined "not received here: no delay" "late-start failed delivered,failed ," \
    mark,status,fate,delay -m
clock=1600000000

# conservation
txjoin -c in-basic-0.6.log >got; status=$?
is "$status$(cat got)" 0 "-c: everything ends"
txjoin -c seed-v1.log | rptcut -d ' ' -f status,msgid >got
is "$(cat got)" "open fc08ce7d" "-c: what does not"
txjoin -c seed-v1.log >/dev/null; is $? 1 "is status 1"
txjoin -c </dev/null; is $? 0 "nothing violates nothing"

# bounds
for i in 1 2 3 4; do
	lines 0.6 smtp-in $i <<-END
	link-connect|h$i|pass|192.0.2.1:1|192.0.2.2:25
	tx-begin|0000001$i
	END
done >quirk
is "$(txjoin -o 2 quirk 2>&1 >got; rptcut -d ' ' -f status,msgid,mark got)" "\
txjoin: 2 closed by the bounds of -a and -o
evicted 00000011 evicted
evicted 00000012 evicted
open 00000013 -
open 00000014 -" "-o: the oldest goes, and is counted"
is "$(txjoin -s -Q -o 3 quirk | rptcut -d ' ' -f status,rdns,mark)" "evicted h1 evicted
open h2 -
open h3 -
open h4 -" "-o with -s and -Q"
clock=1600000010
lines 0.6 smtp-in 2 >>quirk <<'END'
tx-rollback|00000012
END
same_age() { txjoin -Q -a 8 quirk >a && txjoin -Q -a 8s quirk >b && cmp -s a b; }
ok "-a takes a unit" same_age
is "$(txjoin -a 8x quirk 2>&1; echo $?)" "txjoin: -a: 8x is no number of seconds
2" "-a 8x"
is "$(txjoin -Q -a 8 quirk | rptcut -d ' ' -f status,msgid,mark)" "\
evicted 00000011 evicted
evicted 00000012 evicted
evicted 00000013 evicted
evicted 00000014 evicted
rollback 00000012 late-start" "-a: what is too old, and its late end"
is "$(txjoin -m -Q -o 2 in-basic-0.6.log | rptcut -d ' ' -f status,mark | sort | uniq -c |
    tr -s ' ')" " 7 evicted evicted
 2 open -" "-o bounds messages"
txjoin -c -Q -o 2 quirk >/dev/null
is $? 1 "an evicted transaction has no end that was seen"

# all of them, one after the other and through each other
cat ./*-0.?.log seed-*.log >all
txjoin all >whole 2>/dev/null
for f in ./*-0.?.log seed-*.log; do txjoin "$f"; done | sort >single
sort whole | cmp -s - single && pass "many files are the same as each" ||
    fail "many files are the same as each"
is "$(rptcut -f event whole | sort | uniq -c | tr -s ' ')" " 77 tx-summary" \
    "every derived line is read again"
txjoin whole all >again 2>/dev/null
same again whole "and derived lines are passed over"
paste -d '\n' ./*-0.?.log seed-*.log >mixed
txjoin mixed 2>/dev/null | sort >again
same again single "lines of all through each other"
sed '/|2[25]0-/d' all | sed -n '200,700p' >pieces
for option in -c -m -s -Q; do
	txjoin $option pieces >expected 2>/dev/null
	perl -e '$| = 1; while (sysread STDIN, $b, 1) { syswrite STDOUT, $b }' <pieces |
	    txjoin $option >got 2>/dev/null
	same got expected "a byte at a time, $option"
done

# the recipes of the manual, on a log of all
cp all log
sed -n 's/^\.Dl \$ //p' "$TOP/man/txjoin.1" | sed 's/\\(dq/"/g' >recipes
is "$(wc -l <recipes | tr -d ' ')" 8 "the manual has its recipes"
while read -r recipe; do
	case $recipe in
	*rptfilter*)
		if ! command -v rptfilter >/dev/null; then
			skip "$recipe" "no rptfilter"
			continue
		fi ;;
	esac
	sh -c "$recipe" >got 2>said
	ok "$recipe" test -s got
	sed 's/^\(.\{100\}\).*/\1/' said | notes
done <recipes

# live
mkfifo fifo
txjoin <fifo >live &
exec 3>fifo
sed -n '/c73c0aff0dfb6250/p' seed-v1.log | sed '/QUIT/,$d' >&3
has_line() { grep -q 'tx-summary|c73c0aff0dfb6250|f84306b3|commit' live; }
ok "a transaction shows at its end" wait_for "$PATIENCE" has_line
exec 3>&-
wait
txjoin <fifo >live &
exec 3>fifo
sed -n '/7ed684a6ecca9836/p' in-basic-0.6.log |
    sed '/|protocol-server|/d; /QUIT/,$d; /disconnect/,$d' >&3
has_line() { grep -q 'tx-summary|7ed684a6ecca9836|1dca8c7c|commit' live; }
ok "and at once where replies are not reported" wait_for "$PATIENCE" has_line
exec 3>&-
wait

# a stream of our own
cd "$TOP" || exit 1
smtpd_conf <<CONF
listen on 127.0.0.1 port $PORT
table aliases { both = $USER_NAME, also = $USER_NAME }
action "local" maildir "$T/Maildir" alias <aliases>
match from local for domain "poolp.org" action "local"
proc keep "while read line; do echo \"\$line\" >>'$T/own'; done" protocol "0.7"
report smtp-in on keep
CONF
ok "the daemon starts" smtpd_start
printf 'Subject: hello\n\nworld\n' |
    "$SENDMAIL" -f both@poolp.org both@poolp.org also@poolp.org
over() { grep -F "|unix:" "$T/own" >"$T/hello" && [ "$(txjoin -s "$T/own" |
    rptcut -f src,status | grep -c 'unix:.*disconnect')" -ge 1 ]; }
wait_for "$PATIENCE" over
cd "$T" || exit 1
txjoin own | rptcut -d ' ' -f status,sender,recipient,rcpt-result,mark,reply |
    sed 's/2\.0\.0 [0-9a-f]* /2.0.0 MSGID /' >got
is "$(cat got)" "commit both@poolp.org both@poolp.org,also@poolp.org ok,ok -\
 250 2.0.0 MSGID Message accepted for delivery" "our own: the reply behind the commit"
is "$(txjoin own | rptcut -f size)" "$(txjoin own | rptcut -f size-raw)" "and its size once"
smtpd_stop

# what is wrong
printf '%s\n' 'report|1|x|smtp-in|timeout|c7' hello 'report|1|1|smtp-in|tx-new|c7|a' '' \
    'config|ready' >bad
got=$(txjoin bad 2>&1); is "$? $got" "2 txjoin: bad:1: time: not a time: report|1|x|smtp-in|timeout|c7
txjoin: bad:2: not a report line: hello" "malformed lines are named, foreign ones pass"
got=$(txjoin -Q bad seed-v1.log 2>&1); is "$? $(echo "$got" | wc -l | tr -d ' ')" "2 3" \
    "-Q, and the rest is processed"
got=$(txjoin gone 2>&1); is "$? $got" "2 txjoin: gone: No such file or directory" "no such file"
txjoin -s -m </dev/null 2>/dev/null; is $? 2 "one output at a time"
got=$(txjoin -o 0 2>&1 </dev/null); is "$? $got" "2 txjoin: -o is too small: 0" "a bad bound"
got=$(txjoin seed-v1.log 2>&1 >/dev/full)
is "$? $got" "2 txjoin: stdout: No space left on device" "a full disk is said"
gzip -c out-0.6.log >out.gz
is "$(txjoin out.gz | wc -l | tr -d ' ')" 15 "a compressed file"
txjoin </dev/null; is $? 0 "empty input"
