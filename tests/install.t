#!/bin/sh
# SPDX-License-Identifier: ISC
# make install puts what there is where it is told, make uninstall takes it away.
# once: it is about files
. tests/lib.sh

plan 12

D=$T/root
{ make install DESTDIR="$D" PREFIX=/opt/pp MANDIR=/opt/pp/man SYSCONFDIR=/opt/etc; } >"$T/out" 2>&1
is $? 0 "make install"
for program in smtpd smtpctl sendmail; do
	[ -x "$D/opt/pp/sbin/$program" ] || echo "$program"
done >"$T/missing"
for tool in bin/*.c; do
	tool=$(basename "$tool" .c)
	[ -x "$D/opt/pp/bin/$tool" ] || echo "$tool"
done >>"$T/missing"
is "$(cat "$T/missing")" "" "every program is there"
is "$(cd "$D/opt/pp/man" && ls man*/* | sed 's,.*/,,' | sort)" \
    "$(ls man/*.[1-9] | sed 's,.*/,,' | sort)" "every manual is there"
is "$(grep -h '^Exec' "$D"/opt/pp/share/examples/pipepost/smtpd.service | sed 's,=\([^ ]*\).*,=\1,')" \
    "ExecStartPre=/opt/pp/sbin/smtpd
ExecStart=/opt/pp/sbin/smtpd" "the systemd unit names the installed daemon"
is "$("$D/opt/pp/sbin/smtpd" -h 2>&1 | sed -n 's/^usage: \(smtpd\).*/\1/p')" smtpd \
    "the installed daemon runs"
is "$(ls "$D/opt/pp/share/pipepost")" "filter-awk
filter.awk
filter.sh
opensmtpd" "the bridges, that to Python too where it looks nowhere below PREFIX"
is "$("$D/opt/pp/bin/rpttap" -L)" "$(cd "$D/opt/pp/share/pipepost" && pwd -P)" \
    "rpttap says where they are"
is "$(echo 'filter|0.7|1.0|smtp-in|rcpt-to|0f3004c08c82d33e|1ef1c203cc576e5d|a@b' |
    PATH=$D/opt/pp/bin:$PATH "$D/opt/pp/share/examples/pipepost/filters/recipient-limit" 0)" \
    "filter-result|0f3004c08c82d33e|1ef1c203cc576e5d|reject|452 4.5.3 Too many recipients: 0 a session" \
    "the installed examples run"
is "$(make -n install PREFIX=/usr 2>/dev/null | sed -n 's,^mkdir .* \([^ ]*\)/opensmtpd$,\1,p')" \
    "$(PATH=/usr/bin python3 -c 'import site; print([d for d in site.getsitepackages()
	if d.startswith("/usr/lib/")][0])' 2>/dev/null || echo /usr/share/pipepost)" \
    "else where it looks"
is "$(find "$D" ! -path "$D/opt*" ! -path "$D")" "" "nothing is outside PREFIX and MANDIR"
{ make uninstall DESTDIR="$D" PREFIX=/opt/pp MANDIR=/opt/pp/man SYSCONFDIR=/opt/etc; } >>"$T/out" 2>&1
is $? 0 "make uninstall"
is "$(find "$D" ! -type d)" "" "make uninstall leaves nothing"
