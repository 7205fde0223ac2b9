/* SPDX-License-Identifier: ISC */
/*
 * A job on a connection: MAIL, its recipients, DATA or BDAT, and what the
 * server says to each.  Their words are in relay_command.c, how content is sent
 * in relay_content.c.  relay process.
 */
#include <string.h>

#include "smtpd/dsn.h"
#include "smtpd/loop.h"
#include "smtpd/proc.h"
#include "smtpd/relay.h"
#include "smtpd/relay_command.h"
#include "smtpd/relay_content.h"

/* RFC 3030 is for large messages; others go as in the founding transcript. */
uint64_t	 relay_chunking_above = 32 * 1024;

static bool
offers(const struct conn *c, enum smtp_ext_bit bit)
{
	return (c->ext.offered & bit) != 0;
}

static enum job_result
job_result(const struct relay_reply *r)
{
	return relay_reply_result(r) == RESULT_PERMFAIL ? JOB_PERMFAIL :
	    JOB_TEMPFAIL;
}

static void
answer(struct conn *c, struct job_rcpt *r, enum job_result result,
    unsigned flags, struct slice reply)
{
	relay_job_answer(c->job, r, result, flags, slice_str(c->name),
	    slice_str(c->text), reply);
}

static void
report_command(struct conn *c, uint32_t i)
{
	char	 buf[COMMAND_SIZE];

	conn_report_client(c, command_text(c, i, buf, sizeof(buf)));
}

static void
send_command(struct conn *c)
{
	char		 buf[COMMAND_SIZE];
	struct slice	 s = command_text(c, c->next, buf, sizeof(buf) - 2);

	c->next++;
	if (s.p != buf) {
		conn_send(c, "DATA\r\n", 6);
		return;
	}
	memcpy(buf + s.n, "\r\n", 2);
	conn_send(c, buf, s.n + 2);
}

static bool
all_answered(const struct conn *c)
{
	return c->await == c->next;
}

/* The envelope in one piece where the server allows that, its end included. */
static void
send_envelope(struct conn *c)
{
	bool	 pipelining = offers(c, SMTP_EXT_PIPELINING);

	do
		send_command(c);
	while (pipelining && c->next <= c->nrcpt);
	if (pipelining && !c->chunking)
		send_command(c);
	else if (pipelining && c->job->content.p != NULL)
		content_begin(c);
	conn_enter(c, CONN_ENVELOPE);
}

/* -- begin -- */

static void
start(struct conn *c)
{
	struct job	*j = c->job;

	c->nrcpt = relay_job_rewind(j);
	c->next = c->await = c->accepted = c->answered = 0;
	c->begun = c->committed = c->end_sent = c->bdat = c->last_chunk =
	    c->data_reported = c->spoiled = false;
	c->nchunks = 0;
	c->bol = true;
	c->chunking = offers(c, SMTP_EXT_CHUNKING) && j->size > relay_chunking_above;
	c->offset = c->wire = 0;
	c->body8 = offers(c, SMTP_EXT_8BITMIME) &&
	    ((j->body & BODY_8BITMIME) != 0 || j->eightbit);
	c->utf8 = offers(c, SMTP_EXT_SMTPUTF8) &&
	    ((j->body & BODY_SMTPUTF8) != 0 || command_needs_utf8(c));
	send_envelope(c);
}

/* The job is over, or a part of it that another transaction follows. */
static void
leave(struct conn *c)
{
	struct job	*j = c->job;

	c->job = NULL;
	j->conn = NULL;
	/* What it asked for comes, and is not for whoever has it next. */
	j->stale += c->fetching;
	c->begun = c->end_sent = c->fetching = c->scanning = false;
	c->nchunks = 0;
	if (j->left > 0)
		dest_retry(c->dest, j);
	else
		relay_job_free(j);
}

/* What is in it is known, or as far as it will be. */
static bool
begin_scanned(struct conn *c)
{
	command_judge(c);
	if (c->job->left == 0) {
		leave(c);
		return false;
	}
	start(c);
	return true;
}

bool
relay_tx_begin(struct conn *c, struct job *j)
{
	c->job = j;
	j->conn = c;
	if (command_sender(c) == -1) {
		command_refuse_all(c, "553 5.1.7 The sender would become too long");
		leave(c);
		return false;
	}
	if (!j->scanned && j->content.p != NULL)
		relay_job_scan(j);
	if (!j->scanned && (!offers(c, SMTP_EXT_8BITMIME) ||
	    (j->body & BODY_SMTPUTF8) != 0)) {
		content_scan(c);
		return true;
	}
	return begin_scanned(c);
}

void
relay_tx_scanned(struct conn *c)
{
	if (!begin_scanned(c))
		conn_next(c);
}

/* -- end -- */

static void
finish(struct conn *c)
{
	leave(c);
	conn_next(c);
}

