/* SPDX-License-Identifier: ISC */
/*
 * Names of the DNS, as text and as they are on the wire.  Nothing that a
 * message says is believed: pointers lead backwards only, and a name ends
 * after 255 bytes (RFC 1035 2.3.4, 4.1.4).
 */
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "lib/dns_name.h"

#define LABEL_MAX	63

static uint8_t
lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c;
}

size_t
dns_name_wire(const char *text, uint8_t wire[DNS_WIRE_MAX])
{
	size_t	 used = 0, n, i;

	do {
		n = strcspn(text, ".");
		if (n == 0 || n > LABEL_MAX || used + 1 + n + 1 > DNS_WIRE_MAX)
			return 0;
		wire[used++] = (uint8_t)n;
		for (i = 0; i < n; i++)
			wire[used++] = lower((uint8_t)text[i]);
		text += n;
		if (*text == '.')
			text++;
	} while (*text != '\0');
	wire[used++] = 0;
	return used;
}

size_t
dns_name_read(const uint8_t *msg, size_t n, size_t at, uint8_t wire[DNS_WIRE_MAX], size_t *len)
{
	size_t	 used = 0, behind = 0, before = at, size, i;

	for (;;) {
		if (at >= n)
			return 0;
		if ((msg[at] & 0xc0) == 0xc0) {
			if (at + 2 > n)
				return 0;
			if (behind == 0)
				behind = at + 2;
			at = (size_t)(msg[at] & 0x3f) << 8 | msg[at + 1];
			/* Ever further back: no circle. */
			if (at >= before)
				return 0;
			before = at;
			continue;
		}
		size = msg[at];
		if (size > LABEL_MAX || at + 1 + size > n || used + 1 + size > DNS_WIRE_MAX)
			return 0;
		/* A size is below 'A': it has no case. */
		for (i = 0; i <= size; i++)
			wire[used++] = lower(msg[at + i]);
		at += 1 + size;
		if (size == 0)
			break;
	}
	*len = used;
	return behind == 0 ? at : behind;
}

size_t
dns_name_skip(const uint8_t *msg, size_t n, size_t at)
{
	while (at < n) {
		if ((msg[at] & 0xc0) == 0xc0)
			return at + 2 > n ? 0 : at + 2;
		if (msg[at] > LABEL_MAX)
			return 0;
		if (msg[at] == 0)
			return at + 1;
		at += 1 + (size_t)msg[at];
	}
	return 0;
}

int
dns_name_text(const uint8_t *wire, char text[DNS_NAME_MAX + 1])
{
	size_t	 used = 0;
	uint8_t	 n, c;

	for (; (n = *wire++) != 0; text[used++] = '.')
		for (; n > 0; n--) {
			c = *wire++;
			if (c <= ' ' || c >= 0x7f || c == '.' || c == '\\')
				return 0;
			text[used++] = (char)c;
		}
	text[used == 0 ? 0 : used - 1] = '\0';
	return 1;
}

int
dns_name_is_host(const char *text)
{
	const char	*last = text, *p;

	for (p = text; *p != '\0'; p++)
		if (*p == '.') {
			/* "a.", "a..b", ".a" */
			if (p == last)
				return 0;
			last = p + 1;
		} else if (!(*p >= 'a' && *p <= 'z') && !(*p >= 'A' && *p <= 'Z') &&
		    !(*p >= '0' && *p <= '9') && *p != '-' && *p != '_')
			return 0;
	return *last != '\0' && p - text <= DNS_WIRE_MAX - 2 && *text != '-' &&
	    strspn(last, "0123456789") != strlen(last);
}

int
dns_name_reverse(const struct sockaddr *sa, char text[DNS_NAME_MAX + 1])
{
	static const char	 hex[] = "0123456789abcdef";
	const uint8_t		*b;
	int			 i;

	if (sa->sa_family == AF_INET)
		b = (const uint8_t *)&((const struct sockaddr_in *)(const void *)sa)->sin_addr;
	else if (sa->sa_family == AF_INET6) {
		const struct in6_addr	*in6 =
		    &((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr;

		b = in6->s6_addr + (IN6_IS_ADDR_V4MAPPED(in6) ? 12 : 0);
		if (!IN6_IS_ADDR_V4MAPPED(in6)) {
			for (i = 15; i >= 0; i--) {
				*text++ = hex[b[i] & 15];
				*text++ = '.';
				*text++ = hex[b[i] >> 4];
				*text++ = '.';
			}
			memcpy(text, "ip6.arpa", sizeof("ip6.arpa"));
			return 1;
		}
	} else
		return 0;
	snprintf(text, DNS_NAME_MAX + 1, "%u.%u.%u.%u.in-addr.arpa", b[3], b[2], b[1], b[0]);
	return 1;
}
