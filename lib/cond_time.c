/* SPDX-License-Identifier: ISC */
/*
 * Times as people write them.
 */
#include "lib/cond_time.h"
#include "lib/report.h"

#define SECOND		1000000ULL
#define TEXT_MAX	40	/* longer than every date */

int
cond_seconds(struct slice s, uint64_t *usec)
{
	static const struct {
		char		 name;
		uint64_t	 seconds;
	} units[] = {
		{ 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 },
		{ 'w', 7 * 86400 }, { '\0', 0 }
	};
	uint64_t	 n;
	int		 i;

	if (s.n == 0)
		return -1;
	for (i = 0; units[i].name != '\0' && units[i].name != s.p[s.n - 1]; i++)
		;
	if (units[i].name == '\0')
		return report_time(s, usec);
	s.n--;
	if (report_time(s, &n) == -1 || n > UINT64_MAX / units[i].seconds)
		return -1;
	*usec = n * units[i].seconds;
	return 0;
}

/* That midnight or later; a day past the end of a month is one of the next. */
static int
seconds_of(struct tm tm, bool utc, uint64_t *seconds)
{
	time_t	 t;

	tm.tm_isdst = -1;
	t = utc ? timegm(&tm) : mktime(&tm);
	if (t < 0)
		return -1;
	*seconds = (uint64_t)t;
	return 0;
}

static int
day_of(struct tm tm, bool utc, uint64_t *first, uint64_t *last)
{
	tm.tm_hour = tm.tm_min = tm.tm_sec = 0;
	if (seconds_of(tm, utc, first) == -1)
		return -1;
	tm.tm_mday++;
	if (seconds_of(tm, utc, last) == -1)
		return -1;
	*first *= SECOND;
	*last = *last * SECOND - 1;
	return 0;
}

static int
relative_day(time_t now, int days, bool utc, uint64_t *first, uint64_t *last)
{
	struct tm	 tm;

	if ((utc ? gmtime_r(&now, &tm) : localtime_r(&now, &tm)) == NULL)
		return -1;
	tm.tm_mday += days;
	return day_of(tm, utc, first, last);
}

/* n digits at *p, then *p is behind them. */
static int
digits(const char **p, int n, int *value)
{
	for (*value = 0; n > 0; n--, (*p)++) {
		if (**p < '0' || **p > '9')
			return -1;
		*value = *value * 10 + (**p - '0');
	}
	return 0;
}

static int
skip(const char **p, const char *any)
{
	if (**p == '\0' || strchr(any, **p) == NULL)
		return -1;
	(*p)++;
	return 0;
}

/* "Z", "+01:00", "+0100", "+01", or nothing; *east is in seconds. */
static int
zone_of(const char *p, bool *given, int *east)
{
	int	 hours, minutes = 0, sign = *p == '-' ? -1 : 1;

	*given = *p != '\0';
	*east = 0;
	if (!*given || strcmp(p, "Z") == 0 || strcmp(p, "z") == 0)
		return 0;
	if (skip(&p, "+-") == -1 || digits(&p, 2, &hours) == -1)
		return -1;
	skip(&p, ":");
	if ((*p != '\0' && digits(&p, 2, &minutes) == -1) || *p != '\0' ||
	    hours > 23 || minutes > 59)
		return -1;
	*east = (hours * 60 + minutes) * 60 * sign;
	return 0;
}

/* ".25" at *p is 250000 microseconds; *p is then behind it. */
static uint64_t
fraction_of(const char **p)
{
	uint64_t	 usec = 0, part = SECOND / 10;

	if (**p != '.')
		return 0;
	for ((*p)++; **p >= '0' && **p <= '9'; (*p)++, part /= 10)
		usec += (uint64_t)(**p - '0') * part;
	return usec;
}

/* YYYY-MM-DD of a day that there is, since the epoch. */
static int
day_at(const char **p, struct tm *tm)
{
	struct tm	 same;
	int		 year, month, day;

	if (digits(p, 4, &year) == -1 || skip(p, "-") == -1 ||
	    digits(p, 2, &month) == -1 || skip(p, "-") == -1 ||
	    digits(p, 2, &day) == -1 || year < 1970)
		return -1;
	*tm = (struct tm){ .tm_year = year - 1900, .tm_mon = month - 1, .tm_mday = day };
	same = *tm;
	timegm(&same);
	return same.tm_mon == tm->tm_mon && same.tm_mday == tm->tm_mday ? 0 : -1;
}

/* HH:MM[:SS] */
static int
clock_at(const char **p, struct tm *tm)
{
	if (digits(p, 2, &tm->tm_hour) == -1 || skip(p, ":") == -1 ||
	    digits(p, 2, &tm->tm_min) == -1)
		return -1;
	if (skip(p, ":") == 0 && digits(p, 2, &tm->tm_sec) == -1)
		return -1;
	return tm->tm_hour > 23 || tm->tm_min > 59 || tm->tm_sec > 60 ? -1 : 0;
}

/* A day, then nothing, or T or a blank, a time of that day, and perhaps a zone. */
static int
date_of(const char *p, bool utc, uint64_t *first, uint64_t *last)
{
	struct tm	 tm;
	uint64_t	 seconds, usec;
	bool		 zone;
	int		 east;

	if (day_at(&p, &tm) == -1)
		return -1;
	if (*p == '\0')
		return day_of(tm, utc, first, last);
	if (skip(&p, "Tt ") == -1 || clock_at(&p, &tm) == -1)
		return -1;
	usec = fraction_of(&p);
	if (zone_of(p, &zone, &east) == -1 ||
	    seconds_of(tm, utc || zone, &seconds) == -1 ||
	    (east > 0 && seconds < (uint64_t)east))
		return -1;
	*first = *last = (seconds - (uint64_t)(int64_t)east) * SECOND + usec;
	return 0;
}

int
cond_time(struct slice s, time_t now, bool utc, uint64_t *first, uint64_t *last)
{
	char		 text[TEXT_MAX];
	uint64_t	 ago;

	if (s.n == 0 || s.n >= sizeof(text) || memchr(s.p, '\0', s.n) != NULL)
		return -1;
	if (slice_eq(s, SLICE("today")))
		return relative_day(now, 0, utc, first, last);
	if (slice_eq(s, SLICE("yesterday")))
		return relative_day(now, -1, utc, first, last);
	*first = *last = (uint64_t)now * SECOND;
	if (slice_eq(s, SLICE("now")))
		return 0;
	if (s.p[0] == '-') {
		if (cond_seconds(slice_make(s.p + 1, s.n - 1), &ago) == -1)
			return -1;
		*first = *last = ago > *first ? 0 : *first - ago;
		return 0;
	}
	if (report_time(s, first) == 0) {
		*last = *first;
		return 0;
	}
	memcpy(text, s.p, s.n);
	text[s.n] = '\0';
	return date_of(text, utc, first, last);
}
