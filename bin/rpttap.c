/* SPDX-License-Identifier: ISC */
/*
 * rpttap(1): a command as a filter process of a mail daemon, fed its reports.
 */
#include <sys/wait.h>

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/nearest.h"
#include "lib/nitems.h"
#include "lib/outbuf.h"
#include "lib/report.h"
#include "lib/report_list.h"
#include "lib/report_queue.h"

#define BUFFER_DEFAULT	(64ULL << 20)
#define BUFFER_LEAST	4096
#define READ_SIZE	65536
#define PIPE_MOST	(1 << 20)	/* that a pipe may hold */
#define LONGEST		(1 << 20)	/* what is longer is dropped, and counted */
#define BACKOFF_LEAST	1		/* seconds until the command is started again */
#define BACKOFF_MOST	60

static const char	*command;
static bool		 wants[SUBSYSTEM_MAX];	/* by -s, else as announced */
static bool		 asked, quiet;
static const char	*events = "*";
static size_t		 limit = BUFFER_DEFAULT;

static char		 in[LONGEST + READ_SIZE + 1];	/* from the daemon: a line's beginning */
static size_t		 in_end;
static bool		 skipping;		/* the rest of a line that is too long */
static struct report_queue	 waiting;	/* for the command */
static bool		 greeted, ended, failed;

static pid_t		 child;			/* 0: it is down */
static int		 feed = -1, left = -1;	/* the ends of its pipe */
static uint64_t		 started, start_at;	/* milliseconds of the monotonic clock */
static unsigned		 backoff = BACKOFF_LEAST;
static volatile sig_atomic_t	 child_ended;

static void
usage(void)
{
	fputs("usage: rpttap [-Q] [-b size] [-e event[,...]] [-s subsystem[,...]] command\n"
	    "       rpttap -L\n", stderr);
	exit(2);
}

static uint64_t
milliseconds(void)
{
	struct timespec	 ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static void
sigchld_cb(int sig)
{
	(void)sig;
	child_ended = 1;
}

/* -- the command -- */

static void
again(const char *what, int number)
{
	start_at = milliseconds() + backoff * 1000;
	if (!quiet)
		warnx("command %s %d; again in %u s", what, number, backoff);
	backoff = backoff * 2 < BACKOFF_MOST ? backoff * 2 : BACKOFF_MOST;
}

/* Answers as posix_spawn does: sh -c command, its input the pipe, its output our stderr. */
static int
spawn(int from)
{
	char				 sh[] = "sh", c[] = "-c", *text = strdup(command);
	char *const			 argv[] = { sh, c, text, NULL };
	posix_spawn_file_actions_t	 actions;
	posix_spawnattr_t		 attr;
	sigset_t			 none, defaults;
	int				 error = ENOMEM;

	if (text == NULL || posix_spawn_file_actions_init(&actions) != 0) {
		free(text);
		return error;
	}
	if (posix_spawnattr_init(&attr) == 0) {
		sigemptyset(&none);
		sigemptyset(&defaults);
		sigaddset(&defaults, SIGPIPE);
		sigaddset(&defaults, SIGCHLD);
		posix_spawnattr_setsigmask(&attr, &none);
		posix_spawnattr_setsigdefault(&attr, &defaults);
		posix_spawnattr_setpgroup(&attr, 0);
		posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK |
		    POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
		if ((error = posix_spawn_file_actions_adddup2(&actions, from,
		    STDIN_FILENO)) == 0 &&
		    (error = posix_spawn_file_actions_adddup2(&actions,
		    STDERR_FILENO, STDOUT_FILENO)) == 0)
			error = posix_spawn(&child, "/bin/sh", &actions, &attr, argv,
			    environ);
		posix_spawnattr_destroy(&attr);
	}
	posix_spawn_file_actions_destroy(&actions);
	free(text);
	return error;
}

/* The read end stays open here: what a command leaves unread is not lost with it. */
static void
start(void)
{
	int	 ends[2], error;

	if (pipe2(ends, O_CLOEXEC) == -1) {
		again("has no pipe: error", errno);
		return;
	}
	error = fcntl(ends[1], F_SETFL, O_NONBLOCK) == -1 ? errno : spawn(ends[0]);
	if (error != 0) {
		close(ends[0]);
		close(ends[1]);
		child = 0;
		again("is not started: error", error);
		return;
	}
	left = ends[0];
	feed = ends[1];
	started = milliseconds();
}

/* What stands in the pipe unread. */
static void
take_back(void)
{
	struct pollfd	 pfd = { .fd = left, .events = POLLIN };
	char		*buf = malloc(PIPE_MOST);
	size_t		 n = 0;
	ssize_t		 r = 1;

	while (buf != NULL && r > 0 && n < PIPE_MOST && poll(&pfd, 1, 0) == 1 &&
	    (pfd.revents & POLLIN) != 0)
		if ((r = read(left, buf + n, PIPE_MOST - n)) > 0)
			n += (size_t)r;
	report_queue_back(&waiting, slice_make(buf, n));
	free(buf);
}

static void
reap(void)
{
	int	 status;

	child_ended = 0;
	if (child == 0 || waitpid(child, &status, WNOHANG) != child)
		return;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0 && ended && feed == -1) {
		child = 0;
		return;
	}
	/* It is started again whole. */
	kill(-child, SIGTERM);
	child = 0;
	if (feed != -1) {
		close(feed);
		take_back();
		close(left);
		feed = left = -1;
	}
	failed = failed || ended;
	if (milliseconds() - started >= BACKOFF_MOST * 1000)
		backoff = BACKOFF_LEAST;
	if (WIFSIGNALED(status))
		again("ended by signal", WTERMSIG(status));
	else
		again("ended with status", WEXITSTATUS(status));
}

