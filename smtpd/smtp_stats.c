/* SPDX-License-Identifier: ISC */
/*
 * Counters and gauges: how many of the events there were, sessions there are,
 * and lines each proc has missed.  smtp process.
 */
#include <string.h>

#include <event2/event.h>
#include <event2/event_struct.h>

#include "lib/nitems.h"
#include "smtpd/loop.h"
#include "smtpd/proc.h"
#include "smtpd/report_emit.h"
#include "smtpd/smtp.h"
#include "smtpd/smtp_bus.h"
#include "smtpd/smtp_filter.h"
#include "smtpd/smtp_stats.h"

static uint64_t		 seen[EV_MAX];		/* events of smtp-in */
static uint64_t		 refused[EV_MAX];	/* of those, by us */
static uint64_t		 bytes;			/* of messages that were accepted */
static struct event	 timer;

static const struct {
	const char	*name;
	const uint64_t	*value;
} counters[] = {
	{ "smtp.connections",		&seen[EV_LINK_CONNECT] },
	{ "smtp.tls",			&seen[EV_LINK_TLS] },
	{ "smtp.logins",		&seen[EV_LINK_AUTH] },
	{ "smtp.logins.failed",		&refused[EV_LINK_AUTH] },
	{ "smtp.transactions",		&seen[EV_TX_BEGIN] },
	{ "smtp.senders.refused",	&refused[EV_TX_MAIL] },
	{ "smtp.recipients",		&seen[EV_TX_RCPT] },
	{ "smtp.recipients.refused",	&refused[EV_TX_RCPT] },
	{ "smtp.accepted",		&seen[EV_TX_COMMIT] },
	{ "smtp.accepted.bytes",	&bytes },
	{ "smtp.rollbacks",		&seen[EV_TX_ROLLBACK] },
	{ "smtp.timeouts",		&seen[EV_TIMED_OUT] },
};

void
stats_event(const struct report_source *src, enum event_id event,
    const struct report_value *v, size_t n)
{
	if (src->subsystem != SUBSYSTEM_SMTP_IN)
		return;
	seen[event]++;
	for (; n > 0; v++, n--)
		if (v->field == RF_RESULT)
			refused[event] += strcmp(v->token, "ok") != 0 &&
			    strcmp(v->token, "pass") != 0;
		else if (v->field == RF_SIZE)
			bytes += v->num;
}

static void
timer_cb(evutil_socket_t fd, short what, void *arg)
{
	size_t	 i;

	(void)fd;
	(void)what;
	(void)arg;
	report_gauge("smtp.sessions", session_count());
	for (i = 0; i < nitems(counters); i++)
		report_counter(counters[i].name, *counters[i].value);
	bus_stats();
	filters_stats();
}

static bool
is_read(void)
{
	const struct proc_conf	*c;

	TAILQ_FOREACH(c, &proc_conf->procs, entry)
		if ((c->reports & 1u << SUBSYSTEM_STATS) != 0)
			return true;
	return false;
}

void
stats_init(void)
{
	const struct timeval	 tv = { proc_conf->stats_interval, 0 };

	if (!is_read())
		return;
	event_assign(&timer, loop_base, -1, EV_PERSIST, timer_cb, NULL);
	event_add(&timer, &tv);
}
