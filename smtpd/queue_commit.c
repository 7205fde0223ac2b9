/* SPDX-License-Identifier: ISC */
/*
 * Transactions, from the first word of a leased msgid to the commit's answer:
 * envelopes from lookup, content from smtp, one flush for all that wait.
 * Queue process.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "smtpd/log.h"
#include "smtpd/loop.h"
#include "smtpd/proc.h"
#include "smtpd/queue.h"
#include "smtpd/queue_bounce.h"

#define WINDOW		(1024 * 1024)	/* content that smtp may send ahead */
#define TEXT_MAX	(3584 * 1024)	/* of envelopes: half a segment holds it, states and content */
#define TX_MAX		65536		/* at once; smtp has fewer sessions */
#define COMMIT_TIME	(60 * SECOND)	/* that a commit waits for its envelopes */

struct tx {
	TAILQ_ENTRY(tx)	 entry;		/* of its list below */
	struct txs	*list;
	struct message	*msg;
	uint64_t	 big;		/* 0: no content came ahead */
	uint64_t	 big_size;
	bool		 failed;	/* it cannot be stored as a whole: */
	enum commit_result result;	/* why */
	uint32_t	 want;		/* envelopes that the commit speaks of */
	uint64_t	 since;		/* monotonic ns of the commit */
	bool		 orphan;	/* the smtp that asked died */
	bool		 own;		/* a notification: queue_bounce.c is told its end */
	bool		 makes_room;	/* with it the mail goes that it tells of */
};
TAILQ_HEAD(txs, tx);

struct orphan {
	uint64_t	 session, size;
	uint32_t	 msgid;
};

static struct u64map	 by_msgid;
static struct txs	 collecting = TAILQ_HEAD_INITIALIZER(collecting);
static struct txs	 own = TAILQ_HEAD_INITIALIZER(own);	/* without a commit */
static struct txs	 incomplete = TAILQ_HEAD_INITIALIZER(incomplete);
static struct txs	 appended = TAILQ_HEAD_INITIALIZER(appended);
static struct orphan	*orphans;	/* that no smtp was there to be told of */
static size_t		 norphans;
static bool		 told_full;
static bool		 lease_owed;	/* smtp was not given the one that it asked for */

struct queue_counters	 queue_counters;

/* -- transactions -- */

static void
tx_move(struct tx *tx, struct txs *list)
{
	if (tx->list != NULL)
		TAILQ_REMOVE(tx->list, tx, entry);
	tx->list = list;
	if (list != NULL)
		TAILQ_INSERT_TAIL(list, tx, entry);
}

static struct tx *
tx_new(uint32_t msgid, struct txs *list)
{
	struct tx	*tx;

	if ((tx = calloc(1, sizeof(*tx))) == NULL ||
	    (tx->msg = message_new(msgid)) == NULL ||
	    u64map_put(&by_msgid, msgid, tx) == -1) {
		log_warn("transaction %08x", msgid);
		if (tx != NULL && tx->msg != NULL)
			message_free(tx->msg);
		free(tx);
		return NULL;
	}
	tx_move(tx, list);
	return tx;
}

/* The transaction of a msgid, begun by the first message that names it; NULL: refused. */
static struct tx *
tx_get(uint32_t msgid)
{
	struct tx	*tx = u64map_get(&by_msgid, msgid);

	if (tx != NULL)
		return tx;
	if (by_msgid.used >= TX_MAX || lease_take(msgid) == -1) {
		log_debug("msgid %08x is not leased, or used up", msgid);
		return NULL;
	}
	return tx_new(msgid, &collecting);
}

uint32_t
commit_own(bool makes_room)
{
	uint32_t	 msgid = lease_own();
	struct tx	*tx = msgid == 0 ? NULL : tx_new(msgid, &own);

	if (tx == NULL)
		return 0;
	tx->own = true;
	tx->makes_room = makes_room;
	return msgid;
}

