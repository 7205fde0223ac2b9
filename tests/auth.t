#!/bin/sh
# SPDX-License-Identifier: ISC
# Users log in with what people have: swaks, msmtp, curl, Python's smtplib; with each
# kind of hash; and rules hold for those who have.
. tests/lib.sh
plan 49

make_cert
SMTPS=$(free_port) CLEAR=$(free_port) SYSTEM=$(free_port)
HASHES='bcrypt:$2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW
sha512:$6$rounds=1000$pipepost$XUTB8Enjsp5lrekRryP5.lPAQStfW/uYR3fbcTXEMZl1MerWEyNAf./BTzV.c4HVeSEGEPRvB0NYl4d97WWK5/
sha256:$5$rounds=1000$pipepost$cqObzK.05eTINqx4xlj3WEghxAcz0S67BB4A3F6Eex0
md5:$1$pipepost$oieEyiG35OXppJT0/RzGk1
yescrypt:$y$j75$pipepost$TtsdsoSKC3T3RHZq5voZNme33XjUXTy9aftZRqU0/43
plain:secret
des:pi2vQXxKDS7gk
cut:$6$rounds=1000$pipepost
odd:$99$x$y'
echo "$HASHES" | sed 's/:/ /' >"$T/users"

smtpd_conf <<CONF
pki "localhost" cert "$T/cert.pem"
pki "localhost" key "$T/key.pem"
table users file:$T/users
listen on 127.0.0.1 port $PORT tls-require auth <users> hostname "localhost" received-auth
listen on 127.0.0.1 port $SMTPS smtps auth-optional <users> hostname "localhost"
listen on 127.0.0.1 port $CLEAR auth-optional <users> auth-clear local hostname "localhost"
listen on 127.0.0.1 port $SYSTEM auth auth-clear local hostname "localhost"
action "local" maildir "$T/Maildir"
action "other" maildir "$T/other" user "$USER_NAME" virtual { "@" = "$USER_NAME" }
match auth { "bcrypt" } from any for domain "bcrypt.example" action "other"
match !auth from any for domain "strangers.example" action "other"
match from auth regex "^sha" for domain "sha.example" action "other"
match from auth for any action "other"
match from any for local action "local"
proc keep "exec cat >>'$T/report'" protocol "0.7"
report smtp-in on keep
CONF
ok "the daemon starts" smtpd_start

CA=$T/cert.pem
TO=someone@elsewhere.example
HOME=$T
SSL_CERT_FILE=$CA
export CA TO HOME PORT SMTPS SSL_CERT_FILE
printf 'Subject: hello\n\nhello\n' >"$T/mail"
sed 's/$/\r/' "$T/mail" >"$T/mail.crlf"

# -- clients -------------------------------------------------------------------

cat >"$T/send.py" <<'PYTHON'
import os, smtplib, ssl, sys

mode, mechanism, user, password = sys.argv[1:]
tls = ssl.create_default_context(cafile=os.environ["CA"])
if mode == "smtps":
    s = smtplib.SMTP_SSL("localhost", int(os.environ["SMTPS"]), context=tls)
else:
    s = smtplib.SMTP("localhost", int(os.environ["PORT"]))
    s.starttls(context=tls)
s.ehlo("client.example")
assert s.has_extn("auth")
s.user, s.password = user, password
s.auth(mechanism, getattr(s, "auth_" + mechanism.lower()))
s.sendmail("sender@client.example", [os.environ["TO"]], "Subject: hello\n\nhello\n")
s.quit()
PYTHON

# CLIENT_send MODE MECHANISM USER PASSWORD
swaks_send()
{
	auth="--auth $2 --auth-user $3 --auth-password $4"
	case $1 in
	starttls) set -- --port "$PORT" -tls --tls-verify --tls-ca-path "$CA" ;;
	smtps)	set -- --port "$SMTPS" -tlsc --tls-verify --tls-ca-path "$CA" ;;
	esac
	# shellcheck disable=SC2086
	swaks --silent 2 --server localhost --ehlo client.example --from sender@client.example \
	    --to "$TO" $auth "$@"
}
msmtp_send()
{
	auth="--auth=$(echo "$2" | tr A-Z a-z) --user=$3"
	pass=$4
	case $1 in
	starttls) set -- --port="$PORT" --tls-starttls=on ;;
	smtps)	set -- --port="$SMTPS" --tls-starttls=off ;;
	esac
	# shellcheck disable=SC2086
	msmtp --host=localhost --from=sender@client.example --tls=on --tls-trust-file="$CA" \
	    $auth --passwordeval="echo $pass" "$@" -- "$TO" <"$T/mail"
}
curl_send()
{
	auth="--login-options AUTH=$2 --user $3:$4"
	case $1 in
	starttls) set -- --ssl-reqd "smtp://localhost:$PORT/client.example" ;;
	smtps)	set -- "smtps://localhost:$SMTPS/client.example" ;;
	esac
	# shellcheck disable=SC2086
	curl -sS --cacert "$CA" --mail-from sender@client.example --mail-rcpt "$TO" $auth \
	    -T "$T/mail.crlf" "$@"
}
smtplib_send() { python3 "$T/send.py" "$@"; }

has_swaks() { command -v swaks && perl -MNet::SSLeay -e 1; }
has_msmtp() { msmtp --version | grep -q '^TLS/SSL library: [^n]'; }
has_curl() { curl -V | grep -q ' smtps'; }
has_smtplib() { python3 -c 'import smtplib, ssl'; }

