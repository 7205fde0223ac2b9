/* SPDX-License-Identifier: ISC */
/*
 * What becomes of a session when one of its filters fails: each failure in each phase.
 */
/* objects: smtpd/smtp_phase.o smtpd/smtp_question.o smtpd/smtp_answer.o smtpd/smtp_stream.o smtpd/smtp_pipe.o smtpd/smtp_filter.o smtpd/smtp_filter_stats.o smtpd/smtp_chain.o */
#include "tests/unit/smtp_phase_world.h"

/* By phase: what a filter's failure makes of it (decision 20). */
static const struct {
	enum phase	 phase;
	const char	*expected;
} failures[] = {
	{ PHASE_CONNECT,	"connect disconnect 421 down;=disconnect 421 down t;goes on;" },
	{ PHASE_HELO,		"helo reject 451 temp;=reject 451 temp t;goes on;" },
	{ PHASE_EHLO,		"ehlo reject 451 temp;=reject 451 temp t;goes on;" },
	{ PHASE_STARTTLS,	"starttls reject 451 temp;=reject 451 temp t;goes on;" },
	{ PHASE_AUTH,		"auth reject 451 temp;=reject 451 temp t;goes on;" },
	{ PHASE_MAIL_FROM,	"mail-from reject 451 temp;=reject 451 temp t;goes on;" },
	{ PHASE_RCPT_TO,	"rcpt-to reject 451 temp;=reject 451 temp t;goes on;" },
	{ PHASE_DATA,		"data reject 451 temp;=reject 451 temp t;goes on;" },
	{ PHASE_COMMIT,		"commit reject 451 temp;=reject 451 temp t;goes on;" },
	{ PHASE_RSET,		"rset proceed;=proceed;goes on;" },
	{ PHASE_QUIT,		"quit proceed;=proceed;goes on;" },
	{ PHASE_NOOP,		"noop proceed;=proceed;goes on;" },
	{ PHASE_HELP,		"help proceed;=proceed;goes on;" },
};

/* Silent, dead, or saying what it must not: all the same. */
static void
test_failures(void **state)
{
	static const char *const	 wrong[] = {
		"reject|250 fine", "reject|no", "reject", "disconnect|55 no", "rewrite", "proceed|x",
		"bypass", "maybe", "", "reject|550 a\x01", "junk|x", "report",
	};
	char				 lost[200];
	size_t				 i, j;
	unsigned			 p;

	(void)state;
	for (p = PROC_A; p < NPROCS; p++)
		for (i = 0; i < nitems(failures); i++) {
			char	 filters[] = { "abco"[p], 'b', '\0' };

			start_all();
			session_with(filters, NULL);
			ask(failures[i].phase);
			pass(LIMIT * SECOND);	/* its pipe has not taken it */
			assert_heard("");
			take_all();
			pass(LIMIT * SECOND - 1);
			assert_heard("");
			mono++;
			on_tick(-1, EV_TIMEOUT, NULL);
			assert_heard(failures[i].expected);
			assert_int_equal(nstrikes, 1);
			/* Its answer comes late; a second one is to nothing. */
			answer(p, "reject|550 no");
			assert_int_equal(nstrikes, 2);
			assert_null(last_question(p));
			over();

			session_with(filters, NULL);
			ask(failures[i].phase);
			filter_ended(proc_of(p), "it died");
			snprintf(lost, sizeof(lost), "lost;%s", failures[i].expected);
			assert_heard(lost);
			over();
			if (p == PROC_B)
				continue;
			/* One that it did not meet. */
			assert_false(session_with(filters, NULL));
			start(p, ALL);
			ask(failures[i].phase);
			assert_memory_equal(heard, failures[i].expected,
			    strlen(failures[i].expected) - strlen("goes on;"));
			assert_null(last_question(p));
			over();
		}
	for (i = 0; i < nitems(failures); i++)
		for (j = 0; j < nitems(wrong); j++) {
			if (j % 8 == 0)
				start_all();
			session_with("ab", NULL);
			ask(failures[i].phase);
			answer(PROC_A, wrong[j]);
			assert_heard(failures[i].expected);
			assert_int_equal(nstrikes, 1);
			/* That was its answer: no other is to come. */
			assert_null(last_question(PROC_A));
			over();
		}
}

