/* SPDX-License-Identifier: ISC */
#ifndef SMTPD_SMTP_LINES_H
#define SMTPD_SMTP_LINES_H

/*
 * Report lines of queue and relay on their way to the bus: in order, and with
 * a gap where one of the two has died.  smtp process.
 */
#include "smtpd/proc.h"

struct ipc;
struct ipc_msg;

/* This process, or a peer of it, is there, perhaps in the place of one that died. */
void	lines_init(void);
void	lines_peer(enum process);
/* An IPC_REPORT of a peer. */
void	lines_take(enum process, struct ipc *, struct ipc_msg *);

#endif
