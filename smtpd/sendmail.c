/* SPDX-License-Identifier: ISC */
/*
 * sendmail(8): gives a message from standard input to smtpd over its
 * submission socket, or keeps it until smtpd runs.  A program of its own.
 */
#include <sys/socket.h>
#include <sys/stat.h>

#include <ctype.h>
#include <err.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pwd.h>
#include <stdlib.h>
#include <stdnoreturn.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "smtpd/sendmail.h"
#include "smtpd/submit.h"

#define MAILNAME	SYSCONFDIR "/mail/mailname"

static const char	*control = CONTROLSOCK;
static char		*offline_dir;
static gid_t		 offline_gid;	/* of the set-group-ID program, else our own */
static const char	*full_name, *sender;
static struct passwd	*user;

static noreturn void
usage(void)
{
	fprintf(stderr, "usage: sendmail [-itv] [-bm | -bp | -bs] [-F name] "
	    "[-f sender] [-o option] [recipient ...]\n");
	exit(EX_USAGE);
}

static char *
join(const char *a, const char *b)
{
	char	*s;

	if (asprintf(&s, "%s%s", a, b) == -1)
		err(EX_OSERR, NULL);
	return s;
}

/*
 * Installed set-group-ID the program may write to the system's directory for
 * offline mail; then nobody but the administrator says where things are.
 */
static void
find_daemon(void)
{
	const char	*env = getenv("SMTPD_CONTROL");

	offline_gid = getegid();
	if (offline_gid != getgid()) {
		offline_dir = join(SPOOLDIR, OFFLINE_SUFFIX);
		if (setegid(getgid()) == -1)
			err(EX_OSERR, "setegid");
		return;
	}
	if (env != NULL && *env != '\0')
		control = env;
	offline_dir = join(control, OFFLINE_SUFFIX);
}

/* `sendmail -bp` is `smtpctl show queue`; smtpctl lies beside this program. */
static noreturn void
show_queue(void)
{
	char	 path[PATH_MAX];
	char	*slash, *program;

	if (setresgid(getgid(), getgid(), getgid()) == -1)
		err(EX_OSERR, "setresgid");
	if (realpath("/proc/self/exe", path) == NULL ||
	    (slash = strrchr(path, '/')) == NULL)
		program = join(SBINDIR, "/smtpctl");
	else {
		slash[1] = '\0';
		program = join(path, "smtpctl");
	}
	execl(program, "smtpctl", "-s", control, "show", "queue", (char *)NULL);
	err(EX_OSFILE, "%s", program);
}

static bool
write_all(int to, const char *buf, size_t n)
{
	ssize_t	 w;

	for (; n > 0; buf += w, n -= (size_t)w)
		if ((w = write(to, buf, n)) == -1)
			return false;
	return true;
}

/* Copies what is there; false at the end. */
static bool
copy(int from, int to)
{
	char	 buf[32768];
	ssize_t	 n;

	if ((n = read(from, buf, sizeof(buf))) <= 0)
		return n == -1 && errno == EINTR;
	return write_all(to, buf, (size_t)n);
}

/* The same with CR LF for a lone LF, which is what people and scripts type. */
static bool
copy_lines(int from, int to)
{
	static char	 last;
	char		 buf[32768], lines[2 * sizeof(buf)];
	size_t		 used = 0;
	ssize_t		 n, i;

	if ((n = read(from, buf, sizeof(buf))) <= 0)
		return n == -1 && errno == EINTR;
	for (i = 0; i < n; i++) {
		if (buf[i] == '\n' && last != '\r')
			lines[used++] = '\r';
		last = lines[used++] = buf[i];
	}
	return write_all(to, lines, used);
}

/* `sendmail -bs`: SMTP on standard input and output is the daemon's. */
static noreturn void
speak_smtp(const char *path)
{
	struct pollfd	 p[2] = { { STDIN_FILENO, POLLIN, 0 }, { -1, POLLIN, 0 } };

	if ((p[1].fd = submit_connect(path)) == -1)
		err(EX_TEMPFAIL, "%s", path);
	while (p[1].fd != -1 && (poll(p, 2, -1) != -1 || errno == EINTR)) {
		if (p[1].revents != 0 && !copy(p[1].fd, STDOUT_FILENO))
			exit(EX_OK);
		/* Replies still come after the last command. */
		if (p[0].revents != 0 && !copy_lines(STDIN_FILENO, p[1].fd)) {
			shutdown(p[1].fd, SHUT_WR);
			p[0].fd = -1;
		}
		p[0].revents = p[1].revents = 0;
	}
	err(EX_OSERR, "poll");
}

/* What this host is called, where the daemon cannot be asked. */
static void
local_host(char *host, size_t size)
{
	FILE	*f;

	if ((f = fopen(MAILNAME, "r")) != NULL) {
		if (fgets(host, (int)size, f) == NULL)
			*host = '\0';
		host[strcspn(host, " \t\r\n")] = '\0';
		fclose(f);
		if (*host != '\0')
			return;
	}
	if (gethostname(host, size) == -1 || *host == '\0')
		strlcpy(host, "localhost", size);
	host[size - 1] = '\0';
}

