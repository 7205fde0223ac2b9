/* SPDX-License-Identifier: ISC */
/*
 * The spool's interface: append, mark, flush, read, and the background work
 * between flushes.  Queue process.
 */
#include <sys/file.h>

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "smtpd/spool_int.h"

#define SEGMENT_SIZE	(8 * 1024 * 1024)
#define SEGMENTS	6
#define SEGMENTS_MAX	4096
#define SEGMENTS_FIRST	4	/* ready before the first message */

void
spool_note(struct spool *sp, const char *fmt, ...)
{
	char	 line[512];
	va_list	 ap;

	if (sp->opt.note == NULL)
		return;
	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	sp->opt.note(sp->opt.arg, line);
}

int
spool_sync(struct spool *sp, int fd)
{
	return sp->opt.fdatasync != NULL ? sp->opt.fdatasync(sp->opt.arg, fd) :
	    fdatasync(fd);
}

ssize_t
spool_pwrite(struct spool *sp, int fd, const void *p, size_t n, off_t at)
{
	return sp->opt.pwrite != NULL ? sp->opt.pwrite(sp->opt.arg, fd, p, n,
	    at) : pwrite(fd, p, n, at);
}

int64_t
spool_now(const struct spool *sp)
{
	struct timespec	 t;

	if (sp->opt.now != NULL)
		return sp->opt.now(sp->opt.arg);
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec;
}

int
spool_grow(void *array, size_t n, size_t *size, size_t each)
{
	size_t	 want = *size == 0 ? 64 : 2 * *size;
	void	*p;

	if (n < *size)
		return 0;
	memcpy(&p, array, sizeof(p));
	if ((p = realloc(p, want * each)) == NULL)
		return -1;
	memcpy(array, &p, sizeof(p));
	*size = want;
	return 0;
}

char *
spool_scratch(struct spool *sp, size_t n)
{
	char	*p;

	if (n > sp->scratch_size) {
		if ((p = realloc(sp->scratch, n)) == NULL)
			return NULL;
		sp->scratch = p;
		sp->scratch_size = n;
	}
	return sp->scratch;
}

/* -- open and close -- */

static bool
no_room(int error)
{
	return error == ENOSPC || error == EDQUOT;
}

/*
 * As many segments as there should be, and enough of them ready to begin.  On
 * a full disk those that are there must do: what they hold can be delivered.
 */
static int
prepare(struct spool *sp)
{
	while (sp->nsegs < sp->opt.segments || segment_count(sp, SEG_FREE) +
	    segment_count(sp, SEG_RAW) < SEGMENTS_FIRST)
		if (segment_new(sp, segment_slot(sp)) == NULL)
			return no_room(errno) ? 0 : -1;
	while (segment_count(sp, SEG_FREE) < SEGMENTS_FIRST)
		if (segment_prepare(sp, false) == -1)
			return no_room(errno) ? 0 : -1;
	return 0;
}

static void
defaults(struct spool_options *o)
{
	if (o->segment_size == 0)
		o->segment_size = SEGMENT_SIZE;
	if (o->segments == 0)
		o->segments = SEGMENTS;
	if (o->segments_max == 0)
		o->segments_max = SEGMENTS_MAX;
}

static void
free_messages(struct spool *sp)
{
	struct live_message	*m;
	size_t		 pos = 0;

	while ((m = u64map_next(&sp->index, &pos)) != NULL)
		free(m);
	u64map_free(&sp->index);
}

static void
spool_free(struct spool *sp)
{
	batch_forget(sp);
	segment_close_all(sp);
	free_messages(sp);
	u64map_free(&sp->bigs);
	if (sp->bigfd != -1)
		close(sp->bigfd);
	if (sp->corruptfd != -1)
		close(sp->corruptfd);
	close(sp->dirfd);
	free(sp->added);
	free(sp->moves);
	free(sp->fates);
	free(sp->voids);
	free(sp->unlinks);
	free(sp->scratch);
	free(sp);
}

