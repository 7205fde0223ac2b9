/* SPDX-License-Identifier: ISC */
/* What relay is told of tables: those that a relay action names for that, and no other. */
/* objects: smtpd/lookup_query.o smtpd/table.o smtpd/table_content.o smtpd/table_file.o smtpd/table_net.o smtpd/log.o */
#include <sys/queue.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/nitems.h"
#include "smtpd/lookup.h"

static struct conf	 conf;
static struct relay	 relay;
static struct action	 action = { .name = (char []){ "out" }, .kind = ACTION_RELAY, .relay = &relay };
static struct action	 local = { .name = (char []){ "local" }, .kind = ACTION_MAILDIR };

static const struct {
	enum query	 kind;
	const char	*table, *key;
	enum table_answer answer;
	const char	*value;
} rows[] = {
	{ QUERY_CREDENTIALS,	"auth",		"me",		TABLE_YES,	"user:secret" },
	{ QUERY_CREDENTIALS,	"auth",		"ME",		TABLE_YES,	"user:secret" },
	{ QUERY_CREDENTIALS,	"auth",		"you",		TABLE_NO,	"" },
	{ QUERY_CREDENTIALS,	"auth",		"",		TABLE_NO,	"" },
	{ QUERY_CREDENTIALS,	"auth",		"big",		TABLE_ERROR,	"" },
	{ QUERY_DOMAIN,		"domain",	"a.example",	TABLE_YES,	"smtp://a" },
	{ QUERY_DOMAIN,		"domain",	"A.Example",	TABLE_YES,	"smtp://a" },
	{ QUERY_DOMAIN,		"domain",	"x.a.example",	TABLE_YES,	"smtp://below" },
	{ QUERY_DOMAIN,		"domain",	"y.x.a.example", TABLE_YES,	"smtp://below" },
	{ QUERY_DOMAIN,		"domain",	"b.example",	TABLE_YES,	"smtp://rest" },
	{ QUERY_DOMAIN,		"domain",	"[192.0.2.1]",	TABLE_YES,	"lmtp://[::1]:24" },
	{ QUERY_SOURCE,		"src",		"",		TABLE_YES,	"192.0.2.1 2001:db8::1" },
	{ QUERY_HELO,		"helo",		"2001:db8::1",	TABLE_YES,	"six.example" },
	{ QUERY_HELO,		"helo",		"192.0.2.1",	TABLE_NO,	"" },
	/* another table, or that one for another purpose */
	{ QUERY_CREDENTIALS,	"domain",	"a.example",	TABLE_ERROR,	"" },
	{ QUERY_DOMAIN,		"auth",		"me",		TABLE_ERROR,	"" },
	{ QUERY_CREDENTIALS,	"passwords",	"root",		TABLE_ERROR,	"" },
	{ QUERY_CREDENTIALS,	"",		"me",		TABLE_ERROR,	"" },
	{ (enum query)4,	"auth",		"me",		TABLE_ERROR,	"" },
	{ (enum query)255,	"auth",		"me",		TABLE_ERROR,	"" },
};

static struct table *
table_with(const char *name, const char *const pairs[][2], size_t n)
{
	struct table	*t = table_new(name, NULL);
	size_t		 i;

	assert_non_null(t);
	for (i = 0; i < n; i++)
		assert_int_equal(table_add(t, slice_str(pairs[i][0]), slice_str(pairs[i][1])), 0);
	return t;
}

static int
setup(void **state)
{
	static char		 big[LOOKUP_VALUE + 2];
	static const char *const auth[][2] = { { "me", "user:secret" }, { "big", big } };
	static const char *const domain[][2] = { { "a.example", "smtp://a" }, { "*.a.example", "smtp://below" },
	    { "*", "smtp://rest" }, { "[192.0.2.1]", "lmtp://[::1]:24" } };
	static const char *const src[][2] = { { "192.0.2.1", NULL }, { "none", NULL }, { "2001:db8::1", NULL } };
	static const char *const helo[][2] = { { "2001:db8::1", "six.example" } };

	(void)state;
	memset(big, 'b', sizeof(big) - 1);
	TAILQ_INIT(&conf.actions);
	TAILQ_INSERT_TAIL(&conf.actions, &local, entry);
	TAILQ_INSERT_TAIL(&conf.actions, &action, entry);
	relay.auth = table_with("auth", auth, nitems(auth));
	relay.domain = table_with("domain", domain, nitems(domain));
	relay.src = table_with("src", src, nitems(src));
	relay.helo_src = table_with("helo", helo, nitems(helo));
	local.alias = table_with("passwords", auth, 1);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	table_free(relay.auth);
	table_free(relay.domain);
	table_free(relay.src);
	table_free(relay.helo_src);
	table_free(local.alias);
	return 0;
}

static void
test_rows(void **state)
{
	enum table_answer	 answer;
	struct slice		 value;
	size_t			 i;

	(void)state;
	for (i = 0; i < nitems(rows); i++) {
		answer = lookup_query(&conf, rows[i].kind, slice_str(rows[i].table), slice_str(rows[i].key),
		    &value);
		if (answer != rows[i].answer)
			fail_msg("%s %s: %d", rows[i].table, rows[i].key, answer);
		if (answer == TABLE_YES && !slice_eq(value, slice_str(rows[i].value)))
			fail_msg("%s %s: %.*s", rows[i].table, rows[i].key, (int)value.n, value.p);
	}
}

/* A domain as long as can be, and longer. */
static void
test_long(void **state)
{
	char		 domain[600];
	struct slice	 value;
	size_t		 n;

	(void)state;
	memset(domain, '.', sizeof(domain));
	for (n = 250; n < sizeof(domain); n++)
		assert_int_equal(lookup_url(relay.domain, slice_make(domain, n), &value),
		    n <= 255 ? TABLE_YES : TABLE_NO);
}

/* Addresses of a file, as they change; what there is no room for is left out whole. */
static void
test_file(void **state)
{
	char		 path[] = "/tmp/lookup_query_test.XXXXXX";
	struct table	*usual = relay.src;
	struct slice	 value;
	FILE		*f;
	int		 fd, i;

	(void)state;
	assert_int_not_equal(fd = mkstemp(path), -1);
	assert_non_null(f = fdopen(fd, "w"));
	for (i = 0; i < 1000; i++)
		fprintf(f, "# comment\n10.0.%d.%d\n", i / 256, i % 256);
	assert_int_equal(fclose(f), 0);
	relay.src = table_new("file", path);
	assert_int_equal(lookup_query(&conf, QUERY_SOURCE, SLICE("file"), SLICE(""), &value), TABLE_YES);
	assert_true(value.n <= LOOKUP_VALUE && value.n > LOOKUP_VALUE - 16);
	assert_int_equal(strncmp(value.p, "10.0.0.0 10.0.0.1 ", 18), 0);
	table_free(relay.src);
	assert_int_equal(truncate(path, 0), 0);
	relay.src = table_new("file", path);
	assert_int_equal(lookup_query(&conf, QUERY_SOURCE, SLICE("file"), SLICE(""), &value), TABLE_NO);
	table_free(relay.src);
	unlink(path);
	relay.src = table_new("file", path);
	assert_int_equal(lookup_query(&conf, QUERY_SOURCE, SLICE("file"), SLICE(""), &value), TABLE_ERROR);
	table_free(relay.src);
	relay.src = usual;
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_long),
		cmocka_unit_test(test_file),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
