#!/bin/sh
# SPDX-License-Identifier: ISC
# The package opensmtpd for Python: what functions do wrong, the program of the
# founding post, and the package itself.
# once: no program of ours is run
. tests/lib.sh

B=$TOP/lib/bridge
PYTHONPATH=$B PYTHONDONTWRITEBYTECODE=1
export PYTHONPATH PYTHONDONTWRITEBYTECODE
cd "$T" || exit 1
SID=0f3004c08c82d33e
TOKEN=1ef1c203cc576e5d

# -- what functions do wrong --

failed="filter-result|$SID|$TOKEN|reject|451 4.3.0 The filter failed"
rcpt="filter|0.7|1.0|smtp-in|rcpt-to|$SID|$TOKEN|a@b"
line="filter|0.7|1.0|smtp-in|data-line|$SID|$TOKEN|a line"
cat >filter.py <<'END'
import opensmtpd
def rcpt_to(timestamp, session_id, args):
    return "550 no"
def mail_from(timestamp, session_id, args):
    return args.rdns
smtp_in = opensmtpd.SMTP_IN()
smtp_in.on_filter("rcpt-to", rcpt_to)
smtp_in.on_filter("mail-from", mail_from)
smtp_in.on_filter("data-line", lambda *args: 1 / 0)
smtp_in.run()
END
is "$({ echo "$rcpt"; echo "$rcpt" | sed 's/rcpt-to/mail-from/'; } | python3 filter.py 2>err
    grep -o '^[A-Z][A-Za-z]*Error' err)" "$failed
$failed
AssertionError
AttributeError" "what Python raises is a 451"
echo "$line" | python3 filter.py >out 2>err
is "$? $(cat out)" "1 " "at data-line it is the end: half a message does not pass"
cat >filter.py <<'END'
import opensmtpd
smtp_in = opensmtpd.SMTP_IN()
for wrong in (lambda: smtp_in.on_report("link-conect", print), lambda: smtp_in.on_filter("wiz", print),
              lambda: opensmtpd.SMTP_OUT().on_filter("connect", print)):
    try:
        wrong()
    except ValueError as error:
        print(error)
END
is "$(python3 filter.py)" "no such event: link-conect
no such phase of smtp-in: wiz
no such phase of smtp-out: connect" "names that no daemon has: Python"

# -- the package --

sed -n '/^import opensmtpd/,$p' >founding.py <<'END'
import opensmtpd

def link_connect(timestamp, session_id, args):
    rdns, fcrdns, laddr, raddr = args

def link_disconnect(timestamp, session_id, args):
    _ = args

def tx_begin(timestamp, session_id, args):
    tx_id = args[0]

def tx_mail(timestamp, session_id, args):
    tx_id, address, status = args

def tx_rcpt(timestamp, session_id, args):
    tx_id, address, status = args

def tx_envelope(timestamp, session_id, args):
    tx_id, evp_id = args

def tx_rollback(timestamp, session_id, args):
    tx_id = args[0]

def tx_commit(timestamp, session_id, args):
    tx_id, nbytes = args

def protocol_client(timestamp, session_id, args):
    line = args[0]

def protocol_server(timestamp, session_id, args):
    line = args[0]

if __name__ == "__main__":
    o = opensmtpd.SMTP_IN()

    o.on_report('link-connect', link_connect)
    o.on_report('link-disconnect', link_disconnect)

    o.on_report('tx-begin', tx_begin)
    o.on_report('tx-mail', tx_mail)
    o.on_report('tx-rcpt', tx_rcpt)
    o.on_report('tx-envelope', tx_envelope)
    o.on_report('tx-commit', tx_commit)
    o.on_report('tx-rollback', tx_rollback)

    o.on_report('protocol-client', protocol_client)
    o.on_report('protocol-server', protocol_server)

    o.run()
END
for log in "$TOP"/tests/data/*.log; do
	grep -a '^report|' "$log" | python3 founding.py >out 2>err
	is "$? $(cat out err)" "0 " "the founding program reads ${log##*/}, and says nothing"
done
printf '%s\n' "config|ready" | python3 founding.py >out
is "$(wc -l <out | tr -d ' ') $(tail -n 1 out)" "11 register|ready" "and registers where it is asked"
is "$(printf '%s\n' "report|0.7|1.0|smtp-in|tx-mail|$SID|fc08ce7d|ok|a@b" | python3 -c '
import opensmtpd
o = opensmtpd.SMTP_IN()
o.on_report("tx-mail", lambda timestamp, session_id, args: print(args.address))
o.run()')" "a@b" "a reporter that is fed a log prints to standard output"
is "$(python3 - "$B/opensmtpd/__init__.py" <<'END'
import ast, io, sys, tokenize
source = open(sys.argv[1]).read()
tree, docs, code = ast.parse(source), set(), set()
for node in ast.walk(tree):
    if not isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)):
        continue
    if ast.get_docstring(node):
        docs.update(range(node.body[0].lineno, node.body[0].end_lineno + 1))
    elif not getattr(node, "name", "").startswith("_"):
        print("no docstring:", node.name)
    if isinstance(node, ast.FunctionDef) and not (node.returns and
            all(a.annotation or a.arg == "self" for a in node.args.args)):
        print("no type hints:", node.name)
for token in tokenize.generate_tokens(io.StringIO(source).readline):
    if token.type not in (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT,
                          tokenize.DEDENT, tokenize.ENDMARKER):
        code.update(range(token.start[0], token.end[0] + 1))
print("less than 100 lines" if len(code - docs) < 100 else len(code - docs))
standard = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import)
            for alias in node.names} | {node.module for node in ast.walk(tree)
                                        if isinstance(node, ast.ImportFrom)}
print(*standard - set(sys.stdlib_module_names if sys.version_info >= (3, 10) else standard))
END
)" "less than 100 lines" "the package: its size, its hints, its words, the standard library alone"
plan $tests_run
