/* SPDX-License-Identifier: ISC */
/*
 * A main for fuzzers where libFuzzer is not: runs the target on each file named,
 * then on N changes of each (-n N) as far as SECONDS reach (-t), chosen by a
 * fixed seed, so that a failure can be had again; -w writes each input to
 * ./crash-last before it is tried.
 */
#include <err.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define INPUT_MAX	(1 << 20)

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static uint64_t	 seed = 88172645463325252ULL;
static int	 keep;

static uint32_t
next(uint32_t below)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (uint32_t)(seed >> 32) % below;
}

static void
run(const uint8_t *data, size_t size)
{
	FILE	*f;
	uint8_t	*copy;

	if (keep) {
		if ((f = fopen("crash-last", "wb")) == NULL)
			err(2, "crash-last");
		fwrite(data, 1, size, f);
		if (fclose(f) == EOF)
			err(2, "crash-last");
	}
	/* A block of its own size, so that the sanitizer sees the end. */
	if ((copy = malloc(size)) == NULL && size != 0)
		err(2, NULL);
	if (size != 0)
		memcpy(copy, data, size);
	LLVMFuzzerTestOneInput(copy, size);
	free(copy);
}

static size_t
mutate(uint8_t *data, size_t size)
{
	static const uint8_t	 bytes[] = "\n\r\0|.<>:\"\\\377 09azAZ\200";
	size_t			 at, n;
	uint32_t		 times;

	for (times = 1 + next(4); times > 0; times--) {
		at = size == 0 ? 0 : next((uint32_t)size);
		switch (next(size == 0 ? 1 : 5)) {
		case 0:				/* insert */
			if (size == INPUT_MAX)
				break;
			memmove(data + at + 1, data + at, size - at);
			data[at] = bytes[next(sizeof(bytes))];
			size++;
			break;
		case 1:				/* remove */
			n = 1 + next((uint32_t)(size - at));
			memmove(data + at, data + at + n, size - at - n);
			size -= n;
			break;
		case 2:				/* flip a bit */
			data[at] ^= (uint8_t)(1U << next(8));
			break;
		case 3:				/* a telling byte */
			data[at] = bytes[next(sizeof(bytes))];
			break;
		case 4:				/* repeat a piece */
			n = 1 + next((uint32_t)(size - at));
			if (size + n > INPUT_MAX)
				break;
			memmove(data + at + n, data + at, size - at);
			size += n;
			break;
		}
	}
	return size;
}

int
main(int argc, char *argv[])
{
	static uint8_t	 seeded[INPUT_MAX], data[INPUT_MAX];
	FILE		*f;
	size_t		 size;
	time_t		 until = 0;
	long		 i, changes = 0;
	int		 ch;

	while ((ch = getopt(argc, argv, "n:t:w")) != -1)
		switch (ch) {
		case 'n':
			changes = strtol(optarg, NULL, 10);
			break;
		case 't':
			until = time(NULL) + strtol(optarg, NULL, 10);
			break;
		case 'w':
			keep = 1;
			break;
		default:
			fprintf(stderr, "usage: driver [-w] [-n changes] [-t seconds] file ...\n");
			return 2;
		}
	for (argv += optind; *argv != NULL; argv++) {
		if ((f = fopen(*argv, "rb")) == NULL)
			err(2, "%s", *argv);
		size = fread(seeded, 1, sizeof(seeded), f);
		fclose(f);
		run(seeded, size);
		for (i = 0; i < changes && (until == 0 || time(NULL) < until); i++) {
			memcpy(data, seeded, size);
			run(data, mutate(data, size));
		}
	}
	return 0;
}
