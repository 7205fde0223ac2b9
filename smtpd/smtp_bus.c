/* SPDX-License-Identifier: ISC */
/*
 * The report bus: lines are written once per dialect in use, copied to each
 * subscriber's buffer, and go out in batches at the end of a turn.  smtp process.
 */
#include <sys/ioctl.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>
#include <event2/event_struct.h>

#include "smtpd/log.h"
#include "smtpd/loop.h"
#include "smtpd/proc.h"
#include "smtpd/report_emit.h"
#include "smtpd/smtp_bus.h"
#include "smtpd/smtp_filter.h"
#include "smtpd/smtp_proclog.h"
#include "smtpd/smtp_stats.h"

/* What a pipe may hold: so much of what was written is kept, to tell what died in it. */
#define PIPE_SIZE	(1024 * 1024)
#define KEPT		(PIPE_SIZE + REPORT_LINE_MAX)	/* its first line may be half read */
#define BUFFER_MIN	(64 * 1024)

struct gap {			/* lines of a subsystem that were dropped */
	uint64_t	 count, first, last;
};

struct subscriber {
	const struct proc_conf *conf;
	int		 fd;		/* -1: its command is not running */
	uint32_t	 life;		/* of the command, as the parent counts */
	bool		 blocked;	/* the pipe is full */
	bool		 dropping;
	struct event	 writable;
	struct event	 patience;	/* overflow wait: how long yet */
	bool		 waiting, gave_up;
	/* data[0 .. start) is written, and perhaps unread; [start .. end) waits. */
	char		*data;
	size_t		 start, end, size;
	struct gap	 gaps[SUBSYSTEM_MAX];
	uint64_t	 dropped;	/* lines, ever */
	struct proclog	*log;
};

static struct subscriber	*subs;
static size_t			 nsubs;
static bool			 paused;
static void			(*pause_cb)(bool);
static struct event		 pause_changed;

static void	sub_write(struct subscriber *);

/* A filter is told by smtp_filter.c, once, whatever names it. */
static bool
wants(const struct subscriber *s, enum subsystem subsystem)
{
	return !s->conf->is_filter &&
	    (s->conf->reports & 1u << subsystem) != 0;
}

/* -- pausing -- */

static void
recompute_pause(void)
{
	bool	 now = false;
	size_t	 i;

	for (i = 0; i < nsubs; i++)
		now |= subs[i].waiting;
	if (now == paused)
		return;
	paused = now;
	event_active(&pause_changed, EV_TIMEOUT, 0);
}

/* By an event: lines are sent in the midst of a session, or after the hooks of sessions. */
static void
pause_changed_cb(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	pause_cb(paused);
}

bool
bus_paused(void)
{
	return paused;
}

static void
wait_begin(struct subscriber *s)
{
	struct timeval	 tv = { s->conf->wait, 0 };

	if (s->waiting || s->gave_up || s->fd == -1)
		return;
	s->waiting = true;
	event_add(&s->patience, &tv);
	recompute_pause();
}

static void
wait_end(struct subscriber *s)
{
	if (!s->waiting)
		return;
	s->waiting = false;
	event_del(&s->patience);
	recompute_pause();
}

static void
patience_cb(evutil_socket_t fd, short what, void *arg)
{
	struct subscriber	*s = arg;

	(void)fd;
	(void)what;
	log_warnx("proc %s: has not caught up within %lld s, lines are dropped now",
	    s->conf->name, (long long)s->conf->wait);
	s->gave_up = true;
	wait_end(s);
}

/* -- the buffer -- */

static size_t
unsent(const struct subscriber *s)
{
	return s->end - s->start;
}

/* Forgets what the pipe cannot hold any more, on a line boundary. */
static void
compact(struct subscriber *s)
{
	char	*nl;
	size_t	 cut;

	if (s->start <= KEPT)
		return;
	nl = memchr(s->data + s->start - KEPT, '\n', KEPT);
	if (nl == NULL)
		return;
	cut = nl + 1 - s->data;
	memmove(s->data, s->data + cut, s->end - cut);
	s->start -= cut;
	s->end -= cut;
}

