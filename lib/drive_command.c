/* SPDX-License-Identifier: ISC */
/*
 * Recorded commands: what smtpd(8) asks filters about them, and when it does
 * not come to that.
 */
#include "lib/drive_int.h"
#include "lib/nitems.h"

#define ANYWHERE	(DRIVE_IN(CONNECTED) | DRIVE_IN(READY) | DRIVE_IN(MAIL) | \
			    DRIVE_IN(RCPT) | DRIVE_IN(CHUNKS))

static struct slice
trim(struct slice s)
{
	while (s.n > 0 && (s.p[0] == ' ' || s.p[0] == '\t')) {
		s.p++;
		s.n--;
	}
	while (s.n > 0 && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t' ||
	    s.p[s.n - 1] == '\r'))
		s.n--;
	return s;
}

/* Up to the first blank; *rest is what stands behind it. */
static struct slice
word(struct slice s, struct slice *rest)
{
	const char	*blank = s.n == 0 ? NULL : memchr(s.p, ' ', s.n);
	struct slice	 w = s;

	if (blank != NULL)
		w.n = (size_t)(blank - s.p);
	*rest = slice_make(s.p + w.n, s.n - w.n);
	return w;
}

/* -- arguments: is it valid?  arg is without blanks around it -- */

static bool
parse_none(struct drive_command *c, enum dialect d, struct slice arg)
{
	(void)c;
	(void)d;
	return arg.n == 0;
}

static bool
parse_any(struct drive_command *c, enum dialect d, struct slice arg)
{
	(void)d;
	c->argument = arg;
	return true;
}

static bool
parse_name(struct drive_command *c, enum dialect d, struct slice arg)
{
	(void)d;
	c->argument = arg;
	return smtp_helo_valid(arg);
}

/* What is no path to us, but was one to the daemon that took it: without its brackets. */
static struct slice
loose_path(struct slice arg)
{
	struct slice	 rest;

	arg = word(arg, &rest);
	if (arg.n > 0 && arg.p[0] == '<') {
		arg.p++;
		arg.n--;
	}
	if (arg.n > 0 && arg.p[arg.n - 1] == '>')
		arg.n--;
	return arg;
}

static bool
parse_path(struct drive_command *c, enum dialect d, struct slice arg,
    const char *keyword, unsigned flags)
{
	size_t		 n = strlen(keyword);
	struct smtp_path path;
	struct slice	 rest;
	bool		 valid;

	if (arg.n < n || strncasecmp(arg.p, keyword, n) != 0)
		return false;
	arg = slice_make(arg.p + n, arg.n - n);
	valid = smtp_path_parse(arg, flags | SMTP_PATH_UTF8_OK, &path, &rest) == 0;
	c->address = valid ? path.typed : loose_path(trim(arg));
	c->argument = d <= DIALECT_1 ? arg : c->address;
	return valid;
}

static bool
parse_mail(struct drive_command *c, enum dialect d, struct slice arg)
{
	return parse_path(c, d, arg, "FROM:", SMTP_PATH_NULL_OK);
}

static bool
parse_rcpt(struct drive_command *c, enum dialect d, struct slice arg)
{
	return parse_path(c, d, arg, "TO:", SMTP_PATH_POSTMASTER_OK);
}

static bool
parse_auth(struct drive_command *c, enum dialect d, struct slice arg)
{
	struct slice	 rest;

	(void)d;
	c->argument = word(arg, &rest);
	return c->argument.n > 0;
}

static bool
parse_bdat(struct drive_command *c, enum dialect d, struct slice arg)
{
	struct slice	 rest, size = word(arg, &rest);
	uint64_t	 n;

	(void)d;
	rest = trim(rest);
	c->chunk = true;
	c->last = slice_eqi(rest, SLICE("LAST"));
	return smtp_number_parse(size, &n) && (c->last || rest.n == 0);
}

