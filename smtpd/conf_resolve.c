/* SPDX-License-Identifier: ISC */
/*
 * The socket addresses that a `listen on` stands for.  Asked by the parent
 * when it binds, never while parsing.
 */
#include <sys/socket.h>
#include <netinet/in.h>

#include <ifaddrs.h>
#include <netdb.h>
#include <string.h>

#include "smtpd/conf.h"

static const char no_family[] = "no address of that family";

static bool
family_wanted(const struct listen *l, int family)
{
	return (family == AF_INET || family == AF_INET6) &&
	    (l->family == AF_UNSPEC || l->family == family);
}

/* Gives one address, with the listener's port, to each. */
static int
address_each(const struct listen *l, const struct sockaddr *sa,
    int (*each)(void *, const struct sockaddr *, socklen_t), void *arg)
{
	union {
		struct sockaddr		sa;
		struct sockaddr_in	in;
		struct sockaddr_in6	in6;
	} u;

	if (sa->sa_family == AF_INET) {
		memcpy(&u.in, sa, sizeof(u.in));
		u.in.sin_port = htons(l->port);
		return each(arg, &u.sa, sizeof(u.in));
	}
	memcpy(&u.in6, sa, sizeof(u.in6));
	u.in6.sin6_port = htons(l->port);
	return each(arg, &u.sa, sizeof(u.in6));
}

/* How many addresses the interface has, -1 if each said so.  "all" is every interface. */
static int
resolve_interface(const struct listen *l,
    int (*each)(void *, const struct sockaddr *, socklen_t), void *arg)
{
	struct ifaddrs	*all, *i;
	int		 n = 0;

	if (getifaddrs(&all) == -1)
		return 0;
	for (i = all; i != NULL && n != -1; i = i->ifa_next) {
		if (i->ifa_addr == NULL || !family_wanted(l, i->ifa_addr->sa_family) ||
		    (strcmp(i->ifa_name, l->on) != 0 && strcmp(l->on, "all") != 0))
			continue;
		n = address_each(l, i->ifa_addr, each, arg) == -1 ? -1 : n + 1;
	}
	freeifaddrs(all);
	return n;
}

/* The same for an address in text or a host name; *why set if there is none. */
static int
resolve_name(const struct listen *l, int (*each)(void *, const struct sockaddr *, socklen_t),
    void *arg, const char **why)
{
	struct addrinfo	 hints = { .ai_family = l->family, .ai_socktype = SOCK_STREAM,
			    .ai_flags = AI_NUMERICHOST }, *all, *i;
	int		 n = 0, error;

	if ((error = getaddrinfo(l->on, NULL, &hints, &all)) == EAI_NONAME) {
		hints.ai_flags = AI_ADDRCONFIG;
		error = getaddrinfo(l->on, NULL, &hints, &all);
	}
	if (error != 0) {
		*why = error == EAI_NONAME ? "no such interface, address or host name" :
		    error == EAI_ADDRFAMILY ? no_family : gai_strerror(error);
		return -1;
	}
	for (i = all; i != NULL && n != -1; i = i->ai_next)
		if (family_wanted(l, i->ai_family))
			n = address_each(l, i->ai_addr, each, arg) == -1 ? -1 : n + 1;
	freeaddrinfo(all);
	if (n == 0)
		*why = no_family;
	return n;
}

int
conf_listen_resolve(const struct listen *l,
    int (*each)(void *, const struct sockaddr *, socklen_t), void *arg, const char **why)
{
	int	 n;

	*why = NULL;
	if ((n = resolve_interface(l, each, arg)) == 0)
		n = resolve_name(l, each, arg, why);
	return n > 0 ? 0 : -1;
}
