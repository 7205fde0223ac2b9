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

#define IN(state)	(1u << STATE_##state)
#define ANYWHERE	(IN(CONNECTED) | IN(READY) | IN(MAIL) | IN(RCPT) | IN(CHUNKS))

/* The command being run: filled in by parse, read by run. */
struct command {
	struct slice		 arg;		/* without blanks around it */
	struct smtp_path	 path;
	struct params		 params;
	uint64_t		 size;		/* of a chunk */
	bool			 last;
	char			 text[41];	/* for the reply: what was wrong */
};

struct verb {
	const char	*name;
	unsigned	 allowed;
	/* Reads the argument; REPLY_NONE, or the reply that refuses it. */
	enum reply	(*parse)(struct command *);
	void		(*run)(struct session *, struct command *);
};

/* -- arguments -- */

static struct slice
trim(struct slice s)
{
	while (s.n > 0 && (s.p[0] == ' ' || s.p[0] == '\t')) {
		s.p++;
		s.n--;
	}
	while (s.n > 0 && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
		s.n--;
	return s;
}

static enum reply
parse_none(struct command *c)
{
	return c->arg.n == 0 ? REPLY_NONE : REPLY_NO_ARGUMENTS;
}

static enum reply
parse_any(struct command *c)
{
	(void)c;
	return REPLY_NONE;
}

static enum reply
parse_name(struct command *c)
{
	if (c->arg.n == 0)
		return REPLY_NEEDS_NAME;
	return smtp_helo_valid(c->arg) ? REPLY_NONE : REPLY_BAD_NAME;
}

/* FROM: or TO:, and a path after it. */
static bool
after_keyword(struct slice *arg, const char *keyword)
{
	size_t	 n = strlen(keyword);

	if (arg->n < n || strncasecmp(arg->p, keyword, n) != 0)
		return false;
	arg->p += n;
	arg->n -= n;
	return true;
}

static bool
is_ascii(const struct command *c)
{
	return utf8_is_ascii(c->path.typed.p, c->path.typed.n);
}

/* For the reply, which is ASCII. */
static void
bad_param(struct command *c, struct slice bad)
{
	size_t	 i;

	for (i = 0; i < bad.n && i < sizeof(c->text) - 1; i++)
		c->text[i] = (unsigned char)bad.p[i] < 0x80 ? bad.p[i] : '?';
	c->text[i] = '\0';
}

static enum reply
read_params(struct command *c, enum param_of of, struct slice text)
{
	enum reply	 r = params_read(&c->params, of, text);
	struct slice	 bad = c->params.bad;

	if (r != REPLY_NONE)
		bad_param(c, bad);
	return r;
}

static enum reply
parse_mail(struct command *c)
{
	struct slice	 params;
	enum reply	 r;

	if (!after_keyword(&c->arg, "FROM:"))
		return REPLY_MAIL_SYNTAX;
	if (smtp_path_parse(c->arg, SMTP_PATH_NULL_OK | SMTP_PATH_UTF8_OK,
	    &c->path, &params) == -1)
		return REPLY_BAD_SENDER;
	if ((r = read_params(c, PARAM_OF_MAIL, params)) != REPLY_NONE)
		return r;
	return c->params.body & BODY_SMTPUTF8 || is_ascii(c) ?
	    REPLY_NONE : REPLY_SENDER_UTF8;
}

static enum reply
parse_rcpt(struct command *c)
{
	struct slice	 params;

	if (!after_keyword(&c->arg, "TO:"))
		return REPLY_RCPT_SYNTAX;
	if (smtp_path_parse(c->arg, SMTP_PATH_POSTMASTER_OK | SMTP_PATH_UTF8_OK,
	    &c->path, &params) == -1)
		return REPLY_BAD_RCPT;
	return read_params(c, PARAM_OF_RCPT, params);
}

/* BDAT size [LAST]: nothing else, as it says where the next command begins. */
static enum reply
parse_bdat(struct command *c)
{
	const char	*space = c->arg.n == 0 ? NULL :
	    memchr(c->arg.p, ' ', c->arg.n);
	struct slice	 size = c->arg, rest = SLICE("");

	if (space != NULL) {
		size.n = space - c->arg.p;
		rest = trim(slice_make(space, c->arg.n - size.n));
	}
	c->last = slice_eqi(rest, SLICE("LAST"));
	return smtp_number_parse(size, &c->size) && (c->last || rest.n == 0) ?
	    REPLY_NONE : REPLY_BAD_CHUNK;
}

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
	bad_param(c, slice_str(name));
	return true;
}

