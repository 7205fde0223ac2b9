/* SPDX-License-Identifier: ISC */
/*
 * Conditions: what holds for which line, and what is wrong with an expression.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/cond.h"
#include "lib/linebuf.h"
#include "lib/nitems.h"

#define AT	"report|0.7|1541750432.500000|smtp-in|"
#define CONNECT	AT "link-connect|c73c0aff0dfb6250|Mail.Example.ORG|pass|192.0.2.1:40|[2001:db8::1]:25"
#define LOCAL	AT "link-connect|c73c0aff0dfb6250|<unknown>|pass|unix:/run/s|local:0"
#define MAIL	AT "tx-mail|c73c0aff0dfb6250|00f843b6|ok|Gilles@Poolp.ORG"
#define NOBODY	AT "tx-mail|c73c0aff0dfb6250|00f843b6|ok|"
#define RCPT	AT "tx-rcpt|c73c0aff0dfb6250|00f843b6|permfail|a@b.example"
#define COMMIT	AT "tx-commit|c73c0aff0dfb6250|00f843b6|65536"
#define CAPITALS AT "tx-envelope|C73C0AFF0DFB6250|00F843B6|00f843B6ABCDEF01"
#define REPLY	AT "protocol-server|c73c0aff0dfb6250|550 no (such) \"user\""
#define TLS	AT "link-tls|c73c0aff0dfb6250|TLSv1.2:ECDHE:256"
#define OLD	"report|smtp-in|tx-begin|1541271219|3189ac6874354895"
#define SUMMARY	AT "tx-summary|c73c0aff0dfb6250|00f843b6|commit|1541750430.000000|2.500000|" \
	"192.0.2.1:40|[2001:db8::1]:25|mail.example.org|pass|EHLO|h|||<>|a@b.example,c%2Cd@E.example|" \
	"ok,permfail|00f843b600000001|10|12||gap,corrected|250 2.0.0: a%7Cb"
#define MESSAGE	AT "msg-summary|c73c0aff0dfb6250|00f843b6|open|1541750430.000000|<>|" \
	"a@b.example,c@b.example,d@b.example|delivered,deferred,failed|1.500000,,90.000000|" \
	"1,3,3|00f843b600000001,00f843b600000002,00f843b600000003|"

static const struct {
	const char	*expression, *line;
	bool		 holds;
} rows[] = {
	/* presence */
	{ "src", CONNECT, true },
	{ "src", MAIL, false },
	{ "src.ip", LOCAL, false },
	{ "address", NOBODY, true },
	{ "address.domain", NOBODY, false },
	{ "version", OLD, false },
	{ "msgid", OLD, false },
	{ "username", SUMMARY, false },
	{ "reply", SUMMARY, true },
	/* words */
	{ "event == tx-rcpt", RCPT, true },
	{ "event == tx-rcpt", MAIL, false },
	{ "event != tx-rcpt", MAIL, true },
	{ "result != ok", RCPT, true },
	{ "result != ok", CONNECT, false },
	{ "not result == ok", CONNECT, true },
	{ "result in (tempfail, permfail)", RCPT, true },
	{ "result in (tempfail, ok)", RCPT, false },
	{ "method == ehlo", SUMMARY, true },
	{ "subsystem == smtp-in", OLD, true },
	/* and, or, not */
	{ "event == tx-rcpt and result == ok", RCPT, false },
	{ "event == tx-rcpt or result == ok", MAIL, true },
	{ "src or src and result", CONNECT, true },
	{ "(src or result) and result", CONNECT, false },
	{ "not src or result", MAIL, true },
	{ "not (src or result)", COMMIT, true },
	{ "not not src", CONNECT, true },
	{ "event==tx-rcpt AND NOT result==ok", RCPT, true },
	/* names of hosts, mail addresses */
	{ "rdns == mail.example.org", CONNECT, true },
	{ "rdns != mail.example.org", CONNECT, false },
	{ "rdns == <unknown>", LOCAL, true },
	{ "address == Gilles@poolp.org", MAIL, true },
	{ "address == gilles@poolp.org", MAIL, false },
	{ "address == \"Gilles@Poolp.org\"", MAIL, true },
	{ "address.domain == POOLP.org", MAIL, true },
	{ "address.user == gilles", MAIL, false },
	{ "address == <>", NOBODY, true },
	{ "address == \"\"", NOBODY, true },
	{ "address != <>", NOBODY, false },
	{ "address != <>", MAIL, true },
	{ "address.domain in (a.example, poolp.org)", MAIL, true },
	/* identifiers */
	{ "msgid == f843b6", MAIL, true },
	{ "msgid == 00F843B6", MAIL, true },
	{ "msgid == f843b", MAIL, false },
	{ "session == c73c0aff0dfb6250", OLD, false },
	{ "msgid == f843b6", CAPITALS, true },
	{ "msgid == F843B6", CAPITALS, true },
	{ "msgid in (1, f843b6)", CAPITALS, true },
	{ "session == c73C0aff0dfb6250", CAPITALS, true },
	{ "session == c73c0aff0dfb6251", CAPITALS, false },
	{ "evpid == F843b6abcdef01", CAPITALS, true },
	{ "evpid != f843b6abcdef01", CAPITALS, false },
	/* numbers */
	{ "size == 65536", COMMIT, true },
	{ "size == 64k", COMMIT, true },
	{ "size < 64k", COMMIT, false },
	{ "size <= 64k", COMMIT, true },
	{ "size > 65535", COMMIT, true },
	{ "size >= 1M", COMMIT, false },
	{ "size in (1, 2, 0065536)", COMMIT, true },
	{ "src.port < 1024", CONNECT, true },
	{ "tls.bits >= 128", TLS, true },
	{ "duration >= 2.5", SUMMARY, true },
	{ "duration > 1m", SUMMARY, false },
	/* times; now is 2018-11-10 12:00 UTC */
	{ "time == 1541750432.5", MAIL, true },
	{ "time > 1541750432", MAIL, true },
	{ "time == yesterday", MAIL, true },
	{ "time < today", MAIL, true },
	{ "time >= today", MAIL, false },
	{ "time == 2018-11-09", MAIL, true },
	{ "time <= 2018-11-09", MAIL, true },
	{ "time > 2018-11-09", MAIL, false },
	{ "time in (2018-11-01, 2018-11-09)", MAIL, true },
	{ "time >= 2018-11-09T08:00:32.5Z", MAIL, true },
	{ "time >= 2018-11-09T09:00:33+01:00", MAIL, false },
	{ "time < \"2018-11-09 08:01\"", MAIL, true },
	{ "time > -1h", MAIL, false },
	{ "time > -2d", MAIL, true },
	{ "time <= now", MAIL, true },
	/* addresses */
	{ "src == 192.0.2.1", CONNECT, true },
	{ "src == 192.0.2.1:40", CONNECT, true },
	{ "src == 192.0.2.1:41", CONNECT, false },
	{ "src in 192.0.2.0/24", CONNECT, true },
	{ "src in (10.0.0.0/8, 192.0.2.0/31)", CONNECT, true },
	{ "src.ip in 0.0.0.0/0", CONNECT, true },
	{ "dest.ip in 0.0.0.0/0", CONNECT, false },
	{ "dest.ip == 2001:DB8:0::1", CONNECT, true },
	{ "dest in 2001:db8::/32", CONNECT, true },
	{ "dest.ip in 2001:db8:1::/48", CONNECT, false },
	{ "dest in ::/0", CONNECT, true },
	{ "dest == [2001:db8::1]:25", CONNECT, true },
	{ "src == local", LOCAL, true },
	{ "dest == local", LOCAL, true },
	{ "src == unix:/run/s", LOCAL, true },
	{ "src == unix:/run/t", LOCAL, false },
	{ "src == local", CONNECT, false },
	/* versions */
	{ "version >= 0.6", MAIL, true },
	{ "version > 1", MAIL, true },
	{ "tls.version < TLSv1.3", TLS, true },
	{ "tls.version < TLSv1.2", TLS, false },
	{ "tls.version == tlsv1.2", TLS, true },
	/* regular expressions */
	{ "reply ~ ^5", REPLY, true },
	{ "reply ~ ^4", REPLY, false },
	{ "reply !~ ^4", REPLY, true },
	{ "reply !~ ^4", MAIL, false },
	{ "reply ~ \"\\(such\\)\"", REPLY, true },
	{ "reply ~ \"\\\"user\\\"$\"", REPLY, true },
	{ "reply ~ SUCH", REPLY, false },
	{ "reply ~ \"(?i)SUCH\"", REPLY, true },
	{ "src ~ :40$", CONNECT, true },
	{ "address ~ ^$", NOBODY, true },
	/* derived: lists, encoded texts */
	{ "recipient == a@b.example", SUMMARY, true },
	{ "recipient == \"c,d@e.example\"", SUMMARY, true },
	{ "recipient == x@b.example", SUMMARY, false },
	{ "recipient != a@b.example", SUMMARY, false },
	{ "recipient != x@b.example", SUMMARY, true },
	{ "recipient.domain == e.example", SUMMARY, true },
	{ "recipient.user ~ \",\"", SUMMARY, true },
	{ "rcpt-result != ok", SUMMARY, false },
	{ "rcpt-result == permfail", SUMMARY, true },
	{ "mark == corrected", SUMMARY, true },
	{ "mark !~ late", SUMMARY, true },
	{ "sender == <>", SUMMARY, true },
	{ "sender", SUMMARY, true },
	{ "sender.domain", SUMMARY, false },
	{ "reply ~ \"a[|]b\"", SUMMARY, true },
	{ "reply == \"250 2.0.0: a|b\"", SUMMARY, true },
	{ "identity == H", SUMMARY, true },
	{ "src.ip in 192.0.2.0/30 and size == 10", SUMMARY, true },
	/* parallel lists: of one recipient, if they are compared together */
	{ "recipient == a@b.example and rcpt-result == ok", SUMMARY, true },
	{ "recipient == a@b.example and rcpt-result == permfail", SUMMARY, false },
	{ "rcpt-result == permfail and recipient == a@b.example", SUMMARY, false },
	{ "recipient == \"c,d@e.example\" and rcpt-result == permfail", SUMMARY, true },
	{ "recipient == \"c,d@e.example\" and rcpt-result != ok", SUMMARY, true },
	{ "recipient == a@b.example and rcpt-result != ok", SUMMARY, false },
	{ "recipient != a@b.example and rcpt-result == ok", SUMMARY, false },
	{ "recipient !~ ^a and rcpt-result ~ fail$", SUMMARY, true },
	{ "recipient == a@b.example and rcpt-result in (permfail, tempfail)", SUMMARY, false },
	{ "recipient == a@b.example and size == 10 and rcpt-result == permfail", SUMMARY, false },
	{ "recipient == a@b.example and size == 10 and rcpt-result == ok", SUMMARY, true },
	{ "recipient == a@b.example and size == 11 and rcpt-result == ok", SUMMARY, false },
	{ "recipient == a@b.example and rcpt-result == permfail or size == 10", SUMMARY, true },
	{ "not (recipient == a@b.example and rcpt-result == permfail)", SUMMARY, true },
	{ "recipient.domain == e.example and recipient.user == a", SUMMARY, false },
	{ "recipient.domain == b.example and recipient.user == a", SUMMARY, true },
	{ "evpid == f843b600000001 and rcpt-result == ok", SUMMARY, true },
	{ "evpid == f843b600000001 and rcpt-result == permfail", SUMMARY, false },
	{ "evpid != f843b600000001 and rcpt-result == permfail", SUMMARY, false },
	{ "recipient == a@b.example and delay > 1", SUMMARY, false },
	{ "fate == deferred and attempts == 3", MESSAGE, true },
	{ "fate == delivered and attempts == 3", MESSAGE, false },
	{ "recipient == d@b.example and delay > 1m and fate == failed", MESSAGE, true },
	{ "recipient == c@b.example and delay > 1m and fate == failed", MESSAGE, false },
	{ "recipient == c@b.example and delay >= 0", MESSAGE, false },
	{ "evpid == f843b600000003 and attempts > 2 and delay < 2m", MESSAGE, true },
	/* and of any, if not */
	{ "recipient == a@b.example and (rcpt-result == permfail)", SUMMARY, true },
	{ "recipient == a@b.example and not rcpt-result == permfail", SUMMARY, false },
	{ "recipient == a@b.example and recipient == \"c,d@e.example\"", SUMMARY, true },
	{ "recipient == a@b.example and "
	    "(recipient == \"c,d@e.example\" and rcpt-result == permfail)", SUMMARY, true },
	{ "(recipient == a@b.example and rcpt-result == ok) and "
	    "(recipient == \"c,d@e.example\" and rcpt-result == permfail)", SUMMARY, true },
	{ "(recipient == a@b.example and rcpt-result == ok) and "
	    "evpid == f843b600000001 and rcpt-result == permfail", SUMMARY, false },
	{ "recipient and rcpt-result == permfail", SUMMARY, true },
	{ "evpid == f843b6abcdef01 and msgid == f843b6", CAPITALS, true },
	{ "evpid == f843b6abcdef01 and not recipient == a@b.example", CAPITALS, true },
};

