/* SPDX-License-Identifier: ISC */
/*
 * Where the mail of a domain goes, and the addresses of a host: what is asked,
 * in which order the hosts come out, what is skipped, what is an error.  The
 * resolver is the test's own: a zone of lines, answers in one order or the other.
 */
/* objects: smtpd/dns_mx.o smtpd/dns_host.o */
#include <arpa/inet.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/dns.h"
#include "lib/nitems.h"
#include "smtpd/dns_int.h"
#include "smtpd/loop.h"

#define SECOND	1000000000ULL

/* -- the resolver -- */

struct dns_query {
	struct dns_query *next;
	char		 name[DNS_NAME_MAX + 1];
	enum dns_type	 type;
	int		 deadline;
	dns_cb		 cb;
	void		*arg;
};

static const char	*zone;		/* lines: NAME TYPE VALUE ... */
static struct dns_query	*open_queries;
static size_t		 nasked, most_open;
static uint64_t		 now = 1000 * SECOND;
static size_t		 no_memory_at;	/* the how manieth question fails; 0: none */

uint64_t
loop_mono(void)
{
	return now;
}

struct dns_query *
dns_ask(struct dns *dns, const char *name, enum dns_type type, int deadline,
    dns_cb cb, void *arg)
{
	struct dns_query	*q, **end;
	size_t			 n = 1;

	assert_null(dns);
	assert_true(deadline > 0 && deadline <= 10000);
	if (++nasked == no_memory_at)
		return NULL;
	q = calloc(1, sizeof(*q));
	assert_non_null(q);
	strlcpy(q->name, name, sizeof(q->name));
	q->type = type;
	q->deadline = deadline;
	q->cb = cb;
	q->arg = arg;
	for (end = &open_queries; *end != NULL; end = &(*end)->next)
		n++;
	*end = q;
	if (n > most_open)
		most_open = n;
	return q;
}

void
dns_cancel(struct dns_query *q)
{
	struct dns_query	**p;

	for (p = &open_queries; *p != q; p = &(*p)->next)
		assert_non_null(*p);
	*p = q->next;
	free(q);
}

/* One value of a line as a record; its name stays in the zone's copy. */
static void
record(struct dns_record *r, enum dns_type type, char *value)
{
	char	*colon;

	switch (type) {
	case DNS_A:
		assert_int_equal(inet_pton(AF_INET, value, &r->a), 1);
		break;
	case DNS_AAAA:
		assert_int_equal(inet_pton(AF_INET6, value, &r->aaaa), 1);
		break;
	default:
		colon = strchr(value, ':');
		assert_non_null(colon);
		r->mx.preference = (uint16_t)atoi(value);
		r->mx.name = strcmp(colon + 1, ".") == 0 ? "" : colon + 1;
	}
}

/* What the zone says; a name of which there is no line is NXDOMAIN. */
static void
find(const struct dns_query *q, char *copy, struct dns_answer *a,
    struct dns_record *records)
{
	static const char *const types[] = { "A", "AAAA", "PTR", "MX", "TXT" };
	char	*line, *word, *lines, *words;

	a->status = DNS_NXDOMAIN;
	for (line = strtok_r(copy, "\n", &lines); line != NULL;
	    line = strtok_r(NULL, "\n", &lines)) {
		word = strtok_r(line, " ", &words);
		if (strcasecmp(word, q->name) != 0)
			continue;
		word = strtok_r(NULL, " ", &words);
		if (a->status == DNS_NXDOMAIN)
			a->status = DNS_NODATA;
		if (strcmp(word, "tempfail") == 0) {
			a->status = DNS_TEMPFAIL;
			a->error = "SERVFAIL";
			return;
		}
		if (strcmp(word, types[q->type]) != 0)
			continue;
		while ((word = strtok_r(NULL, " ", &words)) != NULL)
			record(&records[a->n++], q->type, word);
		a->status = DNS_OK;
		return;
	}
}

/* Answers the first question, or the last. */
static void
answer_one(bool last)
{
	struct dns_query	**p = &open_queries, *q;
	struct dns_record	  records[128] = { 0 };
	struct dns_answer	  a = { .record = records };
	char			 *copy = strdup(zone);

	while (last && (*p)->next != NULL)
		p = &(*p)->next;
	q = *p;
	*p = q->next;
	find(q, copy, &a, records);
	q->cb(&a, q->arg);
	free(q);
	free(copy);
}

/* -- what came out -- */

static enum resolved	 result;
static char		 out[8192];
static size_t		 ncalls;

