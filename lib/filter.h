/* SPDX-License-Identifier: ISC */
#ifndef LIB_FILTER_H
#define LIB_FILTER_H

/*
 * The language of filters (smtpd-filters(7)): phases, decisions, and the lines
 * that a server and a filter exchange, in every dialect.  Requests and the
 * handshake are written in filter_write.c, what a filter says is read in
 * filter_parse.c, the words are in filter_table.c.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/report.h"

enum phase {
	PHASE_CONNECT, PHASE_HELO, PHASE_EHLO, PHASE_STARTTLS, PHASE_AUTH,
	PHASE_MAIL_FROM, PHASE_RCPT_TO, PHASE_DATA, PHASE_DATA_LINE,
	PHASE_COMMIT, PHASE_RSET, PHASE_QUIT, PHASE_NOOP, PHASE_HELP,
	PHASE_MAX
};

struct filter_phase {
	const char	*name;		/* "connect" */
	const char	*reported;	/* in filter-response: "connected", "tls"; else the same */
};
extern const struct filter_phase filter_phases[PHASE_MAX];

enum decision {
	DECISION_PROCEED, DECISION_REJECT, DECISION_DISCONNECT, DECISION_REWRITE,
	DECISION_JUNK, DECISION_REPORT,
	DECISION_BYPASS,	/* of rules only: the phase ends with proceed */
	DECISION_MAX
};
extern const char *const decision_names[DECISION_MAX];

/* PHASE_MAX, DECISION_MAX if there is none of that name; "connected" is connect. */
enum phase	filter_phase_by_name(struct slice);
enum decision	filter_decision_by_name(struct slice);

/* Dialect 1 is the form of 2018-12-06: no handshake, no token.  0.4 to 0.7 have both. */
bool	filter_has_handshake(enum dialect);
bool	filter_has_token(enum dialect);

/* -- to the filter -- */

#define FILTER_HEAD_MAX	256	/* bytes of a request before its parameter, rdns not counted */

struct filter_request {
	enum dialect	 dialect;
	uint64_t	 time;		/* microseconds since the epoch */
	enum phase	 phase;
	uint64_t	 session, token;
	struct slice	 rdns;		/* connect; in dialect 1 helo and ehlo too; "<unknown>" */
	/*
	 * connect: the address without port, "192.0.2.1", "[2001:db8::1]", "local"
	 * (dialect 1: "IPv6:..."); mail-from and rcpt-to: without brackets and
	 * options (dialect 1: the argument as it came, behind its colon).
	 */
	struct slice	 param;
};

/*
 * Writes the line, LF included, and returns its length; size is at least FILTER_HEAD_MAX + rdns.n +
 * param.n + 1.  The parameter stands as it is: it holds no LF.
 */
size_t	filter_request_write(char *buf, size_t size, const struct filter_request *);

struct filter_config {
	const char	*version;	/* smtpd-version */
	unsigned	 timeout;	/* smtp-session-timeout, seconds */
	bool		 in, out;	/* subsystems it is attached to */
	const char	*admd;
};

/* The lines that begin the conversation, those that the dialect has, up to config|ready. */
size_t	filter_config_write(char *buf, size_t size, enum dialect, const struct filter_config *);

/* -- from the filter -- */

enum filter_line {
	FILTER_DECIDES,		/* filter-result: session, token, decision, param */
	FILTER_DATA_LINE,	/* filter-dataline: session, token, param: the line */
	FILTER_REGISTERS,	/* register|report: subsystem and event; register|filter: phase */
	FILTER_READY,		/* register|ready */
	FILTER_REPORTS,		/* report|...|SID|text: session, param: the text */
	FILTER_MALFORMED	/* error says why */
};

struct filter_answer {
	uint64_t	 session;
	uint64_t	 token;		/* 0 in dialect 1 */
	enum decision	 decision;
	struct slice	 param;		/* SLICE_NONE: none was given; into the line */
	enum subsystem	 subsystem;	/* FILTER_REGISTERS */
	enum event_id	 event;		/* EV_MAX: all, or it registers for a phase */
	enum phase	 phase;		/* PHASE_MAX: it registers for an event */
	const char	*error;		/* "not a decision", in static words */
	struct slice	 culprit;	/* what is wrong, into the line */
};

/*
 * Reads a line without its LF.  Checks all that can be told from the line alone: reject, disconnect,
 * rewrite and report need a parameter, proceed and junk have none (an empty one is one).
 */
enum filter_line filter_answer_parse(struct filter_answer *, enum dialect, struct slice line);

/* Is it an SMTP reply that refuses: "4yz text" or "5yz text", no control bytes? */
bool	filter_refusal_valid(struct slice);

#endif
