/* SPDX-License-Identifier: ISC */
/*
 * Report lines on their way to the bus of smtp: a batch for each subsystem and
 * dialect that someone reads.  Used by queue and relay.
 */
#include <string.h>

#include "smtpd/ipc.h"
#include "smtpd/log.h"
#include "smtpd/loop.h"
#include "smtpd/proc.h"
#include "smtpd/report_emit.h"
#include "smtpd/report_remote.h"

#define BATCH		(32 * 1024)	/* bytes; a subscriber's buffer takes it whole */
#define BACKLOG		(16 * 1024 * 1024)	/* smtp does not read: lines are dropped */

static struct batch {
	bool		 wanted;	/* by reporters */
	uint64_t	 watched;	/* by filters: their bits */
	uint64_t	 watchers;	/* of its lines */
	uint64_t	 first, last;	/* times of its lines */
	size_t		 n;
	char		 text[BATCH];
} batches[SUBSYSTEM_MAX][DIALECT_MAX];

static struct gap {
	uint64_t	 count, first, last;
} gaps[SUBSYSTEM_MAX];

static struct ipc	*smtp;
static uint64_t		 at;

static void
send_batch(enum subsystem subsystem, enum dialect d)
{
	struct batch	*b = &batches[subsystem][d];

	if (b->n == 0)
		return;
	if (smtp != NULL) {
		ipc_begin(smtp, IPC_REPORT);
		ipc_put_u8(smtp, subsystem);
		ipc_put_u8(smtp, d);
		ipc_put_u64(smtp, b->watchers);
		ipc_put_u64(smtp, b->first);
		ipc_put_u64(smtp, b->last);
		ipc_put_slice(smtp, slice_make(b->text, b->n));
		ipc_end(smtp);
	}
	b->n = 0;
}

static bool
batch_wanted(const struct batch *b, uint64_t watchers)
{
	return b->wanted || (b->watched & watchers) != 0;
}

static void
add(const struct report_head *head, uint64_t watchers, enum event_id event,
    const struct report_value *v, size_t n)
{
	struct batch	*b;
	enum dialect	 d;

	for (d = 0; d < DIALECT_MAX; d++) {
		b = &batches[head->subsystem][d];
		if (!batch_wanted(b, watchers))
			continue;
		if (sizeof(b->text) - b->n < REPORT_LINE_MAX || b->watchers != watchers)
			send_batch(head->subsystem, d);
		b->watchers = watchers;
		if (b->n == 0)
			b->first = head->time;
		b->last = head->time;
		b->n += report_write(b->text + b->n, sizeof(b->text) - b->n, d,
		    event, head, v, n);
	}
}

/* The gap line stands where the lines are missing: before the next one. */
static void
add_gap(enum subsystem subsystem)
{
	struct gap			*g = &gaps[subsystem];
	const struct report_head	 head = { subsystem, loop_wall(), 0 };
	const struct report_value	 v[] = {
		{ RF_COUNT,	.num = g->count },
		{ RF_FIRST,	.num = g->first },
		{ RF_LAST,	.num = g->last },
	};

	if (g->count == 0)
		return;
	log_warnx("smtp does not keep up: %llu report lines of %s dropped",
	    (unsigned long long)g->count, subsystem_names[subsystem]);
	add(&head, 0, EV_REPORT_GAP, v, 3);
	*g = (struct gap){ 0 };
}

static void
remote_send(const struct report_source *src, enum event_id event,
    const struct report_value *v, size_t n)
{
	const struct report_head head = { src->subsystem,
	    at != 0 ? at : loop_wall(), src->session };
	struct gap		*g = &gaps[src->subsystem];

	if (smtp == NULL)
		return;
	if (ipc_backlog(smtp) > BACKLOG) {
		if (g->count++ == 0)
			g->first = head.time;
		g->last = head.time;
		return;
	}
	add_gap(src->subsystem);
	add(&head, src->watchers, event, v, n);
}

/* An end-of-turn hook, before the channels are flushed. */
static void
send_all(void)
{
	enum subsystem	 s;
	enum dialect	 d;

	for (s = 0; s < SUBSYSTEM_MAX; s++)
		for (d = 0; d < DIALECT_MAX; d++)
			send_batch(s, d);
}

void
report_remote_init(void)
{
	const struct proc_conf	*c;
	enum subsystem		 s;

	TAILQ_FOREACH(c, &proc_conf->procs, entry)
		for (s = 0; s < SUBSYSTEM_MAX; s++) {
			batches[s][c->dialect].wanted |= (c->reports & 1u << s) != 0;
			if ((c->attached & 1u << s) != 0)
				batches[s][c->dialect].watched |= (uint64_t)1 << c->bit;
		}
	report_to(remote_send);
	loop_at_end(send_all);
}

bool
report_remote_wanted(enum subsystem subsystem, uint64_t watchers)
{
	enum dialect	 d;

	for (d = 0; d < DIALECT_MAX; d++)
		if (batch_wanted(&batches[subsystem][d], watchers))
			return true;
	return false;
}

void
report_remote_at(uint64_t time)
{
	at = time;
}

void
report_remote_peer(struct ipc *ipc)
{
	smtp = ipc;
}
