/* SPDX-License-Identifier: ISC */
/*
 * Derived lines: the columns of tx-summary, link-summary and msg-summary.
 */
#include "lib/join_local.h"
#include "lib/nitems.h"
#include "lib/outbuf.h"
#include "lib/report_list.h"

static const char *const status_names[STATUS_MAX] = {
	[STATUS_OPEN]		= "open",
	[STATUS_COMMIT]		= "commit",
	[STATUS_ROLLBACK]	= "rollback",
	[STATUS_DISCONNECT]	= "disconnect",
	[STATUS_TIMEOUT]	= "timeout",
	[STATUS_EVICTED]	= "evicted",
	[STATUS_DELIVERED]	= "delivered",
	[STATUS_FAILED]		= "failed",
};

static const char *const fate_names[FATE_MAX] = {
	[FATE_OPEN]		= "open",
	[FATE_DEFERRED]		= "deferred",
	[FATE_DELIVERED]	= "delivered",
	[FATE_FAILED]		= "failed",
	[FATE_EXPIRED]		= "expired",
	[FATE_REMOVED]		= "removed",
};

static const struct {
	uint8_t		 mark;
	const char	*name;
} marks[] = {
	{ MARK_GAP,		"gap" },
	{ MARK_EVICTED,		"evicted" },
	{ MARK_LATE_START,	"late-start" },
	{ MARK_CORRECTED,	"corrected" },
	{ MARK_BOUNCED,		"bounced" },
	{ MARK_STRAY,		"stray" },
	{ MARK_TWICE,		"twice" },
};

/* -- values -- */

static inline void
put_word(struct outbuf *o, const char *word)
{
	outbuf_put(o, word, strlen(word));
}

/* In decimal, with zeros in front up to the width; two digits at a time. */
static void
put_number(struct outbuf *o, uint64_t n, size_t width)
{
	char		 buf[20];
	size_t		 i = sizeof(buf);
	unsigned	 pair;

	for (; n >= 100; n /= 100) {
		pair = (unsigned)(n % 100);
		buf[--i] = (char)('0' + pair % 10);
		buf[--i] = (char)('0' + pair / 10);
	}
	do {
		buf[--i] = (char)('0' + n % 10);
		n /= 10;
	} while (n != 0);
	while (sizeof(buf) - i < width)
		buf[--i] = '0';
	outbuf_put(o, buf + i, sizeof(buf) - i);
}

static void
put_hex(struct outbuf *o, uint64_t n, size_t width)
{
	char	 buf[16];
	size_t	 i;

	for (i = width; i-- > 0; n >>= 4)
		buf[i] = "0123456789abcdef"[n & 15];
	outbuf_put(o, buf, width);
}

static void
put_seconds(struct outbuf *o, uint64_t usec)
{
	put_number(o, usec / 1000000, 1);
	outbuf_char(o, '.');
	put_number(o, usec % 1000000, 6);
}

static void
put_stamp(struct outbuf *o, struct stamp s)
{
	if (s.whole)
		put_number(o, s.usec / 1000000, 1);
	else
		put_seconds(o, s.usec);
}

/* Clocks are set back, and lines of two processes cross. */
static void
put_since(struct outbuf *o, struct stamp begin, uint64_t end)
{
	put_seconds(o, end < begin.usec ? 0 : end - begin.usec);
}

/* Eight bytes at a time: is one of them c? */
static inline bool
has_byte(uint64_t x, unsigned char c)
{
	const uint64_t	 each = 0x0101010101010101;

	x ^= each * c;
	return ((x - each) & ~x & each * 0x80) != 0;
}

static inline bool
is_plain(struct slice s)
{
	uint64_t	 x;
	size_t		 i;

	for (i = 0; s.n - i >= sizeof(x); i += sizeof(x)) {
		memcpy(&x, s.p + i, sizeof(x));
		if (has_byte(x, '|') || has_byte(x, ',') || has_byte(x, '%'))
			return false;
	}
	for (; i < s.n; i++)
		if (s.p[i] == '|' || s.p[i] == ',' || s.p[i] == '%')
			return false;
	return true;
}