static const struct {
	const char	*name;
	enum phase	 phase;
	unsigned	 allowed;
	bool		(*parse)(struct drive_command *, enum dialect, struct slice);
} verbs[] = {
	{ "HELO",	PHASE_HELO,	ANYWHERE,		parse_name },
	{ "EHLO",	PHASE_EHLO,	ANYWHERE,		parse_name },
	{ "STARTTLS",	PHASE_STARTTLS,	DRIVE_IN(READY),	parse_none },
	{ "AUTH",	PHASE_AUTH,	DRIVE_IN(READY),	parse_auth },
	{ "MAIL",	PHASE_MAIL_FROM, DRIVE_IN(READY),	parse_mail },
	{ "RCPT",	PHASE_RCPT_TO,	DRIVE_IN(MAIL) | DRIVE_IN(RCPT), parse_rcpt },
	{ "DATA",	PHASE_DATA,	DRIVE_IN(RCPT),		parse_none },
	{ "BDAT",	PHASE_DATA,	DRIVE_IN(RCPT) | DRIVE_IN(CHUNKS), parse_bdat },
	{ "RSET",	PHASE_RSET,	ANYWHERE,		parse_none },
	{ "NOOP",	PHASE_NOOP,	ANYWHERE,		parse_any },
	{ "HELP",	PHASE_HELP,	ANYWHERE,		parse_any },
	{ "VRFY",	PHASE_MAX,	ANYWHERE,		parse_any },
	{ "QUIT",	PHASE_QUIT,	ANYWHERE | DRIVE_IN(REFUSED), parse_none },
	/* The end of data. */
	{ ".",		PHASE_COMMIT,	DRIVE_IN(DATA),		parse_none },
};

void
drive_command_parse(struct drive_command *c, enum dialect d, struct slice line)
{
	struct slice	 rest, name = word(line, &rest);
	size_t		 i;

	*c = (struct drive_command){ .phase = PHASE_MAX, .argument = SLICE("") };
	name = trim(name);
	for (i = 0; i < nitems(verbs); i++)
		if (slice_eqi(name, slice_str(verbs[i].name)))
			break;
	if (i == nitems(verbs))
		return;
	c->known = true;
	c->phase = verbs[i].phase;
	c->allowed = verbs[i].allowed | DRIVE_IN(UNKNOWN);
	c->valid = verbs[i].parse(c, d, trim(rest));
}

unsigned
drive_phase_allowed(enum phase phase)
{
	unsigned	 allowed = DRIVE_IN(UNKNOWN);
	size_t		 i;

	for (i = 0; i < nitems(verbs); i++)
		if (verbs[i].phase == phase)
			allowed |= verbs[i].allowed;
	return allowed;
}

/* -- a new argument -- */

const char *
drive_rewrite_refused(enum phase phase, struct slice argument, struct slice *value)
{
	struct smtp_path path;
	struct slice	 rest;

	*value = argument;
	switch (phase) {
	case PHASE_HELO:
	case PHASE_EHLO:
		return smtp_helo_valid(argument) ? NULL :
		    "501 5.5.4 Invalid command arguments: not a host name or address literal";
	case PHASE_MAIL_FROM:
		if (smtp_path_parse(argument, SMTP_PATH_NULL_OK | SMTP_PATH_UTF8_OK,
		    &path, &rest) == -1)
			return "553 5.1.0 Sender address syntax error";
		*value = path.typed;
		return NULL;
	case PHASE_RCPT_TO:
		if (smtp_path_parse(argument, SMTP_PATH_POSTMASTER_OK |
		    SMTP_PATH_UTF8_OK, &path, &rest) == -1)
			return "501 5.1.3 Recipient address syntax error";
		*value = path.typed;
		return NULL;
	case PHASE_STARTTLS:
	case PHASE_DATA:
	case PHASE_COMMIT:
	case PHASE_RSET:
	case PHASE_QUIT:
		return argument.n == 0 ? NULL : "501 5.5.4 Invalid command "
		    "arguments: command does not accept arguments.";
	default:
		return NULL;
	}
}
