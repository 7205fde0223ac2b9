/* SPDX-License-Identifier: ISC */
/*
 * SipHash-2-4 (Aumasson, Bernstein 2012) of a place and two pieces of data.
 * Spool of the queue process.
 */
#include <string.h>

#include "smtpd/spool_int.h"

struct sip {
	uint64_t	 v0, v1, v2, v3;
	uint64_t	 word;		/* bytes not yet taken */
	size_t		 n;		/* how many in all */
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

static void
sip_add(struct sip *s, const unsigned char *p, size_t n)
{
	uint64_t	 m;

	for (; n > 0 && s->n % 8 != 0; p++, n--) {
		s->word |= (uint64_t)*p << s->n++ % 8 * 8;
		if (s->n % 8 == 0) {
			sip_word(s, s->word);
			s->word = 0;
		}
	}
	for (; n >= 8; p += 8, n -= 8, s->n += 8) {
		memcpy(&m, p, 8);
		sip_word(s, m);
	}
	for (; n > 0; p++, n--)
		s->word |= (uint64_t)*p << s->n++ % 8 * 8;
}

uint64_t
spool_hash(const struct spool_key *key, uint64_t life, uint64_t place,
    const void *a, size_t na, const void *b, size_t nb)
{
	struct sip	 s = {
		.v0 = key->k0 ^ 0x736f6d6570736575ULL,
		.v1 = key->k1 ^ 0x646f72616e646f6dULL,
		.v2 = key->k0 ^ 0x6c7967656e657261ULL,
		.v3 = key->k1 ^ 0x7465646279746573ULL,
	};
	int		 i;

	sip_word(&s, life);
	sip_word(&s, place);
	s.n = 16;
	sip_add(&s, a, na);
	if (nb > 0)
		sip_add(&s, b, nb);
	sip_word(&s, s.word | (uint64_t)s.n << 56);
	s.v2 ^= 0xff;
	for (i = 0; i < 4; i++)
		sip_round(&s);
	return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}
