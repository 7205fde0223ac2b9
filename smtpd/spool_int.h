/* SPDX-License-Identifier: ISC */
#ifndef SMTPD_SPOOL_INT_H
#define SMTPD_SPOOL_INT_H

/*
 * Inside the spool: what its files share.  The layout on disk, numbers in host order:
 *
 *	segment		a block with struct spool_seghead, then batches
 *	batch		at a multiple of SPOOL_BLOCK: struct spool_bathead, records, padding
 *	record		struct spool_rechead, data, 64-bit hash of head and data
 *
 * Hashes are SipHash-2-4 under the segment's random key, which no message body can know,
 * and cover the life and the place of what they guard.
 */
#include <sys/queue.h>

#include <stdbool.h>
#include <stdint.h>

#include "lib/u64map.h"
#include "smtpd/spool.h"

#define SPOOL_BLOCK	4096
#define SPOOL_MAGIC	0x326c6f6f70736e70ULL	/* "pnspool2" */
#define SPOOL_RESERVE	3	/* free segments below which no new mail is taken */
#define SPOOL_SLOTS	10000	/* segments that can have a name */
#define SPOOL_PIECE	(1024 * 1024)	/* background work at once */

struct spool_key {
	uint64_t	 k0, k1;
};

struct spool_seghead {
	uint64_t	 magic, size, life;
	struct spool_key key;
	uint64_t	 hash;
};

struct spool_bathead {
	uint64_t	 magic, life, number;
	uint64_t	 tail;		/* oldest life that counts */
	uint64_t	 durable;	/* batches up to here are on the disk, or void */
	uint64_t	 length;	/* of head and records, without padding */
	uint64_t	 nrecords;
	uint64_t	 hash;
};

enum spool_type { SPOOL_MESSAGE = 1, SPOOL_FATE, SPOOL_VOID };

struct spool_rechead {
	uint32_t	 type;
	uint32_t	 nrcpt;		/* MESSAGE; FATE: which recipient */
	uint64_t	 recno;		/* MESSAGE, FATE; VOID: number of the first batch */
	uint64_t	 length;	/* of data */
	uint32_t	 envelope;	/* bytes of envelope in data */
	uint32_t	 states;	/* MESSAGE: 1 if data begins with the states */
	uint64_t	 size;		/* bytes of content; VOID: number of the last batch */
	uint64_t	 big;		/* content is big/ID */
	uint64_t	 hash;		/* of this head and where it stands */
};

struct spool_disk_rcpt {		/* a state on disk */
	uint32_t	 state, attempts;
	int64_t		 next;
};

enum seg_state {
	SEG_RAW,		/* being written full of zeros */
	SEG_FREE,
	SEG_LIVE,		/* holds records; the newest is written to */
	SEG_BAD			/* a flush failed: no more records, survivors move */
};

struct live_message {
	LIST_ENTRY(live_message) entry;	/* of its segment */
	struct segment	*seg;
	uint64_t	 recno, big;
	uint64_t	 offset;	/* of its record in the segment */
	size_t		 length;	/* of the record's data */
	size_t		 size;
	uint32_t	 envelope, states;	/* bytes of envelope; 1 if states stand in front */
	uint32_t	 nrcpt, waiting;
	bool		 untold;	/* found at start, and not told yet */
	struct spool_rcpt rcpt[];
};

struct segment {
	TAILQ_ENTRY(segment) entry;
	enum seg_state	 state;
	unsigned	 slot;		/* names its file */
	int		 fd;
	uint64_t	 life;
	struct spool_key key;
	size_t		 used;		/* bytes given out */
	size_t		 zeroed;	/* SEG_RAW: bytes written so far */
	size_t		 live;		/* bytes of records of live messages */
	unsigned	 tries;		/* to copy what cannot be read */
	int64_t		 copy_at;	/* none before */
	bool		 headed;	/* its head was written in this life */
	bool		 good;		/* and a batch of it is durable */
	bool		 unsynced;	/* and a batch of it may not be */
	LIST_HEAD(, live_message) messages;
};
TAILQ_HEAD(segments, segment);

/* A batch that is being collected; several if one did not fit its segment. */
struct batch {
	STAILQ_ENTRY(batch) entry;
	struct segment	*seg;
	size_t		 offset;
	uint64_t	 number;
	uint64_t	 nrecords;
	char		*buf;		/* the segment's head, if it has none yet; the batch's */
	size_t		 front;		/* bytes of the former */
	size_t		 n, size;	/* bytes of the batch; of buf */
};

struct use {			/* of the segments that are not free: bytes */
	size_t		 live, used;
};

struct move {			/* a copy that counts once it is flushed */
	uint64_t	 recno;
	struct segment	*seg;
	uint64_t	 offset;
	size_t		 length;
};

struct voids {			/* batches from the first to the last */
	uint64_t	 first, last;
};

struct fate {			/* set since the last flush that succeeded */
	uint64_t	 recno;
	uint32_t	 rcpt;
	struct spool_rcpt state;
};

