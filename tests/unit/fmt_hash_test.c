/* SPDX-License-Identifier: ISC */
/*
 * SipHash-2-4 as its authors publish it: their vectors of messages of 8 bytes
 * and more, the first 8 of which are the kind.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/fmt_hash.h"

static const struct {
	size_t		 n;
	uint64_t	 hash;
} vectors[] = {
	{ 8, 0x93f5f5799a932462 },
	{ 9, 0x9e0082df0ba9e4b0 },
	{ 15, 0xa129ca6149be45e5 },
	{ 16, 0x3f2acc7f57c29bdb },
};

static void
test_vectors(void **state)
{
	static const uint64_t	 key[2] = { 0x0706050403020100, 0x0f0e0d0c0b0a0908 };
	unsigned char		 message[16];
	size_t			 i;

	(void)state;
	for (i = 0; i < sizeof(message); i++)
		message[i] = (unsigned char)i;
	for (i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++)
		assert_true(fmt_hash(key, 0x0706050403020100, message + 8,
		    vectors[i].n - 8) == vectors[i].hash);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_vectors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
