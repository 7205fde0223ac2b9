/* SPDX-License-Identifier: ISC */
/*
 * Transactions: a msgid from the queue's leases, recipients asked of lookup,
 * content collected and handed to the queue.  smtp process.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/addr.h"
#include "lib/sasl.h"
#include "lib/smtp_date.h"
#include "lib/u64map.h"
#include "lib/utf8.h"
#include "smtpd/dsn.h"
#include "smtpd/log.h"
#include "smtpd/loop.h"
#include "smtpd/proc.h"
#include "smtpd/smtp.h"
#include "smtpd/smtp_peers.h"

#define CONTENT_SMALL	(128 * 1024)		/* above, the queue gets it in pieces */
#define CONTENT_FIRST	(8 * 1024)
#define CONTENT_BOUND	(64 * 1024 * 1024)	/* in all; then it is handed on early, as the queue allows */
#define LEASES		4
#define LEASE_LOW	1024			/* msgids left: ask for more */
#define LOOP_RECEIVED	100

static struct lease {
	uint32_t	 next, left;
} leases[LEASES];
static bool		 lease_asked;
static bool		 space = true;
static int64_t		 window;	/* bytes that the queue takes by IPC_CONTENT */
static size_t		 content_bytes;	/* held by all transactions */
static uint32_t		 serials;
static struct u64map	 by_msgid;
static TAILQ_HEAD(, tx)	 starved = TAILQ_HEAD_INITIALIZER(starved);
static const struct tx	*served;	/* whose turn it is, in tx_refill() */

/* -- msgids -- */

struct tx *
tx_find(uint32_t msgid)
{
	return u64map_get(&by_msgid, msgid);
}

void
tx_lease(uint32_t first, uint32_t count)
{
	size_t	 i;

	lease_asked = false;
	listener_start();
	for (i = 0; i < LEASES; i++)
		if (leases[i].left == 0) {
			leases[i] = (struct lease){ first, count };
			return;
		}
}

void
tx_space(bool yes)
{
	space = yes;
}

static void
ask_lease(void)
{
	if (lease_asked || smtp_queue == NULL)
		return;
	lease_asked = true;
	ipc_begin(smtp_queue, IPC_LEASE_WANT);
	ipc_end(smtp_queue);
}

void
tx_queue_met(void)
{
	space = true;
	ask_lease();
}

static uint32_t
take_msgid(void)
{
	uint32_t	 left = 0, msgid = 0;
	size_t		 i;

	for (i = 0; i < LEASES; i++) {
		/* One of a dead queue's leases may still be in use. */
		while ((msgid == 0 || tx_find(msgid) != NULL) &&
		    leases[i].left > 0) {
			msgid = leases[i].next++;
			leases[i].left--;
		}
		left += leases[i].left;
	}
	if (left < LEASE_LOW)
		ask_lease();
	return msgid;
}

void
tx_queue_lost(void)
{
	memset(leases, 0, sizeof(leases));
	lease_asked = false;
	window = 0;
	session_queue_lost();
	tx_refill(0);
}

/* -- begin and end -- */

static void
free_tx(struct tx *tx)
{
	free(tx->sender);
	free(tx->envid);
	free(tx->typed);
	free(tx->first);
	free(tx);
}

struct tx *
tx_begin(struct session *s, struct slice sender, const struct params *params,
    enum reply *refused)
{
	struct tx	*tx;

	*refused = space ? REPLY_TEMPFAIL : REPLY_FULL;
	if (!space || smtp_queue == NULL)
		return NULL;
	if ((tx = calloc(1, sizeof(*tx))) == NULL ||
	    (tx->sender = strndup(sender.p, sender.n)) == NULL ||
	    (params->envid.n > 0 && (tx->envid = strndup(params->envid.p,
	    params->envid.n)) == NULL) ||
	    (tx->msgid = take_msgid()) == 0 ||
	    u64map_put(&by_msgid, tx->msgid, tx) == -1) {
		if (tx != NULL)
			free_tx(tx);
		return NULL;
	}
	tx->session = s;
	tx->body = params->body;
	tx->ret = params->ret;
	*refused = REPLY_NONE;
	return tx;
}

