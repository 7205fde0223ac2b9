/* SPDX-License-Identifier: ISC */
/* Copying forward: a crash at each step of it loses nothing and brings nothing back. */
/* objects: smtpd/spool.o smtpd/spool_batch.o smtpd/spool_big.o smtpd/spool_copy.o smtpd/spool_corrupt.o smtpd/spool_dump.o smtpd/spool_hash.o smtpd/spool_index.o smtpd/spool_scan.o smtpd/spool_segment.o */
#include "tests/unit/spool_world.h"

#define SEGMENTS	8
#define ROUNDS		80
#define RCPTS		3
#define ALL		((1u << RCPTS) - 1)
#define LIVE		16	/* old messages that stay */

static struct model {
	uint64_t	 recno;
	unsigned	 now, flushed;	/* bits: who waits, as marked and on disk */
	bool		 acked;
	bool		 seen;
} models[4 * ROUNDS];
static size_t	 nmodels;
static char	 image[96];		/* where the copy of a crashed spool is opened */
static bool	 working;		/* inside of background work, and its flush */
static unsigned	 crashes, copied;

/* -- after a crash -- */

static struct model *
model_of(uint64_t recno)
{
	size_t	 i;

	for (i = 0; i < nmodels; i++)
		if (models[i].recno == recno)
			return &models[i];
	return NULL;
}

static void
seen_cb(void *arg, const struct spool_message *m)
{
	struct model	*model = model_of(m->recno);
	unsigned	 i, waiting = 0;

	(void)arg;
	for (i = 0; i < m->nrcpt; i++)
		waiting |= (unsigned)(m->rcpt[i].state == SPOOL_WAITING) << i;
	assert_non_null(model);
	assert_true(model->acked);
	/* Marks that are being flushed may be there already, all or none. */
	assert_true(waiting == model->flushed || waiting == model->now);
	model->seen = true;
}

static void
check(struct spool *sp)
{
	char		 buf[3000];
	struct model	*m;
	size_t		 i;

	for (i = 0; i < nmodels; i++) {
		m = &models[i];
		if (m->acked && m->now != 0)
			assert_true(m->seen);
		if (m->acked && m->flushed == 0)
			assert_false(m->seen);
		if (m->seen) {
			assert_int_equal(spool_read(sp, m->recno, 0, buf,
			    sizeof(buf)), sizeof(buf));
			assert_memory_equal(buf, body, sizeof(buf));
		}
		m->seen = false;
	}
}

static void
crash(void)
{
	static char	 disk[SEGMENT];
	struct spool_options	 o = { .segment_size = SEGMENT,
	    .segments = SEGMENTS, .segments_max = SEGMENTS, .note = note_cb,
	    .recovered = seen_cb, .fdatasync = sync_cb };
	struct spool	*sp;
	char		 path[128];
	unsigned	 slot;
	int		 fd;

	crashes++;
	for (slot = 0; slot < SEGMENTS; slot++) {
		segment_io(slot, false, disk);
		snprintf(path, sizeof(path), "%s/segment.%04u", image, slot);
		assert_int_not_equal(fd = open(path, O_WRONLY | O_CREAT, 0600), -1);
		assert_int_equal(write(fd, disk, SEGMENT), SEGMENT);
		close(fd);
	}
	assert_non_null(sp = spool_open(open(image, O_RDONLY | O_DIRECTORY), &o));
	assert_int_equal(notes, 0);
	assert_int_equal(stat_of(sp).damaged, 0);
	check(sp);
	spool_close(sp);
}

/* -- the spool that crashes: before, within and after each write, and after its sync -- */

static ssize_t
crashing_pwrite(void *arg, int fd, const void *p, size_t n, off_t at)
{
	ssize_t	 r;

	(void)arg;
	if (working) {
		crash();
		/* Torn: the first blocks of it got there. */
		r = n > BLOCK ? BLOCK * (1 + below(n / BLOCK - 1)) : 0;
		assert_int_equal(pwrite(fd, p, r, at), r);
		crash();
	}
	r = pwrite(fd, p, n, at);
	if (working) {
		copied += n > BLOCK;
		crash();
	}
	return r;
}

