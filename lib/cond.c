/* SPDX-License-Identifier: ISC */
/*
 * Conditions asked of records.
 */
#include <stdlib.h>

#include "lib/cond_regex.h"
#include "lib/cond_value.h"
#include "lib/nitems.h"
#include "lib/report_list.h"

/* Lists whose items at one place are of one recipient. */
static const enum field	 columns[] = { RF_RECIPIENT, RF_RCPT_RESULT, RF_EVPID,
    RF_FATE, RF_DELAY, RF_ATTEMPTS };
#define COLUMNS		nitems(columns)

/* A value as the text that it stands for. */
static struct slice
decoded(struct cond *c, struct slice s)
{
	char	*p;

	if (s.n == 0 || memchr(s.p, '%', s.n) == NULL)
		return s;
	if (s.n > c->room) {
		if ((p = realloc(c->text, s.n * 2)) == NULL)
			return s;
		c->text = p;
		c->room = s.n * 2;
	}
	return report_decode(s, c->text, c->room);
}

static bool
test_value(struct cond *c, const struct cond_node *n, struct slice s)
{
	int	 order;

	if (n->op == OP_EQUAL)
		return cond_value_in(n, s);
	if (n->op == OP_MATCH) {
		order = cond_regex_match(n->regex, s);
		c->failures += order == -1;
		return order == 1;
	}
	order = cond_value_order(n, s);
	switch (n->op) {
	case OP_LESS:
		return order < 0;
	case OP_LESS_EQUAL:
		return order <= 0;
	case OP_GREATER:
		return order == 1;
	default:
		return order == 0 || order == 1;
	}
}

/* Whether any item has the value that is named, and any passes the test. */
static bool
test_items(struct cond *c, const struct cond_node *n, struct slice list, bool *present)
{
	struct slice	 item, s;

	*present = false;
	while (report_item(&list, &item) == 1) {
		if (!report_text_part(decoded(c, item), n->name, &s))
			continue;
		*present = true;
		if (n->type == NODE_PRESENT || test_value(c, n, s))
			return true;
	}
	return false;
}

/* The value that is named, of a field that is no list. */
static bool
value_of(struct cond *c, const struct cond_node *n, const struct report *r,
    struct slice *s)
{
	if (!report_is_derived(r->event))
		return report_value(r, n->name, s);
	return report_has(r, n->name.field) &&
	    report_text_part(decoded(c, r->field[n->name.field]), n->name, s);
}

/* What is absent fails every comparison, != and !~ included. */
static bool
test(struct cond *c, const struct cond_node *n, const struct report *r)
{
	struct slice	 s;
	bool		 present, yes;

	if (n->events != 0)
		return (n->events >> r->event & 1) != 0;
	if (report_is_list(r->event, n->name.field)) {
		yes = report_has(r, n->name.field) &&
		    test_items(c, n, r->field[n->name.field], &present);
		if (!n->negated || !report_has(r, n->name.field))
			return yes;
		return present && !yes;
	}
	if (!value_of(c, n, r, &s))
		return false;
	return n->type == NODE_PRESENT || test_value(c, n, s) != n->negated;
}

/* -- an AND of comparisons with several of the columns -- */

/* COLUMNS if it is none of them. */
static size_t
column_of(enum field f)
{
	size_t	 i;

	for (i = 0; i < COLUMNS && columns[i] != f; i++)
		;
	return i;
}

static bool
may_be_by_item(const struct cond_node *n)
{
	return n->type == NODE_TEST && !n->alone && column_of(n->name.field) < COLUMNS;
}

/* If all are with the same name, any item may make each of them true. */
void
cond_mark_items(struct cond_node *and)
{
	struct cond_node	*n, *first = NULL;

	for (n = and->child; n != NULL; n = n->next) {
		if (!may_be_by_item(n))
			continue;
		if (first == NULL)
			first = n;
		else if (n->name.field != first->name.field ||
		    n->name.part != first->name.part)
			and->has_items = true;
	}
	for (n = and->child; n != NULL && and->has_items; n = n->next)
		n->by_item = may_be_by_item(n);
}

/* Do all of these hold for the items at one place? */
static bool
items_match(struct cond *c, const struct cond_node *and, const struct slice *item)
{
	const struct cond_node	*n;
	struct slice		 s;

	for (n = and->child; n != NULL; n = n->next) {
		if (!n->by_item)
			continue;
		s = item[column_of(n->name.field)];
		if (s.p == NULL || !report_text_part(decoded(c, s), n->name, &s) ||
		    test_value(c, n, s) == n->negated)
			return false;
	}
	return true;
}

static bool
any_items_match(struct cond *c, const struct cond_node *and, const struct report *r)
{
	struct slice	 rest[COLUMNS], item[COLUMNS];
	size_t		 i, n;

	for (i = 0; i < COLUMNS; i++)
		rest[i] = report_has(r, columns[i]) ? r->field[columns[i]] : SLICE_NONE;
	do {
		for (i = n = 0; i < COLUMNS; i++) {
			item[i] = SLICE_NONE;
			n += (size_t)report_item(&rest[i], &item[i]);
		}
		if (n > 0 && items_match(c, and, item))
			return true;
	} while (n > 0);
	return false;
}

static bool
match(struct cond *c, const struct cond_node *n, const struct report *r)
{
	const struct cond_node	*operand = n->child;
	bool			 items;

	switch (n->type) {
	case NODE_AND:
		items = n->has_items && report_is_derived(r->event);
		while (operand != NULL && ((items && operand->by_item) ||
		    match(c, operand, r)))
			operand = operand->next;
		return operand == NULL && (!items || any_items_match(c, n, r));
	case NODE_OR:
		while (operand != NULL && !match(c, operand, r))
			operand = operand->next;
		return operand != NULL;
	case NODE_NOT:
		return !match(c, operand, r);
	default:
		return test(c, n, r);
	}
}

bool
cond_match(struct cond *c, const struct report *r)
{
	return (c->events >> r->event & 1) != 0 && match(c, c->root, r);
}

size_t
cond_failures(const struct cond *c)
{
	return c->failures;
}
