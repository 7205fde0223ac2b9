/* SPDX-License-Identifier: ISC */
#ifndef SMTPD_SMTP_PEERS_H
#define SMTPD_SMTP_PEERS_H

/* The channels of the smtp process; NULL while the peer is down. */
struct ipc;

extern struct ipc	*smtp_auth;
extern struct ipc	*smtp_dns;
extern struct ipc	*smtp_lookup;
extern struct ipc	*smtp_queue;

#endif
