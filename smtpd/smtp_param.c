/* SPDX-License-Identifier: ISC */
/*
 * The parameters of MAIL and RCPT, a row each: whose they are, how they are read.
 * smtp process.
 */
#include "lib/nitems.h"
#include "lib/smtp_xtext.h"
#include "smtpd/dsn.h"
#include "smtpd/smtp.h"

/* RFC 1870 */
static bool
read_size(struct params *p, struct slice value)
{
	p->sized = true;
	return smtp_number_parse(value, &p->size);
}

/* RFC 6152 */
static bool
read_body(struct params *p, struct slice value)
{
	if (slice_eqi(value, SLICE("8BITMIME")))
		p->body |= BODY_8BITMIME;
	else if (!slice_eqi(value, SLICE("7BIT")))
		return false;
	return true;
}

/* RFC 6531 */
static bool
read_smtputf8(struct params *p, struct slice value)
{
	p->body |= BODY_SMTPUTF8;
	return value.p == NULL;
}

/* RFC 3461 4.3 */
static bool
read_ret(struct params *p, struct slice value)
{
	uint8_t	 i;

	for (i = RET_NONE + 1; i < RET_MAX; i++)
		if (slice_eqi(value, slice_str(dsn_ret_names[i])))
			break;
	if (i == RET_MAX)
		return false;
	p->ret = i;
	return true;
}

/* RFC 3461 4.4 */
static bool
read_envid(struct params *p, struct slice value)
{
	p->envid = value;
	return value.n > 0 && value.n <= DSN_ENVID_MAX &&
	    smtp_xtext_decode(value, NULL) != -1;
}

/* RFC 3461 4.1 */
static bool
read_notify(struct params *p, struct slice value)
{
	const char	*comma;
	struct slice	 word;
	size_t		 i;

	do {
		comma = value.n == 0 ? NULL : memchr(value.p, ',', value.n);
		word = slice_make(value.p, comma == NULL ? value.n :
		    (size_t)(comma - value.p));
		for (i = 0; i < DSN_NOTIFY_NAMES; i++)
			if (slice_eqi(word, slice_str(dsn_notify_names[i])))
				break;
		if (i == DSN_NOTIFY_NAMES)
			return false;
		p->notify |= 1u << i;
		if (comma != NULL)
			value = slice_make(comma + 1, value.n - word.n - 1);
	} while (comma != NULL);
	return !(p->notify & NOTIFY_NEVER) || p->notify == NOTIFY_NEVER;
}

/*
 * RFC 3461 4.2, RFC 6533 3.  That UTF-8 is only for a message with SMTPUTF8 is for
 * those who know the transaction.
 */
static bool
read_orcpt(struct params *p, struct slice value)
{
	p->orcpt = value;
	return value.n > 0 && value.n <= DSN_ORCPT_MAX &&
	    smtp_orcpt_valid(value);
}

/* RFC 4954 5 */
static bool
read_auth(struct params *p, struct slice value)
{
	p->auth = true;
	return slice_eq(value, SLICE("<>")) ||
	    (value.n > 0 && smtp_xtext_decode(value, NULL) != -1);
}

static const struct {
	const char	*name;
	enum param_of	 of;
	bool		(*read)(struct params *, struct slice);	/* false: a bad value */
} rows[] = {
	{ "SIZE",	PARAM_OF_MAIL,	read_size },
	{ "BODY",	PARAM_OF_MAIL,	read_body },
	{ "SMTPUTF8",	PARAM_OF_MAIL,	read_smtputf8 },
	{ "RET",	PARAM_OF_MAIL,	read_ret },
	{ "ENVID",	PARAM_OF_MAIL,	read_envid },
	{ "AUTH",	PARAM_OF_MAIL,	read_auth },
	{ "NOTIFY",	PARAM_OF_RCPT,	read_notify },
	{ "ORCPT",	PARAM_OF_RCPT,	read_orcpt },
};

enum reply
params_read(struct params *p, enum param_of of, struct slice text)
{
	struct slice	 name, value;
	unsigned	 seen = 0;
	size_t		 i;
	int		 n;

	*p = (struct params){ .sized = false };
	while ((n = smtp_param_next(&text, &name, &value)) == 1) {
		p->bad = name;
		for (i = 0; i < nitems(rows); i++)
			if (rows[i].of == of &&
			    slice_eqi(name, slice_str(rows[i].name)))
				break;
		if (i == nitems(rows))
			return REPLY_UNKNOWN_PARAM;
		/* Each at most once. */
		if (seen & 1u << i || !rows[i].read(p, value))
			return REPLY_BAD_PARAM;
		seen |= 1u << i;
	}
	p->bad = text;
	return n == 0 ? REPLY_NONE : REPLY_BAD_PARAM;
}
