/* SPDX-License-Identifier: ISC */
/*
 * A line to a record: every dialect, by the table.  Fields left of an event's
 * free text are cut from the left, those right of it from the right.
 */
#include "lib/nitems.h"
#include "lib/report.h"
#include "lib/report_list.h"
#include "lib/report_quick.h"

/* Prefix fields are short and of few characters: found and checked in one go. */
#define C_DIGIT		0x01
#define C_HEX		0x02
#define C_WORD		0x04	/* lower case, digits, hyphen */
#define C_VERSION	0x08	/* digits and dots */

#define DIGIT		(C_DIGIT | C_HEX | C_WORD | C_VERSION)
#define A_TO_F		(C_HEX | C_WORD)

static const uint8_t class_of[256] = {
	['0'] = DIGIT, ['1'] = DIGIT, ['2'] = DIGIT, ['3'] = DIGIT, ['4'] = DIGIT,
	['5'] = DIGIT, ['6'] = DIGIT, ['7'] = DIGIT, ['8'] = DIGIT, ['9'] = DIGIT,
	['A'] = C_HEX, ['B'] = C_HEX, ['C'] = C_HEX, ['D'] = C_HEX, ['E'] = C_HEX,
	['F'] = C_HEX,
	['a'] = A_TO_F, ['b'] = A_TO_F, ['c'] = A_TO_F, ['d'] = A_TO_F,
	['e'] = A_TO_F, ['f'] = A_TO_F,
	['g'] = C_WORD, ['h'] = C_WORD, ['i'] = C_WORD, ['j'] = C_WORD,
	['k'] = C_WORD, ['l'] = C_WORD, ['m'] = C_WORD, ['n'] = C_WORD,
	['o'] = C_WORD, ['p'] = C_WORD, ['q'] = C_WORD, ['r'] = C_WORD,
	['s'] = C_WORD, ['t'] = C_WORD, ['u'] = C_WORD, ['v'] = C_WORD,
	['w'] = C_WORD, ['x'] = C_WORD, ['y'] = C_WORD, ['z'] = C_WORD,
	['-'] = C_WORD, ['.'] = C_VERSION,
};

static inline bool
is_class(char c, unsigned class)
{
	return (class_of[(unsigned char)c] & class) != 0;
}

static inline void
set(struct report *r, enum field f, struct slice s)
{
	r->field[f] = s;
	r->present |= 1ULL << f;
}

/* -- cutting: *rest is SLICE_NONE once its last field is taken -- */

static inline void
take_left(struct slice *rest, struct slice *field, const char *bar)
{
	size_t	 n = (size_t)(bar - rest->p);

	*field = slice_make(rest->p, n);
	*rest = n == rest->n ? SLICE_NONE : slice_make(bar + 1, rest->n - n - 1);
}

static bool
cut_left(struct slice *rest, struct slice *field)
{
	const char	*bar;

	if (rest->p == NULL)
		return false;
	bar = memchr(rest->p, '|', rest->n);
	take_left(rest, field, bar == NULL ? rest->p + rest->n : bar);
	return true;
}

static bool
cut_right(struct slice *rest, struct slice *field)
{
	const char	*bar;

	if (rest->p == NULL)
		return false;
	bar = memrchr(rest->p, '|', rest->n);
	if (bar == NULL) {
		*field = *rest;
		*rest = SLICE_NONE;
		return true;
	}
	*field = slice_make(bar + 1, (size_t)(rest->p + rest->n - bar) - 1);
	rest->n = (size_t)(bar - rest->p);
	return true;
}

/* From the left, one or more characters of a class and nothing else. */
static inline bool
cut_class(struct slice *rest, struct slice *field, unsigned class)
{
	const char	*p = rest->p, *end;

	if (p == NULL)
		return false;
	for (end = p + rest->n; p < end && is_class(*p, class); p++)
		;
	if (p == rest->p || (p < end && *p != '|'))
		return false;
	take_left(rest, field, p);
	return true;
}

/* Digits, perhaps a dot and more digits. */
static inline bool
cut_time(struct slice *rest, struct slice *field)
{
	const char	*p = rest->p, *end, *dot;

	if (p == NULL)
		return false;
	for (end = p + rest->n; p < end && is_class(*p, C_DIGIT); p++)
		;
	if (p == rest->p)
		return false;
	if (p < end && *p == '.') {
		for (dot = p++; p < end && is_class(*p, C_DIGIT); p++)
			;
		if (p == dot + 1)
			return false;
	}
	if (p < end && *p != '|')
		return false;
	take_left(rest, field, p);
	return true;
}

/* -- parameters -- */

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
is_hex(struct slice s, size_t max)
{
	struct slice	 field;

	return s.n <= max && cut_class(&s, &field, C_HEX) && s.p == NULL;
}

static const char *
bad(struct report *r, enum field f, const char *why)
{
	r->culprit = f;
	return why;
}

/*
 * May s stand in field f?  Words are asked only where their shape tells one
 * order from another: elsewhere a word nobody knows yet is as good.
 */
