/* SPDX-License-Identifier: ISC */
/*
 * Messages: received by one session, sent on by others, known by their msgid.
 */
#include <errno.h>

#include "lib/join_local.h"

/* STATUS_OPEN as long as one of them is under way. */
static enum status
status_of(const struct message *m)
{
	enum status	 status = STATUS_DELIVERED;
	size_t		 i, n = rows_count(&m->rows);

	for (i = 0; i < n; i++) {
		if (!msg_has_fate(rows_at(&m->rows, i)))
			return STATUS_OPEN;
		if (rows_at(&m->rows, i)->fate != FATE_DELIVERED)
			status = STATUS_FAILED;
	}
	return n == 0 ? STATUS_OPEN : status;
}

void
msg_touch(struct message *m, const struct origin *o)
{
	m->last = o->end;
	m->session = o->session;
	m->subsystem = o->subsystem;
	m->dialect = o->dialect;
}

struct message *
msg_new(struct join *j, const struct origin *o)
{
	struct message	*m;

	if ((m = pool_take(&j->pool, sizeof(*m))) == NULL)
		return NULL;
	*m = (struct message){ .msgid = o->msgid, .begin = o->begin, .gaps = o->gaps };
	msg_touch(m, o);
	return m;
}

static void
free_texts(struct join *j, struct message *m)
{
	text_free(&j->pool, &m->sender);
	rows_free(j, &m->rows);
}

void
msg_write_free(struct join *j, struct message *m)
{
	write_msg(j, m, status_of(m));
	free_texts(j, m);
	pool_give(&j->pool, m, sizeof(*m));
}

/* A violation is an envelope that was accepted, and of which the queue has said nothing. */
static void
check(struct join *j, const struct message *m, enum status status)
{
	const struct row	*row;
	size_t			 i, n = rows_count(&m->rows);

	for (i = 0; i < n; i++) {
		row = rows_at(&m->rows, i);
		if (row->has_evpid && row->fate == FATE_OPEN)
			break;
	}
	if (i == n || !m->received || !j->has_queue)
		return;
	j->violations++;
	write_msg(j, m, status);
}

static void
msg_close(struct join *j, struct message *m, enum status status)
{
	const struct row	*row;
	size_t			 i;
	bool			 refused = false;

	if (j->options.output == JOIN_CHECK)
		check(j, m, status);
	else
		write_msg(j, m, status);
	for (i = 0; i < rows_count(&m->rows); i++) {
		row = rows_at(&m->rows, i);
		if (row->has_evpid && msg_has_fate(row))
			closed_add(j, row->evpid);
		refused |= row->by_queue &&
		    (row->fate == FATE_FAILED || row->fate == FATE_EXPIRED);
	}
	/* The session that is still to tell of it has no evpid; no evpid is that small. */
	if (refused)
		closed_add(j, m->msgid);
	u64map_del(&j->messages, m->msgid);
	*(m->older == NULL ? &j->oldest_message : &m->older->newer) = m->newer;
	*(m->newer == NULL ? &j->newest_message : &m->newer->older) = m->older;
	free_texts(j, m);
	pool_give(&j->pool, m, sizeof(*m));
}

static void
evict(struct join *j)
{
	j->oldest_message->marks |= MARK_EVICTED;
	j->evicted++;
	msg_close(j, j->oldest_message, STATUS_EVICTED);
}

/* Without lines of the queue there is nothing to check: few wait for the first. */
static void
make_room(struct join *j)
{
	if (j->options.output == JOIN_CHECK && !j->has_queue) {
		if (j->messages.used >= CLOSED_MOST)
			msg_close(j, j->oldest_message, STATUS_OPEN);
	} else if (j->messages.used >= j->options.most)
		evict(j);
}

struct message *
msg_enter(struct join *j, const struct origin *o)
{
	struct message	*m;

	if (j->oldest_message != NULL)
		make_room(j);
	if ((m = msg_new(j, o)) == NULL)
		return NULL;
	if (u64map_put(&j->messages, o->msgid, m) == -1) {
		j->pool.error = ENOMEM;
		pool_give(&j->pool, m, sizeof(*m));
		return NULL;
	}
	m->older = j->newest_message;
	*(m->older == NULL ? &j->oldest_message : &m->older->newer) = m;
	j->newest_message = m;
	return m;
}

void
msg_evict(struct join *j, uint64_t before)
{
	while (j->oldest_message != NULL &&
	    j->oldest_message->begin.usec < before)
		evict(j);
}

void
msg_end(struct join *j)
{
	while (j->oldest_message != NULL)
		msg_close(j, j->oldest_message, status_of(j->oldest_message));
}

void
msg_free(struct join *j)
{
	struct message	*m;

	for (m = j->oldest_message; m != NULL; m = m->newer)
		free_texts(j, m);
}

/* -- its envelopes -- */

void
msg_set_address(struct join *j, struct message *m, struct row *row,
    struct slice address)
{
	row->at = m->rows.address.n;
	text_add(&j->pool, &m->rows.address, address.p, address.n);
	row->n = m->rows.address.n - row->at;
	row->has_address = true;
}

struct row *
msg_add_row(struct join *j, struct message *m, const struct row *from,
    struct slice address)
{
	struct row	*row = rows_add(j, &m->rows);

	if (row == NULL)
		return NULL;
	if (from->has_address)
		msg_set_address(j, m, row, address);
	row->evpid = from->evpid;
	row->has_evpid = from->has_evpid;
	return row;
}

