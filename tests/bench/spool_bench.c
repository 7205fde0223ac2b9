/* SPDX-License-Identifier: ISC */
/* Bench of the spool: messages of 4 KiB a second, by how many share a flush, in a directory given. */
#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "smtpd/spool.h"

#define SECONDS	3

static double
now(void)
{
	struct timespec	 t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static void
deliver(struct spool *sp, const uint64_t *recno, unsigned n)
{
	const struct spool_rcpt	 done = { .state = SPOOL_DONE };
	unsigned	 i;

	for (i = 0; i < n; i++)
		if (spool_mark(sp, recno[i], 0, &done) == -1)
			err(1, "mark");
}

/* Each message is delivered after its flush; housekeeping as in a turn of the queue. */
static double
measure(struct spool *sp, unsigned each)
{
	static char		 body[4096];
	struct spool_append	 a = { .envelope = slice_make("envelope", 8),
	    .content = slice_make(body, sizeof(body)), .size = sizeof(body),
	    .nrcpt = 1 };
	uint64_t		 recno[64];
	double			 begin = now(), spent;
	unsigned		 i, n = 0;

	do {
		for (i = 0; i < each; i++)
			if (spool_append(sp, &a, &recno[i]) == -1)
				err(1, "append");
		if (spool_flush(sp) == -1)
			err(1, "flush");
		deliver(sp, recno, each);
		if (spool_write(sp) == -1)
			err(1, "write");
		spool_work(sp);
		n += each;
	} while ((spent = now() - begin) < SECONDS);
	return n / spent;
}

int
main(int argc, char *argv[])
{
	const struct spool_options	 o = { 0 };
	static const unsigned	 each[] = { 1, 20 };
	struct spool	*sp;
	unsigned	 i;
	int		 fd;

	if (argc != 2)
		errx(2, "usage: spool_bench directory");
	if ((fd = open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC)) == -1 ||
	    (sp = spool_open(fd, &o)) == NULL)
		err(1, "%s", argv[1]);
	for (i = 0; i < sizeof(each) / sizeof(each[0]); i++)
		printf("%u a flush: %.0f messages/s\n", each[i],
		    measure(sp, each[i]));
	spool_close(sp);
	return 0;
}