/* Its message lives on. */
static void
tx_free(struct tx *tx)
{
	tx_move(tx, NULL);
	u64map_del(&by_msgid, tx->msg->msgid);
	free(tx);
}

static void
tx_drop(struct tx *tx)
{
	struct message	*m = tx->msg;

	if (tx->big != 0)
		spool_big_drop(queue_spool, tx->big);
	tx_free(tx);
	message_free(m);
}

static enum commit_result
result_of(int error)
{
	switch (error) {
	case ENOSPC:
	case EDQUOT:
		return COMMIT_FULL;
	case E2BIG:
		return COMMIT_REFUSED;
	default:
		return COMMIT_TEMPFAIL;
	}
}

/* Told at the commit; what follows until then is dropped. */
static void
tx_fail(struct tx *tx, enum commit_result result)
{
	if (tx->big != 0)
		spool_big_drop(queue_spool, tx->big);
	tx->big = 0;
	if (tx->failed)
		return;
	tx->failed = true;
	tx->result = result;
}

bool
commit_is_open(uint32_t msgid)
{
	return u64map_get(&by_msgid, msgid) != NULL;
}

bool
commit_is_own(uint32_t msgid)
{
	const struct tx	*tx = u64map_get(&by_msgid, msgid);

	return tx != NULL && tx->own;
}

/* -- leases, envelopes, content -- */

void
commit_lease(void)
{
	uint32_t	 first = lease_new();

	if ((lease_owed = first == 0))
		return;
	ipc_begin(queue_smtp, IPC_LEASE);
	ipc_put_u32(queue_smtp, first);
	ipc_put_u32(queue_smtp, LEASE_BLOCK);
	ipc_end(queue_smtp);
}

static void	append_if_whole(struct tx *);

void
commit_envelope(const struct ipc_envelope *m)
{
	struct tx		*tx = tx_get(m->msgid);
	enum commit_result	 result;

	if (tx == NULL || tx->list == &appended)
		return;
	if (!tx->failed && message_add(tx->msg, m) == NULL) {
		result = result_of(errno);
		log_warn("envelope %016" PRIx64, m->evpid);
		tx_fail(tx, result);
	}
	if (tx->list == &incomplete)
		append_if_whole(tx);
}

static void
grant(uint32_t bytes)
{
	ipc_begin(queue_smtp, IPC_WINDOW);
	ipc_put_u32(queue_smtp, bytes);
	ipc_end(queue_smtp);
}

static void
content_failed(struct tx *tx, const char *what)
{
	enum commit_result	 result = result_of(errno);

	log_warn("message %08x: %s", tx->msg->msgid, what);
	tx_fail(tx, result);
}

void
commit_content(uint32_t msgid, struct slice piece)
{
	struct tx	*tx = tx_get(msgid);

	grant(piece.n);
	if (tx == NULL || tx->failed || tx->list != &collecting)
		return;
	if (tx->big == 0 && spool_big_begin(queue_spool, &tx->big) == -1) {
		tx->big = 0;
		content_failed(tx, "create a big file");
	} else if (spool_big_write(queue_spool, tx->big, piece.p, piece.n) == -1)
		content_failed(tx, "write its big file");
	tx->big_size += piece.n;
}

void
commit_discard(uint32_t msgid)
{
	struct tx	*tx = u64map_get(&by_msgid, msgid);

	if (tx == NULL)
		lease_take(msgid);	/* late envelopes begin nothing */
	else if (tx->list != &appended)		/* in the batch: it is accepted */
		tx_drop(tx);
}

/* -- commit -- */

static void
tell_orphan(const struct orphan *o)
{
	ipc_begin(queue_smtp, IPC_ORPHAN);
	ipc_put_u64(queue_smtp, o->session);
	ipc_put_u32(queue_smtp, o->msgid);
	ipc_put_u64(queue_smtp, o->size);
	ipc_end(queue_smtp);
}

