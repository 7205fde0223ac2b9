/* SPDX-License-Identifier: ISC */
/*
 * smtpctl: asks the running daemon over its control socket.
 */
#include <sys/socket.h>
#include <sys/un.h>

#include <err.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <stdnoreturn.h>
#include <string.h>
#include <unistd.h>

#include "lib/nearest.h"
#include "lib/nitems.h"
#include "smtpd/control.h"
#include "smtpd/smtpctl_encrypt.h"

#define WORDS	2

static const struct command {
	const char	*words[WORDS];
	enum control_command command;
	enum { NO_ID, ID, ID_OR_ALL, NAME, STRING } id;	/* one follows; STRING: if any */
} commands[] = {	/* a command of one word stands behind those that begin with it */
	{ { "show", "queue" },		CONTROL_QUEUE,		NO_ID },
	{ { "show", "message" },	CONTROL_MESSAGE,	ID },
	{ { "show", "hosts" },		CONTROL_HOSTS,		NO_ID },
	{ { "show", "stats" },		CONTROL_STATS,		NO_ID },
	{ { "schedule", NULL },		CONTROL_SCHEDULE,	ID_OR_ALL },
	{ { "remove", NULL },		CONTROL_REMOVE,		ID_OR_ALL },
	{ { "pause", "mda" },		CONTROL_PAUSE_MDA,	NO_ID },
	{ { "pause", "mta" },		CONTROL_PAUSE_MTA,	NO_ID },
	{ { "pause", NULL },		CONTROL_PAUSE,		ID },
	{ { "resume", "mda" },		CONTROL_RESUME_MDA,	NO_ID },
	{ { "resume", "mta" },		CONTROL_RESUME_MTA,	NO_ID },
	{ { "resume", NULL },		CONTROL_RESUME,		ID },
	{ { "update", "table" },	CONTROL_UPDATE_TABLE,	NAME },
	{ { "encrypt", NULL },		CONTROL_MAX,		STRING },	/* nobody is asked */
	{ { "dump", NULL },		CONTROL_DUMP,		NO_ID },
	{ { "stop", NULL },		CONTROL_STOP,		NO_ID },
};

static const char *const	 id_names[] = {
	[ID]		= " id",
	[ID_OR_ALL]	= " id|all",
	[NAME]		= " name",
	[STRING]	= " [string]",
};

static noreturn void
usage(void)
{
	size_t	 i;

	for (i = 0; i < nitems(commands); i++)
		fprintf(stderr, "%s smtpctl %s%s%s%s%s\n",
		    i == 0 ? "usage:" : "      ", commands[i].id == STRING ? "" :
		    "[-s socket] ", commands[i].words[0],
		    commands[i].words[1] != NULL ? " " : "",
		    commands[i].words[1] != NULL ? commands[i].words[1] : "",
		    commands[i].id != NO_ID ? id_names[commands[i].id] : "");
	exit(2);
}

static int
length(const struct command *c)
{
	return c->words[1] != NULL ? 2 : 1;
}

/* How many words of the command argv begins with. */
static int
agree(const struct command *c, int argc, char *argv[])
{
	int	 n = 0;

	while (n < length(c) && n < argc && strcmp(argv[n], c->words[n]) == 0)
		n++;
	return n;
}

/* Names the word that is none, or that it should stand there, and what would be right. */
static noreturn void
no_command(int argc, char *argv[])
{
	struct nearest	 near;
	int		 best = 0, n;
	size_t		 i;

	for (i = 0; i < nitems(commands); i++)
		if ((n = agree(&commands[i], argc, argv)) > best)
			best = n;
	if (best == argc) {
		warnx("a word is missing behind \"%s\"", argv[argc - 1]);
		usage();
	}
	nearest_init(&near, slice_str(argv[best]));
	for (i = 0; i < nitems(commands); i++)
		if (agree(&commands[i], argc, argv) == best)
			nearest_try(&near, commands[i].words[best]);
	if (near.best[0] != NULL)
		warnx("%s: no such command; did you mean \"%s\"?", argv[best],
		    near.best[0]);
	else
		warnx("%s: no such command", argv[best]);
	usage();
}

static uint64_t
parse_id(const char *s)
{
	uint64_t	 id = strtoull(s, NULL, 16);
	size_t		 n = strlen(s);

	if (strspn(s, "0123456789abcdefABCDEF") != n ||
	    (n != 8 && n != 16) || id == 0)
		errx(2, "%s: not a message id (8 hexadecimal digits) or envelope id (16)",
		    s);
	return id;
}

