/* SPDX-License-Identifier: ISC */
#ifndef TESTS_UNIT_QUEUE_SCHED_WORLD_H
#define TESTS_UNIT_QUEUE_SCHED_WORLD_H

/*
 * The queue's schedule without its process: time, timers, spool and log of the
 * test's own, a parent and a deliver at the other ends of real channels.  For
 * queue_sched_test.c.
 */
#include <sys/socket.h>

#include <errno.h>
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
#include <event2/event_struct.h>

#include "smtpd/log.h"
#include "smtpd/loop.h"
#include "smtpd/proc.h"
#include "smtpd/queue.h"

#define SECOND	1000000000ULL
#define NTIMERS	64
#define nitems(a)	(sizeof(a) / sizeof((a)[0]))

/* -- time -- */

struct event_base	*loop_base;
static uint64_t		 mono = 1000 * SECOND;

static struct timer {
	struct event	*ev;
	event_callback_fn fn;
	void		*arg;
	uint64_t	 due;		/* 0: not pending */
} timers[NTIMERS];

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

int64_t
queue_now(void)
{
	return (int64_t)(loop_wall() / 1000000);
}

static struct timer *
timer_of(const struct event *ev)
{
	size_t	 i;

	for (i = 0; i < NTIMERS; i++)
		if (timers[i].ev == ev)
			return &timers[i];
	return NULL;
}

/* Only timers count here: channels are read when the test says so. */
int
event_assign(struct event *ev, struct event_base *base, evutil_socket_t fd,
    short what, event_callback_fn fn, void *arg)
{
	struct timer	*t;

	(void)base;
	(void)what;
	if (fd != -1)
		return 0;
	assert_non_null(t = timer_of(NULL));
	*t = (struct timer){ ev, fn, arg, 0 };
	return 0;
}

int
event_add(struct event *ev, const struct timeval *tv)
{
	struct timer	*t = timer_of(ev);

	if (t != NULL)
		t->due = mono + (uint64_t)tv->tv_sec * SECOND +
		    (uint64_t)tv->tv_usec * 1000 + 1;
	return 0;
}

int
event_del(struct event *ev)
{
	(void)ev;
	return 0;
}

int
event_pending(const struct event *ev, short what, struct timeval *tv)
{
	(void)what;
	(void)tv;
	return timer_of(ev) != NULL && timer_of(ev)->due != 0;
}

int
event_initialized(const struct event *ev)
{
	return timer_of(ev) != NULL;
}

static void
advance(uint64_t seconds)
{
	size_t	 i;

	mono += seconds * SECOND + 2;
	for (i = 0; i < NTIMERS; i++)
		if (timers[i].due != 0 && timers[i].due <= mono) {
			timers[i].due = 0;
			timers[i].fn(-1, EV_TIMEOUT, timers[i].arg);
		}
}

/* -- the spool -- */

struct spool	*queue_spool;
bool		 queue_stopping;

static struct {
	uint64_t	 recno;
	uint32_t	 i;
	struct spool_rcpt r;
} marks[8192];
static size_t	 nmarks;
static int	 flush_error, flushes, read_error;
static uint64_t	 unreadable;		/* record */
static size_t	 readable;		/* bytes of it */

int
spool_mark(struct spool *sp, uint64_t recno, uint32_t i, const struct spool_rcpt *r)
{
	(void)sp;
	assert_true(nmarks < nitems(marks));
	marks[nmarks].recno = recno;
	marks[nmarks].i = i;
	marks[nmarks++].r = *r;
	return 0;
}

int
spool_dirty(const struct spool *sp)
{
	(void)sp;
	return 2;
}

int
spool_flush(struct spool *sp)
{
	(void)sp;
	flushes++;
	errno = flush_error;
	return flush_error != 0 ? -1 : 0;
}

static uint64_t	 sizes[64];		/* of records */

ssize_t
spool_read(struct spool *sp, uint64_t recno, size_t offset, void *buf, size_t n)
{
	uint64_t	 size = sizes[recno];

	(void)sp;
	if (recno == unreadable) {
		if (offset >= readable) {
			errno = read_error;
			return read_error == 0 ? 0 : -1;
		}
		size = size < readable ? size : readable;
	}
	if (offset >= size)
		return 0;
	n = n < size - offset ? n : size - offset;
	memset(buf, 'x', n);
	return (ssize_t)n;
}

/* -- the log -- */

static char	 last_warning[512];

static void
keep(const char *fmt, va_list ap)
{
	vsnprintf(last_warning, sizeof(last_warning), fmt, ap);
}

#define LOGGER(name)				\
void						\
name(const char *fmt, ...)			\
{						\
	va_list	 ap;				\
						\
	va_start(ap, fmt);			\
	keep(fmt, ap);				\
	va_end(ap);				\
}
LOGGER(log_warn)
LOGGER(log_warnx)

void
log_info(const char *fmt, ...)
{
	(void)fmt;
}

noreturn void
fatal(const char *fmt, ...)
{
	fail_msg("%s", fmt);
	abort();
}

/* -- peers -- */

struct ipc			*proc_parent;
const struct proc_row		 proc_rows[PROC_MAX] = {
	[PROC_PARENT] = { .name = "parent" }, [PROC_SMTP] = { .name = "smtp" },
	[PROC_LOOKUP] = { .name = "lookup" }, [PROC_QUEUE] = { .name = "queue" },
	[PROC_DELIVER] = { .name = "deliver" }, [PROC_OFFLINE] = { .name = "offline" },
};

