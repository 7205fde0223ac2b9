/* SPDX-License-Identifier: ISC */
/*
 * An expression to a condition: the grammar, and what is wrong with what is
 * none.  "and" binds more closely than "or", "not" more than both.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/cond_lex.h"
#include "lib/cond_regex.h"
#include "lib/cond_value.h"
#include "lib/nitems.h"
#include "lib/report_name.h"

#define DEPTH_MAX	200	/* of parentheses and nots */
#define QUOTED_MAX	80	/* of a token in an error */

struct parser {
	struct cond_lex			 lex;
	struct cond_token		 token;		/* not taken yet */
	const struct cond_options	*options;
	struct cond_error		*error;
	unsigned			 depth;
};

static struct cond_node *parse_or(struct parser *);

/* -- errors -- */

/* The first one counts.  Always NULL. */
static void *
wrong(struct parser *p, size_t column, struct slice token, const char *why)
{
	struct cond_error	*e = p->error;
	char			 quoted[QUOTED_MAX];
	struct slice		 s;

	if (e->column != 0)
		return NULL;
	e->column = column;
	s = report_safe(quoted, sizeof(quoted), token, true);
	if (token.n == 0)
		snprintf(e->text, sizeof(e->text), "%s", why);
	else
		snprintf(e->text, sizeof(e->text), "%.*s: %s", (int)s.n, s.p, why);
	return NULL;
}

static void *
wrong_token(struct parser *p, const char *why)
{
	char	 end[128];

	if (p->token.kind == TOKEN_BAD && *p->token.text.p == '"')
		why = "a quoted value ends in \"";
	else if (p->token.kind == TOKEN_END) {
		snprintf(end, sizeof(end), "the expression ends here; %s", why);
		why = end;
	}
	return wrong(p, p->token.column, p->token.text, why);
}

static void *
out_of_memory(struct parser *p)
{
	return wrong(p, p->token.column, SLICE(""), strerror(ENOMEM));
}

/* -- tokens -- */

static void
advance(struct parser *p, bool value)
{
	p->token = cond_lex_next(&p->lex, value);
}

static bool
is_word(const struct parser *p, const char *word)
{
	return p->token.kind == TOKEN_WORD && slice_eqi(p->token.text, slice_str(word));
}

static bool
is_keyword(const struct parser *p)
{
	return is_word(p, "and") || is_word(p, "or") || is_word(p, "not") ||
	    is_word(p, "in");
}

/* -- nodes -- */

static void
node_free(struct cond_node *n)
{
	struct cond_node	*next;

	for (; n != NULL; n = next) {
		next = n->next;
		node_free(n->child);
		cond_set_free(&n->set);
		cond_regex_free(n->regex);
		free(n);
	}
}

static struct cond_node *
node_new(struct parser *p, enum cond_node_type type, struct cond_node *child)
{
	struct cond_node	*n = calloc(1, sizeof(*n));

	if (n == NULL) {
		node_free(child);
		return out_of_memory(p);
	}
	n->type = type;
	n->child = child;
	return n;
}

/* -- tests -- */

static const struct {
	const char	*text;
	enum cond_op	 op;
	bool		 negated;
	const char	*instead;	/* not ours: what to write */
} operators[] = {
	{ "==",	OP_EQUAL,		false,	NULL },
	{ "!=",	OP_EQUAL,		true,	NULL },
	{ "<",	OP_LESS,		false,	NULL },
	{ "<=",	OP_LESS_EQUAL,		false,	NULL },
	{ ">",	OP_GREATER,		false,	NULL },
	{ ">=",	OP_GREATER_EQUAL,	false,	NULL },
	{ "~",	OP_MATCH,		false,	NULL },
	{ "!~",	OP_MATCH,		true,	NULL },
	{ "=~",	OP_MAX,			false,	"a regular expression is compared by ~" },
	{ "=",	OP_MAX,			false,	"equal is written ==" },
	{ "!",	OP_MAX,			false,	"not is written not" },
	{ "&&",	OP_MAX,			false,	"write and" },
	{ "&",	OP_MAX,			false,	"write and" },
	{ "||",	OP_MAX,			false,	"write or" },
	{ "|",	OP_MAX,			false,	"write or" },
};

/* The row of an operator; what is none of ours is an error. */
static int
operator_of(struct parser *p)
{
	size_t	 i;

	for (i = 0; i < nitems(operators); i++)
		if (slice_eq(p->token.text, slice_str(operators[i].text)))
			break;
	if (p->token.kind != TOKEN_OPERATOR || i == nitems(operators))
		return -1;
	if (operators[i].instead != NULL)
		wrong_token(p, operators[i].instead);
	return operators[i].instead != NULL ? -1 : (int)i;
}

