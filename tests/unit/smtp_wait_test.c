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
#include "smtpd/smtp.h"

#define SECOND	1000000000ULL

struct event_base	*loop_base;

static uint64_t		 now;
static uint64_t		 due;		/* of the timer; 0: not pending */
static event_callback_fn timer;
static struct session	*told[8];
static size_t		 ntold, nrestarts;

uint64_t
loop_mono(void)
{
	return now;
}

int
event_assign(struct event *ev, struct event_base *base, evutil_socket_t fd,
    short what, event_callback_fn fn, void *arg)
{
	(void)base;
	(void)fd;
	(void)what;
	(void)arg;
	ev->ev_evcallback.evcb_flags = EVLIST_INIT;
	timer = fn;
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
	(void)ev;
	(void)tv;
	assert_int_equal(what, EV_TIMEOUT);
	return due != 0;
}

int
event_add(struct event *ev, const struct timeval *tv)
{
	(void)ev;
	assert_true(tv->tv_sec > 0);
	due = now + tv->tv_sec * SECOND;
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

	while (due != 0 && due <= until) {
		now = due;
		due = 0;
		timer(-1, EV_TIMEOUT, NULL);
	}
	now = until;
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
	assert_int_equal(due, 0);
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
	assert_int_equal(due, 0);
}

int
main(void)
{
	static const struct CMUnitTest	 tests[] = {
		cmocka_unit_test_setup(test_late, setup),
		cmocka_unit_test_setup(test_in_time, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
