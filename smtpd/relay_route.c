/* SPDX-License-Identifier: ISC */
/*
 * The hosts of a destination, and what else must be known before one is
 * connected to: the URL that a table has for the domain, credentials, our
 * addresses; asked one after the other.  relay process.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "smtpd/log.h"
#include "smtpd/loop.h"
#include "smtpd/proc.h"
#include "smtpd/relay.h"

#define SOURCES	64	/* addresses of a table `src` */

static void	ask_credentials(struct dest *);
static void	ask_source(struct dest *);
static void	ask_hosts(struct dest *);

uint16_t
relay_route_port(const struct relay *r)
{
	if (r->port != 0)
		return r->port;
	return r->tls == RELAY_SMTPS ? 465 : 25;
}

static void
free_hosts(struct host *hosts, uint32_t n)
{
	uint32_t	 i;

	for (i = 0; i < n; i++)
		free(hosts[i].name);
	free(hosts);
}

void
relay_route_free(struct dest *d)
{
	free_hosts(d->hosts, d->nhosts);
	d->hosts = NULL;
	d->nhosts = d->nexthost = 0;
	free(d->host);
	free(d->label);
	if (d->credentials != NULL)
		explicit_bzero(d->credentials, strlen(d->credentials));
	free(d->credentials);
	free(d->src);
	d->host = d->label = d->credentials = NULL;
	d->src = NULL;
	d->nsrc = 0;
	d->relay = *d->action->relay;
}

/* What was asked for is not to be had: no host is to blame. */
static void
fail(struct dest *d, enum job_result result, const char *text, struct slice why)
{
	snprintf(d->reply, sizeof(d->reply), "%s%s%.*s", text,
	    why.n > 0 ? ": " : "", (int)(why.n > 200 ? 200 : why.n), why.p);
	d->failed_name[0] = d->failed_text[0] = '\0';
	dest_unreachable(d, result,
	    result == JOB_TEMPFAIL ? RELAYED_UNREACHED : 0);
}

/* -- the table `domain` -- */

static void
domain_answered(void *arg, const struct relay_answer *a)
{
	struct dest	*d = arg;
	const char	*why;

	if (a->result == RESOLVED_TEMPFAIL) {
		fail(d, JOB_TEMPFAIL, "451 4.3.5 The table of domains cannot be read",
		    SLICE(""));
		return;
	}
	if (a->result == RESOLVED_NONE) {
		fail(d, JOB_PERMFAIL, "550 5.1.2 The table of domains has nothing for it",
		    SLICE(""));
		return;
	}
	d->relay.host = d->relay.label = NULL;
	if (conf_relay_url(a->text, &d->relay, &why) == -1) {
		log_warnx("relay action %s, domain %s: %s", d->action->name,
		    d->route, why);
		fail(d, JOB_TEMPFAIL, "451 4.3.5 The table of domains has no relay URL here",
		    slice_str(why));
		return;
	}
	d->host = d->relay.host;
	d->label = d->relay.label;
	ask_credentials(d);
}

/* -- credentials -- */

static void
credentials_answered(void *arg, const struct relay_answer *a)
{
	struct dest	*d = arg;

	if (a->result != RESOLVED_OK ||
	    memchr(a->text.p, ':', a->text.n) == NULL) {
		fail(d, JOB_TEMPFAIL, "451 4.3.5 No credentials are to be had for the label",
		    slice_str(d->relay.label));
		return;
	}
	if ((d->credentials = strndup(a->text.p, a->text.n)) == NULL)
		fatal("credentials");
	ask_source(d);
}

static void
ask_credentials(struct dest *d)
{
	if (d->relay.label == NULL || d->relay.auth == NULL)
		ask_source(d);
	else
		relay_ask_table(QUERY_CREDENTIALS, d->relay.auth,
		    slice_str(d->relay.label), credentials_answered, d);
}

/* -- our addresses -- */

