#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""usage: dkim-sign.py -d domain -s selector -k key

Signs messages as RFC 6376 has it, relaxed/relaxed and with RSA and SHA-256: those
of clients that have authenticated, and those from this host.

    filter dkim proc-exec "/etc/mail/dkim-sign.py -d example.org -s mail -k /etc/mail/dkim.key"
    listen on 0.0.0.0 port submission tls-require pki example.org auth filter dkim
    listen on socket filter dkim

The key, and what is to stand in the DNS as the text of mail._domainkey.example.org:

    openssl genrsa -out /etc/mail/dkim.key 2048
    echo "v=DKIM1; k=rsa; p=$(openssl rsa -in /etc/mail/dkim.key -pubout -outform DER | base64 -w 0)"

The key has to be readable to the user as whom the filter runs, _smtpf, and to no
other.  openssl(1) signs.
"""
import base64
import getopt
import hashlib
import re
import subprocess
import sys
import time

import opensmtpd

SIGNED = ["from", "to", "cc", "subject", "date", "message-id", "reply-to", "in-reply-to",
          "references", "mime-version", "content-type", "content-transfer-encoding"]

signs = set()       # sessions whose messages are signed
unsigned = set()    # sessions whose message is to be refused
messages = {}       # by session: the lines so far


def relaxed_header(text):
    """A header, its lines joined: name in small letters, single blanks."""
    name, _, value = text.partition(":")
    return name.strip().lower() + ":" + re.sub(r"[ \t\r\n]+", " ", value).strip(" ")


def relaxed_body(lines):
    """Single blanks, none at the end of lines, no empty lines at the end."""
    lines = [re.sub(r"[ \t]+", " ", line).rstrip(" ") for line in lines]
    while lines and not lines[-1]:
        lines.pop()
    return "".join(line + "\r\n" for line in lines)


def to_bytes(text):
    """As it came: the bridge keeps what is no UTF-8."""
    return text.encode("utf-8", "surrogateescape")


def split(lines):
    """The headers, a string each, and the lines of the body, without the stuffing."""
    lines = [line[1:] if line.startswith(".") else line for line in lines]
    end = lines.index("") if "" in lines else len(lines)
    headers = []
    for line in lines[:end]:
        if line[:1] in (" ", "\t") and headers:
            headers[-1] += "\n" + line
        else:
            headers.append(line)
    return headers, lines[end + 1:]


def signature(lines):
    """The header to be put on top; none if openssl does not sign, which it says."""
    headers, body = split(lines)
    chosen = [h for name in SIGNED for h in reversed(headers)
              if relaxed_header(h).partition(":")[0] == name]
    # Another From that is added would not be signed: so none may be added.
    names = [relaxed_header(h).partition(":")[0] for h in chosen] + ["from"]
    digest = base64.b64encode(hashlib.sha256(to_bytes(relaxed_body(body))).digest()).decode()
    header = (f"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d={domain}; s={selector};\n"
              f"\tt={int(time.time())}; bh={digest};\n\th={':'.join(names)};\n\tb=")
    text = "".join(relaxed_header(h) + "\r\n" for h in chosen) + relaxed_header(header)
    result = subprocess.run(["openssl", "dgst", "-sha256", "-sign", key], input=to_bytes(text),
                            stdout=subprocess.PIPE, check=True)
    signed = base64.b64encode(result.stdout).decode()
    return header + "\n\t ".join(re.findall(".{1,70}", signed))


def is_ours(lines):
    """Whether the message says that it is from the domain."""
    return any(re.search(f"@{re.escape(domain)}[> \t]*$", h, re.IGNORECASE) for h in split(lines)[0]
               if h[:5].lower() == "from:")


def link_connect(timestamp, session_id, args):
    """This host's own: over the socket, or the loopback."""
    if re.match(r"unix:|local:|127\.|\[::1\]|IPv6:::1:", args.src):
        signs.add(session_id)


def link_auth(timestamp, session_id, args):
    """And who has a password."""
    if args.result == "pass":
        signs.add(session_id)


def link_disconnect(timestamp, session_id, args):
    """Whatever became of it."""
    signs.discard(session_id)
    unsigned.discard(session_id)
    messages.pop(session_id, None)


def data_line(timestamp, session_id, args):
    """Keeps the message back until it is whole."""
    if session_id not in signs:
        return None
    if args.line != ".":
        messages.setdefault(session_id, []).append(args.line)
        return []
    lines = messages.pop(session_id, [])
    if not is_ours(lines):
        return lines
    try:
        return [signature(lines), *lines]
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"dkim-sign: {error}")
        unsigned.add(session_id)
        return lines


def commit(timestamp, session_id, args):
    """What should be signed and could not be waits."""
    if session_id in unsigned:
        unsigned.discard(session_id)
        return opensmtpd.reject("451 4.7.5 Cannot sign for now")
    return None


options = dict(getopt.getopt(sys.argv[1:], "d:s:k:")[0])
if len(options) != 3:
    sys.exit(__doc__.partition("\n")[0])
domain, selector, key = (options[letter] for letter in ("-d", "-s", "-k"))
smtp_in = opensmtpd.SMTP_IN()
smtp_in.on_report("link-connect", link_connect)
smtp_in.on_report("link-auth", link_auth)
smtp_in.on_report("link-disconnect", link_disconnect)
smtp_in.on_filter("data-line", data_line)
smtp_in.on_filter("commit", commit)
smtp_in.run()
