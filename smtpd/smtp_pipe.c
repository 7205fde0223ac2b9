/* SPDX-License-Identifier: ISC */
/*
 * The two pipes of a filter: lines to it wait in a buffer, its lines are read
 * as they come, always.  smtp process.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "smtpd/log.h"
#include "smtpd/loop.h"
#include "smtpd/proc.h"
#include "smtpd/smtp_filter.h"

#define BUFFER_MIN	(64 * 1024)
#define READ_SIZE	(256 * 1024)
#define LINE_HEAD	512		/* of a data line, before the line itself */

static void	writable_cb(evutil_socket_t, short, void *);
static void	readable_cb(evutil_socket_t, short, void *);

void
pipe_init(struct filter_pipe *p, struct filter_proc *owner)
{
	*p = (struct filter_pipe){ .owner = owner, .in = -1, .out = -1 };
}

static void
close_fd(int *fd, struct event *ev)
{
	if (*fd == -1)
		return;
	event_del(ev);
	close(*fd);
	*fd = -1;
}

void
pipe_close(struct filter_pipe *p)
{
	close_fd(&p->in, &p->writable);
	close_fd(&p->out, &p->readable);
	free(p->data);
	free(p->line);
	pipe_init(p, p->owner);
}

void
pipe_open_in(struct filter_pipe *p, int fd)
{
	close_fd(&p->in, &p->writable);
	p->in = fd;
	p->blocked = false;
	event_assign(&p->writable, loop_base, fd, EV_WRITE, writable_cb, p);
}

void
pipe_open_out(struct filter_pipe *p, int fd)
{
	close_fd(&p->out, &p->readable);
	p->out = fd;
	p->line_len = 0;
	event_assign(&p->readable, loop_base, fd, EV_READ | EV_PERSIST,
	    readable_cb, p);
	event_add(&p->readable, NULL);
}

/* -- to it -- */

size_t
pipe_waiting(const struct filter_pipe *p)
{
	return p->end - p->start;
}

char *
pipe_room(struct filter_pipe *p, size_t n)
{
	size_t	 size = p->size == 0 ? BUFFER_MIN : p->size;
	char	*data;

	if (p->size - p->end >= n)
		return p->data + p->end;
	if (p->start > p->size / 2) {
		memmove(p->data, p->data + p->start, pipe_waiting(p));
		p->end -= p->start;
		p->start = 0;
		if (p->size - p->end >= n)
			return p->data + p->end;
	}
	while (size - p->end < n)
		size *= 2;
	if ((data = realloc(p->data, size)) == NULL)
		return NULL;
	p->data = data;
	p->size = size;
	return p->data + p->end;
}

void
pipe_used(struct filter_pipe *p, size_t n)
{
	p->end += n;
	p->queued += n;
}

/* An idle filter does not hold what a burst needed. */
static void
emptied(struct filter_pipe *p)
{
	p->start = p->end = 0;
	if (p->size > 16 * BUFFER_MIN) {
		free(p->data);
		p->data = NULL;
		p->size = 0;
	}
}

void
pipe_flush(struct filter_pipe *p)
{
	ssize_t	 n;

	while (p->in != -1 && !p->blocked && pipe_waiting(p) > 0) {
		n = write(p->in, p->data + p->start, pipe_waiting(p));
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1 && errno == EAGAIN) {
			p->blocked = true;
			p->progress = loop_mono();
			event_add(&p->writable, NULL);
			return;
		}
		if (n == -1) {
			filter_ended(p->owner, strerror(errno));
			return;
		}
		p->start += n;
		p->written += n;
	}
	if (p->size > 0 && pipe_waiting(p) == 0)
		emptied(p);
}

static void
writable_cb(evutil_socket_t fd, short what, void *arg)
{
	struct filter_pipe	*p = arg;

	(void)fd;
	(void)what;
	p->blocked = false;
	pipe_flush(p);
	filter_relieved(p->owner);
}

/* -- from it -- */

static size_t
line_max(void)
{
	return LINE_HEAD + 2 * proc_conf->max_line;
}

/* The beginning of a line whose end is still to come; -1: it is too long, or there is no memory. */
static int
keep(struct filter_pipe *p, const char *text, size_t n)
{
	size_t	 size = p->line_size == 0 ? LINE_HEAD : p->line_size;
	char	*line;

	if (p->line_len + n > line_max())
		return -1;
	while (size < p->line_len + n)
		size *= 2;
	if (size > p->line_size) {
		if ((line = realloc(p->line, size)) == NULL)
			return -1;
		p->line = line;
		p->line_size = size;
	}
	memcpy(p->line + p->line_len, text, n);
	p->line_len += n;
	return 0;
}

/* One that was begun is put together first. */
static int
whole_line(struct filter_pipe *p, const char *text, size_t n)
{
	size_t	 len = p->line_len + n;

	if (len > line_max())
		return -1;
	if (p->line_len == 0) {
		filter_line(p->owner, slice_make(text, n));
		return 0;
	}
	if (keep(p, text, n) == -1)
		return -1;
	p->line_len = 0;
	filter_line(p->owner, slice_make(p->line, len));
	return 0;
}

/* A line may end the filter, and with it these pipes. */
static void
lines(struct filter_pipe *p, const char *text, size_t n)
{
	const char	*end = text + n, *nl;
	int		 fd = p->out;

	while (text < end && p->out == fd) {
		nl = memchr(text, '\n', (size_t)(end - text));
		if ((nl == NULL ? keep(p, text, (size_t)(end - text)) :
		    whole_line(p, text, (size_t)(nl - text))) == -1) {
			filter_fail(p->owner, "a line is longer than %zu bytes",
			    line_max());
			return;
		}
		if (nl == NULL)
			return;
		text = nl + 1;
	}
}

static void
readable_cb(evutil_socket_t fd, short what, void *arg)
{
	static char		 buf[READ_SIZE];
	struct filter_pipe	*p = arg;
	ssize_t			 n;

	(void)what;
	n = read(fd, buf, sizeof(buf));
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0)
		lines(p, buf, (size_t)n);
	else
		filter_ended(p->owner, n == 0 ? "it closed its output" : strerror(errno));
}
