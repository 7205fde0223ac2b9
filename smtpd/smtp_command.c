/* SPDX-License-Identifier: ISC */
/*
 * The arguments of commands (RFC 5321, RFC 3030, RFC 3461, RFC 6531): read
 * only, nothing is done.  smtp process.
 */
#include <string.h>

#include "lib/utf8.h"
#include "smtpd/dsn.h"
#include "smtpd/smtp.h"
#include "smtpd/smtp_command.h"

struct slice
command_trim(struct slice s)
{
	while (s.n > 0 && (s.p[0] == ' ' || s.p[0] == '\t')) {
		s.p++;
		s.n--;
	}
	while (s.n > 0 && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
		s.n--;
	return s;
}

enum reply
command_none(struct command *c)
{
	return c->arg.n == 0 ? REPLY_NONE : REPLY_NO_ARGUMENTS;
}

enum reply
command_any(struct command *c)
{
	(void)c;
	return REPLY_NONE;
}

enum reply
command_name(struct command *c)
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

bool
command_is_ascii(const struct command *c)
{
	return utf8_is_ascii(c->path.typed.p, c->path.typed.n);
}

/* For the reply, which is ASCII. */
void
command_bad_param(struct command *c, struct slice bad)
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
		command_bad_param(c, bad);
	return r;
}

enum reply
command_mail(struct command *c)
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
	return c->params.body & BODY_SMTPUTF8 || command_is_ascii(c) ?
	    REPLY_NONE : REPLY_SENDER_UTF8;
}

enum reply
command_rcpt(struct command *c)
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
enum reply
command_bdat(struct command *c)
{
	const char	*space = c->arg.n == 0 ? NULL :
	    memchr(c->arg.p, ' ', c->arg.n);
	struct slice	 size = c->arg, rest = SLICE("");

	if (space != NULL) {
		size.n = space - c->arg.p;
		rest = command_trim(slice_make(space, c->arg.n - size.n));
	}
	c->last = slice_eqi(rest, SLICE("LAST"));
	return smtp_number_parse(size, &c->size) && (c->last || rest.n == 0) ?
	    REPLY_NONE : REPLY_BAD_CHUNK;
}