static void
drop_content(struct tx *tx)
{
	content_bytes -= tx->content_size;
	free(tx->content);
	tx->content = NULL;
	tx->content_len = tx->content_size = 0;
}

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
unstarve(struct tx *tx)
{
	if (tx->session->waiting != WAITING_WINDOW)
		return;
	TAILQ_REMOVE(&starved, tx, starved_entry);
	wait_end(tx->session);
}

void
tx_end(struct tx *tx, bool committed)
{
	if (!committed)
		discard(tx);
	unstarve(tx);
	u64map_del(&by_msgid, tx->msgid);
	drop_content(tx);
	free_tx(tx);
}

int
tx_rcpt(struct tx *tx, const struct smtp_path *path, const struct params *params)
{
	const struct session	*s = tx->session;
	struct ipc_rcpt		 m;
	char			*copy;

	if (smtp_lookup == NULL ||
	    (copy = strndup(path->typed.p, path->typed.n)) == NULL)
		return -1;
	free(tx->typed);
	tx->typed = copy;
	tx->rcpt = copy + (path->mailbox.p - path->typed.p);
	m = (struct ipc_rcpt){
		.session = s->source.session,
		.msgid = tx->msgid,
		.serial = tx->serial = ++serials,
		.local = session_is_local(s),
		.tls = s->secured,
		.src = session_address(s),
		.tag = s->listener->conf != NULL && s->listener->conf->tag != NULL ?
		    slice_str(s->listener->conf->tag) : SLICE(""),
		.helo = s->helo != NULL ? slice_str(s->helo) : SLICE(""),
		.sender = slice_str(tx->sender),
		.rcpt = slice_str(tx->rcpt),
		.rdns = slice_str(s->rdns),
		.fcrdns = s->fcrdns,
		.notify = params->notify,
		.orcpt = params->orcpt,
		.username = s->username != NULL ? slice_str(s->username) : SLICE(""),
	};
	ipc_send_rcpt(smtp_lookup, &m);
	return 0;
}

/* -- content -- */

/* Who needs much is not passed over for those who need less. */
static bool
may_send(const struct tx *tx)
{
	return window >= (int64_t)tx->content_len &&
	    (TAILQ_EMPTY(&starved) || tx == served);
}

/*
 * Hands over what was collected so far; false if the queue's window is shut.
 * The last piece of a message overdraws it, which is paid back before others.
 */
static bool
send_piece(struct tx *tx, bool last)
{
	if (!may_send(tx) && !last)
		return false;
	window -= (int64_t)tx->content_len;
	ipc_begin(smtp_queue, IPC_CONTENT);
	ipc_put_u32(smtp_queue, tx->msgid);
	ipc_put_slice(smtp_queue, slice_make(tx->content, tx->content_len));
	ipc_end(smtp_queue);
	tx->content_len = 0;
	return true;
}

/* Is more content here than may be, what the queue did not yet take included? */
static bool
content_full(void)
{
	return content_bytes + (smtp_queue == NULL ? 0 :
	    ipc_backlog(smtp_queue)) > CONTENT_BOUND;
}

/* Makes room for what a byte of input may become; false if that has to wait. */
static bool
make_room(struct tx *tx)
{
	size_t	 size = tx->content_size == 0 ? CONTENT_FIRST : 2 * tx->content_size;
	char	*p;

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
		return send_piece(tx, false);
	}
	if ((p = realloc(tx->content, size)) == NULL) {
		log_warn("content of %zu bytes", size);
		tx->refusal = REFUSED_TEMP;
		tx->content_len = 0;
		return tx->content_size > 0;
	}
	content_bytes += size - tx->content_size;
	tx->content = p;
	tx->content_size = size;
	return true;
}

