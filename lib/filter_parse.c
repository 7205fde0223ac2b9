/* SPDX-License-Identifier: ISC */
/*
 * What a filter says: lines of every dialect, strictly.
 */
#include "lib/filter.h"
#include "lib/nitems.h"

/* A digit's value and one; 0: it is none. */
static const uint8_t hex_digit[256] = {
	['0'] = 1, ['1'] = 2, ['2'] = 3, ['3'] = 4, ['4'] = 5, ['5'] = 6,
	['6'] = 7, ['7'] = 8, ['8'] = 9, ['9'] = 10,
	['a'] = 11, ['b'] = 12, ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16,
	['A'] = 11, ['B'] = 12, ['C'] = 13, ['D'] = 14, ['E'] = 15, ['F'] = 16,
};

static enum filter_line
malformed(struct filter_answer *a, const char *error, struct slice culprit)
{
	a->error = error;
	a->culprit = culprit;
	return FILTER_MALFORMED;
}

/* -- cutting: *rest is SLICE_NONE once its last field is taken -- */

static struct slice
cut(struct slice *rest)
{
	struct slice	 field = *rest;
	const char	*bar = rest->n == 0 ? NULL : memchr(rest->p, '|', rest->n);

	if (bar == NULL) {
		*rest = SLICE_NONE;
		return field;
	}
	field.n = (size_t)(bar - field.p);
	*rest = slice_make(bar + 1, rest->n - field.n - 1);
	return field;
}

/* 1 to 16 digits and the bar behind them, or the end. */
static inline bool
cut_hex(struct slice *rest, uint64_t *value)
{
	const unsigned char	*p = (const unsigned char *)rest->p;
	size_t			 i, max = rest->n < 16 ? rest->n : 16;
	uint64_t		 v = 0;
	uint8_t			 digit;

	for (i = 0; i < max && (digit = hex_digit[p[i]]) != 0; i++)
		v = v << 4 | (digit - 1U);
	if (i == 0 || (i < rest->n && p[i] != '|'))
		return false;
	*value = v;
	*rest = i == rest->n ? SLICE_NONE :
	    slice_make(rest->p + i + 1, rest->n - i - 1);
	return true;
}

static inline bool
cut_prefix(struct slice *rest, struct slice prefix)
{
	if (rest->n < prefix.n || memcmp(rest->p, prefix.p, prefix.n) != 0)
		return false;
	rest->p += prefix.n;
	rest->n -= prefix.n;
	return true;
}

/* -- answers -- */

static const char *
cut_session(struct filter_answer *a, struct slice *rest)
{
	if (rest->p == NULL)
		return "no session";
	return cut_hex(rest, &a->session) ? NULL :
	    "not a session: 1 to 16 hexadecimal digits";
}

static const char *
cut_token(struct filter_answer *a, struct slice *rest)
{
	if (rest->p == NULL)
		return "no token";
	return cut_hex(rest, &a->token) ? NULL :
	    "not a token: 1 to 16 hexadecimal digits";
}

/* Whose answer it is, in the order of the dialect: NULL, or what is wrong with *rest. */
static const char *
cut_ids(struct filter_answer *a, enum dialect d, struct slice *rest)
{
	const char	*error;

	a->token = 0;
	if (!filter_has_token(d))
		return cut_session(a, rest);
	if (d < DIALECT_0_5) {
		error = cut_token(a, rest);
		return error != NULL ? error : cut_session(a, rest);
	}
	error = cut_session(a, rest);
	return error != NULL ? error : cut_token(a, rest);
}

static enum filter_line
parse_data_line(struct filter_answer *a, enum dialect d, struct slice rest)
{
	const char	*error = cut_ids(a, d, &rest);

	if (error != NULL)
		return malformed(a, error, cut(&rest));
	if (rest.p == NULL)
		return malformed(a, "no line behind its last bar", SLICE_NONE);
	a->param = rest;
	return FILTER_DATA_LINE;
}

/* What its parameter must be. */
static const enum { NONE, SOME, NOT_A_FILTERS } needs[DECISION_MAX] = {
	[DECISION_PROCEED]	= NONE,
	[DECISION_REJECT]	= SOME,
	[DECISION_DISCONNECT]	= SOME,
	[DECISION_REWRITE]	= SOME,
	[DECISION_JUNK]		= NONE,
	[DECISION_REPORT]	= SOME,
	[DECISION_BYPASS]	= NOT_A_FILTERS,
};

