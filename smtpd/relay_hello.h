/* SPDX-License-Identifier: ISC */
#ifndef SMTPD_RELAY_HELLO_H
#define SMTPD_RELAY_HELLO_H

/*
 * What is said before a connection is ready for mail.  relay process, between
 * relay_conn.c and relay_hello.c.
 */
#include "smtpd/relay.h"

/* Connected, and the remote's name is known as far as it will be. */
void	hello_begin(struct conn *);
void	hello_secured(struct conn *);
/* lookup said what our address is called; SLICE_NONE: nothing. */
void	hello_named(struct conn *, struct slice);

void	hello_banner_reply(struct conn *, const struct relay_reply *);
void	hello_ehlo_reply(struct conn *, const struct relay_reply *);
void	hello_helo_reply(struct conn *, const struct relay_reply *);
void	hello_starttls_reply(struct conn *, const struct relay_reply *);
void	hello_auth_reply(struct conn *, const struct relay_reply *);

/* The host does not want us: the next is tried, this one hears QUIT. */
void	conn_refused(struct conn *, enum job_result, struct slice reply);

#endif
