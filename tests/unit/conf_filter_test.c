/* SPDX-License-Identifier: ISC */
/*
 * smtpd.conf: what each form of `filter` gives, whom it is attached to, and
 * what that makes of procs.  Mistakes are in conf_filter_error_test.c.
 */
/* objects: smtpd/conf.o smtpd/conf_lex.o smtpd/conf_error.o smtpd/conf_value.o smtpd/conf_free.o smtpd/conf_listen.o smtpd/conf_resolve.o smtpd/conf_pki.o smtpd/conf_table.o smtpd/conf_action.o smtpd/conf_match.o smtpd/conf_mta.o smtpd/conf_relay.o smtpd/conf_url.o smtpd/conf_proc.o smtpd/conf_filter.o smtpd/conf_rule.o smtpd/conf_smtp.o smtpd/conf_old.o smtpd/table.o smtpd/table_content.o smtpd/table_file.o smtpd/table_net.o smtpd/format.o smtpd/format_command.o smtpd/log.o */
#include <sys/stat.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/nitems.h"
#include "smtpd/conf_parse.h"
#include "tests/unit/conf_text.h"

#define IN	(1u << SUBSYSTEM_SMTP_IN)
#define OUT	(1u << SUBSYSTEM_SMTP_OUT)
#define ALL	((1u << PHASE_MAX) - 1)

static const char *const conditions[COND_MAX] = {
	[COND_ANY] = "any", [COND_FCRDNS] = "fcrdns", [COND_FCRDNS_ERROR] = "fcrdns-error",
	[COND_RDNS] = "rdns", [COND_RDNS_TABLE] = "rdns-in", [COND_SRC] = "src-in", [COND_HELO] = "helo-in",
	[COND_AUTH] = "auth", [COND_AUTH_TABLE] = "auth-in", [COND_MAIL_FROM] = "mail-from-in",
	[COND_RCPT_TO] = "rcpt-to-in", [COND_ARGUMENT] = "argument-in",
};

/* -- each form, as the struct says it -- */

static void
add(char *buf, size_t size, const char *s)
{
	if (*buf != '\0')
		strlcat(buf, " ", size);
	strlcat(buf, s, size);
}

static void
show_rule(char *buf, size_t size, const struct filter *f)
{
	struct slice	 key, value;
	char		 text[80];
	size_t		 i;

	add(buf, size, filter_phases[f->phase].name);
	snprintf(text, sizeof(text), "%s%s%s", f->negate ? "!" : "", conditions[f->condition], f->regex ? "~" : "");
	add(buf, size, text);
	for (i = 0; f->table != NULL && table_nth(f->table, i, false, &key, &value) == TABLE_YES; i++) {
		snprintf(text, sizeof(text), "%.*s", (int)key.n, key.p);
		add(buf, size, text);
	}
	add(buf, size, decision_names[f->action]);
	if (f->text != NULL)
		add(buf, size, f->text);
}

/* What a filter is, in words; a founding one is called `-`. */
static void
show(char *buf, size_t size, const struct filter *f)
{
	char	 phases[16];
	size_t	 i;

	*buf = '\0';
	add(buf, size, f->name == NULL ? "-" : f->name);
	if (f->shadow)
		add(buf, size, "shadow");
	switch (f->kind) {
	case FILTER_RULE:
		show_rule(buf, size, f);
		break;
	case FILTER_PROC:
		add(buf, size, "proc");
		add(buf, size, f->proc->name);
		if (f->phases != 0) {
			snprintf(phases, sizeof(phases), "%x", f->phases);
			add(buf, size, phases);
		}
		break;
	case FILTER_CHAIN:
		add(buf, size, "chain");
		for (i = 0; i < f->nmembers; i++)
			add(buf, size, f->members[i]->name);
		break;
	}
}

