/* SPDX-License-Identifier: ISC */
/*
 * Connections of sessions that are replayed.
 */
#include <sys/types.h>
#include <sys/socket.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <unistd.h>

#include <tls.h>

#include "lib/replay_conn.h"

#define ROUNDS	64	/* pieces at a time */

/* -- connecting -- */

static void
conn_close(struct replay_conn *c)
{
	if (c->tls != NULL) {
		tls_close(c->tls);
		tls_free(c->tls);
		c->tls = NULL;
	}
	if (c->fd != -1)
		close(c->fd);
	c->fd = -1;
}

/* The address, or one of those behind it; false if there is none left. */
static bool
try_connect(struct replay_conn *c)
{
	const int	 on = 1;

	for (; c->address != NULL; c->address = c->address->ai_next) {
		c->fd = socket(c->address->ai_family, c->address->ai_socktype |
		    SOCK_NONBLOCK | SOCK_CLOEXEC, c->address->ai_protocol);
		if (c->fd != -1 && (connect(c->fd, c->address->ai_addr,
		    c->address->ai_addrlen) != -1 || errno == EINPROGRESS)) {
			setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
			c->events = POLLOUT;
			return true;
		}
		c->error = strerror(errno);
		if (c->fd != -1)
			close(c->fd);
		c->fd = -1;
	}
	return false;
}

static void
fail(struct replay_conn *c)
{
	c->dialog.counts->failed++;
	replay_dialog_closed(&c->dialog, "failed");
	conn_close(c);
}

static void
start_tls(struct replay_conn *c)
{
	if (c->tls != NULL || (c->tls = tls_client()) == NULL ||
	    tls_configure(c->tls, c->tls_config) == -1 ||
	    tls_connect_socket(c->tls, c->fd, NULL) == -1) {
		replay_dialog_closed(&c->dialog, "failed");
		return;
	}
	c->handshake = true;
}

/* What connect(2) has come to. */
static void
connected(struct replay_conn *c, short revents, uint64_t now)
{
	socklen_t	 n = sizeof(int);
	int		 error = 0;

	if (revents == 0 && now < c->dialog.due)
		return;
	if (revents == 0)
		error = ETIMEDOUT;
	else if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &n) == -1)
		error = errno;
	if (error == 0) {
		c->connected = true;
		if (c->dialog.options->tls)
			start_tls(c);
		return;
	}
	c->error = strerror(error);
	close(c->fd);
	c->fd = -1;
	c->address = c->address->ai_next;
	if (!try_connect(c))
		fail(c);
}

void
replay_conn_open(struct replay_conn *c, const struct addrinfo *address,
    struct tls_config *tls_config, const struct replay_options *o,
    struct replay_counts *counts, struct outbuf *out, const struct replay_session *s,
    uint64_t now)
{
	c->address = address;
	c->tls_config = tls_config;
	c->tls = NULL;
	c->fd = -1;
	c->connected = c->handshake = c->deaf = false;
	c->error = NULL;
	c->start = c->end = 0;
	replay_dialog_init(&c->dialog, o, counts, out, s, now);
	if (!try_connect(c))
		fail(c);
}

/* -- bytes -- */

enum { AGAIN = -2 };	/* what c->events says has to be waited for */

static ssize_t
want(struct replay_conn *c, ssize_t n)
{
	if (n != TLS_WANT_POLLIN && n != TLS_WANT_POLLOUT)
		return n;
	c->events |= n == TLS_WANT_POLLIN ? POLLIN : POLLOUT;
	return AGAIN;
}

/* Bytes, 0 at the end, AGAIN, or another number below 0. */
static ssize_t
receive(struct replay_conn *c, char *buf, size_t size)
{
	ssize_t	 n;

	if (c->tls != NULL)
		return want(c, tls_read(c->tls, buf, size));
	if ((n = read(c->fd, buf, size)) == -1 && (errno == EAGAIN || errno == EINTR)) {
		c->events |= POLLIN;
		return AGAIN;
	}
	return n;
}

static ssize_t
transmit(struct replay_conn *c, const char *buf, size_t n)
{
	ssize_t	 done;

	if (c->tls != NULL)
		return want(c, tls_write(c->tls, buf, n));
	if ((done = send(c->fd, buf, n, MSG_NOSIGNAL)) == -1 &&
	    (errno == EAGAIN || errno == EINTR)) {
		c->events |= POLLOUT;
		return AGAIN;
	}
	return done;
}

/* True if it is up; else its events, or the end, say how it goes on. */
static bool
handshake(struct replay_conn *c, uint64_t now)
{
	ssize_t	 n = want(c, tls_handshake(c->tls));

	if (n == AGAIN)
		return false;
	c->handshake = false;
	if (n != 0)
		replay_dialog_closed(&c->dialog, "failed");
	else if (c->dialog.state == REPLAY_SECURING)
		replay_dialog_secured(&c->dialog, now);
	return n == 0;
}

/*
 * What there is to write; true if some was.  Who closes while a message is sent
 * may have said why.
 */
static bool
flush(struct replay_conn *c, uint64_t now)
{
	ssize_t	 n;

	if (c->start == c->end) {
		c->start = 0;
		c->end = replay_dialog_output(&c->dialog, c->out, sizeof(c->out), now);
	}
	if (c->start == c->end || c->deaf)
		return false;
	if ((n = transmit(c, c->out + c->start, c->end - c->start)) == AGAIN)
		return false;
	if (n <= 0) {
		c->deaf = true;
		c->start = c->end = 0;
		replay_dialog_deaf(&c->dialog, now);
		return true;
	}
	c->start += (size_t)n;
	return true;
}

/* A piece of a reply; true if there was one. */
static bool
hear(struct replay_conn *c, uint64_t now)
{
	char	 buf[4096];
	ssize_t	 n;
	size_t	 done;

	if (c->dialog.state != REPLAY_READING && c->dialog.state != REPLAY_WAITING)
		return false;
	if ((n = receive(c, buf, sizeof(buf))) == AGAIN)
		return false;
	if (n <= 0) {
		replay_dialog_closed(&c->dialog, "closed");
		return false;
	}
	/* What is said without having been asked is left out. */
	done = replay_dialog_input(&c->dialog, buf, (size_t)n, now);
	return done > 0 || c->dialog.state == REPLAY_WAITING;
}

/* As far as it goes, but no longer than others can wait. */
static void
go_on(struct replay_conn *c, uint64_t now)
{
	unsigned	 rounds = 0;
	bool		 more = true;

	for (; more && (c->dialog.state != REPLAY_OVER || c->start < c->end); rounds++) {
		c->events = POLLIN | POLLOUT;
		if (rounds == ROUNDS || (c->deaf && c->dialog.state == REPLAY_OVER))
			return;
		c->events = 0;
		if (c->dialog.state == REPLAY_SECURING && !c->handshake)
			start_tls(c);
		if (c->handshake)
			more = handshake(c, now);
		else {
			more = flush(c, now);
			more = hear(c, now) || more;
		}
	}
}

bool
replay_conn_turn(struct replay_conn *c, short revents, uint64_t now)
{

	if (c->fd != -1 && !c->connected)
		connected(c, revents, now);
	if (c->fd == -1)
		return false;
	if (!c->connected)
		return true;
	replay_dialog_time(&c->dialog, now);
	go_on(c, now);
	if (c->dialog.state != REPLAY_OVER || (c->start < c->end && now < c->dialog.due))
		return true;
	conn_close(c);
	return false;
}
