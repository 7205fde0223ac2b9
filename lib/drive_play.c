/* SPDX-License-Identifier: ISC */
/*
 * What a recorded line is to its session: a command that the filter is asked
 * about, an event that it hears, or, since a decision was another one than when
 * it was recorded, nothing.
 */
#include <stdio.h>

#include "lib/addr.h"
#include "lib/drive_int.h"
#include "lib/nitems.h"

#define REFUSED_COMMANDS	5	/* that a client refused at connect may say */

/* -- the end of what was not recorded so -- */

static void
make(struct drive *d, struct drive_session *s, enum event_id event, uint32_t msgid,
    const char *result, const char *address)
{
	const struct report_value	 v[] = {
		{ RF_MSGID,	.num = msgid },
		{ RF_RESULT,	.token = result },
		{ RF_ADDRESS,	.text = slice_str(address) },
	};

	drive_report_make(d, s, event, v, address != NULL ? 3 : result != NULL ? 2 : 1);
}

void
drive_abandon(struct drive *d, struct drive_session *s)
{
	if (s->has_msgid) {
		make(d, s, EV_TX_ROLLBACK, s->msgid, NULL, NULL);
		make(d, s, EV_TX_RESET, s->msgid, NULL, NULL);
	}
	drive_tx_end(s);
}

static void
reply(struct drive *d, struct drive_session *s, struct slice text)
{
	const struct report_value	 v = { RF_REPLY, .text = text };

	drive_report_make(d, s, EV_PROTOCOL_SERVER, &v, 1);
}

static void
close_session(struct drive *d, struct drive_session *s)
{
	drive_report_make(d, s, EV_LINK_DISCONNECT, NULL, 0);
	s->state = DRIVE_CLOSED;
}

void
drive_refuse(struct drive *d, struct drive_session *s, enum phase phase,
    struct slice text, bool closes)
{
	const char	*result = result_names[text.n > 0 && text.p[0] == '4' ?
	    RESULT_TEMPFAIL : RESULT_PERMFAIL];

	s->diverged = s->refused = true;
	s->scope = phase;
	if (phase == PHASE_CONNECT) {
		s->state = DRIVE_REFUSED;
		s->errors = text.n > 0 && text.p[0] == '5';
	} else if (phase == PHASE_MAIL_FROM)
		make(d, s, EV_TX_MAIL, 0, result, drive_or(s->address, ""));
	else if (phase == PHASE_RCPT_TO && s->has_msgid)
		make(d, s, EV_TX_RCPT, s->msgid, result, drive_or(s->address, ""));
	else if (phase == PHASE_DATA && s->has_msgid)
		make(d, s, EV_TX_DATA, s->msgid, result, NULL);
	if (phase == PHASE_COMMIT || closes ||
	    (phase == PHASE_MAIL_FROM && s->has_msgid))
		drive_abandon(d, s);
	reply(d, s, text);
	if (closes)
		close_session(d, s);
}

/* -- a command that is pending: what came of it -- */

enum evidence { ASKED, NOT_ASKED, UNCLEAR, LATER };

/* "555 5.5.4 ... unsupported parameter AUTH": smtpd knows it, and asks before it says so. */
static bool
is_of_parameter(struct slice text)
{
	static const struct slice	 known[] = {
		SLICE(" AUTH"), SLICE(" RET"), SLICE(" ENVID"), SLICE(" NOTIFY"),
		SLICE(" ORCPT"),
	};
	size_t				 i;

	for (i = 0; i < nitems(known); i++)
		if (text.n > known[i].n && memcmp(text.p + text.n - known[i].n,
		    known[i].p, known[i].n) == 0)
			return memcmp(text.p, "555", 3) == 0;
	return false;
}

