/* SPDX-License-Identifier: ISC */
/*
 * The commands of `proc` directives: each in a process group of its own, fed
 * by smtp through a pipe, started again whole when it ends.  Parent process.
 */
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <libgen.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>
#include <event2/event_struct.h>

#include "lib/nitems.h"
#include "smtpd/log.h"
#include "smtpd/loop.h"
#include "smtpd/parent.h"
#include "smtpd/proc.h"

#define DELAY_MAX	60			/* seconds between two starts */
#define LONG_LIFE	(60 * SECOND)	/* then the delay begins anew */
#define TERM_PATIENCE	5			/* seconds from SIGTERM to SIGKILL */
#define PIPE_SIZE	(1024 * 1024)

struct proc {
	const struct proc_conf *conf;
	pid_t		 pid;		/* of the group's leader; 0: not running */
	uint32_t	 life;		/* starts so far */
	uint64_t	 started;	/* monotonic ns */
	unsigned	 delay;		/* seconds */
	struct event	 restart, kill;
};

static struct proc	*procs;
static size_t		 nprocs;

static void	start(struct proc *);

/* PATH of decisions: smtpd's own directory and bin beside it come first. */
static void
set_path(void)
{
	char	*copy = strdup(parent_options.program), *path;
	char	*dir = copy == NULL ? NULL : dirname(copy);

	if (dir == NULL || asprintf(&path, "PATH=%s:%s/../bin:"
	    "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
	    dir, dir) == -1 || putenv(path) == -1)
		_exit(126);
}

static void
become(const struct proc_conf *c)
{
	const char	*user = c->user != NULL ? c->user : parent_user("_smtpf");
	struct passwd	*pw = getpwnam(user);
	struct group	*gr;
	gid_t		 gid;

	if (pw == NULL)
		fatalx("proc %s: no such user %s", c->name, user);
	gid = pw->pw_gid;
	if (c->group != NULL) {
		if ((gr = getgrnam(c->group)) == NULL)
			fatalx("proc %s: no such group %s", c->name, c->group);
		gid = gr->gr_gid;
	}
	if (c->chroot != NULL && chroot(c->chroot) == -1)
		fatal("proc %s: chroot %s", c->name, c->chroot);
	if (chdir("/") == -1)
		fatal("proc %s: chdir /", c->name);
	if (setgroups(1, &gid) == -1 || setresgid(gid, gid, gid) == -1 ||
	    setresuid(pw->pw_uid, pw->pw_uid, pw->pw_uid) == -1)
		fatal("proc %s: become user %s", c->name, user);
}

static void
exec_proc(const struct proc_conf *c, int in, int out, int err)
{
	static const int	 defaults[] = { SIGPIPE, SIGINT, SIGTERM, SIGHUP };
	size_t			 i;

	setpgid(0, 0);
	for (i = 0; i < nitems(defaults); i++)
		signal(defaults[i], SIG_DFL);
	set_path();
	if (proc_privileged)
		become(c);
	if (dup2(in, STDIN_FILENO) == -1 || dup2(out, STDOUT_FILENO) == -1 ||
	    dup2(err, STDERR_FILENO) == -1)
		_exit(126);
	execl("/bin/sh", "sh", "-c", c->command, (char *)NULL);
	_exit(127);
}

static void
send_pipes(struct ipc *smtp, const struct proc *p, int in, int out, int err)
{
	ipc_begin(smtp, IPC_PROC_STDIN);
	ipc_put_u32(smtp, p->conf->index);
	ipc_put_u32(smtp, p->life);
	ipc_end_fd(smtp, in);
	ipc_begin(smtp, IPC_PROC_OUTPUT);
	ipc_put_u32(smtp, p->conf->index);
	ipc_end_fd(smtp, out);
	if (err == -1)
		return;
	ipc_begin(smtp, IPC_PROC_ERRORS);
	ipc_put_u32(smtp, p->conf->index);
	ipc_end_fd(smtp, err);
}

static void
restart_later(struct proc *p)
{
	struct timeval	 tv = { 0, 0 };

	if (loop_mono() - p->started > LONG_LIFE)
		p->delay = 0;
	p->delay = p->delay == 0 ? 1 : p->delay * 2;
	if (p->delay > DELAY_MAX)
		p->delay = DELAY_MAX;
	tv.tv_sec = p->delay;
	event_add(&p->restart, &tv);
}

static void
close_pair(const int fd[2])
{
	if (fd[0] != -1)
		close(fd[0]);
	if (fd[1] != -1)
		close(fd[1]);
}

