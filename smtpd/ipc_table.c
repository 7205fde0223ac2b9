/* SPDX-License-Identifier: ISC */
/*
 * Every message between processes: who sends it, who gets it, its size, a
 * descriptor or none.  Used by all processes.
 */
#include "smtpd/ipc_table.h"

#define FROM(p)	(1u << PROC_##p)
#define PARSES	(FROM(SMTP) | FROM(LOOKUP) | FROM(DNS) | FROM(QUEUE) | FROM(RELAY) | \
		FROM(AUTH))	/* the configuration */
#define CHILD	(PARSES | FROM(DELIVER))

const struct ipc_row ipc_rows[IPC_MAX] = {
	[IPC_CONF_SOURCE] = { "conf-source", FROM(PARENT), PARSES, 8, IPC_MAX_DATA, false },
	[IPC_CONF_MACRO] = { "conf-macro", FROM(PARENT), PARSES, 4, 4096, false },
	[IPC_CONF_DONE]	= { "conf-done", FROM(PARENT), CHILD, 6, 512, false },
	[IPC_PEER]	= { "peer", FROM(PARENT), CHILD, 5, 512, true },
	[IPC_START]	= { "start", FROM(PARENT), CHILD, 0, 0, false },
	[IPC_STOP]	= { "stop", FROM(PARENT), CHILD, 0, 0, false },
	[IPC_READY]	= { "ready", CHILD, FROM(PARENT), 0, 0, false },
	[IPC_ACTION]	= { "action", FROM(PARENT), FROM(DELIVER), 10, 65536, false },
	[IPC_LISTENER]	= { "listener", FROM(PARENT), FROM(SMTP), 8, 512, true },
	[IPC_RESOLV]	= { "resolv", FROM(PARENT), FROM(DNS), 6, IPC_MAX_DATA, false },
	[IPC_CA]	= { "ca", FROM(PARENT), FROM(RELAY), 9, IPC_MAX_DATA, false },
	[IPC_PKI]	= { "pki", FROM(PARENT), FROM(SMTP) | FROM(RELAY), 12, IPC_MAX_DATA, false },
	[IPC_PROC_STDIN] = { "proc-stdin", FROM(PARENT), FROM(SMTP), 8, 8, true },
	[IPC_PROC_OUTPUT] = { "proc-output", FROM(PARENT), FROM(SMTP), 4, 4, true },
	[IPC_PROC_ERRORS] = { "proc-errors", FROM(PARENT), FROM(SMTP), 4, 4, true },
	[IPC_PROC_FAILED] = { "proc-failed", FROM(SMTP), FROM(PARENT), 8, 8, false },
	[IPC_RESOLVE]	= { "resolve", FROM(SMTP) | FROM(RELAY), FROM(DNS), 14, 512, false },
	[IPC_RESOLVED]	= { "resolved", FROM(DNS), FROM(SMTP) | FROM(RELAY), 22, 32768, false },
	[IPC_RCPT]	= { "rcpt", FROM(SMTP) | FROM(QUEUE), FROM(LOOKUP), 53, 8192, false },
	[IPC_VERDICT]	= { "verdict", FROM(LOOKUP), FROM(SMTP) | FROM(QUEUE), 25, IPC_MAX_DATA, false },
	[IPC_LOGIN]	= { "login", FROM(SMTP), FROM(AUTH), 31, 1024, false },
	[IPC_LOGGED_IN]	= { "logged-in", FROM(AUTH), FROM(SMTP), 13, 13, false },
	[IPC_HASH_WANT]	= { "hash-want", FROM(AUTH), FROM(LOOKUP) | FROM(PARENT), 13, 512, false },
	[IPC_HASH]	= { "hash", FROM(LOOKUP) | FROM(PARENT), FROM(AUTH), 9, 512, false },
	[IPC_CONDITION]	= { "condition", FROM(SMTP), FROM(LOOKUP), 20, 4096, false },
	[IPC_HELD]	= { "held", FROM(LOOKUP), FROM(SMTP), 17, 17, false },
	[IPC_QUERY]	= { "query", FROM(RELAY), FROM(LOOKUP), 17, 4096, false },
	[IPC_ANSWER]	= { "answer", FROM(LOOKUP), FROM(RELAY), 13, 8192, false },
	[IPC_UPDATE]	= { "update", FROM(QUEUE), FROM(LOOKUP), 12, 512, false },
	[IPC_UPDATED]	= { "updated", FROM(LOOKUP), FROM(QUEUE), 13, 8192, false },
	[IPC_ENVELOPE]	= { "envelope", FROM(LOOKUP), FROM(QUEUE), 42, 8192, false },
	[IPC_LEASE]	= { "lease", FROM(QUEUE), FROM(SMTP), 8, 8, false },
	[IPC_LEASE_WANT] = { "lease-want", FROM(SMTP), FROM(QUEUE), 0, 0, false },
	[IPC_WINDOW]	= { "window", FROM(QUEUE) | FROM(DELIVER), FROM(SMTP) | FROM(QUEUE), 4, 4, false },
	[IPC_CONTENT]	= { "content", FROM(SMTP), FROM(QUEUE), 8, IPC_MAX_DATA, false },
	[IPC_COMMIT]	= { "commit", FROM(SMTP), FROM(QUEUE), 46, IPC_MAX_DATA, false },
	[IPC_COMMITTED]	= { "committed", FROM(QUEUE), FROM(SMTP), 5, 5, false },
	[IPC_DISCARD]	= { "discard", FROM(SMTP), FROM(QUEUE), 4, 4, false },
	[IPC_SPACE]	= { "space", FROM(QUEUE), FROM(SMTP), 1, 1, false },
	[IPC_ORPHAN]	= { "orphan", FROM(QUEUE), FROM(SMTP), 20, 20, false },
	[IPC_REPORT]	= { "report", FROM(RELAY) | FROM(QUEUE), FROM(SMTP), 30, IPC_MAX_DATA, false },
	[IPC_CONTROL]	= { "control", FROM(PARENT), FROM(QUEUE), 0, 0, true },
	[IPC_DELIVER_WANT] = { "deliver-want", FROM(QUEUE), FROM(PARENT), 5, 512, false },
	[IPC_DELIVER_PEER] = { "deliver-peer", FROM(PARENT), FROM(QUEUE), 5, 512, true },
	[IPC_DELIVER_NONE] = { "deliver-none", FROM(PARENT), FROM(QUEUE), 10, 1024, false },
	[IPC_SHUTDOWN]	= { "shutdown", FROM(QUEUE), FROM(PARENT), 0, 0, false },
	[IPC_JOB]	= { "job", FROM(QUEUE), FROM(DELIVER), 52, IPC_MAX_DATA, false },
	[IPC_JOB_CONTENT] = { "job-content", FROM(QUEUE), FROM(DELIVER), 12, IPC_MAX_DATA, false },
	[IPC_RESULT]	= { "result", FROM(DELIVER), FROM(QUEUE), 13, 4096, false },
	[IPC_RELAY]	= { "relay", FROM(QUEUE), FROM(RELAY), 54, IPC_MAX_DATA, false },
	[IPC_FETCH]	= { "fetch", FROM(RELAY), FROM(QUEUE), 20, 20, false },
	[IPC_FETCHED]	= { "fetched", FROM(QUEUE), FROM(RELAY), 12, IPC_MAX_DATA, false },
	[IPC_RELAYED]	= { "relayed", FROM(RELAY), FROM(QUEUE), 30, 8192, false },
};
