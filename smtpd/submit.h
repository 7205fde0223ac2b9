/* SPDX-License-Identifier: ISC */
#ifndef SMTPD_SUBMIT_H
#define SMTPD_SUBMIT_H

/*
 * The client's side of the submission socket: one message, one command at a
 * time, waiting for each reply.  Used by sendmail and by the offline process.
 */
#include <stdio.h>

#define SUBMIT_SUFFIX	".submit"	/* of the control socket's path */
#define OFFLINE_SUFFIX	".offline"	/* of SPOOLDIR, or of the control socket's path */
#define OFFLINE_REFUSED	"refused."	/* before a file's name: the daemon does not want it */
#define SUBMIT_HOST	256

struct submit {
	FILE	*in, *out;		/* the connection; NULL: none */
	char	 host[SUBMIT_HOST];	/* the daemon's name, from its banner */
	char	 reply[1024];		/* the last line it said */
};

struct submit_message {
	const char	*sender;	/* no brackets; empty: null */
	char *const	*rcpt;
	size_t		 nrcpt;
	const char	*head;		/* lines that go before text, or NULL */
	FILE		*text;		/* LF line ends; read from where it stands */
};

/* Where things stand when a submission did not end with 250; replies are in submit.reply. */
enum submit_result {
	SUBMIT_OK,
	SUBMIT_DOWN,		/* no daemon, or it went before it had the message */
	SUBMIT_UNSURE,		/* it went after it had the message */
	SUBMIT_TEMPFAIL,	/* 4xx */
	SUBMIT_REFUSED,		/* 5xx */
	SUBMIT_RCPT_REFUSED,	/* 5xx to a recipient, which is the last one asked for */
	SUBMIT_UNREADABLE	/* the text could not be read (errno) */
};

/* Connects to the socket at path and reads the banner. SUBMIT_OK, _DOWN, _TEMPFAIL or _REFUSED. */
enum submit_result submit_open(struct submit *, const char *path);
/* Gives the message to the daemon: all of its recipients or none. */
enum submit_result submit_send(struct submit *, const struct submit_message *);
void	submit_close(struct submit *);
/* Connects; the descriptor, or -1 with errno. */
int	submit_connect(const char *path);

#endif
