/* SPDX-License-Identifier: ISC */
/*
 * Envelopes as text, in the records of the spool: a line "key: value" each;
 * an evpid begins a recipient.  Control bytes and backslashes in values are
 * written as \ooo, so any byte may stand in any field.  Queue process.
 */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "smtpd/queue.h"

/* -- writing -- */

static void
put_value(FILE *f, const char *key, const char *value)
{
	const unsigned char	*p;

	fprintf(f, "%s: ", key);
	for (p = (const unsigned char *)value; *p != '\0'; p++)
		if (*p < 0x20 || *p == 0x7f || *p == '\\')
			fprintf(f, "\\%03o", *p);
		else
			putc(*p, f);
	putc('\n', f);
}

char *
envelope_encode(const struct message *m, size_t *n)
{
	char		*text = NULL;
	FILE		*f = open_memstream(&text, n);
	uint32_t	 i;
	int		 failed;

	if (f == NULL)
		return NULL;
	fprintf(f, "msgid: %08x\nsession: %016" PRIx64 "\narrival: %" PRId64 "\n",
	    m->msgid, m->session, m->arrival);
	fprintf(f, "size: %" PRIu64 "\nbig: %016" PRIx64 "\n", m->size, m->big);
	put_value(f, "sender", m->sender);
	put_value(f, "helo", m->helo);
	put_value(f, "src", m->src);
	for (i = 0; i < m->n; i++) {
		const struct envelope	*e = m->env[i];

		fprintf(f, "evpid: %016" PRIx64 "\nttl: %" PRId64 "\n", e->evpid,
		    e->ttl);
		put_value(f, "action", e->action);
		put_value(f, "user", e->user->name);
		put_value(f, "rcpt", e->rcpt);
		put_value(f, "dest", e->dest);
	}
	failed = ferror(f);
	if (fclose(f) == EOF || failed) {
		free(text);
		return NULL;
	}
	return text;
}

/* -- reading -- */

/* The three digits after a backslash. */
static bool
get_octal(struct slice s, char *out)
{
	unsigned	 v = 0;
	size_t		 i;

	if (s.n < 3)
		return false;
	for (i = 0; i < 3; i++) {
		if (s.p[i] < '0' || s.p[i] > '7')
			return false;
		v = v << 3 | (unsigned)(s.p[i] - '0');
	}
	*out = (char)v;
	return v > 0 && v <= UCHAR_MAX;
}

/* The value of a line, unescaped, malloc'd; NULL: malformed, or ENOMEM. */
static char *
get_value(struct slice s)
{
	char	*out = malloc(s.n + 1), *o = out;
	size_t	 i;

	if (out == NULL)
		return NULL;
	for (i = 0; i < s.n; i++)
		if (s.p[i] != '\\')
			*o++ = s.p[i];
		else if (get_octal(slice_make(s.p + i + 1, s.n - i - 1), o++))
			i += 3;
		else {
			free(out);
			return NULL;
		}
	*o = '\0';
	return out;
}

static bool
get_number(struct slice s, int base, uint64_t *v)
{
	char	 buf[32], *end;

	if (s.n == 0 || s.n >= sizeof(buf))
		return false;
	memcpy(buf, s.p, s.n);
	buf[s.n] = '\0';
	errno = 0;
	*v = strtoull(buf, &end, base);
	return *end == '\0' && errno == 0;
}

static bool
set_number(struct message *m, struct slice key, struct slice value)
{
	struct envelope	*e = m->n > 0 ? m->env[m->n - 1] : NULL;
	uint64_t	 v;

	if (slice_eq(key, SLICE("evpid")))
		return get_number(value, 16, &v) && message_add(m, v) != NULL;
	if (!get_number(value, slice_eq(key, SLICE("arrival")) ||
	    slice_eq(key, SLICE("size")) || slice_eq(key, SLICE("ttl")) ?
	    10 : 16, &v))
		return false;
	if (slice_eq(key, SLICE("msgid")))
		m->msgid = (uint32_t)v;
	else if (slice_eq(key, SLICE("session")))
		m->session = v;
	else if (slice_eq(key, SLICE("arrival")))
		m->arrival = (int64_t)v;
	else if (slice_eq(key, SLICE("size")))
		m->size = v;
	else if (slice_eq(key, SLICE("big")))
		m->big = v;
	else if (e != NULL)
		e->ttl = (int64_t)v;
	else
		return false;
	return true;
}

static bool
set_text(struct message *m, struct slice key, struct slice value)
{
	struct envelope	*e = m->n > 0 ? m->env[m->n - 1] : NULL;
	char		**to = NULL, *text;

	if (slice_eq(key, SLICE("sender")))
		to = &m->sender;
	else if (slice_eq(key, SLICE("helo")))
		to = &m->helo;
	else if (slice_eq(key, SLICE("src")))
		to = &m->src;
	else if (e != NULL && slice_eq(key, SLICE("action")))
		to = &e->action;
	else if (e != NULL && slice_eq(key, SLICE("rcpt")))
		to = &e->rcpt;
	else if (e != NULL && slice_eq(key, SLICE("dest")))
		to = &e->dest;
	if ((text = get_value(value)) == NULL)
		return false;
	if (to != NULL && *to == NULL) {
		*to = text;
		return true;
	}
	if (e != NULL && to == NULL && slice_eq(key, SLICE("user")))
		e->user = user_get(text);
	free(text);
	return to == NULL && (e == NULL || e->user != NULL);
}

static bool
is_number(struct slice key)
{
	static const char *const	 keys[] = { "msgid", "session",
	    "arrival", "size", "big", "evpid", "ttl" };
	size_t				 i;

	for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (slice_eq(key, slice_str(keys[i])))
			return true;
	return false;
}

static bool
whole(const struct message *m)
{
	uint32_t	 i;

	if (m->msgid == 0 || m->n == 0 || m->sender == NULL ||
	    m->helo == NULL || m->src == NULL)
		return false;
	for (i = 0; i < m->n; i++)
		if (m->env[i]->action == NULL || m->env[i]->user == NULL ||
		    m->env[i]->rcpt == NULL || m->env[i]->dest == NULL)
			return false;
	return true;
}

struct message *
envelope_decode(struct slice text)
{
	struct message	*m = message_new(0);
	struct slice	 key, value;
	const char	*lf, *colon;

	if (m == NULL)
		return NULL;
	while (text.n > 0) {
		lf = memchr(text.p, '\n', text.n);
		if (lf == NULL)
			break;
		colon = memchr(text.p, ':', lf - text.p);
		if (colon == NULL || colon + 1 == lf || colon[1] != ' ')
			break;
		key = slice_make(text.p, colon - text.p);
		value = slice_make(colon + 2, lf - colon - 2);
		if (is_number(key) ? !set_number(m, key, value) :
		    !set_text(m, key, value))
			break;
		text = slice_make(lf + 1, text.p + text.n - lf - 1);
	}
	if (text.n > 0 || !whole(m)) {
		message_free(m);
		return NULL;
	}
	return m;
}
