/* SPDX-License-Identifier: ISC */
/*
 * smtpd.conf: what each directive gives, what each mistake is answered with,
 * whole files of tests/data/conf, and the addresses of listeners.
 */
/* objects: smtpd/conf.o smtpd/conf_lex.o smtpd/conf_error.o smtpd/conf_value.o smtpd/conf_free.o smtpd/conf_listen.o smtpd/conf_resolve.o smtpd/conf_pki.o smtpd/conf_table.o smtpd/conf_action.o smtpd/conf_match.o smtpd/conf_proc.o smtpd/conf_smtp.o smtpd/conf_old.o smtpd/table.o smtpd/table_content.o smtpd/table_file.o smtpd/table_net.o smtpd/format.o smtpd/format_command.o smtpd/log.o */
#include <sys/socket.h>
#include <netinet/in.h>
#include <arpa/inet.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "smtpd/conf.h"
#include "smtpd/table.h"

#define nitems(a)	(sizeof(a) / sizeof((a)[0]))

#define RULE	"action a maildir\nmatch for any action a\n"
#define PKI	"pki p cert c key k\n"

static struct conf *
parse(const char *text, char *const macros[], char **errors)
{
	struct conf_sources	 sources = TAILQ_HEAD_INITIALIZER(sources);
	struct conf_source	*s = calloc(1, sizeof(*s));
	struct conf		*conf;
	size_t			 size;
	FILE			*f = open_memstream(errors, &size);

	assert_non_null(s);
	assert_non_null(f);
	s->name = strdup("f");
	s->text = strdup(text);
	s->size = strlen(text);
	TAILQ_INSERT_TAIL(&sources, s, entry);
	conf = conf_parse(&sources, macros, f);
	fclose(f);
	return conf;
}

/* -- mistakes -- */

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
	{ "listen on socket port 25\n" RULE, "f:1:18: token \"port\": no option of listen on socket; one of: tag, mask-src\n" },
	/* pki, ca */
	{ "pki p cert c\n" RULE, "f:1:5: token \"p\": this pki has no key \"PATH\"\n" },
	{ "pki p certificate c\n" RULE, "f:1:7: token \"certificate\": is now written cert\n"
	    "f:1:5: token \"p\": this pki has no cert \"PATH\"\n" },
	{ "pki p cert c key k dhe auto\n" RULE, "f:1:24: token \"auto\": not supported yet (ciphers with DHE): leave dhe out\n" },
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
	{ "action a\nmatch for any action a\n", "f:1:9: end of line: expected one of: maildir, mda\n" },
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
	/* match */
	{ "match\n", "f:1:6: end of line: expected one of: from, for, tag, tls, helo, mail-from, rcpt-to, action, reject\n" },
	{ "match form any reject\n", "f:1:7: token \"form\": no criterion; did you mean \"from\" or \"for\"?\n" },
	{ "match for any\n", "f:1:14: end of line: expected one of: from, for, tag, tls, helo, mail-from, rcpt-to, action, reject\n" },
	{ "match for any for any reject\n", "f:1:15: token \"for\": said twice\n" },
	{ "match from mail-from a@b mail-from c@d reject\n", "f:1:26: token \"mail-from\": said twice\n" },
	{ "match mail-from c@d from mail-from a@b reject\n", "f:1:36: token \"a@b\": mail-from said twice\n" },
	{ "match !reject\n", "f:1:8: token \"reject\": the ! stands before a criterion\n" },
	{ "match from !any reject\n", "f:1:12: token \"!\": the ! stands before the criterion now\n" },
	{ "match tag ! x reject\n", "f:1:11: token \"!\": the ! stands before the criterion now\n" },
	{ "match from source x reject\n", "f:1:12: token \"source\": is now written src\n" },
	{ "match from rdns reject\n", "f:1:12: token \"rdns\": not supported yet (word after from)\n" },
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
	{ "control \"/x\"\n" RULE, "f:1:9: token \"/x\": expected socket\n" },
	/* procs */
	{ "proc p\n" RULE, "f:1:7: end of line: expected a command\n" },
	{ "proc p c protocol 0.6\n" RULE, "f:1:19: token \"0.6\": expected \"1\" or \"0.7\"\n" },
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
	{ "proc p c\nreport smtp-inn on p\n" RULE,
	    "f:2:8: token \"smtp-inn\": no stream to report; did you mean \"smtp-in\"?\n" },
	/* what is later, and what was */
	{ "srs key x\n" RULE, "f:1:1: token \"srs\": not supported yet (directive)\n" },
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

/* -- what a good file gives -- */

