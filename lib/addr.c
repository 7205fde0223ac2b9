/* SPDX-License-Identifier: ISC */
/*
 * Texts of socket addresses.
 */
#include <sys/types.h>
#include <sys/socket.h>

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>

#include "lib/addr.h"

size_t
addr_text(const struct sockaddr *sa, char *buf, size_t size)
{
	const struct sockaddr_in	*in;
	const struct sockaddr_in6	*in6;
	char				 host[INET6_ADDRSTRLEN], zone[IF_NAMESIZE] = "";
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
		if (in6->sin6_scope_id != 0)
			if_indextoname(in6->sin6_scope_id, zone);
		n = snprintf(buf, size, "[%s%s%s]:%u", host, *zone == '\0' ? "" : "%",
		    zone, ntohs(in6->sin6_port));
	}
	return n < 0 || (size_t)n >= size ? 0 : (size_t)n;
}

static int
starts(struct slice s, struct slice with)
{
	return s.n >= with.n && memcmp(s.p, with.p, with.n) == 0;
}

/*
 * "2001:db8::1:25": the port follows the last colon, except in the form of the
 * first day, which had none.  That one is recognised where what precedes the
 * last colon is no address.
 */
static int
split_v6(struct slice text, struct slice *host, struct slice *port)
{
	const char	*colon, *zone;
	char		 buf[INET6_ADDRSTRLEN];
	struct in6_addr	 in6;
	size_t		 n;

	*host = text;
	if (text.n == 0 || (colon = memrchr(text.p, ':', text.n)) == NULL)
		return 0;
	n = (size_t)(colon - text.p);
	if ((zone = memchr(text.p, '%', n)) != NULL)
		n = (size_t)(zone - text.p);
	if (n >= sizeof(buf))
		return 0;
	memcpy(buf, text.p, n);
	buf[n] = '\0';
	if (inet_pton(AF_INET6, buf, &in6) != 1)
		return 0;
	host->n = (size_t)(colon - text.p);
	*port = slice_make(colon + 1, text.n - host->n - 1);
	return 1;
}

void
addr_split(struct slice text, struct slice *host, struct slice *port)
{
	const char	*end, *colon, *p;

	*host = text;
	*port = SLICE("");
	if (text.n == 0)
		return;
	if (starts(text, SLICE("unix:")) || slice_eq(text, SLICE("local")) ||
	    slice_eq(text, SLICE("local:0"))) {
		*host = SLICE("local");
		return;
	}
	end = text.p + text.n;
	colon = memrchr(text.p, ':', text.n);
	if (text.p[0] == '[') {
		p = memchr(text.p, ']', text.n);
		if (p == NULL)
			return;
		*host = slice_make(text.p + 1, (size_t)(p - text.p) - 1);
		if (colon == p + 1)
			*port = slice_make(colon + 1, (size_t)(end - colon) - 1);
		return;
	}
	if (colon == NULL)
		return;
	*host = slice_make(text.p, (size_t)(colon - text.p));
	*port = slice_make(colon + 1, (size_t)(end - colon) - 1);
	if (starts(text, SLICE("IPv6:")) && !split_v6(
	    slice_make(text.p + 5, text.n - 5), host, port))
		*port = SLICE("");
}

static int
parse_host(struct slice host, struct sockaddr_storage *ss)
{
	struct sockaddr_in	*in = (struct sockaddr_in *)(void *)ss;
	struct sockaddr_in6	*in6 = (struct sockaddr_in6 *)(void *)ss;
	const char		*zone = host.n == 0 ? NULL : memchr(host.p, '%', host.n);
	char			 text[INET6_ADDRSTRLEN];

	if (zone != NULL)
		host.n = (size_t)(zone - host.p);
	if (host.n >= sizeof(text))
		return -1;
	if (host.n > 0)
		memcpy(text, host.p, host.n);
	text[host.n] = '\0';
	memset(ss, 0, sizeof(*ss));
	if (inet_pton(AF_INET, text, &in->sin_addr) == 1)
		ss->ss_family = AF_INET;
	else if (inet_pton(AF_INET6, text, &in6->sin6_addr) == 1)
		ss->ss_family = AF_INET6;
	return ss->ss_family == 0 ? -1 : 0;
}

int
addr_parse(struct slice text, struct slice *host, struct sockaddr_storage *ss)
{
	struct slice	 port;

	*host = text;
	if (parse_host(text, ss) == 0)
		return 0;
	addr_split(text, host, &port);
	return parse_host(*host, ss);
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

bool
addr_is_ip(struct slice s)
{
	char		 text[INET6_ADDRSTRLEN];
	struct in6_addr	 address;

	if (s.n == 0 || s.n >= sizeof(text) || memchr(s.p, '\0', s.n) != NULL)
		return false;
	memcpy(text, s.p, s.n);
	text[s.n] = '\0';
	return inet_pton(AF_INET6, text, &address) == 1 || inet_pton(AF_INET, text, &address) == 1;
}