static bool
is_row(const struct message *m, const struct row *row, const struct row *wanted,
    struct slice address)
{
	if (row->has_evpid && wanted->has_evpid)
		return row->evpid == wanted->evpid;
	return slice_eq(rows_address(&m->rows, row), address);
}

/* Mostly they come in the order in which they were received. */
struct row *
msg_find_row(struct message *m, const struct row *wanted, struct slice address)
{
	size_t	 i, at, n = rows_count(&m->rows);

	for (i = 0; i < n; i++) {
		at = (m->next + i) % n;
		if (is_row(m, rows_at(&m->rows, at), wanted, address)) {
			m->next = (uint32_t)(at + 1);
			return rows_at(&m->rows, at);
		}
	}
	return NULL;
}

static enum fate
fate_of(const struct session *s, const struct row *row)
{
	if (row->result == RESULT_PERMFAIL)
		return FATE_FAILED;
	if (row->result == RESULT_TEMPFAIL)
		return FATE_DEFERRED;
	if (s->tx.status == STATUS_COMMIT)
		return FATE_DELIVERED;
	return s->tx.status == STATUS_ROLLBACK && s->tx.data && s->code == 5 ?
	    FATE_FAILED : FATE_DEFERRED;
}

/* -- its transactions -- */

/* Where the queue speaks, its word is waited for. */
void
msg_close_if_done(struct join *j, struct message *m)
{
	enum status	 status = status_of(m);
	size_t		 i;

	for (i = 0; j->has_queue && i < rows_count(&m->rows); i++)
		if (!rows_at(&m->rows, i)->by_queue)
			return;
	if (status != STATUS_OPEN)
		msg_close(j, m, status);
}

static struct message *
msg_of_tx(struct join *j, const struct origin *o, const struct tx *t)
{
	struct message	*m = msg_enter(j, o);

	if (m == NULL)
		return NULL;
	m->has_sender = t->has_sender;
	text_set(&j->pool, &m->sender, text_slice(&t->sender));
	return m;
}

/* The 32 bits of a msgid come again: then the older message stays without a fate. */
static void
received(struct join *j, const struct session *s, struct origin *o)
{
	const struct tx	*t = &s->tx;
	struct message	*m;
	struct row	*from;
	size_t		 i;

	if ((m = u64map_get(&j->messages, t->msgid)) != NULL)
		msg_close(j, m, status_of(m));
	o->begin = t->end;
	if ((m = msg_of_tx(j, o, t)) == NULL)
		return;
	m->received = true;
	m->marks = t->marks & (MARK_LATE_START | MARK_GAP);
	for (i = 0; i < rows_count(&t->rows); i++) {
		from = rows_at(&t->rows, i);
		if (from->result != RESULT_OK && !from->has_evpid)
			continue;
		if (msg_add_row(j, m, from, rows_address(&t->rows, from)) == NULL)
			return;
	}
}

/*
 * Has the queue's line about this attempt overtaken those of the session?  A
 * recipient that is refused has no evpid there: the msgid tells, where the
 * message has gone.
 */
static bool
is_known(const struct join *j, const struct row *from, uint32_t gone)
{
	if (!j->has_queue)
		return false;
	return from->has_evpid ? closed_has(j, from->evpid) :
	    gone != 0 && closed_has(j, gone);
}

static void
attempt(struct join *j, const struct session *s, struct message *m, bool made,
    const struct row *from)
{
	struct slice	 address = rows_address(&s->tx.rows, from);
	struct row	*row = made ? NULL : msg_find_row(m, from, address);

	if (row == NULL && (row = msg_add_row(j, m, from, address)) == NULL)
		return;
	if (row->by_queue || msg_has_fate(row))
		return;
	row->attempts++;
	row->fate = (uint8_t)fate_of(s, from);
	row->done = s->tx.end.usec;
}

static void
attempted(struct join *j, const struct session *s, const struct origin *o)
{
	const struct tx	*t = &s->tx;
	struct message	*m = u64map_get(&j->messages, t->msgid);
	bool		 made = m == NULL;
	uint32_t	 gone = made ? t->msgid : 0;
	size_t		 i, n = rows_count(&t->rows);

	for (i = 0; made && i < n && is_known(j, rows_at(&t->rows, i), gone); i++)
		;
	if (made && n > 0 && i == n)
		return;
	if (made) {
		if ((m = msg_of_tx(j, o, t)) == NULL)
			return;
		m->marks = MARK_LATE_START;
	}
	m->marks |= t->marks & MARK_GAP;
	msg_touch(m, o);
	for (i = 0; i < n; i++)
		if (!is_known(j, rows_at(&t->rows, i), gone))
			attempt(j, s, m, made, rows_at(&t->rows, i));
	msg_close_if_done(j, m);
}

void
msg_tx(struct join *j, struct session *s)
{
	struct tx	*t = &s->tx;
	struct origin	 o = { .msgid = t->msgid, .gaps = t->gaps, .session = s->id,
	    .subsystem = s->subsystem, .dialect = s->dialect,
	    .begin = t->begin, .end = t->end };

	if (!t->has_msgid || (s->subsystem == SUBSYSTEM_SMTP_IN &&
	    t->status != STATUS_COMMIT))
		return;
	if (s->subsystem == SUBSYSTEM_SMTP_IN)
		received(j, s, &o);
	else
		attempted(j, s, &o);
}
