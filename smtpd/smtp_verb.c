/* SPDX-License-Identifier: ISC */
/*
 * The verbs of SMTP (RFC 5321), a row each: where it is allowed, how its
 * arguments are read, what it does.  smtp process.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/addr.h"
#include "lib/nitems.h"
#include "lib/utf8.h"
#include "smtpd/dsn.h"
#include "smtpd/proc.h"
#include "smtpd/smtp.h"
#include "smtpd/smtp_chain.h"
#include "smtpd/smtp_command.h"
#include "smtpd/smtp_filter.h"

#define IN(state)	(1u << STATE_##state)
#define ANYWHERE	(IN(CONNECTED) | IN(READY) | IN(MAIL) | IN(RCPT) | IN(CHUNKS))

struct verb {
	const char	*name;
	unsigned	 allowed;
	enum phase	 phase;		/* what its filters are asked about; PHASE_MAX: nothing */
	/* Reads the argument; REPLY_NONE, or the reply that refuses it. */
	enum reply	(*parse)(struct command *);
	void		(*run)(struct session *, struct command *);
};

/* -- what they do -- */

/* False: it has its reply, that it cannot be remembered. */
static bool
identify(struct session *s, const struct command *c, bool esmtp)
{
	char	*helo = strndup(c->arg.p, c->arg.n);

	if (helo == NULL) {
		session_reply(s, REPLY_TEMPFAIL, NULL, NULL);
		return false;
	}
	session_rollback(s);
	free(s->helo);
	s->helo = helo;
	s->esmtp = esmtp;
	report_link_identify(&s->source, esmtp ? METHOD_EHLO : METHOD_HELO,
	    c->arg);
	session_enter(s, STATE_READY);
	return true;
}

static void
hello(struct session *s, char *buf, size_t size)
{
	char	 address[ADDR_MAX];

	session_literal(s, address, sizeof(address));
	snprintf(buf, size, "%s [%s]", s->helo, address);
}

static void
run_helo(struct session *s, struct command *c)
{
	char	 who[512];

	if (!identify(s, c, false))
		return;
	hello(s, who, sizeof(who));
	session_reply(s, REPLY_HELO, s->listener->hostname, who);
}

static bool
offers_dsn(const struct session *s)
{
	return s->listener->conf == NULL || !s->listener->conf->no_dsn;
}

static void
run_ehlo(struct session *s, struct command *c)
{
	char	 who[512], size[24];

	if (!identify(s, c, true))
		return;
	hello(s, who, sizeof(who));
	snprintf(size, sizeof(size), "%zu", proc_conf->max_message_size);
	session_reply_more(s, REPLY_EHLO, s->listener->hostname, who);
	session_reply_more(s, REPLY_EXT_8BITMIME, NULL, NULL);
	session_reply_more(s, REPLY_EXT_STATUSCODES, NULL, NULL);
	session_reply_more(s, REPLY_EXT_SIZE, size, NULL);
	if (offers_dsn(s))
		session_reply_more(s, REPLY_EXT_DSN, NULL, NULL);
	session_reply_more(s, REPLY_EXT_PIPELINING, NULL, NULL);
	session_reply_more(s, REPLY_EXT_CHUNKING, NULL, NULL);
	session_reply_more(s, REPLY_EXT_SMTPUTF8, NULL, NULL);
	if (s->listener->tls != NULL && !s->secured)
		session_reply_more(s, REPLY_EXT_STARTTLS, NULL, NULL);
	if (auth_is_offered(s))
		session_reply_more(s, REPLY_EXT_AUTH, NULL, NULL);
	session_reply(s, REPLY_EXT_HELP, NULL, NULL);
}

static void
run_starttls(struct session *s, struct command *c)
{
	(void)c;
	if (s->listener->tls == NULL || s->secured) {
		session_reply(s, s->secured ? REPLY_TLS_ACTIVE : REPLY_NO_TLS,
		    NULL, NULL);
		return;
	}
	if (io_accept_tls(&s->io, s->listener->tls) == -1) {
		session_reply(s, REPLY_TLS_BROKEN, NULL, NULL);
		return;
	}
	session_reply(s, REPLY_STARTTLS, NULL, NULL);
	session_enter(s, STATE_TLS);
}

static void
run_auth(struct session *s, struct command *c)
{
	auth_begin(s, c->arg);
}

