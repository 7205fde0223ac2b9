/* SPDX-License-Identifier: ISC */
/* URLs of relays: every form, every mistake, and what `tls` makes of them. */
/* objects: smtpd/conf_url.o */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/nitems.h"
#include "smtpd/conf.h"

static const struct {
	const char	*url, *host, *label;
	uint16_t	 port;
	enum relay_tls	 tls;
	bool		 lmtp, verify;
} good[] = {
	{ "h",				"h",	NULL,	0,	RELAY_OPPORTUNISTIC,	false,	false },
	{ "Mail.Example.ORG:26",	"mail.example.org", NULL, 26, RELAY_OPPORTUNISTIC, false, false },
	{ "smtp://h",			"h",	NULL,	0,	RELAY_OPPORTUNISTIC,	false,	false },
	{ "SMTP://h:65535",		"h",	NULL,	65535,	RELAY_OPPORTUNISTIC,	false,	false },
	{ "smtp+tls://h",		"h",	NULL,	0,	RELAY_TLS,		false,	true },
	{ "smtp+notls://h",		"h",	NULL,	0,	RELAY_NOTLS,		false,	false },
	{ "smtps://me@h:465",		"h",	"me",	465,	RELAY_SMTPS,		false,	true },
	{ "smtps://me@example.org@h",	"h",	"me@example.org", 0, RELAY_SMTPS,	false,	true },
	{ "me@h",			"h",	"me",	0,	RELAY_OPPORTUNISTIC,	false,	false },
	{ "lmtp://127.0.0.1:24",	"127.0.0.1", NULL, 24,	RELAY_OPPORTUNISTIC,	true,	false },
	{ "lmtp://[::1]:24",		"::1",	NULL,	24,	RELAY_OPPORTUNISTIC,	true,	false },
	{ "[2001:DB8::1]",		"2001:db8::1", NULL, 0,	RELAY_OPPORTUNISTIC,	false,	false },
	{ "smtp://[IPv6:2001:db8::1]:25", "2001:db8::1", NULL, 25, RELAY_OPPORTUNISTIC,	false,	false },
	{ "smtps://x@[192.0.2.1]",	"192.0.2.1", "x", 0,	RELAY_SMTPS,		false,	true },
};

static const struct {
	const char	*url, *why;
} bad[] = {
	{ "",			"a host is missing" },
	{ "smtp://",		"a host is missing" },
	{ ":25",		"a host is missing" },
	{ "me@",		"a host is missing" },
	{ "@h",			"a label is missing before the @" },
	{ "smtp://@h",		"a label is missing before the @" },
	{ "a b@h",		"the label before the @ holds a character that is none of a label" },
	{ "smtp://a/b@h",	"the label before the @ holds a character that is none of a label" },
	{ "http://h",		"no such scheme; one of: smtp, smtp+tls, smtp+notls, smtps, lmtp" },
	{ "://h",		"no such scheme; one of: smtp, smtp+tls, smtp+notls, smtps, lmtp" },
	{ "tls+auth://a@h",	"tls+auth:// is now written smtp+tls://label@host" },
	{ "secure://h",		"secure:// is now written smtp+tls:// or smtps://" },
	{ "[::1",		"a ] is missing after the address" },
	{ "[h]",		"no address in the brackets" },
	{ "[]:25",		"no address in the brackets" },
	{ "[::1]25",		"expected a colon and a port after the address" },
	{ "::1",		"an IPv6 address needs brackets: [2001:db8::1]" },
	{ "2001:db8::1",	"an IPv6 address needs brackets: [2001:db8::1]" },
	{ "h:",			"expected a port after the colon: 1 to 65535" },
	{ "h:0",		"expected a port after the colon: 1 to 65535" },
	{ "h:65536",		"expected a port after the colon: 1 to 65535" },
	{ "h:99999999999999999999", "expected a port after the colon: 1 to 65535" },
	{ "h:smtp",		"expected a port after the colon: 1 to 65535" },
	{ "h:25:26",		"expected a port after the colon: 1 to 65535" },
	{ "h:-1",		"expected a port after the colon: 1 to 65535" },
	{ "smtp://h/",		"a host and perhaps a port is all that may follow the scheme" },
	{ "h h",		"not the name of a host" },
	{ "-h",			"not the name of a host" },
	{ "lmtp://h",		"lmtp has no port of its own: lmtp://host:port" },
};

static void
relay_clear(struct relay *r)
{
	free(r->host);
	free(r->label);
}

static void
test_good(void **state)
{
	struct relay	 r;
	const char	*why;
	size_t		 i;

	(void)state;
	for (i = 0; i < nitems(good); i++) {
		r = (struct relay){ .port = 7, .rate = 3, .lmtp = true, .verify = true };
		if (conf_relay_url(slice_str(good[i].url), &r, &why) == -1)
			fail_msg("%s: %s", good[i].url, why);
		assert_string_equal(r.host, good[i].host);
		assert_int_equal(r.label == NULL, good[i].label == NULL);
		if (good[i].label != NULL)
			assert_string_equal(r.label, good[i].label);
		assert_int_equal(r.port, good[i].port);
		assert_int_equal(r.tls, good[i].tls);
		assert_int_equal(r.lmtp, good[i].lmtp);
		assert_int_equal(r.verify, good[i].verify);
		assert_int_equal(r.rate, 3);
		relay_clear(&r);
	}
}

/* Nothing is changed by what is none. */
static void
test_bad(void **state)
{
	char		 host[] = "before";
	const struct relay before = { .host = host, .port = 7, .tls = RELAY_SMTPS, .verify = true };
	struct relay	 r = before;
	const char	*why;
	size_t		 i;

	(void)state;
	for (i = 0; i < nitems(bad); i++) {
		if (conf_relay_url(slice_str(bad[i].url), &r, &why) != -1)
			fail_msg("%s is taken", bad[i].url);
		assert_string_equal(why, bad[i].why);
		assert_memory_equal(&r, &before, sizeof(r));
	}
	assert_int_equal(conf_relay_url(slice_make("h\0h", 3), &r, &why), -1);
	assert_int_equal(conf_relay_url(SLICE_NONE, &r, &why), -1);
}

/* The option tls holds for whatever URL comes, a host of a table included. */
static void
test_tls(void **state)
{
	struct relay	 r = { .require_tls = true };
	const char	*why;

	(void)state;
	assert_int_equal(conf_relay_url(SLICE("h"), &r, &why), 0);
	assert_int_equal(r.tls, RELAY_TLS);
	assert_true(r.verify);
	relay_clear(&r);
	r = (struct relay){ .require_tls = true, .no_verify = true };
	assert_int_equal(conf_relay_url(SLICE("smtps://h"), &r, &why), 0);
	assert_int_equal(r.tls, RELAY_SMTPS);
	assert_false(r.verify);
	relay_clear(&r);
	r = (struct relay){ .require_tls = true };
	assert_int_equal(conf_relay_url(SLICE("smtp+notls://h"), &r, &why), -1);
	assert_string_equal(why, "smtp+notls:// and the option tls exclude each other");
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_tls),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
