/* SPDX-License-Identifier: ISC */
/*
 * Transactions: when one begins and ends, under all that daemons have done.
 */
#include "lib/join_local.h"
#include "lib/report_list.h"

/* -- recipients -- */

struct row *
rows_add(struct join *j, struct rows *r)
{
	static const struct row	 empty = { .result = RESULT_MAX };
	size_t			 n = rows_count(r);

	text_add(&j->pool, &r->row, &empty, sizeof(empty));
	return rows_count(r) == n ? NULL : rows_at(r, n);
}

void
rows_free(struct join *j, struct rows *r)
{
	text_free(&j->pool, &r->row);
	text_free(&j->pool, &r->address);
}

static void
row_set_address(struct join *j, struct rows *r, struct row *row, struct slice s)
{
	row->at = r->address.n;
	text_add(&j->pool, &r->address, s.p, s.n);
	row->n = r->address.n - row->at;
	row->has_address = true;
	row->pending = false;
}

static uint8_t
result_of_code(uint8_t digit)
{
	return digit == 2 ? RESULT_OK : digit == 4 ? RESULT_TEMPFAIL :
	    digit == 5 ? RESULT_PERMFAIL : RESULT_MAX;
}

/*
 * A tx-envelope whose tx-rcpt will not come, in early dialects or because the
 * daemon leaves it out: the command and its reply say what it would have said.
 */
static void
rows_settle(struct join *j, struct session *s)
{
	struct rows	*r = &s->tx.rows;
	struct row	*row;
	size_t		 i;

	for (i = rows_count(r); i-- > 0 && (row = rows_at(r, i))->pending;) {
		row->pending = false;
		if (s->verb != VERB_RCPT)
			continue;
		if (s->has_argument)
			row_set_address(j, r, row, text_slice(&s->argument));
		if (!s->pending)
			row->result = result_of_code(s->code);
	}
}

/* -- begin and end -- */

static void
tx_open(struct join *j, struct session *s, const struct report *r, bool late)
{
	struct tx	*t = &s->tx;

	t->state = TX_OPEN;
	t->has_msgid = report_has(r, RF_MSGID);
	t->msgid = (uint32_t)field_hex(r, RF_MSGID);
	t->marks = late ? MARK_LATE_START : 0;
	t->gaps = j->gaps;
	t->begin = t->end = moment_stamp(&s->last);
	s->transactions++;
	if (s->verb == VERB_MAIL && s->has_argument && !late) {
		text_set(&j->pool, &t->sender, text_slice(&s->argument));
		t->has_sender = true;
	}
}

/* Bytes of a body that was refused are in the daemon's counter, unseen. */
static void
forget_total(struct session *s)
{
	if (s->tx.sent && s->tx.status != STATUS_COMMIT)
		s->total_known = false;
}

static void
tx_write(struct join *j, struct session *s)
{
	struct tx	*t = &s->tx;

	switch (j->options.output) {
	case JOIN_TX:
		write_tx(j, s);
		break;
	case JOIN_MSG:
		msg_tx(j, s);
		break;
	case JOIN_CHECK:
		if (t->status == STATUS_OPEN || t->status == STATUS_EVICTED) {
			j->violations++;
			write_tx(j, s);
		} else if (s->subsystem == SUBSYSTEM_SMTP_IN)
			msg_tx(j, s);
		break;
	case JOIN_LINK:
		break;
	}
}

static void
tx_close(struct join *j, struct session *s)
{
	struct tx	*t = &s->tx;

	rows_settle(j, s);
	if (t->gaps != j->gaps)
		t->marks |= MARK_GAP;
	if (t->status == STATUS_COMMIT) {
		s->commits++;
		s->bytes += t->has_size ? t->size : 0;
	}
	forget_total(s);
	tx_write(j, s);
	if (t->has_msgid)
		s->last_msgid = t->msgid;
	s->reply.n = 0;
	t->sender.n = t->decision.n = t->rows.row.n = t->rows.address.n = 0;
	*t = (struct tx){ .sender = t->sender, .decision = t->decision,
	    .rows = t->rows };
}

