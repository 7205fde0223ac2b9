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

/* quote: these have a backslash before them. */
static void
put_safe(struct outbuf *out, struct slice s, bool quote)
{
	const char	*p = s.p, *end = p + s.n, *from = p;
	size_t		 n;

	while (p < end) {
		n = (unsigned char)(*p - 0x20) < 0x5f ? 1 :
		    utf8_length(p, (size_t)(end - p));
		if (n != 0 && !fmt_is_control(p, n) &&
		    !(quote && (*p == '"' || *p == '\\'))) {
			p += n;
			continue;
		}
		outbuf_put(out, from, (size_t)(p - from));
		from = p + 1;
		if (quote && (*p == '"' || *p == '\\')) {
			outbuf_char(out, '\\');
			from = p;
		} else
			put_octal(out, (unsigned char)*p);
		p++;
	}
	outbuf_put(out, from, (size_t)(p - from));
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
