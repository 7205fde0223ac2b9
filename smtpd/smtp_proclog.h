/* SPDX-License-Identifier: ISC */
#ifndef SMTPD_SMTP_PROCLOG_H
#define SMTPD_SMTP_PROCLOG_H

/*
 * The output of a proc, line by line into the log: always read, lines cut at
 * 4 KiB, 100 a second written and the rest counted.  smtp process.
 */
struct proclog;

struct proclog	*proclog_new(const char *name);
/* Takes over the read end of the command's standard output and error. */
void		 proclog_open(struct proclog *, int fd);

#endif
