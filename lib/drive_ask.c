/* SPDX-License-Identifier: ISC */
/*
 * Questions to the filter, its answers, and what it does wrong.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "lib/drive_int.h"

#define TEMPFAIL	"451 4.3.0 Temporary failure, try again later"
#define TEMPFAIL_CLOSE	"421 4.3.0 Temporary failure, closing connection"
#define READS_A_TURN	16

static void
wrong(struct drive *d, const char *why, struct slice what)
{
	d->o->wrong(d->o->arg, why, what);
}

/* -- asking -- */

static struct filter_request
request(const struct drive *d, const struct drive_session *s)
{
	return (struct filter_request){ .dialect = d->o->dialect, .time = s->time,
	    .phase = s->phase, .session = s->id, .token = s->token,
	    .rdns = s->rdns == NULL ? SLICE("<unknown>") : slice_str(s->rdns),
	    .param = s->question == NULL ? SLICE("") : slice_str(s->question) };
}

static void
limit_begin(struct drive *d, struct drive_session *s)
{
	s->deadline = drive_now() + d->o->timeout * 1000ULL;
	TAILQ_INSERT_TAIL(&d->by_limit, s, wait);
}

void
drive_ask_begin(struct drive *d, struct drive_session *s, enum phase phase, uint64_t token)
{
	s->phase = phase;
	s->token = token;
	s->waits = true;
	d->waiting++;
	limit_begin(d, s);
}

void
drive_ask_again(struct drive *d, struct drive_session *s)
{
	TAILQ_REMOVE(&d->by_limit, s, wait);
	limit_begin(d, s);
}

void
drive_ask_end(struct drive *d, struct drive_session *s)
{
	if (!s->waits)
		return;
	s->waits = s->streams = false;
	d->waiting--;
	TAILQ_REMOVE(&d->by_limit, s, wait);
}

bool
drive_ask(struct drive *d, struct drive_session *s, enum phase phase, struct slice argument)
{
	struct filter_request	 r;
	size_t			 size;
	char			*p;

	if (d->down || (d->asks >> phase & 1) == 0)
		return false;
	drive_session_set(d, &s->question, argument);
	drive_ask_begin(d, s, phase, ++d->last_token);
	r = request(d, s);
	size = FILTER_HEAD_MAX + r.rdns.n + r.param.n + 1;
	if ((p = drive_filter_room(&d->filter, size)) == NULL) {
		d->error = ENOMEM;
		return true;
	}
	drive_filter_used(&d->filter, filter_request_write(p, size, &r));
	return true;
}

/* -- decisions -- */

/* As it stands in the stream of a server that has this filter. */
static void
respond(struct drive *d, struct drive_session *s, enum phase phase,
    enum decision decision, struct slice param)
{
	const struct report_value	 v[] = {
		{ RF_PHASE,	.token = filter_phases[phase].reported },
		{ RF_DECISION,	.token = decision_names[decision] },
		{ RF_PARAM,	.text = param },
	};
	size_t				 n = param.p == NULL ? 2 : 3;

	drive_report_make(d, s, EV_FILTER_RESPONSE, v, n);
	drive_report_say(d, s, EV_FILTER_RESPONSE, v, n);
}

static void
rewrite(struct drive *d, struct drive_session *s, enum phase phase, struct slice argument)
{
	struct slice	 value;
	const char	*refusal = drive_rewrite_refused(phase, argument, &value);

	if (refusal != NULL)
		drive_refuse(d, s, phase, slice_str(refusal), false);
	else
		drive_session_set(d, &s->rewritten, value);
}

static bool
is_421(struct slice reply)
{
	return reply.n > 3 && memcmp(reply.p, "421", 3) == 0;
}

static void
decided(struct drive *d, struct drive_session *s, enum decision decision,
    struct slice param)
{
	enum phase	 phase = s->phase;

	drive_ask_end(d, s);
	s->answered = s->token;
	respond(d, s, phase, decision, param);
	if (decision == DECISION_REPORT)
		respond(d, s, phase, DECISION_PROCEED, SLICE_NONE);
	else if (decision == DECISION_REWRITE)
		rewrite(d, s, phase, param);
	else if (decision == DECISION_REJECT || decision == DECISION_DISCONNECT)
		drive_refuse(d, s, phase, param,
		    decision == DECISION_DISCONNECT || is_421(param));
	drive_session_go_on(d, s);
}

void
drive_ask_answered(struct drive *d, struct drive_session *s)
{
	drive_ask_end(d, s);
	drive_content_end(s);
	drive_session_go_on(d, s);
}

