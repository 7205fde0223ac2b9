/* SPDX-License-Identifier: ISC */
/* Fates that are written and not yet flushed: a kill forgets none, a power cut is no damage. */
/* objects: smtpd/spool.o smtpd/spool_batch.o smtpd/spool_big.o smtpd/spool_copy.o smtpd/spool_corrupt.o smtpd/spool_dump.o smtpd/spool_hash.o smtpd/spool_index.o smtpd/spool_scan.o smtpd/spool_segment.o */
#include "tests/unit/spool_world.h"

#define FATES	3

/* So many messages, flushed. */
static void
add_all(struct spool *sp, uint64_t *r, unsigned n)
{
	unsigned	 i;

	for (i = 0; i < n; i++)
		assert_int_equal(add(sp, 10, 1, &r[i]), 0);
	assert_int_equal(spool_flush(sp), 0);
}

/* One pwrite and no sync; nothing where there is nothing to write. */
static void
test_kill(void **state)
{
	struct spool	*sp = open_spool(8);
	uint64_t	 r[3];

	(void)state;
	add_all(sp, r, 3);
	writes = syncs = 0;
	assert_int_equal(spool_write(sp), 0);
	assert_int_equal(writes, 0);
	done(sp, r[0], 0);
	done(sp, r[1], 0);
	assert_int_equal(spool_write(sp), 0);
	assert_int_equal(spool_write(sp), 0);
	assert_int_equal(writes, 1);
	assert_int_equal(syncs, 0);
	assert_int_equal(spool_dirty(sp), 2);
	kill_spool(sp);
	sp = open_spool(8);
	assert_int_equal(nfound, 1);
	assert_true(was_found(r[2]));
	/* Flushed: one sync, and what is written is not written again. */
	done(sp, r[2], 0);
	assert_int_equal(spool_write(sp), 0);
	writes = syncs = 0;
	assert_int_equal(spool_flush(sp), 0);
	assert_int_equal(writes, 0);
	assert_int_equal(syncs, 1);
	assert_int_equal(spool_dirty(sp), 0);
	spool_close(sp);
}

/* With messages that wait for their flush marks wait too. */
static void
test_with_messages(void **state)
{
	struct spool	*sp = open_spool(8);
	uint64_t	 r, s;

	(void)state;
	add_all(sp, &r, 1);
	assert_int_equal(add(sp, 10, 1, &s), 0);
	done(sp, r, 0);
	writes = 0;
	assert_int_equal(spool_write(sp), 1);
	assert_int_equal(writes, 0);
	assert_int_equal(spool_flush(sp), 0);
	assert_int_equal(writes, 1);
	spool_close(sp);
}

/*
 * A power cut leaves any of the batches that were written and not flushed.
 * None is damage, then or at a later start; each fate that is there counts.
 */
static void
test_power_cut(void **state)
{
	static char	 disk[8][SEGMENT], torn[SEGMENT];
	struct spool	*sp = open_spool(8);
	uint64_t	 r[FATES], more;
	unsigned	 bits, i;

	(void)state;
	work(sp);
	add_all(sp, r, FATES);
	for (i = 0; i < FATES; i++) {
		done(sp, r[i], 0);
		assert_int_equal(spool_write(sp), 0);
	}
	kill_spool(sp);
	for (i = 0; i < 8; i++)
		segment_io(i, false, disk[i]);
	for (bits = 0; bits < 1 << FATES; bits++) {
		for (i = 1; i < 8; i++)
			segment_io(i, true, disk[i]);
		memcpy(torn, disk[0], SEGMENT);
		for (i = 0; i < FATES; i++)
			if (!(bits & 1u << i))
				memset(torn + (2 + i) * BLOCK + (bits % 2) * 64,
				    0, 128);
		segment_io(0, true, torn);
		sp = open_spool(8);
		for (i = 0; i < FATES; i++)
			assert_int_equal(was_found(r[i]), !(bits & 1u << i));
		assert_int_equal(notes, 0);
		assert_int_equal(stat_of(sp).damaged, 0);
		assert_int_equal(add(sp, 10, 1, &more), 0);
		assert_int_equal(spool_flush(sp), 0);
		kill_spool(sp);
		sp = open_spool(8);
		assert_true(was_found(more));
		for (i = 0; i < FATES; i++)
			assert_int_equal(was_found(r[i]), !(bits & 1u << i));
		assert_int_equal(notes, 0);
		assert_int_equal(stat_of(sp).damaged, 0);
		kill_spool(sp);
	}
}

