/* SPDX-License-Identifier: ISC */
/*
 * A session that is replayed: from one command to the next.
 */
#include <stdio.h>

#include "lib/outbuf.h"
#include "lib/replay_diff.h"
#include "lib/replay_dialog.h"
#include "lib/replay_text.h"

static const struct replay_step *
step_of(const struct replay_dialog *d)
{
	return &d->s->step[d->step];
}

/* -- differences -- */

/* The command that was sent last, or is next. */
static struct slice
command_of(const struct replay_dialog *d)
{
	switch (d->extra) {
	case EXTRA_DOT:
		return SLICE(".");
	case EXTRA_CANCEL:
		return SLICE("*");
	default:
		return replay_command(d->s, step_of(d));
	}
}

static void
differs(struct replay_dialog *d, const char *status, struct slice expected,
    struct slice got)
{
	d->counts->differences++;
	replay_diff_write(d->out, d->s, step_of(d)->replied, status, command_of(d),
	    expected, got);
}

/* What stands in the tape, if it was answered at all. */
static struct slice
expected_of(const struct replay_dialog *d)
{
	return d->extra == EXTRA_NONE && step_of(d)->whole ?
	    replay_reply(d->s, step_of(d)) : SLICE_NONE;
}

static void
compare_lines(struct replay_dialog *d, struct slice expected, struct slice got)
{
	struct replay_compare	 c;
	struct slice		 reply[2] = { expected, got }, pair[2], own[2];

	own[0] = replay_banner_name(replay_reply(d->s, &d->s->step[0]));
	own[1] = slice_make(d->name, d->name_n);
	replay_compare_init(&c, reply, own);
	while (replay_compare_next(&c, pair))
		differs(d, "differs", pair[0], pair[1]);
}

static void
compare(struct replay_dialog *d, struct slice got)
{
	struct slice	 expected = expected_of(d);

	if (expected.p == NULL && d->extra == EXTRA_NONE)
		return;
	d->counts->replies++;
	if (expected.p == NULL || (!d->options->exact && !replay_alike(expected, got)))
		differs(d, "differs", replay_last(expected), replay_last(got));
	else if (d->options->exact)
		compare_lines(d, expected, got);
}

/* -- from step to step -- */

/* The steps of an AUTH and what it asked for, from the AUTH on. */
static uint32_t
login_steps(const struct replay_session *s, uint32_t step, bool *masked)
{
	uint32_t	 n = 0;

	*masked = false;
	do {
		if (replay_is_masked(replay_command(s, &s->step[step + n])))
			*masked = true;
		n++;
	} while (step + n < s->steps &&
	    replay_code(replay_reply(s, &s->step[step + n - 1])) == 334);
	return n;
}

static void
skip_logins(struct replay_dialog *d)
{
	uint32_t	 n;
	bool		 masked;

	while (d->step < d->s->steps &&
	    replay_is_verb(replay_command(d->s, step_of(d)), "AUTH")) {
		n = login_steps(d->s, d->step, &masked);
		if (!masked)
			return;
		d->step += n;
		d->counts->logins++;
	}
}

/* When what was recorded at that time is to be done. */
static uint64_t
when(const struct replay_dialog *d, uint64_t recorded, uint64_t now)
{
	uint64_t	 since = recorded < d->s->begin ? 0 : recorded - d->s->begin;

	if (d->options->speed == 0)
		return now;
	return d->start + (uint64_t)((double)since / d->options->speed);
}

static void
read_reply(struct replay_dialog *d, uint64_t now)
{
	d->state = REPLAY_READING;
	d->reply_n = 0;
	d->due = now + d->options->patience;
}

/* A name for a message: the session, and which of its commands. */
static struct slice
message_name(const struct replay_dialog *d, char *buf, size_t size)
{
	int	 n = snprintf(buf, size, "%016llx.%u", (unsigned long long)d->s->id,
		    (unsigned)d->step);

	return slice_make(buf, (size_t)n);
}

static void
begin_content(struct replay_dialog *d, uint64_t size, bool made_up)
{
	char	 buf[64];

	d->content = true;
	if (d->options->message != -1 && !made_up)
		replay_body_file(&d->body, d->options->message);
	else
		replay_body_make(&d->body, size != 0 ? size : REPLAY_BODY_LEAST,
		    message_name(d, buf, sizeof(buf)),
		    (int64_t)(step_of(d)->sent / 1000000));
}

static void
begin_chunk(struct replay_dialog *d, uint64_t size)
{
	char	 buf[64];
	bool	 first = d->step == 0 || !replay_is_verb(
		    replay_command(d->s, step_of(d) - 1), "BDAT");

	d->content = true;
	replay_body_chunk(&d->body, size, first, message_name(d, buf, sizeof(buf)),
	    (int64_t)(step_of(d)->sent / 1000000));
}

