/* SPDX-License-Identifier: ISC */
/*
 * Values of conditions by their kind.
 */
#include <arpa/inet.h>
#include <stdio.h>

#include "lib/addr.h"
#include "lib/cond_time.h"
#include "lib/cond_value.h"
#include "lib/nearest.h"
#include "lib/nitems.h"

#define ID_MAX		16
#define NET4		0xffff00000000ULL	/* IPv4 in IPv6, as ::ffff:192.0.2.1 */

static const struct {
	const char	*is;		/* what a value of the kind is */
	bool		 ordered;
} kinds[KIND_MAX] = {
	[KIND_TEXT]	= { "a text", false },
	[KIND_HOST]	= { "a name", false },
	[KIND_MAIL]	= { "a mail address", false },
	[KIND_ID]	= { "1 to 16 hexadecimal digits", false },
	[KIND_NUMBER]	= { "a number, as 100 or 64k", true },
	[KIND_SECONDS]	= { "a number of seconds, as 2.5 or 10m", true },
	[KIND_TIME]	= { "a time, as 1541750432, 2018-11-09, "
			    "2018-11-09T12:00:00Z, -1h or yesterday", true },
	[KIND_ADDRESS]	= { "an address, as 192.0.2.1, 192.0.2.1:25, "
			    "2001:db8::/32 or local", false },
	[KIND_IP]	= { "an IP address or net, as 192.0.2.1 or 2001:db8::/32", false },
	[KIND_DIALECT]	= { "a version from 1 to 0.7", true },
	[KIND_TLS]	= { "a version of TLS, as TLSv1.2", true },
};

bool
cond_kind_is_ordered(enum cond_kind kind)
{
	return kinds[kind].ordered;
}

enum cond_kind
cond_kind_of(struct report_name name)
{
	static const enum cond_kind	 of_part[PART_MAX] = {
		[PART_IP] = KIND_IP, [PART_PORT] = KIND_NUMBER,
		[PART_USER] = KIND_TEXT, [PART_DOMAIN] = KIND_HOST,
		[PART_VERSION] = KIND_TLS, [PART_BITS] = KIND_NUMBER,
	};
	static const enum cond_kind	 of_type[] = {
		[RT_HEX64] = KIND_ID, [RT_HEX32] = KIND_ID,
		[RT_NUMBER] = KIND_NUMBER, [RT_TIME] = KIND_TIME,
		[RT_SECONDS] = KIND_SECONDS,
		[RT_ADDRESS] = KIND_ADDRESS, [RT_MAIL] = KIND_MAIL,
		[RT_TEXT] = KIND_TEXT,
	};

	if (name.part != PART_WHOLE)
		return of_part[name.part];
	switch (name.field) {
	case RF_VERSION:
		return KIND_DIALECT;
	case RF_RDNS:
	case RF_HOSTNAME:
	case RF_IDENTITY:
	case RF_METHOD:
		return KIND_HOST;
	default:
		return report_fields[name.field].type < nitems(of_type) ?
		    of_type[report_fields[name.field].type] : KIND_TEXT;
	}
}

/* -- values as keys -- */

static int
number_key(struct slice s, struct cond_key *key)
{
	size_t	 i;

	key->high = key->low = 0;
	for (i = 0; i < s.n && s.p[i] >= '0' && s.p[i] <= '9'; i++)
		if (key->low > (UINT64_MAX - 9) / 10)
			key->low = UINT64_MAX;
		else
			key->low = key->low * 10 + (uint64_t)(s.p[i] - '0');
	return s.n > 0 && i == s.n ? 0 : -1;
}

static uint64_t
big_endian(const unsigned char *p)
{
	uint64_t	 n = 0;
	int		 i;

	for (i = 0; i < 8; i++)
		n = n << 8 | p[i];
	return n;
}

