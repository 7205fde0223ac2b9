/* SPDX-License-Identifier: ISC */
/*
 * The language of filters: what is written in every dialect, what is read in
 * every dialect, and every way to be wrong.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "lib/filter.h"
#include "lib/nitems.h"

#define TIME	1541750432006099
#define SID	0xc73c0aff0dfb6250
#define TOKEN	0x1ef1c203cc576e5d

/* -- words -- */

static void
test_words(void **state)
{
	enum phase	 p;
	enum decision	 d;

	(void)state;
	for (p = 0; p < PHASE_MAX; p++) {
		assert_non_null(filter_phases[p].reported);
		assert_int_equal(filter_phase_by_name(slice_str(filter_phases[p].name)), p);
	}
	assert_int_equal(filter_phase_by_name(SLICE("connected")), PHASE_CONNECT);
	assert_int_equal(filter_phase_by_name(SLICE("tls")), PHASE_MAX);
	assert_int_equal(filter_phase_by_name(SLICE("")), PHASE_MAX);
	for (d = 0; d < DECISION_MAX; d++)
		assert_int_equal(filter_decision_by_name(slice_str(decision_names[d])), d);
	assert_int_equal(filter_decision_by_name(SLICE("proceed ")), DECISION_MAX);
}

/* -- requests -- */

#define H(dialect, time)	"filter|" dialect "|" time "|smtp-in|"
#define S			"|c73c0aff0dfb6250|"
#define T			"1ef1c203cc576e5d|"
#define OLD			H("1", "1541750432")

static const struct {
	enum dialect	 dialect;
	enum phase	 phase;
	const char	*rdns, *param, *line;
} requests[] = {
	{ DIALECT_1, PHASE_CONNECT, "a.example", "IPv6:::1", OLD "connected" S "a.example|IPv6:::1\n" },
	{ DIALECT_1, PHASE_HELO, "<unknown>", "me", OLD "helo" S "<unknown>|me\n" },
	{ DIALECT_1, PHASE_EHLO, "", "me", OLD "ehlo" S "|me\n" },
	{ DIALECT_1, PHASE_STARTTLS, "x", "", OLD "starttls" S "\n" },
	{ DIALECT_1, PHASE_MAIL_FROM, "x", "<a|b@c> SIZE=1", OLD "mail-from" S "<a|b@c> SIZE=1\n" },
	{ DIALECT_1, PHASE_DATA_LINE, "x", "", OLD "data-line" S "\n" },
	{ DIALECT_1, PHASE_DATA_LINE, "x", "..|", OLD "data-line" S "..|\n" },
	{ DIALECT_0_4, PHASE_CONNECT, "a.example", "[::1]",
	    H("0.4", "1541750432.006099") "connect" S T "a.example|[::1]\n" },
	{ DIALECT_0_5, PHASE_EHLO, "a.example", "me",
	    H("0.5", "1541750432.006099") "ehlo" S T "me\n" },
	{ DIALECT_0_6, PHASE_AUTH, "", "PLAIN who|me",
	    H("0.6", "1541750432.006099") "auth" S T "PLAIN who|me\n" },
	{ DIALECT_0_7, PHASE_CONNECT, "<unknown>", "local",
	    H("0.7", "1541750432.006099") "connect" S T "<unknown>|local\n" },
	{ DIALECT_0_7, PHASE_HELO, "x", "me",
	    H("0.7", "1541750432.006099") "helo" S T "me\n" },
	{ DIALECT_0_7, PHASE_RCPT_TO, "x", "a|b@c",
	    H("0.7", "1541750432.006099") "rcpt-to" S T "a|b@c\n" },
	{ DIALECT_0_7, PHASE_DATA, "x", "",
	    H("0.7", "1541750432.006099") "data" S T "\n" },
	{ DIALECT_0_7, PHASE_DATA_LINE, "x", ".",
	    H("0.7", "1541750432.006099") "data-line" S T ".\n" },
	{ DIALECT_0_7, PHASE_HELP, "x", "",
	    H("0.7", "1541750432.006099") "help" S T "\n" },
};

