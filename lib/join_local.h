/* SPDX-License-Identifier: ISC */
#ifndef LIB_JOIN_LOCAL_H
#define LIB_JOIN_LOCAL_H

/*
 * What the files of the joiner share: join.c (sessions), join_tx.c
 * (transactions), join_msg.c (messages), join_queue.c (their fates),
 * join_write.c (derived lines).
 */
#include <stdbool.h>

#include "lib/join.h"
#include "lib/join_text.h"
#include "lib/u64map.h"

enum status {
	STATUS_OPEN,		/* no end was seen */
	STATUS_COMMIT,
	STATUS_ROLLBACK,
	STATUS_DISCONNECT,
	STATUS_TIMEOUT,
	STATUS_EVICTED,
	STATUS_DELIVERED,	/* of a message: all its envelopes were */
	STATUS_FAILED,		/* some were not */
	STATUS_MAX
};

enum fate {
	FATE_OPEN, FATE_DEFERRED,
	FATE_DELIVERED, FATE_FAILED, FATE_EXPIRED, FATE_REMOVED,	/* final */
	FATE_MAX
};

#define MARK_GAP	0x01
#define MARK_EVICTED	0x02
#define MARK_LATE_START	0x04
#define MARK_CORRECTED	0x08
#define MARK_BOUNCED	0x10	/* of a message: its sender was told */
#define MARK_STRAY	0x20	/* an envelope that was not accepted */
#define MARK_TWICE	0x40	/* one that had its fate already */

/* A time as the stream writes it: in whole seconds, or with six more digits. */
struct stamp {
	uint64_t	 usec;
	bool		 whole;
};

/*
 * The time of a line as it stands there: most are never asked for.  One that
 * is longer, which no daemon writes, has its fraction cut.
 */
#define TIME_LENGTH	24

struct moment {
	char		 text[TIME_LENGTH];
	uint8_t		 n;
};

/* One envelope, or one recipient that was refused. */
struct row {
	uint64_t	 evpid;
	uint64_t	 done;		/* of a message: when it had its fate */
	uint64_t	 delay;		/* as the queue says */
	uint32_t	 at, n;		/* its address among the addresses */
	uint32_t	 attempts;	/* of a message */
	uint8_t		 result;	/* RESULT_MAX: unknown */
	uint8_t		 fate;		/* of a message */
	bool		 has_evpid, has_address;
	bool		 pending;	/* its tx-rcpt has not come */
	bool		 by_queue;	/* of a message: the queue said its fate */
	bool		 has_delay;
};

/* Recipients: rows, and the text of their addresses. */
struct rows {
	struct text	 row, address;
};

/* What the last command was, as far as it matters. */
enum verb { VERB_OTHER, VERB_MAIL, VERB_RCPT, VERB_DATA, VERB_DOT };

enum tx_state {
	TX_NONE,
	TX_OPEN,
	TX_HELD			/* ended, but what comes next belongs to it */
};

struct tx {
	enum tx_state	 state;
	enum status	 status;	/* once held */
	uint32_t	 msgid;
	uint8_t		 marks;
	bool		 has_msgid, has_sender, has_size, has_raw;
	bool		 data;		/* a tx-data was seen */
	bool		 sent;		/* it was ok: the body is on the wire */
	bool		 wait_reply;	/* held until the reply */
	bool		 may_go_on;	/* held until something else begins */
	uint32_t	 gaps;		/* of the stream when it began */
	uint32_t	 accepted, committed, refused;	/* recipients, for LMTP */
	struct stamp	 begin, end;
	uint64_t	 size, raw;
	struct text	 sender;
	struct text	 decision;
	struct rows	 rows;
};

/* What lines of the conversation change stands in front, together. */
struct session {
	uint64_t	 id;
	enum subsystem	 subsystem;
	enum verb	 verb;
	struct moment	 last;
	uint8_t		 dialect;	/* of its last line */
	uint8_t		 code;		/* first digit of the last reply, or 0 */
	bool		 continues;	/* the last reply asked for more of AUTH */
	bool		 pending;	/* a command has no reply yet */
	bool		 replied;	/* a reply was seen, ever */
	bool		 has_argument;
	bool		 timed_out;
	bool		 total_known;	/* total is what the daemon's counter says */
	uint32_t	 commands, errors;
	struct text	 reply;		/* to the MAIL, and after */
	struct text	 argument;	/* path of the last MAIL or RCPT */
	struct tx	 tx;
	uint32_t	 rcpt_command;	/* the number of the command of the last tx-rcpt */
	uint32_t	 logins_failed;
	uint32_t	 transactions, commits;
	uint64_t	 bytes, total;
	uint32_t	 gaps;		/* of the stream when it began */
	uint32_t	 total_gaps;	/* when total was known */
	uint32_t	 last_msgid;	/* of the transaction before this one */
	uint8_t		 fcrdns, method;	/* _MAX: unknown */
	uint8_t		 marks;
	struct text	 rdns, src, dest, identity, tls, username;
	struct text	 decision;	/* before any transaction */
	struct stamp	 first;
	struct session	*older, *newer;
};

