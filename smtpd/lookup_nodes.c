/* SPDX-License-Identifier: ISC */
/*
 * Nodes of an expansion: an array, a hash table over it, and chunks of memory
 * for texts.  What one expansion took serves the next.  lookup process.
 */
#include <ctype.h>
#include <stdint.h>
#include <stdlib.h>

#include "smtpd/lookup_nodes.h"

#define CHUNK	(64 * 1024)
#define SLOTS	(2 * 16384)	/* a power of two, at least twice LOOKUP_NODES */

_Static_assert(SLOTS >= 2 * LOOKUP_NODES, "the table would fill up");

struct chunk {
	struct chunk	*next;
	size_t		 used, size;
	char		 data[];
};

/* A slot counts only if it is of this round; so nothing needs to be cleared. */
static struct slot {
	uint32_t	 round;
	uint32_t	 node;
} slots[SLOTS];
static uint32_t		 round_now;

static struct node	*nodes;
static size_t		 nnodes, room;
static struct chunk	*chunks;

void
nodes_reset(void)
{
	struct chunk	*c;

	nnodes = 0;
	if (++round_now == 0) {
		memset(slots, 0, sizeof(slots));
		round_now = 1;
	}
	while ((c = chunks) != NULL && c->next != NULL) {
		chunks = c->next;
		free(c);
	}
	if (c != NULL)
		c->used = 0;
}

static uint32_t
hash_text(uint32_t h, struct slice s)
{
	size_t	 i;

	for (i = 0; i < s.n; i++)
		h = (h ^ (uint32_t)tolower((unsigned char)s.p[i])) * 16777619;
	return (h ^ 0x100) * 16777619;
}

static bool
same(const struct node *a, const struct node *b)
{
	return a->kind == b->kind && a->rule == b->rule &&
	    slice_eqi(a->text, b->text) && slice_eqi(a->dest, b->dest);
}

int
nodes_add(const struct node *n)
{
	uint32_t	 h = hash_text(hash_text(2166136261u + n->kind,
			    n->text), n->dest);
	struct node	*more;

	for (;; h++) {
		struct slot	*s = &slots[h & (SLOTS - 1)];

		if (s->round != round_now) {
			if (nnodes == LOOKUP_NODES)
				return -1;
			s->round = round_now;
			s->node = nnodes;
			break;
		}
		if (same(&nodes[s->node], n))
			return 0;
	}
	if (nnodes == room) {
		room = room == 0 ? 64 : room * 2;
		more = realloc(nodes, room * sizeof(*nodes));
		if (more == NULL) {
			room = nnodes;
			return -1;
		}
		nodes = more;
	}
	nodes[nnodes++] = *n;
	return 1;
}

const struct node *
nodes_get(size_t i)
{
	return i < nnodes ? &nodes[i] : NULL;
}

char *
nodes_alloc(size_t n)
{
	struct chunk	*c = chunks;
	size_t		 size = n > CHUNK ? n : CHUNK;

	if (c == NULL || c->size - c->used < n) {
		if ((c = malloc(sizeof(*c) + size)) == NULL)
			return NULL;
		c->next = chunks;
		c->used = 0;
		c->size = size;
		chunks = c;
	}
	c->used += n;
	return c->data + c->used - n;
}

struct slice
nodes_copy(struct slice s)
{
	char	*p = nodes_alloc(s.n + 1);

	if (p == NULL)
		return SLICE_NONE;
	if (s.n > 0)
		memcpy(p, s.p, s.n);
	p[s.n] = '\0';
	return slice_make(p, s.n);
}
