/* SPDX-License-Identifier: ISC */
/*
 * Dates in messages.
 */
#include <time.h>

#include "lib/smtp_date.h"

const char *
smtp_date(int64_t seconds, char buf[SMTP_DATE_MAX])
{
	const time_t	 epoch = 0, t = (time_t)seconds;
	struct tm	 tm;

	if (localtime_r(&t, &tm) == NULL)
		localtime_r(&epoch, &tm);
	if (strftime(buf, SMTP_DATE_MAX, "%a, %d %b %Y %H:%M:%S %z (%Z)", &tm) == 0)
		strftime(buf, SMTP_DATE_MAX, "%a, %d %b %Y %H:%M:%S %z", &tm);
	return buf;
}
