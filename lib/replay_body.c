/* SPDX-License-Identifier: ISC */
/*
 * Content of messages that are replayed.
 */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "lib/replay_body.h"
#include "lib/smtp_date.h"

/*
 * A header field, and so is what it becomes behind a part of itself, as where
 * chunks end anywhere.
 */
static const struct slice filler = SLICE("Replayed: this line stands for one of "
    "a message without its content\r\n");

static void
put(struct replay_body *b, char c)
{
	b->piece[b->end++] = c;
}

static void
start(struct replay_body *b, struct slice name, int64_t time)
{
	char	 date[SMTP_DATE_MAX];
	int	 n;

	n = snprintf(b->piece, REPLAY_BODY_PIECE, "Date: %s\r\n"
	    "From: rptreplay <rptreplay@localhost>\r\n"
	    "Message-ID: <%.*s@rptreplay.invalid>\r\n"
	    "Subject: a session is replayed\r\n\r\n",
	    smtp_date(time, date), (int)(name.n > 64 ? 64 : name.n), name.p);
	b->end = (size_t)n;
}

void
replay_body_file(struct replay_body *b, int fd)
{
	b->start = b->end = 0;
	b->left = 0;
	b->at = 0;
	b->fd = fd;
	b->chunk = b->inside = b->ended = false;
	b->error = 0;
}

void
replay_body_make(struct replay_body *b, uint64_t size, struct slice name, int64_t time)
{
	uint64_t	 header;

	replay_body_file(b, -1);
	start(b, name, time);
	header = b->end - 5;		/* its lines end in LF */
	b->left = size > header ? size - header : 0;
}

void
replay_body_chunk(struct replay_body *b, uint64_t size, bool first, struct slice name,
    int64_t time)
{
	replay_body_file(b, -1);
	b->chunk = true;
	if (first)
		start(b, name, time);
	if (b->end > size)
		b->end = (size_t)size;
	b->left = size - b->end;
}

/* A piece of the file: CRLF for LF, a dot before a dot. */
static bool
fill_file(struct replay_body *b)
{
	char	 buf[REPLAY_BODY_PIECE];
	ssize_t	 i, n;

	while ((n = pread(b->fd, buf, sizeof(buf), b->at)) == -1 && errno == EINTR)
		;
	if (n == -1)
		b->error = errno;
	if (n <= 0)
		return false;
	b->at += n;
	for (i = 0; i < n; i++) {
		if (buf[i] == '\r' && i + 1 < n && buf[i + 1] == '\n')
			continue;
		if (buf[i] == '\r' && i + 1 == n && n > 1) {
			/* What follows it decides: it is read again. */
			b->at--;
			break;
		}
		if (buf[i] == '.' && !b->inside)
			put(b, '.');
		if (buf[i] == '\n')
			put(b, '\r');
		put(b, buf[i]);
		b->inside = buf[i] != '\n';
	}
	return true;
}

/* Lines, and what is left; not of a chunk, the line end counts as one and is always there. */
static bool
fill_made(struct replay_body *b)
{
	size_t	 n = b->chunk ? filler.n : filler.n - 1;

	if (b->left == 0)
		return false;
	if (n > b->left)
		n = (size_t)b->left;
	b->left -= n;
	memcpy(b->piece, filler.p, n);
	b->end = n;
	if (!b->chunk) {
		b->end--;
		put(b, '\r');
		put(b, '\n');
	}
	return true;
}

static bool
fill(struct replay_body *b)
{
	b->start = b->end = 0;
	if (b->ended)
		return false;
	if (b->fd != -1 ? fill_file(b) : fill_made(b))
		return true;
	b->ended = true;
	if (b->chunk)
		return false;
	if (b->inside) {
		put(b, '\r');
		put(b, '\n');
	}
	put(b, '.');
	put(b, '\r');
	put(b, '\n');
	return true;
}

size_t
replay_body_read(struct replay_body *b, char *buf, size_t size)
{
	size_t	 n, done = 0;

	while (done < size && (b->start < b->end || fill(b))) {
		n = b->end - b->start;
		if (n > size - done)
			n = size - done;
		memcpy(buf + done, b->piece + b->start, n);
		b->start += n;
		done += n;
	}
	return done;
}
