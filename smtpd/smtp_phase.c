/* SPDX-License-Identifier: ISC */
/*
 * The phases of a session: its filters are asked one after the other, rules
 * and programs, until one decides or all have let it pass.  smtp process.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "smtpd/log.h"
#include "smtpd/loop.h"
#include "smtpd/proc.h"
#include "smtpd/smtp.h"
#include "smtpd/smtp_chain.h"
#include "smtpd/smtp_condition.h"
#include "smtpd/smtp_filter.h"

struct asking {			/* a phase that a session is asked about */
	enum phase	 phase;
	char		*argument;
	char		*raw;		/* as typed; NULL: the same */
	size_t		 next;		/* the filter that comes next */
	const struct filter *filter;	/* that is asked now, */
	struct question	*question;	/* if it is a program, */
	uint32_t	 serial;	/* and if it is a rule that asks lookup */
	bool		 dns_error_told;	/* a rule `fcrdns error` held */
	void		(*then)(struct session *, const struct outcome *);
};

enum step { STEP_ON, STEP_DECIDED, STEP_WAIT };

static uint32_t	 serials;

bool
phase_filtered(const struct session *s)
{
	return s->filtered;
}

bool
phase_begin(struct session *s)
{
	const struct filter	*f;
	size_t			 i;
	bool			 up = true;

	TAILQ_INIT(&s->questions);
	s->filtered = chain_any(s);
	for (i = 0; (f = chain_every(s, i)) != NULL; i++) {
		if (f->kind != FILTER_PROC)
			continue;
		if (filter_is_up(filter_of(f->proc)))
			s->source.watchers |= (uint64_t)1 << f->proc->bit;
		else
			up &= f->shadow || f->proc->bypass || chain_is_of_rule(s, i);
	}
	return up;
}

bool
phase_depends(const struct session *s, uint64_t bits)
{
	const struct filter	*f;
	size_t			 i;

	for (i = 0; (f = chain_every(s, i)) != NULL; i++)
		if (f->kind == FILTER_PROC && !f->shadow &&
		    (bits >> f->proc->bit & 1) != 0)
			return true;
	return false;
}

static void
free_asking(struct session *s)
{
	if (s->asking == NULL)
		return;
	free(s->asking->argument);
	free(s->asking->raw);
	free(s->asking);
	s->asking = NULL;
}

void
phase_end(struct session *s)
{
	questions_end_session(s);
	free_asking(s);
}

/* -- the end of a phase -- */

static void
mark_junk(struct session *s)
{
	if (s->tx != NULL)
		s->tx->junk = true;
	else
		s->junk = true;
}

static enum result
result_of(const struct outcome *o)
{
	if (o->decision != DECISION_REJECT && o->decision != DECISION_DISCONNECT)
		return RESULT_OK;
	return o->text.p[0] == '4' ? RESULT_TEMPFAIL : RESULT_PERMFAIL;
}

/* Reports what was decided and tells who asked; the session goes on if it had waited. */
static void
decide(struct session *s, enum decision decision, struct slice text)
{
	struct asking	*a = s->asking;
	struct outcome	 o = { .decision = decision, .text = text };
	bool		 waited = s->waiting == WAITING_FILTER;
	char		*copy = NULL;

	report_filter_response(&s->source, a->phase, decision_names[decision],
	    a->phase == PHASE_AUTH ? auth_told(s, text) : text);
	if (decision == DECISION_JUNK)
		mark_junk(s);
	if (decision == DECISION_JUNK || (decision == DECISION_REWRITE &&
	    a->phase == PHASE_CONNECT))
		o.decision = DECISION_PROCEED;
	if (text.n >= 3 && memcmp(text.p, "421", 3) == 0 &&
	    decision == DECISION_REJECT)
		o.decision = DECISION_DISCONNECT;
	/* It may stand in what is freed, or read into, meanwhile. */
	if (text.n > 0 && (copy = strndup(text.p, text.n)) != NULL)
		o.text.p = copy;
	o.result = result_of(&o);
	wait_end(s);
	s->asking = NULL;
	a->then(s, &o);
	free(copy);
	free(a->argument);
	free(a->raw);
	free(a);
	if (waited)
		session_answered(s);
}

/* What is refused for now because a filter cannot tell; what ends something harmless goes on. */
static void
fail(struct session *s)
{
	char	 buf[128];

	switch (s->asking->phase) {
	case PHASE_QUIT:
	case PHASE_RSET:
	case PHASE_NOOP:
	case PHASE_HELP:
		decide(s, DECISION_PROCEED, SLICE_NONE);
		break;
	case PHASE_CONNECT:
		decide(s, DECISION_DISCONNECT, reply_text(REPLY_FILTER_DOWN, buf,
		    sizeof(buf), NULL, NULL));
		break;
	default:
		decide(s, DECISION_REJECT, reply_text(REPLY_TEMPFAIL, buf,
		    sizeof(buf), NULL, NULL));
		break;
	}
}

static void
report_shadow(struct session *s, enum phase phase, const struct filter *f,
    enum decision decision, struct slice param)
{
	char	 name[32], text[1024];