static void
test_requests(void **state)
{
	struct filter_request	 r = { .time = TIME, .session = SID, .token = TOKEN };
	char			 buf[FILTER_HEAD_MAX + 100];
	size_t			 i, n, size;

	(void)state;
	for (i = 0; i < nitems(requests); i++) {
		r.dialect = requests[i].dialect;
		r.phase = requests[i].phase;
		r.rdns = slice_str(requests[i].rdns);
		r.param = slice_str(requests[i].param);
		memset(buf, '#', sizeof(buf));
		size = FILTER_HEAD_MAX + r.rdns.n + r.param.n + 1;
		n = filter_request_write(buf, size, &r);
		assert_int_equal(n, strlen(requests[i].line));
		assert_int_equal(buf[n], '#');
		buf[n] = '\0';
		assert_string_equal(buf, requests[i].line);
	}
}

/* The longest head there can be fits, and leaves the parameter its room. */
static void
test_longest_request(void **state)
{
	static char		 param[70000], buf[FILTER_HEAD_MAX + sizeof(param) + 1];
	struct filter_request	 r = { .dialect = DIALECT_0_7, .time = UINT64_MAX,
	    .session = UINT64_MAX, .token = UINT64_MAX };
	size_t			 n;

	(void)state;
	memset(param, 'x', sizeof(param));
	r.param = slice_make(param, sizeof(param));
	for (r.phase = 0; r.phase < PHASE_MAX; r.phase++) {
		n = filter_request_write(buf, sizeof(buf), &r);
		assert_true(n > sizeof(param) && n < sizeof(buf));
		assert_memory_equal(buf + n - 1 - sizeof(param), param, sizeof(param));
		assert_int_equal(buf[n - 1], '\n');
	}
}

/* -- the handshake -- */

static const struct {
	enum dialect		 dialect;
	struct filter_config	 config;
	const char		*lines;
} configs[] = {
	{ DIALECT_1, { "1", 300, true, true, "a" }, "" },
	{ DIALECT_0_4, { "6.6", 300, true, true, "a" },
	    "config|smtpd-version|6.6\nconfig|smtp-session-timeout|300\nconfig|ready\n" },
	{ DIALECT_0_5, { "6.7", 300, true, false, "a" },
	    "config|smtpd-version|6.7\nconfig|smtp-session-timeout|300\n"
	    "config|subsystem|smtp-in\nconfig|ready\n" },
	{ DIALECT_0_6, { "6.8.0p2", 60, false, true, "mx.example.org" },
	    "config|smtpd-version|6.8.0p2\nconfig|smtp-session-timeout|60\n"
	    "config|subsystem|smtp-out\nconfig|admd|mx.example.org\nconfig|ready\n" },
	{ DIALECT_0_7, { "7.8.0-portable", 300, true, true, "mx.example.org" },
	    "config|smtpd-version|7.8.0-portable\nconfig|protocol|0.7\n"
	    "config|smtp-session-timeout|300\nconfig|subsystem|smtp-in\n"
	    "config|subsystem|smtp-out\nconfig|admd|mx.example.org\nconfig|ready\n" },
	{ DIALECT_0_7, { NULL, 0, false, false, NULL },
	    "config|protocol|0.7\nconfig|smtp-session-timeout|0\nconfig|ready\n" },
};

static void
test_configs(void **state)
{
	char	 buf[1024];
	size_t	 i, n;

	(void)state;
	for (i = 0; i < nitems(configs); i++) {
		n = filter_config_write(buf, sizeof(buf) - 1, configs[i].dialect,
		    &configs[i].config);
		buf[n] = '\0';
		assert_string_equal(buf, configs[i].lines);
		assert_int_equal(filter_has_handshake(configs[i].dialect), n > 0);
		assert_int_equal(filter_has_token(configs[i].dialect), n > 0);
	}
}

/* A line that does not fit is left out whole. */
static void
test_config_cut(void **state)
{
	static const struct filter_config	 config = { "v", 1, true, true, "admd" };
	char	 buf[256];
	size_t	 size, n;

	(void)state;
	for (size = 1; size < sizeof(buf); size++) {
		memset(buf, '#', sizeof(buf));
		n = filter_config_write(buf, size, DIALECT_0_7, &config);
		assert_true(n < size);
		assert_true(n == 0 || buf[n - 1] == '\n');
		if (size < sizeof(buf) - 1)
			assert_int_equal(buf[size], '#');
	}
}

/* -- decisions and data lines -- */

#define D0_4	DIALECT_0_4
#define D0_5	DIALECT_0_5
#define D0_7	DIALECT_0_7

