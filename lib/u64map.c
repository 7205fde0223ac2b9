/* SPDX-License-Identifier: ISC */
/*
 * A map from a 64-bit id to a pointer.
 */
#include <stdlib.h>

#include "lib/u64map.h"

#define SIZE_FIRST	16

/* Ids may be counters: their bits are mixed before they choose a slot. */
static size_t
home(const struct u64map *m, uint64_t key)
{
	key ^= key >> 32;
	key *= 0x9e3779b97f4a7c15ULL;
	return (size_t)(key >> 32) & (m->size - 1);
}

/* The slot of key, or the free one where it would go. */
static struct u64slot *
find(const struct u64map *m, uint64_t key)
{
	size_t	 i = home(m, key);

	while (m->slot[i].value != NULL && m->slot[i].key != key)
		i = (i + 1) & (m->size - 1);
	return &m->slot[i];
}

static int
grow(struct u64map *m)
{
	struct u64map	 big = { .size = m->size == 0 ? SIZE_FIRST : 2 * m->size,
	    .used = m->used };
	size_t		 i;

	if ((big.slot = calloc(big.size, sizeof(*big.slot))) == NULL)
		return -1;
	for (i = 0; i < m->size; i++)
		if (m->slot[i].value != NULL)
			*find(&big, m->slot[i].key) = m->slot[i];
	free(m->slot);
	*m = big;
	return 0;
}

void
u64map_free(struct u64map *m)
{
	free(m->slot);
	*m = (struct u64map){ 0 };
}

int
u64map_put(struct u64map *m, uint64_t key, void *value)
{
	struct u64slot	*s;

	if ((m->used + 1) * 4 > m->size * 3 && grow(m) == -1)
		return -1;
	s = find(m, key);
	if (s->value == NULL)
		m->used++;
	*s = (struct u64slot){ key, value };
	return 0;
}

void *
u64map_get(const struct u64map *m, uint64_t key)
{
	return m->size == 0 ? NULL : find(m, key)->value;
}

/* What follows moves up, so that no probe ends at the hole too early. */
void *
u64map_del(struct u64map *m, uint64_t key)
{
	struct u64slot	*s;
	size_t		 hole, i, mask = m->size - 1;
	void		*value;

	if (m->size == 0 || (s = find(m, key))->value == NULL)
		return NULL;
	value = s->value;
	hole = s - m->slot;
	for (i = (hole + 1) & mask; m->slot[i].value != NULL; i = (i + 1) & mask)
		if (((i - home(m, m->slot[i].key)) & mask) >= ((i - hole) & mask)) {
			m->slot[hole] = m->slot[i];
			hole = i;
		}
	m->slot[hole].value = NULL;
	m->used--;
	return value;
}

void *
u64map_next(const struct u64map *m, size_t *pos)
{
	while (*pos < m->size)
		if (m->slot[(*pos)++].value != NULL)
			return m->slot[*pos - 1].value;
	return NULL;
}