static int
address_parse(struct slice s, uint16_t port, struct sockaddr_storage *ss)
{
	struct sockaddr_in	*four = (struct sockaddr_in *)ss;
	struct sockaddr_in6	*six = (struct sockaddr_in6 *)ss;
	char			 text[INET6_ADDRSTRLEN];

	if (s.n > 1 && s.p[0] == '[' && s.p[s.n - 1] == ']')
		s = slice_make(s.p + 1, s.n - 2);
	if (s.n == 0 || s.n >= sizeof(text))
		return -1;
	memcpy(text, s.p, s.n);
	text[s.n] = '\0';
	memset(ss, 0, sizeof(*ss));
	if (inet_pton(AF_INET, text, &four->sin_addr) == 1) {
		four->sin_family = AF_INET;
		four->sin_port = htons(port);
		return 0;
	}
	if (inet_pton(AF_INET6, text, &six->sin6_addr) == 1) {
		six->sin6_family = AF_INET6;
		six->sin6_port = htons(port);
		return 0;
	}
	return -1;
}

/* The next word of *rest; blanks and commas are between. */
static struct slice
word(struct slice *rest)
{
	struct slice	 w;

	while (rest->n > 0 && (rest->p[0] == ' ' || rest->p[0] == ',')) {
		rest->p++;
		rest->n--;
	}
	w = slice_make(rest->p, 0);
	while (w.n < rest->n && w.p[w.n] != ' ' && w.p[w.n] != ',')
		w.n++;
	rest->p += w.n;
	rest->n -= w.n;
	return w;
}

static void
source_answered(void *arg, const struct relay_answer *a)
{
	struct dest	*d = arg;
	struct slice	 rest = a->text, w;

	if (a->result == RESOLVED_OK &&
	    (d->src = calloc(SOURCES, sizeof(*d->src))) == NULL)
		fatal("source addresses");
	while (d->src != NULL && d->nsrc < SOURCES && (w = word(&rest)).n > 0)
		if (address_parse(w, 0, &d->src[d->nsrc]) == 0)
			d->nsrc++;
		else
			log_warnx("relay action %s: source %.*s is no address",
			    d->action->name, (int)w.n, w.p);
	if (d->nsrc == 0)
		fail(d, JOB_TEMPFAIL, "451 4.3.5 No source address is to be had",
		    SLICE(""));
	else
		ask_hosts(d);
}

static void
ask_source(struct dest *d)
{
	if (d->relay.src == NULL)
		ask_hosts(d);
	else
		relay_ask_table(QUERY_SOURCE, d->relay.src, SLICE(""),
		    source_answered, d);
}

/* -- hosts -- */

static int
host_add(struct dest *d, const struct ipc_host *from)
{
	struct host	*h = &d->hosts[d->nhosts];

	*h = (struct host){ .preference = from->preference };
	if (address_parse(from->address, relay_route_port(&d->relay), &h->sa) == -1)
		return 0;
	if ((h->name = from->name.n > 0 ?
	    strndup(from->name.p, from->name.n) :
	    strndup(from->address.p, from->address.n)) == NULL)
		return -1;
	addr_text((struct sockaddr *)&h->sa, h->text, sizeof(h->text));
	d->nhosts++;
	return 0;
}

/* What was found out about a host is not forgotten because dns was asked again. */
static void
inherit(struct host *h, const struct host *old, uint32_t n)
{
	uint32_t	 i;

	for (i = 0; i < n; i++)
		if (strcmp(old[i].text, h->text) == 0) {
			h->plain = old[i].plain;
			if (loop_mono() - old[i].failed < RELAY_HOSTS_FOR)
				h->failed = old[i].failed;
			return;
		}
}

/* In place of those it had. */
static void
hosts_set(struct dest *d, const struct ipc_host *from, uint32_t n)
{
	struct host	*old = d->hosts;
	uint32_t	 nold = d->nhosts, i;

	if ((d->hosts = calloc(n + 1, sizeof(*d->hosts))) == NULL)
		fatal("hosts");
	d->nhosts = 0;
	for (i = 0; i < n; i++)
		if (host_add(d, &from[i]) == -1)
			fatal("hosts");
	for (i = 0; i < d->nhosts; i++)
		inherit(&d->hosts[i], old, nold);
	free_hosts(old, nold);
}

