/* SPDX-License-Identifier: ISC */
#ifndef SMTPD_IPC_TABLE_H
#define SMTPD_IPC_TABLE_H

/*
 * The table of messages, as ipc.c checks each against it.
 */
#include "smtpd/ipc.h"

struct ipc_row {
	const char	*name;
	unsigned	 sender, receiver;	/* bits 1 << process */
	size_t		 min, max;		/* bytes of payload */
	bool		 fd;			/* it carries a descriptor */
};
extern const struct ipc_row ipc_rows[IPC_MAX];

#endif
