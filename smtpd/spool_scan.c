/* SPDX-License-Identifier: ISC */
/*
 * Recovery: segments are read, batches put in order, records applied; what is
 * torn is dropped, what is damaged is kept aside.  Spool of the queue process.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "smtpd/spool_int.h"

#define RECNO_SKIP	65536	/* numbers that torn records may have had */

struct found {			/* a batch whose head is in order */
	struct segment	*seg;
	uint64_t	 number;
	size_t		 offset, length;
	size_t		 hole;		/* bytes before it where one should be */
	bool		 messages;	/* not only fates */
	bool		 torn;
};

struct scan {
	struct spool	*sp;
	struct found	*batch;
	size_t		 n, size;
	struct voids	*voids;
	size_t		 nvoids, voids_size;
	uint64_t	 tail, durable;	/* the highest that a batch names */
	char		*data;		/* of the segment that is loaded */
	struct segment	*loaded;
};

/* A segment into memory; blocks that cannot be read are zeros, and so damaged. */
static void
load(struct scan *sc, struct segment *seg)
{
	size_t	 got = 0, size = sc->sp->opt.segment_size;
	ssize_t	 n;

	if (sc->loaded == seg)
		return;
	while (got < size) {
		n = pread(seg->fd, sc->data + got, size - got, got);
		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0) {
			spool_note(sc->sp, "segment %u, offset %zu: read: %s",
			    seg->slot, got, n == 0 ? "end of file" :
			    strerror(errno));
			n = SPOOL_BLOCK - got % SPOOL_BLOCK;
			memset(sc->data + got, 0, n);
		}
		got += n;
	}
	sc->loaded = seg;
}

/* -- what is in order -- */

static bool
read_seghead(struct spool *sp, struct segment *seg)
{
	struct spool_seghead	 h;

	if (pread(seg->fd, &h, sizeof(h), 0) != sizeof(h) ||
	    h.magic != SPOOL_MAGIC || h.size != sp->opt.segment_size ||
	    h.hash != spool_hash(&h.key, h.life, 0, &h,
	    offsetof(struct spool_seghead, hash), NULL, 0))
		return false;
	seg->life = h.life;
	seg->key = h.key;
	return true;
}

static bool
read_bathead(const struct scan *sc, const struct segment *seg, size_t offset,
    struct spool_bathead *h)
{
	memcpy(h, sc->data + offset, sizeof(*h));
	return h->magic == SPOOL_MAGIC && h->life == seg->life &&
	    h->length >= sizeof(*h) &&
	    h->length <= sc->sp->opt.segment_size - offset &&
	    h->hash == spool_hash(&seg->key, h->life, offset, h,
	    offsetof(struct spool_bathead, hash), NULL, 0);
}

/* The head of a record at offset, of a batch that ends at end. */
static bool
read_rechead(const struct scan *sc, const struct segment *seg, size_t offset,
    size_t end, struct spool_rechead *h)
{
	size_t	 fixed = 0;

	if (end - offset < spool_record_size(0))
		return false;
	memcpy(h, sc->data + offset, sizeof(*h));
	if (h->hash != spool_hash(&seg->key, seg->life, offset, h,
	    offsetof(struct spool_rechead, hash), NULL, 0) ||
	    h->length > end - offset - spool_record_size(0))
		return false;
	if (h->type != SPOOL_MESSAGE)
		return h->type == SPOOL_VOID || (h->type == SPOOL_FATE &&
		    h->length == sizeof(struct spool_disk_rcpt));
	if (h->nrcpt == 0 || h->nrcpt > SPOOL_NRCPT)
		return false;
	fixed = h->envelope;
	if (h->states)
		fixed += h->nrcpt * sizeof(struct spool_disk_rcpt);
	return h->length == fixed + (h->big != 0 ? 0 : h->size);
}

