/* SPDX-License-Identifier: ISC */
/*
 * How the table of a filter's condition is asked.  smtp and lookup processes.
 */
#include "smtpd/condition.h"

static const enum table_service	services[COND_MAX] = {
	[COND_RDNS_TABLE] = TABLE_DOMAIN,
	[COND_SRC]	= TABLE_NETADDR,
	[COND_HELO]	= TABLE_DOMAIN,
	[COND_AUTH_TABLE] = TABLE_STRING,
	[COND_MAIL_FROM] = TABLE_MAILADDR,
	[COND_RCPT_TO]	= TABLE_MAILADDR,
};

/* What a phase is about; the others have no argument of a kind. */
static const enum table_service	arguments[PHASE_MAX] = {
	[PHASE_CONNECT]	= TABLE_NETADDR,
	[PHASE_HELO]	= TABLE_DOMAIN,
	[PHASE_EHLO]	= TABLE_DOMAIN,
	[PHASE_MAIL_FROM] = TABLE_MAILADDR,
	[PHASE_RCPT_TO]	= TABLE_MAILADDR,
};

enum table_service
condition_service(const struct filter *f)
{
	if (f->regex)
		return TABLE_REGEX;
	return f->condition == COND_ARGUMENT ? arguments[f->phase] : services[f->condition];
}

enum table_answer
condition_match(const struct filter *f, struct slice key)
{
	return table_match(f->table, condition_service(f), key);
}

const struct filter *
condition_filter(const struct conf *conf, uint32_t index)
{
	const struct filter	*f;

	TAILQ_FOREACH(f, &conf->filters, entry)
		if (f->index == index)
			break;
	return f != NULL && f->kind == FILTER_RULE && f->table != NULL ? f : NULL;
}
