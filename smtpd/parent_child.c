/* SPDX-License-Identifier: ISC */
/*
 * The parent's children: started by executing this binary again, introduced
 * to each other, restarted when they die.
 */
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
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

struct child {
	TAILQ_ENTRY(child) entry;
	enum process	 process;
	char		*user;		/* of a deliver, else NULL */
	pid_t		 pid;		/* 0: waits for its restart */
	struct ipc	*ipc;
	bool		 ready;
	bool		 of_old_queue;	/* told to end with the queue that died */
	uint64_t	 started;	/* monotonic ns */
	unsigned	 deaths;
	unsigned	 failures;	/* in a row */
	struct event	 restart;
	struct event	 mute;		/* without a channel for too long */
};

static TAILQ_HEAD(, child)	children = TAILQ_HEAD_INITIALIZER(children);
static bool			all_started;	/* every process has been ready once */

static const struct {
	enum process	 a, b;
} pairs[] = {
	{ PROC_SMTP, PROC_LOOKUP },
	{ PROC_SMTP, PROC_QUEUE },
	{ PROC_SMTP, PROC_DNS },
	{ PROC_SMTP, PROC_RELAY },
	{ PROC_SMTP, PROC_AUTH },
	{ PROC_LOOKUP, PROC_AUTH },
	{ PROC_LOOKUP, PROC_QUEUE },
	{ PROC_LOOKUP, PROC_RELAY },
	{ PROC_DNS, PROC_RELAY },
	{ PROC_QUEUE, PROC_RELAY },
};
static const enum process	permanent[] = {
	PROC_DNS, PROC_LOOKUP, PROC_AUTH, PROC_QUEUE, PROC_RELAY, PROC_SMTP
};

#define MUTE_PATIENCE	5	/* seconds from the end of its channel to its own */
#define LONG_LIFE	(10 * SECOND)	/* a death after this is no row of deaths */

static void	run(struct child *);

static struct child *
child_of(enum process p)
{
	struct child	*c;

	TAILQ_FOREACH(c, &children, entry)
		if (c->process == p)
			return c;
	return NULL;
}

struct ipc *
parent_child_ipc(enum process p)
{
	struct child	*c = child_of(p);

	return c == NULL || c->pid == 0 ? NULL : c->ipc;
}

bool
parent_child_any(enum process p)
{
	struct child	*c;

	TAILQ_FOREACH(c, &children, entry)
		if (c->process == p && c->pid != 0)
			return true;
	return false;
}

const char *
parent_user(const char *user)
{
	static const char	*told[8];
	static size_t		 ntold;
	size_t			 i;

	if (!proc_privileged || getpwnam(user) != NULL)
		return user;
	for (i = 0; i < ntold; i++)
		if (strcmp(told[i], user) == 0)
			return "_smtpd";
	if (ntold < nitems(told))
		told[ntold++] = user;
	log_warnx("no user %s, using _smtpd in its place: smtpd(8) says which users to make",
	    user);
	return "_smtpd";
}

/* -- what a new child is told -- */

/* All that the files say: the child parses it again. */
static void
send_sources(struct ipc *ipc)
{
	struct conf_source	*s;
	char *const		*m;
	size_t			 off, n;

	TAILQ_FOREACH(s, &parent_conf->sources, entry)
		for (off = 0; off == 0 || off < s->size; off += n) {
			n = s->size - off < 65536 ? s->size - off : 65536;
			ipc_begin(ipc, IPC_CONF_SOURCE);
			ipc_put_slice(ipc, slice_str(s->name));
			ipc_put_slice(ipc, slice_make(s->text + off, n));
			ipc_end(ipc);
			if (n == 0)
				break;
		}
	for (m = parent_options.macros; m != NULL && *m != NULL; m++) {
		ipc_begin(ipc, IPC_CONF_MACRO);
		ipc_put_slice(ipc, slice_str(*m));
		ipc_end(ipc);
	}
}

