/* SPDX-License-Identifier: ISC */
/*
 * Answers that no server sends, byte by byte, and names.
 */
/* objects: lib/dns_parse.o lib/dns_set.o lib/dns_name.o */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/dns_parse.h"
#include "lib/nitems.h"

#define QR	"\x12\x34\x81\x80"	/* id, an answer, recursion done */
#define ONE(an, ns)	"\0\1" an ns "\0\0"
#define N0	"\0\0"
#define N1	"\0\1"
#define N2	"\0\2"
#define QUESTION	"\3www\7example\0"	/* at 12; "example" is at 16 */
#define Q_A	QUESTION "\0\1\0\1"	/* ends at 29 */
#define Q_MX	QUESTION "\0\17\0\1"
#define Q_TXT	QUESTION "\0\20\0\1"
#define TTL	"\0\0\0\74"		/* 60 */
#define A(addr)	"\xc0\14\0\1\0\1" TTL "\0\4" addr
#define MX(len, rdata)	"\xc0\14\0\17\0\1" TTL "\0" len rdata
#define TXT(len, rdata)	"\xc0\14\0\20\0\1" TTL "\0" len rdata
#define CNAME(owner, len, rdata)	owner "\0\5\0\1\0\0\0\36\0" len rdata	/* ttl 30 */
#define SOA(owner, len, names, minimum)	owner "\0\6\0\1\0\0\1\54\0" len names \
    "\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0\1" minimum		/* ttl 300 */

