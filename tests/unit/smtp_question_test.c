/* SPDX-License-Identifier: ISC */
/*
 * Questions that filters have not answered: whose answer it is, from when their time runs, what
 * becomes of those that come too late.  Phases and streams are the test's own.
 */
/* objects: smtpd/smtp_question.o */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/nitems.h"
#include "smtpd/log.h"
#include "smtpd/loop.h"
#include "smtpd/smtp.h"
#include "smtpd/smtp_filter.h"

#define LIMIT	5	/* seconds that a filter may take */

static uint64_t		 mono = 1000 * SECOND;
static struct proc_conf	 conf[] = {
	{ .name = "new", .dialect = DIALECT_0_7, .timeout = LIMIT },
	{ .name = "old", .dialect = DIALECT_1, .timeout = LIMIT },
};
static struct filter_proc filters[2];
static struct session	 sessions[2];
static const struct filter named = { .name = "f" };

static struct question	*late[16];	/* that the sessions were told of */
static size_t		 nlate, nforgotten;
static char		 reason[200];
static unsigned		 fatal_strike;	/* so many end the filter; 0: none */

uint64_t
loop_mono(void)
{
	return mono;
}

void
log_warn(const char *fmt, ...)
{
	(void)fmt;
}

void
phase_late(struct question *q)
{
	assert_true(nlate < nitems(late));
	late[nlate++] = q;
	question_close(q);
}

void
stream_forget(struct question *q)
{
	assert_non_null(q->stage);
	nforgotten++;
}

void
filter_strike(struct filter_proc *f, struct slice line, const char *why)
{
	assert_null(line.p);
	snprintf(reason, sizeof(reason), "%s", why);
	if (++f->strikes == fatal_strike) {
		f->state = FILTER_DOWN;
		questions_end(&f->questions);
	}
}

static void
begin(void)
{
	size_t	 i;

	for (i = 0; i < 2; i++) {
		filters[i] = (struct filter_proc){ .conf = &conf[i], .state = FILTER_UP };
		TAILQ_INIT(&filters[i].questions);
		sessions[i] = (struct session){ .source.session = 0xabc + i };
		TAILQ_INIT(&sessions[i].questions);
	}
	nlate = nforgotten = 0;
	fatal_strike = 0;
	*reason = '\0';
}

static void
end(void)
{
	size_t	 i;

	for (i = 0; i < 2; i++)
		questions_end(&filters[i].questions);
	for (i = 0; i < 2; i++) {
		assert_true(TAILQ_EMPTY(&filters[i].questions));
		assert_true(TAILQ_EMPTY(&sessions[i].questions));
	}
}

/* A question of so many bytes. */
static struct question *
ask(unsigned filter, unsigned session, enum phase phase)
{
	struct question	*q = question_new(&filters[filter], &sessions[session], &named, phase);

	assert_non_null(q);
	assert_true(q->open && q->untimed);
	filters[filter].pipe.queued += 100;
	question_asked(q);
	return q;
}

static size_t
count(const struct questions *list, bool of_filter)
{
	const struct question	*q;
	size_t			 n = 0;

	if (of_filter)
		TAILQ_FOREACH(q, list, entry)
			n++;
	else
		TAILQ_FOREACH(q, list, session_entry)
			n++;
	return n;
}

static void
check(uint64_t passed, size_t expected)
{
	mono += passed;
	questions_check(&filters[0]);
	assert_int_equal(nlate, expected);
	assert_int_equal(filters[0].ntimeouts, expected);
	assert_int_equal(filters[0].strikes, expected);
}

/* Its time does not run before the pipe has taken it whole, nor while data lines are to come. */
static void
test_time(void **state)
{
	struct question	*q;

	(void)state;
	begin();
	q = ask(0, 0, PHASE_NOOP);
	filters[0].pipe.written = 99;
	check(20 * SECOND, 0);
	assert_int_equal(q->started, 0);
	filters[0].pipe.written = 100;
	check(20 * SECOND, 0);
	check(LIMIT * SECOND - 1, 0);
	assert_true(q->open);
	check(1, 1);
	assert_ptr_equal(late[0], q);
	assert_string_equal(reason,
	    "no answer within 5 s to noop of session 0000000000000abc");
	/* Once, though its answer is still to come. */
	check(100 * SECOND, 1);
	assert_int_equal(count(&filters[0].questions, true), 1);

	q = question_new(&filters[0], &sessions[0], &named, PHASE_DATA_LINE);
	check(100 * SECOND, 1);
	check(100 * SECOND, 1);
	filters[0].pipe.queued = 300;
	question_asked(q);
	check(20 * SECOND, 1);
	filters[0].pipe.written = 300;
	check(0, 1);
	check(LIMIT * SECOND, 2);
	assert_ptr_equal(late[1], q);
	end();
}

/* Neither a pipe that takes nothing nor a filter that goes on for ever is waited for longer. */
static void
test_patience(void **state)
{
	struct question	*q;
	unsigned	 i;

	(void)state;
	begin();
	q = ask(0, 0, PHASE_NOOP);
	check(FILTER_PATIENCE * LIMIT * SECOND - 1, 0);
	check(1, 1);
	assert_ptr_equal(late[0], q);
	q = ask(0, 0, PHASE_DATA_LINE);
	filters[0].pipe.written = filters[0].pipe.queued;
	check(0, 1);
	for (i = 0; i < FILTER_PATIENCE; i++) {
		check(LIMIT * SECOND - 1, 1);
		q->started = mono;
	}
	check(FILTER_PATIENCE - 1, 1);
	check(1, 2);
	assert_ptr_equal(late[1], q);
	end();
}

