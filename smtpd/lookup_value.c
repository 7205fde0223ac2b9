/* SPDX-License-Identifier: ISC */
/*
 * The right side of an alias: a list of items, separated by commas, of
 * several kinds.  lookup process.
 */
#include "smtpd/lookup.h"

#define LONGEST	1024		/* bytes: an envelope must fit its message */

static struct slice
trim(struct slice s)
{
	while (s.n > 0 && strchr(" \t\r\n", s.p[0]) != NULL && s.p[0] != '\0')
		s = slice_make(s.p + 1, s.n - 1);
	while (s.n > 0 && strchr(" \t\r\n", s.p[s.n - 1]) != NULL &&
	    s.p[s.n - 1] != '\0')
		s.n--;
	return s;
}

/* "all of it" in quotes is all of it; quotes of a local part stay. */
static struct slice
unquote(struct slice s)
{
	if (s.n >= 2 && s.p[0] == '"' && s.p[s.n - 1] == '"' &&
	    memchr(s.p + 1, '"', s.n - 2) == NULL)
		return trim(slice_make(s.p + 1, s.n - 2));
	return s;
}

/* Up to the next comma outside quotes. */
static struct slice
cut_item(struct slice *list)
{
	const char	*p = list->p, *end = p + list->n;
	struct slice	 item;
	int		 quoted = 0;

	for (; p < end && (quoted || *p != ','); p++)
		if (*p == '"')
			quoted = !quoted;
		else if (*p == '\\' && p + 1 < end)
			p++;
	item = slice_make(list->p, p - list->p);
	if (p < end)
		p++;
	*list = slice_make(p, end - p);
	return item;
}

static bool
take_prefix(struct slice *s, struct slice prefix)
{
	if (s->n < prefix.n || strncasecmp(s->p, prefix.p, prefix.n) != 0)
		return false;
	*s = trim(slice_make(s->p + prefix.n, s->n - prefix.n));
	return true;
}

static enum value_kind
classify(struct slice *s)
{
	size_t	 i;

	if (s->n > LONGEST)
		return VALUE_BAD;
	if (s->p[0] == '|')
		return VALUE_COMMAND;
	if (s->p[0] == '/')
		return VALUE_FILE;
	if (take_prefix(s, SLICE(":include:")))
		return s->n > 0 ? VALUE_INCLUDE : VALUE_BAD;
	if (take_prefix(s, SLICE("error:")))
		return VALUE_ERROR;
	for (i = 0; i < s->n; i++)
		if ((unsigned char)s->p[i] < ' ' || s->p[i] == 0x7f)
			return VALUE_BAD;
	if (memchr(s->p, '@', s->n) != NULL)
		return lookup_local_part(*s).n > 0 &&
		    lookup_domain(*s).n > 0 ? VALUE_ADDRESS : VALUE_BAD;
	if (memchr(s->p, ' ', s->n) != NULL)
		return VALUE_BAD;
	if (s->p[0] == '\\') {
		*s = slice_make(s->p + 1, s->n - 1);
		return s->n > 0 ? VALUE_FINAL_USER : VALUE_BAD;
	}
	return VALUE_USER;
}

int
lookup_value_next(struct slice *list, struct value *v)
{
	while (list->n > 0) {
		v->text = unquote(trim(cut_item(list)));
		if (v->text.n == 0)
			continue;
		v->kind = classify(&v->text);
		return 1;
	}
	return 0;
}
