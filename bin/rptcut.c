/* SPDX-License-Identifier: ISC */
/*
 * rptcut(1): columns of report lines, by field name or by number.
 */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/input.h"
#include "lib/outbuf.h"
#include "lib/report.h"
#include "lib/report_list.h"
#include "lib/report_name.h"
#include "lib/report_part.h"
#include "lib/report_time.h"

#define DECODED	256	/* bytes of an encoded value at a time */
#define UTC	"%Y-%m-%dT%H:%M:%SZ"

/* What was asked for with -f: a name, or a range of numbers as in cut(1). */
struct column {
	struct slice		 text;
	struct report_name	 name;
	size_t			 from, to;	/* fields of the line; from 0: a name */
};

static struct column	*columns;
static size_t		 ncolumns;
static bool		 complement, header, selected_only, quiet, utc;
static bool		 by_name, by_number;
static bool		 wanted[EV_MAX];	/* it may have more of the list than the prefix */
static const char	*time_text;
static struct time_format	 times;
static struct slice	 delimiter = { "\t", 1 };
static struct slice	 absent = { "-", 1 };
static char		 record_end = '\n';

static void
usage(void)
{
	fputs("usage: rptcut [-0HQsuv] [-d string] [-e string] [-T format] -f list\n"
	    "              [file ...]\n"
	    "       rptcut -l\n", stderr);
	exit(2);
}

/* -- the list -- */

static void
no_such_name(struct slice s)
{
	char	 text[256];

	if (s.n == 0)
		errx(2, "an item of the list is empty");
	report_name_explain(s, text, sizeof(text));
	errx(2, "%s", text);
}

/* A number of at most nine digits at *p; 0 if there is none. */
static size_t
number(const char **p, const char *end)
{
	size_t	 n = 0;

	for (; *p < end && **p >= '0' && **p <= '9' && n < 100000000; (*p)++)
		n = n * 10 + (size_t)(**p - '0');
	return n;
}

/* "3", "3-5", "6-", "-2" */
static void
range(struct column *c)
{
	const char	*p = c->text.p, *end = p + c->text.n;

	c->from = number(&p, end);
	c->to = c->from;
	if (p < end && *p == '-') {
		c->from = p == c->text.p ? 1 : c->from;
		c->to = ++p == end ? SIZE_MAX : number(&p, end);
	}
	if (p < end || c->from == 0 || c->to < c->from || c->text.n < 1 ||
	    (c->text.n == 1 && *c->text.p == '-'))
		errx(2, "bad field number: %.*s", (int)c->text.n, c->text.p);
	by_number = true;
}

static void
list(const char *arg)
{
	const char	*comma;
	struct column	*c;

	for (;; arg = comma + 1) {
		if ((columns = reallocarray(columns, ncolumns + 1,
		    sizeof(*columns))) == NULL)
			err(2, NULL);
		c = &columns[ncolumns++];
		*c = (struct column){ .from = 0 };
		comma = arg + strcspn(arg, ",");
		c->text = slice_make(arg, (size_t)(comma - arg));
		if ((*arg >= '0' && *arg <= '9') || *arg == '-')
			range(c);
		else if (report_name_parse(c->text, &c->name) == -1)
			no_such_name(c->text);
		else
			by_name = true;
		if (*comma == '\0')
			return;
	}
}

static void
print_vocabulary(void)
{
	enum event_id	 e;
	enum field	 f;
	enum part	 p;
	enum dialect	 d;
	const uint8_t	*field;

	for (e = 0; e < EV_MAX; e++) {
		printf("event\t%s\t", report_events[e].name);
		for (field = report_events[e].field; *field != RF_VERSION; field++)
			printf("%s%s", field == report_events[e].field ? "" : ",",
			    report_fields[*field].name);
		putchar('\n');
	}
	for (f = 0; f < RF_MAX; f++) {
		printf("field\t%s\t", report_fields[f].name);
		for (p = PART_WHOLE + 1; p < PART_MAX; p++)
			if (report_parts[p].type == report_fields[f].type)
				printf(".%s", report_parts[p].name);
		putchar('\n');
	}
	for (d = 0; d < DIALECT_UNKNOWN; d++)
		printf("dialect\t%s\t\n", dialect_names[d]);
	if (fflush(stdout) == EOF || ferror(stdout))
		err(2, "stdout");
}

/* -- one line -- */

struct row {			/* being written */
	struct outbuf	*out;
	size_t		 columns;
};

static void
put_delimiter(struct row *row)
{
	if (row->columns++ > 0)
		outbuf_slice(row->out, delimiter);
}

/* A part at a time, none of which ends within the three bytes of a unit. */
static void
put_decoded(struct outbuf *out, struct slice s)
{
	char		 buf[DECODED];
	struct slice	 part;

	if (s.n == 0 || memchr(s.p, '%', s.n) == NULL) {
		outbuf_slice(out, s);
		return;
	}
	while (s.n > 0) {
		part = slice_make(s.p, s.n < DECODED ? s.n : DECODED);
		if (part.n < s.n && part.p[part.n - 1] == '%')
			part.n--;
		else if (part.n < s.n && part.p[part.n - 2] == '%')
			part.n -= 2;
		outbuf_slice(out, report_decode(part, buf, sizeof(buf)));
		s = slice_make(s.p + part.n, s.n - part.n);
	}
}