/* The last filter of the text. */
static const struct {
	const char	*text, *shown;
} forms[] = {
	/* the founding grammar: a check takes who does not pass it */
	{ "filter smtp-in connect check-fcrdns disconnect \"550 go away punk\"",
	    "- connect !fcrdns disconnect 550 go away punk" },
	{ "filter smtp-in connect !check-fcrdns reject \"550 x\"", "- connect fcrdns reject 550 x" },
	{ "filter smtp connect check-rdns reject \"550 x\"", "- connect !rdns reject 550 x" },
	{ "filter smtp-in connected check-rdns reject \"550 x\"", "- connect !rdns reject 550 x" },
	{ "filter smtp-in ehlo ! check-rdns reject \"550 x\"", "- ehlo rdns reject 550 x" },
	{ "filter smtp-in quit check-fcrdns reject \"451 x\"", "- quit !fcrdns reject 451 x" },
	/* a table, an expression: what holds the argument */
	{ "table t { a@b, c@d }\nfilter smtp-in mail-from check-table <t> reject \"550 x\"",
	    "- mail-from argument-in a@b c@d reject 550 x" },
	{ "filter smtp-in rcpt-to !check-table { \"a@b\" } reject \"550 x\"",
	    "- rcpt-to !argument-in a@b reject 550 x" },
	{ "filter smtp-in helo check-regex \"^a\" disconnect \"550 x\"", "- helo argument-in~ ^a disconnect 550 x" },
	{ "filter smtp-in ehlo !check-regex { \"^a\", \"b$\" } disconnect \"550 x\"",
	    "- ehlo !argument-in~ ^a b$ disconnect 550 x" },
	{ "filter smtp-in helo check-table localhost rewrite \"localhost.localdomain\"",
	    "- helo argument-in localhost rewrite localhost.localdomain" },
	{ "filter smtp-in auth check-regex ' root$' reject \"535 x\"", "- auth argument-in~  root$ reject 535 x" },
	{ "filter smtp-in connect check-table { 10.0.0.0/8 } reject \"550 x\"", "- connect src-in 10.0.0.0/8 reject 550 x" },
	{ "filter smtp-in connect !check-regex ^192 reject \"550 x\"", "- connect !src-in~ ^192 reject 550 x" },
	/* December 2018, both words of each check */
	{ "filter f builtin connect check-fcrdns reject \"550 x\"", "f connect !fcrdns reject 550 x" },
	{ "filter f builtin connect fcrdns reject \"550 x\"", "f connect !fcrdns reject 550 x" },
	{ "filter f builtin connect !fcrdns reject \"550 x\"", "f connect fcrdns reject 550 x" },
	{ "filter f builtin helo check-rdns reject \"550 x\"", "f helo !rdns reject 550 x" },
	{ "filter f builtin helo rdns reject \"550 x\"", "f helo !rdns reject 550 x" },
	{ "filter f builtin helo !rdns reject \"550 x\"", "f helo rdns reject 550 x" },
	{ "filter f builtin helo check-rdns-table { a } reject \"550 x\"", "f helo rdns-in a reject 550 x" },
	{ "filter f builtin helo rdns { a } reject \"550 x\"", "f helo rdns-in a reject 550 x" },
	{ "filter f builtin helo !check-rdns-regex { a } reject \"550 x\"", "f helo !rdns-in~ a reject 550 x" },
	{ "filter f builtin helo !rdns regex { a } reject \"550 x\"", "f helo !rdns-in~ a reject 550 x" },
	{ "filter f builtin data check-src-table ::1 reject \"550 x\"", "f data src-in ::1 reject 550 x" },
	{ "filter f builtin data src ::1 reject \"550 x\"", "f data src-in ::1 reject 550 x" },
	{ "filter f builtin data check-src-regex ^1 reject \"550 x\"", "f data src-in~ ^1 reject 550 x" },
	{ "filter f builtin data src regex ^1 reject \"550 x\"", "f data src-in~ ^1 reject 550 x" },
	{ "filter f builtin helo helo a reject \"550 x\"", "f helo helo-in a reject 550 x" },
	{ "filter f builtin data mail-from a@b reject \"550 x\"", "f data mail-from-in a@b reject 550 x" },
	{ "filter f builtin rcpt-to rcpt-to regex b reject \"550 x\"", "f rcpt-to rcpt-to-in~ b reject 550 x" },
	/* the current grammar: each condition, in the phases at its edges */
	{ "filter f phase connect match any junk", "f connect any junk" },
	{ "filter f phase help match any reject \"502 x\"", "f help any reject 502 x" },
	{ "filter f phase connect match !fcrdns disconnect \"550 go away punk\"",
	    "f connect !fcrdns disconnect 550 go away punk" },
	{ "filter f phase starttls match fcrdns bypass", "f starttls fcrdns bypass" },
	{ "filter f phase connect match fcrdns error reject \"451 later\"", "f connect fcrdns-error reject 451 later" },
	{ "filter f phase connect match !fcrdns error junk", "f connect !fcrdns-error junk" },
	{ "filter f phase connect match rdns junk", "f connect rdns junk" },
	{ "filter f phase noop match !rdns disconnect \"421 x\"", "f noop !rdns disconnect 421 x" },
	{ "filter f phase commit match rdns *.example.org report \"a b\"", "f commit rdns-in *.example.org report a b" },
	{ "filter f phase connect match rdns { \"junk\" } junk", "f connect rdns-in junk junk" },
	{ "filter f phase connect match rdns \"junk\" junk", "f connect rdns-in junk junk" },
	{ "filter check_dyndns phase connect match rdns regex { '.*\\.dyn\\..*' } \\\n\tdisconnect \"550 no\"",
	    "check_dyndns connect rdns-in~ .*\\.dyn\\..* disconnect 550 no" },
	{ "filter f phase rset match !src { 10.0.0.0/8, ::1 } junk", "f rset !src-in 10.0.0.0/8 ::1 junk" },
	{ "filter f phase connect match src regex ^10 junk", "f connect src-in~ ^10 junk" },
	{ "filter f phase helo match helo localhost rewrite a.b", "f helo helo-in localhost rewrite a.b" },
	{ "filter f phase ehlo match !helo regex '[.]' rewrite [192.0.2.1]", "f ehlo !helo-in~ [.] rewrite [192.0.2.1]" },
	{ "filter f phase auth match auth reject \"503 x\"", "f auth auth reject 503 x" },
	{ "filter f phase mail-from match !auth reject \"530 x\"", "f mail-from !auth reject 530 x" },
	{ "filter f phase commit match auth mallory reject \"550 x\"", "f commit auth-in mallory reject 550 x" },
	{ "filter f phase quit match auth regex ^m disconnect \"550 x\"", "f quit auth-in~ ^m disconnect 550 x" },
	{ "filter f phase mail-from match mail-from @a rewrite \"<b@c> SIZE=1\"", "f mail-from mail-from-in @a rewrite <b@c> SIZE=1" },
	{ "filter f phase mail-from match mail-from regex . rewrite \"<>\"", "f mail-from mail-from-in~ . rewrite <>" },
	{ "filter f phase commit match !mail-from { \"<>\" } reject \"550 x\"", "f commit !mail-from-in <> reject 550 x" },
	{ "filter f phase rcpt-to match rcpt-to a rewrite '<b@c>'", "f rcpt-to rcpt-to-in a rewrite <b@c>" },
	{ "filter f phase rcpt-to match rcpt-to regex a rewrite \"<postmaster>\"", "f rcpt-to rcpt-to-in~ a rewrite <postmaster>" },
	{ "filter f phase auth match any rewrite \"PLAIN x\"", "f auth any rewrite PLAIN x" },
	{ "filter f phase connected match any junk", "f connect any junk" },
	/* shadow */
	{ "filter f shadow phase connect match any junk", "f shadow connect any junk" },
	{ "filter f shadow builtin connect rdns reject \"550 x\"", "f shadow connect !rdns reject 550 x" },
	{ "proc p c\nfilter f shadow proc p", "f shadow proc p" },
	{ "filter f shadow proc-exec c", "f shadow proc f" },
	/* procs and chains */
	{ "proc p c\nfilter f proc p", "f proc p" },
	{ "filter \"rspamd\" proc-exec \"filter-rspamd\"", "rspamd proc rspamd" },
	{ "filter \"smtp-in\" proc-exec c", "smtp-in proc smtp-in" },
	{ "proc p c\nfilter smtp-in connect on p", "- proc p 1" },
	{ "proc p c\nfilter smtp ehlo on p", "- proc p 4" },
	{ "proc p c\nfilter smtp-in data-line on p", "- proc p 100" },
	{ "proc p c\nfilter smtp-in on p", "- proc p 3fff" },
	{ "filter a proc-exec c\nfilter b phase connect match any junk\nfilter f chain { a, b }", "f chain a b" },
	{ "filter a proc-exec c\nfilter b proc-exec c\nfilter f chain {\n\ta # first\n\tb\n}", "f chain a b" },
	{ "filter a proc-exec c\nlisten on lo filter { a }", "<dynamic:0> chain a" },
};

