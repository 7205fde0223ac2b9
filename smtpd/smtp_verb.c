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
#include "smtpd/proc.h"
#include "smtpd/smtp.h"

#define IN(state)	(1u << STATE_##state)
#define ANYWHERE	(IN(CONNECTED) | IN(READY) | IN(MAIL) | IN(RCPT))

/* The command being run: filled in by parse, read by run. */
struct command {
	struct slice		 arg;		/* without blanks around it */
	struct smtp_path	 path;
	bool			 sized;
	uint64_t		 size;
	char			 text[64];	/* for the reply: what was wrong */
};

struct verb {
	const char	*name;
	unsigned	 allowed;
	/* Reads the argument; REPLY_NONE, or the reply that refuses it. */
	enum reply	(*parse)(struct command *);
	void		(*run)(struct session *, struct command *);
};

/* -- arguments -- */

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

static enum reply
bad_param(struct command *c, enum reply r, struct slice name)
{
	snprintf(c->text, sizeof(c->text), "%.*s",
	    (int)(name.n < 40 ? name.n : 40), name.p);
	return r;
}

/* RFC 1870 SIZE, RFC 6152 BODY; each at most once. */
static enum reply
mail_params(struct command *c, struct slice params)
{
	struct slice	 name, value;
	bool		 body = false;
	int		 n;

	while ((n = smtp_param_next(&params, &name, &value)) == 1) {
		if (slice_eqi(name, SLICE("SIZE"))) {
			if (c->sized || !smtp_number_parse(value, &c->size))
				return bad_param(c, REPLY_BAD_PARAM, name);
			c->sized = true;
		} else if (slice_eqi(name, SLICE("BODY"))) {
			if (body || (!slice_eqi(value, SLICE("7BIT")) &&
			    !slice_eqi(value, SLICE("8BITMIME"))))
				return bad_param(c, REPLY_BAD_PARAM, name);
			body = true;
		} else
			return bad_param(c, REPLY_UNKNOWN_PARAM, name);
	}
	return n == 0 ? REPLY_NONE : bad_param(c, REPLY_BAD_PARAM, params);
}

static enum reply
parse_mail(struct command *c)
{
	struct slice	 params;

	if (!after_keyword(&c->arg, "FROM:"))
		return REPLY_MAIL_SYNTAX;
	if (smtp_path_parse(c->arg, SMTP_PATH_NULL_OK, &c->path, &params) == -1)
		return REPLY_BAD_SENDER;
	return mail_params(c, params);
}

static enum reply
parse_rcpt(struct command *c)
{
	struct slice	 params, name, value;
	int		 n;

	if (!after_keyword(&c->arg, "TO:"))
		return REPLY_RCPT_SYNTAX;
	if (smtp_path_parse(c->arg, SMTP_PATH_POSTMASTER_OK, &c->path,
	    &params) == -1)
		return REPLY_BAD_RCPT;
	if ((n = smtp_param_next(&params, &name, &value)) == 0)
		return REPLY_NONE;
	return bad_param(c, n == 1 ? REPLY_UNKNOWN_PARAM : REPLY_BAD_PARAM,
	    n == 1 ? name : params);
}

/* -- what they do -- */

static void
identify(struct session *s, const struct command *c, bool esmtp)
{
	char	*helo = strndup(c->arg.p, c->arg.n);

	if (helo == NULL) {
		session_reply(s, REPLY_TEMPFAIL, NULL, NULL);
		return;
	}
	session_rollback(s);
	free(s->helo);
	s->helo = helo;
	s->esmtp = esmtp;
	report_link_identify(&s->source, esmtp ? METHOD_EHLO : METHOD_HELO,
	    c->arg);
	session_enter(s, STATE_READY);
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

	identify(s, c, false);
	if (s->helo == NULL)
		return;
	hello(s, who, sizeof(who));
	session_reply(s, REPLY_HELO, s->listener->hostname, who);
}

