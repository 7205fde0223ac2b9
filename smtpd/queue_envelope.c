/* SPDX-License-Identifier: ISC */
/*
 * Envelopes as text, in the records of the spool: a line "key: value" for
 * each row of the table below, in its order, the rows of a recipient as often
 * as there are recipients.  In values, bytes below 0x20, 0x7f and backslashes
 * are written as \ooo (octal), so any byte may stand in any field.  Rows that
 * may be left out are 0 or empty then.  Lines whose key is not in the table are
 * skipped: a later version may add some.
 * Queue process.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "smtpd/queue.h"

enum key {
	K_MSGID, K_SESSION, K_ARRIVAL, K_SIZE, K_SENDER, K_HELO, K_SRC,
	K_BODY, K_RET, K_ENVID,
	K_EVPID, K_TTL, K_ACTION, K_USER, K_RELAY, K_RCPT, K_DEST,
	K_NOTIFY, K_ORCPT,
	K_MAX
};
#define K_RECIPIENT	K_EVPID		/* the first of a recipient */

static const struct row {
	const char	*name;
	enum { HEX32, HEX64, BITS, DECIMAL, TEXT } kind;
	bool		 optional;
} rows[K_MAX] = {
	[K_MSGID]	= { "msgid",	HEX32 },
	[K_SESSION]	= { "session",	HEX64 },
	[K_ARRIVAL]	= { "arrival",	DECIMAL },	/* wall seconds */
	[K_SIZE]	= { "size",	DECIMAL },	/* bytes of content */
	[K_SENDER]	= { "sender",	TEXT },		/* empty: the null sender */
	[K_HELO]	= { "helo",	TEXT },
	[K_SRC]		= { "src",	TEXT },
	[K_BODY]	= { "body",	BITS, true },	/* enum body */
	[K_RET]		= { "ret",	BITS, true },	/* enum dsn_ret */
	[K_ENVID]	= { "envid",	TEXT, true },
	[K_EVPID]	= { "evpid",	HEX64 },
	[K_TTL]		= { "ttl",	DECIMAL },	/* seconds */
	[K_ACTION]	= { "action",	TEXT },
	[K_USER]	= { "user",	TEXT, true },	/* who delivers, or */
	[K_RELAY]	= { "relay",	TEXT, true },	/* the domain that it goes to, maybe empty */
	[K_RCPT]	= { "rcpt",	TEXT },		/* as the client gave it */
	[K_DEST]	= { "dest",	TEXT },		/* after aliases */
	[K_NOTIFY]	= { "notify",	BITS, true },	/* enum dsn_notify */
	[K_ORCPT]	= { "orcpt",	TEXT, true },
};

#define LINE_MAX_FIXED	32	/* key, ": ", a number, LF */

union value {
	uint64_t	 num;
	struct slice	 text;
};

/* -- writing -- */

static char *
put_number(char *p, uint64_t v, unsigned base, size_t width)
{
	char	 buf[24];
	size_t	 n = sizeof(buf);

	do
		buf[--n] = "0123456789abcdef"[v % base];
	while ((v /= base) > 0);
	while (sizeof(buf) - n < width)
		buf[--n] = '0';
	memcpy(p, buf + n, sizeof(buf) - n);
	return p + sizeof(buf) - n;
}

static char *
put_text(char *p, struct slice s)
{
	size_t	 i;

	for (i = 0; i < s.n; i++) {
		unsigned char	 c = s.p[i];

		if (c >= 0x20 && c != 0x7f && c != '\\') {
			*p++ = c;
			continue;
		}
		*p++ = '\\';
		*p++ = '0' + (c >> 6);
		*p++ = '0' + (c >> 3 & 7);
		*p++ = '0' + (c & 7);
	}
	return p;
}

static char *
put_line(char *p, enum key k, union value v)
{
	p = stpcpy(p, rows[k].name);
	p = stpcpy(p, ": ");
	switch (rows[k].kind) {
	case HEX32:
		p = put_number(p, v.num, 16, 8);
		break;
	case HEX64:
		p = put_number(p, v.num, 16, 16);
		break;
	case BITS:
	case DECIMAL:
		p = put_number(p, v.num, 10, 1);
		break;
	case TEXT:
		p = put_text(p, v.text);
		break;
	}
	*p++ = '\n';
	return p;
}

