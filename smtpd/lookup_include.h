/* SPDX-License-Identifier: ISC */
#ifndef SMTPD_LOOKUP_INCLUDE_H
#define SMTPD_LOOKUP_INCLUDE_H

/* :include: files of aliases.  lookup process. */
#include "lib/slice.h"

#define INCLUDE_MAX	(1024 * 1024)	/* bytes of a file */

/* Reads a file; the memory, which *text points into, is the caller's.  NULL with errno. */
char	*include_read(struct slice path, struct slice *text);
/* Cuts the next line that is not blank and no comment off *text: 1, or 0 at its end. */
int	 include_line(struct slice *text, struct slice *line);

#endif
