/* SPDX-License-Identifier: ISC */
/*
 * From the lease of a msgid to the commit: envelopes from lookup, content
 * from smtp, one flush for all that wait.  Queue process.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "smtpd/log.h"
#include "smtpd/loop.h"
#include "smtpd/proc.h"
#include "smtpd/queue.h"

#define BLOCK		4096		/* msgids leased at once */
#define BLOCKS		(1u << 20)
#define WINDOW		(1024 * 1024)	/* content that smtp may send ahead */
#define ENVELOPE_MAX	(2 * 1024 * 1024) /* bytes: a copy of it, with states, must fit the log */
#define LATE		(60 * 1000000000ULL)	/* ns that a commit waits for envelopes */
#define ENDED		65536		/* msgids that are remembered as over */

/* A transaction that smtp has open, or whose commit waits for its flush. */
struct open {
	TAILQ_ENTRY(open) entry;	/* of the commits */
	struct message	*msg;
	uint64_t	 big;		/* 0: no content came ahead */
	uint64_t	 big_size;
	bool		 failed;	/* content could not be written: */
	enum commit_result result;	/* that is why */
	bool		 committing;	/* smtp waits for the answer */
	bool		 incomplete;	/* and it waits for envelopes */
	uint32_t	 want;		/* envelopes that the commit speaks of */
	uint64_t	 since;		/* monotonic ns, while incomplete */
	uint32_t	 life;		/* of the smtp that waits for the answer */
};
TAILQ_HEAD(opens, open);

struct orphan {
	uint64_t	 session, size;
	uint32_t	 msgid;
};

static struct u64map	 opens;			/* by msgid */
static struct opens	 incomplete = TAILQ_HEAD_INITIALIZER(incomplete);
static struct opens	 appended = TAILQ_HEAD_INITIALIZER(appended);
static uint8_t		 leased[BLOCKS / 8];
static struct orphan	*orphans;
static size_t		 norphans;
static bool		 told_full;
static uint32_t		 smtp_life;	/* an old channel's address may come again */

/*
 * An envelope may be on its way from lookup when its transaction ends; it
 * must not begin another.  A ring: what was first is forgotten first.
 */
static struct u64map	 ended;
static uint32_t		 ended_ring[ENDED];
static size_t		 nended;

/* -- leases -- */

static bool
is_leased(uint32_t msgid)
{
	return leased[msgid / BLOCK / 8] >> msgid / BLOCK % 8 & 1;
}

static bool
block_free(uint32_t first)
{
	uint32_t	 i;

	if (first == 0 || is_leased(first))
		return false;
	for (i = 0; i < BLOCK; i++)
		if (message_find(first + i) != NULL ||
		    u64map_get(&opens, first + i) != NULL)
			return false;
	return true;
}

void
commit_lease(void)
{
	uint32_t	 first;
	int		 tries = 0;

	do {
		/* Nearly all were given out: those of long ago are over. */
		if (tries++ == 1000)
			memset(leased, 0, sizeof(leased));
		first = arc4random_uniform(BLOCKS) * BLOCK;
	} while (!block_free(first));
	leased[first / BLOCK / 8] |= 1u << first / BLOCK % 8;
	ipc_begin(queue_smtp, IPC_LEASE);
	ipc_put_u32(queue_smtp, first);
	ipc_put_u32(queue_smtp, BLOCK);
	ipc_end(queue_smtp);
}

/* -- what is open -- */

static void
remember_end(uint32_t msgid)
{
	uint32_t	*slot = &ended_ring[nended++ % ENDED];

	if (*slot != 0)
		u64map_del(&ended, *slot);
	*slot = u64map_put(&ended, msgid, ended_ring) == -1 ? 0 : msgid;
}

