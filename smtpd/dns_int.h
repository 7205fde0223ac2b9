/* SPDX-License-Identifier: ISC */
#ifndef SMTPD_DNS_INT_H
#define SMTPD_DNS_INT_H

/*
 * The dns process inside: from a domain to the addresses of its hosts.  A
 * callback is called once, never before the asking returns; what is cancelled
 * is not called back.
 */
#include <netinet/in.h>

#include <stdbool.h>
#include <stddef.h>

#include "smtpd/ipc.h"

struct dns;

/* -- the addresses of a host: dns_host.c -- */

#define HOST_ADDRESSES	16	/* of a host, of each family; it may have more */

struct host_address {
	bool		 v6;
	union {
		struct in_addr	 a;
		struct in6_addr	 aaaa;
	};
};

struct host_answer {
	enum resolved	 result;	/* OK: at least one address */
	const char	*why;		/* what went wrong, be it with one family; or NULL */
	size_t		 n;		/* in the order of the family; ANY: IPv6 and IPv4 in turn */
	const struct host_address *address;
};

struct host_query;
typedef void	(*host_cb)(const struct host_answer *, void *arg);

/* deadline: ms for all of it.  NULL: no memory. */
struct host_query *host_ask(struct dns *, const char *name, enum resolve_family, int deadline,
		    host_cb, void *arg);
void		 host_cancel(struct host_query *);
/* Is it an address as text? */
bool		 host_address_parse(struct slice, struct host_address *);
/* The same of an address literal: [192.0.2.1], [IPv6:2001:db8::1]. */
bool		 host_literal_parse(struct slice, struct host_address *);
/* May an address of this kind be used at all? */
bool		 host_family_has(enum resolve_family, bool v6);
struct slice	 host_text(const struct host_address *, char buf[INET6_ADDRSTRLEN]);

/* -- where the mail of a domain goes: dns_mx.c -- */

struct mx_answer {
	enum resolved	 result;
	const char	*why;		/* what went wrong, be it with one host; or NULL */
	size_t		 n;		/* at most IPC_HOSTS, best first */
	const struct ipc_host *host;
};

struct mx_query;
typedef void	(*mx_cb)(const struct mx_answer *, void *arg);

struct mx_query	*mx_ask(struct dns *, const char *domain, enum resolve_family, int deadline,
		    mx_cb, void *arg);
void		 mx_cancel(struct mx_query *);

/* -- dns_idn.c -- */

/* The name in its ASCII form, in buf of DNS_NAME_MAX + 1 bytes.  false: it has none. */
bool	idn_encode(struct slice name, char *buf);

#endif
