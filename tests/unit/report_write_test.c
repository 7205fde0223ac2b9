/* SPDX-License-Identifier: ISC */
/*
 * Lines as they are written, what is cut, and that the parser reads them back.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "lib/report.h"

#define TEXT(lit)	.text = { lit, sizeof(lit) - 1 }

static const struct report_head head = {
	SUBSYSTEM_SMTP_IN, 1541750432006099, 0xc73c0aff0dfb6250
};

/* Each event in the founding form and in the newest, without what they share. */
static const struct {
	enum event_id		 event;
	struct report_value	 v[10];		/* to RF_VERSION */
	const char		*founding, *newest;
} rows[] = {
	{ EV_LINK_CONNECT, { { RF_DEST, TEXT("[2001:db8::25]:25") },
	    { RF_SRC, TEXT("192.0.2.1:40012") }, { RF_RDNS, TEXT("a.example") },
	    { RF_FCRDNS, .token = "pass" } },
	    "|a.example|pass|192.0.2.1:40012|IPv6:2001:db8::25:25",
	    "|a.example|pass|192.0.2.1:40012|[2001:db8::25]:25" },
	{ EV_LINK_CONNECT, { { RF_DEST, TEXT("unix:/run/a") },
	    { RF_SRC, TEXT("unix:/run/a") } },
	    "|||local:0|local:0", "|||unix:/run/a|unix:/run/a" },
	{ EV_LINK_GREETING, { { RF_HOSTNAME, TEXT("mx.example") } },
	    "|mx.example", "|mx.example" },
	{ EV_LINK_IDENTIFY, { { RF_METHOD, .token = "EHLO" }, { RF_IDENTITY, TEXT("me") } },
	    "|EHLO|me", "|EHLO|me" },
	{ EV_LINK_TLS, { { RF_TLS, TEXT("TLSv1.3:TLS_AES:256") } },
	    "|version=TLSv1.3, cipher=TLS_AES, bits=256", "|TLSv1.3:TLS_AES:256" },
	{ EV_LINK_AUTH, { { RF_RESULT, .token = "pass" }, { RF_USERNAME, TEXT("al|ice") } },
	    "|al|ice|pass", "|pass|al|ice" },
	{ EV_LINK_DISCONNECT, { { 0 } }, "", "" },
	{ EV_TX_BEGIN, { { RF_MSGID, .num = 0xf84306b3 } }, "|f84306b3", "|f84306b3" },
	{ EV_TX_MAIL, { { RF_MSGID, .num = 0 }, { RF_RESULT, .token = "permfail" },
	    { RF_ADDRESS, TEXT("a@b") } },
	    "|00000000|<a@b>|permfail", "|00000000|permfail|a@b" },
	{ EV_TX_RCPT, { { RF_MSGID, .num = 0xf8 }, { RF_RESULT, .token = "ok" },
	    { RF_ADDRESS, TEXT("") } }, "|000000f8|<>|ok", "|000000f8|ok|" },
	{ EV_TX_ENVELOPE, { { RF_MSGID, .num = 0xf84306b3 },
	    { RF_EVPID, .num = 0xf84306b34f388082 } },
	    "|f84306b3|f84306b34f388082", "|f84306b3|f84306b34f388082" },
	{ EV_TX_DATA, { { RF_MSGID, .num = 1 }, { RF_RESULT, .token = "ok" } },
	    "|00000001|ok", "|00000001|ok" },
	{ EV_TX_COMMIT, { { RF_MSGID, .num = 1 }, { RF_SIZE, .num = 18446744073709551615U } },
	    "|00000001|18446744073709551615", "|00000001|18446744073709551615" },
	{ EV_TX_COMMIT, { { RF_SIZE, .num = 0 } }, "||0", "||0" },
	{ EV_TX_COMMIT, { { 0 } }, "", "" },
	{ EV_TX_ROLLBACK, { { RF_MSGID, .num = 1 } }, "|00000001", "|00000001" },
	{ EV_TX_RESET, { { RF_MSGID, .num = 1 } }, "|00000001", "|00000001" },
	{ EV_PROTOCOL_CLIENT, { { RF_COMMAND, TEXT("MAIL FROM:<a|b@c>") } },
	    "|MAIL FROM:<a|b@c>", "|MAIL FROM:<a|b@c>" },
	{ EV_PROTOCOL_CLIENT, { { RF_COMMAND, TEXT("") } }, "|", "|" },
	{ EV_PROTOCOL_SERVER, { { RF_REPLY, TEXT("250 2.0.0 Ok") } },
	    "|250 2.0.0 Ok", "|250 2.0.0 Ok" },
	{ EV_FILTER_RESPONSE, { { RF_PHASE, .token = "ehlo" }, { RF_DECISION, .token = "proceed" } },
	    "|ehlo|proceed", "|ehlo|proceed" },
	{ EV_FILTER_RESPONSE, { { RF_PHASE, .token = "ehlo" }, { RF_DECISION, .token = "reject" },
	    { RF_PARAM, TEXT("550 no") } }, "|ehlo|reject|550 no", "|ehlo|reject|550 no" },
	{ EV_FILTER_REPORT, { { RF_KIND, .token = "proc" }, { RF_FILTER, TEXT("f") },
	    { RF_MESSAGE, TEXT("m") } }, "|proc|f|m", "|proc|f|m" },
	{ EV_TIMED_OUT, { { 0 } }, "", "" },
	{ EV_REPORT_GAP, { { RF_COUNT, .num = 12 }, { RF_FIRST, .num = 1000000 },
	    { RF_LAST, .num = 2500000 } }, "|12|1|2", "|12|1.000000|2.500000" },
	{ EV_LINK_FAILED, { { RF_REASON, TEXT("a|b") }, { RF_DEST, TEXT("[::1]:25") } },
	    "|IPv6:::1:25|a|b", "|[::1]:25|a|b" },
	{ EV_ENVELOPE_DEFERRED, { { RF_MSGID, .num = 0xf8 }, { RF_EVPID, .num = 0xf800000001 },
	    { RF_TRANSPORT, .token = "relay" }, { RF_ATTEMPTS, .num = 2 },
	    { RF_DELAY, .num = 2500000 }, { RF_NEXT, .num = 4000001 },
	    { RF_DEST, TEXT("[::1]:25") }, { RF_RECIPIENT, TEXT("a@b") },
	    { RF_REPLY, TEXT("450 a|b") } },
	    "|000000f8|000000f800000001|relay|2|2|4|IPv6:::1:25|<a@b>|450 a|b",
	    "|000000f8|000000f800000001|relay|2|2.500000|4.000001|[::1]:25|a@b|450 a|b" },
	{ EV_ENVELOPE_DELIVERED, { { RF_MSGID, .num = 0xf8 }, { RF_EVPID, .num = 0xf800000001 },
	    { RF_TRANSPORT, .token = "maildir" }, { RF_ATTEMPTS, .num = 1 },
	    { RF_DELAY, .num = 2500 }, { RF_RECIPIENT, TEXT("a@b") } },
	    "|000000f8|000000f800000001|maildir|1|0||<a@b>|",
	    "|000000f8|000000f800000001|maildir|1|0.002500||a@b|" },
	{ EV_MESSAGE_BOUNCE, { { RF_MSGID, .num = 1 }, { RF_KIND, .token = "delayed" },
	    { RF_BOUNCE, .num = 2 }, { RF_RECIPIENT, TEXT("a|b@c") } },
	    "|00000001|delayed|00000002|<a|b@c>", "|00000001|delayed|00000002|a|b@c" },
	{ EV_GAUGE, { { RF_NAME, .token = "queue.age" }, { RF_VALUE, .num = 7 } },
	    "|queue.age|7", "|queue.age|7" },
};