struct spool *
spool_open(int dirfd, const struct spool_options *opt)
{
	struct spool	*sp;
	int		 saved;

	if ((sp = calloc(1, sizeof(*sp))) == NULL)
		return NULL;
	sp->opt = *opt;
	defaults(&sp->opt);
	sp->dirfd = dirfd;
	sp->bigfd = sp->corruptfd = -1;
	TAILQ_INIT(&sp->segs);
	STAILQ_INIT(&sp->batches);
	if (sp->opt.segment_size % SPOOL_BLOCK != 0 || sp->opt.segments < 5) {
		errno = EINVAL;
		goto fail;
	}
	/* One queue at a time: the lock is held until the descriptor is closed. */
	if (flock(dirfd, LOCK_EX | LOCK_NB) == -1 || big_open_dirs(sp) == -1 ||
	    scan_all(sp) == -1 || prepare(sp) == -1)
		goto fail;
	sp->tail = segment_tail(sp);
	big_clean(sp);
	return sp;
fail:
	saved = errno;
	spool_free(sp);
	errno = saved;
	return NULL;
}

void
spool_close(struct spool *sp)
{
	size_t	 left;

	do
		left = sp->nfates;
	while (spool_dirty(sp) != 0 && spool_flush(sp) == 0 &&
	    sp->nfates < left);
	spool_free(sp);
}

/* -- messages -- */

static bool
full(const struct spool *sp)
{
	return segment_count(sp, SEG_FREE) < SPOOL_RESERVE &&
	    !segment_can_grow(sp);
}

/*
 * Segments are prepared ahead, a piece a turn.  A burst that fills them faster
 * waits here for a whole one, some 10 ms for every 8 MiB of it, rather than be
 * told 452 while the disk has room; whatever pace was guessed ahead, some
 * burst would be faster.
 */
static int
make_room(struct spool *sp)
{
	while (segment_count(sp, SEG_FREE) < SPOOL_RESERVE)
		if (segment_prepare(sp, true) != 1) {
			errno = ENOSPC;
			return -1;
		}
	return 0;
}

/*
 * What makes room would wait for itself if it had to wait for room: it has half
 * of the current segment, behind which fates have the other.
 */
static bool
fits_still(const struct spool *sp, const struct spool_append *a)
{
	size_t	 n = spool_record_size(a->envelope.n + a->content.n) + SPOOL_BLOCK;

	return a->makes_room && batch_room(sp) >= n + sp->opt.segment_size / 2;
}

/* Copied forward, which is with its states in front, a record must still fit. */
static bool
too_big(const struct spool *sp, const struct spool_append *a)
{
	size_t	 states = a->nrcpt * sizeof(struct spool_disk_rcpt);

	return spool_record_size(states + a->envelope.n + a->content.n) >
	    sp->opt.segment_size / 2;
}

int
spool_append(struct spool *sp, const struct spool_append *a, uint64_t *recno)
{
	struct spool_rechead	 h = { .type = SPOOL_MESSAGE, .nrcpt = a->nrcpt,
	    .recno = sp->recno + 1, .envelope = a->envelope.n, .size = a->size,
	    .big = a->big };
	struct slice		 parts[2] = { a->envelope, a->content };
	struct segment		*seg;
	uint64_t		 offset;

	if (a->nrcpt == 0 || a->nrcpt > SPOOL_NRCPT ||
	    a->content.n != (a->big != 0 ? 0 : a->size)) {
		errno = EINVAL;
		return -1;
	}
	if (too_big(sp, a)) {
		errno = E2BIG;
		return -1;
	}
	if ((make_room(sp) == -1 && !fits_still(sp, a)) || spool_grow(&sp->added, sp->nadded,
	    &sp->added_size, sizeof(*sp->added)) == -1 ||
	    batch_record(sp, &h, parts, 2, &seg, &offset) == -1)
		return -1;
	if (index_add(sp, &h, seg, offset, NULL) == NULL) {
		/* The batch holds its record already, and must not be written. */
		sp->poisoned = true;
		errno = ENOMEM;
		return -1;
	}
	sp->recno++;
	sp->added[sp->nadded++] = *recno = h.recno;
	sp->new_messages = true;
	return 0;
}

