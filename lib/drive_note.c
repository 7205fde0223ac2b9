/* SPDX-License-Identifier: ISC */
/*
 * What is known of a session from the lines that were played.
 */
#include <errno.h>
#include <stdlib.h>

#include "lib/drive_int.h"

void
drive_tx_end(struct drive_session *s)
{
	s->has_msgid = false;
	/* Of a message that breaks off, lines may come back for a while. */
	if (s->content != NULL)
		s->late = s->content->token;
	drive_content_end(s);
	if (drive_is_in(s, DRIVE_IN_TX))
		s->state = DRIVE_READY;
}

static void
add_rcpt(struct drive *d, struct drive_session *s, struct slice address)
{
	size_t	 n = s->rcpts == NULL ? 0 : strlen(s->rcpts);
	char	*p;

	if (n + address.n + 5 > DRIVE_RCPTS_MAX)
		return;
	if ((p = realloc(s->rcpts, n + address.n + 5)) == NULL) {
		d->error = ENOMEM;
		return;
	}
	s->rcpts = p;
	if (n > 0) {
		memcpy(p + n, ", ", 2);
		n += 2;
	}
	p[n++] = '<';
	memcpy(p + n, address.p, address.n);
	memcpy(p + n + address.n, ">", 2);
}

/* The address of a command was accepted: by its event or by its reply. */
static void
note_address(struct drive *d, struct drive_session *s, enum phase phase, struct slice address)
{
	if (s->noted && s->commands)
		return;
	s->noted = true;
	if (s->rewritten != NULL)
		address = slice_str(s->rewritten);
	if (phase == PHASE_RCPT_TO) {
		add_rcpt(d, s, address);
		if (s->state != DRIVE_UNKNOWN)
			s->state = DRIVE_RCPT;
		return;
	}
	drive_session_set(d, &s->sender, address);
	drive_session_set(d, &s->rcpts, SLICE_NONE);
	s->state = DRIVE_MAIL;
	s->diverged = false;
}

static void
note_identity(struct drive *d, struct drive_session *s, bool esmtp, struct slice name)
{
	drive_session_set(d, &s->helo, s->rewritten != NULL ? slice_str(s->rewritten) : name);
	s->esmtp = esmtp;
	s->state = DRIVE_READY;
}

static void
note_data(struct drive *d, struct drive_session *s)
{
	s->state = s->chunk ? DRIVE_CHUNKS : DRIVE_DATA;
	drive_content_begin(d, s);
}

void
drive_note_reply(struct drive *d, struct drive_session *s, struct slice text)
{
	char		 code = text.n > 3 ? text.p[0] : '\0';
	struct slice	 host;
	const char	*blank;

	if (code == '\0' || text.p[3] == '-')
		return;
	s->challenged = s->scope == PHASE_AUTH && code == '3';
	if (s->refused || s->skipped || (code != '2' && code != '3'))
		return;
	switch (s->scope) {
	case PHASE_CONNECT:
		host = slice_make(text.p + 4, text.n - 4);
		if ((blank = memchr(host.p, ' ', host.n)) != NULL)
			host.n = (size_t)(blank - host.p);
		drive_session_set(d, &s->host, host);
		break;
	case PHASE_HELO:
	case PHASE_EHLO:
		note_identity(d, s, s->scope == PHASE_EHLO, slice_str(drive_or(s->argument, "")));
		break;
	case PHASE_MAIL_FROM:
	case PHASE_RCPT_TO:
		note_address(d, s, s->scope, slice_str(drive_or(s->address, "")));
		break;
	case PHASE_DATA:
		if (code == '3' && s->content == NULL)
			note_data(d, s);
		break;
	case PHASE_RSET:
		if (drive_is_in(s, DRIVE_IN_TX))
			drive_tx_end(s);
		break;
	default:
		break;
	}
}

static uint32_t
msgid_of(const struct report *r)
{
	struct slice	 s = report_has(r, RF_MSGID) ? r->field[RF_MSGID] : SLICE("");
	char		 buf[16];

	if (s.n >= sizeof(buf))
		return 0;
	memcpy(buf, s.p, s.n);
	buf[s.n] = '\0';
	return (uint32_t)strtoul(buf, NULL, 16);
}

void
drive_note_event(struct drive *d, struct drive_session *s, const struct report *r)
{
	switch (r->event) {
	case EV_LINK_GREETING:
		drive_session_set(d, &s->host, r->field[RF_HOSTNAME]);
		break;
	case EV_LINK_IDENTIFY:
		note_identity(d, s, !drive_is_helo(r), r->field[RF_IDENTITY]);
		break;
	case EV_LINK_TLS:
		s->tls = true;
		s->state = DRIVE_CONNECTED;
		break;
	case EV_TX_BEGIN:
		s->msgid = msgid_of(r);
		s->has_msgid = report_has(r, RF_MSGID);
		break;
	case EV_TX_MAIL:
		if (drive_is_ok(r))
			note_address(d, s, PHASE_MAIL_FROM, r->field[RF_ADDRESS]);
		break;
	case EV_TX_RCPT:
		if (drive_is_ok(r))
			note_address(d, s, PHASE_RCPT_TO, r->field[RF_ADDRESS]);
		break;
	case EV_TX_DATA:
		if (drive_is_ok(r) && s->content == NULL)
			note_data(d, s);
		break;
	case EV_TX_COMMIT:
	case EV_TX_ROLLBACK:
		drive_tx_end(s);
		break;
	default:
		break;
	}
}
