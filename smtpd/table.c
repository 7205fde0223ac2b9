/* SPDX-License-Identifier: ISC */
/*
 * Tables: what each service means by "is in it", on entries that are inline or
 * read by table_file.c.
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "smtpd/log.h"
#include "smtpd/table_content.h"

struct table *
table_new(const char *name, const char *path)
{
	struct table	*t;

	if ((t = calloc(1, sizeof(*t))) == NULL)
		return NULL;
	if ((t->name = strdup(name)) == NULL)
		goto fail;
	if (path == NULL) {
		if ((t->content = table_content_new()) == NULL)
			goto fail;
	} else if ((t->path = strdup(path)) == NULL ||
	    (t->file = calloc(1, sizeof(*t->file))) == NULL)
		goto fail;
	return t;
fail:
	table_free(t);
	return NULL;
}

void
table_free(struct table *t)
{
	if (t == NULL)
		return;
	table_content_free(t->content);
	free(t->file);
	free(t->path);
	free(t->name);
	free(t);
}

int
table_add(struct table *t, struct slice key, struct slice value)
{
	struct table_entry	 e;
	char			*copy;

	if (key.n + value.n >= UINT32_MAX) {
		errno = EFBIG;
		return -1;
	}
	if ((copy = malloc(key.n + value.n + 1)) == NULL)
		return -1;
	memcpy(copy, key.p, key.n);
	if (value.n > 0)
		memcpy(copy + key.n, value.p, value.n);
	copy[key.n + value.n] = '\0';
	e.text = copy;
	e.item = e.key = e.at = (uint32_t)key.n;
	e.value = (uint32_t)value.n;
	if (table_content_add(t->content, &e) == -1) {
		free(copy);
		return -1;
	}
	return 0;
}

static enum table_answer
item_match(struct table_content *c, struct slice item)
{
	const struct table_entry	*e;

	if (table_index_find(c, &c->items, table_item, item, &e) == -1)
		return TABLE_ERROR;
	return e == NULL ? TABLE_NO : TABLE_YES;
}

/* As item_match, for head and tail put together. */
static enum table_answer
joined_match(struct table_content *c, struct slice head, struct slice tail)
{
	char			 small[512], *buf = small;
	enum table_answer	 answer;

	if (head.n + tail.n > sizeof(small) && (buf = malloc(head.n + tail.n)) == NULL)
		return TABLE_ERROR;
	memcpy(buf, head.p, head.n);
	if (tail.n > 0)
		memcpy(buf + head.n, tail.p, tail.n);
	answer = item_match(c, slice_make(buf, head.n + tail.n));
	if (buf != small)
		free(buf);
	return answer;
}

/* `*` stands for any bytes; time is linear in the product, never exponential. */
static bool
glob_match(struct slice glob, struct slice s)
{
	size_t	 g = 0, i = 0, star = SIZE_MAX, from = 0;

	while (i < s.n) {
		if (g < glob.n && glob.p[g] == '*') {
			star = g++;
			from = i;
		} else if (g < glob.n && tolower((unsigned char)glob.p[g]) ==
		    tolower((unsigned char)s.p[i])) {
			g++;
			i++;
		} else if (star != SIZE_MAX) {
			g = star + 1;
			i = ++from;
		} else
			return false;
	}
	while (g < glob.n && glob.p[g] == '*')
		g++;
	return g == glob.n;
}

/* Entries that an index cannot find: "*.example.org" it can, "a*.example.org" not. */
static bool
glob_needed(struct slice item)
{
	const char	*at = memchr(item.p, '@', item.n);

	if (at != NULL)
		item = slice_make(at + 1, item.n - (size_t)(at + 1 - item.p));
	if (item.n >= 2 && item.p[0] == '*' && item.p[1] == '.')
		item = slice_make(item.p + 2, item.n - 2);
	return item.n > 0 && memchr(item.p, '*', item.n) != NULL;
}

