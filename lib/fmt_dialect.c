/* SPDX-License-Identifier: ISC */
/*
 * Records as report lines again: of another dialect, or as they were.
 */
#include <stdio.h>

#include "lib/addr.h"
#include "lib/fmt_int.h"
#include "lib/nitems.h"
#include "lib/report_list.h"

#define SAME	DIALECT_MAX

struct target {
	enum dialect	 dialect;
};

static const struct {
	const char	*name;
	enum dialect	 dialect;
} targets[] = {
	{ "unversioned",	DIALECT_UNVERSIONED },
	{ "1",			DIALECT_1 },
	{ "0.4",		DIALECT_0_4 },
	{ "0.5",		DIALECT_0_5 },
	{ "0.6",		DIALECT_0_6 },
	{ "0.7",		DIALECT_0_7 },
	{ "same",		SAME },
};

/* All that the unversioned dialect has; every later one has every event but one. */
static const enum event_id	 founding_events[] = { EV_LINK_CONNECT,
    EV_LINK_TLS, EV_LINK_DISCONNECT, EV_TX_BEGIN, EV_TX_COMMIT, EV_TX_ROLLBACK,
    EV_PROTOCOL_CLIENT, EV_PROTOCOL_SERVER };
static const enum field		 founding_fields[] = { RF_RDNS, RF_SRC, RF_DEST,
    RF_TLS, RF_COMMAND, RF_REPLY };

int
fmt_dialect_init(struct fmt *f)
{
	struct target	*t;
	size_t		 i;

	if (fmt_state(f, sizeof(*t)) == -1)
		return -1;
	t = f->state;
	for (i = 0; i < nitems(targets); i++)
		if (strcmp(f->arg, targets[i].name) == 0) {
			t->dialect = targets[i].dialect;
			return 0;
		}
	return fmt_fail(f, "no such dialect: %s; unversioned, 1, 0.4, 0.5, 0.6, "
	    "0.7 or same", f->arg);
}

static bool
has_event(enum dialect d, const struct report *r)
{
	struct slice	 subsystem = r->field[RF_SUBSYSTEM];
	size_t		 i;

	if (d > DIALECT_UNVERSIONED)
		return r->event != EV_LINK_RESET || d == DIALECT_1;
	/* Nor had it others than smtp-in and smtp-out. */
	for (i = 0; i < nitems(founding_events); i++)
		if (founding_events[i] == r->event)
			return subsystem.n > 5 && memcmp(subsystem.p, "smtp-", 5) == 0;
	return false;
}

static bool
has_field(enum dialect d, enum field f)
{
	size_t	 i;

	if (d > DIALECT_UNVERSIONED)
		return true;
	for (i = 0; i < nitems(founding_fields); i++)
		if (founding_fields[i] == f)
			return true;
	return false;
}

static bool
is_word_of(struct slice s, const char *const *words, size_t n)
{
	size_t	 i;

	for (i = 0; i < n; i++)
		if (slice_eq(s, slice_str(words[i])))
			return true;
	return false;
}

/*
 * Has the record this field, and a reader of the dialect a way to know it?  In
 * the founding forms these words tell one order of fields from another.
 */
static bool
has_value(const struct report *r, enum field f, enum dialect d)
{
	if (!report_has(r, f) || d > DIALECT_1)
		return report_has(r, f);
	if (f == RF_FCRDNS)
		return r->field[f].n == 0 ||
		    is_word_of(r->field[f], fcrdns_names, FCRDNS_MAX);
	return f != RF_METHOD || is_word_of(r->field[f], method_names, METHOD_MAX);
}

/* -- values -- */

/*
 * Times and lengths of time: whole seconds in the founding forms, six digits
 * of a fraction in the later.
 */
static void
put_time(struct outbuf *out, enum dialect d, struct slice s)
{
	const char	*dot = memchr(s.p, '.', s.n);
	size_t		 n = dot == NULL ? s.n : (size_t)(dot - s.p);
	size_t		 digits = dot == NULL ? 0 : s.n - n - 1;

	outbuf_put(out, s.p, n);
	if (d <= DIALECT_1)
		return;
	outbuf_char(out, '.');
	outbuf_put(out, s.p + s.n - digits, digits > 6 ? 6 : digits);
	for (; digits < 6; digits++)
		outbuf_char(out, '0');
}

