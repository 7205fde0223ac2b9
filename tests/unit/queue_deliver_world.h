/* SPDX-License-Identifier: ISC */
#ifndef TESTS_UNIT_QUEUE_DELIVER_WORLD_H
#define TESTS_UNIT_QUEUE_DELIVER_WORLD_H

/*
 * A deliver at the other end of a real channel, and mail for its user.  For
 * queue_sched_test.c and queue_turn_test.c.
 */
#include "tests/unit/queue_sched_world.h"

/* No deliver is left as idle meanwhile. */
static inline void
advance(uint64_t seconds)
{
	struct route	*r;

	advance_idle(seconds);
	for (r = route_next(NULL); r != NULL; r = route_next(r))
		if (r->nrunning == 0)
			r->heard = mono;
}

/* A deliver's end, and what it was given and has not answered. */
static struct deliver {
	struct ipc	*ipc;
	uint64_t	 job[SLOTS];
	size_t		 n;
	uint64_t	 content;	/* bytes that came behind their job */
	uint32_t	 attempt;	/* of the last job */
} them;

static void
them_cb(struct ipc *ipc, struct ipc_msg *msg, void *arg)
{
	struct ipc_job	 j;

	(void)arg;
	if (msg == NULL) {
		ipc_free(ipc);
		them.ipc = NULL;
		return;
	}
	if (msg->type == IPC_JOB_CONTENT) {
		ipc_get_u64(msg);
		them.content += ipc_get_slice(msg).n;
		return;
	}
	assert_int_equal(msg->type, IPC_JOB);
	assert_true(ipc_get_job(ipc, msg, &j));
	them.job[them.n++] = j.evpid;
	them.attempt = j.attempt;
}

/* A deliver for the user, with so much of a window; the one before is forgotten. */
static void
meet(const char *name, uint32_t window)
{
	int	 fd[2];

	pair(fd);
	them = (struct deliver){ 0 };
	deliver_met(slice_str(name), fd[0]);
	them.ipc = ipc_new(PROC_DELIVER, PROC_QUEUE, fd[1], them_cb, NULL);
	ipc_begin(them.ipc, IPC_WINDOW);
	ipc_put_u32(them.ipc, window);
	ipc_end(them.ipc);
}

/* What everybody has to say is read, then users are fed. */
static void
turn(struct route *r)
{
	ipc_flush_all();
	if (r->deliver != NULL)
		ipc_drain(r->deliver);
	deliver_turn();
	ipc_flush_all();
	ipc_drain(parent);
	if (them.ipc != NULL)
		ipc_drain(them.ipc);
}

static void
say(uint64_t evpid, enum job_result result)
{
	ipc_begin(them.ipc, IPC_RESULT);
	ipc_put_u64(them.ipc, evpid);
	ipc_put_u8(them.ipc, (uint8_t)result);
	ipc_put_slice(them.ipc, SLICE("why"));
	ipc_end(them.ipc);
}

/* Answers all that it was given. */
static void
say_all(struct route *r, enum job_result result)
{
	size_t	 i;

	for (i = 0; i < them.n; i++)
		say(them.job[i], result);
	them.n = 0;
	turn(r);
}

static void
die(struct route *r)
{
	ipc_free(them.ipc);
	them = (struct deliver){ 0 };
	turn(r);
}

static struct envelope *
add(struct message *m, const char *name, int64_t ttl)
{
	const struct ipc_envelope	 from = { .msgid = m->msgid,
	    .evpid = evpids = (uint64_t)m->msgid << 32 | (m->n + 1),
	    .ttl = ttl, .action = SLICE("a"), .route = slice_str(name),
	    .rcpt = SLICE("r"), .dest = SLICE("d") };
	struct envelope			*e = message_add(m, &from);

	assert_non_null(e);
	return e;
}

/* A message of one envelope for the user, known as evpids, not yet scheduled. */
static struct envelope *
mail(const char *name, uint64_t size, int64_t ttl)
{
	struct message		*m = message_new(++msgids);
	const struct ipc_commit	 c = { .msgid = msgids, .size = size,
	    .sender = SLICE(""), .helo = SLICE(""), .src = SLICE("") };

	assert_non_null(m);
	assert_int_equal(message_fill(m, &c, queue_now()), 0);
	m->recno = msgids % nitems(sizes);
	sizes[m->recno] = size;
	return add(m, name, ttl);
}

static struct route *
user(const char *name)
{
	struct route	*r = route_get(ROUTE_USER, SLICE(""), slice_str(name));

	assert_non_null(r);
	return r;
}


#endif
