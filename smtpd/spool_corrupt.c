/* SPDX-License-Identifier: ISC */
/*
 * What is damaged is kept for people in corrupt/, within bounds, counted and
 * told.  Spool of the queue process.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "smtpd/spool_int.h"

#define PIECES_MAX	64	/* kept of damaged segments, over all starts */
#define LIFE_DIGITS	16	/* a piece is called LIFE.OFFSET */

static unsigned
pieces(const struct spool *sp)
{
	struct dirent	*d;
	DIR		*dir;
	unsigned	 n = 0;
	int		 fd = dup(sp->corruptfd);

	if (fd == -1 || (dir = fdopendir(fd)) == NULL)
		return PIECES_MAX;
	rewinddir(dir);
	while ((d = readdir(dir)) != NULL)
		n += strcspn(d->d_name, ".") == LIFE_DIGITS &&
		    d->d_name[LIFE_DIGITS] == '.';
	closedir(dir);
	return n;
}

void
corrupt_keep(struct spool *sp, const struct segment *seg, size_t offset,
    const char *p, size_t n, const char *what)
{
	char	 name[64];
	int	 fd;

	sp->stat.damaged++;
	snprintf(name, sizeof(name), "%0*llx.%08zx", LIFE_DIGITS,
	    (unsigned long long)seg->life, offset);
	if (faccessat(sp->corruptfd, name, F_OK, 0) == 0) {
		spool_note(sp, "segment %u, offset %zu: %s; it is in corrupt/%s since an earlier start",
		    seg->slot, offset, what, name);
		return;
	}
	if (pieces(sp) >= PIECES_MAX) {
		spool_note(sp, "segment %u, offset %zu: %s; %zu bytes are not kept, corrupt/ holds enough",
		    seg->slot, offset, what, n);
		return;
	}
	spool_note(sp, "segment %u, offset %zu: %s; %zu bytes are kept in corrupt/%s",
	    seg->slot, offset, what, n, name);
	fd = openat(sp->corruptfd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
	    0600);
	if (fd == -1 || write(fd, p, n) != (ssize_t)n)
		spool_note(sp, "write corrupt/%s: %s", name, strerror(errno));
	if (fd != -1)
		close(fd);
}

/* Nothing in a segment can be read without its head: the file is kept for people. */
int
corrupt_segment(struct spool *sp, struct segment *seg)
{
	char	 from[SEGMENT_NAME], to[64];

	sp->stat.damaged++;
	segment_name(seg->slot, from);
	snprintf(to, sizeof(to), "corrupt/%s.%llx", from,
	    (unsigned long long)time(NULL));
	spool_note(sp, "%s: damaged head; the file is kept as %s", from, to);
	if (renameat(sp->dirfd, from, sp->dirfd, to) == -1)
		return -1;
	TAILQ_REMOVE(&sp->segs, seg, entry);
	sp->nsegs--;
	close(seg->fd);
	free(seg);
	return 0;
}
