/* SPDX-License-Identifier: ISC */
#ifndef LIB_DNS_SET_H
#define LIB_DNS_SET_H

/*
 * What became of a question.  A dns_found is where an answer is read into, one
 * for all; a dns_set is a copy of its own size, shared by counting.
 */
#include "lib/dns.h"

#define DNS_RECORDS	256	/* of one answer; what is more is left out */

struct dns_found {
	enum dns_status	  status;
	const char	 *error;
	uint32_t	  ttl;
	char		  canonical[DNS_NAME_MAX + 1];
	size_t		  n, used;
	struct dns_record record[DNS_RECORDS];	/* their names and texts are in text */
	char		  text[65536 + DNS_NAME_MAX + 1];
};

struct dns_set {
	int		  refs;
	size_t		  size;		/* bytes of all of it */
	enum dns_status	  status;
	const char	 *error;	/* a constant */
	uint32_t	  ttl;
	const char	 *canonical;
	size_t		  n;
	struct dns_record record[];	/* then the names and texts */
};

void		 dns_found_clear(struct dns_found *);
/* Room for n bytes of a record's text, or NULL. */
char		*dns_found_room(struct dns_found *, size_t n);
/* The copy, or NULL with errno; type says what the records are. */
struct dns_set	*dns_set_make(const struct dns_found *, enum dns_type);
struct dns_set	*dns_set_ref(struct dns_set *);
void		 dns_set_unref(struct dns_set *);

#endif