static struct open *
open_get(uint32_t msgid)
{
	struct open	*o = u64map_get(&opens, msgid);

	if (o != NULL)
		return o;
	if (u64map_get(&ended, msgid) != NULL) {
		log_debug("message %08x is over", msgid);
		return NULL;
	}
	if (!is_leased(msgid) || message_find(msgid) != NULL) {
		log_warnx("msgid %08x was not leased, refused", msgid);
		return NULL;
	}
	if ((o = calloc(1, sizeof(*o))) == NULL ||
	    (o->msg = message_new(msgid)) == NULL ||
	    u64map_put(&opens, msgid, o) == -1) {
		log_warn("message %08x", msgid);
		if (o != NULL && o->msg != NULL)
			message_free(o->msg);
		free(o);
		return NULL;
	}
	return o;
}

/* Forgets it; its message goes too, unless it was accepted. */
static void
open_free(struct open *o, bool accepted)
{
	u64map_del(&opens, o->msg->msgid);
	remember_end(o->msg->msgid);
	if (!accepted) {
		if (o->big != 0)
			spool_big_drop(queue_spool, o->big);
		message_free(o->msg);
	}
	free(o);
}

static void	append_when_whole(struct open *);

static int
add_envelope(struct message *msg, const struct ipc_envelope *m)
{
	char		 user[256];
	struct envelope	*e;

	if (m->user.n == 0 || m->user.n >= sizeof(user)) {
		errno = EINVAL;
		return -1;
	}
	memcpy(user, m->user.p, m->user.n);
	user[m->user.n] = '\0';
	if ((e = message_add(msg, m->evpid)) == NULL ||
	    (e->user = user_get(user)) == NULL ||
	    (e->action = strndup(m->action.p, m->action.n)) == NULL ||
	    (e->rcpt = strndup(m->rcpt.p, m->rcpt.n)) == NULL ||
	    (e->dest = strndup(m->dest.p, m->dest.n)) == NULL)
		return -1;
	e->ttl = m->ttl;
	return 0;
}

void
commit_envelope(const struct ipc_envelope *m)
{
	struct open	*o = open_get(m->msgid);

	/* What is in the spool's batch already has as many as it has. */
	if (o == NULL || (o->committing && !o->incomplete))
		return;
	if (m->evpid >> 32 != m->msgid || add_envelope(o->msg, m) == -1) {
		log_warn("envelope %016" PRIx64, m->evpid);
		o->failed = true;
		o->result = COMMIT_TEMPFAIL;
	}
	if (o->incomplete)
		append_when_whole(o);
}

static enum commit_result
result_of(int error)
{
	return error == ENOSPC || error == EDQUOT ? COMMIT_FULL : COMMIT_TEMPFAIL;
}

/* A failure to store is told at the commit; what follows until then is dropped. */
static void
content_failed(struct open *o, const char *what)
{
	log_warn("message %08x: %s", o->msg->msgid, what);
	o->failed = true;
	o->result = result_of(errno);
	if (o->big != 0)
		spool_big_drop(queue_spool, o->big);
	o->big = 0;
}

void
commit_content(uint32_t msgid, struct slice piece)
{
	struct open	*o = open_get(msgid);

	ipc_begin(queue_smtp, IPC_WINDOW);
	ipc_put_u32(queue_smtp, piece.n);
	ipc_end(queue_smtp);
	if (o == NULL || o->failed || o->committing)
		return;
	if (o->big == 0 && spool_big_begin(queue_spool, &o->big) == -1) {
		o->big = 0;
		content_failed(o, "create big file");
	} else if (spool_big_write(queue_spool, o->big, piece.p, piece.n) == -1)
		content_failed(o, "write big file");
	o->big_size += piece.n;
}

void
commit_discard(uint32_t msgid)
{
	struct open	*o = u64map_get(&opens, msgid);

	if (o == NULL) {
		if (is_leased(msgid) && u64map_get(&ended, msgid) == NULL)
			remember_end(msgid);
		return;
	}
	/* Once it is in the batch it is accepted, whoever is there to be told. */
	if (o->committing && !o->incomplete)
		return;
	if (o->incomplete)
		TAILQ_REMOVE(&incomplete, o, entry);
	open_free(o, false);
}

/* -- commit -- */

static void
tell_result(uint32_t msgid, enum commit_result result)
{
	ipc_begin(queue_smtp, IPC_COMMITTED);
	ipc_put_u32(queue_smtp, msgid);
	ipc_put_u8(queue_smtp, result);
	ipc_end(queue_smtp);
}

