/* SPDX-License-Identifier: ISC */
/*
 * Users take turns for a bounded number of delivers; clocks that are set;
 * delivers that are about to end.
 */
/* objects: smtpd/queue_sched.o smtpd/queue_route.o smtpd/queue_content.o smtpd/queue_fate.o smtpd/queue_deliver.o smtpd/queue_message.o smtpd/ipc.o smtpd/ipc_msg.o smtpd/ipc_table.o */
#include "tests/unit/queue_deliver_world.h"

/* A clock that is set, back or forward, neither delays nor hastens a try. */
static void
test_clock_set(void **state)
{
	static const int64_t	 by[] = { -86400 * 365, 86400 * 365 };
	struct route		*r = user("clock");
	struct envelope		*e;
	size_t			 i;

	(void)state;
	for (i = 0; i < nitems(by); i++) {
		e = mail("clock", 5, 86400 * 1000);
		e->attempts = 2;
		sched_add(e);
		turn(r);
		meet("clock", 0);
		turn(r);
		say_all(r, JOB_TEMPFAIL);
		assert_int_equal(e->state, ENV_WAITING);
		wall_set += by[i];
		advance(89);
		turn(r);
		assert_int_equal(them.n, 0);
		assert_int_equal(e->state, ENV_WAITING);
		advance(11);
		turn(r);
		assert_int_equal(them.n, 1);
		say_all(r, JOB_DONE);
		assert_int_equal(last_state(), SPOOL_DONE);
		die(r);
		advance(1);
	}
	wall_set = 0;
}

/* A deliver ends itself when it has been idle for 60 s: it is left before that, not given a job. */
static void
test_idle(void **state)
{
	struct route	*r = user("idle");

	(void)state;
	sched_add(mail("idle", 5, 3600));
	turn(r);
	meet("idle", 0);
	turn(r);
	advance_idle(100);
	deliver_check_time();
	assert_non_null(r->deliver);		/* it has a job */
	say_all(r, JOB_DONE);
	advance_idle(39);
	deliver_check_time();
	assert_non_null(r->deliver);
	sched_add(mail("idle", 5, 3600));
	turn(r);
	assert_int_equal(them.n, 1);
	say_all(r, JOB_DONE);
	wanted = nmarks = 0;
	/* The queue was held up: it looks before it gives. */
	advance_idle(60);
	sched_add(mail("idle", 5, 3600));
	turn(r);
	assert_null(r->deliver);
	turn(r);
	assert_null(them.ipc);
	assert_int_equal(wanted, 1);
	meet("idle", 0);
	turn(r);
	assert_int_equal(them.n, 1);
	assert_int_equal(them.attempt, 1);
	assert_int_equal(nmarks, 0);
	say_all(r, JOB_DONE);
	die(r);
}

/* -- many users -- */

#define MANY	5000

static struct {
	struct ipc	*ipc;
	uint64_t	 job[SLOTS];
	size_t		 n;
} others[MANY];
static size_t	 nothers;		/* that have a deliver */

static void
other_cb(struct ipc *ipc, struct ipc_msg *msg, void *arg)
{
	size_t		 i = (size_t)(uintptr_t)arg;
	struct ipc_job	 j;

	if (msg == NULL) {
		ipc_free(ipc);
		others[i].ipc = NULL;
		nothers--;
		return;
	}
	assert_true(ipc_get_job(ipc, msg, &j));
	others[i].job[others[i].n++] = j.evpid;
}

static void
many_name(char name[16], size_t i)
{
	snprintf(name, 16, "many%zu", i);
}

/* Who the parent was asked for is there. */
static void
meet_others(void)
{
	struct route	*r;
	char		 name[16];
	size_t		 i;
	int		 fd[2];

	for (i = 0; i < MANY; i++) {
		many_name(name, i);
		if ((r = route_find(ROUTE_USER, SLICE(""), slice_str(name))) == NULL || !r->asked)
			continue;
		pair(fd);
		deliver_met(r->name, fd[0]);
		others[i].ipc = ipc_new(PROC_DELIVER, PROC_QUEUE, fd[1],
		    other_cb, (void *)(uintptr_t)i);
		nothers++;
	}
}

