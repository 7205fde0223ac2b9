/* SPDX-License-Identifier: ISC */
#ifndef SMTPD_IPC_H
#define SMTPD_IPC_H

/*
 * Messages between processes.  A channel is a SOCK_SEQPACKET socket; a packet
 * holds one or more messages, collected during a loop turn and sent at its end.
 * The rows of ipc_table.c say who may send a message to whom, how large it is and
 * whether it carries a descriptor; what disagrees is logged and dropped, and
 * its descriptor closed.  Nothing here blocks.  Used by all processes.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/slice.h"

enum process {			/* rows of proc.c */
	PROC_PARENT, PROC_SMTP, PROC_LOOKUP, PROC_DNS, PROC_QUEUE, PROC_RELAY,
	PROC_AUTH, PROC_DELIVER, PROC_OFFLINE,
	PROC_MAX
};

enum ipc_type {			/* rows of ipc_table.c: sender, receiver, payload */
	/* parent to every process but deliver, before anything else */
	IPC_CONF_SOURCE,	/* str name, bytes text piece (pieces of a name are joined) */
	IPC_CONF_MACRO,		/* str NAME=VALUE */
	/* parent to every process */
	IPC_CONF_DONE,		/* u8 verbosity, u8 1: an earlier one died, str host name */
	IPC_PEER,		/* u8 process, str instance (deliver: user); fd */
	IPC_START,		/* all was sent: work */
	IPC_STOP,		/* finish what is being written, then exit */
	IPC_READY,		/* child to parent: configured and waiting */
	/* parent to deliver: a template, before it meets queue */
	IPC_ACTION,		/* str name, u8 enum action_kind, str path or command, u8 sub-address delimiter */
	/* parent to dns */
	IPC_RESOLV,		/* u8 enum resolv_file, u8 1: its last piece, bytes text piece: a file, and whenever it changes */
	/* parent to relay */
	IPC_CA,			/* str name (empty: the system's), u8 1: its last piece, bytes certificates (PEM), a piece */
	/* parent and smtp; IPC_PKI to relay too */
	IPC_LISTENER,		/* u32 listen index, str "addr:port" (empty: submission socket); fd */
	IPC_PKI,		/* str name, bytes certificate chain (PEM), bytes key (PEM) */
	IPC_PROC_STDIN,		/* u32 proc index, u32 its life; fd */
	IPC_PROC_OUTPUT,	/* u32 proc index; fd: what it prints, of a filter the answers only */
	IPC_PROC_ERRORS,	/* u32 proc index; fd: what a filter says on standard error */
	IPC_PROC_FAILED,	/* smtp to parent: u32 proc index, u32 life: end its group, start it again */
	/* smtp, relay and dns */
	IPC_RESOLVE,		/* struct ipc_resolve */
	IPC_RESOLVED,		/* struct ipc_resolved */
	/* smtp (queue: for a bounce) and lookup */
	IPC_RCPT,		/* struct ipc_rcpt */
	IPC_VERDICT,		/* u64 session, u32 msgid, u32 serial, u8 enum verdict, u32 rule of a probe, u32 n, n * u64 evpid */
	/* smtp and auth */
	IPC_LOGIN,		/* u64 session, u32 serial, u32 listen index, str client address, str user, str password */
	IPC_LOGGED_IN,		/* u64 session, u32 serial, u8 enum login */
	/* auth and who knows the users: lookup those of tables, the parent those of the system */
	IPC_HASH_WANT,		/* u32 id, u32 listen index (to lookup alone matters), str user */
	IPC_HASH,		/* u32 id, u8 1 + enum table_answer, str crypt(3) hash; NO: somebody's, that it costs the same, or empty */
	IPC_CONDITION,		/* smtp to lookup: u64 session, u32 serial, u32 index of a filter, str key: is it in its table? */
	IPC_HELD,		/* lookup to smtp: u64 session, u32 serial, u32 index, u8 1 + enum table_answer */
	/* relay and lookup */
	IPC_QUERY,		/* u64 id, u8 enum query, str table, str key */
	IPC_ANSWER,		/* u64 id, u8 1 + enum table_answer, str value */
	/* queue and lookup */
	IPC_UPDATE,		/* queue to lookup: u64 number, str table: read its file again */
	IPC_UPDATED,		/* lookup to queue: u64 number, u8 1: that is done, str text */
	/* lookup to queue */
	IPC_ENVELOPE,		/* struct ipc_envelope */
	/* smtp and queue */
	IPC_LEASE,		/* queue to smtp: u32 first, u32 count: msgids to use */
	IPC_LEASE_WANT,
	IPC_WINDOW,		/* queue to smtp, deliver to queue: u32 bytes more of content may be sent */
	IPC_CONTENT,		/* u32 msgid, bytes: a piece of a large message */
	IPC_COMMIT,		/* struct ipc_commit */
	IPC_COMMITTED,		/* u32 msgid, u8 enum commit_result */
	IPC_DISCARD,		/* u32 msgid: forget it, no answer */
	IPC_SPACE,		/* queue to smtp: u8 1: takes mail, 0: full (452) */
	IPC_ORPHAN,		/* queue to smtp: u64 session, u32 msgid, u64 size: committed for a dead smtp */
	/* relay and queue to smtp, for the bus */
	IPC_REPORT,		/* u8 subsystem, u8 dialect, u64 watchers (report_emit.h), u64 time of the first line, of the last (microseconds), bytes whole lines */
	/* queue and parent */
	IPC_CONTROL,		/* parent to queue: the listening control socket; fd */
	IPC_DELIVER_WANT,	/* queue to parent: str user */
	IPC_DELIVER_PEER,	/* parent to queue: str user; fd */
	IPC_DELIVER_NONE,	/* parent to queue: str user, u8 permanent, str why */
	IPC_SHUTDOWN,		/* queue to parent: smtpctl stop */
	/* queue and deliver */
	IPC_JOB,		/* struct ipc_job */
	IPC_JOB_CONTENT,	/* u64 evpid, bytes: a piece of a large message */
	IPC_RESULT,		/* u64 evpid, u8 enum job_result, str text */
	/* queue and relay */
	IPC_RELAY,		/* struct ipc_relay */
	IPC_FETCH,		/* relay to queue: u64 job, u64 offset, u32 bytes of content that it wants */
	IPC_FETCHED,		/* queue to relay: u64 job, bytes; none: it cannot be read */
	IPC_RELAYED,		/* struct ipc_relayed */
	IPC_MAX
};

