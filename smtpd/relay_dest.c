/* SPDX-License-Identifier: ISC */
/*
 * Destinations: what waits to go there, how many connections there may be, and
 * to which of its hosts.  relay process.
 */
#include <sys/resource.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "lib/u64map.h"
#include "smtpd/log.h"
#include "smtpd/loop.h"
#include "smtpd/relay.h"

#define CONNECTIONS	10	/* to a destination, if the action does not say */
#define LIMIT_FIRST	2	/* of them, before it has shown what it takes */
#define GAIN_MAX	256	/* messages for one more, after failures */
#define TRIES		3	/* connections lost with a message */
#define DESCRIPTORS	64	/* not for connections */

static struct u64map		 by_hash;
static TAILQ_HEAD(, dest)	 starved = TAILQ_HEAD_INITIALIZER(starved);
static TAILQ_HEAD(, dest)	 spent = TAILQ_HEAD_INITIALIZER(spent);
static bool			 stopping;

size_t				 relay_conns_max;

static void	dest_run(struct dest *);

/* -- finding one -- */

static uint64_t
hash_of(const struct action *a, struct slice route)
{
	static uint64_t	 seed;
	uint64_t	 h;
	size_t		 i;

	while (seed == 0)
		arc4random_buf(&seed, sizeof(seed));
	h = seed ^ (uint64_t)(uintptr_t)a;
	for (i = 0; i < route.n; i++)
		h = (h ^ (unsigned char)route.p[i]) * 1099511628211ULL;
	return h ^ h >> 29;
}

static uint32_t
limit_max(const struct dest *d)
{
	return d->relay.connections != 0 ? d->relay.connections : CONNECTIONS;
}

static struct dest *
dest_new(const struct action *a, struct slice route, uint64_t hash)
{
	struct dest	*d = calloc(1, sizeof(*d));

	if (d == NULL || (d->route = strndup(route.p, route.n)) == NULL) {
		log_warn("destination");
		free(d);
		return NULL;
	}
	d->hash = hash;
	d->next = u64map_get(&by_hash, hash);
	if (u64map_put(&by_hash, hash, d) == -1) {
		log_warn("destination");
		free(d->route);
		free(d);
		return NULL;
	}
	d->action = a;
	d->relay = *a->relay;
	d->limit = limit_max(d) < LIMIT_FIRST ? limit_max(d) : LIMIT_FIRST;
	d->gain = 1;
	TAILQ_INIT(&d->jobs);
	TAILQ_INIT(&d->conns);
	return d;
}

struct dest *
dest_get(const struct action *a, struct slice route)
{
	uint64_t	 hash = hash_of(a, route);
	struct dest	*d;

	for (d = u64map_get(&by_hash, hash); d != NULL; d = d->next)
		if (d->action == a && slice_eq(slice_str(d->route), route))
			return d;
	return dest_new(a, route, hash);
}

static void
unlink_dest(struct dest *d)
{
	struct dest	*first = u64map_get(&by_hash, d->hash), **p;

	for (p = &first; *p != d; p = &(*p)->next)
		;
	*p = d->next;
	if (first == NULL)
		u64map_del(&by_hash, d->hash);
	else
		u64map_put(&by_hash, d->hash, first);
}

static bool
is_spent(const struct dest *d)
{
	return d->njobs == 0 && d->nconns == 0 && d->state != DEST_ASKING;
}

/* Freed at the end of the turn, for its callers still look at it. */
static void
judge_spent(struct dest *d)
{
	if (!is_spent(d) || d->spent)
		return;
	d->spent = true;
	TAILQ_INSERT_TAIL(&spent, d, spent_entry);
}

void
dest_reap(void)
{
	struct dest	*d;

	while ((d = TAILQ_FIRST(&spent)) != NULL) {
		TAILQ_REMOVE(&spent, d, spent_entry);
		d->spent = false;
		if (!is_spent(d))
			continue;
		if (d->starved)
			TAILQ_REMOVE(&starved, d, starved_entry);
		if (event_initialized(&d->timer))
			event_del(&d->timer);
		unlink_dest(d);
		relay_route_free(d);
		free(d->route);
		free(d);
	}
}

