/* SPDX-License-Identifier: ISC */
/*
 * When an envelope is tried and by whom: the heap, backoff, expiry, slots,
 * deaths, large and unreadable content.  Channels are real; time, libevent's
 * timers and the spool are the test's own.
 */
/* objects: smtpd/queue_sched.o smtpd/queue_deliver.o smtpd/queue_message.o smtpd/ipc.o smtpd/ipc_msg.o */
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

/* -- tests -- */

static void
test_backoff(void **state)
{
	uint32_t	 n;
	int64_t		 base, v;

	(void)state;
	for (n = 1; n < 300; n++) {
		base = n > 37 ? 4 * 3600 : 10 * (int64_t)n * n;
		v = sched_backoff(n);
		assert_in_range(v, base, base + base / 10);
	}
	v = sched_backoff(UINT32_MAX);
	assert_in_range(v, 4 * 3600, 4 * 3600 + 1440);
}

static void
test_heap(void **state)
{
	struct user	*u = user_get("heap");
	struct envelope	*e, *before = NULL;
	size_t		 i, n = 0;

	(void)state;
	for (i = 0; i < 3000; i++) {
		e = mail("heap", 0, 3600);
		e->next = queue_now() + 1 + arc4random_uniform(1000);
		sched_envelope(e);
		assert_int_equal(e->state, ENV_WAITING);
	}
	assert_int_equal(sched_waiting(), 3000);
	advance(500);
	TAILQ_FOREACH(e, &u->fresh, entry) {
		assert_int_equal(e->state, ENV_READY);
		assert_true(e->next <= queue_now());
		n++;
	}
	assert_true(n > 0);
	assert_int_equal(sched_waiting(), 3000 - n);
	advance(500);
	TAILQ_FOREACH(e, &u->fresh, entry) {
		assert_true(before == NULL || before->next <= e->next);
		before = e;
	}
	assert_int_equal(sched_waiting(), 0);
	deliver_none(SLICE("heap"), true, SLICE("over"));
	assert_int_equal(nmarks, 3000);
	assert_true(TAILQ_EMPTY(&u->fresh));
}

static void
test_expiry(void **state)
{
	struct user	*u = user_get("expiry");
	struct envelope	*e = mail("expiry", 5, 100), *other;
	uint64_t	 evpid = e->evpid;

	(void)state;
	sched_envelope(e);
	turn(u);
	assert_int_equal(wanted, 1);
	meet("expiry", 0);
	turn(u);
	assert_int_equal(them.n, 1);
	assert_int_equal(them.attempt, 1);
	say_all(u, JOB_TEMPFAIL);
	assert_int_equal(last_state(), SPOOL_WAITING);
	assert_int_equal(marks[0].r.attempts, 1);
	assert_in_range(marks[0].r.next, queue_now() + 10, queue_now() + 11);

	/* The daemon was asleep: past its ttl, but the try is made first. */
	advance(1000);
	turn(u);
	assert_int_equal(them.n, 1);
	assert_int_equal(them.job[0], evpid);
	assert_int_equal(them.attempt, 2);
	say_all(u, JOB_TEMPFAIL);
	assert_int_equal(last_state(), SPOOL_EXPIRED);

	other = mail("expiry", 5, 100);
	sched_envelope(other);
	turn(u);
	advance(1000);
	say_all(u, JOB_DONE);
	assert_int_equal(last_state(), SPOOL_DONE);
	sched_envelope(mail("expiry", 5, 100));
	turn(u);
	say_all(u, JOB_PERMFAIL);
	assert_int_equal(last_state(), SPOOL_FAILED);
	die(u);
}