/* Any form in the newest form; buf has ADDR_MAX bytes. */
static struct slice
newest_address(struct slice s, char *buf)
{
	struct slice	 host, port;
	const char	*open = "", *shut = "";
	int		 n;

	addr_split(s, &host, &port);
	if (slice_eq(host, SLICE("local")))
		return s.n > 5 && memcmp(s.p, "unix:", 5) == 0 ? s :
		    SLICE("unix:/var/run/smtpd.sock");
	if (s.n > 5 && memcmp(s.p, "IPv6:", 5) == 0) {
		open = "[";
		shut = "]";
	} else if (port.n > 0)
		return s;
	if (port.n == 0)
		port = SLICE("0");
	n = snprintf(buf, ADDR_MAX, "%s%.*s%s:%.*s", open, (int)host.n, host.p, shut,
	    (int)port.n, port.p);
	return n < ADDR_MAX ? slice_make(buf, (size_t)n) : s;
}

static void
put_address(struct outbuf *out, enum dialect d, struct slice s)
{
	char	 newest[ADDR_MAX], founding[ADDR_MAX];

	s = newest_address(s, newest);
	outbuf_slice(out, d > DIALECT_1 ? s :
	    addr_founding(s, founding, sizeof(founding)));
}

static void
put_tls(struct outbuf *out, enum dialect d, struct slice s)
{
	static const char *const	 before[2][PART_BITS + 1] = {
		{ [PART_VERSION] = "version=", [PART_CIPHER] = ", cipher=",
		    [PART_BITS] = ", bits=" },
		{ [PART_VERSION] = "", [PART_CIPHER] = ":", [PART_BITS] = ":" },
	};
	struct slice			 value[PART_BITS + 1];
	struct report_name		 name = { RF_TLS, PART_WHOLE };

	for (name.part = PART_VERSION; name.part <= PART_BITS; name.part++)
		if (!report_text_part(s, name, &value[name.part])) {
			outbuf_slice(out, s);
			return;
		}
	for (name.part = PART_VERSION; name.part <= PART_BITS; name.part++) {
		fmt_put_str(out, before[d > DIALECT_1][name.part]);
		outbuf_slice(out, value[name.part]);
	}
}

static void
put_value(struct outbuf *out, enum dialect d, enum field f, struct slice s)
{
	switch (report_fields[f].type) {
	case RT_TIME:
	case RT_SECONDS:
		put_time(out, d, s);
		break;
	case RT_ADDRESS:
		put_address(out, d, s);
		break;
	case RT_TLS:
		put_tls(out, d, s);
		break;
	case RT_MAIL:
		fmt_put_str(out, d > DIALECT_1 ? "" : "<");
		outbuf_slice(out, s);
		fmt_put_str(out, d > DIALECT_1 ? "" : ">");
		break;
	default:
		outbuf_slice(out, s);
	}
}

/* -- another dialect -- */

static size_t
missing(const struct report *r, const uint8_t *order, enum dialect d)
{
	size_t	 n;

	for (n = 0; *order != RF_VERSION; order++)
		n += has_field(d, *order) && !has_value(r, *order, d);
	return n;
}

/* Of the orders that a dialect has, the one that this record fills best. */
static const uint8_t *
order_of(const struct report *r, enum dialect d)
{
	const struct report_order	*o;
	const uint8_t			*best = NULL;

	for (o = report_orders; o->upto != DIALECT_MAX; o++)
		if (o->event == r->event && d <= o->upto && (best == NULL ||
		    missing(r, o->field, d) < missing(r, best, d)))
			best = o->field;
	return best == NULL ? report_events[r->event].field : best;
}

