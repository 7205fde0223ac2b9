/* SPDX-License-Identifier: ISC */
#ifndef LIB_SMTP_HEADER_H
#define LIB_SMTP_HEADER_H

/*
 * What a server has to see in a header that streams by: how many Received
 * fields it has (RFC 5321 6.3, loops).
 */
#include <stdbool.h>
#include <stddef.h>

struct smtp_header {
	unsigned	 received;	/* fields so far */
	bool		 done;		/* the empty line was met */
	bool		 empty;		/* nothing on this line yet */
	size_t		 matched;	/* bytes of "Received:" matched on this line */
};

void	smtp_header_init(struct smtp_header *);
/* Decoded content (LF line ends), in pieces of any size. */
void	smtp_header_feed(struct smtp_header *, const char *, size_t);

#endif
