/* SPDX-License-Identifier: ISC */
/*
 * The vertical format: a value a line, its name before it.
 */
#include <stdio.h>

#include "lib/fmt_int.h"
#include "lib/report_list.h"

#define NAME_WIDTH	"14"	/* the longest name of a field, and a blank */

int
fmt_vertical_init(struct fmt *f)
{
	struct fmt_key	*keys;
	enum field	 field;

	if (fmt_state(f, RF_MAX * sizeof(*keys)) == -1)
		return -1;
	keys = f->state;
	for (field = 0; field < RF_MAX; field++)
		keys[field].n = (uint8_t)snprintf(keys[field].text,
		    sizeof(keys[field].text), "%-" NAME_WIDTH "s", report_fields[field].name);
	return 0;
}

static void
put_line(struct fmt *f, struct outbuf *out, enum field field, struct slice value)
{
	const struct fmt_key	*key = (const struct fmt_key *)f->state + field;

	if (value.n == 0) {
		fmt_put_str(out, report_fields[field].name);
	} else {
		fmt_put_key(out, key->text, key->n);
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
				put_line(f, out, *p, report_decode(item,
				    f->scratch, f->scratch_size));
		} else if (fmt_value(f, r, name, &value))
			put_line(f, out, *p, value);
	}
	outbuf_char(out, '\n');
}
