/* SPDX-License-Identifier: ISC */
/*
 * sendmail: keeps a message in a file while the daemon is down.  The lines
 * "S sender" and "R recipient" ..., an empty line, the message; offline.c
 * reads it.
 */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "smtpd/sendmail.h"
#include "smtpd/submit.h"

static int
write_file(FILE *f, const struct submit_message *m)
{
	char	 buf[65536];
	size_t	 i, n;

	fprintf(f, "S %s\n", m->sender);
	for (i = 0; i < m->nrcpt; i++)
		fprintf(f, "R %s\n", m->rcpt[i]);
	fprintf(f, "\n%s", m->head);
	while ((n = fread(buf, 1, sizeof(buf), m->text)) > 0)
		fwrite(buf, 1, n, f);
	return fflush(f) == EOF || ferror(f) || ferror(m->text) ||
	    fsync(fileno(f)) == -1 ? -1 : 0;
}

/* Nothing is ever read as root: root's mail is handed to the queue's user. */
static int
give_away(int fd)
{
	struct passwd	*pw;

	if (geteuid() != 0 || (pw = getpwnam("_smtpq")) == NULL)
		return 0;
	return fchown(fd, pw->pw_uid, (gid_t)-1);
}

int
offline_keep(const char *directory, const struct submit_message *m)
{
	char	*hidden = NULL, *name = NULL;
	FILE	*f = NULL;
	int	 fd = -1, saved, status = -1;

	/* The daemon does not look at a name that starts with a dot. */
	if (asprintf(&hidden, "%s/.%llx.%08x", directory,
	    (unsigned long long)time(NULL), arc4random()) == -1)
		return -1;
	if ((name = strdup(hidden)) == NULL)
		goto done;
	memmove(name + strlen(directory) + 1, name + strlen(directory) + 2,
	    strlen(name + strlen(directory) + 2) + 1);
	fd = open(hidden, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd == -1 || (f = fdopen(fd, "w")) == NULL)
		goto done;
	if (write_file(f, m) == -1 || give_away(fd) == -1 ||
	    rename(hidden, name) == -1)
		goto done;
	/* The directory may not be opened; a file's fsync takes its new name along. */
	status = fsync(fd);
done:
	saved = errno;
	if (status == -1 && fd != -1)
		unlink(hidden);
	if (f != NULL)
		fclose(f);
	else if (fd != -1)
		close(fd);
	free(hidden);
	free(name);
	errno = saved;
	return status;
}
