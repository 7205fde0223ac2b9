/* SPDX-License-Identifier: ISC */
/*
 * A channel of c-ares on libevent.  Its sockets are events here; its timeouts
 * are looked for by the owner's clock, since ares_timeout(3) walks all queries.
 */
#include <sys/queue.h>
#include <sys/socket.h>

#include <ares.h>
#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "lib/dns_channel.h"
#include "lib/nitems.h"

#define RECEIVE_BUFFER	(1 << 20)	/* answers of one turn; the system may give less */

struct sock {
	TAILQ_ENTRY(sock)	 link;
	struct dns_channel	*channel;
	struct event		*event;
	evutil_socket_t		 fd;
	short			 what;
};

struct dns_channel {
	struct event_base	*base;
	ares_channel		 ares;
	TAILQ_HEAD(, sock)	 socks;
	dns_channel_cb		 cb;
	dns_channel_after_cb	 after;
	void			*after_arg;
	size_t			 open;
	uint64_t		 tcp;
};

struct question {
	struct dns_channel	*channel;
	void			*arg;
};

static const struct {
	int		 status;
	const char	*error;
} errors[] = {
	{ ARES_ETIMEOUT,	"no answer in time" },
	/* Not reached, or all of several failed: c-ares does not say which. */
	{ ARES_ECONNREFUSED,	"no resolver can be reached or has an answer" },
	{ ARES_ENOMEM,		"out of memory" },
};

static const char *
error_text(int status)
{
	size_t	 i;

	for (i = 0; i < nitems(errors); i++)
		if (errors[i].status == status)
			return errors[i].error;
	return ares_strerror(status);
}

static void
sock_cb(evutil_socket_t fd, short what, void *arg)
{
	struct sock		*s = arg;
	struct dns_channel	*c = s->channel;

	/* It may close this socket and with it free s. */
	ares_process_fd(c->ares, what & EV_READ ? fd : ARES_SOCKET_BAD,
	    what & EV_WRITE ? fd : ARES_SOCKET_BAD);
	c->after(c->after_arg);
}

static void
sock_drop(struct sock *s)
{
	TAILQ_REMOVE(&s->channel->socks, s, link);
	if (s->event != NULL)
		event_free(s->event);
	free(s);
}

static struct sock *
sock_find(struct dns_channel *c, evutil_socket_t fd)
{
	struct sock	*s;

	TAILQ_FOREACH(s, &c->socks, link)
		if (s->fd == fd)
			return s;
	return NULL;
}

static struct sock *
sock_add(struct dns_channel *c, evutil_socket_t fd)
{
	struct sock	*s;

	if ((s = calloc(1, sizeof(*s))) != NULL) {
		s->channel = c;
		s->fd = fd;
		TAILQ_INSERT_HEAD(&c->socks, s, link);
	}
	return s;
}

/* c-ares wants to know when a socket can be read or written; neither: it closes it. */
static void
state_cb(void *arg, ares_socket_t fd, int readable, int writable)
{
	struct dns_channel	*c = arg;
	struct sock		*s = sock_find(c, fd);
	short			 what = (short)((readable ? EV_READ : 0) |
				    (writable ? EV_WRITE : 0));

	if (what == 0) {
		if (s != NULL)
			sock_drop(s);
		return;
	}
	if (s == NULL && (s = sock_add(c, fd)) == NULL)
		return;		/* what is asked on it times out */
	if (s->what == what)
		return;
	if (s->event != NULL)
		event_free(s->event);
	s->what = what;
	s->event = event_new(c->base, fd, what | EV_PERSIST, sock_cb, s);
	if (s->event != NULL)
		event_add(s->event, NULL);
}

static int
created_cb(ares_socket_t fd, int type, void *arg)
{
	struct dns_channel	*c = arg;

	(void)fd;
	c->tcp += type == SOCK_STREAM;
	return ARES_SUCCESS;
}

