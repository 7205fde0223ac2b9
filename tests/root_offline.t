#!/bin/sh
# SPDX-License-Identifier: ISC
# Mail that users leave while the daemon is down, as installed: sendmail is
# set-group-ID, its directory belongs to root, and each file is submitted by a
# process of its owner.  In a mount namespace with an /etc, /var/spool and /run of its own.
if [ -z "$PIPEPOST_NAMESPACE" ]; then
	[ "$(id -u)" = 0 ] || { echo "1..0 # SKIP needs root"; exit 0; }
	unshare -m true 2>/dev/null || { echo "1..0 # SKIP needs mount namespaces"; exit 0; }
	PIPEPOST_NAMESPACE=1 exec unshare -m --propagation private sh "$0" "$@"
fi
. tests/lib.sh
plan 13

cp -a /etc "$T/etc"
mkdir -p "$T/bin" "$T/run" "$T/varspool" "$T/home"
mount --bind "$T/etc" /etc
for u in _smtpd:901 _smtplk:902 _smtpq:903 _smtpdl:904 _smtpf:905 alice:906; do
	name=${u%:*} id=${u#*:}
	mkdir -p "$T/home/$name"
	sed -i "/^$name:/d" /etc/passwd /etc/group
	echo "$name:x:$id:$id::$T/home/$name:/bin/sh" >>/etc/passwd
	echo "$name:x:$id:" >>/etc/group
	chown "$id:$id" "$T/home/$name"
done
chmod 755 "$T" "$T/home" "$T/bin"
mount --bind "$T/varspool" /var/spool
mount --bind "$T/run" /run
# The leak sanitizer cannot look into a set-group-ID program.
cp "$TOP/smtpd/sendmail" "$T/bin/sendmail"
chgrp _smtpq "$T/bin/sendmail"
chmod 2755 "$T/bin/sendmail"

cat >"$T/smtpd.conf" <<CONF
listen on socket
listen on 127.0.0.1 port $PORT
action "local" maildir
match from any for local action "local"
CONF
SMTPD_CONTROL=/var/run/smtpd.sock
OFFLINE=/var/spool/smtpd.offline
alice() { setpriv --reuid=906 --regid="${gid:-906}" --clear-groups --inh-caps=-all -- "$@"; }

ok "the daemon starts" smtpd_start
ok "and stops" smtpd_stop
is "$(stat -c '%a %U %G' $OFFLINE)" "1730 root _smtpq" "it made the directory for offline mail"

echo "from alice" | SMTPD_CONTROL=/nowhere alice "$T/bin/sendmail" alice
is $? 0 "a user's message is kept, and the environment ignored"
is "$(stat -c '%a %U %G' $OFFLINE/*)" "600 alice _smtpq" "in a file of hers"
alice ls $OFFLINE >"$T/out" 2>&1
ok "users cannot look into the directory" [ $? -ne 0 ]
echo "from root" | "$T/bin/sendmail" alice
is "$(stat -c '%a %U' $OFFLINE/* | sort)" "600 _smtpq
600 alice" "root's message is given to the queue's user"

# What somebody who has broken sendmail could leave there.
echo "secret" >"$T/secret"
printf 'S x@y\nR alice\n\nhard link\n' >"$T/varspool/linked"
chown 906 "$T/varspool/linked"
gid=903 alice ln -s "$T/secret" $OFFLINE/1.symlink
gid=903 alice mkfifo $OFFLINE/2.fifo
ln /var/spool/linked $OFFLINE/3.link
printf 'S x@y\nR alice\n\nas root\n' >$OFFLINE/4.root
alice_mail() { ls "$T"/home/alice/Maildir/new/* 2>/dev/null; }
two_mails() { [ "$(alice_mail | wc -l)" = 2 ]; }

ok "the daemon starts again" smtpd_start
ok "both messages arrive" wait_for 20 two_mails
is "$(alice_mail | xargs sed -n '/^from /p' | sort)" "from alice
from root" "as they were sent"
only_traps() { [ "$(ls $OFFLINE | tr '\n' ' ')" = "1.symlink 2.fifo 3.link 4.root " ]; }
ok "links, pipes and files of root are left alone" wait_for 20 only_traps
is "$(grep -c 'left alone' "$T/log")" 4 "and logged"
ok "the daemon stops in order" smtpd_stop
