/* SPDX-License-Identifier: ISC */
/*
 * What the tables of relay actions hold: URLs, credentials, addresses and
 * names of ours.  lookup process.
 */
#include "lib/addr.h"
#include "lib/nitems.h"
#include "smtpd/log.h"
#include "smtpd/lookup.h"

#define DOMAIN_MAX	255

static char	buf[LOOKUP_VALUE];	/* of an answer that stands in no table as it is */

/* By kind of question, where a relay action names the table. */
static const size_t	tables[] = {
	[QUERY_CREDENTIALS] = offsetof(struct relay, auth),
	[QUERY_DOMAIN]	= offsetof(struct relay, domain),
	[QUERY_SOURCE]	= offsetof(struct relay, src),
	[QUERY_HELO]	= offsetof(struct relay, helo_src),
};

/* The table of that name, if an action asks it for that; so no other is given away. */
static struct table *
table_of(const struct conf *conf, enum query kind, struct slice name)
{
	const struct action	*a;
	struct table		*t;

	if ((size_t)kind >= nitems(tables))
		return NULL;
	TAILQ_FOREACH(a, &conf->actions, entry) {
		if (a->kind != ACTION_RELAY)
			continue;
		t = *(struct table **)((char *)a->relay + tables[kind]);
		if (t != NULL && slice_eq(slice_str(t->name), name))
			return t;
	}
	return NULL;
}

enum table_answer
lookup_url(struct table *t, struct slice domain, struct slice *url)
{
	char			 star[DOMAIN_MAX + 2];
	enum table_answer	 answer;
	size_t			 i;

	if (domain.n > DOMAIN_MAX)
		return TABLE_NO;
	if ((answer = table_get(t, domain, url)) != TABLE_NO)
		return answer;
	for (i = 0; i < domain.n; i++) {
		if (domain.p[i] != '.')
			continue;
		star[0] = '*';
		memcpy(star + 1, domain.p + i, domain.n - i);
		answer = table_get(t, slice_make(star, 1 + domain.n - i), url);
		if (answer != TABLE_NO)
			return answer;
	}
	return table_get(t, SLICE("*"), url);
}

/* All of a list, blanks between; what is no address is left out. */
static enum table_answer
addresses(struct table *t, struct slice *value)
{
	struct slice		 address, none;
	enum table_answer	 answer;
	size_t			 i, n = 0;

	for (i = 0; (answer = table_nth(t, i, false, &address, &none)) == TABLE_YES; i++) {
		if (!addr_is_ip(address)) {
			log_warnx("table %s: \"%.*s\" is no address", t->name, (int)address.n, address.p);
			continue;
		}
		if (n + 1 + address.n > sizeof(buf)) {
			log_warnx("table %s: only its first addresses are used", t->name);
			break;
		}
		if (n > 0)
			buf[n++] = ' ';
		memcpy(buf + n, address.p, address.n);
		n += address.n;
	}
	if (answer == TABLE_ERROR)
		return TABLE_ERROR;
	*value = slice_make(buf, n);
	return n > 0 ? TABLE_YES : TABLE_NO;
}

enum table_answer
lookup_query(const struct conf *conf, enum query kind, struct slice name, struct slice key,
    struct slice *value)
{
	struct table		*t = table_of(conf, kind, name);
	enum table_answer	 answer;

	if (t == NULL) {
		log_warnx("relay asks table %.*s, which no action names for that", (int)name.n, name.p);
		return TABLE_ERROR;
	}
	if (kind == QUERY_SOURCE)
		return addresses(t, value);
	answer = kind == QUERY_DOMAIN ? lookup_url(t, key, value) : table_get(t, key, value);
	if (answer == TABLE_YES && value->n > LOOKUP_VALUE) {
		log_warnx("table %s: the value of %.*s is longer than %d bytes", t->name, (int)key.n, key.p,
		    LOOKUP_VALUE);
		return TABLE_ERROR;
	}
	return answer;
}
