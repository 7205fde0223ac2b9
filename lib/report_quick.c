/* SPDX-License-Identifier: ISC */
/*
 * The prefix of the lines that daemons write today, eight bytes at a time.
 */
#include "lib/report_quick.h"

#define EACH(byte)	(0x0101010101010101ULL * (byte))
#define HIGH		EACH(0x80)

/* "report|0.7|1541750432.123456|": where its pieces stand. */
#define VERSION		7
#define TIME		11
#define TIME_LENGTH	17
#define SUBSYSTEM	(TIME + TIME_LENGTH + 1)
#define SHORTEST	59	/* a line without parameters, of queue and "timeout" */

#define EVENT_MAX	24	/* an event's name and its bar */
#define INDEX_SIZE	64

static inline uint64_t
eight(const char *p)
{
	uint64_t	 x;

	memcpy(&x, p, sizeof(x));
	return x;
}

/* -- events: words to be compared under a mask; few have a third -- */

static struct {
	uint64_t	 name[3], mask[3];
	uint8_t		 length;		/* 0: the place is free */
	uint8_t		 event;
} events[INDEX_SIZE];
static bool	 events_made;

/* The first seven bytes: no name is shorter. */
static inline unsigned
event_hash(const char *p)
{
	return ((unsigned char)p[3] * 5 + (unsigned char)p[4] +
	    (unsigned char)p[5] * 3 + (unsigned char)p[6]) & (INDEX_SIZE - 1);
}

static void
events_make(void)
{
	char		 name[EVENT_MAX], mask[EVENT_MAX];
	enum event_id	 e;
	size_t		 n, k;
	unsigned	 i;

	for (e = 0; e < EV_MAX; e++) {
		n = strlen(report_events[e].name);
		if (n < 7 || n >= EVENT_MAX)
			continue;
		memset(name, 0, sizeof(name));
		memset(mask, 0, sizeof(mask));
		memcpy(name, report_events[e].name, n);
		name[n] = '|';
		memset(mask, 0xff, n + 1);
		for (i = event_hash(name); events[i].length != 0;)
			i = (i + 1) & (INDEX_SIZE - 1);
		for (k = 0; k < 3; k++) {
			events[i].name[k] = eight(name + 8 * k);
			events[i].mask[k] = eight(mask + 8 * k);
		}
		events[i].event = (uint8_t)e;
		events[i].length = (uint8_t)n;
	}
	events_made = true;
}

static inline bool
is_event(unsigned i, const char *p, unsigned word)
{
	return ((eight(p + 8 * word) & events[i].mask[word]) ^
	    events[i].name[word]) == 0;
}

/* The place of the event at p, or -1; a line ends at end. */
static inline int
find_event(const char *p, const char *end)
{
	unsigned	 i = event_hash(p);

	for (; events[i].length != 0; i = (i + 1) & (INDEX_SIZE - 1))
		if (is_event(i, p, 0) && is_event(i, p, 1) &&
		    (events[i].length < 16 || (end - p >= EVENT_MAX &&
		    is_event(i, p, 2))))
			return (int)i;
	return -1;
}

/* -- shapes -- */

/*
 * Is p like form, which has '0' for any digit?  Where they are the same the
 * difference is 0, at a digit it is 0 to 9: what is more reaches the high bit.
 */
static inline bool
is_like(const char *p, const char *form, const char *most)
{
	uint64_t	 x = eight(p) ^ eight(form);

	return ((x | (x + eight(most))) & HIGH) == 0;
}

/* The high bit of each byte of x, of which none is set, that is in from..to. */
static inline uint64_t
between(uint64_t x, char from, char to)
{
	return (x + EACH(0x80 - from)) & ~(x + EACH(0x7f - to)) & HIGH;
}

static inline bool
is_hex(const char *p)
{
	uint64_t	 x = eight(p);

	return (x & HIGH) == 0 && (between(x, '0', '9') |
	    between(x | EACH(0x20), 'a', 'f')) == HIGH;
}

#define DIGIT	"\x76"		/* and 9 is 0x7f */
#define SAME	"\x7f"

/* Ten digits, a dot, six digits, and the bar. */
static inline bool
is_time(const char *p)
{
	static const char	 digits[] = DIGIT DIGIT DIGIT DIGIT DIGIT DIGIT DIGIT DIGIT;
	static const char	 fraction[] = SAME DIGIT DIGIT DIGIT DIGIT DIGIT DIGIT SAME;

	return is_like(p, "00000000", digits) && is_like(p + 2, "00000000", digits) &&
	    is_like(p + 10, ".000000|", fraction);
}

/* -- the prefix -- */

static inline void
set(struct report *r, enum field f, const char *p, size_t n)
{
	r->field[f] = slice_make(p, n);
}

bool
report_quick(struct report *r, struct slice line, struct slice *params)
{
	const char	*p = line.p, *end = p + line.n;
	size_t		 n;
	int		 i;

	if (!events_made)
		events_make();
	if (line.n < SHORTEST || memcmp(p, "report|0", 8) != 0 || p[8] != '.' ||
	    p[9] < '1' || p[9] > '7' || p[10] != '|' || !is_time(p + TIME))
		return false;
	r->dialect = DIALECT_0_1 + (unsigned)(p[9] - '1');
	set(r, RF_VERSION, p + VERSION, 3);
	set(r, RF_TIME, p + TIME, TIME_LENGTH);
	p += SUBSYSTEM;
	if (memcmp(p, "smtp-in|", 8) == 0)
		n = 7;
	else if (memcmp(p, "smtp-out", 8) == 0 && p[8] == '|')
		n = 8;
	else if (memcmp(p, "queue|", 6) == 0)
		n = 5;
	else
		return false;
	set(r, RF_SUBSYSTEM, p, n);
	p += n + 1;
	if ((i = find_event(p, end)) == -1)
		return false;
	r->event = events[i].event;
	set(r, RF_EVENT, p, events[i].length);
	p += events[i].length + 1;
	if (end - p < 16 || !is_hex(p) || !is_hex(p + 8) ||
	    (end - p > 16 && p[16] != '|'))
		return false;
	set(r, RF_SESSION, p, 16);
	r->present = 1ULL << RF_VERSION | 1ULL << RF_TIME | 1ULL << RF_SUBSYSTEM |
	    1ULL << RF_EVENT | 1ULL << RF_SESSION;
	*params = end - p == 16 ? SLICE_NONE :
	    slice_make(p + 17, (size_t)(end - p) - 17);
	return true;
}
