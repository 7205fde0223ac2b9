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

const char *
conf_nearest_hint(const struct nearest *n)
{
	static char	 buf[256];
	size_t		 i;

	if (n->best[0] == NULL)
		return "";
	strlcpy(buf, "; did you mean ", sizeof(buf));
	for (i = 0; i < NEAREST_MAX && n->best[i] != NULL; i++) {
		strlcat(buf, i == 0 ? "\"" : " or \"", sizeof(buf));
		strlcat(buf, n->best[i], sizeof(buf));
		strlcat(buf, "\"", sizeof(buf));
	}
	strlcat(buf, "?", sizeof(buf));
	return buf;
}
