/* SPDX-License-Identifier: ISC */
#ifndef LIB_REPORT_H
#define LIB_REPORT_H

/*
 * The report language: events, fields, dialects (smtpd-report(7)).  The table
 * is in report_table.c, a line becomes a record in report_parse.c, values
 * become a line in report_write.c.
 */
#include <sys/types.h>

#include <stdbool.h>
#include <stdint.h>

#include "lib/slice.h"

enum dialect {			/* in order of age; versions are names, never numbers */
	DIALECT_DAY1,		/* 2018-11-01: report|in-smtp-EVENT|... */
	DIALECT_UNVERSIONED,	/* 2018-11-02: report|smtp-in|EVENT|... */
	DIALECT_1,
	DIALECT_0,
	DIALECT_0_1,
	DIALECT_0_2,
	DIALECT_0_3,
	DIALECT_0_4,
	DIALECT_0_5,
	DIALECT_0_6,
	DIALECT_0_7,
	DIALECT_UNKNOWN,	/* read as the newest */
	DIALECT_MAX
};

enum subsystem { SUBSYSTEM_SMTP_IN, SUBSYSTEM_SMTP_OUT, SUBSYSTEM_QUEUE, SUBSYSTEM_STATS, SUBSYSTEM_MAX };

enum event_id {
	EV_LINK_CONNECT,
	EV_LINK_GREETING,
	EV_LINK_IDENTIFY,
	EV_LINK_TLS,
	EV_LINK_AUTH,
	EV_LINK_RESET,
	EV_LINK_DISCONNECT,
	EV_TX_BEGIN,
	EV_TX_MAIL,
	EV_TX_RCPT,
	EV_TX_ENVELOPE,
	EV_TX_DATA,
	EV_TX_RESET,
	EV_TX_COMMIT,
	EV_TX_ROLLBACK,
	EV_PROTOCOL_CLIENT,
	EV_PROTOCOL_SERVER,
	EV_FILTER_RESPONSE,
	EV_FILTER_REPORT,
	EV_TIMED_OUT,		/* libevent has an EV_TIMEOUT, and a struct event */
	EV_REPORT_GAP,
	EV_LINK_FAILED,		/* a connection that never came up */
	EV_ENVELOPE_DELIVERED,	/* queue: what became of an envelope */
	EV_ENVELOPE_DEFERRED,
	EV_ENVELOPE_FAILED,
	EV_ENVELOPE_EXPIRED,
	EV_ENVELOPE_REMOVED,
	EV_MESSAGE_BOUNCE,	/* queue: a notification about a message was queued */
	EV_COUNTER,		/* stats: since the start of the process */
	EV_GAUGE,		/* stats: now */
	EV_TX_SUMMARY,		/* derived: what txjoin(1) writes */
	EV_LINK_SUMMARY,
	EV_MSG_SUMMARY,
	EV_REPLAY_DIFF,		/* derived: what rptreplay(1) writes */
	EV_MAX,
	EV_UNKNOWN = EV_MAX
};

enum field {
	RF_VERSION, RF_TIME, RF_SUBSYSTEM, RF_EVENT, RF_SESSION,	/* the prefix */
	RF_RDNS, RF_FCRDNS, RF_SRC, RF_DEST,
	RF_HOSTNAME,
	RF_METHOD, RF_IDENTITY,
	RF_TLS,
	RF_USERNAME, RF_RESULT,
	RF_MSGID, RF_EVPID, RF_SIZE, RF_ADDRESS,
	RF_COMMAND, RF_REPLY,
	RF_PHASE, RF_DECISION, RF_PARAM,
	RF_KIND, RF_FILTER, RF_MESSAGE,
	RF_COUNT, RF_FIRST, RF_LAST,
	RF_STATUS, RF_BEGIN, RF_DURATION,
	RF_SENDER, RF_RECIPIENT, RF_RCPT_RESULT, RF_SIZE_RAW, RF_MARK,
	RF_LOGINS_FAILED, RF_COMMANDS, RF_ERRORS,
	RF_TRANSACTIONS, RF_COMMITS, RF_BYTES,
	RF_FATE, RF_DELAY, RF_ATTEMPTS,
	RF_REASON, RF_TRANSPORT, RF_NEXT, RF_BOUNCE,
	RF_NAME, RF_VALUE,
	RF_EXPECTED,
	RF_MAX
};

enum field_type {
	RT_TOKEN,		/* a word that never holds '|' */
	RT_HEX64, RT_HEX32,	/* 16 or 8 lower-case hex digits */
	RT_NUMBER,		/* decimal */
	RT_TIME,		/* seconds since the epoch, perhaps with a fraction */
	RT_SECONDS,		/* a length of time, written as times are */
	RT_ADDRESS,		/* host:port, written per dialect (lib/addr.h) */
	RT_TLS,			/* version, cipher, bits, written per dialect */
	/* The last text of an event may hold '|': those before it have it escaped. */
	RT_MAIL,		/* mail address; in brackets in dialect 1 */
	RT_TEXT
};

