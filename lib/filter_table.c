/* SPDX-License-Identifier: ISC */
/*
 * The words of filters: phases and decisions; which dialects talk about what.
 */
#include "lib/filter.h"

const struct filter_phase filter_phases[PHASE_MAX] = {
	[PHASE_CONNECT]	= { "connect", "connected" },
	[PHASE_HELO]	= { "helo", "helo" },
	[PHASE_EHLO]	= { "ehlo", "ehlo" },
	[PHASE_STARTTLS] = { "starttls", "tls" },
	[PHASE_AUTH]	= { "auth", "auth" },
	[PHASE_MAIL_FROM] = { "mail-from", "mail-from" },
	[PHASE_RCPT_TO]	= { "rcpt-to", "rcpt-to" },
	[PHASE_DATA]	= { "data", "data" },
	[PHASE_DATA_LINE] = { "data-line", "data-line" },
	[PHASE_COMMIT]	= { "commit", "commit" },
	[PHASE_RSET]	= { "rset", "rset" },
	[PHASE_QUIT]	= { "quit", "quit" },
	[PHASE_NOOP]	= { "noop", "noop" },
	[PHASE_HELP]	= { "help", "help" },
};

const char *const decision_names[DECISION_MAX] = {
	[DECISION_PROCEED]	= "proceed",
	[DECISION_REJECT]	= "reject",
	[DECISION_DISCONNECT]	= "disconnect",
	[DECISION_REWRITE]	= "rewrite",
	[DECISION_JUNK]		= "junk",
	[DECISION_REPORT]	= "report",
	[DECISION_BYPASS]	= "bypass",
};

enum phase
filter_phase_by_name(struct slice name)
{
	enum phase	 p;

	for (p = 0; p < PHASE_MAX; p++)
		if (slice_eq(name, slice_str(filter_phases[p].name)))
			return p;
	return slice_eq(name, SLICE("connected")) ? PHASE_CONNECT : PHASE_MAX;
}

enum decision
filter_decision_by_name(struct slice name)
{
	enum decision	 d;

	for (d = 0; d < DECISION_MAX; d++)
		if (slice_eq(name, slice_str(decision_names[d])))
			return d;
	return DECISION_MAX;
}

bool
filter_has_handshake(enum dialect d)
{
	return d > DIALECT_1;
}

bool
filter_has_token(enum dialect d)
{
	return d > DIALECT_1;
}
