/* SPDX-License-Identifier: ISC */
/*
 * Recorded sessions out of a stream.
 */
#include <errno.h>
#include <stdlib.h>

#include "lib/join_number.h"
#include "lib/replay_text.h"
#include "lib/replay_tape.h"

static int	ready_cmp(const struct replay_session *, const struct replay_session *);
RB_PROTOTYPE(replay_ready, replay_session, ready, ready_cmp)

static int
ready_cmp(const struct replay_session *a, const struct replay_session *b)
{
	if (a->begin != b->begin)
		return a->begin < b->begin ? -1 : 1;
	return a->number < b->number ? -1 : a->number > b->number;
}

RB_GENERATE(replay_ready, replay_session, ready, ready_cmp)

void
replay_tape_init(struct replay_tape *t)
{
	*t = (struct replay_tape){ .bytes = 0 };
	TAILQ_INIT(&t->open);
	RB_INIT(&t->ready);
}

void
replay_tape_free(struct replay_tape *t)
{
	struct replay_session	*s;

	replay_tape_end(t);
	while ((s = replay_tape_take(t)) != NULL)
		replay_tape_give(t, s);
	u64map_free(&t->map);
}

/* -- one session -- */

static struct replay_session *
session_new(struct replay_tape *t, uint64_t id)
{
	struct replay_session	*s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->id = id;
	s->number = t->sessions++;
	if (u64map_put(&t->map, id, s) == -1) {
		free(s);
		return NULL;
	}
	TAILQ_INSERT_TAIL(&t->open, s, open);
	t->bytes += sizeof(*s);
	return s;
}

/* It is over, or as much of it as will ever be known. */
static void
session_end(struct replay_tape *t, struct replay_session *s)
{
	u64map_del(&t->map, s->id);
	TAILQ_REMOVE(&t->open, s, open);
	if (s->stub)
		replay_tape_give(t, s);
	else
		RB_INSERT(replay_ready, &t->ready, s);
}

/* What follows is not told apart from what is missing in between. */
static int
session_cut(struct replay_tape *t, struct replay_session *s)
{
	uint64_t	 id = s->id;

	t->cut++;
	session_end(t, s);
	if ((s = session_new(t, id)) == NULL)
		return -1;
	s->stub = true;
	return 0;
}

static int
add_text(struct replay_tape *t, struct replay_session *s, struct slice text)
{
	size_t	 room = s->text_room == 0 ? 1024 : s->text_room;
	char	*p;

	while (room - s->text_n < text.n + 1)
		room *= 2;
	if (room > UINT32_MAX) {
		errno = ENOMEM;
		return -1;
	}
	if (room != s->text_room) {
		if ((p = realloc(s->text, room)) == NULL)
			return -1;
		t->bytes += room - s->text_room;
		s->text = p;
		s->text_room = (uint32_t)room;
	}
	if (text.n > 0)
		memcpy(s->text + s->text_n, text.p, text.n);
	s->text_n += (uint32_t)text.n;
	return 0;
}

static struct replay_step *
add_step(struct replay_tape *t, struct replay_session *s, enum replay_kind kind,
    uint64_t time)
{
	size_t			 room = s->steps_room == 0 ? 8 : s->steps_room * 2;
	struct replay_step	*step;

	if (s->steps == s->steps_room) {
		if ((step = reallocarray(s->step, room, sizeof(*step))) == NULL)
			return NULL;
		t->bytes += (room - s->steps_room) * sizeof(*step);
		s->step = step;
		s->steps_room = (uint32_t)room;
	}
	step = &s->step[s->steps++];
	*step = (struct replay_step){ .kind = (uint8_t)kind, .sent = time,
	    .replied = time, .command = s->text_n, .reply = s->text_n };
	return step;
}

/* Did the server ask for the content? */
static bool
wants_content(const struct replay_session *s, const struct replay_step *step)
{
	return step->kind == REPLAY_COMMAND && step->whole &&
	    replay_is_verb(replay_command(s, step), "DATA") &&
	    replay_code(replay_reply(s, step)) == 354;
}

static int
add_command(struct replay_tape *t, struct replay_session *s, struct slice command,
    uint64_t time)
{
	struct replay_step	*last = &s->step[s->steps - 1], *step;
	enum replay_kind	 kind = slice_eq(command, SLICE(".")) &&
				    wants_content(s, last) ? REPLAY_DOT : REPLAY_COMMAND;

	if ((step = add_step(t, s, kind, time)) == NULL ||
	    add_text(t, s, command) == -1)
		return -1;
	step->command_n = (uint32_t)command.n;
	step->reply = s->text_n;
	return 0;
}

/*
 * A line of a reply that no command asked for is left out, but for the one that
 * tells what became of a message where the dot was not reported.
 */
static int
add_reply(struct replay_tape *t, struct replay_session *s, struct slice line,
    uint64_t time)
{
	struct replay_step	*step = &s->step[s->steps - 1];

	if (step->whole) {
		if (!wants_content(s, step))
			return 0;
		if (add_command(t, s, SLICE("."), time) == -1)
			return -1;
		step = &s->step[s->steps - 1];
	}
	if (add_text(t, s, line) == -1 || add_text(t, s, SLICE("\n")) == -1)
		return -1;
	step->reply_n += (uint32_t)line.n + 1;
	step->replied = time;
	step->whole = replay_is_last(line);
	return 0;
}

