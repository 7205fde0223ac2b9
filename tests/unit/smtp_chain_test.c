/* SPDX-License-Identifier: ISC */
/*
 * Which filters a session has: of its listener, of the founding rules, of the rules that its
 * recipients match.
 */
/* objects: smtpd/smtp_chain.o */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/nitems.h"
#include "smtpd/log.h"
#include "smtpd/proc.h"
#include "smtpd/smtp.h"
#include "smtpd/smtp_chain.h"

static struct conf	 conf;
struct conf		*proc_conf = &conf;

static struct filter	 first = { .kind = FILTER_RULE }, second = { .kind = FILTER_RULE };
static struct filter	 a = { .name = "a", .kind = FILTER_RULE };
static struct filter	 b = { .name = "b", .kind = FILTER_PROC };
static struct filter	 c = { .name = "c", .kind = FILTER_PROC };
static struct filter	*members[] = { &b, &a };
static struct filter	 ba = { .name = "ba", .kind = FILTER_CHAIN, .members = members,
			    .nmembers = nitems(members) };

void
fatal(const char *fmt, ...)
{
	(void)fmt;
	abort();
}

void
fatalx(const char *fmt, ...)
{
	(void)fmt;
	abort();
}

/* -- listeners -- */

/* "1", "2" are the founding rules; the others have names. */
static void
names(char *buf, size_t size, const struct filter *f)
{
	size_t	 len = strlen(buf);

	snprintf(buf + len, size - len, "%s", f == &first ? "1" : f == &second ? "2" : f->name);
}

static void
test_listeners(void **state)
{
	static const struct {
		struct {
			struct filter	*filter;
			bool		 filtered, socket;
			const char	*expected;
		} listen[3];
	} t[] = {
		/* Nobody says anything: the founding rules hold, but not for mail of this host. */
		{ { { NULL, false, false, "12" }, { NULL, false, false, "12" }, { NULL, false, true, "" } } },
		/* One has its own. */
		{ { { &a, false, false, "a" }, { NULL, false, false, "12" }, { NULL, false, true, "" } } },
		{ { { &ba, false, false, "ba" }, { &c, false, false, "c" }, { &a, false, true, "a" } } },
		/* `filter` alone: only where it stands. */
		{ { { NULL, true, false, "12" }, { NULL, false, false, "" }, { NULL, false, true, "" } } },
		{ { { NULL, false, false, "" }, { &a, false, false, "a" }, { NULL, true, true, "12" } } },
		/* Both: the founding rules come first. */
		{ { { &ba, true, false, "12ba" }, { NULL, false, false, "" }, { NULL, false, true, "" } } },
	};
	struct filter	*all[] = { &a, &first, &b, &c, &ba, &second };
	struct listen	 listen[3];
	struct listener	 l;
	char		 got[32];
	size_t		 i, j, k;

	(void)state;
	for (i = 0; i < nitems(t); i++) {
		TAILQ_INIT(&conf.filters);
		TAILQ_INIT(&conf.listens);
		for (j = 0; j < nitems(all); j++)
			TAILQ_INSERT_TAIL(&conf.filters, all[j], entry);
		for (j = 0; j < 3; j++) {
			listen[j] = (struct listen){ .filter = t[i].listen[j].filter,
			    .filtered = t[i].listen[j].filtered, .socket = t[i].listen[j].socket };
			TAILQ_INSERT_TAIL(&conf.listens, &listen[j], entry);
		}
		for (j = 0; j < 3; j++) {
			l = (struct listener){ .conf = &listen[j] };
			chain_attach(&l);
			*got = '\0';
			for (k = 0; k < l.chain.n; k++)
				names(got, sizeof(got), l.chain.filter[k]);
			assert_string_equal(got, t[i].listen[j].expected);
			free(l.chain.filter);
		}
	}
	l = (struct listener){ .conf = NULL };
	chain_attach(&l);
	assert_int_equal(l.chain.n, 0);
}

