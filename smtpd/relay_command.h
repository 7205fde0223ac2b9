/* SPDX-License-Identifier: ISC */
#ifndef SMTPD_RELAY_COMMAND_H
#define SMTPD_RELAY_COMMAND_H

/*
 * The words of a transaction.  relay process, between relay_tx.c and
 * relay_command.c.
 */
#include "smtpd/dsn.h"
#include "smtpd/relay.h"

#define COMMAND_SIZE	(2 * 1024 + DSN_ORCPT_MAX)

/*
 * Sets c->sender: mail-from ADDRESS or @DOMAIN replaces it, srs rewrites it, null
 * stays null.  -1: it would become too long.
 */
int	command_sender(struct conn *);
/* Answers those whom the server offers too little for.  Mail is never changed to fit. */
void	command_judge(struct conn *);
void	command_refuse_all(struct conn *, const char *why);
bool	command_needs_utf8(const struct conn *);
/* Command number i of the transaction, without CRLF; what is sent is what is reported. */
struct slice	command_text(const struct conn *, uint32_t i, char *buf, size_t size);

#endif
