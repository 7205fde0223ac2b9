/* SPDX-License-Identifier: ISC */
#ifndef SMTPD_DELIVER_H
#define SMTPD_DELIVER_H

/*
 * What the parts of the deliver process share: a job, and the ways to deliver.
 */
#include <sys/queue.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "smtpd/conf.h"
#include "smtpd/format.h"
#include "smtpd/ipc.h"

struct maildir;
struct mda;

/* Whose mail this process delivers; set once. */
struct deliver_user {
	char		*name, *home;
	const char	*host;		/* in names of maildir files */
	char		 delim;		/* of sub-addresses */
};

struct job {
	TAILQ_ENTRY(job) entry;
	uint64_t	 evpid;
	uint64_t	 size;		/* of content, of which */
	uint64_t	 received;	/* so much is here */
	int64_t		 arrival;
	uint32_t	 attempt;
	const struct action *action;
	struct slice	 sender, rcpt, dest;
	struct slice	 content;	/* whole if small */

	struct maildir	*maildir;	/* while a file is open in it */
	int		 fd;
	bool		 linked;
	char		*name;		/* of that file */
	struct mda	*mda;

	enum job_result	 result;
	char		 reason[256];	/* of a failure: what on what: why */
	char		 data[];	/* what the slices point into */
};
TAILQ_HEAD(jobs, job);

/* -- deliver_job.c -- */

#define JOB_HEAD	4096

/* A copy of what queue sent, or NULL. */
struct job	*job_new(const struct ipc_job *, const struct action *);
void		 job_free(struct job *);
/* Sets result and reason, once; what is not printable is made so. */
void		 job_fail(struct job *, enum job_result, const char *fmt, ...)
		    __attribute__((format(printf, 3, 4)));
/* Return-Path and Delivered-To, for the top of the message. */
size_t		 job_head(const struct job *, char buf[JOB_HEAD]);
void		 job_values(const struct job *, const struct deliver_user *,
		    struct format_values *);

/* -- deliver_maildir.c -- */

#define MAILDIR_BATCH	32

/* Opens the file in tmp and writes what is here of the message.  -1: the job has failed. */
int		 maildir_begin(struct job *, const struct deliver_user *);
/* More of a large message. */
int		 maildir_write(struct job *, struct slice);
/* Makes up to MAILDIR_BATCH whole files durable and visible; each job has its result then. */
void		 maildir_commit(struct job *const *, size_t n);
/* Forgets a file that is not complete. */
void		 maildir_abort(struct job *);

/* -- deliver_mda.c -- */

#define MDA_RUNNING	8

/* done: a job has its result. */
int		 mda_init(const struct deliver_user *, void (*done)(struct job *));
/* Runs the command of the job's action once the message is whole and fewer run. */
void		 mda_add(struct job *);
/* More of a large message, counted in job->received already. */
void		 mda_content(struct job *, struct slice);
/* Seconds that a command may take (300). */
void		 mda_set_limit(time_t);
bool		 mda_busy(void);
/* Ends what runs; its jobs fail for now. */
void		 mda_kill(const char *why);

#endif
