/* SPDX-License-Identifier: ISC */
/*
 * Lines of a filter, in every dialect: what is taken lies inside the line and
 * says what was read; written as a filter writes it, it is read the same.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/filter.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
inside(struct slice part, struct slice whole)
{
	if (part.p != NULL && (part.p < whole.p || part.p + part.n > whole.p + whole.n))
		abort();
}

/* The head of an answer as a filter writes it. */
static size_t
write_ids(char *buf, size_t size, enum dialect d, const char *word,
    const struct filter_answer *a)
{
	unsigned long long	 first = a->session, second = a->token;
	int			 n;

	if (d > DIALECT_1 && d < DIALECT_0_5) {
		first = a->token;
		second = a->session;
	}
	n = d > DIALECT_1 ? snprintf(buf, size, "%s|%llx|%llX|", word, first, second) :
	    snprintf(buf, size, "%s|%llx|", word, first);
	return (size_t)n;
}

static void
again(const struct filter_answer *a, enum filter_line kind, enum dialect d)
{
	struct filter_answer	 b;
	char			*buf;
	size_t			 n, size = a->param.n + 128;

	if ((buf = malloc(size)) == NULL)
		abort();
	n = write_ids(buf, size, d,
	    kind == FILTER_DECIDES ? "filter-result" : "filter-dataline", a);
	if (kind == FILTER_DECIDES)
		n += (size_t)snprintf(buf + n, size - n, "%s%s",
		    decision_names[a->decision], a->param.p == NULL ? "" : "|");
	if (a->param.n > 0)
		memcpy(buf + n, a->param.p, a->param.n);
	n += a->param.n;
	if (filter_answer_parse(&b, d, slice_make(buf, n)) != kind ||
	    a->session != b.session || a->token != b.token ||
	    !slice_eq(a->param, b.param) ||
	    (kind == FILTER_DECIDES && a->decision != b.decision))
		abort();
	free(buf);
}

static void
check(enum dialect d, struct slice line)
{
	struct filter_answer	 a = { .param = SLICE_NONE };
	enum filter_line	 kind = filter_answer_parse(&a, d, line);

	switch (kind) {
	case FILTER_DECIDES:
		if (a.decision >= DECISION_BYPASS)
			abort();
		/* FALLTHROUGH */
	case FILTER_DATA_LINE:
		inside(a.param, line);
		again(&a, kind, d);
		break;
	case FILTER_REGISTERS:
		if (a.subsystem >= SUBSYSTEM_MAX || a.phase > PHASE_MAX ||
		    a.event > EV_MAX || (a.phase != PHASE_MAX && a.event != EV_MAX))
			abort();
		break;
	case FILTER_REPORTS:
		inside(a.param, line);
		break;
	case FILTER_READY:
		break;
	case FILTER_MALFORMED:
		if (a.error == NULL)
			abort();
		inside(a.culprit, line);
		break;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice	 line = slice_make(data, size);
	enum dialect	 d;
	size_t		 i;

	for (d = DIALECT_1; d <= DIALECT_0_7; d++)
		check(d, line);
	if (filter_refusal_valid(line))
		for (i = 0; i < size; i++)
			if (data[i] < ' ' || data[i] == 0x7f)
				abort();
	return 0;
}