static bool
data_in_order(const struct segment *seg, const char *record,
    size_t offset, const struct spool_rechead *h)
{
	uint64_t	 hash;

	memcpy(&hash, record + sizeof(*h) + h->length, sizeof(hash));
	return hash == spool_hash(&seg->key, seg->life, offset, record,
	    sizeof(*h) + h->length, NULL, 0);
}

/* -- the first pass: batches, voids, the tail -- */

static size_t
next_batch(const struct scan *sc, const struct segment *seg, size_t offset,
    struct spool_bathead *h)
{
	for (; offset + SPOOL_BLOCK <= sc->sp->opt.segment_size;
	    offset += SPOOL_BLOCK)
		if (read_bathead(sc, seg, offset, h))
			return offset;
	return 0;
}

static int
collect_voids(struct scan *sc, struct found *f)
{
	struct spool_rechead	 h;
	size_t			 at = f->offset + sizeof(struct spool_bathead);
	size_t			 end = f->offset + f->length;

	for (; at < end && read_rechead(sc, f->seg, at, end, &h);
	    at += spool_record_size(h.length)) {
		f->messages |= h.type == SPOOL_MESSAGE;
		if (h.type != SPOOL_VOID)
			continue;
		if (spool_grow(&sc->voids, sc->nvoids, &sc->voids_size,
		    sizeof(*sc->voids)) == -1)
			return -1;
		sc->voids[sc->nvoids++] = (struct voids){ h.recno, h.size };
	}
	return 0;
}

static int
find_batches(struct scan *sc, struct segment *seg)
{
	struct spool_bathead	 h;
	struct found		*f;
	size_t			 offset = SPOOL_BLOCK, at;

	segment_read_ahead(seg);
	load(sc, seg);
	while (offset < sc->sp->opt.segment_size) {
		/* Nothing valid behind: the end of this life, or a torn tail. */
		if ((at = next_batch(sc, seg, offset, &h)) == 0)
			break;
		if (spool_grow(&sc->batch, sc->n, &sc->size,
		    sizeof(*sc->batch)) == -1)
			return -1;
		f = &sc->batch[sc->n++];
		*f = (struct found){ .seg = seg, .number = h.number,
		    .offset = at, .length = h.length, .hole = at - offset };
		if (h.tail > sc->tail)
			sc->tail = h.tail;
		if (h.durable > sc->durable)
			sc->durable = h.durable;
		if (collect_voids(sc, f) == -1)
			return -1;
		offset = (at + h.length + SPOOL_BLOCK - 1) &
		    ~(size_t)(SPOOL_BLOCK - 1);
	}
	return 0;
}

/* -- the second pass: records -- */

static int
voids_cmp(const void *a, const void *b)
{
	const struct voids	*x = a, *y = b;

	return x->first < y->first ? -1 : x->first > y->first;
}

/* In order, and each number once: what failed is voided until a flush succeeds. */
static void
sort_voids(struct scan *sc)
{
	struct voids	*v, *to = sc->voids;

	if (sc->nvoids == 0)
		return;
	qsort(sc->voids, sc->nvoids, sizeof(*sc->voids), voids_cmp);
	for (v = sc->voids + 1; v < sc->voids + sc->nvoids; v++)
		if (v->first > to->last)
			*++to = *v;
		else if (v->last > to->last)
			to->last = v->last;
	sc->nvoids = (size_t)(to - sc->voids) + 1;
}

static int
within_cmp(const void *key, const void *range)
{
	const uint64_t		*number = key;
	const struct voids	*v = range;

	return *number < v->first ? -1 : *number > v->last;
}

static bool
voided(const struct scan *sc, uint64_t number)
{
	return sc->nvoids > 0 && bsearch(&number, sc->voids, sc->nvoids,
	    sizeof(*sc->voids), within_cmp) != NULL;
}

static void
missing(struct spool *sp, uint64_t from, uint64_t to, const struct found *f)
{
	if (from >= to)
		return;
	spool_note(sp, "batches %llu to %llu are missing before segment %u",
	    (unsigned long long)from, (unsigned long long)to - 1,
	    f->seg->slot);
	sp->stat.damaged++;
}

