/* SPDX-License-Identifier: ISC */
#ifndef TESTS_UNIT_SMTP_FILTER_WORLD_H
#define TESTS_UNIT_SMTP_FILTER_WORLD_H

/*
 * The engine of filters with one session and one message, which are the test's own, as are time,
 * conditions and reports.  Programs say what the test says; what they are told stays in their
 * pipe's buffer.  What happens is written down in heard[].
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <event2/event.h>

#include "lib/nitems.h"
#include "smtpd/log.h"
#include "smtpd/loop.h"
#include "smtpd/proc.h"
#include "smtpd/smtp.h"
#include "smtpd/smtp_chain.h"
#include "smtpd/smtp_condition.h"
#include "smtpd/smtp_filter.h"
#include "smtpd/smtp_proclog.h"

#define SID	0xa1b2c3d4e5f60718ULL
#define LIMIT	30		/* seconds that a filter may take */

/* -- what there is -- */

enum { PROC_A, PROC_B, PROC_C, PROC_OLD, NPROCS };

static struct conf	 conf = { .max_line = 1000, .max_message_size = 100000, .idle = 300,
			    .hostname = "mx.example" };
struct conf		*proc_conf = &conf;
struct ipc		*proc_parent;
struct event_base	*loop_base;

static struct proc_conf	 procs[NPROCS];
static struct filter	 programs[NPROCS], shadows[NPROCS];
static const struct filter *chain[8];
static struct listener	 listener = { .hostname = "mx.example", .chain = { chain, 0 } };
static struct session	 session;
static struct tx	 message;

static char		 heard[4096];
static uint64_t		 mono = 1000 * SECOND;
static event_callback_fn on_tick;
static unsigned		 nstrikes, nfailures;
static void		(*answered)(void);	/* in place of what a session does */

