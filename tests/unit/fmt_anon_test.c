/* SPDX-License-Identifier: ISC */
/*
 * Pseudonyms: the same for the same, others for others, and of the same form.
 */
#include <sys/socket.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/fmt_anon.h"
#include "lib/report_part.h"

#define CONNECT	"report|0.7|1|smtp-in|link-connect|c7|"
#define CLIENT	"report|0.7|1|smtp-in|protocol-client|c7|"
#define SERVER	"report|0.7|1|smtp-in|protocol-server|c7|"
#define MAIL	"report|0.7|1|smtp-in|tx-mail|c7|f8|ok|"

static struct fmt_anon	*anon;

static int
setup(void **state)
{
	char	 file[] = "/tmp/fmt_anon_test.XXXXXX";
	int	 fd = mkstemp(file);

	(void)state;
	if (fd == -1 || write(fd, "0123456789abcdef", 16) != 16)
		return -1;
	close(fd);
	anon = fmt_anon_new(file);
	unlink(file);
	return anon == NULL ? -1 : 0;
}

static int
teardown(void **state)
{
	(void)state;
	fmt_anon_free(anon);
	return 0;
}

/* The value of name in the line when it is hidden, in buf. */
static const char *
hidden(const char *line, const char *name, char buf[256])
{
	struct report		 r;
	struct report_name	 n;
	struct slice		 value;
	size_t			 bound;

	assert_int_equal(report_parse(&r, slice_str(line)), REPORT_KNOWN);
	assert_int_equal(report_name_parse(slice_str(name), &n), 0);
	assert_int_equal(fmt_anon_record(anon, &r, &bound), 0);
	assert_true(bound >= r.line.n);
	if (!report_value(&r, n, &value))
		return NULL;
	assert_true(value.n < 256);
	snprintf(buf, 256, "%.*s", (int)value.n, value.p);
	return buf;
}

static const struct {
	const char	*line, *name, *value;
} kept[] = {
	{ CONNECT "<unknown>|fail|127.0.0.1:40|0.0.0.0:25", "rdns", "<unknown>" },
	{ CONNECT "localhost|pass|127.0.0.1:40|0.0.0.0:25", "rdns", "localhost" },
	{ CONNECT "|pass|127.0.0.1:40|0.0.0.0:25", "rdns", "" },
	{ CONNECT "x|fail|127.0.0.1:40|0.0.0.0:25", "src", "127.0.0.1:40" },
	{ CONNECT "x|fail|127.0.0.1:40|0.0.0.0:25", "dest", "0.0.0.0:25" },
	{ CONNECT "x|fail|[::1]:40|[::]:25", "src", "[::1]:40" },
	{ CONNECT "x|fail|[::1]:40|[::]:25", "dest", "[::]:25" },
	{ CONNECT "x|fail|unix:/run/x|:0", "src", "unix:/var/run/smtpd.sock" },
	{ CONNECT "x|fail|local:0|:0", "src", "local:0" },
	{ CONNECT "x|fail|unix:/run/x|:0", "dest", ":0" },
	{ CONNECT "x|fail|192.0.2.1:40|:0", "src.port", "40" },
	{ CONNECT "x|fail|[2001:db8::1]:40|:0", "src.port", "40" },
	{ CONNECT "x|fail|IPv6:2001:db8::1:40|:0", "src.port", "40" },
	{ CONNECT "x|fail|192.0.2.1:40secret|:0", "src.port", NULL },
	{ MAIL "", "address", "" },
	{ CLIENT "EHLO client.example", "command", "EHLO ***" },
	{ CLIENT "ehlo  client.example", "command", "ehlo ***" },
	{ CLIENT "MAIL FROM:<a@b> SIZE=1", "command", "MAIL FROM:***" },
	{ CLIENT "rcpt to: <a@b>", "command", "rcpt to:***" },
	{ CLIENT "RCPT <a@b>", "command", "RCPT ***" },
	{ CLIENT "AUTH LOGIN c2VjcmV0", "command", "AUTH ***" },
	{ CLIENT "c2VjcmV0", "command", "***" },
	{ CLIENT "DATABASE", "command", "***" },
	{ CLIENT "QUIT", "command", "QUIT" },
	{ CLIENT ".", "command", "." },
	{ CLIENT "..secret", "command", "***" },
	{ CLIENT "", "command", "" },
	{ SERVER "220 mx.example.org ESMTP", "reply", "220 ***" },
	{ SERVER "250-mx.example.org Hello", "reply", "250-***" },
	{ SERVER "250 2.0.0 Ok", "reply", "250 2.0.0 ***" },
	{ SERVER "250 2.0.0: Ok", "reply", "250 2.0.0: ***" },
	{ SERVER "250 2.0.0", "reply", "250 2.0.0" },
	{ SERVER "550 192.0.2.1 refused", "reply", "550 ***" },
	{ SERVER "550 5.7.1.example", "reply", "550 ***" },
	{ SERVER "250", "reply", "250" },
	{ SERVER "2500 secret", "reply", "***" },
	{ SERVER "secret", "reply", "***" },
	{ "report|0.7|1|smtp-in|filter-response|c7|ehlo|reject|550 go away", "param",
	    "550 ***" },
	{ "report|0.7|1|smtp-in|filter-report|c7|proc|f|a@b is bad", "message", "***" },
	{ "report|0.7|1|smtp-in|tx-commit|c7|f84306b3|301", "size", "301" },
	{ "report|0.7|1|smtp-in|tx-commit|c7|f84306b3|301", "msgid", "f84306b3" },
	{ "report|0.7|1|smtp-in|link-tls|c7|TLSv1.3:AES:256", "tls", "TLSv1.3:AES:256" },
};

