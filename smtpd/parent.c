/* SPDX-License-Identifier: ISC */
/*
 * The parent process: start, messages from the children, the orderly end.
 */
#include <sys/stat.h>
#include <sys/wait.h>

#include <err.h>
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "lib/nitems.h"
#include "smtpd/log.h"
#include "smtpd/loop.h"
#include "smtpd/parent.h"
#include "smtpd/proc.h"

#define STOP_PATIENCE	30	/* seconds until what still runs is killed */

struct parent_options	 parent_options;
struct conf		*parent_conf;
bool			 parent_stopping;

static int		 exit_status;
static struct event	*patience;

/* smtp first, so that nothing new comes; then who answers it; queue when all is said; then who worked for them. */
static const enum process	stop_order[] = {
	PROC_SMTP, PROC_AUTH, PROC_LOOKUP, PROC_QUEUE, PROC_RELAY, PROC_DELIVER, PROC_DNS
};

/* What is under way there is what the queue waits for; it is told before. */
static void
stop_relay(void)
{
	struct ipc	*queue = parent_child_ipc(PROC_QUEUE);

	if (queue != NULL)
		ipc_flush(queue);
	parent_child_stop(PROC_RELAY);
}

/* Asks the next process of the order to stop; ends the loop after the last. */
static void
stop_next(void)
{
	size_t	 i;

	for (i = 0; i < nitems(stop_order); i++)
		if (parent_child_any(stop_order[i])) {
			parent_child_stop(stop_order[i]);
			if (stop_order[i] == PROC_QUEUE)
				stop_relay();
			return;
		}
	parent_proc_stop_all();
	if (!parent_proc_any())
		loop_stop();
}

static void
patience_cb(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	log_warnx("not everything stopped within %d s, killing the rest",
	    STOP_PATIENCE);
	parent_child_kill_all();
	parent_proc_kill_all();
	loop_stop();
}

static void
stop(const char *why)
{
	struct timeval	 tv = { STOP_PATIENCE, 0 };

	if (parent_stopping)
		return;
	log_info("stopping: %s", why);
	parent_stopping = true;
	parent_listen_close();
	patience = event_new(loop_base, -1, 0, patience_cb, NULL);
	event_add(patience, &tv);
	stop_next();
}

void
parent_give_up(const char *who)
{
	exit_status = 1;
	log_warnx("%s did not start", who);
	stop("start failed");
}

static void
child_exited(pid_t pid, int status)
{
	if (!parent_child_exited(pid, status) &&
	    !parent_proc_exited(pid, status) && !parent_offline_exited(pid))
		log_debug("process %d is not ours", (int)pid);
	if (parent_stopping)
		stop_next();
}

static void
signal_cb(evutil_socket_t sig, short what, void *arg)
{
	pid_t	 pid;
	int	 status;

	(void)what;
	(void)arg;
	switch (sig) {
	case SIGCHLD:
		while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
			child_exited(pid, status);
		break;
	case SIGHUP:
		log_info("SIGHUP: a running daemon does not read its configuration again; restart it");
		break;
	default:
		stop(strsignal(sig));
	}
}

static void
signals(void)
{
	static const int	 caught[] = { SIGCHLD, SIGHUP, SIGINT, SIGTERM };
	size_t			 i;

	signal(SIGPIPE, SIG_IGN);
	for (i = 0; i < nitems(caught); i++)
		event_add(evsignal_new(loop_base, caught[i], signal_cb, NULL),
		    NULL);
}

/* The spool belongs to its user before the queue process is confined to it. */
static void
make_spool(void)
{
	struct passwd	*pw;
	const char	*user;

	if (mkdir(parent_conf->spool, 0700) == -1 && errno != EEXIST)
		fatal("mkdir spool directory %s", parent_conf->spool);
	if (!proc_privileged)
		return;
	user = parent_user(proc_rows[PROC_QUEUE].user);
	if ((pw = getpwnam(user)) == NULL)
		fatalx("getpwnam %s: no such user", user);
	if (chown(parent_conf->spool, pw->pw_uid, pw->pw_gid) == -1 ||
	    chmod(parent_conf->spool, 0700) == -1)
		fatal("give spool directory %s to %s", parent_conf->spool, user);
	if (mkdir(EMPTYDIR, 0755) == -1 && errno != EEXIST)
		fatal("mkdir %s", EMPTYDIR);
}

void
parent_main(struct conf *conf)
{
	parent_conf = conf;
	proc_self = PROC_PARENT;
	proc_seal();
	loop_init();
	make_spool();
	parent_keys_load();
	parent_ca_load();
	parent_listen_open();
	if (!parent_options.foreground) {
		if (daemon(0, 0) == -1)
			fatal("daemon");
		event_reinit(loop_base);
		log_init(0, parent_options.verbosity);
	}
	signals();
	parent_proc_start_all();
	parent_child_start(PROC_DNS);
	parent_child_start(PROC_LOOKUP);
	parent_child_start(PROC_AUTH);
	parent_child_start(PROC_QUEUE);
	parent_child_start(PROC_RELAY);
	parent_child_start(PROC_SMTP);
	loop_at_end(ipc_flush_all);
	loop_run();
	ipc_flush_all();
	log_info("stopped");
	exit(exit_status);
}

/* -- messages of the children -- */

/* Why nothing can be delivered as that user, and whether it ever can; or NULL. */
static const char *
objection(const char *user, bool *permanent)
{
	const struct passwd	*pw;

	errno = 0;
	pw = getpwnam(user);
	*permanent = errno == 0;
	if (pw == NULL)
		return errno == 0 ? "no such user" : strerror(errno);
	if (pw->pw_uid == 0 && proc_privileged)
		return "mail is never delivered as uid 0; give root an alias";
	return NULL;
}

static void
deliver_want(struct ipc *queue, struct ipc_msg *msg)
{
	struct slice	 s = ipc_get_slice(msg);
	char		 user[256];
	const char	*why;
	bool		 permanent;

	if (!ipc_complete(queue, msg) || s.n >= sizeof(user))
		return;
	memcpy(user, s.p, s.n);
	user[s.n] = '\0';
	if ((why = objection(user, &permanent)) == NULL) {
		if (parent_child_deliver(user) == 0)
			return;
		why = strerror(errno);
		permanent = false;
	}
	log_warnx("deliver for user %s: %s", user, why);
	ipc_begin(queue, IPC_DELIVER_NONE);
	ipc_put_slice(queue, slice_str(user));
	ipc_put_u8(queue, permanent);
	ipc_put_slice(queue, slice_str(why));
	ipc_end(queue);
}

void
parent_message(enum process from, struct ipc *ipc, struct ipc_msg *msg)
{
	uint32_t	 index, life;

	(void)from;
	switch (msg->type) {
	case IPC_PROC_FAILED:
		index = ipc_get_u32(msg);
		life = ipc_get_u32(msg);
		if (ipc_complete(ipc, msg))
			parent_proc_failed(index, life);
		break;
	case IPC_HASH_WANT:
		parent_shadow_answer(ipc, msg);
		break;
	case IPC_DELIVER_WANT:
		deliver_want(ipc, msg);
		break;
	case IPC_SHUTDOWN:
		stop("smtpctl stop");
		break;
	default:
		log_warnx("unexpected %s", ipc_type_name(msg->type));
	}
}
