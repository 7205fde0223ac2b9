/* SPDX-License-Identifier: ISC */
/*
 * What sendmail(8) left while the daemon was down: at start and from time to
 * time, each file is given to a process of its owner, one after the other.
 * The parent looks at names and owners and opens nothing.  parent process.
 */
#include <sys/queue.h>
#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>
#include <event2/event_struct.h>

#include "smtpd/log.h"
#include "smtpd/loop.h"
#include "smtpd/parent.h"
#include "smtpd/proc.h"
#include "smtpd/submit.h"

#define EVERY		600	/* seconds between two looks */
#define HEAD_MAX	(1024 * 1024)	/* of a file, what is no message */

struct offline {
	STAILQ_ENTRY(offline) entry;
	int		 dir;		/* of directories[] */
	char		*name;
};

static struct {
	char	*path;
	int	 fd;
	gid_t	 gid;
} directories[2] = { { NULL, -1, 0 }, { NULL, -1, 0 } };

static STAILQ_HEAD(, offline)	 waiting = STAILQ_HEAD_INITIALIZER(waiting);
static struct event		 timer;
static pid_t			 running;

/* The system's directory: users write to it through sendmail's group only. */
static void
make_system_directory(const char *path)
{
	struct group	*gr;

	if ((gr = getgrnam("_smtpq")) == NULL)
		return;
	if (mkdir(path, 0700) == -1) {
		if (errno != EEXIST)
			log_warn("mkdir %s", path);
		return;
	}
	if (chown(path, 0, gr->gr_gid) == -1 || chmod(path, 01730) == -1)
		log_warn("give %s to group _smtpq", path);
}

/* Collects the names in a directory, if it is there. */
static void
look(int dir)
{
	struct dirent	*d;
	struct offline	*o;
	struct stat	 st;
	DIR		*dp;
	int		 fd;

	fd = open(directories[dir].path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW |
	    O_CLOEXEC);
	if (fd == -1)
		return;
	if (directories[dir].fd != -1)
		close(directories[dir].fd);
	directories[dir].fd = fd;
	if (fstat(fd, &st) == -1 || (fd = dup(fd)) == -1)
		return;
	directories[dir].gid = st.st_gid;
	if ((dp = fdopendir(fd)) == NULL) {
		close(fd);
		return;
	}
	while ((d = readdir(dp)) != NULL) {
		if (d->d_name[0] == '.' || strncmp(d->d_name, OFFLINE_REFUSED,
		    strlen(OFFLINE_REFUSED)) == 0)
			continue;
		if ((o = calloc(1, sizeof(*o))) == NULL ||
		    (o->name = strdup(d->d_name)) == NULL) {
			free(o);
			break;
		}
		o->dir = dir;
		STAILQ_INSERT_TAIL(&waiting, o, entry);
	}
	closedir(dp);
}

/* Becomes the owner of the file, in the group that may enter the directory. */
static void
become(uid_t uid, gid_t gid)
{
	if (proc_privileged && (setgroups(1, &gid) == -1 ||
	    setresgid(gid, gid, gid) == -1 || setresuid(uid, uid, uid) == -1)) {
		log_warn("become uid %u", (unsigned)uid);
		_exit(1);
	}
}

static void
submit(const struct offline *o, const struct stat *st)
{
	const char	*argv[9] = { "smtpd", "-x", proc_rows[PROC_OFFLINE].name };
	char		*limit, *socket;
	size_t		 n = 3;

	if (fchdir(directories[o->dir].fd) == -1 ||
	    asprintf(&limit, "%zu", parent_conf->max_message_size + HEAD_MAX) == -1 ||
	    asprintf(&socket, "%s" SUBMIT_SUFFIX, parent_conf->control) == -1)
		_exit(1);
	become(st->st_uid, directories[o->dir].gid);
	if (parent_options.foreground)
		argv[n++] = "-d";
	argv[n++] = "--";
	argv[n++] = o->name;
	argv[n++] = socket;
	argv[n++] = limit;
	argv[n] = NULL;
	execv(parent_options.program, (char *const *)argv);
	log_warn("exec %s", parent_options.program);
	_exit(1);
}

/* May this be given to its owner? */
static bool
acceptable(const struct offline *o, struct stat *st)
{
	if (fstatat(directories[o->dir].fd, o->name, st, AT_SYMLINK_NOFOLLOW) == -1)
		return false;
	if (S_ISREG(st->st_mode) && st->st_nlink == 1 &&
	    (proc_privileged ? st->st_uid != 0 : st->st_uid == geteuid()) &&
	    st->st_size <= (off_t)(parent_conf->max_message_size + HEAD_MAX))
		return true;
	log_warnx("%s/%s: no file of sendmail's, left alone",
	    directories[o->dir].path, o->name);
	return false;
}

static void
start_next(void)
{
	struct offline	*o;
	struct stat	 st;

	while (running == 0 && !parent_stopping &&
	    (o = STAILQ_FIRST(&waiting)) != NULL) {
		STAILQ_REMOVE_HEAD(&waiting, entry);
		if (acceptable(o, &st)) {
			running = fork();
			if (running == 0)
				submit(o, &st);
			if (running == -1) {
				log_warn("fork for %s", o->name);
				running = 0;
			}
		}
		free(o->name);
		free(o);
	}
}

static void
timer_cb(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	if (running != 0 || parent_stopping)
		return;
	look(0);
	if (proc_privileged)
		look(1);
	start_next();
}

void
parent_offline(void)
{
	struct timeval	 tv = { EVERY, 0 };

	if (asprintf(&directories[0].path, "%s" OFFLINE_SUFFIX,
	    parent_conf->control) == -1 ||
	    (directories[1].path = strdup(SPOOLDIR OFFLINE_SUFFIX)) == NULL)
		fatal("offline directories");
	if (proc_privileged)
		make_system_directory(directories[1].path);
	event_assign(&timer, loop_base, -1, EV_PERSIST, timer_cb, NULL);
	event_add(&timer, &tv);
	timer_cb(-1, 0, NULL);
}

bool
parent_offline_exited(pid_t pid)
{
	if (running == 0 || pid != running)
		return false;
	running = 0;
	start_next();
	return true;
}
