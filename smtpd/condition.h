/* SPDX-License-Identifier: ISC */
#ifndef SMTPD_CONDITION_H
#define SMTPD_CONDITION_H

/*
 * Conditions of filters that have a table: how it is asked.  Used by smtp,
 * which asks those written in smtpd.conf itself, and by lookup, which asks
 * those in files for it.
 */
#include <stdint.h>

#include "lib/slice.h"
#include "smtpd/conf.h"
#include "smtpd/table.h"

#define CONDITION_KEY_MAX	3072	/* bytes of what is looked for: more than a command has */

/* How the condition of a rule compares a key with what its table holds. */
enum table_service	condition_service(const struct filter *);
enum table_answer	condition_match(const struct filter *, struct slice key);
/* The rule with that number, if it has a table; else NULL. */
const struct filter	*condition_filter(const struct conf *, uint32_t index);

#endif