static void
run_ehlo(struct session *s, struct command *c)
{
	char	 who[512], size[24];

	identify(s, c, true);
	if (s->helo == NULL)
		return;
	hello(s, who, sizeof(who));
	snprintf(size, sizeof(size), "%zu", proc_conf->max_message_size);
	session_reply_more(s, REPLY_EHLO, s->listener->hostname, who);
	session_reply_more(s, REPLY_EXT_8BITMIME, NULL, NULL);
	session_reply_more(s, REPLY_EXT_STATUSCODES, NULL, NULL);
	session_reply_more(s, REPLY_EXT_SIZE, size, NULL);
	session_reply_more(s, REPLY_EXT_PIPELINING, NULL, NULL);
	if (s->listener->tls != NULL && !s->secured)
		session_reply_more(s, REPLY_EXT_STARTTLS, NULL, NULL);
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

/* Why no transaction may begin, or REPLY_NONE. */
static enum reply
mail_refusal(const struct session *s, const struct command *c)
{
	if (listener_tls(s->listener) == LISTEN_TLS_REQUIRE && !s->secured)
		return REPLY_TLS_FIRST;
	if (s->mails >= proc_conf->max_mails)
		return REPLY_TOO_MANY_MAILS;
	if (c->sized && c->size > proc_conf->max_message_size)
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
		s->tx = tx_begin(s, c->path.mailbox, &r);
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
	if (s->tx->nrcpt >= proc_conf->max_rcpt)
		refuse_rcpt(s, c, REPLY_TOO_MANY_RCPTS);
	else if (tx_rcpt(s->tx, &c->path) == -1)
		refuse_rcpt(s, c, REPLY_RCPT_TEMPFAIL);
	else
		wait_begin(s, WAITING_LOOKUP);
}

static void
run_data(struct session *s, struct command *c)
{
	(void)c;
	tx_data(s->tx);
	report_tx_data(&s->source, s->tx->msgid, RESULT_OK);
	session_reply(s, REPLY_DATA, NULL, NULL);
	session_enter(s, STATE_DATA);
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
	{ "MAIL",	IN(READY),		parse_mail,	run_mail },
	{ "RCPT",	IN(MAIL) | IN(RCPT),	parse_rcpt,	run_rcpt },
	{ "DATA",	IN(RCPT),		parse_none,	run_data },
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

/* A refused MAIL or RCPT whose address could be read was judged, and is reported. */
static void
refuse(struct session *s, const struct verb *v, struct command *c, enum reply r)
{
	if (c->path.typed.p != NULL && v->run == run_mail)
		refuse_mail(s, c, r);
	else if (c->path.typed.p != NULL && v->run == run_rcpt)
		refuse_rcpt(s, c, r);
	else
		session_reply(s, r, c->text, NULL);
}

void
verb_run(struct session *s, struct slice line)
{
	struct command		 c = { .path.typed = SLICE_NONE };
	const struct verb	*v;
	struct slice		 name = line;
	const char		*space = line.n == 0 ? NULL : memchr(line.p, ' ', line.n);
	enum reply		 r;

	if (has_controls(line)) {
		session_reply(s, REPLY_BAD_BYTES, NULL, NULL);
		return;
	}
	if (space != NULL)
		name.n = space - line.p;
	c.arg = trim(slice_make(line.p + name.n, line.n - name.n));
	if ((v = verb_find(name)) == NULL)
		session_reply(s, REPLY_UNKNOWN, NULL, NULL);
	else if (!(v->allowed & 1u << s->state))
		session_reply(s, v->run == run_data && s->state == STATE_MAIL ?
		    REPLY_NO_RCPT : REPLY_SEQUENCE, NULL, NULL);
	else if ((r = v->parse(&c)) != REPLY_NONE)
		refuse(s, v, &c, r);
	else
		v->run(s, &c);
}

void
verb_end_of_data(struct session *s)
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

	report_protocol_client(&s->source, SLICE("."));
	if (r == REPLY_NONE && tx_commit(s->tx) == 0) {
		wait_begin(s, WAITING_QUEUE);
		return;
	}
	session_rollback(s);
	session_reply(s, r == REPLY_NONE ? REPLY_TEMPFAIL : r, NULL, NULL);
	session_enter(s, STATE_READY);
}
