/* SPDX-License-Identifier: ISC */
/*
 * rptdrive(1): a recorded stream played into a filter.
 */
#include <sys/mman.h>
#include <sys/stat.h>

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "lib/drive.h"
#include "lib/drive_compare.h"
#include "lib/input.h"
#include "lib/nearest.h"
#include "lib/outbuf.h"

#define PATIENCE	20	/* ms until what is decided is written, and waiting goes on */
#define WRONGS		10	/* faults that are named; then a count */
#define QUOTED		400	/* bytes of a line at fault */
#define NAME_MAX_	64

static bool			 quiet;
static double			 speed;
static struct input		 in;
static struct outbuf		 out;
static size_t			 wrongs;

static struct player {		/* a filter, or each version of it */
	struct drive_options	 options;
	enum version		 version;
	const char		*called;	/* in diagnostics */
	char			 name[NAME_MAX_];
} players[VERSIONS];
static struct drive		*drives[VERSIONS];
static size_t			 ndrives;
static struct compare		 comparison;

static void
usage(void)
{
	fputs("usage: rptdrive [-Q] [-d command] [-m file] [-n number] [-p phase[,...]] "
	    "[-r speed]\n\t[-t seconds] [-V dialect] command\n", stderr);
	exit(2);
}

/* -- options -- */

static enum dialect
dialect(const char *arg)
{
	enum dialect	 d = report_dialect_by_version(slice_str(arg));

	if (d != DIALECT_1 && (d < DIALECT_0_4 || d > DIALECT_0_7))
		errx(2, "-V: no such dialect: %s; 1, 0.4, 0.5, 0.6 or 0.7", arg);
	return d;
}

static unsigned
phases(const char *list)
{
	unsigned	 bits = 0;
	struct nearest	 near;
	enum phase	 p;
	size_t		 n;

	for (;; list += n + 1) {
		n = strcspn(list, ",");
		p = filter_phase_by_name(slice_make(list, n));
		if (p == PHASE_MAX) {
			nearest_init(&near, slice_make(list, n));
			for (p = 0; p < PHASE_MAX; p++)
				nearest_try(&near, filter_phases[p].name);
			errx(2, "-p: no such phase: %.*s%s%s", (int)n, list,
			    near.best[0] == NULL ? "" : "; nearest: ",
			    near.best[0] == NULL ? "" : near.best[0]);
		}
		bits |= 1u << p;
		if (list[n] == '\0')
			return bits;
	}
}

static long long
number(const char *arg, const char *what, long long max)
{
	const char	*why;
	long long	 n = strtonum(arg, 1, max, &why);

	if (why != NULL)
		errx(2, "%s is %s: %s", what, why, arg);
	return n;
}

static double
factor(const char *arg)
{
	char	*end;
	double	 f = strtod(arg, &end);

	if (end == arg || *end != '\0' || !(f >= 0 && f <= 1e9))
		errx(2, "-r: not a speed: %s", arg);
	return f;
}

static struct slice
message(const char *file)
{
	struct stat	 st;
	void		*p;
	int		 fd = open(file, O_RDONLY | O_CLOEXEC);

	if (fd == -1 || fstat(fd, &st) == -1)
		err(2, "%s", file);
	if (!S_ISREG(st.st_mode))
		errx(2, "%s: not a regular file", file);
	if (st.st_size == 0) {
		close(fd);
		return SLICE("");
	}
	if ((p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0)) == MAP_FAILED)
		err(2, "%s", file);
	close(fd);
	return slice_make(p, (size_t)st.st_size);
}

/* Of a command: its first word, without directories. */
static void
name_of(const char *command, char *name)
{
	size_t		 n = strcspn(command, " \t");
	const char	*slash = memrchr(command, '/', n);
	struct slice	 s;

	if (slash != NULL) {
		n -= (size_t)(slash + 1 - command);
		command = slash + 1;
	}
	s = report_safe(name, NAME_MAX_ - 1, slice_make(command, n), false);
	name[s.n] = '\0';
}