static void
answer(struct open *o, enum commit_result result)
{
	if (queue_smtp != NULL && o->life == smtp_life)
		tell_result(o->msg->msgid, result);
}

static void
refuse(struct open *o, enum commit_result result)
{
	answer(o, result);
	open_free(o, false);
}

static int
append(struct open *o, struct slice content)
{
	struct message		*m = o->msg;
	struct spool_append	 a = { .content = content, .big = o->big,
	    .size = m->size, .nrcpt = m->n };
	char			*text;
	int			 r;

	/* Known before it is durable: a failure afterwards could not be told. */
	if (message_enlist(m) == -1 ||
	    (o->big != 0 && spool_big_end(queue_spool, o->big) == -1))
		return -1;
	m->big = o->big;
	if ((text = envelope_encode(m, &a.envelope.n)) == NULL)
		return -1;
	a.envelope.p = text;
	errno = EMSGSIZE;
	r = a.envelope.n > ENVELOPE_MAX ? -1 :
	    spool_append(queue_spool, &a, &m->recno);
	free(text);
	return r;
}

static void
append_now(struct open *o, struct slice content)
{
	if (append(o, content) == -1) {
		if (errno != ENOSPC)
			log_warn("message %08x: append to the spool",
			    o->msg->msgid);
		refuse(o, result_of(errno));
		return;
	}
	TAILQ_INSERT_TAIL(&appended, o, entry);
}

/* The envelopes came by another socket: those of an incomplete commit are here now? */
static void
append_when_whole(struct open *o)
{
	struct slice	 content = slice_make(o->msg->content,
	    o->msg->content == NULL ? 0 : o->msg->size);

	if (!o->failed && o->msg->n < o->want)
		return;
	TAILQ_REMOVE(&incomplete, o, entry);
	o->incomplete = false;
	if (o->failed)
		refuse(o, o->result);
	else
		append_now(o, content);
}

static int
fill_in(struct message *m, const struct ipc_commit *c)
{
	m->session = c->session;
	m->size = c->size;
	m->arrival = queue_now();
	m->sender = strndup(c->sender.p, c->sender.n);
	m->helo = strndup(c->helo.p, c->helo.n);
	m->src = strndup(c->src.p, c->src.n);
	return m->sender == NULL || m->helo == NULL || m->src == NULL ? -1 : 0;
}

void
commit_begin(const struct ipc_commit *c)
{
	struct open	*o = open_get(c->msgid);
	bool		 kept;

	if (o == NULL || o->committing) {
		tell_result(c->msgid, COMMIT_TEMPFAIL);
		return;
	}
	/* lookup sent them first, but its socket may be read later. */
	if (o->msg->n < c->nenvelopes && queue_lookup != NULL)
		ipc_drain(queue_lookup);
	o->life = smtp_life;
	o->committing = true;
	o->want = c->nenvelopes;
	/* More than smtp was told of: its client thinks that some were refused. */
	if (o->failed || o->want == 0 || o->msg->n > o->want ||
	    fill_in(o->msg, c) == -1 ||
	    c->size != (o->big != 0 ? o->big_size : c->content.n)) {
		refuse(o, o->failed ? o->result : COMMIT_TEMPFAIL);
		return;
	}
	kept = message_keep_content(o->msg, c->content);
	if (o->msg->n == o->want)
		append_now(o, c->content);
	else if (queue_lookup != NULL && (kept || o->big != 0)) {
		o->incomplete = true;
		o->since = loop_mono();
		TAILQ_INSERT_TAIL(&incomplete, o, entry);
	} else
		refuse(o, COMMIT_TEMPFAIL);
}

static void
tell_orphan(const struct orphan *p)
{
	ipc_begin(queue_smtp, IPC_ORPHAN);
	ipc_put_u64(queue_smtp, p->session);
	ipc_put_u32(queue_smtp, p->msgid);
	ipc_put_u64(queue_smtp, p->size);
	ipc_end(queue_smtp);
}

