/* SPDX-License-Identifier: ISC */
/*
 * Batches: records collected in memory, each batch one pwrite and one
 * fdatasync.  Spool of the queue process.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "smtpd/spool_int.h"

#define HASH_SIZE	sizeof(uint64_t)

size_t
spool_record_size(size_t length)
{
	return sizeof(struct spool_rechead) + length + HASH_SIZE;
}

static size_t
padded(size_t n)
{
	return (n + SPOOL_BLOCK - 1) & ~(size_t)(SPOOL_BLOCK - 1);
}

static int
reserve(struct batch *b, size_t n)
{
	size_t	 size = b->size == 0 ? 64 * 1024 : b->size;
	char	*p;

	while (size < b->front + padded(b->n + n))
		size *= 2;
	if (size == b->size)
		return 0;
	if ((p = realloc(b->buf, size)) == NULL)
		return -1;
	b->buf = p;
	b->size = size;
	return 0;
}

static void
batch_free(struct batch *b)
{
	free(b->buf);
	free(b);
}

static bool
fits(const struct spool *sp, const struct segment *seg, size_t n)
{
	return seg->used + padded(n) <= sp->opt.segment_size;
}

/* A batch at the end of the current segment, or at the start of the next. */
static struct batch *
batch_begin(struct spool *sp, size_t need)
{
	struct batch	*b, *last = STAILQ_LAST(&sp->batches, batch, entry);
	struct segment	*seg = sp->current;

	need += sizeof(struct spool_bathead);
	if (seg == NULL || seg->state != SEG_LIVE || !fits(sp, seg, need) ||
	    (last != NULL && last->seg == seg)) {
		if ((seg = segment_take(sp)) == NULL)
			return NULL;
		sp->current = seg;
	}
	if ((b = calloc(1, sizeof(*b))) == NULL)
		return NULL;
	b->seg = seg;
	b->offset = seg->used;
	b->front = seg->headed ? 0 : SPOOL_BLOCK;
	b->n = sizeof(struct spool_bathead);
	if (reserve(b, need) == -1) {
		batch_free(b);
		return NULL;
	}
	b->number = ++sp->batch;
	STAILQ_INSERT_TAIL(&sp->batches, b, entry);
	return b;
}

size_t
batch_room(const struct spool *sp)
{
	const struct batch	*b = STAILQ_LAST(&sp->batches, batch, entry);
	const struct segment	*seg = sp->current;
	size_t			 used;

	if (seg == NULL || seg->state != SEG_LIVE)
		return 0;
	used = b != NULL && b->seg == seg ? b->offset + b->n :
	    seg->used + sizeof(struct spool_bathead);
	return used < sp->opt.segment_size ? sp->opt.segment_size - used : 0;
}

/*
 * So many fates may be written.  Two segments stay free for copying, where
 * that gains any, and half of one behind new messages, so that there is always
 * a block for the batch that moves the tail.
 */
size_t
batch_fate_room(const struct spool *sp)
{
	size_t	 each = spool_record_size(sizeof(struct spool_disk_rcpt));
	size_t	 whole = (sp->opt.segment_size - SPOOL_BLOCK -
	    sizeof(struct spool_bathead)) / each;
	size_t	 room = batch_room(sp) / each, last = SPOOL_BLOCK / each + 1;
	unsigned unused = segment_count(sp, SEG_FREE);
	unsigned keep = copy_gains(sp) ? SPOOL_RESERVE - 1 : 0;

	if (unused > keep)
		room += (unused - keep) * whole;
	if (sp->nadded > 0 && room > whole / 2)
		return whole / 2;
	if (sp->tail > sp->flushed_tail)
		return room;
	return room > last ? room - last : 0;
}

static int
put_void(struct spool *sp, const struct voids *v)
{
	struct spool_rechead	 h = { .type = SPOOL_VOID, .recno = v->first,
	    .size = v->last };
	struct segment		*seg;
	uint64_t		 offset;

	return batch_record(sp, &h, NULL, 0, &seg, &offset);
}

/* The batch that takes a record of n bytes. */
static struct batch *
batch_for(struct spool *sp, size_t n)
{
	struct batch	*b = STAILQ_LAST(&sp->batches, batch, entry);
	size_t		 i;

	if (b != NULL && b->seg == sp->current && fits(sp, b->seg, b->n + n))
		return b;
	if (b == NULL && sp->nvoids > 0) {
		/* What failed is voided before anything else is said. */
		if (batch_begin(sp, spool_record_size(0)) == NULL)
			return NULL;
		for (i = 0; i < sp->nvoids; i++)
			if (put_void(sp, &sp->voids[i]) == -1)
				return NULL;
		return batch_for(sp, n);
	}
	return batch_begin(sp, n);
}

/*
 * Appends a record whose data is the parts; *seg and *offset tell where it
 * will stand.  -1 with ENOSPC, ENOMEM, or EINVAL if no segment could hold it.
 */
