/* SPDX-License-Identifier: ISC */
/*
 * The grammar of OpenSMTPD before 6.4: not accepted, but answered with the line
 * it would be today.
 */
#include <string.h>

#include "smtpd/conf_parse.h"

enum part { PART_MATCH, PART_KIND, PART_OPTIONS, PART_MAX, PART_STAY, PART_NONE };

/* What a word of an old rule is now, and in which part of the new lines it stands. */
static const struct { const char *old, *now; enum part part; bool negatable; } words[] = {
	{ "from",		"from",		PART_MATCH,	true },
	{ "for",		"for",		PART_MATCH,	true },
	{ "tagged",		"tag",		PART_MATCH,	true },
	{ "sender",		"mail-from",	PART_MATCH,	true },
	{ "recipient",		"rcpt-to",	PART_MATCH,	true },
	{ "source",		"src",		PART_STAY,	false },
	{ "deliver",		NULL,		PART_NONE,	false },
	{ "to",			NULL,		PART_NONE,	false },
	{ "maildir",		"maildir",	PART_KIND,	false },
	{ "mda",		"mda",		PART_KIND,	false },
	{ "mbox",		"mbox",		PART_KIND,	false },
	{ "lmtp",		"lmtp",		PART_KIND,	false },
	{ "relay",		"relay",	PART_KIND,	false },
	{ "forward-only",	"forward-only",	PART_KIND,	false },
	{ "alias",		"alias",	PART_OPTIONS,	false },
	{ "virtual",		"virtual",	PART_OPTIONS,	false },
	{ "userbase",		"userbase",	PART_OPTIONS,	false },
	{ "as",			"user",		PART_OPTIONS,	false },
	{ "via",		"host",		PART_OPTIONS,	false },
	{ "auth",		"auth",		PART_OPTIONS,	false },
	{ "pki",		"pki",		PART_OPTIONS,	false },
	{ "tls",		"tls",		PART_OPTIONS,	false },
	{ "verify",		NULL,		PART_NONE,	false },
	{ "backup",		"backup mx",	PART_OPTIONS,	false },
	{ "hostname",		"helo",		PART_OPTIONS,	false },
	{ "hostnames",		"helo-src",	PART_OPTIONS,	false },
	{ "expire",		"ttl",		PART_OPTIONS,	false },
};

struct text {			/* a part of a new line; what does not fit is left out */
	char		 buf[256];
};

static void
text_word(struct text *t, const char *s)
{
	size_t	 n = strlen(t->buf);

	if (n > 0 && t->buf[n - 1] != '<' && strchr(">,", *s) == NULL)
		strlcat(t->buf, " ", sizeof(t->buf));
	strlcat(t->buf, s, sizeof(t->buf));
}

/* The last token as it would be written. */
static void
text_token(struct text *t, const struct conf_parser *p)
{
	if (p->token.kind != TOKEN_STRING) {
		text_word(t, p->token.text);
		return;
	}
	text_word(t, "\"");
	strlcat(t->buf, p->token.text, sizeof(t->buf));
	strlcat(t->buf, "\"", sizeof(t->buf));
}

/* `as` of a relay was not that of a delivery. */
static const char *
word_now(size_t i, const struct text part[PART_MAX])
{
	if (strcmp(words[i].old, "as") == 0 && strncmp(part[PART_KIND].buf, "relay", 5) == 0)
		return "mail-from";
	return words[i].now;
}

static void
rule_token(struct conf_parser *p, struct text part[PART_MAX], enum part *now)
{
	char	 negated[32];
	size_t	 i;

	for (i = 0; i < nitems(words) && !conf_is_word(p, words[i].old); i++)
		;
	if (i == nitems(words)) {
		text_token(&part[*now], p);
		return;
	}
	if (words[i].part == PART_NONE)
		return;
	if (words[i].part != PART_STAY)
		*now = words[i].part;
	if (words[i].negatable && conf_accept(p, "!")) {
		snprintf(negated, sizeof(negated), "!%s", words[i].now);
		text_word(&part[*now], negated);
	} else
		text_word(&part[*now], word_now(i, part));
}

/* accept, reject */
int
conf_parse_old_rule(struct conf_parser *p, const struct conf_word *w, void *arg)
{
	struct text		 part[PART_MAX] = { 0 };
	struct conf_token	 at;
	enum part		 now = PART_MATCH;

	(void)arg;
	conf_token_copy(&at, &p->token);
	for (conf_next(p); !conf_is_end(p); conf_next(p))
		rule_token(p, part, &now);
	if (*part[PART_KIND].buf == '\0')
		text_word(&part[PART_KIND], "maildir");
	if (strcmp(w->name, "reject") == 0)
		conf_error_at(p, &at, "the grammar before 6.4, now written: match %s reject",
		    part[PART_MATCH].buf);
	else
		conf_error_at(p, &at, "the grammar before 6.4, now two lines: "
		    "action \"NAME\" %s%s%s  and  match %s action \"NAME\"", part[PART_KIND].buf,
		    *part[PART_OPTIONS].buf == '\0' ? "" : " ", part[PART_OPTIONS].buf,
		    part[PART_MATCH].buf);
	conf_token_free(&at);
	return -1;
}

/* Settings that have another first word now; `limit X` became `X limit`. */
int
conf_parse_old_setting(struct conf_parser *p, const struct conf_word *w, void *arg)
{
	struct text		 t = { "" };
	struct conf_token	 at;

	(void)arg;
	conf_token_copy(&at, &p->token);
	conf_next(p);
	if (strcmp(w->name, "limit") == 0 && !conf_is_end(p)) {
		text_word(&t, conf_is_word(p, "session") ? "smtp" : p->token.text);
		conf_next(p);
	}
	text_word(&t, w->instead);
	for (; !conf_is_end(p); conf_next(p))
		text_token(&t, p);
	conf_error_at(p, &at, "the grammar before 6.4, now written: %s", t.buf);
	conf_token_free(&at);
	return -1;
}
