/* SPDX-License-Identifier: ISC */
/*
 * Arguments of MAIL and RCPT: what is taken lies inside what was given, and a
 * path that was read once is read again, the same, from its parts; xtext.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "lib/smtp_path.h"
#include "lib/smtp_xtext.h"
#include "lib/utf8.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
inside(struct slice part, struct slice whole)
{
	if (part.n > 0 && (part.p < whole.p || part.p + part.n > whole.p + whole.n))
		abort();
}

static void
params(struct slice rest)
{
	struct slice	 whole = rest, name, value;
	size_t		 left = rest.n;
	int		 n;

	while ((n = smtp_param_next(&rest, &name, &value)) == 1) {
		inside(name, whole);
		inside(value, whole);
		if (name.n == 0 || (value.p != NULL && value.n == 0) ||
		    rest.n >= left)
			abort();
		left = rest.n;
	}
	if (n == 0 && rest.n != 0)
		abort();
}

static void
again(const struct smtp_path *p, unsigned flags)
{
	struct smtp_path q;
	struct slice	 rest;
	char		 arg[300];

	if (p->mailbox.n + 2 > sizeof(arg))
		abort();
	arg[0] = '<';
	memcpy(arg + 1, p->mailbox.p, p->mailbox.n);
	arg[1 + p->mailbox.n] = '>';
	if (smtp_path_parse(slice_make(arg, p->mailbox.n + 2), flags, &q,
	    &rest) == -1 || !slice_eq(q.local, p->local) ||
	    !slice_eq(q.domain, p->domain) || rest.n != 0)
		abort();
}

/* Decoded it is printable and never longer; read without a place for it, the same. */
static void
xtext(struct slice s)
{
	char	*out = malloc(s.n + 1);
	ssize_t	 n, i;

	if (out == NULL)
		abort();
	n = smtp_xtext_decode(s, out);
	if (n != smtp_xtext_decode(s, NULL) || n > (ssize_t)s.n)
		abort();
	for (i = 0; i < n; i++)
		if (out[i] < ' ' || out[i] > '~')
			abort();
	if (smtp_orcpt_valid(s) && (memchr(s.p, ';', s.n) == NULL ||
	    !utf8_is_text(s.p, s.n) || memchr(s.p, '\n', s.n) != NULL))
		abort();
	free(out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice	 arg = slice_make(data, size), rest;
	struct smtp_path p;
	unsigned	 flags;

	for (flags = 0; flags < 8; flags++) {
		if (smtp_path_parse(arg, flags, &p, &rest) == -1) {
			if (p.typed.p != NULL)
				abort();
			continue;
		}
		inside(p.typed, arg);
		inside(p.mailbox, p.typed);
		inside(p.local, p.mailbox);
		inside(p.domain, p.mailbox);
		if (!utf8_is_text(p.typed.p, p.typed.n) ||
		    (!(flags & SMTP_PATH_UTF8_OK) &&
		    !utf8_is_ascii(p.typed.p, p.typed.n)))
			abort();
		if (p.typed.n > 254 || p.local.n > 64 || p.domain.n > 255 ||
		    p.typed.p[p.typed.n] != '>' || memchr(p.typed.p, '\0', p.typed.n))
			abort();
		again(&p, flags);
		params(rest);
	}
	params(arg);
	xtext(arg);
	if (smtp_domain_valid(arg) && !smtp_helo_valid(arg))
		abort();
	if (smtp_literal_valid(arg) && !smtp_helo_valid(arg))
		abort();
	return 0;
}
