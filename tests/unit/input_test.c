/* SPDX-License-Identifier: ISC */
/*
 * Files one after the other, compressed ones, those that cannot be read, and
 * complaints.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/input.h"
#include "lib/nitems.h"
#include "lib/outbuf.h"

static char	 name_a[] = "/tmp/input_test_a.XXXXXX";
static char	 name_b[] = "/tmp/input_test_b.XXXXXX";

static int
make_files(void **state)
{
	static const char	 a[] = "config|ready\n\nreport|1|1|smtp-in|timeout|c7";
	static const char	 b[] = "what\n\tthis\n";
	int			 fa = mkstemp(name_a), fb = mkstemp(name_b);

	(void)state;
	if (write(fa, a, sizeof(a) - 1) == -1 || write(fb, b, sizeof(b) - 1) == -1)
		return -1;
	close(fa);
	close(fb);
	return 0;
}

static int
remove_files(void **state)
{
	(void)state;
	return unlink(name_a) | unlink(name_b);
}

static void
test_files(void **state)
{
	static char		 gone[] = "/nonexistent/file", directory[] = "/";
	char *const		 files[] = { name_a, gone, directory, name_b, NULL };
	static const struct {
		int			 answer;
		enum report_class	 class;
		int			 error;
		size_t			 number;
	} expected[] = {
		{ 1,	REPORT_FOREIGN,		0,	1 },
		{ 1,	REPORT_BLANK,		0,	2 },
		{ 1,	REPORT_KNOWN,		0,	3 },
		{ -1,	0,			ENOENT,	0 },
		{ -1,	0,			EISDIR,	0 },
		{ 1,	REPORT_MALFORMED,	0,	1 },
		{ 1,	REPORT_MALFORMED,	0,	2 },
		{ 0,	0,			0,	0 },
		{ 0,	0,			0,	0 },
	};
	struct input		 in;
	struct outbuf		 out;
	struct report		 r;
	enum report_class	 class;
	size_t			 i;

	(void)state;
	assert_int_equal(input_init(&in, files), 0);
	assert_int_equal(outbuf_init(&out, open("/dev/null", O_WRONLY)), 0);
	for (i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
		errno = 0;
		assert_int_equal(input_next(&in, &out, &r, &class), expected[i].answer);
		if (expected[i].answer == -1)
			assert_int_equal(errno, expected[i].error);
		if (expected[i].answer != 1)
			continue;
		assert_int_equal(class, expected[i].class);
		assert_int_equal(in.lines.number, expected[i].number);
	}
	input_free(&in);
	assert_int_equal(outbuf_close(&out), 0);
}

/* The first are named, with what was wrong; then they are counted. */
static void
test_complaints(void **state)
{
	char *const		 files[] = { name_b, NULL };
	struct input		 in;
	struct outbuf		 out;
	struct report		 r;
	enum report_class	 class;
	char			 expected[128];
	size_t			 i;

	(void)state;
	assert_int_equal(input_init(&in, files), 0);
	assert_int_equal(outbuf_init(&out, open("/dev/null", O_WRONLY)), 0);
	input_next(&in, &out, &r, &class);
	input_next(&in, &out, &r, &class);
	snprintf(expected, sizeof(expected), "%s:2: not a report line: \\011this", name_b);
	assert_string_equal(input_complaint(&in, &r), expected);
	report_parse(&r, SLICE("report|1|x|smtp-in|timeout|c7"));
	snprintf(expected, sizeof(expected),
	    "%s:2: time: not a time: report|1|x|smtp-in|timeout|c7", name_b);
	assert_string_equal(input_complaint(&in, &r), expected);
	for (i = 2; i < INPUT_COMPLAINTS; i++)
		assert_non_null(input_complaint(&in, &r));
	assert_null(input_complaint(&in, &r));
	assert_int_equal(in.malformed, INPUT_COMPLAINTS + 1);
	input_free(&in);
	assert_int_equal(outbuf_close(&out), 0);
}

/* Without files, and for "-", it is standard input. */
static void
test_standard(void **state)
{
	static char		 dash[] = "-";
	char *const		 none[] = { NULL };
	char *const		 dashed[] = { name_b, dash, NULL };
	struct input		 in;
	struct outbuf		 out;
	struct report		 r;
	enum report_class	 class;
	int			 i;

	(void)state;
	assert_int_equal(outbuf_init(&out, open("/dev/null", O_WRONLY)), 0);
	for (i = 0; i < 2; i++) {
		assert_int_equal(dup2(open(name_a, O_RDONLY), STDIN_FILENO), STDIN_FILENO);
		assert_int_equal(input_init(&in, i == 0 ? none : dashed), 0);
		do {
			assert_int_equal(input_next(&in, &out, &r, &class), 1);
		} while (class == REPORT_MALFORMED);
		assert_string_equal(in.name, "stdin");
		assert_int_equal(class, REPORT_FOREIGN);
		input_free(&in);
		assert_int_not_equal(fcntl(STDIN_FILENO, F_GETFD), -1);
	}
	assert_int_equal(outbuf_close(&out), 0);
}

