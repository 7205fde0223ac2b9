/* SPDX-License-Identifier: ISC */
/* Maildirs: batches, names, repeated attempts, hostile values, large messages, full disks. */
/* objects: smtpd/deliver_maildir.o smtpd/deliver_job.o smtpd/format.o */
/* root: a full disk is a small file system of its own */
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "smtpd/deliver.h"

static char			 top[64];
static char			 user_name[] = "user", default_path[] = "~/Maildir";
static struct deliver_user	 user = { user_name, top, "host/x:y", '+' };
static struct action		 action = { .kind = ACTION_MAILDIR,
				    .arg = default_path };

static int
setup(void **state)
{
	(void)state;
	snprintf(top, sizeof(top), "/tmp/deliver_maildir_test.XXXXXX");
	action.arg = default_path;
	return mkdtemp(top) == NULL ? -1 : 0;
}

static int
remove_cb(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static int
teardown(void **state)
{
	(void)state;
	return nftw(top, remove_cb, 8, FTW_DEPTH | FTW_PHYS);
}

static struct job *
make_job(uint64_t evpid, struct slice rcpt, struct slice content, uint64_t size)
{
	struct ipc_job	 m = { .evpid = evpid, .attempt = 1,
			    .arrival = 1234567890, .size = size,
			    .sender = SLICE("joe@example.org"), .rcpt = rcpt,
			    .dest = rcpt, .content = content };
	struct job	*job = job_new(&m, &action);

	assert_non_null(job);
	return job;
}

static char *
path_to(const char *dir, const char *name)
{
	static char	 buf[512];

	snprintf(buf, sizeof(buf), "%s/%s/%s", top, dir, name);
	return buf;
}

static char *
name_of(uint64_t evpid)
{
	static char	 buf[128];

	snprintf(buf, sizeof(buf), "1234567890.%016" PRIx64 ".host_x_y", evpid);
	return buf;
}

static size_t
count(const char *dir)
{
	struct dirent	*e;
	size_t		 n = 0;
	DIR		*d = opendir(path_to(dir, ""));

	assert_non_null(d);
	while ((e = readdir(d)) != NULL)
		n += e->d_name[0] != '.';
	closedir(d);
	return n;
}

static void
assert_file(const char *path, struct slice expected)
{
	struct stat	 st;
	char		*buf;
	int		 fd = open(path, O_RDONLY);

	if (fd == -1)
		fail_msg("%s: %s", path, strerror(errno));
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(st.st_nlink, 1);
	assert_int_equal(st.st_size, expected.n);
	assert_non_null(buf = malloc(expected.n + 1));
	assert_int_equal(read(fd, buf, expected.n), expected.n);
	assert_memory_equal(buf, expected.p, expected.n);
	free(buf);
	close(fd);
}

static void
write_file(const char *path, const char *text)
{
	FILE	*f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
}

static enum job_result
deliver_one(struct job *job)
{
	if (maildir_begin(job, &user) == 0)
		maildir_commit(&job, 1);
	return job->result;
}

#define HEAD	"Return-Path: <joe@example.org>\nDelivered-To: a@b\n"

/* Bytes go in as they are, twenty in two batches. */
static void
test_batches(void **state)
{
	static const char	 content[] = "Subject: x\n\n.\r\0\xff\nFrom y";
	static const char	 file[] = HEAD "Subject: x\n\n.\r\0\xff\nFrom y";
	struct job		*job[20];
	struct stat		 st;
	size_t			 i, n, done;

	(void)state;
	for (i = 0; i < 20; i++)
		job[i] = make_job(i + 1, SLICE("a@b"), slice_make(content,
		    sizeof(content) - 1), sizeof(content) - 1);
	for (done = 0; done < 20; done += n) {
		n = 20 - done < MAILDIR_BATCH ? 20 - done : MAILDIR_BATCH;
		for (i = 0; i < n; i++)
			assert_int_equal(maildir_begin(job[done + i], &user), 0);
		assert_int_equal(count("Maildir/tmp"), n);
		maildir_commit(job + done, n);
		assert_int_equal(count("Maildir/tmp"), 0);
	}
	assert_int_equal(count("Maildir/new"), 20);
	assert_int_equal(count("Maildir/cur"), 0);
	for (i = 0; i < 20; i++) {
		assert_int_equal(job[i]->result, JOB_DONE);
		assert_file(path_to("Maildir/new", name_of(i + 1)),
		    slice_make(file, sizeof(file) - 1));
		job_free(job[i]);
	}
	assert_int_equal(stat(path_to("Maildir", "new"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
}

/* The name is in new: an earlier attempt delivered, and that file stays. */
static void
test_repeated(void **state)
{
	struct job	*job = make_job(7, SLICE("a@b"), SLICE("x\n"), 2);

	(void)state;
	assert_int_equal(deliver_one(job), JOB_DONE);
	job_free(job);
	job = make_job(7, SLICE("a@b"), SLICE("other\n"), 6);
	assert_int_equal(deliver_one(job), JOB_DONE);
	job_free(job);
	assert_int_equal(count("Maildir/new"), 1);
	assert_int_equal(count("Maildir/tmp"), 0);
	assert_file(path_to("Maildir/new", name_of(7)), SLICE(HEAD "x\n"));
}

/* What an attempt that was cut short left in tmp is in nobody's way. */
static void
test_stale_tmp(void **state)
{
	struct job	*job = make_job(1, SLICE("a@b"), SLICE("x\n"), 2);

	(void)state;
	assert_int_equal(deliver_one(job), JOB_DONE);
	job_free(job);
	write_file(path_to("Maildir/tmp", name_of(8)), "half a mess");
	job = make_job(8, SLICE("a@b"), SLICE("x\n"), 2);
	assert_int_equal(deliver_one(job), JOB_DONE);
	job_free(job);
	assert_file(path_to("Maildir/new", name_of(8)), SLICE(HEAD "x\n"));
	assert_int_equal(count("Maildir/tmp"), 0);
}

static void
test_large(void **state)
{
	const size_t	 size = 300000, piece = 65536;
	const size_t	 head = sizeof(HEAD) - 1;
	char		*whole = malloc(head + size);
	struct job	*job = make_job(9, SLICE("a@b"), SLICE_NONE, size);
	size_t		 i, n;

	(void)state;
	assert_non_null(whole);
	memcpy(whole, HEAD, head);
	for (i = 0; i < size; i++)
		whole[head + i] = (char)(i * 7 + i / 251);
	assert_int_equal(maildir_begin(job, &user), 0);
	for (i = 0; i < size; i += n) {
		n = size - i < piece ? size - i : piece;
		assert_int_equal(maildir_write(job,
		    slice_make(whole + head + i, n)), 0);
	}
	maildir_commit(&job, 1);
	assert_int_equal(job->result, JOB_DONE);
	job_free(job);
	assert_file(path_to("Maildir/new", name_of(9)),
	    slice_make(whole, head + size));
	free(whole);
}

static void
test_abort(void **state)
{
	struct job	*job = make_job(9, SLICE("a@b"), SLICE_NONE, 1000);

	(void)state;
	assert_int_equal(maildir_begin(job, &user), 0);
	assert_int_equal(count("Maildir/tmp"), 1);
	maildir_abort(job);
	job_free(job);
	assert_int_equal(count("Maildir/tmp"), 0);
	assert_int_equal(count("Maildir/new"), 0);
}

/* Two maildirs in a batch, below directories that are made; the third cannot be. */
static void
test_mixed_batch(void **state)
{
	char		 path[] = "~/m/%{rcpt.domain}/%{rcpt.user}";
	struct job	*job[3], *ok[2];

	(void)state;
	action.arg = path;
	assert_int_equal(mkdir(path_to("", "m"), 0700), 0);
	write_file(path_to("m", "z"), "a file, no directory");
	job[0] = make_job(1, SLICE("a@x"), SLICE("1\n"), 2);
	job[1] = make_job(2, SLICE("b@z"), SLICE("2\n"), 2);
	job[2] = make_job(3, SLICE("c@y"), SLICE("3\n"), 2);
	assert_int_equal(maildir_begin(job[0], &user), 0);
	assert_int_equal(maildir_begin(job[1], &user), -1);
	assert_int_equal(maildir_begin(job[2], &user), 0);
	ok[0] = job[0];
	ok[1] = job[2];
	maildir_commit(ok, 2);
	assert_int_equal(job[0]->result, JOB_DONE);
	assert_int_equal(job[1]->result, JOB_TEMPFAIL);
	assert_non_null(strstr(job[1]->reason, "m/z/b: Not a directory"));
	assert_int_equal(job[2]->result, JOB_DONE);
	assert_int_equal(count("m/x/a/new"), 1);
	assert_int_equal(count("m/y/c/new"), 1);
	job_free(job[0]);
	job_free(job[1]);
	job_free(job[2]);
}

static void
test_hostile(void **state)
{
	static const struct {
		struct slice	 rcpt;
		enum job_result	 result;
		const char	*file;
	} rows[] = {
#define R(s)	{ s, sizeof(s) - 1 }
		{ R("../../x@h"),	JOB_PERMFAIL,	NULL },
		{ R(".ssh@h"),		JOB_PERMFAIL,	NULL },
		{ R("-rf@h"),		JOB_PERMFAIL,	NULL },
		{ R("a\0b@h"),		JOB_PERMFAIL,	NULL },
		{ R("a\nX: y@h"),	JOB_PERMFAIL,	NULL },
		{ R("$(x);\"'@h"),	JOB_DONE,	"m/:(x);\":" },
		{ R("a/../../b@h"),	JOB_DONE,	"m/a:..:..:b" },
#undef R
	};
	char		 path[] = "~/m/%{rcpt.user}", name[128];
	struct job	*job;
	size_t		 i;

	(void)state;
	action.arg = path;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		job = make_job(i + 1, rows[i].rcpt, SLICE("x\n"), 2);
		if (deliver_one(job) != rows[i].result)
			fail_msg("row %zu: %s", i, job->reason);
		job_free(job);
		if (rows[i].file == NULL)
			continue;
		snprintf(name, sizeof(name), "%s/new", rows[i].file);
		assert_int_equal(count(name), 1);
	}
	/* Nothing was made outside of m, and no more in it. */
	assert_int_equal(count(""), 1);
	assert_int_equal(count("m"), 2);
}

static void
test_header(void **state)
{
	struct ipc_job	 m = { .sender = SLICE("a\r\nX-Evil: 1\n\0@x"),
			    .dest = SLICE("b\n\n@y") };
	struct job	*job = job_new(&m, &action);
	char		 head[JOB_HEAD];
	size_t		 n;
	char		*huge;

	(void)state;
	assert_non_null(job);
	n = job_head(job, head);
	assert_true(slice_eq(slice_make(head, n), SLICE("Return-Path: "
	    "<a??X-Evil: 1??@x>\nDelivered-To: b??@y\n")));
	job_free(job);
	assert_non_null(huge = malloc(100000));
	memset(huge, 'a', 100000);
	m.sender = m.dest = slice_make(huge, 100000);
	assert_non_null(job = job_new(&m, &action));
	assert_true(job_head(job, head) <= JOB_HEAD);
	job_free(job);
	free(huge);
}

static void
test_long_name(void **state)
{
	struct deliver_user	 other = user;
	struct job		*job = make_job(1, SLICE("a@b"), SLICE("x"), 1);
	char			 host[300];

	(void)state;
	memset(host, 'h', sizeof(host) - 1);
	host[sizeof(host) - 1] = '\0';
	other.host = host;
	assert_int_equal(maildir_begin(job, &other), -1);
	assert_int_equal(job->result, JOB_TEMPFAIL);
	job_free(job);
}

/* The write fails half-way: for now, with the reason, and nothing is left. */
static void
test_too_large(void **state)
{
	const struct rlimit	 small = { 4096, RLIM_INFINITY };
	struct rlimit		 old;
	char			*big = calloc(1, 100000);
	struct job		*job;

	(void)state;
	assert_non_null(big);
	job = make_job(1, SLICE("a@b"), slice_make(big, 100000), 100000);
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	assert_int_equal(maildir_begin(job, &user), -1);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_int_equal(job->result, JOB_TEMPFAIL);
	assert_non_null(strstr(job->reason, "write "));
	assert_non_null(strstr(job->reason, "File too large"));
	job_free(job);
	assert_int_equal(count("Maildir/tmp"), 0);
	job = make_job(1, SLICE("a@b"), slice_make(big, 100000), 100000);
	assert_int_equal(deliver_one(job), JOB_DONE);
	job_free(job);
	free(big);
}

static void
test_full_disk(void **state)
{
	char		*big = calloc(1, 100000);
	struct job	*job;

	(void)state;
	assert_non_null(big);
	if (unshare(CLONE_NEWNS) == -1 ||
	    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == -1 ||
	    mount("tmpfs", top, "tmpfs", 0, "size=64k") == -1) {
		print_message("skipped: a full disk needs root and a tmpfs\n");
		free(big);
		skip();
	}
	job = make_job(1, SLICE("a@b"), slice_make(big, 100000), 100000);
	assert_int_equal(deliver_one(job), JOB_TEMPFAIL);
	assert_non_null(strstr(job->reason, "No space left on device"));
	job_free(job);
	assert_int_equal(count("Maildir/tmp"), 0);
	assert_int_equal(count("Maildir/new"), 0);
	/* A smaller one still goes in. */
	job = make_job(2, SLICE("a@b"), SLICE("x\n"), 2);
	assert_int_equal(deliver_one(job), JOB_DONE);
	job_free(job);
	assert_int_equal(umount2(top, MNT_DETACH), 0);
	free(big);
}

int
main(void)
{
#define T(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest	 tests[] = {
		T(test_batches),
		T(test_repeated),
		T(test_stale_tmp),
		T(test_large),
		T(test_abort),
		T(test_mixed_batch),
		T(test_hostile),
		T(test_header),
		T(test_long_name),
		T(test_too_large),
		T(test_full_disk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
