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
#include "smtpd/smtp_filter.h"
#include "smtpd/smtp_peers.h"

#define LEASES		4
#define LEASE_LOW	1024			/* msgids left: ask for more */
#define TRACE_MAX	4096	/* bytes of the trace header, of which each part is bounded */

static struct lease {
	uint32_t	 next, left;
} leases[LEASES];
static bool		 lease_asked;
static bool		 space = true;
static uint32_t		 serials;
static struct u64map	 by_msgid;

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
	for (i = 0; i < LEASES; i++)
		if (leases[i].left == 0) {
			leases[i] = (struct lease){ first, count };
			break;
		}
	listener_start();
}

bool
tx_possible(void)
{
	size_t	 i;

	for (i = 0; i < LEASES; i++)
		if (leases[i].left > 0)
			return true;
	return false;
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
	content_queue_lost();
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

void
tx_end(struct tx *tx, bool committed)
{
	content_end(tx, committed);
	u64map_del(&by_msgid, tx->msgid);
	free_tx(tx);
}

int
tx_rcpt(struct tx *tx, const struct smtp_path *path, const struct params *params,
    bool probe)
{
	const struct session	*s = tx->session;
	struct ipc_rcpt		 m;
	char			*copy;

	if (smtp_lookup == NULL ||
	    (copy = strndup(path->typed.p, path->typed.n)) == NULL)
		return -1;
	free(tx->typed);
	tx->typed = copy;
	tx->probing = probe;
	tx->rcpt = copy + (path->mailbox.p - path->typed.p);
	m = (struct ipc_rcpt){
		.session = s->source.session,
		.msgid = tx->msgid,
		.serial = tx->serial = ++serials,
		.local = session_is_local(s),
		.probe = probe,
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

/* -- the end -- */

int
tx_commit(struct tx *tx)
{
	const struct session	*s = tx->session;
	struct ipc_commit	 m;

	if (smtp_queue == NULL)
		return -1;
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
		.content = content_last(tx),
	};
	ipc_send_commit(smtp_queue, &m);
	content_handed_on(tx);
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

/* Where it came from, and a mark for what a filter took for junk. */
static size_t
trace_header(const struct tx *tx, char *buf, size_t size)
{
	const struct session	*s = tx->session;
	char			 from[1024], date[SMTP_DATE_MAX], tls[256], rcpt[512] = "";
	char			 auth[2 * SASL_NAME_MAX + 32];
	size_t			 n = 0;

	from_clause(s, from, sizeof(from));
	auth_clause(s, auth, sizeof(auth));
	if (s->secured)
		n = io_tls_text(&s->io, tls, sizeof(tls));
	if (tx->nrcpt == 1 && tx->first != NULL)
		snprintf(rcpt, sizeof(rcpt), "\n\tfor <%s>", tx->first);
	return (size_t)snprintf(buf, size,
	    "%sReceived: %s\n\tby %s (pipepost) with %s id %08x%s%.*s%s%s%s;\n\t%s\n",
	    s->junk || tx->junk ? "X-Spam: Yes\n" : "", from,
	    s->listener->hostname, with_clause(tx), tx->msgid,
	    s->secured ? " (" : "", (int)n, tls, s->secured ? ":verify=NO)" : "",
	    auth, rcpt, smtp_date((int64_t)(loop_wall() / 1000000), date));
}

int
tx_data(struct tx *tx, bool chunked)
{
	char	 trace[TRACE_MAX];

	content_open(tx, chunked);
	if (stream_open(tx) == -1)
		return -1;
	tx->trace = trace_header(tx, trace, sizeof(trace));
	if (tx->stream != NULL)
		return stream_begin(tx->stream, trace);
	content_put(tx, trace, tx->trace);
	return 0;
}
