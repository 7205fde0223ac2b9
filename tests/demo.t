#!/bin/sh
# SPDX-License-Identifier: ISC
# make demo ONCE=1, in a copy of the tree: status 0 means that the message
# arrived and that the stream told it.
. tests/lib.sh

plan 6

mkdir "$T/tree"
cp -R examples "$T/tree"
cp -R "$BUILD/bin" "$BUILD/smtpd" "$T/tree"

ONCE=1 PORT=$PORT timeout 120 sh "$T/tree/examples/demo" run >"$T/out" 2>&1
is $? 0 "the demo ends with status 0"
ok "it shows the stream as rptfmt writes it" grep -q 'reporting.*tx-commit\|reporting.*commit' "$T/out"
ok "it shows the message" grep -q '^Subject: Mail that you can pipe' "$T/out"
ok "the message is in the Maildir" grep -q '^This message came' "$T"/tree/demo/Maildir/new/*
ok "the key is for its owner alone" [ "$(stat -c %a "$T/tree/demo/key.pem")" = 600 ]

perl -MIO::Socket::INET -e '$s = IO::Socket::INET->new(Listen => 1,
    LocalAddr => "127.0.0.1", LocalPort => $ARGV[0]) or die; sleep' "$PORT" &
holder=$!
wait_for "$PATIENCE" port_open "$PORT"
ONCE=1 PORT=$PORT timeout 120 sh "$T/tree/examples/demo" run >"$T/out" 2>&1
is "$?$(grep -c 'PORT=2526' "$T/out")" 11 "a port that is taken: status 1, and a word on PORT"
kill $holder
