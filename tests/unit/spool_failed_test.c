/* SPDX-License-Identifier: ISC */
/* The spool on a disk that fails: what failed is void, what is flushed after it lasts. */
/* objects: smtpd/spool.o smtpd/spool_batch.o smtpd/spool_big.o smtpd/spool_copy.o smtpd/spool_corrupt.o smtpd/spool_dump.o smtpd/spool_hash.o smtpd/spool_index.o smtpd/spool_scan.o smtpd/spool_segment.o */
#include "tests/unit/spool_world.h"

/* Whatever the number of failures, all that is accepted afterwards stands in its segment. */
static void
test_many_failures(void **state)
{
	static const unsigned	 fails[] = { 1, 50, 300, 700, 2000 };
	struct spool	*sp;
	uint64_t	 first, refused, r;
	unsigned	 i, j;

	(void)state;
	for (i = 0; i < sizeof(fails) / sizeof(fails[0]); i++) {
		sp = open_spool(64);
		assert_int_equal(add(sp, 100, 1, &first), 0);
		assert_int_equal(spool_flush(sp), 0);
		written = 0;
		for (j = 0; j < fails[i]; j++) {
			assert_int_equal(add(sp, 100, 1, &refused), 0);
			failing = 2;
			assert_int_equal(spool_flush(sp), -1);
		}
		/* Itself, and what voids it at once, each with a segment's head. */
		assert_in_range(written, 1, fails[i] * 4 * BLOCK);
		assert_int_equal(add(sp, 30000, 1, &r), 0);
		assert_int_equal(spool_flush(sp), 0);
		spool_close(sp);

		sp = open_spool(64);
		assert_int_equal(nfound, 2);
		assert_true(was_found(first) && was_found(r));
		assert_int_equal(stat_of(sp).damaged, 0);
		done(sp, first, 0);
		done(sp, r, 0);
		assert_int_equal(spool_flush(sp), 0);
		spool_close(sp);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_many_failures),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
