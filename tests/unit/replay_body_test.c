/* SPDX-License-Identifier: ISC */
/*
 * Content of messages that are replayed: in pieces of any size it is the same.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/nitems.h"
#include "lib/replay_body.h"

static char	 whole[1 << 20];

/* All of it, read in pieces of at most size bytes. */
static size_t
drain(struct replay_body *b, size_t size)
{
	size_t	 n, done = 0;

	while ((n = replay_body_read(b, whole + done, size)) > 0)
		done += n;
	return done;
}

static void
made_test(void **state)
{
	static const size_t	 pieces[] = { 1, 7, 511, 65536 };
	struct replay_body	 b;
	size_t			 i, k, n, lines, size;

	(void)state;
	for (size = 0; size < 2000; size += 1 + size / 50)
		for (k = 0; k < nitems(pieces); k++) {
			replay_body_make(&b, size, SLICE("name"), 1600000000);
			n = drain(&b, pieces[k]);
			assert_memory_equal(whole + n - 5, "\r\n.\r\n", 5);
			for (i = lines = 0; i < n - 3; i++) {
				/* No line end but CRLF, no dot at the beginning of a line. */
				if (whole[i] == '\n') {
					lines++;
					assert_int_equal(whole[i - 1], '\r');
					assert_true(i + 1 == n - 3 || whole[i + 1] != '.');
				}
			}
			whole[n] = '\0';
			assert_non_null(strstr(whole, "\r\nMessage-ID: <name@"));
			assert_non_null(strstr(whole, "\r\n\r\n"));
			if (size >= REPLAY_BODY_LEAST)
				assert_int_equal(n - 3 - lines, size);
		}
}

static void
chunk_test(void **state)
{
	static char		 small[2000];
	struct replay_body	 b;
	size_t			 n;

	(void)state;
	for (n = 0; n < sizeof(small); n += 1 + n / 9) {
		replay_body_chunk(&b, n, true, SLICE("name"), 0);
		assert_int_equal(drain(&b, 100), n);
		memcpy(small, whole, n);
		replay_body_chunk(&b, n, true, SLICE("name"), 0);
		assert_int_equal(drain(&b, 1), n);
		assert_memory_equal(whole, small, n);
		replay_body_chunk(&b, n, false, SLICE("name"), 0);
		assert_int_equal(drain(&b, 100), n);
		if (n >= 9)
			assert_memory_equal(whole, "Replayed:", 9);
	}
}

static void
file_test(void **state)
{
	static const struct {
		const char	*file, *sent;
	} rows[] = {
		{ "",			".\r\n" },
		{ "a",			"a\r\n.\r\n" },
		{ "a\n",		"a\r\n.\r\n" },
		{ "a\r\n",		"a\r\n.\r\n" },
		{ "a\r\r\nb\rc\r",	"a\r\r\nb\rc\r\r\n.\r\n" },
		{ ".\n..\nx.\n",	"..\r\n...\r\nx.\r\n.\r\n" },
		{ "\n\n",		"\r\n\r\n.\r\n" },
		{ "\n.\r\n",		"\r\n..\r\n.\r\n" },
	};
	static const size_t	 pads[] = { 0, REPLAY_BODY_PIECE - 3, REPLAY_BODY_PIECE - 2,
				    REPLAY_BODY_PIECE - 1, REPLAY_BODY_PIECE };
	struct replay_body	 b;
	FILE			*f = tmpfile();
	size_t			 i, k, n;

	(void)state;
	for (i = 0; i < nitems(rows); i++)
		for (k = 0; k < nitems(pads); k++) {
			rewind(f);
			assert_int_equal(ftruncate(fileno(f), 0), 0);
			for (n = 0; n + 1 < pads[k]; n++)
				fputc('x', f);
			if (pads[k] > 0)
				fputc('\n', f);
			fputs(rows[i].file, f);
			fflush(f);
			replay_body_file(&b, fileno(f));
			n = drain(&b, k % 2 == 0 ? 65536 : 3);
			whole[n] = '\0';
			assert_string_equal(whole + (pads[k] > 0 ? pads[k] + 1 : 0),
			    rows[i].sent);
			assert_int_equal(b.error, 0);
		}
	fclose(f);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(made_test),
		cmocka_unit_test(chunk_test),
		cmocka_unit_test(file_test),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
