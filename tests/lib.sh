# SPDX-License-Identifier: ISC
# What the tests in sh share: `. tests/lib.sh` at their top, run from the top
# of the tree.  Root becomes nobody, but not in a test that is named root_*.
#
#   $T         directory of this test, removed at its end
#   $SMTPD     the daemon; $SENDMAIL, $SMTPCTL; $BIN the directory of the tools
#   $PORT      a free port on 127.0.0.1; $USER_NAME who runs this test

case $0 in
*root_*)
	[ "$(id -u)" = 0 ] || { echo "1..0 # SKIP needs root"; exit 0; } ;;
*)
	if [ "$(id -u)" = 0 ]; then
		exec setpriv --reuid="$(id -u nobody)" --regid="$(id -g nobody)" \
		    --clear-groups --inh-caps=-all -- sh "$0" "$@"
	fi ;;
esac

TOP=$(pwd)
BUILD=${BUILD:+$TOP/$BUILD}
BUILD=${BUILD:-$TOP}
BIN=$BUILD/bin
SMTPD=$BUILD/smtpd/smtpd
SENDMAIL=$BUILD/smtpd/sendmail
SMTPCTL=$BUILD/smtpd/smtpctl
PATH=$BUILD/smtpd:$BIN:$PATH
USER_NAME=$(id -un)
# A slow machine, or the sanitizers, may take so much longer.
PATIENCE=${PATIENCE:-30}
# A program that ends soon frees nothing, and the daemon cannot be traced.
ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0
export PATH ASAN_OPTIONS
unset SMTPD_CONTROL

T=$(mktemp -d "${TMPDIR:-/tmp}/pipepost-test.XXXXXX") || exit 1
tests_run=0
tests_failed=0
smtpd_pid=

cleanup()
{
	status=$?
	trap - EXIT
	smtpd_stop
	cd / && rm -rf "$T"
	[ $status -ne 0 ] || [ $tests_failed -eq 0 ] || status=1
	exit $status
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

plan() { echo "1..$1"; }
skip_all() { echo "1..0 # SKIP $*"; exit 0; }
# Says something that only a reader of a failure wants to know.
note() { printf '%s\n' "$*" | sed 's/^/# /'; }
notes() { sed 's/^/# /' "$@"; }

pass() { tests_run=$((tests_run + 1)); echo "ok $tests_run - $*"; }
fail()
{
	tests_run=$((tests_run + 1)); tests_failed=$((tests_failed + 1))
	echo "not ok $tests_run - $*"
}
skip()	# DESCRIPTION WHY
{
	tests_run=$((tests_run + 1)); echo "ok $tests_run - $1 # SKIP $2"
}

# ok DESCRIPTION COMMAND...: the command succeeds.
ok()
{
	ok_what=$1; shift
	if "$@"; then pass "$ok_what"; else fail "$ok_what"; note "failed: $*"; fi
}

# is GOT EXPECTED DESCRIPTION
is()
{
	if [ "$1" = "$2" ]; then
		pass "$3"
	else
		fail "$3"
		note "got:"; note "$1"
		note "expected:"; note "$2"
	fi
}

# same FILE EXPECTED-FILE DESCRIPTION
same()
{
	if cmp -s "$1" "$2"; then
		pass "$3"
	else
		fail "$3"
		diff "$2" "$1" | cut -c 1-200 | sed 40q | notes
	fi
}

# wait_for SECONDS COMMAND...: until the command succeeds, at most so long.
wait_for()
{
	wait_until=$(($(date +%s) + $1)); shift
	until "$@" >/dev/null 2>&1; do
		[ "$(date +%s)" -lt $wait_until ] || return 1
		sleep 0.05
	done
}

free_port()
{
	perl -MIO::Socket::INET -e 'print IO::Socket::INET->new(Listen => 1,
	    LocalAddr => "127.0.0.1")->sockport'
}
PORT=$(free_port)

port_open()	# PORT
{
	perl -MIO::Socket::INET -e 'exit !IO::Socket::INET->new(
	    PeerAddr => "127.0.0.1", PeerPort => $ARGV[0])' "$1"
}

# A key and a certificate for localhost: $T/key.pem and $T/cert.pem.
make_cert()
{
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 \
	    -nodes -days 2 -subj /CN=localhost \
	    -addext subjectAltName=DNS:localhost,IP:127.0.0.1 \
	    -keyout "$T/key.pem" -out "$T/cert.pem" 2>/dev/null
}

# Writes $T/smtpd.conf: a spool and a control socket in $T, one listener on
# $PORT and one on the submission socket, and what is on standard input.
smtpd_conf()
{
	{
		echo "spool directory \"$T/spool\""
		echo "control socket \"$T/control\""
		echo "listen on socket"
		cat
	} >"$T/smtpd.conf"
	SMTPD_CONTROL=$T/control
	export SMTPD_CONTROL
}

smtpd_listens() { port_open "$PORT" && [ -S "$SMTPD_CONTROL.submit" ]; }

# smtpd_start [OPTIONS]: starts the daemon with $T/smtpd.conf and waits until
# it listens on $PORT.  Its log is appended to $T/log.
smtpd_start()
{
	mkdir -p "$T/spool"
	"$SMTPD" -d -f "$T/smtpd.conf" "$@" >>"$T/log" 2>&1 </dev/null &
	smtpd_pid=$!
	if ! wait_for "$PATIENCE" smtpd_listens; then
		notes "$T/log"
		return 1
	fi
}

pid_gone() { ! kill -0 "$1" 2>/dev/null; }

# Ends the daemon as an administrator would; 1 if it had to be forced.
smtpd_stop()
{
	[ -n "$smtpd_pid" ] || return 0
	smtpd_status=0
	kill "$smtpd_pid" 2>/dev/null
	wait_for "$PATIENCE" pid_gone "$smtpd_pid" ||
	    kill -9 "$smtpd_pid" 2>/dev/null
	wait "$smtpd_pid" 2>/dev/null || smtpd_status=$?
	smtpd_pid=
	[ $smtpd_status -eq 0 ]
}
