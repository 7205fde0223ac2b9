/* SPDX-License-Identifier: ISC */
#ifndef LIB_COND_NODE_H
#define LIB_COND_NODE_H

/*
 * What a condition is made of.  Only the files of cond know this.
 */
#include "lib/cond.h"
#include "lib/cond_set.h"
#include "lib/report_part.h"

struct cond_regex;

enum cond_op {
	OP_EQUAL, OP_LESS, OP_LESS_EQUAL, OP_GREATER, OP_GREATER_EQUAL,
	OP_MATCH,
	OP_MAX
};

/* How the values of a name are compared. */
enum cond_kind {
	KIND_TEXT,
	KIND_HOST,		/* case is ignored */
	KIND_MAIL,
	KIND_ID,
	KIND_NUMBER,
	KIND_SECONDS,
	KIND_TIME,
	KIND_ADDRESS,		/* with its port */
	KIND_IP,
	KIND_DIALECT,		/* in order of age */
	KIND_TLS,		/* a version of it */
	KIND_MAX
};

enum cond_node_type { NODE_AND, NODE_OR, NODE_NOT, NODE_PRESENT, NODE_TEST };

struct cond_node {
	enum cond_node_type type;
	struct cond_node *child;	/* of AND, OR, NOT: the first operand */
	struct cond_node *next;		/* the parent's next operand */
	struct report_name name;	/* of PRESENT and TEST */
	enum cond_op	 op;		/* of TEST, as what follows */
	enum cond_kind	 kind;
	bool		 negated;	/* != and !~: not of == and ~, where there is a value */
	bool		 alone;		/* it stands in parentheses of its own */
	bool		 by_item;	/* it and others of its AND are of the same item */
	bool		 has_items;	/* of AND: there are such operands */
	struct cond_set	 set;		/* OP_EQUAL: any of it; an order: its only range */
	uint64_t	 events;	/* == and in of the event: bit 1 << EV_x */
	struct slice	 literal;	/* the set's only text, if a line that matches holds it */
	struct cond_regex *regex;
};

#define COND_KEYS	8	/* more events than that are looked up by name */

/* The name of an event, and its first bytes, where mask has bits. */
struct cond_event_key {
	uint64_t	 bytes, mask;
	struct slice	 name;
};

struct cond {
	struct cond_node *root;
	uint64_t	 events;	/* bit 1 << EV_x: it can hold for such a record */
	struct slice	 literal;	/* every line for which it holds has it; may be empty */
	bool		 any_case;	/* its letters, all small, may be capitals there */
	struct cond_event_key key[COND_KEYS];	/* of those events */
	size_t		 keys;		/* 0: they are too many */
	size_t		 failures;
	char		*text;		/* room for a decoded value */
	size_t		 room;
};

/* Finds out which operands of an AND are of the same item of parallel lists. */
void	cond_mark_items(struct cond_node *);
/* Fills in what cond_may_match looks at. */
void	cond_need(struct cond *);

#endif
