/* SPDX-License-Identifier: ISC */
/*
 * rptfmt(1): report lines for people, one aligned line an event.
 */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "lib/input.h"
#include "lib/nitems.h"
#include "lib/outbuf.h"
#include "lib/report.h"
#include "lib/report_part.h"
#include "lib/utf8.h"

#define TIME_MAX	256
#define SUBSYSTEM_WIDTH	5
#define SESSION_WIDTH	8	/* of 16 digits: enough to tell sessions apart */
#define EVENT_WIDTH	15
#define PIECES		4

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
};

static const char	*time_format = "%Y-%m-%d %H:%M:%S";
static bool		 fractions;	/* it has %N: no two times are alike */
static bool		 utc, colour, quiet;

static void
usage(void)
{
	fputs("usage: rptfmt [-Qu] [-T format] [file ...]\n", stderr);
	exit(2);
}

/* -- times -- */

/* The format with each %N replaced by six digits; strftime knows the rest. */
static int
time_expand(char *buf, size_t size, unsigned usec)
{
	const char	*f = time_format;
	size_t		 n = 0;

	for (; *f != '\0' && n + 7 < size; f++) {
		if (f[0] == '%' && f[1] == 'N') {
			n += (size_t)snprintf(buf + n, size - n, "%06u", usec);
			f++;
			continue;
		}
		if (f[0] == '%' && f[1] != '\0')
			buf[n++] = *f++;
		buf[n++] = *f;
	}
	/* The answer 0 of strftime is then never a text that is empty. */
	buf[n++] = '|';
	buf[n] = '\0';
	return *f == '\0' ? 0 : -1;
}

/* 0, or -1 if the text is too long for buf. */
static int
time_text(char *buf, size_t size, uint64_t usec, size_t *n)
{
	char		 format[TIME_MAX];
	struct tm	 tm;
	time_t		 t = (time_t)(usec / 1000000);

	if (time_expand(format, sizeof(format), (unsigned)(usec % 1000000)) == -1 ||
	    (utc ? gmtime_r(&t, &tm) : localtime_r(&t, &tm)) == NULL ||
	    (*n = strftime(buf, size, format, &tm)) == 0)
		return -1;
	(*n)--;
	return 0;
}

/* -- texts -- */

static bool
is_control(const char *p, size_t n)
{
	unsigned char	 c = (unsigned char)p[0];

	return c < 0x20 || c == 0x7f ||
	    (n == 2 && c == 0xc2 && (unsigned char)p[1] < 0xa0);
}

/*
 * Text as it is where it is UTF-8 without control characters; other bytes as
 * \ooo: what a peer sent shall not drive a terminal.
 */
static void
put_text(struct outbuf *out, struct slice s)
{
	const char	*p = s.p, *end = p + s.n, *from = p;
	char		 octal[4] = "\\";
	unsigned	 c;
	size_t		 n;

	while (p < end) {
		n = utf8_length(p, (size_t)(end - p));
		if (n != 0 && !is_control(p, n)) {
			p += n;
			continue;
		}
		outbuf_put(out, from, (size_t)(p - from));
		c = (unsigned char)*p;
		octal[1] = (char)('0' + (c >> 6));
		octal[2] = (char)('0' + (c >> 3 & 7));
		octal[3] = (char)('0' + (c & 7));
		outbuf_put(out, octal, sizeof(octal));
		from = ++p;
	}
	outbuf_put(out, from, (size_t)(p - from));
}

static void
put_str(struct outbuf *out, const char *s)
{
	outbuf_put(out, s, strlen(s));
}

static void
put_padded(struct outbuf *out, struct slice s, size_t width)
{
	size_t	 n;

	outbuf_slice(out, s);
	for (n = s.n; n < width; n++)
		outbuf_char(out, ' ');
}

static void
put_colour(struct outbuf *out, enum colour c)
{
	if (colour)
		put_str(out, colours[c]);
}