enum verdict {			/* of a recipient; smtp_reply.c has the words */
	VERDICT_OK,
	VERDICT_NO_RULE,	/* 550 nothing matches */
	VERDICT_REJECTED,	/* 550 a rule says reject */
	VERDICT_UNKNOWN_USER,	/* 550 5.1.1 */
	VERDICT_TEMPFAIL,	/* 451 a table or the user data base failed */
	VERDICT_LOOP,		/* 550 aliases go in circles */
	VERDICT_ERROR		/* 550 an alias says error:... */
};

enum login {			/* what becomes of one; the words are in smtp_reply.c */
	LOGIN_PASS,
	LOGIN_FAIL,		/* 535 no such user, or another password */
	LOGIN_ERROR		/* 454 it cannot be told */
};

enum commit_result {
	COMMIT_OK,
	COMMIT_TEMPFAIL,	/* 451 */
	COMMIT_FULL,		/* 452 */
	COMMIT_REFUSED		/* 5xx: its envelopes are more than a message may have */
};

enum resolv_file { RESOLV_CONF, RESOLV_HOSTS };

enum query {			/* what relay asks a table for; man/smtpd.conf.5 */
	QUERY_CREDENTIALS,	/* key: label; value: user:password */
	QUERY_DOMAIN,		/* key: domain; value: relay URL */
	QUERY_SOURCE,		/* key: ignored; value: addresses, blanks between */
	QUERY_HELO		/* key: source address; value: name */
};

