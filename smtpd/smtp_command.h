/* SPDX-License-Identifier: ISC */
#ifndef SMTPD_SMTP_COMMAND_H
#define SMTPD_SMTP_COMMAND_H

/*
 * The arguments of commands.  smtp process.
 */
#include "smtpd/smtp.h"

/* The command being run: filled in by parse, read by run. */
struct command {
	struct slice		 arg;		/* without blanks around it */
	struct smtp_path	 path;
	struct params		 params;
	uint64_t		 size;		/* of a chunk */
	bool			 last;
	char			 text[41];	/* for the reply: what was wrong */
};

struct slice	 command_trim(struct slice);
/* Each reads c->arg; REPLY_NONE, or the reply that refuses it. */
enum reply	 command_none(struct command *);
enum reply	 command_any(struct command *);
enum reply	 command_name(struct command *);
enum reply	 command_mail(struct command *);
enum reply	 command_rcpt(struct command *);
enum reply	 command_bdat(struct command *);
bool		 command_is_ascii(const struct command *);	/* its path */
void		 command_bad_param(struct command *, struct slice bad);	/* for the reply, which is ASCII */

#endif
