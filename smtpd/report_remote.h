/* SPDX-License-Identifier: ISC */
#ifndef SMTPD_REPORT_REMOTE_H
#define SMTPD_REPORT_REMOTE_H

/*
 * Events of a process that is not smtp: lines in the dialects that someone
 * reads, sent to smtp's bus at the end of the turn.  Used by queue and relay.
 */
struct ipc;

/* Once configured: from now on report_emit.h's functions go there. */
void	report_remote_init(void);
/* The channel to smtp; NULL: it is gone, and lines are lost with it. */
void	report_remote_peer(struct ipc *);

#endif
