/* SPDX-License-Identifier: ISC */
/*
 * rptfmt(1): report lines in other formats: for people, for programs, for
 * another dialect, without names, or counted.
 */
#include <err.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "lib/fmt.h"
#include "lib/fmt_anon.h"
#include "lib/input.h"
#include "lib/outbuf.h"

#define RECORDS_A_LOOK	1024	/* at the clock, while input never waits */

static struct fmt	 fmt;
static struct fmt_prom	*prom;
static unsigned		 interval;	/* seconds between two files of counters */
static bool		 quiet, hides;
static const char	*key_file;
static char		 chosen;	/* the letter of the format */

static void
usage(void)
{
	fputs("usage: rptfmt [-AQiru] [-K file] [-T format] [-e string]\n"
	    "           [-j | -k | -x | -p template | -V dialect] [file ...]\n"
	    "       rptfmt -c | -t [-AQiru] [-K file] [-T format] [-e string]\n"
	    "           [-f list] [file ...]\n"
	    "       rptfmt -P file[:seconds] [-Q] [file ...]\n", stderr);
	exit(2);
}

/* -- options -- */

static void
choose(int letter, const char *arg)
{
	if (chosen != '\0')
		errx(2, "-%c and -%c: one format at a time", chosen, letter);
	chosen = (char)letter;
	fmt.row = fmt_row(letter);
	fmt.arg = arg;
}

static void
choose_times(enum fmt_times times, const char *format)
{
	if (fmt.times != FMT_AS_IS)
		errx(2, "-T, -r and -i: one at a time");
	fmt.times = times;
	fmt.time_format = format;
}

static void
options(int argc, char *argv[])
{
	int	 ch;

	while ((ch = getopt(argc, argv, "AK:P:QT:V:ce:f:ijkp:rtux")) != -1)
		switch (ch) {
		case 'A':
			hides = true;
			break;
		case 'K':
			hides = true;
			key_file = optarg;
			break;
		case 'Q':
			quiet = true;
			break;
		case 'T':
			choose_times(FMT_STRFTIME, optarg);
			break;
		case 'e':
			fmt.absent = optarg;
			break;
		case 'f':
			fmt.fields = optarg;
			break;
		case 'i':
			choose_times(FMT_INCREMENT, NULL);
			break;
		case 'r':
			choose_times(FMT_RELATIVE, NULL);
			break;
		case 'u':
			fmt.utc = true;
			break;
		case 'P':
		case 'V':
		case 'c':
		case 'j':
		case 'k':
		case 'p':
		case 't':
		case 'x':
			choose(ch, optarg);
			break;
		default:
			usage();
		}
}

static bool
wants_colour(void)
{
	const char	*term = getenv("TERM"), *no = getenv("NO_COLOR");

	return isatty(STDOUT_FILENO) && term != NULL &&
	    strcmp(term, "dumb") != 0 && (no == NULL || *no == '\0');
}

static void
prepare(void)
{
	if (chosen == 'P') {
		if (hides || fmt.fields != NULL || fmt.absent != NULL || fmt.utc ||
		    fmt.times != FMT_AS_IS)
			errx(2, "-P shows no values: of the other options only -Q");
		if ((prom = fmt_prom_new(fmt.arg, &interval)) == NULL) {
			if (errno == EINVAL)
				errx(2, "-P %s: not file[:seconds], of 1 to %d "
				    "seconds", fmt.arg, FMT_PROM_INTERVAL_MAX);
			err(2, "-P %s", fmt.arg);
		}
		return;
	}
	if (hides && (fmt.anon = fmt_anon_new(key_file)) == NULL) {
		if (errno == EINVAL)
			errx(2, "%s: a key has at least %d bytes", key_file,
			    FMT_ANON_KEY_MIN);
		err(2, "%s", key_file);
	}
	fmt.colour = wants_colour();
	if (fmt_init(&fmt) == -1)
		errx(2, "%s", fmt.error);
}

