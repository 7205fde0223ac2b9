/* SPDX-License-Identifier: ISC */
/*
 * Lines of every dialect, and what is none.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/report.h"

/*
 * A line and its fields: "name=value" in the order of the table, separated by
 * TAB, without the event and the subsystem where no row is about them.
 */
static const struct {
	enum dialect	 dialect;
	const char	*line, *fields;
} known[] = {
	/* the examples of every dialect */
	{ DIALECT_DAY1, "report|in-smtp-link-connect|1541084929|3189ac6874354895|127.0.0.1|127.0.0.1",
	    "time=1541084929\tsession=3189ac6874354895\tsrc=127.0.0.1\tdest=127.0.0.1" },
	{ DIALECT_DAY1, "report|in-smtp-link-disconnect|1541084929|3189ac6874354895",
	    "time=1541084929\tsession=3189ac6874354895" },
	{ DIALECT_UNVERSIONED, "report|smtp-in|link-connect|1541271219|31|localhost|127.0.0.1:41564|127.0.0.1:25",
	    "time=1541271219\tsession=31\trdns=localhost\tsrc=127.0.0.1:41564\tdest=127.0.0.1:25" },
	{ DIALECT_UNVERSIONED, "report|smtp-in|link-connect|1541271219|31|127.0.0.1:41564|127.0.0.1:25",
	    "time=1541271219\tsession=31\tsrc=127.0.0.1:41564\tdest=127.0.0.1:25" },
	{ DIALECT_UNVERSIONED, "report|smtp-out|tx-commit|1541271219|31",
	    "time=1541271219\tsession=31" },
	{ DIALECT_1, "report|1|1541750432|smtp-in|link-connect|c7|poolp.org|local:0|local:0",
	    "version=1\ttime=1541750432\tsession=c7\trdns=poolp.org\tsrc=local:0\tdest=local:0" },
	{ DIALECT_1, "report|1|2|smtp-out|link-connect|c7||:0|64.233.167.26:25",
	    "version=1\ttime=2\tsession=c7\trdns=\tsrc=:0\tdest=64.233.167.26:25" },
	{ DIALECT_1, "report|1|2|smtp-in|link-connect|c7|poolp.org||IPv6:2001:db8::10:50123|IPv6:2001:db8::25:25",
	    "version=1\ttime=2\tsession=c7\trdns=poolp.org\tfcrdns=\tsrc=IPv6:2001:db8::10:50123\tdest=IPv6:2001:db8::25:25" },
	{ DIALECT_1, "report|1|2.004217|smtp-in|link-connect|c7|<unknown>|fail|192.0.2.12:40012|192.0.2.25:25",
	    "version=1\ttime=2.004217\tsession=c7\trdns=<unknown>\tfcrdns=fail\tsrc=192.0.2.12:40012\tdest=192.0.2.25:25" },
	{ DIALECT_0_4, "report|0.4|2.1|smtp-in|link-connect|c7|a|pass|[2001:db8::10]:40012|[2001:db8::25]:25",
	    "version=0.4\ttime=2.1\tsession=c7\trdns=a\tfcrdns=pass\tsrc=[2001:db8::10]:40012\tdest=[2001:db8::25]:25" },
	{ DIALECT_0_6, "report|0.6|2|smtp-in|link-connect|c7|a|pass|unix:/var/run/smtpd.sock|unix:/a b",
	    "version=0.6\ttime=2\tsession=c7\trdns=a\tfcrdns=pass\tsrc=unix:/var/run/smtpd.sock\tdest=unix:/a b" },
	/* a reverse name with bars, in both shapes; a word nobody knows yet */
	{ DIALECT_1, "report|1|2|smtp-in|link-connect|c7|a|b|s:1|d:2",
	    "version=1\ttime=2\tsession=c7\trdns=a|b\tsrc=s:1\tdest=d:2" },
	{ DIALECT_1, "report|1|2|smtp-in|link-connect|c7|a|b|error|s:1|d:2",
	    "version=1\ttime=2\tsession=c7\trdns=a|b\tfcrdns=error\tsrc=s:1\tdest=d:2" },
	{ DIALECT_0_7, "report|0.7|2|smtp-in|link-connect|c7|a|b|none|s:1|d:2",
	    "version=0.7\ttime=2\tsession=c7\trdns=a|b\tfcrdns=none\tsrc=s:1\tdest=d:2" },
	/* msgid or none */
	{ DIALECT_1, "report|1|2|smtp-in|tx-rollback|c7", "version=1\ttime=2\tsession=c7" },
	{ DIALECT_1, "report|1|2|smtp-in|tx-rollback|c7|f84306b3",
	    "version=1\ttime=2\tsession=c7\tmsgid=f84306b3" },
	{ DIALECT_1, "report|1|2|smtp-in|tx-begin|c7", "version=1\ttime=2\tsession=c7" },
	{ DIALECT_1, "report|1|2|smtp-in|tx-commit|c7|f84306b3|301",
	    "version=1\ttime=2\tsession=c7\tmsgid=f84306b3\tsize=301" },
	{ DIALECT_1, "report|1|2|smtp-in|tx-envelope|c7|f84306b3|f84306b34f388082",
	    "version=1\ttime=2\tsession=c7\tmsgid=f84306b3\tevpid=f84306b34f388082" },
	{ DIALECT_1, "report|1|2|smtp-in|link-reset|c7", "version=1\ttime=2\tsession=c7" },
	/* addresses: brackets and options until 0.4, the result last until 0.5 */
	{ DIALECT_1, "report|1|2|smtp-in|tx-mail|c7|f8|<a@example.net> SIZE=512|ok",
	    "version=1\ttime=2\tsession=c7\tresult=ok\tmsgid=f8\taddress=a@example.net" },
	{ DIALECT_1, "report|1|2|smtp-in|tx-rcpt|c7|f8| <a|ok|b@x>|permfail",
	    "version=1\ttime=2\tsession=c7\tresult=permfail\tmsgid=f8\taddress=a|ok|b@x" },
	{ DIALECT_1, "report|1|2|smtp-in|tx-mail|c7|f8|<>|ok",
	    "version=1\ttime=2\tsession=c7\tresult=ok\tmsgid=f8\taddress=" },
	{ DIALECT_0_4, "report|0.4|2|smtp-in|tx-mail|c7|f8|a@b|tempfail",
	    "version=0.4\ttime=2\tsession=c7\tresult=tempfail\tmsgid=f8\taddress=a@b" },
	{ DIALECT_0_5, "report|0.5|2|smtp-in|tx-mail|c7|f8|<x>y|ok",
	    "version=0.5\ttime=2\tsession=c7\tresult=ok\tmsgid=f8\taddress=<x>y" },
	{ DIALECT_0_5, "report|0.5|2|smtp-in|tx-mail|c7|f8|ok|x|ok",
	    "version=0.5\ttime=2\tsession=c7\tresult=ok\tmsgid=f8\taddress=ok|x" },
	{ DIALECT_0_6, "report|0.6|2|smtp-in|tx-mail|c7|00000000|permfail|a|b@x|ok",
	    "version=0.6\ttime=2\tsession=c7\tresult=permfail\tmsgid=00000000\taddress=a|b@x|ok" },
	{ DIALECT_0_6, "report|0.6|2|smtp-in|tx-mail|c7|f8|ok|",
	    "version=0.6\ttime=2\tsession=c7\tresult=ok\tmsgid=f8\taddress=" },
	/* who they say they are */
	{ DIALECT_1, "report|1|2|smtp-in|link-identify|c7|mail.example.net",
	    "version=1\ttime=2\tsession=c7\tidentity=mail.example.net" },
	{ DIALECT_1, "report|1|2|smtp-in|link-identify|c7|HELO|mail.example.net",
	    "version=1\ttime=2\tsession=c7\tmethod=HELO\tidentity=mail.example.net" },
	{ DIALECT_1, "report|1|2|smtp-in|link-identify|c7|EHLO",
	    "version=1\ttime=2\tsession=c7\tidentity=EHLO" },
	{ DIALECT_1, "report|1|2|smtp-in|link-identify|c7|a|b",
	    "version=1\ttime=2\tsession=c7\tidentity=a|b" },
	{ DIALECT_0, "report|0|2.1|smtp-in|link-identify|c7|EHLO|hello|world",
	    "version=0\ttime=2.1\tsession=c7\tmethod=EHLO\tidentity=hello|world" },
	{ DIALECT_0_7, "report|0.7|2.1|smtp-in|link-identify|c7|XHLO|x",
	    "version=0.7\ttime=2.1\tsession=c7\tmethod=XHLO\tidentity=x" },
	{ DIALECT_1, "report|1|2|smtp-in|link-auth|c7|alice|pass",
	    "version=1\ttime=2\tsession=c7\tusername=alice\tresult=pass" },
	{ DIALECT_0_6, "report|0.6|2|smtp-in|link-auth|c7|who|me|fail",
	    "version=0.6\ttime=2\tsession=c7\tusername=who|me\tresult=fail" },
	{ DIALECT_0_7, "report|0.7|2|smtp-in|link-auth|c7|pass|al|ice",
	    "version=0.7\ttime=2\tsession=c7\tusername=al|ice\tresult=pass" },
	/* texts, whole */
	{ DIALECT_1, "report|1|2|smtp-in|link-tls|c7|version=TLSv1.2, cipher=C, bits=256",
	    "version=1\ttime=2\tsession=c7\ttls=version=TLSv1.2, cipher=C, bits=256" },
	{ DIALECT_0_2, "report|0.2|2|smtp-out|link-greeting|c7|",
	    "version=0.2\ttime=2\tsession=c7\thostname=" },
	{ DIALECT_0_6, "report|0.6|2|smtp-in|protocol-client|c7|report|1|x\r",
	    "version=0.6\ttime=2\tsession=c7\tcommand=report|1|x\r" },
	{ DIALECT_0_6, "report|0.6|2|smtp-in|protocol-client|c7|",
	    "version=0.6\ttime=2\tsession=c7\tcommand=" },
	{ DIALECT_0_6, "report|0.6|2|smtp-in|protocol-server|c7|334 ",
	    "version=0.6\ttime=2\tsession=c7\treply=334 " },
	{ DIALECT_1, "report|1|2|smtp-in|filter-response|c7|ehlo|proceed|",
	    "version=1\ttime=2\tsession=c7\tphase=ehlo\tdecision=proceed" },
	{ DIALECT_0_6, "report|0.6|2|smtp-in|filter-response|c7|ehlo|proceed",
	    "version=0.6\ttime=2\tsession=c7\tphase=ehlo\tdecision=proceed" },
	{ DIALECT_0_6, "report|0.6|2|smtp-in|filter-response|c7|data||550 a|b",
	    "version=0.6\ttime=2\tsession=c7\tphase=data\tdecision=\tparam=550 a|b" },
	{ DIALECT_0_6, "report|0.6|2|smtp-in|filter-report|c7|builtin|fc|a|b",
	    "version=0.6\ttime=2\tsession=c7\tkind=builtin\tfilter=fc\tmessage=a|b" },
	{ DIALECT_0_6, "report|0.6|2|smtp-in|timeout|c7",
	    "version=0.6\ttime=2\tsession=c7" },
	/* the last text is the free one; what stands before it is cut from the left */
	{ DIALECT_0_7, "report|0.7|2|queue|envelope-failed|0|0000000a|0000000a00000001|relay|2|1.5|[::1]:25|a\\174b@c|550 x|y",
	    "version=0.7\ttime=2\tsession=0\tdest=[::1]:25\tmsgid=0000000a\tevpid=0000000a00000001\treply=550 x|y\t"
	    "recipient=a\\174b@c\tdelay=1.5\tattempts=2\ttransport=relay" },
	{ DIALECT_1, "report|1|2|queue|envelope-deferred|0|0000000a|0000000a00000001|relay|2|1|9|IPv6:::1:25|<a@c>|",
	    "version=1\ttime=2\tsession=0\tdest=IPv6:::1:25\tmsgid=0000000a\tevpid=0000000a00000001\treply=\t"
	    "recipient=a@c\tdelay=1\tattempts=2\ttransport=relay\tnext=9" },
	{ DIALECT_0_4, "report|0.4|2|queue|message-bounce|0|0a|failed|0b|<x|y>@z",
	    "version=0.4\ttime=2\tsession=0\tmsgid=0a\tkind=failed\trecipient=<x|y>@z\tbounce=0b" },
	{ DIALECT_1, "report|1|9|smtp-in|report-gap|0000000000000000|12|7|8.5",
	    "version=1\ttime=9\tsession=0000000000000000\tcount=12\tfirst=7\tlast=8.5" },
	/* a version nobody knows is the newest; more fields than one knows */
	{ DIALECT_UNKNOWN, "report|0.10|2|smtp-in|link-auth|c7|pass|a",
	    "version=0.10\ttime=2\tsession=c7\tusername=a\tresult=pass" },
	{ DIALECT_UNKNOWN, "report|2|2|smtp-in|tx-data|C7F|00f8|ok|more|yet",
	    "version=2\ttime=2\tsession=C7F\tresult=ok\tmsgid=00f8" },
};

