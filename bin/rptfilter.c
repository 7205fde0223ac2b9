/* SPDX-License-Identifier: ISC */
/*
 * rptfilter(1): report lines for which a condition holds.
 */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/cond.h"
#include "lib/cond_time.h"
#include "lib/hold.h"
#include "lib/input.h"
#include "lib/outbuf.h"
#include "lib/report.h"

#define GROUPS_MAX	100000		/* open ones, unless -o says another number */
#define GROUP_AGE	86400000000ULL	/* microseconds, unless -a does */

static struct cond		*cond;
static struct cond_options	 cond_options;
static struct hold_options	 hold_options = { .most = GROUPS_MAX, .oldest = GROUP_AGE };
static bool			 grouped, bounded, invert, counting, silent, quiet;
static bool			 limited;
static size_t			 limit, selected;

static void
usage(void)
{
	fputs("usage: rptfilter [-ciQquv] [-m number] expression [file ...]\n"
	    "       rptfilter -M | -S [-cgiQquv] [-a seconds] [-m number] [-o number]\n"
	    "                 expression [file ...]\n", stderr);
	exit(2);
}

static size_t
number(const char *arg, const char *what, long long least)
{
	const char	*why;
	long long	 n = strtonum(arg, least, 1000000000000LL, &why);

	if (why != NULL)
		errx(2, "%s: %s is %s", what, arg, why);
	return (size_t)n;
}

static uint64_t
seconds(const char *arg)
{
	uint64_t	 usec;

	if (cond_seconds(slice_str(arg), &usec) == -1)
		errx(2, "-a: %s is no number of seconds", arg);
	return usec;
}

static void
compile(const char *expression)
{
	struct cond_error	 error;

	cond_options.now = time(NULL);
	if ((cond = cond_compile(expression, &cond_options, &error)) == NULL)
		errx(2, "expression, column %zu: %s", error.column, error.text);
}

static void
complain(struct input *in, const struct report *r)
{
	const char	*why = input_complaint(in, r);

	if (why != NULL && !quiet)
		warnx("%s", why);
}

static void
put_line(struct outbuf *out, const struct report *r)
{
	selected++;
	if (silent)
		return;
	outbuf_slice(out, r->line);
	outbuf_char(out, '\n');
}

/*
 * Lines one by one.  Where only those are asked for which the condition holds,
 * what it cannot hold for is passed over unparsed: not even malformed.
 */
static int
filter_lines(struct input *in, struct outbuf *out)
{
	struct report		 r;
	enum report_class	 class;
	int			 n = 1, status = 0;

	while (!limited || selected < limit) {
		if (!invert)
			cond_skip(cond, &in->lines);
		if ((n = input_next(in, out, &r, &class)) == 0)
			break;
		if (n == -1) {
			warn("%s", in->name);
			status = 2;
		} else if (class == REPORT_MALFORMED) {
			if (!invert && !in->lines.cut && !cond_may_match(cond, r.line))
				continue;
			complain(in, &r);
			status = 2;
		} else if (class == REPORT_KNOWN ? cond_match(cond, &r) != invert :
		    class == REPORT_FOREIGN && invert)
			put_line(out, &r);
	}
	return status;
}

static int
filter_groups(struct input *in, struct outbuf *out, struct hold *hold)
{
	struct report		 r;
	enum report_class	 class;
	int			 n, status = 0;

	while (!hold_done(hold) && (n = input_next(in, out, &r, &class)) != 0) {
		if (n == -1) {
			warn("%s", in->name);
			status = 2;
		} else if (class == REPORT_MALFORMED) {
			complain(in, &r);
			status = 2;
		} else if ((class == REPORT_KNOWN ||
		    (class == REPORT_FOREIGN && report_has(&r, RF_SESSION))) &&
		    hold_line(hold, &r, class == REPORT_KNOWN && cond_match(cond, &r)) == -1)
			err(2, NULL);
	}
	if (!hold_done(hold))
		hold_end(hold);
	selected = hold_selected(hold);
	if (hold_given_up(hold) > 0 && !quiet)
		warnx("%zu %s given up before their end", hold_given_up(hold),
		    hold_options.transactions ? "transactions" : "sessions");
	return status;
}

static void
put_count(struct outbuf *out)
{
	char	 text[32];

	outbuf_put(out, text, (size_t)snprintf(text, sizeof(text), "%zu\n", selected));
}

static int
filter(struct input *in, struct outbuf *out)
{
	struct hold	*hold;
	int		 status;

	if (grouped) {
		if ((hold = hold_new(&hold_options, out)) == NULL)
			err(2, NULL);
		status = filter_groups(in, out, hold);
		hold_free(hold);
	} else
		status = filter_lines(in, out);
	if (in->malformed > INPUT_COMPLAINTS && !quiet)
		warnx("%zu malformed lines in all", in->malformed);
	if (cond_failures(cond) > 0) {
		if (!quiet)
			warnx("a regular expression gave up on %zu values",
			    cond_failures(cond));
		status = 2;
	}
	return status;
}

/* Options that go with others. */
static void
check_options(bool sessions, bool only_status)
{
	if (sessions && hold_options.transactions)
		errx(2, "-M and -S exclude each other");
	grouped = sessions || hold_options.transactions;
	if (!grouped && (bounded || hold_options.whole))
		errx(2, "-a, -g and -o go with -M or -S");
	/* The first one that is found decides. */
	if (only_status && (!limited || limit > 1)) {
		limited = true;
		limit = 1;
	}
	silent = counting || only_status;
	hold_options.invert = invert;
	hold_options.silent = silent;
	hold_options.limited = limited;
	hold_options.limit = limit;
}

int
main(int argc, char *argv[])
{
	struct input	 in;
	struct outbuf	 out;
	bool		 sessions = false, only_status = false;
	int		 ch, status;

	while ((ch = getopt(argc, argv, "a:cgiMm:o:QqSuv")) != -1)
		switch (ch) {
		case 'a':
			hold_options.oldest = seconds(optarg);
			bounded = true;
			break;
		case 'c':
			counting = true;
			break;
		case 'g':
			hold_options.whole = true;
			break;
		case 'i':
			cond_options.ignore_case = true;
			break;
		case 'M':
			hold_options.transactions = true;
			break;
		case 'm':
			limit = number(optarg, "-m", 0);
			limited = true;
			break;
		case 'o':
			hold_options.most = number(optarg, "-o", 1);
			bounded = true;
			break;
		case 'Q':
			quiet = true;
			break;
		case 'q':
			only_status = true;
			break;
		case 'S':
			sessions = true;
			break;
		case 'u':
			cond_options.utc = true;
			break;
		case 'v':
			invert = true;
			break;
		default:
			usage();
		}
	check_options(sessions, only_status);
	if (optind == argc)
		usage();
	compile(argv[optind]);
	if (input_init(&in, argv + optind + 1) == -1 ||
	    outbuf_init(&out, STDOUT_FILENO) == -1)
		err(2, NULL);
	status = filter(&in, &out);
	if (counting && !only_status)
		put_count(&out);
	input_free(&in);
	cond_free(cond);
	if (outbuf_close(&out) == -1)
		err(2, "stdout");
	if (only_status && selected > 0)
		return 0;
	return status != 0 ? status : selected == 0;
}