/* -- jobs -- */

void
dest_add(struct dest *d, struct job *j)
{
	j->dest = d;
	TAILQ_INSERT_TAIL(&d->jobs, j, entry);
	d->njobs++;
	dest_run(d);
}

void
dest_retry(struct dest *d, struct job *j)
{
	j->conn = NULL;
	TAILQ_INSERT_HEAD(&d->jobs, j, entry);
	d->njobs++;
}

void
dest_late(struct dest *d, struct job *j)
{
	TAILQ_REMOVE(&d->jobs, j, entry);
	d->njobs--;
	/* Is anybody there, or do all that come after it wait as long? */
	relay_job_answer_all(j, JOB_TEMPFAIL,
	    d->nconns > d->nraw ? 0 : RELAYED_UNREACHED, SLICE(""), SLICE(""),
	    SLICE("451 4.4.7 It has waited too long for a connection"));
	relay_job_free(j);
	judge_spent(d);
}

bool
dest_gives_up(const struct dest *d, const struct job *j)
{
	(void)d;
	return j->tries >= TRIES;
}

static void
due_cb(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	dest_run(arg);
}

/* May a message go now, or is the rate used up?  If so, the timer calls. */
static bool
is_due(struct dest *d)
{
	uint64_t	 now = loop_mono();
	struct timeval	 tv;

	if (d->relay.rate == 0 || now >= d->due)
		return true;
	if (!event_initialized(&d->timer))
		evtimer_assign(&d->timer, loop_base, due_cb, d);
	if (!event_pending(&d->timer, EV_TIMEOUT, NULL)) {
		tv.tv_sec = (time_t)((d->due - now) / SECOND);
		tv.tv_usec = (suseconds_t)((d->due - now) % SECOND / 1000 + 1);
		event_add(&d->timer, &tv);
	}
	return false;
}

struct job *
dest_take(struct dest *d)
{
	struct job	*j = TAILQ_FIRST(&d->jobs);
	uint64_t	 now = loop_mono();

	if (j == NULL || stopping || !is_due(d))
		return NULL;
	if (d->relay.rate != 0)
		d->due = (now > d->due ? now : d->due) + SECOND / d->relay.rate;
	TAILQ_REMOVE(&d->jobs, j, entry);
	d->njobs--;
	return j;
}

void
dest_unreachable(struct dest *d, enum job_result result, unsigned flags)
{
	struct job	*j;

	/* Those who are connected go on, as long as they are. */
	if (d->nconns > 0) {
		d->state = DEST_OPEN;
		d->resolved = loop_mono();
		return;
	}
	d->state = DEST_NEW;
	d->limit = 1;
	d->tempfailed = false;
	log_debug("%s to %s: unreachable: %s", d->action->name,
	    d->route[0] != '\0' ? d->route : d->relay.host, d->reply);
	while ((j = TAILQ_FIRST(&d->jobs)) != NULL) {
		TAILQ_REMOVE(&d->jobs, j, entry);
		d->njobs--;
		relay_job_answer_all(j, result, flags, slice_str(d->failed_name),
		    slice_str(d->failed_text), slice_str(d->reply));
		relay_job_free(j);
	}
	judge_spent(d);
}

void
dest_found(struct dest *d)
{
	d->state = DEST_OPEN;
	dest_run(d);
}

/* -- hosts -- */

static struct host *
host_of(struct dest *d, const struct conn *c)
{
	uint32_t	 i;

	for (i = 0; i < d->nhosts; i++)
		if (strcmp(d->hosts[i].text, c->text) == 0)
			return &d->hosts[i];
	return NULL;
}

/* What the next jobs are told, if no other host takes them; what may get better counts more. */
static void
remember_failure(struct dest *d, enum job_result result, const char *name,
    const char *text, struct slice reply)
{
	size_t	 n = reply.n < sizeof(d->reply) ? reply.n : sizeof(d->reply) - 1;

	if (result == JOB_PERMFAIL && d->tempfailed)
		return;
	d->tempfailed = result == JOB_TEMPFAIL;
	strlcpy(d->failed_name, name, sizeof(d->failed_name));
	strlcpy(d->failed_text, text, sizeof(d->failed_text));
	memcpy(d->reply, reply.p, n);
	d->reply[n] = '\0';
}

