/* SPDX-License-Identifier: ISC */
#ifndef SMTPD_CONF_H
#define SMTPD_CONF_H

/*
 * The configuration: what smtpd.conf(5) says, as structs.  The parent reads
 * the files; the other processes are sent the same text (struct conf_source)
 * and parse it again, so that nothing needs to be serialized.  A deliver,
 * which runs as a user, is told of the actions only (IPC_ACTION).
 * Directives are the rows of conf.c.  Used by all processes.
 */
#include <sys/queue.h>
#include <sys/socket.h>
#include <netinet/in.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "lib/filter.h"
#include "lib/report.h"

#define CONF_FILE	SYSCONFDIR "/mail/smtpd.conf"

/* A file that was read, by the name under which the configuration includes it. */
struct conf_source {
	TAILQ_ENTRY(conf_source) entry;
	char		*name;
	char		*text;
	size_t		 size;
};
TAILQ_HEAD(conf_sources, conf_source);

struct table;			/* smtpd/table.h */

enum listen_tls { LISTEN_PLAIN, LISTEN_TLS, LISTEN_TLS_REQUIRE, LISTEN_SMTPS };
enum listen_auth { LISTEN_NO_AUTH, LISTEN_AUTH_OPTIONAL, LISTEN_AUTH };

/* A `listen on` directive.  One may give several sockets (names, interfaces). */
struct listen {
	TAILQ_ENTRY(listen) entry;
	unsigned	 index;		/* order in the file, from 0 */
	bool		 socket;	/* listen on socket: there always is exactly one, tag "local" */
	char		*on;		/* interface, address or host name */
	int		 family;	/* AF_UNSPEC, AF_INET, AF_INET6 */
	uint16_t	 port;		/* host order */
	enum listen_tls	 tls;
	char		*pki;		/* NULL: the one named like hostname, or the only one */
	char		*hostname;	/* NULL: conf.hostname */
	char		*tag;
	bool		 mask_src;
	bool		 no_dsn;
	bool		 received_auth;	/* the trace header says who has logged in */
	enum listen_auth auth;		/* LISTEN_AUTH: no mail without a login */
	struct table	*credentials;	/* user -> crypt(3) hash; NULL: the users of the system */
	bool		 auth_in_clear;	/* offered to clients of this host without TLS too */
	struct filter	*filter;	/* NULL: none of its own */
	bool		 filtered;	/* `filter` alone: the founding rules hold here */
};

struct pki {
	TAILQ_ENTRY(pki) entry;
	char		*name;
	char		*cert;		/* paths, read by the parent */
	char		*key;
};

struct ca {
	TAILQ_ENTRY(ca)	 entry;
	char		*name;
	char		*cert;
};

enum action_kind { ACTION_MAILDIR, ACTION_MDA, ACTION_RELAY };

/* smtp, smtp+tls, smtp+notls, smtps of a relay URL; lmtp goes as smtp does. */
enum relay_tls { RELAY_OPPORTUNISTIC, RELAY_TLS, RELAY_NOTLS, RELAY_SMTPS };

/* What `action NAME relay` says; a URL of the table `domain` replaces the first block. */
struct relay {
	char		*host;		/* NULL: the MX of the recipient's domain */
	uint16_t	 port;		/* host order; 0: the scheme's own */
	bool		 lmtp;
	enum relay_tls	 tls;
	char		*label;		/* key in auth; NULL: no authentication */

	bool		 verify;	/* the certificate: smtps and smtp+tls unless `no-verify` */
	bool		 require_tls, no_verify;	/* `tls [no-verify]`, which holds for URLs of domain too */
	struct table	*domain;	/* domain -> relay URL */
	struct table	*auth;		/* label -> user:password */
	struct table	*src;		/* local addresses */
	struct table	*helo_src;	/* local address -> name */
	char		*helo;		/* NULL: conf.hostname */
	char		*ca, *pki;	/* names; NULL: the system's; none */
	char		*protocols, *ciphers;	/* of libtls; NULL: its default */
	char		*mail_from;	/* NULL: as it came; "@domain": only its domain is replaced */
	bool		 srs;
	bool		 backup;	/* only to MXs better than ours, */
	char		*backup_name;	/* which is named so; NULL: conf.hostname */
	uint8_t		 family;	/* enum resolve_family */
	uint32_t	 rate;		/* messages a second to a destination; 0: no limit */
	uint32_t	 connections;	/* at once to a destination; 0: default */
	uint32_t	 messages;	/* in a connection; 0: default */
	struct filter	*filter;	/* its procs are told what is said; NULL: none */
};

