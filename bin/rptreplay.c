/* SPDX-License-Identifier: ISC */
/*
 * rptreplay(1): recorded sessions once more, against a server, and what it
 * answers otherwise.
 */
#include <sys/resource.h>
#include <sys/socket.h>

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <tls.h>

#include "lib/addr.h"
#include "lib/cond_time.h"
#include "lib/input.h"
#include "lib/outbuf.h"
#include "lib/replay_conn.h"

#define SECOND		1000000ULL		/* of now() */
#define HELD_MOST	(64UL * 1024 * 1024)	/* of recorded sessions */
#define CONNS_MOST	10000
#define NAMED_MOST	10			/* connections that fail, by name */

static bool			 quiet;
static const char		*server = "localhost:smtp";
static size_t			 most = 1;	/* sessions at a time */
static struct replay_options	 options = { .message = -1, .patience = 30 * SECOND };
static struct replay_counts	 counts;

static struct addrinfo		*addresses;
static struct tls_config	*tls_config;
static struct replay_tape	 tape;
static struct replay_conn	**conns;	/* those that are open stand first */
static struct pollfd		*pfds;		/* theirs, behind that of the input */
static size_t			 nconns;
static bool			 ended;		/* the input */
static int			 status;
static uint64_t			 started, origin;	/* the first session: now, and recorded */

static void
usage(void)
{
	fputs("usage: rptreplay [-Qsx] [-h host:port] [-m file] [-n number] [-r speed]\n"
	    "                 [-t seconds]\n", stderr);
	exit(2);
}

static uint64_t
now(void)
{
	struct timespec	 ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * SECOND + (uint64_t)ts.tv_nsec / 1000;
}

/* -- the stream -- */

static void
take_line(struct input *in, struct slice line)
{
	struct report		 r;
	enum report_class	 class = input_class(in, &r, report_parse(&r, line));
	const char		*why;

	if (class == REPORT_KNOWN) {
		if (replay_tape_line(&tape, &r) == -1)
			err(2, NULL);
	} else if (class == REPORT_MALFORMED) {
		status = 2;
		if ((why = input_complaint(in, &r)) != NULL && !quiet)
			warnx("%s", why);
	}
}

static bool
is_readable(int fd)
{
	struct pollfd	 pfd = { .fd = fd, .events = POLLIN };

	return poll(&pfd, 1, 0) == 1;
}

/*
 * All that is there, as long as there is room for it: sessions are replayed in
 * the order in which they began, not that in which they ended.
 */
static void
read_stream(struct input *in)
{
	struct slice	 line;
	int		 n = 1;

	while (!ended && tape.bytes < HELD_MOST) {
		while (tape.bytes < HELD_MOST && linebuf_take(&in->lines, &line))
			take_line(in, line);
		if (tape.bytes >= HELD_MOST || !is_readable(in->lines.fd))
			break;
		if ((n = linebuf_read(&in->lines)) == 1 ||
		    (n == -1 && (errno == EAGAIN || errno == EINTR)))
			continue;
		if (n == -1) {
			warn("stdin");
			status = 2;
		}
		while (linebuf_take(&in->lines, &line))
			take_line(in, line);
		replay_tape_end(&tape);
		ended = true;
	}
	/* Sessions without an end must not stop everything. */
	while (tape.bytes >= HELD_MOST && nconns == 0 &&
	    replay_tape_first(&tape) == NULL)
		if (replay_tape_cut(&tape) == -1)
			err(2, NULL);
}

/* -- the sessions -- */

/* When the one that is next begins; UINT64_MAX: not before another has ended, or is read. */
static uint64_t
next_start(void)
{
	const struct replay_session	*s = replay_tape_first(&tape);

	if (s == NULL || nconns == most)
		return UINT64_MAX;
	if (started == 0) {
		started = now();
		origin = s->begin;
	}
	if (options.speed == 0 || s->begin <= origin)
		return started;
	return started + (uint64_t)((double)(s->begin - origin) / options.speed);
}