static int
reserve(struct subscriber *s, size_t n)
{
	size_t	 size = s->size == 0 ? BUFFER_MIN : s->size;
	char	*data;

	if (s->size - s->end >= n)
		return 0;
	if (s->start > 2 * KEPT) {
		compact(s);
		if (s->size - s->end >= n)
			return 0;
	}
	while (size - s->end < n)
		size *= 2;
	if ((data = realloc(s->data, size)) == NULL)
		return -1;
	s->data = data;
	s->size = size;
	return 0;
}

struct lines {			/* of a subsystem, in the subscriber's dialect */
	enum subsystem	 subsystem;
	uint64_t	 first, last;	/* their times */
	struct slice	 text;
};

static void
drop_lines(struct subscriber *s, const struct lines *l)
{
	struct gap	*g = &s->gaps[l->subsystem];
	uint64_t	 count = 0;
	size_t		 i;

	if (g->count == 0)
		g->first = l->first;
	for (i = 0; i < l->text.n; i++)
		count += l->text.p[i] == '\n';
	g->count += count;
	s->dropped += count;
	g->last = l->last;
}

/* 0, or -1: there is no memory for it, and lines are dropped from now on. */
static int
put(struct subscriber *s, struct slice text)
{
	if (reserve(s, text.n) == -1) {
		s->dropping = true;
		return -1;
	}
	memcpy(s->data + s->end, text.p, text.n);
	s->end += text.n;
	return 0;
}

/* The gap lines stand where the lines are missing: before the next one taken. */
static void
put_gaps(struct subscriber *s)
{
	char		 line[REPORT_LINE_MAX];
	size_t		 n;
	unsigned	 i;

	for (i = 0; i < SUBSYSTEM_MAX; i++) {
		struct gap	*g = &s->gaps[i];
		const struct report_head head = { i, loop_wall(), 0 };
		const struct report_value v[] = {
			{ RF_COUNT,	.num = g->count },
			{ RF_FIRST,	.num = g->first },
			{ RF_LAST,	.num = g->last },
		};

		if (g->count == 0)
			continue;
		n = report_write(line, sizeof(line), s->conf->dialect,
		    EV_REPORT_GAP, &head, v, 3);
		if (put(s, slice_make(line, n)) == -1)
			return;
		log_warnx("proc %s: %llu report lines dropped", s->conf->name,
		    (unsigned long long)g->count);
		*g = (struct gap){ 0 };
	}
}

static bool
is_full(const struct subscriber *s, size_t n)
{
	return unsent(s) + n > s->conf->buffer;
}

static void
take(struct subscriber *s, const struct lines *l)
{
	size_t	 n = l->text.n;

	/* A turn may bring more than the buffer holds: the pipe is asked first. */
	if (!s->blocked && is_full(s, n))
		sub_write(s);
	if (s->dropping && unsent(s) <= s->conf->buffer / 2) {
		s->dropping = false;
		put_gaps(s);
	}
	if (!s->dropping && is_full(s, n)) {
		if (s->conf->overflow == OVERFLOW_WAIT)
			wait_begin(s);
		/* While clients wait, what is under way still fits above the bound. */
		if (!s->waiting || unsent(s) + n > 2 * s->conf->buffer)
			s->dropping = true;
	}
	if (s->dropping || put(s, l->text) == -1)
		drop_lines(s, l);
}

struct written {		/* an event, in the dialects that someone has asked for */
	struct report_head	 head;
	enum event_id		 event;
	const struct report_value *v;
	size_t			 n;
	size_t			 len[DIALECT_MAX];
};

static struct slice
write_line(void *arg, enum dialect d)
{
	static char	 line[DIALECT_MAX][REPORT_LINE_MAX];
	struct written	*w = arg;

	if (w->len[d] == 0)
		w->len[d] = report_write(line[d], sizeof(line[d]), d, w->event,
		    &w->head, w->v, w->n);
	return slice_make(line[d], w->len[d]);
}

