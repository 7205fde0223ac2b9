/* SPDX-License-Identifier: ISC */
/*
 * Lines that wait, under any order of coming, going and of readers that die:
 * what the readers had is whole lines in their order, and with what gap lines
 * stand for as many as came.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/report_queue.h"

#define GOT_MAX	(1 << 20)

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static struct report_queue	 q;
static char			 got[GOT_MAX];	/* by all readers, without torn lines */
static size_t			 n, alive;	/* alive: what the present one had begins here */
static unsigned			 came;
static bool			 torn_gap;	/* what that one stood for is not known */

static void
come(uint8_t pad)
{
	char	 line[400];
	int	 len;

	len = snprintf(line, sizeof(line), "report|0.7|%u.000000|smtp-%s|protocol-client|"
	    "0123456789abcdef|%0*u\n", came, pad & 1 ? "in" : "out", pad, 0);
	report_queue_put(&q, slice_make(line, (size_t)len));
	came++;
}

static void
go(size_t most)
{
	struct slice	 s = report_queue_bytes(&q);

	if (s.n > most)
		s.n = most;
	if (s.n > GOT_MAX - n)
		abort();
	if (s.n > 0)
		memcpy(got + n, s.p, s.n);
	n += s.n;
	report_queue_taken(&q, s.n);
}

/* The reader dies and leaves so many of the bytes that it was given. */
static void
die(size_t unread)
{
	char		*copy;
	size_t		 whole;

	if (unread > n - alive)
		unread = n - alive;
	if ((copy = malloc(unread + 1)) == NULL)
		abort();
	memcpy(copy, got + n - unread, unread);
	n -= unread;
	for (whole = n; whole > alive && got[whole - 1] != '\n'; whole--)
		;
	got[n] = '\0';
	if (whole < n) {
		/* The line it was in the midst of, as it was written. */
		struct slice	 rest = report_queue_bytes(&q);
		char		*line;

		if ((line = malloc(n - whole + unread + rest.n + 1)) == NULL)
			abort();
		memcpy(line, got + whole, n - whole);
		memcpy(line + (n - whole), copy, unread);
		if (rest.n > 0)
			memcpy(line + (n - whole) + unread, rest.p, rest.n);
		line[n - whole + unread + rest.n] = '\0';
		*strchr(line, '\n') = '\0';
		torn_gap |= strstr(line, "|report-gap|") != NULL;
		free(line);
	}
	n = whole;
	report_queue_back(&q, slice_make(copy, unread));
	alive = n;
	free(copy);
}

/* Lines in order, with the gaps as many as came. */
static void
check(void)
{
	struct report	 r;
	char		*p = got, *lf;
	unsigned	 lines = 0;
	uint64_t	 last = 0, usec;
	bool		 any = false;

	for (; p < got + n; p = lf + 1) {
		if ((lf = memchr(p, '\n', (size_t)(got + n - p))) == NULL ||
		    report_parse(&r, slice_make(p, (size_t)(lf - p))) != REPORT_KNOWN)
			abort();
		if (r.event == EV_REPORT_GAP) {
			lines += (unsigned)strtoul(r.field[RF_COUNT].p, NULL, 10);
			continue;
		}
		lines++;
		if (report_time(r.field[RF_TIME], &usec) == -1 || (any && usec <= last))
			abort();
		last = usec;
		any = true;
	}
	if (!torn_gap && lines != came)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t	 i;

	if (size < 1 || size > 1000)
		return 0;
	report_queue_init(&q, 100 + data[0] * 40u);
	n = alive = 0;
	came = 0;
	torn_gap = false;
	for (i = 1; i + 1 < size; i += 2)
		switch (data[i] % 8) {
		case 0:
			go(data[i + 1]);
			break;
		case 1:
			go(data[i + 1] * 64u);
			break;
		case 2:
			die(data[i + 1]);
			break;
		case 3:
			die(data[i + 1] * 64u);
			break;
		default:
			come(data[i + 1]);
		}
	report_queue_end(&q);
	go(SIZE_MAX);
	check();
	report_queue_free(&q);
	return 0;
}
