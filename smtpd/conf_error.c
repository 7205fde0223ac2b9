/* SPDX-License-Identifier: ISC */
/*
 * What is wrong with an smtpd.conf: file:line:column, the token, what would be
 * right.  What comes from the file is printed without control bytes.
 */
#include <ctype.h>
#include <stdarg.h>
#include <string.h>

#include "smtpd/conf_parse.h"

#define ERRORS_MAX	50	/* then only the fact that there are more */
#define TOKEN_SHOWN	64	/* bytes of a token */
#define WORD_MAX	32	/* longest word that is compared */

static void
print_safe(FILE *f, const char *s, size_t n)
{
	size_t	 i;

	for (i = 0; i < n; i++)
		if (iscntrl((unsigned char)s[i]))
			fprintf(f, "\\%03o", (unsigned char)s[i]);
		else
			fputc(s[i], f);
}

static void
print_token(FILE *f, const struct conf_token *t)
{
	fprintf(f, "%s:%u:%u: ", t->file, t->line, t->column);
	switch (t->kind) {
	case TOKEN_EOL:
		fputs("end of line: ", f);
		return;
	case TOKEN_EOF:
		fputs("end of file: ", f);
		return;
	default:
		fputs("token \"", f);
		print_safe(f, t->text, t->size < TOKEN_SHOWN ? t->size : TOKEN_SHOWN);
		fputs(t->size < TOKEN_SHOWN ? "\": " : "...\": ", f);
	}
}

static int
error_print(struct conf_parser *p, const struct conf_token *t, const char *fmt, va_list ap)
{
	char	 buf[1024];

	if (p->nerrors++ > ERRORS_MAX)
		return -1;
	if (p->nerrors > ERRORS_MAX) {
		fprintf(p->errors, "%s:%u:%u: too many errors, the rest is not shown\n",
		    t->file, t->line, t->column);
		return -1;
	}
	print_token(p->errors, t);
	vsnprintf(buf, sizeof(buf), fmt, ap);
	print_safe(p->errors, buf, strlen(buf));
	fputc('\n', p->errors);
	return -1;
}

int
conf_error(struct conf_parser *p, const char *fmt, ...)
{
	va_list	 ap;

	if (p->muted)
		return -1;
	va_start(ap, fmt);
	error_print(p, &p->token, fmt, ap);
	va_end(ap);
	return -1;
}

int
conf_error_at(struct conf_parser *p, const struct conf_token *t, const char *fmt, ...)
{
	va_list	 ap;

	va_start(ap, fmt);
	error_print(p, t, fmt, ap);
	va_end(ap);
	return -1;
}

/* Edits from a to b: a byte more, less, other, or two exchanged. */
static size_t
word_distance(const char *a, const char *b)
{
	size_t	 row[3][WORD_MAX + 1], n = strlen(a), m = strlen(b), i, j, d;

	if (n > WORD_MAX || m > WORD_MAX)
		return SIZE_MAX;
	for (j = 0; j <= m; j++)
		row[0][j] = j;
	for (i = 1; i <= n; i++) {
		row[i % 3][0] = i;
		for (j = 1; j <= m; j++) {
			d = row[(i - 1) % 3][j - 1] + (tolower((unsigned char)a[i - 1]) !=
			    tolower((unsigned char)b[j - 1]));
			if (row[(i - 1) % 3][j] + 1 < d)
				d = row[(i - 1) % 3][j] + 1;
			if (row[i % 3][j - 1] + 1 < d)
				d = row[i % 3][j - 1] + 1;
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    row[(i - 2) % 3][j - 2] + 1 < d)
				d = row[(i - 2) % 3][j - 2] + 1;
			row[i % 3][j] = d;
		}
	}
	return row[n % 3][m];
}

void
conf_nearest_init(struct conf_nearest *n, const char *word)
{
	n->word = word;
	n->best = NULL;
	n->distance = 1 + strlen(word) / 4;
}

void
conf_nearest_try(struct conf_nearest *n, const char *name)
{
	size_t	 d = word_distance(n->word, name);

	/* a word of two letters is near to every other */
	if (d < strlen(name) && (d < n->distance || (n->best == NULL && d == n->distance))) {
		n->best = name;
		n->distance = d;
	}
}

const char *
conf_nearest_hint(const struct conf_nearest *n)
{
	static char	 buf[WORD_MAX + sizeof("; did you mean \"\"?")];

	if (n->best == NULL)
		return "";
	snprintf(buf, sizeof(buf), "; did you mean \"%s\"?", n->best);
	return buf;
}
