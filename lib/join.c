/* SPDX-License-Identifier: ISC */
/*
 * Sessions: which are open, what their links said, and when they end.
 */
#include <errno.h>
#include <stdlib.h>

#include "lib/join_local.h"
#include "lib/join_number.h"
#include "lib/outbuf.h"

struct join *
join_new(const struct join_options *options, struct outbuf *out)
{
	struct join	*j;

	if ((j = calloc(1, sizeof(*j))) == NULL)
		return NULL;
	j->options = *options;
	j->out = out;
	return j;
}

size_t
join_evicted(const struct join *j)
{
	return j->evicted;
}

size_t
join_violations(const struct join *j)
{
	return j->violations;
}

/* -- values of fields -- */

uint64_t
field_hex(const struct report *r, enum field f)
{
	return report_has(r, f) ? number_hex(r->field[f]) : 0;
}

uint64_t
field_number(const struct report *r, enum field f)
{
	return report_has(r, f) ? number_decimal(r->field[f]) : 0;
}

static void
take_text(struct join *j, struct text *t, const struct report *r, enum field f)
{
	text_set(&j->pool, t, report_has(r, f) ? r->field[f] : SLICE_NONE);
}

struct stamp
moment_stamp(const struct moment *m)
{
	struct slice	 s = { m->text, m->n };
	struct stamp	 stamp = { 0, memchr(m->text, '.', m->n) == NULL };

	if (m->n == NUMBER_TIME_LENGTH && m->text[10] == '.')
		stamp.usec = number_time(m->text);
	else if (report_time(s, &stamp.usec) == -1)
		stamp.usec = 0;
	return stamp;
}

/* -- which are open -- */

/* No session is in both directions; streams of two hosts may say otherwise. */
static uint64_t
session_key(uint64_t id, enum subsystem subsystem)
{
	return subsystem == SUBSYSTEM_SMTP_IN ? id : ~id;
}

static struct session *
session_new(struct join *j, uint64_t id, enum subsystem subsystem)
{
	struct session	*s;

	if ((s = pool_take(&j->pool, sizeof(*s))) == NULL)
		return NULL;
	*s = (struct session){ .id = id, .subsystem = subsystem,
	    .fcrdns = FCRDNS_MAX, .method = METHOD_MAX,
	    .older = j->newest, .gaps = j->gaps, .total_gaps = j->gaps };
	if (u64map_put(&j->sessions, session_key(id, subsystem), s) == -1) {
		j->pool.error = ENOMEM;
		pool_give(&j->pool, s, sizeof(*s));
		return NULL;
	}
	*(j->newest == NULL ? &j->oldest : &j->newest->newer) = s;
	j->newest = s;
	return s;
}

static void
session_free_texts(struct join *j, struct session *s)
{
	struct text	*texts[] = { &s->rdns, &s->src, &s->dest, &s->identity,
	    &s->tls, &s->username, &s->reply, &s->argument, &s->decision,
	    &s->tx.sender, &s->tx.decision };
	size_t		 i;

	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		text_free(&j->pool, texts[i]);
	rows_free(j, &s->tx.rows);
}

static void
session_end(struct join *j, struct session *s, enum status status)
{
	tx_end(j, s, status);
	if (j->options.output == JOIN_LINK)
		write_link(j, s, status);
	u64map_del(&j->sessions, session_key(s->id, s->subsystem));
	*(s->older == NULL ? &j->oldest : &s->older->newer) = s->newer;
	*(s->newer == NULL ? &j->newest : &s->newer->older) = s->older;
	if (j->current == s)
		j->current = NULL;
	session_free_texts(j, s);
	pool_give(&j->pool, s, sizeof(*s));
}

static void
session_evict(struct join *j)
{
	j->oldest->marks |= MARK_EVICTED;
	j->evicted++;
	session_end(j, j->oldest, STATUS_EVICTED);
}

static inline struct session *
session_of(struct join *j, struct slice text, enum subsystem subsystem, bool *made)
{
	struct session	*s = j->current;
	uint64_t	 id;

	*made = false;
	if (s != NULL && text.n == sizeof(j->current_id) &&
	    memcmp(text.p, j->current_id, sizeof(j->current_id)) == 0 &&
	    s->subsystem == subsystem)
		return s;
	id = number_hex(text);
	s = u64map_get(&j->sessions, session_key(id, subsystem));
	if (s == NULL) {
		if (j->sessions.used >= j->options.most && j->oldest != NULL)
			session_evict(j);
		*made = true;
		s = session_new(j, id, subsystem);
	}
	j->current = text.n == sizeof(j->current_id) ? s : NULL;
	if (j->current != NULL)
		memcpy(j->current_id, text.p, sizeof(j->current_id));
	return s;
}

