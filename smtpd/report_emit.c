/* SPDX-License-Identifier: ISC */
/*
 * The events, one function each: typed values in, made safe, to the bus.
 * Used by every process that reports.
 */
#include "lib/nitems.h"
#include "smtpd/report_emit.h"

/* Room for a text in which every byte had to be escaped, within a line. */
#define SAFE_MAX	(REPORT_LINE_MAX - 512)

/*
 * bar: the table has this field last, so `|` may stand in it.
 * Lives until the next call but one: no event has more than two such texts.
 */
static struct slice
safe(struct slice text, bool bar)
{
	static char	 buf[2][SAFE_MAX];
	static unsigned	 turn;

	return report_safe(buf[turn++ & 1], SAFE_MAX, text, bar);
}

void
report_link_connect(const struct report_source *src, struct slice rdns,
    enum fcrdns fcrdns, struct slice from, struct slice dest)
{
	const struct report_value v[] = {
		{ RF_RDNS,	.text = safe(rdns, false) },
		{ RF_FCRDNS,	.token = fcrdns_names[fcrdns] },
		{ RF_SRC,	.text = from },
		{ RF_DEST,	.text = safe(dest, false) },
	};

	report_send(src, EV_LINK_CONNECT, v, nitems(v));
}

void
report_link_greeting(const struct report_source *src, struct slice hostname)
{
	const struct report_value v[] = {
		{ RF_HOSTNAME,	.text = safe(hostname, true) },
	};

	report_send(src, EV_LINK_GREETING, v, nitems(v));
}

void
report_link_identify(const struct report_source *src, enum method method,
    struct slice identity)
{
	const struct report_value v[] = {
		{ RF_METHOD,	.token = method_names[method] },
		{ RF_IDENTITY,	.text = safe(identity, true) },
	};

	report_send(src, EV_LINK_IDENTIFY, v, nitems(v));
}

void
report_link_tls(const struct report_source *src, struct slice tls)
{
	const struct report_value v[] = {
		{ RF_TLS,	.text = tls },
	};

	report_send(src, EV_LINK_TLS, v, nitems(v));
}

void
report_link_disconnect(const struct report_source *src)
{
	report_send(src, EV_LINK_DISCONNECT, NULL, 0);
}

/* Events whose only value is the transaction. */
static void
report_tx(const struct report_source *src, enum event_id event, uint32_t msgid)
{
	const struct report_value v[] = {
		{ RF_MSGID,	.num = msgid },
	};

	report_send(src, event, v, nitems(v));
}

void
report_tx_begin(const struct report_source *src, uint32_t msgid)
{
	report_tx(src, EV_TX_BEGIN, msgid);
}

void
report_tx_reset(const struct report_source *src, uint32_t msgid)
{
	report_tx(src, EV_TX_RESET, msgid);
}

void
report_tx_rollback(const struct report_source *src, uint32_t msgid)
{
	report_tx(src, EV_TX_ROLLBACK, msgid);
}

void
report_tx_mail(const struct report_source *src, uint32_t msgid,
    enum result result, struct slice address)
{
	const struct report_value v[] = {
		{ RF_MSGID,	.num = msgid },
		{ RF_RESULT,	.token = result_names[result] },
		{ RF_ADDRESS,	.text = safe(address, true) },
	};

	report_send(src, EV_TX_MAIL, v, nitems(v));
}

void
report_tx_rcpt(const struct report_source *src, uint32_t msgid,
    enum result result, struct slice address)
{
	const struct report_value v[] = {
		{ RF_MSGID,	.num = msgid },
		{ RF_RESULT,	.token = result_names[result] },
		{ RF_ADDRESS,	.text = safe(address, true) },
	};

	report_send(src, EV_TX_RCPT, v, nitems(v));
}

void
report_tx_envelope(const struct report_source *src, uint32_t msgid,
    uint64_t evpid)
{
	const struct report_value v[] = {
		{ RF_MSGID,	.num = msgid },
		{ RF_EVPID,	.num = evpid },
	};

	report_send(src, EV_TX_ENVELOPE, v, nitems(v));
}

void
report_tx_data(const struct report_source *src, uint32_t msgid,
    enum result result)
{
	const struct report_value v[] = {
		{ RF_MSGID,	.num = msgid },
		{ RF_RESULT,	.token = result_names[result] },
	};

	report_send(src, EV_TX_DATA, v, nitems(v));
}

void
report_tx_commit(const struct report_source *src, uint32_t msgid, uint64_t size)
{
	const struct report_value v[] = {
		{ RF_MSGID,	.num = msgid },
		{ RF_SIZE,	.num = size },
	};

	report_send(src, EV_TX_COMMIT, v, nitems(v));
}

void
report_protocol_client(const struct report_source *src, struct slice line)
{
	const struct report_value v[] = {
		{ RF_COMMAND,	.text = safe(line, true) },
	};

	report_send(src, EV_PROTOCOL_CLIENT, v, nitems(v));
}

void
report_protocol_server(const struct report_source *src, struct slice line)
{
	const struct report_value v[] = {
		{ RF_REPLY,	.text = safe(line, true) },
	};

	report_send(src, EV_PROTOCOL_SERVER, v, nitems(v));
}

void
report_timeout(const struct report_source *src)
{
	report_send(src, EV_TIMED_OUT, NULL, 0);
}

void
report_gap_unknown(enum subsystem subsystem, uint64_t time)
{
	const struct report_source src = { subsystem, 0 };
	const struct report_value v[] = {
		{ RF_COUNT,	.num = 0 },
		{ RF_FIRST,	.num = time },
		{ RF_LAST,	.num = time },
	};

	report_send(&src, EV_REPORT_GAP, v, nitems(v));
}
