/* SPDX-License-Identifier: ISC */
/*
 * What a recipient expands to: rules, virtual domains, aliases, included
 * lists and users, one node after the other until only users are left.
 * lookup process.
 */
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "lib/nitems.h"
#include "lib/smtp_path.h"
#include "smtpd/log.h"
#include "smtpd/lookup.h"
#include "smtpd/lookup_include.h"
#include "smtpd/lookup_nodes.h"
#include "smtpd/srs.h"
#include "smtpd/table.h"

struct expansion {
	const struct conf	*conf;
	const struct ipc_rcpt	*q;
	enum verdict		 verdict;	/* the first that is not OK ends it */
	bool			 circle;	/* a name led to itself */
};

static struct lookup_result	*results;
static size_t			 nresults, room;

#define PR(s)	(int)(s).n, (s).p

static void
refuse(struct expansion *e, enum verdict verdict)
{
	if (e->verdict == VERDICT_OK)
		e->verdict = verdict;
}

static void
add_node(struct expansion *e, const struct node *n)
{
	if (n->text.p == NULL || n->dest.p == NULL) {
		log_warnx("expansion of %.*s: out of memory", PR(e->q->rcpt));
		refuse(e, VERDICT_TEMPFAIL);
		return;
	}
	if (n->depth > LOOKUP_DEPTH) {
		log_warnx("expansion of %.*s: more than %d aliases deep",
		    PR(e->q->rcpt), LOOKUP_DEPTH);
		refuse(e, VERDICT_LOOP);
		return;
	}
	switch (nodes_add(n)) {
	case 0:
		e->circle = true;
		break;
	case -1:
		log_warnx("expansion of %.*s: more than %d names",
		    PR(e->q->rcpt), LOOKUP_NODES);
		refuse(e, VERDICT_LOOP);
		break;
	}
}

static bool
is_atext(struct slice s)
{
	size_t	 i;

	for (i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] < 0x80 && s.p[i] != '.' &&
		    !smtp_is_atext((unsigned char)s.p[i]))
			return false;
	return s.n > 0;
}

/* "user" without quotes and backslashes, as users and tables know it. */
static struct slice
unquote(struct slice local)
{
	char	*p;

	if (local.n == 0 || local.p[0] != '"' || (p = nodes_alloc(local.n)) == NULL)
		return local;
	return slice_make(p, smtp_local_unquote(local, p));
}

static struct slice
join(struct slice local, struct slice domain)
{
	char	*p = nodes_alloc(local.n + domain.n + 2);

	if (p == NULL)
		return SLICE_NONE;
	if (local.n > 0)
		memcpy(p, local.p, local.n);
	p[local.n] = '@';
	if (domain.n > 0)
		memcpy(p + local.n + 1, domain.p, domain.n);
	p[local.n + 1 + domain.n] = '\0';
	return slice_make(p, local.n + 1 + domain.n);
}

/*
 * An address in its plainest form: a domain is always there, quotes are only
 * where they must be, so that no rule is passed by writing "user"@domain.
 */
static struct slice
canonical(struct expansion *e, struct slice address)
{
	struct slice	 local = lookup_local_part(address);
	struct slice	 domain = lookup_domain(address);
	struct slice	 plain = unquote(local);

	if (local.n == address.n)
		domain = slice_str(e->conf->hostname);
	return join(is_atext(plain) ? plain : local, domain);
}

/* Without its sub-address; the same if there is none. */
static struct slice
without_tag(struct expansion *e, struct slice name)
{
	const char	*tag = name.n < 2 ? NULL :
	    memchr(name.p + 1, e->conf->sub_addr_delim, name.n - 1);

	return tag == NULL ? name : slice_make(name.p, tag - name.p);
}

/* One item that stood on the right side for node from. */
static void
add_value(struct expansion *e, const struct node *from, const struct value *v)
{
	struct node	 n = { .kind = v->kind, .text = v->text,
			    .dest = from->dest, .rule = from->rule,
			    .depth = from->depth + 1 };

	switch (v->kind) {
	case VALUE_ADDRESS:
		n.text = n.dest = canonical(e, v->text);
		n.rule = NULL;
		add_node(e, &n);
		break;
	case VALUE_USER:
		/* A name on its own right side means the user. */
		if (from->kind == VALUE_USER && slice_eqi(v->text, from->text))
			n.kind = VALUE_FINAL_USER;
		/* FALLTHROUGH */
	case VALUE_FINAL_USER:
		n.text = nodes_copy(v->text);
		add_node(e, &n);
		break;
	case VALUE_ERROR:
		log_info("alias %.*s: error: %.*s", PR(from->text), PR(v->text));
		refuse(e, v->text.n > 0 && v->text.p[0] == '4' ?
		    VERDICT_TEMPFAIL : VERDICT_ERROR);
		break;
	default:
		log_warnx("alias %.*s: %.*s: %s", PR(from->text), PR(v->text),
		    v->kind == VALUE_COMMAND ?
		    "delivery to a command by alias is not supported" :
		    v->kind == VALUE_FILE ?
		    "delivery to a file by alias is not supported" :
		    "neither a user nor an address");
		refuse(e, VERDICT_TEMPFAIL);
	}
}