static bool
holds(struct table *t, enum table_service service, const char *key)
{
	return table_match(t, service, slice_str(key)) == TABLE_YES;
}

static const struct rule *
nth_rule(const struct conf *conf, int n)
{
	const struct rule	*r;

	for (r = TAILQ_FIRST(&conf->rules); n-- > 0; r = TAILQ_NEXT(r, entry))
		assert_non_null(r);
	return r;
}

static const struct criterion *
nth(const struct conf *conf, int rule, int n)
{
	const struct criterion	*c;

	for (c = STAILQ_FIRST(&nth_rule(conf, rule)->criteria); n-- > 0; c = STAILQ_NEXT(c, entry))
		assert_non_null(c);
	return c;
}

static void
check_defaults(struct conf *c)
{
	struct action	*a = conf_action(c, SLICE("a"));
	struct listen	*l = TAILQ_FIRST(&c->listens);

	assert_string_equal(c->spool, SPOOLDIR);
	assert_string_equal(c->control, CONTROLSOCK);
	assert_true(c->hostname[0] != '\0');
	assert_int_equal(c->queue_ttl, 4 * 86400);
	assert_int_equal(c->max_message_size, 35 * 1024 * 1024);
	assert_int_equal(c->sub_addr_delim, '+');
	assert_int_equal(c->max_mails, 100);
	assert_int_equal(c->max_rcpt, 1000);
	assert_int_equal(c->max_sessions, 0);
	assert_int_equal(c->max_line, 65536);
	assert_int_equal(c->max_errors, 20);
	assert_int_equal(c->idle, 300);
	assert_string_equal(a->arg, "~/Maildir");
	assert_int_equal(a->kind, ACTION_MAILDIR);
	assert_int_equal(a->ttl, 0);
	assert_null(a->user);
	assert_true(l->socket);
	assert_string_equal(l->tag, "local");
	assert_null(TAILQ_NEXT(l, entry));
	assert_int_equal(nth(c, 0, 0)->kind, FOR_ANY);
	assert_int_equal(nth(c, 0, 1)->kind, FROM_LOCAL);
}

static void
check_daemon(struct conf *c)
{
	assert_int_equal(c->max_message_size, (size_t)3 << 30);
	assert_int_equal(c->queue_ttl, 86400 + 2 * 3600 + 3 * 60 + 4);
	assert_int_equal(c->sub_addr_delim, '-');
	assert_int_equal(c->max_mails, 1);
	assert_int_equal(c->max_rcpt, 2);
	assert_int_equal(c->max_sessions, 3);
	assert_int_equal(c->max_errors, 4);
	assert_int_equal(c->max_line, 5 * 1024);
	assert_int_equal(c->idle, 90);
	assert_string_equal(c->spool, "/a/spool");
	assert_string_equal(c->control, "/a/sock");
}

static void
check_listen(struct conf *c)
{
	struct listen	*l = TAILQ_FIRST(&c->listens);

	assert_string_equal(l->on, "lo");
	assert_int_equal(l->port, 25);
	assert_int_equal(l->tls, LISTEN_PLAIN);
	assert_int_equal(l->family, AF_UNSPEC);
	l = TAILQ_NEXT(l, entry);
	assert_int_equal(l->port, 25);
	assert_int_equal(l->tls, LISTEN_TLS);
	assert_int_equal(l->family, AF_INET6);
	assert_string_equal(l->pki, "P");
	l = TAILQ_NEXT(l, entry);
	assert_int_equal(l->port, 465);
	assert_int_equal(l->tls, LISTEN_SMTPS);
	assert_string_equal(l->hostname, "mx");
	assert_string_equal(l->tag, "T");
	assert_true(l->mask_src);
	l = TAILQ_NEXT(l, entry);
	assert_string_equal(l->on, "::1");
	assert_int_equal(l->port, 587);
	assert_int_equal(l->tls, LISTEN_TLS_REQUIRE);
	assert_int_equal(l->index, 3);
	l = TAILQ_NEXT(l, entry);
	assert_true(l->socket && l->mask_src);
	assert_string_equal(l->tag, "x");
	assert_null(TAILQ_NEXT(l, entry));
}

