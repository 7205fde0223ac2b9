/* SPDX-License-Identifier: ISC */
/*
 * A read buffer of lines over a descriptor.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/linebuf.h"
#include "lib/outbuf.h"

int
linebuf_init(struct linebuf *b, int fd)
{
	*b = (struct linebuf){ .buf = malloc(LINEBUF_SIZE), .size = LINEBUF_SIZE,
	    .fd = fd };
	return b->buf == NULL ? -1 : 0;
}

void
linebuf_free(struct linebuf *b)
{
	free(b->buf);
	*b = (struct linebuf){ .fd = -1 };
}

void
linebuf_open(struct linebuf *b, int fd)
{
	*b = (struct linebuf){ .buf = b->buf, .size = b->size, .fd = fd };
}

/* Room for the next read behind what is kept; 0, or -1 with errno. */
static int
make_room(struct linebuf *b)
{
	char	*p;

	if (b->start > 0) {
		memmove(b->buf, b->buf + b->start, b->end - b->start);
		b->end -= b->start;
		b->start = 0;
	}
	if (b->end < b->size)
		return 0;
	if ((p = realloc(b->buf, b->size * 2)) == NULL)
		return -1;
	b->buf = p;
	b->size *= 2;
	return 0;
}

int
linebuf_read(struct linebuf *b)
{
	ssize_t	 n;

	if (make_room(b) == -1 ||
	    (n = read(b->fd, b->buf + b->end, b->size - b->end)) == -1)
		return -1;
	b->end += (size_t)n;
	b->eof = n == 0;
	return n > 0;
}

/* Waits for more, or for the end.  -1 with errno. */
static int
fill(struct linebuf *b, struct outbuf *out)
{
	struct pollfd	 pfd = { .fd = b->fd, .events = POLLIN };

	if (out != NULL && out->n > 0 && poll(&pfd, 1, 0) != 1)
		outbuf_flush(out);
	if (out != NULL && out->error != 0) {
		b->start = b->end;
		b->eof = true;
		return 0;
	}
	while (linebuf_read(b) == -1) {
		if (errno == EAGAIN)
			poll(&pfd, 1, -1);
		else if (errno != EINTR)
			return -1;
	}
	return 0;
}

/* The line of n bytes at start, and what stands between it and the next. */
static int
take(struct linebuf *b, struct slice *line, size_t n, size_t gap)
{
	*line = slice_make(b->buf + b->start, n);
	b->start += n + gap;
	b->seen = 0;
	b->number++;
	return 1;
}

int
linebuf_take(struct linebuf *b, struct slice *line)
{
	const char	*from, *lf;

	b->cut = false;
	for (;;) {
		from = b->buf + b->start + b->seen;
		lf = memchr(from, '\n', b->end - b->start - b->seen);
		if (lf == NULL)
			break;
		if (!b->skip)
			return take(b, line, (size_t)(lf - b->buf) - b->start, 1);
		b->start = (size_t)(lf - b->buf) + 1;
		b->seen = 0;
		b->skip = false;
	}
	b->seen = b->end - b->start;
	if (b->skip) {
		b->start = b->end;
		b->seen = 0;
	} else if (b->seen >= LINEBUF_MAX) {
		b->cut = b->skip = true;
		return take(b, line, LINEBUF_MAX, 0);
	}
	if (!b->eof || b->end == b->start)
		return 0;
	return take(b, line, b->end - b->start, 0);
}

int
linebuf_next(struct linebuf *b, struct outbuf *out, struct slice *line)
{
	while (linebuf_take(b, line) == 0) {
		if (b->eof)
			return 0;
		if (fill(b, out) == -1)
			return -1;
	}
	return 1;
}