static const struct {
	enum dialect		 dialect;
	const char		*line;
	uint64_t		 session, token;
	enum decision		 decision;	/* DECISION_MAX: a data line */
	const char		*param;
} answers[] = {
	/* the founding form has no token */
	{ DIALECT_1, "filter-result|ab|proceed", 0xab, 0, DECISION_PROCEED, NULL },
	{ DIALECT_1, "filter-result|ab|reject|550 a|b", 0xab, 0, DECISION_REJECT, "550 a|b" },
	{ DIALECT_1, "filter-dataline|ab|a|b", 0xab, 0, DECISION_MAX, "a|b" },
	{ DIALECT_1, "filter-dataline|ab|", 0xab, 0, DECISION_MAX, "" },
	/* before 0.5 the token stands first */
	{ DIALECT_0, "filter-result|1|2|proceed", 2, 1, DECISION_PROCEED, NULL },
	{ D0_4, "filter-result|1|2|proceed", 2, 1, DECISION_PROCEED, NULL },
	{ D0_4, "filter-dataline|1|2|x", 2, 1, DECISION_MAX, "x" },
	{ D0_5, "filter-result|1|2|proceed", 1, 2, DECISION_PROCEED, NULL },
	{ D0_5, "filter-dataline|1|2|x", 1, 2, DECISION_MAX, "x" },
	{ DIALECT_0_6, "filter-result|1|2|junk", 1, 2, DECISION_JUNK, NULL },
	/* decisions */
	{ D0_7, "filter-result|c73c0aff0dfb6250|1ef1c203cc576e5d|proceed", SID, TOKEN,
	    DECISION_PROCEED, NULL },
	{ D0_7, "filter-result|C73C0AFF0DFB6250|1EF1C203cc576e5d|junk", SID, TOKEN,
	    DECISION_JUNK, NULL },
	{ D0_7, "filter-result|ffffffffffffffff|0000000000000000|reject|550 no",
	    UINT64_MAX, 0, DECISION_REJECT, "550 no" },
	{ D0_7, "filter-result|1|2|disconnect|421 a|b|", 1, 2, DECISION_DISCONNECT, "421 a|b|" },
	{ D0_7, "filter-result|1|2|rewrite|<a@b> SIZE=1", 1, 2, DECISION_REWRITE, "<a@b> SIZE=1" },
	{ D0_7, "filter-result|1|2|rewrite|", 1, 2, DECISION_REWRITE, "" },
	{ D0_7, "filter-result|1|2|reject|", 1, 2, DECISION_REJECT, "" },
	{ D0_7, "filter-result|1|2|report|a word|or two", 1, 2, DECISION_REPORT, "a word|or two" },
	/* lines of a message */
	{ D0_7, "filter-dataline|1|2|", 1, 2, DECISION_MAX, "" },
	{ D0_7, "filter-dataline|1|2|.", 1, 2, DECISION_MAX, "." },
	{ D0_7, "filter-dataline|1|2||a||", 1, 2, DECISION_MAX, "|a||" },
	{ D0_7, "filter-dataline|1|2| \t\\\x80\r", 1, 2, DECISION_MAX, " \t\\\x80\r" },
};

static void
test_answers(void **state)
{
	struct filter_answer	 a;
	enum filter_line	 kind;
	struct slice		 line;
	size_t			 i;

	(void)state;
	for (i = 0; i < nitems(answers); i++) {
		memset(&a, 0xff, sizeof(a));
		line = slice_str(answers[i].line);
		kind = filter_answer_parse(&a, answers[i].dialect, line);
		if (kind == FILTER_MALFORMED)
			fail_msg("%s: %s", answers[i].line, a.error);
		assert_int_equal(kind, answers[i].decision == DECISION_MAX ?
		    FILTER_DATA_LINE : FILTER_DECIDES);
		assert_true(a.session == answers[i].session);
		assert_true(a.token == answers[i].token);
		if (kind == FILTER_DECIDES)
			assert_int_equal(a.decision, answers[i].decision);
		assert_int_equal(a.param.p == NULL, answers[i].param == NULL);
		assert_true(slice_eq(a.param, slice_str(answers[i].param)));
		if (a.param.p != NULL)
			assert_ptr_equal(a.param.p + a.param.n, line.p + line.n);
	}
}

