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
	if (n > (size_t)(l->end - l->p))
		n = l->end - l->p;
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
	put(l, p, buf + sizeof(buf) - p);
}

/* Whole seconds in the founding form, microseconds in the newest. */
static void
put_time(struct line *l, uint64_t us)
{
	char		 buf[7];
	uint64_t	 fraction = us % 1000000;
	int		 i;

	put_number(l, us / 1000000);
	if (l->dialect == DIALECT_1)
		return;
	buf[0] = '.';
	for (i = 6; i > 0; i--, fraction /= 10)
		buf[i] = (char)('0' + fraction % 10);
	put(l, buf, sizeof(buf));
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
	if (l->dialect == DIALECT_1)
		put(l, "<", 1);
	put_slice(l, text);
	if (l->dialect == DIALECT_1)
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

size_t
report_write(char *buf, size_t size, enum dialect d, enum event_id event,
    const struct report_head *head, const struct report_value *v, size_t n)
{
	struct line	 l = { buf, buf + size - 1, d };
	const uint8_t	*f;
	size_t		 i;

	put_str(&l, "report|");
	put_str(&l, dialect_names[d]);
	put(&l, "|", 1);
	put_time(&l, head->time);
	put(&l, "|", 1);
	put_str(&l, subsystem_names[head->subsystem]);
	put(&l, "|", 1);
	put_str(&l, report_events[event].name);
	put(&l, "|", 1);
	put_hex(&l, head->session, 16);
	for (f = order(d, event); *f != RF_VERSION; f++) {
		for (i = 0; i < n && v[i].field != *f; i++)
			;
		if (i == n && report_events[event].optional > 0 &&
		    f[1] == RF_VERSION)
			break;
		put(&l, "|", 1);
		if (i < n)
			put_value(&l, &v[i]);
	}
	*l.p++ = '\n';
	return l.p - buf;
}

struct slice
report_safe(char *buf, size_t size, struct slice text, bool bar)
{
	size_t		 i, n = 0;
	unsigned char	 c;

	for (i = 0; i < text.n; i++) {
		c = (unsigned char)text.p[i];
		if (c >= 0x20 && c != 0x7f && (bar || c != '|')) {
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