/* A reply to what the daemon did not take for a command of that place. */
static bool
is_misplaced(const struct drive_session *s, struct slice text)
{
	enum phase			 phase = s->pending;
	static const struct slice	 codes[] = {
		SLICE("500"), SLICE("501"), SLICE("502"), SLICE("503"),
		SLICE("504"), SLICE("521"), SLICE("555"),
	};
	size_t				 i;

	if (text.n < 3 || is_of_parameter(text))
		return false;
	if (phase == PHASE_COMMIT)
		return text.p[0] == '5';
	if (phase == PHASE_MAIL_FROM && memcmp(text.p, "553", 3) == 0)
		return true;
	/*
	 * There is no TLS, or there is already: that is found out after the
	 * question.  And what was out of its place may be in it now.
	 */
	if ((phase == PHASE_STARTTLS || s->diverged) && memcmp(text.p, "503", 3) == 0)
		return false;
	for (i = 0; i < nitems(codes); i++)
		if (memcmp(text.p, codes[i].p, 3) == 0)
			return true;
	return false;
}

static enum evidence
evidence_of_auth(const struct report *r)
{
	struct slice	 text = r->field[RF_REPLY];

	if (r->event == EV_LINK_AUTH)
		return ASKED;
	if (r->event == EV_PROTOCOL_SERVER && text.n > 0 && text.p[0] != '3')
		return text.n > 2 && (memcmp(text.p, "235", 3) == 0 ||
		    memcmp(text.p, "535", 3) == 0) ? ASKED : NOT_ASKED;
	if (r->event == EV_LINK_DISCONNECT || r->event == EV_TIMED_OUT)
		return NOT_ASKED;
	return LATER;
}

/* What the next line says of it; r is NULL if there is none. */
static enum evidence
evidence(const struct drive_session *s, const struct report *r)
{
	if (r == NULL)
		return s->doubtful ? NOT_ASKED : ASKED;
	if (s->pending == PHASE_AUTH)
		return evidence_of_auth(r);
	switch (r->event) {
	case EV_FILTER_RESPONSE:
		return ASKED;
	case EV_PROTOCOL_SERVER:
		if (is_misplaced(s, r->field[RF_REPLY]))
			return NOT_ASKED;
		return s->doubtful && !(r->field[RF_REPLY].n > 0 &&
		    (r->field[RF_REPLY].p[0] == '2' || r->field[RF_REPLY].p[0] == '3')) ?
		    NOT_ASKED : ASKED;
	case EV_TX_ROLLBACK:
	case EV_TX_RESET:
		return s->pending == PHASE_COMMIT ? NOT_ASKED : ASKED;
	case EV_TX_MAIL:
	case EV_TX_RCPT:
		return drive_is_ok(r) ? ASKED : UNCLEAR;
	default:
		return s->doubtful ? NOT_ASKED : ASKED;
	}
}

/* True: the line waits. */
static bool
ask_pending(struct drive *d, struct drive_session *s, const struct report *r)
{
	enum phase	 phase = s->pending;

	s->pending = PHASE_MAX;
	s->done |= 1u << phase;
	if (phase != PHASE_AUTH)
		return drive_ask(d, s, phase, slice_str(drive_or(s->argument, "")));
	s->done &= ~(1u << phase);
	return drive_derive_auth(d, s, r != NULL && r->event == EV_LINK_AUTH ?
	    r->field[RF_USERNAME] : SLICE(""));
}

void
drive_pending_ask(struct drive *d, struct drive_session *s)
{
	if (evidence(s, NULL) == ASKED && s->pending != PHASE_AUTH)
		ask_pending(d, s, NULL);
	else
		s->pending = PHASE_MAX;
}

static enum played
settle_pending(struct drive *d, struct drive_session *s, const struct report *r,
    const struct report *next, bool last)
{
	enum evidence	 e;

	if (s->spoiled && s->pending == PHASE_COMMIT) {
		s->spoiled = false;
		s->pending = PHASE_MAX;
		drive_refuse(d, s, PHASE_COMMIT,
		    SLICE("451 4.3.0 Temporary failure, try again later"), false);
		return PLAYED;
	}
	if ((e = evidence(s, r)) == UNCLEAR) {
		if (next == NULL && !last)
			return KEPT;
		e = next == NULL ? NOT_ASKED : evidence(s, next);
	}
	if (e == LATER)
		return PLAYED;
	if (e == ASKED || e == UNCLEAR)
		return ask_pending(d, s, r) ? KEPT : PLAYED;
	s->pending = PHASE_MAX;
	return PLAYED;
}

