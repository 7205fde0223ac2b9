/* SPDX-License-Identifier: ISC */
/* The spool: what is flushed survives, what failed does not, work ends. */
/* objects: smtpd/spool.o smtpd/spool_batch.o smtpd/spool_big.o smtpd/spool_copy.o smtpd/spool_corrupt.o smtpd/spool_dump.o smtpd/spool_hash.o smtpd/spool_index.o smtpd/spool_scan.o smtpd/spool_segment.o */
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

/* A batch is one write, the first of a segment's life too. */
static void
test_one_write(void **state)
{
	struct spool	*sp = open_spool(8);
	uint64_t	 r;
	unsigned	 i;

	(void)state;
	work(sp);
	for (i = 0; i < 100; i++) {
		assert_int_equal(add(sp, 10000, 1, &r), 0);
		writes = syncs = 0;
		assert_int_equal(spool_flush(sp), 0);
		assert_int_equal(writes, 1);
		assert_int_equal(syncs, 1);
		done(sp, r, 0);
	}
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

/*
 * A disk that fails for a while, at some flushes or at all, and comes back:
 * who was told ok is there, who was told 451 is not, what was marked is done.
 */
static void
test_disk_comes_back(void **state)
{
	static uint64_t	 ok[MANY], refused[MANY];
	static bool	 is_done[MANY];
	struct spool	*sp = open_spool(200);
	unsigned	 nok = 0, nrefused = 0, ndone = 0, i, j, n;
	uint64_t	 r[4];

	(void)state;
	for (i = 0; i < 200; i++) {
		n = 1 + below(4);
		for (j = 0; j < n; j++)
			assert_int_equal(add(sp, below(6000), 1, &r[j]), 0);
		if (nok > 0 && !is_done[j = below(nok)]) {
			done(sp, ok[j], 0);
			is_done[j] = true;
			ndone++;
		}
		/* Of each 50 flushes some fail, then all. */
		failing = i % 50 < 20 ? 0 : i % 50 < 30 ? (int)below(3) : 1000;
		if (spool_flush(sp) == 0) {
			memcpy(ok + nok, r, n * sizeof(*r));
			nok += n;
		} else {
			memcpy(refused + nrefused, r, n * sizeof(*r));
			nrefused += n;
		}
		for (j = 0; j < 5 && spool_work(sp) == 1; j++)
			if (spool_dirty(sp) == 2)
				spool_flush(sp);
	}
	failing = 0;
	if (spool_dirty(sp) != 0)
		assert_int_equal(spool_flush(sp), 0);
	assert_true(nok > 100 && nrefused > 100 && ndone > 10);
	for (i = 0; i < 2; i++) {	/* copied forward meanwhile, or not */
		spool_close(sp);
		sp = open_spool(200);
		assert_int_equal(stat_of(sp).damaged, 0);
		for (j = 0; j < nok; j++)
			assert_int_equal(was_found(ok[j]), !is_done[j]);
		for (j = 0; j < nrefused; j++)
			assert_false(was_found(refused[j]));
		assert_int_equal(nfound, nok - ndone);
		work(sp);
	}
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

/* Copies that people made beside the segments are none, whatever they are called. */
static void
test_other_names(void **state)
{
	static const char *const names[] = { "segment.0000.bak", "segment.0001~",
	    "segment.1", "segment.00002", "segment.0003 ", "segment.4294967295",
	    "segment.10000", "segment.-1", "segment.+001", "segment." };
	static char	 disk[SEGMENT];
	char		 path[96];
	struct spool	*sp = open_spool(8);
	uint64_t	 r[20];
	size_t		 i;
	int		 fd;

	(void)state;
	spool_close(sp);
	segment_io(0, false, disk);
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", top, names[i]);
		fd = open(path, O_WRONLY | O_CREAT, 0600);
		assert_int_equal(write(fd, disk, SEGMENT), SEGMENT);
		close(fd);
	}
	sp = open_spool(8);
	assert_int_equal(stat_of(sp).segments, 8);
	work(sp);
	for (i = 0; i < 20; i++) {
		assert_int_equal(add(sp, 10000, 1, &r[i]), 0);
		assert_int_equal(spool_flush(sp), 0);
	}
	spool_close(sp);
	sp = open_spool(8);
	assert_int_equal(stat_of(sp).segments, 8);
	assert_int_equal(stat_of(sp).damaged, 0);
	assert_int_equal(nfound, 20);
	spool_close(sp);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_survives), T(test_one_write), T(test_generations),
		T(test_flush_fails), T(test_disk_comes_back),
		T(test_failed_segment_moves), T(test_full),
		T(test_other_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
