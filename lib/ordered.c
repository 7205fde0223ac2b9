/* SPDX-License-Identifier: ISC */
/*
 * Output in the order of the input where some of it is known only later.
 */
#include <stdbool.h>
#include <stdlib.h>

#include "lib/ordered.h"

#define SIZE_FIRST	128

struct place {
	TAILQ_ENTRY(place)	 entry;
	bool			 open;
	struct ordered_bytes	 text;		/* that fills it */
	struct ordered_bytes	 after;		/* what stands behind it */
};

void
ordered_init(struct ordered *o)
{
	*o = (struct ordered){ .behind = 0 };
	TAILQ_INIT(&o->places);
}

/* Room at the end for n bytes; those at the front that are gone are given up seldom. */
static int
make_room(struct ordered_bytes *b, size_t n)
{
	size_t	 size = b->size == 0 ? SIZE_FIRST : b->size;
	char	*p;

	if (b->start > 0 && b->start >= b->end / 2) {
		memmove(b->p, b->p + b->start, b->end - b->start);
		b->end -= b->start;
		b->start = 0;
	}
	while (size - b->end < n)
		size *= 2;
	if (size == b->size)
		return 0;
	if ((p = realloc(b->p, size)) == NULL)
		return -1;
	b->p = p;
	b->size = size;
	return 0;
}

static int
append(struct ordered_bytes *b, struct slice s)
{
	if (b->size - b->end < s.n && make_room(b, s.n) == -1)
		return -1;
	if (s.n > 0)
		memcpy(b->p + b->end, s.p, s.n);
	b->end += s.n;
	return 0;
}

static struct slice
bytes(const struct ordered_bytes *b)
{
	return slice_make(b->p + b->start, b->end - b->start);
}

static size_t
place_size(const struct place *p)
{
	return sizeof(*p) + p->text.size + p->after.size;
}

static void
place_free(struct ordered *o, struct place *p)
{
	TAILQ_REMOVE(&o->places, p, entry);
	o->behind -= place_size(p);
	free(p->text.p);
	free(p->after.p);
	free(p);
}

void
ordered_free(struct ordered *o)
{
	struct place	*p;

	while ((p = TAILQ_FIRST(&o->places)) != NULL)
		place_free(o, p);
	free(o->ready.p);
	ordered_init(o);
}

int
ordered_put(struct ordered *o, struct slice s)
{
	struct place	*last = TAILQ_LAST(&o->places, places);
	size_t		 before;

	if (last == NULL)
		return append(&o->ready, s);
	before = last->after.size;
	if (append(&last->after, s) == -1)
		return -1;
	o->behind += last->after.size - before;
	return 0;
}

struct place *
ordered_place(struct ordered *o)
{
	struct place	*p = calloc(1, sizeof(*p));

	if (p == NULL)
		return NULL;
	p->open = true;
	TAILQ_INSERT_TAIL(&o->places, p, entry);
	o->behind += place_size(p);
	return p;
}

/* What stands before the first open place. */
static int
release(struct ordered *o)
{
	struct place	*p;

	while ((p = TAILQ_FIRST(&o->places)) != NULL && !p->open) {
		if (append(&o->ready, bytes(&p->text)) == -1)
			return -1;
		p->text.end = 0;
		if (append(&o->ready, bytes(&p->after)) == -1)
			return -1;
		place_free(o, p);
	}
	return 0;
}

int
ordered_fill(struct ordered *o, struct place *p, const struct slice *parts, size_t n)
{
	struct ordered_bytes	*to = p == TAILQ_FIRST(&o->places) ? &o->ready : &p->text;
	size_t			 i, end = to->end - to->start, before = p->text.size;

	for (i = 0; i < n; i++)
		if (append(to, parts[i]) == -1) {
			to->end = to->start + end;
			return -1;
		}
	o->behind += p->text.size - before;
	p->open = false;
	return release(o);
}

struct slice
ordered_ready(const struct ordered *o)
{
	return bytes(&o->ready);
}

void
ordered_written(struct ordered *o, size_t n)
{
	o->ready.start += n;
	if (o->ready.start == o->ready.end)
		o->ready.start = o->ready.end = 0;
}

size_t
ordered_size(const struct ordered *o)
{
	return o->ready.end - o->ready.start + o->behind;
}
