/* SPDX-License-Identifier: ISC */
#ifndef SMTPD_SENDMAIL_H
#define SMTPD_SENDMAIL_H

/*
 * sendmail: a message from standard input made ready for submission
 * (sendmail_message.c), and kept while the daemon is down (sendmail_offline.c).
 */
#include <stdbool.h>
#include <stdio.h>

struct submit_message;			/* smtpd/submit.h */

struct addresses {
	char	**list;
	size_t	 n;
};

struct message {
	FILE		*text;		/* header without Bcc, and body; LF line ends */
	bool		 has_from, has_date, has_message_id;
	struct addresses rcpt;		/* of To, Cc and Bcc */
	struct addresses resent;	/* of Resent-To, -Cc and -Bcc */
};

/* Adds an address; exits if it cannot be one. */
void	 addresses_add(struct addresses *, const char *, size_t);
/* Adds those of a header field's value or of an argument: a, b <c>, group: d; */
void	 addresses_parse(struct addresses *, const char *);
/* address@host where it has no domain of its own; the caller's. */
char	*address_qualify(const char *address, const char *host);

/* Reads a message up to its end, or to a line with a single dot. */
void	 message_read(struct message *, FILE *in, bool dot_ends);
/* The header lines that it lacks; the caller's. */
char	*message_head(const struct message *, const char *host,
	    const char *sender, const char *name);

/* Keeps a message in directory for the daemon's next start; -1 with errno. */
int	 offline_keep(const char *directory, const struct submit_message *);

#endif
