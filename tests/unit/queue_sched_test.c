/* SPDX-License-Identifier: ISC */
/*
 * When an envelope is tried and by whom: the heap, backoff, expiry, slots,
 * deaths, large and unreadable content.  Channels are real; time, libevent's
 * timers and the spool are the test's own.
 */
/* objects: smtpd/queue_sched.o smtpd/queue_route.o smtpd/queue_content.o smtpd/queue_fate.o smtpd/queue_deliver.o smtpd/queue_message.o smtpd/ipc.o smtpd/ipc_msg.o smtpd/ipc_table.o */
#include "tests/unit/queue_deliver_world.h"

#define LARGE	(3 * 1024 * 1024)

static void
grant(uint32_t n)
{
	ipc_begin(them.ipc, IPC_WINDOW);
	ipc_put_u32(them.ipc, n);
	ipc_end(them.ipc);
}

/* Takes what is being sent of a large message, to its end. */
static void
stream_all(struct route *r)
{
	int	 i;

	for (i = 0; i < 100 && r->stream != NULL; i++) {
		grant(100000);
		turn(r);
	}
	assert_null(r->stream);
}

static void
test_backoff(void **state)
{
	uint32_t	 n;
	int64_t		 base, v;

	(void)state;
	for (n = 1; n < 300; n++) {
		base = n > 37 ? 4 * 3600 : 10 * (int64_t)n * n;
		v = fate_backoff(n);
		assert_in_range(v, base, base + base / 10);
	}
	v = fate_backoff(UINT32_MAX);
	assert_in_range(v, 4 * 3600, 4 * 3600 + 1440);
}

static void
test_heap(void **state)
{
	struct route	*r = user("heap");
	struct envelope	*e, *before = NULL;
	size_t		 i, n = 0;

	(void)state;
	for (i = 0; i < 3000; i++) {
		e = mail("heap", 0, 3600);
		e->due = mono + (1 + arc4random_uniform(1000)) * SECOND;
		sched_add(e);
		assert_int_equal(e->state, ENV_WAITING);
	}
	assert_int_equal(sched_count().waiting, 3000);
	advance(500);
	TAILQ_FOREACH(e, &r->fresh, entry) {
		assert_int_equal(e->state, ENV_READY);
		assert_true(e->due <= mono);
		n++;
	}
	assert_true(n > 0);
	assert_int_equal(sched_count().waiting, 3000 - n);
	advance(500);
	TAILQ_FOREACH(e, &r->fresh, entry) {
		assert_true(before == NULL || before->due <= e->due);
		before = e;
	}
	assert_int_equal(sched_count().waiting, 0);
	deliver_none(SLICE("heap"), true, SLICE("over"));
	assert_int_equal(nmarks, 3000);
	assert_true(TAILQ_EMPTY(&r->fresh));
}

static void
test_expiry(void **state)
{
	struct route	*r = user("expiry");
	struct envelope	*e = mail("expiry", 5, 100), *other;
	uint64_t	 evpid = e->evpid;

	(void)state;
	sched_add(e);
	turn(r);
	assert_int_equal(wanted, 1);
	meet("expiry", 0);
	turn(r);
	assert_int_equal(them.n, 1);
	assert_int_equal(them.attempt, 1);
	say_all(r, JOB_TEMPFAIL);
	assert_int_equal(last_state(), SPOOL_WAITING);
	assert_int_equal(marks[0].r.attempts, 1);
	assert_in_range(marks[0].r.next, queue_now() + 10, queue_now() + 11);

	/* The daemon was asleep: past its ttl, but the try is made first. */
	advance(1000);
	turn(r);
	assert_int_equal(them.n, 1);
	assert_int_equal(them.job[0], evpid);
	assert_int_equal(them.attempt, 2);
	say_all(r, JOB_TEMPFAIL);
	assert_int_equal(last_state(), SPOOL_EXPIRED);

	other = mail("expiry", 5, 100);
	sched_add(other);
	turn(r);
	advance(1000);
	say_all(r, JOB_DONE);
	assert_int_equal(last_state(), SPOOL_DONE);
	sched_add(mail("expiry", 5, 100));
	turn(r);
	say_all(r, JOB_PERMFAIL);
	assert_int_equal(last_state(), SPOOL_FAILED);
	die(r);
}

