/* SPDX-License-Identifier: ISC */
/*
 * Statistics of filters: what they were asked, how long they took, how often
 * they failed.  smtp process.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "smtpd/loop.h"
#include "smtpd/smtp_filter.h"

void
filter_answered(struct filter_proc *f, const struct question *q)
{
	f->latency[f->nlatencies++ % FILTER_LATENCIES] =
	    (uint32_t)((loop_mono() - q->asked) / 1000);
}

static int
by_size(const void *a, const void *b)
{
	uint32_t	 x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static void
counter(const char *filter, const char *what, uint64_t value)
{
	char	 name[256];

	snprintf(name, sizeof(name), "filter.%s.%s", filter, what);
	report_counter(name, value);
}

static void
latencies(const struct filter_proc *f, const char *name)
{
	uint32_t	 sorted[FILTER_LATENCIES];
	size_t		 n = f->nlatencies < FILTER_LATENCIES ?
			    (size_t)f->nlatencies : FILTER_LATENCIES;
	char		 full[256];

	if (n == 0)
		return;
	memcpy(sorted, f->latency, n * sizeof(*sorted));
	qsort(sorted, n, sizeof(*sorted), by_size);
	snprintf(full, sizeof(full), "filter.%s.latency.p50", name);
	report_gauge(full, sorted[n / 2]);
	snprintf(full, sizeof(full), "filter.%s.latency.p99", name);
	report_gauge(full, sorted[n * 99 / 100]);
}

/* The name stands between dots, whatever else it holds. */
void
filter_stats(const struct filter_proc *f)
{
	char		 name[192];
	struct slice	 safe = report_safe(name, sizeof(name) - 1,
			    slice_str(f->conf->name), false);

	name[safe.n] = '\0';
	counter(name, "requests", f->nrequests);
	counter(name, "restarts", f->nstarts > 0 ? f->nstarts - 1 : 0);
	counter(name, "timeouts", f->ntimeouts);
	counter(name, "strikes", f->nstrikes);
	latencies(f, name);
}
