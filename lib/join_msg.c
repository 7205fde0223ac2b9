/* SPDX-License-Identifier: ISC */
/*
 * Messages: received by one session, sent on by others, known by their msgid.
 */
#include <errno.h>

#include "lib/join_local.h"

static struct message *
msg_new(struct join *j, const struct session *s, struct stamp begin)
{
	const struct tx	*t = &s->tx;
	struct message	*m;

	if ((m = pool_take(&j->pool, sizeof(*m))) == NULL)
		return NULL;
	*m = (struct message){ .msgid = t->msgid, .begin = begin,
	    .gaps = t->gaps, .has_sender = t->has_sender,
	    .older = j->newest_message };
	if (u64map_put(&j->messages, t->msgid, m) == -1) {
		j->pool.error = ENOMEM;
		pool_give(&j->pool, m, sizeof(*m));
		return NULL;
	}
	*(m->older == NULL ? &j->oldest_message : &m->older->newer) = m;
	j->newest_message = m;
	text_set(&j->pool, &m->sender, text_slice(&t->sender));
	return m;
}

static void
free_texts(struct join *j, struct message *m)
{
	text_free(&j->pool, &m->sender);
	rows_free(j, &m->rows);
}

static void
msg_close(struct join *j, struct message *m, enum status status)
{
	write_msg(j, m, status);
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
		msg_close(j, j->oldest_message, STATUS_OPEN);
}

void
msg_free(struct join *j)
{
	struct message	*m;

	for (m = j->oldest_message; m != NULL; m = m->newer)
		free_texts(j, m);
}

/* -- its envelopes -- */

static struct row *
add_row(struct join *j, struct message *m, const struct row *from,
    struct slice address)
{
	struct row	*row = rows_add(j, &m->rows);

	if (row == NULL)
		return NULL;
	row->at = m->rows.address.n;
	text_add(&j->pool, &m->rows.address, address.p, address.n);
	row->n = m->rows.address.n - row->at;
	row->has_address = from->has_address;
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
static struct row *
find_row(struct join *j, struct message *m, const struct row *wanted,
    struct slice address)
{
	size_t	 i, at, n = rows_count(&m->rows);

	for (i = 0; i < n; i++) {
		at = (m->next + i) % n;
		if (is_row(m, rows_at(&m->rows, at), wanted, address)) {
			m->next = (uint32_t)(at + 1);
			return rows_at(&m->rows, at);
		}
	}
	return add_row(j, m, wanted, address);
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

static bool
has_fate(const struct row *row)
{
	return row->fate == FATE_DELIVERED || row->fate == FATE_FAILED;
}

/* STATUS_OPEN as long as one of them is under way. */
static enum status
status_of(const struct message *m)
{
	enum status	 status = STATUS_DELIVERED;
	size_t		 i, n = rows_count(&m->rows);

	for (i = 0; i < n; i++) {
		if (!has_fate(rows_at(&m->rows, i)))
			return STATUS_OPEN;
		if (rows_at(&m->rows, i)->fate == FATE_FAILED)
			status = STATUS_FAILED;
	}
	return n == 0 ? STATUS_OPEN : status;
}

/* -- its transactions -- */

/* The 32 bits of a msgid come again: then the older message stays without a fate. */
static struct message *
received(struct join *j, struct session *s)
{
	struct tx	*t = &s->tx;
	struct message	*m;
	struct row	*from;
	size_t		 i;

	if ((m = u64map_get(&j->messages, t->msgid)) != NULL)
		msg_close(j, m, STATUS_OPEN);
	if ((m = msg_new(j, s, t->end)) == NULL)
		return NULL;
	m->received = true;
	m->marks = t->marks & (MARK_LATE_START | MARK_GAP);
	for (i = 0; i < rows_count(&t->rows); i++) {
		from = rows_at(&t->rows, i);
		if (from->result != RESULT_OK && !from->has_evpid)
			continue;
		if (add_row(j, m, from, rows_address(&t->rows, from)) == NULL)
			return NULL;
	}
	return m;
}

static struct message *
attempted(struct join *j, struct session *s)
{
	struct tx	*t = &s->tx;
	struct message	*m = u64map_get(&j->messages, t->msgid);
	struct row	*from, *row;
	bool		 made = m == NULL;
	size_t		 i;

	if (made) {
		if ((m = msg_new(j, s, t->begin)) == NULL)
			return NULL;
		m->marks = MARK_LATE_START;
	}
	m->marks |= t->marks & MARK_GAP;
	for (i = 0; i < rows_count(&t->rows); i++) {
		from = rows_at(&t->rows, i);
		row = (made ? add_row : find_row)(j, m, from,
		    rows_address(&t->rows, from));
		if (row == NULL)
			return NULL;
		if (has_fate(row))
			continue;
		row->attempts++;
		row->fate = (uint8_t)fate_of(s, from);
		row->done = t->end.usec;
	}
	return m;
}

void
msg_tx(struct join *j, struct session *s)
{
	struct tx	*t = &s->tx;
	struct message	*m;
	enum status	 status;

	if (!t->has_msgid || (s->subsystem == SUBSYSTEM_SMTP_IN &&
	    t->status != STATUS_COMMIT))
		return;
	if (j->messages.used >= j->options.most &&
	    u64map_get(&j->messages, t->msgid) == NULL)
		evict(j);
	m = s->subsystem == SUBSYSTEM_SMTP_IN ? received(j, s) : attempted(j, s);
	if (m == NULL)
		return;
	m->last = t->end;
	m->session = s->id;
	m->subsystem = s->subsystem;
	m->dialect = s->dialect;
	if (s->subsystem == SUBSYSTEM_SMTP_OUT &&
	    (status = status_of(m)) != STATUS_OPEN)
		msg_close(j, m, status);
}