static void
describe(const struct report *r, char *buf, size_t size)
{
	enum field	 f;
	size_t		 n = 0;

	buf[0] = '\0';
	for (f = 0; f < RF_MAX; f++)
		if (report_has(r, f) && f != RF_EVENT && f != RF_SUBSYSTEM)
			n += (size_t)snprintf(buf + n, size - n, "%s%s=%.*s",
			    n == 0 ? "" : "\t", report_fields[f].name,
			    (int)r->field[f].n, r->field[f].p);
}

static void
test_known(void **state)
{
	struct report	 r;
	char		 got[1024];
	size_t		 i;

	(void)state;
	for (i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		assert_int_equal(report_parse(&r, slice_str(known[i].line)),
		    REPORT_KNOWN);
		assert_int_equal(r.dialect, known[i].dialect);
		assert_true(report_has(&r, RF_EVENT) && report_has(&r, RF_SUBSYSTEM));
		assert_int_equal(report_event_by_name(r.field[RF_EVENT]), r.event);
		assert_ptr_equal(r.line.p, known[i].line);
		assert_null(r.error);
		describe(&r, got, sizeof(got));
		assert_string_equal(got, known[i].fields);
	}
}

static const struct {
	enum report_class	 class;
	enum field		 culprit;
	struct slice		 line;
} others[] = {
	{ REPORT_BLANK,		RF_MAX,		SLICE("") },
	{ REPORT_FOREIGN,	RF_MAX,		SLICE("config|ready") },
	{ REPORT_FOREIGN,	RF_MAX,		SLICE("config|smtpd-version|6.8.0p2") },
	{ REPORT_FOREIGN,	RF_MAX,		SLICE("register|report|smtp-in|*") },
	{ REPORT_FOREIGN,	RF_MAX,		SLICE("filter|0.7|1|smtp-in|data|c7|1e|") },
	{ REPORT_FOREIGN,	RF_MAX,		SLICE("filter-result|c7|1e|proceed") },
	{ REPORT_FOREIGN,	RF_MAX,		SLICE("filter-dataline|c7|1e|a|b") },
	{ REPORT_FOREIGN,	RF_MAX,		SLICE("report|0.7|1.5|smtp-in|tx-news|c7|a") },
	{ REPORT_FOREIGN,	RF_MAX,		SLICE("report|0.7|1.5|lmtp-in|tx-data|c7") },
	{ REPORT_MALFORMED,	RF_MAX,		SLICE("config") },
	{ REPORT_MALFORMED,	RF_MAX,		SLICE(" ") },
	{ REPORT_MALFORMED,	RF_MAX,		SLICE("hello world") },
	{ REPORT_MALFORMED,	RF_MAX,		SLICE("configs|ready") },
	{ REPORT_MALFORMED,	RF_MAX,		SLICE("report") },
	{ REPORT_MALFORMED,	RF_MAX,		SLICE("Report|1|1|smtp-in|timeout|c7") },
	{ REPORT_MALFORMED,	RF_MAX,		SLICE("xreport|1|1|smtp-in|timeout|c7") },
	{ REPORT_MALFORMED,	RF_VERSION,	SLICE("report|") },
	{ REPORT_MALFORMED,	RF_VERSION,	SLICE("report||1|smtp-in|timeout|c7") },
	{ REPORT_MALFORMED,	RF_VERSION,	SLICE("report|v1|1|smtp-in|timeout|c7") },
	{ REPORT_MALFORMED,	RF_VERSION,	SLICE("report|1x|1|smtp-in|timeout|c7") },
	{ REPORT_MALFORMED,	RF_VERSION,	SLICE("report|1\0|1|smtp-in|timeout|c7") },
	{ REPORT_MALFORMED,	RF_VERSION,	SLICE("report|in-smtp-|1|c7") },
	{ REPORT_MALFORMED,	RF_TIME,	SLICE("report|1") },
	{ REPORT_MALFORMED,	RF_TIME,	SLICE("report|1||smtp-in|timeout|c7") },
	{ REPORT_MALFORMED,	RF_TIME,	SLICE("report|1|-1|smtp-in|timeout|c7") },
	{ REPORT_MALFORMED,	RF_TIME,	SLICE("report|1|1.|smtp-in|timeout|c7") },
	{ REPORT_MALFORMED,	RF_TIME,	SLICE("report|1|.1|smtp-in|timeout|c7") },
	{ REPORT_MALFORMED,	RF_TIME,	SLICE("report|1|1.2.3|smtp-in|timeout|c7") },
	{ REPORT_MALFORMED,	RF_TIME,	SLICE("report|smtp-in|timeout|x|c7") },
	{ REPORT_MALFORMED,	RF_SUBSYSTEM,	SLICE("report|1|1") },
	{ REPORT_MALFORMED,	RF_SUBSYSTEM,	SLICE("report|1|1|SMTP|timeout|c7") },
	{ REPORT_MALFORMED,	RF_EVENT,	SLICE("report|1|1|smtp-in") },
	{ REPORT_MALFORMED,	RF_EVENT,	SLICE("report|1|1|smtp-in||c7") },
	{ REPORT_MALFORMED,	RF_EVENT,	SLICE("report|smtp-in") },
	{ REPORT_MALFORMED,	RF_SESSION,	SLICE("report|1|1|smtp-in|timeout") },
	{ REPORT_MALFORMED,	RF_SESSION,	SLICE("report|1|1|smtp-in|timeout|") },
	{ REPORT_MALFORMED,	RF_SESSION,	SLICE("report|1|1|smtp-in|timeout|c7\r") },
	{ REPORT_MALFORMED,	RF_SESSION,	SLICE("report|1|1|smtp-in|timeout|0123456789abcdef0") },
	{ REPORT_MALFORMED,	RF_SRC,		SLICE("report|1|1|smtp-in|link-connect|c7|a") },
	{ REPORT_MALFORMED,	RF_RDNS,	SLICE("report|1|1|smtp-in|link-connect|c7|a|b") },
	{ REPORT_MALFORMED,	RF_RDNS,	SLICE("report|0|1|smtp-in|link-connect|c7|a|b|c") },
	{ REPORT_MALFORMED,	RF_COMMAND,	SLICE("report|1|1|smtp-in|protocol-client|c7") },
	{ REPORT_MALFORMED,	RF_IDENTITY,	SLICE("report|1|1|smtp-in|link-identify|c7") },
	{ REPORT_MALFORMED,	RF_IDENTITY,	SLICE("report|0|1|smtp-in|link-identify|c7|EHLO") },
	{ REPORT_MALFORMED,	RF_MSGID,	SLICE("report|1|1|smtp-in|tx-mail|c7") },
	{ REPORT_MALFORMED,	RF_RESULT,	SLICE("report|0.7|1|smtp-in|tx-mail|c7|f8") },
	{ REPORT_MALFORMED,	RF_ADDRESS,	SLICE("report|1|1|smtp-in|tx-mail|c7|f8|ok") },
	{ REPORT_MALFORMED,	RF_ADDRESS,	SLICE("report|0.7|1|smtp-in|tx-mail|c7|f8|ok") },
	{ REPORT_MALFORMED,	RF_MSGID,	SLICE("report|1|1|smtp-in|tx-begin|c7|xyz") },
	{ REPORT_MALFORMED,	RF_MSGID,	SLICE("report|1|1|smtp-in|tx-begin|c7|123456789") },
	{ REPORT_MALFORMED,	RF_EVPID,	SLICE("report|1|1|smtp-in|tx-envelope|c7|f8") },
	{ REPORT_MALFORMED,	RF_EVPID,	SLICE("report|1|1|smtp-in|tx-envelope|c7|f8|") },
	{ REPORT_MALFORMED,	RF_SIZE,	SLICE("report|1|1|smtp-in|tx-commit|c7|f8|-3") },
	{ REPORT_MALFORMED,	RF_LAST,	SLICE("report|1|1|smtp-in|report-gap|0|1|2|x") },
	{ REPORT_MALFORMED,	RF_REPLY,	SLICE("report|0.7|1|queue|envelope-failed|0|a|b|relay|1|1|d:1|a@b") },
	{ REPORT_MALFORMED,	RF_DELAY,	SLICE("report|0.7|1|queue|envelope-failed|0|a|b|relay|1|x|d:1|a@b|") },
	{ REPORT_MALFORMED,	RF_VALUE,	SLICE("report|0.7|1|stats|gauge|0|a|-1") },
};

