# SPDX-License-Identifier: ISC
# What the tests in sh share: `. tests/lib.sh` at their top, run from the top
# of the tree.  Root becomes nobody, but not in a test that is named root_*; one
# of these with a line "# mounts: why" runs in a mount namespace of its own.
#
#   $T         directory of this test, removed at its end
#   $SMTPD     the daemon; $SENDMAIL, $SMTPCTL; $BIN the directory of the tools
#   $PORT      a free port on 127.0.0.1; $USER_NAME who runs this test

case $0 in
*root_*)
	[ "$(id -u)" = 0 ] || { echo "1..0 # SKIP needs root"; exit 0; }
	if [ -z "$PIPEPOST_NAMESPACE" ] && grep -q '^# mounts: ' "$0"; then
		unshare -m true 2>/dev/null || {
			echo "1..0 # SKIP needs mount namespaces"
			exit 0
		}
		PIPEPOST_NAMESPACE=1 exec unshare -m --propagation private sh "$0" "$@"
	fi ;;
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
CONTROL=$T/control
tests_run=0
tests_failed=0
smtpd_pid=

cleanup()
{
	status=$?
	trap - EXIT
	smtpd_stop
	# What a test that failed has left in the background.
	jobs -p >"$T/jobs"
	while read -r job; do
		kill "$job" 2>/dev/null
	done <"$T/jobs"
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

# A port below those that the system gives to clients: none takes it meanwhile.
free_port()
{
	perl -MIO::Socket::INET -e 'my $s;
	    $s = IO::Socket::INET->new(Listen => 1, LocalAddr => "127.0.0.1",
		LocalPort => 10240 + int(rand(22000))) until $s;
	    print $s->sockport'
}
PORT=$(free_port)

port_open()	# PORT
{
	perl -MIO::Socket::INET -e 'exit !IO::Socket::INET->new(
	    PeerAddr => "127.0.0.1", PeerPort => $ARGV[0])' "$1"
}

# as USER[:GROUP] COMMAND...: root runs the command with that user's rights alone.
as()
{
	as_user=${1%%:*}
	case $1 in
	*:*)	as_group=${1#*:} ;;
	*)	as_group=$(id -gn "$as_user") ;;
	esac
	shift
	setpriv --reuid="$as_user" --regid="$as_group" --clear-groups \
	    --inh-caps=-all -- "$@"
}

# private_etc NAME:UID...: an /etc of this test's own, with the daemon's users
# and these; each has a group of its own and a home, $T/home/NAME.
private_etc()
{
	cp -a /etc "$T/etc"
	mount --bind "$T/etc" /etc
	chmod 755 "$T"
	for u in _smtpd:901 _smtplk:902 _smtpq:903 _smtpdl:904 _smtpf:905 "$@"; do
		name=${u%:*} id=${u#*:}
		sed -i "/^$name:/d" /etc/passwd /etc/group
		echo "$name:x:$id:$id::$T/home/$name:/bin/sh" >>/etc/passwd
		echo "$name:x:$id:" >>/etc/group
		mkdir -p "$T/home/$name"
		chown "$id:$id" "$T/home/$name"
	done
}

# smtpd_as USER: smtpd_start runs the daemon as that user, whose are $T/spool and
# $T/run; there smtpd_conf puts the control socket.
smtpd_as()
{
	cat >"$T/smtpd" <<-SH
	#!/bin/sh
	exec setpriv --reuid=$1 --regid=$(id -gn "$1") --clear-groups \
	    --inh-caps=-all -- "$SMTPD" "\$@"
	SH
	mkdir -p "$T/spool" "$T/run"
	chmod 755 "$T" "$T/smtpd"
	chown "$1" "$T/spool" "$T/run"
	SMTPD=$T/smtpd
	CONTROL=$T/run/control
}

# A key and a certificate for localhost: $T/key.pem and $T/cert.pem.
make_cert()
{
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 \
	    -nodes -days 2 -subj /CN=localhost \
	    -addext subjectAltName=DNS:localhost,IP:127.0.0.1 \
	    -keyout "$T/key.pem" -out "$T/cert.pem" 2>/dev/null
}

# Writes $T/smtpd.conf: a spool in $T, the control socket $CONTROL, the
# submission socket, and what is on standard input.  Names come from $T/hosts
# and $RESOLVER, where nobody answers unless the test says who.
RESOLVER=127.0.0.1:1
smtpd_conf()
{
	[ -e "$T/hosts" ] || printf '127.0.0.1 localhost\n::1 localhost\n' >"$T/hosts"
	{
		echo "dns resolver \"$RESOLVER\""
		echo "dns hosts \"$T/hosts\""
		echo "spool directory \"$T/spool\""
		echo "control socket \"$CONTROL\""
		echo "listen on socket"
		cat
	} >"$T/smtpd.conf"
	SMTPD_CONTROL=$CONTROL
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

# The daemon's children; child NAME [USER]: the one of that name.
children() { ps -o pid= --ppid "$smtpd_pid" | tr -d ' '; }
child()
{
	ps -o pid=,user:32=,args= --ppid "$smtpd_pid" |
	    awk -v name="$1" -v user="$2" '$3 == "smtpd:" && $4 == name &&
		(user == "" || $2 == user) { print $1 }'
}

pid_gone() { ! kill -0 "$1" 2>/dev/null; }

# What smtpctl says of the daemon.
queue_empty() { [ -z "$("$SMTPCTL" show queue)" ]; }
stat_is()	# NAME OPERATOR NUMBER, as in test
{
	[ "$("$SMTPCTL" show stats | sed -n "s/^$1=//p")" "$2" "$3" ]
}

pids_gone()	# PID...
{
	for pid in "$@"; do
		pid_gone "$pid" || return 1
	done
}

# random N: a number below N in $drawn, from $SEED, which moves on: so it must
# not be called in a subshell.
random()
{
	SEED=$(((SEED * 1103515245 + 12345) % 2147483648))
	drawn=$((SEED / 65536 % $1))
}

# random_sleep TENTHS: less than so many tenths of a second.
random_sleep()
{
	random "$1"; random_tenths=$drawn
	random 10
	sleep "0.$random_tenths$drawn"
}

# Kills one of the daemon's children at random, now and then the daemon, which
# is started again; 1 if that fails.
kill_one()
{
	kids=$(children)
	kids_n=$(echo "$kids" | wc -l)
	random $((kids_n + 1))
	if [ "$drawn" -lt "$kids_n" ]; then
		kill -9 "$(echo "$kids" | sed -n "$((drawn + 1))p")" 2>/dev/null
		return 0
	fi
	kill -9 "$smtpd_pid"
	wait "$smtpd_pid" 2>/dev/null
	# shellcheck disable=SC2086
	wait_for "$PATIENCE" pids_gone $kids || note "children outlive the daemon: $kids"
	smtpd_start
}

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