static void
test_slots(void **state)
{
	struct route	*r = user("slots");
	struct envelope	*e;
	uint64_t	 first;
	size_t		 i, old = 0;

	(void)state;
	for (i = 0; i < SLOTS + 8; i++) {
		e = mail("slots", 5, 3600);
		e->attempts = 1;
		sched_add(e);
	}
	first = evpids + 1;
	for (i = 0; i < SLOTS + 8; i++)
		sched_add(mail("slots", 5, 3600));
	turn(r);
	meet("slots", 0);
	turn(r);
	assert_int_equal(them.n, SLOTS);
	for (i = 0; i < them.n; i++)
		old += them.job[i] < first;
	assert_int_equal(old, SLOTS / 2);
	assert_int_equal(r->nold, SLOTS / 2);
	assert_int_equal(r->nrunning, SLOTS);
	say_all(r, JOB_DONE);
	assert_int_equal(them.n, SLOTS);
	say_all(r, JOB_DONE);
	/* Of each 8 are left: all run. */
	assert_int_equal(them.n, 16);
	assert_int_equal(r->nold, 8);
	say_all(r, JOB_DONE);
	assert_int_equal(r->nold, 0);
	assert_int_equal(r->nrunning, 0);

	/* Without new mail old mail has all. */
	for (i = 0; i < SLOTS + 8; i++) {
		e = mail("slots", 5, 3600);
		e->attempts = 1;
		sched_add(e);
	}
	turn(r);
	assert_int_equal(them.n, SLOTS);
	assert_int_equal(r->nold, SLOTS);
	say_all(r, JOB_DONE);
	say_all(r, JOB_DONE);
	assert_int_equal(r->nold, 0);
	assert_int_equal(sched_count().running, 0);
	die(r);
}

static void
test_deaths(void **state)
{
	struct route	*r = user("deaths");
	size_t		 i;

	(void)state;
	for (i = 0; i < 3; i++)
		sched_add(mail("deaths", 5, 3600));
	for (i = 1; i <= 2; i++) {
		turn(r);
		meet("deaths", 0);
		turn(r);
		assert_int_equal(them.n, 3);
		assert_int_equal(them.attempt, i);
		die(r);
		assert_int_equal(r->nrunning, 0);
		assert_int_equal(r->nold, 0);
		assert_int_equal(nmarks, 3 * i);	/* each is an attempt */
		assert_int_equal(marks[nmarks - 1].r.next, queue_now() + (int)(i * i));
		advance(i * i);
	}
	/* A new one waits as well: each of the three runs by itself. */
	sched_add(mail("deaths", 5, 3600));
	turn(r);
	meet("deaths", 0);
	turn(r);
	for (i = 0; i < 2; i++) {
		assert_int_equal(them.n, 1);
		assert_int_equal(them.attempt, 3);
		say_all(r, JOB_DONE);
	}
	assert_int_equal(them.n, 1);
	die(r);			/* that is the one */
	assert_int_equal(marks[nmarks - 1].r.next, queue_now() + 9);
	turn(r);
	advance(2);
	turn(r);
	meet("deaths", 0);
	turn(r);
	assert_int_equal(them.n, 1);
	assert_int_equal(them.attempt, 1);
	assert_false(r->alone);
	say_all(r, JOB_DONE);
	advance(100);
	turn(r);
	assert_int_equal(them.n, 1);
	assert_int_equal(them.attempt, 4);
	say_all(r, JOB_DONE);
	assert_int_equal(sched_count().waiting, 0);
	die(r);
}

/* However often it was in a death, it is tried within the longest wait. */
static void
test_many_deaths(void **state)
{
	struct route	*r = user("mourned");
	struct envelope	*e = mail("mourned", 5, 3600 * 10000);

	(void)state;
	e->deaths = 200;
	sched_add(e);
	turn(r);
	meet("mourned", 0);
	turn(r);
	die(r);
	assert_int_equal(nmarks, 1);
	assert_int_equal(marks[0].r.next, queue_now() + 4 * 3600);
	advance(4 * 3600);
	turn(r);
	meet("mourned", 0);
	turn(r);
	say_all(r, JOB_DONE);
	die(r);
}

/* Answers for jobs of nobody, malformed or twice. */
static void
test_answers(void **state)
{
	struct route	*r = user("answers");
	struct envelope	*e = mail("answers", 5, 3600);
	uint64_t	 evpid = e->evpid;

	(void)state;
	sched_add(e);
	turn(r);
	meet("answers", 0);
	turn(r);
	say(evpid + 1000, JOB_DONE);
	say(evpid, JOB_PERMFAIL + 1);
	turn(r);
	assert_int_equal(nmarks, 0);
	assert_int_equal(r->nrunning, 1);
	say(evpid, JOB_DONE);
	say(evpid, JOB_DONE);
	turn(r);
	assert_int_equal(nmarks, 1);
	assert_int_equal(r->nrunning, 0);
	die(r);
}

