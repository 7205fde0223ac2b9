/* SPDX-License-Identifier: ISC */
/* Big messages: content in files of their own, ten thousand recipients. */
/* objects: smtpd/spool.o smtpd/spool_batch.o smtpd/spool_big.o smtpd/spool_copy.o smtpd/spool_corrupt.o smtpd/spool_dump.o smtpd/spool_hash.o smtpd/spool_index.o smtpd/spool_scan.o smtpd/spool_segment.o */
#include <dirent.h>

#include "tests/unit/spool_world.h"

#define SIZE	310000

static char	 content[SIZE];

static void
file_path(const char *dir, uint64_t big, char *path, size_t size)
{
	snprintf(path, size, "%s/%s/%016llx", top, dir, (unsigned long long)big);
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

/* A finished file, not named yet. */
static uint64_t
big_file(struct spool *sp)
{
	uint64_t	 big;
	size_t		 at, n;

	for (at = 0; at < SIZE; at++)
		content[at] = (char)(at * 7 + at / 251);
	assert_int_equal(spool_big_begin(sp, &big), 0);
	for (at = 0; at < SIZE; at += n) {
		n = SIZE - at < 70000 ? SIZE - at : 70000;
		assert_int_equal(spool_big_write(sp, big, content + at, n), 0);
	}
	assert_int_equal(spool_big_end(sp, big), 0);
	return big;
}

static uint64_t
add_big(struct spool *sp, uint64_t big)
{
	struct spool_append	 a = { .envelope = slice_make("env", 3),
	    .big = big, .size = SIZE, .nrcpt = 1 };
	uint64_t		 recno;

	assert_int_equal(spool_append(sp, &a, &recno), 0);
	return recno;
}

/* Reads it in pieces; how far it got, errno as it was left. */
static size_t
readable(struct spool *sp, uint64_t recno)
{
	char	 buf[50000];
	size_t	 at = 0;
	ssize_t	 n;

	errno = 0;
	while ((n = spool_read(sp, recno, at, buf, sizeof(buf))) > 0) {
		assert_in_range(n, 1, SIZE - at);
		assert_memory_equal(buf, content + at, n);
		at += n;
	}
	assert_int_equal(n, errno == 0 ? 0 : -1);
	return at;
}

/* It survives, its copies forward too, and its file goes with its fate, once that is flushed. */
static void
test_big(void **state)
{
	struct spool	*sp = open_spool(8);
	uint64_t	 recno, r;
	unsigned	 i;

	(void)state;
	recno = add_big(sp, big_file(sp));
	assert_int_equal(spool_flush(sp), 0);
	for (i = 0; i < 200; i++) {
		assert_int_equal(add(sp, 9000, 1, &r), 0);
		assert_int_equal(spool_flush(sp), 0);
		done(sp, r, 0);
		work(sp);
	}
	assert_int_equal(readable(sp, recno), SIZE);
	spool_close(sp);
	sp = open_spool(8);
	assert_int_equal(nfound, 1);
	assert_int_equal(readable(sp, recno), SIZE);
	assert_int_equal(errno, 0);
	done(sp, recno, 0);
	assert_int_equal(files("big"), 1);
	assert_int_equal(spool_flush(sp), 0);
	assert_int_equal(files("big"), 0);
	spool_close(sp);
}

/* At start what no record names goes: unfinished, finished, dropped, foreign. */
static void
test_cleaned(void **state)
{
	char		 path[128];
	struct spool	*sp = open_spool(8);
	uint64_t	 recno, dropped, begun;
	int		 fd;

	(void)state;
	recno = add_big(sp, big_file(sp));
	assert_int_equal(spool_flush(sp), 0);
	big_file(sp);
	assert_int_equal(spool_big_begin(sp, &begun), 0);
	assert_int_equal(spool_big_write(sp, begun, "x", 1), 0);
	dropped = big_file(sp);
	assert_int_equal(files("big"), 4);
	spool_big_drop(sp, dropped);
	assert_int_equal(files("big"), 3);
	assert_int_equal(spool_big_end(sp, begun), 0);
	spool_close(sp);
	snprintf(path, sizeof(path), "%s/big/notes", top);
	assert_int_not_equal(fd = open(path, O_WRONLY | O_CREAT, 0600), -1);
	close(fd);
	sp = open_spool(8);
	assert_int_equal(files("big"), 1);
	assert_int_equal(files("corrupt"), 0);
	assert_int_equal(readable(sp, recno), SIZE);
	spool_close(sp);
}

/* Shorter than it was: read as far as it goes, then said.  Longer: not more than it was. */
static void
test_other_length(void **state)
{
	char		 path[128];
	struct spool	*sp = open_spool(8);
	uint64_t	 big = big_file(sp), recno = add_big(sp, big);

	(void)state;
	assert_int_equal(spool_flush(sp), 0);
	file_path("big", big, path, sizeof(path));
	assert_int_equal(truncate(path, SIZE + 5000), 0);
	assert_int_equal(readable(sp, recno), SIZE);
	assert_int_equal(errno, 0);
	assert_int_equal(truncate(path, 123456), 0);
	assert_int_equal(readable(sp, recno), 123456);
	assert_int_equal(errno, EBADMSG);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(readable(sp, recno), 0);
	assert_int_equal(errno, EBADMSG);
	spool_close(sp);
}

/* Where the log is damaged a file may belong to what is lost: it is kept for people. */
static void
test_kept(void **state)
{
	static char	 disk[SEGMENT];
	char		 path[128];
	struct stat	 st;
	struct spool	*sp = open_spool(8);
	uint64_t	 big = big_file(sp), r;

	(void)state;
	add_big(sp, big);
	assert_int_equal(spool_flush(sp), 0);
	assert_int_equal(add(sp, 10, 1, &r), 0);
	assert_int_equal(spool_flush(sp), 0);
	spool_close(sp);
	segment_io(0, false, disk);
	memset(disk + BLOCK + 100, 0, 50);
	segment_io(0, true, disk);
	sp = open_spool(8);
	assert_int_equal(nfound, 1);
	assert_int_equal(files("big"), 0);
	file_path("corrupt", big, path, sizeof(path));
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, SIZE);
	assert_int_equal(st.st_mode & 0777, 0600);
	spool_close(sp);
}

