/* SPDX-License-Identifier: ISC */
/*
 * What is put comes out, in order; what cannot is said.
 */
#include <sys/types.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/outbuf.h"

static int
temporary(void)
{
	char	 name[] = "/tmp/outbuf_test.XXXXXX";
	int	 fd = mkstemp(name);

	assert_int_not_equal(fd, -1);
	unlink(name);
	return fd;
}

static const size_t sizes[] = { 0, 1, 2, 1000, OUTBUF_SIZE - 1, OUTBUF_SIZE,
    OUTBUF_SIZE + 1, 5 * OUTBUF_SIZE + 3 };

#define NSIZES	(sizeof(sizes) / sizeof(sizes[0]))

/* Every size after every other. */
static void
test_sizes(void **state)
{
	struct outbuf	 out;
	char		*text, *got;
	size_t		 i, k, n, max = 2 * sizes[NSIZES - 1] + 1;
	int		 fd;

	(void)state;
	assert_non_null(text = malloc(max));
	assert_non_null(got = malloc(max));
	for (i = 0; i < max; i++)
		text[i] = (char)(i * 31 + (i >> 8));
	for (i = 0; i < NSIZES; i++)
		for (k = 0; k < NSIZES; k++) {
			fd = temporary();
			n = sizes[i] + sizes[k] + 1;
			assert_int_equal(outbuf_init(&out, dup(fd)), 0);
			outbuf_put(&out, text, sizes[i]);
			outbuf_slice(&out, slice_make(text + sizes[i], sizes[k]));
			outbuf_char(&out, text[n - 1]);
			assert_int_equal(outbuf_close(&out), 0);
			assert_int_equal(pread(fd, got, max, 0), n);
			assert_memory_equal(got, text, n);
			close(fd);
		}
	free(text);
	free(got);
}

/* The first error stays, whether it comes with a flush, a put or the close. */
static void
test_full(void **state)
{
	struct outbuf	 out;
	size_t		 i;

	(void)state;
	for (i = 1; i < NSIZES; i++) {
		assert_int_equal(outbuf_init(&out, open("/dev/full", O_WRONLY)), 0);
		for (size_t n = sizes[i]; n > 0; n--)
			outbuf_char(&out, 'x');
		if (i & 1) {
			errno = 0;
			assert_int_equal(outbuf_flush(&out), -1);
			assert_int_equal(errno, ENOSPC);
			outbuf_char(&out, 'x');
		}
		errno = 0;
		assert_int_equal(outbuf_close(&out), -1);
		assert_int_equal(errno, ENOSPC);
	}
	signal(SIGPIPE, SIG_IGN);
	assert_int_equal(outbuf_init(&out, -1), 0);
	outbuf_char(&out, 'x');
	assert_int_equal(outbuf_close(&out), -1);
	assert_int_equal(errno, EBADF);
}

/* A non-blocking pipe is waited for. */
static void
test_nonblocking(void **state)
{
	static char	 text[300000];
	struct outbuf	 out;
	char		 got[4096];
	size_t		 total = 0;
	ssize_t		 n;
	int		 fd[2], status;

	(void)state;
	assert_int_equal(pipe(fd), 0);
	if (fork() == 0) {
		close(fd[1]);
		while ((n = read(fd[0], got, sizeof(got))) > 0) {
			total += (size_t)n;
			usleep(100);
		}
		_exit(total == sizeof(text) ? 0 : 1);
	}
	close(fd[0]);
	fcntl(fd[1], F_SETFL, O_NONBLOCK);
	assert_int_equal(outbuf_init(&out, fd[1]), 0);
	outbuf_put(&out, text, sizeof(text));
	assert_int_equal(outbuf_close(&out), 0);
	assert_int_not_equal(wait(&status), -1);
	assert_int_equal(status, 0);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_nonblocking),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