/* BDAT ... LAST was taken: its message is whole. */
static bool
end_chunks(struct drive *d, struct drive_session *s)
{
	s->chunk_last = false;
	if (s->refused || s->skipped)
		return false;
	s->pending = PHASE_COMMIT;
	s->doubtful = false;
	s->scope = PHASE_COMMIT;
	s->state = DRIVE_DATA;
	return drive_content_ask(d, s);
}

/* -- a command -- */

static enum played
end_of_data(struct drive *d, struct drive_session *s, const struct report *r)
{
	if (drive_is_out_of_place(s, DRIVE_IN(DATA) | DRIVE_IN(UNKNOWN))) {
		s->skipped = true;
		if (s->state != DRIVE_CLOSED)
			drive_abandon(d, s);
		return PLAYED;
	}
	if (!drive_is_in(s, DRIVE_IN(DATA) | DRIVE_IN(UNKNOWN))) {
		drive_report_pass(d, r);
		return PLAYED;
	}
	if ((s->done >> PHASE_DATA_LINE & 1) == 0) {
		s->done |= 1u << PHASE_DATA_LINE;
		if (drive_content_ask(d, s))
			return KEPT;
	}
	drive_report_pass(d, r);
	s->pending = s->scope = PHASE_COMMIT;
	drive_session_set(d, &s->argument, SLICE_NONE);
	return PLAYED;
}

static void
remember(struct drive *d, struct drive_session *s, const struct drive_command *c)
{
	drive_session_set(d, &s->argument, c->argument);
	drive_session_set(d, &s->address, c->address);
	if (c->phase == PHASE_AUTH)
		drive_session_set(d, &s->mechanism, c->argument);
	s->chunk = c->chunk;
	s->chunk_last = c->last;
	s->doubtful = !c->valid || !drive_is_in(s, c->allowed);
	s->noted = false;
	/* The chunks that follow are not asked about. */
	if (!c->chunk || s->state != DRIVE_CHUNKS)
		s->pending = c->phase;
}

static enum played
command(struct drive *d, struct drive_session *s, const struct report *r)
{
	struct drive_command	 c;

	s->commands = true;
	if (s->challenged) {
		s->challenged = false;
		if (!s->refused && !s->skipped)
			drive_report_pass(d, r);
		return PLAYED;
	}
	s->refused = s->skipped = s->doubtful = s->chunk_last = false;
	drive_session_set(d, &s->rewritten, SLICE_NONE);
	drive_command_parse(&c, d->o->dialect, r->field[RF_COMMAND]);
	if (c.phase == PHASE_COMMIT)
		return end_of_data(d, s, r);
	s->scope = c.phase;
	if (c.known && drive_is_out_of_place(s, c.allowed)) {
		s->skipped = true;
		if (s->state == DRIVE_REFUSED && ++s->errors > REFUSED_COMMANDS)
			close_session(d, s);
		if (c.last && s->state != DRIVE_CLOSED)
			drive_abandon(d, s);
		return PLAYED;
	}
	drive_report_pass(d, r);
	if (c.known)
		remember(d, s, &c);
	return PLAYED;
}

/* -- lines -- */

static enum played
connected(struct drive *d, struct drive_session *s, const struct report *r)
{
	char		 text[ADDR_MAX + 8];
	struct slice	 host, port, src = r->field[RF_SRC], rdns;
	bool		 v6;
	int		 n;

	rdns = report_has(r, RF_RDNS) && r->field[RF_RDNS].n > 0 ? r->field[RF_RDNS] :
	    SLICE("<unknown>");
	drive_session_set(d, &s->rdns, rdns);
	drive_session_set(d, &s->src, src);
	s->state = DRIVE_CONNECTED;
	s->scope = PHASE_CONNECT;
	s->diverged = s->refused = s->skipped = s->commands = s->tls = false;
	s->has_msgid = false;
	drive_report_pass(d, r);
	addr_split(src, &host, &port);
	if (host.n > ADDR_MAX)
		host.n = ADDR_MAX;
	v6 = host.n > 0 && memchr(host.p, ':', host.n) != NULL;
	n = snprintf(text, sizeof(text), "%s%.*s%s",
	    !v6 ? "" : d->o->dialect <= DIALECT_1 ? "IPv6:" : "[", (int)host.n, host.p,
	    v6 && d->o->dialect > DIALECT_1 ? "]" : "");
	drive_ask(d, s, PHASE_CONNECT, slice_make(text, (size_t)n));
	return PLAYED;
}

