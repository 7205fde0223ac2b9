/* SPDX-License-Identifier: ISC */
#ifndef TESTS_UNIT_QUEUE_RELAY_WORLD_H
#define TESTS_UNIT_QUEUE_RELAY_WORLD_H

/*
 * A relay at the other end of a real channel, and mail that goes out.  For
 * queue_relay_test.c, queue_hosts_test.c and queue_admin_test.c.
 */
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
static inline void
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

static inline struct route *
route(const char *domain)
{
	return route_find(ROUTE_RELAY, SLICE("out"), slice_str(domain));
}

static inline size_t
given_to(const char *domain)
{
	size_t	 i, n = 0;

	for (i = 0; i < ngiven; i++)
		n += strcmp(given[i].route, domain) == 0;
	return n;
}

/* Nothing is left of a test. */
static inline void
all_gone(void)
{
	const struct sched_count	 c = sched_count();

	assert_int_equal(c.waiting + c.ready + c.running + c.relayed + c.relayed_old, 0);
	assert_int_equal(queue_relay_jobs(), 0);
	assert_int_equal(route_count().destinations, 0);
	assert_int_equal(route_count().held, 0);
	assert_int_equal(message_count(), 0);
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

#endif
