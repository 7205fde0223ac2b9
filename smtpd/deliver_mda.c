/* SPDX-License-Identifier: ISC */
/*
 * Delivery to commands: a shell for each, in a process group of its own, with
 * the message on stdin.  Its exit status decides; the first line of what it
 * says is the reason.  The message is whole, in memory behind a descriptor,
 * before the command starts: whatever dies, no command ever takes a part of a
 * message for all of it, and none holds others up by not reading.
 * deliver process.
 */
#include <sys/mman.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

#include <event2/event.h>

#include "lib/nitems.h"
#include "smtpd/deliver.h"
#include "smtpd/deliver_env.h"
#include "smtpd/log.h"
#include "smtpd/loop.h"

#define LIMIT	300		/* seconds that a command may take */
#define GRACE	5		/* seconds from SIGTERM to SIGKILL */

TAILQ_HEAD(mdas, mda);

struct mda {
	TAILQ_ENTRY(mda) entry;
	struct job	*job;
	struct mdas	*list;		/* where it is: filling, waiting or running */
	pid_t		 pid;		/* -1: not running */
	int		 in, out;	/* its message, our end of its output; -1 closed */
	struct event	*readable, *timer;
	bool		 late;		/* the limit is over, SIGTERM was sent */
	size_t		 nreason;
	bool		 line;		/* the first line is complete */
	char		 reason[200];
};

/* Messages that are not whole yet; whole ones, until their turn comes. */
static struct mdas	 filling = TAILQ_HEAD_INITIALIZER(filling);
static struct mdas	 waiting = TAILQ_HEAD_INITIALIZER(waiting);
static struct mdas	 running = TAILQ_HEAD_INITIALIZER(running);
static unsigned		 nrunning;
static const struct deliver_user *user;
static void		(*done)(struct job *);
static struct event	*reaper;
static struct timeval	 limit = { LIMIT, 0 };

/* Statuses of sysexits(3), and of the shell itself, after which another attempt may go well. */
static const struct status {
	int		 status;
	const char	*words;
	bool		 temporary;
} statuses[] = {
	{ EX_USAGE,		"command line usage error",	false },
	{ EX_DATAERR,		"data format error",		false },
	{ EX_NOINPUT,		"cannot open input",		false },
	{ EX_NOUSER,		"user unknown",			false },
	{ EX_NOHOST,		"host name unknown",		false },
	{ EX_UNAVAILABLE,	"service unavailable",		false },
	{ EX_SOFTWARE,		"internal software error",	false },
	{ EX_OSERR,		"system error",			true },
	{ EX_OSFILE,		"critical system file missing",	false },
	{ EX_CANTCREAT,		"cannot create file",		false },
	{ EX_IOERR,		"input/output error",		true },
	{ EX_TEMPFAIL,		"temporary failure",		true },
	{ EX_PROTOCOL,		"remote error in protocol",	false },
	{ EX_NOPERM,		"permission denied",		false },
	{ EX_CONFIG,		"configuration error",		false },
	/* A command that is not there (yet) is no fault of the mail. */
	{ 126,			"command cannot be executed",	true },
	{ 127,			"command not found",		true },
};

static void	start_waiting(void);

/* -- what it says -- */

static void
keep_reason(struct mda *m, const char *p, size_t n)
{
	size_t	 i;

	for (i = 0; i < n && !m->line; i++) {
		if (p[i] == '\n') {
			m->line = m->nreason > 0;
			continue;
		}
		if (m->nreason + 1 < sizeof(m->reason))
			m->reason[m->nreason++] = p[i] == '\0' ? '?' : p[i];
	}
	m->reason[m->nreason] = '\0';
}

/* All is read, so that a talkative command never waits; little is kept. */
static void
read_output(struct mda *m)
{
	char	 buf[4096];
	ssize_t	 n;
	int	 rounds;

	for (rounds = 0; m->out != -1 && rounds < 64; rounds++) {
		n = read(m->out, buf, sizeof(buf));
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1 && errno == EAGAIN)
			return;
		if (n <= 0) {
			event_del(m->readable);
			close(m->out);
			m->out = -1;
			return;
		}
		keep_reason(m, buf, n);
	}
}

static void
readable_cb(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	read_output(arg);
}

/* -- what it gets -- */

static int
put(struct mda *m, struct slice s)
{
	ssize_t	 n;

	for (; s.n > 0; s = slice_make(s.p + n, s.n - n)) {
		n = write(m->in, s.p, s.n);
		if (n == -1 && errno == EINTR)
			n = 0;
		else if (n == -1)
			return -1;
	}
	return 0;
}