/* From batch number next up to f none was found: each was voided, or is missed. */
static void
check_gap(struct scan *sc, uint64_t next, const struct found *f)
{
	uint64_t	 end = f->number;
	size_t		 i;

	if (end > sc->durable + 1)
		end = sc->durable + 1;
	for (i = 0; i < sc->nvoids && sc->voids[i].first < end; i++)
		if (sc->voids[i].last >= next) {
			missing(sc->sp, next, sc->voids[i].first, f);
			next = sc->voids[i].last + 1;
		}
	missing(sc->sp, next, end, f);
}

/*
 * Only where it counts: in a segment behind the tail the first batch of a next
 * life may be torn, over the old ones; and a batch that was not flushed may be
 * torn while a later one got there.
 */
static void
keep_holes(struct scan *sc)
{
	const struct found	*f;
	uint64_t		 n;

	for (f = sc->batch; f != NULL && f < sc->batch + sc->n; f++) {
		if (f->hole == 0 || f->seg->life < sc->tail)
			continue;
		n = f > sc->batch ? f[-1].number + 1 : f->number - 1;
		while (n < f->number && voided(sc, n))
			n++;
		if (n >= f->number || n > sc->durable)
			continue;
		load(sc, f->seg);
		corrupt_keep(sc->sp, f->seg, f->offset - f->hole,
		    sc->data + f->offset - f->hole, f->hole,
		    "no batch where one was");
	}
}

static int
apply_message(struct spool *sp, const struct spool_rechead *h,
    struct segment *seg, size_t offset, const char *data)
{
	struct spool_disk_rcpt	*states = NULL;
	struct live_message		*m = index_find(sp, h->recno);
	size_t			 n = h->nrcpt * sizeof(*states);

	if (h->recno > sp->recno)
		sp->recno = h->recno;
	if (m != NULL)
		index_remove(sp, m);	/* this is its copy, and newer */
	if (h->states) {
		if ((states = (void *)spool_scratch(sp, n)) == NULL)
			return -1;
		memcpy(states, data, n);
	}
	if ((m = index_add(sp, h, seg, offset, states)) == NULL)
		return -1;
	m->untold = true;
	sp->nuntold++;
	return 0;
}

static void
apply_fate(struct spool *sp, const struct spool_rechead *h, const char *data)
{
	struct spool_disk_rcpt	 d;
	struct live_message		*m = index_find(sp, h->recno);
	struct spool_rcpt	*r;

	if (m == NULL || h->nrcpt >= m->nrcpt)
		return;
	memcpy(&d, data, sizeof(d));
	r = &m->rcpt[h->nrcpt];
	m->waiting -= r->state == SPOOL_WAITING;
	*r = (struct spool_rcpt){ d.state, d.attempts, d.next };
	m->waiting += r->state == SPOOL_WAITING;
	if (m->waiting == 0)
		index_remove(sp, m);
}

/* Where the next record with a good head begins, or the end of the batch. */
static size_t
next_record(const struct scan *sc, const struct found *f, size_t at)
{
	struct spool_rechead	 h;
	size_t			 end = f->offset + f->length;

	while (at < end && !read_rechead(sc, f->seg, at, end, &h))
		at++;
	return at;
}

