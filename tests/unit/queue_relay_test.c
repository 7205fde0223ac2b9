/* SPDX-License-Identifier: ISC */
/*
 * What goes to relay: jobs of one message, the width of a destination, those
 * that are dead, the turns of many, content, deaths, what the administrator
 * changes.  The channel is real; time and the spool are the test's own.
 */
/* objects: smtpd/queue_sched.o smtpd/queue_route.o smtpd/queue_content.o smtpd/queue_fate.o smtpd/queue_relay.o smtpd/queue_admin.o smtpd/queue_deliver.o smtpd/queue_message.o smtpd/ipc.o smtpd/ipc_msg.o smtpd/ipc_table.o */
#include "tests/unit/queue_sched_world.h"

#define GIVEN	8192

/* The relay's end, and what it was given and has not answered. */
static struct ipc	*theirs;
static struct given {
	uint64_t	 job, evpid;
	uint32_t	 attempt;
	char		 route[32];
} given[GIVEN];
static size_t		 ngiven, njobs;
static size_t		 content;	/* bytes with the last job */
static struct slice	 fetched;	/* the last; p NULL: none came */
static uint8_t		 notify, body;
static char		 orcpt[64];

static void
theirs_cb(struct ipc *ipc, struct ipc_msg *msg, void *arg)
{
	struct ipc_relay	 m;
	struct ipc_relay_rcpt	 r;

	(void)arg;
	if (msg == NULL) {
		ipc_free(ipc);
		theirs = NULL;
		return;
	}
	if (msg->type == IPC_FETCHED) {
		ipc_get_u64(msg);
		fetched = ipc_get_slice(msg);
		assert_true(ipc_complete(ipc, msg));
		fetched.p = "";
		return;
	}
	assert_int_equal(msg->type, IPC_RELAY);
	assert_true(ipc_get_relay(ipc, msg, &m));
	content = m.content.n;
	body = m.body;
	njobs++;
	while (ipc_relay_rcpt_next(&m.rcpts, &r) == 1) {
		assert_true(ngiven < GIVEN);
		given[ngiven] = (struct given){ m.job, r.evpid, r.attempt, "" };
		snprintf(given[ngiven++].route, 32, "%.*s", (int)m.route.n, m.route.p);
		notify = r.notify;
		snprintf(orcpt, sizeof(orcpt), "%.*s", (int)r.orcpt.n, r.orcpt.p);
	}
}

static void
ours_cb(struct ipc *ipc, struct ipc_msg *msg, void *arg)
{
	(void)arg;
	if (msg != NULL)
		queue_relay_heard(ipc, msg);
	else {
		if (queue_relay_is(ipc))
			queue_relay_met(NULL);
		ipc_free(ipc);
	}
}

static struct ipc	*ours;

static void
meet_relay(void)
{
	int	 fd[2];

	pair(fd);
	ours = ipc_new(PROC_QUEUE, PROC_RELAY, fd[0], ours_cb, NULL);
	queue_relay_met(ours);
	theirs = ipc_new(PROC_RELAY, PROC_QUEUE, fd[1], theirs_cb, NULL);
	ngiven = njobs = 0;
}

static void
round_trip(void)
{
	int	 i;

	for (i = 0; i < 3; i++) {
		ipc_flush_all();
		ipc_drain(ours);
		sched_wake();
		queue_relay_turn();
		ipc_flush_all();
		if (theirs != NULL)
			ipc_drain(theirs);
	}
}

static void
answer(const struct given *g, enum job_result result, uint8_t flags)
{
	const struct ipc_relayed	 m = { .job = g->job, .evpid = g->evpid,
	    .result = result, .flags = flags,
	    .host = flags & RELAYED_UNREACHED ? SLICE("") : SLICE("mx.example.org"),
	    .dest = SLICE("192.0.2.1:25"), .reply = SLICE("its words") };

	ipc_send_relayed(theirs, &m);
}