struct action {
	TAILQ_ENTRY(action) entry;
	char		*name;
	enum action_kind kind;
	char		*arg;		/* path or command, with %{...}; relay: NULL */
	struct relay	*relay;		/* of ACTION_RELAY */
	char		*user;		/* NULL: the recipient's */
	struct table	*alias;
	struct table	*virtual;
	int64_t		 ttl;		/* seconds; 0: conf.queue_ttl */
};

enum criterion_kind {
	FROM_ANY, FROM_LOCAL, FROM_SRC, FROM_SOCKET, FROM_RDNS, FROM_AUTH,
	FOR_ANY, FOR_LOCAL, FOR_DOMAIN, FOR_RCPT_TO,
	WITH_TAG, WITH_TLS, WITH_HELO, WITH_MAIL_FROM, WITH_RCPT_TO, WITH_AUTH
};

struct criterion {
	STAILQ_ENTRY(criterion) entry;
	enum criterion_kind kind;
	bool		 negate;
	bool		 regex;		/* table holds regular expressions */
	struct table	*table;		/* NULL where the kind has none */
};
STAILQ_HEAD(criteria, criterion);

/* A `match` directive; every criterion must hold.  from local / for local are added where not said. */
struct rule {
	TAILQ_ENTRY(rule) entry;
	struct criteria	 criteria;
	struct action	*action;	/* NULL: reject */
	struct filter	*filter;	/* match ... filter NAME: asked about what the rule takes; NULL: none */
	unsigned	 index;		/* order in the file, from 0 */
};

#define CONF_WARNS	4
#define CONF_STATS	60	/* seconds between stats, if not said */

enum overflow { OVERFLOW_DROP, OVERFLOW_WAIT };

#define CONF_FILTER_PROCS	64	/* procs that are filters: a bit each, of 64 */
#define CONF_RULE_FILTERS	64	/* filters that `match` names: a bit each, too */

struct proc_conf {		/* a `proc` directive */
	TAILQ_ENTRY(proc_conf) entry;
	unsigned	 index;		/* order in the file, from 0 */
	char		*name;
	char		*command;
	char		*user, *group, *chroot;		/* NULL: default */
	enum dialect	 dialect;	/* DIALECT_1, 0_4 to 0_7; reporters and founding filters 1, filters 0.7 if not said */
	size_t		 buffer;	/* bytes, default 64M */
	enum overflow	 overflow;
	int64_t		 wait;		/* seconds, overflow wait [TIME] */
	unsigned	 reports;	/* report ... on it: bits 1 << enum subsystem */
	/* of filters: */
	bool		 is_filter;	/* some `filter` names it */
	unsigned	 founding;	/* filter smtp-in ... on it, smtp-out on it: bits 1 << enum subsystem */
	unsigned	 bit;		/* of it, in the watchers of a report_source */
	unsigned	 attached;	/* to a listener, to a relay action: bits 1 << enum subsystem */
	unsigned	 phases;	/* filter smtp-in PHASE on it: bits 1 << enum phase; all it gets in dialect 1 */
	int64_t		 timeout;	/* seconds it may take for an answer, default 30 */
	bool		 bypass;	/* `down bypass`: new sessions go on without it while it is down; default: 451 */
	bool		 auth_secrets;	/* phase auth is asked with the secrets */
};

/* What a rule of a filter looks at; smtpd-filters(7). */
enum condition {
	COND_ANY,		/* holds always */
	COND_FCRDNS,		/* is confirmed; negated it holds for `error` too */
	COND_FCRDNS_ERROR,	/* could not be told */
	COND_RDNS,		/* has a name */
	COND_RDNS_TABLE, COND_SRC, COND_HELO,
	COND_AUTH,		/* has logged in */
	COND_AUTH_TABLE, COND_MAIL_FROM, COND_RCPT_TO,
	COND_ARGUMENT,		/* check-table, check-regex: what the phase is about */
	COND_MAX
};

enum filter_kind { FILTER_RULE, FILTER_PROC, FILTER_CHAIN };

/* A `filter` directive. */
struct filter {
	TAILQ_ENTRY(filter) entry;
	char		*name;		/* NULL: a founding rule, which holds for listeners, in file order */
	unsigned	 index;		/* order in the file, from 0 */
	enum filter_kind kind;
	bool		 shadow;	/* decides and is reported, and changes nothing */
	/* FILTER_RULE */
	enum phase	 phase;
	enum condition	 condition;
	bool		 negate, regex;
	struct table	*table;		/* NULL where the condition has none */
	enum decision	 action;
	char		*text;		/* reply, new value or report; NULL: the action has none */
	/* FILTER_PROC */
	struct proc_conf *proc;
	unsigned	 phases;	/* founding: bits 1 << enum phase; 0: as it registers */
	/* FILTER_CHAIN; members are rules and procs, never chains */
	struct filter	**members;
	size_t		 nmembers;
};

