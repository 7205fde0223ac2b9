/* SPDX-License-Identifier: ISC */
#ifndef LIB_SMTP_PATH_H
#define LIB_SMTP_PATH_H

/*
 * Paths, parameters and names in SMTP commands (RFC 5321 4.1.2, 4.1.3, 4.5.3.1).
 * Everything is a slice into what was given; nothing is allocated.
 */
#include <stdbool.h>
#include <stdint.h>

#include "lib/slice.h"

#define SMTP_PATH_NULL_OK	1	/* <> is a path: MAIL */
#define SMTP_PATH_POSTMASTER_OK	2	/* a local part alone: RCPT */
#define SMTP_PATH_UTF8_OK	4	/* UTF-8: SMTPUTF8 */

struct smtp_path {
	struct slice	 typed;		/* between the brackets, as it was typed */
	struct slice	 mailbox;	/* typed without a source route */
	struct slice	 local;		/* local part, quoted if it was */
	struct slice	 domain;	/* empty for <> and <postmaster> */
};

/*
 * Reads a path in brackets at the start of arg, blanks before it allowed, and leaves what
 * follows it in *params.  0, or -1 if it is none: then out->typed is SLICE_NONE.
 */
int	smtp_path_parse(struct slice arg, unsigned flags, struct smtp_path *out,
	    struct slice *params);
/*
 * The next parameter of *rest: 1, 0 at the end, -1 if there is none where one should be
 * (*rest is then what was wrong).  value is SLICE_NONE without `=`, and may hold UTF-8.
 */
int	smtp_param_next(struct slice *rest, struct slice *name,
	    struct slice *value);
/* 1*20DIGIT, as SIZE and BDAT have them; more than *number can hold becomes UINT64_MAX. */
bool	smtp_number_parse(struct slice, uint64_t *number);

/* RFC 5322 3.2.3: what an atom is made of. */
bool	smtp_is_atext(unsigned char);
/*
 * A local part without the quotes and backslashes that it was typed with, in out of local.n
 * bytes; with those that it needs, in out of 2 * local.n + 2.  The length, no NUL.
 */
size_t	smtp_local_unquote(struct slice local, char *out);
size_t	smtp_local_quote(struct slice local, char *out);

/* A domain name: labels of letters, digits, hyphens inside; at most 255 bytes. */
bool	smtp_domain_valid(struct slice);
/* [192.0.2.1] or [IPv6:2001:db8::1] */
bool	smtp_literal_valid(struct slice);
/* What may stand behind the @ of a path: one of the two, underscores tolerated. */
bool	smtp_mailbox_domain_valid(struct slice, unsigned flags);
/* What a client may call itself: one of the two, underscores and a final dot tolerated. */
bool	smtp_helo_valid(struct slice);

#endif
