/* SPDX-License-Identifier: ISC */
/* objects: smtpd/relay_reply.o */
/*
 * Replies of a server: whole, in pieces, of many lines, too long, and none.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/nitems.h"
#include "smtpd/relay.h"

static const struct {
	const char	*in;
	int		 n;		/* what it takes; 0: more is needed; -1: none */
	unsigned	 code;
	const char	*first;
} replies[] = {
	{ "", 0, 0, NULL },
	{ "2", 0, 0, NULL },
	{ "250 ok", 0, 0, NULL },
	{ "250 ok\r", 0, 0, NULL },
	{ "250 ok\r\n", 8, 250, "250 ok" },
	{ "250 ok\n", 7, 250, "250 ok" },
	{ "250\r\n", 5, 250, "250" },
	{ "250 \r\n", 6, 250, "250 " },
	{ "250 a\r\n250 b\r\n", 7, 250, "250 a" },
	{ "250-a\r\n", 0, 0, NULL },
	{ "250-a\r\n250 b\r\n", 14, 250, "250-a" },
	{ "250-a\r\n250-b\r\n250", 0, 0, NULL },
	{ "250-a\r\n250\r\n", 12, 250, "250-a" },
	/* The last line's code counts. */
	{ "250-a\r\n550 b\r\n", 14, 550, "550 b" },
	{ "421 4.3.2 bye\r\n", 15, 421, "421 4.3.2 bye" },
	{ "554 a\0b\r\n", 0, 0, NULL },
	{ "hello\r\n", -1, 0, NULL },
	{ "h", -1, 0, NULL },
	{ "\r\n", -1, 0, NULL },
	{ "25\r\n", -1, 0, NULL },
	{ "2500 ok\r\n", -1, 0, NULL },
	{ "25x ok\r\n", -1, 0, NULL },
	{ "150 ok\r\n", -1, 0, NULL },
	{ "650 ok\r\n", -1, 0, NULL },
	{ "250-a\r\nhello\r\n", -1, 0, NULL },
	{ "HTTP/1.1 400 Bad Request\r\n", -1, 0, NULL },
};

static void
reads_replies(void **state)
{
	struct relay_reply	 r;
	size_t			 i;

	(void)state;
	for (i = 0; i < nitems(replies); i++) {
		memset(&r, 0, sizeof(r));
		if (relay_reply_parse(slice_str(replies[i].in), &r) != replies[i].n)
			fail_msg("%s: not %d", replies[i].in, replies[i].n);
		if (replies[i].n <= 0)
			continue;
		assert_int_equal(r.code, replies[i].code);
		assert_true(slice_eq(r.first, slice_str(replies[i].first)));
		assert_int_equal(r.text.n, replies[i].n);
	}
}

/* Each byte of a reply may be the last that is there. */
static void
reads_pieces(void **state)
{
	static const char	 text[] = "250-mx.example\r\n250-SIZE 100\r\n250 HELP\r\n";
	struct relay_reply	 r;
	struct slice		 rest, line;
	size_t			 n;

	(void)state;
	for (n = 0; n < sizeof(text) - 1; n++)
		assert_int_equal(relay_reply_parse(slice_make(text, n), &r), 0);
	assert_int_equal(relay_reply_parse(slice_make(text, n), &r), n);
	rest = r.text;
	assert_int_equal(relay_reply_line(&rest, &line), 1);
	assert_true(slice_eq(line, SLICE("250-mx.example")));
	assert_int_equal(relay_reply_line(&rest, &line), 1);
	assert_true(slice_eq(line, SLICE("250-SIZE 100")));
	assert_int_equal(relay_reply_line(&rest, &line), 1);
	assert_true(slice_eq(line, SLICE("250 HELP")));
	assert_int_equal(relay_reply_line(&rest, &line), 0);
}

static void
is_bounded(void **state)
{
	struct relay_reply	 r;
	char			*p = malloc(2 * REPLY_TEXT_MAX);
	size_t			 n;

	(void)state;
	assert_non_null(p);
	memset(p, '2', 2 * REPLY_TEXT_MAX);
	assert_int_equal(relay_reply_parse(slice_make(p, REPLY_TEXT_MAX - 1), &r), 0);
	assert_int_equal(relay_reply_parse(slice_make(p, REPLY_TEXT_MAX), &r), -1);
	for (n = 0; n + 7 <= 2 * REPLY_TEXT_MAX; n += 7)
		memcpy(p + n, "250-x\r\n", 7);
	assert_int_equal(relay_reply_parse(slice_make(p, n), &r), -1);
	free(p);
}

static void
knows_results(void **state)
{
	static const struct { unsigned code; enum result result; } rows[] = {
		{ 220, RESULT_OK }, { 250, RESULT_OK }, { 354, RESULT_OK },
		{ 421, RESULT_TEMPFAIL }, { 452, RESULT_TEMPFAIL },
		{ 500, RESULT_PERMFAIL }, { 554, RESULT_PERMFAIL },
	};
	struct relay_reply	 r = { 0 };
	size_t			 i;

	(void)state;
	for (i = 0; i < nitems(rows); i++) {
		r.code = rows[i].code;
		assert_int_equal(relay_reply_result(&r), rows[i].result);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_replies),
		cmocka_unit_test(reads_pieces),
		cmocka_unit_test(is_bounded),
		cmocka_unit_test(knows_results),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
