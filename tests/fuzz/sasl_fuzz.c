/* SPDX-License-Identifier: ISC */
/*
 * The argument of AUTH: what is base64 is so both ways, what PLAIN says lies inside what was
 * said, and of a line no secret is told.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "lib/base64.h"
#include "lib/sasl.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
inside(struct slice part, struct slice whole)
{
	if (part.p < whole.p || part.p + part.n > whole.p + whole.n ||
	    memchr(part.p, '\0', part.n) != NULL)
		abort();
}

/* What was decoded, said by PLAIN. */
static void
said(struct slice s)
{
	struct sasl_plain	 p;

	if (sasl_plain_parse(s, &p) == -1)
		return;
	inside(p.authzid, s);
	inside(p.username, s);
	inside(p.password, s);
	if (p.authzid.n + p.username.n + p.password.n + 2 != s.n || !sasl_name_valid(p.username) ||
	    memchr(p.username.p, '\n', p.username.n) != NULL)
		abort();
}

static void
decoded(struct slice text)
{
	char	*bytes = malloc(text.n + 1), *again = malloc(text.n + 1);
	ssize_t	 n = base64_decode(text, bytes, text.n / 4 * 3);

	if (n >= 0) {
		if (base64_encode(slice_make(bytes, (size_t)n), again, text.n) != text.n ||
		    (text.n > 0 && memcmp(again, text.p, text.n) != 0))
			abort();
		said(slice_make(bytes, (size_t)n));
	}
	free(bytes);
	free(again);
}

/* Once masked, there is nothing left to mask; what is left was there before, but the mask. */
static void
masked(struct slice line)
{
	char		*buf = malloc(line.n + sizeof(SASL_MASK) - 1);
	char		*again = malloc(line.n + 2 * sizeof(SASL_MASK));
	struct slice	 told = sasl_line_mask(line, buf), twice;
	size_t		 mask = sizeof(SASL_MASK) - 1;

	if (told.p == buf) {
		if (!sasl_line_is_auth(line) || told.n < mask + 1 ||
		    memcmp(told.p + told.n - mask, SASL_MASK, mask) != 0 ||
		    told.n - mask - 1 > line.n || memcmp(told.p, line.p, told.n - mask - 1) != 0)
			abort();
		twice = sasl_line_mask(told, again);
		if (!slice_eq(twice, told))
			abort();
	} else if (told.p != line.p || told.n != line.n)
		abort();
	free(buf);
	free(again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice	 s = slice_make(data, size);
	char		*line;

	decoded(s);
	said(s);
	masked(s);
	if (size == 0)
		return 0;
	/* The same behind AUTH PLAIN: nothing of it is told, a mechanism that it says alone. */
	line = malloc(size + 11);
	memcpy(line, "AUTH PLAIN ", 11);
	memcpy(line + 11, data, size);
	masked(slice_make(line, size + 11));
	free(line);
	return 0;
}
