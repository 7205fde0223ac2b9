# SPDX-License-Identifier: ISC
"""Filters and reporters of a mail daemon in Python.

    import opensmtpd

    def rcpt_to(timestamp, session_id, args):
        if args.address.startswith("abuse-"):
            return opensmtpd.reject("550 5.1.1 no such user")

    smtp_in = opensmtpd.SMTP_IN()
    smtp_in.on_filter("rcpt-to", rcpt_to)
    smtp_in.run()

A handler is called with the time as it stands in the line, the session's
identifier, and what the event or the request says: a tuple in the order of
December 2018 whatever the daemon speaks, whose items also have the names of
smtpd-report(7), as args.rdns.  What a dialect lacks is empty.

What a filter prints goes to standard error, which the daemon logs: standard
output is for its answers.
"""
import os
import re
import sys
from typing import Any, Callable, Dict, Iterable, Sequence, Tuple, Union

# Events and phases, and the names of what they say.
FIELDS = {(kind, words[0]): words[1:] for kind, text in (("report", """*, link-reset, timeout,
    link-connect rdns fcrdns src dest, link-greeting hostname, link-identify method identity,
    link-tls tls, link-auth username result, link-disconnect, link-failed dest reason, tx-begin
    msgid, tx-mail msgid address result, tx-rcpt msgid address result, tx-reset msgid, tx-envelope
    msgid evpid, tx-data msgid result, tx-commit msgid size, tx-rollback msgid, protocol-client
    command, protocol-server reply, filter-response phase decision param, filter-report kind filter
    message, report-gap count first last"""), ("filter", """connect rdns src, helo identity rdns,
    ehlo identity rdns, starttls, auth auth, mail-from address, rcpt-to address, data, data-line
    line, commit, rset, quit, noop, help""")) for words in map(str.split, text.split(","))}
# In order of age; an unknown one is newer than all.
VERSIONS = ["", "1", "0", "0.1", "0.2", "0.3", "0.4", "0.5", "0.6", "0.7"]
# A line of any of them: kind, version, time, subsystem, name, time (of old), session, the rest.
LINE = re.compile(r"(?s)(report|filter)(?:-request)?\|(?:([\d.]+)\|([\d.]+)\|)?(?:in-smtp-|"
                  r"(smtp-in|smtp-out)\|)([^|]+)\|(?:(\d{10})\|)?([0-9a-f]+)(?:\|(.*))?")
# How the rest is cut where its form has changed, or another field than the last may hold a bar.
CUTS: Dict[str, Callable[[str, int], Sequence[str]]] = {
    "rdns fcrdns src dest": lambda s, age: re.findall(
        r"(?s)^(?:(.*?)(?:\|(pass|fail|error|))?\|)?([^|]*)\|([^|]*)$", s)[0],
    "rdns src": lambda s, age: s.rsplit("|", 1),
    "identity rdns": lambda s, age: s.split("|", 1)[::-1] if age < 2 else [s],
    "method identity": lambda s, age: re.findall(r"(?s)^(?:(HELO|EHLO|LHLO)\|)?(.*)$", s)[0],
    "username result": lambda s, age: s.rsplit("|", 1) if age < 9 else s.split("|", 1)[::-1],
    "msgid address result": lambda s, age: [s[:8], *CUTS["username result"](s[9:], age + 1)]}


class Args(tuple):
    """What a line says: positions in the founding order, and a name for each."""


class Decision(str):
    """The answer to a request, as the functions below make it."""


def _decision(word: str, text: str, form: str = "") -> Decision:
    if not re.fullmatch(form + "[^\r\n\0]+", text):
        raise ValueError(f"{word} cannot have this text: {text!r}")
    return Decision(f"{word}|{text}")


def proceed() -> Decision:
    """As if there were no filter; a handler that returns nothing says the same."""
    return Decision("proceed")


def junk() -> Decision:
    """Marks the message, or all of the session's, as spam."""
    return Decision("junk")


def reject(reply: str) -> Decision:
    """Refuses the command with a reply: "550 5.7.1 not here"."""
    return _decision("reject", reply, r"[45]\d\d ")


def disconnect(reply: str) -> Decision:
    """Refuses with a reply, and closes the connection."""
    return _decision("disconnect", reply, r"[45]\d\d ")


def rewrite(argument: str) -> Decision:
    """Gives the command another argument; of mail-from and rcpt-to in brackets: "<a@b>"."""
    return _decision("rewrite", argument)


