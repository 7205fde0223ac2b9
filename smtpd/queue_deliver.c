/* SPDX-License-Identifier: ISC */
/*
 * The channels to deliver processes: asks the parent for them, gives them
 * jobs, takes their results, survives their deaths.  Queue process.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "smtpd/log.h"
#include "smtpd/loop.h"
#include "smtpd/proc.h"
#include "smtpd/queue.h"

#define PIECE		(128 * 1024)
#define BACKLOG		(1024 * 1024)	/* unsent bytes: give no more */
#define WINDOW		(1024 * 1024)	/* no deliver may have more content sent ahead */
#define JOB_TIME	(600 * SECOND)	/* without an answer */
#define ASK_TIME	(60 * SECOND)	/* ask the parent again */
#define IDLE_TIME	(40 * SECOND)	/* see deliver_check_time() */
#define HOLD_FIRST	(SECOND / 10)	/* before another deliver, if one did nothing */
#define HOLD_DOUBLES	6		/* each time, so often */

static void	end(struct user *, const char *);

/* -- jobs -- */

/* n bytes of content at offset; -1 with errno. */
static int
read_content(const struct envelope *e, size_t offset, size_t n,
    struct slice *out)
{
	static char		 buf[PIECE];
	const struct message	*m = e->msg;
	ssize_t			 got;

	if (m->content != NULL) {
		*out = slice_make(m->content + offset, n);
		return 0;
	}
	got = spool_read(queue_spool, m->recno, offset, buf, n);
	if (got == (ssize_t)n) {
		*out = slice_make(buf, n);
		return 0;
	}
	if (got != -1)
		errno = EBADMSG;
	return -1;
}

/* Does a large message end where it should?  -1 with errno. */
static int
check_end(const struct message *m)
{
	char	 two[2];
	ssize_t	 got = spool_read(queue_spool, m->recno, m->size - 1, two,
	    sizeof(two));

	if (got == 1)
		return 0;
	if (got != -1)
		errno = EBADMSG;
	return -1;
}

/* Sends what the deliver's window allows of a large message. */
static void
stream(struct user *u)
{
	struct envelope	*e = u->stream;
	struct slice	 piece;
	uint64_t	 n;
	int		 error;

	while ((n = e->msg->size - u->stream_off) > 0 && u->window > 0) {
		n = n < PIECE ? n : PIECE;
		n = n < u->window ? n : u->window;
		if (read_content(e, u->stream_off, n, &piece) == -1) {
			/* It cannot be told to forget a half. */
			error = errno;
			sched_stopped(e);
			fate_unreadable(e, error);
			end(u, "a message could not be read to its end");
			return;
		}
		ipc_begin(u->deliver, IPC_JOB_CONTENT);
		ipc_put_u64(u->deliver, e->evpid);
		ipc_put_slice(u->deliver, piece);
		ipc_end(u->deliver);
		u->window -= n;
		u->stream_off += n;
	}
	if (n > 0)
		return;
	u->stream = NULL;
	message_touched(e);
	user_place(u);
}

static void
send_job(const struct envelope *e, struct slice content)
{
	const struct ipc_job	 j = {
		.evpid = e->evpid,
		.attempt = e->attempts + 1,
		.arrival = e->msg->arrival,
		.size = e->msg->size,
		.action = e->action,
		.user = e->user->name,
		.sender = e->msg->sender,
		.rcpt = e->rcpt,
		.dest = e->dest,
		.content = content,
	};

	ipc_send_job(e->user->deliver, &j);
}

static void
drained_cb(struct ipc *ipc, void *arg)
{
	struct user	*u = arg;

	(void)ipc;
	u->choked = false;
	user_place(u);
	queue_turn_again();
}

static void
run(struct envelope *e)
{
	struct user	*u = e->user;
	uint64_t	 size = e->msg->size;
	struct slice	 content;
	int		 error;

	if ((size <= SPOOL_SMALL ? read_content(e, 0, size, &content) :
	    check_end(e->msg)) == -1) {
		error = errno;
		sched_stopped(e);
		fate_unreadable(e, error);
		return;
	}
	if (size <= SPOOL_SMALL) {
		send_job(e, content);
		message_touched(e);
	} else {
		send_job(e, SLICE(""));
		u->stream = e;
		u->stream_off = 0;
		user_place(u);		/* others wait until all of it is sent */
		stream(u);
	}
	if (u->deliver == NULL || ipc_backlog(u->deliver) < BACKLOG)
		return;
	ipc_flush(u->deliver);
	if (ipc_backlog(u->deliver) >= BACKLOG) {
		u->choked = true;
		user_place(u);
	}
}

static void
want(struct user *u)
{
	u->asked = true;
	u->asked_at = loop_mono();
	user_place(u);
	ipc_begin(proc_parent, IPC_DELIVER_WANT);
	ipc_put_slice(proc_parent, u->name);
	ipc_end(proc_parent);
}

/* An idle one: it ends when its channel does. */
static void
leave(struct user *u)
{
	ipc_free(u->deliver);
	u->deliver = NULL;
	u->leaving = u->choked = false;
	user_place(u);
}

static bool
is_idle(const struct user *u)
{
	return u->nrunning == 0 && loop_mono() - u->heard >= IDLE_TIME;
}

