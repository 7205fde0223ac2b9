/* SPDX-License-Identifier: ISC */
/*
 * Which lines need not be parsed, at the speed of memory: line ends and bars
 * are found 64 bytes at a time, and the event behind the fourth bar decides.
 */
#ifdef __x86_64__
#include <immintrin.h>
#endif

#include "lib/cond_node.h"
#include "lib/linebuf.h"

#define START		"report|"
#define START_LENGTH	(sizeof(START) - 1)
#define BARS		3	/* between the start and the event */
#define BLOCK		64
#define CHUNK		1024
#define LAST_BIT	(1ULL << (BLOCK - 1))
#define EVENT_KEY	8	/* bytes of an event that are looked at first */
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

/* -- finding bytes: in a result, bit i says that p[i] is that byte -- */

#ifdef __x86_64__

static inline uint64_t
where16(const char *p, __m128i same)
{
	return (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(
	    _mm_loadu_si128((const __m128i *)(const void *)p), same));
}

static inline uint64_t
where(const char *p, char byte)
{
	const __m128i	 same = _mm_set1_epi8(byte);

	return where16(p, same) | where16(p + 16, same) << 16 |
	    where16(p + 32, same) << 32 | where16(p + 48, same) << 48;
}

#define AVX2	__attribute__((target("avx2,bmi,bmi2,popcnt")))

static inline AVX2 uint64_t
where_avx2(const char *p, char byte)
{
	const __m256i	 same = _mm256_set1_epi8(byte), *v = (const __m256i *)(const void *)p;

	return (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(
	    _mm256_loadu_si256(v), same)) |
	    (uint64_t)(uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(
	    _mm256_loadu_si256(v + 1), same)) << 32;
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

/* -- passing over lines -- */

/* What follows is made for each way of finding bytes. */
#define EACH_WAY	static inline __attribute__((always_inline))
typedef uint64_t	 where_fn(const char *, char);

/* The LF of a line of which the first BLOCK bytes hold none; there is one before end. */
EACH_WAY const char *
line_end(const char *p, const char *end, where_fn *find)
{
	uint64_t	 lf;

	for (;; p += BLOCK) {
		if (end - p < BLOCK)
			return memchr(p, '\n', (size_t)(end - p));
		if ((lf = find(p, '\n')) != 0)
			return p + __builtin_ctzll(lf);
	}
}

/* May the name at p begin with the first bytes of an event's that is looked for? */
static inline bool
key_may_match(const struct cond *c, const char *p)
{
	uint64_t	 bytes;
	size_t		 i;

	memcpy(&bytes, p, sizeof(bytes));
	for (i = 0; i < c->keys; i++)
		if ((bytes & c->key[i].mask) == c->key[i].bytes)
			return true;
	return false;
}

/* Where from p on the LFs of CHUNK bytes are; their number. */
EACH_WAY size_t
line_ends(const char *p, uint16_t *at, where_fn *find)
{
	uint64_t	 bits;
	size_t		 n = 0, ends, i, k;

	for (i = 0; i < CHUNK; i += BLOCK) {
		bits = find(p + i, '\n');
		ends = (size_t)__builtin_popcountll(bits);
		/* How many there are cannot be predicted: two are written in any case. */
		for (k = 0; k < 2; k++, bits &= bits - 1)
			at[n + k] = (uint16_t)(i + (size_t)__builtin_ctzll(bits | LAST_BIT));
		for (; k < ends; k++, bits &= bits - 1)
			at[n + k] = (uint16_t)(i + (size_t)__builtin_ctzll(bits));
		n += ends;
	}
	return n;
}

/* cond_may_match, without literal; BLOCK + EVENT_KEY bytes at p can be read. */
EACH_WAY bool
event_is_wanted(const struct cond *c, const char *p, const char *stop, where_fn *find)
{
	size_t		 n = (size_t)(stop - p);
	uint64_t	 bars = find(p, '|');
	int		 i;

	if (n < START_LENGTH || memcmp(p, START, START_LENGTH) != 0)
		return true;
	bars &= n < BLOCK ? (1ULL << n) - 1 : UINT64_MAX;
	for (i = 0; i < BARS; i++)
		bars &= bars - 1;
	if (bars == 0 || !is_digit(p[START_LENGTH]))
		return line_may_match(c, slice_make(p, n));
	p += __builtin_ctzll(bars) + 1;
	return key_may_match(c, p) && event_may_match(c, p, stop);
}

/*
 * From p on, where a line begins that cond_may_match is true for, or one too
 * near to end, which is behind the last LF.  Counts the lines passed over.
 */
EACH_WAY const char *
pass_events(const struct cond *c, const char *p, const char *end, size_t *lines,
    where_fn *find)
{
	uint16_t	 at[CHUNK + 2];
	const char	*chunk, *stop;
	size_t		 i, n;

	for (chunk = p; end - chunk >= CHUNK + BLOCK + EVENT_KEY; chunk += CHUNK) {
		n = line_ends(chunk, at, find);
		for (i = 0; i < n; i++, p = stop + 1, ++*lines) {
			stop = chunk + at[i];
			if (event_is_wanted(c, p, stop, find))
				return p;
		}
	}
	return p;
}

/* The same, one line after the other, where bytes are to be found too. */
EACH_WAY const char *
pass_lines(const struct cond *c, const char *p, const char *end, size_t *lines,
    where_fn *find)
{
	const char	*hit = NULL, *stop;
	struct slice	 lit = c->literal;

	for (; p < end; p = stop + 1, ++*lines) {
		if (end - p < (ptrdiff_t)START_LENGTH || memcmp(p, START, START_LENGTH) != 0)
			return p;
		stop = line_end(p, end, find);
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

EACH_WAY const char *
pass(const struct cond *c, const char *p, const char *end, size_t *lines, where_fn *find)
{
	if (c->literal.n == 0)
		p = pass_events(c, p, end, lines, find);
	return pass_lines(c, p, end, lines, find);
}

static const char *
pass_plain(const struct cond *c, const char *p, const char *end, size_t *lines)
{
	return pass(c, p, end, lines, where);
}

#ifdef __x86_64__

static AVX2 const char *
pass_avx2(const struct cond *c, const char *p, const char *end, size_t *lines)
{
	return pass(c, p, end, lines, where_avx2);
}

#endif

static const char *
pass_best(const struct cond *c, const char *p, const char *end, size_t *lines)
{
#ifdef __x86_64__
	if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") &&
	    __builtin_cpu_supports("bmi2"))
		return pass_avx2(c, p, end, lines);
#endif
	return pass_plain(c, p, end, lines);
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
	if ((p = pass_best(c, p, lf + 1, &lines)) == start)
		return;
	b->start += (size_t)(p - start);
	b->seen = 0;
	b->number += lines;
}