static void
bus_send(const struct report_source *src, enum event_id event,
    const struct report_value *v, size_t n)
{
	struct written		 w = {
		.head = { src->subsystem, loop_wall(), src->session },
		.event = event, .v = v, .n = n,
	};
	struct lines		 l = { src->subsystem, w.head.time, w.head.time, SLICE_NONE };
	struct subscriber	*s;

	stats_event(src, event, v, n);
	for (s = subs; s < subs + nsubs; s++)
		if (wants(s, src->subsystem)) {
			l.text = write_line(&w, s->conf->dialect);
			take(s, &l);
		}
	filters_report(src, event, write_line, &w);
}

void
bus_lines(enum subsystem subsystem, enum dialect d, uint64_t watchers,
    uint64_t first, uint64_t last, struct slice text)
{
	const struct lines	 l = { subsystem, first, last, text };
	struct subscriber	*s;

	for (s = subs; s < subs + nsubs; s++)
		if (wants(s, subsystem) && s->conf->dialect == d)
			take(s, &l);
	filters_lines(subsystem, d, watchers, text);
}

/* -- the pipes -- */

/* Lines that a gap line told of; at least the gap line itself. */
static uint64_t
gap_count(struct slice s)
{
	uint64_t	 n = 0;
	size_t		 i;

	for (i = 0; i < s.n && s.p[i] >= '0' && s.p[i] <= '9'; i++)
		n = n * 10 + (uint64_t)(s.p[i] - '0');
	return n == 0 ? 1 : n;
}

/* A line that was written, and that nobody read; a gap line stands for its lines. */
static void
drop_written(struct subscriber *s, const struct report *r)
{
	bool		 gap = r->event == EV_REPORT_GAP;
	enum subsystem	 subsystem;
	uint64_t	 first, last;
	struct gap	*g;

	if (report_time(r->field[gap ? RF_FIRST : RF_TIME], &first) == -1 ||
	    report_time(r->field[gap ? RF_LAST : RF_TIME], &last) == -1)
		return;
	for (subsystem = 0; subsystem < SUBSYSTEM_MAX; subsystem++) {
		if (!slice_eq(r->field[RF_SUBSYSTEM],
		    slice_str(subsystem_names[subsystem])))
			continue;
		g = &s->gaps[subsystem];
		if (g->count == 0 || first < g->first)
			g->first = first;
		if (last > g->last)
			g->last = last;
		g->count += gap ? gap_count(r->field[RF_COUNT]) : 1;
		/* A gap line's are counted. */
		s->dropped += !gap;
	}
}

/* Counts what a dead command left unread in its pipe as dropped lines. */
static void
count_lost(struct subscriber *s)
{
	struct report	 r;
	int		 unread = 0;
	size_t		 from, len;
	char		*nl;

	if (ioctl(s->fd, FIONREAD, &unread) == -1 || unread < 0)
		unread = 0;
	from = (size_t)unread < s->start ? s->start - unread : 0;
	while (from > 0 && s->data[from - 1] != '\n')
		from--;
	/* A line of which the pipe took a part is lost whole. */
	while (from < s->start) {
		nl = memchr(s->data + from, '\n', s->end - from);
		len = (nl == NULL ? s->end : (size_t)(nl - s->data)) - from;
		if (report_parse(&r, slice_make(s->data + from, len)) ==
		    REPORT_KNOWN)
			drop_written(s, &r);
		from += nl == NULL ? len : len + 1;
	}
	s->start = from;
}

static void
lost(struct subscriber *s)
{
	size_t	 rest;

	if (s->fd == -1)
		return;
	count_lost(s);
	event_del(&s->writable);
	close(s->fd);
	s->fd = -1;
	s->blocked = false;
	wait_end(s);
	/* What waits stays for the next start, behind a line that tells of the loss. */
	rest = unsent(s);
	if (rest > 0)
		memmove(s->data, s->data + s->start, rest);
	s->start = 0;
	s->end = rest;
}

static void
failed(struct subscriber *s)
{
	if (s->fd == -1)
		return;
	lost(s);
	ipc_begin(proc_parent, IPC_PROC_FAILED);
	ipc_put_u32(proc_parent, s->conf->index);
	ipc_put_u32(proc_parent, s->life);
	ipc_end(proc_parent);
}

