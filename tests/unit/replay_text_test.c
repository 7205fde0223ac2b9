/* SPDX-License-Identifier: ISC */
/*
 * What commands and replies say, and when two replies say the same.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "lib/nitems.h"
#include "lib/replay_text.h"

static void
commands_test(void **state)
{
	static const struct {
		const char	*command;
		bool		 auth, masked, chunk;
		uint64_t	 size;
	} rows[] = {
		{ "AUTH PLAIN ********",	true, true, false, 0 },
		{ "  auth\tlogin ********",	true, true, false, 0 },
		{ "AUTH PLAIN AGEAYg==",	true, false, false, 0 },
		{ "AUTH",			true, false, false, 0 },
		{ "AUTHX",			false, false, false, 0 },
		{ "AUT",			false, false, false, 0 },
		{ "********",			false, true, false, 0 },
		{ "NOOP ********",		false, false, false, 0 },
		{ "",				false, false, false, 0 },
		{ "BDAT 0",			false, false, true, 0 },
		{ "bdat  15 last ",		false, false, false, 0 },
		{ "bdat  15 last",		false, false, true, 15 },
		{ "BDAT 999999999999999 LAST",	false, false, true, 999999999999999 },
		{ "BDAT 9999999999999999",	false, false, false, 0 },
		{ "BDAT 5x",			false, false, false, 0 },
		{ "BDAT",			false, false, false, 0 },
		{ "BDAT LAST",			false, false, false, 0 },
		{ "BDAT 5 FIRST",		false, false, false, 0 },
		{ "BDAT5",			false, false, false, 0 },
	};
	uint64_t	 size;
	size_t		 i;

	(void)state;
	for (i = 0; i < nitems(rows); i++) {
		struct slice	 s = slice_str(rows[i].command);

		assert_int_equal(replay_is_verb(s, "AUTH"), rows[i].auth);
		assert_int_equal(replay_is_masked(s), rows[i].masked);
		assert_int_equal(replay_chunk(s, &size), rows[i].chunk);
		if (rows[i].chunk)
			assert_int_equal(size, rows[i].size);
	}
}

static void
codes_test(void **state)
{
	static const struct {
		const char	*line;
		unsigned	 code;
		bool		 last;
	} rows[] = {
		{ "250 ok", 250, true }, { "250-ok", 250, false }, { "250", 250, true },
		{ "250-", 250, false }, { "250-a\n250 b\n", 250, false },
		{ "250\n", 250, true }, { "25", 0, true }, { "", 0, true },
		{ "2500 x", 0, true }, { "abc-", 0, true }, { "-250", 0, true },
	};
	size_t	 i;

	(void)state;
	for (i = 0; i < nitems(rows); i++) {
		assert_int_equal(replay_code(slice_str(rows[i].line)), rows[i].code);
		assert_int_equal(replay_is_last(slice_str(rows[i].line)), rows[i].last);
	}
	assert_true(slice_eq(replay_last(SLICE("250-a\n250 b\n")), SLICE("250 b")));
	assert_true(slice_eq(replay_last(SLICE("250-a\n250 b")), SLICE("250 b")));
	assert_true(slice_eq(replay_last(SLICE("250 b\n")), SLICE("250 b")));
	assert_int_equal(replay_last(SLICE("")).n, 0);
	assert_int_equal(replay_last(SLICE_NONE).n, 0);
	assert_true(slice_eq(replay_banner_name(SLICE("220 mx ESMTP\n")), SLICE("mx")));
	assert_true(slice_eq(replay_banner_name(SLICE("220 mx")), SLICE("mx")));
	assert_int_equal(replay_banner_name(SLICE("220")).n, 0);
	assert_int_equal(replay_banner_name(SLICE_NONE).n, 0);
	assert_true(replay_has_line(SLICE("250-mx\n250-chunking\n250 HELP\n"), "CHUNKING"));
	assert_false(replay_has_line(SLICE("250-mx\n250 CHUNKINGS\n"), "CHUNKING"));
}

static void
alike_test(void **state)
{
	static const struct {
		const char	*a, *b;
		bool		 alike;
	} rows[] = {
		{ "250 2.0.0 Ok\n",	"250 2.0.0 a1b2c3d4 taken\n",	true },
		{ "250 2.0.0: Ok\n",	"250 2.0.0 Ok\n",		true },
		{ "250 2.0.0\n",	"250 2.0.0 Ok\n",		true },
		{ "250 2.0.0 Ok\n",	"250 2.1.0 Ok\n",		false },
		{ "250 2.0.0 Ok\n",	"251 2.0.0 Ok\n",		false },
		{ "250 2.0.0 Ok\n",	"250 Ok\n",			false },
		{ "250 2.0 Ok\n",	"250 Ok\n",			true },
		{ "250 2.0.0.1 Ok\n",	"250 Ok\n",			true },
		{ "250 2.0.0x\n",	"250 Ok\n",			true },
		{ "250 5.7.100 a\n",	"250 5.7.10 a\n",		false },
		{ "250-a\n250 b\n",	"250 c\n",			true },
		{ "250-a\n251 b\n",	"250 c\n",			false },
		{ "what?\n",		"250 c\n",			false },
		{ "",			"what?\n",			true },
	};
	size_t	 i;

	(void)state;
	for (i = 0; i < nitems(rows); i++) {
		assert_int_equal(replay_alike(slice_str(rows[i].a), slice_str(rows[i].b)),
		    rows[i].alike);
		assert_int_equal(replay_alike(slice_str(rows[i].b), slice_str(rows[i].a)),
		    rows[i].alike);
	}
}

static void
mask_test(void **state)
{
	static const struct {
		const char	*line, *masked;
	} rows[] = {
		{ "250 2.0.0: f84306b3 Message accepted", "2.0.0 * Message accepted" },
		{ "250 2.0.0 f84306b34f388082, taken", "2.0.0 *, taken" },
		{ "250 ok: 12345678: x", "ok: *: x" },
		{ "250-SIZE 36700160", "SIZE 36700160" },
		{ "250 f84306b f84306b3f F84306B3", "f84306b f84306b3f F84306B3" },
		{ "220 mx.example.org ESMTP Postfix-3.7", "* ESMTP Postfix-3.7" },
		{ "220 own OpenSMTPD 6.8.0p2", "* OpenSMTPD 6.8.0p2" },
		{ "250 Own Hello localhost [127.0.0.1], hi", "* Hello localhost *, hi" },
		{ "250 x [ 127", "x [ 127" },
		{ "550 <a@b.example>: no", "<a@b.example>: no" },
		{ "250 at Tue, 24 Nov 2026 18:45:41 +0000 (UTC)", "at *, * * * * * (UTC)" },
		{ "250 at Tue Nov  4 18:45:41 2026.", "at * *  * * *." },
		{ "250 at 2026-11-24T18:45:41Z 18:45", "at * *" },
		{ "250 2.0.0 in 24 s", "2.0.0 in 24 s" },
		{ "250 a.b. c.de: -f.gh", "a.b. *: *" },
		{ "250 \303\251t\303\251.example", "\303\251t\303\251.example" },
		{ "250 ", "" }, { "250", "" }, { "", "" },
	};
	struct slice	 s;
	char		 buf[64];
	size_t		 i;

	(void)state;
	for (i = 0; i < nitems(rows); i++) {
		s = replay_mask(slice_str(rows[i].line), SLICE("own"), buf, sizeof(buf));
		buf[s.n] = '\0';
		assert_string_equal(buf, rows[i].masked);
		/* Cut anywhere. */
		for (size_t n = 0; n < s.n; n++) {
			char	 small[64];

			assert_int_equal(replay_mask(slice_str(rows[i].line), SLICE("own"),
			    small, n).n, n);
			assert_memory_equal(small, buf, n);
		}
	}
}