/* What the pipe takes; when there will be no more, closing it says so. */
static void
write_feed(void)
{
	struct slice	 s;
	ssize_t		 n;

	if (ended)
		report_queue_end(&waiting);
	for (; (s = report_queue_bytes(&waiting)).n > 0;
	    report_queue_taken(&waiting, (size_t)n))
		if ((n = write(feed, s.p, s.n)) <= 0)
			return;
	if (!ended)
		return;
	close(feed);
	close(left);
	feed = left = -1;
}

/* -- the daemon -- */

/* One write: nothing else may be written before the last line of it. */
static void
register_all(void)
{
	struct outbuf	 out;
	enum subsystem	 s;
	const char	*e;
	size_t		 n;

	if (outbuf_init(&out, STDOUT_FILENO) == -1)
		err(2, NULL);
	for (s = 0; s < SUBSYSTEM_MAX; s++)
		for (e = events; wants[s] && *e != '\0'; e += n + (e[n] == ',')) {
			n = strcspn(e, ",");
			outbuf_slice(&out, SLICE("register|report|"));
			outbuf_slice(&out, slice_str(subsystem_names[s]));
			outbuf_char(&out, '|');
			outbuf_put(&out, e, n);
			outbuf_char(&out, '\n');
		}
	outbuf_slice(&out, SLICE("register|ready\n"));
	if (outbuf_flush(&out) == -1)
		err(2, "stdout");
	free(out.buf);
}

/*
 * A line with its LF.  A daemon that feeds reports at once wants no answer; one
 * that shakes hands names first what it would be asked for.
 */
static void
take_line(const char *p, size_t n)
{
	static const struct slice	 subsystem = { "config|subsystem|", 17 };
	struct slice			 s = slice_make(p, n - 1);
	enum subsystem			 i;

	if (n > 7 && memcmp(p, "report|", 7) == 0) {
		greeted = true;
		report_queue_put(&waiting, slice_make(p, n));
	} else if (greeted)
		return;
	else if (slice_eq(s, SLICE("config|ready"))) {
		greeted = true;
		for (i = 0; i < SUBSYSTEM_MAX && !wants[i]; i++)
			;
		wants[SUBSYSTEM_SMTP_IN] |= i == SUBSYSTEM_MAX;
		register_all();
	} else if (!asked && s.n > subsystem.n &&
	    memcmp(p, subsystem.p, subsystem.n) == 0) {
		s = slice_make(p + subsystem.n, s.n - subsystem.n);
		for (i = 0; i <= SUBSYSTEM_SMTP_OUT; i++)
			wants[i] |= slice_eq(s, slice_str(subsystem_names[i]));
	}
}

