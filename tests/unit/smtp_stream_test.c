/* SPDX-License-Identifier: ISC */
/*
 * Data lines through one to three filters, shadows among them, cut anywhere: what comes out is
 * what the last one says, and each was told what the one before it said.
 */
/* objects: smtpd/smtp_phase.o smtpd/smtp_question.o smtpd/smtp_answer.o smtpd/smtp_stream.o smtpd/smtp_pipe.o smtpd/smtp_filter.o smtpd/smtp_filter_stats.o smtpd/smtp_chain.o */
#include "tests/unit/smtp_stream_world.h"

/* -- a message on its way -- */

static void
begin(const char *filters)
{
	session_with(filters, NULL);
	memset(program, 0, sizeof(program));
	*content = '\0';
	assert_int_equal(stream_open(&message), 0);
}

/* All was fed: the session waits as it does. */
static void
finish(void)
{
	if (!stream_finish(message.stream))
		session.waiting = WAITING_FILTER;
}

static void
over(void)
{
	stream_free(message.stream);
	message.stream = NULL;
	if (session.waiting == WAITING_FILTER)
		session.waiting = WAITING_NOT;
	phase_end(&session);
}

static void
feed(const char *text)
{
	stream_feed(message.stream, text, strlen(text));
}

static void
start_all(void)
{
	unsigned	 i;

	for (i = 0; i < NPROCS; i++)
		start(i, ALL);
}

static const char	 trace[] = "Received: from x\n\tby y\n";
static const char *const texts[] = {
	"",
	"\n",
	".\n",
	"Subject: x\n\nD one\nA two\n..\n.three\n\n.\nD\nA\n",
};

static void
run(const char *filters, const enum mode *modes, const char *text, size_t cut, bool at_once)
{
	char	 in[TEXT], out[TEXT], told[TEXT];
	size_t	 i, n = strlen(text);

	begin(filters);
	for (i = 0; filters[i] != '\0'; i++)
		program[proc_named(filters[i])].mode = modes[i];
	assert_int_equal(stream_begin(message.stream, trace), 0);
	for (i = 0; i < n; i += cut) {
		stream_feed(message.stream, text + i, n - i < cut ? n - i : cut);
		if (at_once)
			pump();
	}
	assert_string_equal(heard, "");
	finish();
	pump();
	assert_int_equal(session.waiting, WAITING_NOT);
	assert_int_equal(message.refusal, REFUSED_NOT);
	assert_int_equal(nstrikes, 0);
	assert_true(stream_finish(message.stream));

	snprintf(in, sizeof(in), "%s%s", trace, text);
	for (i = 0; filters[i] != '\0'; i++) {
		stuffed(in, told);
		assert_string_equal(program[proc_named(filters[i])].told, told);
		if (filters[i] >= 'a') {
			model(modes[i], in, out);
			strcpy(in, out);
		}
		assert_null(last_question(proc_named(filters[i])));
	}
	assert_string_equal(content, in);
	over();
}

static void
test_through(void **state)
{
	static const char *const	 filters[] = { "a", "A", "o", "ab", "aB", "Ab", "AB", "oc",
					    "abc", "aBc", "ABc", "AbC", "ABC", "cob" };
	static const size_t		 cuts[] = { 1, 2, 3, 7, 1000 };
	enum mode			 modes[3];
	size_t				 i, j, k, m;

	(void)state;
	start_all();
	for (m = 0; m < NMODES * NMODES * NMODES; m++) {
		modes[0] = m % NMODES;
		modes[1] = m / NMODES % NMODES;
		modes[2] = m / NMODES / NMODES;
		for (i = 0; i < nitems(filters); i++)
			for (j = 0; j < nitems(texts); j++)
				for (k = 0; k < nitems(cuts); k++)
					run(filters[i], modes, texts[j], cuts[k], (k + m) % 2);
	}
}