enum job_result { JOB_DONE, JOB_TEMPFAIL, JOB_PERMFAIL };

/* The largest payload of one message: small content with its head. */
#define IPC_MAX_DATA	(128 * 1024 + 32 * 1024)

struct ipc_rcpt {
	uint64_t	 session;
	uint32_t	 msgid;
	uint32_t	 serial;	/* of the question, so that late answers are told apart */
	bool		 local;		/* over the submission socket */
	bool		 probe;		/* only the rule is asked for: no envelope is made */
	bool		 tls;
	struct slice	 src;		/* client address in text, no port; "local" */
	struct slice	 tag;
	struct slice	 helo;
	struct slice	 sender;	/* path without brackets; empty: null */
	struct slice	 rcpt;		/* path without brackets, quotes kept as typed */
	struct slice	 rdns;		/* of src; empty: none */
	uint8_t		 fcrdns;	/* enum fcrdns */
	uint8_t		 notify;	/* enum dsn_notify */
	struct slice	 orcpt;		/* "rfc822;..." as xtext (RFC 3461 4.2); empty: none */
	struct slice	 username;	/* who has logged in; empty: nobody */
};

enum route_kind { ROUTE_USER, ROUTE_RELAY };

struct ipc_envelope {		/* one resolved recipient */
	uint32_t	 msgid;
	uint64_t	 evpid;
	int64_t		 ttl;		/* seconds */
	struct slice	 action;	/* name of an action */
	uint8_t		 route_kind;
	struct slice	 route;		/* login that delivers; relay: the domain to go to, empty: the action has a host */
	struct slice	 rcpt;		/* address as the client gave it */
	struct slice	 dest;		/* address after aliases, user@domain */
	uint8_t		 notify;	/* enum dsn_notify */
	struct slice	 orcpt;		/* as in struct ipc_rcpt */
};

struct ipc_commit {
	uint32_t	 msgid;
	uint32_t	 nenvelopes;	/* how many IPC_ENVELOPE belong to it */
	uint64_t	 session;
	uint64_t	 size;		/* bytes of content in all */
	struct slice	 sender;
	struct slice	 helo;
	struct slice	 src;
	uint8_t		 body;		/* enum body */
	uint8_t		 ret;		/* enum dsn_ret */
	struct slice	 envid;		/* xtext, RFC 3461 4.4; empty: none */
	struct slice	 content;	/* whole if small; empty if it came by IPC_CONTENT */
};

struct ipc_job {		/* queue to deliver: values only, never a path or command */
	uint64_t	 evpid;
	uint32_t	 attempt;	/* from 1 */
	int64_t		 arrival;	/* wall seconds; names the maildir file */
	uint64_t	 size;		/* of content */
	struct slice	 action;
	struct slice	 user;
	struct slice	 sender;
	struct slice	 rcpt;
	struct slice	 dest;
	struct slice	 content;	/* whole if small; else by IPC_JOB_CONTENT, within IPC_WINDOW */
};

struct ipc_relay {		/* queue to relay: a message, and recipients that go the same way */
	uint64_t	 job;		/* number, never used again in the life of the queue */
	uint32_t	 msgid;
	int64_t		 arrival;	/* wall seconds */
	uint64_t	 size;		/* of content */
	uint8_t		 body, ret;
	struct slice	 action;
	struct slice	 route;		/* domain to go to; empty: the action has a host */
	struct slice	 sender;
	struct slice	 envid;
	struct slice	 rcpts;		/* ipc_relay_rcpt_next() reads them */
	struct slice	 content;	/* whole if small, and not too much is under way; else empty: by IPC_FETCH */
};

