/* SPDX-License-Identifier: ISC */
/*
 * The map against a plain array that does the same.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/u64map.h"

#define KEYS	512

/* How the keys are spread: dense, by their high bits alone, like ids, all bits set. */
static const struct {
	uint64_t	 first, step;
} rows[] = {
	{ 0,			1 },
	{ 0,			1ULL << 32 },
	{ 0,			1ULL << 55 },
	{ 0x3189ac6874354895,	0x9e3779b97f4a7c15 },
	{ UINT64_MAX,		UINT64_MAX },
};

static uint32_t
next(uint32_t *seed)
{
	return *seed = *seed * 1664525 + 1013904223;
}

static void
check_all(const struct u64map *m, uint64_t first, uint64_t step,
    char *const *expected)
{
	size_t	 i, pos = 0, n = 0, visited = 0;

	for (i = 0; i < KEYS; i++) {
		assert_ptr_equal(u64map_get(m, first + i * step), expected[i]);
		n += expected[i] != NULL;
	}
	while (u64map_next(m, &pos) != NULL)
		visited++;
	assert_int_equal(visited, n);
}

/* Random puts and removals; the whole is compared now and then. */
static void
test_random(void **state)
{
	static char	 values[KEYS];
	char		*expected[KEYS], *value;
	struct u64map	 m;
	uint64_t	 key;
	uint32_t	 seed = 1;
	size_t		 i, k, turn;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		m = (struct u64map){ 0 };
		memset(expected, 0, sizeof(expected));
		assert_null(u64map_get(&m, 0));
		assert_null(u64map_del(&m, 0));
		for (turn = 0; turn < 20000; turn++) {
			k = next(&seed) >> 16 & (KEYS - 1);
			key = rows[i].first + k * rows[i].step;
			/* Growing and shrinking in turns. */
			if ((next(&seed) >> 28) < (turn / 4000 % 2 ? 4U : 12U)) {
				value = &values[next(&seed) >> 16 & (KEYS - 1)];
				assert_int_equal(u64map_put(&m, key, value), 0);
				expected[k] = value;
			} else {
				assert_ptr_equal(u64map_del(&m, key), expected[k]);
				expected[k] = NULL;
			}
			if (turn % 500 == 0)
				check_all(&m, rows[i].first, rows[i].step, expected);
		}
		check_all(&m, rows[i].first, rows[i].step, expected);
		u64map_free(&m);
		assert_null(u64map_get(&m, rows[i].first));
	}
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
