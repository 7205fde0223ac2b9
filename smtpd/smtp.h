/* SPDX-License-Identifier: ISC */
#ifndef SMTPD_SMTP_H
#define SMTPD_SMTP_H

/*
 * The smtp process inside: sessions, transactions, replies.
 */
#include <sys/queue.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/filter.h"
#include "lib/smtp_data.h"
#include "lib/smtp_header.h"
#include "lib/smtp_path.h"
#include "smtpd/conf.h"
#include "smtpd/io.h"
#include "smtpd/ipc.h"
#include "smtpd/report_emit.h"
#include "smtpd/smtp_question.h"

#define COMMAND_MAX	2048	/* bytes of a command line; RFC 5321 asks for 512 */

/* -- replies: smtp_reply.c -- */

enum reply {
	REPLY_NONE,
	REPLY_BANNER,
	REPLY_HELO, REPLY_EHLO,		/* the greeting line of EHLO's answer */
	REPLY_EXT_8BITMIME, REPLY_EXT_STATUSCODES, REPLY_EXT_SIZE,
	REPLY_EXT_DSN, REPLY_EXT_PIPELINING, REPLY_EXT_CHUNKING,
	REPLY_EXT_SMTPUTF8, REPLY_EXT_STARTTLS, REPLY_EXT_AUTH, REPLY_EXT_HELP,
	REPLY_OK, REPLY_RESET, REPLY_BYE, REPLY_VRFY,
	REPLY_HELP1, REPLY_HELP2, REPLY_HELP3,
	REPLY_STARTTLS, REPLY_MAIL_OK, REPLY_RCPT_OK, REPLY_DATA, REPLY_CHUNK,
	REPLY_COMMIT,
	REPLY_AUTH_PLAIN, REPLY_AUTH_USERNAME, REPLY_AUTH_PASSWORD, REPLY_AUTH_PASS,
	/* 4yz */
	REPLY_TIMEOUT, REPLY_TOO_MANY_ERRORS, REPLY_SHUTDOWN, REPLY_TLS_BROKEN,
	REPLY_TEMPFAIL, REPLY_FULL, REPLY_TOO_MANY_RCPTS, REPLY_TOO_MANY_MAILS,
	REPLY_FILTER_DOWN, REPLY_DNS_TEMPFAIL,
	REPLY_RCPT_TEMPFAIL,
	REPLY_NAME_TEMPFAIL, REPLY_AUTH_TEMPFAIL, REPLY_TOO_MANY_LOGINS,
	/* 5yz */
	REPLY_UNKNOWN, REPLY_SEQUENCE, REPLY_LINE_TOO_LONG, REPLY_BAD_BYTES,
	REPLY_NO_ARGUMENTS, REPLY_NEEDS_NAME, REPLY_BAD_NAME,
	REPLY_BAD_SENDER, REPLY_BAD_RCPT, REPLY_MAIL_SYNTAX, REPLY_RCPT_SYNTAX,
	REPLY_SENDER_UTF8, REPLY_RCPT_UTF8, REPLY_BAD_CHUNK,
	REPLY_BAD_PARAM, REPLY_UNKNOWN_PARAM, REPLY_TLS_FIRST, REPLY_NO_RCPT,
	REPLY_TLS_ACTIVE, REPLY_NO_TLS,
	REPLY_NO_AUTH, REPLY_AUTH_FIRST, REPLY_AUTH_TWICE, REPLY_AUTH_NEEDS_MECHANISM,
	REPLY_AUTH_MECHANISM, REPLY_AUTH_MALFORMED, REPLY_AUTH_CANCELLED, REPLY_AUTH_TOO_LONG,
	REPLY_AUTH_FAIL,
	REPLY_TOO_BIG, REPLY_TOO_MANY_ENVELOPES, REPLY_LOOP, REPLY_NOT_A_MESSAGE, REPLY_BODY_LINE,
	REPLY_NO_RULE, REPLY_REJECTED, REPLY_UNKNOWN_USER, REPLY_ALIAS_LOOP,
	REPLY_ALIAS_ERROR,
	REPLY_MAX
};

