/* SPDX-License-Identifier: ISC */
/*
 * Where the mail of a domain goes (RFC 5321 5.1): its mail exchangers by
 * preference, those of the same shuffled, or itself if it has none, and the
 * addresses of them all.  dns process.
 */
#include <netinet/in.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/dns.h"
#include "smtpd/dns_int.h"
#include "smtpd/loop.h"

#define MX_HOSTS	20	/* exchangers whose addresses are asked for: the best */

struct mx {			/* an exchanger */
	struct mx_query	*of;
	uint16_t	 preference;
	char		 name[DNS_NAME_MAX + 1];
	struct host_query *query;	/* under way */
	size_t		 n;
	struct host_address address[2 * HOST_ADDRESSES];
};

struct mx_query {
	struct dns	*dns;
	struct dns_query *query;	/* for the MX records, under way */
	uint64_t	 late;		/* monotonic ns: then it is over */
	enum resolve_family family;
	mx_cb		 cb;
	void		*arg;
	char		 domain[DNS_NAME_MAX + 1];
	size_t		 nmx, pending;
	struct mx	*mx;
	bool		 tempfail;	/* an exchanger's addresses could not be found out */
	char		 why[DNS_NAME_MAX + 160];
};

static void
mx_free(struct mx_query *q)
{
	free(q->mx);
	free(q);
}

static void
finish(struct mx_query *q, enum resolved result, const char *why,
    const struct ipc_host *host, size_t n)
{
	const struct mx_answer	 answer = { result, why, n, host };

	q->cb(&answer, q->arg);
	mx_free(q);
}

static int
remaining(const struct mx_query *q)
{
	uint64_t	 now = loop_mono();

	return now + 1000000 > q->late ? 1 : (int)((q->late - now) / 1000000);
}

/* -- the addresses, in order -- */

struct list {
	size_t		 n;
	struct ipc_host	 host[IPC_HOSTS];
	char		 text[IPC_HOSTS][INET6_ADDRSTRLEN];
};

enum which { ANY_ADDRESS, ONLY_IPV6, ONLY_IPV4 };

static void
add(struct list *l, const struct mx *mx, enum which which)
{
	size_t	 i;

	for (i = 0; i < mx->n && l->n < IPC_HOSTS; i++) {
		if (which != ANY_ADDRESS &&
		    mx->address[i].v6 != (which == ONLY_IPV6))
			continue;
		l->host[l->n].preference = mx->preference;
		l->host[l->n].name = slice_str(mx->name);
		l->host[l->n].address = host_text(&mx->address[i],
		    l->text[l->n]);
		l->n++;
	}
}

/* Of the exchangers of one preference, from `from` up to `to`. */
static void
add_group(struct list *l, const struct mx_query *q, size_t from, size_t to)
{
	enum which	 first = ANY_ADDRESS;
	size_t		 i;

	if (q->family == RESOLVE_PREFER4)
		first = ONLY_IPV4;
	else if (q->family == RESOLVE_PREFER6)
		first = ONLY_IPV6;
	for (i = from; i < to; i++)
		add(l, &q->mx[i], first);
	for (i = from; i < to && first != ANY_ADDRESS; i++)
		add(l, &q->mx[i], first == ONLY_IPV6 ? ONLY_IPV4 : ONLY_IPV6);
}

static void
all_known(struct mx_query *q)
{
	struct list	 l;
	size_t		 i, j;

	l.n = 0;
	for (i = 0; i < q->nmx; i = j) {
		for (j = i; j < q->nmx &&
		    q->mx[j].preference == q->mx[i].preference; j++)
			;
		add_group(&l, q, i, j);
	}
	finish(q, l.n > 0 ? RESOLVED_OK : q->tempfail ? RESOLVED_TEMPFAIL :
	    RESOLVED_NONE, l.n == 0 || q->tempfail ? q->why : NULL, l.host, l.n);
}

static void
host_known_cb(const struct host_answer *a, void *arg)
{
	struct mx	*mx = arg;
	struct mx_query	*q = mx->of;

	mx->query = NULL;
	mx->n = a->n;
	memcpy(mx->address, a->address, a->n * sizeof(*a->address));
	/* What may be gone in a moment is worth more words than what is so. */
	if (a->result != RESOLVED_OK && !q->tempfail)
		snprintf(q->why, sizeof(q->why), "%s: %s", mx->name, a->why);
	q->tempfail |= a->result == RESOLVED_TEMPFAIL;
	if (--q->pending == 0)
		all_known(q);
}

static void
cancel_hosts(struct mx_query *q)
{
	size_t	 i;

	for (i = 0; i < q->nmx; i++)
		if (q->mx[i].query != NULL)
			host_cancel(q->mx[i].query);
}