static const struct cond_options utc = { .utc = true, .now = 1541851200 };

/* May be passed over only if it does not hold, whatever the position in the buffer. */
static void
check_may_match(const struct cond *c, struct slice line, bool holds)
{
	struct linebuf	 b = { .fd = -1 };
	char		 text[4096];
	size_t		 i, n = 0;

	if (holds)
		assert_true(cond_may_match(c, line));
	for (i = 0; n + line.n + 64 < sizeof(text); i++) {
		memcpy(text + n, line.p, line.n);
		n += line.n;
		text[n++] = '\n';
	}
	b.buf = text;
	b.end = n;
	cond_skip(c, &b);
	if (cond_may_match(c, line))
		assert_int_equal(b.start, 0);
	else {
		assert_int_equal(b.start, n);
		assert_int_equal(b.number, i);
	}
}

static void
test_rows(void **state)
{
	struct cond		*c;
	struct cond_error	 error;
	struct report		 r;
	size_t			 i;
	bool			 holds;

	(void)state;
	for (i = 0; i < nitems(rows); i++) {
		assert_int_equal(report_parse(&r, slice_str(rows[i].line)), REPORT_KNOWN);
		if ((c = cond_compile(rows[i].expression, &utc, &error)) == NULL)
			fail_msg("%s: %zu: %s", rows[i].expression, error.column, error.text);
		if ((holds = cond_match(c, &r)) != rows[i].holds)
			fail_msg("%s: %d for %s", rows[i].expression, holds, rows[i].line);
		check_may_match(c, r.line, holds);
		assert_int_equal(cond_failures(c), 0);
		cond_free(c);
	}
}