struct conf {
	char		 hostname[256];	/* /etc/mail/mailname, else gethostname(2) */
	char		*spool;
	char		*control;	/* control socket; submission is control.submit */
	int64_t		 queue_ttl;	/* seconds, default 4 days */
	size_t		 max_message_size;	/* bytes, default 35M */
	char		 sub_addr_delim;	/* default '+' */
	size_t		 max_mails;	/* smtp limit max-mails: transactions a session, 100 */
	size_t		 max_rcpt;	/* smtp limit max-rcpt: recipients a transaction, 1000 */
	size_t		 max_sessions;	/* smtp limit max-sessions (ours), 0: what descriptors allow */
	size_t		 max_line;	/* smtp limit max-line (ours): bytes of a body line, 65536 */
	size_t		 max_errors;	/* smtp limit max-errors (ours), 20 */
	int64_t		 idle;		/* smtp limit idle TIME (ours), seconds, 300 */
	int64_t		 bounce_warn[CONF_WARNS];	/* bounce warn-interval, seconds, rising; 0 ends them: default 4h */
	size_t		 max_deferred;	/* mta max-deferred: envelopes that wait with a destination, 100 */
	char		*srs_key, *srs_key_backup;	/* srs key; NULL: none */
	int64_t		 srs_ttl;	/* seconds, default 4 days */
	char		*resolvers;	/* dns resolver (ours): "addr[:port],..."; NULL: those of */
	char		*resolv_conf;	/* this file: dns resolver "/path" (ours), /etc/resolv.conf */
	char		*admd;		/* admd NAME; NULL: hostname */
	char		*hosts;		/* dns hosts "/path" (ours), /etc/hosts */
	int64_t		 stats_interval;	/* report stats on NAME [every TIME] (ours), seconds */
	int64_t		 dns_timeout;	/* dns timeout (ours): for all of a question, seconds, 10 */
	TAILQ_HEAD(, table)	 tables;
	TAILQ_HEAD(, listen)	 listens;
	TAILQ_HEAD(, pki)	 pkis;
	TAILQ_HEAD(, ca)	 cas;
	TAILQ_HEAD(, action)	 actions;
	TAILQ_HEAD(rules, rule)	 rules;
	TAILQ_HEAD(, proc_conf)	 procs;
	TAILQ_HEAD(, filter)	 filters;
	struct conf_sources	 sources;	/* main file first */
};

/* What holds where a file says nothing.  Takes over the sources, NULL: none. */
struct conf *conf_new(struct conf_sources *);
/*
 * Reads and parses a file and what it includes.  Errors (file:line:column:
 * token: what would be right) go to errors; NULL if there was any.
 * macros: NAME=VALUE strings of -D, NULL-terminated, or NULL.
 */
struct conf *conf_load(const char *path, char *const macros[], FILE *errors);
/* The same from sources already read; takes them over. */
struct conf *conf_parse(struct conf_sources *, char *const macros[], FILE *errors);
void	conf_free(struct conf *);

/*
 * Calls each with every socket address that the listener stands for.  -1 if
 * there is none, with *why saying so in static words, or if each returned -1,
 * with *why NULL.  May ask the resolver: for the parent only.
 */
int	conf_listen_resolve(const struct listen *,
	    int (*each)(void *, const struct sockaddr *, socklen_t), void *arg, const char **why);

/*
 * Reads [scheme://][label@]host[:port] into the first block of *r, and verify.
 * An address loses its brackets.  host and label are new and the caller's, what
 * they were before is not freed.  -1 with *why in static words, *r is as it was.
 */
int	 conf_relay_url(struct slice, struct relay *r, const char **why);
/* Lets the options of tls hold for what the URL says: NULL, or why they cannot. */
const char *conf_relay_tls(struct relay *);

struct action	*conf_action(const struct conf *, struct slice name);
struct table	*conf_table(const struct conf *, struct slice name);
struct filter	*conf_filter(const struct conf *, struct slice name);
/* The bits of the procs in it, for the watchers of a report_source; NULL has none. */
uint64_t	 conf_filter_bits(const struct filter *);
/* The same of all who are told what happens in the sessions of an action. */
uint64_t	 conf_relay_bits(const struct conf *, const struct relay *);
struct pki	*conf_pki(const struct conf *, const char *name);
struct ca	*conf_ca(const struct conf *, const char *name);

#endif
