/* SPDX-License-Identifier: ISC */
#ifndef LIB_COND_LEX_H
#define LIB_COND_LEX_H

/*
 * The tokens of an expression.
 */
#include <stdbool.h>
#include <stddef.h>

#include "lib/slice.h"

enum cond_token_kind {
	TOKEN_END,
	TOKEN_WORD,		/* a name, a keyword, or a value */
	TOKEN_TEXT,		/* "quoted": always a value */
	TOKEN_OPERATOR,
	TOKEN_OPEN, TOKEN_CLOSE, TOKEN_COMMA,
	TOKEN_BAD		/* none: text is where it begins */
};

struct cond_token {
	enum cond_token_kind kind;
	struct slice	 text;		/* without quotes; its \" and \\ are " and \ */
	size_t		 column;	/* from 1 */
};

struct cond_lex {
	const char	*start, *p;
	char		*buf;		/* of the texts of tokens: as long as the expression */
};

/* 0, or -1 with errno.  The expression must stay where it is. */
int	cond_lex_init(struct cond_lex *, const char *expression);
void	cond_lex_free(struct cond_lex *);
/*
 * The next token; where a value may stand it goes on to a blank, a comma, a
 * parenthesis or a quote, so that "<unknown>" and "^5" need no quotes.
 */
struct cond_token cond_lex_next(struct cond_lex *, bool value);

#endif
