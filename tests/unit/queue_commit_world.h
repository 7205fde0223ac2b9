/* SPDX-License-Identifier: ISC */
#ifndef TESTS_UNIT_QUEUE_COMMIT_WORLD_H
#define TESTS_UNIT_QUEUE_COMMIT_WORLD_H

/*
 * Around queue.c and queue_commit.c: a spool, a clock and a log of the test's
 * own, smtp and lookup at the other ends of real channels.  For
 * queue_commit_test.c.
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
#include "smtpd/report_remote.h"
#include "tests/unit/queue_spool_world.h"

/* -- the loop, the log, the other files of the queue -- */

struct event_base	*loop_base;
static uint64_t		 mono = SECOND;
static void		(*end_of_turn)(void);
static bool		 stopped;
static event_callback_fn tick;

static struct timer {
	struct event	*ev;
	event_callback_fn fn;
	uint64_t	 due;		/* 0: not pending */
} timers[16];

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

void
loop_at_end(void (*fn)(void))
{
	end_of_turn = fn;
}

void
loop_stop(void)
{
	stopped = true;
}

static struct timer *
timer_of(const struct event *ev)
{
	size_t	 i;

	for (i = 0; i < nitems(timers); i++)
		if (timers[i].ev == ev)
			return &timers[i];
	return NULL;
}

/* Only timers count: channels are read when the test says so. */
int
event_assign(struct event *ev, struct event_base *base, evutil_socket_t fd,
    short what, event_callback_fn fn, void *arg)
{
	(void)base;
	(void)arg;
	if (fd == -1 && what & EV_PERSIST)
		tick = fn;
	else if (fd == -1)
		*timer_of(NULL) = (struct timer){ ev, fn, 0 };
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
	if (timer_of(ev) != NULL)
		timer_of(ev)->due = 0;
	return 0;
}

int
event_pending(const struct event *ev, short what, struct timeval *tv)
{
	(void)what;
	(void)tv;
	return timer_of(ev) != NULL && timer_of(ev)->due != 0;
}

#define QUIET(name)				\
void						\
name(const char *fmt, ...)			\
{						\
	(void)fmt;				\
}
QUIET(log_info)
QUIET(log_debug)
QUIET(log_warn)
QUIET(log_warnx)

noreturn void
fatal(const char *fmt, ...)
{
	fail_msg("%s", fmt);
	abort();
}

struct ipc			*proc_parent;
struct conf			*proc_conf;
const struct proc_row		 proc_rows[PROC_MAX] = {
	[PROC_PARENT] = { .name = "parent" }, [PROC_SMTP] = { .name = "smtp" },
	[PROC_LOOKUP] = { .name = "lookup" }, [PROC_QUEUE] = { .name = "queue" },
	[PROC_DELIVER] = { .name = "deliver" }, [PROC_OFFLINE] = { .name = "offline" },
};

#include "tests/unit/queue_commit_peers.h"

/* -- notifications -- */

static struct noticed {
	int		 ends;
	uint32_t	 msgid;			/* of the last */
	enum commit_result result;
} noticed;

uint8_t
bounce_warnings(int64_t age)
{
	(void)age;
	return 0;
}

void
bounce_turn(void)
{
}

uint64_t
bounce_due(void)
{
	return 0;
}

void
bounce_verdict(uint32_t msgid, uint32_t serial, enum verdict verdict, uint32_t n)
{
	(void)msgid;
	(void)serial;
	(void)verdict;
	(void)n;
}

void
bounce_committed(uint32_t msgid, enum commit_result result)
{
	noticed = (struct noticed){ noticed.ends + 1, msgid, result };
}

/* -- peers -- */

/* What smtp was told. */
static struct told {
	int		 answers, orphans, spaces;
	uint32_t	 msgid;			/* of the last answer or orphan */
	enum commit_result result;
	uint64_t	 size, window;
	uint8_t		 space;
	uint32_t	 first, count;		/* leased */
} told;
static struct ipc	*smtp, *lookup;		/* their ends */
static struct ipc	*to_smtp, *to_lookup;	/* the queue's */
static uint32_t		 next;			/* msgid */

static void
from_peer(struct ipc *ipc, struct ipc_msg *msg, void *arg)
{
	queue_message(arg == &smtp ? PROC_SMTP : PROC_LOOKUP, ipc, msg);
	if (msg == NULL)
		ipc_free(ipc);
}

