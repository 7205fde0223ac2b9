/* SPDX-License-Identifier: ISC */
/*
 * The parameters that the joiner looks at, in the shape that daemons write
 * today; whatever has another is the parser's.
 */
#include "lib/join_local.h"

#define EACH(byte)	(0x0101010101010101ULL * (byte))

static inline void
set(struct report *r, enum field f, const char *p, size_t n)
{
	r->field[f] = slice_make(p, n);
	r->present |= 1ULL << f;
}

/* "PHASE|proceed", and no more. */
static bool
is_proceed(struct slice params, size_t *phase)
{
	static const char	 tail[] = "|proceed";
	const size_t		 n = sizeof(tail) - 1;

	*phase = params.n - n;
	return params.n > n && memcmp(params.p + *phase, tail, n) == 0 &&
	    memchr(params.p, '|', params.n) == params.p + *phase;
}

/* The high bit of each byte of x, of which none is set, that is in from..to. */
static inline uint64_t
between(uint64_t x, char from, char to)
{
	return (x + EACH(0x80 - from)) & ~(x + EACH(0x7f - to)) & EACH(0x80);
}

/* Eight hex digits, without a branch for each. */
static inline bool
is_hex(const char *p)
{
	uint64_t	 x;

	memcpy(&x, p, sizeof(x));
	return (x & EACH(0x80)) == 0 && (between(x, '0', '9') |
	    between(x | EACH(0x20), 'a', 'f')) == EACH(0x80);
}

/* "MSGID|EVPID", "MSGID|RESULT|ADDRESS" or "MSGID" alone. */
static bool
take_tx(struct report *r, struct slice params)
{
	const char	*p = params.p, *bar;

	if (params.n < 8 || !is_hex(p))
		return false;
	switch (r->event) {
	case EV_TX_BEGIN:
	case EV_TX_ROLLBACK:
	case EV_TX_RESET:
		if (params.n != 8)
			return false;
		break;
	case EV_TX_ENVELOPE:
		if (params.n != 25 || p[8] != '|' || !is_hex(p + 9) ||
		    !is_hex(p + 17))
			return false;
		set(r, RF_EVPID, p + 9, 16);
		break;
	case EV_TX_MAIL:
	case EV_TX_RCPT:
		if (r->dialect < DIALECT_0_6 || params.n < 9 || p[8] != '|' ||
		    (bar = memchr(p + 9, '|', params.n - 9)) == NULL)
			return false;
		set(r, RF_RESULT, p + 9, (size_t)(bar - p) - 9);
		set(r, RF_ADDRESS, bar + 1, params.n - (size_t)(bar - p) - 1);
		break;
	default:
		return false;
	}
	set(r, RF_MSGID, p, 8);
	return true;
}

static bool
take(struct report *r, struct slice params)
{
	size_t	 n;

	switch (r->event) {
	case EV_PROTOCOL_CLIENT:
		set(r, RF_COMMAND, params.p, params.n);
		return true;
	case EV_PROTOCOL_SERVER:
		set(r, RF_REPLY, params.p, params.n);
		return true;
	case EV_FILTER_RESPONSE:
		if (!is_proceed(params, &n))
			return false;
		set(r, RF_PHASE, params.p, n);
		set(r, RF_DECISION, params.p + n + 1, params.n - n - 1);
		return true;
	default:
		return take_tx(r, params);
	}
}

enum report_class
join_parse(struct report *r, struct slice line)
{
	struct slice		 params;
	enum report_class	 class = report_parse_prefix(r, line, &params);

	if (class != REPORT_KNOWN || (params.p != NULL && take(r, params)))
		return class;
	return report_parse_params(r, params);
}
