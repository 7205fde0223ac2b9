/* SPDX-License-Identifier: ISC */
/*
 * logfmt: name=value, quoted where it has to be.
 */
#include <stdio.h>

#include "lib/fmt_int.h"

int
fmt_logfmt_init(struct fmt *f)
{
	struct fmt_key	*keys;
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
	const struct fmt_key	*keys = f->state;
	struct report_name	 name = { RF_VERSION, PART_WHOLE };
	struct slice		 value;
	const uint8_t		*p;
	size_t			 skip = 1;	/* no blank before the first */

	for (p = f->order[r->event]; *p != RF_MAX; p++) {
		name.field = *p;
		if (!fmt_value(f, r, name, &value))
			continue;
		fmt_put_key(out, keys[*p].text + skip, keys[*p].n - skip);
		skip = 0;
		put_value(out, value);
	}
	outbuf_char(out, '\n');
}
