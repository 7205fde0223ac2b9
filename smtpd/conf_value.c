/* SPDX-License-Identifier: ISC */
/*
 * The parts of a directive: options out of a table of words, strings, numbers
 * with suffixes, times; and checks put off until all was read.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "smtpd/conf_parse.h"
#include "smtpd/log.h"

struct conf_check {
	struct conf_check *next;
	struct conf_token token;
	int		(*check)(struct conf_parser *, const struct conf_token *, void *);
	void		*arg;
};

static const struct { char letter; int64_t factor; } time_units[] = {
	{ 'd', 86400 }, { 'h', 3600 }, { 'm', 60 }, { 's', 1 },
};

static const char size_units[] = "BKMGT";	/* each 1024 times the one before */

void *
conf_zalloc(size_t size)
{
	void	*p;

	if ((p = calloc(1, size)) == NULL)
		fatal("smtpd.conf");
	return p;
}

char *
conf_strdup(const char *s)
{
	char	*copy;

	if ((copy = strdup(s)) == NULL)
		fatal("smtpd.conf");
	return copy;
}

void
conf_token_copy(struct conf_token *to, const struct conf_token *from)
{
	*to = *from;
	to->text = conf_strdup(from->text);
	to->size = strlen(to->text);
}

void
conf_token_free(struct conf_token *t)
{
	free(t->text);
}

bool
conf_word_known(const struct conf_parser *p, const struct conf_word *words, size_t n)
{
	size_t	 i;

	for (i = 0; i < n; i++)
		if (conf_is_word(p, words[i].name))
			return true;
	return false;
}

/* The words that work, for somebody who wrote none of them. */
static const char *
words_listed(const struct conf_word *words, size_t n)
{
	static char	 buf[512];
	const char	*sep = "";
	size_t		 i;

	buf[0] = '\0';
	for (i = 0; i < n; i++)
		if (words[i].parse != NULL && words[i].instead == NULL) {
			strlcat(buf, sep, sizeof(buf));
			strlcat(buf, words[i].name, sizeof(buf));
			sep = ", ";
		}
	return buf;
}

const struct conf_word *
conf_word_find(struct conf_parser *p, const struct conf_word *words, size_t n, const char *what)
{
	struct nearest		 nearest;
	size_t			 i;

	for (i = 0; i < n; i++) {
		if (!conf_is_word(p, words[i].name))
			continue;
		if (words[i].parse != NULL)
			return &words[i];
		if (words[i].instead != NULL)
			conf_error(p, "%s", words[i].instead);
		else
			conf_error(p, "not supported yet (%s)", what);
		return NULL;
	}
	if (p->token.kind != TOKEN_WORD) {
		conf_error(p, "expected one of: %s", words_listed(words, n));
		return NULL;
	}
	nearest_init(&nearest, slice_str(p->token.text));
	for (i = 0; i < n; i++)
		nearest_try(&nearest, words[i].name);
	if (nearest.best[0] != NULL)
		conf_error(p, "no %s%s", what, conf_nearest_hint(&nearest));
	else
		conf_error(p, "no %s; one of: %s", what, words_listed(words, n));
	return NULL;
}

int
conf_options(struct conf_parser *p, const struct conf_word *words, size_t n, const char *what,
    unsigned *seen, void *arg)
{
	const struct conf_word	*w;

	for (;;) {
		conf_next(p);
		if (conf_is_end(p)) {
			conf_back(p);
			return 0;
		}
		if ((w = conf_word_find(p, words, n, what)) == NULL)
			return -1;
		if ((*seen & w->once) != 0)
			return conf_error(p, "said twice, or together with what excludes it");
		*seen |= w->once;
		if (w->parse(p, w, arg) == -1)
			return -1;
	}
}

int
conf_second_word(struct conf_parser *p, const struct conf_word *words, size_t n, const char *what)
{
	const struct conf_word	*w;

	conf_next(p);
	if ((w = conf_word_find(p, words, n, what)) == NULL)
		return -1;
	return w->parse(p, w, p->conf);
}

int
conf_string(struct conf_parser *p, const char *what, char **out)
{
	conf_next(p);
	if ((p->token.kind != TOKEN_WORD && p->token.kind != TOKEN_STRING) || p->token.size == 0)
		return conf_error(p, "expected %s", what);
	free(*out);
	*out = conf_strdup(p->token.text);
	return 0;
}