static bool
is_own_name(const struct dest *d, const char *name)
{
	const char	*own = d->relay.backup_name != NULL ?
			    d->relay.backup_name : proc_conf->hostname;

	return d->relay.backup && strcasecmp(own, name) == 0;
}

/*
 * RFC 5321 5.1: mail goes to hosts that are better than we are, or it would
 * come back.  Hosts are in order of preference.
 */
static void
cut_at_ourselves(struct dest *d)
{
	uint32_t	 i, worst;

	for (i = 0; i < d->nhosts; i++)
		if (host_is_self((struct sockaddr *)&d->hosts[i].sa) ||
		    is_own_name(d, d->hosts[i].name))
			break;
	if (i == d->nhosts)
		return;
	worst = d->hosts[i].preference;
	while (d->nhosts > 0 && d->hosts[d->nhosts - 1].preference >= worst)
		free(d->hosts[--d->nhosts].name);
}

static void
hosts_known(struct dest *d)
{
	if (d->nhosts == 0) {
		fail(d, JOB_TEMPFAIL, "451 4.4.3 No host has an address that can be used",
		    SLICE(""));
		return;
	}
	cut_at_ourselves(d);
	if (d->nhosts == 0) {
		fail(d, JOB_PERMFAIL, "554 5.4.6 Mail for it would come back here",
		    SLICE(""));
		return;
	}
	d->resolved = loop_mono();
	dest_found(d);
}

/* A host that the configuration names wrongly is no reason to return mail. */
static void
fail_nowhere(struct dest *d, struct slice why)
{
	char	 text[sizeof("451 4.3.5 The host  has no address") + 256];

	if (d->relay.host == NULL) {
		fail(d, JOB_PERMFAIL, "550 5.1.2 No such domain, or no host of it has an address",
		    why);
		return;
	}
	snprintf(text, sizeof(text), "451 4.3.5 The host %s has no address", d->relay.host);
	fail(d, JOB_TEMPFAIL, text, why);
}

static void
hosts_answered(void *arg, const struct relay_answer *a)
{
	struct dest	*d = arg;
	struct slice	 rest = a->hosts;
	struct ipc_host	 hosts[IPC_HOSTS];
	uint32_t	 n = 0;

	switch (a->result) {
	case RESOLVED_OK:
		break;
	case RESOLVED_NONE:
		fail_nowhere(d, a->text);
		return;
	case RESOLVED_NULLMX:
		fail(d, JOB_PERMFAIL, "556 5.1.10 The domain takes no mail", SLICE(""));
		return;
	case RESOLVED_TEMPFAIL:
		fail(d, JOB_TEMPFAIL, "451 4.4.3 Temporary DNS failure", a->text);
		return;
	}
	while (n < IPC_HOSTS && ipc_host_next(&rest, &hosts[n]) == 1)
		n++;
	hosts_set(d, hosts, n);
	hosts_known(d);
}

static void
ask_hosts(struct dest *d)
{
	struct sockaddr_storage	 ss;
	struct ipc_host		 literal;
	const char		*host = d->relay.host;

	if (host == NULL) {
		relay_ask_dns(RESOLVE_MX, d->relay.family, slice_str(d->route),
		    hosts_answered, d);
		return;
	}
	if (address_parse(slice_str(host), 0, &ss) == -1) {
		relay_ask_dns(RESOLVE_HOST, d->relay.family, slice_str(host),
		    hosts_answered, d);
		return;
	}
	literal = (struct ipc_host){ 0, slice_str(host), slice_str(host) };
	hosts_set(d, &literal, 1);
	hosts_known(d);
}

void
relay_route_find(struct dest *d)
{
	relay_route_free(d);
	if (d->relay.domain != NULL)
		relay_ask_table(QUERY_DOMAIN, d->relay.domain,
		    slice_str(d->route), domain_answered, d);
	else
		ask_credentials(d);
}

void
relay_route_refresh(struct dest *d)
{
	ask_hosts(d);
}
