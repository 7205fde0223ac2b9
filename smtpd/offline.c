/* SPDX-License-Identifier: ISC */
/*
 * The offline process: submits one file that sendmail(8) kept while the daemon
 * was down, as the user it belongs to, and removes it.  It starts in the
 * file's directory.
 */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <stdnoreturn.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "smtpd/log.h"
#include "smtpd/proc.h"
#include "smtpd/submit.h"

static struct submit_message	 message;
static char			**recipients;

static FILE *
open_file(const char *file, off_t limit)
{
	struct stat	 st;
	int		 fd;

	if ((fd = open(file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)) == -1 ||
	    fstat(fd, &st) == -1)
		fatal("%s", file);
	if (!S_ISREG(st.st_mode) || st.st_nlink != 1 || st.st_uid != geteuid() ||
	    st.st_size > limit)
		fatalx("%s: no file of sendmail's", file);
	return fdopen(fd, "r");
}

/* Reads the lines before the message; 0, or -1 if they are not as sendmail writes them. */
static int
read_envelope(FILE *f)
{
	char	*line = NULL;
	size_t	 size = 0;
	ssize_t	 n;

	while ((n = getline(&line, &size, f)) > 1) {
		line[n - 1] = '\0';
		if (line[1] != ' ')
			return -1;
		if (line[0] == 'S' && message.sender == NULL) {
			message.sender = line + 2;
		} else if (line[0] == 'R') {
			recipients = reallocarray(recipients, message.nrcpt + 1,
			    sizeof(*recipients));
			if (recipients == NULL)
				return -1;
			recipients[message.nrcpt++] = line + 2;
		} else
			return -1;
		line = NULL;	/* it is kept */
		size = 0;
	}
	free(line);
	message.rcpt = recipients;
	return n == 1 && message.sender != NULL && message.nrcpt > 0 ? 0 : -1;
}

/* What no try will deliver is kept under another name, for the administrator. */
static noreturn void
refuse(const char *file, const char *why)
{
	char	*name;

	if (asprintf(&name, OFFLINE_REFUSED "%s", file) == -1 ||
	    rename(file, name) == -1)
		fatal("rename %s", file);
	log_warnx("offline message of uid %u refused, kept as %s: %s",
	    (unsigned)geteuid(), name, why);
	exit(EX_UNAVAILABLE);
}

void
offline_main(const char *file, const char *socket, const char *limit)
{
	struct submit		 s;
	enum submit_result	 result;
	FILE			*f;

	log_setname(proc_rows[PROC_OFFLINE].name);
	if ((f = open_file(file, strtoll(limit, NULL, 10))) == NULL)
		fatal("%s", file);
	if (read_envelope(f) == -1)
		refuse(file, "it is not as sendmail writes it");
	message.text = f;
	if ((result = submit_open(&s, socket)) == SUBMIT_OK)
		result = submit_send(&s, &message);
	submit_close(&s);
	switch (result) {
	case SUBMIT_OK:
		if (unlink(file) == -1)
			fatal("submitted, but unlink %s", file);
		log_info("offline message of uid %u submitted: %s",
		    (unsigned)geteuid(), s.reply);
		exit(EX_OK);
	case SUBMIT_REFUSED:
	case SUBMIT_RCPT_REFUSED:
		refuse(file, s.reply);
	default:
		log_warnx("offline message %s is tried again later: %s", file,
		    s.reply);
		exit(EX_TEMPFAIL);
	}
}
