/* SPDX-License-Identifier: ISC */
#ifndef SMTPD_RELAY_H
#define SMTPD_RELAY_H

/*
 * The relay process inside: jobs of the queue, destinations that they go to,
 * connections to the hosts of a destination, a job on a connection as a
 * transaction.
 */
#include <sys/queue.h>
#include <sys/socket.h>
#include <netinet/in.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/addr.h"
#include "lib/smtp_ext.h"
#include "smtpd/conf.h"
#include "smtpd/io.h"
#include "smtpd/ipc.h"
#include "smtpd/report_emit.h"
#include "smtpd/srs.h"

struct conn;
struct dest;

#define RELAY_HOSTS_FOR	300000000000ULL	/* ns; then dns is asked again */
#define RELAY_TEXT_MAX	500	/* bytes of a reply that go to the queue */

/* -- replies of a server: relay_reply.c -- */

#define REPLY_TEXT_MAX	16384	/* bytes of all lines of a reply */

struct relay_reply {
	unsigned	 code;		/* 200 to 599 */
	struct slice	 text;		/* all lines, CRLFs included */
	struct slice	 first;		/* first line of that code, code included, without its end */
};

/*
 * Reads a whole reply at the beginning of in: the bytes that it takes; 0: it
 * is not all there; -1: it is none, or longer than any reply may be.
 */
ssize_t	relay_reply_parse(struct slice in, struct relay_reply *);
/* Cuts the next line off *rest, without its end: 1, or 0 if none is left. */
int	relay_reply_line(struct slice *rest, struct slice *line);
enum result	relay_reply_result(const struct relay_reply *);

/* -- jobs: relay_job.c -- */

enum rcpt_state {
	RCPT_PENDING,		/* to be sent */
	RCPT_ACCEPTED,		/* by the server, in the transaction that is open */
	RCPT_DONE		/* the queue was told */
};

struct job_rcpt {
	uint64_t	 evpid;
	uint8_t		 notify;
	uint8_t		 state;		/* enum rcpt_state */
	struct slice	 dest, orcpt;
};

struct job {			/* and its strings and content, in one piece */
	TAILQ_ENTRY(job) entry;	/* of those that wait in dest */
	TAILQ_ENTRY(job) all_entry;
	uint64_t	 began;		/* monotonic ns */
	struct dest	*dest;
	struct conn	*conn;		/* that sends it */
	uint64_t	 id;
	uint64_t	 size;		/* of content */
	uint32_t	 msgid;
	uint8_t		 body, ret;
	uint8_t		 tries;		/* connections that were lost with it */
	uint32_t	 stale;		/* pieces of content under way that nobody wants any more */
	bool		 scanned;	/* the next three are known: */
	bool		 eightbit;	/* in content */
	bool		 eightbit_header;
	uint64_t	 lines;		/* LFs in content */
	struct slice	 sender, envid;
	struct slice	 content;	/* p NULL: to be fetched */
	uint32_t	 nrcpt, left;	/* left: not done */
	struct job_rcpt	 rcpt[];
};

/* From the queue. */
void	relay_job_add(struct ipc *, struct ipc_msg *);
void	relay_job_fetched(struct ipc *, struct ipc_msg *);
/* Asks for content from an offset; relay_job_fetched() gives it to the connection. */
void	relay_job_fetch(const struct job *, uint64_t offset);
void	relay_job_free(struct job *);
/* Every few seconds: gives up those that are too old, long before the queue gives up relay. */
void	relay_job_sweep(void);
/* Looks at content that is here: scanned and what follows it. */
void	relay_job_scan(struct job *);
/* The same a piece at a time, from *header true to scanned true. */
void	relay_job_scan_piece(struct job *, struct slice, bool *header);
/* Tells the queue what became of a recipient, and of every one that is not done. */
void	relay_job_answer(struct job *, struct job_rcpt *, enum job_result, unsigned flags,
	    struct slice host, struct slice dest, struct slice reply);
void	relay_job_answer_all(struct job *, enum job_result, unsigned flags,
	    struct slice host, struct slice dest, struct slice reply);
