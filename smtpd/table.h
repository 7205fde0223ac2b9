/* SPDX-License-Identifier: ISC */
#ifndef SMTPD_TABLE_H
#define SMTPD_TABLE_H

/*
 * Tables of table(5): lists and mappings, written in smtpd.conf or in a file.
 * A file is read on first use and again when it has changed, a second later at
 * most, or more where it seems not to be whole yet (table_file.c); one that
 * cannot be read leaves the last good content, or says TABLE_ERROR.  Used by
 * conf (to build them), by the lookup process (to ask them), and by smtp (those
 * that are written in smtpd.conf).
 */
#include <sys/queue.h>

#include <stdbool.h>
#include <stddef.h>

#include "lib/slice.h"

enum table_answer { TABLE_ERROR = -1, TABLE_NO, TABLE_YES };

enum table_service {		/* how a key is compared with the entries */
	TABLE_STRING,		/* ASCII case ignored */
	TABLE_DOMAIN,		/* a domain, `*` globs allowed in entries */
	TABLE_NETADDR,		/* an address in text or "local"; entries addresses, CIDR, local */
	TABLE_MAILADDR,		/* user@domain; entries user@domain, @domain, user, domain */
	TABLE_REGEX		/* entries are extended regular expressions, case ignored */
};

struct table {
	TAILQ_ENTRY(table) entry;
	char		*name;		/* "<dynamic:N>" for inline lists */
	char		*path;		/* NULL: written in smtpd.conf */
	bool		 mapping;	/* as declared; a file decides line by line */
	struct table_content *content;	/* NULL: a file that was not read yet */
	struct table_file *file;	/* NULL without a path */
};

struct table	*table_new(const char *name, const char *path);
void		 table_free(struct table *);
/* Adds an entry to a table written in smtpd.conf, before it is asked; value SLICE_NONE in a list. */
int		 table_add(struct table *, struct slice key, struct slice value);
/*
 * Are the entries written in smtpd.conf good for the service?  NULL, or what is
 * wrong with *bad.  Files are not looked at.
 */
const char	*table_check(const struct table *, enum table_service, struct slice *bad);
/* Is key in it, compared as the service says? */
enum table_answer table_match(struct table *, enum table_service, struct slice key);
/*
 * Entry i, from 0, in the order written: a list's item and SLICE_NONE, or a
 * mapping's key and value; which of the two a file holds is the caller's to
 * know.  Valid until the next call on the table; NO behind the last.
 */
enum table_answer table_nth(struct table *, size_t i, bool mapping, struct slice *key, struct slice *value);
/*
 * Reads the file now, and believes that it is whole: the number of entries in
 * *n.  -1 with errno: the table is as it was.
 */
int		 table_update(struct table *, size_t *n);
/* The value of key (case ignored) in *value, valid until the next call on the table. */
enum table_answer table_get(struct table *, struct slice key, struct slice *value);

#endif
