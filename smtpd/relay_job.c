/* SPDX-License-Identifier: ISC */
/*
 * Jobs of the queue: a message, and recipients that go the same way; and the
 * answers about them.  relay process.
 */
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>
#include <event2/event_struct.h>

#include "lib/u64map.h"
#include "smtpd/dsn.h"
#include "smtpd/log.h"
#include "smtpd/loop.h"
#include "smtpd/proc.h"
#include "smtpd/relay.h"

#define CONTENT_BOUND	(64 * 1024 * 1024)	/* held in all; what comes above it is fetched later */
#define SECOND		1000000000ULL	/* ns */
#define WAITS		(3600 * SECOND)	/* at most, until it is begun */
#define TAKES		(6000 * SECOND)	/* at most, until its end is sent; queue waits for 2 hours */
#define SWEEP		10		/* seconds */
#define PIECE		(64 * 1024)	/* of content, fetched at once */

static struct u64map	 by_id;
static TAILQ_HEAD(, job) all = TAILQ_HEAD_INITIALIZER(all);	/* the oldest first */
static struct event	 sweeper;
static size_t		 content_bytes;

static void	sweep_later(void);

/* -- from the queue -- */

/* Counts recipients and the bytes of their texts; -1 if they cannot be read. */
static int
measure(struct slice rest, uint32_t *n, size_t *bytes)
{
	struct ipc_relay_rcpt	 r;
	int			 more;

	*n = 0;
	*bytes = 0;
	while ((more = ipc_relay_rcpt_next(&rest, &r)) == 1) {
		(*n)++;
		*bytes += r.dest.n + r.orcpt.n;
	}
	return more == -1 || *n == 0 || *n > IPC_RELAY_RCPTS ? -1 : 0;
}

static struct job *
job_new(const struct ipc_relay *m)
{
	struct ipc_relay_rcpt	 r;
	struct slice		 rest = m->rcpts;
	struct job_rcpt		*to;
	struct job		*j;
	uint32_t		 n;
	size_t			 bytes;
	bool			 keep = m->content.n > 0 &&
				    content_bytes + m->content.n <= CONTENT_BOUND;
	char			*p;

	if (measure(rest, &n, &bytes) == -1)
		return NULL;
	bytes += m->sender.n + m->envid.n + (keep ? m->content.n : 0);
	if ((j = malloc(sizeof(*j) + n * sizeof(j->rcpt[0]) + bytes)) == NULL) {
		log_warn("job of %zu bytes", bytes);
		return NULL;
	}
	*j = (struct job){ .id = m->job, .size = m->size, .msgid = m->msgid,
	    .body = m->body, .ret = m->ret };
	p = (char *)&j->rcpt[n];
	while (ipc_relay_rcpt_next(&rest, &r) == 1) {
		to = &j->rcpt[j->nrcpt++];
		*to = (struct job_rcpt){ .evpid = r.evpid, .notify = r.notify };
		to->dest = slice_copy(&p, r.dest);
		to->orcpt = slice_copy(&p, r.orcpt);
	}
	j->left = j->nrcpt;
	j->sender = slice_copy(&p, m->sender);
	j->envid = slice_copy(&p, m->envid);
	if (keep || m->size == 0)
		j->content = slice_copy(&p, m->content);
	content_bytes += j->content.n;
	return j;
}

/* A recipient for whom there is not even a job. */
static void
answer_unread(const struct ipc_relay *m, const char *why)
{
	struct slice		 rest = m->rcpts;
	struct ipc_relay_rcpt	 r;
	struct ipc_relayed	 a = { .job = m->job, .result = JOB_TEMPFAIL,
				    .reply = slice_str(why) };

	while (ipc_relay_rcpt_next(&rest, &r) == 1) {
		a.evpid = r.evpid;
		ipc_send_relayed(relay_queue, &a);
	}
}

/* -- time -- */

/* The next that is late, and of which something can be said. */
static struct job *
next_late(void)
{
	const uint64_t	 now = loop_mono();
	struct job	*j;

	TAILQ_FOREACH(j, &all, all_entry) {
		if (now - j->began < WAITS)
			break;
		if (j->conn == NULL ||
		    (now - j->began >= TAKES && !j->conn->end_sent))
			return j;
	}
	return NULL;
}

/* A server may take its time for each reply: for all of them it has not so much. */
void
relay_job_sweep(void)
{
	const struct slice	 why =
	    SLICE("451 4.4.7 The server takes too long for the message");
	struct conn	*c;
	struct job	*j;

	while ((j = next_late()) != NULL)
		if ((c = j->conn) == NULL)
			dest_late(j->dest, j);
		else {
			relay_job_answer_all(j, JOB_TEMPFAIL, 0,
			    slice_str(c->name), slice_str(c->text), why);
			conn_lost(c, why);
		}
}

static void
sweep_cb(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	relay_job_sweep();
	if (!TAILQ_EMPTY(&all))
		sweep_later();
}

static void
sweep_later(void)
{
	static const struct timeval	 tv = { SWEEP, 0 };

	if (!event_initialized(&sweeper))
		evtimer_assign(&sweeper, loop_base, sweep_cb, NULL);
	if (!event_pending(&sweeper, EV_TIMEOUT, NULL))
		event_add(&sweeper, &tv);
}