static void
test_none(void **state)
{
	struct route	*r = user("none");

	(void)state;
	sched_add(mail("none", 5, 3600));
	sched_add(mail("none", 5, 3600));
	turn(r);
	turn(r);
	assert_int_equal(wanted, 1);
	deliver_none(SLICE("none"), false, SLICE("no memory"));
	assert_int_equal(nmarks, 2);
	assert_int_equal(last_state(), SPOOL_WAITING);
	advance(12);
	turn(r);
	assert_int_equal(wanted, 2);
	deliver_none(SLICE("none"), true, SLICE("no such user"));
	assert_int_equal(nmarks, 4);
	assert_int_equal(last_state(), SPOOL_FAILED);
	deliver_none(SLICE("nobody has this name"), true, SLICE(""));
}

/* The parent said nothing: it is asked again, not every turn. */
static void
test_asking(void **state)
{
	struct route	*r = user("asking");

	(void)state;
	sched_add(mail("asking", 5, 3600));
	turn(r);
	advance(30);
	turn(r);
	assert_int_equal(wanted, 1);
	advance(31);
	deliver_check_time();
	turn(r);
	assert_int_equal(wanted, 2);
	/* One that dies at once is not asked for at once, but soon, unasked. */
	meet("asking", 0);
	die(r);
	assert_int_equal(wanted, 2);
	advance(1);
	turn(r);
	assert_int_equal(wanted, 3);
	meet("asking", 0);
	turn(r);
	say_all(r, JOB_DONE);
	assert_int_equal(nmarks, 1);
	die(r);
}

static void
test_large(void **state)
{
	struct route	*r = user("large");
	struct envelope	*e = mail("large", LARGE, 3600);

	(void)state;
	sched_add(e);
	sched_add(mail("large", 5, 3600));
	turn(r);
	meet("large", 100000);
	turn(r);
	turn(r);
	assert_int_equal(them.n, 1);		/* behind it nothing is sent */
	assert_int_equal(them.content, 100000);
	assert_int_equal(r->window, 0);
	die(r);
	assert_null(r->stream);
	assert_int_equal(nmarks, 1);

	/* The small one, which is new, then the large one from its beginning. */
	advance(1);
	turn(r);
	meet("large", 1000);
	turn(r);
	turn(r);
	assert_int_equal(them.n, 2);
	stream_all(r);
	assert_int_equal(them.content, LARGE);
	turn(r);
	assert_int_equal(them.n, 2);
	say_all(r, JOB_DONE);
	assert_int_equal(nmarks, 3);

	/* A deliver may not want more than is good for us. */
	grant(UINT32_MAX);
	grant(UINT32_MAX);
	turn(r);
	assert_int_equal(r->window, 1024 * 1024);
	die(r);
}

/* It fails before all of it was sent: what was sent of it goes nowhere. */
static void
test_large_fails(void **state)
{
	struct route	*r = user("fails");

	(void)state;
	sched_add(mail("fails", LARGE, 3600));
	turn(r);
	meet("fails", 100000);
	turn(r);
	turn(r);
	assert_non_null(r->stream);
	say_all(r, JOB_PERMFAIL);
	assert_null(r->stream);
	assert_int_equal(last_state(), SPOOL_FAILED);
	grant(100000);
	turn(r);
	sched_add(mail("fails", 200000, 3600));
	turn(r);
	assert_int_equal(them.n, 1);
	assert_int_equal(them.content, 200000);
	grant(200000);
	turn(r);
	assert_int_equal(them.content, 300000);
	say_all(r, JOB_DONE);
	die(r);
}

static const struct {
	uint64_t	 size;
	size_t		 readable;
	int		 error;		/* 0: it ends there */
	int64_t		 least, most;	/* seconds until it is tried again */
} broken[] = {
	{ 5,	  0,	EBADMSG,	4 * 3600, 4 * 3600 },
	{ 5,	  3,	0,		4 * 3600, 4 * 3600 },
	{ 5,	  0,	ENOENT,		4 * 3600, 4 * 3600 },
	{ 5,	  0,	EIO,		10, 11 },
	{ LARGE,  0,	ENOENT,		4 * 3600, 4 * 3600 },
	{ LARGE,  0,	EMFILE,		10, 11 },
	{ LARGE,  LARGE - 1, 0,		4 * 3600, 4 * 3600 },
};

