/* SPDX-License-Identifier: ISC */
/*
 * Channels between processes: packets of messages, checked against the table
 * of ipc_table.c.  Used by all processes.
 */
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>
#include <event2/event_struct.h>

#include "smtpd/ipc.h"
#include "smtpd/ipc_table.h"
#include "smtpd/log.h"
#include "smtpd/loop.h"
#include "smtpd/proc.h"

struct head {			/* in front of each message of a packet */
	uint16_t	 type;
	uint16_t	 fd;		/* 1: the packet's descriptor is this one's */
	uint32_t	 size;
};

#define PACKET_FULL	(32 * 1024)	/* a packet this long takes no further message */
#define PACKET_MAX	(PACKET_FULL + IPC_MAX_DATA + sizeof(struct head))
#define READS_A_TURN	64
#define DEPTH		2		/* a callback may drain one other channel */

struct packet {
	STAILQ_ENTRY(packet) entry;
	size_t		 n, size;
	int		 fd;
	bool		 secret;
	char		*data;
};

struct ipc {
	LIST_ENTRY(ipc)	 entry;
	enum process	 self, peer;
	int		 fd;
	struct event	 ev_read, ev_write;
	ipc_cb		 cb;
	void		*arg;
	void		(*drained)(struct ipc *, void *);
	STAILQ_HEAD(, packet) queue;
	size_t		 backlog;
	size_t		 begun;		/* offset of the message being composed */
	int		 busy;		/* dispatching: ipc_free waits */
	bool		 freed, broken, blocked;
};

static LIST_HEAD(, ipc)	 channels = LIST_HEAD_INITIALIZER(channels);
static struct packet	*spare;		/* one packet kept for the next */

const char *
ipc_type_name(enum ipc_type type)
{
	return type < IPC_MAX ? ipc_rows[type].name : "unknown";
}

/* -- sending -- */

static struct packet *
packet_new(void)
{
	struct packet	*p = spare;

	if (p != NULL)
		spare = NULL;
	else if ((p = calloc(1, sizeof(*p))) == NULL)
		fatal("ipc: packet");
	p->n = 0;
	p->fd = -1;
	return p;
}

static void
packet_free(struct packet *p)
{
	if (p->fd != -1)
		close(p->fd);
	p->fd = -1;
	if (p->secret)
		explicit_bzero(p->data, p->size);
	p->secret = false;
	if (spare == NULL) {
		spare = p;
		return;
	}
	free(p->data);
	free(p);
}

/* realloc(3) leaves behind what was there. */
static void
packet_move(struct packet *p, size_t size)
{
	char	*data = malloc(size);

	if (data != NULL && p->n > 0)
		memcpy(data, p->data, p->n);
	freezero(p->data, p->size);
	p->data = data;
}

static void
packet_put(struct packet *p, const void *data, size_t n)
{
	if (p->size - p->n < n) {
		size_t	 size = p->size == 0 ? 4096 : p->size;

		while (size - p->n < n)
			size *= 2;
		if (p->secret)
			packet_move(p, size);
		else
			p->data = realloc(p->data, size);
		if (p->data == NULL)
			fatal("ipc: packet of %zu bytes", size);
		p->size = size;
	}
	if (n > 0)
		memcpy(p->data + p->n, data, n);
	p->n += n;
}

static struct packet *
last_packet(struct ipc *ipc)
{
	return STAILQ_LAST(&ipc->queue, packet, entry);
}

void
ipc_begin(struct ipc *ipc, enum ipc_type type)
{
	struct head	 h = { .type = type };
	struct packet	*p = last_packet(ipc);

	if (p == NULL || p->n >= PACKET_FULL || p->fd != -1) {
		p = packet_new();
		STAILQ_INSERT_TAIL(&ipc->queue, p, entry);
	}
	ipc->begun = p->n;
	packet_put(p, &h, sizeof(h));
}

