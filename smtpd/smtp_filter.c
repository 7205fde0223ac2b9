/* SPDX-License-Identifier: ISC */
/*
 * The programs that are filters: from their start over what they register to
 * their end; what they are told; what becomes of what they say.  smtp process.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "smtpd/ipc.h"
#include "smtpd/log.h"
#include "smtpd/loop.h"
#include "smtpd/proc.h"
#include "smtpd/smtp.h"
#include "smtpd/smtp_filter.h"
#include "smtpd/smtp_proclog.h"

#define FILTER_VERSION	"pipepost"	/* config|smtpd-version */
#define HANDSHAKE	30		/* seconds to register in */
#define FORGIVEN	600		/* seconds after which strikes are forgotten */
#define LINE_SHOWN	200		/* bytes of a wrong line, in the log */
#define TICK_USEC	250000		/* how exactly time limits are kept */
#define OVERRUN		(16 * 1024 * 1024) /* what may wait above twice the buffer, as sessions end */

static struct filter_proc	*filters;	/* by index of the proc; conf NULL: it is none */
static size_t			 nfilters;
static struct event		 tick;
static uint64_t			 begun;		/* monotonic ns */
static bool			 settled;

static void
enter(struct filter_proc *f, enum filter_state state)
{
	f->state = state;
	f->since = loop_mono();
}

struct filter_proc *
filter_of(const struct proc_conf *c)
{
	return &filters[c->index];
}

bool
filter_is_up(const struct filter_proc *f)
{
	return f->state == FILTER_UP;
}

bool
filter_registered(const struct filter_proc *f, enum phase phase)
{
	return (f->phases >> phase & 1) != 0;
}

static struct filter_proc *
filter_at(unsigned index)
{
	return index < nfilters && filters[index].conf != NULL ?
	    &filters[index] : NULL;
}

/* -- the end of one -- */

/* What was asked dies with it: its sessions are told first, as they hold the questions. */
static void
down(struct filter_proc *f)
{
	if (f->state == FILTER_DOWN && f->pipe.in == -1 && f->pipe.out == -1)
		return;
	enter(f, FILTER_DOWN);
	f->full = false;
	f->doomed = NULL;
	f->strikes = 0;
	session_filter_lost((uint64_t)1 << f->conf->bit);
	questions_end(&f->questions);
	f->orphans = f->stray = 0;
	/* Whatever was still said to it is forgotten too. */
	pipe_close(&f->pipe);
}

/* The parent ends what is left of it, and starts it again. */
static void
give_up(struct filter_proc *f)
{
	down(f);
	ipc_begin(proc_parent, IPC_PROC_FAILED);
	ipc_put_u32(proc_parent, f->conf->index);
	ipc_put_u32(proc_parent, f->life);
	ipc_end(proc_parent);
}

void
filter_fail(struct filter_proc *f, const char *fmt, ...)
{
	char	 why[512];
	va_list	 ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	log_warnx("filter %s: %s: it is ended and started again", f->conf->name, why);
	give_up(f);
}

void
filter_ended(struct filter_proc *f, const char *why)
{
	if (f->pipe.in != -1 || f->pipe.out != -1)
		filter_fail(f, "%s", why);
}

void
filter_strike(struct filter_proc *f, struct slice line, const char *reason)
{
	char		 buf[LINE_SHOWN + 4];
	struct slice	 shown = report_safe(buf, sizeof(buf), line, true);
	uint64_t	 now = loop_mono();

	if (now - f->struck > FORGIVEN * SECOND)
		f->strikes = 0;
	f->struck = now;
	f->nstrikes++;
	f->strikes++;
	log_warnx("filter %s: %s%s%.*s%s (%u of %d)", f->conf->name, reason,
	    line.p == NULL ? "" : ": \"", (int)shown.n, shown.p,
	    line.p == NULL ? "" : "\"", f->strikes, FILTER_STRIKES);
	if (f->strikes >= FILTER_STRIKES)
		filter_fail(f, "too much of what it said was wrong");
}

/* -- the beginning of one -- */

/* It may be in the midst of a session: a filter that was not told all ends with the turn. */
static void
put(struct filter_proc *f, const char *text, size_t n)
{
	char	*room = pipe_room(&f->pipe, n);

	if (room == NULL) {
		f->doomed = "no memory for what it is told";
		return;
	}
	memcpy(room, text, n);
	pipe_used(&f->pipe, n);
}

