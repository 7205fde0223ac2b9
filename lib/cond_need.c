/* SPDX-License-Identifier: ISC */
/*
 * What a condition implies, so that most lines need not be parsed: of which
 * events a record can be for which it holds, and bytes that every such line has.
 */
#include "lib/cond_node.h"
#include "lib/report_list.h"

_Static_assert(EV_MAX < 64, "events are bits of a uint64_t");

#define ALL_EVENTS	((1ULL << EV_MAX) - 1)

/* For which events it can hold, and for which it always does. */
struct reach {
	uint64_t	 may, must;
};

static bool
in_order(const uint8_t *order, enum field f)
{
	for (; *order != RF_VERSION; order++)
		if (*order == f)
			return true;
	return false;
}

/* The events that can have the field, in whatever dialect. */
static uint64_t
events_with(enum field f)
{
	const struct report_order	*o;
	enum event_id			 e;
	uint64_t			 events = 0;

	if (f <= RF_SESSION)
		return ALL_EVENTS;
	for (e = 0; e < EV_MAX; e++)
		if (in_order(report_events[e].field, f))
			events |= 1ULL << e;
	for (o = report_orders; o->upto != DIALECT_MAX; o++)
		if (in_order(o->field, f))
			events |= 1ULL << o->event;
	return events;
}

static struct reach
leaf_reach(struct cond_node *n)
{
	struct reach	 r = { events_with(n->name.field), 0 };
	enum event_id	 e;

	if (n->name.field != RF_EVENT)
		return r;
	if (n->type == NODE_PRESENT)
		r.must = ALL_EVENTS;
	if (n->type == NODE_PRESENT || n->op != OP_EQUAL)
		return r;
	r.may = 0;
	for (e = 0; e < EV_MAX; e++)
		if (cond_set_has_text(&n->set, slice_str(report_events[e].name)) != n->negated)
			r.may |= 1ULL << e;
	r.must = n->events = r.may;
	return r;
}

static struct reach
reach(struct cond_node *n)
{
	struct cond_node	*c;
	struct reach		 r, operand;

	switch (n->type) {
	case NODE_AND:
		r = (struct reach){ ALL_EVENTS, ALL_EVENTS };
		for (c = n->child; c != NULL; c = c->next) {
			operand = reach(c);
			r = (struct reach){ r.may & operand.may, r.must & operand.must };
		}
		return r;
	case NODE_OR:
		r = (struct reach){ 0, 0 };
		for (c = n->child; c != NULL; c = c->next) {
			operand = reach(c);
			r = (struct reach){ r.may | operand.may, r.must | operand.must };
		}
		return r;
	case NODE_NOT:
		operand = reach(n->child);
		return (struct reach){ ALL_EVENTS & ~operand.must,
		    ALL_EVENTS & ~operand.may };
	default:
		return leaf_reach(n);
	}
}

/* The longest run of it that no event writes encoded. */
static struct slice
plain_run(struct slice s)
{
	struct slice	 best = { s.p, 0 };
	size_t		 i, from = 0;

	for (i = 0; i <= s.n; i++)
		if (i == s.n || strchr("|,%", s.p[i]) != NULL) {
			if (i - from > best.n)
				best = slice_make(s.p + from, i - from);
			from = i + 1;
		}
	return best;
}

/*
 * What a line has in which this value stands, as it is written there: but for
 * the case of an identifier's letters.
 */
static struct slice
leaf_literal(const struct cond_node *n)
{
	struct slice	 s = n->literal;
	const char	*at;

	/* The beginning of every line has these, or stands for them. */
	if (n->type != NODE_TEST || n->negated || s.n == 0 ||
	    n->set.texts + n->set.ranges != 1 || n->name.field < RF_SESSION)
		return SLICE("");
	if ((n->set.fold == FOLD_ALL && n->kind != KIND_ID) || n->kind == KIND_ADDRESS)
		return SLICE("");
	if (n->set.fold == FOLD_DOMAIN && (at = memrchr(s.p, '@', s.n)) != NULL)
		s.n = (size_t)(at - s.p) + 1;
	return plain_run(s);
}

/* The longest that it implies, into the condition. */
static void
take_literal(struct cond *c, const struct cond_node *n)
{
	struct slice	 s;
	size_t		 i;

	if (n->type == NODE_AND) {
		for (n = n->child; n != NULL; n = n->next)
			take_literal(c, n);
		return;
	}
	if ((s = leaf_literal(n)).n <= c->literal.n)
		return;
	c->literal = s;
	c->any_case = false;
	for (i = 0; i < s.n && n->kind == KIND_ID; i++)
		c->any_case |= s.p[i] > '9';
}

static void
make_key(struct cond_event_key *k, const char *name)
{
	*k = (struct cond_event_key){ .name = slice_str(name) };
	memset(&k->mask, 0xff,
	    k->name.n < sizeof(k->mask) ? k->name.n : sizeof(k->mask));
	memcpy(&k->bytes, name, k->name.n < sizeof(k->bytes) ? k->name.n :
	    sizeof(k->bytes));
}

void
cond_need(struct cond *c)
{
	enum event_id	 e;

	c->events = reach(c->root).may;
	take_literal(c, c->root);
	if (__builtin_popcountll(c->events) > COND_KEYS)
		return;
	for (e = 0; e < EV_MAX; e++)
		if ((c->events >> e & 1) != 0)
			make_key(&c->key[c->keys++], report_events[e].name);
}