/* The session waits for the last that is no shadow, and goes on once. */
static void
test_waits(void **state)
{
	(void)state;
	start_all();
	begin("abC");
	feed("x\n");
	finish();
	assert_int_equal(session.waiting, WAITING_FILTER);
	say(PROC_A, last_question(PROC_A), "x");
	assert_string_equal(content, "");
	say(PROC_A, last_question(PROC_A), ".");
	assert_heard("");
	say(PROC_B, last_question(PROC_B), "y");
	assert_string_equal(content, "y\n");
	say(PROC_B, last_question(PROC_B), ".");
	assert_heard("goes on;");
	assert_true(stream_finish(message.stream));
	/* What the shadow says changes nothing, then or later. */
	say(PROC_C, last_question(PROC_C), "z");
	say(PROC_C, last_question(PROC_C), ".");
	assert_string_equal(content, "y\n");
	assert_heard("");
	assert_int_equal(nstrikes, 0);
	assert_null(last_question(PROC_C));
	over();
}

/* -- what goes wrong -- */

/* Spoilt: nothing comes out any more, all are told the end, and the session hears of it once. */
static void
assert_spoilt(unsigned strikes)
{
	assert_int_equal(message.refusal, REFUSED_TEMP);
	assert_true(stream_finish(message.stream));
	assert_int_equal(nstrikes, strikes);
	*content = '\0';
}

static void
test_early_end(void **state)
{
	bool	 waits;
	int	 i;

	(void)state;
	for (i = 0; i < 4; i++) {
		start_all();
		waits = i % 2 == 1;
		begin("ab");
		feed("x\n");
		if (waits)
			finish();
		/* The first has seen its end, if all was fed; the second has not. */
		say(i < 2 ? PROC_B : PROC_A, last_question(i < 2 ? PROC_B : PROC_A), ".");
		if (i == 3) {		/* it was no early one */
			assert_int_equal(message.refusal, REFUSED_NOT);
			assert_heard("");
			over();
			continue;
		}
		assert_heard(waits ? "goes on;" : "");
		assert_spoilt(1);
		assert_null(last_question(i < 2 ? PROC_B : PROC_A));
		assert_false(last_question(i < 2 ? PROC_A : PROC_B)->open);
		over();
	}
	start_all();
	begin("Ab");
	feed("x\n");
	say(PROC_A, last_question(PROC_A), ".");
	assert_int_equal(message.refusal, REFUSED_NOT);
	assert_int_equal(nstrikes, 1);
	feed("y\n");
	finish();
	pump();
	assert_string_equal(content, "x\ny\n");
	over();
}

/* It is told once, and what it says then is of no interest, up to its own end. */
static void
test_abandon(void **state)
{
	struct question	*q;
	char		 line[TEXT];

	(void)state;
	start_all();
	begin("aBc");
	feed("x\n");
	q = last_question(PROC_A);
	stream_abandon(message.stream);
	stream_abandon(message.stream);
	assert_false(q->open);
	assert_true(stream_finish(message.stream));
	say(PROC_A, q, "x");
	say(PROC_A, q, "y");
	assert_ptr_equal(last_question(PROC_A), q);
	say(PROC_A, q, ".");
	assert_null(last_question(PROC_A));
	assert_true(next_line(PROC_A, line));
	assert_string_equal(line, "x");
	assert_true(next_line(PROC_A, line));
	assert_string_equal(line, ".");
	assert_false(next_line(PROC_A, line));
	assert_string_equal(content, "");
	assert_int_equal(nstrikes, 0);
	/* Its time does not matter any more. */
	take_all();
	pass(LIMIT * SECOND);
	assert_int_equal(nstrikes, 0);
	over();
}

/* The transaction may end while they are at work. */
static void
test_freed(void **state)
{
	struct question	*q;

	(void)state;
	start_all();
	begin("a");
	feed("x\nhalf");
	q = last_question(PROC_A);
	stream_free(message.stream);
	message.stream = NULL;
	say(PROC_A, q, "x");
	say(PROC_A, q, ".");
	assert_int_equal(nstrikes, 0);
	assert_null(last_question(PROC_A));
	assert_string_equal(content, "");
	over();
}

