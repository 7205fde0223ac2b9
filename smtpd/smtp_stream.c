/* SPDX-License-Identifier: ISC */
/*
 * The lines of a message on their way through the filters that registered
 * data-line: dots stuffed, a line at a time, from one to the next, whoever is
 * last to the content.  None of it is held but a line that is not all there.
 * smtp process.
 */
#include <stdlib.h>
#include <string.h>

#include "smtpd/log.h"
#include "smtpd/loop.h"
#include "smtpd/proc.h"
#include "smtpd/smtp.h"
#include "smtpd/smtp_chain.h"
#include "smtpd/smtp_filter.h"

struct stage {
	struct stream	*stream;
	struct question	*question;	/* NULL: it has ended, or is of no interest any more */
	const struct filter *filter;
	bool		 told;		/* the last line was sent to it */
	uint64_t	 head_time;	/* of head: the beginning of a request */
	size_t		 head_len;
	char		 head[FILTER_HEAD_MAX + 1];
};

struct stream {
	struct tx	*tx;
	char		*first;		/* what we add on top, until there is more; NULL */
	char		*part;		/* the beginning of a line */
	size_t		 part_len, part_size;
	bool		 fed;		/* all of it */
	bool		 ended;		/* and all came out */
	size_t		 nstages;
	struct stage	 stage[];
};

static void	send_line(struct stream *, size_t, struct slice);
static void	send_end(struct stream *, size_t);

/* -- stages -- */

static bool
is_stage(const struct session *s, const struct filter *f)
{
	return f->kind == FILTER_PROC && phase_watched(s, f) &&
	    phase_asks(f, PHASE_DATA_LINE);
}

/* One that the session needs and did not meet; or one without tokens that has not done with the last message. */
static bool
is_missing(struct session *s, const struct filter *f)
{
	const struct question	*q;

	if (f->kind != FILTER_PROC || f->shadow)
		return false;
	if (!phase_watched(s, f))
		return !f->proc->bypass;
	if (filter_has_token(f->proc->dialect))
		return false;
	q = question_find(filter_of(f->proc), s, 0, true);
	return q != NULL && q->phase == PHASE_DATA_LINE;
}

static size_t
count_stages(struct session *s)
{
	const struct filter	*f;
	size_t			 i, n = 0;

	for (i = 0; (f = chain_filter(s, PHASE_DATA_LINE, i)) != NULL; i++)
		n += is_stage(s, f);
	return n;
}

static bool
any_missing(struct session *s)
{
	const struct filter	*f;
	size_t			 i;

	for (i = 0; (f = chain_filter(s, PHASE_DATA_LINE, i)) != NULL; i++)
		if (is_missing(s, f))
			return true;
	return false;
}

int
stream_begin(struct stream *st, const char *text)
{
	return (st->first = strdup(text)) == NULL ? -1 : 0;
}

static int
add_stage(struct stream *st, struct session *s, const struct filter *f)
{
	struct stage	*stage = &st->stage[st->nstages];

	stage->question = question_new(filter_of(f->proc), s, f, PHASE_DATA_LINE);
	if (stage->question == NULL)
		return -1;
	stage->question->stage = stage;
	stage->stream = st;
	stage->filter = f;
	st->nstages++;
	return 0;
}

int
stream_open(struct tx *tx)
{
	struct session		*s = tx->session;
	const struct filter	*f;
	struct stream		*st;
	size_t			 i, n;

	if (!phase_filtered(s))
		return 0;
	if (any_missing(s))
		return -1;
	if ((n = count_stages(s)) == 0)
		return 0;
	if ((st = calloc(1, sizeof(*st) + n * sizeof(st->stage[0]))) == NULL) {
		log_warn("message %08x: stream of %zu filters", tx->msgid, n);
		return -1;
	}
	st->tx = tx;
	for (i = 0; (f = chain_filter(s, PHASE_DATA_LINE, i)) != NULL; i++)
		if (is_stage(s, f) && add_stage(st, s, f) == -1) {
			stream_free(st);
			return -1;
		}
	tx->stream = st;
	return 0;
}

/* -- lines to the filters -- */