static void
others_turn(void)
{
	size_t	 i;

	deliver_turn();
	ipc_flush_all();
	ipc_drain(parent);
	for (i = 0; i < MANY; i++)
		if (others[i].ipc != NULL)
			ipc_drain(others[i].ipc);
}

/* Of each, up to n jobs are done. */
static void
others_answer(size_t n)
{
	struct route	*r;
	char		 name[16];
	size_t		 i, k;

	for (i = 0; i < MANY; i++) {
		if (others[i].ipc == NULL)
			continue;
		for (k = 0; k < n && others[i].n > 0; k++) {
			ipc_begin(others[i].ipc, IPC_RESULT);
			ipc_put_u64(others[i].ipc, others[i].job[--others[i].n]);
			ipc_put_u8(others[i].ipc, JOB_DONE);
			ipc_put_slice(others[i].ipc, SLICE(""));
			ipc_end(others[i].ipc);
		}
		ipc_flush(others[i].ipc);
		many_name(name, i);
		assert_non_null(r = route_find(ROUTE_USER, SLICE(""), slice_str(name)));
		if (r->deliver != NULL)
			ipc_drain(r->deliver);
	}
}

/* An alias of thousands: so many delivers and no more, until all have their mail. */
static void
test_many_users(void **state)
{
	char	 name[16];
	size_t	 i, turns;

	(void)state;
	for (i = 0; i < MANY; i++) {
		many_name(name, i);
		sched_add(mail(name, 5, 3600));
	}
	for (turns = 0; nmarks < MANY; turns++) {
		assert_true(turns < 2 * MANY / DELIVERS + 2);
		others_turn();
		meet_others();
		assert_true(nothers <= DELIVERS);
		assert_true(route_count().delivers <= DELIVERS);
		others_turn();
		others_answer(1);
	}
	assert_int_equal(wanted, MANY);
	advance_idle(60);
	deliver_check_time();
	others_turn();
	assert_int_equal(nothers, 0);
	assert_int_equal(route_count().delivers, 0);
}

/* All places are taken by users with endless mail: another gets one in its turn. */
static void
test_turns(void **state)
{
	struct route	*r = user("patient");
	char		 name[16];
	size_t		 i, k;

	(void)state;
	for (i = 0; i < DELIVERS; i++) {
		many_name(name, i);
		for (k = 0; k < 100; k++)
			sched_add(mail(name, 5, 3600));
	}
	others_turn();
	meet_others();
	others_turn();
	assert_int_equal(nothers, DELIVERS);
	assert_int_equal(sched_count().running, DELIVERS * SLOTS);
	sched_add(mail("patient", 5, 3600));
	assert_true(route_due() > mono);
	others_turn();
	others_answer(1);
	others_turn();
	assert_false(r->asked);
	advance(5);
	for (i = 0; i < SLOTS && !r->asked; i++) {
		others_answer(1);
		others_turn();
	}
	assert_true(r->asked);
	assert_int_equal(nothers, DELIVERS - 1);
	meet("patient", 0);
	turn(r);
	say_all(r, JOB_DONE);
	for (i = 0; nmarks < DELIVERS * 100 + 1; i++) {
		assert_true(i < 1000);
		others_answer(SLOTS);
		others_turn();
		meet_others();
	}
	die(r);
	advance_idle(60);
	deliver_check_time();
	others_turn();
	assert_int_equal(nothers, 0);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test_setup(test_clock_set, begin),
		cmocka_unit_test_setup(test_idle, begin),
		cmocka_unit_test_setup(test_many_users, begin),
		cmocka_unit_test_setup(test_turns, begin),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
