/* SPDX-License-Identifier: ISC */
/*
 * Which lines need not be parsed, at the speed of memory: line ends and bars
 * are found 64 bytes at a time, and the event behind the fourth bar decides.
 */
#ifdef __x86_64__
#include <immintrin.h>
#else
#include <endian.h>
#endif

#include "lib/cond_node.h"
#include "lib/linebuf.h"

#define START		"report|"
#define START_LENGTH	(sizeof(START) - 1)
#define BARS		3	/* between the start and the event */
#define BLOCK		64
#define CHUNK		512	/* bytes in which lines are found at once */
#define WINDOW		8192	/* bytes in which the literal is */
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

/*
 * Is the literal of any case at p?  It is of hexadecimal digits, small ones:
 * the bit that tells letters apart is set in all of them.
 */
static inline bool
literal_is(const struct cond *c, const char *p)
{
	size_t	 i;

	for (i = 0; i < c->literal.n; i++)
		if (p[i] != c->literal.p[i] && (c->literal.p[i] < 'a' ||
		    (p[i] | 0x20) != c->literal.p[i]))
			return false;
	return true;
}

/* Where it is first, or NULL. */
static const char *
literal_search(const struct cond *c, const char *p, size_t n)
{
	if (!c->any_case)
		return memmem(p, n, c->literal.p, c->literal.n);
	for (; n >= c->literal.n; p++, n--)
		if (literal_is(c, p))
			return p;
	return NULL;
}