static void
orphan_accepted(const struct message *m)
{
	const struct orphan	 o = { m->session, m->size, m->msgid };
	struct orphan		*p;

	if (queue_smtp != NULL)
		tell_orphan(&o);
	else if ((p = reallocarray(orphans, norphans + 1, sizeof(*p))) == NULL)
		log_warn("message %08x is accepted, and nobody is told", o.msgid);
	else {
		orphans = p;
		orphans[norphans++] = o;
	}
}

static void
answer_smtp(uint32_t msgid, enum commit_result result)
{
	ipc_begin(queue_smtp, IPC_COMMITTED);
	ipc_put_u32(queue_smtp, msgid);
	ipc_put_u8(queue_smtp, result);
	ipc_end(queue_smtp);
}

static void
answer(const struct tx *tx, enum commit_result result)
{
	if (tx->own)
		bounce_committed(tx->msg->msgid, result);
	else if (!tx->orphan)
		answer_smtp(tx->msg->msgid, result);
	else if (result == COMMIT_OK)
		orphan_accepted(tx->msg);
}

static void
refuse(struct tx *tx, enum commit_result result)
{
	answer(tx, result);
	tx_drop(tx);
}

static int
append(struct tx *tx, struct slice content)
{
	struct message		*m = tx->msg;
	struct spool_append	 a = { .content = content, .big = tx->big,
	    .size = m->size, .nrcpt = m->n, .makes_room = tx->makes_room };
	char			*text;
	int			 r;

	if (tx->big != 0 && spool_big_end(queue_spool, tx->big) == -1)
		return -1;
	if ((text = envelope_encode(m, &a.envelope.n)) == NULL)
		return -1;
	a.envelope.p = text;
	/* Known from now on: after the flush nothing may fail. */
	if ((r = message_enlist(m)) == 0) {
		errno = E2BIG;
		r = a.envelope.n > TEXT_MAX ? -1 :
		    spool_append(queue_spool, &a, &m->recno);
	}
	free(text);
	return r;
}

static void
append_now(struct tx *tx, struct slice content)
{
	int	 error;

	if (append(tx, content) == 0) {
		tx_move(tx, &appended);
		return;
	}
	error = errno;
	if (error != ENOSPC)
		log_warn("message %08x: append to the spool", tx->msg->msgid);
	refuse(tx, result_of(error));
}

/* An envelope came late, by the other socket. */
static void
append_if_whole(struct tx *tx)
{
	struct message	*m = tx->msg;

	if (tx->failed)
		refuse(tx, tx->result);
	else if (m->n == tx->want)
		append_now(tx, m->content == NULL ? SLICE("") :
		    slice_make(m->content, m->size));
}

/* Why a commit cannot be, or NULL; envelopes may still be missing. */
static const char *
objection(const struct tx *tx, const struct ipc_commit *c)
{
	if (c->nenvelopes == 0)
		return "no envelope";
	if (tx->msg->n > c->nenvelopes)
		return "more envelopes than recipients were accepted";
	if (tx->big != 0 && c->content.n != 0)
		return "content by two ways";
	if (c->size != (tx->big != 0 ? tx->big_size : c->content.n))
		return "size and content differ";
	return NULL;
}

/* All that is known is here: to the spool with it, or wait for envelopes. */
static void
decide(struct tx *tx, const struct ipc_commit *c)
{
	const char	*why = objection(tx, c);
	bool		 whole = tx->msg->n == c->nenvelopes;

	if (why != NULL && !tx->failed)
		log_warnx("commit of %08x: %s, refused", c->msgid, why);
	if (tx->failed || why != NULL || (!whole && queue_lookup == NULL) ||
	    message_fill(tx->msg, c, queue_now()) == -1) {
		refuse(tx, tx->failed ? tx->result : COMMIT_TEMPFAIL);
		return;
	}
	if (!message_keep(tx->msg, c->content, !whole) && !whole && tx->big == 0) {
		refuse(tx, COMMIT_TEMPFAIL);
		return;
	}
	tx->msg->usec = (uint32_t)(loop_wall() % 1000000);
	if (whole)
		append_now(tx, c->content);
	else
		tx_move(tx, &incomplete);
}