static void
ask_hosts(struct mx_query *q)
{
	size_t	 i;

	for (i = 0; i < q->nmx; i++) {
		q->mx[i].query = host_ask(q->dns, q->mx[i].name, q->family,
		    remaining(q), host_known_cb, &q->mx[i]);
		if (q->mx[i].query == NULL) {
			cancel_hosts(q);
			finish(q, RESOLVED_TEMPFAIL, "out of memory", NULL, 0);
			return;
		}
	}
	q->pending = q->nmx;
}

/* -- the exchangers -- */

struct candidate {
	uint16_t	 preference;
	uint32_t	 lot;		/* decides between equal preferences */
	const char	*name;
};

static int
compare(const void *a, const void *b)
{
	const struct candidate	*x = a, *y = b;

	if (x->preference != y->preference)
		return x->preference < y->preference ? -1 : 1;
	return x->lot < y->lot ? -1 : x->lot > y->lot;
}

/* An address where a host name should be is no exchanger (RFC 5321 5.1, RFC 1035 3.3.9). */
static size_t
candidates(const struct dns_answer *a, struct candidate *c)
{
	struct host_address	 ignored;
	size_t			 i, n = 0;

	for (i = 0; i < a->n; i++) {
		if (a->record[i].mx.name[0] == '\0' ||
		    host_address_parse(slice_str(a->record[i].mx.name), &ignored))
			continue;
		c[n++] = (struct candidate){ a->record[i].mx.preference,
		    arc4random(), a->record[i].mx.name };
	}
	qsort(c, n, sizeof(*c), compare);
	return n;
}

/* The best of them; a name that is there twice stays at its better place. */
static void
choose(struct mx_query *q, const struct candidate *c, size_t n)
{
	struct mx	*mx;
	size_t		 i, j;

	for (i = 0; i < n && q->nmx < MX_HOSTS; i++) {
		for (j = 0; j < q->nmx; j++)
			if (strcasecmp(c[i].name, q->mx[j].name) == 0)
				break;
		if (j < q->nmx)
			continue;
		mx = &q->mx[q->nmx++];
		mx->of = q;
		mx->preference = c[i].preference;
		strlcpy(mx->name, c[i].name, sizeof(mx->name));
	}
}

static void
exchangers(struct mx_query *q, const struct dns_answer *a)
{
	struct candidate	*c;
	size_t			 n;

	if (a->n == 1 && a->record[0].mx.name[0] == '\0') {
		finish(q, RESOLVED_NULLMX, "it accepts no mail", NULL, 0);
		return;
	}
	if ((c = calloc(a->n + 1, sizeof(*c))) == NULL ||
	    (q->mx = calloc(a->n < MX_HOSTS ? a->n + 1 : MX_HOSTS,
	    sizeof(*q->mx))) == NULL) {
		free(c);
		finish(q, RESOLVED_TEMPFAIL, "out of memory", NULL, 0);
		return;
	}
	n = candidates(a, c);
	choose(q, c, n);
	free(c);
	if (q->nmx == 0)
		finish(q, RESOLVED_NONE, "none of its mail exchangers is a host",
		    NULL, 0);
	else
		ask_hosts(q);
}

/* A domain without exchangers is its own; the hosts file may know one that the DNS does not. */
static void
implicit(struct mx_query *q)
{
	const struct candidate	 self = { .name = q->domain };

	if ((q->mx = calloc(1, sizeof(*q->mx))) == NULL) {
		finish(q, RESOLVED_TEMPFAIL, "out of memory", NULL, 0);
		return;
	}
	choose(q, &self, 1);
	ask_hosts(q);
}

static void
mx_known_cb(const struct dns_answer *a, void *arg)
{
	struct mx_query	*q = arg;

	q->query = NULL;
	switch (a->status) {
	case DNS_OK:
		exchangers(q, a);
		break;
	case DNS_NODATA:
	case DNS_NXDOMAIN:
		implicit(q);
		break;
	case DNS_TEMPFAIL:
		finish(q, RESOLVED_TEMPFAIL, a->error, NULL, 0);
		break;
	case DNS_BADNAME:
		finish(q, RESOLVED_NONE, a->error, NULL, 0);
		break;
	}
}

struct mx_query *
mx_ask(struct dns *dns, const char *domain, enum resolve_family family,
    int deadline, mx_cb cb, void *arg)
{
	struct mx_query	*q;

	if ((q = calloc(1, sizeof(*q))) == NULL)
		return NULL;
	q->dns = dns;
	q->family = family;
	q->cb = cb;
	q->arg = arg;
	q->late = loop_mono() + (uint64_t)deadline * 1000000;
	strlcpy(q->domain, domain, sizeof(q->domain));
	q->query = dns_ask(dns, domain, DNS_MX, deadline, mx_known_cb, q);
	if (q->query == NULL) {
		mx_free(q);
		return NULL;
	}
	return q;
}

void
mx_cancel(struct mx_query *q)
{
	if (q->query != NULL)
		dns_cancel(q->query);
	cancel_hosts(q);
	mx_free(q);
}
