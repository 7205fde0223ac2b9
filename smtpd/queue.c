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

#include "lib/nitems.h"
#include "smtpd/log.h"
#include "smtpd/loop.h"
#include "smtpd/proc.h"
#include "smtpd/queue.h"
#include "smtpd/queue_bounce.h"
#include "smtpd/report_remote.h"

#define TICK		10	/* seconds: time limits, room in the spool */
#define FATE_FLUSH	1	/* seconds until a fate is durable */
#define FATE_RETRY	10	/* after a flush that failed */
#define SMTP_BACKLOG	(16 * 1024 * 1024) /* bytes of answers that smtp may leave unread */
#define STOP_PATIENCE	20	/* seconds that running jobs have at the end */

struct spool	*queue_spool;
struct ipc	*queue_smtp, *queue_lookup;
bool		 queue_stopping;

static struct event	 tick, due, fates, again, patience;
static bool		 fates_due, flush_failed, impatient;

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

/* Clocks may have been set since: no time is later than it can be. */
static void
restore(struct envelope *e, const struct spool_rcpt *r)
{
	int64_t	 now = queue_now(), wait = r->next - now;

	if (e->msg->arrival > now)
		e->msg->arrival = now;
	if (wait > FATE_BACKOFF_MAX)
		wait = FATE_BACKOFF_MAX;
	e->attempts = r->attempts;
	e->warned = bounce_warnings(now - e->msg->arrival);
	e->next = wait > 0 ? now + wait : now;
	e->due = wait > 0 ? loop_mono() + (uint64_t)wait * SECOND : 0;
}

static void
take_back(struct message *m, const struct spool_message *sm)
{
	uint32_t	 i;

	m->recno = sm->recno;
	/* The last to go would take the message along: it stays for the others. */
	for (i = 0; i < m->n; i++)
		if (sm->rcpt[i].state == SPOOL_WAITING) {
			restore(m->env[i], &sm->rcpt[i]);
			sched_add(m->env[i]);
		}
	for (i = 0; i < sm->nrcpt; i++)
		if (sm->rcpt[i].state != SPOOL_WAITING)
			message_settle(m->env[i]);
}

static void
recovered(void *arg, const struct spool_message *sm)
{
	struct message	*m = envelope_decode(sm->envelope);

	(void)arg;
	if (m == NULL || m->n != sm->nrcpt || m->size != sm->size ||
	    message_find(m->msgid) != NULL || message_enlist(m) == -1) {
		log_warnx("spool: record %" PRIu64 " holds no envelopes of ours, left alone",
		    sm->recno);
		if (m != NULL)
			message_free(m);
		return;
	}
	take_back(m, sm);
}

/* -- timers and turns -- */

static void
tick_cb(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	if (queue_spool == NULL)
		return;
	deliver_check_time();
	queue_relay_check_time();
	commit_check_time();
	flush_failed = false;	/* the spool is worth another try */
}

static void
turn_cb(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;	/* only to have another turn */
	(void)what;
	(void)arg;
}

static void
fates_cb(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	fates_due = true;
}

static void
timer_in(struct event *ev, uint64_t ns)
{
	const struct timeval	 tv = {
		.tv_sec = (time_t)(ns / SECOND),
		.tv_usec = (suseconds_t)((ns % SECOND + 999) / 1000),
	};

	event_add(ev, &tv);
}

void
queue_fates_waiting(void)
{
	if (!event_pending(&fates, EV_TIMEOUT, NULL))
		timer_in(&fates, FATE_FLUSH * SECOND);
}

void
queue_turn_again(void)
{
	timer_in(&again, 0);
}

/* Wakes us when an envelope, a route or a notification may go on. */
static void
set_due(void)
{
	const uint64_t	 dues[] = { sched_due(), route_due(), bounce_due() };
	uint64_t	 first = 0;
	size_t		 i;

	for (i = 0; i < nitems(dues); i++)
		if (first == 0 || (dues[i] != 0 && dues[i] < first))
			first = dues[i];

	if (first == 0 || queue_stopping)
		event_del(&due);
	else
		timer_in(&due, first > loop_mono() ? first - loop_mono() : 0);
}

static void
flush(void)
{
	if (commit_flush(fates_due) == -1) {
		flush_failed = true;
		timer_in(&fates, FATE_RETRY * SECOND);
	} else if (spool_dirty(queue_spool) == 0) {
		flush_failed = false;
		event_del(&fates);
	} else
		queue_fates_waiting();
	fates_due = false;
}

/* The fates of this turn: a kill must not repeat what was delivered. */
static void
write_fates(void)
{
	if (!flush_failed && spool_write(queue_spool) == -1) {
		flush_failed = true;
		timer_in(&fates, FATE_RETRY * SECOND);
	}
}

/* A piece of the spool's housekeeping a turn; what it moved is flushed in the next. */
static void
housekeep(void)
{
	if (!flush_failed && spool_work(queue_spool) == 1) {
		fates_due = spool_dirty(queue_spool) != 0;
		queue_turn_again();
	}
	commit_tell_space();
}

static void
finish_if_done(void)
{
	bool	 done = !commit_pending() && sched_count().running == 0;

	if (!done && !impatient)
		return;
	if (!done)
		log_warnx("%zu jobs are not done, they are tried again after the next start",
		    sched_count().running);
	spool_close(queue_spool);
	queue_spool = NULL;
	loop_stop();
}

/* Who asked is answered, then routes are fed. */
static void	check_smtp(void);

