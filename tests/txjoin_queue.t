#!/bin/sh
# SPDX-License-Identifier: ISC
# txjoin(1) and the queue: what became of envelopes, and what -c makes of it.
. tests/lib.sh
. tests/join.sh

cd "$T" || exit 1
plan 18

# -- what the queue says of envelopes ------------------------------------------

# received MSGID ADDRESS...: a message that a client sent, its envelopes counted from 1
received()
{
	msgid=$1; shift
	{
		echo 'link-connect|mx|pass|192.0.2.1:1|192.0.2.2:25'
		echo "tx-begin|$msgid"
		echo "tx-mail|$msgid|ok|sender@a"
		i=0
		for address; do
			i=$((i + 1))
			echo "tx-envelope|$msgid|${msgid}0000000$i"
			echo "tx-rcpt|$msgid|ok|$address"
		done
		echo "tx-commit|$msgid|100"
		echo link-disconnect
	} | lines 0.7 smtp-in 1
}

# sent MSGID N ADDRESS: one envelope of it, in a session to another server
sent()
{
	lines 0.7 smtp-out 2 <<END
link-connect|mx|pass|192.0.2.2:1|192.0.2.3:25
tx-begin|$1
tx-envelope|$1|${1}0000000$2
tx-mail|$1|ok|sender@a
tx-rcpt|$1|ok|$3
tx-commit|$1|100
link-disconnect
END
}

# fate WHAT MSGID N ADDRESS [ATTEMPTS [DELAY]]
fate()
{
	next=; [ "$1" != deferred ] || next='1600000900.000000|'
	echo "envelope-$1|$2|${2}0000000$3|relay|${5-1}|${6-0.250000}|${next}192.0.2.3:25|$4|250 a|b" |
	    lines 0.7 queue 0
}
# refused MSGID ADDRESS: one that the other server does not take, which has no envelope there
refused()
{
	lines 0.7 smtp-out 2 <<END
link-connect|mx|pass|192.0.2.2:1|192.0.2.3:25
tx-begin|$1
tx-mail|$1|ok|sender@a
tx-rcpt|$1|permfail|$2
tx-rollback|$1
link-disconnect
END
}
of_messages=msgid,status,sender,recipient,fate,delay,attempts,mark

{ received 0000000a x@b y@b; fate delivered 0000000a 1 x@b; fate failed 0000000a 2 y@b 3 9.5; } >quirk
joined "the queue's fates, delays and attempts" \
    "0000000a failed sender@a x@b,y@b delivered,failed 0.250000,9.500000 1,3 -" $of_messages -m
fate delivered 0000000a 2 y@b >>quirk
joined "nothing is learnt twice" \
    "0000000a failed sender@a x@b,y@b delivered,failed 0.250000,9.500000 1,3 -" $of_messages -m
{ received 0000000a x@b; fate failed 0000000a 1 x@b; refused 0000000a x@b; } >quirk
joined "nor from the session of a refusal that comes behind it" \
    "0000000a failed sender@a x@b failed 0.250000 1 -" $of_messages -m
{ received 0000000a x@b; fate deferred 0000000a 1 x@b; sent 0000000a 1 x@b
  fate delivered 0000000a 1 x@b 2 60.5; } >quirk
joined "the session that sent it and the queue: one message" \
    "0000000a delivered sender@a x@b delivered 60.500000 2 -" $of_messages -m
{ received 0000000a x@b; fate deferred 0000000a 1 x@b; fate delivered 0000000a 1 x@b 2 60.5
  sent 0000000a 1 x@b; } >quirk
joined "the queue's line overtakes the session's" \
    "0000000a delivered sender@a x@b delivered 60.500000 2 -" $of_messages -m
{ received 0000000a x@b; sent 0000000a 1 x@b; fate delivered 0000000a 1 x@b; } >quirk
joined "the first line of the queue comes after the message was written" \
    "0000000a delivered sender@a x@b delivered 0.000000 1 -" $of_messages -m
{ received 0000000a x@b y@b; fate expired 0000000a 1 x@b; fate deferred 0000000a 2 y@b 4; } >quirk
joined "open at the end of input" \
    "0000000a open sender@a x@b,y@b expired,deferred 0.250000, 1,4 -" $of_messages -m
{ fate delivered 0000000a 1 x@b 1 0.5; fate removed 0000000a 2 y@b 2 1; } >quirk
joined "received unseen: by the delay it is known when" "\
1600000000.500000 delivered x@b delivered 0.500000 late-start
1600000000.000000 failed y@b removed 1.000000 late-start" begin,status,recipient,fate,delay,mark -m
{ received 0000000a x@b
  echo 'message-bounce|0000000a|failed|0000000b|sender@a' | lines 0.7 queue 0
  fate failed 0000000a 1 x@b; fate delivered 0000000b 1 sender@a; } >quirk
joined "a bounce is a message too" "\
0000000a failed sender@a x@b failed 0.250000 1 bounced
0000000b delivered <> sender@a delivered 0.250000 1 -" $of_messages -m
{ received 0000000a x@b | rptfmt -V 1
  echo 'report|1|1600000019|queue|envelope-delivered|0000000000000000|0000000a|0000000a00000001|mda|1|2||<x@b>|'
} >quirk
joined "in the founding form" "0000000a delivered sender@a x@b delivered 2.000000 1 -" $of_messages -m

# -c
checked()	# DESCRIPTION STATUS LINES
{
	checked_got=$(txjoin -c quirk | rptcut -d ' ' -f event,msgid,evpid,fate,mark)
	txjoin -c quirk >/dev/null
	is "$? $checked_got" "$2 $3" "$1"
}
{ received 0000000a x@b y@b; fate delivered 0000000a 1 x@b; fate deferred 0000000a 2 y@b; } >quirk
checked "-c: one that is deferred may stay so" 0 ""
{ received 0000000a x@b y@b; fate delivered 0000000a 1 x@b; } >quirk
checked "-c: an envelope of which the queue says nothing" \
    1 "msg-summary 0000000a 0000000a00000001,0000000a00000002 delivered,open -"
received 0000000a x@b >quirk
checked "-c: nor does it of any" 0 ""
{ received 0000000a x@b y@b; fate delivered 0000000a 1 x@b; fate failed 0000000a 1 x@b
  fate removed 0000000a 2 y@b; fate delivered 0000000a 2 y@b; } >quirk
checked "-c: two fates, of a message that is open and of one that is not" 1 "\
msg-summary 0000000a 0000000a00000001 failed late-start,twice
msg-summary 0000000a 0000000a00000002 delivered late-start,twice"
{ received 0000000a x@b; fate delivered 0000000a 2 y@b; fate delivered 0000000a 1 x@b
  fate delivered 0000000b 1 z@b; } >quirk
checked "-c: an envelope that was not accepted; one received before the log began" \
    1 "msg-summary 0000000a 0000000a00000002 delivered late-start,stray"
{ received 0000000a x@b
  echo 'report-gap|3|1600000000.000000|1600000001.000000' | lines 0.7 queue 0
  fate deferred 0000000c 1 x@b; } >quirk
checked "-c: lost lines are a mark" 1 "msg-summary 0000000a 0000000a00000001 open gap"

# a connection that did not come up
lines 0.7 smtp-out 3 >quirk <<'END'
link-failed|192.0.2.3:25|Connection refused
END
joined "-s: a connection that did not come up" "failed 192.0.2.3:25 0 -" status,dest,commands,mark -s
joined "-c: nothing is open" "" status -c
