/* SPDX-License-Identifier: ISC */
/*
 * An expression, the first line, asked of the other lines: "not" of it holds
 * where it does not, and what is passed over unparsed is nothing that holds.
 */
#include <stdint.h>
#include <stdlib.h>

#include "lib/cond.h"
#include "lib/linebuf.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static const struct cond_options	 options = { .utc = true, .now = 1541851200 };

static struct cond *
compile(const char *before, struct slice expression, const char *after)
{
	struct cond_error	 error;
	struct cond		*c;
	char			*text, *end;
	size_t			 i;

	/* No file of this machine is an input. */
	for (i = 0; i < expression.n; i++)
		if (expression.p[i] == '@' && (i == 0 || expression.p[i - 1] <= ' ' ||
		    expression.p[i - 1] == 'n' || expression.p[i - 1] == 'N'))
			return NULL;
	if ((text = malloc(strlen(before) + expression.n + strlen(after) + 1)) == NULL)
		abort();
	end = stpcpy(text, before);
	if (expression.n > 0)
		memcpy(end, expression.p, expression.n);
	strcpy(end + expression.n, after);
	c = cond_compile(text, &options, &error);
	if ((c == NULL) != (error.column != 0) || error.column > strlen(text) + 1)
		abort();
	free(text);
	return c;
}

static void
check_line(struct cond *c, struct cond *not, struct slice line)
{
	struct report	 r;
	bool		 holds;

	if (report_parse(&r, line) != REPORT_KNOWN)
		return;
	holds = cond_match(c, &r);
	if (not != NULL && cond_match(not, &r) == holds)
		abort();
	if (holds && !cond_may_match(c, line))
		abort();
}

/* The whole buffer at once stops at the same line as one after the other. */
static void
check_skip(const struct cond *c, struct slice lines)
{
	struct linebuf	 b = { .fd = -1 };
	const char	*p = lines.p, *end = p + lines.n, *lf;
	size_t		 n = 0;

	if (lines.n == 0)
		return;
	if ((b.buf = malloc(lines.n)) == NULL)
		abort();
	memcpy(b.buf, lines.p, lines.n);
	b.end = lines.n;
	for (; p < end; p = lf + 1, n++)
		if ((lf = memchr(p, '\n', (size_t)(end - p))) == NULL ||
		    cond_may_match(c, slice_make(p, (size_t)(lf - p))))
			break;
	cond_skip(c, &b);
	/* What nothing is known of is not gone through at all. */
	if (b.start > (size_t)(p - lines.p) || b.number > n ||
	    (b.start != 0 && (b.start != (size_t)(p - lines.p) || b.number != n)))
		abort();
	free(b.buf);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char	*p = (const char *)data, *end = p + size, *lf;
	struct slice	 expression;
	struct cond	*c, *not;

	lf = size == 0 ? NULL : memchr(p, '\n', size);
	expression = slice_make(p, (size_t)((lf == NULL ? end : lf) - p));
	if (memchr(expression.n == 0 ? "" : p, '\0', expression.n) != NULL ||
	    (c = compile("", expression, "")) == NULL)
		return 0;
	not = compile("not (", expression, ")");
	if (lf != NULL)
		check_skip(c, slice_make(lf + 1, (size_t)(end - lf) - 1));
	for (p = lf == NULL ? end : lf + 1; p < end; p = lf + 1) {
		if ((lf = memchr(p, '\n', (size_t)(end - p))) == NULL)
			lf = end;
		check_line(c, not, slice_make(p, (size_t)(lf - p)));
	}
	cond_free(c);
	cond_free(not);
	return 0;
}