static void	add_list(struct expansion *, const struct node *, struct slice,
		    unsigned);

/* A file of addresses, one or a list a line. */
static void
add_include(struct expansion *e, const struct node *from, struct slice path,
    unsigned depth)
{
	struct slice	 text, line;
	char		*buf;

	if (depth > LOOKUP_DEPTH) {
		log_warnx("alias %.*s: included files go in circles",
		    PR(from->text));
		refuse(e, VERDICT_LOOP);
		return;
	}
	if ((buf = include_read(path, &text)) == NULL) {
		log_warn("alias %.*s: %.*s", PR(from->text), PR(path));
		refuse(e, VERDICT_TEMPFAIL);
		return;
	}
	while (e->verdict == VERDICT_OK && include_line(&text, &line))
		add_list(e, from, line, depth + 1);
	free(buf);
}

static void
add_list(struct expansion *e, const struct node *from, struct slice list,
    unsigned depth)
{
	struct value	 v;

	while (e->verdict == VERDICT_OK && lookup_value_next(&list, &v))
		if (v.kind == VALUE_INCLUDE)
			add_include(e, from, v.text, depth);
		else
			add_value(e, from, &v);
}

/* Asks a table; 1 and the values are added, 0 not there; -1 it failed. */
static int
try_key(struct expansion *e, const struct node *from, struct table *table,
    struct slice key)
{
	struct slice	 value;

	switch (table_get(table, key, &value)) {
	case TABLE_YES:
		/* The value may be gone after the next question. */
		value = nodes_copy(value);
		add_list(e, from, value, 0);
		return 1;
	case TABLE_NO:
		return 0;
	default:
		refuse(e, VERDICT_TEMPFAIL);
		return -1;
	}
}

/* virtual <t>: user+tag@domain, user@domain, user+tag, user, @domain, @. */
static int
try_virtual(struct expansion *e, const struct node *from, struct table *table)
{
	struct slice	 domain = lookup_domain(from->text);
	struct slice	 name = unquote(lookup_local_part(from->text));
	struct slice	 bare = without_tag(e, name);
	const struct slice keys[] = {
		join(name, domain), join(bare, domain), name, bare,
		join(SLICE(""), domain), SLICE("@"),
	};
	size_t		 i;
	int		 r;

	for (i = 0; i < nitems(keys); i++) {
		if ((i == 1 || i == 3) && bare.n == name.n)
			continue;
		if ((r = try_key(e, from, table, keys[i])) != 0)
			return r;
	}
	return 0;
}

/* A name without a domain: as it is, then without its sub-address. */
static int
try_name(struct expansion *e, const struct node *from, struct table *table)
{
	struct slice	 bare = without_tag(e, from->text);
	int		 r = try_key(e, from, table, from->text);

	if (r == 0 && bare.n != from->text.n)
		r = try_key(e, from, table, bare);
	return r;
}

/* A recipient that is resolved: once, however many ways led to it. */
static void
add_result(struct expansion *e, const struct node *n, struct slice route)
{
	struct lookup_result	*more;
	struct node		 mark = *n;

	/* As a node of its own kind it is remembered, and so counted, once. */
	mark.kind = VALUE_BAD;
	mark.text = nodes_copy(route);
	if (mark.text.p != NULL && nodes_add(&mark) == 0)
		return;
	if (nresults == room) {
		room = room == 0 ? 64 : room * 2;
		more = realloc(results, room * sizeof(*results));
		if (more == NULL) {
			room = nresults;
			refuse(e, VERDICT_TEMPFAIL);
			return;
		}
		results = more;
	}
	results[nresults++] = (struct lookup_result){ n->rule->action, mark.text, n->dest };
	if (mark.text.p == NULL)
		refuse(e, VERDICT_TEMPFAIL);
}

static void
expand_relay(struct expansion *e, struct node *n)
{
	struct slice	 route;
	enum verdict	 verdict;

	verdict = lookup_relay(n->rule->action, n->text, &n->dest, &route);
	if (verdict == VERDICT_OK)
		add_result(e, n, route);
	else
		refuse(e, verdict);
}

static void
expand_address(struct expansion *e, const struct node *node)
{
	struct node		 n = *node;
	const struct rule	*rule;

	switch (lookup_match(e->conf, e->q, n.text, n.depth > 0, &rule)) {
	case MATCH_ERROR:
		refuse(e, VERDICT_TEMPFAIL);
		return;
	case MATCH_NO:
		if (n.depth > 0)
			log_info("expansion of %.*s: no rule matches %.*s",
			    PR(e->q->rcpt), PR(n.text));
		refuse(e, VERDICT_NO_RULE);
		return;
	case MATCH_YES:
		break;
	}
	if (rule->action == NULL) {
		refuse(e, VERDICT_REJECTED);
		return;
	}
	n.rule = rule;
	if (rule->action->kind == ACTION_RELAY) {
		expand_relay(e, &n);
		return;
	}
	if (rule->action->virtual != NULL) {
		if (try_virtual(e, &n, rule->action->virtual) == 0)
			refuse(e, VERDICT_UNKNOWN_USER);
		return;
	}
	n.kind = VALUE_USER;
	n.text = unquote(lookup_local_part(n.text));
	add_node(e, &n);
}