static const struct {
	const char	*what;
	const char	*msg;
	size_t		 n;
	enum dns_type	 type;
	const char	*text;		/* status, records or error */
	uint32_t	 ttl;
} rows[] = {
#define ROW(what, msg, type, text, ttl)	{ what, msg, sizeof(msg) - 1, type, text, ttl }
	ROW("nothing", "", DNS_A, "3 a broken answer", 0),
	ROW("half a header", "\x12\x34\x81\x80\0\1", DNS_A, "3 a broken answer", 0),
	ROW("an address", QR ONE(N1, N0) Q_A A("\1\2\3\4"), DNS_A, "0 1.2.3.4", 60),
	ROW("two", QR ONE(N2, N0) Q_A A("\1\2\3\4") A("\1\2\3\5"), DNS_A, "0 1.2.3.4 1.2.3.5", 60),
	ROW("one is missing", QR ONE(N2, N0) Q_A A("\1\2\3\4"), DNS_A, "3 a broken answer", 0),
	ROW("bytes behind", QR ONE(N1, N0) Q_A A("\1\2\3\4") "xyz", DNS_A, "0 1.2.3.4", 60),
	ROW("no question", QR "\0\0\0\1\0\0\0\0" A("\1\2\3\4"), DNS_A, "3 a broken answer", 0),
	ROW("a query", "\x12\x34\1\0" ONE(N0, N0) Q_A, DNS_A, "3 a broken answer", 0),
	ROW("an update", "\x12\x34\xa8\0" ONE(N0, N0) Q_A, DNS_A, "3 a broken answer", 0),
	ROW("truncated", "\x12\x34\x83\x80" ONE(N1, N0) Q_A A("\1\2\3\4"), DNS_A,
	    "3 a truncated answer", 0),
	ROW("rcode 9", "\x12\x34\x81\x89" ONE(N0, N0) Q_A, DNS_A,
	    "3 an error that the server alone knows", 0),
	ROW("another type", QR ONE(N1, N0) Q_MX A("\1\2\3\4"), DNS_A,
	    "3 the answer to another question", 0),
	ROW("another class", QR ONE(N1, N0) QUESTION "\0\1\0\3" A("\1\2\3\4"), DNS_A,
	    "3 the answer to another question", 0),
	ROW("another name", QR ONE(N1, N0) "\3wwx\7example\0\0\1\0\1" A("\1\2\3\4"), DNS_A,
	    "3 the answer to another question", 0),
	ROW("case", QR ONE(N1, N0) "\3WWW\7eXample\0\0\1\0\1" A("\1\2\3\4"), DNS_A, "0 1.2.3.4", 60),
	ROW("an address of 3 bytes", QR ONE(N1, N0) Q_A "\xc0\14\0\1\0\1" TTL "\0\3\1\2\3", DNS_A,
	    "3 a broken answer", 0),
	ROW("longer than the message", QR ONE(N1, N0) Q_A "\xc0\14\0\1\0\1" TTL "\0\5\1\2\3\4",
	    DNS_A, "3 a broken answer", 0),
	ROW("an owner that is itself", QR ONE(N1, N0) Q_A "\xc0\35\0\1\0\1" TTL "\0\4\1\2\3\4",
	    DNS_A, "3 a broken answer", 0),
	ROW("an owner further on", QR ONE(N1, N0) Q_A "\xc0\60\0\1\0\1" TTL "\0\4\1\2\3\4",
	    DNS_A, "3 a broken answer", 0),
	ROW("a label of 64", QR ONE(N1, N0) Q_A "\100\0\1\0\1" TTL "\0\4\1\2\3\4", DNS_A,
	    "3 a broken answer", 0),
	ROW("class CH", QR ONE(N1, N0) Q_A "\xc0\14\0\1\0\3" TTL "\0\4\1\2\3\4", DNS_A, "1", 0),
	ROW("a TTL with its top bit", QR ONE(N1, N0) Q_A "\xc0\14\0\1\0\1\x80\0\0\1\0\4\1\2\3\4",
	    DNS_A, "0 1.2.3.4", 0),
	ROW("an alias", QR ONE(N2, N0) Q_A CNAME("\xc0\14", "\4", "\1m\xc0\20")
	    "\1M\xc0\20\0\1\0\1" TTL "\0\4\1\2\3\4", DNS_A, "0 1.2.3.4", 30),
	ROW("an alias of itself", QR ONE(N1, N0) Q_A CNAME("\xc0\14", "\2", "\xc0\14"), DNS_A,
	    "3 too many aliases", 0),
	ROW("an alias with bytes behind", QR ONE(N1, N0) Q_A CNAME("\xc0\14", "\3", "\xc0\20x"), DNS_A,
	    "3 a broken answer", 0),
	ROW("an alias and an address", QR ONE(N2, N0) Q_A CNAME("\xc0\14", "\2", "\xc0\20")
	    A("\1\2\3\4"), DNS_A, "0 1.2.3.4", 60),
	ROW("an alias that leads nowhere", QR ONE(N1, N0) Q_A CNAME("\xc0\14", "\2", "\xc0\20"),
	    DNS_A, "1", 0),
	ROW("negative", QR ONE(N0, N1) Q_A SOA("\xc0\20", "\26", "\0\0", "\0\0\0\50"), DNS_A, "1", 40),
	ROW("negative, its SOA's TTL", QR ONE(N0, N1) Q_A SOA("\xc0\20", "\26", "\0\0", "\0\1\0\0"),
	    DNS_A, "1", 300),
	ROW("nxdomain", "\x12\x34\x81\x83" ONE(N0, N1) Q_A SOA("\xc0\20", "\26", "\0\0", "\0\0\0\50"),
	    DNS_A, "2", 40),
	ROW("the SOA of another", QR ONE(N0, N1) Q_A SOA("\3org\0", "\26", "\0\0", "\0\0\0\50"),
	    DNS_A, "1", 0),
	ROW("a SOA of the name's end", QR ONE(N0, N1) Q_A SOA("\6xample\0", "\26", "\0\0", "\0\0\0\50"),
	    DNS_A, "1", 0),
	ROW("the root's SOA", QR ONE(N0, N1) Q_A SOA("\0", "\26", "\0\0", "\0\0\0\50"), DNS_A, "1", 40),
	ROW("a SOA too short", QR ONE(N0, N1) Q_A SOA("\0", "\25", "\0\0", "\0\0\0"), DNS_A,
	    "3 a broken answer or a referral", 0),
	ROW("a referral", "\x12\x34\x80\0" ONE(N0, N1) Q_A "\xc0\20\0\2\0\1" TTL "\0\2\xc0\14", DNS_A,
	    "3 a broken answer or a referral", 0),
	ROW("an alias not followed", "\x12\x34\x84\0" ONE(N1, N0) Q_A
	    CNAME("\xc0\14", "\2", "\xc0\20"), DNS_A, "3 a broken answer or a referral", 0),
	ROW("an alias followed to nothing", "\x12\x34\x84\0" ONE(N1, N1) Q_A
	    CNAME("\xc0\14", "\2", "\xc0\20") SOA("\xc0\20", "\26", "\0\0", "\0\0\0\50"),
	    DNS_A, "1", 30),
	ROW("an NS of a resolver", QR ONE(N0, N1) Q_A "\xc0\20\0\2\0\1" TTL "\0\2\xc0\14", DNS_A,
	    "1", 0),
	ROW("mx", QR ONE(N1, N0) Q_MX MX("\4", "\0\12\xc0\20"), DNS_MX, "0 10:example", 60),
	ROW("null mx", QR ONE(N1, N0) Q_MX MX("\3", "\0\0\0"), DNS_MX, "0 0:", 60),
	ROW("mx of odd bytes", QR ONE(N1, N0) Q_MX MX("\7", "\0\12\3a|b\0"), DNS_MX,
	    "3 no MX is a host name", 0),
	ROW("mx that is an address", QR ONE(N1, N0) Q_MX MX("\13", "\0\12\1\61\1\62\1\63\1\64\0"),
	    DNS_MX, "3 no MX is a host name", 0),
	ROW("mx without a name", QR ONE(N1, N0) Q_MX MX("\2", "\0\12"), DNS_MX, "3 a broken answer", 0),
	ROW("mx cut in its name", QR ONE(N1, N0) Q_MX MX("\4", "\0\12\3a"), DNS_MX,
	    "3 a broken answer", 0),
	ROW("text", QR ONE(N1, N0) Q_TXT TXT("\7", "\2ab\0\2cd"), DNS_TXT, "0 abcd", 60),
	ROW("text of nothing", QR ONE(N1, N0) Q_TXT TXT("\1", "\0"), DNS_TXT, "0 ", 60),
	ROW("text without a string", QR ONE(N1, N0) Q_TXT TXT("\0", ""), DNS_TXT,
	    "3 a broken answer", 0),
	ROW("text beyond its record", QR ONE(N1, N0) Q_TXT TXT("\3", "\3abc"), DNS_TXT,
	    "3 a broken answer", 0),
};

