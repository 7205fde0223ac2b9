/* SPDX-License-Identifier: ISC */
/*
 * Questions to lookup (tables) and to dns (hosts and names), and their
 * answers.  relay process.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/u64map.h"
#include "smtpd/log.h"
#include "smtpd/loop.h"
#include "smtpd/relay.h"
#include "smtpd/table.h"

#define QUESTIONS	16384	/* open at once: a process that is silent gets no more */

struct question {
	TAILQ_ENTRY(question) entry;
	uint64_t	 id;
	enum process	 peer;
	relay_answer_cb	 cb;
	void		*arg;
};

static struct u64map	 by_id;
static TAILQ_HEAD(, question) open_questions = TAILQ_HEAD_INITIALIZER(open_questions);
/* Those that nobody will answer: they fail at the end of the turn. */
static TAILQ_HEAD(, question) failed = TAILQ_HEAD_INITIALIZER(failed);
static struct ipc	*lookup, *dns;
static uint64_t		 ids;

static void
question_end(struct question *q, const struct relay_answer *a)
{
	relay_answer_cb	 cb = q->cb;
	void		*arg = q->arg;

	free(q);
	if (cb != NULL)
		cb(arg, a);
}

static struct question *
question_new(enum process peer, relay_answer_cb cb, void *arg)
{
	struct question	*q = calloc(1, sizeof(*q));

	if (q == NULL)
		fatal("question to %s", peer == PROC_DNS ? "dns" : "lookup");
	q->id = ++ids;
	q->peer = peer;
	q->cb = cb;
	q->arg = arg;
	if ((peer == PROC_DNS ? dns : lookup) == NULL || by_id.used >= QUESTIONS ||
	    u64map_put(&by_id, q->id, q) == -1) {
		TAILQ_INSERT_TAIL(&failed, q, entry);
		loop_again();
		return NULL;
	}
	TAILQ_INSERT_TAIL(&open_questions, q, entry);
	return q;
}

void
relay_ask_table(enum query kind, const struct table *t, struct slice key,
    relay_answer_cb cb, void *arg)
{
	struct question	*q = question_new(PROC_LOOKUP, cb, arg);

	if (q == NULL)
		return;
	ipc_begin(lookup, IPC_QUERY);
	ipc_put_u64(lookup, q->id);
	ipc_put_u8(lookup, kind);
	ipc_put_slice(lookup, slice_str(t->name));
	ipc_put_slice(lookup, key);
	ipc_end(lookup);
}

void
relay_ask_dns(enum resolve kind, uint8_t family, struct slice name,
    relay_answer_cb cb, void *arg)
{
	struct question		*q = question_new(PROC_DNS, cb, arg);
	struct ipc_resolve	 m = { .kind = kind, .family = family,
				    .name = name };

	if (q == NULL)
		return;
	m.id = q->id;
	ipc_send_resolve(dns, &m);
}

void
relay_ask_forget(void *arg)
{
	struct question	*q;

	TAILQ_FOREACH(q, &open_questions, entry)
		if (q->arg == arg)
			q->cb = NULL;
	TAILQ_FOREACH(q, &failed, entry)
		if (q->arg == arg)
			q->cb = NULL;
}

static struct question *
take(uint64_t id, enum process peer)
{
	struct question	*q = u64map_get(&by_id, id);

	if (q == NULL || q->peer != peer) {
		log_debug("answer to a question that is not open");
		return NULL;
	}
	u64map_del(&by_id, id);
	TAILQ_REMOVE(&open_questions, q, entry);
	return q;
}

void
relay_answered(struct ipc *ipc, struct ipc_msg *msg)
{
	static const enum resolved results[] = {
		[1 + TABLE_ERROR]	= RESOLVED_TEMPFAIL,
		[1 + TABLE_NO]		= RESOLVED_NONE,
		[1 + TABLE_YES]		= RESOLVED_OK,
	};
	struct relay_answer	 a = { 0 };
	uint64_t		 id = ipc_get_u64(msg);
	uint8_t			 result = ipc_get_u8(msg);
	struct question		*q;

	a.text = ipc_get_slice(msg);
	msg->secret = true;	/* it may be a password */
	msg->bad |= result > 1 + TABLE_YES;
	if (!ipc_complete(ipc, msg) || (q = take(id, PROC_LOOKUP)) == NULL)
		return;
	a.result = results[result];
	question_end(q, &a);
}

void
relay_resolved(struct ipc *ipc, struct ipc_msg *msg)
{
	struct ipc_resolved	 m;
	struct relay_answer	 a;
	struct question		*q;

	if (!ipc_get_resolved(ipc, msg, &m))
		return;
	if (m.result > RESOLVED_TEMPFAIL || m.fcrdns >= FCRDNS_MAX) {
		msg->bad = true;
		ipc_complete(ipc, msg);
		return;
	}
	if ((q = take(m.id, PROC_DNS)) == NULL)
		return;
	a = (struct relay_answer){ .result = m.result, .fcrdns = m.fcrdns,
	    .text = m.text, .n = m.n, .hosts = m.hosts };
	question_end(q, &a);
}

static void
fail_questions(void)
{
	static const struct relay_answer a = { .result = RESOLVED_TEMPFAIL,
		.fcrdns = FCRDNS_ERROR, .text = { "the process that knows is not there", 35 } };
	struct question	*q;

	while ((q = TAILQ_FIRST(&failed)) != NULL) {
		TAILQ_REMOVE(&failed, q, entry);
		question_end(q, &a);
		/* What it does may be output for a hook that ran before this one. */
		loop_again();
	}
}

void
relay_query_peer(enum process peer, struct ipc *ipc)
{
	struct question	*q, *next;

	if (peer == PROC_DNS)
		dns = ipc;
	else
		lookup = ipc;
	if (ipc != NULL)
		return;
	TAILQ_FOREACH_SAFE(q, &open_questions, entry, next) {
		if (q->peer != peer)
			continue;
		take(q->id, peer);
		TAILQ_INSERT_TAIL(&failed, q, entry);
	}
}

void
relay_query_init(void)
{
	loop_at_end(fail_questions);
}
