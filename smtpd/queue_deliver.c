/* SPDX-License-Identifier: ISC */
/*
 * Users and their deliver processes: who has mail gets one, and is fed jobs,
 * new mail first, old mail in at most half the slots.  Queue process.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>
#include <event2/event_struct.h>

#include "smtpd/log.h"
#include "smtpd/loop.h"
#include "smtpd/proc.h"
#include "smtpd/queue.h"

#define SLOTS		32	/* jobs in a deliver: two of its batches */
#define PIECE		(128 * 1024)
#define BACKLOG		(1024 * 1024)	/* unsent bytes: feed no more */
#define WINDOW		(1024 * 1024)	/* no deliver may have more content sent ahead */
#define JOB_TIME	(600 * 1000000000ULL)	/* ns without an answer */
#define ASK_TIME	(60 * 1000000000ULL)	/* ns: ask the parent again */

static TAILQ_HEAD(, user)	 users = TAILQ_HEAD_INITIALIZER(users);

static struct user *
user_find(struct slice name)
{
	struct user	*u;

	TAILQ_FOREACH(u, &users, entry)
		if (slice_eq(slice_str(u->name), name))
			return u;
	return NULL;
}

struct user *
user_get(const char *name)
{
	struct user	*u = user_find(slice_str(name));

	if (u != NULL) {
		/* Who has mail now has some again soon: to the front. */
		TAILQ_REMOVE(&users, u, entry);
		TAILQ_INSERT_HEAD(&users, u, entry);
		return u;
	}
	if ((u = calloc(1, sizeof(*u))) == NULL ||
	    (u->name = strdup(name)) == NULL) {
		free(u);
		return NULL;
	}
	TAILQ_INIT(&u->fresh);
	TAILQ_INIT(&u->old);
	TAILQ_INIT(&u->running);
	TAILQ_INSERT_HEAD(&users, u, entry);
	return u;
}

size_t
deliver_running(void)
{
	const struct user	*u;
	size_t			 n = 0;

	TAILQ_FOREACH(u, &users, entry)
		n += u->nrunning;
	return n;
}

void
deliver_ready(struct envelope *e)
{
	struct user	*u = e->user;

	if (e->attempts == 0)
		TAILQ_INSERT_TAIL(&u->fresh, e, entry);
	else
		TAILQ_INSERT_TAIL(&u->old, e, entry);
}

/* -- feeding -- */

/* The next envelope that may run now, taken off its list; NULL if there is none. */
static struct envelope *
take(struct user *u)
{
	struct envelope	*fresh = TAILQ_FIRST(&u->fresh);
	struct envelope	*old = TAILQ_FIRST(&u->old);

	if (u->nrunning >= SLOTS || u->alone)
		return NULL;
	if (old != NULL && (fresh == NULL || u->nold < SLOTS / 2)) {
		if (old->deaths >= 2) {
			if (u->nrunning > 0)
				return NULL;
			u->alone = true;
		}
		TAILQ_REMOVE(&u->old, old, entry);
		u->nold++;
		return old;
	}
	if (fresh != NULL)
		TAILQ_REMOVE(&u->fresh, fresh, entry);
	return fresh;
}

static void	died(struct user *);
static void	stop_running(struct user *, struct envelope *);

/* Ends a deliver that cannot go on with what it holds. */
static void
give_up(struct user *u)
{
	struct ipc	*ipc = u->deliver;

	died(u);
	ipc_free(ipc);
}

/* Sends what the deliver's window allows of a large message. */
static void
stream(struct user *u)
{
	static char	 buf[PIECE];
	struct envelope	*e = u->stream;
	ssize_t		 n;
	int		 error;

	while (u->stream_off < e->msg->size && u->window > 0) {
		n = u->window < sizeof(buf) ? u->window : sizeof(buf);
		n = spool_read(queue_spool, e->msg->recno, u->stream_off, buf, n);
		if (n <= 0) {
			/* It cannot be told to forget a half. */
			error = n == 0 ? EBADMSG : errno;
			stop_running(u, e);
			sched_unreadable(e, error);
			give_up(u);
			return;
		}
		ipc_begin(u->deliver, IPC_JOB_CONTENT);
		ipc_put_u64(u->deliver, e->evpid);
		ipc_put_slice(u->deliver, slice_make(buf, n));
		ipc_end(u->deliver);
		u->window -= n;
		u->stream_off += n;
	}
	if (u->stream_off == e->msg->size)
		u->stream = NULL;
}

