/* SPDX-License-Identifier: ISC */
/*
 * The events, one function each: typed values in, made safe, to the bus.
 * Used by every process that reports.
 */
#include "lib/nitems.h"
#include "smtpd/report_emit.h"

static report_sink	 sink;

void
report_to(report_sink to)
{
	sink = to;
}

static void
send(const struct report_source *src, enum event_id event,
    const struct report_value *v, size_t n)
{
	if (sink != NULL)
		sink(src, event, v, n);
}

/* Room for a text in which every byte had to be escaped, within a line. */
#define SAFE_MAX	(REPORT_LINE_MAX - 512)

/*
 * bar: the table has this text last, so `|` may stand in it.
 * Lives until the next call but two: no event has more than three such texts.
 */
static struct slice
safe(struct slice text, bool bar)
{
	static char	 buf[3][SAFE_MAX];
	static unsigned	 turn;

	turn = (turn + 1) % 3;
	return report_safe(buf[turn], SAFE_MAX, text, bar);
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

	send(src, EV_LINK_CONNECT, v, nitems(v));
}

void
report_link_greeting(const struct report_source *src, struct slice hostname)
{
	const struct report_value v[] = {
		{ RF_HOSTNAME,	.text = safe(hostname, true) },
	};

	send(src, EV_LINK_GREETING, v, nitems(v));
}

void
report_link_identify(const struct report_source *src, enum method method,
    struct slice identity)
{
	const struct report_value v[] = {
		{ RF_METHOD,	.token = method_names[method] },
		{ RF_IDENTITY,	.text = safe(identity, true) },
	};

	send(src, EV_LINK_IDENTIFY, v, nitems(v));
}

void
report_link_tls(const struct report_source *src, struct slice tls)
{
	const struct report_value v[] = {
		{ RF_TLS,	.text = tls },
	};

	send(src, EV_LINK_TLS, v, nitems(v));
}

void
report_link_auth(const struct report_source *src, const char *result,
    struct slice username)
{
	const struct report_value v[] = {
		{ RF_RESULT,	.token = result },
		{ RF_USERNAME,	.text = safe(username, true) },
	};

	send(src, EV_LINK_AUTH, v, nitems(v));
}

void
report_link_disconnect(const struct report_source *src)
{
	send(src, EV_LINK_DISCONNECT, NULL, 0);
}

/* Events whose only value is the transaction. */
static void
report_tx(const struct report_source *src, enum event_id event, uint32_t msgid)
{
	const struct report_value v[] = {
		{ RF_MSGID,	.num = msgid },
	};

	send(src, event, v, nitems(v));
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

	send(src, EV_TX_MAIL, v, nitems(v));
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

	send(src, EV_TX_RCPT, v, nitems(v));
}

void
report_tx_envelope(const struct report_source *src, uint32_t msgid,
    uint64_t evpid)
{
	const struct report_value v[] = {
		{ RF_MSGID,	.num = msgid },
		{ RF_EVPID,	.num = evpid },
	};

	send(src, EV_TX_ENVELOPE, v, nitems(v));
}

void
report_tx_data(const struct report_source *src, uint32_t msgid,
    enum result result)
{
	const struct report_value v[] = {
		{ RF_MSGID,	.num = msgid },
		{ RF_RESULT,	.token = result_names[result] },
	};

	send(src, EV_TX_DATA, v, nitems(v));
}

void
report_tx_commit(const struct report_source *src, uint32_t msgid, uint64_t size)
{
	const struct report_value v[] = {
		{ RF_MSGID,	.num = msgid },
		{ RF_SIZE,	.num = size },
	};

	send(src, EV_TX_COMMIT, v, nitems(v));
}

void
report_protocol_client(const struct report_source *src, struct slice line)
{
	const struct report_value v[] = {
		{ RF_COMMAND,	.text = safe(line, true) },
	};

	send(src, EV_PROTOCOL_CLIENT, v, nitems(v));
}

