/* SPDX-License-Identifier: ISC */
/*
 * From the lease to the answer: what is accepted was flushed, and what was
 * flushed is accepted, whoever dies or comes late.  Channels are real, and
 * the messages go through queue.c; the spool and the clock are the test's own.
 */
/* objects: smtpd/queue.o smtpd/queue_commit.o smtpd/queue_lease.o smtpd/queue_message.o smtpd/queue_envelope.o smtpd/ipc.o smtpd/ipc_msg.o smtpd/ipc_table.o */
#include "tests/unit/queue_commit_world.h"

static void
test_recovered(void **state)
{
	const struct message	*m = message_find(1);

	(void)state;
	assert_int_equal(message_count(), 1);
	assert_int_equal(nscheduled, 1);
	assert_non_null(m);
	assert_int_equal(m->recno, 1);
	assert_int_equal(m->left, 1);
	assert_null(m->env[0]);
	assert_ptr_equal(m->env[1], scheduled[0]);
	assert_int_equal(scheduled[0]->attempts, 3);
	assert_int_equal(m->arrival, queue_now());	/* not in the future */
	assert_in_range(scheduled[0]->next, queue_now() + 4 * 3600,
	    queue_now() + 4 * 3600 + 1440);
	assert_in_range(scheduled[0]->due, mono + 4 * 3600 * SECOND,
	    mono + (4 * 3600 + 1440) * SECOND);
}

static void
test_lease(void **state)
{
	(void)state;
	assert_int_equal(told.count, 4096);
	assert_int_equal(told.first % 4096, 0);
	assert_int_not_equal(told.first, 0);
	/* One that was not leased. */
	commit(told.first + 4096, 1, 1, "x");
	turn();
	answered(told.first + 4096, COMMIT_TEMPFAIL);
	assert_int_equal(disk.flushes, 0);
}

static void
test_commit(void **state)
{
	uint32_t	 msgid = next++;

	(void)state;
	envelope(msgid, "alice", "a");
	envelope(msgid, "alice", "b");
	commit(msgid, 2, 5, "hello");
	hear();
	ipc_flush_all();
	ipc_drain(smtp);
	assert_int_equal(disk.appended, 1);
	assert_int_equal(told.answers, 0);	/* not before the flush */
	assert_int_equal(nscheduled, 0);
	turn();
	assert_int_equal(disk.flushes, 1);
	answered(msgid, COMMIT_OK);
	assert_int_equal(disk.content, 5);
	assert_int_equal(nscheduled, 2);
	assert_ptr_equal(message_find(msgid), scheduled[0]->msg);
	assert_true(slice_eq(scheduled[1]->rcpt, SLICE("b")));
	turn();
	assert_int_equal(disk.flushes, 1);
	commit(msgid, 2, 5, "again");		/* its msgid is used up */
	turn();
	answered(msgid, COMMIT_TEMPFAIL);
}

static void
test_group(void **state)
{
	int	 i;

	(void)state;
	for (i = 0; i < 20; i++) {
		envelope(next, "alice", "a");
		commit(next++, 1, 1, "x");
	}
	turn();
	assert_int_equal(disk.flushes, 1);
	assert_int_equal(told.answers, 20);
	assert_int_equal(told.result, COMMIT_OK);
	assert_int_equal(nscheduled, 20);
}

static const struct {
	int	 append, flush;
	enum commit_result result;
} errors[] = {
	{ 0,		EIO,	COMMIT_TEMPFAIL },
	{ 0,		ENOSPC,	COMMIT_FULL },
	{ 0,		EDQUOT,	COMMIT_FULL },
	{ ENOSPC,	0,	COMMIT_FULL },
	{ EINVAL,	0,	COMMIT_TEMPFAIL },
	{ ENOMEM,	0,	COMMIT_TEMPFAIL },
};

static void
test_errors(void **state)
{
	size_t	 i, before = message_count();

	(void)state;
	for (i = 0; i < nitems(errors); i++) {
		disk.append_error = errors[i].append;
		disk.flush_error = errors[i].flush;
		disk.flushes = 0;
		envelope(next, "alice", "a");
		commit(next, 1, 1, "x");
		turn();
		answered(next++, errors[i].result);
		assert_int_equal(disk.flushes, errors[i].append == 0);
		assert_int_equal(nscheduled, 0);
		assert_int_equal(message_count(), before);
		assert_int_equal(commit_pending(), 0);
	}
}

