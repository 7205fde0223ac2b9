/* SPDX-License-Identifier: ISC */
/*
 * What holds for all outgoing mail: `bounce`, `mta`, `srs`.
 */
#include <stdlib.h>
#include <string.h>

#include "smtpd/conf_parse.h"

#define DEFERRED_MAX	100000000
#define SRS_TTL_MAX	((int64_t)512 * 86400)	/* half the days that a timestamp tells apart */

static int	bounce_warn(struct conf_parser *, const struct conf_word *, void *);
static int	mta_deferred(struct conf_parser *, const struct conf_word *, void *);
static int	srs_key(struct conf_parser *, const struct conf_word *, void *);
static int	srs_ttl(struct conf_parser *, const struct conf_word *, void *);

static const struct conf_word bounce_words[] = {
	{ .name = "warn-interval", .parse = bounce_warn },
};

static const struct conf_word mta_words[] = {
	{ .name = "max-deferred", .parse = mta_deferred },
	{ .name = "limit" },
};

static const struct conf_word srs_words[] = {
	{ .name = "key", .parse = srs_key },
	{ .name = "ttl", .parse = srs_ttl },
};

/* The times rise; 0 ends them. */
static int
warn_insert(struct conf_parser *p, int64_t warn[CONF_WARNS], size_t n, int64_t t)
{
	size_t	 i = n;

	if (n == CONF_WARNS)
		return conf_error(p, "at most %d times", CONF_WARNS);
	for (; i > 0 && warn[i - 1] > t; i--)
		warn[i] = warn[i - 1];
	if (i > 0 && warn[i - 1] == t)
		return conf_error(p, "said twice");
	warn[i] = t;
	return 0;
}

/* Ends of line are nothing within braces. */
static void
skip_lines(struct conf_parser *p, bool braces)
{
	if (!braces)
		return;
	do
		conf_next(p);
	while (p->token.kind == TOKEN_EOL && !p->muted);
	conf_back(p);
}

/* `1h, 2h` or `{ 1h, 2h }` */
static int
bounce_warn(struct conf_parser *p, const struct conf_word *w, void *arg)
{
	struct conf	*conf = arg;
	int64_t		 warn[CONF_WARNS] = { 0 }, t;
	size_t		 n = 0;
	bool		 braces = conf_accept(p, "{");

	(void)w;
	do {
		skip_lines(p, braces);
		if (conf_time(p, &t) == -1 || warn_insert(p, warn, n++, t) == -1)
			return -1;
		skip_lines(p, braces);
	} while (conf_accept(p, ","));
	if (braces && !conf_accept(p, "}")) {
		conf_next(p);
		return conf_error(p, "expected a comma or }");
	}
	memcpy(conf->bounce_warn, warn, sizeof(conf->bounce_warn));
	return 0;
}

static int
mta_deferred(struct conf_parser *p, const struct conf_word *w, void *arg)
{
	struct conf	*conf = arg;

	(void)w;
	return conf_number(p, 1, DEFERRED_MAX, &conf->max_deferred);
}

/* `key SECRET` or `key backup SECRET`; a secret that is called so needs quotes. */
static int
srs_key(struct conf_parser *p, const struct conf_word *w, void *arg)
{
	struct conf	*conf = arg;
	char		**key = &conf->srs_key;

	(void)w;
	conf_next(p);
	if (conf_is_word(p, "backup"))
		key = &conf->srs_key_backup;
	else
		conf_back(p);
	if (*key != NULL)
		return conf_error(p, "said twice");
	return conf_string(p, "a secret", key);
}

static int
srs_ttl(struct conf_parser *p, const struct conf_word *w, void *arg)
{
	struct conf	*conf = arg;

	(void)w;
	if (conf_time(p, &conf->srs_ttl) == -1)
		return -1;
	if (conf->srs_ttl > SRS_TTL_MAX)
		return conf_error(p, "expected at most %dd", (int)(SRS_TTL_MAX / 86400));
	return 0;
}

int
conf_parse_bounce(struct conf_parser *p, const struct conf_word *w, void *arg)
{
	(void)w;
	(void)arg;
	return conf_second_word(p, bounce_words, nitems(bounce_words), "word after bounce");
}

int
conf_parse_mta(struct conf_parser *p, const struct conf_word *w, void *arg)
{
	(void)w;
	(void)arg;
	return conf_second_word(p, mta_words, nitems(mta_words), "word after mta");
}

int
conf_parse_srs(struct conf_parser *p, const struct conf_word *w, void *arg)
{
	(void)w;
	(void)arg;
	return conf_second_word(p, srs_words, nitems(srs_words), "word after srs");
}