/* All that is given so far, not what follows. */
static void
answer_all(enum job_result result, uint8_t flags)
{
	size_t	 i, n = ngiven;

	for (i = 0; i < n; i++)
		answer(&given[i], result, flags);
	ngiven = 0;
	round_trip();
}

/* Answers until nothing is left. */
static void
finish_all(void)
{
	while (ngiven > 0)
		answer_all(JOB_DONE, 0);
}

static struct envelope *
add_to(struct message *m, const char *domain, int64_t ttl)
{
	const struct ipc_envelope	 from = { .msgid = m->msgid,
	    .evpid = evpids = (uint64_t)m->msgid << 32 | (m->n + 1),
	    .ttl = ttl, .action = SLICE("out"), .route_kind = ROUTE_RELAY,
	    .route = slice_str(domain), .rcpt = SLICE("r"), .dest = SLICE("d"),
	    .notify = 6, .orcpt = SLICE("rfc822;o") };
	struct envelope			*e = message_add(m, &from);

	assert_non_null(e);
	return e;
}

static struct message *
new_message(uint64_t size)
{
	struct message		*m = message_new(++msgids);
	const struct ipc_commit	 c = { .msgid = msgids, .size = size, .body = 1,
	    .sender = SLICE("s"), .helo = SLICE(""), .src = SLICE("") };

	assert_non_null(m);
	assert_int_equal(message_fill(m, &c, queue_now()), 0);
	m->recno = msgids % nitems(sizes);
	sizes[m->recno] = size;
	assert_int_equal(message_enlist(m), 0);
	return m;
}

static struct envelope *
send_to(const char *domain, int64_t ttl)
{
	struct envelope	*e = add_to(new_message(5), domain, ttl);

	sched_add(e);
	return e;
}

static struct route *
route(const char *domain)
{
	return route_find(ROUTE_RELAY, SLICE("out"), slice_str(domain));
}

static size_t
given_to(const char *domain)
{
	size_t	 i, n = 0;

	for (i = 0; i < ngiven; i++)
		n += strcmp(given[i].route, domain) == 0;
	return n;
}

/* Nothing is left of a test. */
static void
all_gone(void)
{
	const struct sched_count	 c = sched_count();

	assert_int_equal(c.waiting + c.ready + c.running + c.relayed + c.relayed_old, 0);
	assert_int_equal(queue_relay_jobs(), 0);
	assert_int_equal(route_count().destinations, 0);
	assert_int_equal(route_count().held, 0);
	assert_int_equal(message_count(), 0);
}

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

/* -- the administrator -- */

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
test_admin_removed(void **state)
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

static int
setup(void **state)
{
	assert_int_equal(begin(state), 0);
	ngiven = njobs = 0;
	return 0;
}

static int
start_relay(void **state)
{
	assert_int_equal(start(state), 0);
	meet_relay();
	return 0;
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test_setup(test_job, setup),
		cmocka_unit_test_setup(test_width, setup),
		cmocka_unit_test_setup(test_held, setup),
		cmocka_unit_test_setup(test_beyond, setup),
		cmocka_unit_test_setup(test_expire, setup),
		cmocka_unit_test_setup(test_fails, setup),
		cmocka_unit_test_setup(test_many, setup),
		cmocka_unit_test_setup(test_old, setup),
		cmocka_unit_test_setup(test_fetch, setup),
		cmocka_unit_test_setup(test_inline, setup),
		cmocka_unit_test_setup(test_death, setup),
		cmocka_unit_test_setup(test_replaced, setup),
		cmocka_unit_test_setup(test_answers, setup),
		cmocka_unit_test_setup(test_admin, setup),
		cmocka_unit_test_setup(test_admin_removed, setup),
		cmocka_unit_test_setup(test_admin_all, setup),
	};

	return cmocka_run_group_tests(tests, start_relay, NULL);
}
