/* SPDX-License-Identifier: ISC */
/*
 * Phases: rules and programs are asked in order until one decides.
 */
/* objects: smtpd/smtp_phase.o smtpd/smtp_question.o smtpd/smtp_answer.o smtpd/smtp_stream.o smtpd/smtp_pipe.o smtpd/smtp_filter.o smtpd/smtp_filter_stats.o smtpd/smtp_chain.o */
#include "tests/unit/smtp_phase_world.h"

/* -- who decides -- */

static void
test_decisions(void **state)
{
	/* Each says in turn what stands behind its letter, unless a '-' says that it is silent. */
	static const struct {
		enum phase	 phase;
		const char	*filters;
		const char	*say[4];
		const char	*expected;
	} t[] = {
		{ PHASE_EHLO, "", { NULL }, "=proceed;" },
		{ PHASE_EHLO, "a", { "a proceed" }, "ehlo proceed;=proceed;goes on;" },
		{ PHASE_EHLO, "ab", { "a proceed", "b proceed" }, "ehlo proceed;=proceed;goes on;" },
		{ PHASE_EHLO, "abc", { "a proceed", "b reject|550 no" },
		    "ehlo reject 550 no;=reject 550 no p;goes on;" },
		{ PHASE_MAIL_FROM, "ab", { "a reject|451 4.7.1 later" },
		    "mail-from reject 451 4.7.1 later;=reject 451 4.7.1 later t;goes on;" },
		{ PHASE_RCPT_TO, "ab", { "a rewrite|<x@y> NOTIFY=NEVER" },
		    "rcpt-to rewrite <x@y> NOTIFY=NEVER;=rewrite <x@y> NOTIFY=NEVER;goes on;" },
		{ PHASE_RCPT_TO, "ba", { "b disconnect|550 gone" },
		    "rcpt-to disconnect 550 gone;=disconnect 550 gone p;goes on;" },
		/* 421 ends the session, whoever says it. */
		{ PHASE_NOOP, "a", { "a reject|421 enough" },
		    "noop reject 421 enough;=disconnect 421 enough t;goes on;" },
		{ PHASE_NOOP, "a", { "a disconnect|421 enough" },
		    "noop disconnect 421 enough;=disconnect 421 enough t;goes on;" },
		/* junk ends the phase as proceed does. */
		{ PHASE_MAIL_FROM, "ab", { "a junk" }, "mail-from junk;=proceed;goes on;" },
		/* report does not end it. */
		{ PHASE_HELO, "ab", { "a report|look here", "b reject|550 no" },
		    "helo report look here;helo reject 550 no;=reject 550 no p;goes on;" },
		/* At connect there is nothing to rewrite. */
		{ PHASE_CONNECT, "a", { "a rewrite|x" },
		    "connect rewrite x;=proceed x;goes on;" },
		/* Shadows are not waited for. */
		{ PHASE_EHLO, "A", { NULL }, "ehlo proceed;=proceed;" },
		{ PHASE_EHLO, "AbC", { "b proceed", "a reject|550 no", "c junk" },
		    "ehlo proceed;=proceed;goes on;ehlo shadow-reject a 550 no;ehlo shadow-junk c;" },
		{ PHASE_EHLO, "Ab", { "a disconnect|421 x", "b proceed" },
		    "ehlo shadow-disconnect a 421 x;ehlo proceed;=proceed;goes on;" },
		/* The founding form, and one between. */
		{ PHASE_QUIT, "oc", { "o proceed", "c reject|550 stay" },
		    "quit reject 550 stay;=reject 550 stay p;goes on;" },
		{ PHASE_CONNECT, "Oo", { "o proceed" }, "connect shadow-proceed old;" },
	};
	size_t	 i, j;

	(void)state;
	start_all();
	for (i = 0; i < nitems(t); i++) {
		assert_true(session_with(t[i].filters, NULL));
		ask(t[i].phase);
		for (j = 0; j < 4 && t[i].say[j] != NULL; j++)
			answer((unsigned)(strchr("abco", *t[i].say[j]) - "abco"), t[i].say[j] + 2);
		assert_string_equal(heard, t[i].expected);
		assert_int_equal(nstrikes, 0);
		if (session.asking != NULL)
			phase_cancel(&session);
		session.waiting = WAITING_NOT;
		over();
	}
}

