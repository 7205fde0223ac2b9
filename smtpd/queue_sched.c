/* SPDX-License-Identifier: ISC */
/*
 * Which envelope is next: a heap of those that wait for their time, lists of
 * those that are ready by user, and rings in which users take turns.  It
 * decides and does nothing else.  Queue process.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/nitems.h"
#include "smtpd/log.h"
#include "smtpd/loop.h"
#include "smtpd/queue.h"

#define TURN		(5 * SECOND)	/* a deliver is kept so long while others wait */
#define DEATHS_ALONE	2		/* an envelope that was in so many runs by itself */

static int	user_cmp(const struct user *, const struct user *);

static RB_HEAD(users, user)	users = RB_INITIALIZER(&users);
RB_PROTOTYPE(users, user, tree, user_cmp)
static TAILQ_HEAD(ring_head, user) rings[RING_MAX] = {
	[RING_FEED]	= TAILQ_HEAD_INITIALIZER(rings[RING_FEED]),
	[RING_WANT_FRESH] = TAILQ_HEAD_INITIALIZER(rings[RING_WANT_FRESH]),
	[RING_WANT_OLD]	= TAILQ_HEAD_INITIALIZER(rings[RING_WANT_OLD]),
	[RING_IDLE]	= TAILQ_HEAD_INITIALIZER(rings[RING_IDLE]),
};
static TAILQ_HEAD(, user)	 holders = TAILQ_HEAD_INITIALIZER(holders);
static struct envelope		**heap;		/* heap[1] is tried first */
static size_t			 heap_size;
static struct sched_count	 count;
static size_t			 nwant;		/* users that need a deliver */
static bool			 old_turn;

RB_GENERATE(users, user, tree, user_cmp)

/* -- users -- */

static int
user_cmp(const struct user *a, const struct user *b)
{
	if (a->name.n != b->name.n)
		return a->name.n < b->name.n ? -1 : 1;
	return memcmp(a->name.p, b->name.p, a->name.n);
}

struct user *
user_find(struct slice name)
{
	struct user	 key = { .name = name };

	return RB_FIND(users, &users, &key);
}

/* They stay: there are no more than the system has. */
struct user *
user_get(struct slice name)
{
	struct user	*u = user_find(name);

	if (u != NULL)
		return u;
	if ((u = calloc(1, sizeof(*u) + name.n)) == NULL)
		return NULL;
	memcpy(u->text, name.p, name.n);
	u->name = slice_make(u->text, name.n);
	TAILQ_INIT(&u->fresh);
	TAILQ_INIT(&u->old);
	TAILQ_INIT(&u->lone);
	TAILQ_INIT(&u->running);
	RB_INSERT(users, &users, u);
	count.users++;
	return u;
}

struct user *
user_next(struct user *u)
{
	return u == NULL ? RB_MIN(users, &users) : RB_NEXT(users, &users, u);
}

/* -- rings -- */

static bool
has_ready(const struct user *u)
{
	return !TAILQ_EMPTY(&u->fresh) || !TAILQ_EMPTY(&u->old) ||
	    !TAILQ_EMPTY(&u->lone);
}

static enum ring
ring_of(const struct user *u)
{
	bool	 ready = has_ready(u);

	if (u->deliver == NULL) {
		if (!ready || u->asked)
			return RING_NONE;
		return TAILQ_EMPTY(&u->fresh) ? RING_WANT_OLD : RING_WANT_FRESH;
	}
	if (u->nrunning == 0 && (!ready || u->leaving))
		return RING_IDLE;
	if (!ready || u->leaving || u->choked || u->stream != NULL || u->alone ||
	    u->nrunning >= SLOTS)
		return RING_NONE;
	/* Who runs alone waits until the others are done, and they for it. */
	if (!TAILQ_EMPTY(&u->lone) && u->nrunning > 0)
		return RING_NONE;
	return RING_FEED;
}

static bool
wants(enum ring ring)
{
	return ring == RING_WANT_FRESH || ring == RING_WANT_OLD;
}

/* In the order in which they were met. */
static void
place_holder(struct user *u)
{
	if (u->holds == (u->deliver != NULL))
		return;
	u->holds = u->deliver != NULL;
	if (u->holds)
		TAILQ_INSERT_TAIL(&holders, u, held);
	else
		TAILQ_REMOVE(&holders, u, held);
}

void
user_place(struct user *u)
{
	enum ring	 ring = ring_of(u);
	bool		 counted = u->deliver != NULL || u->asked;

	count.delivers += counted - u->counted;
	u->counted = counted;
	place_holder(u);
	if (ring == u->ring)
		return;
	nwant += wants(ring) - wants(u->ring);
	if (u->ring != RING_NONE)
		TAILQ_REMOVE(&rings[u->ring], u, entry);
	u->ring = ring;
	if (ring != RING_NONE)
		TAILQ_INSERT_TAIL(&rings[ring], u, entry);
}

struct user *
sched_feed_next(void)
{
	struct user	*u = TAILQ_FIRST(&rings[RING_FEED]);

	if (u != NULL) {
		TAILQ_REMOVE(&rings[RING_FEED], u, entry);
		TAILQ_INSERT_TAIL(&rings[RING_FEED], u, entry);
	}
	return u;
}

static struct user *
first_due(enum ring ring)
{
	struct user	*u;

	TAILQ_FOREACH(u, &rings[ring], entry)
		if (u->not_before <= loop_mono())
			break;
	return u;
}

