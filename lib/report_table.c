/* SPDX-License-Identifier: ISC */
/*
 * The table of the report language: the only place where events, fields,
 * dialects and their orders are spelt.
 */
#include "lib/nitems.h"
#include "lib/report.h"

const char *const result_names[RESULT_MAX] = {
	[RESULT_OK]		= "ok",
	[RESULT_TEMPFAIL]	= "tempfail",
	[RESULT_PERMFAIL]	= "permfail",
};

const char *const fcrdns_names[FCRDNS_MAX] = {
	[FCRDNS_PASS]		= "pass",
	[FCRDNS_FAIL]		= "fail",
	[FCRDNS_ERROR]		= "error",
};

const char *const method_names[METHOD_MAX] = {
	[METHOD_HELO]		= "HELO",
	[METHOD_EHLO]		= "EHLO",
	[METHOD_LHLO]		= "LHLO",
};

const char *const subsystem_names[SUBSYSTEM_MAX] = {
	[SUBSYSTEM_SMTP_IN]	= "smtp-in",
	[SUBSYSTEM_SMTP_OUT]	= "smtp-out",
	[SUBSYSTEM_QUEUE]	= "queue",
	[SUBSYSTEM_STATS]	= "stats",
};

/* The version field of each; the two oldest have none. */
const char *const dialect_names[DIALECT_MAX] = {
	[DIALECT_DAY1]		= "2018-11-01",
	[DIALECT_UNVERSIONED]	= "unversioned",
	[DIALECT_1]		= "1",
	[DIALECT_0]		= "0",
	[DIALECT_0_1]		= "0.1",
	[DIALECT_0_2]		= "0.2",
	[DIALECT_0_3]		= "0.3",
	[DIALECT_0_4]		= "0.4",
	[DIALECT_0_5]		= "0.5",
	[DIALECT_0_6]		= "0.6",
	[DIALECT_0_7]		= "0.7",
	[DIALECT_UNKNOWN]	= "unknown",
};

const struct report_field report_fields[RF_MAX] = {
	[RF_VERSION]	= { "version",		RT_TOKEN },
	[RF_TIME]	= { "time",		RT_TIME },
	[RF_SUBSYSTEM]	= { "subsystem",	RT_TOKEN },
	[RF_EVENT]	= { "event",		RT_TOKEN },
	[RF_SESSION]	= { "session",		RT_HEX64 },
	[RF_RDNS]	= { "rdns",		RT_TEXT },
	[RF_FCRDNS]	= { "fcrdns",		RT_TOKEN },
	[RF_SRC]	= { "src",		RT_ADDRESS },
	[RF_DEST]	= { "dest",		RT_ADDRESS },
	[RF_HOSTNAME]	= { "hostname",		RT_TEXT },
	[RF_METHOD]	= { "method",		RT_TOKEN },
	[RF_IDENTITY]	= { "identity",		RT_TEXT },
	[RF_TLS]	= { "tls",		RT_TLS },
	[RF_USERNAME]	= { "username",		RT_TEXT },
	[RF_RESULT]	= { "result",		RT_TOKEN },
	[RF_MSGID]	= { "msgid",		RT_HEX32 },
	[RF_EVPID]	= { "evpid",		RT_HEX64 },
	[RF_SIZE]	= { "size",		RT_NUMBER },
	[RF_ADDRESS]	= { "address",		RT_MAIL },
	[RF_COMMAND]	= { "command",		RT_TEXT },
	[RF_REPLY]	= { "reply",		RT_TEXT },
	[RF_PHASE]	= { "phase",		RT_TOKEN },
	[RF_DECISION]	= { "decision",		RT_TOKEN },
	[RF_PARAM]	= { "param",		RT_TEXT },
	[RF_KIND]	= { "kind",		RT_TOKEN },
	[RF_FILTER]	= { "filter",		RT_TOKEN },
	[RF_MESSAGE]	= { "message",		RT_TEXT },
	[RF_COUNT]	= { "count",		RT_NUMBER },
	[RF_FIRST]	= { "first",		RT_TIME },
	[RF_LAST]	= { "last",		RT_TIME },
	[RF_STATUS]	= { "status",		RT_TOKEN },
	[RF_BEGIN]	= { "begin",		RT_TIME },
	[RF_DURATION]	= { "duration",		RT_SECONDS },
	[RF_SENDER]	= { "sender",		RT_MAIL },
	[RF_RECIPIENT]	= { "recipient",	RT_MAIL },
	[RF_RCPT_RESULT] = { "rcpt-result",	RT_TOKEN },
	[RF_SIZE_RAW]	= { "size-raw",		RT_NUMBER },
	[RF_MARK]	= { "mark",		RT_TOKEN },
	[RF_LOGINS_FAILED] = { "logins-failed",	RT_NUMBER },
	[RF_COMMANDS]	= { "commands",		RT_NUMBER },
	[RF_ERRORS]	= { "errors",		RT_NUMBER },
	[RF_TRANSACTIONS] = { "transactions",	RT_NUMBER },
	[RF_COMMITS]	= { "commits",		RT_NUMBER },
	[RF_BYTES]	= { "bytes",		RT_NUMBER },
	[RF_FATE]	= { "fate",		RT_TOKEN },
	[RF_DELAY]	= { "delay",		RT_SECONDS },
	[RF_ATTEMPTS]	= { "attempts",		RT_NUMBER },
	[RF_REASON]	= { "reason",		RT_TEXT },
	[RF_TRANSPORT]	= { "transport",	RT_TOKEN },
	[RF_NEXT]	= { "next",		RT_TIME },
	[RF_BOUNCE]	= { "bounce",		RT_HEX32 },
	[RF_NAME]	= { "name",		RT_TOKEN },
	[RF_VALUE]	= { "value",		RT_NUMBER },
	[RF_EXPECTED]	= { "expected",		RT_TEXT },
};

