/* SPDX-License-Identifier: ISC */
/*
 * Forward-confirmed reverse DNS: the names of an address, then, at the same
 * time, the addresses of each name.
 */
#include <sys/socket.h>

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "lib/dns_name.h"
#include "lib/fcrdns.h"

const char *const	 iprev_names[IPREV_MAX] = {
	[IPREV_PASS]		= "pass",
	[IPREV_FAIL]		= "fail",
	[IPREV_PERMERROR]	= "permerror",
	[IPREV_TEMPERROR]	= "temperror",
};

/* A name of the address. */
struct forward {
	struct fcrdns_query	*of;
	struct dns_query	*query;		/* NULL: answered */
	const char		*name;
	const char		*error;		/* it failed for now, and why */
	uint32_t		 ttl;
	int			 passed;
};

struct fcrdns_query {
	struct dns		*dns;
	struct dns_query	*ptr;		/* NULL: answered */
	struct event		*timer;		/* NULL: no deadline */
	enum dns_type		 type;		/* that of the address */
	union {
		struct in_addr	 a;
		struct in6_addr	 aaaa;
	};
	fcrdns_step_cb		 step;
	fcrdns_cb		 cb;
	void			*arg;
	struct forward		*forward;	/* with the names behind them */
	size_t			 n;
	uint32_t		 ttl;		/* of the PTR */
};