void
join_free(struct join *j)
{
	struct session	*s;

	/* What is larger than the pool's blocks is malloc's: give it back. */
	for (s = j->oldest; s != NULL; s = s->newer)
		session_free_texts(j, s);
	msg_free(j);
	closed_free(j);
	u64map_free(&j->sessions);
	u64map_free(&j->messages);
	pool_free(&j->pool);
	free(j);
}

/* -- what the link says -- */

/*
 * Outwards the same session connects again, to the next server or without
 * TLS: what was known of the old link is void, its transaction has ended.
 */
static void
link_connect(struct join *j, struct session *s, const struct report *r)
{
	tx_end(j, s, STATUS_DISCONNECT);
	s->tls.n = s->identity.n = s->username.n = 0;
	s->method = METHOD_MAX;
	s->timed_out = s->pending = s->continues = false;
	take_text(j, &s->rdns, r, RF_RDNS);
	take_text(j, &s->src, r, RF_SRC);
	take_text(j, &s->dest, r, RF_DEST);
	s->fcrdns = field_word(r, RF_FCRDNS, fcrdns_names, FCRDNS_MAX);
}

static void
link_auth(struct join *j, struct session *s, const struct report *r)
{
	if (report_has(r, RF_RESULT) && slice_eq(r->field[RF_RESULT], SLICE("pass")))
		take_text(j, &s->username, r, RF_USERNAME);
	else
		s->logins_failed++;
}

static bool
begins(struct slice s, const char *word, size_t n)
{
	return s.n >= n && strncasecmp(s.p, word, n) == 0;
}

static enum verb
verb_of(struct slice c)
{
	if (c.n == 1 && *c.p == '.')
		return VERB_DOT;
	if (c.n < 4)
		return VERB_OTHER;
	switch (*c.p | 0x20) {
	case 'm':
		return begins(c, "MAIL", 4) ? VERB_MAIL : VERB_OTHER;
	case 'r':
		return begins(c, "RCPT", 4) ? VERB_RCPT : VERB_OTHER;
	case 'd':
		return begins(c, "DATA", 4) ? VERB_DATA : VERB_OTHER;
	}
	return VERB_OTHER;
}

/* The path of a MAIL or RCPT command: for dialects that have no event for it. */
static struct slice
path_of(struct slice command)
{
	const char	*open, *shut, *end = command.p + command.n;

	if ((open = memchr(command.p, '<', command.n)) == NULL)
		return SLICE_NONE;
	open++;
	if ((shut = memchr(open, '>', (size_t)(end - open))) == NULL)
		return SLICE_NONE;
	return slice_make(open, (size_t)(shut - open));
}

/* Neither the dot nor what follows a 334 of AUTH is a command. */
static void
protocol_client(struct join *j, struct session *s, struct slice command)
{
	enum verb	 verb = s->continues ? VERB_OTHER : verb_of(command);
	struct slice	 path;

	tx_command(j, s, verb);
	if (verb != VERB_DOT && !s->continues)
		s->commands++;
	s->verb = verb;
	s->pending = true;
	s->continues = false;
	if (verb == VERB_MAIL || verb == VERB_RCPT) {
		path = path_of(command);
		s->has_argument = path.p != NULL;
		text_set(&j->pool, &s->argument, path);
	}
}

static void
protocol_server(struct join *j, struct session *s, struct slice reply)
{
	if (reply.n > 3 && reply.p[3] == '-')
		return;
	s->pending = false;
	s->replied = true;
	s->code = reply.n != 0 && *reply.p >= '0' && *reply.p <= '9' ?
	    (uint8_t)(*reply.p - '0') : 0;
	s->continues = reply.n >= 3 && memcmp(reply.p, "334", 3) == 0;
	if (s->code == 4 || s->code == 5)
		s->errors++;
	if (s->tx.state == TX_NONE && s->verb != VERB_MAIL)
		return;
	text_set(&j->pool, &s->reply, reply);
	tx_reply(j, s);
}

/* -- a line -- */

