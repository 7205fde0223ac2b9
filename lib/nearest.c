/* SPDX-License-Identifier: ISC */
/*
 * The names most like a word that is none.
 */
#include <ctype.h>
#include <stdint.h>

#include "lib/nearest.h"

#define LENGTH_MAX	64

static size_t
least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Edits from a to b: a byte more, less, other, or two exchanged. */
static size_t
distance(struct slice a, struct slice b)
{
	size_t	 row[3][LENGTH_MAX + 1], *now, *last, *before, i, j;
	int	 other;

	if (a.n > LENGTH_MAX || b.n > LENGTH_MAX)
		return SIZE_MAX;
	for (j = 0; j <= b.n; j++)
		row[0][j] = j;
	for (i = 1; i <= a.n; i++) {
		now = row[i % 3];
		last = row[(i + 2) % 3];
		before = row[(i + 1) % 3];
		now[0] = i;
		for (j = 1; j <= b.n; j++) {
			other = tolower((unsigned char)a.p[i - 1]) !=
			    tolower((unsigned char)b.p[j - 1]);
			now[j] = least(last[j - 1] + (size_t)other,
			    least(last[j], now[j - 1]) + 1);
			if (i > 1 && j > 1 && a.p[i - 1] == b.p[j - 2] &&
			    a.p[i - 2] == b.p[j - 1])
				now[j] = least(now[j], before[j - 2] + 1);
		}
	}
	return row[a.n % 3][b.n];
}

void
nearest_init(struct nearest *n, struct slice word)
{
	*n = (struct nearest){ .word = word, .distance = 3 + word.n / 4 };
}

void
nearest_try(struct nearest *n, const char *name)
{
	struct slice	 s = slice_str(name);
	size_t		 d = distance(n->word, s), i;

	/* Every short name is near to every word. */
	if (d > n->distance || d >= s.n || d >= n->word.n ||
	    (d == n->distance && n->best[0] == NULL))
		return;
	if (d < n->distance)
		*n = (struct nearest){ .word = n->word, .distance = d };
	for (i = 0; i < NEAREST_MAX && n->best[i] != NULL; i++)
		;
	if (i < NEAREST_MAX)
		n->best[i] = name;
}
