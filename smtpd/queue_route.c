/* SPDX-License-Identifier: ISC */
/*
 * Routes, users and destinations, and the rings in which they take turns; the
 * destinations that are held because nobody was reached there.  It decides
 * whose turn it is and does nothing else.  Queue process.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/nitems.h"
#include "smtpd/loop.h"
#include "smtpd/proc.h"
#include "smtpd/queue.h"

#define TURN		(5 * SECOND)	/* a deliver is kept so long while others wait */

static int	route_cmp(const struct route *, const struct route *);
static int	hold_cmp(const struct route *, const struct route *);

static RB_HEAD(routes, route)	routes = RB_INITIALIZER(&routes);
RB_PROTOTYPE(routes, route, tree, route_cmp)
static RB_HEAD(holds, route)	holds = RB_INITIALIZER(&holds);
RB_PROTOTYPE(holds, route, hold, hold_cmp)
static TAILQ_HEAD(ring_head, route) rings[RING_MAX] = {
	[RING_FEED]	= TAILQ_HEAD_INITIALIZER(rings[RING_FEED]),
	[RING_WANT_FRESH] = TAILQ_HEAD_INITIALIZER(rings[RING_WANT_FRESH]),
	[RING_WANT_OLD]	= TAILQ_HEAD_INITIALIZER(rings[RING_WANT_OLD]),
	[RING_IDLE]	= TAILQ_HEAD_INITIALIZER(rings[RING_IDLE]),
	[RING_RELAY_FRESH] = TAILQ_HEAD_INITIALIZER(rings[RING_RELAY_FRESH]),
	[RING_RELAY_OLD] = TAILQ_HEAD_INITIALIZER(rings[RING_RELAY_OLD]),
	[RING_OVER]	= TAILQ_HEAD_INITIALIZER(rings[RING_OVER]),
};
static TAILQ_HEAD(, route)	 holders = TAILQ_HEAD_INITIALIZER(holders);
static struct route_count	 count;
static size_t			 nwant;		/* users that need a deliver */
static bool			 old_turn, relay_old_turn;

bool				 route_paused[2];

RB_GENERATE(routes, route, tree, route_cmp)
RB_GENERATE(holds, route, hold, hold_cmp)

/* -- routes -- */

static int
slice_cmp(struct slice a, struct slice b)
{
	if (a.n != b.n)
		return a.n < b.n ? -1 : 1;
	return a.n == 0 ? 0 : memcmp(a.p, b.p, a.n);
}

static int
route_cmp(const struct route *a, const struct route *b)
{
	int	 c;

	if (a->kind != b->kind)
		return a->kind < b->kind ? -1 : 1;
	if ((c = slice_cmp(a->action, b->action)) != 0)
		return c;
	return slice_cmp(a->name, b->name);
}

static int
hold_cmp(const struct route *a, const struct route *b)
{
	if (a->not_before != b->not_before)
		return a->not_before < b->not_before ? -1 : 1;
	return ((uintptr_t)a > (uintptr_t)b) - ((uintptr_t)a < (uintptr_t)b);
}

struct route *
route_find(enum route_kind kind, struct slice action, struct slice name)
{
	struct route	 key = { .kind = kind, .action = action, .name = name };

	return RB_FIND(routes, &routes, &key);
}

struct route *
route_after(enum route_kind kind, struct slice action, struct slice name)
{
	struct route	 key = { .kind = kind, .action = action, .name = name };
	struct route	*r = RB_NFIND(routes, &routes, &key);

	return r != NULL && route_cmp(r, &key) == 0 ? RB_NEXT(routes, &routes, r) : r;
}

struct route *
route_get(enum route_kind kind, struct slice action, struct slice name)
{
	struct route	*r = route_find(kind, action, name);

	if (r != NULL)
		return r;
	if ((r = calloc(1, sizeof(*r) + action.n + name.n)) == NULL)
		return NULL;
	r->kind = kind;
	memcpy(r->text, name.p, name.n);
	r->name = slice_make(r->text, name.n);
	memcpy(r->text + name.n, action.p, action.n);
	r->action = slice_make(r->text + name.n, action.n);
	r->width = RELAY_FIRST;
	TAILQ_INIT(&r->fresh);
	TAILQ_INIT(&r->old);
	TAILQ_INIT(&r->lone);
	TAILQ_INIT(&r->running);
	RB_INSERT(routes, &routes, r);
	count.users += kind == ROUTE_USER;
	count.destinations += kind == ROUTE_RELAY;
	return r;
}