/* Whose first answer it is, that one is told; only those that registered a phase are asked. */
static void
test_who_is_asked(void **state)
{
	(void)state;
	start_all();
	start(PROC_B, 1u << PHASE_NOOP);
	assert_true(session_with("abc", NULL));
	ask(PHASE_EHLO);
	assert_null(last_question(PROC_B));
	answer(PROC_A, "proceed");
	assert_null(last_question(PROC_B));
	answer(PROC_C, "proceed");
	assert_heard("ehlo proceed;=proceed;goes on;");
	ask(PHASE_NOOP);
	assert_null(last_question(PROC_C));
	answer(PROC_A, "proceed");
	assert_null(last_question(PROC_C));
	answer(PROC_B, "reject|550 no");
	assert_heard("noop reject 550 no;=reject 550 no p;goes on;");
	assert_null(last_question(PROC_C));
	over();
}

/* The line that each dialect is sent. */
static void
test_request(void **state)
{
	static const struct {
		unsigned	 proc;
		enum phase	 phase;
		struct slice	 arg, raw;
		const char	*begins, *ends;
	} t[] = {
		{ PROC_A, PHASE_EHLO, SLICE("me"), SLICE("me"),
		    "filter|0.7|1543837000.000000|smtp-in|ehlo|a1b2c3d4e5f60718|", "|me\n" },
		{ PROC_A, PHASE_MAIL_FROM, SLICE("a@b"), SLICE("<a@b> SIZE=1"),
		    "filter|0.7|1543837000.000000|smtp-in|mail-from|a1b2c3d4e5f60718|", "|a@b\n" },
		{ PROC_A, PHASE_CONNECT, SLICE("192.0.2.1"), { NULL, 0 },
		    "filter|0.7|1543837000.000000|smtp-in|connect|a1b2c3d4e5f60718|",
		    "|client.example|192.0.2.1\n" },
		{ PROC_A, PHASE_CONNECT, SLICE("2001:db8::1"), { NULL, 0 },
		    "filter|0.7|", "|client.example|[2001:db8::1]\n" },
		{ PROC_A, PHASE_AUTH, SLICE("PLAIN me"), { NULL, 0 }, "filter|0.7|", "|PLAIN me\n" },
		{ PROC_B, PHASE_AUTH, SLICE("PLAIN me"), { NULL, 0 }, "filter|0.7|",
		    "|PLAIN AGEAYg==\n" },
		{ PROC_OLD, PHASE_MAIL_FROM, SLICE("a@b"), SLICE("<a@b> SIZE=1"),
		    "filter|1|1543837000|smtp-in|mail-from|a1b2c3d4e5f60718|<a@b> SIZE=1\n", "\n" },
		{ PROC_OLD, PHASE_CONNECT, SLICE("2001:db8::1"), { NULL, 0 },
		    "filter|1|1543837000|smtp-in|connected|a1b2c3d4e5f60718|"
		    "client.example|IPv6:2001:db8::1\n", "\n" },
		{ PROC_OLD, PHASE_EHLO, SLICE("me"), { NULL, 0 },
		    "filter|1|1543837000|smtp-in|ehlo|a1b2c3d4e5f60718|client.example|me\n", "\n" },
	};
	struct slice	 told;
	struct filter_pipe *pipe;
	size_t		 i, n;

	(void)state;
	mono = 1000 * SECOND;
	start_all();
	procs[PROC_B].auth_secrets = true;
	for (i = 0; i < nitems(t); i++) {
		pipe = &proc_of(t[i].proc)->pipe;
		pipe->start = pipe->end;
		session_with(t[i].proc == PROC_A ? "a" : t[i].proc == PROC_B ? "b" : "o", NULL);
		phase_ask_raw(&session, t[i].phase, t[i].arg, t[i].raw, then);
		told = slice_make(pipe->data + pipe->start, pipe_waiting(pipe));
		n = strlen(t[i].begins);
		assert_true(told.n >= n);
		assert_memory_equal(told.p, t[i].begins, n);
		n = strlen(t[i].ends);
		assert_memory_equal(told.p + told.n - n, t[i].ends, n);
		assert_int_equal(last_question(t[i].proc)->position, pipe->queued);
		answer(t[i].proc, "proceed");
		over();
	}
	procs[PROC_B].auth_secrets = false;
}