static void
starve(struct tx *tx)
{
	wait_begin(tx->session, WAITING_WINDOW);
	TAILQ_INSERT_TAIL(&starved, tx, starved_entry);
}

void
tx_refill(uint32_t bytes)
{
	struct tx	*tx;

	window += bytes;
	while ((tx = TAILQ_FIRST(&starved)) != NULL && (smtp_queue == NULL ||
	    window >= (int64_t)tx->content_len)) {
		served = tx;
		unstarve(tx);
		session_run(tx->session);
	}
	served = NULL;
}

void
tx_give_up(struct tx *tx)
{
	tx->refusal = REFUSED_TEMP;
	unstarve(tx);
}

/* Content that is not ASCII needs a way that takes it, whatever its client has declared. */
static void
note_8bit(struct tx *tx, const char *p, size_t n)
{
	if (!(tx->body & BODY_8BITMIME) && !utf8_is_ascii(p, n))
		tx->body |= BODY_8BITMIME;
}

static void
judge(struct tx *tx, const char *added, size_t n)
{
	tx->size += n;
	note_8bit(tx, added, n);
	smtp_header_feed(&tx->header, added, n);
	if (tx->refusal != REFUSED_NOT)
		return;
	if (tx->data.bare_cr || tx->data.bare_lf)
		tx->refusal = REFUSED_FORMAT;
	else if (tx->data.long_line)
		tx->refusal = REFUSED_LINE;
	else if (tx->header.received >= LOOP_RECEIVED)
		tx->refusal = REFUSED_LOOP;
	else if (tx->size - tx->trace > proc_conf->max_message_size)
		tx->refusal = REFUSED_SIZE;
	if (tx->refusal != REFUSED_NOT && tx->large)
		discard(tx);
}

/* What of the input belongs to the message, as far as that is known. */
static struct slice
content_input(const struct tx *tx)
{
	struct slice	 in = io_input(&tx->session->io);

	if (tx->data.chunked && in.n > tx->chunk)
		in.n = (size_t)tx->chunk;
	return in;
}

/* As tx_content(), when all octets of a chunk are here. */
static int
end_of_chunk(struct tx *tx)
{
	size_t	 added;

	if (!tx->chunk_last)
		return 1;
	if (!make_room(tx)) {
		starve(tx);
		return -1;
	}
	added = smtp_data_finish(&tx->data, tx->content + tx->content_len);
	judge(tx, tx->content + tx->content_len, added);
	tx->content_len += added;
	return 1;
}

int
tx_content(struct tx *tx)
{
	struct slice	 in;
	size_t		 used, added;

	while ((in = content_input(tx)).n > 0) {
		if (!make_room(tx)) {
			starve(tx);
			return -1;
		}
		used = smtp_data_feed(&tx->data, in.p, in.n,
		    tx->content + tx->content_len,
		    tx->content_size - tx->content_len, &added);
		judge(tx, tx->content + tx->content_len, added);
		tx->content_len += added;
		io_consume(&tx->session->io, used);
		if (tx->data.chunked)
			tx->chunk -= used;
		if (tx->data.end)
			return 1;
	}
	return tx->data.chunked && tx->chunk == 0 ? end_of_chunk(tx) : 0;
}

int
tx_commit(struct tx *tx)
{
	const struct session	*s = tx->session;
	struct ipc_commit	 m;

	if (smtp_queue == NULL)
		return -1;
	if (tx->large && tx->content_len > 0)
		send_piece(tx, true);
	m = (struct ipc_commit){
		.msgid = tx->msgid,
		.nenvelopes = tx->nenvelopes,
		.session = s->source.session,
		.size = tx->size,
		.sender = slice_str(tx->sender),
		.helo = s->helo != NULL ? slice_str(s->helo) : SLICE(""),
		.src = slice_str(s->src),
		.body = tx->body,
		.ret = tx->ret,
		.envid = tx->envid != NULL ? slice_str(tx->envid) : SLICE(""),
		.content = tx->large ? SLICE("") :
		    slice_make(tx->content, tx->content_len),
	};
	ipc_send_commit(smtp_queue, &m);
	/* It fills memory until the answer, though no longer here. */
	content_bytes -= tx->content_size - tx->content_len;
	tx->content_size = tx->content_len;
	free(tx->content);
	tx->content = NULL;
	return 0;
}