/* The part of each item; what none has is absent as a whole. */
static void
put_items(struct outbuf *out, struct slice list, struct report_name name)
{
	struct slice	 rest = list, item, part;
	bool		 any = false;

	while (!any && report_item(&rest, &item))
		any = report_text_part(item, name, &part);
	if (!any) {
		outbuf_slice(out, absent);
		return;
	}
	for (rest = list; report_item(&rest, &item);) {
		if (item.p != list.p)
			outbuf_char(out, ',');
		outbuf_slice(out, report_text_part(item, name, &part) ? part : absent);
	}
}

/* Several items stay encoded: their commas tell them apart. */
static void
put_derived(struct outbuf *out, const struct report *r, struct report_name name)
{
	struct slice	 whole = r->field[name.field], value;

	if (memchr(whole.p, ',', whole.n) != NULL &&
	    report_is_list(r->event, name.field)) {
		if (name.part == PART_WHOLE)
			outbuf_slice(out, whole);
		else
			put_items(out, whole, name);
	} else if (report_text_part(whole, name, &value))
		put_decoded(out, value);
	else
		outbuf_slice(out, absent);
}

static inline void
put_name(struct row *row, const struct report *r, struct report_name name)
{
	struct slice	 value;

	put_delimiter(row);
	if (!report_has(r, name.field))
		outbuf_slice(row->out, absent);
	else if (time_text != NULL && report_fields[name.field].type == RT_TIME)
		outbuf_slice(row->out, time_format_text(&times, r->field[name.field]));
	else if (report_is_derived(r->event) && name.field > RF_SESSION)
		put_derived(row->out, r, name);
	else if (name.part == PART_WHOLE)
		outbuf_slice(row->out, r->field[name.field]);
	else
		outbuf_slice(row->out,
		    report_value(r, name, &value) ? value : absent);
}

/* The next field of a line, of all its bars; *p is NULL after the last. */
static struct slice
next_field(const char **p, const char *end)
{
	const char	*start = *p, *bar;

	bar = memchr(start, '|', (size_t)(end - start));
	*p = bar == NULL ? NULL : bar + 1;
	return slice_make(start, (size_t)((bar == NULL ? end : bar) - start));
}

/* Fields from to to, counted from 1. */
static void
put_range(struct row *row, const struct report *r, size_t from, size_t to)
{
	struct slice	 line = r->line, field;
	const char	*p = line.p;
	size_t		 i;

	/* The second to the sixth are version to session, and cut already. */
	if (from == to && from >= 2 && from <= 6 && report_has(r, RF_VERSION)) {
		put_delimiter(row);
		outbuf_slice(row->out, r->field[RF_VERSION + from - 2]);
		return;
	}
	for (i = 1; i <= to && p != NULL; i++) {
		field = next_field(&p, line.p + line.n);
		if (i < from)
			continue;
		put_delimiter(row);
		outbuf_slice(row->out, field);
	}
	if (i <= from) {
		put_delimiter(row);
		outbuf_slice(row->out, absent);
	}
}

static bool
has_any(const struct report *r)
{
	const char	*p = r->line.p, *end = p + r->line.n;
	struct slice	 value;
	size_t		 i, fields = 1;

	for (; by_number && (p = memchr(p, '|', (size_t)(end - p))) != NULL; p++)
		fields++;
	for (i = 0; i < ncolumns; i++)
		if (columns[i].from == 0 ? report_value(r, columns[i].name, &value) :
		    columns[i].from <= fields)
			return true;
	return false;
}

static void
put_columns(struct row *row, const struct report *r)
{
	const struct column	*c;

	for (c = columns; c < columns + ncolumns; c++)
		if (c->from != 0)
			put_range(row, r, c->from, c->to);
		else
			put_name(row, r, c->name);
}

static bool
is_listed(enum field f)
{
	size_t	 i;

	for (i = 0; i < ncolumns; i++)
		if (columns[i].name.field == f)
			return true;
	return false;
}

/* All fields of the event in the newest order, but those of the list. */
static void
put_other_names(struct row *row, const struct report *r)
{
	const uint8_t	*field = report_events[r->event].field;
	enum field	 f;

	for (f = RF_VERSION; f <= RF_SESSION; f++)
		if (!is_listed(f))
			put_name(row, r, (struct report_name){ f, PART_WHOLE });
	for (; *field != RF_VERSION; field++)
		if (!is_listed(*field))
			put_name(row, r, (struct report_name){ *field, PART_WHOLE });
}

