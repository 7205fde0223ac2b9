/* SPDX-License-Identifier: ISC */
/*
 * The table of formats, and what they share: the values of a record.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/fmt_anon.h"
#include "lib/fmt_int.h"
#include "lib/nitems.h"
#include "lib/report_list.h"
#include "lib/report_name.h"

#define SCRATCH_MORE	256

static const struct fmt_row rows[] = {
	{ '\0', false, FMT_TIMES, "", fmt_human_init, NULL, fmt_human_record, NULL },
	{ 'j', false, FMT_TIMES, "", fmt_json_init, NULL, fmt_json_record, NULL },
	{ 'k', false, FMT_TIMES, "", fmt_logfmt_init, NULL, fmt_logfmt_record, NULL },
	{ 'c', false, FMT_TIMES | FMT_FIELDS | FMT_ABSENT, "", fmt_columns_init,
	    fmt_csv_begin, fmt_csv_record, NULL },
	{ 't', false, FMT_TIMES | FMT_FIELDS | FMT_ABSENT, "", fmt_columns_init,
	    fmt_tsv_begin, fmt_tsv_record, NULL },
	{ 'x', false, FMT_TIMES, "", fmt_vertical_init, NULL, fmt_vertical_record, NULL },
	{ 'p', true, FMT_TIMES | FMT_ABSENT, "-", fmt_template_init, NULL,
	    fmt_template_record, fmt_template_free },
	{ 'V', true, FMT_FOREIGN, "", fmt_dialect_init, NULL, fmt_dialect_record, NULL },
};

const struct fmt_row *
fmt_row(int letter)
{
	size_t	 i;

	for (i = 0; i < nitems(rows); i++)
		if (rows[i].letter == letter)
			return &rows[i];
	return NULL;
}

int
fmt_fail(struct fmt *f, const char *text, ...)
{
	va_list	 ap;

	va_start(ap, text);
	vsnprintf(f->error, sizeof(f->error), text, ap);
	va_end(ap);
	return -1;
}

int
fmt_state(struct fmt *f, size_t size)
{
	if ((f->state = calloc(1, size)) == NULL)
		return fmt_fail(f, "%s", strerror(errno));
	return 0;
}

static int
check_options(struct fmt *f)
{
	if (f->fields != NULL && (f->row->takes & FMT_FIELDS) == 0)
		return fmt_fail(f, "-f is for -c and -t");
	if (f->absent != NULL && (f->row->takes & FMT_ABSENT) == 0)
		return fmt_fail(f, "-e is for -c, -t and -p");
	if ((f->times != FMT_AS_IS || f->time_format != NULL || f->utc) &&
	    (f->row->takes & FMT_TIMES) == 0)
		return fmt_fail(f, "-%c does not change times", f->row->letter);
	return 0;
}

static void
make_order(struct fmt *f, enum event_id event)
{
	const uint8_t	*p = report_events[event].field;
	uint8_t		*order = f->order[event];
	enum field	 prefix;

	for (prefix = RF_VERSION; prefix <= RF_SESSION; prefix++)
		*order++ = (uint8_t)prefix;
	for (; *p != RF_VERSION; p++)
		*order++ = *p;
	*order = RF_MAX;
}

int
fmt_init(struct fmt *f)
{
	enum event_id	 e;

	if (f->row == NULL)
		f->row = fmt_row('\0');
	if (check_options(f) == -1)
		return -1;
	if (f->absent == NULL)
		f->absent = f->row->absent;
	for (e = 0; e < EV_MAX; e++)
		make_order(f, e);
	if (f->row->init != NULL && f->row->init(f) == -1)
		return -1;
	return fmt_clock_init(f);
}

void
fmt_free(struct fmt *f)
{
	if (f->row != NULL && f->row->free != NULL)
		f->row->free(f);
	free(f->state);
	free(f->names);
	free(f->scratch);
	free(f->line);
	*f = (struct fmt){ .row = NULL };
}

void
fmt_begin(struct fmt *f, struct outbuf *out)
{
	if (f->row->begin != NULL)
		f->row->begin(f, out);
}

/* At least so large; it grows only for a line longer than any before. */
static int
grow(char **buf, size_t *have, size_t size)
{
	char	*p;

	if (size <= *have)
		return 0;
	if ((p = realloc(*buf, size * 2)) == NULL)
		return -1;
	*buf = p;
	*have = size * 2;
	return 0;
}

