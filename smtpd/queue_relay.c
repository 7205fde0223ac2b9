/* SPDX-License-Identifier: ISC */
/*
 * The channel to relay: gives it jobs, a message for recipients that go the
 * same way, takes its results, survives its death.  Queue process.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "smtpd/conf.h"
#include "smtpd/log.h"
#include "smtpd/loop.h"
#include "smtpd/proc.h"
#include "smtpd/queue.h"

#define BACKLOG		(1024 * 1024)	/* unsent bytes: give no more */
#define BACKLOG_END	(64 * 1024 * 1024)	/* it asks and does not read */
#define INLINE_MAX	(32 * 1024 * 1024)	/* content in jobs under way; relay fetches the rest */
#define JOB_TIME	(2 * 3600 * SECOND)	/* without an answer; SMTP is slow */
#define OVER_PIECE	1000		/* envelopes a turn */

struct job {
	TAILQ_ENTRY(job) entry;		/* of all, the oldest first */
	uint64_t	 id;
	struct route	*route;
	struct message	*msg;		/* as long as one of env is there */
	uint64_t	 began;		/* monotonic ns */
	size_t		 bytes;		/* of content that went with it */
	int		 error;		/* its content could not be read */
	bool		 failed;	/* the destination did */
	uint32_t	 n, left;
	struct envelope	*env[];		/* NULL: answered */
};

static struct ipc	*relay;			/* NULL: there is none */
static struct u64map	 by_id;
static TAILQ_HEAD(, job) jobs = TAILQ_HEAD_INITIALIZER(jobs);
static uint64_t		 ids;			/* the last one */
static size_t		 inlined;		/* bytes of content */
static bool		 choked;		/* it does not read what it was sent */

size_t
queue_relay_jobs(void)
{
	return by_id.used;
}

bool
queue_relay_is(const struct ipc *ipc)
{
	return ipc == relay;
}

/* -- destinations -- */

/* Where the action says so there is no domain: its host is the name. */
struct slice
route_host(const struct route *r)
{
	const struct action	*a = conf_action(proc_conf, r->action);

	if (r->name.n > 0 || a == NULL || a->relay == NULL || a->relay->host == NULL)
		return r->name;
	return slice_str(a->relay->host);
}

/* Its words, for who is put off by it and for smtpctl. */
static void
remember(struct route *r, const struct outcome *o)
{
	char	*why;

	if (asprintf(&why, "%.*s%s%.*s", (int)o->dest.n, o->dest.p,
	    o->dest.n > 0 ? ": " : "", (int)o->reply.n, o->reply.p) == -1)
		return;
	free(r->why);
	r->why = why;
}

/* Nobody was reached: all of it waits; then one job tries. */
static void
route_failed(struct route *r, const struct job *j, const struct outcome *o)
{
	struct slice	 host = route_host(r);
	int64_t		 hold;

	remember(r, o);
	/* One of several that were under way: that was counted. */
	if (r->failed_at != 0 && j->began <= r->failed_at)
		return;
	hold = fate_backoff(++r->failures);
	r->failed_at = loop_mono();
	r->width = 1;
	route_hold(r, loop_mono() + (uint64_t)hold * SECOND);
	log_info("%.*s to %.*s is held for %" PRId64 " s, %u envelopes wait with it: %s",
	    (int)r->action.n, r->action.p, (int)host.n, host.p, hold, r->nready,
	    r->why != NULL ? r->why : "");
	sched_each_ready(r, fate_waits, o);
}

static void
route_works(struct route *r)
{
	if (r->failures == 0)
		return;
	r->failures = 0;
	r->failed_at = 0;
	free(r->why);
	r->why = NULL;
	route_hold(r, 0);
}

/* What is more than may wait is put off one by one, as many a turn as do not hold up others. */
static void
put_off(void)
{
	struct route	*r;
	int		 n = 0;

	while (n < OVER_PIECE && (r = route_over_next()) != NULL) {
		route_keep(r);
		fate_beyond(sched_unready(r));
		route_release(r);
		n++;
	}
	if (n == OVER_PIECE)
		queue_turn_again();
}

/* -- jobs out -- */

static size_t
rcpt_size(const struct envelope *e)
{
	return IPC_RELAY_RCPT + e->dest.n + e->orcpt.n;
}

static void
job_end(struct job *j)
{
	struct route	*r = j->route;

	u64map_del(&by_id, j->id);
	TAILQ_REMOVE(&jobs, j, entry);
	inlined -= j->bytes;
	if (!j->failed && r->width < RELAY_WIDEST)
		r->width++;
	free(j);
	r->njobs--;
	route_release(r);
}

