/* SPDX-License-Identifier: ISC */
/*
 * Which envelope is next: a heap of those that wait for their time, lists of
 * those that are ready by route.  It decides and does nothing else.  Queue
 * process.
 */
#include <stdlib.h>

#include "lib/nitems.h"
#include "smtpd/log.h"
#include "smtpd/loop.h"
#include "smtpd/queue.h"

#define DEATHS_ALONE	2		/* an envelope that was in so many runs by itself */

static struct envelope		**heap;		/* heap[1] is tried first */
static size_t			 heap_size;
static struct sched_count	 count;

/* -- the heap -- */

static void
heap_set(size_t i, struct envelope *e)
{
	heap[i] = e;
	e->heap = i;
}

static void
heap_up(size_t i, struct envelope *e)
{
	for (; i > 1 && heap[i / 2]->due > e->due; i /= 2)
		heap_set(i, heap[i / 2]);
	heap_set(i, e);
}

static void
heap_down(size_t i, struct envelope *e)
{
	size_t	 child;

	for (; (child = 2 * i) <= count.waiting; i = child) {
		if (child < count.waiting &&
		    heap[child + 1]->due < heap[child]->due)
			child++;
		if (heap[child]->due >= e->due)
			break;
		heap_set(i, heap[child]);
	}
	heap_set(i, e);
}

static void
heap_put(struct envelope *e)
{
	struct envelope	**p;

	if (count.waiting + 2 > heap_size) {
		heap_size = heap_size == 0 ? 1024 : 2 * heap_size;
		if ((p = reallocarray(heap, heap_size, sizeof(*p))) == NULL)
			fatal("schedule of %zu envelopes", heap_size);
		heap = p;
	}
	heap_up(++count.waiting, e);
}

static void
heap_del(struct envelope *e)
{
	size_t		 i = e->heap;
	struct envelope	*last = heap[count.waiting--];

	e->heap = 0;
	if (last == e)
		return;
	if (i > 1 && heap[i / 2]->due > last->due)
		heap_up(i, last);
	else
		heap_down(i, last);
}

/* -- envelopes -- */

static struct envelopes *
list_of(const struct envelope *e)
{
	struct route	*r = e->route;

	return e->deaths >= DEATHS_ALONE ? &r->lone : e->old ? &r->old : &r->fresh;
}

static void
ready(struct envelope *e)
{
	e->state = ENV_READY;
	e->old = e->attempts > 0;
	count.ready++;
	e->route->nready++;
	TAILQ_INSERT_TAIL(list_of(e), e, entry);
	route_place(e->route);
}

static void
unready(struct envelope *e)
{
	TAILQ_REMOVE(list_of(e), e, entry);
	e->state = ENV_HELD;
	count.ready--;
	e->route->nready--;
}

void
sched_add(struct envelope *e)
{
	if (e->paused)
		e->state = ENV_PAUSED;
	else if (e->due <= loop_mono())
		ready(e);
	else {
		e->state = ENV_WAITING;
		heap_put(e);
	}
}

void
sched_out(struct envelope *e)
{
	if (e->state == ENV_WAITING)
		heap_del(e);
	else if (e->state == ENV_READY) {
		unready(e);
		route_place(e->route);
	}
	e->state = ENV_HELD;
}

void
sched_wake(void)
{
	struct envelope	*e;

	while (count.waiting > 0 && (e = heap[1])->due <= loop_mono()) {
		heap_del(e);
		ready(e);
	}
	route_wake();
}

uint64_t
sched_due(void)
{
	return count.waiting == 0 ? 0 : heap[1]->due;
}

/* While new mail waits, old mail takes at most every other slot. */
static struct envelopes *
list_of_next(struct route *r)
{
	if (!TAILQ_EMPTY(&r->lone))
		return &r->lone;
	if (!TAILQ_EMPTY(&r->old) && (TAILQ_EMPTY(&r->fresh) ||
	    2 * (r->nold + 1) <= r->nrunning + 1))
		return &r->old;
	return &r->fresh;
}

static void
count_running(const struct envelope *e, int n)
{
	struct route	*r = e->route;
	int		 old = e->old ? n : 0;

	r->nrunning += n;
	r->nold += old;
	count.running += n;
	if (r->kind != ROUTE_RELAY)
		return;
	count.relayed += n;
	count.relayed_old += old;
}

void
sched_run(struct envelope *e)
{
	struct route	*r = e->route;

	r->alone = list_of(e) == &r->lone;
	unready(e);
	e->state = ENV_RUNNING;
	e->started = loop_mono();
	e->tried = queue_now();
	TAILQ_INSERT_TAIL(&r->running, e, entry);
	count_running(e, 1);
	route_place(r);
}

struct envelope *
sched_take(struct route *r)
{
	struct envelope	*e = TAILQ_FIRST(list_of_next(r));

	sched_run(e);
	return e;
}

/* Recipients of a message became ready one after the other. */
struct envelope *
sched_like(const struct envelope *e)
{
	struct envelope	*next = TAILQ_FIRST(list_of(e));

	return e->deaths >= DEATHS_ALONE || next == NULL || next->msg != e->msg ?
	    NULL : next;
}

void
sched_stopped(struct envelope *e)
{
	struct route	*r = e->route;

	TAILQ_REMOVE(&r->running, e, entry);
	e->state = ENV_HELD;
	count_running(e, -1);
	if (r->stream == e)
		r->stream = NULL;
	if (r->nrunning == 0)
		r->alone = false;
	route_place(r);
}

struct envelope *
sched_unready(struct route *r)
{
	struct envelopes	*lists[] = { &r->fresh, &r->old, &r->lone };
	struct envelope		*e;
	size_t			 i;

	for (i = 0; i < nitems(lists); i++) {
		if ((e = TAILQ_LAST(lists[i], envelopes)) == NULL)
			continue;
		unready(e);
		e->tried = queue_now();
		route_place(r);
		return e;
	}
	return NULL;
}

void
sched_each_ready(struct route *r, void (*fn)(struct envelope *, const struct outcome *),
    const struct outcome *o)
{
	struct envelopes	*lists[] = { &r->fresh, &r->old, &r->lone };
	struct envelope		*e, *next;
	size_t			 i;

	route_keep(r);
	for (i = 0; i < nitems(lists); i++)
		TAILQ_FOREACH_SAFE(e, lists[i], entry, next)
			fn(e, o);
	route_release(r);
}

struct sched_count
sched_count(void)
{
	return count;
}
