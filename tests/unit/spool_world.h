/* SPDX-License-Identifier: ISC */
#ifndef TESTS_UNIT_SPOOL_WORLD_H
#define TESTS_UNIT_SPOOL_WORLD_H

/*
 * Around the spool: a directory, a clock and a disk that fails when it is
 * told to.  For spool_*_test.c; what one of them has no use for is inline.
 */
#include <sys/stat.h>
#include <sys/types.h>

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
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

#define SEGMENT	(64 * 1024)
#define BLOCK	4096
#define MANY	4096

static char	 top[64];		/* the spool's directory */
static char	 body[128 * 1024];
static int	 failing;		/* so many syncs fail */
static bool	 no_room;		/* for another segment: no zeros can be written */
static bool	 dies, dead;		/* with the next failure; nothing can be written */
static int64_t	 mono;			/* the clock */
static unsigned	 writes, syncs;		/* of the segments */
static size_t	 written;		/* bytes of batches */
static unsigned	 notes, nfound;
static char	 last_note[512];
static struct found {			/* what recovery told */
	uint64_t	 recno;
	uint32_t	 nrcpt, waiting;
} found[MANY];

static uint32_t	 rnd;			/* the same in each run */

static inline uint32_t
below(uint32_t n)
{
	rnd = rnd * 1103515245 + 12345;
	return (rnd >> 8) % n;
}

/* -- what the spool calls -- */

static void
note_cb(void *arg, const char *line)
{
	(void)arg;
	snprintf(last_note, sizeof(last_note), "%s", line);
	notes++;
}

static void
recovered_cb(void *arg, const struct spool_message *m)
{
	uint32_t	 i, waiting = 0;

	(void)arg;
	assert_true(nfound < MANY);
	assert_memory_equal(m->envelope.p, "env", 3);
	for (i = 0; i < m->nrcpt; i++)
		waiting += m->rcpt[i].state == SPOOL_WAITING;
	found[nfound++] = (struct found){ m->recno, m->nrcpt, waiting };
}

static int
sync_cb(void *arg, int fd)
{
	(void)arg;
	(void)fd;
	syncs++;
	if (failing == 0)
		return 0;
	failing--;
	dead = dies;
	errno = EIO;
	return -1;
}

static ssize_t
pwrite_cb(void *arg, int fd, const void *p, size_t n, off_t at)
{
	(void)arg;
	if (dead) {
		errno = EIO;
		return -1;
	}
	writes++;
	written += *(const char *)p != 0 ? n : 0;
	if (!no_room || *(const char *)p != 0)
		return pwrite(fd, p, n, at);
	errno = ENOSPC;
	return -1;
}

static int64_t
now_cb(void *arg)
{
	(void)arg;
	return mono;
}

/* -- the spool -- */

static inline struct spool *
open_spool(unsigned most)
{
	struct spool_options	 o = { .segment_size = SEGMENT, .segments = 8,
	    .segments_max = most, .note = note_cb, .recovered = recovered_cb,
	    .fdatasync = sync_cb, .pwrite = pwrite_cb, .now = now_cb };
	struct spool	*sp;
	int		 fd = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	nfound = notes = 0;
	assert_int_not_equal(fd, -1);
	assert_non_null(sp = spool_open(fd, &o));
	return sp;
}

static inline struct spool_stat
stat_of(const struct spool *sp)
{
	struct spool_stat	 st;

	spool_stat(sp, &st);
	return st;
}

static inline bool
was_found(uint64_t recno)
{
	unsigned	 i;

	for (i = 0; i < nfound; i++)
		if (found[i].recno == recno)
			return true;
	return false;
}

static inline int
add(struct spool *sp, size_t n, uint32_t nrcpt, uint64_t *recno)
{
	struct spool_append	 a = { .envelope = slice_make("env", 3),
	    .content = slice_make(body, n), .size = n, .nrcpt = nrcpt };

	return spool_append(sp, &a, recno);
}

static inline void
done(struct spool *sp, uint64_t recno, uint32_t i)
{
	struct spool_rcpt	 r = { .state = SPOOL_DONE };

	assert_int_equal(spool_mark(sp, recno, i, &r), 0);
}

/* Ends it as a kill does: nothing more is written. */
static inline void
kill_spool(struct spool *sp)
{
	dead = true;
	spool_close(sp);
	dead = false;
}

/* A turn of the queue's background work; 1: more is waiting. */
static inline int
work_once(struct spool *sp)
{
	if (spool_work(sp) != 1)
		return 0;
	if (spool_dirty(sp) == 2)
		assert_int_equal(spool_flush(sp), 0);
	return 1;
}

/* All of it; it has to end. */
static inline void
work(struct spool *sp)
{
	unsigned	 i;

	for (i = 0; work_once(sp) == 1; i++)
		assert_true(i < 1000);
}

/* -- its files -- */

static inline void
segment_io(unsigned slot, bool writing, char *buf)
{
	char	 path[96];
	int	 fd;

	snprintf(path, sizeof(path), "%s/segment.%04u", top, slot);
	assert_int_not_equal(fd = open(path, O_RDWR), -1);
	if (writing)
		assert_int_equal(pwrite(fd, buf, SEGMENT, 0), SEGMENT);
	else
		assert_int_equal(pread(fd, buf, SEGMENT, 0), SEGMENT);
	close(fd);
}

static int
setup(void **state)
{
	size_t	 i;

	(void)state;
	failing = 0;
	no_room = dies = dead = false;
	rnd = 1;
	mono = 1000;
	for (i = 0; i < sizeof(body); i++)
		body[i] = 'a' + i % 23;
	snprintf(top, sizeof(top), "/tmp/spool_test.XXXXXX");
	return mkdtemp(top) == NULL ? -1 : 0;
}

static int
remove_cb(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

static int
teardown(void **state)
{
	(void)state;
	return nftw(top, remove_cb, 8, FTW_DEPTH | FTW_PHYS);
}

#define T(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)

#endif
