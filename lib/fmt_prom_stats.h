/* SPDX-License-Identifier: ISC */
#ifndef LIB_FMT_PROM_STATS_H
#define LIB_FMT_PROM_STATS_H

/*
 * Counters and gauges that the stream itself tells, for fmt_prom.c.
 */
#include "lib/fmt_int.h"

#define PROM_STATS_MAX	256	/* names; what is more is not taken */
#define PROM_NAME_MAX	100

struct prom_stats {
	size_t		 n;
	struct prom_stat {
		char		 name[PROM_NAME_MAX];
		size_t		 n;
		bool		 gauge;
		uint64_t	 value;
	} stat[PROM_STATS_MAX];
};

void	prom_stats_take(struct prom_stats *, struct slice name, bool gauge, uint64_t value);
void	prom_stats_put(struct outbuf *, const struct prom_stats *);

/* -- fmt_prom.c: parts of the text format -- */
void	prom_put_number(struct outbuf *, uint64_t);	/* with the end of the line */
void	prom_put_family(struct outbuf *, const char *name, const char *type, const char *help);

#endif
