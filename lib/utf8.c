/* SPDX-License-Identifier: ISC */
/*
 * UTF-8 (RFC 3629).
 */
#include <stdint.h>
#include <string.h>

#include "lib/nitems.h"
#include "lib/utf8.h"

/* By first byte: the length, and what the second byte may be. */
static const struct {
	unsigned char	 from, to;
	unsigned char	 length;
	unsigned char	 second_from, second_to;
} rows[] = {
	{ 0x00, 0x7f, 1, 0x00, 0x00 },
	{ 0xc2, 0xdf, 2, 0x80, 0xbf },
	{ 0xe0, 0xe0, 3, 0xa0, 0xbf },
	{ 0xe1, 0xec, 3, 0x80, 0xbf },
	{ 0xed, 0xed, 3, 0x80, 0x9f },
	{ 0xee, 0xef, 3, 0x80, 0xbf },
	{ 0xf0, 0xf0, 4, 0x90, 0xbf },
	{ 0xf1, 0xf3, 4, 0x80, 0xbf },
	{ 0xf4, 0xf4, 4, 0x80, 0x8f },
};

size_t
utf8_length(const char *s, size_t n)
{
	const unsigned char	*p = (const unsigned char *)s;
	size_t			 i, k;

	if (n == 0)
		return 0;
	for (i = 0; i < nitems(rows); i++)
		if (p[0] >= rows[i].from && p[0] <= rows[i].to)
			break;
	if (i == nitems(rows) || n < rows[i].length)
		return 0;
	if (rows[i].length > 1 &&
	    (p[1] < rows[i].second_from || p[1] > rows[i].second_to))
		return 0;
	for (k = 2; k < rows[i].length; k++)
		if (p[k] < 0x80 || p[k] > 0xbf)
			return 0;
	return rows[i].length;
}

bool
utf8_is_ascii(const char *s, size_t n)
{
	uint64_t	 word[4], high = 0;
	size_t		 i;

	for (i = 0; i + sizeof(word) <= n; i += sizeof(word)) {
		memcpy(word, s + i, sizeof(word));
		if ((word[0] | word[1] | word[2] | word[3]) & 0x8080808080808080)
			return false;
	}
	for (; i < n; i++)
		high |= (unsigned char)s[i];
	return high < 0x80;
}

bool
utf8_is_text(const char *s, size_t n)
{
	size_t	 i, len;

	for (i = 0; i < n; i += len) {
		if ((len = utf8_length(s + i, n - i)) == 0)
			return false;
		if (s[i] == '\xc2' && (unsigned char)s[i + 1] < 0xa0)
			return false;
	}
	return true;
}
