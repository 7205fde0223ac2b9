/* SPDX-License-Identifier: ISC */
/*
 * The sessions of a drive: found, kept and forgotten; the lines that wait
 * behind an answer.
 */
#include <errno.h>
#include <stdlib.h>

#include "lib/drive_int.h"

void
drive_session_set(struct drive *d, char **to, struct slice text)
{
	free(*to);
	*to = NULL;
	if (text.p != NULL && (*to = strndup(text.p, text.n)) == NULL)
		d->error = ENOMEM;
}

static void
unhold(struct drive *d, struct drive_session *s)
{
	struct held	*h = STAILQ_FIRST(&s->held);

	STAILQ_REMOVE_HEAD(&s->held, entry);
	d->held -= h->n;
	free(h);
}

void
drive_session_end(struct drive *d, struct drive_session *s)
{
	uint64_t	 id = s->id;

	if (s->waits || s->late != 0 || s->content != NULL)
		d->gone[d->ngone++ % DRIVE_GONE] = id;
	drive_ask_end(d, s);
	drive_content_end(s);
	while (!STAILQ_EMPTY(&s->held))
		unhold(d, s);
	u64map_del(&d->sessions, id);
	TAILQ_REMOVE(&d->by_use, s, entry);
	d->nsessions--;
	free(s->src);
	free(s->rdns);
	free(s->helo);
	free(s->host);
	free(s->sender);
	free(s->mechanism);
	free(s->rcpts);
	free(s->question);
	free(s->argument);
	free(s->address);
	free(s->rewritten);
	free(s);
	d->o->ended(d->o->arg, id);
}

/* The one that was used least lately and waits for nothing. */
static void
evict(struct drive *d)
{
	struct drive_session	*s;

	TAILQ_FOREACH(s, &d->by_use, entry)
		if (!s->waits) {
			d->evicted++;
			drive_session_end(d, s);
			return;
		}
}

struct drive_session *
drive_session(struct drive *d, uint64_t id, bool make)
{
	struct drive_session	*s = u64map_get(&d->sessions, id);

	if (s != NULL || !make)
		return s;
	if (d->nsessions >= DRIVE_SESSIONS)
		evict(d);
	if ((s = calloc(1, sizeof(*s))) == NULL ||
	    u64map_put(&d->sessions, id, s) == -1) {
		free(s);
		d->error = ENOMEM;
		return NULL;
	}
	s->id = id;
	s->pending = s->scope = PHASE_MAX;
	STAILQ_INIT(&s->held);
	TAILQ_INSERT_TAIL(&d->by_use, s, entry);
	d->nsessions++;
	return s;
}

static void
hold(struct drive *d, struct drive_session *s, struct slice line)
{
	struct held	*h = malloc(sizeof(*h) + line.n);

	if (h == NULL) {
		d->error = ENOMEM;
		return;
	}
	h->n = line.n;
	memcpy(h->line, line.p, line.n);
	STAILQ_INSERT_TAIL(&s->held, h, entry);
	d->held += h->n;
}

static bool
held_report(const struct held *h, struct report *r)
{
	return h != NULL && report_parse(r, slice_make(h->line, h->n)) == REPORT_KNOWN;
}

static void	play_held(struct drive *, struct drive_session *, bool);

/* The end of a session: what is held behind it is of another one of that id. */
static bool
play_end(struct drive *d, struct drive_session *s, const struct report *r, bool last)
{
	struct held_list	 rest = STAILQ_HEAD_INITIALIZER(rest);
	struct held		*h = STAILQ_FIRST(&s->held);
	uint64_t		 id = s->id;

	STAILQ_REMOVE_HEAD(&s->held, entry);
	STAILQ_CONCAT(&rest, &s->held);
	STAILQ_INSERT_HEAD(&s->held, h, entry);
	if (drive_line(d, s, r, NULL, last) != GONE) {
		STAILQ_CONCAT(&s->held, &rest);
		return false;
	}
	if (STAILQ_EMPTY(&rest))
		return true;
	if ((s = drive_session(d, id, true)) == NULL) {
		while ((h = STAILQ_FIRST(&rest)) != NULL) {
			STAILQ_REMOVE_HEAD(&rest, entry);
			free(h);
		}
		return true;
	}
	STAILQ_CONCAT(&s->held, &rest);
	play_held(d, s, last);
	return true;
}

/* Plays what is held, up to a line that must wait. */
static void
play_held(struct drive *d, struct drive_session *s, bool last)
{
	struct held	*h;
	struct report	 r, next;
	bool		 more;

	while (!s->waits && (h = STAILQ_FIRST(&s->held)) != NULL) {
		held_report(h, &r);
		if (r.event == EV_LINK_DISCONNECT) {
			if (play_end(d, s, &r, last))
				return;
			continue;
		}
		more = held_report(STAILQ_NEXT(h, entry), &next);
		switch (drive_line(d, s, &r, more ? &next : NULL, last)) {
		case GONE:
			return;
		case KEPT:
			if (!s->waits)
				return;
			break;
		case PLAYED:
			unhold(d, s);
			s->done = 0;
			break;
		}
	}
	if (last && !s->waits && s->pending != PHASE_MAX)
		drive_pending_ask(d, s);
	if (last && !s->waits)
		drive_session_end(d, s);
}

void
drive_session_line(struct drive *d, struct drive_session *s, const struct report *r)
{
	TAILQ_REMOVE(&d->by_use, s, entry);
	TAILQ_INSERT_TAIL(&d->by_use, s, entry);
	if (!s->waits && STAILQ_EMPTY(&s->held)) {
		switch (drive_line(d, s, r, NULL, false)) {
		case GONE:
			return;
		case KEPT:
			hold(d, s, r->line);
			return;
		case PLAYED:
			s->done = 0;
			return;
		}
	}
	hold(d, s, r->line);
	play_held(d, s, false);
}

void
drive_session_go_on(struct drive *d, struct drive_session *s)
{
	play_held(d, s, d->finished);
}

void
drive_session_finish(struct drive *d, struct drive_session *s)
{
	play_held(d, s, true);
}