#define IPC_RELAY_RCPTS	100	/* at most in one, */
#define IPC_RELAY_TEXT	16384	/* with so many bytes of rcpts at most, */
#define IPC_RELAY_RCPT	(8 + 4 + 1 + 2 * 4)	/* which one takes beside its texts */

struct ipc_relay_rcpt {
	uint64_t	 evpid;
	uint32_t	 attempt;	/* from 1 */
	uint8_t		 notify;
	struct slice	 dest;		/* address to send to */
	struct slice	 orcpt;
};

enum relayed {			/* bits */
	RELAYED_UNREACHED = 1,	/* it is the destination that failed: others of it need not be tried now */
	RELAYED_DSN	= 2,	/* the remote will tell the sender what becomes of it (RFC 3461 6.2) */
	RELAYED_UNSURE	= 4	/* the end of data was sent, its reply did not come */
};

struct ipc_relayed {		/* what became of one recipient; order does not matter */
	uint64_t	 job;
	uint64_t	 evpid;
	uint8_t		 result;	/* enum job_result */
	uint8_t		 flags;		/* enum relayed */
	struct slice	 host;		/* name of the remote; empty: none was met */
	struct slice	 dest;		/* its "addr:port"; empty: none */
	struct slice	 reply;		/* its words, or ours where it said none: "connect: Connection refused" */
};

enum resolve {			/* what is asked of dns */
	RESOLVE_RDNS,		/* name: an address in text; the verdict and the name */
	RESOLVE_MX,		/* a domain: where its mail goes (RFC 5321 5.1), implicit MX included */
	RESOLVE_HOST		/* a host: its addresses */
};
enum resolve_family { RESOLVE_ANY, RESOLVE_INET4, RESOLVE_INET6, RESOLVE_PREFER4, RESOLVE_PREFER6 };

struct ipc_resolve {
	uint64_t	 id;
	uint8_t		 kind;		/* enum resolve */
	uint8_t		 family;	/* enum resolve_family */
	struct slice	 name;
};

enum resolved {
	RESOLVED_OK,
	RESOLVED_NONE,		/* no such domain, or no host of it has an address: 550 5.1.2 */
	RESOLVED_NULLMX,	/* it takes no mail (RFC 7505): 556 5.1.10 */
	RESOLVED_TEMPFAIL	/* 451 4.4.3 */
};

struct ipc_resolved {
	uint64_t	 id;
	uint8_t		 result;	/* enum resolved */
	uint8_t		 fcrdns;	/* RDNS: enum fcrdns */
	struct slice	 text;		/* RDNS: the name or nothing; else why not */
	uint32_t	 n;		/* MX, HOST: addresses, best first, ties of a preference shuffled */
	struct slice	 hosts;		/* ipc_host_next() reads them */
};

#define IPC_HOSTS	64	/* addresses in one answer */

struct ipc_host {
	uint32_t	 preference;
	struct slice	 name, address;	/* address without port or brackets */
};

/* What was received.  data and what is parsed out of it live until the callback returns. */
struct ipc_msg {
	enum ipc_type	 type;
	struct slice	 data;		/* the part not yet read by ipc_get_* */
	int		 fd;		/* -1, or the receiver's to close; set to -1 once taken */
	bool		 bad;		/* ipc_get_* ran off the end */
	bool		 secret;	/* the receiver says so: it is cleared when the callback returns */
};

struct ipc;			/* one channel */

/*
 * cb is called for each message; with NULL when the peer is gone (everything
 * it sent was read before), after which the channel must be freed by cb.
 */
typedef void (*ipc_cb)(struct ipc *, struct ipc_msg *, void *arg);

