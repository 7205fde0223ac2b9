/* SPDX-License-Identifier: ISC */
/*
 * SipHash-2-4 of values to be hidden.
 */
#include <string.h>

#include "lib/fmt_hash.h"

struct sip {
	uint64_t	 v0, v1, v2, v3;
};

static inline uint64_t
rotl(uint64_t x, int b)
{
	return x << b | x >> (64 - b);
}

static inline void
sip_round(struct sip *s)
{
	s->v0 += s->v1;
	s->v1 = rotl(s->v1, 13) ^ s->v0;
	s->v0 = rotl(s->v0, 32);
	s->v2 += s->v3;
	s->v3 = rotl(s->v3, 16) ^ s->v2;
	s->v0 += s->v3;
	s->v3 = rotl(s->v3, 21) ^ s->v0;
	s->v2 += s->v1;
	s->v1 = rotl(s->v1, 17) ^ s->v2;
	s->v2 = rotl(s->v2, 32);
}

static inline void
sip_word(struct sip *s, uint64_t m)
{
	s->v3 ^= m;
	sip_round(s);
	sip_round(s);
	s->v0 ^= m;
}

/* At most eight bytes, the first the lowest, on every machine. */
static uint64_t
word(const unsigned char *p, size_t n)
{
	uint64_t	 m = 0;

	while (n-- > 0)
		m = m << 8 | p[n];
	return m;
}

uint64_t
fmt_hash(const uint64_t key[2], uint64_t kind, const void *data, size_t n)
{
	const unsigned char	*p = data;
	struct sip		 s = {
		key[0] ^ 0x736f6d6570736575, key[1] ^ 0x646f72616e646f6d,
		key[0] ^ 0x6c7967656e657261, key[1] ^ 0x7465646279746573 };
	uint64_t		 length = (uint64_t)(n + 8) << 56;
	int			 i;

	sip_word(&s, kind);
	for (; n >= 8; p += 8, n -= 8)
		sip_word(&s, word(p, 8));
	sip_word(&s, length | word(p, n));
	s.v2 ^= 0xff;
	for (i = 0; i < 4; i++)
		sip_round(&s);
	return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}
