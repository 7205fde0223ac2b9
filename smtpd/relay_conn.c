/* SPDX-License-Identifier: ISC */
/*
 * Connections to a host of a destination, from connect to QUIT: their states,
 * what may come in each and how long it may take.  What leads to a connection
 * that is ready for mail is in relay_hello.c.  relay process.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "smtpd/log.h"
#include "smtpd/loop.h"
#include "smtpd/proc.h"
#include "smtpd/relay.h"
#include "smtpd/relay_hello.h"
#include "smtpd/report_remote.h"

#define MESSAGES	100	/* in a connection, if the action does not say */
#define MINUTES(n)	((n) * 60)

static void	idle_reply(struct conn *, const struct relay_reply *);
static void	quit_reply(struct conn *, const struct relay_reply *);

/* What is said of a connection that ends there; seconds (RFC 5321 4.5.3.2); who takes the reply. */
static const struct {
	const char	*phase;
	unsigned	 seconds;
	void		(*reply)(struct conn *, const struct relay_reply *);
} states[CONN_STATES] = {
	[CONN_CONNECTING]	= { "connect",	30,		NULL },
	[CONN_NAMING]		= { "connect",	MINUTES(5),	NULL },
	[CONN_HANDSHAKE]	= { "TLS",	MINUTES(2),	NULL },
	[CONN_BANNER]		= { "banner",	MINUTES(5),	hello_banner_reply },
	[CONN_SOURCE]		= { "banner",	MINUTES(1),	NULL },
	[CONN_EHLO]		= { "EHLO",	MINUTES(5),	hello_ehlo_reply },
	[CONN_HELO]		= { "HELO",	MINUTES(5),	hello_helo_reply },
	[CONN_STARTTLS]		= { "STARTTLS",	MINUTES(2),	hello_starttls_reply },
	[CONN_AUTH]		= { "AUTH",	MINUTES(5),	hello_auth_reply },
	[CONN_AUTH_USER]	= { "AUTH",	MINUTES(5),	hello_auth_reply },
	[CONN_AUTH_PASSWORD]	= { "AUTH",	MINUTES(5),	hello_auth_reply },
	[CONN_IDLE]		= { "idle",	10,		idle_reply },
	[CONN_ENVELOPE]		= { "envelope",	MINUTES(5),	relay_tx_reply },
	[CONN_CONTENT]		= { "content",	MINUTES(3),	relay_tx_end_reply },
	[CONN_DOT]		= { "end of data", MINUTES(10),	relay_tx_end_reply },
	[CONN_RSET]		= { "RSET",	30,		relay_tx_rset_reply },
	[CONN_QUIT]		= { "QUIT",	5,		quit_reply },
	[CONN_CLOSED]		= { "closed",	0,		NULL },
};

static TAILQ_HEAD(, conn)	 conns = TAILQ_HEAD_INITIALIZER(conns);
static TAILQ_HEAD(, conn)	 graves = TAILQ_HEAD_INITIALIZER(graves);
static size_t			 nconns;
static struct event		 sweeper;
static bool			 stopping;

static void	io_event(struct io *, enum io_event);

static struct conn *
conn_of(struct io *io)
{
	return (struct conn *)((char *)io - offsetof(struct conn, io));
}

size_t
conn_count(void)
{
	return nconns;
}

bool
conn_is_idle(const struct conn *c)
{
	return c->state == CONN_IDLE;
}

void
conn_enter(struct conn *c, enum conn_state state)
{
	log_debug("connection %016llx to %s: %s, was %s",
	    (unsigned long long)c->source.session, c->text,
	    states[state].phase, states[c->state].phase);
	if (c->dest != NULL)
		c->dest->nidle += (state == CONN_IDLE) - (c->state == CONN_IDLE);
	c->state = state;
	c->deadline = loop_mono() + states[state].seconds * SECOND;
}

/* -- what is said, and its report -- */

void
conn_send(struct conn *c, const char *p, size_t n)
{
	c->sent = loop_wall();
	c->spoke = true;
	io_write(&c->io, p, n);
}

void
conn_report_client(struct conn *c, struct slice line)
{
	report_remote_at(c->sent);
	report_protocol_client(&c->source, line);
	report_remote_at(0);
}

void
conn_report_server(struct conn *c, const struct relay_reply *r)
{
	struct slice	 rest = r->text, line;

	if (!report_remote_wanted(SUBSYSTEM_SMTP_OUT, c->source.watchers))
		return;
	while (relay_reply_line(&rest, &line) == 1)
		report_protocol_server(&c->source, line);
}

/* -- begin and end -- */

static void
sweep_cb(evutil_socket_t fd, short what, void *arg)
{
	static const struct timeval	 second = { 1, 0 };

	(void)fd;
	(void)what;
	(void)arg;
	conn_sweep();
	if (nconns > 0)
		event_add(&sweeper, &second);
}

