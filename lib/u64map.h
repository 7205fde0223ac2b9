/* SPDX-License-Identifier: ISC */
#ifndef LIB_U64MAP_H
#define LIB_U64MAP_H

/*
 * A map from a 64-bit id to a pointer: open addressing, linear probing, no
 * tombstones.  All zeros is an empty map.  Ids may be any number; a value is
 * never NULL.
 */
#include <stddef.h>
#include <stdint.h>

struct u64slot {
	uint64_t	 key;
	void		*value;		/* NULL: free */
};

struct u64map {
	struct u64slot	*slot;
	size_t		 size;		/* a power of two, or 0 */
	size_t		 used;
};

void	 u64map_free(struct u64map *);
/* Adds or replaces.  -1 with errno ENOMEM; the map is then as before. */
int	 u64map_put(struct u64map *, uint64_t key, void *value);
/* The value, or NULL. */
void	*u64map_get(const struct u64map *, uint64_t key);
/* Removes it and returns its value, or NULL. */
void	*u64map_del(struct u64map *, uint64_t key);
/* Visits all: start with *pos 0; NULL at the end.  The map must not change meanwhile. */
void	*u64map_next(const struct u64map *, size_t *pos);

#endif
