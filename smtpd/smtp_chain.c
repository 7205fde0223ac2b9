/* SPDX-License-Identifier: ISC */
/*
 * Chains of filters: what listeners and rules name, laid out flat.  smtp
 * process.
 */
#include <stdlib.h>

#include "smtpd/log.h"
#include "smtpd/proc.h"
#include "smtpd/smtp.h"
#include "smtpd/smtp_chain.h"

static struct chain	 of_rules[CONF_RULE_FILTERS];	/* in file order */
static const struct filter *rule_filters[CONF_RULE_FILTERS];
static size_t		 nrule_filters;
static struct chain	 every_rule;			/* all of them together */

static void
add(struct chain *c, const struct filter *f)
{
	const struct filter	**bigger;

	bigger = reallocarray(c->filter, c->n + 1, sizeof(*bigger));
	if (bigger == NULL)
		fatal("filters");
	c->filter = bigger;
	c->filter[c->n++] = f;
}

static void
add_flat(struct chain *c, const struct filter *f)
{
	size_t	 i;

	if (f->kind != FILTER_CHAIN) {
		add(c, f);
		return;
	}
	for (i = 0; i < f->nmembers; i++)
		add(c, f->members[i]);
}

static bool
is_named_by_rule(const struct filter *f)
{
	const struct rule	*r;

	TAILQ_FOREACH(r, &proc_conf->rules, entry)
		if (r->filter == f)
			return true;
	return false;
}

void
chains_init(void)
{
	const struct filter	*f;

	TAILQ_FOREACH(f, &proc_conf->filters, entry) {
		if (!is_named_by_rule(f))
			continue;
		rule_filters[nrule_filters] = f;
		add_flat(&of_rules[nrule_filters], f);
		add_flat(&every_rule, f);
		nrule_filters++;
	}
}

/* -- listeners -- */

/* `filter` alone on some listener: the founding rules hold where it stands. */
static bool
founding_rules_hold(const struct listen *conf)
{
	const struct listen	*l;

	if (conf->filtered)
		return true;
	TAILQ_FOREACH(l, &proc_conf->listens, entry)
		if (l->filtered)
			return false;
	return conf->filter == NULL && !conf->socket;
}

void
chain_attach(struct listener *l)
{
	const struct filter	*f;

	if (l->conf == NULL)
		return;
	if (founding_rules_hold(l->conf))
		TAILQ_FOREACH(f, &proc_conf->filters, entry)
			if (f->name == NULL)
				add(&l->chain, f);
	if (l->conf->filter != NULL)
		add_flat(&l->chain, l->conf->filter);
}

/* -- sessions -- */

bool
chain_any(const struct session *s)
{
	return s->listener->chain.n + every_rule.n > 0;
}

const struct filter *
chain_every(const struct session *s, size_t n)
{
	const struct chain	*c = &s->listener->chain;

	if (n < c->n)
		return c->filter[n];
	n -= c->n;
	return n < every_rule.n ? every_rule.filter[n] : NULL;
}

bool
chain_is_of_rule(const struct session *s, size_t n)
{
	return n >= s->listener->chain.n;
}

/* Of the recipient asked about, or of all that were accepted. */
static uint64_t
rule_bits(const struct session *s, enum phase phase)
{
	if (s->tx == NULL)
		return 0;
	switch (phase) {
	case PHASE_RCPT_TO:
		return s->tx->rcpt_filter;
	case PHASE_DATA:
	case PHASE_DATA_LINE:
	case PHASE_COMMIT:
		return s->tx->rcpt_filters;
	default:
		return 0;
	}
}

const struct filter *
chain_filter(const struct session *s, enum phase phase, size_t n)
{
	const struct chain	*c = &s->listener->chain;
	uint64_t		 bits = rule_bits(s, phase);
	size_t			 i;

	if (n < c->n)
		return c->filter[n];
	n -= c->n;
	for (i = 0; i < nrule_filters; i++) {
		if ((bits >> i & 1) == 0)
			continue;
		if (n < of_rules[i].n)
			return of_rules[i].filter[n];
		n -= of_rules[i].n;
	}
	return NULL;
}

bool
chain_has_rules(void)
{
	return nrule_filters > 0;
}

uint64_t
chain_rule_bit(uint32_t index)
{
	const struct rule	*r;
	size_t			 i;

	TAILQ_FOREACH(r, &proc_conf->rules, entry) {
		if (r->index != index || r->filter == NULL)
			continue;
		for (i = 0; i < nrule_filters; i++)
			if (rule_filters[i] == r->filter)
				return (uint64_t)1 << i;
	}
	return 0;
}