int
batch_record(struct spool *sp, struct spool_rechead *h,
    const struct slice *parts, size_t nparts, struct segment **seg,
    uint64_t *offset)
{
	struct batch	*b;
	size_t		 i, need;
	uint64_t	 hash;
	char		*record, *at;

	h->length = 0;
	for (i = 0; i < nparts; i++)
		h->length += parts[i].n;
	need = spool_record_size(h->length);
	if (need > sp->opt.segment_size / 2) {
		errno = EINVAL;
		return -1;
	}
	if ((b = batch_for(sp, need)) == NULL || reserve(b, need) == -1)
		return -1;
	*seg = b->seg;
	*offset = b->offset + b->n;
	h->hash = spool_hash(&b->seg->key, b->seg->life, *offset, h,
	    offsetof(struct spool_rechead, hash), NULL, 0);
	record = at = b->buf + b->front + b->n;
	memcpy(at, h, sizeof(*h));
	at += sizeof(*h);
	for (i = 0; i < nparts; i++) {
		if (parts[i].n > 0)
			memcpy(at, parts[i].p, parts[i].n);
		at += parts[i].n;
	}
	hash = spool_hash(&b->seg->key, b->seg->life, *offset, record,
	    sizeof(*h) + h->length, NULL, 0);
	memcpy(at, &hash, sizeof(hash));
	b->n += need;
	b->nrecords++;
	return 0;
}

int
batch_fate(struct spool *sp, const struct fate *f)
{
	struct spool_rechead	 h = { .type = SPOOL_FATE, .recno = f->recno,
	    .nrcpt = f->rcpt };
	struct spool_disk_rcpt	 d = { f->state.state, f->state.attempts,
	    f->state.next };
	struct slice		 part = slice_make(&d, sizeof(d));
	struct segment		*seg;
	uint64_t		 offset;

	return batch_record(sp, &h, &part, 1, &seg, &offset);
}

static int
write_one(struct spool *sp, struct batch *b, uint64_t tail,
    uint64_t durable)
{
	struct spool_bathead	 h = { SPOOL_MAGIC, b->seg->life, b->number,
	    tail, durable, b->n, b->nrecords, 0 };
	char			*batch = b->buf + b->front;
	size_t			 n = padded(b->n);
	ssize_t			 w;

	h.hash = spool_hash(&b->seg->key, h.life, b->offset, &h,
	    offsetof(struct spool_bathead, hash), NULL, 0);
	memcpy(batch, &h, sizeof(h));
	memset(batch + b->n, 0, n - b->n);
	b->seg->used = b->offset + n;
	if (b->front > 0)
		segment_head(sp, b->seg, b->buf);
	n += b->front;
	w = spool_pwrite(sp, b->seg->fd, b->buf, n, b->offset - b->front);
	if (w != (ssize_t)n) {
		if (w >= 0)
			errno = ENOSPC;
		return -1;
	}
	b->seg->headed = b->seg->unsynced = true;
	sp->written_tail = tail;
	return 0;
}

static int
sync_written(struct spool *sp)
{
	struct segment	*seg;

	sp->stat.flushes++;
	TAILQ_FOREACH(seg, &sp->segs, entry) {
		if (!seg->unsynced)
			continue;
		if (spool_sync(sp, seg->fd) == -1)
			return -1;
		seg->unsynced = false;
	}
	return 0;
}

int
batch_void_range(struct spool *sp, uint64_t first, uint64_t last)
{
	/* However often a flush fails, its batches follow those that failed before. */
	if (sp->nvoids > 0 && sp->voids[sp->nvoids - 1].last + 1 == first) {
		sp->voids[sp->nvoids - 1].last = last;
		return 0;
	}
	if (spool_grow(&sp->voids, sp->nvoids, &sp->voids_size,
	    sizeof(*sp->voids)) == -1)
		return -1;
	sp->voids[sp->nvoids++] = (struct voids){ first, last };
	return 0;
}

void
batch_void(struct spool *sp)
{
	if (sp->batch > sp->settled &&
	    batch_void_range(sp, sp->settled + 1, sp->batch) == 0)
		sp->settled = sp->batch;
}

/*
 * Without a record there may still be something to say: what failed is void,
 * or the tail has moved, which frees nothing before it is durable.
 */
int
batch_without_records(struct spool *sp)
{
	if (!STAILQ_EMPTY(&sp->batches) ||
	    (sp->nvoids == 0 && sp->tail <= sp->written_tail))
		return 0;
	return batch_for(sp, 0) == NULL ? -1 : 0;
}

void
batch_failed(struct spool *sp)
{
	struct segment	*seg, *next;
	struct batch	*b;

	STAILQ_FOREACH(b, &sp->batches, entry)
		segment_failed(sp, b->seg);
	TAILQ_FOREACH_SAFE(seg, &sp->segs, entry, next)
		if (seg->unsynced)
			segment_failed(sp, seg);
	sp->current = NULL;
}

int
batch_write(struct spool *sp, bool sync)
{
	struct segment	*seg;
	struct batch	*b;
	uint64_t	 durable = sp->durable, tail;

	STAILQ_FOREACH(b, &sp->batches, entry) {
		/* It may pass fates that stand in any of them once more. */
		tail = STAILQ_NEXT(b, entry) == NULL ? sp->tail :
		    sp->written_tail;
		if (write_one(sp, b, tail, durable) == -1 ||
		    (sync && sync_written(sp) == -1))
			goto fail;
		if (sync)
			durable = b->number;
	}
	if (!sync)
		return 0;
	if (STAILQ_EMPTY(&sp->batches) && sync_written(sp) == -1)
		goto fail;
	TAILQ_FOREACH(seg, &sp->segs, entry)
		seg->good = seg->headed;
	return 0;
fail:
	sp->stat.flush_errors++;
	return -1;
}

void
batch_forget(struct spool *sp)
{
	struct batch	*b;

	while ((b = STAILQ_FIRST(&sp->batches)) != NULL) {
		STAILQ_REMOVE_HEAD(&sp->batches, entry);
		batch_free(b);
	}
}
