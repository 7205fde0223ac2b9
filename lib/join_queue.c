/* SPDX-License-Identifier: ISC */
/*
 * Messages: what the queue says has become of their envelopes, and which of
 * that contradicts what was said before.
 */
#include <errno.h>
#include <stdlib.h>

#include "lib/join_local.h"

/* -- envelopes that have had their fate -- */

static size_t
closed_most(const struct join *j)
{
	return j->options.output == JOIN_CHECK ? j->options.most : CLOSED_MOST;
}

/* The newest take the places of the oldest. */
void
closed_add(struct join *j, uint64_t evpid)
{
	struct closed	*c = &j->closed;
	size_t		 size;
	uint64_t	*ring;

	if (u64map_get(&c->map, evpid) != NULL)
		return;
	if (c->n == c->size && c->size < closed_most(j)) {
		size = c->size == 0 ? 64 : 2 * c->size;
		if (size > closed_most(j))
			size = closed_most(j);
		if ((ring = reallocarray(c->ring, size, sizeof(*ring))) == NULL) {
			j->pool.error = ENOMEM;
			return;
		}
		c->ring = ring;
		c->size = size;
	}
	if (c->n == c->size)
		u64map_del(&c->map, c->ring[c->next]);
	else
		c->n++;
	if (u64map_put(&c->map, evpid, c) == -1)
		j->pool.error = ENOMEM;
	c->ring[c->next] = evpid;
	c->next = c->n < closed_most(j) ? c->n : (c->next + 1) % c->n;
}

bool
closed_has(const struct join *j, uint64_t evpid)
{
	return u64map_get(&j->closed.map, evpid) != NULL;
}

void
closed_free(struct join *j)
{
	u64map_free(&j->closed.map);
	free(j->closed.ring);
}

/* -- what a line says -- */

static enum fate
fate_of(enum event_id e)
{
	return e == EV_ENVELOPE_DELIVERED ? FATE_DELIVERED :
	    e == EV_ENVELOPE_FAILED ? FATE_FAILED :
	    e == EV_ENVELOPE_EXPIRED ? FATE_EXPIRED :
	    e == EV_ENVELOPE_REMOVED ? FATE_REMOVED : FATE_DEFERRED;
}

static void
take_fate(struct row *row, const struct report *r, uint64_t now)
{
	row->fate = (uint8_t)fate_of(r->event);
	row->by_queue = true;
	row->attempts = (uint32_t)field_number(r, RF_ATTEMPTS);
	row->has_delay = report_has(r, RF_DELAY) &&
	    report_time(r->field[RF_DELAY], &row->delay) == 0;
	row->done = now;
}

/* What the line alone says, as a message. */
static void
write_odd(struct join *j, const struct report *r, const struct origin *o, uint8_t mark)
{
	struct message	*m = msg_new(j, o);
	struct row	 wanted = { .evpid = field_hex(r, RF_EVPID), .has_evpid = true,
	    .has_address = true }, *row;

	if (m == NULL)
		return;
	m->marks = MARK_LATE_START | mark;
	if ((row = msg_add_row(j, m, &wanted, r->field[RF_RECIPIENT])) != NULL)
		take_fate(row, r, m->last.usec);
	j->violations++;
	msg_write_free(j, m);
}

/* Of a message that was not received here the delay tells when it was. */
static struct message *
msg_late(struct join *j, const struct report *r, const struct origin *o)
{
	struct message	*m = msg_enter(j, o);
	uint64_t	 delay;

	if (m == NULL)
		return NULL;
	m->marks = MARK_LATE_START;
	if (report_has(r, RF_DELAY) && report_time(r->field[RF_DELAY], &delay) == 0)
		m->begin.usec -= delay < m->begin.usec ? delay : m->begin.usec;
	return m;
}

/* The mark of what cannot be true of an envelope, or 0. */
static uint8_t
contradiction(const struct join *j, const struct message *m, const struct row *row,
    const struct origin *o, uint64_t evpid)
{
	if (j->options.output != JOIN_CHECK)
		return 0;
	if (closed_has(j, evpid) || (row != NULL && row->by_queue && msg_has_fate(row)))
		return MARK_TWICE;
	if (evpid >> 32 != o->msgid || (m != NULL && m->received && row == NULL))
		return MARK_STRAY;
	return 0;
}

static void
envelope(struct join *j, const struct report *r, const struct origin *o)
{
	struct row	 wanted = { .evpid = field_hex(r, RF_EVPID), .has_evpid = true,
	    .has_address = true }, *row = NULL;
	struct message	*m = u64map_get(&j->messages, o->msgid);
	uint8_t		 mark;

	if (m != NULL)
		row = msg_find_row(m, &wanted, r->field[RF_RECIPIENT]);
	if ((mark = contradiction(j, m, row, o, wanted.evpid)) != 0) {
		write_odd(j, r, o, mark);
		return;
	}
	/* Nothing is to be learnt twice. */
	if (closed_has(j, wanted.evpid))
		return;
	if (m == NULL && (m = msg_late(j, r, o)) == NULL)
		return;
	if (row == NULL &&
	    (row = msg_add_row(j, m, &wanted, r->field[RF_RECIPIENT])) == NULL)
		return;
	row->evpid = wanted.evpid;
	row->has_evpid = true;
	if (!row->has_address)
		msg_set_address(j, m, row, r->field[RF_RECIPIENT]);
	take_fate(row, r, o->end.usec);
	msg_touch(m, o);
	msg_close_if_done(j, m);
}

/* A notification is a message that the queue itself has received. */
static void
bounce(struct join *j, const struct report *r, struct origin *o)
{
	struct message	*m = u64map_get(&j->messages, o->msgid);

	if (m != NULL)
		m->marks |= slice_eq(r->field[RF_KIND], SLICE("delivered")) ? 0 : MARK_BOUNCED;
	o->msgid = (uint32_t)field_hex(r, RF_BOUNCE);
	if (o->msgid == 0 || u64map_get(&j->messages, o->msgid) != NULL ||
	    (m = msg_enter(j, o)) == NULL)
		return;
	m->has_sender = true;
}

void
msg_queue(struct join *j, const struct report *r, const struct moment *now)
{
	struct origin	 o = { .msgid = (uint32_t)field_hex(r, RF_MSGID),
	    .subsystem = SUBSYSTEM_QUEUE, .dialect = (uint8_t)r->dialect,
	    .gaps = j->gaps, .begin = moment_stamp(now), .end = moment_stamp(now) };

	j->has_queue = true;
	if (r->event == EV_MESSAGE_BOUNCE)
		bounce(j, r, &o);
	else
		envelope(j, r, &o);
}
