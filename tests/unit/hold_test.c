/* SPDX-License-Identifier: ISC */
/*
 * Lines held: which are written, in which order, what is counted, and what is
 * given up.
 */
#include <sys/socket.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/hold.h"
#include "lib/linebuf.h"
#include "lib/nitems.h"
#include "lib/outbuf.h"

#define LINE_SIZE	256
#define LINES		32
#define INPUT_SIZE	(LINES * LINE_SIZE)
#define FIRST		((size_t)0x1000000)	/* of many sessions */

/*
 * Lines are written as the number of their session and what they are; 5 to 9
 * are of smtp-out.  A + behind one says that it is selected, a ! that it is the
 * last that is read, for no more is to come.  Each is a second after the one
 * before.
 */
static const struct {
	char		 letter;
	const char	*event, *rest;
} kinds[] = {
	{ 'C', "link-connect", "|h|pass|192.0.2.1:1|192.0.2.2:25" },
	{ 'T', "link-tls", "|TLSv1.3:x:256" },
	{ 'D', "link-disconnect", "" },
	{ 'H', "protocol-client", "|EHLO h" },
	{ 'M', "protocol-client", "|mail from:<a@b>" },
	{ 'R', "protocol-client", "|RCPT TO:<c@d>" },
	{ 'A', "protocol-client", "|DATA" },
	{ '.', "protocol-client", "|." },
	{ 'N', "protocol-client", "|NOOP" },
	{ 'Q', "protocol-client", "|QUIT" },
	{ '2', "protocol-server", "|250 well" },
	{ '-', "protocol-server", "|250-well" },
	{ 'b', "tx-begin", "|0000000a" },
	{ 'm', "tx-mail", "|0000000a|ok|a@b" },
	{ 'z', "tx-mail", "|00000000|permfail|a@b" },
	{ 'r', "tx-rcpt", "|0000000a|ok|c@d" },
	{ 'k', "tx-commit", "|0000000a|7" },
	{ 'x', "tx-rollback", "|0000000a" },
	{ 't', "tx-reset", "|0000000a" },
	{ 'n', "tx-news", "|0000000a|what nobody knows" },
	{ 'G', "report-gap", "|5|1600000000.000000|1600000001.000000" },
	{ 'S', "tx-summary", "|0000000a|commit|1600000000.000000|1.000000|||||||||||||||||" },
	{ 'L', "link-summary", "|open|1600000000.000000|1.000000||||||||||||||||" },
};

