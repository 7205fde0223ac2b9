/* SPDX-License-Identifier: ISC */
/*
 * Texts of socket addresses.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>

#include "lib/addr.h"

size_t
addr_text(const struct sockaddr *sa, char *buf, size_t size)
{
	const struct sockaddr_in	*in;
	const struct sockaddr_in6	*in6;
	char				 host[INET6_ADDRSTRLEN];
	int				 n = 0;

	if (size > 0)
		buf[0] = '\0';
	if (sa->sa_family == AF_INET) {
		in = (const struct sockaddr_in *)(const void *)sa;
		inet_ntop(AF_INET, &in->sin_addr, host, sizeof(host));
		n = snprintf(buf, size, "%s:%u", host, ntohs(in->sin_port));
	} else if (sa->sa_family == AF_INET6) {
		in6 = (const struct sockaddr_in6 *)(const void *)sa;
		inet_ntop(AF_INET6, &in6->sin6_addr, host, sizeof(host));
		n = snprintf(buf, size, "[%s]:%u", host, ntohs(in6->sin6_port));
	}
	return n < 0 || (size_t)n >= size ? 0 : (size_t)n;
}

static int
starts(struct slice s, struct slice with)
{
	return s.n >= with.n && memcmp(s.p, with.p, with.n) == 0;
}

void
addr_split(struct slice text, struct slice *host, struct slice *port)
{
	const char	*end = text.p + text.n, *colon = NULL, *p;

	*host = text;
	*port = SLICE("");
	if (starts(text, SLICE("unix:")) || slice_eq(text, SLICE("local")) ||
	    slice_eq(text, SLICE("local:0"))) {
		*host = SLICE("local");
		return;
	}
	for (p = text.p; p < end; p++)
		if (*p == ':')
			colon = p;
	if (text.n > 0 && text.p[0] == '[') {
		p = memchr(text.p, ']', text.n);
		if (p == NULL)
			return;
		*host = slice_make(text.p + 1, p - text.p - 1);
		if (colon != NULL && colon == p + 1)
			*port = slice_make(colon + 1, end - colon - 1);
		return;
	}
	if (colon == NULL)
		return;
	*host = slice_make(text.p, colon - text.p);
	*port = slice_make(colon + 1, end - colon - 1);
	if (starts(text, SLICE("IPv6:"))) {
		/* In the first day's form there was no port; it cannot be told. */
		host->p += host->n > 5 ? 5 : host->n;
		host->n -= host->n > 5 ? 5 : host->n;
	}
}

struct slice
addr_founding(struct slice text, char *buf, size_t size)
{
	struct slice	 host, port;

	if (starts(text, SLICE("unix:")))
		return SLICE("local:0");
	if (text.n == 0 || text.p[0] != '[')
		return text;
	addr_split(text, &host, &port);
	if (host.n + port.n + 6 > size)
		return text;
	memcpy(buf, "IPv6:", 5);
	memcpy(buf + 5, host.p, host.n);
	buf[5 + host.n] = ':';
	memcpy(buf + 6 + host.n, port.p, port.n);
	return slice_make(buf, 6 + host.n + port.n);
}
