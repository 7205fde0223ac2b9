/* SPDX-License-Identifier: ISC */
/*
 * The beginning of a session, up to its first command: what its filters say of
 * the connection, TLS, the banner or a refusal in its place.  smtp process.
 */
#include <stdlib.h>
#include <string.h>

#include "smtpd/proc.h"
#include "smtpd/smtp.h"
#include "smtpd/smtp_filter.h"

struct slice
session_rdns(const struct session *s)
{
	const char	*rdns = session_is_local(s) ? proc_conf->hostname : s->rdns;

	return rdns != NULL ? slice_str(rdns) : SLICE("<unknown>");
}

static void
greet(struct session *s)
{
	if (s->refusal != NULL) {
		session_reply_text(s, slice_str(s->refusal));
		session_enter(s, STATE_REFUSED);
		io_hurry(&s->io);
		return;
	}
	session_reply(s, REPLY_BANNER, s->listener->hostname, NULL);
	report_link_greeting(&s->source, slice_str(s->listener->hostname));
	session_enter(s, STATE_CONNECTED);
}

static void
start_tls(struct session *s)
{
	if (s->listener->tls == NULL ||
	    io_accept_tls(&s->io, s->listener->tls) == -1)
		session_enter(s, STATE_CLOSING);
	else
		session_enter(s, STATE_TLS);
}

/* A refusal is said where the banner would be, so over smtps behind the handshake. */
static void
connect_judged(struct session *s, const struct outcome *o)
{
	bool	 smtps = listener_tls(s->listener) == LISTEN_SMTPS;

	if (o->decision == DECISION_DISCONNECT && !smtps) {
		outcome_reply(s, o);
		return;
	}
	if (o->result != RESULT_OK &&
	    (s->refusal = strndup(o->text.p, o->text.n)) == NULL)
		session_enter(s, STATE_CLOSING);
	else if (smtps)
		start_tls(s);
	else
		greet(s);
}

void
session_begin(struct session *s)
{
	bool	 ready = phase_begin(s);

	report_link_connect(&s->source, session_rdns(s), s->fcrdns,
	    slice_str(s->src), slice_str(s->listener->text));
	if (ready) {
		phase_ask(s, PHASE_CONNECT, session_address(s), connect_judged);
		return;
	}
	if (listener_tls(s->listener) != LISTEN_SMTPS)
		session_reply(s, REPLY_FILTER_DOWN, NULL, NULL);
	session_enter(s, STATE_CLOSING);
}

void
session_secured(struct session *s)
{
	char	 text[256];
	size_t	 n = io_tls_text(&s->io, text, sizeof(text));

	s->secured = true;
	report_link_tls(&s->source, slice_make(text, n));
	if (listener_tls(s->listener) == LISTEN_SMTPS) {
		greet(s);
		return;
	}
	/* RFC 3207 4.2: what was said in clear is forgotten. */
	free(s->helo);
	s->helo = NULL;
	free(s->username);
	s->username = NULL;
	session_enter(s, STATE_CONNECTED);
}