	snprintf(name, sizeof(name), "shadow-%s", decision_names[decision]);
	snprintf(text, sizeof(text), "%s%s%.*s", f->name,
	    param.n > 0 ? " " : "", (int)param.n, param.n > 0 ? param.p : "");
	report_filter_response(&s->source, phase, name, slice_str(text));
}

/* -- rules -- */

/* It cannot be told whether a rule holds: who would be refused for it is refused for now. */
static enum step
rule_unknown(struct session *s, const struct filter *f)
{
	char	 buf[128];

	if (f->shadow || f->action == DECISION_REPORT)
		return STEP_ON;
	if (condition_wants_name(s, f))
		decide(s, f->action, reply_text(REPLY_DNS_TEMPFAIL, buf,
		    sizeof(buf), NULL, NULL));
	else
		fail(s);
	return STEP_DECIDED;
}

static enum step
rule_holds(struct session *s, const struct filter *f)
{
	struct asking	*a = s->asking;
	struct slice	 text = slice_str(f->text);

	a->dns_error_told |= f->condition == COND_FCRDNS_ERROR;
	if (f->shadow) {
		report_shadow(s, a->phase, f, f->action, text);
		return STEP_ON;
	}
	switch (f->action) {
	case DECISION_REPORT:
		report_filter_report(&s->source, "builtin",
		    f->name != NULL ? f->name : "", text);
		return STEP_ON;
	case DECISION_BYPASS:
		decide(s, DECISION_PROCEED, SLICE_NONE);
		return STEP_DECIDED;
	default:
		decide(s, f->action, text);
		return STEP_DECIDED;
	}
}

/* A failure of DNS refuses nobody for good; `!fcrdns` includes it otherwise (decisions.md 21). */
static bool
is_told(const struct session *s, const struct filter *f)
{
	return condition_wants_name(s, f) && (s->asking->dns_error_told ||
	    (f->action != DECISION_REJECT && f->action != DECISION_DISCONNECT));
}

static enum step
rule_answered(struct session *s, const struct filter *f, enum held held)
{
	switch (held) {
	case HELD_NO:
		return STEP_ON;
	case HELD_YES:
		return rule_holds(s, f);
	case HELD_ERROR:
		return is_told(s, f) ? rule_holds(s, f) :
		    rule_unknown(s, f);
	case HELD_LATER:
		break;
	}
	return STEP_WAIT;
}

static enum step
ask_rule(struct session *s, const struct filter *f)
{
	s->asking->serial = ++serials;
	return rule_answered(s, f, condition_judge(s, f,
	    slice_str(s->asking->argument), s->asking->serial));
}

/* -- programs -- */

/* The address as the dialect has it; buf has room for it. */
static struct slice
address_param(enum dialect d, struct slice address, char *buf, size_t size)
{
	int	 n;

	if (memchr(address.p, ':', address.n) == NULL)
		return address;
	n = snprintf(buf, size, d == DIALECT_1 ? "IPv6:%.*s" : "[%.*s]",
	    (int)address.n, address.p);
	return slice_make(buf, (size_t)n);
}

static struct slice
param_for(const struct session *s, const struct proc_conf *c, char *buf, size_t size)
{
	const struct asking	*a = s->asking;

	if (a->phase == PHASE_CONNECT)
		return address_param(c->dialect, slice_str(a->argument), buf, size);
	if (a->phase == PHASE_AUTH && c->auth_secrets)
		return auth_secret(s);
	return slice_str(c->dialect == DIALECT_1 && a->raw != NULL ?
	    a->raw : a->argument);
}

/* Puts the question into the pipe; NULL: no memory. */
static struct question *
put_question(struct session *s, const struct filter *f)
{
	struct filter_proc	*proc = filter_of(f->proc);
	char			 address[128], *room;
	struct filter_request	 r = {
		.dialect = f->proc->dialect,
		.time = loop_wall(),
		.phase = s->asking->phase,
		.session = s->source.session,
		.rdns = session_rdns(s),
		.param = param_for(s, f->proc, address, sizeof(address)),
	};
	struct question		*q;

	room = pipe_room(&proc->pipe, FILTER_HEAD_MAX + r.rdns.n + r.param.n + 1);
	if (room == NULL || (q = question_new(proc, s, f, r.phase)) == NULL)
		return NULL;
	r.token = q->token;
	pipe_used(&proc->pipe, filter_request_write(room,
	    FILTER_HEAD_MAX + r.rdns.n + r.param.n + 1, &r));
	question_asked(q);
	return q;
}

bool
phase_watched(const struct session *s, const struct filter *f)
{
	return (s->source.watchers >> f->proc->bit & 1) != 0;
}

bool
phase_asks(const struct filter *f, enum phase phase)
{
	if (f->kind == FILTER_RULE)
		return f->phase == phase;
	return f->phases != 0 ? (f->phases >> phase & 1) != 0 :
	    filter_registered(filter_of(f->proc), phase);
}

