/* SPDX-License-Identifier: ISC */
#ifndef SMTPD_QUEUE_H
#define SMTPD_QUEUE_H

/*
 * The queue process inside: messages and their envelopes, from commit to the
 * last fate.
 */
#include <sys/queue.h>
#include <sys/tree.h>

#include <stdbool.h>
#include <stdint.h>

#include "lib/u64map.h"
#include "smtpd/ipc.h"
#include "smtpd/spool.h"

#define SECOND		1000000000ULL	/* in monotonic time */
#define ENVELOPE_MAX	1024		/* bytes of an envelope's texts */
#define LOGIN_MAX	255		/* bytes of a user's name, as the parent takes it */
/*
 * Bytes of memory that an envelope takes, with all that goes with it: its part
 * of the message, its places in heap, maps and the spool's index; without the
 * content.  With addresses of 43 bytes it is 750 alone in its message and 325
 * among many; a longer address adds what it is longer.  Users are kept for
 * good, 250 bytes each.
 */
#define ENVELOPE_COST	1024

struct user;
struct message;

enum env_state {
	ENV_HELD,		/* its message is not flushed yet */
	ENV_WAITING,		/* for its next try: in the heap */
	ENV_READY,		/* for a slot of its user's deliver */
	ENV_RUNNING		/* in a deliver */
};

struct envelope {
	TAILQ_ENTRY(envelope) entry;	/* of a list of its user */
	struct message	*msg;
	struct user	*user;
	uint64_t	 evpid;
	uint32_t	 index;		/* in the message */
	uint32_t	 attempts;	/* that are over */
	int64_t		 ttl;		/* seconds */
	uint64_t	 due;		/* monotonic ns of the next try, */
	int64_t		 next;		/* and in wall seconds, as stored */
	uint64_t	 started;	/* monotonic ns of the last try, */
	int64_t		 tried;		/* and in wall seconds */
	size_t		 heap;		/* place in the heap, from 1 */
	enum env_state	 state;
	uint8_t		 deaths;	/* of delivers that held it */
	bool		 old;		/* runs in a slot for old mail */
	bool		 touched;	/* its first try was made */
	struct slice	 action, rcpt, dest;
	char		 text[];	/* they point here */
};
TAILQ_HEAD(envelopes, envelope);

struct message {
	uint64_t	 recno;		/* in the spool */
	uint32_t	 msgid;
	uint64_t	 session;
	int64_t		 arrival;	/* wall seconds */
	uint64_t	 size;
	struct slice	 sender, helo, src;
	char		*text;		/* they point here */
	char		*content;	/* of size bytes; NULL: read it from the spool */
	uint32_t	 n, nalloc;	/* envelopes that it came with */
	uint32_t	 left;		/* without a fate */
	uint32_t	 untouched;	/* without a first try */
	struct envelope	**env;		/* NULL where it has a fate */
};

/* In which ring of queue_sched.c a user is. */
enum ring { RING_NONE, RING_FEED, RING_WANT_FRESH, RING_WANT_OLD, RING_IDLE, RING_MAX };

/* A user that has mail: its deliver, and what waits for it. */
struct user {
	RB_ENTRY(user)	 tree;
	TAILQ_ENTRY(user) entry;	/* of the ring, */
	enum ring	 ring;
	TAILQ_ENTRY(user) held;		/* and of those that have a deliver */
	bool		 holds;
	bool		 counted;	/* among the delivers */
	struct ipc	*deliver;	/* NULL: none */
	bool		 asked;		/* the parent was asked for one, */
	uint64_t	 asked_at;	/* monotonic ns: then */
	bool		 choked;	/* it does not read what it was sent */
	bool		 leaving;	/* its place is for another user: gets no more */
	bool		 alone;		/* a job that was in two deaths runs by itself */
	uint32_t	 failures;	/* delivers that did nothing, in a row */
	uint64_t	 met;		/* monotonic ns: it has this deliver since, */
	uint64_t	 heard;		/* and had its last answer then */
	uint64_t	 not_before;	/* monotonic ns: ask for another */
	uint32_t	 envelopes;	/* that name this user */
	uint32_t	 nrunning, nold;	/* in the deliver; of them old mail */
	struct envelopes fresh, old, lone, running;
	uint64_t	 window;	/* bytes that it takes by IPC_JOB_CONTENT */
	struct envelope	*stream;	/* large message being sent, */
	uint64_t	 stream_off;	/* up to here */
	struct slice	 name;
	char		 text[];
};

/* Since the start of the process, for smtpctl. */
extern struct queue_counters {
	uint64_t	 accepted;			/* messages */
	uint64_t	 delivered, deferred, failed, expired;	/* envelopes */
	uint64_t	 died;				/* delivers that held jobs */
} queue_counters;

/* -- queue.c -- */

extern struct spool	*queue_spool;		/* NULL once it is closed */
extern struct ipc	*queue_smtp, *queue_lookup;
extern bool		 queue_stopping;
int64_t		 queue_now(void);		/* wall seconds */
void		 queue_fates_waiting(void);	/* flush within a second */
void		 queue_turn_again(void);	/* there is more to do after this turn */