static void
put_head(struct outbuf *out, const struct report *r, enum dialect d)
{
	fmt_put_str(out, "report|");
	if (d > DIALECT_UNVERSIONED) {
		fmt_put_str(out, dialect_names[d]);
		outbuf_char(out, '|');
		put_time(out, d, r->field[RF_TIME]);
		outbuf_char(out, '|');
	}
	outbuf_slice(out, r->field[RF_SUBSYSTEM]);
	outbuf_char(out, '|');
	outbuf_slice(out, r->field[RF_EVENT]);
	outbuf_char(out, '|');
	if (d <= DIALECT_UNVERSIONED) {
		put_time(out, d, r->field[RF_TIME]);
		outbuf_char(out, '|');
	}
	outbuf_slice(out, r->field[RF_SESSION]);
}

static void
put_rewritten(struct outbuf *out, const struct report *r, enum dialect d)
{
	const uint8_t	*order = order_of(r, d);
	size_t		 i, n, need;
	bool		 derived = report_is_derived(r->event);

	for (n = 0; order[n] != RF_VERSION; n++)
		;
	need = n - report_events[r->event].optional;
	while (n > need && !has_value(r, order[n - 1], d))
		n--;
	put_head(out, r, d);
	for (i = 0; i < n; i++) {
		if (!has_field(d, order[i]))
			continue;
		outbuf_char(out, '|');
		if (!has_value(r, order[i], d))
			continue;
		/* Derived events are ours and have one form. */
		if (derived)
			outbuf_slice(out, r->field[order[i]]);
		else
			put_value(out, d, order[i], r->field[order[i]]);
	}
	outbuf_char(out, '\n');
}

/* -- the same with other values -- */

/* The fields beyond the prefix in the order of the line; how many. */
static size_t
in_line_order(const struct report *r, uint8_t *fields)
{
	size_t		 i, n = 0;
	enum field	 f;

	for (f = RF_SESSION; f < RF_MAX; f++) {
		if (!report_has(r, f))
			continue;
		for (i = n++; i > 0 && r->field[fields[i - 1]].p > r->field[f].p; i--)
			fields[i] = fields[i - 1];
		fields[i] = (uint8_t)f;
	}
	return n;
}

/* Derived events have all their bars, and no other order. */
static void
put_derived(struct outbuf *out, const struct report *r)
{
	const uint8_t	*f;

	for (f = report_events[r->event].field; *f != RF_VERSION; f++) {
		outbuf_char(out, '|');
		if (report_has(r, *f))
			outbuf_slice(out, r->field[*f]);
	}
}

/*
 * Values of hidden in the places of those of the line.  An address as it was
 * typed has brackets and parameters, so the whole between its bars is replaced;
 * what stands behind the last field is not known and left out.
 */
static void
put_values(struct outbuf *out, const struct report *r, const struct report *hidden)
{
	uint8_t		 fields[RF_MAX];
	size_t		 i, n = in_line_order(r, fields);
	const char	*end, *bar;
	struct slice	 s;
	bool		 brackets;

	/* The first is the session, which stays. */
	for (i = 1; i < n; i++) {
		s = r->field[fields[i]];
		end = r->field[fields[i - 1]].p + r->field[fields[i - 1]].n;
		brackets = report_fields[fields[i]].type == RT_MAIL && s.p > end + 1;
		/* More than one bar if a field before it is empty and so absent. */
		for (bar = s.p - 1; bar >= end && *bar == '|'; bar--)
			outbuf_char(out, '|');
		fmt_put_str(out, brackets ? "|<" : "");
		outbuf_slice(out, hidden->field[fields[i]]);
		fmt_put_str(out, brackets ? ">" : "");
	}
}

static void
put_replaced(struct outbuf *out, const struct report *r, const struct report *hidden)
{
	struct slice	 session = r->field[RF_SESSION];

	outbuf_put(out, r->line.p, (size_t)(session.p + session.n - r->line.p));
	if (report_is_derived(r->event))
		put_derived(out, hidden);
	else
		put_values(out, r, hidden);
	outbuf_char(out, '\n');
}

void
fmt_dialect_record(struct fmt *f, struct outbuf *out, const struct report *r)
{
	const struct target	*t = f->state;

	if (t->dialect != SAME) {
		if (has_event(t->dialect, r))
			put_rewritten(out, r, t->dialect);
		else
			f->lacking++;
		return;
	}
	if (f->anon != NULL) {
		put_replaced(out, f->original, r);
		return;
	}
	outbuf_slice(out, r->line);
	outbuf_char(out, '\n');
}