static void
put_other_numbers(struct row *row, const struct report *r)
{
	const char	*p = r->line.p;
	struct slice	 field;
	size_t		 i, k;

	for (i = 1; p != NULL; i++) {
		field = next_field(&p, r->line.p + r->line.n);
		for (k = 0; k < ncolumns; k++)
			if (i >= columns[k].from && i <= columns[k].to)
				break;
		if (k < ncolumns)
			continue;
		put_delimiter(row);
		outbuf_slice(row->out, field);
	}
}

static void
put_header(struct outbuf *out)
{
	struct row	 row = { .out = out };
	size_t		 i;

	for (i = 0; i < ncolumns; i++) {
		put_delimiter(&row);
		outbuf_slice(out, columns[i].text);
	}
	outbuf_char(out, record_end);
}

/* Whether the record was selected. */
static bool
put_record(struct outbuf *out, const struct report *r)
{
	struct row	 row = { .out = out };

	if (selected_only && !has_any(r))
		return false;
	if (!complement)
		put_columns(&row, r);
	else if (by_name)
		put_other_names(&row, r);
	else
		put_other_numbers(&row, r);
	outbuf_char(out, record_end);
	return true;
}

/* What the columns need of a line: its parameters only if they may hold one. */
static enum report_class
parse(struct report *r, struct slice line)
{
	struct slice		 params;
	enum report_class	 class = report_parse_prefix(r, line, &params);

	return class == REPORT_KNOWN && wanted[r->event] ?
	    report_parse_params(r, params) : class;
}

static int
cut(struct input *in, struct outbuf *out)
{
	struct report		 r;
	struct slice		 line;
	enum report_class	 class;
	const char		*why;
	bool			 any = false;
	int			 n, status = 0;

	while ((n = input_line(in, out, &line)) != 0) {
		if (n == -1) {
			warn("%s", in->name);
			status = 2;
			continue;
		}
		class = input_class(in, &r, parse(&r, line));
		if (class == REPORT_KNOWN)
			any |= put_record(out, &r);
		else if (class == REPORT_MALFORMED) {
			status = 2;
			if ((why = input_complaint(in, &r)) != NULL && !quiet)
				warnx("%s", why);
		}
	}
	if (in->malformed > INPUT_COMPLAINTS && !quiet)
		warnx("%zu malformed lines in all", in->malformed);
	return status == 0 && selected_only && !any ? 1 : status;
}

static bool
has_field(const uint8_t *order, enum field f)
{
	for (; *order != RF_VERSION; order++)
		if (*order == f)
			return true;
	return false;
}

/* Some dialect's form of the event has a field of the list. */
static bool
is_wanted(enum event_id e)
{
	const struct report_order	*o;
	size_t				 i;

	if (complement)
		return true;
	for (i = 0; i < ncolumns; i++) {
		if (columns[i].from != 0 || columns[i].name.field <= RF_SESSION)
			continue;
		if (has_field(report_events[e].field, columns[i].name.field))
			return true;
		for (o = report_orders; o->upto != DIALECT_MAX; o++)
			if (o->event == e && has_field(o->field, columns[i].name.field))
				return true;
	}
	return false;
}

/* Options that would contradict each other. */
static void
check_options(void)
{
	size_t	 i;

	if (ncolumns == 0)
		usage();
	if (complement && by_name && by_number)
		errx(2, "-v takes names or numbers, not both");
	if (complement && selected_only)
		errx(2, "-s and -v exclude each other");
	if (header && (complement || by_number))
		errx(2, "-H goes with names, without -v");
	for (i = 0; complement && i < ncolumns; i++)
		if (columns[i].name.part != PART_WHOLE)
			errx(2, "-v takes whole fields: %.*s",
			    (int)columns[i].text.n, columns[i].text.p);
}

int
main(int argc, char *argv[])
{
	struct input	 in;
	struct outbuf	 out;
	enum event_id	 e;
	int		 ch, status;

	while ((ch = getopt(argc, argv, "0d:e:f:HlQsT:uv")) != -1)
		switch (ch) {
		case '0':
			record_end = '\0';
			break;
		case 'd':
			delimiter = slice_str(optarg);
			break;
		case 'e':
			absent = slice_str(optarg);
			break;
		case 'f':
			list(optarg);
			break;
		case 'H':
			header = true;
			break;
		case 'l':
			print_vocabulary();
			return 0;
		case 'Q':
			quiet = true;
			break;
		case 's':
			selected_only = true;
			break;
		case 'T':
			time_text = optarg;
			break;
		case 'u':
			utc = true;
			break;
		case 'v':
			complement = true;
			break;
		default:
			usage();
		}
	check_options();
	if (utc && time_text == NULL)
		time_text = UTC;
	if (time_text != NULL && time_format_init(&times, time_text, utc) == -1)
		errx(2, "time format too long: %s", time_text);
	for (e = 0; e < EV_MAX; e++)
		wanted[e] = is_wanted(e);
	if (input_init(&in, argv + optind) == -1 ||
	    outbuf_init(&out, STDOUT_FILENO) == -1)
		err(2, NULL);
	if (header)
		put_header(&out);
	status = cut(&in, &out);
	input_free(&in);
	if (outbuf_close(&out) == -1)
		err(2, "stdout");
	return status;
}