static void
test_others(void **state)
{
	struct report	 r;
	size_t		 i;

	(void)state;
	for (i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		if (report_parse(&r, others[i].line) != others[i].class ||
		    r.culprit != others[i].culprit)
			fail_msg("%.*s: %s, field %d", (int)others[i].line.n,
			    others[i].line.p, r.error == NULL ? "" : r.error, r.culprit);
		assert_int_equal(r.error != NULL, others[i].class == REPORT_MALFORMED);
	}
}

/* Every field of a line cut short anywhere lies within it. */
static void
test_prefixes(void **state)
{
	struct report	 r;
	enum field	 f;
	size_t		 i, n, length;
	char		*copy;

	(void)state;
	for (i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		length = strlen(known[i].line);
		for (n = 0; n <= length; n++) {
			/* A block of its own, so that the sanitizer sees its end. */
			assert_non_null(copy = malloc(n + (n == 0)));
			memcpy(copy, known[i].line, n);
			report_parse(&r, slice_make(copy, n));
			for (f = 0; f < RF_MAX; f++)
				if (report_has(&r, f) && (f != RF_SUBSYSTEM ||
				    r.dialect != DIALECT_DAY1))
					assert_true(r.field[f].p >= copy &&
					    r.field[f].p + r.field[f].n <= copy + n);
			free(copy);
		}
	}
}