static void
gone(struct spool *sp, struct live_message *m)
{
	if (m->big != 0 && spool_grow(&sp->unlinks, sp->nunlinks,
	    &sp->unlinks_size, sizeof(*sp->unlinks)) == 0)
		sp->unlinks[sp->nunlinks++] = m->big;
	index_remove(sp, m);
}

int
spool_mark(struct spool *sp, uint64_t recno, uint32_t i,
    const struct spool_rcpt *state)
{
	struct live_message	*m = index_find(sp, recno);
	struct fate	 f = { recno, i, *state };
	bool		 was;

	if (m == NULL || i >= m->nrcpt) {
		errno = ENOENT;
		return -1;
	}
	if (spool_grow(&sp->fates, sp->nfates, &sp->fates_size,
	    sizeof(*sp->fates)) == -1)
		return -1;
	was = m->rcpt[i].state == SPOOL_WAITING;
	m->rcpt[i] = *state;
	sp->fates[sp->nfates++] = f;
	sp->new_marks = true;
	m->waiting -= was && state->state != SPOOL_WAITING;
	m->waiting += !was && state->state == SPOOL_WAITING;
	if (m->waiting == 0)
		gone(sp, m);
	return 0;
}

int
spool_dirty(const struct spool *sp)
{
	return sp->new_messages ? 1 : sp->new_marks || sp->nvoids > 0 ? 2 : 0;
}

/* -- flush -- */

/* nfates: so many of the fates are durable now. */
static void
flushed(struct spool *sp, size_t nfates)
{
	struct live_message	*m;
	size_t		 i;

	for (i = 0; i < sp->nmoves; i++)
		if ((m = index_find(sp, sp->moves[i].recno)) != NULL)
			index_move(sp, m, sp->moves[i].seg, sp->moves[i].offset,
			    sp->moves[i].length);
	sp->nmoves = sp->nadded = sp->nwritten = sp->nvoids = 0;
	sp->nfates -= nfates;
	if (sp->nfates > 0)
		memmove(sp->fates, sp->fates + nfates,
		    sp->nfates * sizeof(*sp->fates));
	else
		big_unlink_flushed(sp);
	sp->new_messages = false;
	sp->new_marks = sp->nfates > 0;
	sp->durable = sp->settled = sp->batch;
	sp->flushed_tail = sp->written_tail;
	segment_release(sp);
	sp->tail = segment_tail(sp);
}

/* written: not only collected, so that their segments are not to be trusted. */
static void
not_flushed(struct spool *sp, bool written)
{
	struct live_message	*m;
	size_t		 i;

	for (i = 0; i < sp->nadded; i++)
		if ((m = index_find(sp, sp->added[i])) != NULL)
			index_remove(sp, m);
	sp->nmoves = sp->nadded = 0;
	sp->new_messages = false;
	spool_note(sp, "flush failed: %s; the segment takes no more records",
	    strerror(errno));
	if (written) {
		batch_failed(sp);
		sp->nwritten = 0;
		sp->written_tail = sp->flushed_tail;
	}
	batch_void(sp);
	batch_forget(sp);
	sp->poisoned = false;
}

/*
 * The fates that are not in the log yet; those that have no room wait until
 * others have freed some.  Without new messages the tail may pass those whose
 * fate stands here: all that came of it, as a bounce, is durable.
 */
static ssize_t
put_fates(struct spool *sp)
{
	size_t	 n = sp->nfates - sp->nwritten, room, i;

	if (sp->nadded == 0)
		sp->tail = segment_tail(sp);
	while ((room = batch_fate_room(sp)) < n && sp->nadded == 0 &&
	    segment_prepare(sp, true) == 1)
		;
	if (n > room)
		n = room;
	for (i = sp->nwritten; i < sp->nwritten + n; i++)
		if (batch_fate(sp, &sp->fates[i]) == -1) {
			if (errno == ENOSPC)	/* what is void took its room */
				break;
			return -1;
		}
	return (ssize_t)i;
}

/* Fates stand behind the messages: one of this batch may be among them. */
static ssize_t
collect(struct spool *sp)
{
	if (sp->poisoned) {
		errno = ENOMEM;
		return -1;
	}
	while (batch_without_records(sp) == -1)
		if (errno != ENOSPC || segment_prepare(sp, true) != 1)
			return -1;
	return put_fates(sp);
}

