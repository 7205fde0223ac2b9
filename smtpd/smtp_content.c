/* SPDX-License-Identifier: ISC */
/*
 * The content of messages: from a session's input, perhaps through its
 * filters, to the queue; a small one at its end, a large one in pieces, as the
 * queue takes them.  smtp process.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/utf8.h"
#include "smtpd/dsn.h"
#include "smtpd/log.h"
#include "smtpd/proc.h"
#include "smtpd/smtp.h"
#include "smtpd/smtp_filter.h"
#include "smtpd/smtp_peers.h"

#define CONTENT_SMALL	(128 * 1024)		/* above, the queue gets it in pieces */
#define CONTENT_FIRST	(8 * 1024)
#define CONTENT_BOUND	(64 * 1024 * 1024)	/* in all; then it is handed on early, as the queue allows */
#define LOOP_RECEIVED	100

static int64_t		 window;	/* bytes that the queue takes by IPC_CONTENT */
static size_t		 content_bytes;	/* held by all transactions */
static TAILQ_HEAD(, tx)	 starved = TAILQ_HEAD_INITIALIZER(starved);
static const struct tx	*served;	/* whose turn it is, in content_refill() */

/* -- to the queue -- */

static void
discard(const struct tx *tx)
{
	if (smtp_queue == NULL)
		return;
	ipc_begin(smtp_queue, IPC_DISCARD);
	ipc_put_u32(smtp_queue, tx->msgid);
	ipc_end(smtp_queue);
}

static void
refuse(struct tx *tx, enum refusal why)
{
	tx->refusal = why;
	if (tx->large)
		discard(tx);
}

static size_t
piece_size(const struct tx *tx)
{
	return tx->content_len < CONTENT_SMALL ? tx->content_len : CONTENT_SMALL;
}

/* Who needs much is not passed over for those who need less. */
static bool
may_send(const struct tx *tx)
{
	return window >= (int64_t)piece_size(tx) &&
	    (TAILQ_EMPTY(&starved) || tx == served);
}

static void
send_piece(struct tx *tx)
{
	size_t	 n = piece_size(tx);

	window -= (int64_t)n;
	ipc_begin(smtp_queue, IPC_CONTENT);
	ipc_put_u32(smtp_queue, tx->msgid);
	ipc_put_slice(smtp_queue, slice_make(tx->content, n));
	ipc_end(smtp_queue);
	tx->content_len -= n;
	if (tx->content_len > 0)
		memmove(tx->content, tx->content + n, tx->content_len);
}

/*
 * Hands over what was collected so far, as far as the queue's window is open;
 * false: not all.  The last of a message overdraws it, which is paid back
 * before others.
 */
static bool
send_pieces(struct tx *tx, bool last)
{
	while (tx->content_len > 0 && (last || may_send(tx)))
		send_piece(tx);
	return tx->content_len == 0;
}

/* Is more content here than may be, what the queue did not yet take included? */
static bool
content_full(void)
{
	return content_bytes + (smtp_queue == NULL ? 0 :
	    ipc_backlog(smtp_queue)) > CONTENT_BOUND;
}

static int
grow(struct tx *tx, size_t size)
{
	char	*p = realloc(tx->content, size);

	if (p == NULL) {
		log_warn("content of %zu bytes", size);
		refuse(tx, REFUSED_TEMP);
		tx->content_len = 0;
		return -1;
	}
	content_bytes += size - tx->content_size;
	tx->content = p;
	tx->content_size = size;
	return 0;
}

/* Makes room for what a byte of input may become; false if that has to wait. */
static bool
make_room(struct tx *tx)
{
	if (tx->content_len + 2 <= tx->content_size)
		return true;
	if (tx->refusal != REFUSED_NOT) {
		tx->content_len = 0;
		if (tx->content_size > 0)
			return true;
	}
	if (tx->content_size >= CONTENT_SMALL ||
	    (content_full() && tx->content_size > 0))
		tx->large = true;
	if (tx->large && tx->content_size > 0) {
		if (smtp_queue == NULL) {
			tx->refusal = REFUSED_TEMP;
			tx->content_len = 0;
			return true;
		}
		return send_pieces(tx, false);
	}
	return grow(tx, tx->content_size == 0 ? CONTENT_FIRST :
	    2 * tx->content_size) == 0 || tx->content_size > 0;
}