/* -- the trace header -- */

/* Where the message came from, in the words of RFC 5321 4.4. */
static void
from_clause(const struct session *s, char *buf, size_t size)
{
	char		 address[ADDR_MAX];
	const char	*name = session_is_local(s) ?
			    s->listener->hostname : session_name(s);

	session_literal(s, address, sizeof(address));
	if (s->listener->conf != NULL && s->listener->conf->mask_src)
		snprintf(buf, size, "from localhost (localhost [127.0.0.1])");
	else
		snprintf(buf, size, "from %s (%s [%s])", s->helo,
		    name != NULL ? name : "unknown", address);
}

/* RFC 5321, RFC 3848, RFC 6531 4.3. */
static const char *
with_clause(const struct tx *tx)
{
	const struct session	*s = tx->session;

	bool			 known = s->username != NULL;

	if (tx->body & BODY_SMTPUTF8)
		return s->secured ? (known ? "UTF8SMTPSA" : "UTF8SMTPS") :
		    known ? "UTF8SMTPA" : "UTF8SMTP";
	if (!s->esmtp)
		return "SMTP";
	return s->secured ? (known ? "ESMTPSA" : "ESMTPS") : known ? "ESMTPA" : "ESMTP";
}

/* As a word, or quoted (RFC 5322 3.2.4). */
static void
auth_clause(const struct session *s, char *buf, size_t size)
{
	static const char	 plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.@_+-";
	const char		*p = s->username;
	size_t			 n;

	*buf = '\0';
	if (s->listener->conf == NULL || !s->listener->conf->received_auth)
		return;
	if (p == NULL || strspn(p, plain) == strlen(p)) {
		snprintf(buf, size, " auth=%s%s%s", p != NULL ? "yes" : "no",
		    p != NULL ? " user=" : "", p != NULL ? p : "");
		return;
	}
	n = (size_t)snprintf(buf, size, " auth=yes user=\"");
	for (; *p != '\0' && n + 4 < size; p++) {
		if (*p == '"' || *p == '\\')
			buf[n++] = '\\';
		buf[n++] = *p;
	}
	buf[n++] = '"';
	buf[n] = '\0';
}

void
tx_data(struct tx *tx, bool chunked)
{
	const struct session	*s = tx->session;
	char			 from[1024], date[SMTP_DATE_MAX], tls[256], rcpt[512] = "";
	char			 auth[2 * SASL_NAME_MAX + 32];
	size_t			 n = 0;
	int			 len;

	smtp_data_init(&tx->data, proc_conf->max_line, chunked);
	smtp_header_init(&tx->header);
	if (!make_room(tx))
		return;
	from_clause(s, from, sizeof(from));
	auth_clause(s, auth, sizeof(auth));
	if (s->secured)
		n = io_tls_text(&s->io, tls, sizeof(tls));
	if (tx->nrcpt == 1 && tx->first != NULL)
		snprintf(rcpt, sizeof(rcpt), "\n\tfor <%s>", tx->first);
	len = snprintf(tx->content, tx->content_size,
	    "Received: %s\n\tby %s (pipepost) with %s id %08x%s%.*s%s%s%s;\n\t%s\n",
	    from, s->listener->hostname, with_clause(tx), tx->msgid,
	    s->secured ? " (" : "", (int)n, tls, s->secured ? ":verify=NO)" : "",
	    auth, rcpt, smtp_date((int64_t)(loop_wall() / 1000000), date));
	tx->content_len = tx->size = tx->trace = (size_t)len;
	note_8bit(tx, tx->content, tx->content_len);
}
