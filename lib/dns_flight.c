/* SPDX-License-Identifier: ISC */
/*
 * Questions on their way to the resolvers: each once, however many ask it.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/dns_int.h"
#include "lib/dns_parse.h"

#define TIMEOUT		2000
#define TRIES		3
/*
 * No burst overruns the buffer of a resolver's socket.  Which questions it has
 * read is known by its answers: those sent before one that it answered.  At
 * most so many may be behind; if nothing is heard, they are taken for read.
 */
#define WINDOW		128
#define PATIENCE	100	/* ms */
/* So many answers in a row only after a timeout: the first resolver is dead. */
#define LATE_MAX	3
#define CHANNEL_AGE	30000	/* ms until busy sockets are changed for others: new ports */

/* -- flights ------------------------------------------------------------ */

static void
flight_free(struct dns_flight *fl)
{
	struct dns	*d = fl->dns;

	if (u64map_get(&d->flights, fl->hash) == fl)
		u64map_del(&d->flights, fl->hash);
	TAILQ_REMOVE(&d->all, fl, all);
	d->nflights--;
	free(fl);
}

/* All its queries have this set; one reference is taken over. */
static void
flight_done(struct dns_flight *fl, struct dns_set *set, uint32_t ttl)
{
	struct dns_query	*q;

	while ((q = TAILQ_FIRST(&fl->queries)) != NULL)
		dns_query_done(q, set == NULL ? NULL : dns_set_ref(set), ttl, 0);
	dns_set_unref(set);
	flight_free(fl);
}

static void
flight_answered(void *arg, const uint8_t *msg, size_t n, const char *error, int timeouts)
{
	struct dns_flight	*fl = arg;
	struct dns		*d = fl->dns;
	struct dns_set		*set;
	uint64_t		 now = dns_now();
	uint32_t		 ttl = 0;

	if (d->ending) {
		flight_free(fl);
		return;
	}
	d->stat.timeouts += (uint64_t)timeouts;
	if (msg != NULL && fl->sent > d->heard) {
		d->heard = fl->sent;
		d->heard_at = now;
	}
	if (fl->era == d->era && msg != NULL)
		d->late = timeouts > 0 ? d->late + 1 : 0;
	if (msg == NULL)
		set = dns_set_failed(d, DNS_TEMPFAIL, error);
	else {
		dns_parse(&d->found, msg, n, fl->name, fl->type);
		set = dns_set_make(&d->found, fl->type);
		ttl = d->found.ttl < d->options.ttl_max ? d->found.ttl : d->options.ttl_max;
	}
	if (set != NULL && ttl > 0 && fl->era == d->era)
		dns_cache_put(&d->cache, fl->hash, fl->name, fl->type, set, now, ttl);
	flight_done(fl, set, ttl);
}

struct dns_flight *
dns_flight_of(struct dns *d, const char *name, enum dns_type type, uint64_t hash)
{
	struct dns_flight	*fl;
	size_t			 n;

	if ((fl = u64map_get(&d->flights, hash)) != NULL && fl->type == type &&
	    fl->era == d->era && strcmp(fl->name, name) == 0)
		return fl;
	n = strlen(name) + 1;
	if ((fl = malloc(sizeof(*fl) + n)) == NULL)
		return NULL;
	*fl = (struct dns_flight){ .dns = d, .hash = hash,
	    .era = d->era, .type = type };
	memcpy(fl->name, name, n);
	TAILQ_INIT(&fl->queries);
	if (u64map_put(&d->flights, hash, fl) == -1) {
		free(fl);
		return NULL;
	}
	TAILQ_INSERT_TAIL(&d->all, fl, all);
	TAILQ_INSERT_TAIL(&d->waiting, fl, link);
	d->nflights++;
	return fl;
}

/* -- channels ----------------------------------------------------------- */

static void
link_free(struct dns_link *l)
{
	dns_channel_free(l->channel);
	free(l);
}

