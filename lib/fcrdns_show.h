/* SPDX-License-Identifier: ISC */
#ifndef LIB_FCRDNS_SHOW_H
#define LIB_FCRDNS_SHOW_H

/*
 * Verdicts and how they came about as text: lines for people, in master file
 * format behind comments, and JSON.
 */
#include <stddef.h>

#include "lib/fcrdns.h"

/* All zeros is empty.  Its text is NUL-terminated and to be freed. */
struct fcrdns_show {
	char	*text;
	size_t	 n, size;
	int	 error;		/* errno of the first failure, or 0: it stays */
};

/* Adds what was asked and answered, ms after it was asked. */
void	fcrdns_show_step(struct fcrdns_show *, const struct fcrdns_step *, double ms);
/* The same as an item of the array that fcrdns_show_json makes of it. */
void	fcrdns_show_json_step(struct fcrdns_show *, const struct fcrdns_step *, double ms);
/* Adds an object, with a newline; steps (NULL: none) as the last made them. */
void	fcrdns_show_json(struct fcrdns_show *, const char *address,
	    const struct fcrdns_result *, const char *steps);

#endif
