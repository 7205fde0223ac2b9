/* SPDX-License-Identifier: ISC */
/*
 * The channels to deliver processes: asks the parent for them, gives them
 * jobs, takes their results, survives their deaths.  Queue process.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "smtpd/log.h"
#include "smtpd/loop.h"
#include "smtpd/proc.h"
#include "smtpd/queue.h"

#define BACKLOG		(1024 * 1024)	/* unsent bytes: give no more */
#define WINDOW		(1024 * 1024)	/* no deliver may have more content sent ahead */
#define JOB_TIME	(600 * SECOND)	/* without an answer */
#define ASK_TIME	(60 * SECOND)	/* ask the parent again */
#define IDLE_TIME	(40 * SECOND)	/* see deliver_check_time() */
#define HOLD_FIRST	(SECOND / 10)	/* before another deliver, if one did nothing */
#define HOLD_DOUBLES	6		/* each time, so often */

static void	end(struct route *, const char *);

/* -- jobs -- */

/* Sends what the deliver's window allows of a large message. */
static void
stream(struct route *r)
{
	struct envelope	*e = r->stream;
	struct slice	 piece;
	uint64_t	 n;
	int		 error;

	while ((n = e->msg->size - r->stream_off) > 0 && r->window > 0) {
		n = n < CONTENT_PIECE ? n : CONTENT_PIECE;
		n = n < r->window ? n : r->window;
		if (content_read(e->msg, r->stream_off, n, &piece) == -1) {
			/* It cannot be told to forget a half. */
			error = errno;
			sched_stopped(e);
			fate_unreadable(e, error);
			end(r, "a message could not be read to its end");
			return;
		}
		ipc_begin(r->deliver, IPC_JOB_CONTENT);
		ipc_put_u64(r->deliver, e->evpid);
		ipc_put_slice(r->deliver, piece);
		ipc_end(r->deliver);
		r->window -= n;
		r->stream_off += n;
	}
	if (n > 0)
		return;
	r->stream = NULL;
	message_touched(e);
	route_place(r);
}

static void
send_job(const struct envelope *e, struct slice content)
{
	const struct ipc_job	 j = {
		.evpid = e->evpid,
		.attempt = e->attempts + 1,
		.arrival = e->msg->arrival,
		.size = e->msg->size,
		.action = e->action,
		.user = e->route->name,
		.sender = e->msg->sender,
		.rcpt = e->rcpt,
		.dest = e->dest,
		.content = content,
	};

	ipc_send_job(e->route->deliver, &j);
}

static void
drained_cb(struct ipc *ipc, void *arg)
{
	struct route	*r = arg;

	(void)ipc;
	r->choked = false;
	route_place(r);
	queue_turn_again();
}

static void
run(struct envelope *e)
{
	struct route	*r = e->route;
	uint64_t	 size = e->msg->size;
	struct slice	 content;
	int		 error;

	if ((size <= SPOOL_SMALL ? content_read(e->msg, 0, size, &content) :
	    content_check_end(e->msg)) == -1) {
		error = errno;
		sched_stopped(e);
		fate_unreadable(e, error);
		return;
	}
	if (size <= SPOOL_SMALL) {
		send_job(e, content);
		message_touched(e);
	} else {
		send_job(e, SLICE(""));
		r->stream = e;
		r->stream_off = 0;
		route_place(r);		/* others wait until all of it is sent */
		stream(r);
	}
	if (r->deliver == NULL || ipc_backlog(r->deliver) < BACKLOG)
		return;
	ipc_flush(r->deliver);
	if (ipc_backlog(r->deliver) >= BACKLOG) {
		r->choked = true;
		route_place(r);
	}
}

static void
want(struct route *r)
{
	r->asked = true;
	r->asked_at = loop_mono();
	route_place(r);
	ipc_begin(proc_parent, IPC_DELIVER_WANT);
	ipc_put_slice(proc_parent, r->name);
	ipc_end(proc_parent);
}

/* An idle one: it ends when its channel does. */
static void
leave(struct route *r)
{
	ipc_free(r->deliver);
	r->deliver = NULL;
	r->leaving = r->choked = false;
	route_place(r);
}

static bool
is_idle(const struct route *r)
{
	return r->nrunning == 0 && loop_mono() - r->heard >= IDLE_TIME;
}

void
deliver_turn(void)
{
	struct route	*r;

	sched_wake();
	if (queue_stopping || proc_parent == NULL)
		return;
	while ((r = route_leave_next()) != NULL)
		leave(r);
	while ((r = route_want_next()) != NULL)
		want(r);
	while ((r = route_feed_next()) != NULL)
		if (is_idle(r)) {
			leave(r);
			queue_turn_again();
		} else
			run(sched_take(r));
}

/* -- answers -- */

static struct envelope *
running(struct route *r, uint64_t evpid)
{
	struct envelope	*e;

	TAILQ_FOREACH(e, &r->running, entry)
		if (e->evpid == evpid)
			break;
	return e;
}

