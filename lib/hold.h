/* SPDX-License-Identifier: ISC */
#ifndef LIB_HOLD_H
#define LIB_HOLD_H

/*
 * Lines held until it is known whether their session, or their transaction, is
 * selected: it is if one of its lines is, or, inverted, if none is.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/report.h"

#define HOLD_BYTES	(256 * 1024 * 1024)	/* of lines held in all */

struct hold;
struct outbuf;

struct hold_options {
	bool	 transactions;	/* else sessions */
	bool	 whole;		/* written at its end, and a blank line after it */
	bool	 invert;
	bool	 silent;	/* only counted */
	bool	 limited;
	size_t	 limit;		/* then: no more groups than that */
	size_t	 most;		/* open groups; the oldest is given up */
	uint64_t oldest;	/* microseconds by the times of the lines; 0: any */
};

/* NULL with errno.  Lines are written to out, which is the caller's. */
struct hold *hold_new(const struct hold_options *, struct outbuf *out);
void	hold_free(struct hold *);
/*
 * A line that is known, or foreign with a session; selected: it is itself.
 * 0, or -1 with errno ENOMEM: the line is lost.
 */
int	hold_line(struct hold *, const struct report *, bool selected);
/* The input has ended: all groups do. */
void	hold_end(struct hold *);

/* Groups selected; given up while it was not known yet, or not all of it. */
size_t	hold_selected(const struct hold *);
size_t	hold_given_up(const struct hold *);
/* The limit is reached, and nothing of those within is to come. */
bool	hold_done(const struct hold *);

#endif
