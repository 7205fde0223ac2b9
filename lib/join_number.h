/* SPDX-License-Identifier: ISC */
#ifndef LIB_JOIN_NUMBER_H
#define LIB_JOIN_NUMBER_H

/*
 * Numbers of fields that the parser has accepted, eight characters at a time
 * where there are so many.
 */
#include <stdint.h>

#include "lib/slice.h"

/* Eight characters as one number, the first of them the highest byte. */
static inline uint64_t
number_eight(const char *p)
{
	const unsigned char	*c = (const unsigned char *)p;

	return (uint64_t)c[0] << 56 | (uint64_t)c[1] << 48 | (uint64_t)c[2] << 40 |
	    (uint64_t)c[3] << 32 | (uint64_t)c[4] << 24 | (uint64_t)c[5] << 16 |
	    (uint64_t)c[6] << 8 | (uint64_t)c[7];
}

/* Each character becomes its value, then neighbours are put together. */
static inline uint64_t
number_hex_eight(const char *p)
{
	uint64_t	 x = number_eight(p);

	x = (x & 0x0f0f0f0f0f0f0f0f) + (x >> 6 & 0x0101010101010101) * 9;
	x = (x | x >> 4) & 0x00ff00ff00ff00ff;
	x = (x | x >> 8) & 0x0000ffff0000ffff;
	return (x | x >> 16) & 0xffffffff;
}

static inline uint64_t
number_decimal_eight(const char *p)
{
	uint64_t	 x = number_eight(p) & 0x0f0f0f0f0f0f0f0f;

	x = (x >> 8 & 0x00ff00ff00ff00ff) * 10 + (x & 0x00ff00ff00ff00ff);
	x = (x >> 16 & 0x0000ffff0000ffff) * 100 + (x & 0x0000ffff0000ffff);
	return (x >> 32) * 10000 + (x & 0xffffffff);
}

/* Of 1 to 16 hex digits. */
static inline uint64_t
number_hex(struct slice s)
{
	uint64_t	 n = 0;
	size_t		 i;
	unsigned char	 c;

	if (s.n == 16)
		return number_hex_eight(s.p) << 32 | number_hex_eight(s.p + 8);
	if (s.n == 8)
		return number_hex_eight(s.p);
	for (i = 0; i < s.n; i++) {
		c = (unsigned char)s.p[i];
		n = n << 4 | ((c & 15u) + (c >> 6) * 9u);
	}
	return n;
}

/* Of decimal digits; what is too long is cut. */
static inline uint64_t
number_decimal(struct slice s)
{
	uint64_t	 n = 0;
	size_t		 i;

	for (i = 0; i < s.n && n < UINT64_MAX / 100; i++)
		n = n * 10 + (uint64_t)(s.p[i] - '0');
	return n;
}

/* The microseconds of "1541750432.123456". */
#define NUMBER_TIME_LENGTH	17

static inline uint64_t
number_time(const char *p)
{
	/* "15417504", "32", and ".123456" with a digit before it that is left out. */
	uint64_t	 fraction = number_decimal_eight(p + 9) % 1000000;

	return (number_decimal_eight(p) * 100 + (uint64_t)(p[8] - '0') * 10 +
	    (uint64_t)(p[9] - '0')) * 1000000 + fraction;
}

#endif
