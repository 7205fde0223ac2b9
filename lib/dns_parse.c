/* SPDX-License-Identifier: ISC */
/*
 * Reads records and their TTLs out of an answer of the DNS.  No length, count
 * or pointer of it is believed, and the work is bounded by its size.
 */
#include <string.h>

#include "lib/dns_parse.h"

#define HEADER_SIZE	12
#define RRS_MAX		512	/* records of the answer section that are looked at */
#define NEGATIVE_MAX	10800	/* RFC 2308 5 */

enum { TYPE_NS = 2, TYPE_CNAME = 5, TYPE_SOA = 6, CLASS_IN = 1 };
enum { FLAG_QR = 0x8000, FLAG_OPCODE = 0x7800, FLAG_TC = 0x0200, FLAG_RA = 0x0080 };
enum { RCODE = 15, RCODE_NXDOMAIN = 3 };

static const uint16_t	 types[] = {
	[DNS_A] = 1, [DNS_AAAA] = 28, [DNS_PTR] = 12, [DNS_MX] = 15, [DNS_TXT] = 16,
};

static const char *const rcodes[RCODE + 1] = {
	[1] = "the server calls it malformed",
	[2] = "server failure",
	[4] = "the server does not answer such questions",
	[5] = "refused by the server",
};

struct rr {
	size_t		 owner, data;	/* offsets */
	uint16_t	 type, class, len;
	uint32_t	 ttl;
};

struct name {
	uint8_t		 wire[DNS_WIRE_MAX];
	size_t		 len;
};

struct message {
	const uint8_t	*p;
	size_t		 n;
	struct rr	 rr[RRS_MAX];
	size_t		 nrr;
};

static uint16_t
get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static uint32_t
get32(const uint8_t *p)
{
	return (uint32_t)get16(p) << 16 | get16(p + 2);
}

static int
name_same(const struct name *a, const struct name *b)
{
	return a->len == b->len && memcmp(a->wire, b->wire, a->len) == 0;
}

/* Is a the name b or above it? */
static int
name_above(const struct name *a, const struct name *b)
{
	size_t	 at = 0;

	while (b->len - at > a->len)
		at += 1 + (size_t)b->wire[at];
	return b->len - at == a->len && memcmp(a->wire, b->wire + at, a->len) == 0;
}

size_t
dns_query_make(uint8_t msg[DNS_QUERY_MAX], uint16_t id, const char *name, enum dns_type type)
{
	const uint8_t	 head[HEADER_SIZE] = { (uint8_t)(id >> 8), (uint8_t)id, 1, 0, 0, 1 };
	const uint8_t	 tail[] = { 0, (uint8_t)types[type], 0, CLASS_IN };
	size_t		 n;

	if ((n = dns_name_wire(name, msg + HEADER_SIZE)) == 0)
		return 0;
	memcpy(msg, head, HEADER_SIZE);
	memcpy(msg + HEADER_SIZE + n, tail, sizeof(tail));
	return HEADER_SIZE + n + sizeof(tail);
}

/* Reads one record; the offset behind it, 0: broken. */
static size_t
rr_read(const struct message *m, size_t at, struct rr *rr)
{
	rr->owner = at;
	if ((at = dns_name_skip(m->p, m->n, at)) == 0 || m->n - at < 10)
		return 0;
	rr->type = get16(m->p + at);
	rr->class = get16(m->p + at + 2);
	rr->ttl = get32(m->p + at + 4);
	/* RFC 2181 8 */
	if (rr->ttl > INT32_MAX)
		rr->ttl = 0;
	rr->len = get16(m->p + at + 8);
	rr->data = at + 10;
	return rr->len > m->n - rr->data ? 0 : rr->data + rr->len;
}

/* Is it a record of this name? -1: broken. */
static int
rr_of(const struct message *m, const struct rr *rr, const struct name *name)
{
	struct name	 owner;

	if (dns_name_read(m->p, m->n, rr->owner, owner.wire, &owner.len) == 0)
		return -1;
	return name_same(&owner, name);
}

/* The name at an offset of a record's data, which it has to fill. */
static int
rr_name(const struct message *m, const struct rr *rr, size_t skip, struct name *name)
{
	return rr->len > skip && dns_name_read(m->p, m->n, rr->data + skip,
	    name->wire, &name->len) == rr->data + rr->len;
}

