/* SPDX-License-Identifier: ISC */
/*
 * Filters that are rules: in a phase, if a condition holds, an action is taken.
 * Three grammars lead to the same struct: `phase ... match`, that of December
 * 2018 (`builtin`), and the founding one, where a check names what fails it.
 */
#include <string.h>

#include "lib/smtp_path.h"
#include "smtpd/conf_parse.h"

#define P(phase)	(1u << PHASE_##phase)
#define P_EVERY		((1u << PHASE_MAX) - 1 - P(DATA_LINE))	/* a line of a message is no matter of rules */
#define P_MAIL		(P(MAIL_FROM) | P(RCPT_TO) | P(DATA) | P(COMMIT))
#define P_ARGUMENT	(P(HELO) | P(EHLO) | P(AUTH) | P(MAIL_FROM) | P(RCPT_TO))

#define REPLY_BYTES	510		/* RFC 5321 4.5.3.1.5, without CRLF */

struct rule_reading {
	struct filter	*filter;
	bool		 bang;
};

static int	check_fails(struct conf_parser *, const struct conf_word *, void *);
static int	check_rdns(struct conf_parser *, const struct conf_word *, void *);
static int	check_regex(struct conf_parser *, const struct conf_word *, void *);
static int	check_table(struct conf_parser *, const struct conf_word *, void *);
static int	match_auth(struct conf_parser *, const struct conf_word *, void *);
static int	match_fcrdns(struct conf_parser *, const struct conf_word *, void *);
static int	match_plain(struct conf_parser *, const struct conf_word *, void *);
static int	match_rdns(struct conf_parser *, const struct conf_word *, void *);
static int	match_table(struct conf_parser *, const struct conf_word *, void *);
static int	take_plain(struct conf_parser *, const struct conf_word *, void *);
static int	take_reply(struct conf_parser *, const struct conf_word *, void *);
static int	take_report(struct conf_parser *, const struct conf_word *, void *);
static int	take_rewrite(struct conf_parser *, const struct conf_word *, void *);

/* filter NAME phase PHASE match */
static const struct conf_word conditions[] = {
	{ .name = "any", .parse = match_plain, .value = COND_ANY },
	{ .name = "fcrdns", .parse = match_fcrdns, .value = COND_FCRDNS },
	{ .name = "rdns", .parse = match_rdns, .value = COND_RDNS },
	{ .name = "src", .parse = match_table, .value = COND_SRC },
	{ .name = "helo", .parse = match_table, .value = COND_HELO },
	{ .name = "auth", .parse = match_auth, .value = COND_AUTH },
	{ .name = "mail-from", .parse = match_table, .value = COND_MAIL_FROM },
	{ .name = "rcpt-to", .parse = match_table, .value = COND_RCPT_TO },
	{ .name = "check-fcrdns", .instead = "is now written !fcrdns" },
	{ .name = "check-rdns", .instead = "is now written !rdns" },
	{ .name = "check-rdns-table", .instead = "is now written rdns" },
	{ .name = "check-rdns-regex", .instead = "is now written rdns regex" },
	{ .name = "check-src-table", .instead = "is now written src" },
	{ .name = "check-src-regex", .instead = "is now written src regex" },
	{ .name = "check-table", .instead = "is now written helo, mail-from or rcpt-to" },
	{ .name = "check-regex", .instead = "is now written helo regex, mail-from regex or rcpt-to regex" },
};

/* filter NAME builtin PHASE: both of the words that were used for each check */
static const struct conf_word builtins[] = {
	{ .name = "fcrdns", .parse = check_fails, .value = COND_FCRDNS },
	{ .name = "rdns", .parse = check_rdns, .value = COND_RDNS },
	{ .name = "src", .parse = match_table, .value = COND_SRC },
	{ .name = "helo", .parse = match_table, .value = COND_HELO },
	{ .name = "mail-from", .parse = match_table, .value = COND_MAIL_FROM },
	{ .name = "rcpt-to", .parse = match_table, .value = COND_RCPT_TO },
	{ .name = "check-fcrdns", .parse = check_fails, .value = COND_FCRDNS },
	{ .name = "check-rdns", .parse = check_fails, .value = COND_RDNS },
	{ .name = "check-rdns-table", .parse = check_table, .value = COND_RDNS_TABLE },
	{ .name = "check-rdns-regex", .parse = check_regex, .value = COND_RDNS_TABLE },
	{ .name = "check-src-table", .parse = check_table, .value = COND_SRC },
	{ .name = "check-src-regex", .parse = check_regex, .value = COND_SRC },
};