/*
 * Does the server know BDAT?  Else it takes what follows for commands.  Where it
 * was not asked with EHLO, it is believed to be like the recorded one.
 */
static bool
knows_chunks(const struct replay_dialog *d)
{
	unsigned	 code = replay_code(replay_reply(d->s, step_of(d)));

	return d->chunking == CHUNKING_YES || (d->chunking == CHUNKING_MAYBE &&
	    code != 500 && code != 502);
}

static void
begin_sending(struct replay_dialog *d, uint64_t now)
{
	const struct replay_step	*step = step_of(d);
	uint64_t			 size;

	d->state = REPLAY_SENDING;
	d->due = now + d->options->patience;
	if (step->kind == REPLAY_DOT) {
		begin_content(d, step->size, false);
		return;
	}
	d->command = replay_command(d->s, step);
	d->crlf = true;
	if (knows_chunks(d) && replay_chunk(d->command, &size))
		begin_chunk(d, size);
}

/* What the recorded client did not send, but would have. */
static void
begin_extra(struct replay_dialog *d, int extra, uint64_t now)
{
	d->state = REPLAY_SENDING;
	d->due = now + d->options->patience;
	d->extra = extra;
	if (extra == EXTRA_DOT)
		begin_content(d, 0, false);
	else {
		d->command = SLICE("*");
		d->crlf = true;
	}
}

/* The step that stands there is next, if there is one. */
static void
go_on(struct replay_dialog *d, uint64_t now)
{
	bool	 last;

	d->extra = EXTRA_NONE;
	skip_logins(d);
	last = d->step == d->s->steps;
	/* The timeout of the server is not waited for. */
	d->due = !last ? when(d, step_of(d)->sent, now) :
	    d->s->over ? now : when(d, d->s->end, now);
	if (d->due > now)
		d->state = REPLAY_WAITING;
	else if (last)
		d->state = REPLAY_OVER;
	else
		begin_sending(d, now);
}

/* The steps behind this one that only make sense if the reply had been code. */
static void
skip_behind(struct replay_dialog *d, unsigned code)
{
	const struct replay_session	*s = d->s;

	while (d->step < s->steps && (code == 354 ?
	    s->step[d->step].kind == REPLAY_DOT :
	    replay_code(replay_reply(s, &s->step[d->step - 1])) == code)) {
		d->step++;
		if (code == 354)
			break;
	}
}

static void
after_command(struct replay_dialog *d, unsigned got, uint64_t now)
{
	const struct replay_step	*step = step_of(d);
	unsigned			 recorded = replay_code(replay_reply(d->s, step));
	struct slice			 command = replay_command(d->s, step);
	bool				 last = d->step + 1 == d->s->steps;

	if (replay_is_verb(command, "STARTTLS") && got == 220) {
		d->due = now + d->options->patience;
		d->state = last && !step->tls && recorded == 220 ? REPLAY_OVER :
		    REPLAY_SECURING;
		return;
	}
	/* If the recorded client was gone then, so are we. */
	if (got == 354 && (last ? recorded != 354 : step[1].kind != REPLAY_DOT)) {
		begin_extra(d, EXTRA_DOT, now);
		return;
	}
	if (got == 334 && recorded != 334 && step->whole) {
		begin_extra(d, EXTRA_CANCEL, now);
		return;
	}
	d->step++;
	if ((recorded == 354 && got != 354) || (recorded == 334 && got != 334))
		skip_behind(d, recorded);
	go_on(d, now);
}

/* A reply is there. */
static void
replied(struct replay_dialog *d, uint64_t now)
{
	struct slice	 reply = slice_make(d->reply, d->reply_n), name;
	unsigned	 code = replay_code(reply);
	bool		 last;

	if (step_of(d)->kind == REPLAY_BANNER) {
		name = replay_banner_name(reply);
		d->name_n = name.n < sizeof(d->name) ? name.n : sizeof(d->name);
		if (d->name_n > 0)
			memcpy(d->name, name.p, d->name_n);
	}
	else if (replay_is_verb(command_of(d), "EHLO") && code == 250)
		d->chunking = replay_has_line(reply, "CHUNKING") ? CHUNKING_YES :
		    CHUNKING_NO;
	compare(d, reply);
	last = d->step + 1 == d->s->steps;
	if (code == 421 && !last && replay_code(expected_of(d)) != 421)
		/* Nothing more will be answered. */
		d->state = REPLAY_OVER;
	else if (d->extra == EXTRA_NONE && step_of(d)->kind == REPLAY_COMMAND)
		after_command(d, code, now);
	else {
		d->step++;
		go_on(d, now);
	}
}