static bool
may_use(struct dest *d, struct host *h, bool doubtful)
{
	const char	*why;

	if (h->failed != 0)
		return false;
	if ((why = host_failed(slice_str(h->text))) != NULL) {
		h->failed = loop_mono();
		remember_failure(d, JOB_TEMPFAIL, h->name, h->text,
		    slice_str(why));
		return false;
	}
	return doubtful || !host_doubtful(slice_str(h->text));
}

/* The best that may be used, its equals in turn. */
static struct host *
choose(struct dest *d, bool doubtful)
{
	struct host	*usable[IPC_HOSTS];
	uint32_t	 i, n = 0;

	for (i = 0; i < d->nhosts; i++)
		if (may_use(d, &d->hosts[i], doubtful) && (n == 0 ||
		    d->hosts[i].preference == usable[0]->preference))
			usable[n++] = &d->hosts[i];
	return n == 0 ? NULL : usable[d->nexthost++ % n];
}

static const struct sockaddr *
choose_source(struct dest *d, const struct host *h, bool *none)
{
	uint32_t	 i;
	const struct sockaddr	*sa;

	*none = false;
	if (d->nsrc == 0)
		return NULL;
	for (i = 0; i < d->nsrc; i++) {
		sa = (struct sockaddr *)&d->src[d->nextsrc++ % d->nsrc];
		if (sa->sa_family == h->sa.ss_family)
			return sa;
	}
	*none = true;
	return NULL;
}

/* -- connections -- */

static size_t
conns_max(void)
{
	struct rlimit	 r;

	if (relay_conns_max != 0)
		return relay_conns_max;
	relay_conns_max = 256;
	if (getrlimit(RLIMIT_NOFILE, &r) == 0)
		relay_conns_max = r.rlim_cur > 2 * DESCRIPTORS ?
		    r.rlim_cur - DESCRIPTORS : r.rlim_cur / 2;
	return relay_conns_max;
}

static void
starve(struct dest *d)
{
	if (d->starved)
		return;
	d->starved = true;
	TAILQ_INSERT_TAIL(&starved, d, starved_entry);
	conn_spare();
}

bool
dest_hungry(void)
{
	return !TAILQ_EMPTY(&starved);
}

void
dest_feed(void)
{
	struct dest	*d;

	while (conn_count() < conns_max() && (d = TAILQ_FIRST(&starved)) != NULL) {
		TAILQ_REMOVE(&starved, d, starved_entry);
		d->starved = false;
		dest_run(d);
		if (d->starved)
			break;
	}
}

/* It is we who have no room, and a connection that ends makes some. */
static bool
is_ours(int error)
{
	return (error == EMFILE || error == ENFILE) && conn_count() > 0;
}

/* Tries hosts until a connection is under way; false if there is none to try, or it starves. */
static bool
open_one(struct dest *d)
{
	const struct sockaddr	*from;
	struct host		*h;
	const char		*why;
	bool			 none;

	while ((h = choose(d, false)) != NULL || (h = choose(d, true)) != NULL) {
		from = choose_source(d, h, &none);
		if (!none && conn_open(d, h, from) == 0)
			return true;
		if (!none && is_ours(errno)) {
			starve(d);
			return false;
		}
		why = none ? "451 4.4.0 No source address of its family" :
		    strerror(errno);
		h->failed = loop_mono();
		remember_failure(d, JOB_TEMPFAIL, h->name, h->text,
		    slice_str(why));
	}
	return false;
}