void
filter_ready(struct filter_proc *f)
{
	enter(f, FILTER_UP);
	log_info("filter %s: ready", f->conf->name);
	listener_start();
}

/* In the form without a handshake it is told and asked what the configuration says. */
static void
greet(struct filter_proc *f)
{
	const struct filter_config	 config = {
		.version = FILTER_VERSION,
		.timeout = (unsigned)proc_conf->idle,
		.in = (f->conf->attached & 1u << SUBSYSTEM_SMTP_IN) != 0,
		.out = (f->conf->attached & 1u << SUBSYSTEM_SMTP_OUT) != 0,
		.admd = proc_conf->admd != NULL ? proc_conf->admd : proc_conf->hostname,
	};
	char				 text[2048];

	f->phases = f->conf->phases;
	f->events[0] = f->events[1] = 0;
	if (!filter_has_handshake(f->conf->dialect)) {
		filter_ready(f);
		return;
	}
	enter(f, FILTER_REGISTERING);
	put(f, text, filter_config_write(text, sizeof(text), f->conf->dialect, &config));
}

/* Both pipes are there: the input comes first, from the parent. */
int
filter_open(unsigned index, uint32_t life, int fd)
{
	struct filter_proc	*f = filter_at(index);

	if (f == NULL)
		return -1;
	down(f);
	f->life = life;
	f->nstarts++;
	pipe_open_in(&f->pipe, fd);
	return 0;
}

int
filter_output(unsigned index, int fd)
{
	struct filter_proc	*f = filter_at(index);

	if (f == NULL)
		return -1;
	pipe_open_out(&f->pipe, fd);
	greet(f);
	return 0;
}

void
filter_errors(unsigned index, int fd)
{
	struct filter_proc	*f = filter_at(index);

	if (f == NULL)
		close(fd);
	else
		proclog_open(f->log, fd);
}

/* -- what it is told -- */

/* All that `report` says of a subsystem; of the sessions that it watches, what it registered for. */
static bool
is_told(const struct filter_proc *f, enum subsystem subsystem, uint64_t watchers,
    enum event_id event)
{
	if ((f->conf->reports & 1u << subsystem) != 0)
		return true;
	return (watchers >> f->conf->bit & 1) != 0 && event != EV_UNKNOWN &&
	    (f->events[subsystem == SUBSYSTEM_SMTP_OUT] >> event & 1) != 0;
}

static bool
is_up(const struct filter_proc *f)
{
	return f->conf != NULL && f->state == FILTER_UP;
}

void
filters_report(const struct report_source *src, enum event_id event,
    struct slice (*write)(void *, enum dialect), void *arg)
{
	struct filter_proc	*f;
	struct slice		 line;

	for (f = filters; f < filters + nfilters; f++) {
		if (!is_up(f) || !is_told(f, src->subsystem, src->watchers, event))
			continue;
		line = write(arg, f->conf->dialect);
		put(f, line.p, line.n);
	}
}

/* Those of several lines that it is told. */
static void
put_told(struct filter_proc *f, enum subsystem subsystem, uint64_t watchers,
    struct slice text)
{
	const char	*end = text.p + text.n, *p, *next;
	struct report	 r;
	struct slice	 params;

	for (p = text.p; p < end; p = next) {
		next = (const char *)memchr(p, '\n', (size_t)(end - p)) + 1;
		if (report_parse_prefix(&r, slice_make(p, (size_t)(next - 1 - p)),
		    &params) == REPORT_KNOWN && is_told(f, subsystem, watchers, r.event))
			put(f, p, (size_t)(next - p));
	}
}

void
filters_lines(enum subsystem subsystem, enum dialect d, uint64_t watchers,
    struct slice text)
{
	struct filter_proc	*f;

	for (f = filters; f < filters + nfilters; f++)
		if (is_up(f) && f->conf->dialect == d)
			put_told(f, subsystem, watchers, text);
}

/* -- time, and how full they are -- */

uint64_t
filters_full(void)
{
	const struct filter_proc	*f;
	uint64_t			 bits = 0;

	for (f = filters; f < filters + nfilters; f++)
		if (f->full)
			bits |= (uint64_t)1 << f->conf->bit;
	return bits;
}

