/* SPDX-License-Identifier: ISC */
/*
 * The answer to EHLO, as the client reads it.
 */
#include "lib/nitems.h"
#include "lib/smtp_ext.h"
#include "lib/smtp_path.h"

static const struct {
	const char	*name;
	unsigned	 bit;
} keywords[] = {
	{ "SIZE",			SMTP_EXT_SIZE },
	{ "8BITMIME",			SMTP_EXT_8BITMIME },
	{ "SMTPUTF8",			SMTP_EXT_SMTPUTF8 },
	{ "DSN",			SMTP_EXT_DSN },
	{ "CHUNKING",			SMTP_EXT_CHUNKING },
	{ "PIPELINING",			SMTP_EXT_PIPELINING },
	{ "STARTTLS",			SMTP_EXT_STARTTLS },
	{ "ENHANCEDSTATUSCODES",	SMTP_EXT_ENHANCEDSTATUSCODES },
	{ "AUTH",			SMTP_EXT_AUTH },
}, mechanisms[] = {
	{ "PLAIN",			SMTP_AUTH_PLAIN },
	{ "LOGIN",			SMTP_AUTH_LOGIN },
};

void
smtp_ext_init(struct smtp_ext *e)
{
	*e = (struct smtp_ext){ .greeted = false };
}

/* The next word of *rest, or none: its length is 0 then. */
static struct slice
next_word(struct slice *rest)
{
	struct slice	 word;

	while (rest->n > 0 && (*rest->p == ' ' || *rest->p == '\t'))
		*rest = slice_make(rest->p + 1, rest->n - 1);
	word = slice_make(rest->p, 0);
	while (word.n < rest->n && rest->p[word.n] != ' ' && rest->p[word.n] != '\t')
		word.n++;
	*rest = slice_make(rest->p + word.n, rest->n - word.n);
	return word;
}

static void
read_mechanisms(struct smtp_ext *e, struct slice rest)
{
	struct slice	 word;
	size_t		 i;

	while ((word = next_word(&rest)).n > 0)
		for (i = 0; i < nitems(mechanisms); i++)
			if (slice_eqi(word, slice_str(mechanisms[i].name)))
				e->auth |= mechanisms[i].bit;
}

void
smtp_ext_line(struct smtp_ext *e, struct slice line)
{
	static const struct slice	 old_auth = { "AUTH=", 5 };
	struct slice			 word;
	size_t				 i;

	if (!e->greeted) {
		e->greeted = true;
		return;
	}
	word = next_word(&line);
	/* Some say so for clients older than RFC 2554. */
	if (word.n >= old_auth.n &&
	    strncasecmp(word.p, old_auth.p, old_auth.n) == 0) {
		e->offered |= SMTP_EXT_AUTH;
		read_mechanisms(e, slice_make(word.p + old_auth.n,
		    word.n - old_auth.n));
		read_mechanisms(e, line);
		return;
	}
	for (i = 0; i < nitems(keywords); i++)
		if (slice_eqi(word, slice_str(keywords[i].name)))
			break;
	if (i == nitems(keywords))
		return;
	e->offered |= keywords[i].bit;
	if (keywords[i].bit == SMTP_EXT_SIZE &&
	    !smtp_number_parse(next_word(&line), &e->size_max))
		e->size_max = 0;
	if (keywords[i].bit == SMTP_EXT_AUTH)
		read_mechanisms(e, line);
}