static int
add_value(struct parser *p, struct cond_node *n)
{
	char	 why[256];

	if (cond_value_add(n, p->token.text, p->options, why, sizeof(why)) == 0)
		return 0;
	wrong(p, p->token.column, p->token.text, why);
	return -1;
}

static bool
is_value(struct parser *p)
{
	if (p->token.kind == TOKEN_TEXT)
		return true;
	if (p->token.kind == TOKEN_WORD && p->token.text.p[0] == '\'')
		wrong_token(p, "a text stands in double quotes");
	else if (p->token.kind == TOKEN_WORD && !is_keyword(p))
		return true;
	else
		wrong_token(p, is_keyword(p) ?
		    "a value is needed here; to compare with this word, quote it" :
		    "a value is needed here");
	return false;
}

static int
parse_regex(struct parser *p, struct cond_node *n)
{
	char	 error[128], why[160];
	size_t	 offset;

	n->regex = cond_regex_compile(p->token.text, p->options->ignore_case,
	    error, sizeof(error), &offset);
	if (n->regex != NULL)
		return 0;
	snprintf(why, sizeof(why), "at offset %zu: %s", offset, error);
	wrong(p, p->token.column, p->token.text, why);
	return -1;
}

/* What follows ==, ~ and so on. */
static int
parse_operand(struct parser *p, struct cond_node *n)
{
	if (n->op != OP_EQUAL && n->op != OP_MATCH && !cond_kind_is_ordered(n->kind)) {
		wrong_token(p, "what is neither number, time nor version is compared by "
		    "==, !=, ~, !~ and in");
		return -1;
	}
	advance(p, true);
	if (p->token.kind == TOKEN_OPEN && n->op == OP_EQUAL)
		wrong_token(p, "a set of values follows in");
	if (p->token.kind == TOKEN_OPEN && n->op == OP_MATCH)
		wrong_token(p, "a regular expression with parentheses is quoted");
	if (!is_value(p) || (n->op == OP_MATCH ? parse_regex(p, n) : add_value(p, n)) == -1)
		return -1;
	if (n->op == OP_EQUAL && n->set.texts == 1)
		n->literal = n->set.only;
	return 0;
}

/* -- sets -- */

/* (a, b, c): the parenthesis is open. */
static int
parse_list(struct parser *p, struct cond_node *n)
{
	do {
		advance(p, true);
		if (!is_value(p) || add_value(p, n) == -1)
			return -1;
		advance(p, false);
	} while (p->token.kind == TOKEN_COMMA);
	if (p->token.kind == TOKEN_CLOSE)
		return 0;
	wrong_token(p, "between the values of a set stands a comma, behind them )");
	return -1;
}

static int
add_line(struct parser *p, struct cond_node *n, struct slice line, struct slice name,
    size_t number)
{
	char		 why[256], safe[QUOTED_MAX], text[512];
	struct slice	 s;

	while (line.n > 0 && (line.p[line.n - 1] == '\n' || line.p[line.n - 1] == '\r'))
		line.n--;
	if (line.n == 0 || *line.p == '#' ||
	    cond_value_add(n, line, p->options, why, sizeof(why)) == 0)
		return 0;
	s = report_safe(safe, sizeof(safe), line, true);
	snprintf(text, sizeof(text), "line %zu: %.*s: %s", number, (int)s.n, s.p, why);
	wrong(p, p->token.column, name, text);
	return -1;
}

/* @file: one value a line. */
static int
parse_file(struct parser *p, struct cond_node *n)
{
	struct slice	 name = p->token.text;
	char		*path, *line = NULL;
	size_t		 room = 0, number = 0;
	ssize_t		 length;
	int		 status = 0;
	FILE		*f;

	if ((path = strndup(name.p + 1, name.n - 1)) == NULL) {
		out_of_memory(p);
		return -1;
	}
	f = fopen(path, "re");
	errno = f == NULL ? errno : 0;
	while (f != NULL && status == 0 && (length = getline(&line, &room, f)) != -1)
		status = add_line(p, n, slice_make(line, (size_t)length), name, ++number);
	if (f == NULL || ferror(f)) {
		wrong(p, p->token.column, name, strerror(errno));
		status = -1;
	}
	if (f != NULL)
		fclose(f);
	free(line);
	free(path);
	return status;
}

/* What follows in: (a, b), @file, or one value, as a net. */
static int
parse_set(struct parser *p, struct cond_node *n)
{
	n->op = OP_EQUAL;
	advance(p, true);
	if (p->token.kind == TOKEN_OPEN)
		return parse_list(p, n);
	if (p->token.kind == TOKEN_WORD && p->token.text.n > 1 && *p->token.text.p == '@')
		return parse_file(p, n);
	return !is_value(p) ? -1 : add_value(p, n);
}