static struct control_request
parse(int argc, char *argv[])
{
	struct control_request	 r = { .magic = CONTROL_MAGIC,
	    .version = CONTROL_VERSION };
	const struct command	*c;
	int			 n;

	for (c = commands; c < commands + nitems(commands); c++)
		if (agree(c, argc, argv) == length(c))
			break;
	if (c == commands + nitems(commands))
		no_command(argc, argv);
	n = length(c);
	if (c->id != NO_ID && c->id != STRING && argc == n) {
		warnx("%s is missing behind \"%s\"", c->id == NAME ? "a name" : "an id",
		    argv[argc - 1]);
		usage();
	}
	if (argc > n + (c->id != NO_ID)) {
		warnx("%s: nothing may stand there", argv[n + (c->id != NO_ID)]);
		usage();
	}
	r.command = c->command;
	if (c->id == STRING)
		exit(smtpctl_encrypt(argv[n]));
	if (c->id == NAME) {
		if (strlcpy(r.name, argv[n], sizeof(r.name)) >= sizeof(r.name))
			errx(2, "%s: longer than a name may be", argv[n]);
	} else if (c->id != NO_ID && (c->id != ID_OR_ALL || strcmp(argv[n], "all") != 0))
		r.id = parse_id(argv[n]);
	return r;
}

static int
control_connect(const char *path)
{
	struct sockaddr_un	 un = { .sun_family = AF_UNIX };
	int			 fd;

	if (strlen(path) >= sizeof(un.sun_path))
		errx(2, "%s: longer than a socket's path may be", path);
	memcpy(un.sun_path, path, strlen(path) + 1);
	if ((fd = socket(AF_UNIX, SOCK_STREAM, 0)) == -1)
		err(2, "socket");
	if (connect(fd, (struct sockaddr *)&un, sizeof(un)) == -1) {
		if (errno == ENOENT || errno == ECONNREFUSED)
			errx(2, "connect to %s: %s: is smtpd running?  -s or SMTPD_CONTROL names another control socket",
			    path, strerror(errno));
		err(2, "connect to %s", path);
	}
	return fd;
}

/* Who is not allowed is hung up on before the request is read. */
static noreturn void
not_answered(const char *path)
{
	errx(2, "%s: the daemon does not answer this user", path);
}

static noreturn void
cut_short(const char *path)
{
	errx(2, "%s: the answer was cut short", path);
}

static void
ask(int fd, const char *path, const struct control_request *r)
{
	ssize_t	 n = send(fd, r, sizeof(*r), MSG_NOSIGNAL);

	if (n == -1 && (errno == EPIPE || errno == ECONNRESET))
		not_answered(path);
	if (n == -1)
		err(2, "%s: write", path);
}

/* Bytes read: fewer than n only at the end. */
static size_t
get(int fd, const char *path, void *buf, size_t n)
{
	size_t	 got = 0;
	ssize_t	 r;

	while (got < n) {
		r = read(fd, (char *)buf + got, n - got);
		if (r == -1 && errno == EINTR)
			continue;
		if (r == -1 && errno == ECONNRESET)
			not_answered(path);
		if (r == -1)
			err(2, "%s: read", path);
		if (r == 0)
			break;
		got += r;
	}
	return got;
}

static noreturn void
fail(int fd, const char *path)
{
	char	 text[1024];
	size_t	 n = get(fd, path, text, sizeof(text));

	if (n > 0 && text[n - 1] == '\n')
		n--;
	/* The rest of CONTROL_ERROR stands in front. */
	if (n < sizeof(CONTROL_ERROR) - 1 - 4)
		cut_short(path);
	errx(2, "%.*s", (int)(n - (sizeof(CONTROL_ERROR) - 1 - 4)),
	    text + sizeof(CONTROL_ERROR) - 1 - 4);
}

/* n bytes, or the end of us. */
static void
get_all(int fd, const char *path, void *buf, size_t n)
{
	if (get(fd, path, buf, n) < n)
		cut_short(path);
}

/* One piece after the other to standard output. */
static void
print_answer(int fd, const char *path)
{
	static char	 buf[65536];
	uint32_t	 left;
	size_t		 n = get(fd, path, &left, sizeof(left));

	if (n == 0)
		not_answered(path);
	if (n < sizeof(left))
		cut_short(path);
	for (;; get_all(fd, path, &left, sizeof(left))) {
		if (memcmp(&left, CONTROL_ERROR, sizeof(left)) == 0)
			fail(fd, path);
		if (left == 0)
			return;
		for (; left > 0; left -= n) {
			n = left < sizeof(buf) ? left : sizeof(buf);
			get_all(fd, path, buf, n);
			if (fwrite(buf, 1, n, stdout) != n)
				err(2, "stdout");
		}
	}
}

int
main(int argc, char *argv[])
{
	const char		*path = getenv("SMTPD_CONTROL");
	struct control_request	 r;
	int			 fd, ch;

	if (path == NULL)
		path = CONTROLSOCK;
	while ((ch = getopt(argc, argv, "s:")) != -1)
		switch (ch) {
		case 's':
			path = optarg;
			break;
		default:
			usage();
		}
	argc -= optind;
	argv += optind;
	if (argc == 0)
		usage();
	r = parse(argc, argv);
	fd = control_connect(path);
	ask(fd, path, &r);
	print_answer(fd, path);
	if (fflush(stdout) == EOF)
		err(2, "stdout");
	return 0;
}