static const struct row {
	const char	*what;
	const char	*options;	/* as rptfilter's, with a digit where one has a value */
	const char	*lines;
	const char	*written;	/* a is the first line, / a blank one */
	size_t		 selected, given_up;
} rows[] = {
	/* sessions */
	{ "nothing", "", "", "", 0, 0 },
	{ "none is selected", "", "1C 1M 1D 2C", "", 0, 0 },
	{ "held, then live", "", "1C 1M+ 2C 1D 2D", "abd", 1, 0 },
	{ "live from the first", "", "1C+ 1M 1D", "abc", 1, 0 },
	{ "the last line decides", "", "1C 1M 1D+", "abc", 1, 0 },
	{ "selected twice, counted once", "", "1C+ 1M+ 1D+", "abc", 1, 0 },
	{ "as they come", "", "1C 2C 2M+ 1M+ 2D 1D", "bcadef", 2, 0 },
	{ "open at the end", "", "1C 2C 1M+ 1Q", "acd", 1, 0 },
	{ "an unknown event of it", "", "1C 1n 1D+", "abc", 1, 0 },
	{ "its beginning was not seen", "", "1Q+ 1D", "ab", 1, 0 },
	{ "the same number again", "", "1C+ 1D 1C 1D", "ab", 1, 0 },
	{ "nothing is left of one that ended", "", "1C 1D 2C 2M+ 2D 1M+", "cdef", 2, 0 },
	{ "both directions", "", "1C 5C 5M+ 1D 5D", "bce", 1, 0 },
	{ "a link-summary ends it", "", "1S 1L 1S+", "c", 1, 0 },
	{ "lines of no session", "", "0G+ 0G", "a", 1, 0 },
	/* sessions as groups */
	{ "-g: each together", "g", "1C 2C 2M+ 1M+ 2D 1D", "bce/adf/", 2, 0 },
	{ "-g: open at the end, in their order", "g", "1C 2C+ 1M+ 2M 3C", "ac/bd/", 2, 0 },
	{ "-g: lines of no session", "g", "0G+ 0G 1C+", "a/c/", 2, 0 },
	{ "-v: at its end", "v", "1C 2C 2M+ 1M 1D 2D", "ade", 1, 0 },
	{ "-v: open at the end", "v", "1C 2C+ 1M", "ac", 1, 0 },
	{ "-v: lines of no session", "v", "0G+ 0G", "b", 1, 0 },
	{ "-vg", "vg", "1C 2C 1M 2D 1D", "bd/ace/", 2, 0 },
	{ "-c", "c", "1C 2C 2M+ 1M+ 3C 2D 1D", "", 2, 0 },
	{ "-cv", "cv", "1C 2C 2M+ 1M 3C 2D 1D", "", 2, 0 },
	/* no more than that */
	{ "-m: those within to their end", "m1", "1C+ 2C+ 1M 2M 1D! 2D+ 1C+", "ace", 1, 0 },
	{ "-m: the first that is selected", "m1", "1C 2C+ 1M+ 2D! 1D", "bd", 1, 0 },
	{ "-m: the second is the last", "m2", "1C+ 2C+ 3C+ 2D 3D 1D! 4C+", "abdf", 2, 0 },
	{ "-m -g", "m1g", "1C+ 2C+ 2D 1D! 2C", "ad/", 1, 0 },
	{ "-m -v: the first that ends", "m1v", "1C 2C 2D! 1D", "bc", 1, 0 },
	{ "-m -c: stops at once", "m1c", "1C+! 2C+ 1D", "", 1, 0 },
	{ "-m 0", "m0", "", "", 0, 0 },
	/* bounds */
	{ "-o: the oldest goes", "o1", "1C 2C+ 1D+ 2D", "bcd", 2, 1 },
	{ "-o: as many as that are kept", "o2", "1C 2C 1D+ 2D+", "acbd", 2, 0 },
	{ "-o: what was live stays as it is", "o1", "1C+ 2C 1M 2D", "a", 1, 2 },
	{ "-o -g: as far as it is known", "o1g", "1C+ 2C 2D", "a/", 1, 1 },
	{ "-o -g: not known yet", "o1g", "1C 2C+ 2D", "bc/", 1, 1 },
	{ "-o -v: may still be selected", "o1v", "1C 2C 2D 2M+", "bc", 1, 1 },
	{ "-o -c", "o1c", "1C+ 2C+ 3C", "", 2, 2 },
	{ "-a: the older go", "a3", "1C 2C 2M 2M 2M 1M+", "f", 1, 2 },
	{ "-a: not those of that age", "a3", "1C 1M 1M 1D+", "abcd", 1, 0 },
	{ "-a: its own line is too late", "a1", "1C 2C 1D+", "c", 1, 1 },
	{ "-a 0: any age", "a0", "1C 2C 2M 2M 2M 2M 2M 2M 1D+", "ai", 1, 0 },
	/* transactions */
	{ "-M: from MAIL to the reply", "M",
	    "1C 1H 12 1M 1b 1m+ 12 1R 1r 12 1A 12 1. 1k 1t 12 1Q 12 1D",
	    "defghijklmnop", 1, 0 },
	{ "-M: the reply before the commit", "M", "1M 1b 12 1. 12 1k+ 1t 1Q", "abcdefg", 1, 0 },
	{ "-M: a reply of two lines", "M", "1M 1b 1. 1k+ 1- 12 12", "abcdef", 1, 0 },
	{ "-M: one of two", "M", "1M 1b 12 1. 1k 12 1M 1b+ 12 1. 1k 12", "ghijkl", 1, 0 },
	{ "-M: the other", "M", "1M 1b+ 12 1. 1k 12 1M 1b 12 1. 1k 12", "abcdef", 1, 0 },
	{ "-M: a refused MAIL is one", "M", "1M 1z 12+ 1M 1b 12 1x 12", "abc", 1, 0 },
	{ "-M: lines of the link are in none", "M", "1C+ 1M 1b 1T+ 12 1x 1D+", "", 0, 0 },
	{ "-M: the end of the link is its end", "M", "1M 1b+ 1D 1r+ 1D", "abd", 2, 0 },
	{ "-M: a new link, too", "M", "5M 5b 5C 5M 5b+", "de", 1, 0 },
	{ "-M: without commands", "M", "1b 1m 1r+ 1k 1b 1m 1k 1b 1m+ 1x 1t", "abcdhijk", 2, 0 },
	{ "-M: without an end", "M", "1b 1m+ 1b 1m", "ab", 1, 0 },
	{ "-M: an unknown event in it", "M", "1M 1n 1b+ 1x 12 1n", "abcde", 1, 0 },
	{ "-M: a reset alone is none", "M", "1t+ 1Q+ 12+", "", 0, 0 },
	{ "-M: a summary is one", "M", "1M 1b+ 1S+ 1S 12 1k", "abcef", 2, 0 },
	{ "-M: a relay goes on after a rollback", "M",
	    "5M 5b 52 5R 5x+ 52 5R 5r 52 5A 52 5. 5k 52 5Q 52", "abcdefghijklmn", 1, 0 },
	{ "-M: and is not over before its end", "M",
	    "5M 5b 5R 5x 52 5R 5r 52 5N 52 5A 5. 5k+", "abcdefghijklm", 1, 0 },
	{ "-M: a relay's next message", "M", "5M 5b 5. 5k 52 5M 5b+ 5. 5k 52", "fghij", 1, 0 },
	{ "-M -g", "Mg", "1M 2M 1b+ 2b+ 12 22 2. 2k 22 1. 1k 12", "bdfghi/acejkl/", 2, 0 },
	{ "-M -v", "Mv", "1C 1M 1b 1x+ 12 1M 1b 1x 12 1D", "fghi", 1, 0 },
	{ "-M -c", "Mc", "1M 1b+ 1x 12 1M 1b 1x 12 1M 1b+", "", 2, 0 },
	{ "-M -m", "Mm1", "1M 1b+ 1x 12! 1M+ 1b 1x 12", "abcd", 1, 0 },
	{ "-M -o", "Mo1", "1M 2C 2M 1b+ 2b+", "de", 2, 3 },
	{ "-M -a", "Ma2", "1M 2M 1b 2b 1r+", "e", 1, 2 },
};