/* The recipients of one message that are next. */
static struct job *
job_new(struct route *r)
{
	struct envelope	*env[IPC_RELAY_RCPTS], *e = sched_take(r);
	struct job	*j;
	uint32_t	 n = 0;
	size_t		 text = 0;

	do {
		if (e->state == ENV_READY)
			sched_run(e);
		text += rcpt_size(e);
		env[n++] = e;
		e = sched_like(e);
	} while (e != NULL && n < IPC_RELAY_RCPTS &&
	    text + rcpt_size(e) <= IPC_RELAY_TEXT);
	j = calloc(1, sizeof(*j) + n * sizeof(env[0]));
	if (j == NULL || u64map_put(&by_id, ++ids, j) == -1)
		fatal("job for relay");
	memcpy(j->env, env, n * sizeof(env[0]));
	j->id = ids;
	j->route = r;
	j->msg = env[0]->msg;
	j->began = loop_mono();
	j->n = j->left = n;
	TAILQ_INSERT_TAIL(&jobs, j, entry);
	route_keep(r);
	r->njobs++;
	route_place(r);
	return j;
}

static void
job_unreadable(struct job *j, int error)
{
	uint32_t	 i;

	for (i = 0; i < j->n; i++) {
		sched_stopped(j->env[i]);
		fate_unreadable(j->env[i], error);
	}
	j->failed = true;		/* says nothing of the destination */
	job_end(j);
}

static void
job_send(const struct job *j, struct slice content)
{
	const struct message	*m = j->msg;
	const struct ipc_relay	 head = {
		.job = j->id,
		.msgid = m->msgid,
		.arrival = m->arrival,
		.size = m->size,
		.body = m->body,
		.ret = m->ret,
		.action = j->route->action,
		.route = j->route->name,
		.sender = m->sender,
		.envid = m->envid,
		.content = content,
	};
	struct ipc_relay_rcpt	 rcpt[IPC_RELAY_RCPTS];
	uint32_t		 i;

	for (i = 0; i < j->n; i++)
		rcpt[i] = (struct ipc_relay_rcpt){
			.evpid = j->env[i]->evpid,
			.attempt = j->env[i]->attempts + 1,
			.notify = j->env[i]->notify,
			.dest = j->env[i]->dest,
			.orcpt = j->env[i]->orcpt,
		};
	ipc_send_relay(relay, &head, rcpt, j->n);
}

static void
job_begin(struct job *j)
{
	uint64_t	 size = j->msg->size;
	struct slice	 content = SLICE("");
	bool		 whole = size <= SPOOL_SMALL && inlined + size <= INLINE_MAX;
	uint32_t	 i;

	if (size > 0 && (whole ? content_read(j->msg, 0, size, &content) :
	    content_check_end(j->msg)) == -1) {
		job_unreadable(j, errno);
		return;
	}
	j->bytes = content.n;
	inlined += j->bytes;
	job_send(j, content);
	for (i = 0; i < j->n; i++)
		message_touched(j->env[i]);
}

static void
drained_cb(struct ipc *ipc, void *arg)
{
	(void)ipc;
	(void)arg;
	choked = false;
	queue_turn_again();
}

/* It would be given no more when it does not read. */
static bool
takes(void)
{
	if (relay == NULL || choked)
		return false;
	if (ipc_backlog(relay) >= BACKLOG)
		ipc_flush(relay);
	choked = ipc_backlog(relay) >= BACKLOG;
	return !choked;
}

static void	relay_end(const char *);

void
queue_relay_turn(void)
{
	struct route	*r;

	put_off();
	if (relay != NULL && ipc_backlog(relay) >= BACKLOG_END)
		relay_end("it does not read what it asked for");
	if (queue_stopping)
		return;
	while (takes() && (r = route_relay_next()) != NULL)
		job_begin(job_new(r));
}

/* -- results -- */

/* Where in the job the envelope is; NULL: it was not given it, or answered for it. */
static struct envelope **
place_of(struct job *j, uint64_t evpid)
{
	uint32_t	 i;

	for (i = 0; i < j->n; i++)
		if (j->env[i] != NULL && j->env[i]->evpid == evpid)
			return &j->env[i];
	return NULL;
}

