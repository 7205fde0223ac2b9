/* SPDX-License-Identifier: ISC */
/*
 * Tables: CSV (RFC 4180, lines ending in LF) and TSV, with a header.
 */
#include "lib/fmt_int.h"

int
fmt_columns_init(struct fmt *f)
{
	return fmt_names(f, f->fields);
}

/* Each `"` of it is doubled. */
static void
put_doubled(struct outbuf *out, struct slice s)
{
	const char	*quote;
	size_t		 n;

	outbuf_char(out, '"');
	while (s.n > 0 && (quote = memchr(s.p, '"', s.n)) != NULL) {
		n = (size_t)(quote - s.p) + 1;
		fmt_put_text(out, slice_make(s.p, n));
		outbuf_char(out, '"');
		s = slice_make(s.p + n, s.n - n);
	}
	fmt_put_text(out, s);
	outbuf_char(out, '"');
}

static bool
wants_quotes(struct slice s)
{
	uint64_t	 w;
	size_t		 i;

	if (s.n > 0 && (s.p[0] == ' ' || s.p[s.n - 1] == ' '))
		return true;
	for (i = 0; i + 8 <= s.n; i += 8) {
		w = fmt_load8(s.p + i);
		if (((fmt_bytes_of(w, ',') | fmt_bytes_of(w, '"')) & FMT_HIGH) != 0)
			break;
	}
	for (; i < s.n && s.p[i] != ',' && s.p[i] != '"'; i++)
		;
	return i < s.n;
}

static void
put_csv(struct outbuf *out, struct slice s)
{
	if (wants_quotes(s))
		put_doubled(out, s);
	else
		fmt_put_text(out, s);
}

static void
put_name(struct outbuf *out, struct report_name name)
{
	fmt_put_str(out, report_fields[name.field].name);
	if (name.part != PART_WHOLE) {
		outbuf_char(out, '.');
		fmt_put_str(out, report_parts[name.part].name);
	}
}

static void
put_header(struct fmt *f, struct outbuf *out, char between)
{
	size_t	 i;

	for (i = 0; i < f->nnames; i++) {
		if (i > 0)
			outbuf_char(out, between);
		put_name(out, f->names[i]);
	}
	outbuf_char(out, '\n');
}

/* No text holds a TAB: fmt_put_text writes control characters as numbers. */
static void
put_row(struct fmt *f, struct outbuf *out, const struct report *r, char between,
    void (*put)(struct outbuf *, struct slice))
{
	struct slice	 value, absent = slice_str(f->absent);
	size_t		 i;

	for (i = 0; i < f->nnames; i++) {
		if (i > 0)
			outbuf_char(out, between);
		if (report_has(r, f->names[i].field) &&
		    fmt_value(f, r, f->names[i], &value))
			put(out, value);
		else if (absent.n > 0)
			put(out, absent);
	}
	outbuf_char(out, '\n');
}

void
fmt_csv_begin(struct fmt *f, struct outbuf *out)
{
	put_header(f, out, ',');
}

void
fmt_csv_record(struct fmt *f, struct outbuf *out, const struct report *r)
{
	put_row(f, out, r, ',', put_csv);
}

void
fmt_tsv_begin(struct fmt *f, struct outbuf *out)
{
	put_header(f, out, '\t');
}

void
fmt_tsv_record(struct fmt *f, struct outbuf *out, const struct report *r)
{
	put_row(f, out, r, '\t', fmt_put_text);
}