/* -- the lines of a row -- */

static struct hold_options
options_of(const char *s)
{
	struct hold_options	 o = { .most = 1000 };

	for (; *s != '\0'; s++)
		switch (*s) {
		case 'M':
			o.transactions = true;
			break;
		case 'a':
			o.oldest = (uint64_t)(*++s - '0') * 1000000;
			break;
		case 'c':
			o.silent = true;
			break;
		case 'g':
			o.whole = true;
			break;
		case 'm':
			o.limited = true;
			o.limit = (size_t)(*++s - '0');
			break;
		case 'o':
			o.most = (size_t)(*++s - '0');
			break;
		case 'v':
			o.invert = true;
			break;
		default:
			fail_msg("no option: %c", *s);
		}
	return o;
}

/* The line that stands at p; the time of one that is selected has a fraction. */
static void
line_of(const char *p, size_t second, char *line)
{
	size_t	 i;

	for (i = 0; i < nitems(kinds) && kinds[i].letter != p[1]; i++)
		;
	assert_true(i < nitems(kinds));
	snprintf(line, LINE_SIZE,
	    "report|0.7|%zu%s|%s|%s|%s%c%s\n", 1600000000 + second,
	    p[2] == '+' ? ".000000" : "", *p >= '5' ? "smtp-out" : "smtp-in", kinds[i].event,
	    *p == '0' ? "000000000000000" : "a00000000000000", *p, kinds[i].rest);
}

static bool
is_selected(const struct report *r)
{
	return memchr(r->field[RF_TIME].p, '.', r->field[RF_TIME].n) != NULL;
}

/* How many of its lines are read. */
static size_t
read_of(const struct row *row)
{
	const char	*p = row->lines;
	size_t		 n = *p != '\0';

	for (; *p != '\0' && *p != '!'; p++)
		n += *p == ' ';
	return n;
}

