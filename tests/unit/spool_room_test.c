/* SPDX-License-Identifier: ISC */
/* The spool's room: preparing segments, a disk that is full, a ring that grows. */
/* objects: smtpd/spool.o smtpd/spool_batch.o smtpd/spool_big.o smtpd/spool_copy.o smtpd/spool_dump.o smtpd/spool_hash.o smtpd/spool_index.o smtpd/spool_scan.o smtpd/spool_segment.o */
#include "tests/unit/spool_world.h"

/* So many writes are tried in a hundred turns. */
static unsigned
tries(struct spool *sp)
{
	unsigned	 i, before = writes;

	for (i = 0; i < 100; i++)
		work_once(sp);
	return writes - before;
}

/* A full disk is asked at once, then once a minute; when it has room all goes on. */
static void
test_once_a_minute(void **state)
{
	struct spool	*sp = open_spool(8);
	uint64_t	 r;
	unsigned	 n;

	(void)state;
	assert_int_equal(stat_of(sp).segments_free, 4);
	no_room = true;
	for (n = 0; n < 3; n++) {
		assert_int_equal(tries(sp), 1);
		mono += 59;
		assert_int_equal(tries(sp), 0);
		mono++;
	}
	assert_int_equal(notes, 1);	/* said once, not each minute */
	no_room = false;
	assert_int_equal(work_once(sp), 1);
	assert_int_equal(stat_of(sp).segments_free, 5);
	no_room = true;			/* after a good one the first try is at once */
	assert_int_equal(tries(sp), 1);
	assert_int_equal(notes, 2);
	no_room = false;
	assert_int_equal(add(sp, 100, 1, &r), 0);
	assert_int_equal(spool_flush(sp), 0);
	mono += 60;
	work(sp);
	assert_int_equal(stat_of(sp).segments_free, 7);
	spool_close(sp);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_once_a_minute),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