struct route *
route_next(struct route *r)
{
	return r == NULL ? RB_MIN(routes, &routes) : RB_NEXT(routes, &routes, r);
}

/* Users stay: there are no more than the system has. */
static void
drop_if_unused(struct route *r)
{
	if (r->kind != ROUTE_RELAY || r->envelopes > 0)
		return;
	RB_REMOVE(routes, &routes, r);
	count.destinations--;
	free(r->why);
	free(r);
}

void
route_keep(struct route *r)
{
	r->envelopes++;
}

void
route_release(struct route *r)
{
	r->envelopes--;
	route_place(r);
	drop_if_unused(r);
}

/* -- rings -- */

static enum ring
ring_of_user(const struct route *r)
{
	bool	 ready = r->nready > 0;

	if (r->deliver == NULL) {
		if (!ready || r->asked)
			return RING_NONE;
		return TAILQ_EMPTY(&r->fresh) ? RING_WANT_OLD : RING_WANT_FRESH;
	}
	if (r->nrunning == 0 && (!ready || r->leaving))
		return RING_IDLE;
	if (!ready || r->leaving || r->choked || r->stream != NULL || r->alone ||
	    r->nrunning >= SLOTS)
		return RING_NONE;
	/* Who runs alone waits until the others are done, and they for it. */
	if (!TAILQ_EMPTY(&r->lone) && r->nrunning > 0)
		return RING_NONE;
	return RING_FEED;
}

static enum ring
ring_of_relay(const struct route *r)
{
	if (r->nready == 0)
		return RING_NONE;
	if (route_is_held(r))
		return r->nready > proc_conf->max_deferred ? RING_OVER : RING_NONE;
	if (r->alone || r->njobs >= r->width ||
	    (!TAILQ_EMPTY(&r->lone) && r->njobs > 0))
		return RING_NONE;
	return TAILQ_EMPTY(&r->fresh) ? RING_RELAY_OLD : RING_RELAY_FRESH;
}

static bool
wants(enum ring ring)
{
	return ring == RING_WANT_FRESH || ring == RING_WANT_OLD;
}

/* In the order in which they were met. */
static void
place_holder(struct route *r)
{
	bool	 counted = r->deliver != NULL || r->asked;

	count.delivers += counted - r->counted;
	r->counted = counted;
	if (r->holds == (r->deliver != NULL))
		return;
	r->holds = r->deliver != NULL;
	if (r->holds)
		TAILQ_INSERT_TAIL(&holders, r, held);
	else
		TAILQ_REMOVE(&holders, r, held);
}

static void
place_hold(struct route *r, bool waits)
{
	if (r->waits == waits)
		return;
	r->waits = waits;
	count.held += waits ? 1 : -1;
	if (waits)
		RB_INSERT(holds, &holds, r);
	else
		RB_REMOVE(holds, &holds, r);
}

void
route_place(struct route *r)
{
	enum ring	 ring;

	if (r->kind == ROUTE_USER) {
		place_holder(r);
		ring = ring_of_user(r);
	} else {
		place_hold(r, r->nready > 0 && route_is_held(r));
		ring = ring_of_relay(r);
	}
	if (ring == r->ring)
		return;
	nwant += wants(ring) - wants(r->ring);
	if (r->ring != RING_NONE)
		TAILQ_REMOVE(&rings[r->ring], r, entry);
	r->ring = ring;
	if (ring != RING_NONE)
		TAILQ_INSERT_TAIL(&rings[ring], r, entry);
}

/* The first of a ring, which is the last then. */
static struct route *
rotate(enum ring ring)
{
	struct route	*r = TAILQ_FIRST(&rings[ring]);

	if (r != NULL) {
		TAILQ_REMOVE(&rings[ring], r, entry);
		TAILQ_INSERT_TAIL(&rings[ring], r, entry);
	}
	return r;
}

