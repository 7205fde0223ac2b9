/* SPDX-License-Identifier: ISC */
#ifndef TESTS_UNIT_QUEUE_SCHED_WORLD_H
#define TESTS_UNIT_QUEUE_SCHED_WORLD_H

/*
 * The queue's schedule without its process: time, timers, spool and log of the
 * test's own, a parent and a deliver at the other ends of real channels.  For
 * queue_sched_test.c and queue_turn_test.c.
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
#include "smtpd/queue_bounce.h"
#include "smtpd/report_emit.h"

#define nitems(a)	(sizeof(a) / sizeof((a)[0]))

/* -- time -- */

struct event_base	*loop_base;
static uint64_t		 mono = 1000 * SECOND;
static int64_t		 wall_set;	/* seconds that the wall clock was set by */

uint64_t
loop_mono(void)
{
	return mono;
}

uint64_t
loop_wall(void)
{
	return 1543836000000000 + mono / 1000 + (uint64_t)(wall_set * 1000000);
}

int64_t
queue_now(void)
{
	return (int64_t)(loop_wall() / 1000000);
}

/* Channels are read when the test says so. */
int
event_assign(struct event *ev, struct event_base *base, evutil_socket_t fd,
    short what, event_callback_fn fn, void *arg)
{
	(void)ev;
	(void)base;
	(void)fd;
	(void)what;
	(void)fn;
	(void)arg;
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

static void
advance_idle(uint64_t seconds)
{
	mono += seconds * SECOND + 2;
	sched_wake();
}

/* No deliver is left as idle meanwhile. */
static inline void
advance(uint64_t seconds)
{
	struct route	*r;

	advance_idle(seconds);
	for (r = route_next(NULL); r != NULL; r = route_next(r))
		if (r->nrunning == 0)
			r->heard = mono;
}

/* -- the spool -- */

struct spool	*queue_spool;
bool		 queue_stopping;
struct queue_counters	 queue_counters;

static struct {
	uint64_t	 recno;
	uint32_t	 i;
	struct spool_rcpt r;
} marks[8192];
static size_t	 nmarks;
static int	 read_error, waiting;	/* waiting: marks for their flush */
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

void
queue_fates_waiting(void)
{
	waiting++;
}

void
queue_turn_again(void)
{
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

/* -- the configuration, and what is reported -- */

static struct conf	 conf = { .max_deferred = 100 };
struct conf		*proc_conf = &conf;

struct action *
conf_action(const struct conf *c, struct slice name)
{
	(void)c;
	(void)name;
	return NULL;
}

static struct {
	enum event_id	 event;		/* of the last envelope */
	uint64_t	 evpid, next;
	uint32_t	 attempts;
	char		 transport[16], dest[64], reply[128];
	size_t		 n;
} reported;

void
report_envelope(enum event_id event, const struct report_fate *f)
{
	reported.event = event;
	reported.evpid = f->evpid;
	reported.next = f->next;
	reported.attempts = f->attempts;
	reported.n++;
	snprintf(reported.transport, sizeof(reported.transport), "%s", f->transport);
	snprintf(reported.dest, sizeof(reported.dest), "%.*s", (int)f->dest.n, f->dest.p);
	snprintf(reported.reply, sizeof(reported.reply), "%.*s", (int)f->reply.n,
	    f->reply.p);
}

/* The sender is told at once, or when the test says so. */
static bool		 bounces_late;
static struct envelope	*bouncing;
static size_t		 nbounces, ndelays, nsuccesses;

void
bounce_failed(struct envelope *e, const struct outcome *o)
{
	(void)o;
	assert_int_equal(e->state, ENV_BOUNCING);
	nbounces++;
	if (bounces_late)
		bouncing = e;
	else
		fate_bounced(e);
}

void
bounce_expired(struct envelope *e, const struct outcome *o)
{
	bounce_failed(e, o);
}

void
bounce_delayed(struct envelope *e, const struct outcome *o)
{
	(void)e;
	(void)o;
	ndelays++;
}

void
bounce_delivered(const struct envelope *e, const struct outcome *o, bool relayed)
{
	(void)o;
	assert_int_equal(relayed, e->route->kind == ROUTE_RELAY);
	nsuccesses++;
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
	[PROC_DNS] = { .name = "dns" }, [PROC_RELAY] = { .name = "relay" },
	[PROC_DELIVER] = { .name = "deliver" }, [PROC_OFFLINE] = { .name = "offline" },
};

static struct ipc	*parent;	/* the parent's end */
static int		 wanted;	/* delivers that it was asked for */

/* A deliver's end, and what it was given and has not answered. */
static struct deliver {
	struct ipc	*ipc;
	uint64_t	 job[SLOTS];
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
turn(struct route *r)
{
	ipc_flush_all();
	if (r->deliver != NULL)
		ipc_drain(r->deliver);
	deliver_turn();
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
say_all(struct route *r, enum job_result result)
{
	size_t	 i;

	for (i = 0; i < them.n; i++)
		say(them.job[i], result);
	them.n = 0;
	turn(r);
}

static void
die(struct route *r)
{
	ipc_free(them.ipc);
	them = (struct deliver){ 0 };
	turn(r);
}

/* -- messages -- */

static uint64_t	 evpids;		/* the last one */
static uint32_t	 msgids;

static struct envelope *
add(struct message *m, const char *name, int64_t ttl)
{
	const struct ipc_envelope	 from = { .msgid = m->msgid,
	    .evpid = evpids = (uint64_t)m->msgid << 32 | (m->n + 1),
	    .ttl = ttl, .action = SLICE("a"), .route = slice_str(name),
	    .rcpt = SLICE("r"), .dest = SLICE("d") };
	struct envelope			*e = message_add(m, &from);

	assert_non_null(e);
	return e;
}

/* A message of one envelope for the user, known as evpids, not yet scheduled. */
static struct envelope *
mail(const char *name, uint64_t size, int64_t ttl)
{
	struct message		*m = message_new(++msgids);
	const struct ipc_commit	 c = { .msgid = msgids, .size = size,
	    .sender = SLICE(""), .helo = SLICE(""), .src = SLICE("") };

	assert_non_null(m);
	assert_int_equal(message_fill(m, &c, queue_now()), 0);
	m->recno = msgids % nitems(sizes);
	sizes[m->recno] = size;
	return add(m, name, ttl);
}

static struct route *
user(const char *name)
{
	struct route	*r = route_get(ROUTE_USER, SLICE(""), slice_str(name));

	assert_non_null(r);
	return r;
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
	return 0;
}

static int
begin(void **state)
{
	(void)state;
	nmarks = 0;
	wanted = waiting = read_error = 0;
	unreadable = UINT64_MAX;
	readable = 0;
	nbounces = ndelays = nsuccesses = 0;
	bounces_late = false;
	reported.n = 0;
	return 0;
}

#endif