static void
show(const struct dns_found *f, enum dns_type type, char *to, size_t size)
{
	const struct dns_record	*r;
	char			 buf[512];
	size_t			 i;

	snprintf(to, size, "%d%s%s", f->status, f->error != NULL ? " " : "",
	    f->error != NULL ? f->error : "");
	for (i = 0; i < f->n; i++) {
		r = &f->record[i];
		if (type == DNS_A)
			inet_ntop(AF_INET, &r->a, buf, sizeof(buf));
		else if (type == DNS_MX)
			snprintf(buf, sizeof(buf), "%u:%s", r->mx.preference, r->mx.name);
		else
			snprintf(buf, sizeof(buf), "%.*s", (int)r->text.n, r->text.p);
		strncat(to, " ", size - strlen(to) - 1);
		strncat(to, buf, size - strlen(to) - 1);
	}
}

static struct dns_found	 found;

static void
test_rows(void **state)
{
	char	 text[1024];
	uint8_t	*exact;
	size_t	 i;

	(void)state;
	for (i = 0; i < nitems(rows); i++) {
		/* A block of its own size, so that a sanitizer sees the end. */
		assert_non_null(exact = malloc(rows[i].n + (rows[i].n == 0)));
		memcpy(exact, rows[i].msg, rows[i].n);
		dns_parse(&found, exact, rows[i].n, "www.example", rows[i].type);
		free(exact);
		show(&found, rows[i].type, text, sizeof(text));
		if (strcmp(text, rows[i].text) != 0 || found.ttl != rows[i].ttl)
			fail_msg("%s: %s, ttl %u", rows[i].what, text, found.ttl);
	}
}

/* Every answer above, cut at every byte: never more than it was. */
static void
test_cut(void **state)
{
	uint8_t	*exact;
	size_t	 i, n;

	(void)state;
	for (i = 0; i < nitems(rows); i++)
		for (n = 0; n < rows[i].n; n++) {
			assert_non_null(exact = malloc(n + (n == 0)));
			memcpy(exact, rows[i].msg, n);
			dns_parse(&found, exact, n, "www.example", rows[i].type);
			free(exact);
			assert_true(found.n <= 2);
		}
}

/* As many records as fit into a message: those that are handed out are bounded. */
static void
test_many(void **state)
{
	static const char	 head[] = QR "\0\1\x0f\xa0\0\0\0\0" Q_TXT;	/* 4000 */
	static const char	 one[] = TXT("\4", "\3abc");
	static uint8_t		 msg[65535];
	struct dns_set		*set;
	size_t			 n = sizeof(head) - 1, i;

	(void)state;
	memcpy(msg, head, n);
	for (i = 0; i < 4000 && n + sizeof(one) - 1 <= sizeof(msg); i++) {
		memcpy(msg + n, one, sizeof(one) - 1);
		n += sizeof(one) - 1;
	}
	assert_int_equal(i, 4000);
	dns_parse(&found, msg, n, "www.example", DNS_TXT);
	assert_int_equal(found.status, DNS_OK);
	assert_int_equal(found.n, DNS_RECORDS);
	assert_non_null(set = dns_set_make(&found, DNS_TXT));
	assert_true(slice_eq(set->record[DNS_RECORDS - 1].text, SLICE("abc")));
	dns_set_unref(set);
}

