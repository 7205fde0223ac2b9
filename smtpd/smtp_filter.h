/* SPDX-License-Identifier: ISC */
#ifndef SMTPD_SMTP_FILTER_H
#define SMTPD_SMTP_FILTER_H

/*
 * Filters: programs that are told of a session's events and asked about its
 * phases, through one pipe, and answer through another (smtpd-filters(7)).
 * A filter that dies, hangs or says what it must not costs sessions a 451,
 * never more (decisions.md 20, 43 to 45).  smtp process.
 */
#include <sys/queue.h>

#include <event2/event_struct.h>

#include "lib/filter.h"
#include "smtpd/conf.h"
#include "smtpd/report_emit.h"
#include "smtpd/smtp_question.h"

struct filter_proc;
struct outcome;
struct session;
struct stage;

/* -- the two pipes of a filter: smtp_pipe.c -- */

struct filter_pipe {
	struct filter_proc *owner;
	int		 in, out;	/* its standard input and output; -1 */
	struct event	 writable, readable;
	char		*data;		/* data[start .. end) waits for the pipe */
	size_t		 start, end, size;
	uint64_t	 queued, written;	/* bytes, since it was opened */
	bool		 blocked;
	uint64_t	 progress;	/* monotonic ns: when it last took some */
	char		*line;		/* of its output: the beginning of a line */
	size_t		 line_len, line_size;
};

void	pipe_init(struct filter_pipe *, struct filter_proc *owner);
/* Each takes over a descriptor, in place of an older one. */
void	pipe_open_in(struct filter_pipe *, int fd);
void	pipe_open_out(struct filter_pipe *, int fd);
void	pipe_close(struct filter_pipe *);	/* what waits is forgotten */
/* Room for n bytes behind what waits, to be used up by pipe_used(); NULL: no memory. */
char	*pipe_room(struct filter_pipe *, size_t n);
void	pipe_used(struct filter_pipe *, size_t n);
/* Writes what the pipe takes. */
void	pipe_flush(struct filter_pipe *);
size_t	pipe_waiting(const struct filter_pipe *);

/* -- filters: smtp_filter.c -- */

enum filter_state {
	FILTER_DOWN,
	FILTER_REGISTERING,		/* it is to register */
	FILTER_UP
};

#define FILTER_STRIKES	10	/* so many wrong lines or late answers end it */
#define FILTER_PATIENCE	10	/* times its limit: what it does in parts, what it has not read yet */
#define FILTER_SURPLUS	3	/* times the largest message: what is said of one that is refused */
#define FILTER_TALK_MAX	64	/* "filter-dataline|SESSION|TOKEN|" */
#define FILTER_LATENCIES 256	/* answers whose times are remembered */

struct filter_proc {
	const struct proc_conf *conf;
	enum filter_state state;
	uint32_t	 life;		/* of its command, as the parent counts */
	uint64_t	 since;		/* monotonic ns: when the state was entered */
	struct filter_pipe pipe;
	unsigned	 phases;	/* that it registered: bits 1 << enum phase */
	uint64_t	 events[2];	/* of smtp-in, of smtp-out: bits 1 << enum event_id */
	struct questions questions;	/* oldest first */
	/* The message whose line it said last, and how such a line begins: most are followed by another. */
	struct question	*talking;
	char		 talk[FILTER_TALK_MAX];
	size_t		 talk_len;
	bool		 needed;	/* it is more than a shadow somewhere */
	bool		 full;		/* its sessions pause */
	uint64_t	 full_since;	/* monotonic ns */
	const char	*doomed;	/* why it ends with this turn; NULL */
	uint64_t	 orphans;	/* questions whose sessions are gone: their answers may come */
	uint64_t	 stray;		/* bytes of such, since the last that ended */
	unsigned	 strikes;
	uint64_t	 struck;	/* when last, monotonic ns */
	struct proclog	*log;
	/* statistics, ever */
	uint64_t	 nrequests, ntimeouts, nstrikes, nstarts;
	uint32_t	 latency[FILTER_LATENCIES];	/* microseconds */
	uint64_t	 nlatencies;
};

