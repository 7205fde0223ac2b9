/* SPDX-License-Identifier: ISC */
/*
 * The deliver process: one user's mail, many messages.  It takes all jobs
 * that wait, up to a batch, delivers them and answers; it ends itself when
 * there has been nothing to do for a while.
 */
#include <sys/stat.h>

#include <inttypes.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "smtpd/deliver.h"
#include "smtpd/log.h"
#include "smtpd/loop.h"
#include "smtpd/proc.h"

#define WINDOW	(1024 * 1024)	/* bytes of large messages on their way to us */
#define IDLE	60		/* seconds without a job, and we end */
#define GATHER	4		/* ms after a batch in which the next one fills */
#define PATIENCE 10		/* seconds for commands to end when we must stop */

static struct deliver_user	 user;
static struct ipc		*to_queue;
static struct jobs		 ready = TAILQ_HEAD_INITIALIZER(ready);
static struct jobs		 partial = TAILQ_HEAD_INITIALIZER(partial);
static struct jobs		 commands = TAILQ_HEAD_INITIALIZER(commands);
static size_t			 nready;
static struct event		*idle, *again, *gather, *patience;
static bool			 gathering, stopping;

static void
arm_idle(void)
{
	const struct timeval	 t = { IDLE, 0 };

	event_add(idle, &t);
}

static void
grant(size_t n)
{
	if (to_queue == NULL)
		return;
	ipc_begin(to_queue, IPC_WINDOW);
	ipc_put_u32(to_queue, n);
	ipc_end(to_queue);
}

static void
send_result(uint64_t evpid, enum job_result result, const char *reason)
{
	if (to_queue == NULL)
		return;
	ipc_begin(to_queue, IPC_RESULT);
	ipc_put_u64(to_queue, evpid);
	ipc_put_u8(to_queue, result);
	ipc_put_slice(to_queue, slice_str(reason));
	ipc_end(to_queue);
}

/* The end of a job that is in no list. */
static void
answer(struct job *job)
{
	send_result(job->evpid, job->result, job->reason);
	job_free(job);
}

static void
command_done(struct job *job)
{
	TAILQ_REMOVE(&commands, job, entry);
	answer(job);
	arm_idle();
}

/* -- jobs -- */

/* Why this job is not for us, or NULL. */
static const char *
objection(const struct ipc_job *m, const struct action *action)
{
	if (user.home == NULL)
		return "the user is not known";
	if (!slice_eq(m->user, slice_str(user.name)))
		return "a job of another user";
	if (action == NULL)
		return "no such action in smtpd.conf";
	if (m->content.n != 0 && m->content.n != m->size)
		return "size and content differ";
	return NULL;
}

static void
enqueue(struct job *job)
{
	TAILQ_INSERT_TAIL(&ready, job, entry);
	nready++;
}

static void
start_job(struct job *job)
{
	if (job->action->kind == ACTION_MDA) {
		TAILQ_INSERT_TAIL(&commands, job, entry);
		mda_add(job);
	} else if (job->received == job->size)
		enqueue(job);
	else if (maildir_begin(job, &user) == -1)
		answer(job);
	else
		TAILQ_INSERT_TAIL(&partial, job, entry);
}

static void
take_job(struct ipc *ipc, struct ipc_msg *msg)
{
	struct ipc_job		 m;
	struct job		*job;
	const struct action	*action;
	const char		*why;

	if (ipc_get_job(ipc, msg, &m) != 1)
		return;
	arm_idle();
	action = conf_action(proc_conf, m.action);
	if ((why = objection(&m, action)) != NULL) {
		log_warnx("%016" PRIx64 ": %s", m.evpid, why);
		send_result(m.evpid, JOB_TEMPFAIL, why);
	} else if ((job = job_new(&m, action)) == NULL)
		send_result(m.evpid, JOB_TEMPFAIL, "out of memory");
	else
		start_job(job);
}

static struct job *
find(struct jobs *list, uint64_t evpid)
{
	struct job	*job;

	TAILQ_FOREACH(job, list, entry)
		if (job->evpid == evpid)
			return job;
	return NULL;
}

static void
partial_content(struct job *job, struct slice s)
{
	if (maildir_write(job, s) == -1) {
		TAILQ_REMOVE(&partial, job, entry);
		answer(job);
		return;
	}
	job->received += s.n;
	if (job->received == job->size) {
		TAILQ_REMOVE(&partial, job, entry);
		enqueue(job);
	}
}

/* A piece of a large message; of a job that has ended, it only opens the window again. */
static void
take_content(struct ipc *ipc, struct ipc_msg *msg)
{
	uint64_t	 evpid = ipc_get_u64(msg);
	struct slice	 s = ipc_get_slice(msg);
	struct job	*job;

	if (ipc_complete(ipc, msg) != 1)
		return;
	if ((job = find(&commands, evpid)) != NULL &&
	    s.n <= job->size - job->received) {
		job->received += s.n;
		mda_content(job, s);
	} else if ((job = find(&partial, evpid)) != NULL &&
	    s.n <= job->size - job->received)
		partial_content(job, s);
	grant(s.n);
}

/* -- batches -- */

/* Takes what is ready, up to a batch; jobs that failed at their start are answered. */
static size_t
take_batch(struct job *batch[MAILDIR_BATCH])
{
	struct job	*job;
	size_t		 n = 0;

	while (n < MAILDIR_BATCH && (job = TAILQ_FIRST(&ready)) != NULL) {
		TAILQ_REMOVE(&ready, job, entry);
		nready--;
		if (job->fd == -1 && maildir_begin(job, &user) == -1)
			answer(job);
		else
			batch[n++] = job;
	}
	return n;
}

