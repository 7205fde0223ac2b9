/* SPDX-License-Identifier: ISC */
/*
 * smtpctl: asks the running daemon over its control socket.
 */
#include <sys/socket.h>
#include <sys/un.h>

#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <stdnoreturn.h>
#include <string.h>
#include <unistd.h>

#include "smtpd/control.h"

static const struct {
	const char	*words[2];
	enum control_command command;
	int		 id;		/* an argument follows */
} commands[] = {
	{ { "show", "queue" },		CONTROL_QUEUE,		0 },
	{ { "show", "message" },	CONTROL_MESSAGE,	1 },
	{ { "show", "stats" },		CONTROL_STATS,		0 },
	{ { "dump", NULL },		CONTROL_DUMP,		0 },
	{ { "stop", NULL },		CONTROL_STOP,		0 },
};

static void
usage(void)
{
	fprintf(stderr, "usage: smtpctl [-s socket] show queue\n"
	    "       smtpctl [-s socket] show message id\n"
	    "       smtpctl [-s socket] show stats\n"
	    "       smtpctl [-s socket] dump\n"
	    "       smtpctl [-s socket] stop\n");
	exit(2);
}

static struct control_request
parse(int argc, char *argv[])
{
	struct control_request	 r = { .magic = CONTROL_MAGIC,
	    .version = CONTROL_VERSION };
	size_t			 i, len;
	int			 n;

	for (i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		n = commands[i].words[1] != NULL ? 2 : 1;
		if (argc != n + commands[i].id ||
		    strcmp(argv[0], commands[i].words[0]) != 0 ||
		    (n == 2 && strcmp(argv[1], commands[i].words[1]) != 0))
			continue;
		r.command = commands[i].command;
		if (!commands[i].id)
			return r;
		r.id = strtoull(argv[n], NULL, 16);
		len = strlen(argv[n]);
		if (strspn(argv[n], "0123456789abcdefABCDEF") != len ||
		    (len != 8 && len != 16) || r.id == 0)
			errx(2, "%s: not a message id (8 hexadecimal digits) or envelope id (16)",
			    argv[n]);
		return r;
	}
	usage();
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