static void
check_lexer(struct conf *c)
{
	struct table	*t = conf_table(c, SLICE("t"));

	assert_string_equal(conf_action(c, SLICE("a"))->arg, "/srv/mail/x y\\z\"#");
	assert_string_equal(conf_action(c, SLICE("b"))->arg, "one 'two'three");
	assert_string_equal(conf_action(c, SLICE("match"))->arg, "user");
	assert_string_equal(conf_action(c, SLICE("c"))->arg, "/srv/mail/x");
	assert_string_equal(TAILQ_FIRST(&c->listens)->on, "$lo$x");
	assert_true(holds(t, TABLE_STRING, "10.0.0.0/8"));
	assert_true(holds(t, TABLE_STRING, "b"));
	assert_true(holds(t, TABLE_STRING, "d"));
	assert_false(holds(t, TABLE_STRING, "c"));
	assert_true(holds(nth(c, 0, 0)->table, TABLE_NETADDR, "10.2.3.4"));
	assert_false(holds(nth(c, 0, 0)->table, TABLE_NETADDR, "11.2.3.4"));
}

static void
check_action(struct conf *c)
{
	struct action	*a = TAILQ_FIRST(&c->actions);
	struct slice	 value;

	assert_string_equal(a->arg, "~/Maildir");
	assert_string_equal(a->user, "vmail");
	assert_int_equal(a->ttl, 5400);
	assert_int_equal(table_get(a->alias, SLICE("ROOT"), &value), TABLE_YES);
	assert_true(slice_eq(value, SLICE("joe, jack")));
	assert_int_equal(table_get(a->alias, SLICE("joe"), &value), TABLE_NO);
	assert_null(a->virtual);
	a = TAILQ_NEXT(a, entry);
	assert_int_equal(a->kind, ACTION_MDA);
	assert_string_equal(a->arg, "cat %{rcpt}");
	assert_ptr_equal(a->virtual, conf_table(c, SLICE("v")));
	assert_string_equal(a->virtual->path, "/etc/v");
	assert_null(a->alias);
}

static void
check_match(struct conf *c)
{
	assert_int_equal(nth(c, 0, 0)->kind, FROM_SRC);
	assert_true(nth(c, 0, 0)->negate);
	assert_true(nth(c, 0, 0)->regex);
	assert_true(holds(nth(c, 0, 0)->table, TABLE_REGEX, "10.1.1.1"));
	assert_int_equal(nth(c, 0, 1)->kind, WITH_TLS);
	assert_false(nth(c, 0, 1)->negate);
	assert_int_equal(nth(c, 0, 2)->kind, FOR_DOMAIN);
	assert_true(nth(c, 0, 2)->negate);
	assert_int_equal(nth(c, 0, 3)->kind, WITH_TAG);
	assert_int_equal(nth(c, 0, 4)->kind, WITH_HELO);
	assert_int_equal(nth(c, 0, 5)->kind, WITH_RCPT_TO);
	assert_null(nth(c, 0, 6));
	assert_null(TAILQ_FIRST(&c->rules)->action);
	assert_int_equal(nth(c, 1, 0)->kind, WITH_MAIL_FROM);
	assert_true(nth(c, 1, 0)->negate);
	assert_int_equal(nth(c, 1, 1)->kind, FROM_ANY);
	assert_int_equal(nth(c, 1, 2)->kind, FOR_RCPT_TO);
	assert_int_equal(nth(c, 2, 0)->kind, FROM_SOCKET);
	assert_int_equal(nth(c, 2, 1)->kind, FOR_LOCAL);
	assert_null(nth(c, 2, 2));
	assert_string_equal(nth_rule(c, 2)->action->name, "late");
	assert_null(nth_rule(c, 3));
}

static void
check_proc(struct conf *c)
{
	struct proc_conf	*p = TAILQ_FIRST(&c->procs);

	assert_string_equal(p->command, "rptfmt | logger");
	assert_int_equal(p->dialect, DIALECT_1);
	assert_int_equal(p->buffer, 64 * 1024 * 1024);
	assert_int_equal(p->overflow, OVERFLOW_DROP);
	assert_true(p->smtp_in && p->smtp_out);
	p = TAILQ_NEXT(p, entry);
	assert_int_equal(p->index, 1);
	assert_string_equal(p->user, "u");
	assert_string_equal(p->group, "g");
	assert_string_equal(p->chroot, "/c");
	assert_int_equal(p->dialect, DIALECT_0_7);
	assert_int_equal(p->buffer, 128 * 1024);
	assert_int_equal(p->overflow, OVERFLOW_WAIT);
	assert_int_equal(p->wait, 60);
	assert_true(p->smtp_in && !p->smtp_out);
	p = TAILQ_NEXT(p, entry);
	assert_int_equal(p->wait, 5);
	assert_true(!p->smtp_in && p->smtp_out);
}