static int
servers_set(struct dns_channel *c, const struct dns_servers *servers, size_t first)
{
	struct ares_addr_port_node	 node[DNS_SERVERS];
	const struct dns_server		*s;
	size_t				 i;

	memset(node, 0, sizeof(node));
	for (i = 0; i < servers->n; i++) {
		s = &servers->server[(first + i) % servers->n];
		node[i].next = i + 1 < servers->n ? &node[i + 1] : NULL;
		node[i].family = s->family;
		if (s->family == AF_INET)
			node[i].addr.addr4 = s->in;
		else
			memcpy(&node[i].addr.addr6, &s->in6, sizeof(s->in6));
		node[i].udp_port = node[i].tcp_port = s->port;
	}
	return ares_set_servers_ports(c->ares, node) == ARES_SUCCESS ? 0 : -1;
}

struct dns_channel *
dns_channel_new(struct event_base *base, const struct dns_servers *servers, size_t first,
    dns_channel_cb cb, dns_channel_after_cb after, void *after_arg)
{
	/* All that c-ares would read files and the environment for is said. */
	char			 lookups[] = "b", none[] = "/dev/null";
	struct ares_options	 o = {
		/* Where there is no other to ask, the server's error is the answer. */
		.flags = ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES |
		    (servers->n == 1 ? ARES_FLAG_NOCHECKRESP : 0),
		.timeout = servers->timeout, .tries = servers->tries, .ndots = 1,
		.socket_receive_buffer_size = RECEIVE_BUFFER, .lookups = lookups,
		.sock_state_cb = state_cb, .resolvconf_path = none,
	};
	int			 mask = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES |
				    ARES_OPT_NDOTS | ARES_OPT_SERVERS | ARES_OPT_DOMAINS |
				    ARES_OPT_LOOKUPS | ARES_OPT_SOCK_RCVBUF |
				    ARES_OPT_SOCK_STATE_CB | ARES_OPT_RESOLVCONF |
				    (servers->rotate ? ARES_OPT_ROTATE : ARES_OPT_NOROTATE);
	struct dns_channel	*c;

#ifdef ARES_OPT_QUERY_CACHE
	/* Of 1.27 on: its cache is none, ours knows the TTLs of all. */
	mask |= ARES_OPT_QUERY_CACHE;
#endif
	if ((c = calloc(1, sizeof(*c))) == NULL)
		return NULL;
	c->base = base;
	c->cb = cb;
	c->after = after;
	c->after_arg = after_arg;
	TAILQ_INIT(&c->socks);
	o.sock_state_cb_data = c;
	if (ares_library_init(ARES_LIB_INIT_ALL) != ARES_SUCCESS) {
		free(c);
		errno = ENOMEM;
		return NULL;
	}
	if (ares_init_options(&c->ares, &o, mask) != ARES_SUCCESS) {
		ares_library_cleanup();
		free(c);
		errno = ENOMEM;
		return NULL;
	}
	ares_set_socket_callback(c->ares, created_cb, c);
	if (servers_set(c, servers, first) == -1) {
		dns_channel_free(c);
		errno = ENOMEM;
		return NULL;
	}
	return c;
}

void
dns_channel_free(struct dns_channel *c)
{
	struct sock	*s;

	ares_destroy(c->ares);
	while ((s = TAILQ_FIRST(&c->socks)) != NULL)
		sock_drop(s);
	ares_library_cleanup();
	free(c);
}

static void
answer_cb(void *arg, int status, int timeouts, unsigned char *msg, int n)
{
	struct question		*q = arg;
	struct dns_channel	*c = q->channel;
	void			*question = q->arg;

	free(q);
	c->open--;
	if (msg != NULL && n > 0 && status == ARES_SUCCESS)
		c->cb(question, msg, (size_t)n, NULL, timeouts);
	else
		c->cb(question, NULL, 0, error_text(status), timeouts);
}

void
dns_channel_send(struct dns_channel *c, const uint8_t *msg, size_t n, void *question)
{
	struct question	*q;

	if ((q = malloc(sizeof(*q))) == NULL) {
		c->cb(question, NULL, 0, error_text(ARES_ENOMEM), 0);
		return;
	}
	*q = (struct question){ c, question };
	c->open++;
	ares_send(c->ares, msg, (int)n, answer_cb, q);
}

void
dns_channel_tick(struct dns_channel *c)
{
	ares_process_fd(c->ares, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
}

size_t
dns_channel_open(const struct dns_channel *c)
{
	return c->open;
}

uint64_t
dns_channel_tcp(const struct dns_channel *c)
{
	return c->tcp;
}