static struct conf *
parse_good(const char *text)
{
	char		*errors, *whole;
	struct conf	*conf;

	assert_int_not_equal(asprintf(&whole, "%s\n" RULE, text), -1);
	conf = parse(whole, NULL, &errors);
	if (conf == NULL)
		print_error("in \"%s\": %s", text, errors);
	assert_non_null(conf);
	assert_string_equal(errors, "");
	free(errors);
	free(whole);
	return conf;
}

static struct filter *
last(struct conf *conf)
{
	struct filter	*f = TAILQ_FIRST(&conf->filters);

	while (TAILQ_NEXT(f, entry) != NULL)
		f = TAILQ_NEXT(f, entry);
	return f;
}

static void
test_forms(void **state)
{
	struct conf	*conf;
	char		 shown[200];
	size_t		 i;

	(void)state;
	for (i = 0; i < nitems(forms); i++) {
		conf = parse_good(forms[i].text);
		show(shown, sizeof(shown), last(conf));
		if (strcmp(shown, forms[i].shown) != 0)
			print_error("in \"%s\"\n", forms[i].text);
		assert_string_equal(shown, forms[i].shown);
		conf_free(conf);
	}
}

/* -- what becomes of procs -- */

static void
show_proc(char *buf, size_t size, const struct proc_conf *p)
{
	static const char *const	 dialects[DIALECT_MAX] = {
		[DIALECT_1] = "1", [DIALECT_0_4] = "0.4", [DIALECT_0_5] = "0.5", [DIALECT_0_6] = "0.6", [DIALECT_0_7] = "0.7",
	};
	char				 text[64];

	add(buf, size, p->name);
	add(buf, size, dialects[p->dialect]);
	if (p->is_filter) {
		snprintf(text, sizeof(text), "bit %u", p->bit);
		add(buf, size, text);
	}
	if ((p->attached & IN) != 0)
		add(buf, size, "in");
	if ((p->attached & OUT) != 0)
		add(buf, size, "out");
	if (p->phases != 0) {
		snprintf(text, sizeof(text), "phases %x", p->phases);
		add(buf, size, text);
	}
	if (p->reports != 0) {
		snprintf(text, sizeof(text), "reports %x", p->reports);
		add(buf, size, text);
	}
	if (p->timeout != 30) {
		snprintf(text, sizeof(text), "timeout %lld", (long long)p->timeout);
		add(buf, size, text);
	}
	if (p->bypass)
		add(buf, size, "bypass");
	if (p->auth_secrets)
		add(buf, size, "secrets");
	strlcat(buf, ";", size);
}

