/* SPDX-License-Identifier: ISC */
#ifndef SMTPD_QUEUE_H
#define SMTPD_QUEUE_H

/*
 * The queue process inside: messages and their envelopes, from commit to the
 * last fate.
 */
#include <sys/queue.h>

#include <stdbool.h>
#include <stdint.h>

#include "lib/u64map.h"
#include "smtpd/ipc.h"
#include "smtpd/spool.h"

enum env_state {
	ENV_HELD,		/* its message is not flushed yet */
	ENV_WAITING,		/* for its next try: in the heap */
	ENV_READY,		/* for a free slot of its user's deliver */
	ENV_RUNNING		/* in a deliver */
};

struct user;
struct message;

struct envelope {
	TAILQ_ENTRY(envelope) entry;	/* of the user's ready or running list */
	struct message	*msg;
	struct user	*user;
	uint64_t	 evpid;
	uint32_t	 index;		/* in the message */
	uint32_t	 attempts;
	int64_t		 next;		/* wall seconds */
	int64_t		 ttl;		/* seconds */
	uint64_t	 started;	/* monotonic ns, while running */
	size_t		 heap;		/* place in the heap, from 1 */
	enum env_state	 state;
	uint8_t		 deaths;	/* of delivers that held it */
	char		*action, *rcpt, *dest;
};
TAILQ_HEAD(envelopes, envelope);

struct message {
	uint64_t	 recno;		/* in the spool */
	uint32_t	 msgid;
	uint64_t	 session;
	int64_t		 arrival;	/* wall seconds */
	uint64_t	 size;
	uint64_t	 big;		/* a big file, or 0 */
	char		*sender, *helo, *src;
	char		*content;	/* kept until the first tries are over, or NULL */
	uint32_t	 n, left;	/* envelopes, and those without a fate */
	struct envelope	**env;		/* NULL where it has one */
};

/* A user that has mail: its deliver, and what waits for it. */
struct user {
	TAILQ_ENTRY(user) entry;
	char		*name;
	struct ipc	*deliver;	/* NULL: none */
	bool		 asked;		/* the parent was asked for one, */
	uint64_t	 asked_at;	/* monotonic ns: then */
	uint64_t	 heard;		/* monotonic ns: its last answer */
	bool		 alone;		/* a job that was in two deaths runs by itself */
	uint32_t	 failures;	/* delivers that did nothing, in a row */
	uint64_t	 not_before;	/* monotonic ns: ask again */
	struct envelopes fresh, old, running;
	uint32_t	 nrunning, nold;	/* in the deliver; of them old mail */
	uint64_t	 window;	/* bytes that it takes by IPC_JOB_CONTENT */
	struct envelope	*stream;	/* large message being sent, */
	uint64_t	 stream_off;	/* up to here */
};

/* queue.c */
extern struct spool	*queue_spool;
extern struct ipc	*queue_smtp, *queue_lookup;
extern bool		 queue_stopping;
int64_t		 queue_now(void);	/* wall seconds */

/* queue_envelope.c: an envelope as the text of a spool record. */

/* malloc'd; NULL with ENOMEM. */
char		*envelope_encode(const struct message *, size_t *n);
/* The message with its envelopes, not yet enlisted; NULL: malformed, or ENOMEM. */
struct message	*envelope_decode(struct slice text);

/* queue_message.c: messages and envelopes in memory. */
struct message	*message_new(uint32_t msgid);
struct envelope	*message_add(struct message *, uint64_t evpid);
void		 message_free(struct message *);
void		 envelope_free(struct envelope *);
struct message	*message_find(uint32_t msgid);
int		 message_enlist(struct message *);	/* known by its msgid from now on */
void		 message_drop_content(struct message *);
bool		 message_keep_content(struct message *, struct slice);
/* Visits all: start with *pos 0. */
struct message	*message_next(size_t *pos);
size_t		 message_count(void);

/* queue_commit.c */
void		 commit_lease(void);
void		 commit_envelope(const struct ipc_envelope *);
void		 commit_content(uint32_t msgid, struct slice);
void		 commit_begin(const struct ipc_commit *);
void		 commit_discard(uint32_t msgid);
void		 commit_flush(void);		/* end of the turn */
void		 commit_smtp_met(void);
void		 commit_smtp_lost(void);
void		 commit_lookup_lost(void);
void		 commit_check_time(void);
size_t		 commit_pending(void);

/* queue_sched.c */
void		 sched_init(void);
void		 sched_envelope(struct envelope *);	/* it has a next try */
void		 sched_done(struct envelope *, enum job_result, struct slice why);
void		 sched_died(struct envelope *);
/* Its content could not be read: error is why. */
void		 sched_unreadable(struct envelope *, int error);
/* Seconds until try number attempts + 1. */
int64_t		 sched_backoff(uint32_t attempts);
size_t		 sched_waiting(void);

/* queue_deliver.c */
struct user	*user_get(const char *name);
void		 deliver_ready(struct envelope *);
/* Gives every user's deliver what it may take now; asks the parent for one where there is none. */
void		 deliver_feed_all(void);
void		 deliver_met(struct slice user, int fd);
void		 deliver_none(struct slice user, bool permanent, struct slice why);
void		 deliver_check_time(void);
size_t		 deliver_running(void);

/* queue_control.c */
void		 control_open(int fd);

#endif
