/* SPDX-License-Identifier: ISC */
/*
 * The control socket: requests of smtpctl(8), answered as text that is read
 * at the client's pace.  Queue process.
 */
#include <sys/socket.h>

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
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

#define IDLE	30		/* seconds for a request, or for a read of the answer */

struct client {
	struct event	 ev;
	int		 fd;
	struct control_request request;
	size_t		 got;
	char		*text;		/* the answer */
	size_t		 n, off;
};

static struct event	 listener;

static void
client_free(struct client *c)
{
	event_del(&c->ev);
	close(c->fd);
	free(c->text);
	free(c);
}

/* -- answers -- */

static const char *const	state_names[] = {
	[ENV_HELD]	= "held",
	[ENV_WAITING]	= "deferred",
	[ENV_READY]	= "ready",
	[ENV_RUNNING]	= "running",
};

static void
show_envelope(FILE *f, const struct envelope *e)
{
	fprintf(f, "%016" PRIx64 "|%s|%s|%s|%s|%s|%" PRIu64 "|%" PRId64 "|%u|%" PRId64 "\n",
	    e->evpid, state_names[e->state], e->action, e->user->name,
	    e->msg->sender, e->dest, e->msg->size, e->msg->arrival,
	    e->attempts, e->state == ENV_WAITING ? e->next : 0);
}

static void
show_queue(FILE *f)
{
	const struct message	*m;
	size_t			 pos = 0;
	uint32_t		 i;

	while ((m = message_next(&pos)) != NULL)
		for (i = 0; i < m->n; i++)
			if (m->env[i] != NULL)
				show_envelope(f, m->env[i]);
}

static void
show_message(FILE *f, uint64_t id)
{
	const struct message	*m = message_find(id > UINT32_MAX ?
	    (uint32_t)(id >> 32) : (uint32_t)id);
	char			*text, buf[65536];
	size_t			 off = 0;
	ssize_t			 n;

	if (m == NULL) {
		fprintf(f, "error: no message %" PRIx64 " in the queue\n", id);
		return;
	}
	if ((n = spool_envelope(queue_spool, m->recno, &text)) == -1) {
		fprintf(f, "error: read message %08x: %s\n", m->msgid,
		    strerror(errno));
		return;
	}
	fwrite(text, 1, n, f);
	free(text);
	putc('\n', f);
	while ((n = spool_read(queue_spool, m->recno, off, buf,
	    sizeof(buf))) > 0) {
		fwrite(buf, 1, n, f);
		off += n;
	}
}

static void
show_stats(FILE *f)
{
	struct spool_stat	 st;

	spool_stat(queue_spool, &st);
	fprintf(f, "messages=%zu\ndeferred=%zu\nrunning=%zu\n", message_count(),
	    sched_waiting(), deliver_running());
	fprintf(f, "spool.messages=%" PRIu64 "\nspool.bytes=%" PRIu64 "\n",
	    st.messages, st.bytes);
	fprintf(f, "spool.flushes=%" PRIu64 "\nspool.flush-errors=%" PRIu64
	    "\nspool.damaged=%" PRIu64 "\n", st.flushes, st.flush_errors,
	    st.damaged);
	fprintf(f, "spool.segments=%u\nspool.segments-free=%u\nspool.full=%d\n",
	    st.segments, st.segments_free, st.full);
}

static int
dump_out(void *arg, const char *p, size_t n)
{
	return fwrite(p, 1, n, arg) == n ? 0 : -1;
}

static void
answer(FILE *f, const struct control_request *r)
{
	switch (r->command) {
	case CONTROL_QUEUE:
		show_queue(f);
		break;
	case CONTROL_MESSAGE:
		show_message(f, r->id);
		break;
	case CONTROL_STATS:
		show_stats(f);
		break;
	case CONTROL_DUMP:
		if (spool_dump(queue_spool, dump_out, f) == -1)
			fprintf(f, "error: dump of the spool: %s\n",
			    strerror(errno));
		break;
	case CONTROL_STOP:
		if (proc_parent != NULL) {
			ipc_begin(proc_parent, IPC_SHUTDOWN);
			ipc_end(proc_parent);
		}
		break;
	default:
		fprintf(f, "error: unknown command %u\n", r->command);
	}
}

/* -- clients -- */

static void
write_cb(evutil_socket_t fd, short what, void *arg)
{
	struct client	*c = arg;
	ssize_t		 n;

	if (what & EV_TIMEOUT || c->off == c->n) {
		client_free(c);
		return;
	}
	n = send(fd, c->text + c->off, c->n - c->off, MSG_NOSIGNAL);
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n == -1) {
		client_free(c);
		return;
	}
	c->off += n;
	if (c->off == c->n)
		client_free(c);
}

/* An answer that memory did not suffice for is an error, not a short one. */
static int
compose(struct client *c)
{
	FILE	*f = open_memstream(&c->text, &c->n);
	int	 failed;

	if (f == NULL)
		return -1;
	if (c->request.magic != CONTROL_MAGIC ||
	    c->request.version != CONTROL_VERSION)
		fprintf(f, "error: smtpctl and smtpd are of different versions\n");
	else if (queue_spool == NULL)
		fprintf(f, "error: smtpd is about to end\n");
	else
		answer(f, &c->request);
	failed = ferror(f);
	if (fclose(f) == 0 && !failed)
		return 0;
	free(c->text);
	if ((c->text = strdup("error: out of memory\n")) == NULL)
		return -1;
	c->n = strlen(c->text);
	return 0;
}

static void
read_cb(evutil_socket_t fd, short what, void *arg)
{
	struct timeval	 tv = { IDLE, 0 };
	struct client	*c = arg;
	ssize_t		 n;

	if (what & EV_TIMEOUT) {
		client_free(c);
		return;
	}
	n = recv(fd, (char *)&c->request + c->got,
	    sizeof(c->request) - c->got, 0);
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		client_free(c);
		return;
	}
	c->got += n;
	if (c->got < sizeof(c->request))
		return;
	event_del(&c->ev);
	if (compose(c) == -1) {
		client_free(c);
		return;
	}
	event_assign(&c->ev, loop_base, fd, EV_WRITE | EV_PERSIST, write_cb, c);
	event_add(&c->ev, &tv);
}

static bool
allowed(int fd)
{
	struct ucred	 cred;
	socklen_t	 len = sizeof(cred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == -1)
		return false;
	if (cred.uid == 0 || (!proc_privileged && cred.uid == geteuid()))
		return true;
	log_warnx("control socket: user %u is not allowed", cred.uid);
	return false;
}

static void
accept_cb(evutil_socket_t fd, short what, void *arg)
{
	struct timeval	 tv = { IDLE, 0 };
	struct client	*c;
	int		 s = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	(void)what;
	(void)arg;
	if (s == -1)
		return;
	if (!allowed(s) || (c = calloc(1, sizeof(*c))) == NULL) {
		close(s);
		return;
	}
	c->fd = s;
	event_assign(&c->ev, loop_base, s, EV_READ | EV_PERSIST, read_cb, c);
	event_add(&c->ev, &tv);
}

void
control_open(int fd)
{
	event_assign(&listener, loop_base, fd, EV_READ | EV_PERSIST, accept_cb,
	    NULL);
	event_add(&listener, NULL);
}
