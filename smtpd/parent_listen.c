/* SPDX-License-Identifier: ISC */
/*
 * The listening sockets, bound by the parent at its start and handed to each
 * new smtp and queue process, so that a restart refuses nobody.
 */
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/addr.h"
#include "smtpd/log.h"
#include "smtpd/parent.h"
#include "smtpd/proc.h"

#define BACKLOG	1024

struct bound {
	struct bound	*next;
	unsigned	 index;		/* of the listen directive */
	int		 fd;
	char		 text[ADDR_MAX];	/* empty: the submission socket */
};

static struct bound	*bounds;
static int		 control = -1;

static void
add(unsigned index, int fd, const char *text)
{
	struct bound	*b;

	if ((b = calloc(1, sizeof(*b))) == NULL)
		fatal("listener");
	b->index = index;
	b->fd = fd;
	strlcpy(b->text, text, sizeof(b->text));
	b->next = bounds;
	bounds = b;
}

static int
bind_inet(void *arg, const struct sockaddr *sa, socklen_t len)
{
	const struct listen	*l = arg;
	char			 text[ADDR_MAX];
	int			 fd, on = 1;

	addr_text(sa, text, sizeof(text));
	fd = socket(sa->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd == -1)
		fatal("socket for %s", text);
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == -1)
		fatal("SO_REUSEADDR on %s", text);
	if (sa->sa_family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6,
	    IPV6_V6ONLY, &on, sizeof(on)) == -1)
		fatal("IPV6_V6ONLY on %s", text);
	if (bind(fd, sa, len) == -1)
		fatal("listen on %s: bind %s", l->on, text);
	if (listen(fd, BACKLOG) == -1)
		fatal("listen on %s", text);
	add(l->index, fd, text);
	return 0;
}

/* A socket file nobody answers at is a dead daemon's; one that answers is not. */
static int
bind_unix(const char *path, mode_t mode)
{
	struct sockaddr_un	 un = { .sun_family = AF_UNIX };
	struct stat		 st;
	mode_t			 old;
	int			 fd, type = SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK;

	if (strlcpy(un.sun_path, path, sizeof(un.sun_path)) >=
	    sizeof(un.sun_path))
		fatalx("socket %s: path longer than %zu bytes", path,
		    sizeof(un.sun_path) - 1);
	if (lstat(path, &st) == 0 && !S_ISSOCK(st.st_mode))
		fatalx("socket %s: there is a file of that name, no socket", path);
	if ((fd = socket(AF_UNIX, type, 0)) == -1)
		fatal("socket for %s", path);
	/* EAGAIN: one that is too busy to answer. */
	if (connect(fd, (struct sockaddr *)&un, sizeof(un)) == 0 ||
	    errno == EAGAIN)
		fatalx("socket %s answers: is another smtpd running?", path);
	close(fd);
	if (unlink(path) == -1 && errno != ENOENT)
		fatal("unlink old socket %s", path);
	if ((fd = socket(AF_UNIX, type, 0)) == -1)
		fatal("socket for %s", path);
	old = umask(0777 & ~mode);
	if (bind(fd, (struct sockaddr *)&un, sizeof(un)) == -1)
		fatal("bind socket %s", path);
	umask(old);
	if (listen(fd, BACKLOG) == -1)
		fatal("listen on %s", path);
	return fd;
}

static char *
submit_path(void)
{
	char	*path;

	if (asprintf(&path, "%s.submit", parent_conf->control) == -1)
		fatal("submission socket");
	return path;
}

void
parent_listen_open(void)
{
	const struct listen	*l;
	const char		*why = "";
	unsigned		 index = 0;
	char			*submit = submit_path();

	TAILQ_FOREACH(l, &parent_conf->listens, entry) {
		if (l->socket) {
			index = l->index;
			continue;
		}
		if (conf_listen_resolve(l, bind_inet, (void *)(uintptr_t)l,
		    &why) == -1)
			fatalx("listen on %s: %s", l->on, why);
	}
	control = bind_unix(parent_conf->control, 0600);
	add(index, bind_unix(submit, 0666), "");
	free(submit);
}

static int
dup_fd(int fd)
{
	int	 copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);

	if (copy == -1)
		fatal("dup listening socket");
	return copy;
}

void
parent_listen_send_smtp(struct ipc *smtp)
{
	const struct bound	*b;

	for (b = bounds; b != NULL; b = b->next) {
		ipc_begin(smtp, IPC_LISTENER);
		ipc_put_u32(smtp, b->index);
		ipc_put_slice(smtp, slice_str(b->text));
		ipc_end_fd(smtp, dup_fd(b->fd));
	}
}

void
parent_listen_send_queue(struct ipc *queue)
{
	ipc_begin(queue, IPC_CONTROL);
	ipc_end_fd(queue, dup_fd(control));
}

/* The socket files go, so that sendmail(8) sees at once that nobody is there. */
void
parent_listen_close(void)
{
	struct bound	*b;
	char		*submit = submit_path();

	while ((b = bounds) != NULL) {
		bounds = b->next;
		close(b->fd);
		free(b);
	}
	if (control != -1) {
		unlink(parent_conf->control);
		unlink(submit);
		close(control);
		control = -1;
	}
	free(submit);
}
