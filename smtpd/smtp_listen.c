/* SPDX-License-Identifier: ISC */
/*
 * Listeners: sockets that the parent bound, accepted from as long as there
 * are descriptors and sessions left.  smtp process.
 */
#include <sys/resource.h>
#include <sys/socket.h>

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "lib/addr.h"
#include "smtpd/log.h"
#include "smtpd/loop.h"
#include "smtpd/proc.h"
#include "smtpd/smtp.h"
#include "smtpd/smtp_chain.h"
#include "smtpd/smtp_filter.h"

#define ACCEPTS_A_TURN	64	/* so that sessions come to their turn */
#define RESERVE		64	/* descriptors that are not for clients */
#define RETRY		1	/* seconds until a paused accept tries again */
#define TELL		60	/* seconds between two words about it */

static struct listener	*listeners;
static bool		 started, paused;
static struct event	 retry;

static void	accept_cb(evutil_socket_t, short, void *);

enum listen_tls
listener_tls(const struct listener *l)
{
	return l->conf == NULL || l->local ? LISTEN_PLAIN : l->conf->tls;
}

static const struct listen *
directive(unsigned index, bool local)
{
	const struct listen	*l;

	TAILQ_FOREACH(l, &proc_conf->listens, entry)
		if (l->index == index && l->socket == local)
			return l;
	return NULL;
}

static char *
submit_text(void)
{
	char	*text;

	if (asprintf(&text, "unix:%s.submit", proc_conf->control) == -1)
		fatal("listener");
	return text;
}

void
listener_add(unsigned index, struct slice text, int fd)
{
	struct listener	*l;

	if ((l = calloc(1, sizeof(*l))) == NULL)
		fatal("listener");
	l->fd = fd;
	l->local = text.n == 0;
	l->conf = directive(index, l->local);
	l->text = l->local ? submit_text() : strndup(text.p, text.n);
	l->hostname = l->conf != NULL && l->conf->hostname != NULL ?
	    l->conf->hostname : proc_conf->hostname;
	if (l->text == NULL)
		fatal("listener");
	chain_attach(l);
	if (listener_tls(l) != LISTEN_PLAIN)
		l->tls = smtp_tls_server(l->conf, l->hostname);
	event_assign(&l->ev, loop_base, fd, EV_READ | EV_PERSIST, accept_cb, l);
	if (started)
		event_add(&l->ev, NULL);
	l->next = listeners;
	listeners = l;
	log_debug("listening on %s", l->text);
}

void
listener_start(void)
{
	struct listener	*l;

	if (started || !tx_possible() || !filters_settled())
		return;
	started = true;
	for (l = listeners; l != NULL; l = l->next)
		event_add(&l->ev, NULL);
}

void
listener_resume(void)
{
	struct listener	*l;

	if (!paused)
		return;
	paused = false;
	event_del(&retry);
	for (l = listeners; l != NULL; l = l->next)
		event_add(&l->ev, NULL);
}

static void
retry_cb(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	listener_resume();
}

static void
pause_all(const char *why)
{
	static uint64_t	 told;
	struct timeval	 tv = { RETRY, 0 };
	struct listener	*l;
	uint64_t	 now = loop_mono() / SECOND;

	if (paused)
		return;
	/* Each session that ends at the limit makes room for one that meets it. */
	if (told == 0 || now - told >= TELL) {
		log_warnx("accepting pauses: %s", why);
		told = now;
	}
	paused = true;
	for (l = listeners; l != NULL; l = l->next)
		event_del(&l->ev);
	evtimer_assign(&retry, loop_base, retry_cb, NULL);
	event_add(&retry, &tv);
}

void
listener_close_all(void)
{
	struct listener	*l;

	if (paused)
		event_del(&retry);
	/* The parent has them too: a close would not take them out of the loop. */
	for (l = listeners; l != NULL; l = l->next)
		event_del(&l->ev);
	/* Sessions still point to them; nothing more is accepted. */
	listeners = NULL;
}

/* What the configuration says, within what descriptors allow. */
static size_t
max_sessions(void)
{
	struct rlimit	 rl;
	size_t		 max = 1024;

	if (getrlimit(RLIMIT_NOFILE, &rl) == 0)
		max = rl.rlim_cur;
	max = max > 2 * RESERVE ? max - RESERVE : max / 2;
	if (proc_conf->max_sessions > 0 && proc_conf->max_sessions < max)
		max = proc_conf->max_sessions;
	return max;
}

static void
accept_cb(evutil_socket_t fd, short what, void *arg)
{
	static size_t		 max;
	const struct listener	*l = arg;
	struct sockaddr_storage	 ss;
	socklen_t		 len;
	char			 src[ADDR_MAX];
	int			 s, i, on = 1;

	(void)what;
	if (max == 0)
		max = max_sessions();
	for (i = 0; i < ACCEPTS_A_TURN; i++) {
		if (session_count() >= max) {
			pause_all("as many sessions as there may be");
			return;
		}
		len = sizeof(ss);
		s = accept4(fd, (struct sockaddr *)&ss, &len,
		    SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (s == -1) {
			if (errno == EMFILE || errno == ENFILE ||
			    errno == ENOMEM || errno == ENOBUFS)
				pause_all(strerror(errno));
			return;
		}
		if (l->local)
			strlcpy(src, l->text, sizeof(src));
		else {
			addr_text((struct sockaddr *)&ss, src, sizeof(src));
			setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		}
		session_new(l, s, src);
	}
}