static const struct {
	const char	*text, *shown;
} procs[] = {
	/* reporters are as they were */
	{ "proc p c", "p 1;" },
	{ "proc p c protocol 0.4", "p 0.4;" },
	{ "proc p c protocol \"0.5\"\nreport smtp on p", "p 0.5 reports 3;" },
	/* a filter that nobody names runs for nothing */
	{ "proc p c\nfilter f proc p", "p 0.7 bit 0;" },
	{ "proc p c protocol 0.6 timeout 1m30s down bypass auth-secrets\nfilter f proc p",
	    "p 0.6 bit 0 timeout 90 bypass secrets;" },
	{ "proc p c down 451\nfilter f proc p", "p 0.7 bit 0;" },
	{ "filter f proc-exec c protocol 0.5 timeout 1s down bypass auth-secrets user u group g chroot /x buffer 1M overflow wait 5s",
	    "f 0.5 bit 0 timeout 1 bypass secrets;" },
	/* reporter and filter at once */
	{ "proc p c\nreport smtp-in on p\nfilter f proc p\nlisten on lo filter f", "p 0.7 bit 0 in reports 1;" },
	{ "proc p c\nfilter f proc p\nfilter g shadow proc p\nlisten on lo filter g", "p 0.7 bit 0 in;" },
	/* bits are given to filters only */
	{ "proc p c\nproc q c\nproc r c\nfilter f proc r\nfilter g proc p", "p 0.7 bit 1; q 1; r 0.7 bit 0;" },
	/* attachment: listeners, the socket, actions, rules */
	{ "filter f proc-exec c\nlisten on lo port 1 filter f\nlisten on lo port 2", "f 0.7 bit 0 in;" },
	{ "filter f proc-exec c\nlisten on socket filter f tag x", "f 0.7 bit 0 in;" },
	{ "filter f proc-exec c\naction o relay filter f", "f 0.7 bit 0 out;" },
	{ "filter f proc-exec c\naction o relay filter { f } srs\nsrs key k\nlisten on lo filter f", "f 0.7 bit 0 in out;" },
	{ "filter f proc-exec c\nmatch for any filter f action a", "f 0.7 bit 0 in;" },
	{ "filter f proc-exec c\nfilter g proc-exec d\nfilter r phase connect match any junk\nfilter x chain { f, r, g }\n"
	    "listen on lo filter x", "f 0.7 bit 0 in; g 0.7 bit 1 in;" },
	/* the founding forms: protocol 1 if nothing was said, events of smtp-out as a reporter has them */
	{ "proc p c\nfilter smtp-in connect on p\nfilter smtp-in helo on p", "p 1 bit 0 in phases 3;" },
	{ "proc p c protocol 0.6\nfilter smtp-in data on p", "p 0.6 bit 0 in phases 80;" },
	{ "proc p c\nfilter smtp-in on p", "p 1 bit 0 in phases 3fff;" },
	{ "proc p c\nfilter smtp-out on p", "p 1 bit 0 reports 2;" },
	{ "proc p c\nfilter smtp on p", "p 1 bit 0 in phases 3fff reports 2;" },
	{ "proc p c protocol 0.7\nfilter smtp on p", "p 0.7 bit 0 in out phases 3fff;" },
	{ "proc p c\nfilter f proc p\nlisten on lo filter f\nfilter smtp-in quit on p", "p 1 bit 0 in phases 800;" },
	{ "filter f proc-exec c protocol 1\nfilter smtp-in ehlo on f", "f 1 bit 0 in phases 4;" },
};

