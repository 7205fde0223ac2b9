/* SPDX-License-Identifier: ISC */
#ifndef LIB_REPLAY_TEXT_H
#define LIB_REPLAY_TEXT_H

/*
 * What commands and replies say, and whether two replies say the same: by their
 * codes, or word for word but for what differs from one time to the next.
 */
#include <stdbool.h>
#include <stdint.h>

#include "lib/slice.h"

#define REPLAY_LINES	64	/* of a reply that are compared word for word */

/* The command without regard to case, blanks before it, and what follows. */
bool	replay_is_verb(struct slice command, const char *verb);
/* AUTH, or a line that it asked for, whose secret was not recorded. */
bool	replay_is_masked(struct slice command);
/* The bytes that follow BDAT; false if the command is another, or cannot be read. */
bool	replay_chunk(struct slice command, uint64_t *size);

/* Replies are lines with an LF behind each, but perhaps the last. */
unsigned replay_code(struct slice reply);	/* 0: it has none */
bool	replay_is_last(struct slice line);	/* does the reply end with it? */
struct slice replay_last(struct slice reply);	/* its last line */
/* The name behind the code of a banner. */
struct slice replay_banner_name(struct slice reply);
/* Is there a line that, behind its code, is this word in any case? */
bool	replay_has_line(struct slice reply, const char *word);
/* Have they the same code, and the same enhanced code or none? */
bool	replay_alike(struct slice a, struct slice b);

/*
 * A line without its code, in which identifiers, dates, addresses in brackets
 * and names of hosts, also own, the server's name for itself, have become "*".
 * In buf, cut to size.
 */
struct slice replay_mask(struct slice line, struct slice own, char *buf, size_t size);

struct replay_compare {
	struct {
		struct slice	 line[REPLAY_LINES];
		uint64_t	 hash[REPLAY_LINES];
		size_t		 n, next;
		bool		 paired[REPLAY_LINES];
	} side[2];
};

/* Side 0 is expected, side 1 what was got, each with the server's own name. */
void	replay_compare_init(struct replay_compare *, const struct slice reply[2],
	    const struct slice own[2]);
/*
 * 1 and the next pair of lines that differ, one of them SLICE_NONE where the
 * other side has nothing left; 0 if there is none.  The order of lines does not
 * matter, but that of codes does.
 */
int	replay_compare_next(struct replay_compare *, struct slice pair[2]);

#endif