static int
globs_build(struct table_content *c)
{
	size_t	 i, n = 0;

	if (c->have_globs)
		return 0;
	for (i = 0; i < c->n; i++)
		n += glob_needed(table_item(&c->entries[i]));
	if (n > 0 && (c->globs = calloc(n, sizeof(*c->globs))) == NULL)
		return -1;
	for (i = 0; i < c->n; i++)
		if (glob_needed(table_item(&c->entries[i])))
			c->globs[c->nglobs++] = (uint32_t)i;
	c->have_globs = true;
	return 0;
}

/* Does prefix with domain, or with "*" and a tail of domain, stand in it? */
static enum table_answer
domain_indexed(struct table_content *c, struct slice prefix, struct slice domain)
{
	char			 star[512];
	enum table_answer	 answer;
	const char		*dot, *end = domain.p + domain.n;

	if ((answer = joined_match(c, prefix, domain)) != TABLE_NO)
		return answer;
	if (prefix.n + 1 > sizeof(star))
		return TABLE_NO;
	memcpy(star, prefix.p, prefix.n);
	star[prefix.n] = '*';
	for (dot = domain.p; dot < end; dot++) {
		if (*dot != '.')
			continue;
		answer = joined_match(c, slice_make(star, prefix.n + 1),
		    slice_make(dot, (size_t)(end - dot)));
		if (answer != TABLE_NO)
			return answer;
	}
	return TABLE_NO;
}

static enum table_answer
domain_match(struct table_content *c, struct slice key)
{
	enum table_answer	 answer;
	size_t			 i;

	if ((answer = domain_indexed(c, SLICE(""), key)) != TABLE_NO)
		return answer;
	if (globs_build(c) == -1)
		return TABLE_ERROR;
	for (i = 0; i < c->nglobs; i++)
		if (glob_match(table_item(&c->entries[c->globs[i]]), key))
			return TABLE_YES;
	return TABLE_NO;
}

static bool
mailaddr_glob(struct slice item, struct slice user, struct slice domain)
{
	const char	*at = memchr(item.p, '@', item.n);
	struct slice	 u;

	if (at == NULL)
		return false;
	u = slice_make(item.p, (size_t)(at - item.p));
	return (u.n == 0 || slice_eqi(u, user)) &&
	    glob_match(slice_make(at + 1, item.n - u.n - 1), domain);
}

/* "<>" is the null sender, "@" any address; else see table.h. */
static enum table_answer
mailaddr_match(struct table_content *c, struct slice key)
{
	enum table_answer	 answer;
	struct slice		 user = key, domain = SLICE("");
	size_t			 i;

	for (i = key.n; i > 0 && key.p[i - 1] != '@'; i--)
		;
	if (i > 0) {
		user = slice_make(key.p, i - 1);
		domain = slice_make(key.p + i, key.n - i);
	}
	if (key.n == 0)
		return item_match(c, SLICE("<>"));
	if ((answer = item_match(c, SLICE("@"))) != TABLE_NO ||
	    (answer = item_match(c, user)) != TABLE_NO)
		return answer;
	if (i == 0)
		return TABLE_NO;
	if ((answer = item_match(c, domain)) != TABLE_NO ||
	    (answer = domain_indexed(c, slice_make(key.p, i), domain)) != TABLE_NO ||
	    (answer = domain_indexed(c, SLICE("@"), domain)) != TABLE_NO)
		return answer;
	if (globs_build(c) == -1)
		return TABLE_ERROR;
	for (i = 0; i < c->nglobs; i++)
		if (mailaddr_glob(table_item(&c->entries[c->globs[i]]), user, domain))
			return TABLE_YES;
	return TABLE_NO;
}

static int
regex_compile(regex_t *re, struct slice pattern)
{
	char	*copy;
	int	 code;

	if ((copy = strndup(pattern.p, pattern.n)) == NULL)
		return REG_ESPACE;
	code = regcomp(re, copy, REG_EXTENDED | REG_ICASE | REG_NOSUB);
	free(copy);
	return code;
}