static enum played
disconnected(struct drive *d, struct drive_session *s, const struct report *r)
{
	if (s->state != DRIVE_CLOSED) {
		if (s->diverged && drive_is_in(s, DRIVE_IN_TX))
			drive_abandon(d, s);
		drive_report_pass(d, r);
	}
	drive_session_end(d, s);
	return GONE;
}

/* The field that a new argument of the command takes the place of. */
static enum field
rewritten_field(enum event_id event)
{
	switch (event) {
	case EV_LINK_IDENTIFY:
		return RF_IDENTITY;
	case EV_LINK_AUTH:
		return RF_USERNAME;
	case EV_TX_MAIL:
	case EV_TX_RCPT:
		return RF_ADDRESS;
	default:
		return RF_MAX;
	}
}

/* An event that a command caused. */
static void
event(struct drive *d, struct drive_session *s, const struct report *r)
{
	struct report	 changed;
	enum field	 f = rewritten_field(r->event);
	const char	*user;

	if (r->event == EV_TX_MAIL)
		s->asked_early = false;
	if (s->refused || s->skipped) {
		if (r->event == EV_TX_COMMIT && !s->commands)
			drive_abandon(d, s);
		return;
	}
	if (s->rewritten == NULL || f == RF_MAX)
		drive_report_pass(d, r);
	else {
		changed = *r;
		changed.field[f] = slice_str(s->rewritten);
		/* Behind the mechanism. */
		if (f == RF_USERNAME && (user = strchr(s->rewritten, ' ')) != NULL)
			changed.field[f] = slice_str(user + 1);
		drive_report_pass(d, &changed);
	}
	drive_note_event(d, s, r);
}

static enum played
play(struct drive *d, struct drive_session *s, const struct report *r)
{
	switch (r->event) {
	case EV_LINK_CONNECT:
		return connected(d, s, r);
	case EV_LINK_DISCONNECT:
		return disconnected(d, s, r);
	case EV_PROTOCOL_CLIENT:
		return command(d, s, r);
	case EV_PROTOCOL_SERVER:
		if (!s->refused && !s->skipped)
			drive_report_pass(d, r);
		drive_note_reply(d, s, r->field[RF_REPLY]);
		return PLAYED;
	case EV_FILTER_RESPONSE:
	case EV_FILTER_REPORT:
		/* Of the filter that was there; this one has its own. */
		return PLAYED;
	case EV_TIMED_OUT:
		drive_report_pass(d, r);
		return PLAYED;
	default:
		event(d, s, r);
		return PLAYED;
	}
}

/* The filter closed it: what was recorded then is nothing any more. */
static bool
is_over(const struct drive_session *s, const struct report *r)
{
	return s->state == DRIVE_CLOSED && r->event != EV_LINK_DISCONNECT &&
	    r->event != EV_LINK_CONNECT;
}

enum played
drive_line(struct drive *d, struct drive_session *s, const struct report *r,
    const struct report *next, bool last)
{
	uint64_t	 time;

	if (is_over(s, r))
		return PLAYED;
	while (s->pending != PHASE_MAX || s->chunk_last) {
		if (s->pending == PHASE_MAX) {
			if (end_chunks(d, s))
				return KEPT;
			continue;
		}
		if (settle_pending(d, s, r, next, last) == KEPT)
			return KEPT;
		if (s->pending == PHASE_AUTH)
			break;
	}
	if (is_over(s, r))
		return PLAYED;
	if (!s->commands) {
		if (r->event == EV_TX_BEGIN && next == NULL && !last)
			return KEPT;
		if (drive_derive(d, s, r, next))
			return KEPT;
	}
	if (report_time(r->field[RF_TIME], &time) == 0)
		s->time = d->time = time;
	return play(d, s, r);
}
