/* SPDX-License-Identifier: ISC */
/*
 * A write buffer over a descriptor.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/outbuf.h"

int
outbuf_init(struct outbuf *o, int fd)
{
	*o = (struct outbuf){ .buf = malloc(OUTBUF_SIZE), .fd = fd };
	return o->buf == NULL ? -1 : 0;
}

/* The descriptor may be non-blocking: whoever shares it decides that. */
static int
write_all(struct outbuf *o, const char *p, size_t n)
{
	struct pollfd	 pfd = { .fd = o->fd, .events = POLLOUT };
	ssize_t		 w;

	while (n > 0 && o->error == 0) {
		if ((w = write(o->fd, p, n)) >= 0) {
			p += w;
			n -= (size_t)w;
		} else if (errno == EAGAIN) {
			if (poll(&pfd, 1, -1) == -1 && errno != EINTR)
				o->error = errno;
		} else if (errno != EINTR)
			o->error = errno;
	}
	if (o->error == 0)
		return 0;
	errno = o->error;
	return -1;
}

int
outbuf_flush(struct outbuf *o)
{
	size_t	 n = o->n;

	o->n = 0;
	return write_all(o, o->buf, n);
}

void
outbuf_spill(struct outbuf *o, const void *p, size_t n)
{
	if (outbuf_flush(o) == -1)
		return;
	if (n >= OUTBUF_SIZE) {
		write_all(o, p, n);
		return;
	}
	memcpy(o->buf, p, n);
	o->n = n;
}

int
outbuf_close(struct outbuf *o)
{
	outbuf_flush(o);
	/* Some file systems find out only now that there was no room. */
	if (close(o->fd) == -1 && o->error == 0)
		o->error = errno;
	free(o->buf);
	o->buf = NULL;
	if (o->error == 0)
		return 0;
	errno = o->error;
	return -1;
}
