/* SPDX-License-Identifier: ISC */
/*
 * Sessions: a client's connection from link-connect to link-disconnect, its
 * states, and what it waits for.  smtp process.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/u64map.h"
#include "smtpd/log.h"
#include "smtpd/proc.h"
#include "smtpd/smtp.h"
#include "smtpd/smtp_bus.h"
#include "smtpd/smtp_chain.h"
#include "smtpd/smtp_filter.h"

#define DEPARTED		4096	/* sessions whose filters' answers may come too late */
#define REFUSED_COMMANDS	5	/* that one refused at connect may say */

static const char *const state_names[STATE_MAX] = {
	[STATE_CONNECTED]	= "connected",
	[STATE_REFUSED]		= "refused",
	[STATE_READY]		= "ready",
	[STATE_MAIL]		= "mail",
	[STATE_RCPT]		= "rcpt",
	[STATE_DATA]		= "data",
	[STATE_CHUNK]		= "chunk",
	[STATE_CHUNKS]		= "chunks",
	[STATE_TLS]		= "tls",
	[STATE_AUTH]		= "auth",
	[STATE_CLOSING]		= "closing",
};

static TAILQ_HEAD(, session)	 sessions = TAILQ_HEAD_INITIALIZER(sessions);
static struct u64map		 by_id;
static size_t			 nsessions;
static bool			 ending;	/* the process is told to stop */
static uint64_t			 departed[DEPARTED];
static size_t			 ndeparted;

static void	io_event(struct io *, enum io_event);

static struct session *
session_of(struct io *io)
{
	return (struct session *)((char *)io - offsetof(struct session, io));
}

bool
session_is_local(const struct session *s)
{
	return s->listener->local;
}

struct session *
session_find(uint64_t id)
{
	return u64map_get(&by_id, id);
}

bool
session_was(uint64_t id)
{
	size_t	 i;

	for (i = 0; i < DEPARTED; i++)
		if (departed[i] == id)
			return id != 0;
	return false;
}

size_t
session_count(void)
{
	return nsessions;
}

void
session_enter(struct session *s, enum state state)
{
	log_debug("session %016llx: %s, was %s",
	    (unsigned long long)s->source.session, state_names[state],
	    state_names[s->state]);
	s->state = state;
	if (state == STATE_CLOSING)
		io_finish(&s->io);
}

/* -- begin and end -- */

void
session_new(const struct listener *l, int fd, const char *src)
{
	struct session	*s;

	if ((s = calloc(1, sizeof(*s))) == NULL ||
	    (s->src = strdup(src)) == NULL) {
		log_warn("session");
		free(s);
		close(fd);
		return;
	}
	s->listener = l;
	s->source.subsystem = SUBSYSTEM_SMTP_IN;
	do
		arc4random_buf(&s->source.session, sizeof(s->source.session));
	while (s->source.session == 0 ||
	    u64map_get(&by_id, s->source.session) != NULL);
	if (u64map_put(&by_id, s->source.session, s) == -1) {
		log_warn("session");
		free(s->src);
		free(s);
		close(fd);
		return;
	}
	TAILQ_INIT(&s->questions);
	TAILQ_INSERT_TAIL(&sessions, s, entry);
	nsessions++;
	io_open(&s->io, fd, io_event);
	s->fcrdns = l->local ? FCRDNS_PASS : FCRDNS_ERROR;
	if (l->local || name_ask(s) == -1)
		session_begin(s);
	else {
		/* What it says before it is greeted is read then: its first bytes may be TLS. */
		io_pause(&s->io);
		wait_begin(s, WAITING_DNS);
	}
}

void
session_rollback(struct session *s)
{
	uint32_t	 msgid;

	if (s->tx == NULL)
		return;
	msgid = s->tx->msgid;
	/* Of a client that is there still, a filter is not to take two messages for one. */
	if (s->tx->stream != NULL && !s->gone)
		stream_abandon(s->tx->stream);
	tx_end(s->tx, false);
	s->tx = NULL;
	report_tx_rollback(&s->source, msgid);
	report_tx_reset(&s->source, msgid);
}