for client in swaks msmtp curl smtplib; do
	for mode in starttls smtps; do
		for mechanism in PLAIN LOGIN; do
			what="$client, $mode, AUTH $mechanism"
			if ! "has_$client" >/dev/null 2>&1; then
				skip "$what: mail is taken" "not installed, or without TLS"
			elif "${client}_send" $mode $mechanism sha512 secret >"$T/out" 2>&1; then
				pass "$what: mail is taken"
			else
				fail "$what: mail is taken"
				notes "$T/out"
			fi
		done
	done
	"has_$client" >/dev/null 2>&1 || { skip "$client: not with another password" "not installed"; continue; }
	if "${client}_send" starttls PLAIN sha512 wrong >"$T/out" 2>&1; then
		fail "$client: not with another password"
	else
		ok "$client: not with another password" grep -q 'auth\(enti\|.fail\)\|Auth\|535\|denied' "$T/out"
	fi
done
is "$(sed -n 's/.*|link-auth|[^|]*|//p' "$T/report" | sort | uniq -c | sed 's/ *//')" "4 fail|sha512
16 pass|sha512" "each login is told, and who it was"
arrived() { [ "$(ls "$T/other/new" | wc -l)" = "$1" ]; }
ok "all of it arrives" wait_for "$PATIENCE" arrived 16
is "$(cat "$T"/other/new/* | grep -c 'with ESMTPSA id ')" 16 "its trace says ESMTPSA"
is "$(cat "$T"/other/new/* | grep -c ' auth=yes user=sha512$')" 8 "and who it was, where that is asked for"

# -- hashes --------------------------------------------------------------------

# try PORT USER PASSWORD: the code that it gets.
try() { timeout 60 python3 tests/smtp/login "$@" 2>&1 | sed 's/ .*//'; }
for kind in bcrypt sha512 sha256 md5 yescrypt; do
	is "$(try "$CLEAR" $kind secret),$(try "$CLEAR" $kind Secret)" 235,535 "$kind"
done
is "$(try "$CLEAR" BCrypt secret)" 235 "case does not matter in user names"
for kind in plain des cut odd; do
	what="what is no hash is a temporary failure: $kind"
	code=$(try "$CLEAR" $kind secret)
	# crypt(3) makes a hash of what is a setting alone, and it is another one.
	case $kind,$code in
	cut,535) pass "$what" ;;
	cut,*) is "$code" 454 "$what" ;;
	*)	is "$code" 454 "$what" ;;
	esac
done
is "$(sed -n 's/.*table users: user \([a-z]*\): what should be the hash.*/\1/p' "$T/log" | grep -v cut | tr '\n' ' ')" \
    "plain des odd " "and the log says whose"

made=$(printf 'Grüße an alle\n' | "$SMTPCTL" encrypt)
echo "new $made" >>"$T/users"
"$SMTPCTL" update table users >"$T/out" 2>&1
is $? 0 "the table is read again"
is "$(try "$CLEAR" new 'Grüße an alle')" 235 "smtpctl encrypt makes a hash that holds"
is "$("$SMTPCTL" encrypt x | cut -c 1-3)" "$(printf '%s' "$made" | cut -c 1-3)" "of an argument too, of the same kind"
ok "never the same one" [ "$("$SMTPCTL" encrypt x)" != "$("$SMTPCTL" encrypt x)" ]
is "$("$SMTPCTL" encrypt '' 2>&1; echo $?)" "smtpctl: a password has 1 to 511 bytes
2" "an empty password is none"
cat >"$T/terminal.py" <<'PYTHON'
import os, pty

pid, fd = pty.fork()
if pid == 0:
    os.execvp("smtpctl", ["smtpctl", "encrypt"])
said = b""
for prompt in b"Password: ", b"Once more: ":
    while prompt not in said:
        said += os.read(fd, 1000)
    os.write(fd, b"hidden\n")
try:
    while True:
        said += os.read(fd, 1000)
except OSError:
    pass
print(said.decode().replace("\r", ""))
PYTHON
python3 "$T/terminal.py" >"$T/out" 2>&1
is "$(grep -c hidden "$T/out"),$(grep -c '^\$' "$T/out")" 0,1 "at a terminal it asks, and shows nothing of it"

is "$(try "$SYSTEM" "$USER_NAME" secret)" 454 "users of the system cannot log in at a daemon of an ordinary user"
ok "and the log says why" grep -q "user $USER_NAME cannot be told: smtpd was not started as root" "$T/log"

# -- rules ---------------------------------------------------------------------

# rcpt USER RECIPIENT: the code of RCPT, with and without a login.
rcpt()
{
	python3 - "$CLEAR" "$@" <<-'PYTHON'
	import smtplib, sys
	s = smtplib.SMTP("127.0.0.1", int(sys.argv[1]))
	s.ehlo("client.example")
	if sys.argv[2] != "":
	    s.login(sys.argv[2], "secret")
	s.mail("a@b.example")
	print(s.rcpt(sys.argv[3])[0])
	PYTHON
}
is "$(rcpt '' x@elsewhere.example),$(rcpt md5 x@elsewhere.example)" 550,250 "match from auth"
is "$(rcpt '' x@bcrypt.example),$(rcpt bcrypt x@bcrypt.example)" 550,250 "match auth with users"
is "$(rcpt '' x@strangers.example)" 250 "match !auth"
is "$(rcpt '' x@sha.example),$(rcpt sha256 x@sha.example)" 550,250 "match from auth regex"
ok "the daemon stops in order" smtpd_stop
