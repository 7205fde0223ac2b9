/* SPDX-License-Identifier: ISC */
/*
 * Streams without commands: the questions that led to their events.
 */
#include "lib/drive_int.h"

/* False: nothing is asked any more about the line. */
static bool
derive_one(struct drive *d, struct drive_session *s, enum phase phase, struct slice argument)
{
	if ((s->done >> phase & 1) != 0)
		return false;
	s->done |= 1u << phase;
	s->scope = phase;
	s->refused = false;
	drive_session_set(d, &s->rewritten, SLICE_NONE);
	s->skipped = drive_is_out_of_place(s, drive_phase_allowed(phase));
	return !s->skipped && drive_ask(d, s, phase, argument);
}

static bool
derive_address(struct drive *d, struct drive_session *s, enum phase phase,
    struct slice address)
{
	char		 founding[REPORT_LINE_MAX];
	struct slice	 argument = address;

	if (d->o->dialect <= DIALECT_1 && address.n + 2 <= sizeof(founding)) {
		founding[0] = '<';
		if (address.n > 0)
			memcpy(founding + 1, address.p, address.n);
		founding[address.n + 1] = '>';
		argument = slice_make(founding, address.n + 2);
	}
	drive_session_set(d, &s->address, address);
	return derive_one(d, s, phase, argument);
}

bool
drive_derive_auth(struct drive *d, struct drive_session *s, struct slice user)
{
	char		 text[REPORT_LINE_MAX];
	struct slice	 mechanism = slice_str(drive_or(s->mechanism, "PLAIN"));

	if (mechanism.n + 1 + user.n > sizeof(text))
		return false;
	memcpy(text, mechanism.p, mechanism.n);
	text[mechanism.n] = ' ';
	if (user.n > 0)
		memcpy(text + mechanism.n + 1, user.p, user.n);
	return derive_one(d, s, PHASE_AUTH, slice_make(text, mechanism.n + 1 + user.n));
}

static bool
derive_commit(struct drive *d, struct drive_session *s)
{
	if ((s->done >> PHASE_DATA_LINE & 1) == 0) {
		s->done |= 1u << PHASE_DATA_LINE;
		if (!drive_is_out_of_place(s, DRIVE_IN(DATA) | DRIVE_IN(UNKNOWN)) &&
		    drive_content_ask(d, s))
			return true;
	}
	if (s->spoiled) {
		s->spoiled = false;
		s->done |= 1u << PHASE_COMMIT;
		drive_refuse(d, s, PHASE_COMMIT,
		    SLICE("451 4.3.0 Temporary failure, try again later"), false);
	}
	return derive_one(d, s, PHASE_COMMIT, SLICE(""));
}

bool
drive_derive(struct drive *d, struct drive_session *s, const struct report *r,
    const struct report *next)
{
	switch (r->event) {
	case EV_LINK_IDENTIFY:
		return derive_one(d, s, drive_is_helo(r) ? PHASE_HELO : PHASE_EHLO,
		    r->field[RF_IDENTITY]);
	case EV_LINK_TLS:
		/* Before anything was said it is smtps. */
		return s->state != DRIVE_CONNECTED &&
		    derive_one(d, s, PHASE_STARTTLS, SLICE(""));
	case EV_LINK_AUTH:
		return drive_derive_auth(d, s, r->field[RF_USERNAME]);
	case EV_TX_BEGIN:
		if (next == NULL || next->event != EV_TX_MAIL)
			return false;
		s->asked_early = true;
		return derive_address(d, s, PHASE_MAIL_FROM, next->field[RF_ADDRESS]);
	case EV_TX_MAIL:
		if (s->asked_early)
			return false;
		return derive_address(d, s, PHASE_MAIL_FROM, r->field[RF_ADDRESS]);
	case EV_TX_RCPT:
		return derive_address(d, s, PHASE_RCPT_TO, r->field[RF_ADDRESS]);
	case EV_TX_DATA:
		return derive_one(d, s, PHASE_DATA, SLICE(""));
	case EV_TX_COMMIT:
		return derive_commit(d, s);
	default:
		return false;
	}
}