/* What a later batch says to be durable is missed where it is gone. */
static void
test_damage(void **state)
{
	static char	 disk[SEGMENT];
	struct spool	*sp = open_spool(8);
	uint64_t	 r[2], more;

	(void)state;
	add_all(sp, r, 2);
	done(sp, r[0], 0);
	assert_int_equal(spool_write(sp), 0);
	done(sp, r[1], 0);
	assert_int_equal(spool_flush(sp), 0);
	assert_int_equal(add(sp, 10, 1, &more), 0);
	assert_int_equal(spool_flush(sp), 0);
	kill_spool(sp);
	segment_io(0, false, disk);
	memset(disk + 2 * BLOCK, 0, BLOCK);
	segment_io(0, true, disk);
	sp = open_spool(8);
	assert_true(was_found(r[0]) && was_found(more));
	assert_false(was_found(r[1]));
	assert_true(stat_of(sp).damaged > 0);
	spool_close(sp);
}

/* Their flush failed: they are written elsewhere, whatever the old place holds. */
static void
test_flush_fails(void **state)
{
	static char	 disk[SEGMENT];
	struct spool	*sp = open_spool(8);
	uint64_t	 r[2], refused;

	(void)state;
	add_all(sp, r, 2);
	done(sp, r[0], 0);
	assert_int_equal(spool_write(sp), 0);
	assert_int_equal(add(sp, 10, 1, &refused), 0);
	failing = 1;
	assert_int_equal(spool_flush(sp), -1);
	assert_int_equal(spool_dirty(sp), 0);	/* voided, and marked, at once */
	kill_spool(sp);
	segment_io(0, false, disk);
	memset(disk + 2 * BLOCK, 0, 2 * BLOCK);
	segment_io(0, true, disk);
	sp = open_spool(8);
	assert_int_equal(nfound, 1);
	assert_true(was_found(r[1]));
	assert_int_equal(notes, 0);
	assert_int_equal(stat_of(sp).damaged, 0);
	spool_close(sp);
}

/* A fate of a batch that failed and is void counts: it is all there may be of it. */
static void
test_void_fates(void **state)
{
	struct spool	*sp = open_spool(8);
	uint64_t	 r[2], refused;

	(void)state;
	add_all(sp, r, 2);
	done(sp, r[0], 0);
	assert_int_equal(spool_write(sp), 0);
	assert_int_equal(add(sp, 10, 1, &refused), 0);
	failing = 1;
	dies = true;
	assert_int_equal(spool_flush(sp), -1);
	dies = dead = false;
	kill_spool(sp);
	sp = open_spool(8);
	assert_false(was_found(r[0]));
	assert_true(was_found(r[1]));
	spool_close(sp);
}

/* Batches in several segments, one flush: each of them is synced. */
static void
test_segments(void **state)
{
	struct spool	*sp = open_spool(8);
	uint64_t	 r[40];
	unsigned	 i;

	(void)state;
	work(sp);
	add_all(sp, r, 40);
	for (i = 0; i < 40; i++) {
		done(sp, r[i], 0);
		assert_int_equal(spool_write(sp), 0);
	}
	syncs = 0;
	assert_int_equal(spool_flush(sp), 0);
	assert_int_equal(syncs, 3);
	spool_close(sp);
	sp = open_spool(8);
	assert_int_equal(nfound, 0);
	assert_int_equal(stat_of(sp).damaged, 0);
	spool_close(sp);
}

/* More fates than free segments hold: some are flushed, which frees segments for the others. */
static void
test_many_fates(void **state)
{
	struct spool	*sp = open_spool(8);
	uint64_t	 r[8], more = 0;
	unsigned	 i, j, n;
	int		 writing;

	(void)state;
	work(sp);
	for (writing = 0; writing < 2; writing++) {
		for (n = 0; n < 8 && add(sp, 1000, 1500, &r[n]) == 0; n++)
			assert_int_equal(spool_flush(sp), 0);
		assert_true(n > 4);
		for (i = 0; i < n; i++) {
			for (j = 0; j < 1500; j++)
				done(sp, r[i], j);
			if (writing)
				assert_int_not_equal(spool_write(sp), -1);
		}
		if (!writing)	/* new mail does not take the room of fates */
			assert_int_equal(add(sp, 10, 1, &more), 0);
		for (i = 0; spool_dirty(sp) != 0; i++) {
			assert_true(i < 50);
			assert_int_equal(spool_flush(sp), 0);
			work_once(sp);
		}
		assert_true(i > 1);
		assert_int_equal(stat_of(sp).messages, 1);
		kill_spool(sp);
		sp = open_spool(8);
		assert_int_equal(nfound, 1);
		assert_true(was_found(more));
		work(sp);
	}
	spool_close(sp);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_kill), T(test_with_messages), T(test_power_cut),
		T(test_damage), T(test_flush_fails), T(test_void_fates),
		T(test_segments), T(test_many_fates),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
