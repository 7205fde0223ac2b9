/* SPDX-License-Identifier: ISC */
/*
 * Dates in messages, in zones before and behind UTC, and times that are none.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "lib/nitems.h"
#include "lib/smtp_date.h"

static const struct {
	const char	*zone;
	int64_t		 seconds;
	const char	*text;
} dates[] = {
	{ "UTC0", 0,		"Thu, 01 Jan 1970 00:00:00 +0000 (UTC)" },
	{ "CET-1", 1795535700,	"Tue, 24 Nov 2026 16:55:00 +0100 (CET)" },
	{ "NST3:30", 1795535700, "Tue, 24 Nov 2026 12:25:00 -0330 (NST)" },
	{ "UTC0", INT64_MAX,	"Thu, 01 Jan 1970 00:00:00 +0000 (UTC)" },
};

static void
test_dates(void **state)
{
	char	 buf[SMTP_DATE_MAX];
	size_t	 i;

	(void)state;
	for (i = 0; i < nitems(dates); i++) {
		setenv("TZ", dates[i].zone, 1);
		tzset();
		assert_string_equal(smtp_date(dates[i].seconds, buf), dates[i].text);
	}
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_dates),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
