/* SPDX-License-Identifier: ISC */
/*
 * Lines however the input is split, long ones, and output before a wait.
 */
#include <sys/types.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/linebuf.h"
#include "lib/outbuf.h"

static const struct {
	struct slice	 input;
	const char	*lines[4];
} rows[] = {
	{ SLICE(""),		{ NULL } },
	{ SLICE("\n"),		{ "", NULL } },
	{ SLICE("a\n"),		{ "a", NULL } },
	{ SLICE("a"),		{ "a", NULL } },
	{ SLICE("a\nbc\n"),	{ "a", "bc", NULL } },
	{ SLICE("a\n\nbc"),	{ "a", "", "bc", NULL } },
	{ SLICE("a\r\n\xff\n"),	{ "a\r", "\xff", NULL } },
};

/* Each input, split at each place: the second piece comes from a child, later. */
static void
test_lines(void **state)
{
	struct linebuf	 in;
	struct slice	 line, all;
	size_t		 i, k, split;
	int		 fd[2];

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		for (split = 0; split <= rows[i].input.n; split++) {
			all = rows[i].input;
			assert_int_equal(pipe(fd), 0);
			assert_int_equal(linebuf_init(&in, fd[0]), 0);
			assert_int_equal(write(fd[1], all.p, split), split);
			if (fork() == 0) {
				usleep(2000);
				_exit(write(fd[1], all.p + split, all.n - split) == -1);
			}
			close(fd[1]);
			for (k = 0; rows[i].lines[k] != NULL; k++) {
				assert_int_equal(linebuf_next(&in, NULL, &line), 1);
				assert_true(slice_eq(line, slice_str(rows[i].lines[k])));
				assert_int_equal(in.number, k + 1);
			}
			assert_int_equal(linebuf_next(&in, NULL, &line), 0);
			assert_int_equal(linebuf_next(&in, NULL, &line), 0);
			linebuf_free(&in);
			close(fd[0]);
			wait(NULL);
		}
}

static int
temporary(void)
{
	char	 name[] = "/tmp/linebuf_test.XXXXXX";
	int	 fd = mkstemp(name);

	assert_int_not_equal(fd, -1);
	unlink(name);
	return fd;
}

/* A NUL is a byte like others. */
static void
test_nul(void **state)
{
	struct linebuf	 in;
	struct slice	 line;
	int		 fd = temporary();

	(void)state;
	assert_int_equal(pwrite(fd, "a\0b\nc\0", 6, 0), 6);
	assert_int_equal(linebuf_init(&in, fd), 0);
	assert_int_equal(linebuf_next(&in, NULL, &line), 1);
	assert_true(slice_eq(line, SLICE("a\0b")));
	assert_int_equal(linebuf_next(&in, NULL, &line), 1);
	assert_true(slice_eq(line, SLICE("c\0")));
	assert_int_equal(linebuf_next(&in, NULL, &line), 0);
	linebuf_free(&in);
	close(fd);
}

/* Lengths around the sizes of the buffer; each between two short lines. */
static void
test_long(void **state)
{
	static const struct {
		size_t	 length;
		bool	 cut;
	} lengths[] = {
		{ LINEBUF_SIZE - 2,	false },
		{ LINEBUF_SIZE - 1,	false },
		{ LINEBUF_SIZE,		false },
		{ LINEBUF_SIZE + 1,	false },
		{ 3 * LINEBUF_SIZE,	false },
		{ LINEBUF_MAX - 1,	false },
		{ LINEBUF_MAX,		true },
		{ LINEBUF_MAX + 1,	true },
		{ 2 * LINEBUF_MAX + 7,	true },
	};
	struct linebuf	 in;
	struct slice	 line;
	size_t		 i, n;
	char		*text;
	int		 fd;

	(void)state;
	assert_non_null(text = malloc(2 * LINEBUF_MAX + 16));
	for (i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		n = lengths[i].length;
		memset(text, 'x', n + 4);
		memcpy(text, "a\n", 2);
		memcpy(text + 2 + n, "\nb", 2);
		fd = temporary();
		assert_int_equal(pwrite(fd, text, n + 4, 0), n + 4);
		assert_int_equal(linebuf_init(&in, fd), 0);
		assert_int_equal(linebuf_next(&in, NULL, &line), 1);
		assert_true(slice_eq(line, SLICE("a")));
		assert_int_equal(linebuf_next(&in, NULL, &line), 1);
		assert_int_equal(in.cut, lengths[i].cut);
		assert_int_equal(line.n, lengths[i].cut ? LINEBUF_MAX : n);
		assert_int_equal(line.p[0], 'x');
		assert_int_equal(line.p[line.n - 1], 'x');
		assert_int_equal(linebuf_next(&in, NULL, &line), 1);
		assert_false(in.cut);
		assert_true(slice_eq(line, SLICE("b")));
		assert_int_equal(in.number, 3);
		assert_int_equal(linebuf_next(&in, NULL, &line), 0);
		linebuf_free(&in);
		close(fd);
	}
	free(text);
}

