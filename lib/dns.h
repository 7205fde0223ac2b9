/* SPDX-License-Identifier: ISC */
#ifndef LIB_DNS_H
#define LIB_DNS_H

/*
 * Questions to the DNS (RFC 1034, 1035) by c-ares on the caller's event base,
 * with a cache.  Records and TTLs are read from the raw answer.  Names come
 * and go as text without a final dot, and go in lower case; what is no host
 * name, a PTR or MX with odd bytes, is not handed out (if no MX of a name is
 * one: TEMPFAIL, lest its mail goes to the A record).  Not thread-safe.
 */
#include <sys/types.h>
#include <netinet/in.h>

#include <stddef.h>
#include <stdint.h>

#include "lib/slice.h"

struct event_base;
struct dns;
struct dns_query;

enum dns_type { DNS_A, DNS_AAAA, DNS_PTR, DNS_MX, DNS_TXT };

enum dns_status {
	DNS_OK,			/* at least one record */
	DNS_NODATA,		/* the name exists, with other types */
	DNS_NXDOMAIN,
	DNS_TEMPFAIL,		/* no answer in time, SERVFAIL, no server, a broken answer */
	DNS_BADNAME		/* what was asked is no name */
};

#define DNS_NAME_MAX	255	/* bytes of a name as text */
#define DNS_CNAMES	10	/* aliases followed in one answer */

struct dns_record {
	union {
		struct in_addr	 a;
		struct in6_addr	 aaaa;
		struct {
			uint16_t	 preference;
			const char	*name;	/* "" is the null MX (RFC 7505) */
		} mx;
		const char	*name;		/* PTR */
		struct slice	 text;		/* TXT: its strings joined */
	};
};

/* Valid until the callback returns. */
struct dns_answer {
	enum dns_status	 status;
	const char	*error;		/* TEMPFAIL, BADNAME: why, in words for a log */
	uint32_t	 ttl;		/* seconds; of a negative answer too (RFC 2308) */
	int		 cached;	/* 1: from the cache; 2: from the hosts file */
	const char	*canonical;	/* the name that the records are of, behind aliases; "" if it has odd bytes */
	size_t		 n;
	const struct dns_record *record;
};

struct dns_options {
	int		 timeout;	/* ms until another server is asked; 0: 2000 */
	int		 tries;		/* of each server; 0: 3 */
	size_t		 cache;		/* bytes that answers may take; 0: 8 MiB */
	uint32_t	 ttl_max;	/* seconds an answer is kept at most; 0: 86400 */
};

/* NULL with errno.  Asks nobody before it has been told of a resolver. */
struct dns	*dns_new(struct event_base *, const struct dns_options *);
/* Open queries are forgotten, their callbacks not called. */
void		 dns_free(struct dns *);
/* As given to dns_new(). */
struct event_base *dns_base(const struct dns *);
/*
 * The resolvers: "addr[:port],[v6]:port,...", or what a resolv.conf says.
 * Queries under way end with the old ones.  0, or -1 with *why.
 */
int		 dns_resolvers(struct dns *, const char *list, const char **why);
int		 dns_resolv_conf(struct dns *, struct slice text, const char **why);
/* The text of a hosts file: A, AAAA and PTR of its names are answered from it first. */
int		 dns_hosts(struct dns *, struct slice text);
/* Reads both files now, and again before a query if they changed (looked at once a second). */
void		 dns_files(struct dns *, const char *resolv_conf, const char *hosts);

typedef void	(*dns_cb)(const struct dns_answer *, void *arg);
/*
 * Asks.  cb is called once, never before dns_ask() returns, unless the query
 * is cancelled.  deadline: ms for all of it, 0: none but timeout and tries.
 * NULL with errno: ENOMEM, nothing is called.
 */
struct dns_query *dns_ask(struct dns *, const char *name, enum dns_type, int deadline, dns_cb, void *arg);
/* PTR of an address. */
struct dns_query *dns_ask_ptr(struct dns *, const struct sockaddr *, int deadline, dns_cb, void *arg);
void		 dns_cancel(struct dns_query *);

struct dns_stat {
	uint64_t	 queries, hits, sent, timeouts, tcp;
	size_t		 entries, bytes;	/* of the cache */
};
void		 dns_stat(const struct dns *, struct dns_stat *);

#endif
