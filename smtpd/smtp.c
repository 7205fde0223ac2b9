/* SPDX-License-Identifier: ISC */
/*
 * The smtp process: its peers and their messages.
 */
#include <event2/event.h>

#include "smtpd/log.h"
#include "smtpd/loop.h"
#include "smtpd/proc.h"
#include "smtpd/smtp.h"
#include "smtpd/smtp_bus.h"
#include "smtpd/smtp_chain.h"
#include "smtpd/smtp_filter.h"
#include "smtpd/smtp_condition.h"
#include "smtpd/smtp_lines.h"
#include "smtpd/smtp_peers.h"
#include "smtpd/smtp_stats.h"

struct ipc	*smtp_auth;
struct ipc	*smtp_dns;
struct ipc	*smtp_lookup;
struct ipc	*smtp_queue;

#define BUS_PATIENCE	5	/* seconds for reporters to read the rest */

static bool		 stopping;
static struct event	 patience;

static void
bus_pause(bool paused)
{
	(void)paused;
	session_run_all();
}

static void
patience_cb(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	loop_stop();
}

/* Sessions that wait for the queue keep the process, and lines not yet read. */
static void
stop_when_done(void)
{
	struct timeval	 tv = { BUS_PATIENCE, 0 };

	if (!stopping || session_count() > 0)
		return;
	if (bus_idle())
		loop_stop();
	else if (!event_initialized(&patience)) {
		evtimer_assign(&patience, loop_base, patience_cb, NULL);
		event_add(&patience, &tv);
	}
}

void
smtp_main(void)
{
	/* Filters think while clients are answered; what that leads to is told them after it. */
	loop_at_end(filters_flush);
	io_init(proc_conf->idle);
	bus_init(bus_pause);
	stats_init();
	lines_init();
	chains_init();
	filters_init();
	loop_at_end(filters_flush);
	loop_at_end(stop_when_done);
}

void
smtp_peer(enum process peer, struct ipc *ipc, const char *instance)
{
	(void)instance;
	if (peer == PROC_DNS)
		smtp_dns = ipc;
	else if (peer == PROC_LOOKUP)
		smtp_lookup = ipc;
	else if (peer == PROC_AUTH)
		smtp_auth = ipc;
	else if (peer == PROC_QUEUE) {
		smtp_queue = ipc;
		tx_queue_met();
	}
	lines_peer(peer);
}

static void
peer_lost(enum process peer, struct ipc *ipc)
{
	if (peer == PROC_DNS && ipc == smtp_dns) {
		smtp_dns = NULL;
		session_dns_lost();
	} else if (peer == PROC_LOOKUP && ipc == smtp_lookup) {
		smtp_lookup = NULL;
		session_lookup_lost();
	} else if (peer == PROC_AUTH && ipc == smtp_auth) {
		smtp_auth = NULL;
		auth_lost();
	} else if (peer == PROC_QUEUE && ipc == smtp_queue) {
		smtp_queue = NULL;
		tx_queue_lost();
	}
}

static void
from_parent(struct ipc *ipc, struct ipc_msg *msg)
{
	struct slice	 name, cert, key;
	uint32_t	 index, life;
	int		 fd;

	switch (msg->type) {
	case IPC_LISTENER:
		index = ipc_get_u32(msg);
		name = ipc_get_slice(msg);
		if (ipc_complete(ipc, msg))
			listener_add(index, name, ipc_take_fd(msg));
		break;
	case IPC_PKI:
		name = ipc_get_slice(msg);
		cert = ipc_get_slice(msg);
		key = ipc_get_slice(msg);
		if (ipc_complete(ipc, msg))
			smtp_tls_add(name, cert, key);
		break;
	case IPC_PROC_STDIN:
		index = ipc_get_u32(msg);
		life = ipc_get_u32(msg);
		fd = ipc_take_fd(msg);
		if (filter_open(index, life, fd) == -1)
			bus_proc_stdin(index, life, fd);
		break;
	case IPC_PROC_OUTPUT:
		index = ipc_get_u32(msg);
		fd = ipc_take_fd(msg);
		if (filter_output(index, fd) == -1)
			bus_proc_output(index, fd);
		break;
	case IPC_PROC_ERRORS:
		index = ipc_get_u32(msg);
		filter_errors(index, ipc_take_fd(msg));
		break;
	default:
		log_warnx("unexpected %s", ipc_type_name(msg->type));
	}
}

