/* SPDX-License-Identifier: ISC */
#ifndef LIB_COND_VALUE_H
#define LIB_COND_VALUE_H

/*
 * Values by the kind of their name: those of an expression into a test, those
 * of a line against it.
 */
#include "lib/cond_node.h"

enum cond_kind	cond_kind_of(struct report_name);
bool		cond_kind_is_ordered(enum cond_kind);

/*
 * Adds a value to the test, whose op and kind are set.  0, or -1 with what
 * would be right in why.
 */
int	cond_value_add(struct cond_node *, struct slice, const struct cond_options *,
	    char *why, size_t size);
/* Is the value of a line, decoded, in the test's set? */
bool	cond_value_in(const struct cond_node *, struct slice);
/* How it compares to the test's range: -1 below, 0 in it, 1 above; 2 if it cannot be compared. */
int	cond_value_order(const struct cond_node *, struct slice);

#endif