static void
test_procs(void **state)
{
	const struct proc_conf	*proc;
	struct conf		*conf;
	char			 shown[200];
	size_t			 i;

	(void)state;
	for (i = 0; i < nitems(procs); i++) {
		conf = parse_good(procs[i].text);
		shown[0] = '\0';
		TAILQ_FOREACH(proc, &conf->procs, entry)
			show_proc(shown, sizeof(shown), proc);
		if (strcmp(shown, procs[i].shown) != 0)
			print_error("in \"%s\"\n", procs[i].text);
		assert_string_equal(shown, procs[i].shown);
		conf_free(conf);
	}
}

/* Options of proc-exec are those of proc. */
static void
test_proc_exec(void **state)
{
	struct conf		*conf = parse_good("filter f proc-exec \"c -x\" user u group g chroot /x buffer 1M overflow wait 5s");
	const struct proc_conf	*p = TAILQ_FIRST(&conf->procs);

	(void)state;
	assert_string_equal(p->name, "f");
	assert_string_equal(p->command, "c -x");
	assert_string_equal(p->user, "u");
	assert_string_equal(p->group, "g");
	assert_string_equal(p->chroot, "/x");
	assert_int_equal(p->buffer, 1 << 20);
	assert_int_equal(p->overflow, OVERFLOW_WAIT);
	assert_int_equal(p->wait, 5);
	assert_ptr_equal(conf_filter(conf, SLICE("f"))->proc, p);
	conf_free(conf);
}