static void
flush(struct spool *sp)
{
	size_t	 i;

	assert_int_equal(spool_flush(sp), 0);
	for (i = 0; i < nmodels; i++) {
		models[i].acked = true;
		models[i].flushed = models[i].now;
	}
	if (working)
		crash();
}

static void
step(struct spool *sp)
{
	unsigned	 i;

	working = true;
	for (i = 0; spool_work(sp) == 1; i++) {
		assert_true(i < 100);
		if (spool_dirty(sp) == 2)
			flush(sp);
	}
	working = false;
}

static void
mark(struct spool *sp, struct model *m, uint32_t i)
{
	if (m->now & 1u << i)
		done(sp, m->recno, i);
	m->now &= ~(1u << i);
}

/* Of each four messages three are done at once, one later and in parts. */
static void
test_crash_while_copying(void **state)
{
	struct spool_options	 o = { .segment_size = SEGMENT,
	    .segments = SEGMENTS, .segments_max = SEGMENTS, .note = note_cb,
	    .fdatasync = sync_cb, .pwrite = crashing_pwrite };
	struct spool	*sp;
	unsigned	 round, i, r;
	struct model	*m;

	(void)state;
	snprintf(image, sizeof(image), "%s/image", top);
	assert_int_equal(mkdir(image, 0700), 0);
	notes = 0;
	assert_non_null(sp = spool_open(open(top, O_RDONLY | O_DIRECTORY), &o));
	while (spool_work(sp) == 1)
		;
	for (round = 0; round < ROUNDS; round++) {
		for (i = 0; i < 4; i++) {
			m = &models[nmodels];
			*m = (struct model){ .now = ALL, .flushed = ALL };
			assert_int_equal(add(sp, 3000, RCPTS, &m->recno), 0);
			nmodels++;
		}
		flush(sp);
		for (i = 0; i < 3 * RCPTS; i++)
			mark(sp, &models[4 * round + i / RCPTS], i % RCPTS);
		mark(sp, &models[4 * round + 3], below(RCPTS));
		if (round >= LIVE)
			for (r = 0; r < RCPTS; r++)
				mark(sp, &models[4 * (round - LIVE) + 3], r);
		step(sp);
	}
	spool_close(sp);
	print_message("%u crashes, %u batches of copies\n", crashes, copied);
	assert_true(crashes > 100);
	assert_true(copied > 20);
}

/* What is appended and not yet flushed is not copied: it is not on the disk. */
static void
test_not_before_flush(void **state)
{
	struct spool_options	 o = { .segment_size = SEGMENT, .segments = 5,
	    .note = note_cb, .recovered = recovered_cb, .fdatasync = sync_cb };
	struct spool	*sp;
	uint64_t	 r, small, large;
	unsigned	 i;

	(void)state;
	notes = nfound = 0;
	assert_non_null(sp = spool_open(open(top, O_RDONLY | O_DIRECTORY), &o));
	work(sp);
	for (i = 0; i < 4; i++) {
		assert_int_equal(add(sp, 10000, 1, &r), 0);
		done(sp, r, 0);
		assert_int_equal(spool_flush(sp), 0);
	}
	/* The rest of this segment, and the next: the first may be emptied now. */
	assert_int_equal(add(sp, 100, 1, &small), 0);
	assert_int_equal(add(sp, 20000, 1, &large), 0);
	assert_int_equal(stat_of(sp).segments_free, 3);
	for (i = 0; i < 10; i++)
		spool_work(sp);
	assert_int_equal(spool_dirty(sp), 1);
	assert_int_equal(spool_flush(sp), 0);
	work(sp);
	assert_int_equal(stat_of(sp).messages, 2);
	assert_int_equal(stat_of(sp).damaged, 0);
	spool_close(sp);
	sp = open_spool(8);
	assert_true(was_found(small) && was_found(large));
	spool_close(sp);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_not_before_flush),
		T(test_crash_while_copying),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
