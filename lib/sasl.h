/* SPDX-License-Identifier: ISC */
#ifndef LIB_SASL_H
#define LIB_SASL_H

/*
 * What AUTH says (RFC 4954), without saying it: the words of PLAIN (RFC 4616)
 * and LOGIN, and lines with what is secret in them masked.
 */
#include <stdbool.h>
#include <stddef.h>

#include "lib/slice.h"

#define SASL_NAME_MAX	255	/* bytes of a user name */
#define SASL_SECRET_MAX	511	/* and of a password: what crypt(3) takes */
/* Of all that PLAIN says. */
#define SASL_PLAIN_MAX	(2 * SASL_NAME_MAX + SASL_SECRET_MAX + 2)

struct sasl_plain {
	struct slice	 authzid;	/* whom to act for; empty: oneself */
	struct slice	 username;
	struct slice	 password;
};

/* Is it a user name: UTF-8, not too long, nothing in it that would break a line? */
bool	sasl_name_valid(struct slice);
/* Is it a password: not empty, not too long, no NUL? */
bool	sasl_secret_valid(struct slice);
/* Reads what PLAIN said, decoded; the parts stay where they are.  -1: it is malformed. */
int	sasl_plain_parse(struct slice, struct sasl_plain *);

/* Does a client mean AUTH by this line, however oddly written, or refused? */
bool	sasl_line_is_auth(struct slice);
/*
 * The line as it may be told to others: what stands behind AUTH and a mechanism that is known is
 * replaced by SASL_MASK.  It is the line itself if it says nothing secret, else in buf, which
 * holds at least the line's bytes and those of the mask.
 */
struct slice sasl_line_mask(struct slice, char *buf);

#define SASL_MASK	"********"

#endif