/* v4-mapped is IPv4.  0: another family. */
static int
address_take(struct fcrdns_query *f, const struct sockaddr *sa)
{
	const struct in6_addr	*in6;

	if (sa->sa_family == AF_INET) {
		f->type = DNS_A;
		f->a = ((const struct sockaddr_in *)(const void *)sa)->sin_addr;
		return 1;
	}
	if (sa->sa_family != AF_INET6)
		return 0;
	in6 = &((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr;
	if (IN6_IS_ADDR_V4MAPPED(in6)) {
		f->type = DNS_A;
		memcpy(&f->a, in6->s6_addr + 12, sizeof(f->a));
	} else {
		f->type = DNS_AAAA;
		f->aaaa = *in6;
	}
	return 1;
}

void
fcrdns_cancel(struct fcrdns_query *f)
{
	size_t	 i;

	if (f->ptr != NULL)
		dns_cancel(f->ptr);
	for (i = 0; i < f->n; i++)
		if (f->forward[i].query != NULL)
			dns_cancel(f->forward[i].query);
	if (f->timer != NULL)
		event_free(f->timer);
	free(f->forward);
	free(f);
}

static void
finish(struct fcrdns_query *f, enum iprev verdict, const char *name, const char *error, uint32_t ttl)
{
	struct fcrdns_result	 r = { verdict, name, error, ttl };
	struct forward		*forward = f->forward;
	fcrdns_cb		 cb = f->cb;
	void			*arg = f->arg;
	size_t			 i;

	for (i = 0; i < f->n; i++)
		if (forward[i].query != NULL)
			dns_cancel(forward[i].query);
	f->n = 0;
	f->forward = NULL;
	fcrdns_cancel(f);
	cb(&r, arg);
	free(forward);
}

/*
 * The first name in the order of the PTR records that passes wins: one that
 * passed waits for those before it, unless the time is over.
 */
static void
judge(struct fcrdns_query *f, int late)
{
	const char	*error = late ? "no answer in time" : NULL;
	uint32_t	 ttl = f->ttl;
	size_t		 i;

	for (i = 0; i < f->n; i++) {
		if (f->forward[i].passed) {
			finish(f, IPREV_PASS, f->forward[i].name, NULL,
			    f->forward[i].ttl < f->ttl ? f->forward[i].ttl : f->ttl);
			return;
		}
		if (f->forward[i].query != NULL && !late)
			return;
		if (f->forward[i].error != NULL && error == NULL)
			error = f->forward[i].error;
		if (f->forward[i].ttl < ttl)
			ttl = f->forward[i].ttl;
	}
	if (error != NULL)
		finish(f, IPREV_TEMPERROR, f->n > 0 ? f->forward[0].name : "", error, 0);
	else
		finish(f, IPREV_FAIL, f->forward[0].name, NULL, ttl);
}

static void
timer_cb(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	judge(arg, 1);
}

static int
has_address(const struct fcrdns_query *f, const struct dns_answer *a)
{
	size_t	 i;

	for (i = 0; i < a->n; i++)
		if (f->type == DNS_A ?
		    memcmp(&a->record[i].a, &f->a, sizeof(f->a)) == 0 :
		    memcmp(&a->record[i].aaaa, &f->aaaa, sizeof(f->aaaa)) == 0)
			return 1;
	return 0;
}

static void
show(const struct fcrdns_query *f, const char *name, enum dns_type type, const struct dns_answer *a)
{
	struct fcrdns_step	 s = { name, type, a };

	f->step(&s, f->arg);
}

static void
show_ptr(const struct fcrdns_query *f, const struct dns_answer *a)
{
	union {
		struct sockaddr		 sa;
		struct sockaddr_in	 in;
		struct sockaddr_in6	 in6;
	} u = { .sa.sa_family = f->type == DNS_A ? AF_INET : AF_INET6 };
	char	 name[DNS_NAME_MAX + 1];

	if (f->type == DNS_A)
		u.in.sin_addr = f->a;
	else
		u.in6.sin6_addr = f->aaaa;
	dns_name_reverse(&u.sa, name);
	show(f, name, DNS_PTR, a);
}

static void
forward_cb(const struct dns_answer *a, void *arg)
{
	struct forward	*w = arg;
	struct fcrdns_query	*f = w->of;

	w->query = NULL;
	w->ttl = a->ttl;
	if (a->status == DNS_OK)
		w->passed = has_address(f, a);
	else if (a->status == DNS_TEMPFAIL)
		w->error = a->error;
	if (f->step != NULL)
		show(f, w->name, f->type, a);
	judge(f, 0);
}

/* The different names of a PTR answer, FCRDNS_PTRS at most.  -1: no memory. */
static int
names_take(struct fcrdns_query *f, const struct dns_answer *a)
{
	const char	*names[FCRDNS_PTRS];
	size_t		 n = 0, size = 0, i, j, len;
	char		*text;

	for (i = 0; i < a->n && n < FCRDNS_PTRS; i++) {
		for (j = 0; j < n && strcmp(names[j], a->record[i].name) != 0; j++)
			;
		if (j < n)
			continue;
		names[n++] = a->record[i].name;
		size += strlen(a->record[i].name) + 1;
	}
	if ((f->forward = calloc(1, n * sizeof(f->forward[0]) + size)) == NULL)
		return -1;
	text = (char *)&f->forward[n];
	for (i = 0; i < n; i++) {
		len = strlen(names[i]) + 1;
		f->forward[i].of = f;
		f->forward[i].name = memcpy(text, names[i], len);
		text += len;
	}
	f->n = n;
	return 0;
}

static void
ptr_cb(const struct dns_answer *a, void *arg)
{
	struct fcrdns_query	*f = arg;
	size_t		 i;

	f->ptr = NULL;
	f->ttl = a->ttl;
	if (f->step != NULL)
		show_ptr(f, a);
	if (a->status == DNS_TEMPFAIL) {
		finish(f, IPREV_TEMPERROR, "", a->error, 0);
		return;
	}
	if (a->status != DNS_OK) {
		finish(f, IPREV_PERMERROR, "", NULL, a->ttl);
		return;
	}
	if (names_take(f, a) == -1) {
		finish(f, IPREV_TEMPERROR, "", "out of memory", 0);
		return;
	}
	for (i = 0; i < f->n; i++)
		if ((f->forward[i].query = dns_ask(f->dns, f->forward[i].name, f->type, 0,
		    forward_cb, &f->forward[i])) == NULL)
			f->forward[i].error = "out of memory";
	judge(f, 0);
}

struct fcrdns_query *
fcrdns_ask(struct dns *dns, const struct sockaddr *sa, int deadline, fcrdns_step_cb step,
    fcrdns_cb cb, void *arg)
{
	struct timeval	 tv = { deadline / 1000, deadline % 1000 * 1000 };
	struct fcrdns_query	*f;

	if ((f = calloc(1, sizeof(*f))) == NULL)
		return NULL;
	f->dns = dns;
	f->step = step;
	f->cb = cb;
	f->arg = arg;
	if (!address_take(f, sa)) {
		free(f);
		errno = EAFNOSUPPORT;
		return NULL;
	}
	if ((deadline > 0 && ((f->timer = evtimer_new(dns_base(dns), timer_cb, f)) == NULL ||
	    evtimer_add(f->timer, &tv) == -1)) ||
	    (f->ptr = dns_ask_ptr(dns, sa, 0, ptr_cb, f)) == NULL) {
		fcrdns_cancel(f);
		errno = ENOMEM;
		return NULL;
	}
	return f;
}
