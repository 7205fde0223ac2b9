/* SPDX-License-Identifier: ISC */
/*
 * Reads :include: files: regular ones of bounded size, line by line, with #
 * comments.  lookup process.
 */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include "smtpd/lookup_include.h"

static char *
read_all(int fd, struct slice *text)
{
	struct stat	 st;
	char		*buf;
	ssize_t		 n;
	size_t		 have = 0;

	if (fstat(fd, &st) == -1)
		return NULL;
	if (!S_ISREG(st.st_mode) || st.st_size > INCLUDE_MAX) {
		errno = S_ISREG(st.st_mode) ? EFBIG : EINVAL;
		return NULL;
	}
	if ((buf = malloc(INCLUDE_MAX)) == NULL)
		return NULL;
	while (have < INCLUDE_MAX &&
	    (n = read(fd, buf + have, INCLUDE_MAX - have)) != 0) {
		if (n == -1) {
			free(buf);
			return NULL;
		}
		have += n;
	}
	*text = slice_make(buf, have);
	return buf;
}

char *
include_read(struct slice path, struct slice *text)
{
	char	 name[PATH_MAX], *buf;
	int	 fd, saved;

	if (path.n >= sizeof(name) || memchr(path.p, '\0', path.n) != NULL) {
		errno = ENAMETOOLONG;
		return NULL;
	}
	memcpy(name, path.p, path.n);
	name[path.n] = '\0';
	/* A FIFO must not hold the process up. */
	fd = open(name, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd == -1)
		return NULL;
	buf = read_all(fd, text);
	saved = errno;
	close(fd);
	errno = saved;
	return buf;
}

int
include_line(struct slice *text, struct slice *line)
{
	const char	*lf;
	size_t		 skip;

	while (text->n > 0) {
		lf = memchr(text->p, '\n', text->n);
		*line = slice_make(text->p, lf == NULL ? text->n :
		    (size_t)(lf - text->p));
		skip = line->n + (lf != NULL);
		*text = slice_make(text->p + skip, text->n - skip);
		while (line->n > 0 && (line->p[0] == ' ' || line->p[0] == '\t'))
			*line = slice_make(line->p + 1, line->n - 1);
		if (line->n > 0 && line->p[0] != '#' && line->p[0] != '\r')
			return 1;
	}
	return 0;
}
