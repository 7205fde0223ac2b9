/* SPDX-License-Identifier: ISC */
/*
 * An SMTP load for a server on the loopback: some connections, many messages,
 * in one process that costs little.  Prints messages a second and, with one
 * connection, the time from "." to 250.
 *
 *	smtp_load [-P] [-c connections] [-k messages a connection] [-n messages]
 *	    [-s bytes] [-f from] [-t to] [-i seconds] [-a file] port
 *
 * -P writes a whole transaction at once (PIPELINING); -i opens the connections,
 * says EHLO, waits and sends nothing; -a appends the id of each accepted message.
 */
#include <sys/epoll.h>
#include <sys/socket.h>

#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum step { BANNER, EHLO, MAIL, RCPT, DATA, DOT, QUIT, STEPS };

struct client {
	int		 fd;
	enum step	 step;		/* whose reply is awaited */
	long		 sent;		/* messages on this connection */
	double		 dot;		/* when the end of data was written */
	char		 in[4096];
	size_t		 n;
};

static const char	*from = "load@example.org", *to = "bench@example.org";
static long		 total = 1000, per_connection = 0, started, accepted, refused;
static bool		 pipelining;
static double		 idle;
static int		 port, epfd, alive;
static FILE		*ids;
static char		*commands[STEPS];
static double		*latency;