/* Why no transaction may begin, or REPLY_NONE. */
static enum reply
mail_refusal(const struct session *s, struct command *c)
{
	if (is_dsn_refused(s, c))
		return REPLY_UNKNOWN_PARAM;
	if (c->params.auth && !auth_is_offered(s)) {
		bad_param(c, SLICE("AUTH"));
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
	else if (!(s->tx->body & BODY_SMTPUTF8) && !is_ascii(c))
		refuse_rcpt(s, c, REPLY_RCPT_UTF8);
	else if (!(s->tx->body & BODY_SMTPUTF8) && !utf8_is_ascii(
	    c->params.orcpt.p, c->params.orcpt.n)) {
		bad_param(c, SLICE("ORCPT"));
		refuse_rcpt(s, c, REPLY_BAD_PARAM);
	} else if (tx_rcpt(s->tx, &c->path, &c->params) == -1)
		refuse_rcpt(s, c, REPLY_RCPT_TEMPFAIL);
	else
		wait_begin(s, WAITING_LOOKUP);
}

static void
run_data(struct session *s, struct command *c)
{
	(void)c;
	tx_data(s->tx, false);
	report_tx_data(&s->source, s->tx->msgid, RESULT_OK);
	session_reply(s, REPLY_DATA, NULL, NULL);
	session_enter(s, STATE_DATA);
}

/* Why a chunk is not taken, or REPLY_NONE: then it belongs to a message. */
static enum reply
chunk_refusal(const struct session *s)
{
	if (s->state == STATE_RCPT || s->state == STATE_CHUNKS)
		return REPLY_NONE;
	return s->state == STATE_MAIL ? REPLY_NO_RCPT : REPLY_SEQUENCE;
}

bool
verb_swallow(struct session *s)
{
	struct slice	 in = io_input(&s->io);

	if (in.n > s->swallow)
		in.n = (size_t)s->swallow;
	io_consume(&s->io, in.n);
	s->swallow -= in.n;
	if (s->swallow > 0)
		return false;
	session_reply(s, s->swallow_reply, NULL, NULL);
	return true;
}

/* The octets follow, taken or not. */
static void
run_bdat(struct session *s, struct command *c)
{
	enum reply	 r = chunk_refusal(s);

	if (r != REPLY_NONE) {
		s->swallow = c->size;
		s->swallow_reply = r;
		verb_swallow(s);
		return;
	}
	if (s->state == STATE_RCPT) {
		tx_data(s->tx, true);
		report_tx_data(&s->source, s->tx->msgid, RESULT_OK);
	}
	s->tx->chunk = s->tx->chunk_size = c->size;
	s->tx->chunk_last = c->last;
	session_enter(s, STATE_CHUNK);
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

static const struct verb verbs[] = {	/* name, allowed in, parse, run */
	{ "HELO",	ANYWHERE,		parse_name,	run_helo },
	{ "EHLO",	ANYWHERE,		parse_name,	run_ehlo },
	{ "STARTTLS",	IN(READY),		parse_none,	run_starttls },
	{ "AUTH",	IN(READY),		parse_any,	run_auth },
	{ "MAIL",	IN(READY),		parse_mail,	run_mail },
	{ "RCPT",	IN(MAIL) | IN(RCPT),	parse_rcpt,	run_rcpt },
	{ "DATA",	IN(RCPT),		parse_none,	run_data },
	{ "BDAT",	ANYWHERE,		parse_bdat,	run_bdat },
	{ "RSET",	ANYWHERE,		parse_none,	run_rset },
	{ "NOOP",	ANYWHERE,		parse_any,	run_noop },
	{ "VRFY",	ANYWHERE,		parse_any,	run_vrfy },
	{ "HELP",	ANYWHERE,		parse_any,	run_help },
	{ "QUIT",	ANYWHERE,		parse_none,	run_quit },
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

static bool
has_controls(struct slice line)
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

void
verb_run(struct session *s, struct slice line)
{
	struct command		 c = { .path.typed = SLICE_NONE };
	const struct verb	*v;
	struct slice		 name = verb_name(line);
	enum reply		 r;

	if (has_controls(line)) {
		verb_garbled(s, line, REPLY_BAD_BYTES);
		return;
	}
	c.arg = trim(slice_make(line.p + name.n, line.n - name.n));
	if ((v = verb_find(name)) == NULL)
		verb_garbled(s, line, REPLY_UNKNOWN);
	else if (!(v->allowed & 1u << s->state))
		session_reply(s, v->run == run_data && s->state == STATE_MAIL ?
		    REPLY_NO_RCPT : REPLY_SEQUENCE, NULL, NULL);
	else if ((r = v->parse(&c)) != REPLY_NONE)
		refuse(s, v, &c, r);
	else
		v->run(s, &c);
}

/* What the queue makes of the message, or why it does not get it. */
static void
finish(struct session *s)
{
	static const enum reply	 refusals[] = {
		[REFUSED_NOT]		= REPLY_NONE,
		[REFUSED_SIZE]		= REPLY_TOO_BIG,
		[REFUSED_LOOP]		= REPLY_LOOP,
		[REFUSED_FORMAT]	= REPLY_NOT_A_MESSAGE,
		[REFUSED_LINE]		= REPLY_BODY_LINE,
		[REFUSED_TEMP]		= REPLY_TEMPFAIL,
	};
	enum reply	 r = refusals[s->tx->refusal];

	if (r == REPLY_NONE && tx_commit(s->tx) == 0) {
		wait_begin(s, WAITING_QUEUE);
		return;
	}
	session_rollback(s);
	session_reply(s, r == REPLY_NONE ? REPLY_TEMPFAIL : r, NULL, NULL);
	session_enter(s, STATE_READY);
}

void
verb_end_of_data(struct session *s)
{
	report_protocol_client(&s->source, SLICE("."));
	finish(s);
}

/* A chunk that spoils the message ends it; those behind it have no transaction. */
void
verb_end_of_chunk(struct session *s)
{
	char	 size[24];

	if (s->tx->chunk_last || s->tx->refusal != REFUSED_NOT) {
		finish(s);
		return;
	}
	snprintf(size, sizeof(size), "%llu",
	    (unsigned long long)s->tx->chunk_size);
	session_reply(s, REPLY_CHUNK, size, NULL);
	session_enter(s, STATE_CHUNKS);
}
