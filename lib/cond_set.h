/* SPDX-License-Identifier: ISC */
#ifndef LIB_COND_SET_H
#define LIB_COND_SET_H

/*
 * A set of values, made once and then only asked: texts in a hash table, keys
 * (numbers, times, addresses) in sorted ranges.  All zeros is an empty set.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/slice.h"

enum cond_fold {		/* of which letters the case is ignored */
	FOLD_NONE,
	FOLD_DOMAIN,		/* those behind the last '@' */
	FOLD_ALL
};

struct cond_key {		/* a number, or an address of 128 bits */
	uint64_t	 high, low;
};
struct cond_range {
	struct cond_key	 first, last;
};

struct cond_set {
	enum cond_fold	 fold;		/* set before the first text */
	struct slice	*slot;		/* SLICE_NONE: free; the texts are the set's */
	size_t		 slots, texts;
	struct slice	 only;		/* the text, if there is one alone */
	struct cond_range *range;	/* sorted and apart once cond_set_done */
	size_t		 ranges, room;
};

/* 0, or -1 with errno ENOMEM. */
int	cond_set_text(struct cond_set *, struct slice);
int	cond_set_range(struct cond_set *, struct cond_range);
/* To be called after the last range. */
void	cond_set_done(struct cond_set *);
void	cond_set_free(struct cond_set *);

bool	cond_set_has_text(const struct cond_set *, struct slice);
bool	cond_set_has_key(const struct cond_set *, struct cond_key);
/* -1, 0 or 1 as memcmp. */
int	cond_key_compare(struct cond_key, struct cond_key);

#endif