/* Bytes that would end a string are a line's like others. */
static void
test_nul(void **state)
{
	struct filter_answer	 a;

	(void)state;
	assert_int_equal(filter_answer_parse(&a, D0_7,
	    SLICE("filter-dataline|1|2|a\0b")), FILTER_DATA_LINE);
	assert_true(slice_eq(a.param, SLICE("a\0b")));
	assert_int_equal(filter_answer_parse(&a, D0_7,
	    SLICE("filter-result|1|2|proceed\0")), FILTER_MALFORMED);
}

/* -- registrations and reports -- */

static const struct {
	const char	*line;
	enum subsystem	 subsystem;
	enum event_id	 event;
	enum phase	 phase;
} registrations[] = {
	{ "register|report|smtp-in|*", SUBSYSTEM_SMTP_IN, EV_MAX, PHASE_MAX },
	{ "register|report|smtp-out|*", SUBSYSTEM_SMTP_OUT, EV_MAX, PHASE_MAX },
	{ "register|report|smtp-in|link-connect", SUBSYSTEM_SMTP_IN, EV_LINK_CONNECT, PHASE_MAX },
	{ "register|report|smtp-out|timeout", SUBSYSTEM_SMTP_OUT, EV_TIMED_OUT, PHASE_MAX },
	{ "register|report|smtp-in|link-reset", SUBSYSTEM_SMTP_IN, EV_LINK_RESET, PHASE_MAX },
	{ "register|report|queue|envelope-failed", SUBSYSTEM_QUEUE, EV_ENVELOPE_FAILED, PHASE_MAX },
	{ "register|report|stats|*", SUBSYSTEM_STATS, EV_MAX, PHASE_MAX },
	{ "register|filter|smtp-in|connect", SUBSYSTEM_SMTP_IN, EV_MAX, PHASE_CONNECT },
	{ "register|filter|smtp-in|connected", SUBSYSTEM_SMTP_IN, EV_MAX, PHASE_CONNECT },
	{ "register|filter|smtp-in|data-line", SUBSYSTEM_SMTP_IN, EV_MAX, PHASE_DATA_LINE },
	{ "register|filter|smtp-in|help", SUBSYSTEM_SMTP_IN, EV_MAX, PHASE_HELP },
};

static void
test_registrations(void **state)
{
	struct filter_answer	 a;
	enum dialect		 d;
	size_t			 i;

	(void)state;
	for (i = 0; i < nitems(registrations); i++)
		for (d = DIALECT_1; d <= DIALECT_0_7; d++) {
			assert_int_equal(filter_answer_parse(&a, d,
			    slice_str(registrations[i].line)), FILTER_REGISTERS);
			assert_int_equal(a.subsystem, registrations[i].subsystem);
			assert_int_equal(a.event, registrations[i].event);
			assert_int_equal(a.phase, registrations[i].phase);
		}
	assert_int_equal(filter_answer_parse(&a, D0_7, SLICE("register|ready")),
	    FILTER_READY);
}

static void
test_reports(void **state)
{
	struct filter_answer	 a;

	(void)state;
	assert_int_equal(filter_answer_parse(&a, D0_4,
	    SLICE("report|1541750432.006099|smtp-in|ab|a|b")), FILTER_REPORTS);
	assert_true(a.session == 0xab);
	assert_true(slice_eq(a.param, SLICE("a|b")));
	assert_int_equal(filter_answer_parse(&a, DIALECT_1,
	    SLICE("report|1541750432|smtp-out|ab|")), FILTER_REPORTS);
	assert_true(a.param.p != NULL && a.param.n == 0);
}

/* -- errors -- */

