/* SPDX-License-Identifier: ISC */
#ifndef SMTPD_SMTP_STATS_H
#define SMTPD_SMTP_STATS_H

/*
 * Counters and gauges of the smtp process, told every so often if somebody
 * reads them (smtpd-report(7)).
 */
#include <stddef.h>

#include "lib/report.h"

struct report_source;

/* Once configured. */
void	stats_init(void);
/* An event of this process is what it counts. */
void	stats_event(const struct report_source *, enum event_id,
	    const struct report_value *, size_t n);

#endif