/* -- who names it -- */

static void
test_named(void **state)
{
	struct conf	*conf = parse_good("proc p c\nproc q c\nfilter f proc p\nfilter g proc q\nfilter r phase rcpt-to match any junk\n"
			    "filter x chain { r, g }\nfilter smtp-in connect check-rdns reject \"550 x\"\n"
			    "listen on lo port 1 filter f\nlisten on lo port 2 filter tag t\nlisten on lo port 3 filter\n"
			    "listen on lo port 4 filter { f, r }\nlisten on lo port 5\nlisten on socket filter x\n"
			    "action o relay filter x\nmatch for any filter r action o\n");
	struct listen	*l = TAILQ_FIRST(&conf->listens);
	struct filter	*f = conf_filter(conf, SLICE("f")), *r = conf_filter(conf, SLICE("r")),
			*x = conf_filter(conf, SLICE("x"));

	(void)state;
	assert_ptr_equal(l->filter, f);
	assert_false(l->filtered);
	l = TAILQ_NEXT(l, entry);
	assert_null(l->filter);
	assert_true(l->filtered);
	assert_string_equal(l->tag, "t");
	l = TAILQ_NEXT(l, entry);
	assert_null(l->filter);
	assert_true(l->filtered);
	l = TAILQ_NEXT(l, entry);
	assert_int_equal(l->filter->kind, FILTER_CHAIN);
	assert_int_equal(l->filter->nmembers, 2);
	assert_ptr_equal(l->filter->members[0], f);
	assert_ptr_equal(l->filter->members[1], r);
	l = TAILQ_NEXT(l, entry);
	assert_null(l->filter);
	assert_false(l->filtered);
	l = TAILQ_NEXT(l, entry);
	assert_true(l->socket);
	assert_ptr_equal(l->filter, x);
	assert_ptr_equal(conf_action(conf, SLICE("o"))->relay->filter, x);
	assert_ptr_equal(TAILQ_FIRST(&conf->rules)->filter, r);
	assert_null(TAILQ_NEXT(TAILQ_FIRST(&conf->rules), entry)->filter);
	assert_int_equal(conf_filter_bits(NULL), 0);
	assert_int_equal(conf_filter_bits(r), 0);
	assert_int_equal(conf_filter_bits(f), 1);
	assert_int_equal(conf_filter_bits(x), 2);
	assert_int_equal(conf_relay_bits(conf, conf_action(conf, SLICE("o"))->relay), 2);
	conf_free(conf);
}