static void
expand_user(struct expansion *e, const struct node *node)
{
	const struct node	 n = *node;
	const struct action	*action = n.rule->action;
	struct table		*table = action->alias != NULL ?
	    action->alias : action->virtual;
	struct slice		 login = SLICE_NONE;
	struct slice		 bare = without_tag(e, n.text);
	enum user_answer	 answer;

	if (n.kind == VALUE_USER && table != NULL &&
	    try_name(e, &n, table) != 0)
		return;
	answer = lookup_user(n.text, &login);
	if (answer == USER_NO && bare.n != n.text.n)
		answer = lookup_user(bare, &login);
	/* Delivered as the action's user, root's mail needs no rights of root. */
	if (answer == USER_ROOT && action->user != NULL)
		answer = USER_YES;
	switch (answer) {
	case USER_YES:
		add_result(e, &n, action->user != NULL ? slice_str(action->user) : login);
		break;
	case USER_ROOT:
		log_warnx("mail for %.*s (uid 0) is refused: it needs an alias",
		    PR(n.text));
		/* FALLTHROUGH */
	case USER_NO:
		if (n.depth > 0)
			log_info("expansion of %.*s: no user %.*s",
			    PR(e->q->rcpt), PR(n.text));
		refuse(e, VERDICT_UNKNOWN_USER);
		break;
	case USER_ERROR:
		refuse(e, VERDICT_TEMPFAIL);
		break;
	}
}

static void
expand_nodes(struct expansion *e)
{
	const struct node	*n;
	size_t			 i;

	for (i = 0; e->verdict == VERDICT_OK &&
	    (n = nodes_get(i)) != NULL; i++)
		switch (n->kind) {
		case VALUE_ADDRESS:
			expand_address(e, n);
			break;
		case VALUE_USER:
		case VALUE_FINAL_USER:
			expand_user(e, n);
			break;
		default:	/* a result, in its own list already */
			break;
		}
}

/* Does mail for this rewritten sender end here?  Of other hosts' they are addresses like any. */
static bool
is_ours(const struct expansion *e, struct slice address)
{
	const struct rule	*rule;

	return slice_eqi(lookup_domain(address), slice_str(e->conf->hostname)) ||
	    (lookup_match(e->conf, e->q, address, false, &rule) == MATCH_YES &&
	    rule->action != NULL && rule->action->kind != ACTION_RELAY);
}

/*
 * A sender that was rewritten here gets what is sent back to it.  Having our
 * hash it counts as ours, as what comes out of an alias does.
 */
static void
decode_sender(struct expansion *e, struct node *n)
{
	const struct srs_keys	 keys = { e->conf->srs_key, e->conf->srs_key_backup, e->conf->srs_ttl };
	const char		*why;
	char			 buf[SRS_MAX];
	int			 len;

	if (keys.key == NULL || !srs_is_rewritten(n->text) || !is_ours(e, n->text))
		return;
	if ((len = srs_reverse(&keys, n->text, time(NULL), buf, &why)) == -1) {
		log_info("rewritten sender %.*s: %s", PR(n->text), why);
		refuse(e, VERDICT_UNKNOWN_USER);
		return;
	}
	n->text = n->dest = nodes_copy(slice_make(buf, (size_t)len));
	n->depth = 1;
}

/* What all else comes from. */
static struct node
first_node(struct expansion *e)
{
	struct node	 first = { .kind = VALUE_ADDRESS };

	nodes_reset();
	first.text = first.dest = canonical(e, e->q->rcpt);
	if (first.text.p != NULL)
		decode_sender(e, &first);
	return first;
}

enum match
lookup_rule(const struct conf *conf, const struct ipc_rcpt *q, const struct rule **rule)
{
	struct expansion	 e = { .conf = conf, .q = q,
				    .verdict = VERDICT_OK };
	struct node		 first = first_node(&e);

	if (e.verdict != VERDICT_OK || first.text.p == NULL)
		return MATCH_NO;
	return lookup_match(conf, q, first.text, first.depth > 0, rule);
}

enum verdict
lookup_expand(const struct conf *conf, const struct ipc_rcpt *q,
    const struct lookup_result **r, size_t *n)
{
	struct expansion	 e = { .conf = conf, .q = q,
				    .verdict = VERDICT_OK };
	struct node		 first = first_node(&e);

	nresults = 0;
	add_node(&e, &first);
	expand_nodes(&e);
	if (e.verdict == VERDICT_OK && nresults == 0) {
		log_warnx("expansion of %.*s: %s", PR(q->rcpt), e.circle ?
		    "aliases go in circles" : "an alias is empty");
		e.verdict = e.circle ? VERDICT_LOOP : VERDICT_TEMPFAIL;
	}
	*r = results;
	*n = nresults;
	return e.verdict;
}