static void
session_event(struct join *j, struct session *s, const struct report *r)
{
	switch (r->event) {
	case EV_PROTOCOL_CLIENT:
		protocol_client(j, s, r->field[RF_COMMAND]);
		break;
	case EV_PROTOCOL_SERVER:
		protocol_server(j, s, r->field[RF_REPLY]);
		break;
	case EV_LINK_CONNECT:
		link_connect(j, s, r);
		break;
	case EV_LINK_IDENTIFY:
		take_text(j, &s->identity, r, RF_IDENTITY);
		s->method = field_word(r, RF_METHOD, method_names, METHOD_MAX);
		break;
	case EV_LINK_TLS:
		take_text(j, &s->tls, r, RF_TLS);
		break;
	case EV_LINK_AUTH:
		link_auth(j, s, r);
		break;
	case EV_LINK_FAILED:
		take_text(j, &s->dest, r, RF_DEST);
		session_end(j, s, STATUS_FAILED);
		break;
	case EV_TIMED_OUT:
		s->timed_out = true;
		break;
	case EV_LINK_DISCONNECT:
		session_end(j, s, s->timed_out ? STATUS_TIMEOUT : STATUS_DISCONNECT);
		break;
	default:
		tx_event(j, s, r);
	}
}

/* Outwards a refused connection is a link-disconnect with nothing before it. */
static bool
is_beginning(const struct report *r, enum subsystem subsystem)
{
	return r->event == EV_LINK_CONNECT || r->event == EV_LINK_FAILED ||
	    (r->event == EV_LINK_DISCONNECT && subsystem == SUBSYSTEM_SMTP_OUT);
}

static void
take_version(struct join *j, const struct report *r)
{
	struct slice	 v = r->field[RF_VERSION];

	if (r->dialect != DIALECT_UNKNOWN)
		return;
	j->version_n = v.n < sizeof(j->version) ? v.n : sizeof(j->version);
	memcpy(j->version, v.p, j->version_n);
}

static inline void
take_time(struct moment *m, struct slice time)
{
	m->n = (uint8_t)(time.n < TIME_LENGTH ? time.n : TIME_LENGTH);
	if (time.n == NUMBER_TIME_LENGTH)
		memcpy(m->text, time.p, NUMBER_TIME_LENGTH);
	else
		memcpy(m->text, time.p, m->n);
}

/* What is past the age. */
static void
evict_aged(struct join *j, const struct moment *m)
{
	uint64_t	 now = moment_stamp(m).usec, before;

	before = now > j->options.oldest ? now - j->options.oldest : 0;
	while (j->oldest != NULL && j->oldest->first.usec < before)
		session_evict(j);
	msg_evict(j, before);
}

static int
status_of(const struct join *j)
{
	if (j->pool.error == 0)
		return 0;
	errno = j->pool.error;
	return -1;
}

/* A known event is of a known subsystem: its length tells which. */
static enum subsystem
subsystem_of(const struct report *r)
{
	return r->field[RF_SUBSYSTEM].n == sizeof("smtp-in") - 1 ? SUBSYSTEM_SMTP_IN :
	    r->field[RF_SUBSYSTEM].n == sizeof("smtp-out") - 1 ? SUBSYSTEM_SMTP_OUT :
	    SUBSYSTEM_MAX;
}

static bool
is_of_session(enum event_id e)
{
	return e < EV_REPORT_GAP || e == EV_LINK_FAILED;
}

/* What the queue says of envelopes, where that is asked for. */
static bool
is_of_queue(const struct join *j, const struct report *r)
{
	return r->event >= EV_ENVELOPE_DELIVERED && r->event <= EV_MESSAGE_BOUNCE &&
	    *r->field[RF_SUBSYSTEM].p == 'q' &&
	    (j->options.output == JOIN_MSG || j->options.output == JOIN_CHECK);
}

int
join_report(struct join *j, const struct report *r)
{
	enum subsystem	 subsystem = subsystem_of(r);
	struct session	*s;
	struct moment	 now;
	bool		 made, queue;

	if (r->event == EV_REPORT_GAP)
		j->gaps++;
	queue = is_of_queue(j, r);
	if (!queue && (!is_of_session(r->event) || subsystem == SUBSYSTEM_MAX))
		return 0;
	take_version(j, r);
	if (queue || j->options.oldest != 0)
		take_time(&now, r->field[RF_TIME]);
	if (j->options.oldest != 0)
		evict_aged(j, &now);
	if (queue) {
		msg_queue(j, r, &now);
		return status_of(j);
	}
	if ((s = session_of(j, r->field[RF_SESSION], subsystem, &made)) == NULL)
		return status_of(j);
	take_time(&s->last, r->field[RF_TIME]);
	s->dialect = (uint8_t)r->dialect;
	if (made) {
		s->first = moment_stamp(&s->last);
		s->total_known = is_beginning(r, subsystem);
		s->marks = s->total_known ? 0 : MARK_LATE_START;
	}
	session_event(j, s, r);
	return status_of(j);
}

int
join_end(struct join *j)
{
	while (j->oldest != NULL)
		session_end(j, j->oldest, STATUS_OPEN);
	msg_end(j);
	return status_of(j);
}
