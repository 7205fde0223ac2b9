#!/bin/sh
# SPDX-License-Identifier: ISC
# The tools together, on streams of every dialect: what should commute does,
# whatever the stream and the question are.  SEED=N repeats a run.
. tests/lib.sh

SEED=${SEED:-$$}
ROUNDS=6
plan $((ROUNDS * 3 + 10))
note "SEED=$SEED"
export TZ=UTC

# All samples, and what a queue would say of the envelopes that came in.
# They stand behind the reply, if there is one after the commit.
cat tests/data/*.log | grep -a '^report|' | awk -F'|' '{ print }
    $4 == "smtp-in" && $5 == "tx-envelope" { envelopes[$7] = envelopes[$7] " " $8 }
    $4 == "smtp-in" && $5 == "tx-commit" { msgid = $7; committed = 1 }
    committed && $5 != "tx-commit" && $5 != "tx-reset" {
	committed = 0
	m = split(envelopes[msgid], evpid, " ")
	n = split("delivered deferred failed expired removed", fate, " ")
	for (i = 1; i <= m; i++) {
		what = fate[++k % n + 1]
		print "report|" $2 "|" $3 "|queue|envelope-" what "|0000000000000000|" \
		    msgid "|" evpid[i] "|" (k % 3 ? "relay|2|61.250000" : "maildir|1|0.003000") \
		    (what == "deferred" ? "|1795329999.000000" : "") "|192.0.2." k % 9 ":25|" \
		    ($2 == "1" ? "<a" k "@example.org>" : "a" k "@example.org") "|250 a|b"
	}
    }' >"$T/whole"
# In an order of chance: sessions overlap and are torn.
awk -v seed="$SEED" 'BEGIN { srand(seed) } { print rand() "\t" $0 }' "$T/whole" |
    sort -k 1,1 | cut -f 2- >"$T/torn"

cat >"$T/questions" <<'END'
event == tx-rcpt and result != ok
subsystem == smtp-out
fcrdns == pass or fcrdns == error
src in (127.0.0.0/8, 192.0.2.0/24)
reply ~ "^5" or command ~ "^RCPT"
not msgid
size > 500
address.domain == Example.ORG or address.user ~ "a"
tls
event in (link-connect, tx-commit, protocol-client)
version != 0.6
method == EHLO and identity !~ "example"
delay > 1 and transport == relay
attempts < 2 or next
recipient.user ~ "^a[1-5]"
END
# The Nth question, of chance.
question()
{
	awk -v n="$(awk -v seed="$((SEED * 31 + $1))" "BEGIN { srand(seed); print int(rand() * 15) + 1 }")" \
	    "NR == n" "$T/questions"
}

cd "$T" || exit 1
i=0
while [ $i -lt $ROUNDS ]; do
	i=$((i + 1))
	a=$(question $((2 * i))) b=$(question $((2 * i + 1)))
	rptfilter -Q "$a" torn >a
	rptfilter -Q "$b" a >ab
	rptfilter -Q "$b" torn | rptfilter -Q "$a" >ba
	rptfilter -Q "($a) and ($b)" torn >both
	same ab ba "$a: before or after $b"
	same ab both "and as one question"
	{ cat a; rptfilter -Q -v "$a" torn; } | sort >parts
	sort torn | cmp -s - parts
	is $? 0 "$a: every line is selected, or is not"
done

rptfmt -Q -V same torn >rewritten
cmp -s torn rewritten
is $? 0 "a stream rewritten in its own dialects is the same"
q=$(question 99)
rptfilter -Q "$q" torn | rptfmt -Q -V same >ab
rptfmt -Q -V same torn | rptfilter -Q "$q" >ba
same ab ba "$q: before or after rewriting"
rptfmt -Q -V 0.7 torn >newest
rptfmt -Q -V 0.7 newest >again
same again newest "what is in the newest dialect stays as it is"
rptcut -Q -f event,session,msgid,result torn >ab
rptcut -Q -f event,session,msgid,result newest >ba
same ab ba "and says the same"
txjoin -Q whole | rptfilter -Q 'subsystem == smtp-in' | sort >ab
rptfilter -Q 'subsystem == smtp-in' whole | txjoin -Q | sort >ba
same ab ba "a direction of the transactions, or the transactions of a direction"
printf 'a secret key of this test' >key
rptfmt -Q -V same -K key whole | txjoin -Q | rptcut -Q -f msgid,status,size >ab
txjoin -Q whole | rptcut -Q -f msgid,status,size >ba
same ab ba "names are hidden, and joins survive"
rptcut -Q -f event,msgid,evpid,transport,attempts,recipient torn | grep -a ^envelope >ab
rptcut -Q -f event,msgid,evpid,transport,attempts,recipient newest | grep -a ^envelope >ba
same ab ba "and the queue says the same in the newest dialect"
txjoin -Q -m whole | rptcut -Q -f msgid,status,evpid,fate,attempts | sort >ab
rptfmt -Q -V same -K key whole | txjoin -Q -m | rptcut -Q -f msgid,status,evpid,fate,attempts | sort >ba
same ab ba "names are hidden, and fates survive"
is "$(grep -av '|smtp-out|' whole | txjoin -Q -m | rptcut -Q -s -f fate | tr , '\n' |
    grep -c -e delivered -e failed -e expired -e removed)" \
    "$(grep -aEc '\|queue\|envelope-(delivered|failed|expired|removed)\|' whole)" \
    "each fate of the stream is in one message"
grep -av '|queue|' whole >without
is "$(txjoin -Q -c without | rptcut -f event | sort -u)" "$(txjoin -Q -c whole | rptcut -f event | sort -u)" \
    "-c: what the queue says of all envelopes is no contradiction"