static void
test_junk(void **state)
{
	(void)state;
	start_all();
	session_with("a", NULL);
	ask(PHASE_EHLO);
	answer(PROC_A, "junk");
	assert_true(session.junk);
	over();
	session_with("a", NULL);
	session.tx = &message;
	ask(PHASE_RCPT_TO);
	answer(PROC_A, "junk");
	assert_false(session.junk);
	assert_true(message.junk);
	over();
	session_with("A", NULL);
	ask(PHASE_EHLO);
	answer(PROC_A, "junk");
	assert_false(session.junk);
	over();
}

/* -- rules -- */

static void
test_rules(void **state)
{
	static const struct {
		enum decision	 action;
		bool		 shadow, wants_name;
		enum held	 held;
		const char	*expected;
	} t[] = {
		{ DECISION_REJECT, false, false, HELD_YES, "ehlo reject 550 r;=reject 550 r p;" },
		{ DECISION_REJECT, false, false, HELD_NO, "ehlo proceed;=proceed;" },
		{ DECISION_REJECT, true, false, HELD_YES,
		    "ehlo shadow-reject rule 550 r;ehlo proceed;=proceed;" },
		{ DECISION_DISCONNECT, false, false, HELD_YES,
		    "ehlo disconnect 550 r;=disconnect 550 r p;" },
		{ DECISION_REWRITE, false, false, HELD_YES, "ehlo rewrite 550 r;=rewrite 550 r;" },
		{ DECISION_JUNK, false, false, HELD_YES, "ehlo junk 550 r;=proceed 550 r;" },
		{ DECISION_BYPASS, false, false, HELD_YES, "ehlo proceed;=proceed;" },
		{ DECISION_REPORT, false, false, HELD_YES,
		    "builtin rule reports 550 r;ehlo proceed;=proceed;" },
		/* Nobody knows: a table, then the name (decision 21). */
		{ DECISION_REJECT, false, false, HELD_ERROR, "ehlo reject 451 temp;=reject 451 temp t;" },
		{ DECISION_JUNK, false, false, HELD_ERROR, "ehlo reject 451 temp;=reject 451 temp t;" },
		{ DECISION_REPORT, false, false, HELD_ERROR, "ehlo proceed;=proceed;" },
		{ DECISION_REJECT, true, false, HELD_ERROR, "ehlo proceed;=proceed;" },
		{ DECISION_REJECT, false, true, HELD_ERROR, "ehlo reject 451 dns;=reject 451 dns t;" },
		{ DECISION_DISCONNECT, false, true, HELD_ERROR,
		    "ehlo disconnect 451 dns;=disconnect 451 dns t;" },
		{ DECISION_REJECT, true, true, HELD_ERROR, "ehlo proceed;=proceed;" },
		{ DECISION_JUNK, false, true, HELD_ERROR, "ehlo junk 550 r;=proceed 550 r;" },
	};
	struct filter	 rule;
	size_t		 i;

	(void)state;
	start_all();
	for (i = 0; i < nitems(t); i++) {
		rule = (struct filter){ .name = "rule", .kind = FILTER_RULE, .phase = PHASE_EHLO,
		    .action = t[i].action, .shadow = t[i].shadow, .text = "550 r" };
		held[0] = t[i].held;
		wants_name[0] = t[i].wants_name;
		session_with("1", &rule);
		ask(PHASE_EHLO);
		assert_string_equal(heard, t[i].expected);
		assert_string_equal(judged_of, "ARG");
		/* lookup says the same later, or has died. */
		held[0] = HELD_LATER;
		session_with("1", &rule);
		ask(PHASE_EHLO);
		assert_heard("");
		assert_int_equal(session.waiting, WAITING_FILTER);
		phase_condition(SID + 1, serial, t[i].held);
		phase_condition(SID, serial + 1, t[i].held);
		assert_heard("");
		if (t[i].held == HELD_ERROR)
			phase_lookup_lost(&session);
		else
			phase_condition(SID, serial, t[i].held);
		assert_memory_equal(heard, t[i].expected, strlen(t[i].expected));
		assert_string_equal(heard + strlen(t[i].expected), "goes on;");
		phase_condition(SID, serial, t[i].held);
		assert_string_equal(heard + strlen(t[i].expected), "goes on;");
		over();
	}
	wants_name[0] = false;
	/* Of another phase it is not asked. */
	rule.phase = PHASE_HELO;
	session_with("1", &rule);
	held[0] = HELD_YES;
	ask(PHASE_EHLO);
	assert_heard("ehlo proceed;=proceed;");
	over();
}

