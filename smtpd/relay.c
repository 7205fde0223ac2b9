/* SPDX-License-Identifier: ISC */
/*
 * The relay process: its peers and their messages.
 */
#include "smtpd/log.h"
#include "smtpd/loop.h"
#include "smtpd/proc.h"
#include "smtpd/relay.h"
#include "smtpd/report_remote.h"

#define IO_IDLE		3600	/* seconds; connections have their own, shorter times */

struct ipc	*relay_queue;

static bool	 stopping;

/* An end-of-turn hook: what ended in this turn is freed, and perhaps it was the last. */
static void
reap(void)
{
	conn_reap();
	dest_reap();
	if (stopping && conn_count() == 0)
		loop_stop();
}

void
relay_main(void)
{
	io_init(IO_IDLE);
	report_remote_init();
	relay_query_init();
	loop_at_end(reap);
}

void
relay_peer(enum process peer, struct ipc *ipc, const char *instance)
{
	(void)instance;
	switch (peer) {
	case PROC_SMTP:
		report_remote_peer(ipc);
		break;
	case PROC_QUEUE:
		relay_queue = ipc;
		break;
	case PROC_LOOKUP:
	case PROC_DNS:
		relay_query_peer(peer, ipc);
		break;
	default:
		log_warnx("a peer that relay has nothing to say to");
	}
}

/* Its jobs went with it: the next queue will give them to another relay. */
static void
peer_lost(enum process peer, struct ipc *ipc)
{
	switch (peer) {
	case PROC_SMTP:
		report_remote_peer(NULL);
		break;
	case PROC_QUEUE:
		if (ipc != relay_queue)
			break;
		stopping = true;
		relay_queue = NULL;
		dest_stop();
		conn_stop(true);
		break;
	case PROC_LOOKUP:
	case PROC_DNS:
		relay_query_peer(peer, NULL);
		break;
	default:
		break;
	}
}

void
relay_message(enum process peer, struct ipc *ipc, struct ipc_msg *msg)
{
	if (msg == NULL) {
		peer_lost(peer, ipc);
		return;
	}
	switch (msg->type) {
	case IPC_RELAY:
		relay_job_add(ipc, msg);
		break;
	case IPC_FETCHED:
		relay_job_fetched(ipc, msg);
		break;
	case IPC_RESOLVED:
		relay_resolved(ipc, msg);
		break;
	case IPC_ANSWER:
		relay_answered(ipc, msg);
		break;
	case IPC_CA:
		relay_tls_ca(ipc, msg);
		break;
	case IPC_PKI:
		relay_tls_pki(ipc, msg);
		break;
	default:
		log_warnx("unexpected %s", ipc_type_name(msg->type));
	}
}

/* What may have been taken already is waited for; the rest stays in the queue as it is. */
void
relay_stop(void)
{
	stopping = true;
	dest_stop();
	conn_stop(false);
	loop_again();
}
