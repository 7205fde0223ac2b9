/* SPDX-License-Identifier: ISC */
/*
 * The live messages of the log as text, for smtpctl dump.  Spool of the queue
 * process.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "smtpd/spool_int.h"

static const char *const	state_names[] = {
	[SPOOL_WAITING]	= "waiting",
	[SPOOL_DONE]	= "delivered",
	[SPOOL_FAILED]	= "failed",
	[SPOOL_EXPIRED]	= "expired",
	[SPOOL_REMOVED]	= "removed",
};

static int
dump_message(struct spool *sp, const struct live_message *m,
    int (*out)(void *, const char *, size_t), void *arg)
{
	char	 line[256], *data;
	size_t	 skip;
	uint32_t i;
	int	 n;

	n = snprintf(line, sizeof(line),
	    "record %llu segment %u life %llu offset %llu size %zu big %016llx recipients %u\n",
	    (unsigned long long)m->recno, m->seg->slot,
	    (unsigned long long)m->seg->life, (unsigned long long)m->offset,
	    m->size, (unsigned long long)m->big, m->nrcpt);
	if (out(arg, line, n) == -1)
		return -1;
	for (i = 0; i < m->nrcpt; i++) {
		n = snprintf(line, sizeof(line),
		    "recipient %u %s attempts %u next %lld\n", i,
		    state_names[m->rcpt[i].state], m->rcpt[i].attempts,
		    (long long)m->rcpt[i].next);
		if (out(arg, line, n) == -1)
			return -1;
	}
	if (scan_read_record(sp, m, &data) == -1) {
		n = snprintf(line, sizeof(line), "damaged: %s\n", strerror(errno));
		return out(arg, line, n);
	}
	skip = m->states ? m->nrcpt * sizeof(struct spool_disk_rcpt) : 0;
	if (out(arg, data + skip, m->envelope) == -1)
		return -1;
	return out(arg, "\n", 1);
}

int
spool_dump(struct spool *sp, int (*out)(void *, const char *, size_t), void *arg)
{
	const struct segment	*seg;
	const struct live_message	*m;

	TAILQ_FOREACH(seg, &sp->segs, entry)
		LIST_FOREACH(m, &seg->messages, entry)
			if (dump_message(sp, m, out, arg) == -1)
				return -1;
	return 0;
}