/* `fcrdns error` came first: what behind it would be a failure of DNS is told as it stands. */
static void
test_dns_error_told(void **state)
{
	struct filter	 rules[] = {
		{ .name = "error", .index = 0, .kind = FILTER_RULE, .phase = PHASE_CONNECT,
		    .condition = COND_FCRDNS_ERROR, .action = DECISION_REPORT, .text = "e" },
		{ .name = "name", .index = 1, .kind = FILTER_RULE, .phase = PHASE_CONNECT,
		    .condition = COND_FCRDNS, .negate = true, .action = DECISION_REJECT,
		    .text = "550 r" },
	};

	(void)state;
	held[0] = HELD_YES;
	held[1] = HELD_ERROR;
	wants_name[1] = true;
	session_with("11", rules);
	ask(PHASE_CONNECT);
	assert_heard("builtin error reports e;connect reject 550 r;=reject 550 r p;");
	session_with("1", rules + 1);
	ask(PHASE_CONNECT);
	assert_heard("connect reject 451 dns;=reject 451 dns t;");
	wants_name[1] = false;
	over();
}

/* Rules and programs in the order in which they stand; a bypass skips the rest. */
static void
test_mixed(void **state)
{
	struct filter	 rules[] = {
		{ .name = "r", .index = 0, .kind = FILTER_RULE, .phase = PHASE_EHLO,
		    .action = DECISION_BYPASS },
		{ .name = "s", .index = 1, .kind = FILTER_RULE, .phase = PHASE_EHLO,
		    .action = DECISION_REJECT, .text = "550 s" },
	};

	(void)state;
	start_all();
	held[0] = HELD_NO;
	held[1] = HELD_LATER;
	session_with("1a1b", rules);
	ask(PHASE_EHLO);
	assert_null(last_question(PROC_B));
	answer(PROC_A, "proceed");
	assert_null(last_question(PROC_B));
	assert_heard("");
	/* lookup's death is of no interest to who waits for a program. */
	phase_condition(SID, serial, HELD_NO);
	phase_lookup_lost(&session);
	assert_heard("");
	answer(PROC_B, "proceed");
	assert_heard("ehlo proceed;=proceed;goes on;");
	held[0] = HELD_YES;
	ask(PHASE_EHLO);
	assert_heard("ehlo proceed;=proceed;");
	over();
}

static void
test_outcome_reply(void **state)
{
	struct outcome	 o = { .decision = DECISION_REJECT, .text = SLICE("550 no"),
			    .result = RESULT_PERMFAIL };

	(void)state;
	session_with("", NULL);
	outcome_reply(&session, &o);
	assert_heard("says 550 no;");
	o.decision = DECISION_DISCONNECT;
	outcome_reply(&session, &o);
	assert_heard("rollback;says 550 no;closes;");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_decisions),
		cmocka_unit_test(test_who_is_asked),
		cmocka_unit_test(test_request),
		cmocka_unit_test(test_junk),
		cmocka_unit_test(test_rules),
		cmocka_unit_test(test_dns_error_told),
		cmocka_unit_test(test_mixed),
		cmocka_unit_test(test_outcome_reply),
	};

	return cmocka_run_group_tests(tests, world_init, world_end);
}
