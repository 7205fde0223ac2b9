/* SPDX-License-Identifier: ISC */
/*
 * The I/O of a session, bufferless at rest, with libtls where asked.
 * Used by smtp and relay.
 */
#include <sys/socket.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>
#include <tls.h>

#include "smtpd/io.h"
#include "smtpd/log.h"
#include "smtpd/loop.h"

#define BUFFER		(256 * 1024)	/* read at once */
#define BACKED_UP	(64 * 1024)	/* output waiting: produce no more */
#define LINGER		10		/* seconds for the last output */
#define HURRY		30		/* seconds of silence after io_hurry() */

static TAILQ_HEAD(, io)		 dirty = TAILQ_HEAD_INITIALIZER(dirty);
static const struct timeval	*idle_time, *hurry_time;
static char			*buffer;	/* what the current io reads into */
static struct io		*current;	/* whose input stands in it */
static size_t			 current_off, current_len;

static void	event_cb(evutil_socket_t, short, void *);
static void	flush_all(void);

void
io_init(int64_t idle)
{
	struct timeval	 tv = { idle, 0 }, hurry = { HURRY, 0 };

	/* One queue for a timeout that all share: no heap to sift. */
	idle_time = event_base_init_common_timeout(loop_base, &tv);
	hurry_time = event_base_init_common_timeout(loop_base, &hurry);
	if ((buffer = malloc(BUFFER)) == NULL)
		fatal("input buffer");
	loop_at_end(flush_all);
}

/* -- what is waited for -- */

static short
wanted(const struct io *io)
{
	short	 what = 0;

	if (io->connecting)
		return EV_WRITE;
	if (io->handshake)
		return io->out_len > 0 ? EV_WRITE : io->tls_wants;
	if (io->out_len > 0)
		what |= io->tls_wants != 0 ? io->tls_wants : EV_WRITE;
	if (!io->paused && !io->finishing && !io->ended)
		what |= EV_READ;
	return what;
}

static const struct timeval *
patience(const struct io *io)
{
	return io->hurried ? hurry_time : idle_time;
}

/* A pause only mutes what fires during it: most last less than the peer needs. */
static void
rearm(struct io *io)
{
	static const struct timeval	 linger = { LINGER, 0 };
	short				 what = wanted(io);

	if (io->paused && !io->muted && io->events == EV_READ && what == 0)
		return;
	if (what == io->events && io->lingers == io->finishing)
		return;
	event_del(&io->ev);
	io->events = what;
	io->lingers = io->finishing;
	/* Without a direction it is a timer only. */
	event_assign(&io->ev, loop_base, io->fd, what | EV_PERSIST, event_cb, io);
	event_add(&io->ev, io->finishing ? &linger : patience(io));
}

void
io_open(struct io *io, int fd, io_cb cb)
{
	memset(io, 0, sizeof(*io));
	io->fd = fd;
	io->cb = cb;
	event_assign(&io->ev, loop_base, fd, EV_READ, event_cb, io);
	rearm(io);
}

static socklen_t
sockaddr_size(const struct sockaddr *sa)
{
	return sa->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6) :
	    sizeof(struct sockaddr_in);
}