/* The text of a reply, without CRLF; %s in it become a and b. */
struct slice	reply_text(enum reply, char *buf, size_t size, const char *a, const char *b);
/* 2yz and 3yz ok, 4yz tempfail, 5yz permfail. */
enum result	reply_result(enum reply);

/* -- parameters of MAIL and RCPT: smtp_param.c -- */

enum param_of { PARAM_OF_MAIL, PARAM_OF_RCPT };

struct params {
	bool		 sized;
	bool		 auth;		/* AUTH= was said */
	uint64_t	 size;
	uint8_t		 body;		/* enum body */
	uint8_t		 ret;		/* enum dsn_ret */
	uint8_t		 notify;	/* enum dsn_notify */
	struct slice	 envid;		/* xtext; SLICE_NONE: not given, as orcpt */
	struct slice	 orcpt;
	struct slice	 bad;		/* what was wrong, for the reply */
};

/* Reads all of them; REPLY_NONE, or the reply that refuses them.  The values stay where they are. */
enum reply	params_read(struct params *, enum param_of, struct slice);

/* -- listeners: smtp_listen.c -- */

struct chain {			/* filters, rules and programs, in the order in which they are asked */
	const struct filter **filter;
	size_t		 n;
};

struct listener {
	struct listener	*next;
	const struct listen *conf;	/* NULL: submission socket without a directive */
	bool		 local;
	int		 fd;
	char		*text;		/* "addr:port", "unix:/path" */
	const char	*hostname;
	struct tls	*tls;		/* configured, or NULL */
	struct chain	 chain;
	struct event	 ev;
};

void	listener_add(unsigned index, struct slice text, int fd);
/* Accepting begins once there is a queue to take what comes, and filters to ask. */
void	listener_start(void);
void	listener_close_all(void);
/* A session ended: if accepting paused for want of descriptors, go on. */
void	listener_resume(void);
enum listen_tls	listener_tls(const struct listener *);

/* smtp_tls.c */
void		 smtp_tls_add(struct slice name, struct slice cert, struct slice key);
struct tls	*smtp_tls_server(const struct listen *, const char *hostname);

/* -- transactions: smtp_tx.c -- */

struct session;

enum refusal { REFUSED_NOT, REFUSED_SIZE, REFUSED_LOOP, REFUSED_FORMAT, REFUSED_LINE, REFUSED_TEMP, REFUSED_FULL };

struct tx {
	struct session	*session;
	uint32_t	 msgid;
	uint32_t	 nrcpt;		/* accepted */
	uint32_t	 nenvelopes;
	uint32_t	 serial;	/* of the question to lookup that is open */
	char		*sender;	/* path without brackets */
	char		*envid;		/* NULL: none */
	uint8_t		 body, ret;	/* enum body: as declared, and 8BITMIME where it was met */
	char		*typed;		/* the recipient asked about, as typed */
	const char	*rcpt;		/* in it, behind its source route */
	char		*first;		/* recipient accepted, for the trace header */
	char		*content;	/* small: all of it; large: what was not yet sent */
	size_t		 content_len, content_size;
	uint64_t	 size;		/* as stored */
	uint64_t	 received;	/* bytes of content from the client */
	size_t		 trace;		/* of our trace header */
	struct stream	*stream;	/* through filters; NULL: there are none */
	uint64_t	 rcpt_filter;	/* bits of smtp_chain.h: of the recipient asked about, */
	uint64_t	 rcpt_filters;	/* of all that were accepted */
	bool		 junk;		/* a filter said so */
	bool		 probing;	/* lookup is asked for the rule only, */
	bool		 rewritten;	/* of the recipient that a filter put there */
	uint64_t	 chunk_size;	/* BDAT: octets of it, */
	uint64_t	 chunk;		/* and of them still to come */
	bool		 chunk_last;
	bool		 large;		/* pieces go to the queue as they come */
	enum refusal	 refusal;
	struct smtp_data data;
	struct smtp_header header;
	TAILQ_ENTRY(tx)	 starved_entry;	/* while it waits for the queue's window */
};