static void
read_daemon(void)
{
	ssize_t	 n = read(STDIN_FILENO, in + in_end, READ_SIZE);
	char	*p = in, *end, *lf;

	if (n == -1 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n == -1) {
		warn("stdin");
		failed = true;
	}
	if (n <= 0) {
		ended = true;
		in[in_end] = '\n';
		if (in_end > 0 && !skipping)
			take_line(in, in_end + 1);
		return;
	}
	end = in + in_end + n;
	for (; (lf = memchr(p, '\n', (size_t)(end - p))) != NULL; p = lf + 1) {
		if (!skipping)
			take_line(p, (size_t)(lf - p) + 1);
		skipping = false;
	}
	in_end = skipping ? 0 : (size_t)(end - p);
	if (in_end > LONGEST) {
		report_queue_drop(&waiting, slice_make(p, in_end));
		skipping = true;
		in_end = 0;
	}
	memmove(in, p, in_end);
}

/* -- the loop -- */

static int
milliseconds_left(void)
{
	uint64_t	 t = milliseconds();

	return child != 0 ? -1 : t >= start_at ? 0 : (int)(start_at - t);
}

/* Until the input has ended and the command has had all of it, or fails at that. */
static void
run(const sigset_t *waiting_mask)
{
	struct pollfd	 pfd[2];
	struct timespec	 ts;
	unsigned	 last_starts = 0;
	int		 t;

	for (;;) {
		if (ended && child == 0 && (last_starts > 1 ||
		    (report_queue_bytes(&waiting).n == 0 && !waiting.dropping)))
			return;
		if (child == 0 && (ended || milliseconds() >= start_at)) {
			last_starts += ended;
			start();
		}
		if (child != 0 && feed != -1)
			write_feed();
		pfd[0] = (struct pollfd){ .fd = ended ? -1 : STDIN_FILENO, .events = POLLIN };
		pfd[1] = (struct pollfd){ .fd = report_queue_bytes(&waiting).n > 0 ? feed : -1,
		    .events = POLLOUT };
		t = milliseconds_left();
		ts = (struct timespec){ .tv_sec = t / 1000, .tv_nsec = t % 1000 * 1000000L };
		if (ppoll(pfd, 2, t == -1 ? NULL : &ts, waiting_mask) > 0 &&
		    pfd[0].revents != 0)
			read_daemon();
		if (child_ended)
			reap();
	}
}

/* -- options -- */

/*
 * Where the bridges to other languages are: beside the directory of this program,
 * in the tree where it was built or where it was installed, or was to be.
 */
static int
print_bridges(void)
{
	static const char *const	 places[] = { "../lib/bridge", "../../../lib/bridge",
		"../share/pipepost" };
	char				 self[PATH_MAX], dir[PATH_MAX], file[PATH_MAX + 32];
	ssize_t				 n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	size_t				 i;
	bool				 found = false;

	self[n == -1 ? 0 : n] = '\0';
	for (i = 0; i < nitems(places) && !found && n != -1; i++) {
		snprintf(file, sizeof(file), "%.*s/%s", (int)(strrchr(self, '/') - self), self, places[i]);
		if (realpath(file, dir) == NULL)
			continue;
		snprintf(file, sizeof(file), "%s/filter.sh", dir);
		found = access(file, R_OK) == 0;
	}
	puts(found ? dir : BRIDGEDIR);
	if (fflush(stdout) == EOF)
		err(2, "stdout");
	return 0;
}

