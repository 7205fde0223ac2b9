/* SPDX-License-Identifier: ISC */
/*
 * Base64, both ways.  No buffer of its own: what is coded is often secret.
 */
#include <stdint.h>

#include "lib/base64.h"

static const char	 alphabet[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

size_t
base64_encode(struct slice in, char *buf, size_t size)
{
	const unsigned char	*p = (const unsigned char *)in.p;
	size_t			 i, used = 0;
	uint32_t		 v;

	if (in.n > SIZE_MAX / 2 || (in.n + 2) / 3 * 4 > size)
		return 0;
	for (i = 0; i < in.n; i += 3) {
		v = (uint32_t)p[i] << 16;
		v |= i + 1 < in.n ? (uint32_t)p[i + 1] << 8 : 0;
		v |= i + 2 < in.n ? p[i + 2] : 0;
		buf[used++] = alphabet[v >> 18];
		buf[used++] = alphabet[v >> 12 & 63];
		buf[used++] = i + 1 < in.n ? alphabet[v >> 6 & 63] : '=';
		buf[used++] = i + 2 < in.n ? alphabet[v & 63] : '=';
	}
	return used;
}

/* Of one character; 64: it is none of them. */
static uint32_t
value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return (uint32_t)(c - 'A');
	if (c >= 'a' && c <= 'z')
		return (uint32_t)(c - 'a') + 26;
	if (c >= '0' && c <= '9')
		return (uint32_t)(c - '0') + 52;
	return c == '+' ? 62 : c == '/' ? 63 : 64;
}

/* How many of the last four characters are padding; -1 if that is wrong. */
static int
padding(struct slice in)
{
	int	 n = 0;

	if (in.n % 4 != 0)
		return -1;
	while (n < 3 && in.n > 0 && in.p[in.n - 1 - n] == '=')
		n++;
	return n < 3 ? n : -1;
}

ssize_t
base64_decode(struct slice in, char *buf, size_t size)
{
	uint32_t	 v = 0, one, any = 0;
	int		 pad = padding(in);
	size_t		 i, used = 0, n;

	if (pad == -1 || in.n / 4 * 3 - (size_t)pad > size)
		return -1;
	n = in.n - (size_t)pad;
	for (i = 0; i < n; i++) {
		one = value(in.p[i]);
		any |= one;
		v = v << 6 | (one & 63);
		if (i % 4 != 0)
			buf[used++] = (char)(v >> (6 - 2 * (i % 4)));
	}
	/* The bits behind the last byte. */
	v &= pad == 1 ? 3 : pad == 2 ? 15 : 0;
	return any > 63 || v != 0 ? -1 : (ssize_t)used;
}
