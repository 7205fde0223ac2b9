/* SPDX-License-Identifier: ISC */
/*
 * The addresses of a host, A and AAAA as the family asks for, in its order.
 * dns process.
 */
#include <arpa/inet.h>

#include <stdlib.h>
#include <string.h>

#include "lib/dns.h"
#include "smtpd/dns_int.h"

struct part {			/* what is known of one family */
	struct dns_query	*query;	/* under way */
	enum dns_status		 status;
	size_t			 n;
	struct host_address	 address[HOST_ADDRESSES];
};

struct host_query {
	struct part	 part[2];	/* IPv6, IPv4 */
	enum resolve_family family;
	host_cb		 cb;
	void		*arg;
	char		 why[128];
};

enum { IPV6, IPV4 };

bool
host_address_parse(struct slice text, struct host_address *h)
{
	char	 buf[INET6_ADDRSTRLEN];

	if (text.n >= sizeof(buf))
		return false;
	memcpy(buf, text.p, text.n);
	buf[text.n] = '\0';
	h->v6 = memchr(buf, ':', text.n) != NULL;
	return inet_pton(h->v6 ? AF_INET6 : AF_INET, buf,
	    h->v6 ? (void *)&h->aaaa : (void *)&h->a) == 1;
}

bool
host_literal_parse(struct slice text, struct host_address *h)
{
	static const struct slice	 tag = SLICE("IPv6:");
	struct slice			 inner;
	bool				 tagged;

	if (text.n < 2 || text.p[0] != '[' || text.p[text.n - 1] != ']')
		return false;
	inner = slice_make(text.p + 1, text.n - 2);
	tagged = inner.n > tag.n && slice_eqi(slice_make(inner.p, tag.n), tag);
	if (tagged)
		inner = slice_make(inner.p + tag.n, inner.n - tag.n);
	return host_address_parse(inner, h) && h->v6 == tagged;
}

bool
host_family_has(enum resolve_family family, bool v6)
{
	return family != (v6 ? RESOLVE_INET4 : RESOLVE_INET6);
}

struct slice
host_text(const struct host_address *h, char buf[INET6_ADDRSTRLEN])
{
	return slice_str(inet_ntop(h->v6 ? AF_INET6 : AF_INET,
	    h->v6 ? (const void *)&h->aaaa : (const void *)&h->a, buf,
	    INET6_ADDRSTRLEN));
}

/* -- the answer -- */

/* The addresses of both families in the order of the family asked for. */
static size_t
order(const struct host_query *q, struct host_address *to)
{
	const struct part	*first = &q->part[IPV6], *second = &q->part[IPV4];
	size_t			 i, j, n = 0;

	if (q->family == RESOLVE_PREFER4) {
		first = &q->part[IPV4];
		second = &q->part[IPV6];
	}
	for (i = j = 0; i < first->n || j < second->n;) {
		if (i < first->n)
			to[n++] = first->address[i++];
		if (j < second->n &&
		    (q->family == RESOLVE_ANY || i == first->n))
			to[n++] = second->address[j++];
	}
	return n;
}

static void
finish(struct host_query *q)
{
	struct host_address	 address[2 * HOST_ADDRESSES];
	struct host_answer	 answer = { .address = address };

	answer.n = order(q, address);
	if (answer.n > 0)
		answer.result = RESOLVED_OK;
	else if (q->part[IPV6].status == DNS_TEMPFAIL ||
	    q->part[IPV4].status == DNS_TEMPFAIL)
		answer.result = RESOLVED_TEMPFAIL;
	else
		answer.result = RESOLVED_NONE;
	if (q->why[0] != '\0')
		answer.why = q->why;
	else if (answer.n == 0)
		answer.why = q->part[IPV6].status == DNS_NXDOMAIN ||
		    q->part[IPV4].status == DNS_NXDOMAIN ?
		    "no such name" : "it has no address";
	q->cb(&answer, q->arg);
	free(q);
}

static void
take(struct host_query *q, int which, const struct dns_answer *a)
{
	struct part	*p = &q->part[which];
	size_t		 i;

	p->query = NULL;
	p->status = a->status;
	if (a->error != NULL)
		strlcpy(q->why, a->error, sizeof(q->why));
	for (i = 0; i < a->n && i < HOST_ADDRESSES; i++) {
		p->address[i].v6 = which == IPV6;
		if (which == IPV6)
			p->address[i].aaaa = a->record[i].aaaa;
		else
			p->address[i].a = a->record[i].a;
	}
	p->n = i;
	if (q->part[IPV6].query == NULL && q->part[IPV4].query == NULL)
		finish(q);
}

static void
ipv6_cb(const struct dns_answer *a, void *arg)
{
	take(arg, IPV6, a);
}

static void
ipv4_cb(const struct dns_answer *a, void *arg)
{
	take(arg, IPV4, a);
}

struct host_query *
host_ask(struct dns *dns, const char *name, enum resolve_family family,
    int deadline, host_cb cb, void *arg)
{
	struct host_query	*q;

	if ((q = calloc(1, sizeof(*q))) == NULL)
		return NULL;
	q->family = family;
	q->cb = cb;
	q->arg = arg;
	q->part[IPV6].status = q->part[IPV4].status = DNS_NODATA;
	if ((host_family_has(family, true) && (q->part[IPV6].query =
	    dns_ask(dns, name, DNS_AAAA, deadline, ipv6_cb, q)) == NULL) ||
	    (host_family_has(family, false) && (q->part[IPV4].query =
	    dns_ask(dns, name, DNS_A, deadline, ipv4_cb, q)) == NULL)) {
		host_cancel(q);
		return NULL;
	}
	return q;
}

void
host_cancel(struct host_query *q)
{
	if (q->part[IPV6].query != NULL)
		dns_cancel(q->part[IPV6].query);
	if (q->part[IPV4].query != NULL)
		dns_cancel(q->part[IPV4].query);
	free(q);
}
