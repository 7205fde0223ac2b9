/* SPDX-License-Identifier: ISC */
#ifndef LIB_NEAREST_H
#define LIB_NEAREST_H

/*
 * The names most like a word that is none, for the error that says so: give
 * the word to nearest_init, every name to nearest_try, then look at best.
 */
#include <stddef.h>

#include "lib/slice.h"

#define NEAREST_MAX	3

struct nearest {
	struct slice	 word;
	const char	*best[NEAREST_MAX];	/* equally near; NULL ends them */
	size_t		 distance;		/* theirs; at first: what is too far */
};

void	nearest_init(struct nearest *, struct slice word);
/* name is kept as it is, not copied. */
void	nearest_try(struct nearest *, const char *name);

#endif
