/* SPDX-License-Identifier: ISC */
/*
 * The input of a tool: files, compressed ones too, lines, records.
 */
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <unistd.h>

#include "lib/input.h"
#include "lib/nitems.h"
#include "lib/outbuf.h"

#define QUOTED_MAX	200

/* Each writes to its output what it reads from its input, with -dc. */
static const struct {
	const char	*suffix, *program;
} decompressors[] = {
	{ ".gz",	"gzip" },
	{ ".zst",	"zstd" },
	{ ".xz",	"xz" },
};

int
input_init(struct input *in, char *const *files)
{
	static char		 standard[] = "-";
	static char *const	 none[] = { standard, NULL };

	*in = (struct input){ .files = *files == NULL ? none : files };
	return linebuf_init(&in->lines, -1);
}

/* -- decompressors -- */

static const char *
decompressor(const char *name)
{
	size_t	 i, n = strlen(name), k;

	for (i = 0; i < nitems(decompressors); i++) {
		k = strlen(decompressors[i].suffix);
		if (n > k && strcmp(name + n - k, decompressors[i].suffix) == 0)
			return decompressors[i].program;
	}
	return NULL;
}

/* Answers as posix_spawn does.  Whoever ignores SIGPIPE, the program does not. */
static int
spawn(const char *program, int from, int to, pid_t *pid)
{
	char				 name[8], flags[] = "-dc";
	char *const			 argv[] = { name, flags, NULL };
	posix_spawn_file_actions_t	 actions;
	posix_spawnattr_t		 attr;
	sigset_t			 pipe_signal;
	int				 error;

	snprintf(name, sizeof(name), "%s", program);
	if ((error = posix_spawn_file_actions_init(&actions)) != 0)
		return error;
	if ((error = posix_spawnattr_init(&attr)) != 0) {
		posix_spawn_file_actions_destroy(&actions);
		return error;
	}
	sigemptyset(&pipe_signal);
	sigaddset(&pipe_signal, SIGPIPE);
	if ((error = posix_spawn_file_actions_adddup2(&actions, from, STDIN_FILENO)) == 0 &&
	    (error = posix_spawn_file_actions_adddup2(&actions, to, STDOUT_FILENO)) == 0 &&
	    (error = posix_spawnattr_setsigdefault(&attr, &pipe_signal)) == 0 &&
	    (error = posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGDEF)) == 0)
		error = posix_spawnp(pid, name, &actions, &attr, argv, environ);
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&actions);
	return error;
}

/* What is missing or has failed is not the file. */
static void
program_failed(struct input *in, int error)
{
	snprintf(in->label, sizeof(in->label), "%.200s: %s", in->name,
	    decompressor(in->name));
	in->name = in->label;
	errno = error;
}

/* The descriptor to read what is in fd, which is closed; -1 with errno. */
static int
decompress(struct input *in, const char *program, int fd)
{
	int	 ends[2], error;

	if (pipe2(ends, O_CLOEXEC) == -1) {
		error = errno;
		close(fd);
		errno = error;
		return -1;
	}
	error = spawn(program, fd, ends[1], &in->child);
	close(fd);
	close(ends[1]);
	if (error == 0)
		return ends[0];
	close(ends[0]);
	in->child = 0;
	program_failed(in, error);
	return -1;
}

/* Whether the program read all of its file. */
static bool
reap(struct input *in)
{
	int	 status;
	pid_t	 pid;

	while ((pid = waitpid(in->child, &status, 0)) == -1 && errno == EINTR)
		;
	in->child = 0;
	return pid != -1 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* -- files -- */

/* errno stays: it tells why the file is closed before its end. */
static void
input_close(struct input *in)
{
	int	 error = errno;

	if (in->open && in->lines.fd != STDIN_FILENO)
		close(in->lines.fd);
	in->open = 0;
	if (in->child != 0) {
		kill(in->child, SIGTERM);
		reap(in);
	}
	errno = error;
}

void
input_free(struct input *in)
{
	input_close(in);
	linebuf_free(&in->lines);
}

/* 1 if there is a file, 0 if none is left, -1 if it cannot be opened. */
static int
input_open(struct input *in)
{
	const char	*program;
	int		 fd = STDIN_FILENO;

	if (*in->files == NULL)
		return 0;
	in->name = *in->files++;
	if (strcmp(in->name, "-") == 0)
		in->name = "stdin";
	else if ((fd = open(in->name, O_RDONLY | O_CLOEXEC)) == -1)
		return -1;
	else if ((program = decompressor(in->name)) != NULL &&
	    (fd = decompress(in, program, fd)) == -1)
		return -1;
	linebuf_open(&in->lines, fd);
	in->open = 1;
	return 1;
}

/* 0, or -1 if the decompressor ended before its file did. */
static int
input_end(struct input *in)
{
	bool	 whole = in->child == 0 || reap(in);

	input_close(in);
	if (whole)
		return 0;
	program_failed(in, EIO);
	return -1;
}

int
input_line(struct input *in, struct outbuf *out, struct slice *line)
{
	int	 n;

	for (;;) {
		if (!in->open && (n = input_open(in)) != 1)
			return n;
		if ((n = linebuf_next(&in->lines, out, line)) == 1)
			return 1;
		if (n == -1 || out->error != 0) {
			input_close(in);
			return n;
		}
		if (input_end(in) == -1)
			return -1;
	}
}

enum report_class
input_class(const struct input *in, struct report *r, enum report_class class)
{
	if (!in->lines.cut)
		return class;
	r->error = "line too long";
	r->culprit = RF_MAX;
	return REPORT_MALFORMED;
}

int
input_next(struct input *in, struct outbuf *out, struct report *r,
    enum report_class *class)
{
	struct slice	 line;
	int		 n;

	if ((n = input_line(in, out, &line)) == 1)
		*class = input_class(in, r, report_parse(r, line));
	return n;
}

const char *
input_complaint(struct input *in, const struct report *r)
{
	char		 quoted[QUOTED_MAX];
	struct slice	 s = report_safe(quoted, sizeof(quoted), r->line, true);
	int		 known = r->culprit < RF_MAX;

	if (++in->malformed > INPUT_COMPLAINTS)
		return NULL;
	snprintf(in->text, sizeof(in->text), "%.100s:%zu: %s%s%s%s%.*s", in->name,
	    in->lines.number, known ? report_fields[r->culprit].name : "",
	    known ? ": " : "", r->error, in->unquoted ? "" : ": ",
	    in->unquoted ? 0 : (int)s.n, s.p);
	return in->text;
}
