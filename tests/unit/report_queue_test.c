/* SPDX-License-Identifier: ISC */
/*
 * Lines that wait: their order, what is dropped and said of it, and what a
 * reader left.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/report_queue.h"

#define LINE(t)	"report|0.7|" t ".000000|smtp-in|timeout|0123456789abcdef\n"
#define OUT(t)	"report|0.7|" t ".000000|smtp-out|timeout|0123456789abcdef\n"
#define OLD(t)	"report|1|" t "|smtp-in|timeout|0123456789abcdef\n"
#define GAP(t, sub, n, first, last) "report|0.7|" t ".000000|" sub \
	"|report-gap|0000000000000000|" n "|" first ".000000|" last ".000000\n"

static void
put(struct report_queue *q, const char *line)
{
	report_queue_put(q, slice_str(line));
}

static void
check(const struct report_queue *q, const char *expected)
{
	struct slice	 s = report_queue_bytes(q);

	assert_int_equal(s.n, strlen(expected));
	assert_memory_equal(s.p, expected, s.n);
}

static void
test_order(void **state)
{
	struct report_queue	 q;
	char			 line[128];
	struct slice		 s;
	unsigned		 in = 0, out = 0, n;

	(void)state;
	report_queue_init(&q, 1 << 20);
	/* More comes than goes, then all goes; buffers are moved and grow. */
	for (n = 0; n < 40000; n++) {
		if (n < 20000) {
			snprintf(line, sizeof(line), OUT("%010u"), in++);
			put(&q, line);
		}
		if (n % 3 != 0 && n < 20000)
			continue;
		s = report_queue_bytes(&q);
		if (s.n == 0)
			continue;
		snprintf(line, sizeof(line), OUT("%010u"), out++);
		assert_true(s.n >= strlen(line));
		assert_memory_equal(s.p, line, strlen(line));
		report_queue_taken(&q, strlen(line));
	}
	assert_true(out > 10000);
	report_queue_free(&q);
}

static void
test_gap(void **state)
{
	struct report_queue	 q;

	(void)state;
	report_queue_init(&q, strlen(LINE("1541750432")) * 2);
	put(&q, LINE("1541750432"));
	put(&q, LINE("1541750433"));
	put(&q, LINE("1541750434"));
	put(&q, OUT("1541750435"));
	put(&q, LINE("1541750436"));
	check(&q, LINE("1541750432") LINE("1541750433"));
	/* Less than half is free: still none is taken. */
	report_queue_taken(&q, 10);
	put(&q, OLD("1541750437"));
	check(&q, &(LINE("1541750432") LINE("1541750433"))[10]);
	report_queue_taken(&q, strlen(LINE("1541750432")));
	put(&q, LINE("1541750438"));
	assert_non_null(memmem(q.p, q.end, SLICE("report|1|1541750437|smtp-in|report-gap|"
	    "0000000000000000|3|1541750434|1541750437\n"
	    GAP("1541750435", "smtp-out", "1", "1541750435", "1541750435")
	    LINE("1541750438")).p, 100));
	report_queue_free(&q);
}

static void
test_end(void **state)
{
	struct report_queue	 q;

	(void)state;
	report_queue_init(&q, 10);
	put(&q, LINE("1541750432"));
	put(&q, LINE("1541750439"));
	check(&q, "");
	report_queue_end(&q);
	check(&q, GAP("1541750439", "smtp-in", "2", "1541750432", "1541750439"));
	report_queue_end(&q);
	check(&q, GAP("1541750439", "smtp-in", "2", "1541750432", "1541750439"));
	report_queue_free(&q);
}

static void
test_back(void **state)
{
	static const char	 both[] = LINE("1541750432") LINE("1541750433");
	struct report_queue	 q;

	(void)state;
	report_queue_init(&q, 1 << 20);
	/* Whole lines come back before the others, */
	put(&q, LINE("1541750434"));
	report_queue_back(&q, slice_str(both));
	check(&q, LINE("1541750432") LINE("1541750433") LINE("1541750434"));
	/* nothing does, */
	report_queue_back(&q, SLICE_NONE);
	check(&q, LINE("1541750432") LINE("1541750433") LINE("1541750434"));
	/* the end of a line is lost, and said to be, */
	report_queue_taken(&q, strlen(both));
	report_queue_back(&q, slice_str(both + 5));
	check(&q, GAP("1541750433", "smtp-in", "1", "1541750433", "1541750433")
	    LINE("1541750433") LINE("1541750434"));
	/* and so is that of the last, which is as old as the last that was lost. */
	report_queue_taken(&q, report_queue_bytes(&q).n - 12);
	report_queue_back(&q, SLICE("50434.0000"));
	check(&q, GAP("1541750433", "smtp-in", "1", "1541750433", "1541750433"));
	report_queue_free(&q);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_gap),
		cmocka_unit_test(test_end),
		cmocka_unit_test(test_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