static void
compare_test(void **state)
{
	static const struct {
		const char	*expected, *got;
		const char	*pairs[5];	/* "expected/got" */
	} rows[] = {
		{ "250 a\n", "250 a\n", { NULL } },
		{ "250 a\n", "251 a\n", { "250 a/251 a" } },
		{ "250-a\n250-b\n250 c\n", "250-a\n250-c\n250 b\n", { NULL } },
		{ "250-a\n250-b\n250 c\n", "250-a\n250 c\n", { "250-b/" } },
		{ "250-a\n250 c\n", "250-a\n250-d\n250-e\n250 c\n", { "/250-d", "/250-e" } },
		{ "250-a\n250-a\n250 b\n", "250-a\n250 b\n", { "250-a/" } },
		{ "250-x\n250 y\n", "250-a\n250-b\n250 c\n",
		    { "250-x/250-a", "250 y/250-b", "/250 c" } },
		{ "", "250 a\n", { "/250 a" } },
	};
	struct replay_compare	 c;
	char			 text[64];
	size_t			 i, n;

	(void)state;
	for (i = 0; i < nitems(rows); i++) {
		struct slice	 reply[2] = { slice_str(rows[i].expected),
				    slice_str(rows[i].got) };
		struct slice	 own[2] = { SLICE("x.example"), SLICE("y") }, pair[2];

		replay_compare_init(&c, reply, own);
		for (n = 0; replay_compare_next(&c, pair); n++) {
			snprintf(text, sizeof(text), "%.*s/%.*s", (int)pair[0].n, pair[0].p,
			    (int)pair[1].n, pair[1].p);
			assert_non_null(rows[i].pairs[n]);
			assert_string_equal(text, rows[i].pairs[n]);
		}
		assert_null(rows[i].pairs[n]);
	}
}

/* What has more lines than are compared is compared as far as that. */
static void
long_test(void **state)
{
	static char		 text[REPLAY_LINES * 2 * 8 + 1];
	struct replay_compare	 c;
	struct slice		 reply[2], own[2] = { SLICE_NONE, SLICE_NONE }, pair[2];
	size_t			 i;

	(void)state;
	for (i = 0; i < REPLAY_LINES * 2; i++)
		memcpy(text + i * 8, "250-abc\n", 8);
	reply[0] = slice_make(text, i * 8);
	reply[1] = slice_make(text, i * 8 - 8);
	replay_compare_init(&c, reply, own);
	assert_int_equal(replay_compare_next(&c, pair), 0);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(commands_test),
		cmocka_unit_test(codes_test),
		cmocka_unit_test(alike_test),
		cmocka_unit_test(mask_test),
		cmocka_unit_test(compare_test),
		cmocka_unit_test(long_test),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