/* All that a process of a user needs to know, and may. */
static void
send_actions(struct ipc *ipc)
{
	const struct action	*a;

	TAILQ_FOREACH(a, &parent_conf->actions, entry) {
		if (a->kind == ACTION_RELAY)
			continue;
		ipc_begin(ipc, IPC_ACTION);
		ipc_put_slice(ipc, slice_str(a->name));
		ipc_put_u8(ipc, a->kind);
		ipc_put_slice(ipc, slice_str(a->arg));
		ipc_put_u8(ipc, parent_conf->sub_addr_delim);
		ipc_end(ipc);
	}
}

static void
send_conf(const struct child *c)
{
	if (c->process != PROC_DELIVER)
		send_sources(c->ipc);
	ipc_begin(c->ipc, IPC_CONF_DONE);
	ipc_put_u8(c->ipc, parent_options.verbosity);
	ipc_put_u8(c->ipc, c->deaths > 0);
	ipc_put_slice(c->ipc, slice_str(parent_conf->hostname));
	ipc_end(c->ipc);
	if (c->process == PROC_DELIVER)
		send_actions(c->ipc);
}

static void
introduce(struct child *a, enum process b, const char *instance, int fd)
{
	ipc_begin(a->ipc, IPC_PEER);
	ipc_put_u8(a->ipc, b);
	ipc_put_slice(a->ipc, slice_str(instance));
	ipc_end_fd(a->ipc, fd);
}

static int
connect_pair(struct child *a, struct child *b)
{
	int	 fd[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fd) == -1) {
		log_warn("socketpair for %s and %s",
		    proc_rows[a->process].name, proc_rows[b->process].name);
		return -1;
	}
	introduce(a, b->process, "", fd[0]);
	introduce(b, a->process, "", fd[1]);
	return 0;
}

/* Both ends of the channel between a deliver and the queue. */
static int
connect_deliver(struct child *c)
{
	struct ipc	*queue = parent_child_ipc(PROC_QUEUE);
	int		 fd[2];

	if (queue == NULL)
		return 0;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fd) == -1) {
		log_warn("socketpair for deliver of %s", c->user);
		return -1;
	}
	introduce(c, PROC_QUEUE, c->user, fd[0]);
	ipc_begin(queue, IPC_DELIVER_PEER);
	ipc_put_slice(queue, slice_str(c->user));
	ipc_end_fd(queue, fd[1]);
	return 0;
}

/* -1: a peer is missing. */
static int
introduce_all(struct child *c)
{
	struct child	*other;
	size_t		 i;

	if (c->process == PROC_DELIVER)
		return connect_deliver(c);
	for (i = 0; i < nitems(pairs); i++) {
		if (pairs[i].a != c->process && pairs[i].b != c->process)
			continue;
		other = child_of(pairs[i].a == c->process ?
		    pairs[i].b : pairs[i].a);
		/* Who has no channel to us is about to end. */
		if (other != NULL && other->ipc != NULL &&
		    connect_pair(c, other) == -1)
			return -1;
	}
	return 0;
}

static void
tell(struct child *c)
{

	send_conf(c);
	if (c->process == PROC_SMTP) {
		parent_keys_send(c->ipc);	/* a listener looks for its pki */
		parent_listen_send_smtp(c->ipc);
	}
	if (c->process == PROC_RELAY) {
		parent_keys_send_relay(c->ipc);
		parent_ca_send(c->ipc);
	}
	if (c->process == PROC_QUEUE)
		parent_listen_send_queue(c->ipc);
	if (c->process == PROC_DNS)
		parent_resolv_send(c->ipc);
	if (introduce_all(c) == -1) {
		kill(c->pid, SIGKILL);	/* and it comes again */
		return;
	}
	if (c->process == PROC_SMTP)
		parent_proc_send(c->ipc);
	ipc_begin(c->ipc, IPC_START);
	ipc_end(c->ipc);
}

/* -- start -- */

