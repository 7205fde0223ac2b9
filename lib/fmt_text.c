/* SPDX-License-Identifier: ISC */
/*
 * Texts of strangers, made safe to be shown.
 */
#include "lib/fmt_int.h"
#include "lib/utf8.h"

bool
fmt_is_control(const char *p, size_t n)
{
	unsigned char	 c = (unsigned char)p[0];

	return c < 0x20 || c == 0x7f ||
	    (n == 2 && c == 0xc2 && (unsigned char)p[1] < 0xa0);
}

static void
put_octal(struct outbuf *out, unsigned c)
{
	char	 octal[4] = "\\";

	octal[1] = (char)('0' + (c >> 6));
	octal[2] = (char)('0' + (c >> 3 & 7));
	octal[3] = (char)('0' + (c & 7));
	outbuf_put(out, octal, sizeof(octal));
}

/* How many bytes at the beginning of s stand for themselves. */
static size_t
plain_length(const char *s, size_t n, bool quote)
{
	uint64_t	 w, bad;
	size_t		 i;

	for (i = 0; i + 8 <= n; i += 8) {
		w = fmt_load8(s + i);
		bad = fmt_bytes_unsafe(w);
		if (quote)
			bad |= fmt_bytes_of(w, '"') | fmt_bytes_of(w, '\\');
		if ((bad & FMT_HIGH) != 0)
			break;
	}
	for (; i < n && (unsigned char)(s[i] - 0x20) < 0x5f &&
	    !(quote && (s[i] == '"' || s[i] == '\\')); i++)
		;
	return i;
}

/* One character that is not plain; how many bytes it has. */
static size_t
put_special(struct outbuf *out, const char *s, size_t n)
{
	size_t	 length = utf8_length(s, n);

	if (length != 0 && !fmt_is_control(s, length)) {
		/* Of ASCII only what is quoted. */
		if (length == 1)
			outbuf_char(out, '\\');
		outbuf_put(out, s, length);
		return length;
	}
	put_octal(out, (unsigned char)*s);
	return 1;
}

/* quote: `"` and `\` have a backslash before them. */
static void
put_safe(struct outbuf *out, struct slice s, bool quote)
{
	size_t	 n;

	while (s.n > 0) {
		n = plain_length(s.p, s.n, quote);
		outbuf_put(out, s.p, n);
		if (n < s.n)
			n += put_special(out, s.p + n, s.n - n);
		s = slice_make(s.p + n, s.n - n);
	}
}

void
fmt_put_text(struct outbuf *out, struct slice s)
{
	put_safe(out, s, false);
}

void
fmt_put_quoted(struct outbuf *out, struct slice s)
{
	outbuf_char(out, '"');
	put_safe(out, s, true);
	outbuf_char(out, '"');
}

void
fmt_put_str(struct outbuf *out, const char *s)
{
	outbuf_put(out, s, strlen(s));
}

size_t
fmt_text_width(struct slice s)
{
	const char	*p = s.p, *end = p + s.n;
	size_t		 n, width = 0;

	while (p < end) {
		n = utf8_length(p, (size_t)(end - p));
		if (n != 0 && !fmt_is_control(p, n)) {
			p += n;
			width++;
		} else {
			p++;
			width += 4;
		}
	}
	return width;
}
