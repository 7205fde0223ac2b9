/* SPDX-License-Identifier: ISC */
#ifndef SMTPD_QUEUE_BOUNCE_H
#define SMTPD_QUEUE_BOUNCE_H

/*
 * What a sender is told of his mail: that it failed, is late, has arrived.
 * Called by queue_fate.c, after the attempt is counted and logged.  Whether
 * somebody is told (null sender, notify of the envelope, `bounce
 * warn-interval`) is decided behind these functions.  What they are given is
 * theirs until they return.
 * Used by the queue process.
 */
#include <stdbool.h>
#include <stdint.h>

#include "smtpd/ipc.h"

struct envelope;
struct outcome;

/*
 * The envelope is given up.  It is ENV_BOUNCING, in no list, and stays until
 * fate_bounced(e) is called for it, once: at once where nobody is told, else
 * when the notification's commit is flushed.  Until then the spool holds it as
 * waiting, so that a death of the queue forgets no notification.  If none can
 * be stored now, it is this side that tries again.
 */
void	bounce_failed(struct envelope *, const struct outcome *);
void	bounce_expired(struct envelope *, const struct outcome *);
/*
 * A try failed and another will follow: is a warning due?  Also called, at each
 * failure of its destination, for an envelope that waits with it untried.
 */
void	bounce_delayed(struct envelope *, const struct outcome *);
/*
 * It was delivered, or relayed to a server that will not tell the sender more
 * (RFC 3461 5.2.2; not called where that one will).  Its mark does not wait.
 */
void	bounce_delivered(const struct envelope *, const struct outcome *, bool relayed);

/* How many warnings a message of that age (seconds) has had: what a restart assumes. */
uint8_t	bounce_warnings(int64_t age);

/* Notifications on their way: called at the end of a turn, before the flush. */
void	bounce_turn(void);
/* When the next may go on, monotonic ns; 0: none waits. */
uint64_t bounce_due(void);
/* Lookup's answer about the recipient of one. */
void	bounce_verdict(uint32_t msgid, uint32_t serial, enum verdict, uint32_t nenvelopes);
/* The end of a transaction of commit_own(). */
void	bounce_committed(uint32_t msgid, enum commit_result);

#endif
