/* SPDX-License-Identifier: ISC */
/*
 * `action`: what is done with mail that a match gives it.
 */
#include <stdlib.h>
#include <string.h>

#include "smtpd/conf_parse.h"
#include "smtpd/format.h"

#define MAILDIR		"~/Maildir"

enum { ONCE_USER = 1, ONCE_EXPAND = 2, ONCE_TTL = 4 };

static int	kind_maildir(struct conf_parser *, const struct conf_word *, void *);
static int	kind_mda(struct conf_parser *, const struct conf_word *, void *);
static int	kind_relay(struct conf_parser *, const struct conf_word *, void *);
static int	option_expand(struct conf_parser *, const struct conf_word *, void *);
static int	option_ttl(struct conf_parser *, const struct conf_word *, void *);
static int	option_user(struct conf_parser *, const struct conf_word *, void *);

enum { EXPAND_ALIAS, EXPAND_VIRTUAL };

static const struct conf_word kinds[] = {
	{ .name = "maildir", .parse = kind_maildir },
	{ .name = "mda", .parse = kind_mda },
	{ .name = "mbox" },
	{ .name = "lmtp" },
	{ .name = "relay", .parse = kind_relay },
	{ .name = "forward-only" },
	{ .name = "expand-only" },
	{ .name = "deliver", .instead = "leave `deliver to' out: action NAME maildir, action NAME mda \"COMMAND\"" },
};

static const struct conf_word options[] = {
	{ "user",	option_user,	NULL, 0, ONCE_USER },
	{ "alias",	option_expand,	NULL, EXPAND_ALIAS, ONCE_EXPAND },
	{ "virtual",	option_expand,	NULL, EXPAND_VIRTUAL, ONCE_EXPAND },
	{ "ttl",	option_ttl,	NULL, 0, ONCE_TTL },
	{ .name = "junk" },
	{ .name = "userbase" },
	{ .name = "wrapper" },
	{ .name = "as", .instead = "is now written user" },
	{ .name = "expire", .instead = "is now written ttl" },
};

static int
argument_check(struct conf_parser *p, const char *(*check)(const char *), const char *argument)
{
	const char	*why;

	if ((why = check(argument)) != NULL)
		return conf_error(p, "%s", why);
	return 0;
}

/* The path may be left out; unless quoted, an option's name is that option. */
static int
kind_maildir(struct conf_parser *p, const struct conf_word *w, void *arg)
{
	struct action	*a = arg;

	(void)w;
	a->kind = ACTION_MAILDIR;
	a->arg = conf_strdup(MAILDIR);
	conf_next(p);
	conf_back(p);
	if (conf_is_end(p) || conf_word_known(p, options, nitems(options)))
		return 0;
	if (conf_string(p, "a path", &a->arg) == -1)
		return -1;
	return argument_check(p, format_check, a->arg);
}

static int
kind_mda(struct conf_parser *p, const struct conf_word *w, void *arg)
{
	struct action	*a = arg;

	(void)w;
	a->kind = ACTION_MDA;
	if (conf_string(p, "a command", &a->arg) == -1)
		return -1;
	return argument_check(p, format_check_command, a->arg);
}

static int
kind_relay(struct conf_parser *p, const struct conf_word *w, void *arg)
{
	struct action	*a = arg;

	(void)p;
	(void)w;
	a->kind = ACTION_RELAY;
	a->relay = conf_zalloc(sizeof(*a->relay));
	return 0;
}

static int
option_user(struct conf_parser *p, const struct conf_word *w, void *arg)
{
	struct action	*a = arg;

	(void)w;
	return conf_string(p, "a user", &a->user);
}

static int
option_expand(struct conf_parser *p, const struct conf_word *w, void *arg)
{
	struct action	*a = arg;

	return conf_table_value(p, true, w->value == EXPAND_ALIAS ? &a->alias : &a->virtual);
}

static int
option_ttl(struct conf_parser *p, const struct conf_word *w, void *arg)
{
	struct action	*a = arg;

	(void)w;
	return conf_time(p, &a->ttl);
}

int
conf_parse_action(struct conf_parser *p, const struct conf_word *w, void *arg)
{
	const struct conf_word	*kind;
	struct action		*a;
	char			*name = NULL;
	unsigned		 seen = 0;

	(void)w;
	(void)arg;
	if (conf_string(p, "a name for the action", &name) == -1)
		return -1;
	if (conf_action(p->conf, slice_str(name)) != NULL) {
		free(name);
		return conf_error(p, "there is an action of that name already");
	}
	a = conf_zalloc(sizeof(*a));
	a->name = name;
	TAILQ_INSERT_TAIL(&p->conf->actions, a, entry);
	conf_next(p);
	if ((kind = conf_word_find(p, kinds, nitems(kinds), "kind of action")) == NULL ||
	    kind->parse(p, kind, a) == -1)
		return -1;
	if (a->kind == ACTION_RELAY)
		return conf_relay_options(p, a);
	return conf_options(p, options, nitems(options), "option of action", &seen, a);
}