static size_t
count(const struct report_value *v)
{
	size_t	 n;

	for (n = 0; n < 10 && v[n].field != RF_VERSION; n++)
		;
	return n;
}

static void
check(size_t i, enum dialect d, const char *time, const char *fields)
{
	struct report	 r;
	char		 got[REPORT_LINE_MAX], expected[512];
	size_t		 n;

	n = report_write(got, sizeof(got), d, rows[i].event, &head, rows[i].v,
	    count(rows[i].v));
	snprintf(expected, sizeof(expected), "report|%s|%s|smtp-in|%s|c73c0aff0dfb6250%s\n",
	    dialect_names[d], time, report_events[rows[i].event].name, fields);
	assert_int_equal(n, strlen(expected));
	got[n] = '\0';
	assert_string_equal(got, expected);
	/* What is missing was written empty, which only a text may be. */
	if (rows[i].event != EV_TX_COMMIT)
		assert_int_equal(report_parse(&r, slice_make(got, n - 1)), REPORT_KNOWN);
}

static void
test_rows(void **state)
{
	size_t	 i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		check(i, DIALECT_1, "1541750432", rows[i].founding);
		check(i, DIALECT_0_7, "1541750432.006099", rows[i].newest);
	}
}

/* What differs from the newest in the dialects between. */
static const struct {
	enum dialect		 upto;
	enum event_id		 event;
	struct report_value	 v[3];
	const char		*older, *newer;		/* newer: from the next dialect on */
} orders[] = {
	{ DIALECT_0_5, EV_TX_MAIL, { { RF_MSGID, .num = 0xf8 },
	    { RF_RESULT, .token = "permfail" }, { RF_ADDRESS, TEXT("a|b@c") } },
	    "|000000f8|a|b@c|permfail", "|000000f8|permfail|a|b@c" },
	{ DIALECT_0_5, EV_TX_MAIL, { { RF_MSGID, .num = 0xf8 },
	    { RF_RESULT, .token = "ok" }, { RF_ADDRESS, TEXT("") } },
	    "|000000f8||ok", "|000000f8|ok|" },
	{ DIALECT_0_5, EV_TX_RCPT, { { RF_MSGID, .num = 0xf8 },
	    { RF_RESULT, .token = "ok" }, { RF_ADDRESS, TEXT("a@b") } },
	    "|000000f8|a@b|ok", "|000000f8|ok|a@b" },
	{ DIALECT_0_6, EV_LINK_AUTH, { { RF_RESULT, .token = "fail" },
	    { RF_USERNAME, TEXT("who|me") }, { 0 } },
	    "|who|me|fail", "|fail|who|me" },
};

