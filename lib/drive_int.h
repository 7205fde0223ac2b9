/* SPDX-License-Identifier: ISC */
#ifndef LIB_DRIVE_INT_H
#define LIB_DRIVE_INT_H

/*
 * What the files of lib/drive.h share.
 */
#include <sys/types.h>
#include <sys/queue.h>

#include "lib/drive.h"
#include "lib/fmt.h"
#include "lib/linebuf.h"
#include "lib/smtp_path.h"
#include "lib/u64map.h"

#define DRIVE_OUT_HIGH	(256 * 1024)	/* nothing is played while that waits for the filter */
#define DRIVE_HELD_MAX	(16 << 20)	/* bytes of lines behind an answer */
#define DRIVE_SESSIONS	65536		/* open at once; the oldest is forgotten */
#define DRIVE_GONE	64		/* sessions whose late answers are no fault */
#define DRIVE_RCPTS_MAX	16384		/* bytes of recipients for a message made up */

/* -- the filter's process: drive_filter.c -- */

struct drive_filter {
	pid_t		 pid;		/* 0: it has been waited for */
	int		 to, from;	/* -1: closed */
	char		*out;		/* what it is to read */
	size_t		 start, end, size;
	struct linebuf	 in;
	int		 status;	/* as waitpid says it */
};

int	drive_filter_start(struct drive_filter *, const char *command);	/* -1 with errno */
void	drive_filter_stop(struct drive_filter *);
/* n bytes of room at its end, or NULL with errno ENOMEM; then how many were used. */
char	*drive_filter_room(struct drive_filter *, size_t n);
void	drive_filter_used(struct drive_filter *, size_t n);
size_t	drive_filter_unread(const struct drive_filter *);
/* Writes what the pipe takes.  -1 if nobody reads there any more. */
int	drive_filter_write(struct drive_filter *);
/* What became of it, in words, when its output has ended. */
void	drive_filter_fate(struct drive_filter *, char *buf, size_t size);

/* -- sessions -- */

enum drive_state {
	DRIVE_UNKNOWN,		/* the stream began in its middle */
	DRIVE_CONNECTED, DRIVE_READY, DRIVE_MAIL, DRIVE_RCPT, DRIVE_CHUNKS,
	DRIVE_DATA,
	DRIVE_REFUSED,		/* at connect */
	DRIVE_CLOSED		/* by the filter; its recorded rest is skipped */
};
#define DRIVE_IN(state)	(1u << DRIVE_ ## state)
#define DRIVE_IN_TX	(DRIVE_IN(MAIL) | DRIVE_IN(RCPT) | DRIVE_IN(CHUNKS) | DRIVE_IN(DATA))

struct held {
	STAILQ_ENTRY(held) entry;
	size_t		 n;
	char		 line[];
};
STAILQ_HEAD(held_list, held);

struct drive_content {		/* of a message, on its way to the filter */
	char		*text;		/* the trace, and a message made up */
	size_t		 n, at, trace;	/* trace: bytes of the trace */
	size_t		 at_message;	/* of the one given */
	uint64_t	 token;
	bool		 early;		/* the filter ended it before us */
	size_t		 lines, bytes, lines_back, bytes_back;
	uint64_t	 hash, hash_back;
};

struct drive_session {
	TAILQ_ENTRY(drive_session) entry;	/* by last use */
	TAILQ_ENTRY(drive_session) wait;	/* by time limit */
	uint64_t	 id;
	uint64_t	 time;		/* of the line last played */
	enum subsystem	 subsystem;
	enum drive_state state;
	bool		 commands;	/* its commands were recorded */
	bool		 has_msgid, esmtp, tls;
	uint32_t	 msgid;
	unsigned	 errors;	/* of one refused at connect */
	char		*src, *rdns, *helo, *host, *sender, *mechanism;
	char		*rcpts;		/* ", " between them */

	struct drive_content	*content;