void
ipc_put_u8(struct ipc *ipc, uint8_t v)
{
	packet_put(last_packet(ipc), &v, sizeof(v));
}

void
ipc_put_u32(struct ipc *ipc, uint32_t v)
{
	packet_put(last_packet(ipc), &v, sizeof(v));
}

void
ipc_put_u64(struct ipc *ipc, uint64_t v)
{
	packet_put(last_packet(ipc), &v, sizeof(v));
}

void
ipc_put_slice(struct ipc *ipc, struct slice s)
{
	ipc_put_u32(ipc, s.n);
	packet_put(last_packet(ipc), s.p, s.n);
}

void
ipc_secret(struct ipc *ipc)
{
	last_packet(ipc)->secret = true;
}

void
ipc_end_fd(struct ipc *ipc, int fd)
{
	struct packet	*p = last_packet(ipc);
	struct head	 h;
	const struct ipc_row *row;

	memcpy(&h, p->data + ipc->begun, sizeof(h));
	h.size = p->n - ipc->begun - sizeof(h);
	h.fd = fd != -1;
	row = &ipc_rows[h.type];
	if (h.size < row->min || h.size > row->max || row->fd != (fd != -1) ||
	    !(row->sender & 1u << ipc->self) ||
	    !(row->receiver & 1u << ipc->peer)) {
		log_warnx("ipc: %s of %u bytes to %s is not in the table, dropped",
		    row->name, h.size, proc_rows[ipc->peer].name);
		if (fd != -1)
			close(fd);
		p->n = ipc->begun;
		return;
	}
	memcpy(p->data + ipc->begun, &h, sizeof(h));
	p->fd = fd;
	ipc->backlog += p->n - ipc->begun;
}

void
ipc_end(struct ipc *ipc)
{
	ipc_end_fd(ipc, -1);
}

size_t
ipc_backlog(const struct ipc *ipc)
{
	return ipc->backlog;
}

void
ipc_on_drain(struct ipc *ipc, void (*fn)(struct ipc *, void *))
{
	ipc->drained = fn;
}