void
report_protocol_server(const struct report_source *src, struct slice line)
{
	const struct report_value v[] = {
		{ RF_REPLY,	.text = safe(line, true) },
	};

	send(src, EV_PROTOCOL_SERVER, v, nitems(v));
}

void
report_link_failed(const struct report_source *src, struct slice dest,
    struct slice reason)
{
	const struct report_value v[] = {
		{ RF_DEST,	.text = safe(dest, false) },
		{ RF_REASON,	.text = safe(reason, true) },
	};

	send(src, EV_LINK_FAILED, v, nitems(v));
}

void
report_envelope(enum event_id event, const struct report_fate *f)
{
	static const struct report_source src = { .subsystem = SUBSYSTEM_QUEUE };
	const struct report_value v[] = {
		{ RF_MSGID,	.num = f->msgid },
		{ RF_EVPID,	.num = f->evpid },
		{ RF_TRANSPORT,	.token = f->transport },
		{ RF_ATTEMPTS,	.num = f->attempts },
		{ RF_DELAY,	.num = f->delay },
		{ RF_NEXT,	.num = f->next },
		{ RF_DEST,	.text = safe(f->dest, false) },
		{ RF_RECIPIENT,	.text = safe(f->recipient, false) },
		{ RF_REPLY,	.text = safe(f->reply, true) },
	};

	send(&src, event, v, nitems(v));
}

void
report_message_bounce(uint32_t msgid, const char *kind, uint32_t bounce,
    struct slice recipient)
{
	static const struct report_source src = { .subsystem = SUBSYSTEM_QUEUE };
	const struct report_value v[] = {
		{ RF_MSGID,	.num = msgid },
		{ RF_KIND,	.token = kind },
		{ RF_BOUNCE,	.num = bounce },
		{ RF_RECIPIENT,	.text = safe(recipient, true) },
	};

	send(&src, EV_MESSAGE_BOUNCE, v, nitems(v));
}

static void
stat_line(enum event_id event, const char *name, uint64_t value)
{
	static const struct report_source src = { .subsystem = SUBSYSTEM_STATS };
	const struct report_value v[] = {
		{ RF_NAME,	.token = name },
		{ RF_VALUE,	.num = value },
	};

	send(&src, event, v, nitems(v));
}

void
report_counter(const char *name, uint64_t value)
{
	stat_line(EV_COUNTER, name, value);
}

void
report_gauge(const char *name, uint64_t value)
{
	stat_line(EV_GAUGE, name, value);
}

void
report_filter_response(const struct report_source *src, enum phase phase,
    const char *decision, struct slice param)
{
	const struct report_value v[] = {
		{ RF_PHASE,	.token = filter_phases[phase].reported },
		{ RF_DECISION,	.token = decision },
		{ RF_PARAM,	.text = safe(param, true) },
	};

	send(src, EV_FILTER_RESPONSE, v, param.p == NULL ? 2 : 3);
}

void
report_filter_report(const struct report_source *src, const char *kind,
    const char *filter, struct slice message)
{
	const struct report_value v[] = {
		{ RF_KIND,	.token = kind },
		{ RF_FILTER,	.text = safe(slice_str(filter), false) },
		{ RF_MESSAGE,	.text = safe(message, true) },
	};

	send(src, EV_FILTER_REPORT, v, nitems(v));
}

void
report_timeout(const struct report_source *src)
{
	send(src, EV_TIMED_OUT, NULL, 0);
}

void
report_gap_unknown(enum subsystem subsystem, uint64_t time)
{
	const struct report_source src = { .subsystem = subsystem };
	const struct report_value v[] = {
		{ RF_COUNT,	.num = 0 },
		{ RF_FIRST,	.num = time },
		{ RF_LAST,	.num = time },
	};

	send(&src, EV_REPORT_GAP, v, nitems(v));
}
