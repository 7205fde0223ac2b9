/* SPDX-License-Identifier: ISC */
/*
 * Report lines: to the filter in its dialect, and to whoever runs the drive.
 */
#include <errno.h>

#include "lib/drive_int.h"

static bool
hears(const struct drive *d, enum subsystem s, enum event_id event)
{
	return s != SUBSYSTEM_MAX && (d->hears[s] >> event & 1) != 0;
}

static void
send_line(struct drive *d, const char *p, size_t n)
{
	char	*room;

	/* The dialect has no such event. */
	if (n == 0)
		return;
	if (d->down || (room = drive_filter_room(&d->filter, n)) == NULL) {
		d->error = d->down ? d->error : ENOMEM;
		return;
	}
	memcpy(room, p, n);
	drive_filter_used(&d->filter, n);
}

static enum subsystem
subsystem_of(const struct report *r)
{
	enum subsystem	 s;

	for (s = 0; s < SUBSYSTEM_MAX; s++)
		if (slice_eq(r->field[RF_SUBSYSTEM], slice_str(subsystem_names[s])))
			break;
	return s;
}

void
drive_report_pass(struct drive *d, const struct report *r)
{
	if (!hears(d, subsystem_of(r), r->event))
		return;
	if (fmt_record(&d->fmt, &d->line, r) == -1) {
		d->error = ENOMEM;
		return;
	}
	send_line(d, d->line.buf, d->line.n);
	d->line.n = 0;
}

void
drive_report_make(struct drive *d, struct drive_session *s, enum event_id event,
    const struct report_value *v, size_t n)
{
	const struct report_head	 head = { s->subsystem, s->time, s->id };
	char				 line[REPORT_LINE_MAX];

	if (hears(d, s->subsystem, event))
		send_line(d, line, report_write(line, sizeof(line), d->o->dialect,
		    event, &head, v, n));
}

void
drive_report_say(struct drive *d, struct drive_session *s, enum event_id event,
    const struct report_value *v, size_t n)
{
	const struct report_head	 head = { s->subsystem, s->time, s->id };
	char				 line[REPORT_LINE_MAX];

	n = report_write(line, sizeof(line), DIALECT_0_7, event, &head, v, n);
	d->o->said(d->o->arg, s->id, slice_make(line, n));
}