static void
close_conn(size_t i)
{
	struct replay_conn	*c = conns[i];

	if (c->error != NULL && !c->connected && !quiet && counts.failed <= NAMED_MOST)
		warnx("%s: %s", server, c->error);
	replay_tape_give(&tape, (struct replay_session *)c->dialog.s);
	conns[i] = conns[--nconns];
	pfds[1 + i] = pfds[1 + nconns];
	conns[nconns] = c;
}

static void
start_sessions(struct outbuf *out)
{
	struct replay_conn	*c;

	while (next_start() <= now()) {
		if (conns[nconns] == NULL &&
		    (conns[nconns] = malloc(sizeof(**conns))) == NULL)
			err(2, NULL);
		c = conns[nconns];
		replay_conn_open(c, addresses, tls_config, &options, &counts, out,
		    replay_tape_take(&tape), now());
		pfds[1 + nconns++] = (struct pollfd){ .fd = -1 };
		if (c->fd == -1)
			close_conn(nconns - 1);
	}
}

/* Milliseconds until something is due; -1: nothing is. */
static int
milliseconds_left(void)
{
	uint64_t	 due = next_start(), t = now();
	size_t		 i;

	for (i = 0; i < nconns; i++)
		if (conns[i]->dialog.due < due)
			due = conns[i]->dialog.due;
	if (due == UINT64_MAX)
		return -1;
	if (due <= t)
		return 0;
	return due - t >= INT_MAX * 1000ULL ? INT_MAX : (int)((due - t + 999) / 1000);
}

static void
turn(struct input *in)
{
	size_t	 i;

	pfds[0] = (struct pollfd){ .fd = ended || tape.bytes >= HELD_MOST ? -1 :
	    in->lines.fd, .events = POLLIN };
	for (i = 0; i < nconns; i++) {
		pfds[1 + i].fd = conns[i]->fd;
		pfds[1 + i].events = conns[i]->events;
		pfds[1 + i].revents = 0;
	}
	if (poll(pfds, 1 + nconns, milliseconds_left()) == -1 && errno != EINTR)
		err(2, "poll");
	for (i = nconns; i-- > 0;)
		if ((pfds[1 + i].revents != 0 || conns[i]->dialog.due <= now()) &&
		    !replay_conn_turn(conns[i], pfds[1 + i].revents, now()))
			close_conn(i);
}

static void
run(struct input *in, struct outbuf *out)
{
	for (;;) {
		read_stream(in);
		start_sessions(out);
		if (ended && nconns == 0 && replay_tape_first(&tape) == NULL)
			return;
		if (outbuf_flush(out) == -1)
			return;
		turn(in);
	}
}

/* -- what was left out -- */

static void
left_out(size_t n, const char *what)
{
	if (n > 0 && !quiet)
		warnx("%zu %s", n, what);
}

static void
tell(const struct input *in)
{
	if (in->malformed > INPUT_COMPLAINTS)
		left_out(in->malformed, "malformed lines in all");
	left_out(tape.late, "sessions whose beginning was not recorded left out");
	left_out(tape.cut, "sessions cut: by a gap in the stream, or by the bound of memory");
	left_out(counts.logins, "logins left out: their secrets were not recorded");
	left_out(counts.plain, "sessions that began with TLS replayed without: see -s");
	left_out(counts.failed, "sessions without a connection");
	if (counts.failed > 0)
		status = 2;
}

/* -- options -- */

/* A number that is too large is no port: getaddrinfo(3) would take what its last 16 bits say. */
static void
check_port(const char *service)
{
	const char	*why;

	if (service[strspn(service, "0123456789")] == '\0') {
		strtonum(service, 1, 65535, &why);
		if (why != NULL)
			errx(2, "-h: %s: port %s is %s: 1 to 65535", server, service, why);
	} else if (getservbyname(service, "tcp") == NULL)
		errx(2, "-h: %s: no service is called %s: a port is a number, or as in services(5)",
		    server, service);
}

