/* SPDX-License-Identifier: ISC */
/*
 * The lookup process: answers which rule matches a recipient and what it
 * expands to.  Envelopes go to queue, the verdict, with their ids, to smtp,
 * and never before queue's socket has taken the envelopes.  relay is told what
 * the tables of its actions hold, smtp what those of its filters do, auth what
 * those of listeners do.
 */
#include <sys/queue.h>

#include <stdlib.h>

#include <event2/event.h>

#include "smtpd/condition.h"
#include "smtpd/log.h"
#include "smtpd/lookup.h"
#include "smtpd/loop.h"
#include "smtpd/proc.h"

#define REFRESH		60		/* seconds: addresses of the interfaces */
#define BACKLOG		(4 * 1024 * 1024)	/* queue is stuck: 451 */

struct held {				/* a verdict whose envelopes are still here */
	STAILQ_ENTRY(held) entry;
	enum process	 asker;
	uint64_t	 session;
	uint32_t	 msgid, serial;
	uint32_t	 rule;
	uint32_t	 n;
	uint64_t	 evpid[];
};

static STAILQ_HEAD(, held)	 held = STAILQ_HEAD_INITIALIZER(held);
static struct ipc		*to_smtp, *to_queue;
static struct event		*refresh;
static uint32_t			 counter;

/* 32 bits to 32 bits, one to one: ids look random and do not repeat. */
static uint32_t
mix(uint32_t x)
{
	x = (x ^ x >> 16) * 0x7feb352d;
	x = (x ^ x >> 15) * 0x846ca68b;
	return x ^ x >> 16;
}

static uint64_t
new_evpid(uint32_t msgid)
{
	uint32_t	 low;

	while ((low = mix(counter++)) == 0)
		;
	return (uint64_t)msgid << 32 | low;
}

/* smtp asks, and queue for a notification. */
static void
send_verdict(enum process asker, uint64_t session, uint32_t msgid, uint32_t serial,
    enum verdict verdict, uint32_t rule, const uint64_t *evpid, uint32_t n)
{
	struct ipc	*to = asker == PROC_QUEUE ? to_queue : to_smtp;
	uint32_t	 i;

	if (to == NULL)
		return;
	ipc_begin(to, IPC_VERDICT);
	ipc_put_u64(to, session);
	ipc_put_u32(to, msgid);
	ipc_put_u32(to, serial);
	ipc_put_u8(to, verdict);
	ipc_put_u32(to, rule);
	ipc_put_u32(to, n);
	for (i = 0; i < n; i++)
		ipc_put_u64(to, evpid[i]);
	ipc_end(to);
}

static void
release_held(bool taken)
{
	struct held	*h;

	while ((h = STAILQ_FIRST(&held)) != NULL) {
		STAILQ_REMOVE_HEAD(&held, entry);
		send_verdict(h->asker, h->session, h->msgid, h->serial,
		    taken ? VERDICT_OK : VERDICT_TEMPFAIL, h->rule, h->evpid,
		    taken ? h->n : 0);
		free(h);
	}
}

static void
drained_cb(struct ipc *ipc, void *arg)
{
	(void)ipc;
	(void)arg;
	release_held(true);
}

/* UINT32_MAX: none, or none has a filter. */
static uint32_t
filtered_rule(const struct ipc_rcpt *q)
{
	const struct rule	*rule;

	TAILQ_FOREACH(rule, &proc_conf->rules, entry)
		if (rule->filter != NULL)
			break;
	return rule != NULL && lookup_rule(proc_conf, q, &rule) == MATCH_YES ?
	    rule->index : UINT32_MAX;
}

static void
send_envelopes(enum process asker, const struct ipc_rcpt *q, uint32_t rule,
    const struct lookup_result *r, size_t n)
{
	struct ipc_envelope	 env = {
		.msgid = q->msgid, .rcpt = q->rcpt, .notify = q->notify,
		.orcpt = q->orcpt,
	};
	struct held		*h;
	size_t			 i;

	if ((h = malloc(sizeof(*h) + n * sizeof(h->evpid[0]))) == NULL) {
		log_warn("verdict for %.*s", (int)q->rcpt.n, q->rcpt.p);
		send_verdict(asker, q->session, q->msgid, q->serial,
		    VERDICT_TEMPFAIL, 0, NULL, 0);
		return;
	}
	for (i = 0; i < n; i++) {
		env.evpid = h->evpid[i] = new_evpid(q->msgid);
		env.ttl = r[i].action->ttl != 0 ? r[i].action->ttl :
		    proc_conf->queue_ttl;
		env.action = slice_str(r[i].action->name);
		env.route_kind = r[i].action->kind == ACTION_RELAY ?
		    ROUTE_RELAY : ROUTE_USER;
		env.route = r[i].route;
		env.dest = r[i].dest;
		ipc_send_envelope(to_queue, &env);
	}
	h->asker = asker;
	h->session = q->session;
	h->msgid = q->msgid;
	h->serial = q->serial;
	h->rule = rule;
	h->n = n;
	STAILQ_INSERT_TAIL(&held, h, entry);
	ipc_flush(to_queue);
	if (ipc_backlog(to_queue) == 0)
		release_held(true);
}

static void
answer(enum process asker, const struct ipc_rcpt *q)
{
	const struct lookup_result	*r;
	enum verdict			 verdict = VERDICT_TEMPFAIL;
	uint32_t			 rule = UINT32_MAX;
	size_t				 n;

	if (to_queue == NULL)
		log_warnx("no queue process: %.*s must wait", (int)q->rcpt.n,
		    q->rcpt.p);
	else if (ipc_backlog(to_queue) > BACKLOG)
		log_warnx("queue does not keep up: %.*s must wait",
		    (int)q->rcpt.n, q->rcpt.p);
	else {
		rule = filtered_rule(q);
		verdict = lookup_expand(proc_conf, q, &r, &n);
	}
	if (verdict == VERDICT_OK)
		send_envelopes(asker, q, rule, r, n);
	else
		send_verdict(asker, q->session, q->msgid, q->serial, verdict, 0,
		    NULL, 0);
}