/* Fields in the newest order, how many at the end early dialects lack, is it derived. */
const struct report_event report_events[EV_MAX] = {
	[EV_LINK_CONNECT]	= { "link-connect",	{ RF_RDNS, RF_FCRDNS, RF_SRC, RF_DEST }, 0 },
	[EV_LINK_GREETING]	= { "link-greeting",	{ RF_HOSTNAME }, 0 },
	[EV_LINK_IDENTIFY]	= { "link-identify",	{ RF_METHOD, RF_IDENTITY }, 0 },
	[EV_LINK_TLS]		= { "link-tls",		{ RF_TLS }, 0 },
	[EV_LINK_AUTH]		= { "link-auth",	{ RF_RESULT, RF_USERNAME }, 0 },
	[EV_LINK_RESET]		= { "link-reset",	{ 0 }, 0 },
	[EV_LINK_DISCONNECT]	= { "link-disconnect",	{ 0 }, 0 },
	[EV_TX_BEGIN]		= { "tx-begin",		{ RF_MSGID }, 1 },
	[EV_TX_MAIL]		= { "tx-mail",		{ RF_MSGID, RF_RESULT, RF_ADDRESS }, 0 },
	[EV_TX_RCPT]		= { "tx-rcpt",		{ RF_MSGID, RF_RESULT, RF_ADDRESS }, 0 },
	[EV_TX_ENVELOPE]	= { "tx-envelope",	{ RF_MSGID, RF_EVPID }, 0 },
	[EV_TX_DATA]		= { "tx-data",		{ RF_MSGID, RF_RESULT }, 0 },
	[EV_TX_RESET]		= { "tx-reset",		{ RF_MSGID }, 1 },
	[EV_TX_COMMIT]		= { "tx-commit",	{ RF_MSGID, RF_SIZE }, 2 },
	[EV_TX_ROLLBACK]	= { "tx-rollback",	{ RF_MSGID }, 1 },
	[EV_PROTOCOL_CLIENT]	= { "protocol-client",	{ RF_COMMAND }, 0 },
	[EV_PROTOCOL_SERVER]	= { "protocol-server",	{ RF_REPLY }, 0 },
	[EV_FILTER_RESPONSE]	= { "filter-response",	{ RF_PHASE, RF_DECISION, RF_PARAM }, 1 },
	[EV_FILTER_REPORT]	= { "filter-report",	{ RF_KIND, RF_FILTER, RF_MESSAGE }, 0 },
	[EV_TIMED_OUT]		= { "timeout",		{ 0 }, 0 },
	[EV_REPORT_GAP]		= { "report-gap",	{ RF_COUNT, RF_FIRST, RF_LAST }, 0 },
	[EV_LINK_FAILED]	= { "link-failed",	{ RF_DEST, RF_REASON }, 0 },
	[EV_ENVELOPE_DELIVERED]	= { "envelope-delivered", {
		RF_MSGID, RF_EVPID, RF_TRANSPORT, RF_ATTEMPTS, RF_DELAY,
		RF_DEST, RF_RECIPIENT, RF_REPLY }, 0 },
	[EV_ENVELOPE_DEFERRED]	= { "envelope-deferred", {
		RF_MSGID, RF_EVPID, RF_TRANSPORT, RF_ATTEMPTS, RF_DELAY,
		RF_NEXT, RF_DEST, RF_RECIPIENT, RF_REPLY }, 0 },
	[EV_ENVELOPE_FAILED]	= { "envelope-failed", {
		RF_MSGID, RF_EVPID, RF_TRANSPORT, RF_ATTEMPTS, RF_DELAY,
		RF_DEST, RF_RECIPIENT, RF_REPLY }, 0 },
	[EV_ENVELOPE_EXPIRED]	= { "envelope-expired", {
		RF_MSGID, RF_EVPID, RF_TRANSPORT, RF_ATTEMPTS, RF_DELAY,
		RF_DEST, RF_RECIPIENT, RF_REPLY }, 0 },
	[EV_ENVELOPE_REMOVED]	= { "envelope-removed", {
		RF_MSGID, RF_EVPID, RF_TRANSPORT, RF_ATTEMPTS, RF_DELAY,
		RF_DEST, RF_RECIPIENT, RF_REPLY }, 0 },
	[EV_MESSAGE_BOUNCE]	= { "message-bounce",	{
		RF_MSGID, RF_KIND, RF_BOUNCE, RF_RECIPIENT }, 0 },
	[EV_COUNTER]		= { "counter",		{ RF_NAME, RF_VALUE }, 0 },
	[EV_GAUGE]		= { "gauge",		{ RF_NAME, RF_VALUE }, 0 },
	[EV_TX_SUMMARY]		= { "tx-summary",	{
		RF_MSGID, RF_STATUS, RF_BEGIN, RF_DURATION, RF_SRC, RF_DEST,
		RF_RDNS, RF_FCRDNS, RF_METHOD, RF_IDENTITY, RF_TLS, RF_USERNAME,
		RF_SENDER, RF_RECIPIENT, RF_RCPT_RESULT, RF_EVPID, RF_SIZE,
		RF_SIZE_RAW, RF_DECISION, RF_MARK, RF_REPLY }, 0, true },
	[EV_LINK_SUMMARY]	= { "link-summary",	{
		RF_STATUS, RF_BEGIN, RF_DURATION, RF_SRC, RF_DEST, RF_RDNS,
		RF_FCRDNS, RF_METHOD, RF_IDENTITY, RF_TLS, RF_USERNAME,
		RF_LOGINS_FAILED, RF_COMMANDS, RF_ERRORS, RF_TRANSACTIONS,
		RF_COMMITS, RF_BYTES, RF_MARK }, 0, true },
	[EV_MSG_SUMMARY]	= { "msg-summary",	{
		RF_MSGID, RF_STATUS, RF_BEGIN, RF_SENDER, RF_RECIPIENT, RF_FATE,
		RF_DELAY, RF_ATTEMPTS, RF_EVPID, RF_MARK }, 0, true },
	[EV_REPLAY_DIFF]	= { "replay-diff",	{
		RF_STATUS, RF_COMMAND, RF_EXPECTED, RF_REPLY }, 0, true },
};

