/* SPDX-License-Identifier: ISC */
#ifndef SMTPD_LOOKUP_H
#define SMTPD_LOOKUP_H

/*
 * What the parts of the lookup process share: rules, expansion, users.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "smtpd/conf.h"
#include "smtpd/ipc.h"
#include "smtpd/table.h"

/* -- lookup_match.c -- */

enum match { MATCH_ERROR = -1, MATCH_NO, MATCH_YES };

/* The part before the last @ (all, if there is none) and the part behind it. */
struct slice	lookup_local_part(struct slice address);
struct slice	lookup_domain(struct slice address);

/*
 * The first rule that matches dest, asked for by q; internal: dest came out of
 * an alias, which counts as from local.  ERROR: a table failed.
 */
enum match	lookup_match(const struct conf *, const struct ipc_rcpt *q,
		    struct slice dest, bool internal, const struct rule **);

/* -- lookup_local.c -- */

/* Is this address, as text, one of this host's own? */
bool		lookup_own_address(struct slice);
/* Forgets them, to be read again when asked next. */
void		lookup_own_refresh(void);

/* -- lookup_user.c -- */

enum user_answer { USER_ERROR = -1, USER_NO, USER_YES, USER_ROOT };

/* Asks the user data base for name, then in lower case; *login lives until the next call. */
enum user_answer lookup_user(struct slice name, struct slice *login);

/* -- lookup_expand.c -- */

struct lookup_result {		/* a resolved recipient */
	const struct action *action;
	struct slice	 route;		/* login that delivers; relay: as in struct ipc_envelope */
	struct slice	 dest;
};

#define LOOKUP_NODES	10000	/* most names and addresses of one expansion */
#define LOOKUP_DEPTH	20	/* aliases of aliases */

/* The rule that the recipient itself matches, as it is expanded: its filter is asked. */
enum match	lookup_rule(const struct conf *, const struct ipc_rcpt *q, const struct rule **);
/* Expands q->rcpt.  With VERDICT_OK *r are *n results, valid until the next call. */
enum verdict	lookup_expand(const struct conf *, const struct ipc_rcpt *q,
		    const struct lookup_result **r, size_t *n);

/* -- lookup_relay.c -- */

/*
 * What a relay action does with dest: the address that is sent on, as it is
 * written in a command, and the route, both valid until the next expansion.
 */
enum verdict	lookup_relay(const struct action *, struct slice dest, struct slice *address,
		    struct slice *route);

/* -- lookup_query.c -- */

/* The URL for a domain: of itself, of `*.' and one of its parents, of `*'. */
enum table_answer lookup_url(struct table *, struct slice domain, struct slice *url);
/*
 * What relay asks for, of the tables only that its actions name for it.  The
 * value is valid until the next question.
 */
enum table_answer lookup_query(const struct conf *, enum query, struct slice table, struct slice key,
		    struct slice *value);

/* -- lookup_hash.c -- */

/*
 * The hash of a user's password, as the table of that listener has it.  NO:
 * somebody else's, or empty if there is none.  Valid until the next question.
 */
enum table_answer lookup_hash(const struct conf *, uint32_t listener, struct slice user,
		    struct slice *hash);

#define LOOKUP_VALUE	4096	/* bytes of a value at most */

/* -- lookup_update.c -- */

#define LOOKUP_UPDATED	(4096 + 1024)	/* bytes of what is said about it: a path and words */

/* Reads the file of a table again: false and why not, or true and a line about it. */
bool		lookup_update(const struct conf *, struct slice table, char *text, size_t size);

/* -- lookup_value.c -- */

enum value_kind { VALUE_ADDRESS, VALUE_USER, VALUE_FINAL_USER, VALUE_INCLUDE,
		  VALUE_ERROR, VALUE_COMMAND, VALUE_FILE, VALUE_BAD };

struct value {			/* one item of the right side of an alias */
	enum value_kind	 kind;
	struct slice	 text;
};

/* Cuts the next item off *list: 1, or 0 at its end. */
int		lookup_value_next(struct slice *list, struct value *);

#endif