/* -- what the connection tells -- */

void
replay_dialog_init(struct replay_dialog *d, const struct replay_options *o,
    struct replay_counts *counts, struct outbuf *out, const struct replay_session *s,
    uint64_t now)
{
	d->options = o;
	d->counts = counts;
	d->out = out;
	d->s = s;
	d->start = now;
	d->step = 0;
	d->extra = EXTRA_NONE;
	d->chunking = CHUNKING_MAYBE;
	d->crlf = d->content = false;
	d->command = SLICE("");
	d->line_n = d->reply_n = d->name_n = 0;
	counts->sessions++;
	if (s->tls && !o->tls)
		counts->plain++;
	read_reply(d, now);
}

static void
add_line(struct replay_dialog *d, uint64_t now)
{
	char		 safe[REPLAY_LINE_MAX];
	struct slice	 line, s;
	size_t		 room = sizeof(d->reply) - d->reply_n;

	if (d->line_n > 0 && d->line[d->line_n - 1] == '\r')
		d->line_n--;
	line = slice_make(d->line, d->line_n);
	d->line_n = 0;
	s = report_safe(safe, sizeof(safe), line, true);
	if (s.n + 1 <= room) {
		memcpy(d->reply + d->reply_n, s.p, s.n);
		d->reply[d->reply_n + s.n] = '\n';
		d->reply_n += s.n + 1;
	}
	if (replay_is_last(line))
		replied(d, now);
}

size_t
replay_dialog_input(struct replay_dialog *d, const char *p, size_t n, uint64_t now)
{
	size_t	 i;

	for (i = 0; i < n && d->state == REPLAY_READING; i++)
		if (p[i] == '\n')
			add_line(d, now);
		else if (d->line_n < sizeof(d->line))
			d->line[d->line_n++] = p[i];
	return i;
}

static void
put(char *buf, size_t size, size_t *n, const char *p, size_t length)
{
	if (length > size - *n)
		length = size - *n;
	memcpy(buf + *n, p, length);
	*n += length;
}

size_t
replay_dialog_output(struct replay_dialog *d, char *buf, size_t size, uint64_t now)
{
	size_t	 n = 0;

	if (d->state != REPLAY_SENDING || size < 2)
		return 0;
	d->due = now + d->options->patience;
	put(buf, size, &n, d->command.p, d->command.n);
	d->command = slice_make(d->command.p + n, d->command.n - n);
	if (d->command.n > 0 || (d->crlf && size - n < 2))
		return n;
	if (d->crlf)
		put(buf, size, &n, "\r\n", 2);
	d->crlf = false;
	if (d->content) {
		n += replay_body_read(&d->body, buf + n, size - n);
		if (n == size)
			return n;
	}
	d->content = false;
	/* The recorded client was gone before it was answered. */
	if (d->step + 1 == d->s->steps && !step_of(d)->whole && d->extra == EXTRA_NONE)
		d->state = REPLAY_OVER;
	else
		read_reply(d, now);
	return n;
}

void
replay_dialog_time(struct replay_dialog *d, uint64_t now)
{
	if (now < d->due || d->state == REPLAY_OVER)
		return;
	if (d->state != REPLAY_WAITING) {
		differs(d, "timeout", replay_last(expected_of(d)), SLICE_NONE);
		d->state = REPLAY_OVER;
	} else if (d->step == d->s->steps)
		d->state = REPLAY_OVER;
	else
		begin_sending(d, now);
}

void
replay_dialog_secured(struct replay_dialog *d, uint64_t now)
{
	d->line_n = 0;
	d->chunking = CHUNKING_MAYBE;
	d->step++;
	go_on(d, now);
}

void
replay_dialog_deaf(struct replay_dialog *d, uint64_t now)
{
	d->command = SLICE("");
	d->crlf = d->content = false;
	if (d->state == REPLAY_SENDING)
		read_reply(d, now);
}

/* What it has said of a reply is part of what was got. */
void
replay_dialog_closed(struct replay_dialog *d, const char *status)
{
	struct slice	 got = d->state == REPLAY_READING ?
				    slice_make(d->reply, d->reply_n) : SLICE_NONE;

	if (d->state != REPLAY_OVER && d->step < d->s->steps &&
	    (expected_of(d).p != NULL || d->step + 1 < d->s->steps))
		differs(d, status, replay_last(expected_of(d)), replay_last(got));
	d->state = REPLAY_OVER;
}