/* Puts those that are not done first, as pending; their number. */
uint32_t	relay_job_rewind(struct job *);

/* -- questions to lookup and dns: relay_query.c -- */

struct relay_answer {
	enum resolved	 result;	/* a table's: OK, NONE or TEMPFAIL */
	enum fcrdns	 fcrdns;
	struct slice	 text;		/* a table's value; a name; why not */
	uint32_t	 n;
	struct slice	 hosts;
};
/* Lives for the call only. */
typedef void (*relay_answer_cb)(void *arg, const struct relay_answer *);

/* The answer always comes, from the loop; a process that is not there is a temporary failure. */
void	relay_ask_table(enum query, const struct table *, struct slice key,
	    relay_answer_cb, void *arg);
void	relay_ask_dns(enum resolve, uint8_t family, struct slice name,
	    relay_answer_cb, void *arg);
/* No answer is given to arg any more. */
void	relay_ask_forget(void *arg);
void	relay_query_init(void);
void	relay_query_peer(enum process, struct ipc *);	/* NULL: it is gone */
void	relay_answered(struct ipc *, struct ipc_msg *);
void	relay_resolved(struct ipc *, struct ipc_msg *);

/* -- what is known of hosts: relay_host.c -- */

/* Our addresses, where we listen: what goes there would come back. */
bool	host_is_self(const struct sockaddr *);
/* dest: "addr:port", and what else tells notes apart.  It failed a moment ago: the words; NULL: it did not. */
const char *host_failed(struct slice dest);
/* It failed not long ago: others are better. */
bool	host_doubtful(struct slice dest);
/* Its TLS fails: to be spoken to in clear, where that is allowed. */
bool	host_is_plain(struct slice dest);
void	host_note_failure(struct slice dest, const char *why);
void	host_note_plain(struct slice dest);
void	host_note_success(struct slice dest);

/* -- destinations: relay_dest.c, their hosts: relay_route.c -- */

struct host {
	char		*name;		/* as the MX record has it; an address if there was no name */
	char		 text[ADDR_MAX];	/* "addr:port" */
	struct sockaddr_storage sa;
	uint32_t	 preference;
	uint64_t	 failed;	/* monotonic ns; 0: not since the addresses were asked for */
	bool		 plain;		/* its TLS fails */
};

enum dest_state {
	DEST_NEW,
	DEST_ASKING,		/* for its hosts and all that is needed before */
	DEST_OPEN,		/* connections may be made */
	DEST_MAX
};

struct dest {
	struct dest	*next;		/* of the same hash */
	uint64_t	 hash;
	TAILQ_HEAD(, job) jobs;		/* that wait */
	TAILQ_HEAD(, conn) conns;
	TAILQ_ENTRY(dest) starved_entry;	/* waits for a descriptor */
	TAILQ_ENTRY(dest) spent_entry;	/* nothing is to be done for it */
	uint32_t	 njobs, nconns;
	uint32_t	 nraw, nidle;	/* of the connections: not yet ready for mail; with nothing to do */
	uint32_t	 limit;		/* connections for now, */
	uint32_t	 gained, gain;	/* and successes until it is one more */
	const struct action *action;
	char		*route;		/* domain; empty: the action has a host */
	struct relay	 relay;		/* of the action, or what the table `domain` says */
	char		*host, *label;	/* what the latter points to */
	char		*credentials;	/* user:password */
	struct sockaddr_storage *src;	/* of the table `src` */
	uint32_t	 nsrc, nextsrc;
	struct host	*hosts;
	uint32_t	 nhosts, nexthost;
	uint64_t	 resolved;	/* monotonic ns */
	uint64_t	 due;		/* rate: no message before, monotonic ns */
	struct event	 timer;		/* of it */
	bool		 starved, spent;
	bool		 tempfailed;	/* of the hosts that failed, one may work later */
	uint8_t		 state;
	/* Of the last host that failed so; empty: none was met. */
	char		 failed_name[256], failed_text[ADDR_MAX];
	char		 reply[RELAY_TEXT_MAX + 1];
};

/* Connections of all destinations; 0: as descriptors allow (tests set it). */
extern size_t	 relay_conns_max;