/* What cannot be read is not sent, least of all as an empty message. */
static void
test_unreadable(void **state)
{
	struct route	*r = user("unreadable");
	struct envelope	*e;
	size_t		 i;

	(void)state;
	sched_add(mail("unreadable", 5, 3600));
	turn(r);
	meet("unreadable", 1000);
	turn(r);
	say_all(r, JOB_DONE);
	for (i = 0; i < nitems(broken); i++) {
		e = mail("unreadable", broken[i].size, 100 * 3600);
		unreadable = e->msg->recno;
		readable = broken[i].readable;
		read_error = broken[i].error;
		nmarks = 0;
		last_warning[0] = '\0';
		sched_add(e);
		sched_add(mail("unreadable", 5, 3600));
		turn(r);
		assert_int_equal(them.n, 1);		/* the other */
		assert_int_equal(them.job[0], evpids);
		assert_string_not_equal(last_warning, "");
		assert_int_equal(nmarks, 1);
		assert_int_equal(last_state(), SPOOL_WAITING);
		assert_in_range(marks[0].r.next, queue_now() + broken[i].least,
		    queue_now() + broken[i].most);
		assert_int_equal(r->nrunning, 1);
		say_all(r, JOB_DONE);
		unreadable = UINT64_MAX;
		advance(4 * 3600);
		turn(r);
		stream_all(r);			/* it is there after all */
		assert_int_equal(them.n, 1);
		say_all(r, JOB_DONE);
	}
	assert_int_equal(r->nold, 0);
	assert_int_equal(sched_count().waiting, 0);
	die(r);
}

/* Half of it was sent when it became unreadable: the deliver is let go. */
static void
test_unreadable_half(void **state)
{
	struct route	*r = user("half");
	struct envelope	*e = mail("half", LARGE, 3600 * 100);

	(void)state;
	sched_add(mail("half", 5, 3600));
	sched_add(e);
	turn(r);
	meet("half", 1000);
	turn(r);
	turn(r);
	assert_int_equal(them.n, 2);
	unreadable = e->msg->recno;
	read_error = EIO;
	grant(1000);
	turn(r);
	assert_null(r->deliver);
	assert_null(r->stream);
	assert_int_equal(r->nrunning, 0);
	assert_int_equal(nmarks, 2);
	assert_null(them.ipc);		/* it saw the end */
	unreadable = UINT64_MAX;
	advance(12);
	turn(r);
	meet("half", 1000000);
	turn(r);
	turn(r);
	assert_int_equal(them.n, 2);
	stream_all(r);
	say_all(r, JOB_DONE);
	assert_int_equal(sched_count().waiting, 0);
	die(r);
}

static void
test_hung(void **state)
{
	struct route	*r = user("hung");
	int		 i;

	(void)state;
	for (i = 0; i < 3; i++)
		sched_add(mail("hung", 5, 3600 * 10));
	turn(r);
	meet("hung", 0);
	turn(r);
	assert_int_equal(them.n, 3);
	/* Slow is not hung: it answers for one now and then. */
	advance(500);
	deliver_check_time();
	assert_non_null(r->deliver);
	say(them.job[0], JOB_DONE);
	turn(r);
	advance(500);
	deliver_check_time();
	assert_non_null(r->deliver);
	advance(101);
	deliver_check_time();
	assert_null(r->deliver);
	assert_int_equal(nmarks, 3);
	turn(r);
	assert_null(them.ipc);
	advance(2);
	turn(r);
	meet("hung", 0);
	turn(r);
	say_all(r, JOB_DONE);
	assert_int_equal(sched_count().waiting, 0);
	die(r);
}

/* Content is kept until each envelope had its first try. */
static void
test_content(void **state)
{
	struct route	*r = user("content");
	struct envelope	*e = mail("content", 5, 3600), *f;
	struct message	*m = e->msg;

	(void)state;
	f = add(m, "content", 3600);
	assert_true(message_keep(m, SLICE("12345"), false));
	sched_add(e);
	turn(r);
	meet("content", 0);
	turn(r);
	assert_int_equal(them.n, 1);
	assert_non_null(m->content);
	say_all(r, JOB_TEMPFAIL);
	assert_non_null(m->content);
	sched_add(f);
	turn(r);
	assert_int_equal(them.n, 1);
	assert_null(m->content);
	say_all(r, JOB_TEMPFAIL);
	advance(12);
	turn(r);
	assert_int_equal(them.n, 2);
	say_all(r, JOB_DONE);
	assert_int_equal(waiting, 4);
	die(r);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test_setup(test_backoff, begin),
		cmocka_unit_test_setup(test_heap, begin),
		cmocka_unit_test_setup(test_expiry, begin),
		cmocka_unit_test_setup(test_slots, begin),
		cmocka_unit_test_setup(test_deaths, begin),
		cmocka_unit_test_setup(test_many_deaths, begin),
		cmocka_unit_test_setup(test_answers, begin),
		cmocka_unit_test_setup(test_none, begin),
		cmocka_unit_test_setup(test_asking, begin),
		cmocka_unit_test_setup(test_large, begin),
		cmocka_unit_test_setup(test_large_fails, begin),
		cmocka_unit_test_setup(test_unreadable, begin),
		cmocka_unit_test_setup(test_unreadable_half, begin),
		cmocka_unit_test_setup(test_hung, begin),
		cmocka_unit_test_setup(test_content, begin),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
