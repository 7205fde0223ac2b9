/* SPDX-License-Identifier: ISC */
/*
 * A message from its DATA or BDAT (RFC 5321, RFC 3030) to its end: its content
 * begins, ends, is judged, and is handed to the queue.  smtp process.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "smtpd/smtp.h"
#include "smtpd/smtp_filter.h"

/* -- the beginning -- */

/* The data lines cannot be sent to a filter that is to have them: no message is begun. */
static void
refuse_lines(struct session *s)
{
	char	 buf[128];

	report_filter_response(&s->source, PHASE_DATA_LINE,
	    decision_names[DECISION_REJECT],
	    reply_text(REPLY_TEMPFAIL, buf, sizeof(buf), NULL, NULL));
	report_tx_data(&s->source, s->tx->msgid, RESULT_TEMPFAIL);
	session_rollback(s);
	session_enter(s, STATE_READY);
}

void
message_data(struct session *s)
{
	if (tx_data(s->tx, false) == -1) {
		refuse_lines(s);
		session_reply(s, REPLY_TEMPFAIL, NULL, NULL);
		return;
	}
	report_tx_data(&s->source, s->tx->msgid, RESULT_OK);
	session_reply(s, REPLY_DATA, NULL, NULL);
	session_enter(s, STATE_DATA);
}

/* -- chunks: their octets follow, taken or not -- */

bool
message_swallow(struct session *s)
{
	struct slice	 in = io_input(&s->io);

	if (in.n > s->swallow)
		in.n = (size_t)s->swallow;
	io_consume(&s->io, in.n);
	s->swallow -= in.n;
	if (s->swallow > 0)
		return false;
	if (s->swallow_text != NULL) {
		session_reply_text(s, slice_str(s->swallow_text));
		free(s->swallow_text);
		s->swallow_text = NULL;
	} else
		session_reply(s, s->swallow_reply, NULL, NULL);
	return true;
}

static void
swallow(struct session *s, uint64_t octets, enum reply then)
{
	s->swallow = octets;
	s->swallow_reply = then;
	message_swallow(s);
}

/* Why a chunk is not taken, or REPLY_NONE: then it belongs to a message. */
static enum reply
chunk_refusal(const struct session *s)
{
	if (s->state == STATE_RCPT || s->state == STATE_CHUNKS)
		return REPLY_NONE;
	return s->state == STATE_MAIL ? REPLY_NO_RCPT : REPLY_SEQUENCE;
}

static void
take_first_chunk(struct session *s)
{
	uint64_t	 octets = s->tx->chunk;

	if (tx_data(s->tx, true) == -1) {
		refuse_lines(s);
		swallow(s, octets, REPLY_TEMPFAIL);
		return;
	}
	report_tx_data(&s->source, s->tx->msgid, RESULT_OK);
	session_enter(s, STATE_CHUNK);
}

/* What the filters say of a message, in the words of DATA. */
static void
chunk_judged(struct session *s, const struct outcome *o)
{
	enum result	 refused = o->decision == DECISION_REWRITE ?
			    RESULT_PERMFAIL : o->result;

	if (refused == RESULT_OK) {
		take_first_chunk(s);
		return;
	}
	report_tx_data(&s->source, s->tx->msgid, refused);
	if (o->decision == DECISION_DISCONNECT) {
		outcome_reply(s, o);
		return;
	}
	if (o->result != RESULT_OK)
		s->swallow_text = strndup(o->text.p, o->text.n);
	swallow(s, s->tx->chunk, REPLY_NO_ARGUMENTS);
}

void
message_chunk(struct session *s, uint64_t size, bool last)
{
	enum reply	 r = chunk_refusal(s);

	if (r != REPLY_NONE) {
		swallow(s, size, r);
		return;
	}
	s->tx->chunk = s->tx->chunk_size = size;
	s->tx->chunk_last = last;
	if (s->state == STATE_RCPT)
		phase_ask(s, PHASE_DATA, SLICE(""), chunk_judged);
	else
		session_enter(s, STATE_CHUNK);
}

/* -- the end -- */

static void
refuse(struct session *s, enum reply r)
{
	session_rollback(s);
	session_reply(s, r, NULL, NULL);
	session_enter(s, STATE_READY);
}

static void
commit_judged(struct session *s, const struct outcome *o)
{
	if (o->decision == DECISION_REWRITE)
		refuse(s, REPLY_NO_ARGUMENTS);
	else if (o->result != RESULT_OK) {
		session_rollback(s);
		session_enter(s, STATE_READY);
		outcome_reply(s, o);
	} else if (tx_commit(s->tx) == 0)
		wait_begin(s, WAITING_QUEUE);
	else
		refuse(s, REPLY_TEMPFAIL);
}

/* What filters and queue make of the message, or why they do not get it. */
static void
finish(struct session *s)
{
	static const enum reply	 refusals[] = {
		[REFUSED_NOT]		= REPLY_NONE,
		[REFUSED_SIZE]		= REPLY_TOO_BIG,
		[REFUSED_LOOP]		= REPLY_LOOP,
		[REFUSED_FORMAT]	= REPLY_NOT_A_MESSAGE,
		[REFUSED_LINE]		= REPLY_BODY_LINE,
		[REFUSED_TEMP]		= REPLY_TEMPFAIL,
		[REFUSED_FULL]		= REPLY_FULL,
	};
	enum reply	 r = refusals[s->tx->refusal];

	if (r != REPLY_NONE)
		refuse(s, r);
	else
		phase_ask(s, PHASE_COMMIT, SLICE(""), commit_judged);
}

/* A chunk that spoils the message ends it; those behind it have no transaction. */
static void
end_of_chunk(struct session *s)
{
	char	 size[24];

	if (s->tx->chunk_last || s->tx->refusal != REFUSED_NOT) {
		finish(s);
		return;
	}
	snprintf(size, sizeof(size), "%llu",
	    (unsigned long long)s->tx->chunk_size);
	session_reply(s, REPLY_CHUNK, size, NULL);
	session_enter(s, STATE_CHUNKS);
}

void
message_content_ended(struct session *s)
{
	if (s->state == STATE_CHUNK) {
		end_of_chunk(s);
		return;
	}
	report_protocol_client(&s->source, SLICE("."));
	finish(s);
}
