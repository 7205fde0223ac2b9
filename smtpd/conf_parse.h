/* SPDX-License-Identifier: ISC */
#ifndef SMTPD_CONF_PARSE_H
#define SMTPD_CONF_PARSE_H

/*
 * The parser of smtpd.conf: tokens, errors, and the tables of words that each
 * directive is made of.  Private to conf*.c.  Functions that read the text
 * return -1 after having reported what is wrong.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "lib/nearest.h"
#include "lib/nitems.h"
#include "smtpd/conf.h"
#include "smtpd/table.h"

enum conf_kind {
	TOKEN_WORD,		/* not quoted: may be a keyword */
	TOKEN_STRING,		/* quoted: never one */
	TOKEN_PUNCT,		/* { } < > ( ) , = => ! */
	TOKEN_EOL,
	TOKEN_EOF
};

struct conf_token {
	enum conf_kind	 kind;
	char		*text;
	size_t		 size;
	const char	*file;
	unsigned	 line, column;	/* from 1; of the $ if a macro gave it */
};

struct conf_frame;		/* conf_lex.c: a file or macro being read */
struct conf_macro;
struct conf_check;

struct conf_parser {
	struct conf	*conf;
	FILE		*errors;
	unsigned	 nerrors;
	bool		 muted;		/* this directive's error was reported */
	bool		 read_files;	/* includes come from the disk, not only from sources */

	struct conf_token token;	/* the last one read */
	size_t		 room;		/* of token.text */
	bool		 pushed;	/* token is to be read again */
	unsigned	 depth;		/* of braces */
	struct conf_frame *frame;
	struct conf_macro *macros;
	struct conf_check *checks, **checks_end;

	unsigned	 ndynamic;	/* inline tables */
	unsigned	 nincludes;
	unsigned	 nrule_filters;	/* different ones that rules name */
};

/* -- conf_lex.c -- */

/* The next token, in p->token; what is no token is reported and ends the line. */
enum conf_kind	 conf_next(struct conf_parser *);
void	 conf_back(struct conf_parser *);
bool	 conf_is_word(const struct conf_parser *, const char *);
bool	 conf_is_punct(const struct conf_parser *, const char *);
bool	 conf_is_end(const struct conf_parser *);
/* Takes the next token if it is that punctuation. */
bool	 conf_accept(struct conf_parser *, const char *punct);
/* After an error: to the end of the statement. */
void	 conf_skip(struct conf_parser *);
void	 conf_push_file(struct conf_parser *, const struct conf_source *);
/* Is the file being read right now (an include of itself)? */
bool	 conf_reading(const struct conf_parser *, const struct conf_source *);
/* One given with -D stays. */
void	 conf_macro_set(struct conf_parser *, const char *name, const char *value, bool fixed);
void	 conf_lex_free(struct conf_parser *);

/* -- conf_error.c -- */

/* At the last token, or at one kept; returns -1. */
int	 conf_error(struct conf_parser *, const char *fmt, ...)
	    __attribute__((format(printf, 2, 3)));
int	 conf_error_at(struct conf_parser *, const struct conf_token *, const char *fmt, ...)
	    __attribute__((format(printf, 3, 4)));

/* `; did you mean "x"?`, or nothing if no name is near; valid until the next call. */
const char *conf_nearest_hint(const struct nearest *);

/* -- conf_value.c -- */

/* A word that a directive or an option begins with. */
struct conf_word {
	const char	*name;
	/* NULL: not supported yet, or, with instead, an old spelling. */
	int		(*parse)(struct conf_parser *, const struct conf_word *, void *);
	const char	*instead;
	int		 value;		/* for parse */
	unsigned	 once;		/* a bit: words that share it exclude each other; 0: any number */
};

/* Finds the row of the last token; NULL after an error.  what: "listen option" or so. */
const struct conf_word *conf_word_find(struct conf_parser *, const struct conf_word *, size_t n,
	    const char *what);
bool	 conf_word_known(const struct conf_parser *, const struct conf_word *, size_t n);
/* Reads options to the end of the line; *seen collects their once bits. */
int	 conf_options(struct conf_parser *, const struct conf_word *, size_t n, const char *what,
	    unsigned *seen, void *arg);
/* Reads the word after a directive and, by its row, what belongs to it; parse is given the conf. */
int	 conf_second_word(struct conf_parser *, const struct conf_word *, size_t n, const char *what);

/* Each reads one token.  what says what it should be, with its article: "a port". */
int	 conf_string(struct conf_parser *, const char *what, char **out);
int	 conf_lower(struct conf_parser *, const char *what, char **out);	/* names whose case does not matter */
int	 conf_path(struct conf_parser *, const char *what, char **out);	/* absolute */
int	 conf_number(struct conf_parser *, uint64_t min, uint64_t max, size_t *out);
int	 conf_size(struct conf_parser *, uint64_t min, uint64_t max, size_t *out);	/* 35M */
int	 conf_time(struct conf_parser *, int64_t *out);					/* 1h30m */
int	 conf_keyword(struct conf_parser *, const char *);
int	 conf_end(struct conf_parser *);

