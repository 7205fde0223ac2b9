/* SPDX-License-Identifier: ISC */
/*
 * Who failed to log in: counted by address, forgotten by and by, and no more of
 * them than there is room for.
 */
/* objects: smtpd/smtp_penalty.o */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/nitems.h"
#include "smtpd/loop.h"
#include "smtpd/smtp.h"

static uint64_t	 seconds = 1000;

uint64_t
loop_mono(void)
{
	return seconds * SECOND;
}

struct slice
session_address(const struct session *s)
{
	return slice_str(s->src);
}

static uint32_t
failed(const char *address)
{
	char		 src[64];
	struct session	 s = { .src = src };

	snprintf(src, sizeof(src), "%s", address);
	return penalty_failed(&s);
}

static void
test_addresses(void **state)
{
	static const struct {
		const char	*address;
		uint32_t	 failures;
	} rows[] = {
		{ "192.0.2.1",		1 },
		{ "192.0.2.1",		2 },
		{ "192.0.2.2",		1 },
		{ "192.0.2.1",		3 },
		{ "0.0.0.0",		1 },
		{ "2001:db8:1:2::1",	1 },
		{ "2001:db8:1:2:ffff::9", 2 },	/* the network counts */
		{ "2001:db8:1:3::1",	1 },
		{ "::1",		1 },
		{ "::ffff:192.0.2.1",	2 },	/* what is no network of anybody's is one */
		{ "local",		3 },
	};
	size_t	 i;

	(void)state;
	for (i = 0; i < nitems(rows); i++)
		assert_int_equal(failed(rows[i].address), rows[i].failures);
}

static void
test_forgotten(void **state)
{
	int	 i;

	(void)state;
	for (i = 1; i <= 16; i++)
		assert_int_equal(failed("198.51.100.1"), i);
	seconds += 599;
	assert_int_equal(failed("198.51.100.1"), 17);
	seconds += 1;
	assert_int_equal(failed("198.51.100.1"), 9);	/* half of 17, and one */
	seconds += 1200;
	assert_int_equal(failed("198.51.100.1"), 3);
	seconds += 600 * 40;
	assert_int_equal(failed("198.51.100.1"), 1);
}

/* Those who failed most are remembered longest. */
static void
test_full(void **state)
{
	char	 address[32];
	int	 i;

	(void)state;
	for (i = 0; i < 20; i++)
		failed("203.0.113.1");
	for (i = 0; i < 200000; i++) {
		snprintf(address, sizeof(address), "10.%d.%d.%d", i >> 16, i >> 8 & 255, i & 255);
		assert_int_equal(failed(address), 1);
	}
	assert_int_equal(failed("203.0.113.1"), 21);
}

static void
test_pause(void **state)
{
	static const uint32_t	 least[] = { 250, 250, 500, 1000, 2000, 4000, 8000, 8000, 8000 };
	uint32_t		 i, ms;

	(void)state;
	for (i = 0; i < nitems(least); i++) {
		ms = penalty_pause(i);
		assert_in_range(ms, least[i], least[i] + least[i] / 4);
	}
	assert_in_range(penalty_pause(UINT32_MAX), 8000, 10000);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_forgotten),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_pause),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