/* What does not fit together: no envelope, another size, more envelopes. */
static void
test_odd(void **state)
{
	(void)state;
	commit(next, 0, 1, "x");
	turn();
	answered(next++, COMMIT_TEMPFAIL);
	envelope(next, "alice", "a");
	commit(next, 1, 2, "x");
	turn();
	answered(next++, COMMIT_TEMPFAIL);
	envelope(next, "alice", "a");
	envelope(next, "alice", "b");
	hear();
	commit(next, 1, 1, "x");
	turn();
	answered(next++, COMMIT_TEMPFAIL);
	envelope(next, "nobody", "a");		/* no memory for its user */
	commit(next, 1, 1, "x");
	turn();
	answered(next++, COMMIT_TEMPFAIL);
	envelope(next, "", "a");
	commit(next, 1, 1, "x");
	turn();
	answered(next++, COMMIT_TEMPFAIL);
	assert_int_equal(disk.flushes, 0);
	assert_int_equal(nscheduled, 0);
}

static void
test_late(void **state)
{
	uint32_t	 msgid = next++;

	(void)state;
	envelope(msgid, "alice", "a");
	commit(msgid, 3, 5, "hello");
	turn();
	assert_int_equal(told.answers, 0);
	assert_int_equal(commit_pending(), 1);
	envelope(msgid, "alice", "b");
	turn();
	assert_int_equal(told.answers, 0);
	assert_int_equal(disk.flushes, 0);
	envelope(msgid, "alice", "c");
	envelope(msgid, "alice", "one too many, it is refused");
	turn();
	answered(msgid, COMMIT_OK);
	assert_int_equal(disk.nrcpt, 3);
	assert_int_equal(disk.content, 5);
	assert_int_equal(nscheduled, 3);
	envelope(msgid, "alice", "d");
	turn();
	assert_int_equal(nscheduled, 3);

	/* A late one that fails is the end of the wait. */
	msgid = next++;
	commit(msgid, 1, 5, "hello");
	turn();
	envelope(msgid, "nobody", "a");
	turn();
	answered(msgid, COMMIT_TEMPFAIL);
	assert_int_equal(commit_pending(), 0);
}

static void
test_never(void **state)
{
	uint32_t	 msgid = next++;

	(void)state;
	commit(msgid, 1, 5, "hello");
	turn();
	mono += 59 * SECOND;
	tick(-1, EV_TIMEOUT, NULL);
	turn();
	assert_int_equal(told.answers, 0);
	mono += 2 * SECOND;
	tick(-1, EV_TIMEOUT, NULL);
	turn();
	answered(msgid, COMMIT_TEMPFAIL);
	envelope(msgid, "alice", "a");
	turn();
	assert_int_equal(nscheduled, 0);
	assert_int_equal(disk.flushes, 0);
}

static void
test_lookup_lost(void **state)
{
	uint32_t	 msgid = next++;

	(void)state;
	commit(msgid, 1, 5, "hello");
	turn();
	ipc_free(lookup);
	ipc_drain(to_lookup);
	to_lookup = NULL;
	turn();
	answered(msgid, COMMIT_TEMPFAIL);
	commit(next, 1, 5, "hello");		/* nobody would send them */
	turn();
	answered(next++, COMMIT_TEMPFAIL);
	connect_peer(PROC_LOOKUP, &to_lookup, &lookup);
	envelope(next, "alice", "a");
	commit(next, 1, 5, "hello");
	turn();
	answered(next++, COMMIT_OK);
}

static void
test_discard(void **state)
{
	uint32_t	 msgid = next++;

	(void)state;
	/* Before its envelope has come, and after. */
	discard(msgid);
	turn();
	envelope(msgid, "alice", "a");
	turn();
	commit(msgid, 1, 5, "hello");
	turn();
	answered(msgid, COMMIT_TEMPFAIL);
	msgid = next++;
	envelope(msgid, "alice", "a");
	hear();
	discard(msgid);
	discard(msgid);
	turn();
	commit(msgid, 1, 5, "hello");
	turn();
	answered(msgid, COMMIT_TEMPFAIL);

	/* While it waits for envelopes: forgotten, no answer. */
	msgid = next++;
	commit(msgid, 1, 5, "hello");
	turn();
	discard(msgid);
	turn();
	assert_int_equal(commit_pending(), 0);
	envelope(msgid, "alice", "a");
	turn();
	assert_int_equal(disk.flushes, 0);
	assert_int_equal(told.answers, 0);

	/* Once it is in the batch it is accepted. */
	msgid = next++;
	envelope(msgid, "alice", "a");
	hear();
	commit(msgid, 1, 5, "hello");
	discard(msgid);
	turn();
	answered(msgid, COMMIT_OK);
	assert_int_equal(nscheduled, 1);
	discard(msgid);
	turn();
	assert_non_null(message_find(msgid));
}

