/* SPDX-License-Identifier: ISC */
/*
 * Which names are near to a word.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/nearest.h"

static const char *const names[] = { "src", "dest", "size", "result", "reply",
    "session", "version", "first", "last" };

static const struct {
	const char	*word, *best[NEAREST_MAX];
} rows[] = {
	{ "scr",	{ "src" } },
	{ "SIZE",	{ "size" } },
	{ "sizes",	{ "size" } },
	{ "reslut",	{ "result" } },
	{ "ression",	{ "session" } },
	{ "lest",	{ "dest", "last" } },
	{ "x",		{ NULL } },
	{ "",		{ NULL } },
	{ "quantum-mechanics", { NULL } },
	{ "this-word-is-longer-than-any-name-that-could-ever-be-in-a-table-of-names",
	    { NULL } },
};

static void
test_nearest(void **state)
{
	struct nearest	 n;
	size_t		 i, k;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		nearest_init(&n, slice_str(rows[i].word));
		for (k = 0; k < sizeof(names) / sizeof(names[0]); k++)
			nearest_try(&n, names[k]);
		for (k = 0; k < NEAREST_MAX; k++) {
			if (rows[i].best[k] == NULL) {
				assert_null(n.best[k]);
				break;
			}
			assert_non_null(n.best[k]);
			assert_string_equal(n.best[k], rows[i].best[k]);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_nearest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
