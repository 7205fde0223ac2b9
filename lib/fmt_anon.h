/* SPDX-License-Identifier: ISC */
#ifndef LIB_FMT_ANON_H
#define LIB_FMT_ANON_H

/*
 * Pseudonyms: mail addresses, names, and addresses of hosts in records become
 * others, the same for the same, so that what could be joined still can.  Texts
 * lose all but their verb or code.  Ids, times, sizes and outcomes stay.
 */
#include "lib/report.h"

#define FMT_ANON_KEY_MIN	16	/* bytes that a key file has to have */

struct fmt_anon;

/*
 * The key is in a file (NULL: it is random).  NULL with errno; EINVAL: the file
 * has less than FMT_ANON_KEY_MIN bytes.
 */
struct fmt_anon *fmt_anon_new(const char *file);
void	fmt_anon_free(struct fmt_anon *);
/*
 * Replaces values of the record by pseudonyms, which are valid until the next
 * call; *bound becomes a number of bytes that all its values do not exceed.
 * 0, or -1 with errno if there is no memory.
 */
int	fmt_anon_record(struct fmt_anon *, struct report *, size_t *bound);

#endif
