/* SPDX-License-Identifier: ISC */
/*
 * A stream played into a filter that says anything: the input's first byte
 * chooses how it is played, the lines with "<" before them are what the filter
 * says, one after each question, or thing that it is told at all, over and over;
 * the others are the stream.  "<" and a word, "|" and what follows, decides about
 * the question that was asked last, "<=" sends a line of the message.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <fcntl.h>

#include "lib/drive_int.h"

#define LINES_MAX	200

/* Bits of the first byte, above the two that choose the dialect. */
#define AT_ONCE(b)	(((b) >> 2 & 3) + 1)
#define MESSAGE		0x10	/* one that is given */
#define RAW		0x20	/* all that the filter says is in the input */
#define ECHO		0x40	/* lines of messages come back */

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static struct slice	 says[LINES_MAX];
static size_t		 nsays, next, budget;
static char		 last[256];	/* ids of the question asked last */
static unsigned	 flags;
static int		 tell = -1;	/* where the filter's output is written */

/* -- the filter, instead of drive_filter.c -- */

int
drive_filter_start(struct drive_filter *f, const char *command)
{
	int	 ends[2];

	(void)command;
	*f = (struct drive_filter){ .to = -1, .from = -1 };
	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) == -1 ||
	    linebuf_init(&f->in, ends[0]) == -1)
		abort();
	f->from = ends[0];
	tell = ends[1];
	f->to = open("/dev/null", O_WRONLY | O_CLOEXEC);
	return 0;
}

void
drive_filter_stop(struct drive_filter *f)
{
	if (f->to != -1)
		close(f->to);
	if (f->from != -1)
		close(f->from);
	if (tell != -1)
		close(tell);
	tell = -1;
	linebuf_free(&f->in);
	free(f->out);
	f->out = NULL;
}

char *
drive_filter_room(struct drive_filter *f, size_t n)
{
	char	*p = realloc(f->out, f->end + n);

	if (p == NULL)
		abort();
	f->out = p;
	return p + f->end;
}

void
drive_filter_used(struct drive_filter *f, size_t n)
{
	f->end += n;
}

size_t
drive_filter_unread(const struct drive_filter *f)
{
	return f->end - f->start;
}

static void
say(const char *p, size_t n)
{
	if (n > 0 && write(tell, p, n) != (ssize_t)n)
		budget = 0;
}

/* What stands between the fifth bar and the seventh. */
static void
remember(struct slice line)
{
	const char	*p = line.p, *end = line.p + line.n, *from = NULL;
	int		 bars = 0;

	for (; p < end; p++) {
		if (*p != '|')
			continue;
		if (++bars == 5)
			from = p + 1;
		else if (bars == 7)
			break;
	}
	if (from != NULL && bars == 7)
		snprintf(last, sizeof(last), "%.*s", (int)(p - from), from);
}

static void
say_str(const char *s)
{
	say(s, strlen(s));
}

static void
register_all(void)
{
	char		 line[64];
	enum phase	 p;

	for (p = 0; p < PHASE_MAX; p++) {
		snprintf(line, sizeof(line), "register|filter|smtp-in|%s\n",
		    filter_phases[p].name);
		say_str(line);
	}
	say_str("register|report|smtp-in|*\nregister|ready\n");
}

/* What behind a "<" is no line of the protocol is the end of one. */
static void
say_next(void)
{
	struct slice	 s = says[next++ % nsays];
	bool		 data = s.n > 0 && s.p[0] == '=';

	if (s.n > 0 && s.p[0] != '!') {
		say_str(data ? "filter-dataline|" : "filter-result|");
		say_str(last);
		say_str("|");
	}
	if (data || (s.n > 0 && s.p[0] == '!'))
		s = slice_make(s.p + 1, s.n - 1);
	say(s.p, s.n);
	say_str("\n");
}

static void
told(struct slice line)
{
	static const char	 question[] = "filter|", data[] = "|data-line|";
	bool			 asked = line.n > 7 && memcmp(line.p, question, 7) == 0;
	const char		*at;

	if (asked)
		remember(line);
	if (budget == 0)
		return;
	budget--;
	if ((flags & RAW) == 0 && slice_eq(line, SLICE("config|ready")))
		register_all();
	else if (asked && (flags & ECHO) != 0 && (at = memmem(line.p, line.n, data,
	    sizeof(data) - 1)) != NULL && at < line.p + 64) {
		say_str("filter-dataline|");
		say_str(last);
		say_str("|");
		at = memrchr(line.p, '|', line.n);
		say(at + 1, (size_t)(line.p + line.n - at) - 1);
		say_str("\n");
	} else if ((asked || (flags & RAW) != 0) && nsays > 0)
		say_next();
}

