/* SPDX-License-Identifier: ISC */
/*
 * Drives: a filter started, the stream played into it, the loop that waits.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "lib/drive_int.h"

#define VERSION	"7.8.0-pipepost"

uint64_t
drive_now(void)
{
	struct timespec	 ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static void
limit_anew(struct drive *d)
{
	d->deadline = drive_now() + d->o->timeout * 1000ULL;
}

/* Without a handshake it hears all of SMTP, and is asked about what it is to be. */
static void
begin(struct drive *d)
{
	static const struct filter_config	 config = { VERSION, 300, true, true,
	    "localhost" };
	char					*p;

	limit_anew(d);
	if (filter_has_handshake(d->o->dialect)) {
		if ((p = drive_filter_room(&d->filter, 1024)) == NULL) {
			d->error = ENOMEM;
			return;
		}
		drive_filter_used(&d->filter, filter_config_write(p, 1024,
		    d->o->dialect, &config));
		return;
	}
	d->ready = true;
	d->asks = d->o->phases;
	d->hears[SUBSYSTEM_SMTP_IN] = d->hears[SUBSYSTEM_SMTP_OUT] =
	    ((1ULL << EV_MAX) - 1) & ~(1ULL << EV_REPORT_GAP);
}

struct drive *
drive_new(const struct drive_options *o)
{
	struct drive	*d = calloc(1, sizeof(*d));
	int		 error;

	if (d == NULL)
		return NULL;
	d->o = o;
	d->filter.to = d->filter.from = -1;
	TAILQ_INIT(&d->by_use);
	TAILQ_INIT(&d->by_limit);
	d->fmt = (struct fmt){ .row = fmt_row('V'), .arg = dialect_names[o->dialect] };
	if (fmt_init(&d->fmt) == 0 && outbuf_init(&d->line, -1) == 0 &&
	    drive_filter_start(&d->filter, o->command) == 0)
		begin(d);
	else
		d->error = errno != 0 ? errno : ENOMEM;
	if (d->error == 0)
		return d;
	error = d->error;
	drive_free(d);
	errno = error;
	return NULL;
}

void
drive_free(struct drive *d)
{
	struct drive_session	*s;

	while ((s = TAILQ_FIRST(&d->by_use)) != NULL)
		drive_session_end(d, s);
	drive_filter_stop(&d->filter);
	fmt_free(&d->fmt);
	free(d->line.buf);
	u64map_free(&d->sessions);
	free(d->scratch);
	free(d);
}

bool
drive_takes(const struct drive *d)
{
	return d->ready && !d->down && d->waiting < d->o->at_once &&
	    d->held < DRIVE_HELD_MAX &&
	    drive_filter_unread(&d->filter) < DRIVE_OUT_HIGH;
}

bool
drive_is_down(const struct drive *d)
{
	return d->down;
}

size_t
drive_evicted(const struct drive *d)
{
	return d->evicted;
}

static int
result(const struct drive *d)
{
	if (d->error == 0)
		return 0;
	errno = d->error;
	return -1;
}

static uint64_t
hex(struct slice s)
{
	uint64_t	 v = 0;
	size_t		 i;
	char		 c;

	for (i = 0; i < s.n; i++) {
		c = s.p[i];
		v = v << 4 | (uint64_t)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
	}
	return v;
}

int
drive_play(struct drive *d, const struct report *r)
{
	struct drive_session	*s;
	uint64_t		 id = hex(r->field[RF_SESSION]);
	bool			 in = slice_eq(r->field[RF_SUBSYSTEM], SLICE("smtp-in"));

	if (d->down || r->event == EV_REPORT_GAP || report_events[r->event].derived)
		return result(d);
	if (!in) {
		drive_report_pass(d, r);
		return result(d);
	}
	if ((s = drive_session(d, id, r->event != EV_LINK_DISCONNECT)) != NULL)
		drive_session_line(d, s, r);
	return result(d);
}

int
drive_finish(struct drive *d)
{
	struct drive_session	*s, *next;

	d->finished = true;
	TAILQ_FOREACH_SAFE(s, &d->by_use, entry, next)
		if (!d->down && !s->waits)
			drive_session_finish(d, s);
	return result(d);
}

/* -- the loop -- */

static void
stream(struct drive *d)
{
	struct drive_session	*s, *next;

	for (s = TAILQ_FIRST(&d->by_limit); s != NULL &&
	    drive_filter_unread(&d->filter) < DRIVE_OUT_HIGH; s = next) {
		next = TAILQ_NEXT(s, wait);
		if (s->streams)
			drive_content_write(d, s);
	}
}

static void
write_out(struct drive *d)
{
	size_t	 before = drive_filter_unread(&d->filter);

	if (d->filter.to == -1 || d->down)
		return;
	if (before > 0 && drive_filter_write(&d->filter) == -1) {
		/* It does not read: what it says, or its end, tells why. */
		d->filter.start = d->filter.end;
	}
	if (drive_filter_unread(&d->filter) != before)
		limit_anew(d);
	if (d->finished && d->waiting == 0 && drive_filter_unread(&d->filter) == 0) {
		close(d->filter.to);
		d->filter.to = -1;
		limit_anew(d);
	}
}

/* Milliseconds until some time limit is over. */
static int
patience(const struct drive *d, int ms)
{
	struct drive_session	*s = TAILQ_FIRST(&d->by_limit);
	uint64_t		 now = drive_now(), at = UINT64_MAX;

	if (d->down)
		return ms;
	if (!d->ready || drive_filter_unread(&d->filter) > 0 || d->filter.to == -1)
		at = d->deadline;
	if (s != NULL && s->deadline < at)
		at = s->deadline;
	if (at == UINT64_MAX)
		return ms;
	at = at <= now ? 0 : at - now;
	return ms >= 0 && (uint64_t)ms < at ? ms : (int)at;
}

int
drive_turn(struct drive *const *v, size_t n, int fd, int ms)
{
	struct pollfd	 pfd[5];	/* one for fd, two for each of two filters */
	size_t		 i;

	pfd[0] = (struct pollfd){ .fd = fd, .events = POLLIN };
	for (i = 0; i < n; i++) {
		stream(v[i]);
		write_out(v[i]);
		pfd[1 + 2 * i] = (struct pollfd){ .fd = v[i]->down ? -1 :
		    v[i]->filter.from, .events = POLLIN };
		pfd[2 + 2 * i] = (struct pollfd){ .fd = v[i]->down ||
		    drive_filter_unread(&v[i]->filter) == 0 ? -1 : v[i]->filter.to,
		    .events = POLLOUT };
		ms = patience(v[i], ms);
	}
	if (poll(pfd, (nfds_t)(1 + 2 * n), ms) == -1)
		return errno == EINTR ? 0 : -1;
	for (i = 0; i < n; i++) {
		if (pfd[1 + 2 * i].revents != 0)
			drive_answers_read(v[i]);
		drive_answers_late(v[i]);
		if (result(v[i]) == -1)
			return -1;
	}
	return pfd[0].revents != 0;
}