static int
apply_batch(struct scan *sc, const struct found *f)
{
	struct spool_rechead	 h;
	size_t			 at = f->offset + sizeof(struct spool_bathead);
	size_t			 end = f->offset + f->length, next;
	const char		*data;

	for (; at < end; at += spool_record_size(h.length)) {
		if (!read_rechead(sc, f->seg, at, end, &h)) {
			next = next_record(sc, f, at + 1);
			corrupt_keep(sc->sp, f->seg, at, sc->data + at,
			    next - at, "damaged record head");
			if (next >= end)
				break;
			at = next;
			read_rechead(sc, f->seg, at, end, &h);
		}
		data = sc->data + at + sizeof(h);
		if (!data_in_order(f->seg, sc->data + at, at, &h)) {
			corrupt_keep(sc->sp, f->seg, at, sc->data + at,
			    spool_record_size(h.length), "damaged record");
			continue;
		}
		if (h.type == SPOOL_MESSAGE &&
		    apply_message(sc->sp, &h, f->seg, at, data) == -1)
			return -1;
		if (h.type == SPOOL_FATE)
			apply_fate(sc->sp, &h, data);
	}
	return 0;
}

static bool
batch_whole(const struct scan *sc, const struct found *f)
{
	struct spool_rechead	 h;
	size_t			 at = f->offset + sizeof(struct spool_bathead);
	size_t			 end = f->offset + f->length;

	for (; at < end; at += spool_record_size(h.length))
		if (!read_rechead(sc, f->seg, at, end, &h) ||
		    !data_in_order(f->seg, sc->data + at, at, &h))
			return false;
	return true;
}

/* Joins the range before it where all between them holds nothing but fates. */
static int
void_more(struct spool *sp, uint64_t first, uint64_t last, bool *join)
{
	if (*join && sp->nvoids > 0) {
		sp->voids[sp->nvoids - 1].last = last;
		return 0;
	}
	*join = true;
	return batch_void_range(sp, first, last);
}

/*
 * What no batch says to be durable may be torn or missing, though a later one
 * is there: it was not acknowledged then.  The next batch voids it, so that a
 * later start does not take it for damage.
 */
static int
void_torn(struct scan *sc)
{
	struct found	*f;
	uint64_t	 next = sc->durable + 1;
	bool		 join = false;

	for (f = sc->batch; f != NULL && f < sc->batch + sc->n; f++) {
		if (f->number < next)
			continue;
		load(sc, f->seg);
		f->torn = !batch_whole(sc, f);
		if (f->number > next &&
		    void_more(sc->sp, next, f->number - 1, &join) == -1)
			return -1;
		if (f->torn && void_more(sc->sp, f->number, f->number,
		    &join) == -1)
			return -1;
		if (!f->torn && f->messages)
			join = false;
		next = f->number + 1;
	}
	return 0;
}

/* Of a batch that does not count: a fate is true whether it was flushed or not. */
static void
apply_fates(struct scan *sc, const struct found *f)
{
	struct spool_rechead	 h;
	size_t			 at = f->offset + sizeof(struct spool_bathead);
	size_t			 end = f->offset + f->length;

	load(sc, f->seg);
	for (; at < end && read_rechead(sc, f->seg, at, end, &h);
	    at += spool_record_size(h.length))
		if (h.type == SPOOL_FATE &&
		    data_in_order(f->seg, sc->data + at, at, &h))
			apply_fate(sc->sp, &h, sc->data + at + sizeof(h));
}

static int
apply_all(struct scan *sc)
{
	struct found	*f;
	uint64_t	 last = 0;

	for (f = sc->batch; f != NULL && f < sc->batch + sc->n; f++) {
		if (f->seg->life < sc->tail)
			continue;
		if (last != 0 && f->number > last + 1)
			check_gap(sc, last + 1, f);
		last = f->number;
		if (f->torn || voided(sc, f->number)) {
			apply_fates(sc, f);
			continue;
		}
		load(sc, f->seg);
		if (apply_batch(sc, f) == -1)
			return -1;
	}
	return 0;
}

/* -- all of it -- */

/* A head is one sector: of a segment that was used it is the old one or the new. */
static bool
never_used(const struct segment *seg)
{
	char	 head[sizeof(struct spool_seghead)], zero[sizeof(head)] = { 0 };

	return pread(seg->fd, head, sizeof(head), 0) == sizeof(head) &&
	    memcmp(head, zero, sizeof(head)) == 0;
}

