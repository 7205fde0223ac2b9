/* SPDX-License-Identifier: ISC */
/*
 * The addresses of this host, for `from local`: loopback and what the
 * interfaces have.  lookup process.
 */
#include <sys/socket.h>

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "smtpd/log.h"
#include "smtpd/lookup.h"

#define ADDRESSES	256

struct address {
	int		 family;
	union {
		struct in_addr	 v4;
		struct in6_addr	 v6;
	} u;
};

static struct address	 own[ADDRESSES];
static size_t		 nown;
static bool		 known;

void
lookup_own_refresh(void)
{
	known = false;
}

static void
read_interfaces(void)
{
	struct ifaddrs	*list, *i;
	struct address	*a;

	if (getifaddrs(&list) == -1) {
		log_warn("getifaddrs");
		return;		/* what was known before stays */
	}
	nown = 0;
	known = true;
	for (i = list; i != NULL && nown < ADDRESSES; i = i->ifa_next) {
		if (i->ifa_addr == NULL)
			continue;
		a = &own[nown];
		a->family = i->ifa_addr->sa_family;
		if (a->family == AF_INET) {
			struct sockaddr_in	 sin;

			memcpy(&sin, i->ifa_addr, sizeof(sin));
			a->u.v4 = sin.sin_addr;
			nown++;
		} else if (a->family == AF_INET6) {
			struct sockaddr_in6	 sin6;

			memcpy(&sin6, i->ifa_addr, sizeof(sin6));
			a->u.v6 = sin6.sin6_addr;
			nown++;
		}
	}
	freeifaddrs(list);
}

/* Without the brackets, prefix or zone that an address may be written with. */
static int
address_parse(struct address *a, struct slice s)
{
	char	 buf[INET6_ADDRSTRLEN + IF_NAMESIZE + 1];

	if (s.n > 2 && s.p[0] == '[' && s.p[s.n - 1] == ']')
		s = slice_make(s.p + 1, s.n - 2);
	if (s.n > 5 && strncasecmp(s.p, "IPv6:", 5) == 0)
		s = slice_make(s.p + 5, s.n - 5);
	if (s.n == 0 || s.n >= sizeof(buf))
		return -1;
	memcpy(buf, s.p, s.n);
	buf[s.n] = '\0';
	buf[strcspn(buf, "%")] = '\0';
	a->family = AF_INET;
	if (inet_pton(AF_INET, buf, &a->u.v4) == 1)
		return 0;
	a->family = AF_INET6;
	if (inet_pton(AF_INET6, buf, &a->u.v6) != 1)
		return -1;
	if (IN6_IS_ADDR_V4MAPPED(&a->u.v6)) {
		a->family = AF_INET;
		memcpy(&a->u.v4, &a->u.v6.s6_addr[12], sizeof(a->u.v4));
	}
	return 0;
}

static bool
address_equal(const struct address *a, const struct address *b)
{
	if (a->family != b->family)
		return false;
	if (a->family == AF_INET)
		return a->u.v4.s_addr == b->u.v4.s_addr;
	return IN6_ARE_ADDR_EQUAL(&a->u.v6, &b->u.v6);
}

bool
lookup_own_address(struct slice s)
{
	struct address	 a;
	size_t		 i;

	if (address_parse(&a, s) == -1)
		return false;
	if (a.family == AF_INET ? ntohl(a.u.v4.s_addr) >> 24 == 127 :
	    IN6_IS_ADDR_LOOPBACK(&a.u.v6))
		return true;
	if (!known)
		read_interfaces();
	for (i = 0; i < nown; i++)
		if (address_equal(&a, &own[i]))
			return true;
	return false;
}
