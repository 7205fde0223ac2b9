/* SPDX-License-Identifier: ISC */
/* The spool after a crash or damage: what is torn is dropped, what is damaged is kept aside. */
/* objects: smtpd/spool.o smtpd/spool_batch.o smtpd/spool_big.o smtpd/spool_copy.o smtpd/spool_dump.o smtpd/spool_hash.o smtpd/spool_index.o smtpd/spool_scan.o smtpd/spool_segment.o */
#include "tests/unit/spool_world.h"

/* Cut at each block of the last batch: never acknowledged, so never missed. */
static void
test_torn(void **state)
{
	static char	 before[SEGMENT], after[SEGMENT], torn[SEGMENT];
	struct spool_stat st;
	struct spool	*sp = open_spool(8);
	uint64_t	 a, b;
	size_t		 at, cuts = 0;
	int		 again;

	(void)state;
	assert_int_equal(add(sp, 100, 1, &a), 0);
	assert_int_equal(spool_flush(sp), 0);
	segment_io(0, false, before);
	assert_int_equal(add(sp, 20000, 1, &b), 0);
	assert_int_equal(spool_flush(sp), 0);
	spool_close(sp);
	segment_io(0, false, after);
	for (at = 0; at < SEGMENT; at += BLOCK) {
		if (memcmp(before + at, after + at, BLOCK) == 0)
			continue;
		cuts++;
		memcpy(torn, after, SEGMENT);
		memset(torn + at, 0, SEGMENT - at);
		segment_io(0, true, torn);
		for (again = 0; again < 2; again++) {
			sp = open_spool(8);
			spool_stat(sp, &st);
			assert_int_equal(nfound, 1);
			assert_int_equal(found[0].recno, a);
			assert_int_equal(notes, 0);
			assert_int_equal(st.damaged, 0);
			spool_close(sp);
		}
	}
	assert_int_equal(cuts, 5);
}

/* Puts the blocks of `to` whose bit is set over those of `from`. */
static void
mix(char *out, const char *from, const char *to, unsigned bits)
{
	unsigned	 i;

	memcpy(out, from, SEGMENT);
	for (i = 0; i < SEGMENT / BLOCK; i++)
		if (bits & 1u << i)
			memcpy(out + i * BLOCK, to + i * BLOCK, BLOCK);
}

/*
 * The first batch of a segment's second life, torn in each way, its head lost
 * or not: what the segment held before does not come back, and is no damage.
 */
static void
test_torn_life(void **state)
{
	static char	 before[SEGMENT], after[SEGMENT], torn[SEGMENT];
	struct spool	*sp = open_spool(8);
	uint64_t	 kept, r;
	unsigned	 bits, n;

	(void)state;
	work(sp);
	for (n = 0;; n++) {		/* until the first segment begins anew */
		assert_true(n < 1000);
		segment_io(0, false, before);
		memset(body, '!' + n % 64, 9000);	/* no block is as it was */
		assert_int_equal(add(sp, 9000, 1, &r), 0);
		assert_int_equal(spool_flush(sp), 0);
		segment_io(0, false, after);
		if (n > 5 && memcmp(before, after, BLOCK) != 0)
			break;
		done(sp, r, 0);
		assert_int_equal(add(sp, 50, 1, &kept), 0);
		assert_int_equal(spool_flush(sp), 0);
		done(sp, kept, 0);
		assert_int_equal(spool_flush(sp), 0);
	}
	spool_close(sp);
	/* The head, and the three blocks of the batch. */
	assert_int_equal(memcmp(before + 4 * BLOCK, after + 4 * BLOCK,
	    SEGMENT - 4 * BLOCK), 0);
	for (bits = 0; bits < 16; bits++) {
		mix(torn, before, after, bits);
		segment_io(0, true, torn);
		sp = open_spool(8);
		assert_int_equal(was_found(r), bits == 15);
		assert_false(was_found(kept));
		assert_int_equal(notes, 0);
		assert_int_equal(stat_of(sp).damaged, 0);
		spool_close(sp);
	}
}

/* What stood before good batches was acknowledged: it is missed, the rest lives. */
static void
test_damaged(void **state)
{
	static char	 seg[SEGMENT];
	struct spool_stat st;
	struct spool	*sp = open_spool(8);
	uint64_t	 r[3];
	int		 i;

	(void)state;
	for (i = 0; i < 3; i++) {
		assert_int_equal(add(sp, 100, 1, &r[i]), 0);
		assert_int_equal(spool_flush(sp), 0);
	}
	spool_close(sp);
	segment_io(0, false, seg);
	seg[2 * BLOCK + 200] ^= 1;	/* in the content of the second */
	segment_io(0, true, seg);
	sp = open_spool(8);
	spool_stat(sp, &st);
	assert_int_equal(st.damaged, 1);
	assert_int_equal(nfound, 2);
	assert_false(was_found(r[1]));
	assert_int_equal(spool_read(sp, r[1], 0, (char[1]){ 0 }, 1), -1);
	spool_close(sp);
}

/* Where a body begins within its batch: the same for all with this envelope. */
static size_t
body_offset(const char *disk, size_t batch)
{
	size_t	 at = batch;

	while (memcmp(disk + at, body, 16) != 0)
		at++;
	return at - batch;
}

/*
 * A body may hold a byte-exact copy of a batch, and it may lie where a scan
 * looks for one once its own batch is damaged: it is never taken for one.
 */
static void
test_forged(void **state)
{
	static char	 disk[SEGMENT];
	struct spool	*sp = open_spool(64);
	uint64_t	 old, forged;
	size_t		 batch = 3 * BLOCK, pad;

	(void)state;
	assert_int_equal(add(sp, 1000, 1, &old), 0);
	assert_int_equal(spool_flush(sp), 0);
	segment_io(0, false, disk);
	pad = BLOCK - body_offset(disk, BLOCK);
	done(sp, old, 0);
	assert_int_equal(spool_flush(sp), 0);
	memcpy(body + pad, disk + BLOCK, BLOCK);
	assert_int_equal(add(sp, pad + 2 * BLOCK, 1, &forged), 0);
	assert_int_equal(spool_flush(sp), 0);
	spool_close(sp);

	/* The copy lies on a block of its own, as a batch would. */
	segment_io(0, false, disk);
	assert_memory_equal(disk + batch + BLOCK, disk + BLOCK, BLOCK);
	sp = open_spool(64);
	assert_int_equal(nfound, 1);
	assert_int_equal(found[0].recno, forged);
	spool_close(sp);

	memset(disk + batch, 0, 64);
	segment_io(0, true, disk);
	sp = open_spool(64);
	assert_int_equal(nfound, 0);
	spool_close(sp);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_torn), T(test_torn_life), T(test_damaged), T(test_forged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
