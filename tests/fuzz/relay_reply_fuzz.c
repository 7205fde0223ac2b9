/* SPDX-License-Identifier: ISC */
/* objects: smtpd/relay_reply.o */
/*
 * Replies of a server: what is taken is whole lines, each of them a reply's, the
 * last and only the last without a hyphen; the first is the first of the last
 * code; a byte less is not enough, and what follows changes nothing.
 */
#include <sys/types.h>

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "smtpd/relay.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
check_lines(const struct relay_reply *r)
{
	struct slice	 rest = r->text, line, first = SLICE_NONE;
	bool		 more = true;

	while (relay_reply_line(&rest, &line) == 1) {
		if (!more || line.n < 3 || line.p[0] < '2' || line.p[0] > '5')
			abort();
		if (first.p == NULL || memcmp(first.p, line.p, 3) != 0)
			first = line;
		more = line.n > 3 && line.p[3] == '-';
	}
	if (more || !slice_eq(first, r->first) || rest.n != 0 || r->code < 200 || r->code > 599)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice		 rest = slice_make(data, size);
	struct relay_reply	 r, again;
	ssize_t			 n;

	while ((n = relay_reply_parse(rest, &r)) > 0) {
		if ((size_t)n > rest.n || (size_t)n > REPLY_TEXT_MAX ||
		    r.text.p != rest.p || r.text.n != (size_t)n)
			abort();
		check_lines(&r);
		if (relay_reply_parse(slice_make(rest.p, (size_t)n), &again) != n ||
		    again.code != r.code ||
		    relay_reply_parse(slice_make(rest.p, (size_t)n - 1), &again) != 0)
			abort();
		rest = slice_make(rest.p + n, rest.n - (size_t)n);
	}
	if (n < -1 || (n == 0 && rest.n >= REPLY_TEXT_MAX))
		abort();
	return 0;
}
