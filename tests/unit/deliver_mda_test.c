/* SPDX-License-Identifier: ISC */
/* Commands: statuses, output, environment, hostile values, pipes that close early or stay open, limits. */
/* objects: smtpd/deliver_mda.o smtpd/deliver_env.o smtpd/deliver_job.o smtpd/format.o smtpd/format_command.o smtpd/loop.o smtpd/log.o */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <event2/event.h>

#include "smtpd/deliver.h"
#include "smtpd/loop.h"

static char			 dir[64];
static char			 user_name[] = "user";
static struct deliver_user	 user = { user_name, dir, "host", '+' };
static struct action		 action = { .kind = ACTION_MDA };
static size_t			 ended;

static void
done_cb(struct job *job)
{
	(void)job;
	ended++;
}

static int
setup_all(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/deliver_mda_test.XXXXXX");
	if (mkdtemp(dir) == NULL || chdir(dir) == -1)
		return -1;
	loop_init();
	alarm(120);	/* a test that hangs fails */
	return mda_init(&user, done_cb);
}

static int
teardown_all(void **state)
{
	(void)state;
	unlink("out");
	return chdir("/") == -1 ? -1 : rmdir(dir);
}

static int
setup(void **state)
{
	(void)state;
	ended = 0;
	unlink("out");
	mda_set_limit(60);
	return 0;
}

static struct job *
make_job(char *command, struct slice rcpt, struct slice content, uint64_t size)
{
	struct ipc_job	 m = { .evpid = 1, .attempt = 1, .size = size,
			    .sender = SLICE("joe@example.org"), .rcpt = rcpt,
			    .dest = rcpt, .content = content };
	struct job	*job;

	action.arg = command;
	assert_non_null(job = job_new(&m, &action));
	return job;
}

/* Turns until n jobs have ended. */
static void
run(size_t n)
{
	while (ended < n)
		assert_int_not_equal(event_base_loop(loop_base, EVLOOP_ONCE), -1);
}

static enum job_result
run_command(const char *command, struct slice rcpt, char *reason, size_t size)
{
	char		 copy[512];
	struct job	*job;
	enum job_result	 result;

	strlcpy(copy, command, sizeof(copy));
	job = make_job(copy, rcpt, SLICE("Subject: x\n\nhello\n"), 18);
	ended = 0;
	mda_add(job);
	run(1);
	result = job->result;
	strlcpy(reason, job->reason, size);
	job_free(job);
	return result;
}

static struct slice
read_out(void)
{
	static char	 buf[65536];
	int		 fd = open("out", O_RDONLY);
	ssize_t		 n;

	if (fd == -1)
		fail_msg("out: %s", strerror(errno));
	n = read(fd, buf, sizeof(buf));
	close(fd);
	assert_int_not_equal(n, -1);
	return slice_make(buf, n);
}

static void
assert_out(struct slice expected)
{
	struct slice	 s = read_out();

	if (!slice_eq(s, expected))
		fail_msg("out: %.*s", (int)s.n, s.p);
}

static const struct exit_row {
	const char	*command;
	enum job_result	 result;
	const char	*reason;	/* a part of it */
} exits[] = {
	{ "cat > /dev/null",		JOB_DONE,	"" },
	{ "exit 0",			JOB_DONE,	"" },
	{ "echo fine; exit 0",		JOB_DONE,	"" },
	{ "exit 1",			JOB_PERMFAIL,	"exit 1: failed" },
	{ "exit 67",			JOB_PERMFAIL,	"user unknown" },
	{ "exit 71",			JOB_TEMPFAIL,	"system error" },
	{ "exit 75",			JOB_TEMPFAIL,	"temporary failure" },
	{ "exit 77",			JOB_PERMFAIL,	"permission denied" },
	{ "kill -9 $$",			JOB_TEMPFAIL,	"killed by signal 9" },
	{ "no-such-command-at-all",	JOB_TEMPFAIL,	"exit 127" },
	{ "./",				JOB_TEMPFAIL,	"exit 126" },
	{ "echo why not >&2; echo second; exit 75", JOB_TEMPFAIL, "exit 75: why not" },
	{ "printf '\\n\\na\\001b\\000c'; exit 69", JOB_PERMFAIL, "exit 69: a?b?c" },
	{ "%{rcpt.user[99]}",		JOB_PERMFAIL,	"range" },
};

static void
test_exit(void **state)
{
	char		 reason[256];
	enum job_result	 result;
	size_t		 i;

	(void)state;
	for (i = 0; i < sizeof(exits) / sizeof(exits[0]); i++) {
		result = run_command(exits[i].command, SLICE("a@b"), reason,
		    sizeof(reason));
		if (result != exits[i].result ||
		    strstr(reason, exits[i].reason) == NULL)
			fail_msg("%s: %d %s", exits[i].command, result, reason);
	}
}

static void
test_content(void **state)
{
	char	 reason[256];

	(void)state;
	assert_int_equal(run_command("cat > out", SLICE("a@b"), reason,
	    sizeof(reason)), JOB_DONE);
	assert_out(SLICE("Return-Path: <joe@example.org>\nDelivered-To: a@b\n"
	    "Subject: x\n\nhello\n"));
}

