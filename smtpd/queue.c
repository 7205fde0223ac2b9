/* SPDX-License-Identifier: ISC */
/*
 * The queue process: holds the spool, its peers and their messages.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

#include <event2/event.h>
#include <event2/event_struct.h>

#include "smtpd/log.h"
#include "smtpd/loop.h"
#include "smtpd/proc.h"
#include "smtpd/queue.h"

#define TICK		10	/* seconds: job times, room in the spool */
#define STOP_PATIENCE	20	/* seconds that running jobs have at the end */
#define FUTURE_MAX	(4 * 3600 + 1440)	/* no next try is later than this */

struct spool	*queue_spool;
struct ipc	*queue_smtp, *queue_lookup;
bool		 queue_stopping;

static struct event	 tick, work, patience;
static bool		 impatient;

int64_t
queue_now(void)
{
	return (int64_t)(loop_wall() / 1000000);
}

/* -- start -- */

static void
note(void *arg, const char *line)
{
	(void)arg;
	log_warnx("spool: %s", line);
}

/* Clocks may have been set since: no next try is too far away. */
static void
restore(struct envelope *e, const struct spool_rcpt *r)
{
	int64_t	 now = queue_now();

	e->attempts = r->attempts;
	e->next = r->next;
	if (e->msg->arrival > now)
		e->msg->arrival = now;
	if (e->next > now + FUTURE_MAX)
		e->next = now + FUTURE_MAX;
}

static void
recovered(void *arg, const struct spool_message *sm)
{
	struct message	*m = envelope_decode(sm->envelope);
	uint32_t	 i;

	(void)arg;
	if (m == NULL || m->n != sm->nrcpt || m->size != sm->size ||
	    message_find(m->msgid) != NULL || message_enlist(m) == -1) {
		log_warnx("spool: record %" PRIu64 " holds no envelope of ours, left alone",
		    sm->recno);
		if (m != NULL)
			message_free(m);
		return;
	}
	m->recno = sm->recno;
	for (i = 0; i < m->n; i++) {
		struct envelope	*e = m->env[i];

		restore(e, &sm->rcpt[i]);
		if (sm->rcpt[i].state == SPOOL_WAITING) {
			sched_envelope(e);
			continue;
		}
		m->env[i] = NULL;
		m->left--;
		envelope_free(e);
	}
}

static void
tick_cb(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	deliver_check_time();
	commit_check_time();
}

static void
nothing_cb(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
}

/* A piece of the spool's housekeeping a turn, for as long as there is some. */
static void
spool_turn(void)
{
	struct timeval	 now = { 0, 0 };

	if (queue_spool == NULL || spool_work(queue_spool) != 1)
		return;
	if (spool_dirty(queue_spool) == 2 && spool_flush(queue_spool) == -1) {
		log_warn("flush of the spool");
		return;
	}
	event_add(&work, &now);
}

static void	stop_when_done(void);

/* Who asked at the end of a turn is told, then users are fed. */
static void
end_of_turn(void)
{
	if (queue_spool == NULL)
		return;
	commit_flush();
	deliver_feed_all();
	spool_turn();
	stop_when_done();
}

void
queue_main(void)
{
	struct spool_options	 opt = { .note = note, .recovered = recovered };
	struct timeval		 tv = { TICK, 0 };
	int			 fd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd == -1)
		fatal("open spool directory %s", proc_conf->spool);
	sched_init();
	if ((queue_spool = spool_open(fd, &opt)) == NULL)
		fatal("open spool in %s", proc_conf->spool);
	if (message_count() > 0)
		log_info("%zu messages are in the spool", message_count());
	event_assign(&tick, loop_base, -1, EV_PERSIST, tick_cb, NULL);
	event_add(&tick, &tv);
	evtimer_assign(&work, loop_base, nothing_cb, NULL);
	loop_at_end(end_of_turn);
}

/* -- peers -- */