/* The bits of an address, or 0 if it is none; a zone does not count. */
static unsigned
ip_key(struct slice s, struct cond_key *key)
{
	char		 text[INET6_ADDRSTRLEN];
	unsigned char	 bytes[16];
	const char	*zone = s.n == 0 ? NULL : memchr(s.p, '%', s.n);

	if (zone != NULL)
		s.n = (size_t)(zone - s.p);
	if (s.n == 0 || s.n >= sizeof(text))
		return 0;
	memcpy(text, s.p, s.n);
	text[s.n] = '\0';
	if (inet_pton(AF_INET, text, bytes) == 1) {
		*key = (struct cond_key){ 0, NET4 | (uint64_t)bytes[0] << 24 |
		    (uint64_t)bytes[1] << 16 | (uint64_t)bytes[2] << 8 | bytes[3] };
		return 32;
	}
	if (inet_pton(AF_INET6, text, bytes) != 1)
		return 0;
	*key = (struct cond_key){ big_endian(bytes), big_endian(bytes + 8) };
	/* Only this form of it is written, and searched for. */
	if (key->high == 0 && key->low >> 32 == NET4 >> 32)
		return strchr(text, '.') != NULL ? 32 : 0;
	return 128;
}

static int
key_of(enum cond_kind kind, struct slice s, struct cond_key *key)
{
	unsigned char	 bytes[16] = { 0 };

	key->high = 0;
	switch (kind) {
	case KIND_NUMBER:
		return number_key(s, key);
	case KIND_SECONDS:
	case KIND_TIME:
		return report_time(s, &key->low);
	case KIND_DIALECT:
		key->low = report_dialect_by_version(s);
		return 0;
	case KIND_TLS:
		if (s.n != 0)
			memcpy(bytes, s.p, s.n < sizeof(bytes) ? s.n : sizeof(bytes));
		*key = (struct cond_key){ big_endian(bytes), big_endian(bytes + 8) };
		return 0;
	default:
		return ip_key(s, key) == 0 ? -1 : 0;
	}
}

/* -- values of an expression -- */

static int
add_key(struct cond_node *t, uint64_t first, uint64_t last)
{
	return cond_set_range(&t->set, (struct cond_range){ { 0, first }, { 0, last } });
}

/* 64k is 65536. */
static int
add_number(struct cond_node *t, struct slice s)
{
	static const char	 units[] = "kMG";
	const char		*unit = s.n == 0 ? NULL : strchr(units, s.p[s.n - 1]);
	struct cond_key		 key;
	unsigned		 bits = 0;

	if (unit != NULL && *unit != '\0') {
		bits = 10 * (unsigned)(unit - units + 1);
		s.n--;
	}
	if (number_key(s, &key) == -1 || key.low > UINT64_MAX >> bits)
		return -1;
	return add_key(t, key.low << bits, key.low << bits);
}

/* An address, or a net as 10.0.0.0/8. */
static int
add_net(struct cond_node *t, struct slice s)
{
	const char		*slash = s.n == 0 ? NULL : memchr(s.p, '/', s.n);
	struct slice		 host = s;
	struct cond_range	 r;
	struct cond_key		 prefix, mask;
	unsigned		 bits, host_bits;

	if (slash != NULL)
		host.n = (size_t)(slash - s.p);
	if ((bits = ip_key(host, &r.first)) == 0)
		return -1;
	prefix.low = bits;
	if (slash != NULL && (number_key(slice_make(slash + 1, s.n - host.n - 1),
	    &prefix) == -1 || prefix.low > bits))
		return -1;
	host_bits = bits - (unsigned)prefix.low;
	mask.high = host_bits <= 64 ? 0 : host_bits == 128 ? UINT64_MAX :
	    (1ULL << (host_bits - 64)) - 1;
	mask.low = host_bits >= 64 ? UINT64_MAX : (1ULL << host_bits) - 1;
	r.last = (struct cond_key){ r.first.high | mask.high, r.first.low | mask.low };
	r.first = (struct cond_key){ r.first.high & ~mask.high, r.first.low & ~mask.low };
	return cond_set_range(&t->set, r);
}

/* One address with one port as a text that all its forms have in common. */
static struct slice
with_port(struct cond_key key, struct slice port, char *buf, size_t size)
{
	int	 n;

	n = snprintf(buf, size, "%llx %llx %.*s", (unsigned long long)key.high,
	    (unsigned long long)key.low, port.n > 8 ? 8 : (int)port.n, port.p);
	return slice_make(buf, (size_t)n);
}