/* At commit it is too late for junk; a data line answers no phase. */
static void
test_out_of_place(void **state)
{
	(void)state;
	start_all();
	session_with("ab", NULL);
	ask(PHASE_COMMIT);
	answer(PROC_A, "junk");
	assert_heard("commit reject 451 temp;=reject 451 temp t;goes on;");
	ask(PHASE_EHLO);
	answer_line(PROC_A, last_question(PROC_A), "filter-dataline", "x");
	assert_heard("ehlo reject 451 temp;=reject 451 temp t;goes on;");
	assert_int_equal(nstrikes, 2);
	over();
}

/* What a shadow does or does not is nobody's business but the stream's. */
static void
test_shadow_fails(void **state)
{
	static const char *const	 says[] = { "reject|250 fine", "nonsense", "proceed|x", "rewrite" };
	size_t				 i;

	(void)state;
	start_all();
	session_with("Ab", NULL);
	for (i = 0; i < nitems(says); i++) {
		ask(PHASE_EHLO);
		answer(PROC_A, says[i]);
		assert_heard("");
		answer(PROC_B, "proceed");
		assert_heard("ehlo proceed;=proceed;goes on;");
	}
	assert_int_equal(nstrikes, nitems(says));
	ask(PHASE_EHLO);
	answer(PROC_B, "proceed");
	assert_heard("ehlo proceed;=proceed;goes on;");
	take_all();
	pass(LIMIT * SECOND);
	assert_heard("");
	assert_int_equal(nstrikes, nitems(says) + 1);
	over();
	/* Down from the beginning. */
	filter_ended(proc_of(PROC_A), "it died");
	assert_true(session_with("Ab", NULL));
	ask(PHASE_EHLO);
	answer(PROC_B, "proceed");
	assert_heard("ehlo proceed;=proceed;goes on;");
	over();
	/* So is one that may be bypassed. */
	procs[PROC_A].bypass = true;
	assert_true(session_with("ab", NULL));
	ask(PHASE_EHLO);
	answer(PROC_B, "proceed");
	assert_heard("ehlo proceed;=proceed;goes on;");
	procs[PROC_A].bypass = false;
	assert_false(session_with("ab", NULL));
	over();
}

/* Answers to what was not asked, or is gone. */
static void
test_strangers(void **state)
{
	char	 line[200];
	uint64_t token;

	(void)state;
	start_all();
	session_with("ab", NULL);
	ask(PHASE_EHLO);
	token = last_question(PROC_A)->token;
	snprintf(line, sizeof(line), "filter-result|%016llx|%016llx|proceed",
	    (unsigned long long)SID, (unsigned long long)token);
	speak(PROC_B, line);		/* it was not asked that */
	assert_int_equal(nstrikes, 1);
	snprintf(line, sizeof(line), "filter-result|%016llx|%016llx|proceed",
	    (unsigned long long)SID, (unsigned long long)token + 1);
	speak(PROC_A, line);
	assert_int_equal(nstrikes, 2);
	snprintf(line, sizeof(line), "filter-result|%016llx|%016llx|proceed",
	    (unsigned long long)SID + 1, (unsigned long long)token);
	speak(PROC_A, line);		/* of a session that has gone: no fault */
	assert_int_equal(nstrikes, 2);
	snprintf(line, sizeof(line), "filter-result|%016llx|%016llx|proceed",
	    (unsigned long long)SID + 2, (unsigned long long)token);
	speak(PROC_A, line);
	assert_int_equal(nstrikes, 3);
	assert_heard("");
	speak(PROC_A, "report|0.7|1.0|smtp-in|x|a1b2c3d4e5f60718|");
	answer(PROC_A, "proceed");
	snprintf(line, sizeof(line), "filter-result|%016llx|%016llx|reject|550 twice",
	    (unsigned long long)SID, (unsigned long long)token);
	nstrikes = 0;
	speak(PROC_A, line);		/* answered twice */
	assert_int_equal(nstrikes, 1);
	answer(PROC_B, "proceed");
	assert_string_equal(strstr(heard, "ehlo"), "ehlo proceed;=proceed;goes on;");
	over();
}

