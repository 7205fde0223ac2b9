/* SPDX-License-Identifier: ISC */
/*
 * What a sender is told of his mail: nothing but a line in the log.  Queue
 * process.
 */
#include <inttypes.h>

#include "smtpd/log.h"
#include "smtpd/queue.h"
#include "smtpd/queue_bounce.h"

static void
nobody_told(const struct envelope *e, const char *what)
{
	log_debug("envelope %016" PRIx64 " %s: <%.*s> is not told", e->evpid, what,
	    (int)e->msg->sender.n, e->msg->sender.p);
}

void
bounce_failed(struct envelope *e, const struct outcome *o)
{
	(void)o;
	nobody_told(e, "has failed");
	fate_bounced(e);
}

void
bounce_expired(struct envelope *e, const struct outcome *o)
{
	(void)o;
	nobody_told(e, "has expired");
	fate_bounced(e);
}

void
bounce_delayed(struct envelope *e, const struct outcome *o)
{
	(void)o;
	nobody_told(e, "is delayed");
}

void
bounce_delivered(const struct envelope *e, const struct outcome *o, bool relayed)
{
	(void)o;
	nobody_told(e, relayed ? "is relayed" : "is delivered");
}
