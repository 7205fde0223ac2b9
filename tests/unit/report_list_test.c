/* SPDX-License-Identifier: ISC */
/* Derived events: their lines are read, lists are cut, texts encoded. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/nitems.h"
#include "lib/report_list.h"
#include "lib/report_part.h"

static void
test_encode(void **state)
{
	static const struct {
		const char	*text, *encoded;
	} rows[] = {
		{ "", "" },
		{ "a@example.org", "a@example.org" },
		{ "a|b,c%d", "a%7Cb%2Cc%25d" },
		{ "%", "%25" },
		{ "%7C", "%257C" },
	};
	struct slice	 s;
	char		 buf[64], back[64];
	size_t		 i;

	(void)state;
	for (i = 0; i < nitems(rows); i++) {
		s = report_encode(slice_str(rows[i].text), buf, sizeof(buf));
		assert_true(slice_eq(s, slice_str(rows[i].encoded)));
		s = report_decode(s, back, sizeof(back));
		assert_true(slice_eq(s, slice_str(rows[i].text)));
	}
	/* What is no code stands for itself; what does not fit is cut at a unit. */
	assert_true(slice_eq(report_decode(SLICE("5%,%2"), buf, sizeof(buf)),
	    SLICE("5%,%2")));
	assert_true(slice_eq(report_encode(SLICE("ab|c"), buf, 4), SLICE("ab")));
	/* Only the three are codes. */
	assert_true(slice_eq(report_decode(SLICE("%47%2c%0a"), buf, sizeof(buf)),
	    SLICE("%47,%0a")));
}

static void
test_items(void **state)
{
	struct slice	 list = SLICE("a,,b"), item;

	(void)state;
	assert_int_equal(report_item(&list, &item), 1);
	assert_true(slice_eq(item, SLICE("a")));
	assert_int_equal(report_item(&list, &item), 1);
	assert_true(slice_eq(item, SLICE("")));
	assert_int_equal(report_item(&list, &item), 1);
	assert_true(slice_eq(item, SLICE("b")));
	assert_int_equal(report_item(&list, &item), 0);
	assert_true(report_is_list(EV_TX_SUMMARY, RF_EVPID));
	assert_false(report_is_list(EV_TX_ENVELOPE, RF_EVPID));
	assert_false(report_is_list(EV_TX_SUMMARY, RF_SENDER));
	assert_false(report_is_derived(EV_UNKNOWN));
}

static void
test_lines(void **state)
{
	static const struct slice	 line = SLICE("report|0.7|1576146008.006099|smtp-in|tx-summary|"
	    "7641df9771b4ed00|1ef1c203|commit|1576146007.000000|1.006099|10.0.0.1:33174|10.0.0.2:25|"
	    "mx%2C.example.org|pass|EHLO|mail|TLSv1.3:X:256||<>|a%7Cb@example.org,c@example.org|"
	    "ok,permfail|1ef1c203cc576e5d|1024||||250 2.0.0 Ok|later");
	struct report	 r;
	struct slice	 s;

	(void)state;
	assert_int_equal(report_parse(&r, line), REPORT_KNOWN);
	assert_int_equal(r.event, EV_TX_SUMMARY);
	assert_true(slice_eq(r.field[RF_STATUS], SLICE("commit")));
	assert_true(slice_eq(r.field[RF_DURATION], SLICE("1.006099")));
	assert_false(report_has(&r, RF_USERNAME));
	assert_false(report_has(&r, RF_SIZE_RAW));
	assert_true(slice_eq(r.field[RF_RECIPIENT],
	    SLICE("a%7Cb@example.org,c@example.org")));
	assert_true(slice_eq(r.field[RF_REPLY], SLICE("250 2.0.0 Ok")));
	assert_true(slice_eq(r.field[RF_SENDER], SLICE("<>")));
	assert_false(report_value(&r,
	    (struct report_name){ RF_SENDER, PART_DOMAIN }, &s));
	/* A column too few, a size that is none. */
	assert_int_equal(report_parse(&r, SLICE("report|0.7|1.0|smtp-in|msg-summary|7641df9771b4ed00|1ef1c203|done|1.0|<>|a|done|1|1|")),
	    REPORT_MALFORMED);
	assert_int_equal(r.culprit, RF_MARK);
	assert_int_equal(report_parse(&r, SLICE("report|0.7|1.0|smtp-in|msg-summary|7641df9771b4ed00|1ef1c203|done|x|<>|a|done|1|1|e|")),
	    REPORT_MALFORMED);
	assert_int_equal(r.culprit, RF_BEGIN);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_encode),
		cmocka_unit_test(test_items),
		cmocka_unit_test(test_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