static const struct {
	const char	*text;
	size_t		 n;		/* of its wire form; 0: no name */
	int		 host;
} names[] = {
	{ "a",				3,	1 },
	{ "a.",				3,	0 },
	{ "www.example.org",		17,	1 },
	{ "_dmarc.example.org",		20,	1 },
	{ "a-b.example",		13,	1 },
	{ "-a.example",			12,	0 },
	{ "a.-b.example",		14,	1 },
	{ "1.2.0.192.in-addr.arpa",	24,	1 },
	{ "3com.example",		14,	1 },
	{ "192.0.2.1",			11,	0 },
	{ "example.0",			11,	0 },
	{ "a b",			5,	0 },
	{ "a|b",			5,	0 },
	{ "a/b",			5,	0 },
	{ "m\303\274nchen.example",	18,	0 },
	{ "",				0,	0 },
	{ ".",				0,	0 },
	{ ".a",				0,	0 },
	{ "a..b",			0,	0 },
	{ "123456789012345678901234567890123456789012345678901234567890abc", 65, 1 },
	{ "123456789012345678901234567890123456789012345678901234567890abcd", 0, 1 },
};

static void
test_names(void **state)
{
	uint8_t	 wire[DNS_WIRE_MAX], again[DNS_WIRE_MAX];
	char	 text[DNS_NAME_MAX + 1], longest[300] = "";
	size_t	 i, n, len;

	(void)state;
	for (i = 0; i < nitems(names); i++) {
		n = dns_name_wire(names[i].text, wire);
		if (n != names[i].n || dns_name_is_host(names[i].text) != names[i].host)
			fail_msg("%s: %zu %d", names[i].text, n, dns_name_is_host(names[i].text));
		if (n == 0)
			continue;
		assert_int_equal(dns_name_read(wire, n, 0, again, &len), n);
		assert_int_equal(len, n);
		assert_memory_equal(wire, again, n);
		assert_int_equal(dns_name_skip(wire, n, 0), n);
		assert_int_equal(dns_name_skip(wire, n - 1, 0), 0);
	}
	for (i = 0; i < 126; i++)
		strcat(longest, i == 0 ? "a" : ".a");
	assert_int_equal(dns_name_wire(longest, wire), 253);
	assert_int_equal(dns_name_text(wire, text), 1);
	assert_string_equal(text, longest);
	strcat(longest, ".a");
	assert_int_equal(dns_name_wire(longest, wire), 255);
	strcat(longest, ".a");
	assert_int_equal(dns_name_wire(longest, wire), 0);
	dns_name_wire("MiXed.Example", wire);
	dns_name_text(wire, text);
	assert_string_equal(text, "mixed.example");
	assert_int_equal(dns_name_text((const uint8_t *)"\3a.b", text), 0);
	assert_int_equal(dns_name_text((const uint8_t *)"\2a\n", text), 0);
}

/* Pointers that make a name longer than there are: "a" before each. */
static void
test_long_pointers(void **state)
{
	static uint8_t	 msg[4096];
	uint8_t		 wire[DNS_WIRE_MAX];
	size_t		 i, len, at = 0, last = 0;

	(void)state;
	msg[at++] = 0;
	for (i = 0; i < 200; i++) {
		msg[at] = 1;
		msg[at + 1] = 'a';
		msg[at + 2] = (uint8_t)(0xc0 | last >> 8);
		msg[at + 3] = (uint8_t)last;
		last = at;
		at += 4;
		if (i < 127)
			assert_int_equal(dns_name_read(msg, at, last, wire, &len), at);
		else
			assert_int_equal(dns_name_read(msg, at, last, wire, &len), 0);
	}
}

static void
test_query(void **state)
{
	static const char	 query[] = "\x12\x34\1\0\0\1\0\0\0\0\0\0" Q_MX;
	uint8_t			 msg[DNS_QUERY_MAX];

	(void)state;
	assert_int_equal(dns_query_make(msg, 0x1234, "WWW.example.", DNS_MX), sizeof(query) - 1);
	assert_memory_equal(msg, query, sizeof(query) - 1);
	assert_int_equal(dns_query_make(msg, 1, "a..b", DNS_A), 0);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_long_pointers),
		cmocka_unit_test(test_query),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