/* What one at work does begins its time anew; so does its end, when it is asked. */
static void
test_begins_anew(void **state)
{
	struct question	*q;

	(void)state;
	begin();
	q = ask(0, 0, PHASE_NOOP);
	filters[0].pipe.written = 100;
	check(0, 0);
	check(LIMIT * SECOND - 1, 0);
	q->started = mono;
	check(LIMIT * SECOND - 1, 0);
	question_asked(q);
	check(1, 0);
	check(LIMIT * SECOND - 1, 0);
	check(1, 1);
	end();
}

/* The late are told oldest first, of a filter that is up, each with its strike. */
static void
test_many(void **state)
{
	struct question	*q[4];
	size_t		 i;

	(void)state;
	begin();
	for (i = 0; i < 4; i++)
		q[i] = ask(0, i % 2, PHASE_EHLO);
	assert_int_equal(filters[0].nrequests, 4);
	filters[0].pipe.written = 300;
	check(0, 0);
	question_end(q[1]);
	filters[0].state = FILTER_REGISTERING;
	check(LIMIT * SECOND, 0);
	filters[0].state = FILTER_UP;
	check(0, 2);
	assert_ptr_equal(late[0], q[0]);
	assert_ptr_equal(late[1], q[2]);
	assert_true(q[3]->open);
	end();
}

/* A strike may end the filter, and all that it was asked with it. */
static void
test_fatal_strike(void **state)
{
	size_t	 i;

	(void)state;
	begin();
	for (i = 0; i < 4; i++)
		ask(0, 0, PHASE_RSET);
	filters[0].pipe.written = 400;
	check(0, 0);
	fatal_strike = 2;
	check(LIMIT * SECOND, 2);
	assert_true(TAILQ_EMPTY(&filters[0].questions));
	assert_true(TAILQ_EMPTY(&sessions[0].questions));
	end();
}

/* By its token it is found out of order, and by nobody else. */
static void
test_find_token(void **state)
{
	struct question	*q[3], *other;
	size_t		 i;

	(void)state;
	begin();
	for (i = 0; i < 3; i++)
		q[i] = ask(0, 0, PHASE_NOOP);
	other = ask(0, 1, PHASE_NOOP);
	for (i = 0; i < 3; i++) {
		assert_int_not_equal(q[i]->token, 0);
		assert_int_not_equal(q[i]->token, q[(i + 1) % 3]->token);
		assert_ptr_equal(question_find(&filters[0], &sessions[0], q[i]->token, false), q[i]);
		assert_null(question_find(&filters[1], &sessions[0], q[i]->token, false));
		assert_null(question_find(&filters[0], &sessions[1], q[i]->token, false));
	}
	assert_null(question_find(&filters[0], &sessions[0], other->token, false));
	assert_null(question_find(&filters[0], &sessions[0], 0, false));
	/* A late answer is told from the right one; a second one is to nothing. */
	question_close(q[1]);
	assert_ptr_equal(question_find(&filters[0], &sessions[0], q[1]->token, false), q[1]);
	assert_false(q[1]->open);
	i = q[0]->token;
	question_end(q[0]);
	assert_null(question_find(&filters[0], &sessions[0], i, false));
	end();
}

/* Without tokens they are answered in order, those that are late included. */
static void
test_find_order(void **state)
{
	struct question	*q[3], *other;
	size_t		 i;

	(void)state;
	begin();
	ask(0, 0, PHASE_NOOP);
	other = ask(1, 1, PHASE_NOOP);
	for (i = 0; i < 3; i++)
		q[i] = ask(1, 0, PHASE_NOOP);
	question_close(q[0]);
	for (i = 0; i < 3; i++) {
		assert_ptr_equal(question_find(&filters[1], &sessions[0], 0, false), q[i]);
		question_end(q[i]);
	}
	assert_null(question_find(&filters[1], &sessions[0], 0, false));
	assert_ptr_equal(question_find(&filters[1], &sessions[1], 0, false), other);
	/* By its kind, if there is one of it. */
	q[0] = ask(1, 0, PHASE_DATA_LINE);
	assert_ptr_equal(question_find(&filters[1], &sessions[0], 0, false), q[0]);
	q[1] = ask(1, 0, PHASE_NOOP);
	q[2] = ask(1, 0, PHASE_RSET);
	assert_ptr_equal(question_find(&filters[1], &sessions[0], 0, true), q[0]);
	assert_ptr_equal(question_find(&filters[1], &sessions[0], 0, false), q[1]);
	question_end(q[0]);
	assert_ptr_equal(question_find(&filters[1], &sessions[0], 0, true), q[1]);
	end();
}

/* A session that ends takes its own; a stream is told once of what it has to forget. */
static void
test_end(void **state)
{
	struct question	*q;

	(void)state;
	begin();
	ask(0, 0, PHASE_NOOP);
	ask(1, 0, PHASE_NOOP);
	ask(0, 1, PHASE_NOOP);
	q = ask(0, 0, PHASE_DATA_LINE);
	q->stage = (struct stage *)&q;
	question_close(q);
	assert_int_equal(nforgotten, 1);
	assert_null(q->stage);
	q = ask(1, 0, PHASE_DATA_LINE);
	q->stage = (struct stage *)&q;
	questions_end_session(&sessions[0]);
	assert_int_equal(nforgotten, 2);
	assert_int_equal(count(&sessions[0].questions, false), 0);
	assert_int_equal(count(&sessions[1].questions, false), 1);
	assert_int_equal(count(&filters[0].questions, true), 1);
	assert_int_equal(count(&filters[1].questions, true), 0);
	end();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_time),
		cmocka_unit_test(test_patience),
		cmocka_unit_test(test_begins_anew),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_fatal_strike),
		cmocka_unit_test(test_find_token),
		cmocka_unit_test(test_find_order),
		cmocka_unit_test(test_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
