/* SPDX-License-Identifier: ISC */
/*
 * When an envelope is tried, and what becomes of a try: a heap of waiting
 * envelopes, backoff, fates.  Queue process.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>
#include <event2/event_struct.h>

#include "smtpd/log.h"
#include "smtpd/loop.h"
#include "smtpd/queue.h"

#define BACKOFF_FIRST	10		/* seconds; times attempts squared */
#define BACKOFF_MAX	(4 * 3600)
#define DEATH_RETRY	1		/* seconds, times deaths squared: it may not be to blame */
#define FLUSH_WITHIN	1		/* seconds until a fate is durable */
#define FLUSH_AGAIN	10		/* seconds until the next try, if it failed */

/* heap[1] is tried first. */
static struct envelope	**heap;
static size_t		 nheap, heap_size;
static struct event	 timer, fates;

static void
heap_set(size_t i, struct envelope *e)
{
	heap[i] = e;
	e->heap = i;
}

static void
heap_up(size_t i, struct envelope *e)
{
	for (; i > 1 && heap[i / 2]->next > e->next; i /= 2)
		heap_set(i, heap[i / 2]);
	heap_set(i, e);
}

static void
heap_down(size_t i, struct envelope *e)
{
	size_t	 child;

	for (; (child = 2 * i) <= nheap; i = child) {
		if (child < nheap && heap[child + 1]->next < heap[child]->next)
			child++;
		if (heap[child]->next >= e->next)
			break;
		heap_set(i, heap[child]);
	}
	heap_set(i, e);
}

static struct envelope *
heap_pop(void)
{
	struct envelope	*first = heap[1], *last = heap[nheap--];

	if (nheap > 0)
		heap_down(1, last);
	first->heap = 0;
	return first;
}

static void
set_timer(void)
{
	struct timeval	 tv = { 0, 0 };
	int64_t		 now = queue_now();

	if (nheap == 0)
		return;
	if (heap[1]->next > now)
		tv.tv_sec = heap[1]->next - now;
	event_add(&timer, &tv);
}

size_t
sched_waiting(void)
{
	return nheap;
}

void
sched_envelope(struct envelope *e)
{
	struct envelope	**p;

	if (e->next <= queue_now()) {
		e->state = ENV_READY;
		deliver_ready(e);
		return;
	}
	if (nheap + 2 > heap_size) {
		heap_size = heap_size == 0 ? 1024 : 2 * heap_size;
		if ((p = reallocarray(heap, heap_size, sizeof(*p))) == NULL)
			fatal("schedule of %zu envelopes", heap_size);
		heap = p;
	}
	e->state = ENV_WAITING;
	heap_up(++nheap, e);
	if (e->heap == 1)
		set_timer();
}

static void
timer_cb(evutil_socket_t fd, short what, void *arg)
{
	struct envelope	*e;
	int64_t		 now = queue_now();

	(void)fd;
	(void)what;
	(void)arg;
	while (nheap > 0 && heap[1]->next <= now) {
		e = heap_pop();
		e->state = ENV_READY;
		deliver_ready(e);
	}
	set_timer();
}

static void
fates_cb(evutil_socket_t fd, short what, void *arg)
{
	struct timeval	 tv = { FLUSH_AGAIN, 0 };

	(void)fd;
	(void)what;
	(void)arg;
	if (queue_spool == NULL || spool_dirty(queue_spool) == 0)
		return;
	/* With a message in the batch it is commit_flush() that flushes, and answers. */
	if (spool_dirty(queue_spool) == 1)
		tv.tv_sec = FLUSH_WITHIN;
	else if (spool_flush(queue_spool) == 0)
		return;
	else
		log_warn("flush of the spool; fates are written again");
	event_add(&fates, &tv);
}

void
sched_init(void)
{
	evtimer_assign(&timer, loop_base, timer_cb, NULL);
	evtimer_assign(&fates, loop_base, fates_cb, NULL);
}

/* Of two that failed together one comes first: up to a tenth is random. */
int64_t
sched_backoff(uint32_t attempts)
{
	int64_t	 s = attempts > 100 ? BACKOFF_MAX :
	    (int64_t)BACKOFF_FIRST * attempts * attempts;

	if (s > BACKOFF_MAX)
		s = BACKOFF_MAX;
	return s + arc4random_uniform((uint32_t)(s / 10 + 1));
}

