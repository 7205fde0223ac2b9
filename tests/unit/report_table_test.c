/* SPDX-License-Identifier: ISC */
/*
 * The table of the report language: names are there once, found again, and
 * in an order that the parser can cut.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/report.h"

static void
test_fields(void **state)
{
	static const struct {
		const char	*alias;
		enum field	 field;
	} aliases[] = {
		{ "message-id",		RF_MSGID },
		{ "envelope-id",	RF_EVPID },
		{ "message-size",	RF_SIZE },
		{ "response",		RF_REPLY },
		{ "tls-string",		RF_TLS },
	};
	enum field	 f;
	size_t		 i;

	(void)state;
	for (f = 0; f < RF_MAX; f++) {
		assert_non_null(report_fields[f].name);
		assert_int_equal(report_field_by_name(
		    slice_str(report_fields[f].name)), f);
	}
	for (i = 0; i < sizeof(aliases) / sizeof(aliases[0]); i++)
		assert_int_equal(report_field_by_name(
		    slice_str(aliases[i].alias)), aliases[i].field);
	assert_int_equal(report_field_by_name(SLICE("nonsense")), RF_MAX);
	assert_int_equal(report_field_by_name(SLICE("")), RF_MAX);
}

static void
test_events(void **state)
{
	enum event_id	 e;

	(void)state;
	for (e = 0; e < EV_MAX; e++) {
		assert_non_null(report_events[e].name);
		assert_int_equal(report_event_by_name(
		    slice_str(report_events[e].name)), e);
	}
	assert_int_equal(report_event_by_name(SLICE("tx-")), EV_UNKNOWN);
	assert_int_equal(report_event_by_name(SLICE("tx-mail ")), EV_UNKNOWN);
}

/* More than one field of free text could not be told apart in a line. */
static void
test_one_free_text(void **state)
{
	enum event_id	 e;
	const uint8_t	*f;
	unsigned	 texts;

	(void)state;
	for (e = 0; e < EV_MAX; e++) {
		if (report_events[e].derived)
			continue;	/* their texts are encoded */
		texts = 0;
		for (f = report_events[e].field; *f != RF_VERSION; f++)
			texts += report_fields[*f].type == RT_TEXT ||
			    report_fields[*f].type == RT_MAIL;
		assert_true(texts <= 1);
	}
}

static void
test_dialects(void **state)
{
	enum dialect	 d;

	(void)state;
	for (d = DIALECT_1; d <= DIALECT_0_7; d++)
		assert_int_equal(report_dialect_by_version(
		    slice_str(dialect_names[d])), d);
	assert_int_equal(report_dialect_by_version(SLICE("0.10")),
	    DIALECT_UNKNOWN);
	assert_true(DIALECT_1 < DIALECT_0_1);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_events),
		cmocka_unit_test(test_one_free_text),
		cmocka_unit_test(test_dialects),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
