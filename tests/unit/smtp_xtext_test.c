/* SPDX-License-Identifier: ISC */
/*
 * xtext and ORCPT: what is one, what it says, and that it breaks no line.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/nitems.h"
#include "lib/smtp_xtext.h"

static const struct {
	struct slice	 xtext;
	const char	*text;		/* NULL: it is none */
} rows[] = {
	{ SLICE(""),			"" },
	{ SLICE("alice@example.org"),	"alice@example.org" },
	{ SLICE("!~\"#;,()<>[]\\"),	"!~\"#;,()<>[]\\" },
	{ SLICE("a+2Bb"),		"a+b" },
	{ SLICE("+3D"),			"=" },
	{ SLICE("+20+20"),		"  " },
	{ SLICE("+41+7E"),		"A~" },
	{ SLICE("+2B2B"),		"+2B" },	/* decoded once */
	{ SLICE("a b"),			NULL },
	{ SLICE("a=b"),			NULL },
	{ SLICE("a\tb"),		NULL },
	{ SLICE("a\0b"),		NULL },
	{ SLICE("a\x7f"),		NULL },
	{ SLICE("\xc3\xa9"),		NULL },
	{ SLICE("+"),			NULL },
	{ SLICE("+2"),			NULL },
	{ SLICE("++"),			NULL },
	{ SLICE("a+2b"),		NULL },		/* upper case alone */
	{ SLICE("+2G"),			NULL },
	{ SLICE("+G2"),			NULL },
	/* what would break the line of a report */
	{ SLICE("a+0D+0AX: y"),		NULL },
	{ SLICE("+0A"),			NULL },
	{ SLICE("+00"),			NULL },
	{ SLICE("+09"),			NULL },
	{ SLICE("+1F"),			NULL },
	{ SLICE("+7F"),			NULL },
	{ SLICE("+80"),			NULL },
	{ SLICE("+FF"),			NULL },
};

static void
test_decode(void **state)
{
	char	*in, *out;
	size_t	 i, n;
	ssize_t	 len;

	(void)state;
	for (i = 0; i < nitems(rows); i++) {
		n = rows[i].xtext.n;
		in = malloc(n + 1);
		out = malloc(n + 1);
		assert_true(in != NULL && out != NULL);
		memcpy(in, rows[i].xtext.p, n);
		len = smtp_xtext_decode(slice_make(in, n), out);
		if (len != (rows[i].text == NULL ? -1 : (ssize_t)strlen(rows[i].text)) ||
		    (len > 0 && memcmp(out, rows[i].text, len) != 0) ||
		    len != smtp_xtext_decode(slice_make(in, n), NULL))
			fail_msg("row %zu: %zd bytes", i, len);
		free(in);
		free(out);
	}
	assert_int_equal(smtp_xtext_decode(SLICE_NONE, NULL), 0);
}

static const struct {
	struct slice	 value;
	bool		 ok;
} orcpts[] = {
	{ SLICE("rfc822;alice@example.org"),	true },
	{ SLICE("RFC822;a+2Bx@example.org"),	true },
	{ SLICE("x400;/C+3Dde/"),		true },
	{ SLICE("x-odd;a;b"),			true },
	{ SLICE("utf-8;a\\x{E9}@b"),		true },
	{ SLICE("utf-8;\xc3\xa9@b"),		true },
	{ SLICE("UTF-8;\xc3\xa9+2B@b"),		false },	/* one form or the other */
	{ SLICE("UTF-8;e+2B@b"),		true },
	{ SLICE("utf-8;\xe9@b"),		false },
	{ SLICE("utf-8;\xc2\x85@b"),		false },
	{ SLICE("utf-8;\xc3\xa9 b"),		false },
	{ SLICE("utf-8;\xc3\xa9\nb"),		false },
	{ SLICE("rfc822;\xc3\xa9@b"),		false },
	{ SLICE("\xc3\xa9;a@b"),		false },
	{ SLICE("rfc822;a+0A"),			false },
	{ SLICE("rfc822;"),			false },
	{ SLICE(";a@b"),			false },
	{ SLICE("rfc822"),			false },
	{ SLICE("rfc.822;a@b"),			false },
	{ SLICE("rfc 822;a@b"),			false },
	{ SLICE("rfc\0;a@b"),			false },
	{ SLICE(""),				false },
};

static void
test_orcpt(void **state)
{
	size_t	 i;

	(void)state;
	for (i = 0; i < nitems(orcpts); i++)
		if (smtp_orcpt_valid(orcpts[i].value) != orcpts[i].ok)
			fail_msg("row %zu: %s", i, orcpts[i].value.p);
	assert_false(smtp_orcpt_valid(SLICE_NONE));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_decode),
		cmocka_unit_test(test_orcpt),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