int
drive_filter_write(struct drive_filter *f)
{
	const char	*lf;
	struct slice	 line;

	while (f->start < f->end) {
		line = slice_make(f->out + f->start, f->end - f->start);
		if ((lf = memchr(line.p, '\n', line.n)) == NULL)
			abort();
		line.n = (size_t)(lf - line.p);
		f->start += line.n + 1;
		told(line);
	}
	f->start = f->end = 0;
	return 0;
}

void
drive_filter_fate(struct drive_filter *f, char *buf, size_t size)
{
	(void)f;
	snprintf(buf, size, "ended with status 0");
}

/* -- the drive -- */

static void
said_cb(void *arg, uint64_t session, struct slice line)
{
	struct report	 r;

	(void)arg;
	(void)session;
	if (line.n == 0 || line.p[line.n - 1] != '\n' ||
	    report_parse(&r, slice_make(line.p, line.n - 1)) != REPORT_KNOWN ||
	    (r.event != EV_FILTER_RESPONSE && r.event != EV_FILTER_REPORT))
		abort();
}

static void
ended_cb(void *arg, uint64_t session)
{
	(void)arg;
	(void)session;
}

static void
wrong_cb(void *arg, const char *why, struct slice what)
{
	(void)arg;
	(void)what;
	if (why[0] == '\0')
		abort();
}

/* The filter says all it has; what it does not answer is out of time at once. */
static void
settle(struct drive *d)
{
	size_t	 turns;

	for (turns = 0; !drive_is_down(d) && !drive_takes(d) && turns < 1000; turns++)
		if (drive_turn(&d, 1, -1, 0) == -1)
			abort();
}

static void
run(const struct drive_options *o, struct slice stream)
{
	struct drive	*d = drive_new(o);
	struct report	 r;
	const char	*lf;
	struct slice	 line;

	if (d == NULL)
		abort();
	settle(d);
	for (; stream.n > 0; stream = slice_make(stream.p + line.n, stream.n - line.n)) {
		lf = memchr(stream.p, '\n', stream.n);
		line = slice_make(stream.p, lf == NULL ? stream.n :
		    (size_t)(lf - stream.p));
		if (line.n < REPORT_LINE_MAX && (line.n == 0 || line.p[0] != '<') &&
		    report_parse(&r, line) == REPORT_KNOWN) {
			settle(d);
			if (drive_play(d, &r) == -1)
				abort();
		}
		line.n += lf != NULL;
	}
	settle(d);
	if (drive_finish(d) == -1)
		abort();
	for (budget = 1000; budget > 0 && !drive_is_down(d); budget--)
		if (drive_turn(&d, 1, -1, 0) == -1)
			abort();
	drive_free(d);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const enum dialect	 dialects[] = { DIALECT_0_7, DIALECT_0_4, DIALECT_1,
	    DIALECT_0_5 };
	struct drive_options		 o = { .command = "", .name = "f", .phases = ~0u,
	    .message = SLICE_NONE, .said = said_cb, .ended = ended_cb, .wrong = wrong_cb };
	const char			*p = (const char *)data, *end = p + size, *lf;

	if (size < 2)
		return 0;
	flags = data[0];
	o.dialect = dialects[flags & 3];
	o.at_once = AT_ONCE(flags);
	if ((flags & MESSAGE) != 0)
		o.message = SLICE(".a\r\nb\n..\n\nlast");
	p++;
	nsays = next = 0;
	last[0] = '\0';
	budget = 20000;
	for (; p < end && nsays < LINES_MAX; p = lf + 1) {
		if ((lf = memchr(p, '\n', (size_t)(end - p))) == NULL)
			lf = end;
		if (*p == '<')
			says[nsays++] = slice_make(p + 1, (size_t)(lf - p) - 1);
	}
	run(&o, slice_make(data + 1, size - 1));
	return 0;
}