/* Most lines have the time of the line before them. */
static void
put_time(struct outbuf *out, struct slice s)
{
	static char	 last[TIME_MAX];
	static uint64_t	 last_key = UINT64_MAX;
	static size_t	 n;
	uint64_t	 usec, key;

	if (report_time(s, &usec) == -1) {
		put_text(out, s);
		return;
	}
	key = fractions ? usec : usec / 1000000;
	if (key != last_key && time_text(last, sizeof(last), usec, &n) == -1) {
		last_key = UINT64_MAX;
		put_text(out, s);
		return;
	}
	last_key = key;
	outbuf_put(out, last, n);
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

static void
put_pieces(struct outbuf *out, const struct report *r)
{
	const struct piece	*p;
	struct slice		 value, event = r->field[RF_EVENT];
	size_t			 width = EVENT_WIDTH;

	for (p = shown[r->event].pieces; p->before != NULL; p++) {
		/* An empty value is seen only by what stands around it. */
		if (!report_value(r, p->name, &value) ||
		    (value.n == 0 && *p->after == '\0'))
			continue;
		/* No blanks at the end of a line. */
		for (; event.n < width; width--)
			outbuf_char(out, ' ');
		outbuf_char(out, ' ');
		put_str(out, p->before);
		if (report_fields[p->name.field].type == RT_TIME)
			put_time(out, value);
		else
			put_text(out, value);
		put_str(out, p->after);
	}
}

static void
put_record(struct outbuf *out, const struct report *r)
{
	struct slice	 session = r->field[RF_SESSION];

	if (*time_format != '\0') {
		put_colour(out, DIM);
		put_time(out, r->field[RF_TIME]);
		put_colour(out, PLAIN);
		outbuf_char(out, ' ');
	}
	if (session.n > SESSION_WIDTH)
		session.n = SESSION_WIDTH;
	put_padded(out, subsystem_of(r), SUBSYSTEM_WIDTH);
	outbuf_char(out, ' ');
	put_padded(out, session, SESSION_WIDTH);
	outbuf_char(out, ' ');
	put_colour(out, colour_of(r));
	outbuf_slice(out, r->field[RF_EVENT]);
	put_pieces(out, r);
	put_colour(out, PLAIN);
	outbuf_char(out, '\n');
}

static int
format(struct input *in, struct outbuf *out)
{
	struct report		 r;
	enum report_class	 class;
	const char		*why;
	int			 n, status = 0;

	while ((n = input_next(in, out, &r, &class)) != 0) {
		if (n == -1) {
			warn("%s", in->name);
			status = 2;
		} else if (class == REPORT_KNOWN)
			put_record(out, &r);
		else if (class == REPORT_MALFORMED) {
			status = 2;
			if ((why = input_complaint(in, &r)) != NULL && !quiet)
				warnx("%s", why);
		}
	}
	if (in->malformed > INPUT_COMPLAINTS && !quiet)
		warnx("%zu malformed lines in all", in->malformed);
	return status;
}

static bool
wants_colour(void)
{
	const char	*term = getenv("TERM"), *no = getenv("NO_COLOR");

	return isatty(STDOUT_FILENO) && term != NULL &&
	    strcmp(term, "dumb") != 0 && (no == NULL || *no == '\0');
}

int
main(int argc, char *argv[])
{
	struct input	 in;
	struct outbuf	 out;
	char		 text[TIME_MAX];
	size_t		 n;
	int		 ch, status;

	while ((ch = getopt(argc, argv, "QT:u")) != -1)
		switch (ch) {
		case 'Q':
			quiet = true;
			break;
		case 'T':
			time_format = optarg;
			fractions = strstr(optarg, "%N") != NULL;
			break;
		case 'u':
			utc = true;
			break;
		default:
			usage();
		}
	tzset();
	if (time_text(text, sizeof(text), 0, &n) == -1)
		errx(2, "time format too long: %s", time_format);
	colour = wants_colour();
	if (input_init(&in, argv + optind) == -1 ||
	    outbuf_init(&out, STDOUT_FILENO) == -1)
		err(2, NULL);
	status = format(&in, &out);
	input_free(&in);
	if (outbuf_close(&out) == -1)
		err(2, "stdout");
	return status;
}