/* Made by gzip, zstd and xz of "config|ready\n". */
static const struct {
	const char	*suffix, *program;
	unsigned char	 bytes[80];
	size_t		 n;
} compressed[] = {
	{ ".gz", "gzip", {
		0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x03, 0x4b, 0xce,
		0xcf, 0x4b, 0xcb, 0x4c, 0xaf, 0x29, 0x4a, 0x4d, 0x4c, 0xa9, 0xe4, 0x02,
		0x00, 0xac, 0x62, 0xa2, 0xfc, 0x0d, 0x00, 0x00, 0x00,
	}, 33 },
	{ ".zst", "zstd", {
		0x28, 0xb5, 0x2f, 0xfd, 0x04, 0x58, 0x69, 0x00, 0x00, 0x63, 0x6f, 0x6e,
		0x66, 0x69, 0x67, 0x7c, 0x72, 0x65, 0x61, 0x64, 0x79, 0x0a, 0x3e, 0x15,
		0xf6, 0xe1,
	}, 26 },
	{ ".xz", "xz", {
		0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00, 0x00, 0x04, 0xe6, 0xd6, 0xb4, 0x46,
		0x02, 0x00, 0x21, 0x01, 0x16, 0x00, 0x00, 0x00, 0x74, 0x2f, 0xe5, 0xa3,
		0x01, 0x00, 0x0c, 0x63, 0x6f, 0x6e, 0x66, 0x69, 0x67, 0x7c, 0x72, 0x65,
		0x61, 0x64, 0x79, 0x0a, 0x00, 0x00, 0x00, 0x00, 0x3d, 0x21, 0x45, 0xf7,
		0xbd, 0xaa, 0x87, 0x0e, 0x00, 0x01, 0x25, 0x0d, 0x71, 0x19, 0xc4, 0xb6,
		0x1f, 0xb6, 0xf3, 0x7d, 0x01, 0x00, 0x00, 0x00, 0x00, 0x04, 0x59, 0x5a,
	}, 72 },
};

static const char	 compressed_line[] = "config|ready";

/* A file that a program of PATH reads, cut bytes before its end. */
static void
check_compressed(size_t i, const char *path, size_t cut, int answer, int error)
{
	char			 name[64], what[80];
	char *const		 files[] = { name, NULL };
	struct input		 in;
	struct outbuf		 out;
	struct slice		 line;
	int			 fd, n;

	snprintf(name, sizeof(name), "%s%s", name_a, compressed[i].suffix);
	assert_int_not_equal(fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600), -1);
	assert_true(write(fd, compressed[i].bytes, compressed[i].n - cut) > 0);
	close(fd);
	setenv("PATH", path, 1);
	assert_int_equal(input_init(&in, files), 0);
	assert_int_equal(outbuf_init(&out, open("/dev/null", O_WRONLY)), 0);
	while ((n = input_line(&in, &out, &line)) == 1)
		assert_true(slice_eq(line, slice_str(compressed_line)));
	assert_int_equal(n, answer);
	if (answer == -1) {
		assert_int_equal(errno, error);
		snprintf(what, sizeof(what), "%s: %s", name, compressed[i].program);
		assert_string_equal(in.name, what);
		assert_int_equal(input_line(&in, &out, &line), 0);
	}
	input_free(&in);
	assert_int_equal(outbuf_close(&out), 0);
	assert_int_equal(unlink(name), 0);
}

static bool
is_installed(const char *program)
{
	char	 command[64];

	snprintf(command, sizeof(command), "command -v %s >/dev/null", program);
	return system(command) == 0;
}

static void
test_compressed(void **state)
{
	char	*path = strdup(getenv("PATH"));
	int	 quiet = open("/dev/null", O_WRONLY), error = dup(STDERR_FILENO);
	size_t	 i;

	(void)state;
	for (i = 0; i < nitems(compressed); i++) {
		check_compressed(i, "/nonexistent", 0, -1, ENOENT);
		setenv("PATH", path, 1);
		if (!is_installed(compressed[i].program))
			continue;
		check_compressed(i, path, 0, 0, 0);
		/* The program says on its own what it thinks of such a file. */
		dup2(quiet, STDERR_FILENO);
		check_compressed(i, path, 2, -1, EIO);
		dup2(error, STDERR_FILENO);
	}
	close(quiet);
	close(error);
	free(path);
}

/* Whoever stops before the end leaves no process behind. */
static void
test_stop_early(void **state)
{
	static char		 name[64];
	char *const		 files[] = { name, NULL };
	char			 command[200];
	struct input		 in;
	struct outbuf		 out;
	struct slice		 line;
	pid_t			 child;

	(void)state;
	if (!is_installed("gzip"))
		skip();
	snprintf(name, sizeof(name), "%s.gz", name_a);
	snprintf(command, sizeof(command), "yes 'config|ready' | head -c 9000000 | gzip -1 >%s", name);
	assert_int_equal(system(command), 0);
	assert_int_equal(input_init(&in, files), 0);
	assert_int_equal(outbuf_init(&out, open("/dev/null", O_WRONLY)), 0);
	assert_int_equal(input_line(&in, &out, &line), 1);
	child = in.child;
	assert_int_equal(kill(child, 0), 0);
	input_free(&in);
	assert_int_equal(kill(child, 0), -1);
	assert_int_equal(outbuf_close(&out), 0);
	assert_int_equal(unlink(name), 0);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_complaints),
		cmocka_unit_test(test_standard),
		cmocka_unit_test(test_compressed),
		cmocka_unit_test(test_stop_early),
	};

	return cmocka_run_group_tests(tests, make_files, remove_files);
}