/* -- queue_envelope.c: a message's envelopes as the text of a spool record -- */

/* malloc'd; NULL with errno. */
char		*envelope_encode(const struct message *, size_t *n);
/* The message with its envelopes, not yet enlisted; NULL with errno (EINVAL: malformed). */
struct message	*envelope_decode(struct slice text);

/* -- queue_message.c: messages in memory, by msgid -- */

struct message	*message_new(uint32_t msgid);
/* What the commit says. -1: ENOMEM. */
int		 message_fill(struct message *, const struct ipc_commit *, int64_t arrival);
/* NULL with errno: E2BIG too many or too long, EINVAL not its evpid or no user's name. */
struct envelope	*message_add(struct message *, const struct ipc_envelope *);
void		 message_free(struct message *);	/* envelopes are in no list */
struct message	*message_find(uint32_t msgid);
int		 message_enlist(struct message *);	/* found by its msgid from now on */
/* Keeps content in memory; false: enough is kept already (more may be that is needed), or ENOMEM. */
bool		 message_keep(struct message *, struct slice, bool needed);
/* An envelope has had its first try: content is not kept for the second. */
void		 message_touched(struct envelope *);
/* The envelope has its fate and is gone, and with the last one the message. */
void		 message_settle(struct envelope *);
/* Visits all: start with *pos 0. */
struct message	*message_next(size_t *pos);
size_t		 message_count(void);

/* -- queue_lease.c: msgids that smtp may use, each once -- */

/* A block of LEASE_BLOCK msgids that no message in the queue has; its first, or 0: not now. */
#define LEASE_BLOCK	4096
uint32_t	 lease_new(void);
/* Uses the msgid up. -1: it was not leased, or is used up. */
int		 lease_take(uint32_t msgid);
void		 lease_revoke_all(void);

/* -- queue_commit.c -- */

void		 commit_lease(void);
void		 commit_envelope(const struct ipc_envelope *);
void		 commit_content(uint32_t msgid, struct slice);
void		 commit_begin(const struct ipc_commit *);
void		 commit_discard(uint32_t msgid);
/* One flush for all that wait, all answers, and only then delivery. -1: it failed. */
int		 commit_flush(bool fates_too);
void		 commit_check_time(void);
void		 commit_tell_space(void);
void		 commit_smtp_met(void);
void		 commit_smtp_lost(void);
void		 commit_lookup_lost(void);
bool		 commit_pending(void);
bool		 commit_is_open(uint32_t msgid);	/* a transaction has it */

/* -- queue_sched.c: users, and which envelope is next -- */

#define SLOTS		64	/* jobs in a deliver: two of its batches */
#define DELIVERS	64	/* processes at once */

struct user	*user_get(struct slice name);	/* made where missing; NULL with errno */
struct user	*user_find(struct slice name);
struct user	*user_next(struct user *);	/* NULL: the first */
/* Something about the user has changed: into the ring where it belongs, or away. */
void		 user_place(struct user *);
/* Into the heap or the user's list, as its due says. */
void		 sched_add(struct envelope *);
void		 sched_wake(void);		/* who is due becomes ready */
uint64_t	 sched_due(void);		/* when the next is; 0: none waits */
/* The next user that takes a job, in turn; NULL: none. */
struct user	*sched_feed_next(void);
/* Its next envelope, running from now on. */
struct envelope	*sched_take(struct user *);
void		 sched_stopped(struct envelope *);	/* running no more, in no list */
/* The next user that needs a deliver and may have one; NULL: none. */
struct user	*sched_want_next(void);
/* A user whose deliver should make room for another's, if that is needed. */
struct user	*sched_leave_next(void);
/* When a user that has to wait may have a deliver; 0: none waits. */
uint64_t	 sched_want_due(void);
/* Takes one ready envelope of the user out of its lists; NULL: none. */
struct envelope	*sched_unready(struct user *);
struct sched_count {
	size_t		 waiting, ready, running, users, delivers;
} sched_count(void);

/* -- queue_fate.c: what becomes of a try -- */

int64_t		 fate_backoff(uint32_t attempts);	/* seconds until the next */
#define FATE_BACKOFF_MAX (4 * 3600 + 4 * 360)
void		 fate_decide(struct envelope *, enum job_result, struct slice why);
void		 fate_died(struct envelope *);	/* with its deliver */
void		 fate_unreadable(struct envelope *, int error);	/* its message, in the spool */

/* -- queue_deliver.c: channels to delivers -- */

void		 deliver_turn(void);	/* feeds them, asks for more */
void		 deliver_met(struct slice user, int fd);
void		 deliver_none(struct slice user, bool permanent, struct slice why);
void		 deliver_check_time(void);

/* -- queue_control.c, queue_show.c: the control socket -- */

struct control_request;
struct show;			/* an answer in the making */

void		 control_open(int fd);
/* Begins an answer; NULL with errno. */
struct show	*show_begin(const struct control_request *);
/* Its next piece, valid until the next call. 1: there is more; 0: that was all; -1: it breaks off. */
int		 show_more(struct show *, struct slice *);
bool		 show_failed(const struct show *);	/* its text is an error */
void		 show_free(struct show *);

#endif
