/* SPDX-License-Identifier: ISC */
/*
 * Questions that filters have not answered yet: each is in the list of its
 * filter, for its time limit, and in that of its session, to be found.  One
 * whose time is over stays until its late answer has come.  smtp process.
 */
#include <stdio.h>
#include <stdlib.h>

#include "smtpd/log.h"
#include "smtpd/loop.h"
#include "smtpd/smtp.h"
#include "smtpd/smtp_filter.h"

/* One to one (splitmix64), from a random beginning: random to look at, never twice, never 0. */
static uint64_t
new_token(void)
{
	static uint64_t	 counter;
	uint64_t	 x;

	if (counter == 0)
		arc4random_buf(&counter, sizeof(counter));
	do {
		x = counter += 0x9e3779b97f4a7c15;
		x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
		x = (x ^ x >> 27) * 0x94d049bb133111eb;
		x ^= x >> 31;
	} while (x == 0);
	return x;
}

struct question *
question_new(struct filter_proc *proc, struct session *s,
    const struct filter *filter, enum phase phase)
{
	struct question	*q;

	if ((q = calloc(1, sizeof(*q))) == NULL) {
		log_warn("filter %s: question", proc->conf->name);
		return NULL;
	}
	q->proc = proc;
	q->session = s;
	q->filter = filter;
	q->phase = phase;
	q->open = q->untimed = true;
	q->token = new_token();
	TAILQ_INSERT_TAIL(&proc->questions, q, entry);
	TAILQ_INSERT_TAIL(&s->questions, q, session_entry);
	return q;
}

void
question_asked(struct question *q)
{
	q->position = q->proc->pipe.queued;
	q->asked = loop_mono();
	q->started = 0;
	q->untimed = false;
	q->proc->nrequests++;
}

void
question_end(struct question *q)
{
	if (q->proc->talking == q)
		q->proc->talking = NULL;
	if (q->stage != NULL)
		stream_forget(q);
	TAILQ_REMOVE(&q->proc->questions, q, entry);
	TAILQ_REMOVE(&q->session->questions, q, session_entry);
	free(q);
}

void
question_close(struct question *q)
{
	q->open = false;
	if (q->stage != NULL)
		stream_forget(q);
	q->stage = NULL;
}

/*
 * Where there is no token answers come in the order of the questions; but phases may be asked
 * between two chunks of a message, whose data lines are still to come.
 */
struct question *
question_find(struct filter_proc *proc, struct session *s, uint64_t token, bool lines)
{
	bool		 has_token = filter_has_token(proc->conf->dialect);
	struct question	*q, *other = NULL;

	TAILQ_FOREACH(q, &s->questions, session_entry) {
		if (q->proc != proc || (has_token && q->token != token))
			continue;
		if (has_token || (q->phase == PHASE_DATA_LINE) == lines)
			return q;
		if (other == NULL)
			other = q;
	}
	return other;
}

void
questions_end(struct questions *list)
{
	struct question	*q;

	while ((q = TAILQ_FIRST(list)) != NULL)
		question_end(q);
}

void
questions_end_session(struct session *s)
{
	struct question	*q;

	while ((q = TAILQ_FIRST(&s->questions)) != NULL) {
		q->proc->orphans++;
		question_end(q);
	}
}

/* A question's time runs from when it was taken by the pipe; not for ever, whatever it says meanwhile. */
static bool
is_late(struct question *q)
{
	uint64_t	 limit = (uint64_t)q->proc->conf->timeout * SECOND;

	if (!q->open || q->untimed)
		return false;
	if (loop_mono() - q->asked >= FILTER_PATIENCE * limit)
		return true;
	if (q->position > q->proc->pipe.written)
		return false;
	if (q->started == 0)
		q->started = loop_mono();
	return loop_mono() - q->started >= limit;
}

/* What a session makes of it may end other questions, and the filter itself. */
void
questions_check(struct filter_proc *proc)
{
	struct question	*q;
	char		 reason[128];

	while (proc->state == FILTER_UP) {
		TAILQ_FOREACH(q, &proc->questions, entry)
			if (is_late(q))
				break;
		if (q == NULL)
			return;
		proc->ntimeouts++;
		snprintf(reason, sizeof(reason),
		    "no answer within %lld s to %s of session %016llx",
		    (long long)proc->conf->timeout, filter_phases[q->phase].name,
		    (unsigned long long)q->session->source.session);
		phase_late(q);
		filter_strike(proc, SLICE_NONE, reason);
	}
}
