/* SPDX-License-Identifier: ISC */
/*
 * Steps of fcrdns -v as text: aliases, and names that cannot be shown.
 */
/* objects: lib/fcrdns_show.o lib/fcrdns.o lib/dns.o lib/dns_cache.o lib/dns_channel.o lib/dns_conf.o lib/dns_flight.o lib/dns_hosts.o lib/dns_name.o lib/dns_parse.o lib/dns_set.o */
#include <sys/types.h>
#include <netinet/in.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/fcrdns_show.h"
#include "lib/nitems.h"

static const struct {
	const char	*canonical, *text;
} steps[] = {
	{ "a.example", "; a.example. A? ok, ttl 60, 1.5 ms\n"
	    ";\ta.example.\t60\tIN\tA\t192.0.2.1\n" },
	{ "A.example", "; a.example. A? ok, ttl 60, 1.5 ms\n"
	    ";\ta.example.\t60\tIN\tA\t192.0.2.1\n" },
	{ "b.example", "; a.example. A? ok, ttl 60, 1.5 ms\n"
	    ";\ta.example.\t60\tIN\tCNAME\tb.example.\n"
	    ";\tb.example.\t60\tIN\tA\t192.0.2.1\n" },
	/* The name behind the alias has odd bytes: it is not the root. */
	{ "", "; a.example. A? ok, ttl 60, 1.5 ms\n"
	    ";\ta.example.\t60\tIN\tA\t192.0.2.1\n" },
};

static void
test_steps(void **state)
{
	const struct dns_record	 r = { .a = { htonl(0xc0000201) } };
	struct dns_answer	 a = { .status = DNS_OK, .ttl = 60, .n = 1, .record = &r };
	const struct fcrdns_step step = { "a.example", DNS_A, &a };
	size_t			 i;

	(void)state;
	for (i = 0; i < nitems(steps); i++) {
		struct fcrdns_show	 s = { .text = NULL };

		a.canonical = steps[i].canonical;
		fcrdns_show_step(&s, &step, 1.5);
		assert_int_equal(s.error, 0);
		assert_string_equal(s.text, steps[i].text);
		free(s.text);
	}
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_steps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
