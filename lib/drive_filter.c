/* SPDX-License-Identifier: ISC */
/*
 * The process of a filter, and what is on its way to it and from it.
 */
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "lib/drive_int.h"

#define END_PATIENCE	200	/* times 10 ms between the end of its output and its own */

/* As posix_spawn: sh -c command in a process group of its own. */
static int
spawn(struct drive_filter *f, const char *command, int in, int out)
{
	char				 sh[] = "sh", c[] = "-c", *text = strdup(command);
	char *const			 argv[] = { sh, c, text, NULL };
	posix_spawn_file_actions_t	 actions;
	posix_spawnattr_t		 attr;
	sigset_t			 none, defaults;
	int				 error = ENOMEM;

	if (text == NULL || posix_spawn_file_actions_init(&actions) != 0) {
		free(text);
		return error;
	}
	if (posix_spawnattr_init(&attr) == 0) {
		sigemptyset(&none);
		sigemptyset(&defaults);
		sigaddset(&defaults, SIGPIPE);
		posix_spawnattr_setsigmask(&attr, &none);
		posix_spawnattr_setsigdefault(&attr, &defaults);
		posix_spawnattr_setpgroup(&attr, 0);
		posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK |
		    POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
		if ((error = posix_spawn_file_actions_adddup2(&actions, in,
		    STDIN_FILENO)) == 0 &&
		    (error = posix_spawn_file_actions_adddup2(&actions, out,
		    STDOUT_FILENO)) == 0)
			error = posix_spawn(&f->pid, "/bin/sh", &actions, &attr, argv,
			    environ);
		posix_spawnattr_destroy(&attr);
	}
	posix_spawn_file_actions_destroy(&actions);
	free(text);
	return error;
}

int
drive_filter_start(struct drive_filter *f, const char *command)
{
	int	 in[2] = { -1, -1 }, out[2] = { -1, -1 }, error;

	*f = (struct drive_filter){ .to = -1, .from = -1 };
	if (pipe2(in, O_CLOEXEC) == -1 || pipe2(out, O_CLOEXEC) == -1 ||
	    fcntl(in[1], F_SETFL, O_NONBLOCK) == -1 ||
	    fcntl(out[0], F_SETFL, O_NONBLOCK) == -1 ||
	    linebuf_init(&f->in, out[0]) == -1)
		error = errno;
	else
		error = spawn(f, command, in[0], out[1]);
	if (in[0] != -1)
		close(in[0]);
	if (out[1] != -1)
		close(out[1]);
	f->to = in[1];
	f->from = out[0];
	if (error == 0)
		return 0;
	f->pid = 0;
	drive_filter_stop(f);
	errno = error;
	return -1;
}

void
drive_filter_stop(struct drive_filter *f)
{
	if (f->to != -1)
		close(f->to);
	if (f->from != -1)
		close(f->from);
	f->to = f->from = -1;
	if (f->pid != 0) {
		kill(-f->pid, SIGKILL);
		while (waitpid(f->pid, &f->status, 0) == -1 && errno == EINTR)
			;
		f->pid = 0;
	}
	linebuf_free(&f->in);
	free(f->out);
	f->out = NULL;
	f->start = f->end = f->size = 0;
}

char *
drive_filter_room(struct drive_filter *f, size_t n)
{
	size_t	 size = f->size == 0 ? 65536 : f->size;
	char	*p;

	if (f->start > 0 && (f->start == f->end || f->size - f->end < n)) {
		memmove(f->out, f->out + f->start, f->end - f->start);
		f->end -= f->start;
		f->start = 0;
	}
	while (size - f->end < n)
		size *= 2;
	if (size != f->size) {
		if ((p = realloc(f->out, size)) == NULL)
			return NULL;
		f->out = p;
		f->size = size;
	}
	return f->out + f->end;
}

void
drive_filter_used(struct drive_filter *f, size_t n)
{
	f->end += n;
}

size_t
drive_filter_unread(const struct drive_filter *f)
{
	return f->end - f->start;
}

int
drive_filter_write(struct drive_filter *f)
{
	ssize_t	 n;

	while (f->start < f->end) {
		n = write(f->to, f->out + f->start, f->end - f->start);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return errno == EAGAIN ? 0 : -1;
		f->start += (size_t)n;
	}
	return 0;
}

/* It ends a little later than its output. */
static bool
reap(struct drive_filter *f)
{
	const struct timespec	 ms = { .tv_nsec = 10000000 };
	int			 i;

	for (i = 0; f->pid != 0 && i < END_PATIENCE; i++) {
		if (waitpid(f->pid, &f->status, WNOHANG) == f->pid)
			f->pid = 0;
		else
			nanosleep(&ms, NULL);
	}
	return f->pid == 0;
}

void
drive_filter_fate(struct drive_filter *f, char *buf, size_t size)
{
	if (!reap(f))
		snprintf(buf, size, "closed its output");
	else if (WIFSIGNALED(f->status))
		snprintf(buf, size, "ended by signal %d", WTERMSIG(f->status));
	else
		snprintf(buf, size, "ended with status %d", WEXITSTATUS(f->status));
}
