/* SPDX-License-Identifier: ISC */
/*
 * Report lines of queue and relay on their way to the bus.  smtp process.
 */
#include "smtpd/ipc.h"
#include "smtpd/loop.h"
#include "smtpd/report_emit.h"
#include "smtpd/smtp_bus.h"
#include "smtpd/smtp_lines.h"
#include "smtpd/smtp_peers.h"

/* Who speaks of what, and which lines are missed when it dies: counters are told again. */
static struct {
	unsigned	 may;		/* bits 1 << enum subsystem */
	enum subsystem	 misses;
	bool		 met;
} speakers[PROC_MAX] = {
	[PROC_QUEUE]	= { 1u << SUBSYSTEM_QUEUE | 1u << SUBSYSTEM_STATS, SUBSYSTEM_QUEUE, false },
	[PROC_RELAY]	= { 1u << SUBSYSTEM_SMTP_OUT | 1u << SUBSYSTEM_STATS, SUBSYSTEM_SMTP_OUT, false },
};

/* What the peers had sent has died with the smtp before this one. */
void
lines_init(void)
{
	if (!proc_restarted)
		return;
	report_gap_unknown(SUBSYSTEM_SMTP_IN, loop_wall());
	report_gap_unknown(SUBSYSTEM_SMTP_OUT, loop_wall());
	report_gap_unknown(SUBSYSTEM_QUEUE, loop_wall());
}

/* The second of its kind: the first died, and perhaps lines with it. */
void
lines_peer(enum process peer)
{
	if (speakers[peer].may == 0)
		return;
	if (speakers[peer].met)
		report_gap_unknown(speakers[peer].misses, loop_wall());
	speakers[peer].met = true;
}

/*
 * What queue has said is read first, so that nothing of a message precedes its
 * tx-commit.
 */
void
lines_take(enum process peer, struct ipc *ipc, struct ipc_msg *msg)
{
	uint8_t		 subsystem = ipc_get_u8(msg);
	uint8_t		 dialect = ipc_get_u8(msg);
	uint64_t	 watchers = ipc_get_u64(msg);
	uint64_t	 first = ipc_get_u64(msg);
	uint64_t	 last = ipc_get_u64(msg);
	struct slice	 text = ipc_get_slice(msg);

	msg->bad |= subsystem >= SUBSYSTEM_MAX || dialect >= DIALECT_MAX ||
	    (speakers[peer].may & 1u << subsystem) == 0 ||
	    text.n == 0 || text.p[text.n - 1] != '\n';
	if (!ipc_complete(ipc, msg))
		return;
	if (peer != PROC_QUEUE && smtp_queue != NULL)
		ipc_drain(smtp_queue);
	bus_lines(subsystem, dialect, watchers, first, last, text);
}
