/* SPDX-License-Identifier: ISC */
/*
 * A line and its text in each format, and what is no format.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/fmt.h"

#define AT	"report|0.7|1541750432.5|smtp-in|"
#define J(event) "{\"version\":\"0.7\",\"time\":1541750432.5,\"subsystem\":\"smtp-in\"," \
	"\"event\":\"" event "\",\"session\":\"c7\""
#define V1	"report|1|1541750432|smtp-in|"
#define V4	"report|0.4|1541750432.500000|smtp-in|"
#define V7	"report|0.7|1541750432.500000|smtp-in|"
#define SUMMARY	"msg-summary|c7|f84306b3|done|1541750430|<>|a%2Cb@x,c@y|ok,|1.5,|01,2|f84306b300000001,|"

static const struct {
	int		 letter;
	const char	*arg, *line, *text;
} rows[] = {
	/* JSON: what is a number, what is escaped, what is a list */
	{ 'j', NULL, AT "tx-commit|c7|f8|301", J("tx-commit") ",\"msgid\":\"f8\",\"size\":301}\n" },
	{ 'j', NULL, AT "tx-commit|c7|f8|000301", J("tx-commit") ",\"msgid\":\"f8\",\"size\":301}\n" },
	{ 'j', NULL, AT "tx-commit|c7|f8|000", J("tx-commit") ",\"msgid\":\"f8\",\"size\":0}\n" },
	{ 'j', NULL, "report|0.7|007.5|queue|timeout|c7", "{\"version\":\"0.7\",\"time\":7.5,"
	    "\"subsystem\":\"queue\",\"event\":\"timeout\",\"session\":\"c7\"}\n" },
	{ 'j', NULL, "report|0.10|7|stats|timeout|c7", "{\"version\":\"0.10\",\"time\":7,"
	    "\"subsystem\":\"stats\",\"event\":\"timeout\",\"session\":\"c7\"}\n" },
	{ 'j', NULL, "report|in-smtp-tx-begin|7|c7", "{\"time\":7,\"subsystem\":\"smtp-in\","
	    "\"event\":\"tx-begin\",\"session\":\"c7\"}\n" },
	{ 'j', NULL, "report|smtp-out|tx-begin|7|c7", "{\"time\":7,\"subsystem\":\"smtp-out\","
	    "\"event\":\"tx-begin\",\"session\":\"c7\"}\n" },
	{ 'j', NULL, AT "protocol-client|c7|", J("protocol-client") ",\"command\":\"\"}\n" },
	{ 'j', NULL, AT "protocol-client|c7|a", J("protocol-client") ",\"command\":\"a\"}\n" },
	{ 'j', NULL, AT "protocol-client|c7|1234567", J("protocol-client") ",\"command\":\"1234567\"}\n" },
	{ 'j', NULL, AT "protocol-client|c7|12345678", J("protocol-client") ",\"command\":\"12345678\"}\n" },
	{ 'j', NULL, AT "protocol-client|c7|123456789", J("protocol-client") ",\"command\":\"123456789\"}\n" },
	{ 'j', NULL, AT "protocol-client|c7|12345678901234567890", J("protocol-client")
	    ",\"command\":\"12345678901234567890\"}\n" },
	{ 'j', NULL, AT "protocol-client|c7|\"quoted\" \\ and so on", J("protocol-client")
	    ",\"command\":\"\\\"quoted\\\" \\\\ and so on\"}\n" },
	{ 'j', NULL, AT "protocol-client|c7|long enough\x01\x1f\x7f\t\r", J("protocol-client")
	    ",\"command\":\"long enough\\u0001\\u001f\x7f\\u0009\\u000d\"}\n" },
	{ 'j', NULL, AT "protocol-client|c7|\303\251 \303 \377\300\200 caf\303\251", J("protocol-client")
	    ",\"command\":\"\303\251 \\\\303 \\\\377\\\\300\\\\200 caf\303\251\"}\n" },
	{ 'j', NULL, AT "protocol-client|c7|1234567\303\251890123\303", J("protocol-client")
	    ",\"command\":\"1234567\303\251890123\\\\303\"}\n" },
	{ 'j', NULL, AT SUMMARY, J("msg-summary") ",\"msgid\":\"f84306b3\",\"status\":\"done\","
	    "\"begin\":1541750430,\"sender\":\"<>\",\"recipient\":[\"a,b@x\",\"c@y\"],"
	    "\"fate\":[\"ok\",\"\"],\"delay\":[1.5,null],\"attempts\":[1,2],"
	    "\"evpid\":[\"f84306b300000001\",\"\"]}\n" },

	{ 'k', NULL, AT "link-auth|c7|pass|al ice", "version=0.7 time=1541750432.5 "
	    "subsystem=smtp-in event=link-auth session=c7 result=pass username=\"al ice\"\n" },
	{ 'k', NULL, AT "link-auth|c7|pass|a\"\\=\x01", "version=0.7 time=1541750432.5 "
	    "subsystem=smtp-in event=link-auth session=c7 result=pass username=\"a\\\"\\\\=\\001\"\n" },
	{ 'k', NULL, "report|in-smtp-timeout|7|c7", "time=7 subsystem=smtp-in event=timeout session=c7\n" },
	{ 'x', NULL, AT SUMMARY, "version       0.7\ntime          1541750432.5\n"
	    "subsystem     smtp-in\nevent         msg-summary\nsession       c7\n"
	    "msgid         f84306b3\nstatus        done\nbegin         1541750430\n"
	    "sender        <>\nrecipient     a,b@x\nrecipient     c@y\nfate          ok\nfate\n"
	    "delay         1.5\ndelay\nattempts      01\nattempts      2\n"
	    "evpid         f84306b300000001\nevpid\n\n" },
	{ 'p', "%{event}\\t%{session:-4}|%{session:4}|%%\\n%{size}\\x", AT "timeout|c7",
	    "timeout\tc7  |  c7|%\n-\\x\n" },
	{ 'p', "%{identity:-3}|%{identity:6}|", AT "link-identify|c7|EHLO|\303\251\377",
	    "\303\251\\377| \303\251\\377|\n" },
	{ 'p', "%{recipient.domain} %{recipient.user} %{sender.user}", AT SUMMARY,
	    "x,y a%2Cb,c -\n" },
	{ 'p', "", AT "timeout|c7", "\n" },

	/* dialects */
	{ 'V', "same", "report|in-smtp-link-connect|7|c7|local|", "report|in-smtp-link-connect|7|c7|local|\n" },
	{ 'V', "0.7", "report|in-smtp-link-connect|7|c7|192.0.2.1|local",
	    "report|0.7|7.000000|smtp-in|link-connect|c7|||192.0.2.1:0|unix:/var/run/smtpd.sock\n" },
	{ 'V', "1", "report|in-smtp-link-connect|7|c7|IPv6:2001:db8::1|local",
	    "report|1|7|smtp-in|link-connect|c7||IPv6:2001:db8::1:0|local:0\n" },
	{ 'V', "1", "report|smtp-in|link-connect|7|c7|a.example|192.0.2.1:40|:0",
	    "report|1|7|smtp-in|link-connect|c7|a.example|192.0.2.1:40|:0\n" },
	{ 'V', "1", AT "link-connect|c7|a|b|pass|[2001:db8::1]:40|unix:/x",
	    V1 "link-connect|c7|a|b|pass|IPv6:2001:db8::1:40|local:0\n" },
	{ 'V', "0.4", "report|1|1541750432.5|smtp-in|link-connect|c7|a|pass|IPv6:2001:db8::1:40|local:0",
	    V4 "link-connect|c7|a|pass|[2001:db8::1]:40|unix:/var/run/smtpd.sock\n" },
	{ 'V', "unversioned", AT "link-connect|c7|a|pass|[2001:db8::1]:40|192.0.2.1:25",
	    "report|smtp-in|link-connect|1541750432|c7|a|IPv6:2001:db8::1:40|192.0.2.1:25\n" },
	{ 'V', "unversioned", AT "tx-commit|c7|f8|301", "report|smtp-in|tx-commit|1541750432|c7\n" },
	{ 'V', "unversioned", AT "tx-data|c7|f8|ok", "" },
	{ 'V', "unversioned", "report|0.7|1|queue|tx-begin|c7|f8", "" },
	{ 'V', "0.4", V1 "link-reset|c7", "" },
	{ 'V', "1", V1 "link-reset|c7", V1 "link-reset|c7\n" },
	{ 'V', "0.7", V1 "tx-mail|c7|f8| <a|b@c> SIZE=1|ok", "report|0.7|1541750432.000000|smtp-in|tx-mail|c7|f8|ok|a|b@c\n" },
	{ 'V', "0.5", AT "tx-mail|c7|f8|ok|a|b@c", "report|0.5|1541750432.500000|smtp-in|tx-mail|c7|f8|a|b@c|ok\n" },
	{ 'V', "1", AT "tx-rcpt|c7|f8|permfail|", V1 "tx-rcpt|c7|f8|<>|permfail\n" },
	{ 'V', "0.6", AT "link-auth|c7|fail|who|me", "report|0.6|1541750432.500000|smtp-in|link-auth|c7|who|me|fail\n" },
	{ 'V', "0.7", "report|0.6|1541750432.123456789|smtp-in|link-auth|c7|who|me|fail",
	    "report|0.7|1541750432.123456|smtp-in|link-auth|c7|fail|who|me\n" },
	{ 'V', "1", AT "link-tls|c7|TLSv1.3:AES:256", V1 "link-tls|c7|version=TLSv1.3, cipher=AES, bits=256\n" },
	{ 'V', "0.7", V1 "link-tls|c7|version=TLSv1.3, cipher=AES, bits=256",
	    "report|0.7|1541750432.000000|smtp-in|link-tls|c7|TLSv1.3:AES:256\n" },
	{ 'V', "0.7", V1 "link-tls|c7|what", "report|0.7|1541750432.000000|smtp-in|link-tls|c7|what\n" },
	{ 'V', "0.7", V1 "link-identify|c7|client.example",
	    "report|0.7|1541750432.000000|smtp-in|link-identify|c7||client.example\n" },
	{ 'V', "1", AT "filter-response|c7|ehlo|proceed|", V1 "filter-response|c7|ehlo|proceed\n" },
	{ 'V', "0.7", "report|0.9|1541750432.5|smtp-in|tx-begin|c7|f8|more", V7 "tx-begin|c7|f8\n" },
	{ 'V', "1", AT SUMMARY, V1 SUMMARY "\n" },
	{ 'V', "0.7", AT SUMMARY, V7 SUMMARY "\n" },
	{ 'V', "1", AT "report-gap|0|3|1.5|2.000001", V1 "report-gap|0|3|1|2\n" },
};