/* -- its end -- */

static void
mda_free(struct mda *m)
{
	if (m->readable != NULL)
		event_free(m->readable);
	if (m->timer != NULL)
		event_free(m->timer);
	if (m->in != -1)
		close(m->in);
	if (m->out != -1)
		close(m->out);
	free(m);
}

static void
move(struct mda *m, struct mdas *list)
{
	if (m->list != NULL)
		TAILQ_REMOVE(m->list, m, entry);
	if (list != NULL)
		TAILQ_INSERT_TAIL(list, m, entry);
	nrunning += (list == &running) - (m->list == &running);
	m->list = list;
}

static void
finish(struct mda *m)
{
	struct job	*job = m->job;

	move(m, NULL);
	mda_free(m);
	job->mda = NULL;
	done(job);
}

static void
judge_exit(struct mda *m, int status)
{
	const struct status	*s = NULL;
	const char		*words = "failed";
	size_t			 i;

	for (i = 0; i < nitems(statuses); i++)
		if (statuses[i].status == status)
			s = &statuses[i];
	if (s != NULL)
		words = s->words;
	job_fail(m->job, s != NULL && s->temporary ? JOB_TEMPFAIL :
	    JOB_PERMFAIL, "mda: exit %d: %s", status,
	    m->reason[0] != '\0' ? m->reason : words);
}

static void
judge(struct mda *m, int status)
{
	if (WIFEXITED(status) && WEXITSTATUS(status) == EX_OK)
		return;
	if (m->late)
		job_fail(m->job, JOB_TEMPFAIL,
		    "mda: not done after %lld seconds", (long long)limit.tv_sec);
	else if (WIFSIGNALED(status))
		job_fail(m->job, JOB_TEMPFAIL, "mda: killed by signal %d%s%s",
		    WTERMSIG(status), m->reason[0] != '\0' ? ": " : "",
		    m->reason);
	else
		judge_exit(m, WEXITSTATUS(status));
}

/* Has it exited?  It stays a zombie, so that its group's number is still its own. */
static bool
has_exited(pid_t pid)
{
	siginfo_t	 si = { .si_pid = 0 };

	return waitid(P_PID, pid, &si, WEXITED | WNOHANG | WNOWAIT) == 0 &&
	    si.si_pid == pid;
}

/*
 * The exit status ends it, not the end of its output: what it left running in
 * the background may keep the pipe open, and may go on unless the limit is over.
 */
static void
reap_cb(evutil_socket_t sig, short what, void *arg)
{
	struct mda	*m, *next;
	int		 status;

	(void)sig;
	(void)what;
	(void)arg;
	for (m = TAILQ_FIRST(&running); m != NULL; m = next) {
		next = TAILQ_NEXT(m, entry);
		if (!has_exited(m->pid))
			continue;
		if (m->late)
			kill(-m->pid, SIGKILL);
		if (waitpid(m->pid, &status, 0) != m->pid)
			continue;
		read_output(m);
		judge(m, status);
		finish(m);
	}
	start_waiting();
}

static void
timer_cb(evutil_socket_t fd, short what, void *arg)
{
	const struct timeval	 grace = { GRACE, 0 };
	struct mda		*m = arg;

	(void)fd;
	(void)what;
	kill(-m->pid, m->late ? SIGKILL : SIGTERM);
	m->late = true;
	event_add(m->timer, &grace);
}

/* -- its start -- */