/* The name of the user's entry: up to a comma, & for the login. */
static char *
gecos_name(void)
{
	const char	*p;
	char		*name;
	size_t		 size;
	FILE		*out;

	if ((out = open_memstream(&name, &size)) == NULL)
		err(EX_OSERR, NULL);
	for (p = user == NULL ? "" : user->pw_gecos; *p != '\0' && *p != ','; p++)
		if (*p == '&')
			fprintf(out, "%c%s", toupper((unsigned char)*user->pw_name),
			    user->pw_name + 1);
		else
			putc(*p, out);
	if (fclose(out) == EOF)
		err(EX_OSERR, NULL);
	return name;
}

/* Keeps the message while the daemon is down.  Its own directory is made where it lacks. */
static int
keep(const struct submit_message *m, const char *why)
{
	if (setegid(offline_gid) == -1)
		err(EX_OSERR, "setegid");
	umask(077);
	if (offline_gid == getgid() && mkdir(offline_dir, 0700) == -1 &&
	    errno != EEXIST)
		err(EX_TEMPFAIL, "%s; %s", why, offline_dir);
	if (offline_keep(offline_dir, m) == -1)
		err(EX_TEMPFAIL, "%s; %s", why, offline_dir);
	return EX_OK;
}

static int
submit(struct message *m, struct addresses *rcpt)
{
	struct submit		 s;
	struct submit_message	 sm = { 0 };
	enum submit_result	 result;
	char			*login, *own;
	size_t			 i;

	result = submit_open(&s, join(control, SUBMIT_SUFFIX));
	if (s.host[0] == '\0')
		local_host(s.host, sizeof(s.host));
	login = user == NULL ? join("nobody", "") : join(user->pw_name, "");
	own = address_qualify(login, s.host);
	for (i = 0; i < rcpt->n; i++)
		rcpt->list[i] = address_qualify(rcpt->list[i], s.host);
	sm.sender = sender == NULL ? own : address_qualify(sender, s.host);
	sm.rcpt = rcpt->list;
	sm.nrcpt = rcpt->n;
	sm.head = message_head(m, s.host, *sm.sender == '\0' ? own : sm.sender,
	    full_name != NULL ? full_name : gecos_name());
	sm.text = m->text;
	if (result == SUBMIT_OK)
		result = submit_send(&s, &sm);
	submit_close(&s);
	switch (result) {
	case SUBMIT_OK:
		return EX_OK;
	case SUBMIT_DOWN:
		rewind(m->text);
		return keep(&sm, s.reply);
	case SUBMIT_UNREADABLE:
		err(EX_IOERR, "temporary file");
	case SUBMIT_RCPT_REFUSED:
		warnx("recipient refused: %s", s.reply);
		return strncmp(s.reply + 3, " 5.1.1", 6) == 0 ?
		    EX_NOUSER : EX_UNAVAILABLE;
	case SUBMIT_REFUSED:
		warnx("%s", s.reply);
		return EX_UNAVAILABLE;
	default:
		warnx("%s", s.reply);
		return EX_TEMPFAIL;
	}
}

/* <a@b> or a@b; the empty path is the null sender. */
static const char *
sender_of(char *arg)
{
	struct addresses	 a = { NULL, 0 };

	addresses_parse(&a, arg);
	if (a.n > 1)
		errx(EX_USAGE, "more than one sender: %s", arg);
	return a.n == 0 ? "" : a.list[0];
}

static void
add_all(struct addresses *to, const struct addresses *from)
{
	size_t	 i;

	for (i = 0; i < from->n; i++)
		addresses_add(to, from->list[i], strlen(from->list[i]));
}

int
main(int argc, char *argv[])
{
	struct message	 m;
	struct addresses rcpt = { NULL, 0 };
	char		 mode = 'm';
	bool		 dot_ends = true, from_header = false;
	int		 ch;

	find_daemon();
	user = getpwuid(getuid());
	while ((ch = getopt(argc, argv, "B:b:e:F:f:h:imN:nO:o:R:r:tUV:v")) != -1)
		switch (ch) {
		case 'b':
			if (strlen(optarg) != 1 || strchr("mps", *optarg) == NULL)
				errx(EX_USAGE, "-b%s is not supported", optarg);
			mode = *optarg;
			break;
		case 'F':
			full_name = optarg;
			break;
		case 'f':
		case 'r':
			sender = sender_of(optarg);
			break;
		case 'i':
			dot_ends = false;
			break;
		case 'o':
			if (strcmp(optarg, "i") == 0)
				dot_ends = false;
			break;
		case 't':
			from_header = true;
			break;
		case 'B': case 'e': case 'h': case 'm': case 'N': case 'n':
		case 'O': case 'R': case 'U': case 'V': case 'v':
			break;		/* callers say these; they change nothing here */
		default:
			usage();
		}
	if (mode == 'p')
		show_queue();
	if (mode == 's')
		speak_smtp(join(control, SUBMIT_SUFFIX));
	for (argv += optind; *argv != NULL; argv++) {
		if ((*argv)[strcspn(*argv, "\r\n")] != '\0')
			errx(EX_DATAERR, "recipient with a line end");
		addresses_parse(&rcpt, *argv);
	}
	if (rcpt.n == 0 && !from_header)
		errx(EX_USAGE, "no recipient");
	message_read(&m, stdin, dot_ends);
	if (from_header)
		add_all(&rcpt, m.resent.n > 0 ? &m.resent : &m.rcpt);
	if (rcpt.n == 0)
		errx(EX_DATAERR, "no recipient in the header");
	return submit(&m, &rcpt);
}