static void
report_rollback(struct conn *c)
{
	if (!c->begun)
		return;
	c->begun = false;
	report_tx_rollback(&c->source, c->job->msgid);
	report_tx_reset(&c->source, c->job->msgid);
}

/* The transaction is still open at the server, and leads nowhere. */
static void
reset(struct conn *c)
{
	conn_send(c, "RSET\r\n", 6);
	conn_enter(c, CONN_RSET);
}

void
relay_tx_rset_reply(struct conn *c, const struct relay_reply *r)
{
	conn_report_client(c, SLICE("RSET"));
	report_rollback(c);
	conn_report_server(c, r);
	if (r->code / 100 == 2)
		finish(c);
	else
		conn_lost(c, r->first);
}

/* Those whom the server had accepted. */
static void
answer_accepted(struct conn *c, enum job_result result, unsigned flags,
    struct slice reply)
{
	uint32_t	 i;

	for (i = 0; i < c->nrcpt; i++)
		if (c->job->rcpt[i].state == RCPT_ACCEPTED)
			answer(c, &c->job->rcpt[i], result, flags, reply);
}

/* -- replies -- */

static void
mail_reply(struct conn *c, const struct relay_reply *r)
{
	uint32_t	 msgid = c->job->msgid, i;
	enum result	 result = relay_reply_result(r);

	report_command(c, 0);
	if (result == RESULT_OK) {
		c->begun = true;
		report_tx_begin(&c->source, msgid);
	}
	report_tx_mail(&c->source, result == RESULT_OK ? msgid : 0, result,
	    c->sender);
	conn_report_server(c, r);
	if (result != RESULT_OK)
		for (i = 0; i < c->nrcpt; i++)
			answer(c, &c->job->rcpt[i], job_result(r), 0, r->first);
}

/* Too many for one transaction: the next takes more (RFC 5321 4.5.3.1.10). */
static bool
is_too_many(const struct conn *c, const struct relay_reply *r)
{
	return (r->code == 452 || r->code == 552) && c->accepted > 0;
}

static void
rcpt_reply(struct conn *c, const struct relay_reply *r)
{
	struct job_rcpt	*rcpt = &c->job->rcpt[c->await - 1];
	enum result	 result = relay_reply_result(r);

	report_command(c, c->await);
	if (c->begun) {
		if (result == RESULT_OK)
			report_tx_envelope(&c->source, c->job->msgid, rcpt->evpid);
		report_tx_rcpt(&c->source, c->job->msgid, result, rcpt->dest);
	}
	conn_report_server(c, r);
	if (!c->begun)
		return;
	if (result == RESULT_OK) {
		rcpt->state = RCPT_ACCEPTED;
		c->accepted++;
	} else if (!is_too_many(c, r))
		answer(c, rcpt, job_result(r), 0, r->first);
}

/* To DATA: 354, or nothing of it goes on. */
static void
data_reply(struct conn *c, const struct relay_reply *r)
{
	bool	 go = r->code == 354;

	report_command(c, c->await);
	if (c->begun && (go || c->accepted > 0))
		report_tx_data(&c->source, c->job->msgid, go ? RESULT_OK :
		    job_result(r) == JOB_PERMFAIL ? RESULT_PERMFAIL : RESULT_TEMPFAIL);
	conn_report_server(c, r);
	if (go)
		content_begin(c);
	else
		answer_accepted(c, job_result(r), 0, r->first);
}

/* All that was sent is answered: what follows? */
static void
go_on(struct conn *c)
{
	if (c->bdat)
		conn_enter(c, CONN_DOT);
	else if (!c->begun)
		finish(c);
	else if (c->next <= c->nrcpt)
		send_command(c);
	else if (c->accepted == 0 || c->next > c->nrcpt + 1)
		reset(c);
	else if (c->chunking)
		content_begin(c);
	else
		send_command(c);
}

void
relay_tx_reply(struct conn *c, const struct relay_reply *r)
{
	uint32_t	 i = c->await;

	if (r->code == 421) {
		report_command(c, i);
		conn_report_server(c, r);
		c->await++;
		conn_lost(c, r->first);
		return;
	}
	if (all_answered(c) || (r->code / 100 == 3 && i <= c->nrcpt)) {
		/* To nothing that was asked: who says what is not known any more. */
		conn_report_server(c, r);
		conn_lost(c, SLICE("envelope: a reply to no command"));
		return;
	}
	if (i == 0)
		mail_reply(c, r);
	else if (i <= c->nrcpt)
		rcpt_reply(c, r);
	else
		data_reply(c, r);
	c->await++;
	if (c->state != CONN_ENVELOPE)
		return;
	if (all_answered(c))
		go_on(c);
	else	/* the time is for each command */
		conn_enter(c, CONN_ENVELOPE);
}

