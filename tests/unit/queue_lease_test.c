/* SPDX-License-Identifier: ISC */
/* Leases: a msgid is good for one transaction, and none is of mail in the queue. */
/* objects: smtpd/queue_lease.o */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "smtpd/log.h"
#include "smtpd/queue.h"

static uint32_t	 looked_at, known, open_one;

struct message *
message_find(uint32_t msgid)
{
	looked_at++;
	return known != 0 && msgid % LEASE_BLOCK == known ?
	    (struct message *)&known : NULL;
}

bool
commit_is_open(uint32_t msgid)
{
	return open_one != 0 && msgid % LEASE_BLOCK == open_one;
}

void
log_warn(const char *fmt, ...)
{
	fail_msg("%s", fmt);
}

void
log_warnx(const char *fmt, ...)
{
	(void)fmt;
}

static void
test_once(void **state)
{
	uint32_t	 first = lease_new(), i;

	(void)state;
	assert_int_not_equal(first, 0);
	assert_int_equal(first % LEASE_BLOCK, 0);
	assert_int_equal(lease_take(first - 1), -1);
	assert_int_equal(lease_take(first + LEASE_BLOCK), -1);
	for (i = 0; i < LEASE_BLOCK; i++) {
		assert_int_equal(lease_take(first + i), 0);
		assert_int_equal(lease_take(first + i), -1);
	}
	assert_int_equal(lease_take(first), -1);
	assert_int_equal(lease_take(0), -1);
}

/* No more than two of which nothing was used. */
static void
test_unused(void **state)
{
	uint32_t	 first = lease_new();

	(void)state;
	assert_int_not_equal(first, 0);
	assert_int_not_equal(lease_new(), 0);
	assert_int_equal(lease_new(), 0);
	assert_int_equal(lease_take(first), 0);
	assert_int_equal(lease_take(first + 1), 0);
	assert_int_not_equal(lease_new(), 0);
	assert_int_equal(lease_new(), 0);
	lease_revoke_all();
	assert_int_not_equal(lease_new(), 0);
	lease_revoke_all();
}

/* An smtp that asks without end costs a bounded memory; its oldest are over. */
static void
test_bound(void **state)
{
	uint32_t	 first = lease_new(), last = 0;
	int		 i;

	(void)state;
	assert_int_equal(lease_take(first), 0);
	for (i = 0; i < 1023; i++) {
		assert_int_not_equal(last = lease_new(), 0);
		assert_int_equal(lease_take(last), 0);
	}
	assert_int_equal(lease_take(first + 1), 0);
	assert_int_not_equal(lease_new(), 0);
	assert_int_equal(lease_take(first + 2), -1);
	last++;
	assert_int_equal(lease_take(last), 0);
	lease_revoke_all();
	assert_int_equal(lease_take(last + 1), -1);
}

static void
test_in_use(void **state)
{
	(void)state;
	known = 17;
	assert_int_equal(lease_new(), 0);
	assert_true(looked_at > 0);
	known = 0;
	open_one = LEASE_BLOCK - 1;
	assert_int_equal(lease_new(), 0);
	open_one = 0;
	assert_int_not_equal(lease_new(), 0);
	lease_revoke_all();
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_once),
		cmocka_unit_test(test_unused),
		cmocka_unit_test(test_bound),
		cmocka_unit_test(test_in_use),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
