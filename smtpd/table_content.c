/* SPDX-License-Identifier: ISC */
/*
 * The entries of a table and the hash over them.
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>

#include "smtpd/table_content.h"

struct table_content *
table_content_new(void)
{
	return calloc(1, sizeof(struct table_content));
}

void
table_content_free(struct table_content *c)
{
	size_t	 i;

	if (c == NULL)
		return;
	if (c->text == NULL)
		for (i = 0; i < c->n; i++)
			free((char *)c->entries[i].text);
	for (i = 0; i < c->nregexes; i++)
		regfree(&c->regexes[i]);
	free(c->regexes);
	table_nets_free(c->nets);
	free(c->globs);
	free(c->items.slots);
	free(c->keys.slots);
	free(c->entries);
	free(c->text);
	free(c);
}

int
table_content_add(struct table_content *c, const struct table_entry *e)
{
	struct table_entry	*bigger;
	size_t			 room;

	if (c->n == c->room) {
		room = c->room == 0 ? 8 : c->room * 2;
		if (room > INT32_MAX) {
			errno = EFBIG;
			return -1;
		}
		if ((bigger = reallocarray(c->entries, room, sizeof(*bigger))) == NULL)
			return -1;
		c->entries = bigger;
		c->room = room;
	}
	c->entries[c->n++] = *e;
	return 0;
}

struct slice
table_item(const struct table_entry *e)
{
	return slice_make(e->text, e->item);
}

struct slice
table_key(const struct table_entry *e)
{
	return slice_make(e->text, e->key);
}

struct slice
table_pattern(const struct table_content *c, const struct table_entry *e)
{
	if (c->text == NULL)
		return table_item(e);
	return slice_make(e->text, (size_t)e->at + e->value);
}

/* FNV-1a over the lower-case bytes: entries come from the administrator, nobody can choose collisions. */
static uint32_t
index_hash(struct slice s)
{
	uint32_t	 h = 2166136261u;
	size_t		 i;

	for (i = 0; i < s.n; i++)
		h = (h ^ (uint32_t)tolower((unsigned char)s.p[i])) * 16777619u;
	return h ^ h >> 15;
}

/* The slot of wanted, or the empty one where it would be. */
static uint32_t *
index_slot(const struct table_content *c, const struct table_index *x,
    struct slice (*part)(const struct table_entry *), struct slice wanted)
{
	uint32_t	 i;

	for (i = index_hash(wanted) & x->mask; x->slots[i] != 0; i = (i + 1) & x->mask)
		if (slice_eqi(part(&c->entries[x->slots[i] - 1]), wanted))
			break;
	return &x->slots[i];
}

static int
index_build(const struct table_content *c, struct table_index *x,
    struct slice (*part)(const struct table_entry *))
{
	size_t	 i, size = 8;

	while (size < c->n * 2)
		size *= 2;
	if ((x->slots = calloc(size, sizeof(*x->slots))) == NULL)
		return -1;
	x->mask = (uint32_t)(size - 1);
	for (i = 0; i < c->n; i++)
		*index_slot(c, x, part, part(&c->entries[i])) = (uint32_t)(i + 1);
	return 0;
}

int
table_index_find(struct table_content *c, struct table_index *x,
    struct slice (*part)(const struct table_entry *), struct slice wanted,
    const struct table_entry **found)
{
	uint32_t	 slot;

	if (x->slots == NULL && index_build(c, x, part) == -1)
		return -1;
	slot = *index_slot(c, x, part, wanted);
	*found = slot == 0 ? NULL : &c->entries[slot - 1];
	return 0;
}
