/* SPDX-License-Identifier: ISC */
/*
 * Times: as they are, by strftime, from the first line or the line before.
 */
#include <stdio.h>

#include "lib/fmt_int.h"

int
fmt_clock_init(struct fmt *f)
{
	f->clock = (struct fmt_clock){ .started = false };
	if (f->times == FMT_STRFTIME &&
	    time_format_init(&f->clock.format, f->time_format, f->utc) == -1)
		return fmt_fail(f, "time format too long: %s", f->time_format);
	return 0;
}

void
fmt_clock_line(struct fmt *f, const struct report *r)
{
	struct fmt_clock	*c = &f->clock;
	uint64_t		 usec;

	if (report_time(r->field[RF_TIME], &usec) == -1)
		usec = c->now;
	if (!c->started)
		c->first = c->now = usec;
	c->started = true;
	c->previous = c->now;
	c->now = usec;
}

/* Lines of several processes may run a little behind each other: it has a sign. */
static struct slice
difference(struct fmt_clock *c, uint64_t usec, uint64_t from)
{
	uint64_t	 d = usec < from ? from - usec : usec - from;
	int		 n;

	n = snprintf(c->text, sizeof(c->text), "%s%llu.%06llu", usec < from ? "-" : "",
	    (unsigned long long)(d / 1000000), (unsigned long long)(d % 1000000));
	return slice_make(c->text, (size_t)n);
}

struct slice
fmt_time(struct fmt *f, enum field field, struct slice s, bool *number)
{
	struct fmt_clock	*c = &f->clock;
	struct slice		 text;
	uint64_t		 usec;

	*number = true;
	if (f->times == FMT_STRFTIME) {
		text = time_format_text(&c->format, s);
		*number = text.p == s.p;
		return text;
	}
	if (f->times == FMT_AS_IS || (f->times == FMT_INCREMENT && field != RF_TIME) ||
	    report_time(s, &usec) == -1)
		return s;
	return difference(c, usec, f->times == FMT_RELATIVE ? c->first : c->previous);
}