static void
send_job(struct user *u, const struct envelope *e, struct slice content)
{
	struct ipc_job	 j = {
		.evpid = e->evpid,
		.attempt = e->attempts + 1,
		.arrival = e->msg->arrival,
		.size = e->msg->size,
		.action = slice_str(e->action),
		.user = slice_str(u->name),
		.sender = slice_str(e->msg->sender),
		.rcpt = slice_str(e->rcpt),
		.dest = slice_str(e->dest),
		.content = content,
	};

	ipc_send_job(u->deliver, &j);
}

/*
 * A small message, from memory or read again; of a large one only whether all
 * of it is there.  -1 with errno.
 */
static int
content_of(const struct message *m, struct slice *content)
{
	static char	 buf[SPOOL_SMALL];
	ssize_t		 n;

	if (m->big != 0) {
		n = spool_read(queue_spool, m->recno, m->size - 1, buf, 2);
		if (n == 0 || n == 2)
			errno = EBADMSG;
		return n == 1 ? 0 : -1;
	}
	if (m->content != NULL) {
		*content = slice_make(m->content, m->size);
		return 0;
	}
	n = spool_read(queue_spool, m->recno, 0, buf, sizeof(buf));
	if (n != (ssize_t)m->size) {
		if (n >= 0)
			errno = EBADMSG;
		return -1;
	}
	*content = slice_make(buf, n);
	return 0;
}

static void
run(struct user *u, struct envelope *e)
{
	struct slice	 content = SLICE("");
	int		 error;

	e->state = ENV_RUNNING;
	e->started = loop_mono();
	TAILQ_INSERT_TAIL(&u->running, e, entry);
	u->nrunning++;
	if (content_of(e->msg, &content) == -1) {
		error = errno;
		stop_running(u, e);
		sched_unreadable(e, error);
		return;
	}
	send_job(u, e, content);
	if (e->msg->big != 0) {
		u->stream = e;
		u->stream_off = 0;
		stream(u);
	}
}

static void
retry_cb(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;	/* only to have another turn */
	(void)what;
	(void)arg;
}

static void
want_later(uint64_t ns)
{
	static struct event	 retry;
	struct timeval		 tv = { ns / 1000000000,
	    ns % 1000000000 / 1000 + 1 };

	if (!event_initialized(&retry))
		evtimer_assign(&retry, loop_base, retry_cb, NULL);
	if (!event_pending(&retry, EV_TIMEOUT, NULL))
		event_add(&retry, &tv);
}

/* One that the parent could not start, and did not say so, is asked for again. */
static void
want_deliver(struct user *u)
{
	uint64_t	 now = loop_mono();

	if (proc_parent == NULL || (u->asked && now - u->asked_at < ASK_TIME))
		return;
	if (now < u->not_before) {
		want_later(u->not_before - now);
		return;
	}
	u->asked = true;
	u->asked_at = now;
	ipc_begin(proc_parent, IPC_DELIVER_WANT);
	ipc_put_slice(proc_parent, slice_str(u->name));
	ipc_end(proc_parent);
}

static void
feed(struct user *u)
{
	struct envelope	*e;

	if (queue_stopping ||
	    (TAILQ_EMPTY(&u->fresh) && TAILQ_EMPTY(&u->old)))
		return;
	if (u->deliver == NULL) {
		want_deliver(u);
		return;
	}
	/* One large message at a time, and nothing behind what is not taken. */
	while (u->deliver != NULL && u->stream == NULL &&
	    ipc_backlog(u->deliver) < BACKLOG && (e = take(u)) != NULL)
		run(u, e);
}

void
deliver_feed_all(void)
{
	struct user	*u, *next;

	TAILQ_FOREACH_SAFE(u, &users, entry, next)
		feed(u);
}