struct message {
	uint32_t	 msgid;
	uint8_t		 marks;
	uint32_t	 gaps;
	bool		 has_sender;
	bool		 received;	/* its commit on smtp-in was seen */
	struct message	*older, *newer;
	struct stamp	 begin;		/* received, or first seen */
	struct stamp	 last;
	uint64_t	 session;	/* of its last line, and so on */
	enum subsystem	 subsystem;
	uint8_t		 dialect;
	uint32_t	 next;		/* the row that is probably asked for */
	struct text	 sender;
	struct rows	 rows;
};

/* Which line speaks of a message, and when that begins if it is the first. */
struct origin {
	uint32_t	 msgid;
	uint32_t	 gaps;
	uint64_t	 session;
	enum subsystem	 subsystem;
	uint8_t		 dialect;
	struct stamp	 begin, end;
};

/* Envelopes that had their fate: the last of them, in a ring. */
struct closed {
	struct u64map	 map;
	uint64_t	*ring;
	size_t		 size, n, next;
};

/* Lines of one daemon's processes cross, but not further. */
#define CLOSED_MOST	4096

struct join {
	struct join_options	 options;
	struct outbuf		*out;
	struct pool		 pool;
	struct u64map		 sessions, messages;
	struct session		*oldest, *newest;
	struct session		*current;	/* of the last line, or NULL */
	char			 current_id[16];	/* as that line has it */
	struct message		*oldest_message, *newest_message;
	struct closed		 closed;
	bool			 has_queue;	/* the stream has the queue's lines */
	uint32_t		 gaps;
	size_t			 evicted, violations;
	char			 version[16];	/* the last that nobody knows */
	size_t			 version_n;
};

/* When the moment is; the epoch if it is beyond all numbers. */
struct stamp	 moment_stamp(const struct moment *);

/* -- join_tx.c: the events of a transaction, and those that end one -- */
void	tx_event(struct join *, struct session *, const struct report *);
void	tx_command(struct join *, struct session *, enum verb next);
void	tx_reply(struct join *, struct session *);
void	tx_end(struct join *, struct session *, enum status);	/* if there is one */

/* -- rows -- */
struct row	*rows_add(struct join *, struct rows *);
void		 rows_free(struct join *, struct rows *);

static inline size_t
rows_count(const struct rows *r)
{
	return r->row.n / sizeof(struct row);
}

static inline struct row *
rows_at(const struct rows *r, size_t i)
{
	return (struct row *)(void *)r->row.p + i;
}

static inline struct slice
rows_address(const struct rows *r, const struct row *row)
{
	return row->n == 0 ? (struct slice){ "", 0 } :
	    (struct slice){ r->address.p + row->at, row->n };
}

/* Which of n words a field is, NULs and all; n: none of them. */
static inline uint8_t
field_word(const struct report *r, enum field f, const char *const *words, uint8_t n)
{
	struct slice	 s = r->field[f];
	uint8_t		 w;
	size_t		 i;

	for (w = 0; report_has(r, f) && w < n; w++) {
		for (i = 0; i < s.n && words[w][i] == s.p[i] && s.p[i] != '\0'; i++)
			;
		if (i == s.n && words[w][i] == '\0')
			return w;
	}
	return n;
}

/* What the parser has accepted as digits; too many of them are cut. */
uint64_t	 field_hex(const struct report *, enum field);
uint64_t	 field_number(const struct report *, enum field);

/* -- join_msg.c -- */
void	msg_tx(struct join *, struct session *);	/* its transaction has ended */
void	msg_evict(struct join *, uint64_t before);	/* those that began then */
void	msg_end(struct join *);
void	msg_free(struct join *);
/* A new one, or NULL: there is no memory.  The second is one of the open messages. */
struct message	*msg_new(struct join *, const struct origin *);
struct message	*msg_enter(struct join *, const struct origin *);
void		 msg_touch(struct message *, const struct origin *);
void		 msg_write_free(struct join *, struct message *);	/* of msg_new */
void		 msg_close_if_done(struct join *, struct message *);
/* The row of an envelope; NULL: there is none, or no memory for it. */
struct row	*msg_find_row(struct message *, const struct row *, struct slice address);
struct row	*msg_add_row(struct join *, struct message *, const struct row *,
		    struct slice address);
void		 msg_set_address(struct join *, struct message *, struct row *,
		    struct slice address);

static inline bool
msg_has_fate(const struct row *row)
{
	return row->fate >= FATE_DELIVERED;
}

/* -- join_queue.c -- */
void	msg_queue(struct join *, const struct report *, const struct moment *);
void	closed_add(struct join *, uint64_t evpid);
bool	closed_has(const struct join *, uint64_t evpid);
void	closed_free(struct join *);

/* -- join_write.c -- */
void	write_tx(struct join *, const struct session *);
void	write_link(struct join *, const struct session *, enum status);
void	write_msg(struct join *, const struct message *, enum status);

#endif
