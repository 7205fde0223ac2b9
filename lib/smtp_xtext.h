/* SPDX-License-Identifier: ISC */
#ifndef LIB_SMTP_XTEXT_H
#define LIB_SMTP_XTEXT_H

/*
 * xtext (RFC 3461 4): text in a parameter of MAIL or RCPT, +HH for what may not stand there.
 */
#include <stdbool.h>
#include <sys/types.h>

#include "lib/slice.h"

/*
 * Decodes s into out, which has room for s.n bytes or is NULL.  Bytes of text, or -1: it is
 * no xtext, or holds other than printable ASCII, so that no line of a report is broken by it.
 */
ssize_t	smtp_xtext_decode(struct slice, char *out);

/*
 * "rfc822;alice+2Bx@example.org": an address type and the address as xtext; that of type
 * utf-8 may be UTF-8 as it is (RFC 6533 3), which is for mail with SMTPUTF8.
 */
bool	smtp_orcpt_valid(struct slice);

#endif