/* One session, transaction or filter result in the words of the field. */
enum result { RESULT_OK, RESULT_TEMPFAIL, RESULT_PERMFAIL, RESULT_MAX };
extern const char *const result_names[RESULT_MAX];

enum fcrdns { FCRDNS_PASS, FCRDNS_FAIL, FCRDNS_ERROR, FCRDNS_MAX };
extern const char *const fcrdns_names[FCRDNS_MAX];

enum method { METHOD_HELO, METHOD_EHLO, METHOD_LHLO, METHOD_MAX };
extern const char *const method_names[METHOD_MAX];

extern const char *const subsystem_names[SUBSYSTEM_MAX];
extern const char *const dialect_names[DIALECT_MAX];

#define REPORT_FIELDS	24	/* most parameters of an event, and one */

struct report_field {
	const char	*name;
	enum field_type	 type;
};
struct report_event {
	const char	*name;
	uint8_t		 field[REPORT_FIELDS];	/* newest order; RF_VERSION (0) ends it */
	uint8_t		 optional;		/* how many at the end may be missing */
	bool		 derived;		/* see lib/report_list.h */
};
/*
 * Up to and including a dialect, an event has these orders instead of the
 * newest one.  They are tried from the top: the first with the right number
 * and shape of fields is meant, and the first of all is written.
 */
struct report_order {
	enum dialect	 upto;
	enum event_id	 event;
	uint8_t		 field[REPORT_FIELDS];
};
extern const struct report_field report_fields[RF_MAX];
extern const struct report_event report_events[EV_MAX];
extern const struct report_order report_orders[];	/* field[0] RF_VERSION and upto DIALECT_MAX ends it */

/* RF_MAX if there is none; aliases of smtpd-filters(7) are accepted. */
enum field	report_field_by_name(struct slice);
enum event_id	report_event_by_name(struct slice);	/* EV_UNKNOWN */
enum dialect	report_dialect_by_version(struct slice);	/* DIALECT_UNKNOWN */

/* -- reading -- */

enum report_class {
	REPORT_KNOWN,
	REPORT_FOREIGN,		/* passes through: the filter protocol's, an unknown event */
	REPORT_BLANK,		/* ignored */
	REPORT_MALFORMED	/* named, as r->error says */
};

struct report {
	struct slice	 line;		/* without its LF */
	enum dialect	 dialect;
	enum event_id	 event;		/* EV_UNKNOWN: fields beyond the prefix are not cut */
	uint64_t	 present;	/* bit 1 << RF_x: field[RF_x] is set */
	struct slice	 field[RF_MAX];	/* into the line; stale where not present */
	const char	*error;		/* why, if malformed */
	enum field	 culprit;	/* which field that is about, or RF_MAX */
};

static inline bool
report_has(const struct report *r, enum field f)
{
	return (r->present >> f & 1) != 0;
}

/* Cuts line (no LF) into *r, which points into it.  Never fails otherwise than by its class. */
enum report_class report_parse(struct report *r, struct slice line);
/*
 * Its two halves, for whoever may stop at the event: what the prefix says, and
 * if that is REPORT_KNOWN, the parameters that it left.
 */
enum report_class report_parse_prefix(struct report *r, struct slice line,
    struct slice *params);
enum report_class report_parse_params(struct report *r, struct slice params);

/* The microseconds since the epoch of a RT_TIME; -1 if it is none. */
int	report_time(struct slice, uint64_t *usec);

/* -- writing -- */

struct report_value {
	enum field	 field;
	uint64_t	 num;		/* RT_HEX64, RT_HEX32, RT_NUMBER; RT_TIME and, without text,
					 * RT_SECONDS in microseconds */
	const char	*token;		/* RT_TOKEN: a literal of ours */
	struct slice	 text;		/* RT_ADDRESS ("1.2.3.4:25", "[v6]:25", "unix:/path"), RT_TLS
					 * ("TLSv1.3:CIPHER:256"), RT_MAIL without brackets, RT_TEXT */
};

struct report_head {
	enum subsystem	 subsystem;
	uint64_t	 time;		/* microseconds since the epoch */
	uint64_t	 session;
};

/* Long enough for every line that smtpd writes (texts are cut, see report_write). */
#define REPORT_LINE_MAX	16384

/*
 * Writes one line of dialect 1 or 0.4 to 0.7, LF included, to buf and returns its length.
 * Texts are copied as they are (emitters have made them safe); what does not fit size (at
 * least 1024) is cut, the LF always stands.  v holds the event's fields in any order; one that is
 * missing and not optional is written empty.
 */
size_t	report_write(char *buf, size_t size, enum dialect, enum event_id,
	    const struct report_head *, const struct report_value *v, size_t n);

/*
 * Makes text safe for a field: control bytes (NUL, LF, DEL ...) as \ooo; `|` too if bar is
 * false.  Writes at most size bytes to buf, cutting at a whole unit; returns the slice.
 */
struct slice report_safe(char *buf, size_t size, struct slice text, bool bar);

#endif
