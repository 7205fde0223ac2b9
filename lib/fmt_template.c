/* SPDX-License-Identifier: ISC */
/*
 * Templates: "%{time} %{event:-16} %{address.domain}".
 */
#include <errno.h>
#include <stdlib.h>

#include "lib/fmt_int.h"
#include "lib/nitems.h"

#define WIDTH_MAX	4096

/* A text, or a value with the least width it is shown in. */
struct piece {
	struct slice		 text;		/* p is NULL: a value */
	struct report_name	 name;
	size_t			 width;
	bool			 left;		/* blanks behind it, not before */
};

struct template {
	size_t		 n;
	struct piece	*pieces;
};

/* What stands between "%{" and "}"; as fmt_init. */
static int
parse_value(struct fmt *f, struct slice s, struct piece *piece)
{
	const char	*colon = memchr(s.p, ':', s.n), *p, *end = s.p + s.n;

	*piece = (struct piece){ .text = SLICE_NONE };
	if (colon != NULL) {
		p = colon + 1;
		piece->left = p < end && *p == '-';
		p += piece->left;
		if (p == end)
			return fmt_fail(f, "no width: %%{%.*s}", (int)s.n, s.p);
		for (; p < end; p++) {
			if (*p < '0' || *p > '9')
				return fmt_fail(f, "not a width: %%{%.*s}",
				    (int)s.n, s.p);
			piece->width = piece->width * 10 + (size_t)(*p - '0');
			if (piece->width > WIDTH_MAX)
				return fmt_fail(f, "width over %d: %%{%.*s}",
				    WIDTH_MAX, (int)s.n, s.p);
		}
		s.n = (size_t)(colon - s.p);
	}
	return fmt_name(f, s, &piece->name);
}

/* The first piece of *p, behind which *p is set; as fmt_init. */
static int
parse_piece(struct fmt *f, const char **p, struct piece *piece)
{
	static const struct {
		const char	*escape, *text;
	} escapes[] = { { "%%", "%" }, { "\\t", "\t" }, { "\\n", "\n" }, { "\\\\", "\\" } };
	const char	*s = *p, *shut;
	size_t		 i;

	if (s[0] == '%' && s[1] == '{') {
		if ((shut = strchr(s, '}')) == NULL)
			return fmt_fail(f, "no } behind: %s", s);
		*p = shut + 1;
		return parse_value(f, slice_make(s + 2, (size_t)(shut - s) - 2), piece);
	}
	*piece = (struct piece){ .text = slice_make(s, strcspn(s, "%\\")) };
	for (i = 0; i < nitems(escapes); i++)
		if (strncmp(s, escapes[i].escape, 2) == 0) {
			piece->text = slice_str(escapes[i].text);
			*p += 2;
			return 0;
		}
	if (piece->text.n == 0 && *s == '%')
		return fmt_fail(f, "neither %%%% nor %%{field}: %s", s);
	/* Any other backslash stands for itself. */
	if (piece->text.n == 0)
		piece->text.n = 1;
	*p += piece->text.n;
	return 0;
}

int
fmt_template_init(struct fmt *f)
{
	struct template	*t;
	const char	*p = f->arg;

	if (fmt_state(f, sizeof(*t)) == -1)
		return -1;
	t = f->state;
	/* No piece has less than a byte. */
	if ((t->pieces = calloc(strlen(p) + 1, sizeof(*t->pieces))) == NULL)
		return fmt_fail(f, "%s", strerror(errno));
	while (*p != '\0')
		if (parse_piece(f, &p, &t->pieces[t->n++]) == -1)
			return -1;
	return 0;
}

void
fmt_template_free(struct fmt *f)
{
	struct template	*t = f->state;

	if (t != NULL)
		free(t->pieces);
}

static void
put_blanks(struct outbuf *out, size_t n)
{
	for (; n > 0; n--)
		outbuf_char(out, ' ');
}

static void
put_value(struct outbuf *out, const struct piece *piece, struct slice value)
{
	size_t	 n = 0;

	if (piece->width > 0 && (n = fmt_text_width(value)) < piece->width)
		n = piece->width - n;
	else
		n = 0;
	if (!piece->left)
		put_blanks(out, n);
	fmt_put_text(out, value);
	if (piece->left)
		put_blanks(out, n);
}

void
fmt_template_record(struct fmt *f, struct outbuf *out, const struct report *r)
{
	const struct template	*t = f->state;
	const struct piece	*piece;
	struct slice		 value;

	for (piece = t->pieces; piece < t->pieces + t->n; piece++) {
		if (piece->text.p != NULL) {
			outbuf_slice(out, piece->text);
			continue;
		}
		if (!fmt_value(f, r, piece->name, &value))
			value = slice_str(f->absent);
		put_value(out, piece, value);
	}
	outbuf_char(out, '\n');
}
