/* SPDX-License-Identifier: ISC */
/*
 * The default format: one aligned line an event, for people.
 */
#include "lib/fmt_int.h"
#include "lib/nitems.h"
#include "lib/report_list.h"

#define SUBSYSTEM_WIDTH	5
#define SESSION_WIDTH	8	/* of 16 digits: enough to tell sessions apart */
#define EVENT_WIDTH	15
#define DIFFERENCE_WIDTH 12	/* a day, in seconds with a fraction */
#define PIECES		8

enum colour { PLAIN, DIM, GREEN, YELLOW, RED, BLUE, CYAN };

static const char *const colours[] = {
	[PLAIN]		= "\033[0m",
	[DIM]		= "\033[2m",
	[GREEN]		= "\033[32m",
	[YELLOW]	= "\033[33m",
	[RED]		= "\033[31m",
	[BLUE]		= "\033[34m",
	[CYAN]		= "\033[36m",
};

/* A value and what stands around it; all of it goes where the value is absent. */
struct piece {
	struct report_name	 name;
	const char		*before, *after;	/* NULL ends a row */
};

#define WHOLE(field)			{ { field, PART_WHOLE }, "", "" }
#define PART(field, part, after)	{ { field, part }, "", after }
#define AROUND(before, field, after)	{ { field, PART_WHOLE }, before, after }

/* What the fates of an envelope have in common. */
#define ENVELOPE							\
	WHOLE(RF_EVPID), AROUND("to <", RF_RECIPIENT, ">"),		\
	AROUND("by ", RF_TRANSPORT, ""), WHOLE(RF_DEST),		\
	AROUND("after ", RF_DELAY, " s"), AROUND("attempt ", RF_ATTEMPTS, "")

