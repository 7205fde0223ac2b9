/* SPDX-License-Identifier: ISC */
/*
 * smtpd.conf as tokens: words, quoted strings, punctuation, ends of line.
 * Macros are expanded here, as text and never within one another; a backslash
 * before the end of a line joins it with the next.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "smtpd/conf_parse.h"
#include "smtpd/log.h"

#define LEX_EOF		(-1)

struct conf_frame {
	struct conf_frame *up;
	const struct conf_source *source;	/* NULL: a macro's value */
	char		*value;			/* of a macro, owned */
	const char	*p, *end;
	unsigned	 line, column;		/* of *p; in a macro, of its $ */
	bool		 ended;			/* the end of line at the end of a file was given */
};

struct conf_macro {
	struct conf_macro *next;
	char		*name, *value;
	bool		 fixed;
};

static void
frame_pop(struct conf_parser *p)
{
	struct conf_frame	*f = p->frame;

	p->frame = f->up;
	free(f->value);
	free(f);
}

void
conf_push_file(struct conf_parser *p, const struct conf_source *source)
{
	struct conf_frame	*f = conf_zalloc(sizeof(*f));

	f->up = p->frame;
	f->source = source;
	f->p = source->text == NULL ? "" : source->text;
	f->end = f->p + source->size;
	f->line = f->column = 1;
	p->frame = f;
}

bool
conf_reading(const struct conf_parser *p, const struct conf_source *source)
{
	const struct conf_frame	*f;

	for (f = p->frame; f != NULL; f = f->up)
		if (f->source == source)
			return true;
	return false;
}

static void
frame_push_macro(struct conf_parser *p, const struct conf_macro *m)
{
	struct conf_frame	*f = conf_zalloc(sizeof(*f));

	f->up = p->frame;
	f->value = conf_strdup(m->value);
	f->p = f->value;
	f->end = f->value + strlen(f->value);
	f->line = p->token.line;
	f->column = p->token.column;
	p->frame = f;
}

/* The byte to come.  Every file ends in an end of line, whether it is there or not. */
static int
lex_peek(struct conf_parser *p)
{
	while (p->frame->p == p->frame->end) {
		if (p->frame->source != NULL && !p->frame->ended)
			return '\n';
		if (p->frame->up == NULL)
			return LEX_EOF;
		frame_pop(p);
	}
	return (unsigned char)*p->frame->p;
}

static int
lex_get(struct conf_parser *p)
{
	int			 c = lex_peek(p);
	struct conf_frame	*f = p->frame;

	if (c == LEX_EOF)
		return c;
	if (f->p == f->end) {
		f->ended = true;
		return c;
	}
	f->p++;
	if (f->source == NULL)
		return c;
	f->ended = c == '\n' && f->p == f->end;
	f->column++;
	if (c == '\n') {
		f->line++;
		f->column = 1;
	}
	return c;
}

/* Skips joined lines; *literal if the byte to come stands behind a backslash. */
static int
lex_peek_joined(struct conf_parser *p, bool *literal)
{
	const struct conf_frame	*f;
	int			 c;

	*literal = false;
	while ((c = lex_peek(p)) == '\\') {
		f = p->frame;
		if (f->p + 1 == f->end)
			break;
		lex_get(p);
		if ((c = lex_peek(p)) == '\r' && f->p + 1 < f->end && f->p[1] == '\n')
			lex_get(p);
		if ((c = lex_peek(p)) != '\n') {
			*literal = true;
			break;
		}
		lex_get(p);
	}
	return c;
}

static void
token_begin(struct conf_parser *p)
{
	const struct conf_frame	*f;

	p->token.size = 0;
	p->token.line = p->frame->line;
	p->token.column = p->frame->column;
	for (f = p->frame; f->source == NULL; f = f->up)
		;
	p->token.file = f->source->name;
}

static void
token_add(struct conf_parser *p, int c)
{
	if (p->token.size + 2 > p->room) {
		p->room = p->room == 0 ? 64 : p->room * 2;
		if ((p->token.text = realloc(p->token.text, p->room)) == NULL)
			fatal("smtpd.conf");
	}
	if (c != LEX_EOF)
		p->token.text[p->token.size++] = (char)c;
	p->token.text[p->token.size] = '\0';
}

static bool
word_byte(int c)
{
	return c >= 0x80 || (isgraph(c) && strchr("(){}<>!=#,", c) == NULL);
}

static void
lex_comment(struct conf_parser *p)
{
	bool	 literal;
	int	 c;

	while ((c = lex_peek_joined(p, &literal)) != '\n' && c != LEX_EOF)
		lex_get(p);
}

/* Is the file that is being read used up, whatever macro stood last in it? */
static bool
lex_at_end(struct conf_parser *p)
{
	while (p->frame->source == NULL && p->frame->p == p->frame->end)
		frame_pop(p);
	return p->frame->p == p->frame->end;
}

/* An end of line in quotes counts for nothing, as does a backslash before it. */
static int
lex_string(struct conf_parser *p, int quote)
{
	int	 c, next;

	while (!lex_at_end(p)) {
		if ((c = lex_get(p)) == quote)
			return 0;
		if (c == '\0')
			return conf_error(p, "NUL byte in quotes");
		if (c == '\\' && !lex_at_end(p)) {
			next = lex_peek(p);
			if (next == quote || next == ' ' || next == '\t')
				c = lex_get(p);
			else if (next == '\n')
				continue;
		}
		if (c != '\n')
			token_add(p, c);
	}
	p->frame->ended = false;
	p->token.size = 0;
	token_add(p, quote);
	return conf_error(p, "missing end quote");
}