static void
mx_known(const struct mx_answer *a, void *arg)
{
	size_t	 i, n = 0;

	assert_ptr_equal(arg, out);
	ncalls++;
	result = a->result;
	assert_true(a->n <= IPC_HOSTS);
	assert_int_equal(a->result == RESOLVED_OK, a->n > 0);
	if (a->n == 0) {
		strlcpy(out, a->why, sizeof(out));
		return;
	}
	out[0] = '\0';
	for (i = 0; i < a->n; i++)
		n += (size_t)snprintf(out + n, sizeof(out) - n, "%s%u %.*s %.*s",
		    i == 0 ? "" : ", ", a->host[i].preference,
		    (int)a->host[i].name.n, a->host[i].name.p,
		    (int)a->host[i].address.n, a->host[i].address.p);
	if (a->why != NULL)
		snprintf(out + n, sizeof(out) - n, "; %s", a->why);
}

static void
ask(const char *zone_text, const char *domain, enum resolve_family family,
    bool last)
{
	zone = zone_text;
	ncalls = nasked = most_open = 0;
	strlcpy(out, "nothing", sizeof(out));
	assert_non_null(mx_ask(NULL, domain, family, 10000, mx_known, out));
	assert_int_equal(ncalls, 0);
	while (open_queries != NULL)
		answer_one(last);
	assert_int_equal(ncalls, 1);
}

/* -- the tests -- */

static const struct row {
	const char	*zone, *domain;
	enum resolve_family family;
	enum resolved	 result;
	const char	*out;
} rows[] = {
	{ "d MX 20:b 10:a 30:c\na A 192.0.2.1\nb A 192.0.2.2\nc AAAA 2001:db8::3\n", "d",
	    RESOLVE_ANY, RESOLVED_OK, "10 a 192.0.2.1, 20 b 192.0.2.2, 30 c 2001:db8::3" },
	{ "d MX 20:b 10:a\na A 192.0.2.1\nb A 192.0.2.2\n", "D",
	    RESOLVE_ANY, RESOLVED_OK, "10 a 192.0.2.1, 20 b 192.0.2.2" },
	/* families */
	{ "d MX 1:a\na A 192.0.2.1 192.0.2.2 192.0.2.3\na AAAA 2001:db8::1\n", "d",
	    RESOLVE_ANY, RESOLVED_OK, "1 a 2001:db8::1, 1 a 192.0.2.1, 1 a 192.0.2.2, 1 a 192.0.2.3" },
	{ "d MX 1:a\na A 192.0.2.1\na AAAA 2001:db8::1 2001:db8::2\n", "d",
	    RESOLVE_ANY, RESOLVED_OK, "1 a 2001:db8::1, 1 a 192.0.2.1, 1 a 2001:db8::2" },
	{ "d MX 1:a 2:b\na A 192.0.2.1\na AAAA 2001:db8::1\nb AAAA 2001:db8::2\n", "d",
	    RESOLVE_INET4, RESOLVED_OK, "1 a 192.0.2.1" },
	{ "d MX 1:a 2:b\na A 192.0.2.1\nb AAAA 2001:db8::2\n", "d",
	    RESOLVE_INET6, RESOLVED_OK, "2 b 2001:db8::2" },
	{ "d MX 1:a 2:b\na A 192.0.2.1\na AAAA 2001:db8::1\nb A 192.0.2.2\nb AAAA 2001:db8::2\n", "d",
	    RESOLVE_PREFER4, RESOLVED_OK,
	    "1 a 192.0.2.1, 1 a 2001:db8::1, 2 b 192.0.2.2, 2 b 2001:db8::2" },
	{ "d MX 1:a 1:b\na A 192.0.2.1\nb AAAA 2001:db8::2\n", "d",
	    RESOLVE_PREFER6, RESOLVED_OK, "1 b 2001:db8::2, 1 a 192.0.2.1" },
	{ "d MX 1:a 1:b\na A 192.0.2.1\nb AAAA 2001:db8::2\n", "d",
	    RESOLVE_PREFER4, RESOLVED_OK, "1 a 192.0.2.1, 1 b 2001:db8::2" },
	{ "d MX 1:a\na AAAA 2001:db8::1\n", "d",
	    RESOLVE_INET4, RESOLVED_NONE, "a: it has no address" },
	/* implicit MX */
	{ "d A 192.0.2.1\nd AAAA 2001:db8::1\n", "d",
	    RESOLVE_PREFER4, RESOLVED_OK, "0 d 192.0.2.1, 0 d 2001:db8::1" },
	{ "d TXT 0:x\n", "d", RESOLVE_ANY, RESOLVED_NONE, "d: it has no address" },
	{ "d A 192.0.2.1\n", "e", RESOLVE_ANY, RESOLVED_NONE, "e: no such name" },
	/* an MX that is of no use does not bring the domain's own address back */
	{ "d MX 10:a\nd A 192.0.2.9\n", "d", RESOLVE_ANY, RESOLVED_NONE, "a: no such name" },
	/* null MX, and what is only similar */
	{ "d MX 0:.\nd A 192.0.2.1\n", "d", RESOLVE_ANY, RESOLVED_NULLMX, "it accepts no mail" },
	{ "d MX 0:. 10:a\na A 192.0.2.1\n", "d", RESOLVE_ANY, RESOLVED_OK, "10 a 192.0.2.1" },
	{ "d MX 0:. 10:.\n", "d", RESOLVE_ANY, RESOLVED_NONE, "none of its mail exchangers is a host" },
	/* addresses are no exchangers */
	{ "d MX 5:192.0.2.7 10:a\n192.0.2.7 A 192.0.2.7\na A 192.0.2.1\n", "d",
	    RESOLVE_ANY, RESOLVED_OK, "10 a 192.0.2.1" },
	{ "d MX 5:192.0.2.7\n192.0.2.7 A 192.0.2.7\n", "d",
	    RESOLVE_ANY, RESOLVED_NONE, "none of its mail exchangers is a host" },
	/* the same name again */
	{ "d MX 20:A 10:a 30:b\na A 192.0.2.1\nb A 192.0.2.2\n", "d",
	    RESOLVE_ANY, RESOLVED_OK, "10 a 192.0.2.1, 30 b 192.0.2.2" },
	/* what fails for the time being */
	{ "d tempfail\n", "d", RESOLVE_ANY, RESOLVED_TEMPFAIL, "SERVFAIL" },
	{ "d MX 10:a 20:b\na tempfail\nb A 192.0.2.2\n", "d",
	    RESOLVE_ANY, RESOLVED_OK, "20 b 192.0.2.2; a: SERVFAIL" },
	{ "d MX 10:a 20:b\na tempfail\n", "d", RESOLVE_ANY, RESOLVED_TEMPFAIL, "a: SERVFAIL" },
	{ "d MX 10:a 20:b\nb tempfail\n", "d", RESOLVE_ANY, RESOLVED_TEMPFAIL, "b: SERVFAIL" },
	{ "d MX 10:a 20:b\na TXT x\nb A 192.0.2.2\n", "d", RESOLVE_ANY, RESOLVED_OK, "20 b 192.0.2.2" },
};

