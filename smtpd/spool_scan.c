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
#define TELL_AGAIN	60	/* seconds until what could not be read is tried again */

struct found {			/* a batch whose head is in order */
	struct segment	*seg;
	uint64_t	 number, tail;
	size_t		 offset, length;
	size_t		 hole;		/* bytes before it where one should be */
};

struct scan {
	struct spool	*sp;
	struct found	*batch;
	size_t		 n, size;
	struct voids	*voids;
	size_t		 nvoids, voids_size;
	uint64_t	 tail;
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
collect_voids(struct scan *sc, const struct found *f)
{
	struct spool_rechead	 h;
	size_t			 at = f->offset + sizeof(struct spool_bathead);
	size_t			 end = f->offset + f->length;

	for (; at < end && read_rechead(sc, f->seg, at, end, &h);
	    at += spool_record_size(h.length)) {
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

	load(sc, seg);
	while (offset < sc->sp->opt.segment_size) {
		/* Nothing valid behind: the end of this life, or a torn tail. */
		if ((at = next_batch(sc, seg, offset, &h)) == 0)
			break;
		if (spool_grow(&sc->batch, sc->n, &sc->size,
		    sizeof(*sc->batch)) == -1)
			return -1;
		f = &sc->batch[sc->n++];
		*f = (struct found){ seg, h.number, h.tail, at, h.length,
		    at - offset };
		if (h.tail > sc->tail)
			sc->tail = h.tail;
		if (collect_voids(sc, f) == -1)
			return -1;
		offset = (at + h.length + SPOOL_BLOCK - 1) &
		    ~(size_t)(SPOOL_BLOCK - 1);
	}
	return 0;
}

/*
 * Only where it counts: in a segment behind the tail the first batch of a next
 * life may be torn, over the old ones.
 */
static void
keep_holes(struct scan *sc)
{
	const struct found	*f;

	for (f = sc->batch; f != NULL && f < sc->batch + sc->n; f++) {
		if (f->hole == 0 || f->seg->life < sc->tail)
			continue;
		load(sc, f->seg);
		corrupt_keep(sc->sp, f->seg, f->offset - f->hole,
		    sc->data + f->offset - f->hole, f->hole,
		    "no batch where one was");
	}
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
	size_t	 i;

	for (i = 0; i < sc->nvoids && sc->voids[i].first < f->number; i++)
		if (sc->voids[i].last >= next) {
			missing(sc->sp, next, sc->voids[i].first, f);
			next = sc->voids[i].last + 1;
		}
	missing(sc->sp, next, f->number, f);
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

/*
 * The last batch of all may be torn: it was not acknowledged then.  The next
 * one voids it, so that a later start does not take it for damage.
 */
static int
drop_torn(struct scan *sc)
{
	struct spool	*sp = sc->sp;
	struct found	*f;

	if (sc->n == 0)
		return 0;
	f = &sc->batch[sc->n - 1];
	load(sc, f->seg);
	if (batch_whole(sc, f))
		return 0;
	if (batch_void_range(sp, f->number, f->number) == -1)
		return -1;
	sc->n--;
	return 0;
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
		if (voided(sc, f->number))
			continue;
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

/* 1: of a segment, 0: of something else; only the very name is one. */
static int
slot_of(const char *name, unsigned *slot)
{
	char	 want[SEGMENT_NAME];

	if (sscanf(name, "segment.%u", slot) != 1 || *slot >= SPOOL_SLOTS)
		return 0;
	segment_name(*slot, want);
	return strcmp(name, want) == 0;
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
		if (slot_of(d->d_name, &slot) == 1 &&
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

/*
 * Tells the next message that was not told yet; 0: no other can be read now.
 * Those that cannot, for an error that may pass, stay in the log.
 */
static int
tell_one(struct spool *sp, size_t *pos)
{
	struct spool_message	 out;
	struct live_message	*m;
	char			*data;
	size_t			 skip;

	while ((m = u64map_next(&sp->index, pos)) != NULL) {
		if (!m->untold || scan_read_record(sp, m, &data) == -1)
			continue;
		m->untold = false;
		sp->nuntold--;
		skip = m->states ? m->nrcpt * sizeof(struct spool_disk_rcpt) : 0;
		out = (struct spool_message){ m->recno,
		    slice_make(data + skip, m->envelope), m->size, m->nrcpt,
		    m->rcpt };
		if (sp->opt.recovered != NULL)
			sp->opt.recovered(sp->opt.arg, &out);
		return 1;
	}
	return 0;
}

/* One a call: what is told may lead to marks, which change the index. */
int
scan_tell_late(struct spool *sp)
{
	size_t	 pos = 0;

	if (sp->nuntold == 0 || spool_now(sp) < sp->tell_at)
		return 0;
	if (tell_one(sp, &pos) == 1)
		return 1;
	sp->tell_at = spool_now(sp) + TELL_AGAIN;
	return 0;
}

static void
tell_recovered(struct spool *sp)
{
	size_t	 pos = 0;

	while (tell_one(sp, &pos) == 1)
		;
	if (sp->nuntold == 0)
		return;
	spool_note(sp, "%zu messages cannot be read; tried again each minute",
	    sp->nuntold);
	sp->tell_at = spool_now(sp) + TELL_AGAIN;
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
	if (drop_torn(&sc) == -1 || apply_all(&sc) == -1)
		goto out;
	sp->recno += RECNO_SKIP;
	sp->flushed_tail = sc.tail;
	segment_release(sp);
	tell_recovered(sp);
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
