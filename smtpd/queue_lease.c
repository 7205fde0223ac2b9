/* SPDX-License-Identifier: ISC */
/*
 * Leases of msgids to smtp: blocks of them, each id good for one transaction.
 * Queue process.
 */
#include <sys/queue.h>

#include <stdlib.h>
#include <string.h>

#include "smtpd/log.h"
#include "smtpd/queue.h"

#define BLOCKS		(1u << 20)
#define LEASES_MAX	1024	/* out at once; an older one is over by then */
#define UNUSED_MAX	2	/* of which nothing was used; smtp asks when the last runs low */
#define TRIES		1000

struct lease {
	TAILQ_ENTRY(lease) entry;
	uint32_t	 block;
	uint32_t	 left;
	uint64_t	 used[LEASE_BLOCK / 64];
};

static struct u64map	 leases;		/* by block */
static TAILQ_HEAD(, lease) in_order = TAILQ_HEAD_INITIALIZER(in_order);
static unsigned		 unused;

static void
end(struct lease *l)
{
	unused -= l->left == LEASE_BLOCK;
	u64map_del(&leases, l->block);
	TAILQ_REMOVE(&in_order, l, entry);
	free(l);
}

/* Block 0 is never given: msgid 0 means none. */
static bool
block_free(uint32_t block)
{
	uint32_t	 i;

	if (block == 0 || u64map_get(&leases, block) != NULL)
		return false;
	for (i = 0; i < LEASE_BLOCK; i++)
		if (message_find(block * LEASE_BLOCK + i) != NULL ||
		    commit_is_open(block * LEASE_BLOCK + i))
			return false;
	return true;
}

uint32_t
lease_new(void)
{
	struct lease	*l;
	uint32_t	 block;
	int		 tries = 0;

	if (unused >= UNUSED_MAX)
		return 0;
	if (leases.used >= LEASES_MAX)
		end(TAILQ_FIRST(&in_order));
	do {
		if (tries++ == TRIES) {
			log_warnx("no block of msgids is free of mail");
			return 0;
		}
		block = arc4random_uniform(BLOCKS);
	} while (!block_free(block));
	if ((l = calloc(1, sizeof(*l))) == NULL ||
	    u64map_put(&leases, block, l) == -1) {
		log_warn("lease of msgids");
		free(l);
		return 0;
	}
	l->block = block;
	l->left = LEASE_BLOCK;
	unused++;
	TAILQ_INSERT_TAIL(&in_order, l, entry);
	return block * LEASE_BLOCK;
}

uint32_t
lease_own(void)
{
	uint32_t	 msgid;
	int		 tries;

	for (tries = 0; tries < TRIES; tries++) {
		msgid = arc4random();
		if (msgid >= LEASE_BLOCK && u64map_get(&leases, msgid / LEASE_BLOCK) == NULL &&
		    message_find(msgid) == NULL && !commit_is_open(msgid))
			return msgid;
	}
	return 0;
}

int
lease_take(uint32_t msgid)
{
	struct lease	*l = u64map_get(&leases, msgid / LEASE_BLOCK);
	uint32_t	 i = msgid % LEASE_BLOCK;

	if (l == NULL || l->used[i / 64] >> i % 64 & 1)
		return -1;
	l->used[i / 64] |= 1ULL << i % 64;
	unused -= l->left == LEASE_BLOCK;
	if (--l->left == 0)
		end(l);
	return 0;
}

void
lease_revoke_all(void)
{
	struct lease	*l;

	while ((l = TAILQ_FIRST(&in_order)) != NULL)
		end(l);
}