/* Values are arguments: the shell never reads them, however the command quotes. */
static void
test_hostile(void **state)
{
	static const char *const commands[] = {
		"printf '<%s>' %{rcpt.user:raw} x > out",
		"printf '<%s>' \"%{rcpt.user:raw}\" x > out",
		"printf '<%s>' '%{rcpt.user:raw}' x > out",
		"printf '<%s>' \"$(printf %%s \"%{rcpt.user:raw}\")\" x > out",
	};
	static const struct slice users[] = {
#define U(s)	{ s, sizeof(s) - 1 }
		U("$(touch hacked)"), U("`touch hacked`"), U(";touch hacked;"),
		U("a\";touch hacked;\""), U("a';touch hacked;'"), U("* *"),
		U("a  b"), U("\\"), U("$1"), U("${1}"), U("!x"), U("a\\nb"),
#undef U
	};
	char		 reason[256], expected[256], rcpt[256];
	size_t		 i, j;

	(void)state;
	for (i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		for (j = 0; j < sizeof(users) / sizeof(users[0]); j++) {
			snprintf(rcpt, sizeof(rcpt), "%.*s@b",
			    (int)users[j].n, users[j].p);
			if (run_command(commands[i], slice_str(rcpt), reason,
			    sizeof(reason)) != JOB_DONE)
				fail_msg("%s, %s: %s", commands[i], rcpt, reason);
			snprintf(expected, sizeof(expected), "<%.*s><x>",
			    (int)users[j].n, users[j].p);
			assert_out(slice_str(expected));
		}
	assert_int_equal(access("hacked", F_OK), -1);
	assert_int_equal(run_command("exit 0 %{rcpt}", SLICE("a\0b@c"), reason,
	    sizeof(reason)), JOB_PERMFAIL);
	assert_int_equal(run_command("exit 0 %{rcpt}", SLICE("-f@c"), reason,
	    sizeof(reason)), JOB_PERMFAIL);
	assert_int_equal(run_command("exit 0 %{rcpt:raw}", SLICE("../x@c"),
	    reason, sizeof(reason)), JOB_PERMFAIL);
}

static void
test_environment(void **state)
{
	char	 reason[256], expected[512];

	(void)state;
	setenv("SECRET", "of the daemon", 1);
	assert_int_equal(run_command("env | grep -v '^PWD=\\|^_=\\|^SHLVL=\\|"
	    "^OLDPWD=\\|^PATH=' | LC_ALL=C sort > out",
	    SLICE("us\ner+t;g@b"), reason, sizeof(reason)), JOB_DONE);
	snprintf(expected, sizeof(expected), "DOMAIN=b\nEXTENSION=t;g\n"
	    "HOME=%s\nLOCAL=us?er+t;g\nLOGNAME=user\n"
	    "ORIGINAL_RECIPIENT=us?er+t;g@b\nRECIPIENT=us?er+t;g@b\n"
	    "SENDER=joe@example.org\nSHELL=/bin/sh\nUSER=user\n", dir);
	assert_out(slice_str(expected));
}

/* Nothing but stdin, stdout and stderr; a group of its own; default signals. */
static void
test_descriptors(void **state)
{
	int	 leak = open("/dev/null", O_RDONLY);
	char	 reason[256];

	(void)state;
	assert_int_not_equal(leak, -1);
	assert_int_equal(run_command("for f in /proc/$$/fd/*; do "
	    "[ ${f##*/} -gt 2 ] && [ ${f##*/} -lt 10 ] && [ -e $f ] && "
	    "echo $f; done > out; set -- $(cat /proc/$$/stat); "
	    "[ $5 = $$ ] && kill -PIPE $$; exit 3", SLICE("a@b"), reason,
	    sizeof(reason)), JOB_TEMPFAIL);
	assert_out(SLICE(""));
	assert_non_null(strstr(reason, "killed by signal 13"));
	close(leak);
}

/* It reads nothing of a message larger than a pipe: its status decides. */
static void
test_closes_early(void **state)
{
	char		 command[] = "exec < /dev/null; sleep 0.1; exit 0";
	char		*big = calloc(1, 1000000);
	struct job	*job;

	(void)state;
	assert_non_null(big);
	job = make_job(command, SLICE("a@b"), slice_make(big, 1000000), 1000000);
	mda_add(job);
	run(1);
	assert_int_equal(job->result, JOB_DONE);
	job_free(job);
	free(big);
}

/* A child in the background keeps the pipes: the exit status ends the job. */
static void
test_background(void **state)
{
	time_t	 start = time(NULL);
	char	 reason[256];

	(void)state;
	assert_int_equal(run_command("cat > /dev/null; echo said; sleep 20 & "
	    "exit 75", SLICE("a@b"), reason, sizeof(reason)), JOB_TEMPFAIL);
	assert_non_null(strstr(reason, "said"));
	assert_true(time(NULL) - start < 10);
}

/* One that talks without end is read, and not kept. */
static void
test_talks(void **state)
{
	char	 reason[256];

	(void)state;
	assert_int_equal(run_command("yes 'line of output' | head -c 3000000; "
	    "exit 75", SLICE("a@b"), reason, sizeof(reason)), JOB_TEMPFAIL);
	assert_string_equal(reason, "mda: exit 75: line of output");
}

/* Gone, or dead and not yet reaped by its new parent. */
static bool
is_dead(int pid)
{
	char	 path[64], state = 'Z';
	FILE	*f;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	if ((f = fopen(path, "r")) == NULL)
		return true;
	if (fscanf(f, "%*d (%*[^)]) %c", &state) != 1)
		state = 'Z';
	fclose(f);
	return state == 'Z' || state == 'X';
}

static bool
dies_soon(int pid)
{
	const struct timespec	 pause = { 0, 10000000 };
	int			 i;

	for (i = 0; i < 300 && !is_dead(pid); i++)
		nanosleep(&pause, NULL);
	return i < 300;
}

/* The limit ends the whole group, first with SIGTERM. */
static void
test_hangs(void **state)
{
	static const char *const commands[] = {
		"sleep 30 & echo $! > out; wait; exit 0",
		"(trap '' TERM; exec sleep 30) & echo $! > out; wait; exit 0",
		"trap '' TERM; sleep 30 & echo $! > out; wait; exit 0",
	};
	time_t	 start;
	char	 reason[256];
	size_t	 i;

	(void)state;
	mda_set_limit(1);
	for (i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		start = time(NULL);
		assert_int_equal(run_command(commands[i], SLICE("a@b"), reason,
		    sizeof(reason)), JOB_TEMPFAIL);
		assert_non_null(strstr(reason, "not done after 1 seconds"));
		assert_true(time(NULL) - start < 20);
		assert_true(dies_soon(atoi(read_out().p)));
	}
}

/* More than may run at once: all are served. */
static void
test_many(void **state)
{
	char		 command[] = "cat > /dev/null; echo x >> out";
	struct job	*job[3 * MDA_RUNNING];
	size_t		 i;

	(void)state;
	for (i = 0; i < 3 * MDA_RUNNING; i++) {
		job[i] = make_job(command, SLICE("a@b"), SLICE("x\n"), 2);
		mda_add(job[i]);
	}
	assert_true(mda_busy());
	run(3 * MDA_RUNNING);
	assert_false(mda_busy());
	for (i = 0; i < 3 * MDA_RUNNING; i++) {
		assert_int_equal(job[i]->result, JOB_DONE);
		job_free(job[i]);
	}
	assert_int_equal(read_out().n, 2 * 3 * MDA_RUNNING);
}

/* A large message comes in pieces; the command starts when it is whole. */
static void
test_large(void **state)
{
	const size_t	 size = 1000000, piece = 100000;
	char		 command[] = "wc -c > out";
	char		*big = calloc(1, piece);
	struct job	*job = make_job(command, SLICE("a@b"), SLICE_NONE, size);
	size_t		 i;

	(void)state;
	assert_non_null(big);
	mda_add(job);
	for (i = 0; i < size; i += piece) {
		job->received += piece;
		mda_content(job, slice_make(big, piece));
		event_base_loop(loop_base, EVLOOP_NONBLOCK);
		if (i + piece < size)
			assert_int_equal(access("out", F_OK), -1);
	}
	run(1);
	assert_int_equal(job->result, JOB_DONE);
	assert_int_equal(atoi(read_out().p), size +
	    sizeof("Return-Path: <joe@example.org>\nDelivered-To: a@b\n") - 1);
	job_free(job);
	free(big);
}

/* Running, waiting for their turn and not yet whole: all end, none is done. */
static void
test_kill(void **state)
{
	char		 command[] = "sleep 30; cat > out";
	struct job	*job[MDA_RUNNING + 2];
	size_t		 i;

	(void)state;
	for (i = 0; i < MDA_RUNNING + 1; i++)
		job[i] = make_job(command, SLICE("a@b"), SLICE("x\n"), 2);
	job[i] = make_job(command, SLICE("a@b"), SLICE_NONE, 200000);
	for (i = 0; i < MDA_RUNNING + 2; i++)
		mda_add(job[i]);
	event_base_loop(loop_base, EVLOOP_NONBLOCK);
	assert_int_equal(ended, 0);
	mda_kill("the daemon stops");
	assert_int_equal(ended, MDA_RUNNING + 2);
	assert_false(mda_busy());
	for (i = 0; i < MDA_RUNNING + 2; i++) {
		assert_int_equal(job[i]->result, JOB_TEMPFAIL);
		assert_string_equal(job[i]->reason, "mda: the daemon stops");
		job_free(job[i]);
	}
	assert_int_equal(access("out", F_OK), -1);
}

int
main(void)
{
#define T(f)	cmocka_unit_test_setup(f, setup)
	const struct CMUnitTest	 tests[] = {
		T(test_exit),
		T(test_content),
		T(test_hostile),
		T(test_environment),
		T(test_descriptors),
		T(test_closes_early),
		T(test_background),
		T(test_talks),
		T(test_hangs),
		T(test_many),
		T(test_large),
		T(test_kill),
	};

	return cmocka_run_group_tests(tests, setup_all, teardown_all);
}
