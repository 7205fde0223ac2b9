/* SPDX-License-Identifier: ISC */
/*
 * The cache of answers.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/dns_cache.h"

/* What the allocator and the map take for an entry, beside its bytes. */
#define OVERHEAD	(2 * 16 + 2 * sizeof(struct u64slot))

struct dns_entry {
	TAILQ_ENTRY(dns_entry)	 link;
	uint64_t		 hash, ends;
	struct dns_set		*set;
	size_t			 bytes;
	enum dns_type		 type;
	char			 name[];
};

static void
entry_drop(struct dns_cache *c, struct dns_entry *e)
{
	TAILQ_REMOVE(&c->used, e, link);
	u64map_del(&c->map, e->hash);
	c->bytes -= e->bytes;
	c->n--;
	dns_set_unref(e->set);
	free(e);
}

void
dns_cache_init(struct dns_cache *c, size_t max)
{
	*c = (struct dns_cache){ .max = max };
	TAILQ_INIT(&c->used);
}

void
dns_cache_clear(struct dns_cache *c)
{
	struct dns_entry	*e;

	while ((e = TAILQ_FIRST(&c->used)) != NULL)
		entry_drop(c, e);
	u64map_free(&c->map);
}

struct dns_set *
dns_cache_get(struct dns_cache *c, uint64_t hash, const char *name, enum dns_type type,
    uint64_t now, uint32_t *left)
{
	struct dns_entry	*e;

	if ((e = u64map_get(&c->map, hash)) == NULL || e->type != type ||
	    strcmp(e->name, name) != 0)
		return NULL;
	if (e->ends <= now) {
		entry_drop(c, e);
		return NULL;
	}
	*left = (uint32_t)((e->ends - now + 999) / 1000);
	if (e != TAILQ_FIRST(&c->used)) {
		TAILQ_REMOVE(&c->used, e, link);
		TAILQ_INSERT_HEAD(&c->used, e, link);
	}
	return e->set;
}

void
dns_cache_put(struct dns_cache *c, uint64_t hash, const char *name, enum dns_type type,
    struct dns_set *set, uint64_t now, uint32_t ttl)
{
	struct dns_entry	*e;
	size_t			 n = strlen(name) + 1, bytes = sizeof(*e) + n + set->size + OVERHEAD;

	if ((e = u64map_get(&c->map, hash)) != NULL)
		entry_drop(c, e);
	if (ttl == 0 || bytes > c->max)
		return;
	while (c->bytes + bytes > c->max)
		entry_drop(c, TAILQ_LAST(&c->used, dns_entries));
	/* Without memory it is not kept, that is all. */
	if ((e = malloc(sizeof(*e) + n)) == NULL)
		return;
	*e = (struct dns_entry){ .hash = hash, .ends = now + ttl * 1000ULL, .set = set,
	    .bytes = bytes, .type = type };
	memcpy(e->name, name, n);
	if (u64map_put(&c->map, hash, e) == -1) {
		free(e);
		return;
	}
	dns_set_ref(set);
	TAILQ_INSERT_HEAD(&c->used, e, link);
	c->bytes += bytes;
	c->n++;
}
