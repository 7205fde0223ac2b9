/* SPDX-License-Identifier: ISC */
/*
 * What filters say: registrations, decisions, data lines, reports, and all
 * that none of them may say.  smtp process.
 */
#include <string.h>

#include "smtpd/proc.h"
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
	/* Of others no session tells: that is what `report` is for. */
	if (a->subsystem > SUBSYSTEM_SMTP_OUT)
		return;
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

/*
 * What is said to sessions that are gone is late, and no fault: as many answers
 * as were owed, and of each no more than of a message that is refused.
 */
static void
no_session(struct filter_proc *f, const struct filter_answer *a, struct slice line, bool last)
{
	if (f->orphans == 0 && !session_was(a->session)) {
		filter_strike(f, line, "there is no such session");
		return;
	}
	f->stray += line.n;
	if (last && f->orphans > 0) {
		f->orphans--;
		f->stray = 0;
	}
	if (f->stray > (f->orphans + 1) * FILTER_SURPLUS * proc_conf->max_message_size)
		filter_fail(f, "too much of what it says is said to nobody");
}

static struct question *
asked(struct filter_proc *f, const struct filter_answer *a, struct slice line, bool lines)
{
	struct session	*s = session_find(a->session);
	struct question	*q;

	if (s == NULL) {
		no_session(f, a, line, !lines || slice_eq(a->param, SLICE(".")));
		return NULL;
	}
	if ((q = question_find(f, s, a->token, lines)) == NULL)
		filter_strike(f, line, "it was not asked that, or has answered before");
	return q;
}

/* Why a decision cannot be carried out in that phase; NULL: it can. */
static const char *
unusable(const struct filter_answer *a, enum phase phase)
{
	switch (a->decision) {
	case DECISION_REJECT:
	case DECISION_DISCONNECT:
		return filter_refusal_valid(a->param) ? NULL : "its parameter is no reply that refuses, as \"550 text\"";
	case DECISION_REWRITE:
		return verb_has_controls(a->param) ? "control characters cannot stand in a command" : NULL;
	case DECISION_JUNK:
		return phase == PHASE_COMMIT ? "at commit it is too late for junk" : NULL;
	default:
		return NULL;
	}
}

static void
decides(struct filter_proc *f, const struct filter_answer *a, struct slice line)
{
	struct question	*q = asked(f, a, line, false);
	const char	*why;

	if (q == NULL)
		return;
	if (q->excused)
		question_end(q);
	else if (q->phase == PHASE_DATA_LINE) {
		phase_spoiled(q);
		filter_strike(f, line, "data lines are no phase to decide on");
	} else if (!q->open) {
		question_end(q);
		filter_strike(f, line, "the answer comes too late");
	} else if ((why = unusable(a, q->phase)) != NULL) {
		phase_answered_wrongly(q);
		filter_strike(f, line, why);
	} else {
		filter_answered(f, q);
		phase_decided(q, a->decision, a->param);
	}
}

static void
remember(struct filter_proc *f, struct question *q, struct slice head)
{
	if (head.n > sizeof(f->talk))
		return;
	memcpy(f->talk, head.p, head.n);
	f->talk_len = head.n;
	f->talking = q;
}

/* Another line of the same message needs no second look. */
static bool
talks_on(const struct filter_proc *f, struct slice line)
{
	return f->talking != NULL && line.n >= f->talk_len &&
	    memcmp(line.p, f->talk, f->talk_len) == 0;
}

static void
data_line(struct filter_proc *f, const struct filter_answer *a, struct slice line)
{
	struct question	*q = asked(f, a, line, true);

	if (q == NULL)
		return;
	if (q->phase == PHASE_DATA_LINE) {
		remember(f, q, slice_make(line.p, line.n - a->param.n));
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
	else
		no_session(f, a, line, false);
}

static bool
is_decision(struct slice line)
{
	return line.n >= 14 && memcmp(line.p, "filter-result|", 14) == 0;
}

/*
 * What is wrong with a line that names an open question spoils that question.
 * If it was to be the answer, no other will come; where there are no tokens, the
 * next one is that to the next question.
 */
static void
malformed(struct filter_proc *f, const struct filter_answer *a, struct slice line)
{
	struct session	*s = a->session == 0 ? NULL : session_find(a->session);
	struct question	*q = s == NULL ? NULL : question_find(f, s, a->token, false);

	if (q != NULL && q->phase != PHASE_DATA_LINE && is_decision(line))
		phase_answered_wrongly(q);
	else if (q != NULL && q->open)
		phase_spoiled(q);
	filter_strike(f, line, a->error);
}

void
filter_line(struct filter_proc *f, struct slice line)
{
	struct filter_answer	 a;
	enum filter_line	 kind;

	if (talks_on(f, line)) {
		stream_line(f->talking, slice_make(line.p + f->talk_len,
		    line.n - f->talk_len), line);
		return;
	}
	kind = filter_answer_parse(&a, f->conf->dialect, line);
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
