/* SPDX-License-Identifier: ISC */
#ifndef LIB_DNS_PARSE_H
#define LIB_DNS_PARSE_H

/*
 * The message to a server and the answer of one (RFC 1035 4).
 */
#include "lib/dns_name.h"
#include "lib/dns_set.h"

#define DNS_QUERY_MAX	(12 + DNS_WIRE_MAX + 4)

/* The message that asks; its length, 0: no name. */
size_t	dns_query_make(uint8_t msg[DNS_QUERY_MAX], uint16_t id, const char *name, enum dns_type);
/*
 * Reads the answer to that question: it is TEMPFAIL with an error if it is
 * broken, the answer to another question or one of the server's own errors.
 */
void	dns_parse(struct dns_found *, const uint8_t *msg, size_t n, const char *name, enum dns_type);

#endif