static void
became_ready(struct child *c)
{
	struct child	*p;
	size_t		 i;

	c->ready = true;
	log_debug("%s is ready", proc_rows[c->process].name);
	if (all_started)
		return;
	for (i = 0; i < nitems(permanent); i++)
		if ((p = child_of(permanent[i])) == NULL || !p->ready)
			return;
	all_started = true;
	log_info("started as %s, process %d",
	    proc_privileged ? "root" : "an ordinary user", (int)getpid());
	parent_offline();
}

static void
mute_cb(evutil_socket_t fd, short what, void *arg)
{
	struct child	*c = arg;

	(void)fd;
	(void)what;
	log_warnx("%s has closed its channel and goes on, killed",
	    proc_rows[c->process].name);
	kill(c->pid, SIGKILL);
}

static void
child_cb(struct ipc *ipc, struct ipc_msg *msg, void *arg)
{
	const struct timeval	 tv = { MUTE_PATIENCE, 0 };
	struct child		*c = arg;

	if (msg == NULL) {
		/* Its death follows by SIGCHLD, or nobody could stop it. */
		ipc_free(ipc);
		c->ipc = NULL;
		event_add(&c->mute, &tv);
		return;
	}
	if (msg->type == IPC_READY)
		became_ready(c);
	else
		parent_message(c->process, ipc, msg);
}

static void
exec_child(const struct child *c, int fd)
{
	const struct proc_row	*row = &proc_rows[c->process];
	const char		*argv[12];
	size_t			 n = 0;

	if (fd == PROC_PARENT_FD)
		fcntl(fd, F_SETFD, 0);
	else if (dup2(fd, PROC_PARENT_FD) == -1)
		_exit(1);
	argv[n++] = "smtpd";
	argv[n++] = "-x";
	argv[n++] = row->name;
	argv[n++] = "-u";
	argv[n++] = c->user != NULL ? c->user : parent_user(row->user);
	if (row->root != NULL) {
		argv[n++] = "-R";
		argv[n++] = strcmp(row->root, "spool") == 0 ?
		    parent_conf->spool : row->root;
	}
	if (parent_options.foreground)
		argv[n++] = "-d";
	argv[n] = NULL;
	execv(parent_options.program, (char *const *)argv);
	log_warn("exec %s", parent_options.program);
	_exit(1);
}

static void
restart_cb(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	if (!parent_stopping)
		run(arg);
}

static void
restart_later(struct child *c)
{
	struct timeval	 tv = { 0, 0 };
	unsigned	 ms;

	ms = c->failures == 0 ? 0 : 100u << (c->failures < 10 ? c->failures - 1 : 9);
	if (ms > 60000)
		ms = 60000;
	tv.tv_sec = ms / 1000;
	tv.tv_usec = ms % 1000 * 1000;
	event_add(&c->restart, &tv);
}

/* -1: not even begun, with errno. */
static int
begin(struct child *c)
{
	int	 fd[2], saved;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fd) == -1)
		return -1;
	if ((c->pid = fork()) == -1) {
		saved = errno;
		c->pid = 0;
		close(fd[0]);
		close(fd[1]);
		errno = saved;
		return -1;
	}
	if (c->pid == 0)
		exec_child(c, fd[1]);
	close(fd[1]);
	c->ready = false;
	c->started = loop_mono();
	c->ipc = ipc_new(PROC_PARENT, c->process, fd[0], child_cb, c);
	tell(c);
	return 0;
}

static void
run(struct child *c)
{
	if (begin(c) == 0)
		return;
	log_warn("start %s", proc_rows[c->process].name);
	c->failures++;
	restart_later(c);
}

static struct child *
child_new(enum process p, const char *user)
{
	struct child	*c;

	if ((c = calloc(1, sizeof(*c))) == NULL ||
	    (user != NULL && (c->user = strdup(user)) == NULL))
		fatal("start %s", proc_rows[p].name);
	c->process = p;
	event_assign(&c->restart, loop_base, -1, 0, restart_cb, c);
	event_assign(&c->mute, loop_base, -1, 0, mute_cb, c);
	TAILQ_INSERT_TAIL(&children, c, entry);
	return c;
}

