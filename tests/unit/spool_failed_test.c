/* SPDX-License-Identifier: ISC */
/* The spool on a disk that fails: what failed is void, what is flushed after it lasts. */
/* objects: smtpd/spool.o smtpd/spool_batch.o smtpd/spool_big.o smtpd/spool_copy.o smtpd/spool_corrupt.o smtpd/spool_dump.o smtpd/spool_hash.o smtpd/spool_index.o smtpd/spool_scan.o smtpd/spool_segment.o */
#include <dirent.h>

#include "tests/unit/spool_world.h"

/* Whatever the number of failures, all that is accepted afterwards stands in its segment. */
static void
test_many_failures(void **state)
{
	static const unsigned	 fails[] = { 1, 50, 300, 700, 2000 };
	struct spool	*sp;
	uint64_t	 first, refused, r;
	unsigned	 i, j;

	(void)state;
	for (i = 0; i < sizeof(fails) / sizeof(fails[0]); i++) {
		sp = open_spool(64);
		assert_int_equal(add(sp, 100, 1, &first), 0);
		assert_int_equal(spool_flush(sp), 0);
		written = 0;
		for (j = 0; j < fails[i]; j++) {
			assert_int_equal(add(sp, 100, 1, &refused), 0);
			failing = 2;
			assert_int_equal(spool_flush(sp), -1);
		}
		/* Itself, and what voids it at once, each with a segment's head. */
		assert_in_range(written, 1, fails[i] * 4 * BLOCK);
		assert_int_equal(add(sp, 30000, 1, &r), 0);
		assert_int_equal(spool_flush(sp), 0);
		spool_close(sp);

		sp = open_spool(64);
		assert_int_equal(nfound, 2);
		assert_true(was_found(first) && was_found(r));
		assert_int_equal(stat_of(sp).damaged, 0);
		done(sp, first, 0);
		done(sp, r, 0);
		assert_int_equal(spool_flush(sp), 0);
		spool_close(sp);
	}
}

/* Who was told 451 gets nothing after an orderly stop. */
static void
test_stop(void **state)
{
	struct spool	*sp = open_spool(8);
	uint64_t	 first, refused;

	(void)state;
	assert_int_equal(add(sp, 100, 1, &first), 0);
	assert_int_equal(spool_flush(sp), 0);
	assert_int_equal(add(sp, 100, 1, &refused), 0);
	failing = 1;			/* and what would void it is not even written */
	dies = true;
	assert_int_equal(spool_flush(sp), -1);
	dies = dead = false;
	spool_close(sp);
	sp = open_spool(8);
	assert_int_equal(nfound, 1);
	assert_true(was_found(first));
	spool_close(sp);
}

/* An open that fails writes nothing. */
static void
test_open_fails(void **state)
{
	static char	 torn[SEGMENT];
	struct spool_options	 o = { .segment_size = SEGMENT, .segments = 10,
	    .segments_max = 10, .note = note_cb, .fdatasync = sync_cb,
	    .pwrite = pwrite_cb };
	struct spool	*sp = open_spool(8);
	uint64_t	 r;
	char		 path[96];

	(void)state;
	assert_int_equal(add(sp, 20000, 1, &r), 0);
	assert_int_equal(spool_flush(sp), 0);
	spool_close(sp);
	segment_io(0, false, torn);
	memset(torn + 3 * BLOCK, 0, BLOCK);	/* it is to be voided */
	segment_io(0, true, torn);
	snprintf(path, sizeof(path), "%s/segment.0008", top);
	assert_int_equal(symlink("nowhere", path), 0);
	writes = 0;
	assert_null(spool_open(open(top, O_RDONLY | O_DIRECTORY), &o));
	assert_int_equal(writes, 0);
}

static unsigned
files(const char *sub)
{
	char		 path[96];
	struct dirent	*d;
	DIR		*dir;
	unsigned	 n = 0;

	snprintf(path, sizeof(path), "%s/%s", top, sub);
	assert_non_null(dir = opendir(path));
	while ((d = readdir(dir)) != NULL)
		n += d->d_name[0] != '.';
	closedir(dir);
	return n;
}

