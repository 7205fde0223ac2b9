/* SPDX-License-Identifier: ISC */
/*
 * The table of the report language: names are there once, found again, and
 * in an order that the parser can cut.
 */
/* objects: smtpd/report_emit.o */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "smtpd/report_emit.h"

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

/*
 * More than one field of free text could not be told apart in a line.  The
 * last may hold bars; before it only `recipient` is a text, in which emitters
 * escape them (report_emit.c, and below).
 */
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
			    (report_fields[*f].type == RT_MAIL &&
			    (*f != RF_RECIPIENT || f[1] == RF_VERSION));
		assert_true(texts <= 1);
	}
}

static char	 emitted[REPORT_LINE_MAX];

static void
write_line(const struct report_source *src, enum event_id event,
    const struct report_value *v, size_t n)
{
	const struct report_head	 head = { src->subsystem, 1541750432500000,
	    src->session };

	n = report_write(emitted, sizeof(emitted) - 1, DIALECT_0_7, event, &head, v, n);
	emitted[n - 1] = '\0';
}

/* Bars of all texts but the last are escaped where they are emitted. */
static void
test_emitted(void **state)
{
	static const struct report_source	 out = {
		.subsystem = SUBSYSTEM_SMTP_OUT, .session = 0xab,
	};
	const struct report_fate		 fate = { .msgid = 0x0a, .evpid = 0x0a00000001,
	    .transport = "lmtp", .attempts = 2, .delay = 1500000, .next = 1000000,
	    .dest = SLICE("unix:/a|b"), .recipient = SLICE("x|\n@y"),
	    .reply = SLICE("250 a|b") };
	struct report				 r;

	(void)state;
	report_to(write_line);
	report_envelope(EV_ENVELOPE_DEFERRED, &fate);
	assert_string_equal(emitted, "report|0.7|1541750432.500000|queue|envelope-deferred|"
	    "0000000000000000|0000000a|0000000a00000001|lmtp|2|1.500000|1.000000|"
	    "unix:/a\\174b|x\\174\\012@y|250 a|b");
	report_envelope(EV_ENVELOPE_DELIVERED, &fate);
	assert_string_equal(emitted, "report|0.7|1541750432.500000|queue|envelope-delivered|"
	    "0000000000000000|0000000a|0000000a00000001|lmtp|2|1.500000|"
	    "unix:/a\\174b|x\\174\\012@y|250 a|b");
	assert_int_equal(report_parse(&r, slice_str(emitted)), REPORT_KNOWN);
	assert_true(slice_eq(r.field[RF_RECIPIENT], SLICE("x\\174\\012@y")));
	assert_true(slice_eq(r.field[RF_REPLY], SLICE("250 a|b")));
	report_link_failed(&out, SLICE("[::1]:25"), SLICE("no|route"));
	assert_string_equal(emitted, "report|0.7|1541750432.500000|smtp-out|link-failed|"
	    "00000000000000ab|[::1]:25|no|route");
	report_message_bounce(1, "failed", 2, SLICE("a|b@c"));
	assert_string_equal(emitted, "report|0.7|1541750432.500000|queue|message-bounce|"
	    "0000000000000000|00000001|failed|00000002|a|b@c");
	report_counter("a.b", 12);
	assert_string_equal(emitted, "report|0.7|1541750432.500000|stats|counter|"
	    "0000000000000000|a.b|12");
	report_gauge("a.b", 0);
	assert_string_equal(emitted, "report|0.7|1541750432.500000|stats|gauge|"
	    "0000000000000000|a.b|0");
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
		cmocka_unit_test(test_emitted),
		cmocka_unit_test(test_dialects),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