/* filter smtp-in PHASE */
static const struct conf_word checks[] = {
	{ .name = "check-fcrdns", .parse = check_fails, .value = COND_FCRDNS },
	{ .name = "check-rdns", .parse = check_fails, .value = COND_RDNS },
	{ .name = "check-table", .parse = check_table, .value = COND_ARGUMENT },
	{ .name = "check-regex", .parse = check_regex, .value = COND_ARGUMENT },
	{ .name = "match", .instead = "belongs to a filter with a name: filter NAME phase PHASE match ..." },
};

static const struct conf_word actions[] = {
	{ .name = "reject", .parse = take_reply, .value = DECISION_REJECT },
	{ .name = "disconnect", .parse = take_reply, .value = DECISION_DISCONNECT },
	{ .name = "rewrite", .parse = take_rewrite, .value = DECISION_REWRITE },
	{ .name = "junk", .parse = take_plain, .value = DECISION_JUNK },
	{ .name = "report", .parse = take_report, .value = DECISION_REPORT },
	{ .name = "bypass", .parse = take_plain, .value = DECISION_BYPASS },
	{ .name = "proceed", .instead = "is written bypass in a rule" },
};

static const struct {
	const struct conf_word	*words;
	size_t			 n;
	const char		*what;
} grammars[] = {
	[RULE_PHASE]	= { conditions, nitems(conditions), "condition" },
	[RULE_BUILTIN]	= { builtins, nitems(builtins), "check" },
	[RULE_FOUNDING]	= { checks, nitems(checks), "check" },
};

/* In which phases a condition can be told. */
static const unsigned allowed[COND_MAX] = {
	[COND_ANY]		= P_EVERY,
	[COND_FCRDNS]		= P_EVERY,
	[COND_FCRDNS_ERROR]	= P_EVERY,
	[COND_RDNS]		= P_EVERY,
	[COND_RDNS_TABLE]	= P_EVERY,
	[COND_SRC]		= P_EVERY,
	[COND_HELO]		= P_EVERY & ~P(CONNECT),
	[COND_AUTH]		= P(AUTH) | P_MAIL | P(RSET) | P(QUIT) | P(NOOP) | P(HELP),
	[COND_AUTH_TABLE]	= P(AUTH) | P_MAIL | P(RSET) | P(QUIT) | P(NOOP) | P(HELP),
	[COND_MAIL_FROM]	= P_MAIL,
	[COND_RCPT_TO]		= P(RCPT_TO),
	[COND_ARGUMENT]		= P_ARGUMENT | P(CONNECT),
};

/* -- phases -- */

static const char *
phases_listed(unsigned phases)
{
	static char	 buf[160];
	enum phase	 phase;

	buf[0] = '\0';
	for (phase = 0; phase < PHASE_MAX; phase++)
		if ((phases >> phase & 1) != 0) {
			if (buf[0] != '\0')
				strlcat(buf, ", ", sizeof(buf));
			strlcat(buf, filter_phases[phase].name, sizeof(buf));
		}
	return buf;
}

int
conf_rule_phase(struct conf_parser *p, struct filter *f)
{
	struct nearest	 nearest;
	enum phase	 phase;

	conf_next(p);
	if (p->token.kind <= TOKEN_STRING &&
	    (f->phase = filter_phase_by_name(slice_str(p->token.text))) != PHASE_MAX)
		return 0;
	f->phase = PHASE_CONNECT;
	if (p->token.kind > TOKEN_STRING)
		return conf_error(p, "expected a phase: %s", phases_listed((1u << PHASE_MAX) - 1));
	nearest_init(&nearest, slice_str(p->token.text));
	for (phase = 0; phase < PHASE_MAX; phase++)
		nearest_try(&nearest, filter_phases[phase].name);
	if (nearest.best[0] != NULL)
		return conf_error(p, "no phase%s", conf_nearest_hint(&nearest));
	return conf_error(p, "no phase; one of: %s", phases_listed((1u << PHASE_MAX) - 1));
}