/* The transaction that is open under a msgid, or NULL. */
struct tx	*tx_find(uint32_t msgid);
/* NULL if there is no msgid to be had: say reply (451, 452). */
struct tx	*tx_begin(struct session *, struct slice sender, const struct params *,
		    enum reply *);
/* Frees it; told to the queue unless it was committed. */
void		 tx_end(struct tx *, bool committed);
/* Asks lookup for a recipient, or (probe) only for the rule that it matches; 0, or -1 if lookup is not there. */
int		 tx_rcpt(struct tx *, const struct smtp_path *, const struct params *, bool probe);
/*
 * DATA or the first BDAT was accepted: prepares for content, trace header first.  -1: a filter
 * that is to see it cannot (451).
 */
int		 tx_data(struct tx *, bool chunked);
/* Hands it to the queue; 0, or -1 if the queue is not there. */
int		 tx_commit(struct tx *);
/* From the queue: leases of msgids, space for mail at all. */
void		 tx_lease(uint32_t first, uint32_t count);
void		 tx_space(bool);
/* Is there a msgid to begin with? */
bool		 tx_possible(void);
void		 tx_queue_met(void);
void		 tx_queue_lost(void);

/* -- content: smtp_content.c -- */

void		 content_open(struct tx *, bool chunked);
/*
 * Takes content from the session's input.  1: the end of data or of the chunk was seen, and its
 * filters have ended too; 0: more is to come; -1: the session waits, and session_run() will be called.
 */
int		 content_take(struct tx *);
/* To be stored, as it is; a line, without its LF, from the last filter. */
void		 content_put(struct tx *, const char *, size_t);
void		 content_line(struct tx *, struct slice);
/* The queue's window stays shut: the rest of the content is read and dropped, and refused (451). */
void		 content_give_up(struct tx *);
/* At commit: what goes with it, after all else was sent; then it was, and is kept in the count only. */
struct slice	 content_last(struct tx *);
void		 content_handed_on(struct tx *);
/* Told to the queue unless it was committed. */
void		 content_end(struct tx *, bool committed);
/* From the queue: room for content. */
void		 content_refill(uint32_t bytes);
void		 content_queue_lost(void);

/* -- sessions: smtp_session.c -- */

enum state {
	STATE_CONNECTED,	/* banner sent */
	STATE_REFUSED,		/* a refusal in its place: only QUIT is taken */
	STATE_READY,		/* HELO or EHLO */
	STATE_MAIL,		/* a transaction, no recipient */
	STATE_RCPT,		/* at least one */
	STATE_DATA,		/* content, up to the dot */
	STATE_CHUNK,		/* content, so many octets */
	STATE_CHUNKS,		/* between two BDATs of a message */
	STATE_TLS,		/* handshake */
	STATE_AUTH,		/* an exchange: its lines are no commands */
	STATE_CLOSING,
	STATE_MAX
};

enum waiting {
	WAITING_NOT,
	WAITING_DNS,		/* for the client's name, before anything is said */
	WAITING_FILTER,		/* for what the filters decide on a phase */
	WAITING_LOOKUP,		/* for its verdict on a recipient */
	WAITING_AUTH,		/* for its judgement on a login */
	WAITING_PAUSE,		/* after a login that failed */
	WAITING_WINDOW,		/* for the queue to take more content */
	WAITING_QUEUE		/* for its answer to a commit */
};

