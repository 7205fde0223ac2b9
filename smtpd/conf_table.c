/* SPDX-License-Identifier: ISC */
/*
 * `table`, and the three ways to name one elsewhere: <name>, { a, b }, "a".
 */
#include <stdlib.h>
#include <string.h>

#include "smtpd/conf_parse.h"
#include "smtpd/log.h"

static const char *const file_types[] = { "file:", "static:" };

struct table *
conf_table_new(struct conf *conf, const char *name, const char *path)
{
	struct table	*t;

	if ((t = table_new(name, path)) == NULL)
		fatal("smtpd.conf");
	TAILQ_INSERT_TAIL(&conf->tables, t, entry);
	return t;
}

/* The words that begin a directive need quotes where a line begins. */
void
conf_element(struct conf_parser *p, bool *directive)
{
	conf_next(p);
	*directive = false;
	while (p->token.kind == TOKEN_EOL && !p->muted) {
		conf_next(p);
		*directive = conf_word_known(p, conf_directives, conf_ndirectives);
	}
}

static int
element(struct conf_parser *p)
{
	conf_next(p);
	if (p->token.kind > TOKEN_STRING)
		return conf_error(p, "expected a value of the table, or }");
	return 0;
}

/* One value, or a pair; n were there before. */
static int
table_element(struct conf_parser *p, struct table *t, size_t n)
{
	char	*key;
	bool	 pair;
	int	 result = -1;

	if (element(p) == -1)
		return -1;
	key = conf_strdup(p->token.text);
	pair = conf_accept(p, "=") || conf_accept(p, "=>");
	if (n > 0 && pair != t->mapping)
		conf_error(p, "a table holds values or pairs of key and value, not both");
	else if (!pair || element(p) == 0) {
		if (table_add(t, slice_str(key), pair ? slice_str(p->token.text) : SLICE_NONE) == -1)
			fatal("smtpd.conf");
		t->mapping = pair;
		result = 0;
	}
	free(key);
	return result;
}

/* After the brace: `a, b` or `a = b, c = d`; commas and ends of line separate. */
static int
elements(struct conf_parser *p, struct table *t)
{
	size_t	 n = 0;
	bool	 directive;

	for (;;) {
		conf_element(p, &directive);
		if (directive)
			return conf_error(p, "a } is missing before this line");
		if (n > 0 && conf_is_punct(p, "}"))
			return 0;
		if (n > 0 && conf_is_punct(p, ","))
			continue;
		conf_back(p);
		if (table_element(p, t, n++) == -1)
			return -1;
	}
}

/* `file:/path`, or the path alone. */
static int
table_source(struct conf_parser *p, const char *name)
{
	const char	*path = p->token.text;
	size_t		 i;

	for (i = 0; i < nitems(file_types); i++)
		if (strncmp(path, file_types[i], strlen(file_types[i])) == 0) {
			path += strlen(file_types[i]);
			break;
		}
	if (path == p->token.text && *path != '/' && strchr(path, ':') != NULL)
		return conf_error(p, "not supported yet (table type %.*s): only file:/PATH",
		    (int)strcspn(path, ":"), path);
	if (*path != '/')
		return conf_error(p, "expected file:/PATH or { ... }");
	conf_table_new(p->conf, name, path);
	return 0;
}

int
conf_parse_table(struct conf_parser *p, const struct conf_word *w, void *arg)
{
	char	*name = NULL;
	int	 result = -1;

	(void)w;
	(void)arg;
	if (conf_string(p, "a name for the table", &name) == -1)
		return -1;
	if (conf_table(p->conf, slice_str(name)) != NULL)
		conf_error(p, "there is a table of that name already");
	else if (conf_accept(p, "{"))
		result = elements(p, conf_table_new(p->conf, name, NULL));
	else {
		conf_next(p);
		if (p->token.kind > TOKEN_STRING)
			conf_error(p, "expected file:/PATH or { ... }");
		else
			result = table_source(p, name);
	}
	free(name);
	return result;
}

static int
table_named(struct conf_parser *p, struct table **out)
{
	struct nearest		 nearest;
	struct table		*t;

	conf_next(p);
	if (p->token.kind > TOKEN_STRING)
		return conf_error(p, "expected the name of a table");
	if ((*out = conf_table(p->conf, slice_str(p->token.text))) == NULL) {
		nearest_init(&nearest, slice_str(p->token.text));
		TAILQ_FOREACH(t, &p->conf->tables, entry)
			nearest_try(&nearest, t->name);
		return conf_error(p, "no such table above%s", conf_nearest_hint(&nearest));
	}
	if (!conf_accept(p, ">")) {
		conf_next(p);
		return conf_error(p, "expected > after the name of a table");
	}
	return 0;
}

static struct table *
table_inline(struct conf_parser *p)
{
	char	 name[32];

	snprintf(name, sizeof(name), "<dynamic:%u>", p->ndynamic++);
	return conf_table_new(p->conf, name, NULL);
}

int
conf_table_value(struct conf_parser *p, bool mapping, struct table **out)
{
	conf_next(p);
	if (conf_is_punct(p, "<")) {
		if (table_named(p, out) == -1)
			return -1;
	} else if (conf_is_punct(p, "{")) {
		*out = table_inline(p);
		if (elements(p, *out) == -1)
			return -1;
	} else if (p->token.kind <= TOKEN_STRING) {
		*out = table_inline(p);
		if (table_add(*out, slice_str(p->token.text), SLICE_NONE) == -1)
			fatal("smtpd.conf");
	} else
		return conf_error(p, "expected <table>, { value, ... } or a value");
	if ((*out)->path == NULL && (*out)->mapping != mapping)
		return conf_error(p, mapping ?
		    "expected a table of pairs: { key = value, ... }" :
		    "expected a table of values, not of pairs");
	return 0;
}
