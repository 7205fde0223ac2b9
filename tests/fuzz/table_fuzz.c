/* SPDX-License-Identifier: ISC */
/*
 * Tables: the input is a key, a line end, and the lines of a table.  Every line is
 * cut within its bounds, and found by every service that it can be asked for.
 */
/* objects: smtpd/table.o smtpd/table_content.o smtpd/table_file.o smtpd/table_net.o smtpd/log.o */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "smtpd/table_content.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
add_line(struct table *t, const char *line, size_t n)
{
	struct table_entry	 e;

	table_file_cut(&e, line, n);
	if (e.item > n || e.key > n || (size_t)e.at + e.value != n || e.key > e.at)
		abort();
	if (table_add(t, slice_make(line, n), SLICE("value")) == -1)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char	*p = (const char *)data, *end = p + size, *eol;
	struct table	*t = table_new("t", NULL);
	struct slice	 key = SLICE(""), value;
	bool		 first = true;

	if (t == NULL)
		abort();
	for (; p < end; p = eol + 1) {
		if ((eol = memchr(p, '\n', (size_t)(end - p))) == NULL)
			eol = end;
		if (first)
			key = slice_make(p, (size_t)(eol - p));
		else
			add_line(t, p, (size_t)(eol - p));
		first = false;
		if (eol == end)
			break;
	}
	table_match(t, TABLE_STRING, key);
	table_match(t, TABLE_DOMAIN, key);
	table_match(t, TABLE_NETADDR, key);
	table_match(t, TABLE_MAILADDR, key);
	if (table_add(t, key, SLICE("value")) == 0 &&
	    (table_get(t, key, &value) != TABLE_YES || !slice_eq(value, SLICE("value"))))
		abort();
	table_free(t);
	return 0;
}