def report(text: str) -> Decision:
    """Proceeds, and has the daemon report the text; daemons know it since 2024."""
    return _decision("report", text)


Handler = Callable[[str, str, Any], Union[None, str, Iterable[str]]]


class SMTP_IN:
    """What the daemon's clients do: reports of it, and requests to decide on it."""
    subsystem = "smtp-in"
    handlers: Dict[Tuple[str, str, str], Handler] = {}  # of all objects: there is one input

    def on_report(self, event: str, f: Handler) -> None:
        """Calls f(timestamp, session_id, args) at an event; "*": at those without a handler."""
        if ("report", event) not in FIELDS:
            raise ValueError(f"no such event: {event}")
        self.handlers["report", self.subsystem, event] = f

    def on_filter(self, phase: str, f: Handler) -> None:
        """Calls f(timestamp, session_id, args) at a phase, and answers what it returns.

        That is a decision, or nothing to proceed.  At data-line args.line is a line as it
        is on the wire, a first dot doubled, "." at the end, and f returns what shall stand
        there instead: a string, several, or nothing for the line itself.  The end stays.
        """
        if ("filter", phase) not in FIELDS or self.subsystem != "smtp-in":
            raise ValueError(f"no such phase of {self.subsystem}: {phase}")
        self.handlers["filter", self.subsystem, phase], sys.stdout = f, sys.stderr

    def run(self) -> None:
        """Answers the lines of standard input, for all objects, until it ends.

        What a handler raises is printed, and its request refused with 451.  At data-line it
        ends the program, lest half a message pass: the daemon refuses what is under way.
        """
        left, chunk = b"", b"?"
        while chunk:
            chunk = os.read(0, 1 << 16)
            *lines, left = (left + (chunk or b"\n")).split(b"\n")
            said = "".join(self._take(line.decode("utf-8", "surrogateescape")) for line in lines)
            os.write(1, said.encode("utf-8", "surrogateescape"))
            sys.stdout.flush()

    def _take(self, line: str) -> str:
        if line == "config|ready":
            sys.stdout = sys.stderr
            return "".join(f"register|{'|'.join(key)}\n" for key in [*self.handlers, ("ready",)])
        if not (match := LINE.fullmatch(line)):     # config, or what a filter said in a log
            return ""
        kind, version, time, subsystem, name, old_time, session, rest = match.groups("")
        age = VERSIONS.index(version) if version in VERSIONS else len(VERSIONS)
        subsystem, time = subsystem or "smtp-in", time or old_time
        ids, name = session, name.replace("connected", "connect")
        if kind == "filter" and age > 1:
            token, rest = rest.split("|", 1)
            ids = f"{token}|{session}" if age < 7 else f"{session}|{token}"
        f = self.handlers.get((kind, subsystem, name)) or self.handlers.get((kind, subsystem, "*"))
        names = FIELDS.get((kind, name), ["param"])
        cut = CUTS.get(" ".join(names), lambda s, age: s.split("|", len(names) - 1))
        try:
            args = Args(re.sub("^ *<([^>]*)>.*", r"\1", value) if field == "address" else value
                        for field, value in zip(names, [*cut(rest, age), *[""] * len(names)]))
            args.__dict__.update(zip(names, args), version=version, time=time, session=session,
                                 subsystem=subsystem, event=name)
            said = f(time, session, args) if f else None
            assert kind == "report" or name == "data-line" or isinstance(
                said, (Decision, type(None))), f"no decision: {said!r}"
        except (() if name == "data-line" else Exception):
            sys.excepthook(*sys.exc_info())
            said = reject("451 4.3.0 The filter failed")
        if name != "data-line":
            answer = f"filter-{'result' if version else 'response'}|{ids}|{said or 'proceed'}\n"
            return answer if kind == "filter" else ""
        lines = [rest] if said is None else [said] if isinstance(said, str) else said
        texts = [text for part in lines for text in re.split("\r?\n", part.rstrip("\r\n"))]
        texts = texts[:-1] if [rest] == texts[-1:] == ["."] else texts
        return "".join(f"filter-dataline|{ids}|{text}\n" for text in (
            *(".." if text == "." else text for text in texts), *["."] * (rest == ".")))


class SMTP_OUT(SMTP_IN):
    """What the daemon does as a client: reports alone."""
    subsystem = "smtp-out"