void
tx_end(struct join *j, struct session *s, enum status status)
{
	struct tx	*t = &s->tx;

	if (t->state == TX_NONE)
		return;
	if (t->state == TX_OPEN) {
		t->status = s->timed_out && status == STATUS_DISCONNECT ?
		    STATUS_TIMEOUT : status;
		t->end = moment_stamp(&s->last);
		if (status == STATUS_EVICTED)
			t->marks |= MARK_EVICTED;
	}
	tx_close(j, s);
}

/*
 * Is a reply to come?  Not where one command after the other has none: then
 * only commands are reported.
 */
static bool
reply_is_due(const struct session *s)
{
	return s->pending && (s->replied || s->commands < 2);
}

/* It has ended; does what is known suffice to write it? */
static void
tx_hold(struct join *j, struct session *s, enum status status, bool may_go_on)
{
	struct tx	*t = &s->tx;

	t->state = TX_HELD;
	t->status = status;
	t->end = moment_stamp(&s->last);
	t->wait_reply = reply_is_due(s);
	t->may_go_on = may_go_on;
	if (!t->wait_reply && !t->may_go_on)
		tx_close(j, s);
}

/*
 * The transaction that a line speaks of, or NULL if it is of none: refused
 * before there was one (msgid of zeros), or said again of one that has ended.
 * One that is open and not meant has lost its end.
 */
static struct tx *
tx_of(struct join *j, struct session *s, const struct report *r)
{
	bool		 has = report_has(r, RF_MSGID);
	uint32_t	 msgid = (uint32_t)field_hex(r, RF_MSGID);
	struct tx	*t = &s->tx;

	if (has && msgid == 0)
		return NULL;
	if (t->state != TX_NONE) {
		if (!has || !t->has_msgid || msgid == t->msgid) {
			if (t->state == TX_HELD && !t->may_go_on)
				return NULL;
			t->state = TX_OPEN;
			return t;
		}
		tx_end(j, s, STATUS_OPEN);
	}
	if (has && msgid == s->last_msgid)
		return NULL;
	tx_open(j, s, r, true);
	return t;
}

static void
tx_begin(struct join *j, struct session *s, const struct report *r)
{
	struct tx	*t = &s->tx;

	if (t->state == TX_OPEN && t->has_msgid && report_has(r, RF_MSGID) &&
	    t->msgid == (uint32_t)field_hex(r, RF_MSGID))
		return;
	tx_end(j, s, STATUS_OPEN);
	tx_open(j, s, r, false);
}

/* -- what it says -- */

static uint8_t
result_of(const struct report *r)
{
	return field_word(r, RF_RESULT, result_names, RESULT_MAX);
}

/* A MAIL that was refused in a transaction leaves it as it was. */
static void
tx_mail(struct join *j, struct session *s, const struct report *r)
{
	struct tx	*t = tx_of(j, s, r);

	if (t == NULL || result_of(r) != RESULT_OK)
		return;
	text_set(&j->pool, &t->sender, r->field[RF_ADDRESS]);
	t->has_sender = true;
}

static void
tx_envelope(struct join *j, struct session *s, const struct report *r)
{
	struct tx	*t = tx_of(j, s, r);
	struct row	*row;

	if (t == NULL || (row = rows_add(j, &t->rows)) == NULL)
		return;
	row->evpid = field_hex(r, RF_EVPID);
	row->has_evpid = row->pending = true;
}

/* The daemon repeats its last tx-rcpt for an error that is no command's. */
static bool
is_stale(const struct session *s, const struct rows *r, const struct report *line,
    uint8_t result)
{
	size_t	 n = rows_count(r);

	return result != RESULT_OK && n > 0 && s->commands > 0 &&
	    s->rcpt_command == s->commands && slice_eq(line->field[RF_ADDRESS],
	    rows_address(r, rows_at(r, n - 1)));
}