static int
session_begin(struct replay_tape *t, const struct report *r, uint64_t id,
    uint64_t time)
{
	struct replay_session	*s = session_new(t, id);
	struct slice		 version = slice_str(dialect_names[DIALECT_1]);

	if (s == NULL || add_step(t, s, REPLAY_BANNER, time) == NULL)
		return -1;
	if (report_has(r, RF_VERSION))
		version = r->field[RF_VERSION];
	if (version.n > sizeof(s->version))
		version.n = sizeof(s->version);
	memcpy(s->version, version.p, version.n);
	s->version_n = (uint8_t)version.n;
	s->seconds = memchr(r->field[RF_TIME].p, '.', r->field[RF_TIME].n) == NULL;
	s->begin = s->end = time;
	return 0;
}

/* -- the stream -- */

static int
session_line(struct replay_tape *t, struct replay_session *s, const struct report *r,
    uint64_t time)
{
	struct replay_step	*last = &s->step[s->steps - 1];

	if (time > s->end)
		s->end = time;
	switch (r->event) {
	case EV_LINK_TLS:
		if (last->kind == REPLAY_BANNER && last->reply_n == 0)
			s->tls = true;
		else
			last->tls = true;
		return 0;
	case EV_PROTOCOL_CLIENT:
		return s->over ? 0 : add_command(t, s, r->field[RF_COMMAND], time);
	case EV_PROTOCOL_SERVER:
		return s->over ? 0 : add_reply(t, s, r->field[RF_REPLY], time);
	case EV_TX_COMMIT:
		if (last->kind == REPLAY_DOT && report_has(r, RF_SIZE))
			last->size = number_decimal(r->field[RF_SIZE]);
		return 0;
	case EV_TIMED_OUT:
		s->over = true;
		return 0;
	default:
		return 0;
	}
}

/* Its beginning was not read: it cannot be told what state it was in. */
static int
late(struct replay_tape *t, enum event_id event, uint64_t id)
{
	struct replay_session	*s;

	if (event != EV_PROTOCOL_CLIENT && event != EV_PROTOCOL_SERVER)
		return 0;
	t->late++;
	if ((s = session_new(t, id)) == NULL)
		return -1;
	s->stub = true;
	return 0;
}

/* Lines are missing, and nobody knows of which sessions. */
static int
gap(struct replay_tape *t)
{
	struct replay_session	*s, *next, *last;

	last = TAILQ_LAST(&t->open, replay_open);
	TAILQ_FOREACH_SAFE(s, &t->open, open, next) {
		if (!s->stub && session_cut(t, s) == -1)
			return -1;
		if (s == last)
			break;
	}
	return 0;
}

int
replay_tape_line(struct replay_tape *t, const struct report *r)
{
	struct replay_session	*s;
	uint64_t		 id, time;

	if (!slice_eq(r->field[RF_SUBSYSTEM],
	    slice_str(subsystem_names[SUBSYSTEM_SMTP_IN])))
		return 0;
	if (r->event == EV_REPORT_GAP)
		return gap(t);
	id = number_hex(r->field[RF_SESSION]);
	s = u64map_get(&t->map, id);
	if (report_time(r->field[RF_TIME], &time) == -1)
		time = 0;
	if (r->event == EV_LINK_CONNECT) {
		if (s != NULL)
			session_end(t, s);
		return session_begin(t, r, id, time);
	}
	if (s == NULL)
		return late(t, r->event, id);
	if (!s->stub && session_line(t, s, r, time) == -1)
		return -1;
	if (r->event == EV_LINK_DISCONNECT)
		session_end(t, s);
	return 0;
}

void
replay_tape_end(struct replay_tape *t)
{
	struct replay_session	*s;

	while ((s = TAILQ_FIRST(&t->open)) != NULL)
		session_end(t, s);
}

int
replay_tape_cut(struct replay_tape *t)
{
	struct replay_session	*s;

	TAILQ_FOREACH(s, &t->open, open)
		if (!s->stub)
			return session_cut(t, s);
	/* Those whose lines are left out take room too. */
	if ((s = TAILQ_FIRST(&t->open)) != NULL)
		session_end(t, s);
	return 0;
}

struct replay_session *
replay_tape_first(struct replay_tape *t)
{
	return RB_MIN(replay_ready, &t->ready);
}

struct replay_session *
replay_tape_take(struct replay_tape *t)
{
	struct replay_session	*s = replay_tape_first(t);

	if (s != NULL)
		RB_REMOVE(replay_ready, &t->ready, s);
	return s;
}

void
replay_tape_give(struct replay_tape *t, struct replay_session *s)
{
	t->bytes -= sizeof(*s) + s->text_room + s->steps_room * sizeof(*s->step);
	free(s->text);
	free(s->step);
	free(s);
}
