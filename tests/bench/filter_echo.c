/* SPDX-License-Identifier: ISC */
/*
 * A filter that costs little: it says proceed to every phase and gives every
 * data line back, one write a block read (smtpd-filters(7), protocol 0.5 to
 * 0.7).  What is measured with it is the server's side.
 */
#include <err.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char *const phases[] = {
	"connect", "helo", "ehlo", "mail-from", "rcpt-to", "data", "data-line",
	"commit",
};

static char	 in[256 * 1024], out[512 * 1024];
static size_t	 outlen;

static void
flush(void)
{
	size_t	 off = 0;
	ssize_t	 n;

	for (; off < outlen; off += (size_t)n)
		if ((n = write(STDOUT_FILENO, out + off, outlen - off)) == -1)
			err(1, "stdout");
	outlen = 0;
}

static void
put(const char *p, size_t n)
{
	if (outlen + n > sizeof(out))
		flush();
	memcpy(out + outlen, p, n);
	outlen += n;
}

static void
registers(void)
{
	char	 line[64];
	size_t	 i;

	for (i = 0; i < sizeof(phases) / sizeof(phases[0]); i++)
		put(line, (size_t)snprintf(line, sizeof(line),
		    "register|filter|smtp-in|%s\n", phases[i]));
	put("register|ready\n", 15);
}

/* filter|VERSION|TIME|smtp-in|PHASE|SESSION|TOKEN|... */
static void
answer(const char *line, const char *end)
{
	const char	*field[8];
	size_t		 i;

	field[0] = line;
	for (i = 1; i < 8; i++) {
		field[i] = memchr(field[i - 1], '|', (size_t)(end - field[i - 1]));
		if (field[i]++ == NULL)
			return;
	}
	if (memcmp(field[4], "data-line|", 10) == 0) {
		put("filter-dataline|", 16);
		put(field[5], (size_t)(end + 1 - field[5]));
		return;
	}
	put("filter-result|", 14);
	put(field[5], (size_t)(field[7] - field[5]));
	put("proceed\n", 8);
}

int
main(void)
{
	size_t		 have = 0;
	ssize_t		 n;
	const char	*line, *end;

	while ((n = read(STDIN_FILENO, in + have, sizeof(in) - have)) > 0) {
		have += (size_t)n;
		for (line = in; (end = memchr(line, '\n', have - (size_t)(line - in))) != NULL;
		    line = end + 1)
			if (end - line == 12 && memcmp(line, "config|ready", 12) == 0)
				registers();
			else if (memcmp(line, "filter|", 7) == 0)
				answer(line, end);
		have -= (size_t)(line - in);
		memmove(in, line, have);
		flush();
	}
	return 0;
}
