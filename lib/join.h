/* SPDX-License-Identifier: ISC */
#ifndef LIB_JOIN_H
#define LIB_JOIN_H

/*
 * The joiner of txjoin(1): what the lines of a session, a transaction or a
 * message say one by one becomes one derived line.  Its memory is that of the
 * open sessions and, for messages, of those without a fate.
 */
#include <stddef.h>
#include <stdint.h>

#include "lib/report.h"

struct join;
struct outbuf;

enum join_output {
	JOIN_TX,		/* tx-summary */
	JOIN_LINK,		/* link-summary */
	JOIN_MSG,		/* msg-summary */
	JOIN_CHECK		/* tx-summary of what has no end */
};

struct join_options {
	enum join_output	 output;
	size_t			 most;		/* sessions, and messages, at a time */
	uint64_t		 oldest;	/* microseconds; 0: any age */
};

/* NULL with errno if there is no memory; out stays the caller's. */
struct join *join_new(const struct join_options *, struct outbuf *out);
void	join_free(struct join *);
/* As report_parse does, but cut only as far as join_report looks. */
enum report_class join_parse(struct report *, struct slice line);
/* One known record.  0, or -1 with errno: there is no memory to go on. */
int	join_report(struct join *, const struct report *);
/* The end of input: what is open is written as open. */
int	join_end(struct join *);
/* Sessions and messages that the bounds have closed, and lines of JOIN_CHECK. */
size_t	join_evicted(const struct join *);
size_t	join_violations(const struct join *);

#endif
