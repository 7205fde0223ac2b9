/* SPDX-License-Identifier: ISC */
/*
 * smtpd.conf: what each directive gives, whole files of tests/data/conf, and
 * the addresses of listeners.  Mistakes are in conf_error_test.c.
 */
/* objects: smtpd/conf.o smtpd/conf_lex.o smtpd/conf_error.o smtpd/conf_value.o smtpd/conf_free.o smtpd/conf_listen.o smtpd/conf_resolve.o smtpd/conf_pki.o smtpd/conf_table.o smtpd/conf_action.o smtpd/conf_match.o smtpd/conf_mta.o smtpd/conf_relay.o smtpd/conf_url.o smtpd/conf_proc.o smtpd/conf_filter.o smtpd/conf_rule.o smtpd/conf_smtp.o smtpd/conf_old.o smtpd/table.o smtpd/table_content.o smtpd/table_file.o smtpd/table_net.o smtpd/format.o smtpd/format_command.o smtpd/log.o */
#include <sys/socket.h>
#include <netinet/in.h>
#include <arpa/inet.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/nitems.h"
#include "smtpd/conf.h"
#include "smtpd/table.h"
#include "tests/unit/conf_text.h"

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
	assert_null(c->resolvers);
	assert_string_equal(c->resolv_conf, "/etc/resolv.conf");
	assert_string_equal(c->hosts, "/etc/hosts");
	assert_int_equal(c->dns_timeout, 10);
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
	assert_string_equal(c->resolvers, "127.0.0.1,192.0.2.53:5353,2001:db8::53,[::1],[::1]:65535");
	assert_int_equal(c->dns_timeout, 150);
}

static void
check_dns_files(struct conf *c)
{
	assert_null(c->resolvers);
	assert_string_equal(c->resolv_conf, "/a/resolv");
	assert_string_equal(c->hosts, "/a/hosts");
}

static void
check_rdns(struct conf *c)
{
	int	 i;

	for (i = 0; i < 6; i++)
		assert_int_equal(nth(c, i, 0)->kind, FROM_RDNS);
	assert_null(nth(c, 0, 0)->table);
	assert_null(nth(c, 1, 0)->table);
	assert_int_equal(nth(c, 1, 1)->kind, WITH_TLS);
	assert_true(nth(c, 1, 1)->negate);
	assert_null(nth(c, 2, 0)->table);
	assert_true(nth(c, 2, 0)->negate);
	assert_int_equal(nth(c, 2, 1)->kind, FOR_ANY);
	assert_true(holds(nth(c, 3, 0)->table, TABLE_DOMAIN, "mx.example.org"));
	assert_true(nth(c, 4, 0)->regex);
	assert_true(holds(nth(c, 4, 0)->table, TABLE_REGEX, "mx.example.org"));
	assert_true(holds(nth(c, 5, 0)->table, TABLE_DOMAIN, "for"));
	assert_int_equal(nth(c, 5, 1)->kind, FOR_LOCAL);
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
	assert_true(p->reports == (1u << SUBSYSTEM_SMTP_IN | 1u << SUBSYSTEM_SMTP_OUT));
	p = TAILQ_NEXT(p, entry);
	assert_int_equal(p->index, 1);
	assert_string_equal(p->user, "u");
	assert_string_equal(p->group, "g");
	assert_string_equal(p->chroot, "/c");
	assert_int_equal(p->dialect, DIALECT_0_7);
	assert_int_equal(p->buffer, 128 * 1024);
	assert_int_equal(p->overflow, OVERFLOW_WAIT);
	assert_int_equal(p->wait, 60);
	assert_true(p->reports == 1u << SUBSYSTEM_SMTP_IN);
	p = TAILQ_NEXT(p, entry);
	assert_int_equal(p->wait, 5);
	assert_true(p->reports == 1u << SUBSYSTEM_SMTP_OUT);
}

/* The shortest that is asked for; who asks for none asks for a minute. */
static void
check_minute(struct conf *c)
{
	assert_int_equal(c->stats_interval, 60);
	assert_true(TAILQ_FIRST(&c->procs)->reports == 1u << SUBSYSTEM_STATS);
}

static void
check_minutes(struct conf *c)
{
	assert_int_equal(c->stats_interval, 300);
}

static void
check_seconds(struct conf *c)
{
	assert_int_equal(c->stats_interval, 5);
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
	    "spool directory /a/spool\ncontrol socket \"/a/sock\"\n"
	    "dns timeout 2m30s\ndns resolver \"127.0.0.1,192.0.2.53:5353,2001:db8::53,[::1],[::1]:65535\"\n"
	    RULE, check_daemon },
	{ "dns resolver 127.0.0.1\ndns resolver /a/resolv\ndns hosts \"/a/hosts\"\n" RULE, check_dns_files },
	{ "match from rdns reject\nmatch from rdns !tls reject\nmatch !from rdns for any reject\n"
	    "match from rdns { \"*.example.org\", b } reject\nmatch from rdns regex \"^mx\\.\" reject\n"
	    "match from rdns \"for\" reject\n", check_rdns },
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
	{ "proc a b\nreport stats on a every 5m\nproc c d\nreport stats on c\n" RULE, check_minute },
	{ "proc a b\nreport stats on a every 5m\n" RULE, check_minutes },
	{ "proc a b\nreport stats on a every 5s\nproc c d\nreport stats on c every 10s\n" RULE,
	    check_seconds },
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

static const char *const files[] = { "default", "maildir", "virtual", "reports", "old", "rspamd", "relay" };

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

static const char *const examples[] = { "examples/smtpd.conf", "examples/relay.conf" };

static void
test_examples(void **state)
{
	struct conf	*conf;
	size_t		 i;

	(void)state;
	for (i = 0; i < nitems(examples); i++) {
		conf = conf_load(examples[i], NULL, stderr);
		assert_non_null(conf);
		conf_free(conf);
	}
}

/* Every whole configuration that the manual shows, as mdoc(7) writes it. */
static void
test_manual(void **state)
{
	char		 line[512], *text, *errors, *p;
	struct conf	*conf;
	size_t		 size;
	unsigned	 n = 0;
	FILE		*f = fopen("man/smtpd.conf.5", "r"), *out = NULL;

	(void)state;
	assert_non_null(f);
	while (fgets(line, sizeof(line), f) != NULL) {
		if (strncmp(line, ".Bd -literal", 12) == 0)
			assert_non_null(out = open_memstream(&text, &size));
		else if (strcmp(line, ".Ed\n") == 0) {
			fclose(out);
			out = NULL;
			if (strstr(text, "match ") != NULL) {
				conf = parse(text, NULL, &errors);
				assert_string_equal(errors, "");
				conf_free(conf);
				free(errors);
				n++;
			}
			free(text);
		} else if (out != NULL) {
			for (p = line; (p = strstr(p, "\\e")) != NULL; p++)
				memmove(p + 1, p + 2, strlen(p + 2) + 1);
			fputs(line, out);
		}
	}
	fclose(f);
	assert_true(n >= 5);
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
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_macros),
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_examples),
		cmocka_unit_test(test_manual),
		cmocka_unit_test(test_unreadable),
		cmocka_unit_test(test_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
