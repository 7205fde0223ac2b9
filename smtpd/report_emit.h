/* SPDX-License-Identifier: ISC */
#ifndef SMTPD_REPORT_EMIT_H
#define SMTPD_REPORT_EMIT_H

/*
 * One function an event, called with typed values at the place where the
 * decision is made.  What a peer sent is made safe here (smtpd-report(7)).
 * Used by every process that reports.
 */
#include <stdint.h>

#include "lib/filter.h"
#include "lib/report.h"

struct report_source {		/* who reports: a session; 0 for queue and stats */
	enum subsystem	 subsystem;
	uint64_t	 session;
	uint64_t	 watchers;	/* filters that are told: 1 << bit of each proc_conf */
};

void	report_link_connect(const struct report_source *, struct slice rdns,
	    enum fcrdns, struct slice src, struct slice dest);
void	report_link_greeting(const struct report_source *, struct slice hostname);
void	report_link_identify(const struct report_source *, enum method,
	    struct slice identity);
void	report_link_tls(const struct report_source *, struct slice tls);
/* result: "pass", "fail", "error". */
void	report_link_auth(const struct report_source *, const char *result,
	    struct slice username);
void	report_link_disconnect(const struct report_source *);
void	report_tx_begin(const struct report_source *, uint32_t msgid);
void	report_tx_mail(const struct report_source *, uint32_t msgid,
	    enum result, struct slice address);
void	report_tx_rcpt(const struct report_source *, uint32_t msgid,
	    enum result, struct slice address);
void	report_tx_envelope(const struct report_source *, uint32_t msgid,
	    uint64_t evpid);
void	report_tx_data(const struct report_source *, uint32_t msgid,
	    enum result);
void	report_tx_reset(const struct report_source *, uint32_t msgid);
void	report_tx_commit(const struct report_source *, uint32_t msgid,
	    uint64_t size);
void	report_tx_rollback(const struct report_source *, uint32_t msgid);
void	report_protocol_client(const struct report_source *, struct slice line);
void	report_protocol_server(const struct report_source *, struct slice line);
void	report_link_failed(const struct report_source *, struct slice dest,
	    struct slice reason);
/* decision: "reject", "shadow-reject" ...; param SLICE_NONE: none. */
void	report_filter_response(const struct report_source *, enum phase, const char *decision,
	    struct slice param);
/* kind: "builtin", "proc"; filter: its name in the configuration. */
void	report_filter_report(const struct report_source *, const char *kind, const char *filter,
	    struct slice message);
void	report_timeout(const struct report_source *);
/* Lines that died with a process: nobody knows how many, so COUNT is 0. */
void	report_gap_unknown(enum subsystem, uint64_t time);

/* What became of an envelope: one of EV_ENVELOPE_*; delay in microseconds since it was accepted. */
struct report_fate {
	uint32_t	 msgid;
	uint64_t	 evpid;
	const char	*transport;	/* "maildir", "mda", "relay", "lmtp" */
	uint32_t	 attempts;
	uint64_t	 delay;
	uint64_t	 next;		/* deferred: the next try, microseconds since the epoch */
	struct slice	 dest;		/* the remote's "addr:port"; empty where there is none */
	struct slice	 recipient, reply;
};
void	report_envelope(enum event_id, const struct report_fate *);
/* kind: "failed", "delayed", "delivered"; bounce: the notification's msgid. */
void	report_message_bounce(uint32_t msgid, const char *kind, uint32_t bounce,
	    struct slice recipient);
/* Names are literals of ours: "smtp.sessions"; "report.NAME.dropped" of a configured name. */
void	report_counter(const char *name, uint64_t value);
void	report_gauge(const char *name, uint64_t value);

/*
 * Where the lines go, set once: the bus of smtp (smtp_bus.c), or the channel
 * to it (report_remote.c).
 */
typedef void (*report_sink)(const struct report_source *, enum event_id,
	const struct report_value *, size_t n);
void	report_to(report_sink);

#endif
