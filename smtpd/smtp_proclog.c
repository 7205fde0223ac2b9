/* SPDX-License-Identifier: ISC */
/*
 * What the commands of `proc` print, into the log.  smtp process.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>
#include <event2/event_struct.h>

#include "smtpd/log.h"
#include "smtpd/loop.h"
#include "smtpd/smtp_proclog.h"

#define LINE_MAX_LOGGED	4096
#define LINES_A_SECOND	100

struct proclog {
	const char	*name;
	int		 fd;
	struct event	 readable;
	char		 line[LINE_MAX_LOGGED];
	size_t		 n;
	uint64_t	 second;	/* the one being counted */
	unsigned	 lines;		/* written in it */
	unsigned long	 unwritten;
	struct event	 tell;		/* how many those were */
};

static void
tell_cb(evutil_socket_t fd, short what, void *arg)
{
	struct proclog	*l = arg;

	(void)fd;
	(void)what;
	log_info("%s: %lu more lines not logged", l->name, l->unwritten);
	l->unwritten = 0;
}

struct proclog *
proclog_new(const char *name)
{
	struct proclog	*l = calloc(1, sizeof(*l));

	if (l == NULL)
		fatal("proc %s", name);
	l->name = name;
	l->fd = -1;
	event_assign(&l->tell, loop_base, -1, 0, tell_cb, l);
	return l;
}

static void
write_line(struct proclog *l)
{
	struct timeval	 soon = { 1, 0 };
	uint64_t	 now = loop_mono() / SECOND;

	if (now != l->second) {
		l->second = now;
		l->lines = 0;
	}
	if (l->lines++ < LINES_A_SECOND)
		log_info("%s: %.*s", l->name, (int)l->n, l->line);
	else if (l->unwritten++ == 0)
		event_add(&l->tell, &soon);
	l->n = 0;
}

static void
add(struct proclog *l, const char *p, size_t n)
{
	const char	*nl;
	size_t		 len, take;

	while (n > 0) {
		nl = memchr(p, '\n', n);
		len = nl == NULL ? n : (size_t)(nl - p);
		take = len < sizeof(l->line) - l->n ? len : sizeof(l->line) - l->n;
		memcpy(l->line + l->n, p, take);
		l->n += take;
		if (nl != NULL)
			write_line(l);
		len += nl != NULL;
		p += len;
		n -= len;
	}
}

static void
readable_cb(evutil_socket_t fd, short what, void *arg)
{
	struct proclog	*l = arg;
	char		 buf[65536];
	ssize_t		 n;

	(void)what;
	n = read(fd, buf, sizeof(buf));
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0) {
		add(l, buf, n);
		return;
	}
	/* It may have redirected its output: only its exit ends a reporter. */
	if (l->n > 0)
		write_line(l);
	event_del(&l->readable);
	close(l->fd);
	l->fd = -1;
}

void
proclog_open(struct proclog *l, int fd)
{
	if (l->fd != -1) {
		event_del(&l->readable);
		close(l->fd);
	}
	l->fd = fd;
	event_assign(&l->readable, loop_base, fd, EV_READ | EV_PERSIST,
	    readable_cb, l);
	event_add(&l->readable, NULL);
}