static int
add_address(struct cond_node *t, struct slice s)
{
	struct slice	 host, port;
	struct cond_key	 key;
	char		 buf[64];

	if (add_net(t, s) == 0)
		return 0;
	addr_split(s, &host, &port);
	if (ip_key(host, &key) != 0 && port.n > 0)
		return cond_set_text(&t->set, with_port(key, port, buf, sizeof(buf)));
	if (ip_key(host, &key) != 0 && s.p[0] == '[')
		return cond_set_range(&t->set, (struct cond_range){ key, key });
	if (!slice_eq(host, SLICE("local")) && !slice_eq(s, SLICE(":0")))
		return -1;
	return cond_set_text(&t->set, slice_eq(s, SLICE("local:0")) ? host : s);
}

/* Zeros at the beginning do not count. */
static struct slice
without_zeros(struct slice s)
{
	while (s.n > 0 && *s.p == '0')
		s = slice_make(s.p + 1, s.n - 1);
	return s;
}

/* Small letters: then cond_need knows what to look for. */
static int
add_id(struct cond_node *t, struct slice s)
{
	char	 buf[ID_MAX];
	size_t	 i;

	if (s.n == 0 || s.n > ID_MAX)
		return -1;
	for (i = 0; i < s.n; i++) {
		buf[i] = s.p[i] >= 'A' && s.p[i] <= 'F' ? (char)(s.p[i] | 0x20) : s.p[i];
		if (strchr("0123456789abcdef", buf[i]) == NULL || buf[i] == '\0')
			return -1;
	}
	return cond_set_text(&t->set, without_zeros(slice_make(buf, s.n)));
}

/* The null sender is empty in an event, and written <> where that means absent. */
static struct slice
without_brackets(struct slice s)
{
	if (s.n >= 2 && s.p[0] == '<' && s.p[s.n - 1] == '>')
		return slice_make(s.p + 1, s.n - 2);
	return s;
}

static int
add_time(struct cond_node *t, struct slice s, const struct cond_options *o)
{
	uint64_t	 first, last;

	if (t->kind == KIND_SECONDS) {
		if (cond_seconds(s, &first) == -1)
			return -1;
		last = first;
	} else if (cond_time(s, o->now, o->utc, &first, &last) == -1)
		return -1;
	return add_key(t, first, last);
}

static int
add_version(struct cond_node *t, struct slice s)
{
	struct cond_key	 key;

	if (t->op == OP_EQUAL)
		return cond_set_text(&t->set, s);
	key_of(t->kind, s, &key);
	if (t->kind == KIND_DIALECT && key.low == DIALECT_UNKNOWN)
		return -1;
	return cond_set_range(&t->set, (struct cond_range){ key, key });
}

/* -- words: those that no line has are a mistake -- */

static const char *
word_of(enum field field, size_t i)
{
	static const char *const	 results[] = { "ok", "tempfail", "permfail",
	    "pass", "fail", "error" };

	switch (field) {
	case RF_EVENT:
		return i < EV_MAX ? report_events[i].name : NULL;
	case RF_SUBSYSTEM:
		return i < SUBSYSTEM_MAX ? subsystem_names[i] : NULL;
	case RF_RESULT:
		return i < nitems(results) ? results[i] : NULL;
	case RF_FCRDNS:
		return i < FCRDNS_MAX ? fcrdns_names[i] : NULL;
	case RF_METHOD:
		return i < METHOD_MAX ? method_names[i] : NULL;
	default:
		return NULL;
	}
}

