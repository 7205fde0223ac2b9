/* SPDX-License-Identifier: ISC */
#ifndef LIB_LINEBUF_H
#define LIB_LINEBUF_H

/*
 * A read buffer of lines over a descriptor.  It grows for a line longer than
 * itself; of a line of LINEBUF_MAX bytes or more the beginning is returned,
 * marked as cut, and the rest is skipped.
 */
#include <stdbool.h>
#include <stddef.h>

#include "lib/slice.h"

#define LINEBUF_SIZE	(256 * 1024)
#define LINEBUF_MAX	(16 * 1024 * 1024)

struct outbuf;

struct linebuf {
	char	*buf;
	size_t	 size;		/* of buf */
	size_t	 start, end;	/* what is read and not returned yet */
	size_t	 seen;		/* from start: bytes known to hold no LF */
	size_t	 number;	/* of the line returned last, from 1 */
	int	 fd;
	bool	 cut;		/* the line returned last is such a beginning */
	bool	 skip;		/* its rest is still to be skipped */
	bool	 eof;
};

int	linebuf_init(struct linebuf *, int fd);
void	linebuf_free(struct linebuf *);		/* the descriptor stays open */
/* Another descriptor from its beginning, in the same buffer. */
void	linebuf_open(struct linebuf *, int fd);

/*
 * 1 and the next line without its LF, valid until the next call; a last line
 * may lack its LF.  0 at the end.  -1 with errno if reading fails.  Before it
 * would wait for input it flushes out (NULL: nothing to flush), so that whoever
 * reads there has seen all there is.  If out has failed it answers 0, for
 * nobody can be told more: outbuf_close says why.
 */
int	linebuf_next(struct linebuf *, struct outbuf *, struct slice *line);
/*
 * Its halves, for whoever waits for more than input: 1 and the next line that
 * is there, or 0; and one read(2), 1, or 0 at the end, or -1 with errno, EAGAIN
 * and EINTR too.
 */
int	linebuf_take(struct linebuf *, struct slice *line);
int	linebuf_read(struct linebuf *);

#endif
