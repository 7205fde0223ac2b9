/* SPDX-License-Identifier: ISC */
/*
 * The parser on any bytes: fields lie within the line, a class and its error
 * agree, and every name can be asked for.
 */
#include <stdint.h>
#include <stdlib.h>

#include "lib/report_part.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
check_within(const struct report *r, struct slice s)
{
	if (s.n != 0 && (s.p < r->line.p || s.p + s.n > r->line.p + r->line.n))
		abort();
}

static void
check_line(struct slice line)
{
	struct report		 r;
	enum report_class	 class = report_parse(&r, line);
	struct report_name	 name;
	struct slice		 value;
	uint64_t		 usec;

	if ((class == REPORT_MALFORMED) != (r.error != NULL) ||
	    (class == REPORT_KNOWN && (r.event == EV_UNKNOWN ||
	    !report_has(&r, RF_SESSION) || !report_has(&r, RF_TIME))))
		abort();
	for (name.field = 0; name.field < RF_MAX; name.field++)
		for (name.part = 0; name.part < PART_MAX; name.part++) {
			if (name.part != PART_WHOLE && report_parts[name.part].type !=
			    report_fields[name.field].type)
				continue;
			if (!report_value(&r, name, &value))
				continue;
			if (name.field != RF_SUBSYSTEM || r.dialect != DIALECT_DAY1)
				check_within(&r, value);
			if (report_fields[name.field].type == RT_TIME)
				report_time(value, &usec);
		}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char	*p = (const char *)data, *end = p + size, *lf;

	for (; p < end; p = lf + 1) {
		if ((lf = memchr(p, '\n', (size_t)(end - p))) == NULL)
			lf = end;
		check_line(slice_make(p, (size_t)(lf - p)));
	}
	return 0;
}