/* All lines, one after the other, and what is to be written of them. */
static void
texts_of(const struct row *row, char *input, char *expected)
{
	char		 lines[LINES][LINE_SIZE];
	const char	*p;
	size_t		 n = 0;

	*input = *expected = '\0';
	for (p = row->lines; *p != '\0'; p += strcspn(p, " "), p += *p == ' ') {
		assert_true(n < LINES);
		line_of(p, n, lines[n]);
		strcat(input, lines[n++]);
	}
	for (p = row->written; *p != '\0'; p++)
		strcat(expected, *p == '/' ? "\n" : lines[*p - 'a']);
}

/* -- held -- */

struct world {
	struct outbuf	 out;
	struct linebuf	 in;
	FILE		*file;
	char		 text[INPUT_SIZE];
};

static void
world_new(struct world *w)
{
	assert_non_null(w->file = tmpfile());
	assert_int_equal(outbuf_init(&w->out, fileno(w->file)), 0);
	assert_int_equal(linebuf_init(&w->in, -1), 0);
}

static void
world_free(struct world *w)
{
	linebuf_free(&w->in);
	free(w->out.buf);
	fclose(w->file);
}

/* What was written since the last time. */
static const char *
written(struct world *w)
{
	ssize_t	 n;

	assert_int_equal(outbuf_flush(&w->out), 0);
	n = pread(fileno(w->file), w->text, sizeof(w->text) - 1, 0);
	assert_true(n >= 0);
	w->text[n] = '\0';
	assert_int_equal(ftruncate(fileno(w->file), 0), 0);
	assert_int_equal(lseek(fileno(w->file), 0, SEEK_SET), 0);
	return w->text;
}

/*
 * The input in two reads, the first of so many bytes; all in one if that is
 * all.  How many lines were read before no more was to come.
 */
static size_t
feed(struct world *w, struct hold *h, const char *input, size_t first)
{
	struct report	 r;
	struct slice	 line;
	size_t		 n = strlen(input);
	int		 s[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, s), 0);
	if (first > 0)
		assert_int_equal(send(s[0], input, first, 0), first);
	if (first < n)
		assert_int_equal(send(s[0], input + first, n - first, 0), n - first);
	close(s[0]);
	linebuf_open(&w->in, s[1]);
	while (!hold_done(h) && linebuf_next(&w->in, &w->out, &line) == 1) {
		assert_int_not_equal(report_parse(&r, line), REPORT_MALFORMED);
		assert_int_equal(hold_line(h, &r, is_selected(&r)), 0);
	}
	close(s[1]);
	if (!hold_done(h))
		hold_end(h);
	return w->in.number;
}

static void
check_row(struct world *w, const struct row *row, const char *input, size_t first,
    const char *expected)
{
	const struct hold_options	 o = options_of(row->options);
	struct hold			*h = hold_new(&o, &w->out);
	size_t				 read;

	assert_non_null(h);
	read = feed(w, h, input, first);
	if (strcmp(written(w), expected) != 0)
		fail_msg("%s, cut at %zu: written\n%sinstead of\n%s", row->what, first,
		    w->text, expected);
	if (hold_selected(h) != row->selected || hold_given_up(h) != row->given_up)
		fail_msg("%s, cut at %zu: %zu selected, %zu given up", row->what, first,
		    hold_selected(h), hold_given_up(h));
	if (read != read_of(row))
		fail_msg("%s, cut at %zu: %zu lines read", row->what, first, read);
	hold_free(h);
}

/* Each row in one read, then cut in two at every byte. */
static void
rows_test(void **state)
{
	struct world		 w;
	const struct row	*row;
	char			 input[INPUT_SIZE], expected[INPUT_SIZE];
	size_t			 n;

	(void)state;
	world_new(&w);
	for (row = rows; row < rows + nitems(rows); row++) {
		texts_of(row, input, expected);
		for (n = strlen(input); n > 0; n--)
			check_row(&w, row, input, n, expected);
		check_row(&w, row, input, 0, expected);
	}
	world_free(&w);
}

/* -- bytes -- */

static void
put(struct hold *h, const char *line, size_t n, bool selected)
{
	struct report	 r;

	assert_int_equal(report_parse(&r, slice_make(line, n)), REPORT_KNOWN);
	assert_int_equal(hold_line(h, &r, selected), 0);
}

