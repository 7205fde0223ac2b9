/* SPDX-License-Identifier: ISC */
#ifndef LIB_DNS_NAME_H
#define LIB_DNS_NAME_H

/*
 * Names of the DNS, as text and as they are on the wire.  A wire name here is
 * uncompressed and in lower case, so that two are the same if their bytes are.
 */
#include <sys/types.h>
#include <sys/socket.h>

#include <stddef.h>
#include <stdint.h>

#include "lib/dns.h"

#define DNS_WIRE_MAX	255

/* The wire form of text, with or without the final dot; its length, 0: no name. */
size_t	dns_name_wire(const char *text, uint8_t wire[DNS_WIRE_MAX]);
/*
 * Reads the name at an offset of a message of n bytes and follows pointers.
 * The offset behind it, 0 if it is broken; *len is the length of wire.
 */
size_t	dns_name_read(const uint8_t *msg, size_t n, size_t at, uint8_t wire[DNS_WIRE_MAX], size_t *len);
/* The offset behind the name, which is not looked into; 0: broken. */
size_t	dns_name_skip(const uint8_t *msg, size_t n, size_t at);
/* 1: the wire name as text without final dot; 0: it has a byte that is not shown so. */
int	dns_name_text(const uint8_t *wire, char text[DNS_NAME_MAX + 1]);
/* Letters, digits, hyphens and underscores in labels; not an address, no hyphen first. */
int	dns_name_is_host(const char *text);
/* The name of an address in the reverse tree (v4-mapped: that of the IPv4 address); 0: another family. */
int	dns_name_reverse(const struct sockaddr *, char text[DNS_NAME_MAX + 1]);

#endif
