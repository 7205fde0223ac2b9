/* SPDX-License-Identifier: ISC */
/*
 * resolv.conf and the hosts file, which dns cannot reach: read for it when it
 * starts, and again when they change.  Parent process, which parses neither.
 */
#include <sys/stat.h>

#include <errno.h>
#include <stdlib.h>

#include <event2/event.h>

#include "smtpd/log.h"
#include "smtpd/loop.h"
#include "smtpd/parent.h"

#define LOOK		5			/* seconds between two looks */
#define FILE_MAX	(4 * 1024 * 1024)
#define PIECE		65536

struct watched {
	const char	*path;		/* NULL: not asked for */
	struct stat	 seen;		/* when it was read */
	int		 error;		/* it was told of already; 0: none */
};

static struct watched	 watched[RESOLV_HOSTS + 1];
static struct event	*look;

static bool
is_same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino &&
	    a->st_size == b->st_size &&
	    a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	    a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
	    a->st_ctim.tv_sec == b->st_ctim.tv_sec &&
	    a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

/* As parent_file_read(); anything but a file is as if empty. */
static char *
read_file(const char *path, struct stat *st, size_t *n)
{
	char	*text = parent_file_read(path, FILE_MAX, st, n);

	return text == NULL && errno == EINVAL ? calloc(1, 1) : text;
}

static void
send_text(struct ipc *dns, enum resolv_file file, const char *text, size_t size)
{
	size_t	 off = 0, n;

	do {
		n = size - off < PIECE ? size - off : PIECE;
		ipc_begin(dns, IPC_RESOLV);
		ipc_put_u8(dns, file);
		ipc_put_u8(dns, off + n == size);
		ipc_put_slice(dns, slice_make(text + off, n));
		ipc_end(dns);
		off += n;
	} while (off < size);
}

/* While it cannot be read, what dns knows of it stays. */
static void
tell(struct ipc *dns, enum resolv_file file)
{
	struct watched	*w = &watched[file];
	struct stat	 st = { 0 };
	size_t		 n;
	char		*text = read_file(w->path, &st, &n);

	if (text == NULL) {
		if (errno != w->error)
			log_warn("read %s", w->path);
		w->error = errno;
		w->seen = st;
		return;
	}
	w->error = 0;
	w->seen = st;
	send_text(dns, file, text, n);
	free(text);
}

static void
look_cb(evutil_socket_t fd, short what, void *arg)
{
	struct ipc	*dns = parent_child_ipc(PROC_DNS);
	struct stat	 st;
	size_t		 i;

	(void)fd;
	(void)what;
	(void)arg;
	for (i = 0; i <= RESOLV_HOSTS && dns != NULL; i++)
		if (watched[i].path != NULL && stat(watched[i].path, &st) == 0 &&
		    !is_same(&st, &watched[i].seen))
			tell(dns, (enum resolv_file)i);
}

void
parent_resolv_send(struct ipc *dns)
{
	const struct timeval	 tv = { LOOK, 0 };
	size_t			 i;

	if (look == NULL) {
		watched[RESOLV_CONF].path = parent_conf->resolvers != NULL ?
		    NULL : parent_conf->resolv_conf;
		watched[RESOLV_HOSTS].path = parent_conf->hosts;
		look = event_new(loop_base, -1, EV_PERSIST, look_cb, NULL);
		if (look == NULL || event_add(look, &tv) == -1)
			fatalx("event");
	}
	for (i = 0; i <= RESOLV_HOSTS; i++)
		if (watched[i].path != NULL)
			tell(dns, (enum resolv_file)i);
}