/* The pipes' near ends go to smtp; without an smtp there is nobody to feed it. */
static void
start(struct proc *p)
{
	struct ipc	*smtp = parent_child_ipc(PROC_SMTP);
	int		 in[2] = { -1, -1 }, out[2] = { -1, -1 }, err[2] = { -1, -1 };

	if (smtp == NULL)
		return;
	event_del(&p->restart);
	p->started = loop_mono();
	p->life++;
	if (pipe2(in, O_CLOEXEC) == -1 || pipe2(out, O_CLOEXEC) == -1 ||
	    (p->conf->is_filter && pipe2(err, O_CLOEXEC) == -1) ||
	    (p->pid = fork()) == -1) {
		log_warn("proc %s: start", p->conf->name);
		close_pair(in);
		close_pair(out);
		close_pair(err);
		p->pid = 0;
		restart_later(p);
		return;
	}
	if (p->pid == 0)
		exec_proc(p->conf, in[0], out[1], err[1] != -1 ? err[1] : out[1]);
	setpgid(p->pid, p->pid);
	fcntl(in[1], F_SETPIPE_SZ, PIPE_SIZE);
	fcntl(in[1], F_SETFL, O_NONBLOCK);
	fcntl(out[0], F_SETFL, O_NONBLOCK);
	close(in[0]);
	close(out[1]);
	if (p->conf->is_filter) {
		fcntl(err[0], F_SETFL, O_NONBLOCK);
		close(err[1]);
	}
	log_debug("proc %s: started, process %d", p->conf->name, (int)p->pid);
	send_pipes(smtp, p, in[1], out[0], err[0]);
}

static void
restart_cb(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	if (!parent_stopping)
		start(arg);
}

static void
kill_cb(evutil_socket_t fd, short what, void *arg)
{
	struct proc	*p = arg;

	(void)fd;
	(void)what;
	if (p->pid != 0)
		kill(-p->pid, SIGKILL);
}

void
parent_proc_start_all(void)
{
	const struct proc_conf	*c;
	size_t			 n = 0;

	TAILQ_FOREACH(c, &parent_conf->procs, entry)
		n++;
	if ((procs = calloc(n + 1, sizeof(*procs))) == NULL)
		fatal("procs");
	TAILQ_FOREACH(c, &parent_conf->procs, entry) {
		procs[nprocs].conf = c;
		event_assign(&procs[nprocs].restart, loop_base, -1, 0,
		    restart_cb, &procs[nprocs]);
		event_assign(&procs[nprocs].kill, loop_base, -1, 0, kill_cb,
		    &procs[nprocs]);
		nprocs++;
	}
}

static void
end_group(struct proc *p)
{
	struct timeval	 tv = { TERM_PATIENCE, 0 };

	if (p->pid == 0 || event_pending(&p->kill, EV_TIMEOUT, NULL))
		return;
	kill(-p->pid, SIGTERM);
	event_add(&p->kill, &tv);
}

/* A new smtp gets new commands: the pipes of the old ones died with it. */
void
parent_proc_send(struct ipc *smtp)
{
	size_t	 i;

	(void)smtp;
	for (i = 0; i < nprocs; i++)
		if (procs[i].pid == 0)
			start(&procs[i]);
		else
			end_group(&procs[i]);
}

void
parent_proc_failed(unsigned index, uint32_t life)
{
	if (index < nprocs && procs[index].life == life)
		end_group(&procs[index]);
}

bool
parent_proc_exited(pid_t pid, int status)
{
	size_t	 i;

	for (i = 0; i < nprocs; i++)
		if (procs[i].pid == pid)
			break;
	if (i == nprocs)
		return false;
	/* What its leader left behind in the group goes too. */
	kill(-pid, SIGKILL);
	event_del(&procs[i].kill);
	procs[i].pid = 0;
	if (parent_stopping)
		return true;
	restart_later(&procs[i]);
	if (WIFSIGNALED(status))
		log_warnx("proc %s: ended by signal %d (%s), starts again in %u s",
		    procs[i].conf->name, WTERMSIG(status),
		    strsignal(WTERMSIG(status)), procs[i].delay);
	else
		log_warnx("proc %s: exited with status %d, starts again in %u s",
		    procs[i].conf->name, WEXITSTATUS(status), procs[i].delay);
	return true;
}

/* Called when smtp is gone: their input has ended, most leave by themselves. */
void
parent_proc_stop_all(void)
{
	struct timeval	 tv = { TERM_PATIENCE, 0 };
	size_t		 i;

	for (i = 0; i < nprocs; i++)
		if (procs[i].pid != 0 &&
		    !event_pending(&procs[i].kill, EV_TIMEOUT, NULL))
			event_add(&procs[i].kill, &tv);
}

bool
parent_proc_any(void)
{
	size_t	 i;

	for (i = 0; i < nprocs; i++)
		if (procs[i].pid != 0)
			return true;
	return false;
}

void
parent_proc_kill_all(void)
{
	size_t	 i;

	for (i = 0; i < nprocs; i++)
		if (procs[i].pid != 0)
			kill(-procs[i].pid, SIGKILL);
}
