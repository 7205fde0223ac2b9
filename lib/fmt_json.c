/* SPDX-License-Identifier: ISC */
/*
 * JSON lines.  Keys and what stands between them are put together once; a line
 * is then copied together in a place that has room for the worst of it.
 */
#include <stdio.h>

#include "lib/fmt_int.h"
#include "lib/report_list.h"
#include "lib/utf8.h"

#define HEAD_MAX	128	/* from behind the time to the session's value */
#define KEY_MAX		32

struct piece {			/* a text that is copied whole, its length apart */
	uint8_t	 n;
	char	 text[HEAD_MAX - 1];
};
struct key {
	uint8_t	 n;
	char	 text[KEY_MAX - 1];
};

struct json {
	struct piece	 version[DIALECT_MAX];
	struct piece	 head[SUBSYSTEM_MAX][EV_MAX];
	struct key	 text[RF_MAX];		/* ,"name":" */
	struct key	 bare[RF_MAX];		/* ,"name": */
};

/* -- small copies, without a call -- */

static inline char *
put(char *p, const char *s, size_t n)
{
	if (n > 32) {
		memcpy(p, s, n);
	} else if (n >= 16) {
		memcpy(p, s, 16);
		memcpy(p + n - 16, s + n - 16, 16);
	} else if (n >= 8) {
		memcpy(p, s, 8);
		memcpy(p + n - 8, s + n - 8, 8);
	} else if (n >= 4) {
		memcpy(p, s, 4);
		memcpy(p + n - 4, s + n - 4, 4);
	} else if (n > 0) {
		p[0] = s[0];
		p[n / 2] = s[n / 2];
		p[n - 1] = s[n - 1];
	}
	return p + n;
}

static inline char *
put_piece(char *p, const struct piece *k)
{
	memcpy(p, k->text, sizeof(k->text));
	return p + k->n;
}

static inline char *
put_key(char *p, const struct key *k)
{
	memcpy(p, k->text, sizeof(k->text));
	return p + k->n;
}

/* -- strings -- */

/* No byte below 0x20, no '"', no '\\', none above 0x7f. */
static inline bool
is_plain8(const char *s)
{
	uint64_t	 w = fmt_load8(s);

	return (((w - FMT_ONES * 0x20) | fmt_bytes_of(w, '"') |
	    fmt_bytes_of(w, '\\') | w) & FMT_HIGH) == 0;
}

