/* SPDX-License-Identifier: ISC */
/*
 * Times of records as texts for people.
 */
#include <time.h>

#include "lib/report.h"
#include "lib/report_time.h"

#define DIGITS		6

/* Stands for the digits of %N while strftime makes the rest. */
static const char	 holder[DIGITS + 1] = "\001\002\003\003\002\001";

/* The format with a holder for each %N; strftime knows the rest. */
static int
expand(const char *f, char *buf, size_t size)
{
	size_t	 n = 0;

	for (; *f != '\0' && n + DIGITS + 2 < size; f++) {
		if (f[0] == '%' && f[1] == 'N') {
			memcpy(buf + n, holder, DIGITS);
			n += DIGITS;
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

/* 0, or -1 if the text of this second is too long. */
static int
enter_second(struct time_format *tf, uint64_t second)
{
	char		 format[TIME_TEXT_MAX];
	struct tm	 tm;
	time_t		 t = (time_t)second;
	const char	*p, *end;

	tf->second = UINT64_MAX;
	if (expand(tf->format, format, sizeof(format)) == -1 ||
	    (tf->utc ? gmtime_r(&t, &tm) : localtime_r(&t, &tm)) == NULL ||
	    (tf->n = strftime(tf->text, sizeof(tf->text), format, &tm)) == 0)
		return -1;
	tf->n--;
	tf->fractions = 0;
	end = tf->text + tf->n;
	for (p = tf->text; (p = memmem(p, (size_t)(end - p), holder, DIGITS)) != NULL;
	    p += DIGITS) {
		if (tf->fractions == TIME_FRACTIONS)
			return -1;
		tf->fraction[tf->fractions++] = (size_t)(p - tf->text);
	}
	tf->second = second;
	return 0;
}

int
time_format_init(struct time_format *tf, const char *format, bool utc)
{
	*tf = (struct time_format){ .format = format, .utc = utc };
	tzset();
	return enter_second(tf, 0);
}

struct slice
time_format_text(struct time_format *tf, struct slice time)
{
	uint64_t	 usec;
	unsigned	 rest;
	size_t		 i, k;

	if (report_time(time, &usec) == -1 || (usec / 1000000 != tf->second &&
	    enter_second(tf, usec / 1000000) == -1))
		return time;
	for (i = 0; i < tf->fractions; i++)
		for (k = DIGITS, rest = (unsigned)(usec % 1000000); k-- > 0; rest /= 10)
			tf->text[tf->fraction[i] + k] = (char)('0' + rest % 10);
	return slice_make(tf->text, tf->n);
}