static void
test_slots(void **state)
{
	struct user	*u = user_get("slots");
	struct envelope	*e;
	uint64_t	 first;
	size_t		 i, old = 0;

	(void)state;
	for (i = 0; i < 40; i++) {
		e = mail("slots", 5, 3600);
		e->attempts = 1;
		sched_envelope(e);
	}
	first = evpids + 1;
	for (i = 0; i < 40; i++)
		sched_envelope(mail("slots", 5, 3600));
	turn(u);
	meet("slots", 0);
	turn(u);
	assert_int_equal(them.n, 32);
	for (i = 0; i < them.n; i++)
		old += them.job[i] < first;
	assert_int_equal(old, 16);
	assert_int_equal(u->nold, 16);
	assert_int_equal(u->nrunning, 32);
	say_all(u, JOB_DONE);
	assert_int_equal(them.n, 32);
	say_all(u, JOB_DONE);
	/* Of 40 and 40, 8 and 8 are left: all run. */
	assert_int_equal(them.n, 16);
	assert_int_equal(u->nold, 8);
	say_all(u, JOB_DONE);
	assert_int_equal(u->nold, 0);
	assert_int_equal(u->nrunning, 0);

	/* Without new mail old mail has all. */
	for (i = 0; i < 40; i++) {
		e = mail("slots", 5, 3600);
		e->attempts = 1;
		sched_envelope(e);
	}
	turn(u);
	assert_int_equal(them.n, 32);
	assert_int_equal(u->nold, 32);
	say_all(u, JOB_DONE);
	say_all(u, JOB_DONE);
	assert_int_equal(u->nold, 0);
	assert_int_equal(deliver_running(), 0);
	die(u);
}

static void
test_deaths(void **state)
{
	struct user	*u = user_get("deaths");
	size_t		 i;

	(void)state;
	for (i = 0; i < 3; i++)
		sched_envelope(mail("deaths", 5, 3600));
	for (i = 1; i <= 2; i++) {
		turn(u);
		meet("deaths", 0);
		turn(u);
		assert_int_equal(them.n, 3);
		assert_int_equal(them.attempt, i);
		die(u);
		assert_int_equal(u->nrunning, 0);
		assert_int_equal(u->nold, 0);
		assert_int_equal(nmarks, 3 * i);	/* each is an attempt */
		assert_int_equal(marks[nmarks - 1].r.next, queue_now() + (int)(i * i));
		advance(i * i);
	}
	/* A new one waits as well: each of the three runs by itself. */
	sched_envelope(mail("deaths", 5, 3600));
	turn(u);
	meet("deaths", 0);
	turn(u);
	for (i = 0; i < 2; i++) {
		assert_int_equal(them.n, 1);
		assert_int_equal(them.attempt, 3);
		say_all(u, JOB_DONE);
	}
	assert_int_equal(them.n, 1);
	die(u);			/* that is the one */
	assert_int_equal(marks[nmarks - 1].r.next, queue_now() + 9);
	turn(u);
	advance(2);
	turn(u);
	meet("deaths", 0);
	turn(u);
	assert_int_equal(them.n, 1);
	assert_int_equal(them.attempt, 1);
	assert_false(u->alone);
	say_all(u, JOB_DONE);
	advance(100);
	turn(u);
	assert_int_equal(them.n, 1);
	assert_int_equal(them.attempt, 4);
	say_all(u, JOB_DONE);
	assert_int_equal(sched_waiting(), 0);
	die(u);
}

/* However often it was in a death, it is tried within the longest wait. */
static void
test_many_deaths(void **state)
{
	struct user	*u = user_get("mourned");
	struct envelope	*e = mail("mourned", 5, 3600 * 10000);

	(void)state;
	e->deaths = 200;
	sched_envelope(e);
	turn(u);
	meet("mourned", 0);
	turn(u);
	die(u);
	assert_int_equal(nmarks, 1);
	assert_int_equal(marks[0].r.next, queue_now() + 4 * 3600);
	advance(4 * 3600);
	turn(u);
	meet("mourned", 0);
	turn(u);
	say_all(u, JOB_DONE);
	die(u);
}