struct ipc *ipc_new(enum process self, enum process peer, int fd, ipc_cb, void *arg);
void	 ipc_free(struct ipc *);
/* Bytes queued and not yet taken by the socket: stop producing above your bound. */
size_t	 ipc_backlog(const struct ipc *);
/* fn is called when the socket, having been full, has taken all that waited. */
void	 ipc_on_drain(struct ipc *, void (*fn)(struct ipc *, void *));
/* Reads and dispatches what is there now, without waiting. */
void	 ipc_drain(struct ipc *);
/* Sends what is queued, as far as the socket takes it: the end of a turn does it too. */
void	 ipc_flush(struct ipc *);
void	 ipc_flush_all(void);	/* a loop_at_end hook */

/* Compose: begin, put..., end.  A message goes out in the order of begin. */
void	 ipc_begin(struct ipc *, enum ipc_type);
void	 ipc_put_u8(struct ipc *, uint8_t);
void	 ipc_put_u32(struct ipc *, uint32_t);
void	 ipc_put_u64(struct ipc *, uint64_t);
void	 ipc_put_slice(struct ipc *, struct slice);	/* length and bytes */
/* What is being composed is a secret: nothing of it stays in memory once it is sent. */
void	 ipc_secret(struct ipc *);
void	 ipc_end(struct ipc *);
void	 ipc_end_fd(struct ipc *, int fd);		/* fd is closed once sent */

/* Parse, in the same order.  Off the end: zeros, and msg->bad is set. */
uint8_t	 ipc_get_u8(struct ipc_msg *);
uint32_t ipc_get_u32(struct ipc_msg *);
uint64_t ipc_get_u64(struct ipc_msg *);
struct slice ipc_get_slice(struct ipc_msg *);
/* Takes the descriptor out of the message. */
int	 ipc_take_fd(struct ipc_msg *);
/* After the gets: 1 if all was read and nothing missed; else logs and says 0. */
int	 ipc_complete(struct ipc *, struct ipc_msg *);

/* The structs above, each way, in ipc_msg.c.  get: 1, or 0 if malformed (logged). */
void	 ipc_send_rcpt(struct ipc *, const struct ipc_rcpt *);
int	 ipc_get_rcpt(struct ipc *, struct ipc_msg *, struct ipc_rcpt *);
void	 ipc_send_envelope(struct ipc *, const struct ipc_envelope *);
int	 ipc_get_envelope(struct ipc *, struct ipc_msg *, struct ipc_envelope *);
void	 ipc_send_commit(struct ipc *, const struct ipc_commit *);
int	 ipc_get_commit(struct ipc *, struct ipc_msg *, struct ipc_commit *);
void	 ipc_send_job(struct ipc *, const struct ipc_job *);
int	 ipc_get_job(struct ipc *, struct ipc_msg *, struct ipc_job *);

void	 ipc_send_resolve(struct ipc *, const struct ipc_resolve *);
int	 ipc_get_resolve(struct ipc *, struct ipc_msg *, struct ipc_resolve *);
/* Takes the hosts from an array of n; m->hosts is not looked at. */
void	 ipc_send_resolved(struct ipc *, const struct ipc_resolved *m, const struct ipc_host *);
int	 ipc_get_resolved(struct ipc *, struct ipc_msg *, struct ipc_resolved *);
/* Takes the recipients from an array of n; m->rcpts is not looked at. */
void	 ipc_send_relay(struct ipc *, const struct ipc_relay *m, const struct ipc_relay_rcpt *, size_t n);
int	 ipc_get_relay(struct ipc *, struct ipc_msg *, struct ipc_relay *);
void	 ipc_send_relayed(struct ipc *, const struct ipc_relayed *);
int	 ipc_get_relayed(struct ipc *, struct ipc_msg *, struct ipc_relayed *);
/* Cuts the next off *rest: 1; 0: none is left; -1: malformed. */
int	 ipc_relay_rcpt_next(struct slice *rest, struct ipc_relay_rcpt *);
int	 ipc_host_next(struct slice *rest, struct ipc_host *);

const char *ipc_type_name(enum ipc_type);

#endif
