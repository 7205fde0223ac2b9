/* SPDX-License-Identifier: ISC */
#ifndef LIB_REPLAY_TAPE_H
#define LIB_REPLAY_TAPE_H

/*
 * Recorded sessions: the lines of a stream, of any dialect, become what each
 * client of smtp-in sent and what it was answered.  A session is there when its
 * last line has been read; those that are there come out in the order in which
 * they began.
 */
#include <sys/queue.h>
#include <sys/tree.h>

#include <stdbool.h>

#include "lib/report.h"
#include "lib/u64map.h"

enum replay_kind {
	REPLAY_BANNER,			/* the server speaks first */
	REPLAY_COMMAND,
	REPLAY_DOT			/* the content after DATA, and its end */
};

struct replay_step {			/* of a session: a command and its reply */
	uint64_t	 sent, replied;	/* times of their lines, the last of the reply */
	uint64_t	 size;		/* of the content, or 0: not known */
	uint32_t	 command, command_n;	/* in the session's text */
	uint32_t	 reply, reply_n;	/* lines, an LF behind each */
	uint8_t		 kind;
	bool		 whole;		/* the last line of the reply is there */
	bool		 tls;		/* it was followed by TLS */
};

struct replay_session {
	uint64_t	 id;
	uint64_t	 begin, end;	/* microseconds since the epoch */
	uint64_t	 number;	/* in the order of the stream */
	struct replay_step	*step;	/* the first is the banner */
	uint32_t	 steps, steps_room;
	char		*text;
	uint32_t	 text_n, text_room;
	char		 version[16];	/* of its lines */
	uint8_t		 version_n;
	bool		 seconds;	/* its times are whole seconds */
	bool		 tls;		/* it began with TLS */
	bool		 over;		/* by a timeout: what is said after it is nobody's reply */
	bool		 stub;		/* its lines are left out */
	TAILQ_ENTRY(replay_session)	 open;
	RB_ENTRY(replay_session)	 ready;
};

RB_HEAD(replay_ready, replay_session);

struct replay_tape {
	struct u64map		 map;	/* of those that are open */
	TAILQ_HEAD(replay_open, replay_session)	 open;
	struct replay_ready	 ready;
	uint64_t		 sessions;
	size_t			 bytes;	/* that all of them take, those given out too */
	size_t			 late;	/* sessions without a beginning, which are left out */
	size_t			 cut;	/* sessions of which the end is left out */
};

void	replay_tape_init(struct replay_tape *);
void	replay_tape_free(struct replay_tape *);
/* One known record.  0, or -1 with errno ENOMEM. */
int	replay_tape_line(struct replay_tape *, const struct report *);
/* The end of input: sessions that are open are what they are. */
void	replay_tape_end(struct replay_tape *);
/* To have room: the oldest that is open is cut, later lines of it left out; as replay_tape_line. */
int	replay_tape_cut(struct replay_tape *);
/* The session that began first of those that are there, or NULL; it stays there. */
struct replay_session *replay_tape_first(struct replay_tape *);
/* That session, which is the caller's until it is given back. */
struct replay_session *replay_tape_take(struct replay_tape *);
void	replay_tape_give(struct replay_tape *, struct replay_session *);

static inline struct slice
replay_command(const struct replay_session *s, const struct replay_step *t)
{
	return t->command_n == 0 ? SLICE("") :
	    slice_make(s->text + t->command, t->command_n);
}

static inline struct slice
replay_reply(const struct replay_session *s, const struct replay_step *t)
{
	return t->reply_n == 0 ? SLICE("") : slice_make(s->text + t->reply, t->reply_n);
}

#endif