static enum filter_line
parse_result(struct filter_answer *a, enum dialect d, struct slice rest)
{
	const char	*error = cut_ids(a, d, &rest);
	struct slice	 word;

	if (error != NULL)
		return malformed(a, error, cut(&rest));
	if (rest.p == NULL)
		return malformed(a, "no decision", SLICE_NONE);
	word = cut(&rest);
	a->decision = filter_decision_by_name(word);
	if (a->decision == DECISION_MAX || needs[a->decision] == NOT_A_FILTERS)
		return malformed(a, "not a decision: proceed, reject, disconnect, "
		    "rewrite, junk or report", word);
	if (needs[a->decision] == SOME && rest.p == NULL)
		return malformed(a, "a decision that needs a parameter", word);
	if (needs[a->decision] == NONE && rest.p != NULL)
		return malformed(a, "a decision that has no parameter", rest);
	a->param = rest;
	return FILTER_DECIDES;
}

/* -- what it wants to hear -- */

static bool
find_subsystem(struct filter_answer *a, struct slice word)
{
	enum subsystem	 s;

	for (s = 0; s < SUBSYSTEM_MAX; s++)
		if (slice_eq(word, slice_str(subsystem_names[s]))) {
			a->subsystem = s;
			return true;
		}
	return false;
}

static enum filter_line
register_report(struct filter_answer *a, struct slice rest)
{
	struct slice	 word;

	if (rest.p == NULL)
		return malformed(a, "no subsystem", SLICE_NONE);
	word = cut(&rest);
	if (!find_subsystem(a, word))
		return malformed(a, "not a subsystem: smtp-in, smtp-out, queue or stats",
		    word);
	if (rest.p == NULL)
		return malformed(a, "no event", SLICE_NONE);
	a->phase = PHASE_MAX;
	a->event = EV_MAX;
	if (slice_eq(rest, SLICE("*")))
		return FILTER_REGISTERS;
	a->event = report_event_by_name(rest);
	if (a->event == EV_UNKNOWN || report_events[a->event].derived)
		return malformed(a, "not an event", rest);
	return FILTER_REGISTERS;
}

static enum filter_line
register_filter(struct filter_answer *a, struct slice rest)
{
	struct slice	 word;

	if (rest.p == NULL)
		return malformed(a, "no subsystem", SLICE_NONE);
	word = cut(&rest);
	if (!find_subsystem(a, word) || a->subsystem != SUBSYSTEM_SMTP_IN)
		return malformed(a, "filters decide on smtp-in only", word);
	if (rest.p == NULL)
		return malformed(a, "no phase", SLICE_NONE);
	a->event = EV_MAX;
	a->phase = filter_phase_by_name(rest);
	return a->phase != PHASE_MAX ? FILTER_REGISTERS :
	    malformed(a, "not a phase", rest);
}

static enum filter_line
parse_register(struct filter_answer *a, struct slice rest)
{
	struct slice	 word = cut(&rest);

	if (slice_eq(word, SLICE("report")))
		return register_report(a, rest);
	if (slice_eq(word, SLICE("filter")))
		return register_filter(a, rest);
	if (!slice_eq(word, SLICE("ready")))
		return malformed(a, "not to be registered: report, filter or ready", word);
	return rest.p == NULL ? FILTER_READY :
	    malformed(a, "more than register|ready", rest);
}

/* TIME|SUBSYSTEM|SESSION|TEXT; the time is the filter's own and not used. */
static enum filter_line
parse_report(struct filter_answer *a, struct slice rest)
{
	struct slice	 word = cut(&rest);
	uint64_t	 usec;
	const char	*error;

	if (report_time(word, &usec) == -1)
		return malformed(a, "not a time", word);
	word = cut(&rest);
	if (!find_subsystem(a, word) || a->subsystem > SUBSYSTEM_SMTP_OUT)
		return malformed(a, "not a subsystem: smtp-in or smtp-out", word);
	if ((error = cut_session(a, &rest)) != NULL)
		return malformed(a, error, cut(&rest));
	if (rest.p == NULL)
		return malformed(a, "no text", SLICE_NONE);
	a->param = rest;
	return FILTER_REPORTS;
}

enum filter_line
filter_answer_parse(struct filter_answer *a, enum dialect d, struct slice line)
{
	struct slice	 rest = line;

	if (line.n == 0)
		return malformed(a, "an empty line", line);
	if (line.p[0] == 'f') {
		if (cut_prefix(&rest, SLICE("filter-dataline|")))
			return parse_data_line(a, d, rest);
		if (cut_prefix(&rest, SLICE("filter-result|")))
			return parse_result(a, d, rest);
	} else if (cut_prefix(&rest, SLICE("register|")))
		return parse_register(a, rest);
	else if (cut_prefix(&rest, SLICE("report|")))
		return parse_report(a, rest);
	return malformed(a, "not a line of the filter protocol", line);
}

bool
filter_refusal_valid(struct slice s)
{
	size_t	 i;

	if (s.n < 5 || (s.p[0] != '4' && s.p[0] != '5') || s.p[3] != ' ')
		return false;
	for (i = 1; i < 3; i++)
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
	for (; i < s.n; i++)
		if ((unsigned char)s.p[i] < ' ' || s.p[i] == 0x7f)
			return false;
	return true;
}