void
deliver_turn(void)
{
	struct user	*u;

	sched_wake();
	if (queue_stopping || proc_parent == NULL)
		return;
	while ((u = sched_leave_next()) != NULL)
		leave(u);
	while ((u = sched_want_next()) != NULL)
		want(u);
	while ((u = sched_feed_next()) != NULL)
		if (is_idle(u)) {
			leave(u);
			queue_turn_again();
		} else
			run(sched_take(u));
}

/* -- answers -- */

static struct envelope *
running(struct user *u, uint64_t evpid)
{
	struct envelope	*e;

	TAILQ_FOREACH(e, &u->running, entry)
		if (e->evpid == evpid)
			break;
	return e;
}

static void
result(struct user *u, struct ipc *ipc, struct ipc_msg *msg)
{
	uint64_t	 evpid = ipc_get_u64(msg);
	uint8_t		 r = ipc_get_u8(msg);
	struct slice	 why = ipc_get_slice(msg);
	struct envelope	*e;

	if (!ipc_complete(ipc, msg))
		return;
	if ((e = running(u, evpid)) == NULL || r > JOB_PERMFAIL) {
		log_warnx("deliver of %.*s answers %u for envelope %016" PRIx64
		    ", which it was not given", (int)u->name.n, u->name.p, r,
		    evpid);
		return;
	}
	u->failures = 0;
	u->heard = loop_mono();
	sched_stopped(e);
	fate_decide(e, r, why);
}

/* One that dies again and again before it did anything is not replaced at once. */
static void
hold(struct user *u)
{
	u->not_before = loop_mono() + (HOLD_FIRST <<
	    (u->failures < HOLD_DOUBLES ? u->failures : HOLD_DOUBLES));
	u->failures++;
}

/* What it held counts as an attempt; when we stop, it is tried at the next start. */
static void
died(struct user *u)
{
	struct envelope	*e;

	if (u->nrunning > 0 && !queue_stopping) {
		log_warnx("deliver of %.*s died with %u jobs", (int)u->name.n,
		    u->name.p, u->nrunning);
		queue_counters.died++;
	}
	hold(u);
	u->deliver = NULL;
	u->stream = NULL;
	u->choked = u->leaving = false;
	while ((e = TAILQ_FIRST(&u->running)) != NULL) {
		sched_stopped(e);
		if (!queue_stopping)
			fate_died(e);
	}
	user_place(u);
}

static void
end(struct user *u, const char *why)
{
	struct ipc	*ipc = u->deliver;

	log_warnx("deliver of %.*s is left alone: %s", (int)u->name.n,
	    u->name.p, why);
	died(u);
	ipc_free(ipc);
}

static void
window(struct user *u, struct ipc *ipc, struct ipc_msg *msg)
{
	uint32_t	 n = ipc_get_u32(msg);

	if (!ipc_complete(ipc, msg))
		return;
	u->window = n < WINDOW - u->window ? u->window + n : WINDOW;
	if (u->stream != NULL)
		stream(u);
}

static void
deliver_cb(struct ipc *ipc, struct ipc_msg *msg, void *arg)
{
	struct user	*u = arg;

	if (msg == NULL) {
		died(u);
		ipc_free(ipc);
		return;
	}
	switch (msg->type) {
	case IPC_RESULT:
		result(u, ipc, msg);
		break;
	case IPC_WINDOW:
		window(u, ipc, msg);
		break;
	default:
		log_warnx("unexpected %s", ipc_type_name(msg->type));
	}
}

/* -- from the parent -- */

void
deliver_met(struct slice name, int fd)
{
	struct user	*u = user_find(name);

	if (u == NULL || !u->asked) {
		log_warnx("a deliver for %.*s that nobody asked for",
		    (int)name.n, name.p);
		ipc_free(ipc_new(PROC_QUEUE, PROC_DELIVER, fd, deliver_cb, NULL));
		return;
	}
	u->asked = false;
	u->window = 0;
	u->met = u->heard = loop_mono();
	u->deliver = ipc_new(PROC_QUEUE, PROC_DELIVER, fd, deliver_cb, u);
	ipc_on_drain(u->deliver, drained_cb);
	user_place(u);
}

void
deliver_none(struct slice name, bool permanent, struct slice why)
{
	struct user	*u = user_find(name);
	struct envelope	*e;

	if (u == NULL || u->deliver != NULL)
		return;
	u->asked = false;
	user_place(u);
	while ((e = sched_unready(u)) != NULL)
		fate_decide(e, permanent ? JOB_PERMFAIL : JOB_TEMPFAIL, why);
}

/* Has a deliver a job, and has given no answer for too long? */
static bool
hangs(const struct user *u)
{
	const struct envelope	*e = TAILQ_FIRST(&u->running);
	uint64_t		 since;

	if (e == NULL)
		return false;
	since = e->started > u->heard ? e->started : u->heard;
	return loop_mono() - since >= JOB_TIME;
}

/*
 * A deliver that has been idle for 60 s ends itself, and a job that it was
 * given in that moment would be its death.  So it is left before: here, every
 * 10 s, and when it would be given one.
 */
void
deliver_check_time(void)
{
	struct user	*u;

	for (u = user_next(NULL); u != NULL; u = user_next(u)) {
		if (u->deliver != NULL && hangs(u))
			end(u, "it has not answered for 10 minutes");
		else if (u->deliver != NULL && is_idle(u))
			leave(u);
		/* The parent could not start one, and did not say so. */
		if (u->asked && loop_mono() - u->asked_at >= ASK_TIME) {
			u->asked = false;
			user_place(u);
		}
	}
}
