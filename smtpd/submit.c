/* SPDX-License-Identifier: ISC */
/*
 * The client's side of the submission socket.  Used by sendmail and by the
 * offline process.
 */
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include <ctype.h>
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/utf8.h"
#include "smtpd/submit.h"

#define PATIENCE	600	/* seconds for a reply, RFC 5321 4.5.3.2.6 */

int
submit_connect(const char *path)
{
	struct sockaddr_un	 sun = { .sun_family = AF_UNIX };
	struct timeval		 tv = { PATIENCE, 0 };
	int			 fd, saved;

	if (strlcpy(sun.sun_path, path, sizeof(sun.sun_path)) >=
	    sizeof(sun.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	if ((fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) == -1)
		return -1;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)) == -1 ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv)) == -1 ||
	    connect(fd, (struct sockaddr *)&sun, sizeof(sun)) == -1) {
		saved = errno;
		close(fd);
		errno = saved;
		return -1;
	}
	return fd;
}

/* Reads a reply to its last line; its code, or -1 if the connection is gone or talks nonsense. */
static int
reply(struct submit *s)
{
	const char	*r = s->reply;
	size_t		 n;

	do {
		if (fgets(s->reply, sizeof(s->reply), s->in) == NULL ||
		    (n = strlen(s->reply)) < 4 || r[n - 1] != '\n' ||
		    !isdigit((unsigned char)r[0]) ||
		    !isdigit((unsigned char)r[1]) ||
		    !isdigit((unsigned char)r[2])) {
			strlcpy(s->reply, "connection lost", sizeof(s->reply));
			return -1;
		}
		s->reply[strcspn(s->reply, "\r\n")] = '\0';
	} while (r[3] == '-');
	return atoi(r);
}

/* Sends a command, CRLF added; what its reply means for the message. */
static enum submit_result __attribute__((format(printf, 3, 4)))
command(struct submit *s, int expected, const char *fmt, ...)
{
	va_list	 ap;
	int	 code;

	va_start(ap, fmt);
	vfprintf(s->out, fmt, ap);
	va_end(ap);
	fputs("\r\n", s->out);
	code = fflush(s->out) == EOF ? -1 : reply(s);
	if (code == expected)
		return SUBMIT_OK;
	if (code == -1 || code == 421)
		return SUBMIT_DOWN;
	return code >= 500 ? SUBMIT_REFUSED : SUBMIT_TEMPFAIL;
}

/* The name in the banner, if it can be the domain of an address. */
static void
learn_host(struct submit *s)
{
	const char	*name = s->reply + 4;
	size_t		 n;

	n = strspn(name, "abcdefghijklmnopqrstuvwxyz"
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-");
	if (n == 0 || n >= sizeof(s->host) || (name[n] != ' ' && name[n] != '\0'))
		return;
	memcpy(s->host, name, n);
	s->host[n] = '\0';
}

enum submit_result
submit_open(struct submit *s, const char *path)
{
	int	 code, fd, fd2;

	memset(s, 0, sizeof(*s));
	signal(SIGPIPE, SIG_IGN);
	if ((fd = submit_connect(path)) == -1) {
		snprintf(s->reply, sizeof(s->reply), "%s: %s", path,
		    strerror(errno));
		return SUBMIT_DOWN;
	}
	if ((fd2 = dup(fd)) == -1 || (s->out = fdopen(fd2, "w")) == NULL ||
	    (s->in = fdopen(fd, "r")) == NULL) {
		snprintf(s->reply, sizeof(s->reply), "%s", strerror(errno));
		return SUBMIT_TEMPFAIL;
	}
	code = reply(s);
	if (code == 220) {
		learn_host(s);
		return SUBMIT_OK;
	}
	return code == -1 || code == 421 ? SUBMIT_DOWN : code >= 500 ?
	    SUBMIT_REFUSED : SUBMIT_TEMPFAIL;
}

/*
 * A line without its end, dots stuffed.  A CR within it would be refused by
 * any server: the line is broken there.
 */
static void
send_line(FILE *out, const char *line, size_t n)
{
	const char	*cr;
	size_t		 part;

	do {
		cr = memchr(line, '\r', n);
		part = cr == NULL ? n : (size_t)(cr - line);
		if (part > 0 && line[0] == '.')
			putc('.', out);
		fwrite(line, 1, part, out);
		fputs("\r\n", out);
		if (cr != NULL)
			part++;
		line += part;
		n -= part;
	} while (n > 0);
}

static int
send_text(struct submit *s, const struct submit_message *m)
{
	const char	*p, *lf;
	char		*line = NULL;
	size_t		 size = 0;
	ssize_t		 n;

	for (p = m->head; p != NULL && (lf = strchr(p, '\n')) != NULL; p = lf + 1)
		send_line(s->out, p, (size_t)(lf - p));
	while ((n = getline(&line, &size, m->text)) != -1) {
		if (n > 0 && line[n - 1] == '\n')
			n--;
		if (n > 0 && line[n - 1] == '\r')
			n--;
		send_line(s->out, line, (size_t)n);
	}
	free(line);
	return ferror(m->text) ? -1 : 0;
}

/* RFC 6531: addresses are ASCII unless the message says otherwise. */
static bool
needs_utf8(const struct submit_message *m)
{
	size_t	 i;

	if (!utf8_is_ascii(m->sender, strlen(m->sender)))
		return true;
	for (i = 0; i < m->nrcpt; i++)
		if (!utf8_is_ascii(m->rcpt[i], strlen(m->rcpt[i])))
			return true;
	return false;
}

static enum submit_result
transaction(struct submit *s, const struct submit_message *m)
{
	enum submit_result	 result;
	size_t			 i;

	if ((result = command(s, 250, "EHLO localhost")) != SUBMIT_OK ||
	    (result = command(s, 250, "MAIL FROM:<%s>%s", m->sender,
	    needs_utf8(m) ? " SMTPUTF8" : "")) != SUBMIT_OK)
		return result;
	for (i = 0; i < m->nrcpt; i++) {
		result = command(s, 250, "RCPT TO:<%s>", m->rcpt[i]);
		if (result != SUBMIT_OK)
			return result == SUBMIT_REFUSED ?
			    SUBMIT_RCPT_REFUSED : result;
	}
	if ((result = command(s, 354, "DATA")) != SUBMIT_OK)
		return result;
	/* What was cut short must not look like a whole message: no dot. */
	if (send_text(s, m) == -1)
		return SUBMIT_UNREADABLE;
	if (fflush(s->out) == EOF)
		return SUBMIT_DOWN;
	result = command(s, 250, ".");
	return result == SUBMIT_DOWN ? SUBMIT_UNSURE : result;
}

enum submit_result
submit_send(struct submit *s, const struct submit_message *m)
{
	enum submit_result	 result = transaction(s, m);
	char			 last[sizeof(s->reply)];

	if (result == SUBMIT_OK || result == SUBMIT_TEMPFAIL ||
	    result == SUBMIT_REFUSED || result == SUBMIT_RCPT_REFUSED) {
		strlcpy(last, s->reply, sizeof(last));
		command(s, 221, "QUIT");
		strlcpy(s->reply, last, sizeof(s->reply));
	}
	return result;
}

void
submit_close(struct submit *s)
{
	if (s->in != NULL)
		fclose(s->in);
	if (s->out != NULL)
		fclose(s->out);
	s->in = s->out = NULL;
}
