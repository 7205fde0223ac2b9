/* SPDX-License-Identifier: ISC */
/*
 * Addresses in every form they had.
 */
#include <sys/types.h>
#include <sys/socket.h>

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/addr.h"

static const struct {
	const char	*text, *host, *port;
} splits[] = {
	{ "127.0.0.1:41564",		"127.0.0.1",		"41564" },
	{ "127.0.0.1",			"127.0.0.1",		"" },
	{ "[2001:db8::1]:25",		"2001:db8::1",		"25" },
	{ "[2001:db8::1]",		"2001:db8::1",		"" },
	{ "[fe80::1%em0]:25",		"fe80::1%em0",		"25" },
	{ "[2001:db8::1",		"[2001:db8::1",		"" },
	{ "IPv6:2001:db8::1:41564",	"2001:db8::1",		"41564" },
	{ "IPv6:2001:db8::1",		"2001:db8::1",		"" },
	{ "IPv6:2001:db8:1:2:3:4:5:6",	"2001:db8:1:2:3:4:5:6",	"" },
	{ "IPv6:2001:db8:1:2:3:4:5:6:7", "2001:db8:1:2:3:4:5:6", "7" },
	{ "IPv6:fe80::1%em0:25",	"fe80::1%em0",		"25" },
	{ "IPv6:::1:25",		"::1",			"25" },
	{ "IPv6:",			"",			"" },
	{ "local",			"local",		"" },
	{ "local:0",			"local",		"" },
	{ "unix:/run/a:25",		"local",		"" },
	{ ":0",				"",			"0" },
	{ "",				"",			"" },
};

static void
test_split(void **state)
{
	struct slice	 host, port;
	size_t		 i;

	(void)state;
	for (i = 0; i < sizeof(splits) / sizeof(splits[0]); i++) {
		addr_split(slice_str(splits[i].text), &host, &port);
		if (!slice_eq(host, slice_str(splits[i].host)) ||
		    !slice_eq(port, slice_str(splits[i].port)))
			fail_msg("%s: %.*s %.*s", splits[i].text, (int)host.n, host.p,
			    (int)port.n, port.p);
	}
}

static const struct {
	const char	*text, *host, *ip;	/* ip as inet_ntop(3) has it; NULL: none */
} parses[] = {
	{ "192.0.2.1",			"192.0.2.1",		"192.0.2.1" },
	{ "192.0.2.1:41564",		"192.0.2.1",		"192.0.2.1" },
	{ "2001:DB8:0::1",		"2001:DB8:0::1",	"2001:db8::1" },
	{ "[2001:db8::1]",		"2001:db8::1",		"2001:db8::1" },
	{ "[fe80::1%em0]:25",		"fe80::1%em0",		"fe80::1" },
	{ "fe80::1%em0",		"fe80::1%em0",		"fe80::1" },
	{ "IPv6:2001:db8::1:25",	"2001:db8::1",		"2001:db8::1" },
	{ "::ffff:192.0.2.1",		"::ffff:192.0.2.1",	"::ffff:192.0.2.1" },
	{ "192.0.2.256",		NULL,			NULL },
	{ "192.0.2.1 ",			NULL,			NULL },
	{ "[::1",			NULL,			NULL },
	{ "mail.example.org:25",	NULL,			NULL },
	{ "%em0",			NULL,			NULL },
	{ "local:0",			NULL,			NULL },
	{ "unix:/run/smtpd.sock",	NULL,			NULL },
	{ ":0",				NULL,			NULL },
	{ "",				NULL,			NULL },
	{ "192.0.2.1.........................................................", NULL, NULL },
};