/* Which rule the recipient matches, for its filter; that none does is told when it is asked in earnest. */
static void
answer_probe(enum process asker, const struct ipc_rcpt *q)
{
	const struct rule	*rule = NULL;
	enum match		 m = lookup_rule(proc_conf, q, &rule);

	send_verdict(asker, q->session, q->msgid, q->serial,
	    m == MATCH_ERROR ? VERDICT_TEMPFAIL : VERDICT_OK,
	    m == MATCH_YES ? rule->index : UINT32_MAX, NULL, 0);
}

/* A question of relay. */
static void
answer_query(struct ipc *relay, struct ipc_msg *msg)
{
	uint64_t		 id = ipc_get_u64(msg);
	uint8_t			 kind = ipc_get_u8(msg);
	struct slice		 table = ipc_get_slice(msg);
	struct slice		 key = ipc_get_slice(msg), value = SLICE("");
	enum table_answer	 result;

	if (!ipc_complete(relay, msg))
		return;
	result = lookup_query(proc_conf, kind, table, key, &value);
	ipc_begin(relay, IPC_ANSWER);
	if (kind == QUERY_CREDENTIALS)
		ipc_secret(relay);
	ipc_put_u64(relay, id);
	ipc_put_u8(relay, (uint8_t)(1 + result));
	ipc_put_slice(relay, result == TABLE_YES ? value : SLICE(""));
	ipc_end(relay);
}

/* A question of auth. */
static void
answer_hash(struct ipc *auth, struct ipc_msg *msg)
{
	uint32_t		 id = ipc_get_u32(msg);
	uint32_t		 listener = ipc_get_u32(msg);
	struct slice		 user = ipc_get_slice(msg), hash;
	enum table_answer	 result;

	if (!ipc_complete(auth, msg))
		return;
	result = lookup_hash(proc_conf, listener, user, &hash);
	ipc_begin(auth, IPC_HASH);
	ipc_secret(auth);
	ipc_put_u32(auth, id);
	ipc_put_u8(auth, (uint8_t)(1 + result));
	ipc_put_slice(auth, hash);
	ipc_end(auth);
}

/* Does a rule of a filter hold?  smtp cannot read the file of its table. */
static void
answer_condition(struct ipc *smtp, struct ipc_msg *msg)
{
	uint64_t		 session = ipc_get_u64(msg);
	uint32_t		 serial = ipc_get_u32(msg);
	uint32_t		 index = ipc_get_u32(msg);
	struct slice		 key = ipc_get_slice(msg);
	const struct filter	*f = condition_filter(proc_conf, index);

	msg->bad |= f == NULL;
	if (!ipc_complete(smtp, msg))
		return;
	ipc_begin(smtp, IPC_HELD);
	ipc_put_u64(smtp, session);
	ipc_put_u32(smtp, serial);
	ipc_put_u32(smtp, index);
	ipc_put_u8(smtp, (uint8_t)(1 + condition_match(f, key)));
	ipc_end(smtp);
}

static void
update(struct ipc *queue, struct ipc_msg *msg)
{
	char		 text[LOOKUP_UPDATED];
	uint64_t	 number = ipc_get_u64(msg);
	struct slice	 name = ipc_get_slice(msg);
	bool		 done;

	if (!ipc_complete(queue, msg))
		return;
	done = lookup_update(proc_conf, name, text, sizeof(text));
	ipc_begin(queue, IPC_UPDATED);
	ipc_put_u64(queue, number);
	ipc_put_u8(queue, done);
	ipc_put_slice(queue, slice_str(text));
	ipc_end(queue);
}

static void
refresh_cb(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	lookup_own_refresh();
}

void
lookup_main(void)
{
	const struct timeval	 minute = { REFRESH, 0 };

	counter = arc4random();
	refresh = event_new(loop_base, -1, EV_PERSIST, refresh_cb, NULL);
	if (refresh == NULL || event_add(refresh, &minute) == -1)
		fatalx("event_new: refresh timer");
}

void
lookup_peer(enum process peer, struct ipc *ipc, const char *instance)
{
	(void)instance;
	if (peer == PROC_SMTP)
		to_smtp = ipc;
	else if (peer == PROC_QUEUE) {
		/* An older queue's end may not have been read yet. */
		release_held(false);
		to_queue = ipc;
		ipc_on_drain(ipc, drained_cb);
	}
}

void
lookup_message(enum process peer, struct ipc *ipc, struct ipc_msg *msg)
{
	struct ipc_rcpt	 q;

	if (msg == NULL) {
		if (ipc == to_smtp)
			to_smtp = NULL;
		if (ipc == to_queue) {
			to_queue = NULL;
			release_held(false);
		}
		return;
	}
	if (msg->type == IPC_RCPT && ipc_get_rcpt(ipc, msg, &q) == 1)
		(q.probe ? answer_probe : answer)(peer, &q);
	else if (msg->type == IPC_QUERY)
		answer_query(ipc, msg);
	else if (msg->type == IPC_HASH_WANT)
		answer_hash(ipc, msg);
	else if (msg->type == IPC_CONDITION)
		answer_condition(ipc, msg);
	else if (msg->type == IPC_UPDATE)
		update(ipc, msg);
}

void
lookup_stop(void)
{
	loop_stop();
}
