/* SPDX-License-Identifier: ISC */
/* The spool's room: preparing segments, a disk that is full, a ring that grows. */
/* objects: smtpd/spool.o smtpd/spool_batch.o smtpd/spool_big.o smtpd/spool_copy.o smtpd/spool_corrupt.o smtpd/spool_dump.o smtpd/spool_hash.o smtpd/spool_index.o smtpd/spool_scan.o smtpd/spool_segment.o */
#include "tests/unit/spool_world.h"

/* So many writes are tried in a hundred turns. */
static unsigned
tries(struct spool *sp)
{
	unsigned	 i, before = writes;

	for (i = 0; i < 100; i++)
		work_once(sp);
	return writes - before;
}

/* A full disk is asked at once, then once a minute; when it has room all goes on. */
static void
test_once_a_minute(void **state)
{
	struct spool	*sp = open_spool(8);
	uint64_t	 r;
	unsigned	 n;

	(void)state;
	assert_int_equal(stat_of(sp).segments_free, 4);
	no_room = true;
	for (n = 0; n < 3; n++) {
		assert_int_equal(tries(sp), 1);
		mono += 59;
		assert_int_equal(tries(sp), 0);
		mono++;
	}
	assert_int_equal(notes, 1);	/* said once, not each minute */
	no_room = false;
	assert_int_equal(work_once(sp), 1);
	assert_int_equal(stat_of(sp).segments_free, 5);
	no_room = true;			/* after a good one the first try is at once */
	assert_int_equal(tries(sp), 1);
	assert_int_equal(notes, 2);
	no_room = false;
	assert_int_equal(add(sp, 100, 1, &r), 0);
	assert_int_equal(spool_flush(sp), 0);
	mono += 60;
	work(sp);
	assert_int_equal(stat_of(sp).segments_free, 7);
	spool_close(sp);
}

/* What is there is filled, then mail is refused without a try for each message. */
static void
test_full_disk(void **state)
{
	struct spool	*sp = open_spool(64);
	uint64_t	 r, first = 0;
	unsigned	 i, n;

	(void)state;
	no_room = true;
	assert_int_equal(tries(sp), 1);
	for (n = 0; add(sp, 20000, 1, &r) == 0; n++) {
		assert_true(n < 100);
		if (first == 0)
			first = r;
		assert_int_equal(spool_flush(sp), 0);
	}
	assert_int_equal(errno, ENOSPC);
	assert_int_equal(stat_of(sp).full, 1);
	assert_int_equal(stat_of(sp).segments_free, 2);
	mono += 30;
	for (i = 0, writes = 0; i < 100; i++)
		assert_int_equal(add(sp, 10, 1, &r), -1);
	assert_int_equal(writes, 0);
	done(sp, first, 0);		/* fates have room */
	assert_int_equal(spool_flush(sp), 0);

	no_room = false;
	assert_int_equal(add(sp, 10, 1, &r), -1);
	mono += 30;
	work_once(sp);
	assert_int_equal(stat_of(sp).full, 0);
	assert_int_equal(add(sp, 10, 1, &r), 0);
	spool_close(sp);
	sp = open_spool(64);
	assert_int_equal(nfound, n);	/* one is done, one is new */
	assert_true(was_found(r));
	assert_false(was_found(first));
	spool_close(sp);
}

static int
add_notification(struct spool *sp, uint64_t *recno)
{
	struct spool_append	 a = { .envelope = slice_make("env", 3), .content = slice_make(body, 1000),
	    .size = 1000, .nrcpt = 1, .makes_room = true };

	return spool_append(sp, &a, recno);
}

/*
 * All that is there has failed, and goes when its notification is stored: that
 * has room, and leaves some for fates however many there are.
 */
static void
test_makes_room(void **state)
{
	struct spool	*sp = open_spool(64);
	uint64_t	 r[100], own[1000];
	unsigned	 n, i, most;

	(void)state;
	no_room = true;
	assert_int_equal(tries(sp), 1);
	for (n = 0; add(sp, 5000, 1, &r[n]) == 0; n++)
		assert_int_equal(spool_flush(sp), 0);
	assert_int_equal(stat_of(sp).full, 1);
	/* Nobody takes them, so that room ends. */
	for (most = 0; add_notification(sp, &own[most]) == 0; most++) {
		assert_int_equal(spool_flush(sp), 0);
		assert_true(most < 100);
	}
	assert_int_equal(errno, ENOSPC);
	assert_true(most > 0);
	assert_int_equal(stat_of(sp).segments_free, 2);
	/* Those that were stored take their mail along, and are delivered. */
	for (i = 0; i < most && i < n; i++) {
		done(sp, r[i], 0);
		done(sp, own[i], 0);
	}
	assert_int_equal(spool_flush(sp), 0);
	work(sp);
	assert_int_equal(stat_of(sp).full, 0);
	for (; i < n; i++) {
		assert_int_equal(add_notification(sp, &own[i]), 0);
		assert_int_equal(spool_flush(sp), 0);
		done(sp, r[i], 0);
		assert_int_equal(spool_flush(sp), 0);
		work(sp);
	}
	assert_int_equal(add(sp, 20000, 1, &r[0]), 0);
	assert_int_equal(spool_flush(sp), 0);
	spool_close(sp);
}

