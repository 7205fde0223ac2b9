/* SPDX-License-Identifier: ISC */
/*
 * Answers to EHLO, lines ended by LF: only what is known is offered, and a mechanism or a
 * size only with what it belongs to; a line more never takes an offer back.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "lib/smtp_ext.h"

#define KNOWN	(2 * SMTP_EXT_AUTH - 1)

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice	 rest = slice_make(data, size);
	struct smtp_ext	 e;
	const char	*lf;
	unsigned	 before;
	size_t		 n;

	smtp_ext_init(&e);
	while (rest.n > 0) {
		lf = memchr(rest.p, '\n', rest.n);
		n = lf == NULL ? rest.n : (size_t)(lf - rest.p);
		before = e.offered;
		smtp_ext_line(&e, slice_make(rest.p, n));
		rest = slice_make(rest.p + n, rest.n - n);
		if (rest.n > 0)
			rest = slice_make(rest.p + 1, rest.n - 1);
		if ((e.offered & before) != before || e.offered & ~KNOWN ||
		    (e.auth != 0 && !(e.offered & SMTP_EXT_AUTH)) ||
		    (e.size_max != 0 && !(e.offered & SMTP_EXT_SIZE)))
			abort();
	}
	return 0;
}
