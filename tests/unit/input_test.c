/* SPDX-License-Identifier: ISC */
/*
 * Files one after the other, those that cannot be read, and complaints.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/input.h"
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

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_complaints),
		cmocka_unit_test(test_standard),
	};

	return cmocka_run_group_tests(tests, make_files, remove_files);
}