/* A non-blocking connect that is under way, or -1. */
static int
connecting_socket(const struct sockaddr *to, const struct sockaddr *from)
{
	int	 on = 1, error, fd;

	fd = socket(to->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return -1;
	/* What is written together goes out together: nothing is gained by waiting. */
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	/* A port is chosen at connect, so that destinations may share it. */
	if (from != NULL)
		setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
	if ((from == NULL || bind(fd, from, sockaddr_size(from)) == 0) &&
	    (connect(fd, to, sockaddr_size(to)) == 0 || errno == EINPROGRESS))
		return fd;
	error = errno;
	close(fd);
	errno = error;
	return -1;
}

int
io_connect(struct io *io, const struct sockaddr *to, const struct sockaddr *from, io_cb cb)
{
	int	 fd = connecting_socket(to, from);

	if (fd == -1)
		return -1;
	memset(io, 0, sizeof(*io));
	io->fd = fd;
	io->cb = cb;
	io->client = io->connecting = true;
	event_assign(&io->ev, loop_base, fd, EV_WRITE, event_cb, io);
	rearm(io);
	return 0;
}

static void
connected(struct io *io)
{
	socklen_t	 n = sizeof(io->error);

	if (getsockopt(io->fd, SOL_SOCKET, SO_ERROR, &io->error, &n) == -1)
		io->error = errno;
	if (io->error != 0) {
		io->cb(io, IO_CLOSED);
		return;
	}
	io->connecting = false;
	rearm(io);
	io->cb(io, IO_CONNECTED);
}

/* Reads what the peer still sent, or the close would reset our last reply away. */
static void
linger(struct io *io)
{
	int	 i;

	shutdown(io->fd, SHUT_WR);
	for (i = 0; i < 4; i++)
		if (recv(io->fd, buffer, BUFFER, MSG_DONTWAIT) <= 0)
			break;
}

void
io_close(struct io *io)
{
	if (io->fd == -1)
		return;
	event_del(&io->ev);
	if (io->dirty)
		TAILQ_REMOVE(&dirty, io, dirty_entry);
	if (io->tls != NULL) {
		if (!io->handshake)
			tls_close(io->tls);
		tls_free(io->tls);
	}
	if (current == io)
		current = NULL;
	if (current == NULL && io->finishing)
		linger(io);
	close(io->fd);
	freezero(io->in, io->in_len);
	free(io->out);
	io->fd = -1;
}

/* -- input -- */

struct slice
io_input(const struct io *io)
{
	if (io == current)
		return slice_make(buffer + current_off, current_len - current_off);
	return slice_make(io->in, io->in_len);
}

void
io_consume(struct io *io, size_t n)
{
	if (io == current) {
		current_off += n;
		return;
	}
	io->in_len -= n;
	if (io->in_len > 0)
		memmove(io->in, io->in + n, io->in_len);
	else {
		free(io->in);
		io->in = NULL;
	}
}

void
io_wipe(struct io *io, size_t n)
{
	explicit_bzero(io == current ? buffer + current_off : io->in, n);
	io_consume(io, n);
}

void
io_pause(struct io *io)
{
	io->paused = true;
}

void
io_resume(struct io *io)
{
	io->paused = io->muted = false;
	rearm(io);
	/* TLS may hold bytes that no event will announce. */
	if (io->tls != NULL && !io->handshake && io->fd != -1)
		event_active(&io->ev, EV_READ, 0);
}

void
io_restart_idle(struct io *io)
{
	if (io->fd != -1 && !io->finishing)
		event_add(&io->ev, patience(io));
}

void
io_hurry(struct io *io)
{
	io->hurried = true;
	io_restart_idle(io);
}

/* Bytes read, 0 at the end, -1 if it would block. */
static ssize_t
io_recv(struct io *io, char *p, size_t size)
{
	ssize_t	 n;
	size_t	 got = 0;

	if (io->tls == NULL) {
		do
			n = recv(io->fd, p, size, 0);
		while (n == -1 && errno == EINTR);
		if (n == -1 && errno != EAGAIN && errno != EWOULDBLOCK) {
			io->error = errno;
			return 0;
		}
		return n;
	}
	/* A record at a time: take all that is there, no event tells of the rest. */
	while (got < size) {
		n = tls_read(io->tls, p + got, size - got);
		if (n == TLS_WANT_POLLIN || n == TLS_WANT_POLLOUT)
			return got > 0 ? (ssize_t)got : -1;
		if (n <= 0)
			return got;
		got += n;
	}
	event_active(&io->ev, EV_READ, 0);
	return got;
}

/* Puts aside what the owner did not consume. */
static void
keep_rest(struct io *io)
{
	size_t	 n = current_len - current_off;

	current = NULL;
	if (n == 0)
		return;
	if ((io->in = malloc(n)) == NULL) {
		log_warn("input of %zu bytes: closing", n);
		io->ended = true;
		return;
	}
	memcpy(io->in, buffer + current_off, n);
	io->in_len = n;
	/* It may be the first half of a password. */
	explicit_bzero(buffer + current_off, n);
}

static void
readable(struct io *io)
{
	ssize_t	 n;

	if (io->paused) {
		io->muted = true;
		rearm(io);
		return;
	}
	if (io->in_len >= BUFFER / 2) {
		/* The owner is not done with what it has. */
		io->cb(io, IO_INPUT);
		return;
	}
	if ((n = io_recv(io, buffer + io->in_len, BUFFER - io->in_len)) == -1)
		return;
	if (n == 0) {
		io->ended = true;
		io->cb(io, IO_CLOSED);
		return;
	}
	if (io->in_len > 0)
		memcpy(buffer, io->in, io->in_len);
	freezero(io->in, io->in_len);
	io->in = NULL;
	current = io;
	current_off = 0;
	current_len = io->in_len + n;
	io->in_len = 0;
	io->cb(io, IO_INPUT);
	/* The owner may have closed it. */
	if (current == io)
		keep_rest(io);
	current = NULL;
}

/* -- output -- */

void
io_write(struct io *io, const void *p, size_t n)
{
	size_t	 size = io->out_size == 0 ? 512 : io->out_size;
	char	*out;

	while (size - io->out_len - io->out_off < n)
		size *= 2;
	if (size != io->out_size) {
		if ((out = realloc(io->out, size)) == NULL) {
			log_warn("output of %zu bytes: closing", size);
			io->ended = true;
			return;
		}
		io->out = out;
		io->out_size = size;
	}
	memcpy(io->out + io->out_off + io->out_len, p, n);
	io->out_len += n;
	if (!io->dirty) {
		io->dirty = true;
		TAILQ_INSERT_TAIL(&dirty, io, dirty_entry);
	}
}

bool
io_backed_up(struct io *io)
{
	if (io->out_len >= BACKED_UP)
		io->backed_up = true;
	return io->backed_up;
}

/* Bytes written, -1 if it would block, -2 if the connection is lost. */
static ssize_t
io_send(struct io *io, const char *p, size_t size)
{
	ssize_t	 n;

	/* What waits when the handshake begins is the go-ahead in clear. */
	if (io->tls == NULL || io->handshake) {
		do
			n = send(io->fd, p, size, MSG_NOSIGNAL);
		while (n == -1 && errno == EINTR);
		if (n == -1 && errno != EAGAIN && errno != EWOULDBLOCK)
			return -2;
		return n;
	}
	io->tls_wants = 0;
	n = tls_write(io->tls, p, size);
	if (n == TLS_WANT_POLLIN || n == TLS_WANT_POLLOUT) {
		io->tls_wants = n == TLS_WANT_POLLIN ? EV_READ : EV_WRITE;
		return -1;
	}
	return n <= 0 ? -2 : n;
}

/* Writes as much as the socket takes; true if nothing is left. */
static bool
flush(struct io *io)
{
	ssize_t	 n;

	while (io->out_len > 0) {
		n = io_send(io, io->out + io->out_off, io->out_len);
		if (n == -1)
			return false;
		if (n == -2) {
			/*
			 * Nobody reads: as if written, the end is near.  A
			 * server may have said why, so a client reads on to it.
			 */
			io->ended = !io->client;
			n = io->out_len;
		}
		io->out_off += n;
		io->out_len -= n;
	}
	free(io->out);
	io->out = NULL;
	io->out_off = io->out_size = 0;
	return true;
}

static void
handshake(struct io *io)
{
	int	 r = tls_handshake(io->tls);

	if (r == TLS_WANT_POLLIN || r == TLS_WANT_POLLOUT) {
		io->tls_wants = r == TLS_WANT_POLLIN ? EV_READ : EV_WRITE;
		rearm(io);
		return;
	}
	if (r == -1) {
		log_debug("TLS handshake: %s", tls_error(io->tls));
		io->cb(io, IO_CLOSED);
		return;
	}
	io->handshake = false;
	io->tls_wants = 0;
	rearm(io);
	io->cb(io, IO_SECURED);
}

/*
 * After output: what waited for its end.  The owner may go on, and produce
 * what goes out by a hook that has run already.
 */
static void
written(struct io *io)
{
	if (io->finishing || io->ended || io->handshake || io->backed_up)
		loop_again();
	if (io->finishing || io->ended) {
		io->cb(io, IO_CLOSED);
		return;
	}
	if (io->handshake) {
		handshake(io);
		return;
	}
	rearm(io);
	if (io->backed_up) {
		io->backed_up = false;
		io->cb(io, IO_DRAINED);
	}
}

static void
flush_all(void)
{
	struct io	*io;

	while ((io = TAILQ_FIRST(&dirty)) != NULL) {
		TAILQ_REMOVE(&dirty, io, dirty_entry);
		io->dirty = false;
		if (flush(io))
			written(io);
		else
			rearm(io);
	}
}

static void
mark_dirty(struct io *io)
{
	if (io->dirty)
		return;
	io->dirty = true;
	TAILQ_INSERT_TAIL(&dirty, io, dirty_entry);
}

void
io_finish(struct io *io)
{
	io->finishing = true;
	mark_dirty(io);
}

static void
begin_handshake(struct io *io)
{
	io->handshake = true;
	io->tls_wants = EV_READ;
	io_consume(io, io_input(io).n);
	mark_dirty(io);
}

int
io_accept_tls(struct io *io, struct tls *ctx)
{
	if (tls_accept_socket(ctx, &io->tls, io->fd) == -1) {
		log_warnx("tls_accept_socket: %s", tls_error(ctx));
		return -1;
	}
	begin_handshake(io);
	return 0;
}

int
io_start_tls(struct io *io, struct tls *ctx, const char *servername)
{
	if (tls_connect_socket(ctx, io->fd, servername) == -1) {
		log_warnx("tls_connect_socket %s: %s", servername, tls_error(ctx));
		tls_free(ctx);
		return -1;
	}
	io->tls = ctx;
	begin_handshake(io);
	return 0;
}

static void
event_cb(evutil_socket_t fd, short what, void *arg)
{
	struct io	*io = arg;

	(void)fd;
	if (what & EV_TIMEOUT) {
		io->cb(io, io->finishing ? IO_CLOSED : IO_TIMEOUT);
		return;
	}
	if (io->connecting) {
		connected(io);
		return;
	}
	if (io->handshake && io->out_len == 0) {
		handshake(io);
		return;
	}
	/* A blocked write may wait for either direction under TLS. */
	if (io->out_len > 0 && (what & EV_WRITE || io->tls_wants != 0)) {
		mark_dirty(io);
		if (!(what & EV_READ) || io->tls_wants != 0)
			return;
	}
	if (what & EV_READ && !io->finishing)
		readable(io);
}