void
queue_peer(enum process peer, struct ipc *ipc, const char *instance)
{
	(void)instance;
	if (peer == PROC_SMTP) {
		if (queue_smtp != NULL)
			commit_smtp_lost();
		queue_smtp = ipc;
		commit_smtp_met();
	} else if (peer == PROC_LOOKUP)
		queue_lookup = ipc;
}

static void
peer_lost(enum process peer, struct ipc *ipc)
{
	if (peer == PROC_SMTP && ipc == queue_smtp) {
		queue_smtp = NULL;
		commit_smtp_lost();
	} else if (peer == PROC_LOOKUP) {
		if (ipc == queue_lookup)
			queue_lookup = NULL;
		commit_lookup_lost();
	}
}

static void
from_parent(struct ipc *ipc, struct ipc_msg *msg)
{
	struct slice	 user, why;
	bool		 permanent;

	switch (msg->type) {
	case IPC_CONTROL:
		control_open(ipc_take_fd(msg));
		break;
	case IPC_DELIVER_PEER:
		user = ipc_get_slice(msg);
		if (ipc_complete(ipc, msg))
			deliver_met(user, ipc_take_fd(msg));
		break;
	case IPC_DELIVER_NONE:
		user = ipc_get_slice(msg);
		permanent = ipc_get_u8(msg) != 0;
		why = ipc_get_slice(msg);
		if (ipc_complete(ipc, msg))
			deliver_none(user, permanent, why);
		break;
	default:
		log_warnx("unexpected %s", ipc_type_name(msg->type));
	}
}

static void
from_smtp(struct ipc *ipc, struct ipc_msg *msg)
{
	struct ipc_commit	 c;
	struct slice		 piece;
	uint32_t		 msgid;

	switch (msg->type) {
	case IPC_LEASE_WANT:
		commit_lease();
		break;
	case IPC_CONTENT:
		msgid = ipc_get_u32(msg);
		piece = ipc_get_slice(msg);
		if (ipc_complete(ipc, msg))
			commit_content(msgid, piece);
		break;
	case IPC_COMMIT:
		if (ipc_get_commit(ipc, msg, &c))
			commit_begin(&c);
		break;
	case IPC_DISCARD:
		msgid = ipc_get_u32(msg);
		if (ipc_complete(ipc, msg))
			commit_discard(msgid);
		break;
	default:
		log_warnx("unexpected %s", ipc_type_name(msg->type));
	}
}

void
queue_message(enum process peer, struct ipc *ipc, struct ipc_msg *msg)
{
	struct ipc_envelope	 e;

	if (msg == NULL)
		peer_lost(peer, ipc);
	else if (peer == PROC_PARENT)
		from_parent(ipc, msg);
	else if (peer == PROC_SMTP && ipc == queue_smtp)
		from_smtp(ipc, msg);
	else if (peer == PROC_LOOKUP && msg->type == IPC_ENVELOPE) {
		if (ipc_get_envelope(ipc, msg, &e))
			commit_envelope(&e);
	} else
		log_warnx("unexpected %s", ipc_type_name(msg->type));
}

/* -- stop -- */

static void
patience_cb(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	/* At the end of the turn: others of it may still need the spool. */
	impatient = true;
}

/* At the end of a turn. */
static void
stop_when_done(void)
{
	bool	 done = !commit_pending() && deliver_running() == 0;

	if (!queue_stopping || (!done && !impatient))
		return;
	if (!done)
		log_warnx("%zu jobs are not done, they are tried again after the next start",
		    deliver_running());
	spool_close(queue_spool);
	queue_spool = NULL;
	loop_stop();
}

void
queue_stop(void)
{
	struct timeval	 tv = { STOP_PATIENCE, 0 };

	if (queue_stopping)
		return;
	queue_stopping = true;
	evtimer_assign(&patience, loop_base, patience_cb, NULL);
	event_add(&patience, &tv);
}
