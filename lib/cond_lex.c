/* SPDX-License-Identifier: ISC */
/*
 * The tokens of an expression.
 */
#include <stdlib.h>

#include "lib/cond_lex.h"
#include "lib/nitems.h"

#define BLANKS	" \t\r\n"

/* The longer ones first.  Those of other languages are read to be refused whole. */
static const char *const operators[] = {
	"==", "!=", "<=", ">=", "!~", "=~", "&&", "||", "<", ">", "~", "=", "!",
	"&", "|"
};

int
cond_lex_init(struct cond_lex *l, const char *expression)
{
	*l = (struct cond_lex){ .start = expression, .p = expression,
	    .buf = malloc(strlen(expression) + 1) };
	return l->buf == NULL ? -1 : 0;
}

void
cond_lex_free(struct cond_lex *l)
{
	free(l->buf);
	l->buf = NULL;
}

/* "quoted", with \" and \\ in it; p is at the quote. */
static void
quoted(struct cond_lex *l, struct cond_token *t)
{
	char		*to = l->buf + (l->p - l->start);
	const char	*p;

	t->text.p = to;
	for (p = l->p + 1; *p != '\0' && *p != '"'; p++) {
		if (*p == '\\' && (p[1] == '"' || p[1] == '\\'))
			p++;
		*to++ = *p;
	}
	t->text.n = (size_t)(to - t->text.p);
	if (*p == '\0') {
		t->kind = TOKEN_BAD;
		t->text = slice_make(l->p, 1);
		return;
	}
	t->kind = TOKEN_TEXT;
	l->p = p + 1;
}

static bool
is_name(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	    (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
}

static size_t
operator_length(const char *p)
{
	size_t	 i;

	for (i = 0; i < nitems(operators); i++)
		if (strncmp(p, operators[i], strlen(operators[i])) == 0)
			return strlen(operators[i]);
	return 0;
}

static size_t
word_length(const char *p, bool value)
{
	size_t	 n = 0;

	if (value)
		return strcspn(p, BLANKS "(),\"");
	while (is_name(p[n]))
		n++;
	return n;
}

static enum cond_token_kind
mark_of(char c)
{
	switch (c) {
	case '\0':
		return TOKEN_END;
	case '(':
		return TOKEN_OPEN;
	case ')':
		return TOKEN_CLOSE;
	case ',':
		return TOKEN_COMMA;
	default:
		return TOKEN_BAD;
	}
}

struct cond_token
cond_lex_next(struct cond_lex *l, bool value)
{
	struct cond_token	 t;
	size_t			 n;

	l->p += strspn(l->p, BLANKS);
	t.column = (size_t)(l->p - l->start) + 1;
	t.kind = mark_of(*l->p);
	t.text = slice_make(l->p, *l->p != '\0');
	if (*l->p == '"')
		quoted(l, &t);
	else if (t.kind != TOKEN_BAD)
		l->p += t.text.n;
	else if ((n = word_length(l->p, value)) > 0) {
		t = (struct cond_token){ TOKEN_WORD, slice_make(l->p, n), t.column };
		l->p += n;
	} else if ((n = operator_length(l->p)) > 0) {
		t = (struct cond_token){ TOKEN_OPERATOR, slice_make(l->p, n), t.column };
		l->p += n;
	}
	return t;
}
