/* SPDX-License-Identifier: ISC */
/*
 * Delivery to maildirs, in batches: a message is a file, written in tmp and
 * linked to new once it is on disk; one flush of the directory serves a batch.
 * deliver process.
 */
#include <sys/stat.h>
#include <sys/uio.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/nitems.h"
#include "smtpd/deliver.h"

/* A maildir that is in use: jobs have files open in it. */
struct maildir {
	LIST_ENTRY(maildir) entry;
	char		*path;
	int		 tmp, new;	/* directories */
	unsigned	 jobs;
	bool		 dirty;		/* links were made since the last flush */
	int		 error;		/* of that flush */
};

static LIST_HEAD(, maildir)	 maildirs = LIST_HEAD_INITIALIZER(maildirs);

/* A new directory is there for good once its parent is flushed. */
static int
sync_parent(const char *path)
{
	char	 parent[FORMAT_PATH_MAX];
	char	*slash;
	int	 fd, r;

	strlcpy(parent, path, sizeof(parent));
	slash = strrchr(parent, '/');
	if (slash == NULL)
		strlcpy(parent, ".", sizeof(parent));
	else
		slash[slash == parent] = '\0';
	if ((fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) == -1)
		/* One that may not be read cannot be flushed by us. */
		return errno == EACCES ? 0 : -1;
	r = fsync(fd);
	close(fd);
	return r;
}

static int
make_one(const char *path)
{
	if (mkdir(path, 0700) == -1)
		return errno == EEXIST ? 0 : -1;
	return sync_parent(path);
}

/* Makes a directory and its parents. */
static int
make_path(const char *path)
{
	char	 buf[FORMAT_PATH_MAX];
	char	*p;

	strlcpy(buf, path, sizeof(buf));
	for (p = buf + 1; (p = strchr(p, '/')) != NULL; *p++ = '/') {
		*p = '\0';
		/* One that is there may be one we may not write to. */
		if (access(buf, F_OK) == -1 && make_one(buf) == -1)
			return -1;
	}
	return make_one(buf);
}