static void
test_rows(void **state)
{
	size_t	 i;
	int	 last;

	(void)state;
	for (i = 0; i < nitems(rows); i++)
		for (last = 0; last < 2; last++) {
			ask(rows[i].zone, rows[i].domain, rows[i].family, last);
			if (result != rows[i].result ||
			    strcasecmp(out, rows[i].out) != 0)
				fail_msg("row %zu: %d %s", i, result, out);
		}
}

/* Equal preferences come in every order, and never before a better one. */
static void
test_shuffle(void **state)
{
	static const char	 text[] = "d MX 10:a 10:b 10:c 5:z\nz A 192.0.2.9\n"
				    "a A 192.0.2.1\nb A 192.0.2.2\nc A 192.0.2.3\n";
	unsigned		 seen[256] = { 0 };
	size_t			 i;

	(void)state;
	for (i = 0; i < 300; i++) {
		ask(text, "d", RESOLVE_INET4, false);
		assert_memory_equal(out, "5 z 192.0.2.9, 10 ", 18);
		seen[(unsigned char)out[18]]++;
	}
	assert_true(seen['a'] > 30 && seen['b'] > 30 && seen['c'] > 30);
}

/* A domain of a hundred exchangers and hosts of many addresses are cut to the best. */
static void
test_bounds(void **state)
{
	char	 text[65536] = "d MX";
	size_t	 i, j, n = strlen(text);

	(void)state;
	for (i = 0; i < 100; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, " %zu:h%zu",
		    i, i);
	for (i = 0; i < 100; i++) {
		n += (size_t)snprintf(text + n, sizeof(text) - n, "\nh%zu A", i);
		for (j = 0; j < 30; j++)
			n += (size_t)snprintf(text + n, sizeof(text) - n,
			    " 10.0.%zu.%zu", i, j);
	}
	ask(text, "d", RESOLVE_ANY, false);
	assert_int_equal(result, RESOLVED_OK);
	assert_memory_equal(out, "0 h0 10.0.0.0, ", 15);
	assert_true(nasked <= 1 + 2 * 20);
	for (n = i = 0; out[i] != '\0'; i++)
		n += out[i] == ',';
	assert_int_equal(n + 1, IPC_HOSTS);
	/* Each of the four best has its share. */
	assert_non_null(strstr(out, "3 h3 10.0.3.15"));
}