/* Answers for jobs of nobody, malformed or twice. */
static void
test_answers(void **state)
{
	struct user	*u = user_get("answers");
	struct envelope	*e = mail("answers", 5, 3600);
	uint64_t	 evpid = e->evpid;

	(void)state;
	sched_envelope(e);
	turn(u);
	meet("answers", 0);
	turn(u);
	say(evpid + 1000, JOB_DONE);
	say(evpid, JOB_PERMFAIL + 1);
	turn(u);
	assert_int_equal(nmarks, 0);
	assert_int_equal(u->nrunning, 1);
	say(evpid, JOB_DONE);
	say(evpid, JOB_DONE);
	turn(u);
	assert_int_equal(nmarks, 1);
	assert_int_equal(u->nrunning, 0);
	die(u);
}

static void
test_none(void **state)
{
	struct user	*u = user_get("none");

	(void)state;
	sched_envelope(mail("none", 5, 3600));
	sched_envelope(mail("none", 5, 3600));
	turn(u);
	turn(u);
	assert_int_equal(wanted, 1);
	deliver_none(SLICE("none"), false, SLICE("no memory"));
	assert_int_equal(nmarks, 2);
	assert_int_equal(last_state(), SPOOL_WAITING);
	advance(12);
	turn(u);
	assert_int_equal(wanted, 2);
	deliver_none(SLICE("none"), true, SLICE("no such user"));
	assert_int_equal(nmarks, 4);
	assert_int_equal(last_state(), SPOOL_FAILED);
	deliver_none(SLICE("nobody has this name"), true, SLICE(""));
}

/* The parent said nothing: it is asked again, not every turn. */
static void
test_asking(void **state)
{
	struct user	*u = user_get("asking");

	(void)state;
	sched_envelope(mail("asking", 5, 3600));
	turn(u);
	advance(30);
	turn(u);
	assert_int_equal(wanted, 1);
	advance(31);
	turn(u);
	assert_int_equal(wanted, 2);
	/* One that dies at once is not asked for at once, but soon, unasked. */
	meet("asking", 0);
	die(u);
	assert_int_equal(wanted, 2);
	advance(1);
	turn(u);
	assert_int_equal(wanted, 3);
	meet("asking", 0);
	turn(u);
	say_all(u, JOB_DONE);
	assert_int_equal(nmarks, 1);
	die(u);
}

#define LARGE	(3 * 1024 * 1024)

static void
grant(uint32_t n)
{
	ipc_begin(them.ipc, IPC_WINDOW);
	ipc_put_u32(them.ipc, n);
	ipc_end(them.ipc);
}

static void
test_large(void **state)
{
	struct user	*u = user_get("large");
	struct envelope	*e = mail("large", LARGE, 3600);
	int		 i;

	(void)state;
	sched_envelope(e);
	turn(u);
	meet("large", 100000);
	turn(u);
	assert_int_equal(them.n, 1);
	sched_envelope(mail("large", 5, 3600));
	turn(u);
	assert_int_equal(them.n, 1);		/* behind it nothing is sent */
	assert_int_equal(them.content, 100000);
	assert_int_equal(u->window, 0);
	die(u);
	assert_null(u->stream);
	assert_int_equal(nmarks, 1);

	/* The large one again from its beginning, then the small one. */
	advance(1);
	turn(u);
	meet("large", 1000);
	turn(u);
	turn(u);
	assert_int_equal(them.n, 1);
	for (i = 0; i < 100 && u->stream != NULL; i++) {
		grant(100000);
		turn(u);
	}
	assert_null(u->stream);
	assert_int_equal(them.content, LARGE);
	turn(u);
	assert_int_equal(them.n, 2);
	say_all(u, JOB_DONE);
	assert_int_equal(nmarks, 3);

	/* A deliver may not want more than is good for us. */
	grant(UINT32_MAX);
	grant(UINT32_MAX);
	turn(u);
	assert_int_equal(u->window, 1024 * 1024);
	die(u);
}