/* -- the grammar; p->token is the first token of what is read, then the one behind it -- */

static int
parse_comparison(struct parser *p, struct cond_node *n)
{
	int	 row;

	if (is_word(p, "in")) {
		n->type = NODE_TEST;
		if (parse_set(p, n) == -1)
			return -1;
	} else if (is_word(p, "not")) {
		wrong_token(p, "not stands before the name: not NAME in ...");
		return -1;
	} else if ((row = operator_of(p)) != -1) {
		n->type = NODE_TEST;
		n->op = operators[row].op;
		n->negated = operators[row].negated;
		if (parse_operand(p, n) == -1)
			return -1;
	} else
		return p->error->column == 0 ? 0 : -1;
	cond_set_done(&n->set);
	advance(p, false);
	return 0;
}

/* A name alone, or compared. */
static struct cond_node *
parse_name(struct parser *p)
{
	struct cond_node	*n;
	struct report_name	 name;
	char			 why[256];

	if (p->token.kind != TOKEN_WORD || is_keyword(p))
		return wrong_token(p, "the name of a field is needed here, or not, or (");
	if (report_name_parse(p->token.text, &name) == -1) {
		report_name_explain(p->token.text, why, sizeof(why));
		return wrong(p, p->token.column, SLICE(""), why);
	}
	if ((n = node_new(p, NODE_PRESENT, NULL)) == NULL)
		return NULL;
	n->name = name;
	n->kind = cond_kind_of(name);
	advance(p, false);
	if (parse_comparison(p, n) == 0)
		return n;
	node_free(n);
	return NULL;
}

static struct cond_node *
parse_primary(struct parser *p)
{
	struct cond_node	*n;

	if (p->token.kind != TOKEN_OPEN)
		return parse_name(p);
	advance(p, false);
	if ((n = parse_or(p)) == NULL)
		return NULL;
	if (p->token.kind == TOKEN_CLOSE) {
		advance(p, false);
		n->alone = true;
		return n;
	}
	node_free(n);
	return wrong_token(p, "one of and, or, ) is needed here");
}

static struct cond_node *
parse_not(struct parser *p)
{
	struct cond_node	*n;

	if (p->depth == DEPTH_MAX)
		return wrong_token(p, "too deeply nested");
	p->depth++;
	if (is_word(p, "not")) {
		advance(p, false);
		if ((n = parse_not(p)) != NULL)
			n = node_new(p, NODE_NOT, n);
	} else
		n = parse_primary(p);
	p->depth--;
	return n;
}

/* Operands with one keyword between them: a node of that type, or the only one. */
static struct cond_node *
parse_operands(struct parser *p, enum cond_node_type type, const char *keyword,
    struct cond_node *(*operand)(struct parser *))
{
	struct cond_node	*first, *last, *n;

	if ((first = last = operand(p)) == NULL)
		return NULL;
	while (is_word(p, keyword)) {
		advance(p, false);
		if ((n = operand(p)) == NULL) {
			node_free(first);
			return NULL;
		}
		last = last->next = n;
	}
	return first == last ? first : node_new(p, type, first);
}

static struct cond_node *
parse_and(struct parser *p)
{
	struct cond_node	*n;

	n = parse_operands(p, NODE_AND, "and", parse_not);
	if (n != NULL && n->type == NODE_AND)
		cond_mark_items(n);
	return n;
}

static struct cond_node *
parse_or(struct parser *p)
{
	return parse_operands(p, NODE_OR, "or", parse_and);
}

static struct cond_node *
parse_all(struct parser *p)
{
	struct cond_node	*n;

	advance(p, false);
	if (p->token.kind == TOKEN_END)
		return wrong(p, 1, SLICE(""), "the expression is empty");
	if ((n = parse_or(p)) == NULL || p->token.kind == TOKEN_END)
		return n;
	node_free(n);
	if (operator_of(p) == -1 && p->error->column != 0)
		return NULL;
	return wrong_token(p, "one of and, or is needed here, or the end; several values stand in parentheses");
}

struct cond *
cond_compile(const char *expression, const struct cond_options *options,
    struct cond_error *error)
{
	struct parser	 p = { .options = options, .error = error };
	struct cond	*c = calloc(1, sizeof(*c));

	*error = (struct cond_error){ .column = 0 };
	if (c == NULL || cond_lex_init(&p.lex, expression) == -1) {
		free(c);
		return out_of_memory(&p);
	}
	c->root = parse_all(&p);
	cond_lex_free(&p.lex);
	if (c->root == NULL) {
		free(c);
		return NULL;
	}
	cond_need(c);
	return c;
}

void
cond_free(struct cond *c)
{
	if (c == NULL)
		return;
	node_free(c->root);
	free(c->text);
	free(c);
}