/* What was put stands in the other pipe before linebuf_next waits for more. */
static void
test_flush(void **state)
{
	struct linebuf	 in;
	struct outbuf	 out;
	struct slice	 line;
	struct pollfd	 pfd = { .events = POLLIN };
	char		 got[16];
	int		 from[2], to[2];

	(void)state;
	assert_int_equal(pipe(from), 0);
	assert_int_equal(pipe(to), 0);
	assert_int_equal(linebuf_init(&in, from[0]), 0);
	assert_int_equal(outbuf_init(&out, to[1]), 0);
	assert_int_equal(write(from[1], "a\nb\n", 4), 4);
	assert_int_equal(linebuf_next(&in, &out, &line), 1);
	outbuf_slice(&out, line);
	assert_int_equal(linebuf_next(&in, &out, &line), 1);
	outbuf_slice(&out, line);
	pfd.fd = to[0];
	assert_int_equal(poll(&pfd, 1, 0), 0);
	if (fork() == 0) {
		/* The writer goes on only once it has seen the output. */
		if (read(to[0], got, sizeof(got)) == 2)
			(void)!write(from[1], "c\n", 2);
		_exit(0);
	}
	close(from[1]);
	assert_int_equal(linebuf_next(&in, &out, &line), 1);
	assert_true(slice_eq(line, SLICE("c")));
	assert_int_equal(linebuf_next(&in, &out, &line), 0);
	assert_int_equal(outbuf_close(&out), 0);
	linebuf_free(&in);
	close(from[0]);
	close(to[0]);
	wait(NULL);
}

/* What is there is taken without a wait, and the end only once it was read. */
static void
test_halves(void **state)
{
	struct linebuf	 in;
	struct slice	 line;
	int		 fd[2];

	(void)state;
	assert_int_equal(pipe(fd), 0);
	assert_int_equal(fcntl(fd[0], F_SETFL, O_NONBLOCK), 0);
	assert_int_equal(linebuf_init(&in, fd[0]), 0);
	assert_int_equal(linebuf_take(&in, &line), 0);
	assert_int_equal(linebuf_read(&in), -1);
	assert_int_equal(errno, EAGAIN);
	assert_int_equal(write(fd[1], "a\nb\nc", 5), 5);
	assert_int_equal(linebuf_read(&in), 1);
	assert_int_equal(linebuf_take(&in, &line), 1);
	assert_true(slice_eq(line, SLICE("a")));
	assert_int_equal(linebuf_take(&in, &line), 1);
	assert_true(slice_eq(line, SLICE("b")));
	assert_int_equal(linebuf_take(&in, &line), 0);
	assert_false(in.eof);
	close(fd[1]);
	assert_int_equal(linebuf_read(&in), 0);
	assert_true(in.eof);
	assert_int_equal(linebuf_take(&in, &line), 1);
	assert_true(slice_eq(line, SLICE("c")));
	assert_int_equal(in.number, 3);
	assert_int_equal(linebuf_take(&in, &line), 0);
	linebuf_free(&in);
	close(fd[0]);
}

/* A writer that cannot be written to ends the input; an unreadable input is said. */
static void
test_errors(void **state)
{
	struct linebuf	 in;
	struct outbuf	 out;
	struct slice	 line;
	int		 fd = temporary(), directory = open("/", O_RDONLY);
	int		 i;

	(void)state;
	for (i = 0; i < 400000; i += 4)
		assert_int_equal(pwrite(fd, "abc\n", 4, i), 4);
	assert_int_equal(linebuf_init(&in, fd), 0);
	assert_int_equal(outbuf_init(&out, open("/dev/full", O_WRONLY)), 0);
	for (i = 0; linebuf_next(&in, &out, &line) == 1; i++)
		outbuf_slice(&out, line);
	assert_int_equal(i, LINEBUF_SIZE / 4);
	assert_int_equal(outbuf_close(&out), -1);
	assert_int_equal(errno, ENOSPC);
	linebuf_open(&in, directory);
	assert_int_equal(linebuf_next(&in, NULL, &line), -1);
	assert_int_equal(errno, EISDIR);
	linebuf_free(&in);
	close(fd);
	close(directory);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_nul),
		cmocka_unit_test(test_long),
		cmocka_unit_test(test_flush),
		cmocka_unit_test(test_halves),
		cmocka_unit_test(test_errors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
