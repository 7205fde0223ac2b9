/* SPDX-License-Identifier: ISC */
/*
 * txjoin(1): one line a transaction, a session or a message.
 */
#include <err.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/cond_time.h"
#include "lib/input.h"
#include "lib/join.h"
#include "lib/outbuf.h"

#define OPEN_MOST	1000000

static bool	 quiet;

static void
usage(void)
{
	fputs("usage: txjoin [-c | -m | -s] [-Q] [-a seconds] [-o number] [file ...]\n",
	    stderr);
	exit(2);
}

static uint64_t
number(const char *arg, const char *what, long long max)
{
	const char	*why;
	long long	 n = strtonum(arg, 1, max, &why);

	if (why != NULL)
		errx(2, "%s is %s: %s", what, why, arg);
	return (uint64_t)n;
}

static void
choose(struct join_options *o, enum join_output output)
{
	if (o->output != JOIN_TX && o->output != output)
		usage();
	o->output = output;
}

static int
join(struct join *j, struct input *in, struct outbuf *out)
{
	struct report		 r;
	enum report_class	 class;
	struct slice		 line;
	const char		*why;
	int			 n, status = 0;

	while ((n = input_line(in, out, &line)) != 0) {
		if (n == -1) {
			warn("%s", in->name);
			status = 2;
			continue;
		}
		class = input_class(in, &r, join_parse(&r, line));
		if (class == REPORT_KNOWN) {
			if (join_report(j, &r) == -1)
				err(2, NULL);
		} else if (class == REPORT_MALFORMED) {
			status = 2;
			if ((why = input_complaint(in, &r)) != NULL && !quiet)
				warnx("%s", why);
		}
	}
	if (join_end(j) == -1)
		err(2, NULL);
	if (in->malformed > INPUT_COMPLAINTS && !quiet)
		warnx("%zu malformed lines in all", in->malformed);
	if (join_evicted(j) > 0 && !quiet)
		warnx("%zu closed by the bounds of -a and -o", join_evicted(j));
	return status != 0 ? status : join_violations(j) > 0;
}

int
main(int argc, char *argv[])
{
	struct join_options	 options = { .output = JOIN_TX, .most = OPEN_MOST };
	struct join		*j;
	struct input		 in;
	struct outbuf		 out;
	int			 ch, status;

	while ((ch = getopt(argc, argv, "a:cmo:Qs")) != -1)
		switch (ch) {
		case 'a':
			if (cond_seconds(slice_str(optarg), &options.oldest) == -1)
				errx(2, "-a: %s is no number of seconds", optarg);
			break;
		case 'c':
			choose(&options, JOIN_CHECK);
			break;
		case 'm':
			choose(&options, JOIN_MSG);
			break;
		case 'o':
			options.most = number(optarg, "-o", INT_MAX);
			break;
		case 'Q':
			quiet = true;
			break;
		case 's':
			choose(&options, JOIN_LINK);
			break;
		default:
			usage();
		}
	if (input_init(&in, argv + optind) == -1 ||
	    outbuf_init(&out, STDOUT_FILENO) == -1 ||
	    (j = join_new(&options, &out)) == NULL)
		err(2, NULL);
	status = join(j, &in, &out);
	join_free(j);
	input_free(&in);
	if (outbuf_close(&out) == -1)
		err(2, "stdout");
	return status;
}
