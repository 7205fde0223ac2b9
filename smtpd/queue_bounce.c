/* SPDX-License-Identifier: ISC */
/*
 * What a sender is told of his mail, and how that becomes mail itself: what
 * happens to a message in one turn is one notification, whose recipient lookup
 * resolves and whose commit is flushed like any other.  Queue process.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "smtpd/dsn.h"
#include "smtpd/log.h"
#include "smtpd/loop.h"
#include "smtpd/proc.h"
#include "smtpd/queue.h"
#include "smtpd/queue_bounce.h"
#include "smtpd/queue_dsn.h"
#include "smtpd/report_emit.h"

#define ITEMS_MAX	40		/* recipients in one: it stays a small message */
#define RETURN_MAX	(64 * 1024)	/* bytes of the message that are returned */
#define REPLY_MAX	512		/* bytes of a reply that are quoted */
#define ACTIVE_MAX	64		/* under way at once: their texts fill memory */
#define COPIED_MAX	1024		/* with a copy of the message's header; then no more of these */
#define RETRY		(30 * SECOND)

struct item {			/* one recipient */
	struct dsn_rcpt	 rcpt;
	struct envelope	*held;		/* ENV_BOUNCING until we are done; or NULL */
	char		*text;		/* what rcpt points into */
};

struct notice {
	TAILQ_ENTRY(notice) entry;
	uint32_t	 about;		/* msgid of the message, */
	uint32_t	 msgid, serial;	/* its own and that of the question, while it is under way */
	uint64_t	 since;		/* monotonic ns: it was to be sent */
	uint64_t	 due;		/* not before */
	int64_t		 arrival;
	uint8_t		 ret;
	char		*to, *envid;
	char		*content;	/* copied, as the message may go; NULL: an item holds it */
	size_t		 content_size;
	char		*text;		/* while it is under way */
	size_t		 size;
	struct item	*item;
	size_t		 n;
};
TAILQ_HEAD(notices, notice);

static struct notices	 collecting = TAILQ_HEAD_INITIALIZER(collecting);
static struct notices	 waiting = TAILQ_HEAD_INITIALIZER(waiting);	/* by due */
static struct notices	 active = TAILQ_HEAD_INITIALIZER(active);
static size_t		 nactive, ncopied;
static uint32_t		 serials;

static const char *const kinds[DSN_ACTION_MAX] = {	/* of report_message_bounce() */
	[DSN_FAILED]	= "failed",
	[DSN_DELAYED]	= "delayed",
	[DSN_DELIVERED]	= "delivered",
	[DSN_RELAYED]	= "delivered",
};

/* -- notices -- */

/* Those that held their envelope let it go: the sender was told, or nobody can be. */
static void
notice_free(struct notice *n)
{
	size_t	 i;

	for (i = 0; i < n->n; i++) {
		if (n->item[i].held != NULL)
			fate_bounced(n->item[i].held);
		free(n->item[i].text);
	}
	ncopied -= n->content != NULL;
	free(n->item);
	free(n->to);
	free(n->envid);
	free(n->content);
	free(n->text);
	free(n);
}

/* What is returned of a message: its header, or all if the sender asked and it is not large. */
static int
read_returned(const struct message *m, struct slice *s)
{
	return content_read(m, 0, m->size < RETURN_MAX ? m->size : RETURN_MAX, s);
}

/* The message may be gone before the notice is written. */
static int
copy_content(struct notice *n, const struct message *m)
{
	struct slice	 s;

	if (read_returned(m, &s) == -1)
		s = SLICE("");
	if ((n->content = malloc(s.n + 1)) == NULL)
		return -1;
	if (s.n > 0)
		memcpy(n->content, s.p, s.n);
	n->content_size = s.n;
	ncopied++;
	return 0;
}

static struct notice *
notice_new(const struct message *m, bool held)
{
	struct notice	*n = calloc(1, sizeof(*n));

	if (n == NULL)
		return NULL;
	n->about = m->msgid;
	n->since = loop_mono();
	n->arrival = m->arrival;
	n->ret = m->ret;
	if ((n->to = strndup(m->sender.p, m->sender.n)) == NULL ||
	    (n->envid = strndup(m->envid.n > 0 ? m->envid.p : "", m->envid.n)) == NULL ||
	    (!held && copy_content(n, m) == -1)) {
		notice_free(n);
		return NULL;
	}
	TAILQ_INSERT_TAIL(&collecting, n, entry);
	return n;
}

/* The notice of this turn about the message; made where there is none, or it is full. */
static struct notice *
notice_of(const struct message *m, bool held)
{
	struct notice	*n = TAILQ_LAST(&collecting, notices);

	if (n != NULL && n->about == m->msgid && n->n < ITEMS_MAX &&
	    (n->content == NULL) == held)
		return n;
	return notice_new(m, held);
}

static int
item_add(struct notice *n, const struct envelope *e, const struct outcome *o,
    enum dsn_action action)
{
	struct slice	 reply = slice_make(o->reply.p, o->reply.n < REPLY_MAX ?
	    o->reply.n : REPLY_MAX);
	struct item	*more = reallocarray(n->item, n->n + 1, sizeof(*more)), *it;
	char		*p = malloc(e->dest.n + e->orcpt.n + o->host.n + reply.n + 1);

