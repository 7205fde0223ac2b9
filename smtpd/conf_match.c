/* SPDX-License-Identifier: ISC */
/*
 * `match`: criteria, and the action of the mail that meets them.
 */
#include <string.h>

#include "smtpd/conf_parse.h"

enum { ONCE_FROM = 1, ONCE_FOR = 2, ONCE_TAG = 4, ONCE_TLS = 8, ONCE_HELO = 16,
    ONCE_MAIL_FROM = 32, ONCE_RCPT_TO = 64, ONCE_END = 128, ONCE_FILTER = 256,
    ONCE_AUTH = 512 };

struct match {			/* a rule as it is read */
	struct rule	*rule;
	unsigned	 seen;
	bool		 negate;
};

static int	match_action(struct conf_parser *, const struct conf_word *, void *);
static int	match_filter(struct conf_parser *, const struct conf_word *, void *);
static int	match_for(struct conf_parser *, const struct conf_word *, void *);
static int	match_from(struct conf_parser *, const struct conf_word *, void *);
static int	match_optional(struct conf_parser *, const struct conf_word *, void *);
static int	match_plain(struct conf_parser *, const struct conf_word *, void *);
static int	match_reject(struct conf_parser *, const struct conf_word *, void *);
static int	match_table(struct conf_parser *, const struct conf_word *, void *);

static const struct conf_word words[] = {
	{ "from",	match_from,	NULL, 0, ONCE_FROM },
	{ "for",	match_for,	NULL, 0, ONCE_FOR },
	{ "tag",	match_table,	NULL, WITH_TAG, ONCE_TAG },
	{ "tls",	match_plain,	NULL, WITH_TLS, ONCE_TLS },
	{ "auth",	match_optional,	NULL, WITH_AUTH, ONCE_AUTH },
	{ "helo",	match_table,	NULL, WITH_HELO, ONCE_HELO },
	{ "mail-from",	match_table,	NULL, WITH_MAIL_FROM, ONCE_MAIL_FROM },
	{ "rcpt-to",	match_table,	NULL, WITH_RCPT_TO, ONCE_RCPT_TO },
	{ "filter",	match_filter,	NULL, 0, ONCE_FILTER },
	{ "action",	match_action,	NULL, 0, ONCE_END },
	{ "reject",	match_reject,	NULL, 0, ONCE_END },
	{ .name = "tagged", .instead = "is now written tag" },
	{ .name = "sender", .instead = "is now written mail-from" },
	{ .name = "recipient", .instead = "is now written rcpt-to" },
	{ .name = "deliver", .instead = "write: action NAME, and a line above: action NAME maildir (or mda \"COMMAND\")" },
	{ .name = "alias", .instead = "belongs to the action now: action NAME maildir alias <table>" },
	{ .name = "virtual", .instead = "belongs to the action now: action NAME maildir virtual <table>" },
	{ .name = "relay", .instead = "write: action NAME, and a line above: action NAME relay" },
};

static const struct conf_word from_words[] = {
	{ .name = "any", .parse = match_plain, .value = FROM_ANY },
	{ .name = "local", .parse = match_plain, .value = FROM_LOCAL },
	{ .name = "socket", .parse = match_plain, .value = FROM_SOCKET },
	{ .name = "src", .parse = match_table, .value = FROM_SRC },
	{ .name = "mail-from", .parse = match_table, .value = WITH_MAIL_FROM },
	{ .name = "auth", .parse = match_optional, .value = FROM_AUTH },
	{ .name = "rdns", .parse = match_optional, .value = FROM_RDNS },
	{ .name = "source", .instead = "is now written src" },
};

static const struct conf_word for_words[] = {
	{ .name = "any", .parse = match_plain, .value = FOR_ANY },
	{ .name = "local", .parse = match_plain, .value = FOR_LOCAL },
	{ .name = "domain", .parse = match_table, .value = FOR_DOMAIN },
	{ .name = "rcpt-to", .parse = match_table, .value = FOR_RCPT_TO },
};

static struct criterion *
criterion_add(struct rule *rule, int kind)
{
	struct criterion	*c = conf_zalloc(sizeof(*c));

	c->kind = (enum criterion_kind)kind;
	STAILQ_INSERT_TAIL(&rule->criteria, c, entry);
	return c;
}

static int
match_plain(struct conf_parser *p, const struct conf_word *w, void *arg)
{
	struct match	*m = arg;

	(void)p;
	criterion_add(m->rule, w->value)->negate = m->negate;
	return 0;
}

/* Is what the table holds of the kind that the criterion looks for? */
static int
table_suits(struct conf_parser *p, const struct criterion *c)
{
	enum table_service	 service = TABLE_STRING;
	struct slice		 bad;
	const char		*why;

	if (c->regex)
		service = TABLE_REGEX;
	else if (c->kind == FROM_SRC)
		service = TABLE_NETADDR;
	if ((why = table_check(c->table, service, &bad)) != NULL)
		return conf_error(p, "\"%.*s\": %s", (int)bad.n, bad.p, why);
	return 0;
}

static int
match_table(struct conf_parser *p, const struct conf_word *w, void *arg)
{
	struct match		*m = arg;
	struct criterion	*c;
	bool			 regex;

	conf_next(p);
	if (!(regex = conf_is_word(p, "regex")))
		conf_back(p);
	if (conf_is_punct(p, "!"))
		return conf_error(p, "the ! stands before the criterion now");
	c = criterion_add(m->rule, w->value);
	c->negate = m->negate;
	c->regex = regex;
	if (conf_table_value(p, false, &c->table) == -1)
		return -1;
	return table_suits(p, c);
}

