/* SPDX-License-Identifier: ISC */
/*
 * How fast the content of messages goes through lib/smtp_data: GB/s of what is
 * on the wire, the best of some rounds, by length of line and kind of content.
 */
#include <err.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/smtp_data.h"

#define WIRE	(256 * 1024)	/* what a session reads at once */
#define ROUNDS	400

static char	wire[WIRE], text[2 * WIRE], back[4 * WIRE];

static double
seconds(void)
{
	struct timespec	 ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* Lines of so many bytes with their CRLF, each begun with two of first. */
static size_t
fill(size_t line, char first)
{
	size_t	 n = 0;

	for (; n + line <= WIRE; n += line) {
		memset(wire + n, 'x', line);
		memset(wire + n, first, 2);
		wire[n + line - 2] = '\r';
		wire[n + line - 1] = '\n';
	}
	return n;
}

static void
bench(const char *what, size_t n)
{
	struct smtp_data d;
	double		 t, decode = 1e9, encode = 1e9;
	size_t		 len = 0, used;
	bool		 bol;
	int		 i;

	for (i = 0; i < ROUNDS; i++) {
		smtp_data_init(&d, WIRE, false);
		t = seconds();
		used = smtp_data_feed(&d, wire, n, text, sizeof(text), &len);
		t = seconds() - t;
		if (used != n)
			errx(1, "%s: %zu of %zu bytes", what, used, n);
		decode = t < decode ? t : decode;

		bol = true;
		t = seconds();
		len = smtp_data_encode(&bol, text, len, back);
		t = seconds() - t;
		/* A CR at the end is held back: it may begin the next line end. */
		if (len + 1 < n)
			errx(1, "%s: %zu bytes back, not %zu", what, len, n);
		encode = t < encode ? t : encode;
	}
	printf("%-24s decode %6.2f GB/s  encode %6.2f GB/s\n", what,
	    (double)n / decode / 1e9, (double)n / encode / 1e9);
}

int
main(void)
{
	bench("lines of 76 bytes", fill(78, 'x'));
	bench("lines of 30 bytes", fill(32, 'x'));
	bench("lines of 998 bytes", fill(1000, 'x'));
	bench("stuffed lines of 76", fill(78, '.'));
	bench("empty lines", fill(2, 'x'));
	memset(wire, '\r', WIRE);
	bench("CR alone", WIRE);
	memset(wire, '\n', WIRE);
	bench("LF alone", WIRE);
	return 0;
}
