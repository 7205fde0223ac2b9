/* SPDX-License-Identifier: ISC */
/* Right sides of aliases: items come out in order, within the input, and it ends. */
/* objects: smtpd/lookup_value.o smtpd/lookup_match.o smtpd/lookup_local.o smtpd/table.o smtpd/table_content.o smtpd/table_file.o smtpd/table_net.o smtpd/log.o */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "smtpd/lookup.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice	 list = { (const char *)data, size };
	struct value	 v;
	const char	*last = list.p;
	size_t		 left = size;

	while (lookup_value_next(&list, &v)) {
		if (v.text.p < last || v.text.p + v.text.n > list.p ||
		    list.n >= left)
			abort();
		last = v.text.p + v.text.n;
		left = list.n;
		if (v.kind == VALUE_ADDRESS &&
		    memchr(v.text.p, '@', v.text.n) == NULL)
			abort();
	}
	return 0;
}