static void
all_stay(void)
{
	struct user	*u;

	TAILQ_FOREACH(u, &holders, held)
		if (u->leaving) {
			u->leaving = false;
			user_place(u);
		}
}

/* Users with new mail and those with old mail only take turns. */
struct user *
sched_want_next(void)
{
	struct user	*fresh = first_due(RING_WANT_FRESH);
	struct user	*old = first_due(RING_WANT_OLD);

	if (fresh == NULL && old == NULL) {
		all_stay();
		return NULL;
	}
	if (count.delivers >= DELIVERS)
		return NULL;
	old_turn = !old_turn;
	return fresh == NULL || (old != NULL && old_turn) ? old : fresh;
}

/*
 * When the places do not suffice: an idle deliver goes at once, others that
 * had their turn get no more, as many as are needed, and go when they are done.
 */
struct user *
sched_leave_next(void)
{
	struct user	*u;
	size_t		 n = 0;

	if (count.delivers + nwant <= DELIVERS ||
	    (first_due(RING_WANT_FRESH) == NULL &&
	    first_due(RING_WANT_OLD) == NULL))
		return NULL;
	TAILQ_FOREACH(u, &holders, held) {
		if (!TAILQ_EMPTY(&rings[RING_IDLE]) ||
		    n == count.delivers + nwant - DELIVERS ||
		    loop_mono() - u->met < TURN)
			break;
		u->leaving = true;
		user_place(u);
		n++;
	}
	return TAILQ_FIRST(&rings[RING_IDLE]);
}

/* When the next turn is over. */
static uint64_t
turn_due(void)
{
	struct user	*u;

	TAILQ_FOREACH(u, &holders, held)
		if (!u->leaving)
			break;
	return u != NULL && u->met + TURN > loop_mono() ? u->met + TURN : 0;
}

uint64_t
sched_want_due(void)
{
	static const enum ring	 want[] = { RING_WANT_FRESH, RING_WANT_OLD };
	struct user		*u;
	uint64_t		 due = 0;
	size_t			 i;

	if (nwant == 0)
		return 0;
	if (count.delivers >= DELIVERS)
		return turn_due();
	for (i = 0; i < nitems(want); i++)
		TAILQ_FOREACH(u, &rings[want[i]], entry)
			if (u->not_before > loop_mono() &&
			    (due == 0 || u->not_before < due))
				due = u->not_before;
	return due;
}

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

static struct envelope *
heap_take(void)
{
	struct envelope	*first = heap[1], *last = heap[count.waiting--];

	if (count.waiting > 0)
		heap_down(1, last);
	first->heap = 0;
	return first;
}

/* -- envelopes -- */

static void
ready(struct envelope *e)
{
	struct user	*u = e->user;

	e->state = ENV_READY;
	e->old = e->attempts > 0;
	count.ready++;
	TAILQ_INSERT_TAIL(e->deaths >= DEATHS_ALONE ? &u->lone :
	    e->old ? &u->old : &u->fresh, e, entry);
	user_place(u);
}

void
sched_add(struct envelope *e)
{
	if (e->due <= loop_mono()) {
		ready(e);
		return;
	}
	e->state = ENV_WAITING;
	heap_put(e);
}

void
sched_wake(void)
{
	while (count.waiting > 0 && heap[1]->due <= loop_mono())
		ready(heap_take());
}

uint64_t
sched_due(void)
{
	return count.waiting == 0 ? 0 : heap[1]->due;
}

/* While new mail waits, old mail takes at most every other slot. */
static struct envelopes *
list_of_next(struct user *u)
{
	if (!TAILQ_EMPTY(&u->lone))
		return &u->lone;
	if (!TAILQ_EMPTY(&u->old) && (TAILQ_EMPTY(&u->fresh) ||
	    2 * (u->nold + 1) <= u->nrunning + 1))
		return &u->old;
	return &u->fresh;
}

struct envelope *
sched_take(struct user *u)
{
	struct envelopes	*list = list_of_next(u);
	struct envelope		*e = TAILQ_FIRST(list);

	TAILQ_REMOVE(list, e, entry);
	u->alone = list == &u->lone;
	e->state = ENV_RUNNING;
	e->started = loop_mono();
	e->tried = queue_now();
	TAILQ_INSERT_TAIL(&u->running, e, entry);
	u->nrunning++;
	u->nold += e->old;
	count.ready--;
	count.running++;
	user_place(u);
	return e;
}

void
sched_stopped(struct envelope *e)
{
	struct user	*u = e->user;

	TAILQ_REMOVE(&u->running, e, entry);
	e->state = ENV_HELD;
	u->nrunning--;
	u->nold -= e->old;
	count.running--;
	if (u->stream == e)
		u->stream = NULL;
	if (u->nrunning == 0)
		u->alone = false;
	user_place(u);
}

struct envelope *
sched_unready(struct user *u)
{
	struct envelopes	*lists[] = { &u->fresh, &u->old, &u->lone };
	struct envelope		*e;
	size_t			 i;

	for (i = 0; i < nitems(lists); i++) {
		if ((e = TAILQ_FIRST(lists[i])) == NULL)
			continue;
		TAILQ_REMOVE(lists[i], e, entry);
		e->state = ENV_HELD;
		e->tried = queue_now();
		count.ready--;
		user_place(u);
		return e;
	}
	return NULL;
}

struct sched_count
sched_count(void)
{
	return count;
}