static void hear(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static void
hear(const char *fmt, ...)
{
	size_t	 len = strlen(heard);
	va_list	 ap;

	va_start(ap, fmt);
	vsnprintf(heard + len, sizeof(heard) - len, fmt, ap);
	va_end(ap);
}

static void
assert_heard(const char *expected)
{
	assert_string_equal(heard, expected);
	*heard = '\0';
}

/* -- time, log -- */

uint64_t
loop_mono(void)
{
	return mono;
}

uint64_t
loop_wall(void)
{
	return 1543836000000000 + mono / 1000;
}

int
event_assign(struct event *ev, struct event_base *base, evutil_socket_t fd,
    short what, event_callback_fn fn, void *arg)
{
	(void)ev;
	(void)base;
	(void)what;
	(void)arg;
	if (fd == -1)
		on_tick = fn;
	return 0;
}

int
event_add(struct event *ev, const struct timeval *tv)
{
	(void)ev;
	(void)tv;
	return 0;
}

int
event_del(struct event *ev)
{
	(void)ev;
	return 0;
}

void
log_info(const char *fmt, ...)
{
	(void)fmt;
}

void
log_debug(const char *fmt, ...)
{
	(void)fmt;
}

void
log_warn(const char *fmt, ...)
{
	(void)fmt;
}

void
log_warnx(const char *fmt, ...)
{
	if (strstr(fmt, "of %d)") != NULL)
		nstrikes++;
	if (strstr(fmt, "started again") != NULL)
		nfailures++;
}

void
fatal(const char *fmt, ...)
{
	(void)fmt;
	abort();
}

void
fatalx(const char *fmt, ...)
{
	(void)fmt;
	abort();
}

struct proclog *
proclog_new(const char *name)
{
	(void)name;
	return NULL;
}

void
proclog_open(struct proclog *l, int fd)
{
	(void)l;
	close(fd);
}

void
ipc_begin(struct ipc *ipc, enum ipc_type type)
{
	(void)ipc;
	assert_int_equal(type, IPC_PROC_FAILED);
}

void
ipc_put_u32(struct ipc *ipc, uint32_t v)
{
	(void)ipc;
	(void)v;
}

void
ipc_end(struct ipc *ipc)
{
	(void)ipc;
}

void
listener_start(void)
{
}

/* -- the session -- */

struct session *
session_find(uint64_t id)
{
	return id == SID ? &session : NULL;
}

bool
session_was(uint64_t id)
{
	return id == SID + 1;
}

struct slice
session_rdns(const struct session *s)
{
	(void)s;
	return SLICE("client.example");
}

struct slice
auth_secret(const struct session *s)
{
	(void)s;
	return SLICE("PLAIN AGEAYg==");
}

bool
verb_has_controls(struct slice line)
{
	return line.n > 0 && memchr(line.p, '\r', line.n) != NULL;
}

struct slice
auth_told(const struct session *s, struct slice text)
{
	(void)s;
	return text;
}

void
session_answered(struct session *s)
{
	assert_int_equal(s->waiting, WAITING_NOT);
	hear("goes on;");
	if (answered != NULL)
		answered();
}

void
session_rollback(struct session *s)
{
	(void)s;
	hear("rollback;");
}

void
session_reply_text(struct session *s, struct slice text)
{
	(void)s;
	hear("says %.*s;", (int)text.n, text.p);
}

void
session_enter(struct session *s, enum state state)
{
	s->state = state;
	hear(state == STATE_CLOSING ? "closes;" : "enters;");
}

/* As smtp_session.c does it, but that the session lives on. */
void
session_filter_lost(uint64_t bits)
{
	struct session	*s = &session;

	if ((s->source.watchers & bits) == 0)
		return;
	s->source.watchers &= ~bits;
	hear("lost;");
	if (message.stream != NULL)
		stream_abandon(message.stream);
	if (s->asking != NULL)
		phase_lost(s);
}

void
session_run_all(void)
{
	hear("all run;");
}

void
wait_begin(struct session *s, enum waiting w)
{
	assert_int_equal(s->waiting, WAITING_NOT);
	s->waiting = w;
}

void
wait_end(struct session *s)
{
	s->waiting = WAITING_NOT;
}

struct slice
reply_text(enum reply r, char *buf, size_t size, const char *a, const char *b)
{
	(void)a;
	(void)b;
	return slice_make(buf, (size_t)snprintf(buf, size, "%s", r == REPLY_TEMPFAIL ? "451 temp" :
	    r == REPLY_FILTER_DOWN ? "421 down" : r == REPLY_DNS_TEMPFAIL ? "451 dns" : "?"));
}

void
report_filter_response(const struct report_source *src, enum phase phase,
    const char *decision, struct slice param)
{
	assert_int_equal(src->session, SID);
	hear("%s %s%s%.*s;", filter_phases[phase].name, decision, param.p == NULL ? "" : " ",
	    (int)param.n, param.p == NULL ? "" : param.p);
}

void
report_filter_report(const struct report_source *src, const char *kind,
    const char *filter, struct slice text)
{
	assert_int_equal(src->session, SID);
	hear("%s %s reports %.*s;", kind, filter, (int)text.n, text.p);
}

void
report_counter(const char *name, uint64_t value)
{
	hear("%s %llu;", name, (unsigned long long)value);
}

void
report_gauge(const char *name, uint64_t value)
{
	hear("%s %llu;", name, (unsigned long long)value);
}

/* -- programs -- */

static struct filter_proc *
proc_of(unsigned i)
{
	return filter_of(&procs[i]);
}

static void
speak(unsigned i, const char *line)
{
	filter_line(proc_of(i), slice_str(line));
}

/* Starts it again; it registers for these phases. */
static void
start(unsigned i, unsigned phases)
{
	char	 line[100];
	unsigned phase;

	assert_int_equal(filter_open(i, 1, open("/dev/null", O_RDWR)), 0);
	assert_int_equal(filter_output(i, open("/dev/null", O_RDWR)), 0);
	if (i != PROC_OLD) {
		assert_int_equal(proc_of(i)->state, FILTER_REGISTERING);
		for (phase = 0; phase < PHASE_MAX; phase++) {
			snprintf(line, sizeof(line), "register|filter|smtp-in|%s",
			    filter_phases[phase].name);
			if ((phases >> phase & 1) != 0)
				speak(i, line);
		}
		speak(i, "register|ready");
	}
	assert_int_equal(proc_of(i)->state, FILTER_UP);
	/* What it was told so far it has read. */
	proc_of(i)->pipe.start = proc_of(i)->pipe.end;
	proc_of(i)->pipe.written = proc_of(i)->pipe.queued;
}

static struct question *
last_question(unsigned i)
{
	return TAILQ_LAST(&proc_of(i)->questions, questions);
}

/* What it says of a question, "proceed", and in what kind of line. */
static void
answer_line(unsigned i, const struct question *q, const char *kind, const char *text)
{
	char	 line[4096];

	if (i == PROC_OLD)
		snprintf(line, sizeof(line), "%s|%016llx|%s", kind,
		    (unsigned long long)SID, text);
	else
		snprintf(line, sizeof(line), "%s|%016llx|%016llx|%s", kind,
		    (unsigned long long)(i == PROC_C ? q->token : SID),
		    (unsigned long long)(i == PROC_C ? SID : q->token), text);
	speak(i, line);
}

/* It answers what it was asked last. */
static void
answer(unsigned i, const char *text)
{
	assert_non_null(last_question(i));
	answer_line(i, last_question(i), "filter-result", text);
}

/* All pipes take what is in them. */
static void __attribute__((unused))
take_all(void)
{
	unsigned	 i;

	for (i = 0; i < NPROCS; i++)
		proc_of(i)->pipe.written = proc_of(i)->pipe.queued;
}

static void __attribute__((unused))
pass(uint64_t time)
{
	on_tick(-1, EV_TIMEOUT, NULL);	/* what the pipe has taken is seen */
	mono += time;
	on_tick(-1, EV_TIMEOUT, NULL);
}

/* Once, for all tests of a program. */
static int
world_init(void **state)
{
	static const char *const	 names[] = { "a", "b", "c", "old" };
	unsigned			 i;

	(void)state;
	TAILQ_INIT(&conf.procs);
	TAILQ_INIT(&conf.filters);
	TAILQ_INIT(&conf.rules);
	for (i = 0; i < NPROCS; i++) {
		procs[i] = (struct proc_conf){ .index = i, .bit = i, .name = (char *)names[i],
		    .is_filter = true, .timeout = LIMIT, .buffer = 1 << 20,
		    .dialect = i == PROC_OLD ? DIALECT_1 : i == PROC_C ? DIALECT_0_4 : DIALECT_0_7,
		    .phases = i == PROC_OLD ? ~0u : 0 };
		TAILQ_INSERT_TAIL(&conf.procs, &procs[i], entry);
		programs[i] = (struct filter){ .name = (char *)names[i], .kind = FILTER_PROC,
		    .proc = &procs[i] };
		shadows[i] = programs[i];
		shadows[i].shadow = true;
	}
	filters_init();
	chains_init();
	return 0;
}

/*
 * A session whose chain is so: "aRb" is program a, the filter rules[0], program b; in upper case a
 * shadow.  Programs, o being the old one, are those that are up.
 */
static bool
session_with(const char *filters, const struct filter *rules)
{
	const char	*p, *name;

	session = (struct session){ .listener = &listener, .source.session = SID };
	message = (struct tx){ .session = &session, .msgid = 0xabcd };
	answered = NULL;
	*heard = '\0';
	nstrikes = nfailures = 0;
	listener.chain.n = 0;
	for (p = filters; *p != '\0'; p++) {
		if (*p == '1')
			chain[listener.chain.n++] = rules++;
		else if ((name = strchr("abco", *p)) != NULL)
			chain[listener.chain.n++] = &programs[name - "abco"];
		else
			chain[listener.chain.n++] = &shadows[strchr("ABCO", *p) - "ABCO"];
	}
	return phase_begin(&session);
}

static int
world_end(void **state)
{
	unsigned	 i;

	(void)state;
	session.source.watchers = 0;
	for (i = 0; i < NPROCS; i++)
		filter_ended(proc_of(i), "the test is over");
	return 0;
}

#endif