static void
end_of_turn(void)
{
	if (queue_spool == NULL)
		return;
	bounce_turn();
	flush();
	check_smtp();
	deliver_turn();
	queue_relay_turn();
	write_fates();
	housekeep();
	set_due();
	if (queue_stopping)
		finish_if_done();
}

void
queue_main(void)
{
	const struct spool_options opt = { .note = note, .recovered = recovered };
	int			 fd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd == -1)
		fatal("open spool directory %s", proc_conf->spool);
	event_assign(&tick, loop_base, -1, EV_PERSIST, tick_cb, NULL);
	evtimer_assign(&due, loop_base, turn_cb, NULL);
	evtimer_assign(&again, loop_base, turn_cb, NULL);
	evtimer_assign(&fates, loop_base, fates_cb, NULL);
	if ((queue_spool = spool_open(fd, &opt)) == NULL)
		fatal("open spool in %s", proc_conf->spool);
	if (message_count() > 0)
		log_info("%zu messages are in the spool", message_count());
	timer_in(&tick, TICK * SECOND);
	loop_at_end(end_of_turn);
	/* Behind that: what a turn reports follows what it answered. */
	report_remote_init();
	queue_stats_init();
}

/* -- peers -- */

static void
lookup_lost(void)
{
	commit_lookup_lost();
	update_lookup_lost();
}

void
queue_peer(enum process peer, struct ipc *ipc, const char *instance)
{
	(void)instance;
	if (queue_spool == NULL)
		return;
	if (peer == PROC_SMTP) {
		if (queue_smtp != NULL)
			commit_smtp_lost();
		queue_smtp = ipc;
		commit_smtp_met();
		report_remote_peer(ipc);
	} else if (peer == PROC_LOOKUP) {
		/* What the old one still sent counts, what it did not is lost. */
		if (queue_lookup != NULL)
			ipc_drain(queue_lookup);
		if (queue_lookup != NULL)
			lookup_lost();
		queue_lookup = ipc;
	} else if (peer == PROC_RELAY) {
		queue_relay_drain();
		queue_relay_met(ipc);
	}
}

static void
peer_lost(enum process peer, const struct ipc *ipc)
{
	if (peer == PROC_SMTP && ipc == queue_smtp) {
		queue_smtp = NULL;
		report_remote_peer(NULL);
		commit_smtp_lost();
	} else if (peer == PROC_LOOKUP && ipc == queue_lookup) {
		queue_lookup = NULL;
		lookup_lost();
	} else if (peer == PROC_RELAY && queue_relay_is(ipc))
		queue_relay_met(NULL);
}

/* An smtp that asks and does not read the answers is not waited for. */
static void
check_smtp(void)
{
	struct ipc	*ipc = queue_smtp;

	if (ipc == NULL || ipc_backlog(ipc) < SMTP_BACKLOG)
		return;
	log_warnx("smtp does not read its answers, left alone");
	peer_lost(PROC_SMTP, ipc);
	ipc_free(ipc);
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

/* A notification would never end if smtp could end its transaction. */
static bool
is_of_smtp(uint32_t msgid)
{
	if (!commit_is_own(msgid))
		return true;
	log_warnx("smtp names message %08x, which is a notification", msgid);
	return false;
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
		if (ipc_get_commit(ipc, msg, &c) && is_of_smtp(c.msgid))
			commit_begin(&c);
		break;
	case IPC_DISCARD:
		msgid = ipc_get_u32(msg);
		if (ipc_complete(ipc, msg) && is_of_smtp(msgid))
			commit_discard(msgid);
		break;
	default:
		log_warnx("unexpected %s", ipc_type_name(msg->type));
	}
}

/* The recipient of a notification: n envelopes came before. */
static void
verdict(struct ipc *ipc, struct ipc_msg *msg)
{
	uint32_t	 msgid, serial, n;
	uint8_t		 v;

	ipc_get_u64(msg);
	msgid = ipc_get_u32(msg);
	serial = ipc_get_u32(msg);
	v = ipc_get_u8(msg);
	ipc_get_u32(msg);
	n = ipc_get_u32(msg);
	if (msg->bad || v > VERDICT_ERROR || msg->data.n != n * sizeof(uint64_t)) {
		msg->bad = true;
		ipc_complete(ipc, msg);
		return;
	}
	bounce_verdict(msgid, serial, v, n);
}

static void
from_lookup(struct ipc *ipc, struct ipc_msg *msg)
{
	struct ipc_envelope	 e;

	switch (msg->type) {
	case IPC_ENVELOPE:
		if (ipc_get_envelope(ipc, msg, &e))
			commit_envelope(&e);
		break;
	case IPC_VERDICT:
		verdict(ipc, msg);
		break;
	case IPC_UPDATED:
		update_answered(ipc, msg);
		break;
	default:
		log_warnx("unexpected %s", ipc_type_name(msg->type));
	}
}

void
queue_message(enum process peer, struct ipc *ipc, struct ipc_msg *msg)
{
	if (queue_spool == NULL)
		return;
	if (msg == NULL)
		peer_lost(peer, ipc);
	else if (peer == PROC_PARENT)
		from_parent(ipc, msg);
	else if (peer == PROC_SMTP && ipc == queue_smtp)
		from_smtp(ipc, msg);
	else if (peer == PROC_LOOKUP && ipc == queue_lookup)
		from_lookup(ipc, msg);
	else if (peer == PROC_RELAY && queue_relay_is(ipc))
		queue_relay_heard(ipc, msg);
	else
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

void
queue_stop(void)
{
	if (queue_stopping)
		return;
	queue_stopping = true;
	evtimer_assign(&patience, loop_base, patience_cb, NULL);
	timer_in(&patience, STOP_PATIENCE * SECOND);
}
