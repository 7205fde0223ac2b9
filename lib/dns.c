/* SPDX-License-Identifier: ISC */
/*
 * Queries.  A query is answered from the hosts file or the cache, or joins the
 * flight of its question.  Callbacks are called from the event loop, never out
 * of a call of the owner's.
 */
#include <sys/socket.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/dns_int.h"
#include "lib/dns_name.h"
#include "lib/fmt_hash.h"

#define CACHE_SIZE	(8 << 20)
#define TTL_MAX		86400
#define FLIGHTS_MAX	65536	/* more have no answer: the resolvers cannot follow */

static const struct dns_set	 no_memory = { .status = DNS_TEMPFAIL, .error = "out of memory",
    .canonical = "" };
static const struct timeval	 tick_time = { 0, DNS_TICK * 1000 };

static void
wake(struct dns *d)
{
	if (!d->awake) {
		d->awake = 1;
		event_active(d->wake, EV_TIMEOUT, 1);
	}
}

static void
wake_cb(evutil_socket_t fd, short what, void *arg)
{
	struct dns	*d = arg;

	(void)fd;
	(void)what;
	d->awake = 0;
	dns_queries_run(d);
}

uint64_t
dns_now(void)
{
	struct timespec	 ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

struct event_base *
dns_base(const struct dns *d)
{
	return d->base;
}

/* -- queries ------------------------------------------------------------ */

void
dns_query_done(struct dns_query *q, struct dns_set *set, uint32_t ttl, int cached)
{
	struct dns	*d = q->dns;

	if (q->flight != NULL)
		TAILQ_REMOVE(&q->flight->queries, q, link);
	q->flight = NULL;
	q->set = set;
	q->ttl = ttl;
	q->cached = cached;
	TAILQ_INSERT_TAIL(&d->done, q, link);
	d->ndone++;
}

struct dns_set *
dns_set_failed(struct dns *d, enum dns_status status, const char *error)
{
	dns_found_clear(&d->found);
	d->found.status = status;
	d->found.error = error;
	return dns_set_make(&d->found, DNS_A);
}

static void
query_unlink(struct dns_query *q)
{
	struct dns	*d = q->dns;

	if (q->flight != NULL)
		TAILQ_REMOVE(&q->flight->queries, q, link);
	else {
		TAILQ_REMOVE(&d->done, q, link);
		d->ndone--;
	}
	if (q->timed)
		event_del(&q->timer);
}

/* Calls back what is in done. */
static void
query_finish(struct dns_query *q)
{
	const struct dns_set	*set = q->set != NULL ? q->set : &no_memory;
	struct dns_answer	 a = { .status = set->status, .error = set->error,
	    .ttl = q->ttl, .cached = q->cached, .canonical = set->canonical,
	    .n = set->n, .record = set->record };
	struct dns_set		*held = q->set;
	dns_cb			 cb = q->cb;
	void			*arg = q->arg;

	query_unlink(q);
	free(q);
	cb(&a, arg);
	dns_set_unref(held);
}

static void
deadline_cb(evutil_socket_t fd, short what, void *arg)
{
	struct dns_query	*q = arg;

	(void)fd;
	(void)what;
	if (q->flight != NULL)
		dns_query_done(q, dns_set_failed(q->dns, DNS_TEMPFAIL, "no answer in time"), 0, 0);
	query_finish(q);
}

void
dns_cancel(struct dns_query *q)
{
	query_unlink(q);
	dns_set_unref(q->set);
	free(q);
}

void
dns_queries_run(void *arg)
{
	struct dns	*d = arg;
	size_t		 n = d->ndone;
	int		 freed = 0;

	d->freed = &freed;
	for (; n > 0 && d->ndone > 0; n--) {
		query_finish(TAILQ_FIRST(&d->done));
		if (freed)
			return;
	}
	d->freed = NULL;
	dns_flights_send(d);
	dns_flights_clear(d);
	if (d->ndone > 0)
		wake(d);
	if (!d->ticking && d->nflights > 0) {
		d->ticking = 1;
		event_add(d->tick, &tick_time);
	}
}

static void
tick_cb(evutil_socket_t fd, short what, void *arg)
{
	struct dns	*d = arg;

	(void)fd;
	(void)what;
	d->ticking = 0;
	dns_flights_tick(d);
	dns_queries_run(d);
}

/* -- the resolvers and the hosts file ----------------------------------- */

static void
servers_change(struct dns *d, const struct dns_servers *new)
{
	if (dns_conf_same(new, &d->servers))
		return;
	d->servers = *new;
	dns_flights_turn(d);
	/* Others may answer otherwise. */
	dns_cache_clear(&d->cache);
	wake(d);
}

int
dns_resolvers(struct dns *d, const char *list, const char **why)
{
	struct dns_servers	 s;

	if (dns_conf_list(&s, list, why) == -1)
		return -1;
	servers_change(d, &s);
	return 0;
}

int
dns_resolv_conf(struct dns *d, struct slice text, const char **why)
{
	struct dns_servers	 s;

	if (dns_conf_resolv(&s, text, why) == -1)
		return -1;
	servers_change(d, &s);
	return 0;
}

int
dns_hosts(struct dns *d, struct slice text)
{
	return dns_hosts_read(&d->hosts, text);
}

static void
files_look(struct dns *d)
{
	const char	*why;
	char		*text;
	size_t		 n;

	if (dns_file_changed(&d->resolv_file, &text, &n)) {
		dns_resolv_conf(d, slice_make(text, n), &why);
		free(text);
	}
	if (dns_file_changed(&d->hosts_file, &text, &n)) {
		dns_hosts(d, slice_make(text, n));
		free(text);
	}
}

static void
file_set(struct dns_file *f, const char *path)
{
	free(f->path);
	*f = (struct dns_file){ .path = path == NULL ? NULL : strdup(path) };
}

void
dns_files(struct dns *d, const char *resolv_conf, const char *hosts)
{
	file_set(&d->resolv_file, resolv_conf);
	file_set(&d->hosts_file, hosts);
	files_look(d);
	d->looked = dns_now();
}

/* -- asking ------------------------------------------------------------- */

/* The name as it is looked up: in lower case, without the final dot; 0: it is none. */
static int
name_take(const char *name, enum dns_type type, char to[DNS_NAME_MAX + 1])
{
	uint8_t	 wire[DNS_WIRE_MAX];

	if (dns_name_wire(name, wire) == 0 || !dns_name_text(wire, to))
		return 0;
	return type == DNS_PTR || type == DNS_TXT || dns_name_is_host(to);
}

/* The answer, or the flight that brings it.  -1 with errno. */
static int
query_start(struct dns_query *q, const char *text, enum dns_type type)
{
	struct dns	*d = q->dns;
	struct dns_set	*set;
	struct dns_flight	*fl;
	char		 name[DNS_NAME_MAX + 1];
	uint32_t	 ttl = 0;
	uint64_t	 hash;

	if (!name_take(text, type, name)) {
		dns_query_done(q, dns_set_failed(d, DNS_BADNAME, "no host name"), 0, 0);
		return 0;
	}
	if (dns_hosts_find(&d->hosts, name, type, &d->found)) {
		d->stat.hits++;
		dns_query_done(q, dns_set_make(&d->found, type), 0, 2);
		return 0;
	}
	hash = fmt_hash(d->key, type, name, strlen(name));
	if ((set = dns_cache_get(&d->cache, hash, name, type, dns_now(), &ttl)) != NULL) {
		d->stat.hits++;
		dns_query_done(q, dns_set_ref(set), ttl, 1);
		return 0;
	}
	if (d->servers.n == 0)
		dns_query_done(q, dns_set_failed(d, DNS_TEMPFAIL, "no resolver is known"), 0, 0);
	else if (d->nflights >= FLIGHTS_MAX)
		dns_query_done(q, dns_set_failed(d, DNS_TEMPFAIL, "too many questions at once"), 0, 0);
	else {
		if ((fl = dns_flight_of(d, name, type, hash)) == NULL)
			return -1;
		q->flight = fl;
		TAILQ_INSERT_TAIL(&fl->queries, q, link);
	}
	return 0;
}

struct dns_query *
dns_ask(struct dns *d, const char *name, enum dns_type type, int deadline, dns_cb cb, void *arg)
{
	struct timeval		 tv = { deadline / 1000, deadline % 1000 * 1000 };
	struct dns_query	*q;
	uint64_t		 now;

	if ((d->resolv_file.path != NULL || d->hosts_file.path != NULL) &&
	    (now = dns_now()) - d->looked >= 1000) {
		d->looked = now;
		files_look(d);
	}
	if ((q = malloc(sizeof(*q))) == NULL)
		return NULL;
	q->dns = d;
	q->flight = NULL;
	q->set = NULL;
	q->timed = 0;
	q->cb = cb;
	q->arg = arg;
	if (query_start(q, name, type) == -1) {
		free(q);
		return NULL;
	}
	d->stat.queries++;
	if (deadline > 0 && q->flight != NULL) {
		evtimer_assign(&q->timer, d->base, deadline_cb, q);
		evtimer_add(&q->timer, &tv);
		q->timed = 1;
	}
	wake(d);
	return q;
}

struct dns_query *
dns_ask_ptr(struct dns *d, const struct sockaddr *sa, int deadline, dns_cb cb, void *arg)
{
	char	 name[DNS_NAME_MAX + 1];

	/* What has no address has no name. */
	return dns_ask(d, dns_name_reverse(sa, name) ? name : "", DNS_PTR, deadline, cb, arg);
}

/* -- the whole ---------------------------------------------------------- */

struct dns *
dns_new(struct event_base *base, const struct dns_options *options)
{
	struct dns	*d;

	if ((d = calloc(1, sizeof(*d))) == NULL)
		return NULL;
	d->base = base;
	if (options != NULL)
		d->options = *options;
	if (d->options.cache == 0)
		d->options.cache = CACHE_SIZE;
	if (d->options.ttl_max == 0)
		d->options.ttl_max = TTL_MAX;
	TAILQ_INIT(&d->old);
	TAILQ_INIT(&d->all);
	TAILQ_INIT(&d->waiting);
	TAILQ_INIT(&d->done);
	dns_cache_init(&d->cache, d->options.cache);
	arc4random_buf(d->key, sizeof(d->key));
	d->wake = event_new(base, -1, 0, wake_cb, d);
	d->tick = event_new(base, -1, 0, tick_cb, d);
	if (d->wake == NULL || d->tick == NULL) {
		dns_free(d);
		errno = ENOMEM;
		return NULL;
	}
	return d;
}

void
dns_free(struct dns *d)
{
	struct dns_query	*q;
	struct dns_flight		*fl;

	if (d == NULL)
		return;
	if (d->freed != NULL)
		*d->freed = 1;
	d->ending = 1;
	while ((q = TAILQ_FIRST(&d->done)) != NULL)
		dns_cancel(q);
	TAILQ_FOREACH(fl, &d->all, all)
		while ((q = TAILQ_FIRST(&fl->queries)) != NULL)
			dns_cancel(q);
	dns_flights_free(d);
	dns_cache_clear(&d->cache);
	dns_hosts_free(&d->hosts);
	free(d->resolv_file.path);
	free(d->hosts_file.path);
	if (d->wake != NULL)
		event_free(d->wake);
	if (d->tick != NULL)
		event_free(d->tick);
	free(d);
}

void
dns_stat(const struct dns *d, struct dns_stat *s)
{
	struct dns_link	*l;

	*s = d->stat;
	s->entries = d->cache.n;
	s->bytes = d->cache.bytes;
	if (d->current != NULL)
		s->tcp += dns_channel_tcp(d->current->channel);
	TAILQ_FOREACH(l, &d->old, link)
		s->tcp += dns_channel_tcp(l->channel);
}