static void
deliver_batch(void)
{
	const struct timeval	 t = { 0, GATHER * 1000 };
	struct job		*batch[MAILDIR_BATCH];
	size_t		 i, n = take_batch(batch);

	maildir_commit(batch, n);
	for (i = 0; i < n; i++)
		answer(batch[i]);
	arm_idle();
	gathering = event_add(gather, &t) == 0;
}

/*
 * The first message is delivered at once.  What follows closely shares a
 * batch: each costs the disk two journal commits, which new mail waits for too.
 */
static bool
batch_due(void)
{
	return nready > 0 &&
	    (!gathering || nready >= MAILDIR_BATCH || stopping);
}

static void
gather_cb(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	gathering = false;
}

/* End of a turn: first take what has come in meanwhile, so that a batch is large. */
static void
turn_end(void)
{
	if (batch_due() && to_queue != NULL)
		ipc_drain(to_queue);
	if (batch_due())
		deliver_batch();
	if (batch_due())
		event_active(again, EV_TIMEOUT, 0);
	else if (stopping && nready == 0 && !mda_busy())
		loop_stop();
}

static void
again_cb(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;	/* only to have another turn */
	(void)what;
	(void)arg;
}

/* -- beginning and end -- */

static void
idle_cb(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	if (to_queue != NULL)
		ipc_drain(to_queue);
	if (!TAILQ_EMPTY(&ready) || !TAILQ_EMPTY(&partial) ||
	    !TAILQ_EMPTY(&commands))
		arm_idle();
	else
		loop_stop();
}

static void
patience_cb(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	mda_kill("the daemon stops");
	loop_stop();
}

void
deliver_main(void)
{
	umask(077);
	/* A file that grows too large is an error of the write, not our death. */
	signal(SIGXFSZ, SIG_IGN);
	user.host = proc_conf->hostname;
	idle = event_new(loop_base, -1, 0, idle_cb, NULL);
	again = event_new(loop_base, -1, 0, again_cb, NULL);
	gather = event_new(loop_base, -1, 0, gather_cb, NULL);
	patience = event_new(loop_base, -1, 0, patience_cb, NULL);
	if (idle == NULL || again == NULL || gather == NULL || patience == NULL ||
	    mda_init(&user, command_done) == -1)
		fatalx("event_new: timers");
	loop_at_end(turn_end);
	arm_idle();
}

/* Whoever we are told to be, we must be already: nothing here changes users. */
static void
set_user(const char *name)
{
	struct passwd	*pw = getpwnam(name);

	if ((user.name = strdup(name)) == NULL)
		fatal("user %s", name);
	if (pw == NULL)
		log_warnx("getpwnam %s: no such user", name);
	else if (pw->pw_uid != getuid())
		log_warnx("user %s has uid %u, this process %u", name,
		    (unsigned)pw->pw_uid, (unsigned)getuid());
	else if ((user.home = strdup(pw->pw_dir)) == NULL)
		fatal("user %s", name);
	else if (chdir(user.home) == -1)
		log_debug("chdir %s: not there yet", user.home);
}

void
deliver_peer(enum process peer, struct ipc *ipc, const char *instance)
{
	if (peer != PROC_QUEUE)
		return;
	if (user.name == NULL)
		set_user(instance);
	to_queue = ipc;
	grant(WINDOW);
}

static void
take_action(struct ipc *ipc, struct ipc_msg *msg)
{
	struct slice	 name = ipc_get_slice(msg), arg;
	struct action	*a;

	if ((a = calloc(1, sizeof(*a))) == NULL)
		fatal("action");
	a->kind = ipc_get_u8(msg);
	arg = ipc_get_slice(msg);
	user.delim = (char)ipc_get_u8(msg);
	if (ipc_complete(ipc, msg) != 1) {
		free(a);
		return;
	}
	if ((a->name = strndup(name.p, name.n)) == NULL ||
	    (a->arg = strndup(arg.p, arg.n)) == NULL)
		fatal("action");
	TAILQ_INSERT_TAIL(&proc_conf->actions, a, entry);
}

void
deliver_message(enum process peer, struct ipc *ipc, struct ipc_msg *msg)
{
	if (peer == PROC_PARENT && msg != NULL && msg->type == IPC_ACTION)
		take_action(ipc, msg);
	if (peer != PROC_QUEUE)
		return;
	if (msg == NULL) {
		/* Nobody wants our answers; what waits is still in the spool. */
		to_queue = NULL;
		deliver_stop();
	} else if (stopping)
		return;
	else if (msg->type == IPC_JOB)
		take_job(ipc, msg);
	else if (msg->type == IPC_JOB_CONTENT)
		take_content(ipc, msg);
}

static void
drop(struct jobs *list)
{
	struct job	*job;

	while ((job = TAILQ_FIRST(list)) != NULL) {
		TAILQ_REMOVE(list, job, entry);
		maildir_abort(job);
		job_free(job);
	}
}

void
deliver_stop(void)
{
	const struct timeval	 t = { PATIENCE, 0 };

	if (stopping)
		return;
	stopping = true;
	drop(&partial);
	if (to_queue == NULL) {
		drop(&ready);
		nready = 0;
	}
	event_add(patience, &t);
	event_active(again, EV_TIMEOUT, 0);
}