static void
sub_write(struct subscriber *s)
{
	ssize_t	 n;
	char	*data;

	while (s->fd != -1 && unsent(s) > 0) {
		n = write(s->fd, s->data + s->start, unsent(s));
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1 && errno == EAGAIN) {
			s->blocked = true;
			event_add(&s->writable, NULL);
			return;
		}
		if (n == -1) {
			log_warn("proc %s: write", s->conf->name);
			failed(s);
			return;
		}
		s->start += n;
		if (s->conf->overflow == OVERFLOW_WAIT &&
		    unsent(s) <= s->conf->buffer / 2) {
			s->gave_up = false;
			wait_end(s);
		}
	}
	/* An idle bus does not hold what a burst needed. */
	if (s->size > 4 * KEPT && s->start > KEPT) {
		compact(s);
		if ((data = realloc(s->data, s->end)) != NULL) {
			s->data = data;
			s->size = s->end;
		}
	}
}

static void
writable_cb(evutil_socket_t fd, short what, void *arg)
{
	struct subscriber	*s = arg;

	(void)fd;
	(void)what;
	s->blocked = false;
	sub_write(s);
}

/* An end-of-turn hook: writes what the pipes take. */
static void
bus_flush(void)
{
	struct subscriber	*s;

	for (s = subs; s < subs + nsubs; s++)
		if (s->fd != -1 && !s->blocked && unsent(s) > 0)
			sub_write(s);
}

bool
bus_idle(void)
{
	const struct subscriber	*s;

	for (s = subs; s < subs + nsubs; s++)
		if (s->fd != -1 && unsent(s) > 0)
			return false;
	return true;
}

/* The name of a proc stands between dots, whatever else it holds. */
void
bus_stats(void)
{
	const struct subscriber	*s;
	char			 name[256], buf[192];
	struct slice		 safe;

	for (s = subs; s < subs + nsubs; s++) {
		if (s->conf->is_filter)
			continue;
		safe = report_safe(buf, sizeof(buf), slice_str(s->conf->name), false);
		snprintf(name, sizeof(name), "report.%.*s.dropped", (int)safe.n, safe.p);
		report_counter(name, s->dropped);
		snprintf(name, sizeof(name), "report.%.*s.waiting", (int)safe.n, safe.p);
		report_gauge(name, unsent(s));
	}
}

void
bus_proc_stdin(unsigned index, uint32_t life, int fd)
{
	struct subscriber	*s;
	char			*rest;
	size_t			 n;

	if (index >= nsubs) {
		close(fd);
		return;
	}
	s = &subs[index];
	lost(s);
	s->fd = fd;
	s->life = life;
	event_assign(&s->writable, loop_base, fd, EV_WRITE, writable_cb, s);
	/* The gap line of what died with the last one comes first. */
	n = unsent(s);
	if (n == 0) {
		put_gaps(s);
		return;
	}
	if ((rest = malloc(n)) == NULL)
		return;
	memcpy(rest, s->data + s->start, n);
	s->end = s->start;
	if (!s->dropping)
		put_gaps(s);
	put(s, slice_make(rest, n));
	free(rest);
}

void
bus_proc_output(unsigned index, int fd)
{
	if (index >= nsubs) {
		close(fd);
		return;
	}
	proclog_open(subs[index].log, fd);
}

void
bus_init(void (*cb)(bool))
{
	const struct proc_conf	*c;
	size_t			 n = 0;

	pause_cb = cb;
	report_to(bus_send);
	event_assign(&pause_changed, loop_base, -1, 0, pause_changed_cb, NULL);
	TAILQ_FOREACH(c, &proc_conf->procs, entry)
		n++;
	if ((subs = calloc(n + 1, sizeof(*subs))) == NULL)
		fatal("subscribers");
	TAILQ_FOREACH(c, &proc_conf->procs, entry) {
		struct subscriber	*s = &subs[nsubs++];

		s->conf = c;
		s->fd = -1;
		s->log = proclog_new(c->name);
		event_assign(&s->patience, loop_base, -1, 0, patience_cb, s);
	}
	loop_at_end(bus_flush);
}
