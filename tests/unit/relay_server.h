/* SPDX-License-Identifier: ISC */
#ifndef TESTS_UNIT_RELAY_SERVER_H
#define TESTS_UNIT_RELAY_SERVER_H

/*
 * Servers on loopback that play a script: a letter, a blank and a text a line.
 *
 *	S TEXT	the server says it
 *	M TEXT	several lines, joined by `/`, in one packet
 *	s N	it says so many lines of "250-x", without an end
 *	C TEXT	the client says it; a * at the end stands for any rest
 *	D TEXT	the client sends content, lines joined by `/`, and the dot
 *	B TEXT	the same by BDAT: so many octets as the C line before says
 *	I TEXT	it says 220 and the text in one packet
 *	X	it closes
 *	R	it closes with a reset
 *	T	it begins TLS
 *	W	it says nothing any more
 *	A	it takes all that comes from now on
 *
 * Part of relay_world.h, whose loop and statics it uses.
 */

/* -- servers -- */

struct server {
	int		 fd;
	struct event	 ev;
	const char	*at;		/* in the script */
	char		 in[65536];
	size_t		 nin;
	struct tls	*tls;
	bool		 handshake;
	bool		 in_data;	/* of A */
};
static struct server	 servers[SERVERS];
static struct tls	*server_tls;

static void	server_run(struct server *);

static void
server_close(struct server *s)
{
	event_del(&s->ev);
	if (s->tls != NULL)
		tls_free(s->tls);
	s->tls = NULL;
	close(s->fd);
	s->fd = -1;
}

static void
server_write(struct server *s, const char *p, size_t n)
{
	ssize_t	 done;

	while (n > 0) {
		done = s->tls != NULL ? tls_write(s->tls, p, n) :
		    write(s->fd, p, n);
		if (done == TLS_WANT_POLLIN || done == TLS_WANT_POLLOUT)
			continue;
		if (done <= 0)
			return;
		p += done;
		n -= (size_t)done;
	}
}

static bool
server_line(struct server *s, char *line, size_t size)
{
	char	*lf = memchr(s->in, '\n', s->nin);
	size_t	 n;

	if (lf == NULL)
		return false;
	n = (size_t)(lf - s->in);
	assert_true(n > 0 && n < size && s->in[n - 1] == '\r');
	memcpy(line, s->in, n - 1);
	line[n - 1] = '\0';
	s->nin -= n + 1;
	memmove(s->in, lf + 1, s->nin);
	return true;
}

static void
server_expect(const char *got, const char *want, size_t n)
{
	if (n > 0 && want[n - 1] == '*' && strncmp(got, want, n - 1) == 0)
		return;
	if (strlen(got) != n || strncmp(got, want, n) != 0)
		world_failed("the client said: %s\nexpected: %.*s", got, (int)n, want);
}

/* The lines up to the dot, joined; NULL if it is not there yet. */
static bool
server_content(struct server *s, char *text, size_t size)
{
	char	*end = memmem(s->in, s->nin, "\r\n.\r\n", 5), *p;
	size_t	 n;

	text[0] = '\0';
	if (s->nin >= 3 && memcmp(s->in, ".\r\n", 3) == 0)
		n = 3;
	else if (end == NULL)
		return false;
	else {
		n = (size_t)(end - s->in);
		assert_true(n < size);
		memcpy(text, s->in, n);
		text[n] = '\0';
		n += 5;
	}
	s->nin -= n;
	memmove(s->in, s->in + n, s->nin);
	while ((p = strstr(text, "\r\n")) != NULL) {
		*p = '/';
		memmove(p + 1, p + 2, strlen(p + 2) + 1);
	}
	return true;
}

static bool
server_octets(struct server *s, const char *want, size_t n)
{
	char	 text[1024], *p;
	size_t	 octets = 0, i;

	for (i = 0; i < n; i++)
		octets += want[i] == '/' ? 2 : 1;
	if (s->nin < octets)
		return false;
	memcpy(text, s->in, octets);
	text[octets] = '\0';
	s->nin -= octets;
	memmove(s->in, s->in + octets, s->nin);
	while ((p = strstr(text, "\r\n")) != NULL) {
		*p = '/';
		memmove(p + 1, p + 2, strlen(p + 2) + 1);
	}
	server_expect(text, want, n);
	return true;
}

/* With an end for each; the bytes. */
static size_t
server_lines(const char *text, size_t n, char *out)
{
	size_t	 i, used = 0;

	for (i = 0; i <= n; i++)
		if (i == n || text[i] == '/') {
			memcpy(out + used, "\r\n", 2);
			used += 2;
		} else
			out[used++] = text[i];
	return used;
}

static void
server_many(struct server *s, int n)
{
	while (n-- > 0)
		server_write(s, "250-x\r\n", 7);
}

static void
server_reset(struct server *s)
{
	struct linger	 l = { 1, 0 };

	setsockopt(s->fd, SOL_SOCKET, SO_LINGER, &l, sizeof(l));
	server_close(s);
}

