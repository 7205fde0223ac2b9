/* SPDX-License-Identifier: ISC */
/*
 * What becomes of a try: done, another try later, given up.  Marks it in the
 * spool, says it in the log and to the reports.  Queue process.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "smtpd/log.h"
#include "smtpd/loop.h"
#include "smtpd/proc.h"
#include "smtpd/queue.h"
#include "smtpd/queue_bounce.h"
#include "smtpd/report_emit.h"

/* What was said of an envelope, and by which server if by one. */
#define SAID_FMT	"%.*s%s%.*s"
#define SAID(o)		(int)(o)->dest.n, (o)->dest.p, (o)->dest.n > 0 ? ": " : "", \
			(int)(o)->reply.n, (o)->reply.p

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

/* What failed in the same turn for several recipients of a message is tried again at once for all. */
static int64_t
backoff_of(const struct envelope *e)
{
	static uint64_t	 at;
	static uint32_t	 msgid, attempts;
	static int64_t	 delay;

	if (at != loop_mono() || msgid != e->msg->msgid || attempts != e->attempts) {
		at = loop_mono();
		msgid = e->msg->msgid;
		attempts = e->attempts;
		delay = fate_backoff(attempts);
	}
	return delay;
}

static const char *
transport_of(const struct envelope *e)
{
	const struct action	*a = conf_action(proc_conf, e->action);

	if (e->route->kind == ROUTE_RELAY)
		return a != NULL && a->relay != NULL && a->relay->lmtp ? "lmtp" : "relay";
	return a != NULL && a->kind == ACTION_MDA ? "mda" : "maildir";
}