static void
test_ignore_case(void **state)
{
	static const char *const	 expressions[] = { "address == gilles@poolp.org",
	    "address.user in (x, GILLES)", "address ~ ^gilles@", "result == OK" };
	struct cond_options		 o = { .ignore_case = true };
	struct cond_error		 error;
	struct cond			*c;
	struct report			 r;
	size_t				 i;

	(void)state;
	report_parse(&r, slice_str(MAIL));
	for (i = 0; i < nitems(expressions); i++) {
		c = cond_compile(expressions[i], &o, &error);
		assert_non_null(c);
		assert_true(cond_match(c, &r));
		check_may_match(c, r.line, true);
		cond_free(c);
	}
}

/* Which lines are not parsed for which condition. */
static void
test_passed_over(void **state)
{
	static const struct {
		const char	*expression, *line;
		bool		 parsed;
	} cases[] = {
		{ "event == tx-rcpt", RCPT, true },
		{ "event == tx-rcpt", MAIL, false },
		{ "event == tx-rcpt", OLD, true },
		{ "event == tx-rcpt", "hello", true },
		{ "event == tx-rcpt", "report|x", true },
		{ "event == tx-rcpt", "report|1|x|y", true },
		{ "event == tx-rcpt", "report|1|x|y|tx-news|z", false },
		{ "event == tx-rcpt", "config|ready", true },
		{ "event == tx-rcpt", "", true },
		{ "not event == tx-rcpt", RCPT, false },
		{ "not event == tx-rcpt", MAIL, true },
		{ "size", COMMIT, true },
		{ "size", MAIL, false },
		{ "size", SUMMARY, true },
		{ "not size", COMMIT, true },
		{ "session == c73c0aff0dfb6250", CONNECT, true },
		{ "session == c73c0aff0dfb6251", CONNECT, false },
		{ "session == c73c0aff0dfb6250", CAPITALS, true },
		{ "session == C73C0AFF0DFB6251", CAPITALS, false },
		{ "evpid == abcdef02", CAPITALS, false },
		{ "recipient == \"c,d@e.example\"", SUMMARY, true },
		{ "recipient == x@b.example", SUMMARY, false },
		{ "address == Gilles@poolp.org", MAIL, true },
		{ "address == gilles@poolp.org", MAIL, false },
		{ "event == timeout", AT "timeout|c7", true },
		{ "event == timeout", AT "timeouts|c7", false },
	};
	struct cond_error	 error;
	struct cond		*c;
	size_t			 i;

	(void)state;
	for (i = 0; i < nitems(cases); i++) {
		c = cond_compile(cases[i].expression, &utc, &error);
		assert_non_null(c);
		if (cond_may_match(c, slice_str(cases[i].line)) != cases[i].parsed)
			fail_msg("%s: %s", cases[i].expression, cases[i].line);
		check_may_match(c, slice_str(cases[i].line), false);
		cond_free(c);
	}
}