	/* What is asked. */
	bool		 waits;
	bool		 streams;	/* waits, and its content is not all written */
	enum phase	 phase;
	uint64_t	 token;
	uint64_t	 answered, late;	/* the last that was, and that was not, in time */
	uint64_t	 deadline;	/* milliseconds of the monotonic clock */
	char		*question;	/* its parameter */
	unsigned	 done;		/* bits of phases asked about the line at the head */
	struct held_list held;		/* lines not played yet */

	/* A command that was reported, and whose recorded end tells whether it was asked. */
	enum phase	 pending;	/* PHASE_MAX: none */
	bool		 doubtful;	/* smtpd would not ask; the daemon of the stream perhaps did */
	bool		 chunk, chunk_last;	/* it is BDAT, with the end of the message */
	char		*argument;	/* what it would be asked with */
	char		*address;	/* of MAIL and RCPT */
	bool		 noted;		/* that address was accepted */
	bool		 challenged;	/* AUTH: the next line is no command */

	/* What the decisions changed. */
	enum phase	 scope;		/* of the command whose events come */
	bool		 diverged;	/* the recorded state is no longer this one */
	bool		 refused;	/* by the filter: its recorded events are skipped */
	bool		 skipped;	/* a command that smtpd would not have taken */
	bool		 spoiled;	/* the content: it did not come back */
	bool		 asked_early;	/* about MAIL, at its tx-begin */
	char		*rewritten;	/* the new argument */
};

struct drive {
	const struct drive_options	*o;
	struct drive_filter	 filter;
	bool			 ready, down, finished;
	uint64_t		 deadline;	/* of the handshake, of the end */
	unsigned		 asks;		/* bits of phases it registered for */
	uint64_t		 hears[SUBSYSTEM_MAX];	/* bits of events */
	struct fmt		 fmt;
	struct outbuf		 line;		/* one line of fmt */
	struct u64map		 sessions;
	size_t			 nsessions, evicted, waiting, held;
	TAILQ_HEAD(, drive_session) by_use;
	TAILQ_HEAD(, drive_session) by_limit;
	uint64_t		 gone[DRIVE_GONE];
	unsigned		 ngone;
	uint64_t		 last_token;
	uint64_t		 time;		/* of the line last played */
	char			*scratch;	/* a stuffed line */
	size_t			 scratch_size;
	int			 error;		/* errno of what could not be done; stays */
};

uint64_t drive_now(void);		/* milliseconds */

/* The session of an id, made if need be; NULL with d->error. */
struct drive_session *drive_session(struct drive *, uint64_t id, bool make);
/* It is over: the lines of it that come are of another. */
void	drive_session_end(struct drive *, struct drive_session *);
/* A copy of text in *to, whose old text is freed; SLICE_NONE: NULL. */
void	drive_session_set(struct drive *, char **to, struct slice text);
/* Its next line: played, or kept until it can be. */
void	drive_session_line(struct drive *, struct drive_session *, const struct report *);
/* It waits no longer: plays what was kept. */
void	drive_session_go_on(struct drive *, struct drive_session *);
/* No more lines come. */
void	drive_session_finish(struct drive *, struct drive_session *);

/* -- what a line is to a session: drive_play.c -- */

enum played { PLAYED, KEPT, GONE };	/* KEPT: it is to be played again later; GONE: the session is */

/* next: the line behind it, NULL if it is not there yet; last: there is none. */
enum played drive_line(struct drive *, struct drive_session *, const struct report *,
	    const struct report *next, bool last);
/* The filter, or smtpd for a wrong new argument, refused what was asked about. */
void	drive_refuse(struct drive *, struct drive_session *, enum phase,
	    struct slice reply, bool closes);
/* The transaction ends in nothing. */
void	drive_abandon(struct drive *, struct drive_session *);
/* A pending command, when nothing more is said of it. */
void	drive_pending_ask(struct drive *, struct drive_session *);

static inline bool
drive_is_in(const struct drive_session *s, unsigned states)
{
	return (states >> s->state & 1) != 0;
}

