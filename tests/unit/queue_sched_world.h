/* SPDX-License-Identifier: ISC */
#ifndef TESTS_UNIT_QUEUE_SCHED_WORLD_H
#define TESTS_UNIT_QUEUE_SCHED_WORLD_H

/*
 * The queue's schedule without its process: time, timers, spool and log of the
 * test's own, a parent at the other end of a real channel.  For queue_relay_world.h and,
 * with a deliver (queue_deliver_world.h), queue_sched_test.c and queue_turn_test.c.
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
pair(int fd[2])
{
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fd), 0);
}

/* -- messages -- */

static uint64_t	 evpids;		/* the last one */
static uint32_t	 msgids;

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
