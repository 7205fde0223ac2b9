/* SPDX-License-Identifier: ISC */
#ifndef LIB_ADDR_H
#define LIB_ADDR_H

/*
 * Addresses of the ends of a session, as the report language writes them:
 * "192.0.2.1:25", "[2001:db8::1]:25", "unix:/path", and the older
 * "IPv6:2001:db8::1:25", "local:0", "local", ":0" (smtpd-report(7)).
 */
#include <sys/types.h>
#include <sys/socket.h>

#include <stdbool.h>

#include "lib/slice.h"

#define ADDR_MAX	128	/* longest text, NUL included */

/* The newest form of an IPv4 or IPv6 address in buf; its length, 0 for another family. */
size_t	addr_text(const struct sockaddr *, char *buf, size_t size);
/* Is it an IPv4 or IPv6 address, and nothing else: no brackets, no port? */
bool	addr_is_ip(struct slice);
/*
 * Host and port of any form; host without brackets or "IPv6:", port empty
 * where there is none.  For a socket: "local" and nothing.  The slices point
 * into text or are constants.
 */
void	addr_split(struct slice text, struct slice *host, struct slice *port);
/*
 * The address in a text of any form, or in one without a port, and in *host its
 * text; its port is 0, its zone too.  0, or -1 if it has none.
 */
int	addr_parse(struct slice text, struct slice *host, struct sockaddr_storage *);
/* The newest form in the form of dialect 1; points into text or buf (at least ADDR_MAX). */
struct slice	addr_founding(struct slice text, char *buf, size_t size);

#endif
