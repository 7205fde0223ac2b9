/* SPDX-License-Identifier: ISC */
/*
 * What goes to relay: jobs of one message, its answers, content, deaths.  The
 * channel is real; time and the spool are the test's own.
 */
/* objects: smtpd/queue_sched.o smtpd/queue_route.o smtpd/queue_content.o smtpd/queue_fate.o smtpd/queue_relay.o smtpd/queue_admin.o smtpd/queue_deliver.o smtpd/queue_message.o smtpd/ipc.o smtpd/ipc_msg.o smtpd/ipc_table.o */
#include "tests/unit/queue_relay_world.h"

/* A message's recipients at one place are one job, up to a hundred. */
static void
test_job(void **state)
{
	struct message	*m = new_message(5);
	size_t		 i;

	(void)state;
	for (i = 0; i < 250; i++)
		sched_add(add_to(m, "a.example", 3600));
	sched_add(add_to(m, "b.example", 3600));
	send_to("a.example", 3600);
	round_trip();
	assert_int_equal(njobs, 3);
	assert_int_equal(given_to("a.example"), 200);	/* of two jobs */
	assert_int_equal(given_to("b.example"), 1);
	assert_int_equal(notify, 6);
	assert_int_equal(body, 1);
	assert_string_equal(orcpt, "rfc822;o");
	assert_int_equal(content, 5);
	assert_int_equal(given[0].attempt, 1);
	answer_all(JOB_DONE, 0);
	assert_int_equal(njobs, 5);
	assert_int_equal(ngiven, 51);
	assert_int_equal(reported.event, EV_ENVELOPE_DELIVERED);
	assert_string_equal(reported.transport, "relay");
	assert_string_equal(reported.dest, "192.0.2.1:25");
	assert_string_equal(reported.reply, "its words");
	assert_int_equal(reported.n, 201);
	assert_int_equal(nsuccesses, 201);
	answer_all(JOB_DONE, RELAYED_DSN);
	assert_int_equal(nsuccesses, 201);
	assert_int_equal(nmarks, 252);
	all_gone();
}

static void
test_fails(void **state)
{
	struct envelope	*e = send_to("bad.example", 3600);

	(void)state;
	round_trip();
	bounces_late = true;
	answer_all(JOB_PERMFAIL, 0);
	assert_ptr_equal(bouncing, e);
	assert_int_equal(nmarks, 0);
	assert_int_equal(reported.event, EV_ENVELOPE_FAILED);
	assert_int_equal(queue_relay_jobs(), 0);
	assert_non_null(route("bad.example"));
	fate_bounced(e);
	assert_int_equal(last_state(), SPOOL_FAILED);
	all_gone();
}

static void
fetch(uint64_t job, uint64_t offset, uint32_t n)
{
	fetched = (struct slice){ 0 };
	ipc_begin(theirs, IPC_FETCH);
	ipc_put_u64(theirs, job);
	ipc_put_u64(theirs, offset);
	ipc_put_u32(theirs, n);
	ipc_end(theirs);
	round_trip();
}

static void
test_fetch(void **state)
{
	struct envelope	*e = add_to(new_message(300000), "large.example", 360000);

	(void)state;
	sched_add(e);
	round_trip();
	assert_int_equal(ngiven, 1);
	assert_int_equal(content, 0);
	fetch(given[0].job, 0, 65536);
	assert_int_equal(fetched.n, 65536);
	fetch(given[0].job, 290000, UINT32_MAX);
	assert_int_equal(fetched.n, 10000);
	fetch(given[0].job, 0, UINT32_MAX);
	assert_int_equal(fetched.n, CONTENT_PIECE);
	fetch(given[0].job, 300000, 1);		/* nothing there */
	assert_non_null(fetched.p);
	assert_int_equal(fetched.n, 0);
	fetch(given[0].job + 1, 0, 1);
	assert_non_null(fetched.p);
	assert_int_equal(fetched.n, 0);
	/* It becomes unreadable: not tried again in a hurry. */
	unreadable = e->msg->recno;
	read_error = EBADMSG;
	fetch(given[0].job, 65536, 65536);
	assert_int_equal(fetched.n, 0);
	answer_all(JOB_TEMPFAIL, 0);
	assert_int_equal(last_state(), SPOOL_WAITING);
	assert_in_range(marks[nmarks - 1].r.next, queue_now() + 4 * 3600,
	    queue_now() + 4 * 3600);
	advance_idle(4 * 3600);
	round_trip();		/* it looks before it gives */
	assert_int_equal(ngiven, 0);
	unreadable = UINT64_MAX;
	advance_idle(4 * 3600);
	round_trip();
	finish_all();
	all_gone();
}

