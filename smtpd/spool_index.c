/* SPDX-License-Identifier: ISC */
/*
 * The index: every live message, where its record stands, and the state of
 * its recipients.  Spool of the queue process.
 */
#include <stdlib.h>

#include "smtpd/spool_int.h"

struct live_message *
index_find(const struct spool *sp, uint64_t recno)
{
	return u64map_get(&sp->index, recno);
}

static void
enlist(struct live_message *m, struct segment *seg)
{
	m->seg = seg;
	LIST_INSERT_HEAD(&seg->messages, m, entry);
	seg->live += spool_record_size(m->length);
}

static void
delist(struct live_message *m)
{
	LIST_REMOVE(m, entry);
	m->seg->live -= spool_record_size(m->length);
}

/* states: as on disk, or NULL if all wait.  NULL with ENOMEM. */
struct live_message *
index_add(struct spool *sp, const struct spool_rechead *h, struct segment *seg,
    uint64_t offset, const struct spool_disk_rcpt *states)
{
	struct live_message	*m;
	uint32_t	 i;

	m = calloc(1, sizeof(*m) + h->nrcpt * sizeof(m->rcpt[0]));
	if (m == NULL || u64map_put(&sp->index, h->recno, m) == -1) {
		free(m);
		return NULL;
	}
	m->recno = h->recno;
	m->big = h->big;
	m->offset = offset;
	m->length = h->length;
	m->size = h->size;
	m->envelope = h->envelope;
	m->states = h->states;
	m->nrcpt = h->nrcpt;
	for (i = 0; i < m->nrcpt; i++) {
		if (states != NULL)
			m->rcpt[i] = (struct spool_rcpt){ states[i].state,
			    states[i].attempts, states[i].next };
		m->waiting += m->rcpt[i].state == SPOOL_WAITING;
	}
	enlist(m, seg);
	sp->stat.messages++;
	sp->stat.bytes += m->size;
	return m;
}

void
index_remove(struct spool *sp, struct live_message *m)
{
	delist(m);
	u64map_del(&sp->index, m->recno);
	sp->stat.messages--;
	sp->nuntold -= m->untold;
	sp->stat.bytes -= m->size;
	free(m);
}

/* A copy of its record, states in front, stands in seg now. */
void
index_move(struct spool *sp, struct live_message *m, struct segment *seg,
    uint64_t offset, size_t length)
{
	(void)sp;
	delist(m);
	m->offset = offset;
	m->length = length;
	m->states = 1;
	enlist(m, seg);
}