static enum step
ask_program(struct session *s, const struct filter *f)
{
	struct question	*q;

	if (!phase_watched(s, f)) {
		if (f->shadow || f->proc->bypass)
			return STEP_ON;
		fail(s);
		return STEP_DECIDED;
	}
	q = put_question(s, f);
	if (f->shadow)
		return STEP_ON;
	if (q == NULL) {
		fail(s);
		return STEP_DECIDED;
	}
	s->asking->question = q;
	return STEP_WAIT;
}

/* -- all of them -- */

/* Asks on from where it was. */
static void
walk(struct session *s)
{
	const struct filter	*f;
	enum step		 step = STEP_ON;

	while (step == STEP_ON) {
		struct asking	*a = s->asking;

		f = a->filter = chain_filter(s, a->phase, a->next++);
		a->question = NULL;
		if (f == NULL) {
			decide(s, DECISION_PROCEED, SLICE_NONE);
			return;
		}
		if (phase_asks(f, a->phase))
			step = f->kind == FILTER_RULE ? ask_rule(s, f) :
			    ask_program(s, f);
	}
	if (step == STEP_WAIT && s->waiting == WAITING_NOT)
		wait_begin(s, WAITING_FILTER);
}

void
phase_ask_raw(struct session *s, enum phase phase, struct slice argument,
    struct slice raw, void (*then)(struct session *, const struct outcome *))
{
	const struct outcome	 proceed = { .decision = DECISION_PROCEED };
	struct asking		*a;
	char			 buf[128];
	struct outcome		 failed = {
		.decision = DECISION_REJECT, .result = RESULT_TEMPFAIL,
	};

	if (!s->filtered) {
		then(s, &proceed);
		return;
	}
	if ((a = calloc(1, sizeof(*a))) == NULL ||
	    (a->argument = strndup(argument.n > 0 ? argument.p : "", argument.n)) == NULL ||
	    (raw.p != NULL && (a->raw = strndup(raw.p, raw.n)) == NULL)) {
		log_warn("phase %s", filter_phases[phase].name);
		if (a != NULL)
			free(a->argument);
		free(a);
		failed.text = reply_text(REPLY_TEMPFAIL, buf, sizeof(buf), NULL, NULL);
		then(s, &failed);
		return;
	}
	a->phase = phase;
	a->then = then;
	s->asking = a;
	walk(s);
}

void
phase_ask(struct session *s, enum phase phase, struct slice argument,
    void (*then)(struct session *, const struct outcome *))
{
	phase_ask_raw(s, phase, argument, SLICE_NONE, then);
}

void
outcome_reply(struct session *s, const struct outcome *o)
{
	if (o->decision == DECISION_DISCONNECT)
		session_rollback(s);
	session_reply_text(s, o->text);
	if (o->decision == DECISION_DISCONNECT)
		session_enter(s, STATE_CLOSING);
}

/* -- answers -- */

void
phase_decided(struct question *q, enum decision decision, struct slice param)
{
	const struct filter	*f = q->filter;
	struct session		*s = q->session;
	enum phase		 phase = q->phase;
	struct slice		 told = phase == PHASE_AUTH ? auth_told(s, param) : param;

	question_end(q);
	if (f->shadow) {
		report_shadow(s, phase, f, decision, told);
		return;
	}
	s->asking->question = NULL;
	if (decision == DECISION_REPORT)
		report_filter_response(&s->source, phase,
		    decision_names[decision], told);
	if (decision == DECISION_PROCEED || decision == DECISION_REPORT)
		walk(s);
	else
		decide(s, decision, param);
}

/* Its answer, should it still come, is to nobody. */
void
phase_late(struct question *q)
{
	struct session	*s = q->session;

	if (q->stage != NULL) {
		stream_late(q);
		return;
	}
	question_close(q);
	if (q->filter->shadow)
		return;
	s->asking->question = NULL;
	fail(s);
}

void
phase_spoiled(struct question *q)
{
	if (q->open)
		phase_late(q);
}

void
phase_answered_wrongly(struct question *q)
{
	struct session	*s = q->session;
	bool		 heard = q->open && !q->filter->shadow;

	question_end(q);
	if (!heard)
		return;
	s->asking->question = NULL;
	fail(s);
}

void
phase_condition(uint64_t id, uint32_t serial, enum held held)
{
	struct session	*s = session_find(id);
	struct asking	*a = s == NULL ? NULL : s->asking;

	if (a == NULL || a->question != NULL || a->serial != serial) {
		log_debug("a condition of session %016llx that is not asked any more",
		    (unsigned long long)id);
		return;
	}
	if (rule_answered(s, a->filter, held) == STEP_ON)
		walk(s);
}

void
phase_lookup_lost(struct session *s)
{
	struct asking	*a = s->asking;

	if (a->question == NULL &&
	    rule_answered(s, a->filter, HELD_ERROR) == STEP_ON)
		walk(s);
}

static void
close_questions(struct session *s)
{
	struct question	*q;

	TAILQ_FOREACH(q, &s->questions, session_entry) {
		q->excused |= q->open;
		question_close(q);
	}
}

void
phase_lost(struct session *s)
{
	close_questions(s);
	fail(s);
}

void
phase_cancel(struct session *s)
{
	close_questions(s);
	free_asking(s);
}