static struct conf_macro *
macro_find(struct conf_parser *p, const char *name)
{
	struct conf_macro	*m;

	for (m = p->macros; m != NULL; m = m->next)
		if (strcmp(m->name, name) == 0)
			return m;
	return NULL;
}

static int
lex_macro(struct conf_parser *p)
{
	struct nearest		 nearest;
	struct conf_macro	*m;
	int			 c;

	while (isalnum(c = lex_peek(p)) || c == '_')
		token_add(p, lex_get(p));
	if ((m = macro_find(p, p->token.text)) != NULL) {
		frame_push_macro(p, m);
		return 0;
	}
	nearest_init(&nearest, slice_str(p->token.text));
	for (m = p->macros; m != NULL; m = m->next)
		nearest_try(&nearest, m->name);
	return conf_error(p, "no such macro%s", conf_nearest_hint(&nearest));
}

/* Reads one token; -1 if there was an error, which is reported. */
static int
lex_token(struct conf_parser *p)
{
	bool	 literal;
	int	 c;

again:
	for (;;) {
		c = lex_peek_joined(p, &literal);
		if (literal || (c != ' ' && c != '\t' && c != '\r'))
			break;
		lex_get(p);
	}
	token_begin(p);
	token_add(p, LEX_EOF);
	if (c == LEX_EOF) {
		p->token.kind = TOKEN_EOF;
		return 0;
	}
	if (literal || (word_byte(c) && strchr("\"'", c) == NULL &&
	    (c != '$' || p->frame->source == NULL))) {
		p->token.kind = TOKEN_WORD;
		do
			token_add(p, lex_get(p));
		while (word_byte(c = lex_peek_joined(p, &literal)) || (literal && c > ' '));
		return 0;
	}
	if (c == '#') {
		lex_comment(p);
		goto again;
	}
	lex_get(p);
	switch (c) {
	case '$':
		if (lex_macro(p) == -1)
			return -1;
		goto again;
	case '\n':
		p->token.kind = TOKEN_EOL;
		return 0;
	case '"':
	case '\'':
		p->token.kind = TOKEN_STRING;
		return lex_string(p, c);
	}
	p->token.kind = TOKEN_PUNCT;
	token_add(p, c);
	if (strchr("(){}<>!=,", c) == NULL || c == '\0')
		return conf_error(p, "no such character in smtpd.conf, unless in quotes");
	if (c == '=' && lex_peek(p) == '>')
		token_add(p, lex_get(p));
	p->depth += c == '{';
	p->depth -= c == '}' && p->depth > 0;
	return 0;
}

enum conf_kind
conf_next(struct conf_parser *p)
{
	if (p->pushed) {
		p->pushed = false;
		return p->token.kind;
	}
	if (lex_token(p) == 0)
		return p->token.kind;
	/* reported: the directive ends here, and need not complain as well */
	lex_comment(p);
	if (lex_peek(p) == '\n')
		lex_get(p);
	p->muted = true;
	p->depth = 0;
	return p->token.kind = TOKEN_EOL;
}

void
conf_back(struct conf_parser *p)
{
	p->pushed = true;
}

bool
conf_is_word(const struct conf_parser *p, const char *word)
{
	return p->token.kind == TOKEN_WORD && strcmp(p->token.text, word) == 0;
}

bool
conf_is_punct(const struct conf_parser *p, const char *punct)
{
	return p->token.kind == TOKEN_PUNCT && strcmp(p->token.text, punct) == 0;
}

bool
conf_is_end(const struct conf_parser *p)
{
	return p->token.kind == TOKEN_EOL || p->token.kind == TOKEN_EOF;
}

bool
conf_accept(struct conf_parser *p, const char *punct)
{
	conf_next(p);
	if (conf_is_punct(p, punct))
		return true;
	conf_back(p);
	return false;
}

/* A list that was left open ends at the latest where a line begins with a directive. */
void
conf_skip(struct conf_parser *p)
{
	p->pushed = false;
	while (!conf_is_end(p))
		conf_next(p);
	while (p->depth > 0 && p->token.kind != TOKEN_EOF) {
		conf_next(p);
		if (conf_word_known(p, conf_directives, conf_ndirectives)) {
			conf_back(p);
			break;
		}
		while (!conf_is_end(p))
			conf_next(p);
	}
	p->depth = 0;
}

void
conf_macro_set(struct conf_parser *p, const char *name, const char *value, bool fixed)
{
	struct conf_macro	*m;

	if ((m = macro_find(p, name)) == NULL) {
		m = conf_zalloc(sizeof(*m));
		m->name = conf_strdup(name);
		m->next = p->macros;
		p->macros = m;
	} else if (m->fixed && !fixed)
		return;
	free(m->value);
	m->value = conf_strdup(value);
	m->fixed = fixed;
}

void
conf_lex_free(struct conf_parser *p)
{
	struct conf_macro	*m;

	while (p->frame != NULL)
		frame_pop(p);
	while ((m = p->macros) != NULL) {
		p->macros = m->next;
		free(m->name);
		free(m->value);
		free(m);
	}
	free(p->token.text);
}
