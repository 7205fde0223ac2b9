/* SPDX-License-Identifier: ISC */
#ifndef SMTPD_TABLE_CONTENT_H
#define SMTPD_TABLE_CONTENT_H

/*
 * What a table holds: entries in the order written, and the indexes made of
 * them when they are first asked.  Private to table*.c.
 */
#include <sys/types.h>

#include <regex.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "smtpd/table.h"

/*
 * One line of a file, or one element of an inline table.  A line can be read
 * as a list's item or as a mapping's key and value; which of the two matters
 * is known only when the table is asked.
 */
struct table_entry {
	const char	*text;
	uint32_t	 item;		/* bytes of the list item */
	uint32_t	 key;		/* bytes of the mapping key */
	uint32_t	 at;		/* offset of the value in text */
	uint32_t	 value;		/* bytes of the value; 0: none */
};

/* Entries by item or key, case ignored, open addressing. */
struct table_index {
	uint32_t	*slots;		/* entry number + 1; 0 empty */
	uint32_t	 mask;
};

struct table_nets;			/* table_net.c */

struct table_stamp {			/* a file as stat(2) tells it from another, or an older one */
	dev_t		 dev;
	ino_t		 ino;
	off_t		 size;
	struct timespec	 mtime;
};

struct table_content {
	char		*text;		/* of the file; NULL if inline, then each entry owns its own */
	size_t		 len;		/* bytes of it */
	struct table_entry *entries;
	size_t		 n, room;

	struct table_index items, keys;
	uint32_t	*globs;		/* entries with `*` elsewhere than in a leading "*." */
	size_t		 nglobs;
	struct table_nets *nets;
	regex_t		*regexes;	/* those that compile */
	size_t		 nregexes;
	bool		 have_globs, have_regexes;

	/* a file as it was when it was read */
	struct table_stamp stamp;
	bool		 steady;	/* and as it was behind that */
	bool		 unsettled;	/* modified within a tick of being read: read it once more */
};

/* What is known of a table's file; times are monotonic nanoseconds. */
struct table_file {
	uint64_t	 next;		/* when it is to be looked at */
	int		 error;		/* errno already logged, 0 none */
	bool		 changing;	/* it is not what was read, but may not be whole yet: */
	bool		 told;		/* that was logged */
	uint64_t	 since;		/* when that was met first */
	struct table_stamp seen;	/* and how it looked at last, */
	uint64_t	 seen_at;	/* met first then */
};

struct table_content *table_content_new(void);
void	 table_content_free(struct table_content *);
/* Appends an entry; -1 with errno. */
int	 table_content_add(struct table_content *, const struct table_entry *);
struct slice table_item(const struct table_entry *);
struct slice table_key(const struct table_entry *);
/* The whole of it as one pattern: a line of a file, or an inline element. */
struct slice table_pattern(const struct table_content *, const struct table_entry *);

/* Looks for the last entry of that item (or key); NULL without error if there is none. */
int	 table_index_find(struct table_content *, struct table_index *,
	    struct slice (*part)(const struct table_entry *), struct slice wanted,
	    const struct table_entry **);

/* Reads the file if it is new or changed.  -1: there is no content at all. */
int	 table_file_refresh(struct table *);
/* Reads it, whatever it was.  -1 with errno: what was there is kept. */
int	 table_file_update(struct table *);
/* Cuts a line of a table file, blanks around it gone, into item, key and value. */
void	 table_file_cut(struct table_entry *, const char *line, size_t n);

/* Is text an address or a CIDR network? */
bool	 table_net_valid(struct slice text);
enum table_answer table_net_match(struct table_content *, struct slice address);
void	 table_nets_free(struct table_nets *);

#endif