static void
open_more(struct dest *d)
{
	while (d->njobs > d->nraw && d->nconns < d->limit) {
		if (conn_count() >= conns_max()) {
			starve(d);
			return;
		}
		if (open_one(d))
			continue;
		if (d->starved)
			return;
		if (d->nconns == 0 && d->nhosts == 0) {
			/* They were not to be had again while some were in use. */
			d->state = DEST_NEW;
			dest_run(d);
		} else if (d->nconns == 0)
			dest_unreachable(d,
			    d->tempfailed || d->reply[0] == '\0' ?
			    JOB_TEMPFAIL : JOB_PERMFAIL,
			    d->tempfailed ? RELAYED_UNREACHED : 0);
		return;
	}
}

static void
wake_idle(struct dest *d)
{
	struct conn	*c, *next;

	TAILQ_FOREACH_SAFE(c, &d->conns, dest_entry, next) {
		if (d->nidle == 0 || d->njobs == 0)
			break;
		if (conn_is_idle(c))
			conn_next(c);
	}
}

static void
dest_run(struct dest *d)
{
	if (stopping)
		return;
	if (d->njobs > 0 && d->nidle > 0 && is_due(d))
		wake_idle(d);
	if (d->njobs == 0) {
		judge_spent(d);
		return;
	}
	if (d->state == DEST_NEW) {
		d->state = DEST_ASKING;
		d->tempfailed = false;
		d->reply[0] = '\0';
		relay_route_find(d);
		return;
	}
	if (d->state != DEST_OPEN || d->nconns >= d->limit || !is_due(d))
		return;
	if (loop_mono() - d->resolved > RELAY_HOSTS_FOR) {
		d->state = DEST_ASKING;
		relay_route_refresh(d);
	} else
		open_more(d);
}

void
dest_ready(struct dest *d, struct conn *c)
{
	struct host	*h = host_of(d, c);

	d->nraw--;
	host_note_success(slice_str(c->text));
	if (h != NULL)
		h->failed = 0;
}

static bool
has_ready(const struct dest *d, const struct conn *like)
{
	const struct conn	*c;

	TAILQ_FOREACH(c, &d->conns, dest_entry)
		if (c->ready && strcmp(c->text, like->text) == 0)
			return true;
	return false;
}

/* Would any client have met that?  What follows the banner depends on the action. */
static bool
concerns_all(const struct dest *d, const struct conn *c)
{
	return d->nsrc == 0 && (c->state == CONN_CONNECTING ||
	    (c->state == CONN_BANNER && !c->secured));
}

/*
 * A host that serves other connections is not down: it wants no more of them.
 * What it takes is found out anew, more and more slowly.
 */
void
dest_failed(struct dest *d, struct conn *c, enum job_result result,
    struct slice reply)
{
	struct host	*h = host_of(d, c);
	char		 why[128];
	size_t		 n = reply.n < sizeof(why) ? reply.n : sizeof(why) - 1;

	d->gained = 0;
	if (d->gain < GAIN_MAX)
		d->gain *= 4;
	d->limit = d->limit > 2 ? d->limit / 2 : 1;
	if (has_ready(d, c)) {
		d->limit = d->nconns - d->nraw;
		return;
	}
	remember_failure(d, result, c->name, c->text, reply);
	memcpy(why, reply.p, n);
	why[n] = '\0';
	if (result == JOB_TEMPFAIL && concerns_all(d, c))
		host_note_failure(slice_str(c->text), why);
	if (h != NULL)
		h->failed = loop_mono();
}

void
dest_plain(struct dest *d, const struct conn *c)
{
	const struct relay	*r = &d->relay;
	struct host		*h = host_of(d, c);

	if (h != NULL)
		h->plain = true;
	/* To others its TLS may be good. */
	if (r->protocols == NULL && r->ciphers == NULL && r->pki == NULL)
		host_note_plain(slice_str(c->text));
}

void
dest_gone(struct dest *d, struct conn *c)
{
	TAILQ_REMOVE(&d->conns, c, dest_entry);
	d->nconns--;
	if (!c->ready)
		d->nraw--;
	dest_run(d);
}

void
dest_success(struct dest *d)
{
	if (++d->gained < d->gain)
		return;
	d->gained = 0;
	if (d->limit >= limit_max(d))
		return;
	d->limit++;
	dest_run(d);
}

void
dest_stop(void)
{
	stopping = true;
}