static struct spool *
open_large(void)
{
	struct spool_options	 o = { .segment_size = 1024 * 1024,
	    .note = note_cb, .recovered = recovered_cb, .fdatasync = sync_cb };
	struct spool	*sp;

	nfound = notes = 0;
	assert_non_null(sp = spool_open(open(top, O_RDONLY | O_DIRECTORY), &o));
	return sp;
}

/* The fates of half of them fill a segment; then it is copied, states in front. */
static void
test_recipients(void **state)
{
	struct spool	*sp = open_large();
	uint64_t	 recno, r;
	uint32_t	 i, half = SPOOL_NRCPT / 2;
	char		 buf[100];
	int		 again;

	(void)state;
	assert_int_equal(add(sp, 100, SPOOL_NRCPT + 1, &recno), -1);
	assert_int_equal(errno, EINVAL);
	assert_int_equal(add(sp, 100, SPOOL_NRCPT, &recno), 0);
	assert_int_equal(spool_flush(sp), 0);
	for (i = 0; i < half; i++)
		done(sp, recno, 2 * i);
	assert_int_equal(spool_flush(sp), 0);
	for (again = 0; again < 2; again++) {
		spool_close(sp);
		sp = open_large();
		assert_int_equal(nfound, 1);
		assert_int_equal(found[0].nrcpt, SPOOL_NRCPT);
		assert_int_equal(found[0].waiting, half);
		assert_int_equal(spool_read(sp, recno, 0, buf, sizeof(buf)), 100);
		assert_memory_equal(buf, body, sizeof(buf));
		for (i = 0; again == 0 && i < 100; i++) {
			assert_int_equal(add(sp, 100000, 1, &r), 0);
			assert_int_equal(spool_flush(sp), 0);
			done(sp, r, 0);
			work(sp);
		}
	}
	for (i = 0; i < half; i++) {
		assert_int_equal(stat_of(sp).messages, 1);
		done(sp, recno, 2 * i + 1);
	}
	assert_int_equal(stat_of(sp).messages, 0);
	assert_int_equal(spool_flush(sp), 0);
	spool_close(sp);
	sp = open_large();
	assert_int_equal(nfound, 0);
	assert_int_equal(notes, 0);
	spool_close(sp);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_big), T(test_cleaned), T(test_other_length),
		T(test_kept), T(test_recipients),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
