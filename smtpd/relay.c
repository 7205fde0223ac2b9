/* SPDX-License-Identifier: ISC */
/*
 * The relay process: its peers and their messages.
 */
#include "smtpd/log.h"
#include "smtpd/loop.h"
#include "smtpd/proc.h"
#include "smtpd/report_remote.h"

void
relay_main(void)
{
	report_remote_init();
}

void
relay_peer(enum process peer, struct ipc *ipc, const char *instance)
{
	(void)instance;
	if (peer == PROC_SMTP)
		report_remote_peer(ipc);
}

void
relay_message(enum process peer, struct ipc *ipc, struct ipc_msg *msg)
{
	(void)ipc;
	if (msg != NULL)
		log_warnx("unexpected %s", ipc_type_name(msg->type));
	else if (peer == PROC_SMTP)
		report_remote_peer(NULL);
}

void
relay_stop(void)
{
	loop_stop();
}
