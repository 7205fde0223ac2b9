/* SPDX-License-Identifier: ISC */
/*
 * Sessions that wait for another process: those that wait for the same have
 * the same time, so those that began first are late first.  smtp process.
 */
#include <event2/event.h>
#include <event2/event_struct.h>

#include "smtpd/loop.h"
#include "smtpd/proc.h"
#include "smtpd/smtp.h"

struct waiters {
	TAILQ_HEAD(, session) head;
	struct event	 timer;
};

static struct waiters	 for_dns = { .head = TAILQ_HEAD_INITIALIZER(for_dns.head) };
static struct waiters	 for_filters = { .head = TAILQ_HEAD_INITIALIZER(for_filters.head) };
static struct waiters	 for_others = { .head = TAILQ_HEAD_INITIALIZER(for_others.head) };

static void	timer_cb(evutil_socket_t, short, void *);

static struct waiters *
waiters_for(uint8_t what)
{
	return what == WAITING_DNS ? &for_dns :
	    what == WAITING_FILTER ? &for_filters : &for_others;
}

static uint64_t
patience(const struct waiters *w)
{
	return (w == &for_dns ? (uint64_t)proc_conf->dns_timeout + WAIT_DNS_MORE :
	    WAIT_MAX) * SECOND;
}

static uint64_t
waited(const struct session *s)
{
	return loop_mono() - s->wait_since;
}

/* One timer, for the first; that it may have gone by then costs a look at the next. */
static void
set_timer(struct waiters *w)
{
	struct session	*s = TAILQ_FIRST(&w->head);
	struct timeval	 tv = { 0, 0 };

	/* Each filter has its own time. */
	if (s == NULL || w == &for_filters)
		return;
	if (!event_initialized(&w->timer))
		evtimer_assign(&w->timer, loop_base, timer_cb, w);
	if (event_pending(&w->timer, EV_TIMEOUT, NULL))
		return;
	if (waited(s) < patience(w))
		tv.tv_sec = (patience(w) - waited(s)) / SECOND + 1;
	event_add(&w->timer, &tv);
}

static void
timer_cb(evutil_socket_t fd, short what, void *arg)
{
	struct waiters	*w = arg;
	struct session	*s;

	(void)fd;
	(void)what;
	while ((s = TAILQ_FIRST(&w->head)) != NULL && waited(s) >= patience(w))
		session_waited(s);
	set_timer(w);
}

void
wait_begin(struct session *s, enum waiting what)
{
	struct waiters	*w = waiters_for(what);

	s->waiting = what;
	s->wait_since = loop_mono();
	TAILQ_INSERT_TAIL(&w->head, s, wait_entry);
	set_timer(w);
}

/* The client's idle time does not count what it waited for us. */
void
wait_end(struct session *s)
{
	if (s->waiting == WAITING_NOT)
		return;
	TAILQ_REMOVE(&waiters_for(s->waiting)->head, s, wait_entry);
	s->waiting = WAITING_NOT;
	if (waited(s) >= SECOND)
		io_restart_idle(&s->io);
}
