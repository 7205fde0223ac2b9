/* SPDX-License-Identifier: ISC */
#ifndef SMTPD_SMTP_CHAIN_H
#define SMTPD_SMTP_CHAIN_H

/*
 * Which filters a session has, in order: those of its listener, then those of
 * the rules that its recipients match.  smtp process.
 */
#include <stdbool.h>
#include <stddef.h>

#include "lib/filter.h"

struct filter;
struct listener;
struct rule;
struct session;

void	chains_init(void);
void	chain_attach(struct listener *);
/* Has it any filter, or may a recipient bring one? */
bool	chain_any(const struct session *);
/* The n-th of all that it may meet; NULL behind the last. */
const struct filter *chain_every(const struct session *, size_t n);
/* Is that n-th one of a rule, so that not everybody needs it? */
bool	chain_is_of_rule(const struct session *, size_t n);
/* The n-th that is to be asked about a phase; NULL behind the last. */
const struct filter *chain_filter(const struct session *, enum phase, size_t n);
/* Do rules have filters, so that a recipient's rule is asked for before it is judged? */
bool	chain_has_rules(void);
/* The filter of a rule as a bit of struct tx; 0: it has none. */
uint64_t chain_rule_bit(uint32_t rule);

#endif
