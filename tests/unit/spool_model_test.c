/* SPDX-License-Identifier: ISC */
/* objects: smtpd/spool.o smtpd/spool_batch.o smtpd/spool_big.o smtpd/spool_copy.o smtpd/spool_corrupt.o smtpd/spool_dump.o smtpd/spool_hash.o smtpd/spool_index.o smtpd/spool_scan.o smtpd/spool_segment.o */
/*
 * The spool against a model: random operations, crashes in the middle of
 * flushes, failed flushes.  A crash is a kill, after which all is there that
 * was written, or a power cut, which leaves each block that was not synced
 * old, new, or cut at a random byte.  What was acknowledged is there after
 * recovery, with its states and content; what is flushed as done does not come
 * back, nor after a kill what is written as done.
 * SPOOL_SEED repeats a run, SPOOL_STEPS makes it longer.
 */
#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "smtpd/spool.h"

#define SEGMENT		(128 * 1024)
#define BLOCK		4096
#define FILES		64
#define MESSAGES	20000
#define RCPTS		3
#define STATES		8	/* of a recipient between two flushes */

struct model {
	uint64_t	 recno;
	uint32_t	 seed, size, nrcpt;
	bool		 acked;		/* a flush after its append succeeded */
	bool		 live;		/* the spool may hold it */
	struct history {
		struct spool_rcpt	 s[STATES];	/* the flushed one first */
		unsigned		 n, written;	/* as is this one, since then */
	} rcpt[RCPTS];
	bool		 seen;
};

static struct model	 models[MESSAGES];
static size_t		 nmodels;
static char		 dir[256];
static struct spool	*sp;
static uint32_t		 rnd;
static char		*synced[FILES];	/* what the disk surely holds */
static char		*image[FILES];	/* what a crash left on it */
static bool		 crash_at_sync, crashed, killed, fail_at_sync;
static unsigned		 crashes, kills, failures, nwritten;

static uint32_t
below(uint32_t n)
{
	rnd = rnd * 1103515245 + 12345;
	return (rnd >> 8) % n;
}

static void
content(const struct model *m, char *buf)
{
	uint32_t	 i, x = m->seed;

	for (i = 0; i < m->size; i++) {
		x = x * 1664525 + 1013904223;
		buf[i] = (char)(x >> 24);
	}
}

/* -- the disk -- */

static int
file_open(unsigned slot, int flags)
{
	char	 path[300];

	snprintf(path, sizeof(path), "%s/segment.%04u", dir, slot);
	return open(path, flags);
}

/* Of this file, or of all. */
static void
remember_synced(int only)
{
	struct stat	 want, st;
	unsigned	 i;
	int		 fd;

	assert_true(only == -1 || fstat(only, &want) == 0);
	for (i = 0; i < FILES; i++) {
		if ((fd = file_open(i, O_RDONLY)) == -1)
			continue;
		if (synced[i] == NULL)
			synced[i] = calloc(1, SEGMENT);
		assert_int_equal(fstat(fd, &st), 0);
		if (only == -1 || st.st_ino == want.st_ino) {
			memset(synced[i], 0, SEGMENT);
			assert_true(read(fd, synced[i], SEGMENT) >= 0);
		}
		close(fd);
	}
}

/* A segment as a crash leaves it: now is what was written, old what was synced. */
static void
tear(char *now, const char *old)
{
	size_t	 at, cut;

	for (at = 0; at < SEGMENT; at += BLOCK) {
		switch (below(4)) {
		case 0:			/* the block got there */
			continue;
		case 1:			/* a part of it did; a head is one sector */
			cut = at == 0 ? below(2) * BLOCK : below(BLOCK);
			break;
		default:		/* it did not */
			cut = 0;
		}
		memcpy(now + at + cut, old + at + cut, BLOCK - cut);
	}
}

/* What comes after a crash writes in vain: restart() puts the image back. */
static void
crash(void)
{
	unsigned	 i;
	int		 fd;

	killed = below(2) == 0;
	kills += killed;
	for (i = 0; i < FILES; i++) {
		if (synced[i] == NULL || (fd = file_open(i, O_RDONLY)) == -1)
			continue;
		assert_non_null(image[i] = calloc(1, SEGMENT));
		assert_true(read(fd, image[i], SEGMENT) >= 0);
		close(fd);
		if (!killed)
			tear(image[i], synced[i]);
	}
	crashed = true;
	crashes++;
}

