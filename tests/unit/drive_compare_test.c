/* SPDX-License-Identifier: ISC */
/*
 * Two versions of a filter: what differs is written when both have ended a
 * session, and nothing else.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/drive_compare.h"
#include "lib/outbuf.h"

#define HEAD	"report|0.7|1.500000|smtp-in|"
#define SID	"|c73c0aff0dfb6250|"

static struct outbuf	 out;
static struct compare	 c;

static void
begin(void)
{
	assert_int_equal(outbuf_init(&out, -1), 0);
	c = (struct compare){ .out = &out };
}

static void
end(const char *expected)
{
	compare_end(&c);
	assert_int_equal(c.kept, 0);
	assert_int_equal(out.error, 0);
	assert_int_equal(out.n, strlen(expected));
	assert_memory_equal(out.buf, expected, out.n);
	free(out.buf);
}

#define ONE	0xc73c0aff0dfb6250

static void
said(enum version v, uint64_t session, const char *line)
{
	assert_int_equal(compare_said(&c, v, session, slice_str(line)), 0);
}

#define PROCEED	HEAD "filter-response" SID "mail-from|proceed\n"
#define REJECT	HEAD "filter-response" SID "mail-from|reject|550 a|b\n"

static void
test_same(void **state)
{
	(void)state;
	begin();
	said(VERSION_OLD, ONE, PROCEED);
	said(VERSION_NEW, ONE, PROCEED);
	compare_ended(&c, VERSION_OLD, ONE);
	compare_ended(&c, VERSION_NEW, ONE);
	/* Nothing was said of this one. */
	compare_ended(&c, VERSION_NEW, 2);
	compare_ended(&c, VERSION_OLD, 2);
	assert_int_equal(c.differing, 0);
	end("");
}

static void
test_differ(void **state)
{
	static const char	 expected[] =
	    HEAD "filter-report" SID "proc|old|mail-from proceed\n"
	    HEAD "filter-report" SID "proc|old|a word|or two\n"
	    HEAD "filter-report" SID "proc|new|mail-from reject 550 a|b\n";

	(void)state;
	begin();
	said(VERSION_NEW, ONE, REJECT);
	said(VERSION_OLD, ONE, PROCEED);
	said(VERSION_OLD, ONE, HEAD "filter-report" SID "proc|awk|a word|or two\n");
	compare_ended(&c, VERSION_OLD, ONE);
	assert_int_equal(out.n, 0);
	compare_ended(&c, VERSION_NEW, ONE);
	assert_int_equal(c.differing, 1);
	assert_int_equal(out.n, sizeof(expected) - 1);
	end(expected);
}

/* One of them came to no end, as its filter ended before. */
static void
test_no_end(void **state)
{
	(void)state;
	begin();
	said(VERSION_OLD, ONE, PROCEED);
	compare_ended(&c, VERSION_OLD, ONE);
	said(VERSION_NEW, 2, PROCEED);
	said(VERSION_OLD, 2, PROCEED);
	end(HEAD "filter-report" SID "proc|old|mail-from proceed\n");
	assert_int_equal(c.differing, 1);
}

/* Beyond the bound no text is kept, but that it differs is known. */
static void
test_bound(void **state)
{
	(void)state;
	begin();
	c.kept = COMPARE_MAX;
	said(VERSION_OLD, ONE, PROCEED);
	said(VERSION_NEW, ONE, PROCEED);
	said(VERSION_OLD, 2, PROCEED);
	said(VERSION_NEW, 2, REJECT);
	compare_ended(&c, VERSION_OLD, ONE);
	compare_ended(&c, VERSION_NEW, ONE);
	assert_int_equal(c.differing, 0);
	compare_ended(&c, VERSION_OLD, 2);
	compare_ended(&c, VERSION_NEW, 2);
	assert_int_equal(c.differing, 1);
	c.kept = 0;
	end(HEAD "filter-report|0000000000000002|proc|old|and more decisions, of which too "
	    "many had to be kept\n"
	    HEAD "filter-report|0000000000000002|proc|new|and more decisions, of which too "
	    "many had to be kept\n");
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_same),
		cmocka_unit_test(test_differ),
		cmocka_unit_test(test_no_end),
		cmocka_unit_test(test_bound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
