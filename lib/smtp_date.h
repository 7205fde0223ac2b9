/* SPDX-License-Identifier: ISC */
#ifndef LIB_SMTP_DATE_H
#define LIB_SMTP_DATE_H

/*
 * Dates in messages (RFC 5322 3.3), of local time and with its name:
 * "Tue, 24 Nov 2026 16:55:00 +0100 (CET)".
 */
#include <stdint.h>

#define SMTP_DATE_MAX	64	/* bytes of one, NUL included */

/* Seconds since the epoch as a date in buf, which it returns; what no year can hold is the epoch. */
const char	*smtp_date(int64_t seconds, char buf[SMTP_DATE_MAX]);

#endif
