/* SPDX-License-Identifier: ISC */
/*
 * Times as texts: formats, fractions, what is no time, and the local zone.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/nitems.h"
#include "lib/report_time.h"

static void
test_texts(void **state)
{
	static const struct {
		const char	*format, *zone, *time, *text;
		bool		 utc;
	} rows[] = {
		{ "%Y-%m-%d %H:%M:%S", "UTC-2", "1541750432", "2018-11-09 08:00:32", true },
		{ "%Y-%m-%d %H:%M:%S", "UTC-2", "1541750432", "2018-11-09 10:00:32", false },
		{ "%S.%N", "UTC", "1541750432.000042", "32.000042", true },
		{ "%S.%N", "UTC", "1541750432", "32.000000", true },
		{ "%N %s %N", "UTC", "1541750432.5", "500000 1541750432 500000", true },
		{ "%%N", "UTC", "1541750432", "%N", true },
		{ "%N%", "UTC", "1.1234567", "123456%", true },
		{ "", "UTC", "1541750432", "", true },
		{ "%H", "UTC", "soon", "soon", true },
		{ "%H", "UTC", "", "", true },
		{ "%H", "UTC", "99999999999999999999", "99999999999999999999", true },
		{ "%H", "UTC", "9999999999999999", "9999999999999999", true },
	};
	struct time_format	 tf;
	struct slice		 text;
	size_t			 i;
	int			 again;

	(void)state;
	for (i = 0; i < nitems(rows); i++) {
		setenv("TZ", rows[i].zone, 1);
		assert_int_equal(time_format_init(&tf, rows[i].format, rows[i].utc), 0);
		for (again = 0; again < 2; again++) {
			text = time_format_text(&tf, slice_str(rows[i].time));
			assert_true(slice_eq(text, slice_str(rows[i].text)));
		}
	}
}

/* One format for many times of a second, and of others. */
static void
test_sequence(void **state)
{
	struct time_format	 tf;

	(void)state;
	assert_int_equal(time_format_init(&tf, "%M:%S.%N", true), 0);
	assert_true(slice_eq(time_format_text(&tf, SLICE("61.25")), SLICE("01:01.250000")));
	assert_true(slice_eq(time_format_text(&tf, SLICE("61.5")), SLICE("01:01.500000")));
	assert_true(slice_eq(time_format_text(&tf, SLICE("9999999999999999")),
	    SLICE("9999999999999999")));
	assert_true(slice_eq(time_format_text(&tf, SLICE("62")), SLICE("01:02.000000")));
	assert_true(slice_eq(time_format_text(&tf, SLICE("61")), SLICE("01:01.000000")));
}

static void
test_too_long(void **state)
{
	struct time_format	 tf;
	char			 format[TIME_TEXT_MAX + 2];

	(void)state;
	memset(format, 'x', sizeof(format));
	format[sizeof(format) - 1] = '\0';
	assert_int_equal(time_format_init(&tf, format, true), -1);
	assert_int_equal(time_format_init(&tf, "%N%N%N%N%N%N%N%N%N", true), -1);
	memset(format, 'c', sizeof(format));
	for (size_t i = 0; i < 80; i += 2)
		format[i] = '%';
	format[80] = '\0';
	assert_int_equal(time_format_init(&tf, format, true), -1);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_sequence),
		cmocka_unit_test(test_too_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