/* Header and question; the offset behind them, 0 with an error in f. */
static size_t
question_read(const struct message *m, struct dns_found *f, const struct name *asked,
    enum dns_type type)
{
	struct name	 name;
	size_t		 at;
	uint16_t	 flags;

	if (m->n < HEADER_SIZE || ((flags = get16(m->p + 2)) & FLAG_QR) == 0 ||
	    (flags & FLAG_OPCODE) != 0)
		f->error = "a broken answer";
	else if ((flags & RCODE) != 0 && (flags & RCODE) != RCODE_NXDOMAIN)
		f->error = rcodes[flags & RCODE] != NULL ? rcodes[flags & RCODE] :
		    "an error that the server alone knows";
	else if ((flags & FLAG_TC) != 0)
		f->error = "a truncated answer";
	else if (get16(m->p + 4) != 1 || (at = dns_name_read(m->p, m->n, HEADER_SIZE,
	    name.wire, &name.len)) == 0 || m->n - at < 4)
		f->error = "a broken answer";
	else if (!name_same(&name, asked) || get16(m->p + at) != types[type] ||
	    get16(m->p + at + 2) != CLASS_IN)
		f->error = "the answer to another question";
	else
		return at + 4;
	return 0;
}

/* A host name among the records; one that is none is passed over. */
static int
take_name(struct dns_found *f, const struct name *name, const char **to)
{
	char	 text[DNS_NAME_MAX + 1], *p;
	size_t	 n;

	if (!dns_name_text(name->wire, text) || !dns_name_is_host(text) ||
	    (p = dns_found_room(f, n = strlen(text) + 1)) == NULL)
		return 0;
	*to = memcpy(p, text, n);
	return 1;
}

static int
take_text(struct dns_found *f, const struct message *m, const struct rr *rr,
    struct dns_record *r)
{
	const uint8_t	*p = m->p + rr->data, *end = p + rr->len;
	char		*to;

	if (rr->len == 0)
		return -1;
	if ((to = dns_found_room(f, rr->len)) == NULL)
		return 0;
	r->text = slice_make(to, 0);
	for (; p < end; p += 1 + *p) {
		if (*p > end - p - 1)
			return -1;
		memcpy(to + r->text.n, p + 1, *p);
		r->text.n += *p;
	}
	return 1;
}

/* One record more: 1 taken, 0 passed over, -1 broken. */
static int
take(struct dns_found *f, const struct message *m, const struct rr *rr, enum dns_type type)
{
	struct dns_record	*r = &f->record[f->n];
	struct name		 name;
	char			*room;

	if (f->n == DNS_RECORDS)
		return 0;
	switch (type) {
	case DNS_A:
		if (rr->len != sizeof(r->a))
			return -1;
		memcpy(&r->a, m->p + rr->data, sizeof(r->a));
		return 1;
	case DNS_AAAA:
		if (rr->len != sizeof(r->aaaa))
			return -1;
		memcpy(&r->aaaa, m->p + rr->data, sizeof(r->aaaa));
		return 1;
	case DNS_PTR:
		return !rr_name(m, rr, 0, &name) ? -1 : take_name(f, &name, &r->name);
	case DNS_MX:
		if (!rr_name(m, rr, 2, &name))
			return -1;
		r->mx.preference = get16(m->p + rr->data);
		if (name.len > 1)
			return take_name(f, &name, &r->mx.name);
		if ((room = dns_found_room(f, 1)) == NULL)
			return 0;
		*room = '\0';
		r->mx.name = room;
		return 1;
	case DNS_TXT:
		return take_text(f, m, rr, r);
	}
	return -1;
}

static void
ttl_lower(struct dns_found *f, uint32_t ttl)
{
	if (ttl < f->ttl)
		f->ttl = ttl;
}

/*
 * Takes the records of a name; if there are none, name becomes what it is an
 * alias of.  How many records there were (-1 broken), *alias tells the rest.
 */