static void
session_close(struct session *s)
{
	s->gone = true;
	session_rollback(s);
	report_link_disconnect(&s->source);
	io_close(&s->io);
	wait_end(s);
	phase_end(s);
	if (s->filtered)
		departed[ndeparted++ % DEPARTED] = s->source.session;
	u64map_del(&by_id, s->source.session);
	TAILQ_REMOVE(&sessions, s, entry);
	nsessions--;
	free(s->src);
	free(s->rdns);
	free(s->helo);
	free(s->username);
	free(s->command);
	free(s->swallow_text);
	free(s->refusal);
	auth_free(s);
	free(s);
	listener_resume();
}

void
session_quit(struct session *s)
{
	session_rollback(s);
	session_reply(s, REPLY_BYE, NULL, NULL);
	session_enter(s, STATE_CLOSING);
}

/* -- input -- */

/* By a reporter that is waited for, which mail of this host never is; by a filter that has too much to read. */
static bool
is_held(const struct session *s)
{
	return (bus_paused() && !session_is_local(s)) ||
	    (s->source.watchers & filters_full()) != 0;
}

static bool
blocked(const struct session *s)
{
	return s->waiting != WAITING_NOT || s->state == STATE_CLOSING ||
	    s->state == STATE_TLS || is_held(s);
}

static void
judge_errors(struct session *s)
{
	if (s->state == STATE_REFUSED) {
		if (s->errors > REFUSED_COMMANDS)
			session_enter(s, STATE_CLOSING);
		return;
	}
	if (s->errors <= proc_conf->max_errors || s->state == STATE_CLOSING ||
	    s->waiting != WAITING_NOT)
		return;
	session_rollback(s);
	session_reply(s, REPLY_TOO_MANY_ERRORS, NULL, NULL);
	session_enter(s, STATE_CLOSING);
}

/* One step with the input; false if it needs more of it, or must wait. */
static bool
step(struct session *s)
{
	if (s->state == STATE_DATA || s->state == STATE_CHUNK) {
		if (content_take(s->tx) != 1)
			return false;
		message_content_ended(s);
	} else if (s->swallow > 0) {
		if (!message_swallow(s))
			return false;
	} else if (!line_step(s))
		return false;
	judge_errors(s);
	return true;
}

void
session_run(struct session *s)
{
	while (!blocked(s) && !io_backed_up(&s->io))
		if (!step(s))
			break;
	if (blocked(s) || io_backed_up(&s->io))
		io_pause(&s->io);
	else
		io_resume(&s->io);
}

void
session_run_all(void)
{
	struct session	*s;

	TAILQ_FOREACH(s, &sessions, entry)
		session_run(s);
}

/* -- events -- */

static void
timed_out(struct session *s)
{
	/* It is not the client that is late: session_waited() or the bus judges that. */
	if (s->waiting != WAITING_NOT || is_held(s))
		return;
	report_timeout(&s->source);
	session_rollback(s);
	if (s->state == STATE_TLS) {
		session_close(s);
		return;
	}
	session_reply(s, REPLY_TIMEOUT, NULL, NULL);
	session_enter(s, STATE_CLOSING);
}

/* What the client sent before it left is still judged, as far as it is there. */
static void
closed(struct session *s)
{
	if (s->waiting == WAITING_NOT || s->waiting == WAITING_WINDOW ||
	    s->waiting == WAITING_FILTER || s->waiting == WAITING_PAUSE) {
		session_close(s);
		return;
	}
	s->gone = true;
	io_pause(&s->io);
}

static void
io_event(struct io *io, enum io_event event)
{
	struct session	*s = session_of(io);

	switch (event) {
	case IO_INPUT:
	case IO_DRAINED:
		session_run(s);
		break;
	case IO_SECURED:
		session_secured(s);
		/* The handshake held the input back. */
		session_run(s);
		break;
	case IO_TIMEOUT:
		timed_out(s);
		break;
	case IO_CLOSED:
		closed(s);
		break;
	case IO_CONNECTED:	/* of what we open */
		break;
	}
}

/* -- answers -- */

/* The daemon stops: what is under way was answered, the rest hears 421. */
static void
shut(struct session *s, enum reply why)
{
	session_rollback(s);
	phase_cancel(s);
	wait_end(s);
	auth_free(s);
	if (s->state != STATE_TLS && s->state != STATE_CLOSING)
		session_reply(s, why, NULL, NULL);
	session_enter(s, STATE_CLOSING);
}