static int
sync_hook(void *arg, int fd)
{
	(void)arg;
	if (crash_at_sync) {
		if (!crashed)
			crash();
		errno = EIO;
		return -1;
	}
	if (fail_at_sync) {
		fail_at_sync = false;
		failures++;
		errno = EIO;
		return -1;
	}
	remember_synced(fd);
	return 0;
}

/* -- recovery -- */

static struct model *
model_of(uint64_t recno)
{
	size_t	 i;

	for (i = nmodels; i-- > 0;)
		if (models[i].recno == recno)
			return &models[i];
	return NULL;
}

static bool
same(const struct spool_rcpt *a, const struct spool_rcpt *b)
{
	return a->state == b->state && a->attempts == b->attempts &&
	    a->next == b->next;
}

/* The first of its states that may be there. */
static unsigned
oldest(const struct history *h)
{
	return killed ? h->written : 0;
}

static bool
possible(const struct history *h, const struct spool_rcpt *r)
{
	unsigned	 i;

	for (i = oldest(h); i < h->n; i++)
		if (same(&h->s[i], r))
			return true;
	return false;
}

static void
recovered(void *arg, const struct spool_message *sm)
{
	struct model	*m = model_of(sm->recno);
	uint32_t	 i;

	(void)arg;
	assert_non_null(m);
	assert_true(m->live);
	assert_int_equal(sm->size, m->size);
	assert_int_equal(sm->nrcpt, m->nrcpt);
	for (i = 0; i < m->nrcpt; i++) {
		assert_true(possible(&m->rcpt[i], &sm->rcpt[i]));
		m->rcpt[i] = (struct history){ .s = { sm->rcpt[i] }, .n = 1 };
	}
	m->seen = true;
}

static void
open_spool(void)
{
	struct spool_options	 opt = { .segment_size = SEGMENT, .segments = 6,
	    .segments_max = FILES - 8, .recovered = recovered,
	    .fdatasync = sync_hook };
	size_t			 i;

	crashed = crash_at_sync = false;
	for (i = 0; i < nmodels; i++)
		models[i].seen = false;
	sp = spool_open(open(dir, O_RDONLY | O_DIRECTORY), &opt);
	assert_non_null(sp);
	remember_synced(-1);
}

/* Is a recipient waiting, whichever of its states counts? */
static bool
surely_waits(const struct model *m)
{
	const struct history	*h;
	uint32_t		 i;
	unsigned		 j;

	for (i = 0; i < m->nrcpt; i++) {
		h = &m->rcpt[i];
		for (j = oldest(h); j < h->n; j++)
			if (h->s[j].state != SPOOL_WAITING)
				break;
		if (j == h->n)
			return true;
	}
	return false;
}

static void
compare(void)
{
	static char	 want[8192], got[8192];
	struct spool_stat st;
	struct model	*m;
	size_t		 i;

	spool_stat(sp, &st);
	assert_int_equal(st.damaged, 0);	/* torn is not damaged */
	for (i = 0; i < nmodels; i++) {
		m = &models[i];
		if (m->live && m->acked && surely_waits(m) && !m->seen)
			fail_msg("record %llu was acknowledged and is gone",
			    (unsigned long long)m->recno);
		m->live = m->seen;
		m->acked = m->seen;
		if (!m->seen)
			continue;
		content(m, want);
		assert_int_equal(spool_read(sp, m->recno, 0, got, sizeof(got)),
		    m->size);
		assert_memory_equal(got, want, m->size);
	}
}

/* A crash, now or in the flush before, and what is found after it. */
static void
restart(void)
{
	unsigned	 i;
	int		 fd;

	if (!crashed)
		crash();
	crash_at_sync = true;
	spool_close(sp);
	for (i = 0; i < FILES; i++) {
		if (image[i] == NULL)
			continue;
		assert_int_not_equal(fd = file_open(i, O_RDWR), -1);
		assert_int_equal(pwrite(fd, image[i], SEGMENT, 0), SEGMENT);
		close(fd);
		free(image[i]);
		image[i] = NULL;
	}
	open_spool();
	compare();
}

/* -- operations -- */

static void
append(void)
{
	static char		 buf[8192];
	struct model		*m = &models[nmodels];
	struct spool_append	 a = { .envelope = SLICE("sender: a\nrcpt: b\n") };
	uint32_t		 i;

	if (nmodels == MESSAGES)
		return;
	*m = (struct model){ .seed = below(1u << 24), .size = 10 + below(6000),
	    .nrcpt = 1 + below(RCPTS), .live = true };
	for (i = 0; i < RCPTS; i++)
		m->rcpt[i].n = 1;
	content(m, buf);
	a.content = slice_make(buf, m->size);
	a.size = m->size;
	a.nrcpt = m->nrcpt;
	if (spool_append(sp, &a, &m->recno) == 0)
		nmodels++;
	else
		assert_int_equal(errno, ENOSPC);
}

