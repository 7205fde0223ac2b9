/* SPDX-License-Identifier: ISC */
#ifndef LIB_DNS_CONF_H
#define LIB_DNS_CONF_H

/*
 * Which resolvers there are, from a list or from the text of resolv.conf(5);
 * and files that are read again when they change.
 */
#include <sys/types.h>
#include <sys/stat.h>
#include <netinet/in.h>

#include "lib/slice.h"

#define DNS_SERVERS	8	/* of a resolv.conf more are left out; a list has no more */

struct dns_server {
	int			 family;
	union {
		struct in_addr	 in;
		struct in6_addr	 in6;
	};
	uint16_t		 port;
};

struct dns_servers {
	struct dns_server	 server[DNS_SERVERS];
	size_t			 n;
	int			 timeout, tries;	/* ms, times; 0: not said */
	int			 rotate;
};

/* 0, or -1 with *why and the servers as before. */
int	dns_conf_list(struct dns_servers *, const char *list, const char **why);
int	dns_conf_resolv(struct dns_servers *, struct slice text, const char **why);
int	dns_conf_same(const struct dns_servers *, const struct dns_servers *);

struct dns_file {
	char		*path;		/* NULL: none */
	struct stat	 seen;		/* all zeros: never */
};

/* 1: it has changed and *text, the caller's to free, is all of it; 0: as before, or not readable. */
int	dns_file_changed(struct dns_file *, char **text, size_t *n);

#endif