static const struct {
	enum dialect	 dialect;
	const char	*line, *error, *culprit;	/* culprit NULL: none */
} errors[] = {
	{ D0_7, "", "an empty line", "" },
	{ D0_7, "x", "not a line of the filter protocol", "x" },
	{ D0_7, "f", "not a line of the filter protocol", "f" },
	{ D0_7, "filter-result", "not a line of the filter protocol", "filter-result" },
	{ D0_7, "filter-data-line|1|2|x", "not a line of the filter protocol",
	    "filter-data-line|1|2|x" },
	{ D0_7, "Filter-result|1|2|proceed", "not a line of the filter protocol",
	    "Filter-result|1|2|proceed" },
	{ D0_7, " filter-result|1|2|proceed", "not a line of the filter protocol",
	    " filter-result|1|2|proceed" },
	{ D0_7, "filter-response|1|2|proceed", "not a line of the filter protocol",
	    "filter-response|1|2|proceed" },

	{ D0_7, "filter-result|", "not a session: 1 to 16 hexadecimal digits", "" },
	{ D0_7, "filter-result||2|proceed", "not a session: 1 to 16 hexadecimal digits", "" },
	{ D0_7, "filter-result|xyz|2|proceed", "not a session: 1 to 16 hexadecimal digits", "xyz" },
	{ D0_7, "filter-result|0x1|2|proceed", "not a session: 1 to 16 hexadecimal digits", "0x1" },
	{ D0_7, "filter-result|-1|2|proceed", "not a session: 1 to 16 hexadecimal digits", "-1" },
	{ D0_7, "filter-result| 1|2|proceed", "not a session: 1 to 16 hexadecimal digits", " 1" },
	{ D0_7, "filter-result|1 |2|proceed", "not a session: 1 to 16 hexadecimal digits", "1 " },
	{ D0_7, "filter-result|12345678901234567|2|proceed",
	    "not a session: 1 to 16 hexadecimal digits", "12345678901234567" },
	{ D0_7, "filter-result|1", "no token", NULL },
	{ D0_7, "filter-result|1|", "not a token: 1 to 16 hexadecimal digits", "" },
	{ D0_7, "filter-result|1|proceed", "not a token: 1 to 16 hexadecimal digits", "proceed" },
	{ D0_7, "filter-result|1|2", "no decision", NULL },
	{ D0_7, "filter-result|1|2g|proceed", "not a token: 1 to 16 hexadecimal digits", "2g" },
	{ D0_4, "filter-result|x|2|proceed", "not a token: 1 to 16 hexadecimal digits", "x" },
	{ D0_4, "filter-result|1|x|proceed", "not a session: 1 to 16 hexadecimal digits", "x" },
	{ D0_4, "filter-result|1", "no session", NULL },
	{ DIALECT_1, "filter-result|x|proceed", "not a session: 1 to 16 hexadecimal digits", "x" },
	{ DIALECT_1, "filter-result|1", "no decision", NULL },
	{ DIALECT_1, "filter-result|1|2|proceed", "not a decision: proceed, reject, "
	    "disconnect, rewrite, junk or report", "2" },
	{ D0_7, "filter-result|1|2|", "not a decision: proceed, reject, disconnect, "
	    "rewrite, junk or report", "" },
	{ D0_7, "filter-result|1|2|accept", "not a decision: proceed, reject, disconnect, "
	    "rewrite, junk or report", "accept" },
	{ D0_7, "filter-result|1|2|PROCEED", "not a decision: proceed, reject, disconnect, "
	    "rewrite, junk or report", "PROCEED" },
	{ D0_7, "filter-result|1|2|proceed\r", "not a decision: proceed, reject, disconnect, "
	    "rewrite, junk or report", "proceed\r" },
	{ D0_7, "filter-result|1|2|bypass", "not a decision: proceed, reject, disconnect, "
	    "rewrite, junk or report", "bypass" },
	{ D0_7, "filter-result|1|2|reject", "a decision that needs a parameter", "reject" },
	{ D0_7, "filter-result|1|2|disconnect", "a decision that needs a parameter", "disconnect" },
	{ D0_7, "filter-result|1|2|rewrite", "a decision that needs a parameter", "rewrite" },
	{ D0_7, "filter-result|1|2|report", "a decision that needs a parameter", "report" },
	{ D0_7, "filter-result|1|2|proceed|", "a decision that has no parameter", "" },
	{ D0_7, "filter-result|1|2|proceed|x|y", "a decision that has no parameter", "x|y" },
	{ D0_7, "filter-result|1|2|junk|", "a decision that has no parameter", "" },

	{ D0_7, "filter-dataline|", "not a session: 1 to 16 hexadecimal digits", "" },
	{ D0_7, "filter-dataline|x|2|y", "not a session: 1 to 16 hexadecimal digits", "x" },
	{ D0_7, "filter-dataline|1|x|y", "not a token: 1 to 16 hexadecimal digits", "x" },
	{ D0_7, "filter-dataline|1", "no token", NULL },
	{ D0_7, "filter-dataline|1|2", "no line behind its last bar", NULL },
	{ D0_4, "filter-dataline|1", "no session", NULL },
	{ DIALECT_1, "filter-dataline|1", "no line behind its last bar", NULL },

	{ D0_7, "register", "not a line of the filter protocol", "register" },
	{ D0_7, "register|", "not to be registered: report, filter or ready", "" },
	{ D0_7, "register|reports|smtp-in|*", "not to be registered: report, filter or ready",
	    "reports" },
	{ D0_7, "register|ready|", "more than register|ready", "" },
	{ D0_7, "register|report", "no subsystem", NULL },
	{ D0_7, "register|report|smtp|*",
	    "not a subsystem: smtp-in, smtp-out, queue or stats", "smtp" },
	{ D0_7, "register|report|smtp-in", "no event", NULL },
	{ D0_7, "register|report|smtp-in|", "not an event", "" },
	{ D0_7, "register|report|smtp-in|connect", "not an event", "connect" },
	{ D0_7, "register|report|smtp-in|tx-mail|x", "not an event", "tx-mail|x" },
	{ D0_7, "register|report|smtp-in|tx-summary", "not an event", "tx-summary" },
	{ D0_7, "register|filter", "no subsystem", NULL },
	{ D0_7, "register|filter|smtp-out|connect", "filters decide on smtp-in only", "smtp-out" },
	{ D0_7, "register|filter|x|connect", "filters decide on smtp-in only", "x" },
	{ D0_7, "register|filter|smtp-in", "no phase", NULL },
	{ D0_7, "register|filter|smtp-in|*", "not a phase", "*" },
	{ D0_7, "register|filter|smtp-in|link-connect", "not a phase", "link-connect" },

	{ D0_7, "report|", "not a time", "" },
	{ D0_7, "report|now|smtp-in|1|x", "not a time", "now" },
	{ D0_7, "report|1.", "not a subsystem: smtp-in or smtp-out", NULL },
	{ D0_7, "report|1.5|queue|1|x", "not a subsystem: smtp-in or smtp-out", "queue" },
	{ D0_7, "report|0.7|1.5|smtp-in|link-connect|1|x",
	    "not a subsystem: smtp-in or smtp-out", "1.5" },
	{ D0_7, "report|1.5|smtp-in", "no session", NULL },
	{ D0_7, "report|1.5|smtp-in|x|y", "not a session: 1 to 16 hexadecimal digits", "x" },
	{ D0_7, "report|1.5|smtp-in|1", "no text", NULL },
};

