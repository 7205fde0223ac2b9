/* SPDX-License-Identifier: ISC */
/*
 * Tables: how lines are read, what each service finds, inline and in a file;
 * files that change, fail, or hold a million entries.
 */
/* objects: smtpd/table.o smtpd/table_content.o smtpd/table_file.o smtpd/table_net.o smtpd/log.o */
#include <sys/stat.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/nitems.h"
#include "smtpd/log.h"
#include "smtpd/table.h"

static char	 dir[] = "/tmp/table_test.XXXXXX";
static char	 path[sizeof(dir) + 16];

static void
file_put(const char *name, const char *mode, const char *text)
{
	FILE	*f = fopen(name, mode);

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static void
file_write(const char *text)
{
	file_put(path, "w", text);
}

static void
wait_ms(long ms)
{
	const struct timespec	 t = { ms / 1000, ms % 1000 * 1000 * 1000 };

	nanosleep(&t, NULL);
}

/* Until a table looks at its file again. */
static void
next_look(void)
{
	wait_ms(1020);
}

/* -- is it in the list -- */

#define DOMAINS	"example.org\n*.example.com\nmail*.example.net\n"
#define NETS	"192.168.1.1\n10.0.0.0/8\n172.16.5.5/12\n::1\nfd00::/8\nipv6:2001:db8::/32\n[2001:db9::1]\nnonsense\n"
#define MAILS	"joe\n@example.org\njack@example.net\njim@*.example.net\n@mail*.example.net\n*.bare.example\nwhole.example\n"

static const struct {
	const char		*lines;
	enum table_service	 service;
	const char		*key;
	enum table_answer	 answer;
} rows[] = {
	{ "",		TABLE_STRING,	"a",			TABLE_NO },
	{ "",		TABLE_DOMAIN,	"a",			TABLE_NO },
	{ "",		TABLE_NETADDR,	"::1",			TABLE_NO },
	{ "",		TABLE_MAILADDR,	"a@b",			TABLE_NO },
	{ "",		TABLE_REGEX,	"a",			TABLE_NO },
	{ "a\nb\n",	TABLE_STRING,	"B",			TABLE_YES },
	{ "a\nb\n",	TABLE_STRING,	"",			TABLE_NO },
	{ "a\nb\n",	TABLE_STRING,	"ab",			TABLE_NO },
	{ "*\n",	TABLE_STRING,	"ab",			TABLE_NO },
	{ DOMAINS,	TABLE_DOMAIN,	"EXAMPLE.org",		TABLE_YES },
	{ DOMAINS,	TABLE_DOMAIN,	"a.example.org",	TABLE_NO },
	{ DOMAINS,	TABLE_DOMAIN,	"a.example.com",	TABLE_YES },
	{ DOMAINS,	TABLE_DOMAIN,	"a.b.EXAMPLE.com",	TABLE_YES },
	{ DOMAINS,	TABLE_DOMAIN,	"example.com",		TABLE_NO },
	{ DOMAINS,	TABLE_DOMAIN,	"aexample.com",		TABLE_NO },
	{ DOMAINS,	TABLE_DOMAIN,	"mail7.example.net",	TABLE_YES },
	{ DOMAINS,	TABLE_DOMAIN,	"mail.example.net",	TABLE_YES },
	{ DOMAINS,	TABLE_DOMAIN,	"xmail.example.net",	TABLE_NO },
	{ DOMAINS,	TABLE_DOMAIN,	"",			TABLE_NO },
	{ "*\n",	TABLE_DOMAIN,	"a.b",			TABLE_YES },
	{ "*.*a*b*\n",	TABLE_DOMAIN,	"x.aab",		TABLE_YES },
	{ "*a*a*a*a*a*a*b\n", TABLE_DOMAIN,
	    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", TABLE_NO },
	{ NETS,		TABLE_NETADDR,	"192.168.1.1",		TABLE_YES },
	{ NETS,		TABLE_NETADDR,	"192.168.1.2",		TABLE_NO },
	{ NETS,		TABLE_NETADDR,	"10.255.0.9",		TABLE_YES },
	{ NETS,		TABLE_NETADDR,	"::ffff:10.255.0.9",	TABLE_YES },
	{ NETS,		TABLE_NETADDR,	"172.31.255.255",	TABLE_YES },
	{ NETS,		TABLE_NETADDR,	"172.32.0.0",		TABLE_NO },
	{ NETS,		TABLE_NETADDR,	"::1",			TABLE_YES },
	{ NETS,		TABLE_NETADDR,	"[::1]",		TABLE_YES },
	{ NETS,		TABLE_NETADDR,	"::2",			TABLE_NO },
	{ NETS,		TABLE_NETADDR,	"fdff::1",		TABLE_YES },
	{ NETS,		TABLE_NETADDR,	"2001:db8:1::",		TABLE_YES },
	{ NETS,		TABLE_NETADDR,	"IPv6:2001:db9::1",	TABLE_YES },
	{ NETS,		TABLE_NETADDR,	"10.0.0.0/8",		TABLE_NO },
	{ NETS,		TABLE_NETADDR,	"nonsense",		TABLE_NO },
	{ NETS,		TABLE_NETADDR,	"",			TABLE_NO },
	{ "0.0.0.0/0\n", TABLE_NETADDR,	"8.8.8.8",		TABLE_YES },
	{ "0.0.0.0/0\n", TABLE_NETADDR,	"::1",			TABLE_NO },
	{ "::/0\n",	TABLE_NETADDR,	"8.8.8.8",		TABLE_YES },
	{ MAILS,	TABLE_MAILADDR,	"Joe@anywhere",		TABLE_YES },
	{ MAILS,	TABLE_MAILADDR,	"x@Example.org",	TABLE_YES },
	{ MAILS,	TABLE_MAILADDR,	"x@a.example.org",	TABLE_NO },
	{ MAILS,	TABLE_MAILADDR,	"jack@example.net",	TABLE_YES },
	{ MAILS,	TABLE_MAILADDR,	"jill@example.net",	TABLE_NO },
	{ MAILS,	TABLE_MAILADDR,	"jim@a.b.example.net",	TABLE_YES },
	{ MAILS,	TABLE_MAILADDR,	"jim@example.net",	TABLE_NO },
	{ MAILS,	TABLE_MAILADDR,	"x@mail1.example.net",	TABLE_YES },
	{ MAILS,	TABLE_MAILADDR,	"x@whole.example",	TABLE_YES },
	{ MAILS,	TABLE_MAILADDR,	"\"a@b\"@example.org",	TABLE_YES },
	{ MAILS,	TABLE_MAILADDR,	"joe",			TABLE_YES },
	{ MAILS,	TABLE_MAILADDR,	"",			TABLE_NO },
	{ "<>\n",	TABLE_MAILADDR,	"",			TABLE_YES },
	{ "<>\n",	TABLE_MAILADDR,	"a@b",			TABLE_NO },
	{ "@\n",	TABLE_MAILADDR,	"a@b",			TABLE_YES },
	{ "@\n",	TABLE_MAILADDR,	"",			TABLE_NO },
	{ "^a.c$\n[0-9]+\n", TABLE_REGEX, "ABC",		TABLE_YES },
	{ "^a.c$\n[0-9]+\n", TABLE_REGEX, "x1",			TABLE_YES },
	{ "^a.c$\n[0-9]+\n", TABLE_REGEX, "abcd",		TABLE_NO },
	{ "(\na: b\n",	TABLE_REGEX,	"a: b",			TABLE_YES },
};

static struct table *
table_inline(const char *lines)
{
	struct table	*t = table_new("t", NULL);
	const char	*eol;

	assert_non_null(t);
	for (; *lines != '\0'; lines = eol + 1) {
		eol = strchr(lines, '\n');
		assert_int_equal(table_add(t, slice_make(lines, (size_t)(eol - lines)), SLICE_NONE), 0);
	}
	return t;
}

static void
test_match(void **state)
{
	struct table	*t[2];
	size_t		 i, k;

	(void)state;
	for (i = 0; i < nitems(rows); i++) {
		file_write(rows[i].lines);
		t[0] = table_new("t", path);
		t[1] = table_inline(rows[i].lines);
		for (k = 0; k < nitems(t); k++) {
			if (table_match(t[k], rows[i].service, slice_str(rows[i].key)) != rows[i].answer)
				fail_msg("row %zu, %s: \"%s\"", i, k == 0 ? "file" : "inline", rows[i].key);
			table_free(t[k]);
		}
	}
}

static void
test_nul(void **state)
{
	struct table	*t = table_inline("a\n^a$\n");

	(void)state;
	assert_int_equal(table_match(t, TABLE_REGEX, slice_make("a\0b", 3)), TABLE_NO);
	assert_int_equal(table_match(t, TABLE_STRING, slice_make("a\0", 2)), TABLE_NO);
	assert_int_equal(table_match(t, TABLE_NETADDR, slice_make("a\0", 2)), TABLE_NO);
	assert_int_equal(table_match(t, TABLE_STRING, SLICE_NONE), TABLE_NO);
	table_free(t);
}

/* -- values -- */

static const struct {
	const char	*line, *item, *key, *value;
} lines[] = {
	{ "key value",			"key",		"key",		"value" },
	{ "key\t \tvalue more",		"key",		"key",		"value more" },
	{ "key: value",			"key",		"key",		"value" },
	{ "key:value, v2",		"key:value,",	"key",		"value, v2" },
	{ "key : value",		"key",		"key",		"value" },
	{ "key: :include:/f",		"key",		"key",		":include:/f" },
	{ "key :include:/f",		"key",		"key",		":include:/f" },
	{ "key::include:/f",		"key::include:/f", "key",	":include:/f" },
	{ "  key value  \r",		"key",		"key",		"value" },
	{ "user@example.org other",	"user@example.org", "user@example.org", "other" },
	{ "::1 localhost",		"::1",		"::1",		"localhost" },
	{ "joe\t1000:100:/home/joe",	"joe",		"joe",		"1000:100:/home/joe" },
	{ "@ catchall",			"@",		"@",		"catchall" },
	{ "only",			"only",		"only",		NULL },
	{ "only:",			"only",		"only",		NULL },
};

static void
test_lines(void **state)
{
	char		 text[128];
	struct table	*t;
	struct slice	 value;
	size_t		 i;

	(void)state;
	for (i = 0; i < nitems(lines); i++) {
		snprintf(text, sizeof(text), "# comment\n\n%s%s", lines[i].line, i % 2 ? "\n" : "");
		file_write(text);
		t = table_new("t", path);
		assert_int_equal(table_match(t, TABLE_STRING, slice_str(lines[i].item)), TABLE_YES);
		if (lines[i].value == NULL)
			assert_int_equal(table_get(t, slice_str(lines[i].key), &value), TABLE_NO);
		else {
			assert_int_equal(table_get(t, slice_str(lines[i].key), &value), TABLE_YES);
			assert_true(slice_eq(value, slice_str(lines[i].value)));
		}
		assert_int_equal(table_match(t, TABLE_STRING, SLICE("#")), TABLE_NO);
		assert_int_equal(table_match(t, TABLE_STRING, SLICE("")), TABLE_NO);
		table_free(t);
	}
}

static void
test_get(void **state)
{
	struct table	*t = table_new("t", NULL);
	struct slice	 value;

	(void)state;
	assert_int_equal(table_add(t, SLICE("a b"), SLICE("c d")), 0);
	assert_int_equal(table_add(t, SLICE("twice"), SLICE("1")), 0);
	assert_int_equal(table_add(t, SLICE("twice"), SLICE("2")), 0);
	assert_int_equal(table_get(t, SLICE("A B"), &value), TABLE_YES);
	assert_true(slice_eq(value, SLICE("c d")));
	assert_int_equal(table_get(t, SLICE("twice"), &value), TABLE_YES);
	assert_true(slice_eq(value, SLICE("2")));
	assert_int_equal(table_get(t, SLICE("c d"), &value), TABLE_NO);
	table_free(t);
}

static void
test_check(void **state)
{
	struct table	*good = table_inline("10.0.0.0/8\nlocal\n"), *bad = table_inline("ok\n10.0.0/8(\n");
	struct slice	 which;

	(void)state;
	assert_null(table_check(good, TABLE_NETADDR, &which));
	assert_null(table_check(good, TABLE_REGEX, &which));
	assert_null(table_check(bad, TABLE_STRING, &which));
	assert_non_null(table_check(bad, TABLE_NETADDR, &which));
	assert_true(slice_eq(which, SLICE("ok")));
	assert_non_null(table_check(bad, TABLE_REGEX, &which));
	assert_true(slice_eq(which, SLICE("10.0.0/8(")));
	table_free(good);
	table_free(bad);
}

/* -- files that change -- */

static bool
has(struct table *t, const char *key)
{
	return table_match(t, TABLE_STRING, slice_str(key)) == TABLE_YES;
}

static void
test_change(void **state)
{
	struct table	*t;

	(void)state;
	file_write("one\n");
	t = table_new("t", path);
	assert_true(has(t, "one"));
	file_write("two\n");		/* the same size, perhaps the same time */
	next_look();
	assert_true(has(t, "two"));
	assert_false(has(t, "one"));
	assert_int_equal(unlink(path), 0);
	next_look();
	assert_true(has(t, "two"));	/* the last good content */
	assert_int_equal(mkdir(path, 0700), 0);
	next_look();
	assert_true(has(t, "two"));
	assert_int_equal(rmdir(path), 0);
	file_write("three\n");
	next_look();
	assert_true(has(t, "three"));
	table_free(t);
}

static void
test_appended(void **state)
{
	struct table	*t;

	(void)state;
	file_write("one\n");
	t = table_new("t", path);
	assert_true(has(t, "one"));
	wait_ms(900);
	file_put(path, "a", "two\n");	/* just before the look: whole lines need not wait */
	wait_ms(120);
	assert_true(has(t, "two"));
	file_put(path, "a", "thr");
	next_look();
	assert_true(has(t, "two"));
	assert_false(has(t, "thr"));
	file_put(path, "a", "ee\n");
	wait_ms(120);
	assert_true(has(t, "one"));
	assert_true(has(t, "three"));
	table_free(t);
}

static void
test_replaced(void **state)
{
	char		 beside[sizeof(path) + 1];
	struct table	*t;

	(void)state;
	snprintf(beside, sizeof(beside), "%s2", path);
	file_write("one\n");
	t = table_new("t", path);
	assert_true(has(t, "one"));
	file_put(beside, "w", "two\n");
	assert_int_equal(rename(beside, path), 0);
	next_look();
	assert_true(has(t, "two"));
	assert_false(has(t, "one"));
	table_free(t);
}

static void
test_truncated(void **state)
{
	struct table	*t;

	(void)state;
	file_write("one\ntwo\n");
	t = table_new("t", path);
	assert_true(has(t, "two"));
	assert_int_equal(truncate(path, 4), 0);
	next_look();
	assert_true(has(t, "one"));
	assert_false(has(t, "two"));
	table_free(t);
}

/* Its writer is not done, or thinks: what was there holds, but not for ever. */
static void
test_half_written(void **state)
{
	struct table	*half, *empty;
	char		 other[sizeof(path) + 1];

	(void)state;
	snprintf(other, sizeof(other), "%s2", path);
	file_write("one\ntwo\n");
	file_put(other, "w", "one\n");
	half = table_new("half", path);
	empty = table_new("empty", other);
	assert_true(has(half, "one"));
	assert_true(has(empty, "one"));
	file_write("three\nfo");
	file_put(other, "w", "");
	next_look();
	assert_true(has(half, "two"));
	assert_false(has(half, "three"));
	assert_true(has(empty, "one"));
	wait_ms(3000);
	assert_true(has(half, "two"));
	assert_true(has(empty, "one"));
	wait_ms(1200);
	assert_false(has(half, "two"));
	assert_true(has(half, "three"));
	assert_true(has(half, "fo"));
	assert_false(has(empty, "one"));
	table_free(half);
	table_free(empty);
	assert_int_equal(unlink(other), 0);
}

/* Written anew again and again: none of it is believed before it rests (half a second). */
static void
test_restless(void **state)
{
	struct timespec	 before, after;
	struct table	*t;
	char		 text[32];
	int		 i;

	(void)state;
	file_write("before\n");
	t = table_new("t", path);
	assert_true(has(t, "before"));
	for (i = 0; i < 15; i++) {
		snprintf(text, sizeof(text), "number %d\n", i);
		clock_gettime(CLOCK_MONOTONIC, &before);
		file_write(text);
		wait_ms(100);
		if (has(t, "before"))
			continue;
		/* Right only if we were held up ourselves. */
		clock_gettime(CLOCK_MONOTONIC, &after);
		assert_true((after.tv_sec - before.tv_sec) * 1000 +
		    (after.tv_nsec - before.tv_nsec) / 1000000 >= 400);
	}
	wait_ms(600);
	assert_true(has(t, "number"));
	assert_false(has(t, "before"));
	table_free(t);
}

static void
test_update(void **state)
{
	struct table	*t, *list = table_inline("a\nb\n");
	size_t		 n;

	(void)state;
	file_write("one\n");
	t = table_new("t", path);
	assert_int_equal(table_update(t, &n), 0);
	assert_int_equal(n, 1);
	file_write("two\nthree");
	assert_true(has(t, "one"));
	assert_int_equal(table_update(t, &n), 0);
	assert_int_equal(n, 2);
	assert_true(has(t, "three"));
	assert_false(has(t, "one"));
	assert_int_equal(unlink(path), 0);
	assert_int_equal(table_update(t, &n), -1);
	assert_true(has(t, "three"));
	table_free(t);
	assert_int_equal(table_update(list, &n), 0);
	assert_int_equal(n, 2);
	table_free(list);
}

static void
test_missing(void **state)
{
	struct table	*t;
	struct slice	 value;

	(void)state;
	unlink(path);
	t = table_new("t", path);
	assert_int_equal(table_match(t, TABLE_STRING, SLICE("a")), TABLE_ERROR);
	assert_int_equal(table_get(t, SLICE("a"), &value), TABLE_ERROR);
	file_write("a b\n");
	assert_int_equal(table_match(t, TABLE_STRING, SLICE("a")), TABLE_ERROR);
	next_look();
	assert_int_equal(table_get(t, SLICE("a"), &value), TABLE_YES);
	table_free(t);
}

static void
test_million(void **state)
{
	struct table	*t;
	struct slice	 value;
	FILE		*f = fopen(path, "w");
	clock_t		 start;
	char		 key[64];
	int		 i;

	(void)state;
	assert_non_null(f);
	for (i = 0; i < 1000000; i++)
		fprintf(f, "user%d@example.org\tlogin%d\n", i, i);
	assert_int_equal(fclose(f), 0);
	t = table_new("t", path);
	start = clock();
	for (i = 0; i < 1000000; i += 7) {
		snprintf(key, sizeof(key), "User%d@example.org", i);
		assert_int_equal(table_get(t, slice_str(key), &value), TABLE_YES);
		assert_int_equal(value.n, (size_t)snprintf(key, sizeof(key), "login%d", i));
		assert_memory_equal(value.p, key, value.n);
	}
	for (i = 0; i < 1000; i++)
		assert_int_equal(table_match(t, TABLE_MAILADDR, SLICE("nobody@mail.example.org")), TABLE_NO);
	/* a scan for each key would take hours */
	assert_true((clock() - start) / CLOCKS_PER_SEC < 60);
	table_free(t);
}

static int
setup(void **state)
{
	(void)state;
	log_init(1, 0);
	if (mkdtemp(dir) == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/file", dir);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(dir);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_match),
		cmocka_unit_test(test_nul),
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_get),
		cmocka_unit_test(test_check),
		cmocka_unit_test(test_change),
		cmocka_unit_test(test_appended),
		cmocka_unit_test(test_replaced),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_half_written),
		cmocka_unit_test(test_restless),
		cmocka_unit_test(test_update),
		cmocka_unit_test(test_missing),
		cmocka_unit_test(test_million),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
