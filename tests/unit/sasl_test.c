/* SPDX-License-Identifier: ISC */
/*
 * Base64, what PLAIN says, and lines that may be told of.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/base64.h"
#include "lib/nitems.h"
#include "lib/sasl.h"

/* -- base64 -- */

static const struct {
	struct slice	 text, bytes;
} codes[] = {	/* RFC 4648 10, and all of the alphabet's ends */
	{ SLICE(""),		SLICE("") },
	{ SLICE("Zg=="),	SLICE("f") },
	{ SLICE("Zm8="),	SLICE("fo") },
	{ SLICE("Zm9v"),	SLICE("foo") },
	{ SLICE("Zm9vYg=="),	SLICE("foob") },
	{ SLICE("Zm9vYmE="),	SLICE("fooba") },
	{ SLICE("Zm9vYmFy"),	SLICE("foobar") },
	{ SLICE("AAAA"),	SLICE("\0\0\0") },
	{ SLICE("////"),	SLICE("\xff\xff\xff") },
	{ SLICE("+/+/"),	SLICE("\xfb\xff\xbf") },
	{ SLICE("AGEAYg=="),	SLICE("\0a\0b") },
};

static const struct slice	no_codes[] = {
	SLICE("="), SLICE("=="), SLICE("==="), SLICE("===="), SLICE("Z"), SLICE("Zg"), SLICE("Zg="),
	SLICE("Zg==="), SLICE("Z==="), SLICE("Zm9v="), SLICE("Zg==Zg=="), SLICE("Zm=v"),
	SLICE(" Zg=="), SLICE("Zg== "), SLICE("Zm9v\n"), SLICE("Zm9\0"), SLICE("Zm-v"), SLICE("Zm_v"),
	SLICE("Zm9\xe9"), SLICE("*"), SLICE("Zh=="), SLICE("Zm9="), SLICE("Zm9vYh=="),
};

static void
test_base64(void **state)
{
	char	 buf[16];
	size_t	 i, n;

	(void)state;
	for (i = 0; i < nitems(codes); i++) {
		n = codes[i].bytes.n;
		assert_int_equal(base64_decode(codes[i].text, buf, n), n);
		assert_memory_equal(buf, codes[i].bytes.p, n);
		assert_int_equal(base64_decode(codes[i].text, buf, n - 1 + (n == 0)), n == 0 ? 0 : -1);
		n = codes[i].text.n;
		assert_int_equal(base64_encode(codes[i].bytes, buf, n), n);
		assert_memory_equal(buf, codes[i].text.p, n);
		assert_int_equal(base64_encode(codes[i].bytes, buf, n - 1 + (n == 0)), 0);
	}
	for (i = 0; i < nitems(no_codes); i++)
		assert_int_equal(base64_decode(no_codes[i], buf, sizeof(buf)), -1);
}

/* -- PLAIN -- */

#define LONG_255	"0123456789012345678901234567890123456789012345678901234567890123" \
			"0123456789012345678901234567890123456789012345678901234567890123" \
			"0123456789012345678901234567890123456789012345678901234567890123" \
			"012345678901234567890123456789012345678901234567890123456789012"

static const struct {
	struct slice	 said;
	const char	*authzid, *username, *password;	/* NULL: malformed */
} plain[] = {
	{ SLICE("\0alice\0secret"),		"", "alice", "secret" },
	{ SLICE("alice\0alice\0secret"),	"alice", "alice", "secret" },
	{ SLICE("bob\0alice@example.org\0s p"),	"bob", "alice@example.org", "s p" },
	{ SLICE("\0andr\xc3\xa9\0\xe9\xff"),	"", "andr\xc3\xa9", "\xe9\xff" },
	{ SLICE("\0a|b c\0|"),			"", "a|b c", "|" },
	{ SLICE("\0" LONG_255 "\0x"),		"", LONG_255, "x" },
	{ SLICE("\0x\0" LONG_255 LONG_255 "y"),	"", "x", LONG_255 LONG_255 "y" },
	{ SLICE(""),				NULL, NULL, NULL },
	{ SLICE("\0"),				NULL, NULL, NULL },
	{ SLICE("\0\0"),			NULL, NULL, NULL },
	{ SLICE("\0\0secret"),			NULL, NULL, NULL },
	{ SLICE("\0alice\0"),			NULL, NULL, NULL },
	{ SLICE("\0alice"),			NULL, NULL, NULL },
	{ SLICE("alice\0secret"),		NULL, NULL, NULL },
	{ SLICE("\0alice\0secret\0"),		NULL, NULL, NULL },
	{ SLICE("\0alice\0sec\0ret"),		NULL, NULL, NULL },
	{ SLICE("\0al\nice\0secret"),		NULL, NULL, NULL },
	{ SLICE("\0al\x7fice\0secret"),		NULL, NULL, NULL },
	{ SLICE("\0al\xe9\0secret"),		NULL, NULL, NULL },
	{ SLICE("a\nb\0alice\0secret"),		NULL, NULL, NULL },
	{ SLICE("\0" LONG_255 "x\0x"),		NULL, NULL, NULL },
	{ SLICE("\0x\0" LONG_255 LONG_255 "yz"), NULL, NULL, NULL },
};

