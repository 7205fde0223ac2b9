/* SPDX-License-Identifier: ISC */
/* smtpd.conf: what each mistake is answered with. */
/* objects: smtpd/conf.o smtpd/conf_lex.o smtpd/conf_error.o smtpd/conf_value.o smtpd/conf_free.o smtpd/conf_listen.o smtpd/conf_resolve.o smtpd/conf_pki.o smtpd/conf_table.o smtpd/conf_action.o smtpd/conf_match.o smtpd/conf_mta.o smtpd/conf_relay.o smtpd/conf_url.o smtpd/conf_proc.o smtpd/conf_filter.o smtpd/conf_rule.o smtpd/conf_smtp.o smtpd/conf_old.o smtpd/table.o smtpd/table_content.o smtpd/table_file.o smtpd/table_net.o smtpd/format.o smtpd/format_command.o smtpd/log.o */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/nitems.h"
#include "smtpd/conf.h"
#include "tests/unit/conf_text.h"

#define RESOLVER(s)	"f:1:14: token \"" s "\": expected addresses like \"192.0.2.53\" or " \
			"\"[2001:db8::53]:5353\" with commas between, or a path\n"

static const struct {
	const char	*text, *errors;
} mistakes[] = {
	/* characters and words */
	{ "lisen on lo", "f:1:1: token \"lisen\": no such directive; did you mean \"listen\"?\n" },
	{ "xyzzy", "f:1:1: token \"xyzzy\": no such directive\n" },
	{ "\"listen\" on lo", "f:1:1: token \"listen\": expected a directive\n" },
	{ "\n  =", "f:2:3: token \"=\": expected a directive\n" },
	{ "listen on \"lo\n" RULE, "f:1:11: token \"\"\": missing end quote\n" },
	{ "listen on \001", "f:1:11: token \"\\001\": no such character in smtpd.conf, unless in quotes\n" },
	{ "listen \\\n on lo prot 25\n" RULE, "f:2:8: token \"prot\": no option of listen; did you mean \"port\"?\n" },
	{ "", "f:1:1: end of file: no match directive: no mail would be accepted\n" },
	{ "# match\n", "f:2:1: end of file: no match directive: no mail would be accepted\n" },
	/* macros */
	{ "listen on $x\n" RULE, "f:1:11: token \"x\": no such macro\n" },
	{ "interface = lo\nlisten on $interfcae\n" RULE,
	    "f:2:11: token \"interfcae\": no such macro; did you mean \"interface\"?\n" },
	{ "a-b = c\n" RULE, "f:1:5: token \"=\": expected a macro's name of letters, digits and _ before it\n" },
	{ "m =\n" RULE, "f:1:4: end of line: expected the macro's value\n" },
	{ "m = a b\n" RULE, "f:1:7: token \"b\": expected the end of the line\n" },
	{ "m = \"port 0\"\nlisten on lo $m\n" RULE,
	    "f:2:14: token \"0\": expected a port: 1 to 65535, or a service's name\n" },
	/* include */
	{ "include f\n" RULE, "f:1:9: token \"f\": a file cannot include itself\n" },
	{ "include \"g\"\n" RULE, "f:1:9: token \"g\": was not read\n" },
	{ "include\n" RULE, "f:1:8: end of line: expected the path of a file\n" },
	/* listen */
	{ "listen lo\n" RULE, "f:1:8: token \"lo\": expected on\n" },
	{ "listen on\n" RULE, "f:1:10: end of line: expected an interface, an address, a host name or socket\n" },
	{ "listen on lo port nowhere-at-all\n" RULE,
	    "f:1:19: token \"nowhere-at-all\": expected a port: 1 to 65535, or a service's name\n" },
	{ "listen on lo inet4 inet6\n" RULE, "f:1:20: token \"inet6\": said twice, or together with what excludes it\n" },
	{ PKI "listen on lo tls smtps\n" RULE, "f:2:18: token \"smtps\": said twice, or together with what excludes it\n" },
	{ "listen on lo tls\n" RULE, "f:1:14: token \"tls\": needs a certificate: pki NAME cert \"PATH\" key \"PATH\"\n" },
	{ PKI "pki q cert c key k\nlisten on lo tls\n" RULE, "f:3:14: token \"tls\": say which certificate: pki NAME\n" },
	{ "pki mail.example.org cert c key k\nlisten on lo tls pki mail.exmaple.org\n" RULE,
	    "f:2:14: token \"tls\": no such pki; did you mean \"mail.example.org\"?\n" },
	{ PKI "listen on lo pki p\n" RULE, "f:2:14: token \"pki\": pki needs tls, tls-require or smtps\n" },
	{ PKI "listen on lo tls-require verify\n" RULE, "f:2:26: token \"verify\": not supported yet (tls-require verify)\n" },
	{ "listen on lo proxy-v2\n" RULE, "f:1:14: token \"proxy-v2\": not supported yet (option of listen)\n" },
	{ "listen on lo mask-source\n" RULE, "f:1:14: token \"mask-source\": is now written mask-src\n" },
	{ "listen on lo hostname \"a b\"\n" RULE, "f:1:23: token \"a b\": expected a host name\n" },
	{ "listen on socket\nlisten on socket\n" RULE, "f:2:11: token \"socket\": said twice: there is one socket\n" },
	{ "listen on socket port 25\n" RULE, "f:1:18: token \"port\": no option of listen on socket; one of: tag, mask-src, filter\n" },
	/* pki, ca */
	{ "pki p cert c\n" RULE, "f:1:5: token \"p\": this pki has no key \"PATH\"\n" },
	{ "pki p certificate c\n" RULE, "f:1:7: token \"certificate\": is now written cert\n"
	    "f:1:5: token \"p\": this pki has no cert \"PATH\"\n" },
	{ "pki p cert c key k dhe auto\n" RULE, "f:1:24: token \"auto\": not supported yet (ciphers with DHE): leave dhe out\n" },
	{ "ca p cert c\nca P cert d\n" RULE, "f:2:4: token \"P\": there is a ca of that name already\n" },
	{ "ca\naction a relay ca x\nmatch for any action a\n", "f:1:3: end of line: expected a name for the ca\n"
	    "f:2:19: token \"x\": no such ca\n" },
	{ "ca p certificate c\n" RULE, "f:1:6: token \"certificate\": is now written cert\n" },
	/* table */
	{ "table t\n" RULE, "f:1:8: end of line: expected file:/PATH or { ... }\n" },
	{ "table t db:/x\n" RULE, "f:1:9: token \"db:/x\": not supported yet (table type db): only file:/PATH\n" },
	{ "table t file:x\n" RULE, "f:1:9: token \"file:x\": expected file:/PATH or { ... }\n" },
	{ "table t { a, b = c }\n" RULE, "f:1:16: token \"=\": a table holds values or pairs of key and value, not both\n" },
	{ "table t { }\n" RULE, "f:1:11: token \"}\": expected a value of the table, or }\n" },
	{ "table t { a\n" RULE, "f:2:1: token \"action\": a } is missing before this line\n"
	    "f:3:22: token \"a\": no such action\n" },
	{ "table t { a }\ntable t { b }\n" RULE, "f:2:7: token \"t\": there is a table of that name already\n" },
	{ "table domains { a }\nmatch for domain <domians> reject\n",
	    "f:2:19: token \"domians\": no such table above; did you mean \"domains\"?\n" },
	{ "table t { a }\nmatch for domain <t reject\n", "f:2:21: token \"reject\": expected > after the name of a table\n" },
	/* action */
	{ "action a\nmatch for any action a\n", "f:1:9: end of line: expected one of: maildir, mda, relay\n" },
	{ "action a maldir\nmatch for any action a\n", "f:1:10: token \"maldir\": no kind of action; did you mean \"maildir\"?\n" },
	{ "action a lmtp \"x\"\nmatch for any action a\n", "f:1:10: token \"lmtp\": not supported yet (kind of action)\n" },
	{ "action a deliver to maildir\nmatch for any action a\n",
	    "f:1:10: token \"deliver\": leave `deliver to' out: action NAME maildir, action NAME mda \"COMMAND\"\n" },
	{ "action a mda\nmatch for any action a\n", "f:1:13: end of line: expected a command\n" },
	{ "action a maildir \"%{usr}\"\nmatch for any action a\n", "f:1:18: token \"%{usr}\": unknown format specifier\n" },
	{ "action a mda \"x '%{rcpt:loud}\"\nmatch for any action a\n",
	    "f:1:14: token \"x '%{rcpt:loud}\": unknown modifier; lowercase, uppercase, strip and raw are known\n" },
	{ "action a maildir junk\nmatch for any action a\n", "f:1:18: token \"junk\": not supported yet (option of action)\n" },
	{ "action a maildir expire 4d\nmatch for any action a\n", "f:1:18: token \"expire\": is now written ttl\n" },
	{ "action a maildir ttl 4\nmatch for any action a\n", "f:1:22: token \"4\": expected a time like 4d, 1h30m or 10s\n" },
	{ "action a maildir ttl 5m1h\nmatch for any action a\n", "f:1:22: token \"5m1h\": expected a time like 4d, 1h30m or 10s\n" },
	{ "action a maildir ttl 99999999999d\nmatch for any action a\n",
	    "f:1:22: token \"99999999999d\": expected a time like 4d, 1h30m or 10s\n" },
	{ "table t { a }\naction a maildir alias <t>\nmatch for any action a\n",
	    "f:2:26: token \">\": expected a table of pairs: { key = value, ... }\n" },
	{ "table t file:/x\naction a maildir alias <t> virtual <t>\nmatch for any action a\n",
	    "f:2:28: token \"virtual\": said twice, or together with what excludes it\n" },
	{ "action a maildir\naction a maildir\nmatch for any action a\n",
	    "f:2:8: token \"a\": there is an action of that name already\n" },
	/* relay */
	{ "action a relay host ftp://h\nmatch for any action a\n",
	    "f:1:21: token \"ftp://h\": no such scheme; one of: smtp, smtp+tls, smtp+notls, smtps, lmtp\n" },
	{ "action a relay host 'tls://h'\nmatch for any action a\n",
	    "f:1:21: token \"tls://h\": tls:// is now written smtp+tls://\n" },
	{ "action a relay host\nmatch for any action a\n",
	    "f:1:20: end of line: expected the URL of a host: \"smtp+tls://mail.example.org\"\n" },
	{ "action a relay host smtp://\nmatch for any action a\n",
	    "f:1:21: token \"smtp://\": a host is missing\n" },
	{ "action a relay host lmtp://h\nmatch for any action a\n",
	    "f:1:21: token \"lmtp://h\": lmtp has no port of its own: lmtp://host:port\n" },
	{ "action a relay host smtp+notls://h tls\nmatch for any action a\n",
	    "f:1:10: token \"relay\": smtp+notls:// and the option tls exclude each other\n" },
	{ "action a relay tls host smtp+notls://h\nmatch for any action a\n",
	    "f:1:25: token \"smtp+notls://h\": smtp+notls:// and the option tls exclude each other\n" },
	{ "action a relay host me@h\nmatch for any action a\n",
	    "f:1:10: token \"relay\": the label of the URL is looked up in a table: auth <table>\n" },
	{ "action a relay auth { a = b:c }\nmatch for any action a\n",
	    "f:1:10: token \"relay\": auth needs a label to look up: host \"smtp+tls://LABEL@host\"\n" },
	{ "action a relay host \"smtp+notls://l@mx.example.org\" auth { l = \"u:p\" }\n",
	    "f:1:10: token \"relay\": the password would go in clear: write smtp+tls://LABEL@host\n" },
	{ "action a relay auth { a = secret }\nmatch for any action a\n",
	    "f:1:34: token \"}\": \"a\": expected \"user:password\"\n" },
	{ "action a relay auth x\nmatch for any action a\n",
	    "f:1:21: token \"x\": expected a table of pairs: { key = value, ... }\n" },
	{ "action a relay host h backup\nmatch for any action a\n",
	    "f:1:23: token \"backup\": said twice, or together with what excludes it\n" },
	{ "action a relay domain { a = 'x://h' }\nmatch for any action a\n",
	    "f:1:37: token \"}\": \"x://h\": no such scheme; one of: smtp, smtp+tls, smtp+notls, smtps, lmtp\n" },
	{ "action a relay helo 'a b'\nmatch for any action a\n",
	    "f:1:21: token \"a b\": expected a host name\n" },
	{ "action a relay helo-src { a = b }\nmatch for any action a\n",
	    "f:1:33: token \"}\": \"a\": expected an address, without brackets or port\n" },
	{ "action a relay helo-src { 192.0.2.1 = 'a b' }\nmatch for any action a\n",
	    "f:1:45: token \"}\": \"a b\": expected the name of a host\n" },
	{ "action a relay src 192.0.2.0/24\nmatch for any action a\n",
	    "f:1:20: token \"192.0.2.0/24\": \"192.0.2.0/24\": expected an address, without brackets or port\n" },
	{ "action a relay ca none\nmatch for any action a\n",
	    "f:1:19: token \"none\": no such ca\n" },
	{ "action a relay pki none\nmatch for any action a\n",
	    "f:1:20: token \"none\": no such pki\n" },
	{ "action a relay srs\nmatch for any action a\n",
	    "f:1:16: token \"srs\": needs a key: srs key \"SECRET\"\n" },
	{ "action a relay mail-from nobody\nmatch for any action a\n",
	    "f:1:26: token \"nobody\": expected an address: \"user@example.org\" or \"@example.org\"\n" },
	{ "action a relay mail-from 'a@b> SIZE=1'\nmatch for any action a\n",
	    "f:1:26: token \"a@b> SIZE=1\": expected an address: \"user@example.org\" or \"@example.org\"\n" },
	{ "action a relay protocols ssl9\nmatch for any action a\n",
	    "f:1:26: token \"ssl9\": expected protocols like \"tlsv1.2,tlsv1.3\", or secure, or all\n" },
	{ "action a relay ciphers none-such\nmatch for any action a\n",
	    "f:1:24: token \"none-such\": expected secure, compat, legacy, all, or a list of ciphers(1) that TLS knows\n" },
	{ "action a relay inet4 prefer inet6\nmatch for any action a\n",
	    "f:1:22: token \"prefer\": said twice, or together with what excludes it\n" },
	{ "action a relay prefer ipv4\nmatch for any action a\n",
	    "f:1:23: token \"ipv4\": no family to prefer; did you mean \"inet4\"?\n" },
	{ "action a relay rate 10\nmatch for any action a\n",
	    "f:1:21: token \"10\": expected messages a second, like 10/s, from 1/s to 1000000/s\n" },
	{ "action a relay rate 0/s\nmatch for any action a\n",
	    "f:1:21: token \"0/s\": expected messages a second, like 10/s, from 1/s to 1000000/s\n" },
	{ "action a relay rate 99999999999999999999/s\nmatch for any action a\n",
	    "f:1:21: token \"99999999999999999999/s\": expected messages a second, like 10/s, from 1/s to 1000000/s\n" },
	{ "action a relay connections 0\nmatch for any action a\n",
	    "f:1:28: token \"0\": expected a number from 1 to 1000\n" },
	{ "action a relay messages x\nmatch for any action a\n",
	    "f:1:25: token \"x\": expected a number from 1 to 1000000\n" },
	{ "action a relay alias <t>\nmatch for any action a\n",
	    "f:1:16: token \"alias\": belongs to an action that delivers (maildir, mda), not to relay\n" },
	{ "action a relay via h\nmatch for any action a\n",
	    "f:1:16: token \"via\": is now written host\n" },
	{ "action a relay no-verify\nmatch for any action a\n",
	    "f:1:16: token \"no-verify\": is now said as tls no-verify\n" },
	{ "action a relay filter x\nmatch for any action a\n",
	    "f:1:23: token \"x\": no such filter above\n" },
	{ "action a relay hots h\nmatch for any action a\n",
	    "f:1:16: token \"hots\": no option of relay; did you mean \"host\"?\n" },
	{ "action a relay ttl 3\nmatch for any action a\n",
	    "f:1:20: token \"3\": expected a time like 4d, 1h30m or 10s\n" },
	{ "bounce\n" RULE, "f:1:7: end of line: expected one of: warn-interval\n" },
	{ "bounce warn-interval\n" RULE, "f:1:21: end of line: expected a time like 4d, 1h30m or 10s\n" },
	{ "bounce warn-interval 1h 2h\n" RULE, "f:1:25: token \"2h\": expected the end of the line\n" },
	{ "bounce warn-interval 1h, 2h, 60m\n" RULE, "f:1:30: token \"60m\": said twice\n" },
	{ "bounce warn-interval 1h, 2h, 3h, 4h, 5h\n" RULE, "f:1:38: token \"5h\": at most 4 times\n" },
	{ "bounce warn-interval { 1h 2h }\n" RULE, "f:1:27: token \"2h\": expected a comma or }\n" },
	{ "mta max-deferred 0\n" RULE, "f:1:18: token \"0\": expected a number from 1 to 100000000\n" },
	{ "mta limit x\n" RULE, "f:1:5: token \"limit\": not supported yet (word after mta)\n" },
	{ "srs key\n" RULE, "f:1:8: end of line: expected a secret\n" },
	{ "srs key a\nsrs key b\n" RULE, "f:2:9: token \"b\": said twice\n" },
	{ "srs ttl 600d\n" RULE, "f:1:9: token \"600d\": expected at most 512d\n" },
	/* match */
	{ "match\n", "f:1:6: end of line: expected one of: from, for, tag, tls, auth, helo, mail-from, rcpt-to, filter, action, reject\n" },
	{ "match form any reject\n", "f:1:7: token \"form\": no criterion; did you mean \"from\" or \"for\"?\n" },
	{ "match for any\n", "f:1:14: end of line: expected one of: from, for, tag, tls, auth, helo, mail-from, rcpt-to, filter, action, reject\n" },
	{ "match for any for any reject\n", "f:1:15: token \"for\": said twice\n" },
	{ "match from mail-from a@b mail-from c@d reject\n", "f:1:26: token \"mail-from\": said twice\n" },
	{ "match mail-from c@d from mail-from a@b reject\n", "f:1:36: token \"a@b\": mail-from said twice\n" },
	{ "match !reject\n", "f:1:8: token \"reject\": the ! stands before a criterion\n" },
	{ "match from !any reject\n", "f:1:12: token \"!\": the ! stands before the criterion now\n" },
	{ "match tag ! x reject\n", "f:1:11: token \"!\": the ! stands before the criterion now\n" },
	{ "match from source x reject\n", "f:1:12: token \"source\": is now written src\n" },
	{ "match from rdns <gone> reject\n", "f:1:18: token \"gone\": no such table above\n" },
	{ "match from rdns a b reject\n", "f:1:19: token \"b\": no criterion; one of: from, for, tag, tls, auth, helo, mail-from, rcpt-to, filter, action, reject\n" },
	{ "match sender x reject\n", "f:1:7: token \"sender\": is now written mail-from\n" },
	{ "match from src { 10.0.0.0/33 } reject\n",
	    "f:1:30: token \"}\": \"10.0.0.0/33\": not an address or network (10.0.0.1, 10.0.0.0/8, ::1, fd00::/8)\n" },
	{ "match tag { a = b } reject\n", "f:1:19: token \"}\": expected a table of values, not of pairs\n" },
	{ "action local maildir\nmatch for any action locla\n",
	    "f:2:22: token \"locla\": no such action; did you mean \"local\"?\n" },
	{ "match for any reject now\n", "f:1:22: token \"now\": expected the end of the line\n" },
	/* the daemon */
	{ "smtp max-message-size 35X\n" RULE,
	    "f:1:23: token \"35X\": expected a size like 35M or 512K, from 1 to 1099511627776 bytes\n" },
	{ "smtp sub-addr-delim @\n" RULE, "f:1:21: token \"@\": expected one character, like \"+\", and not @\n" },
	{ "smtp ciphers x\n" RULE, "f:1:6: token \"ciphers\": not supported yet (word after smtp)\n" },
	{ "smtp limit max-rcpt 0\n" RULE, "f:1:21: token \"0\": expected a number from 1 to 100000000\n" },
	{ "smtp limit max-rcpts 1\n" RULE, "f:1:12: token \"max-rcpts\": no limit; did you mean \"max-rcpt\"?\n" },
	{ "queue compression\n" RULE, "f:1:7: token \"compression\": not supported yet (word after queue)\n" },
	{ "spool directory spool\n" RULE, "f:1:17: token \"spool\": expected a path that begins with /\n" },
	{ "dns\n" RULE, "f:1:4: end of line: expected one of: hosts, resolver, timeout\n" },
	{ "dns timeout 6m\n" RULE, "f:1:13: token \"6m\": at most 5m: a client waits so long for its greeting\n" },
	{ "dns timeout 0s\n" RULE, "f:1:13: token \"0s\": expected a time like 4d, 1h30m or 10s\n" },
	{ "dns hosts hosts\n" RULE, "f:1:11: token \"hosts\": expected a path that begins with /\n" },
	{ "dns resolver localhost\n" RULE, RESOLVER("localhost") },
	{ "dns resolver \"\"\n" RULE, "f:1:14: token \"\": expected the addresses of resolvers\n" },
	{ "dns resolver \"127.0.0.1,\"\n" RULE, RESOLVER("127.0.0.1,") },
	{ "dns resolver \"::1,::1,::1,::1,::1,::1,::1,::1,::1\"\n" RULE,
	    "f:1:14: token \"::1,::1,::1,::1,::1,::1,::1,::1,::1\": more than 8 resolvers\n" },
	{ "dns resolver 127.0.0.1:0\n" RULE, RESOLVER("127.0.0.1:0") },
	{ "dns resolver 127.0.0.1:65536\n" RULE, RESOLVER("127.0.0.1:65536") },
	{ "dns resolver 127.0.0.256\n" RULE, RESOLVER("127.0.0.256") },
	{ "dns resolver ::1:53x\n" RULE, RESOLVER("::1:53x") },
	{ "dns resolver [::1\n" RULE, RESOLVER("[::1") },
	{ "dns resolver [::1]53\n" RULE, RESOLVER("[::1]53") },
	{ "dns resolver [127.0.0.1:53\n" RULE, RESOLVER("[127.0.0.1:53") },
	{ "control \"/x\"\n" RULE, "f:1:9: token \"/x\": expected socket\n" },
	/* procs */
	{ "proc p\n" RULE, "f:1:7: end of line: expected a command\n" },
	{ "proc p c protocol 0.3\n" RULE, "f:1:19: token \"0.3\": expected \"1\", \"0.4\", \"0.5\", \"0.6\" or \"0.7\"\n" },
	{ "proc p c buffer 1K\n" RULE,
	    "f:1:17: token \"1K\": expected a size like 35M or 512K, from 65536 to 1073741824 bytes\n" },
	{ "proc p c buffer 1G\nproc q c\n" RULE, "f:2:9: end of line: the buffers of all procs together may be 1G, "
	    "with this one they are 1088M; say a smaller `buffer`\n" },
	{ "proc p c overflow block\n" RULE, "f:1:19: token \"block\": expected drop or wait\n" },
	{ "proc p c user a user b\n" RULE, "f:1:17: token \"user\": said twice, or together with what excludes it\n" },
	{ "proc p c\nproc p c\n" RULE, "f:2:6: token \"p\": there is a proc of that name already\n" },
	{ "proc reporting c\nreport smtp on reportign\n" RULE,
	    "f:2:16: token \"reportign\": no such proc above; did you mean \"reporting\"?\n" },
	{ "proc p c\nreport smtp on p\nreport smtp-in on p\n" RULE, "f:3:19: token \"p\": is told that already\n" },
	{ "proc p c\nreport stats on p every\n" RULE,
	    "f:2:24: end of line: expected a time like 4d, 1h30m or 10s\n" },
	{ "proc p c\nreport queue on p every 1s\n" RULE,
	    "f:2:19: token \"every\": expected the end of the line\n" },
	{ "proc p c\nreport smtp-inn on p\n" RULE,
	    "f:2:8: token \"smtp-inn\": no stream to report; did you mean \"smtp-in\"?\n" },
	/* what is later, and what was */
	{ "mda wrapper a b\n" RULE, "f:1:1: token \"mda\": not supported yet (directive)\n" },
	{ "scheduler limit x\n" RULE, "f:1:1: token \"scheduler\": not supported yet (directive)\n" },
	{ "limit\n" RULE, "f:1:1: token \"limit\": the grammar before 6.4, now written: limit\n" },
	/* several at once, in the order of the file */
	{ "lisen\nspol\n", "f:1:1: token \"lisen\": no such directive; did you mean \"listen\"?\n"
	    "f:2:1: token \"spol\": no such directive; did you mean \"spool\"?\n" },
};

static void
test_mistakes(void **state)
{
	struct conf	*conf;
	char		*errors;
	size_t		 i;

	(void)state;
	for (i = 0; i < nitems(mistakes); i++) {
		conf = parse(mistakes[i].text, NULL, &errors);
		if (strcmp(errors, mistakes[i].errors) != 0)
			print_error("in \"%s\"\n", mistakes[i].text);
		assert_string_equal(errors, mistakes[i].errors);
		assert_null(conf);
		free(errors);
	}
}

static void
test_many_mistakes(void **state)
{
	char	 text[200 * 2 + 1], *errors, *p;
	size_t	 i, lines = 0;

	(void)state;
	for (i = 0; i < sizeof(text) - 1; i++)
		text[i] = i % 2 == 0 ? 'x' : '\n';
	text[i] = '\0';
	assert_null(parse(text, NULL, &errors));
	for (p = errors; (p = strchr(p, '\n')) != NULL; p++)
		lines++;
	assert_int_equal(lines, 51);
	assert_non_null(strstr(errors, "f:51:1: too many errors, the rest is not shown\n"));
	free(errors);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_mistakes),
		cmocka_unit_test(test_many_mistakes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