static double
now(void)
{
	struct timespec	 ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

static void
send_all(int fd, const char *p, size_t n)
{
	ssize_t	 w;

	while (n > 0) {
		if ((w = write(fd, p, n)) == -1) {
			if (errno == EPIPE || errno == ECONNRESET)
				return;
			err(1, "write");
		}
		p += w;
		n -= w;
	}
}

static void
client_open(struct client *c)
{
	struct sockaddr_in	 sin = { .sin_family = AF_INET,
	    .sin_port = htons(port),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct epoll_event	 ev = { .events = EPOLLIN, .data.ptr = c };
	int			 on = 1;

	if ((c->fd = socket(AF_INET, SOCK_STREAM, 0)) == -1)
		err(1, "socket");
	if (connect(c->fd, (struct sockaddr *)&sin, sizeof(sin)) == -1)
		err(1, "connect 127.0.0.1:%d", port);
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	c->step = BANNER;
	c->n = 0;
	c->sent = 0;
	if (epoll_ctl(epfd, EPOLL_CTL_ADD, c->fd, &ev) == -1)
		err(1, "epoll_ctl");
	alive++;
}

static void
client_close(struct client *c)
{
	close(c->fd);
	c->fd = -1;
	alive--;
	if (started < total && idle == 0)
		client_open(c);
}

static void
say(struct client *c, enum step step)
{
	c->step = step;
	send_all(c->fd, commands[step], strlen(commands[step]));
	if (step == DOT)
		c->dot = now();
}

static void
next_message(struct client *c)
{
	if (started >= total || (per_connection > 0 && c->sent >= per_connection)) {
		say(c, QUIT);
		return;
	}
	started++;
	c->sent++;
	if (pipelining) {
		char	*all;

		if (asprintf(&all, "%s%s%s", commands[MAIL], commands[RCPT],
		    commands[DATA]) == -1)
			err(1, NULL);
		send_all(c->fd, all, strlen(all));
		free(all);
		c->step = MAIL;
	} else
		say(c, MAIL);
}

static void
reply(struct client *c, const char *line)
{
	if (line[3] == '-')
		return;
	if (line[0] != '2' && line[0] != '3' && c->step != QUIT) {
		refused++;
		if (refused < 5)
			warnx("refused at step %d: %s", c->step, line);
		client_close(c);
		return;
	}
	switch (c->step) {
	case BANNER:
		say(c, EHLO);
		break;
	case EHLO:
		if (idle == 0)
			next_message(c);
		break;
	case DOT:
		if (latency != NULL)
			latency[accepted] = now() - c->dot;
		accepted++;
		if (ids != NULL)
			fprintf(ids, "%.8s\n", line + 10);
		next_message(c);
		break;
	case QUIT:
		client_close(c);
		break;
	default:
		if (pipelining && c->step != DATA)
			c->step++;
		else
			say(c, c->step + 1);
	}
}

static void
readable(struct client *c)
{
	char	*nl;
	ssize_t	 n = read(c->fd, c->in + c->n, sizeof(c->in) - c->n - 1);

	if (n <= 0) {
		client_close(c);
		return;
	}
	c->n += n;
	while (c->fd != -1 && (nl = memchr(c->in, '\n', c->n)) != NULL) {
		*nl = '\0';
		reply(c, c->in);
		n = nl + 1 - c->in;
		if (c->n >= (size_t)n) {
			memmove(c->in, c->in + n, c->n - n);
			c->n -= n;
		}
	}
}

static void
make_commands(size_t size)
{
	char	*body = malloc(size + 128);
	size_t	 n = 0;

	if (body == NULL)
		err(1, NULL);
	n += sprintf(body, "Subject: load\r\n\r\n");
	while (n + 80 < size)
		n += sprintf(body + n, "%074d\r\n", 0);
	sprintf(body + n, ".\r\n");
	commands[EHLO] = "EHLO localhost\r\n";
	if (asprintf(&commands[MAIL], "MAIL FROM:<%s>\r\n", from) == -1 ||
	    asprintf(&commands[RCPT], "RCPT TO:<%s>\r\n", to) == -1)
		err(1, NULL);
	commands[DATA] = "DATA\r\n";
	commands[DOT] = body;
	commands[QUIT] = "QUIT\r\n";
}

static int
by_value(const void *a, const void *b)
{
	double	 x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

int
main(int argc, char *argv[])
{
	struct epoll_event	 ev[64];
	struct client		*clients;
	size_t			 size = 4096;
	double			 begin, end;
	int			 connections = 1, ch, i, n;

	while ((ch = getopt(argc, argv, "a:c:f:i:k:n:Ps:t:")) != -1)
		switch (ch) {
		case 'a':
			if ((ids = fopen(optarg, "a")) == NULL)
				err(1, "%s", optarg);
			setvbuf(ids, NULL, _IOLBF, 0);
			break;
		case 'c':
			connections = atoi(optarg);
			break;
		case 'f':
			from = optarg;
			break;
		case 'i':
			idle = atof(optarg);
			break;
		case 'k':
			per_connection = atol(optarg);
			break;
		case 'n':
			total = atol(optarg);
			break;
		case 'P':
			pipelining = true;
			break;
		case 's':
			size = atol(optarg);
			break;
		case 't':
			to = optarg;
			break;
		default:
			errx(2, "usage: smtp_load [-P] [-a file] [-c connections] [-f from] [-i seconds] [-k per connection] [-n messages] [-s bytes] [-t to] port");
		}
	if (optind + 1 != argc)
		errx(2, "which port?");
	port = atoi(argv[optind]);
	make_commands(size);
	if (connections == 1)
		latency = calloc(total, sizeof(*latency));
	if ((clients = calloc(connections, sizeof(*clients))) == NULL)
		err(1, NULL);
	epfd = epoll_create1(0);
	begin = now();
	for (i = 0; i < connections; i++)
		client_open(&clients[i]);
	while (alive > 0 && (idle == 0 || now() - begin < idle)) {
		if ((n = epoll_wait(epfd, ev, 64, 100)) == -1 && errno != EINTR)
			err(1, "epoll_wait");
		for (i = 0; i < n; i++)
			readable(ev[i].data.ptr);
	}
	end = now();
	if (idle > 0)
		return 0;
	printf("accepted %ld refused %ld seconds %.3f messages/s %.1f MB/s %.1f",
	    accepted, refused, end - begin, accepted / (end - begin),
	    accepted * (double)size / (end - begin) / 1e6);
	if (latency != NULL && accepted > 0) {
		qsort(latency, accepted, sizeof(*latency), by_value);
		printf(" dot-to-250-p50-ms %.3f p99 %.3f",
		    latency[accepted / 2] * 1e3,
		    latency[accepted * 99 / 100] * 1e3);
	}
	printf("\n");
	return refused > 0;
}