static void
resolve(void)
{
	struct addrinfo	 hints = { .ai_socktype = SOCK_STREAM };
	struct slice	 host, port;
	char		 name[256], service[32];
	int		 error;

	addr_split(slice_str(server), &host, &port);
	if (addr_is_ip(slice_str(server))) {
		host = slice_str(server);
		port = SLICE("");
	}
	if (host.n == 0 || host.n >= sizeof(name) || port.n >= sizeof(service))
		errx(2, "-h: %s is no host:port", server);
	snprintf(name, sizeof(name), "%.*s", (int)host.n, host.p);
	snprintf(service, sizeof(service), "%.*s", port.n == 0 ? 4 : (int)port.n,
	    port.n == 0 ? "smtp" : port.p);
	check_port(service);
	if ((error = getaddrinfo(name, service, &hints, &addresses)) != 0)
		errx(2, "%s: %s", server, gai_strerror(error));
}

/* As many descriptors as there may be. */
static void
raise_limit(void)
{
	struct rlimit	 limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

/* The server is the user's own, and its certificate that of a test. */
static void
configure_tls(void)
{
	if ((tls_config = tls_config_new()) == NULL)
		errx(2, "tls");
	tls_config_insecure_noverifycert(tls_config);
	tls_config_insecure_noverifyname(tls_config);
	tls_config_insecure_noverifytime(tls_config);
	if (tls_config_set_ciphers(tls_config, "compat") == -1)
		errx(2, "tls: %s", tls_config_error(tls_config));
}

static size_t
number(const char *arg)
{
	const char	*why;
	long long	 n = strtonum(arg, 1, CONNS_MOST, &why);

	if (why != NULL)
		errx(2, "-n is %s: %s", why, arg);
	return (size_t)n;
}

static double
speed(const char *arg)
{
	char	*end;
	double	 n = strtod(arg, &end);

	if (end == arg || *end != '\0' || !(n >= 0 && n <= 1e6))
		errx(2, "-r: %s is no speed", arg);
	return n;
}

static int
message(const char *name)
{
	int	 fd = open(name, O_RDONLY | O_CLOEXEC);

	if (fd == -1 || lseek(fd, 0, SEEK_END) == -1)
		err(2, "%s", name);
	return fd;
}

int
main(int argc, char *argv[])
{
	char		*none[] = { NULL };
	struct input	 in;
	struct outbuf	 out;
	int		 ch;

	while ((ch = getopt(argc, argv, "h:m:n:Qr:st:x")) != -1)
		switch (ch) {
		case 'h':
			server = optarg;
			break;
		case 'm':
			options.message = message(optarg);
			break;
		case 'n':
			most = number(optarg);
			break;
		case 'Q':
			quiet = true;
			break;
		case 'r':
			options.speed = speed(optarg);
			break;
		case 's':
			options.tls = true;
			break;
		case 't':
			if (cond_seconds(slice_str(optarg), &options.patience) == -1 ||
			    options.patience == 0)
				errx(2, "-t: %s is no number of seconds", optarg);
			break;
		case 'x':
			options.exact = true;
			break;
		default:
			usage();
		}
	if (argc != optind)
		usage();
	raise_limit();
	resolve();
	configure_tls();
	if (signal(SIGPIPE, SIG_IGN) == SIG_ERR || input_init(&in, none) == -1 ||
	    outbuf_init(&out, STDOUT_FILENO) == -1 ||
	    (conns = calloc(most, sizeof(*conns))) == NULL ||
	    (pfds = calloc(most + 1, sizeof(*pfds))) == NULL)
		err(2, NULL);
	linebuf_open(&in.lines, STDIN_FILENO);
	in.name = "stdin";
	replay_tape_init(&tape);
	run(&in, &out);
	tell(&in);
	if (outbuf_close(&out) == -1)
		err(2, "stdout");
	return status != 0 ? status : counts.differences > 0;
}