static int
record(struct fmt *f, struct outbuf *out, const struct report *r)
{
	/* Two halves, each with room for any value. */
	if (grow(&f->scratch, &f->scratch_size, 2 * (f->bound + SCRATCH_MORE)) == -1 ||
	    (FMT_ROOM(f->bound) >= OUTBUF_SIZE &&
	    grow(&f->line, &f->line_size, FMT_ROOM(f->bound)) == -1))
		return -1;
	if (f->times == FMT_RELATIVE || f->times == FMT_INCREMENT)
		fmt_clock_line(f, r);
	f->row->record(f, out, r);
	return 0;
}

static int
hidden_record(struct fmt *f, struct outbuf *out, const struct report *r)
{
	struct report	 hidden = *r;

	f->original = r;
	if (fmt_anon_record(f->anon, &hidden, &f->bound) == -1)
		return -1;
	return record(f, out, &hidden);
}

int
fmt_record(struct fmt *f, struct outbuf *out, const struct report *r)
{
	f->bound = r->line.n;
	return f->anon == NULL ? record(f, out, r) : hidden_record(f, out, r);
}

void
fmt_foreign(struct fmt *f, struct outbuf *out, struct slice line)
{
	if ((f->row->takes & FMT_FOREIGN) == 0)
		return;
	if (f->anon != NULL) {
		f->hidden++;
		return;
	}
	outbuf_slice(out, line);
	outbuf_char(out, '\n');
}

/* -- values -- */

/* A part of each item, joined by ','; they are encoded, and stay so if there are several. */
static bool
parts_of_list(struct fmt *f, struct slice list, struct report_name name,
    struct slice *value)
{
	struct slice	 item, part;
	size_t		 n = 0, items = 0, room = f->scratch_size / 2;
	bool		 any = false;

	while (report_item(&list, &item) == 1) {
		if (items++ > 0)
			f->scratch[n++] = ',';
		if (!report_text_part(item, name, &part))
			continue;
		if (part.n > 0)
			memcpy(f->scratch + n, part.p, part.n);
		n += part.n;
		any = true;
	}
	*value = slice_make(f->scratch, n);
	if (items == 1)
		*value = report_decode(*value, f->scratch + room, room);
	return any;
}

static bool
derived_value(struct fmt *f, const struct report *r, struct report_name name,
    struct slice *value)
{
	struct slice	 whole = r->field[name.field];

	if (report_is_list(r->event, name.field)) {
		if (name.part != PART_WHOLE)
			return parts_of_list(f, whole, name, value);
		if (memchr(whole.p, ',', whole.n) != NULL) {
			*value = whole;
			return true;
		}
	}
	if (!report_text_part(whole, name, value))
		return false;
	*value = report_decode(*value, f->scratch, f->scratch_size);
	return true;
}

bool
fmt_value(struct fmt *f, const struct report *r, struct report_name name,
    struct slice *value)
{
	bool	 number;

	if (!report_has(r, name.field))
		return false;
	if (name.field > RF_SESSION && report_is_derived(r->event)) {
		if (!derived_value(f, r, name, value))
			return false;
	} else if (!report_value(r, name, value))
		return false;
	if (report_fields[name.field].type == RT_TIME)
		*value = fmt_time(f, name.field, *value, &number);
	return true;
}

int
fmt_name(struct fmt *f, struct slice s, struct report_name *name)
{
	if (report_name_parse(s, name) == 0)
		return 0;
	report_name_explain(s, f->error, sizeof(f->error));
	return -1;
}

int
fmt_names(struct fmt *f, const char *list)
{
	size_t		 i, n = 1;
	const char	*p;

	for (p = list; p != NULL && *p != '\0'; p++)
		n += *p == ',';
	if (list == NULL)
		n = RF_MAX;
	if ((f->names = calloc(n, sizeof(*f->names))) == NULL)
		return fmt_fail(f, "%s", strerror(errno));
	f->nnames = n;
	for (i = 0; i < n; i++) {
		if (list == NULL) {
			f->names[i].field = (enum field)i;
			continue;
		}
		n = f->nnames;
		p = list + strcspn(list, ",");
		if (fmt_name(f, slice_make(list, (size_t)(p - list)), &f->names[i]) == -1)
			return -1;
		list = p + (*p == ',');
	}
	return 0;
}
