/* SPDX-License-Identifier: ISC */
/*
 * Segments: files written full of zeros once, ahead of need, then used and
 * used again, oldest first.  Spool of the queue process.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "smtpd/spool_int.h"

#define AHEAD		4	/* segments */
#define PREPARE_AGAIN	60	/* seconds after a try that failed */

void
segment_name(unsigned slot, char name[SEGMENT_NAME])
{
	snprintf(name, SEGMENT_NAME, "segment.%04u", slot);
}

bool
segment_is(const char *name, unsigned *slot)
{
	char	 want[SEGMENT_NAME];

	if (sscanf(name, "segment.%u", slot) != 1 || *slot >= SPOOL_SLOTS)
		return false;
	segment_name(*slot, want);
	return strcmp(name, want) == 0;
}

unsigned
segment_slot(const struct spool *sp)
{
	const struct segment	*seg;
	unsigned		 slot = 0;

	do {
		TAILQ_FOREACH(seg, &sp->segs, entry)
			if (seg->slot == slot)
				break;
	} while (seg != NULL && ++slot < SPOOL_SLOTS);
	return slot;
}

static bool
segment_headed(const struct segment *seg)
{
	uint64_t	 magic;

	return pread(seg->fd, &magic, sizeof(magic), 0) == sizeof(magic) &&
	    magic == SPOOL_MAGIC;
}

