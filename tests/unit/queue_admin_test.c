/* SPDX-License-Identifier: ISC */
/*
 * What the administrator changes: tries at once, none for now, none any more.
 */
/* objects: smtpd/queue_sched.o smtpd/queue_route.o smtpd/queue_content.o smtpd/queue_fate.o smtpd/queue_relay.o smtpd/queue_admin.o smtpd/queue_deliver.o smtpd/queue_message.o smtpd/ipc.o smtpd/ipc_msg.o smtpd/ipc_table.o */
#include "tests/unit/queue_relay_world.h"

static void
test_admin(void **state)
{
	struct envelope		*e = send_to("a.example", 360000);
	struct message		*m = e->msg;
	const uint32_t		 msgid = m->msgid;
	const uint64_t		 evpid = e->evpid;
	struct admin_count	 n;

	(void)state;
	assert_int_equal(admin_envelopes(ADMIN_SCHEDULE, msgid + 1, &n), -1);
	assert_int_equal(admin_envelopes(ADMIN_SCHEDULE, evpid + 1, &n), -1);
	admin_pause(ROUTE_RELAY, true);
	round_trip();
	assert_int_equal(ngiven, 0);
	admin_pause(ROUTE_RELAY, false);
	round_trip();
	assert_int_equal(ngiven, 1);
	answer_all(JOB_TEMPFAIL, RELAYED_UNREACHED);
	assert_true(route_is_held(route("a.example")));
	assert_int_equal(e->state, ENV_WAITING);
	/* It is tried at once, held or not. */
	assert_int_equal(admin_envelopes(ADMIN_SCHEDULE, evpid, &n), 0);
	assert_int_equal(n.done, 1);
	round_trip();
	assert_int_equal(ngiven, 1);
	/* Paused and removed while it runs: later. */
	assert_int_equal(admin_envelopes(ADMIN_PAUSE, msgid, &n), 0);
	assert_int_equal(n.busy, 1);
	answer_all(JOB_TEMPFAIL, 0);
	assert_int_equal(e->state, ENV_PAUSED);
	assert_int_equal(admin_envelopes(ADMIN_SCHEDULE, 0, &n), 0);
	advance_idle(3600);
	round_trip();
	assert_int_equal(ngiven, 0);
	assert_int_equal(admin_envelopes(ADMIN_RESUME, msgid, &n), 0);
	round_trip();
	assert_int_equal(ngiven, 1);
	assert_int_equal(admin_envelopes(ADMIN_REMOVE, evpid, &n), 0);
	assert_int_equal(n.busy, 1);
	nmarks = 0;
	answer_all(JOB_TEMPFAIL, 0);
	assert_int_equal(last_state(), SPOOL_REMOVED);
	assert_int_equal(reported.event, EV_ENVELOPE_REMOVED);
	assert_int_equal(nbounces, 0);
	all_gone();
}

/* Removed while it runs, and then it fails for good: nobody is told. */
static void
test_removed(void **state)
{
	struct envelope		*e = send_to("a.example", 360000);
	struct admin_count	 n;

	(void)state;
	round_trip();
	assert_int_equal(admin_envelopes(ADMIN_REMOVE, e->evpid, &n), 0);
	assert_int_equal(n.busy, 1);
	answer_all(JOB_PERMFAIL, 0);
	assert_int_equal(last_state(), SPOOL_REMOVED);
	assert_int_equal(reported.event, EV_ENVELOPE_REMOVED);
	assert_int_equal(nbounces, 0);
	all_gone();
}

/* All of it: what waits, what is ready, what is paused; a message goes with its last envelope. */
static void
test_admin_all(void **state)
{
	struct admin_count	 n;
	struct envelope		*e;
	struct message		*m;
	size_t			 i;

	(void)state;
	for (i = 0; i < 100; i++) {
		m = new_message(5);
		add_to(m, "a.example", 3600);
		e = add_to(m, i % 2 ? "b.example" : "c.example", 3600);
		e->due = i % 3 ? mono + (i + 1) * SECOND : 0;
		sched_add(m->env[0]);
		sched_add(e);
		if (i % 5 == 0)
			assert_int_equal(admin_envelopes(ADMIN_PAUSE, e->evpid, &n), 0);
	}
	assert_int_equal(admin_envelopes(ADMIN_SCHEDULE, 0, &n), 0);
	assert_int_equal(n.done, 200);
	assert_int_equal(sched_count().waiting, 0);
	assert_int_equal(sched_count().ready, 180);
	assert_int_equal(admin_envelopes(ADMIN_REMOVE, 0, &n), 0);
	assert_int_equal(n.done, 200);
	assert_int_equal(nmarks, 200);
	all_gone();
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test_setup(test_admin, setup),
		cmocka_unit_test_setup(test_removed, setup),
		cmocka_unit_test_setup(test_admin_all, setup),
	};

	return cmocka_run_group_tests(tests, start_relay, NULL);
}