static void
test_large(void **state)
{
	uint32_t	 msgid = next++;

	(void)state;
	envelope(msgid, "alice", "a");
	piece(msgid, 65536);
	piece(msgid, 1000);
	turn();
	assert_int_equal(told.window, 66536);
	assert_int_equal(disk.ended, 0);
	commit(msgid, 1, 66536, "");
	turn();
	answered(msgid, COMMIT_OK);
	assert_int_equal(scheduled[0]->msg->size, 66536);
	assert_int_equal(disk.ended, 1);
	assert_int_equal(disk.bigs, 1);

	/* Dropped at once when the disk is full; the window stays open. */
	msgid = next++;
	disk.bigs = 0;
	disk.write_error = ENOSPC;
	told.window = 0;
	piece(msgid, 1000);
	turn();
	assert_int_equal(disk.bigs, 0);
	disk.write_error = 0;
	piece(msgid, 1000);
	turn();
	assert_int_equal(told.window, 2000);
	assert_int_equal(disk.bigs, 0);
	commit(msgid, 1, 2000, "");
	turn();
	answered(msgid, COMMIT_FULL);

	/* Dropped with its transaction, or if not all of it came, or not flushed. */
	piece(next, 1000);
	hear();
	assert_int_equal(disk.bigs, 1);
	discard(next++);
	turn();
	assert_int_equal(disk.bigs, 0);
	envelope(next, "alice", "a");
	piece(next, 1000);
	commit(next, 1, 1001, "");
	turn();
	answered(next++, COMMIT_TEMPFAIL);
	assert_int_equal(disk.bigs, 0);
	disk.ended = 0;
	disk.flush_error = EIO;
	envelope(next, "alice", "a");
	piece(next, 1000);
	commit(next, 1, 1000, "");
	turn();
	answered(next++, COMMIT_TEMPFAIL);
	assert_int_equal(disk.bigs, 0);
}

/* smtp dies: what is in the batch is accepted and told to the next. */
static void
test_smtp_lost(void **state)
{
	uint32_t	 msgid = next++, half = next++;

	(void)state;
	envelope(msgid, "alice", "a");
	envelope(half, "alice", "a");
	hear();
	commit(msgid, 1, 5, "hello");
	hear();
	ipc_free(smtp);
	ipc_drain(to_smtp);
	end_of_turn();
	assert_int_equal(disk.flushes, 1);
	assert_int_equal(nscheduled, 1);
	new_smtp();
	assert_int_equal(told.window, 1024 * 1024);
	assert_int_equal(told.orphans, 1);
	assert_int_equal(told.msgid, msgid);
	assert_int_equal(told.size, 5);
	assert_int_equal(told.answers, 0);
	commit(half, 1, 5, "hello");		/* leased to the dead one */
	turn();
	answered(half, COMMIT_TEMPFAIL);

	/* The next is there before the flush. */
	lease();
	msgid = next++;
	commit(msgid, 1, 5, "hello");
	hear();
	ipc_free(smtp);
	ipc_drain(to_smtp);
	new_smtp();
	assert_int_equal(told.orphans, 0);
	envelope(msgid, "alice", "a");
	turn();
	assert_int_equal(told.orphans, 1);
	assert_int_equal(told.msgid, msgid);
	assert_int_equal(told.answers, 0);
	new_smtp();
	assert_int_equal(told.orphans, 0);
}

static void
test_space(void **state)
{
	(void)state;
	disk.full = 1;
	turn();
	assert_int_equal(told.spaces, 1);
	assert_int_equal(told.space, 0);
	turn();
	assert_int_equal(told.spaces, 1);
	new_smtp();
	assert_int_equal(told.spaces, 1);
	assert_int_equal(told.space, 0);
	disk.full = 0;
	turn();
	assert_int_equal(told.spaces, 2);
	assert_int_equal(told.space, 1);
}

/* A fate is flushed within a second, with a commit if there is one, and again if that fails. */
static void
test_fates(void **state)
{
	(void)state;
	disk.dirty = 2;
	queue_fates_waiting();
	turn();
	assert_int_equal(disk.flushes, 0);
	disk.flush_error = EIO;
	advance(1);
	assert_int_equal(disk.flushes, 1);
	queue_fates_waiting();
	advance(5);
	assert_int_equal(disk.flushes, 1);
	disk.flush_error = 0;
	advance(5);
	assert_int_equal(disk.flushes, 2);
	advance(100);
	assert_int_equal(disk.flushes, 2);

	disk.dirty = 2;
	queue_fates_waiting();
	envelope(next, "alice", "a");
	commit(next, 1, 1, "x");
	turn();
	answered(next++, COMMIT_OK);
	assert_int_equal(disk.flushes, 3);
	advance(10);
	assert_int_equal(disk.flushes, 3);
}