void
commit_begin(const struct ipc_commit *c)
{
	struct tx	*tx = tx_get(c->msgid);

	if (tx == NULL || (tx->list != &collecting && tx->list != &own)) {
		log_warnx("commit of %08x, which is not open, refused", c->msgid);
		if (tx == NULL)
			answer_smtp(c->msgid, COMMIT_TEMPFAIL);
		return;
	}
	/* lookup sent its envelopes first, but its socket may be read later. */
	if (tx->msg->n < c->nenvelopes && queue_lookup != NULL)
		ipc_drain(queue_lookup);
	tx->want = c->nenvelopes;
	tx->since = loop_mono();
	decide(tx, c);
}

static void
deliver_all(struct message *m)
{
	uint32_t	 i;

	for (i = 0; i < m->n; i++)
		sched_add(m->env[i]);
}

int
commit_flush(bool fates_too)
{
	struct tx	*tx, *next;
	struct message	*m;
	int		 error = 0;

	if (TAILQ_EMPTY(&appended) &&
	    (!fates_too || spool_dirty(queue_spool) == 0))
		return 0;
	if (spool_flush(queue_spool) == -1)
		error = errno;
	TAILQ_FOREACH_SAFE(tx, &appended, entry, next)
		if (error != 0)
			refuse(tx, result_of(error));
		else
			answer(tx, COMMIT_OK);
	if (queue_smtp != NULL)
		ipc_flush(queue_smtp);
	while ((tx = TAILQ_FIRST(&appended)) != NULL) {
		m = tx->msg;
		tx_free(tx);
		queue_counters.accepted++;
		deliver_all(m);
	}
	return error == 0 ? 0 : -1;
}

/* lookup may have lost its way: smtp and its client wait. */
void
commit_check_time(void)
{
	struct tx	*tx;

	if (lease_owed && queue_smtp != NULL)
		commit_lease();
	while ((tx = TAILQ_FIRST(&incomplete)) != NULL &&
	    loop_mono() - tx->since >= COMMIT_TIME) {
		log_warnx("commit of %08x: %u of its %u envelopes came, refused",
		    tx->msg->msgid, tx->msg->n, tx->want);
		refuse(tx, COMMIT_TEMPFAIL);
	}
}

void
commit_tell_space(void)
{
	struct spool_stat	 st;

	spool_stat(queue_spool, &st);
	if (queue_smtp == NULL || (st.full != 0) == told_full)
		return;
	told_full = st.full != 0;
	if (told_full)
		log_warnx("the spool is full, mail is answered with 452");
	else
		log_info("the spool has room again");
	ipc_begin(queue_smtp, IPC_SPACE);
	ipc_put_u8(queue_smtp, !told_full);
	ipc_end(queue_smtp);
}

/* -- peers -- */

void
commit_smtp_met(void)
{
	size_t	 i;

	told_full = false;
	grant(WINDOW);
	for (i = 0; i < norphans; i++)
		tell_orphan(&orphans[i]);
	free(orphans);
	orphans = NULL;
	norphans = 0;
}

/* Transactions without a commit died with their session; the others go on. */
void
commit_smtp_lost(void)
{
	struct tx	*tx;

	lease_revoke_all();
	lease_owed = false;
	while ((tx = TAILQ_FIRST(&collecting)) != NULL)
		tx_drop(tx);
	TAILQ_FOREACH(tx, &incomplete, entry)
		tx->orphan = true;
	TAILQ_FOREACH(tx, &appended, entry)
		tx->orphan = true;
}

/* Envelopes that have not come will not come any more. */
void
commit_lookup_lost(void)
{
	struct tx	*tx;

	while ((tx = TAILQ_FIRST(&own)) != NULL ||
	    (tx = TAILQ_FIRST(&incomplete)) != NULL)
		refuse(tx, COMMIT_TEMPFAIL);
}

bool
commit_pending(void)
{
	return !TAILQ_EMPTY(&incomplete) || !TAILQ_EMPTY(&appended);
}
