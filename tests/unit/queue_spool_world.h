/* SPDX-License-Identifier: ISC */
#ifndef TESTS_UNIT_QUEUE_SPOOL_WORLD_H
#define TESTS_UNIT_QUEUE_SPOOL_WORLD_H

/*
 * A spool that fails as the test says, and counts.  For queue_commit_world.h.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/nitems.h"
#include "smtpd/queue.h"
#include "smtpd/spool.h"

static struct disk {
	int		 append_error, flush_error, write_error, full;
	int		 flushes, appended;	/* since the last flush */
	int		 dirty;
	int		 bigs, ended;		/* there are, and finished */
	size_t		 content;		/* bytes of the last append */
	uint32_t	 nrcpt;
	uint64_t	 recno;
} disk;
static char	 dummy;

#define HEAD(msgid)	"msgid: " msgid "\nsession: 0000000000000002\n" \
			"arrival: 99999999999\nsize: 4\n" \
			"big: 0000000000000000\nsender: s\nhelo: h\nsrc: c\n"
#define ENV(evpid)	"evpid: " evpid "\nttl: 5\naction: a\nuser: alice\n" \
			"rcpt: r\ndest: d\n"

/* What the spool has when it is opened. */
static const struct {
	const char	*text;
	uint32_t	 nrcpt;
	struct spool_rcpt rcpt[2];
} records[] = {
	{ HEAD("00000001") ENV("0000000100000001") ENV("0000000100000002"), 2,
	    { { SPOOL_DONE, 1, 0 }, { SPOOL_WAITING, 3, INT64_MAX } } },
	{ HEAD("00000001") ENV("0000000100000003"), 1,	/* msgid is taken */
	    { { SPOOL_WAITING, 0, 0 } } },
	{ HEAD("00000002") ENV("0000000200000001"), 2,	/* other number */
	    { { SPOOL_WAITING, 0, 0 }, { SPOOL_WAITING, 0, 0 } } },
	{ "something else\n", 1, { { SPOOL_WAITING, 0, 0 } } },
};

struct spool *
spool_open(int fd, const struct spool_options *opt)
{
	struct spool_message	 sm;
	size_t			 i;

	close(fd);
	for (i = 0; i < nitems(records); i++) {
		sm = (struct spool_message){ .recno = i + 1, .size = 4,
		    .envelope = slice_str(records[i].text),
		    .nrcpt = records[i].nrcpt, .rcpt = records[i].rcpt };
		opt->recovered(opt->arg, &sm);
	}
	return (struct spool *)&dummy;
}

void
spool_close(struct spool *sp)
{
	assert_ptr_equal(sp, &dummy);
}

int
spool_append(struct spool *sp, const struct spool_append *a, uint64_t *recno)
{
	struct message	*m;

	(void)sp;
	if (disk.append_error != 0) {
		errno = disk.append_error;
		return -1;
	}
	assert_int_equal(a->big != 0, a->content.n == 0);
	if (a->big != 0)
		assert_int_equal(disk.ended, 1);
	m = envelope_decode(a->envelope);
	assert_non_null(m);
	assert_int_equal(m->n, a->nrcpt);
	message_free(m);
	disk.appended++;
	disk.content = a->content.n;
	disk.nrcpt = a->nrcpt;
	*recno = ++disk.recno;
	return 0;
}

int
spool_flush(struct spool *sp)
{
	(void)sp;
	disk.flushes++;
	disk.appended = 0;
	if (disk.flush_error == 0)
		disk.dirty = 0;
	errno = disk.flush_error;
	return disk.flush_error != 0 ? -1 : 0;
}

int
spool_write(struct spool *sp)
{
	(void)sp;
	return 0;
}

int
spool_big_begin(struct spool *sp, uint64_t *big)
{
	(void)sp;
	disk.bigs++;
	*big = 7;
	return 0;
}

int
spool_big_write(struct spool *sp, uint64_t big, const void *p, size_t n)
{
	(void)sp;
	(void)p;
	(void)n;
	assert_int_equal(big, 7);
	errno = disk.write_error;
	return disk.write_error != 0 ? -1 : 0;
}

int
spool_big_end(struct spool *sp, uint64_t big)
{
	(void)sp;
	assert_int_equal(big, 7);
	disk.ended++;
	return 0;
}

void
spool_big_drop(struct spool *sp, uint64_t big)
{
	(void)sp;
	assert_int_equal(big, 7);
	disk.bigs--;
}

void
spool_stat(const struct spool *sp, struct spool_stat *st)
{
	(void)sp;
	*st = (struct spool_stat){ .full = disk.full };
}

int
spool_work(struct spool *sp)
{
	(void)sp;
	return 0;
}

int
spool_dirty(const struct spool *sp)
{
	(void)sp;
	return disk.appended > 0 ? 1 : disk.dirty;
}

#endif
