/* SPDX-License-Identifier: ISC */
/*
 * Sessions that wait for another process: the time is the same for all, so
 * those that began first are late first.  smtp process.
 */
#include <event2/event.h>
#include <event2/event_struct.h>

#include "smtpd/loop.h"
#include "smtpd/smtp.h"

#define SECOND	1000000000ULL	/* ns */

static TAILQ_HEAD(, session)	 waiters = TAILQ_HEAD_INITIALIZER(waiters);
static struct event		 timer;

static void	timer_cb(evutil_socket_t, short, void *);

static uint64_t
waited(const struct session *s)
{
	return loop_mono() - s->wait_since;
}

/* One timer, for the first; that it may have gone by then costs a look at the next. */
static void
set_timer(void)
{
	struct session	*s = TAILQ_FIRST(&waiters);
	struct timeval	 tv = { 0, 0 };

	if (s == NULL)
		return;
	if (!event_initialized(&timer))
		evtimer_assign(&timer, loop_base, timer_cb, NULL);
	if (event_pending(&timer, EV_TIMEOUT, NULL))
		return;
	if (waited(s) < WAIT_MAX * SECOND)
		tv.tv_sec = (WAIT_MAX * SECOND - waited(s)) / SECOND + 1;
	event_add(&timer, &tv);
}

static void
timer_cb(evutil_socket_t fd, short what, void *arg)
{
	struct session	*s;

	(void)fd;
	(void)what;
	(void)arg;
	while ((s = TAILQ_FIRST(&waiters)) != NULL &&
	    waited(s) >= WAIT_MAX * SECOND)
		session_waited(s);
	set_timer();
}

void
wait_begin(struct session *s, enum waiting what)
{
	s->waiting = what;
	s->wait_since = loop_mono();
	TAILQ_INSERT_TAIL(&waiters, s, wait_entry);
	set_timer();
}

/* The client's idle time does not count what it waited for us. */
void
wait_end(struct session *s)
{
	if (s->waiting == WAITING_NOT)
		return;
	s->waiting = WAITING_NOT;
	TAILQ_REMOVE(&waiters, s, wait_entry);
	if (waited(s) >= SECOND)
		io_restart_idle(&s->io);
}
