/* SPDX-License-Identifier: ISC */
/*
 * Format specifiers in a command of sh(1): each becomes a positional
 * parameter, quoted for the place where it stands, and its value an argument.
 * Used by conf and deliver.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "smtpd/format.h"
#include "smtpd/format_spec.h"

/*
 * Where in the shell's grammar a byte stands: a stack of what is open.
 * `"` double quotes, `(` a command substitution or subshell, '`' the old
 * form, `{` a parameter expansion, '\'' single quotes, '#' a comment.
 */
#define DEPTH	16

struct place {
	char	 open[DEPTH];
	size_t	 depth;
	bool	 backslash;	/* the next byte is taken as it is */
	bool	 word;		/* inside a word: # is no comment */
	char	 last;		/* `$` before ( and { */
	bool	 deep;		/* more was opened than we follow */
};

static char
innermost(const struct place *pl)
{
	return pl->depth == 0 ? '\0' : pl->open[pl->depth - 1];
}

static void
enter(struct place *pl, char c)
{
	if (pl->depth == DEPTH)
		pl->deep = true;
	else
		pl->open[pl->depth++] = c;
	pl->word = false;
}

static void
leave(struct place *pl)
{
	pl->depth--;
	pl->word = true;
}

/* A byte where commands and words are. */
static void
step_plain(struct place *pl, char c)
{
	char	 in = innermost(pl);

	if (c == '#' && !pl->word && in != '{')
		enter(pl, '#');
	else if (c == ')' && in == '(')
		leave(pl);
	else if (c == '}' && in == '{')
		leave(pl);
	else if (c == '(' || c == '"' || c == '\'')
		enter(pl, c);
	else
		pl->word = strchr(" \t\n;&|()<>", c) == NULL;
}

static void
step(struct place *pl, char c)
{
	char	 in = innermost(pl), last = pl->last;

	pl->last = '\0';
	if (pl->backslash) {
		pl->backslash = false;
		pl->word = true;
	} else if (in == '\'') {
		if (c == '\'')
			leave(pl);
	} else if (in == '#') {
		if (c == '\n') {
			leave(pl);
			pl->word = false;
		}
	} else if (c == '\\')
		pl->backslash = true;
	else if (c == '`') {
		if (in == '`')
			leave(pl);
		else
			enter(pl, c);
	} else if (last == '$' && (c == '(' || c == '{'))
		enter(pl, c);
	else if (in == '"') {
		if (c == '"')
			leave(pl);
		pl->last = c;
	} else {
		step_plain(pl, c);
		pl->last = c;
	}
}

static bool
is_open(const struct place *pl, char c)
{
	return memchr(pl->open, c, pl->depth) != NULL;
}

/* Why no value can stand here, or NULL. */
static const char *
place_objection(const struct place *pl)
{
	if (pl->deep)
		return "the command nests too deep";
	if (is_open(pl, '`'))
		return "a format specifier between backquotes; write $(...)";
	if (is_open(pl, '{'))
		return "a format specifier inside ${...}";
	if (pl->backslash)
		return "a format specifier behind a backslash";
	return NULL;
}

/* The parameter as it must be written to stay one word. */
static void
put_parameter(FILE *out, const struct place *pl, size_t n)
{
	switch (innermost(pl)) {
	case '"':
		fprintf(out, "${%zu}", n);
		break;
	case '\'':
		fprintf(out, "'\"${%zu}\"'", n);
		break;
	default:
		fprintf(out, "\"${%zu}\"", n);
	}
}

/*
 * Walks over a command; with values (v not NULL) they become arguments of *fc.
 * What the shell gets goes to out.
 */
static const char *
walk(struct format_command *fc, FILE *out, const char *p,
    const struct format_values *v)
{
	struct place		 pl = { .depth = 0 };
	struct format_spec	 spec;
	char			 value[FORMAT_VALUE] = "";
	const char		*why;
	size_t			 n = 0;

	while (*p != '\0') {
		if (p[0] == '%' && p[1] == '{') {
			if ((why = place_objection(&pl)) != NULL)
				return why;
			if (++n > FORMAT_ARGS)
				return "more than 32 format specifiers";
			why = format_spec_parse(&spec, p + 2, &p);
			if (why == NULL && v != NULL)
				why = format_spec_expand(&spec, v, value);
			if (why != NULL)
				return why;
			if (v != NULL && (fc->arg[fc->narg++] =
			    strdup(value)) == NULL)
				return "out of memory";
			put_parameter(out, &pl, n);
			pl.word = true;
			pl.last = '\0';
			continue;
		}
		if (p[0] == '%' && p[1] == '%')
			p++;
		step(&pl, *p);
		putc(*p++, out);
	}
	if (is_open(&pl, '"') || is_open(&pl, '\''))
		return "a quote is not closed";
	return NULL;
}

static const char *
expand(struct format_command *fc, const char *command,
    const struct format_values *v)
{
	const char	*why;
	size_t		 size;
	FILE		*out;

	*fc = (struct format_command){ .narg = 0 };
	if ((out = open_memstream(&fc->command, &size)) == NULL)
		return "out of memory";
	why = walk(fc, out, command, v);
	if (fclose(out) == EOF && why == NULL)
		why = "out of memory";
	if (why != NULL)
		format_free(fc);
	return why;
}

const char *
format_check_command(const char *command)
{
	struct format_command	 fc;
	const char		*why = expand(&fc, command, NULL);

	if (why == NULL)
		format_free(&fc);
	return why;
}

const char *
format_expand_command(struct format_command *fc, const char *command,
    const struct format_values *v)
{
	return expand(fc, command, v);
}

void
format_free(struct format_command *fc)
{
	size_t	 i;

	free(fc->command);
	for (i = 0; i < fc->narg; i++)
		free(fc->arg[i]);
	*fc = (struct format_command){ .narg = 0 };
}