static void
list_subsystems(const char *list)
{
	enum subsystem	 s;
	size_t		 n;

	asked = true;
	for (;; list += n + 1) {
		n = strcspn(list, ",");
		for (s = 0; s <= SUBSYSTEM_SMTP_OUT; s++)
			if (slice_eq(slice_make(list, n), slice_str(subsystem_names[s])))
				break;
		if (s > SUBSYSTEM_SMTP_OUT)
			errx(2, "no such subsystem: %.*s; there are smtp-in and smtp-out",
			    (int)n, list);
		wants[s] = true;
		if (list[n] == '\0')
			return;
	}
}

/* A daemon ends itself when it is asked for an event that it does not have. */
static bool
is_reported(enum event_id e)
{
	return e != EV_UNKNOWN && e != EV_REPORT_GAP && !report_is_derived(e);
}

static void
list_events(const char *list)
{
	struct nearest	 near;
	enum event_id	 e;
	size_t		 n;

	for (events = list;; list += n + 1) {
		n = strcspn(list, ",");
		if (!is_reported(report_event_by_name(slice_make(list, n))) &&
		    strcmp(events, "*") != 0) {
			nearest_init(&near, slice_make(list, n));
			for (e = 0; e < EV_MAX; e++)
				if (is_reported(e))
					nearest_try(&near, report_events[e].name);
			errx(2, "no daemon reports an event %.*s%s%s", (int)n, list,
			    near.best[0] == NULL ? "" : "; nearest: ",
			    near.best[0] == NULL ? "" : near.best[0]);
		}
		if (list[n] == '\0')
			return;
	}
}

/* "1000000", "64K", "64M", "1G" */
static size_t
size_arg(const char *arg)
{
	static const char	 units[] = "KMG";
	const char		*unit, *error;
	char			 number[24];
	size_t			 n = strspn(arg, "0123456789");
	unsigned		 shift = 0;

	if (n > 0 && arg[n] != '\0' && (unit = strchr(units, arg[n])) != NULL &&
	    arg[n + 1] == '\0')
		shift = 10 * (unsigned)(unit - units + 1);
	else if (arg[n] != '\0')
		errx(2, "bad size: %s", arg);
	snprintf(number, sizeof(number), "%.*s", (int)n, arg);
	n = (size_t)strtonum(number, 1, (long long)(SIZE_MAX >> 2 >> shift), &error) << shift;
	if (error != NULL || n < BUFFER_LEAST)
		errx(2, "size is %s: %s", error != NULL ? error : "too small", arg);
	return n;
}

int
main(int argc, char *argv[])
{
	struct sigaction	 sa = { .sa_handler = sigchld_cb };
	sigset_t		 blocked, before;
	size_t			 n;
	int			 ch;

	while ((ch = getopt(argc, argv, "b:e:LQs:")) != -1)
		switch (ch) {
		case 'b':
			limit = size_arg(optarg);
			break;
		case 'e':
			list_events(optarg);
			break;
		case 'L':
			return print_bridges();
		case 'Q':
			quiet = true;
			break;
		case 's':
			list_subsystems(optarg);
			break;
		default:
			usage();
		}
	if (argc - optind != 1)
		usage();
	command = argv[optind];
	/* A command that dies is no reason to: the daemon would, with its filter. */
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGCHLD);
	sigemptyset(&sa.sa_mask);
	if (signal(SIGPIPE, SIG_IGN) == SIG_ERR || sigaction(SIGCHLD, &sa, NULL) == -1 ||
	    sigprocmask(SIG_BLOCK, &blocked, &before) == -1)
		err(2, NULL);
	sigdelset(&before, SIGCHLD);
	report_queue_init(&waiting, limit);
	run(&before);
	if ((n = report_queue_bytes(&waiting).n) > 0 && !quiet)
		warnx("%zu bytes of reports were not taken", n);
	report_queue_free(&waiting);
	return failed ? 2 : 0;
}
