/* SPDX-License-Identifier: ISC */
/*
 * Files that the parent reads whole for processes that cannot reach them.
 */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "smtpd/parent.h"

/* 0, or -1 with errno. */
static int
check(int fd, size_t max, struct stat *st)
{
	if (fstat(fd, st) == -1)
		return -1;
	if (S_ISREG(st->st_mode) && (uintmax_t)st->st_size <= max)
		return 0;
	errno = S_ISREG(st->st_mode) ? EFBIG : EINVAL;
	return -1;
}

char *
parent_file_read(const char *path, size_t max, struct stat *st, size_t *n)
{
	char	*text = NULL;
	ssize_t	 r = -1;
	int	 fd, saved;

	if ((fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)) == -1)
		return NULL;
	*n = 0;
	if (check(fd, max, st) == 0 && (text = malloc((size_t)st->st_size + 1)) != NULL)
		while ((r = read(fd, text + *n, (size_t)st->st_size - *n)) > 0)
			*n += (size_t)r;
	saved = errno;
	close(fd);
	if (r == 0)
		return text;
	free(text);
	errno = saved;
	return NULL;
}
