/* SPDX-License-Identifier: ISC */
#ifndef LIB_REPORT_PART_H
#define LIB_REPORT_PART_H

/*
 * Names of values: a field, or a part of one by suffix ("src.ip", "src.port",
 * "address.user", "address.domain", "tls.version", "tls.cipher", "tls.bits").
 */
#include <stdbool.h>

#include "lib/report.h"

enum part {
	PART_WHOLE,
	PART_IP, PART_PORT,
	PART_USER, PART_DOMAIN,
	PART_VERSION, PART_CIPHER, PART_BITS,
	PART_MAX
};

struct report_part {
	const char	*name;
	enum field_type	 type;		/* of the fields that have it */
};
extern const struct report_part report_parts[PART_MAX];	/* PART_WHOLE has no name */

struct report_name {
	enum field	 field;
	enum part	 part;
};

/* 0, or -1 if there is no such name. */
int	report_name_parse(struct slice, struct report_name *);
/* The part of a field's text, or of an item of a list; false: it has none. */
bool	report_text_part(struct slice text, struct report_name, struct slice *value);
/* Has this record such a value?  If so, *value points into it. */
bool	report_value(const struct report *, struct report_name, struct slice *value);

#endif
