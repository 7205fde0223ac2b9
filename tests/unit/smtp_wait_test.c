/* SPDX-License-Identifier: ISC */
/*
 * What sessions wait for has the same time for all: who is told that it is
 * over, when, and when not.  Time and libevent's timer are the test's own.
 */
/* objects: smtpd/smtp_wait.o */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <event2/event.h>

#include "smtpd/loop.h"
#include "smtpd/proc.h"
#include "smtpd/smtp.h"

#define SECOND	1000000000ULL

#define TIMERS	2	/* of those that wait for dns, and of the others */

struct event_base	*loop_base;
static struct conf	 conf = { .dns_timeout = 10 };
struct conf		*proc_conf = &conf;

static uint64_t		 now;
static struct timer {
	struct event	*ev;
	event_callback_fn fn;
	void		*arg;
	uint64_t	 due;		/* 0: not pending */
} timers[TIMERS];
static struct session	*told[8];
static size_t		 ntold, nrestarts;

uint64_t
loop_mono(void)
{
	return now;
}

static struct timer *
timer_of(const struct event *ev)
{
	size_t	 i;

	for (i = 0; i < TIMERS; i++)
		if (timers[i].ev == ev)
			return &timers[i];
	fail();
	return NULL;
}

int
event_assign(struct event *ev, struct event_base *base, evutil_socket_t fd,
    short what, event_callback_fn fn, void *arg)
{
	struct timer	*t = timer_of(NULL);

	(void)base;
	(void)fd;
	(void)what;
	ev->ev_evcallback.evcb_flags = EVLIST_INIT;
	*t = (struct timer){ ev, fn, arg, 0 };
	return 0;
}

int
event_initialized(const struct event *ev)
{
	return (ev->ev_evcallback.evcb_flags & EVLIST_INIT) != 0;
}

int
event_pending(const struct event *ev, short what, struct timeval *tv)
{
	(void)tv;
	assert_int_equal(what, EV_TIMEOUT);
	return timer_of(ev)->due != 0;
}

int
event_add(struct event *ev, const struct timeval *tv)
{
	assert_true(tv->tv_sec > 0);
	timer_of(ev)->due = now + tv->tv_sec * SECOND;
	return 0;
}

void
io_restart_idle(struct io *io)
{
	(void)io;
	nrestarts++;
}

void
session_waited(struct session *s)
{
	assert_true(ntold < 8);
	told[ntold++] = s;
	wait_end(s);
}

static void
advance(uint64_t seconds)
{
	uint64_t	 until = now + seconds * SECOND;
	struct timer	*t, *first;

	for (;;) {
		first = NULL;
		for (t = timers; t < timers + TIMERS; t++)
			if (t->due != 0 && t->due <= until &&
			    (first == NULL || t->due < first->due))
				first = t;
		if (first == NULL)
			break;
		now = first->due;
		first->due = 0;
		first->fn(-1, EV_TIMEOUT, first->arg);
	}
	now = until;
}

static bool
any_due(void)
{
	return timers[0].due != 0 || timers[1].due != 0;
}

static int
setup(void **state)
{
	(void)state;
	ntold = nrestarts = 0;
	return 0;
}

static void
test_late(void **state)
{
	struct session	 a = { 0 }, b = { 0 };

	(void)state;
	wait_begin(&a, WAITING_QUEUE);
	advance(100);
	wait_begin(&b, WAITING_LOOKUP);
	advance(WAIT_MAX - 101);
	assert_int_equal(ntold, 0);
	assert_int_equal(a.waiting, WAITING_QUEUE);
	advance(2);
	assert_int_equal(ntold, 1);
	assert_ptr_equal(told[0], &a);
	assert_int_equal(a.waiting, WAITING_NOT);
	advance(98);
	assert_int_equal(ntold, 1);
	advance(3);
	assert_int_equal(ntold, 2);
	assert_ptr_equal(told[1], &b);
	assert_int_equal(nrestarts, 2);
	assert_false(any_due());
}

static void
test_in_time(void **state)
{
	struct session	 a = { 0 }, b = { 0 };

	(void)state;
	wait_begin(&a, WAITING_WINDOW);
	wait_begin(&b, WAITING_WINDOW);
	wait_end(&a);
	wait_end(&a);		/* again, when nothing waits */
	assert_int_equal(nrestarts, 0);
	advance(WAIT_MAX - 1);
	wait_end(&b);
	assert_int_equal(nrestarts, 1);
	/* It begins again: the time of the first wait is not its. */
	wait_begin(&b, WAITING_QUEUE);
	advance(WAIT_MAX - 1);
	assert_int_equal(ntold, 0);
	advance(2);
	assert_int_equal(ntold, 1);
	assert_ptr_equal(told[0], &b);
	assert_false(any_due());
}

/* The name has a time of its own, whoever waits for what else and since when. */
static void
test_dns(void **state)
{
	struct session	 a = { 0 }, b = { 0 }, c = { 0 };

	(void)state;
	wait_begin(&a, WAITING_QUEUE);
	wait_begin(&b, WAITING_DNS);
	advance(5);
	wait_begin(&c, WAITING_DNS);
	advance(5 + WAIT_DNS_MORE - 1);
	assert_int_equal(ntold, 0);
	advance(2);
	assert_int_equal(ntold, 1);
	assert_ptr_equal(told[0], &b);
	wait_end(&c);
	advance(20);
	assert_int_equal(ntold, 1);
	/* A session goes from one to the other. */
	wait_begin(&b, WAITING_LOOKUP);
	wait_end(&a);
	advance(WAIT_MAX - 1);
	assert_int_equal(ntold, 1);
	wait_end(&b);
	advance(WAIT_MAX);
	assert_int_equal(ntold, 1);
	assert_false(any_due());
}

int
main(void)
{
	static const struct CMUnitTest	 tests[] = {
		cmocka_unit_test_setup(test_late, setup),
		cmocka_unit_test_setup(test_in_time, setup),
		cmocka_unit_test_setup(test_dns, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