int
spool_write(struct spool *sp)
{
	ssize_t	 n;
	int	 error;

	if (sp->nwritten == sp->nfates)
		return 0;
	if (!STAILQ_EMPTY(&sp->batches))
		return 1;
	if ((n = put_fates(sp)) != -1 && batch_write(sp, false) == 0) {
		batch_forget(sp);
		sp->nwritten = (size_t)n;
		return sp->nwritten < sp->nfates;
	}
	error = errno;
	not_flushed(sp, n != -1);
	errno = error;
	return -1;
}

int
spool_flush(struct spool *sp)
{
	ssize_t	 n;
	int	 error;

	if ((n = collect(sp)) != -1 && batch_write(sp, true) == 0) {
		batch_forget(sp);
		flushed(sp, (size_t)n);
		return 0;
	}
	error = errno;
	not_flushed(sp, n != -1);
	/* Said at once: a crash must not deliver what a client was told to keep. */
	if (!sp->voiding) {
		sp->voiding = true;
		spool_flush(sp);
		sp->voiding = false;
	}
	errno = error;
	return -1;
}

/* -- reading -- */

ssize_t
spool_read(struct spool *sp, uint64_t recno, size_t offset, void *buf, size_t n)
{
	struct live_message	*m = index_find(sp, recno);
	char		*data;
	size_t		 skip;
	ssize_t		 r;

	if (m == NULL) {
		errno = ENOENT;
		return -1;
	}
	if (offset >= m->size)
		return 0;
	if (n > m->size - offset)
		n = m->size - offset;
	if (m->big != 0) {
		r = big_read(sp, m->big, offset, buf, n);
		if (r == 0 && n > 0) {
			errno = EBADMSG;	/* the file is shorter than it was */
			return -1;
		}
		return r;
	}
	if (scan_read_record(sp, m, &data) == -1)
		return -1;
	skip = m->length - m->size;
	memcpy(buf, data + skip + offset, n);
	return n;
}

ssize_t
spool_envelope(struct spool *sp, uint64_t recno, char **buf)
{
	struct live_message	*m = index_find(sp, recno);
	char		*data;
	size_t		 skip;

	if (m == NULL) {
		errno = ENOENT;
		return -1;
	}
	if (scan_read_record(sp, m, &data) == -1 ||
	    (*buf = malloc(m->envelope + 1)) == NULL)
		return -1;
	skip = m->states ? m->nrcpt * sizeof(struct spool_disk_rcpt) : 0;
	memcpy(*buf, data + skip, m->envelope);
	(*buf)[m->envelope] = '\0';
	return m->envelope;
}

/* -- background work -- */

int
spool_work(struct spool *sp)
{
	struct use	 use;
	bool		 bad, low, grows;

	if (segment_prepare(sp, false) == 1 || index_tell_late(sp) == 1)
		return 1;
	bad = segment_count(sp, SEG_BAD) > 0;
	low = segment_count(sp, SEG_FREE) <= SPOOL_RESERVE + 1;
	if (!bad && !low)
		return 0;
	if (segment_tail(sp) > sp->flushed_tail) {
		/*
		 * The tail moved and nothing was flushed since to say so.  By
		 * fates that are not, it moves with their flush.
		 */
		if (sp->nfates == 0)
			sp->tail = segment_tail(sp);
		sp->new_marks = true;
		return 1;
	}
	/* Where more than half is live, copying helps less than another segment. */
	use = copy_use(sp);
	grows = sp->nsegs < sp->opt.segments_max;
	if (low && grows && use.live > use.used / 2 &&
	    segment_prepare(sp, true) == 1)
		return 1;
	grows &= sp->prepare_at == 0;
	/* Without room for one, copying must gain one, or it would never end. */
	if (!grows && !bad && !copy_gains(sp))
		return 0;
	return copy_oldest(sp);
}

void
spool_stat(const struct spool *sp, struct spool_stat *out)
{
	*out = sp->stat;
	out->segments = sp->nsegs;
	out->segments_free = segment_count(sp, SEG_FREE);
	out->full = full(sp);
}
