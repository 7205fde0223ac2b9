/* SPDX-License-Identifier: ISC */
#ifndef LIB_OUTBUF_H
#define LIB_OUTBUF_H

/*
 * A write buffer over a descriptor.  The first error stays: what is put after
 * it is dropped, and outbuf_close says it, so that no caller has to ask in
 * between and a full disk is never silent.
 */
#include <stddef.h>
#include <string.h>

#include "lib/slice.h"

#define OUTBUF_SIZE	65536	/* what a pipe holds */

struct outbuf {
	char	*buf;
	size_t	 n;		/* bytes not written yet */
	int	 fd;
	int	 error;		/* errno of the first failure, or 0 */
};

int	outbuf_init(struct outbuf *, int fd);
/* For what does not fit the room that is left: outbuf_put calls it. */
void	outbuf_spill(struct outbuf *, const void *, size_t);
/* Writes what waits: 0, or -1 with errno of the first failure. */
int	outbuf_flush(struct outbuf *);
/* Writes what waits, closes the descriptor and frees the buffer; the same answers. */
int	outbuf_close(struct outbuf *);

static inline void
outbuf_put(struct outbuf *o, const void *p, size_t n)
{
	if (n >= OUTBUF_SIZE - o->n) {
		outbuf_spill(o, p, n);
		return;
	}
	if (n != 0)
		memcpy(o->buf + o->n, p, n);
	o->n += n;
}

static inline void
outbuf_char(struct outbuf *o, char c)
{
	outbuf_put(o, &c, 1);
}

static inline void
outbuf_slice(struct outbuf *o, struct slice s)
{
	outbuf_put(o, s.p, s.n);
}

#endif