static void
sweep_later(void)
{
	static const struct timeval	 second = { 1, 0 };

	if (!event_initialized(&sweeper))
		evtimer_assign(&sweeper, loop_base, sweep_cb, NULL);
	if (!event_pending(&sweeper, EV_TIMEOUT, NULL))
		event_add(&sweeper, &second);
}

static void
named(void *arg, const struct relay_answer *a)
{
	struct conn	*c = arg;

	c->named = true;
	c->fcrdns = a->fcrdns;
	if (a->text.n > 0 && a->text.n < sizeof(c->rdns) &&
	    a->result != RESOLVED_TEMPFAIL)
		memcpy(c->rdns, a->text.p, a->text.n);
	if (c->state == CONN_NAMING)
		hello_begin(c);
}

/* The remote's name is for the report only, and asked for while the connection is made. */
static void
ask_name(struct conn *c)
{
	struct slice	 host, port;

	c->fcrdns = FCRDNS_ERROR;
	c->named = !report_remote_wanted(SUBSYSTEM_SMTP_OUT, c->source.watchers);
	if (c->named)
		return;
	addr_split(slice_str(c->text), &host, &port);
	relay_ask_dns(RESOLVE_RDNS, RESOLVE_ANY, host, named, c);
}

int
conn_open(struct dest *d, const struct host *h, const struct sockaddr *from)
{
	struct conn	*c = calloc(1, sizeof(*c));
	int		 error;

	if (c == NULL)
		return -1;
	c->source.subsystem = SUBSYSTEM_SMTP_OUT;
	c->source.watchers = conf_relay_bits(proc_conf, &d->relay);
	while (c->source.session == 0)
		arc4random_buf(&c->source.session, sizeof(c->source.session));
	if (io_connect(&c->io, (const struct sockaddr *)&h->sa, from,
	    io_event) == -1) {
		error = errno;
		report_link_failed(&c->source, slice_str(h->text),
		    slice_str(strerror(error)));
		free(c);
		errno = error;
		return -1;
	}
	c->sa = h->sa;
	strlcpy(c->name, h->name, sizeof(c->name));
	memcpy(c->text, h->text, sizeof(c->text));
	c->plain = h->plain || host_is_plain(slice_str(h->text));
	TAILQ_INSERT_TAIL(&conns, c, entry);
	nconns++;
	c->dest = d;
	TAILQ_INSERT_TAIL(&d->conns, c, dest_entry);
	d->nconns++;
	d->nraw++;
	conn_enter(c, CONN_CONNECTING);
	ask_name(c);
	sweep_later();
	return 0;
}

/* The destination counts it no more, and may make another. */
static void
detach(struct conn *c)
{
	struct dest	*d = c->dest;

	if (d == NULL)
		return;
	c->dest = NULL;
	dest_gone(d, c);
}

static void
conn_close(struct conn *c)
{
	if (c->state == CONN_CLOSED)
		return;
	if (c->connected)
		report_link_disconnect(&c->source);
	conn_enter(c, CONN_CLOSED);
	relay_ask_forget(c);
	io_close(&c->io);
	TAILQ_REMOVE(&conns, c, entry);
	nconns--;
	TAILQ_INSERT_TAIL(&graves, c, entry);
	detach(c);
	dest_feed();
}

void
conn_reap(void)
{
	struct conn	*c;

	while ((c = TAILQ_FIRST(&graves)) != NULL) {
		TAILQ_REMOVE(&graves, c, entry);
		free(c);
	}
}

void
conn_quit(struct conn *c)
{
	conn_send(c, "QUIT\r\n", 6);
	conn_enter(c, CONN_QUIT);
	detach(c);
}

static void
quit_reply(struct conn *c, const struct relay_reply *r)
{
	conn_report_client(c, SLICE("QUIT"));
	conn_report_server(c, r);
	conn_close(c);
}

/* Unasked: that it closes, most likely. */
static void
idle_reply(struct conn *c, const struct relay_reply *r)
{
	conn_report_server(c, r);
	conn_close(c);
}

void
conn_lost(struct conn *c, struct slice reply)
{
	if (c->job != NULL)
		relay_tx_lost(c, reply);
	if (!c->ready && c->dest != NULL)
		dest_failed(c->dest, c, JOB_TEMPFAIL, reply);
	conn_close(c);
}

void
conn_refused(struct conn *c, enum job_result result, struct slice reply)
{
	dest_failed(c->dest, c, result, reply);
	conn_quit(c);
}

void
conn_next(struct conn *c)
{
	uint32_t	 max = c->dest->relay.messages;
	struct job	*j;

	if (max == 0)
		max = MESSAGES;
	while (c->messages < max && (j = dest_take(c->dest)) != NULL)
		if (relay_tx_begin(c, j)) {
			c->messages++;
			return;
		}
	if (c->messages < max && !stopping && !dest_hungry())
		conn_enter(c, CONN_IDLE);
	else
		conn_quit(c);
}

void
conn_spare(void)
{
	struct conn	*c;

	TAILQ_FOREACH(c, &conns, entry)
		if (c->state == CONN_IDLE) {
			conn_quit(c);
			return;
		}
}