static const char *
misfit(struct report *r, enum field f, struct slice s)
{
	struct slice	 field;
	const char	*why = NULL;

	if (report_fields[f].type == RT_HEX64 && !is_hex(s, 16))
		why = "not 1 to 16 hexadecimal digits";
	else if (report_fields[f].type == RT_HEX32 && !is_hex(s, 8))
		why = "not 1 to 8 hexadecimal digits";
	else if (report_fields[f].type == RT_NUMBER &&
	    !(cut_class(&s, &field, C_DIGIT) && s.p == NULL))
		why = "not a number";
	else if (report_fields[f].type == RT_TIME &&
	    !(cut_time(&s, &field) && s.p == NULL))
		why = "not a time";
	else if (report_fields[f].type == RT_SECONDS &&
	    !(cut_time(&s, &field) && s.p == NULL))
		why = "not a number of seconds";
	else if (f == RF_FCRDNS && r->dialect <= DIALECT_1 && s.n != 0 &&
	    !is_word_of(s, fcrdns_names, FCRDNS_MAX))
		why = "not pass, fail or error";
	else if (f == RF_METHOD && r->dialect <= DIALECT_1 &&
	    !is_word_of(s, method_names, METHOD_MAX))
		why = "not HELO, EHLO or LHLO";
	return why == NULL ? NULL : bad(r, f, why);
}

static bool
is_text(enum field f)
{
	return report_fields[f].type == RT_TEXT ||
	    report_fields[f].type == RT_MAIL || report_fields[f].type == RT_TLS;
}

/*
 * The parameters in a given order: NULL, or what is wrong.  The last of its
 * texts is the free one, the whole of what is left between its neighbours;
 * those before it hold no bar.  Without a text, what is too much is ignored.
 * An optional field that is empty is not there.
 */
static const char *
cut_order(struct report *r, const uint8_t *order, struct slice rest)
{
	size_t		 i, n, text, need;
	struct slice	 s;
	const char	*why;

	for (n = 0, text = REPORT_FIELDS; order[n] != RF_VERSION; n++)
		if (is_text(order[n]))
			text = n;
	need = n - report_events[r->event].optional;
	for (i = 0; i < n && i < text; i++) {
		if (!cut_left(&rest, &s))
			return i < need ? bad(r, order[i], "missing") : NULL;
		if (s.n == 0 && i >= need)
			continue;
		if ((why = misfit(r, order[i], s)) != NULL)
			return why;
		set(r, order[i], s);
	}
	if (text == REPORT_FIELDS)
		return NULL;
	for (i = n - 1; i > text; i--) {
		if (!cut_right(&rest, &s))
			return bad(r, order[i], "missing");
		if ((why = misfit(r, order[i], s)) != NULL)
			return why;
		set(r, order[i], s);
	}
	if (rest.p == NULL && text < need)
		return bad(r, order[text], "missing");
	if (rest.p != NULL && (rest.n != 0 || text < need))
		set(r, order[text], rest);
	return NULL;
}

/* No text of a derived event holds a bar; what is empty is absent. */
static const char *
cut_derived(struct report *r, const uint8_t *order, struct slice rest)
{
	struct slice	 s;
	const char	*why;
	size_t		 i;

	for (i = 0; order[i] != RF_VERSION; i++) {
		if (!cut_left(&rest, &s))
			return bad(r, order[i], "missing");
		if (s.n == 0)
			continue;
		if (!report_is_list(r->event, order[i]) &&
		    (why = misfit(r, order[i], s)) != NULL)
			return why;
		set(r, order[i], s);
	}
	return NULL;
}

/*
 * The orders that this dialect has instead of the newest are tried from the
 * top: within dialect 1 number and shape of the fields tell which one it is.
 */
static const char *
cut_parameters(struct report *r, struct slice rest)
{
	const struct report_order	*o;
	uint64_t			 prefix = r->present;
	const char			*why = NULL;

	if (report_is_derived(r->event))
		return cut_derived(r, report_events[r->event].field, rest);
	for (o = report_orders; o->upto != DIALECT_MAX; o++) {
		if (o->event != r->event || o->upto < r->dialect)
			continue;
		r->present = prefix;
		if ((why = cut_order(r, o->field, rest)) == NULL)
			return NULL;
	}
	return why != NULL ? why :
	    cut_order(r, report_events[r->event].field, rest);
}

/* Until the autumn of 2019 the address is the argument as typed: "<a@b> SIZE=1". */
static void
strip_brackets(struct slice *address)
{
	const char	*open, *shut;
	size_t		 left;

	if ((open = memchr(address->p, '<', address->n)) == NULL)
		return;
	left = address->n - (size_t)(++open - address->p);
	if ((shut = memchr(open, '>', left)) != NULL)
		*address = slice_make(open, (size_t)(shut - open));
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
	    "filter-result", "filter-dataline", "register" };
	struct slice			 first;

	cut_left(&line, &first);
	return line.p != NULL &&
	    is_word_of(first, kinds, nitems(kinds));
}

