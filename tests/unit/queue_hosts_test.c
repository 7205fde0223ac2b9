/* SPDX-License-Identifier: ISC */
/*
 * Destinations: how wide they are, those that are dead, the turns of many.
 */
/* objects: smtpd/queue_sched.o smtpd/queue_route.o smtpd/queue_content.o smtpd/queue_fate.o smtpd/queue_relay.o smtpd/queue_admin.o smtpd/queue_deliver.o smtpd/queue_message.o smtpd/ipc.o smtpd/ipc_msg.o smtpd/ipc_table.o */
#include "tests/unit/queue_relay_world.h"

/* It grows with what is answered, and is narrow again when nobody is reached. */
static void
test_width(void **state)
{
	size_t	 i, most = 0;

	(void)state;
	for (i = 0; i < 3000; i++)
		send_to("wide.example", 3600);
	round_trip();
	assert_int_equal(ngiven, RELAY_FIRST);
	answer_all(JOB_DONE, 0);
	assert_int_equal(ngiven, 2 * RELAY_FIRST);
	answer_all(JOB_TEMPFAIL, 0);		/* of a recipient: the way is good */
	assert_int_equal(ngiven, 4 * RELAY_FIRST);
	while (ngiven > 0) {
		most = ngiven > most ? ngiven : most;
		answer_all(JOB_DONE, 0);
	}
	assert_int_equal(most, RELAY_WIDEST);
	advance_idle(12);
	round_trip();
	assert_int_equal(ngiven, 4);
	finish_all();
	all_gone();
}

/* A dead destination: one failure holds all, which wait untouched; one success frees them. */
static void
test_held(void **state)
{
	struct envelope	*e;
	struct route	*r;
	size_t		 i;

	(void)state;
	for (i = 0; i < 50; i++)
		send_to("dead.example", 3600);
	round_trip();
	assert_int_equal(ngiven, 2);
	answer_all(JOB_TEMPFAIL, RELAYED_UNREACHED);
	r = route("dead.example");
	assert_true(route_is_held(r));
	assert_int_equal(r->failures, 1);	/* two jobs, one failure */
	assert_string_equal(r->why, "192.0.2.1:25: its words");
	assert_int_equal(ngiven, 0);
	assert_int_equal(nmarks, 2);
	assert_int_equal(r->nready, 48);
	assert_int_equal(ndelays, 2 + 48);
	assert_int_equal(route_count().held, 1);
	assert_in_range(route_due(), mono + 10 * SECOND, mono + 11 * SECOND);
	e = TAILQ_FIRST(&r->fresh);
	assert_int_equal(e->attempts, 0);
	/* New mail waits too; elsewhere it does not. */
	send_to("dead.example", 3600);
	send_to("live.example", 3600);
	round_trip();
	assert_int_equal(ngiven, 1);
	answer_all(JOB_DONE, 0);
	/* One tries; it grows. */
	advance_idle(12);
	round_trip();
	assert_int_equal(ngiven, 1);
	answer_all(JOB_TEMPFAIL, RELAYED_UNREACHED);
	assert_int_equal(r->failures, 2);
	assert_in_range(r->not_before, mono + 40 * SECOND, mono + 44 * SECOND);
	advance_idle(45);
	round_trip();
	assert_int_equal(ngiven, 1);
	answer_all(JOB_DONE, 0);
	assert_int_equal(r->failures, 0);
	assert_null(r->why);
	assert_int_equal(ngiven, 2);
	finish_all();
	advance_idle(60);
	round_trip();
	finish_all();
	all_gone();
}

/* While it is held no more than max-deferred wait there: others are put off by themselves. */
static void
test_beyond(void **state)
{
	struct route	*r;
	size_t		 i;

	(void)state;
	for (i = 0; i < 3002; i++)
		send_to("dead.example", 36000);
	round_trip();
	answer_all(JOB_TEMPFAIL, RELAYED_UNREACHED);
	r = route("dead.example");
	round_trip();
	assert_int_equal(r->nready, 100);
	assert_int_equal(sched_count().waiting, 2902);
	assert_int_equal(nmarks, 2902);
	assert_int_equal(reported.event, EV_ENVELOPE_DEFERRED);
	assert_string_equal(reported.reply, "192.0.2.1:25: its words");
	assert_true(reported.next >= (uint64_t)queue_now() * 1000000 + 10000000);
	assert_true(TAILQ_FIRST(&r->fresh)->attempts == 0);
	/* None of them is there before the next try. */
	advance_idle((r->not_before - mono) / SECOND);
	round_trip();
	assert_int_equal(ngiven, 1);
	answer_all(JOB_DONE, 0);
	while (sched_count().waiting + ngiven > 0) {
		finish_all();
		advance_idle(60);
		round_trip();
	}
	all_gone();
}