/* -- what drives say -- */

static void
said_cb(void *arg, uint64_t session, struct slice line)
{
	const struct player	*p = arg;

	if (ndrives == 1)
		outbuf_slice(&out, line);
	else if (compare_said(&comparison, p->version, session, line) == -1)
		err(2, NULL);
}

static void
ended_cb(void *arg, uint64_t session)
{
	const struct player	*p = arg;

	if (ndrives > 1)
		compare_ended(&comparison, p->version, session);
}

static void
wrong_cb(void *arg, const char *why, struct slice what)
{
	const struct player	*p = arg;
	char			 text[QUOTED], reason[QUOTED];
	struct slice		 quoted, r;

	if (++wrongs > WRONGS || quiet)
		return;
	r = report_safe(reason, sizeof(reason), slice_str(why), true);
	quoted = report_safe(text, sizeof(text), what, true);
	warnx("%s: %.*s%s%.*s", p->called, (int)r.n, r.p, what.p != NULL ? ": " : "",
	    (int)quoted.n, quoted.p);
}

/* -- playing -- */

static void
flush(void)
{
	if (out.n > 0 && outbuf_flush(&out) == -1 && errno == EPIPE) {
		signal(SIGPIPE, SIG_DFL);
		raise(SIGPIPE);
	}
	if (out.error != 0) {
		errno = out.error;
		err(2, "stdout");
	}
}

static bool
turn(int fd, int ms)
{
	int	 n = drive_turn(drives, ndrives, fd, ms);

	if (n == -1)
		err(2, NULL);
	return n == 1;
}

static bool
any_down(void)
{
	size_t	 i;

	for (i = 0; i < ndrives; i++)
		if (drive_is_down(drives[i]))
			return true;
	return false;
}

static bool
all_take(void)
{
	size_t	 i;

	for (i = 0; i < ndrives; i++)
		if (!drive_takes(drives[i]))
			return false;
	return true;
}

/* Until they all can be told more; false if one of them has ended. */
static bool
wait_for_all(void)
{
	while (!any_down() && !all_take()) {
		turn(-1, PATIENCE);
		if (!all_take() && !any_down()) {
			flush();
			turn(-1, -1);
		}
	}
	return !any_down();
}