/* One line, or one content; false if it is not there. */
static bool
server_take(struct server *s)
{
	static char	 text[65536];

	if (s->in_data) {
		if (!server_content(s, text, sizeof(text)))
			return false;
		server_write(s, "250 taken\r\n", 11);
		s->in_data = false;
		return true;
	}
	if (!server_line(s, text, sizeof(text)))
		return false;
	s->in_data = strcmp(text, "DATA") == 0;
	if (s->in_data)
		server_write(s, "354 go\r\n", 8);
	else
		server_write(s, "250 ok\r\n", 8);
	return true;
}

/* Plays one line of the script; false: it must wait, or is over. */
static bool
server_step(struct server *s)
{
	char		 line[65536];
	const char	*text, *end;
	size_t		 n;

	if (*s->at == '\0' || s->fd == -1 || s->handshake)
		return false;
	end = strchr(s->at, '\n');
	text = s->at[1] == ' ' ? s->at + 2 : s->at + 1;
	n = (size_t)(end - text);
	switch (s->at[0]) {
	case 'S':
		memcpy(line, text, n);
		memcpy(line + n, "\r\n", 2);
		server_write(s, line, n + 2);
		break;
	case 'M':
		server_write(s, line, server_lines(text, n, line));
		break;
	case 'I':
		server_write(s, line, (size_t)snprintf(line, sizeof(line),
		    "220 go\r\n%.*s\r\n", (int)n, text));
		break;
	case 's':
		server_many(s, atoi(text));
		break;
	case 'C':
		if (!server_line(s, line, sizeof(line)))
			return false;
		server_expect(line, text, n);
		break;
	case 'D':
		if (!server_content(s, line, sizeof(line)))
			return false;
		server_expect(line, text, n);
		break;
	case 'B':
		if (!server_octets(s, text, n))
			return false;
		break;
	case 'X':
		server_close(s);
		return false;
	case 'R':
		server_reset(s);
		return false;
	case 'T':
		assert_int_equal(tls_accept_socket(server_tls, &s->tls, s->fd), 0);
		s->handshake = true;
		break;
	case 'W':
		return false;
	case 'A':
		return server_take(s);
	default:
		world_failed("script: %s", s->at);
	}
	s->at = end + 1;
	return true;
}

static void
server_run(struct server *s)
{
	while (server_step(s))
		;
}

static void
server_cb(evutil_socket_t fd, short what, void *arg)
{
	struct server	*s = arg;
	ssize_t		 n = 0;

	(void)fd;
	(void)what;
	if (s->handshake) {
		n = tls_handshake(s->tls);
		if (n == TLS_WANT_POLLIN || n == TLS_WANT_POLLOUT)
			return;
		s->handshake = false;
		if (n == -1) {
			server_close(s);
			return;
		}
		server_run(s);
		return;
	}
	/* What there is no room for waits for the next turn. */
	while (s->nin < sizeof(s->in)) {
		n = s->tls != NULL ?
		    tls_read(s->tls, s->in + s->nin, sizeof(s->in) - s->nin) :
		    read(s->fd, s->in + s->nin, sizeof(s->in) - s->nin);
		if (n <= 0)
			break;
		s->nin += (size_t)n;
		server_run(s);
		if (s->fd == -1 || s->handshake)
			return;
	}
	if (s->nin == sizeof(s->in))
		return;
	if (n == TLS_WANT_POLLIN || n == TLS_WANT_POLLOUT ||
	    (n == -1 && s->tls == NULL && errno == EAGAIN))
		return;
	server_close(s);
}

static void
accept_cb(evutil_socket_t fd, short what, void *arg)
{
	struct server	*s = &servers[world.naccepted];
	int		 on = 1;

	(void)what;
	(void)arg;
	memset(s, 0, sizeof(*s));
	s->fd = accept4(fd, NULL, NULL, SOCK_NONBLOCK);
	assert_int_not_equal(s->fd, -1);
	setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (world.scripts[world.naccepted] == NULL) {
		world_failed("connection %u has no script", world.naccepted);
		close(s->fd);
		s->fd = -1;
		return;
	}
	s->at = world.scripts[world.naccepted++];
	event_assign(&s->ev, loop_base, s->fd, EV_READ | EV_PERSIST, server_cb, s);
	event_add(&s->ev, NULL);
	server_run(s);
}

static void
world_listen(void)
{
	struct sockaddr_in	 sin = { .sin_family = AF_INET };
	socklen_t		 n = sizeof(sin);
	static struct event	 ev;

	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	world.listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	assert_int_equal(bind(world.listener, (struct sockaddr *)&sin, n), 0);
	assert_int_equal(listen(world.listener, 16), 0);
	assert_int_equal(getsockname(world.listener, (struct sockaddr *)&sin, &n), 0);
	world.port = ntohs(sin.sin_port);
	event_assign(&ev, loop_base, world.listener, EV_READ | EV_PERSIST,
	    accept_cb, NULL);
	event_add(&ev, NULL);
}

#endif