int
conf_lower(struct conf_parser *p, const char *what, char **out)
{
	char	*s;

	if (conf_string(p, what, out) == -1)
		return -1;
	for (s = *out; *s != '\0'; s++)
		*s = (char)tolower((unsigned char)*s);
	return 0;
}

int
conf_path(struct conf_parser *p, const char *what, char **out)
{
	if (conf_string(p, what, out) == -1)
		return -1;
	if (**out != '/')
		return conf_error(p, "expected %s that begins with /", what);
	return 0;
}

int
conf_number(struct conf_parser *p, uint64_t min, uint64_t max, size_t *out)
{
	const char	*why;
	long long	 number;

	conf_next(p);
	number = p->token.kind == TOKEN_WORD || p->token.kind == TOKEN_STRING ?
	    strtonum(p->token.text, (long long)min, (long long)max, &why) : (why = "", 0);
	if (why != NULL)
		return conf_error(p, "expected a number from %llu to %llu",
		    (unsigned long long)min, (unsigned long long)max);
	*out = (size_t)number;
	return 0;
}

/* Digits at *s, at most limit; moves *s behind them. */
static int
digits(const char **s, uint64_t limit, uint64_t *out)
{
	uint64_t	 n = 0;

	if (!isdigit((unsigned char)**s))
		return -1;
	for (; isdigit((unsigned char)**s); (*s)++) {
		n = n * 10 + (uint64_t)(**s - '0');
		if (n > limit)
			return -1;
	}
	*out = n;
	return 0;
}

int
conf_size(struct conf_parser *p, uint64_t min, uint64_t max, size_t *out)
{
	const char	*s, *unit;
	uint64_t	 n;
	int		 power;

	conf_next(p);
	s = p->token.text;
	if (p->token.kind > TOKEN_STRING || digits(&s, max, &n) == -1)
		goto bad;
	if (*s != '\0') {
		if ((unit = strchr(size_units, toupper((unsigned char)*s))) == NULL || s[1] != '\0')
			goto bad;
		for (power = (int)(unit - size_units); power > 0; power--)
			if ((n *= 1024) > max)
				goto bad;
	}
	if (n < min)
		goto bad;
	*out = (size_t)n;
	return 0;
bad:
	return conf_error(p, "expected a size like 35M or 512K, from %llu to %llu bytes",
	    (unsigned long long)min, (unsigned long long)max);
}

int
conf_time(struct conf_parser *p, int64_t *out)
{
	const char	*s;
	uint64_t	 n;
	int64_t		 total = 0;
	size_t		 i, next = 0;

	conf_next(p);
	s = p->token.text;
	if (p->token.kind > TOKEN_STRING || *s == '\0')
		goto bad;
	while (*s != '\0') {
		if (digits(&s, INT32_MAX, &n) == -1)
			goto bad;
		for (i = next; i < nitems(time_units) && time_units[i].letter != *s; i++)
			;
		if (i == nitems(time_units))
			goto bad;
		total += (int64_t)n * time_units[i].factor;
		next = i + 1;
		s++;
	}
	if (total < 1 || total > INT32_MAX)
		goto bad;
	*out = total;
	return 0;
bad:
	return conf_error(p, "expected a time like 4d, 1h30m or 10s");
}

int
conf_keyword(struct conf_parser *p, const char *word)
{
	conf_next(p);
	if (!conf_is_word(p, word))
		return conf_error(p, "expected %s", word);
	return 0;
}

int
conf_end(struct conf_parser *p)
{
	conf_next(p);
	if (!conf_is_end(p))
		return conf_error(p, "expected the end of the line");
	return 0;
}

void
conf_defer(struct conf_parser *p,
    int (*check)(struct conf_parser *, const struct conf_token *, void *), void *arg)
{
	struct conf_check	*c = conf_zalloc(sizeof(*c));

	conf_token_copy(&c->token, &p->token);
	c->check = check;
	c->arg = arg;
	*p->checks_end = c;
	p->checks_end = &c->next;
}

void
conf_run_deferred(struct conf_parser *p)
{
	struct conf_check	*c;

	while ((c = p->checks) != NULL) {
		p->checks = c->next;
		c->check(p, &c->token, c->arg);
		conf_token_free(&c->token);
		free(c);
	}
	p->checks_end = &p->checks;
}