static void
format_one(int letter, const char *arg, const char *line, const char *text)
{
	struct fmt	 f = { .row = fmt_row(letter), .arg = arg };
	struct report	 r;
	struct outbuf	 out;

	assert_int_equal(fmt_init(&f), 0);
	assert_int_equal(outbuf_init(&out, dup(STDOUT_FILENO)), 0);
	assert_int_equal(report_parse(&r, slice_str(line)), REPORT_KNOWN);
	assert_int_equal(fmt_record(&f, &out, &r), 0);
	if (!slice_eq(slice_make(out.buf, out.n), slice_str(text)))
		fail_msg("-%c of %s: %.*s", letter, line, (int)out.n, out.buf);
	assert_int_equal(f.lacking, *text == '\0');
	out.n = 0;
	outbuf_close(&out);
	fmt_free(&f);
}

static void
test_rows(void **state)
{
	size_t	 i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		format_one(rows[i].letter, rows[i].arg, rows[i].line, rows[i].text);
}

static const struct {
	int		 letter;
	const char	*arg, *fields, *error;
} refused[] = {
	{ 'p', "%{recipeint}", NULL, "no event has a field recipeint; nearest: recipient" },
	{ 'p', "%{src.domain}", NULL, "no such part: src.domain; src has .ip .port" },
	{ 'p', "%{event", NULL, "no } behind: %{event" },
	{ 'p', "%event", NULL, "neither %% nor %{field}: %event" },
	{ 'p', "%{event:}", NULL, "no width: %{event:}" },
	{ 'p', "%{event:-}", NULL, "no width: %{event:-}" },
	{ 'p', "%{event:2x}", NULL, "not a width: %{event:2x}" },
	{ 'p', "%{event:99999}", NULL, "width over 4096: %{event:99999}" },
	{ 'V', "0.8", NULL, "no such dialect: 0.8; unversioned, 1, 0.4, 0.5, 0.6, 0.7 or same" },
	{ 'c', NULL, "event,evnt", "no event has a field evnt; nearest: event" },
	{ 'j', NULL, "event", "-f is for -c and -t" },
};

