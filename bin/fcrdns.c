/* SPDX-License-Identifier: ISC */
/*
 * fcrdns(1): whether names of addresses lead back to them; for addresses, and
 * for the connections of a stream of report lines.
 */
#include <sys/socket.h>
#include <sys/stat.h>

#include <err.h>
#include <errno.h>
#include <event2/event.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "lib/addr.h"
#include "lib/cond_time.h"
#include "lib/dns.h"
#include "lib/fcrdns.h"
#include "lib/fcrdns_show.h"
#include "lib/input.h"
#include "lib/nitems.h"
#include "lib/ordered.h"
#include "lib/report.h"

#define UNDER_WAY	1000			/* look-ups */
#define MOST		1000000
#define LONGEST		5000000ULL		/* microseconds that a line is held */
#define PATIENCE	2000000			/* microseconds until a question is repeated */
#define HELD		(64 * 1024 * 1024)	/* bytes of lines that are */
#define UNKNOWN		"<unknown>"

enum { EXIT_ERROR = 2 };

/* A look-up under way: of an address, or of a link-connect line. */
struct job {
	struct place	*place;
	uint64_t	 begin, named;	/* microseconds: asked, and PTR answered */
	size_t		 number;	/* of the line; 0: an address */
	size_t		 host, nhost;	/* of the line: its address */
	size_t		 rdns, fcrdns, rest;	/* where they begin in it */
	struct fcrdns_show	 steps;	/* -v: so far */
	size_t		 n;
	char		 text[];	/* the address, or the line */
};

static const int	 exits[IPREV_MAX] = {
	[IPREV_PASS]		= 0,
	[IPREV_FAIL]		= 1,
	[IPREV_PERMERROR]	= 3,
	[IPREV_TEMPERROR]	= 4,
};

static bool		 json, silent, quiet, recheck, verbose;
static const char	*resolvers;
static uint64_t		 longest = LONGEST;
static size_t		 most = UNDER_WAY;

static struct dns	*dns;
static struct ordered	 out;
static size_t		 under_way, chunk = PIPE_BUF;
static int		 status;

static struct input	 in;
static char		**args;		/* addresses to come, to NULL */
static bool		 reading;	/* standard input, now */

static void
usage(void)
{
	fputs("usage: fcrdns [-jQqRv] [-c number] [-r resolver[,...]] [-t seconds]\n"
	    "              [address | - ...]\n", stderr);
	exit(EXIT_ERROR);
}

static void
worse(int s)
{
	if (s > status)
		status = s;
}