/* -- counters -- */

static int64_t
now(void)
{
	struct timespec	 ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* 0, or 2 if the file cannot be written: said once until it can. */
static int
write_counters(void)
{
	static bool	 failed;
	bool		 fails = fmt_prom_write(prom) == -1;

	if (fails && !failed && !quiet) {
		if (errno == EINVAL)
			warnx("%s: not a regular file, which -P replaces",
			    fmt_prom_file(prom));
		else
			warn("%s", fmt_prom_file(prom));
	}
	failed = fails;
	return fails ? 2 : 0;
}

/* Whenever it is time, also while there is nothing to read. */
static int
keep_counters(const struct input *in)
{
	static int64_t	 due;
	static unsigned	 records;
	struct pollfd	 pfd = { .fd = in->lines.fd, .events = POLLIN };
	bool		 empty = in->open && in->lines.start == in->lines.end;
	int64_t		 t;

	if (!empty && ++records % RECORDS_A_LOOK != 0)
		return 0;
	for (;;) {
		t = now();
		if (due == 0)
			due = t + interval * 1000LL;
		if (t >= due) {
			due = t + interval * 1000LL;
			return write_counters();
		}
		if (!empty || poll(&pfd, 1, (int)(due - t)) != 0)
			return 0;
	}
}

/* -- lines -- */

static void
show(struct input *in, struct outbuf *out, const struct report *r,
    enum report_class class)
{
	const char	*why;

	if (prom != NULL) {
		if (class == REPORT_KNOWN)
			fmt_prom_record(prom, r);
		else
			fmt_prom_other(prom, class);
	} else if (class == REPORT_KNOWN) {
		if (fmt_record(&fmt, out, r) == -1)
			err(2, NULL);
	} else if (class == REPORT_FOREIGN)
		fmt_foreign(&fmt, out, r->line);
	if (class == REPORT_MALFORMED && (why = input_complaint(in, r)) != NULL &&
	    !quiet)
		warnx("%s", why);
}

static int
format(struct input *in, struct outbuf *out)
{
	struct report		 r;
	enum report_class	 class;
	int			 n, status = 0;

	/* The zeros of a host where nothing happens yet are counters too. */
	if (prom != NULL)
		status |= write_counters();
	for (;;) {
		if (prom != NULL)
			status |= keep_counters(in);
		if ((n = input_next(in, out, &r, &class)) == 0)
			break;
		if (n == -1) {
			warn("%s", in->name);
			status = 2;
			continue;
		}
		show(in, out, &r, class);
		if (class == REPORT_MALFORMED)
			status = 2;
	}
	if (prom != NULL)
		status |= write_counters();
	return status;
}

static void
say_what_is_missing(const struct input *in)
{
	if (quiet)
		return;
	if (in->malformed > INPUT_COMPLAINTS)
		warnx("%zu malformed lines in all", in->malformed);
	if (fmt.lacking > 0)
		warnx("not written, for dialect %s has no such event: %llu lines",
		    fmt.arg, (unsigned long long)fmt.lacking);
	if (fmt.hidden > 0)
		warnx("not written, for they are no known events: %llu lines",
		    (unsigned long long)fmt.hidden);
}

int
main(int argc, char *argv[])
{
	struct input	 in;
	struct outbuf	 out;
	int		 status;

	options(argc, argv);
	prepare();
	if (input_init(&in, argv + optind) == -1 ||
	    outbuf_init(&out, STDOUT_FILENO) == -1)
		err(2, NULL);
	in.unquoted = hides;
	if (prom == NULL)
		fmt_begin(&fmt, &out);
	status = format(&in, &out);
	say_what_is_missing(&in);
	input_free(&in);
	fmt_anon_free(fmt.anon);
	fmt_free(&fmt);
	fmt_prom_free(prom);
	if (outbuf_close(&out) == -1)
		err(2, "stdout");
	return status;
}