static int64_t
microseconds(void)
{
	struct timespec	 ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

/* Until the time of the line has come, at the speed that was asked for. */
static void
pace(const struct report *r)
{
	static int64_t	 start, first = -1;
	uint64_t	 time;
	double		 left;

	if (speed == 0 || report_time(r->field[RF_TIME], &time) == -1)
		return;
	if (first == -1) {
		first = (int64_t)time;
		start = microseconds();
	}
	for (;;) {
		left = (double)((int64_t)time - first) / speed / 1000 -
		    (double)(microseconds() - start) / 1000;
		if (left < 1 || any_down())
			return;
		flush();
		turn(-1, left > 3600000 ? 3600000 : (int)left);
	}
}

/* The next line: 1, 0 at the end, or when a filter has ended. */
static int
next_line(struct slice *line)
{
	int	 n;

	while (linebuf_take(&in.lines, line) == 0) {
		if (in.lines.eof)
			return 0;
		if (!turn(STDIN_FILENO, 0)) {
			flush();
			while (!turn(STDIN_FILENO, -1))
				if (any_down())
					return 0;
		}
		if ((n = linebuf_read(&in.lines)) == -1 && errno != EAGAIN && errno != EINTR)
			err(2, "stdin");
	}
	return 1;
}

static int
malformed(struct report *r)
{
	const char	*why = input_complaint(&in, r);

	if (why != NULL && !quiet)
		warnx("%s", why);
	return 2;
}

static int
play(void)
{
	struct report		 r;
	enum report_class	 class;
	struct slice		 line;
	size_t			 i;
	int			 status = 0;

	while (wait_for_all() && next_line(&line) == 1) {
		class = input_class(&in, &r, report_parse(&r, line));
		if (class == REPORT_KNOWN && line.n >= REPORT_LINE_MAX) {
			r.error = "longer than a report line can be";
			r.culprit = RF_MAX;
			class = REPORT_MALFORMED;
		}
		if (class == REPORT_MALFORMED)
			status = malformed(&r);
		if (class != REPORT_KNOWN)
			continue;
		pace(&r);
		for (i = 0; i < ndrives; i++)
			if (drive_play(drives[i], &r) == -1)
				err(2, NULL);
	}
	return status;
}

static void
finish(void)
{
	size_t	 i, done;

	for (i = 0; i < ndrives; i++)
		if (drive_finish(drives[i]) == -1)
			err(2, NULL);
	for (;;) {
		for (i = done = 0; i < ndrives; i++)
			done += drive_is_down(drives[i]);
		if (done == ndrives)
			return;
		flush();
		turn(-1, -1);
	}
}

static size_t
close_all(void)
{
	size_t	 i, evicted = 0;

	for (i = 0; i < ndrives; i++) {
		evicted += drive_evicted(drives[i]);
		drive_free(drives[i]);
	}
	if (ndrives > 1)
		compare_end(&comparison);
	return evicted;
}

static void
start(struct player *p, const struct drive_options *o, const char *command,
    enum version version)
{
	p->options = *o;
	p->options.command = command;
	p->options.name = p->name;
	p->options.said = said_cb;
	p->options.ended = ended_cb;
	p->options.wrong = wrong_cb;
	p->options.arg = p;
	p->version = version;
	name_of(command, p->name);
	if ((drives[ndrives++] = drive_new(&p->options)) == NULL)
		err(2, "%s", command);
}

int
main(int argc, char *argv[])
{
	struct drive_options	 o = { .dialect = DIALECT_0_7, .phases = ~0u,
	    .message = SLICE_NONE, .timeout = 30, .at_once = 1 };
	const char		*old = NULL;
	char			*none[] = { NULL };
	size_t			 evicted;
	int			 ch, status;

	while ((ch = getopt(argc, argv, "d:m:n:p:Qr:t:V:")) != -1)
		switch (ch) {
		case 'd':
			old = optarg;
			break;
		case 'm':
			o.message = message(optarg);
			break;
		case 'n':
			o.at_once = (size_t)number(optarg, "-n", INT_MAX);
			break;
		case 'p':
			o.phases = phases(optarg);
			break;
		case 'Q':
			quiet = true;
			break;
		case 'r':
			speed = factor(optarg);
			break;
		case 't':
			o.timeout = (unsigned)number(optarg, "-t", 86400);
			break;
		case 'V':
			o.dialect = dialect(optarg);
			break;
		default:
			usage();
		}
	if (argc - optind != 1)
		usage();
	signal(SIGPIPE, SIG_IGN);
	if (input_init(&in, none) == -1 || outbuf_init(&out, STDOUT_FILENO) == -1)
		err(2, NULL);
	linebuf_open(&in.lines, STDIN_FILENO);
	in.name = "stdin";
	comparison.out = &out;
	players[0].called = old != NULL ? "old filter" : "filter";
	players[1].called = "new filter";
	if (old != NULL)
		start(&players[0], &o, old, VERSION_OLD);
	start(&players[ndrives], &o, argv[optind], VERSION_NEW);
	status = play();
	finish();
	evicted = close_all();
	if (in.malformed > INPUT_COMPLAINTS && !quiet)
		warnx("%zu malformed lines in all", in.malformed);
	if (wrongs > WRONGS && !quiet)
		warnx("%zu faults of the filter in all", wrongs);
	if (evicted > 0 && !quiet)
		warnx("%zu sessions were forgotten, too many were open", evicted);
	input_free(&in);
	flush();
	if (outbuf_close(&out) == -1)
		err(2, "stdout");
	return status != 0 ? status : wrongs > 0;
}