/* Two messages, the second with a big file, in the first segment, and others behind. */
static struct spool *
two_and_others(uint64_t *first, uint64_t *second)
{
	struct spool	*sp = open_spool(64);
	struct spool_append	 a = { .envelope = slice_make("env", 3),
	    .size = sizeof(body), .nrcpt = 1 };
	uint64_t	 r;
	unsigned	 i;

	work(sp);
	assert_int_equal(spool_big_begin(sp, &a.big), 0);
	assert_int_equal(spool_big_write(sp, a.big, body, sizeof(body)), 0);
	assert_int_equal(spool_big_end(sp, a.big), 0);
	assert_int_equal(add(sp, 100, 1, first), 0);
	assert_int_equal(spool_flush(sp), 0);
	assert_int_equal(spool_append(sp, &a, second), 0);
	assert_int_equal(spool_flush(sp), 0);
	for (i = 0; i < 3; i++) {
		assert_int_equal(add(sp, 25000, 1, &r), 0);
		assert_int_equal(spool_flush(sp), 0);
		done(sp, r, 0);
	}
	return sp;
}

/* So many segments after mail that is delivered at once. */
static unsigned
traffic(struct spool *sp, unsigned n)
{
	uint64_t	 r;

	while (n-- > 0) {
		assert_int_equal(add(sp, 20000, 1, &r), 0);
		assert_int_equal(spool_flush(sp), 0);
		done(sp, r, 0);
		work(sp);
	}
	return stat_of(sp).segments;
}

/* Damage that is found while copying: record and big file are kept, the rest lives. */
static void
test_damaged_copy(void **state)
{
	static char	 disk[SEGMENT];
	uint64_t	 first, second;
	struct spool	*sp = two_and_others(&first, &second);

	(void)state;
	segment_io(0, false, disk);
	memset(disk + 2 * BLOCK + 100, 7, 50);
	segment_io(0, true, disk);
	assert_int_equal(traffic(sp, 60), 8);
	assert_int_equal(stat_of(sp).damaged, 1);
	assert_int_equal(stat_of(sp).messages, 1);
	assert_int_equal(files("corrupt"), 2);
	assert_int_equal(files("big"), 0);
	spool_close(sp);
	sp = open_spool(64);
	assert_int_equal(nfound, 1);
	assert_true(was_found(first));
	assert_int_equal(files("corrupt"), 2);
	spool_close(sp);
}

/* What cannot be read is waited for, the others move; in the end it is damage. */
static void
test_unreadable(void **state)
{
	uint64_t	 first, second;
	struct spool	*sp = two_and_others(&first, &second);
	char		 path[96];
	unsigned	 i;

	(void)state;
	snprintf(path, sizeof(path), "%s/segment.0000", top);
	assert_int_equal(truncate(path, 2 * BLOCK), 0);
	for (i = 0; i < 5; i++) {
		traffic(sp, 10);
		assert_int_equal(stat_of(sp).messages, 2);
		assert_int_equal(spool_read(sp, first, 0, (char[1]){ 0 }, 1), 1);
		assert_int_equal(stat_of(sp).damaged, 0);
		assert_int_equal(notes, 1);
		mono += 60;
	}
	i = traffic(sp, 10);
	assert_int_equal(stat_of(sp).damaged, 1);
	assert_int_equal(stat_of(sp).messages, 1);
	assert_int_equal(traffic(sp, 200), i);	/* the ring turns again */
	assert_int_equal(files("corrupt"), 2);
	assert_int_equal(files("big"), 0);
	spool_close(sp);
	sp = open_spool(64);
	assert_int_equal(nfound, 1);
	assert_true(was_found(first));
	spool_close(sp);
}

/* It can be read again: nothing is lost. */
static void
test_readable_again(void **state)
{
	static char	 disk[SEGMENT];
	uint64_t	 first, second;
	struct spool	*sp = two_and_others(&first, &second);
	char		 path[96], byte;
	unsigned	 i;

	(void)state;
	segment_io(0, false, disk);
	snprintf(path, sizeof(path), "%s/segment.0000", top);
	assert_int_equal(truncate(path, 2 * BLOCK), 0);
	traffic(sp, 20);
	segment_io(0, true, disk);
	for (i = 0; i < 10; i++) {
		mono += 60;
		traffic(sp, 20);
	}
	assert_int_equal(stat_of(sp).damaged, 0);
	assert_int_equal(stat_of(sp).messages, 2);
	assert_int_equal(spool_read(sp, second, sizeof(body) - 1, &byte, 1), 1);
	assert_int_equal(byte, body[sizeof(body) - 1]);
	spool_close(sp);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_many_failures), T(test_stop), T(test_open_fails),
		T(test_damaged_copy), T(test_unreadable), T(test_readable_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