static void
tx_rcpt(struct join *j, struct session *s, const struct report *r)
{
	struct tx	*t = tx_of(j, s, r);
	uint8_t		 result = result_of(r);
	struct rows	*rows = &s->tx.rows;
	struct row	*row;
	size_t		 i, n;

	if (t == NULL)
		return;
	n = rows_count(rows);
	for (i = n; i > 0 && rows_at(rows, i - 1)->pending; i--)
		;
	if (i == n) {
		if (is_stale(s, rows, r, result) || rows_add(j, rows) == NULL)
			return;
		n++;
	}
	for (; i < n; i++) {
		row = rows_at(rows, i);
		row_set_address(j, rows, row, r->field[RF_ADDRESS]);
		row->result = result;
	}
	s->rcpt_command = s->commands;
	t->accepted += result == RESULT_OK;
}

static void
tx_data(struct join *j, struct session *s, const struct report *r)
{
	struct tx	*t = tx_of(j, s, r);

	if (t == NULL)
		return;
	t->data = true;
	t->sent |= result_of(r) == RESULT_OK;
}

/*
 * Outwards OpenSMTPD does not begin anew to count with each message.  It is
 * known by its dialect, 0.5 or 0.6, or in newer ones by the reply that stands
 * before tx-commit; smtpd(8) counts each message once and has it after.
 */
static bool
is_cumulative(const struct session *s)
{
	if (s->subsystem != SUBSYSTEM_SMTP_OUT || s->dialect <= DIALECT_1)
		return false;
	return s->dialect <= DIALECT_0_6 || (s->commands > 0 && !s->pending);
}

static void
tx_size(struct join *j, struct session *s, uint64_t raw)
{
	struct tx	*t = &s->tx;
	bool		 known = s->total_known && s->total_gaps == j->gaps;

	t->raw = raw;
	t->has_raw = true;
	if (!is_cumulative(s)) {
		t->size = raw;
		t->has_size = true;
		return;
	}
	if (known && raw >= s->total && (!t->has_size || raw > s->total)) {
		t->size = (t->has_size ? t->size : 0) + raw - s->total;
		t->has_size = true;
	}
	if (!t->has_size || t->size != raw)
		t->marks |= MARK_CORRECTED;
	s->total = raw;
	s->total_gaps = j->gaps;
	s->total_known = true;
}

/* In LMTP each recipient has a reply, and a commit or rollback, of its own. */
static bool
is_lmtp(const struct session *s)
{
	return s->method == METHOD_LHLO && s->subsystem == SUBSYSTEM_SMTP_OUT;
}

static bool
lmtp_goes_on(const struct session *s)
{
	return is_lmtp(s) && s->tx.committed + s->tx.refused < s->tx.accepted;
}

/* The recipient whose turn it was after the dot has been refused. */
static void
lmtp_refuse(struct session *s)
{
	struct rows	*r = &s->tx.rows;
	size_t		 i;
	uint32_t	 committed = 0;

	s->tx.refused++;
	for (i = 0; i < rows_count(r); i++)
		if (rows_at(r, i)->result == RESULT_OK &&
		    committed++ == s->tx.committed) {
			rows_at(r, i)->result = result_of_code(s->code);
			return;
		}
}

static void
tx_commit(struct join *j, struct session *s, const struct report *r)
{
	if (tx_of(j, s, r) == NULL)
		return;
	if (report_has(r, RF_SIZE))
		tx_size(j, s, field_number(r, RF_SIZE));
	s->tx.committed++;
	tx_hold(j, s, STATUS_COMMIT, lmtp_goes_on(s));
}

/*
 * Outwards, before DATA, it is one recipient that was refused: the next line
 * tells whether the transaction goes on.
 */
static void
tx_rollback(struct join *j, struct session *s, const struct report *r)
{
	struct tx	*t = tx_of(j, s, r);
	bool		 out = s->subsystem == SUBSYSTEM_SMTP_OUT;

	if (t == NULL)
		return;
	if (is_lmtp(s) && t->sent)
		lmtp_refuse(s);
	if (is_lmtp(s) && t->status == STATUS_COMMIT)
		tx_hold(j, s, STATUS_COMMIT, lmtp_goes_on(s));
	else
		tx_hold(j, s, s->timed_out ? STATUS_TIMEOUT : STATUS_ROLLBACK,
		    out && (!t->data || lmtp_goes_on(s)));
}

