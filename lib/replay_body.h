/* SPDX-License-Identifier: ISC */
#ifndef LIB_REPLAY_BODY_H
#define LIB_REPLAY_BODY_H

/*
 * What is sent after DATA or BDAT, for the recorded content is not in the
 * stream: a file, or a message that is made up, a piece at a time.
 */
#include <sys/types.h>

#include <stdbool.h>
#include <stdint.h>

#include "lib/slice.h"

#define REPLAY_BODY_PIECE	512	/* of a file at a time */
#define REPLAY_BODY_LEAST	400	/* where the size is not known */

struct replay_body {
	char		 piece[2 * REPLAY_BODY_PIECE + 2];
	size_t		 start, end;	/* what of it is still to be sent */
	uint64_t	 left;		/* made up: bytes of the message */
	off_t		 at;
	int		 fd;		/* the file, or -1 */
	bool		 chunk;		/* as it is, without dots or an end */
	bool		 inside;	/* a line */
	bool		 ended;
	int		 error;		/* errno: the file could not be read */
};

/* A message from the file fd, with its dots and the dot at its end. */
void	replay_body_file(struct replay_body *, int fd);
/*
 * One of our own of about so many bytes, counted with LF line ends.  name is a
 * word that makes its Message-ID, time is of the Date, in seconds.
 */
void	replay_body_make(struct replay_body *, uint64_t size, struct slice name,
	    int64_t time);
/* So many bytes exactly; first: with a header. */
void	replay_body_chunk(struct replay_body *, uint64_t size, bool first,
	    struct slice name, int64_t time);
/* The next bytes, 0 at the end. */
size_t	replay_body_read(struct replay_body *, char *buf, size_t size);

#endif