struct segment *
segment_new(struct spool *sp, unsigned slot)
{
	struct segment	*seg;
	char		 name[SEGMENT_NAME];
	off_t		 size;

	if (slot >= SPOOL_SLOTS) {
		errno = ENOSPC;
		return NULL;
	}
	if ((seg = calloc(1, sizeof(*seg))) == NULL)
		return NULL;
	segment_name(slot, name);
	seg->fd = openat(sp->dirfd, name,
	    O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (seg->fd == -1 || (size = lseek(seg->fd, 0, SEEK_END)) == -1) {
		if (seg->fd != -1)
			close(seg->fd);
		free(seg);
		return NULL;
	}
	seg->slot = slot;
	LIST_INIT(&seg->messages);
	/* Short and without a head: its writing was cut short, and begins anew. */
	seg->state = (size_t)size == sp->opt.segment_size ||
	    segment_headed(seg) ? SEG_FREE : SEG_RAW;
	TAILQ_INSERT_TAIL(&sp->segs, seg, entry);
	sp->nsegs++;
	return seg;
}

/* 1: not done yet. */
static int
segment_work(struct spool *sp, struct segment *seg)
{
	static const char	 zeros[65536];
	size_t			 end = seg->zeroed + SPOOL_PIECE, n;
	ssize_t			 w;

	if (end > sp->opt.segment_size)
		end = sp->opt.segment_size;
	while (seg->zeroed < end) {
		n = end - seg->zeroed < sizeof(zeros) ? end - seg->zeroed :
		    sizeof(zeros);
		w = spool_pwrite(sp, seg->fd, zeros, n, seg->zeroed);
		if (w != (ssize_t)n) {
			if (w >= 0)
				errno = ENOSPC;
			return -1;
		}
		seg->zeroed += n;
	}
	if (seg->zeroed < sp->opt.segment_size)
		return 1;
	if (fsync(seg->fd) == -1 || fsync(sp->dirfd) == -1) {
		seg->zeroed = 0;	/* the next one would say ok for nothing */
		return -1;
	}
	seg->state = SEG_FREE;
	return 0;
}

static struct segment *
first_in(const struct spool *sp, enum seg_state state)
{
	struct segment	*seg;

	TAILQ_FOREACH(seg, &sp->segs, entry)
		if (seg->state == state)
			break;
	return seg;
}

bool
segment_can_grow(const struct spool *sp)
{
	return sp->prepare_at == 0 && (sp->nsegs < sp->opt.segments_max ||
	    first_in(sp, SEG_RAW) != NULL);
}

int
segment_prepare(struct spool *sp, bool grow)
{
	struct segment	*seg = first_in(sp, SEG_RAW);
	bool		 again = sp->prepare_at != 0;

	if (seg == NULL && (!grow || sp->nsegs >= sp->opt.segments_max))
		return 0;
	if (again && spool_now(sp) < sp->prepare_at) {
		errno = ENOSPC;
		return -1;
	}
	if ((seg == NULL && (seg = segment_new(sp, segment_slot(sp))) == NULL) ||
	    segment_work(sp, seg) == -1) {
		sp->prepare_at = spool_now(sp) + PREPARE_AGAIN;
		if (!again)
			spool_note(sp, "no room for another segment: %s; tried again each minute",
			    strerror(errno));
		return -1;
	}
	sp->prepare_at = 0;
	return 1;
}

unsigned
segment_count(const struct spool *sp, enum seg_state state)
{
	const struct segment	*seg;
	unsigned		 n = 0;

	TAILQ_FOREACH(seg, &sp->segs, entry)
		n += seg->state == state;
	return n;
}

/* Keeps the list by life, with those that have none at its end. */
void
segment_order(struct spool *sp, struct segment *seg)
{
	struct segment	*other;

	TAILQ_REMOVE(&sp->segs, seg, entry);
	TAILQ_FOREACH(other, &sp->segs, entry)
		if (other->state == SEG_FREE || other->state == SEG_RAW ||
		    other->life > seg->life) {
			TAILQ_INSERT_BEFORE(other, seg, entry);
			return;
		}
	TAILQ_INSERT_TAIL(&sp->segs, seg, entry);
}

struct segment *
segment_take(struct spool *sp)
{
	struct segment	*seg = first_in(sp, SEG_FREE);

	if (seg == NULL) {
		errno = ENOSPC;
		return NULL;
	}
	seg->state = SEG_LIVE;
	seg->life = ++sp->life;
	seg->used = SPOOL_BLOCK;
	seg->live = 0;
	seg->tries = 0;
	seg->copy_at = 0;
	seg->headed = seg->good = seg->unsynced = false;
	arc4random_buf(&seg->key, sizeof(seg->key));
	segment_order(sp, seg);
	return seg;
}

/* Written in front of the first batch of a life, by the same pwrite. */
void
segment_head(const struct spool *sp, const struct segment *seg,
    char block[SPOOL_BLOCK])
{
	struct spool_seghead	 h = { SPOOL_MAGIC, sp->opt.segment_size,
	    seg->life, seg->key, 0 };

	h.hash = spool_hash(&h.key, h.life, 0, &h, offsetof(struct spool_seghead,
	    hash), NULL, 0);
	memset(block, 0, SPOOL_BLOCK);
	memcpy(block, &h, sizeof(h));
}

/* The oldest life that still holds a live message; else the current one. */
uint64_t
segment_tail(const struct spool *sp)
{
	const struct segment	*seg;

	TAILQ_FOREACH(seg, &sp->segs, entry)
		if ((seg->state == SEG_LIVE || seg->state == SEG_BAD) &&
		    (!LIST_EMPTY(&seg->messages) || seg == sp->current))
			return seg->life;
	return sp->life;
}

void
segment_release(struct spool *sp)
{
	struct segment	*seg, *next;

	TAILQ_FOREACH_SAFE(seg, &sp->segs, entry, next) {
		if (seg->state != SEG_LIVE && seg->state != SEG_BAD)
			break;
		if (seg->life >= sp->flushed_tail || seg == sp->current ||
		    !LIST_EMPTY(&seg->messages))
			break;
		seg->state = SEG_FREE;
		TAILQ_REMOVE(&sp->segs, seg, entry);
		TAILQ_INSERT_TAIL(&sp->segs, seg, entry);
	}
}

/* A flush failed: what it holds was never acknowledged, or survives until it has moved. */
void
segment_failed(struct spool *sp, struct segment *seg)
{
	seg->unsynced = false;
	if (seg->good || !LIST_EMPTY(&seg->messages)) {
		seg->state = SEG_BAD;
		return;
	}
	seg->state = SEG_FREE;
	TAILQ_REMOVE(&sp->segs, seg, entry);
	TAILQ_INSERT_TAIL(&sp->segs, seg, entry);
}

void
segment_close_all(struct spool *sp)
{
	struct segment	*seg;

	while ((seg = TAILQ_FIRST(&sp->segs)) != NULL) {
		TAILQ_REMOVE(&sp->segs, seg, entry);
		close(seg->fd);
		free(seg);
	}
}

/* The disk reads the next ones while this one is looked at. */
void
segment_read_ahead(const struct segment *seg)
{
	int	 n;

	for (n = 0; n < AHEAD && (seg = TAILQ_NEXT(seg, entry)) != NULL; n++)
		posix_fadvise(seg->fd, 0, 0, POSIX_FADV_WILLNEED);
}
