/* SPDX-License-Identifier: ISC */
#ifndef SMTPD_LOG_H
#define SMTPD_LOG_H

/*
 * The daemon's log: standard error with -d, else syslog (facility mail).
 * Every line carries the process's name.  Control bytes in what is logged are
 * written as \ooo, so that no peer can forge a line.  Used by all processes.
 */
#include <stdnoreturn.h>

/* to_stderr 0: syslog.  level 0: no debug lines; 1: log_debug too. */
void	log_init(int to_stderr, int verbosity);
void	log_setname(const char *process);
int	log_to_stderr(void);

void	log_info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void	log_debug(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void	log_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));	/* adds strerror(errno) */
void	log_warnx(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* For what this process cannot live without; never for what a peer says. */
noreturn void	fatal(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
noreturn void	fatalx(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
