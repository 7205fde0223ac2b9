/* SPDX-License-Identifier: ISC */
#ifndef LIB_JOIN_TEXT_H
#define LIB_JOIN_TEXT_H

/*
 * Texts of the joiner: they grow, come and go with their session, and live in
 * a pool of blocks of some sizes, so that a stream that runs allocates nothing.
 * A text that is all zeros is empty.
 */
#include <stdbool.h>
#include <stdint.h>

#include "lib/slice.h"

#define POOL_SIZES	23	/* 16, 24, 32, 48 ... 32768 bytes; what is larger is malloc's */

struct pool {
	void	*spare[POOL_SIZES];	/* blocks given back, chained by their first word */
	void	*slabs;			/* all there are, chained likewise */
	char	*next;			/* what is left of the newest */
	size_t	 left;
	int	 error;			/* errno of the first failure, or 0: it stays */
};

struct text {
	char		*p;
	uint32_t	 n, size;
};

void	 pool_free(struct pool *);
/* A block of at least n bytes, aligned to eight; NULL once memory has run out. */
void	*pool_take(struct pool *, size_t n);
void	 pool_give(struct pool *, void *, size_t n);	/* n as it was taken */

/* At least that many bytes of room in all; false once memory has run out. */
bool	 text_room(struct pool *, struct text *, size_t);
void	 text_free(struct pool *, struct text *);

static inline void
text_add(struct pool *p, struct text *t, const void *bytes, size_t n)
{
	if (n == 0 || (n > t->size - t->n && !text_room(p, t, t->n + n)))
		return;
	memcpy(t->p + t->n, bytes, n);
	t->n += (uint32_t)n;
}

static inline void
text_set(struct pool *p, struct text *t, struct slice s)
{
	t->n = 0;
	text_add(p, t, s.p, s.n);
}

static inline struct slice
text_slice(const struct text *t)
{
	return (struct slice){ t->p, t->n };
}

#endif
