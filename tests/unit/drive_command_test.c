/* SPDX-License-Identifier: ISC */
/*
 * Recorded commands: what a filter is asked about them, where they can stand,
 * and what a filter may put in the place of an argument.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "lib/drive_int.h"
#include "lib/nitems.h"

#define ANYWHERE	(DRIVE_IN(CONNECTED) | DRIVE_IN(READY) | DRIVE_IN(MAIL) | \
			    DRIVE_IN(RCPT) | DRIVE_IN(CHUNKS))

static const struct {
	const char	*line;
	enum phase	 phase;
	bool		 valid;
	unsigned	 allowed;
	const char	*argument, *founding;	/* founding NULL: the same */
	const char	*address;
} rows[] = {
	{ "HELO a.example",	PHASE_HELO, true, ANYWHERE, "a.example", NULL, NULL },
	{ "ehlo  [192.0.2.1] ",	PHASE_EHLO, true, ANYWHERE, "[192.0.2.1]", NULL, NULL },
	{ "EHLO a b",		PHASE_EHLO, false, ANYWHERE, "a b", NULL, NULL },
	{ "EHLO",		PHASE_EHLO, false, ANYWHERE, "", NULL, NULL },
	{ "STARTTLS",		PHASE_STARTTLS, true, DRIVE_IN(READY), "", NULL, NULL },
	{ "STARTTLS now",	PHASE_STARTTLS, false, DRIVE_IN(READY), "", NULL, NULL },
	{ "AUTH PLAIN ********", PHASE_AUTH, true, DRIVE_IN(READY), "PLAIN", NULL, NULL },
	{ "AUTH",		PHASE_AUTH, false, DRIVE_IN(READY), "", NULL, NULL },
	{ "MAIL FROM:<a|b@c.example> SIZE=1", PHASE_MAIL_FROM, true, DRIVE_IN(READY),
	    "a|b@c.example", "<a|b@c.example> SIZE=1", "a|b@c.example" },
	{ "mail from: <a@b>",	PHASE_MAIL_FROM, true, DRIVE_IN(READY), "a@b", " <a@b>", "a@b" },
	{ "MAIL FROM:<>",	PHASE_MAIL_FROM, true, DRIVE_IN(READY), "", "<>", "" },
	{ "MAIL FROM:<@r:a@b>",	PHASE_MAIL_FROM, true, DRIVE_IN(READY), "@r:a@b", "<@r:a@b>",
	    "@r:a@b" },
	{ "MAIL FROM:a@b X=1",	PHASE_MAIL_FROM, false, DRIVE_IN(READY), "a@b", "a@b X=1", "a@b" },
	{ "MAIL FROM:<a b@c>",	PHASE_MAIL_FROM, false, DRIVE_IN(READY), "a", "<a b@c>", "a" },
	{ "MAIL TO:<a@b>",	PHASE_MAIL_FROM, false, DRIVE_IN(READY), "", NULL, NULL },
	{ "RCPT TO:<postmaster>", PHASE_RCPT_TO, true, DRIVE_IN(MAIL) | DRIVE_IN(RCPT),
	    "postmaster", "<postmaster>", "postmaster" },
	{ "RCPT TO:<>",		PHASE_RCPT_TO, false, DRIVE_IN(MAIL) | DRIVE_IN(RCPT),
	    "", "<>", "" },
	{ "DATA\r",		PHASE_DATA, true, DRIVE_IN(RCPT), "", NULL, NULL },
	{ "BDAT 12",		PHASE_DATA, true, DRIVE_IN(RCPT) | DRIVE_IN(CHUNKS), "", NULL, NULL },
	{ "BDAT 12 last",	PHASE_DATA, true, DRIVE_IN(RCPT) | DRIVE_IN(CHUNKS), "", NULL, NULL },
	{ "BDAT x",		PHASE_DATA, false, DRIVE_IN(RCPT) | DRIVE_IN(CHUNKS), "", NULL, NULL },
	{ "BDAT 12 first",	PHASE_DATA, false, DRIVE_IN(RCPT) | DRIVE_IN(CHUNKS), "", NULL, NULL },
	{ "RSET",		PHASE_RSET, true, ANYWHERE, "", NULL, NULL },
	{ "NOOP a|b",		PHASE_NOOP, true, ANYWHERE, "a|b", NULL, NULL },
	{ "HELP me",		PHASE_HELP, true, ANYWHERE, "me", NULL, NULL },
	{ "VRFY u",		PHASE_MAX, true, ANYWHERE, "u", NULL, NULL },
	{ "QUIT",		PHASE_QUIT, true, ANYWHERE | DRIVE_IN(REFUSED), "", NULL, NULL },
	{ ".",			PHASE_COMMIT, true, DRIVE_IN(DATA), "", NULL, NULL },
};

