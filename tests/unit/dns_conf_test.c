/* SPDX-License-Identifier: ISC */
/*
 * Lists of resolvers, resolv.conf, files that change, and the hosts file.
 */
/* objects: lib/dns_conf.o lib/dns_hosts.o lib/dns_set.o lib/dns_name.o */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/dns_conf.h"
#include "lib/dns_hosts.h"
#include "lib/nitems.h"

/* "addr port addr port, timeout tries rotate" */
static void
show(const struct dns_servers *s, char *to, size_t size)
{
	char	 buf[INET6_ADDRSTRLEN];
	size_t	 i, used = 0;

	for (i = 0; i < s->n; i++) {
		inet_ntop(s->server[i].family, &s->server[i].in, buf, sizeof(buf));
		used += snprintf(to + used, size - used, "%s %d ", buf, s->server[i].port);
	}
	snprintf(to + used, size - used, "%d %d %d", s->timeout, s->tries, s->rotate);
}

static const struct {
	const char	*list, *text;	/* text: the servers, or why not */
} lists[] = {
	{ "192.0.2.1", "192.0.2.1 53 0 0 0" },
	{ "192.0.2.1:5353", "192.0.2.1 5353 0 0 0" },
	{ "192.0.2.1, 192.0.2.2:54", "192.0.2.1 53 192.0.2.2 54 0 0 0" },
	{ "2001:db8::1", "2001:db8::1 53 0 0 0" },
	{ "[2001:db8::1]", "2001:db8::1 53 0 0 0" },
	{ "[2001:db8::1]:65535,::1", "2001:db8::1 65535 ::1 53 0 0 0" },
	{ "", "no resolver is named" },
	{ " , ", "no resolver is named" },
	{ "localhost", "a resolver is not an address" },
	{ "192.0.2", "a resolver is not an address" },
	{ "192.0.2.1:0", "a port is no number from 1 to 65535" },
	{ "192.0.2.1:65536", "a port is no number from 1 to 65535" },
	{ "192.0.2.1:", "a port is no number from 1 to 65535" },
	{ "192.0.2.1:99999999999999999999", "a port is no number from 1 to 65535" },
	{ "[::1", "a bracket is not closed" },
	{ "[::1]53", "a bracket is followed by something else than a port" },
	{ "[::1]:", "a port is no number from 1 to 65535" },
	{ "1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1",
	    "more than 8 resolvers" },
};

static void
test_lists(void **state)
{
	struct dns_servers	 s, before;
	const char		*why;
	char			 text[512];
	size_t			 i;
	int			 n;

	(void)state;
	memset(&s, 0, sizeof(s));
	for (i = 0; i < nitems(lists); i++) {
		before = s;
		if ((n = dns_conf_list(&s, lists[i].list, &why)) == 0)
			show(&s, text, sizeof(text));
		else {
			snprintf(text, sizeof(text), "%s", why);
			assert_true(dns_conf_same(&s, &before));
		}
		if (strcmp(text, lists[i].text) != 0)
			fail_msg("%s: %s", lists[i].list, text);
	}
}

static const struct {
	const char	*conf, *text;
} confs[] = {
	{ "nameserver 192.0.2.1\n", "192.0.2.1 53 0 0 0" },
	{ "nameserver 192.0.2.1", "192.0.2.1 53 0 0 0" },
	{ "# x\n; y\nsearch example.org\ndomain a\nnameserver\t192.0.2.1 \r\n\nnameserver ::1\n",
	    "192.0.2.1 53 ::1 53 0 0 0" },
	{ "nameserver 192.0.2.1\noptions timeout:5 attempts:2 rotate edns0\n",
	    "192.0.2.1 53 5000 2 1" },
	{ "options timeout:900 attempts:900\nnameserver 192.0.2.1\n", "192.0.2.1 53 30000 5 0" },
	{ "options timeout:x attempts: timeout\nnameserver 192.0.2.1\n", "192.0.2.1 53 0 0 0" },
	{ "nameserver fe80::1%eth0\nnameserver nobody\nnameserver 192.0.2.1:54\nnameserver ::1\n",
	    "192.0.2.1 54 ::1 53 0 0 0" },
	{ "#nameserver 192.0.2.1\n", "no nameserver is named" },
	{ "nameserver\n", "no nameserver is named" },
	{ "nameserver192.0.2.1\n", "no nameserver is named" },
	{ "", "no nameserver is named" },
	{ "nameserver ::\nnameserver ::\nnameserver ::\nnameserver ::\nnameserver ::\n"
	  "nameserver ::\nnameserver ::\nnameserver ::\nnameserver ::1\n",
	    ":: 53 :: 53 :: 53 :: 53 :: 53 :: 53 :: 53 :: 53 0 0 0" },
};

static void
test_confs(void **state)
{
	struct dns_servers	 s;
	const char		*why;
	char			 text[512];
	size_t			 i;

	(void)state;
	for (i = 0; i < nitems(confs); i++) {
		if (dns_conf_resolv(&s, slice_str(confs[i].conf), &why) == 0)
			show(&s, text, sizeof(text));
		else
			snprintf(text, sizeof(text), "%s", why);
		if (strcmp(text, confs[i].text) != 0)
			fail_msg("%s: %s", confs[i].conf, text);
	}
}

static void
write_file(const char *path, const char *text)
{
	FILE	*f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
}

