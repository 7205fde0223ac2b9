/* SPDX-License-Identifier: ISC */
/*
 * What becomes of a try: done, another try later, given up.  Marks it in the
 * spool and says it in the log.  Queue process.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "smtpd/log.h"
#include "smtpd/loop.h"
#include "smtpd/queue.h"

#define BACKOFF_FIRST	10		/* seconds; times attempts squared */
#define BACKOFF_MAX	(4 * 3600)
#define DEATH_RETRY	1		/* seconds, times deaths squared: it may not be to blame */

int64_t
fate_backoff(uint32_t attempts)
{
	int64_t	 s = attempts > 100 ? BACKOFF_MAX :
	    (int64_t)BACKOFF_FIRST * attempts * attempts;

	if (s > BACKOFF_MAX)
		s = BACKOFF_MAX;
	/* Up to a tenth is random: what failed together is not tried together. */
	return s + arc4random_uniform((uint32_t)(s / 10 + 1));
}

static void
mark(const struct envelope *e, enum spool_state state)
{
	const struct spool_rcpt	 r = { state, e->attempts, e->next };

	if (spool_mark(queue_spool, e->msg->recno, e->index, &r) == -1)
		log_warn("envelope %016" PRIx64 ": mark in the spool", e->evpid);
	queue_fates_waiting();
}

static void
finish(struct envelope *e, enum spool_state state)
{
	mark(e, state);
	message_settle(e);
}

static void
defer(struct envelope *e, int64_t delay, struct slice why)
{
	log_info("envelope %016" PRIx64 " for %.*s is deferred for %" PRId64
	    " s after attempt %u: %.*s", e->evpid, (int)e->dest.n, e->dest.p,
	    delay, e->attempts, (int)why.n, why.p);
	queue_counters.deferred++;
	e->next = queue_now() + delay;
	e->due = loop_mono() + (uint64_t)delay * SECOND;
	mark(e, SPOOL_WAITING);
	message_touched(e);
	sched_add(e);
}

/* An envelope expires only by a try that began after its time to live. */
static void
retry(struct envelope *e, int64_t delay, struct slice why)
{
	if (e->tried < e->msg->arrival + e->ttl) {
		defer(e, delay, why);
		return;
	}
	log_warnx("envelope %016" PRIx64 " for %.*s has expired after %u attempts: %.*s",
	    e->evpid, (int)e->dest.n, e->dest.p, e->attempts, (int)why.n, why.p);
	queue_counters.expired++;
	finish(e, SPOOL_EXPIRED);
}

static void
done(struct envelope *e, struct slice why)
{
	const struct message	*m = e->msg;

	log_info("envelope %016" PRIx64 " is delivered: from <%.*s> for %.*s, user %.*s, %"
	    PRIu64 " bytes, attempt %u, after %" PRId64 " s%s%.*s", e->evpid,
	    (int)m->sender.n, m->sender.p, (int)e->dest.n, e->dest.p,
	    (int)e->user->name.n, e->user->name.p, m->size, e->attempts,
	    queue_now() - m->arrival, why.n > 0 ? ": " : "", (int)why.n, why.p);
	queue_counters.delivered++;
	finish(e, SPOOL_DONE);
}

void
fate_decide(struct envelope *e, enum job_result result, struct slice why)
{
	e->attempts++;
	switch (result) {
	case JOB_DONE:
		done(e, why);
		break;
	case JOB_TEMPFAIL:
		retry(e, fate_backoff(e->attempts), why);
		break;
	case JOB_PERMFAIL:
		log_warnx("envelope %016" PRIx64 " for %.*s has failed: %.*s",
		    e->evpid, (int)e->dest.n, e->dest.p, (int)why.n, why.p);
		queue_counters.failed++;
		finish(e, SPOOL_FAILED);
		break;
	}
}

/* A damaged record does not heal, but nothing is thrown away in a hurry. */
void
fate_unreadable(struct envelope *e, int error)
{
	bool	 damaged = error == EBADMSG || error == ENOENT;

	e->attempts++;
	log_warnx("envelope %016" PRIx64 ": read its message: %s", e->evpid,
	    damaged ? "it is damaged" : strerror(error));
	retry(e, damaged ? BACKOFF_MAX : fate_backoff(e->attempts),
	    SLICE("its message cannot be read from the spool"));
}

void
fate_died(struct envelope *e)
{
	int64_t	 delay;

	e->attempts++;
	if (e->deaths < UINT8_MAX)
		e->deaths++;
	delay = (int64_t)DEATH_RETRY * e->deaths * e->deaths;
	retry(e, delay < BACKOFF_MAX ? delay : BACKOFF_MAX,
	    SLICE("its deliver process died"));
}
