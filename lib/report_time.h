/* SPDX-License-Identifier: ISC */
#ifndef LIB_REPORT_TIME_H
#define LIB_REPORT_TIME_H

/*
 * Times of records as texts for people: strftime(3), and %N for the six digits
 * behind the second.
 */
#include <stdbool.h>
#include <stdint.h>

#include "lib/slice.h"

#define TIME_TEXT_MAX	256
#define TIME_FRACTIONS	8	/* how many %N a format may have */

struct time_format {
	const char	*format;
	bool		 utc;
	uint64_t	 second;	/* of text; most lines have that of the line before */
	size_t		 n;
	size_t		 fraction[TIME_FRACTIONS];	/* where its digits stand */
	size_t		 fractions;
	char		 text[TIME_TEXT_MAX];
};

/* 0, or -1 if a time in this format does not fit.  The format is not copied. */
int	time_format_init(struct time_format *, const char *format, bool utc);
/*
 * The text of a time that a record has, valid until the next call; the time
 * itself where it is none, or has none.
 */
struct slice time_format_text(struct time_format *, struct slice time);

#endif
