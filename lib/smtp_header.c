/* SPDX-License-Identifier: ISC */
/*
 * Received fields of a header that streams by.
 */
#include <ctype.h>

#include "lib/smtp_header.h"

static const char	name[] = "received:";

#define NAME_LEN	(sizeof(name) - 1)
#define NO_MATCH	(NAME_LEN + 1)

void
smtp_header_init(struct smtp_header *h)
{
	*h = (struct smtp_header){ .empty = true };
}

void
smtp_header_feed(struct smtp_header *h, const char *p, size_t n)
{
	size_t	 i;

	for (i = 0; i < n && !h->done; i++) {
		if (p[i] == '\n') {
			h->done = h->empty;
			h->empty = true;
			h->matched = 0;
			continue;
		}
		h->empty = false;
		if (h->matched >= NAME_LEN)
			continue;
		if (tolower((unsigned char)p[i]) != name[h->matched])
			h->matched = NO_MATCH;
		else if (++h->matched == NAME_LEN)
			h->received++;
	}
}
