/* SPDX-License-Identifier: ISC */
#ifndef LIB_DNS_CACHE_H
#define LIB_DNS_CACHE_H

/*
 * Answers by name and type until their TTL ends, the longest unused first out
 * when they take too many bytes.  Times are of a monotonic clock in ms.
 */
#include <sys/queue.h>

#include "lib/dns_set.h"
#include "lib/u64map.h"

struct dns_entry;
TAILQ_HEAD(dns_entries, dns_entry);

struct dns_cache {
	struct u64map		 map;
	struct dns_entries	 used;		/* the last used first */
	size_t			 bytes, max, n;
};

void		 dns_cache_init(struct dns_cache *, size_t max);
void		 dns_cache_clear(struct dns_cache *);
/*
 * The answer, which stays the cache's, or NULL; *left are its seconds.  hash
 * is one of name and type that nobody outside can guess.
 */
struct dns_set	*dns_cache_get(struct dns_cache *, uint64_t hash, const char *name,
		    enum dns_type, uint64_t now, uint32_t *left);
/* Keeps it for ttl seconds, if there is room. */
void		 dns_cache_put(struct dns_cache *, uint64_t hash, const char *name,
		    enum dns_type, struct dns_set *, uint64_t now, uint32_t ttl);

#endif