static void
starve(struct tx *tx)
{
	wait_begin(tx->session, WAITING_WINDOW);
	TAILQ_INSERT_TAIL(&starved, tx, starved_entry);
}

static void
unstarve(struct tx *tx)
{
	if (tx->session->waiting != WAITING_WINDOW)
		return;
	TAILQ_REMOVE(&starved, tx, starved_entry);
	wait_end(tx->session);
}

void
content_refill(uint32_t bytes)
{
	struct tx	*tx;

	window += bytes;
	while ((tx = TAILQ_FIRST(&starved)) != NULL && (smtp_queue == NULL ||
	    window >= (int64_t)piece_size(tx))) {
		served = tx;
		unstarve(tx);
		session_run(tx->session);
	}
	served = NULL;
}

void
content_queue_lost(void)
{
	window = 0;
	session_queue_lost();
	content_refill(0);
}

void
content_give_up(struct tx *tx)
{
	tx->refusal = REFUSED_TEMP;
	unstarve(tx);
}

/* -- what is stored -- */

/* Content that is not ASCII needs a way that takes it, whatever its client has declared. */
static void
stored(struct tx *tx, const char *p, size_t n)
{
	tx->size += n;
	if (!(tx->body & BODY_8BITMIME) && !utf8_is_ascii(p, n))
		tx->body |= BODY_8BITMIME;
}

/* Room for n bytes: a filter's output is taken as it comes; -1: there is no memory. */
static int
reserve(struct tx *tx, size_t n)
{
	size_t	 size = tx->content_size == 0 ? CONTENT_FIRST : tx->content_size;

	if (tx->content_size - tx->content_len >= n)
		return 0;
	if (tx->content_len + n > CONTENT_SMALL && smtp_queue != NULL) {
		tx->large = true;
		send_pieces(tx, false);
	}
	while (size - tx->content_len < n)
		size *= 2;
	return size > tx->content_size ? grow(tx, size) : 0;
}

void
content_put(struct tx *tx, const char *p, size_t n)
{
	if (tx->refusal != REFUSED_NOT || reserve(tx, n) == -1)
		return;
	memcpy(tx->content + tx->content_len, p, n);
	tx->content_len += n;
	stored(tx, p, n);
}

void
content_line(struct tx *tx, struct slice line)
{
	char	*p;

	/* What filters add has a bound too. */
	if (tx->size + line.n >= tx->trace + tx->received +
	    proc_conf->max_message_size && tx->refusal == REFUSED_NOT)
		refuse(tx, REFUSED_FULL);
	if (tx->refusal != REFUSED_NOT || reserve(tx, line.n + 1) == -1)
		return;
	p = tx->content + tx->content_len;
	if (line.n > 0)
		memcpy(p, line.p, line.n);
	p[line.n] = '\n';
	tx->content_len += line.n + 1;
	stored(tx, p, line.n + 1);
}

/* -- what comes in -- */

void
content_open(struct tx *tx, bool chunked)
{
	smtp_data_init(&tx->data, proc_conf->max_line, chunked);
	smtp_header_init(&tx->header);
}

static void
judge(struct tx *tx, const char *added, size_t n)
{
	tx->received += n;
	smtp_header_feed(&tx->header, added, n);
	if (tx->refusal != REFUSED_NOT)
		return;
	if (tx->data.bare_cr || tx->data.bare_lf)
		refuse(tx, REFUSED_FORMAT);
	else if (tx->data.long_line)
		refuse(tx, REFUSED_LINE);
	else if (tx->header.received >= LOOP_RECEIVED)
		refuse(tx, REFUSED_LOOP);
	else if (tx->received > proc_conf->max_message_size)
		refuse(tx, REFUSED_SIZE);
}