/* 2018-11-01 and 02: the event before the time, and no version. */
static const char *
cut_unversioned(struct report *r, struct slice *rest)
{
	static const struct slice	 day1 = { "in-smtp-", 8 };
	struct slice			 s;

	if (!cut_class(rest, &s, C_WORD))
		return bad(r, RF_VERSION, "missing");
	if (s.n > day1.n && memcmp(s.p, day1.p, day1.n) == 0) {
		r->dialect = DIALECT_DAY1;
		set(r, RF_SUBSYSTEM, slice_str(subsystem_names[SUBSYSTEM_SMTP_IN]));
		s = slice_make(s.p + day1.n, s.n - day1.n);
	} else if (slice_eq(s, slice_str(subsystem_names[SUBSYSTEM_SMTP_IN])) ||
	    slice_eq(s, slice_str(subsystem_names[SUBSYSTEM_SMTP_OUT]))) {
		r->dialect = DIALECT_UNVERSIONED;
		set(r, RF_SUBSYSTEM, s);
		if (!cut_class(rest, &s, C_WORD))
			return bad(r, RF_EVENT, "not a word");
	} else
		return bad(r, RF_VERSION, "missing");
	set(r, RF_EVENT, s);
	if (!cut_time(rest, &s))
		return bad(r, RF_TIME, "not a time");
	set(r, RF_TIME, s);
	return NULL;
}

static const char *
cut_versioned(struct report *r, struct slice *rest)
{
	struct slice	 s;

	if (!cut_class(rest, &s, C_VERSION))
		return bad(r, RF_VERSION, "not a version");
	r->dialect = report_dialect_by_version(s);
	set(r, RF_VERSION, s);
	if (!cut_time(rest, &s))
		return bad(r, RF_TIME, "not a time");
	set(r, RF_TIME, s);
	if (!cut_class(rest, &s, C_WORD))
		return bad(r, RF_SUBSYSTEM, "not a word");
	set(r, RF_SUBSYSTEM, s);
	if (!cut_class(rest, &s, C_WORD))
		return bad(r, RF_EVENT, "not a word");
	set(r, RF_EVENT, s);
	return NULL;
}

/* A subsystem nobody knows has events nobody knows. */
static enum event_id
event_of(const struct report *r)
{
	return is_word_of(r->field[RF_SUBSYSTEM], subsystem_names, SUBSYSTEM_MAX) ?
	    report_event_by_name(r->field[RF_EVENT]) : EV_UNKNOWN;
}

enum report_class
report_parse_prefix(struct report *r, struct slice line, struct slice *params)
{
	static const struct slice	 start = { "report|", 7 };
	struct slice			 rest, s;
	const char			*why;

	r->line = line;
	r->error = NULL;
	r->culprit = RF_MAX;
	if (report_quick(r, line, params))
		return REPORT_KNOWN;
	r->dialect = DIALECT_UNKNOWN;
	r->event = EV_UNKNOWN;
	r->present = 0;
	if (line.n == 0)
		return REPORT_BLANK;
	if (line.n < start.n || memcmp(line.p, start.p, start.n) != 0)
		return is_foreign(line) ? REPORT_FOREIGN :
		    malformed(r, "not a report line");
	rest = slice_make(line.p + start.n, line.n - start.n);
	why = rest.n > 0 && is_class(*rest.p, C_DIGIT) ?
	    cut_versioned(r, &rest) : cut_unversioned(r, &rest);
	if (why != NULL)
		return malformed(r, why);
	if (!cut_class(&rest, &s, C_HEX) || s.n > 16)
		return malformed(r, bad(r, RF_SESSION, "not 1 to 16 hexadecimal digits"));
	set(r, RF_SESSION, s);
	*params = rest;
	r->event = event_of(r);
	return r->event == EV_UNKNOWN ? REPORT_FOREIGN : REPORT_KNOWN;
}

enum report_class
report_parse_params(struct report *r, struct slice params)
{
	const char	*why = cut_parameters(r, params);

	if (why != NULL)
		return malformed(r, why);
	if (r->dialect <= DIALECT_0_4 && report_has(r, RF_ADDRESS))
		strip_brackets(&r->field[RF_ADDRESS]);
	if (r->dialect <= DIALECT_1 && report_has(r, RF_RECIPIENT) &&
	    !report_is_derived(r->event))
		strip_brackets(&r->field[RF_RECIPIENT]);
	return REPORT_KNOWN;
}

enum report_class
report_parse(struct report *r, struct slice line)
{
	struct slice		 params;
	enum report_class	 class = report_parse_prefix(r, line, &params);

	return class == REPORT_KNOWN ? report_parse_params(r, params) : class;
}

int
report_time(struct slice s, uint64_t *usec)
{
	uint64_t	 n = 0, part = 100000;
	size_t		 i;

	for (i = 0; i < s.n && is_class(s.p[i], C_DIGIT); i++) {
		if (n > UINT64_MAX / 10000000)
			return -1;
		n = n * 10 + (uint64_t)(s.p[i] - '0');
	}
	n *= 1000000;
	if (i == 0 || (i < s.n && s.p[i] != '.'))
		return -1;
	for (i++; i < s.n && is_class(s.p[i], C_DIGIT); i++, part /= 10)
		n += part * (uint64_t)(s.p[i] - '0');
	if (i < s.n)
		return -1;
	*usec = n;
	return 0;
}