static void
told_cb(struct ipc *ipc, struct ipc_msg *msg, void *arg)
{
	(void)arg;
	assert_non_null(msg);
	switch (msg->type) {
	case IPC_LEASE:
		told.first = ipc_get_u32(msg);
		told.count = ipc_get_u32(msg);
		break;
	case IPC_WINDOW:
		told.window += ipc_get_u32(msg);
		break;
	case IPC_SPACE:
		told.space = ipc_get_u8(msg);
		told.spaces++;
		break;
	case IPC_COMMITTED:
		told.answers++;
		told.msgid = ipc_get_u32(msg);
		told.result = ipc_get_u8(msg);
		break;
	case IPC_ORPHAN:
		told.orphans++;
		assert_int_equal(ipc_get_u64(msg), 99);
		told.msgid = ipc_get_u32(msg);
		told.size = ipc_get_u64(msg);
		break;
	default:
		fail_msg("%s", ipc_type_name(msg->type));
	}
	assert_true(ipc_complete(ipc, msg));
}

static void
connect_peer(enum process peer, struct ipc **ours, struct ipc **theirs)
{
	int	 fd[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fd), 0);
	*ours = ipc_new(PROC_QUEUE, peer, fd[0], from_peer,
	    peer == PROC_SMTP ? &smtp : &lookup);
	*theirs = ipc_new(peer, PROC_QUEUE, fd[1], told_cb, NULL);
	queue_peer(peer, *ours, "");
}

/* The queue reads what is there: of smtp first, as if lookup's came later. */
static void
hear(void)
{
	ipc_flush_all();
	ipc_drain(to_smtp);
	if (to_lookup != NULL)
		ipc_drain(to_lookup);
}

static void
turn(void)
{
	hear();
	end_of_turn();
	ipc_flush_all();
	ipc_drain(smtp);
}

/* Time passes, then there is a turn. */
static void
advance(uint64_t seconds)
{
	size_t	 i;

	mono += seconds * SECOND + 2;
	for (i = 0; i < nitems(timers); i++)
		if (timers[i].due != 0 && timers[i].due <= mono) {
			timers[i].due = 0;
			timers[i].fn(-1, EV_TIMEOUT, NULL);
		}
	turn();
}

static void
lease(void)
{
	ipc_begin(smtp, IPC_LEASE_WANT);
	ipc_end(smtp);
	turn();
	next = told.first;
}

static void
new_smtp(void)
{
	connect_peer(PROC_SMTP, &to_smtp, &smtp);
	memset(&told, 0, sizeof(told));
	turn();
}

static void
envelope(uint32_t msgid, const char *user, const char *rcpt)
{
	static uint32_t		 n;
	struct ipc_envelope	 e = { .msgid = msgid, .ttl = 3600,
	    .evpid = (uint64_t)msgid << 32 | ++n, .action = SLICE("local"),
	    .route = slice_str(user), .rcpt = slice_str(rcpt),
	    .dest = SLICE("alice@example.org") };

	ipc_send_envelope(lookup, &e);
}

static void
commit(uint32_t msgid, uint32_t n, uint64_t size, const char *content)
{
	struct ipc_commit	 c = { .msgid = msgid, .nenvelopes = n,
	    .session = 99, .size = size, .sender = SLICE("s"),
	    .helo = SLICE("h"), .src = SLICE("c"),
	    .content = slice_str(content) };

	ipc_send_commit(smtp, &c);
}

static void
discard(uint32_t msgid)
{
	ipc_begin(smtp, IPC_DISCARD);
	ipc_put_u32(smtp, msgid);
	ipc_end(smtp);
}

static void
piece(uint32_t msgid, size_t n)
{
	static char	 bytes[65536];

	ipc_begin(smtp, IPC_CONTENT);
	ipc_put_u32(smtp, msgid);
	ipc_put_slice(smtp, slice_make(bytes, n));
	ipc_end(smtp);
}

/* The one answer since begin(). */
static void
answered(uint32_t msgid, enum commit_result result)
{
	assert_int_equal(told.answers, 1);
	assert_int_equal(told.msgid, msgid);
	assert_int_equal(told.result, result);
	told.answers = 0;
}

static int
start(void **state)
{
	(void)state;
	queue_main();
	connect_peer(PROC_LOOKUP, &to_lookup, &lookup);
	new_smtp();
	return 0;
}

/* Delivers what was accepted, and forgets what was said. */
static int
begin(void **state)
{
	size_t	 i;

	(void)state;
	for (i = 0; i < nscheduled; i++)
		if (--scheduled[i]->msg->left == 0)
			message_free(scheduled[i]->msg);
	nscheduled = 0;
	disk = (struct disk){ .recno = disk.recno };
	told = (struct told){ 0 };
	noticed = (struct noticed){ 0 };
	lease();
	told.window = 0;
	return 0;
}

#endif
