/* SPDX-License-Identifier: ISC */
/*
 * Sessions out of a stream: what their steps are, in which order they come, and
 * what becomes of those that are not whole.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/nitems.h"
#include "tests/unit/replay_world.h"

/* A step is "banner=REPLY", "command=REPLY", or ".SIZE=REPLY" with content. */
static void
describe(const struct replay_session *s, char *buf, size_t size)
{
	size_t	 n = 0, i, k;

	if (s->tls)
		n += (size_t)snprintf(buf + n, size - n, "TLS ");
	for (i = 0; i < s->steps; i++) {
		const struct replay_step	*step = &s->step[i];
		struct slice			 c = replay_command(s, step);
		struct slice			 r = replay_reply(s, step);

		n += (size_t)snprintf(buf + n, size - n, "%.*s", (int)c.n, c.p);
		if (step->kind == REPLAY_DOT)
			n += (size_t)snprintf(buf + n, size - n, "%llu",
			    (unsigned long long)step->size);
		n += (size_t)snprintf(buf + n, size - n, "%s%.*s%s;", step->whole ? "=" :
		    "~", (int)r.n, r.p, step->tls ? "TLS" : "");
	}
	for (k = 0; k < n; k++)
		if (buf[k] == '\n')
			buf[k] = ',';
	if (s->over)
		snprintf(buf + n, size - n, "over");
}

static void
steps_test(void **state)
{
	static const struct {
		const char	*lines[12];
		const char	*steps;
	} rows[] = {
		{ { NULL }, "~;" },
		{ { "S 220 x", NULL }, "=220 x,;" },
		{ { "S 220-x", "S 220 y", "C QUIT", "S 221 bye", NULL },
		    "=220-x,220 y,;QUIT=221 bye,;" },
		{ { "S 220-x", NULL }, "~220-x,;" },
		{ { "S 220 x", "C a|b", "C ", "S 500 no", NULL },
		    "=220 x,;a|b~;=500 no,;" },
		{ { "S 220 x", "C data", "S 354 go", "C .", "tx-commit|0000000a|77",
		    "S 250 ok", "C .", "S 500 what", NULL },
		    "=220 x,;data=354 go,;.77=250 ok,;.=500 what,;" },
		{ { "S 220 x", "C DATA", "S 354 go", "C .", "S 250 ok",
		    "tx-commit|0000000a|78", NULL },
		    "=220 x,;DATA=354 go,;.78=250 ok,;" },
		{ { "S 220 x", "C DATA", "S 354 go", "S 250 ok", "C .", NULL },
		    "=220 x,;DATA=354 go,;.0=250 ok,;.~;" },
		{ { "S 220 x", "C DATA", "S 503 no", "C .", "S 500 what", "S 421 bye", NULL },
		    "=220 x,;DATA=503 no,;.=500 what,;" },
		{ { "S 220 x", "S 421 unasked", "C NOOP", "S 250 ok", NULL },
		    "=220 x,;NOOP=250 ok,;" },
		{ { "link-tls|TLSv1.3:AES:256", "S 220 x", NULL }, "TLS =220 x,;" },
		{ { "S 220 x", "C STARTTLS", "S 220 go", "link-tls|TLSv1.3:AES:256",
		    "C EHLO x", NULL }, "=220 x,;STARTTLS=220 go,TLS;EHLO x~;" },
		{ { "S 220 x", "timeout", "S 421 late", "C QUIT", NULL }, "=220 x,;over" },
	};
	struct replay_tape	 t;
	struct replay_session	*s;
	char			 text[512];
	size_t			 i;

	(void)state;
	for (i = 0; i < nitems(rows); i++) {
		replay_tape_init(&t);
		s = record(&t, rows[i].lines);
		assert_non_null(s);
		describe(s, text, sizeof(text));
		assert_string_equal(text, rows[i].steps);
		assert_int_equal(s->begin, 1000000);
		replay_tape_give(&t, s);
		assert_int_equal(t.bytes, 0);
		assert_int_equal(t.cut, 0);
		assert_int_equal(t.late, 0);
		replay_tape_free(&t);
	}
}