static inline bool
is_plain(unsigned char c)
{
	return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

/* One character that is not plain: how many bytes of s it has is in *used. */
static char *
put_special(char *p, const char *s, size_t n, size_t *used)
{
	static const char	 hex[] = "0123456789abcdef";
	unsigned char		 c = (unsigned char)*s;

	*used = 1;
	if (c == '"' || c == '\\') {
		*p++ = '\\';
		*p++ = (char)c;
	} else if (c < 0x20) {
		memcpy(p, "\\u00", 4);
		p[4] = hex[c >> 4];
		p[5] = hex[c & 15];
		p += 6;
	} else if ((*used = utf8_length(s, n)) != 0) {
		memcpy(p, s, *used);
		p += *used;
	} else {
		/* The text \ooo, as everywhere for a byte of no character. */
		*p++ = '\\';
		*p++ = '\\';
		*p++ = (char)('0' + (c >> 6));
		*p++ = (char)('0' + (c >> 3 & 7));
		*p++ = (char)('0' + (c & 7));
		*used = 1;
	}
	return p;
}

static char *
put_rest(char *p, const char *s, size_t n)
{
	size_t	 used;

	while (n > 0) {
		for (; n >= 8 && is_plain8(s); p += 8, s += 8, n -= 8)
			memcpy(p, s, 8);
		for (; n > 0 && is_plain((unsigned char)*s); s++, n--)
			*p++ = *s;
		if (n == 0)
			break;
		p = put_special(p, s, n, &used);
		s += used;
		n -= used;
	}
	return p;
}

/* Between quotes that stand there already, or follow. */
static inline char *
put_string(char *p, const char *s, size_t n)
{
	const char	*last;

	if (n < 8)
		return put_rest(p, s, n);
	for (last = s + n - 8; s < last; s += 8, p += 8) {
		if (!is_plain8(s))
			return put_rest(p, s, (size_t)(last - s) + 8);
		memcpy(p, s, 8);
	}
	/* The last eight once more, where they overlap what is written. */
	if (!is_plain8(last))
		return put_rest(p, s, (size_t)(last - s) + 8);
	memcpy(p - (s - last), last, 8);
	return p + 8 - (s - last);
}

/* Digits as they are; JSON has no zeros before a number. */
static inline char *
put_number(char *p, struct slice s)
{
	while (s.n > 1 && *s.p == '0' && s.p[1] != '.') {
		s.p++;
		s.n--;
	}
	return put(p, s.p, s.n);
}

static bool
is_number(struct slice s)
{
	size_t	 i, dots = 0;

	for (i = 0; i < s.n; i++) {
		if (s.p[i] == '.' && i > 0 && i + 1 < s.n && dots++ == 0)
			continue;
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
	}
	return s.n > 0;
}

/* -- values -- */

static bool
is_numeric(enum field_type type)
{
	return type == RT_NUMBER || type == RT_SECONDS || type == RT_TIME;
}

static char *
put_decoded(struct fmt *f, char *p, struct slice s)
{
	s = report_decode(s, f->scratch, f->scratch_size);
	return put_string(p, s.p, s.n);
}

static char *
put_list(struct fmt *f, char *p, enum field field, struct slice list)
{
	struct slice	 item;
	bool		 numeric = is_numeric(report_fields[field].type);

	*p++ = '[';
	while (report_item(&list, &item) == 1) {
		if (numeric && is_number(item)) {
			p = put_number(p, item);
		} else if (numeric && item.n == 0) {
			p = put(p, "null", 4);
		} else {
			*p++ = '"';
			p = put_decoded(f, p, item);
			*p++ = '"';
		}
		*p++ = ',';
	}
	p[-1] = ']';
	return p;
}

static char *
put_time(struct fmt *f, char *p, enum field field, struct slice s)
{
	bool	 number;

	if (f->times == FMT_AS_IS)
		return put_number(p, s);
	s = fmt_time(f, field, s, &number);
	if (number)
		return *s.p == '-' ? put(p, s.p, s.n) : put_number(p, s);
	*p++ = '"';
	p = put_string(p, s.p, s.n);
	*p++ = '"';
	return p;
}

/* A value of a derived event; all others are below. */
static char *
put_derived(struct fmt *f, const struct json *j, char *p, const struct report *r,
    enum field field)
{
	struct slice	 s = r->field[field];

	if (report_is_list(r->event, field))
		return put_list(f, put_key(p, &j->bare[field]), field, s);
	if (report_fields[field].type == RT_TIME)
		return put_time(f, put_key(p, &j->bare[field]), field, s);
	if (is_numeric(report_fields[field].type))
		return put_number(put_key(p, &j->bare[field]), s);
	p = put_decoded(f, put_key(p, &j->text[field]), s);
	*p++ = '"';
	return p;
}

static inline char *
put_field(struct fmt *f, const struct json *j, char *p, enum field field,
    struct slice s)
{
	switch (report_fields[field].type) {
	case RT_HEX64:
	case RT_HEX32:
		p = put_key(p, &j->text[field]);
		p = put(p, s.p, s.n);
		break;
	case RT_NUMBER:
	case RT_SECONDS:
		return put_number(put_key(p, &j->bare[field]), s);
	case RT_TIME:
		return put_time(f, put_key(p, &j->bare[field]), field, s);
	default:
		p = put_key(p, &j->text[field]);
		p = put_string(p, s.p, s.n);
	}
	*p++ = '"';
	return p;
}

/* -- a line -- */

static inline enum subsystem
subsystem_of(struct slice s)
{
	/* Known events are of these only: the lengths differ, but for two. */
	if (s.n == 7)
		return SUBSYSTEM_SMTP_IN;
	if (s.n == 8)
		return SUBSYSTEM_SMTP_OUT;
	return *s.p == 'q' ? SUBSYSTEM_QUEUE : SUBSYSTEM_STATS;
}

static inline char *
put_version(const struct json *j, char *p, const struct report *r)
{
	static const char	 open[] = "{\"version\":\"", shut[] = "\",\"time\":";
	struct slice		 s = r->field[RF_VERSION];

	if (r->dialect != DIALECT_UNKNOWN)
		return put_piece(p, &j->version[r->dialect]);
	p = put(p, open, sizeof(open) - 1);
	p = put_string(p, s.p, s.n);
	return put(p, shut, sizeof(shut) - 1);
}

/* Room for the whole line at p. */
static char *
put_line(struct fmt *f, const struct json *j, char *p, const struct report *r)
{
	const uint8_t	*field = report_events[r->event].field;
	bool		 derived = report_is_derived(r->event);

	p = put_version(j, p, r);
	p = put_time(f, p, RF_TIME, r->field[RF_TIME]);
	p = put_piece(p, &j->head[subsystem_of(r->field[RF_SUBSYSTEM])][r->event]);
	p = put(p, r->field[RF_SESSION].p, r->field[RF_SESSION].n);
	*p++ = '"';
	for (; *field != RF_VERSION; field++)
		if (report_has(r, *field))
			p = derived ? put_derived(f, j, p, r, *field) :
			    put_field(f, j, p, *field, r->field[*field]);
	*p++ = '}';
	*p++ = '\n';
	return p;
}

void
fmt_json_record(struct fmt *f, struct outbuf *out, const struct report *r)
{
	const struct json	*j = f->state;
	size_t			 need = FMT_ROOM(f->bound);
	char			*p;

	if (need >= OUTBUF_SIZE) {
		p = put_line(f, j, f->line, r);
		outbuf_put(out, f->line, (size_t)(p - f->line));
		return;
	}
	if (need >= OUTBUF_SIZE - out->n)
		outbuf_flush(out);
	p = out->buf + out->n;
	out->n += (size_t)(put_line(f, j, p, r) - p);
}

static void
make_head(struct piece *k, enum subsystem subsystem, enum event_id e)
{
	k->n = (uint8_t)snprintf(k->text, sizeof(k->text),
	    ",\"subsystem\":\"%s\",\"event\":\"%s\",\"session\":\"",
	    subsystem_names[subsystem], report_events[e].name);
}

int
fmt_json_init(struct fmt *f)
{
	struct json	*j;
	enum dialect	 d;
	enum subsystem	 s;
	enum event_id	 e;
	enum field	 field;

	if (fmt_state(f, sizeof(*j)) == -1)
		return -1;
	j = f->state;
	for (d = 0; d < DIALECT_MAX; d++)
		j->version[d].n = (uint8_t)snprintf(j->version[d].text,
		    sizeof(j->version[d].text), "{%s%s%s\"time\":",
		    d < DIALECT_1 ? "" : "\"version\":\"",
		    d < DIALECT_1 ? "" : dialect_names[d],
		    d < DIALECT_1 ? "" : "\",");
	for (s = 0; s < SUBSYSTEM_MAX; s++)
		for (e = 0; e < EV_MAX; e++)
			make_head(&j->head[s][e], s, e);
	for (field = 0; field < RF_MAX; field++) {
		j->text[field].n = (uint8_t)snprintf(j->text[field].text,
		    sizeof(j->text[field].text), ",\"%s\":\"", report_fields[field].name);
		j->bare[field].n = (uint8_t)snprintf(j->bare[field].text,
		    sizeof(j->bare[field].text), ",\"%s\":", report_fields[field].name);
	}
	return 0;
}