static struct ipc	*parent;	/* the parent's end */
static int		 wanted;	/* delivers that it was asked for */

/* A deliver's end, and what it was given and has not answered. */
static struct deliver {
	struct ipc	*ipc;
	uint64_t	 job[64];
	size_t		 n;
	uint64_t	 content;	/* bytes that came behind their job */
	uint32_t	 attempt;	/* of the last job */
} them;

static void
parent_cb(struct ipc *ipc, struct ipc_msg *msg, void *arg)
{
	(void)arg;
	assert_non_null(msg);
	assert_int_equal(msg->type, IPC_DELIVER_WANT);
	ipc_get_slice(msg);
	assert_true(ipc_complete(ipc, msg));
	wanted++;
}

static void
them_cb(struct ipc *ipc, struct ipc_msg *msg, void *arg)
{
	struct ipc_job	 j;

	(void)arg;
	if (msg == NULL) {
		ipc_free(ipc);
		them.ipc = NULL;
		return;
	}
	if (msg->type == IPC_JOB_CONTENT) {
		ipc_get_u64(msg);
		them.content += ipc_get_slice(msg).n;
		return;
	}
	assert_int_equal(msg->type, IPC_JOB);
	assert_true(ipc_get_job(ipc, msg, &j));
	them.job[them.n++] = j.evpid;
	them.attempt = j.attempt;
}

static void
pair(int fd[2])
{
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fd), 0);
}

/* A deliver for the user, with so much of a window; the one before is forgotten. */
static void
meet(const char *name, uint32_t window)
{
	int	 fd[2];

	pair(fd);
	them = (struct deliver){ 0 };
	deliver_met(slice_str(name), fd[0]);
	them.ipc = ipc_new(PROC_DELIVER, PROC_QUEUE, fd[1], them_cb, NULL);
	ipc_begin(them.ipc, IPC_WINDOW);
	ipc_put_u32(them.ipc, window);
	ipc_end(them.ipc);
}

/* What everybody has to say is read, then users are fed. */
static void
turn(struct user *u)
{
	ipc_flush_all();
	if (u->deliver != NULL)
		ipc_drain(u->deliver);
	deliver_feed_all();
	ipc_flush_all();
	ipc_drain(parent);
	if (them.ipc != NULL)
		ipc_drain(them.ipc);
}

static void
say(uint64_t evpid, enum job_result result)
{
	ipc_begin(them.ipc, IPC_RESULT);
	ipc_put_u64(them.ipc, evpid);
	ipc_put_u8(them.ipc, (uint8_t)result);
	ipc_put_slice(them.ipc, SLICE("why"));
	ipc_end(them.ipc);
}

/* Answers all that it was given. */
static void
say_all(struct user *u, enum job_result result)
{
	size_t	 i;

	for (i = 0; i < them.n; i++)
		say(them.job[i], result);
	them.n = 0;
	turn(u);
}

static void
die(struct user *u)
{
	ipc_free(them.ipc);
	them = (struct deliver){ 0 };
	turn(u);
}

#define LARGE	(3 * 1024 * 1024)

static void
grant(uint32_t n)
{
	ipc_begin(them.ipc, IPC_WINDOW);
	ipc_put_u32(them.ipc, n);
	ipc_end(them.ipc);
}

/* Takes what is being sent of a large message, to its end. */
static void
stream_all(struct user *u)
{
	int	 i;

	for (i = 0; i < 100 && u->stream != NULL; i++) {
		grant(100000);
		turn(u);
	}
	assert_null(u->stream);
}

/* -- messages -- */

static uint64_t	 evpids, recnos;

/* A message of one envelope for the user, known as evpid, not yet scheduled. */
static struct envelope *
mail(const char *name, uint64_t size, int64_t ttl)
{
	struct message	*m = message_new((uint32_t)++recnos);
	struct envelope	*e;

	assert_non_null(m);
	m->recno = recnos % nitems(sizes);
	m->arrival = queue_now();
	m->size = sizes[m->recno] = size;
	m->big = size > SPOOL_SMALL;
	m->sender = strdup("");
	m->helo = strdup("");
	m->src = strdup("");
	assert_non_null(e = message_add(m, ++evpids));
	e->user = user_get(name);
	e->ttl = ttl;
	e->action = strdup("a");
	e->rcpt = strdup("r");
	e->dest = strdup("d");
	return e;
}

static enum spool_state
last_state(void)
{
	assert_true(nmarks > 0);
	return marks[nmarks - 1].r.state;
}

static int
start(void **state)
{
	int	 fd[2];

	(void)state;
	queue_spool = (struct spool *)&marks;	/* any that is there */
	pair(fd);
	proc_parent = ipc_new(PROC_QUEUE, PROC_PARENT, fd[0], parent_cb, NULL);
	parent = ipc_new(PROC_PARENT, PROC_QUEUE, fd[1], parent_cb, NULL);
	sched_init();
	return 0;
}

static int
begin(void **state)
{
	(void)state;
	nmarks = 0;
	wanted = flushes = flush_error = read_error = 0;
	unreadable = UINT64_MAX;
	readable = 0;
	return 0;
}

#endif