static void
test_errors(void **state)
{
	struct filter_answer	 a;
	struct slice		 line;
	size_t			 i;

	(void)state;
	for (i = 0; i < nitems(errors); i++) {
		memset(&a, 0, sizeof(a));
		line = slice_str(errors[i].line);
		if (filter_answer_parse(&a, errors[i].dialect, line) != FILTER_MALFORMED)
			fail_msg("%s: was taken", errors[i].line);
		if (strcmp(a.error, errors[i].error) != 0)
			fail_msg("%s: %s", errors[i].line, a.error);
		if ((a.culprit.p == NULL) != (errors[i].culprit == NULL) ||
		    !slice_eq(a.culprit, slice_str(errors[i].culprit)))
			fail_msg("%s: culprit is %.*s", errors[i].line,
			    (int)a.culprit.n, a.culprit.p);
	}
}

/* -- refusals -- */

static void
test_refusals(void **state)
{
	static const struct {
		struct slice	 text;
		bool		 valid;
	} rows[] = {
		{ SLICE("550 go away punk"), true },
		{ SLICE("421 x"), true },
		{ SLICE("451 4.3.0 a|b \xc3\xa9"), true },
		{ SLICE("550"), false },
		{ SLICE("550 "), false },
		{ SLICE("550-no"), false },
		{ SLICE("250 yes"), false },
		{ SLICE("650 x"), false },
		{ SLICE("5a0 x"), false },
		{ SLICE("55x x"), false },
		{ SLICE("go away"), false },
		{ SLICE("550 a\rb"), false },
		{ SLICE("550 a\nb"), false },
		{ SLICE("550 a\0b"), false },
		{ SLICE("550 a\x7f"), false },
		{ SLICE("550\tno"), false },
		{ SLICE(""), false },
		{ { NULL, 0 }, false },
	};
	size_t	 i;

	(void)state;
	for (i = 0; i < nitems(rows); i++)
		assert_int_equal(filter_refusal_valid(rows[i].text), rows[i].valid);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_requests),
		cmocka_unit_test(test_longest_request),
		cmocka_unit_test(test_configs),
		cmocka_unit_test(test_config_cut),
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_nul),
		cmocka_unit_test(test_registrations),
		cmocka_unit_test(test_reports),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_refusals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