/* -- answers -- */

static struct envelope *
running(struct user *u, uint64_t evpid)
{
	struct envelope	*e;

	TAILQ_FOREACH(e, &u->running, entry)
		if (e->evpid == evpid)
			return e;
	return NULL;
}

static void
stop_running(struct user *u, struct envelope *e)
{
	TAILQ_REMOVE(&u->running, e, entry);
	u->nrunning--;
	if (e->attempts > 0)
		u->nold--;
	if (u->stream == e)
		u->stream = NULL;
	if (u->nrunning == 0)
		u->alone = false;
}

static void
result(struct user *u, struct ipc *ipc, struct ipc_msg *msg)
{
	uint64_t	 evpid = ipc_get_u64(msg);
	uint8_t		 r = ipc_get_u8(msg);
	struct slice	 why = ipc_get_slice(msg);
	struct envelope	*e;

	if (!ipc_complete(ipc, msg) || r > JOB_PERMFAIL)
		return;
	if ((e = running(u, evpid)) == NULL) {
		log_warnx("deliver of %s answers for envelope %016" PRIx64
		    ", which it was not given", u->name, evpid);
		return;
	}
	u->failures = 0;
	u->heard = loop_mono();
	stop_running(u, e);
	sched_done(e, r, why);
}

static void
died(struct user *u)
{
	struct envelope	*e;

	if (u->nrunning > 0)
		log_warnx("deliver of %s died with %u jobs", u->name, u->nrunning);
	u->deliver = NULL;
	u->stream = NULL;
	/* One that dies at once, again and again, is not asked for at once. */
	u->not_before = loop_mono() + (1000000000ULL <<
	    (u->failures < 6 ? u->failures : 6)) / 10;
	u->failures++;
	while ((e = TAILQ_FIRST(&u->running)) != NULL) {
		stop_running(u, e);
		sched_died(e);
	}
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
	if (msg->type == IPC_RESULT)
		result(u, ipc, msg);
	else if (msg->type == IPC_WINDOW) {
		u->window += ipc_get_u32(msg);
		if (!ipc_complete(ipc, msg) || u->window > WINDOW)
			u->window = WINDOW;
		if (u->stream != NULL)
			stream(u);
	} else
		log_warnx("unexpected %s", ipc_type_name(msg->type));
}

void
deliver_met(struct slice name, int fd)
{
	struct user	*u = user_find(name);

	if (u == NULL || u->deliver != NULL) {
		log_warnx("a deliver for %.*s that nobody asked for",
		    (int)name.n, name.p);
		ipc_free(ipc_new(PROC_QUEUE, PROC_DELIVER, fd, deliver_cb, NULL));
		return;
	}
	u->asked = false;
	u->window = 0;
	u->deliver = ipc_new(PROC_QUEUE, PROC_DELIVER, fd, deliver_cb, u);
}

void
deliver_none(struct slice name, bool permanent, struct slice why)
{
	struct user	*u = user_find(name);
	struct envelopes all = TAILQ_HEAD_INITIALIZER(all);
	struct envelope	*e;

	if (u == NULL)
		return;
	u->asked = false;
	TAILQ_CONCAT(&all, &u->fresh, entry);
	TAILQ_CONCAT(&all, &u->old, entry);
	while ((e = TAILQ_FIRST(&all)) != NULL) {
		TAILQ_REMOVE(&all, e, entry);
		sched_done(e, permanent ? JOB_PERMFAIL : JOB_TEMPFAIL, why);
	}
}

/* A job past its time: its deliver hangs, and is left alone. */
void
deliver_check_time(void)
{
	struct user	*u, *next;
	struct envelope	*e;
	uint64_t	 since;

	TAILQ_FOREACH_SAFE(u, &users, entry, next) {
		e = TAILQ_FIRST(&u->running);
		if (e == NULL || u->deliver == NULL)
			continue;
		since = e->started > u->heard ? e->started : u->heard;
		if (loop_mono() - since < JOB_TIME)
			continue;
		log_warnx("deliver of %s does not answer for envelope %016" PRIx64,
		    u->name, e->evpid);
		give_up(u);
	}
}