static void
test_kept(void **state)
{
	char		 buf[256];
	const char	*got;
	size_t		 i;

	(void)state;
	for (i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
		got = hidden(kept[i].line, kept[i].name, buf);
		if (kept[i].value == NULL)
			assert_null(got);
		else
			assert_string_equal(got, kept[i].value);
	}
}

/* Two values: are their pseudonyms equal?  None is what it hides. */
static const struct {
	const char	*line, *name, *other_line, *other_name;
	int		 equal;
} pairs[] = {
	{ MAIL "a@example.org", "address", MAIL "a@example.org", "address", 1 },
	{ MAIL "a@example.org", "address", MAIL "a@EXAMPLE.org", "address", 1 },
	{ MAIL "a@example.org", "address", MAIL "A@example.org", "address", 0 },
	{ MAIL "a@example.org", "address.domain", MAIL "b@example.org", "address.domain", 1 },
	{ MAIL "a@example.org", "address.user", MAIL "a@example.net", "address.user", 1 },
	{ MAIL "a@example.org", "address.domain", CONNECT "example.org|pass|:0|:0", "rdns", 1 },
	{ MAIL "a@example.org.", "address.domain", CONNECT "example.org|pass|:0|:0", "rdns", 1 },
	{ MAIL "a@example.org", "address.domain",
	    "report|0.7|1|smtp-in|link-identify|c7|EHLO|Example.Org", "identity", 1 },
	{ MAIL "a@example.org", "address",
	    "report|0.7|1|smtp-in|link-auth|c7|pass|a@example.org", "username", 1 },
	{ MAIL "a@example.org", "address.user",
	    "report|0.7|1|smtp-in|link-auth|c7|pass|a", "username", 1 },
	{ MAIL "x@example.org", "address.user", MAIL "a@x", "address.domain", 0 },
	{ MAIL "a,b@example.org", "address", "report|0.7|1|smtp-in|msg-summary|c7|f8|done|1|"
	    "a%2Cb@example.org|x@y|z|1|1||", "sender", 1 },
	{ CONNECT "x|pass|192.0.2.1:40|:0", "src.ip", CONNECT "x|pass|192.0.2.1:41|:0", "src.ip", 1 },
	{ CONNECT "x|pass|192.0.2.1:40|:0", "src.ip", CONNECT "x|pass|192.0.2.2:40|:0", "src.ip", 0 },
	{ CONNECT "x|pass|192.0.2.1:40|:0", "src.ip", CONNECT "192.0.2.1|pass|:0|:0", "rdns", 1 },
	{ CONNECT "x|pass|[2001:db8::1]:40|:0", "src.ip", CONNECT "x|pass|[2001:0db8::0:1]:4|:0",
	    "src.ip", 1 },
	{ CONNECT "x|pass|[2001:db8::1]:40|:0", "src.ip", CONNECT "x|pass|IPv6:2001:db8::1:4|:0",
	    "src.ip", 1 },
	{ CONNECT "x|pass|[2001:db8::1]:40|:0", "src.ip", CONNECT "x|pass|[2001:db8::2]:40|:0",
	    "src.ip", 0 },
};

static void
test_pairs(void **state)
{
	char		 one[256], other[256];
	const char	*p, *q;
	size_t		 i;

	(void)state;
	for (i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		p = hidden(pairs[i].line, pairs[i].name, one);
		q = hidden(pairs[i].other_line, pairs[i].other_name, other);
		assert_non_null(p);
		assert_non_null(q);
		if ((strcmp(p, q) == 0) != pairs[i].equal)
			fail_msg("%s of %s: %s, %s", pairs[i].name, pairs[i].line, p, q);
		assert_null(strstr(pairs[i].line, p));
	}
}

/* A thousand hosts stay a thousand, none of them loopback or "any". */
static void
test_ipv4(void **state)
{
	static uint32_t	 seen[1000];
	char		 line[256], buf[256];
	struct in_addr	 in;
	size_t		 i, j;

	(void)state;
	for (i = 0; i < sizeof(seen) / sizeof(seen[0]); i++) {
		snprintf(line, sizeof(line), CONNECT "x|pass|198.51.%zu.%zu:25|:0",
		    i / 250, i % 250);
		assert_int_equal(inet_pton(AF_INET, hidden(line, "src.ip", buf), &in), 1);
		seen[i] = ntohl(in.s_addr);
		assert_true(seen[i] >> 24 != 0 && seen[i] >> 24 != 127);
		for (j = 0; j < i; j++)
			assert_true(seen[j] != seen[i]);
	}
}

/* The literals of HELO stay literals. */
static void
test_literals(void **state)
{
	char		 buf[256];
	struct in6_addr	 in6;
	const char	*got;

	(void)state;
	got = hidden("report|0.7|1|smtp-in|link-identify|c7|EHLO|[IPv6:2001:db8::9]",
	    "identity", buf);
	assert_memory_equal(got, "[IPv6:2001:db8:", 15);
	buf[strlen(buf) - 1] = '\0';
	assert_int_equal(inet_pton(AF_INET6, got + 6, &in6), 1);
	got = hidden("report|0.7|1|smtp-in|link-identify|c7|EHLO|[192.0.2.1]",
	    "identity", buf);
	assert_true(got[0] == '[' && got[strlen(got) - 1] == ']');
	assert_null(strstr(got, ".example"));
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_kept),
		cmocka_unit_test(test_pairs),
		cmocka_unit_test(test_ipv4),
		cmocka_unit_test(test_literals),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
