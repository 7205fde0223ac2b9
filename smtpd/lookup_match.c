/* SPDX-License-Identifier: ISC */
/*
 * Which rule of smtpd.conf matches a recipient: a function per criterion.
 * lookup process.
 */
#include "smtpd/lookup.h"
#include "smtpd/table.h"

struct question {
	const struct conf	*conf;
	const struct ipc_rcpt	*q;
	struct slice		 dest;
	bool			 internal;
};

struct slice
lookup_local_part(struct slice address)
{
	const char	*at = address.n == 0 ? NULL :
	    memrchr(address.p, '@', address.n);

	return at == NULL ? address : slice_make(address.p, at - address.p);
}

struct slice
lookup_domain(struct slice address)
{
	struct slice	 local = lookup_local_part(address);

	if (local.n == address.n)
		return SLICE("");
	return slice_make(address.p + local.n + 1, address.n - local.n - 1);
}

static enum match
ask(const struct criterion *c, enum table_service service, struct slice key)
{
	switch (table_match(c->table, c->regex ? TABLE_REGEX : service, key)) {
	case TABLE_ERROR:
		return MATCH_ERROR;
	case TABLE_YES:
		return MATCH_YES;
	default:
		return MATCH_NO;
	}
}

static enum match
from_local(const struct question *q)
{
	return q->internal || q->q->local || lookup_own_address(q->q->src);
}

/* What came out of an alias, or over the submission socket, has the address "local". */
static enum match
from_src(const struct criterion *c, const struct question *q)
{
	return ask(c, TABLE_NETADDR, q->internal || q->q->local ? SLICE("local") : q->q->src);
}

/* A name that does not have the address is anybody's to claim: it counts as none. */
static enum match
from_rdns(const struct criterion *c, const struct question *q)
{
	if (q->internal || q->q->local)
		return MATCH_NO;
	if (q->q->fcrdns == FCRDNS_ERROR)
		return MATCH_ERROR;
	if (q->q->fcrdns != FCRDNS_PASS || q->q->rdns.n == 0)
		return MATCH_NO;
	return c->table == NULL ? MATCH_YES : ask(c, TABLE_DOMAIN, q->q->rdns);
}

static enum match
with_auth(const struct criterion *c, const struct question *q)
{
	if (q->internal || q->q->username.n == 0)
		return MATCH_NO;
	return c->table == NULL ? MATCH_YES : ask(c, TABLE_STRING, q->q->username);
}

static enum match
for_local(const struct question *q)
{
	struct slice	 domain = lookup_domain(q->dest);

	return slice_eqi(domain, SLICE("localhost")) ||
	    slice_eqi(domain, slice_str(q->conf->hostname));
}

static enum match
holds(const struct criterion *c, const struct question *q)
{
	switch (c->kind) {
	case FROM_ANY:
	case FOR_ANY:
		return MATCH_YES;
	case FROM_LOCAL:
		return from_local(q);
	case FROM_SRC:
		return from_src(c, q);
	case FROM_SOCKET:
		return q->q->local && !q->internal;
	case FROM_RDNS:
		return from_rdns(c, q);
	case FROM_AUTH:
	case WITH_AUTH:
		return with_auth(c, q);
	case FOR_LOCAL:
		return for_local(q);
	case FOR_DOMAIN:
		return ask(c, TABLE_DOMAIN, lookup_domain(q->dest));
	case FOR_RCPT_TO:
	case WITH_RCPT_TO:
		return ask(c, TABLE_MAILADDR, q->dest);
	case WITH_TAG:
		return ask(c, TABLE_STRING, q->q->tag);
	case WITH_TLS:
		return q->q->tls;
	case WITH_HELO:
		return ask(c, TABLE_DOMAIN, q->q->helo);
	case WITH_MAIL_FROM:
		return ask(c, TABLE_MAILADDR, q->q->sender);
	}
	return MATCH_NO;
}

/* All criteria; a table that fails decides only if no other says no. */
static enum match
rule_matches(const struct rule *rule, const struct question *q)
{
	const struct criterion	*c;
	enum match		 m, all = MATCH_YES;

	STAILQ_FOREACH(c, &rule->criteria, entry) {
		m = holds(c, q);
		if (m == MATCH_ERROR)
			all = MATCH_ERROR;
		else if ((m == MATCH_YES) == c->negate)
			return MATCH_NO;
	}
	return all;
}

enum match
lookup_match(const struct conf *conf, const struct ipc_rcpt *rcpt,
    struct slice dest, bool internal, const struct rule **rulep)
{
	const struct question	 q = { conf, rcpt, dest, internal };
	const struct rule	*rule;
	enum match		 m;

	TAILQ_FOREACH(rule, &conf->rules, entry)
		if ((m = rule_matches(rule, &q)) != MATCH_NO) {
			*rulep = rule;
			return m;
		}
	return MATCH_NO;
}