/* The table: names are found, and an order has at most one free text. */
static void
test_table(void **state)
{
	enum event_id			 e;
	enum field			 f;
	enum dialect			 d;
	const struct report_order	*o;

	(void)state;
	for (e = 0; e < EV_MAX; e++)
		assert_int_equal(report_event_by_name(
		    slice_str(report_events[e].name)), e);
	assert_int_equal(report_event_by_name(SLICE("")), EV_UNKNOWN);
	assert_int_equal(report_event_by_name(SLICE("tx-mai")), EV_UNKNOWN);
	assert_int_equal(report_event_by_name(SLICE("tx-mail\0")), EV_UNKNOWN);
	for (f = 0; f < RF_MAX; f++)
		assert_int_equal(report_field_by_name(
		    slice_str(report_fields[f].name)), f);
	assert_int_equal(report_field_by_name(SLICE("message-id")), RF_MSGID);
	assert_int_equal(report_field_by_name(SLICE("envelope-id")), RF_EVPID);
	assert_int_equal(report_field_by_name(SLICE("message-size")), RF_SIZE);
	assert_int_equal(report_field_by_name(SLICE("response")), RF_REPLY);
	assert_int_equal(report_field_by_name(SLICE("tls-string")), RF_TLS);
	assert_int_equal(report_field_by_name(SLICE("sizes")), RF_MAX);
	for (d = DIALECT_1; d <= DIALECT_0_7; d++)
		assert_int_equal(report_dialect_by_version(
		    slice_str(dialect_names[d])), d);
	assert_int_equal(report_dialect_by_version(SLICE("0.10")), DIALECT_UNKNOWN);
	assert_int_equal(report_dialect_by_version(SLICE("1\0")), DIALECT_UNKNOWN);
	assert_int_equal(report_dialect_by_version(SLICE("")), DIALECT_UNKNOWN);
	for (o = report_orders; o->upto != DIALECT_MAX; o++)
		for (size_t i = 0; o->field[i] != RF_VERSION; i++)
			assert_true(i < REPORT_FIELDS - 1);
}

static const struct {
	const char	*text;
	int		 result;
	uint64_t	 usec;
} times[] = {
	{ "0",			0,	0 },
	{ "1541750432",		0,	1541750432000000 },
	{ "1576146008.006099",	0,	1576146008006099 },
	{ "1.5",		0,	1500000 },
	{ "1.0000019",		0,	1000001 },
	{ "9999999999999",	0,	9999999999999000000U },
	{ "99999999999999999999", -1,	0 },
	{ "",			-1,	0 },
	{ ".5",			-1,	0 },
	{ "1x",			-1,	0 },
	{ "1.x",		-1,	0 },
};

static void
test_time(void **state)
{
	uint64_t	 usec;
	size_t		 i;

	(void)state;
	for (i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		usec = 0;
		assert_int_equal(report_time(slice_str(times[i].text), &usec),
		    times[i].result);
		assert_int_equal(usec, times[i].usec);
	}
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_known),
		cmocka_unit_test(test_others),
		cmocka_unit_test(test_prefixes),
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