/* -- decisions of filters -- */

static void
add_word(struct join *j, struct text *list, struct slice word)
{
	struct slice	 rest = list->n == 0 ? SLICE_NONE : text_slice(list), item;

	while (report_item(&rest, &item))
		if (slice_eq(word, item))
			return;
	if (list->n != 0)
		text_add(&j->pool, list, ",", 1);
	text_add(&j->pool, list, word.p, word.n);
}

/*
 * Did it change anything?  A shadow filter's decision is only told, and a list
 * could not hold one with a comma.
 */
static bool
has_effect(struct slice decision)
{
	static const struct slice	 shadow = SLICE("shadow-");

	return decision.n != 0 && !slice_eq(decision, SLICE("proceed")) &&
	    (decision.n < shadow.n || memcmp(decision.p, shadow.p, shadow.n) != 0) &&
	    memchr(decision.p, ',', decision.n) == NULL;
}

/*
 * What was decided of the link is of all its transactions; of MAIL, before
 * tx-begin, of the one that may follow.
 */
static void
filter_response(struct join *j, struct session *s, const struct report *r)
{
	static const char *const	 phases[] = { "connect", "connected", "helo",
	    "ehlo", "starttls", "tls", "auth" };
	struct slice			 phase = r->field[RF_PHASE];
	struct slice			 decision = r->field[RF_DECISION];
	size_t				 i;

	if (s->tx.decision.n != 0 && s->tx.state != TX_OPEN &&
	    slice_eq(phase, SLICE("mail-from")))
		s->tx.decision.n = 0;
	if (!has_effect(decision))
		return;
	for (i = 0; i < sizeof(phases) / sizeof(phases[0]); i++)
		if (slice_eq(phase, slice_str(phases[i]))) {
			add_word(j, &s->decision, decision);
			return;
		}
	if (s->tx.state == TX_OPEN || slice_eq(phase, SLICE("mail-from")))
		add_word(j, &s->tx.decision, decision);
}

void
tx_event(struct join *j, struct session *s, const struct report *r)
{
	switch (r->event) {
	case EV_TX_BEGIN:
		tx_begin(j, s, r);
		break;
	case EV_TX_MAIL:
		tx_mail(j, s, r);
		break;
	case EV_TX_RCPT:
		tx_rcpt(j, s, r);
		break;
	case EV_TX_ENVELOPE:
		tx_envelope(j, s, r);
		break;
	case EV_TX_DATA:
		tx_data(j, s, r);
		break;
	case EV_TX_COMMIT:
		tx_commit(j, s, r);
		break;
	case EV_TX_ROLLBACK:
		tx_rollback(j, s, r);
		break;
	case EV_FILTER_RESPONSE:
		filter_response(j, s, r);
		break;
	default:
		break;
	}
}

/* -- the conversation around it -- */

void
tx_command(struct join *j, struct session *s, enum verb next)
{
	struct tx	*t = &s->tx;
	bool		 goes_on = next == VERB_RCPT || next == VERB_DATA ||
	    next == VERB_DOT;

	if (t->state == TX_OPEN)
		rows_settle(j, s);
	else if (t->state == TX_HELD && !(t->may_go_on && goes_on))
		tx_close(j, s);
}

/* Until 2020 a commit was reported before the queue had confirmed it. */
void
tx_reply(struct join *j, struct session *s)
{
	struct tx	*t = &s->tx;

	if (t->state != TX_HELD || !t->wait_reply)
		return;
	t->wait_reply = false;
	if (t->status == STATUS_COMMIT && (s->code == 4 || s->code == 5)) {
		t->status = STATUS_ROLLBACK;
		t->marks |= MARK_CORRECTED;
	}
	if (!t->may_go_on)
		tx_close(j, s);
}
