/* SPDX-License-Identifier: ISC */
/*
 * The phases of a session: what its filters say, one after the other.  smtp
 * process.
 */
#include "smtpd/smtp.h"
#include "smtpd/smtp_condition.h"

void
phase_ask(struct session *s, enum phase phase, struct slice argument,
    void (*then)(struct session *, const struct outcome *))
{
	const struct outcome	 proceed = { .decision = DECISION_PROCEED };

	(void)phase;
	(void)argument;
	then(s, &proceed);
}

void
outcome_reply(struct session *s, const struct outcome *o)
{
	session_reply_text(s, o->text);
	if (o->decision != DECISION_DISCONNECT)
		return;
	session_rollback(s);
	session_enter(s, STATE_CLOSING);
}

void
phase_condition(uint64_t session, uint32_t serial, enum held held)
{
	(void)session;
	(void)serial;
	(void)held;
}