void	filters_init(void);
/* An end-of-turn hook: writes what the pipes take. */
void	filters_flush(void);
/* Has every filter registered, failed, or had its time to? */
bool	filters_settled(void);
/* The bits of filters that are full: sessions that they watch are not read. */
uint64_t filters_full(void);
struct filter_proc *filter_of(const struct proc_conf *);
bool	filter_is_up(const struct filter_proc *);
bool	filter_registered(const struct filter_proc *, enum phase);
/* Its pipes, its input first; life: how often the parent has started it.  -1 if index is no filter. */
int	filter_open(unsigned index, uint32_t life, int fd);
int	filter_output(unsigned index, int fd);
void	filter_errors(unsigned index, int fd);	/* into the log */
/* It can no longer be used: its sessions are told, its command is ended and started again. */
void	filter_fail(struct filter_proc *, const char *fmt, ...)
	    __attribute__((format(printf, 2, 3)));
/* It said something wrong: the line and the reason are logged, and too many of them end it. */
void	filter_strike(struct filter_proc *, struct slice line, const char *reason);
/* It has said register|ready. */
void	filter_ready(struct filter_proc *);
/* smtp_answer.c: a line of it, without its LF. */
void	filter_line(struct filter_proc *, struct slice);
/* Its pipes have ended. */
void	filter_ended(struct filter_proc *, const char *why);
/* It has room again. */
void	filter_relieved(struct filter_proc *);

/* An event, to those that registered it; write makes the line in a dialect. */
void	filters_report(const struct report_source *, enum event_id,
	    struct slice (*write)(void *, enum dialect), void *arg);
/* Lines of another process, whole, in a dialect. */
void	filters_lines(enum subsystem, enum dialect, uint64_t watchers, struct slice);

/* smtp_filter_stats.c: of one, and of all, to the bus. */
void	filter_answered(struct filter_proc *, const struct question *);
void	filter_stats(const struct filter_proc *);
void	filters_stats(void);

/* -- a session's filters: smtp_phase.c -- */

/* Its filters are those that there are now; false: one is down without which it cannot be. */
bool	phase_begin(struct session *);
/* Nothing is waited for any more. */
void	phase_end(struct session *);
bool	phase_filtered(const struct session *);
/* Does one of these procs decide about it?  A shadow does not. */
bool	phase_depends(const struct session *, uint64_t bits);
/* As phase_ask(); raw: the argument as it was typed, for dialect 1. */
void	phase_ask_raw(struct session *, enum phase, struct slice argument, struct slice raw,
	    void (*then)(struct session *, const struct outcome *));
/* Is the filter one of those that the session met, a program that was up then? */
bool	phase_watched(const struct session *, const struct filter *);
/* Is it asked about a phase: by its directive, or as it registered? */
bool	phase_asks(const struct filter *, enum phase);
/* A filter of the session has died: the phase that is asked is refused for now. */
void	phase_lost(struct session *);
/* The session ends: nobody is told. */
void	phase_cancel(struct session *);
/* lookup has died: a rule that has asked it cannot be told. */
void	phase_lookup_lost(struct session *);
/* A decision; a question whose time is over. */
void	phase_decided(struct question *, enum decision, struct slice param);
void	phase_late(struct question *);
/* The filter said something that spoils the phase: it is refused for now. */
void	phase_spoiled(struct question *);
/* Its answer was none, and no other is to come. */
void	phase_answered_wrongly(struct question *);

/* -- data lines: smtp_stream.c -- */

struct stream;
struct tx;

/*
 * In tx->stream a stream, if a filter of the session is to be sent the data lines, else NULL.
 * -1: one of them cannot be (451).
 */
int	stream_open(struct tx *);
void	stream_free(struct stream *);
/* What we add on top: it goes to the filters with what comes first.  -1: no memory. */
int	stream_begin(struct stream *, const char *text);
/* Content as it is stored, any piece of it; it comes out by content_line(). */
void	stream_feed(struct stream *, const char *, size_t);
/* No more is to come; true if all filters have ended, else session_run() is called when they have. */
bool	stream_finish(struct stream *);
/* The message is refused: what its filters make of it is of no interest. */
void	stream_abandon(struct stream *);
/* A line of a filter, and all of what it said. */
void	stream_line(struct question *, struct slice line, struct slice whole);
/* A question is nobody's any more: its stage forgets it. */
void	stream_forget(struct question *);
/* A filter's time is over, or it spoilt the message. */
void	stream_late(struct question *);

#endif
