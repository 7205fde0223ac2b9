/* SPDX-License-Identifier: ISC */
/*
 * The content of a message on its way to a server: after DATA, or in BDATs
 * (RFC 3030); from memory, or a piece at a time from the queue.  relay process.
 */
#include <stdio.h>
#include <string.h>

#include "lib/smtp_data.h"
#include "smtpd/log.h"
#include "smtpd/relay_content.h"

static char	 encoded[2 * IPC_MAX_DATA];	/* a piece as it is sent */

/* LF to CRLF, and nothing else: in a BDAT dots are dots. */
static size_t
encode_lines(struct slice s, char *out)
{
	const char	*p = s.p, *end = s.p + s.n, *lf;
	char		*o = out;

	while (p < end && (lf = memchr(p, '\n', (size_t)(end - p))) != NULL) {
		memcpy(o, p, (size_t)(lf - p));
		o += lf - p;
		*o++ = '\r';
		*o++ = '\n';
		p = lf + 1;
	}
	memcpy(o, p, (size_t)(end - p));
	return (size_t)(o + (end - p) - out);
}

/* -- BDAT -- */

size_t
content_bdat_command(const struct conn *c, uint32_t i, char *buf, size_t size)
{
	int	 n = snprintf(buf, size, "BDAT %u%s", c->chunks[i],
		    c->last_chunk && i + 1 == c->nchunks ? " LAST" : "");

	return (size_t)n;
}

static void
send_chunk(struct conn *c, struct slice piece, bool last)
{
	size_t	 n = encode_lines(piece, encoded), head;
	char	 line[64];

	c->last_chunk = last;
	c->chunks[c->nchunks++] = (uint32_t)n;
	head = content_bdat_command(c, c->nchunks - 1, line, sizeof(line) - 2);
	memcpy(line + head, "\r\n", 2);
	conn_send(c, line, head + 2);
	io_write(&c->io, encoded, n);
	c->wire += n;
}

/* -- DATA -- */

static void
send_lines(struct conn *c, struct slice piece)
{
	size_t	 n = smtp_data_encode(&c->bol, piece.p, piece.n, encoded);

	io_write(&c->io, encoded, n);
	c->wire += n;
}

static void
send_dot(struct conn *c)
{
	if (!c->bol) {
		io_write(&c->io, "\r\n", 2);
		c->wire += 2;
	}
	conn_send(c, ".\r\n", 3);
}

/* -- both -- */

static void
send_piece(struct conn *c, struct slice piece, bool last)
{
	if (c->bdat)
		send_chunk(c, piece, last);
	else
		send_lines(c, piece);
	if (!last)
		return;
	if (!c->bdat)
		send_dot(c);
	c->end_sent = true;
	conn_enter(c, CONN_DOT);
}

/* The next piece, unless enough is on its way already. */
static void
fetch_more(struct conn *c)
{
	if (c->fetching || c->end_sent || c->spoiled || (!c->scanning &&
	    (io_backed_up(&c->io) || c->nchunks == CHUNKS)))
		return;
	c->fetching = true;
	relay_job_fetch(c->job, c->offset);
}

void
content_begin(struct conn *c)
{
	c->bdat = c->chunking;
	conn_enter(c, CONN_CONTENT);
	if (c->accepted == 0 && !c->bdat)
		/* 354, though there is nobody to send it to (RFC 2920 3.1). */
		send_piece(c, SLICE(""), true);
	else if (c->job->content.p != NULL)
		send_piece(c, c->job->content, true);
	else
		fetch_more(c);
}

void
content_scan(struct conn *c)
{
	struct job	*j = c->job;

	j->lines = 0;
	j->eightbit = j->eightbit_header = false;
	c->scanning = c->header = true;
	c->spoiled = false;
	c->nrcpt = c->accepted = c->nchunks = 0;
	c->offset = 0;
	conn_enter(c, CONN_CONTENT);
	fetch_more(c);
}

static void
scan_piece(struct conn *c, struct slice piece, bool last)
{
	relay_job_scan_piece(c->job, piece, &c->header);
	if (!last) {
		fetch_more(c);
		return;
	}
	c->job->scanned = true;
	c->scanning = false;
	relay_tx_scanned(c);
}

/* The queue has lost it: no fault of the server, but what was begun cannot be ended. */
static void
unreadable(struct conn *c)
{
	relay_job_answer_all(c->job, JOB_TEMPFAIL, 0, SLICE(""), SLICE(""),
	    SLICE("451 4.3.0 The content cannot be read from the queue"));
	conn_lost(c, SLICE("content: cannot be read"));
}

void
relay_tx_content(struct conn *c, struct slice piece)
{
	bool	 last;

	if (!c->fetching)
		return;
	c->fetching = false;
	if (c->spoiled)
		return;
	if (piece.p == NULL || piece.n > c->job->size - c->offset) {
		unreadable(c);
		return;
	}
	c->offset += piece.n;
	last = c->offset == c->job->size;
	conn_enter(c, CONN_CONTENT);
	if (c->scanning)
		scan_piece(c, piece, last);
	else {
		send_piece(c, piece, last);
		fetch_more(c);
	}
}

void
relay_tx_drained(struct conn *c)
{
	conn_enter(c, CONN_CONTENT);
	fetch_more(c);
}

static void
pop_chunk(struct conn *c)
{
	c->nchunks--;
	memmove(c->chunks, c->chunks + 1, c->nchunks * sizeof(c->chunks[0]));
}

bool
content_chunk_reply(struct conn *c, const struct relay_reply *r)
{
	bool	 last = c->last_chunk && c->nchunks == 1;
	bool	 ok = relay_reply_result(r) == RESULT_OK;
	char	 line[64];

	if (c->nchunks == 0)
		return false;
	conn_report_client(c, slice_make(line,
	    content_bdat_command(c, 0, line, sizeof(line))));
	pop_chunk(c);
	if (c->begun && c->accepted > 0 && !c->data_reported) {
		report_tx_data(&c->source, c->job->msgid, RESULT_OK);
		c->data_reported = true;
	}
	if (last || !ok)
		return false;
	conn_report_server(c, r);
	if (c->state == CONN_CONTENT)
		relay_tx_drained(c);
	return true;
}