struct spool {
	struct spool_options opt;
	int		 dirfd, bigfd, corruptfd;
	struct segments	 segs;		/* by life, oldest first; then those without */
	unsigned	 nsegs;
	struct segment	*current;
	struct u64map	 index;		/* recno to message */
	size_t		 nuntold;	/* of them; not tried again before tell_at */
	int64_t		 tell_at;
	uint64_t	 life, batch, recno;	/* the last ones used */
	uint64_t	 durable;	/* to be named by the next batch, */
	uint64_t	 tail;		/* as is this life */
	uint64_t	 written_tail;	/* named by the last batch */
	uint64_t	 flushed_tail;	/* named by a batch that is durable */
	uint64_t	 settled;	/* no batch up to here is to be voided */
	int64_t		 prepare_at;	/* no try before; 0: the last one was good */
	STAILQ_HEAD(, batch) batches;
	bool		 new_messages, new_marks;
	bool		 voiding;	/* a flush that follows one that failed */
	bool		 poisoned;	/* what is collected must not be written */
	uint64_t	*added;		/* recnos of the unflushed messages */
	size_t		 nadded, added_size;
	struct move	*moves;
	size_t		 nmoves, moves_size;
	struct fate	*fates;
	size_t		 nfates, fates_size;
	size_t		 nwritten;	/* of them, in the log and not yet durable */
	struct voids	*voids;		/* batches to be voided by the next flush */
	size_t		 nvoids, voids_size;
	uint64_t	*unlinks;	/* big files whose message's fate is flushed next */
	size_t		 nunlinks, unlinks_size;
	struct u64map	 bigs;		/* open big files: id to descriptor + 1 */
	char		*scratch;
	size_t		 scratch_size;
	struct spool_stat stat;
};

/* spool_hash.c */
uint64_t	 spool_hash(const struct spool_key *, uint64_t life, uint64_t place,
		    const void *, size_t, const void *, size_t);

/* spool.c */
void		 spool_note(struct spool *, const char *fmt, ...)
		    __attribute__((format(printf, 2, 3)));
int		 spool_sync(struct spool *, int fd);
ssize_t		 spool_pwrite(struct spool *, int fd, const void *, size_t, off_t);
int64_t		 spool_now(const struct spool *);
/* Grows *array to hold one more of `each` bytes; -1 with ENOMEM. */
int		 spool_grow(void *array, size_t n, size_t *size, size_t each);
char		*spool_scratch(struct spool *, size_t);

/* spool_segment.c */
#define SEGMENT_NAME	32
void		 segment_name(unsigned slot, char name[SEGMENT_NAME]);
bool		 segment_is(const char *name, unsigned *slot);	/* only the very name is one */
struct segment	*segment_new(struct spool *, unsigned slot);
unsigned	 segment_slot(const struct spool *);	/* one that is not taken */
/*
 * A piece of the segment that is being prepared; if there is none and `grow`,
 * of a new one.  1: done; 0: nothing to do; -1: no room, or no try yet.
 */
int		 segment_prepare(struct spool *, bool grow);
bool		 segment_can_grow(const struct spool *);	/* as far as is known */
struct segment	*segment_take(struct spool *);		/* a free one begins a life */
unsigned	 segment_count(const struct spool *, enum seg_state);
void		 segment_release(struct spool *);	/* those behind the flushed tail are free */
uint64_t	 segment_tail(const struct spool *);
void		 segment_failed(struct spool *, struct segment *);
void		 segment_close_all(struct spool *);
void		 segment_head(const struct spool *, const struct segment *, char block[SPOOL_BLOCK]);
void		 segment_order(struct spool *, struct segment *);
void		 segment_read_ahead(const struct segment *);	/* what follows it */

/* spool_batch.c */
int		 batch_record(struct spool *, struct spool_rechead *,
		    const struct slice *parts, size_t nparts, struct segment **, uint64_t *offset);
int		 batch_fate(struct spool *, const struct fate *);
int		 batch_without_records(struct spool *);
size_t		 batch_room(const struct spool *);	/* bytes left in the current segment */
size_t		 batch_fate_room(const struct spool *);	/* so many fates fit */
/* Writes all; with sync each is durable before the next, and all that was written before. */
int		 batch_write(struct spool *, bool sync);
/* Their segments take no more records; those that hold nothing else are free again. */
void		 batch_failed(struct spool *);
/* What was written since is not to be believed, but for its fates, which are true. */
void		 batch_void(struct spool *);
/* Adds a range to those to be voided, behind the others; -1 with ENOMEM. */
int		 batch_void_range(struct spool *, uint64_t first, uint64_t last);
void		 batch_forget(struct spool *);
size_t		 spool_record_size(size_t length);

/* spool_index.c */
struct live_message	*index_add(struct spool *, const struct spool_rechead *, struct segment *, uint64_t offset,
		    const struct spool_disk_rcpt *states);
void		 index_remove(struct spool *, struct live_message *);
void		 index_move(struct spool *, struct live_message *, struct segment *, uint64_t offset, size_t length);
struct live_message	*index_find(const struct spool *, uint64_t recno);
void		 index_tell(struct spool *);	/* at start: all that can be read */
/* Tells a message that could not be read then; 1: there may be another. */
int		 index_tell_late(struct spool *);

/* spool_scan.c */
int		 scan_all(struct spool *);
int		 scan_read_record(struct spool *, const struct live_message *, char **data);

/* spool_corrupt.c */
/* Keeps n damaged bytes at p, from this offset of the segment. */
void		 corrupt_keep(struct spool *, const struct segment *, size_t offset,
		    const char *p, size_t n, const char *what);
/* Of a damaged head: the whole file, and the segment is gone.  -1 with errno. */
int		 corrupt_segment(struct spool *, struct segment *);

/* spool_copy.c */
struct use	 copy_use(const struct spool *);
bool		 copy_gains(const struct spool *);	/* a segment would be free after it */
int		 copy_oldest(struct spool *);	/* 1: did something */

/* spool_big.c */
int		 big_open_dirs(struct spool *);
void		 big_unlink_flushed(struct spool *);
void		 big_clean(struct spool *);
void		 big_keep(struct spool *, uint64_t id);	/* moves it to corrupt/ */
ssize_t		 big_read(struct spool *, uint64_t id, size_t offset, void *, size_t);

#endif
