/* SPDX-License-Identifier: ISC */
/* A segment of any bytes: the spool opens, tells and dumps what it believes, and takes mail. */
/* objects: smtpd/spool.o smtpd/spool_batch.o smtpd/spool_big.o smtpd/spool_copy.o smtpd/spool_corrupt.o smtpd/spool_dump.o smtpd/spool_hash.o smtpd/spool_index.o smtpd/spool_scan.o smtpd/spool_segment.o */
#include <fcntl.h>
#include <ftw.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "smtpd/spool.h"

#define SEGMENT	(16 * 1024)

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static uint64_t	 last;

static void
recovered_cb(void *arg, const struct spool_message *m)
{
	(void)arg;
	last = m->recno;
}

static int
out_cb(void *arg, const char *p, size_t n)
{
	(void)arg;
	return n > 0 && p == NULL ? -1 : 0;
}

static int
sync_cb(void *arg, int fd)
{
	(void)arg;
	(void)fd;
	return 0;
}

static int
remove_cb(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

static void
put_segment(int dir, const uint8_t *data, size_t n)
{
	int	 fd = openat(dir, "segment.0000", O_WRONLY | O_CREAT, 0600);

	if (fd == -1 || write(fd, data, n < SEGMENT ? n : SEGMENT) == -1 ||
	    ftruncate(fd, SEGMENT) == -1)
		abort();
	close(fd);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	const struct spool_options	 o = { .segment_size = SEGMENT,
	    .segments = 5, .recovered = recovered_cb, .fdatasync = sync_cb };
	struct spool_append	 a = { .envelope = slice_make("e", 1), .nrcpt = 1 };
	struct spool	*sp;
	char		 top[] = "/tmp/spool_fuzz.XXXXXX", buf[64];
	int		 dir;

	if (mkdtemp(top) == NULL ||
	    (dir = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) == -1)
		abort();
	put_segment(dir, data, n);
	last = 0;
	if ((sp = spool_open(dir, &o)) != NULL) {
		spool_dump(sp, out_cb, NULL);
		if (last != 0)
			spool_read(sp, last, 0, buf, sizeof(buf));
		if (spool_append(sp, &a, &last) == 0 && spool_flush(sp) == -1)
			abort();
		spool_close(sp);
	}
	nftw(top, remove_cb, 8, FTW_DEPTH | FTW_PHYS);
	return 0;
}