/* What of the input belongs to the message, as far as that is known. */
static struct slice
content_input(const struct tx *tx)
{
	struct slice	 in = io_input(&tx->session->io);

	if (tx->data.end)
		in.n = 0;
	if (tx->data.chunked && in.n > tx->chunk)
		in.n = (size_t)tx->chunk;
	return in;
}

/* Decodes some of the input to out; the bytes that this made. */
static size_t
decode(struct tx *tx, struct slice in, char *out, size_t size)
{
	size_t	 used, added;

	used = smtp_data_feed(&tx->data, in.p, in.n, out, size, &added);
	judge(tx, out, added);
	io_consume(&tx->session->io, used);
	if (tx->data.chunked)
		tx->chunk -= used;
	return added;
}

/* The last chunk ends a last line too. */
static size_t
finish_chunks(struct tx *tx, char *out)
{
	size_t	 added = smtp_data_finish(&tx->data, out);

	judge(tx, out, added);
	tx->data.end = true;
	return added;
}

static bool
is_last_chunk(const struct tx *tx)
{
	return tx->data.chunked && tx->chunk == 0 && tx->chunk_last;
}

static bool
is_all_here(const struct tx *tx)
{
	return tx->data.end || (tx->data.chunked && tx->chunk == 0);
}

static int
take_plain(struct tx *tx)
{
	struct slice	 in;
	char		*out;
	size_t		 added;

	while ((in = content_input(tx)).n > 0 ||
	    (is_last_chunk(tx) && !tx->data.end)) {
		if (!make_room(tx)) {
			starve(tx);
			return -1;
		}
		out = tx->content + tx->content_len;
		added = in.n > 0 ? decode(tx, in, out,
		    tx->content_size - tx->content_len) : finish_chunks(tx, out);
		stored(tx, out, added);
		tx->content_len += added;
	}
	return is_all_here(tx);
}

/* -- through filters -- */

/* Have they made more than the queue takes for now? */
static bool
is_behind(struct tx *tx)
{
	return tx->content_len > CONTENT_SMALL && smtp_queue != NULL &&
	    tx->refusal == REFUSED_NOT && !send_pieces(tx, false) &&
	    tx->content_len > CONTENT_SMALL;
}

/* All was fed: what they have not written yet is waited for. */
static int
await_filters(struct tx *tx)
{
	if (tx->refusal != REFUSED_NOT)
		stream_abandon(tx->stream);
	else if (!stream_finish(tx->stream)) {
		wait_begin(tx->session, WAITING_FILTER);
		return -1;
	} else if (is_behind(tx)) {
		starve(tx);
		return -1;
	}
	return 1;
}

static int
take_filtered(struct tx *tx)
{
	static char	 decoded[64 * 1024];
	struct slice	 in;
	size_t		 added;

	while ((in = content_input(tx)).n > 0 ||
	    (is_last_chunk(tx) && !tx->data.end)) {
		if (is_behind(tx)) {
			starve(tx);
			return -1;
		}
		added = in.n > 0 ? decode(tx, in, decoded, sizeof(decoded)) :
		    finish_chunks(tx, decoded);
		stream_feed(tx->stream, decoded, added);
	}
	if (!is_all_here(tx))
		return 0;
	return tx->data.end ? await_filters(tx) : 1;
}

int
content_take(struct tx *tx)
{
	return tx->stream != NULL ? take_filtered(tx) : take_plain(tx);
}

/* -- the end -- */

struct slice
content_last(struct tx *tx)
{
	if (!tx->large)
		return slice_make(tx->content, tx->content_len);
	send_pieces(tx, true);
	return SLICE("");
}

void
content_handed_on(struct tx *tx)
{
	/* It fills memory until the answer, though no longer here. */
	content_bytes -= tx->content_size - tx->content_len;
	tx->content_size = tx->content_len;
	free(tx->content);
	tx->content = NULL;
}

void
content_end(struct tx *tx, bool committed)
{
	if (!committed)
		discard(tx);
	unstarve(tx);
	stream_free(tx->stream);
	tx->stream = NULL;
	content_bytes -= tx->content_size;
	free(tx->content);
	tx->content = NULL;
	tx->content_len = tx->content_size = 0;
}