/* The same for all lines of a turn. */
static void
make_head(struct stage *stage)
{
	const struct question	*q = stage->question;
	const struct filter_request r = {
		.dialect = stage->filter->proc->dialect,
		.time = loop_wall(),
		.phase = PHASE_DATA_LINE,
		.session = q->session->source.session,
		.token = q->token,
		.param = SLICE(""),
	};

	/* Without its LF. */
	stage->head_len = filter_request_write(stage->head, sizeof(stage->head), &r) - 1;
	stage->head_time = r.time;
}

static int
put_line(struct stage *stage, struct slice line, bool stuff)
{
	struct filter_pipe	*pipe = &stage->question->proc->pipe;
	char			*p, *room;

	if (stage->head_time != loop_wall())
		make_head(stage);
	if ((room = pipe_room(pipe, stage->head_len + line.n + 2)) == NULL)
		return -1;
	memcpy(room, stage->head, stage->head_len);
	p = room + stage->head_len;
	if (stuff)
		*p++ = '.';
	if (line.n > 0)
		memcpy(p, line.p, line.n);
	p += line.n;
	*p++ = '\n';
	pipe_used(pipe, (size_t)(p - room));
	return 0;
}

/* The filter would not see all of it. */
static void
cut(struct stage *stage)
{
	log_warn("filter %s: a line of message %08x", stage->filter->proc->name,
	    stage->stream->tx->msgid);
	if (!stage->filter->shadow)
		stage->stream->tx->refusal = REFUSED_TEMP;
}

/* As content is stored: a dot at its beginning is not stuffed. */
static void
first_line(struct stream *st, struct slice line)
{
	struct stage	*stage;
	bool		 stuff = line.n > 0 && line.p[0] == '.';
	size_t		 i;

	for (i = 0; i < st->nstages; i++) {
		stage = &st->stage[i];
		if (stage->question != NULL && put_line(stage, line, stuff) == -1)
			cut(stage);
		if (!stage->filter->shadow)
			return;
	}
	content_line(st->tx, line);
}

/* As filters write it: stuffed. */
static void
send_line(struct stream *st, size_t i, struct slice line)
{
	struct stage	*stage;

	for (; i < st->nstages; i++) {
		stage = &st->stage[i];
		if (stage->question != NULL && put_line(stage, line, false) == -1)
			cut(stage);
		if (!stage->filter->shadow)
			return;
	}
	if (line.n > 0 && line.p[0] == '.')
		line = slice_make(line.p + 1, line.n - 1);
	content_line(st->tx, line);
}

static void
tell_end(struct stage *stage)
{
	if (stage->told || stage->question == NULL)
		return;
	stage->told = true;
	if (put_line(stage, SLICE("."), false) == -1)
		cut(stage);
	question_asked(stage->question);
}

/* Where no token tells messages apart, the next is not begun before this one has its end. */
static void
forsake(struct stage *stage)
{
	if (stage->question != NULL && !filter_has_token(stage->filter->proc->dialect))
		tell_end(stage);
	if (stage->question != NULL)
		question_close(stage->question);
}

void
stream_free(struct stream *st)
{
	size_t	 i;

	if (st == NULL)
		return;
	for (i = 0; i < st->nstages; i++)
		forsake(&st->stage[i]);
	free(st->first);
	free(st->part);
	free(st);
}

/* The end of all lines; behind the last filter the message is there. */
static void
send_end(struct stream *st, size_t i)
{
	struct session	*s = st->tx->session;

	for (; i < st->nstages; i++) {
		tell_end(&st->stage[i]);
		if (!st->stage[i].filter->shadow)
			return;
	}
	st->ended = true;
	if (s->waiting != WAITING_FILTER)
		return;
	wait_end(s);
	session_answered(s);
}

/* -- in -- */

static void
keep_part(struct stream *st, const char *p, size_t n)
{
	size_t	 size = st->part_size == 0 ? 256 : st->part_size;
	char	*part;

	while (size < st->part_len + n)
		size *= 2;
	if (size > st->part_size) {
		if ((part = realloc(st->part, size)) == NULL) {
			log_warn("message %08x: line", st->tx->msgid);
			st->tx->refusal = REFUSED_TEMP;
			return;
		}
		st->part = part;
		st->part_size = size;
	}
	memcpy(st->part + st->part_len, p, n);
	st->part_len += n;
}