/* -- users -- */

struct route *
route_feed_next(void)
{
	return route_paused[ROUTE_USER] ? NULL : rotate(RING_FEED);
}

static struct route *
first_due(enum ring ring)
{
	struct route	*r;

	if (route_paused[ROUTE_USER])
		return NULL;
	TAILQ_FOREACH(r, &rings[ring], entry)
		if (r->not_before <= loop_mono())
			break;
	return r;
}

static void
all_stay(void)
{
	struct route	*r;

	TAILQ_FOREACH(r, &holders, held)
		if (r->leaving) {
			r->leaving = false;
			route_place(r);
		}
}

/* Users with new mail and those with old mail only take turns. */
struct route *
route_want_next(void)
{
	struct route	*fresh = first_due(RING_WANT_FRESH);
	struct route	*old = first_due(RING_WANT_OLD);

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
struct route *
route_leave_next(void)
{
	struct route	*r;
	size_t		 n = 0;

	if (count.delivers + nwant <= DELIVERS ||
	    (first_due(RING_WANT_FRESH) == NULL &&
	    first_due(RING_WANT_OLD) == NULL))
		return NULL;
	TAILQ_FOREACH(r, &holders, held) {
		if (!TAILQ_EMPTY(&rings[RING_IDLE]) ||
		    n == count.delivers + nwant - DELIVERS ||
		    loop_mono() - r->met < TURN)
			break;
		r->leaving = true;
		route_place(r);
		n++;
	}
	return TAILQ_FIRST(&rings[RING_IDLE]);
}

/* When the next turn is over. */
static uint64_t
turn_due(void)
{
	struct route	*r;

	TAILQ_FOREACH(r, &holders, held)
		if (!r->leaving)
			break;
	return r != NULL && r->met + TURN > loop_mono() ? r->met + TURN : 0;
}

static uint64_t
want_due(void)
{
	static const enum ring	 want[] = { RING_WANT_FRESH, RING_WANT_OLD };
	struct route		*r;
	uint64_t		 due = 0;
	size_t			 i;

	if (nwant == 0 || route_paused[ROUTE_USER])
		return 0;
	if (count.delivers >= DELIVERS)
		return turn_due();
	for (i = 0; i < nitems(want); i++)
		TAILQ_FOREACH(r, &rings[want[i]], entry)
			if (r->not_before > loop_mono() &&
			    (due == 0 || r->not_before < due))
				due = r->not_before;
	return due;
}

/* -- destinations -- */

/* A slow job holds its slot long: half of them are kept for new mail. */
struct route *
route_relay_next(void)
{
	const struct sched_count	 c = sched_count();
	bool				 fresh, old;

	if (route_paused[ROUTE_RELAY] || c.relayed >= RELAY_SLOTS)
		return NULL;
	fresh = !TAILQ_EMPTY(&rings[RING_RELAY_FRESH]);
	old = !TAILQ_EMPTY(&rings[RING_RELAY_OLD]) &&
	    c.relayed_old < RELAY_SLOTS / 2;
	if (!fresh && !old)
		return NULL;
	relay_old_turn = !relay_old_turn;
	return rotate(!fresh || (old && relay_old_turn) ? RING_RELAY_OLD :
	    RING_RELAY_FRESH);
}

struct route *
route_over_next(void)
{
	return rotate(RING_OVER);
}

bool
route_is_held(const struct route *r)
{
	return r->not_before > loop_mono();
}

void
route_hold(struct route *r, uint64_t until)
{
	place_hold(r, false);		/* its place there depends on it */
	r->not_before = until;
	route_place(r);
}

void
route_wake(void)
{
	struct route	*r;

	while ((r = RB_MIN(holds, &holds)) != NULL && !route_is_held(r))
		route_place(r);
}

uint64_t
route_due(void)
{
	uint64_t	 a = want_due(), b;
	struct route	*r = RB_MIN(holds, &holds);

	b = r == NULL ? 0 : r->not_before;
	return a == 0 || (b != 0 && b < a) ? b : a;
}

struct route_count
route_count(void)
{
	return count;
}
