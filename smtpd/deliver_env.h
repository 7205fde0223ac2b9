/* SPDX-License-Identifier: ISC */
#ifndef SMTPD_DELIVER_ENV_H
#define SMTPD_DELIVER_ENV_H

/* The environment of mda commands, smtpd.conf(5) MDA COMMANDS.  deliver process. */
struct deliver_user;
struct job;

struct environment {
	char	*vars[16];		/* NAME=value, NULL at the end */
};

/* -1 if there is no memory; else env_free() it. */
int	 env_fill(struct environment *, const struct job *,
	    const struct deliver_user *);
void	 env_free(struct environment *);

#endif