static void
result(struct route *r, struct ipc *ipc, struct ipc_msg *msg)
{
	uint64_t	 evpid = ipc_get_u64(msg);
	uint8_t		 said = ipc_get_u8(msg);
	struct outcome	 o = { .result = said, .reply = ipc_get_slice(msg) };
	struct envelope	*e;

	if (!ipc_complete(ipc, msg))
		return;
	if ((e = running(r, evpid)) == NULL || said > JOB_PERMFAIL) {
		log_warnx("deliver of %.*s answers %u for envelope %016" PRIx64
		    ", which it was not given", (int)r->name.n, r->name.p, said,
		    evpid);
		return;
	}
	r->failures = 0;
	r->heard = loop_mono();
	sched_stopped(e);
	fate_decide(e, &o);
}

/* One that dies again and again before it did anything is not replaced at once. */
static void
hold(struct route *r)
{
	r->not_before = loop_mono() + (HOLD_FIRST <<
	    (r->failures < HOLD_DOUBLES ? r->failures : HOLD_DOUBLES));
	r->failures++;
}

/* What it held counts as an attempt; when we stop, it is tried at the next start. */
static void
died(struct route *r)
{
	struct envelope	*e;

	if (r->nrunning > 0 && !queue_stopping) {
		log_warnx("deliver of %.*s died with %u jobs", (int)r->name.n,
		    r->name.p, r->nrunning);
		queue_counters.died++;
	}
	hold(r);
	r->deliver = NULL;
	r->stream = NULL;
	r->choked = r->leaving = false;
	while ((e = TAILQ_FIRST(&r->running)) != NULL) {
		sched_stopped(e);
		if (!queue_stopping)
			fate_died(e, "deliver");
	}
	route_place(r);
}

static void
end(struct route *r, const char *why)
{
	struct ipc	*ipc = r->deliver;

	log_warnx("deliver of %.*s is left alone: %s", (int)r->name.n,
	    r->name.p, why);
	died(r);
	ipc_free(ipc);
}

static void
window(struct route *r, struct ipc *ipc, struct ipc_msg *msg)
{
	uint32_t	 n = ipc_get_u32(msg);

	if (!ipc_complete(ipc, msg))
		return;
	r->window = n < WINDOW - r->window ? r->window + n : WINDOW;
	if (r->stream != NULL)
		stream(r);
}

static void
deliver_cb(struct ipc *ipc, struct ipc_msg *msg, void *arg)
{
	struct route	*r = arg;

	if (msg == NULL) {
		died(r);
		ipc_free(ipc);
		return;
	}
	switch (msg->type) {
	case IPC_RESULT:
		result(r, ipc, msg);
		break;
	case IPC_WINDOW:
		window(r, ipc, msg);
		break;
	default:
		log_warnx("unexpected %s", ipc_type_name(msg->type));
	}
}

/* -- from the parent -- */

void
deliver_met(struct slice name, int fd)
{
	struct route	*r = route_find(ROUTE_USER, SLICE(""), name);

	if (r == NULL || !r->asked) {
		log_warnx("a deliver for %.*s that nobody asked for",
		    (int)name.n, name.p);
		ipc_free(ipc_new(PROC_QUEUE, PROC_DELIVER, fd, deliver_cb, NULL));
		return;
	}
	r->asked = false;
	r->window = 0;
	r->met = r->heard = loop_mono();
	r->deliver = ipc_new(PROC_QUEUE, PROC_DELIVER, fd, deliver_cb, r);
	ipc_on_drain(r->deliver, drained_cb);
	route_place(r);
}

void
deliver_none(struct slice name, bool permanent, struct slice why)
{
	const struct outcome	 o = { .reply = why,
	    .result = permanent ? JOB_PERMFAIL : JOB_TEMPFAIL };
	struct route		*r = route_find(ROUTE_USER, SLICE(""), name);
	struct envelope		*e;

	if (r == NULL || r->deliver != NULL)
		return;
	r->asked = false;
	route_place(r);
	while ((e = sched_unready(r)) != NULL)
		fate_decide(e, &o);
}

/* Has a deliver a job, and has given no answer for too long? */
static bool
hangs(const struct route *r)
{
	const struct envelope	*e = TAILQ_FIRST(&r->running);
	uint64_t		 since;

	if (e == NULL)
		return false;
	since = e->started > r->heard ? e->started : r->heard;
	return loop_mono() - since >= JOB_TIME;
}

/*
 * A deliver that has been idle for 60 s ends itself, and a job that it was
 * given in that moment would be its death.  So it is left before: here, every
 * 10 s, and when it would be given one.
 */
void
deliver_check_time(void)
{
	struct route	*r;

	for (r = route_next(NULL); r != NULL; r = route_next(r)) {
		if (r->deliver != NULL && hangs(r))
			end(r, "it has not answered for 10 minutes");
		else if (r->deliver != NULL && is_idle(r))
			leave(r);
		/* The parent could not start one, and did not say so. */
		if (r->asked && loop_mono() - r->asked_at >= ASK_TIME) {
			r->asked = false;
			route_place(r);
		}
	}
}
