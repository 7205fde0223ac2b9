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

#define ENVELOPE_MAX	1024		/* bytes of an envelope's texts, */
#define ORCPT_MAX	512		/* and of its original recipient */
#define LOGIN_MAX	255		/* bytes of a user's name, as the parent takes it */
#define DOMAIN_MAX	255		/* of a domain's */
/*
 * Bytes of memory that an envelope takes, with all that goes with it: its part
 * of the message, its places in heap, maps and the spool's index; without the
 * content.  With addresses of 43 bytes it is 800 alone in its message and 350
 * among many; a longer address adds what it is longer.  To that comes the
 * route, 400 bytes: of a user for good, of a destination as long as mail goes
 * there.
 */
#define ENVELOPE_COST	1024

struct route;
struct message;

enum env_state {
	ENV_HELD,		/* its message is not flushed yet */
	ENV_WAITING,		/* for its next try: in the heap */
	ENV_READY,		/* for a slot of its route */
	ENV_RUNNING,		/* in a deliver or relay */
	ENV_PAUSED,		/* by the administrator: in no list */
	ENV_BOUNCING		/* given up, its sender is being told: in no list */
};

struct envelope {
	TAILQ_ENTRY(envelope) entry;	/* of a list of its route */
	struct message	*msg;
	struct route	*route;
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
	uint8_t		 fate;		/* ENV_BOUNCING: enum spool_state of its mark */
	uint8_t		 deaths;	/* of processes that held it */
	uint8_t		 warned;	/* queue_bounce.c: warnings of delay so far */
	uint8_t		 notify;	/* enum dsn_notify */
	bool		 old;		/* runs in a slot for old mail */
	bool		 touched;	/* its first try was made */
	bool		 paused;	/* no other try until it is resumed */
	bool		 removed;	/* by the administrator, while it runs or bounces: no other try */
	struct slice	 action, rcpt, dest, orcpt;
	char		 text[];	/* they point here; action maybe to the route's */
};
TAILQ_HEAD(envelopes, envelope);

struct message {
	uint64_t	 recno;		/* in the spool */
	uint32_t	 msgid;
	uint8_t		 body, ret;	/* enum body, enum dsn_ret */
	uint64_t	 session;
	int64_t		 arrival;	/* wall seconds, */
	uint32_t	 usec;		/* and microseconds, if it came in this life of the queue */
	uint64_t	 size;
	struct slice	 sender, helo, src, envid;
	char		*text;		/* they point here */
	char		*content;	/* of size bytes; NULL: read it from the spool */
	uint32_t	 n, nalloc;	/* envelopes that it came with */
	uint32_t	 left;		/* without a fate */
	uint32_t	 untouched;	/* without a first try */
	struct envelope	**env;		/* NULL where it has a fate */
};

/* In which ring of queue_route.c a route is. */
enum ring {
	RING_NONE,
	RING_FEED, RING_WANT_FRESH, RING_WANT_OLD, RING_IDLE,	/* users */
	RING_RELAY_FRESH, RING_RELAY_OLD, RING_OVER,		/* destinations */
	RING_MAX
};

/*
 * Where mail goes: a user, through a deliver process of his, or a destination,
 * through relay.  Relay's are told apart by the action too: its settings differ.
 */
struct route {
	RB_ENTRY(route)	 tree;
	TAILQ_ENTRY(route) entry;	/* of the ring */
	enum ring	 ring;
	enum route_kind	 kind;
	uint32_t	 envelopes;	/* that name this route, and who else needs it */
	uint32_t	 nready, nrunning, nold;	/* in the lists; running, of them old mail */
	struct envelopes fresh, old, lone, running;
	bool		 alone;		/* a job that was in two deaths runs by itself */
	uint32_t	 failures;	/* delivers that did nothing, tries that reached nobody, in a row */
	uint64_t	 not_before;	/* monotonic ns: ask for another deliver; it is held until */
	/* a user's */
	TAILQ_ENTRY(route) held;	/* of those that have a deliver */
	bool		 holds;
	bool		 counted;	/* among the delivers */
	struct ipc	*deliver;	/* NULL: none */
	bool		 asked;		/* the parent was asked for one, */
	uint64_t	 asked_at;	/* monotonic ns: then */
	bool		 choked;	/* it does not read what it was sent */
	bool		 leaving;	/* its place is for another user: gets no more */
	uint64_t	 met;		/* monotonic ns: it has this deliver since, */
	uint64_t	 heard;		/* and had its last answer then */
	uint64_t	 window;	/* bytes that it takes by IPC_JOB_CONTENT */
	struct envelope	*stream;	/* large message being sent, */
	uint64_t	 stream_off;	/* up to here */
	/* a destination's */
	RB_ENTRY(route)	 hold;		/* of those that are held and have mail that is ready */
	bool		 waits;		/* it is there */
	uint32_t	 njobs, width;	/* in relay; and so many may be */
	uint64_t	 failed_at;	/* monotonic ns */
	char		*why;		/* it failed the last time; NULL: it did not */
	struct slice	 action, name;	/* login; domain, empty where the action has a host */
	char		 text[];
};

