/* SPDX-License-Identifier: ISC */
#ifndef LIB_REPLAY_DIALOG_H
#define LIB_REPLAY_DIALOG_H

/*
 * The client's side of a session that is replayed, without its connection: what
 * it sends and when, and how the replies differ from those that were recorded.
 * Its clock is the caller's, in microseconds.
 */
#include <stdbool.h>
#include <stdint.h>

#include "lib/replay_body.h"
#include "lib/replay_tape.h"

#define REPLAY_LINE_MAX		4096	/* of a reply; the rest of a line is left out */
#define REPLAY_REPLY_MAX	16384	/* of all its lines, likewise */

struct outbuf;

struct replay_options {
	double		 speed;		/* 0: without the recorded pauses */
	bool		 exact;		/* compare texts too */
	bool		 tls;		/* the server speaks TLS from the beginning */
	int		 message;	/* a file to send, or -1 */
	uint64_t	 patience;	/* how long a reply may take */
};

struct replay_counts {
	size_t	 sessions, replies, differences;
	size_t	 logins;	/* left out: their secret was not recorded */
	size_t	 failed;	/* sessions that got no connection */
	size_t	 plain;		/* that began with TLS, and were replayed without */
};

enum replay_state {
	REPLAY_READING,		/* awaits a reply */
	REPLAY_WAITING,		/* until due */
	REPLAY_SENDING,
	REPLAY_SECURING,	/* TLS is to be started: replay_dialog_secured says when it is */
	REPLAY_OVER
};

struct replay_dialog {
	const struct replay_options	*options;
	struct replay_counts		*counts;
	struct outbuf			*out;	/* for differences */
	const struct replay_session	*s;
	enum replay_state		 state;
	uint64_t	 start;		/* when the session began to be replayed */
	uint64_t	 due;		/* of waiting; else when patience ends */
	uint32_t	 step;
	enum { EXTRA_NONE, EXTRA_DOT, EXTRA_CANCEL } extra;	/* what was not recorded */
	enum { CHUNKING_MAYBE, CHUNKING_NO, CHUNKING_YES } chunking;	/* by its EHLO reply */
	struct slice	 command;	/* still to be sent */
	bool		 crlf, content;	/* and behind it */
	struct replay_body	 body;
	char		 line[REPLAY_LINE_MAX];	/* of a reply, its beginning */
	size_t		 line_n;
	char		 reply[REPLAY_REPLY_MAX];
	size_t		 reply_n;
	char		 name[256];	/* the server's, of its banner */
	size_t		 name_n;
};

void	replay_dialog_init(struct replay_dialog *, const struct replay_options *,
	    struct replay_counts *, struct outbuf *, const struct replay_session *,
	    uint64_t now);
/* Bytes from the server; how many were taken, all or those up to the end of a reply. */
size_t	replay_dialog_input(struct replay_dialog *, const char *, size_t, uint64_t now);
/* Bytes for the server, at most size; 0 if there are none now. */
size_t	replay_dialog_output(struct replay_dialog *, char *, size_t size, uint64_t now);
/* It is time: what was waited for begins, and what does not come is given up. */
void	replay_dialog_time(struct replay_dialog *, uint64_t now);
/* TLS is up. */
void	replay_dialog_secured(struct replay_dialog *, uint64_t now);
/* Nothing more reaches the server; it may have said why. */
void	replay_dialog_deaf(struct replay_dialog *, uint64_t now);
/* The server has closed, or there is no connection (status "closed", "failed"). */
void	replay_dialog_closed(struct replay_dialog *, const char *status);

#endif
