/* SPDX-License-Identifier: ISC */
/*
 * Phases: rules and programs are asked in order until one decides; what becomes of a session when
 * one of them fails.
 */
/* objects: smtpd/smtp_phase.o smtpd/smtp_question.o smtpd/smtp_answer.o smtpd/smtp_stream.o smtpd/smtp_pipe.o smtpd/smtp_filter.o smtpd/smtp_filter_stats.o smtpd/smtp_chain.o */
#include "tests/unit/smtp_filter_world.h"

#define ALL	((1u << PHASE_MAX) - 1)

/* -- neighbours -- */

static enum held	 held[4];	/* what rules say, by index */
static bool		 wants_name[4];
static uint32_t		 serial;	/* of the last question to lookup */
static char		 judged_of[100];

enum held
condition_judge(const struct session *s, const struct filter *f, struct slice argument,
    uint32_t n)
{
	assert_ptr_equal(s, &session);
	serial = n;
	snprintf(judged_of, sizeof(judged_of), "%.*s", (int)argument.n, argument.p);
	return held[f->index];
}

bool
condition_wants_name(const struct session *s, const struct filter *f)
{
	(void)s;
	return wants_name[f->index];
}

void
content_line(struct tx *tx, struct slice line)
{
	(void)tx;
	(void)line;
	fail();
}

static void
then(struct session *s, const struct outcome *o)
{
	assert_ptr_equal(s, &session);
	assert_null(s->asking);
	assert_int_equal(s->waiting, WAITING_NOT);
	hear("=%s%s%.*s", decision_names[o->decision], o->text.p == NULL ? "" : " ",
	    (int)o->text.n, o->text.p == NULL ? "" : o->text.p);
	hear(o->result == RESULT_OK ? ";" : o->result == RESULT_TEMPFAIL ? " t;" : " p;");
}

static void
ask(enum phase phase)
{
	phase_ask(&session, phase, SLICE("ARG"), then);
}

static void
over(void)
{
	assert_null(session.asking);
	assert_int_equal(session.waiting, WAITING_NOT);
	phase_end(&session);
}

static void
start_all(void)
{
	unsigned	 i;

	for (i = 0; i < NPROCS; i++)
		start(i, ALL);
}

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

/* -- failures -- */

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
		cmocka_unit_test(test_decisions),
		cmocka_unit_test(test_who_is_asked),
		cmocka_unit_test(test_request),
		cmocka_unit_test(test_junk),
		cmocka_unit_test(test_rules),
		cmocka_unit_test(test_dns_error_told),
		cmocka_unit_test(test_mixed),
		cmocka_unit_test(test_failures),
		cmocka_unit_test(test_out_of_place),
		cmocka_unit_test(test_shadow_fails),
		cmocka_unit_test(test_strangers),
		cmocka_unit_test(test_strikes),
		cmocka_unit_test(test_handshake),
		cmocka_unit_test(test_outcome_reply),
		cmocka_unit_test(test_stats),
	};

	return cmocka_run_group_tests(tests, world_init, world_end);
}