/* Where older dialects, up to and including this one, have other orders. */
const struct report_order report_orders[] = {
	{ DIALECT_1,	EV_LINK_CONNECT,	{ RF_RDNS, RF_FCRDNS, RF_SRC, RF_DEST } },
	{ DIALECT_1,	EV_LINK_CONNECT,	{ RF_RDNS, RF_SRC, RF_DEST } },
	{ DIALECT_UNVERSIONED, EV_LINK_CONNECT,	{ RF_SRC, RF_DEST } },
	{ DIALECT_1,	EV_LINK_IDENTIFY,	{ RF_METHOD, RF_IDENTITY } },
	{ DIALECT_1,	EV_LINK_IDENTIFY,	{ RF_IDENTITY } },
	{ DIALECT_0_5,	EV_TX_MAIL,		{ RF_MSGID, RF_ADDRESS, RF_RESULT } },
	{ DIALECT_0_5,	EV_TX_RCPT,		{ RF_MSGID, RF_ADDRESS, RF_RESULT } },
	{ DIALECT_0_6,	EV_LINK_AUTH,		{ RF_USERNAME, RF_RESULT } },
	{ DIALECT_MAX,	EV_MAX,			{ 0 } },
};

/* The words of smtpd-filters(7) where they differ from ours. */
static const struct {
	const char	*name;
	enum field	 field;
} aliases[] = {
	{ "message-id",		RF_MSGID },
	{ "envelope-id",	RF_EVPID },
	{ "message-size",	RF_SIZE },
	{ "response",		RF_REPLY },
	{ "tls-string",		RF_TLS },
};