static uint64_t
microseconds(void)
{
	struct timespec	 ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

/* -- answers -- */

static void
step_cb(const struct fcrdns_step *s, void *arg)
{
	struct job	*j = arg;
	uint64_t	 now = microseconds();
	uint64_t	 since = s->type == DNS_PTR ? j->begin : j->named;

	if (s->type == DNS_PTR)
		j->named = now;
	if (json && j->number == 0)
		fcrdns_show_json_step(&j->steps, s, (double)(now - since) / 1000);
	else
		fcrdns_show_step(&j->steps, s, (double)(now - since) / 1000);
}

static void
fill(struct job *j, const struct slice *parts, size_t n)
{
	if (ordered_fill(&out, j->place, parts, n) == -1)
		err(EXIT_ERROR, NULL);
}

static void
answer_text(struct job *j, const struct fcrdns_result *r)
{
	struct slice	 parts[10], *p = parts;

	*p++ = slice_make(j->steps.text, j->steps.n);
	if (verbose && r->error != NULL) {
		*p++ = SLICE("; ");
		*p++ = slice_str(r->error);
		*p++ = SLICE("\n");
	}
	*p++ = slice_make(j->text, j->n);
	*p++ = SLICE(" ");
	*p++ = slice_str(iprev_names[r->verdict]);
	*p++ = r->name[0] == '\0' ? SLICE("") : SLICE(" ");
	*p++ = slice_str(r->name);
	*p++ = SLICE("\n");
	fill(j, parts, (size_t)(p - parts));
}

static void
answer_json(struct job *j, const struct fcrdns_result *r)
{
	struct fcrdns_show	 show = { .text = NULL };
	struct slice		 text;

	fcrdns_show_json(&show, j->text, r, j->steps.text);
	if (show.error != 0)
		errc(EXIT_ERROR, show.error, NULL);
	text = slice_make(show.text, show.n);
	fill(j, &text, 1);
	free(show.text);
}

/* One of the fields or both. */
static void
tell_change(const struct job *j, struct slice old_name, struct slice name,
    struct slice old_word, struct slice word)
{
	bool	 renamed = !slice_eq(name, old_name), judged = !slice_eq(word, old_word);
	char	 names[2 * DNS_NAME_MAX + 64] = "", words[128] = "";

	if (renamed)
		snprintf(names, sizeof(names), " rdns %.*s -> %.*s%s",
		    old_name.n < DNS_NAME_MAX ? (int)old_name.n : DNS_NAME_MAX,
		    old_name.p, (int)name.n, name.p, judged ? "," : "");
	if (judged)
		snprintf(words, sizeof(words), " fcrdns %.*s -> %.*s",
		    (int)old_word.n, old_word.p, (int)word.n, word.p);
	if (renamed || judged)
		warnx("stdin:%zu: %.*s:%s%s", j->number, (int)j->nhost,
		    j->text + j->host, names, words);
}

/* What could not be told leaves the name that was there. */
static void
answer_line(struct job *j, const struct fcrdns_result *r)
{
	struct slice	 old_name = slice_make(j->text + j->rdns, j->fcrdns - j->rdns - 1);
	struct slice	 old_word = slice_make(j->text + j->fcrdns, j->rest - j->fcrdns);
	struct slice	 name = slice_str(r->name);
	struct slice	 word = slice_str(fcrdns_names[iprev_word(r->verdict)]);

	if (name.n == 0 && (r->verdict != IPREV_TEMPERROR || old_name.n == 0))
		name = SLICE(UNKNOWN);
	else if (name.n == 0 || slice_eqi(name, old_name))
		name = old_name;
	if (verbose) {
		fwrite(j->steps.text, 1, j->steps.n, stderr);
		fprintf(stderr, "; %.*s %s %s\n", (int)j->nhost, j->text + j->host,
		    iprev_names[r->verdict], r->error != NULL ? r->error : r->name);
	}
	if (recheck && !quiet)
		tell_change(j, old_name, name, old_word, word);

	const struct slice	 parts[] = {
		slice_make(j->text, j->rdns), name, SLICE("|"), word,
		slice_make(j->text + j->rest, j->n - j->rest), SLICE("\n"),
	};
	fill(j, parts, nitems(parts));
}

static void
answer(struct job *j, const struct fcrdns_result *r)
{
	if (j->steps.error != 0)
		errc(EXIT_ERROR, j->steps.error, NULL);
	if (j->number > 0)
		answer_line(j, r);
	else {
		worse(exits[r->verdict]);
		if (json)
			answer_json(j, r);
		else
			answer_text(j, r);
	}
	free(j->steps.text);
	free(j);
	under_way--;
}

static void
answer_cb(const struct fcrdns_result *r, void *arg)
{
	answer(arg, r);
}

/* -- questions -- */

static struct job *
job_new(struct slice text)
{
	struct job	*j;

	if ((j = malloc(sizeof(*j) + text.n + 1)) == NULL)
		err(EXIT_ERROR, NULL);
	*j = (struct job){ .n = text.n };
	memcpy(j->text, text.p, text.n);
	j->text[text.n] = '\0';
	return j;
}

static void
ask(struct job *j, const struct sockaddr_storage *ss)
{
	if ((j->place = ordered_place(&out)) == NULL)
		err(EXIT_ERROR, NULL);
	if (verbose)
		j->begin = microseconds();
	under_way++;
	if (fcrdns_ask(dns, (const struct sockaddr *)ss, (int)(longest / 1000),
	    verbose ? step_cb : NULL, answer_cb, j) == NULL)
		err(EXIT_ERROR, NULL);
}

static void
pass(struct slice line)
{
	if (ordered_put(&out, line) == -1 || ordered_put(&out, SLICE("\n")) == -1)
		err(EXIT_ERROR, NULL);
}

static void
malformed(const struct report *r)
{
	const char	*why = input_complaint(&in, r);

	worse(EXIT_ERROR);
	if (why != NULL && !quiet)
		warnx("%s", why);
}

/* Nobody has said yet what the name is, or whether it leads back. */
static bool
is_open(const struct report *r)
{
	return r->field[RF_RDNS].n == 0 || r->field[RF_FCRDNS].n == 0 ||
	    slice_eq(r->field[RF_FCRDNS], slice_str(fcrdns_names[FCRDNS_ERROR]));
}

/* The peer of a session is at the one end or the other. */
static void
take_connect(const struct report *r)
{
	struct sockaddr_storage	 ss;
	struct slice		 host;
	struct job		*j;
	bool			 outgoing = slice_eq(r->field[RF_SUBSYSTEM],
	    slice_str(subsystem_names[SUBSYSTEM_SMTP_OUT]));

	if (!report_has(r, RF_FCRDNS) || !(recheck || is_open(r)) ||
	    addr_parse(r->field[outgoing ? RF_DEST : RF_SRC], &host, &ss) == -1) {
		pass(r->line);
		return;
	}
	j = job_new(r->line);
	j->number = in.lines.number;
	j->host = (size_t)(host.p - r->line.p);
	j->nhost = host.n;
	j->rdns = (size_t)(r->field[RF_RDNS].p - r->line.p);
	j->fcrdns = (size_t)(r->field[RF_FCRDNS].p - r->line.p);
	j->rest = j->fcrdns + r->field[RF_FCRDNS].n;
	ask(j, &ss);
}

static void
take_report(struct slice line)
{
	struct report		 r;
	struct slice		 params;
	enum report_class	 class = report_parse_prefix(&r, line, &params);

	if (class == REPORT_KNOWN && r.event == EV_LINK_CONNECT &&
	    (class = report_parse_params(&r, params)) == REPORT_KNOWN) {
		take_connect(&r);
		return;
	}
	if (class == REPORT_MALFORMED)
		malformed(&r);
	pass(line);
}

static bool
take_address(struct slice s)
{
	struct sockaddr_storage	 ss;
	struct slice		 host;

	if (addr_parse(s, &host, &ss) == -1)
		return false;
	ask(job_new(s), &ss);
	return true;
}

static struct slice
trimmed(struct slice s)
{
	static const char	 blanks[] = " \t\r";

	while (s.n > 0 && strchr(blanks, s.p[s.n - 1]) != NULL)
		s.n--;
	while (s.n > 0 && strchr(blanks, *s.p) != NULL)
		s = slice_make(s.p + 1, s.n - 1);
	return s;
}

/* No address has a bar, and every line of a stream has. */
static void
take_line(struct slice line)
{
	struct report	 r = { .line = line, .culprit = RF_MAX };

	if (in.lines.cut) {
		r.error = "line too long";
		malformed(&r);
	} else if (line.n == 0)
		pass(line);
	else if (memchr(line.p, '|', line.n) != NULL)
		take_report(line);
	else if (!take_address(trimmed(line))) {
		r.error = "neither an address nor a report line";
		malformed(&r);
	}
}

static void
take_argument(const char *arg)
{
	if (take_address(slice_str(arg)))
		return;
	worse(EXIT_ERROR);
	if (!quiet)
		warnx("not an address: %s", arg);
}

/* -- the loop -- */

static bool
has_room(void)
{
	return under_way < most && ordered_size(&out) < HELD;
}

/* What there is to take, while there is room. */
static void
take(void)
{
	struct slice	 line;

	while (has_room())
		if (reading && linebuf_take(&in.lines, &line))
			take_line(line);
		else if (reading && !in.lines.eof)
			return;
		else if (reading)
			reading = false;
		else if (*args == NULL)
			return;
		else if (strcmp(*args, "-") != 0)
			take_argument(*args++);
		else {
			linebuf_open(&in.lines, STDIN_FILENO);
			reading = true;
			args++;
		}
}

/*
 * What the reader takes now: while it does not, answers go on coming in.  A pipe
 * that is ready takes a piece without waiting.
 */
static void
write_ready(void)
{
	struct pollfd	 pfd = { .fd = STDOUT_FILENO, .events = POLLOUT };
	struct slice	 s;
	ssize_t		 n;

	while ((s = ordered_ready(&out)).n > 0) {
		if (silent)
			n = (ssize_t)s.n;
		else if (poll(&pfd, 1, 0) != 1)
			return;
		else if ((n = write(STDOUT_FILENO, s.p, s.n < chunk ? s.n : chunk)) == -1) {
			if (errno == EAGAIN || errno == EINTR)
				return;
			err(EXIT_ERROR, "stdout");
		}
		ordered_written(&out, (size_t)n);
	}
}

static void
stdin_cb(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what, (void)arg;
	if (linebuf_read(&in.lines) != -1 || errno == EAGAIN || errno == EINTR)
		return;
	warn("stdin");
	worse(EXIT_ERROR);
	reading = false;
}

static void
stdout_cb(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what, (void)arg;
}

static void
watch(struct event *e, bool on)
{
	if ((on ? event_add(e, NULL) : event_del(e)) == -1)
		errx(EXIT_ERROR, "events");
}

static void
run(struct event_base *base)
{
	struct event	*input, *output;
	bool		 full;

	if ((input = event_new(base, STDIN_FILENO, EV_READ, stdin_cb, NULL)) == NULL ||
	    (output = event_new(base, STDOUT_FILENO, EV_WRITE, stdout_cb, NULL)) == NULL)
		err(EXIT_ERROR, NULL);
	for (;;) {
		take();
		full = !has_room();
		write_ready();
		if (full && has_room())
			continue;
		if (!reading && *args == NULL && under_way == 0 &&
		    ordered_ready(&out).n == 0)
			break;
		watch(input, reading && !full);
		watch(output, ordered_ready(&out).n > 0);
		if (event_base_loop(base, EVLOOP_ONCE) == -1)
			err(EXIT_ERROR, "events");
	}
	event_free(input);
	event_free(output);
}

/* Any descriptor may be watched, a file's too, which epoll does not do. */
static struct event_base *
events_new(void)
{
	struct event_config	*config = event_config_new();
	struct event_base	*base = NULL;

	if (config != NULL &&
	    event_config_require_features(config, EV_FEATURE_FDS) == 0)
		base = event_base_new_with_config(config);
	if (base == NULL)
		errx(EXIT_ERROR, "no events");
	event_config_free(config);
	return base;
}

/* A resolver that is asked again before the line has to go. */
static void
dns_start(struct event_base *base)
{
	const struct dns_options	 options = {
		.timeout = longest < 3 * PATIENCE ? (int)(longest / 3000) + 1 :
		    PATIENCE / 1000,
	};
	const char			*why;

	if ((dns = dns_new(base, &options)) == NULL)
		err(EXIT_ERROR, "resolver");
	if (resolvers == NULL)
		dns_files(dns, "/etc/resolv.conf", "/etc/hosts");
	else if (dns_resolvers(dns, resolvers, &why) == -1)
		errx(EXIT_ERROR, "-r %s: %s", resolvers, why);
}

int
main(int argc, char *argv[])
{
	static char		 standard[] = "-";
	static char		*none[] = { standard, NULL };
	struct event_base	*base;
	struct stat		 st;
	const char		*error;
	int			 ch;

	while ((ch = getopt(argc, argv, "c:jQqRr:t:v")) != -1)
		switch (ch) {
		case 'c':
			most = (size_t)strtonum(optarg, 1, MOST, &error);
			if (error != NULL)
				errx(EXIT_ERROR, "-c: number is %s: %s", error, optarg);
			break;
		case 'j':
			json = true;
			break;
		case 'Q':
			quiet = true;
			break;
		case 'q':
			silent = true;
			break;
		case 'R':
			recheck = true;
			break;
		case 'r':
			resolvers = optarg;
			break;
		case 't':
			if (cond_seconds(slice_str(optarg), &longest) == -1 ||
			    longest < 1000 || longest / 1000 > INT_MAX)
				errx(EXIT_ERROR, "-t: bad number of seconds: %s", optarg);
			break;
		case 'v':
			verbose = true;
			break;
		default:
			usage();
		}
	args = argv[optind] == NULL ? none : argv + optind;
	in.name = "stdin";
	if (linebuf_init(&in.lines, STDIN_FILENO) == -1)
		err(EXIT_ERROR, NULL);
	if (fstat(STDOUT_FILENO, &st) == 0 && S_ISREG(st.st_mode))
		chunk = SIZE_MAX;
	ordered_init(&out);
	base = events_new();
	dns_start(base);
	run(base);
	if (in.malformed > INPUT_COMPLAINTS && !quiet)
		warnx("%zu malformed lines in all", in.malformed);
	dns_free(dns);
	event_base_free(base);
	ordered_free(&out);
	linebuf_free(&in.lines);
	if (close(STDOUT_FILENO) == -1)
		err(EXIT_ERROR, "stdout");
	return status;
}