static int
open_segments(struct spool *sp)
{
	struct segment	*seg, *next;
	struct dirent	*d;
	DIR		*dir;
	unsigned	 slot;
	int		 fd = dup(sp->dirfd);

	if (fd == -1 || (dir = fdopendir(fd)) == NULL)
		return -1;
	rewinddir(dir);
	while ((d = readdir(dir)) != NULL)
		if (segment_is(d->d_name, &slot) &&
		    segment_new(sp, slot) == NULL) {
			closedir(dir);
			return -1;
		}
	closedir(dir);
	TAILQ_FOREACH_SAFE(seg, &sp->segs, entry, next) {
		if (seg->state != SEG_FREE)
			continue;
		/* What was torn before the disk had it must not be believed from memory. */
		fdatasync(seg->fd);
		posix_fadvise(seg->fd, 0, 0, POSIX_FADV_DONTNEED);
		if (!read_seghead(sp, seg)) {
			if (never_used(seg))
				continue;
			if (corrupt_segment(sp, seg) == -1)
				return -1;
			continue;
		}
		seg->state = SEG_LIVE;
		seg->headed = true;
		seg->used = sp->opt.segment_size;
		if (seg->life > sp->life)
			sp->life = seg->life;
	}
	return 0;
}

/* Bubbles each segment to its place; there are few. */
static void
sort_segments(struct spool *sp)
{
	struct segments	 all = TAILQ_HEAD_INITIALIZER(all);
	struct segment	*seg;

	TAILQ_CONCAT(&all, &sp->segs, entry);
	while ((seg = TAILQ_FIRST(&all)) != NULL) {
		TAILQ_REMOVE(&all, seg, entry);
		TAILQ_INSERT_TAIL(&sp->segs, seg, entry);
		if (seg->state == SEG_LIVE)
			segment_order(sp, seg);
	}
}

int
scan_all(struct spool *sp)
{
	struct scan	 sc = { .sp = sp };
	struct segment	*seg;
	size_t		 i;
	int		 r = -1;

	if (open_segments(sp) == -1)
		return -1;
	sort_segments(sp);
	if ((sc.data = malloc(sp->opt.segment_size)) == NULL)
		return -1;
	TAILQ_FOREACH(seg, &sp->segs, entry)
		if (seg->state == SEG_LIVE && find_batches(&sc, seg) == -1)
			goto out;
	for (i = 0; i < sc.n; i++)
		if (sc.batch[i].number > sp->batch)
			sp->batch = sc.batch[i].number;
	sort_voids(&sc);
	keep_holes(&sc);
	if (void_torn(&sc) == -1 || apply_all(&sc) == -1)
		goto out;
	sp->recno += RECNO_SKIP;
	sp->flushed_tail = sp->written_tail = sc.tail;
	sp->settled = sp->batch;
	/* What is torn must be void before a batch says that all is durable. */
	sp->durable = sp->nvoids > 0 ? sc.durable : sp->batch;
	segment_release(sp);
	index_tell(sp);
	r = 0;
out:
	free(sc.data);
	free(sc.batch);
	free(sc.voids);
	return r;
}

/* The data of a message's record, verified; valid until the next call.  EBADMSG: damaged. */
int
scan_read_record(struct spool *sp, const struct live_message *m, char **data)
{
	struct spool_rechead	 h;
	size_t			 n = spool_record_size(m->length);
	char			*buf = spool_scratch(sp, n);

	if (buf == NULL)
		return -1;
	if (pread(m->seg->fd, buf, n, m->offset) != (ssize_t)n) {
		errno = EIO;
		return -1;
	}
	memcpy(&h, buf, sizeof(h));
	if (h.length != m->length || h.recno != m->recno ||
	    !data_in_order(m->seg, buf, m->offset, &h)) {
		errno = EBADMSG;
		return -1;
	}
	*data = buf + sizeof(h);
	return 0;
}
