/* SPDX-License-Identifier: ISC */
/* Which rule matches: every criterion, negated and not, and tables that fail. */
/* objects: smtpd/lookup_match.o smtpd/lookup_local.o smtpd/table.o smtpd/table_content.o smtpd/table_file.o smtpd/table_net.o smtpd/log.o */
#include <sys/queue.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "smtpd/lookup.h"
#include "smtpd/table.h"

#define nitems(a)	(sizeof(a) / sizeof((a)[0]))

/* One criterion against one question: items separated by commas make its table. */
static const struct row {
	enum criterion_kind kind;
	bool		 regex;
	const char	*table;
	struct ipc_rcpt	 q;
	const char	*dest;
	bool		 internal;
	enum match	 expected;
} rows[] = {
#define S(s)	{ s, sizeof(s) - 1 }
	{ FROM_ANY, 0, NULL, { .src = S("192.0.2.1") }, "a@b", 0, MATCH_YES },
	{ FROM_LOCAL, 0, NULL, { .src = S("192.0.2.1") }, "a@b", 0, MATCH_NO },
	{ FROM_LOCAL, 0, NULL, { .src = S("192.0.2.1") }, "a@b", 1, MATCH_YES },
	{ FROM_LOCAL, 0, NULL, { .src = S("local"), .local = true }, "a@b", 0, MATCH_YES },
	{ FROM_LOCAL, 0, NULL, { .src = S("127.0.0.1") }, "a@b", 0, MATCH_YES },
	{ FROM_LOCAL, 0, NULL, { .src = S("127.9.9.9") }, "a@b", 0, MATCH_YES },
	{ FROM_LOCAL, 0, NULL, { .src = S("::1") }, "a@b", 0, MATCH_YES },
	{ FROM_LOCAL, 0, NULL, { .src = S("[::1]") }, "a@b", 0, MATCH_YES },
	{ FROM_LOCAL, 0, NULL, { .src = S("::ffff:127.0.0.1") }, "a@b", 0, MATCH_YES },
	{ FROM_LOCAL, 0, NULL, { .src = S("127.0.0.1.example.org") }, "a@b", 0, MATCH_NO },
	{ FROM_LOCAL, 0, NULL, { .src = S("") }, "a@b", 0, MATCH_NO },
	{ FROM_SOCKET, 0, NULL, { .src = S("local"), .local = true }, "a@b", 0, MATCH_YES },
	{ FROM_SOCKET, 0, NULL, { .src = S("127.0.0.1") }, "a@b", 0, MATCH_NO },
	{ FROM_SRC, 0, "192.0.2.0/24,2001:db8::/32", { .src = S("192.0.2.1") }, "a@b", 0, MATCH_YES },
	{ FROM_SRC, 0, "192.0.2.0/24,2001:db8::/32", { .src = S("192.0.3.1") }, "a@b", 0, MATCH_NO },
	{ FROM_SRC, 0, "192.0.2.0/24,2001:db8::/32", { .src = S("2001:db8::7") }, "a@b", 0, MATCH_YES },
	{ FROM_SRC, 0, "192.0.2.0/24", { .src = S("192.0.2.1") }, "a@b", 1, MATCH_NO },
	{ FROM_SRC, 0, "192.0.2.0/24", { .src = S("local"), .local = true }, "a@b", 0, MATCH_NO },
	{ FROM_SRC, 1, "^192\\.", { .src = S("192.0.2.1") }, "a@b", 0, MATCH_YES },
	{ FROM_RDNS, 0, NULL, { .rdns = S("a.example.org"), .fcrdns = FCRDNS_PASS }, "a@b", 0, MATCH_YES },
	{ FROM_RDNS, 0, NULL, { .rdns = S("a.example.org"), .fcrdns = FCRDNS_FAIL }, "a@b", 0, MATCH_NO },
	{ FROM_RDNS, 0, NULL, { .rdns = S(""), .fcrdns = FCRDNS_FAIL }, "a@b", 0, MATCH_NO },
	{ FROM_RDNS, 0, NULL, { .rdns = S(""), .fcrdns = FCRDNS_ERROR }, "a@b", 0, MATCH_ERROR },
	{ FROM_RDNS, 0, NULL, { .rdns = S("a.example.org"), .fcrdns = FCRDNS_PASS }, "a@b", 1, MATCH_NO },
	{ FROM_RDNS, 0, NULL, { .rdns = S("a.example.org"), .local = true }, "a@b", 0, MATCH_NO },
	{ FROM_RDNS, 0, NULL, { .rdns = S(""), .fcrdns = FCRDNS_PASS }, "a@b", 0, MATCH_NO },
	{ FROM_RDNS, 0, "*.example.org", { .rdns = S("a.example.org"), .fcrdns = FCRDNS_PASS }, "a@b", 0, MATCH_YES },
	{ FROM_RDNS, 0, "*.example.org", { .rdns = S("a.example.org"), .fcrdns = FCRDNS_FAIL }, "a@b", 0, MATCH_NO },
	{ FROM_RDNS, 0, "*.example.org", { .rdns = S("a.example.org"), .fcrdns = FCRDNS_ERROR }, "a@b", 0, MATCH_ERROR },
	{ FROM_RDNS, 0, "example.org", { .rdns = S("a.example.org"), .fcrdns = FCRDNS_PASS }, "a@b", 0, MATCH_NO },
	{ FROM_RDNS, 1, "^a[.]", { .rdns = S("a.example.org"), .fcrdns = FCRDNS_PASS }, "a@b", 0, MATCH_YES },
	{ FROM_RDNS, 1, "^[.]", { .rdns = S("a.example.org"), .fcrdns = FCRDNS_PASS }, "a@b", 0, MATCH_NO },
	{ FOR_ANY, 0, NULL, { .tls = false }, "a@b", 0, MATCH_YES },
	{ FOR_LOCAL, 0, NULL, { .tls = false }, "a@localhost", 0, MATCH_YES },
	{ FOR_LOCAL, 0, NULL, { .tls = false }, "a@Mail.Example.org", 0, MATCH_YES },
	{ FOR_LOCAL, 0, NULL, { .tls = false }, "a@example.org", 0, MATCH_NO },
	{ FOR_LOCAL, 0, NULL, { .tls = false }, "\"a@localhost\"@example.org", 0, MATCH_NO },
	{ FOR_DOMAIN, 0, "example.org", { .tls = false }, "a@EXAMPLE.org", 0, MATCH_YES },
	{ FOR_DOMAIN, 0, "*.example.org", { .tls = false }, "a@x.example.org", 0, MATCH_YES },
	{ FOR_DOMAIN, 0, "example.org", { .tls = false }, "a@x.example.org", 0, MATCH_NO },
	{ FOR_DOMAIN, 1, "^x[0-9]+\\.org$", { .tls = false }, "a@x12.org", 0, MATCH_YES },
	{ FOR_DOMAIN, 1, "^x[0-9]+\\.org$", { .tls = false }, "a@x.org", 0, MATCH_NO },
	{ FOR_RCPT_TO, 0, "a@b", { .tls = false }, "A@b", 0, MATCH_YES },
	{ FOR_RCPT_TO, 0, "@b", { .tls = false }, "x@b", 0, MATCH_YES },
	{ WITH_RCPT_TO, 0, "a@b", { .tls = false }, "c@b", 0, MATCH_NO },
	{ WITH_TAG, 0, "MSA", { .tag = S("MSA") }, "a@b", 0, MATCH_YES },
	{ WITH_TAG, 0, "MSA", { .tag = S("") }, "a@b", 0, MATCH_NO },
	{ WITH_TLS, 0, NULL, { .tls = true }, "a@b", 0, MATCH_YES },
	{ WITH_TLS, 0, NULL, { .tls = false }, "a@b", 0, MATCH_NO },
	{ WITH_HELO, 0, "mx.example.net", { .helo = S("MX.example.net") }, "a@b", 0, MATCH_YES },
	{ WITH_HELO, 1, "ylmf", { .helo = S("ylmf-pc") }, "a@b", 0, MATCH_YES },
	{ WITH_MAIL_FROM, 0, "spam@x", { .sender = S("spam@x") }, "a@b", 0, MATCH_YES },
	{ WITH_MAIL_FROM, 0, "@x", { .sender = S("any@x") }, "a@b", 0, MATCH_YES },
	{ WITH_MAIL_FROM, 0, "@x", { .sender = S("") }, "a@b", 0, MATCH_NO },
	{ WITH_MAIL_FROM, 1, "^$", { .sender = S("") }, "a@b", 0, MATCH_YES },
#undef S
};