/* The most that the text can take: every byte as four. */
static size_t
bound(const struct message *m)
{
	size_t		 n = K_MAX * LINE_MAX_FIXED +
	    4 * (m->sender.n + m->helo.n + m->src.n + m->envid.n);
	uint32_t	 i;

	for (i = 0; i < m->n; i++)
		n += K_MAX * LINE_MAX_FIXED + 4 * (m->env[i]->action.n +
		    m->env[i]->route->name.n + m->env[i]->rcpt.n +
		    m->env[i]->dest.n + m->env[i]->orcpt.n);
	return n;
}

/* arrival and ttl are never negative: see clamp(). */
static uint64_t
clamp(int64_t v)
{
	return v < 0 ? 0 : (uint64_t)v;
}

/* A row of its own for each kind of route; others that are optional, if they say something. */
static bool
is_written(enum key k, union value v, const struct envelope *e)
{
	switch (k) {
	case K_USER:
		return e->route->kind == ROUTE_USER;
	case K_RELAY:
		return e->route->kind == ROUTE_RELAY;
	default:
		return !rows[k].optional ||
		    (rows[k].kind == TEXT ? v.text.n : v.num) > 0;
	}
}

static char *
put_head(char *p, const struct message *m)
{
	const union value	 v[] = {
		[K_MSGID]	= { .num = m->msgid },
		[K_SESSION]	= { .num = m->session },
		[K_ARRIVAL]	= { .num = clamp(m->arrival) },
		[K_SIZE]	= { .num = m->size },
		[K_SENDER]	= { .text = m->sender },
		[K_HELO]	= { .text = m->helo },
		[K_SRC]		= { .text = m->src },
		[K_BODY]	= { .num = m->body },
		[K_RET]		= { .num = m->ret },
		[K_ENVID]	= { .text = m->envid },
	};
	enum key		 k;

	for (k = 0; k < K_RECIPIENT; k++)
		if (is_written(k, v[k], NULL))
			p = put_line(p, k, v[k]);
	return p;
}

static char *
put_recipient(char *p, const struct envelope *e)
{
	const union value	 v[] = {
		[K_EVPID]	= { .num = e->evpid },
		[K_TTL]		= { .num = clamp(e->ttl) },
		[K_ACTION]	= { .text = e->action },
		[K_USER]	= { .text = e->route->name },
		[K_RELAY]	= { .text = e->route->name },
		[K_RCPT]	= { .text = e->rcpt },
		[K_DEST]	= { .text = e->dest },
		[K_NOTIFY]	= { .num = e->notify },
		[K_ORCPT]	= { .text = e->orcpt },
	};
	enum key		 k;

	for (k = K_RECIPIENT; k < K_MAX; k++)
		if (is_written(k, v[k], e))
			p = put_line(p, k, v[k]);
	return p;
}

char *
envelope_encode(const struct message *m, size_t *n)
{
	char		*text = malloc(bound(m)), *p = text;
	uint32_t	 i;

	if (text == NULL)
		return NULL;
	p = put_head(p, m);
	for (i = 0; i < m->n; i++)
		p = put_recipient(p, m->env[i]);
	*n = p - text;
	return text;
}

/* -- reading -- */

static int
digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' :
	    c >= 'a' && c <= 'f' ? c - 'a' + 10 : 16;
}

static bool
get_number(struct slice s, unsigned base, uint64_t max, uint64_t *v)
{
	unsigned	 d;
	size_t		 i;

	*v = 0;
	for (i = 0; i < s.n; i++) {
		if ((d = digit(s.p[i])) >= base || *v > (max - d) / base)
			return false;
		*v = *v * base + d;
	}
	return s.n > 0;
}

/* Unescapes s to *to, which is moved on. */
static bool
get_text(struct slice s, char **to, struct slice *out)
{
	char	*p = *to;
	size_t	 i;

	for (i = 0; i < s.n; i++)
		if (s.p[i] != '\\')
			*p++ = s.p[i];
		else if (s.n - i < 4 || digit(s.p[i + 1]) > 3 ||
		    digit(s.p[i + 2]) > 7 || digit(s.p[i + 3]) > 7)
			return false;
		else {
			*p++ = (char)(digit(s.p[i + 1]) << 6 |
			    digit(s.p[i + 2]) << 3 | digit(s.p[i + 3]));
			i += 3;
		}
	*out = slice_make(*to, p - *to);
	*to = p;
	return true;
}

static bool
get_value(enum key k, struct slice s, char **scratch, union value *v)
{
	switch (rows[k].kind) {
	case HEX32:
		return get_number(s, 16, UINT32_MAX, &v->num);
	case HEX64:
		return get_number(s, 16, UINT64_MAX, &v->num);
	case BITS:
		return get_number(s, 10, UINT8_MAX, &v->num);
	case DECIMAL:
		return get_number(s, 10, INT64_MAX, &v->num);
	case TEXT:
		return get_text(s, scratch, &v->text);
	}
	return false;
}