static void
test_file(void **state)
{
	char		 path[] = "/tmp/dns_conf_test.XXXXXX", *text;
	struct dns_file	 f = { .path = path }, none = { 0 };
	size_t		 n;

	(void)state;
	assert_int_equal(dns_file_changed(&none, &text, &n), 0);
	close(mkstemp(path));
	write_file(path, "one");
	assert_int_equal(dns_file_changed(&f, &text, &n), 1);
	assert_true(slice_eq(slice_make(text, n), SLICE("one")));
	free(text);
	assert_int_equal(dns_file_changed(&f, &text, &n), 0);
	write_file(path, "three");
	assert_int_equal(dns_file_changed(&f, &text, &n), 1);
	assert_true(slice_eq(slice_make(text, n), SLICE("three")));
	free(text);
	write_file(path, "");
	assert_int_equal(dns_file_changed(&f, &text, &n), 1);
	assert_int_equal(n, 0);
	free(text);
	unlink(path);
	assert_int_equal(dns_file_changed(&f, &text, &n), 0);
	f.path = (char[]){ "/" };
	assert_int_equal(dns_file_changed(&f, &text, &n), 0);
}

static const char	 hosts[] =
    "# all of it\n"
    "127.0.0.1\tlocalhost  Loop\r\n"
    "::1 localhost ip6-localhost # a comment\n"
    "192.0.2.1 a.example a\n"
    "192.0.2.2 a.example.\n"
    "192.0.2.1 again.example\n"
    "2001:db8::1 a.example\n"
    "192.0.2.3\n"
    "192.0.2.4 bad|name good.example\n"
    "nonsense x.example\n"
    "fe80::1%lo x.example\n"
    "#192.0.2.5 x.example\n"
    "  192.0.2.6 last.example";

static const struct {
	const char	*name;
	enum dns_type	 type;
	const char	*text;		/* NULL: the file does not know it */
} found_rows[] = {
	{ "localhost", DNS_A, "127.0.0.1" },
	{ "localhost", DNS_AAAA, "::1" },
	{ "loop", DNS_A, "127.0.0.1" },
	{ "loop", DNS_AAAA, "" },
	{ "ip6-localhost", DNS_AAAA, "::1" },
	{ "a.example", DNS_A, "192.0.2.1 192.0.2.2" },
	{ "a.example", DNS_AAAA, "2001:db8::1" },
	{ "a.example", DNS_MX, NULL },
	{ "a", DNS_A, "192.0.2.1" },
	{ "1.2.0.192.in-addr.arpa", DNS_PTR, "a.example again.example" },
	{ "1.0.0.127.in-addr.arpa", DNS_PTR, "localhost" },
	{ "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa", DNS_PTR,
	    "localhost" },
	{ "4.2.0.192.in-addr.arpa", DNS_PTR, "good.example" },
	{ "3.2.0.192.in-addr.arpa", DNS_PTR, NULL },
	{ "x.example", DNS_A, NULL },
	{ "comment", DNS_A, NULL },
	{ "last.example", DNS_A, "192.0.2.6" },
};

static struct dns_found	 found;

static void
records(enum dns_type type, char *to, size_t size)
{
	char	 buf[DNS_NAME_MAX + 1];
	size_t	 i, used = 0;

	*to = '\0';
	for (i = 0; i < found.n; i++) {
		if (type == DNS_PTR)
			snprintf(buf, sizeof(buf), "%s", found.record[i].name);
		else
			inet_ntop(type == DNS_A ? AF_INET : AF_INET6, &found.record[i], buf, sizeof(buf));
		used += snprintf(to + used, size - used, "%s%s", i == 0 ? "" : " ", buf);
	}
}

static void
test_hosts(void **state)
{
	struct dns_hosts	 h = { 0 };
	char			 text[512];
	size_t			 i;

	(void)state;
	assert_int_equal(dns_hosts_find(&h, "localhost", DNS_A, &found), 0);
	assert_int_equal(dns_hosts_read(&h, SLICE("192.0.2.9 x.example\n")), 0);
	assert_int_equal(dns_hosts_read(&h, slice_make(hosts, sizeof(hosts) - 1)), 0);
	for (i = 0; i < nitems(found_rows); i++) {
		if (!dns_hosts_find(&h, found_rows[i].name, found_rows[i].type, &found)) {
			if (found_rows[i].text != NULL)
				fail_msg("%s: not known", found_rows[i].name);
			continue;
		}
		records(found_rows[i].type, text, sizeof(text));
		if (found_rows[i].text == NULL || strcmp(text, found_rows[i].text) != 0)
			fail_msg("%s: %s", found_rows[i].name, text);
		assert_int_equal(found.status, found.n > 0 ? DNS_OK : DNS_NODATA);
	}
	assert_int_equal(dns_hosts_read(&h, SLICE_NONE), 0);
	assert_int_equal(dns_hosts_find(&h, "localhost", DNS_A, &found), 0);
	dns_hosts_free(&h);
}

/* Many lines: in their order, and no more than an answer holds. */
static void
test_hosts_many(void **state)
{
	static char		 text[100000];
	struct dns_hosts	 h = { 0 };
	size_t			 used = 0;
	int			 i;

	(void)state;
	for (i = 0; i < 3000; i++)
		used += snprintf(text + used, sizeof(text) - used, "10.0.%d.%d a b%d\n",
		    i / 250, i % 250, i);
	assert_int_equal(dns_hosts_read(&h, slice_make(text, used)), 0);
	assert_int_equal(dns_hosts_find(&h, "a", DNS_A, &found), 1);
	assert_int_equal(found.n, DNS_RECORDS);
	assert_int_equal(found.record[1].a.s_addr, htonl(0x0a000001));
	assert_int_equal(dns_hosts_find(&h, "b2999", DNS_A, &found), 1);
	assert_int_equal(found.record[0].a.s_addr, htonl(0x0a000bf9));
	dns_hosts_free(&h);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_confs),
		cmocka_unit_test(test_file),
		cmocka_unit_test(test_hosts),
		cmocka_unit_test(test_hosts_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