/* What a try came to. */
struct outcome {
	enum job_result	 result;
	uint8_t		 flags;		/* enum relayed */
	struct slice	 host, dest;	/* the remote's name and "addr:port"; empty: none was met */
	struct slice	 reply;		/* its words, or ours where it said none */
};

/* Since the start of the process, for smtpctl. */
extern struct queue_counters {
	uint64_t	 accepted;			/* messages */
	uint64_t	 delivered, deferred, failed, expired, removed;	/* envelopes */
	uint64_t	 bytes;				/* delivered, of content */
	uint64_t	 died;				/* delivers and relays that held jobs */
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
/* One that is leased to nobody, that no message has; 0: not now. */
uint32_t	 lease_own(void);
/* Uses the msgid up. -1: it was not leased, or is used up. */
int		 lease_take(uint32_t msgid);
void		 lease_revoke_all(void);

/* -- queue_commit.c -- */

void		 commit_lease(void);
void		 commit_envelope(const struct ipc_envelope *);
void		 commit_content(uint32_t msgid, struct slice);
void		 commit_begin(const struct ipc_commit *);
void		 commit_discard(uint32_t msgid);
/* Begins a transaction of queue_bounce.c's: its msgid, or 0: not now.  makes_room as in spool.h. */
uint32_t	 commit_own(bool makes_room);
/* One flush for all that wait, all answers, and only then delivery. -1: it failed. */
int		 commit_flush(bool fates_too);
void		 commit_check_time(void);
void		 commit_tell_space(void);
void		 commit_smtp_met(void);
void		 commit_smtp_lost(void);
void		 commit_lookup_lost(void);
bool		 commit_pending(void);
bool		 commit_is_open(uint32_t msgid);	/* a transaction has it, */
bool		 commit_is_own(uint32_t msgid);		/* one of commit_own() */

/* -- queue_content.c: a message's content, out of memory or the spool -- */

#define CONTENT_PIECE	SPOOL_SMALL	/* most at once */
/* n bytes at offset, valid until the next call.  -1 with errno. */
int		 content_read(const struct message *, uint64_t offset, size_t n, struct slice *);
/* Does a large message end where it should?  -1 with errno. */
int		 content_check_end(const struct message *);

/* -- queue_route.c: routes, and whose turn it is -- */

#define SLOTS		64	/* jobs in a deliver: two of its batches */
#define DELIVERS	64	/* processes at once */
#define RELAY_SLOTS	4096	/* envelopes in relay, at most half of them old mail */
#define RELAY_FIRST	2	/* jobs of a destination at once, in the beginning: */
#define RELAY_WIDEST	128	/* one more with each that was answered, up to so many */

/* Made where missing; NULL with errno.  A user has no action. */
struct route	*route_get(enum route_kind, struct slice action, struct slice name);
struct route	*route_find(enum route_kind, struct slice action, struct slice name);
struct route	*route_next(struct route *);	/* NULL: the first */
struct route	*route_after(enum route_kind, struct slice action, struct slice name);
/* Something about the route has changed: into the ring where it belongs, or away. */
void		 route_place(struct route *);
/* As long as it is kept a destination is there. */
void		 route_keep(struct route *);
void		 route_release(struct route *);
/* Nothing is tried before; 0: it may be now. */
void		 route_hold(struct route *, uint64_t until);
struct slice	 route_host(const struct route *);	/* the domain, or host of the action */
bool		 route_is_held(const struct route *);
void		 route_wake(void);		/* whose hold is over */
extern bool	 route_paused[2];		/* by kind: no new jobs */
/* The next user that takes a job, in turn; NULL: none. */
struct route	*route_feed_next(void);
/* The next user that needs a deliver and may have one; NULL: none. */
struct route	*route_want_next(void);
/* A user whose deliver should make room for another's, if that is needed. */
struct route	*route_leave_next(void);
/* The next destination that takes a job, in turn; NULL: none. */
struct route	*route_relay_next(void);
/* One that is held and has more mail that is ready than may wait there; NULL: none. */
struct route	*route_over_next(void);
/* When a route that has to wait may go on; 0: none waits. */
uint64_t	 route_due(void);
struct route_count {
	size_t		 users, destinations, delivers, held;
} route_count(void);

/* -- queue_sched.c: which envelope is next -- */

/* Into the heap or the route's list, as its due says. */
void		 sched_add(struct envelope *);
void		 sched_wake(void);		/* who is due becomes ready */
uint64_t	 sched_due(void);		/* when the next is; 0: none waits */
/* The route's next envelope, running from now on. */
struct envelope	*sched_take(struct route *);
/* A ready one of the same message that comes next, still ready; NULL: none. */
struct envelope	*sched_like(const struct envelope *);
void		 sched_run(struct envelope *);	/* a ready one */
void		 sched_stopped(struct envelope *);	/* running no more, in no list */
/* Takes one ready envelope of the route, the last, out of its lists; NULL: none. */
struct envelope	*sched_unready(struct route *);
/* Takes one that waits or is ready out of heap or list. */
void		 sched_out(struct envelope *);
/* Calls fn for each ready envelope of the route; it may take that one out and end it. */
void		 sched_each_ready(struct route *, void (*fn)(struct envelope *, const struct outcome *),
    const struct outcome *);
struct sched_count {
	size_t		 waiting, ready, running;
	size_t		 relayed, relayed_old;	/* of those that run: in relay */
} sched_count(void);

/* -- queue_fate.c: what becomes of a try -- */

int64_t		 fate_backoff(uint32_t attempts);	/* seconds until the next */
#define FATE_BACKOFF_MAX (4 * 3600 + 4 * 360)
void		 fate_decide(struct envelope *, const struct outcome *);
void		 fate_died(struct envelope *, const char *process);	/* with that */
void		 fate_unreadable(struct envelope *, int error);	/* its message, in the spool */
/* Its destination has failed, and it was not tried: it waits, or its time is over. */
void		 fate_waits(struct envelope *, const struct outcome *);
/* The same, where enough wait: as if it had been tried. */
void		 fate_beyond(struct envelope *);
void		 fate_removed(struct envelope *);	/* by the administrator; in no list */
/* ENV_BOUNCING: its sender was told, or need not be.  It is gone then. */
void		 fate_bounced(struct envelope *);

/* -- queue_relay.c: the channel to relay -- */

void		 queue_relay_turn(void);	/* gives it jobs */
void		 queue_relay_met(struct ipc *);	/* NULL: it is gone */
void		 queue_relay_drain(void);
void		 queue_relay_heard(struct ipc *, struct ipc_msg *);
void		 queue_relay_check_time(void);
bool		 queue_relay_is(const struct ipc *);
size_t		 queue_relay_jobs(void);

/* -- queue_stats.c: counters and gauges for `report stats` -- */

void		 queue_stats_init(void);	/* after report_remote_init() */

/* -- queue_admin.c: what smtpctl changes -- */

enum admin { ADMIN_SCHEDULE, ADMIN_REMOVE, ADMIN_PAUSE, ADMIN_RESUME };
struct admin_count {
	size_t		 done, busy;	/* busy: running now, it is for later */
};
/* id: of a message or an envelope; 0: all.  -1 with errno (ENOENT: no such). */
int		 admin_envelopes(enum admin, uint64_t id, struct admin_count *);
void		 admin_pause(enum route_kind, bool);

/* -- queue_deliver.c: channels to delivers -- */

void		 deliver_turn(void);	/* feeds them, asks for more */
void		 deliver_met(struct slice user, int fd);
void		 deliver_none(struct slice user, bool permanent, struct slice why);
void		 deliver_check_time(void);

/* -- queue_update.c: a table's file is to be read again -- */

typedef void	(*update_cb)(void *arg, bool done, struct slice text);

/* Asks lookup, and tells cb what it says, not before this returns.  NULL with errno; EAGAIN: it is not there. */
struct update	*update_begin(struct slice table, update_cb, void *arg);
void		 update_forget(struct update *);	/* while cb was not told */
void		 update_answered(struct ipc *, struct ipc_msg *);
void		 update_lookup_lost(void);

/* -- queue_control.c, queue_show.c: the control socket -- */

struct control_request;
struct show;			/* an answer in the making */

void		 control_open(int fd);
/* Begins an answer; ready is called later if it waits for another process.  NULL with errno. */
struct show	*show_begin(const struct control_request *, void (*ready)(void *), void *arg);
bool		 show_waits(const struct show *);
/* It waited long enough: its text says so. */
void		 show_give_up(struct show *);
/* Its next piece, valid until the next call. 1: there is more; 0: that was all; -1: it breaks off. */
int		 show_more(struct show *, struct slice *);
bool		 show_failed(const struct show *);	/* its text is an error */
void		 show_free(struct show *);

#endif
