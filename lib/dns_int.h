/* SPDX-License-Identifier: ISC */
#ifndef LIB_DNS_INT_H
#define LIB_DNS_INT_H

/*
 * What dns.c (queries) and dns_flight.c (questions on their way) share.
 */
#include <sys/queue.h>

#include <event2/event.h>
#include <event2/event_struct.h>

#include "lib/dns.h"
#include "lib/dns_cache.h"
#include "lib/dns_channel.h"
#include "lib/dns_hosts.h"
#include "lib/u64map.h"

#define DNS_TICK	10	/* ms: how often timeouts are looked for */

struct dns_query {
	TAILQ_ENTRY(dns_query)	 link;
	struct dns		*dns;
	struct dns_flight	*flight;	/* NULL: it has its set and is in done */
	struct dns_set		*set;		/* NULL in done: no memory for one */
	uint32_t		 ttl;
	int			 cached, timed;
	dns_cb			 cb;
	void			*arg;
	struct event		 timer;		/* its deadline, if timed */
};
TAILQ_HEAD(dns_queries, dns_query);

struct dns_flight {
	TAILQ_ENTRY(dns_flight)	 all, link;	/* link while it waits */
	struct dns		*dns;
	struct dns_queries		 queries;
	uint64_t		 hash;
	uint64_t		 sent;		/* its number among those sent */
	unsigned int		 era;		/* which resolvers it was sent to */
	enum dns_type		 type;
	char			 name[];
};

struct dns_link {
	TAILQ_ENTRY(dns_link)	 link;
	struct dns_channel	*channel;
	uint64_t		 made;
};

struct dns {
	struct event_base	*base;
	struct dns_options	 options;
	struct dns_servers	 servers;
	size_t			 first;		/* which of them is asked first */
	int			 late;		/* answers after timeouts, one after the other */
	unsigned int		 era;		/* counts changes of servers */
	struct dns_link		*current;	/* NULL: made when there is a question */
	TAILQ_HEAD(, dns_link)	 old;		/* those that drain */
	struct u64map		 flights;
	size_t			 nflights;
	TAILQ_HEAD(, dns_flight) all, waiting;	/* waiting: to be sent */
	struct dns_queries	 done;		/* to be called back */
	size_t			 ndone;
	struct event		*wake;		/* there is something in done or waiting */
	struct event		*tick;
	int			 awake, ticking, ending;
	int			*freed;		/* tells who calls back that it is over */
	uint64_t		 heard, heard_at; /* the last question sent that was answered; when */
	struct dns_cache	 cache;
	struct dns_hosts	 hosts;
	struct dns_file		 resolv_file, hosts_file;
	uint64_t		 looked;
	uint64_t		 key[2];
	struct dns_stat		 stat;
	struct dns_found	 found;
};

uint64_t	 dns_now(void);
/* Calls back, sends, and clears away: out of c-ares and out of the owner's calls. */
void		 dns_queries_run(void *);
/* Gives a query its set, which is taken over (NULL: no memory for it). */
void		 dns_query_done(struct dns_query *, struct dns_set *, uint32_t ttl, int cached);
/* A set without records, that says why; NULL with errno. */
struct dns_set	*dns_set_failed(struct dns *, enum dns_status, const char *error);

/* The flight of a question, a new one if need be; NULL with errno. */
struct dns_flight *dns_flight_of(struct dns *, const char *name, enum dns_type, uint64_t hash);
/* Sends what waits, as far as the window allows. */
void		 dns_flights_send(struct dns *);
void		 dns_flights_tick(struct dns *);
/* Frees channels that have drained. */
void		 dns_flights_clear(struct dns *);
/* There are other resolvers: flights that wait go to them. */
void		 dns_flights_turn(struct dns *);
/* All end; they have no queries any more. */
void		 dns_flights_free(struct dns *);

#endif