/* It fails before all of it was sent: what was sent of it goes nowhere. */
static void
test_large_fails(void **state)
{
	struct user	*u = user_get("fails");

	(void)state;
	sched_envelope(mail("fails", LARGE, 3600));
	turn(u);
	meet("fails", 100000);
	turn(u);
	turn(u);
	assert_non_null(u->stream);
	say_all(u, JOB_PERMFAIL);
	assert_null(u->stream);
	assert_int_equal(last_state(), SPOOL_FAILED);
	grant(100000);
	turn(u);
	sched_envelope(mail("fails", 200000, 3600));
	turn(u);
	assert_int_equal(them.n, 1);
	assert_int_equal(them.content, 200000);
	grant(200000);
	turn(u);
	assert_int_equal(them.content, 300000);
	say_all(u, JOB_DONE);
	die(u);
}

static const struct {
	uint64_t	 size;
	size_t		 readable;
	int		 error;		/* 0: it ends there */
	int64_t		 least, most;	/* seconds until it is tried again */
} broken[] = {
	{ 5,	  0,	EBADMSG,	4 * 3600, 4 * 3600 },
	{ 5,	  3,	0,		4 * 3600, 4 * 3600 },
	{ 5,	  0,	ENOENT,		4 * 3600, 4 * 3600 },
	{ 5,	  0,	EIO,		10, 11 },
	{ LARGE,  0,	ENOENT,		4 * 3600, 4 * 3600 },
	{ LARGE,  0,	EMFILE,		10, 11 },
	{ LARGE,  LARGE - 1, 0,		4 * 3600, 4 * 3600 },
};

/* What cannot be read is not sent, least of all as an empty message. */
static void
test_unreadable(void **state)
{
	struct user	*u = user_get("unreadable");
	struct envelope	*e;
	size_t		 i;

	(void)state;
	sched_envelope(mail("unreadable", 5, 3600));
	turn(u);
	meet("unreadable", 1000);
	turn(u);
	say_all(u, JOB_DONE);
	for (i = 0; i < nitems(broken); i++) {
		e = mail("unreadable", broken[i].size, 100 * 3600);
		unreadable = e->msg->recno;
		readable = broken[i].readable;
		read_error = broken[i].error;
		nmarks = 0;
		last_warning[0] = '\0';
		sched_envelope(e);
		sched_envelope(mail("unreadable", 5, 3600));
		turn(u);
		assert_int_equal(them.n, 1);		/* the other */
		assert_int_equal(them.job[0], evpids);
		assert_string_not_equal(last_warning, "");
		assert_int_equal(nmarks, 1);
		assert_int_equal(last_state(), SPOOL_WAITING);
		assert_in_range(marks[0].r.next, queue_now() + broken[i].least,
		    queue_now() + broken[i].most);
		assert_int_equal(u->nrunning, 1);
		say_all(u, JOB_DONE);
		unreadable = UINT64_MAX;
		advance(4 * 3600);
		turn(u);
		if (broken[i].size == LARGE)		/* it is there after all */
			while (u->stream != NULL) {
				grant(1000000);
				turn(u);
			}
		assert_int_equal(them.n, 1);
		say_all(u, JOB_DONE);
	}
	assert_int_equal(u->nold, 0);
	assert_int_equal(sched_waiting(), 0);
	die(u);
}

/* Half of it was sent when it became unreadable: the deliver is let go. */
static void
test_unreadable_half(void **state)
{
	struct user	*u = user_get("half");
	struct envelope	*e = mail("half", LARGE, 3600 * 100);

	(void)state;
	sched_envelope(mail("half", 5, 3600));
	sched_envelope(e);
	turn(u);
	meet("half", 1000);
	turn(u);
	turn(u);
	assert_int_equal(them.n, 2);
	unreadable = e->msg->recno;
	read_error = EIO;
	grant(1000);
	turn(u);
	assert_null(u->deliver);
	assert_null(u->stream);
	assert_int_equal(u->nrunning, 0);
	assert_int_equal(nmarks, 2);
	assert_null(them.ipc);		/* it saw the end */
	unreadable = UINT64_MAX;
	advance(12);
	turn(u);
	meet("half", 1000000);
	turn(u);
	turn(u);
	assert_int_equal(them.n, 2);
	while (u->stream != NULL) {
		grant(1000000);
		turn(u);
	}
	say_all(u, JOB_DONE);
	assert_int_equal(sched_waiting(), 0);
	die(u);
}