/* Notifications asked for where they are not offered. */
static bool
is_dsn_refused(const struct session *s, struct command *c)
{
	const struct params	*p = &c->params;
	const char		*name = p->ret != 0 ? "RET" : p->envid.p != NULL ? "ENVID" :
	    p->notify != 0 ? "NOTIFY" : p->orcpt.p != NULL ? "ORCPT" : NULL;

	if (name == NULL || offers_dsn(s))
		return false;
	command_bad_param(c, slice_str(name));
	return true;
}

/* Why no transaction may begin, or REPLY_NONE. */
static enum reply
mail_refusal(const struct session *s, struct command *c)
{
	if (is_dsn_refused(s, c))
		return REPLY_UNKNOWN_PARAM;
	if (c->params.auth && !auth_is_offered(s)) {
		command_bad_param(c, SLICE("AUTH"));
		return REPLY_UNKNOWN_PARAM;
	}
	if (listener_tls(s->listener) == LISTEN_TLS_REQUIRE && !s->secured)
		return REPLY_TLS_FIRST;
	if (auth_is_missing(s))
		return REPLY_AUTH_FIRST;
	if (s->mails >= proc_conf->max_mails)
		return REPLY_TOO_MANY_MAILS;
	if (c->params.sized && c->params.size > proc_conf->max_message_size)
		return REPLY_TOO_BIG;
	return REPLY_NONE;
}

static void
refuse_mail(struct session *s, const struct command *c, enum reply r)
{
	report_tx_mail(&s->source, 0, reply_result(r), c->path.typed);
	session_reply(s, r, c->text, NULL);
}

static void
run_mail(struct session *s, struct command *c)
{
	enum reply	 r = mail_refusal(s, c);

	if (r == REPLY_NONE)
		s->tx = tx_begin(s, c->path.mailbox, &c->params, &r);
	if (r != REPLY_NONE) {
		refuse_mail(s, c, r);
		return;
	}
	s->mails++;
	report_tx_begin(&s->source, s->tx->msgid);
	report_tx_mail(&s->source, s->tx->msgid, RESULT_OK, c->path.typed);
	session_reply(s, REPLY_MAIL_OK, NULL, NULL);
	session_enter(s, STATE_MAIL);
}

static void
refuse_rcpt(struct session *s, const struct command *c, enum reply r)
{
	report_tx_rcpt(&s->source, s->tx->msgid, reply_result(r),
	    c->path.typed);
	session_reply(s, r, c->text, NULL);
}

static void
run_rcpt(struct session *s, struct command *c)
{
	if (is_dsn_refused(s, c))
		refuse_rcpt(s, c, REPLY_UNKNOWN_PARAM);
	else if (s->tx->nrcpt >= proc_conf->max_rcpt)
		refuse_rcpt(s, c, REPLY_TOO_MANY_RCPTS);
	else if (!(s->tx->body & BODY_SMTPUTF8) && !command_is_ascii(c))
		refuse_rcpt(s, c, REPLY_RCPT_UTF8);
	else if (!(s->tx->body & BODY_SMTPUTF8) && !utf8_is_ascii(
	    c->params.orcpt.p, c->params.orcpt.n)) {
		command_bad_param(c, SLICE("ORCPT"));
		refuse_rcpt(s, c, REPLY_BAD_PARAM);
	} else if (tx_rcpt(s->tx, &c->path, &c->params, false) == -1)
		refuse_rcpt(s, c, REPLY_RCPT_TEMPFAIL);
	else
		wait_begin(s, WAITING_LOOKUP);
}

static void
run_data(struct session *s, struct command *c)
{
	(void)c;
	message_data(s);
}

static void
run_bdat(struct session *s, struct command *c)
{
	message_chunk(s, c->size, c->last);
}

static void
run_rset(struct session *s, struct command *c)
{
	(void)c;
	session_rollback(s);
	session_reply(s, REPLY_RESET, NULL, NULL);
	if (s->state != STATE_CONNECTED)
		session_enter(s, STATE_READY);
}

static void
run_noop(struct session *s, struct command *c)
{
	(void)c;
	session_reply(s, REPLY_OK, NULL, NULL);
}

static void
run_vrfy(struct session *s, struct command *c)
{
	(void)c;
	session_reply(s, REPLY_VRFY, NULL, NULL);
}