/* -- conditions -- */

/* The condition's word is the last token. */
static int
condition_set(struct conf_parser *p, struct filter *f, int condition, bool negate)
{
	f->condition = (enum condition)condition;
	f->negate = negate;
	if ((allowed[condition] >> f->phase & 1) == 0)
		return conf_error(p, "cannot be told in phase %s, only in: %s", filter_phases[f->phase].name,
		    phases_listed(allowed[condition]));
	return 0;
}

/* Is what the table holds of the kind that the condition looks for? */
static int
table_read(struct conf_parser *p, struct filter *f)
{
	enum table_service	 service = TABLE_STRING;
	struct slice		 bad;
	const char		*why;

	if (conf_accept(p, "!"))
		return conf_error(p, "the ! stands before the condition");
	if (conf_table_value(p, false, &f->table) == -1)
		return -1;
	if (f->regex)
		service = TABLE_REGEX;
	else if (f->condition == COND_SRC)
		service = TABLE_NETADDR;
	if ((why = table_check(f->table, service, &bad)) != NULL)
		return conf_error(p, "\"%.*s\": %s", (int)bad.n, bad.p, why);
	return 0;
}

static int
match_plain(struct conf_parser *p, const struct conf_word *w, void *arg)
{
	struct rule_reading	*r = arg;

	if (r->bang && w->value == COND_ANY)
		return conf_error(p, "never holds with a !");
	return condition_set(p, r->filter, w->value, r->bang);
}

static int
match_fcrdns(struct conf_parser *p, const struct conf_word *w, void *arg)
{
	struct rule_reading	*r = arg;

	if (condition_set(p, r->filter, w->value, r->bang) == -1)
		return -1;
	conf_next(p);
	if (conf_is_word(p, "error"))
		r->filter->condition = COND_FCRDNS_ERROR;
	else
		conf_back(p);
	return 0;
}

static int
match_table(struct conf_parser *p, const struct conf_word *w, void *arg)
{
	struct rule_reading	*r = arg;

	if (condition_set(p, r->filter, w->value, r->bang) == -1)
		return -1;
	conf_next(p);
	if (!(r->filter->regex = conf_is_word(p, "regex")))
		conf_back(p);
	return table_read(p, r->filter);
}

/* Does an action follow, and no table? */
static bool
ends(struct conf_parser *p)
{
	bool	 end;

	conf_next(p);
	end = conf_is_end(p) || conf_word_known(p, actions, nitems(actions));
	conf_back(p);
	return end;
}

/* Without a table: any name, any user; with one, the condition that follows in the enum. */
static int
match_either(struct conf_parser *p, const struct conf_word *w, struct rule_reading *r, bool fails)
{
	if (condition_set(p, r->filter, w->value, r->bang) == -1)
		return -1;
	if (ends(p)) {
		r->filter->negate = r->bang != fails;
		return 0;
	}
	r->filter->condition = w->value == COND_RDNS ? COND_RDNS_TABLE : COND_AUTH_TABLE;
	conf_next(p);
	if (!(r->filter->regex = conf_is_word(p, "regex")))
		conf_back(p);
	return table_read(p, r->filter);
}

static int
match_rdns(struct conf_parser *p, const struct conf_word *w, void *arg)
{
	return match_either(p, w, arg, false);
}

static int
match_auth(struct conf_parser *p, const struct conf_word *w, void *arg)
{
	return match_either(p, w, arg, false);
}

/* A check takes who does not pass it; with a ! who does. */
static int
check_fails(struct conf_parser *p, const struct conf_word *w, void *arg)
{
	struct rule_reading	*r = arg;

	return condition_set(p, r->filter, w->value, !r->bang);
}

static int
check_rdns(struct conf_parser *p, const struct conf_word *w, void *arg)
{
	return match_either(p, w, arg, true);
}

/* What phase connect is about is the client's address. */
static int
check_set(struct conf_parser *p, const struct conf_word *w, struct rule_reading *r)
{
	int	 condition = w->value;

	if (condition == COND_ARGUMENT && r->filter->phase == PHASE_CONNECT)
		condition = COND_SRC;
	return condition_set(p, r->filter, condition, r->bang);
}

