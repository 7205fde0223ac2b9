/* SPDX-License-Identifier: ISC */
#ifndef LIB_DNS_HOSTS_H
#define LIB_DNS_HOSTS_H

/*
 * What a hosts file says (hosts(5)): addresses of its names, and of each
 * address the first name of its lines.
 */
#include "lib/dns_set.h"

struct dns_hosts_row;

struct dns_hosts {
	struct dns_hosts_row	*row;		/* sorted by name */
	size_t			 n;
	char			*text;		/* their names */
};

/* Reads a text; what it cannot read in it is passed over.  -1 with errno: as before. */
int	dns_hosts_read(struct dns_hosts *, struct slice text);
void	dns_hosts_free(struct dns_hosts *);
/* 1: the file knows the name (in lower case) and f has the answer; 0: it does not. */
int	dns_hosts_find(const struct dns_hosts *, const char *name, enum dns_type, struct dns_found *f);

#endif