static int
open_sub(const char *path, const char *sub)
{
	char	 buf[FORMAT_PATH_MAX + 8];

	snprintf(buf, sizeof(buf), "%s/%s", path, sub);
	return open(buf, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static int
make_maildir(const char *path)
{
	static const char *const sub[] = { "tmp", "cur", "new" };
	char	 buf[FORMAT_PATH_MAX + 8];
	size_t	 i;

	if (make_path(path) == -1)
		return -1;
	for (i = 0; i < nitems(sub); i++) {
		snprintf(buf, sizeof(buf), "%s/%s", path, sub[i]);
		if (make_one(buf) == -1)
			return -1;
	}
	return 0;
}

static void
maildir_release(struct maildir *md)
{
	if (--md->jobs > 0)
		return;
	LIST_REMOVE(md, entry);
	close(md->tmp);
	close(md->new);
	free(md->path);
	free(md);
}

static int
open_both(struct maildir *md, const char *path)
{
	if ((md->tmp = open_sub(path, "tmp")) == -1)
		return -1;
	if ((md->new = open_sub(path, "new")) == -1) {
		close(md->tmp);
		return -1;
	}
	return 0;
}

/* The maildir at path, made if missing; NULL with errno. */
static struct maildir *
maildir_get(const char *path)
{
	struct maildir	*md;

	LIST_FOREACH(md, &maildirs, entry)
		if (strcmp(md->path, path) == 0) {
			md->jobs++;
			return md;
		}
	if ((md = calloc(1, sizeof(*md))) == NULL)
		return NULL;
	if ((md->path = strdup(path)) == NULL ||
	    (open_both(md, path) == -1 && (errno != ENOENT ||
	    make_maildir(path) == -1 || open_both(md, path) == -1))) {
		free(md->path);
		free(md);
		return NULL;
	}
	md->jobs = 1;
	LIST_INSERT_HEAD(&maildirs, md, entry);
	return md;
}

static int
path_of(struct job *job, const struct deliver_user *user, char *buf, size_t size)
{
	struct format_values	 v;
	const char		*template = job->action->arg, *why;
	size_t			 n;

	job_values(job, user, &v);
	why = format_expand(buf, size, template[0] == '\0' ? "~/Maildir" :
	    template, &v);
	if (why != NULL) {
		job_fail(job, JOB_PERMFAIL, "maildir \"%s\": %s", template, why);
		return -1;
	}
	for (n = strlen(buf); n > 1 && buf[n - 1] == '/'; )
		buf[--n] = '\0';
	return 0;
}

/* arrival.evpid.host; '/' and ':' have a meaning in such names. */
static char *
name_of(const struct job *job, const char *host)
{
	char	*name, *p;

	if (asprintf(&name, "%" PRId64 ".%016" PRIx64 ".%s", job->arrival,
	    job->evpid, host) == -1)
		return NULL;
	for (p = name; *p != '\0'; p++)
		if (*p == '/' || *p == ':' || (unsigned char)*p <= ' ')
			*p = '_';
	return name;
}

static int
open_tmp(struct job *job)
{
	const int	 flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC;

	job->fd = openat(job->maildir->tmp, job->name, flags, 0600);
	if (job->fd == -1 && errno == EEXIST) {
		/* Left by an attempt that was cut short. */
		unlinkat(job->maildir->tmp, job->name, 0);
		job->fd = openat(job->maildir->tmp, job->name, flags, 0600);
	}
	return job->fd;
}

/* writev(2) does not change what an iovec points to, but has no const. */
static struct iovec
iovec_of(struct slice s)
{
	struct iovec	 iov = { .iov_len = s.n };

	memcpy(&iov.iov_base, &s.p, sizeof(s.p));
	return iov;
}

static int
write_all(int fd, struct iovec *iov, int n)
{
	ssize_t	 w;

	while (n > 0) {
		if ((w = writev(fd, iov, n)) == -1) {
			if (errno == EINTR)
				continue;
			return -1;
		}
		while (n > 0 && (size_t)w >= iov->iov_len) {
			w -= iov->iov_len;
			iov++;
			n--;
		}
		if (n > 0) {
			iov->iov_base = (char *)iov->iov_base + w;
			iov->iov_len -= w;
		}
	}
	return 0;
}

/* Starts the way to the disk now, so that the flush later has less to wait for. */
static void
start_writing(int fd)
{
	sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE);
}

static void
failed(struct job *job, const char *what, const char *sub, int error)
{
	job_fail(job, JOB_TEMPFAIL, "%s %s/%s/%s: %s", what, job->maildir->path,
	    sub, job->name, strerror(error));
}

int
maildir_begin(struct job *job, const struct deliver_user *user)
{
	char		 path[FORMAT_PATH_MAX - 8], head[JOB_HEAD];
	struct iovec	 iov[2];

	if (path_of(job, user, path, sizeof(path)) == -1)
		return -1;
	if ((job->maildir = maildir_get(path)) == NULL) {
		job_fail(job, JOB_TEMPFAIL, "open maildir %s: %s", path,
		    strerror(errno));
		return -1;
	}
	if ((job->name = name_of(job, user->host)) == NULL ||
	    open_tmp(job) == -1) {
		job_fail(job, JOB_TEMPFAIL, "create %s/tmp/%s: %s", path,
		    job->name == NULL ? "" : job->name, strerror(errno));
		maildir_abort(job);
		return -1;
	}
	iov[0] = iovec_of(slice_make(head, job_head(job, head)));
	iov[1] = iovec_of(job->content);
	if (write_all(job->fd, iov, 2) == -1) {
		failed(job, "write", "tmp", errno);
		maildir_abort(job);
		return -1;
	}
	start_writing(job->fd);
	return 0;
}

int
maildir_write(struct job *job, struct slice s)
{
	struct iovec	 iov = iovec_of(s);

	if (write_all(job->fd, &iov, 1) == -1) {
		failed(job, "write", "tmp", errno);
		maildir_abort(job);
		return -1;
	}
	start_writing(job->fd);
	return 0;
}

/* Takes the name in tmp away; the file lives on if it is linked in new. */
void
maildir_abort(struct job *job)
{
	if (job->fd != -1) {
		unlinkat(job->maildir->tmp, job->name, 0);
		close(job->fd);
		job->fd = -1;
	}
	if (job->maildir != NULL)
		maildir_release(job->maildir);
	job->maildir = NULL;
}

/* A name that is in new already was delivered by an earlier attempt. */
static void
link_new(struct job *job)
{
	struct maildir	*md = job->maildir;

	if (linkat(md->tmp, job->name, md->new, job->name, 0) == 0)
		job->linked = true;
	else if (errno != EEXIST) {
		failed(job, "link", "new", errno);
		return;
	}
	md->dirty = true;
}

/* The links are durable, or taken back: the next attempt must not find them. */
static void
settle_links(struct job *job)
{
	struct maildir	*md = job->maildir;

	if (md->dirty) {
		md->error = fsync(md->new) == -1 ? errno : 0;
		md->dirty = false;
	}
	if (md->error == 0 || job->result != JOB_DONE)
		return;
	job_fail(job, JOB_TEMPFAIL, "fsync %s/new: %s", md->path,
	    strerror(md->error));
	if (job->linked)
		unlinkat(md->new, job->name, 0);
}

void
maildir_commit(struct job *const *jobs, size_t n)
{
	size_t	 i;

	for (i = 0; i < n; i++)
		if (fsync(jobs[i]->fd) == -1)
			failed(jobs[i], "fsync", "tmp", errno);
	for (i = 0; i < n; i++)
		if (jobs[i]->result == JOB_DONE)
			link_new(jobs[i]);
	for (i = 0; i < n; i++)
		settle_links(jobs[i]);
	for (i = 0; i < n; i++)
		maildir_abort(jobs[i]);
}
