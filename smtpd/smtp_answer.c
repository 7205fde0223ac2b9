/* SPDX-License-Identifier: ISC */
/*
 * What filters say: registrations, decisions, data lines, reports, and all
 * that none of them may say.  smtp process.
 */
#include "smtpd/smtp.h"
#include "smtpd/smtp_filter.h"

#define LINE_SHOWN	200	/* bytes of a wrong line, in the log */

static void
registers(struct filter_proc *f, const struct filter_answer *a)
{
	uint64_t	*events;

	if (a->phase != PHASE_MAX) {
		/* Sessions that are there count on what it registered before. */
		if (f->state == FILTER_REGISTERING)
			f->phases |= 1u << a->phase;
		return;
	}
	events = &f->events[a->subsystem == SUBSYSTEM_SMTP_OUT];
	*events |= a->event == EV_MAX ? UINT64_MAX : (uint64_t)1 << a->event;
}

/* Before it is ready nothing is forgiven: what it did not register it would not be asked about. */
static void
handshake_line(struct filter_proc *f, struct slice line,
    enum filter_line kind, const struct filter_answer *a)
{
	char	 buf[LINE_SHOWN + 4];

	if (kind == FILTER_REGISTERS)
		registers(f, a);
	else if (kind == FILTER_READY)
		filter_ready(f);
	else {
		line = report_safe(buf, sizeof(buf), line, true);
		filter_fail(f, "%s: \"%.*s\"", kind == FILTER_MALFORMED ?
		    a->error : "only register may be said before register|ready",
		    (int)line.n, line.p);
	}
}

/* Answers to sessions that are gone are late, and no fault. */
static struct question *
asked(struct filter_proc *f, const struct filter_answer *a, struct slice line, bool lines)
{
	struct session	*s = session_find(a->session);
	struct question	*q;

	if (s == NULL) {
		if (!session_was(a->session))
			filter_strike(f, line, "there is no such session");
		return NULL;
	}
	if ((q = question_find(f, s, a->token, lines)) == NULL)
		filter_strike(f, line, "it was not asked that, or has answered before");
	return q;
}

static bool
refuses(enum decision d)
{
	return d == DECISION_REJECT || d == DECISION_DISCONNECT;
}

static void
decides(struct filter_proc *f, const struct filter_answer *a, struct slice line)
{
	struct question	*q = asked(f, a, line, false);

	if (q == NULL)
		return;
	if (q->phase == PHASE_DATA_LINE) {
		phase_spoiled(q);
		filter_strike(f, line, "data lines are no phase to decide on");
	} else if (!q->open) {
		question_end(q);
		filter_strike(f, line, "the answer comes too late");
	} else if (a->decision == DECISION_JUNK && q->phase == PHASE_COMMIT) {
		phase_spoiled(q);
		filter_strike(f, line, "at commit it is too late for junk");
	} else if (refuses(a->decision) && !filter_refusal_valid(a->param)) {
		phase_spoiled(q);
		filter_strike(f, line, "its parameter is no reply that begins with 4yz or 5yz");
	} else {
		filter_answered(f, q);
		phase_decided(q, a->decision, a->param);
	}
}

static void
data_line(struct filter_proc *f, const struct filter_answer *a, struct slice line)
{
	struct question	*q = asked(f, a, line, true);

	if (q == NULL)
		return;
	if (q->phase == PHASE_DATA_LINE) {
		stream_line(q, a->param, line);
		return;
	}
	phase_spoiled(q);
	filter_strike(f, line, "a data line, but that is not what it was asked");
}

static void
reports(struct filter_proc *f, const struct filter_answer *a, struct slice line)
{
	struct session	*s = session_find(a->session);

	if (s != NULL)
		report_filter_report(&s->source, "proc", f->conf->name, a->param);
	else if (!session_was(a->session))
		filter_strike(f, line, "there is no such session");
}

/* What is wrong with a line that names an open question spoils that question. */
static void
malformed(struct filter_proc *f, const struct filter_answer *a, struct slice line)
{
	struct session	*s = a->session == 0 ? NULL : session_find(a->session);
	struct question	*q = s == NULL ? NULL : question_find(f, s, a->token, false);

	if (q != NULL && q->open)
		phase_spoiled(q);
	filter_strike(f, line, a->error);
}

void
filter_line(struct filter_proc *f, struct slice line)
{
	struct filter_answer	 a;
	enum filter_line	 kind = filter_answer_parse(&a, f->conf->dialect, line);

	if (f->state == FILTER_REGISTERING) {
		handshake_line(f, line, kind, &a);
		return;
	}
	switch (kind) {
	case FILTER_DATA_LINE:
		data_line(f, &a, line);
		break;
	case FILTER_DECIDES:
		decides(f, &a, line);
		break;
	case FILTER_REPORTS:
		reports(f, &a, line);
		break;
	case FILTER_REGISTERS:
		registers(f, &a);
		break;
	case FILTER_READY:
		break;
	case FILTER_MALFORMED:
		malformed(f, &a, line);
		break;
	}
}
