/* SPDX-License-Identifier: ISC */
#ifndef SMTPD_SPOOL_H
#define SMTPD_SPOOL_H

/*
 * The spool: a ring of pre-written log segments, with group commit.  It knows
 * bytes, records and the state of each recipient of a message; what an
 * envelope means is the caller's business.  It never prints and never exits;
 * what an administrator should know goes to the `note` callback.
 * Used by the queue process, and by nobody else.
 */
#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/slice.h"

#define SPOOL_SMALL	(128 * 1024)	/* content above this is a big file */
#define SPOOL_NRCPT	10000		/* most recipients of a message */

enum spool_state {		/* of one recipient */
	SPOOL_WAITING,		/* to be tried, or deferred */
	SPOOL_DONE,		/* delivered */
	SPOOL_FAILED,		/* refused for good */
	SPOOL_EXPIRED,
	SPOOL_REMOVED		/* by the administrator */
};

struct spool_rcpt {
	enum spool_state state;
	uint32_t	 attempts;
	int64_t		 next;		/* wall seconds of the next try; 0 now */
};

struct spool;

struct spool_message {		/* what recovery tells */
	uint64_t	 recno;		/* the message's name in the log */
	struct slice	 envelope;	/* text of the caller; valid in the callback only */
	size_t		 size;		/* bytes of content */
	uint32_t	 nrcpt;
	const struct spool_rcpt *rcpt;
};

struct spool_options {
	size_t		 segment_size;	/* bytes, multiple of 4096; 0: 8 MiB */
	uint32_t	 segments;	/* at start; 0: 6, at least 5 */
	uint32_t	 segments_max;	/* the ring grows up to here; 0: 4096 */
	/* An administrator's line: damage, failed flush, no room. */
	void		(*note)(void *, const char *);
	/*
	 * Once per message that still has a waiting recipient, at open; from
	 * spool_work() if it could not be read then.
	 */
	void		(*recovered)(void *, const struct spool_message *);
	/* Called in place of the system call where not NULL (tests). */
	int		(*fdatasync)(void *, int);
	ssize_t		(*pwrite)(void *, int, const void *, size_t, off_t);
	int64_t		(*now)(void *);	/* monotonic seconds */
	void		*arg;
};

struct spool_stat {
	uint64_t	 messages, bytes;	/* live */
	uint64_t	 flushes, flush_errors, damaged;
	uint32_t	 segments, segments_free;
	int		 full;			/* spool_append would say ENOSPC */
};

/*
 * Opens (makes where missing: segments, big/, corrupt/) and recovers the
 * spool in directory descriptor dirfd, which the spool then owns.  NULL with errno.
 */
struct spool *spool_open(int dirfd, const struct spool_options *);
/* Flushes and closes. */
void	 spool_close(struct spool *);

/*
 * Appends a message to the batch that the next spool_flush() makes durable.
 * Content of more than SPOOL_SMALL bytes must be a finished big file (big,
 * with content empty and size its length); else big is 0.
 * 0, or -1: ENOSPC (no segment free, and no room for one: say 452), E2BIG
 * (envelope, content and states of the recipients outgrow half a segment), EINVAL.
 */
struct spool_append {
	struct slice	 envelope;
	struct slice	 content;
	uint64_t	 big;
	size_t		 size;
	uint32_t	 nrcpt;
	bool		 makes_room;	/* with it others go: taken for longer than mail is */
};
int	 spool_append(struct spool *, const struct spool_append *, uint64_t *recno);

/*
 * A big file: begun (the id in *big), written piece by piece, ended (synced
 * with its directory) before spool_append() names it, or dropped.
 * -1 with errno (ENOSPC, EDQUOT, EIO ...): drop it and say 452 or 451.
 */
int	 spool_big_begin(struct spool *, uint64_t *big);
int	 spool_big_write(struct spool *, uint64_t big, const void *, size_t);
int	 spool_big_end(struct spool *, uint64_t big);
void	 spool_big_drop(struct spool *, uint64_t big);

/*
 * Sets the state of recipient i (0 .. nrcpt-1) of message recno, in memory at
 * once and in the log with the next flush.  When the last recipient is no
 * longer waiting the message is gone from the spool.  -1: ENOENT.
 */
int	 spool_mark(struct spool *, uint64_t recno, uint32_t i, const struct spool_rcpt *);

/* Is anything appended or marked and not yet flushed?  1: a message, 2: only marks. */
int	 spool_dirty(const struct spool *);
/*
 * At the end of a turn that has only marks: one pwrite of them, so that a kill
 * of the process forgets none; a power cut may, until the next spool_flush().
 * 1: some wait for that, as messages are appended too or no segment is free.
 * -1 with errno: all are kept, and written again with the next flush.
 */
int	 spool_write(struct spool *);
/*
 * One pwrite, one fdatasync.  0: everything appended is durable, and all marks
 * if spool_dirty() is 0: those for which no segment is free are kept.
 * -1: messages appended since the last flush are NOT in the spool (their
 * recnos are void: answer 451, or 452 on ENOSPC/EDQUOT); marks are kept and
 * written again with the next flush.
 */
int	 spool_flush(struct spool *);

/* Reads up to n bytes of content at offset; bytes read, 0 at the end, -1 with errno (EBADMSG: damaged). */
ssize_t	 spool_read(struct spool *, uint64_t recno, size_t offset, void *, size_t n);
/* The envelope as appended; *buf is malloc'd and the caller's. -1 with errno. */
ssize_t	 spool_envelope(struct spool *, uint64_t recno, char **buf);

/* A piece of background work (pre-write, copy forward); 1: more is waiting. */
int	 spool_work(struct spool *);
void	 spool_stat(const struct spool *, struct spool_stat *);
/* Every record of the log as text on fd, oldest first, for smtpctl dump. -1 with errno. */
int	 spool_dump(struct spool *, int (*out)(void *, const char *, size_t), void *);

#endif