/* Time runs from the end, and anew with each line. */
static void
test_late(void **state)
{
	(void)state;
	start_all();
	begin("a");
	feed("x\n");
	take_all();
	pass(10 * LIMIT * SECOND);
	say(PROC_A, last_question(PROC_A), "x");
	pass(10 * LIMIT * SECOND);
	finish();
	pass(2 * LIMIT * SECOND);
	assert_heard("");
	take_all();
	pass(LIMIT * SECOND - 1);
	say(PROC_A, last_question(PROC_A), "y");
	pass(LIMIT * SECOND - 1);
	assert_heard("");
	assert_int_equal(message.refusal, REFUSED_NOT);
	pass(1);
	assert_heard("goes on;");
	assert_string_equal(content, "x\ny\n");
	assert_spoilt(1);
	/* Its end comes late, and is known as such. */
	say(PROC_A, last_question(PROC_A), "z");
	say(PROC_A, last_question(PROC_A), ".");
	assert_null(last_question(PROC_A));
	assert_int_equal(nstrikes, 1);
	over();

	begin("Ab");
	feed("x\n");
	finish();
	say(PROC_B, last_question(PROC_B), ".");
	assert_heard("goes on;");
	take_all();
	pass(LIMIT * SECOND);
	assert_int_equal(nstrikes, 1);
	assert_int_equal(message.refusal, REFUSED_NOT);
	over();
}

/* Data lines are no phase to decide on, nor are lines in a form that is none. */
static void
test_decides(void **state)
{
	static const char *const	 says[] = { "proceed", "reject|550 no", "nonsense", "" };
	size_t				 i;

	(void)state;
	for (i = 0; i < nitems(says); i++) {
		start_all();
		begin("ba");
		feed("x\n");
		answer(PROC_A, says[i]);
		assert_spoilt(1);
		assert_heard("");
		/* Again: it is spoilt already. */
		answer(PROC_A, says[i]);
		assert_int_equal(nstrikes, 2);
		feed("y\n");
		pump();
		assert_string_equal(content, "");
		over();
		/* A shadow does it for itself alone. */
		begin("bA");
		feed("x\n");
		answer(PROC_A, says[i]);
		assert_int_equal(message.refusal, REFUSED_NOT);
		assert_int_equal(nstrikes, 1);
		finish();
		say(PROC_B, last_question(PROC_B), "x");
		say(PROC_B, last_question(PROC_B), ".");
		assert_heard("goes on;");
		assert_string_equal(content, "x\n");
		over();
	}
}

static void
test_dies(void **state)
{
	(void)state;
	start_all();
	begin("ab");
	feed("x\nhal");
	filter_ended(proc_of(PROC_B), "it died");
	assert_heard("lost;");
	assert_null(last_question(PROC_B));
	assert_false(last_question(PROC_A)->open);
	assert_true(stream_finish(message.stream));
	say(PROC_A, last_question(PROC_A), "x");
	say(PROC_A, last_question(PROC_A), ".");
	assert_string_equal(content, "");
	assert_int_equal(nstrikes, 0);
	over();
}

/* What we refuse is not sent on, and what is not all there is forgotten. */
static void
test_refused(void **state)
{
	(void)state;
	start_all();
	begin("a");
	feed("x\nhalf");
	message.refusal = REFUSED_SIZE;
	feed(" line\ny\n");
	stream_abandon(message.stream);
	assert_string_equal(program[PROC_A].told, "");
	program[PROC_A].mode = LATE;
	pump();
	assert_string_equal(program[PROC_A].told, "x\n.\n");
	assert_string_equal(content, "");
	over();
}

