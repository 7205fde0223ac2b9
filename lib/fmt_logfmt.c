/* SPDX-License-Identifier: ISC */
/*
 * logfmt: name=value, quoted where it has to be; and the vertical format.
 */
#include "lib/fmt_int.h"
#include "lib/report_list.h"

#define NAME_WIDTH	13	/* the longest name of a field */

static bool
is_bare(struct slice s)
{
	size_t	 i;

	for (i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] <= ' ' || s.p[i] == '"' ||
		    s.p[i] == '=' || s.p[i] == '\\' || s.p[i] == 0x7f)
			return false;
	return true;
}

static void
put_value(struct outbuf *out, struct slice s)
{
	if (is_bare(s))
		fmt_put_text(out, s);
	else
		fmt_put_quoted(out, s);
}

void
fmt_logfmt_record(struct fmt *f, struct outbuf *out, const struct report *r)
{
	struct fmt_fields	 fields;
	struct report_name	 name = { RF_VERSION, PART_WHOLE };
	struct slice		 value;
	const uint8_t		*p;
	bool			 first = true;

	fmt_event_fields(r->event, &fields);
	for (p = fields.field; *p != RF_MAX; p++) {
		name.field = *p;
		if (!fmt_value(f, r, name, &value))
			continue;
		if (!first)
			outbuf_char(out, ' ');
		first = false;
		fmt_put_str(out, report_fields[name.field].name);
		outbuf_char(out, '=');
		put_value(out, value);
	}
	outbuf_char(out, '\n');
}

static void
put_vertical(struct outbuf *out, enum field field, struct slice value)
{
	const char	*name = report_fields[field].name;
	size_t		 n = strlen(name);

	outbuf_put(out, name, n);
	if (value.n > 0) {
		for (; n <= NAME_WIDTH; n++)
			outbuf_char(out, ' ');
		fmt_put_text(out, value);
	}
	outbuf_char(out, '\n');
}

/* A value a line, an item of a list a line, a blank line behind the record. */
void
fmt_vertical_record(struct fmt *f, struct outbuf *out, const struct report *r)
{
	struct fmt_fields	 fields;
	struct report_name	 name = { RF_VERSION, PART_WHOLE };
	struct slice		 value, item;
	const uint8_t		*p;

	fmt_event_fields(r->event, &fields);
	for (p = fields.field; *p != RF_MAX; p++) {
		name.field = *p;
		if (report_has(r, *p) && report_is_list(r->event, *p)) {
			value = r->field[*p];
			while (report_item(&value, &item) == 1)
				put_vertical(out, *p, report_decode(item,
				    f->scratch, f->scratch_size));
		} else if (fmt_value(f, r, name, &value))
			put_vertical(out, *p, value);
	}
	outbuf_char(out, '\n');
}
