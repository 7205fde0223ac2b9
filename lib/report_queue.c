/* SPDX-License-Identifier: ISC */
/*
 * Report lines on their way to a reader that may be slow or away.
 */
#include <stdlib.h>

#include "lib/nitems.h"
#include "lib/report_queue.h"

#define SIZE_FIRST	65536

void
report_queue_init(struct report_queue *q, size_t limit)
{
	*q = (struct report_queue){ .limit = limit };
}

void
report_queue_free(struct report_queue *q)
{
	free(q->p);
	*q = (struct report_queue){ .p = NULL };
}

/* Room for n bytes at the end; they are moved to the front seldom. */
static int
make_room(struct report_queue *q, size_t n)
{
	size_t	 size = q->size == 0 ? SIZE_FIRST : q->size;
	char	*p;

	if (q->size - q->end >= n)
		return 0;
	if (q->start > 0 && q->start >= q->size / 2) {
		memmove(q->p, q->p + q->start, q->end - q->start);
		q->end -= q->start;
		q->start = 0;
	}
	while (size - q->end < n)
		size *= 2;
	if (size == q->size)
		return 0;
	if ((p = realloc(q->p, size)) == NULL)
		return -1;
	q->p = p;
	q->size = size;
	return 0;
}

static int
append(struct report_queue *q, struct slice s)
{
	if (make_room(q, s.n) == -1)
		return -1;
	if (s.n > 0)
		memcpy(q->p + q->end, s.p, s.n);
	q->end += s.n;
	return 0;
}

void
report_queue_drop(struct report_queue *q, struct slice line)
{
	enum subsystem		 s = SUBSYSTEM_SMTP_IN, i;
	struct report		 r;
	struct slice		 params;
	uint64_t		 usec = 0;
	struct report_gap	*gap;

	report_parse_prefix(&r, line, &params);
	for (i = 0; report_has(&r, RF_SUBSYSTEM) && i < SUBSYSTEM_MAX; i++)
		if (slice_eq(r.field[RF_SUBSYSTEM], slice_str(subsystem_names[i])))
			s = i;
	gap = &q->gaps[s];
	if (!report_has(&r, RF_TIME) || report_time(r.field[RF_TIME], &usec) == -1)
		usec = gap->last;
	if (gap->count++ == 0)
		gap->first = usec;
	gap->last = usec;
	gap->dialect = r.dialect <= DIALECT_1 ? DIALECT_1 : DIALECT_0_7;
	q->dropping = true;
}

static void
put_gaps(struct report_queue *q)
{
	char		 line[REPORT_LINE_MAX];
	enum subsystem	 s;
	size_t		 n;

	for (s = 0; s < SUBSYSTEM_MAX; s++) {
		const struct report_head	 head = { s, q->gaps[s].last, 0 };
		const struct report_value	 v[] = {
			{ RF_COUNT,	.num = q->gaps[s].count },
			{ RF_FIRST,	.num = q->gaps[s].first },
			{ RF_LAST,	.num = q->gaps[s].last },
		};

		if (q->gaps[s].count == 0)
			continue;
		n = report_write(line, sizeof(line), q->gaps[s].dialect,
		    EV_REPORT_GAP, &head, v, nitems(v));
		if (append(q, slice_make(line, n)) == 0)
			q->gaps[s].count = 0;
	}
}

void
report_queue_put(struct report_queue *q, struct slice line)
{
	size_t	 have = q->end - q->start;

	if (have + line.n > q->limit || (q->dropping && have > q->limit / 2)) {
		report_queue_drop(q, slice_make(line.p, line.n - 1));
		return;
	}
	if (q->dropping)
		put_gaps(q);
	q->dropping = false;
	if (append(q, line) == -1)
		report_queue_drop(q, slice_make(line.p, line.n - 1));
}

struct slice
report_queue_bytes(const struct report_queue *q)
{
	return slice_make(q->p + q->start, q->end - q->start);
}

void
report_queue_taken(struct report_queue *q, size_t n)
{
	q->start += n;
	if (q->start == q->end)
		q->start = q->end = 0;
}

/* The first line of s, with its LF if it has one. */
static struct slice
first_line(struct slice s)
{
	const char	*lf = s.n == 0 ? NULL : memchr(s.p, '\n', s.n);

	return lf == NULL ? s : slice_make(s.p, (size_t)(lf - s.p) + 1);
}

/* The beginning of a line that was taken is gone; it is as old as the next. */
static void
drop_torn(struct report_queue *q, const struct report_queue *whole, size_t torn)
{
	struct slice	 next;

	next = first_line(slice_make(whole->p + torn, whole->end - torn));
	if (next.n > 0)
		next.n--;
	report_queue_drop(q, next);
	put_gaps(q);
	q->dropping = false;
}

void
report_queue_back(struct report_queue *q, struct slice unread)
{
	static const struct slice	 start = { "report|", 7 };
	struct report_queue		 whole = { .p = NULL }, rest = *q;
	size_t				 torn = 0;
	bool				 dropping = q->dropping;

	/* Without memory for both the later lines stay. */
	if (append(&whole, unread) == -1 || append(&whole, report_queue_bytes(q)) == -1) {
		free(whole.p);
		return;
	}
	if (whole.end > 0 && (whole.end < start.n ||
	    memcmp(whole.p, start.p, start.n) != 0))
		torn = first_line(slice_make(whole.p, whole.end)).n;
	q->p = NULL;
	q->start = q->end = q->size = 0;
	if (torn > 0)
		drop_torn(q, &whole, torn);
	if (append(q, slice_make(whole.p + torn, whole.end - torn)) == -1) {
		free(q->p);
		q->p = whole.p;
		q->start = torn;
		q->end = whole.end;
		q->size = whole.size;
	} else
		free(whole.p);
	free(rest.p);
	q->dropping = dropping;
}

void
report_queue_end(struct report_queue *q)
{
	if (q->dropping)
		put_gaps(q);
	q->dropping = false;
}
