/* SPDX-License-Identifier: ISC */
#ifndef TESTS_UNIT_QUEUE_COMMIT_PEERS_H
#define TESTS_UNIT_QUEUE_COMMIT_PEERS_H

/*
 * The queue's other files, as far as queue.c and queue_commit.c call them: one
 * user, and nothing is delivered.  For queue_commit_world.h.
 */
#include "smtpd/queue.h"
#include "smtpd/report_remote.h"

static struct route	 alice = { .name = { "alice", 5 } };
static struct envelope	*scheduled[64];
static size_t		 nscheduled, jobs;

struct route *
route_get(enum route_kind kind, struct slice action, struct slice name)
{
	assert_int_equal(kind, ROUTE_USER);
	assert_int_equal(action.n, 0);
	return slice_eq(name, SLICE("alice")) ? &alice : NULL;
}

void
route_keep(struct route *r)
{
	assert_ptr_equal(r, &alice);
}

void
route_release(struct route *r)
{
	assert_ptr_equal(r, &alice);
}

void
sched_add(struct envelope *e)
{
	assert_true(nscheduled < nitems(scheduled));
	scheduled[nscheduled++] = e;
}

struct sched_count
sched_count(void)
{
	return (struct sched_count){ .running = jobs };
}

uint64_t
sched_due(void)
{
	return 0;
}

uint64_t
route_due(void)
{
	return 0;
}

void
deliver_turn(void)
{
}

void
deliver_check_time(void)
{
}

void
deliver_met(struct slice name, int fd)
{
	(void)name;
	(void)fd;
}

void
deliver_none(struct slice name, bool permanent, struct slice why)
{
	(void)name;
	(void)permanent;
	(void)why;
}

void
queue_relay_turn(void)
{
}

void
queue_relay_check_time(void)
{
}

void
queue_relay_drain(void)
{
}

void
queue_relay_met(struct ipc *ipc)
{
	(void)ipc;
}

bool
queue_relay_is(const struct ipc *ipc)
{
	(void)ipc;
	return false;
}

void
queue_relay_heard(struct ipc *ipc, struct ipc_msg *msg)
{
	(void)ipc;
	(void)msg;
}

void
queue_stats_init(void)
{
}

void
report_remote_init(void)
{
}

void
report_remote_peer(struct ipc *ipc)
{
	(void)ipc;
}

void
update_answered(struct ipc *ipc, struct ipc_msg *msg)
{
	(void)ipc;
	(void)msg;
}

void
update_lookup_lost(void)
{
}

void
control_open(int fd)
{
	(void)fd;
}

#endif
