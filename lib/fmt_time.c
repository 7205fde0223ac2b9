/* SPDX-License-Identifier: ISC */
/*
 * Times: as they are, by strftime, from the first line or the line before.
 */
#include <stdio.h>
#include <time.h>

#include "lib/fmt_int.h"

/* The format with each %N replaced by six digits; strftime knows the rest. */
static int
format_expand(const char *f, char *buf, size_t size, unsigned usec)
{
	size_t	 n = 0;

	for (; *f != '\0' && n + 7 < size; f++) {
		if (f[0] == '%' && f[1] == 'N') {
			n += (size_t)snprintf(buf + n, size - n, "%06u", usec);
			f++;
			continue;
		}
		if (f[0] == '%' && f[1] != '\0')
			buf[n++] = *f++;
		buf[n++] = *f;
	}
	/* The answer 0 of strftime is then never a text that is empty. */
	buf[n++] = '|';
	buf[n] = '\0';
	return *f == '\0' ? 0 : -1;
}

/* Into clock.text: 0, or -1 if the text is too long. */
static int
clock_text(struct fmt *f, uint64_t usec)
{
	char		 format[FMT_TIME_MAX];
	struct tm	 tm;
	time_t		 t = (time_t)(usec / 1000000);
	size_t		 n;

	if (format_expand(f->time_format, format, sizeof(format),
	    (unsigned)(usec % 1000000)) == -1 ||
	    (f->utc ? gmtime_r(&t, &tm) : localtime_r(&t, &tm)) == NULL ||
	    (n = strftime(f->clock.text, sizeof(f->clock.text), format, &tm)) == 0)
		return -1;
	f->clock.n = n - 1;
	return 0;
}

int
fmt_clock_init(struct fmt *f)
{
	f->clock = (struct fmt_clock){ .key = UINT64_MAX };
	if (f->times != FMT_STRFTIME)
		return 0;
	tzset();
	f->clock.fractions = strstr(f->time_format, "%N") != NULL;
	if (clock_text(f, 0) == -1)
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
	uint64_t		 usec, key;

	*number = true;
	if (f->times == FMT_AS_IS || (f->times == FMT_INCREMENT && field != RF_TIME) ||
	    report_time(s, &usec) == -1)
		return s;
	if (f->times == FMT_RELATIVE)
		return difference(c, usec, c->first);
	if (f->times == FMT_INCREMENT)
		return difference(c, usec, c->previous);
	/* Most lines have the time of the line before them. */
	key = c->fractions ? usec : usec / 1000000;
	if (key != c->key && clock_text(f, usec) == -1) {
		c->key = UINT64_MAX;
		return s;
	}
	c->key = key;
	*number = false;
	return slice_make(c->text, c->n);
}
