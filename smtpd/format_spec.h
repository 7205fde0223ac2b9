/* SPDX-License-Identifier: ISC */
#ifndef SMTPD_FORMAT_SPEC_H
#define SMTPD_FORMAT_SPEC_H

/* One %{...}: what format.c shares with format_command.c. */
#include <stdbool.h>
#include <stddef.h>

#include "smtpd/format.h"

struct format_spec {
	size_t		 name;		/* row of the table of names */
	unsigned	 modifiers;
	bool		 range;
	int		 first, last;	/* of the range; last is included */
};

/* p is behind the %{; *end behind the }.  NULL, or what is wrong. */
const char *format_spec_parse(struct format_spec *, const char *p,
    const char **end);
/* The value as a string.  NULL, or why there is none. */
const char *format_spec_expand(const struct format_spec *,
    const struct format_values *, char buf[FORMAT_VALUE]);

#endif