static void
test_hung(void **state)
{
	struct user	*u = user_get("hung");
	int		 i;

	(void)state;
	for (i = 0; i < 3; i++)
		sched_envelope(mail("hung", 5, 3600 * 10));
	turn(u);
	meet("hung", 0);
	turn(u);
	assert_int_equal(them.n, 3);
	/* Slow is not hung: it answers for one now and then. */
	advance(500);
	deliver_check_time();
	assert_non_null(u->deliver);
	say(them.job[0], JOB_DONE);
	turn(u);
	advance(500);
	deliver_check_time();
	assert_non_null(u->deliver);
	advance(101);
	deliver_check_time();
	assert_null(u->deliver);
	assert_int_equal(nmarks, 3);
	turn(u);
	assert_null(them.ipc);
	advance(2);
	turn(u);
	meet("hung", 0);
	turn(u);
	say_all(u, JOB_DONE);
	assert_int_equal(sched_waiting(), 0);
	die(u);
}

static void
test_flush_again(void **state)
{
	struct user	*u = user_get("flush");

	(void)state;
	advance(20);			/* of the tests before */
	flushes = 0;
	sched_envelope(mail("flush", 5, 3600));
	turn(u);
	meet("flush", 0);
	turn(u);
	flush_error = EIO;
	say_all(u, JOB_DONE);
	assert_int_equal(flushes, 0);
	advance(1);
	assert_int_equal(flushes, 1);
	flush_error = 0;
	advance(10);
	assert_int_equal(flushes, 2);
	advance(100);
	assert_int_equal(flushes, 2);
	die(u);
}

/* Content is kept while a first try is ahead, dropped when all wait. */
static void
test_content(void **state)
{
	struct user	*u = user_get("content");
	struct envelope	*e = mail("content", 5, 3600), *f;
	struct message	*m = e->msg;

	(void)state;
	assert_non_null(f = message_add(m, ++evpids));
	f->user = u;
	f->ttl = 3600;
	f->action = strdup("a");
	f->rcpt = strdup("r");
	f->dest = strdup("d");
	assert_true(message_keep_content(m, SLICE("12345")));
	sched_envelope(e);
	sched_envelope(f);
	turn(u);
	meet("content", 0);
	turn(u);
	assert_int_equal(them.n, 2);
	say(them.job[0], JOB_TEMPFAIL);
	turn(u);
	assert_non_null(m->content);
	say(them.job[1], JOB_TEMPFAIL);
	turn(u);
	assert_null(m->content);
	them.n = 0;
	advance(12);
	turn(u);
	assert_int_equal(them.n, 2);
	say_all(u, JOB_DONE);
	die(u);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test_setup(test_backoff, begin),
		cmocka_unit_test_setup(test_heap, begin),
		cmocka_unit_test_setup(test_expiry, begin),
		cmocka_unit_test_setup(test_slots, begin),
		cmocka_unit_test_setup(test_deaths, begin),
		cmocka_unit_test_setup(test_many_deaths, begin),
		cmocka_unit_test_setup(test_answers, begin),
		cmocka_unit_test_setup(test_none, begin),
		cmocka_unit_test_setup(test_asking, begin),
		cmocka_unit_test_setup(test_large, begin),
		cmocka_unit_test_setup(test_large_fails, begin),
		cmocka_unit_test_setup(test_unreadable, begin),
		cmocka_unit_test_setup(test_unreadable_half, begin),
		cmocka_unit_test_setup(test_hung, begin),
		cmocka_unit_test_setup(test_flush_again, begin),
		cmocka_unit_test_setup(test_content, begin),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