static void
test_parse(void **state)
{
	struct sockaddr_storage	 ss;
	struct slice		 host;
	char			 ip[INET6_ADDRSTRLEN];
	const void		*bytes;
	size_t			 i;

	(void)state;
	for (i = 0; i < sizeof(parses) / sizeof(parses[0]); i++) {
		if (addr_parse(slice_str(parses[i].text), &host, &ss) == -1) {
			if (parses[i].ip != NULL)
				fail_msg("%s: refused", parses[i].text);
			continue;
		}
		if (parses[i].ip == NULL)
			fail_msg("%s: accepted", parses[i].text);
		bytes = ss.ss_family == AF_INET ?
		    (const void *)&((struct sockaddr_in *)(void *)&ss)->sin_addr :
		    (const void *)&((struct sockaddr_in6 *)(void *)&ss)->sin6_addr;
		inet_ntop(ss.ss_family, bytes, ip, sizeof(ip));
		assert_string_equal(ip, parses[i].ip);
		assert_true(slice_eq(host, slice_str(parses[i].host)));
	}
	assert_int_equal(addr_parse(SLICE_NONE, &host, &ss), -1);
}

static const struct {
	const char	*newest, *founding;
} forms[] = {
	{ "127.0.0.1:25",	"127.0.0.1:25" },
	{ "[2001:db8::1]:25",	"IPv6:2001:db8::1:25" },
	{ "[fe80::1%em0]:25",	"IPv6:fe80::1%em0:25" },
	{ "unix:/run/smtpd.sock", "local:0" },
	{ ":0",			":0" },
	{ "",			"" },
};

static void
test_founding(void **state)
{
	struct slice	 s;
	char		 buf[ADDR_MAX];
	size_t		 i;

	(void)state;
	for (i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		s = addr_founding(slice_str(forms[i].newest), buf, sizeof(buf));
		assert_true(slice_eq(s, slice_str(forms[i].founding)));
	}
}

static void
test_text(void **state)
{
	struct sockaddr_in	 in = { .sin_family = AF_INET, .sin_port = htons(25) };
	struct sockaddr_in6	 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(65535) };
	struct sockaddr		 other = { .sa_family = AF_UNIX };
	char			 buf[ADDR_MAX], expected[ADDR_MAX];
	char			 name[IF_NAMESIZE];

	(void)state;
	inet_pton(AF_INET, "192.0.2.1", &in.sin_addr);
	assert_int_equal(addr_text((struct sockaddr *)&in, buf, sizeof(buf)), 12);
	assert_string_equal(buf, "192.0.2.1:25");
	inet_pton(AF_INET6, "2001:DB8:0::1", &in6.sin6_addr);
	assert_int_equal(addr_text((struct sockaddr *)&in6, buf, sizeof(buf)), 19);
	assert_string_equal(buf, "[2001:db8::1]:65535");
	assert_int_equal(addr_text((struct sockaddr *)&in6, buf, 19), 0);
	assert_int_equal(addr_text(&other, buf, sizeof(buf)), 0);
	inet_pton(AF_INET6, "fe80::1", &in6.sin6_addr);
	in6.sin6_scope_id = 1;
	strcpy(expected, "[fe80::1");
	if (if_indextoname(1, name) != NULL) {
		strcat(expected, "%");
		strcat(expected, name);
	}
	strcat(expected, "]:65535");
	addr_text((struct sockaddr *)&in6, buf, sizeof(buf));
	assert_string_equal(buf, expected);
}

static const struct {
	const char	*text;
	int		 ip;
} ips[] = {
	{ "192.0.2.1", 1 }, { "::1", 1 }, { "2001:db8::192.0.2.1", 1 }, { "0.0.0.0", 1 },
	{ "", 0 }, { "192.0.2", 0 }, { "192.0.2.1:25", 0 }, { "[::1]", 0 }, { "::1%lo", 0 }, { "a", 0 },
	{ "192.0.2.0/24", 0 }, { "0000:0000:0000:0000:0000:0000:0000:0000:0000:0001", 0 },
};

static void
test_ip(void **state)
{
	size_t	 i;

	(void)state;
	for (i = 0; i < sizeof(ips) / sizeof(ips[0]); i++)
		assert_int_equal(addr_is_ip(slice_str(ips[i].text)), ips[i].ip);
	assert_false(addr_is_ip(slice_make("::1\0", 4)));
	assert_false(addr_is_ip(SLICE_NONE));
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_split),
		cmocka_unit_test(test_ip),
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_founding),
		cmocka_unit_test(test_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
