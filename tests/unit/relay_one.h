/* SPDX-License-Identifier: ISC */
#ifndef TESTS_UNIT_RELAY_ONE_H
#define TESTS_UNIT_RELAY_ONE_H

/*
 * For unit tests of relay that send one small message again and again.
 */
#include "tests/unit/relay_world.h"

#define CONTENT		"Subject: x\n\nhello\n"
#define HELLO		"S 220 mx.example ESMTP\nC EHLO client.example\nS 250-mx.example\n"
#define PIPELINING	HELLO "S 250 PIPELINING\n"
#define ONE		"C MAIL FROM:<a@example.com>\nC RCPT TO:<b@example.org>\nC DATA\n"
#define ACCEPTS		"S 250 ok\nS 250 ok\nS 354 go\nD Subject: x//hello\nS 250 taken\n"
#define BYE		"C QUIT\nS 221 bye\nX\n"
#define TAKEN(host)	"1 done " host ": 250 taken\n"

static const struct ipc_relay_rcpt	 rcpts[] = {
	{ .evpid = 1, .dest = { "b@example.org", 13 } },
	{ .evpid = 2, .dest = { "c@example.org", 13 } },
};

static inline struct relay *
relay_of(const char *action)
{
	return conf_action(proc_conf, slice_str(action))->relay;
}

static inline void
job(const char *action, unsigned nrcpt)
{
	struct ipc_relay	 m = { .content = SLICE(CONTENT), .msgid = 0xabcd,
				    .action = slice_str(action) };

	world_job(&m, rcpts, nrcpt);
}

/* The events hold these lines. */
static inline void
says(const char *lines)
{
	if (strstr(world.events, lines) == NULL)
		fail_msg("events:\n%s\nthere is not:\n%s", world.events, lines);
}

/* Scripts in the order in which they are met; then one job, its result. */
static inline void
run(const char *action, const char *a, const char *b, const char *results)
{
	world.scripts[0] = a;
	world.scripts[1] = b;
	job(action, 1);
	world_results(1);
	assert_string_equal(world.results, results);
	world_settle();
}

#endif