static int
regexes_build(struct table *t)
{
	struct table_content	*c = t->content;
	struct slice		 pattern;
	char			 why[128];
	size_t			 i;
	int			 code;

	if (c->have_regexes)
		return 0;
	if ((c->regexes = calloc(c->n + 1, sizeof(*c->regexes))) == NULL)
		return -1;
	for (i = 0; i < c->n; i++) {
		pattern = table_pattern(c, &c->entries[i]);
		if ((code = regex_compile(&c->regexes[c->nregexes], pattern)) == 0) {
			c->nregexes++;
			continue;
		}
		regerror(code, &c->regexes[c->nregexes], why, sizeof(why));
		log_warnx("table %s: \"%.*s\": %s", t->name, (int)pattern.n, pattern.p, why);
	}
	c->have_regexes = true;
	return 0;
}

static enum table_answer
regex_match(struct table *t, struct slice key)
{
	struct table_content	*c = t->content;
	enum table_answer	 answer = TABLE_NO;
	char			*copy;
	size_t			 i;

	if (memchr(key.p, '\0', key.n) != NULL)
		return TABLE_NO;
	if (regexes_build(t) == -1 || (copy = strndup(key.p, key.n)) == NULL)
		return TABLE_ERROR;
	for (i = 0; i < c->nregexes && answer == TABLE_NO; i++)
		if (regexec(&c->regexes[i], copy, 0, NULL, 0) == 0)
			answer = TABLE_YES;
	free(copy);
	return answer;
}

enum table_answer
table_match(struct table *t, enum table_service service, struct slice key)
{
	if (t->path != NULL && table_file_refresh(t) == -1)
		return TABLE_ERROR;
	if (key.p == NULL)
		key = SLICE("");
	switch (service) {
	case TABLE_STRING:
		return item_match(t->content, key);
	case TABLE_DOMAIN:
		return domain_match(t->content, key);
	case TABLE_NETADDR:
		if (slice_eq(key, SLICE("local")))
			return item_match(t->content, key);
		return table_net_match(t->content, key);
	case TABLE_MAILADDR:
		return mailaddr_match(t->content, key);
	case TABLE_REGEX:
		return regex_match(t, key);
	}
	return TABLE_ERROR;
}

enum table_answer
table_get(struct table *t, struct slice key, struct slice *value)
{
	const struct table_entry	*e;

	if (t->path != NULL && table_file_refresh(t) == -1)
		return TABLE_ERROR;
	if (key.p == NULL)
		key = SLICE("");
	if (table_index_find(t->content, &t->content->keys, table_key, key, &e) == -1)
		return TABLE_ERROR;
	if (e == NULL || e->value == 0)
		return TABLE_NO;
	*value = slice_make(e->text + e->at, e->value);
	return TABLE_YES;
}

enum table_answer
table_nth(struct table *t, size_t i, bool mapping, struct slice *key, struct slice *value)
{
	const struct table_entry	*e;

	if (t->path != NULL && table_file_refresh(t) == -1)
		return TABLE_ERROR;
	if (i >= t->content->n)
		return TABLE_NO;
	e = &t->content->entries[i];
	*key = mapping ? table_key(e) : table_item(e);
	*value = mapping ? slice_make(e->text + e->at, e->value) : SLICE_NONE;
	return TABLE_YES;
}

int
table_update(struct table *t, size_t *n)
{
	if (t->path != NULL && table_file_update(t) == -1)
		return -1;
	*n = t->content->n;
	return 0;
}

const char *
table_check(const struct table *t, enum table_service service, struct slice *bad)
{
	static char		 why[128];
	regex_t			 re;
	size_t			 i;
	int			 code;

	if (t->path != NULL)
		return NULL;
	for (i = 0; i < t->content->n; i++) {
		*bad = table_item(&t->content->entries[i]);
		if (service == TABLE_NETADDR && !table_net_valid(*bad) &&
		    !slice_eqi(*bad, SLICE("local")))
			return "not an address or network (10.0.0.1, 10.0.0.0/8, ::1, fd00::/8)";
		if (service != TABLE_REGEX)
			continue;
		if ((code = regex_compile(&re, *bad)) != 0) {
			regerror(code, &re, why, sizeof(why));
			return why;
		}
		regfree(&re);
	}
	return NULL;
}
