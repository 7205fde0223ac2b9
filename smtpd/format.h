/* SPDX-License-Identifier: ISC */
#ifndef SMTPD_FORMAT_H
#define SMTPD_FORMAT_H

/*
 * Format specifiers of smtpd.conf(5), %{...} in paths and commands.  A value
 * comes from outside: it never becomes a part of a command and never adds a
 * component to a path.  Used by conf (to check) and by deliver (to expand).
 */
#include <stddef.h>

#include "lib/slice.h"

struct format_values {
	struct slice	 sender, rcpt, dest;	/* paths without brackets */
	const char	*username, *directory;
	char		 delim;			/* of sub-addresses */
};

#define FORMAT_PATH_MAX	4096	/* bytes of a path, NUL included */
#define FORMAT_ARGS	32	/* most %{...} in one command */
#define FORMAT_VALUE	1024	/* bytes of an expanded value, NUL included */

struct format_command {
	char		*command;		/* each %{...} is "${N}" in it */
	char		*arg[FORMAT_ARGS];	/* the values, $1 first */
	size_t		 narg;
};

/* NULL, or what is wrong with the template, in static words. */
const char *format_check(const char *path);
const char *format_check_command(const char *command);

/*
 * Expands a path into buf; a relative one, or one that starts with ~/, is
 * below the user's directory.  NULL, or why not, in static words.
 */
const char *format_expand(char *buf, size_t size, const char *path,
    const struct format_values *);
/* The same for a command of sh(1); format_free() it when NULL was returned. */
const char *format_expand_command(struct format_command *, const char *command,
    const struct format_values *);
void	 format_free(struct format_command *);

#endif