bool
cond_may_match(const struct cond *c, struct slice line)
{
	if (line.n < START_LENGTH || memcmp(line.p, START, START_LENGTH) != 0)
		return true;
	if (c->literal.n != 0 && literal_search(c, line.p, line.n) == NULL)
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

#define LOW_BITS	0x7f7f7f7f7f7f7f7fULL

/* Eight bytes: those that are equal become 0x80, and these are gathered. */
static inline uint64_t
where8(const char *p, uint64_t same)
{
	uint64_t	 x;

	memcpy(&x, p, sizeof(x));
	x = le64toh(x) ^ same;
	x = ~(((x & LOW_BITS) + LOW_BITS) | x | LOW_BITS);
	return (x >> 7) * 0x0102040810204080ULL >> 56;
}

static inline uint64_t
where(const char *p, char byte)
{
	uint64_t	 same = 0x0101010101010101ULL * (unsigned char)byte, bits = 0;
	int		 i;

	for (i = 0; i < BLOCK; i += 8)
		bits |= where8(p + i, same) << i;
	return bits;
}

#endif

/* -- passing over lines -- */

/* What follows is made for each way of finding bytes. */
#define EACH_WAY	static inline __attribute__((always_inline))
typedef uint64_t	 where_fn(const char *, char);

/* The LF that ends a line, or NULL. */
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

/* Is the name at p, of which EVENT_KEY bytes can be read, one that is looked for? */
static inline bool
name_is_wanted(const struct cond *c, const char *p, const char *stop)
{
	const struct cond_event_key	*k;
	uint64_t			 bytes;
	size_t				 n;

	if (c->keys == 0)
		return event_may_match(c, p, stop);
	memcpy(&bytes, p, sizeof(bytes));
	for (k = c->key; k < c->key + c->keys; k++) {
		n = k->name.n;
		if ((bytes & k->mask) == k->bytes && (size_t)(stop - p) >= n &&
		    (n <= sizeof(bytes) || memcmp(p, k->name.p, n) == 0) &&
		    (p + n == stop || p[n] == '|'))
			return true;
	}
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

/* Where a byte of the literal can be. */
EACH_WAY uint64_t
literal_byte(const char *p, char byte, bool any_case, where_fn *find)
{
	uint64_t	 bits = find(p, byte);

	if (any_case && byte > '9')
		bits |= find(p, (char)(byte & ~0x20));
	return bits;
}

/* Where from p on the literal is, or end: by its first and its last byte. */
EACH_WAY const char *
literal_by_ends(const struct cond *c, const char *p, const char *end, bool any_case,
    where_fn *find)
{
	struct slice	 lit = c->literal;
	uint64_t	 bits;
	const char	*at;

	for (; end - p >= (ptrdiff_t)lit.n + BLOCK; p += BLOCK) {
		bits = literal_byte(p, lit.p[0], any_case, find) &
		    literal_byte(p + lit.n - 1, lit.p[lit.n - 1], any_case, find);
		for (; bits != 0; bits &= bits - 1) {
			at = p + __builtin_ctzll(bits);
			if (any_case ? literal_is(c, at) : memcmp(at, lit.p, lit.n) == 0)
				return at;
		}
	}
	at = literal_search(c, p, (size_t)(end - p));
	return at == NULL ? end : at;
}

/* Two loops: where the case counts, nothing is paid for where it does not. */
EACH_WAY const char *
literal_at(const struct cond *c, const char *p, const char *end, where_fn *find)
{
	return c->any_case ? literal_by_ends(c, p, end, true, find) :
	    literal_by_ends(c, p, end, false, find);
}

struct scan {
	const struct cond *c;
	const char	*end;
	const char	*hit;		/* where the literal is next, if found; else it is not before */
	bool		 found;
	size_t		 lines;		/* passed over */
};

/*
 * Has the line the literal?  No more than a window is searched at once, for
 * the next call knows nothing of it.
 */
EACH_WAY bool
has_literal(struct scan *s, const char *p, const char *stop, where_fn *find)
{
	struct slice	 lit = s->c->literal;
	const char	*at, *to;

	if (s->hit < p) {
		s->hit = p;
		s->found = false;
	}
	while (!s->found && s->hit < stop) {
		to = (size_t)(s->end - s->hit) > WINDOW + lit.n ?
		    s->hit + WINDOW + lit.n : s->end;
		at = literal_at(s->c, s->hit, to, find);
		s->found = at != to;
		s->hit = s->found || to == s->end ? at : to - lit.n + 1;
	}
	return s->found && s->hit < stop && lit.n <= (size_t)(stop - s->hit);
}

/* cond_may_match; BLOCK + EVENT_KEY bytes at p can be read. */
EACH_WAY bool
line_is_wanted(struct scan *s, const char *p, const char *stop, where_fn *find)
{
	const struct cond	*c = s->c;
	size_t			 n = (size_t)(stop - p);
	uint64_t		 bars;
	int			 i;

	if (n < START_LENGTH || memcmp(p, START, START_LENGTH) != 0)
		return true;
	if (c->literal.n != 0) {
		if (!has_literal(s, p, stop, find))
			return false;
		if (c->events == ALL_EVENTS)
			return true;
	}
	bars = find(p, '|') & (n < BLOCK ? (1ULL << n) - 1 : UINT64_MAX);
	for (i = 0; i < BARS; i++)
		bars &= bars - 1;
	if (bars == 0 || !is_digit(p[START_LENGTH]))
		return line_may_match(c, slice_make(p, n));
	p += __builtin_ctzll(bars) + 1;
	return name_is_wanted(c, p, stop);
}

/*
 * From p on, where a line begins that cond_may_match is true for, or one whose
 * end is not before s->end or too near to it.
 */
EACH_WAY const char *
pass_chunks(struct scan *s, const char *p, where_fn *find)
{
	uint16_t	 at[CHUNK + 2];
	const char	*chunk, *stop;
	size_t		 i, n;

	if (s->end - p < CHUNK + BLOCK + EVENT_KEY)
		return p;
	/* Often the next line is wanted again: then no more need be known. */
	if ((stop = line_end(p, s->end, find)) == NULL || line_is_wanted(s, p, stop, find))
		return p;
	s->lines++;
	for (chunk = p = stop + 1; s->end - chunk >= CHUNK + BLOCK + EVENT_KEY;
	    chunk += CHUNK) {
		n = line_ends(chunk, at, find);
		for (i = 0; i < n; i++, p = stop + 1, s->lines++) {
			stop = chunk + at[i];
			if (line_is_wanted(s, p, stop, find))
				return p;
		}
	}
	return p;
}

/* The same to the last line that has an end. */
EACH_WAY const char *
pass(struct scan *s, const char *p, where_fn *find)
{
	const char	*stop;

	for (p = pass_chunks(s, p, find); p < s->end; p = stop + 1, s->lines++)
		if ((stop = line_end(p, s->end, find)) == NULL ||
		    cond_may_match(s->c, slice_make(p, (size_t)(stop - p))))
			break;
	return p;
}

static const char *
pass_plain(struct scan *s, const char *p)
{
	return pass(s, p, where);
}

#ifdef __x86_64__

static AVX2 const char *
pass_avx2(struct scan *s, const char *p)
{
	return pass(s, p, where_avx2);
}

#endif

static const char *
pass_best(struct scan *s, const char *p)
{
#ifdef __x86_64__
	if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") &&
	    __builtin_cpu_supports("bmi2"))
		return pass_avx2(s, p);
#endif
	return pass_plain(s, p);
}

void
cond_skip(const struct cond *c, struct linebuf *b)
{
	struct scan	 s = { .c = c, .end = b->buf + b->end, .hit = b->buf };
	const char	*start = b->buf + b->start, *p;

	if (b->skip || b->start == b->end ||
	    (c->literal.n == 0 && c->events == ALL_EVENTS))
		return;
	if ((p = pass_best(&s, start)) == start)
		return;
	b->start += (size_t)(p - start);
	b->seen = 0;
	b->number += s.lines;
}