static void
check_order(size_t i, enum dialect d)
{
	char		 got[REPORT_LINE_MAX], expected[512];
	struct report	 r;
	size_t		 n, j;

	n = report_write(got, sizeof(got), d, orders[i].event, &head, orders[i].v,
	    orders[i].v[2].field == RF_VERSION ? 2 : 3);
	snprintf(expected, sizeof(expected),
	    "report|%s|1541750432.006099|smtp-in|%s|c73c0aff0dfb6250%s\n",
	    dialect_names[d], report_events[orders[i].event].name,
	    d <= orders[i].upto ? orders[i].older : orders[i].newer);
	got[n] = '\0';
	assert_string_equal(got, expected);
	assert_int_equal(report_parse(&r, slice_make(got, n - 1)), REPORT_KNOWN);
	for (j = 0; j < 3 && orders[i].v[j].field != RF_VERSION; j++)
		if (orders[i].v[j].text.p != NULL)
			assert_true(slice_eq(r.field[orders[i].v[j].field],
			    orders[i].v[j].text));
}

/* 0.4, 0.5 and 0.6: the newest forms of values, orders of their own. */
static void
test_between(void **state)
{
	enum dialect	 d;
	size_t		 i;

	(void)state;
	for (i = 0; i < sizeof(orders) / sizeof(orders[0]); i++)
		for (d = DIALECT_0_4; d <= DIALECT_0_7; d++)
			check_order(i, d);
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		for (d = DIALECT_0_4; d <= DIALECT_0_6; d++)
			if (rows[i].event != EV_TX_MAIL && rows[i].event != EV_TX_RCPT &&
			    rows[i].event != EV_LINK_AUTH)
				check(i, d, "1541750432.006099", rows[i].newest);
}

