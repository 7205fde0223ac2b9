/* SPDX-License-Identifier: ISC */
/*
 * Counters and gauges of the queue, as often as `report stats` says, if
 * somebody reads them (smtpd-report(7)).  Queue process.
 */
#include <event2/event.h>
#include <event2/event_struct.h>

#include "lib/nitems.h"
#include "smtpd/loop.h"
#include "smtpd/proc.h"
#include "smtpd/queue.h"
#include "smtpd/report_emit.h"
#include "smtpd/report_remote.h"

/* What a visit to all messages finds. */
struct sum {
	uint64_t	 envelopes, bytes, age;
};

static struct event	 timer;

static struct sum
visit(void)
{
	const int64_t		 now = queue_now();
	struct sum		 s = { 0 };
	const struct message	*m;
	size_t			 pos = 0;

	while ((m = message_next(&pos)) != NULL) {
		s.envelopes += m->left;
		s.bytes += m->size;
		if (now - m->arrival > (int64_t)s.age)
			s.age = (uint64_t)(now - m->arrival);
	}
	return s;
}

static void
gauges(void)
{
	const struct sum		 s = visit();
	const struct sched_count	 c = sched_count();
	const struct route_count	 r = route_count();
	const struct {
		const char	*name;
		uint64_t	 value;
	} rows[] = {
		{ "queue.messages",	message_count() },
		{ "queue.envelopes",	s.envelopes },
		{ "queue.bytes",	s.bytes },	/* of content */
		{ "queue.age",		s.age },	/* seconds of the oldest message */
		{ "queue.waiting",	c.waiting },	/* for their next try */
		{ "queue.ready",	c.ready },
		{ "queue.running",	c.running },
		{ "queue.delivers",	r.delivers },	/* processes */
		{ "queue.relay.running", c.relayed },
		{ "queue.hosts",	r.destinations },
		{ "queue.hosts.held",	r.held },
	};
	size_t				 i;

	for (i = 0; i < nitems(rows); i++)
		report_gauge(rows[i].name, rows[i].value);
}

static void
counters(void)
{
	const struct queue_counters	*q = &queue_counters;
	const struct {
		const char	*name;
		uint64_t	 value;
	} rows[] = {
		{ "queue.accepted",	q->accepted },	/* messages; then envelopes: */
		{ "queue.delivered",	q->delivered },
		{ "queue.delivered.bytes", q->bytes },
		{ "queue.deferred",	q->deferred },
		{ "queue.failed",	q->failed },
		{ "queue.expired",	q->expired },
		{ "queue.removed",	q->removed },
		{ "queue.died",		q->died },	/* processes with jobs */
	};
	size_t				 i;

	for (i = 0; i < nitems(rows); i++)
		report_counter(rows[i].name, rows[i].value);
}

static void
timer_cb(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	if (queue_spool == NULL)
		return;
	gauges();
	counters();
}

void
queue_stats_init(void)
{
	const struct timeval	 tv = { proc_conf->stats_interval, 0 };

	if (!report_remote_wanted(SUBSYSTEM_STATS, 0))
		return;
	event_assign(&timer, loop_base, -1, EV_PERSIST, timer_cb, NULL);
	event_add(&timer, &tv);
}