/* -- rules -- */

#define NO_TX	UINT64_MAX

static void
test_rules(void **state)
{
	/* Filters of rules are bits in the order of the file: a 1, c 2, ba 4. */
	static const struct {
		enum phase	 phase;
		uint64_t	 now, all;	/* bits of the recipient asked about, of all */
		const char	*expected;
	} t[] = {
		{ PHASE_CONNECT,	NO_TX,	0,	"b" },
		{ PHASE_RCPT_TO,	NO_TX,	0,	"b" },
		{ PHASE_RCPT_TO,	0,	7,	"b" },
		{ PHASE_RCPT_TO,	1,	0,	"ba" },
		{ PHASE_RCPT_TO,	2,	4,	"bc" },
		{ PHASE_RCPT_TO,	4,	0,	"bba" },
		{ PHASE_DATA,		7,	0,	"b" },
		{ PHASE_DATA,		0,	2,	"bc" },
		{ PHASE_DATA_LINE,	0,	3,	"bac" },
		{ PHASE_DATA_LINE,	0,	6,	"bcba" },
		{ PHASE_COMMIT,		0,	5,	"baba" },
		{ PHASE_COMMIT,		0,	7,	"bacba" },
		{ PHASE_RSET,		7,	7,	"b" },
		{ PHASE_NOOP,		7,	7,	"b" },
		{ PHASE_MAIL_FROM,	7,	7,	"b" },
	};
	static struct rule	 rules[] = {
		{ .index = 0, .filter = &ba }, { .index = 1 }, { .index = 2, .filter = &c },
		{ .index = 3, .filter = &ba }, { .index = 4, .filter = &a },
	};
	static const struct { uint32_t rule; uint64_t bit; } bits[] = {
		{ 0, 4 }, { 1, 0 }, { 2, 2 }, { 3, 4 }, { 4, 1 }, { 5, 0 }, { UINT32_MAX, 0 },
	};
	struct filter	*all[] = { &a, &first, &b, &c, &ba };
	const struct filter *of_listener[] = { &b }, *f;
	struct listener	 l = { .conf = NULL };
	struct session	 s = { .listener = &l };
	struct tx	 tx;
	char		 got[32];
	size_t		 i, n;

	(void)state;
	assert_false(chain_has_rules());
	assert_false(chain_any(&s));
	TAILQ_INIT(&conf.filters);
	TAILQ_INIT(&conf.rules);
	for (i = 0; i < nitems(all); i++)
		TAILQ_INSERT_TAIL(&conf.filters, all[i], entry);
	for (i = 0; i < nitems(rules); i++)
		TAILQ_INSERT_TAIL(&conf.rules, &rules[i], entry);
	chains_init();
	assert_true(chain_has_rules());
	assert_true(chain_any(&s));	/* a recipient may bring one */
	for (i = 0; i < nitems(bits); i++)
		assert_int_equal(chain_rule_bit(bits[i].rule), bits[i].bit);

	l.chain = (struct chain){ of_listener, 1 };
	for (i = 0; i < nitems(t); i++) {
		tx = (struct tx){ .rcpt_filter = t[i].now, .rcpt_filters = t[i].all };
		s.tx = t[i].now == NO_TX ? NULL : &tx;
		*got = '\0';
		for (n = 0; (f = chain_filter(&s, t[i].phase, n)) != NULL; n++)
			names(got, sizeof(got), f);
		assert_string_equal(got, t[i].expected);
		assert_null(chain_filter(&s, t[i].phase, n + 1));
	}
	*got = '\0';
	for (n = 0; (f = chain_every(&s, n)) != NULL; n++) {
		names(got, sizeof(got), f);
		assert_int_equal(chain_is_of_rule(&s, n), n > 0);
	}
	assert_string_equal(got, "bacba");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_listeners),
		cmocka_unit_test(test_rules),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