static void
child_free(struct child *c)
{
	TAILQ_REMOVE(&children, c, entry);
	event_del(&c->restart);
	event_del(&c->mute);
	free(c->user);
	free(c);
}

void
parent_child_start(enum process p)
{
	run(child_new(p, NULL));
}

int
parent_child_deliver(const char *user)
{
	struct child	*c = child_new(PROC_DELIVER, user);

	if (begin(c) == 0)
		return 0;
	child_free(c);
	return -1;
}

/* -- end -- */

static void
log_death(const struct child *c, int status)
{
	const char	*name = proc_rows[c->process].name;

	if (WIFSIGNALED(status))
		log_warnx("%s%s%s died of signal %d (%s)", name,
		    c->user != NULL ? " of " : "", c->user != NULL ? c->user : "",
		    WTERMSIG(status), strsignal(WTERMSIG(status)));
	else if (WEXITSTATUS(status) != 0)
		log_warnx("%s%s%s exited with status %d", name,
		    c->user != NULL ? " of " : "", c->user != NULL ? c->user : "",
		    WEXITSTATUS(status));
	else
		log_debug("%s ended", name);
}

/*
 * A queue that starts anew must not meet a deliver or relay of its predecessor,
 * which would deliver what it gives to another.  False: there is none.
 */
static bool
end_old_workers(void)
{
	struct child	*c;
	bool		 any = false;

	TAILQ_FOREACH(c, &children, entry)
		if ((c->process == PROC_DELIVER || c->process == PROC_RELAY) &&
		    c->pid != 0) {
			kill(c->pid, SIGKILL);
			c->of_old_queue = any = true;
		}
	return any;
}

/* The last of them is gone: the queue need not wait any more. */
static void
worker_gone(void)
{
	struct child	*c;

	TAILQ_FOREACH(c, &children, entry)
		if (c->of_old_queue)
			return;
	restart_later(child_of(PROC_QUEUE));
}

static void
lost(struct child *c, int status)
{
	bool	 old = c->of_old_queue;

	/* Who gives up at the start cannot work here; who is killed can. */
	if (!all_started && WIFEXITED(status) && c->process != PROC_DELIVER) {
		parent_give_up(proc_rows[c->process].name);
		return;
	}
	c->of_old_queue = false;
	if (c->process == PROC_DELIVER)
		child_free(c);
	else {
		c->deaths++;
		c->failures = old || loop_mono() - c->started > LONG_LIFE ? 0 :
		    c->failures + 1;
		if (c->process != PROC_QUEUE || !end_old_workers())
			restart_later(c);
	}
	if (old)
		worker_gone();
}

bool
parent_child_exited(pid_t pid, int status)
{
	struct child	*c;

	TAILQ_FOREACH(c, &children, entry)
		if (c->pid == pid)
			break;
	if (c == NULL)
		return false;
	log_death(c, status);
	c->pid = 0;
	/* Its last words may still be in the channel, and the end of it. */
	if (c->ipc != NULL)
		ipc_drain(c->ipc);
	if (c->ipc != NULL)
		ipc_free(c->ipc);
	c->ipc = NULL;
	/* Nobody is there any more to be killed for it: 0 would be our own group. */
	event_del(&c->mute);
	if (!parent_stopping)
		lost(c, status);
	return true;
}

void
parent_child_stop(enum process p)
{
	struct child	*c;

	TAILQ_FOREACH(c, &children, entry)
		if (c->process == p && c->ipc != NULL) {
			ipc_begin(c->ipc, IPC_STOP);
			ipc_end(c->ipc);
		}
}

void
parent_child_kill_all(void)
{
	struct child	*c;

	TAILQ_FOREACH(c, &children, entry)
		if (c->pid != 0)
			kill(c->pid, SIGKILL);
}
