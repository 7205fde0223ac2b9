/* SPDX-License-Identifier: ISC */
#ifndef LIB_ORDERED_H
#define LIB_ORDERED_H

/*
 * Output in the order of the input where some of it is known only later: bytes,
 * and between them places that are filled whenever their text is there.
 */
#include <sys/queue.h>

#include <stddef.h>

#include "lib/slice.h"

struct place;

struct ordered_bytes {
	char	*p;
	size_t	 start, end, size;
};

struct ordered {
	TAILQ_HEAD(places, place) places;	/* from the first that is open */
	struct ordered_bytes	 ready;		/* what stands before that */
	size_t			 behind;	/* bytes that the places and what is behind them take */
};

void	ordered_init(struct ordered *);
void	ordered_free(struct ordered *);		/* with all its places */

/* Bytes at the end.  0, or -1 with errno ENOMEM. */
int	ordered_put(struct ordered *, struct slice);
/* An open place at the end; NULL with errno ENOMEM. */
struct place *ordered_place(struct ordered *);
/* The parts, one behind the other, fill the place, which is gone then; as ordered_put. */
int	ordered_fill(struct ordered *, struct place *, const struct slice *parts, size_t n);

/* What may be written, valid until the next call of the others, and what has been. */
struct slice ordered_ready(const struct ordered *);
void	ordered_written(struct ordered *, size_t);
/* Bytes that are held in all. */
size_t	ordered_size(const struct ordered *);

#endif