static struct table *
make_table(const char *items)
{
	struct table	*t = table_new("t", NULL);
	size_t		 n;

	for (; *items != '\0'; items += n + (items[n] == ',')) {
		n = strcspn(items, ",");
		assert_int_equal(table_add(t, slice_make(items, n),
		    SLICE_NONE), 0);
	}
	return t;
}

static void
conf_init(struct conf *conf)
{
	memset(conf, 0, sizeof(*conf));
	strcpy(conf->hostname, "mail.example.org");
	TAILQ_INIT(&conf->rules);
}

static enum match
run(const struct row *row, bool negate)
{
	struct conf		 conf;
	struct rule		 rule = { .action = NULL };
	struct criterion	 c = { .kind = row->kind, .negate = negate,
				    .regex = row->regex };
	const struct rule	*found;
	enum match		 m;

	conf_init(&conf);
	if (row->table != NULL)
		c.table = make_table(row->table);
	STAILQ_INIT(&rule.criteria);
	STAILQ_INSERT_TAIL(&rule.criteria, &c, entry);
	TAILQ_INSERT_TAIL(&conf.rules, &rule, entry);
	m = lookup_match(&conf, &row->q, slice_str(row->dest), row->internal,
	    &found);
	if (c.table != NULL)
		table_free(c.table);
	return m;
}