void
relay_job_add(struct ipc *ipc, struct ipc_msg *msg)
{
	const struct action	*action;
	struct ipc_relay	 m;
	struct dest		*d;
	struct job		*j;

	if (!ipc_get_relay(ipc, msg, &m))
		return;
	action = conf_action(proc_conf, m.action);
	if (action == NULL || action->relay == NULL) {
		answer_unread(&m, "451 4.3.5 The configuration has no such relay action any more");
		return;
	}
	if ((d = dest_get(action, m.route)) == NULL ||
	    (j = job_new(&m)) == NULL) {
		answer_unread(&m, "451 4.3.0 No memory to send it now");
		return;
	}
	if (u64map_put(&by_id, j->id, j) == -1) {
		answer_unread(&m, "451 4.3.0 No memory to send it now");
		content_bytes -= j->content.n;
		free(j);
		return;
	}
	j->began = loop_mono();
	TAILQ_INSERT_TAIL(&all, j, all_entry);
	sweep_later();
	dest_add(d, j);
}

void
relay_job_free(struct job *j)
{
	u64map_del(&by_id, j->id);
	TAILQ_REMOVE(&all, j, all_entry);
	content_bytes -= j->content.n;
	free(j);
}

/* -- content -- */

void
relay_job_fetch(const struct job *j, uint64_t offset)
{
	if (relay_queue == NULL)
		return;
	ipc_begin(relay_queue, IPC_FETCH);
	ipc_put_u64(relay_queue, j->id);
	ipc_put_u64(relay_queue, offset);
	ipc_put_u32(relay_queue, PIECE);
	ipc_end(relay_queue);
}

void
relay_job_fetched(struct ipc *ipc, struct ipc_msg *msg)
{
	uint64_t	 id = ipc_get_u64(msg);
	struct slice	 piece = ipc_get_slice(msg);
	struct job	*j;

	if (!ipc_complete(ipc, msg))
		return;
	/* Its connection may have been lost, or another have it by now. */
	if ((j = u64map_get(&by_id, id)) == NULL)
		return;
	if (j->stale > 0)
		j->stale--;
	else if (j->conn != NULL)
		relay_tx_content(j->conn, piece.n == 0 ? SLICE_NONE : piece);
}

/* Counts lines and notes bytes above 127; true if there was one. */
static bool
scan(struct job *j, struct slice s)
{
	unsigned	 high = 0;
	uint64_t	 lines = 0;
	size_t		 i;

	for (i = 0; i < s.n; i++) {
		high |= (unsigned char)s.p[i];
		lines += s.p[i] == '\n';
	}
	j->lines += lines;
	j->eightbit |= (high & 0x80) != 0;
	return (high & 0x80) != 0;
}

/* The part of it that is header.  An empty line cut by a piece's end is missed, and more counts as header. */
void
relay_job_scan_piece(struct job *j, struct slice piece, bool *header)
{
	const char	*end = *header ? memmem(piece.p, piece.n, "\n\n", 2) : NULL;
	size_t		 n = end != NULL ? (size_t)(end - piece.p) : piece.n;

	if (*header) {
		j->eightbit_header |= scan(j, slice_make(piece.p, n));
		piece.p += n;
		piece.n -= n;
		*header = end == NULL;
	}
	scan(j, piece);
}

void
relay_job_scan(struct job *j)
{
	bool	 header = true;

	relay_job_scan_piece(j, j->content, &header);
	j->scanned = true;
}

/* -- answers -- */

static struct slice
cut(struct slice s, size_t max)
{
	if (s.n > max)
		s.n = max;
	return s;
}

void
relay_job_answer(struct job *j, struct job_rcpt *r, enum job_result result,
    unsigned flags, struct slice host, struct slice dest, struct slice reply)
{
	const struct ipc_relayed m = {
		.job = j->id,
		.evpid = r->evpid,
		.result = result,
		.flags = flags,
		.host = host,
		.dest = dest,
		.reply = cut(reply, RELAY_TEXT_MAX),
	};

	if (r->state == RCPT_DONE)
		return;
	r->state = RCPT_DONE;
	j->left--;
	if (relay_queue != NULL)
		ipc_send_relayed(relay_queue, &m);
}

void
relay_job_answer_all(struct job *j, enum job_result result, unsigned flags,
    struct slice host, struct slice dest, struct slice reply)
{
	uint32_t	 i;

	for (i = 0; i < j->nrcpt; i++)
		relay_job_answer(j, &j->rcpt[i], result, flags, host, dest, reply);
}

uint32_t
relay_job_rewind(struct job *j)
{
	struct job_rcpt	 r;
	uint32_t	 i, n = 0;

	for (i = 0; i < j->nrcpt; i++) {
		if (j->rcpt[i].state == RCPT_DONE)
			continue;
		r = j->rcpt[i];
		r.state = RCPT_PENDING;
		j->rcpt[i] = j->rcpt[n];
		j->rcpt[n++] = r;
	}
	return n;
}