/* The end of data was accepted, or not: for all, or (LMTP) for the next of them. */
static void
end_answered(struct conn *c, const struct relay_reply *r)
{
	bool		 ok = relay_reply_result(r) == RESULT_OK;
	enum job_result	 result = ok ? JOB_DONE : job_result(r);
	unsigned	 flags = ok && offers(c, SMTP_EXT_DSN) ? RELAYED_DSN : 0;
	uint32_t	 i;

	if (!c->dest->relay.lmtp) {
		answer_accepted(c, result, flags, r->first);
		c->answered = c->accepted;
		return;
	}
	for (i = 0; i < c->nrcpt; i++)
		if (c->job->rcpt[i].state == RCPT_ACCEPTED) {
			answer(c, &c->job->rcpt[i], result, flags, r->first);
			break;
		}
	c->answered++;
}

/* tx-commit with the first that was accepted, or tx-rollback with the last. */
static void
report_end(struct conn *c, const struct relay_reply *r, bool last)
{
	bool	 ok = relay_reply_result(r) == RESULT_OK && c->accepted > 0;

	if (!c->begun)
		return;
	if (ok && !c->committed) {
		c->committed = true;
		report_tx_commit(&c->source, c->job->msgid, c->wire);
	}
	if (!last)
		return;
	if (c->committed) {
		c->begun = false;
		report_tx_reset(&c->source, c->job->msgid);
	} else
		report_rollback(c);
}

/*
 * A chunk that is not the last ends the message as well, and so does the last
 * for nobody; the replies to those behind it are read, then the server forgets.
 */
static void
chunk_refused(struct conn *c, const struct relay_reply *r)
{
	if (c->accepted > 0)
		report_rollback(c);
	conn_report_server(c, r);
	answer_accepted(c, job_result(r), 0, r->first);
	c->spoiled = true;
	if (c->nchunks > 0)
		return;
	if (c->begun || c->accepted > 0)
		reset(c);
	else
		finish(c);
}

void
relay_tx_end_reply(struct conn *c, const struct relay_reply *r)
{
	bool	 last, failed = relay_reply_result(r) != RESULT_OK;

	if (c->scanning)
		return;
	if (r->code / 100 == 3) {
		/* A go-ahead takes nothing: the server and we have lost each other. */
		conn_report_server(c, r);
		conn_lost(c, r->first);
		return;
	}
	if (c->bdat && content_chunk_reply(c, r))
		return;
	if (c->bdat && failed && r->code != 421 &&
	    (!c->end_sent || c->nchunks > 0 || c->spoiled || c->accepted == 0)) {
		chunk_refused(c, r);
		return;
	}
	if (!c->end_sent || c->nchunks > 0) {
		/* It wants no more of what is being sent. */
		conn_report_server(c, r);
		if (failed && r->code != 421)
			answer_accepted(c, job_result(r), 0, r->first);
		conn_lost(c, r->first);
		return;
	}
	last = !c->dest->relay.lmtp || c->answered + 1 >= c->accepted;
	if (!c->bdat && c->answered == 0)
		conn_report_client(c, SLICE("."));
	report_end(c, r, last);
	conn_report_server(c, r);
	end_answered(c, r);
	if (!last)
		return;
	if (!failed && c->accepted > 0)
		dest_success(c->dest);
	if (r->code == 421)
		conn_lost(c, r->first);
	else
		finish(c);
}

/* -- loss -- */

/* Commands that nobody answered were sent all the same. */
static void
report_unanswered(struct conn *c)
{
	char		 buf[64];
	uint32_t	 i;

	if (c->state == CONN_RSET)
		conn_report_client(c, SLICE("RSET"));
	if (c->state == CONN_ENVELOPE)
		for (; c->await < c->next; c->await++)
			report_command(c, c->await);
	for (i = 0; i < c->nchunks; i++)
		conn_report_client(c, slice_make(buf,
		    content_bdat_command(c, i, buf, sizeof(buf))));
	if (c->state == CONN_DOT && !c->bdat && c->begun)
		conn_report_client(c, SLICE("."));
}

void
relay_tx_lost(struct conn *c, struct slice reply)
{
	struct job	*j = c->job;
	bool		 stale = c->messages > 1 && c->state == CONN_ENVELOPE &&
			    c->await == 0;

	report_unanswered(c);
	if (c->begun && c->committed) {
		c->begun = false;
		report_tx_reset(&c->source, j->msgid);
	}
	report_rollback(c);
	if (c->end_sent)
		answer_accepted(c, JOB_TEMPFAIL, RELAYED_UNSURE, reply);
	/* That a server closed what it had kept open says nothing of the message. */
	if (!stale)
		j->tries++;
	if (j->left > 0 && dest_gives_up(c->dest, j))
		relay_job_answer_all(j, JOB_TEMPFAIL, 0, slice_str(c->name),
		    slice_str(c->text), reply);
	leave(c);
}
