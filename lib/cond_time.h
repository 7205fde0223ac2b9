/* SPDX-License-Identifier: ISC */
#ifndef LIB_COND_TIME_H
#define LIB_COND_TIME_H

/*
 * Times as people write them: seconds since the epoch, "2018-11-09",
 * "2018-11-09T12:00:00Z", "-1h", "now", "today", "yesterday".
 */
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "lib/slice.h"

/*
 * The microseconds from first to last: of a day all, else one.  0, or -1 if it
 * is no time.  Without a zone it is local time, or UTC.
 */
int	cond_time(struct slice, time_t now, bool utc, uint64_t *first, uint64_t *last);
/* A number of seconds, perhaps with a fraction or a unit (s m h d w), in microseconds. */
int	cond_seconds(struct slice, uint64_t *usec);

#endif
