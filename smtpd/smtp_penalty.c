/* SPDX-License-Identifier: ISC */
/*
 * Who failed to log in lately: so many addresses as there is room for, each
 * forgotten by and by.  smtp process.
 */
#include <arpa/inet.h>

#include <stdlib.h>
#include <string.h>

#include "smtpd/loop.h"
#include "smtpd/smtp.h"

#define SETS		1024		/* a power of two, */
#define WAYS		4		/* of so many addresses each: 64 KiB */
#define HALF_LIFE	600		/* seconds until half of the failures is forgotten */
#define FIRST		250		/* milliseconds for the first failure, twice that for the next ... */
#define DOUBLINGS	5		/* at most: 8 s */

static struct entry {
	uint64_t	 key;		/* 0: nobody */
	uint32_t	 since;		/* seconds, monotonic: when failures was true */
	uint32_t	 failures;
} table[SETS][WAYS];

/* Of IPv6 its network: who has an address there has all of them. */
static uint64_t
key_of(const struct session *s)
{
	struct slice	 host = session_address(s);
	char		 text[INET6_ADDRSTRLEN];
	struct in6_addr	 in6;
	struct in_addr	 in;
	uint64_t	 key = 0;

	if (host.n >= sizeof(text))
		return 1;
	memcpy(text, host.p, host.n);
	text[host.n] = '\0';
	if (inet_pton(AF_INET, text, &in) == 1)
		return (uint64_t)1 << 32 | in.s_addr;
	if (inet_pton(AF_INET6, text, &in6) == 1)
		memcpy(&key, &in6, sizeof(key));
	return key == 0 ? 1 : key;
}

static struct entry *
set_of(uint64_t key)
{
	static uint64_t	 factor;

	if (factor == 0) {
		arc4random_buf(&factor, sizeof(factor));
		factor |= 1;
	}
	return table[key * factor >> 32 & (SETS - 1)];
}

static void
forget(struct entry *e, uint32_t now)
{
	uint32_t	 halves = (now - e->since) / HALF_LIFE;

	e->failures = halves < 32 ? e->failures >> halves : 0;
	e->since += halves * HALF_LIFE;
}

uint32_t
penalty_failed(const struct session *s)
{
	uint32_t	 now = (uint32_t)(loop_mono() / SECOND);
	uint64_t	 key = key_of(s);
	struct entry	*set = set_of(key), *e, *least = set;

	for (e = set; e < set + WAYS; e++) {
		forget(e, now);
		if (e->key == key)
			break;
		if (e->failures < least->failures)
			least = e;
	}
	if (e == set + WAYS) {
		e = least;
		*e = (struct entry){ .key = key, .since = now };
	}
	return ++e->failures;
}

uint32_t
penalty_pause(uint32_t failures)
{
	uint32_t	 n = failures == 0 ? 0 : failures - 1;
	uint32_t	 ms = FIRST << (n < DOUBLINGS ? n : DOUBLINGS);

	/* That the end of the check cannot be told from it. */
	return ms + arc4random_uniform(ms / 4);
}
