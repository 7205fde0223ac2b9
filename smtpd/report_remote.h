/* SPDX-License-Identifier: ISC */
#ifndef SMTPD_REPORT_REMOTE_H
#define SMTPD_REPORT_REMOTE_H

/*
 * Events of a process that is not smtp: lines in the dialects that someone
 * reads, sent to smtp's bus at the end of the turn.  Used by queue and relay.
 */
#include <stdbool.h>
#include <stdint.h>

#include "lib/report.h"

struct ipc;

/* Once configured: from now on report_emit.h's functions go there. */
void	report_remote_init(void);
/* The channel to smtp; NULL: it is gone, and lines are lost with it. */
void	report_remote_peer(struct ipc *);
/* Does anybody read what is said in a session with these watchers (report_emit.h)? */
bool	report_remote_wanted(enum subsystem, uint64_t watchers);
/* What is reported from now on happened then, microseconds since the epoch; 0: now. */
void	report_remote_at(uint64_t time);

#endif