static void
check_pki(struct conf *c)
{
	struct pki	*pki = conf_pki(c, "MX.example.org");

	assert_string_equal(pki->name, "mx.example.org");
	assert_string_equal(pki->cert, "/c");
	assert_string_equal(pki->key, "/k");
	assert_null(conf_pki(c, "x"));
	assert_string_equal(TAILQ_FIRST(&c->cas)->cert, "/ca");
}

static const struct {
	const char	*text;
	void		(*check)(struct conf *);
} good[] = {
	{ RULE, check_defaults },
	{ "smtp max-message-size 3g\nqueue ttl 1d2h3m4s\nsmtp sub-addr-delim -\n"
	    "smtp limit max-mails 1 max-rcpt 2 max-sessions 3 max-errors 4 max-line 5K idle 90s\n"
	    "spool directory /a/spool\ncontrol socket \"/a/sock\"\n" RULE, check_daemon },
	{ PKI "listen on lo\nlisten on \"lo\" tls inet6 pki P\n"
	    "listen on lo smtps hostname mx tag T mask-src no-dsn\n"
	    "listen on ::1 port submission tls-require\n"
	    "listen on socket mask-src tag x\n" RULE, check_listen },
	{ "dir = \"/srv/mail\"\nnets = \"{ 10.0.0.0/8, b }\"\nnet = \"{ 10.0.0.0/8 }\"\n"
	    "listen on '$lo$x' # comment \\\n    goes on\r\n"
	    "action a maildir '/srv/mail/x\\ y\\z\"\\\n\n#'\n"
	    "action b mda \"one 'two'\\\nthree\"\n"
	    "action match maildir \"user\"\n"
	    "action c maildir $dir/x\n"
	    "table t {\n  \"10.0.0.0/8\" # c\n\n b,d\n}\n"
	    "match from src $net for any action a\nmatch tag $nets action b", check_lexer },
	{ "table v file:/etc/v\n"
	    "action a maildir user vmail ttl 1h30m alias { root = 'joe, jack', \"x\" => y }\n"
	    "action b mda 'cat %{rcpt}' virtual <v>\nmatch for any action a", check_action },
	{ "match !from src regex \"^10\\.\" tls !for domain { a, b } tag T helo \"*.x\" rcpt-to y reject\n"
	    "match !from mail-from @a for rcpt-to regex b reject\n"
	    "match from socket action late\naction late maildir\n", check_match },
	{ "proc a \"rptfmt | logger\"\nreport smtp on a\n"
	    "proc b c chroot /c group g user u overflow wait protocol 0.7 buffer 128K\nreport smtp-in on b\n"
	    "proc c d overflow wait 5s\nreport smtp-out on c\n" RULE, check_proc },
	{ "pki MX.example.org cert /c\npki mx.example.org key /k dhe none\nca \"*\" cert /ca\n" RULE, check_pki },
};

static void
test_good(void **state)
{
	struct conf	*conf;
	char		*errors;
	size_t		 i;

	(void)state;
	for (i = 0; i < nitems(good); i++) {
		conf = parse(good[i].text, NULL, &errors);
		assert_string_equal(errors, "");
		assert_non_null(conf);
		good[i].check(conf);
		conf_free(conf);
		free(errors);
	}
}

static void
test_macros(void **state)
{
	char		*const given[] = { (char []){ "lo=given" }, (char []){ "e='a=b'" }, NULL };
	char		*const bad[] = { (char []){ "nothing" }, NULL };
	struct conf	*conf;
	char		*errors;

	(void)state;
	conf = parse("lo = file\nlisten on $lo\nlisten on $e\n" RULE, given, &errors);
	assert_string_equal(errors, "");
	assert_string_equal(TAILQ_FIRST(&conf->listens)->on, "given");
	assert_string_equal(TAILQ_NEXT(TAILQ_FIRST(&conf->listens), entry)->on, "a=b");
	conf_free(conf);
	free(errors);
	assert_null(parse(RULE, bad, &errors));
	assert_string_equal(errors, "-D nothing: expected NAME=VALUE\n");
	free(errors);
}

/* -- whole files; NAME.err is what is said about NAME.conf -- */

static const char *const files[] = { "default", "maildir", "virtual", "reports", "old", "rspamd" };

static char *
slurp(const char *name, const char *suffix)
{
	char	 path[128], *text = NULL;
	size_t	 size = 0;
	FILE	*f;

	snprintf(path, sizeof(path), "tests/data/conf/%s%s", name, suffix);
	f = fopen(path, "r");
	assert_non_null(f);
	if (getdelim(&text, &size, '\0', f) == -1) {
		free(text);
		text = strdup("");
	}
	fclose(f);
	return text;
}