	if (more != NULL)
		n->item = more;
	if (more == NULL || p == NULL) {
		free(p);
		return -1;
	}
	it = &n->item[n->n++];
	*it = (struct item){ .text = p };
	it->rcpt.action = action;
	it->rcpt.dest = slice_copy(&p, e->dest);
	it->rcpt.orcpt = slice_copy(&p, e->orcpt);
	it->rcpt.host = slice_copy(&p, o->host);
	it->rcpt.reply = slice_copy(&p, reply);
	it->rcpt.until = e->msg->arrival + e->ttl;
	return 0;
}

/* The item, or NULL with a word in the log. */
static struct item *
add(const struct envelope *e, const struct outcome *o, enum dsn_action action, bool held)
{
	struct notice	*n = notice_of(e->msg, held);

	if (n != NULL && item_add(n, e, o, action) == 0)
		return &n->item[n->n - 1];
	log_warn("envelope %016" PRIx64 ": the notification of <%.*s>", e->evpid,
	    (int)e->msg->sender.n, e->msg->sender.p);
	return NULL;
}

/* -- who is told of what -- */

/* NOTIFY of RFC 3461 4.1; not said is failure and delay.  The null sender is told nothing. */
static bool
is_told(const struct envelope *e, enum dsn_notify of)
{
	uint8_t	 notify = e->notify != 0 ? e->notify : NOTIFY_FAILURE | NOTIFY_DELAY;

	return e->msg->sender.n > 0 && (notify & of) != 0 && !(notify & NOTIFY_NEVER);
}

static void
given_up(struct envelope *e, const struct outcome *o, bool expired)
{
	struct item	*it;

	if (!is_told(e, NOTIFY_FAILURE) ||
	    (it = add(e, o, DSN_FAILED, true)) == NULL) {
		fate_bounced(e);
		return;
	}
	it->held = e;
	it->rcpt.expired = expired;
	queue_turn_again();
}

void
bounce_failed(struct envelope *e, const struct outcome *o)
{
	given_up(e, o, false);
}

void
bounce_expired(struct envelope *e, const struct outcome *o)
{
	given_up(e, o, true);
}

uint8_t
bounce_warnings(int64_t age)
{
	uint8_t	 n = 0;

	while (n < CONF_WARNS && proc_conf->bounce_warn[n] != 0 &&
	    proc_conf->bounce_warn[n] <= age)
		n++;
	return n;
}

void
bounce_delayed(struct envelope *e, const struct outcome *o)
{
	uint8_t	 due = bounce_warnings(queue_now() - e->msg->arrival);

	if (due <= e->warned || !is_told(e, NOTIFY_DELAY) || ncopied >= COPIED_MAX)
		return;
	e->warned = due;
	add(e, o, DSN_DELAYED, false);
	queue_turn_again();
}

void
bounce_delivered(const struct envelope *e, const struct outcome *o, bool relayed)
{
	if (!is_told(e, NOTIFY_SUCCESS))
		return;
	if (ncopied >= COPIED_MAX) {
		log_warnx("envelope %016" PRIx64 ": %d notifications wait, <%.*s> is not told",
		    e->evpid, COPIED_MAX, (int)e->msg->sender.n, e->msg->sender.p);
		return;
	}
	add(e, o, relayed ? DSN_RELAYED : DSN_DELIVERED, false);
	queue_turn_again();
}

/* -- a notice under way -- */

static const struct message *
message_of(const struct notice *n)
{
	size_t	 i;

	for (i = 0; i < n->n; i++)
		if (n->item[i].held != NULL)
			return n->item[i].held->msg;
	return NULL;
}

/* 0, or -1: no memory now. */
static int
write_text(struct notice *n)
{
	struct dsn_rcpt		 rcpt[ITEMS_MAX];
	const struct message	*m = message_of(n);
	struct dsn		 d = {
		.hostname = proc_conf->hostname, .to = slice_str(n->to),
		.envid = slice_str(n->envid), .arrival = n->arrival,
		.now = queue_now(), .rcpt = rcpt, .n = n->n,
		.content = slice_make(n->content, n->content_size),
	};
	size_t			 i;

	for (i = 0; i < n->n; i++)
		rcpt[i] = n->item[i].rcpt;
	if (m != NULL && read_returned(m, &d.content) == -1)
		d.content = SLICE("");
	/* RET is about failures only, RFC 3461 4.3. */
	d.full = m != NULL && n->ret == RET_FULL && m->size <= RETURN_MAX;
	arc4random_buf(&d.unique, sizeof(d.unique));
	free(n->text);
	n->text = dsn_write(&d, &n->size);
	return n->text == NULL ? -1 : 0;
}

static void
to_active(struct notice *n)
{
	TAILQ_INSERT_TAIL(&active, n, entry);
	nactive++;
}