static void
put_text(struct outbuf *o, struct slice s)
{
	char		 buf[3 * 256];
	struct slice	 piece;

	if (is_plain(s)) {
		outbuf_slice(o, s);
		return;
	}
	for (; s.n != 0; s = slice_make(s.p + piece.n, s.n - piece.n)) {
		piece = slice_make(s.p, s.n < 256 ? s.n : 256);
		outbuf_slice(o, report_encode(piece, buf, sizeof(buf)));
	}
}

static void
put_address(struct outbuf *o, struct slice s)
{
	if (s.n == 0)
		put_word(o, "<>");
	else
		put_text(o, s);
}

static void
put_marks(struct outbuf *o, uint8_t set)
{
	const char	*comma = "";
	size_t		 i;

	for (i = 0; i < nitems(marks); i++)
		if (set & marks[i].mark) {
			put_word(o, comma);
			put_word(o, marks[i].name);
			comma = ",";
		}
}

static void
bar(struct outbuf *o)
{
	outbuf_char(o, '|');
}

/* -- lists: one item a row -- */

static void
put_recipients(struct outbuf *o, const struct rows *r)
{
	const struct row	*row;
	size_t			 i;

	for (i = 0; i < rows_count(r); i++) {
		if (i > 0)
			outbuf_char(o, ',');
		row = rows_at(r, i);
		if (row->has_address)
			put_address(o, rows_address(r, row));
	}
}

static void
put_results(struct outbuf *o, const struct rows *r)
{
	size_t	 i;

	for (i = 0; i < rows_count(r); i++) {
		if (i > 0)
			outbuf_char(o, ',');
		if (rows_at(r, i)->result < RESULT_MAX)
			put_word(o, result_names[rows_at(r, i)->result]);
	}
}

static void
put_evpids(struct outbuf *o, const struct rows *r)
{
	size_t	 i;

	for (i = 0; i < rows_count(r); i++) {
		if (i > 0)
			outbuf_char(o, ',');
		if (rows_at(r, i)->has_evpid)
			put_hex(o, rows_at(r, i)->evpid, 16);
	}
}

static void
put_fates(struct outbuf *o, const struct rows *r)
{
	size_t	 i;

	for (i = 0; i < rows_count(r); i++) {
		if (i > 0)
			outbuf_char(o, ',');
		put_word(o, fate_names[rows_at(r, i)->fate]);
	}
}

/* The queue says it; else only if the message was received before our eyes. */
static void
put_delays(struct outbuf *o, const struct message *m)
{
	const struct row	*row;
	size_t			 i;

	for (i = 0; i < rows_count(&m->rows); i++) {
		if (i > 0)
			outbuf_char(o, ',');
		row = rows_at(&m->rows, i);
		if (!msg_has_fate(row))
			continue;
		if (row->has_delay)
			put_seconds(o, row->delay);
		else if (m->received)
			put_since(o, m->begin, row->done);
	}
}

static void
put_attempts(struct outbuf *o, const struct rows *r)
{
	size_t	 i;

	for (i = 0; i < rows_count(r); i++) {
		if (i > 0)
			outbuf_char(o, ',');
		put_number(o, rows_at(r, i)->attempts, 1);
	}
}

/* -- lines -- */

/* Of the dialects without a version the next is written. */
static void
put_head(struct join *j, uint8_t dialect, struct stamp time,
    enum subsystem subsystem, enum event_id event, uint64_t session)
{
	struct outbuf	*o = j->out;

	put_word(o, "report|");
	if (dialect == DIALECT_UNKNOWN)
		outbuf_put(o, j->version, j->version_n);
	else
		put_word(o, dialect_names[dialect < DIALECT_1 ? DIALECT_1 : dialect]);
	bar(o);
	put_stamp(o, time);
	bar(o);
	put_word(o, subsystem_names[subsystem]);
	bar(o);
	put_word(o, report_events[event].name);
	bar(o);
	put_hex(o, session, 16);
	bar(o);
}