static void
report(enum event_id event, const struct envelope *e, const struct outcome *o)
{
	const uint64_t			 since = (uint64_t)e->msg->arrival * 1000000 +
	    e->msg->usec;
	const struct report_fate	 f = {
		.msgid = e->msg->msgid,
		.evpid = e->evpid,
		.transport = transport_of(e),
		.attempts = e->attempts,
		.delay = loop_wall() > since ? loop_wall() - since : 0,
		.next = event == EV_ENVELOPE_DEFERRED ? (uint64_t)e->next * 1000000 : 0,
		.dest = o->dest,
		.recipient = e->dest,
		.reply = o->reply,
	};

	report_envelope(event, &f);
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

/* -- given up -- */

static void
give_up(struct envelope *e, enum spool_state state, const struct outcome *o,
    void (*tell)(struct envelope *, const struct outcome *))
{
	message_touched(e);
	e->state = ENV_BOUNCING;
	e->fate = state;
	tell(e, o);
}

void
fate_bounced(struct envelope *e)
{
	finish(e, e->fate);
}

static void
expire(struct envelope *e, const struct outcome *o)
{
	log_warnx("envelope %016" PRIx64 " for %.*s has expired after %u attempts: " SAID_FMT,
	    e->evpid, (int)e->dest.n, e->dest.p, e->attempts, SAID(o));
	queue_counters.expired++;
	report(EV_ENVELOPE_EXPIRED, e, o);
	give_up(e, SPOOL_EXPIRED, o, bounce_expired);
}

static void
fail(struct envelope *e, const struct outcome *o)
{
	log_warnx("envelope %016" PRIx64 " for %.*s has failed: " SAID_FMT, e->evpid,
	    (int)e->dest.n, e->dest.p, SAID(o));
	queue_counters.failed++;
	report(EV_ENVELOPE_FAILED, e, o);
	give_up(e, SPOOL_FAILED, o, bounce_failed);
}

void
fate_removed(struct envelope *e)
{
	const struct outcome	 o = { .reply = SLICE("removed by the administrator") };

	log_info("envelope %016" PRIx64 " for %.*s is removed", e->evpid,
	    (int)e->dest.n, e->dest.p);
	queue_counters.removed++;
	report(EV_ENVELOPE_REMOVED, e, &o);
	finish(e, SPOOL_REMOVED);
}

/* -- another try -- */

static void
defer(struct envelope *e, int64_t delay, const struct outcome *o)
{
	log_info("envelope %016" PRIx64 " for %.*s is deferred for %" PRId64
	    " s after attempt %u: " SAID_FMT "%s", e->evpid, (int)e->dest.n, e->dest.p,
	    delay, e->attempts, SAID(o),
	    o->flags & RELAYED_UNSURE ? " (the end of data was sent, it may arrive twice)" : "");
	queue_counters.deferred++;
	e->next = queue_now() + delay;
	e->due = loop_mono() + (uint64_t)delay * SECOND;
	mark(e, SPOOL_WAITING);
	message_touched(e);
	report(EV_ENVELOPE_DEFERRED, e, o);
	bounce_delayed(e, o);
	sched_add(e);
}

static bool
is_over(const struct envelope *e)
{
	return e->tried >= e->msg->arrival + e->ttl;
}

/* An envelope expires only by a try that began after its time to live. */
static void
retry(struct envelope *e, int64_t delay, const struct outcome *o)
{
	if (e->removed)
		fate_removed(e);
	else if (is_over(e))
		expire(e, o);
	else
		defer(e, delay, o);
}

void
fate_waits(struct envelope *e, const struct outcome *o)
{
	e->tried = queue_now();
	if (!is_over(e)) {
		bounce_delayed(e, o);
		return;
	}
	sched_out(e);
	e->attempts++;
	expire(e, o);
}

/* It need not come back before there is something to be had. */
void
fate_beyond(struct envelope *e)
{
	const struct route	*r = e->route;
	const struct outcome	 o = { .result = JOB_TEMPFAIL,
	    .reply = slice_str(r->why != NULL ? r->why : "the destination is held") };
	int64_t			 delay, held;

	e->attempts++;
	delay = backoff_of(e);
	held = route_is_held(r) ?
	    (int64_t)((r->not_before - loop_mono()) / SECOND) + 1 : 0;
	if (delay < held)
		delay = held + arc4random_uniform((uint32_t)(held / 10 + 1));
	retry(e, delay, &o);
}

/* -- a try is over -- */

static void
done(struct envelope *e, const struct outcome *o)
{
	const struct message	*m = e->msg;
	bool			 relayed = e->route->kind == ROUTE_RELAY;
	struct slice		 to = relayed ? o->host : e->route->name;

	log_info("envelope %016" PRIx64 " is %s: from <%.*s> for %.*s, %s %.*s, %"
	    PRIu64 " bytes, attempt %u, after %" PRId64 " s%s%.*s", e->evpid,
	    relayed ? "relayed" : "delivered", (int)m->sender.n, m->sender.p,
	    (int)e->dest.n, e->dest.p, relayed ? "host" : "user", (int)to.n, to.p,
	    m->size, e->attempts, queue_now() - m->arrival,
	    o->reply.n > 0 ? ": " : "", (int)o->reply.n, o->reply.p);
	queue_counters.delivered++;
	queue_counters.bytes += m->size;
	report(EV_ENVELOPE_DELIVERED, e, o);
	if (!(o->flags & RELAYED_DSN))
		bounce_delivered(e, o, relayed);
	finish(e, SPOOL_DONE);
}

void
fate_decide(struct envelope *e, const struct outcome *o)
{
	e->attempts++;
	switch (o->result) {
	case JOB_DONE:
		done(e, o);
		break;
	case JOB_TEMPFAIL:
		retry(e, backoff_of(e), o);
		break;
	case JOB_PERMFAIL:
		if (e->removed)
			fate_removed(e);
		else
			fail(e, o);
		break;
	}
}

/* A damaged record does not heal, but nothing is thrown away in a hurry. */
void
fate_unreadable(struct envelope *e, int error)
{
	const struct outcome	 o = { .result = JOB_TEMPFAIL,
	    .reply = SLICE("its message cannot be read from the spool") };
	bool			 damaged = error == EBADMSG || error == ENOENT;

	e->attempts++;
	log_warnx("envelope %016" PRIx64 ": read its message: %s", e->evpid,
	    damaged ? "it is damaged" : strerror(error));
	retry(e, damaged ? BACKOFF_MAX : backoff_of(e), &o);
}

void
fate_died(struct envelope *e, const char *process)
{
	char		 why[64];
	struct outcome	 o = { .result = JOB_TEMPFAIL };
	int64_t		 delay;

	snprintf(why, sizeof(why), "its %s process died", process);
	o.reply = slice_str(why);
	e->attempts++;
	if (e->deaths < UINT8_MAX)
		e->deaths++;
	delay = (int64_t)DEATH_RETRY * e->deaths * e->deaths;
	retry(e, delay < BACKOFF_MAX ? delay : BACKOFF_MAX, &o);
}
