/* SPDX-License-Identifier: ISC */
/*
 * Names that no field has: what was perhaps meant.
 */
#include <stdio.h>

#include "lib/nearest.h"
#include "lib/report.h"
#include "lib/report_name.h"
#include "lib/report_part.h"

static void
explain_part(struct slice name, enum field field, char *buf, size_t size)
{
	enum part	 p;
	bool		 any = false;
	int		 n;

	n = snprintf(buf, size, "no such part: %.*s; %s has", (int)name.n,
	    name.p, report_fields[field].name);
	for (p = PART_WHOLE + 1; p < PART_MAX; p++)
		if (report_parts[p].type == report_fields[field].type &&
		    n >= 0 && (size_t)n < size) {
			n += snprintf(buf + n, size - (size_t)n, " .%s",
			    report_parts[p].name);
			any = true;
		}
	if (!any && n >= 0 && (size_t)n < size)
		snprintf(buf + n, size - (size_t)n, " none");
}

void
report_name_explain(struct slice name, char *buf, size_t size)
{
	const char	*dot = name.n == 0 ? NULL : memchr(name.p, '.', name.n);
	struct slice	 field = name;
	struct nearest	 near;
	enum field	 f;

	if (dot != NULL)
		field.n = (size_t)(dot - name.p);
	if ((f = report_field_by_name(field)) != RF_MAX) {
		explain_part(name, f, buf, size);
		return;
	}
	nearest_init(&near, field);
	for (f = 0; f < RF_MAX; f++)
		nearest_try(&near, report_fields[f].name);
	if (near.best[0] == NULL)
		snprintf(buf, size, "no event has a field %.*s; rptcut -l lists them",
		    (int)name.n, name.p);
	else
		snprintf(buf, size, "no event has a field %.*s; nearest: %s%s%s%s%s",
		    (int)name.n, name.p, near.best[0],
		    near.best[1] != NULL ? ", " : "",
		    near.best[1] != NULL ? near.best[1] : "",
		    near.best[2] != NULL ? ", " : "",
		    near.best[2] != NULL ? near.best[2] : "");
}