static void
run_help(struct session *s, struct command *c)
{
	(void)c;
	session_reply_more(s, REPLY_HELP1, NULL, NULL);
	session_reply_more(s, REPLY_HELP2, NULL, NULL);
	session_reply(s, REPLY_HELP3, NULL, NULL);
}

static void
run_quit(struct session *s, struct command *c)
{
	(void)c;
	session_quit(s);
}

/* AUTH asks when it knows the user; BDAT about a first chunk, when it has seen that it is one. */
static const struct verb verbs[] = {	/* name, allowed in, phase, parse, run */
	{ "HELO",	ANYWHERE,	PHASE_HELO,	command_name,	run_helo },
	{ "EHLO",	ANYWHERE,	PHASE_EHLO,	command_name,	run_ehlo },
	{ "STARTTLS",	IN(READY),	PHASE_STARTTLS,	command_none,	run_starttls },
	{ "AUTH",	IN(READY),	PHASE_MAX,	command_any,	run_auth },
	{ "MAIL",	IN(READY),	PHASE_MAIL_FROM, command_mail,	run_mail },
	{ "RCPT",	IN(MAIL) | IN(RCPT), PHASE_RCPT_TO, command_rcpt,	run_rcpt },
	{ "DATA",	IN(RCPT),	PHASE_DATA,	command_none,	run_data },
	{ "BDAT",	ANYWHERE,	PHASE_MAX,	command_bdat,	run_bdat },
	{ "RSET",	ANYWHERE,	PHASE_RSET,	command_none,	run_rset },
	{ "NOOP",	ANYWHERE,	PHASE_NOOP,	command_any,	run_noop },
	{ "VRFY",	ANYWHERE,	PHASE_MAX,	command_any,	run_vrfy },
	{ "HELP",	ANYWHERE,	PHASE_HELP,	command_any,	run_help },
	{ "QUIT",	ANYWHERE | IN(REFUSED), PHASE_QUIT, command_none,	run_quit },
};

static const struct verb *
verb_find(struct slice name)
{
	size_t	 i;

	for (i = 0; i < nitems(verbs); i++)
		if (slice_eqi(name, slice_str(verbs[i].name)))
			return &verbs[i];
	return NULL;
}

/* The line as far as its first blank. */
static struct slice
verb_name(struct slice line)
{
	const char	*space = line.n == 0 ? NULL : memchr(line.p, ' ', line.n);

	return slice_make(line.p, space == NULL ? line.n : (size_t)(space - line.p));
}

bool
verb_is_known(struct slice line)
{
	return verb_find(verb_name(line)) != NULL;
}

bool
verb_has_controls(struct slice line)
{
	size_t	 i;

	for (i = 0; i < line.n; i++)
		if (((unsigned char)line.p[i] < 0x20 && line.p[i] != '\t') ||
		    line.p[i] == 0x7f)
			return true;
	return false;
}

bool
verb_lost(struct session *s, struct slice line)
{
	static const struct slice	 bdat = { "BDAT", 4 };

	if (line.n < bdat.n || strncasecmp(line.p, bdat.p, bdat.n) != 0)
		return false;
	session_rollback(s);
	session_reply(s, REPLY_BAD_CHUNK, NULL, NULL);
	session_enter(s, STATE_CLOSING);
	return true;
}

void
verb_garbled(struct session *s, struct slice line, enum reply r)
{
	if (!verb_lost(s, line))
		session_reply(s, r, NULL, NULL);
}

/* A refused MAIL or RCPT whose address could be read was judged, and is reported. */
static void
refuse(struct session *s, const struct verb *v, struct command *c, enum reply r)
{
	if (c->path.typed.p != NULL && v->run == run_mail)
		refuse_mail(s, c, r);
	else if (c->path.typed.p != NULL && v->run == run_rcpt)
		refuse_rcpt(s, c, r);
	else if (v->run == run_bdat)
		verb_lost(s, SLICE("BDAT"));
	else
		session_reply(s, r, c->text, NULL);
}

/* Cuts a line into the verb's name and its argument. */
static struct slice
cut_name(struct slice line, struct command *c)
{
	struct slice	 name = verb_name(line);

	c->arg = command_trim(slice_make(line.p + name.n, line.n - name.n));
	return name;
}

/* -- with filters -- */