/* In the child: nothing but the three descriptors, default signals, exec. */
static void
become_command(const struct format_command *fc, char *const env[], int in,
    int out)
{
	char		*argv[FORMAT_ARGS + 5] = { "sh", "-c", fc->command, "mda" };
	sigset_t	 none;
	size_t		 i;
	int		 sig;

	setpgid(0, 0);
	for (i = 0; i < fc->narg; i++)
		argv[4 + i] = fc->arg[i];
	for (sig = 1; sig < NSIG; sig++)
		signal(sig, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (dup2(in, STDIN_FILENO) == -1 || dup2(out, STDOUT_FILENO) == -1 ||
	    dup2(out, STDERR_FILENO) == -1)
		_exit(EX_OSERR);
	closefrom(STDERR_FILENO + 1);
	execve("/bin/sh", argv, env);
	_exit(EX_OSERR);
}

static pid_t
spawn(const struct job *job, const struct format_command *fc, int in, int out)
{
	struct environment	 env;
	pid_t			 pid;

	if (env_fill(&env, job, user) == -1)
		return -1;
	if ((pid = fork()) == 0)
		become_command(fc, env.vars, in, out);
	env_free(&env);
	if (pid != -1)
		setpgid(pid, pid);	/* whoever is first */
	return pid;
}

static int
watch(struct mda *m)
{
	m->readable = event_new(loop_base, m->out, EV_READ | EV_PERSIST,
	    readable_cb, m);
	m->timer = event_new(loop_base, -1, 0, timer_cb, m);
	if (m->readable == NULL || m->timer == NULL)
		return -1;
	event_add(m->readable, NULL);
	event_add(m->timer, &limit);
	return 0;
}

/* Pipe and process; -1 with errno. */
static int
launch(struct mda *m, const struct format_command *fc)
{
	int	 out[2];

	if (lseek(m->in, 0, SEEK_SET) == -1 || pipe2(out, O_CLOEXEC) == -1)
		return -1;
	m->out = out[0];
	fcntl(m->out, F_SETFL, O_NONBLOCK);
	if (watch(m) == 0)
		m->pid = spawn(m->job, fc, m->in, out[1]);
	close(out[1]);
	close(m->in);
	m->in = -1;
	return m->pid == -1 ? -1 : 0;
}

static void
start(struct mda *m)
{
	struct job		*job = m->job;
	struct format_command	 fc;
	struct format_values	 v;
	const char		*why;
	int			 r;

	job_values(job, user, &v);
	why = format_expand_command(&fc, job->action->arg, &v);
	if (why != NULL) {
		job_fail(job, JOB_PERMFAIL, "mda \"%s\": %s", job->action->arg,
		    why);
		finish(m);
		return;
	}
	if (job->attempt > 1)
		log_info("%016" PRIx64 ": mda runs again, attempt %u",
		    job->evpid, job->attempt);
	r = launch(m, &fc);
	format_free(&fc);
	if (r == -1) {
		job_fail(job, JOB_TEMPFAIL, "mda: start: %s", strerror(errno));
		finish(m);
		return;
	}
	move(m, &running);
}

static void
start_waiting(void)
{
	struct mda	*m;

	while (nrunning < MDA_RUNNING && (m = TAILQ_FIRST(&waiting)) != NULL)
		start(m);
}

static void
give_up(struct mda *m)
{
	job_fail(m->job, JOB_TEMPFAIL, "mda: keep the message: %s",
	    strerror(errno));
	finish(m);
}

void
mda_add(struct job *job)
{
	char		 head[JOB_HEAD];
	struct mda	*m = calloc(1, sizeof(*m));

	if (m == NULL) {
		job_fail(job, JOB_TEMPFAIL, "mda: out of memory");
		done(job);
		return;
	}
	m->job = job;
	m->pid = -1;
	m->out = -1;
	m->in = memfd_create("message", MFD_CLOEXEC);
	job->mda = m;
	if (m->in == -1 || put(m, slice_make(head, job_head(job, head))) == -1 ||
	    put(m, job->content) == -1) {
		give_up(m);
		return;
	}
	move(m, job->received == job->size ? &waiting : &filling);
	start_waiting();
}

void
mda_content(struct job *job, struct slice s)
{
	struct mda	*m = job->mda;

	if (put(m, s) == -1) {
		give_up(m);
		return;
	}
	if (job->received == job->size) {
		move(m, &waiting);
		start_waiting();
	}
}

int
mda_init(const struct deliver_user *u, void (*done_fn)(struct job *))
{
	user = u;
	done = done_fn;
	reaper = evsignal_new(loop_base, SIGCHLD, reap_cb, NULL);
	return reaper == NULL || event_add(reaper, NULL) == -1 ? -1 : 0;
}

void
mda_set_limit(time_t seconds)
{
	limit.tv_sec = seconds;
}

bool
mda_busy(void)
{
	return !TAILQ_EMPTY(&running) || !TAILQ_EMPTY(&waiting) ||
	    !TAILQ_EMPTY(&filling);
}

void
mda_kill(const char *why)
{
	struct mda	*m;

	while ((m = TAILQ_FIRST(&filling)) != NULL ||
	    (m = TAILQ_FIRST(&waiting)) != NULL) {
		job_fail(m->job, JOB_TEMPFAIL, "mda: %s", why);
		finish(m);
	}
	while ((m = TAILQ_FIRST(&running)) != NULL) {
		kill(-m->pid, SIGKILL);
		job_fail(m->job, JOB_TEMPFAIL, "mda: %s", why);
		waitpid(m->pid, NULL, 0);
		finish(m);
	}
}