void
drive_ask_failed(struct drive *d, struct drive_session *s)
{
	s->late = s->token;
	switch (s->phase) {
	case PHASE_RSET:
	case PHASE_QUIT:
	case PHASE_NOOP:
	case PHASE_HELP:
		decided(d, s, DECISION_PROCEED, SLICE_NONE);
		break;
	case PHASE_CONNECT:
		decided(d, s, DECISION_DISCONNECT, SLICE(TEMPFAIL_CLOSE));
		break;
	case PHASE_DATA_LINE:
		s->spoiled = true;
		drive_ask_answered(d, s);
		break;
	default:
		decided(d, s, DECISION_REJECT, SLICE(TEMPFAIL));
	}
}

/* -- answers -- */

static bool
is_gone(const struct drive *d, uint64_t id)
{
	size_t	 i;

	for (i = 0; i < DRIVE_GONE; i++)
		if (d->gone[i] == id && id != 0)
			return true;
	return false;
}

/* Does that answer the question of this session?  Says what is wrong if not. */
static bool
is_asked(struct drive *d, const struct drive_session *s, const struct filter_answer *a,
    struct slice line)
{
	bool	 token = filter_has_token(d->o->dialect);

	if (s == NULL) {
		if (!is_gone(d, a->session))
			wrong(d, "no such session", line);
		return false;
	}
	if (s->late != 0 && token && a->token == s->late)
		return false;
	if (s->waits && (!token || a->token == s->token))
		return true;
	wrong(d, s->answered != 0 && (!token || a->token == s->answered) ?
	    "a second answer to a question" : s->waits ?
	    "not the token of the question" : "an answer to no question", line);
	return false;
}

static void
take_decision(struct drive *d, const struct filter_answer *a, struct slice line)
{
	struct drive_session	*s = drive_session(d, a->session, false);

	if (!is_asked(d, s, a, line))
		return;
	if (s->phase == PHASE_DATA_LINE)
		wrong(d, "a decision in the midst of a message", line);
	else if (a->decision == DECISION_JUNK && s->phase == PHASE_COMMIT) {
		wrong(d, "junk at commit", line);
		drive_ask_failed(d, s);
	} else if ((a->decision == DECISION_REJECT ||
	    a->decision == DECISION_DISCONNECT) && !filter_refusal_valid(a->param)) {
		wrong(d, "not a reply that refuses: 4yz or 5yz and a text", line);
		drive_ask_failed(d, s);
	} else
		decided(d, s, a->decision, a->param);
}

static void
take_data_line(struct drive *d, const struct filter_answer *a, struct slice line)
{
	struct drive_session	*s = drive_session(d, a->session, false);
	bool			 token = filter_has_token(d->o->dialect);

	if (s != NULL && s->content != NULL &&
	    (!token || a->token == s->content->token))
		drive_content_line(d, s, a->param);
	else if (s == NULL && is_gone(d, a->session))
		;
	else if (s != NULL && s->late != 0 && (!token || a->token == s->late))
		;
	else
		wrong(d, s == NULL ? "no such session" :
		    "a line of a message that has ended, or never began", line);
}

static void
take_registration(struct drive *d, const struct filter_answer *a)
{
	enum event_id	 e;

	if (a->phase != PHASE_MAX) {
		d->asks |= 1u << a->phase & d->o->phases;
		return;
	}
	for (e = 0; e < EV_MAX; e++)
		if (a->event == EV_MAX ? !report_events[e].derived : a->event == e)
			d->hears[a->subsystem] |= 1ULL << e;
	/* A filter is never sent one. */
	d->hears[a->subsystem] &= ~(1ULL << EV_REPORT_GAP);
}

/* Perhaps of a session that is over by now. */
static void
take_report(struct drive *d, const struct filter_answer *a)
{
	struct drive_session		 over = { .id = a->session, .time = d->time };
	struct drive_session		*s = drive_session(d, a->session, false);
	const struct report_value	 v[] = {
		{ RF_KIND,	.token = "proc" },
		{ RF_FILTER,	.text = slice_str(d->o->name) },
		{ RF_MESSAGE,	.text = a->param },
	};

	if (s == NULL)
		s = &over;
	drive_report_make(d, s, EV_FILTER_REPORT, v, 3);
	drive_report_say(d, s, EV_FILTER_REPORT, v, 3);
}