/* Ten strikes end it, and the session that waits for it is told. */
static void
test_strikes(void **state)
{
	unsigned	 i;

	(void)state;
	start_all();
	session_with("a", NULL);
	ask(PHASE_EHLO);
	for (i = 1; i < FILTER_STRIKES; i++) {
		speak(PROC_A, "what?");
		assert_true(filter_is_up(proc_of(PROC_A)));
	}
	assert_heard("");
	speak(PROC_A, "what?");
	assert_false(filter_is_up(proc_of(PROC_A)));
	assert_int_equal(nfailures, 1);
	assert_heard("lost;ehlo reject 451 temp;=reject 451 temp t;goes on;");
	over();
	/* They are forgotten in time. */
	start_all();
	for (i = 0; i < 4 * FILTER_STRIKES; i++) {
		speak(PROC_A, "what?");
		mono += 601 * SECOND;
	}
	assert_true(filter_is_up(proc_of(PROC_A)));
}

/* Before it is ready nothing is forgiven, and nobody waits for ever. */
static void
test_handshake(void **state)
{
	static const char *const	 wrong[] = {
		"filter-result|0|0|proceed", "register|filter|smtp-in|nonsense", "", "register",
		"report|1.0|smtp-in|a1b2c3d4e5f60718|x",
	};
	size_t				 i;

	(void)state;
	start_all();
	session_with("b", NULL);
	for (i = 0; i < nitems(wrong); i++) {
		nfailures = 0;
		filter_open(PROC_A, 2, open("/dev/null", O_RDWR));
		filter_output(PROC_A, open("/dev/null", O_RDWR));
		speak(PROC_A, "register|filter|smtp-in|ehlo");
		assert_int_equal(nfailures, 0);
		speak(PROC_A, wrong[i]);
		assert_int_equal(nfailures, 1);
		assert_int_equal(proc_of(PROC_A)->state, FILTER_DOWN);
	}
	filter_open(PROC_A, 2, open("/dev/null", O_RDWR));
	filter_output(PROC_A, open("/dev/null", O_RDWR));
	pass(30 * SECOND - 1);
	assert_int_equal(proc_of(PROC_A)->state, FILTER_REGISTERING);
	mono++;
	on_tick(-1, EV_TIMEOUT, NULL);
	assert_int_equal(proc_of(PROC_A)->state, FILTER_DOWN);
	/* What it registers later, sessions do not count on. */
	start(PROC_A, 1u << PHASE_EHLO);
	speak(PROC_A, "register|filter|smtp-in|noop");
	assert_false(filter_registered(proc_of(PROC_A), PHASE_NOOP));
	assert_true(filter_registered(proc_of(PROC_A), PHASE_EHLO));
}

static void
test_stats(void **state)
{
	unsigned	 i;

	(void)state;
	start_all();
	memset(proc_of(PROC_A)->latency, 0, sizeof(proc_of(PROC_A)->latency));
	proc_of(PROC_A)->nlatencies = proc_of(PROC_A)->nrequests = proc_of(PROC_A)->ntimeouts =
	    proc_of(PROC_A)->nstrikes = 0;
	proc_of(PROC_A)->nstarts = 3;
	session_with("a", NULL);
	for (i = 1; i <= 100; i++) {
		phase_ask(&session, PHASE_NOOP, SLICE(""), then);
		mono += i * 1000;
		answer(PROC_A, "proceed");
	}
	*heard = '\0';
	filter_stats(proc_of(PROC_A));
	assert_heard("filter.a.requests 100;filter.a.restarts 2;filter.a.timeouts 0;"
	    "filter.a.strikes 0;filter.a.latency.p50 51;filter.a.latency.p99 100;");
	over();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_failures),
		cmocka_unit_test(test_out_of_place),
		cmocka_unit_test(test_shadow_fails),
		cmocka_unit_test(test_strangers),
		cmocka_unit_test(test_strikes),
		cmocka_unit_test(test_handshake),
		cmocka_unit_test(test_stats),
	};

	return cmocka_run_group_tests(tests, world_init, world_end);
}
