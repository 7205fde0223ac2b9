/* SPDX-License-Identifier: ISC */
/*
 * What begins with a character and what does not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/slice.h"
#include "lib/utf8.h"

static const struct {
	struct slice	 text;
	size_t		 length;
} rows[] = {
	{ SLICE(""),			0 },
	{ SLICE("a"),			1 },
	{ SLICE("\0"),			1 },
	{ SLICE("\x7f\x80"),		1 },
	{ SLICE("\x80"),		0 },
	{ SLICE("\xbf"),		0 },
	{ SLICE("\xc0\x80"),		0 },	/* overlong */
	{ SLICE("\xc1\xbf"),		0 },
	{ SLICE("\xc2\x80"),		2 },
	{ SLICE("\xdf\xbf" "a"),	2 },
	{ SLICE("\xc3"),		0 },	/* too short */
	{ SLICE("\xc3" "a"),		0 },
	{ SLICE("\xe0\x9f\xbf"),	0 },	/* overlong */
	{ SLICE("\xe0\xa0\x80"),	3 },
	{ SLICE("\xed\x9f\xbf"),	3 },
	{ SLICE("\xed\xa0\x80"),	0 },	/* surrogate */
	{ SLICE("\xef\xbf\xbf"),	3 },
	{ SLICE("\xe2\x82"),		0 },
	{ SLICE("\xe2\x82" "a"),	0 },
	{ SLICE("\xf0\x8f\xbf\xbf"),	0 },	/* overlong */
	{ SLICE("\xf0\x90\x80\x80"),	4 },
	{ SLICE("\xf4\x8f\xbf\xbf"),	4 },
	{ SLICE("\xf4\x90\x80\x80"),	0 },	/* past U+10FFFF */
	{ SLICE("\xf0\x9f\x98"),	0 },
	{ SLICE("\xf5\x80\x80\x80"),	0 },
	{ SLICE("\xff"),		0 },
};

static void
test_length(void **state)
{
	size_t	 i;
	char	*copy;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_non_null(copy = malloc(rows[i].text.n + 1));
		memcpy(copy, rows[i].text.p, rows[i].text.n);
		assert_int_equal(utf8_length(copy, rows[i].text.n), rows[i].length);
		free(copy);
	}
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_length),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