/* `filter smtp-out on` is told of all actions, if it can say of what. */
static void
test_relay_bits(void **state)
{
	struct conf	*conf = parse_good("proc p c protocol 0.7\nproc q c\nfilter f proc-exec c\nfilter smtp-in quit on p\n"
			    "action x relay\naction y relay filter f\nfilter smtp-out on q\nfilter g proc p\naction z relay filter g");

	(void)state;
	assert_int_equal(conf_relay_bits(conf, conf_action(conf, SLICE("x"))->relay), 0);
	assert_int_equal(conf_relay_bits(conf, conf_action(conf, SLICE("y"))->relay), 1);
	assert_int_equal(conf_relay_bits(conf, conf_action(conf, SLICE("z"))->relay), 2);
	conf_free(conf);
	conf = parse_good("filter f proc-exec c\nproc p c protocol 0.6\nfilter smtp-out on p\naction x relay\naction y relay filter f");
	assert_int_equal(conf_relay_bits(conf, conf_action(conf, SLICE("x"))->relay), 2);
	assert_int_equal(conf_relay_bits(conf, conf_action(conf, SLICE("y"))->relay), 3);
	conf_free(conf);
}

/* They are asked in the order of the file, with or without a name. */
static void
test_order(void **state)
{
	struct conf		*conf = parse_good("filter smtp-in connect check-rdns reject \"550 x\"\n"
				    "filter f phase connect match any junk\nproc p c\nfilter smtp-in connect on p\n"
				    "listen on lo filter { f }");
	const struct filter	*f;
	unsigned		 index = 0;

	(void)state;
	TAILQ_FOREACH(f, &conf->filters, entry)
		assert_int_equal(f->index, index++);
	assert_int_equal(index, 4);
	conf_free(conf);
}

static void
test_admd(void **state)
{
	struct conf	*conf = parse_good("admd mx.example.org");

	(void)state;
	assert_string_equal(conf->admd, "mx.example.org");
	conf_free(conf);
	conf = parse_good("");
	assert_null(conf->admd);
	conf_free(conf);
}

/* -- where commands are looked up -- */

static const struct { const char *file; mode_t mode; } programs[] = {
	{ "one/first",	0755 },
	{ "one/text",	0644 },
	{ "two/first",	0755 },
	{ "two/text",	0755 },
	{ "two/second",	0755 },
};

static const struct { const char *command, *becomes; bool found; } commands[] = {
	{ "first",		"one/first",		true },
	{ "second -a 'b c'",	"two/second -a 'b c'",	true },
	{ "second\t-a",	"two/second\t-a",	true },
	{ "text",		"two/text",		true },
	{ "third -a",		"third -a",		false },
	{ "/first",		"/first",		false },
	{ "A=1 first",		"A=1 first",		false },
};

static void
test_command(void **state)
{
	char		 top[] = "/tmp/conf_filter.XXXXXX", one[64], two[64], file[96], expected[96], *got;
	const char	*dirs[] = { one, two };
	FILE		*f;
	size_t		 i;

	(void)state;
	assert_non_null(mkdtemp(top));
	snprintf(one, sizeof(one), "%s/one", top);
	snprintf(two, sizeof(two), "%s/two", top);
	assert_int_equal(mkdir(one, 0755), 0);
	assert_int_equal(mkdir(two, 0755), 0);
	for (i = 0; i < nitems(programs); i++) {
		snprintf(file, sizeof(file), "%s/%s", top, programs[i].file);
		assert_non_null(f = fopen(file, "w"));
		fclose(f);
		assert_int_equal(chmod(file, programs[i].mode), 0);
	}
	for (i = 0; i < nitems(commands); i++) {
		got = conf_filter_command(commands[i].command, dirs, nitems(dirs));
		snprintf(expected, sizeof(expected), "%s%s%s", commands[i].found ? top : "",
		    commands[i].found ? "/" : "", commands[i].becomes);
		assert_string_equal(got, expected);
		free(got);
	}
	for (i = 0; i < nitems(programs); i++) {
		snprintf(file, sizeof(file), "%s/%s", top, programs[i].file);
		unlink(file);
	}
	rmdir(one);
	rmdir(two);
	assert_int_equal(rmdir(top), 0);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_forms),
		cmocka_unit_test(test_procs),
		cmocka_unit_test(test_proc_exec),
		cmocka_unit_test(test_named),
		cmocka_unit_test(test_relay_bits),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_admd),
		cmocka_unit_test(test_command),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
