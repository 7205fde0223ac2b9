/* SPDX-License-Identifier: ISC */
/*
 * What two versions of a filter decided of the same sessions.
 */
#include <errno.h>
#include <stdlib.h>

#include "lib/drive_compare.h"
#include "lib/outbuf.h"
#include "lib/report.h"

static const char *const version_names[VERSIONS] = { "old", "new" };

struct said {
	char		*text;		/* filter-report lines that name no filter */
	size_t		 n, size;
	uint64_t	 hash;		/* of what was not kept */
	bool		 cut, ended;
};

struct pair {
	struct said		 said[VERSIONS];
	struct report_head	 head;		/* of the line said last */
};

static struct pair *
pair_of(struct compare *c, uint64_t session)
{
	struct pair	*p = u64map_get(&c->sessions, session);

	if (p != NULL || (p = calloc(1, sizeof(*p))) == NULL)
		return p;
	if (u64map_put(&c->sessions, session, p) == 0)
		return p;
	free(p);
	errno = ENOMEM;
	return NULL;
}

/* A filter-report of nobody yet. */
static size_t
report_of(char *buf, size_t size, const struct report_head *head, struct slice message)
{
	const struct report_value	 v[] = {
		{ RF_KIND,	.token = "proc" },
		{ RF_FILTER,	.text = SLICE("") },
		{ RF_MESSAGE,	.text = message },
	};

	return report_write(buf, size, DIALECT_0_7, EV_FILTER_REPORT, head, v, 3);
}

/*
 * The line as one that tells what was decided, with room for the name of who
 * did: the phase, the decision and its parameter are its message.
 */
static size_t
rewritten(char *buf, size_t size, struct slice line, struct report_head *head)
{
	char		 message[REPORT_LINE_MAX];
	struct report	 r;
	char		*p = message;

	line.n--;
	if (line.n >= sizeof(message) || report_parse(&r, line) != REPORT_KNOWN)
		return 0;
	report_time(r.field[RF_TIME], &head->time);
	if (r.event != EV_FILTER_RESPONSE)
		return report_of(buf, size, head, r.field[RF_MESSAGE]);
	slice_copy(&p, r.field[RF_PHASE]);
	*p++ = ' ';
	slice_copy(&p, r.field[RF_DECISION]);
	if (report_has(&r, RF_PARAM)) {
		*p++ = ' ';
		slice_copy(&p, r.field[RF_PARAM]);
	}
	return report_of(buf, size, head, slice_make(message, (size_t)(p - message)));
}

static int
keep(struct compare *c, struct said *s, struct slice line)
{
	size_t	 size = s->size == 0 ? 1024 : s->size;
	char	*p;

	while (size - s->n < line.n)
		size *= 2;
	if (size != s->size) {
		if ((p = realloc(s->text, size)) == NULL)
			return -1;
		s->text = p;
		c->kept += size - s->size;
		s->size = size;
	}
	memcpy(s->text + s->n, line.p, line.n);
	s->n += line.n;
	return 0;
}

int
compare_said(struct compare *c, enum version version, uint64_t session, struct slice line)
{
	struct pair	*p = pair_of(c, session);
	char		 text[REPORT_LINE_MAX];
	struct said	*s;
	size_t		 i, n;

	if (p == NULL)
		return -1;
	s = &p->said[version];
	p->head.session = session;
	n = rewritten(text, sizeof(text), line, &p->head);
	if (!s->cut && c->kept < COMPARE_MAX)
		return keep(c, s, slice_make(text, n));
	s->cut = true;
	for (i = 0; i < n; i++)
		s->hash = (s->hash ^ (unsigned char)text[i]) * 0x100000001b3;
	return 0;
}

static void
write_line(struct compare *c, enum version version, struct slice line)
{
	const char	*name = version_names[version];
	struct report	 r;
	size_t		 n;

	if (report_parse(&r, line) != REPORT_KNOWN)
		return;
	n = (size_t)(r.field[RF_FILTER].p - line.p);
	outbuf_put(c->out, line.p, n);
	outbuf_put(c->out, name, strlen(name));
	outbuf_put(c->out, line.p + n, line.n - n);
	outbuf_char(c->out, '\n');
}

static void
write_pair(struct compare *c, const struct pair *p)
{
	enum version	 v;
	struct slice	 rest, line;
	const char	*lf;
	char		 more[1024];
	size_t		 n;

	for (v = 0; v < VERSIONS; v++) {
		for (rest = slice_make(p->said[v].text, p->said[v].n); rest.n > 0;
		    rest = slice_make(lf + 1, rest.n - line.n - 1)) {
			lf = memchr(rest.p, '\n', rest.n);
			line = slice_make(rest.p, (size_t)(lf - rest.p));
			write_line(c, v, line);
		}
		if (!p->said[v].cut)
			continue;
		n = report_of(more, sizeof(more), &p->head,
		    SLICE("and more decisions, of which too many had to be kept"));
		write_line(c, v, slice_make(more, n - 1));
	}
}

static void
pair_end(struct compare *c, struct pair *p)
{
	const struct said	*a = &p->said[VERSION_OLD], *b = &p->said[VERSION_NEW];

	if (!slice_eq(slice_make(a->text, a->n), slice_make(b->text, b->n)) ||
	    a->hash != b->hash) {
		c->differing++;
		write_pair(c, p);
	}
	c->kept -= a->size + b->size;
	free(a->text);
	free(b->text);
	free(p);
}

void
compare_ended(struct compare *c, enum version version, uint64_t session)
{
	struct pair	*p = pair_of(c, session);

	if (p == NULL)
		return;
	p->said[version].ended = true;
	if (!p->said[VERSION_OLD].ended || !p->said[VERSION_NEW].ended)
		return;
	u64map_del(&c->sessions, session);
	pair_end(c, p);
}

void
compare_end(struct compare *c)
{
	struct pair	*p;
	size_t		 pos = 0;

	while ((p = u64map_next(&c->sessions, &pos)) != NULL)
		pair_end(c, p);
	u64map_free(&c->sessions);
}