/* The row of the next line, and its value; K_MAX: not in the table; -1: no line. */
static int
next_line(struct slice *text, struct slice *value)
{
	const char	*lf = memchr(text->p, '\n', text->n);
	const char	*colon;
	struct slice	 key;
	enum key	 k;

	if (lf == NULL || (colon = memchr(text->p, ':', lf - text->p)) == NULL ||
	    colon[1] != ' ')
		return -1;
	key = slice_make(text->p, colon - text->p);
	*value = slice_make(colon + 2, lf - colon - 2);
	*text = slice_make(lf + 1, text->p + text->n - lf - 1);
	for (k = 0; k < K_MAX; k++)
		if (slice_eq(key, slice_str(rows[k].name)))
			break;
	return k;
}

static bool
take_head(struct message *m, const union value *v)
{
	const struct ipc_commit	 c = {
		.session = v[K_SESSION].num, .size = v[K_SIZE].num,
		.sender = v[K_SENDER].text, .helo = v[K_HELO].text,
		.src = v[K_SRC].text, .body = (uint8_t)v[K_BODY].num,
		.ret = (uint8_t)v[K_RET].num, .envid = v[K_ENVID].text,
	};

	m->msgid = (uint32_t)v[K_MSGID].num;
	return message_fill(m, &c, (int64_t)v[K_ARRIVAL].num) == 0;
}

static bool
take_recipient(struct message *m, const union value *v, bool relay)
{
	const struct ipc_envelope	 e = {
		.msgid = m->msgid, .evpid = v[K_EVPID].num,
		.ttl = (int64_t)v[K_TTL].num, .action = v[K_ACTION].text,
		.route_kind = relay ? ROUTE_RELAY : ROUTE_USER,
		.route = v[relay ? K_RELAY : K_USER].text,
		.rcpt = v[K_RCPT].text, .dest = v[K_DEST].text,
		.notify = (uint8_t)v[K_NOTIFY].num, .orcpt = v[K_ORCPT].text,
	};

	return message_add(m, &e) != NULL;
}

/* Where decoding stands: rows up to want are there; seen says which were in the text. */
struct progress {
	struct message	*msg;
	union value	 v[K_MAX];
	enum key	 want;
	uint32_t	 seen;
};

/* Rows up to k are left out, and what ends with them is taken.  False: one has to be there. */
static bool
skip_to(struct progress *p, enum key k)
{
	for (; p->want < k; p->want++) {
		if (!rows[p->want].optional)
			return false;
		p->v[p->want] = rows[p->want].kind == TEXT ?
		    (union value){ .text = SLICE("") } : (union value){ .num = 0 };
	}
	return true;
}

/* The head ends, or a recipient. */
static bool
end_part(struct progress *p)
{
	bool	 ok;

	if (p->want <= K_RECIPIENT)
		ok = skip_to(p, K_RECIPIENT) && take_head(p->msg, p->v);
	else
		ok = skip_to(p, K_MAX) &&
		    take_recipient(p->msg, p->v, p->seen & 1u << K_RELAY);
	p->want = K_RECIPIENT;
	p->seen = 0;
	return ok;
}

static bool
take_line(struct progress *p, enum key k, struct slice value, char **scratch)
{
	if (k == K_RECIPIENT && !end_part(p))
		return false;
	if (k < p->want || !skip_to(p, k) ||
	    !get_value(k, value, scratch, &p->v[k]))
		return false;
	p->seen |= 1u << k;
	p->want = k + 1;
	return true;
}

/* Rows in their order; false with errno where they are not. */
static bool
decode(struct message *m, struct slice text, char *scratch)
{
	struct progress	 p = { .msg = m };
	struct slice	 value;
	int		 k;

	while (text.n > 0) {
		errno = EINVAL;
		if ((k = next_line(&text, &value)) == -1)
			return false;
		if (k != K_MAX && !take_line(&p, (enum key)k, value, &scratch))
			return false;
	}
	errno = EINVAL;
	return p.want > K_RECIPIENT && end_part(&p);
}

struct message *
envelope_decode(struct slice text)
{
	struct message	*m = message_new(0);
	char		*scratch = malloc(text.n + 1);
	int		 saved;

	if (m != NULL && scratch != NULL && decode(m, text, scratch)) {
		free(scratch);
		return m;
	}
	saved = errno;
	if (m != NULL)
		message_free(m);
	free(scratch);
	errno = saved;
	return NULL;
}
