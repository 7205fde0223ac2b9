/* SPDX-License-Identifier: ISC */
/*
 * The daemon's log: one safe line at a time, to standard error or syslog.
 * Used by all processes.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "lib/report.h"
#include "smtpd/log.h"

static const char	*log_process = "parent";
static int		 log_stderr = 1;
static int		 log_level;

void
log_init(int to_stderr, int verbosity)
{
	log_stderr = to_stderr;
	log_level = verbosity;
	if (!log_stderr)
		openlog("smtpd", LOG_PID | LOG_NDELAY, LOG_MAIL);
}

void
log_setname(const char *process)
{
	log_process = process;
}

int
log_to_stderr(void)
{
	return log_stderr;
}

/* One write a line, so that lines of several processes do not mix. */
static void
emit(int priority, int error, const char *fmt, va_list ap)
{
	char	 text[2048], safe[4096], line[4200];
	int	 n;

	n = vsnprintf(text, sizeof(text), fmt, ap);
	if (n < 0)
		return;
	if ((size_t)n >= sizeof(text))
		n = sizeof(text) - 1;
	if (error != 0)
		n += snprintf(text + n, sizeof(text) - n, ": %s",
		    strerror(error));
	if ((size_t)n >= sizeof(text))
		n = sizeof(text) - 1;
	struct slice s = report_safe(safe, sizeof(safe),
	    slice_make(text, n), true);
	if (!log_stderr) {
		syslog(priority, "%s: %.*s", log_process, (int)s.n, s.p);
		return;
	}
	n = snprintf(line, sizeof(line), "smtpd: %s: %.*s\n", log_process,
	    (int)s.n, s.p);
	if (write(STDERR_FILENO, line, n) == -1)
		return;		/* nowhere left to say so */
}

#define EMIT(priority, error) do {		\
	va_list ap;				\
						\
	va_start(ap, fmt);			\
	emit(priority, error, fmt, ap);		\
	va_end(ap);				\
} while (0)

void
log_info(const char *fmt, ...)
{
	EMIT(LOG_INFO, 0);
}

void
log_debug(const char *fmt, ...)
{
	if (log_level > 0)
		EMIT(LOG_DEBUG, 0);
}

void
log_warn(const char *fmt, ...)
{
	int	 saved = errno;

	EMIT(LOG_WARNING, saved);
	errno = saved;
}

void
log_warnx(const char *fmt, ...)
{
	EMIT(LOG_WARNING, 0);
}

noreturn void
fatal(const char *fmt, ...)
{
	int	 saved = errno;

	EMIT(LOG_CRIT, saved);
	exit(1);
}

noreturn void
fatalx(const char *fmt, ...)
{
	EMIT(LOG_CRIT, 0);
	exit(1);
}
