/* SPDX-License-Identifier: ISC */
#ifndef LIB_COND_H
#define LIB_COND_H

/*
 * Conditions on records: "event == tx-rcpt and result != ok".  One is compiled
 * once and then asked of many records (rptfilter(1) describes the language).
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "lib/report.h"

struct cond;
struct linebuf;

struct cond_options {
	bool	 ignore_case;	/* in every text */
	bool	 utc;		/* dates without a zone are UTC, not local time */
	time_t	 now;		/* what "-1h" and "today" are relative to */
};

struct cond_error {
	size_t	 column;	/* in the expression, from 1 */
	char	 text[512];	/* the token, and what would be right */
};

/*
 * NULL if the expression is none, or if a file it names cannot be read: the
 * error says why.  "@file" is read now.  The condition is the caller's.
 */
struct cond	*cond_compile(const char *expression, const struct cond_options *,
		    struct cond_error *);
void		 cond_free(struct cond *);

/* Does it hold for this record of class REPORT_KNOWN? */
bool	cond_match(struct cond *, const struct report *);
/* On how many values a regular expression gave up; it then counts as no match. */
size_t	cond_failures(const struct cond *);

/*
 * Can a line be selected, or does it have to be judged for another reason
 * (blank, foreign, malformed in its beginning)?  If not, there is no need to
 * parse it.  Only its event and the bytes that the condition implies are looked at.
 */
bool	cond_may_match(const struct cond *, struct slice line);
/*
 * Passes over those whole lines in the buffer, from its next one on, for which
 * cond_may_match is false.
 */
void	cond_skip(const struct cond *, struct linebuf *);

#endif