static void
test_plain(void **state)
{
	struct sasl_plain	 p;
	size_t			 i;

	(void)state;
	for (i = 0; i < nitems(plain); i++) {
		if (plain[i].authzid == NULL) {
			assert_int_equal(sasl_plain_parse(plain[i].said, &p), -1);
			continue;
		}
		assert_int_equal(sasl_plain_parse(plain[i].said, &p), 0);
		assert_true(slice_eq(p.authzid, slice_str(plain[i].authzid)));
		assert_true(slice_eq(p.username, slice_str(plain[i].username)));
		assert_true(slice_eq(p.password, slice_str(plain[i].password)));
	}
}

/* -- lines -- */

static const struct {
	struct slice	 line;
	const char	*told;		/* NULL: AUTH is not meant, and the line is told as it is */
} lines[] = {
	{ SLICE("AUTH PLAIN AGEAYg=="),		"AUTH PLAIN " SASL_MASK },
	{ SLICE("AUTH PLAIN"),			"AUTH PLAIN" },
	{ SLICE("AUTH PLAIN "),			"AUTH PLAIN " },
	{ SLICE("AUTH PLAIN ="),		"AUTH PLAIN " SASL_MASK },
	{ SLICE("AUTH LOGIN"),			"AUTH LOGIN" },
	{ SLICE("AUTH LOGIN YWxpY2U="),		"AUTH LOGIN " SASL_MASK },
	{ SLICE("AUTH LOGIN YWxpY2U= c2VjcmV0"), "AUTH LOGIN " SASL_MASK },
	{ SLICE("auth pLaIn AGEAYg=="),		"auth pLaIn " SASL_MASK },
	{ SLICE("aUtH   PLAIN   AGEAYg=="),	"aUtH   PLAIN " SASL_MASK },
	{ SLICE(" AUTH PLAIN AGEAYg=="),	" AUTH PLAIN " SASL_MASK },
	{ SLICE("\tAUTH\tPLAIN\tAGEAYg=="),	"\tAUTH\tPLAIN " SASL_MASK },
	{ SLICE("AUTH XOAUTH2 dXNlcj1h"),	"AUTH XOAUTH2 " SASL_MASK },
	{ SLICE("AUTH CRAM-MD5"),		"AUTH CRAM-MD5" },
	/* somebody forgot the mechanism, or a blank */
	{ SLICE("AUTH AGEAYg=="),		"AUTH " SASL_MASK },
	{ SLICE("AUTH PLAINAGEAYg=="),		"AUTH " SASL_MASK },
	{ SLICE("AUTHPLAIN AGEAYg=="),		"AUTH " SASL_MASK },
	{ SLICE("AUTH:PLAIN AGEAYg=="),		"AUTH " SASL_MASK },
	{ SLICE("AUTH=PLAIN AGEAYg=="),		"AUTH " SASL_MASK },
	{ SLICE("AUTHplain"),			"AUTH " SASL_MASK },
	{ SLICE("AUTH"),			"AUTH" },
	{ SLICE("AUTH "),			"AUTH " },
	/* several lines that became one */
	{ SLICE("EHLO a\rAUTH PLAIN AGEAYg==\rQUIT"), "EHLO a\rAUTH PLAIN " SASL_MASK },
	{ SLICE("EHLO a\nauth login\nYQ==\nYg=="), "EHLO a\nauth login " SASL_MASK },
	{ SLICE("AUTH LOGIN\r\rYQ==\r"),	"AUTH LOGIN " SASL_MASK },
	{ SLICE("\0AUTH PLAIN AGEAYg=="),	"\0" },	/* told apart below */
	{ SLICE(""),				NULL },
	{ SLICE("AUT"),				NULL },
	{ SLICE("   "),				NULL },
	{ SLICE("MAIL FROM:<auth@example.org>"), NULL },
	{ SLICE("EHLO auth plain AGEAYg=="),	NULL },
	{ SLICE("HELO a\rb"),			NULL },
};

static void
test_lines(void **state)
{
	char		*in, *buf;
	struct slice	 line, told;
	size_t		 i, n;

	(void)state;
	for (i = 0; i < nitems(lines); i++) {
		n = lines[i].line.n;
		in = malloc(n > 0 ? n : 1);
		buf = malloc(n + sizeof(SASL_MASK) - 1);
		memcpy(in, lines[i].line.p, n);
		line = slice_make(in, n);
		told = sasl_line_mask(line, buf);
		assert_int_equal(sasl_line_is_auth(line), lines[i].told != NULL);
		if (lines[i].told == NULL)
			assert_ptr_equal(told.p, in);
		else if (lines[i].told[0] == '\0')
			assert_true(slice_eq(told, SLICE("\0AUTH PLAIN " SASL_MASK)));
		else
			assert_true(slice_eq(told, slice_str(lines[i].told)));
		free(in);
		free(buf);
	}
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_base64),
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