static void
result(struct job *j, struct envelope *e, const struct outcome *o)
{
	struct route	*r = j->route;

	sched_stopped(e);
	j->left--;
	if (o->flags & RELAYED_UNREACHED && o->result == JOB_TEMPFAIL) {
		j->failed = true;
		route_failed(r, j, o);
	} else if (o->result == JOB_DONE || o->host.n > 0)
		route_works(r);
	if (j->error != 0 && o->result != JOB_DONE)
		fate_unreadable(e, j->error);
	else
		fate_decide(e, o);
	if (j->left == 0)
		job_end(j);
}

static void
relayed(struct ipc *ipc, struct ipc_msg *msg)
{
	struct ipc_relayed	 m;
	struct outcome		 o;
	struct job		*j;
	struct envelope		**at, *e;

	if (!ipc_get_relayed(ipc, msg, &m))
		return;
	if (m.result > JOB_PERMFAIL || (j = u64map_get(&by_id, m.job)) == NULL ||
	    (at = place_of(j, m.evpid)) == NULL) {
		log_warnx("relay answers %u for envelope %016" PRIx64
		    " of job %" PRIu64 ", which it was not given", m.result,
		    m.evpid, m.job);
		return;
	}
	o = (struct outcome){ m.result, m.flags, m.host, m.dest, m.reply };
	e = *at;
	*at = NULL;
	result(j, e, &o);
}

/* -- content -- */

static void
fetch(struct ipc *ipc, struct ipc_msg *msg)
{
	uint64_t	 id = ipc_get_u64(msg), offset = ipc_get_u64(msg);
	uint32_t	 n = ipc_get_u32(msg);
	struct slice	 piece = SLICE("");
	struct job	*j;

	if (!ipc_complete(ipc, msg))
		return;
	j = u64map_get(&by_id, id);
	if (j == NULL || offset >= j->msg->size || n == 0)
		log_warnx("relay fetches of job %" PRIu64 " what is not there", id);
	else {
		if (n > CONTENT_PIECE)
			n = CONTENT_PIECE;
		if (n > j->msg->size - offset)
			n = (uint32_t)(j->msg->size - offset);
		if (content_read(j->msg, offset, n, &piece) == -1) {
			j->error = errno;
			piece = SLICE("");
		}
	}
	ipc_begin(relay, IPC_FETCHED);
	ipc_put_u64(relay, id);
	ipc_put_slice(relay, piece);
	ipc_end(relay);
}

void
queue_relay_heard(struct ipc *ipc, struct ipc_msg *msg)
{
	switch (msg->type) {
	case IPC_RELAYED:
		relayed(ipc, msg);
		break;
	case IPC_FETCH:
		fetch(ipc, msg);
		break;
	default:
		log_warnx("unexpected %s", ipc_type_name(msg->type));
	}
}

/* -- life and death -- */

/* What it held counts as an attempt; when we stop, it is tried at the next start. */
static void
job_died(struct job *j)
{
	struct envelope	*e;
	uint32_t	 i;

	for (i = 0; i < j->n; i++) {
		if ((e = j->env[i]) == NULL)
			continue;
		sched_stopped(e);
		if (!queue_stopping)
			fate_died(e, "relay");
	}
	j->failed = true;
	job_end(j);
}

static void
died(void)
{
	struct job	*j;

	/* Told to stop as we are, it may be the first to act on it. */
	if (proc_parent != NULL)
		ipc_drain(proc_parent);
	if (!TAILQ_EMPTY(&jobs) && !queue_stopping) {
		log_warnx("relay died with %zu jobs", by_id.used);
		queue_counters.died++;
	}
	relay = NULL;
	choked = false;
	while ((j = TAILQ_FIRST(&jobs)) != NULL)
		job_died(j);
}

/* What an old one still sent counts. */
void
queue_relay_drain(void)
{
	if (relay != NULL)
		ipc_drain(relay);
}

void
queue_relay_met(struct ipc *ipc)
{
	if (relay != NULL)
		died();
	relay = ipc;
	if (ipc != NULL)
		ipc_on_drain(ipc, drained_cb);
}

/* It ends when its channel does. */
static void
relay_end(const char *why)
{
	struct ipc	*ipc = relay;

	log_warnx("relay is left alone: %s", why);
	died();
	ipc_free(ipc);
}

void
queue_relay_check_time(void)
{
	const struct job	*j = TAILQ_FIRST(&jobs);

	if (j != NULL && relay != NULL && loop_mono() - j->began >= JOB_TIME)
		relay_end("it has not answered for 2 hours");
}