static void
feed(struct stream *st, const char *p, size_t n)
{
	const char	*end = p + n, *nl;

	for (; p < end && st->tx->refusal == REFUSED_NOT; p = nl + 1) {
		if ((nl = memchr(p, '\n', (size_t)(end - p))) == NULL) {
			keep_part(st, p, (size_t)(end - p));
			return;
		}
		if (st->part_len == 0) {
			first_line(st, slice_make(p, (size_t)(nl - p)));
			continue;
		}
		keep_part(st, p, (size_t)(nl - p));
		if (st->tx->refusal == REFUSED_NOT)
			first_line(st, slice_make(st->part, st->part_len));
		st->part_len = 0;
	}
}

static void
feed_first(struct stream *st)
{
	char	*text = st->first;

	if (text == NULL)
		return;
	st->first = NULL;
	feed(st, text, strlen(text));
	free(text);
}

void
stream_feed(struct stream *st, const char *p, size_t n)
{
	feed_first(st);
	feed(st, p, n);
}

bool
stream_finish(struct stream *st)
{
	feed_first(st);
	if (!st->fed) {
		st->fed = true;
		send_end(st, 0);
	}
	return st->ended;
}

void
stream_abandon(struct stream *st)
{
	size_t	 i;

	st->fed = st->ended = true;
	for (i = 0; i < st->nstages; i++) {
		tell_end(&st->stage[i]);
		if (st->stage[i].question != NULL)
			question_close(st->stage[i].question);
	}
}

void
stream_forget(struct question *q)
{
	q->stage->question = NULL;
}

/* -- out -- */

/* The message is refused; the session hears it when it has said all. */
static void
give_up(struct stream *st)
{
	struct session	*s = st->tx->session;

	stream_abandon(st);
	/* Between two chunks it may be a phase that is waited for. */
	if (s->waiting != WAITING_FILTER || s->asking != NULL)
		return;
	wait_end(s);
	session_answered(s);
}

void
stream_late(struct question *q)
{
	struct stage	*stage = q->stage;

	if (stage->filter->shadow)
		question_close(q);
	else {
		stage->stream->tx->refusal = REFUSED_TEMP;
		give_up(stage->stream);
	}
}

static void
ended(struct stage *stage, struct slice whole)
{
	struct filter_proc	*proc = stage->question->proc;
	struct stream		*st = stage->stream;
	struct question		*q = stage->question;

	if (!stage->told) {
		stream_late(q);
		question_end(q);
		filter_strike(proc, whole, "it ended a message of which it has not seen the end");
		return;
	}
	filter_answered(proc, q);
	question_end(q);
	if (!stage->filter->shadow)
		send_end(st, (size_t)(stage - st->stage) + 1);
}

/* Of a message that is of no interest: its end is awaited all the same, but not for ever. */
static void
unheard(struct question *q, bool last)
{
	struct filter_proc	*proc = q->proc;

	if (last)
		question_end(q);
	else if (q->said > FILTER_SURPLUS * (uint64_t)proc_conf->max_message_size)
		filter_fail(proc, "it does not end a message");
}

static void
heard(struct stage *stage, struct slice line)
{
	struct stream	*st = stage->stream;
	struct question	*q = stage->question;
	bool		 much = q->said > st->tx->trace + st->tx->received +
			    proc_conf->max_message_size;

	/* It is at work: its time begins anew. */
	q->started = loop_mono();
	if (stage->filter->shadow) {
		if (much)
			question_close(q);
		return;
	}
	/* What filters add has a bound, before others get it too. */
	if (much && st->tx->refusal == REFUSED_NOT)
		st->tx->refusal = REFUSED_FULL;
	if (st->tx->refusal != REFUSED_NOT)
		give_up(st);
	else
		send_line(st, (size_t)(stage - st->stage) + 1, line);
}

void
stream_line(struct question *q, struct slice line, struct slice whole)
{
	struct stage	*stage = q->stage;
	bool		 last = line.n == 1 && line.p[0] == '.';

	q->said += line.n + 1;
	if (stage == NULL)
		unheard(q, last);
	else if (last)
		ended(stage, whole);
	else
		heard(stage, line);
}
