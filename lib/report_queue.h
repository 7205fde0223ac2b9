/* SPDX-License-Identifier: ISC */
#ifndef LIB_REPORT_QUEUE_H
#define LIB_REPORT_QUEUE_H

/*
 * Report lines on their way to a reader that may be slow or away.  What does
 * not fit is dropped, the newest first, and a report-gap line stands where it
 * is missing; lines are taken again when half of the room is free.
 */
#include "lib/report.h"

struct report_gap {
	uint64_t	 count, first, last;	/* lines; their times in microseconds */
	enum dialect	 dialect;
};

struct report_queue {
	char			*p;		/* waiting are start to end of size bytes */
	size_t			 start, end, size;
	size_t			 limit;
	bool			 dropping;
	struct report_gap	 gaps[SUBSYSTEM_MAX];	/* not written yet */
};

void	report_queue_init(struct report_queue *, size_t limit);
void	report_queue_free(struct report_queue *);
/* A line with its LF.  Without memory it is dropped as without room. */
void	report_queue_put(struct report_queue *, struct slice line);
/* Counts a line that could not be put, perhaps only its beginning. */
void	report_queue_drop(struct report_queue *, struct slice line);
/* What waits, whole lines but for what was taken. */
struct slice report_queue_bytes(const struct report_queue *);
void	report_queue_taken(struct report_queue *, size_t n);
/*
 * The reader has gone and left these bytes, the last that were taken: they come
 * before what waits.  Of a line whose beginning it had the rest is dropped.
 */
void	report_queue_back(struct report_queue *, struct slice unread);
/* No line will come: a gap that is still to be told is put last. */
void	report_queue_end(struct report_queue *);

#endif