void	*conf_zalloc(size_t);		/* these end the process if there is no memory */
char	*conf_strdup(const char *);
void	 conf_token_copy(struct conf_token *, const struct conf_token *);
void	 conf_token_free(struct conf_token *);

/* What can be judged only when all was read; the last token is kept for the error. */
void	 conf_defer(struct conf_parser *, int (*)(struct conf_parser *, const struct conf_token *, void *),
	    void *arg);
void	 conf_run_deferred(struct conf_parser *);

/* -- the directives: one row each in conf.c -- */

extern const struct conf_word conf_directives[];
extern const size_t conf_ndirectives;

int	 conf_parse_action(struct conf_parser *, const struct conf_word *, void *);
int	 conf_parse_admd(struct conf_parser *, const struct conf_word *, void *);
int	 conf_parse_bounce(struct conf_parser *, const struct conf_word *, void *);
int	 conf_parse_ca(struct conf_parser *, const struct conf_word *, void *);
int	 conf_parse_control(struct conf_parser *, const struct conf_word *, void *);
int	 conf_parse_dns(struct conf_parser *, const struct conf_word *, void *);
int	 conf_parse_filter(struct conf_parser *, const struct conf_word *, void *);
int	 conf_parse_include(struct conf_parser *, const struct conf_word *, void *);
int	 conf_parse_listen(struct conf_parser *, const struct conf_word *, void *);
int	 conf_parse_match(struct conf_parser *, const struct conf_word *, void *);
int	 conf_parse_mta(struct conf_parser *, const struct conf_word *, void *);
int	 conf_parse_old_rule(struct conf_parser *, const struct conf_word *, void *);
int	 conf_parse_old_setting(struct conf_parser *, const struct conf_word *, void *);
int	 conf_parse_pki(struct conf_parser *, const struct conf_word *, void *);
int	 conf_parse_proc(struct conf_parser *, const struct conf_word *, void *);
int	 conf_parse_queue(struct conf_parser *, const struct conf_word *, void *);
int	 conf_parse_report(struct conf_parser *, const struct conf_word *, void *);
int	 conf_parse_smtp(struct conf_parser *, const struct conf_word *, void *);
int	 conf_parse_spool(struct conf_parser *, const struct conf_word *, void *);
int	 conf_parse_srs(struct conf_parser *, const struct conf_word *, void *);
int	 conf_parse_table(struct conf_parser *, const struct conf_word *, void *);

/* What follows `action NAME relay`. */
int	 conf_relay_options(struct conf_parser *, struct action *);

/* -- filters -- */

/* NAME or { NAME, ... }, as other directives say it after `filter`; the names stand above. */
int	 conf_filter_value(struct conf_parser *, struct filter **);
/* Its procs are told of that subsystem. */
void	 conf_filter_attach(struct filter *, enum subsystem);
/* May it have a say in one of the phases?  A proc may in all. */
bool	 conf_filter_asks(const struct filter *, unsigned phases);
/* A command whose program is in one of the directories, with the path; new. */
char	*conf_filter_command(const char *command, const char *const *dirs, size_t n);

enum rule_grammar { RULE_PHASE, RULE_BUILTIN, RULE_FOUNDING };

/* A phase's name, into the filter; then what it looks at and what it does. */
int	 conf_rule_phase(struct conf_parser *, struct filter *);
int	 conf_rule(struct conf_parser *, struct filter *, enum rule_grammar);

struct proc_conf *conf_proc_find(const struct conf *, const char *name);
struct proc_conf *conf_proc_new(struct conf *, const char *name);
/* Reads the name of one that stands above. */
int	 conf_proc_named(struct conf_parser *, struct proc_conf **);
int	 conf_proc_options(struct conf_parser *, struct proc_conf *);
/* Makes it a filter, if it is none. */
int	 conf_proc_filters(struct conf_parser *, struct proc_conf *);
/* When all was read, before what was put off: the protocols of those that did not say one. */
void	 conf_proc_settle(struct conf *);

/* -- values of several directives -- */

/* The next element in braces, on whatever line; does the line begin with a directive? */
void	 conf_element(struct conf_parser *, bool *directive);
/* `<name>`, `{ ... }` or a string; mapping: it must (or must not) have values. */
int	 conf_table_value(struct conf_parser *, bool mapping, struct table **);
struct table *conf_table_new(struct conf *, const char *name, const char *path);
/* What `listen on socket` gives, if the file does not say it. */
void	 conf_listen_default(struct conf *);

#endif