static void
check(size_t i, enum dialect d, const char *argument)
{
	struct drive_command	 c;
	struct slice		 address = slice_str(rows[i].address);

	drive_command_parse(&c, d, slice_str(rows[i].line));
	if (!c.known || c.phase != rows[i].phase || c.valid != rows[i].valid ||
	    c.allowed != (rows[i].allowed | DRIVE_IN(UNKNOWN)))
		fail_msg("%s: phase %d, valid %d, allowed %#x", rows[i].line, c.phase,
		    c.valid, c.allowed);
	if (!slice_eq(c.argument, slice_str(argument)))
		fail_msg("%s: argument %.*s", rows[i].line, (int)c.argument.n, c.argument.p);
	assert_int_equal(c.address.p == NULL, address.p == NULL);
	assert_true(slice_eq(c.address, address));
}

static void
test_commands(void **state)
{
	size_t	 i;

	(void)state;
	for (i = 0; i < nitems(rows); i++) {
		check(i, DIALECT_0_7, rows[i].argument);
		check(i, DIALECT_1, rows[i].founding != NULL ? rows[i].founding :
		    rows[i].argument);
	}
}

static void
test_none(void **state)
{
	static const char *const	 lines[] = { "", " ", "XYZ", "MAILFROM:<a@b>", "..", "********" };
	struct drive_command		 c;
	size_t				 i;

	(void)state;
	for (i = 0; i < nitems(lines); i++) {
		drive_command_parse(&c, DIALECT_0_7, slice_str(lines[i]));
		assert_false(c.known);
		assert_int_equal(c.phase, PHASE_MAX);
	}
	drive_command_parse(&c, DIALECT_0_7, SLICE("BDAT 1 LAST"));
	assert_true(c.chunk && c.last);
	drive_command_parse(&c, DIALECT_0_7, SLICE("BDAT 1"));
	assert_true(c.chunk && !c.last);
}

static void
test_allowed(void **state)
{
	(void)state;
	assert_int_equal(drive_phase_allowed(PHASE_RCPT_TO),
	    DRIVE_IN(UNKNOWN) | DRIVE_IN(MAIL) | DRIVE_IN(RCPT));
	assert_int_equal(drive_phase_allowed(PHASE_COMMIT),
	    DRIVE_IN(UNKNOWN) | DRIVE_IN(DATA));
	assert_int_equal(drive_phase_allowed(PHASE_DATA),
	    DRIVE_IN(UNKNOWN) | DRIVE_IN(RCPT) | DRIVE_IN(CHUNKS));
}

static void
test_rewrites(void **state)
{
	static const struct {
		enum phase	 phase;
		const char	*argument, *value, *code;	/* code NULL: it is taken */
	} cases[] = {
		{ PHASE_EHLO, "new.example", "new.example", NULL },
		{ PHASE_HELO, "new example", NULL, "501" },
		{ PHASE_EHLO, "", NULL, "501" },
		{ PHASE_MAIL_FROM, "<a|b@c> SIZE=1", "a|b@c", NULL },
		{ PHASE_MAIL_FROM, "<>", "", NULL },
		{ PHASE_MAIL_FROM, "a@b", NULL, "553" },
		{ PHASE_RCPT_TO, "<a@b>", "a@b", NULL },
		{ PHASE_RCPT_TO, "<>", NULL, "501" },
		{ PHASE_DATA, "x", NULL, "501" },
		{ PHASE_DATA, "", "", NULL },
		{ PHASE_COMMIT, "x", NULL, "501" },
		{ PHASE_RSET, "x", NULL, "501" },
		{ PHASE_QUIT, "x", NULL, "501" },
		{ PHASE_STARTTLS, "x", NULL, "501" },
		{ PHASE_NOOP, "x", "x", NULL },
		{ PHASE_AUTH, "PLAIN x", "PLAIN x", NULL },
	};
	struct slice	 value;
	const char	*refusal;
	size_t		 i;

	(void)state;
	for (i = 0; i < nitems(cases); i++) {
		refusal = drive_rewrite_refused(cases[i].phase,
		    slice_str(cases[i].argument), &value);
		if (cases[i].code == NULL) {
			assert_null(refusal);
			assert_true(slice_eq(value, slice_str(cases[i].value)));
			continue;
		}
		assert_non_null(refusal);
		assert_memory_equal(refusal, cases[i].code, 3);
		assert_true(filter_refusal_valid(slice_str(refusal)));
	}
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_commands),
		cmocka_unit_test(test_none),
		cmocka_unit_test(test_allowed),
		cmocka_unit_test(test_rewrites),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
