/* SPDX-License-Identifier: ISC */
#ifndef LIB_DNS_CHANNEL_H
#define LIB_DNS_CHANNEL_H

/*
 * A channel of c-ares to a set of resolvers that does not change.  c-ares sends
 * a question, by TCP if the answer was truncated, sends it again, to another
 * server, if there is none or a server's own error, and ends it.
 */
#include <stddef.h>
#include <stdint.h>

#include "lib/dns_conf.h"

struct event_base;
struct dns_channel;

/* The end of a question: msg, or NULL and an error; timeouts is how often it was sent in vain. */
typedef void	(*dns_channel_cb)(void *question, const uint8_t *msg, size_t n,
		    const char *error, int timeouts);
/* After answers were handed out, out of c-ares: the channel may be freed in it. */
typedef void	(*dns_channel_after_cb)(void *arg);

/* Servers are asked in their order, from the one that is the first-th. */
struct dns_channel *dns_channel_new(struct event_base *, const struct dns_servers *, size_t first,
	    dns_channel_cb, dns_channel_after_cb, void *after_arg);
/* Questions under way end, with an error. */
void	 dns_channel_free(struct dns_channel *);
/* Sends; the callback may come before this returns. */
void	 dns_channel_send(struct dns_channel *, const uint8_t *msg, size_t n, void *question);
/* Looks for questions whose time is over. */
void	 dns_channel_tick(struct dns_channel *);
/* How many questions are under way. */
size_t	 dns_channel_open(const struct dns_channel *);
/* How many connections there were. */
uint64_t dns_channel_tcp(const struct dns_channel *);

#endif
