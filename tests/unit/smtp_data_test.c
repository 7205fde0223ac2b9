/* SPDX-License-Identifier: ISC */
/*
 * The content of a message on the wire: what comes out, what ends it and what
 * is marked, however the input is cut and however little room there is.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/slice.h"
#include "lib/smtp_data.h"

#define nitems(a)	(sizeof(a) / sizeof((a)[0]))

#define LINE_MAX_HERE	8	/* bytes without CRLF */

#define CR	1		/* marks */
#define LF	2
#define LONG	4

static const struct {
	struct slice	 in, out, rest;	/* rest: SLICE_NONE if the end is not met */
	int		 marks;
} cases[] = {
#define S(lit)	{ lit, sizeof(lit) - 1 }
#define OPEN	{ NULL, 0 }
	/* what is right */
	{ S(".\r\n"),			S(""),			S(""),	0 },
	{ S("a\r\n.\r\n"),		S("a\n"),		S(""),	0 },
	{ S("\r\n.\r\n"),		S("\n"),		S(""),	0 },
	{ S("a\r\n\r\nb\r\n.\r\n"),	S("a\n\nb\n"),		S(""),	0 },
	{ S("a\r\n.\r\nQUIT\r\n"),	S("a\n"),		S("QUIT\r\n"), 0 },
	{ S(".\r\n.\r\n"),		S(""),			S(".\r\n"), 0 },
	{ S("..\r\n.\r\n"),		S(".\n"),		S(""),	0 },
	{ S("...\r\n.\r\n"),		S("..\n"),		S(""),	0 },
	{ S("..a\r\na..\r\n.\r\n"),	S(".a\na..\n"),		S(""),	0 },
	/* a dot that nobody stuffed is dropped all the same (RFC 5321 4.5.2) */
	{ S(".a\r\n.\r\n"),		S("a\n"),		S(""),	0 },
	{ S("\0\001\377\0\r\n.\r\n"),	S("\0\001\377\0\n"),	S(""),	0 },
	/* what does not end it: the ways to smuggle */
	{ S("a\n.\n"),			S("a\n.\n"),		OPEN,	LF },
	{ S("a\n.\r\n"),		S("a\n.\n"),		OPEN,	LF },
	{ S("a\r\n.\n"),		S("a\n\n"),		OPEN,	LF },
	{ S("a\r.\r"),			S("a\r."),		OPEN,	CR },
	{ S("a\r.\r\n"),		S("a\r.\n"),		OPEN,	CR },
	{ S("a\r\n.\r"),		S("a\n"),		OPEN,	0 },
	{ S("a\r\n.\rb"),		S("a\n\rb"),		OPEN,	CR },
	{ S("a\r\n.\r\r\n"),		S("a\n\r\n"),		OPEN,	CR },
	{ S("a\r\r\n.\r\n"),		S("a\r\n"),		S(""),	CR },
	{ S("a\r\r\n.\r\r\n"),		S("a\r\n\r\n"),		OPEN,	CR },
	{ S("a\n\r.\r\n"),		S("a\n\r.\n"),		OPEN,	CR | LF },
	{ S("a\n\r\n.\n"),		S("a\n\n\n"),		OPEN,	LF },
	{ S("a\r.\n"),			S("a\r.\n"),		OPEN,	CR | LF },
	{ S("a\n.\r"),			S("a\n."),		OPEN,	LF },
	{ S("a\r\n.\0\r\n"),		S("a\n\0\n"),		OPEN,	0 },
	{ S("a\r\n\0.\r\n"),		S("a\n\0.\n"),		OPEN,	0 },
	{ S("a\r\n.\r\0\n"),		S("a\n\r\0\n"),		OPEN,	CR | LF },
	{ S("a\r\0\n.\r\n"),		S("a\r\0\n.\n"),	OPEN,	CR | LF },
	{ S("a\r\n .\r\n"),		S("a\n .\n"),		OPEN,	0 },
	{ S("a\r\n. \r\n"),		S("a\n \n"),		OPEN,	0 },
	{ S("\n.\r\n"),			S("\n.\n"),		OPEN,	LF },
	{ S(".\n"),			S("\n"),		OPEN,	LF },
	{ S(".\r"),			S(""),			OPEN,	0 },
	/* the true end is found behind it */
	{ S("a\n.\nb\r\n.\r\nQUIT"),	S("a\n.\nb\n"),		S("QUIT"), LF },
	{ S("a\r.\rb\r\n.\r\n"),	S("a\r.\rb\n"),		S(""),	CR },
	/* long lines */
	{ S("12345678\r\n.\r\n"),	S("12345678\n"),	S(""),	0 },
	{ S("123456789\r\n.\r\n"),	S("123456789\n"),	S(""),	LONG },
	{ S("..2345678\r\n.\r\n"),	S(".2345678\n"),	S(""),	0 },
	{ S("1234\r\n56789\r\n.\r\n"),	S("1234\n56789\n"),	S(""),	0 },
	{ S("1234567\r9\r\n.\r\n"),	S("1234567\r9\n"),	S(""),	CR | LONG },
#undef S
#undef OPEN
};

