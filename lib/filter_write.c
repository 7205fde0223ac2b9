/* SPDX-License-Identifier: ISC */
/*
 * What a filter is told: the lines of the handshake, and requests.
 */
#include <stdio.h>

#include "lib/filter.h"
#include "lib/nitems.h"

/* -- requests: the hot path, one a line of a message -- */

static char *
put(char *p, const void *s, size_t n)
{
	if (n > 0)
		memcpy(p, s, n);
	return p + n;
}

static char *
put_str(char *p, const char *s)
{
	return put(p, s, strlen(s));
}

static char *
put_hex(char *p, uint64_t v)
{
	int	 i;

	for (i = 15; i >= 0; i--, v >>= 4)
		p[i] = "0123456789abcdef"[v & 15];
	p[16] = '|';
	return p + 17;
}

static char *
put_number(char *p, uint64_t v)
{
	char	 buf[20], *d = buf + sizeof(buf);

	do
		*--d = (char)('0' + v % 10);
	while ((v /= 10) != 0);
	return put(p, d, (size_t)(buf + sizeof(buf) - d));
}

static char *
put_time(char *p, enum dialect d, uint64_t us)
{
	uint64_t	 fraction = us % 1000000;
	int		 i;

	p = put_number(p, us / 1000000);
	if (d <= DIALECT_1)
		return p;
	*p = '.';
	for (i = 6; i > 0; i--, fraction /= 10)
		p[i] = (char)('0' + fraction % 10);
	return p + 7;
}

/* With the first names of 2018 in the founding form. */
static const char *
phase_name(const struct filter_request *r)
{
	return r->phase == PHASE_CONNECT && r->dialect <= DIALECT_1 ?
	    filter_phases[r->phase].reported : filter_phases[r->phase].name;
}

static bool
has_rdns(const struct filter_request *r)
{
	return r->phase == PHASE_CONNECT || (r->dialect <= DIALECT_1 &&
	    (r->phase == PHASE_HELO || r->phase == PHASE_EHLO));
}

size_t
filter_request_write(char *buf, size_t size, const struct filter_request *r)
{
	char	*p = buf, *end = buf + size - 1;
	size_t	 room;

	p = put_str(p, "filter|");
	p = put_str(p, dialect_names[r->dialect]);
	*p++ = '|';
	p = put_time(p, r->dialect, r->time);
	p = put_str(p, "|smtp-in|");
	p = put_str(p, phase_name(r));
	*p++ = '|';
	p = put_hex(p, r->session);
	if (filter_has_token(r->dialect))
		p = put_hex(p, r->token);
	if (has_rdns(r)) {
		room = (size_t)(end - p) - 1;
		p = put(p, r->rdns.p, r->rdns.n < room ? r->rdns.n : room);
		*p++ = '|';
	}
	room = (size_t)(end - p);
	p = put(p, r->param.p, r->param.n < room ? r->param.n : room);
	*p++ = '\n';
	return (size_t)(p - buf);
}

/* -- the handshake -- */

size_t
filter_config_write(char *buf, size_t size, enum dialect d, const struct filter_config *c)
{
	char	 timeout[16];
	const struct {
		enum dialect	 since;
		const char	*key, *value;	/* NULL: there is nothing to say */
	} lines[] = {
		{ DIALECT_0_4,	"smtpd-version",	c->version },
		{ DIALECT_0_7,	"protocol",		dialect_names[d] },
		{ DIALECT_0,	"smtp-session-timeout",	timeout },
		{ DIALECT_0_5,	"subsystem",		c->in ? "smtp-in" : NULL },
		{ DIALECT_0_5,	"subsystem",		c->out ? "smtp-out" : NULL },
		{ DIALECT_0_6,	"admd",			c->admd },
		{ DIALECT_0,	"ready",		"" },
	};
	size_t	 i, n = 0;
	int	 len;

	if (!filter_has_handshake(d))
		return 0;
	snprintf(timeout, sizeof(timeout), "%u", c->timeout);
	for (i = 0; i < nitems(lines); i++) {
		if (d < lines[i].since || lines[i].value == NULL)
			continue;
		len = snprintf(buf + n, size - n, "config|%s%s%s\n", lines[i].key,
		    lines[i].value[0] != '\0' ? "|" : "", lines[i].value);
		if (len > 0 && (size_t)len < size - n)
			n += (size_t)len;
	}
	return n;
}
