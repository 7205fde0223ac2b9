/* SPDX-License-Identifier: ISC */
/*
 * What commands and replies say, and whether two replies say the same.
 */
#include "lib/nitems.h"
#include "lib/replay_text.h"

static inline bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static inline bool
is_alpha(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static inline struct slice
skip(struct slice s, size_t n)
{
	return slice_make(s.p + n, s.n - n);
}

/* -- commands -- */

static struct slice
skip_blanks(struct slice s)
{
	while (s.n > 0 && (*s.p == ' ' || *s.p == '\t'))
		s = skip(s, 1);
	return s;
}

bool
replay_is_verb(struct slice command, const char *verb)
{
	size_t	 n = strlen(verb);

	command = skip_blanks(command);
	return command.n >= n && strncasecmp(command.p, verb, n) == 0 &&
	    (command.n == n || command.p[n] == ' ' || command.p[n] == '\t');
}

bool
replay_is_masked(struct slice command)
{
	static const struct slice	 mask = SLICE("********");

	if (!replay_is_verb(command, "AUTH"))
		return slice_eq(command, mask);
	return memmem(command.p, command.n, mask.p, mask.n) != NULL;
}

bool
replay_chunk(struct slice command, uint64_t *size)
{
	struct slice	 s = skip_blanks(command);
	size_t		 n;

	if (!replay_is_verb(s, "BDAT"))
		return false;
	s = skip_blanks(skip(s, 4));
	*size = 0;
	for (n = 0; n < s.n && n < 15 && is_digit(s.p[n]); n++)
		*size = *size * 10 + (uint64_t)(s.p[n] - '0');
	if (n == 0 || (n < s.n && s.p[n] != ' '))
		return false;
	s = skip_blanks(skip(s, n));
	return s.n == 0 || slice_eqi(s, SLICE("LAST"));
}

/* -- replies -- */

unsigned
replay_code(struct slice s)
{
	if (s.n < 3 || !is_digit(s.p[0]) || !is_digit(s.p[1]) || !is_digit(s.p[2]) ||
	    (s.n > 3 && s.p[3] != ' ' && s.p[3] != '-' && s.p[3] != '\n'))
		return 0;
	return (unsigned)(s.p[0] - '0') * 100 + (unsigned)(s.p[1] - '0') * 10 +
	    (unsigned)(s.p[2] - '0');
}

bool
replay_is_last(struct slice line)
{
	return line.n < 4 || line.p[3] != '-' || replay_code(line) == 0;
}

struct slice
replay_last(struct slice reply)
{
	const char	*lf;

	if (reply.n > 0 && reply.p[reply.n - 1] == '\n')
		reply.n--;
	if (reply.n == 0 || (lf = memrchr(reply.p, '\n', reply.n)) == NULL)
		return reply;
	return slice_make(lf + 1, reply.n - (size_t)(lf + 1 - reply.p));
}

/* Cuts the next line off. */
static bool
take_line(struct slice *reply, struct slice *line)
{
	const char	*lf;

	if (reply->n == 0)
		return false;
	lf = memchr(reply->p, '\n', reply->n);
	line->p = reply->p;
	line->n = lf == NULL ? reply->n : (size_t)(lf - reply->p);
	*reply = skip(*reply, lf == NULL ? line->n : line->n + 1);
	return true;
}

struct slice
replay_banner_name(struct slice reply)
{
	struct slice	 line;
	size_t		 n;

	if (!take_line(&reply, &line) || line.n < 4)
		return SLICE_NONE;
	line = skip(line, 4);
	for (n = 0; n < line.n && line.p[n] != ' '; n++)
		;
	return slice_make(line.p, n);
}

bool
replay_has_line(struct slice reply, const char *word)
{
	struct slice	 line;

	while (take_line(&reply, &line))
		if (line.n >= 4 && slice_eqi(skip(line, 4), slice_str(word)))
			return true;
	return false;
}

/* "5.7.1" behind a code, or what is empty. */
static struct slice
enhanced(struct slice line)
{
	size_t	 i = 0, n, part;

	if (line.n < 4)
		return SLICE("");
	line = skip(line, 4);
	for (part = 0; part < 3; part++) {
		for (n = 0; n < 3 && i < line.n && is_digit(line.p[i]); n++)
			i++;
		if (n == 0 || (part < 2 && (i == line.n || line.p[i++] != '.')))
			return SLICE("");
	}
	if (i < line.n && line.p[i] != ' ' && line.p[i] != ':')
		return SLICE("");
	return slice_make(line.p, i);
}

bool
replay_alike(struct slice a, struct slice b)
{
	a = replay_last(a);
	b = replay_last(b);
	return replay_code(a) == replay_code(b) && slice_eq(enhanced(a), enhanced(b));
}

/* -- what differs from one time to the next -- */

static const struct slice months[] = { SLICE("Jan"), SLICE("Feb"), SLICE("Mar"),
    SLICE("Apr"), SLICE("May"), SLICE("Jun"), SLICE("Jul"), SLICE("Aug"), SLICE("Sep"),
    SLICE("Oct"), SLICE("Nov"), SLICE("Dec") };
static const struct slice days[] = { SLICE("Mon"), SLICE("Tue"), SLICE("Wed"),
    SLICE("Thu"), SLICE("Fri"), SLICE("Sat"), SLICE("Sun") };

static bool
is_one_of(struct slice word, const struct slice *list, size_t n)
{
	size_t	 i;

	for (i = 0; i < n && !slice_eq(word, list[i]); i++)
		;
	return i < n;
}

static bool
is_number(struct slice s, size_t most)
{
	size_t	 i;

	for (i = 0; i < s.n && is_digit(s.p[i]); i++)
		;
	return s.n > 0 && i == s.n && s.n <= most;
}

/* A msgid or an evpid; a number of eight digits behind SIZE is none. */
static bool
is_id(struct slice s, struct slice before)
{
	size_t	 i;

	if ((s.n != 8 && s.n != 16) || slice_eqi(before, SLICE("SIZE")))
		return false;
	for (i = 0; i < s.n; i++)
		if (!is_digit(s.p[i]) && !(s.p[i] >= 'a' && s.p[i] <= 'f'))
			return false;
	return true;
}

/* In a shape, 0 stands for a digit. */
static bool
begins_as(struct slice s, const char *shape)
{
	size_t	 i, n = strlen(shape);

	for (i = 0; i < n && i < s.n; i++)
		if (shape[i] == '0' ? !is_digit(s.p[i]) : s.p[i] != shape[i])
			return false;
	return i == n;
}

/* A time of day, a day as ISO 8601 has it, a zone; a part of a day of RFC 5322. */
static bool
is_date(struct slice s, struct slice before, struct slice after)
{
	if (begins_as(s, "00:00") || begins_as(s, "0000-00-00"))
		return true;
	if (s.n == 5 && (begins_as(s, "+0000") || begins_as(s, "-0000")))
		return true;
	if (is_one_of(s, months, nitems(months)) || is_one_of(s, days, nitems(days)))
		return true;
	return is_number(s, 4) && (begins_as(before, "00:00") ||
	    is_one_of(before, months, nitems(months)) ||
	    is_one_of(after, months, nitems(months)));
}

/* Names with a dot, the last part of letters, so that no version is one. */
static bool
is_host(struct slice s)
{
	const char	*dot = s.n == 0 ? NULL : memrchr(s.p, '.', s.n);
	size_t		 i, last;

	if (dot == NULL || dot == s.p || (last = s.n - (size_t)(dot + 1 - s.p)) < 2)
		return false;
	for (i = 0; i < s.n; i++)
		if (!is_alpha(s.p[i]) && (s.p + i > dot || (!is_digit(s.p[i]) &&
		    s.p[i] != '.' && s.p[i] != '-' && s.p[i] != '_')))
			return false;
	return true;
}

static bool
is_of_word(char c)
{
	return is_alpha(c) || is_digit(c) || (c != '\0' && strchr("-._:+@%/=", c) != NULL) ||
	    (unsigned char)c >= 0x80;
}

/* The word that s begins with, perhaps none; a dot or colon at its end is not of it. */
static struct slice
word_of(struct slice s)
{
	size_t	 n;

	for (n = 0; n < s.n && is_of_word(s.p[n]); n++)
		;
	while (n > 0 && (s.p[n - 1] == '.' || s.p[n - 1] == ':'))
		n--;
	return slice_make(s.p, n);
}

static bool
is_fleeting(struct slice word, struct slice before, struct slice rest, struct slice own)
{
	struct slice	 after = rest.n > 1 && *rest.p == ' ' ? word_of(skip(rest, 1)) :
				    SLICE_NONE;

	return is_id(word, before) || is_date(word, before, after) || is_host(word) ||
	    (own.n > 0 && slice_eqi(word, own));
}

struct slice
replay_mask(struct slice line, struct slice own, char *buf, size_t size)
{
	struct slice	 before = SLICE_NONE, word, code = enhanced(line);
	const char	*end;
	size_t		 n = 0;

	line = line.n < 4 ? SLICE("") : skip(line, 4);
	while (line.n > 0 && n < size) {
		word = word_of(line);
		if (*line.p == '[' && (end = memchr(line.p, ']', line.n)) != NULL)
			word.n = (size_t)(end + 1 - line.p);
		else if (word.n == 0) {
			/* Until 2019 a colon stood behind an enhanced code. */
			if (*line.p != ':' || code.n == 0 || line.p != code.p + code.n)
				buf[n++] = *line.p;
			line = skip(line, 1);
			continue;
		} else if (!is_fleeting(word, before, skip(line, word.n), own)) {
			before = word;
			line = skip(line, word.n);
			if (word.n > size - n)
				word.n = size - n;
			memcpy(buf + n, word.p, word.n);
			n += word.n;
			continue;
		}
		buf[n++] = '*';
		before = word;
		line = skip(line, word.n);
	}
	return slice_make(buf, n);
}

/* -- line by line -- */

static uint64_t
hash(struct slice s)
{
	uint64_t	 h = 0xcbf29ce484222325;
	size_t		 i;

	for (i = 0; i < s.n; i++)
		h = (h ^ (unsigned char)s.p[i]) * 0x100000001b3;
	return h;
}

void
replay_compare_init(struct replay_compare *c, const struct slice reply[2],
    const struct slice own[2])
{
	struct slice	 rest, line, masked;
	char		 buf[1024];
	size_t		 i, j, n;

	for (i = 0; i < 2; i++) {
		rest = reply[i];
		for (n = 0; n < REPLAY_LINES && take_line(&rest, &line); n++) {
			masked = replay_mask(line, own[i], buf, sizeof(buf));
			c->side[i].line[n] = line;
			c->side[i].hash[n] = hash(masked) ^ replay_code(line);
			c->side[i].paired[n] = false;
		}
		c->side[i].n = n;
		c->side[i].next = 0;
	}
	for (i = 0; i < c->side[0].n; i++)
		for (j = 0; j < c->side[1].n; j++)
			if (!c->side[1].paired[j] &&
			    c->side[0].hash[i] == c->side[1].hash[j]) {
				c->side[0].paired[i] = c->side[1].paired[j] = true;
				break;
			}
}

int
replay_compare_next(struct replay_compare *c, struct slice pair[2])
{
	size_t	 i, next;

	for (i = 0; i < 2; i++) {
		while ((next = c->side[i].next) < c->side[i].n && c->side[i].paired[next])
			c->side[i].next++;
		pair[i] = next == c->side[i].n ? SLICE_NONE : c->side[i].line[next];
		c->side[i].next += next < c->side[i].n;
	}
	return pair[0].p != NULL || pair[1].p != NULL;
}
