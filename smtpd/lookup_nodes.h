/* SPDX-License-Identifier: ISC */
#ifndef SMTPD_LOOKUP_NODES_H
#define SMTPD_LOOKUP_NODES_H

/*
 * The names and addresses met while one recipient is expanded, each once, in
 * the order in which they were found, and the memory of their texts.
 * lookup process.
 */
#include "smtpd/lookup.h"

struct node {
	enum value_kind	 kind;		/* VALUE_ADDRESS, VALUE_USER or VALUE_FINAL_USER */
	struct slice	 text;
	struct slice	 dest;		/* the address that led here */
	const struct rule *rule;	/* of that address; NULL: not asked yet */
	unsigned	 depth;
};

/* Forgets all. */
void	 nodes_reset(void);
/* Adds a node whose texts live long enough: 1, 0 if it is there, -1 if there are too many. */
int	 nodes_add(const struct node *);
/* Node i in order, or NULL; valid until the next nodes_add(). */
const struct node *nodes_get(size_t i);

/* Room for n bytes until nodes_reset(); NULL if there is no memory. */
char	*nodes_alloc(size_t n);
/* A copy that lives until then; SLICE_NONE if there is no memory. */
struct slice nodes_copy(struct slice);

#endif