static void
mark(const struct envelope *e, enum spool_state state)
{
	struct spool_rcpt	 r = { state, e->attempts, e->next };
	struct timeval		 tv = { FLUSH_WITHIN, 0 };

	if (spool_mark(queue_spool, e->msg->recno, e->index, &r) == -1)
		log_warn("envelope %016" PRIx64 ": mark in the spool", e->evpid);
	if (!event_pending(&fates, EV_TIMEOUT, NULL))
		event_add(&fates, &tv);
}

static void
finish(struct envelope *e, enum spool_state state)
{
	struct message	*m = e->msg;

	mark(e, state);
	m->env[e->index] = NULL;
	envelope_free(e);
	if (--m->left == 0)
		message_free(m);
}

static void
defer(struct envelope *e, int64_t delay, struct slice why)
{
	struct message	*m = e->msg;
	uint32_t	 i;

	e->next = queue_now() + delay;
	log_info("envelope %016" PRIx64 " for %s is deferred for %" PRId64
	    " s: %.*s", e->evpid, e->dest, delay, (int)why.n, why.p);
	mark(e, SPOOL_WAITING);
	sched_envelope(e);
	if (m->content == NULL)
		return;
	/* A message all of whose envelopes wait is read again when needed. */
	for (i = 0; i < m->n; i++)
		if (m->env[i] != NULL && m->env[i]->state != ENV_WAITING)
			return;
	message_drop_content(m);
}

static void
failed(struct envelope *e, int64_t delay, struct slice why)
{
	int64_t	 began = queue_now();

	/* Only a try that began after its ttl ends an envelope. */
	if (e->state == ENV_RUNNING)
		began -= (int64_t)((loop_mono() - e->started) / 1000000000);
	if (began < e->msg->arrival + e->ttl) {
		defer(e, delay, why);
		return;
	}
	log_warnx("envelope %016" PRIx64 " for %s has expired after %u attempts: %.*s",
	    e->evpid, e->dest, e->attempts, (int)why.n, why.p);
	finish(e, SPOOL_EXPIRED);
}

void
sched_done(struct envelope *e, enum job_result result, struct slice why)
{
	e->attempts++;
	switch (result) {
	case JOB_DONE:
		log_info("envelope %016" PRIx64 " is delivered: from <%s> for %s, user %s, %" PRIu64
		    " bytes, attempt %u, after %" PRId64 " s%s%.*s", e->evpid,
		    e->msg->sender, e->dest, e->user->name, e->msg->size,
		    e->attempts, queue_now() - e->msg->arrival,
		    why.n > 0 ? ": " : "", (int)why.n, why.p);
		finish(e, SPOOL_DONE);
		break;
	case JOB_TEMPFAIL:
		failed(e, sched_backoff(e->attempts), why);
		break;
	case JOB_PERMFAIL:
		log_warnx("envelope %016" PRIx64 " for %s has failed: %.*s",
		    e->evpid, e->dest, (int)why.n, why.p);
		finish(e, SPOOL_FAILED);
		break;
	}
}

/* A damaged record does not heal, but nothing is thrown away in a hurry. */
void
sched_unreadable(struct envelope *e, int error)
{
	bool	 damaged = error == EBADMSG || error == ENOENT;

	e->attempts++;
	log_warnx("envelope %016" PRIx64 ": read its content: %s", e->evpid,
	    damaged ? "the record is damaged" : strerror(error));
	failed(e, damaged ? BACKOFF_MAX : sched_backoff(e->attempts),
	    SLICE("its content cannot be read"));
}

void
sched_died(struct envelope *e)
{
	int64_t	 delay;

	e->attempts++;
	if (e->deaths < UINT8_MAX)
		e->deaths++;
	delay = (int64_t)DEATH_RETRY * e->deaths * e->deaths;
	failed(e, delay < BACKOFF_MAX ? delay : BACKOFF_MAX,
	    SLICE("its deliver process died"));
}
