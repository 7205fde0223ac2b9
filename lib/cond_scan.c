/* SPDX-License-Identifier: ISC */
/*
 * Which lines need not be parsed, at the speed of memory: line ends and bars
 * are found 64 bytes at a time, and the event behind the fourth bar decides.
 */
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "lib/cond_node.h"
#include "lib/linebuf.h"

#define START		"report|"
#define START_LENGTH	(sizeof(START) - 1)
#define BARS		3	/* between the start and the event */
#define BLOCK		64
#define ALL_EVENTS	((1ULL << EV_MAX) - 1)

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* May a record whose event begins at p be one for which the condition holds? */
static bool
event_may_match(const struct cond *c, const char *p, const char *end)
{
	const char	*bar = memchr(p, '|', (size_t)(end - p));
	enum event_id	 e;

	e = report_event_by_name(slice_make(p, (size_t)((bar == NULL ? end : bar) - p)));
	return (c->events >> e & 1) != 0;
}

/* The same for a line that begins with START; the two oldest dialects are parsed. */
static bool
line_may_match(const struct cond *c, struct slice line)
{
	const char	*p = line.p + START_LENGTH, *end = line.p + line.n;
	int		 bars;

	if (c->events == ALL_EVENTS || p == end || !is_digit(*p))
		return true;
	for (bars = 0; bars < BARS; bars++, p++)
		if ((p = memchr(p, '|', (size_t)(end - p))) == NULL)
			return true;
	return event_may_match(c, p, end);
}

bool
cond_may_match(const struct cond *c, struct slice line)
{
	if (line.n < START_LENGTH || memcmp(line.p, START, START_LENGTH) != 0)
		return true;
	if (c->literal.n != 0 &&
	    memmem(line.p, line.n, c->literal.p, c->literal.n) == NULL)
		return false;
	return line_may_match(c, line);
}

#ifdef __SSE2__

/* Bit i: p[i] is that byte. */
static inline uint64_t
where(const char *p, char byte)
{
	const __m128i	 same = _mm_set1_epi8(byte), *v = (const __m128i *)(const void *)p;
	uint64_t	 bits = 0;
	int		 i;

	for (i = 0; i < BLOCK / 16; i++)
		bits |= (uint64_t)(uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(
		    _mm_loadu_si128(v + i), same)) << (16 * i);
	return bits;
}

#else

static inline uint64_t
where(const char *p, char byte)
{
	uint64_t	 bits = 0;
	int		 i;

	for (i = 0; i < BLOCK; i++)
		bits |= (uint64_t)(p[i] == byte) << i;
	return bits;
}

#endif

/* The LF of a line of which the first BLOCK bytes hold none; there is one before end. */
static inline const char *
line_end(const char *p, const char *end)
{
	uint64_t	 lf;

	for (;; p += BLOCK) {
		if (end - p < BLOCK)
			return memchr(p, '\n', (size_t)(end - p));
		if ((lf = where(p, '\n')) != 0)
			return p + __builtin_ctzll(lf);
	}
}

/*
 * From p on, where a line begins that cond_may_match is true for; or end, which
 * is behind the last LF.  Counts the lines passed over.
 */
static const char *
pass_events(const struct cond *c, const char *p, const char *end, size_t *lines)
{
	uint64_t	 lf, bars;
	const char	*stop;
	int		 i;

	for (; end - p >= BLOCK; p = stop + 1, ++*lines) {
		if (memcmp(p, START, START_LENGTH) != 0 || !is_digit(p[START_LENGTH]))
			return p;
		lf = where(p, '\n');
		bars = where(p, '|') & ((lf & -lf) - 1);
		for (i = 0; i < BARS; i++)
			bars &= bars - 1;
		stop = lf != 0 ? p + __builtin_ctzll(lf) : line_end(p + BLOCK, end);
		if (bars == 0) {
			if (cond_may_match(c, slice_make(p, (size_t)(stop - p))))
				return p;
		} else if (event_may_match(c, p + __builtin_ctzll(bars) + 1, stop))
			return p;
	}
	return p;
}

/* The same, one line after the other, where bytes are to be found too. */
static const char *
pass_lines(const struct cond *c, const char *p, const char *end, size_t *lines)
{
	const char	*hit = NULL, *stop;
	struct slice	 lit = c->literal;

	for (; p < end; p = stop + 1, ++*lines) {
		if (end - p < (ptrdiff_t)START_LENGTH || memcmp(p, START, START_LENGTH) != 0)
			return p;
		stop = line_end(p, end);
		if (lit.n != 0 && (hit == NULL || hit < p) && hit != end)
			hit = memmem(p, (size_t)(end - p), lit.p, lit.n);
		if (hit == NULL)
			hit = end;
		if ((lit.n == 0 || (hit < stop && lit.n <= (size_t)(stop - hit))) &&
		    line_may_match(c, slice_make(p, (size_t)(stop - p))))
			return p;
	}
	return p;
}

void
cond_skip(const struct cond *c, struct linebuf *b)
{
	const char	*start = b->buf + b->start, *p = start, *lf;
	size_t		 lines = 0;

	if (b->skip || b->start == b->end ||
	    (c->literal.n == 0 && c->events == ALL_EVENTS))
		return;
	lf = memrchr(p + b->seen, '\n', b->end - b->start - b->seen);
	if (lf == NULL)
		return;
	if (c->literal.n == 0)
		p = pass_events(c, p, lf + 1, &lines);
	p = pass_lines(c, p, lf + 1, &lines);
	if (p == start)
		return;
	b->start += (size_t)(p - start);
	b->seen = 0;
	b->number += lines;
}
