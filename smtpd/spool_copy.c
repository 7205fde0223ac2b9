/* SPDX-License-Identifier: ISC */
/*
 * Copying forward: the survivors of the oldest segment, so that it can be
 * used again.  Spool of the queue process.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "smtpd/spool_int.h"

#define COPY_AGAIN	60	/* seconds until what could not be read is tried again */
#define COPY_TRIES	5	/* then it is damaged */

struct use
copy_use(const struct spool *sp)
{
	const struct segment	*seg;
	struct use		 u = { 0, 0 };

	TAILQ_FOREACH(seg, &sp->segs, entry)
		if (seg->state == SEG_LIVE || seg->state == SEG_BAD) {
			u.live += seg->live;
			u.used += seg->used;
		}
	return u;
}

bool
copy_gains(const struct spool *sp)
{
	struct use	 use = copy_use(sp);

	return use.used >= use.live + sp->opt.segment_size;
}

/* The record with its merged states in front; bytes of data, -1 on error. */
static ssize_t
copy_one(struct spool *sp, const struct live_message *m)
{
	struct spool_rechead	 h = { .type = SPOOL_MESSAGE, .nrcpt = m->nrcpt,
	    .recno = m->recno, .envelope = m->envelope, .states = 1,
	    .size = m->size, .big = m->big };
	struct spool_disk_rcpt	*states;
	struct slice		 parts[2];
	struct move		 move = { .recno = m->recno };
	char			*data;
	size_t			 skip;
	uint32_t		 i;
	int			 r = -1;

	if (scan_read_record(sp, m, &data) == -1 || spool_grow(&sp->moves,
	    sp->nmoves, &sp->moves_size, sizeof(*sp->moves)) == -1 ||
	    (states = calloc(m->nrcpt, sizeof(*states))) == NULL)
		return -1;
	for (i = 0; i < m->nrcpt; i++)
		states[i] = (struct spool_disk_rcpt){ m->rcpt[i].state,
		    m->rcpt[i].attempts, m->rcpt[i].next };
	skip = m->states ? m->nrcpt * sizeof(*states) : 0;
	parts[0] = slice_make(states, m->nrcpt * sizeof(*states));
	parts[1] = slice_make(data + skip, m->length - skip);
	if (batch_record(sp, &h, parts, 2, &move.seg, &move.offset) == 0) {
		move.length = h.length;
		sp->moves[sp->nmoves++] = move;
		sp->new_marks = true;
		r = 0;
	}
	free(states);
	return r == -1 ? -1 : (ssize_t)h.length;
}

/* What can be read of a record; zeros for the rest. */
static void
keep_record(struct spool *sp, const struct live_message *m)
{
	size_t	 n = spool_record_size(m->length), at, piece;
	char	*p = spool_scratch(sp, n);

	if (p == NULL) {
		sp->stat.damaged++;
		return;
	}
	memset(p, 0, n);
	for (at = 0; at < n; at += piece) {
		piece = SPOOL_BLOCK - (m->offset + at) % SPOOL_BLOCK;
		if (piece > n - at)
			piece = n - at;
		if (pread(m->seg->fd, p + at, piece, m->offset + at) == -1)
			memset(p + at, 0, piece);
	}
	corrupt_keep(sp, m->seg, m->offset, p, n, "damaged record");
}

/* Of a record that cannot be read nothing is left to copy. */
static void
give_up(struct spool *sp, struct live_message *m)
{
	spool_note(sp, "record %llu in segment %u cannot be read, its message is lost",
	    (unsigned long long)m->recno, m->seg->slot);
	keep_record(sp, m);
	if (m->big != 0)
		big_keep(sp, m->big);
	index_remove(sp, m);
}

static struct segment *
next_to_empty(const struct spool *sp)
{
	struct segment	*seg, *oldest = NULL;
	int64_t		 now = spool_now(sp);
	bool		 blocked = false;

	TAILQ_FOREACH(seg, &sp->segs, entry) {
		if (LIST_EMPTY(&seg->messages) || seg == sp->current)
			continue;
		if (seg->copy_at > now) {
			blocked = true;	/* none behind it is free before it is */
			continue;
		}
		if (seg->state == SEG_BAD)
			return seg;
		if (seg->state == SEG_LIVE && oldest == NULL && !blocked)
			oldest = seg;
	}
	return oldest;
}

/* All that can be read has moved: the rest has some minutes, then it is lost. */
static void
wait_for(struct spool *sp, struct segment *seg)
{
	seg->tries++;
	seg->copy_at = spool_now(sp) + COPY_AGAIN;
	if (seg->tries == 1)
		spool_note(sp, "segment %u has records that cannot be read; tried again each minute, %d times",
		    seg->slot, COPY_TRIES);
}

int
copy_oldest(struct spool *sp)
{
	struct segment	*seg = next_to_empty(sp);
	struct live_message	*m, *next;
	size_t		 copied = 0;
	ssize_t		 n;
	bool		 unread = false, lost = false;

	/*
	 * What a batch holds, appended or copied, is not on the disk before it is
	 * flushed; and the last free segment is for fates.
	 */
	if (seg == NULL || !STAILQ_EMPTY(&sp->batches) ||
	    segment_count(sp, SEG_FREE) < 2)
		return 0;
	LIST_FOREACH_SAFE(m, &seg->messages, entry, next) {
		if ((n = copy_one(sp, m)) == -1) {
			/* Any other error may pass: the message stays where it is. */
			if (errno != EBADMSG && errno != EIO)
				break;
			if (errno == EIO && seg->tries < COPY_TRIES)
				unread = true;
			else {
				give_up(sp, m);
				lost = true;
			}
			continue;
		}
		copied += n;
		if (copied >= SPOOL_PIECE)
			break;
	}
	if (unread && copied == 0)
		wait_for(sp, seg);
	return copied > 0 || lost;
}