enum field
report_field_by_name(struct slice name)
{
	enum field	 f;
	size_t		 i;

	for (f = 0; f < RF_MAX; f++)
		if (slice_eq(name, slice_str(report_fields[f].name)))
			return f;
	for (i = 0; i < nitems(aliases); i++)
		if (slice_eq(name, slice_str(aliases[i].name)))
			return aliases[i].field;
	return RF_MAX;
}

/*
 * Every line asks for its event, so the names are hashed, on the first call.
 * The answers do not depend on who made it.
 */
#define INDEX_SIZE	128	/* a power of two, some times EV_MAX */

static uint8_t	 event_index[INDEX_SIZE];	/* an event and one; 0: free */
static uint8_t	 event_length[EV_MAX];

static inline unsigned
event_hash(const char *p, size_t n)
{
	return ((unsigned)n * 5 + (unsigned char)p[n - 1] * 3 +
	    (unsigned char)p[n / 2]) & (INDEX_SIZE - 1);
}

static void
event_index_make(void)
{
	enum event_id	 e;
	unsigned	 i;

	for (e = 0; e < EV_MAX; e++) {
		event_length[e] = (uint8_t)strlen(report_events[e].name);
		i = event_hash(report_events[e].name, event_length[e]);
		while (event_index[i] != 0)
			i = (i + 1) & (INDEX_SIZE - 1);
		event_index[i] = (uint8_t)(e + 1);
	}
}

enum event_id
report_event_by_name(struct slice name)
{
	enum event_id	 e;
	unsigned	 i;

	if (event_length[0] == 0)
		event_index_make();
	if (name.n == 0)
		return EV_UNKNOWN;
	i = event_hash(name.p, name.n);
	for (; event_index[i] != 0; i = (i + 1) & (INDEX_SIZE - 1)) {
		e = event_index[i] - 1;
		if (event_length[e] == name.n &&
		    memcmp(report_events[e].name, name.p, name.n) == 0)
			return e;
	}
	return EV_UNKNOWN;
}

enum dialect
report_dialect_by_version(struct slice version)
{
	enum dialect	 d;
	const char	*name;
	size_t		 i;

	for (d = DIALECT_0_7; d >= DIALECT_1; d--) {
		name = dialect_names[d];
		for (i = 0; i < version.n && name[i] == version.p[i] &&
		    name[i] != '\0'; i++)
			;
		if (i == version.n && name[i] == '\0')
			return d;
	}
	return DIALECT_UNKNOWN;
}
