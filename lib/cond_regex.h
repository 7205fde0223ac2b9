/* SPDX-License-Identifier: ISC */
#ifndef LIB_COND_REGEX_H
#define LIB_COND_REGEX_H

/*
 * Regular expressions of conditions: PCRE2, on bytes, unanchored.
 */
#include <stdbool.h>
#include <stddef.h>

#include "lib/slice.h"

struct cond_regex;

/* NULL, with why it is none in error and the byte that is about in *offset. */
struct cond_regex *cond_regex_compile(struct slice, bool ignore_case,
		    char *error, size_t size, size_t *offset);
void	cond_regex_free(struct cond_regex *);
/* 1 or 0; -1 if matching would have taken more than its limits. */
int	cond_regex_match(const struct cond_regex *, struct slice);

#endif
