/* SPDX-License-Identifier: ISC */
#ifndef SMTPD_RELAY_CONTENT_H
#define SMTPD_RELAY_CONTENT_H

/*
 * The content of a message on its way to a server: after DATA, or in BDATs.
 * relay process, between relay_tx.c and relay_content.c.
 */
#include "smtpd/relay.h"

/* Sends it from its beginning; the connection is in CONTENT, then in DOT. */
void	content_begin(struct conn *);
/* Reads large content, to see what is in it; relay_tx_scanned() follows. */
void	content_scan(struct conn *);
void	relay_tx_scanned(struct conn *);
/* The command of a BDAT that has no reply yet, 0 the oldest. */
size_t	content_bdat_command(const struct conn *, uint32_t i, char *buf, size_t size);
/* A reply to a BDAT: true if it was dealt with, false if it ends the content. */
bool	content_chunk_reply(struct conn *, const struct relay_reply *);

#endif