/* -- events -- */

/* "PHASE: why", in a buffer that the next call uses again. */
static struct slice
reason(const struct conn *c, const char *why)
{
	static char	 text[256];
	int		 n = snprintf(text, sizeof(text), "%s: %s",
			    states[c->state].phase, why);

	return slice_make(text, n < (int)sizeof(text) ? (size_t)n : sizeof(text) - 1);
}

static void
run(struct conn *c)
{
	static char		 text[REPLY_TEXT_MAX];
	struct relay_reply	 r;
	ssize_t			 n;

	c->spoke = false;
	while (states[c->state].reply != NULL) {
		if (c->spoke && c->state != CONN_QUIT && io_input(&c->io).n > 0) {
			/* Who answers before the question would take mail unseen. */
			conn_lost(c, reason(c, "a reply to what was not asked yet"));
			return;
		}
		if ((n = relay_reply_parse(io_input(&c->io), &r)) == 0)
			return;
		if (n == -1) {
			conn_lost(c, reason(c, "what came is no reply of SMTP"));
			return;
		}
		/* What runs may consume or throw away the input. */
		memcpy(text, r.text.p, r.text.n);
		r.first.p = text + (r.first.p - r.text.p);
		r.text.p = text;
		io_consume(&c->io, (size_t)n);
		if (c->state >= CONN_AUTH && c->dest != NULL &&
		    c->dest->credentials != NULL)
			relay_auth_hide(c->dest->credentials, &r);
		states[c->state].reply(c, &r);
	}
}

static void
connected(struct conn *c)
{
	struct sockaddr_storage	 ss;

	io_local(&c->io, &ss);
	addr_text((struct sockaddr *)&ss, c->src, sizeof(c->src));
	if (c->named) {
		hello_begin(c);
		return;
	}
	io_pause(&c->io);
	conn_enter(c, CONN_NAMING);
	c->deadline = loop_mono() +
	    ((uint64_t)proc_conf->dns_timeout + 1) * SECOND;
}

/* Opportunistic TLS that fails is worse than none: the host is met again in clear. */
static bool
falls_back(const struct conn *c)
{
	return c->state == CONN_HANDSHAKE && c->dest != NULL &&
	    c->dest->relay.tls == RELAY_OPPORTUNISTIC;
}

static void
fall_back(struct conn *c, struct slice why)
{
	log_info("relay to %s: %.*s: going on in clear", c->text, (int)why.n,
	    why.p);
	dest_plain(c->dest, c);
	conn_close(c);
}

static void
closed(struct conn *c)
{
	struct slice	 why = reason(c, io_error(&c->io));

	if (c->state == CONN_CONNECTING)
		report_link_failed(&c->source, slice_str(c->text),
		    slice_str(io_error(&c->io)));
	if (c->state == CONN_QUIT)
		conn_report_client(c, SLICE("QUIT"));
	if (falls_back(c))
		fall_back(c, why);
	else
		conn_lost(c, why);
}

static void
late(struct conn *c)
{
	switch (c->state) {
	case CONN_CONNECTING:
		report_link_failed(&c->source, slice_str(c->text),
		    SLICE("timed out"));
		conn_lost(c, reason(c, "timed out"));
		break;
	case CONN_NAMING:
		hello_begin(c);
		break;
	case CONN_SOURCE:
		hello_named(c, SLICE_NONE);
		break;
	case CONN_IDLE:
		conn_quit(c);
		break;
	case CONN_QUIT:
		conn_report_client(c, SLICE("QUIT"));
		report_timeout(&c->source);
		conn_close(c);
		break;
	default:
		report_timeout(&c->source);
		if (falls_back(c))
			fall_back(c, reason(c, "timed out"));
		else
			conn_lost(c, reason(c, "timed out"));
	}
}

static void
io_event(struct io *io, enum io_event event)
{
	struct conn	*c = conn_of(io);

	switch (event) {
	case IO_CONNECTED:
		connected(c);
		break;
	case IO_INPUT:
		run(c);
		break;
	case IO_SECURED:
		hello_secured(c);
		break;
	case IO_DRAINED:
		if (c->state == CONN_CONTENT)
			relay_tx_drained(c);
		break;
	case IO_TIMEOUT:	/* conn_sweep() knows what is late */
		break;
	case IO_CLOSED:
		closed(c);
		break;
	}
}

void
conn_sweep(void)
{
	struct conn	*c, *next;
	uint64_t	 now = loop_mono();

	TAILQ_FOREACH_SAFE(c, &conns, entry, next)
		if (now >= c->deadline)
			late(c);
}

/* -- the end of the process -- */

void
conn_stop(bool now)
{
	struct conn	*c, *next;

	stopping = true;
	TAILQ_FOREACH_SAFE(c, &conns, entry, next) {
		if (!now && c->end_sent)
			continue;
		if (c->job != NULL)
			relay_tx_lost(c, SLICE("451 4.3.2 smtpd stops"));
		conn_close(c);
	}
}
