/* SPDX-License-Identifier: ISC */
/*
 * Sets of values of conditions.
 */
#include <stdlib.h>

#include "lib/cond_set.h"

#define FIRST_SLOTS	8	/* a power of two */

static inline unsigned char
lower(unsigned char c)
{
	return c >= 'A' && c <= 'Z' ? (unsigned char)(c | 0x20) : c;
}

/* Where in s the bytes begin of which the case is ignored. */
static size_t
folded_from(enum cond_fold fold, struct slice s)
{
	const char	*at;

	if (fold == FOLD_ALL)
		return 0;
	if (fold == FOLD_NONE || s.n == 0 || (at = memrchr(s.p, '@', s.n)) == NULL)
		return s.n;
	return (size_t)(at - s.p);
}

static uint64_t
hash(enum cond_fold fold, struct slice s)
{
	size_t		 i, from = folded_from(fold, s);
	uint64_t	 h = 0xcbf29ce484222325ULL;

	for (i = 0; i < from; i++)
		h = (h ^ (unsigned char)s.p[i]) * 0x100000001b3ULL;
	for (; i < s.n; i++)
		h = (h ^ lower((unsigned char)s.p[i])) * 0x100000001b3ULL;
	return h ^ h >> 32;
}

static bool
equal(enum cond_fold fold, struct slice a, struct slice b)
{
	size_t	 i, from;

	if (a.n != b.n)
		return false;
	if (fold == FOLD_NONE)
		return a.n == 0 || memcmp(a.p, b.p, a.n) == 0;
	if ((from = folded_from(fold, a)) != folded_from(fold, b))
		return false;
	if (from > 0 && memcmp(a.p, b.p, from) != 0)
		return false;
	for (i = from; i < a.n; i++)
		if (lower((unsigned char)a.p[i]) != lower((unsigned char)b.p[i]))
			return false;
	return true;
}

/* The slot that holds s, or the free one where it would go. */
static struct slice *
find(const struct cond_set *set, struct slice s)
{
	size_t	 i = hash(set->fold, s) & (set->slots - 1);

	while (set->slot[i].p != NULL && !equal(set->fold, set->slot[i], s))
		i = (i + 1) & (set->slots - 1);
	return &set->slot[i];
}

static int
grow(struct cond_set *set)
{
	struct slice	*old = set->slot;
	size_t		 i, n = set->slots;

	set->slots = n == 0 ? FIRST_SLOTS : n * 2;
	if ((set->slot = calloc(set->slots, sizeof(*set->slot))) == NULL) {
		set->slot = old;
		set->slots = n;
		return -1;
	}
	for (i = 0; i < n; i++)
		if (old[i].p != NULL)
			*find(set, old[i]) = old[i];
	free(old);
	return 0;
}

int
cond_set_text(struct cond_set *set, struct slice s)
{
	struct slice	*slot;
	char		*copy;

	if (set->texts * 2 >= set->slots && grow(set) == -1)
		return -1;
	if ((slot = find(set, s))->p != NULL)
		return 0;
	if ((copy = malloc(s.n + 1)) == NULL)
		return -1;
	if (s.n != 0)
		memcpy(copy, s.p, s.n);
	*slot = slice_make(copy, s.n);
	set->only = *slot;
	set->texts++;
	return 0;
}

bool
cond_set_has_text(const struct cond_set *set, struct slice s)
{
	if (set->texts == 1)
		return equal(set->fold, set->only, s);
	return set->texts != 0 && find(set, s)->p != NULL;
}

int
cond_key_compare(struct cond_key a, struct cond_key b)
{
	if (a.high != b.high)
		return a.high < b.high ? -1 : 1;
	return a.low == b.low ? 0 : a.low < b.low ? -1 : 1;
}

int
cond_set_range(struct cond_set *set, struct cond_range range)
{
	struct cond_range	*p;
	size_t			 room = set->room == 0 ? 1 : set->room * 2;

	if (set->ranges == set->room) {
		if ((p = reallocarray(set->range, room, sizeof(*p))) == NULL)
			return -1;
		set->range = p;
		set->room = room;
	}
	set->range[set->ranges++] = range;
	return 0;
}

static int
compare_cb(const void *a, const void *b)
{
	const struct cond_range	*x = a, *y = b;

	return cond_key_compare(x->first, y->first);
}

/* Ranges that overlap become one, so that the one before a key decides. */
void
cond_set_done(struct cond_set *set)
{
	struct cond_range	*r = set->range;
	size_t			 i, n = 0;

	if (set->ranges == 0)
		return;
	qsort(r, set->ranges, sizeof(*r), compare_cb);
	for (i = 1; i < set->ranges; i++)
		if (cond_key_compare(r[i].first, r[n].last) > 0)
			r[++n] = r[i];
		else if (cond_key_compare(r[i].last, r[n].last) > 0)
			r[n].last = r[i].last;
	set->ranges = n + 1;
}

bool
cond_set_has_key(const struct cond_set *set, struct cond_key key)
{
	size_t	 from = 0, to = set->ranges, middle;

	while (from < to) {
		middle = from + (to - from) / 2;
		if (cond_key_compare(set->range[middle].first, key) <= 0)
			from = middle + 1;
		else
			to = middle;
	}
	return from > 0 && cond_key_compare(key, set->range[from - 1].last) <= 0;
}

void
cond_set_free(struct cond_set *set)
{
	size_t	 i;

	for (i = 0; i < set->slots; i++)
		free((char *)(uintptr_t)set->slot[i].p);
	free(set->slot);
	free(set->range);
	*set = (struct cond_set){ .fold = FOLD_NONE };
}
