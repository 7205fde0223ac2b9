/* SPDX-License-Identifier: ISC */
/*
 * Values to a line of the report language.
 */
#include "lib/addr.h"
#include "lib/report.h"

struct line {			/* being written; cut where it would not fit */
	char		*p, *end;
	enum dialect	 dialect;
};

static void
put(struct line *l, const char *p, size_t n)
{
	if (l->p >= l->end)
		return;
	if (n > (size_t)(l->end - l->p))
		n = (size_t)(l->end - l->p);
	if (n > 0)
		memcpy(l->p, p, n);
	l->p += n;
}

static void
put_str(struct line *l, const char *s)
{
	put(l, s, strlen(s));
}

static void
put_slice(struct line *l, struct slice s)
{
	put(l, s.p, s.n);
}

static void
put_hex(struct line *l, uint64_t v, int digits)
{
	char	 buf[16];
	int	 i;

	for (i = digits - 1; i >= 0; i--, v >>= 4)
		buf[i] = "0123456789abcdef"[v & 15];
	put(l, buf, digits);
}

static void
put_number(struct line *l, uint64_t v)
{
	char	 buf[20], *p = buf + sizeof(buf);

	do
		*--p = (char)('0' + v % 10);
	while ((v /= 10) != 0);
	put(l, p, (size_t)(buf + sizeof(buf) - p));
}

static void
put_seconds(struct line *l, uint64_t us)
{
	char		 buf[7];
	uint64_t	 fraction = us % 1000000;
	int		 i;

	put_number(l, us / 1000000);
	buf[0] = '.';
	for (i = 6; i > 0; i--, fraction /= 10)
		buf[i] = (char)('0' + fraction % 10);
	put(l, buf, sizeof(buf));
}

/* Whole seconds in the founding form, microseconds in the later. */
static void
put_time(struct line *l, uint64_t us)
{
	if (l->dialect == DIALECT_1)
		put_number(l, us / 1000000);
	else
		put_seconds(l, us);
}

static void
put_address(struct line *l, struct slice text)
{
	char	 buf[ADDR_MAX];

	put_slice(l, l->dialect == DIALECT_1 ?
	    addr_founding(text, buf, sizeof(buf)) : text);
}

/* "TLSv1.3:CIPHER:256" in the founding form: three named parts. */
static void
put_tls(struct line *l, struct slice text)
{
	static const char *const	 names[] = { "version=", ", cipher=", ", bits=" };
	const char			*colon;
	size_t				 i, n;

	if (l->dialect != DIALECT_1) {
		put_slice(l, text);
		return;
	}
	for (i = 0; i < 3; i++) {
		colon = i < 2 && text.n > 0 ? memchr(text.p, ':', text.n) : NULL;
		n = colon == NULL ? text.n : (size_t)(colon - text.p);
		put_str(l, names[i]);
		put(l, text.p, n);
		n += colon != NULL;
		text.p += n;
		text.n -= n;
	}
}

static void
put_mail(struct line *l, struct slice text)
{
	if (l->dialect != DIALECT_1) {
		put_slice(l, text);
		return;
	}
	put(l, "<", 1);
	l->end--;
	put_slice(l, text);
	l->end++;
	put(l, ">", 1);
}

static void
put_value(struct line *l, const struct report_value *v)
{
	switch (report_fields[v->field].type) {
	case RT_TOKEN:
		if (v->token != NULL)
			put_str(l, v->token);
		else
			put_slice(l, v->text);
		break;
	case RT_HEX64:
		put_hex(l, v->num, 16);
		break;
	case RT_HEX32:
		put_hex(l, v->num, 8);
		break;
	case RT_NUMBER:
		put_number(l, v->num);
		break;
	case RT_TIME:
		put_time(l, v->num);
		break;
	case RT_ADDRESS:
		put_address(l, v->text);
		break;
	case RT_TLS:
		put_tls(l, v->text);
		break;
	case RT_MAIL:
		put_mail(l, v->text);
		break;
	case RT_SECONDS:
		if (v->text.p == NULL) {
			put_time(l, v->num);
			break;
		}
		/* FALLTHROUGH */
	case RT_TEXT:
		put_slice(l, v->text);
		break;
	}
}

static const uint8_t *
order(enum dialect d, enum event_id event)
{
	const struct report_order	*o;

	for (o = report_orders; o->upto != DIALECT_MAX; o++)
		if (o->event == event && d <= o->upto)
			return o->field;
	return report_events[event].field;
}

/* Room that is kept for the fields behind a text that is cut. */
#define REST_MAX	512

static bool
is_text(enum field f)
{
	return report_fields[f].type == RT_TEXT || report_fields[f].type == RT_MAIL;
}

static const struct report_value *
value_of(enum field f, const struct report_value *v, size_t n)
{
	for (; n > 0; v++, n--)
		if (v->field == f)
			return v;
	return NULL;
}

static void
put_head(struct line *l, enum event_id event, const struct report_head *head)
{
	put_str(l, "report|");
	put_str(l, dialect_names[l->dialect]);
	put(l, "|", 1);
	put_time(l, head->time);
	put(l, "|", 1);
	put_str(l, subsystem_names[head->subsystem]);
	put(l, "|", 1);
	put_str(l, report_events[event].name);
	put(l, "|", 1);
	put_hex(l, head->session, 16);
}

size_t
report_write(char *buf, size_t size, enum dialect d, enum event_id event,
    const struct report_head *head, const struct report_value *v, size_t n)
{
	struct line			 l = { buf, NULL, d };
	char				*end = buf + size - 1;
	const uint8_t			*f = order(d, event);
	const struct report_value	*value;
	size_t				 i, fields, need;

	for (fields = 0; f[fields] != RF_VERSION; fields++)
		;
	need = fields - report_events[event].optional;
	while (fields > need && value_of(f[fields - 1], v, n) == NULL)
		fields--;
	l.end = end;
	put_head(&l, event, head);
	for (i = 0; i < fields; i++) {
		put(&l, "|", 1);
		if ((value = value_of(f[i], v, n)) == NULL)
			continue;
		l.end = is_text(f[i]) && i + 1 < fields ? end - REST_MAX : end;
		put_value(&l, value);
		l.end = end;
	}
	*l.p++ = '\n';
	return (size_t)(l.p - buf);
}

/* Which bytes stand for themselves; the rest would end a line or drive a terminal. */
static inline bool
is_safe(unsigned char c, bool bar)
{
	return c >= 0x20 && c != 0x7f && (c != '|' || bar);
}

struct slice
report_safe(char *buf, size_t size, struct slice text, bool bar)
{
	size_t		 i, n = 0;
	unsigned char	 c;

	for (i = 0; i < text.n; i++) {
		c = (unsigned char)text.p[i];
		if (is_safe(c, bar)) {
			if (n == size)
				break;
			buf[n++] = (char)c;
			continue;
		}
		if (size - n < 4)
			break;
		buf[n++] = '\\';
		buf[n++] = (char)('0' + (c >> 6));
		buf[n++] = (char)('0' + (c >> 3 & 7));
		buf[n++] = (char)('0' + (c & 7));
	}
	return slice_make(buf, n);
}