static int
check_word(const struct cond_node *t, struct slice s, bool ignore_case, char *why,
    size_t size)
{
	struct nearest	 n;
	const char	*word;
	size_t		 i, used;
	bool		 fold = ignore_case || t->kind == KIND_HOST;

	nearest_init(&n, s);
	for (i = 0; (word = word_of(t->name.field, i)) != NULL; i++) {
		if (fold ? slice_eqi(s, slice_str(word)) : slice_eq(s, slice_str(word)))
			return 0;
		nearest_try(&n, word);
	}
	/* The early dialects have it empty. */
	if (i == 0 || (s.n == 0 && t->name.field == RF_FCRDNS))
		return 0;
	used = (size_t)snprintf(why, size, "no line has such %s %s",
	    strchr("aeiou", *report_fields[t->name.field].name) != NULL ? "an" : "a",
	    report_fields[t->name.field].name);
	for (i = 0; i < NEAREST_MAX && n.best[i] != NULL && used < size; i++)
		used += (size_t)snprintf(why + used, size - used, "%s%s",
		    i == 0 ? "; nearest: " : ", ", n.best[i]);
	for (i = 0; n.best[0] == NULL && i < 6 && used < size &&
	    t->name.field != RF_EVENT && word_of(t->name.field, i) != NULL; i++)
		used += (size_t)snprintf(why + used, size - used, "%s%s",
		    i == 0 ? "; there are " : ", ", word_of(t->name.field, i));
	return -1;
}

static int
add_text(struct cond_node *t, struct slice s)
{
	return cond_set_text(&t->set, t->kind == KIND_MAIL ? without_brackets(s) : s);
}

static int
add(struct cond_node *t, struct slice s, const struct cond_options *o)
{
	switch (t->kind) {
	case KIND_ID:
		return add_id(t, s);
	case KIND_NUMBER:
		return add_number(t, s);
	case KIND_SECONDS:
	case KIND_TIME:
		return add_time(t, s, o);
	case KIND_ADDRESS:
		return add_address(t, s);
	case KIND_IP:
		return add_net(t, s);
	case KIND_DIALECT:
	case KIND_TLS:
		return add_version(t, s);
	default:
		return add_text(t, s);
	}
}

static enum cond_fold
fold_of(enum cond_kind kind, bool ignore_case)
{
	if (kind == KIND_HOST || kind == KIND_ID || kind == KIND_TLS ||
	    (ignore_case && (kind == KIND_TEXT || kind == KIND_MAIL)))
		return FOLD_ALL;
	return kind == KIND_MAIL ? FOLD_DOMAIN : FOLD_NONE;
}

int
cond_value_add(struct cond_node *t, struct slice s, const struct cond_options *o,
    char *why, size_t size)
{
	if (t->name.part == PART_WHOLE &&
	    check_word(t, s, o->ignore_case, why, size) == -1)
		return -1;
	t->set.fold = fold_of(t->kind, o->ignore_case);
	if (add(t, s, o) == 0)
		return 0;
	snprintf(why, size, "not %s", kinds[t->kind].is);
	return -1;
}

/* -- values of a line -- */

static bool
address_in(const struct cond_set *set, struct slice s)
{
	struct slice	 host, port;
	struct cond_key	 key;
	char		 buf[64];

	addr_split(s, &host, &port);
	if (ip_key(host, &key) == 0)
		return cond_set_has_text(set, s) ||
		    (slice_eq(host, SLICE("local")) && cond_set_has_text(set, host));
	return cond_set_has_key(set, key) || (set->texts != 0 &&
	    cond_set_has_text(set, with_port(key, port, buf, sizeof(buf))));
}

bool
cond_value_in(const struct cond_node *t, struct slice s)
{
	struct cond_key	 key;

	switch (t->kind) {
	case KIND_TEXT:
	case KIND_HOST:
	case KIND_DIALECT:
	case KIND_TLS:
		return cond_set_has_text(&t->set, s);
	case KIND_MAIL:
		return cond_set_has_text(&t->set, slice_eq(s, SLICE("<>")) ?
		    without_brackets(s) : s);
	case KIND_ID:
		return cond_set_has_text(&t->set, without_zeros(s));
	case KIND_ADDRESS:
		return address_in(&t->set, s);
	default:
		return key_of(t->kind, s, &key) == 0 && cond_set_has_key(&t->set, key);
	}
}

int
cond_value_order(const struct cond_node *t, struct slice s)
{
	const struct cond_range	*r = t->set.range;
	struct cond_key		 key;

	if (key_of(t->kind, s, &key) == -1)
		return 2;
	if (cond_key_compare(key, r->first) < 0)
		return -1;
	return cond_key_compare(key, r->last) > 0;
}