void
session_answered(struct session *s)
{
	if (s->waiting != WAITING_NOT)
		return;
	if (s->gone)
		session_close(s);
	else if (s->state != STATE_CLOSING && (ending || s->forsaken))
		shut(s, ending ? REPLY_SHUTDOWN : REPLY_FILTER_DOWN);
	else {
		judge_errors(s);
		session_run(s);
	}
}

static void
answered(struct session *s)
{
	wait_end(s);
	session_answered(s);
}

/*
 * The phase that is asked is refused for now, the transaction rolled back, and
 * the session ended; what lookup or queue have in hand is finished first.
 */
static void
forsake(struct session *s)
{
	s->forsaken = true;
	if (s->tx != NULL && s->tx->stream != NULL)
		stream_abandon(s->tx->stream);
	if (s->asking != NULL) {
		phase_lost(s);
		return;
	}
	if (s->waiting == WAITING_FILTER) {
		/* The filters' end of its message. */
		s->tx->refusal = REFUSED_TEMP;
		wait_end(s);
		message_content_ended(s);
	}
	if (s->waiting == WAITING_NOT || s->waiting == WAITING_WINDOW ||
	    s->waiting == WAITING_PAUSE)
		shut(s, REPLY_FILTER_DOWN);
}

void
session_filter_lost(uint64_t bits)
{
	struct session	*s, *next;
	uint64_t	 lost;

	TAILQ_FOREACH_SAFE(s, &sessions, entry, next) {
		lost = s->source.watchers & bits;
		s->source.watchers &= ~bits;
		if (lost != 0 && s->state != STATE_CLOSING && phase_depends(s, lost))
			forsake(s);
	}
}

static void
rcpt_answered(struct session *s, enum reply r)
{
	struct tx	*tx = s->tx;

	report_tx_rcpt(&s->source, tx->msgid, reply_result(r),
	    slice_str(tx->typed));
	session_reply(s, r, tx->rcpt, NULL);
	free(s->command);	/* of a probe */
	s->command = NULL;
	if (r == REPLY_RCPT_OK) {
		tx->rcpt_filters |= tx->rcpt_filter;
		if (tx->nrcpt++ == 0)
			tx->first = strdup(tx->rcpt);
		if (s->state == STATE_MAIL)
			session_enter(s, STATE_RCPT);
	}
	answered(s);
}

static void
named(struct session *s, struct slice rdns, enum fcrdns verdict)
{
	if (rdns.n > 0)
		s->rdns = strndup(rdns.p, rdns.n);
	s->fcrdns = verdict == FCRDNS_PASS && s->rdns == NULL ?
	    FCRDNS_ERROR : verdict;
	wait_end(s);
	session_begin(s);
	session_run(s);
}

void
session_named(uint64_t id, struct slice rdns, enum fcrdns verdict)
{
	struct session	*s = u64map_get(&by_id, id);

	if (s == NULL || s->waiting != WAITING_DNS)
		log_debug("a name for session %016llx, which does not wait for it",
		    (unsigned long long)id);
	else
		named(s, rdns, verdict);
}

void
session_dns_lost(void)
{
	struct session	*s;

	TAILQ_FOREACH(s, &sessions, entry)
		if (s->waiting == WAITING_DNS)
			named(s, SLICE(""), FCRDNS_ERROR);
}

/* The queue may hold envelopes that we shall never be told of: nothing of it is accepted. */
static void
lookup_failed(struct session *s)
{
	if (!s->tx->probing)
		s->tx->refusal = REFUSED_TEMP;
	rcpt_answered(s, REPLY_RCPT_TEMPFAIL);
}

void
session_verdict(uint64_t id, uint32_t msgid, uint32_t serial,
    enum verdict verdict, uint32_t rule, const struct ipc_msg *evpids, uint32_t n)
{
	static const enum reply	 replies[] = {
		[VERDICT_OK]		= REPLY_RCPT_OK,
		[VERDICT_NO_RULE]	= REPLY_NO_RULE,
		[VERDICT_REJECTED]	= REPLY_REJECTED,
		[VERDICT_UNKNOWN_USER]	= REPLY_UNKNOWN_USER,
		[VERDICT_TEMPFAIL]	= REPLY_RCPT_TEMPFAIL,
		[VERDICT_LOOP]		= REPLY_ALIAS_LOOP,
		[VERDICT_ERROR]		= REPLY_ALIAS_ERROR,
	};
	struct session	*s = u64map_get(&by_id, id);
	struct ipc_msg	 list = *evpids;
	uint32_t	 i;