static void
from_active(struct notice *n)
{
	TAILQ_REMOVE(&active, n, entry);
	nactive--;
	n->msgid = 0;
	free(n->text);
	n->text = NULL;
}

/* Has the administrator removed all that it tells of? */
static bool
is_moot(const struct notice *n)
{
	size_t	 i;

	for (i = 0; i < n->n; i++)
		if (n->item[i].held == NULL || !n->item[i].held->removed)
			return false;
	return true;
}

static void
later(struct notice *n)
{
	if (is_moot(n)) {
		log_info("message %08x: the notification for <%s> is given up, all is removed",
		    n->about, n->to);
		notice_free(n);
		return;
	}
	n->due = loop_mono() + RETRY;
	TAILQ_INSERT_TAIL(&waiting, n, entry);
}

/* Asks lookup where it goes. */
static void
ask(const struct notice *n)
{
	const struct ipc_rcpt	 q = {
		.session = n->msgid, .msgid = n->msgid, .serial = n->serial,
		.local = true, .src = SLICE("local"), .tag = SLICE(""),
		.helo = slice_str(proc_conf->hostname), .sender = SLICE(""),
		.rcpt = slice_str(n->to), .rdns = SLICE(""),
		.notify = NOTIFY_NEVER, .orcpt = SLICE(""),
	};

	ipc_send_rcpt(queue_lookup, &q);
}

static void
start(struct notice *n)
{
	to_active(n);
	n->serial = ++serials;
	if (write_text(n) == 0 && (n->msgid = commit_own(n->content == NULL)) != 0) {
		ask(n);
		return;
	}
	from_active(n);
	later(n);
}

/* Without lookup they wait as they are: when it is there again there is a turn. */
static bool
may_start(void)
{
	return nactive < ACTIVE_MAX && queue_lookup != NULL && !queue_stopping;
}

void
bounce_turn(void)
{
	struct notice	*n;

	while ((n = TAILQ_FIRST(&collecting)) != NULL) {
		TAILQ_REMOVE(&collecting, n, entry);
		TAILQ_INSERT_HEAD(&waiting, n, entry);
	}
	while (may_start() && (n = TAILQ_FIRST(&waiting)) != NULL &&
	    n->due <= loop_mono()) {
		TAILQ_REMOVE(&waiting, n, entry);
		start(n);
	}
}

uint64_t
bounce_due(void)
{
	const struct notice	*n = TAILQ_FIRST(&waiting);

	return n == NULL || !may_start() ? 0 : n->due > 0 ? n->due : 1;
}

static struct notice *
find(uint32_t msgid)
{
	struct notice	*n;

	TAILQ_FOREACH(n, &active, entry)
		if (n->msgid == msgid)
			break;
	return n;
}

/* Whom it is for nobody knows, or it is refused: it will not be otherwise later. */
static void
nobody(struct notice *n, const char *why)
{
	log_warnx("message %08x: the notification for <%s> cannot be sent: %s",
	    n->about, n->to, why);
	from_active(n);
	notice_free(n);
}

static void
commit(struct notice *n, uint32_t nenvelopes)
{
	const struct ipc_commit	 c = {
		.msgid = n->msgid, .nenvelopes = nenvelopes, .size = n->size,
		.sender = SLICE(""), .helo = slice_str(proc_conf->hostname),
		.src = SLICE("local"), .body = dsn_body(slice_make(n->text, n->size)),
		.envid = SLICE(""), .content = slice_make(n->text, n->size),
	};

	commit_begin(&c);
}

void
bounce_verdict(uint32_t msgid, uint32_t serial, enum verdict verdict, uint32_t nenvelopes)
{
	struct notice	*n = find(msgid);

	if (n == NULL || n->serial != serial)
		return;
	if (verdict == VERDICT_OK) {
		commit(n, nenvelopes);
		return;
	}
	commit_discard(msgid);
	if (verdict != VERDICT_TEMPFAIL) {
		nobody(n, verdict == VERDICT_UNKNOWN_USER ? "no such user" :
		    "no rule takes mail for it");
		return;
	}
	if ((loop_mono() - n->since) / SECOND >= (uint64_t)proc_conf->queue_ttl) {
		nobody(n, "the queue's ttl is over");
		return;
	}
	from_active(n);
	later(n);
}

void
bounce_committed(uint32_t msgid, enum commit_result result)
{
	struct notice	*n = find(msgid);
	const char	*kind;
	size_t		 i;

	if (n == NULL)
		return;
	if (result == COMMIT_REFUSED) {
		nobody(n, "it is too large");
		return;
	}
	if (result != COMMIT_OK) {
		from_active(n);
		later(n);
		return;
	}
	for (i = 0; i < n->n; i++) {
		if (i > 0 && n->item[i].rcpt.action == n->item[i - 1].rcpt.action)
			continue;
		kind = kinds[n->item[i].rcpt.action];
		log_info("message %08x: notification %08x (%s) for <%s>", n->about,
		    msgid, kind, n->to);
		report_message_bounce(n->about, kind, msgid, slice_str(n->to));
	}
	from_active(n);
	notice_free(n);
}