void
filter_relieved(struct filter_proc *f)
{
	if (!f->full || pipe_waiting(&f->pipe) > f->conf->buffer / 2)
		return;
	f->full = false;
	session_run_all();
}

/*
 * Sessions pause for a filter that does not read, not for a shadow.  What it
 * is told beside their input, of what other filters write too, has a bound.
 */
static void
judge_waiting(struct filter_proc *f)
{
	size_t	 waiting = pipe_waiting(&f->pipe), max = f->conf->buffer;

	if (f->doomed == NULL && (waiting > 2 * max + OVERRUN ||
	    (!f->needed && waiting > max)))
		f->doomed = "it does not read what it is told";
	if (f->doomed != NULL) {
		filter_fail(f, "%s", f->doomed);
		return;
	}
	if (waiting > max && !f->full) {
		f->full = true;
		f->full_since = loop_mono();
	}
}

void
filters_flush(void)
{
	struct filter_proc	*f;

	for (f = filters; f < filters + nfilters; f++) {
		if (f->conf == NULL)
			continue;
		pipe_flush(&f->pipe);
		judge_waiting(f);
	}
}

static bool
is_stuck(const struct filter_proc *f)
{
	return f->pipe.blocked && loop_mono() - f->pipe.progress >=
	    (uint64_t)f->conf->timeout * SECOND;
}

/* It reads, but so slowly that its sessions would pause for ever. */
static bool
is_behind(const struct filter_proc *f)
{
	return f->full && loop_mono() - f->full_since >=
	    FILTER_PATIENCE * (uint64_t)f->conf->timeout * SECOND;
}

bool
filters_settled(void)
{
	const struct filter_proc	*f;

	if (settled || loop_mono() - begun >= HANDSHAKE * SECOND)
		return settled = true;
	for (f = filters; f < filters + nfilters; f++)
		if (f->conf != NULL && (f->nstarts == 0 ||
		    f->state == FILTER_REGISTERING))
			return false;
	return settled = true;
}

static void
tick_cb(evutil_socket_t fd, short what, void *arg)
{
	struct filter_proc	*f;

	(void)fd;
	(void)what;
	(void)arg;
	for (f = filters; f < filters + nfilters; f++) {
		if (f->conf == NULL)
			continue;
		if (f->state == FILTER_REGISTERING &&
		    loop_mono() - f->since >= HANDSHAKE * SECOND)
			filter_fail(f, "it has not said register|ready within %d s", HANDSHAKE);
		else if (is_stuck(f))
			filter_fail(f, "it has read nothing for %lld s",
			    (long long)f->conf->timeout);
		else if (is_behind(f))
			filter_fail(f, "it has not caught up within %lld s",
			    FILTER_PATIENCE * (long long)f->conf->timeout);
		else
			questions_check(f);
	}
	if (filters_settled())
		listener_start();
}

static bool
is_needed(const struct proc_conf *c)
{
	const struct filter	*f;

	TAILQ_FOREACH(f, &proc_conf->filters, entry)
		if (f->kind == FILTER_PROC && f->proc == c && !f->shadow)
			return true;
	return false;
}

void
filters_init(void)
{
	const struct timeval	 tv = { 0, TICK_USEC };
	const struct proc_conf	*c;
	size_t			 i = 0;

	TAILQ_FOREACH(c, &proc_conf->procs, entry)
		nfilters++;
	if ((filters = calloc(nfilters + 1, sizeof(*filters))) == NULL)
		fatal("filters");
	begun = loop_mono();
	settled = true;
	TAILQ_FOREACH(c, &proc_conf->procs, entry) {
		struct filter_proc	*f = &filters[i++];

		TAILQ_INIT(&f->questions);
		pipe_init(&f->pipe, f);
		if (!c->is_filter)
			continue;
		f->conf = c;
		f->needed = is_needed(c);
		f->log = proclog_new(c->name);
		settled = false;
	}
	if (settled)
		return;
	event_assign(&tick, loop_base, -1, EV_PERSIST, tick_cb, NULL);
	event_add(&tick, &tv);
}

void
filters_stats(void)
{
	const struct filter_proc	*f;

	for (f = filters; f < filters + nfilters; f++)
		if (f->conf != NULL)
			filter_stats(f);
}
