/* SPDX-License-Identifier: ISC */
/*
 * The quick form of a prefix: what it takes is what a plain reading of the
 * form takes, whichever byte of a line is another.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/nitems.h"
#include "lib/report_quick.h"

/* 'd' is a digit, 'x' a hex digit, anything else itself. */
static bool
looks_like(struct slice s, const char *form)
{
	size_t	 i;
	char	 c;

	if (s.n != strlen(form))
		return false;
	for (i = 0; i < s.n; i++) {
		c = s.p[i];
		if (form[i] == 'd' ? c < '0' || c > '9' : form[i] == 'x' ?
		    (c < '0' || c > '9') && (c < 'a' || c > 'f') && (c < 'A' || c > 'F') :
		    c != form[i])
			return false;
	}
	return true;
}

static struct slice
cut(struct slice *rest)
{
	struct slice	 field = *rest;
	const char	*bar = field.p == NULL || field.n == 0 ? NULL :
	    memchr(field.p, '|', field.n);

	*rest = SLICE_NONE;
	if (bar == NULL)
		return field;
	field.n = (size_t)(bar - field.p);
	*rest = slice_make(bar + 1, (size_t)(field.p + strlen(field.p) - bar) - 1);
	return field;
}

/* What report_quick promises, the plain way. */
static bool
is_quick(struct slice line, struct slice *field, struct slice *params)
{
	size_t	 i;

	*params = line;
	for (i = 0; i < 6; i++)
		field[i] = cut(params);
	return looks_like(field[0], "report") && looks_like(field[1], "0.d") &&
	    field[1].p[2] >= '1' && field[1].p[2] <= '7' &&
	    looks_like(field[2], "dddddddddd.dddddd") &&
	    (slice_eq(field[3], SLICE("smtp-in")) || slice_eq(field[3], SLICE("smtp-out")) ||
	    slice_eq(field[3], SLICE("queue"))) && field[4].n >= 7 &&
	    report_event_by_name(field[4]) != EV_UNKNOWN &&
	    looks_like(field[5], "xxxxxxxxxxxxxxxx");
}

static void
check(const char *text)
{
	static const enum field	 fields[] = { RF_VERSION, RF_TIME, RF_SUBSYSTEM,
	    RF_EVENT, RF_SESSION };
	struct slice		 line = slice_str(text), field[6], params, got;
	struct report		 r = { .line = line };
	bool			 expected = is_quick(line, field, &params);
	size_t			 i;

	assert_int_equal(report_quick(&r, line, &got), expected);
	if (!expected)
		return;
	for (i = 0; i < nitems(fields); i++) {
		assert_true(report_has(&r, fields[i]));
		assert_ptr_equal(r.field[fields[i]].p, field[i + 1].p);
		assert_int_equal(r.field[fields[i]].n, field[i + 1].n);
	}
	assert_int_equal(r.event, report_event_by_name(field[4]));
	assert_int_equal(r.dialect, report_dialect_by_version(field[1]));
	assert_ptr_equal(got.p, params.p);
	assert_int_equal(got.n, params.n);
}

static void
test_events(void **state)
{
	static const char *const	 rest[] = { "", "|", "|a|b", "0", "0|" };
	static const char *const	 subsystems[] = { "smtp-in", "smtp-out", "queue",
	    "stats" };
	char				 line[128];
	enum event_id			 e;
	size_t				 i, version;

	(void)state;
	for (e = 0; e < EV_MAX; e++)
		for (i = 0; i < nitems(rest); i++)
			for (version = 0; version < 10; version++) {
				snprintf(line, sizeof(line), "report|0.%zu|1541750432.123456|"
				    "%s|%s|0123456789abcDEF%s", version,
				    subsystems[(i + version) % nitems(subsystems)],
				    report_events[e].name, rest[i]);
				check(line);
			}
}

/* Each byte as every other, and each beginning, in memory of just that size. */
static void
test_changes(void **state)
{
	static const char *const	 lines[] = {
		"report|0.7|1541750432.123456|smtp-in|timeout|0123456789abcdef",
		"report|0.6|1541750432.999999|smtp-in|protocol-client|0123456789abcdef|x",
		"report|0.1|1541750432.000000|smtp-out|tx-commit|ffffffffffffffff|c0ffee00|1",
		"report|0.7|1541750432.000000|queue|timeout|0000000000000000",
		"report|0.7|1541750432.000000|queue|envelope-delivered|0000000000000000|c0ffee00",
	};
	size_t				 i, k, n;
	char				*copy;
	int				 c;

	(void)state;
	for (i = 0; i < nitems(lines); i++) {
		n = strlen(lines[i]);
		for (k = 0; k < n; k++) {
			assert_non_null(copy = strdup(lines[i]));
			for (c = 1; c < 256; c++) {
				copy[k] = (char)c;
				check(copy);
			}
			copy[k] = '\0';
			check(copy);
			free(copy);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_events),
		cmocka_unit_test(test_changes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