static const struct {
	enum colour	 colour;
	struct piece	 pieces[PIECES + 1];
} shown[EV_MAX] = {
	[EV_LINK_CONNECT]	= { CYAN, {
		WHOLE(RF_SRC), AROUND("> ", RF_DEST, ""), WHOLE(RF_RDNS),
		AROUND("fcrdns ", RF_FCRDNS, "") } },
	[EV_LINK_GREETING]	= { CYAN, { WHOLE(RF_HOSTNAME) } },
	[EV_LINK_IDENTIFY]	= { CYAN, { WHOLE(RF_METHOD), WHOLE(RF_IDENTITY) } },
	[EV_LINK_TLS]		= { CYAN, {
		PART(RF_TLS, PART_VERSION, ""), PART(RF_TLS, PART_CIPHER, ""),
		PART(RF_TLS, PART_BITS, " bits") } },
	[EV_LINK_AUTH]		= { CYAN, { WHOLE(RF_RESULT), WHOLE(RF_USERNAME) } },
	[EV_LINK_RESET]		= { .colour = CYAN },
	[EV_LINK_DISCONNECT]	= { .colour = CYAN },
	[EV_TX_BEGIN]		= { BLUE, { WHOLE(RF_MSGID) } },
	[EV_TX_MAIL]		= { BLUE, {
		WHOLE(RF_MSGID), WHOLE(RF_RESULT), AROUND("from <", RF_ADDRESS, ">") } },
	[EV_TX_RCPT]		= { BLUE, {
		WHOLE(RF_MSGID), WHOLE(RF_RESULT), AROUND("to <", RF_ADDRESS, ">") } },
	[EV_TX_ENVELOPE]	= { BLUE, { WHOLE(RF_MSGID), WHOLE(RF_EVPID) } },
	[EV_TX_DATA]		= { BLUE, { WHOLE(RF_MSGID), WHOLE(RF_RESULT) } },
	[EV_TX_RESET]		= { BLUE, { WHOLE(RF_MSGID) } },
	[EV_TX_COMMIT]		= { GREEN, {
		WHOLE(RF_MSGID), AROUND("", RF_SIZE, " bytes") } },
	[EV_TX_ROLLBACK]	= { YELLOW, { WHOLE(RF_MSGID) } },
	[EV_PROTOCOL_CLIENT]	= { PLAIN, { WHOLE(RF_COMMAND) } },
	[EV_PROTOCOL_SERVER]	= { PLAIN, { WHOLE(RF_REPLY) } },
	[EV_FILTER_RESPONSE]	= { BLUE, {
		AROUND("", RF_PHASE, ":"), WHOLE(RF_DECISION), WHOLE(RF_PARAM) } },
	[EV_FILTER_REPORT]	= { BLUE, {
		WHOLE(RF_KIND), AROUND("", RF_FILTER, ":"), WHOLE(RF_MESSAGE) } },
	[EV_TIMED_OUT]		= { .colour = YELLOW },
	[EV_REPORT_GAP]		= { RED, {
		AROUND("", RF_COUNT, " lines lost"), AROUND("from ", RF_FIRST, ""),
		AROUND("to ", RF_LAST, "") } },
	[EV_LINK_FAILED]	= { RED, { WHOLE(RF_DEST), WHOLE(RF_REASON) } },
	[EV_ENVELOPE_DELIVERED]	= { GREEN, { ENVELOPE, WHOLE(RF_REPLY) } },
	[EV_ENVELOPE_DEFERRED]	= { YELLOW, {
		ENVELOPE, AROUND("next ", RF_NEXT, ""), WHOLE(RF_REPLY) } },
	[EV_ENVELOPE_FAILED]	= { RED, { ENVELOPE, WHOLE(RF_REPLY) } },
	[EV_ENVELOPE_EXPIRED]	= { RED, { ENVELOPE, WHOLE(RF_REPLY) } },
	[EV_ENVELOPE_REMOVED]	= { YELLOW, { ENVELOPE, WHOLE(RF_REPLY) } },
	[EV_MESSAGE_BOUNCE]	= { YELLOW, {
		WHOLE(RF_MSGID), WHOLE(RF_KIND), AROUND("by ", RF_BOUNCE, ""),
		AROUND("to <", RF_RECIPIENT, ">") } },
	[EV_COUNTER]		= { DIM, { WHOLE(RF_NAME), WHOLE(RF_VALUE) } },
	[EV_GAUGE]		= { DIM, { WHOLE(RF_NAME), WHOLE(RF_VALUE) } },
	[EV_TX_SUMMARY]		= { BLUE, {
		WHOLE(RF_MSGID), WHOLE(RF_STATUS), AROUND("from <", RF_SENDER, ">"),
		AROUND("to <", RF_RECIPIENT, ">"), WHOLE(RF_RCPT_RESULT),
		AROUND("", RF_SIZE, " bytes"), PART(RF_TLS, PART_VERSION, ""),
		AROUND("in ", RF_DURATION, " s") } },
	[EV_LINK_SUMMARY]	= { CYAN, {
		WHOLE(RF_STATUS), WHOLE(RF_SRC), WHOLE(RF_RDNS),
		AROUND("fcrdns ", RF_FCRDNS, ""), PART(RF_TLS, PART_VERSION, ""),
		AROUND("", RF_TRANSACTIONS, " transactions"),
		AROUND("", RF_COMMITS, " commits"), AROUND("in ", RF_DURATION, " s") } },
	[EV_MSG_SUMMARY]	= { BLUE, {
		WHOLE(RF_MSGID), WHOLE(RF_STATUS), AROUND("from <", RF_SENDER, ">"),
		AROUND("to <", RF_RECIPIENT, ">"), WHOLE(RF_FATE),
		AROUND("after ", RF_DELAY, " s"),
		AROUND("attempt ", RF_ATTEMPTS, "") } },
	[EV_REPLAY_DIFF]	= { YELLOW, {
		WHOLE(RF_STATUS), AROUND("\"", RF_COMMAND, "\""),
		AROUND("expected: ", RF_EXPECTED, ";"), AROUND("got: ", RF_REPLY, "") } },
};

/* What a value that begins so says about the colour of its line. */
static const struct {
	enum field	 field;
	const char	*begins;
	enum colour	 colour;
} outcomes[] = {
	{ RF_RESULT,	"tempfail",	YELLOW },
	{ RF_RESULT,	"permfail",	RED },
	{ RF_RESULT,	"fail",		RED },
	{ RF_RESULT,	"error",	YELLOW },
	{ RF_REPLY,	"4",		YELLOW },
	{ RF_REPLY,	"5",		RED },
	{ RF_DECISION,	"junk",		YELLOW },
	{ RF_DECISION,	"reject",	RED },
	{ RF_DECISION,	"disconnect",	RED },
	{ RF_STATUS,	"commit",	GREEN },
	{ RF_STATUS,	"delivered",	GREEN },
	{ RF_STATUS,	"failed",	RED },
	{ RF_STATUS,	"rollback",	YELLOW },
	{ RF_STATUS,	"timeout",	YELLOW },
	{ RF_STATUS,	"evicted",	RED },
};

