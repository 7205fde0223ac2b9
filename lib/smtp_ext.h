/* SPDX-License-Identifier: ISC */
#ifndef LIB_SMTP_EXT_H
#define LIB_SMTP_EXT_H

/*
 * What a server offers: its answer to EHLO (RFC 5321 4.1.1.1), read line by line by the
 * client.
 */
#include <stdbool.h>
#include <stdint.h>

#include "lib/slice.h"

enum smtp_ext_bit {
	SMTP_EXT_SIZE			= 1,	/* RFC 1870 */
	SMTP_EXT_8BITMIME		= 2,	/* RFC 6152 */
	SMTP_EXT_SMTPUTF8		= 4,	/* RFC 6531 */
	SMTP_EXT_DSN			= 8,	/* RFC 3461 */
	SMTP_EXT_CHUNKING		= 16,	/* RFC 3030 */
	SMTP_EXT_PIPELINING		= 32,	/* RFC 2920 */
	SMTP_EXT_STARTTLS		= 64,	/* RFC 3207 */
	SMTP_EXT_ENHANCEDSTATUSCODES	= 128,	/* RFC 2034 */
	SMTP_EXT_AUTH			= 256	/* RFC 4954 */
};

enum smtp_auth_bit {
	SMTP_AUTH_PLAIN	= 1,
	SMTP_AUTH_LOGIN	= 2
};

struct smtp_ext {
	unsigned	 offered;	/* enum smtp_ext_bit */
	unsigned	 auth;		/* enum smtp_auth_bit: mechanisms we know, of those offered */
	uint64_t	 size_max;	/* bytes of a message on the wire; 0: no limit said */
	bool		 greeted;	/* the first line was read */
};

void	smtp_ext_init(struct smtp_ext *);
/*
 * The next line of the answer, without its code, the separator and CRLF: "SIZE 1000".  The
 * first is the greeting and offers nothing.  Nothing is refused: what is not known, or said
 * wrongly, is not offered.  Keeps nothing of the line, so any number of them may come.
 */
void	smtp_ext_line(struct smtp_ext *, struct slice line);

#endif