static const struct {
	const char	*expression;
	size_t		 column;
	const char	*text;		/* is in the error */
} errors[] = {
	{ "", 1, "empty" },
	{ "  ", 1, "empty" },
	{ "resutl == ok", 1, "nearest: result" },
	{ "src.domain", 1, ".ip" },
	{ "event == tx-rcp", 10, "tx-rcp: no line has such an event; nearest: tx-rcpt" },
	{ "fcrdns == maybe", 11, "there are pass, fail, error" },
	{ "result = ok", 8, "=: equal is written ==" },
	{ "src && dest", 5, "write and" },
	{ "src || dest", 5, "write or" },
	{ "src dest", 5, "dest: one of and, or is needed here" },
	{ "src not in (1.2.3.4)", 5, "not NAME in" },
	{ "! src", 1, "the name of a field is needed" },
	{ "(src", 5, "the expression ends here" },
	{ "src)", 4, "one of and, or is needed here, or the end" },
	{ "src and", 8, "the expression ends here; the name of a field" },
	{ "size >", 7, "the expression ends here; a value" },
	{ "size > x", 8, "x: not a number" },
	{ "size > 99999999999999999G", 8, "not a number" },
	{ "time > 2018-02-30", 8, "not a time" },
	{ "time > 2018-13-01", 8, "not a time" },
	{ "time > 2018-11-09T25:00", 8, "not a time" },
	{ "src.ip == mail.example", 11, "not an IP address" },
	{ "src.ip in (10.0.0.0/33)", 12, "10.0.0.0/33: not an IP address" },
	{ "src == mail.example", 8, "not an address" },
	{ "msgid == xyz", 10, "hexadecimal" },
	{ "result < ok", 8, "<: what is neither number" },
	{ "version < 9", 11, "9: not a version" },
	{ "reply ~ \"(\"", 9, "missing closing parenthesis" },
	{ "reply ~ (a|b)", 9, "quoted" },
	{ "reply == \"x", 10, "a quoted value ends in \"" },
	{ "result == (ok)", 11, "a set of values follows in" },
	{ "result in ()", 12, "a value is needed" },
	{ "result in (ok permfail)", 15, "comma" },
	{ "result in (ok", 14, "the expression ends here" },
	{ "result == and", 11, "quote it" },
	{ "result in @/nonexistent/file", 11, "No such file" },
	{ "address == 'a@b'", 12, "a text stands in double quotes" },
	{ "src # dest", 5, "one of and, or is needed" },
};

