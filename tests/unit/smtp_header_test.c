/* SPDX-License-Identifier: ISC */
/*
 * Received fields of a header that streams by, in pieces of any size.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/smtp_header.h"

static const struct {
	const char	*text;
	unsigned	 received;
	bool		 done;
} headers[] = {
	{ "",						0, false },
	{ "\n",						0, true },
	{ "\nReceived: body\n",				0, true },
	{ "Subject: x\n",				0, false },
	{ "Subject: x\n\nReceived: body\n",		0, true },
	{ "Received: a\n\n",				1, true },
	{ "Received:",					1, false },
	{ "Received",					0, false },
	{ "Received\n: a\n\n",				0, true },
	{ "RECEIVED: a\nreceived: b\nrEcEiVeD:\n\n",	3, true },
	{ "Received: a\n\tReceived: b\n Received: c\n\n", 1, true },
	{ "X-Received: a\n\n",				0, true },
	{ "Receiveds: a\nReceive: b\nRReceived: c\n\n",	0, true },
	{ "ReceivedReceived: a\n\n",			0, true },
	{ "Subject: Received:\nReceived: Received:\n\n", 1, true },
	{ "Received: a\nTo: b\nReceived: c\n\nReceived: d\n\nReceived: e\n", 2, true },
};

static void
test_splits(void **state)
{
	struct smtp_header h;
	size_t		 i, a, b, len;

	(void)state;
	for (i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
		len = strlen(headers[i].text);
		for (a = 0; a <= len; a++)
			for (b = a; b <= len; b++) {
				smtp_header_init(&h);
				smtp_header_feed(&h, headers[i].text, a);
				smtp_header_feed(&h, headers[i].text + a, b - a);
				smtp_header_feed(&h, headers[i].text + b, len - b);
				if (h.received != headers[i].received ||
				    h.done != headers[i].done)
					fail_msg("header %zu cut at %zu, %zu: %u",
					    i, a, b, h.received);
			}
	}
}

static void
test_bytes(void **state)
{
	struct smtp_header h;
	size_t		 i;
	const char	*p;

	(void)state;
	for (i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
		smtp_header_init(&h);
		for (p = headers[i].text; *p != '\0'; p++)
			smtp_header_feed(&h, p, 1);
		assert_int_equal(h.received, headers[i].received);
		assert_int_equal(h.done, headers[i].done);
	}
}

/* A NUL or a byte above 127 is a byte of some other field. */
static void
test_odd_bytes(void **state)
{
	static const char text[] = "Received\0: a\n\0Received: b\nReceived\377:\nReceived:\0\n\n";
	struct smtp_header h;

	(void)state;
	smtp_header_init(&h);
	smtp_header_feed(&h, text, sizeof(text) - 1);
	assert_int_equal(h.received, 1);
	assert_true(h.done);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_splits),
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_odd_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