static void
put_padded(struct outbuf *out, struct slice s, size_t width)
{
	static const char	 blanks[] = "                    ";

	outbuf_slice(out, s);
	if (s.n < width)
		outbuf_put(out, blanks, width - s.n);
}

static void
put_colour(const struct fmt *f, struct outbuf *out, enum colour c)
{
	if (f->colour)
		fmt_put_str(out, colours[c]);
}

/* -- one event -- */

static enum colour
colour_of(const struct report *r)
{
	struct slice	 s;
	size_t		 i, n;

	for (i = 0; i < nitems(outcomes); i++) {
		if (!report_has(r, outcomes[i].field))
			continue;
		s = r->field[outcomes[i].field];
		n = strlen(outcomes[i].begins);
		if (s.n >= n && memcmp(s.p, outcomes[i].begins, n) == 0)
			return outcomes[i].colour;
	}
	return shown[r->event].colour;
}

/* "in", "out"; others by their name. */
static struct slice
subsystem_of(const struct report *r)
{
	static const struct slice	 smtp = { "smtp-", 5 };
	struct slice			 s = r->field[RF_SUBSYSTEM];

	return s.n > smtp.n && memcmp(s.p, smtp.p, smtp.n) == 0 ?
	    slice_make(s.p + smtp.n, s.n - smtp.n) : s;
}

/* Items with a blank between, so that one sees where each ends. */
static void
put_items(struct fmt *f, struct outbuf *out, struct slice list)
{
	struct slice	 item;
	bool		 first = true;

	while (report_item(&list, &item) == 1) {
		fmt_put_str(out, first ? "" : ", ");
		fmt_put_text(out, report_decode(item, f->scratch, f->scratch_size));
		first = false;
	}
}

/* The event and its values. */
static void
put_pieces(struct fmt *f, struct outbuf *out, const struct report *r)
{
	const struct piece	*p;
	struct slice		 value;
	bool			 first = true;

	for (p = shown[r->event].pieces; p->before != NULL; p++) {
		/* An empty value is seen only by what stands around it. */
		if (!fmt_value(f, r, p->name, &value) ||
		    (value.n == 0 && *p->after == '\0'))
			continue;
		if (first)
			put_padded(out, r->field[RF_EVENT], EVENT_WIDTH);
		first = false;
		outbuf_char(out, ' ');
		if (*p->before != '\0')
			fmt_put_str(out, p->before);
		/* A derived event writes the null sender with its brackets. */
		if (report_is_list(r->event, p->name.field))
			put_items(f, out, r->field[p->name.field]);
		else if (p->name.field != RF_SENDER || !slice_eq(value, SLICE("<>")))
			fmt_put_text(out, value);
		if (*p->after != '\0')
			fmt_put_str(out, p->after);
	}
	/* No blanks at the end of a line. */
	if (first)
		outbuf_slice(out, r->field[RF_EVENT]);
}

int
fmt_human_init(struct fmt *f)
{
	if (f->times != FMT_AS_IS)
		return 0;
	f->times = FMT_STRFTIME;
	f->time_format = "%Y-%m-%d %H:%M:%S";
	return 0;
}

static void
put_time(struct fmt *f, struct outbuf *out, const struct report *r)
{
	struct slice	 s;
	bool		 number;
	size_t		 n;

	if (f->times == FMT_STRFTIME && *f->time_format == '\0')
		return;
	put_colour(f, out, DIM);
	s = fmt_time(f, RF_TIME, r->field[RF_TIME], &number);
	for (n = s.n; f->times != FMT_STRFTIME && n < DIFFERENCE_WIDTH; n++)
		outbuf_char(out, ' ');
	fmt_put_text(out, s);
	put_colour(f, out, PLAIN);
	outbuf_char(out, ' ');
}

void
fmt_human_record(struct fmt *f, struct outbuf *out, const struct report *r)
{
	struct slice	 session = r->field[RF_SESSION];

	put_time(f, out, r);
	if (session.n > SESSION_WIDTH)
		session.n = SESSION_WIDTH;
	put_padded(out, subsystem_of(r), SUBSYSTEM_WIDTH);
	outbuf_char(out, ' ');
	put_padded(out, session, SESSION_WIDTH);
	outbuf_char(out, ' ');
	if (f->colour)
		put_colour(f, out, colour_of(r));
	put_pieces(f, out, r);
	put_colour(f, out, PLAIN);
	outbuf_char(out, '\n');
}
