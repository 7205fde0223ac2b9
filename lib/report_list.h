/* SPDX-License-Identifier: ISC */
#ifndef LIB_REPORT_LIST_H
#define LIB_REPORT_LIST_H

/*
 * Values of derived events (tx-summary and the like): no field holds a bar,
 * some are lists of items with a comma between.  In a text "|", "," and "%"
 * are written as %7C, %2C and %25; an empty field is absent, and the null
 * sender is "<>".
 */
#include "lib/report.h"

static inline bool
report_is_derived(enum event_id e)
{
	return e < EV_MAX && report_events[e].derived;
}

/* Has this field items in this event?  recipient, rcpt-result and evpid are parallel. */
bool	report_is_list(enum event_id, enum field);

/*
 * Cuts the next item, as it stands, off *list; 1, or 0 when none is left.  A
 * list that is absent has no item; one that is there may have empty ones.
 */
int	report_item(struct slice *list, struct slice *item);

/*
 * The text that s stands for: s itself where it holds no "%", else decoded in
 * buf, cut to size.
 */
struct slice report_decode(struct slice s, char *buf, size_t size);
/* The reverse: s itself where nothing is to encode, else in buf, cut at a whole unit. */
struct slice report_encode(struct slice s, char *buf, size_t size);

#endif