static void
check(size_t i, const struct smtp_data *d, const char *out, size_t n, size_t used)
{
	int	 marks = d->bare_cr * CR | d->bare_lf * LF | d->long_line * LONG;

	if (!slice_eq(slice_make(out, n), cases[i].out))
		fail_msg("case %zu: wrong output of %zu bytes", i, n);
	if (d->end != (cases[i].rest.p != NULL))
		fail_msg("case %zu: end %d", i, d->end);
	if (used != cases[i].in.n - cases[i].rest.n)
		fail_msg("case %zu: %zu bytes used", i, used);
	if (marks != cases[i].marks)
		fail_msg("case %zu: marks %d", i, marks);
}

/*
 * Feeds bytes [*used, to) with room for so many at a time.  Each call sees a
 * block of its own size, so that a sanitizer sees what is read beyond it.
 */
static void
feed(struct smtp_data *d, struct slice in, size_t to, size_t room, char *out,
    size_t *n, size_t *used)
{
	size_t	 took, wrote;
	char	*copy, *piece;

	while (*used < to && !d->end) {
		copy = malloc(to - *used);
		piece = malloc(room);
		assert_true(copy != NULL && piece != NULL);
		memcpy(copy, in.p + *used, to - *used);
		took = smtp_data_feed(d, copy, to - *used, piece, room, &wrote);
		assert_true(took > 0 && took <= to - *used && wrote <= room);
		memcpy(out + *n, piece, wrote);
		*n += wrote;
		*used += took;
		free(copy);
		free(piece);
	}
}

static void
test_whole(void **state)
{
	struct smtp_data d;
	char		 out[200];
	size_t		 i, n, used;

	(void)state;
	for (i = 0; i < nitems(cases); i++) {
		n = used = 0;
		smtp_data_init(&d, LINE_MAX_HERE, false);
		feed(&d, cases[i].in, cases[i].in.n, sizeof(out), out, &n, &used);
		check(i, &d, out, n, used);
	}
}

/* Cut at every two places, with every little room. */
static void
test_splits(void **state)
{
	struct smtp_data d;
	struct slice	 in;
	char		 out[200];
	size_t		 i, a, b, room, n, used;

	(void)state;
	for (i = 0; i < nitems(cases); i++) {
		in = cases[i].in;
		for (a = 0; a <= in.n; a++)
			for (b = a; b <= in.n; b++)
				for (room = 2; room < 6; room++) {
					n = used = 0;
					smtp_data_init(&d, LINE_MAX_HERE, false);
					feed(&d, in, a, room, out, &n, &used);
					feed(&d, in, b, room, out, &n, &used);
					feed(&d, in, in.n, room, out, &n, &used);
					check(i, &d, out, n, used);
				}
	}
}

static void
test_bytes(void **state)
{
	struct smtp_data d;
	char		 out[200];
	size_t		 i, at, n, used;

	(void)state;
	for (i = 0; i < nitems(cases); i++) {
		n = used = 0;
		smtp_data_init(&d, LINE_MAX_HERE, false);
		for (at = 1; at <= cases[i].in.n; at++)
			feed(&d, cases[i].in, at, 2, out, &n, &used);
		check(i, &d, out, n, used);
	}
}

/* Of all texts of six bytes from this alphabet, only those with CRLF . CRLF end. */
static void
test_every_text(void **state)
{
	static const char alphabet[] = "\r\n.x";
	static const char end[] = "\r\n.\r\n";
	struct smtp_data d;
	char		 in[2 + 7], out[20];
	const char	*found;
	size_t		 i, k, n, used, code, total = 1;

	(void)state;
	for (i = 0; i < 7; i++)
		total *= 4;
	memcpy(in, "\r\n", 2);		/* of the DATA command */
	for (code = 0; code < total; code++) {
		for (i = 0, k = code; i < 7; i++, k /= 4)
			in[2 + i] = alphabet[k % 4];
		n = used = 0;
		smtp_data_init(&d, LINE_MAX_HERE, false);
		feed(&d, slice_make(in + 2, 7), 7, sizeof(out), out, &n, &used);
		found = memmem(in, sizeof(in), end, 5);
		assert_int_equal(d.end, found != NULL);
		if (found != NULL)
			assert_int_equal(used, found - in + 5 - 2);
	}
}

static const struct {
	const char	*text, *wire;
} encoded[] = {
	{ "",			"" },
	{ "a\n",		"a\r\n" },
	{ "a",			"a" },
	{ "\n\n",		"\r\n\r\n" },
	{ ".\n",		"..\r\n" },
	{ "..\n.a\na.\n",	"...\r\n..a\r\na.\r\n" },
	{ "a\n.",		"a\r\n.." },
	{ "a.\n\n.\n",		"a.\r\n\r\n..\r\n" },
};