static int
check_table(struct conf_parser *p, const struct conf_word *w, void *arg)
{
	struct rule_reading	*r = arg;

	return check_set(p, w, r) == -1 ? -1 : table_read(p, r->filter);
}

static int
check_regex(struct conf_parser *p, const struct conf_word *w, void *arg)
{
	struct rule_reading	*r = arg;

	r->filter->regex = true;
	return check_set(p, w, r) == -1 ? -1 : table_read(p, r->filter);
}

/* -- actions -- */

static bool
printable(const char *s)
{
	for (; *s != '\0'; s++)
		if ((unsigned char)*s < ' ' || *s == '\177')
			return false;
	return true;
}

static int
take_plain(struct conf_parser *p, const struct conf_word *w, void *arg)
{
	struct filter	*f = arg;

	f->action = (enum decision)w->value;
	if (f->phase == PHASE_COMMIT)
		return conf_error(p, "comes too late in phase commit");
	return 0;
}

static int
take_reply(struct conf_parser *p, const struct conf_word *w, void *arg)
{
	struct filter	*f = arg;

	f->action = (enum decision)w->value;
	if (conf_string(p, "a reply: \"550 text\"", &f->text) == -1)
		return -1;
	if (!filter_refusal_valid(slice_str(f->text)) || strlen(f->text) > REPLY_BYTES)
		return conf_error(p, "expected a reply that refuses: \"550 text\" or \"451 text\"");
	return 0;
}

static int
take_report(struct conf_parser *p, const struct conf_word *w, void *arg)
{
	struct filter	*f = arg;

	f->action = (enum decision)w->value;
	if (conf_string(p, "a text to report", &f->text) == -1)
		return -1;
	return printable(f->text) ? 0 : conf_error(p, "control characters cannot be reported");
}

static bool
argument_valid(enum phase phase, struct slice value)
{
	struct smtp_path	 path;
	struct slice		 rest;

	switch (phase) {
	case PHASE_HELO:
	case PHASE_EHLO:
		return smtp_helo_valid(value);
	case PHASE_MAIL_FROM:
		return smtp_path_parse(value, SMTP_PATH_NULL_OK | SMTP_PATH_UTF8_OK, &path, &rest) == 0;
	case PHASE_RCPT_TO:
		return smtp_path_parse(value, SMTP_PATH_POSTMASTER_OK | SMTP_PATH_UTF8_OK, &path, &rest) == 0;
	default:
		return true;
	}
}

static int
take_rewrite(struct conf_parser *p, const struct conf_word *w, void *arg)
{
	struct filter	*f = arg;

	f->action = (enum decision)w->value;
	if ((P_ARGUMENT >> f->phase & 1) == 0)
		return conf_error(p, "there is nothing to rewrite in phase %s, only in: %s",
		    filter_phases[f->phase].name, phases_listed(P_ARGUMENT));
	if (conf_string(p, "what to write instead", &f->text) == -1)
		return -1;
	if (printable(f->text) && argument_valid(f->phase, slice_str(f->text)))
		return 0;
	if (f->phase == PHASE_MAIL_FROM || f->phase == PHASE_RCPT_TO)
		return conf_error(p, "expected an address in brackets: \"<user@example.org>\"");
	return conf_error(p, f->phase == PHASE_AUTH ? "control characters cannot be written" :
	    "expected the name of a host");
}

/* -- all of it -- */

int
conf_rule(struct conf_parser *p, struct filter *f, enum rule_grammar grammar)
{
	struct rule_reading	 r = { .filter = f };
	const struct conf_word	*w;

	if (f->phase == PHASE_DATA_LINE)
		return conf_error(p, "the lines of a message are for procs; rules know: %s", phases_listed(P_EVERY));
	if (grammar == RULE_PHASE && conf_keyword(p, "match") == -1)
		return -1;
	r.bang = conf_accept(p, "!");
	conf_next(p);
	if ((w = conf_word_find(p, grammars[grammar].words, grammars[grammar].n,
	    grammars[grammar].what)) == NULL || w->parse(p, w, &r) == -1)
		return -1;
	conf_next(p);
	if ((w = conf_word_find(p, actions, nitems(actions), "action of a filter")) == NULL)
		return -1;
	return w->parse(p, w, f);
}