/* Without a table: any name, any user. */
static int
match_optional(struct conf_parser *p, const struct conf_word *w, void *arg)
{
	bool	 plain;

	conf_next(p);
	plain = conf_is_end(p) || conf_is_punct(p, "!") || (!conf_is_word(p, "regex") &&
	    p->token.kind == TOKEN_WORD && conf_word_known(p, words, nitems(words)));
	conf_back(p);
	return plain ? match_plain(p, w, arg) : match_table(p, w, arg);
}

/* The second word after from or for. */
static int
match_second(struct conf_parser *p, const struct conf_word *list, size_t n, const char *what,
    struct match *m)
{
	const struct conf_word	*w;

	conf_next(p);
	if (conf_is_punct(p, "!"))
		return conf_error(p, "the ! stands before the criterion now");
	if ((w = conf_word_find(p, list, n, what)) == NULL)
		return -1;
	return w->parse(p, w, m);
}

static int
match_from(struct conf_parser *p, const struct conf_word *w, void *arg)
{
	struct match		*m = arg;
	struct criterion	*c;

	(void)w;
	if (match_second(p, from_words, nitems(from_words), "word after from", m) == -1)
		return -1;
	c = STAILQ_LAST(&m->rule->criteria, criterion, entry);
	if (c->kind != WITH_MAIL_FROM)
		return 0;
	if ((m->seen & ONCE_MAIL_FROM) != 0)
		return conf_error(p, "mail-from said twice");
	m->seen |= ONCE_MAIL_FROM;
	criterion_add(m->rule, FROM_ANY);
	return 0;
}

static int
match_for(struct conf_parser *p, const struct conf_word *w, void *arg)
{
	(void)w;
	return match_second(p, for_words, nitems(for_words), "word after for", arg);
}

static bool
rule_names(const struct conf *conf, const struct rule *but, const struct filter *f)
{
	const struct rule	*r;

	TAILQ_FOREACH(r, &conf->rules, entry)
		if (r != but && r->filter == f)
			return true;
	return false;
}

/* It is asked about recipients that the rule takes, and about their message. */
static int
match_filter(struct conf_parser *p, const struct conf_word *w, void *arg)
{
	struct match	*m = arg;

	(void)w;
	if (m->negate)
		return conf_error(p, "the ! stands before a criterion");
	if (conf_filter_value(p, &m->rule->filter) == -1)
		return -1;
	if (!conf_filter_asks(m->rule->filter, 1u << PHASE_RCPT_TO | 1u << PHASE_DATA | 1u << PHASE_COMMIT))
		return conf_error(p, "has no say in a rule, where only rcpt-to, data and commit are asked");
	if (!rule_names(p->conf, m->rule, m->rule->filter) && ++p->nrule_filters > CONF_RULE_FILTERS)
		return conf_error(p, "rules name %d different filters already", CONF_RULE_FILTERS);
	conf_filter_attach(m->rule->filter, SUBSYSTEM_SMTP_IN);
	return 0;
}

static int
check_action(struct conf_parser *p, const struct conf_token *at, void *arg)
{
	struct rule		*rule = arg;
	struct nearest		 nearest;
	struct action		*a;

	if ((rule->action = conf_action(p->conf, slice_str(at->text))) != NULL)
		return 0;
	nearest_init(&nearest, slice_str(at->text));
	TAILQ_FOREACH(a, &p->conf->actions, entry)
		nearest_try(&nearest, a->name);
	return conf_error_at(p, at, "no such action%s", conf_nearest_hint(&nearest));
}

static int
match_action(struct conf_parser *p, const struct conf_word *w, void *arg)
{
	struct match	*m = arg;

	(void)w;
	conf_next(p);
	if (p->token.kind > TOKEN_STRING)
		return conf_error(p, "expected the name of an action");
	conf_defer(p, check_action, m->rule);
	return 0;
}

/* A rule without an action is one. */
static int
match_reject(struct conf_parser *p, const struct conf_word *w, void *arg)
{
	struct match	*m = arg;

	(void)w;
	if (m->rule->filter != NULL)
		return conf_error(p, "a rule that takes nothing needs no filter");
	return 0;
}

int
conf_parse_match(struct conf_parser *p, const struct conf_word *w, void *arg)
{
	struct match	 m = { .rule = conf_zalloc(sizeof(*m.rule)) };
	struct rule	*last = TAILQ_LAST(&p->conf->rules, rules);

	(void)arg;
	STAILQ_INIT(&m.rule->criteria);
	m.rule->index = last == NULL ? 0 : last->index + 1;
	TAILQ_INSERT_TAIL(&p->conf->rules, m.rule, entry);
	do {
		m.negate = conf_accept(p, "!");
		conf_next(p);
		if ((w = conf_word_find(p, words, nitems(words), "criterion")) == NULL)
			return -1;
		if ((m.seen & w->once) != 0)
			return conf_error(p, "said twice");
		if (m.negate && w->once == ONCE_END)
			return conf_error(p, "the ! stands before a criterion");
		m.seen |= w->once;
		if (w->parse(p, w, &m) == -1)
			return -1;
	} while (w->once != ONCE_END);
	if ((m.seen & ONCE_FROM) == 0)
		criterion_add(m.rule, FROM_LOCAL);
	if ((m.seen & ONCE_FOR) == 0)
		criterion_add(m.rule, FOR_LOCAL);
	return 0;
}