/* A message that one of them cannot see is not begun. */
static void
test_missing(void **state)
{
	(void)state;
	start_all();
	filter_ended(proc_of(PROC_A), "it died");
	assert_false(session_with("ab", NULL));
	assert_int_equal(stream_open(&message), -1);
	assert_true(session_with("Ab", NULL));
	assert_int_equal(stream_open(&message), 0);
	over();
	procs[PROC_A].bypass = true;
	assert_true(session_with("ab", NULL));
	assert_int_equal(stream_open(&message), 0);
	over();
	assert_true(session_with("a", NULL));
	assert_int_equal(stream_open(&message), 0);
	assert_null(message.stream);
	over();
	procs[PROC_A].bypass = false;
	/* It is there, but not for this. */
	start(PROC_A, 1u << PHASE_COMMIT);
	assert_true(session_with("a", NULL));
	assert_int_equal(stream_open(&message), 0);
	assert_null(message.stream);
	assert_true(session_with("", NULL));
	assert_int_equal(stream_open(&message), 0);
	assert_null(message.stream);
	over();
}

/* -- between two chunks -- */

/* Where nothing tells messages apart, the next is not begun before the last is done with. */
static void
test_old_one_at_a_time(void **state)
{
	(void)state;
	start_all();
	begin("o");
	feed("x\n");
	stream_abandon(message.stream);
	stream_free(message.stream);
	message.stream = NULL;
	assert_int_equal(stream_open(&message), -1);
	pump();
	assert_int_equal(stream_open(&message), 0);
	assert_non_null(message.stream);
	/* RSET instead of the last chunk: it is to end all the same. */
	feed("x\n");
	stream_free(message.stream);
	message.stream = NULL;
	program[PROC_OLD].ended = false;
	pump();
	assert_int_equal(stream_open(&message), 0);
	assert_int_equal(nstrikes, 0);
	over();
}

/* A phase in the midst of a message: its answer is to that, also where there are no tokens. */
static void
test_phase_between(void **state)
{
	static const char *const	 filters[] = { "a", "c", "o" };
	struct question			*lines;
	unsigned			 p;
	size_t				 i;

	(void)state;
	for (i = 0; i < nitems(filters); i++) {
		start_all();
		p = proc_named(*filters[i]);
		begin(filters[i]);
		session.tx = &message;
		feed("x\n");
		lines = last_question(p);
		phase_ask(&session, PHASE_NOOP, SLICE(""), then);
		say(p, lines, "x");
		answer(p, "proceed");
		assert_heard("noop proceed;=proceed;goes on;");
		assert_int_equal(nstrikes, 0);
		assert_int_equal(message.refusal, REFUSED_NOT);
		finish();
		say(p, lines, ".");
		assert_heard("goes on;");
		assert_string_equal(content, "x\n");
		over();
	}
}

/* The message is spoilt while a phase is asked: the session goes on when that is answered. */
static void
test_spoilt_between(void **state)
{
	struct question	*lines;

	(void)state;
	start_all();
	begin("ab");
	feed("x\n");
	lines = last_question(PROC_A);
	phase_ask(&session, PHASE_NOOP, SLICE(""), then);
	say(PROC_A, lines, ".");
	assert_heard("");
	assert_int_equal(session.waiting, WAITING_FILTER);
	assert_spoilt(1);
	answer(PROC_A, "proceed");
	answer(PROC_B, "proceed");
	assert_heard("noop proceed;=proceed;goes on;");
	over();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_through),
		cmocka_unit_test(test_waits),
		cmocka_unit_test(test_early_end),
		cmocka_unit_test(test_abandon),
		cmocka_unit_test(test_freed),
		cmocka_unit_test(test_late),
		cmocka_unit_test(test_decides),
		cmocka_unit_test(test_dies),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_missing),
		cmocka_unit_test(test_old_one_at_a_time),
		cmocka_unit_test(test_phase_between),
		cmocka_unit_test(test_spoilt_between),
	};

	return cmocka_run_group_tests(tests, world_init, world_end);
}