static void
order_test(void **state)
{
	static const unsigned	 expected[] = { 3, 1, 2, 5, 4 };
	struct replay_tape	 t;
	struct replay_session	*s;
	size_t			 i;

	(void)state;
	replay_tape_init(&t);
	feed(&t, "0.7", 2000000, 1, CONNECT);
	feed(&t, "0.7", 2000000, 2, CONNECT);
	feed(&t, "0.7", 1000000, 3, CONNECT);
	feed(&t, "0.7", 4000000, 4, CONNECT);
	feed(&t, "0.7", 4000000, 2, "link-disconnect");
	assert_int_equal(replay_tape_first(&t)->id, 2);
	feed(&t, "0.7", 5000000, 1, "link-disconnect");
	assert_int_equal(replay_tape_first(&t)->id, 1);
	feed(&t, "0.7", 3000000, 5, CONNECT);
	replay_tape_end(&t);
	for (i = 0; i < nitems(expected); i++) {
		s = replay_tape_take(&t);
		assert_int_equal(s->id, expected[i]);
		replay_tape_give(&t, s);
	}
	assert_null(replay_tape_take(&t));
	replay_tape_free(&t);
}

/* Without a beginning, with lines missing, with no end, twice. */
static void
torn_test(void **state)
{
	struct replay_tape	 t;
	struct replay_session	*s;
	char			 text[512];

	(void)state;
	replay_tape_init(&t);
	feed(&t, "0.7", 1000000, 1, "tx-reset|0000000a");
	assert_int_equal(t.late, 0);
	feed(&t, "0.7", 1000000, 1, "C NOOP");
	feed(&t, "0.7", 1000000, 1, "S 250 ok");
	assert_int_equal(t.late, 1);
	feed(&t, "0.7", 1000000, 1, "link-disconnect");
	assert_null(replay_tape_first(&t));
	assert_int_equal(t.bytes, 0);

	feed(&t, "0.7", 1000000, 2, CONNECT);
	feed(&t, "0.7", 1000000, 2, "S 220 x");
	feed(&t, "0.7", 1000000, 3, "S 220 late");
	feed(&t, "0.7", 1000000, 0, "report-gap|3|1.0|1.5");
	assert_int_equal(t.cut, 1);
	feed(&t, "0.7", 1000000, 2, "S 250 x");
	feed(&t, "0.7", 1000000, 2, "link-disconnect");
	s = replay_tape_take(&t);
	describe(s, text, sizeof(text));
	assert_string_equal(text, "=220 x,;");
	replay_tape_give(&t, s);
	assert_int_equal(t.late, 2);

	feed(&t, "0.7", 1000000, 4, CONNECT);
	feed(&t, "0.7", 2000000, 4, CONNECT);
	s = replay_tape_take(&t);
	assert_int_equal(s->begin, 1000000);
	replay_tape_give(&t, s);
	assert_null(replay_tape_first(&t));

	/* Who needs room cuts the oldest, in the end those that are left out too. */
	feed(&t, "0.7", 2000000, 5, CONNECT);
	assert_int_equal(replay_tape_cut(&t), 0);
	assert_int_equal(replay_tape_first(&t)->id, 4);
	assert_int_equal(replay_tape_cut(&t), 0);
	assert_int_equal(t.cut, 3);
	while ((s = replay_tape_take(&t)) != NULL)
		replay_tape_give(&t, s);
	assert_int_not_equal(t.bytes, 0);
	while (t.bytes > 0)
		assert_int_equal(replay_tape_cut(&t), 0);
	replay_tape_free(&t);
}

static void
versions_test(void **state)
{
	struct replay_tape	 t;
	struct report		 r;
	struct replay_session	*s;

	(void)state;
	replay_tape_init(&t);
	feed(&t, "0.123456789012345678", 1000000, 1, CONNECT);
	assert_int_equal(report_parse(&r, SLICE("report|smtp-in|link-connect|1541271219|"
	    "2|localhost|127.0.0.1:41564|127.0.0.1:25")), REPORT_KNOWN);
	assert_int_equal(replay_tape_line(&t, &r), 0);
	/* What clients of ours said is no session to replay. */
	assert_int_equal(report_parse(&r, SLICE("report|0.7|1.5|smtp-out|link-connect|"
	    "3|localhost|pass|127.0.0.1:41564|127.0.0.1:25")), REPORT_KNOWN);
	assert_int_equal(replay_tape_line(&t, &r), 0);
	replay_tape_end(&t);
	s = replay_tape_take(&t);
	assert_memory_equal(s->version, "0.12345678901234", sizeof(s->version));
	assert_int_equal(s->version_n, sizeof(s->version));
	assert_false(s->seconds);
	replay_tape_give(&t, s);
	s = replay_tape_take(&t);
	assert_int_equal(s->version_n, 1);
	assert_int_equal(s->version[0], '1');
	assert_true(s->seconds);
	replay_tape_give(&t, s);
	assert_null(replay_tape_take(&t));
	replay_tape_free(&t);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(steps_test),
		cmocka_unit_test(order_test),
		cmocka_unit_test(torn_test),
		cmocka_unit_test(versions_test),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