/* All that wait for it: their senders are told. */
static void
tell_all(void)
{
	struct message	*m;
	size_t		 pos = 0;

	while ((m = message_next(&pos)) != NULL)
		if (m->env[0]->state == ENV_BOUNCING) {
			fate_bounced(m->env[0]);
			pos = 0;
		}
}

/* With each failure of the destination, those whose time is over are given up. */
static void
test_expire(void **state)
{
	struct route	*r;
	size_t		 i;

	(void)state;
	send_to("dead.example", 36000);
	send_to("dead.example", 36000);
	for (i = 0; i < 20; i++)
		send_to("dead.example", i < 10 ? 30 : 36000);
	round_trip();
	answer_all(JOB_TEMPFAIL, RELAYED_UNREACHED);
	r = route("dead.example");
	assert_int_equal(r->nready, 20);
	advance_idle(31);
	round_trip();
	assert_int_equal(ngiven, 1);
	assert_int_equal(nbounces, 0);
	bounces_late = true;
	answer_all(JOB_TEMPFAIL, RELAYED_UNREACHED);
	assert_int_equal(reported.event, EV_ENVELOPE_EXPIRED);
	assert_int_equal(nbounces, 10);
	/* Their marks wait until their senders are told. */
	assert_int_equal(nmarks, 2);
	assert_int_equal(bouncing->state, ENV_BOUNCING);
	assert_int_equal(bouncing->fate, SPOOL_EXPIRED);
	fate_bounced(bouncing);
	assert_int_equal(last_state(), SPOOL_EXPIRED);
	bounces_late = false;
	tell_all();
	advance_idle(100);
	round_trip();
	while (sched_count().waiting + sched_count().ready + ngiven > 0) {
		finish_all();
		advance_idle(100);
		round_trip();
	}
	all_gone();
}

/* Thousands of destinations, each with several messages, some of them dead: turns, and bounds. */
static void
test_many(void **state)
{
	char	 name[32];
	size_t	 i, k, seen = 0;

	(void)state;
	for (i = 0; i < 3000; i++)
		for (k = 0; k < 3; k++) {
			snprintf(name, sizeof(name), "d%zu.example", i);
			sched_add(add_to(new_message(5), name, 3600));
		}
	round_trip();
	/* Everyone has its first before anyone has a third; all in bounds. */
	assert_int_equal(ngiven, RELAY_SLOTS);
	for (i = 1; i < ngiven; i++)
		assert_string_not_equal(given[i].route, given[i - 1].route);
	for (i = 0; i < 10; i++) {
		snprintf(name, sizeof(name), "d%zu.example", i * 299);
		k = given_to(name);
		assert_in_range(k, 1, 2);
		seen += k;
	}
	assert_true(seen > 0);
	nmarks = 0;
	while (ngiven > 0) {
		answer_all(JOB_DONE, 0);
		if (nmarks > 4000)
			nmarks = 0;
	}
	all_gone();
}

/* Old mail has at most half of the slots, whatever waits. */
static void
test_old(void **state)
{
	struct envelope	*e;
	char		 name[32];
	size_t		 i;

	(void)state;
	for (i = 0; i < 5000; i++) {
		snprintf(name, sizeof(name), "old%zu.example", i);
		e = add_to(new_message(5), name, 360000);
		e->attempts = 3;
		sched_add(e);
	}
	round_trip();
	assert_int_equal(ngiven, RELAY_SLOTS / 2);
	send_to("new.example", 3600);
	round_trip();
	assert_int_equal(given_to("new.example"), 1);
	while (ngiven > 0) {
		answer_all(JOB_DONE, 0);
		if (nmarks > 4000)
			nmarks = 0;
	}
	all_gone();
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test_setup(test_width, setup),
		cmocka_unit_test_setup(test_held, setup),
		cmocka_unit_test_setup(test_beyond, setup),
		cmocka_unit_test_setup(test_expire, setup),
		cmocka_unit_test_setup(test_many, setup),
		cmocka_unit_test_setup(test_old, setup),
	};

	return cmocka_run_group_tests(tests, start_relay, NULL);
}