/* What is marked is in the log now: flushed, or written. */
static void
settle(bool is_flushed)
{
	struct history	*h;
	size_t		 i;
	unsigned	 j;

	for (i = 0; i < nmodels; i++)
		for (j = 0; j < models[i].nrcpt; j++) {
			h = &models[i].rcpt[j];
			h->written = h->n - 1;
			if (is_flushed)
				*h = (struct history){ .s = { h->s[h->n - 1] },
				    .n = 1 };
		}
}

static void
write_marks(void)
{
	int	 r = spool_write(sp);

	assert_int_not_equal(r, -1);
	nwritten += r == 0;
	if (r == 0)
		settle(false);
}

static void
mark(void)
{
	struct model		*m;
	struct history		*h;
	struct spool_rcpt	 r = { .attempts = below(5), .next = below(1000) };
	uint32_t		 i;

	if (nmodels == 0)
		return;
	m = &models[nmodels - 1 - below(nmodels < 60 ? nmodels : 60)];
	i = below(m->nrcpt);
	h = &m->rcpt[i];
	if (!m->live || !m->acked || h->n == STATES ||
	    h->s[h->n - 1].state != SPOOL_WAITING)
		return;
	r.state = below(4) == 0 ? SPOOL_WAITING : SPOOL_DONE;
	assert_int_equal(spool_mark(sp, m->recno, i, &r), 0);
	h->s[h->n++] = r;
	if (below(2) == 0)
		write_marks();
}

static void
flush(void)
{
	size_t	 i;
	int	 r = spool_flush(sp);

	if (crashed) {
		restart();
		return;
	}
	for (i = 0; i < nmodels; i++) {
		if (!models[i].live)
			continue;
		if (r == 0)
			models[i].acked = true;
		else if (!models[i].acked)
			models[i].live = false;	/* it was refused, and voided */
	}
	if (spool_dirty(sp) == 0)
		settle(true);
}

static void
test_model(void **state)
{
	long	 steps = getenv("SPOOL_STEPS") != NULL ?
	    atol(getenv("SPOOL_STEPS")) : 6000;
	long	 i;

	(void)state;
	rnd = getenv("SPOOL_SEED") != NULL ?
	    (uint32_t)strtoul(getenv("SPOOL_SEED"), NULL, 10) : arc4random();
	print_message("SPOOL_SEED=%u SPOOL_STEPS=%ld\n", rnd, steps);
	open_spool();
	for (i = 0; i < steps; i++)
		switch (below(20)) {
		case 0: case 1: case 2: case 3: case 4: case 5: case 6:
			append();
			break;
		case 7: case 8: case 9: case 10: case 11: case 12: case 13:
			mark();
			break;
		case 14: case 15: case 16:
			crash_at_sync = below(25) == 0;
			fail_at_sync = !crash_at_sync && below(25) == 0;
			flush();
			fail_at_sync = crash_at_sync = false;
			break;
		case 17:
			if (below(40) == 0)
				restart();
			else
				write_marks();
			break;
		default:
			spool_work(sp);
			break;
		}
	restart();
	print_message("%zu messages, %u crashes, %u of them kills, %u failed flushes\n",
	    nmodels, crashes, kills, failures);
	assert_true(crashes > 0 && kills > 0 && nwritten > 0);
	crash_at_sync = false;
	spool_close(sp);
}

static int
make_dir(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "%s/spool-model.XXXXXX",
	    getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp");
	return mkdtemp(dir) == NULL ? -1 : 0;
}

static int
remove_dir(void **state)
{
	static const char *const	 sub[] = { "/big", "/corrupt", "" };
	char				 path[600];
	struct dirent			*d;
	DIR				*dp;
	size_t				 i;

	(void)state;
	for (i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "%s%s", dir, sub[i]);
		if ((dp = opendir(path)) == NULL)
			continue;
		while ((d = readdir(dp)) != NULL)
			if (d->d_name[0] != '.')
				unlinkat(dirfd(dp), d->d_name, 0);
		closedir(dp);
		rmdir(path);
	}
	for (i = 0; i < FILES; i++)
		free(synced[i]);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_model),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