/* Envelopes whose text the log could not copy are refused before it is asked. */
static void
test_long(void **state)
{
	char	 rcpt[1001] = "";
	int	 i;

	(void)state;
	memset(rcpt, '\001', sizeof(rcpt) - 1);
	for (i = 0; i < 2000; i++) {
		envelope(next, "alice", rcpt);
		if (i % 20 == 0)
			hear();
	}
	hear();
	commit(next, 2000, 1, "x");
	turn();
	answered(next++, COMMIT_REFUSED);
	/* One that is too long, and one too many, say so as well. */
	envelope(next, "alice", "a");
	for (i = 0; i <= SPOOL_NRCPT; i++) {
		envelope(next + 1, "alice", "a");
		if (i % 1000 == 0)
			hear();
	}
	memset(rcpt, 'r', sizeof(rcpt) - 1);
	rcpt[1000] = 'r';
	commit_envelope(&(struct ipc_envelope){ .msgid = next,
	    .evpid = (uint64_t)next << 32, .route = SLICE("alice"),
	    .rcpt = slice_make(rcpt, 1001), .dest = slice_make(rcpt, 24) });
	commit(next, 2, 1, "x");
	turn();
	answered(next++, COMMIT_REFUSED);
	commit(next, SPOOL_NRCPT + 1, 1, "x");
	turn();
	answered(next++, COMMIT_REFUSED);
	assert_int_equal(disk.flushes, 0);
}

/* A transaction of the queue's own: nobody leased it, smtp is not told of it. */
static void
test_own(void **state)
{
	const struct ipc_commit	 c = { .nenvelopes = 1, .size = 1,
	    .sender = SLICE(""), .helo = SLICE("h"), .src = SLICE("local"),
	    .content = SLICE("x") };
	struct ipc_commit	 own = c;
	uint32_t		 kept = commit_own(true), dropped = commit_own(false);

	(void)state;
	assert_int_not_equal(kept, 0);
	assert_int_not_equal(dropped, kept);
	assert_true(commit_is_open(kept));
	ipc_free(smtp);				/* its death is no reason to forget it */
	hear();
	new_smtp();
	lease();
	told.answers = 0;
	envelope(kept, "alice", "a");
	hear();
	/* smtp has no say in it. */
	discard(kept);
	commit(kept, 1, 1, "y");
	hear();
	assert_true(commit_is_open(kept));
	assert_int_equal(noticed.ends, 0);
	assert_int_equal(disk.appended, 0);
	own.msgid = kept;
	commit_begin(&own);
	assert_int_equal(noticed.ends, 0);
	turn();
	assert_int_equal(noticed.ends, 1);
	assert_int_equal(noticed.msgid, kept);
	assert_int_equal(noticed.result, COMMIT_OK);
	assert_int_equal(told.answers, 0);
	assert_int_equal(nscheduled, 1);
	/* One whose envelopes will not come. */
	ipc_free(lookup);
	hear();
	assert_int_equal(noticed.ends, 2);
	assert_int_equal(noticed.msgid, dropped);
	assert_int_equal(noticed.result, COMMIT_TEMPFAIL);
	assert_false(commit_is_open(dropped));
	connect_peer(PROC_LOOKUP, &to_lookup, &lookup);
	/* One that the disk refuses. */
	own.msgid = commit_own(true);
	envelope(own.msgid, "alice", "a");
	hear();
	commit_begin(&own);
	disk.flush_error = EIO;
	turn();
	disk.flush_error = 0;
	assert_int_equal(noticed.ends, 3);
	assert_int_equal(noticed.result, COMMIT_TEMPFAIL);
	assert_int_equal(nscheduled, 1);
}

/* The end waits for what is pending, then for jobs. */
static void
test_stop(void **state)
{
	uint32_t	 msgid = next++;

	(void)state;
	commit(msgid, 1, 5, "hello");
	turn();
	queue_stop();
	turn();
	assert_false(stopped);
	jobs = 1;
	envelope(msgid, "alice", "a");
	turn();
	answered(msgid, COMMIT_OK);
	assert_false(stopped);
	jobs = 0;
	turn();
	assert_true(stopped);
	assert_null(queue_spool);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_recovered),
		cmocka_unit_test_setup(test_lease, begin),
		cmocka_unit_test_setup(test_commit, begin),
		cmocka_unit_test_setup(test_group, begin),
		cmocka_unit_test_setup(test_errors, begin),
		cmocka_unit_test_setup(test_odd, begin),
		cmocka_unit_test_setup(test_late, begin),
		cmocka_unit_test_setup(test_never, begin),
		cmocka_unit_test_setup(test_lookup_lost, begin),
		cmocka_unit_test_setup(test_discard, begin),
		cmocka_unit_test_setup(test_large, begin),
		cmocka_unit_test_setup(test_smtp_lost, begin),
		cmocka_unit_test_setup(test_space, begin),
		cmocka_unit_test_setup(test_fates, begin),
		cmocka_unit_test_setup(test_long, begin),
		cmocka_unit_test_setup(test_own, begin),
		cmocka_unit_test_setup(test_stop, begin),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
