/* SPDX-License-Identifier: ISC */
/*
 * Texts of the joiner, and the pool they live in.
 */
#include <errno.h>
#include <stdlib.h>

#include "lib/join_text.h"

#define BLOCK_MIN	16
#define SLAB_SIZE	((size_t)64 * 1024)
#define TEXT_MAX	((size_t)1 << 30)

/* The next block of a chain stands in its first word. */
static void *
chain_next(const void *block)
{
	void	*next;

	memcpy(&next, block, sizeof(next));
	return next;
}

static void
chain_put(void **head, void *block)
{
	memcpy(block, head, sizeof(*head));
	*head = block;
}

static size_t
size_of(unsigned i)
{
	return (size_t)(i % 2 == 0 ? BLOCK_MIN : BLOCK_MIN * 3 / 2) << i / 2;
}

/* Which of the sizes holds n; POOL_SIZES: none.  Before each but the first is its three quarters. */
static unsigned
size_index(size_t n)
{
	unsigned	 i = 0;
	size_t		 size = BLOCK_MIN;

	for (; i < POOL_SIZES && size < n; i += 2)
		size *= 2;
	if (i > 0 && n <= size / 4 * 3)
		i--;
	return i < POOL_SIZES ? i : POOL_SIZES;
}

void
pool_free(struct pool *p)
{
	void	*slab;

	while ((slab = p->slabs) != NULL) {
		p->slabs = chain_next(slab);
		free(slab);
	}
	*p = (struct pool){ .error = p->error };
}

static void *
fail(struct pool *p)
{
	p->error = ENOMEM;
	return NULL;
}

static void *
carve(struct pool *p, size_t size)
{
	char	*slab, *block;

	if (p->left < size) {
		if ((slab = malloc(SLAB_SIZE + BLOCK_MIN)) == NULL)
			return fail(p);
		chain_put(&p->slabs, slab);
		p->next = slab + BLOCK_MIN;
		p->left = SLAB_SIZE;
	}
	block = p->next;
	p->next += size;
	p->left -= size;
	return block;
}

void *
pool_take(struct pool *p, size_t n)
{
	unsigned	 i = size_index(n);
	void		*block;

	if (i == POOL_SIZES)
		return (block = malloc(n)) == NULL ? fail(p) : block;
	if ((block = p->spare[i]) == NULL)
		return carve(p, size_of(i));
	p->spare[i] = chain_next(block);
	return block;
}

void
pool_give(struct pool *p, void *block, size_t n)
{
	unsigned	 i = size_index(n);

	if (i == POOL_SIZES)
		free(block);
	else
		chain_put(&p->spare[i], block);
}

bool
text_room(struct pool *p, struct text *t, size_t n)
{
	unsigned	 i;
	size_t		 size;
	char		*block;

	if (n <= t->size)
		return true;
	if (n > TEXT_MAX)
		return fail(p) != NULL;
	i = size_index(n);
	size = i < POOL_SIZES ? size_of(i) : n + n / 2;
	if ((block = pool_take(p, size)) == NULL)
		return false;
	if (t->n != 0)
		memcpy(block, t->p, t->n);
	if (t->size != 0)
		pool_give(p, t->p, t->size);
	t->p = block;
	t->size = (uint32_t)size;
	return true;
}

void
text_free(struct pool *p, struct text *t)
{
	if (t->size != 0)
		pool_give(p, t->p, t->size);
	*t = (struct text){ 0 };
}
