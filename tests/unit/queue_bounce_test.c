/* SPDX-License-Identifier: ISC */
/* objects: smtpd/queue_bounce.o smtpd/queue_dsn.o */
/*
 * Notifications on their way: none is forgotten while there is hope, and none is
 * tried for ever.  Lookup, commit and fate are the test's own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/nitems.h"
#include "smtpd/log.h"
#include "smtpd/loop.h"
#include "smtpd/proc.h"
#include "smtpd/queue.h"
#include "smtpd/queue_bounce.h"
#include "smtpd/report_emit.h"

#define MESSAGES	100

/* -- around it -- */

static struct conf	 conf = { .hostname = "mx.test", .queue_ttl = 3600 };
struct conf		*proc_conf = &conf;
struct ipc		*queue_lookup;
bool			 queue_stopping;
static char		 lookup[1];	/* an address that stands for it */
static uint64_t		 mono;
static size_t		 nasked, nread, nopen, ncommits, nbounced, nreported;
static struct ipc_rcpt	 asked;		/* the last */
static uint32_t		 msgids;

uint64_t
loop_mono(void)
{
	return mono;
}

int64_t
queue_now(void)
{
	return 1543836000 + (int64_t)(mono / SECOND);
}

void
queue_turn_again(void)
{
}

#define QUIET(name)				\
void						\
name(const char *fmt, ...)			\
{						\
	(void)fmt;				\
}
QUIET(log_info)
QUIET(log_warn)
QUIET(log_warnx)

void
ipc_send_rcpt(struct ipc *ipc, const struct ipc_rcpt *q)
{
	assert_ptr_equal(ipc, lookup);
	asked = *q;
	nasked++;
}

int
content_read(const struct message *m, uint64_t offset, size_t n, struct slice *s)
{
	(void)m;
	(void)offset;
	(void)n;
	nread++;
	*s = SLICE("Subject: x\n\nbody\n");
	return 0;
}

uint32_t
commit_own(bool makes_room)
{
	assert_true(makes_room);
	nopen++;
	return ++msgids;
}

void
commit_discard(uint32_t msgid)
{
	(void)msgid;
	nopen--;
}

void
commit_begin(const struct ipc_commit *c)
{
	assert_int_equal(c->sender.n, 0);
	assert_int_equal(c->size, c->content.n);
	ncommits++;
}

void
fate_bounced(struct envelope *e)
{
	assert_int_equal(e->state, ENV_BOUNCING);
	e->state = ENV_HELD;
	nbounced++;
}

void
report_message_bounce(uint32_t msgid, const char *kind, uint32_t bounce, struct slice recipient)
{
	(void)msgid;
	(void)kind;
	(void)bounce;
	(void)recipient;
	nreported++;
}

/* -- messages -- */

static struct message	 messages[MESSAGES];
static struct envelope	 envelopes[MESSAGES];

static void
fail_one(size_t i)
{
	static const struct outcome	 o = { .result = JOB_PERMFAIL, .reply = SLICE("550 no") };

	messages[i] = (struct message){ .msgid = (uint32_t)i + 1000000, .size = 17,
	    .sender = SLICE("sender@example.org"), .envid = SLICE("") };
	envelopes[i] = (struct envelope){ .msg = &messages[i], .evpid = i,
	    .state = ENV_BOUNCING, .dest = SLICE("rcpt@never.test"), .orcpt = SLICE("") };
	bounce_failed(&envelopes[i], &o);
}

/* Lookup's answer to the last question. */
static void
answer(enum verdict v)
{
	bounce_verdict(asked.msgid, asked.serial, v, v == VERDICT_OK);
}

static int
begin(void **state)
{
	(void)state;
	queue_lookup = (struct ipc *)(void *)lookup;
	nasked = nread = nopen = ncommits = nbounced = nreported = 0;
	mono += 1000 * SECOND;
	return 0;
}