/* The destination of an action and a domain; NULL: no memory. */
struct dest	*dest_get(const struct action *, struct slice route);
void	dest_add(struct dest *, struct job *);
/* It was lost with its connection: first again. */
void	dest_retry(struct dest *, struct job *);
/* It has waited too long: back to the queue, and freed. */
void	dest_late(struct dest *, struct job *);
/* The next job for a connection that is ready, or NULL. */
struct job	*dest_take(struct dest *);
/* Hosts were found, or not: result and dest->reply say why. */
void	dest_found(struct dest *);
void	dest_unreachable(struct dest *, enum job_result, unsigned flags);
/* A connection: ready for its first message, failed before that, closed; a message was taken. */
void	dest_ready(struct dest *, struct conn *);
void	dest_failed(struct dest *, struct conn *, enum job_result, struct slice reply);
void	dest_gone(struct dest *, struct conn *);
/* TLS fails there with the words of the action: in clear from now on. */
void	dest_plain(struct dest *, const struct conn *);
/* A descriptor is free: for who waits for one.  Does anybody? */
void	dest_feed(void);
bool	dest_hungry(void);
void	dest_success(struct dest *);
/* What a job is told of a connection that ended with it; true: it was enough, it is not tried again. */
bool	dest_gives_up(const struct dest *, const struct job *);
/* An end-of-turn hook: frees those that have neither jobs nor connections. */
void	dest_reap(void);
/* No connection is made any more. */
void	dest_stop(void);

/* Finds out hosts, addresses, credentials; dest_found() or dest_unreachable() follows, perhaps at once. */
void	relay_route_find(struct dest *);
/* The hosts again, while connections are in use. */
void	relay_route_refresh(struct dest *);
void	relay_route_free(struct dest *);	/* what it found */
uint16_t	relay_route_port(const struct relay *);

/* -- connections: relay_conn.c -- */

enum conn_state {
	CONN_CONNECTING,
	CONN_NAMING,		/* connected; dns is asked for the remote's name */
	CONN_HANDSHAKE,		/* TLS, from the start or after STARTTLS */
	CONN_BANNER,
	CONN_SOURCE,		/* lookup is asked for the name of our address */
	CONN_EHLO, CONN_HELO, CONN_STARTTLS,
	CONN_AUTH, CONN_AUTH_USER, CONN_AUTH_PASSWORD,
	CONN_IDLE,		/* ready, nothing to send */
	CONN_ENVELOPE,		/* MAIL to DATA; a small BDAT too */
	CONN_CONTENT,		/* being sent */
	CONN_DOT,		/* its end was sent */
	CONN_RSET,
	CONN_QUIT,
	CONN_CLOSED,
	CONN_STATES
};

#define CHUNKS	8		/* BDATs without a reply yet */

struct conn {
	struct io	 io;
	TAILQ_ENTRY(conn) entry;	/* of all */
	TAILQ_ENTRY(conn) dest_entry;
	struct report_source source;
	struct dest	*dest;
	struct job	*job;
	char		 name[256];	/* of the host */
	char		 text[ADDR_MAX];	/* "addr:port" */
	char		 src[ADDR_MAX];	/* of our end */
	char		 helo[256];	/* what we call ourselves */
	struct sockaddr_storage sa;
	struct smtp_ext	 ext;
	uint64_t	 deadline;	/* monotonic ns */
	uint64_t	 sent;		/* when the last commands were, wall us */
	bool		 spoke;		/* they are not even written yet */
	uint32_t	 messages;	/* sent in it */
	uint8_t		 state;		/* enum conn_state */
	uint8_t		 method;	/* enum method, of our greeting */
	bool		 ready, secured;
	bool		 connected;	/* and reported */
	bool		 plain;		/* STARTTLS did not work: without */
	bool		 named;		/* dns has answered, or was late */
	char		 rdns[256];	/* empty: none */
	uint8_t		 fcrdns;

