/* SPDX-License-Identifier: ISC */
/*
 * A line to a record: every dialect, by the table.  Fields left of an event's
 * free text are cut from the left, those right of it from the right.
 */
#include "lib/report.h"

static void
set(struct report *r, enum field f, struct slice s)
{
	r->field[f] = s;
	r->present |= 1ULL << f;
}

/* Cuts the first field off *rest: 1, or 0 if there is none (p == NULL). */
static int
cut_left(struct slice *rest, struct slice *field)
{
	const char	*bar;

	if (rest->p == NULL)
		return 0;
	bar = rest->n == 0 ? NULL : memchr(rest->p, '|', rest->n);
	if (bar == NULL) {
		*field = *rest;
		*rest = SLICE_NONE;
		return 1;
	}
	*field = slice_make(rest->p, bar - rest->p);
	*rest = slice_make(bar + 1, rest->n - field->n - 1);
	return 1;
}

/* The same for the last field. */
static int
cut_right(struct slice *rest, struct slice *field)
{
	const char	*bar;

	if (rest->p == NULL)
		return 0;
	bar = rest->n == 0 ? NULL : memrchr(rest->p, '|', rest->n);
	if (bar == NULL) {
		*field = *rest;
		*rest = SLICE_NONE;
		return 1;
	}
	*field = slice_make(bar + 1, rest->p + rest->n - bar - 1);
	rest->n = bar - rest->p;
	return 1;
}

static bool
is_hex(struct slice s, size_t max)
{
	size_t	 i;

	if (s.n == 0 || s.n > max)
		return false;
	for (i = 0; i < s.n; i++)
		if (!((s.p[i] >= '0' && s.p[i] <= '9') ||
		    (s.p[i] >= 'a' && s.p[i] <= 'f')))
			return false;
	return true;
}

/* Digits, perhaps a dot and more digits. */
static bool
is_decimal(struct slice s)
{
	size_t	 i;
	bool	 dot = false;

	if (s.n == 0)
		return false;
	for (i = 0; i < s.n; i++) {
		if (s.p[i] == '.' && !dot && i > 0 && i + 1 < s.n)
			dot = true;
		else if (s.p[i] < '0' || s.p[i] > '9')
			return false;
	}
	return true;
}

static bool
is_word_of(struct slice s, const char *const *words, size_t n)
{
	size_t	 i;

	for (i = 0; i < n; i++)
		if (slice_eq(s, slice_str(words[i])))
			return true;
	return false;
}

static bool
is_auth_result(struct slice s)
{
	return is_word_of(s, fcrdns_names, FCRDNS_MAX);
}

static bool
is_result(struct slice s)
{
	return is_word_of(s, result_names, RESULT_MAX);
}

/* -- parameters -- */

static bool
is_text(enum field f)
{
	return report_fields[f].type == RT_TEXT ||
	    report_fields[f].type == RT_MAIL || report_fields[f].type == RT_TLS;
}

/*
 * The parameters in a given order.  The free text is the whole of what is left
 * between its neighbours; without one, what is too much is ignored.
 */
static int
cut_order(struct report *r, const uint8_t *order, size_t optional,
    struct slice rest)
{
	struct slice	 s;
	size_t		 i, n, text;

	for (n = 0; order[n] != RF_VERSION; n++)
		;
	for (text = 0; text < n && !is_text(order[text]); text++)
		;
	for (i = 0; i < text; i++) {
		if (!cut_left(&rest, &s))
			return n - i <= optional ? 0 : -1;
		set(r, order[i], s);
	}
	for (i = n; text < n && i-- > text + 1;) {
		if (!cut_right(&rest, &s))
			return -1;
		set(r, order[i], s);
	}
	if (text < n) {
		if (rest.p == NULL)
			return optional > 0 ? 0 : -1;
		set(r, order[text], rest);
	}
	return 0;
}

/* Two parameters on the first day, three until 2018-11-30, four since. */
static int
cut_link_connect(struct report *r, struct slice rest)
{
	struct slice	 s;

	if (!cut_right(&rest, &s))
		return -1;
	set(r, RF_DEST, s);
	if (!cut_right(&rest, &s))
		return -1;
	set(r, RF_SRC, s);
	if (rest.p == NULL)
		return 0;
	s = rest;
	if (rest.n > 0 && memrchr(rest.p, '|', rest.n) != NULL) {
		struct slice	 left = rest;

		cut_right(&left, &s);
		if (s.n == 0 || is_auth_result(s)) {
			set(r, RF_FCRDNS, s);
			rest = left;
		}
	}
	set(r, RF_RDNS, rest);
	return 0;
}

static int
cut_link_identify(struct report *r, struct slice rest)
{
	static const char *const	 methods[] = { "HELO", "EHLO", "LHLO" };
	struct slice			 left = rest, s;

	if (rest.p == NULL)
		return -1;
	cut_left(&left, &s);
	if (left.p != NULL && is_word_of(s, methods, 3)) {
		set(r, RF_METHOD, s);
		rest = left;
	}
	set(r, RF_IDENTITY, rest);
	return 0;
}

