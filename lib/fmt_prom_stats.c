/* SPDX-License-Identifier: ISC */
/*
 * The daemon's own counters and gauges for Prometheus: each by its name, with
 * the newest value.
 */
#include <stdlib.h>

#include "lib/fmt_prom_stats.h"
#include "lib/nitems.h"

/*
 * A name's middle part is the value of a label: "filter.NAME.requests".  It may
 * hold dots itself; what stands behind it has one only if it is one of endings.
 */
static const char *const labels[] = { "filter", "report" };
static const char *const endings[] = { ".latency.p50", ".latency.p99" };

/* -- names -- */

/* The dot behind the middle part. */
static const char *
ending_of(struct slice name)
{
	size_t	 i, n;

	for (i = 0; i < nitems(endings); i++) {
		n = strlen(endings[i]);
		if (name.n > n && memcmp(name.p + name.n - n, endings[i], n) == 0)
			return name.p + name.n - n;
	}
	return memrchr(name.p, '.', name.n);
}

/* The label of a name and its value, or NULL. */
static const char *
label_of(struct slice name, struct slice *value)
{
	const char	*first, *last;
	size_t		 i, n;

	for (i = 0; i < nitems(labels); i++) {
		n = strlen(labels[i]);
		if (name.n <= n || memcmp(name.p, labels[i], n) != 0 || name.p[n] != '.')
			continue;
		first = name.p + n;
		last = ending_of(name);
		*value = slice_make(first + 1, last <= first ? 0 : (size_t)(last - first) - 1);
		return last <= first ? NULL : labels[i];
	}
	return NULL;
}

static char
safe(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	    (c >= '0' && c <= '9') ? c : '_';
}

/* "pipepost_filter_latency"; the label is no part of it.  buf has FAMILY_MAX bytes. */
#define PREFIX		"pipepost_"
#define FAMILY_MAX	(sizeof(PREFIX) + PROM_NAME_MAX)

static void
family_of(const struct prom_stat *s, char *buf)
{
	struct slice	 name = slice_make(s->name, s->n), value = SLICE_NONE;
	bool		 labelled = label_of(name, &value) != NULL;
	size_t		 i, n = sizeof(PREFIX) - 1;

	memcpy(buf, PREFIX, n);
	for (i = 0; i < name.n; i++) {
		/* With the dot before it. */
		if (labelled && name.p + i + 1 == value.p)
			i += value.n + 1;
		buf[n++] = safe(name.p[i]);
	}
	buf[n] = '\0';
}

/* -- values -- */

static struct prom_stat *
stat_of(struct prom_stats *p, struct slice name)
{
	struct prom_stat	*s;

	for (s = p->stat; s < p->stat + p->n; s++)
		if (slice_eq(slice_make(s->name, s->n), name))
			return s;
	if (p->n == PROM_STATS_MAX || name.n == 0 || name.n > PROM_NAME_MAX)
		return NULL;
	p->n++;
	memcpy(s->name, name.p, name.n);
	s->n = name.n;
	return s;
}

void
prom_stats_take(struct prom_stats *p, struct slice name, bool gauge, uint64_t value)
{
	struct prom_stat	*s = stat_of(p, name);

	if (s == NULL)
		return;
	s->gauge = gauge;
	s->value = value;
}

/* -- writing -- */

static void
put_label(struct outbuf *out, struct slice value)
{
	size_t	 i;

	for (i = 0; i < value.n; i++) {
		if (value.p[i] == '"' || value.p[i] == '\\')
			outbuf_char(out, '\\');
		outbuf_char(out, value.p[i]);
	}
}

static void
put_stat(struct outbuf *out, const char *family, const struct prom_stat *s)
{
	struct slice	 value;
	const char	*label = label_of(slice_make(s->name, s->n), &value);

	fmt_put_str(out, family);
	if (label != NULL) {
		fmt_put_str(out, "{");
		fmt_put_str(out, label);
		fmt_put_str(out, "=\"");
		put_label(out, value);
		fmt_put_str(out, "\"}");
	}
	fmt_put_str(out, " ");
	prom_put_number(out, s->value);
}

/* All of a family stand together, behind its head. */
void
prom_stats_put(struct outbuf *out, const struct prom_stats *p)
{
	char	 family[FAMILY_MAX], other[FAMILY_MAX];
	bool	 done[PROM_STATS_MAX] = { false };
	size_t	 i, k;

	for (i = 0; i < p->n; i++) {
		if (done[i])
			continue;
		family_of(&p->stat[i], family);
		prom_put_family(out, family, p->stat[i].gauge ? "gauge" : "counter",
		    "As the daemon tells it.");
		for (k = i; k < p->n; k++) {
			family_of(&p->stat[k], other);
			if (strcmp(family, other) != 0)
				continue;
			done[k] = true;
			put_stat(out, family, &p->stat[k]);
		}
	}
}