/* The second round has what is left of the time. */
static void
test_deadline(void **state)
{
	(void)state;
	zone = "d MX 1:a\na A 192.0.2.1\n";
	ncalls = 0;
	mx_ask(NULL, "d", RESOLVE_INET4, 10000, mx_known, out);
	now += 4 * SECOND;
	answer_one(false);
	assert_int_equal(open_queries->deadline, 6000);
	answer_one(false);
	assert_int_equal(ncalls, 1);
	mx_ask(NULL, "d", RESOLVE_INET4, 10000, mx_known, out);
	now += 11 * SECOND;
	answer_one(false);
	assert_int_equal(open_queries->deadline, 1);
	answer_one(false);
	assert_int_equal(ncalls, 2);
}

static void
test_cancel(void **state)
{
	struct mx_query	*q;
	int		 i;

	(void)state;
	zone = "d MX 1:a 2:b\na A 192.0.2.1\nb A 192.0.2.2\n";
	for (i = 0; i < 5; i++) {
		ncalls = 0;
		q = mx_ask(NULL, "d", RESOLVE_ANY, 10000, mx_known, out);
		for (int n = 0; n < i; n++)
			answer_one(false);
		mx_cancel(q);
		assert_null(open_queries);
		assert_int_equal(ncalls, 0);
	}
}

/* Memory runs out at each question in turn: an answer comes all the same, or none is begun. */
static void
test_no_memory(void **state)
{
	(void)state;
	zone = "d MX 1:a 2:b\na A 192.0.2.1\nb A 192.0.2.2\n";
	for (no_memory_at = 1; no_memory_at < 7; no_memory_at++) {
		ncalls = nasked = 0;
		if (mx_ask(NULL, "d", RESOLVE_ANY, 10000, mx_known, out) == NULL) {
			assert_int_equal(no_memory_at, 1);
			continue;
		}
		while (open_queries != NULL)
			answer_one(false);
		assert_int_equal(ncalls, 1);
		assert_int_equal(result, no_memory_at < 6 ? RESOLVED_TEMPFAIL :
		    RESOLVED_OK);
	}
	no_memory_at = 0;
}

static void
test_literals(void **state)
{
	static const struct {
		const char	*text, *address;	/* NULL: it is none */
		bool		 literal;
	} texts[] = {
		{ "192.0.2.1", "192.0.2.1", false }, { "2001:DB8::1", "2001:db8::1", false },
		{ "192.0.2.1.", NULL, false }, { "192.0.2", NULL, false }, { "", NULL, false },
		{ "1.2.3.4.5.6.7.8.9.10.11.12.13.14.15.16.17.18.19.20", NULL, false },
		{ "[192.0.2.1]", "192.0.2.1", true }, { "[IPv6:2001:db8::1]", "2001:db8::1", true },
		{ "[ipv6:::1]", "::1", true }, { "[2001:db8::1]", NULL, true },
		{ "[IPv6:192.0.2.1]", NULL, true }, { "[IPv6:]", NULL, true }, { "[]", NULL, true },
		{ "[", NULL, true }, { "]", NULL, true }, { "[192.0.2.1", NULL, true },
		{ "192.0.2.1", NULL, true }, { "[::ffff:192.0.2.1]", NULL, true },
	};
	struct host_address	 h;
	char			 buf[INET6_ADDRSTRLEN];
	struct slice		 text;
	size_t			 i;
	bool			 is;

	(void)state;
	for (i = 0; i < nitems(texts); i++) {
		text = slice_str(texts[i].text);
		is = texts[i].literal ? host_literal_parse(text, &h) :
		    host_address_parse(text, &h);
		if (is != (texts[i].address != NULL))
			fail_msg("%s", texts[i].text);
		if (is)
			assert_true(slice_eq(host_text(&h, buf),
			    slice_str(texts[i].address)));
	}
}

int
main(void)
{
	static const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_shuffle),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_deadline),
		cmocka_unit_test(test_cancel),
		cmocka_unit_test(test_no_memory),
		cmocka_unit_test(test_literals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