/*
 * Result first or last?  The version says; of a version nobody knows the
 * shape is asked, and the newest order is taken if both would do.
 */
static const uint8_t *
order_of(const struct report *r, struct slice rest)
{
	const struct report_order	*o;
	struct slice			 first, last, copy = rest;
	bool				 (*is)(struct slice);

	for (o = report_orders; o->upto != DIALECT_MAX; o++)
		if (o->event == r->event)
			break;
	if (o->upto == DIALECT_MAX)
		return report_events[r->event].field;
	if (r->dialect != DIALECT_UNKNOWN)
		return r->dialect <= o->upto ? o->field :
		    report_events[r->event].field;
	is = r->event == EV_LINK_AUTH ? is_auth_result : is_result;
	if (r->event != EV_LINK_AUTH)
		cut_left(&rest, &first);
	cut_left(&rest, &first);
	cut_right(&copy, &last);
	return !is(first) && is(last) ? o->field : report_events[r->event].field;
}

static int
cut_parameters(struct report *r, struct slice rest)
{
	switch (r->event) {
	case EV_LINK_CONNECT:
		return cut_link_connect(r, rest);
	case EV_LINK_IDENTIFY:
		return cut_link_identify(r, rest);
	default:
		return cut_order(r, order_of(r, rest),
		    report_events[r->event].optional, rest);
	}
}

/* -- prefix -- */

static enum report_class
malformed(struct report *r, const char *why)
{
	r->error = why;
	return REPORT_MALFORMED;
}

/* Records of the filter protocol that stand in captured logs. */
static bool
is_foreign(struct slice line)
{
	static const char *const	 kinds[] = { "config", "filter",
	    "filter-result", "filter-dataline", "filter-request",
	    "filter-response", "register" };
	struct slice			 first;

	cut_left(&line, &first);
	return line.p != NULL && is_word_of(first, kinds, 7);
}

static bool
is_version(struct slice s)
{
	return is_decimal(s);
}

/* 2018-11-01 and 02: the event before the time, and no version. */
static int
cut_unversioned(struct report *r, struct slice *rest, struct slice first)
{
	static const struct slice	 day1 = { "in-smtp-", 8 };
	struct slice			 s;

	if (first.n > day1.n && memcmp(first.p, day1.p, day1.n) == 0) {
		r->dialect = DIALECT_DAY1;
		set(r, RF_SUBSYSTEM, slice_str(subsystem_names[SUBSYSTEM_SMTP_IN]));
		set(r, RF_EVENT, slice_make(first.p + day1.n, first.n - day1.n));
	} else if (slice_eq(first, slice_str(subsystem_names[SUBSYSTEM_SMTP_IN])) ||
	    slice_eq(first, slice_str(subsystem_names[SUBSYSTEM_SMTP_OUT]))) {
		r->dialect = DIALECT_UNVERSIONED;
		set(r, RF_SUBSYSTEM, first);
		if (!cut_left(rest, &s))
			return -1;
		set(r, RF_EVENT, s);
	} else
		return -1;
	if (!cut_left(rest, &s))
		return -1;
	set(r, RF_TIME, s);
	return 0;
}

static int
cut_versioned(struct report *r, struct slice *rest, struct slice version)
{
	static const enum field	 order[] = { RF_TIME, RF_SUBSYSTEM, RF_EVENT };
	struct slice		 s;
	size_t			 i;

	r->dialect = report_dialect_by_version(version);
	set(r, RF_VERSION, version);
	for (i = 0; i < 3; i++) {
		if (!cut_left(rest, &s))
			return -1;
		set(r, order[i], s);
	}
	return 0;
}

enum report_class
report_parse(struct report *r, struct slice line)
{
	static const struct slice	 start = { "report|", 7 };
	struct slice			 rest, s;
	int				 n;

	r->line = line;
	r->present = 0;
	r->event = EV_UNKNOWN;
	r->dialect = DIALECT_UNKNOWN;
	r->error = NULL;
	if (line.n < start.n || memcmp(line.p, start.p, start.n) != 0)
		return line.n == 0 || is_foreign(line) ? REPORT_FOREIGN :
		    malformed(r, "not a report line");
	rest = slice_make(line.p + start.n, line.n - start.n);
	cut_left(&rest, &s);
	n = is_version(s) ? cut_versioned(r, &rest, s) :
	    cut_unversioned(r, &rest, s);
	if (n == -1 || !cut_left(&rest, &s))
		return malformed(r, "the line ends within its prefix, or has no version that could be one");
	set(r, RF_SESSION, s);
	if (!is_decimal(r->field[RF_TIME]))
		return malformed(r, "time is no number");
	if (!is_hex(s, 16))
		return malformed(r, "session is not 1 to 16 hexadecimal digits");
	r->event = report_event_by_name(r->field[RF_EVENT]);
	if (r->event == EV_UNKNOWN)
		return REPORT_FOREIGN;
	if (cut_parameters(r, rest) == -1)
		return malformed(r, "a field is missing");
	return REPORT_KNOWN;
}