/* Would the client not have come to it? */
static inline bool
drive_is_out_of_place(const struct drive_session *s, unsigned allowed)
{
	return s->state == DRIVE_CLOSED || (s->diverged && !drive_is_in(s, allowed));
}

static inline const char *
drive_or(const char *s, const char *otherwise)
{
	return s != NULL ? s : otherwise;
}

static inline bool
drive_is_ok(const struct report *r)
{
	return slice_eq(r->field[RF_RESULT], SLICE("ok"));
}

static inline bool
drive_is_helo(const struct report *r)
{
	return report_has(r, RF_METHOD) && slice_eq(r->field[RF_METHOD], SLICE("HELO"));
}

/* -- what is known of it: drive_note.c; of what was played -- */

void	drive_note_reply(struct drive *, struct drive_session *, struct slice text);
void	drive_note_event(struct drive *, struct drive_session *, const struct report *);
void	drive_tx_end(struct drive_session *);

/* -- events without commands: drive_derive.c; true: it is asked, and the line waits -- */

bool	drive_derive(struct drive *, struct drive_session *, const struct report *,
	    const struct report *next);
bool	drive_derive_auth(struct drive *, struct drive_session *, struct slice user);

/* -- commands: drive_command.c -- */

struct drive_command {
	enum phase	 phase;		/* PHASE_MAX: it is not asked about */
	unsigned	 allowed;	/* bits of states */
	bool		 valid;		/* its arguments are */
	bool		 known;		/* its verb is */
	bool		 last;		/* BDAT ... LAST */
	bool		 chunk;		/* BDAT */
	struct slice	 argument;	/* as it is asked in a dialect; into the line */
	struct slice	 address;	/* MAIL, RCPT: between the brackets */
};

void	drive_command_parse(struct drive_command *, enum dialect, struct slice line);
/* The states in which what it asks about can happen. */
unsigned drive_phase_allowed(enum phase);
/* What MAIL, RCPT, HELO, EHLO would say to a new argument: NULL, or their refusal. */
const char *drive_rewrite_refused(enum phase, struct slice argument, struct slice *value);

/* -- questions: drive_ask.c -- */

/* Asks, if the filter wants to be: true, and the session waits. */
bool	drive_ask(struct drive *, struct drive_session *, enum phase, struct slice argument);
/* The session waits; its time limit begins, and anew. */
void	drive_ask_begin(struct drive *, struct drive_session *, enum phase, uint64_t token);
void	drive_ask_again(struct drive *, struct drive_session *);
/* It no longer waits. */
void	drive_ask_end(struct drive *, struct drive_session *);
/* The content came back whole. */
void	drive_ask_answered(struct drive *, struct drive_session *);
/* It was not answered as it should be. */
void	drive_ask_failed(struct drive *, struct drive_session *);
/* The answers of the filter that have come; and its silence. */
void	drive_answers_read(struct drive *);
void	drive_answers_late(struct drive *);

/* -- reports: drive_report.c -- */

/* To the filter, if it wants to hear it. */
void	drive_report_pass(struct drive *, const struct report *);
void	drive_report_make(struct drive *, struct drive_session *, enum event_id,
	    const struct report_value *, size_t);
/* To whoever runs the drive, in the newest dialect. */
void	drive_report_say(struct drive *, struct drive_session *, enum event_id,
	    const struct report_value *, size_t);

/* -- content: drive_content.c -- */

/* DATA was accepted: what smtpd adds goes first. */
void	drive_content_begin(struct drive *, struct drive_session *);
/* The rest, and the dot: true if it waits for the filter's own. */
bool	drive_content_ask(struct drive *, struct drive_session *);
/* As much as the filter's buffer takes. */
void	drive_content_write(struct drive *, struct drive_session *);
void	drive_content_line(struct drive *, struct drive_session *, struct slice line);
void	drive_content_end(struct drive_session *);

#endif
