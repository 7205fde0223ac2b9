/* SPDX-License-Identifier: ISC */
/*
 * The resolvers, by a list of ours or by resolv.conf; files that change.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/dns_conf.h"

#define PORT		53
#define TIMEOUT_MAX	30	/* seconds and tries, as resolv.conf(5) has them */
#define ATTEMPTS_MAX	5
#define FILE_MAX	(16 << 20)

/* An address without brackets, with neither scope nor port. */
static int
address(struct slice s, struct dns_server *to)
{
	char	 text[INET6_ADDRSTRLEN];

	if (s.n == 0 || s.n >= sizeof(text) || memchr(s.p, '\0', s.n) != NULL)
		return 0;
	memcpy(text, s.p, s.n);
	text[s.n] = '\0';
	/* Compared as bytes later. */
	memset(to, 0, sizeof(*to));
	to->port = PORT;
	if (inet_pton(AF_INET, text, &to->in) == 1)
		to->family = AF_INET;
	else if (inet_pton(AF_INET6, text, &to->in6) == 1)
		to->family = AF_INET6;
	return to->family != 0;
}

static int
number(struct slice s, long long max)
{
	char		 text[16];
	const char	*why;
	long long	 n;

	if (s.n == 0 || s.n >= sizeof(text))
		return 0;
	memcpy(text, s.p, s.n);
	text[s.n] = '\0';
	n = strtonum(text, 1, LLONG_MAX, &why);
	return why != NULL ? 0 : (int)(n > max ? max : n);
}

/* addr, v6, addr:port, [v6], [v6]:port */
static const char *
server(struct slice s, struct dns_server *to)
{
	struct slice	 host = s, port = SLICE_NONE;
	const char	*p;
	int		 n;

	if (s.n > 0 && *s.p == '[') {
		if ((p = memchr(s.p, ']', s.n)) == NULL)
			return "a bracket is not closed";
		host = slice_make(s.p + 1, p - s.p - 1);
		if (p + 1 < s.p + s.n && p[1] != ':')
			return "a bracket is followed by something else than a port";
		if (p + 1 < s.p + s.n)
			port = slice_make(p + 2, s.p + s.n - p - 2);
	} else if ((p = memchr(s.p, ':', s.n)) != NULL &&
	    memchr(p + 1, ':', s.p + s.n - p - 1) == NULL) {
		host.n = p - s.p;
		port = slice_make(p + 1, s.p + s.n - p - 1);
	}
	if (!address(host, to))
		return "a resolver is not an address";
	if (port.p == NULL)
		return NULL;
	if ((n = number(port, UINT16_MAX + 1)) == 0 || n > UINT16_MAX)
		return "a port is no number from 1 to 65535";
	to->port = (uint16_t)n;
	return NULL;
}

/* The next word, ended by one of ends, or n == 0 at the end. */
static struct slice
word(struct slice *s, const char *ends)
{
	struct slice	 w;

	while (s->n > 0 && strchr(ends, *s->p) != NULL) {
		s->p++;
		s->n--;
	}
	w = slice_make(s->p, 0);
	while (s->n > 0 && strchr(ends, *s->p) == NULL) {
		s->p++;
		s->n--;
		w.n++;
	}
	return w;
}

int
dns_conf_list(struct dns_servers *to, const char *list, const char **why)
{
	struct dns_servers	 new = { .n = 0 };
	struct slice		 rest = slice_str(list), w;

	while ((w = word(&rest, ", \t")).n > 0) {
		if (new.n == DNS_SERVERS) {
			*why = "more than 8 resolvers";
			return -1;
		}
		if ((*why = server(w, &new.server[new.n++])) != NULL)
			return -1;
	}
	if (new.n == 0) {
		*why = "no resolver is named";
		return -1;
	}
	*to = new;
	return 0;
}

static void
options(struct dns_servers *to, struct slice rest)
{
	struct slice	 w, timeout = SLICE("timeout:"), attempts = SLICE("attempts:");

	while ((w = word(&rest, " \t\r")).n > 0)
		if (slice_eq(w, SLICE("rotate")))
			to->rotate = 1;
		else if (w.n > timeout.n && memcmp(w.p, timeout.p, timeout.n) == 0)
			to->timeout = 1000 * number(slice_make(w.p + timeout.n,
			    w.n - timeout.n), TIMEOUT_MAX);
		else if (w.n > attempts.n && memcmp(w.p, attempts.p, attempts.n) == 0)
			to->tries = number(slice_make(w.p + attempts.n,
			    w.n - attempts.n), ATTEMPTS_MAX);
}

/* What it does not know, or what is no address, is passed over as the C library does. */
int
dns_conf_resolv(struct dns_servers *to, struct slice text, const char **why)
{
	struct dns_servers	 new = { .n = 0 };
	struct slice		 line, w;

	while ((line = word(&text, "\n")).n > 0) {
		if (*line.p == '#' || *line.p == ';')
			continue;
		w = word(&line, " \t\r");
		if (slice_eq(w, SLICE("nameserver"))) {
			if (new.n < DNS_SERVERS && server(word(&line, " \t\r"), &new.server[new.n]) == NULL)
				new.n++;
		} else if (slice_eq(w, SLICE("options")))
			options(&new, line);
	}
	if (new.n == 0) {
		*why = "no nameserver is named";
		return -1;
	}
	*to = new;
	return 0;
}

int
dns_conf_same(const struct dns_servers *a, const struct dns_servers *b)
{
	return a->n == b->n && a->timeout == b->timeout && a->tries == b->tries &&
	    a->rotate == b->rotate &&
	    memcmp(a->server, b->server, a->n * sizeof(a->server[0])) == 0;
}

static int
same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
	    a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

int
dns_file_changed(struct dns_file *f, char **text, size_t *n)
{
	struct stat	 st;
	ssize_t		 got;
	int		 fd, whole = 0;

	if (f->path == NULL || stat(f->path, &st) == -1 || !S_ISREG(st.st_mode) ||
	    same_file(&st, &f->seen) || st.st_size > FILE_MAX)
		return 0;
	if ((fd = open(f->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)) == -1)
		return 0;
	*n = 0;
	if ((*text = malloc((size_t)st.st_size + 1)) != NULL)
		while (*n < (size_t)st.st_size + 1 && !whole) {
			got = read(fd, *text + *n, (size_t)st.st_size + 1 - *n);
			if (got == -1)
				break;
			whole = got == 0;
			*n += (size_t)got;
		}
	close(fd);
	/* While it grows it is not read: soon it has ended. */
	if (!whole) {
		free(*text);
		return 0;
	}
	f->seen = st;
	return 1;
}