	if (s == NULL || s->waiting != WAITING_LOOKUP || s->tx == NULL ||
	    s->tx->msgid != msgid || s->tx->serial != serial) {
		log_debug("verdict for a question of session %016llx that is over",
		    (unsigned long long)id);
		return;
	}
	if (s->tx->probing && verdict == VERDICT_OK) {
		wait_end(s);
		verb_probed(s, rule);
		session_answered(s);
		return;
	}
	/* A table may have changed since its filters were asked: what they have not seen is not accepted. */
	if (verdict == VERDICT_OK && (chain_rule_bit(rule) & ~s->tx->rcpt_filter) != 0) {
		lookup_failed(s);
		return;
	}
	for (i = 0; i < n; i++)
		report_tx_envelope(&s->source, msgid, ipc_get_u64(&list));
	s->tx->nenvelopes += n;
	/* A rule that asks for the name may be what could not be told. */
	rcpt_answered(s, verdict == VERDICT_TEMPFAIL && s->fcrdns == FCRDNS_ERROR ?
	    REPLY_NAME_TEMPFAIL : replies[verdict]);
}

void
session_lookup_lost(void)
{
	struct session	*s, *next;

	TAILQ_FOREACH_SAFE(s, &sessions, entry, next)
		if (s->waiting == WAITING_LOOKUP)
			lookup_failed(s);
		else if (s->asking != NULL)
			phase_lookup_lost(s);
}

void
session_committed(uint32_t msgid, enum commit_result result)
{
	static const enum reply	 refusals[] = {
		[COMMIT_TEMPFAIL]	= REPLY_TEMPFAIL,
		[COMMIT_FULL]		= REPLY_FULL,
		[COMMIT_REFUSED]	= REPLY_TOO_MANY_ENVELOPES,
	};
	struct tx	*tx = tx_find(msgid);
	struct session	*s;
	char		 id[9];

	if (tx == NULL || tx->session->waiting != WAITING_QUEUE) {
		log_warnx("message %08x: the queue's answer came too late for its client",
		    msgid);
		return;
	}
	s = tx->session;
	snprintf(id, sizeof(id), "%08x", msgid);
	if (result == COMMIT_OK) {
		report_tx_commit(&s->source, msgid, tx->size);
		report_tx_reset(&s->source, msgid);
		tx_end(tx, true);
		s->tx = NULL;
		s->errors = 0;
		session_reply(s, REPLY_COMMIT, id, NULL);
	} else {
		session_rollback(s);
		session_reply(s, refusals[result], NULL, NULL);
	}
	session_enter(s, STATE_READY);
	answered(s);
}

void
session_waited(struct session *s)
{
	switch (s->waiting) {
	case WAITING_DNS:
		named(s, SLICE(""), FCRDNS_ERROR);
		break;
	case WAITING_LOOKUP:
		lookup_failed(s);
		break;
	case WAITING_WINDOW:
		content_give_up(s->tx);
		session_run(s);
		break;
	case WAITING_AUTH:
		auth_waited(s);
		break;
	case WAITING_QUEUE:
		session_committed(s->tx->msgid, COMMIT_TEMPFAIL);
		break;
	}
}

/* A message begun with the old queue cannot be finished with the next. */
void
session_queue_lost(void)
{
	struct session	*s, *next;

	TAILQ_FOREACH_SAFE(s, &sessions, entry, next) {
		if (s->tx == NULL)
			continue;
		if (s->waiting == WAITING_QUEUE)
			session_committed(s->tx->msgid, COMMIT_TEMPFAIL);
		else
			s->tx->refusal = REFUSED_TEMP;
	}
}

/* -- the end of the process -- */

void
session_close_all(void)
{
	struct session	*s;

	ending = true;
	session_dns_lost();	/* its name is of no use any more */
	TAILQ_FOREACH(s, &sessions, entry)
		if (s->waiting != WAITING_QUEUE && s->state != STATE_CLOSING)
			shut(s, REPLY_SHUTDOWN);
}