/*
 * A burst of 800 messages of 110 KB, each turn some of them, nothing delivered
 * meanwhile: the disk has room, so none is refused.
 */
static void
burst(unsigned each)
{
	struct spool_options	 o = { .note = note_cb, .recovered = recovered_cb,
	    .fdatasync = sync_cb, .pwrite = pwrite_cb, .now = now_cb };
	struct spool	*sp;
	uint64_t	 r;
	unsigned	 i, n;
	int		 again, fd;

	for (again = 0; again < 2; again++) {
		nfound = notes = 0;
		fd = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		assert_non_null(sp = spool_open(fd, &o));
		assert_int_equal(nfound, again * 800);
		for (n = 0; again == 0 && n < 800; n += each) {
			for (i = 0; i < each; i++) {
				assert_int_equal(add(sp, 110000, 1, &r), 0);
				assert_false(stat_of(sp).full);
			}
			assert_int_equal(spool_flush(sp), 0);
			work_once(sp);
		}
		/* It grew for what is live, and not much more. */
		assert_in_range(stat_of(sp).segments, 11 + 3, 11 + 6);
		assert_int_equal(notes, 0);
		spool_close(sp);
	}
}

static void
test_burst(void **state)
{
	(void)state;
	burst(1);
}

static void
test_faster_burst(void **state)
{
	(void)state;
	burst(160);
}

/* One old message among many delivered ones is no reason to grow. */
static void
test_no_growth(void **state)
{
	struct spool	*sp = open_spool(64);
	uint64_t	 r;
	unsigned	 i;

	(void)state;
	assert_int_equal(add(sp, 100, 1, &r), 0);
	for (i = 0; i < 1000; i++) {
		assert_int_equal(add(sp, 10000, 1, &r), 0);
		assert_int_equal(spool_flush(sp), 0);
		done(sp, r, 0);
		work_once(sp);
	}
	assert_int_equal(stat_of(sp).segments, 8);
	spool_close(sp);
}

/* What could be appended and never be copied forward is refused: it would pin the ring. */
static void
test_too_big(void **state)
{
	static char	 text[SEGMENT];
	static const struct {
		size_t	 envelope, content;
		uint32_t nrcpt;
		int	 error;
	} tests[] = {
		{ 3, SEGMENT / 2 - 64 - 3 - 16,		1,	0 },
		{ 3, SEGMENT / 2 - 64 - 3 - 16 + 1,	1,	E2BIG },
		{ SEGMENT / 2 - 64 - 1600, 0,		100,	0 },
		{ SEGMENT / 2 - 64 - 1600 + 1, 0,	100,	E2BIG },
		{ 3, 0,					10000,	E2BIG },
	};
	struct spool_append	 a;
	struct spool	*sp = open_spool(8);
	uint64_t	 r;
	size_t		 i, j;

	(void)state;
	memset(text, 'e', sizeof(text));
	memcpy(text, "env", 3);
	for (i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
		a = (struct spool_append){ .nrcpt = tests[i].nrcpt,
		    .envelope = slice_make(text, tests[i].envelope),
		    .content = slice_make(body, tests[i].content),
		    .size = tests[i].content };
		errno = 0;
		assert_int_equal(spool_append(sp, &a, &r),
		    tests[i].error == 0 ? 0 : -1);
		assert_int_equal(errno, tests[i].error);
		assert_int_equal(spool_flush(sp), 0);
	}
	for (j = 0; j < 100; j++) {	/* the two are carried round the ring */
		assert_int_equal(add(sp, 10000, 1, &r), 0);
		assert_int_equal(spool_flush(sp), 0);
		done(sp, r, 0);
		work(sp);
	}
	assert_int_equal(stat_of(sp).segments, 8);
	assert_int_equal(stat_of(sp).messages, 2);
	spool_close(sp);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_once_a_minute), T(test_full_disk), T(test_makes_room), T(test_burst),
		T(test_faster_burst), T(test_no_growth), T(test_too_big),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
