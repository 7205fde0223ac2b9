/* SPDX-License-Identifier: ISC */
/*
 * Names of fields and parts, and what they are in a line.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/report_part.h"

#define CONNECT	"report|0.7|1|smtp-in|link-connect|c7|a|pass|"
#define MAIL	"report|0.7|1|smtp-in|tx-mail|c7|f8|ok|"
#define TLS	"report|1|1|smtp-in|link-tls|c7|"

static const struct {
	const char	*line, *name, *value;	/* NULL: absent */
} rows[] = {
	{ CONNECT "192.0.2.1:40|[2001:db8::1]:25", "src", "192.0.2.1:40" },
	{ CONNECT "192.0.2.1:40|[2001:db8::1]:25", "src.ip", "192.0.2.1" },
	{ CONNECT "192.0.2.1:40|[2001:db8::1]:25", "src.port", "40" },
	{ CONNECT "192.0.2.1:40|[2001:db8::1]:25", "dest.ip", "2001:db8::1" },
	{ CONNECT "192.0.2.1:40|[2001:db8::1]:25", "dest.port", "25" },
	{ CONNECT "unix:/run/a:1|:0", "src.ip", NULL },
	{ CONNECT "unix:/run/a:1|:0", "src.port", NULL },
	{ CONNECT "unix:/run/a:1|:0", "dest.ip", NULL },
	{ CONNECT "unix:/run/a:1|:0", "dest.port", NULL },
	{ CONNECT "local:0|local", "src.port", NULL },
	{ CONNECT "local:0|local", "size", NULL },
	{ CONNECT "local:0|local", "fcrdns", "pass" },
	{ MAIL "user@dom.example", "address", "user@dom.example" },
	{ MAIL "user@dom.example", "address.user", "user" },
	{ MAIL "user@dom.example", "address.domain", "dom.example" },
	{ MAIL "\"a@b\"@dom", "address.user", "\"a@b\"" },
	{ MAIL "\"a@b\"@dom", "address.domain", "dom" },
	{ MAIL "@relay:user@dom", "address.user", "user" },
	{ MAIL "@relay:user@dom", "address.domain", "dom" },
	{ MAIL "@relay", "address.domain", "relay" },
	{ MAIL "@relay:", "address.user", NULL },
	{ MAIL "local", "address.user", "local" },
	{ MAIL "local", "address.domain", NULL },
	{ MAIL "a@", "address.domain", "" },
	{ MAIL "", "address", "" },
	{ MAIL "", "address.user", NULL },
	{ MAIL "", "address.domain", NULL },
	{ MAIL "x", "message-id", "f8" },
	{ TLS "TLSv1.3:TLS_AES:256", "tls", "TLSv1.3:TLS_AES:256" },
	{ TLS "TLSv1.3:TLS_AES:256", "tls.version", "TLSv1.3" },
	{ TLS "TLSv1.3:TLS_AES:256", "tls.cipher", "TLS_AES" },
	{ TLS "TLSv1.3:TLS_AES:256", "tls.bits", "256" },
	{ TLS "version=TLSv1.2, cipher=C, bits=128", "tls.version", "TLSv1.2" },
	{ TLS "version=TLSv1.2, cipher=C, bits=128", "tls.cipher", "C" },
	{ TLS "version=TLSv1.2, cipher=C, bits=128", "tls.bits", "128" },
	{ TLS "version=TLSv1.2, cipher=C, bits=128", "tls-string.bits", "128" },
	{ TLS "TLSv1.3", "tls.version", "TLSv1.3" },
	{ TLS "TLSv1.3", "tls.cipher", NULL },
	{ TLS "", "tls.version", "" },
	{ TLS "", "tls.bits", NULL },
};

static void
test_values(void **state)
{
	struct report		 r;
	struct report_name	 name;
	struct slice		 value;
	size_t			 i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(report_parse(&r, slice_str(rows[i].line)), REPORT_KNOWN);
		assert_int_equal(report_name_parse(slice_str(rows[i].name), &name), 0);
		value = SLICE_NONE;
		if (report_value(&r, name, &value) != (rows[i].value != NULL) ||
		    !slice_eq(value, slice_str(rows[i].value)))
			fail_msg("%s of %s: %.*s", rows[i].name, rows[i].line,
			    (int)value.n, value.p);
	}
}

static void
test_names(void **state)
{
	static const char *const	 bad[] = { "", ".", "ip", ".ip", "src.",
	    "src.i", "src.ipp", "src.ip.", "size.ip", "address.ip", "tls.port",
	    "sr", "srcx" };
	struct report_name		 name;
	size_t				 i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(report_name_parse(slice_str(bad[i]), &name), -1);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