static void
test_encode(void **state)
{
	char	 out[100];
	size_t	 i, cut, n, len;
	bool	 bol;

	(void)state;
	for (i = 0; i < nitems(encoded); i++) {
		len = strlen(encoded[i].text);
		for (cut = 0; cut <= len; cut++) {
			bol = true;
			n = smtp_data_encode(&bol, encoded[i].text, cut, out);
			assert_true(n <= 2 * cut);
			n += smtp_data_encode(&bol, encoded[i].text + cut,
			    len - cut, out + n);
			assert_true(slice_eq(slice_make(out, n),
			    slice_str(encoded[i].wire)));
			assert_int_equal(bol,
			    len == 0 || encoded[i].text[len - 1] == '\n');
		}
	}
}

/* Any text of whole lines comes back from the wire as it was. */
static void
test_there_and_back(void **state)
{
	static const char alphabet[] = ".\nx\0";
	struct smtp_data d;
	char		 text[9], wire[40], back[40];
	size_t		 i, k, n, used, code;
	bool		 bol;

	(void)state;
	text[8] = '\n';
	for (code = 0; code < 1 << 16; code++) {
		for (i = 0, k = code; i < 8; i++, k /= 4)
			text[i] = alphabet[k % 4];
		bol = true;
		n = smtp_data_encode(&bol, text, sizeof(text), wire);
		memcpy(wire + n, ".\r\n", 3);
		smtp_data_init(&d, 100, false);
		used = smtp_data_feed(&d, wire, n + 3, back, sizeof(back), &k);
		assert_true(d.end && used == n + 3 && !d.bare_cr && !d.bare_lf);
		assert_true(slice_eq(slice_make(back, k),
		    slice_make(text, sizeof(text))));
	}
}

static const struct {
	struct slice	 in, out;
	int		 marks;
} chunked[] = {
#define S(lit)	{ lit, sizeof(lit) - 1 }
	{ S(""),		S(""),			0 },
	{ S("\r\n"),		S("\n"),		0 },
	{ S("a"),		S("a\n"),		0 },	/* a line that has no end gets one */
	{ S("a\r\n"),		S("a\n"),		0 },
	{ S("."),		S(".\n"),		0 },	/* dots are bytes like others */
	{ S(".\r\n"),		S(".\n"),		0 },
	{ S("a\r\n.\r\nb"),	S("a\n.\nb\n"),		0 },
	{ S("..\r\n.a\r\n"),	S("..\n.a\n"),		0 },
	{ S("\0\377\r\n"),	S("\0\377\n"),		0 },
	{ S("\r"),		S("\n"),		CR },
	{ S("a\r"),		S("a\n"),		CR },
	{ S("a\rb\r\n"),	S("a\rb\n"),		CR },
	{ S("a\r\r\n"),		S("a\r\n"),		CR },
	{ S("a\nb\r\n"),	S("a\nb\n"),		LF },
	{ S("\n"),		S("\n\n"),		LF },
	{ S("a\n"),		S("a\n\n"),		LF },
	{ S(".2345678\r\n"),	S(".2345678\n"),		0 },
	{ S(".23456789\r\n"),	S(".23456789\n"),	LONG },
	{ S("123456789"),	S("123456789\n"),	LONG },
#undef S
};

/* Chunks of every length, with every little room. */
static void
test_chunks(void **state)
{
	struct smtp_data d;
	char		 out[200];
	size_t		 i, cut, room, n, used, to;

	(void)state;
	for (i = 0; i < nitems(chunked); i++)
		for (cut = 1; cut <= chunked[i].in.n + 1; cut++)
			for (room = 2; room < 5; room++) {
				n = used = to = 0;
				smtp_data_init(&d, LINE_MAX_HERE, true);
				while (used < chunked[i].in.n) {
					to = to + cut < chunked[i].in.n ?
					    to + cut : chunked[i].in.n;
					feed(&d, chunked[i].in, to, room, out,
					    &n, &used);
				}
				n += smtp_data_finish(&d, out + n);
				if (!slice_eq(slice_make(out, n), chunked[i].out) ||
				    (d.bare_cr * CR | d.bare_lf * LF |
				    d.long_line * LONG) != chunked[i].marks ||
				    d.end)
					fail_msg("chunk %zu: cut %zu, room %zu",
					    i, cut, room);
				/* Nothing is left to be ended. */
				assert_int_equal(smtp_data_finish(&d, out), 0);
			}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole),
		cmocka_unit_test(test_splits),
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_every_text),
		cmocka_unit_test(test_encode),
		cmocka_unit_test(test_there_and_back),
		cmocka_unit_test(test_chunks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