/* src to username, the same in both. */
static void
put_link(struct outbuf *o, const struct session *s)
{
	put_text(o, text_slice(&s->src));
	bar(o);
	put_text(o, text_slice(&s->dest));
	bar(o);
	put_text(o, text_slice(&s->rdns));
	bar(o);
	if (s->fcrdns < FCRDNS_MAX)
		put_word(o, fcrdns_names[s->fcrdns]);
	bar(o);
	if (s->method < METHOD_MAX)
		put_word(o, method_names[s->method]);
	bar(o);
	put_text(o, text_slice(&s->identity));
	bar(o);
	put_text(o, text_slice(&s->tls));
	bar(o);
	put_text(o, text_slice(&s->username));
	bar(o);
}

/* Adds the items of a list of words. */
static void
put_words(struct outbuf *o, const struct text *list, const char **comma)
{
	struct slice	 rest = list->n == 0 ? SLICE_NONE : text_slice(list), item;

	while (report_item(&rest, &item)) {
		put_word(o, *comma);
		put_text(o, item);
		*comma = ",";
	}
}

static void
put_decisions(struct outbuf *o, const struct session *s)
{
	const char	*comma = "";

	put_words(o, &s->decision, &comma);
	put_words(o, &s->tx.decision, &comma);
}

void
write_tx(struct join *j, const struct session *s)
{
	struct outbuf	*o = j->out;
	const struct tx	*t = &s->tx;

	put_head(j, s->dialect, t->end, s->subsystem, EV_TX_SUMMARY, s->id);
	if (t->has_msgid)
		put_hex(o, t->msgid, 8);
	bar(o);
	put_word(o, status_names[t->status]);
	bar(o);
	put_stamp(o, t->begin);
	bar(o);
	put_since(o, t->begin, t->end.usec);
	bar(o);
	put_link(o, s);
	if (t->has_sender)
		put_address(o, text_slice(&t->sender));
	bar(o);
	put_recipients(o, &t->rows);
	bar(o);
	put_results(o, &t->rows);
	bar(o);
	put_evpids(o, &t->rows);
	bar(o);
	if (t->has_size)
		put_number(o, t->size, 1);
	bar(o);
	if (t->has_raw)
		put_number(o, t->raw, 1);
	bar(o);
	put_decisions(o, s);
	bar(o);
	put_marks(o, t->marks);
	bar(o);
	put_text(o, text_slice(&s->reply));
	outbuf_char(o, '\n');
}

void
write_link(struct join *j, const struct session *s, enum status status)
{
	const uint64_t	 counts[] = { s->logins_failed, s->commands, s->errors,
	    s->transactions, s->commits, s->bytes };
	struct outbuf	*o = j->out;
	struct stamp	 last = moment_stamp(&s->last);
	size_t		 i;

	put_head(j, s->dialect, last, s->subsystem, EV_LINK_SUMMARY, s->id);
	put_word(o, status_names[status]);
	bar(o);
	put_stamp(o, s->first);
	bar(o);
	put_since(o, s->first, last.usec);
	bar(o);
	put_link(o, s);
	for (i = 0; i < nitems(counts); i++) {
		put_number(o, counts[i], 1);
		bar(o);
	}
	put_marks(o, s->marks | (s->gaps != j->gaps ? MARK_GAP : 0));
	outbuf_char(o, '\n');
}

void
write_msg(struct join *j, const struct message *m, enum status status)
{
	struct outbuf	*o = j->out;

	put_head(j, m->dialect, m->last, m->subsystem, EV_MSG_SUMMARY, m->session);
	put_hex(o, m->msgid, 8);
	bar(o);
	put_word(o, status_names[status]);
	bar(o);
	put_stamp(o, m->begin);
	bar(o);
	if (m->has_sender)
		put_address(o, text_slice(&m->sender));
	bar(o);
	put_recipients(o, &m->rows);
	bar(o);
	put_fates(o, &m->rows);
	bar(o);
	put_delays(o, m);
	bar(o);
	put_attempts(o, &m->rows);
	bar(o);
	put_evpids(o, &m->rows);
	bar(o);
	put_marks(o, m->marks | (m->gaps != j->gaps ? MARK_GAP : 0));
	outbuf_char(o, '\n');
}