/* A line of so many bytes, of which all values occur, but LF. */
static size_t
any_line(char *line, size_t session, size_t n, size_t seed)
{
	size_t	 i, from;

	from = (size_t)sprintf(line, "report|0.7|1600000000.000000|smtp-in|"
	    "protocol-client|%zx|", session);
	for (i = from; i < n; i++)
		if ((line[i] = (char)((i * 7 + seed) & 0xff)) == '\n')
			line[i] = '\0';
	return n > from ? n : from;
}

/* Whatever the bytes, and however many: held, live, and together. */
static void
bytes_test(void **state)
{
	static const char *const	 options[] = { "", "g", "v", "vg" };
	const size_t			 sessions = 50, lines = 60, room = 8 << 20;
	struct hold_options		 o;
	struct world			 w;
	struct hold			*h;
	char				*line, *expected, *got;
	size_t				 i, k, s, n;

	(void)state;
	assert_non_null(line = malloc(100000));
	assert_non_null(expected = malloc(room));
	assert_non_null(got = malloc(room));
	for (i = 0; i < nitems(options); i++) {
		o = options_of(options[i]);
		world_new(&w);
		assert_non_null(h = hold_new(&o, &w.out));
		for (k = 0; k < lines; k++)
			for (s = 1; s <= sessions; s++)
				put(h, line, any_line(line, s, s * k * 7 % 3001, k),
				    s == 7 && !o.invert && k == lines / 2);
		if (o.invert)
			for (s = 1; s <= sessions; s++)
				put(h, line, any_line(line, s, 0, 0), s != 7);
		hold_end(h);
		for (k = n = 0; k < lines + o.invert; k++) {
			n += any_line(expected + n, 7,
			    k < lines ? 7 * k * 7 % 3001 : 0, k);
			expected[n++] = '\n';
		}
		if (o.whole)
			expected[n++] = '\n';
		assert_int_equal(outbuf_flush(&w.out), 0);
		assert_int_equal(pread(fileno(w.file), got, room, 0), n);
		assert_memory_equal(got, expected, n);
		assert_int_equal(hold_selected(h), 1);
		hold_free(h);
		world_free(&w);
	}
	free(line);
	free(expected);
	free(got);
}

/* -- memory -- */

/* Of sessions one line each, of n bytes; how many until one is given up, or most. */
static size_t
fill(struct hold *h, char *line, size_t n, size_t most)
{
	const size_t	 before = hold_given_up(h);
	size_t		 s;

	any_line(line, FIRST, n, 0);
	for (s = 0; s < most && hold_given_up(h) == before; s++) {
		any_line(line, FIRST + s, 0, 0);
		put(h, line, n, false);
	}
	return s;
}

/* Room for what is held is bounded; that of a group that has ended is free again. */
static void
memory_test(void **state)
{
	const struct hold_options	 o = { .whole = true, .most = 100000 };
	const size_t			 size = 1 << 20;
	struct world			 w;
	struct hold			*h;
	char				*line;
	size_t				 s, n, round, held;

	(void)state;
	world_new(&w);
	assert_non_null(line = malloc(size));
	assert_non_null(h = hold_new(&o, &w.out));
	held = fill(h, line, size, HOLD_BYTES / size + 1) - 1;
	assert_int_equal(hold_given_up(h), 1);
	assert_true(held * size > HOLD_BYTES / 4);
	hold_end(h);
	for (round = 0; round < 3; round++) {
		assert_int_equal(fill(h, line, size, held), held);
		for (s = 0; s < held; s++) {
			n = (size_t)snprintf(line, size, "report|0.7|1600000000.000000|"
			    "smtp-in|link-disconnect|%zx", FIRST + s);
			put(h, line, n, false);
		}
		assert_int_equal(hold_given_up(h), 1);
	}
	/* Those that are open are hold_free's to free. */
	fill(h, line, size, 2);
	hold_free(h);
	assert_string_equal(written(&w), "");
	free(line);
	world_free(&w);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(rows_test),
		cmocka_unit_test(bytes_test),
		cmocka_unit_test(memory_test),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
