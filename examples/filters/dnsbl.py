#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""usage: dnsbl.py [-r address[:port]] zone ...

Refuses the recipients of clients that one of the zones lists.

    filter dnsbl proc-exec "/etc/mail/dnsbl.py zen.example.org"
    listen on 0.0.0.0 filter dnsbl

The questions go out when a client connects, so that the answers are there when
it names a recipient: what is out then is waited for until it is two seconds old,
and for less each time that it was in vain.  Who does not answer lists nobody.  -r is the resolver, else the first one of
resolv.conf.
"""
import getopt
import ipaddress
import random
import re
import select
import socket
import struct
import sys
import time

import opensmtpd

PATIENCE = 2.0
# An address record 127.0.0.2 or the like; 127.255 is how zones say that they do not answer.
LISTED = re.compile(b"\0\1\0\1....\0\4\x7f[^\xff]", re.DOTALL)

patience = {}   # by zone
waiting = {}    # by session: the questions without an answer, their zone, and when they were put
lists = {}      # by session: a zone that lists it
sessions = {}   # by number and name of a question: who wants to know


def resolver():
    """The first one of resolv.conf."""
    with open("/etc/resolv.conf", encoding="utf-8") as conf:
        for words in map(str.split, conf):
            if words[:1] == ["nameserver"]:
                return words[1]
    return "127.0.0.1"


def reverse_name(src):
    """2.0.0.127 of "127.0.0.2:40012", nothing of the local socket."""
    host = src.rpartition(":")[0].replace("IPv6:", "").strip("[]").partition("%")[0]
    try:
        return ipaddress.ip_address(host).reverse_pointer.rsplit(".", 2)[0]
    except ValueError:
        return None


def ask(session_id, zone, name):
    """Sends a question for the address of a name."""
    labels = b"".join(bytes([len(s)]) + s for s in name.encode().split(b".")) + b"\0"
    number = random.randrange(1 << 16)
    try:
        server.send(struct.pack("!6H", number, 0x0100, 1, 0, 0, 0) + labels + b"\0\1\0\1")
    except OSError as error:
        print(f"dnsbl: {error}")
        return
    sessions[number, labels] = session_id, zone
    waiting.setdefault(session_id, {})[number, labels] = zone, time.monotonic()


def take_answer():
    """Reads one, or that there will be none; what a session asked that is gone is of no use."""
    try:
        packet = server.recv(65535)
    except OSError:             # the resolver is not there
        return
    end = packet.find(b"\0", 12) + 1
    question = int.from_bytes(packet[:2], "big"), packet[12:end].lower()
    session_id, zone = sessions.pop(question, (None, None))
    waiting.get(session_id, {}).pop(question, None)
    patience[zone] = PATIENCE
    if session_id is not None and LISTED.search(packet, end + 4):
        lists[session_id] = zone


def link_connect(timestamp, session_id, args):
    """Asks all zones at once."""
    name = reverse_name(args.src)
    for zone in zones if name is not None else []:
        ask(session_id, zone, f"{name}.{zone}".lower())


def rcpt_to(timestamp, session_id, args):
    """Decides, with what there is or what comes soon."""
    questions = waiting.get(session_id, {})
    while session_id not in lists and questions:
        question, (zone, when) = min(questions.items(), key=lambda item: item[1][1])
        left = when + patience.get(zone, PATIENCE) - time.monotonic()
        if select.select([server], [], [], max(left, 0))[0]:
            take_answer()
        else:
            del questions[question]
            sessions.pop(question, None)
            patience[zone] = patience.get(zone, PATIENCE) / 2
    if session_id in lists:
        return opensmtpd.reject(f"550 5.7.1 Your address is listed by {lists[session_id]}")
    return None


def link_auth(timestamp, session_id, args):
    """Who has a password may come from anywhere."""
    if args.result == "pass":
        forget(timestamp, session_id, args)


def forget(timestamp, session_id, args):
    """The session has ended."""
    lists.pop(session_id, None)
    for question in waiting.pop(session_id, {}):
        sessions.pop(question, None)


options, zones = getopt.getopt(sys.argv[1:], "r:")
if not zones:
    sys.exit(__doc__.partition("\n")[0])
host, port = re.match(r"([^:]*|\[.*\])(?::(\d+))?$|", dict(options).get("-r", "")).groups()
server = socket.socket(socket.AF_INET6 if ":" in (host or resolver()) else socket.AF_INET,
                       socket.SOCK_DGRAM)
server.connect(((host or resolver()).strip("[]"), int(port or 53)))
smtp_in = opensmtpd.SMTP_IN()
smtp_in.on_report("link-connect", link_connect)
smtp_in.on_report("link-auth", link_auth)
smtp_in.on_report("link-disconnect", forget)
smtp_in.on_filter("rcpt-to", rcpt_to)
smtp_in.run()