static void
test_errors(void **state)
{
	struct cond_error	 error;
	size_t			 i;

	(void)state;
	for (i = 0; i < nitems(errors); i++) {
		assert_null(cond_compile(errors[i].expression, &utc, &error));
		if (error.column != errors[i].column ||
		    strstr(error.text, errors[i].text) == NULL)
			fail_msg("%s: column %zu: %s", errors[i].expression,
			    error.column, error.text);
	}
}

static void
test_depth(void **state)
{
	char			 text[2048];
	struct cond_error	 error;

	(void)state;
	memset(text, '(', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	assert_null(cond_compile(text, &utc, &error));
	assert_non_null(strstr(error.text, "too deeply nested"));
}

static bool
holds_for(struct cond *c, const char *address)
{
	char		 line[256];
	struct report	 r;

	snprintf(line, sizeof(line), AT "link-connect|c7|%s|pass|%s:1|local", address,
	    address);
	report_parse(&r, slice_str(line));
	return cond_match(c, &r);
}

/* Nets, addresses and names of a file; comments and blank lines. */
static void
test_file(void **state)
{
	char			 path[] = "/tmp/cond_test.XXXXXX", text[128];
	struct cond_error	 error;
	struct cond		*c;
	FILE			*f;
	int			 i;

	(void)state;
	assert_non_null(f = fdopen(mkstemp(path), "w"));
	fprintf(f, "# nets\r\n10.0.0.0/8\r\n\n10.2.0.0/16\n192.0.2.7\n");
	for (i = 0; i < 20000; i++)
		fprintf(f, "172.16.%d.%d\n", i >> 8, i & 255);
	assert_int_equal(fclose(f), 0);
	snprintf(text, sizeof(text), "src.ip in @%s", path);
	assert_non_null(c = cond_compile(text, &utc, &error));
	assert_true(holds_for(c, "10.200.0.1"));
	assert_true(holds_for(c, "10.2.0.1"));
	assert_true(holds_for(c, "192.0.2.7"));
	assert_false(holds_for(c, "192.0.2.8"));
	assert_true(holds_for(c, "172.16.78.31"));
	assert_false(holds_for(c, "172.16.78.32"));
	cond_free(c);
	snprintf(text, sizeof(text), "rdns in @%s", path);
	assert_non_null(c = cond_compile(text, &utc, &error));
	assert_true(holds_for(c, "172.16.0.0"));
	assert_false(holds_for(c, "172.16.78.32"));
	cond_free(c);
	snprintf(text, sizeof(text), "size in @%s", path);
	assert_null(cond_compile(text, &utc, &error));
	assert_non_null(strstr(error.text, "line 2: 10.0.0.0/8: not a number"));
	unlink(path);
}

/* A pattern that runs away is no match, and is counted. */
static void
test_runaway(void **state)
{
	struct cond_error	 error;
	struct cond		*c;
	struct report		 r;
	char			 line[4096];
	int			 n;

	(void)state;
	n = snprintf(line, sizeof(line), AT "protocol-server|c7|");
	memset(line + n, 'a', 200);
	line[n + 200] = '\0';
	report_parse(&r, slice_str(line));
	assert_non_null(c = cond_compile("reply ~ \"^(a|a|a)*b.*c.*d\\1$\"", &utc, &error));
	assert_false(cond_match(c, &r));
	cond_free(c);
	assert_non_null(c = cond_compile("reply ~ \"^(a+)+[bc]\\1$\"", &utc, &error));
	assert_false(cond_match(c, &r));
	assert_int_equal(cond_failures(c), 1);
	cond_free(c);
}

/* Days are as long as they are where the clock is changed. */
static void
test_local_days(void **state)
{
	struct cond_options	 o = { .now = 1541851200 };
	struct cond_error	 error;
	struct cond		*c;
	struct report		 r;
	int			 i;

	(void)state;
	setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
	tzset();
	assert_non_null(c = cond_compile("time == 2018-10-28", &o, &error));
	/* From 2018-10-27T22:00:00Z on for 25 hours. */
	for (i = -1; i <= 25; i++) {
		char	 line[128];

		snprintf(line, sizeof(line), "report|1|%d|smtp-in|timeout|c7",
		    1540677600 + i * 3600);
		report_parse(&r, slice_str(line));
		assert_int_equal(cond_match(c, &r), i >= 0 && i < 25);
	}
	cond_free(c);
	unsetenv("TZ");
	tzset();
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_ignore_case),
		cmocka_unit_test(test_passed_over),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_depth),
		cmocka_unit_test(test_file),
		cmocka_unit_test(test_runaway),
		cmocka_unit_test(test_local_days),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