/* Accepted, but who asked is dead: the next smtp is told, now if it is there. */
static void
add_orphan(const struct message *m)
{
	struct orphan	*p, one = { m->session, m->size, m->msgid };

	if (queue_smtp != NULL) {
		tell_orphan(&one);
		return;
	}
	p = reallocarray(orphans, norphans + 1, sizeof(*p));
	if (p == NULL) {
		log_warn("message %08x is accepted, and not reported", m->msgid);
		return;
	}
	orphans = p;
	orphans[norphans++] = one;
}

static void
tell_space(void)
{
	struct spool_stat	 st;

	if (queue_smtp == NULL)
		return;
	spool_stat(queue_spool, &st);
	if ((st.full != 0) == told_full)
		return;
	told_full = st.full != 0;
	if (told_full)
		log_warnx("the spool is full, mail is answered with 452");
	ipc_begin(queue_smtp, IPC_SPACE);
	ipc_put_u8(queue_smtp, !told_full);
	ipc_end(queue_smtp);
}

static void
accept_one(struct open *o)
{
	struct message	*m = o->msg;
	uint32_t	 i;

	if (queue_smtp == NULL || o->life != smtp_life)
		add_orphan(m);
	open_free(o, true);
	for (i = 0; i < m->n; i++)
		sched_envelope(m->env[i]);
}

/* One flush, all answers, and only then delivery. */
void
commit_flush(void)
{
	struct opens	 now = TAILQ_HEAD_INITIALIZER(now);
	struct open	*o;
	int		 r, error;

	if (!TAILQ_EMPTY(&appended)) {
		TAILQ_CONCAT(&now, &appended, entry);
		r = spool_flush(queue_spool);
		error = errno;
		TAILQ_FOREACH(o, &now, entry)
			if (r == 0)
				answer(o, COMMIT_OK);
		if (queue_smtp != NULL)
			ipc_flush(queue_smtp);
		while ((o = TAILQ_FIRST(&now)) != NULL) {
			TAILQ_REMOVE(&now, o, entry);
			if (r == -1)
				refuse(o, result_of(error));
			else
				accept_one(o);
		}
	}
	tell_space();
}

/* -- peers -- */

void
commit_smtp_met(void)
{
	size_t	 i;

	told_full = false;
	ipc_begin(queue_smtp, IPC_WINDOW);
	ipc_put_u32(queue_smtp, WINDOW);
	ipc_end(queue_smtp);
	for (i = 0; i < norphans; i++)
		tell_orphan(&orphans[i]);
	free(orphans);
	orphans = NULL;
	norphans = 0;
}

/* Transactions without a commit died with their session. */
void
commit_smtp_lost(void)
{
	struct open	*o, **all;
	size_t		 pos = 0, n = 0;

	smtp_life++;
	memset(leased, 0, sizeof(leased));
	if ((all = calloc(opens.used + 1, sizeof(*all))) == NULL)
		return;
	while ((o = u64map_next(&opens, &pos)) != NULL)
		if (!o->committing)
			all[n++] = o;
	while (n > 0)
		open_free(all[--n], false);
	free(all);
}

/* Envelopes that have not come will not come any more. */
void
commit_lookup_lost(void)
{
	struct open	*o;

	while ((o = TAILQ_FIRST(&incomplete)) != NULL) {
		TAILQ_REMOVE(&incomplete, o, entry);
		refuse(o, COMMIT_TEMPFAIL);
	}
}

void
commit_check_time(void)
{
	struct open	*o;

	while ((o = TAILQ_FIRST(&incomplete)) != NULL &&
	    loop_mono() - o->since >= LATE) {
		log_warnx("message %08x: %u of %u envelopes did not come",
		    o->msg->msgid, o->want - o->msg->n, o->want);
		TAILQ_REMOVE(&incomplete, o, entry);
		refuse(o, COMMIT_TEMPFAIL);
	}
}

size_t
commit_pending(void)
{
	return !TAILQ_EMPTY(&incomplete) || !TAILQ_EMPTY(&appended);
}
