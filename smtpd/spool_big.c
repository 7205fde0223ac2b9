/* SPDX-License-Identifier: ISC */
/*
 * Big files: content that is too large for the log, a file each, durable
 * before a record names it.  Spool of the queue process.
 */
#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "smtpd/spool_int.h"

static int
open_dir(int dirfd, const char *name)
{
	if (mkdirat(dirfd, name, 0700) == -1 && errno != EEXIST)
		return -1;
	return openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

int
big_open_dirs(struct spool *sp)
{
	if ((sp->bigfd = open_dir(sp->dirfd, "big")) == -1 ||
	    (sp->corruptfd = open_dir(sp->dirfd, "corrupt")) == -1)
		return -1;
	return 0;
}

static void
big_name(uint64_t id, char *buf, size_t size)
{
	snprintf(buf, size, "%016llx", (unsigned long long)id);
}

/* Descriptors are kept as pointers in the map; 0 would be none. */
static int
fd_of(struct spool *sp, uint64_t id)
{
	void	*v = u64map_get(&sp->bigs, id);

	return v == NULL ? -1 : (int)(intptr_t)v - 1;
}

int
spool_big_begin(struct spool *sp, uint64_t *big)
{
	char	 name[32];
	int	 fd;

	do {
		arc4random_buf(big, sizeof(*big));
		big_name(*big, name, sizeof(name));
		fd = openat(sp->bigfd, name,
		    O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	} while (*big == 0 || (fd == -1 && errno == EEXIST));
	if (fd == -1)
		return -1;
	if (u64map_put(&sp->bigs, *big, (void *)(intptr_t)(fd + 1)) == -1) {
		close(fd);
		unlinkat(sp->bigfd, name, 0);
		return -1;
	}
	return 0;
}

int
spool_big_write(struct spool *sp, uint64_t big, const void *p, size_t n)
{
	const char	*c = p;
	ssize_t		 w;
	int		 fd = fd_of(sp, big);

	while (n > 0) {
		if ((w = write(fd, c, n)) == -1) {
			if (errno == EINTR)
				continue;
			return -1;
		}
		c += w;
		n -= w;
	}
	/* The disk works while the rest arrives: the sync at the end waits less. */
	sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE);
	return 0;
}

int
spool_big_end(struct spool *sp, uint64_t big)
{
	int	 fd = fd_of(sp, big);

	if (spool_sync(sp, fd) == -1 || fsync(sp->bigfd) == -1)
		return -1;
	u64map_del(&sp->bigs, big);
	close(fd);
	return 0;
}

void
spool_big_drop(struct spool *sp, uint64_t big)
{
	char	 name[32];
	int	 fd = fd_of(sp, big);

	u64map_del(&sp->bigs, big);
	if (fd != -1)
		close(fd);
	big_name(big, name, sizeof(name));
	unlinkat(sp->bigfd, name, 0);
}

ssize_t
big_read(struct spool *sp, uint64_t id, size_t offset, void *buf, size_t n)
{
	char	 name[32];
	ssize_t	 r;
	int	 fd, saved;

	big_name(id, name, sizeof(name));
	if ((fd = openat(sp->bigfd, name, O_RDONLY | O_CLOEXEC)) == -1) {
		if (errno == ENOENT)
			errno = EBADMSG;	/* its message is there, and damaged */
		return -1;
	}
	r = pread(fd, buf, n, offset);
	saved = errno;
	close(fd);
	errno = saved;
	return r;
}

void
big_unlink_flushed(struct spool *sp)
{
	size_t	 i;

	for (i = 0; i < sp->nunlinks; i++)
		spool_big_drop(sp, sp->unlinks[i]);
	sp->nunlinks = 0;
}

void
big_keep(struct spool *sp, uint64_t id)
{
	char	 name[32];

	big_name(id, name, sizeof(name));
	if (renameat(sp->bigfd, name, sp->corruptfd, name) == -1)
		spool_note(sp, "rename big/%s to corrupt/: %s", name,
		    strerror(errno));
	else
		spool_note(sp, "its content is kept in corrupt/%s", name);
}

/* The ids that live messages name. */
static int
collect_ids(const struct spool *sp, struct u64map *ids)
{
	struct live_message	*m;
	size_t			 pos = 0;

	while ((m = u64map_next(&sp->index, &pos)) != NULL)
		if (m->big != 0 && u64map_put(ids, m->big, m) == -1)
			return -1;
	return 0;
}

static bool
named(const struct u64map *ids, const char *name)
{
	uint64_t	 id = strtoull(name, NULL, 16);
	char		 want[32];

	big_name(id, want, sizeof(want));
	return strcmp(want, name) == 0 && u64map_get(ids, id) != NULL;
}

/*
 * At start: files that no record names were never acknowledged, or are done;
 * where a record was damaged one may be its, and is kept for people.
 */
void
big_clean(struct spool *sp)
{
	struct u64map	 ids = { 0 };
	struct dirent	*d;
	DIR		*dir;
	int		 fd;

	if (collect_ids(sp, &ids) == -1 || (fd = dup(sp->bigfd)) == -1)
		goto out;
	if ((dir = fdopendir(fd)) == NULL) {
		close(fd);
		goto out;
	}
	rewinddir(dir);
	while ((d = readdir(dir)) != NULL) {
		if (d->d_name[0] == '.' || named(&ids, d->d_name))
			continue;
		if (sp->stat.damaged > 0)
			renameat(sp->bigfd, d->d_name, sp->corruptfd, d->d_name);
		else
			unlinkat(sp->bigfd, d->d_name, 0);
	}
	closedir(dir);
out:
	u64map_free(&ids);
}
