/* SPDX-License-Identifier: ISC */
/*
 * Verdicts and how they came about as text.
 */
#include <sys/socket.h>

#include <arpa/inet.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "lib/fcrdns_show.h"

#define SIZE_FIRST	512

static const char *const	 types[] = {
	[DNS_A]		= "A",
	[DNS_AAAA]	= "AAAA",
	[DNS_PTR]	= "PTR",
	[DNS_MX]	= "MX",
	[DNS_TXT]	= "TXT",
};

static const char *const	 statuses[] = {
	[DNS_OK]	= "ok",
	[DNS_NODATA]	= "no data",
	[DNS_NXDOMAIN]	= "no such name",
	[DNS_TEMPFAIL]	= "temporary failure",
	[DNS_BADNAME]	= "not a name",
};

/* By dns_answer.cached. */
static const char *const	 sources[] = { "the network", "the cache", "the hosts file" };

static void	put(struct fcrdns_show *, const char *, ...)
		    __attribute__((__format__(__printf__, 2, 3)));

static int
make_room(struct fcrdns_show *s, size_t n)
{
	size_t	 size = s->size == 0 ? SIZE_FIRST : s->size;
	char	*p;

	while (size - s->n <= n)
		size *= 2;
	if (size == s->size)
		return 0;
	if ((p = realloc(s->text, size)) == NULL) {
		s->error = errno;
		return -1;
	}
	s->text = p;
	s->size = size;
	return 0;
}

static void
put(struct fcrdns_show *s, const char *fmt, ...)
{
	va_list	 ap, again;
	int	 n;

	if (s->error != 0)
		return;
	va_start(ap, fmt);
	va_copy(again, ap);
	n = vsnprintf(s->text == NULL ? NULL : s->text + s->n, s->size - s->n, fmt, ap);
	va_end(ap);
	if (n < 0)
		s->error = errno;
	else if ((size_t)n < s->size - s->n)
		s->n += (size_t)n;
	else if (make_room(s, (size_t)n) == 0)
		s->n += (size_t)vsnprintf(s->text + s->n, s->size - s->n, fmt, again);
	va_end(again);
}

/* A name of DNS, or the text of an address: in JSON too it is what it is. */
static const char *
record_text(enum dns_type type, const struct dns_record *r, char *buf, socklen_t size)
{
	switch (type) {
	case DNS_A:
		return inet_ntop(AF_INET, &r->a, buf, size);
	case DNS_AAAA:
		return inet_ntop(AF_INET6, &r->aaaa, buf, size);
	default:
		return r->name;
	}
}

static int
is_alias(const struct fcrdns_step *step)
{
	return step->answer->n > 0 && step->answer->canonical[0] != '\0' &&
	    strcasecmp(step->answer->canonical, step->name) != 0;
}

void
fcrdns_show_step(struct fcrdns_show *s, const struct fcrdns_step *step, double ms)
{
	const struct dns_answer	*a = step->answer;
	const char		*type = types[step->type];
	char			 buf[INET6_ADDRSTRLEN];
	size_t			 i;

	put(s, "; %s. %s? %s", step->name, type, statuses[a->status]);
	if (a->error != NULL)
		put(s, ": %s", a->error);
	else
		put(s, ", ttl %u", a->ttl);
	if (a->cached != 0)
		put(s, ", from %s", sources[a->cached]);
	put(s, ", %.1f ms\n", ms);
	if (is_alias(step))
		put(s, ";\t%s.\t%u\tIN\tCNAME\t%s.\n", step->name, a->ttl, a->canonical);
	for (i = 0; i < a->n; i++)
		put(s, ";\t%s.\t%u\tIN\t%s\t%s%s\n",
		    is_alias(step) ? a->canonical : step->name, a->ttl, type,
		    record_text(step->type, &a->record[i], buf, sizeof(buf)),
		    step->type == DNS_PTR ? "." : "");
}

static void
put_json(struct fcrdns_show *s, const char *key, const char *value)
{
	put(s, "\"%s\":\"", key);
	for (; *value != '\0'; value++)
		if (*value == '"' || *value == '\\' || *value < 0x20 || *value > 0x7e)
			put(s, "\\u%04x", (unsigned char)*value);
		else
			put(s, "%c", *value);
	put(s, "\"");
}

void
fcrdns_show_json_step(struct fcrdns_show *s, const struct fcrdns_step *step, double ms)
{
	const struct dns_answer	*a = step->answer;
	char			 buf[INET6_ADDRSTRLEN];
	size_t			 i;

	put(s, s->n == 0 ? "{" : ",{");
	put_json(s, "question", step->name);
	put(s, ",\"type\":\"%s\",\"status\":\"%s\"", types[step->type], statuses[a->status]);
	if (a->error != NULL) {
		put(s, ",");
		put_json(s, "error", a->error);
	} else
		put(s, ",\"ttl\":%u", a->ttl);
	put(s, ",\"from\":\"%s\",\"ms\":%.1f", sources[a->cached], ms);
	if (is_alias(step)) {
		put(s, ",");
		put_json(s, "canonical", a->canonical);
	}
	put(s, ",\"answer\":[");
	for (i = 0; i < a->n; i++)
		put(s, "%s\"%s\"", i == 0 ? "" : ",",
		    record_text(step->type, &a->record[i], buf, sizeof(buf)));
	put(s, "]}");
}

void
fcrdns_show_json(struct fcrdns_show *s, const char *address,
    const struct fcrdns_result *r, const char *steps)
{
	put(s, "{");
	put_json(s, "address", address);
	put(s, ",\"verdict\":\"%s\"", iprev_names[r->verdict]);
	if (r->name[0] != '\0') {
		put(s, ",");
		put_json(s, "name", r->name);
	}
	if (r->error != NULL) {
		put(s, ",");
		put_json(s, "error", r->error);
	} else
		put(s, ",\"ttl\":%u", r->ttl);
	if (steps != NULL)
		put(s, ",\"steps\":[%s]", steps);
	put(s, "}\n");
}
