/* SPDX-License-Identifier: ISC */
/*
 * Places filled in any order: what comes out is in the order of the input.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/ordered.h"

#define ITEMS	2000

static uint32_t
next(uint32_t *seed)
{
	return *seed = *seed * 1664525 + 1013904223;
}

static void
assert_ready(const struct ordered *o, const char *expected)
{
	assert_true(slice_eq(ordered_ready(o), slice_str(expected)));
}

static void
test_order(void **state)
{
	const struct slice	 parts[] = { SLICE("x"), SLICE(""), SLICE("yz") };
	struct ordered		 o;
	struct place		*a, *b, *c;

	(void)state;
	ordered_init(&o);
	assert_ready(&o, "");
	assert_int_equal(ordered_put(&o, SLICE("1")), 0);
	assert_ready(&o, "1");
	a = ordered_place(&o);
	b = ordered_place(&o);
	assert_int_equal(ordered_put(&o, SLICE("2")), 0);
	c = ordered_place(&o);
	assert_int_equal(ordered_put(&o, SLICE("3")), 0);
	assert_ready(&o, "1");
	assert_int_equal(ordered_fill(&o, b, parts, 3), 0);
	assert_ready(&o, "1");
	ordered_written(&o, 1);
	assert_ready(&o, "");
	assert_int_equal(ordered_fill(&o, a, parts, 1), 0);
	assert_ready(&o, "xxyz2");
	assert_int_equal(ordered_fill(&o, c, parts, 0), 0);
	assert_ready(&o, "xxyz23");
	assert_int_equal(ordered_size(&o), 6);
	ordered_written(&o, 5);
	assert_ready(&o, "3");
	assert_int_equal(ordered_put(&o, SLICE("4")), 0);
	assert_ready(&o, "34");
	assert_int_equal(ordered_size(&o), 2);
	ordered_free(&o);
}

/* Items of chance, some in places that are filled in an order of chance. */
static void
test_random(void **state)
{
	struct ordered	 o;
	struct place	*open[ITEMS];
	char		*got = calloc(ITEMS, 16), *expected = calloc(ITEMS, 16), text[16];
	size_t		 number[ITEMS], nopen = 0, i, k, n = 0;
	uint32_t	 seed = 7;
	struct slice	 s;

	(void)state;
	assert_non_null(got);
	assert_non_null(expected);
	ordered_init(&o);
	for (i = 0; i < ITEMS || nopen > 0;) {
		if (i < ITEMS && next(&seed) >> 30 != 0) {
			snprintf(text, sizeof(text), "%zu ", i);
			strcat(expected + n, text);
			if (next(&seed) >> 31 != 0) {
				number[nopen] = i;
				open[nopen] = ordered_place(&o);
				assert_non_null(open[nopen++]);
			} else
				assert_int_equal(ordered_put(&o, slice_str(text)), 0);
			i++;
		} else if (nopen > 0) {
			k = (next(&seed) >> 8) % nopen;
			snprintf(text, sizeof(text), "%zu ", number[k]);
			s = slice_str(text);
			assert_int_equal(ordered_fill(&o, open[k], &s, 1), 0);
			open[k] = open[--nopen];
			number[k] = number[nopen];
		}
		s = ordered_ready(&o);
		s.n = s.n > 5 ? s.n - 5 : s.n;
		if (s.n > 0)
			strncat(got, s.p, s.n);
		ordered_written(&o, s.n);
	}
	s = ordered_ready(&o);
	strncat(got, s.p, s.n);
	assert_string_equal(got, expected);
	ordered_written(&o, s.n);
	assert_int_equal(ordered_size(&o), 0);
	ordered_free(&o);
	free(got);
	free(expected);
}

/* What is held is known, and freed with places open. */
static void
test_size(void **state)
{
	static char	 big[100000];
	struct ordered	 o;
	struct slice	 s = slice_make(big, sizeof(big));
	struct place	*a, *b;
	size_t		 size;

	(void)state;
	ordered_init(&o);
	a = ordered_place(&o);
	b = ordered_place(&o);
	assert_non_null(a);
	assert_int_equal(ordered_put(&o, s), 0);
	size = ordered_size(&o);
	assert_in_range(size, sizeof(big), 3 * sizeof(big));
	assert_int_equal(ordered_fill(&o, b, &s, 1), 0);
	assert_in_range(ordered_size(&o), size + sizeof(big), size + 3 * sizeof(big));
	ordered_free(&o);
	assert_int_equal(ordered_size(&o), 0);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