	/* The transaction. */
	char		 path[SRS_MAX];	/* the sender, if it is not the message's own */
	struct slice	 sender;
	uint32_t	 nrcpt;		/* first ones of the job, that it is for */
	uint32_t	 next, await;	/* command to send, to be answered: MAIL, RCPTs, DATA */
	uint32_t	 accepted;	/* recipients, of them, LMTP: answered after the end of data */
	uint32_t	 answered;
	bool		 begun;		/* MAIL was accepted, and nothing has ended it */
	bool		 body8, utf8;	/* said with MAIL */
	bool		 chunking;	/* content goes by BDAT, */
	bool		 bdat, bol, committed;	/* and does now */
	bool		 end_sent;	/* the end of data: the message may have been taken */
	bool		 scanning;	/* large content is read to see what is in it, */
	bool		 header;	/* of which this is the header */
	bool		 fetching;	/* a piece of it is asked for */
	uint64_t	 offset;	/* in content: what was fetched so far */
	uint64_t	 wire;		/* bytes of content sent */
	uint32_t	 chunks[CHUNKS], nchunks;	/* sizes of BDATs without a reply */
	bool		 last_chunk;	/* the last of them ends the content */
	bool		 data_reported;	/* tx-data, with the first of them */
	bool		 spoiled;	/* one was refused: no more of them, then RSET */
};

/* Content of more bytes goes by BDAT where the server offers CHUNKING (tests set it). */
extern uint64_t	 relay_chunking_above;

/* Begins to connect.  0, or -1 with errno. */
int	conn_open(struct dest *, const struct host *, const struct sockaddr *from);
void	conn_enter(struct conn *, enum conn_state);
/* Is it ready, and has it nothing to do? */
bool	conn_is_idle(const struct conn *);
/* Goes on: the next job, idle, or QUIT. */
void	conn_next(struct conn *);
void	conn_quit(struct conn *);
/* Sends and remembers the time, for the report of it. */
void	conn_send(struct conn *, const char *, size_t);
/* The report of a command, when its reply is here; and of the reply. */
void	conn_report_client(struct conn *, struct slice);
void	conn_report_server(struct conn *, const struct relay_reply *);
/* The server is unusable from now on: what it holds is tried elsewhere, reply says why. */
void	conn_lost(struct conn *, struct slice reply);
size_t	conn_count(void);
/* Ends one that has nothing to do, if there is one: others need its descriptor. */
void	conn_spare(void);
/* Ends all but those that wait for the reply to an end of data, unless now. */
void	conn_stop(bool now);
/* Every second: who is late. */
void	conn_sweep(void);
/* An end-of-turn hook: frees what was closed. */
void	conn_reap(void);

/* -- transactions: relay_tx.c -- */

/* Begins to send a job; false: the server cannot take it, which was answered. */
bool	relay_tx_begin(struct conn *, struct job *);
void	relay_tx_reply(struct conn *, const struct relay_reply *);	/* ENVELOPE */
void	relay_tx_end_reply(struct conn *, const struct relay_reply *);	/* CONTENT, DOT */
void	relay_tx_rset_reply(struct conn *, const struct relay_reply *);
/* More can be sent; a piece of content came (p NULL: it cannot be read). */
void	relay_tx_drained(struct conn *);
void	relay_tx_content(struct conn *, struct slice);
/* The connection is lost: reports what was open, answers or gives back the job. */
void	relay_tx_lost(struct conn *, struct slice reply);

/* -- TLS: relay_tls.c -- */

void	relay_tls_ca(struct ipc *, struct ipc_msg *);
void	relay_tls_pki(struct ipc *, struct ipc_msg *);
/* A configured client; NULL: why not stands in buf. */
struct tls	*relay_tls_client(const struct relay *, bool verify, char *buf, size_t size);

/* -- AUTH: relay_auth.c -- */

/* The arguments of AUTH PLAIN, or a line of AUTH LOGIN; 0: they do not fit. */
size_t	relay_auth_plain(const char *credentials, char *buf, size_t size);
size_t	relay_auth_login(const char *credentials, bool password, char *buf, size_t size);

/* A reply that repeats the password, in clear or base64, becomes its code and stars: it goes to the log, to reports and to senders. */
void	relay_auth_hide(const char *credentials, struct relay_reply *);

extern struct ipc	*relay_queue;

#endif
