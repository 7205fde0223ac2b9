/* SPDX-License-Identifier: ISC */
#ifndef LIB_SLICE_H
#define LIB_SLICE_H

/*
 * A slice: bytes somewhere else, by pointer and length.  It owns nothing, is
 * never terminated by NUL, and may hold any byte.  SLICE_NONE (p == NULL) is
 * "absent", which differs from an empty slice.
 */
#include <stddef.h>
#include <string.h>
#include <strings.h>

struct slice {
	const char	*p;
	size_t		 n;
};

#define SLICE_NONE	((struct slice){ NULL, 0 })
#define SLICE(lit)	((struct slice){ "" lit, sizeof(lit) - 1 })

static inline struct slice
slice_make(const void *p, size_t n)
{
	return (struct slice){ p, n };
}

/* The string s without its NUL; NULL gives SLICE_NONE. */
static inline struct slice
slice_str(const char *s)
{
	return (struct slice){ s, s == NULL ? 0 : strlen(s) };
}

static inline int
slice_eq(struct slice a, struct slice b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

/* Copies s to *to, which moves on behind the copy. */
static inline struct slice
slice_copy(char **to, struct slice s)
{
	struct slice	 copy = { *to, s.n };

	if (s.n > 0)
		memcpy(*to, s.p, s.n);
	*to += s.n;
	return copy;
}

/* Equal, ASCII case ignored. */
static inline int
slice_eqi(struct slice a, struct slice b)
{
	return a.n == b.n && (a.n == 0 || strncasecmp(a.p, b.p, a.n) == 0);
}

#endif