static void
from_lookup(struct ipc *ipc, struct ipc_msg *msg)
{
	uint64_t	 session = ipc_get_u64(msg);
	uint32_t	 msgid = ipc_get_u32(msg);
	uint32_t	 serial = ipc_get_u32(msg);
	uint8_t		 verdict = ipc_get_u8(msg);
	uint32_t	 rule = ipc_get_u32(msg);
	uint32_t	 n = ipc_get_u32(msg);

	if (msg->bad || verdict > VERDICT_ERROR ||
	    msg->data.n != n * sizeof(uint64_t)) {
		msg->bad = true;
		ipc_complete(ipc, msg);
		return;
	}
	session_verdict(session, msgid, serial, verdict, rule, msg, n);
}

static void
from_auth(struct ipc *ipc, struct ipc_msg *msg)
{
	uint64_t	 session = ipc_get_u64(msg);
	uint32_t	 serial = ipc_get_u32(msg);
	uint8_t		 result = ipc_get_u8(msg);

	msg->bad |= result > LOGIN_ERROR;
	if (ipc_complete(ipc, msg))
		auth_answer(session, serial, result);
}

/* A message that was accepted for an smtp that died before it could say so. */
static void
orphan(struct ipc *ipc, struct ipc_msg *msg)
{
	struct report_source	 source = {
		.subsystem = SUBSYSTEM_SMTP_IN, .session = ipc_get_u64(msg),
	};
	uint32_t		 msgid = ipc_get_u32(msg);
	uint64_t		 size = ipc_get_u64(msg);

	if (!ipc_complete(ipc, msg))
		return;
	report_tx_commit(&source, msgid, size);
	report_tx_reset(&source, msgid);
}

static void
from_queue(struct ipc *ipc, struct ipc_msg *msg)
{
	uint32_t	 a, b;

	switch (msg->type) {
	case IPC_LEASE:
		a = ipc_get_u32(msg);
		b = ipc_get_u32(msg);
		if (ipc_complete(ipc, msg))
			tx_lease(a, b);
		break;
	case IPC_WINDOW:
		a = ipc_get_u32(msg);
		if (ipc_complete(ipc, msg))
			content_refill(a);
		break;
	case IPC_SPACE:
		tx_space(ipc_get_u8(msg) != 0);
		break;
	case IPC_COMMITTED:
		a = ipc_get_u32(msg);
		b = ipc_get_u8(msg);
		msg->bad |= b > COMMIT_REFUSED;
		if (ipc_complete(ipc, msg))
			session_committed(a, b);
		break;
	case IPC_ORPHAN:
		orphan(ipc, msg);
		break;
	default:
		log_warnx("unexpected %s", ipc_type_name(msg->type));
	}
}

void
smtp_message(enum process peer, struct ipc *ipc, struct ipc_msg *msg)
{
	if (msg == NULL)
		peer_lost(peer, ipc);
	else if (peer == PROC_PARENT)
		from_parent(ipc, msg);
	else if (msg->type == IPC_REPORT)
		lines_take(peer, ipc, msg);
	else if (peer == PROC_DNS && msg->type == IPC_RESOLVED)
		name_answer(ipc, msg);
	else if (peer == PROC_LOOKUP && msg->type == IPC_HELD)
		condition_answer(ipc, msg);
	else if (peer == PROC_LOOKUP && msg->type == IPC_VERDICT)
		from_lookup(ipc, msg);
	else if (peer == PROC_AUTH && msg->type == IPC_LOGGED_IN)
		from_auth(ipc, msg);
	else if (peer == PROC_QUEUE)
		from_queue(ipc, msg);
	else
		log_warnx("unexpected %s", ipc_type_name(msg->type));
}

/* What waits for the queue is answered; the others hear 421. */
void
smtp_stop(void)
{
	stopping = true;
	listener_close_all();
	session_close_all();
}