/* An answer to the question that is open, but none that can be understood. */
static void
take_malformed(struct drive *d, const struct filter_answer *a, struct slice line)
{
	struct drive_session	*s = drive_session(d, a->session, false);
	char			 why[256];

	if (a->culprit.p == NULL || slice_eq(a->culprit, line))
		snprintf(why, sizeof(why), "%s", a->error);
	else
		snprintf(why, sizeof(why), "%s: %.*s", a->error,
		    (int)(a->culprit.n < 80 ? a->culprit.n : 80), a->culprit.p);
	wrong(d, why, line);
	if (s != NULL && s->waits && a->token == s->token &&
	    filter_has_token(d->o->dialect))
		drive_ask_failed(d, s);
}

static void
answer(struct drive *d, struct slice line)
{
	struct filter_answer	 a = { .session = 0 };
	enum filter_line	 kind = filter_answer_parse(&a, d->o->dialect, line);

	if (!d->ready && kind != FILTER_REGISTERS && kind != FILTER_READY) {
		wrong(d, kind == FILTER_MALFORMED ? a.error :
		    "said before register|ready", line);
		return;
	}
	switch (kind) {
	case FILTER_DECIDES:
		take_decision(d, &a, line);
		break;
	case FILTER_DATA_LINE:
		take_data_line(d, &a, line);
		break;
	case FILTER_REGISTERS:
		/* What it registers later is heard, but not asked about. */
		if (filter_has_handshake(d->o->dialect) &&
		    (!d->ready || a.phase == PHASE_MAX))
			take_registration(d, &a);
		break;
	case FILTER_READY:
		d->ready = true;
		break;
	case FILTER_REPORTS:
		take_report(d, &a);
		break;
	case FILTER_MALFORMED:
		take_malformed(d, &a, line);
		break;
	}
}

/* -- its end, and its silence -- */

/* The question as it was written. */
static void
wrong_question(struct drive *d, const struct drive_session *s, const char *why)
{
	struct filter_request	 r = request(d, s);
	size_t			 size = FILTER_HEAD_MAX + r.rdns.n + r.param.n + 1;
	char			*p;

	if (s->phase == PHASE_DATA_LINE)
		r.param = s->streams ? SLICE("...") : SLICE(".");
	size += 3;
	if ((p = malloc(size)) == NULL) {
		d->error = ENOMEM;
		return;
	}
	wrong(d, why, slice_make(p, filter_request_write(p, size, &r) - 1));
	free(p);
}

static void
fallen(struct drive *d)
{
	struct drive_session	*s;
	char			 why[64];
	bool			 expected = d->finished && d->filter.to == -1;

	drive_filter_fate(&d->filter, why, sizeof(why));
	d->down = true;
	if (d->filter.in.end > d->filter.in.start)
		wrong(d, "a line without its end", slice_make(d->filter.in.buf +
		    d->filter.in.start, d->filter.in.end - d->filter.in.start));
	if (!expected && TAILQ_EMPTY(&d->by_limit))
		wrong(d, why, SLICE_NONE);
	else if (expected && d->filter.pid == 0 && WIFSIGNALED(d->filter.status))
		wrong(d, why, SLICE_NONE);
	TAILQ_FOREACH(s, &d->by_limit, wait)
		wrong_question(d, s, why);
}

void
drive_answers_read(struct drive *d)
{
	struct slice	 line;
	int		 i, n;

	for (i = 0; i < READS_A_TURN; i++) {
		if ((n = linebuf_read(&d->filter.in)) == -1) {
			if (errno == EINTR)
				continue;
			if (errno == EAGAIN)
				return;
			d->error = errno;
			return;
		}
		if (n == 0) {
			fallen(d);
			return;
		}
		while (linebuf_take(&d->filter.in, &line) == 1) {
			if (d->filter.in.cut)
				wrong(d, "a line that is too long", line);
			else
				answer(d, line);
		}
	}
}

static void
too_late(struct drive *d, const char *what)
{
	char	 why[128];

	snprintf(why, sizeof(why), what, d->o->timeout);
	wrong(d, why, SLICE_NONE);
	d->down = true;
}

void
drive_answers_late(struct drive *d)
{
	struct drive_session	*s;
	uint64_t		 now = drive_now();
	char			 why[64];

	if (d->down)
		return;
	if (!d->ready && now >= d->deadline)
		too_late(d, "no register|ready in %u s");
	else if (d->finished && d->filter.to == -1 && now >= d->deadline)
		too_late(d, "still runs %u s after the end of its input");
	else if (drive_filter_unread(&d->filter) > 0 && now >= d->deadline)
		too_late(d, "has not read its input for %u s");
	snprintf(why, sizeof(why), "no answer in %u s", d->o->timeout);
	while (!d->down && (s = TAILQ_FIRST(&d->by_limit)) != NULL &&
	    s->deadline <= now) {
		wrong_question(d, s, why);
		drive_ask_failed(d, s);
	}
}