struct session {
	struct io	 io;
	TAILQ_ENTRY(session) entry;
	struct report_source source;
	const struct listener *listener;
	struct tx	*tx;
	char		*src;		/* "addr:port" */
	char		*rdns;		/* as dns has it, lower case; NULL: none */
	char		*helo;		/* NULL before HELO */
	char		*username;	/* NULL: has not logged in */
	struct auth	*auth;		/* an exchange that is under way, or NULL */
	uint32_t	 mails;
	uint16_t	 errors;
	uint8_t		 fcrdns;	/* does that name have the address? */
	uint8_t		 state;
	uint8_t		 login_failures;	/* in a row */
	uint8_t		 waiting;	/* wait_begin() sets it, wait_end() clears it */
	TAILQ_ENTRY(session) wait_entry;
	uint64_t	 wait_since;	/* monotonic ns */
	bool		 esmtp, secured;
	bool		 skipping;	/* the rest of a line that is too long */
	bool		 hushed;	/* AUTH was said: what is no command is told to nobody */
	uint64_t	 swallow;	/* octets of a BDAT that is refused; then it hears: */
	enum reply	 swallow_reply;
	char		*swallow_text;	/* if that reply is a filter's */
	bool		 gone;		/* the client left while we waited */
	/* filters */
	bool		 filtered;	/* there are some */
	bool		 junk;		/* one said so of all that it sends */
	bool		 forsaken;	/* one of them has died: it ends as soon as that can be */
	struct questions questions;	/* not answered yet */
	struct asking	*asking;	/* the phase that it is in; NULL: none */
	char		*command;	/* the line whose phase that is */
	const struct verb *verb;
	char		*refusal;	/* said when TLS is there: the client was refused at connect */
};

/* The session of an id, or NULL; was there one lately? */
struct session	*session_find(uint64_t id);
bool		 session_was(uint64_t id);
/* Its client's name as the stream has it: "<unknown>" for none. */
struct slice	 session_rdns(const struct session *);
/* What it waited for has come, and was answered: it goes on. */
void		 session_answered(struct session *);
/* Filters (bits of report_source.watchers) have died. */
void		 session_filter_lost(uint64_t bits);

/* Who the client is is known, as far as it can be: the session is there, and it is greeted. */
void	session_begin(struct session *);	/* smtp_greet.c */
void	session_secured(struct session *);
void	session_new(const struct listener *, int fd, const char *src);
void	session_enter(struct session *, enum state);
/* Goes on with the input that is there, as far as the state lets it. */
void	session_run(struct session *);
/* Runs every session: reading was paused and may go on. */
void	session_run_all(void);
size_t	session_count(void);
/* Ends every session: now, or when the queue has answered it. */
void	session_close_all(void);
bool	session_is_local(const struct session *);

/* Reports and sends a reply line; `more` makes it a continuation (250-). */
void	session_reply(struct session *, enum reply, const char *a, const char *b);
void	session_reply_more(struct session *, enum reply, const char *a, const char *b);
/* A reply that is not ours to word: of a filter. */
void	session_reply_text(struct session *, struct slice);
/* Ends the transaction with tx-rollback and tx-reset, if there is one. */
void	session_rollback(struct session *);
void	session_quit(struct session *);

/* Answers from dns, lookup and queue. */
void	session_named(uint64_t id, struct slice rdns, enum fcrdns);
void	session_dns_lost(void);
void	session_verdict(uint64_t id, uint32_t msgid, uint32_t serial,
	    enum verdict, uint32_t rule, const struct ipc_msg *evpids, uint32_t n);
void	session_committed(uint32_t msgid, enum commit_result);
void	session_lookup_lost(void);
/* What it waits for did not come in time. */
void	session_waited(struct session *);
void	session_queue_lost(void);

/* -- who the client is: smtp_name.c -- */

/* The client's address without its port; "local" for the submission socket. */
struct slice session_address(const struct session *);
/* The same as an address literal without brackets: "IPv6:2001:db8::1". */
void	session_literal(const struct session *, char *buf, size_t size);
/* Its name if that is confirmed, else NULL. */
const char *session_name(const struct session *);
/* Asks dns, whose answer becomes session_named(); 0, or -1 if there is no asking. */
int	name_ask(const struct session *);
/* An IPC_RESOLVED. */
void	name_answer(struct ipc *, struct ipc_msg *);