static int
records_of(struct dns_found *f, const struct message *m, struct name *name, enum dns_type type,
    int *alias)
{
	const struct rr	*rr, *cname = NULL;
	int		 seen = 0, n;

	for (rr = m->rr; rr < m->rr + m->nrr; rr++) {
		if (rr->class != CLASS_IN || (rr->type != types[type] && rr->type != TYPE_CNAME))
			continue;
		if ((n = rr_of(m, rr, name)) == -1)
			return -1;
		if (n == 0)
			continue;
		if (rr->type == TYPE_CNAME) {
			cname = rr;
			continue;
		}
		if ((n = take(f, m, rr, type)) == -1)
			return -1;
		f->n += n;
		seen++;
		ttl_lower(f, rr->ttl);
	}
	*alias = 0;
	if (seen == 0 && cname != NULL) {
		if (!rr_name(m, cname, 0, name))
			return -1;
		ttl_lower(f, cname->ttl);
		*alias = 1;
	}
	return seen;
}

/*
 * A negative answer holds as long as the SOA says (RFC 2308 5).  0: it is
 * broken, or none, since no resolver gave it: others are named as servers, or
 * an alias was not followed.
 */
static int
negative(struct dns_found *f, const struct message *m, size_t at, const struct name *name,
    int alias)
{
	struct name	 owner;
	struct rr	 rr;
	unsigned int	 count = get16(m->p + 8);
	int		 referral = alias;
	size_t		 skip;

	ttl_lower(f, NEGATIVE_MAX);
	for (; count > 0; count--) {
		if ((at = rr_read(m, at, &rr)) == 0)
			return 0;
		if (rr.type == TYPE_NS)
			referral = 1;
		if (rr.type != TYPE_SOA || rr.class != CLASS_IN)
			continue;
		if (dns_name_read(m->p, m->n, rr.owner, owner.wire, &owner.len) == 0 ||
		    (skip = dns_name_skip(m->p, m->n, rr.data)) == 0 ||
		    (skip = dns_name_skip(m->p, m->n, skip)) == 0 || skip + 20 != at)
			return 0;
		if (!name_above(&owner, name))
			continue;
		ttl_lower(f, rr.ttl);
		ttl_lower(f, get32(m->p + skip + 16) > INT32_MAX ? 0 : get32(m->p + skip + 16));
		return 1;
	}
	/* Without one it holds for this question only. */
	f->ttl = 0;
	return !referral || f->status == DNS_NXDOMAIN || (get16(m->p + 2) & FLAG_RA) != 0;
}

static void
fail(struct dns_found *f, const char *error)
{
	dns_found_clear(f);
	f->status = DNS_TEMPFAIL;
	f->error = error;
}

void
dns_parse(struct dns_found *f, const uint8_t *msg, size_t n, const char *text, enum dns_type type)
{
	struct message	 m;
	struct rr	 rr;
	struct name	 name;
	size_t		 at;
	unsigned int	 count;
	int		 aliases = 0, alias, seen;

	m.p = msg;
	m.n = n;
	m.nrr = 0;
	dns_found_clear(f);
	f->ttl = INT32_MAX;
	if ((name.len = dns_name_wire(text, name.wire)) == 0) {
		fail(f, "no name");
		return;
	}
	if ((at = question_read(&m, f, &name, type)) == 0) {
		fail(f, f->error);
		return;
	}
	for (count = get16(msg + 6); count > 0; count--) {
		if ((at = rr_read(&m, at, &rr)) == 0) {
			fail(f, "a broken answer");
			return;
		}
		if (m.nrr < RRS_MAX)
			m.rr[m.nrr++] = rr;
	}
	while ((seen = records_of(f, &m, &name, type, &alias)) == 0 && alias)
		if (++aliases > DNS_CNAMES) {
			fail(f, "too many aliases");
			return;
		}
	if (!dns_name_text(name.wire, f->canonical))
		f->canonical[0] = '\0';
	f->status = f->n > 0 ? DNS_OK :
	    (get16(msg + 2) & RCODE) == RCODE_NXDOMAIN ? DNS_NXDOMAIN : DNS_NODATA;
	if (seen == -1)
		fail(f, "a broken answer");
	else if (seen > 0 && f->n == 0 && type == DNS_MX)
		/* Not "no MX": the mail would go to the A record. */
		fail(f, "no MX is a host name");
	else if (seen == 0 && !negative(f, &m, at, &name, aliases > 0))
		fail(f, "a broken answer or a referral");
}
