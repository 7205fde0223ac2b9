/* SPDX-License-Identifier: ISC */
/*
 * The control socket: requests of smtpctl(8), answered at the client's pace.
 * Queue process.
 */
#include <sys/socket.h>
#include <sys/uio.h>

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>
#include <event2/event_struct.h>

#include "smtpd/control.h"
#include "smtpd/log.h"
#include "smtpd/loop.h"
#include "smtpd/proc.h"
#include "smtpd/queue.h"

#define REQUEST_TIME	10	/* seconds for the request */
#define IDLE		30	/* seconds without a read of the answer */
#define WAIT		30	/* seconds that another process has for what the answer needs of it */
#define CLIENTS		16	/* at once; others wait in the socket's backlog */
#define RETRY		1	/* seconds until a paused accept tries again */

struct client {
	struct event	 ev;
	int		 fd;
	struct control_request request;
	size_t		 got;		/* bytes of it */
	struct show	*show;
	uint32_t	 head;		/* length of the piece, in front of it */
	struct slice	 piece;
	size_t		 off;		/* bytes of both that were sent */
	enum { MORE, LAST, END } left;	/* pieces after this one */
};

static struct event	 listener, retry;
static int		 nclients;
static bool		 paused;	/* no descriptor or memory for another */

static void
listen_if_room(void)
{
	if (paused || nclients >= CLIENTS)
		event_del(&listener);
	else
		event_add(&listener, NULL);
}

static void
client_free(struct client *c)
{
	event_del(&c->ev);
	close(c->fd);
	if (c->show != NULL)
		show_free(c->show);
	free(c);
	nclients--;
	listen_if_room();
}

/* -- the answer -- */

/* The next piece; false: that was all, or it cannot go on. */
static bool
next_piece(struct client *c)
{
	int	 r;

	if (c->left == END)
		return false;
	c->off = 0;
	c->piece = SLICE("");
	if (c->left == MORE) {
		if ((r = show_more(c->show, &c->piece)) == -1)
			return false;
		c->left = r == 1 ? MORE : LAST;
		if (show_failed(c->show)) {
			/* Without a length in front, and nothing behind. */
			c->left = END;
			c->off = sizeof(c->head);
		} else if (c->piece.n == 0 && c->left == MORE)
			return next_piece(c);
	}
	if (c->piece.n == 0)
		c->left = END;
	c->head = c->piece.n;
	return true;
}

/* Sends of the piece what the socket takes. -1: the client is gone. */
static int
send_piece(struct client *c)
{
	size_t		 head = c->off < sizeof(c->head) ? sizeof(c->head) - c->off : 0;
	size_t		 done = head > 0 ? 0 : c->off - sizeof(c->head);
	struct iovec	 iov[2] = {
		{ (char *)&c->head + sizeof(c->head) - head, head },
		{ (char *)c->piece.p + done, c->piece.n - done },
	};
	struct msghdr	 m = { .msg_iov = iov, .msg_iovlen = 2 };
	ssize_t		 n = sendmsg(c->fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (n == -1)
		return errno == EAGAIN || errno == EINTR ? 0 : -1;
	c->off += n;
	return 0;
}

static void
write_cb(evutil_socket_t fd, short what, void *arg)
{
	struct client	*c = arg;

	(void)fd;
	if (what & EV_TIMEOUT || send_piece(c) == -1 ||
	    (c->off == sizeof(c->head) + c->piece.n && !next_piece(c)))
		client_free(c);
}

/* -- the request -- */

static void
ready_cb(void *arg)
{
	const struct timeval	 tv = { IDLE, 0 };
	struct client		*c = arg;

	event_del(&c->ev);
	if (!next_piece(c)) {
		client_free(c);
		return;
	}
	event_assign(&c->ev, loop_base, c->fd, EV_WRITE | EV_PERSIST, write_cb, c);
	event_add(&c->ev, &tv);
}

/* While the answer waits for another process: the client is gone, or that takes too long. */
static void
wait_cb(evutil_socket_t fd, short what, void *arg)
{
	struct client	*c = arg;

	(void)fd;
	if (what & EV_TIMEOUT) {
		show_give_up(c->show);
		ready_cb(c);
	} else
		client_free(c);
}

static void
answer(struct client *c)
{
	const struct timeval	 tv = { WAIT, 0 };

	event_del(&c->ev);
	if ((c->show = show_begin(&c->request, ready_cb, c)) == NULL)
		client_free(c);
	else if (!show_waits(c->show))
		ready_cb(c);
	else {
		event_assign(&c->ev, loop_base, c->fd, EV_READ, wait_cb, c);
		event_add(&c->ev, &tv);
	}
}

/* Another version's request may be shorter: its head is enough to say so. */
static bool
complete(const struct client *c)
{
	const struct control_request	*r = &c->request;

	return c->got == sizeof(*r) || (c->got >= offsetof(struct control_request, command) &&
	    (r->magic != CONTROL_MAGIC || r->version != CONTROL_VERSION));
}

static void
read_cb(evutil_socket_t fd, short what, void *arg)
{
	struct client	*c = arg;
	ssize_t		 n = 0;

	if (!(what & EV_TIMEOUT)) {
		n = recv(fd, (char *)&c->request + c->got,
		    sizeof(c->request) - c->got, 0);
		if (n == -1 && (errno == EAGAIN || errno == EINTR))
			return;
	}
	if (n <= 0) {
		client_free(c);
		return;
	}
	c->got += n;
	if (complete(c))
		answer(c);
}

/* Root, and without root whoever started the daemon. */
static bool
allowed(int fd)
{
	struct ucred	 cred;
	socklen_t	 len = sizeof(cred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == -1) {
		log_warn("control socket: SO_PEERCRED");
		return false;
	}
	if (cred.uid == 0 || (!proc_privileged && cred.uid == geteuid()))
		return true;
	log_warnx("control socket: user %u is not allowed", cred.uid);
	return false;
}

static void
retry_cb(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	paused = false;
	listen_if_room();
}

/* Who waits stays in the backlog; the event would come again at once. */
static void
pause_accept(void)
{
	const struct timeval	 tv = { RETRY, 0 };

	if (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED)
		return;
	log_warn("control socket: accept");
	paused = true;
	event_add(&retry, &tv);
	listen_if_room();
}

static void
accept_cb(evutil_socket_t fd, short what, void *arg)
{
	const struct timeval	 tv = { REQUEST_TIME, 0 };
	struct client		*c;
	int			 s;

	(void)what;
	(void)arg;
	s = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (s == -1) {
		pause_accept();
		return;
	}
	if (!allowed(s) || (c = calloc(1, sizeof(*c))) == NULL) {
		close(s);
		return;
	}
	c->fd = s;
	nclients++;
	listen_if_room();
	event_assign(&c->ev, loop_base, s, EV_READ | EV_PERSIST, read_cb, c);
	event_add(&c->ev, &tv);
}

void
control_open(int fd)
{
	event_assign(&listener, loop_base, fd, EV_READ | EV_PERSIST, accept_cb,
	    NULL);
	evtimer_assign(&retry, loop_base, retry_cb, NULL);
	listen_if_room();
}
