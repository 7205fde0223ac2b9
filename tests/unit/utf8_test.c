/* SPDX-License-Identifier: ISC */
/*
 * What begins with a character and what does not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/slice.h"
#include "lib/utf8.h"

static const struct {
	struct slice	 text;
	size_t		 length;
} rows[] = {
	{ SLICE(""),			0 },
	{ SLICE("a"),			1 },
	{ SLICE("\0"),			1 },
	{ SLICE("\x7f\x80"),		1 },
	{ SLICE("\x80"),		0 },
	{ SLICE("\xbf"),		0 },
	{ SLICE("\xc0\x80"),		0 },	/* overlong */
	{ SLICE("\xc1\xbf"),		0 },
	{ SLICE("\xc2\x80"),		2 },
	{ SLICE("\xdf\xbf" "a"),	2 },
	{ SLICE("\xc3"),		0 },	/* too short */
	{ SLICE("\xc3" "a"),		0 },
	{ SLICE("\xe0\x9f\xbf"),	0 },	/* overlong */
	{ SLICE("\xe0\xa0\x80"),	3 },
	{ SLICE("\xed\x9f\xbf"),	3 },
	{ SLICE("\xed\xa0\x80"),	0 },	/* surrogate */
	{ SLICE("\xef\xbf\xbf"),	3 },
	{ SLICE("\xe2\x82"),		0 },
	{ SLICE("\xe2\x82" "a"),	0 },
	{ SLICE("\xf0\x8f\xbf\xbf"),	0 },	/* overlong */
	{ SLICE("\xf0\x90\x80\x80"),	4 },
	{ SLICE("\xf4\x8f\xbf\xbf"),	4 },
	{ SLICE("\xf4\x90\x80\x80"),	0 },	/* past U+10FFFF */
	{ SLICE("\xf0\x9f\x98"),	0 },
	{ SLICE("\xf5\x80\x80\x80"),	0 },
	{ SLICE("\xff"),		0 },
};

static void
test_length(void **state)
{
	size_t	 i;
	char	*copy;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_non_null(copy = malloc(rows[i].text.n + 1));
		memcpy(copy, rows[i].text.p, rows[i].text.n);
		assert_int_equal(utf8_length(copy, rows[i].text.n), rows[i].length);
		free(copy);
	}
}

/* At every place of a text, words and rest, one byte decides. */
static void
test_is_ascii(void **state)
{
	char	*copy;
	size_t	 n, i;

	(void)state;
	for (n = 0; n < 80; n++) {
		assert_non_null(copy = malloc(n + 1));
		memset(copy, 0x7f, n);
		assert_true(utf8_is_ascii(copy, n));
		for (i = 0; i < n; i++) {
			copy[i] = '\x80';
			assert_false(utf8_is_ascii(copy, n));
			copy[i] = '\0';
			assert_true(utf8_is_ascii(copy, n));
		}
		copy[n] = '\xff';
		assert_true(utf8_is_ascii(copy, n));
		free(copy);
	}
}

static const struct {
	struct slice	 text;
	bool		 ok;
} texts[] = {
	{ SLICE(""),			true },
	{ SLICE("abc\0\x7f"),		true },
	{ SLICE("a\xc3\xa9" "b"),	true },
	{ SLICE("\xc2\xa0"),		true },
	{ SLICE("\xc2\x80"),		false },	/* U+0080 */
	{ SLICE("a\xc2\x9f"),		false },	/* U+009F */
	{ SLICE("\xe9"),		false },
	{ SLICE("a\xc3"),		false },
	{ SLICE("\xc3\xa9\xc0\xaf"),	false },
};

static void
test_is_text(void **state)
{
	size_t	 i;

	(void)state;
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_int_equal(utf8_is_text(texts[i].text.p, texts[i].text.n),
		    texts[i].ok);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_length),
		cmocka_unit_test(test_is_ascii),
		cmocka_unit_test(test_is_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
