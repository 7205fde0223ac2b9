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

/* Who was told 451 gets nothing after an orderly stop. */
static void
test_stop(void **state)
{
	struct spool	*sp = open_spool(8);
	uint64_t	 first, refused;

	(void)state;
	assert_int_equal(add(sp, 100, 1, &first), 0);
	assert_int_equal(spool_flush(sp), 0);
	assert_int_equal(add(sp, 100, 1, &refused), 0);
	failing = 1;			/* and what would void it is not even written */
	dies = true;
	assert_int_equal(spool_flush(sp), -1);
	dies = dead = false;
	spool_close(sp);
	sp = open_spool(8);
	assert_int_equal(nfound, 1);
	assert_true(was_found(first));
	spool_close(sp);
}

/* An open that fails writes nothing. */
static void
test_open_fails(void **state)
{
	static char	 torn[SEGMENT];
	struct spool_options	 o = { .segment_size = SEGMENT, .segments = 10,
	    .segments_max = 10, .note = note_cb, .fdatasync = sync_cb,
	    .pwrite = pwrite_cb };
	struct spool	*sp = open_spool(8);
	uint64_t	 r;
	char		 path[96];

	(void)state;
	assert_int_equal(add(sp, 20000, 1, &r), 0);
	assert_int_equal(spool_flush(sp), 0);
	spool_close(sp);
	segment_io(0, false, torn);
	memset(torn + 3 * BLOCK, 0, BLOCK);	/* it is to be voided */
	segment_io(0, true, torn);
	snprintf(path, sizeof(path), "%s/segment.0008", top);
	assert_int_equal(symlink("nowhere", path), 0);
	writes = 0;
	assert_null(spool_open(open(top, O_RDONLY | O_DIRECTORY), &o));
	assert_int_equal(writes, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_many_failures), T(test_stop), T(test_open_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
