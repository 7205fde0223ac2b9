/* SPDX-License-Identifier: ISC */
/*
 * Text as parameters of RFC 3461 carry it.
 */
#include "lib/smtp_path.h"
#include "lib/smtp_xtext.h"
#include "lib/utf8.h"

/* hexchar: upper case alone. */
static int
hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

ssize_t
smtp_xtext_decode(struct slice s, char *out)
{
	size_t	 i, n = 0;
	int	 c;

	for (i = 0; i < s.n; i++) {
		c = (unsigned char)s.p[i];
		if (c < '!' || c > '~' || c == '=')
			return -1;
		if (c == '+') {
			if (s.n - i < 3 || hex(s.p[i + 1]) == -1 ||
			    hex(s.p[i + 2]) == -1)
				return -1;
			c = hex(s.p[i + 1]) << 4 | hex(s.p[i + 2]);
			i += 2;
			if (c < ' ' || c > '~')
				return -1;
		}
		if (out != NULL)
			out[n] = (char)c;
		n++;
	}
	return (ssize_t)n;
}

/* RFC 5322 atom. */
static bool
is_atom(struct slice s)
{
	size_t	 i;

	for (i = 0; i < s.n; i++)
		if (!smtp_is_atext((unsigned char)s.p[i]))
			return false;
	return s.n > 0;
}

static bool
is_unitext(struct slice s)
{
	size_t	 i;

	for (i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] < '!' || s.p[i] == 0x7f ||
		    s.p[i] == '+' || s.p[i] == '=')
			return false;
	return utf8_is_text(s.p, s.n);
}

bool
smtp_orcpt_valid(struct slice s)
{
	const char	*semi = s.n == 0 ? NULL : memchr(s.p, ';', s.n);
	struct slice	 type, address;

	if (semi == NULL)
		return false;
	type = slice_make(s.p, semi - s.p);
	address = slice_make(semi + 1, s.n - type.n - 1);
	if (!is_atom(type) || address.n == 0)
		return false;
	if (slice_eqi(type, SLICE("utf-8")) && is_unitext(address))
		return true;
	return smtp_xtext_decode(address, NULL) != -1;
}