static void
test_criteria(void **state)
{
	size_t	 i;

	(void)state;
	for (i = 0; i < nitems(rows); i++) {
		if (run(&rows[i], false) != rows[i].expected)
			fail_msg("row %zu", i);
		if (rows[i].expected == MATCH_ERROR ?
		    run(&rows[i], true) != MATCH_ERROR :
		    run(&rows[i], true) == rows[i].expected)
			fail_msg("row %zu negated", i);
	}
}

/* The first rule wins; all its criteria must hold. */
static void
test_order(void **state)
{
	const struct ipc_rcpt	 q = { .src = SLICE("192.0.2.1") };
	struct conf		 conf;
	struct rule		 rule[3];
	struct criterion	 any = { .kind = FROM_ANY },
				 tls = { .kind = WITH_TLS },
				 other = { .kind = FROM_ANY },
				 more = { .kind = FOR_ANY };
	const struct rule	*found = NULL;
	size_t			 i;

	(void)state;
	conf_init(&conf);
	assert_int_equal(lookup_match(&conf, &q, SLICE("a@b"), false, &found),
	    MATCH_NO);
	for (i = 0; i < 3; i++) {
		STAILQ_INIT(&rule[i].criteria);
		TAILQ_INSERT_TAIL(&conf.rules, &rule[i], entry);
	}
	STAILQ_INSERT_TAIL(&rule[0].criteria, &any, entry);
	STAILQ_INSERT_TAIL(&rule[0].criteria, &tls, entry);
	STAILQ_INSERT_TAIL(&rule[1].criteria, &other, entry);
	STAILQ_INSERT_TAIL(&rule[2].criteria, &more, entry);
	assert_int_equal(lookup_match(&conf, &q, SLICE("a@b"), false, &found),
	    MATCH_YES);
	assert_ptr_equal(found, &rule[1]);
}

/* A table that cannot be read is an error, unless the rule would not match anyway. */
static void
test_failing_table(void **state)
{
	const struct ipc_rcpt	 q = { .src = SLICE("192.0.2.1") };
	struct conf		 conf;
	struct rule		 rule;
	struct criterion	 domain = { .kind = FOR_DOMAIN },
				 tls = { .kind = WITH_TLS };
	const struct rule	*found;

	(void)state;
	conf_init(&conf);
	domain.table = table_new("gone", "/nonexistent/table");
	STAILQ_INIT(&rule.criteria);
	STAILQ_INSERT_TAIL(&rule.criteria, &domain, entry);
	TAILQ_INSERT_TAIL(&conf.rules, &rule, entry);
	assert_int_equal(lookup_match(&conf, &q, SLICE("a@b"), false, &found),
	    MATCH_ERROR);
	domain.negate = true;
	assert_int_equal(lookup_match(&conf, &q, SLICE("a@b"), false, &found),
	    MATCH_ERROR);
	STAILQ_INSERT_TAIL(&rule.criteria, &tls, entry);
	assert_int_equal(lookup_match(&conf, &q, SLICE("a@b"), false, &found),
	    MATCH_NO);
	table_free(domain.table);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_criteria),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_failing_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