/* So much content is under way; the rest relay asks for when it needs it. */
static void
test_inline(void **state)
{
	size_t	 i, whole = 0;
	char	 name[32];

	(void)state;
	for (i = 0; i < 400; i++) {
		snprintf(name, sizeof(name), "i%zu.example", i);
		sched_add(add_to(new_message(128 * 1024), name, 3600));
		round_trip();
		round_trip();
		whole += content > 0;
	}
	assert_int_equal(ngiven, 400);
	assert_int_equal(whole, 32 * 1024 / 128);
	finish_all();
	send_to("i.example", 3600);
	round_trip();
	assert_int_equal(content, 5);
	finish_all();
	all_gone();
}

/* What it held is an attempt; the destination goes on. */
static void
test_death(void **state)
{
	size_t	 i;

	(void)state;
	for (i = 0; i < 4; i++)
		send_to("a.example", 3600);
	round_trip();
	assert_int_equal(ngiven, 2);
	answer(&given[0], JOB_DONE, 0);		/* said in time */
	ipc_flush_all();
	ipc_free(theirs);
	ipc_drain(ours);
	assert_int_equal(nmarks, 2);
	assert_int_equal(marks[0].r.state, SPOOL_DONE);
	assert_int_equal(marks[1].r.attempts, 1);
	assert_int_equal(marks[1].r.next, queue_now() + 1);
	assert_int_equal(queue_relay_jobs(), 0);
	assert_false(route_is_held(route("a.example")));
	queue_relay_turn();			/* nobody is there */
	meet_relay();
	round_trip();
	assert_int_equal(ngiven, 2);
	finish_all();
	advance_idle(2);
	round_trip();
	assert_int_equal(ngiven, 1);
	assert_int_equal(given[0].attempt, 2);
	finish_all();
	all_gone();
}

/* A new one is there before the old one is seen to be gone; and when we stop nothing is counted. */
static void
test_replaced(void **state)
{
	struct message	*m;
	size_t		 pos = 0;

	(void)state;
	send_to("a.example", 3600);
	round_trip();
	ipc_free(theirs);
	queue_relay_drain();
	meet_relay();
	assert_int_equal(nmarks, 1);
	advance_idle(2);
	round_trip();
	assert_int_equal(ngiven, 1);
	queue_stopping = true;
	ipc_free(theirs);
	ipc_drain(ours);
	assert_int_equal(nmarks, 1);
	assert_int_equal(sched_count().running, 0);
	queue_stopping = false;
	meet_relay();
	while ((m = message_next(&pos)) != NULL) {
		message_free(m);
		pos = 0;
	}
	all_gone();
}

static void
test_answers(void **state)
{
	struct given	 g;

	(void)state;
	send_to("a.example", 3600);
	round_trip();
	g = given[0];
	g.job++;
	answer(&g, JOB_DONE, 0);
	g = given[0];
	g.evpid++;
	answer(&g, JOB_DONE, 0);
	g = given[0];
	answer(&g, JOB_PERMFAIL + 1, 0);
	round_trip();
	assert_int_equal(nmarks, 0);
	answer(&g, JOB_DONE, 0);
	answer(&g, JOB_DONE, 0);
	round_trip();
	assert_int_equal(nmarks, 1);
	ngiven = 0;
	/* Not heard of for hours: it is let go. */
	send_to("a.example", 360000);
	round_trip();
	advance_idle(7201);
	queue_relay_check_time();
	assert_int_equal(queue_relay_jobs(), 0);
	assert_int_equal(nmarks, 2);
	ipc_drain(theirs);
	assert_null(theirs);
	meet_relay();
	advance_idle(2);
	round_trip();
	finish_all();
	all_gone();
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test_setup(test_job, setup),
		cmocka_unit_test_setup(test_fails, setup),
		cmocka_unit_test_setup(test_fetch, setup),
		cmocka_unit_test_setup(test_inline, setup),
		cmocka_unit_test_setup(test_death, setup),
		cmocka_unit_test_setup(test_replaced, setup),
		cmocka_unit_test_setup(test_answers, setup),
	};

	return cmocka_run_group_tests(tests, start_relay, NULL);
}
