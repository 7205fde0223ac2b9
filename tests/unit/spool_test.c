/* SPDX-License-Identifier: ISC */
/* The spool: what is flushed survives, what is torn or failed does not, work ends. */
/* objects: smtpd/spool.o smtpd/spool_batch.o smtpd/spool_big.o smtpd/spool_copy.o smtpd/spool_dump.o smtpd/spool_hash.o smtpd/spool_index.o smtpd/spool_scan.o smtpd/spool_segment.o */
#include "tests/unit/spool_world.h"

static void
test_survives(void **state)
{
	struct spool		*sp = open_spool(8);
	uint64_t		 a, b, c;
	char			 buf[5000], *env;

	(void)state;
	assert_int_equal(add(sp, 5000, 2, &a), 0);
	assert_int_equal(add(sp, 10, 1, &b), 0);
	assert_int_equal(add(sp, 10, 1, &c), 0);
	done(sp, c, 0);			/* of the same unflushed batch */
	assert_int_equal(spool_dirty(sp), 1);
	assert_int_equal(spool_flush(sp), 0);
	done(sp, a, 1);
	done(sp, b, 0);
	assert_int_equal(spool_dirty(sp), 2);
	assert_int_equal(spool_flush(sp), 0);
	spool_close(sp);

	sp = open_spool(8);
	assert_int_equal(nfound, 1);
	assert_int_equal(found[0].recno, a);
	assert_int_equal(found[0].nrcpt, 2);
	assert_int_equal(found[0].waiting, 1);
	assert_int_equal(spool_read(sp, a, 0, buf, sizeof(buf)), 5000);
	assert_memory_equal(buf, body, 5000);
	assert_int_equal(spool_read(sp, a, 5000, buf, sizeof(buf)), 0);
	assert_int_equal(spool_envelope(sp, a, &env), 3);
	assert_string_equal(env, "env");
	free(env);
	assert_int_equal(spool_read(sp, b, 0, buf, 1), -1);
	spool_close(sp);
}

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

/* A survivor is carried through many lives of each segment; the others stay dead. */
static void
test_generations(void **state)
{
	struct spool	*sp = open_spool(8);
	uint64_t	 old, r;
	char		 buf[300];
	int		 i;

	(void)state;
	assert_int_equal(add(sp, 300, 1, &old), 0);
	for (i = 0; i < 600; i++) {
		assert_int_equal(add(sp, 3000, 1, &r), 0);
		assert_int_equal(spool_flush(sp), 0);
		done(sp, r, 0);
		work(sp);
		if (i % 97 == 0) {
			spool_close(sp);
			sp = open_spool(8);
			assert_int_equal(nfound, 1);
			assert_int_equal(notes, 0);
		}
	}
	spool_close(sp);
	sp = open_spool(8);
	assert_int_equal(nfound, 1);
	assert_int_equal(found[0].recno, old);
	assert_int_equal(spool_read(sp, old, 0, buf, sizeof(buf)), 300);
	assert_memory_equal(buf, body, 300);
	spool_close(sp);
}

/* A failed flush: its messages are void for good, marks are not. */
static void
test_flush_fails(void **state)
{
	struct spool	*sp = open_spool(8);
	uint64_t	 a, b, c, lost;

	(void)state;
	assert_int_equal(add(sp, 100, 1, &a), 0);
	assert_int_equal(add(sp, 100, 1, &b), 0);
	assert_int_equal(spool_flush(sp), 0);
	done(sp, a, 0);
	assert_int_equal(add(sp, 100, 1, &lost), 0);
	failing = 1;
	assert_int_equal(spool_flush(sp), -1);
	assert_int_equal(errno, EIO);
	assert_int_equal(spool_read(sp, lost, 0, (char[1]){ 0 }, 1), -1);
	work(sp);			/* a segment was lost: another is made */
	assert_int_equal(add(sp, 100, 1, &c), 0);
	assert_int_equal(spool_flush(sp), 0);
	work(sp);
	spool_close(sp);
	sp = open_spool(8);
	assert_int_equal(nfound, 2);
	assert_int_equal(found[0].recno + found[1].recno, b + c);
	spool_close(sp);
}

/* Survivors of a failed segment move; the ring does not grow without end for them. */
static void
test_failed_segment_moves(void **state)
{
	struct spool_stat st;
	struct spool	*sp = open_spool(200);
	uint64_t	 r;
	int		 i;

	(void)state;
	for (i = 0; i < 10; i++)
		assert_int_equal(add(sp, 4000, 1, &r), 0);
	assert_int_equal(spool_flush(sp), 0);
	assert_int_equal(add(sp, 10, 1, &r), 0);
	failing = 1;
	assert_int_equal(spool_flush(sp), -1);
	work(sp);
	spool_stat(sp, &st);
	assert_true(st.segments <= 12);
	spool_close(sp);
	sp = open_spool(200);
	assert_int_equal(nfound, 10);
	spool_close(sp);
}

/* A ring that may not grow: ENOSPC, work ends, and room is found again. */
static void
test_full(void **state)
{
	static uint64_t	 r[4096];
	struct spool	*sp = open_spool(8);
	unsigned	 n, i;

	(void)state;
	for (n = 0; add(sp, 3000, 1, &r[n]) == 0; n++) {
		assert_int_equal(spool_flush(sp), 0);
		work(sp);
		assert_true(n < 1000);
	}
	assert_int_equal(errno, ENOSPC);
	work(sp);
	for (i = 0; i < n; i++)
		done(sp, r[i], 0);
	assert_int_equal(spool_flush(sp), 0);
	work(sp);
	assert_int_equal(add(sp, 3000, 1, &r[0]), 0);
	spool_close(sp);
	sp = open_spool(8);
	assert_int_equal(nfound, 1);
	spool_close(sp);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_survives), T(test_torn), T(test_damaged), T(test_forged),
		T(test_generations), T(test_flush_fails),
		T(test_failed_segment_moves), T(test_full),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
