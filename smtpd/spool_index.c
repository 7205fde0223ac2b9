/* SPDX-License-Identifier: ISC */
/*
 * The index: every live message, where its record stands, and the state of
 * its recipients; at start its messages are told.  Spool of the queue process.
 */
#include <stdlib.h>

#include "smtpd/spool_int.h"

#define TELL_AGAIN	60	/* seconds until what could not be read is tried again */

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

/*
 * Tells the next message that was not told yet; 0: no other can be read now.
 * Those that cannot, for an error that may pass, stay in the log.
 */
static int
tell_one(struct spool *sp, size_t *pos)
{
	struct spool_message	 out;
	struct live_message	*m;
	char			*data;
	size_t			 skip;

	while ((m = u64map_next(&sp->index, pos)) != NULL) {
		if (!m->untold || scan_read_record(sp, m, &data) == -1)
			continue;
		m->untold = false;
		sp->nuntold--;
		skip = m->states ? m->nrcpt * sizeof(struct spool_disk_rcpt) : 0;
		out = (struct spool_message){ m->recno,
		    slice_make(data + skip, m->envelope), m->size, m->nrcpt,
		    m->rcpt };
		if (sp->opt.recovered != NULL)
			sp->opt.recovered(sp->opt.arg, &out);
		return 1;
	}
	return 0;
}

/* One a call: what is told may lead to marks, which change the index. */
int
index_tell_late(struct spool *sp)
{
	size_t	 pos = 0;

	if (sp->nuntold == 0 || spool_now(sp) < sp->tell_at)
		return 0;
	if (tell_one(sp, &pos) == 1)
		return 1;
	sp->tell_at = spool_now(sp) + TELL_AGAIN;
	return 0;
}

void
index_tell(struct spool *sp)
{
	size_t	 pos = 0;

	while (tell_one(sp, &pos) == 1)
		;
	if (sp->nuntold == 0)
		return;
	spool_note(sp, "%zu messages cannot be read; tried again each minute",
	    sp->nuntold);
	sp->tell_at = spool_now(sp) + TELL_AGAIN;
}
