/* SPDX-License-Identifier: ISC */
/*
 * Parameters of MAIL and RCPT: what is taken lies inside what was given and keeps the bounds
 * that all who store it rely on; what is refused has a name to say so.
 */
/* objects: smtpd/dsn.o smtpd/smtp_param.o */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "lib/smtp_xtext.h"
#include "smtpd/dsn.h"
#include "smtpd/smtp.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
inside(struct slice part, struct slice whole, size_t most)
{
	if (part.p == NULL)
		return;
	if (part.n == 0 || part.n > most || part.p < whole.p ||
	    part.p + part.n > whole.p + whole.n || memchr(part.p, '\n', part.n) != NULL)
		abort();
}

static void
check(const struct params *p, enum param_of of, struct slice text)
{
	inside(p->envid, text, DSN_ENVID_MAX);
	inside(p->orcpt, text, DSN_ORCPT_MAX);
	if (p->envid.p != NULL && smtp_xtext_decode(p->envid, NULL) == -1)
		abort();
	if (p->orcpt.p != NULL && !smtp_orcpt_valid(p->orcpt))
		abort();
	if (p->ret >= RET_MAX || p->body & ~(BODY_8BITMIME | BODY_SMTPUTF8) ||
	    p->notify > 15 || (p->notify & NOTIFY_NEVER && p->notify != NOTIFY_NEVER))
		abort();
	if (of == PARAM_OF_MAIL ? p->notify != 0 || p->orcpt.p != NULL :
	    p->sized || p->body != 0 || p->ret != 0 || p->envid.p != NULL)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice	 text = slice_make(data, size);
	struct params	 p;
	enum param_of	 of;
	enum reply	 r;

	for (of = PARAM_OF_MAIL; of <= PARAM_OF_RCPT; of++) {
		r = params_read(&p, of, text);
		if (r == REPLY_NONE)
			check(&p, of, text);
		else if ((r != REPLY_BAD_PARAM && r != REPLY_UNKNOWN_PARAM) ||
		    p.bad.n == 0)
			abort();
	}
	return 0;
}