static void
test_sent(void **state)
{
	(void)state;
	fail_one(0);
	bounce_turn();
	assert_int_equal(nasked, 1);
	assert_true(slice_eq(asked.rcpt, SLICE("sender@example.org")));
	answer(VERDICT_OK);
	assert_int_equal(ncommits, 1);
	assert_int_equal(nbounced, 0);		/* not before the flush */
	bounce_committed(asked.msgid, COMMIT_OK);
	assert_int_equal(nbounced, 1);
	assert_int_equal(nreported, 1);
	assert_int_equal(bounce_due(), 0);
}

/* They wait without being read again and again, and go on in the turn when it is there. */
static void
test_no_lookup(void **state)
{
	size_t	 i;

	(void)state;
	queue_lookup = NULL;
	for (i = 0; i < MESSAGES; i++)
		fail_one(i);
	bounce_turn();
	assert_int_equal(nread, 0);
	assert_int_equal(nopen, 0);
	assert_int_equal(bounce_due(), 0);	/* no timer turns for nothing */
	queue_lookup = (struct ipc *)(void *)lookup;
	bounce_turn();
	assert_int_equal(nasked, 64);
	for (i = 1; i <= msgids; i++) {
		bounce_committed((uint32_t)i, COMMIT_OK);
		bounce_turn();
	}
	assert_int_equal(nbounced, MESSAGES);
	assert_int_equal(bounce_due(), 0);
}

/* The spool is full for as long as it likes. */
static void
test_full(void **state)
{
	int	 i;

	(void)state;
	fail_one(0);
	for (i = 0; i < 500; i++) {
		bounce_turn();
		answer(VERDICT_OK);
		bounce_committed(asked.msgid, COMMIT_FULL);
		assert_int_equal(nbounced, 0);
		assert_int_equal(bounce_due(), mono + 30 * SECOND);
		mono += 30 * SECOND;
	}
	bounce_turn();
	answer(VERDICT_OK);
	bounce_committed(asked.msgid, COMMIT_OK);
	assert_int_equal(nbounced, 1);
}

/* A table or an alias that is broken for good does not keep it for ever. */
static void
test_put_off(void **state)
{
	int	 i;

	(void)state;
	fail_one(0);
	for (i = 0; i < 1000 && nbounced == 0; i++) {
		bounce_turn();
		answer(VERDICT_TEMPFAIL);
		mono += 30 * SECOND;
	}
	assert_int_equal(i, 121);		/* after an hour, the queue's ttl */
	assert_int_equal(nopen, 0);
	assert_int_equal(bounce_due(), 0);
}

/* The administrator has it removed while the spool is full. */
static void
test_removed(void **state)
{
	(void)state;
	fail_one(0);
	bounce_turn();
	envelopes[0].removed = true;
	answer(VERDICT_OK);
	bounce_committed(asked.msgid, COMMIT_FULL);
	assert_int_equal(nbounced, 1);
	assert_int_equal(bounce_due(), 0);
	/* Told all the same, if that works. */
	fail_one(1);
	envelopes[1].removed = true;
	bounce_turn();
	answer(VERDICT_OK);
	bounce_committed(asked.msgid, COMMIT_OK);
	assert_int_equal(nreported, 1);
	assert_int_equal(nbounced, 2);
}

/* An answer about another transaction, or one that is over, does nothing. */
static void
test_stale(void **state)
{
	(void)state;
	fail_one(0);
	bounce_turn();
	bounce_verdict(asked.msgid, asked.serial - 1, VERDICT_OK, 1);
	bounce_verdict(asked.msgid + 1, asked.serial, VERDICT_REJECTED, 0);
	bounce_committed(asked.msgid + 1, COMMIT_OK);
	assert_int_equal(ncommits + nbounced, 0);
	answer(VERDICT_REJECTED);
	assert_int_equal(nbounced, 1);
	answer(VERDICT_OK);
	bounce_committed(asked.msgid, COMMIT_OK);
	assert_int_equal(ncommits, 0);
	assert_int_equal(nbounced, 1);
}

#define T(f)	cmocka_unit_test_setup(f, begin)

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		T(test_sent), T(test_no_lookup), T(test_full), T(test_put_off),
		T(test_removed), T(test_stale),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
