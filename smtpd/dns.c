/* SPDX-License-Identifier: ISC */
/*
 * The dns process: its peers and their questions.
 */
#include "smtpd/log.h"
#include "smtpd/loop.h"
#include "smtpd/proc.h"

void
dns_main(void)
{
}

void
dns_peer(enum process peer, struct ipc *ipc, const char *instance)
{
	(void)peer;
	(void)ipc;
	(void)instance;
}

void
dns_message(enum process peer, struct ipc *ipc, struct ipc_msg *msg)
{
	(void)peer;
	(void)ipc;
	if (msg != NULL)
		log_warnx("unexpected %s", ipc_type_name(msg->type));
}

void
dns_stop(void)
{
	loop_stop();
}