static void
test_refused(void **state)
{
	struct fmt	 f;
	size_t		 i;

	(void)state;
	for (i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		f = (struct fmt){ .row = fmt_row(refused[i].letter),
		    .arg = refused[i].arg, .fields = refused[i].fields };
		assert_int_equal(fmt_init(&f), -1);
		assert_string_equal(f.error, refused[i].error);
		fmt_free(&f);
	}
}

/* A line that no write buffer has room for is the same as a short one. */
static void
test_long(void **state)
{
	static char	 line[100100];
	struct fmt	 f = { .row = fmt_row('j') };
	struct report	 r;
	struct outbuf	 out;
	int		 fd[2];
	char		 last[4];
	size_t		 n;
	ssize_t		 got, total = 0;

	(void)state;
	n = (size_t)snprintf(line, sizeof(line), "%sprotocol-client|c7|", AT);
	memset(line + n, '\001', 10000);
	assert_int_equal(pipe(fd), 0);
	assert_int_equal(fmt_init(&f), 0);
	assert_int_equal(outbuf_init(&out, fd[1]), 0);
	assert_int_equal(report_parse(&r, slice_make(line, n + 10000)), REPORT_KNOWN);
	assert_int_equal(fmt_record(&f, &out, &r), 0);
	assert_int_equal(outbuf_close(&out), 0);
	while ((got = read(fd[0], line, sizeof(line))) > 0) {
		total += got;
		memcpy(last, line + got - 3, 3);
	}
	close(fd[0]);
	assert_int_equal(total, sizeof(J("protocol-client") ",\"command\":\"\"}\n") - 1 + 60000);
	assert_memory_equal(last, "\"}\n", 3);
	fmt_free(&f);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
