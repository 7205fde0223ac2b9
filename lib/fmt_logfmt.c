/* SPDX-License-Identifier: ISC */
/*
 * logfmt: name=value, quoted where it has to be; and the vertical format.
 */
#include <stdio.h>

#include "lib/fmt_int.h"
#include "lib/report_list.h"

#define NAME_WIDTH	13	/* the longest name of a field */

#define KEY_MAX		24

struct key {
	uint8_t	 n;
	char	 text[KEY_MAX + 1];	/* " name=" */
};

/* A copy of constant length, of which n bytes count: no call, no loop. */
static inline void
put_key(struct outbuf *out, const char *key, size_t n)
{
	if (OUTBUF_SIZE - out->n <= KEY_MAX) {
		outbuf_put(out, key, n);
		return;
	}
	memcpy(out->buf + out->n, key, KEY_MAX);
	out->n += n;
}

int
fmt_logfmt_init(struct fmt *f)
{
	struct key	*keys;
	enum field	 field;

	if (fmt_state(f, RF_MAX * sizeof(*keys)) == -1)
		return -1;
	keys = f->state;
	for (field = 0; field < RF_MAX; field++)
		keys[field].n = (uint8_t)snprintf(keys[field].text,
		    sizeof(keys[field].text), " %s=", report_fields[field].name);
	return 0;
}

/* What needs no quotes; bytes above ASCII are no reason for them. */
static bool
is_bare(struct slice s)
{
	uint64_t	 w, bad;
	size_t		 i;

	for (i = 0; i + 8 <= s.n; i += 8) {
		w = fmt_load8(s.p + i);
		bad = fmt_bytes_unsafe(w) | fmt_bytes_of(w, ' ') |
		    fmt_bytes_of(w, '"') | fmt_bytes_of(w, '=') |
		    fmt_bytes_of(w, '\\');
		if ((bad & FMT_HIGH) != 0)
			break;
	}
	for (; i < s.n; i++)
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
	const struct key	*keys = f->state;
	struct report_name	 name = { RF_VERSION, PART_WHOLE };
	struct slice		 value;
	const uint8_t		*p;
	size_t			 skip = 1;	/* no blank before the first */

	for (p = f->order[r->event]; *p != RF_MAX; p++) {
		name.field = *p;
		if (!fmt_value(f, r, name, &value))
			continue;
		put_key(out, keys[*p].text + skip, keys[*p].n - skip);
		skip = 0;
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
	struct report_name	 name = { RF_VERSION, PART_WHOLE };
	struct slice		 value, item;
	const uint8_t		*p;

	for (p = f->order[r->event]; *p != RF_MAX; p++) {
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