/* What the parent read, every other process parses to the same. */
static void
parse_again(struct conf *conf)
{
	struct conf_sources	 sources = TAILQ_HEAD_INITIALIZER(sources);
	struct conf		*again;

	TAILQ_CONCAT(&sources, &conf->sources, entry);
	again = conf_parse(&sources, NULL, stderr);
	assert_non_null(again);
	assert_true(TAILQ_EMPTY(&sources));
	conf_free(again);
}

static void
test_files(void **state)
{
	char		 path[128], *errors, *expected;
	struct conf	*conf;
	size_t		 i, size;
	FILE		*f;

	(void)state;
	for (i = 0; i < nitems(files); i++) {
		snprintf(path, sizeof(path), "tests/data/conf/%s.conf", files[i]);
		expected = slurp(files[i], ".err");
		f = open_memstream(&errors, &size);
		conf = conf_load(path, NULL, f);
		fclose(f);
		assert_string_equal(errors, expected);
		assert_true((conf == NULL) == (*expected != '\0'));
		if (conf != NULL)
			parse_again(conf);
		conf_free(conf);
		free(errors);
		free(expected);
	}
}

static void
test_unreadable(void **state)
{
	char	*errors;
	size_t	 size;
	FILE	*f = open_memstream(&errors, &size);

	(void)state;
	assert_null(conf_load("tests/data/conf/none.conf", NULL, f));
	fclose(f);
	assert_string_equal(errors, "tests/data/conf/none.conf: No such file or directory\n");
	free(errors);
}

/* -- addresses -- */

struct seen {
	char	 text[512];
	int	 answer;
};

static int
see(void *arg, const struct sockaddr *sa, socklen_t len)
{
	struct seen			*seen = arg;
	const struct sockaddr_in	*in = (const struct sockaddr_in *)sa;
	const struct sockaddr_in6	*in6 = (const struct sockaddr_in6 *)sa;
	char				 buf[INET6_ADDRSTRLEN];
	size_t				 n = strlen(seen->text);

	if (sa->sa_family == AF_INET) {
		assert_int_equal(len, sizeof(*in));
		inet_ntop(AF_INET, &in->sin_addr, buf, sizeof(buf));
		snprintf(seen->text + n, sizeof(seen->text) - n, "%s:%u ", buf, ntohs(in->sin_port));
	} else {
		assert_int_equal(len, sizeof(*in6));
		inet_ntop(AF_INET6, &in6->sin6_addr, buf, sizeof(buf));
		snprintf(seen->text + n, sizeof(seen->text) - n, "[%s]:%u ", buf, ntohs(in6->sin6_port));
	}
	return seen->answer;
}

static const struct {
	const char	*on;
	int		 family;
	const char	*seen, *why;	/* seen: at least that */
} addresses[] = {
	{ "127.0.0.1",	AF_UNSPEC,	"127.0.0.1:2525 ", NULL },
	{ "::1",	AF_UNSPEC,	"[::1]:2525 ", NULL },
	{ "0.0.0.0",	AF_INET,	"0.0.0.0:2525 ", NULL },
	{ "lo",		AF_INET,	"127.0.0.1:2525 ", NULL },
	{ "all",	AF_INET,	"127.0.0.1:2525 ", NULL },
	{ "localhost",	AF_INET,	"127.0.0.1:2525 ", NULL },
	{ "127.0.0.1",	AF_INET6,	"", "no address of that family" },
	{ "no/where",	AF_INET,	"", "no such interface, address or host name" },
};

static void
test_addresses(void **state)
{
	struct listen	 l = { .port = 2525 };
	struct seen	 seen;
	const char	*why;
	size_t		 i;

	(void)state;
	for (i = 0; i < nitems(addresses); i++) {
		l.on = (char *)addresses[i].on;
		l.family = addresses[i].family;
		seen = (struct seen){ .answer = 0 };
		assert_int_equal(conf_listen_resolve(&l, see, &seen, &why),
		    addresses[i].why == NULL ? 0 : -1);
		assert_non_null(strstr(seen.text, addresses[i].seen));
		if (addresses[i].why != NULL)
			assert_string_equal(why, addresses[i].why);
	}
	seen = (struct seen){ .answer = -1 };
	l.on = (char *)"127.0.0.1";
	l.family = AF_UNSPEC;
	assert_int_equal(conf_listen_resolve(&l, see, &seen, &why), -1);
	assert_null(why);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_mistakes),
		cmocka_unit_test(test_many_mistakes),
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_macros),
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_unreadable),
		cmocka_unit_test(test_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