void
dns_flights_clear(struct dns *d)
{
	struct dns_link	*l, *next;

	for (l = TAILQ_FIRST(&d->old); l != NULL; l = next) {
		next = TAILQ_NEXT(l, link);
		if (dns_channel_open(l->channel) > 0)
			continue;
		TAILQ_REMOVE(&d->old, l, link);
		d->stat.tcp += dns_channel_tcp(l->channel);
		link_free(l);
	}
}

/* The channel drains; another is made for the next question. */
static void
channel_leave(struct dns *d)
{
	if (d->current != NULL)
		TAILQ_INSERT_TAIL(&d->old, d->current, link);
	d->current = NULL;
}

/* The channel for the next question, or NULL. */
static struct dns_channel *
channel_get(struct dns *d, uint64_t now)
{
	struct dns_servers	 s = d->servers;
	struct dns_link		*l;

	if (d->late >= LATE_MAX) {
		d->late = 0;
		if (d->servers.n > 1) {
			d->first++;
			channel_leave(d);
		}
	}
	if (d->current != NULL && now - d->current->made >= CHANNEL_AGE)
		channel_leave(d);
	if (d->current != NULL)
		return d->current->channel;
	s.timeout = d->options.timeout > 0 ? d->options.timeout :
	    s.timeout > 0 ? s.timeout : TIMEOUT;
	s.tries = d->options.tries > 0 ? d->options.tries : s.tries > 0 ? s.tries : TRIES;
	if ((l = malloc(sizeof(*l))) == NULL)
		return NULL;
	l->made = now;
	if ((l->channel = dns_channel_new(d->base, &s, d->first, flight_answered,
	    dns_queries_run, d)) == NULL) {
		free(l);
		return NULL;
	}
	d->current = l;
	return l->channel;
}

static void
flight_send(struct dns *d, struct dns_flight *fl, uint64_t now)
{
	uint8_t			 msg[DNS_QUERY_MAX];
	struct dns_channel	*c;
	size_t			 n;

	TAILQ_REMOVE(&d->waiting, fl, link);
	if (TAILQ_EMPTY(&fl->queries))
		flight_free(fl);
	else if ((c = channel_get(d, now)) == NULL)
		flight_done(fl, NULL, 0);
	else {
		fl->sent = ++d->stat.sent;
		n = dns_query_make(msg, (uint16_t)arc4random(), fl->name, fl->type);
		dns_channel_send(c, msg, n, fl);
	}
}

void
dns_flights_send(struct dns *d)
{
	struct dns_flight	*fl;
	uint64_t		 now;

	if (TAILQ_EMPTY(&d->waiting))
		return;
	now = dns_now();
	if (d->stat.sent - d->heard >= WINDOW && now - d->heard_at >= PATIENCE)
		d->heard = d->stat.sent;
	if (d->heard == d->stat.sent)
		d->heard_at = now;
	while (d->stat.sent - d->heard < WINDOW && (fl = TAILQ_FIRST(&d->waiting)) != NULL)
		flight_send(d, fl, now);
}

void
dns_flights_tick(struct dns *d)
{
	struct dns_link	*l;

	if (d->current != NULL)
		dns_channel_tick(d->current->channel);
	TAILQ_FOREACH(l, &d->old, link)
		dns_channel_tick(l->channel);
}

void
dns_flights_turn(struct dns *d)
{
	struct dns_flight	*fl;

	d->first = 0;
	d->late = 0;
	d->era++;
	TAILQ_FOREACH(fl, &d->waiting, link)
		fl->era = d->era;
	channel_leave(d);
}

void
dns_flights_free(struct dns *d)
{
	struct dns_flight	*fl;
	struct dns_link		*l;

	channel_leave(d);
	while ((l = TAILQ_FIRST(&d->old)) != NULL) {
		TAILQ_REMOVE(&d->old, l, link);
		link_free(l);
	}
	while ((fl = TAILQ_FIRST(&d->waiting)) != NULL) {
		TAILQ_REMOVE(&d->waiting, fl, link);
		flight_free(fl);
	}
	u64map_free(&d->flights);
}