static ssize_t
packet_send(int fd, const struct packet *p)
{
	union {
		struct cmsghdr	 align;
		char		 buf[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec	 iov = { p->data, p->n };
	struct msghdr	 m = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr	*c;

	if (p->fd != -1) {
		memset(&control, 0, sizeof(control));
		m.msg_control = control.buf;
		m.msg_controllen = sizeof(control.buf);
		c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &p->fd, sizeof(int));
	}
	return sendmsg(fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void
drop_queue(struct ipc *ipc)
{
	struct packet	*p;

	while ((p = STAILQ_FIRST(&ipc->queue)) != NULL) {
		STAILQ_REMOVE_HEAD(&ipc->queue, entry);
		packet_free(p);
	}
	ipc->backlog = 0;
}

void
ipc_flush(struct ipc *ipc)
{
	struct packet	*p;

	while ((p = STAILQ_FIRST(&ipc->queue)) != NULL && !ipc->broken) {
		if (p->n > 0 && packet_send(ipc->fd, p) == -1) {
			if (errno == EINTR)
				continue;
			if (errno == EAGAIN || errno == ENOBUFS) {
				ipc->blocked = true;
				event_add(&ipc->ev_write, NULL);
				return;
			}
			/* The peer died; reading to its end will say so. */
			ipc->broken = true;
			break;
		}
		STAILQ_REMOVE_HEAD(&ipc->queue, entry);
		ipc->backlog -= p->n;
		packet_free(p);
	}
	if (ipc->broken)
		drop_queue(ipc);
}

static void
write_cb(evutil_socket_t fd, short what, void *arg)
{
	struct ipc	*ipc = arg;

	(void)fd;
	(void)what;
	ipc->blocked = false;
	ipc_flush(ipc);
	if (!ipc->blocked && ipc->drained != NULL)
		ipc->drained(ipc, ipc->arg);
}

void
ipc_flush_all(void)
{
	struct ipc	*ipc, *next;

	for (ipc = LIST_FIRST(&channels); ipc != NULL; ipc = next) {
		next = LIST_NEXT(ipc, entry);
		if (!ipc->blocked && !STAILQ_EMPTY(&ipc->queue))
			ipc_flush(ipc);
	}
}

/* -- receiving -- */

/* The packet's descriptor; of several, the surplus is closed. */
static int
received_fd(struct ipc *ipc, struct msghdr *m)
{
	struct cmsghdr	*c;
	int		 fd = -1, one;
	size_t		 i, n;

	for (c = CMSG_FIRSTHDR(m); c != NULL; c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (i = 0; i < n; i++) {
			memcpy(&one, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
			if (fd == -1)
				fd = one;
			else {
				log_warnx("ipc: %s sent more than one descriptor",
				    proc_rows[ipc->peer].name);
				close(one);
			}
		}
	}
	return fd;
}

/* What the table says against a message, or NULL. */
static const char *
objection(const struct ipc *ipc, const struct head *h, bool fd)
{
	const struct ipc_row	*row;

	if (h->type >= IPC_MAX)
		return "unknown type";
	row = &ipc_rows[h->type];
	if (!(row->sender & 1u << ipc->peer))
		return "not for this sender";
	if (!(row->receiver & 1u << ipc->self))
		return "not for this receiver";
	if (h->size < row->min || h->size > row->max)
		return "wrong size";
	if (row->fd != fd)
		return row->fd ? "without a descriptor" : "with a descriptor";
	return NULL;
}

static void
dispatch(struct ipc *ipc, char *data, size_t n, int fd)
{
	struct ipc_msg	 msg;
	struct head	 h;
	const char	*why;
	bool		 has;

	while (n >= sizeof(h) && !ipc->freed) {
		memcpy(&h, data, sizeof(h));
		data += sizeof(h);
		n -= sizeof(h);
		if (h.size > n)
			break;
		has = h.fd == 1 && fd != -1;
		if ((why = objection(ipc, &h, has)) != NULL)
			log_warnx("ipc: message %s (%u bytes) from %s: %s, dropped",
			    ipc_type_name(h.type), h.size,
			    proc_rows[ipc->peer].name, why);
		else {
			msg = (struct ipc_msg){ .type = h.type,
			    .data = { data, h.size }, .fd = has ? fd : -1 };
			if (has)
				fd = -1;
			ipc->cb(ipc, &msg, ipc->arg);
			if (msg.fd != -1)
				close(msg.fd);
			if (msg.secret)
				explicit_bzero(data, h.size);
		}
		data += h.size;
		n -= h.size;
	}
	if (n > 0 && !ipc->freed)
		log_warnx("ipc: %zu stray bytes from %s, dropped", n,
		    proc_rows[ipc->peer].name);
	if (fd != -1)
		close(fd);
}

static void
release(struct ipc *ipc)
{
	if (ipc->busy == 0 && ipc->freed)
		free(ipc);
}

/* Up to max packets; a callback may drain one other channel meanwhile. */
static void
receive(struct ipc *ipc, int max)
{
	static char	*buffer[DEPTH];
	static int	 depth;
	union {
		struct cmsghdr	 align;
		char		 buf[CMSG_SPACE(4 * sizeof(int))];
	} control;
	struct iovec	 iov;
	struct msghdr	 m;
	ssize_t		 n;

	if (depth == DEPTH || ipc->busy > 0)
		return;
	if (buffer[depth] == NULL &&
	    (buffer[depth] = malloc(PACKET_MAX)) == NULL)
		fatal("ipc: receive buffer");
	ipc->busy++;
	while (max-- > 0 && !ipc->freed) {
		iov = (struct iovec){ buffer[depth], PACKET_MAX };
		m = (struct msghdr){ .msg_iov = &iov, .msg_iovlen = 1,
		    .msg_control = control.buf,
		    .msg_controllen = sizeof(control.buf) };
		n = recvmsg(ipc->fd, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
		if (n == -1 && (errno == EAGAIN || errno == EWOULDBLOCK))
			break;
		if (n == -1)		/* ECONNRESET: what was sent is still there */
			continue;
		if (n == 0) {
			event_del(&ipc->ev_read);
			ipc->cb(ipc, NULL, ipc->arg);
			break;
		}
		depth++;
		dispatch(ipc, iov.iov_base, n, received_fd(ipc, &m));
		depth--;
	}
	ipc->busy--;
	release(ipc);
}

static void
read_cb(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	receive(arg, READS_A_TURN);
}

void
ipc_drain(struct ipc *ipc)
{
	receive(ipc, READS_A_TURN * READS_A_TURN);
}

struct ipc *
ipc_new(enum process self, enum process peer, int fd, ipc_cb cb, void *arg)
{
	struct ipc	*ipc;
	int		 size = 1024 * 1024;

	if ((ipc = calloc(1, sizeof(*ipc))) == NULL)
		fatal("ipc: channel");
	ipc->self = self;
	ipc->peer = peer;
	ipc->fd = fd;
	ipc->cb = cb;
	ipc->arg = arg;
	STAILQ_INIT(&ipc->queue);
	/* The kernel takes the most it allows: a packet must fit. */
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	event_assign(&ipc->ev_read, loop_base, fd, EV_READ | EV_PERSIST,
	    read_cb, ipc);
	event_assign(&ipc->ev_write, loop_base, fd, EV_WRITE, write_cb, ipc);
	event_add(&ipc->ev_read, NULL);
	LIST_INSERT_HEAD(&channels, ipc, entry);
	return ipc;
}

void
ipc_free(struct ipc *ipc)
{
	if (ipc == NULL || ipc->freed)
		return;
	event_del(&ipc->ev_read);
	event_del(&ipc->ev_write);
	drop_queue(ipc);
	close(ipc->fd);
	LIST_REMOVE(ipc, entry);
	ipc->freed = true;
	release(ipc);
}

/* -- parsing -- */

static void
get(struct ipc_msg *msg, void *v, size_t n)
{
	if (msg->data.n < n) {
		memset(v, 0, n);
		msg->data.n = 0;
		msg->bad = true;
		return;
	}
	memcpy(v, msg->data.p, n);
	msg->data.p += n;
	msg->data.n -= n;
}

uint8_t
ipc_get_u8(struct ipc_msg *msg)
{
	uint8_t	 v;

	get(msg, &v, sizeof(v));
	return v;
}

uint32_t
ipc_get_u32(struct ipc_msg *msg)
{
	uint32_t	 v;

	get(msg, &v, sizeof(v));
	return v;
}

uint64_t
ipc_get_u64(struct ipc_msg *msg)
{
	uint64_t	 v;

	get(msg, &v, sizeof(v));
	return v;
}

struct slice
ipc_get_slice(struct ipc_msg *msg)
{
	struct slice	 s = { NULL, ipc_get_u32(msg) };

	if (msg->data.n < s.n) {
		msg->data.n = 0;
		msg->bad = true;
		return SLICE("");
	}
	s.p = msg->data.p;
	msg->data.p += s.n;
	msg->data.n -= s.n;
	return s;
}

int
ipc_take_fd(struct ipc_msg *msg)
{
	int	 fd = msg->fd;

	msg->fd = -1;
	return fd;
}

int
ipc_complete(struct ipc *ipc, struct ipc_msg *msg)
{
	if (!msg->bad && msg->data.n == 0)
		return 1;
	log_warnx("ipc: malformed %s from %s, dropped", ipc_type_name(msg->type),
	    proc_rows[ipc->peer].name);
	return 0;
}