/* -- waiting for another process: smtp_wait.c -- */

#define WAIT_MAX	300	/* seconds; then session_waited() is called, once */
#define WAIT_DNS_MORE	1	/* dns has its own time and answers in it: so much longer for it */

void	wait_begin(struct session *, enum waiting);
void	wait_end(struct session *);

/* -- what filters say of a phase: smtp_phase.c -- */

struct outcome {			/* when all of them were asked */
	enum decision	 decision;	/* PROCEED, REWRITE, REJECT or DISCONNECT */
	struct slice	 text;		/* the new argument; the reply, "451 4.3.0 ..." */
	enum result	 result;	/* of that reply; RESULT_OK: it is not refused */
};

/*
 * Asks the filters of the session, in order, about a phase with its argument, and calls then: at
 * once if there are none, else when they have answered, while the session is WAITING_FILTER.  By
 * then filter-response was reported, and nothing sent.
 */
void	phase_ask(struct session *, enum phase, struct slice argument,
	    void (*then)(struct session *, const struct outcome *));
/* Sends the reply of one that refuses, and ends the session if that is said. */
void	outcome_reply(struct session *, const struct outcome *);

/* -- lines that are no content: smtp_line.c -- */

/* Deals with the next of them; false if it is not all there. */
bool	line_step(struct session *);

/* -- AUTH: smtp_auth.c -- */

/* To this client, as things are? */
bool	auth_is_offered(const struct session *);
/* Does its listener take mail from those alone who have logged in, which it has not? */
bool	auth_is_missing(const struct session *);
/* Begins an exchange with the argument of AUTH; takes a line of it; ends it with a reply. */
void	auth_begin(struct session *, struct slice arg);
void	auth_line(struct session *, struct slice, bool crlf);
void	auth_end(struct session *, enum reply);
/* Forgets the exchange, if there is one. */
void	auth_free(struct session *);
/*
 * While the phase auth is asked: what the client said, "PLAIN AGEAYg==" or "LOGIN YQ==", for
 * filters that are to know it; otherwise SLICE_NONE, or empty.
 */
struct slice auth_secret(const struct session *);
/* What a filter says in that phase, without a secret that it may have been told. */
struct slice auth_told(const struct session *, struct slice);
/* Answers from auth: of a login, none in time, none ever. */
void	auth_answer(uint64_t id, uint32_t serial, enum login);
void	auth_waited(struct session *);
void	auth_lost(void);

/* smtp_penalty.c: a login failed; how many of that address did lately. */
uint32_t penalty_failed(const struct session *);
/* Milliseconds to wait after so many. */
uint32_t penalty_pause(uint32_t failures);

/* -- verbs: smtp_verb.c -- */

/* Does a line begin with the name of one? */
bool	verb_is_known(struct slice line);

/* Runs one command line, without its CRLF. */
void	verb_run(struct session *, struct slice line);
/* Control characters, but a tab, can stand in no command. */
bool	verb_has_controls(struct slice);
/* A line that can be no command is answered with this, unless verb_lost(). */
void	verb_garbled(struct session *, struct slice line, enum reply);
/* After a BDAT that cannot be read nobody knows what follows: that ends the session.  False: it is none. */
bool	verb_lost(struct session *, struct slice line);
/* lookup has said which rule the recipient of the command matches. */
void	verb_probed(struct session *, uint32_t rule);

/* -- messages: smtp_message.c -- */

void	message_data(struct session *);
void	message_chunk(struct session *, uint64_t size, bool last);
/* All of its content, or of a chunk, is here, its filters' included. */
void	message_content_ended(struct session *);
/* Drops octets of a BDAT that is refused; false if more are to come, else it has its reply. */
bool	message_swallow(struct session *);

#endif