/* A text that is too long is cut; the fields behind it and the LF stand. */
static void
test_cut(void **state)
{
	static char		 text[40000];
	char			 buf[REPORT_LINE_MAX + 1];
	struct report_value	 v[4];
	struct report		 r;
	static const size_t	 sizes[] = { 1024, 1025, REPORT_LINE_MAX };
	enum dialect		 d;
	size_t			 i, n;

	(void)state;
	memset(text, 'x', sizeof(text));
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		for (d = DIALECT_1; d <= DIALECT_0_7; d += DIALECT_0_7 - DIALECT_1) {
			memset(buf, '#', sizeof(buf));
			v[0] = (struct report_value){ RF_ADDRESS, .text = { text, sizeof(text) } };
			v[1] = (struct report_value){ RF_RESULT, .token = "tempfail" };
			v[2] = (struct report_value){ RF_MSGID, .num = 0xf8 };
			n = report_write(buf, sizes[i], d, EV_TX_RCPT, &head, v, 3);
			assert_true(n <= sizes[i] && n > sizes[i] / 2);
			assert_int_equal(buf[n], '#');
			assert_int_equal(buf[n - 1], '\n');
			assert_int_equal(report_parse(&r, slice_make(buf, n - 1)), REPORT_KNOWN);
			assert_true(slice_eq(r.field[RF_RESULT], SLICE("tempfail")));
			assert_int_equal(r.field[RF_ADDRESS].p[r.field[RF_ADDRESS].n - 1], 'x');

			v[0].field = RF_RDNS;
			v[1] = (struct report_value){ RF_FCRDNS, .token = "error" };
			v[2] = (struct report_value){ RF_SRC, TEXT("192.0.2.1:1") };
			v[3] = (struct report_value){ RF_DEST, TEXT("[2001:db8::1]:25") };
			n = report_write(buf, sizes[i], d, EV_LINK_CONNECT, &head, v, 4);
			assert_true(n <= sizes[i] && buf[n - 1] == '\n');
			assert_int_equal(report_parse(&r, slice_make(buf, n - 1)), REPORT_KNOWN);
			assert_true(slice_eq(r.field[RF_FCRDNS], SLICE("error")));
			assert_true(slice_eq(r.field[RF_SRC], SLICE("192.0.2.1:1")));

			v[0].field = RF_REPLY;
			n = report_write(buf, sizes[i], d, EV_PROTOCOL_SERVER, &head, v, 1);
			assert_int_equal(n, sizes[i]);
			assert_int_equal(buf[n - 1], '\n');
			assert_int_equal(buf[n - 2], 'x');
		}
}

static const struct {
	struct slice	 text;
	size_t		 size;
	bool		 bar;
	const char	*safe;
} safes[] = {
	{ SLICE(""),			64, true,  "" },
	{ SLICE("MAIL FROM:<a>"),	64, true,  "MAIL FROM:<a>" },
	{ SLICE("a|b"),			64, true,  "a|b" },
	{ SLICE("a|b"),			64, false, "a\\174b" },
	{ SLICE("a\0b\n\r\t\x7f"),	64, true,  "a\\000b\\012\\015\\011\\177" },
	{ SLICE("\\012 \x80\xff"),	64, true,  "\\012 \x80\xff" },
	{ SLICE("abc"),			2,  true,  "ab" },
	{ SLICE("abc"),			0,  true,  "" },
	{ SLICE("ab\nc"),		6,  true,  "ab\\012" },
	{ SLICE("ab\nc"),		5,  true,  "ab" },
	{ SLICE("ab|c"),		5,  false, "ab" },
};

static void
test_safe(void **state)
{
	char		 buf[65];
	struct slice	 s;
	size_t		 i;

	(void)state;
	for (i = 0; i < sizeof(safes) / sizeof(safes[0]); i++) {
		memset(buf, '#', sizeof(buf));
		s = report_safe(buf, safes[i].size, safes[i].text, safes[i].bar);
		assert_true(slice_eq(s, slice_str(safes[i].safe)));
		assert_int_equal(buf[safes[i].size], '#');
	}
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_between),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_safe),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