/* A filter refuses what could be read: a MAIL or RCPT was judged, and is reported. */
static void
refuse_outcome(struct session *s, const struct verb *v, const struct command *c,
    const struct outcome *o)
{
	if (v->run == run_mail)
		report_tx_mail(&s->source, 0, o->result, c->path.typed);
	else if (v->run == run_rcpt)
		report_tx_rcpt(&s->source, s->tx->msgid, o->result, c->path.typed);
	else if (v->run == run_data)
		report_tx_data(&s->source, s->tx->msgid, o->result);
	outcome_reply(s, o);
}

/* The line again, with the argument that a filter has put in its place; NULL: no memory. */
static char *
rewritten(const struct verb *v, struct slice argument)
{
	char	*line;

	if (asprintf(&line, "%s %s%.*s", v->name, v->run == run_mail ? "FROM:" :
	    v->run == run_rcpt ? "TO:" : "", (int)argument.n, argument.p) == -1)
		return NULL;
	return line;
}

/* lookup is asked which rule a recipient matches: its filters are asked then, and see the message. */
static void
probe(struct session *s, struct command *c, char *line)
{
	if (tx_rcpt(s->tx, &c->path, &c->params, true) == -1) {
		refuse_rcpt(s, c, REPLY_RCPT_TEMPFAIL);
		free(line);
		return;
	}
	s->command = line;
	wait_begin(s, WAITING_LOOKUP);
}

static bool
needs_probe(const struct verb *v)
{
	return v->run == run_rcpt && chain_has_rules();
}

/* What a filter has put in the recipient's place may be another rule's. */
static void
judged(struct session *s, const struct outcome *o)
{
	struct command		 c = { .path.typed = SLICE_NONE };
	const struct verb	*v = s->verb;
	char			*line = s->command;
	bool			 new = o->decision == DECISION_REWRITE;
	enum reply		 r;

	s->command = NULL;
	if (new) {
		free(line);
		line = rewritten(v, o->text);
	}
	if (line == NULL) {
		session_reply(s, REPLY_TEMPFAIL, NULL, NULL);
		return;
	}
	cut_name(slice_str(line), &c);
	r = v->parse(&c);
	if (o->result != RESULT_OK)
		refuse_outcome(s, v, &c, o);
	else if (r != REPLY_NONE)
		refuse(s, v, &c, r);
	else if (new && needs_probe(v)) {
		s->tx->rewritten = true;
		probe(s, &c, line);
		return;
	} else
		v->run(s, &c);
	free(line);
}

/* The command is kept until the filters have judged it. */
static void
ask(struct session *s, const struct verb *v, struct slice line, struct command *c)
{
	char	*copy = strndup(line.p, line.n);

	s->verb = v;
	if (copy == NULL)
		session_reply(s, REPLY_TEMPFAIL, NULL, NULL);
	else if (needs_probe(v)) {
		s->tx->rcpt_filter = 0;
		s->tx->rewritten = false;
		probe(s, c, copy);
	} else {
		s->command = copy;
		phase_ask_raw(s, v->phase, c->path.typed.p != NULL ?
		    c->path.typed : c->arg, c->arg, judged);
	}
}

void
verb_probed(struct session *s, uint32_t rule)
{
	struct command	 c = { .path.typed = SLICE_NONE };
	char		*line = s->command;

	s->tx->rcpt_filter |= chain_rule_bit(rule);
	cut_name(slice_str(line), &c);
	s->verb->parse(&c);
	if (!s->tx->rewritten) {
		phase_ask_raw(s, s->verb->phase, c.path.typed, c.arg, judged);
		return;
	}
	s->command = NULL;
	s->verb->run(s, &c);
	free(line);
}

void
verb_run(struct session *s, struct slice line)
{
	struct command		 c = { .path.typed = SLICE_NONE };
	const struct verb	*v;
	struct slice		 name;
	enum reply		 r;

	if (verb_has_controls(line)) {
		verb_garbled(s, line, REPLY_BAD_BYTES);
		return;
	}
	name = cut_name(line, &c);
	if ((v = verb_find(name)) == NULL)
		verb_garbled(s, line, REPLY_UNKNOWN);
	else if (!(v->allowed & 1u << s->state))
		session_reply(s, v->run == run_data && s->state == STATE_MAIL ?
		    REPLY_NO_RCPT : REPLY_SEQUENCE, NULL, NULL);
	else if ((r = v->parse(&c)) != REPLY_NONE)
		refuse(s, v, &c, r);
	else if (v->phase != PHASE_MAX && phase_filtered(s))
		ask(s, v, line, &c);
	else
		v->run(s, &c);
}
